/* Waits on the machine's own clock, for the shells around the logic: a condition whose timed waits
 * a change of the wall clock does not disturb, and when they end. */
#ifndef ECOM_BASE_WAIT_H
#define ECOM_BASE_WAIT_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

/* A condition whose timed waits go by CLOCK_MONOTONIC. */
static inline void ecom__cond_init(pthread_cond_t *cond)
{
    pthread_condattr_t attr;

    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(cond, &attr);
    pthread_condattr_destroy(&attr);
}

/* So many milliseconds from now, 0 or more, as the timed waits want them. */
static inline struct timespec ecom__after_ms(clockid_t clock, int64_t ms)
{
    struct timespec t;

    clock_gettime(clock, &t);
    t.tv_sec += (time_t)(ms / 1000);
    t.tv_nsec += (long)(ms % 1000) * 1000000;
    if (t.tv_nsec >= 1000000000) {
        t.tv_sec++;
        t.tv_nsec -= 1000000000;
    }
    return t;
}

/* Milliseconds of CLOCK_MONOTONIC. */
static inline int64_t ecom__monotonic_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

#endif
