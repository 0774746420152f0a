/* Responses that go on: in chunks to HTTP/1.1, up to the end of the connection to HTTP/1.0. */
#include <stdio.h>
#include <stdlib.h>

#include "base/options.h"
#include "http/channel.h"
#include "http/conn.h"

struct ecom_stream {
    struct channel channel; /* first, so that one is the other */
    ecom_stream_options opts;
    int32_t chunked;
};

static ecom_stream *stream_of(struct channel *ch)
{
    return (ecom_stream *)(void *)ch;
}

/* A chunk whole or not at all. */
static int add(ecom_stream *s, ecom_str bytes)
{
    ecom_buf *out = &s->channel.out;
    size_t start = out->n;

    if (bytes.n == 0)
        return ECOM_OK;
    if (ecom_buf_reserve(out, bytes.n + 32) < 0 ||
        (s->chunked && ecom_buf_printf(out, "%zx\r\n", bytes.n) < 0) ||
        ecom_buf_append(out, bytes) < 0 || (s->chunked && ecom_buf_append(out, LIT("\r\n")) < 0)) {
        out->n = start;
        return ECOM_E_NOMEM;
    }
    return ECOM_OK;
}

/* What the peer says on is of no interest, only that it is there. */
static void ignore(struct channel *ch, ecom_str bytes)
{
    (void)ch, (void)bytes;
}

static uint64_t due(struct channel *ch)
{
    const ecom_stream *s = stream_of(ch);

    return s->opts.heartbeat_ms > 0 ? ch->wrote + (uint64_t)s->opts.heartbeat_ms : 0;
}

static void tick(struct channel *ch, uint64_t now)
{
    ecom_stream *s = stream_of(ch);

    pthread_mutex_lock(&ch->lock);
    if (!ch->ended && ecom__http_channel_queued(ch) == 0)
        (void)add(s, s->opts.heartbeat);
    pthread_mutex_unlock(&ch->lock);
    ch->wrote = now;
}

static void drain(struct channel *ch)
{
    ecom_stream_end(stream_of(ch));
}

static void room(struct channel *ch)
{
    ecom_stream *s = stream_of(ch);

    if (s->opts.drained)
        s->opts.drained(s->opts.user);
}

static void gone(struct channel *ch)
{
    ecom_stream *s = stream_of(ch);

    if (s->opts.closed)
        s->opts.closed(s->opts.user);
}

static void release(struct channel *ch)
{
    free(stream_of(ch));
}

static const struct channel_kind kind = {ignore, due, tick, drain, room, gone, release};

int ecom_exchange_stream(ecom_exchange *x, const ecom_stream_options *opts, ecom_stream **out,
                         ecom_error *err)
{
    if (x->channel || ecom_str_eq(x->head.method, LIT("HEAD")))
        return ecom_fail(err, ECOM_E_INVAL, "this response cannot go on");
    ecom_stream *s = calloc(1, sizeof(*s));
    if (!s)
        return ecom_fail(err, ECOM_E_NOMEM, "a stream");
    ecom__options_copy(&s->opts, sizeof(s->opts), opts);
    if (s->opts.heartbeat_ms == 0)
        s->opts.heartbeat_ms = 15000;
    if (s->opts.heartbeat.n == 0)
        s->opts.heartbeat = LIT(":\n\n");
    s->chunked = x->head.minor > 0;
    ecom__http_channel_init(&s->channel, &kind, x, s->opts.max_queue_bytes);
    x->channel = ecom__http_channel_ref(&s->channel);
    x->chunked = s->chunked;
    x->close = 1;
    *out = s;
    return ECOM_OK;
}

int ecom_stream_send(ecom_stream *s, ecom_str bytes)
{
    struct channel *ch = &s->channel;
    int r = ECOM_OK;

    pthread_mutex_lock(&ch->lock);
    if (ch->ended) {
        r = ECOM_E_CLOSED;
    } else if (ecom__http_channel_queued(ch) > ch->max_bytes) {
        r = ECOM_E_FULL;
        ch->broken = ch->ended = 1;
    } else {
        r = add(s, bytes);
    }
    if (r != ECOM_E_CLOSED)
        ecom__http_channel_touch(ch);
    pthread_mutex_unlock(&ch->lock);
    return r;
}

int ecom_stream_is_full(ecom_stream *s)
{
    return ecom__http_channel_is_full(&s->channel);
}

void ecom_stream_end(ecom_stream *s)
{
    struct channel *ch = &s->channel;

    pthread_mutex_lock(&ch->lock);
    if (!ch->ended && s->chunked && ecom_buf_append(&ch->out, LIT("0\r\n\r\n")) < 0)
        ch->broken = 1;
    ch->ended = 1;
    ecom__http_channel_touch(ch);
    pthread_mutex_unlock(&ch->lock);
}

ecom_stream *ecom_stream_ref(ecom_stream *s)
{
    return stream_of(ecom__http_channel_ref(&s->channel));
}

void ecom_stream_unref(ecom_stream *s)
{
    if (s)
        ecom__http_channel_unref(&s->channel);
}
