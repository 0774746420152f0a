#include <stdint.h>
#include <stdlib.h>

#include "ecom/record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* An amount that is read is written as the same amount. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    int64_t minor, again;
    ecom_buf out = {0};
    ecom_error e;

    if (ecom_money_parse((ecom_str){(const char *)data, n}, &minor, &e) == ECOM_OK) {
        must(minor >= -ECOM_MONEY_MAX && minor <= ECOM_MONEY_MAX);
        must(ecom_money_write(&out, minor) == ECOM_OK);
        must(ecom_money_parse(ecom_buf_str(&out), &again, &e) == ECOM_OK && again == minor);
    }
    ecom_buf_free(&out);
    return 0;
}
