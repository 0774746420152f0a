#include "http/server.h"

#include <signal.h>
#include <stdlib.h>

static void *work(void *arg)
{
    struct pool *pool = arg;

    pthread_mutex_lock(&pool->lock);
    for (;;) {
        pool->idle++;
        while (!pool->first && !pool->closing)
            pthread_cond_wait(&pool->work, &pool->lock);
        pool->idle--;
        struct ecom_exchange *x = pool->first;
        if (!x)
            break;
        pool->first = x->link;
        ecom_series_set(pool->depth, --pool->waiting);
        pthread_mutex_unlock(&pool->lock);
        ecom__http_exchange_run(x);
        ecom__http_loop_done(x);
        pthread_mutex_lock(&pool->lock);
    }
    pthread_mutex_unlock(&pool->lock);
    return NULL;
}

/* Signals are the process' business; and with SIGPIPE blocked, a write to a broken connection fails
 * with EPIPE. */
int ecom__http_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, old;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return r;
}

static int add_thread(struct pool *pool)
{
    if (pool->nthreads == pool->max_threads ||
        ecom__http_thread_start(&pool->threads[pool->nthreads], work, pool) != 0)
        return -1;
    pool->nthreads++;
    return 0;
}

/* One thread to begin with: that there can be one is known then, and the others come when requests
 * wait for them. */
int ecom__http_pool_start(struct pool *pool, uint32_t max_threads, uint32_t max_waiting,
                          ecom_series *depth, ecom_error *err)
{
    *pool = (struct pool){.max_waiting = max_waiting, .max_threads = max_threads, .depth = depth};
    pthread_mutex_init(&pool->lock, NULL);
    pthread_cond_init(&pool->work, NULL);
    pool->threads = calloc(max_threads, sizeof(*pool->threads));
    if (pool->threads && add_thread(pool) == 0)
        return ECOM_OK;
    ecom__http_pool_stop(pool);
    return ecom_fail(err, ECOM_E_NOMEM, "a thread for handlers");
}

int ecom__http_pool_push(struct pool *pool, struct ecom_exchange *x)
{
    pthread_mutex_lock(&pool->lock);
    int full = pool->waiting == pool->max_waiting;
    if (!full) {
        x->link = NULL;
        if (pool->first)
            pool->last->link = x;
        else
            pool->first = x;
        pool->last = x;
        ecom_series_set(pool->depth, ++pool->waiting);
        if (pool->waiting > pool->idle)
            (void)add_thread(pool); /* if not, those that there are come to it */
        pthread_cond_signal(&pool->work);
    }
    pthread_mutex_unlock(&pool->lock);
    return full ? -1 : 0;
}

struct ecom_exchange *ecom__http_pool_cancel(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    struct ecom_exchange *all = pool->first;
    pool->first = NULL;
    pool->waiting = 0;
    ecom_series_set(pool->depth, 0);
    pthread_mutex_unlock(&pool->lock);
    return all;
}

void ecom__http_pool_stop(struct pool *pool)
{
    pthread_mutex_lock(&pool->lock);
    pool->closing = 1;
    pthread_cond_broadcast(&pool->work);
    pthread_mutex_unlock(&pool->lock);
    for (uint32_t i = 0; i < pool->nthreads; i++)
        pthread_join(pool->threads[i], NULL);
    free(pool->threads);
    pthread_mutex_destroy(&pool->lock);
    pthread_cond_destroy(&pool->work);
    *pool = (struct pool){0};
}
