/** @file
 * The relay: takes the events that changes left in a store (see ecom_store_put()), publishes them,
 * and forgets them once the bus has confirmed them durable. Several relays may serve one store: an
 * event may then go out twice, but never not at all, and never before an earlier one of its
 * document.
 */
#ifndef ECOM_OUTBOX_H
#define ECOM_OUTBOX_H

#include "metrics.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Publishes the events of one store handle. */
typedef struct ecom_relay ecom_relay;

/** Start from ECOM_RELAY_OPTIONS_INIT; zero always means the default. No wait is longer than an
 * hour. Store, bus, env, log and metrics must outlive the relay. */
typedef struct ecom_relay_options {
    uint32_t size;
    ecom_store *store;
    ecom_bus *bus;
    const ecom_env *env;    /**< NULL: ecom_env_system() */
    const ecom_log *log;    /**< nullable */
    ecom_metrics *metrics;  /**< nullable: ecom_outbox_* */
    uint32_t batch;         /**< events a publish; 0: 256, at most 1000 */
    int32_t sweep_ms;       /**< how often to look for leftovers of others; 0: 1,000. While nothing
                             *   waits less and less often, down to a quarter; a sixteenth where the
                             *   store tells of them, see ecom_store_watch() */
    int32_t grace_ms;       /**< an event this old is a leftover; 0: 2,000 */
    int32_t max_backoff_ms; /**< while the bus or the store is away; 0: 5,000 */
} ecom_relay_options;
/* clang-format off */
#define ECOM_RELAY_OPTIONS_INIT {sizeof(ecom_relay_options), NULL, NULL, NULL, NULL, NULL, 0, 0, 0, 0}
/* clang-format on */

/** Makes a relay, which does nothing by itself: see ecom_relay_step() and ecom_relay_start().
 *  @return ECOM_E_INVAL (the option); ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_relay_new(const ecom_relay_options *opts, ecom_relay **out,
                                          ecom_error *err);
/** One step: publishes what waits, at most one batch. Blocks as the store and the bus do; for one
 *  thread at a time, and not while the relay runs on its own.
 *
 *  An event that the bus refuses as it is (ECOM_E_INVAL, ECOM_E_TOOLARGE) stays in the store, and
 * is tried again each minute and after each start; what waits behind it of its document waits with
 * it, all other documents go on. An error in the log and the gauge `ecom_outbox_parked` tell of it.
 * Up to 1000 events may be held back so; more of them stand in the way of the rest.
 *
 *  @param wait_ms  out: how long there is nothing to do, unless an event is written meanwhile; 0:
 *                  step again at once.
 *  @return how many events went out, or why none could: step again after @p wait_ms. */
ECOM_API int ecom_relay_step(ecom_relay *relay, int32_t *wait_ms, ecom_error *err);
/** Runs steps on a thread of its own, woken by the store (ecom_store_on_events(), and for what
 * other handles leave by ecom_store_watch(), where it can): one running relay a store handle.
 * Behind 12 events and more it lets the next ones come together, a millisecond for each 12, 20 at
 * most.
 * @return ECOM_E_INVAL: it runs already; ECOM_E_NOMEM: no thread. */
ECOM_API ECOM_MUST_USE int ecom_relay_start(ecom_relay *relay, ecom_error *err);
/** Publishes what waits, for at most @p deadline_ms and the call then in progress, and ends the
 *  thread. NULL is fine, and so is one that does not run. */
ECOM_API void ecom_relay_stop(ecom_relay *relay, int32_t deadline_ms);
/** Stops at once if it runs. NULL is fine. */
ECOM_API void ecom_relay_free(ecom_relay *relay);

#ifdef __cplusplus
}
#endif
#endif
