#include "store/store.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/options.h"
#include "base/room.h"
#include "base/scheme.h"
#include "base/wait.h"
#include "ecom-config.h"

enum { DEFAULT_TIMEOUT_MS = 5000, DEFAULT_PAGE = 100 };

struct ecom_store {
    ecom_store_ops ops; /* what an older table does not have yet is NULL */
    void *self;
    const ecom_env *env;
    int32_t timeout_ms;
    ecom_id origin;
    struct ecom__room room;

    pthread_mutex_t lock; /* guards all below; never held during a backend's method */
    pthread_cond_t left;  /* a call has left, or a listener has returned */
    unsigned waiting, inside, listening;
    int closing;
    void (*on_events)(void *user);
    void *on_events_user;
};

/* Which stores' listeners run on this thread, innermost first: one that takes itself away must not
 * wait for itself. */
struct listening {
    const ecom_store *store;
    struct listening *outer;
};
static _Thread_local struct listening *listening;

int ecom__check_rev(uint64_t stored, uint64_t expect, ecom_error *err)
{
    if (expect == ECOM_REV_ANY || expect == stored)
        return ECOM_OK;
    if (!stored)
        return ecom_fail(err, ECOM_E_CONFLICT,
                         "the document is not there, not at revision %" PRIu64, expect);
    return ecom_fail(err, ECOM_E_CONFLICT, "the document is at revision %" PRIu64 ", not %" PRIu64,
                     stored, expect);
}

/* With every default filled in. */
static int fill_options(const ecom_store_options *in, ecom_store_options *out, ecom_error *err)
{
    ecom__options_copy(out, sizeof(*out), in);
    out->size = sizeof(*out);
    if (out->timeout_ms < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "timeout_ms", "is %d, less than 0",
                               out->timeout_ms);
    if (out->timeout_ms == 0)
        out->timeout_ms = DEFAULT_TIMEOUT_MS;
    if (!out->env)
        out->env = ecom_env_system();
    return ECOM_OK;
}

static int check_ops(const ecom_store_ops *ops, ecom_error *err)
{
    const size_t least = offsetof(ecom_store_ops, put_later); /* as version 0.1 began */

    if (!ops || ops->size < least)
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "the table has %u bytes, not %zu",
                               ops ? ops->size : 0, least);
    const char *missing = !ops->name        ? "name"
                          : !ops->get       ? "get"
                          : !ops->put       ? "put"
                          : !ops->remove    ? "remove"
                          : !ops->find      ? "find"
                          : !ops->pending   ? "pending"
                          : !ops->published ? "published"
                          : !ops->backlog   ? "backlog"
                          : !ops->ping      ? "ping"
                          : !ops->close     ? "close"
                                            : NULL;
    if (missing)
        return ecom_fail_field(err, ECOM_E_INVAL, missing, "is missing in the table");
    return ECOM_OK;
}

int ecom_store_new(const ecom_store_ops *ops, void *self, const ecom_store_options *opts,
                   ecom_store **out, ecom_error *err)
{
    ecom_store_options options;
    int r;

    if ((r = check_ops(ops, err)) < 0 || (r = fill_options(opts, &options, err)) < 0)
        return r;
    ecom_store *store = calloc(1, sizeof(*store));
    if (!store)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    ecom__options_copy(&store->ops, sizeof(store->ops), ops);
    store->self = self;
    store->env = options.env;
    store->timeout_ms = options.timeout_ms;
    store->origin = ecom_id_new(ecom_env_system()); /* not of a chance that others may share */
    pthread_mutex_init(&store->lock, NULL);
    ecom__cond_init(&store->left);
    *out = store;
    return ECOM_OK;
}

int ecom_store_open(const char *url, const ecom_store_options *opts, ecom_store **out,
                    ecom_error *err)
{
    const ecom_scheme *scheme = NULL;
    ecom_store_options options;
    const char *rest;
    int r = fill_options(opts, &options, err);

    if (r < 0)
        return r;
    if ((rest = ecom__scheme_rest(url, "memory")))
        return ecom__store_open_memory(rest, &options, out, err);
    if ((rest = ecom__scheme_rest(url, "sqlite")))
        return ecom__store_open_sqlite(rest, &options, out, err);
    if ((r = ecom__scheme_find(url, &scheme, err)) < 0)
        return r;
    if (!scheme->open_store)
        return ecom_fail(err, ECOM_E_NOTSUP, "\"%s:\" is no store, only a bus", scheme->name);
    return scheme->open_store(url, &options, out, err);
}

