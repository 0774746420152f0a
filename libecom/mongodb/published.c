#include "mongodb/document.h"

#include <stdlib.h>
#include <string.h>

/* A token: the collection and the document, each with a NUL behind it, the event's number, and who
 * wrote it: of one writer no two events have a number. */
struct token {
    ecom_str collection, id, by;
    int64_t number;
    int told, left; /* part of a statement; its document still has events */
};

enum { MOST_AT_ONCE = 32 }; /* documents of a command that has three statements for each */

int ecom__mdb_token(ecom_buf *token, const char *collection, ecom_str id, int64_t number,
                    ecom_str by)
{
    token->n = 0;
    if (ecom_buf_append(token, (ecom_str){collection, strlen(collection) + 1}) < 0 ||
        ecom_buf_append(token, id) < 0 || ecom_buf_append(token, (ecom_str){"", 1}) < 0 ||
        ecom_buf_append(token, (ecom_str){(const char *)&number, sizeof(number)}) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(token, by);
}

static int read_token(ecom_str bytes, struct token *token)
{
    const char *end = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;

    if (!end || end == bytes.p)
        return 0;
    token->collection = (ecom_str){bytes.p, (size_t)(end - bytes.p)};
    bytes = (ecom_str){end + 1, bytes.n - token->collection.n - 1};
    end = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;
    if (!end || end == bytes.p || bytes.n - (size_t)(end - bytes.p) - 1 < sizeof(token->number))
        return 0;
    token->id = (ecom_str){bytes.p, (size_t)(end - bytes.p)};
    memcpy(&token->number, end + 1, sizeof(token->number));
    end += 1 + sizeof(token->number);
    token->by = (ecom_str){end, bytes.n - (size_t)(end - bytes.p)};
    token->told = token->left = 0;
    return token->collection.n < ECOM__MDB_NAME && token->id.n <= ECOM_STORE_MAX_ID;
}

static int token_order(const void *a, const void *b)
{
    const struct token *x = a, *y = b;
    int r = ecom_str_cmp(x->collection, y->collection);

    r = r ? r : ecom_str_cmp(x->id, y->id);
    return r ? r : (x->number > y->number) - (x->number < y->number);
}

static void append_numbers(bson_t *to, const char *name, const struct token *tokens, size_t n)
{
    bson_t array;
    char number[16];

    ecom__bson_array_begin(to, name, -1, &array);
    for (size_t i = 0; i < n; i++) {
        const char *index;
        size_t length = bson_uint32_to_string((uint32_t)i, &index, number, sizeof(number));
        bson_append_int64(&array, index, (int)length, tokens[i].number);
    }
    bson_append_array_end(to, &array);
}

static void append_live(bson_t *filter, int gone)
{
    if (gone)
        BSON_APPEND_BOOL(filter, "gone", true);
    else
        BSON_APPEND_NULL(filter, "gone"); /* or not there at all */
}

/* A filter for the document of a token, as long as it is there, or is removed. */
static bson_t *doc_filter(const struct token *token, int gone)
{
    bson_t *filter = bson_new();

    bson_append_utf8(filter, "_id", -1, token->id.p, (int)token->id.n);
    append_live(filter, gone);
    return filter;
}

static void append_size(bson_t *filter, size_t n)
{
    bson_t part;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "outbox", &part);
    BSON_APPEND_INT32(&part, "$size", (int32_t)n);
    bson_append_document_end(filter, &part);
}

static void append_in(bson_t *filter, const char *name, const char *operator,
                      const struct token * tokens, size_t n)
{
    bson_t part;

    BSON_APPEND_DOCUMENT_BEGIN(filter, name, &part);
    append_numbers(&part, operator, tokens, n);
    bson_append_document_end(filter, &part);
}

static bson_t *nothing_waits(void)
{
    return BCON_NEW("$unset", "{", "outbox", BCON_UTF8(""), "waits", BCON_UTF8(""), "}");
}

/* How many of these tokens, in order, are of the first one's document, or its collection. */
static size_t run_of(const struct token *tokens, size_t n, int same_doc)
{
    size_t i = 1;

    while (i < n && ecom_str_eq(tokens[i].collection, tokens->collection) &&
           (!same_doc || ecom_str_eq(tokens[i].id, tokens->id)))
        i++;
    return i;
}

/* These events are all that wait in a document that is there. */
static void forget_all_of(mongoc_bulk_operation_t *bulk, struct token *tokens, size_t n)
{
    bson_t *filter = doc_filter(tokens, 0), *update = nothing_waits();

    append_size(filter, n);
    append_in(filter, "outbox.n", "$all", tokens, n);
    mongoc_bulk_operation_update_one(bulk, filter, update, false);
    bson_destroy(update);
    bson_destroy(filter);
    for (size_t i = 0; i < n; i++)
        tokens[i].told = 1;
}

