#include "http/exchange.h"

#include <stdlib.h>
#include <string.h>

#include "http/channel.h"
#include "http/middleware.h"
#include "http/observe.h"
#include "http/server.h"

enum { KEEP_BYTES = 64 << 10, SMALL_BODY_BYTES = 16 << 10 };

/* On a thread of the pool, but for when it is cancelled. */
static void run_job(struct job *job, int cancelled)
{
    struct ecom_exchange *x = (struct ecom_exchange *)(void *)job;

    x->on_thread = 1;
    if (cancelled)
        ecom__http_exchange_refuse(x, &(struct refusal){503, "the server is stopping"});
    if (ecom__http_exchange_run(x) == ECOM_OK)
        ecom__http_loop_done(x);
}

struct ecom_exchange *ecom__http_exchange_new(const struct ecom_http_server *server)
{
    struct ecom_exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->server = server;
    x->job.run = run_job;
    x->head.max = server->opts.max_headers;
    x->head.headers = malloc(x->head.max * sizeof(*x->head.headers));
    x->arena = ecom_arena_new(0);
    if (!x->head.headers || !x->arena) {
        ecom__http_exchange_free(x);
        return NULL;
    }
    return x;
}

static void uncount_body(struct ecom_exchange *x)
{
    if (x->counted)
        atomic_fetch_sub_explicit(&x->loop->server->bodies, x->counted, memory_order_relaxed);
    x->counted = 0;
}

/* Small ones are not counted: who holds up large ones must not keep others from being read. */
size_t ecom__http_exchange_count_body(struct ecom_exchange *x)
{
    size_t more = x->body.n > SMALL_BODY_BYTES ? x->body.cap - x->counted : 0;

    if (more)
        atomic_fetch_add_explicit(&x->loop->server->bodies, more, memory_order_relaxed);
    return x->counted += more;
}

void ecom__http_exchange_drop_body(struct ecom_exchange *x)
{
    if (x->counted)
        ecom_buf_free(&x->body);
    uncount_body(x);
}

size_t ecom__http_exchange_waits(struct ecom_exchange *x)
{
    ecom__http_exchange_drop_body(x);
    return sizeof(*x) + x->head.max * sizeof(*x->head.headers) + x->raw.cap + x->body.cap +
           x->fields.cap + x->out.cap + x->answer.cap + ecom_arena_bytes(x->arena);
}

/* Its connection did not become one. */
static void drop_channel(struct ecom_exchange *x)
{
    if (x->channel)
        ecom__http_channel_detach(x->channel);
    ecom__http_channel_unref(x->channel);
    x->channel = NULL;
}

void ecom__http_exchange_free(struct ecom_exchange *x)
{
    if (!x)
        return;
    drop_channel(x);
    uncount_body(x);
    ecom_buf_free(&x->raw);
    ecom_buf_free(&x->body);
    ecom_buf_free(&x->fields);
    ecom_buf_free(&x->out);
    ecom_buf_free(&x->answer);
    ecom_arena_free(x->arena);
    free(x->head.headers);
    free(x);
}

static void empty(ecom_buf *buf)
{
    if (buf->cap > KEEP_BYTES)
        ecom_buf_free(buf);
    buf->n = 0;
}

void ecom__http_exchange_reset(struct ecom_exchange *x)
{
    empty(&x->raw);
    uncount_body(x);
    empty(&x->body);
    empty(&x->fields);
    empty(&x->out);
    empty(&x->answer);
    ecom_arena_reset(x->arena);
    x->conn = NULL;
    x->route = NULL;
    x->refusal = (struct refusal){0};
    drop_channel(x);
    x->status = x->close = x->typed = x->goes_on = x->chunked = 0;
    x->has_claims = x->bad_token = x->on_thread = x->prepared = 0;
    x->request = x->params = NULL;
    x->trace[0] = '\0';
    x->head.nheaders = 0;
    x->head.method = x->head.target = (ecom_str){NULL, 0};
    x->head.minor = 1;
    x->target.query = x->target.path = x->target.raw = (ecom_str){NULL, 0};
}

