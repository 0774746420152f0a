#include "http/conn.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

enum {
    LINGER_MS = 2000, /* for the peer to read our last words and close */
    FRESH_MS = 200    /* while draining, for the first request of who connected before that */
};

static void on_closed(uv_handle_t *handle)
{
    struct conn *c = handle->data;
    struct loop *loop = c->loop;

    if (--c->handles > 0)
        return;
    if (c->channel)
        ecom__http_channel_detach(c->channel);
    ecom__http_channel_unref(c->channel);
    ecom_buf_free(&c->tx);
    for (struct ecom_exchange *x = c->first, *next; x; x = next) {
        next = x->next;
        if (x->state == AWAY)
            x->conn = NULL; /* somebody has it */
        else
            ecom__http_loop_recycle(loop, x);
    }
    if (c->prev)
        c->prev->next = c->next;
    else
        loop->conns = c->next;
    if (c->next)
        c->next->prev = c->prev;
    atomic_fetch_sub(&loop->server->connections, 1);
    ecom_series_add(loop->server->connected, -1);
    ecom_buf_free(&c->in);
    free(c);
}

/* @return 0: it is closing already. */
static int begin_close(struct conn *c)
{
    if (c->closing)
        return 0;
    c->closing = 1;
    ecom__http_conn_uncount(c);
    uv_close((uv_handle_t *)&c->timer, on_closed);
    return 1;
}

