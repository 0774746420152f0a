/* Threads that leave signals to the program, and waits that a change of the wall clock does not
 * disturb. */
#ifndef ECOM_HTTP_THREAD_H
#define ECOM_HTTP_THREAD_H

#include <pthread.h>
#include <stdint.h>

/* Starts a thread to which no signal of the process is delivered. @return 0 or an errno. */
int ecom__http_thread_start(pthread_t *thread, void *(*run)(void *arg), void *arg);
/* A condition whose timed waits go by the monotonic clock. */
void ecom__http_cond_init(pthread_cond_t *cond);
/* Milliseconds from now as pthread_cond_timedwait() wants them. */
struct timespec ecom__http_cond_in_ms(int64_t ms);

#endif
