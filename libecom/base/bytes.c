#include "base/bytes.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

ecom_str ecom_str_of(const char *s)
{
    return (ecom_str){s, s ? strlen(s) : 0};
}

int ecom_str_eq(ecom_str a, ecom_str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

int ecom_str_cmp(ecom_str a, ecom_str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int r = n ? memcmp(a.p, b.p, n) : 0;

    return r ? r : (a.n > b.n) - (a.n < b.n);
}

int ecom_buf_reserve(ecom_buf *buf, size_t n)
{
    size_t cap = buf->cap ? buf->cap : 64;

    if (n >= SIZE_MAX / 2 - buf->n)
        return ECOM_E_NOMEM;
    if (buf->p && buf->n + n < buf->cap)
        return ECOM_OK;
    while (cap <= buf->n + n) /* one more: for the NUL */
        cap *= 2;

    char *p = realloc(buf->p, cap);
    if (!p)
        return ECOM_E_NOMEM;
    buf->p = p;
    buf->cap = cap;
    return ECOM_OK;
}

int ecom_buf_append(ecom_buf *buf, ecom_str bytes)
{
    if (ecom_buf_reserve(buf, bytes.n) < 0)
        return ECOM_E_NOMEM;
    if (bytes.n)
        memcpy(buf->p + buf->n, bytes.p, bytes.n);
    buf->n += bytes.n;
    buf->p[buf->n] = '\0';
    return ECOM_OK;
}

int ecom_buf_printf(ecom_buf *buf, const char *fmt, ...)
{
    va_list args, again;
    int r = ECOM_E_NOMEM;

    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    if (n >= 0 && ecom_buf_reserve(buf, (size_t)n) == ECOM_OK) {
        vsnprintf(buf->p + buf->n, (size_t)n + 1, fmt, again);
        buf->n += (size_t)n;
        r = ECOM_OK;
    }
    va_end(again);
    va_end(args);
    return r;
}

ecom_str ecom_buf_str(const ecom_buf *buf)
{
    return (ecom_str){buf->p, buf->n};
}

void ecom_buf_free(ecom_buf *buf)
{
    if (!buf)
        return;
    free(buf->p);
    *buf = (ecom_buf){0};
}

int ecom__buf_cut(ecom_buf *buf, size_t before, int code)
{
    buf->n = before;
    if (buf->p)
        buf->p[before] = '\0';
    return code;
}
