/* Who waits for the events of others, in one process: for backends whose handles share memory. */
#ifndef ECOM_STORE_WATCH_H
#define ECOM_STORE_WATCH_H

#include <pthread.h>

#include "ecom/base.h"

struct ecom__watch;

typedef struct ecom__watches {
    pthread_mutex_t lock;
    struct ecom__watch *first;
} ecom__watches;

void ecom__watches_init(ecom__watches *all);
void ecom__watches_clear(ecom__watches *all);
/* A handle of this origin left events: all others are told. */
void ecom__watches_tell(ecom__watches *all, ecom_str origin);

/* What ecom_store_ops wants of a watch. */
int ecom__watch_new(ecom__watches *all, ecom_str origin, struct ecom__watch **out, ecom_error *err);
int ecom__watch_wait(void *watch, int32_t timeout_ms, ecom_error *err);
void ecom__watch_free(void *watch);

#endif
