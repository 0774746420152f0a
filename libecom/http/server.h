/* What the parts of the server know of each other. */
#ifndef ECOM_HTTP_SERVER_H
#define ECOM_HTTP_SERVER_H

#include <semaphore.h>
#include <stdatomic.h>
#include <uv.h>

#include "base/wait.h"
#include "http/observe.h"

/* Threads that run handlers, and the bounded queue before them. */
struct worker {
    struct pool *pool;
    struct worker *next; /* idle, too */
    sem_t turn;
    pthread_t thread;
};

struct pool {
    pthread_mutex_t lock;
    struct job *first, *last;
    uint32_t waiting, max_waiting;
    uint32_t nworkers, max_workers, nidle;
    int32_t closing, coming; /* coming: a thread is on its way */
    struct worker *workers, *idle;
    ecom_series *depth; /* nullable */
};

/* @param depth  nullable: set to how many wait. */
int ecom__http_pool_start(struct pool *pool, uint32_t max_threads, uint32_t max_waiting,
                          ecom_series *depth, ecom_error *err);
/* @return -1: the queue is full. */
int ecom__http_pool_push(struct pool *pool, struct job *job);
/* Takes all that wait out of the queue, and cancels them. */
void ecom__http_pool_cancel(struct pool *pool);
/* Ends the threads behind what they are running. */
void ecom__http_pool_stop(struct pool *pool);

enum { LOOP_READ_BYTES = 64 << 10 };

enum stage { SERVING, DRAINING, ENDING };

struct ecom_http_server {
    ecom_http_options opts; /* defaults filled in */
    struct router router;
    struct proxies proxies;
    struct meter *meters; /* one a route, and one for requests without; NULL: no metrics */
    ecom_series *connected;
    ecom_buf openapi;
    struct pool pool;
    pthread_mutex_t jobs; /* over the next, and whoever pushes a job that is no exchange */
    int32_t takes_jobs;
    struct loop *loops;
    uint32_t nloops; /* that run */
    int32_t port;
    uint32_t max_connections; /* the option, as far as there are descriptors */
    atomic_int stage;         /* enum stage */
    atomic_uint connections;
    atomic_size_t bodies, unread; /* bytes of memory of what comes, and of what waits to go */
    pthread_mutex_t lock;
    pthread_cond_t ended;
    uint32_t alive; /* loops that have not ended, under lock */
};

struct listener {
    uv_poll_t poll;
    uv_timer_t pause; /* until we try again what failed */
    int fd, reserve;  /* reserve: a descriptor to give up when there is no other */
    int32_t open;
    int watched; /* descriptors below it find room in libuv's table */
};

/* Connections for which memory is held, who did something last is last: bodies that come, and
 * answers that wait to be read. */
enum { COMING, UNREAD, NLINES };

struct line {
    struct conn *first, *last;
};

/* An event loop with a thread, a listener and connections of its own. */
struct loop {
    uv_loop_t uv;
    uv_async_t wake;
    struct listener listener;
    struct ecom_http_server *server;
    pthread_t thread;
    struct conn *conns;
    struct line lines[NLINES];
    struct ecom_exchange *spare;
    uint32_t nspare;
    uint32_t away; /* exchanges that the pool has, or who answers later */
    char *buffer;  /* all reads of all connections go through it */
    pthread_mutex_t lock;
    int32_t ended;                          /* wake is closed; under lock, as the next */
    struct ecom_exchange *done, **done_end; /* from where they were away */
    struct channel *touched;                /* from anywhere */
};

/* Takes over @p fd, which is bound. @return ECOM_E_NOMEM, ECOM_E_UNAVAILABLE. */
int ecom__http_loop_start(struct loop *loop, struct ecom_http_server *server, int fd,
                          ecom_error *err);
/* Has it look at server->stage again. Threads: any. */
void ecom__http_loop_wake(struct loop *loop);
/* Waits for the thread and frees what is left. */
void ecom__http_loop_join(struct loop *loop);
/* Gives an exchange back to its loop. Threads: any. */
void ecom__http_loop_done(struct ecom_exchange *x);
/* Has the loop look at a channel, whose reference it takes over. Threads: any. */
void ecom__http_loop_touch(struct loop *loop, struct channel *ch);
/* A spare exchange or a new one; NULL: out of memory. */
struct ecom_exchange *ecom__http_loop_exchange(struct loop *loop);
void ecom__http_loop_recycle(struct loop *loop, struct ecom_exchange *x);

/* Listens on a socket that is bound, and takes it over even if that fails. @return 0 or -errno. */
int ecom__http_listener_open(struct loop *loop, int fd);
/* Takes what has connected already, then closes. */
void ecom__http_listener_drain(struct loop *loop);
void ecom__http_listener_close(struct loop *loop);

/* Takes over a connection; where that fails, it is closed. */
void ecom__http_conn_open(struct loop *loop, int fd);
/* Breaks it, so that the system, too, throws away what the peer does not read. */
void ecom__http_conn_reset(struct conn *conn);
/* An exchange of it came back, through ecom__http_loop_done(). */
void ecom__http_conn_done(struct conn *conn, struct ecom_exchange *x);
/* Goes by server->stage: closes what is idle, or all. */
void ecom__http_conn_drain(struct loop *loop);

#endif
