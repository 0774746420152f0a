#include "bus/embedded.h"

#include <assert.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/room.h"
#include "base/scheme.h"
#include "ecom-config.h"

enum {
    DEFAULT_TIMEOUT_MS = 5000,
    DEFAULT_PARTITIONS = 8,
    DEFAULT_SESSION_MS = 10000,
    MAX_BACK = 1000000,
    FEW = 16 /* messages that are stamped on the stack */
};
#define DEFAULT_RETENTION_MS (INT64_C(7) * 86400000)

struct ecom_bus {
    ecom_bus_ops ops;
    void *self;
    ecom_bus_options opts;
    struct ecom__room room;
    pthread_mutex_t serial; /* held by each call, when the backend wants one at a time */
    pthread_mutex_t mutex;
    pthread_cond_t idle;
    uint32_t in_flight, members;
    int closing;
};

struct ecom_member {
    ecom_bus *bus;
    void *self;
};

/* Options with every default filled in, whatever the caller's version of the struct. */
static int fill(const ecom_bus_options *opts, ecom_bus_options *out, ecom_error *err)
{
    ecom_bus_options o = ECOM_BUS_OPTIONS_INIT;
    const uint32_t least = offsetof(ecom_bus_options, max_bytes); /* as version 0.1 began */

    if (opts && opts->size < least)
        return ecom_fail_field(err, ECOM_E_INVAL, "size",
                               "options of %" PRIu32 " bytes: start from ECOM_BUS_OPTIONS_INIT",
                               opts->size);
    if (opts)
        memcpy(&o, opts, opts->size < sizeof(o) ? opts->size : sizeof(o));
    o.size = sizeof(o);
    if (o.timeout_ms < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "timeout_ms", "must be at least 0, not %" PRId32,
                               o.timeout_ms);
    if (o.partitions < 0 || o.partitions > ECOM_BUS_MAX_PARTITIONS)
        return ecom_fail_field(err, ECOM_E_INVAL, "partitions", "must be 0 to %d, not %" PRId32,
                               ECOM_BUS_MAX_PARTITIONS, o.partitions);
    if (o.retention_ms < -1)
        return ecom_fail_field(err, ECOM_E_INVAL, "retention_ms",
                               "must be at least -1, not %" PRId64, o.retention_ms);
    o.env = o.env ? o.env : ecom_env_system();
    o.timeout_ms = o.timeout_ms ? o.timeout_ms : DEFAULT_TIMEOUT_MS;
    o.partitions = o.partitions ? o.partitions : DEFAULT_PARTITIONS;
    o.retention_ms = o.retention_ms ? o.retention_ms : DEFAULT_RETENTION_MS;
    *out = o;
    return ECOM_OK;
}

#if !ECOM_HAVE_SQLITE
int ecom__bus_open_sqlite(const char *rest, const ecom_bus_options *opts, ecom_bus **out,
                          ecom_error *err)
{
    (void)rest, (void)opts, (void)out;
    return ecom_fail(err, ECOM_E_NOTSUP, "this libecom is built without SQLite");
}
#endif

int ecom_bus_open(const char *url, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    const ecom_scheme *scheme = NULL;
    ecom_bus_options options;
    const char *rest;
    int r = fill(opts, &options, err);

    if (r < 0)
        return r;
    if ((rest = ecom__scheme_rest(url, "memory")))
        return ecom__bus_open_memory(rest, &options, out, err);
    if ((rest = ecom__scheme_rest(url, "sqlite")))
        return ecom__bus_open_sqlite(rest, &options, out, err);
    if ((r = ecom__scheme_find(url, &scheme, err)) < 0)
        return r;
    if (!scheme->open_bus)
        return ecom_fail(err, ECOM_E_NOTSUP, "\"%s:\" is no bus, only a store", scheme->name);
    return scheme->open_bus(url, &options, out, err);
}

