#include <string.h>

#include "http/conn.h"

enum { LINGER_BYTES = 4 << 20, KEEP_BYTES = 16 << 10 };

int ecom__http_conn_has_room(const struct conn *c)
{
    return !c->ready && !c->upgrading && c->count < c->loop->server->opts.max_pipeline;
}

/* Adds an exchange for the next request. NULL: out of memory, and the connection ends. */
static struct ecom_exchange *append(struct conn *c)
{
    struct ecom_exchange *x = ecom__http_loop_exchange(c->loop);

    if (!x) {
        ecom__http_conn_close(c);
        return NULL;
    }
    x->conn = c;
    x->state = READING;
    memcpy(x->peer, c->peer, sizeof(x->peer));
    if (c->last)
        c->last->next = x;
    else
        c->first = x;
    c->last = x;
    c->count++;
    return x;
}

static void leave(struct conn *c, struct ecom_exchange *x)
{
    x->state = AWAY;
    c->loop->away++;
    c->away++;
    c->away_unsafe |= !ecom__http_exchange_safe(x);
}

/* It is away before it is run: who answers it later may be faster than the handler returns. */
static void start(struct conn *c, struct ecom_exchange *x)
{
    leave(c, x);
    int r = ecom__http_exchange_on_loop(x) ? ecom__http_exchange_run(x) : ECOM_WOULD_WAIT;
    if (r == ECOM_WOULD_WAIT && ecom__http_pool_push(&c->loop->server->pool, &x->job) < 0) {
        x->refusal = (struct refusal){503, "too many requests are waiting"};
        r = ecom__http_exchange_run(x);
    }
    if (r != ECOM_OK)
        return;
    c->loop->away--;
    ecom__http_conn_came_back(c, x);
}

/* RFC 9112 9.3.2: only safe requests may run side by side. */
static int may_run(const struct conn *c, const struct ecom_exchange *x)
{
    return c->away == 0 || (!c->away_unsafe && ecom__http_exchange_safe(x));
}

/* The request is complete. */
static void submit(struct conn *c, struct ecom_exchange *x)
{
    c->reading = NULL;
    ecom__http_conn_end_body(c);
    c->expects = 0;
    c->no_more |= x->close;
    if (!x->close && ecom__http_exchange_upgrades(x))
        c->upgrading = x;
    x->state = READY;
    if (may_run(c, x))
        start(c, x);
    else
        c->ready = x;
}

void ecom__http_conn_run_ready(struct conn *c)
{
    struct ecom_exchange *x = c->ready;

    if (x && may_run(c, x)) {
        c->ready = NULL;
        start(c, x);
    }
}

void ecom__http_conn_refuse(struct conn *c, const struct refusal *why)
{
    struct ecom_exchange *x = c->reading ? c->reading : append(c);

    if (x) {
        ecom__http_exchange_refuse(x, why);
        submit(c, x);
    }
}

static void begin_body(struct conn *c, struct ecom_exchange *x, int more)
{
    c->reading = x;
    c->chunks = (struct chunks){0};
    c->left = x->head.length > 0 ? (uint64_t)x->head.length : 0;
    c->expects = x->head.continues && !more;
}

/* Reads a head; returns how many bytes that took, 0: not all there, not yet, or none of it: what
 * was flushed may have made something else of the connection. */
static size_t read_head(struct conn *c, ecom_str in)
{
    struct refusal why;

    if (!ecom__http_conn_has_room(c))
        ecom__http_conn_flush(c);
    c->held = !c->channel && !ecom__http_conn_has_room(c);
    if (c->held || c->channel || c->closing)
        return 0;
    ssize_t n = ecom__http_head_find(&c->scan, in, c->loop->server->opts.max_header_bytes, &why);
    if (n < 0)
        ecom__http_conn_refuse(c, &why);
    struct ecom_exchange *x = n > 0 ? append(c) : NULL;
    if (!x)
        return 0;

    c->scan = (struct head_scan){0};
    c->phase = BUSY; /* whatever comes next has its own time */
    int refused = ecom__http_exchange_begin(x, (ecom_str){in.p, (size_t)n}) < 0;
    if (c->proxied && !refused)
        ecom__http_forwarded(&c->loop->server->proxies, ecom_exchange_header(x, "x-forwarded-for"),
                             x->peer);
    if (!refused && x->head.continues && x->refusal.status)
        x->close = refused = 1; /* rather than ask for a body that nobody wants */
    if (refused || (!x->head.chunked && x->head.length <= 0))
        submit(c, x);
    else
        begin_body(c, x, in.n > (size_t)n);
    return (size_t)n;
}

