/* A request that is answered once or many times: what runs it, one piece at a time, on the threads
 * of others. It is busy while a piece is under way or on order; who wants another piece then only
 * says so. */
#include "ecom/subscribe.h"
#include "graphql/engine.h"

#include <stdlib.h>
#include <string.h>

enum { EVENTS_AT_ONCE = 32 };

struct ecom_graphql_live {
    atomic_uint refs;
    ecom_graphql_live_options options; /* never changes */
    ecom_buf body, after;
    ecom_graphql_stream *stream; /* of the piece under way, as the next */
    ecom_graphql_rest *rest;     /* of a response that comes in parts */
    ecom_arena *arena;           /* in which it lives */
    int32_t started;
    pthread_mutex_t lock;
    /* Under the lock. */
    int32_t busy, again;
    int32_t over; /* nothing is said any more */
};

ecom_graphql_live *ecom_graphql_live_ref(ecom_graphql_live *live)
{
    atomic_fetch_add_explicit(&live->refs, 1, memory_order_relaxed);
    return live;
}

void ecom_graphql_live_unref(ecom_graphql_live *live)
{
    if (!live || atomic_fetch_sub_explicit(&live->refs, 1, memory_order_acq_rel) > 1)
        return;
    if (live->options.drop)
        live->options.drop(live->options.user);
    ecom_buf_free(&live->body);
    ecom_buf_free(&live->after);
    pthread_mutex_destroy(&live->lock);
    free(live);
}

/* ---- answers, which are said under the lock, so that none comes after a cancel */

/* @return ECOM_E_CLOSED: it is over. */
static int say_next(ecom_graphql_live *live, ecom_str response, ecom_str id)
{
    int r = ECOM_E_CLOSED;

    pthread_mutex_lock(&live->lock);
    if (!live->over)
        r = live->options.next(live->options.user, response, id);
    pthread_mutex_unlock(&live->lock);
    return r;
}

/* The last word. @param response  p NULL: it is complete. */
static void say_end(ecom_graphql_live *live, ecom_str response)
{
    pthread_mutex_lock(&live->lock);
    if (!live->over && response.p)
        live->options.failed(live->options.user, response);
    else if (!live->over)
        live->options.complete(live->options.user);
    live->over = 1;
    pthread_mutex_unlock(&live->lock);
}

static void say_error(ecom_graphql_live *live, const ecom_error *err)
{
    static const char nomem[] = "{\"errors\":[{\"message\":\"Internal error\"}]}";
    ecom_buf out = {0};
    const char *code = ecom_code_of(err->code)->graphql;
    const char *text = err->code == ECOM_E_NOMEM ? "Internal error" : err->text;

    if (ecom__gql_refuse_request(&out, code, text) < 0)
        say_end(live, ecom_str_of(nomem));
    else
        say_end(live, ecom_buf_str(&out));
    ecom_buf_free(&out);
}

/* ---- pieces */

static void work(void *arg, int cancelled);

/* The stream's: something waits in it. */
static void on_ready(void *user)
{
    ecom_graphql_live *live = user;

    pthread_mutex_lock(&live->lock);
    int mine = !live->busy && !live->over;
    live->again |= live->busy;
    live->busy |= mine;
    pthread_mutex_unlock(&live->lock);
    if (mine && live->options.run(live->options.user, work, ecom_graphql_live_ref(live)) < 0)
        work(live, 1);
}

static void on_drop(void *user)
{
    ecom_graphql_live_unref(user);
}

static int64_t deadline(const ecom_graphql_live *live)
{
    const ecom_env *env = live->options.graphql->options.env;

    return live->options.timeout_ms
               ? env->monotonic_us(env->self) + (int64_t)live->options.timeout_ms * 1000
               : 0;
}