static int check_ops(const ecom_bus_ops *ops, ecom_error *err)
{
    if (!ops || ops->size < sizeof(*ops))
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "the table has %u bytes, not %zu",
                               ops ? ops->size : 0, sizeof(*ops));
    const char *missing = !ops->name           ? "name"
                          : !ops->publish      ? "publish"
                          : !ops->create_topic ? "create_topic"
                          : !ops->topics       ? "topics"
                          : !ops->ping         ? "ping"
                          : !ops->close        ? "close"
                          : !ops->subscribe    ? "subscribe"
                          : !ops->poll         ? "poll"
                          : !ops->wake         ? "wake"
                          : !ops->ack          ? "ack"
                          : !ops->lag          ? "lag"
                          : !ops->leave        ? "leave"
                                               : NULL;
    if (missing)
        return ecom_fail_field(err, ECOM_E_INVAL, missing, "is missing in the table");
    return ECOM_OK;
}

int ecom_bus_new(const ecom_bus_ops *ops, void *self, const ecom_bus_options *opts, ecom_bus **out,
                 ecom_error *err)
{
    ecom_bus_options filled;
    int r;

    if ((r = check_ops(ops, err)) < 0 || (r = fill(opts, &filled, err)) < 0)
        return r;
    ecom_bus *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a bus");
    bus->ops = *ops;
    bus->self = self;
    bus->opts = filled;
    pthread_mutex_init(&bus->serial, NULL);
    pthread_mutex_init(&bus->mutex, NULL);
    pthread_cond_init(&bus->idle, NULL);
    *out = bus;
    return ECOM_OK;
}

/* Counts a call in, so that close() waits for it. */
static int enter(ecom_bus *bus, ecom_error *err)
{
    if (!bus)
        return ecom_fail(err, ECOM_E_INVAL, "no bus");
    pthread_mutex_lock(&bus->mutex);
    int closing = bus->closing;
    bus->in_flight += !closing;
    pthread_mutex_unlock(&bus->mutex);
    if (closing)
        return ecom_fail(err, ECOM_E_CLOSED, "the bus is closing");
    if (!(bus->ops.caps & ECOM_CAP_CONCURRENT))
        pthread_mutex_lock(&bus->serial);
    return ECOM_OK;
}

static int leave(ecom_bus *bus, int r)
{
    if (!(bus->ops.caps & ECOM_CAP_CONCURRENT))
        pthread_mutex_unlock(&bus->serial);
    pthread_mutex_lock(&bus->mutex);
    if (--bus->in_flight == 0)
        pthread_cond_broadcast(&bus->idle);
    pthread_mutex_unlock(&bus->mutex);
    return r;
}

void ecom_bus_close(ecom_bus *bus)
{
    if (!bus)
        return;
    pthread_mutex_lock(&bus->mutex);
    bus->closing = 1;
    while (bus->in_flight)
        pthread_cond_wait(&bus->idle, &bus->mutex);
    pthread_mutex_unlock(&bus->mutex);
    assert(bus->members == 0);
    bus->ops.close(bus->self);
    pthread_cond_destroy(&bus->idle);
    pthread_mutex_destroy(&bus->mutex);
    pthread_mutex_destroy(&bus->serial);
    free(bus);
}

static int check_batch(const ecom_msg *msgs, size_t n, ecom_error *err)
{
    int r = ecom__check_count("msgs", n, ECOM_BUS_MAX_BATCH, msgs, err);

    if (r == ECOM_OK && n == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, "msgs", "are missing");
    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        r = ecom__fail_within("msgs", i, ecom__check_msg(&msgs[i], err), err);
    return r;
}

/* A message without a time is of now: backends never see 0. */
static int publish_stamped(ecom_bus *bus, const ecom_msg *msgs, size_t n, size_t *done,
                           ecom_error *err)
{
    ecom_msg few[FEW], *copy = few;
    size_t bare = 0;

    while (bare < n && msgs[bare].time_ms != 0)
        bare++;
    if (bare == n)
        return bus->ops.publish(bus->self, msgs, n, done, err);
    if (n > FEW && !(copy = malloc(n * sizeof(*copy))))
        return ecom_fail(err, ECOM_E_NOMEM, "publishing %zu messages", n);
    memcpy(copy, msgs, n * sizeof(*copy));
    int64_t now = ecom_env_now_ms(bus->opts.env);
    for (size_t i = bare; i < n; i++)
        copy[i].time_ms = copy[i].time_ms ? copy[i].time_ms : now;
    int r = bus->ops.publish(bus->self, copy, n, done, err);
    if (copy != few)
        free(copy);
    return r;
}

