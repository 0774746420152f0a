#include "http/resolve.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/wait.h"
#include "http/head.h"

enum { MAX_LOOKUPS = 64 };

/* One name being looked up: held by the caller and by the thread, of which either may go first. */
struct lookup {
    pthread_mutex_t lock;
    pthread_cond_t done;
    int32_t refs, is_done;
    int result;
    struct addrinfo *found;
    char host[256], port[6];
};

static atomic_uint lookups; /* threads that are at it, those that nobody waits for too */

static void unref(struct lookup *l)
{
    pthread_mutex_lock(&l->lock);
    int left = --l->refs;
    pthread_mutex_unlock(&l->lock);
    if (left)
        return;
    if (l->found)
        freeaddrinfo(l->found);
    pthread_mutex_destroy(&l->lock);
    pthread_cond_destroy(&l->done);
    free(l);
}

static void *look_up(void *arg)
{
    const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
    struct lookup *l = arg;
    struct addrinfo *found = NULL;
    int r = getaddrinfo(l->host, l->port, &hints, &found);

    pthread_mutex_lock(&l->lock);
    l->result = r;
    l->found = r ? NULL : found;
    l->is_done = 1;
    pthread_cond_signal(&l->done);
    pthread_mutex_unlock(&l->lock);
    unref(l);
    atomic_fetch_sub(&lookups, 1);
    return NULL;
}

/* NULL: out of memory or threads. */
static struct lookup *start(const struct url *url)
{
    struct lookup *l = calloc(1, sizeof(*l));
    pthread_t thread;

    if (!l)
        return NULL;
    memcpy(l->host, url->host, sizeof(l->host));
    memcpy(l->port, url->port, sizeof(l->port));
    pthread_mutex_init(&l->lock, NULL);
    ecom__cond_init(&l->done);
    l->refs = 2;
    if (ecom__thread_create(&thread, look_up, l) != 0) {
        l->refs = 1;
        unref(l);
        return NULL;
    }
    pthread_detach(thread);
    return l;
}

/* Takes what was found, if that is in time. @return 1: the lookup has ended. */
static int await(struct lookup *l, const struct deadline *deadline, int *result,
                 struct addrinfo **out)
{
    int64_t left;

    pthread_mutex_lock(&l->lock);
    while (!l->is_done && (left = ecom__http_deadline_left_ms(deadline)) > 0) {
        struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, left);
        pthread_cond_timedwait(&l->done, &l->lock, &until);
    }
    int done = l->is_done;
    *result = l->result;
    *out = l->found;
    l->found = NULL;
    pthread_mutex_unlock(&l->lock);
    return done;
}

/* A name server may take its time, and getaddrinfo() has no end to set: so it runs on a thread that
 * we need not wait for. */
static int by_name(const struct url *url, const struct deadline *deadline, struct addrinfo **out,
                   ecom_error *err)
{
    int result, r = ECOM_OK;

    if (atomic_fetch_add(&lookups, 1) >= MAX_LOOKUPS) {
        atomic_fetch_sub(&lookups, 1);
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "%s: %d names are being looked up, which is the most", url->host,
                         MAX_LOOKUPS);
    }
    struct lookup *l = start(url);
    if (!l) {
        atomic_fetch_sub(&lookups, 1);
        return ecom_fail(err, ECOM_E_NOMEM, "%s: a thread to look it up", url->host);
    }
    if (!await(l, deadline, &result, out))
        r = ecom_fail(err, ECOM_E_TIMEOUT, "%s: the name was not resolved in time", url->host);
    else if (result)
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "%s: %s", url->host, gai_strerror(result));
    unref(l);
    return r;
}

int ecom__http_resolve(const struct url *url, const struct deadline *deadline,
                       struct addrinfo **out, ecom_error *err)
{
    const struct addrinfo hints = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV,
                                   .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    int is_local = ecom__same(ecom_str_of(url->host), LIT("localhost")); /* RFC 6761 6.3 */
    int r = getaddrinfo(is_local ? NULL : url->host, url->port, &hints, &found);

    if (r == EAI_NONAME) {
        int e = by_name(url, deadline, &found, err);
        if (e < 0)
            return e;
    } else if (r) {
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "%s: %s", url->host, gai_strerror(r));
    }
    *out = found;
    return ECOM_OK;
}
