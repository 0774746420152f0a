/** @file
 * HTTP/1.1 (RFC 9110, 9112): a server for services, on libuv and llhttp, and a client for calls
 * between them. Event loops read and write; handlers are straight-line code on a bounded pool of
 * threads and may block. In libecom-http.
 */
#ifndef ECOM_HTTP_H
#define ECOM_HTTP_H

#include "auth.h"
#include "log.h"
#include "metrics.h"
#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ecom_http_server ecom_http_server;
/** One request and the response to it; lives until the response was sent. For one thread. */
typedef struct ecom_exchange ecom_exchange;

#define ECOM_HTTP_LATER 1        /**< of a handler: it is answered by ecom_exchange_finish() */
#define ECOM_HTTP_MAX_PROXIES 16 /**< addresses in ecom_http_options.proxies */

/** Answers one request: fills the response and returns ECOM_OK, or fails, and the server answers
 *  with problem+json (RFC 9457) and the status that ecom_code_of() has for the code. Causes that
 *  are not the caller's business (status 500 and above) are logged and masked. Returns
 *  ECOM_HTTP_LATER when it has handed the exchange on; it is then no longer the handler's. On a
 *  route with ECOM_ROUTE_ON_LOOP it returns ECOM_WOULD_WAIT, having done nothing yet, when it would
 *  have to wait for this request: it is called again then, on a thread where it may; which of the
 *  two it is on, ecom_exchange_may_block() says. */
typedef int (*ecom_http_handler)(void *user, ecom_exchange *x, ecom_error *err);

enum {
    ECOM_ROUTE_AUTH = 1 << 0,       /**< a valid Bearer token is needed; 401 otherwise */
    ECOM_ROUTE_IDEMPOTENT = 1 << 1, /**< documents the Idempotency-Key header */
    ECOM_ROUTE_INTERNAL = 1 << 2,   /**< not in the OpenAPI document; quiet, too */
    ECOM_ROUTE_ON_LOOP = 1 << 3,    /**< runs on the loop, where it must not wait; not when the body
                                         has more than 16 KiB: reading that takes a thread, too */
    ECOM_ROUTE_LIMITED = 1 << 4,    /**< documents that it may answer 429, with Retry-After */
    ECOM_ROUTE_QUIET = 1 << 5       /**< in the access log at debug: what is asked all the time */
};

/** One route. From the table come dispatch, body and query reading, 405 with Allow, OPTIONS, HEAD
 *  and the OpenAPI document. */
typedef struct ecom_route {
    const char *method;  /**< "GET" (HEAD comes with it), "POST"... */
    const char *pattern; /**< "/orders/{id}" */
    ecom_http_handler handle;
    uint32_t flags;              /**< ECOM_ROUTE_* */
    const ecom_record *request;  /**< JSON body, read and checked before handle; NULL: none */
    const ecom_record *query;    /**< query parameters, likewise; NULL: none are looked at */
    const ecom_record *response; /**< of success, for documentation; nullable */
    int32_t status;              /**< of success; 0: 200 */
    const char *summary;         /**< one line for documentation */
    /** What generated clients call it: a letter, then letters, digits and _; no two routes share
     *  one. NULL: made of method and pattern, "getOrdersById". */
    const char *operation;
    /** For what no record can say: a JSON object with the operation's `parameters`, `requestBody`
     *  and `responses`, which then stand alone in the OpenAPI document. NULL: from the above. */
    const char *openapi;
} ecom_route;

/** Zero always means the default. What is pointed to must outlive the server. */
typedef struct ecom_http_options {
    uint32_t size;
    const char *name, *version; /**< for the OpenAPI document and the metrics */
    const char *host;           /**< NULL: "0.0.0.0"; also an IPv6 address */
    int32_t port;               /**< 0: any free one, see ecom_http_server_port() */
    const ecom_route *routes;
    size_t nroutes;
    void *user; /**< for the handlers */
    const ecom_env *env;
    const ecom_log *log;
    ecom_metrics *metrics; /**< nullable; with it, GET /metrics */
    const ecom_jwt *jwt;   /**< needed for ECOM_ROUTE_AUTH */
    /** Nullable. GET /readyz asks it: ECOM_OK or why not. Runs on the pool. */
    int (*ready)(void *user, ecom_error *err);
    uint32_t loops;            /**< event loop threads; 0: 1 */
    uint32_t threads;          /**< handler threads, made as they are needed; 0: 64 */
    uint32_t max_queue;        /**< requests that wait for a thread; 0: 1,024; one more: 503 */
    uint32_t max_connections;  /**< 0: 10,000; never above three quarters of the descriptors that
                                *   the process may have at start; one more is closed */
    uint32_t max_pipeline;     /**< requests read ahead on a connection; 0: 16 */
    uint32_t max_header_bytes; /**< request line and headers; 0: 16 KiB; one more: 431 */
    uint32_t max_headers;      /**< 0: 64; one more: 431 */
    uint32_t max_url_bytes;    /**< 0: 8 KiB; one more: 414 */
    uint32_t max_body_bytes;   /**< 0: 1 MiB; one more: 413 */
    int32_t
        header_timeout_ms;    /**< from the first byte to the end of headers; 0: 10,000; then 408 */
    int32_t body_timeout_ms;  /**< 0: 30,000; then 408 */
    int32_t idle_timeout_ms;  /**< between requests; 0: 75,000; then closed */
    int32_t write_timeout_ms; /**< a peer that does not read; 0: 30,000; then closed */
    const char *proxies;      /**< nullable: proxies whose X-Forwarded-For is believed, as
                               *   ecom_http_proxies_check() has them, see ecom_exchange_peer() */
    uint32_t max_bodies_bytes; /**< memory of all bodies together that are received or handled,
                                *   those of up to 16 KiB apart; 0: 256 MiB; beyond that: 503,
                                *   those first of which nothing has come for longest */
    uint32_t max_unread_bytes; /**< memory of all answers together that wait for their peers to
                                *   read, what waits in streams and WebSockets, too; 0: 256 MiB;
                                *   beyond that connections are reset, those first whose peers
                                *   have taken nothing for longest */
} ecom_http_options;

