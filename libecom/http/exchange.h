/* One request and its response, on its way from the loop to a thread of the pool and back. */
#ifndef ECOM_HTTP_EXCHANGE_H
#define ECOM_HTTP_EXCHANGE_H

#include "http/forwarded.h"
#include "http/router.h"
#include "http/trace.h"

struct loop;
struct conn;
struct channel;

/* Something to run on the pool. */
struct job {
    struct job *next;
    void (*run)(struct job *job, int cancelled);
};

/* Who may touch it: the loop, but between AWAY and DONE a thread of the pool, or whoever answers it
 * later. */
enum exchange_state { READING, READY, AWAY, DONE };

struct ecom_exchange {
    struct job job;             /* in the pool's queue; first, so that one is the other */
    struct ecom_exchange *next; /* behind it on the connection, or in a list of spare ones */
    struct ecom_exchange *link; /* on its way back to its loop */
    const struct ecom_http_server *server;
    struct loop *loop;
    struct conn *conn; /* the loop's; NULL: gone before the answer was there */
    enum exchange_state state;

    ecom_buf raw, body; /* head and content, as they came */
    size_t counted;     /* bytes of the body's memory, among those of all */
    struct head head;
    struct target target;
    const struct route *route;
    struct refusal refusal; /* status 0: none; else what it is answered with */
    ecom_arena *arena;
    char peer[ADDRESS_BYTES]; /* or for whom it speaks */
    int64_t started_us;

    ecom_id id; /* the correlation id, when it is ours */
    ecom_log log;
    char trace[TRACE_BYTES + 1]; /* empty until it is asked for */
    ecom_claims claims;
    int32_t has_claims, bad_token;
    void *request, *params; /* structs of the route's records */
    int32_t on_thread;      /* the handler may wait */
    int32_t prepared;       /* all that comes before the handler is done */

    int32_t status;
    int32_t close;           /* the connection ends behind this response */
    struct channel *channel; /* nullable: what the connection becomes behind this response, if... */
    int32_t goes_on;         /* ...the handler did not fail */
    int32_t chunked;         /* the response that goes on is in chunks */
    ecom_buf fields, out;    /* headers that were added, and the body */
    int32_t typed;           /* Content-Type is among them */
    ecom_buf answer;         /* the response's head, when it is done */
    size_t content;          /* bytes of the body that goes with it */
    ecom_str sent[2]; /* what is to be written: the head, a short body with it; a long body */
};

/* @return NULL when out of memory. */
struct ecom_exchange *ecom__http_exchange_new(const struct ecom_http_server *server);
void ecom__http_exchange_free(struct ecom_exchange *x);
/* Forgets the request and its response; keeps memory for the next, but not much. */
void ecom__http_exchange_reset(struct ecom_exchange *x);

/* Takes a copy of a head, parses it, and finds the route. Where it fails, the exchange is refused:
 * the connection then ends behind the answer. @return 0 or -1. */
int ecom__http_exchange_begin(struct ecom_exchange *x, ecom_str head);
/* Counts what the body has grown to, which is returned. 0: it is too small to be counted. */
size_t ecom__http_exchange_count_body(struct ecom_exchange *x);
/* Lets go of a body that is counted. */
void ecom__http_exchange_drop_body(struct ecom_exchange *x);
/* Of one that is done: bytes of memory that it keeps until its answer is written. Lets go of a body
 * that is counted. */
size_t ecom__http_exchange_waits(struct ecom_exchange *x);
/* Answers with a problem instead of what the route does. */
void ecom__http_exchange_refuse(struct ecom_exchange *x, const struct refusal *why);
/* Truth: it runs on the loop, if the handler does not think otherwise. */
int ecom__http_exchange_on_loop(const struct ecom_exchange *x);
/* Truth: others may run beside it, since none of them changes anything. */
int ecom__http_exchange_safe(const struct ecom_exchange *x);
/* Truth: it asks for another protocol, so that what comes behind it may not be HTTP. */
int ecom__http_exchange_upgrades(const struct ecom_exchange *x);
/* Calls the middleware and the handler, and writes the response's head; afterwards sent[] is there.
 * Cannot fail. @return ECOM_OK: it is done; ECOM_HTTP_LATER: somebody else has it now;
 * ECOM_WOULD_WAIT: it is to be run again, on a thread of the pool. */
int ecom__http_exchange_run(struct ecom_exchange *x);

#endif
