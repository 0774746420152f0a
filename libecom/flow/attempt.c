#include "flow/consumer.h"

#include <stdio.h>
#include <string.h>

#include "flow/backoff.h"
#include "flow/deadletter.h"

enum { MAX_RETRY_AFTER_MS = 3600000 };

/* Whatever a handler needs and does not get now (a store, a bus, a service, memory, time) is not
 * the message's fault. A conflict that no try gets out of is, and so may be what we do not know. */
static int counts(int code)
{
    return !ecom_code_of(code)->retry || code == ECOM_E_CONFLICT || code > 0 ||
           code < ECOM_E_UNKNOWN_TYPE;
}

static ecom_handler handler_of(const ecom_consumer *c, const ecom_contract *contract)
{
    for (size_t i = 0; i < c->nsubscribers; i++)
        if (c->subscribers[i].contract == contract)
            return c->subscribers[i].handle;
    return NULL;
}

/* Reads the event and hands it over. @p ignored is set when nobody here wants it. */
static int handle(const ecom_consumer *c, const ecom__job *job, ecom_arena *arena, int *ignored,
                  ecom_error *err)
{
    const ecom_contract *contract;
    void *event;

    ecom_arena_reset(arena);
    int r = ecom_event_decode(c->contracts, &job->msg, arena, &contract, &event, err);
    if (r < 0)
        return r;
    ecom_handler fn = handler_of(c, contract);
    if (!fn) {
        *ignored = 1;
        return ECOM_OK;
    }

    /* The envelope is what every event starts with. */
    ecom_log log = ecom_log_with(c->log, ((const ecom_envelope *)event)->correlation_id);
    const ecom_delivery delivery = {
        .contract = contract,
        .event = event,
        .msg = &job->msg,
        .attempt = job->failures + 1,
        .arena = arena,
        .log = &log,
    };
    int64_t began = ecom__consumer_now_us(c);
    r = fn(c->user, &delivery, err);
    ecom_series_observe(c->series[job->topic].seconds, ecom__consumer_now_us(c) - began);
    return r;
}

static void log_failure(const ecom_consumer *c, const ecom__job *job, ecom_level level,
                        const char *message)
{
    ecom_log log = ecom_log_with(c->log, ecom_msg_header(&job->msg, "x-correlation-id"));
    const ecom_log_field fields[] = {
        {"topic", job->msg.topic, 0},
        {"partition", {NULL, 0}, job->msg.partition},
        {"offset", {NULL, 0}, job->msg.offset},
        {"tries", {NULL, 0}, job->failures},
        {"code", ecom_str_of(ecom_code_of(job->why.code)->name), 0},
        {"error", ecom_str_of(job->why.text), 0},
    };

    ecom_log_write(&log, level, message, fields, sizeof(fields) / sizeof(fields[0]));
}

/* Notes a failure of the handler, or of reading. @return 1: that was the last try. */
static int give_up(const ecom_consumer *c, ecom__job *job, int code)
{
    job->why.code = code;
    if (!job->why.text[0])
        snprintf(job->why.text, sizeof(job->why.text), "%s", ecom_code_of(code)->title);
    job->failures++;
    job->attempts += counts(code);
    job->retry_after_ms = job->why.retry_after_ms;
    return !ecom_code_of(code)->retry || job->attempts >= c->max_attempts;
}

/* Sets a given up message aside. Until that is durable the message is not done. */
static enum verdict bury(const ecom_consumer *c, ecom__job *job, ecom_arena *arena)
{
    const ecom__dead_reason reason = {
        .why = &job->why,
        .group = ecom__consumer_group(c),
        .attempts = job->attempts,
        .now_ms = ecom_env_now_ms(c->env),
    };
    ecom_error err = {0};

    if (ecom__dead_letter_publish(c->bus, &job->msg, &reason, arena, &err) == ECOM_OK)
        return VERDICT_DEAD;
    const ecom_log_field field = {"error", ecom_str_of(err.text), 0};
    ecom_log_write(c->log, job->failures == 0 ? ECOM_LOG_WARN : ECOM_LOG_DEBUG,
                   "consumer: cannot write a dead letter, trying again", &field, 1);
    job->failures++;
    return VERDICT_AGAIN;
}

enum verdict ecom__consumer_attempt(const ecom_consumer *c, ecom__job *job, ecom_arena *arena)
{
    int ignored = 0;

    if (!job->dead) {
        job->why = (ecom_error){0};
        int r = handle(c, job, arena, &ignored, &job->why);
        if (r == ECOM_OK)
            return ignored ? VERDICT_IGNORED : VERDICT_DONE;
        if (!give_up(c, job, r)) {
            int stalls = job->failures == c->max_attempts;
            log_failure(c, job, stalls ? ECOM_LOG_WARN : ECOM_LOG_DEBUG,
                        stalls ? "consumer: an event keeps failing, tries go on"
                               : "consumer: an event failed, trying again");
            return VERDICT_AGAIN;
        }
        log_failure(c, job, ECOM_LOG_ERROR, "consumer: an event goes to the dead letters");
        job->dead = 1;
        job->failures = 0;
        job->retry_after_ms = 0;
    }
    return bury(c, job, arena);
}

static int64_t due_us(const ecom_consumer *c, const ecom__job *job)
{
    int64_t ms = ecom__backoff_ms(c->env, c->backoff_ms, c->max_backoff_ms, job->failures);
    int64_t asked =
        job->retry_after_ms < MAX_RETRY_AFTER_MS ? job->retry_after_ms : MAX_RETRY_AFTER_MS;

    return ecom__consumer_now_us(c) + 1000 * (ms > asked ? ms : asked);
}

int ecom__consumer_settle(ecom_consumer *c, ecom__job *job, enum verdict verdict)
{
    struct topic_series *series = &c->series[job->topic];

    if (job->orphan) { /* it is another's now, who will count it */
        ecom__window_done(c->window, job);
        return 0;
    }
    if (verdict == VERDICT_AGAIN) {
        c->stats.retried++;
        ecom_series_add(series->retried, 1);
        if (job->failures >= c->max_attempts)
            ecom__window_stall(c->window, job);
        ecom__window_later(c->window, job, due_us(c, job));
        return 0;
    }
    c->stats.handled += verdict == VERDICT_DONE;
    c->stats.ignored += verdict == VERDICT_IGNORED;
    c->stats.dead += verdict == VERDICT_DEAD;
    ecom_series_add(verdict == VERDICT_DONE      ? series->handled
                    : verdict == VERDICT_IGNORED ? series->ignored
                                                 : series->dead,
                    1);
    ecom__window_done(c->window, job);
    return 1;
}
