#include "mongodb/document.h"
#include "mongodb/group.h"

#include <string.h>

/* Of a job whose outcome the answer has not told. */
enum { OPEN };

/* The driver tries a write twice, but answers for the second try only. Truth: a try of this thread
 * failed, and nobody knows whether it was done. */
static _Thread_local int in_doubt;

static void note_try(const mongoc_apm_command_failed_t *failed)
{
    bson_error_t cause;

    mongoc_apm_command_failed_get_error(failed, &cause);
    in_doubt |= ecom__mdb_is_unknown(&cause, mongoc_apm_command_failed_get_reply(failed));
}

void ecom__mdb_note_tries(mongoc_client_pool_t *pool)
{
    mongoc_apm_callbacks_t *callbacks = mongoc_apm_callbacks_new();

    mongoc_apm_set_command_failed_cb(callbacks, note_try);
    mongoc_client_pool_set_apm_callbacks(pool, callbacks, NULL);
    mongoc_apm_callbacks_destroy(callbacks);
}

/* Commands under way for jobs of one collection. */
struct sending {
    ecom__mdb *db;
    ecom__mdb_use use;
    ecom__mdb_job *const *jobs;
    size_t n;
    int change; /* of documents; 0: they are new */
};

/* Of a command that failed as a whole, what that means for one of its writes. */
static int outcome_of(const bson_error_t *cause, const bson_t *reply, ecom_error *err)
{
    if (ecom__mdb_is_duplicate(cause))
        return ECOM__MDB_REFUSED;
    int r = ecom__mdb_fail(cause, err);
    if (ecom__mdb_is_unknown(cause, reply))
        return ECOM__MDB_UNKNOWN;
    return r == ECOM_E_UNAVAILABLE ? ECOM__MDB_AWAY : r;
}

/* A server that is still at the first try need not know the second for the same: what refuses that
 * may be what the first has done. */
static void doubt(ecom__mdb_job *job)
{
    if (job->outcome != ECOM__MDB_DONE)
        job->outcome = ECOM__MDB_UNKNOWN;
}

static void view(const ecom__mdb_job *job, bson_t *filter, bson_t *write)
{
    ecom__bson_view(job->write, 0, write);
    if (job->filter)
        ecom__bson_view(job->filter, 0, filter);
}

static void send_one(struct sending *s, ecom__mdb_job *job)
{
    const bson_t *opts = &s->use.seat->options;
    bson_error_t cause = {0};
    bson_t filter, write, reply;
    bool ok;

    view(job, &filter, &write);
    in_doubt = 0;
    if (s->change)
        ok = mongoc_collection_update_one(s->use.collection, &filter, &write, opts, &reply, &cause);
    else
        ok = mongoc_collection_insert_one(s->use.collection, &write, opts, &reply, &cause);
    if (!ok)
        job->outcome = outcome_of(&cause, &reply, job->err);
    else
        job->outcome = !s->change || ecom__mdb_number(&reply, "matchedCount") ? ECOM__MDB_DONE
                                                                              : ECOM__MDB_REFUSED;
    if (in_doubt)
        doubt(job);
    ecom__mdb_seat_note(s->use.seat, ok && !in_doubt);
    bson_destroy(&reply);
}

/* What an answer's `writeErrors` says of one job. */
static void note_error(struct sending *s, const bson_iter_t *at)
{
    bson_error_t cause = {.domain = MONGOC_ERROR_SERVER};
    bson_iter_t field;
    int64_t index = -1;

    if (!BSON_ITER_HOLDS_DOCUMENT(at) || !bson_iter_recurse(at, &field))
        return;
    while (bson_iter_next(&field)) {
        const char *key = bson_iter_key(&field);
        if (strcmp(key, "index") == 0)
            index = bson_iter_as_int64(&field);
        else if (strcmp(key, "code") == 0)
            cause.code = (uint32_t)bson_iter_as_int64(&field);
        else if (strcmp(key, "errmsg") == 0 && BSON_ITER_HOLDS_UTF8(&field))
            bson_strncpy(cause.message, bson_iter_utf8(&field, NULL), sizeof(cause.message));
    }
    if (index >= 0 && (uint64_t)index < s->n)
        s->jobs[index]->outcome = outcome_of(&cause, NULL, s->jobs[index]->err);
}

