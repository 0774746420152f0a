/* The little that the shells around the logic share: threads that leave signals to the program, and
 * waits that a change of the wall clock does not disturb. */
#ifndef ECOM_BASE_THREAD_H
#define ECOM_BASE_THREAD_H

#include <pthread.h>

#include "ecom/base.h"

#include "base/wait.h"

/* As ecom__thread_create(). @p what is for the error. */
int ecom__thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, const char *what,
                       ecom_error *err);
/* Waits on an ecom__cond_init() for at most @p ms, which may be 0; negative: without end. */
void ecom__cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms);

#endif
