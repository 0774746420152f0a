/* What the server holds for peers that do nothing. Who has done nothing for longest makes room. */
#include "http/conn.h"

enum { MAX_LOOKS = 8 };

static void leave(struct conn *c, int which)
{
    struct place *p = &c->places[which];
    struct line *line = &c->loop->lines[which];

    if (!p->taken)
        return;
    *(p->prev ? &p->prev->places[which].next : &line->first) = p->next;
    *(p->next ? &p->next->places[which].prev : &line->last) = p->prev;
    *p = (struct place){0};
}

static void go_last(struct conn *c, int which)
{
    struct line *line = &c->loop->lines[which];

    leave(c, which);
    *(line->last ? &line->last->places[which].next : &line->first) = c;
    c->places[which] = (struct place){line->last, NULL, 1};
    line->last = c;
}

static void refuse_body(struct conn *c)
{
    ecom__http_exchange_drop_body(c->reading);
    ecom__http_conn_refuse(c, &(struct refusal){503, "too much is being received"});
}

/* Those that are handled are not given up, though they count. */
int ecom__http_conn_count_body(struct conn *c)
{
    struct ecom_http_server *server = c->loop->server;
    const size_t most = server->opts.max_bodies_bytes;
    size_t own = ecom__http_exchange_count_body(c->reading);

    if (!own)
        return 0;
    go_last(c, COMING);
    if (own > most)
        refuse_body(c); /* by itself too much: it takes no others with it */
    while (c->reading && !c->closing &&
           atomic_load_explicit(&server->bodies, memory_order_relaxed) > most) {
        struct conn *first = c->loop->lines[COMING].first;
        refuse_body(first);
        if (first != c)
            ecom__http_conn_pump(first);
    }
    return c->reading && !c->closing ? 0 : -1;
}

void ecom__http_conn_end_body(struct conn *c)
{
    leave(c, COMING);
}

static size_t queued(struct channel *ch)
{
    pthread_mutex_lock(&ch->lock);
    size_t n = ch->out.cap;
    pthread_mutex_unlock(&ch->lock);
    return n;
}

/* Bytes of memory of what is done and not written. */
static size_t unread(const struct conn *c)
{
    size_t n = c->channel && c->writing ? c->tx.cap + queued(c->channel) : 0;

    for (struct ecom_exchange *x = c->first; x; x = x->next)
        if (x->state == DONE)
            n += ecom__http_exchange_waits(x);
    return n;
}

/* Sets what a connection has in the count of all, which is returned. */
static size_t set_unread(struct conn *c, size_t n)
{
    size_t before = c->unread;
    size_t others = atomic_fetch_add(&c->loop->server->unread, n - before) - before;

    if (!n)
        leave(c, UNREAD);
    else if (!before)
        go_last(c, UNREAD);
    c->unread = n;
    return others + n;
}

/* Those who take something when they are looked at again come last in the line, but so that this
 * ends: a peer that is slow stays while there is one that has gone. */
static void make_room(struct loop *loop)
{
    const size_t most = loop->server->opts.max_unread_bytes;
    struct conn *c;

    for (int looks = 0;
         (c = loop->lines[UNREAD].first) && atomic_load(&loop->server->unread) > most; looks++) {
        if (looks >= MAX_LOOKS || !c->writing || ecom__http_conn_is_stuck(c))
            ecom__http_conn_reset(c);
        else
            go_last(c, UNREAD);
    }
}

void ecom__http_conn_count_unread(struct conn *c)
{
    const size_t most = c->loop->server->opts.max_unread_bytes;
    size_t now = c->first || c->channel ? unread(c) : 0;

    if (now == c->unread)
        return;
    int grown = now > c->unread;
    size_t all = set_unread(c, now);
    if (now > most)
        ecom__http_conn_reset(c); /* by itself too much: it takes no others with it */
    else if (grown && all > most)
        make_room(c->loop);
}

void ecom__http_conn_uncount(struct conn *c)
{
    leave(c, COMING);
    if (c->unread)
        set_unread(c, 0);
}
