/* A request's way through the parsers: whatever the packets, the same is read from it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/chunked.h"
#include "http/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_HEAD = 512, MAX_HEADERS = 8, MAX_BODY = 64 };

/* What one pass found out. */
struct reading {
    ssize_t head;
    int parsed, status, chunked;
    ssize_t body;
    ecom_buf content;
    struct chunks chunks;
};

static void must(int ok)
{
    if (!ok)
        abort();
}

/* Finds the end of the head in steps of so many bytes. */
static ssize_t find(ecom_str in, size_t step, struct refusal *why)
{
    struct head_scan scan = {0};
    ssize_t r = 0;

    for (size_t have = 0; r == 0 && have < in.n;) {
        have = in.n - have < step ? in.n : have + step;
        r = ecom__http_head_find(&scan, (ecom_str){in.p, have}, MAX_HEAD, why);
    }
    return r;
}

static void check_slices(const struct head *head, ecom_str in)
{
    must(head->method.n > 0 && head->target.n > 0 && head->nheaders <= MAX_HEADERS);
    must(head->minor == 0 || head->minor == 1);
    must(!(head->chunked && head->length >= 0));
    for (size_t i = 0; i < head->nheaders; i++) {
        const ecom_header *h = &head->headers[i];
        must(ecom__http_is_token(h->name) && ecom__http_is_text(h->value));
        must(h->name.p >= in.p && h->name.p + h->name.n < in.p + in.n);
        must(h->value.n == 0 || h->value.p + h->value.n < in.p + in.n);
    }
}

static void check_target(const struct head *head)
{
    ecom_arena *arena = ecom_arena_new(0);
    struct target target;
    struct refusal why;

    must(arena != NULL);
    if (ecom__http_target_parse(&target, head, arena, &why) == 0)
        for (size_t i = 0; i < target.nsegments && i < TARGET_MAX_SEGMENTS; i++)
            must(target.segments[i].n == 0 ||
                 !memchr(target.segments[i].p, 0, target.segments[i].n));
    ecom_arena_free(arena);
}

static ssize_t feed(struct reading *r, ecom_str in, size_t step, struct refusal *why)
{
    size_t used = 0;

    while (used < in.n && !r->chunks.done) {
        size_t n = in.n - used < step ? in.n - used : step;
        ssize_t k = ecom__http_chunks_feed(&r->chunks, (ecom_str){in.p + used, n}, &r->content,
                                           MAX_BODY, MAX_HEAD, why);
        if (k < 0)
            return -1;
        must(k == (ssize_t)n || r->chunks.done);
        used += (size_t)k;
    }
    return (ssize_t)used;
}

static void read_request(ecom_str in, size_t step, struct reading *r)
{
    ecom_header headers[MAX_HEADERS];
    struct head head = {.headers = headers, .max = MAX_HEADERS};
    struct refusal why = {0};

    *r = (struct reading){.head = find(in, step, &why)};
    if (r->head > 0) {
        ecom_str bytes = {in.p, (size_t)r->head};
        must(bytes.n <= MAX_HEAD);
        r->parsed = ecom__http_request_parse(&head, bytes, &why) == 0;
        if (r->parsed) {
            check_slices(&head, bytes);
            check_target(&head);
            r->chunked = head.chunked;
        }
        if (r->chunked)
            r->body = feed(r, (ecom_str){in.p + r->head, in.n - bytes.n}, step, &why);
        must(r->content.n <= MAX_BODY);
    }
    r->status = why.status;
    must(r->status == 0 || r->status >= 400);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {1, 7};
    ecom_str in = {n ? (const char *)data : "", n};
    struct reading whole, parts;

    read_request(in, n ? n : 1, &whole);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        read_request(in, steps[i], &parts);
        /* A head that is too long may be noticed in another place. */
        must(whole.head == parts.head && whole.status == parts.status);
        must(whole.parsed == parts.parsed && whole.body == parts.body);
        must(ecom_str_eq(ecom_buf_str(&whole.content), ecom_buf_str(&parts.content)));
        ecom_buf_free(&parts.content);
    }
    ecom_buf_free(&whole.content);
    return 0;
}
