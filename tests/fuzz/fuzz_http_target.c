/* URLs, queries and traceparents: what is decoded has no NUL, is UTF-8 and no longer than before.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/target.h"
#include "http/trace.h"
#include "http/url.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_decoding(ecom_str in, int plus)
{
    char *out = malloc(in.n ? in.n : 1), *again = malloc(in.n ? in.n : 1);

    must(out && again);
    ssize_t n = ecom__http_decode(in, plus, out);
    if (n >= 0) {
        must((size_t)n <= in.n && !memchr(out, 0, (size_t)n));
        if (in.n && !memchr(in.p, '%', in.n) && !memchr(in.p, '+', in.n))
            must((size_t)n == in.n && memcmp(out, in.p, in.n) == 0);
        memcpy(again, in.p, in.n); /* in place */
        must(ecom__http_decode((ecom_str){again, in.n}, plus, again) == n);
        must(memcmp(out, again, (size_t)n) == 0);
    }
    free(out);
    free(again);
}

static void check_query(ecom_str in)
{
    ecom_str rest = in, name, value;

    while (ecom__http_query_next(&rest, &name, &value)) {
        must(name.p >= in.p && name.p + name.n <= in.p + in.n);
        must(value.n == 0 || value.p + value.n <= in.p + in.n);
        must(!memchr(name.p, '&', name.n) && !memchr(name.p, '=', name.n));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_str in = {n ? (const char *)data : "", n};
    char trace[TRACE_BYTES + 1], again[TRACE_BYTES + 1];
    struct url url;
    ecom_error e;

    check_decoding(in, 0);
    check_decoding(in, 1);
    check_query(in);
    if (ecom__http_url_parse(&url, in, &e) == ECOM_OK) {
        must(strlen(url.host) > 0 && strlen(url.port) > 0 && url.authority.n >= strlen(url.host));
        must(url.target.n + url.authority.n + 7 == n);
    }
    ecom__http_trace_child(in, ecom_env_system(), trace);
    ecom__http_trace_child((ecom_str){trace, TRACE_BYTES}, ecom_env_system(), again);
    must(memcmp(trace, again, 35) == 0); /* what we make, we take */
    return 0;
}
