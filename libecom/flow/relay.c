#include "flow/relay.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "flow/backoff.h"
#include "base/thread.h"

enum {
    DEFAULT_BATCH = 256,
    DEFAULT_SWEEP_MS = 1000,
    DEFAULT_GRACE_MS = 2000,
    DEFAULT_MAX_BACKOFF_MS = 5000,
    FIRST_BACKOFF_MS = 50,
    MAX_WAIT_MS = 3600000,
    PARK_MS = 60000,
    GATHER_EVENTS = 12, /* a millisecond */
    MAX_GATHER_MS = 20,
    BATCH_BYTES = 16 << 20 /* of a batch, all told; one event is never more than 1.2 MiB */
};

static int check(const ecom_relay_options *o, ecom_error *err)
{
    if (!o || o->size < sizeof(*o))
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "must be set: ECOM_RELAY_OPTIONS_INIT");
    if (!o->store)
        return ecom_fail_field(err, ECOM_E_INVAL, "store", "must be set");
    if (!o->bus)
        return ecom_fail_field(err, ECOM_E_INVAL, "bus", "must be set");
    if (o->batch > ECOM_BUS_MAX_BATCH)
        return ecom_fail_field(err, ECOM_E_INVAL, "batch", "must be at most %d, not %" PRIu32,
                               ECOM_BUS_MAX_BATCH, o->batch);
    const struct {
        const char *field;
        int32_t ms;
    } waits[] = {
        {"sweep_ms", o->sweep_ms},
        {"grace_ms", o->grace_ms},
        {"max_backoff_ms", o->max_backoff_ms},
    };
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++)
        if (waits[i].ms < 0 || waits[i].ms > MAX_WAIT_MS)
            return ecom_fail_field(err, ECOM_E_INVAL, waits[i].field,
                                   "must be 0 to %d, not %" PRId32, MAX_WAIT_MS, waits[i].ms);
    return ECOM_OK;
}

static void register_metrics(ecom_relay *r, ecom_metrics *m)
{
    if (!m)
        return;
    r->published = ecom_metrics_series(m, ECOM_COUNTER, "ecom_outbox_published_total",
                                       "Events published by the relay.", NULL);
    r->failed = ecom_metrics_series(m, ECOM_COUNTER, "ecom_outbox_failures_total",
                                    "Times the store or the bus failed the relay.", NULL);
    r->backlog = ecom_metrics_series(m, ECOM_GAUGE, "ecom_outbox_backlog",
                                     "Events that wait to be published.", NULL);
    r->oldest = ecom_metrics_series(m, ECOM_GAUGE, "ecom_outbox_oldest_seconds",
                                    "How long the oldest of them has waited.", NULL);
    r->parked_gauge = ecom_metrics_series(
        m, ECOM_GAUGE, "ecom_outbox_parked",
        "Events held back, for the bus refuses them or one before them of their document.", NULL);
}

int ecom_relay_new(const ecom_relay_options *opts, ecom_relay **out, ecom_error *err)
{
    int r = check(opts, err);

    if (r < 0)
        return r;
    ecom_relay *relay = calloc(1, sizeof(*relay));
    if (!relay)
        return ecom_fail(err, ECOM_E_NOMEM, "a relay");
    relay->store = opts->store;
    relay->bus = opts->bus;
    relay->env = opts->env ? opts->env : ecom_env_system();
    relay->log = opts->log;
    relay->batch = opts->batch ? opts->batch : DEFAULT_BATCH;
    relay->sweep_ms = opts->sweep_ms ? opts->sweep_ms : DEFAULT_SWEEP_MS;
    relay->grace_ms = opts->grace_ms ? opts->grace_ms : DEFAULT_GRACE_MS;
    relay->max_backoff_ms = opts->max_backoff_ms ? opts->max_backoff_ms : DEFAULT_MAX_BACKOFF_MS;
    relay->gauged_us = INT64_MIN;
    relay->waiting = UINT64_MAX;
    relay->idle_cap = ECOM__RELAY_ALONE;
    pthread_mutex_init(&relay->mutex, NULL);
    ecom__cond_init(&relay->wake);
    ecom__cond_init(&relay->unpause);
    relay->arena = ecom_arena_new(BATCH_BYTES);
    relay->msgs = calloc(relay->batch, sizeof(*relay->msgs));
    relay->tokens = calloc(relay->batch, sizeof(*relay->tokens));
    relay->origins = calloc(relay->batch, sizeof(*relay->origins));
    if (!relay->arena || !relay->msgs || !relay->tokens || !relay->origins) {
        ecom_relay_free(relay);
        return ecom_fail(err, ECOM_E_NOMEM, "a relay");
    }
    register_metrics(relay, opts->metrics);
    *out = relay;
    return ECOM_OK;
}