#if !ECOM_HAVE_SQLITE
int ecom__store_open_sqlite(const char *path, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err)
{
    (void)path, (void)opts, (void)out;
    return ecom_fail(err, ECOM_E_NOTSUP, "this libecom was built without SQLite");
}
#endif

/* Lets a call in: at once, or, where the backend takes one at a time, when its turn comes. */
static int enter(ecom_store *store, ecom_error *err)
{
    if (!store)
        return ecom_fail(err, ECOM_E_INVAL, "no store");
    unsigned room = store->ops.caps & ECOM_CAP_CONCURRENT ? UINT32_MAX : 1;
    int r = ECOM_OK;

    pthread_mutex_lock(&store->lock);
    if (!store->closing && store->inside >= room) {
        struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, store->timeout_ms);
        int late = 0;
        store->waiting++;
        while (!store->closing && store->inside >= room && late != ETIMEDOUT)
            late = pthread_cond_timedwait(&store->left, &store->lock, &until);
        store->waiting--;
    }
    if (store->closing)
        r = ecom_fail(err, ECOM_E_CLOSED, "the store is closing");
    else if (store->inside >= room)
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "the store was busy for %d ms", store->timeout_ms);
    else
        store->inside++;
    if (store->closing)
        pthread_cond_broadcast(&store->left);
    pthread_mutex_unlock(&store->lock);
    return r;
}

static void leave(ecom_store *store)
{
    pthread_mutex_lock(&store->lock);
    store->inside--;
    if (store->waiting || store->closing)
        pthread_cond_broadcast(&store->left);
    pthread_mutex_unlock(&store->lock);
}

/* Leaves a put that left events behind. The listener is called under no lock, and counted so that
 * nobody frees it, or the store, meanwhile. */
static void leave_and_tell(ecom_store *store)
{
    struct listening here = {store, listening};

    pthread_mutex_lock(&store->lock);
    void (*fn)(void *user) = store->on_events;
    void *user = store->on_events_user;
    if (fn)
        store->listening++;
    pthread_mutex_unlock(&store->lock);
    leave(store);
    if (!fn)
        return;

    listening = &here;
    fn(user);
    listening = here.outer;
    pthread_mutex_lock(&store->lock);
    store->listening--;
    pthread_cond_broadcast(&store->left);
    pthread_mutex_unlock(&store->lock);
}

void ecom_store_on_events(ecom_store *store, void (*fn)(void *user), void *user)
{
    unsigned own = 0;

    for (const struct listening *l = listening; l; l = l->outer)
        own += l->store == store;
    pthread_mutex_lock(&store->lock);
    store->on_events = fn;
    store->on_events_user = user;
    while (!fn && store->listening > own)
        pthread_cond_wait(&store->left, &store->lock);
    pthread_mutex_unlock(&store->lock);
}

void ecom_store_close(ecom_store *store)
{
    if (!store)
        return;
    pthread_mutex_lock(&store->lock);
    store->closing = 1;
    pthread_cond_broadcast(&store->left);
    while (store->inside || store->waiting || store->listening)
        pthread_cond_wait(&store->left, &store->lock);
    pthread_mutex_unlock(&store->lock);
    store->ops.close(store->self);
    pthread_cond_destroy(&store->left);
    pthread_mutex_destroy(&store->lock);
    free(store);
}

static int json_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Its outline only: that it is valid JSON is the caller's word. */
static int check_doc(ecom_str doc, ecom_error *err)
{
    int r = ecom__check_bytes("doc", doc, 1, ECOM_STORE_MAX_DOC, err);
    size_t from = 0, to = doc.n;

    if (r < 0)
        return r;
    while (from < to && json_space(doc.p[from]))
        from++;
    while (to > from && json_space(doc.p[to - 1]))
        to--;
    if (to - from < 2 || doc.p[from] != '{' || doc.p[to - 1] != '}')
        return ecom_fail_field(err, ECOM_E_INVAL, "doc", "is not a JSON object");
    return ECOM_OK;
}

