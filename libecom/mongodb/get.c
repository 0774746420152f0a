#include "mongodb/document.h"
#include "mongodb/group.h"

static mongoc_cursor_t *find_all(ecom__mdb_use *use, ecom__mdb_job *const *jobs, size_t n)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;

    for (size_t i = 0; n > 1 && i < n; i++)
        ecom__mdb_append_id(&ids, (uint32_t)i, jobs[i]->id);
    if (n > 1)
        ecom__mdb_append_any_of(&filter, &ids);
    else
        bson_append_utf8(&filter, "_id", -1, jobs[0]->id.p, (int)jobs[0]->id.n);
    bson_t *opts =
        BCON_NEW("limit", BCON_INT64((int64_t)n), "projection", "{", "doc", BCON_INT32(1), "text",
                 BCON_INT32(1), "rev", BCON_INT32(1), "gone", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(use->collection, &filter, opts, NULL);
    bson_destroy(opts);
    bson_destroy(&ids);
    bson_destroy(&filter);
    return cursor;
}

/* Several may want the same one. */
static void note_found(ecom__mdb_job *const *jobs, size_t n, const bson_t *doc)
{
    bson_iter_t at;
    ecom_str id = {NULL, 0};

    if (bson_iter_init_find(&at, doc, "_id"))
        id = ecom__mdb_bytes(&at);
    for (size_t i = 0; i < n; i++)
        if (!jobs[i]->found && ecom_str_eq(jobs[i]->id, id))
            jobs[i]->found = bson_copy(doc);
}

/* Each document may be the first of a part of the answer that must be asked for. */
static int read_all(ecom__mdb *db, ecom__mdb_use *use, ecom__mdb_job *const *jobs, size_t n,
                    ecom_error *err)
{
    mongoc_cursor_t *cursor = find_all(use, jobs, n);
    const bson_t *doc;
    bson_error_t cause;
    int r;

    while ((r = ecom__mdb_check_time(db, use->until_us, err)) == ECOM_OK &&
           mongoc_cursor_next(cursor, &doc))
        note_found(jobs, n, doc);
    if (r == ECOM_OK && mongoc_cursor_error(cursor, &cause))
        r = ecom__mdb_fail_in(use, &cause, err);
    mongoc_cursor_destroy(cursor);
    return r;
}

/* Those that have time enough, to the front of @p in_time. @return how many. */
static size_t check_times(ecom__mdb *db, ecom__mdb_job *const *jobs, size_t n,
                          ecom__mdb_job **in_time, int64_t *until_us)
{
    size_t some = 0;

    for (size_t i = 0; i < n; i++) {
        ecom__mdb_job *job = jobs[i];
        job->again = 0;
        if ((job->outcome = ecom__mdb_check_time(db, job->until_us, job->err)) < 0)
            continue;
        if (some == 0 || job->until_us < *until_us)
            *until_us = job->until_us;
        in_time[some++] = job;
    }
    return some;
}

/* A connection that broke is worth one more try: the server may have been started again since it
 * was made. And so is it where the time was up of another. */
void ecom__mdb_fetch(ecom__mdb *db, ecom__mdb_job *const *jobs, size_t n)
{
    ecom__mdb_job *in_time[ECOM__MDB_TOGETHER];
    ecom__mdb_use use = {0};
    ecom_error why = {0};
    int64_t until_us = 0;

    n = check_times(db, jobs, n, in_time, &until_us);
    if (n == 0)
        return;
    int r = ecom__mdb_take(db, in_time[0]->collection, until_us, &use, &why);
    if (r == ECOM_OK) {
        r = read_all(db, &use, in_time, n, &why);
        ecom__mdb_give(db, &use);
    }
    for (size_t i = 0; i < n; i++) {
        ecom__mdb_job *job = in_time[i];
        job->outcome = r == ECOM_OK || job->found ? ECOM__MDB_DONE : r;
        job->again = use.broken || job->until_us > until_us;
        if (job->outcome < 0)
            *job->err = why;
    }
}

static int is_there(const bson_t *doc)
{
    bson_iter_t at;

    return doc && !bson_iter_init_find(&at, doc, "gone") && ecom__mdb_number(doc, "rev") > 0;
}

int ecom__mdb_get(void *self, ecom_str collection, ecom_str id, ecom_buf *out, uint64_t *rev,
                  ecom_error *err)
{
    ecom__mdb *db = self;
    ecom_error own;
    char name[ECOM__MDB_NAME];
    ecom__mdb_job job = {.collection = name,
                         .id = id,
                         .until_us = ecom__mdb_until(db),
                         .err = err ? err : &own},
                  *alone = &job;
    int r;

    ecom__mdb_name(collection, name);
    ecom__mdb_read(db, &job);
    if (job.outcome < 0 && job.again && ecom__mdb_check_time(db, job.until_us, NULL) == ECOM_OK)
        ecom__mdb_fetch(db, &alone, 1);
    if (job.outcome < 0)
        return job.outcome;
    if (!is_there(job.found))
        r = ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    else if ((r = ecom__mdb_read_doc(job.found, out, err)) == ECOM_OK)
        *rev = (uint64_t)ecom__mdb_number(job.found, "rev");
    bson_destroy(job.found);
    return r;
}
