#include "mongodb/mongodb.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/wait.h"

/* Names of the collections that were written to: where pending() looks, in whatever else there may
 * be in the database. */
static const char registry[] = "ecom.collections";

enum { LIST_US = 1000000, KEEP_REMOVED_S = 30 * 24 * 3600 };

int64_t ecom__mdb_until(const ecom__mdb *db)
{
    return db->env->monotonic_us(db->env->self) + (int64_t)db->timeout_ms * 1000;
}

int ecom__mdb_check_time(const ecom__mdb *db, int64_t until_us, ecom_error *err)
{
    if (db->env->monotonic_us(db->env->self) + db->longest_us <= until_us)
        return ECOM_OK;
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "MongoDB has not answered in time: %d ms for a call",
                     db->timeout_ms);
}

void ecom__mdb_name(ecom_str collection, char out[ECOM__MDB_NAME])
{
    snprintf(out, ECOM__MDB_NAME, "%.*s", (int)collection.n, collection.p);
    if (out[0] == '.' || strncmp(out, "system.", 7) == 0 || strncmp(out, "ecom.", 5) == 0)
        snprintf(out, ECOM__MDB_NAME, "%%%.*s", (int)collection.n, collection.p);
}

uint64_t ecom__mdb_next_rev(ecom__mdb *db, uint64_t stored)
{
    int64_t now_us = db->env->now_us(db->env->self);
    uint64_t rev = now_us > 0 ? (uint64_t)now_us : 1;

    if (rev <= stored)
        rev = stored + 1;
    pthread_mutex_lock(&db->lock);
    if (rev <= db->last)
        rev = db->last + 1;
    db->last = rev;
    pthread_mutex_unlock(&db->lock);
    return rev;
}

/* Under the lock. NULL: there are too many. */
static struct ecom__mdb_collection *slot_of(ecom__mdb *db, const char *name)
{
    for (size_t i = 0; i < db->ncollections; i++)
        if (strcmp(db->collections[i].name, name) == 0)
            return &db->collections[i];
    if (db->ncollections == ECOM__MDB_MAX_COLLECTIONS)
        return NULL;
    struct ecom__mdb_collection *slot = &db->collections[db->ncollections++];
    snprintf(slot->name, sizeof(slot->name), "%s", name);
    slot->ready = slot->preparing = 0;
    return slot;
}

static int make_indexes(ecom__mdb *db, ecom__mdb_use *use, const char *name, ecom_error *err)
{
    bson_error_t cause;
    bson_t reply;
    /* clang-format off */
    bson_t *command = BCON_NEW("createIndexes", BCON_UTF8(name), "indexes", "[",
        "{", "key", "{", "keys", BCON_INT32(1), "_id", BCON_INT32(1), "}",
             "name", BCON_UTF8("ecom_keys"), "}",
        "{", "key", "{", "unique", BCON_INT32(1), "}", "name", BCON_UTF8("ecom_unique"),
             "unique", BCON_BOOL(true), "sparse", BCON_BOOL(true), "}",
        "{", "key", "{", "waits", BCON_INT32(1), "}", "name", BCON_UTF8("ecom_waits"),
             "sparse", BCON_BOOL(true), "}",
        "{", "key", "{", "removed", BCON_INT32(1), "}", "name", BCON_UTF8("ecom_removed"),
             "sparse", BCON_BOOL(true), "expireAfterSeconds", BCON_INT32(KEEP_REMOVED_S), "}", "]");
    /* clang-format on */
    int r = mongoc_client_write_command_with_opts(use->client, db->database, command, NULL, &reply,
                                                  &cause)
                ? ECOM_OK
                : ecom__mdb_fail(&cause, err);
    bson_destroy(&reply);
    bson_destroy(command);
    return r;
}

static int enter_in_registry(ecom__mdb *db, ecom__mdb_use *use, const char *name, ecom_error *err)
{
    mongoc_collection_t *all = mongoc_client_get_collection(use->client, db->database, registry);
    bson_t *selector = BCON_NEW("_id", BCON_UTF8(name));
    bson_t *update = BCON_NEW("$set", "{", "format", BCON_INT32(1), "}");
    bson_t *opts = BCON_NEW("upsert", BCON_BOOL(true));
    bson_error_t cause;
    int r = ECOM_OK;

    /* Of two that make it at the same time one is told that it is there: fine. */
    if (!mongoc_collection_update_one(all, selector, update, opts, NULL, &cause) &&
        !ecom__mdb_is_duplicate(&cause))
        r = ecom__mdb_fail(&cause, err);
    bson_destroy(selector);
    bson_destroy(update);
    bson_destroy(opts);
    mongoc_collection_destroy(all);
    return r;
}

