/** @file
 * AWS Lambda functions: the runtime side of a custom runtime (`provided.al2023`), without libcurl,
 * libuv or threads, so that a function is one small static executable.
 *
 * ecom_lambda asks the Runtime API for invocations, hands each to a handler and tells the answer;
 * ecom_lambda_events is a handler that reads what triggered the function (a direct invocation, a
 * Kafka, SQS or SNS batch) and hands over typed events, one by one.
 */
#ifndef ECOM_LAMBDA_H
#define ECOM_LAMBDA_H

#include "consumer.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECOM_LAMBDA_MAX_RESPONSE (6u << 20) /**< bytes of a result */
#define ECOM_LAMBDA_MAX_EVENT (8u << 20)    /**< bytes of an invocation's event */

/** The runtime of one function. For one thread, except where it says otherwise. */
typedef struct ecom_lambda ecom_lambda;

/** One invocation. Slices are borrowed for the call; empty: the Runtime API did not say. */
typedef struct ecom_lambda_context {
    uint32_t size;
    ecom_str request_id;
    ecom_str function_arn;
    ecom_str trace_id;       /**< X-Ray's, of this invocation */
    ecom_str client_context; /**< JSON, as the caller gave it */
    ecom_str cognito_identity;
    int64_t deadline_ms; /**< Unix epoch; INT64_MAX: none was given */
    int32_t margin_ms;   /**< kept back from the deadline for the answer: 20 to 500 */
    const ecom_env *env;
    const ecom_log *log; /**< with the request id bound; nullable */
    ecom_arena *arena;   /**< for the call */
} ecom_lambda_context;

/** How long a handler may still take: until the deadline, less the margin. 0 or below: answer. */
ECOM_API int64_t ecom_lambda_left_ms(const ecom_lambda_context *context);

/** Handles one invocation.
 *  @param event   JSON, as it came.
 *  @param result  append JSON to it; nothing is `null`. At most ECOM_LAMBDA_MAX_RESPONSE bytes.
 *  @return ECOM_OK; any other: an error of the function, `errorType` the name of the code ("INVAL")
 *          and `errorMessage` err->text. */
typedef int (*ecom_lambda_handler)(void *user, ecom_str event, const ecom_lambda_context *context,
                                   ecom_buf *result, ecom_error *err);

/** Start from {.size = sizeof(ecom_lambda_options)}. Env and log must outlive the runtime. */
typedef struct ecom_lambda_options {
    uint32_t size;
    const char *api;     /**< AWS_LAMBDA_RUNTIME_API: an IP address or `localhost`, and a port */
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
    ecom_lambda_handler handle;
    void *user;
} ecom_lambda_options;

/** @return ECOM_E_INVAL with the field; ECOM_E_UNAVAILABLE: no pipe; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_lambda_new(const ecom_lambda_options *opts, ecom_lambda **out,
                                           ecom_error *err);
/**
 * One step: asks for an invocation, however long that takes, handles it, tells the answer; or, when
 * that could not be told last time, tells it again.
 * @param wait_ms  out: how long to leave the API alone before the next step.
 * @return ECOM_OK: one is done. ECOM_E_CLOSED: ecom_lambda_stop() was called. ECOM_E_BACKEND: the
 *         Runtime API says that this environment is beyond help: exit. Any other: it could not be
 *         reached, or it answers nonsense: step again after @p wait_ms.
 */
ECOM_API int ecom_lambda_step(ecom_lambda *lambda, int32_t *wait_ms, ecom_error *err);
/** Steps until ecom_lambda_stop(): ECOM_OK. @return ECOM_E_BACKEND: exit with a failure; so after
 *  50 failures without a success between them (four minutes): what the last one was. */
ECOM_API ECOM_MUST_USE int ecom_lambda_run(ecom_lambda *lambda, ecom_error *err);
/** Ends ecom_lambda_run() once nothing is being handled. From any thread, and from a signal
 * handler: what SIGTERM should call. */
ECOM_API void ecom_lambda_stop(ecom_lambda *lambda);
/** Tells the API that the function could not be started: then exit. Its `errorType` is "Init." and
 * the name of the code ("Init.INVAL"): who invokes it must not think that of the event.
 *  @return ECOM_OK: it knows; else as ecom_lambda_step(). */
ECOM_API ECOM_MUST_USE int ecom_lambda_init_error(ecom_lambda *lambda, const ecom_error *why,
                                                  ecom_error *err);
/**
 * Tells the error of the invocation that is being handled, on a connection of its own, from a
 * signal handler: when the handler crashed, or will not end before the deadline. Takes at most 200
 * ms. The process must then exit, so that another takes its place.
 * @param type  "Runtime.Crash": printable ASCII without `"` and `\`, as @p text.
 */
ECOM_API void ecom_lambda_last_word(ecom_lambda *lambda, const char *type, const char *text);
/** NULL is fine. */
ECOM_API void ecom_lambda_free(ecom_lambda *lambda);

/** Handles one event.
 *  @param result  append JSON to it, or nothing: what a direct invocation returns for this event.
 *  @return as an ecom_handler. */
typedef int (*ecom_lambda_event_handler)(void *user, const ecom_delivery *delivery,
                                         ecom_buf *result, ecom_error *err);

/** What to do with one type of event. */
typedef struct ecom_lambda_route {
    const ecom_contract *contract;
    ecom_lambda_event_handler handle;
} ecom_lambda_route;

/** The `user` of ecom_lambda_events_handle(). */
typedef struct ecom_lambda_events {
    uint32_t size;
    const ecom_lambda_route *routes;
    size_t nroutes;
    /** Types that are passed over, ends with NULL; nullable. Others are reported as failures. */
    const ecom_contract *const *ignore;
    void *user; /**< for the functions below, and the routes */
    /** Nullable: before the first event. @param returned  1: the caller gets the results; 0: an
     * event source, which drops them. @return a failure is that of the invocation. */
    int (*begin)(void *user, int returned, const ecom_lambda_context *context, ecom_error *err);
    /** Nullable: after the last event, before the answer: let out what the events gave rise to.
     *  @return a failure is that of each event, so that all come again. */
    int (*settle)(void *user, int returned, const ecom_lambda_context *context, ecom_error *err);
} ecom_lambda_events;

/**
 * An ecom_lambda_handler that finds the events in what triggered the function:
 *
 * - one event: its result, or its error; `x-correlation-id` and `traceparent` in the client
 *   context's `custom` count as its headers, as <ecom/aws.h> sends them;
 * - an array of at most 1,000 events: an array of results, `{"errorType", "errorMessage"}` in the
 *   place of one that failed;
 * - a batch of MSK or self-managed Kafka, or of SQS (also SNS within SQS): `batchItemFailures`,
 * with what failed and what could not be read; behind a failed event of Kafka others of its key are
 * not handled, for the order's sake;
 * - SNS: an error if one failed.
 *
 * What there is no time left for before the deadline counts as failed (TIMEOUT). Each failure is
 * logged. Events may come more than once: handlers are idempotent by event id.
 * @param events  the ecom_lambda_events.
 */
ECOM_API ECOM_MUST_USE int ecom_lambda_events_handle(void *events, ecom_str event,
                                                     const ecom_lambda_context *context,
                                                     ecom_buf *result, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