void ecom_relay_free(ecom_relay *relay)
{
    if (!relay)
        return;
    ecom_relay_stop(relay, 0);
    for (struct parked *p = relay->parked, *next; p; p = next) {
        next = p->next;
        free(p);
    }
    pthread_cond_destroy(&relay->unpause);
    pthread_cond_destroy(&relay->wake);
    pthread_mutex_destroy(&relay->mutex);
    ecom_arena_free(relay->arena);
    free(relay->msgs);
    free(relay->tokens);
    free(relay->origins);
    free(relay);
}

static int64_t mono_us(const ecom_relay *relay)
{
    return relay->env->monotonic_us(relay->env->self);
}

/* Documents that the bus refuses an event of. */

static int is_parked(const ecom_relay *relay, const struct origin *doc)
{
    for (const struct parked *p = relay->parked; p; p = p->next)
        if (ecom_str_eq(p->collection, doc->collection) && ecom_str_eq(p->id, doc->id))
            return 1;
    return 0;
}

static void unpark_due(ecom_relay *relay)
{
    int64_t now = mono_us(relay);

    for (struct parked **link = &relay->parked; *link;) {
        struct parked *p = *link;
        if (p->until_us <= now) {
            *link = p->next;
            free(p);
        } else {
            link = &p->next;
        }
    }
}

/* An event that the bus will not have must not hold up the others: its document waits aside, the
 * event stays pending, and is tried again every minute and after each start. */
static int park(ecom_relay *relay, const ecom_error *why, ecom_error *err)
{
    const struct origin *doc = &relay->origins[0];
    size_t bytes = doc->collection.n + doc->id.n;
    struct parked *p = malloc(sizeof(*p) + bytes);

    if (!p)
        return ecom_fail(err, ECOM_E_NOMEM, "parking an event");
    char *text = (char *)(p + 1);
    memcpy(text, doc->collection.p, doc->collection.n);
    memcpy(text + doc->collection.n, doc->id.p, doc->id.n);
    *p = (struct parked){relay->parked,
                         mono_us(relay) + INT64_C(1000) * PARK_MS,
                         {text, doc->collection.n},
                         {text + doc->collection.n, doc->id.n}};
    relay->parked = p;

    const ecom_log_field fields[] = {
        {"collection", p->collection, 0},     {"id", p->id, 0},
        {"event", relay->msgs[0].id, 0},      {"topic", relay->msgs[0].topic, 0},
        {"error", ecom_str_of(why->text), 0},
    };
    ecom_log_write(relay->log, ECOM_LOG_ERROR,
                   "outbox: the bus refuses an event; its document waits aside", fields,
                   sizeof(fields) / sizeof(fields[0]));
    return ECOM_OK;
}

/* What waits. */

static ecom_str keep(ecom_relay *relay, ecom_str bytes)
{
    ecom_str copy = ecom_arena_copy(relay->arena, bytes);

    relay->no_memory |= copy.p == NULL;
    return copy;
}

static const ecom_header *keep_headers(ecom_relay *relay, const ecom_header *headers, size_t n)
{
    ecom_header *copy = n ? ecom_arena_alloc(relay->arena, n * sizeof(*copy)) : NULL;

    relay->no_memory |= n && !copy;
    for (size_t i = 0; copy && i < n; i++) {
        copy[i].name = keep(relay, headers[i].name);
        copy[i].value = keep(relay, headers[i].value);
    }
    return copy;
}