static size_t read_sized(struct conn *c, ecom_str in)
{
    struct ecom_exchange *x = c->reading;
    size_t n = in.n < c->left ? in.n : (size_t)c->left;

    if (ecom_buf_append(&x->body, (ecom_str){in.p, n}) < 0) {
        ecom__http_conn_refuse(c, &(struct refusal){503, "out of memory"});
        return n;
    }
    c->left -= n;
    if (ecom__http_conn_count_body(c) == 0 && c->left == 0)
        submit(c, x);
    return n;
}

static size_t read_chunks(struct conn *c, ecom_str in)
{
    const ecom_http_options *opts = &c->loop->server->opts;
    struct ecom_exchange *x = c->reading;
    struct refusal why;
    ssize_t n = ecom__http_chunks_feed(&c->chunks, in, &x->body, opts->max_body_bytes,
                                       opts->max_header_bytes, &why);

    if (n < 0) {
        ecom__http_conn_refuse(c, &why);
        return in.n;
    }
    if (ecom__http_conn_count_body(c) == 0 && c->chunks.done)
        submit(c, x);
    return (size_t)n;
}

/* Reads what it can; returns how many bytes are done with. */
static size_t parse(struct conn *c, ecom_str in)
{
    size_t used = 0;

    while (used < in.n && !c->no_more && !c->closing) {
        ecom_str rest = {in.p + used, in.n - used};
        size_t n = !c->reading                ? read_head(c, rest)
                   : c->reading->head.chunked ? read_chunks(c, rest)
                                              : read_sized(c, rest);
        if (n == 0)
            break;
        used += n;
    }
    return c->no_more ? in.n : used;
}

/* Keeps what parse() left over for the next time. */
static void keep(struct conn *c, ecom_str rest)
{
    int own = c->in.n > 0;

    if (own && rest.n)
        memmove(c->in.p, rest.p, rest.n);
    if (own)
        c->in.n = rest.n;
    else if (rest.n && ecom_buf_append(&c->in, rest) < 0)
        ecom__http_conn_close(c);
    if (c->in.n == 0 && c->in.cap > KEEP_BYTES)
        ecom_buf_free(&c->in);
}

static void take(struct conn *c, ecom_str in)
{
    if (c->in.n) {
        if (ecom_buf_append(&c->in, in) < 0) {
            ecom__http_conn_close(c);
            return;
        }
        in = ecom_buf_str(&c->in);
    }
    size_t used = parse(c, in);
    keep(c, (ecom_str){in.p + used, in.n - used});
}

void ecom__http_conn_read_held(struct conn *c)
{
    take(c, (ecom_str){NULL, 0});
}

/* The peer sends no more. What it asked for before is answered all the same. */
static void on_eof(struct conn *c)
{
    c->eof = c->no_more = 1;
    if (c->reading)
        ecom__http_conn_refuse(c, &(struct refusal){400, "the request ended early"});
}

void ecom__http_conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
    struct conn *c = stream->data;

    if (n == 0)
        return;
    c->fresh = 0;
    if (n < 0 && (n != UV_EOF || c->lingering)) {
        ecom__http_conn_close(c);
        return;
    }
    if (c->lingering) {
        if ((c->discarded += (size_t)n) > LINGER_BYTES)
            ecom__http_conn_close(c);
        return;
    }
    if (c->channel && n < 0)
        ecom__http_conn_close(c);
    else if (c->channel)
        c->channel->kind->read(c->channel, (ecom_str){buf->base, (size_t)n});
    else if (n < 0)
        on_eof(c);
    else
        take(c, (ecom_str){buf->base, (size_t)n});
    ecom__http_conn_pump(c);
}
