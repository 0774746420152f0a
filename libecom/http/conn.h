/* A connection: reads requests, has them answered, writes the answers in the same order. */
#ifndef ECOM_HTTP_CONN_H
#define ECOM_HTTP_CONN_H

#include "http/channel.h"
#include "http/chunked.h"

/* What a connection waits for; each has its time-out, but for BUSY. */
enum phase { IDLE, HEAD, BODY, BUSY, LINGER, CHANNEL };

struct place {
    struct conn *prev, *next;
    int32_t taken; /* it is in that line */
};

struct conn {
    uv_tcp_t tcp;
    uv_timer_t timer;
    uv_write_t write;
    uv_shutdown_t shutdown;
    struct loop *loop;
    struct conn *prev, *next;
    char peer[ADDRESS_BYTES];
    int32_t proxied; /* the peer is one that is believed for whom it speaks */
    int32_t handles; /* still open */

    struct ecom_exchange *first, *last; /* in the order of their requests */
    struct ecom_exchange *reading;      /* the last one, while its body is not complete */
    struct ecom_exchange *ready;        /* the last one, while it may not run beside the others */
    uint32_t count, away;               /* of them, and of those that somebody else has */
    int32_t away_unsafe;                /* one of those may change something */

    ecom_buf in; /* a head that is not complete, or what is held back */
    struct head_scan scan;
    struct chunks chunks;
    uint64_t left;    /* bytes of the body to come, when not in chunks */
    size_t discarded; /* while lingering */
    int32_t held;     /* enough requests are being answered */
    int32_t expects;  /* the peer waits for 100 Continue */
    int32_t no_more;  /* requests are read from here on */
    int32_t fresh;    /* nothing came on it yet */
    int32_t eof, listening, lingering, closing;
    uint32_t writing; /* exchanges in the write that goes on */
    size_t unwritten; /* bytes of it, when last looked at */
    size_t unread;    /* bytes of memory of what waits to be written */
    struct place places[NLINES];

    struct ecom_exchange *upgrading; /* may make something else of the connection: what comes behind
                                      * it is not read before it is answered */
    struct channel *channel;         /* what the connection is; NULL: requests and responses */
    ecom_buf tx;                     /* of it, in the write that goes on */
    int32_t paused;                  /* the peer is to read before it is listened to */

    enum phase phase;
    uint64_t since;                          /* the phase began; in the loop's time, as all below */
    uint64_t read_due, write_due, timer_due; /* 0: none */
};

/* Starts to end it; nothing more happens on it but that. */
void ecom__http_conn_close(struct conn *c);
/* Truth: the peer has taken nothing of the write that goes on since this was last asked. If it has,
 * it has its time anew. */
int ecom__http_conn_is_stuck(struct conn *c);
/* After anything happened: writes, takes up reading, sets time-outs, ends what has ended. */
void ecom__http_conn_pump(struct conn *c);

/* Reads on: what is to be called by libuv, and with what was held back. */
void ecom__http_conn_on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);
void ecom__http_conn_read_held(struct conn *c);
/* Truth: another request may be read. */
int ecom__http_conn_has_room(const struct conn *c);
/* Answers with a refusal, to the request being read or, if none is, to what would be one, and
 * reads no more. */
void ecom__http_conn_refuse(struct conn *c, const struct refusal *why);
/* An exchange that was away is done; its loop has counted it back. */
void ecom__http_conn_came_back(struct conn *c, struct ecom_exchange *x);
/* Runs what waited for those before it, if these are through. */
void ecom__http_conn_run_ready(struct conn *c);

/* Bytes that the peer has not acknowledged, the system's buffer among them: that is so large that
 * what a slow peer takes shows late in ours. */
size_t ecom__http_conn_unwritten(const struct conn *c);
/* Writes all answers whose turn it is. */
void ecom__http_conn_flush(struct conn *c);

/* Counts what the body that is being read has grown to. Beyond what the server may have of that,
 * bodies are refused. @return -1: this one, too. */
int ecom__http_conn_count_body(struct conn *c);
/* The body is there, or comes no more. */
void ecom__http_conn_end_body(struct conn *c);
/* Counts what waits on the connection. Beyond what the server may have of that, connections are
 * reset, maybe this one. */
void ecom__http_conn_count_unread(struct conn *c);
/* Nothing comes or waits on it any more: it is closing. */
void ecom__http_conn_uncount(struct conn *c);

#endif
