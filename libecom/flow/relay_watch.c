#include "flow/backoff.h"
#include "flow/relay.h"
#include "base/thread.h"

/* The relay's ear, on a thread of its own: where the store tells of what other handles leave, the
 * relay need not look for it again and again. Others' events are theirs to publish for a time of
 * grace; only then does the relay look what is left of them. So this goes round in rounds: listen,
 * let the grace pass, have the relay look (at all that was left before the listening began), and
 * once something is heard begin again. What is left between is heard in the next round. */

enum { FIRST_PAUSE_MS = 1000, LONGEST_PAUSE_MS = 60000, WAIT_MS = 500 };

/* These are called with the relay's mutex. */

static void pause_ms(ecom_relay *relay, int64_t ms)
{
    int64_t until = ecom__monotonic_ms() + ms, left;

    while (!relay->stopping && (left = until - ecom__monotonic_ms()) > 0)
        ecom__cond_wait_ms(&relay->unpause, &relay->mutex, left);
}

static void have_it_look(ecom_relay *relay)
{
    relay->signalled = 1;
    pthread_cond_signal(&relay->wake);
}

/* Until something is heard (ECOM_OK), nothing more can be, or the relay stops. */
static int wait_for_others(ecom_relay *relay, ecom_watch *watch, ecom_error *why)
{
    int r = ECOM_E_TIMEOUT;

    while (!relay->stopping && r == ECOM_E_TIMEOUT) {
        pthread_mutex_unlock(&relay->mutex);
        r = ecom_watch_wait(watch, WAIT_MS, why);
        pthread_mutex_lock(&relay->mutex);
    }
    return r == ECOM_E_TIMEOUT ? ECOM_OK : r;
}

static int listen_once(ecom_relay *relay, ecom_error *why)
{
    ecom_watch *watch = NULL;

    pthread_mutex_unlock(&relay->mutex);
    int r = ecom_store_watch(relay->store, &watch, why);
    pthread_mutex_lock(&relay->mutex);
    if (r < 0)
        return r;
    if (!relay->watched)
        ecom_log_write(relay->log, ECOM_LOG_INFO, "outbox: the store tells of others' events", NULL,
                       0);
    relay->watched = 1;
    pause_ms(relay, (int64_t)relay->grace_ms + 1);
    have_it_look(relay);
    r = wait_for_others(relay, watch, why);
    pthread_mutex_unlock(&relay->mutex);
    ecom_watch_close(watch);
    pthread_mutex_lock(&relay->mutex);
    return r;
}

static void lost(ecom_relay *relay, const ecom_error *why, uint32_t failures)
{
    const ecom_log_field field = {"error", ecom_str_of(why->text), 0};

    relay->watched = 0;
    have_it_look(relay);
    if (failures == 1)
        ecom_log_write(relay->log, why->code == ECOM_E_NOTSUP ? ECOM_LOG_INFO : ECOM_LOG_WARN,
                       "outbox: the store does not tell of others' events; looking for them",
                       &field, 1);
    pause_ms(relay, ecom__backoff_ms(relay->env, FIRST_PAUSE_MS, LONGEST_PAUSE_MS, failures));
}

void *ecom__relay_listen(void *arg)
{
    ecom_relay *relay = arg;
    uint32_t failures = 0;

    pthread_mutex_lock(&relay->mutex);
    while (!relay->stopping) {
        ecom_error why = {0};
        int r = listen_once(relay, &why);
        failures = r < 0 ? failures + 1 : 0;
        if (r < 0 && !relay->stopping)
            lost(relay, &why, failures);
    }
    relay->watched = 0;
    pthread_mutex_unlock(&relay->mutex);
    return NULL;
}
