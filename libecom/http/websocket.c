/* WebSockets (RFC 6455), the server's side. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"
#include "http/channel.h"
#include "http/conn.h"
#include "http/frames.h"
#include "http/handshake.h"

enum { MAX_REASON = FRAME_MAX_CONTROL - 2 };

struct ecom_websocket {
    struct channel channel; /* first, so that one is the other; its lock is for these, too: */
    int32_t closing;        /* our close frame is in the queue */
    int32_t code;           /* it was closed with */
    char reason[MAX_REASON + 1];
    int32_t timer_set, timer_ms; /* not yet seen by the loop */

    ecom_websocket_options opts; /* never changes, as the next */
    const char *protocol;

    struct frames frames; /* the loop's from here on */
    uint64_t heard, pinged, timer_due, close_due;
    int32_t over; /* nothing that comes counts any more */
    int32_t told; /* `closed` was called */
};

static ecom_websocket *ws_of(struct channel *ch)
{
    return (ecom_websocket *)(void *)ch;
}

/* ---- closing */

/* The longest part that is no longer than a close frame holds, and ends with a character. */
static size_t reason_length(ecom_str reason)
{
    size_t n = reason.n < MAX_REASON ? reason.n : MAX_REASON;

    while (n < reason.n && n > 0 && ((uint8_t)reason.p[n] & 0xC0) == 0x80)
        n--;
    return n;
}

static void keep_reason(ecom_websocket *ws, int32_t code, ecom_str reason)
{
    size_t n = reason_length(reason);

    ws->code = code;
    if (n)
        memcpy(ws->reason, reason.p, n);
    ws->reason[n] = '\0';
}

/* With the lock held. @param code  1005: none. */
static void put_close(ecom_websocket *ws, int32_t code, ecom_str reason)
{
    char payload[FRAME_MAX_CONTROL] = {(char)(code >> 8), (char)code};
    size_t n = reason_length(reason);

    if (n)
        memcpy(payload + 2, reason.p, n);
    ws->closing = 1;
    if (ecom__frames_write(&ws->channel.out, FRAME_CLOSE,
                           (ecom_str){payload, code == 1005 ? 0 : n + 2}) < 0)
        ws->channel.broken = 1;
}

/* As above, in the name of this end. */
static void close_locked(ecom_websocket *ws, int32_t code, ecom_str reason)
{
    if (ws->closing || ws->channel.ended)
        return;
    keep_reason(ws, code, reason);
    put_close(ws, code, reason);
    ecom__http_channel_touch(&ws->channel);
}

void ecom_websocket_close(ecom_websocket *ws, int32_t code, ecom_str reason)
{
    pthread_mutex_lock(&ws->channel.lock);
    close_locked(ws, ecom__frames_code_ok(code) ? code : 1011, reason);
    pthread_mutex_unlock(&ws->channel.lock);
}

static void tell(ecom_websocket *ws)
{
    if (ws->told)
        return;
    ws->told = 1;
    if (ws->opts.closed)
        ws->opts.closed(ws->opts.user, ws, ws->code, ecom_str_of(ws->reason));
}

/* Nothing more is read; what is in the queue is still sent, and then the connection ends. */
static void finish(ecom_websocket *ws)
{
    ws->over = 1;
    pthread_mutex_lock(&ws->channel.lock);
    ws->channel.ended = 1;
    pthread_mutex_unlock(&ws->channel.lock);
    tell(ws);
}

static void fail(ecom_websocket *ws, const struct frame_failure *why)
{
    ecom_websocket_close(ws, why->code, ecom_str_of(why->text));
    finish(ws);
}

/* The peer closes, or answers our close. */
static void on_close(ecom_websocket *ws, const struct frame_event *event)
{
    pthread_mutex_lock(&ws->channel.lock);
    if (!ws->closing) {
        keep_reason(ws, event->code, event->bytes);
        put_close(ws, event->code, (ecom_str){NULL, 0});
    }
    pthread_mutex_unlock(&ws->channel.lock);
    finish(ws);
}

/* ---- reading */

static void on_ping(ecom_websocket *ws, ecom_str payload)
{
    pthread_mutex_lock(&ws->channel.lock);
    if (!ws->closing)
        (void)ecom__frames_write(&ws->channel.out, FRAME_PONG, payload);
    pthread_mutex_unlock(&ws->channel.lock);
}

static int is_closing(ecom_websocket *ws)
{
    pthread_mutex_lock(&ws->channel.lock);
    int closing = ws->closing;
    pthread_mutex_unlock(&ws->channel.lock);
    return closing;
}

