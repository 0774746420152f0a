/** @file
 * GraphQL subscriptions: streams of events, each answered by an execution, and the protocols that
 * carry them: graphql-transport-ws over any WebSocket, and the distinct connections of graphql-sse.
 * Part of libecom-graphql, beside <ecom/graphql.h>; knows no transport and starts no thread.
 *
 *     static int subscribe(ecom_graphql_subscribe_call *call, void *user, ecom_error *err)
 *     {
 *         call->source = remember(user, ecom_graphql_stream_ref(call->stream));
 *         return ECOM_OK; // from now on any thread may ecom_graphql_stream_push() to it
 *     }
 *     static const ecom_graphql_subscriber subscribers[] = {
 *         {"ticks", subscribe, forget, NULL},
 *     };
 */
#ifndef ECOM_SUBSCRIBE_H
#define ECOM_SUBSCRIBE_H

#include "graphql.h"

#ifdef __cplusplus
extern "C" {
#endif

/** What happens, on its way from a source to one subscription. Counted references; any thread. */
typedef struct ecom_graphql_stream ecom_graphql_stream;

/** Something that happened. */
typedef struct ecom_graphql_event {
    uint32_t size;
    const void *root; /**< the parent of the subscription's field */
    ecom_str id;      /**< to go on behind it later; p NULL: none. One with control characters is
                       *   not told by server-sent events */
    /** Nullable. Called exactly once, on any thread: root and id are read no more. */
    void (*drop)(void *owner);
    void *owner;
} ecom_graphql_event;

/** A subscription begins. */
typedef struct ecom_graphql_subscribe_call {
    uint32_t size;
    const ecom_json *arguments;  /**< as of an ecom_graphql_call */
    void *context;               /**< of the request */
    ecom_arena *arena;           /**< for as long as the call */
    ecom_str after;              /**< the id of the last event that was seen; p NULL: from now on */
    ecom_graphql_stream *stream; /**< to push to; keep an ecom_graphql_stream_ref() of it */
    void *source;                /**< out: for cancel */
} ecom_graphql_subscribe_call;

/** Who feeds a field of the subscription's root type. What it pushes is resolved by the field's
 *  ecom_graphql_resolver, whose parent is the event's root. */
struct ecom_graphql_subscriber {
    const char *field;
    /** @return ECOM_OK; a code, with @p err filled: the subscription is refused for it. */
    int (*subscribe)(ecom_graphql_subscribe_call *call, void *user, ecom_error *err);
    /** Nullable. Called exactly once if subscribe returned ECOM_OK: nobody listens any more. Must
     *  not block; any thread. */
    void (*cancel)(void *source, void *user);
    void *user;
};

/** One more reference to the same stream, which it returns. */
ECOM_API ecom_graphql_stream *ecom_graphql_stream_ref(ecom_graphql_stream *stream);
/** NULL is fine. */
ECOM_API void ecom_graphql_stream_unref(ecom_graphql_stream *stream);
/** Gives an event to the subscription; never waits. Its `drop` is called whatever is returned.
 *  @return ECOM_OK; ECOM_E_CLOSED: nobody listens; ECOM_E_FULL: max_events wait already, and the
 *  subscription ends with an error that says so; ECOM_E_NOMEM: likewise. Any thread. */
ECOM_API ECOM_MUST_USE int ecom_graphql_stream_push(ecom_graphql_stream *stream,
                                                    const ecom_graphql_event *event);
/** There are no more events. @param why  nullable: the subscription ends with this error. Any
 *  thread; again is fine. */
ECOM_API void ecom_graphql_stream_end(ecom_graphql_stream *stream, const ecom_error *why);

/** How a subscription is listened to. */
typedef struct ecom_graphql_stream_options {
    uint32_t size;
    uint32_t max_events; /**< that may wait; 0: 256 */
    ecom_str after;      /**< of a subscription that goes on: the last event's id; else p NULL */
    /** Nullable. Something waits, or the stream has ended: call ecom_graphql_stream_next() soon.
     *  Called without locks, on the thread that pushes: must not block. */
    void (*ready)(void *user);
    /** Nullable. Called exactly once, whatever became of it: `ready` is called no more. */
    void (*drop)(void *user);
    void *user;
    /** Nullable. Of a request that is no subscription: what is still to come, see
     *  ecom_graphql_begin(). The body must live as long as that. */
    ecom_graphql_rest **rest;
} ecom_graphql_stream_options;

/**
 * As ecom_graphql_handle(), for operations of all kinds: a subscription that begins well gives a
 * stream and no response.
 * @param stream  out: to be ended with ecom_graphql_stream_close(); NULL: the response is in
 *                @p out, and there is no other.
 * Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_subscribe(ecom_graphql *graphql, ecom_str body,
                                                  const ecom_graphql_request *request,
                                                  const ecom_graphql_stream_options *options,
                                                  ecom_arena *arena, ecom_graphql_stream **stream,
                                                  ecom_buf *out, ecom_graphql_outcome *outcome,
                                                  ecom_error *err);
/**
 * Executes the subscription for the next event.
 * @param request  nullable; context and deadline_us of it.
 * @param out      the response is appended.
 * @param id       out: the event's, in the arena; p NULL: it has none.
 * @return ECOM_OK: there is a response; ECOM_E_NOTFOUND: nothing waits; ECOM_E_CLOSED: there will
 *         be nothing more; another code: there will be nothing more, for that reason.
 * One thread at a time.
 */
ECOM_API ECOM_MUST_USE int ecom_graphql_stream_next(ecom_graphql_stream *stream,
                                                    const ecom_graphql_request *request,
                                                    ecom_arena *arena, ecom_buf *out, ecom_str *id,
                                                    ecom_error *err);
/** Listens no more: cancels the source, drops what waits, gives the reference back. NULL is fine.
 */
ECOM_API void ecom_graphql_stream_close(ecom_graphql_stream *stream);

/** A request that is being answered, once or many times, on threads of the caller's. Counted
 *  references; any thread. */
typedef struct ecom_graphql_live ecom_graphql_live;

/** Where answers go, and what they need. All but `drop` are required. After `complete`, `failed` or
 *  the return of ecom_graphql_live_cancel(), nothing is said any more; `drop` comes last. `next`,
 *  `failed` and `complete` are called under a lock of the live request: they may only unref it. */
typedef struct ecom_graphql_live_options {
    uint32_t size;
    ecom_graphql *graphql;
    uint32_t max_events;  /**< that may wait; 0: 256 */
    int32_t timeout_ms;   /**< of one execution; 0: none */
    uint32_t max_arena;   /**< bytes of one execution; 0: 16 MiB */
    ecom_str after;       /**< see ecom_graphql_stream_options; copied */
    int32_t only_queries; /**< 1: refuse mutations, as over GET */
    /** Has @p fn called once, on a thread where it may block; @p cancelled: to let go of @p arg
     *  only. @return ECOM_OK; a code: it will not be called. */
    int (*run)(void *user, void (*fn)(void *arg, int cancelled), void *arg);
    /** Makes the context of one execution in its arena. @return NULL: out of memory. */
    void *(*context)(void *user, ecom_arena *arena);
    /** One response. @param id  of its event; p NULL: none. @return ECOM_OK; a code: it could not
     *  be sent, so end. */
    int (*next)(void *user, ecom_str response, ecom_str id);
    /** It was refused or broke: @p response is `{"errors":[...]}`. There is no `complete`. */
    void (*failed)(void *user, ecom_str response);
    /** That was all. */
    void (*complete)(void *user);
    void (*drop)(void *user); /**< nullable; exactly once, also when starting fails */
    void *user;
    /** Nullable. Truth: what was said has not been read yet, so that the parts of a response wait
     *  for ecom_graphql_live_resume(). Called without locks. */
    int (*is_full)(void *user);
} ecom_graphql_live_options;

/** Begins to answer a request (JSON as of ecom_graphql_handle(); copied), by `run`.
 *  @param out  a reference. @return ECOM_E_NOMEM; what `run` returned. */
ECOM_API ECOM_MUST_USE int ecom_graphql_live_start(const ecom_graphql_live_options *options,
                                                   ecom_str body, ecom_graphql_live **out,
                                                   ecom_error *err);
/** Says what is still to come of a response that was begun by another, by `run`; the first part has
 *  been said.
 *  @param rest   its own from now on, as is @p arena, in which it lives; whatever is returned.
 *  @param out    a reference. @return ECOM_E_NOMEM; what `run` returned. */
ECOM_API ECOM_MUST_USE int ecom_graphql_live_follow(const ecom_graphql_live_options *options,
                                                    ecom_graphql_rest *rest, ecom_arena *arena,
                                                    ecom_graphql_live **out, ecom_error *err);
/** There is room again, see is_full. At any time; any thread. */
ECOM_API void ecom_graphql_live_resume(ecom_graphql_live *live);
/** Answers no more. What is being executed is finished, and thrown away. Not from within one of its
 *  own callbacks, nor under a lock that they take. */
ECOM_API void ecom_graphql_live_cancel(ecom_graphql_live *live);
/** One more reference to the same request, which it returns. */
ECOM_API ecom_graphql_live *ecom_graphql_live_ref(ecom_graphql_live *live);
/** NULL is fine. Does not cancel. */
ECOM_API void ecom_graphql_live_unref(ecom_graphql_live *live);

/** The events of graphql-sse, distinct connections mode: appends `event: next` with a response, or,
 *  without one (p NULL), `event: complete`. @param id  nullable p: the event's. */
ECOM_API ECOM_MUST_USE int ecom_graphql_sse_write(ecom_buf *out, ecom_str response, ecom_str id);

/** Appends the body that a POST would have had, for the query of a GET, without the `?`.
 *  @return ECOM_E_INVAL: variables or extensions are not JSON; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_graphql_query_body(ecom_str query, ecom_arena *arena,
                                                   ecom_buf *body, ecom_error *err);

/** The subprotocol of ecom_graphql_socket: "graphql-transport-ws". */
#define ECOM_GRAPHQL_TRANSPORT_WS "graphql-transport-ws"

/** The server's end of one connection that speaks graphql-transport-ws: queries, mutations and
 *  subscriptions. For one thread at a time; what `run` runs, and sources push, may run beside it.
 */
typedef struct ecom_graphql_socket ecom_graphql_socket;

/** All callbacks get `user`. send, close and set_timer are called on any thread, under a lock of
 * the socket: they must not call back. */
typedef struct ecom_graphql_socket_options {
    uint32_t size;
    ecom_graphql *graphql;
    uint32_t max_operations; /**< at a time; 0: 100; one more is refused by an error */
    uint32_t max_events;     /**< that wait in one of them; 0: 256 */
    int32_t init_timeout_ms; /**< for connection_init; 0: 3,000; then closed with 4408 */
    int32_t timeout_ms;      /**< of one execution; 0: none */
    const ecom_env *env;     /**< NULL: the system's */
    int (*send)(void *user, ecom_str message);
    void (*close)(void *user, int32_t code, ecom_str reason);
    void (*set_timer)(void *user, int32_t ms); /**< to call ecom_graphql_socket_timer() then */
    int (*run)(void *user, void (*fn)(void *arg, int cancelled), void *arg);
    void *(*context)(void *user, ecom_arena *arena);
    /** Who is it? @param payload  nullable: of connection_init, an object. @param valid_ms  out:
     *  for how long that holds; 0: for ever. Then it is closed with 4403.
     *  @return ECOM_OK; a code: closed with 4403 and err->text. */
    int (*init)(void *user, const ecom_json *payload, int64_t *valid_ms, ecom_error *err);
    /** Nullable. Exactly once, when no callback comes any more; may be after _free(). */
    void (*drop)(void *user);
    void *user;
    /** Nullable. Truth: the parts of responses wait for ecom_graphql_socket_resume(). */
    int (*is_full)(void *user);
} ecom_graphql_socket_options;

/** Begins, and starts to wait for connection_init. @return ECOM_E_NOMEM (without `drop`). */
ECOM_API ECOM_MUST_USE int ecom_graphql_socket_new(const ecom_graphql_socket_options *options,
                                                   ecom_graphql_socket **out, ecom_error *err);
/** A text that the peer sent. */
ECOM_API void ecom_graphql_socket_receive(ecom_graphql_socket *socket, ecom_str message);
/** The time that was asked for has come. Earlier is no harm. */
ECOM_API void ecom_graphql_socket_timer(ecom_graphql_socket *socket);
/** There is room again, see is_full. At any time. */
ECOM_API void ecom_graphql_socket_resume(ecom_graphql_socket *socket);
/** The connection is gone: ends all operations. NULL is fine. */
ECOM_API void ecom_graphql_socket_free(ecom_graphql_socket *socket);

#ifdef __cplusplus
}
#endif
#endif
