/** @file
 * Connections that stay: responses that go on after their handler has returned (server-sent events
 * and the like), and WebSockets (RFC 6455). Part of libecom-http, beside <ecom/http.h>.
 *
 *     static int handle_ticks(void *user, ecom_exchange *x, ecom_error *err)
 *     {
 *         const ecom_stream_options opts = {.size = sizeof(opts), .closed = forget, .user = user};
 *         ecom_stream *stream;
 *         int r = ecom_exchange_stream(x, &opts, &stream, err);
 *         if (r == ECOM_OK)
 *             remember(user, stream); // any thread may ecom_stream_send() from now on
 *         return r;
 *     }
 */
#ifndef ECOM_STREAM_H
#define ECOM_STREAM_H

#include "http.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A response that goes on. Counted references; any thread. */
typedef struct ecom_stream ecom_stream;

/** Zero always means the default. */
typedef struct ecom_stream_options {
    uint32_t size;
    uint32_t max_queue_bytes; /**< that wait for a peer that does not read; 0: 1 MiB; beyond, the
                               *   connection is broken */
    int32_t heartbeat_ms;     /**< after so long without a byte, `heartbeat` is sent; 0: 15,000;
                               *   -1: never */
    ecom_str heartbeat;       /**< static; empty: ":\n\n", a comment of server-sent events */
    /** Nullable. Called exactly once, on the loop's thread, so it must not block: nothing that is
     *  sent arrives any more. The peer has gone, or the response has ended. */
    void (*closed)(void *user);
    void *user;
    /** Nullable. After ecom_stream_is_full() said so: now there is room. On the loop's thread, so
     * it must not block; without locks. */
    void (*drained)(void *user);
} ecom_stream_options;

/**
 * Lets the response go on: what the handler adds to its body is sent first, then what is sent to
 * the stream, until ecom_stream_end(). The connection serves no other request. Status and headers
 * are the handler's; Content-Type is text/event-stream unless a header says otherwise.
 * @param out  a reference, to be given back with ecom_stream_unref(). If the handler fails after
 *             this, its error is answered, and `closed` called.
 * @return ECOM_OK; ECOM_E_INVAL: not in answer to HEAD, or a second time; ECOM_E_NOMEM.
 * Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_exchange_stream(ecom_exchange *x, const ecom_stream_options *opts,
                                                ecom_stream **out, ecom_error *err);
/** Sends bytes; never waits. @return ECOM_OK; ECOM_E_CLOSED: it is over; ECOM_E_FULL: more than
 *  max_queue_bytes wait, and the connection is broken now; ECOM_E_NOMEM: not sent. Any thread. */
ECOM_API ECOM_MUST_USE int ecom_stream_send(ecom_stream *stream, ecom_str bytes);
/** Truth: more than half of max_queue_bytes wait, so that who can should wait for `drained`. Any
 *  thread. */
ECOM_API int ecom_stream_is_full(ecom_stream *stream);
/** Ends the response behind what was sent. Any thread; again is fine. */
ECOM_API void ecom_stream_end(ecom_stream *stream);
/** One more reference to the same stream, which it returns. */
ECOM_API ecom_stream *ecom_stream_ref(ecom_stream *stream);
/** NULL is fine. Does not end it. */
ECOM_API void ecom_stream_unref(ecom_stream *stream);

/** A WebSocket, the server's side. Counted references; any thread. */
typedef struct ecom_websocket ecom_websocket;

/** Zero always means the default. All callbacks come on the loop's thread, so they must not block;
 *  none is called under a lock. */
