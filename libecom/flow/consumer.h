/* The consumer's inside. A step is three phases: poll, run what is due, ack. On one thread they
 * follow each other; on several one thread polls and acks and the others run, around the same state
 * and one mutex, which nobody holds while the bus or a handler is at work. */
#ifndef FLOW_CONSUMER_H
#define FLOW_CONSUMER_H

#include <pthread.h>

#include "ecom/consumer.h"
#include "flow/window.h"

/* What is counted of a topic. */
struct topic_series {
    ecom_series *handled, *retried, *dead, *ignored, *seconds;
};

/* A thread that handles. */
struct worker {
    ecom_consumer *consumer;
    ecom_arena *arena;
    pthread_t thread;
};

/* What came of a run. */
enum verdict { VERDICT_DONE, VERDICT_IGNORED, VERDICT_AGAIN, VERDICT_DEAD };

struct ecom_consumer {
    /* Fixed by ecom_consumer_new(). */
    ecom_bus *bus;
    const ecom_env *env;
    const ecom_log *log;
    void *user;
    char group[ECOM_BUS_MAX_NAME];
    size_t group_n;
    ecom_start start;
    uint32_t threads, max_attempts;
    int32_t backoff_ms, max_backoff_ms, session_timeout_ms;
    ecom_subscriber *subscribers;
    size_t nsubscribers;
    const ecom_contract **contracts; /* the subscribers', then the ignored; ends with NULL */
    struct topic_series *series;     /* by topic */
    ecom_series *in_flight, *stalled, *lag;
    ecom_arena *arena; /* of step() */

    /* Of the polling thread alone. */
    ecom_member *member; /* NULL: not joined; changed under the mutex */
    int32_t lost;        /* a message could not be kept: leave, join again, get it again */
    uint32_t poll_failures, ack_failures;
    int64_t lag_us; /* when the lag was asked for last; INT64_MIN: never */

    /* Under the mutex. */
    pthread_mutex_t mutex;
    ecom__window *window;
    ecom_consumer_stats stats;
    uint32_t waking; /* threads inside ecom_member_wake() */
    pthread_cond_t work, space;
    int running, draining, quit;
    int64_t deadline_ms;

    pthread_t poller;
    struct worker *workers; /* room for as many as threads */
    uint32_t nworkers;      /* that run; the poller adds to them */
};

ecom_str ecom__consumer_group(const ecom_consumer *c);

/* Runs a job that take() gave, outside the mutex: reads and handles the event, or brings a given up
 * one to the dead letters. */
enum verdict ecom__consumer_attempt(const ecom_consumer *c, ecom__job *job, ecom_arena *arena);
/* Takes note of what came of it, under the mutex. @return 1: it is finished. */
int ecom__consumer_settle(ecom_consumer *c, ecom__job *job, enum verdict verdict);

/* How many messages may be taken now, under the mutex. */
uint32_t ecom__consumer_room(const ecom_consumer *c);
/* Polls once, joining before if need be. @return how many messages came, or why none could. */
int ecom__consumer_poll(ecom_consumer *c, int32_t timeout_ms, ecom_error *err);
/* Commits what is done. What fails is tried again with the next call. */
void ecom__consumer_ack(ecom_consumer *c);
/* Leaves the group and forgets what was taken. */
void ecom__consumer_leave(ecom_consumer *c);
int64_t ecom__consumer_now_us(const ecom_consumer *c);

#endif
