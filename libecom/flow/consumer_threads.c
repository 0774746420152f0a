#include "flow/consumer.h"

#include "base/thread.h"

enum {
    POLL_MS = 1000,
    ACK_EVERY_MS = 50, /* commits are gathered this long: each is a sync */
    DEFAULT_SESSION_MS = 10000
};

/* How long the poller may be silent. */
static int64_t patience_ms(const ecom_consumer *c)
{
    int32_t session = c->session_timeout_ms ? c->session_timeout_ms : DEFAULT_SESSION_MS;

    return session / 4 < POLL_MS ? session / 4 + 1 : POLL_MS;
}

/* Makes the poller look up from its poll. Called and returns with the mutex held, but not while
 * the bus is called; the poller keeps the member until everybody is out of here. */
static void wake_poller(ecom_consumer *c)
{
    ecom_member *member = c->member;

    if (!member)
        return;
    c->waking++;
    pthread_mutex_unlock(&c->mutex);
    ecom_member_wake(member);
    pthread_mutex_lock(&c->mutex);
    if (--c->waking == 0)
        pthread_cond_broadcast(&c->space);
}

/* The next job, once there is one. NULL: the consumer stops. */
static ecom__job *wait_for_job(ecom_consumer *c)
{
    while (!c->quit) {
        int64_t now = ecom__consumer_now_us(c);
        ecom__job *job = ecom__window_take(c->window, now);
        if (job)
            return job;
        int64_t due = ecom__window_due_us(c->window);
        ecom__cond_wait_ms(&c->work, &c->mutex, due < 0 ? -1 : (due - now + 999) / 1000);
    }
    return NULL;
}

static void *handle_jobs(void *arg)
{
    struct worker *worker = arg;
    ecom_consumer *c = worker->consumer;
    ecom__mark mark;
    ecom__job *job;

    pthread_mutex_lock(&c->mutex);
    while ((job = wait_for_job(c))) {
        pthread_mutex_unlock(&c->mutex);
        enum verdict verdict = ecom__consumer_attempt(c, job, worker->arena);
        pthread_mutex_lock(&c->mutex);
        int unacked = ecom__window_unacked(c->window, &mark);
        ecom__consumer_settle(c, job, verdict);
        /* A retry to wait for, or more than this thread takes next. */
        if (verdict == VERDICT_AGAIN || ecom__window_ready(c->window) > 1)
            pthread_cond_signal(&c->work);
        pthread_cond_broadcast(&c->space);
        if (!unacked && ecom__window_unacked(c->window, &mark))
            wake_poller(c);
    }
    pthread_mutex_unlock(&c->mutex);
    return NULL;
}

/* Told to stop, and nothing left that would get done: retries that wait are not waited for. */
static int drained(const ecom_consumer *c)
{
    if (!c->draining)
        return 0;
    return ecom__monotonic_ms() >= c->deadline_ms ||
           (ecom__window_running(c->window) == 0 && ecom__window_ready(c->window) == 0);
}

/* Waits for at most @p ms, or until there is room, when that is what it waits for. */
static void rest(ecom_consumer *c, int64_t ms, int for_room)
{
    int64_t until = ecom__monotonic_ms() + ms, left;
    int draining = c->draining;

    while ((left = until - ecom__monotonic_ms()) > 0 && draining == c->draining && !drained(c) &&
           !(for_room && ecom__consumer_room(c) > 0)) {
        if (c->draining && c->deadline_ms - ecom__monotonic_ms() < left)
            left = c->deadline_ms - ecom__monotonic_ms();
        ecom__cond_wait_ms(&c->space, &c->mutex, left > 0 ? left : 0);
    }
}

static int add_worker(ecom_consumer *c, ecom_error *err)
{
    struct worker *w = &c->workers[c->nworkers];
    int r = ecom__thread_start(&w->thread, handle_jobs, w, "a handler's thread", err);

    c->nworkers += r == ECOM_OK;
    return r;
}

/* A thread for each job that could run now and one that waits for what falls due, as far as there
 * may be so many. If one cannot be had, those that there are do it all. With the mutex held. */