void ecom__http_conn_close(struct conn *c)
{
    if (begin_close(c))
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

void ecom__http_conn_reset(struct conn *c)
{
    if (begin_close(c) && uv_tcp_close_reset(&c->tcp, on_closed) < 0)
        uv_close((uv_handle_t *)&c->tcp, on_closed);
}

static void on_alloc(uv_handle_t *handle, size_t size, uv_buf_t *buf)
{
    (void)size;
    *buf = uv_buf_init(((struct conn *)handle->data)->loop->buffer, LOOP_READ_BYTES);
}

static void set_listening(struct conn *c, int want)
{
    if (want == c->listening)
        return;
    c->listening = want;
    if (!want)
        uv_read_stop((uv_stream_t *)&c->tcp);
    else if (uv_read_start((uv_stream_t *)&c->tcp, on_alloc, ecom__http_conn_on_read) < 0)
        ecom__http_conn_close(c);
}

/* Says goodbye. Closing outright, with bytes unread, would make the peer's system throw away the
 * answer that it has not read yet; so we wait for it to close first, but not for long. */
static void linger(struct conn *c)
{
    c->lingering = 1;
    c->paused = 0;
    ecom_buf_free(&c->in);
    if (uv_shutdown(&c->shutdown, (uv_stream_t *)&c->tcp, NULL) < 0)
        ecom__http_conn_close(c);
}

/* Truth: the peer had asked something before it could know that we end. */
static int has_unread(const struct conn *c)
{
    int fd, n = 0;

    return uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0 && ioctl(fd, FIONREAD, &n) == 0 &&
           n > 0;
}

static void end_if_done(struct conn *c)
{
    int serving = atomic_load(&c->loop->server->stage) == SERVING;

    if ((c->first && !c->channel) || c->writing || c->lingering)
        return;
    if (c->no_more && !c->eof)
        linger(c);
    else if (c->eof || (!serving && !c->channel && !c->fresh && !c->in.n && !has_unread(c)))
        ecom__http_conn_close(c);
}

static void set_phase(struct conn *c)
{
    enum phase phase = c->lingering             ? LINGER
                       : c->channel             ? CHANNEL
                       : c->reading             ? BODY
                       : c->held || c->no_more  ? BUSY
                       : c->in.n                ? HEAD
                       : c->first || c->writing ? BUSY
                                                : IDLE;
    const ecom_http_options *opts = &c->loop->server->opts;
    int draining = atomic_load(&c->loop->server->stage) != SERVING;
    int32_t idle_ms = draining ? FRESH_MS : opts->idle_timeout_ms;
    const int32_t timeouts[] = {
        idle_ms, opts->header_timeout_ms, opts->body_timeout_ms, 0, LINGER_MS, 0};

    if (phase != c->phase)
        c->since = uv_now(&c->loop->uv);
    c->phase = phase;
    c->read_due = timeouts[phase] ? c->since + (uint64_t)timeouts[phase] : 0;
    if (phase == CHANNEL)
        c->read_due = c->channel->kind->due(c->channel);
}

size_t ecom__http_conn_unwritten(const struct conn *c)
{
    size_t left = uv_stream_get_write_queue_size((const uv_stream_t *)&c->tcp);
    int fd, n = 0;

    if (uv_fileno((const uv_handle_t *)&c->tcp, &fd) == 0 && ioctl(fd, TIOCOUTQ, &n) == 0 && n > 0)
        left += (size_t)n;
    return left;
}

/* Peers that take something of a large answer now and then are slow, not gone. */
int ecom__http_conn_is_stuck(struct conn *c)
{
    size_t left = ecom__http_conn_unwritten(c);
    int stuck = left >= c->unwritten;

    c->unwritten = left;
    c->write_due = uv_now(&c->loop->uv) + (uint64_t)c->loop->server->opts.write_timeout_ms;
    return stuck;
}

static void on_timer(uv_timer_t *timer)
{
    struct conn *c = timer->data;
    uint64_t now = uv_now(&c->loop->uv);

    c->timer_due = 0;
    if (c->write_due && now >= c->write_due && ecom__http_conn_is_stuck(c)) {
        ecom__http_conn_reset(c);
    } else if (c->read_due && now >= c->read_due) {
        if (c->phase == HEAD)
            ecom__http_conn_refuse(c, &(struct refusal){408, "the headers took too long"});
        else if (c->phase == BODY)
            ecom__http_conn_refuse(c, &(struct refusal){408, "the body took too long"});
        else if (c->phase == CHANNEL)
            c->channel->kind->tick(c->channel, now);
        else if (c->phase == LINGER || !has_unread(c))
            ecom__http_conn_close(c);
    }
    ecom__http_conn_pump(c);
}

/* A timer that goes off too early looks again; so it is seldom moved, and never for a request that
 * follows another. */
static void set_timer(struct conn *c)
{
    uint64_t due = c->read_due, now = uv_now(&c->loop->uv);

    if (c->write_due && (!due || c->write_due < due))
        due = c->write_due;
    if (!due || (c->timer_due && c->timer_due <= due))
        return;
    c->timer_due = due;
    uv_timer_start(&c->timer, on_timer, due > now ? due - now : 0, 0);
}

void ecom__http_conn_pump(struct conn *c)
{
    ecom__http_conn_flush(c);
    if (c->channel && !c->closing && !c->lingering)
        ecom__http_conn_pump_channel(c);
    while (c->held && !c->closing && !c->no_more && ecom__http_conn_has_room(c)) {
        c->held = 0;
        ecom__http_conn_read_held(c);
        ecom__http_conn_flush(c);
    }
    if (!c->closing)
        end_if_done(c);
    if (!c->closing)
        ecom__http_conn_count_unread(c);
    if (!c->closing)
        set_listening(c, !c->eof && !c->held && !c->paused && (!c->no_more || c->lingering));
    if (c->closing)
        return;
    set_phase(c);
    set_timer(c);
}

void ecom__http_conn_came_back(struct conn *c, struct ecom_exchange *x)
{
    x->state = DONE;
    if (--c->away == 0)
        c->away_unsafe = 0;
}

void ecom__http_conn_done(struct conn *c, struct ecom_exchange *x)
{
    ecom__http_conn_came_back(c, x);
    if (c->closing)
        return;
    ecom__http_conn_run_ready(c);
    ecom__http_conn_pump(c);
}

static void set_peer(struct conn *c)
{
    struct sockaddr_storage address;
    int n = sizeof(address);

    if (uv_tcp_getpeername(&c->tcp, (struct sockaddr *)&address, &n) < 0 ||
        uv_ip_name((struct sockaddr *)&address, c->peer, sizeof(c->peer)) < 0)
        c->peer[0] = '\0';
    c->proxied = ecom__http_is_proxy(&c->loop->server->proxies, c->peer);
}

void ecom__http_conn_open(struct loop *loop, int fd)
{
    struct conn *c = calloc(1, sizeof(*c));

    if (!c) {
        close(fd);
        return;
    }
    c->loop = loop;
    c->phase = BUSY;
    c->fresh = 1;
    c->handles = 2;
    c->tcp.data = c->timer.data = c;
    uv_tcp_init(&loop->uv, &c->tcp);
    uv_timer_init(&loop->uv, &c->timer);
    c->next = loop->conns;
    if (c->next)
        c->next->prev = c;
    loop->conns = c;
    ecom_series_add(loop->server->connected, 1);
    uint32_t others = atomic_fetch_add(&loop->server->connections, 1);
    int opened = uv_tcp_open(&c->tcp, fd) == 0;
    if (!opened)
        close(fd);
    if (!opened || others >= loop->server->max_connections) {
        ecom__http_conn_close(c);
        return;
    }
    uv_tcp_nodelay(&c->tcp, 1);
    set_peer(c);
    ecom__http_conn_pump(c);
}

void ecom__http_conn_drain(struct loop *loop)
{
    int ending = atomic_load(&loop->server->stage) == ENDING;

    for (struct conn *c = loop->conns, *next; c; c = next) {
        next = c->next;
        if (ending)
            ecom__http_conn_close(c);
        else
            ecom__http_conn_pump(c);
    }
}
