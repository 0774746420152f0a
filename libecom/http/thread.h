/* Threads that leave signals to the program, and waits that a change of the wall clock does not
 * disturb. */
#ifndef ECOM_HTTP_THREAD_H
#define ECOM_HTTP_THREAD_H

#include <pthread.h>

#include "base/wait.h"

/* Starts a thread to which no signal of the process is delivered. @return 0 or an errno. */
int ecom__http_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);

#endif