static void add_workers(ecom_consumer *c)
{
    size_t wanted = ecom__window_running(c->window) + ecom__window_ready(c->window) + 1;

    while (c->nworkers < c->threads && c->nworkers < wanted && add_worker(c, NULL) == ECOM_OK)
        ;
}

/* One round of the poller: acks when that is due, polls, and waits when it may not take more or
 * the bus is away. Called and returns with the mutex held. */
static void poll_round(ecom_consumer *c, int64_t *acked_ms)
{
    /* Whether the bus is there must be known at once, not when the first poll has waited. */
    int64_t wait = c->stats.healthy ? patience_ms(c) : 0;
    int64_t since = ecom__monotonic_ms() - *acked_ms;
    int full = ecom__consumer_room(c) == 0;
    ecom_error err = {0};
    ecom__mark mark;

    int due = ecom__window_unacked(c->window, &mark);
    if (due && since < ACK_EVERY_MS) {
        wait = wait ? ACK_EVERY_MS - since : 0;
        due = 0;
    }
    pthread_mutex_unlock(&c->mutex);
    if (due) {
        ecom__consumer_ack(c);
        *acked_ms = ecom__monotonic_ms();
    }
    int r = ecom__consumer_poll(c, full ? 0 : (int32_t)wait, &err);
    pthread_mutex_lock(&c->mutex);
    add_workers(c);
    if (r < 0)
        rest(c, err.retry_after_ms, 0);
    else if (full)
        rest(c, wait, 1);
}

static void *poll_bus(void *arg)
{
    ecom_consumer *c = arg;
    int64_t acked_ms = 0;

    pthread_mutex_lock(&c->mutex);
    while (!c->quit && !drained(c))
        poll_round(c, &acked_ms);
    c->quit = 1;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
    ecom__consumer_ack(c);
    /* Others take over now, whatever a handler that does not come to an end is doing. */
    ecom__consumer_leave(c);
    return NULL;
}

static void join_workers(ecom_consumer *c)
{
    for (uint32_t i = 0; i < c->nworkers; i++)
        pthread_join(c->workers[i].thread, NULL);
    c->nworkers = 0;
}

/* One that handles to begin with, so that there is one; the poller adds others. */
static int start_threads(ecom_consumer *c, ecom_error *err)
{
    int r = add_worker(c, err);

    if (r < 0)
        return r;
    r = ecom__thread_start(&c->poller, poll_bus, c, "the poller's thread", err);
    if (r == ECOM_OK)
        return r;
    pthread_mutex_lock(&c->mutex);
    c->quit = 1;
    pthread_cond_broadcast(&c->work);
    pthread_mutex_unlock(&c->mutex);
    join_workers(c);
    return r;
}

int ecom_consumer_start(ecom_consumer *c, ecom_error *err)
{
    if (!c)
        return ecom_fail(err, ECOM_E_INVAL, "no consumer");
    if (c->running)
        return ecom_fail(err, ECOM_E_INVAL, "the consumer runs already");
    for (uint32_t i = 0; i < c->threads; i++) {
        c->workers[i].consumer = c;
        if (!c->workers[i].arena && !(c->workers[i].arena = ecom_arena_new(0)))
            return ecom_fail(err, ECOM_E_NOMEM, "a consumer with %u threads", (unsigned)c->threads);
    }
    c->draining = c->quit = 0;
    int r = start_threads(c, err);
    c->running = r == ECOM_OK;
    return r;
}

void ecom_consumer_stop(ecom_consumer *c, int32_t deadline_ms)
{
    if (!c || !c->running)
        return;
    pthread_mutex_lock(&c->mutex);
    c->draining = 1;
    c->deadline_ms = ecom__monotonic_ms() + deadline_ms;
    pthread_cond_broadcast(&c->space);
    wake_poller(c);
    pthread_mutex_unlock(&c->mutex);
    pthread_join(c->poller, NULL);
    join_workers(c);
    c->running = 0;
}
