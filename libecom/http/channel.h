/* What a connection is to whoever sends on it from other threads, once it no longer goes request by
 * request: a bounded queue of bytes, and what the two kinds of such connections do differently. */
#ifndef ECOM_HTTP_CHANNEL_H
#define ECOM_HTTP_CHANNEL_H

#include <stdatomic.h>

#include "ecom/stream.h"
#include "http/server.h"

struct channel;

/* All but release() are called on the loop, without the lock. */
struct channel_kind {
    void (*read)(struct channel *ch, ecom_str bytes);
    /* When tick() is to be called, in the loop's time; 0: never. */
    uint64_t (*due)(struct channel *ch);
    void (*tick)(struct channel *ch, uint64_t now);
    void (*drain)(struct channel *ch); /* the server stops */
    void (*room)(struct channel *ch);  /* after it was said to be full: it is no longer */
    void (*gone)(struct channel *ch);  /* the connection is closed, or never was one */
    void (*release)(struct channel *ch);
};

struct channel {
    const struct channel_kind *kind;
    atomic_uint refs;
    pthread_mutex_t lock;
    /* Under the lock. */
    struct loop *loop; /* NULL: gone */
    ecom_buf out;      /* whole frames or chunks that wait */
    size_t sending;    /* bytes that the connection took, and has not written yet */
    uint32_t max_bytes;
    int32_t ended;   /* nothing is added any more; what is there is still sent */
    int32_t broken;  /* the connection is to be reset */
    int32_t touched; /* it waits for its loop */
    int32_t awaited; /* somebody waits for room */
    struct channel *next_touched;
    /* The loop's. */
    struct conn *conn; /* NULL: not yet, or gone */
    uint64_t wrote;    /* when bytes were last given to it */
    int32_t drained;
};

void ecom__http_channel_init(struct channel *ch, const struct channel_kind *kind,
                             struct ecom_exchange *x, uint32_t max_bytes);
struct channel *ecom__http_channel_ref(struct channel *ch);
void ecom__http_channel_unref(struct channel *ch);
/* Has its loop look at it. With the lock held. */
void ecom__http_channel_touch(struct channel *ch);
/* Bytes that wait. With the lock held. */
size_t ecom__http_channel_queued(const struct channel *ch);
/* Truth: more than half of what may wait does, and kind->room() will be called. */
int ecom__http_channel_is_full(struct channel *ch);
/* The connection is gone: calls kind->gone(), once. On the loop. */
void ecom__http_channel_detach(struct channel *ch);

/* The connection's side, on the loop. */
/* The head is written: from now on it is the channel's. */
void ecom__http_conn_attach(struct conn *c, struct channel *ch);
/* What its channel needs beside that. */
void ecom__http_conn_pump_channel(struct conn *c);

#endif
