#include "mongodb/document.h"

#include <stdlib.h>
#include <string.h>

/* What pending() gathers: documents of all collections, in memory until it returns. */
struct page {
    ecom_str origin;
    int64_t before_ms;
    uint32_t limit;
    size_t bytes;
    struct kept {
        bson_t *doc;
        const char *collection;
        int spoilt; /* one of its events cannot be read: those behind it must not overtake it */
    } * docs;
    size_t ndocs, docs_room;
    struct event {
        int64_t number;
        uint32_t doc;
        bson_iter_t at;
    } * events;
    size_t nevents, events_room;
};

enum { MOST_BYTES = 32 << 20, COMPLAIN_EVERY_US = 60000000 };

/* The end of the year 9999: some tools and servers know no later dates. */
static const int64_t last_ms = INT64_C(253402300799999);

static void page_clear(struct page *page)
{
    for (size_t i = 0; i < page->ndocs; i++)
        bson_destroy(page->docs[i].doc);
    free(page->docs);
    free(page->events);
}

static int grow(void **items, size_t *room, size_t n, size_t size)
{
    if (n < *room)
        return ECOM_OK;
    size_t more = *room ? *room * 2 : 64;
    void *grown = realloc(*items, more * size);
    if (!grown)
        return ECOM_E_NOMEM;
    *items = grown;
    *room = more;
    return ECOM_OK;
}

static int event_order(const void *a, const void *b)
{
    const struct event *x = a, *y = b;

    if (x->number != y->number)
        return x->number < y->number ? -1 : 1;
    return x->doc < y->doc ? -1 : x->doc > y->doc;
}

/* Truth: the document has an event of this handle, or one that is old enough. `waits` may be
 * older than all that still wait, so the server's answer is a guess. */
static int asked_for(const struct page *page, const bson_iter_t *array)
{
    bson_iter_t at = *array, part;

    while (bson_iter_next(&at)) {
        if (!BSON_ITER_HOLDS_DOCUMENT(&at))
            continue;
        if (bson_iter_recurse(&at, &part) && bson_iter_find(&part, "by") &&
            ecom_str_eq(ecom__mdb_bytes(&part), page->origin))
            return 1;
        if (bson_iter_recurse(&at, &part) && bson_iter_find(&part, "since") &&
            BSON_ITER_HOLDS_DATE_TIME(&part) && bson_iter_date_time(&part) < page->before_ms)
            return 1;
    }
    return 0;
}

static int keep_events(struct page *page, bson_iter_t *array)
{
    while (bson_iter_next(array)) {
        bson_iter_t number;
        if (grow((void **)&page->events, &page->events_room, page->nevents, sizeof(*page->events)) <
            0)
            return ECOM_E_NOMEM;
        struct event *event = &page->events[page->nevents];
        *event = (struct event){.doc = (uint32_t)page->ndocs - 1, .at = *array};
        if (BSON_ITER_HOLDS_DOCUMENT(array) && bson_iter_recurse(array, &number) &&
            bson_iter_find(&number, "n") && BSON_ITER_HOLDS_NUMBER(&number))
            event->number = bson_iter_as_int64(&number);
        page->nevents++;
    }
    return ECOM_OK;
}

static int keep(struct page *page, const char *collection, const bson_t *doc)
{
    bson_iter_t at, array;

    if (grow((void **)&page->docs, &page->docs_room, page->ndocs, sizeof(*page->docs)) < 0)
        return ECOM_E_NOMEM;
    bson_t *copy = bson_copy(doc);
    if (!bson_iter_init_find(&at, copy, "outbox") || !BSON_ITER_HOLDS_ARRAY(&at) ||
        !bson_iter_recurse(&at, &array) || !asked_for(page, &array)) {
        bson_destroy(copy);
        return ECOM_OK;
    }
    page->docs[page->ndocs++] = (struct kept){.doc = copy, .collection = collection};
    page->bytes += copy->len;
    return keep_events(page, &array);
}

/* Enough, when so many events wait before the first of the next document. */
static int is_enough(struct page *page, const bson_t *next)
{
    if (page->bytes > MOST_BYTES)
        return 1;
    if (page->nevents < page->limit)
        return 0;
    int64_t from = ecom__mdb_number(next, "waits");
    size_t before = 0;
    for (size_t i = 0; i < page->nevents; i++)
        before += page->events[i].number < from;
    return before >= page->limit;
}

