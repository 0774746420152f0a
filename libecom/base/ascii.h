/* Names and numbers of protocols, which are ASCII whatever the locale. Inline, as libraries beside
 * libecom use it too. */
#ifndef BASE_ASCII_H
#define BASE_ASCII_H

#include <string.h>

#include "ecom/base.h"

/* Equality, letters in any case. strncasecmp() would ask the locale. */
static inline int ecom__same(ecom_str a, ecom_str b)
{
    if (a.n != b.n)
        return 0;
    for (size_t i = 0; i < a.n; i++) {
        char x = a.p[i], y = b.p[i];
        x = x >= 'A' && x <= 'Z' ? (char)(x | 0x20) : x;
        y = y >= 'A' && y <= 'Z' ? (char)(y | 0x20) : y;
        if (x != y)
            return 0;
    }
    return 1;
}

static inline int ecom__is_word(ecom_str text, const char *word)
{
    return ecom__same(text, (ecom_str){word, strlen(word)});
}

static inline int ecom__starts(ecom_str text, const char *word)
{
    const size_t n = strlen(word);

    return text.n >= n && ecom__same((ecom_str){text.p, n}, (ecom_str){word, n});
}

/* Without spaces and tabs at both ends. */
static inline ecom_str ecom__trim(ecom_str s)
{
    while (s.n && (*s.p == ' ' || *s.p == '\t'))
        s.p++, s.n--;
    while (s.n && (s.p[s.n - 1] == ' ' || s.p[s.n - 1] == '\t'))
        s.n--;
    return s;
}

/* Takes one character off the front, if it is a or b. Truth: it was. */
static inline int ecom__take(ecom_str *s, char a, char b)
{
    if (s->n == 0 || (*s->p != a && *s->p != b))
        return 0;
    s->p++;
    s->n--;
    return 1;
}

#endif
