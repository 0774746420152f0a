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

struct request upstream_request(const struct upstream *upstream, ecom_exchange *x)
{
    return (struct request){
        .upstream = upstream,
        .x = x,
        .until_ms = ecom_env_monotonic_ms(upstream->env) + upstream->timeout_ms,
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
    for (size_t i = 0; i < UPSTREAM_SERVICES; i++)
        if (!request->silent[i]) {
            request->silent[i] = base;
            return;
        }
}

/* In ms; 0: none is left. */
static int32_t time_for(const struct request *request)
{
    int64_t left = request->until_ms - ecom_env_monotonic_ms(request->upstream->env);

    return left > 0 ? (int32_t)((left + 1) / 2) : 0;
}

static int send_call(struct request *request, const char *base, ecom_http_call *call,
                     const ecom_json **out, ecom_error *err)
{
    ecom_arena *arena = ecom_exchange_arena(request->x);
    ecom_http_answer answer;

    call->timeout_ms = time_for(request);
    if (is_silent(request, base))
        return ecom_fail(err, ECOM_E_TIMEOUT, "it did not answer this request before");
    if (call->timeout_ms == 0)
        return ecom_fail(err, ECOM_E_TIMEOUT, "no time is left for it");
    int r = ecom_http_client_send(request->upstream->client, call, arena, &answer, err);
    if (r == ECOM_E_TIMEOUT)
        note_silence(request, base);
    if (r < 0)
        return r;
    if (answer.status >= 400)
        return ecom_http_answer_error(&answer, err);
    return ecom_json_parse(answer.body, NULL, arena, out, err);
}

int upstream_call(struct request *request, const char *method, const char *base, ecom_str path,
                  ecom_str body, ecom_str idempotency_key, const ecom_json **out, ecom_error *err)
{
    struct headers headers = {0};
    ecom_buf url = {0};

    add(&headers, "authorization", ecom_exchange_header(request->x, "authorization"));
    add(&headers, "x-correlation-id", ecom_exchange_correlation_id(request->x));
    add(&headers, "traceparent", ecom_exchange_traceparent(request->x));
    add(&headers, "idempotency-key", idempotency_key);
    if (body.n)
        add(&headers, "content-type", ecom_str_of("application/json"));
    if (ecom_buf_append(&url, ecom_str_of(base)) < 0 || ecom_buf_append(&url, path) < 0) {
        ecom_buf_free(&url);
        return ecom_fail(err, ECOM_E_NOMEM, "calling a service");
    }
    ecom_http_call call = {
        .method = method,
        .url = url.p,
        .headers = headers.all,
        .nheaders = headers.n,
        .body = body,
        .retry = idempotency_key.n > 0,
    };
    int r = send_call(request, base, &call, out, err);
    ecom_buf_free(&url);
    return r;
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
