#include "lambda.h"

#include "libecom/base/wait.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    THREADS = 8,
    MAX_EVENTS = 1000,
    MAX_TRIES = 3,             /* of a function that fails */
    FIRST_THROTTLED_MS = 1000, /* doubled by each, as AWS does */
    LONGEST_THROTTLED_MS = 300000,
    MAX_AGE_MS = 6 * 3600 * 1000
};

struct event {
    struct event *next;
    struct function *fn;
    ecom_id id;
    ecom_buf body, context;
    int64_t due_ms, end_ms;
    int tries, throttled;
};

struct queue {
    pthread_mutex_t lock;
    pthread_cond_t news;
    int stopping, retry_ms;
    size_t n;           /* waiting or under way */
    struct event *head; /* what waits; the first that is due is taken */
    size_t nthreads;
    pthread_t threads[THREADS];
};

static void event_free(struct event *e)
{
    ecom_buf_free(&e->body);
    ecom_buf_free(&e->context);
    free(e);
}

/* The one that is due first, out of the list; waits for it. NULL: stopping. */
static struct event *take(struct queue *q)
{
    while (!q->stopping) {
        struct event **first = NULL;
        for (struct event **e = &q->head; *e; e = &(*e)->next)
            if (!first || (*e)->due_ms < (*first)->due_ms)
                first = e;
        if (!first) {
            pthread_cond_wait(&q->news, &q->lock);
        } else if ((*first)->due_ms > cli_now_ms()) {
            const struct timespec until = {(*first)->due_ms / 1000,
                                           (*first)->due_ms % 1000 * 1000000};
            pthread_cond_timedwait(&q->news, &q->lock, &until);
        } else {
            struct event *e = *first;
            *first = e->next;
            return e;
        }
    }
    return NULL;
}

/* Truth: it is to be tried again, at e->due_ms. */
static int is_again(const struct queue *q, struct event *e, int throttled)
{
    int64_t wait = q->retry_ms;

    if (throttled) {
        wait = (int64_t)FIRST_THROTTLED_MS << (e->throttled < 9 ? e->throttled : 9);
        wait = wait < LONGEST_THROTTLED_MS ? wait : LONGEST_THROTTLED_MS;
        e->throttled++;
    } else if (++e->tries == MAX_TRIES) {
        return 0;
    } else {
        wait *= e->tries; /* AWS: one minute, then two */
    }
    e->due_ms = cli_now_ms() + wait;
    return e->due_ms < e->end_ms;
}

/* Truth: it is done, one way or the other. */
static int run(const struct queue *q, struct event *e)
{
    struct invocation in = {
        .id = e->id, .event = ecom_buf_str(&e->body), .client_context = ecom_buf_str(&e->context)};
    ecom_error why = {0};
    int throttled = function_invoke(e->fn, &in, &why) < 0, failed = in.failed;
    int again = (throttled || failed) && is_again(q, e, throttled);

    if (failed && !again)
        fprintf(stderr, "ecom lambda: event %s of %s is dropped after %d tries: %.*s\n", e->id.s,
                e->fn->name, e->tries, (int)in.payload.n, in.payload.p);
    invocation_clear(&in);
    return !again;
}

static void *work(void *user)
{
    struct queue *q = user;
    struct event *e;

    pthread_mutex_lock(&q->lock);
    while ((e = take(q))) {
        pthread_mutex_unlock(&q->lock);
        int done = run(q, e);
        pthread_mutex_lock(&q->lock);
        if (done) {
            q->n--;
            event_free(e);
        } else {
            e->next = q->head;
            q->head = e;
        }
    }
    pthread_mutex_unlock(&q->lock);
    return NULL;
}

int queue_new(const struct lambda_limits *limits, struct queue **out, ecom_error *err)
{
    struct queue *q = calloc(1, sizeof(*q));

    if (!q)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    ecom__cond_init(&q->news);
    pthread_mutex_init(&q->lock, NULL);
    q->retry_ms = limits->retry_ms;
    while (q->nthreads < THREADS && pthread_create(&q->threads[q->nthreads], NULL, work, q) == 0)
        q->nthreads++;
    if (!q->nthreads) {
        queue_free(q);
        return ecom_fail(err, ECOM_E_NOMEM, "no threads");
    }
    *out = q;
    return ECOM_OK;
}

void queue_free(struct queue *q)
{
    if (!q)
        return;
    pthread_mutex_lock(&q->lock);
    q->stopping = 1;
    pthread_cond_broadcast(&q->news);
    pthread_mutex_unlock(&q->lock);
    for (size_t i = 0; i < q->nthreads; i++)
        pthread_join(q->threads[i], NULL);
    for (struct event *e = q->head, *next; e; e = next) {
        next = e->next;
        event_free(e);
    }
    pthread_cond_destroy(&q->news);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

int queue_add(struct queue *q, struct function *fn, ecom_id id, ecom_str body, ecom_str context,
              ecom_error *err)
{
    struct event *e = calloc(1, sizeof(*e));

    if (!e || ecom_buf_append(&e->body, body) < 0 || ecom_buf_append(&e->context, context) < 0) {
        if (e)
            event_free(e);
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    }
    e->fn = fn;
    e->id = id;
    e->due_ms = cli_now_ms();
    e->end_ms = e->due_ms + MAX_AGE_MS;
    pthread_mutex_lock(&q->lock);
    int full = q->n == MAX_EVENTS;
    if (!full) {
        q->n++;
        e->next = q->head;
        q->head = e;
        pthread_cond_signal(&q->news);
    }
    pthread_mutex_unlock(&q->lock);
    if (full)
        event_free(e);
    return full ? ecom_fail(err, ECOM_E_RATE, "%d events wait already", MAX_EVENTS) : ECOM_OK;
}
