#include "mongodb/document.h"

/* A connection that broke is worth one more try: the server may have been started again since it
 * was made. */
static int is_worth_another(const ecom__mdb *db, const ecom__mdb_use *use, int tries)
{
    return tries == 1 && use->broken && ecom__mdb_check_time(db, use->until_us, NULL) == ECOM_OK;
}

/* A find under way. By an index's range a row's document is wrapped by $unwind: its `keys` is then
 * the one that was found. */
struct find {
    const ecom__mdb *db;
    ecom__mdb_use *use;
    const ecom_query *query;
    ecom_row_fn row;
    void *user;
    ecom_buf from, to, after, value, doc; /* keys, and what a row borrows */
    uint32_t n;
    int more, stopped;
};

static ecom_str key_in(const bson_t *doc, const struct find *find)
{
    bson_iter_t at;

    if (find->query->from.n && ecom_str_eq(find->query->from, find->query->to))
        return ecom_buf_str(&find->from);
    return bson_iter_init_find(&at, doc, "keys") ? ecom__mdb_bytes(&at) : (ecom_str){NULL, 0};
}

static int tell(struct find *find, const bson_t *doc, ecom_error *err)
{
    const ecom_query *q = find->query;
    bson_iter_t at;
    ecom_row row = {.rev = (uint64_t)ecom__mdb_number(doc, "rev")};

    if (find->n++ == q->limit) {
        find->more = find->stopped = 1;
        return ECOM_OK;
    }
    find->doc.n = find->value.n = 0;
    int r = ecom__mdb_read_doc(doc, &find->doc, err);
    if (r < 0)
        return r;
    if (q->index.n && ecom__mdb_key_value(key_in(doc, find), q->index, &find->value) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for an index's value");
    row.id = bson_iter_init_find(&at, doc, "_id") ? ecom__mdb_bytes(&at) : row.id;
    row.value = ecom_buf_str(&find->value);
    row.doc = ecom_buf_str(&find->doc);
    find->stopped = find->row(find->user, &row) != 0;
    return ECOM_OK;
}

static int go_through(struct find *find, mongoc_cursor_t *cursor, ecom_error *err)
{
    const bson_t *doc;
    bson_error_t cause;
    int r = ECOM_OK;

    /* Each document may be the first of a page that must be asked for. */
    while (r == ECOM_OK && !find->stopped &&
           (r = ecom__mdb_check_time(find->db, find->use->until_us, err)) == ECOM_OK &&
           mongoc_cursor_next(cursor, &doc))
        r = tell(find, doc, err);
    if (r == ECOM_OK && !find->stopped && mongoc_cursor_error(cursor, &cause))
        r = ecom__mdb_fail_in(find->use, &cause, err);
    mongoc_cursor_destroy(cursor);
    return r;
}

static void append_str(bson_t *to, const char *name, ecom_str s)
{
    bson_append_utf8(to, name, -1, s.n ? s.p : "", (int)s.n);
}

/* Bounds of ids; @p after is left out when empty. */
static void append_ids(bson_t *filter, const ecom_query *q, ecom_str from, ecom_str to,
                       ecom_str after)
{
    bson_t ids;

    if (!from.n && !to.n && !after.n)
        return;
    BSON_APPEND_DOCUMENT_BEGIN(filter, "_id", &ids);
    if (from.n)
        append_str(&ids, "$gte", from);
    if (to.n)
        append_str(&ids, "$lte", to);
    if (after.n)
        append_str(&ids, q->descending ? "$lt" : "$gt", after);
    bson_append_document_end(filter, &ids);
}

static void append_live(bson_t *filter)
{
    bson_t rev;

    BSON_APPEND_DOCUMENT_BEGIN(filter, "rev", &rev);
    BSON_APPEND_INT64(&rev, "$gt", 0);
    bson_append_document_end(filter, &rev);
    BSON_APPEND_NULL(filter, "gone");
}

static int find_in_order_of_ids(struct find *find, mongoc_collection_t *collection,
                                const bson_t *filter, ecom_error *err)
{
    const ecom_query *q = find->query;
    bson_t *opts = BCON_NEW("sort", "{", "_id", BCON_INT32(q->descending ? -1 : 1), "}", "limit",
                            BCON_INT64((int64_t)q->limit + 1), "projection", "{", "doc",
                            BCON_INT32(1), "text", BCON_INT32(1), "rev", BCON_INT32(1), "}");
    int r = go_through(find, mongoc_collection_find_with_opts(collection, filter, opts, NULL), err);

    bson_destroy(opts);
    return r;
}

static int find_by_id(struct find *find, mongoc_collection_t *collection, ecom_error *err)
{
    const ecom_query *q = find->query;
    bson_t filter = BSON_INITIALIZER;

    append_live(&filter);
    append_ids(&filter, q, q->from, q->to, q->after_id);
    int r = find_in_order_of_ids(find, collection, &filter, err);
    bson_destroy(&filter);
    return r;
}

/* The ordinary case: an index holds the documents of one value in order of their ids. */
static int find_by_value(struct find *find, mongoc_collection_t *collection, ecom_error *err)
{
    const ecom_query *q = find->query;
    const ecom_str none = {NULL, 0};
    int order = q->after_id.n ? ecom_str_cmp(q->after_value, q->from) : 0;
    bson_t filter = BSON_INITIALIZER;

    if (q->descending ? order < 0 : order > 0)
        return ECOM_OK;
    append_str(&filter, "keys", ecom_buf_str(&find->from));
    append_live(&filter);
    append_ids(&filter, q, none, none, order ? none : q->after_id);
    int r = find_in_order_of_ids(find, collection, &filter, err);
    bson_destroy(&filter);
    return r;
}

/* Keys in the range of the query. */
static void append_range(bson_t *to, const struct find *find)
{
    append_str(to, "$gte", ecom_buf_str(&find->from));
    append_str(to, find->query->to.n ? "$lte" : "$lt", ecom_buf_str(&find->to));
}

static void append_after(bson_t *match, const struct find *find)
{
    const ecom_query *q = find->query;
    const char *beyond = q->descending ? "$lt" : "$gt";
    bson_t either, one, part;

    ecom__bson_array_begin(match, "$or", -1, &either);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "0", &one);
    BSON_APPEND_DOCUMENT_BEGIN(&one, "keys", &part);
    append_str(&part, beyond, ecom_buf_str(&find->after));
    bson_append_document_end(&one, &part);
    bson_append_document_end(&either, &one);
    BSON_APPEND_DOCUMENT_BEGIN(&either, "1", &one);
    append_str(&one, "keys", ecom_buf_str(&find->after));
    BSON_APPEND_DOCUMENT_BEGIN(&one, "_id", &part);
    append_str(&part, beyond, q->after_id);
    bson_append_document_end(&one, &part);
    bson_append_document_end(&either, &one);
    bson_append_array_end(match, &either);
}

