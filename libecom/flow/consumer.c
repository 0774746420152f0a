#include "flow/consumer.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flow/backoff.h"
#include "flow/deadletter.h"
#include "base/thread.h"

enum {
    DEFAULT_THREADS = 8,
    DEFAULT_WINDOW = 512,
    DEFAULT_ATTEMPTS = 8,
    DEFAULT_BACKOFF_MS = 100,
    DEFAULT_MAX_BACKOFF_MS = 30000,
    MAX_THREADS = 256,
    MAX_WINDOW = 65536,
    MAX_ATTEMPTS = 1000,
    MAX_WAIT_MS = 86400000,
    MAX_SUBSCRIBERS = 256,
    POLL_BATCH = 64,         /* with messages of 1 MiB, and what is below: at most 128 MiB held */
    WINDOW_BYTES = 64 << 20, /* held by the window: past it nothing is taken */
    LAG_EVERY_US = 1000000,
    POLL_MAX_BACKOFF_MS = 5000
};

static int check_topics(const ecom_consumer_options *o, ecom_error *err)
{
    const size_t max = ECOM_BUS_MAX_NAME - (sizeof(ECOM__DLQ_SUFFIX) - 1);

    if (o->ntopics == 0 || o->ntopics > ECOM_BUS_MAX_TOPICS)
        return ecom_fail_field(err, ECOM_E_INVAL, "topics", "must be 1 to %d topics, not %zu",
                               ECOM_BUS_MAX_TOPICS, o->ntopics);
    for (size_t i = 0; i < o->ntopics; i++)
        if (o->topics[i].n > max)
            return ecom_fail_field(err, ECOM_E_INVAL, "topics",
                                   "must be at most %zu bytes each, for \"" ECOM__DLQ_SUFFIX
                                   "\" comes behind; topics[%zu] has %zu",
                                   max, i, o->topics[i].n);
    return ECOM_OK;
}

static int check_subscribers(const ecom_consumer_options *o, ecom_error *err)
{
    if (!o->subscribers || o->nsubscribers == 0 || o->nsubscribers > MAX_SUBSCRIBERS)
        return ecom_fail_field(err, ECOM_E_INVAL, "subscribers", "must be 1 to %d, not %zu",
                               MAX_SUBSCRIBERS, o->subscribers ? o->nsubscribers : 0);
    for (size_t i = 0; i < o->nsubscribers; i++) {
        const ecom_subscriber *s = &o->subscribers[i];
        if (!s->contract || !s->handle)
            return ecom_fail_field(err, ECOM_E_INVAL, "subscribers",
                                   "[%zu] needs a contract and a handler", i);
        for (size_t k = 0; k < i; k++)
            if (strcmp(s->contract->type, o->subscribers[k].contract->type) == 0)
                return ecom_fail_field(err, ECOM_E_INVAL, "subscribers",
                                       "\"%s\" is there twice: [%zu] and [%zu]", s->contract->type,
                                       k, i);
    }
    return ECOM_OK;
}

static int check_numbers(const ecom_consumer_options *o, ecom_error *err)
{
    const struct {
        const char *field;
        int64_t value, max;
    } numbers[] = {
        {"threads", o->threads, MAX_THREADS},
        {"window", o->window, MAX_WINDOW},
        {"max_attempts", o->max_attempts, MAX_ATTEMPTS},
        {"backoff_ms", o->backoff_ms, MAX_WAIT_MS},
        {"max_backoff_ms", o->max_backoff_ms, MAX_WAIT_MS},
        {"session_timeout_ms", o->session_timeout_ms, MAX_WAIT_MS},
    };

    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (numbers[i].value < 0 || numbers[i].value > numbers[i].max)
            return ecom_fail_field(err, ECOM_E_INVAL, numbers[i].field,
                                   "must be 0 to %" PRId64 ", not %" PRId64, numbers[i].max,
                                   numbers[i].value);
    return ECOM_OK;
}