/* As nearly always, each document has one event, and it goes: one statement for all that the same
 * handle wrote, which costs a server far less than one each. The writer and the number together
 * are of one event and no other. */
static void forget_the_only(mongoc_bulk_operation_t *bulk, struct token *tokens, size_t n)
{
    const ecom_str by = tokens->by;
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER, numbers = BSON_INITIALIZER, in;
    bson_t *update = nothing_waits();
    char number[16];
    uint32_t count = 0;

    for (size_t i = 0; i < n; i++) {
        const char *index;
        if (tokens[i].told || !ecom_str_eq(tokens[i].by, by))
            continue;
        tokens[i].told = 1;
        int length = (int)bson_uint32_to_string(count, &index, number, sizeof(number));
        bson_append_int64(&numbers, index, length, tokens[i].number);
        ecom__mdb_append_id(&ids, count++, tokens[i].id);
    }
    ecom__mdb_append_any_of(&filter, &ids);
    append_live(&filter, 0);
    append_size(&filter, 1);
    ecom__mdb_append_bytes(&filter, "outbox.by", by);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "outbox.n", &in);
    BSON_APPEND_ARRAY(&in, "$in", &numbers);
    bson_append_document_end(&filter, &in);
    mongoc_bulk_operation_update_many_with_opts(bulk, &filter, update, NULL, NULL);
    bson_destroy(update);
    bson_destroy(&numbers);
    bson_destroy(&ids);
    bson_destroy(&filter);
}

static void forget_all(mongoc_bulk_operation_t *bulk, struct token *tokens, size_t n,
                       int64_t now_ms)
{
    (void)now_ms;
    for (size_t i = 0, run; i < n; i += run) {
        run = run_of(tokens + i, n - i, 1);
        tokens[i].told = 0; /* of another try */
        if (run > 1)
            forget_all_of(bulk, tokens + i, run);
    }
    for (size_t i = 0; i < n; i++)
        if (!tokens[i].told)
            forget_the_only(bulk, tokens + i, n - i);
}

/* Otherwise exactly these go, and then the outbox, if it is empty. A document that was removed is
 * kept for a while from then on. */
static void forget_some_of(mongoc_bulk_operation_t *bulk, const struct token *tokens, size_t n,
                           int64_t now_ms)
{
    bson_t some = BSON_INITIALIZER, pull = BSON_INITIALIZER, part, outbox, date;

    bson_append_utf8(&some, "_id", -1, tokens->id.p, (int)tokens->id.n);
    append_in(&some, "outbox.n", "$in", tokens, n);
    BSON_APPEND_DOCUMENT_BEGIN(&pull, "$pull", &part);
    BSON_APPEND_DOCUMENT_BEGIN(&part, "outbox", &outbox);
    append_in(&outbox, "n", "$in", tokens, n);
    bson_append_document_end(&part, &outbox);
    bson_append_document_end(&pull, &part);
    mongoc_bulk_operation_update_one(bulk, &some, &pull, false);
    bson_destroy(&pull);
    bson_destroy(&some);
    for (int gone = 0; gone <= 1; gone++) {
        bson_t *none = doc_filter(tokens, gone), *update = nothing_waits();
        append_size(none, 0);
        if (gone) {
            BSON_APPEND_DOCUMENT_BEGIN(update, "$set", &date);
            BSON_APPEND_DATE_TIME(&date, "removed", now_ms);
            bson_append_document_end(update, &date);
        }
        mongoc_bulk_operation_update_one(bulk, none, update, false);
        bson_destroy(update);
        bson_destroy(none);
    }
}

static void forget_some(mongoc_bulk_operation_t *bulk, struct token *tokens, size_t n,
                        int64_t now_ms)
{
    for (size_t i = 0, run; i < n; i += run) {
        run = run_of(tokens + i, n - i, 1);
        forget_some_of(bulk, tokens + i, run, now_ms);
    }
}

typedef void (*forget_fn)(mongoc_bulk_operation_t *bulk, struct token *tokens, size_t n,
                          int64_t now_ms);

static int execute_once(ecom__mdb *db, ecom__mdb_use *use, struct token *tokens, size_t n,
                        forget_fn forget, int64_t *matched, ecom_error *err)
{
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(use->collection, NULL);
    bson_error_t cause = {0};
    bson_t reply;
    int r = ECOM_OK;

    forget(bulk, tokens, n, ecom_env_now_ms(db->env));
    if (!mongoc_bulk_operation_execute(bulk, &reply, &cause))
        r = ecom__mdb_fail_in(use, &cause, err);
    else
        *matched = ecom__mdb_number(&reply, "nMatched");
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    return r;
}

/* Twice the same is harmless, so that it may be done again: a statement for many documents the
 * driver does not try twice. @param matched  out: how many documents that was right for. */