static void append_stage(bson_t *stages, uint32_t *n, const bson_t *stage)
{
    char number[16];
    const char *index;
    size_t length = bson_uint32_to_string((*n)++, &index, number, sizeof(number));

    bson_append_document(stages, index, (int)length, stage);
}

/* The documents with a key in the range, by the index; then these keys, each on its own, in order:
 * an index hands out a document once, whatever it has in the range. */
static bson_t *range_stages(const struct find *find)
{
    const int way = find->query->descending ? -1 : 1;
    bson_t *pipeline = bson_new(), stages, stage, match, part, range;
    uint32_t n = 0;

    ecom__bson_array_begin(pipeline, "pipeline", -1, &stages);
    bson_init(&stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &match);
    BSON_APPEND_DOCUMENT_BEGIN(&match, "keys", &part);
    BSON_APPEND_DOCUMENT_BEGIN(&part, "$elemMatch", &range);
    append_range(&range, find);
    bson_append_document_end(&part, &range);
    bson_append_document_end(&match, &part);
    append_live(&match);
    bson_append_document_end(&stage, &match);
    append_stage(&stages, &n, &stage);
    bson_destroy(&stage);

    bson_t *fields = BCON_NEW("$project", "{", "keys", BCON_INT32(1), "doc", BCON_INT32(1), "text",
                              BCON_INT32(1), "rev", BCON_INT32(1), "}");
    append_stage(&stages, &n, fields);
    bson_destroy(fields);
    bson_t *unwind = BCON_NEW("$unwind", BCON_UTF8("$keys"));
    append_stage(&stages, &n, unwind);
    bson_destroy(unwind);

    bson_init(&stage);
    BSON_APPEND_DOCUMENT_BEGIN(&stage, "$match", &match);
    BSON_APPEND_DOCUMENT_BEGIN(&match, "keys", &range);
    append_range(&range, find);
    bson_append_document_end(&match, &range);
    if (find->query->after_id.n)
        append_after(&match, find);
    bson_append_document_end(&stage, &match);
    append_stage(&stages, &n, &stage);
    bson_destroy(&stage);

    bson_t *sort = BCON_NEW("$sort", "{", "keys", BCON_INT32(way), "_id", BCON_INT32(way), "}");
    append_stage(&stages, &n, sort);
    bson_destroy(sort);
    bson_t *limit = BCON_NEW("$limit", BCON_INT64((int64_t)find->query->limit + 1));
    append_stage(&stages, &n, limit);
    bson_destroy(limit);
    bson_append_array_end(pipeline, &stages);
    return pipeline;
}

