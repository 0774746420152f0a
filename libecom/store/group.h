/* Group commit: calls that come at the same time are done together, by one of them. Who finds
 * nobody at work leads: it makes everything ready, takes along all that wait by then, does them at
 * one go, and hands the lead to the first who came meanwhile. Jobs that nobody waits for are led by
 * a thread of the group's own, which starts with the first of them; as long as there is something
 * to do it leads, and takes along those that others wait for. */
#ifndef ECOM_STORE_GROUP_H
#define ECOM_STORE_GROUP_H

#include <pthread.h>
#include <semaphore.h>

#include "ecom/env.h"

enum { ECOM__GROUP_MAX = 1024 }; /* jobs that wait; then none is added that nobody waits for */

typedef struct ecom__job {
    struct ecom__job *next;
    /* Of a job that nobody waits for: called once it is done, under no lock; then it is gone.
     * NULL: its thread waits. */
    void (*done)(struct ecom__job *job);
    sem_t turn; /* of its own: who is woken needs nothing that the others need too */
    int64_t until_us;
    int lead;   /* its thread is to, instead of it being done */
    int result; /* by run() */
    ecom_error err;
} ecom__job;

typedef struct ecom__group {
    pthread_mutex_t lock;
    ecom__job *first, **end;
    int n;       /* jobs that wait */
    int leading; /* somebody leads, or has been told to */
    pthread_t thread;
    int has_thread, closing;
    sem_t call; /* the thread is to lead, or to end */
    const ecom_env *env;
    int32_t timeout_ms;
    void *user;
    /* By the leader, before it looks who else is there. Failing, it fails the first job alone. */
    int (*ready)(void *user, int32_t timeout_ms, ecom_error *err);
    /* Does a list of jobs, setting `result` and `err` of each. Never two at a time. */
    void (*run)(void *user, ecom__job *jobs);
} ecom__group;

/* @param group  with the lower part filled in, from `env` on. */
void ecom__group_init(ecom__group *group);
/* When nothing waits any more; ends the thread. */
void ecom__group_clear(ecom__group *group);
/* Has a job done whose done() is then called, by the group's thread. Waits for nothing.
 * @return ECOM_WOULD_WAIT: too many wait; ECOM_E_NOMEM: no thread; it is not done then. */
int ecom__group_add(ecom__group *group, ecom__job *job, ecom_error *err);
/* Has a job without done() done, by this thread or another. @return job->result. */
int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err);

#endif
