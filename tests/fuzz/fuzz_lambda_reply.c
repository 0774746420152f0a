/* A response of the Runtime API: whatever the packets, the same is read from it. */
#include <stdlib.h>

#include "lambda/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_BODY = 64 };

static void must(int ok)
{
    if (!ok)
        abort();
}

static int feed(struct reply *reply, ecom_str in, size_t step)
{
    size_t used = 0;

    ecom__lambda_reply_init(reply, MAX_BODY);
    while (used < in.n && !reply->done) {
        size_t k = in.n - used < step ? in.n - used : step;
        ssize_t took = ecom__lambda_reply_feed(reply, (ecom_str){in.p + used, k}, NULL);
        if (took < 0)
            return (int)took;
        must((size_t)took == k || reply->done);
        must(reply->body.n <= MAX_BODY);
        used += (size_t)took;
    }
    return ecom__lambda_reply_end(reply, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const size_t steps[] = {1, 7};
    ecom_str in = {n ? (const char *)data : "", n};
    struct reply whole, parts;
    int r = feed(&whole, in, n ? n : 1);

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        must(feed(&parts, in, steps[i]) == r);
        must(r < 0 || (whole.status == parts.status && whole.keep_alive == parts.keep_alive &&
                       ecom_str_eq(ecom_buf_str(&whole.body), ecom_buf_str(&parts.body)) &&
                       ecom_str_eq(ecom__lambda_reply_header(&whole, "x"),
                                   ecom__lambda_reply_header(&parts, "x"))));
        ecom__lambda_reply_clear(&parts);
    }
    ecom__lambda_reply_clear(&whole);
    return 0;
}