int ecom__mdb_is_ready(ecom__mdb *db, const char *name)
{
    pthread_mutex_lock(&db->lock);
    struct ecom__mdb_collection *slot = slot_of(db, name);
    int ready = slot && slot->ready;
    pthread_mutex_unlock(&db->lock);
    return ready;
}

/* Under the lock. Of many that come at once one asks the server, and its answer is theirs.
 * @return 1: the collection is ready; 0: this thread is to ask; or why it is not. */
static int await_other(ecom__mdb *db, const struct ecom__mdb_collection *slot, ecom_error *err)
{
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, db->timeout_ms);
    int late = 0;

    if (!slot->preparing)
        return slot->ready;
    while (slot->preparing && !late)
        late = pthread_cond_timedwait(&db->prepared, &db->lock, &until) == ETIMEDOUT;
    if (slot->ready)
        return 1;
    if (slot->preparing)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "MongoDB makes indexes for longer than %d ms",
                         db->timeout_ms);
    if (err)
        *err = db->why_not;
    return db->why_not.code;
}

static int prepare(ecom__mdb *db, ecom__mdb_use *use, const char *name, ecom_error *err)
{
    int r = make_indexes(db, use, name, err);

    if (r == ECOM_OK) {
        use->until_us = ecom__mdb_until(db);
        r = enter_in_registry(db, use, name, err);
    }
    return r;
}

int ecom__mdb_prepare(ecom__mdb *db, ecom__mdb_use *use, const char *name, ecom_error *err)
{
    ecom_error why = {0};
    int r;

    pthread_mutex_lock(&db->lock);
    struct ecom__mdb_collection *slot = slot_of(db, name);
    int waits = slot && slot->preparing;
    if (!slot)
        r = ecom_fail(err, ECOM_E_TOOLARGE, "a store has at most %d collections",
                      ECOM__MDB_MAX_COLLECTIONS);
    else if ((r = await_other(db, slot, err)) == 0)
        slot->preparing = 1;
    pthread_mutex_unlock(&db->lock);
    if (r > 0 && waits)
        use->until_us = ecom__mdb_until(db);
    if (r != 0)
        return r < 0 ? r : ECOM_OK;

    r = prepare(db, use, name, &why);
    use->until_us = ecom__mdb_until(db);
    pthread_mutex_lock(&db->lock);
    slot->preparing = 0;
    slot->ready = r == ECOM_OK;
    db->why_not = why;
    pthread_cond_broadcast(&db->prepared);
    pthread_mutex_unlock(&db->lock);
    if (r < 0 && err)
        *err = why;
    return r;
}

static int read_registry(ecom__mdb *db, int64_t until_us, ecom_error *err)
{
    ecom__mdb_use use = {0};
    const bson_t *doc;
    bson_error_t cause;
    bson_t filter = BSON_INITIALIZER;
    int r = ecom__mdb_take(db, registry, until_us, &use, err);

    if (r < 0)
        return r;
    mongoc_cursor_t *cursor = mongoc_collection_find_with_opts(use.collection, &filter, NULL, NULL);
    while (mongoc_cursor_next(cursor, &doc)) {
        bson_iter_t at;
        if (!bson_iter_init_find(&at, doc, "_id") || !BSON_ITER_HOLDS_UTF8(&at))
            continue;
        const char *name = bson_iter_utf8(&at, NULL);
        pthread_mutex_lock(&db->lock);
        if (strlen(name) < ECOM__MDB_NAME)
            slot_of(db, name);
        pthread_mutex_unlock(&db->lock);
    }
    if (mongoc_cursor_error(cursor, &cause))
        r = ecom__mdb_fail(&cause, err);
    mongoc_cursor_destroy(cursor);
    bson_destroy(&filter);
    ecom__mdb_give(db, &use);
    return r;
}

int ecom__mdb_list(ecom__mdb *db, int64_t until_us, char (*out)[ECOM__MDB_NAME], size_t *n,
                   ecom_error *err)
{
    int64_t now_us = db->env->monotonic_us(db->env->self);
    int r = ECOM_OK;

    pthread_mutex_lock(&db->lock);
    int fresh = db->listed_us >= 0 && now_us - db->listed_us < LIST_US && db->ncollections;
    pthread_mutex_unlock(&db->lock);
    if (!fresh && (r = read_registry(db, until_us, err)) < 0)
        return r;
    pthread_mutex_lock(&db->lock);
    if (!fresh)
        db->listed_us = now_us;
    *n = db->ncollections;
    for (size_t i = 0; i < *n; i++)
        memcpy(out[i], db->collections[i].name, ECOM__MDB_NAME);
    pthread_mutex_unlock(&db->lock);
    return r;
}
