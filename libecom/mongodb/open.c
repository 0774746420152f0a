#include "mongodb/mongodb.h"

#include <stdlib.h>
#include <string.h>

#include "base/wait.h"

enum { SELECTION_MS = 2000, DEFAULT_TIMEOUT_MS = 5000 };

/* Could it write? An update that finds nothing to change takes what a write takes: a primary, a
 * majority that follows it, and the right to write, of which the server's own "ping" knows nothing.
 */
static int mdb_ping(void *self, ecom_error *err)
{
    ecom__mdb *db = self;
    ecom__mdb_use use = {0};
    bson_error_t cause;
    int r = ecom__mdb_take(db, "ecom.collections", ecom__mdb_until(db), &use, err);

    if (r < 0)
        return r;
    bson_t *nothing = BCON_NEW("_id", BCON_UTF8("ecom.ping"));
    bson_t *update = BCON_NEW("$set", "{", "format", BCON_INT32(1), "}");
    if (!mongoc_collection_update_one(use.collection, nothing, update, NULL, NULL, &cause))
        r = ecom__mdb_fail(&cause, err);
    bson_destroy(update);
    bson_destroy(nothing);
    ecom__mdb_give(db, &use);
    return r;
}

static void mdb_close(void *self)
{
    ecom__mdb *db = self;

    ecom__mdb_seats_clear(db);
    if (db->pool)
        mongoc_client_pool_destroy(db->pool);
    ecom__mdb_queues_clear(db);
    pthread_cond_destroy(&db->prepared);
    pthread_mutex_destroy(&db->lock);
    free(db->database);
    free(db);
}

static const ecom_store_ops mongodb_ops = {
    .size = sizeof(ecom_store_ops),
    .caps = ECOM_CAP_DURABLE | ECOM_CAP_CONCURRENT | ECOM_CAP_MULTI_PROCESS,
    .name = "mongodb",
    .get = ecom__mdb_get,
    .put = ecom__mdb_put,
    .remove = ecom__mdb_remove,
    .find = ecom__mdb_find,
    .pending = ecom__mdb_pending,
    .published = ecom__mdb_published,
    .backlog = ecom__mdb_backlog,
    .ping = mdb_ping,
    .close = mdb_close,
    .put_later = ecom__mdb_put_later,
    .watch = ecom__mdb_watch,
    .wait = ecom__mdb_wait,
    .unwatch = ecom__mdb_unwatch,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

/* The driver logs to stderr unless told not to: what it would say is in the errors. */
static void start_driver(void)
{
    mongoc_init();
    mongoc_log_set_handler(NULL, NULL);
}

static void set_default(mongoc_uri_t *uri, const char *option, int32_t value)
{
    if (!mongoc_uri_has_option(uri, option))
        mongoc_uri_set_option_as_int32(uri, option, value);
}

/* At worst a command waits for a server to be found, for a connection to it, and for an answer that
 * does not come. So much of a call's time that behind a server that fell silent there is enough
 * left for one more try, which for writes is the driver's: a server with sessions knows it for the
 * same. Reads are tried again by us. */
static void set_times(mongoc_uri_t *uri, int32_t timeout_ms)
{
    int32_t part = timeout_ms / 10 + 1, selection = part < SELECTION_MS ? part : SELECTION_MS;

    set_default(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, selection);
    set_default(uri, MONGOC_URI_CONNECTTIMEOUTMS, selection);
    set_default(uri, MONGOC_URI_SOCKETTIMEOUTMS, timeout_ms / 4 + 1);
    set_default(uri, MONGOC_URI_WAITQUEUETIMEOUTMS, timeout_ms / 4 + 1);
    mongoc_uri_set_option_as_bool(uri, MONGOC_URI_RETRYREADS, false);
}

/* At most nine twentieths of a call's time, or none would ever be sent: whoever has longer times in
 * the URL has longer calls. */
static int64_t longest_us(const mongoc_uri_t *uri, int32_t timeout_ms)
{
    int64_t ms = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SERVERSELECTIONTIMEOUTMS, 0) +
                 mongoc_uri_get_option_as_int32(uri, MONGOC_URI_CONNECTTIMEOUTMS, 0) +
                 mongoc_uri_get_option_as_int32(uri, MONGOC_URI_SOCKETTIMEOUTMS, 0);
    int64_t most = (int64_t)timeout_ms * 9 / 20;

    return (ms < most ? ms : most) * 1000;
}

