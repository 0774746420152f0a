#include "http/thread.h"

#include <signal.h>

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
