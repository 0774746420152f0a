/** @file
 * AWS Lambda from the caller's side: functions invoked by name, with requests signed by Signature
 * Version 4 and credentials found and refreshed as AWS's own clients do. In libecom-aws, on
 * libcurl; the functions themselves (<ecom/lambda.h>) need none of it.
 *
 *     ecom_aws_options opts = {.size = sizeof(opts), .region = "eu-central-1"};
 *     ecom_aws_invocation call = {.size = sizeof(call), .function = "payment:live"};
 *     ...
 *     int r = ecom_aws_new(&opts, &aws, &e);
 *     if (r == ECOM_OK)
 *         r = ecom_aws_invoke(aws, &call, arena, &answer, &e);
 */
#ifndef ECOM_AWS_H
#define ECOM_AWS_H

#include "log.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECOM_AWS_MAX_PAYLOAD (6u << 20)       /**< bytes of what is sent, and of what comes back */
#define ECOM_AWS_MAX_ASYNC_PAYLOAD (1u << 20) /**< bytes of what is sent with ECOM_AWS_EVENT */

/** A client. May be used from any thread. */
typedef struct ecom_aws ecom_aws;

/**
 * Start from {.size = sizeof(ecom_aws_options)}; zero always means the default. The library reads
 * no environment: each setting says which variable of AWS's clients it is. Texts are copied, NULL
 * and "" are the same: not set. Env and log must outlive the client.
 *
 * Credentials are, in this order: those given here; the profile's; the container's; the machine's.
 */
typedef struct ecom_aws_options {
    uint32_t size;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */

    const char *region;    /**< AWS_REGION; unset: the profile's, or the one in a function's ARN */
    const char *endpoint;  /**< AWS_ENDPOINT_URL_LAMBDA: "http://127.0.0.1:9001"; unset: AWS */
    const char *ca_bundle; /**< AWS_CA_BUNDLE: a PEM file; unset: the profile's, or the system's */

    const char *access_key_id;     /**< AWS_ACCESS_KEY_ID */
    const char *secret_access_key; /**< AWS_SECRET_ACCESS_KEY */
    const char *session_token;     /**< AWS_SESSION_TOKEN */

    const char *profile;          /**< AWS_PROFILE; unset: "default", if it is there */
    const char *config_file;      /**< AWS_CONFIG_FILE, ~/.aws/config */
    const char *credentials_file; /**< AWS_SHARED_CREDENTIALS_FILE, ~/.aws/credentials */

    const char *container_relative_uri; /**< AWS_CONTAINER_CREDENTIALS_RELATIVE_URI */
    const char *container_full_uri;     /**< AWS_CONTAINER_CREDENTIALS_FULL_URI */
    const char *container_token;        /**< AWS_CONTAINER_AUTHORIZATION_TOKEN */
    const char *container_token_file; /**< AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, read each time */
    const char *metadata_endpoint; /**< AWS_EC2_METADATA_SERVICE_ENDPOINT; unset: 169.254.169.254 */
    int32_t metadata_disabled;     /**< AWS_EC2_METADATA_DISABLED */

    uint32_t concurrency;       /**< invocations at a time, each on a kept connection; 0: 16 */
    uint32_t max_tries;         /**< of one invocation; 0: 3, at most 10 */
    int32_t timeout_ms;         /**< of one try; 0: 60,000 */
    int32_t connect_timeout_ms; /**< 0: 3,000 */
} ecom_aws_options;

typedef enum ecom_aws_mode {
    ECOM_AWS_REQUEST = 0, /**< RequestResponse: waits for the result */
    ECOM_AWS_EVENT = 1,   /**< Event: only until AWS has taken it; there is no result */
    ECOM_AWS_DRY_RUN = 2  /**< DryRun: may it be invoked? */
} ecom_aws_mode;

/** One invocation. Slices are borrowed for the call. */
typedef struct ecom_aws_invocation {
    uint32_t size;
    /** "name", "name:alias", "123456789012:function:name", an ARN; each with a version or an alias
     *  behind it, or without. The region of an ARN is where it is invoked. */
    const char *function;
    ecom_str payload; /**< JSON; empty: no body at all */
    int32_t mode;     /**< ecom_aws_mode */
    /** For the function, in its client context's `custom`; at most 128 and 64 bytes; may be empty.
     */
    ecom_str correlation_id, traceparent;
    int32_t log_tail;   /**< 1: with the last 4 KiB of the function's log; only ECOM_AWS_REQUEST */
    int32_t timeout_ms; /**< of one try; 0: the client's */
} ecom_aws_invocation;

/** What came back; all in the arena. Empty: was not said. */
typedef struct ecom_aws_answer {
    int32_t status; /**< 200, 202 or 204 */
    int32_t tries;
    ecom_str payload; /**< the result; with function_error, what went wrong */
    /** "Unhandled", "Handled": the function was run, and failed. Then, if the payload says it: */
    ecom_str function_error, error_type, error_message;
    ecom_str request_id, version, log_tail;
} ecom_aws_answer;

/** Reads the profile. @return ECOM_E_INVAL with the field; ECOM_E_NOTFOUND: no such profile;
 *  ECOM_E_NOTSUP: a profile that needs what is not there (`role_arn`, `sso_session`...);
 *  ECOM_E_UNAVAILABLE: no libcurl; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_aws_new(const ecom_aws_options *opts, ecom_aws **out,
                                        ecom_error *err);
/**
 * Invokes a function. 429, 500, 502, 503, 504 and time-outs are tried again, after a wait that
 * doubles, with jitter, or as Retry-After says: so a function may be run more than once for a call,
 * as it may for every message. Blocks for up to all tries and the waits between them.
 * @param out  written on ECOM_OK, and on ECOM_E_BACKEND.
 * @return ECOM_OK: it ran and did not fail; with ECOM_AWS_EVENT, AWS has it. After any other it is
 *         not known whether it ran, or it is known that it did not:
 *         ECOM_E_BACKEND: it ran and failed, @p out says how. Nothing else has this code.
 *         ECOM_E_RATE: too many at a time, to the last try; err->retry_after_ms if it was said.
 *         ECOM_E_TIMEOUT, ECOM_E_UNAVAILABLE: no answer, or none that could be used.
 *         ECOM_E_UNAUTHENTICATED: no credentials are to be had. ECOM_E_FORBIDDEN: they are refused,
 *         or the clock is wrong. ECOM_E_NOTFOUND: no such function. ECOM_E_CONFLICT: it is being
 *         changed. ECOM_E_INVAL: field `function`, or AWS found the request wrong.
 *         ECOM_E_TOOLARGE: the payload, or the result. ECOM_E_CLOSED: ecom_aws_stop() was called.
 *         ECOM_E_NOMEM.
 */
ECOM_API ECOM_MUST_USE int ecom_aws_invoke(ecom_aws *aws, const ecom_aws_invocation *call,
                                           ecom_arena *arena, ecom_aws_answer *out,
                                           ecom_error *err);
/** Lets invocations under way return ECOM_E_CLOSED soon, and all later ones at once. From any
 *  thread. */
ECOM_API void ecom_aws_stop(ecom_aws *aws);
/** Waits for nobody: let no call be in progress. NULL is fine. */
ECOM_API void ecom_aws_free(ecom_aws *aws);

#ifdef __cplusplus
}
#endif
#endif