/* One row of pending(): keeps a copy. Stops when the batch or its bytes are full; what does not fit
 * comes with the next step. */
static int collect_row(void *user, const ecom_pending *row)
{
    ecom_relay *relay = user;
    size_t i = relay->n;
    struct origin doc = {row->collection, row->id};

    relay->seen++;
    if (relay->parked && is_parked(relay, &doc)) {
        relay->nparked++;
        return 0;
    }
    if (i == (relay->singly ? 1 : relay->batch))
        return relay->cut = 1;
    relay->tokens[i] = keep(relay, row->token);
    relay->origins[i] = (struct origin){keep(relay, doc.collection), keep(relay, doc.id)};
    relay->msgs[i] = row->msg;
    relay->msgs[i].id = keep(relay, row->msg.id);
    relay->msgs[i].topic = keep(relay, row->msg.topic);
    relay->msgs[i].key = keep(relay, row->msg.key);
    relay->msgs[i].body = keep(relay, row->msg.body);
    relay->msgs[i].headers = keep_headers(relay, row->msg.headers, row->msg.nheaders);
    if (relay->no_memory)
        return relay->cut = 1;
    relay->n++;
    return 0;
}

/* Reads the next batch. Parked events are read too, so the limit goes up by as many as there were
 * at the last look: they must not keep the others out. */
static int collect(ecom_relay *relay, ecom_error *err)
{
    uint32_t limit = relay->batch + relay->nparked;
    int64_t before = relay->ahead ? INT64_MAX : ecom_env_now_ms(relay->env) - relay->grace_ms;

    if (limit > ECOM_STORE_MAX_PAGE)
        limit = ECOM_STORE_MAX_PAGE;
    ecom_arena_reset(relay->arena);
    relay->n = 0;
    relay->seen = relay->nparked = 0;
    relay->cut = relay->no_memory = 0;
    unpark_due(relay);
    int r = ecom_store_pending(relay->store, before, limit, collect_row, relay, err);
    if (r < 0)
        return r;
    if (relay->no_memory && relay->n == 0)
        return ecom_fail(err, ECOM_E_NOMEM, "reading the outbox");
    relay->cut |= relay->seen == limit && (relay->n > 0 || limit < ECOM_STORE_MAX_PAGE);
    ecom_series_set(relay->parked_gauge, relay->nparked);
    return ECOM_OK;
}

/* Publishes the batch. When the bus refuses it, what was in it goes one by one: which event is at
 * fault is sure only when it goes alone. */
static int publish(ecom_relay *relay, ecom_error *err)
{
    size_t done = 0;
    int r = ecom_bus_publish(relay->bus, relay->msgs, relay->n, &done, err);
    int refused = r == ECOM_E_INVAL || r == ECOM_E_TOOLARGE;

    relay->durable = done;
    relay->singly -= relay->singly && done;
    ecom_series_add(relay->published, (int64_t)done);
    if (!refused)
        return r;
    relay->cut = 1;
    if (relay->n > 1) {
        relay->singly = (uint32_t)relay->n;
        return ECOM_OK;
    }
    relay->singly = 0;
    ecom_series_add(relay->failed, 1);
    ecom_error why = *err;
    return park(relay, &why, err);
}

/* Has the store forget what is durable. Until it has, nothing more is published: that would only
 * be the same again. */
static int forget(ecom_relay *relay, ecom_error *err)
{
    if (relay->durable == 0)
        return ECOM_OK;
    int r = ecom_store_published(relay->store, relay->tokens, relay->durable, err);
    if (r == ECOM_OK)
        relay->durable = 0;
    return r;
}

/* Sets the gauges, once a sweep: counting may cost the store something. What a dead process left
 * behind before the clock was set back would not be of the past for as long: it goes now. */
