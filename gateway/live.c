#include "live.h"

#include "hub.h"
#include "peer.h"

#include "libecom/base/ascii.h"

#include <stdlib.h>
#include <string.h>

/* All that the hub keeps may come at once, to who comes back; they are references. */
enum { OPERATION_MS = 30000, MAX_MESSAGE = 256 << 10, MAX_EVENTS = HUB_KEPT + 256 };

static const ecom_str none = {NULL, 0};

static int count_in(struct live_world *world, ecom_error *err)
{
    uint32_t max = (uint32_t)world->d->settings.gateway_max_streams;

    if (atomic_fetch_add(&world->open, 1) < max) {
        ecom_series_add(world->gauge, 1);
        return ECOM_OK;
    }
    atomic_fetch_sub(&world->open, 1);
    return ecom_fail(err, ECOM_E_RATE,
                     "more than %u connections for subscriptions (GATEWAY_MAX_STREAMS)", max);
}

static void count_out(struct live_world *world)
{
    atomic_fetch_sub(&world->open, 1);
    ecom_series_add(world->gauge, -1);
}

static int run(const struct peer *p, void (*fn)(void *arg, int cancelled), void *arg)
{
    return ecom_http_server_run(p->world->d->server, fn, arg);
}

/* ---- WebSockets */

/* Ends when the socket needs it no more, which is after the connection is gone. */
struct talk {
    struct peer peer;
    ecom_websocket *ws;
    ecom_graphql_socket *socket; /* NULL: the subprotocol is not ours */
};

static void talk_free(void *user)
{
    struct talk *t = user;

    count_out(t->peer.world);
    ecom_websocket_unref(t->ws);
    peer_clear(&t->peer);
    free(t);
}

static int talk_send(void *user, ecom_str message)
{
    return ecom_websocket_send(((struct talk *)user)->ws, 0, message);
}

static void talk_close(void *user, int32_t code, ecom_str reason)
{
    ecom_websocket_close(((struct talk *)user)->ws, code, reason);
}

static int talk_is_full(void *user)
{
    return ecom_websocket_is_full(((struct talk *)user)->ws);
}

static void talk_set_timer(void *user, int32_t ms)
{
    ecom_websocket_set_timer(((struct talk *)user)->ws, ms);
}

static int talk_run(void *user, void (*fn)(void *arg, int cancelled), void *arg)
{
    return run(&((struct talk *)user)->peer, fn, arg);
}

static void *talk_context(void *user, ecom_arena *arena)
{
    return peer_context(&((struct talk *)user)->peer, arena);
}

/* `authorization` as a header would have it, in any case; p NULL: not there. */
static ecom_str find_authorization(const ecom_json *payload)
{
    for (const ecom_json *m = payload ? payload->first : NULL; m; m = m->next)
        if (ecom__is_word(m->name, "authorization") && m->kind == ECOM_JSON_STRING)
            return m->text;
    return none;
}

/* Without a token in the payload, that of the handshake's header; without any, a guest. */
static int talk_init(void *user, const ecom_json *payload, int64_t *valid_ms, ecom_error *err)
{
    struct peer *p = &((struct talk *)user)->peer;
    ecom_str authorization = find_authorization(payload);

    if (!authorization.p)
        authorization = ecom_buf_str(&p->authorization);
    if (authorization.n == 0)
        return ECOM_OK;
    int r = peer_log_in(p, authorization, err);
    if (r == ECOM_OK && p->expires_at_s)
        *valid_ms = peer_left_ms(p) > 0 ? peer_left_ms(p) : 1;
    return r;
}

static void on_message(void *user, ecom_websocket *ws, int binary, ecom_str bytes)
{
    struct talk *t = user;

    if (binary)
        ecom_websocket_close(ws, 4400, ecom_str_of("Invalid message: it must be text"));
    else if (t->socket)
        ecom_graphql_socket_receive(t->socket, bytes);
}

static void on_timer(void *user, ecom_websocket *ws)
{
    struct talk *t = user;

    (void)ws;
    if (t->socket)
        ecom_graphql_socket_timer(t->socket);
}