/* @return ECOM_OK: there is a stream, or there are more parts, and so there is more to do. */
static int start(ecom_graphql_live *live, const ecom_graphql_request *request, ecom_arena *arena,
                 ecom_buf *out)
{
    const ecom_graphql_live_options *o = &live->options;
    const ecom_graphql_stream_options options = {
        .size = sizeof(options),
        .max_events = o->max_events,
        .after = {live->after.p, live->after.n},
        .ready = on_ready,
        .drop = on_drop,
        .user = ecom_graphql_live_ref(live),
        .rest = &live->rest,
    };
    ecom_graphql_outcome outcome;
    ecom_error err;

    live->started = 1;
    int r = ecom_graphql_subscribe(o->graphql, ecom_buf_str(&live->body), request, &options, arena,
                                   &live->stream, out, &outcome, &err);
    if (!live->rest)
        ecom_buf_free(&live->body);
    if (r < 0)
        say_error(live, &err);
    else if (live->stream)
        return ECOM_OK;
    else if (live->rest)
        return say_next(live, ecom_buf_str(out), (ecom_str){NULL, 0});
    else if (outcome != ECOM_GRAPHQL_EXECUTED)
        say_end(live, ecom_buf_str(out));
    else if (say_next(live, ecom_buf_str(out), (ecom_str){NULL, 0}) == ECOM_OK)
        say_end(live, (ecom_str){NULL, 0});
    return ECOM_E_CLOSED;
}

/* @return ECOM_OK: there may be more; ECOM_E_NOTFOUND: not now; else never. */
static int answer_event(ecom_graphql_live *live, const ecom_graphql_request *request,
                        ecom_arena *arena, ecom_buf *out)
{
    ecom_str id;
    ecom_error err;
    int r = ecom_graphql_stream_next(live->stream, request, arena, out, &id, &err);

    if (r == ECOM_OK)
        return say_next(live, ecom_buf_str(out), id) < 0 ? ECOM_E_CLOSED : ECOM_OK;
    if (r == ECOM_E_CLOSED)
        say_end(live, (ecom_str){NULL, 0});
    else if (r != ECOM_E_NOTFOUND)
        say_error(live, &err);
    return r;
}

static void drop_rest(ecom_graphql_live *live)
{
    ecom_graphql_rest_free(live->rest);
    live->rest = NULL;
}

/* As above, of a part. */
static int answer_part(ecom_graphql_live *live, ecom_buf *out)
{
    const ecom_graphql_live_options *o = &live->options;
    ecom_error err;

    if (o->is_full && o->is_full(o->user))
        return ECOM_E_NOTFOUND;
    int r = ecom_graphql_rest_next(live->rest, out, &err);
    if (r < 0)
        say_error(live, &err);
    else if ((r = say_next(live, ecom_buf_str(out), (ecom_str){NULL, 0})) == ECOM_OK &&
             ecom_graphql_rest_is_over(live->rest)) {
        drop_rest(live);
        say_end(live, (ecom_str){NULL, 0});
        return ECOM_E_CLOSED;
    }
    return r < 0 ? ECOM_E_CLOSED : ECOM_OK;
}

/* A piece: the beginning, an event, or a part. */
static int step(ecom_graphql_live *live, ecom_arena *arena, ecom_buf *out)
{
    ecom_graphql_request request = {.size = sizeof(request),
                                    .only_queries = live->options.only_queries,
                                    .deadline_us = deadline(live)};

    out->n = 0;
    if (live->rest)
        return answer_part(live, out);
    ecom_arena_reset(arena);
    request.context = live->options.context(live->options.user, arena);
    if (!request.context) {
        say_error(live, &(ecom_error){.code = ECOM_E_NOMEM});
        return ECOM_E_NOMEM;
    }
    return live->started ? answer_event(live, &request, arena, out)
                         : start(live, &request, arena, out);
}

/* @return ECOM_OK: it was not all; ECOM_E_NOTFOUND: nothing waits. */
static int do_some(ecom_graphql_live *live)
{
    ecom_arena *arena = live->arena ? live->arena : ecom_arena_new(live->options.max_arena);
    ecom_buf out = {0};
    int r = ECOM_OK;

    live->arena = NULL;
    if (!arena) {
        say_error(live, &(ecom_error){.code = ECOM_E_NOMEM});
        return ECOM_E_NOMEM;
    }
    for (int i = 0; i < EVENTS_AT_ONCE && r == ECOM_OK; i++)
        r = step(live, arena, &out);
    ecom_buf_free(&out);
    if (live->rest)
        live->arena = arena;
    else
        ecom_arena_free(arena);
    return r;
}