static int check(const ecom_consumer_options *o, ecom_error *err)
{
    if (!o || o->size < sizeof(*o))
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "must be sizeof(ecom_consumer_options)");
    if (!o->bus)
        return ecom_fail_field(err, ECOM_E_INVAL, "bus", "must be set");
    if (o->group.n == 0 || o->group.n > ECOM_BUS_MAX_NAME)
        return ecom_fail_field(err, ECOM_E_INVAL, "group", "must be 1 to %d bytes, not %zu",
                               ECOM_BUS_MAX_NAME, o->group.n);
    int r = check_subscribers(o, err);
    if (r == ECOM_OK && o->topics)
        r = check_topics(o, err);
    return r == ECOM_OK ? check_numbers(o, err) : r;
}

/* Those of the subscribers' contracts, each once. */
static int take_topics_of_contracts(ecom_consumer_options *o, ecom_str room[ECOM_BUS_MAX_TOPICS],
                                    ecom_error *err)
{
    o->topics = room;
    for (size_t i = 0, k; i < o->nsubscribers; i++) {
        const ecom_str topic = ecom_str_of(o->subscribers[i].contract->topic);
        for (k = 0; k < o->ntopics && !ecom_str_eq(room[k], topic); k++)
            ;
        if (k == ECOM_BUS_MAX_TOPICS)
            return ecom_fail_field(err, ECOM_E_INVAL, "topics",
                                   "the subscribers' contracts have more than %d topics",
                                   ECOM_BUS_MAX_TOPICS);
        if (k == o->ntopics)
            room[o->ntopics++] = topic;
    }
    return check_topics(o, err);
}

static int copy_subscribers(ecom_consumer *c, const ecom_consumer_options *o)
{
    size_t ignored = 0, n = 0;

    while (o->ignore && o->ignore[ignored])
        ignored++;
    c->nsubscribers = o->nsubscribers;
    c->subscribers = calloc(o->nsubscribers, sizeof(*c->subscribers));
    c->contracts = calloc(o->nsubscribers + ignored + 1, sizeof(const ecom_contract *));
    if (!c->subscribers || !c->contracts)
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < o->nsubscribers; i++) {
        c->subscribers[i] = o->subscribers[i];
        c->contracts[n++] = o->subscribers[i].contract;
    }
    for (size_t i = 0; i < ignored; i++)
        c->contracts[n++] = o->ignore[i];
    return ECOM_OK;
}

/* Names were checked by the bus: they need no escaping. */
static void register_metrics(ecom_consumer *c, ecom_metrics *m)
{
    char labels[2 * ECOM_BUS_MAX_NAME + 32];

    if (!m)
        return;
    for (size_t i = 0; i < ecom__window_topics(c->window); i++) {
        ecom_str topic = ecom__window_topic(c->window, i);
        snprintf(labels, sizeof(labels), "group=\"%.*s\",topic=\"%.*s\"", (int)c->group_n, c->group,
                 (int)topic.n, topic.p);
        c->series[i] = (struct topic_series){
            ecom_metrics_series(m, ECOM_COUNTER, "ecom_consumer_handled_total",
                                "Events handled to the end.", labels),
            ecom_metrics_series(m, ECOM_COUNTER, "ecom_consumer_retried_total",
                                "Times an event failed and was put off.", labels),
            ecom_metrics_series(m, ECOM_COUNTER, "ecom_consumer_dead_total",
                                "Messages brought to the dead letters.", labels),
            ecom_metrics_series(m, ECOM_COUNTER, "ecom_consumer_ignored_total",
                                "Events of types that are of no use here.", labels),
            ecom_metrics_series(m, ECOM_HISTOGRAM, "ecom_consumer_handler_seconds",
                                "How long a handler took.", labels),
        };
    }
    snprintf(labels, sizeof(labels), "group=\"%.*s\"", (int)c->group_n, c->group);
    c->in_flight = ecom_metrics_series(m, ECOM_GAUGE, "ecom_consumer_in_flight",
                                       "Messages taken and not yet done.", labels);
    c->stalled =
        ecom_metrics_series(m, ECOM_GAUGE, "ecom_consumer_stalled",
                            "Messages that failed max_attempts times or more and wait.", labels);
    c->lag = ecom_metrics_series(m, ECOM_GAUGE, "ecom_consumer_lag",
                                 "Messages behind the group's offsets, as far as assigned here.",
                                 labels);
}