static void on_event(ecom_websocket *ws, const struct frame_event *event)
{
    switch (event->kind) {
    case FRAME_TEXT:
    case FRAME_BINARY:
        if (ws->opts.message && !is_closing(ws) && !ws->told)
            ws->opts.message(ws->opts.user, ws, event->kind == FRAME_BINARY, event->bytes);
        break;
    case FRAME_PING:
        on_ping(ws, event->bytes);
        break;
    case FRAME_CLOSE:
        on_close(ws, event);
        break;
    default: /* a pong was heard, which is all it is for */
        break;
    }
}

static uint64_t now_of(const struct channel *ch)
{
    return uv_now(&ch->conn->loop->uv);
}

static void read_bytes(struct channel *ch, ecom_str in)
{
    ecom_websocket *ws = ws_of(ch);
    struct frame_event event;
    struct frame_failure why;

    ws->heard = now_of(ch);
    ws->pinged = 0;
    while (in.n && !ws->over) {
        ssize_t n = ecom__frames_read(&ws->frames, in, &event, &why);
        if (n < 0) {
            fail(ws, &why);
            return;
        }
        in.p += n;
        in.n -= (size_t)n;
        on_event(ws, &event);
    }
}

/* ---- time */

/* What other threads asked for takes its time from here on. */
static void take_orders(ecom_websocket *ws, uint64_t now)
{
    if (!ws->heard)
        ws->heard = now;
    pthread_mutex_lock(&ws->channel.lock);
    if (ws->timer_set)
        ws->timer_due = ws->timer_ms < 0 ? 0 : now + (uint64_t)ws->timer_ms;
    ws->timer_set = 0;
    int closing = ws->closing;
    pthread_mutex_unlock(&ws->channel.lock);
    if (closing && !ws->close_due)
        ws->close_due = now + (uint64_t)ws->opts.close_ms;
    if (closing)
        tell(ws);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return !a ? b : !b || a < b ? a : b;
}

static uint64_t ping_due(const ecom_websocket *ws)
{
    if (ws->opts.ping_ms < 0)
        return 0;
    return ws->pinged ? ws->pinged + (uint64_t)ws->opts.pong_ms
                      : ws->heard + (uint64_t)ws->opts.ping_ms;
}

static uint64_t due(struct channel *ch)
{
    ecom_websocket *ws = ws_of(ch);

    take_orders(ws, now_of(ch));
    if (ws->close_due)
        return ws->close_due;
    return earlier(ws->told ? 0 : ws->timer_due, ping_due(ws));
}

static void ping(ecom_websocket *ws, uint64_t now)
{
    static const char silent[] = "no answer to a ping in time (pong_ms)";

    if (ws->channel.conn->paused) { /* its answer may lie in what we do not read */
        ws->heard = now;
        return;
    }
    if (ws->pinged) {
        ecom_websocket_close(ws, 1008, ecom_str_of(silent));
        return;
    }
    ws->pinged = now;
    pthread_mutex_lock(&ws->channel.lock);
    (void)ecom__frames_write(&ws->channel.out, FRAME_PING, (ecom_str){NULL, 0});
    pthread_mutex_unlock(&ws->channel.lock);
}

static void tick(struct channel *ch, uint64_t now)
{
    ecom_websocket *ws = ws_of(ch);

    if (ws->close_due) {
        pthread_mutex_lock(&ch->lock);
        ch->broken |= now >= ws->close_due;
        pthread_mutex_unlock(&ch->lock);
        return;
    }
    if (ws->timer_due && now >= ws->timer_due) {
        ws->timer_due = 0;
        if (ws->opts.timer && !ws->told)
            ws->opts.timer(ws->opts.user, ws);
    }
    uint64_t ping_at = ping_due(ws);
    if (ping_at && now >= ping_at)
        ping(ws, now);
}

void ecom_websocket_set_timer(ecom_websocket *ws, int32_t ms)
{
    pthread_mutex_lock(&ws->channel.lock);
    ws->timer_set = 1;
    ws->timer_ms = ms;
    ecom__http_channel_touch(&ws->channel);
    pthread_mutex_unlock(&ws->channel.lock);
}

/* ---- the rest of a life */

static void drain(struct channel *ch)
{
    ecom_websocket_close(ws_of(ch), 1001, LIT("the server is stopping"));
}

