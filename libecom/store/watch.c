#include "store/watch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/wait.h"
#include "ecom/env.h"

struct ecom__watch {
    ecom__watches *all;
    struct ecom__watch *next;
    pthread_cond_t told;
    int heard;
    ecom_id origin;
};

void ecom__watches_init(ecom__watches *all)
{
    pthread_mutex_init(&all->lock, NULL);
    all->first = NULL;
}

void ecom__watches_clear(ecom__watches *all)
{
    pthread_mutex_destroy(&all->lock);
}

void ecom__watches_tell(ecom__watches *all, ecom_str origin)
{
    pthread_mutex_lock(&all->lock);
    for (struct ecom__watch *w = all->first; w; w = w->next)
        if (!ecom_str_eq(ecom_str_of(w->origin.s), origin)) {
            w->heard = 1;
            pthread_cond_signal(&w->told);
        }
    pthread_mutex_unlock(&all->lock);
}

int ecom__watch_new(ecom__watches *all, ecom_str origin, struct ecom__watch **out, ecom_error *err)
{
    struct ecom__watch *watch = calloc(1, sizeof(*watch));

    if (!watch)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a watch");
    watch->all = all;
    memcpy(watch->origin.s, origin.p,
           origin.n < sizeof(watch->origin.s) ? origin.n : sizeof(watch->origin.s) - 1);
    ecom__cond_init(&watch->told);
    pthread_mutex_lock(&all->lock);
    watch->next = all->first;
    all->first = watch;
    pthread_mutex_unlock(&all->lock);
    *out = watch;
    return ECOM_OK;
}

int ecom__watch_wait(void *self, int32_t timeout_ms, ecom_error *err)
{
    struct ecom__watch *watch = self;
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, timeout_ms);
    int late = 0;

    pthread_mutex_lock(&watch->all->lock);
    while (!watch->heard && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&watch->told, &watch->all->lock, &until);
    int heard = watch->heard;
    watch->heard = 0;
    pthread_mutex_unlock(&watch->all->lock);
    return heard ? ECOM_OK : ecom_fail(err, ECOM_E_TIMEOUT, "no other handle left events");
}

void ecom__watch_free(void *self)
{
    struct ecom__watch *watch = self, **link = &watch->all->first;

    pthread_mutex_lock(&watch->all->lock);
    while (*link != watch)
        link = &(*link)->next;
    *link = watch->next;
    pthread_mutex_unlock(&watch->all->lock);
    pthread_cond_destroy(&watch->told);
    free(watch);
}
