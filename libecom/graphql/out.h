/* Appending to a response: most often there is room, and then it is a copy and nothing else. */
#ifndef GRAPHQL_OUT_H
#define GRAPHQL_OUT_H

#include "ecom/json.h"

#include <string.h>

/* Room for @p n bytes at the end, and one more; NULL: out of memory. */
static inline char *gql_room(ecom_buf *out, size_t n)
{
    if (n >= out->cap - out->n && ecom_buf_reserve(out, n) < 0)
        return NULL;
    return out->p + out->n;
}

static inline int gql_put_n(ecom_buf *out, const char *s, size_t n)
{
    char *p = gql_room(out, n);

    if (!p)
        return ECOM_E_NOMEM;
    memcpy(p, s, n);
    p[n] = '\0';
    out->n += n;
    return ECOM_OK;
}
/* Of a string literal. */
#define GQL_PUT(out_, s_) gql_put_n((out_), (s_), sizeof(s_) - 1)

/* Eight bytes at once: 0 when none must be escaped. What it flags may still be plain. */
static inline uint64_t gql_must_escape(uint64_t x)
{
    const uint64_t ones = UINT64_C(0x0101010101010101), high = ones << 7;
    uint64_t quote = x ^ ones * '"', slash = x ^ ones * '\\';

    return (((x - ones * 0x20) & ~x) | ((quote - ones) & ~quote) | ((slash - ones) & ~slash) | x) &
           high;
}

/* Truth: the text is a JSON string as it stands. */
static inline int gql_is_plain(const char *s, size_t n)
{
    uint64_t word;

    for (; n >= 8; s += 8, n -= 8) {
        memcpy(&word, s, 8);
        if (gql_must_escape(word))
            return 0;
    }
    for (; n; s++, n--) {
        unsigned char c = (unsigned char)*s;
        if (c < 0x20 || c >= 0x80 || c == '"' || c == '\\')
            return 0;
    }
    return 1;
}

/* As a JSON string. */
static inline int gql_put_text(ecom_buf *out, const char *s, size_t n)
{
    char *p;

    if (!gql_is_plain(s, n))
        return ecom_json_write_str(out, (ecom_str){s, n});
    if (!(p = gql_room(out, n + 2)))
        return ECOM_E_NOMEM;
    *p++ = '"';
    memcpy(p, s, n);
    p += n;
    *p++ = '"';
    *p = '\0';
    out->n += n + 2;
    return ECOM_OK;
}

#endif