static void take_numbers(ecom_consumer *c, const ecom_consumer_options *o)
{
    c->bus = o->bus;
    c->env = o->env ? o->env : ecom_env_system();
    c->log = o->log;
    c->user = o->user;
    memcpy(c->group, o->group.p, o->group.n);
    c->group_n = o->group.n;
    c->start = o->start;
    c->threads = o->threads ? o->threads : DEFAULT_THREADS;
    c->max_attempts = o->max_attempts ? o->max_attempts : DEFAULT_ATTEMPTS;
    c->backoff_ms = o->backoff_ms ? o->backoff_ms : DEFAULT_BACKOFF_MS;
    c->max_backoff_ms = o->max_backoff_ms ? o->max_backoff_ms : DEFAULT_MAX_BACKOFF_MS;
    c->session_timeout_ms = o->session_timeout_ms;
    c->lag_us = INT64_MIN;
}

/* Within poll(): the partition goes to another member. */
static void revoked(void *user, ecom_str topic, int32_t partition)
{
    ecom_consumer *c = user;
    ecom__mark mark;

    pthread_mutex_lock(&c->mutex);
    int unacked = ecom__window_unacked_of(c->window, topic, partition, &mark);
    pthread_mutex_unlock(&c->mutex);
    /* If this fails the next owner gets some of it again: that is at least once. */
    if (unacked && ecom_member_ack(c->member, topic, partition, mark.offset, NULL) < 0)
        c->ack_failures++;
    pthread_mutex_lock(&c->mutex);
    ecom__window_revoke(c->window, topic, partition);
    pthread_mutex_unlock(&c->mutex);
}

static int join(ecom_consumer *c, ecom_error *err)
{
    ecom_str topics[ECOM_BUS_MAX_TOPICS];
    ecom_member *member = NULL;
    ecom_subscription sub = {
        .size = sizeof(sub),
        .group = ecom__consumer_group(c),
        .topics = topics,
        .ntopics = ecom__window_topics(c->window),
        .start = c->start,
        .session_timeout_ms = c->session_timeout_ms,
        .revoked = revoked,
        .user = c,
    };

    for (size_t i = 0; i < sub.ntopics; i++)
        topics[i] = ecom__window_topic(c->window, i);
    int r = ecom_bus_subscribe(c->bus, &sub, &member, err);
    if (r < 0)
        return r;
    pthread_mutex_lock(&c->mutex);
    c->member = member;
    pthread_mutex_unlock(&c->mutex);
    return ECOM_OK;
}

/* @param opts  checked. */
static int consumer_new(const ecom_consumer_options *opts, ecom_consumer **out, ecom_error *err)
{
    ecom_consumer *c = calloc(1, sizeof(*c));
    int r = ECOM_E_NOMEM;

    if (!c)
        return ecom_fail(err, ECOM_E_NOMEM, "a consumer");
    take_numbers(c, opts);
    pthread_mutex_init(&c->mutex, NULL);
    ecom__cond_init(&c->work);
    ecom__cond_init(&c->space);
    c->window =
        ecom__window_new(opts->window ? opts->window : DEFAULT_WINDOW, opts->topics, opts->ntopics);
    c->series = calloc(opts->ntopics, sizeof(*c->series));
    c->arena = ecom_arena_new(0);
    c->workers = calloc(c->threads, sizeof(*c->workers));
    if (!c->window || !c->series || !c->arena || !c->workers || copy_subscribers(c, opts) < 0) {
        ecom_fail(err, r, "a consumer");
        goto fail;
    }
    /* What is wrong with the names shows here; a bus that is away is joined when it is there. */
    r = join(c, err);
    if (r < 0 && (r == ECOM_E_NOMEM || !ecom_code_of(r)->retry))
        goto fail;
    register_metrics(c, opts->metrics);
    *out = c;
    return ECOM_OK;

fail:
    ecom_consumer_free(c);
    return r;
}

int ecom_consumer_new(const ecom_consumer_options *opts, ecom_consumer **out, ecom_error *err)
{
    ecom_str of_contracts[ECOM_BUS_MAX_TOPICS];
    int r = check(opts, err);

    if (r < 0)
        return r;
    ecom_consumer_options filled = *opts;
    if (!filled.topics) {
        filled.ntopics = 0;
        r = take_topics_of_contracts(&filled, of_contracts, err);
    }
    return r < 0 ? r : consumer_new(&filled, out, err);
}