static void gauge(ecom_relay *relay)
{
    int64_t now = mono_us(relay), oldest_ms = 0;
    uint64_t count = 0;

    if (relay->gauged_us != INT64_MIN && now - relay->gauged_us < INT64_C(1000) * relay->sweep_ms)
        return;
    relay->gauged_us = now;
    relay->ahead = 0;
    relay->waiting = UINT64_MAX;
    if (ecom_store_backlog(relay->store, &count, &oldest_ms, NULL) < 0)
        return;
    int64_t age_ms = oldest_ms ? ecom_env_now_ms(relay->env) - oldest_ms : 0;
    relay->ahead = age_ms < -relay->grace_ms;
    relay->waiting = count;
    ecom_series_set(relay->backlog, (int64_t)count);
    ecom_series_set(relay->oldest, age_ms > 0 ? age_ms / 1000 : 0);
}

static int32_t failed(ecom_relay *relay, const ecom_error *why)
{
    const ecom_log_field field = {"error", ecom_str_of(why->text), 0};
    int64_t ms =
        ecom__backoff_ms(relay->env, FIRST_BACKOFF_MS, relay->max_backoff_ms, ++relay->failures);

    ecom_series_add(relay->failed, 1);
    ecom_log_write(relay->log, relay->failures == 1 ? ECOM_LOG_WARN : ECOM_LOG_DEBUG,
                   "outbox: cannot publish, trying again", &field, 1);
    relay->why = *why;
    relay->retry_us = mono_us(relay) + ms * 1000;
    return (int32_t)ms;
}

static void recovered(ecom_relay *relay)
{
    if (relay->failures)
        ecom_log_write(relay->log, ECOM_LOG_INFO, "outbox: publishing again", NULL, 0);
    relay->failures = 0;
}

/* A publish syncs the bus, and the disk is the one that orders are waiting for: the more went at
 * once, the longer the next ones come together. Behind a lone one nothing is delayed. */
static int32_t gather_ms(const ecom_relay *relay, size_t sent)
{
    size_t ms = sent / GATHER_EVENTS;

    return relay->cut ? 0 : ms < MAX_GATHER_MS ? (int32_t)ms : MAX_GATHER_MS;
}

/* How much of the back-off is left, in whole ms. */
static int32_t backoff_left(const ecom_relay *relay)
{
    int64_t us = relay->failures ? relay->retry_us - mono_us(relay) : 0;

    return us > 0 ? (int32_t)((us + 999) / 1000) : 0;
}

/* How long until the next look: longer and longer while nothing waits, not even what is still its
 * writer's to publish. */
static int32_t until_next(ecom_relay *relay)
{
    if (relay->cut)
        return 0;
    if (relay->n || relay->waiting) {
        relay->idle = 0;
        return relay->sweep_ms;
    }
    if (relay->idle > relay->idle_cap)
        relay->idle = relay->idle_cap;
    int64_t ms = (int64_t)relay->sweep_ms << relay->idle++;
    return ms < MAX_WAIT_MS ? (int32_t)ms : MAX_WAIT_MS;
}

int ecom_relay_step(ecom_relay *relay, int32_t *wait_ms, ecom_error *err)
{
    ecom_error why = {0};
    size_t sent = 0;

    if (!relay || !wait_ms)
        return ecom_fail(err, ECOM_E_INVAL, "a relay and wait_ms must be given");
    if ((*wait_ms = backoff_left(relay)) > 0) {
        if (err)
            *err = relay->why;
        return relay->why.code;
    }

    gauge(relay);
    relay->gather_ms = 0;
    int r = forget(relay, &why);
    if (r == ECOM_OK)
        r = collect(relay, &why);
    if (r == ECOM_OK && relay->n > 0) {
        r = publish(relay, &why);
        sent = relay->durable;
        ecom_error unforgotten = {0};
        int f = forget(relay, &unforgotten);
        if (r == ECOM_OK && f < 0) {
            r = f;
            why = unforgotten;
        }
    }
    if (r == ECOM_OK) {
        recovered(relay);
        relay->gather_ms = gather_ms(relay, sent);
        *wait_ms = until_next(relay);
        return (int)sent;
    }
    *wait_ms = failed(relay, &why);
    if (sent > 0)
        return (int)sent;
    if (err)
        *err = why;
    return r;
}
