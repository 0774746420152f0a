#include <stdint.h>
#include <stdlib.h>

#include "ecom/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* Every number is read, every string written; names are found under their own. */
static void visit(const ecom_json *value)
{
    int64_t number;
    ecom_error e;

    (void)!ecom_json_int(value, &number, &e);
    (void)ecom_json_get(value, "a");
    for (const ecom_json *below = value->first; below; below = below->next)
        visit(below);
}

/* What is read, written and read again is the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    const ecom_json_limits limits = {.size = sizeof(limits), .max_depth = 40, .max_keys = 50};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf once = {0}, twice = {0};
    const ecom_json *value;
    ecom_error e;

    must(arena != NULL);
    if (ecom_json_parse((ecom_str){(const char *)data, n}, &limits, arena, &value, &e) == ECOM_OK) {
        visit(value);
        must(ecom_json_write(&once, value) == ECOM_OK);
        must(ecom_json_parse(ecom_buf_str(&once), &limits, arena, &value, &e) == ECOM_OK);
        must(ecom_json_write(&twice, value) == ECOM_OK);
        must(ecom_str_eq(ecom_buf_str(&once), ecom_buf_str(&twice)));
    } else {
        must(e.code < 0 && e.text[0]);
    }
    ecom_buf_free(&once);
    ecom_buf_free(&twice);
    ecom_arena_free(arena);
    return 0;
}