static void on_drained(void *user, ecom_websocket *ws)
{
    struct talk *t = user;

    (void)ws;
    if (t->socket)
        ecom_graphql_socket_resume(t->socket);
}

static void on_closed(void *user, ecom_websocket *ws, int32_t code, ecom_str reason)
{
    struct talk *t = user;
    const ecom_log_field fields[] = {{"code", none, code}, {"reason", reason, 0}};

    (void)ws;
    ecom_log_write(&t->peer.log, ECOM_LOG_DEBUG, "websocket closed", fields, 2);
    if (t->socket)
        ecom_graphql_socket_free(t->socket);
    else
        talk_free(t);
}

static int talk_begin(struct talk *t, ecom_error *err)
{
    const ecom_graphql_socket_options options = {
        .size = sizeof(options),
        .graphql = t->peer.world->graphql,
        .max_events = MAX_EVENTS,
        .timeout_ms = OPERATION_MS,
        .env = t->peer.world->d->env,
        .send = talk_send,
        .close = talk_close,
        .set_timer = talk_set_timer,
        .run = talk_run,
        .context = talk_context,
        .init = talk_init,
        .drop = talk_free,
        .user = t,
        .is_full = talk_is_full,
    };

    if (ecom_websocket_protocol(t->ws))
        return ecom_graphql_socket_new(&options, &t->socket, err);
    ecom_websocket_close(t->ws, 4406, ecom_str_of("Subprotocol not acceptable"));
    return ECOM_OK;
}

int live_upgrade(struct live_world *world, ecom_exchange *x, ecom_error *err)
{
    static const char *const protocols[] = {ECOM_GRAPHQL_TRANSPORT_WS};
    struct talk *t = calloc(1, sizeof(*t));
    const ecom_websocket_options options = {
        .size = sizeof(options),
        .protocols = protocols,
        .nprotocols = 1,
        .max_frame_bytes = MAX_MESSAGE,
        .max_message_bytes = MAX_MESSAGE,
        .message = on_message,
        .timer = on_timer,
        .closed = on_closed,
        .user = t,
        .drained = on_drained,
    };

    int r = t ? count_in(world, err) : ecom_fail(err, ECOM_E_NOMEM, "a connection");
    if (r < 0) {
        free(t);
        return r;
    }
    if ((r = peer_init(&t->peer, world, x, err)) < 0 ||
        (r = ecom_exchange_upgrade(x, &options, &t->ws, err)) < 0) {
        talk_free(t);
        return r;
    }
    return talk_begin(t, err); /* where it fails, on_closed() is called */
}

/* ---- server-sent events, and answers in parts */

/* Ends when both need it no more. */
struct feed {
    struct peer peer;
    atomic_uint refs;
    ecom_stream *stream;
    ecom_graphql_live *live;
    int32_t multipart; /* parts, not events */
};

static void feed_unref(struct feed *f)
{
    if (atomic_fetch_sub(&f->refs, 1) > 1)
        return;
    count_out(f->peer.world);
    ecom_stream_unref(f->stream);
    peer_clear(&f->peer);
    free(f);
}

static int feed_write(struct feed *f, ecom_str response, ecom_str id)
{
    ecom_buf event = {0};
    int r = f->multipart ? ecom_graphql_multipart_write(&event, response)
                         : ecom_graphql_sse_write(&event, response, id);

    if (r == ECOM_OK)
        r = ecom_stream_send(f->stream, ecom_buf_str(&event));
    ecom_buf_free(&event);
    return r;
}

static void feed_complete(void *user)
{
    struct feed *f = user;

    (void)feed_write(f, none, none);
    ecom_stream_end(f->stream);
}

static void feed_failed(void *user, ecom_str response)
{
    (void)feed_write(user, response, none);
    feed_complete(user);
}

