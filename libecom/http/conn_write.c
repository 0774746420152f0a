#include "http/conn.h"

enum { MAX_WRITE = 16 }; /* responses in one write */

/* Collects what stands at the front and is done; returns how many exchanges that are. */
static uint32_t gather(const struct conn *c, uv_buf_t bufs[2 * MAX_WRITE], unsigned *nbufs)
{
    uint32_t count = 0;

    *nbufs = 0;
    for (const struct ecom_exchange *x = c->first; x && x->state == DONE && count < MAX_WRITE;
         x = x->next) {
        for (int i = 0; i < 2; i++)
            if (x->sent[i].n)
                bufs[(*nbufs)++] = uv_buf_init((char *)x->sent[i].p, (unsigned)x->sent[i].n);
        count++;
        if (x->goes_on)
            break;
    }
    return count;
}

static void drop_first(struct conn *c)
{
    struct ecom_exchange *x = c->first;

    c->first = x->next;
    if (!c->first)
        c->last = NULL;
    c->count--;
    if (x->goes_on) {
        ecom__http_conn_attach(c, x->channel);
        x->channel = NULL;
    } else {
        c->no_more |= x->close; /* it may have been decided late */
    }
    if (c->upgrading == x)
        c->upgrading = NULL;
    ecom__http_loop_recycle(c->loop, x);
}

/* Counts n bytes as written; returns how many of the exchanges are left. */
static uint32_t written(struct conn *c, uint32_t count, size_t n)
{
    while (count > 0) {
        ecom_str *sent = c->first->sent;
        for (int i = 0; i < 2 && n > 0; i++) {
            size_t k = n < sent[i].n ? n : sent[i].n;
            sent[i].p = sent[i].n ? sent[i].p + k : NULL;
            sent[i].n -= k;
            n -= k;
        }
        if (sent[0].n + sent[1].n)
            break;
        drop_first(c);
        count--;
    }
    return count;
}

static void on_written(uv_write_t *write, int status)
{
    struct conn *c = write->handle->data;
    uint32_t count = c->writing;

    c->writing = 0;
    c->write_due = 0;
    if (c->closing)
        return;
    if (status < 0) {
        ecom__http_conn_close(c);
        return;
    }
    while (count-- > 0)
        drop_first(c);
    ecom__http_conn_pump(c);
}

/* Leaves the rest to libuv, which writes when the peer has read. */
static void write_later(struct conn *c)
{
    uv_buf_t bufs[2 * MAX_WRITE] = {0};
    unsigned nbufs;

    c->writing = gather(c, bufs, &nbufs);
    if (uv_write(&c->write, (uv_stream_t *)&c->tcp, bufs, nbufs, on_written) < 0) {
        c->writing = 0;
        ecom__http_conn_close(c);
        return;
    }
    c->unwritten = ecom__http_conn_unwritten(c);
    c->write_due = uv_now(&c->loop->uv) + (uint64_t)c->loop->server->opts.write_timeout_ms;
}

static void write_now(struct conn *c)
{
    uv_buf_t bufs[2 * MAX_WRITE] = {0};
    unsigned nbufs;
    uint32_t count = gather(c, bufs, &nbufs);
    int n = uv_try_write((uv_stream_t *)&c->tcp, bufs, nbufs);

    if (n < 0 && n != UV_EAGAIN) {
        ecom__http_conn_close(c);
        return;
    }
    if (written(c, count, n > 0 ? (size_t)n : 0))
        write_later(c);
}

/* 25 bytes into an empty buffer: either they fit, or the connection is broken. */
static void write_continue(struct conn *c)
{
    static char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    uv_buf_t buf = uv_buf_init(text, sizeof(text) - 1);

    c->expects = 0;
    if (uv_try_write((uv_stream_t *)&c->tcp, &buf, 1) != (int)buf.len)
        ecom__http_conn_close(c);
}

void ecom__http_conn_flush(struct conn *c)
{
    while (!c->closing && !c->writing && !c->channel && c->first && c->first->state == DONE)
        write_now(c);
    if (!c->closing && !c->writing && !c->channel && c->expects && c->first == c->reading)
        write_continue(c);
}
