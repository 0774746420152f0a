#include "upstream.h"

#include <string.h>

enum { MAX_HEADERS = 6 };

struct headers {
    ecom_header all[MAX_HEADERS];
    size_t n;
};

static void add(struct headers *headers, const char *name, ecom_str value)
{
    if (value.n)
        headers->all[headers->n++] = (ecom_header){ecom_str_of(name), value};
}

struct caller upstream_caller(ecom_exchange *x)
{
    const ecom_claims *claims = ecom_exchange_claims(x);

    return (struct caller){
        .authorization = ecom_exchange_header(x, "authorization"),
        .correlation_id = ecom_exchange_correlation_id(x),
        .traceparent = ecom_exchange_traceparent(x),
        .address = ecom_exchange_peer(x),
        .user_id = claims ? claims->sub : (ecom_str){NULL, 0},
        .arena = ecom_exchange_arena(x),
        .log = ecom_exchange_log(x),
    };
}

struct request upstream_request(const struct upstream *upstream, const struct caller *caller)
{
    return (struct request){
        .upstream = upstream,
        .caller = *caller,
        .until_us =
            upstream->env->monotonic_us(upstream->env->self) + (int64_t)upstream->timeout_ms * 1000,
    };
}

static int is_silent(const struct request *request, const char *base)
{
    for (size_t i = 0; i < UPSTREAM_SERVICES; i++)
        if (request->silent[i] == base)
            return 1;
    return 0;
}

static void note_silence(struct request *request, const char *base)
{
    for (size_t i = 0; i < UPSTREAM_SERVICES && request->silent[i] != base; i++)
        if (!request->silent[i])
            request->silent[i] = base;
}

/* Half of what the request has left, in ms; 0: none is left. */
static int32_t time_for(const struct request *request)
{
    const ecom_env *env = request->upstream->env;
    int64_t left = request->until_us - env->monotonic_us(env->self);

    return left > 0 ? (int32_t)((left / 1000 + 1) / 2) : 0;
}

/* ---- calls */

static int copy_headers(struct request *request, struct pending *pending, ecom_str body,
                        ecom_str idempotency_key)
{
    ecom_arena *arena = request->caller.arena;
    struct headers headers = {0};
    ecom_header *copy;

    add(&headers, "authorization", request->caller.authorization);
    add(&headers, "x-correlation-id", request->caller.correlation_id);
    add(&headers, "traceparent", request->caller.traceparent);
    add(&headers, "x-forwarded-for", request->caller.address);
    add(&headers, "idempotency-key", idempotency_key);
    if (body.n)
        add(&headers, "content-type", ecom_str_of("application/json"));
    if (!(copy = ecom_arena_alloc(arena, headers.n * sizeof(*copy))))
        return ECOM_E_NOMEM;
    memcpy(copy, headers.all, headers.n * sizeof(*copy));
    pending->call.headers = copy;
    pending->call.nheaders = headers.n;
    pending->call.body = ecom_arena_copy(arena, body);
    return pending->call.body.p ? ECOM_OK : ECOM_E_NOMEM;
}

static const char *join(ecom_arena *arena, const char *base, ecom_str path)
{
    const size_t n = strlen(base);
    char *url = ecom_arena_alloc(arena, n + path.n + 1);

    if (!url)
        return NULL;
    memcpy(url, base, n);
    memcpy(url + n, path.p, path.n);
    return url;
}

int upstream_begin(struct request *request, const char *method, const char *base, ecom_str path,
                   ecom_str body, ecom_str idempotency_key, struct pending **out, ecom_error *err)
{
    ecom_arena *arena = request->caller.arena;
    struct pending *pending = ecom_arena_alloc(arena, sizeof(*pending));
    const char *url = join(arena, base, path);

    if (!pending || !url || copy_headers(request, pending, body, idempotency_key) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "calling a service");
    pending->base = base;
    pending->call.method = method;
    pending->call.url = url;
    pending->call.retry = idempotency_key.n > 0;
    pending->next = request->begun;
    request->begun = pending;
    request->nbegun++;
    *out = pending;
    return ECOM_OK;
}

