#include "flow/relay.h"

#include "base/thread.h"
#include "store/store.h"

/* Runs in the thread of whoever committed. */
static void on_events(void *user)
{
    ecom_relay *relay = user;

    pthread_mutex_lock(&relay->mutex);
    if (!relay->signalled && !relay->deaf)
        pthread_cond_signal(&relay->wake);
    relay->signalled = 1;
    pthread_mutex_unlock(&relay->mutex);
}

/* Waits for work: a commit, or the sweep. Deaf, it goes by time alone: while the bus or the store
 * is away commits would only have it knocked at more often. */
static void rest(ecom_relay *relay, int64_t ms, int deaf)
{
    int64_t until = ecom__monotonic_ms() + ms, left;

    relay->deaf = deaf;
    while (!relay->stopping && (deaf || !relay->signalled) &&
           (left = until - ecom__monotonic_ms()) > 0)
        ecom__cond_wait_ms(&relay->wake, &relay->mutex, left);
    relay->deaf = 0;
}

/* The thread has been told to stop: goes on until nothing waits, or for as long as it may. */
static void drain(ecom_relay *relay)
{
    for (;;) {
        int64_t left = relay->deadline_ms - ecom__monotonic_ms();
        int32_t wait_ms = 0;
        if (left <= 0)
            return;
        pthread_mutex_unlock(&relay->mutex);
        int r = ecom_relay_step(relay, &wait_ms, NULL);
        pthread_mutex_lock(&relay->mutex);
        if (r == 0 && wait_ms > 0)
            return;
        if (r < 0)
            ecom__cond_wait_ms(&relay->wake, &relay->mutex, wait_ms < left ? wait_ms : left);
    }
}

static void *run(void *arg)
{
    ecom_relay *relay = arg;

    pthread_mutex_lock(&relay->mutex);
    while (!relay->stopping) {
        int32_t wait_ms = 0;
        relay->signalled = 0; /* before the step looks: what comes later is not missed */
        relay->idle_cap = relay->watched ? ECOM__RELAY_WATCHED : ECOM__RELAY_ALONE;
        pthread_mutex_unlock(&relay->mutex);
        ecom_relay_step(relay, &wait_ms, NULL);
        int away = relay->failures > 0;
        pthread_mutex_lock(&relay->mutex);
        rest(relay, relay->gather_ms, 1);
        if (wait_ms > 0)
            rest(relay, wait_ms, away);
    }
    drain(relay);
    pthread_mutex_unlock(&relay->mutex);
    return NULL;
}

int ecom_relay_start(ecom_relay *relay, ecom_error *err)
{
    if (!relay)
        return ecom_fail(err, ECOM_E_INVAL, "no relay");
    if (relay->running)
        return ecom_fail(err, ECOM_E_INVAL, "the relay runs already");
    relay->stopping = relay->signalled = 0;
    ecom_store_on_events(relay->store, on_events, relay);
    int r = ecom__thread_start(&relay->thread, run, relay, "the relay's thread", err);
    if (r < 0) {
        ecom_store_on_events(relay->store, NULL, NULL);
        return r;
    }
    relay->running = 1;
    /* Without an ear it looks for others' events by itself. */
    relay->listening = ecom__store_can_watch(relay->store) &&
                       ecom__thread_start(&relay->ear, ecom__relay_listen, relay, "", NULL) == 0;
    return ECOM_OK;
}

void ecom_relay_stop(ecom_relay *relay, int32_t deadline_ms)
{
    if (!relay || !relay->running)
        return;
    ecom_store_on_events(relay->store, NULL, NULL);
    pthread_mutex_lock(&relay->mutex);
    relay->stopping = 1;
    relay->deadline_ms = ecom__monotonic_ms() + deadline_ms;
    pthread_cond_signal(&relay->wake);
    pthread_cond_signal(&relay->unpause);
    pthread_mutex_unlock(&relay->mutex);
    pthread_join(relay->thread, NULL);
    if (relay->listening)
        pthread_join(relay->ear, NULL);
    relay->running = 0;
}
