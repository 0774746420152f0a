#include "base/utf8.h"

/* The value of a sequence of n bytes, or -1: all behind the first must be continuations. */
static int32_t decode(const unsigned char *p, size_t n, int32_t lead, int32_t least)
{
    for (size_t i = 1; i < n; i++) {
        if ((p[i] & 0xC0) != 0x80)
            return -1;
        lead = lead << 6 | (p[i] & 0x3F);
    }
    return lead < least || lead > 0x10FFFF || (lead >= 0xD800 && lead <= 0xDFFF) ? -1 : lead;
}

int32_t ecom__utf8_next(ecom_str *text)
{
    const unsigned char *p = (const unsigned char *)text->p;
    size_t n = 1;
    int32_t c = -1;

    if (*p < 0x80)
        c = *p;
    else if (*p >= 0xC2 && *p < 0xE0 && text->n >= 2)
        c = decode(p, n = 2, *p & 0x1F, 0x80);
    else if (*p >= 0xE0 && *p < 0xF0 && text->n >= 3)
        c = decode(p, n = 3, *p & 0x0F, 0x800);
    else if (*p >= 0xF0 && *p < 0xF5 && text->n >= 4)
        c = decode(p, n = 4, *p & 0x07, 0x10000);

    n = c < 0 ? 1 : n;
    text->p += n;
    text->n -= n;
    return c;
}

/* Without a branch a byte, so that the compiler looks at many at once: most text is. */
static int is_ascii(ecom_str text)
{
    unsigned char all = 0;

    for (size_t i = 0; i < text.n; i++)
        all |= (unsigned char)text.p[i];
    return all < 0x80;
}

int ecom__utf8_valid(ecom_str text)
{
    if (is_ascii(text))
        return 1;
    while (text.n)
        if (ecom__utf8_next(&text) < 0)
            return 0;
    return 1;
}

size_t ecom__utf8_count(ecom_str text)
{
    size_t count = 0;

    if (is_ascii(text))
        return text.n;
    for (; text.n; count++)
        if (ecom__utf8_next(&text) < 0)
            return SIZE_MAX;
    return count;
}
