#include "base/json_scan.h"

#include <string.h>

#include "base/utf8.h"

/* Four hexadecimal digits; -1 when they are not there. The NUL behind the text is none. */
static int32_t hex4(const char *p)
{
    int32_t v = 0;

    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], lower = c | 0x20;
        int digit = c >= '0' && c <= '9'           ? c - '0'
                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                   : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static char *put_utf8(char *to, int32_t c)
{
    if (c < 0x80) {
        *to++ = (char)c;
        return to;
    }
    if (c < 0x800) {
        *to++ = (char)(0xC0 | c >> 6);
    } else if (c < 0x10000) {
        *to++ = (char)(0xE0 | c >> 12);
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    } else {
        *to++ = (char)(0xF0 | c >> 18);
        *to++ = (char)(0x80 | (c >> 12 & 0x3F));
        *to++ = (char)(0x80 | (c >> 6 & 0x3F));
    }
    *to++ = (char)(0x80 | (c & 0x3F));
    return to;
}

static const char *scan_unicode_escape(char **p, char **to, int is_key)
{
    const char *from = *p;
    int32_t c = hex4(from + 2), low;

    if (c < 0)
        return "a \\u escape without four hexadecimal digits";
    if (c == 0 && is_key)
        return "NUL in a key";
    if (c >= 0xDC00 && c <= 0xDFFF)
        return "a lone surrogate";
    if (c >= 0xD800 && c < 0xDC00) {
        low = from[6] == '\\' && from[7] == 'u' ? hex4(from + 8) : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return "a lone surrogate";
        c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
        *p += 6;
    }
    *p += 6;
    *to = put_utf8(*to, c);
    return NULL;
}

static const char *scan_escape(char **p, char **to, int is_key)
{
    static const char from[] = "\"\\/bfnrt", means[] = "\"\\/\b\f\n\r\t";
    char c = (*p)[1];
    const char *known = c ? strchr(from, c) : NULL;

    if (c == 'u')
        return scan_unicode_escape(p, to, is_key);
    if (!known)
        return "an unknown escape";
    *(*to)++ = means[known - from];
    *p += 2;
    return NULL;
}

static const char *scan_utf8(char **p, const char *end, char **to)
{
    ecom_str rest = {*p, (size_t)(end - *p)};

    if (ecom__utf8_next(&rest) < 0)
        return "invalid UTF-8";
    while (*p < rest.p)
        *(*to)++ = *(*p)++;
    return NULL;
}

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* The plain characters at *p, closed up with what was read before them. */
static void take_plain(char **p, char **to)
{
    char *from = *p, *at = from;
    size_t n;

    while (is_plain((unsigned char)*at))
        at++;
    n = (size_t)(at - from);
    if (*to != from)
        memmove(*to, from, n);
    *p = at;
    *to += n;
}

const char *ecom__json_scan_string(char **p, const char *end, int is_key, ecom_str *out)
{
    char *start = *p, *to = start;
    const char *fault = NULL;

    while (!fault) {
        take_plain(p, &to);
        if (**p == '"')
            break;
        if (*p == end)
            return "the text ends inside a string";
        if ((unsigned char)**p < 0x20)
            return "a control character in a string";
        fault = **p == '\\' ? scan_escape(p, &to, is_key) : scan_utf8(p, end, &to);
    }
    if (fault)
        return fault;
    ++*p;
    *out = (ecom_str){start, (size_t)(to - start)};
    return NULL;
}

/* Truth: there was one at least. */
static int take_digits(char **p)
{
    const char *from = *p;

    while (**p >= '0' && **p <= '9')
        ++*p;
    return *p > from;
}

static int take(char **p, char a, char b)
{
    int is = **p == a || **p == b;

    *p += is;
    return is;
}

/* Readers elsewhere, ours among them, take an integer as one of 64 bits, and each does something
 * else with more. Comparing text is enough: there are no leading zeros. */
static int fits_64_bits(ecom_str integer)
{
    int negative = *integer.p == '-';
    ecom_str most = ecom_str_of(negative ? "9223372036854775808" : "18446744073709551615");

    integer.p += negative;
    integer.n -= negative;
    return integer.n < most.n || (integer.n == most.n && memcmp(integer.p, most.p, most.n) <= 0);
}

const char *ecom__json_scan_number(char **p, ecom_str *out)
{
    char *start = *p;
    int is_integer = 1;

    take(p, '-', '-');
    if (!take(p, '0', '0') && !take_digits(p))
        return "a number without digits";
    if (take(p, '.', '.')) {
        is_integer = 0;
        if (!take_digits(p))
            return "a number without digits behind the point";
    }
    if (take(p, 'e', 'E')) {
        is_integer = 0;
        take(p, '+', '-');
        if (!take_digits(p))
            return "a number without digits in the exponent";
    }
    *out = (ecom_str){start, (size_t)(*p - start)};
    if (!is_integer || fits_64_bits(*out))
        return NULL;
    *p = start;
    return "an integer that 64 bits cannot hold";
}