static void log_failure(const ecom_bus *bus, const char *what, const ecom_error *e)
{
    ecom_log_field fields[] = {{"backend", ecom_str_of(bus->ops.name), 0},
                               {"code", ecom_str_of(ecom_code_of(e->code)->name), 0},
                               {"error", ecom_str_of(e->text), 0}};

    ecom_log_write(bus->opts.log, ECOM_LOG_DEBUG, what, fields, 3);
}

int ecom_bus_publish(ecom_bus *bus, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    size_t ignored, *out = done ? done : &ignored;
    ecom_error unread;

    *out = 0;
    err = err ? err : &unread;
    int r = enter(bus, err);
    if (r < 0)
        return r;
    r = check_batch(msgs, n, err);
    if (r == ECOM_OK) {
        r = publish_stamped(bus, msgs, n, out, err);
        assert(*out <= n);
        ecom__room_note(&bus->room, bus->opts.env, r);
        if (r == ECOM_OK)
            *out = n;
        else
            log_failure(bus, "publish failed", err);
    }
    return leave(bus, r);
}

int ecom_bus_create_topic(ecom_bus *bus, ecom_str topic, int32_t partitions, ecom_error *err)
{
    int r = enter(bus, err);

    if (r < 0)
        return r;
    r = ecom_bus_name_check("topic", topic, err);
    if (r == ECOM_OK && (partitions < 0 || partitions > ECOM_BUS_MAX_PARTITIONS))
        r = ecom_fail_field(err, ECOM_E_INVAL, "partitions", "must be 0 to %d, not %" PRId32,
                            ECOM_BUS_MAX_PARTITIONS, partitions);
    if (r == ECOM_OK)
        r = bus->ops.create_topic(bus->self, topic, partitions ? partitions : bus->opts.partitions,
                                  err);
    return leave(bus, r);
}

int ecom_bus_topics(ecom_bus *bus, ecom_msg_fn row, void *user, ecom_error *err)
{
    int r = enter(bus, err);

    return r < 0 ? r : leave(bus, bus->ops.topics(bus->self, row, user, err));
}

int ecom_bus_ping(ecom_bus *bus, ecom_error *err)
{
    int r = enter(bus, err);

    if (r < 0)
        return r;
    r = bus->ops.ping(bus->self, err);
    if (r == ECOM_OK)
        r = ecom__room_check(&bus->room, bus->opts.env, err);
    return leave(bus, r);
}

static int check_topics(const ecom_subscription *sub, ecom_error *err)
{
    char field[64];
    int r = ecom__check_count("topics", sub->ntopics, ECOM_BUS_MAX_TOPICS, sub->topics, err);

    if (r == ECOM_OK && sub->ntopics == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, "topics", "are missing");
    for (size_t i = 0; i < sub->ntopics && r == ECOM_OK; i++) {
        snprintf(field, sizeof(field), "topics[%zu]", i);
        r = ecom_bus_name_check(field, sub->topics[i], err);
        for (size_t k = 0; k < i && r == ECOM_OK; k++)
            if (ecom_str_eq(sub->topics[k], sub->topics[i]))
                r = ecom_fail_field(err, ECOM_E_INVAL, field, "is the same as topics[%zu]", k);
    }
    return r;
}

