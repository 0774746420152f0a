/* The relay's inside, shared by its steps and its thread. */
#ifndef FLOW_RELAY_H
#define FLOW_RELAY_H

#include <pthread.h>

#include "ecom/outbox.h"

/* A document whose next event the bus refuses as it is. */
struct parked {
    struct parked *next;
    int64_t until_us; /* then it is tried again: limits are changed by people */
    ecom_str collection, id;
};

/* What an event in the batch belongs to. */
struct origin {
    ecom_str collection, id;
};

struct ecom_relay {
    ecom_store *store;
    ecom_bus *bus;
    const ecom_env *env;
    const ecom_log *log;
    uint32_t batch;
    int32_t sweep_ms, grace_ms, max_backoff_ms;

    /* The events of the step, with all they point to in the arena. */
    ecom_arena *arena;
    ecom_msg *msgs;
    ecom_str *tokens;
    struct origin *origins;
    size_t n;
    size_t durable; /* so many of them are published, and the store has not forgotten them yet */
    uint32_t seen;  /* rows that the store showed, parked ones too */
    int cut;        /* more wait than fitted */
    int ahead;      /* the oldest that waits is of a time to come: the clock was set back */
    int no_memory;

    struct parked *parked;
    uint32_t nparked; /* events passed over in the last look, for their documents are parked */
    uint32_t singly;  /* so many events go one by one: the bus refused one of them */

    int32_t gather_ms; /* so long the next events are left to come together */
    uint32_t failures; /* in a row */
    int64_t retry_us;  /* nothing is tried before, on the monotonic clock */
    ecom_error why;    /* the last failure */
    int64_t gauged_us;

    ecom_series *published, *failed, *backlog, *oldest, *parked_gauge;

    uint64_t waiting;  /* events that waited when they were last counted; UINT64_MAX: not known */
    uint32_t idle;     /* looks in a row that found nothing, while nothing waited */
    uint32_t idle_cap; /* so many of them count: each doubles the time until the next */

    /* The threads'. */
    pthread_t thread, ear;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t wake, unpause;
    int running, listening, stopping;
    int signalled; /* something was committed since the last step began */
    int deaf;      /* while it rests, that does not count */
    int watched;   /* the store tells of others' events */
    int64_t deadline_ms;
};

/* Times that a sweep may double while nothing waits: by how sure it is that one is told. */
enum { ECOM__RELAY_ALONE = 2, ECOM__RELAY_WATCHED = 4 };

/* The thread that hears of others' events. */
void *ecom__relay_listen(void *relay);

#endif