static int feed_next(void *user, ecom_str response, ecom_str id)
{
    static const char expired[] = "{\"errors\":[{\"message\":\"The token has expired.\","
                                  "\"extensions\":{\"code\":\"UNAUTHENTICATED\"}}]}";
    struct feed *f = user;

    if (!f->peer.expires_at_s || peer_left_ms(&f->peer) > 0)
        return feed_write(f, response, id);
    feed_failed(f, ecom_str_of(expired));
    return ECOM_E_CLOSED;
}

static int feed_run(void *user, void (*fn)(void *arg, int cancelled), void *arg)
{
    return run(&((struct feed *)user)->peer, fn, arg);
}

static int feed_is_full(void *user)
{
    return ecom_stream_is_full(((struct feed *)user)->stream);
}

static void *feed_context(void *user, ecom_arena *arena)
{
    return peer_context(&((struct feed *)user)->peer, arena);
}

static void feed_drop(void *user)
{
    feed_unref(user);
}

static void on_feed_closed(void *user)
{
    struct feed *f = user;

    if (f->live)
        ecom_graphql_live_cancel(f->live);
    ecom_graphql_live_unref(f->live); /* which holds the feed until then */
    feed_unref(f);
}

static void on_feed_drained(void *user)
{
    struct feed *f = user;

    if (f->live)
        ecom_graphql_live_resume(f->live);
}

