#include "lambda/base64.h"

static int value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Four digits, the last of which may be padding, to up to three bytes. @return how many; -1. */
static int decode_group(const char *in, int is_last, unsigned char out[3])
{
    int pad = is_last ? (in[3] == '=') + (in[3] == '=' && in[2] == '=') : 0;
    uint32_t bits = 0;

    for (int i = 0; i < 4 - pad; i++) {
        int v = value_of(in[i]);
        if (v < 0)
            return -1;
        bits = bits << 6 | (uint32_t)v;
    }
    bits <<= 6 * pad;
    if (bits & ((1u << (8 * pad)) - 1)) /* bits that no encoder sets */
        return -1;
    for (int i = 0; i < 3; i++)
        out[i] = (unsigned char)(bits >> (16 - 8 * i));
    return 3 - pad;
}

int ecom__lambda_base64(ecom_str text, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    if (text.n % 4)
        return ecom_fail(err, ECOM_E_INVAL, "is not base64: %zu characters", text.n);
    char *bytes = ecom_arena_alloc(arena, text.n / 4 * 3 + 1);
    size_t n = 0;
    if (!bytes)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    for (size_t i = 0; i < text.n; i += 4) {
        unsigned char group[3];
        int k = decode_group(text.p + i, i + 4 == text.n, group);
        if (k < 0)
            return ecom_fail(err, ECOM_E_INVAL, "is not base64 in characters %zu to %zu", i + 1,
                             i + 4);
        for (int j = 0; j < k; j++)
            bytes[n++] = (char)group[j];
    }
    *out = (ecom_str){bytes, n};
    return ECOM_OK;
}