static int check_key(ecom_str collection, ecom_str id, ecom_error *err)
{
    int r = ecom__check_name("collection", collection, ECOM_STORE_MAX_NAME, err);

    return r < 0 ? r : ecom__check_id("id", id, ECOM_STORE_MAX_ID, err);
}

static int check_entry(const ecom_entry *entry, ecom_error *err)
{
    int r = ecom__check_name("index", entry->index, ECOM_STORE_MAX_NAME, err);

    return r < 0 ? r : ecom__check_bytes("value", entry->value, 1, ECOM_STORE_MAX_VALUE, err);
}

static int check_entries(const ecom_entry *entries, size_t n, ecom_error *err)
{
    int r = ecom__check_count("entries", n, ECOM_STORE_MAX_ENTRIES, entries, err);

    for (size_t i = 0; r == ECOM_OK && i < n; i++)
        r = ecom__fail_within("entries", i, check_entry(&entries[i], err), err);
    return r;
}

static int check_event(const ecom_msg *event, ecom_error *err)
{
    int r = ecom__check_id("id", event->id, ECOM_STORE_MAX_ID, err);

    return r < 0 ? r : ecom__check_msg(event, err);
}

static int check_events(const ecom_msg *events, size_t n, ecom_error *err)
{
    int r = ecom__check_count("events", n, ECOM_STORE_MAX_EVENTS, events, err);

    for (size_t i = 0; r == ECOM_OK && i < n; i++)
        r = ecom__fail_within("events", i, check_event(&events[i], err), err);
    return r;
}

static int check_change(const ecom_change *change, ecom_error *err)
{
    int r = check_key(change->collection, change->id, err);

    if (r == ECOM_OK)
        r = check_doc(change->doc, err);
    if (r == ECOM_OK)
        r = check_entries(change->entries, change->nentries, err);
    return r < 0 ? r : check_events(change->events, change->nevents, err);
}

static ecom_store_write write_of(const ecom_store *store, const ecom_change *change)
{
    return (ecom_store_write){
        .change = change,
        .origin = {store->origin.s, sizeof(store->origin.s) - 1},
        .now_ms = ecom_env_now_ms(store->env),
    };
}

int ecom_store_put(ecom_store *store, const ecom_change *change, uint64_t *rev, ecom_error *err)
{
    uint64_t written;
    int r = check_change(change, err);

    if (r < 0 || (r = enter(store, err)) < 0)
        return r;
    const ecom_store_write write = write_of(store, change);
    r = store->ops.put(store->self, &write, &written, err);
    ecom__room_note(&store->room, store->env, r);
    if (r == ECOM_OK && rev)
        *rev = written;
    if (r == ECOM_OK && change->nevents)
        leave_and_tell(store);
    else
        leave(store);
    return r;
}

/* A put that is not waited for. */
struct later {
    ecom_store *store;
    ecom_store_write write;
    ecom_put_fn fn;
    void *user;
};

static void on_done(void *user, int r, uint64_t rev, ecom_error *err)
{
    struct later *later = user;
    ecom_store *store = later->store;
    int tells = r == ECOM_OK && later->write.change->nevents;

    ecom__room_note(&store->room, store->env, r);
    later->fn(later->user, r, rev, err);
    free(later);
    if (tells)
        leave_and_tell(store);
    else
        leave(store);
}

static int has_put_later(const ecom_store *store)
{
    return store->ops.put_later && store->ops.caps & ECOM_CAP_CONCURRENT;
}

int ecom__store_puts_later(const ecom_store *store)
{
    return has_put_later(store) && store->ops.caps & ECOM_CAP_PUT_LATER;
}

static int wait_for(ecom_store *store, struct later *later)
{
    ecom_error why = {0};
    uint64_t rev = 0;
    int r = store->ops.put(store->self, &later->write, &rev, &why);

    on_done(later, r, rev, &why);
    return ECOM_OK;
}

