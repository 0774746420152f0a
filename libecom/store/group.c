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

static void finish(ecom__group *group, ecom__job *jobs)
{
    for (ecom__job *job = jobs, *next; job; job = next) {
        next = job->next; /* once done, it is gone as soon as the lock is */
        job->done = 1;
        pthread_cond_signal(&job->turn);
    }
    group->leading = group->first != NULL;
    if (group->first) {
        group->first->lead = 1;
        pthread_cond_signal(&group->first->turn);
    }
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
    pthread_mutex_lock(&group->lock);
    finish(group, jobs);
}

int ecom__group_do(ecom__group *group, ecom__job *job, ecom_error *err)
{
    job->next = NULL;
    job->lead = job->done = 0;
    job->until_us = group->env->monotonic_us(group->env->self) + (int64_t)group->timeout_ms * 1000;
    pthread_cond_init(&job->turn, NULL);
    pthread_mutex_lock(&group->lock);
    *group->end = job;
    group->end = &job->next;
    if (!group->leading)
        group->leading = job->lead = 1;
    while (!job->lead && !job->done)
        pthread_cond_wait(&job->turn, &group->lock);
    if (!job->done) {
        pthread_mutex_unlock(&group->lock);
        lead(group, job);
    }
    pthread_mutex_unlock(&group->lock);
    pthread_cond_destroy(&job->turn);
    if (job->result < 0 && err)
        *err = job->err;
    return job->result;
}