/* The request as a POST has it. */
static int read_request(ecom_exchange *x, ecom_buf *body, int *only_queries, ecom_error *err)
{
    ecom_str type = ecom_exchange_header(x, "content-type");

    *only_queries = ecom_str_eq(ecom_exchange_method(x), ecom_str_of("GET"));
    if (*only_queries)
        return ecom_graphql_query_body(ecom_exchange_query(x), ecom_exchange_arena(x), body, err);
    if (!ecom__starts(type, "application/json"))
        return ecom_fail(err, ECOM_E_INVAL, "the request's content-type must be application/json");
    if (ecom_buf_append(body, ecom_exchange_body(x)) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a request");
    return ECOM_OK;
}

static ecom_graphql_live_options feed_options(struct feed *f)
{
    return (ecom_graphql_live_options){
        .size = sizeof(ecom_graphql_live_options),
        .graphql = f->peer.world->graphql,
        .max_events = MAX_EVENTS,
        .timeout_ms = OPERATION_MS,
        .run = feed_run,
        .context = feed_context,
        .next = feed_next,
        .failed = feed_failed,
        .complete = feed_complete,
        .drop = feed_drop,
        .user = f,
        .is_full = feed_is_full,
    };
}

static int feed_start(struct feed *f, ecom_exchange *x, ecom_error *err)
{
    ecom_graphql_live_options options = feed_options(f);
    ecom_buf body = {0};

    options.after = ecom_exchange_header(x, "last-event-id");
    int r = read_request(x, &body, &options.only_queries, err);
    if (r == ECOM_OK) {
        atomic_fetch_add(&f->refs, 1);
        r = ecom_graphql_live_start(&options, ecom_buf_str(&body), &f->live, err);
    }
    ecom_buf_free(&body);
    return r;
}

static int add_headers(ecom_exchange *x, ecom_error *err)
{
    if (ecom_exchange_add_header(x, "Cache-Control", ecom_str_of("no-store")) < 0 ||
        ecom_exchange_add_header(x, "X-Accel-Buffering", ecom_str_of("no")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a response");
    return ECOM_OK;
}

/* A token that does not hold is no guest's. */
static int feed_prepare(struct feed *f, ecom_exchange *x, ecom_error *err)
{
    const ecom_stream_options options = {
        .size = sizeof(options), .closed = on_feed_closed, .user = f, .drained = on_feed_drained};
    int r = peer_init(&f->peer, f->peer.world, x, err);

    if (r == ECOM_OK && f->peer.authorization.n)
        r = peer_log_in(&f->peer, ecom_buf_str(&f->peer.authorization), err);
    if (r == ECOM_OK)
        r = add_headers(x, err);
    if (r == ECOM_OK && ecom_exchange_add_header(x, "Vary", ecom_str_of("Accept")) < 0)
        r = ecom_fail(err, ECOM_E_NOMEM, "a response");
    return r < 0 ? r : ecom_exchange_stream(x, &options, &f->stream, err);
}

static int feed_new(struct live_world *world, struct feed **out, ecom_error *err)
{
    struct feed *f = calloc(1, sizeof(*f));
    int r = f ? count_in(world, err) : ecom_fail(err, ECOM_E_NOMEM, "a connection");

    if (r < 0) {
        free(f);
        return r;
    }
    f->peer.world = world;
    atomic_init(&f->refs, 1);
    *out = f;
    return ECOM_OK;
}

int live_events(struct live_world *world, ecom_exchange *x, ecom_error *err)
{
    struct feed *f;
    int r = feed_new(world, &f, err);

    if (r < 0)
        return r;
    if ((r = feed_prepare(f, x, err)) < 0) {
        feed_unref(f);
        return r;
    }
    return feed_start(f, x, err); /* where it fails, on_feed_closed() is called */
}

/* `text/event-stream` before anything that is JSON or all. */
int live_wants_events(ecom_exchange *x)
{
    return ecom__starts(ecom_exchange_header(x, "accept"), "text/event-stream");
}

/* ---- answers in parts */

int live_wants_parts(struct live_world *world, ecom_exchange *x)
{
    ecom_str accept = ecom_exchange_header(x, "accept");

    if (world->d->settings.graphql_incremental != INCREMENTAL_ON ||
        ecom_str_eq(ecom_exchange_method(x), ecom_str_of("HEAD")) ||
        atomic_load(&world->open) >= (uint32_t)world->d->settings.gateway_max_streams)
        return 0;
    for (; accept.n; accept.p++, accept.n--)
        if (ecom__starts(accept, "multipart/mixed"))
            return 1;
    return 0;
}

/* The first part is in the exchange's body. */
static int parts_follow(struct feed *f, ecom_exchange *x, ecom_graphql_rest *rest,
                        ecom_arena *arena, ecom_error *err)
{
    const ecom_stream_options stream = {.size = sizeof(stream),
                                        .heartbeat_ms = -1,
                                        .closed = on_feed_closed,
                                        .user = f,
                                        .drained = on_feed_drained};
    const ecom_graphql_live_options options = feed_options(f);
    int r = add_headers(x, err);

    f->multipart = 1;
    if (r < 0 || (r = ecom_exchange_stream(x, &stream, &f->stream, err)) < 0) {
        ecom_graphql_rest_free(rest);
        ecom_arena_free(arena);
        feed_unref(f);
        return r;
    }
    atomic_fetch_add(&f->refs, 1);
    return ecom_graphql_live_follow(&options, rest, arena, &f->live, err);
}

static int parts_begin(struct feed *f, ecom_exchange *x, ecom_arena *arena,
                       const ecom_graphql_http *http, ecom_graphql_http_answer *answer,
                       ecom_error *err)
{
    ecom_graphql_request request = {.size = sizeof(request)};
    struct request *context = NULL;
    int r = peer_init(&f->peer, f->peer.world, x, err);

    if (r == ECOM_OK && !(context = peer_context(&f->peer, arena)))
        r = ecom_fail(err, ECOM_E_NOMEM, "a request");
    if (r < 0)
        return r;
    request.context = context;
    request.deadline_us = context->until_us;
    return ecom_graphql_handle_http(f->peer.world->graphql, http, &request, arena,
                                    ecom_exchange_out(x), answer, err);
}

int live_parts(struct live_world *world, ecom_exchange *x, ecom_graphql_http *http,
               ecom_graphql_http_answer *answer, ecom_error *err)
{
    ecom_arena *arena = ecom_arena_new(0);
    struct feed *f = NULL;
    int r = arena ? feed_new(world, &f, err) : ecom_fail(err, ECOM_E_NOMEM, "a request");

    http->parts = 1;
    if (r == ECOM_OK)
        r = parts_begin(f, x, arena, http, answer, err);
    if (r == ECOM_OK && answer->rest)
        return parts_follow(f, x, answer->rest, arena, err);
    if (f)
        feed_unref(f);
    ecom_arena_free(arena);
    return r;
}