void ecom_consumer_free(ecom_consumer *c)
{
    if (!c)
        return;
    ecom_consumer_stop(c, 0);
    if (c->window)
        ecom__consumer_leave(c);
    ecom__window_free(c->window);
    ecom_arena_free(c->arena);
    for (uint32_t i = 0; c->workers && i < c->threads; i++)
        ecom_arena_free(c->workers[i].arena);
    pthread_cond_destroy(&c->work);
    pthread_cond_destroy(&c->space);
    pthread_mutex_destroy(&c->mutex);
    free(c->subscribers);
    free(c->contracts);
    free(c->series);
    free(c->workers);
    free(c);
}

ecom_str ecom__consumer_group(const ecom_consumer *c)
{
    return (ecom_str){c->group, c->group_n};
}

int64_t ecom__consumer_now_us(const ecom_consumer *c)
{
    return c->env->monotonic_us(c->env->self);
}

void ecom__consumer_leave(ecom_consumer *c)
{
    ecom_member *member;

    pthread_mutex_lock(&c->mutex);
    member = c->member;
    c->member = NULL;
    while (c->waking)
        pthread_cond_wait(&c->space, &c->mutex);
    ecom__window_revoke_all(c->window);
    pthread_mutex_unlock(&c->mutex);
    ecom_member_close(member);
    c->lost = 0;
    c->lag_us = INT64_MIN;
}

/* One message of a poll. After one that could not be kept none is, for they come again together:
 * a later one of the same key must not be handled before it. */
static int take_message(void *user, const ecom_msg *msg)
{
    ecom_consumer *c = user;
    ecom_error err = {0};

    if (c->lost)
        return 1;
    pthread_mutex_lock(&c->mutex);
    int r = ecom__window_add(c->window, msg, &err);
    if (r == ECOM_OK)
        pthread_cond_signal(&c->work);
    pthread_mutex_unlock(&c->mutex);
    if (r < 0) {
        const ecom_log_field field = {"error", ecom_str_of(err.text), 0};
        ecom_log_write(c->log, ECOM_LOG_WARN, "consumer: a message was not kept, joining again",
                       &field, 1);
        c->lost = r;
    }
    return r < 0;
}

static void look_at_lag(ecom_consumer *c)
{
    int64_t now = ecom__consumer_now_us(c);
    uint64_t lag = 0;

    if (c->lag_us != INT64_MIN && now - c->lag_us < LAG_EVERY_US)
        return;
    c->lag_us = now;
    if (ecom_member_lag(c->member, &lag, NULL) < 0)
        return;
    ecom_series_set(c->lag, (int64_t)lag);
    pthread_mutex_lock(&c->mutex);
    c->stats.lag = lag;
    pthread_mutex_unlock(&c->mutex);
}

uint32_t ecom__consumer_room(const ecom_consumer *c)
{
    size_t n = ecom__window_room(c->window);

    if (ecom__window_bytes(c->window) >= WINDOW_BYTES || c->draining)
        return 0;
    return n < POLL_BATCH ? (uint32_t)n : POLL_BATCH;
}

static void note_poll(ecom_consumer *c, int r, ecom_error *err)
{
    int32_t healthy = r >= 0;
    const ecom_log_field field = {"error", ecom_str_of(err->text), 0};

    pthread_mutex_lock(&c->mutex);
    c->stats.healthy = healthy;
    pthread_mutex_unlock(&c->mutex);
    if (healthy) {
        if (c->poll_failures)
            ecom_log_write(c->log, ECOM_LOG_INFO, "consumer: the bus is there again", NULL, 0);
        c->poll_failures = 0;
        return;
    }
    if (c->poll_failures++ == 0)
        ecom_log_write(c->log, ECOM_LOG_WARN, "consumer: cannot poll, trying again", &field, 1);
    err->retry_after_ms = (int32_t)ecom__backoff_ms(c->env, DEFAULT_BACKOFF_MS, POLL_MAX_BACKOFF_MS,
                                                    c->poll_failures);
}

