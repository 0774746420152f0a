#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/env.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_format(int64_t ms)
{
    char once[25], twice[25];
    int64_t again;

    ecom_time_format(ms, once);
    must(strlen(once) == 24);
    must(ecom_time_parse(ecom_str_of(once), &again, NULL) == ECOM_OK);
    ecom_time_format(again, twice);
    must(strcmp(once, twice) == 0);
}

/* A time that is read is written as the same; any number is written as a time that is read. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const ecom_str text = {(const char *)data, n};
    int64_t ms = 0;
    ecom_error e;

    if (ecom_time_parse(text, &ms, &e) == ECOM_OK)
        check_format(ms);
    (void)ecom_id_valid(text);
    memcpy(&ms, data, n < sizeof(ms) ? n : sizeof(ms));
    check_format(ms);
    return 0;
}
