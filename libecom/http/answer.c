#include "http/answer.h"

#include <string.h>

void ecom__http_answer_init(struct answer *a, int head_only, uint32_t max_bytes)
{
    memset(a, 0, sizeof(*a));
    a->head_only = head_only;
    a->max_bytes = max_bytes;
    a->head.headers = a->headers;
    a->head.max = ANSWER_MAX_HEADERS;
}

void ecom__http_answer_clear(struct answer *a)
{
    ecom_buf_free(&a->raw);
    ecom_buf_free(&a->body);
}

static int malformed(const struct refusal *why, ecom_error *err)
{
    if (why->status == 503)
        return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
    if (why->status == 413 || why->status == 414 || why->status == 431)
        return ecom_fail(err, ECOM_E_TOOLARGE, "the response is too long");
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "the response is malformed: %s", why->text);
}

static int too_large(const struct answer *a, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_TOOLARGE, "the response has more than %u bytes",
                     (unsigned)a->max_bytes);
}

/* RFC 9112 6.3, for responses. */
static int begin_body(struct answer *a, ecom_error *err)
{
    int32_t status = a->head.status;

    a->has_head = 1;
    if (a->head_only || status == 204 || status == 304) {
        a->done = 1;
    } else if (a->head.chunked) {
        a->done = 0;
    } else if (a->head.length >= 0) {
        if (a->head.length > a->max_bytes)
            return too_large(a, err);
        a->left = (uint64_t)a->head.length;
        a->done = a->left == 0;
    } else {
        a->to_end = 1;
        a->head.keep_alive = 0;
    }
    return ECOM_OK;
}

static ssize_t feed_head(struct answer *a, ecom_str in, ecom_error *err)
{
    struct refusal why;
    ssize_t n = ecom__http_head_find(&a->scan, in, ANSWER_MAX_HEAD, &why);

    if (n < 0)
        return malformed(&why, err);
    if (n == 0)
        return 0;
    a->raw.n = 0;
    if (ecom_buf_append(&a->raw, (ecom_str){in.p, (size_t)n}) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
    if (a->scan.start > 0)
        return malformed(&(struct refusal){502, "an empty line before it"}, err);
    if (ecom__http_response_parse(&a->head, ecom_buf_str(&a->raw), &why) < 0)
        return malformed(&why, err);
    a->scan = (struct head_scan){0};
    if (a->head.status == 101 || a->head.status < 100 || a->head.status > 599)
        return malformed(&(struct refusal){502, "a status that was not asked for"}, err);
    if (a->head.status < 200) {
        if (++a->interim > ANSWER_MAX_INTERIM)
            return malformed(&(struct refusal){502, "too many interim responses"}, err);
        return n;
    }
    int r = begin_body(a, err);
    return r < 0 ? r : n;
}

static ssize_t feed_body(struct answer *a, ecom_str in, ecom_error *err)
{
    struct refusal why;
    size_t n = a->to_end || in.n < a->left ? in.n : (size_t)a->left;

    if (a->head.chunked) {
        ssize_t used =
            ecom__http_chunks_feed(&a->chunks, in, &a->body, a->max_bytes, ANSWER_MAX_HEAD, &why);
        a->done = a->chunks.done;
        return used < 0 ? malformed(&why, err) : used;
    }
    if (n > a->max_bytes - a->body.n)
        return too_large(a, err);
    if (ecom_buf_append(&a->body, (ecom_str){in.p, n}) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
    if (!a->to_end)
        a->done = (a->left -= n) == 0;
    return (ssize_t)n;
}

ssize_t ecom__http_answer_feed(struct answer *a, ecom_str in, ecom_error *err)
{
    size_t used = 0;

    while (used < in.n && !a->done) {
        ecom_str rest = {in.p + used, in.n - used};
        ssize_t n = a->has_head ? feed_body(a, rest, err) : feed_head(a, rest, err);
        if (n < 0)
            return n;
        if (n == 0)
            break;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

int ecom__http_answer_end(struct answer *a, ecom_error *err)
{
    if (!a->has_head || (!a->done && !a->to_end))
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the connection ended before the response did");
    a->done = 1;
    return ECOM_OK;
}

/* A header's value in the arena; p is NULL when it is not there. */
static int copy_header(const struct answer *a, ecom_str name, ecom_arena *arena, ecom_str *out)
{
    size_t from = 0;
    const ecom_header *h = ecom__http_head_next(&a->head, name, &from);

    *out = h ? ecom_arena_copy(arena, h->value) : (ecom_str){NULL, 0};
    return h && !out->p ? ECOM_E_NOMEM : ECOM_OK;
}

int ecom__http_answer_copy(const struct answer *a, ecom_arena *arena, ecom_http_answer *out,
                           ecom_error *err)
{
    ecom_http_answer copy = {.status = a->head.status,
                             .body = ecom_arena_copy(arena, ecom_buf_str(&a->body))};

    if (!copy.body.p || copy_header(a, LIT("content-type"), arena, &copy.content_type) < 0 ||
        copy_header(a, LIT("retry-after"), arena, &copy.retry_after) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a response of %zu bytes", a->body.n);
    *out = copy;
    return ECOM_OK;
}