static int put_later(ecom_store *store, const ecom_change *change, ecom_put_fn fn, void *user,
                     int waits, ecom_error *err)
{
    int r = check_change(change, err);
    struct later *later = r < 0 ? NULL : malloc(sizeof(*later));

    if (r == ECOM_OK && !later)
        r = ecom_fail(err, ECOM_E_NOMEM, "no memory for a put");
    if (r == ECOM_OK)
        r = enter(store, err);
    if (r == ECOM_OK) {
        *later = (struct later){store, write_of(store, change), fn, user};
        r = has_put_later(store)
                ? store->ops.put_later(store->self, &later->write, on_done, later, err)
                : ECOM_WOULD_WAIT;
        if (r == ECOM_WOULD_WAIT && waits)
            return wait_for(store, later);
        if (r == ECOM_OK)
            return r;
        leave(store);
    }
    free(later);
    return r;
}

int ecom_store_put_later(ecom_store *store, const ecom_change *change, ecom_put_fn fn, void *user,
                         ecom_error *err)
{
    return put_later(store, change, fn, user, 1, err);
}

int ecom_store_try_put_later(ecom_store *store, const ecom_change *change, ecom_put_fn fn,
                             void *user, ecom_error *err)
{
    if (store && !ecom__store_puts_later(store))
        return ECOM_WOULD_WAIT;
    return put_later(store, change, fn, user, 0, err);
}

int ecom_store_get(ecom_store *store, ecom_str collection, ecom_str id, ecom_buf *doc,
                   uint64_t *rev, ecom_error *err)
{
    uint64_t read;
    int r = check_key(collection, id, err);

    if (r < 0 || (r = enter(store, err)) < 0)
        return r;
    r = store->ops.get(store->self, collection, id, doc, &read, err);
    if (r == ECOM_OK && rev)
        *rev = read;
    leave(store);
    return r;
}

int ecom_store_remove(ecom_store *store, ecom_str collection, ecom_str id, uint64_t expect,
                      ecom_error *err)
{
    int r = check_key(collection, id, err);

    if (r == ECOM_OK && expect == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, "expect",
                            "is 0: what is removed has a revision, or ECOM_REV_ANY");
    if (r < 0 || (r = enter(store, err)) < 0)
        return r;
    r = store->ops.remove(store->self, collection, id, expect, err);
    ecom__room_note(&store->room, store->env, r);
    leave(store);
    return r;
}

static int check_limit(uint32_t *limit, ecom_error *err)
{
    if (*limit == 0)
        *limit = DEFAULT_PAGE;
    if (*limit > ECOM_STORE_MAX_PAGE)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "limit", "is %u, at most %d are given at once",
                               *limit, ECOM_STORE_MAX_PAGE);
    return ECOM_OK;
}

/* By id, the bounds are ids, and a row's value is empty. */
static int check_range(const ecom_query *query, ecom_error *err)
{
    size_t max = query->index.n ? ECOM_STORE_MAX_VALUE : ECOM_STORE_MAX_ID;
    int r = ecom__check_bytes("from", query->from, 0, max, err);

    if (r == ECOM_OK)
        r = ecom__check_bytes("to", query->to, 0, max, err);
    if (r == ECOM_OK)
        r = ecom__check_bytes("after_value", query->after_value, 0, query->index.n ? max : 0, err);
    if (r == ECOM_OK)
        r = ecom__check_bytes("after_id", query->after_id, 0, ECOM_STORE_MAX_ID, err);
    if (r == ECOM_OK && query->index.n && !query->after_value.n != !query->after_id.n)
        r = ecom_fail_field(err, ECOM_E_INVAL, query->after_id.n ? "after_value" : "after_id",
                            "is missing: a row to go on behind has both");
    return r;
}

static int check_query(ecom_query *query, ecom_error *err)
{
    int r = ecom__check_name("collection", query->collection, ECOM_STORE_MAX_NAME, err);

    if (r == ECOM_OK && query->index.n)
        r = ecom__check_name("index", query->index, ECOM_STORE_MAX_NAME, err);
    if (r == ECOM_OK)
        r = check_range(query, err);
    return r < 0 ? r : check_limit(&query->limit, err);
}

struct finding {
    ecom_row_fn row;
    void *user;
    int strange;
};