static bson_t *pending_filter(const struct page *page)
{
    bson_t *filter = bson_new(), part, either, one;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "waits", &part);
    BSON_APPEND_INT64(&part, "$gt", 0);
    bson_append_document_end(filter, &part);
    ecom__bson_array_begin(filter, "$or", -1, &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
    bson_append_utf8(&one, "outbox.by", -1, page->origin.p, (int)page->origin.n);
    bson_append_document_end(&either, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "outbox.since", &part);
    BSON_APPEND_DATE_TIME(&part, "$lt", page->before_ms);
    bson_append_document_end(&one, &part);
    bson_append_document_end(&either, &one);
    bson_append_array_end(filter, &either);
    return filter;
}

static int gather(ecom__mdb_use *use, struct page *page, const char *collection, ecom_error *err)
{
    const bson_t *doc;
    bson_error_t cause;
    int r = ECOM_OK, enough = 0;
    bson_t *filter = pending_filter(page);
    bson_t *opts =
        BCON_NEW("sort", "{", "waits", BCON_INT32(1), "}", "limit", BCON_INT64(page->limit),
                 "projection", "{", "waits", BCON_INT32(1), "outbox", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(use->collection, filter, opts, NULL);
    while (r == ECOM_OK && !enough && mongoc_cursor_next(cursor, &doc)) {
        enough = is_enough(page, doc);
        if (!enough && keep(page, collection, doc) < 0)
            r = ecom_fail(err, ECOM_E_NOMEM, "no memory for events that wait");
    }
    if (r == ECOM_OK && !enough && mongoc_cursor_error(cursor, &cause))
        r = ecom__mdb_fail(&cause, err);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(filter);
    return r;
}

/* The first look of a relay comes soon after the start: it makes indexes that are missing. */
static int look_into(ecom__mdb *db, struct page *page, const char *collection, int64_t until_us,
                     ecom_error *err)
{
    ecom__mdb_use use = {0};
    int r = ecom__mdb_take(db, collection, until_us, &use, err);

    if (r < 0)
        return r;
    if ((r = ecom__mdb_prepare(db, &use, collection, err)) == ECOM_OK &&
        (r = ecom__mdb_check_time(db, until_us, err)) == ECOM_OK)
        r = gather(&use, page, collection, err);
    ecom__mdb_give(db, &use);
    return r;
}

/* Its caller's name of a collection. */
static ecom_str caller_name(const char *collection)
{
    return ecom_str_of(collection + (collection[0] == '%'));
}

static int tell_one(const struct page *page, const struct event *event, ecom_buf *token,
                    ecom_pending_fn row, void *user, int *stop, ecom_error *err)
{
    const struct kept *kept = &page->docs[event->doc];
    ecom_header headers[ECOM_BUS_MAX_HEADERS];
    ecom_pending out = {.collection = caller_name(kept->collection)};
    bson_iter_t at;
    int64_t number;
    ecom_str by = {NULL, 0};
    int r = ecom__mdb_read_event(&event->at, &number, &out, headers, err);

    if (r < 0)
        return r;
    if (bson_iter_recurse(&event->at, &at) && bson_iter_find(&at, "by"))
        by = ecom__mdb_bytes(&at);
    if (!bson_iter_init_find(&at, kept->doc, "_id") || !(out.id = ecom__mdb_bytes(&at)).n)
        return ecom_fail(err, ECOM_E_CORRUPT, "events wait in a document whose _id is no string");
    if (ecom__mdb_token(token, kept->collection, out.id, number, by) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a token");
    out.token = ecom_buf_str(token);
    *stop = row(user, &out) != 0;
    return ECOM_OK;
}

/* Once a minute, for a relay looks often. */
static void complain(ecom__mdb *db, const struct kept *kept, const ecom_error *why)
{
    const int64_t now_us = db->env->monotonic_us(db->env->self);
    bson_iter_t at;
    ecom_str id = {NULL, 0};

    pthread_mutex_lock(&db->lock);
    int due = db->complained_us < 0 || now_us - db->complained_us >= COMPLAIN_EVERY_US;
    if (due)
        db->complained_us = now_us;
    pthread_mutex_unlock(&db->lock);
    if (!due)
        return;
    if (bson_iter_init_find(&at, kept->doc, "_id"))
        id = ecom__mdb_bytes(&at);
    const ecom_log_field fields[] = {{"collection", caller_name(kept->collection), 0},
                                     {"id", id, 0},
                                     {"error", ecom_str_of(why->text), 0}};
    ecom_log_write(db->log, ECOM_LOG_ERROR,
                   "outbox: an event cannot be read; its document waits until it is mended", fields,
                   sizeof(fields) / sizeof(fields[0]));
}

/* Documents are in many hands: one that somebody has spoilt must not hold up the others. */
static int tell(ecom__mdb *db, struct page *page, ecom_pending_fn row, void *user, ecom_error *err)
{
    ecom_buf token = {0};
    ecom_error why;
    uint32_t told = 0;
    int r = ECOM_OK, stop = 0;

    if (page->nevents)
        qsort(page->events, page->nevents, sizeof(*page->events), event_order);
    for (size_t i = 0; r == ECOM_OK && !stop && i < page->nevents && told < page->limit; i++) {
        struct kept *kept = &page->docs[page->events[i].doc];
        if (kept->spoilt)
            continue;
        r = tell_one(page, &page->events[i], &token, row, user, &stop, &why);
        told += r == ECOM_OK;
        if (r == ECOM_E_CORRUPT) {
            kept->spoilt = 1;
            complain(db, kept, &why);
            r = ECOM_OK;
        }
    }
    ecom_buf_free(&token);
    if (r < 0 && err)
        *err = why;
    return r;
}

static int list(ecom__mdb *db, int64_t until_us, char (**names)[ECOM__MDB_NAME], size_t *n,
                ecom_error *err)
{
    *names = malloc(ECOM__MDB_MAX_COLLECTIONS * sizeof(**names));
    if (!*names)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for names of collections");
    int r = ecom__mdb_list(db, until_us, *names, n, err);
    if (r < 0)
        free(*names);
    return r;
}

int ecom__mdb_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                      ecom_pending_fn row, void *user, ecom_error *err)
{
    ecom__mdb *db = self;
    struct page page = {
        .origin = origin, .before_ms = before_ms < last_ms ? before_ms : last_ms, .limit = limit};
    char(*names)[ECOM__MDB_NAME];
    int64_t until_us = ecom__mdb_until(db);
    size_t n = 0;
    int r = list(db, until_us, &names, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == ECOM_OK && i < n; i++)
        r = look_into(db, &page, names[i], until_us, err);
    if (r == ECOM_OK)
        r = tell(db, &page, row, user, err);
    page_clear(&page);
    free(names);
    return r;
}

static int count(ecom__mdb *db, const char *collection, int64_t until_us, uint64_t *total,
                 int64_t *oldest_ms, ecom_error *err)
{
    ecom__mdb_use use = {0};
    bson_iter_t at;
    int r = ecom__mdb_take(db, collection, until_us, &use, err);

    if (r < 0)
        return r;
    /* clang-format off */
    bson_t *stages = BCON_NEW("pipeline", "[",
        "{", "$match", "{", "waits", "{", "$gt", BCON_INT64(0), "}", "}", "}",
        "{", "$unwind", BCON_UTF8("$outbox"), "}",
        "{", "$group", "{", "_id", BCON_NULL, "n", "{", "$sum", BCON_INT32(1), "}",
                       "oldest", "{", "$min", BCON_UTF8("$outbox.since"), "}", "}", "}", "]");
    /* clang-format on */
    mongoc_cursor_t *cursor =
        mongoc_collection_aggregate(use.collection, MONGOC_QUERY_NONE, stages, NULL, NULL);
    const bson_t *doc = ecom__mdb_first(cursor, &use, &r, err);
    if (doc) {
        *total += (uint64_t)ecom__mdb_number(doc, "n");
        if (bson_iter_init_find(&at, doc, "oldest") && BSON_ITER_HOLDS_DATE_TIME(&at) &&
            (*oldest_ms == 0 || bson_iter_date_time(&at) < *oldest_ms))
            *oldest_ms = bson_iter_date_time(&at);
    }
    mongoc_cursor_destroy(cursor);
    bson_destroy(stages);
    ecom__mdb_give(db, &use);
    return r;
}

int ecom__mdb_backlog(void *self, uint64_t *total, int64_t *oldest_ms, ecom_error *err)
{
    ecom__mdb *db = self;
    char(*names)[ECOM__MDB_NAME];
    uint64_t waiting = 0;
    int64_t oldest = 0;
    int64_t until_us = ecom__mdb_until(db);
    size_t n = 0;
    int r = list(db, until_us, &names, &n, err);

    if (r < 0)
        return r;
    for (size_t i = 0; r == ECOM_OK && i < n; i++)
        r = count(db, names[i], until_us, &waiting, &oldest, err);
    free(names);
    if (r == ECOM_OK) {
        *total = waiting;
        *oldest_ms = oldest;
    }
    return r;
}
