#include "store/group.h"

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

/* The first jobs of the queue, at most so many: the leader's own is the very first. */
static ecom__job *take(ecom__group *group, int max)
{
    ecom__job *jobs = group->first, **end = &group->first;

    for (int i = 0; i < max && *end; i++)
        end = &(*end)->next;
    group->first = *end;
    *end = NULL;
    if (!group->first)
        group->end = &group->first;
    return jobs;
}

static void finish(ecom__job *jobs, const ecom__job *own)
{
    for (ecom__job *job = jobs, *next; job; job = next) {
        next = job->next; /* once posted, it is gone */
        if (job != own)
            sem_post(&job->turn);
    }
}

/* Who came first meanwhile leads next: its own job is the first of its group. */
static void pass_on(ecom__group *group)
{
    pthread_mutex_lock(&group->lock);
    ecom__job *next = group->first;
    group->leading = next != NULL;
    if (next)
        next->lead = 1;
    pthread_mutex_unlock(&group->lock);
    if (next)
        sem_post(&next->turn);
}

static int32_t time_left(const ecom__group *group, const ecom__job *job)
{
    int64_t us = job->until_us - group->env->monotonic_us(group->env->self);

    return us > 0 ? (int32_t)(us / 1000) : 0;
}

static void lead(ecom__group *group, ecom__job *job)
{
    int r = group->ready(group->user, time_left(group, job), &job->err);

    pthread_mutex_lock(&group->lock);
    ecom__job *jobs = take(group, r < 0 ? 1 : ECOM__GROUP_MAX);
    pthread_mutex_unlock(&group->lock);
    if (r < 0)
        job->result = r;
    else
        group->run(group->user, jobs);
    pass_on(group);
    finish(jobs, job);
}

static void await(sem_t *turn)
{
    while (sem_wait(turn) < 0) /* EINTR */
        ;
}

int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err)
{
    job->next = NULL;
    job->until_us = group->env->monotonic_us(group->env->self) + (int64_t)group->timeout_ms * 1000;
    sem_init(&job->turn, 0, 0);
    pthread_mutex_lock(&group->lock);
    *group->end = job;
    group->end = &job->next;
    job->lead = !group->leading;
    group->leading = 1;
    int waits = !job->lead;
    pthread_mutex_unlock(&group->lock);
    if (waits)
        await(&job->turn);
    if (job->lead)
        lead(group, job);
    sem_destroy(&job->turn);
    if (job->result < 0 && err)
        *err = job->err;
    return job->result;
}