/* Up to UPSTREAM_TOGETHER of those that were begun. */
static void send_some(struct request *request)
{
    struct pending *sent[UPSTREAM_TOGETHER];
    ecom_http_call calls[UPSTREAM_TOGETHER];
    ecom_http_result results[UPSTREAM_TOGETHER];
    int32_t timeout_ms = time_for(request);
    ecom_error err;
    size_t n = 0;

    for (; request->begun && n < UPSTREAM_TOGETHER; request->begun = request->begun->next) {
        struct pending *p = request->begun;
        request->nbegun--;
        if (is_silent(request, p->base) || !timeout_ms) {
            p->result.code = ecom_fail(&p->result.err, ECOM_E_TIMEOUT, "no time is left for it");
            continue;
        }
        p->call.timeout_ms = timeout_ms;
        sent[n] = p;
        calls[n++] = p->call;
    }
    int r = n ? ecom_http_client_send_all(request->upstream->client, calls, n,
                                          request->caller.arena, results, &err)
              : ECOM_OK;
    for (size_t i = 0; i < n; i++) {
        sent[i]->result = results[i];
        if (r < 0) {
            sent[i]->result.code = r;
            sent[i]->result.err = err;
        }
        if (sent[i]->result.code == ECOM_E_TIMEOUT)
            note_silence(request, sent[i]->base);
    }
}

void upstream_leave_gate(struct request *request)
{
    if (request->gate)
        gate_leave(request->gate);
    request->gate = NULL;
}

void upstream_wait(struct request *request)
{
    upstream_leave_gate(request);
    while (request->begun)
        send_some(request);
}

int upstream_result(struct request *request, const struct pending *pending, const ecom_json **out,
                    ecom_error *err)
{
    const ecom_http_result *result = &pending->result;

    if (result->code < 0) {
        *err = result->err;
        return result->code;
    }
    if (result->answer.status >= 400)
        return ecom_http_answer_error(&result->answer, err);
    return ecom_json_parse(result->answer.body, NULL, request->caller.arena, out, err);
}

int upstream_call(struct request *request, const char *method, const char *base, ecom_str path,
                  ecom_str body, ecom_str idempotency_key, const ecom_json **out, ecom_error *err)
{
    struct pending *pending;
    int r = upstream_begin(request, method, base, path, body, idempotency_key, &pending, err);

    if (r < 0)
        return r;
    upstream_wait(request);
    return upstream_result(request, pending, out, err);
}

/* Everything but RFC 3986's unreserved characters as %XX. */
static int add_encoded(ecom_buf *path, ecom_str s)
{
    static const char plain[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~";
    int r = ECOM_OK;

    for (size_t i = 0; i < s.n && r == ECOM_OK; i++)
        if (s.p[i] && strchr(plain, s.p[i]))
            r = ecom_buf_append(path, (ecom_str){s.p + i, 1});
        else
            r = ecom_buf_printf(path, "%%%02X", (unsigned char)s.p[i]);
    return r;
}

int upstream_add_query(ecom_buf *path, ecom_str name, ecom_str value)
{
    const char *sign = path->n && memchr(path->p, '?', path->n) ? "&" : "?";
    int r = ecom_buf_append(path, ecom_str_of(sign));

    if (r == ECOM_OK)
        r = add_encoded(path, name);
    if (r == ECOM_OK)
        r = ecom_buf_append(path, ecom_str_of("="));
    return r < 0 ? r : add_encoded(path, value);
}

int upstream_add_segment(ecom_buf *path, ecom_str segment)
{
    int r = ecom_buf_append(path, ecom_str_of("/"));

    return r < 0 ? r : add_encoded(path, segment);
}

int upstream_is_no_id(const char *path, ecom_str segment)
{
    static const char *const routes[][2] = {{"/users", "me"}, {"/orders", "pages"}};

    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++)
        if (strcmp(path, routes[i][0]) == 0 && ecom_str_eq(segment, ecom_str_of(routes[i][1])))
            return 1;
    return !segment.n || ecom_str_eq(segment, ecom_str_of(".")) ||
           ecom_str_eq(segment, ecom_str_of(".."));
}
