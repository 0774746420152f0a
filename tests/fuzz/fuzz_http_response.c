/* A response: whatever the packets, the same is read from it. */
#include <stdint.h>
#include <stdlib.h>

#include "http/answer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_BODY = 64 };

static void must(int ok)
{
    if (!ok)
        abort();
}

/* Feeds it as a connection would: what was not taken comes again. Returns 0 or the error. */
static int feed(struct answer *a, ecom_str in, size_t step)
{
    size_t used = 0, have = 0;
    ecom_error e;

    while (have < in.n && !a->done) {
        have = in.n - have < step ? in.n : have + step;
        ssize_t n = ecom__http_answer_feed(a, (ecom_str){in.p + used, have - used}, &e);
        if (n < 0)
            return (int)n;
        used += (size_t)n;
        must(used <= have && a->body.n <= MAX_BODY);
    }
    return a->done ? ECOM_OK : ecom__http_answer_end(a, &e);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {1, 7};
    ecom_str in = {n ? (const char *)data : "", n};
    struct answer whole, parts;
    ecom_error e;

    ecom__http_answer_init(&whole, n & 1, MAX_BODY);
    int r = feed(&whole, in, n ? n : 1);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        ecom__http_answer_init(&parts, n & 1, MAX_BODY);
        must(feed(&parts, in, steps[i]) == r);
        must(r < 0 || (whole.head.status == parts.head.status &&
                       ecom_str_eq(ecom_buf_str(&whole.body), ecom_buf_str(&parts.body))));
        ecom__http_answer_clear(&parts);
    }
    if (r == ECOM_OK) {
        ecom_http_answer answer = {.status = whole.head.status, .body = ecom_buf_str(&whole.body)};
        must((ecom_http_answer_error(&answer, &e) < 0) == (answer.status >= 400));
    }
    ecom__http_answer_clear(&whole);
    return 0;
}
