/* Group commit: calls that come at the same time are done together, by one of them. Who finds
 * nobody at work leads: it makes everything ready, takes along all that wait by then, does them at
 * one go, and hands the lead to the first who came meanwhile. That one has to stay; who comes
 * behind it may go and be called back. No threads of its own. */
#ifndef ECOM_STORE_GROUP_H
#define ECOM_STORE_GROUP_H

#include <pthread.h>
#include <semaphore.h>

#include "ecom/env.h"

enum { ECOM__GROUP_MAX = 256 }; /* jobs that wait, apart from those whose threads do */

typedef struct ecom__job {
    struct ecom__job *next;
    /* Of a job that need not be waited for: called once it is done, under no lock; then it is gone.
     * NULL: its thread waits. */
    void (*done)(struct ecom__job *job);
    int stays;  /* its thread waits, whatever it may do */
    sem_t turn; /* of its own: who is woken needs nothing that the others need too */
    int64_t until_us;
    int lead;   /* told to, instead of done */
    int result; /* by run() */
    ecom_error err;
} ecom__job;

typedef struct ecom__group {
    pthread_mutex_t lock;
    ecom__job *first, **end;
    int n;       /* jobs that wait */
    int leading; /* somebody leads, or has been told to */
    const ecom_env *env;
    int32_t timeout_ms;
    void *user;
    /* By the leader, before it looks who else is there. Failing, it fails alone. */
    int (*ready)(void *user, int32_t timeout_ms, ecom_error *err);
    /* Does a list of jobs, setting `result` and `err` of each. Never two at a time. */
    void (*run)(void *user, ecom__job *jobs);
} ecom__group;

/* @param group  with the lower half filled in. */
void ecom__group_init(ecom__group *group);
void ecom__group_clear(ecom__group *group);
/* Has one job done, by this thread or another, and calls its done(), if it has one: perhaps from
 * another thread, perhaps before this returns. */
void ecom__group_add(ecom__group *group, ecom__job *job);
/* The same for a job without done(). @return job->result. */
int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err);

#endif
