#include "shop/words.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

/* Lower case for the alphabets that have one and whose letters lie in rows: Latin, Greek, Cyrillic,
 * Armenian. The C library's depends on the process's locale. */
static uint32_t fold(uint32_t c)
{
    if (c < 0x80)
        return c >= 'A' && c <= 'Z' ? c + 32 : c;
    if ((c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3AB && c != 0x3A2) ||
        (c >= 0x410 && c <= 0x42F))
        return c + 32;
    if (c >= 0x400 && c <= 0x40F)
        return c + 80;
    if (c >= 0x531 && c <= 0x556)
        return c + 48;
    /* Pairs: an even capital before its small letter, or an odd one. */
    if ((c >= 0x100 && c <= 0x137 && c != 0x130) || (c >= 0x14A && c <= 0x177) ||
        (c >= 0x460 && c <= 0x481) || (c >= 0x48A && c <= 0x4BF) || (c >= 0x4D0 && c <= 0x52F) ||
        (c >= 0x1E00 && c <= 0x1E95) || (c >= 0x1EA0 && c <= 0x1EFF))
        return c | 1;
    if ((c >= 0x139 && c <= 0x148) || (c >= 0x179 && c <= 0x17E))
        return c + (c & 1);
    return c == 0x178 ? 0xFF : c == 0x3C2 ? 0x3C3 : c; /* and the sigma at a word's end */
}

/* Beyond ASCII everything is a letter but signs and punctuation. */
static int is_letter(uint32_t c)
{
    if (c < 0x80)
        return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
    if (c < 0xC0)
        return c == 0xAA || c == 0xB5 || c == 0xBA;
    return c != 0xD7 && c != 0xF7 && !(c >= 0x2000 && c <= 0x206F) &&
           !(c >= 0x20A0 && c <= 0x20CF) && !(c >= 0x2190 && c <= 0x2BFF) &&
           !(c >= 0x3000 && c <= 0x3004) && !(c >= 0x3008 && c <= 0x3020) &&
           !(c >= 0xFE10 && c <= 0xFE6F) && !(c >= 0xFF00 && c <= 0xFF0F) && c != 0xFEFF &&
           c != 0xFFFD;
}

static size_t encode(uint32_t c, char out[4])
{
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    size_t n = c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const unsigned char lead[] = {0, 0, 0xC0, 0xE0, 0xF0};
    for (size_t i = n - 1; i > 0; i--, c >>= 6)
        out[i] = (char)(0x80 | (c & 0x3F));
    out[0] = (char)(lead[n] | c);
    return n;
}

/* Takes the character at the start of s: 0 for what is no letter. */
static uint32_t take_letter(ecom_str *s)
{
    int32_t c = ecom__utf8_next(s);

    return c >= 0 && is_letter((uint32_t)c) ? fold((uint32_t)c) : 0;
}

int ecom__words_next(struct ecom__words *words)
{
    int full = 0;

    words->n = 0;
    while (words->rest.n) {
        char bytes[4];
        uint32_t c = take_letter(&words->rest);
        size_t n = c ? encode(c, bytes) : 0;
        if (!c && words->n)
            return 1;
        full |= words->n + n > sizeof(words->word);
        if (full || !c)
            continue;
        memcpy(words->word + words->n, bytes, n);
        words->n += n;
    }
    return words->n > 0;
}

static int add(struct ecom__tokens *tokens, ecom_str token)
{
    if (tokens->n == tokens->room) {
        size_t room = tokens->room ? tokens->room * 2 : 32;
        ecom_str *v = ecom_arena_alloc(tokens->arena, room * sizeof(*v));
        if (!v)
            return ECOM_E_NOMEM;
        if (tokens->n)
            memcpy(v, tokens->v, tokens->n * sizeof(*v));
        tokens->v = v;
        tokens->room = room;
    }
    tokens->v[tokens->n++] = token;
    return ECOM_OK;
}

/* One copy of the word serves all its beginnings. */
static int add_word(struct ecom__tokens *tokens, ecom_str word, int prefixes)
{
    ecom_str copy = ecom_arena_copy(tokens->arena, word);

    if (!copy.p)
        return ECOM_E_NOMEM;
    for (size_t n = 1; prefixes && n < copy.n; n++)
        if (((unsigned char)copy.p[n] & 0xC0) != 0x80 && add(tokens, (ecom_str){copy.p, n}) < 0)
            return ECOM_E_NOMEM;
    return add(tokens, copy);
}

int ecom__tokens_add(struct ecom__tokens *tokens, ecom_str text, size_t most, int prefixes)
{
    struct ecom__words words = {.rest = text};

    for (size_t i = 0; i < most && ecom__words_next(&words); i++)
        if (add_word(tokens, (ecom_str){words.word, words.n}, prefixes) < 0)
            return ECOM_E_NOMEM;
    return ECOM_OK;
}

static int by_bytes(const void *a, const void *b)
{
    return ecom_str_cmp(*(const ecom_str *)a, *(const ecom_str *)b);
}

void ecom__tokens_sort(struct ecom__tokens *tokens)
{
    size_t n = 0;

    if (tokens->n == 0)
        return;
    qsort(tokens->v, tokens->n, sizeof(*tokens->v), by_bytes);
    for (size_t i = 1; i < tokens->n; i++)
        if (!ecom_str_eq(tokens->v[i], tokens->v[n]))
            tokens->v[++n] = tokens->v[i];
    tokens->n = n + 1;
}
