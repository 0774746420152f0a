#include "store/group.h"

#include <sched.h>

void ecom__group_init(ecom__group *group)
{
    pthread_mutex_init(&group->lock, NULL);
    group->first = NULL;
    group->end = &group->first;
    group->leading = 0;
}

void ecom__group_clear(ecom__group *group)
{
    pthread_mutex_destroy(&group->lock);
}

/* Takes the first jobs of the queue, all or one. */
static ecom__job *take(ecom__group *group, int all)
{
    ecom__job *jobs = group->first, **end = all ? group->end : &jobs->next;

    group->first = *end;
    *end = NULL;
    group->n = all ? 0 : group->n - 1;
    if (!group->first)
        group->end = &group->first;
    return jobs;
}

static void finish(ecom__job *jobs, const ecom__job *own)
{
    for (ecom__job *job = jobs, *next; job; job = next) {
        next = job->next; /* once told, it is gone */
        if (!job->stays)
            job->done(job);
        else if (job != own)
            sem_post(&job->turn);
    }
}

/* Who came first meanwhile leads next: its own job is the first of its group. @return a job to go
 * on with, for nobody waits for it. */
static ecom__job *pass_on(ecom__group *group)
{
    pthread_mutex_lock(&group->lock);
    ecom__job *next = group->first;
    int stays = next && next->stays;
    group->leading = next != NULL;
    if (stays)
        next->lead = 1;
    pthread_mutex_unlock(&group->lock);
    if (stays)
        sem_post(&next->turn);
    return stays ? NULL : next;
}

static int32_t time_left(const ecom__group *group, const ecom__job *job)
{
    int64_t us = job->until_us - group->env->monotonic_us(group->env->self);

    return us > 0 ? (int32_t)(us / 1000) : 0;
}

/* Does the jobs that wait, of which @p first is the first. Threads that are about to bring more and
 * wait for nothing but a processor are let through before: a group costs much more than a job. */
static ecom__job *lead_once(ecom__group *group, ecom__job *first, const ecom__job *own)
{
    sched_yield();
    int r = group->ready(group->user, time_left(group, first), &first->err);

    pthread_mutex_lock(&group->lock);
    ecom__job *jobs = take(group, r == ECOM_OK);
    pthread_mutex_unlock(&group->lock);
    if (r < 0)
        first->result = r;
    else
        group->run(group->user, jobs);
    ecom__job *next = pass_on(group);
    finish(jobs, own);
    return next;
}

static void lead(ecom__group *group, const ecom__job *own)
{
    ecom__job *next = (ecom__job *)own;

    while (next)
        next = lead_once(group, next, own);
}

static void await(sem_t *turn)
{
    while (sem_wait(turn) < 0) /* EINTR */
        ;
}

/* Who comes first stays, to lead those that come behind it; when very many wait, all stay.
 * @return truth: this thread does. If not, the job may be gone by now. */
static int enqueue(ecom__group *group, ecom__job *job, int *waits)
{
    job->next = NULL;
    job->until_us = group->env->monotonic_us(group->env->self) + (int64_t)group->timeout_ms * 1000;
    pthread_mutex_lock(&group->lock);
    int stays = !job->done || !group->first || group->n >= ECOM__GROUP_MAX;
    if (stays)
        sem_init(&job->turn, 0, 0);
    job->stays = stays;
    job->lead = !group->leading;
    *waits = !job->lead;
    group->leading = 1;
    group->n++;
    *group->end = job;
    group->end = &job->next;
    pthread_mutex_unlock(&group->lock);
    return stays;
}

/* @return truth: it is done. */
static int add(ecom__group *group, ecom__job *job)
{
    int waits, stays = enqueue(group, job, &waits);

    if (!stays)
        return 0;
    if (waits)
        await(&job->turn);
    if (job->lead)
        lead(group, job);
    sem_destroy(&job->turn);
    return 1;
}

void ecom__group_add(ecom__group *group, ecom__job *job)
{
    if (add(group, job))
        job->done(job);
}

int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err)
{
    job->done = NULL;
    (void)add(group, job);
    if (job->result < 0 && err)
        *err = job->err;
    return job->result;
}