static int execute(ecom__mdb *db, ecom__mdb_use *use, struct token *tokens, size_t n,
                   forget_fn forget, int64_t *matched, ecom_error *err)
{
    int r = ecom__mdb_check_time(db, use->until_us - db->longest_us, err), tries = 0;

    if (r < 0)
        return r;
    do {
        use->broken = 0;
        r = execute_once(db, use, tokens, n, forget, matched, err);
    } while (r < 0 && use->broken && ++tries < 2 &&
             ecom__mdb_check_time(db, use->until_us - db->longest_us, NULL) == ECOM_OK);
    return r;
}

static int id_order(const void *a, const void *b)
{
    return ecom_str_cmp(((const struct token *)a)->id, ((const struct token *)b)->id);
}

/* Marks the tokens of the documents in which something waits. Any of a document's will do: its
 * others lie beside it. */
static int find_left_once(ecom__mdb_use *use, struct token *tokens, size_t n, ecom_error *err)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER, in;
    const bson_t *doc;
    bson_error_t cause;
    int r = ECOM_OK;

    for (size_t i = 0; i < n; i++)
        ecom__mdb_append_id(&ids, (uint32_t)i, tokens[i].id);
    ecom__mdb_append_any_of(&filter, &ids);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "waits", &in);
    BSON_APPEND_INT64(&in, "$gt", 0);
    bson_append_document_end(&filter, &in);
    bson_t *opts = BCON_NEW("projection", "{", "_id", BCON_INT32(1), "}", "batchSize",
                            BCON_INT32(ECOM_STORE_MAX_PAGE + 1));
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(use->collection, &filter, opts, NULL);
    while (mongoc_cursor_next(cursor, &doc)) {
        bson_iter_t at;
        struct token key = {0}, *found;
        if (!bson_iter_init_find(&at, doc, "_id"))
            continue;
        key.id = ecom__mdb_bytes(&at);
        if ((found = bsearch(&key, tokens, n, sizeof(*tokens), id_order)))
            found->left = 1;
    }
    if (mongoc_cursor_error(cursor, &cause))
        r = ecom__mdb_fail_in(use, &cause, err);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&ids);
    bson_destroy(&filter);
    return r;
}

/* Moves the tokens of the documents in which something waits to the front. */
static int find_left(ecom__mdb *db, ecom__mdb_use *use, struct token *tokens, size_t *n,
                     ecom_error *err)
{
    size_t left = 0;
    int r = ecom__mdb_check_time(db, use->until_us, err);

    if (r < 0 || (r = find_left_once(use, tokens, *n, err)) < 0)
        return r;
    for (size_t i = 0, run; i < *n; i += run) {
        int some = 0;
        run = run_of(tokens + i, *n - i, 1);
        for (size_t k = i; k < i + run; k++)
            some |= tokens[k].left;
        for (size_t k = i; some && k < i + run; k++)
            tokens[left++] = tokens[k];
    }
    *n = left;
    return ECOM_OK;
}

/* So many tokens, in order, as belong to MOST_AT_ONCE documents. */
static size_t part_of(const struct token *tokens, size_t n)
{
    size_t i = 0;

    for (int docs = 0; i < n && docs < MOST_AT_ONCE; docs++)
        i += run_of(tokens + i, n - i, 1);
    return i;
}

/* Tokens of one collection, in order. */
static int forget(ecom__mdb *db, struct token *tokens, size_t n, int64_t until_us, ecom_error *err)
{
    ecom__mdb_use use = {0};
    char name[ECOM__MDB_NAME] = "";
    int64_t docs = 0, matched = 0;

    for (size_t i = 0; i < n; i += run_of(tokens + i, n - i, 1))
        docs++;
    memcpy(name, tokens->collection.p, tokens->collection.n);
    int r = ecom__mdb_take(db, name, until_us, &use, err);
    if (r < 0)
        return r;
    r = execute(db, &use, tokens, n, forget_all, &matched, err);
    if (r == ECOM_OK && matched < docs)
        r = find_left(db, &use, tokens, &n, err);
    else
        n = 0;
    for (size_t i = 0, part; r == ECOM_OK && i < n; i += part) {
        part = part_of(tokens + i, n - i);
        r = execute(db, &use, tokens + i, part, forget_some, &matched, err);
    }
    ecom__mdb_give(db, &use);
    return r;
}

int ecom__mdb_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    struct token *read = malloc(n * sizeof(*read));
    size_t known = 0;
    int64_t until_us = ecom__mdb_until(self);
    int r = ECOM_OK;

    if (!read)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for %zu tokens", n);
    for (size_t i = 0; i < n; i++)
        known += (size_t)read_token(tokens[i], &read[known]);
    qsort(read, known, sizeof(*read), token_order);
    for (size_t i = 0, run; r == ECOM_OK && i < known; i += run) {
        run = run_of(read + i, known - i, 0);
        r = forget(self, read + i, run, until_us, err);
    }
    free(read);
    return r;
}