/** Checks a list as ecom_http_options.proxies takes it: up to ECOM_HTTP_MAX_PROXIES IP addresses,
 *  with commas between, and blanks around each. @return ECOM_E_INVAL (field `proxies`). */
ECOM_API ECOM_MUST_USE int ecom_http_proxies_check(const char *list, ecom_error *err);

/** Checks the options and the routes. @return ECOM_E_INVAL; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_http_server_new(const ecom_http_options *opts,
                                                ecom_http_server **out, ecom_error *err);
/** Binds, listens and serves on threads of its own. @return ECOM_E_UNAVAILABLE: the address is
 *  taken or not ours; err->native is errno. */
ECOM_API ECOM_MUST_USE int ecom_http_server_start(ecom_http_server *server, ecom_error *err);
/** The port it listens on, once it was started with port 0, too. */
ECOM_API int32_t ecom_http_server_port(const ecom_http_server *server);
/** Drains: takes no more connections, answers what is in flight with `Connection: close`, for at
 *  most @p deadline_ms, and ends the threads. GET /readyz says 503 from the start of it. NULL is
 *  fine, and so is one that does not run. */
ECOM_API void ecom_http_server_stop(ecom_http_server *server, int32_t deadline_ms);
/** Stops at once if it runs. NULL is fine. */
ECOM_API void ecom_http_server_free(ecom_http_server *server);
/** Appends the OpenAPI 3.1 document that GET /openapi.json serves. Records of one name must be one
 *  record. @return ECOM_E_INVAL (routes, or a route's `openapi` is no JSON object);
 *  ECOM_E_TOOLARGE: more than 256 records; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_http_openapi(const ecom_http_options *opts, ecom_buf *out);

/* The request. Slices live as long as the exchange. */
/** As it came: "GET". */
ECOM_API ecom_str ecom_exchange_method(const ecom_exchange *x);
/** Decoded path. */
ECOM_API ecom_str ecom_exchange_path(const ecom_exchange *x);
/** Raw query, without the `?`. */
ECOM_API ecom_str ecom_exchange_query(const ecom_exchange *x);
/** A header's value, names without case; several are joined by ", ". p NULL: not there. */
ECOM_API ecom_str ecom_exchange_header(ecom_exchange *x, const char *name);
/** A `{name}` of the route's pattern, decoded; p NULL: the pattern has none of that name. */
ECOM_API ecom_str ecom_exchange_param(const ecom_exchange *x, const char *name);
/** As it came; empty without one. */
ECOM_API ecom_str ecom_exchange_body(const ecom_exchange *x);
/** The struct of route->request; NULL without one. */
ECOM_API const void *ecom_exchange_request(const ecom_exchange *x);
/** The struct of route->query; NULL without one. */
ECOM_API const void *ecom_exchange_params(const ecom_exchange *x);
/** Who calls, on a route with ECOM_ROUTE_AUTH, or with a valid token on any; else NULL. */
ECOM_API const ecom_claims *ecom_exchange_claims(const ecom_exchange *x);
/** The peer's address as text; of one of options.proxies, the address that it speaks for. */
ECOM_API ecom_str ecom_exchange_peer(const ecom_exchange *x);
/** Taken from the request when it is 1 to 128 printable ASCII characters, made otherwise. */
ECOM_API ecom_str ecom_exchange_correlation_id(const ecom_exchange *x);
/** The caller's `traceparent`, if valid, with a span of ours; or a new one. */
ECOM_API ecom_str ecom_exchange_traceparent(const ecom_exchange *x);
/** A logger with the correlation id bound. */
ECOM_API const ecom_log *ecom_exchange_log(const ecom_exchange *x);
/** Truth: the handler may wait here: it runs on a thread for handlers, not on the loop. */
ECOM_API int ecom_exchange_may_block(const ecom_exchange *x);
/** For whatever the handler needs until the response is sent. */
ECOM_API ecom_arena *ecom_exchange_arena(ecom_exchange *x);