int ecom__consumer_poll(ecom_consumer *c, int32_t timeout_ms, ecom_error *err)
{
    ecom_error why = {0};
    int r = c->member ? ECOM_OK : join(c, &why);

    pthread_mutex_lock(&c->mutex);
    uint32_t room = ecom__consumer_room(c);
    ecom_series_set(c->in_flight, (int64_t)ecom__window_count(c->window));
    ecom_series_set(c->stalled, (int64_t)ecom__window_stalled(c->window));
    pthread_mutex_unlock(&c->mutex);
    if (r == ECOM_OK)
        r = ecom_member_poll(c->member, timeout_ms, room, take_message, c, &why);
    if (r == ECOM_E_TIMEOUT)
        r = 0;
    if (c->lost) {
        r = ecom_fail(&why, c->lost, "a message could not be kept");
        ecom__consumer_leave(c);
    }
    if (r >= 0)
        look_at_lag(c);
    note_poll(c, r, &why);
    if (r < 0 && err)
        *err = why;
    return r;
}

void ecom__consumer_ack(ecom_consumer *c)
{
    ecom_error err = {0};
    ecom__mark mark;

    for (;;) {
        pthread_mutex_lock(&c->mutex);
        int more = c->member && ecom__window_unacked(c->window, &mark);
        pthread_mutex_unlock(&c->mutex);
        if (!more)
            return;
        int r = ecom_member_ack(c->member, mark.topic, mark.partition, mark.offset, &err);
        if (r < 0) {
            const ecom_log_field field = {"error", ecom_str_of(err.text), 0};
            ecom_log_write(c->log, c->ack_failures++ ? ECOM_LOG_DEBUG : ECOM_LOG_WARN,
                           "consumer: cannot commit, trying again", &field, 1);
            return;
        }
        c->ack_failures = 0;
        pthread_mutex_lock(&c->mutex);
        ecom__window_acked(c->window, &mark);
        pthread_mutex_unlock(&c->mutex);
    }
}

/* Runs what is due now: not what falls due meanwhile, so that a step ends. */
static int run_due(ecom_consumer *c)
{
    int64_t now = ecom__consumer_now_us(c);
    int finished = 0;

    for (;;) {
        pthread_mutex_lock(&c->mutex);
        ecom__job *job = ecom__window_take(c->window, now);
        pthread_mutex_unlock(&c->mutex);
        if (!job)
            return finished;
        enum verdict verdict = ecom__consumer_attempt(c, job, c->arena);
        pthread_mutex_lock(&c->mutex);
        finished += ecom__consumer_settle(c, job, verdict);
        pthread_mutex_unlock(&c->mutex);
    }
}

int ecom_consumer_step(ecom_consumer *c, int32_t timeout_ms, ecom_error *err)
{
    if (!c || timeout_ms < 0)
        return ecom_fail(err, ECOM_E_INVAL, "a consumer and a timeout of 0 or more must be given");
    if (c->running)
        return ecom_fail(err, ECOM_E_INVAL, "the consumer runs on threads of its own");

    int64_t due_ms = ecom_consumer_next_due_ms(c);
    if (due_ms >= 0 && due_ms < timeout_ms)
        timeout_ms = (int32_t)due_ms;
    int r = ecom__consumer_poll(c, timeout_ms, err);
    int finished = run_due(c);
    ecom__consumer_ack(c);
    return r < 0 ? r : finished;
}

int64_t ecom_consumer_next_due_ms(const ecom_consumer *consumer)
{
    ecom_consumer *c = (ecom_consumer *)consumer;
    int64_t now = ecom__consumer_now_us(c);

    pthread_mutex_lock(&c->mutex);
    int64_t due_us = ecom__window_ready(c->window) ? now : ecom__window_due_us(c->window);
    pthread_mutex_unlock(&c->mutex);
    if (due_us < 0)
        return -1;
    return due_us > now ? (due_us - now + 999) / 1000 : 0;
}

void ecom_consumer_stats_get(ecom_consumer *c, ecom_consumer_stats *out)
{
    pthread_mutex_lock(&c->mutex);
    *out = c->stats;
    out->in_flight = ecom__window_count(c->window);
    out->stalled = ecom__window_stalled(c->window);
    pthread_mutex_unlock(&c->mutex);
}
