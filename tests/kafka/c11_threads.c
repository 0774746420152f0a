/* C11's threads by POSIX's, which they are in glibc, too. librdkafka uses the first and
 * ThreadSanitizer knows the second: without this it sees neither librdkafka's threads nor what
 * orders them. Linked into the tests of the TSan build, and found there before glibc's. */
#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <threads.h>
#include <time.h>

static_assert(sizeof(mtx_t) == sizeof(pthread_mutex_t), "a mutex is a mutex");
static_assert(sizeof(cnd_t) == sizeof(pthread_cond_t), "a condition is a condition");
static_assert(sizeof(thrd_t) == sizeof(pthread_t), "a thread is a thread");

/* Nor does it see the atomic counters by which librdkafka knows who is the last to need something,
 * and frees it. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "race_top:interceptor_free$\nrace_top:interceptor_pthread_rwlock_destroy$\n";
}

struct start {
    thrd_start_t run;
    void *arg;
};

static void *begin(void *arg)
{
    struct start start = *(struct start *)arg;

    free(arg);
    return (void *)(intptr_t)start.run(start.arg);
}

static int code(int r)
{
    return r == 0 ? thrd_success : r == ETIMEDOUT ? thrd_timedout : thrd_error;
}

int thrd_create(thrd_t *thread, thrd_start_t run, void *arg)
{
    struct start *start = malloc(sizeof(*start));

    if (!start)
        return thrd_nomem;
    *start = (struct start){run, arg};
    int r = pthread_create(thread, NULL, begin, start);
    if (r)
        free(start);
    return code(r);
}

int thrd_join(thrd_t thread, int *result)
{
    void *value = NULL;
    int r = pthread_join(thread, &value);

    if (result)
        *result = (int)(intptr_t)value;
    return code(r);
}

int mtx_init(mtx_t *mutex, int type)
{
    pthread_mutexattr_t attr;

    pthread_mutexattr_init(&attr);
    if (type & mtx_recursive)
        pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_RECURSIVE);
    int r = pthread_mutex_init((pthread_mutex_t *)mutex, &attr);
    pthread_mutexattr_destroy(&attr);
    return code(r);
}

int mtx_lock(mtx_t *mutex)
{
    return code(pthread_mutex_lock((pthread_mutex_t *)mutex));
}

int mtx_unlock(mtx_t *mutex)
{
    return code(pthread_mutex_unlock((pthread_mutex_t *)mutex));
}

/* A mutex may be destroyed as soon as it is unlocked (POSIX), also while the thread that had it is
 * still on its way out of there, which ThreadSanitizer sees only if it is taken once more. */
void mtx_destroy(mtx_t *mutex)
{
    pthread_mutex_lock((pthread_mutex_t *)mutex);
    pthread_mutex_unlock((pthread_mutex_t *)mutex);
    pthread_mutex_destroy((pthread_mutex_t *)mutex);
}

int cnd_init(cnd_t *cond)
{
    return code(pthread_cond_init((pthread_cond_t *)cond, NULL));
}

int cnd_signal(cnd_t *cond)
{
    return code(pthread_cond_signal((pthread_cond_t *)cond));
}

int cnd_broadcast(cnd_t *cond)
{
    return code(pthread_cond_broadcast((pthread_cond_t *)cond));
}

int cnd_wait(cnd_t *cond, mtx_t *mutex)
{
    return code(pthread_cond_wait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex));
}

int cnd_timedwait(cnd_t *cond, mtx_t *mutex, const struct timespec *until)
{
    return code(pthread_cond_timedwait((pthread_cond_t *)cond, (pthread_mutex_t *)mutex, until));
}

void cnd_destroy(cnd_t *cond)
{
    pthread_cond_destroy((pthread_cond_t *)cond);
}

void call_once(once_flag *flag, void (*run)(void))
{
    pthread_once((pthread_once_t *)flag, run);
}
