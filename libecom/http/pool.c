#include "http/server.h"

#include <stdlib.h>

/* Called and returns with the lock held. */
static void idle(struct pool *pool, struct worker *w)
{
    w->next = pool->idle;
    pool->idle = w;
    pool->nidle++;
    pthread_mutex_unlock(&pool->lock);
    while (sem_wait(&w->turn) < 0) /* EINTR */
        ;
    pthread_mutex_lock(&pool->lock);
    pool->coming = 0;
}

static struct worker *call_one(struct pool *pool);

static void wake(struct worker *w)
{
    if (w)
        sem_post(&w->turn);
}

/* What waits longest, once there is something. NULL: the pool ends. */
static struct job *take(struct worker *w)
{
    struct pool *pool = w->pool;
    struct worker *next = NULL;

    pthread_mutex_lock(&pool->lock);
    while (!pool->first && !pool->closing)
        idle(pool, w);
    struct job *job = pool->first;
    if (job) {
        pool->first = job->next;
        ecom_series_set(pool->depth, --pool->waiting);
    }
    if (pool->first || pool->closing)
        next = call_one(pool);
    pthread_mutex_unlock(&pool->lock);
    wake(next);
    return job;
}

static void *work(void *arg)
{
    struct worker *w = arg;

    pthread_mutex_lock(&w->pool->lock);
    w->pool->coming = 0;
    pthread_mutex_unlock(&w->pool->lock);
    for (struct job *job; (job = take(w));)
        job->run(job, 0);
    return NULL;
}

/* Under the lock. */
static int add_thread(struct pool *pool)
{
    struct worker *w = &pool->workers[pool->nworkers];

    if (pool->nworkers == pool->max_workers)
        return -1;
    w->pool = pool;
    sem_init(&w->turn, 0, 0);
    if (ecom__thread_create(&w->thread, work, w) != 0) {
        sem_destroy(&w->turn);
        return -1;
    }
    pool->nworkers++;
    pool->coming = 1;
    return 0;
}

/* Has a thread come, under the lock: the one that has been idle for the shortest time, for what it
 * needs is still at hand; or a new one. One at a time: it calls the next when it finds that more
 * waits. So no more are awake than there is work for.
 * @return a thread to wake, or NULL. */
static struct worker *call_one(struct pool *pool)
{
    struct worker *w = pool->coming ? NULL : pool->idle;

    if (w) {
        pool->idle = w->next;
        pool->nidle--;
        pool->coming = 1;
    } else if (!pool->coming && !pool->closing) {
        (void)add_thread(pool); /* if not, those that there are come to it */
    }
    return w;
}

/* One thread to begin with: that there can be one is known then, and the others come when requests
 * wait for them. */
int ecom__http_pool_start(struct pool *pool, uint32_t max_threads, uint32_t max_waiting,
                          ecom_series *depth, ecom_error *err)
{
    *pool = (struct pool){.max_waiting = max_waiting, .max_workers = max_threads, .depth = depth};
    pthread_mutex_init(&pool->lock, NULL);
    pool->workers = calloc(max_threads, sizeof(*pool->workers));
    pthread_mutex_lock(&pool->lock);
    int r = pool->workers ? add_thread(pool) : -1;
    pthread_mutex_unlock(&pool->lock);
    if (r == 0)
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

int ecom__http_pool_push(struct pool *pool, struct job *job)
{
    struct worker *w = NULL;

    pthread_mutex_lock(&pool->lock);
    int full = pool->waiting >= pool->max_waiting + pool->nidle + (uint32_t)pool->coming;
    if (!full) {
        enqueue(pool, job);
        w = call_one(pool);
    }
    pthread_mutex_unlock(&pool->lock);
    wake(w);
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
    struct worker *w = call_one(pool);
    pthread_mutex_unlock(&pool->lock);
    wake(w);
    for (uint32_t i = 0; i < pool->nworkers; i++) {
        pthread_join(pool->workers[i].thread, NULL);
        sem_destroy(&pool->workers[i].turn);
    }
    free(pool->workers);
    pthread_mutex_destroy(&pool->lock);
    *pool = (struct pool){0};
}
