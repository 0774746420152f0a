/* For the shells around the logic: threads that leave signals to the program, and waits on the
 * machine's own clock: a condition whose timed waits a change of the wall clock does not disturb,
 * and when they end. Inline, as libraries beside libecom use it too. */
#ifndef ECOM_BASE_WAIT_H
#define ECOM_BASE_WAIT_H

#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <time.h>

/* Starts a thread with all signals blocked: they are the program's; and with SIGPIPE blocked, a
 * write to a broken connection fails with EPIPE. @return 0 or an errno. */
static inline int ecom__thread_create(pthread_t *thread, void *(*run)(void *arg), void *arg)
{
    sigset_t all, before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return r;
}

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