/* Finds who answers: a route, or one of the answers that need none. */
static void dispatch(struct ecom_exchange *x)
{
    int known;

    x->route = ecom__http_router_find(&x->server->router, &x->target, x->head.method, &known);
    if (x->route)
        x->status = x->route->def.status ? x->route->def.status : 200;
    else if (ecom_str_eq(x->head.method, LIT("CONNECT")))
        x->refusal = (struct refusal){501, "no tunnels are made here"};
    else if ((known || x->target.server) && ecom_str_eq(x->head.method, LIT("OPTIONS")))
        x->status = 204;
    else if (known)
        x->refusal = (struct refusal){405, "this path does not have that method"};
    else
        x->refusal = (struct refusal){404, "there is nothing at this path"};
}

static int begin(struct ecom_exchange *x, ecom_str head, struct refusal *why)
{
    const ecom_http_options *opts = &x->server->opts;

    if (ecom_buf_append(&x->raw, head) < 0)
        return ecom__http_refuse(why, 503, "out of memory");
    if (ecom__http_request_parse(&x->head, ecom_buf_str(&x->raw), why) < 0)
        return -1;
    if (x->head.target.n > opts->max_url_bytes)
        return ecom__http_refuse(why, 414, "the target is too long");
    if (x->head.length > opts->max_body_bytes)
        return ecom__http_refuse(why, 413, "the body is too long");
    if (ecom_str_eq(x->head.method, LIT("CONNECT")))
        return ecom__http_refuse(why, 501, "no tunnels are made here");
    return ecom__http_target_parse(&x->target, &x->head, x->arena, why);
}

int ecom__http_exchange_begin(struct ecom_exchange *x, ecom_str head)
{
    const ecom_env *env = x->server->opts.env;
    struct refusal why;

    x->started_us = env->monotonic_us(env->self);
    if (begin(x, head, &why) < 0) {
        ecom__http_exchange_refuse(x, &why);
        return -1;
    }
    x->close = !x->head.keep_alive;
    dispatch(x);
    return 0;
}

void ecom__http_exchange_refuse(struct ecom_exchange *x, const struct refusal *why)
{
    x->refusal = *why;
    x->close = 1;
}

int ecom__http_exchange_on_loop(const struct ecom_exchange *x)
{
    return x->refusal.status || !x->route ||
           (x->route->def.flags & ECOM_ROUTE_ON_LOOP && x->body.n <= SMALL_BODY_BYTES);
}

int ecom__http_exchange_safe(const struct ecom_exchange *x)
{
    ecom_str method = x->head.method;

    return x->body.n == 0 && (ecom_str_eq(method, LIT("GET")) || ecom_str_eq(method, LIT("HEAD")) ||
                              ecom_str_eq(method, LIT("OPTIONS")));
}

int ecom__http_exchange_upgrades(const struct ecom_exchange *x)
{
    size_t from = 0;

    return x->head.minor > 0 && ecom__http_head_next(&x->head, LIT("upgrade"), &from) != NULL;
}

/* What comes before the handler, in this order. */
static int prepare(struct ecom_exchange *x, ecom_error *err)
{
    int r = ecom__http_authenticate(x, err);

    if (r == ECOM_OK)
        r = ecom__http_read_query(x, err);
    if (r == ECOM_OK)
        r = ecom__http_read_body(x, err);
    return r;
}

static int run_route(struct ecom_exchange *x, ecom_error *err)
{
    int on_thread = x->on_thread, r = x->prepared ? ECOM_OK : prepare(x, err);

    if (r < 0)
        return r;
    x->prepared = 1;
    r = x->route->def.handle(x->server->opts.user, x, err);
    if (r == ECOM_WOULD_WAIT && on_thread)
        r = ecom_fail(err, ECOM_E_BACKEND, "a handler on a thread says that it would have to wait");
    return r;
}

/* Causes that are not the caller's business go to the log instead. */
static void answer_failure(struct ecom_exchange *x, int code, ecom_error *err)
{
    if (err->code != code)
        *err = (ecom_error){.code = code};
    if (ecom_code_of(code)->http >= 500) {
        ecom__http_log_failure(x, err);
        err->text[0] = err->field[0] = '\0';
    }
    ecom__http_problem(x, ecom_code_of(code)->http, err);
}

static void answer_refusal(struct ecom_exchange *x)
{
    ecom_error err = {0};

    ecom_fail(&err, 0, "%s", x->refusal.text);
    ecom__http_problem(x, x->refusal.status, &err);
}

