#include "mongodb/document.h"

#include <stdlib.h>
#include <string.h>

/* A token: the collection and the document, each with a NUL behind it, and the event's number. */
struct token {
    ecom_str collection, id;
    int64_t number;
};

int ecom__mdb_token(ecom_buf *token, const char *collection, ecom_str id, int64_t number)
{
    token->n = 0;
    if (ecom_buf_append(token, (ecom_str){collection, strlen(collection) + 1}) < 0 ||
        ecom_buf_append(token, id) < 0 || ecom_buf_append(token, (ecom_str){"", 1}) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(token, (ecom_str){(const char *)&number, sizeof(number)});
}

static int read_token(ecom_str bytes, struct token *token)
{
    const char *end = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;

    if (!end || end == bytes.p)
        return 0;
    token->collection = (ecom_str){bytes.p, (size_t)(end - bytes.p)};
    bytes = (ecom_str){end + 1, bytes.n - token->collection.n - 1};
    end = bytes.n ? memchr(bytes.p, '\0', bytes.n) : NULL;
    if (!end || end == bytes.p || bytes.n - (size_t)(end - bytes.p) - 1 != sizeof(token->number))
        return 0;
    token->id = (ecom_str){bytes.p, (size_t)(end - bytes.p)};
    memcpy(&token->number, end + 1, sizeof(token->number));
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

/* A filter for the document of a token, as long as it is there, or is removed. */
static bson_t *doc_filter(const struct token *token, int gone)
{
    bson_t *filter = bson_new();

    bson_append_utf8(filter, "_id", -1, token->id.p, (int)token->id.n);
    if (gone)
        BSON_APPEND_BOOL(filter, "gone", true);
    else
        BSON_APPEND_NULL(filter, "gone"); /* or not there at all */
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

/* As nearly always, these events are all that wait in a document that is there. */
static void forget_all(mongoc_bulk_operation_t *bulk, const struct token *tokens, size_t n)
{
    bson_t *filter = doc_filter(tokens, 0), *update = nothing_waits();

    append_size(filter, n);
    append_in(filter, "outbox.n", "$all", tokens, n);
    mongoc_bulk_operation_update_one(bulk, filter, update, false);
    bson_destroy(update);
    bson_destroy(filter);
}

/* Otherwise exactly these go, and then the outbox, if it is empty. A document that was removed is
 * kept for a while from then on. */
static void forget_some(mongoc_bulk_operation_t *bulk, const struct token *tokens, size_t n,
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

/* How many of these tokens, in order, are of the first one's document, or its collection. */
static size_t run_of(const struct token *tokens, size_t n, int same_doc)
{
    size_t i = 1;

    while (i < n && ecom_str_eq(tokens[i].collection, tokens->collection) &&
           (!same_doc || ecom_str_eq(tokens[i].id, tokens->id)))
        i++;
    return i;
}

/* @param some  0: forget_all(). @param matched  out, nullable: how many documents that was right
 * for. Twice the same is harmless, so that it may fail and be done again. */
static int execute(ecom__mdb *db, ecom__mdb_use *use, const struct token *tokens, size_t n,
                   int some, int64_t *matched, ecom_error *err)
{
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(use->collection, NULL);
    bson_error_t cause;
    bson_t reply;
    int r = ECOM_OK;

    for (size_t i = 0, run; i < n; i += run) {
        run = run_of(tokens + i, n - i, 1);
        if (some)
            forget_some(bulk, tokens + i, run, ecom_env_now_ms(db->env));
        else
            forget_all(bulk, tokens + i, run);
    }
    if (!mongoc_bulk_operation_execute(bulk, &reply, &cause))
        r = ecom__mdb_fail(&cause, err);
    else if (matched)
        *matched = ecom__mdb_number(&reply, "nMatched");
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    return r;
}

/* Tokens of one collection, in order. */
static int forget(ecom__mdb *db, const struct token *tokens, size_t n, int64_t until_us,
                  ecom_error *err)
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
    r = execute(db, &use, tokens, n, 0, &matched, err);
    if (r == ECOM_OK && matched < docs &&
        (r = ecom__mdb_check_time(db, until_us - db->longest_us, err)) == ECOM_OK)
        r = execute(db, &use, tokens, n, 1, NULL, err);
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