/* What a database holds may be by other hands, and who gets a row relies on the limits of put. */
static int check_row(void *user, const ecom_row *row)
{
    struct finding *finding = user;

    finding->strange = row->id.n < 1 || row->id.n > ECOM_STORE_MAX_ID;
    return finding->strange ? 1 : finding->row(finding->user, row);
}

int ecom_store_find(ecom_store *store, const ecom_query *query, ecom_row_fn row, void *user,
                    int *more, ecom_error *err)
{
    struct finding finding = {row, user, 0};
    ecom_query checked = *query;
    int cut, r = check_query(&checked, err);

    if (r < 0 || (r = enter(store, err)) < 0)
        return r;
    r = store->ops.find(store->self, &checked, check_row, &finding, &cut, err);
    if (r == ECOM_OK && finding.strange)
        r = ecom_fail(err, ECOM_E_CORRUPT, "a document is stored under an id that is none");
    if (r == ECOM_OK && more)
        *more = cut;
    leave(store);
    return r;
}

int ecom_store_pending(ecom_store *store, int64_t before_ms, uint32_t limit, ecom_pending_fn row,
                       void *user, ecom_error *err)
{
    const ecom_str origin = {store->origin.s, sizeof(store->origin.s) - 1};
    int r = check_limit(&limit, err);

    if (r < 0 || (r = enter(store, err)) < 0)
        return r;
    r = store->ops.pending(store->self, origin, before_ms, limit, row, user, err);
    leave(store);
    return r;
}

int ecom_store_published(ecom_store *store, const ecom_str *tokens, size_t n, ecom_error *err)
{
    int r = ecom__check_count("tokens", n, ECOM_STORE_MAX_PAGE, tokens, err);

    if (r < 0 || n == 0 || (r = enter(store, err)) < 0)
        return r;
    r = store->ops.published(store->self, tokens, n, err);
    ecom__room_note(&store->room, store->env, r);
    leave(store);
    return r;
}

int ecom_store_backlog(ecom_store *store, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    uint64_t waiting;
    int64_t oldest;
    int r = enter(store, err);

    if (r < 0)
        return r;
    r = store->ops.backlog(store->self, &waiting, &oldest, err);
    if (r == ECOM_OK && count)
        *count = waiting;
    if (r == ECOM_OK && oldest_ms)
        *oldest_ms = oldest;
    leave(store);
    return r;
}

int ecom_store_ping(ecom_store *store, ecom_error *err)
{
    int r = enter(store, err);

    if (r < 0)
        return r;
    r = store->ops.ping(store->self, err);
    if (r == ECOM_OK)
        r = ecom__room_check(&store->room, store->env, err);
    leave(store);
    return r;
}

struct ecom_watch {
    ecom_store *store;
    void *self;
};

int ecom__store_can_watch(const ecom_store *store)
{
    const ecom_store_ops *ops = &store->ops;

    return ops->watch && ops->wait && ops->unwatch && ops->caps & ECOM_CAP_CONCURRENT;
}

int ecom_store_watch(ecom_store *store, ecom_watch **out, ecom_error *err)
{
    if (!ecom__store_can_watch(store))
        return ecom_fail(err, ECOM_E_NOTSUP, "\"%s\" does not tell of others' events",
                         store->ops.name);
    ecom_watch *watch = calloc(1, sizeof(*watch));
    int r = watch ? enter(store, err) : ecom_fail(err, ECOM_E_NOMEM, "no memory for a watch");
    if (r == ECOM_OK) {
        const ecom_str origin = {store->origin.s, sizeof(store->origin.s) - 1};
        watch->store = store;
        r = store->ops.watch(store->self, origin, &watch->self, err);
        leave(store);
    }
    if (r == ECOM_OK)
        *out = watch;
    else
        free(watch);
    return r;
}

int ecom_watch_wait(ecom_watch *watch, int32_t timeout_ms, ecom_error *err)
{
    if (timeout_ms < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "timeout_ms", "is %d, less than 0", timeout_ms);
    return watch->store->ops.wait(watch->self, timeout_ms, err);
}

void ecom_watch_close(ecom_watch *watch)
{
    if (!watch)
        return;
    watch->store->ops.unwatch(watch->self);
    free(watch);
}