/* The response. */
/** Starts as the route's status. */
ECOM_API void ecom_exchange_set_status(ecom_exchange *x, int32_t status);
/** Adds a header; both are copied. @return ECOM_E_INVAL for CR, LF or NUL; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_exchange_add_header(ecom_exchange *x, const char *name,
                                                    ecom_str value);
/** The body: append to it. Content-Type is application/json unless a header says otherwise. */
ECOM_API ecom_buf *ecom_exchange_out(ecom_exchange *x);
/** Appends a record, as callers see it. */
ECOM_API ECOM_MUST_USE int ecom_exchange_reply(ecom_exchange *x, const ecom_record *record,
                                               const void *value, ecom_error *err);

/** Answers an exchange whose handler returns ECOM_HTTP_LATER, or has, as if the handler returned
 *  @p r. To be called once, from any thread; the exchange is gone then.
 *  @param err  why, when it failed; changed. */
ECOM_API void ecom_exchange_finish(ecom_exchange *x, int r, ecom_error *err);

/** A client with pooled keep-alive connections. May be used from any thread. */
typedef struct ecom_http_client ecom_http_client;

/** Zero always means the default. */
typedef struct ecom_http_client_options {
    uint32_t size;
    const ecom_env *env;         /**< NULL: ecom_env_system() */
    int32_t connect_timeout_ms;  /**< 0: 2,000 */
    int32_t timeout_ms;          /**< of a call; 0: 10,000 */
    int32_t idle_timeout_ms;     /**< of a pooled connection; 0: 30,000 */
    uint32_t max_idle;           /**< pooled connections an address; 0: 32 */
    uint32_t max_response_bytes; /**< 0: 8 MiB */
    uint32_t max_tries;          /**< of a safe call; 0: 3, with back-off */
} ecom_http_client_options;

/** One call. Slices are borrowed. */
typedef struct ecom_http_call {
    const char *method;
    const char *url; /**< http://host:port/path?query; https is not spoken here */
    const ecom_header *headers;
    size_t nheaders;
    ecom_str body;
    int32_t timeout_ms; /**< 0: the client's */
    int32_t retry;      /**< 1: safe to send again though the method is not (an idempotency key) */
} ecom_http_call;

/** What came back. Slices lie in the arena of the call. */
typedef struct ecom_http_answer {
    int32_t status;
    ecom_str body, content_type, retry_after; /**< of headers, as they came; p NULL: not there */
} ecom_http_answer;

/** @param opts  nullable: the defaults. @return ECOM_E_INVAL: a time-out below 0; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_http_client_new(const ecom_http_client_options *opts,
                                                ecom_http_client **out, ecom_error *err);
/** Sends and waits. GET, HEAD, PUT, DELETE and OPTIONS are tried again on a transport failure and
 *  on 502, 503 and 504; others only when not one byte was sent on a fresh connection, or with
 *  call->retry.
 *  @param arena  holds the answer.
 *  @return ECOM_OK for every status; ECOM_E_UNAVAILABLE; ECOM_E_TIMEOUT; ECOM_E_TOOLARGE;
 *          ECOM_E_INVAL (url, method, headers).
 * Blocks for up to the call's time-out, tries and pauses between them included. */
ECOM_API ECOM_MUST_USE int ecom_http_client_send(ecom_http_client *client,
                                                 const ecom_http_call *call, ecom_arena *arena,
                                                 ecom_http_answer *out, ecom_error *err);
/** What came of one call among several. */
typedef struct ecom_http_result {
    int32_t code; /**< as ecom_http_client_send() returns it */
    ecom_http_answer answer;
    ecom_error err;
} ecom_http_result;

/** As ecom_http_client_send() for each, but together: all are sent before an answer is awaited, so
 *  that they take as long as the slowest, and one that hangs keeps none of the others.
 *  @param results  @p n, filled.
 *  @return ECOM_OK, whatever came of the calls; ECOM_E_NOMEM: none was sent.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_http_client_send_all(ecom_http_client *client,
                                                     const ecom_http_call *calls, size_t n,
                                                     ecom_arena *arena, ecom_http_result *results,
                                                     ecom_error *err);
/** Makes an error of an answer: the code by the status, text and field from its problem+json. */
ECOM_API int ecom_http_answer_error(const ecom_http_answer *answer, ecom_error *err);
/** Closes what is pooled. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_http_client_free(ecom_http_client *client);

#ifdef __cplusplus
}
#endif
#endif
