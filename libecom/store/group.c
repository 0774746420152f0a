#include "store/group.h"

#include <sched.h>

#include "base/thread.h"

void ecom__group_init(ecom__group *group)
{
    pthread_mutex_init(&group->lock, NULL);
    sem_init(&group->call, 0, 0);
    group->first = NULL;
    group->end = &group->first;
    group->n = group->leading = group->has_thread = group->closing = 0;
}

void ecom__group_clear(ecom__group *group)
{
    if (group->has_thread) {
        group->closing = 1;
        sem_post(&group->call);
        pthread_join(group->thread, NULL);
    }
    sem_destroy(&group->call);
    pthread_mutex_destroy(&group->lock);
}

static void await(sem_t *turn)
{
    while (sem_wait(turn) < 0) /* EINTR */
        ;
}

/* Takes the first jobs of the queue, all or one. */
static ecom__job *take(ecom__group *group, int all)
{
    pthread_mutex_lock(&group->lock);
    ecom__job *jobs = group->first, **end = all ? group->end : &jobs->next;
    group->first = *end;
    *end = NULL;
    group->n = all ? 0 : group->n - 1;
    if (!group->first)
        group->end = &group->first;
    pthread_mutex_unlock(&group->lock);
    return jobs;
}

static void finish(ecom__job *jobs, const ecom__job *own)
{
    for (ecom__job *job = jobs, *next; job; job = next) {
        next = job->next; /* once told, it is gone */
        if (job->done)
            job->done(job);
        else if (job != own)
            sem_post(&job->turn);
    }
}

/* Hands the lead to the first who came meanwhile, or to the group's thread, if nobody waits for
 * that job; the thread keeps it. @return the job to lead from, by this thread. */
static ecom__job *pass_on(ecom__group *group, const ecom__job *own)
{
    pthread_mutex_lock(&group->lock);
    ecom__job *next = group->first;
    group->leading = next != NULL;
    if (next && own)
        next->lead = 1;
    pthread_mutex_unlock(&group->lock);
    if (!next || !own)
        return next;
    sem_post(next->done ? &group->call : &next->turn);
    return NULL;
}

static int32_t time_left(const ecom__group *group, const ecom__job *job)
{
    int64_t us = job->until_us - group->env->monotonic_us(group->env->self);

    return us > 0 ? (int32_t)(us / 1000) : 0;
}

/* Does the jobs that wait, of which @p first is the first. Threads that are about to bring more and
 * wait for nothing but a processor are let through before: a group costs much more than a job.
 * @param own  the job that this thread waits for; NULL: it is the group's.
 * @return what pass_on() does. */
static ecom__job *lead(ecom__group *group, ecom__job *first, const ecom__job *own)
{
    sched_yield();
    int r = group->ready(group->user, time_left(group, first), &first->err);
    ecom__job *jobs = take(group, r == ECOM_OK);

    if (r < 0)
        first->result = r;
    else
        group->run(group->user, jobs);
    ecom__job *next = pass_on(group, own);
    finish(jobs, own);
    return next;
}

static void *run_thread(void *arg)
{
    ecom__group *group = arg;

    for (await(&group->call); !group->closing; await(&group->call)) {
        pthread_mutex_lock(&group->lock);
        ecom__job *first = group->first;
        pthread_mutex_unlock(&group->lock);
        while (first)
            first = lead(group, first, NULL);
    }
    return NULL;
}

/* Under the lock. @return truth: nobody leads; the caller must see to it. */
static int append(ecom__group *group, ecom__job *job)
{
    int leads = !group->leading;

    job->next = NULL;
    job->lead = leads;
    job->until_us = group->env->monotonic_us(group->env->self) + (int64_t)group->timeout_ms * 1000;
    group->leading = 1;
    group->n++;
    *group->end = job;
    group->end = &job->next;
    return leads;
}

/* Under the lock. */
static int make_room(ecom__group *group, ecom_error *err)
{
    int r = ECOM_OK;

    if (group->n >= ECOM__GROUP_MAX)
        return ECOM_WOULD_WAIT;
    if (!group->has_thread)
        r = ecom__thread_start(&group->thread, run_thread, group, "a thread for writes", err);
    group->has_thread = r == ECOM_OK;
    return r;
}

int ecom__group_add(ecom__group *group, ecom__job *job, ecom_error *err)
{
    pthread_mutex_lock(&group->lock);
    int r = make_room(group, err);
    int call = r == ECOM_OK && append(group, job);
    pthread_mutex_unlock(&group->lock);
    if (call)
        sem_post(&group->call);
    return r;
}

int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err)
{
    job->done = NULL;
    sem_init(&job->turn, 0, 0);
    pthread_mutex_lock(&group->lock);
    int leads = append(group, job);
    pthread_mutex_unlock(&group->lock);
    if (!leads)
        await(&job->turn);
    if (job->lead)
        lead(group, job, job);
    sem_destroy(&job->turn);
    if (job->result < 0 && err)
        *err = job->err;
    return job->result;
}
