#include "http/channel.h"

#include "http/conn.h"

void ecom__http_channel_init(struct channel *ch, const struct channel_kind *kind,
                             struct ecom_exchange *x, uint32_t max_bytes)
{
    ch->kind = kind;
    ch->loop = x->loop;
    ch->max_bytes = max_bytes ? max_bytes : 1 << 20;
    atomic_init(&ch->refs, 1);
    pthread_mutex_init(&ch->lock, NULL);
}

struct channel *ecom__http_channel_ref(struct channel *ch)
{
    atomic_fetch_add_explicit(&ch->refs, 1, memory_order_relaxed);
    return ch;
}

void ecom__http_channel_unref(struct channel *ch)
{
    if (!ch || atomic_fetch_sub_explicit(&ch->refs, 1, memory_order_acq_rel) > 1)
        return;
    ecom_buf_free(&ch->out);
    pthread_mutex_destroy(&ch->lock);
    ch->kind->release(ch);
}

void ecom__http_channel_touch(struct channel *ch)
{
    if (!ch->loop || ch->touched)
        return;
    ch->touched = 1;
    ecom__http_loop_touch(ch->loop, ecom__http_channel_ref(ch));
}

size_t ecom__http_channel_queued(const struct channel *ch)
{
    return ch->out.n + ch->sending;
}

/* With the lock held. */
static int is_full(const struct channel *ch)
{
    return ecom__http_channel_queued(ch) > ch->max_bytes / 2;
}

int ecom__http_channel_is_full(struct channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    int full = is_full(ch);
    ch->awaited |= full;
    pthread_mutex_unlock(&ch->lock);
    return full;
}

void ecom__http_channel_detach(struct channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    int first = ch->loop != NULL;
    ch->loop = NULL;
    ch->ended = 1;
    ecom_buf_free(&ch->out);
    ch->sending = 0;
    pthread_mutex_unlock(&ch->lock);
    ch->conn = NULL;
    if (first)
        ch->kind->gone(ch);
}

/* Takes what waits. @return 0: nothing does. */
static int take_queued(struct channel *ch, ecom_buf *tx)
{
    pthread_mutex_lock(&ch->lock);
    ecom_buf spare = *tx;
    *tx = ch->out;
    ch->out = spare;
    ch->out.n = 0;
    ch->sending = tx->n;
    pthread_mutex_unlock(&ch->lock);
    return tx->n > 0;
}

static void sent(struct conn *c)
{
    enum { KEEP_BYTES = 16 << 10 };

    pthread_mutex_lock(&c->channel->lock);
    c->channel->sending = 0;
    pthread_mutex_unlock(&c->channel->lock);
    c->tx.n = 0;
    if (c->tx.cap > KEEP_BYTES)
        ecom_buf_free(&c->tx);
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *c = write->handle->data;

    c->writing = 0;
    c->write_due = 0;
    if (c->closing)
        return;
    sent(c);
    if (status < 0)
        ecom__http_conn_close(c);
    else
        ecom__http_conn_pump(c);
}

static void write_rest(struct conn *c, size_t from)
{
    uv_buf_t rest = uv_buf_init(c->tx.p + from, (unsigned)(c->tx.n - from));

    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, &rest, 1, on_written) < 0) {
        ecom__http_conn_close(c);
        return;
    }
    c->writing = 1;
    c->unwritten = ecom__http_conn_unwritten(c);
    c->write_due = uv_now(&c->loop->uv) + (uint64_t)c->loop->server->opts.write_timeout_ms;
}

static void flush(struct conn *c)
{
    while (!c->closing && !c->writing && take_queued(c->channel, &c->tx)) {
        uv_buf_t all = uv_buf_init(c->tx.p, (unsigned)c->tx.n);
        int n = uv_try_write((uv_stream_t *)&c->tcp, &all, 1);
        c->channel->wrote = uv_now(&c->loop->uv);
        if (n < 0 && n != UV_EAGAIN)
            ecom__http_conn_close(c);
        else if (n == (int)c->tx.n)
            sent(c);
        else
            write_rest(c, n > 0 ? (size_t)n : 0);
    }
}

void ecom__http_conn_attach(struct conn *c, struct channel *ch)
{
    c->channel = ch;
    c->no_more = c->held = 0;
    ch->conn = c;
    ch->wrote = uv_now(&c->loop->uv);
}

/* Bytes that came behind the request. */
static void read_early(struct conn *c)
{
    ecom_buf early = c->in;

    c->in = (ecom_buf){0};
    if (early.n)
        c->channel->kind->read(c->channel, ecom_buf_str(&early));
    ecom_buf_free(&early);
}

void ecom__http_conn_pump_channel(struct conn *c)
{
    struct channel *ch = c->channel;
    int serving = atomic_load(&c->loop->server->stage) == SERVING;

    if (c->eof) {
        ecom__http_conn_close(c);
        return;
    }
    if (c->in.n && !c->lingering)
        read_early(c);
    if (!serving && !ch->drained) {
        ch->drained = 1;
        ch->kind->drain(ch);
    }
    flush(c);
    pthread_mutex_lock(&ch->lock);
    int broken = ch->broken, ended = ch->ended && ch->out.n == 0;
    c->paused = is_full(ch);
    int room = ch->awaited && !c->paused;
    ch->awaited &= !room;
    pthread_mutex_unlock(&ch->lock);
    if (c->closing)
        return;
    if (room)
        ch->kind->room(ch);
    if (broken)
        ecom__http_conn_reset(c);
    else if (ended && !c->writing)
        c->no_more = 1;
}
