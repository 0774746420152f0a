/** @file
 * The consumer: hands typed events to handlers. Keys proceed in parallel, one key in order. What
 * fails is tried again with back-off and jitter. For what a handler needs and cannot have now
 * (ECOM_E_UNAVAILABLE, TIMEOUT, BACKEND, FULL, NOMEM, RATE, CLOSED) that goes on without end: the
 * event is not acked, its key waits, and it counts as stalled once it failed max_attempts times.
 * What is rejected, cannot be read, or ends in a conflict max_attempts times goes to `<topic>.dlq`
 * with headers that say why, and the flow goes on.
 *
 * A dead letter has the key, body and headers of the original, and beside them: `x-dlq-reason` (a
 * line for people), `x-dlq-code` ("INVAL"), `x-dlq-topic`, `x-dlq-partition`, `x-dlq-offset`,
 * `x-dlq-attempts`, `x-dlq-group`, `x-dlq-time` (RFC 3339). It is durable before the message counts
 * as done; while the bus will not take it, its key waits. What a foreign producer sent beyond the
 * limits of <ecom/bus.h> is left out (more than 23 headers, too): then there is `x-dlq-cut`, which
 * says what.
 */
#ifndef ECOM_CONSUMER_H
#define ECOM_CONSUMER_H

#include "event.h"
#include "metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One member of a consumer group, with handlers. May be used from any thread, except for
 *  ecom_consumer_step(). */
typedef struct ecom_consumer ecom_consumer;

/** One event at a handler. All is borrowed for the call. */
typedef struct ecom_delivery {
    const ecom_contract *contract;
    const void *event;   /**< the contract's struct */
    const ecom_msg *msg; /**< as it came */
    uint32_t attempt;    /**< 1 for the first, of whatever kind the failures before were;
                              redeliveries after a crash start again at 1 */
    ecom_arena *arena;   /**< for the call */
    const ecom_log *log; /**< with the correlation id bound */
} ecom_delivery;

/** Handles one event. Effects must be idempotent by event id: delivery is at least once.
 *  @return ECOM_OK: done. A code for which ecom_code_of() says retry: again later, and without end,
 *          unless it is ECOM_E_CONFLICT or a number that is no ecom_code. Any other: rejected, to
 *          the dead letters; what you give up after some attempts, too. */
typedef int (*ecom_handler)(void *user, const ecom_delivery *delivery, ecom_error *err);

/** Which events go where: one a type. */
typedef struct ecom_subscriber {
    const ecom_contract *contract;
    ecom_handler handle;
} ecom_subscriber;

/** Start from {.size = sizeof(ecom_consumer_options)}; zero always means the default. No wait is
 * longer than a day. Bus, env, log and metrics must outlive the consumer. */
typedef struct ecom_consumer_options {
    uint32_t size;
    ecom_bus *bus;
    const ecom_env *env;    /**< NULL: ecom_env_system() */
    const ecom_log *log;    /**< nullable */
    ecom_metrics *metrics;  /**< nullable: ecom_consumer_* */
    ecom_str group;         /**< 1 to 128 bytes; copied */
    const ecom_str *topics; /**< 1 to 64, copied; at most 124 bytes each, for ".dlq" to fit. NULL:
                                 those of the subscribers' contracts */
    size_t ntopics;
    const ecom_subscriber *subscribers; /**< 1 to 256, copied */
    size_t nsubscribers;
    /** Types that a topic may carry and this consumer has no use for: passed over. Ends with NULL;
     *  nullable. A type that is neither here nor subscribed to is a dead letter. */
    const ecom_contract *const *ignore;
    void *user; /**< for the handlers */
    ecom_start start;
    uint32_t threads; /**< handlers at a time; 0: 8, at most 256 */
    uint32_t window;  /**< messages taken and not yet done; 0: 512, at most 65,536 */
    /** 0: 8, at most 1000. Conflicts and unknown numbers count; what is away is waited for without
     *  end, since that is not the message's fault. */
    uint32_t max_attempts;
    int32_t backoff_ms;         /**< before the second try, doubled by each; 0: 100 */
    int32_t max_backoff_ms;     /**< 0: 30,000 */
    int32_t session_timeout_ms; /**< 0: the bus's default */
} ecom_consumer_options;

/** Makes a consumer, which joins its group at once, or as soon as the bus is there.
 *  @return ECOM_E_INVAL with the field; ECOM_E_NOMEM; or why the bus will never take it. */
ECOM_API ECOM_MUST_USE int ecom_consumer_new(const ecom_consumer_options *opts, ecom_consumer **out,
                                             ecom_error *err);
/** One step on the calling thread: polls once for at most @p timeout_ms, or until a retry is due,
 *  runs every handler that is due, acks. For tests, simulations and programs with a loop of their
 *  own; one thread at a time.
 *  @return how many messages were finished, or why polling failed: err->retry_after_ms says for how
 *          long to leave the bus alone. */
ECOM_API int ecom_consumer_step(ecom_consumer *consumer, int32_t timeout_ms, ecom_error *err);
/** How long until the next retry is due, in ms; -1: none waits. */
ECOM_API int64_t ecom_consumer_next_due_ms(const ecom_consumer *consumer);
/** Runs on threads of its own: one that polls, and up to opts.threads that run handlers, made as
 *  there is work for them. @return ECOM_E_INVAL: it runs already; ECOM_E_NOMEM: no threads. */
ECOM_API ECOM_MUST_USE int ecom_consumer_start(ecom_consumer *consumer, ecom_error *err);
/** Takes no more, finishes what is in flight for at most @p deadline_ms, acks, leaves the group.
 *  Retries that wait are not waited for: they come again, as does what did not get done. A handler
 *  that is still running then is waited for, but its group goes on without it. NULL is fine, and so
 *  is one that does not run. */
ECOM_API void ecom_consumer_stop(ecom_consumer *consumer, int32_t deadline_ms);

/** How it goes: for readiness and metrics. */
typedef struct ecom_consumer_stats {
    uint64_t handled, retried, dead, ignored;
    uint64_t in_flight; /**< taken and not yet done */
    uint64_t lag;       /**< as ecom_member_lag(), at most a second old */
    int32_t healthy;    /**< 1: the last poll reached the bus */
    uint64_t stalled;   /**< failed max_attempts times or more, and still waited for */
} ecom_consumer_stats;

/** Does not ask the bus: cheap, and from any thread. */
ECOM_API void ecom_consumer_stats_get(ecom_consumer *consumer, ecom_consumer_stats *out);
/** Stops at once if it runs; what was not acked comes again. NULL is fine. */
ECOM_API void ecom_consumer_free(ecom_consumer *consumer);

#ifdef __cplusplus
}
#endif
#endif
