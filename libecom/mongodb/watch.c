#include "mongodb/mongodb.h"

#include <stdlib.h>

#include "base/wait.h"

enum { ASK_EVERY_MS = 500 };

/* A change stream over the database. It says that another handle has written; what, the relay reads
 * for itself. So it needs no place to resume at: a stream that breaks is begun anew, and what came
 * between the relay finds by its look after each beginning. */
struct watch {
    ecom__mdb *db;
    ecom__mdb_seat *seat;
    mongoc_change_stream_t *stream;
    int64_t asked_ms; /* last; 0: never */
};

/* A server that answers, does not forbid it, and is not about to stop, has no change streams: each
 * maker says so in another way. */
static int fail_to_begin(const bson_error_t *cause, ecom_error *err)
{
    int r = ecom__mdb_fail(cause, err);

    return r != ECOM_E_BACKEND
               ? r
               : ecom_fail(err, ECOM_E_NOTSUP,
                           "MongoDB has change streams in replica sets only; it answers: %s",
                           cause->message);
}

/* New documents with events of others, and changes by others; with or without events, for an update
 * need not say. Of each no more than that it is there. What ends a stream counts too. */
static bson_t *others_writes(ecom_str origin)
{
    bson_t *other = bson_new();

    bson_append_utf8(other, "$ne", -1, origin.p, (int)origin.n);
    BSON_APPEND_BOOL(other, "$exists", true);
    /* clang-format off */
    bson_t *stages = BCON_NEW("pipeline", "[",
        "{", "$match", "{", "$or", "[",
            "{", "operationType", "{", "$in", "[", BCON_UTF8("dropDatabase"),
                 BCON_UTF8("invalidate"), "]", "}", "}",
            "{", "operationType", BCON_UTF8("insert"),
                 "fullDocument.waits", "{", "$gt", BCON_INT64(0), "}",
                 "fullDocument.by", BCON_DOCUMENT(other), "}",
            "{", "operationType", BCON_UTF8("update"),
                 "updateDescription.updatedFields.by", BCON_DOCUMENT(other), "}", "]", "}", "}",
        "{", "$project", "{", "_id", BCON_INT32(1), "}", "}", "]");
    /* clang-format on */
    bson_destroy(other);
    return stages;
}

/* It is asked now and then, and answers at once. Left to wait for something to tell, the server
 * looks with each commit of anybody, to any database, what of it a stream lets through. */
static mongoc_change_stream_t *begin(const ecom__mdb *db, mongoc_client_t *client, ecom_str origin)
{
    mongoc_database_t *database = mongoc_client_get_database(client, db->database);
    bson_t *stages = others_writes(origin);
    bson_t *opts = BCON_NEW("maxAwaitTimeMS", BCON_INT64(1));
    mongoc_change_stream_t *stream = mongoc_database_watch(database, stages, opts);

    bson_destroy(opts);
    bson_destroy(stages);
    mongoc_database_destroy(database);
    return stream;
}

int ecom__mdb_watch(void *self, ecom_str origin, void **out, ecom_error *err)
{
    ecom__mdb *db = self;
    const bson_t *reply;
    bson_error_t cause;

    if (db->alone)
        return ecom_fail(err, ECOM_E_NOTSUP, "maxPoolSize=1 leaves no connection to listen with");
    struct watch *watch = calloc(1, sizeof(*watch));
    if (!watch)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a watch");
    watch->db = db;
    int r = ecom__mdb_seat_take(db, &watch->seat, err);
    if (r < 0) {
        free(watch);
        return r;
    }
    watch->stream = begin(db, watch->seat->client, origin);
    if (mongoc_change_stream_error_document(watch->stream, &cause, &reply)) {
        r = fail_to_begin(&cause, err);
        ecom__mdb_unwatch(watch);
        return r;
    }
    *out = watch;
    return ECOM_OK;
}

static void rest_until(int64_t until_ms)
{
    int64_t ms = until_ms - ecom__monotonic_ms();
    const struct timespec some = {ms / 1000, ms % 1000 * 1000000L};

    if (ms > 0)
        nanosleep(&some, NULL);
}

int ecom__mdb_wait(void *self, int32_t timeout_ms, ecom_error *err)
{
    struct watch *watch = self;
    int64_t until = ecom__monotonic_ms() + timeout_ms;
    const bson_t *change, *reply;
    bson_error_t cause;

    do {
        int64_t due = watch->asked_ms ? watch->asked_ms + ASK_EVERY_MS : 0;
        rest_until(due < until ? due : until);
        watch->asked_ms = ecom__monotonic_ms();
        if (mongoc_change_stream_next(watch->stream, &change))
            return ECOM_OK;
        if (mongoc_change_stream_error_document(watch->stream, &cause, &reply))
            return ecom__mdb_fail(&cause, err);
    } while (watch->asked_ms < until);
    return ecom_fail(err, ECOM_E_TIMEOUT, "nobody else has written");
}

void ecom__mdb_unwatch(void *self)
{
    struct watch *watch = self;

    mongoc_change_stream_destroy(watch->stream);
    ecom__mdb_seat_give(watch->db, watch->seat);
    free(watch);
}