static int find_by_range(struct find *find, mongoc_collection_t *collection, ecom_error *err)
{
    bson_t *stages = range_stages(find);
    int r = go_through(
        find, mongoc_collection_aggregate(collection, MONGOC_QUERY_NONE, stages, NULL, NULL), err);

    bson_destroy(stages);
    return r;
}

/* The keys between which a query looks. Without an end: up to what follows every key of the index,
 * whose name ends with '='. */
static int make_keys(struct find *find, ecom_error *err)
{
    const ecom_query *q = find->query;
    int r = ecom__mdb_key(q->index, q->from, &find->from);

    if (r == ECOM_OK && q->to.n)
        r = ecom__mdb_key(q->index, q->to, &find->to);
    else if (r == ECOM_OK)
        r = ecom_buf_printf(&find->to, "%.*s>", (int)q->index.n, q->index.p);
    if (r == ECOM_OK)
        r = ecom__mdb_key(q->index, q->after_value, &find->after);
    return r < 0 ? ecom_fail(err, ECOM_E_NOMEM, "no memory for a query") : ECOM_OK;
}

static int find_by_index(struct find *find, mongoc_collection_t *collection, ecom_error *err)
{
    const ecom_query *q = find->query;

    return q->from.n && ecom_str_eq(q->from, q->to) ? find_by_value(find, collection, err)
                                                    : find_by_range(find, collection, err);
}

int ecom__mdb_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                   ecom_error *err)
{
    ecom__mdb *db = self;
    ecom__mdb_use use = {0};
    struct find find = {.db = db, .use = &use, .query = query, .row = row, .user = user};
    char name[ECOM__MDB_NAME];
    int tries = 0;

    ecom__mdb_name(query->collection, name);
    int r = ecom__mdb_take(db, name, ecom__mdb_until(db), &use, err);
    if (r < 0)
        return r;
    if (query->index.n)
        r = make_keys(&find, err);
    if (r == ECOM_OK)
        do {
            use.broken = 0;
            r = query->index.n ? find_by_index(&find, use.collection, err)
                               : find_by_id(&find, use.collection, err);
        } while (r < 0 && find.n == 0 && is_worth_another(db, &use, ++tries));
    ecom__mdb_give(db, &use);
    ecom_buf_free(&find.from);
    ecom_buf_free(&find.to);
    ecom_buf_free(&find.after);
    ecom_buf_free(&find.value);
    ecom_buf_free(&find.doc);
    if (r == ECOM_OK)
        *more = find.more;
    return r;
}