/* @return 1: what came in meanwhile is to be done; 0: it is idle; -1: it is over. */
static int settle(ecom_graphql_live *live, int r)
{
    pthread_mutex_lock(&live->lock);
    int more = r == ECOM_OK || live->again;
    if (live->over || (r != ECOM_OK && r != ECOM_E_NOTFOUND))
        more = -1;
    live->again = 0;
    live->busy = more != 0; /* over: for ever, so that nobody begins again */
    live->over |= more < 0;
    pthread_mutex_unlock(&live->lock);
    return more;
}

/* What is over lets go of its source. The reference that came with the order is given back. */
static void finish(ecom_graphql_live *live)
{
    ecom_graphql_stream *stream = live->stream;

    live->stream = NULL;
    ecom_graphql_stream_close(stream);
    drop_rest(live);
    ecom_arena_free(live->arena);
    live->arena = NULL;
    ecom_graphql_live_unref(live);
}

static void work(void *arg, int cancelled)
{
    static const char busy[] = "Too many requests are waiting; try again later.";
    ecom_graphql_live *live = arg;
    ecom_error err;

    if (cancelled) {
        ecom_fail(&err, ECOM_E_UNAVAILABLE, "%s", busy);
        say_error(live, &err);
    }
    int more = settle(live, cancelled ? ECOM_E_CLOSED : do_some(live));
    if (more < 0)
        finish(live);
    else if (more == 0)
        ecom_graphql_live_unref(live);
    else if (live->options.run(live->options.user, work, live) < 0)
        work(live, 1);
}

void ecom_graphql_live_cancel(ecom_graphql_live *live)
{
    pthread_mutex_lock(&live->lock);
    int mine = !live->busy;
    live->over = live->busy = 1;
    pthread_mutex_unlock(&live->lock);
    if (mine)
        finish(ecom_graphql_live_ref(live));
}

void ecom_graphql_live_resume(ecom_graphql_live *live)
{
    on_ready(live);
}

/* @return NULL: out of memory, and `drop` was called. */
static ecom_graphql_live *live_new(const ecom_graphql_live_options *options, ecom_str body)
{
    ecom_graphql_live *live = calloc(1, sizeof(*live));

    if (!live || ecom_buf_append(&live->body, body) < 0 ||
        (options->after.p && ecom_buf_append(&live->after, options->after) < 0)) {
        if (live)
            ecom_buf_free(&live->body);
        free(live);
        if (options->drop)
            options->drop(options->user);
        return NULL;
    }
    atomic_init(&live->refs, 2);
    pthread_mutex_init(&live->lock, NULL);
    live->options = *options;
    live->busy = 1;
    return live;
}

/* One reference is the order's. */
static int order(ecom_graphql_live *live, ecom_graphql_live **out, ecom_error *err)
{
    *out = live;
    int r = live->options.run(live->options.user, work, live);
    if (r == ECOM_OK)
        return ECOM_OK;
    *out = NULL;
    live->over = 1;
    finish(live);
    ecom_graphql_live_unref(live);
    return ecom_fail(err, r, "Too many requests are waiting; try again later.");
}

int ecom_graphql_live_start(const ecom_graphql_live_options *options, ecom_str body,
                            ecom_graphql_live **out, ecom_error *err)
{
    ecom_graphql_live *live = live_new(options, body);

    *out = NULL;
    return live ? order(live, out, err) : ecom_fail(err, ECOM_E_NOMEM, "a GraphQL request");
}

int ecom_graphql_live_follow(const ecom_graphql_live_options *options, ecom_graphql_rest *rest,
                             ecom_arena *arena, ecom_graphql_live **out, ecom_error *err)
{
    ecom_graphql_live *live = live_new(options, (ecom_str){"", 0});

    *out = NULL;
    if (!live) {
        ecom_graphql_rest_free(rest);
        ecom_arena_free(arena);
        return ecom_fail(err, ECOM_E_NOMEM, "a GraphQL request");
    }
    live->started = 1;
    live->rest = rest;
    live->arena = arena;
    return order(live, out, err);
}