static void room(struct channel *ch)
{
    ecom_websocket *ws = ws_of(ch);

    if (ws->opts.drained)
        ws->opts.drained(ws->opts.user, ws);
}

static void gone(struct channel *ch)
{
    ecom_websocket *ws = ws_of(ch);

    ws->over = 1;
    tell(ws);
}

static void release(struct channel *ch)
{
    ecom_websocket *ws = ws_of(ch);

    ecom__frames_clear(&ws->frames);
    free(ws);
}

static const struct channel_kind kind = {read_bytes, due, tick, drain, room, gone, release};

static int32_t or_ms(int32_t value, int32_t fallback)
{
    return value ? value : fallback;
}

static void set_options(ecom_websocket *ws, const ecom_websocket_options *opts)
{
    ecom_websocket_options *o = &ws->opts;

    ecom__options_copy(o, sizeof(*o), opts);
    ws->frames.max_frame = o->max_frame_bytes ? o->max_frame_bytes : 1 << 20;
    ws->frames.max_message = o->max_message_bytes ? o->max_message_bytes : 1 << 20;
    o->ping_ms = or_ms(o->ping_ms, 30000);
    o->pong_ms = or_ms(o->pong_ms, 10000);
    o->close_ms = or_ms(o->close_ms, 2000);
    ws->code = 1006;
}

static int answer(ecom_exchange *x, const char *accept, const char *protocol)
{
    ecom_exchange_set_status(x, 101);
    if (ecom_exchange_add_header(x, "Upgrade", LIT("websocket")) < 0 ||
        ecom_exchange_add_header(x, "Sec-WebSocket-Accept", ecom_str_of(accept)) < 0 ||
        (protocol &&
         ecom_exchange_add_header(x, "Sec-WebSocket-Protocol", ecom_str_of(protocol)) < 0))
        return ECOM_E_NOMEM;
    return ECOM_OK;
}

int ecom_exchange_upgrade(ecom_exchange *x, const ecom_websocket_options *opts,
                          ecom_websocket **out, ecom_error *err)
{
    char accept[HANDSHAKE_ACCEPT + 1];
    const char *protocol;

    if (x->channel)
        return ecom_fail(err, ECOM_E_INVAL, "this response goes on already");
    if (ecom__http_handshake(x, opts, accept, &protocol, &x->refusal) < 0)
        return ecom_fail(err, ECOM_E_INVAL, "%s", x->refusal.text);
    ecom_websocket *ws = calloc(1, sizeof(*ws));
    if (!ws || answer(x, accept, protocol) < 0) {
        free(ws);
        return ecom_fail(err, ECOM_E_NOMEM, "a WebSocket");
    }
    set_options(ws, opts);
    ws->protocol = protocol;
    ecom__http_channel_init(&ws->channel, &kind, x, ws->opts.max_queue_bytes);
    x->channel = ecom__http_channel_ref(&ws->channel);
    *out = ws;
    return ECOM_OK;
}

const char *ecom_websocket_protocol(const ecom_websocket *ws)
{
    return ws->protocol;
}

static int queue_full(ecom_websocket *ws)
{
    char text[80];

    snprintf(text, sizeof(text), "more than %u bytes wait to be read (max_queue_bytes)",
             ws->channel.max_bytes);
    ws->channel.out.n = 0; /* whole frames, of which the peer has seen nothing */
    close_locked(ws, 1013, ecom_str_of(text));
    return ECOM_E_FULL;
}

int ecom_websocket_send(ecom_websocket *ws, int binary, ecom_str bytes)
{
    struct channel *ch = &ws->channel;
    int r;

    pthread_mutex_lock(&ch->lock);
    if (ws->closing || ch->ended)
        r = ECOM_E_CLOSED;
    else if (ecom__http_channel_queued(ch) > ch->max_bytes)
        r = queue_full(ws);
    else
        r = ecom__frames_write(&ch->out, binary ? FRAME_BINARY : FRAME_TEXT, bytes);
    if (r == ECOM_OK)
        ecom__http_channel_touch(ch);
    pthread_mutex_unlock(&ch->lock);
    return r;
}

int ecom_websocket_is_full(ecom_websocket *ws)
{
    return ecom__http_channel_is_full(&ws->channel);
}

ecom_websocket *ecom_websocket_ref(ecom_websocket *ws)
{
    return ws_of(ecom__http_channel_ref(&ws->channel));
}

void ecom_websocket_unref(ecom_websocket *ws)
{
    if (ws)
        ecom__http_channel_unref(&ws->channel);
}
