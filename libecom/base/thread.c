#include "base/thread.h"

#include <string.h>

int ecom__thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg, const char *what,
                       ecom_error *err)
{
    int r = ecom__thread_create(thread, run, arg);

    if (r == 0)
        return ECOM_OK;
    ecom_fail(err, ECOM_E_NOMEM, "starting %s: %s", what, strerror(r));
    if (err)
        err->native = r;
    return ECOM_E_NOMEM;
}

void ecom__cond_wait_ms(pthread_cond_t *cond, pthread_mutex_t *mutex, int64_t ms)
{
    struct timespec until;

    if (ms < 0) {
        pthread_cond_wait(cond, mutex);
        return;
    }
    until = ecom__after_ms(CLOCK_MONOTONIC, ms);
    pthread_cond_timedwait(cond, mutex, &until);
}
