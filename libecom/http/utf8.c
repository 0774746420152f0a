#include "http/utf8.h"

#include <string.h>

/* The bounds of the second byte leave no overlong forms, surrogates or what lies past U+10FFFF. */
static int begin(struct utf8 *u, uint8_t b)
{
    u->low = b == 0xE0 ? 0xA0 : b == 0xF0 ? 0x90 : 0x80;
    u->high = b == 0xED ? 0x9F : b == 0xF4 ? 0x8F : 0xBF;
    if (b < 0x80)
        u->need = 0;
    else if (b >= 0xC2 && b <= 0xDF)
        u->need = 1;
    else if (b >= 0xE0 && b <= 0xEF)
        u->need = 2;
    else if (b >= 0xF0 && b <= 0xF4)
        u->need = 3;
    else
        return -1;
    return 0;
}

static int go_on(struct utf8 *u, uint8_t b)
{
    if (b < u->low || b > u->high)
        return -1;
    u->need--;
    u->low = 0x80;
    u->high = 0xBF;
    return 0;
}

static size_t ascii(ecom_str bytes)
{
    size_t i = 0;

    for (uint64_t eight; bytes.n - i >= 8; i += 8) {
        memcpy(&eight, bytes.p + i, 8);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    return i;
}

int ecom__http_utf8_feed(struct utf8 *u, ecom_str bytes)
{
    for (size_t i = 0; i < bytes.n; i++) {
        if (u->need == 0 && bytes.n - i >= 8)
            i += ascii((ecom_str){bytes.p + i, bytes.n - i});
        if (i == bytes.n)
            break;
        uint8_t b = (uint8_t)bytes.p[i];
        if ((u->need ? go_on(u, b) : begin(u, b)) < 0)
            return -1;
    }
    return 0;
}
