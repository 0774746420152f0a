#include <stdint.h>
#include <stdlib.h>

#include "ecom/event.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* What was decoded can be encoded, and decodes to the same again. The input is a message's body,
 * and what its headers say, too. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const ecom_str input = {(const char *)data, n};
    const ecom_header headers[] = {{{"x-correlation-id", 16}, input}, {{"traceparent", 11}, input}};
    const ecom_msg msg = {.body = input, .headers = headers, .nheaders = 2};
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_contract *which;
    ecom_msg once, twice;
    ecom_error e;
    void *event;

    must(arena != NULL);
    if (ecom_event_decode(ecom_shop_contracts, &msg, arena, &which, &event, &e) == ECOM_OK) {
        must(ecom_event_encode(which, (ecom_str){0}, event, arena, &once, &e) == ECOM_OK);
        must(ecom_event_decode(ecom_shop_contracts, &once, arena, &which, &event, &e) == ECOM_OK);
        must(ecom_event_encode(which, (ecom_str){0}, event, arena, &twice, &e) == ECOM_OK);
        must(ecom_str_eq(once.body, twice.body) && once.nheaders == twice.nheaders);
    } else {
        must(e.code < 0 && e.text[0]);
    }
    ecom_arena_free(arena);
    return 0;
}
