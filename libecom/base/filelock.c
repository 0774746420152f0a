#include "base/filelock.h"
#include "base/wait.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#ifdef __SANITIZE_THREAD__
#include <sanitizer/tsan_interface.h>
#endif

enum { OPEN_TRIES = 5000 }; /* of a millisecond each */

/* In the file. Who waits for `held` keeps `turn` meanwhile: so the holder, coming back at once,
 * queues behind it instead of taking the lock again before the other one has woken up. */
struct shared {
    char magic[32];
    pthread_mutex_t turn, held;
};

struct ecom__filelock {
    int fd; /* with a shared flock, as long as the mutexes are in use */
    struct shared *shared;
};

/* The layout is this machine's and this C library's: others are told apart. */
static void magic_of(char out[32])
{
    memset(out, 0, 32);
    snprintf(out, 32, "libecom lock 1 %zu %zu", sizeof(pthread_mutex_t), sizeof(long));
}

static void mutex_init(pthread_mutex_t *mutex)
{
    pthread_mutexattr_t attr;

    memset(mutex, 0, sizeof(*mutex));
    pthread_mutexattr_init(&attr);
    pthread_mutexattr_setpshared(&attr, PTHREAD_PROCESS_SHARED);
    pthread_mutexattr_setrobust(&attr, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(mutex, &attr);
    pthread_mutexattr_destroy(&attr);
}

static int fail_errno(const char *path, int number, ecom_error *err)
{
    int code = number == ENOSPC || number == EDQUOT || number == EFBIG ? ECOM_E_FULL
               : number == ENOMEM                                      ? ECOM_E_NOMEM
                                                                       : ECOM_E_UNAVAILABLE;
    char why[96];

    if (number == ENOENT)
        ecom_fail(err, code, "the directory does not exist: make it (%s)", path);
    else
        ecom_fail(err, code, "the lock file cannot be used: %s (%s)",
                  strerror_r(number, why, sizeof(why)), path);
    if (err)
        err->native = number;
    return code;
}

/* A shared flock on a file whose mutexes are fit for use. Who finds nobody else there sets them up
 * anew: what they hold may be from before the machine was last switched off. */
static int join(ecom__filelock *lock)
{
    const struct timespec a_moment = {0, 1000000};
    char magic[32];

    for (int i = 0; i < OPEN_TRIES; i++) {
        if (flock(lock->fd, LOCK_EX | LOCK_NB) == 0) {
            int r = posix_fallocate(lock->fd, 0, sizeof(struct shared)); /* or a write traps */
            if (r)
                return r;
            mutex_init(&lock->shared->turn);
            mutex_init(&lock->shared->held);
            magic_of(lock->shared->magic);
        }
        if (flock(lock->fd, LOCK_SH | LOCK_NB) == 0) {
            magic_of(magic);
            return memcmp(magic, lock->shared->magic, sizeof(magic)) ? EPROTO : 0;
        }
        if (errno != EWOULDBLOCK && errno != EINTR)
            return errno;
        nanosleep(&a_moment, NULL);
    }
    return ETIMEDOUT;
}

int ecom__filelock_open(const char *path, ecom__filelock **out, ecom_error *err)
{
    ecom__filelock *lock = calloc(1, sizeof(*lock));
    int r;

    if (!lock)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a lock");
    lock->shared = MAP_FAILED;
    lock->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (lock->fd >= 0)
        lock->shared =
            mmap(NULL, sizeof(*lock->shared), PROT_READ | PROT_WRITE, MAP_SHARED, lock->fd, 0);
    r = lock->shared == MAP_FAILED ? errno : join(lock);
    if (r) {
        ecom__filelock_close(lock);
        return fail_errno(path, r, err);
    }
    *out = lock;
    return ECOM_OK;
}

/* What a holder that died left half-done is for the database's own recovery to settle. */
static int inherit(pthread_mutex_t *mutex)
{
#ifdef __SANITIZE_THREAD__ /* it overlooks that a timed lock is taken then */
    __tsan_mutex_pre_lock(mutex, __tsan_mutex_try_lock);
    __tsan_mutex_post_lock(mutex, __tsan_mutex_try_lock, 0);
#endif
    return pthread_mutex_consistent(mutex);
}

/* The wall clock, since ThreadSanitizer knows nothing of pthread_mutex_clocklock(): a clock that is
 * set back prolongs a wait that the holder ends anyway. */
static int take(pthread_mutex_t *mutex, const struct timespec *until)
{
    int r = pthread_mutex_timedlock(mutex, until);

    return r == EOWNERDEAD ? inherit(mutex) : r;
}

int ecom__filelock_take(ecom__filelock *lock, int32_t timeout_ms, ecom_error *err)
{
    struct timespec until = ecom__after_ms(CLOCK_REALTIME, timeout_ms);
    int r = take(&lock->shared->turn, &until);

    if (r == 0) {
        r = take(&lock->shared->held, &until);
        pthread_mutex_unlock(&lock->shared->turn);
    }
    if (r == ETIMEDOUT)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "others had the lock for %d ms", timeout_ms);
    return r ? ecom_fail(err, ECOM_E_BACKEND, "the lock failed with error %d", r) : ECOM_OK;
}

void ecom__filelock_give(ecom__filelock *lock)
{
    pthread_mutex_unlock(&lock->shared->held);
}

void ecom__filelock_close(ecom__filelock *lock)
{
    if (!lock)
        return;
    if (lock->shared != MAP_FAILED)
        munmap(lock->shared, sizeof(*lock->shared));
    if (lock->fd >= 0)
        close(lock->fd);
    free(lock);
}
