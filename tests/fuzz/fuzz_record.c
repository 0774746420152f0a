#include <stdint.h>
#include <stdlib.h>

#include "../unit/everything.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* What was read keeps the rules, and written and read again it is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf once = {0}, twice = {0};
    struct everything thing;
    ecom_error e;

    must(arena != NULL);
    if (ecom_record_read(&everything, (ecom_str){(const char *)data, n}, NULL, arena, &thing, &e) ==
        ECOM_OK) {
        must(ecom_record_check(&everything, &thing, &e) == ECOM_OK);
        must(ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &once) == ECOM_OK);
        must(ecom_record_read(&everything, ecom_buf_str(&once), NULL, arena, &thing, &e) ==
             ECOM_OK);
        must(ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &twice) == ECOM_OK);
        must(ecom_str_eq(ecom_buf_str(&once), ecom_buf_str(&twice)));
    } else {
        must(e.code < 0 && e.text[0]);
    }
    ecom_buf_free(&once);
    ecom_buf_free(&twice);
    ecom_arena_free(arena);
    return 0;
}
