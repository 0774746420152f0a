#include <stdint.h>
#include <stdlib.h>

#include "store/pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* A column as a damaged file might have it: what is read lies inside it, and packs to the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const ecom_str all = {(const char *)data, n};
    ecom_str rest = all, a, b;
    ecom_buf again = {0};
    int flag, r;

    while ((r = ecom__pack_next(&rest, &a, &b, &flag)) == 1) {
        must(a.p >= all.p && b.p == a.p + a.n && rest.p == b.p + b.n);
        must(rest.p + rest.n == all.p + all.n);
        must(ecom__pack_add(&again, a, b, flag) == ECOM_OK);
    }
    must(r == 0 ? rest.n == 0 : r == ECOM_E_CORRUPT);
    must(ecom_str_eq((ecom_str){all.p, n - rest.n}, ecom_buf_str(&again)));
    ecom_buf_free(&again);
    return 0;
}
