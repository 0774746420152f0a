/* JSON to BSON and back: what is said to be exact comes back to the byte, and whatever is stored
 * comes back as JSON or is told as damage. */
#include <bson/bson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/json.h"
#include "mongodb/bson_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_json(ecom_str text)
{
    ecom_buf back = {0};
    ecom__bson made = {0};
    int exact = 0;
    bson_t doc;

    if (ecom__bson_from_json(text, &made, &exact) == ECOM_OK) {
        must(ecom__bson_view(&made, 0, &doc));
        must(ecom__bson_to_json(&doc, &back, NULL) == ECOM_OK);
        must(!exact || ecom_str_eq(text, ecom_buf_str(&back)));
        ecom_buf_free(&back);
    }
    ecom_buf_free(&made.bytes);
}

/* JSON that others may have, and we refuse to read. */
static int is_beyond_us(const ecom_error *e)
{
    return strstr(e->text, "is there twice") || strstr(e->text, "64 bits cannot hold");
}

/* Bytes as another program may have stored them. */
static void check_bson(const uint8_t *data, size_t n)
{
    const ecom_json_limits limits = {
        .size = sizeof(limits), .max_bytes = 1 << 30, .max_depth = 512, .max_keys = UINT32_MAX};
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json *json;
    ecom_buf out = {0};
    ecom_error e;
    bson_t doc;

    must(arena != NULL);
    if (bson_init_static(&doc, data, n)) {
        int r = ecom__bson_to_json(&doc, &out, NULL);
        must(r == ECOM_OK || (r == ECOM_E_CORRUPT && out.n == 0));
        if (r == ECOM_OK && bson_validate(&doc, BSON_VALIDATE_UTF8, NULL)) {
            r = ecom_json_parse(ecom_buf_str(&out), &limits, arena, &json, &e);
            must(r == ECOM_OK || r == ECOM_E_TOOLARGE || is_beyond_us(&e));
        }
    }
    ecom_buf_free(&out);
    ecom_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    check_json((ecom_str){n ? (const char *)data : "", n});
    check_bson(data, n);
    return 0;
}