static int check_subscription(const ecom_subscription *sub, ecom_error *err)
{
    if (!sub || sub->size < sizeof(*sub))
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "a subscription's size must be set");
    if (sub->group.n) {
        int r = ecom_bus_name_check("group", sub->group, err);
        if (r < 0)
            return r;
    }
    if (sub->start != ECOM_START_EARLIEST && sub->start != ECOM_START_LATEST)
        return ecom_fail_field(err, ECOM_E_INVAL, "start", "must be earliest or latest, not %d",
                               (int)sub->start);
    if (sub->back < 0 || sub->back > MAX_BACK)
        return ecom_fail_field(err, ECOM_E_INVAL, "back", "must be between 0 and %d, not %" PRId32,
                               MAX_BACK, sub->back);
    if (sub->back && (sub->group.n || sub->start != ECOM_START_LATEST))
        return ecom_fail_field(err, ECOM_E_INVAL, "back",
                               "is for members without a group that start at the latest");
    if (sub->session_timeout_ms < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "session_timeout_ms",
                               "must be at least 0, not %" PRId32, sub->session_timeout_ms);
    return check_topics(sub, err);
}

static int join(ecom_bus *bus, const ecom_subscription *sub, ecom_member **out, ecom_error *err)
{
    ecom_subscription filled = *sub;
    ecom_member *member = malloc(sizeof(*member));

    if (!member)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    if (!filled.session_timeout_ms)
        filled.session_timeout_ms = DEFAULT_SESSION_MS;
    *member = (ecom_member){bus, NULL};
    int r = bus->ops.subscribe(bus->self, &filled, &member->self, err);
    if (r < 0) {
        free(member);
        return r;
    }
    pthread_mutex_lock(&bus->mutex);
    bus->members++;
    pthread_mutex_unlock(&bus->mutex);
    *out = member;
    return ECOM_OK;
}

int ecom_bus_subscribe(ecom_bus *bus, const ecom_subscription *sub, ecom_member **out,
                       ecom_error *err)
{
    ecom_error unread;

    err = err ? err : &unread;
    int r = enter(bus, err);

    if (r < 0)
        return r;
    r = check_subscription(sub, err);
    if (r == ECOM_OK)
        r = join(bus, sub, out, err);
    if (r < 0)
        log_failure(bus, "subscribe failed", err);
    return leave(bus, r);
}

int ecom_member_poll(ecom_member *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn,
                     void *user, ecom_error *err)
{
    if (!member)
        return ecom_fail(err, ECOM_E_INVAL, "no member");
    if (timeout_ms < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "timeout_ms", "must be at least 0, not %" PRId32,
                               timeout_ms);
    if (max > ECOM_BUS_MAX_BATCH)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "max", "must be at most %d, not %" PRIu32,
                               ECOM_BUS_MAX_BATCH, max);
    if (max && !fn)
        return ecom_fail_field(err, ECOM_E_INVAL, "fn", "is needed to hand messages over");
    ecom_error unread;
    err = err ? err : &unread;
    int r = member->bus->ops.poll(member->self, timeout_ms, max, fn, user, err);
    if (r < 0 && r != ECOM_E_TIMEOUT)
        log_failure(member->bus, "poll failed", err);
    return r;
}

void ecom_member_wake(ecom_member *member)
{
    if (member)
        member->bus->ops.wake(member->self);
}

int ecom_member_ack(ecom_member *member, ecom_str topic, int32_t partition, int64_t offset,
                    ecom_error *err)
{
    if (!member)
        return ecom_fail(err, ECOM_E_INVAL, "no member");
    int r = ecom_bus_name_check("topic", topic, err);
    if (r < 0)
        return r;
    if (partition < 0 || partition >= ECOM_BUS_MAX_PARTITIONS)
        return ecom_fail_field(err, ECOM_E_INVAL, "partition", "must be 0 to %d, not %" PRId32,
                               ECOM_BUS_MAX_PARTITIONS - 1, partition);
    if (offset < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "offset", "must be at least 0, not %" PRId64,
                               offset);
    return member->bus->ops.ack(member->self, topic, partition, offset, err);
}

int ecom_member_lag(ecom_member *member, uint64_t *lag, ecom_error *err)
{
    if (!member)
        return ecom_fail(err, ECOM_E_INVAL, "no member");
    return member->bus->ops.lag(member->self, lag, err);
}

void ecom_member_close(ecom_member *member)
{
    if (!member)
        return;
    ecom_bus *bus = member->bus;
    bus->ops.leave(member->self);
    free(member);
    pthread_mutex_lock(&bus->mutex);
    bus->members--;
    pthread_mutex_unlock(&bus->mutex);
}