static int set_concerns(mongoc_uri_t *uri, int32_t timeout_ms, ecom_error *err)
{
    const mongoc_write_concern_t *given = mongoc_uri_get_write_concern(uri);
    mongoc_write_concern_t *write = mongoc_write_concern_copy(given);
    int r = ECOM_OK;

    if (mongoc_write_concern_get_w(write) == MONGOC_WRITE_CONCERN_W_DEFAULT)
        mongoc_write_concern_set_w(write, MONGOC_WRITE_CONCERN_W_MAJORITY);
    if (!mongoc_write_concern_get_wtimeout_int64(write))
        mongoc_write_concern_set_wtimeout_int64(write, timeout_ms / 4 + 1);
    mongoc_write_concern_set_journal(write, true);
    if (mongoc_write_concern_get_w(write) == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, "url", "has w=0: what is saved must be confirmed");
    else if (mongoc_read_prefs_get_mode(mongoc_uri_get_read_prefs_t(uri)) != MONGOC_READ_PRIMARY)
        r = ecom_fail_field(err, ECOM_E_INVAL, "url",
                            "has a readPreference: what was saved must be seen, by the primary");
    else
        mongoc_uri_set_write_concern(uri, write);
    mongoc_write_concern_destroy(write);
    if (!mongoc_read_concern_get_level(mongoc_uri_get_read_concern(uri))) {
        mongoc_read_concern_t *read = mongoc_read_concern_new();
        mongoc_read_concern_set_level(read, MONGOC_READ_CONCERN_LEVEL_MAJORITY);
        mongoc_uri_set_read_concern(uri, read);
        mongoc_read_concern_destroy(read);
    }
    return r;
}

/* The driver's own texts about URLs repeat them, with what may be a password. */
static int parse_url(const char *url, int32_t timeout_ms, mongoc_uri_t **out, ecom_error *err)
{
    bson_error_t cause;
    mongoc_uri_t *uri = mongoc_uri_new_with_error(url, &cause);

    if (!uri)
        return ecom_fail_field(err, ECOM_E_INVAL, "url",
                               "is not a MongoDB URL: mongodb://[USER:PASSWORD@]HOST[:PORT]"
                               "[/DATABASE][?OPTIONS], or mongodb+srv:// with one host, at least "
                               "two dots in its name and no port; with : / ? # [ ] @ %% in USER "
                               "and PASSWORD as %%3A and so on");
    set_times(uri, timeout_ms);
    int r = set_concerns(uri, timeout_ms, err);
    if (r == ECOM_OK && !mongoc_uri_has_option(uri, MONGOC_URI_APPNAME))
        mongoc_uri_set_appname(uri, "libecom");
    if (r < 0)
        mongoc_uri_destroy(uri);
    else
        *out = uri;
    return r;
}

static int make_pool(ecom__mdb *db, const mongoc_uri_t *uri, ecom_error *err)
{
    const char *database = mongoc_uri_get_database(uri);
    bson_error_t cause;

    db->database = strdup(database && database[0] ? database : "ecom");
    if (!db->database)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    db->pool = mongoc_client_pool_new_with_error(uri, &cause);
    if (!db->pool && cause.domain == MONGOC_ERROR_STREAM) /* mongodb+srv:// asks DNS */
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "MongoDB's hosts are not known: %s",
                         cause.message);
    if (!db->pool)
        return ecom_fail_field(err, ECOM_E_INVAL, "url", "cannot be used: %s", cause.message);
    mongoc_client_pool_set_error_api(db->pool, MONGOC_ERROR_API_VERSION_2);
    ecom__mdb_note_tries(db->pool);
    db->longest_us = longest_us(uri, db->timeout_ms);
    db->alone = mongoc_uri_get_option_as_int32(uri, MONGOC_URI_MAXPOOLSIZE, 2) == 1;
    return ECOM_OK;
}

int ecom_mongodb_open_store(const char *url, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err)
{
    int32_t timeout_ms = opts && opts->timeout_ms ? opts->timeout_ms : DEFAULT_TIMEOUT_MS;
    mongoc_uri_t *uri = NULL;

    if (!url || timeout_ms < 0)
        return ecom_fail(err, ECOM_E_INVAL, "a URL and a time-out of 0 ms or more are needed");
    pthread_once(&once, start_driver);
    int r = parse_url(url, timeout_ms, &uri, err);
    if (r < 0)
        return r;
    ecom__mdb *db = calloc(1, sizeof(*db));
    if (!db) {
        mongoc_uri_destroy(uri);
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    }
    pthread_mutex_init(&db->lock, NULL);
    ecom__cond_init(&db->prepared);
    ecom__mdb_queues_init(db);
    ecom__mdb_seats_init(db);
    db->env = opts && opts->env ? opts->env : ecom_env_system();
    db->log = opts ? opts->log : NULL;
    db->timeout_ms = timeout_ms;
    db->listed_us = db->complained_us = -1;
    r = make_pool(db, uri, err);
    mongoc_uri_destroy(uri);
    if (r == ECOM_OK)
        r = ecom_store_new(&mongodb_ops, db, opts, out, err);
    if (r < 0)
        mdb_close(db);
    return r;
}

const ecom_scheme *ecom_backend_mongodb(void)
{
    static const ecom_scheme scheme = {
        .size = sizeof(scheme), .name = "mongodb", .open_store = ecom_mongodb_open_store};

    return &scheme;
}

const ecom_scheme *ecom_backend_mongodb_srv(void)
{
    static const ecom_scheme scheme = {
        .size = sizeof(scheme), .name = "mongodb+srv", .open_store = ecom_mongodb_open_store};

    return &scheme;
}
