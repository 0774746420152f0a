#include "http/server.h"

#include <stdlib.h>

/* What waits longest, or nothing; then the thread counts as idle. */
static struct job *take(struct worker *w)
{
    struct pool *pool = w->pool;

    pthread_mutex_lock(&pool->lock);
    struct job *job = pool->first;
    if (job) {
        pool->first = job->next;
        ecom_series_set(pool->depth, --pool->waiting);
    } else if (!pool->closing) {
        w->next = pool->idle;
        pool->idle = w;
    }
    int ends = !job && pool->closing;
    pthread_mutex_unlock(&pool->lock);
    if (job || ends)
        return job;
    while (sem_wait(&w->turn) < 0) /* EINTR */
        ;
    return w->given;
}

static void *work(void *arg)
{
    for (struct job *job; (job = take(arg));)
        job->run(job, 0);
    return NULL;
}

static int add_thread(struct pool *pool)
{
    struct worker *w = &pool->workers[pool->nworkers];

    if (pool->nworkers == pool->max_workers)
        return -1;
    w->pool = pool;
    sem_init(&w->turn, 0, 0);
    if (ecom__http_thread_start(&w->thread, work, w) != 0) {
        sem_destroy(&w->turn);
        return -1;
    }
    pool->nworkers++;
    return 0;
}

/* One thread to begin with: that there can be one is known then, and the others come when requests
 * wait for them. */
int ecom__http_pool_start(struct pool *pool, uint32_t max_threads, uint32_t max_waiting,
                          ecom_series *depth, ecom_error *err)
{
    *pool = (struct pool){.max_waiting = max_waiting, .max_workers = max_threads, .depth = depth};
    pthread_mutex_init(&pool->lock, NULL);
    pool->workers = calloc(max_threads, sizeof(*pool->workers));
    if (pool->workers && add_thread(pool) == 0)
        return ECOM_OK;
    ecom__http_pool_stop(pool);
    return ecom_fail(err, ECOM_E_NOMEM, "a thread for handlers");
}

static void enqueue(struct pool *pool, struct job *job)
{
    job->next = NULL;
    if (pool->first)
        pool->last->next = job;
    else
        pool->first = job;
    pool->last = job;
    ecom_series_set(pool->depth, ++pool->waiting);
}

/* Straight to the thread that has been idle for the shortest time; what it needs is still at hand.
 * Nothing waits in the queue while one is idle. */
static struct worker *give(struct pool *pool, struct job *job)
{
    struct worker *w = pool->idle;

    pool->idle = w->next;
    w->given = job;
    return w;
}

int ecom__http_pool_push(struct pool *pool, struct job *job)
{
    struct worker *w = NULL;

    pthread_mutex_lock(&pool->lock);
    int full = !pool->idle && pool->waiting == pool->max_waiting;
    if (pool->idle) {
        w = give(pool, job);
    } else if (!full) {
        enqueue(pool, job);
        (void)add_thread(pool); /* if not, those that there are come to it */
    }
    pthread_mutex_unlock(&pool->lock);
    if (w)
        sem_post(&w->turn);
    return full ? -1 : 0;
}

void ecom__http_pool_cancel(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct job *all = pool->first;
    pool->first = NULL;
    pool->waiting = 0;
    ecom_series_set(pool->depth, 0);
    pthread_mutex_unlock(&pool->lock);
    for (struct job *job = all, *next; job; job = next) {
        next = job->next;
        job->run(job, 1);
    }
}

void ecom__http_pool_stop(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    while (pool->idle)
        sem_post(&give(pool, NULL)->turn);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        sem_destroy(&pool->workers[i].turn);
    }
    free(pool->workers);
    pthread_mutex_destroy(&pool->lock);
    *pool = (struct pool){0};
}
