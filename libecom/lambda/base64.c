#include "lambda/base64.h"

#include <sodium.h>

int ecom__lambda_base64(ecom_str text, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    const size_t room = text.n / 4 * 3 + 1;
    unsigned char *bytes = ecom_arena_alloc(arena, room);
    const char *end = text.p;
    size_t n = 0;

    if (!bytes)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    if (sodium_base642bin(bytes, room, text.p, text.n, NULL, &n, &end,
                          sodium_base64_VARIANT_ORIGINAL) != 0 ||
        end != text.p + text.n)
        return ecom_fail(err, ECOM_E_INVAL, "is not base64, seen at character %zu",
                         (size_t)(end - text.p) + 1);
    *out = (ecom_str){(const char *)bytes, n};
    return ECOM_OK;
}
