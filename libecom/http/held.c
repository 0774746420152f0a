/* What the server holds for peers that do nothing. Who has done nothing for longest makes room. */
#include "http/conn.h"

enum { MAX_LOOKS = 8 };

static void leave(struct conn *c)
{
    struct line *line = &c->loop->unread;

    *(c->unread_prev ? &c->unread_prev->unread_next : &line->first) = c->unread_next;
    *(c->unread_next ? &c->unread_next->unread_prev : &line->last) = c->unread_prev;
    c->unread_prev = c->unread_next = NULL;
}

static void queue_up(struct conn *c)
{
    struct line *line = &c->loop->unread;

    *(line->last ? &line->last->unread_next : &line->first) = c;
    c->unread_prev = line->last;
    line->last = c;
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

    if (before && !n)
        leave(c);
    else if (n && !before)
        queue_up(c);
    c->unread = n;
    return others + n;
}

/* Those who take something when they are looked at again come last in the line, but so that this
 * ends: a peer that is slow stays while there is one that has gone. */
static void make_room(struct loop *loop)
{
    const size_t most = loop->server->opts.max_unread_bytes;
    struct conn *c;

    for (int looks = 0; (c = loop->unread.first) && atomic_load(&loop->server->unread) > most;
         looks++) {
        if (looks >= MAX_LOOKS || !c->writing || ecom__http_conn_is_stuck(c)) {
            ecom__http_conn_reset(c);
        } else {
            leave(c);
            queue_up(c);
        }
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

void ecom__http_conn_uncount_unread(struct conn *c)
{
    if (c->unread)
        set_unread(c, 0);
}