/* @return how many there are. */
static size_t note_errors(struct sending *s, const bson_t *reply, const char *name, int note)
{
    bson_iter_t at, array;
    size_t n = 0;

    if (bson_iter_init_find(&at, reply, name) && BSON_ITER_HOLDS_ARRAY(&at) &&
        bson_iter_recurse(&at, &array))
        for (; bson_iter_next(&array); n++)
            if (note)
                note_error(s, &array);
    return n;
}

static size_t set_open(struct sending *s, int outcome)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++)
        if (s->jobs[i]->outcome == OPEN) {
            s->jobs[i]->outcome = outcome;
            n++;
        }
    return n;
}

static mongoc_cursor_t *find_states(const struct sending *s)
{
    bson_t filter = BSON_INITIALIZER, ids = BSON_INITIALIZER;

    for (size_t i = 0; i < s->n; i++)
        ecom__mdb_append_id(&ids, (uint32_t)i, s->jobs[i]->id);
    ecom__mdb_append_any_of(&filter, &ids);
    bson_t *opts = BCON_NEW("projection", "{", "rev", BCON_INT32(1), "by", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(s->use.collection, &filter, opts, NULL);
    bson_destroy(opts);
    bson_destroy(&ids);
    bson_destroy(&filter);
    return cursor;
}

/* What a document shows of its write. */
static void note_state(struct sending *s, const bson_t *doc)
{
    bson_iter_t at;
    ecom_str id = {NULL, 0}, by = {NULL, 0};
    uint64_t rev = (uint64_t)ecom__mdb_number(doc, "rev");

    if (bson_iter_init_find(&at, doc, "_id"))
        id = ecom__mdb_bytes(&at);
    if (bson_iter_init_find(&at, doc, "by"))
        by = ecom__mdb_bytes(&at);
    for (size_t i = 0; i < s->n; i++) {
        ecom__mdb_job *job = s->jobs[i];
        if (job->outcome != OPEN || !ecom_str_eq(job->id, id))
            continue;
        if (rev == job->rev && ecom_str_eq(by, job->origin))
            job->outcome = ECOM__MDB_DONE;
        else if (rev == job->base)
            job->outcome = ECOM__MDB_REFUSED;
    }
}

/* Of so many changes, not all of them, the document was found; the answer does not say which. The
 * documents do, unless others have changed them again since: then, if the number leaves a choice,
 * nobody knows. */
static void tell_apart(struct sending *s, size_t matched)
{
    mongoc_cursor_t *cursor;
    const bson_t *doc;
    bson_error_t cause;
    size_t done = 0, open = 0;

    if (matched == 0) {
        set_open(s, ECOM__MDB_REFUSED);
        return;
    }
    if (ecom__mdb_check_time(s->db, s->use.until_us, NULL) == ECOM_OK) {
        cursor = find_states(s);
        while (mongoc_cursor_next(cursor, &doc))
            note_state(s, doc);
        if (mongoc_cursor_error(cursor, &cause))
            matched = SIZE_MAX;
        mongoc_cursor_destroy(cursor);
    }
    for (size_t i = 0; i < s->n; i++) {
        done += s->jobs[i]->outcome == ECOM__MDB_DONE;
        open += s->jobs[i]->outcome == OPEN;
    }
    set_open(s, matched == done          ? ECOM__MDB_REFUSED
                : matched == done + open ? ECOM__MDB_DONE
                                         : ECOM__MDB_UNKNOWN);
}

/* The command as a whole failed. If that is the fault of one of its writes, the others must not pay
 * for it. */
static void note_failure(struct sending *s, const bson_error_t *cause, const bson_t *reply)
{
    for (size_t i = 0; i < s->n; i++) {
        ecom__mdb_job *job = s->jobs[i];
        job->outcome = outcome_of(cause, reply, job->err);
        if (job->outcome == ECOM__MDB_UNKNOWN || job->outcome == ECOM__MDB_AWAY)
            continue;
        if (ecom__mdb_check_time(s->db, job->until_us - s->db->longest_us, NULL) < 0)
            job->outcome = ECOM__MDB_LATE;
        else
            send_one(s, job);
    }
}

static void note_answer(struct sending *s, bool ok, const bson_error_t *cause, const bson_t *reply)
{
    const int doubtful = in_doubt;
    size_t errors = note_errors(s, reply, "writeErrors", 1), wanted = 0;
    int unsure = note_errors(s, reply, "writeConcernErrors", 0) > 0;
    int64_t done = ecom__mdb_number(reply, s->change ? "nMatched" : "nInserted");

    int failed = !ok && errors == 0 && !unsure;

    for (size_t i = 0; i < s->n; i++)
        wanted += s->jobs[i]->outcome == OPEN;
    if (failed && !doubtful)
        note_failure(s, cause, reply);
    else if (failed || unsure || done < 0 || (uint64_t)done > wanted ||
             (!s->change && done < (int64_t)wanted))
        set_open(s, ECOM__MDB_UNKNOWN);
    else if ((size_t)done == wanted)
        set_open(s, ECOM__MDB_DONE);
    else
        tell_apart(s, (size_t)done);
    for (size_t i = 0; doubtful && i < s->n; i++)
        doubt(s->jobs[i]);
}

static void send_many(struct sending *s)
{
    bson_t opts = BSON_INITIALIZER, unordered = BSON_INITIALIZER, filter, write, reply;
    bson_error_t cause = {0};

    BSON_APPEND_BOOL(&unordered, "ordered", false);
    BSON_APPEND_BOOL(&opts, "validate", false);
    mongoc_bulk_operation_t *bulk =
        mongoc_collection_create_bulk_operation_with_opts(s->use.collection, &unordered);
    for (size_t i = 0; i < s->n; i++) {
        view(s->jobs[i], &filter, &write);
        if (s->change)
            mongoc_bulk_operation_update_one_with_opts(bulk, &filter, &write, &opts, NULL);
        else
            mongoc_bulk_operation_insert_with_opts(bulk, &write, &opts, NULL);
    }
    in_doubt = 0;
    bool ok = mongoc_bulk_operation_execute(bulk, &reply, &cause) != 0;
    note_answer(s, ok, &cause, &reply);
    bson_destroy(&reply);
    mongoc_bulk_operation_destroy(bulk);
    bson_destroy(&opts);
    bson_destroy(&unordered);
}

/* Those that have time enough, to the front: the driver may try a write twice. */
static void check_times(struct sending *s, ecom__mdb_job **in_time)
{
    size_t n = 0;

    for (size_t i = 0; i < s->n; i++) {
        ecom__mdb_job *job = s->jobs[i];
        if (ecom__mdb_check_time(s->db, job->until_us - s->db->longest_us, NULL) < 0) {
            job->outcome = ECOM__MDB_LATE;
            continue;
        }
        job->outcome = OPEN;
        if (n == 0 || job->until_us < s->use.until_us)
            s->use.until_us = job->until_us;
        in_time[n++] = job;
    }
    s->jobs = in_time;
    s->n = n;
}

void ecom__mdb_send(ecom__mdb *db, ecom__mdb_job *const *jobs, size_t n)
{
    ecom__mdb_job *in_time[ECOM__MDB_TOGETHER];
    struct sending s = {.db = db, .jobs = jobs, .n = n, .change = jobs[0]->filter != NULL};
    ecom_error why = {0};

    check_times(&s, in_time);
    if (s.n == 0)
        return;
    if (ecom__mdb_take(db, jobs[0]->collection, s.use.until_us, &s.use, &why) < 0) {
        for (size_t i = 0; i < s.n; i++) {
            s.jobs[i]->outcome = ECOM__MDB_AWAY;
            *s.jobs[i]->err = why;
        }
        return;
    }
    if (s.n == 1)
        send_one(&s, s.jobs[0]);
    else
        send_many(&s);
    ecom__mdb_give(db, &s.use);
}
