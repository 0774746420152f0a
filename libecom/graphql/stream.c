#include "graphql/stream.h"

#include <stdlib.h>

enum { MAX_EVENTS = 256 };

ecom_graphql_stream *ecom__gql_stream_new(ecom_graphql *graphql, ecom_graphql_document *document,
                                          const ecom_graphql_stream_options *options)
{
    ecom_graphql_stream *s = calloc(1, sizeof(*s));

    if (!s || !(s->arena = ecom_arena_new(0))) {
        free(s);
        return NULL;
    }
    atomic_init(&s->refs, 1);
    pthread_mutex_init(&s->lock, NULL);
    s->last = &s->first;
    s->options = *options;
    s->options.drop = NULL;
    if (s->options.max_events == 0)
        s->options.max_events = MAX_EVENTS;
    s->graphql = graphql;
    s->document = ecom_graphql_document_ref(document);
    return s;
}

static void drop_event(const ecom_graphql_event *event)
{
    if (event->drop)
        event->drop(event->owner);
}

static void drop_queue(struct queued *q)
{
    for (struct queued *next; q; q = next) {
        next = q->next;
        drop_event(&q->event);
        free(q);
    }
}

ecom_graphql_stream *ecom_graphql_stream_ref(ecom_graphql_stream *s)
{
    atomic_fetch_add_explicit(&s->refs, 1, memory_order_relaxed);
    return s;
}

void ecom_graphql_stream_unref(ecom_graphql_stream *s)
{
    if (!s || atomic_fetch_sub_explicit(&s->refs, 1, memory_order_acq_rel) > 1)
        return;
    drop_queue(s->first);
    if (s->options.drop)
        s->options.drop(s->options.user);
    ecom_graphql_document_unref(s->document);
    ecom_arena_free(s->arena);
    pthread_mutex_destroy(&s->lock);
    free(s);
}

/* With the lock held. */
static void end(ecom_graphql_stream *s, const ecom_error *why)
{
    if (s->ended)
        return;
    s->ended = 1;
    if (why)
        s->why = *why;
}

static void make_ready(ecom_graphql_stream *s)
{
    if (s->options.ready)
        s->options.ready(s->options.user);
}

/* With the lock held; q is the queue's if it is put there. */
static int enqueue(ecom_graphql_stream *s, struct queued *q)
{
    ecom_error why;
    int r = ECOM_OK;

    if (s->closed || s->ended)
        return ECOM_E_CLOSED;
    if (!q)
        r = ecom_fail(&why, ECOM_E_NOMEM, "out of memory");
    else if (s->n == s->options.max_events)
        r = ecom_fail(&why, ECOM_E_FULL, "More than %u events wait to be sent (max_events).",
                      s->options.max_events);
    if (r < 0) {
        end(s, &why);
        return r;
    }
    *s->last = q;
    s->last = &q->next;
    s->n++;
    return ECOM_OK;
}

int ecom_graphql_stream_push(ecom_graphql_stream *s, const ecom_graphql_event *event)
{
    struct queued *q = malloc(sizeof(*q));

    if (q)
        *q = (struct queued){NULL, *event};
    pthread_mutex_lock(&s->lock);
    int r = enqueue(s, q);
    pthread_mutex_unlock(&s->lock);
    if (r < 0) {
        drop_event(event);
        free(q);
    }
    if (r != ECOM_E_CLOSED)
        make_ready(s);
    return r;
}

void ecom_graphql_stream_end(ecom_graphql_stream *s, const ecom_error *why)
{
    pthread_mutex_lock(&s->lock);
    int news = !s->ended && !s->closed;
    end(s, why);
    pthread_mutex_unlock(&s->lock);
    if (news)
        make_ready(s);
}

void ecom_graphql_stream_close(ecom_graphql_stream *s)
{
    if (!s)
        return;
    pthread_mutex_lock(&s->lock);
    s->closed = 1;
    struct queued *waiting = s->first;
    s->first = NULL;
    s->last = &s->first;
    s->n = 0;
    pthread_mutex_unlock(&s->lock);
    drop_queue(waiting);
    if (s->subscribed && s->subscriber->cancel)
        s->subscriber->cancel(s->source, s->subscriber->user);
    ecom_graphql_stream_unref(s);
}

/* What waits longest; NULL: nothing does, and *why is ECOM_E_NOTFOUND, ECOM_E_CLOSED or a reason.
 */
static struct queued *take(ecom_graphql_stream *s, ecom_error *why)
{
    pthread_mutex_lock(&s->lock);
    struct queued *q = s->first;
    if (q) {
        s->first = q->next;
        s->n--;
        if (!s->first)
            s->last = &s->first;
    } else if (!s->ended) {
        ecom_fail(why, ECOM_E_NOTFOUND, "nothing waits");
    } else if (s->why.code) {
        *why = s->why;
    } else {
        ecom_fail(why, ECOM_E_CLOSED, "there is no more");
    }
    pthread_mutex_unlock(&s->lock);
    return q;
}

static int answer(ecom_graphql_stream *s, const ecom_graphql_request *request,
                  const ecom_graphql_event *event, ecom_arena *arena, ecom_buf *out, ecom_str *id,
                  ecom_error *err)
{
    ecom_graphql_request own = {.size = sizeof(own)};
    ecom_graphql_outcome outcome;

    if (request)
        own = *request;
    own.event = 1;
    own.only_queries = 0;
    own.operation_name = s->operation_name;
    own.variables = s->variables;
    own.root = event->root;
    *id = (ecom_str){NULL, 0};
    if (event->id.p && !(*id = ecom_arena_copy(arena, event->id)).p)
        return ecom_fail(err, ECOM_E_NOMEM, "an event");
    return ecom_graphql_execute(s->graphql, s->document, &own, arena, out, &outcome, err);
}

int ecom_graphql_stream_next(ecom_graphql_stream *s, const ecom_graphql_request *request,
                             ecom_arena *arena, ecom_buf *out, ecom_str *id, ecom_error *err)
{
    ecom_error why;
    struct queued *q = take(s, &why);

    if (!q) {
        if (err)
            *err = why;
        return why.code;
    }
    int r = answer(s, request, &q->event, arena, out, id, err);
    drop_event(&q->event);
    free(q);
    return r;
}