static void answer(struct ecom_exchange *x, int r, ecom_error *err)
{
    if (x->refusal.status)
        answer_refusal(x);
    else if (r < 0)
        answer_failure(x, r, err);
    else if (!x->route)
        ecom__http_options_answer(x);
    else
        x->goes_on = x->channel != NULL;
    ecom__http_response_finish(x);
    ecom__http_observe(x);
}

int ecom__http_exchange_run(struct ecom_exchange *x)
{
    ecom_error err = {0};
    int r = ECOM_OK;

    if (!x->prepared)
        ecom__http_identify(x);
    if (!x->refusal.status && x->route)
        r = run_route(x, &err);
    if (r == ECOM_HTTP_LATER || r == ECOM_WOULD_WAIT)
        return r;
    answer(x, r, &err);
    return ECOM_OK;
}

void ecom_exchange_finish(ecom_exchange *x, int r, ecom_error *err)
{
    answer(x, r, err);
    ecom__http_loop_done(x);
}

ecom_str ecom_exchange_method(const ecom_exchange *x)
{
    return x->head.method;
}

ecom_str ecom_exchange_path(const ecom_exchange *x)
{
    return x->target.path;
}

ecom_str ecom_exchange_query(const ecom_exchange *x)
{
    return x->target.query;
}

/* Puts several values of one header together. */
static ecom_str join(ecom_exchange *x, ecom_str name, size_t bytes)
{
    char *all = ecom_arena_alloc(x->arena, bytes), *p = all;
    const ecom_header *h;

    if (!all)
        return (ecom_str){NULL, 0};
    for (size_t from = 0; (h = ecom__http_head_next(&x->head, name, &from));) {
        if (p != all) {
            memcpy(p, ", ", 2);
            p += 2;
        }
        memcpy(p, h->value.p, h->value.n);
        p += h->value.n;
    }
    return (ecom_str){all, (size_t)(p - all)};
}

ecom_str ecom_exchange_header(ecom_exchange *x, const char *name)
{
    ecom_str first = {NULL, 0}, n = ecom_str_of(name);
    size_t count = 0, bytes = 0;
    const ecom_header *h;

    for (size_t from = 0; (h = ecom__http_head_next(&x->head, n, &from)); count++) {
        if (count == 0)
            first = h->value;
        bytes += h->value.n + 2;
    }
    return count > 1 ? join(x, n, bytes) : first;
}

ecom_str ecom_exchange_param(const ecom_exchange *x, const char *name)
{
    return x->route ? ecom__http_route_param(x->route, &x->target, name) : (ecom_str){NULL, 0};
}

ecom_str ecom_exchange_body(const ecom_exchange *x)
{
    return ecom_buf_str(&x->body);
}

ecom_str ecom_exchange_peer(const ecom_exchange *x)
{
    return ecom_str_of(x->peer);
}

/* Not const in truth: it is made when it is first asked for. */
ecom_str ecom_exchange_traceparent(const ecom_exchange *x)
{
    ecom_exchange *own = (ecom_exchange *)x;
    size_t from = 0;

    if (!x->trace[0]) {
        const ecom_header *h = ecom__http_head_next(&x->head, LIT("traceparent"), &from);
        int single = h && !ecom__http_head_next(&x->head, LIT("traceparent"), &from);
        ecom__http_trace_child(single ? h->value : (ecom_str){NULL, 0}, x->server->opts.env,
                               own->trace);
    }
    return (ecom_str){x->trace, TRACE_BYTES};
}

int ecom_exchange_may_block(const ecom_exchange *x)
{
    return x->on_thread;
}

ecom_arena *ecom_exchange_arena(ecom_exchange *x)
{
    return x->arena;
}

void ecom_exchange_set_status(ecom_exchange *x, int32_t status)
{
    x->status = status;
}

ecom_buf *ecom_exchange_out(ecom_exchange *x)
{
    return &x->out;
}

int ecom_exchange_reply(ecom_exchange *x, const ecom_record *record, const void *value,
                        ecom_error *err)
{
    int r = ecom_record_write(record, value, ECOM_VIEW_PUBLIC, &x->out);

    return r < 0 ? ecom_fail(err, r, "writing %s", record->name) : ECOM_OK;
}