typedef struct ecom_websocket_options {
    uint32_t size;
    const char *const *protocols; /**< that are spoken, dearest first; the first that the peer
                                   *   offers too is agreed on. Static */
    size_t nprotocols;
    const char *const *origins; /**< pages that may connect, `https://shop.example`; a peer that
                                 *   says no Origin is no page. Static */
    size_t norigins;            /**< 0: all */
    uint32_t max_frame_bytes;   /**< 0: 1 MiB; one more: closed with 1009 */
    uint32_t max_message_bytes; /**< 0: 1 MiB; one more: closed with 1009 */
    uint32_t max_queue_bytes;   /**< that wait for a peer that does not read; 0: 1 MiB; beyond,
                                 *   closed with 1013. Above half of it, nothing is read either */
    int32_t ping_ms;            /**< a peer silent for so long is pinged; 0: 30,000; -1: never */
    int32_t pong_ms;            /**< for its answer; 0: 10,000; then closed with 1008 */
    int32_t close_ms;           /**< for its answer to a close; 0: 2,000; then the connection is
                                 *   broken */
    /** A message. The bytes are borrowed; a text is valid UTF-8. */
    void (*message)(void *user, ecom_websocket *ws, int binary, ecom_str bytes);
    /** Nullable. ecom_websocket_set_timer()'s time has come. */
    void (*timer)(void *user, ecom_websocket *ws);
    /** Nullable. Called exactly once, last. @param code  what it was closed with, by whichever end
     *  was first; 1005: by the peer without a code; 1006: the connection broke. */
    void (*closed)(void *user, ecom_websocket *ws, int32_t code, ecom_str reason);
    void *user;
    /** Nullable. After ecom_websocket_is_full() said so: now there is room. */
    void (*drained)(void *user, ecom_websocket *ws);
} ecom_websocket_options;

/** Truth: the request asks for a WebSocket (`Upgrade: websocket`), well or badly. */
ECOM_API int ecom_exchange_wants_websocket(ecom_exchange *x);
/**
 * Makes a WebSocket of the connection, once the handler has returned ECOM_OK.
 * @param out  a reference, to be given back with ecom_websocket_unref(). If the handler fails after
 *             this, its error is answered, and `closed` called.
 * @return ECOM_OK; ECOM_E_INVAL: the handshake is not right; return it, and the answer is 400, 403
 *         (Origin), or 426 (no upgrade, or another version than 13); ECOM_E_NOMEM.
 * Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_exchange_upgrade(ecom_exchange *x,
                                                 const ecom_websocket_options *opts,
                                                 ecom_websocket **out, ecom_error *err);
/** What was agreed on; NULL: none of ours was offered. */
ECOM_API const char *ecom_websocket_protocol(const ecom_websocket *ws);
/** Sends a message; never waits. @return ECOM_OK; ECOM_E_CLOSED: it is closed or closing;
 *  ECOM_E_FULL: more than max_queue_bytes wait, and it is being closed with 1013; ECOM_E_NOMEM: not
 *  sent. Any thread. */
ECOM_API ECOM_MUST_USE int ecom_websocket_send(ecom_websocket *ws, int binary, ecom_str bytes);
/** Truth: more than half of max_queue_bytes wait, so that who can should wait for `drained`. Any
 *  thread. */
ECOM_API int ecom_websocket_is_full(ecom_websocket *ws);
/** Closes it behind what was sent. Any thread; what comes after the first is ignored.
 *  @param code    1000 to 1014 or 3000 to 4999.
 *  @param reason  UTF-8, of which at most 123 bytes are sent. */
ECOM_API void ecom_websocket_close(ecom_websocket *ws, int32_t code, ecom_str reason);
/** Calls `timer` after so long, instead of at the time that was set before; -1: not at all. Any
 *  thread. */
ECOM_API void ecom_websocket_set_timer(ecom_websocket *ws, int32_t ms);
/** One more reference to the same WebSocket, which it returns. */
ECOM_API ecom_websocket *ecom_websocket_ref(ecom_websocket *ws);
/** NULL is fine. Does not close it. */
ECOM_API void ecom_websocket_unref(ecom_websocket *ws);

/**
 * Runs something on the server's threads for handlers, where it may block.
 * @param fn  called exactly once if ECOM_OK is returned; @p cancelled: the server stops, so do
 *            nothing but let go of @p arg.
 * @return ECOM_OK; ECOM_E_UNAVAILABLE: max_queue wait already, or the server does not run.
 * Any thread.
 */
ECOM_API ECOM_MUST_USE int ecom_http_server_run(ecom_http_server *server,
                                                void (*fn)(void *arg, int cancelled), void *arg);

#ifdef __cplusplus
}
#endif
#endif
