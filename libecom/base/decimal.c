#include "base/decimal.h"

#include "base/ascii.h"

enum { MOST_DIGITS = 19, MOST_EXPONENT = 1 << 30 };

/* A number as its significant digits, without zeros at either end, times a power of ten. */
struct decimal {
    int negative;
    char digits[MOST_DIGITS];
    int64_t ndigits; /* those past MOST_DIGITS are counted, not kept */
    int64_t zeros;   /* that follow and count only if another digit comes */
    int64_t power;
};

static int is_digit(ecom_str s)
{
    return s.n && *s.p >= '0' && *s.p <= '9';
}

static void add_digit(struct decimal *d, char digit)
{
    if (digit == '0') {
        d->zeros += d->ndigits > 0;
        return;
    }
    for (; d->zeros; d->zeros--, d->ndigits++)
        if (d->ndigits < MOST_DIGITS)
            d->digits[d->ndigits] = '0';
    if (d->ndigits < MOST_DIGITS)
        d->digits[d->ndigits] = digit;
    d->ndigits++;
}

/* Reads a run of digits; how many there were. */
static int64_t run(ecom_str *s, struct decimal *d)
{
    int64_t n = 0;

    for (; is_digit(*s); s->p++, s->n--, n++)
        add_digit(d, *s->p);
    return n;
}

static int exponent(ecom_str *s, int64_t *out)
{
    int64_t e = 0;
    int minus = ecom__take(s, '-', '-');

    if (!minus)
        ecom__take(s, '+', '+');
    if (!is_digit(*s))
        return 0;
    for (; is_digit(*s); s->p++, s->n--)
        if (e < MOST_EXPONENT)
            e = e * 10 + (*s->p - '0');
    *out = minus ? -e : e;
    return 1;
}

static int read(ecom_str s, struct decimal *d)
{
    int64_t places = 0, e = 0;

    d->negative = ecom__take(&s, '-', '-');
    if (!is_digit(s) || (!ecom__take(&s, '0', '0') ? run(&s, d) == 0 : is_digit(s)))
        return 0;
    if (ecom__take(&s, '.', '.') && (places = run(&s, d)) == 0)
        return 0;
    if (ecom__take(&s, 'e', 'E') && !exponent(&s, &e))
        return 0;
    d->power = e - places + d->zeros;
    return s.n == 0;
}

enum ecom__decimal ecom__decimal_parse(ecom_str text, int places, int64_t *out)
{
    struct decimal d = {0};

    if (!read(text, &d))
        return ECOM__DECIMAL_SYNTAX;
    int64_t shift = d.power + places;
    if (d.ndigits && shift < 0)
        return ECOM__DECIMAL_PLACES;
    if (d.ndigits && d.ndigits + shift > MOST_DIGITS)
        return ECOM__DECIMAL_RANGE;

    uint64_t v = 0, most = d.negative ? (uint64_t)INT64_MAX + 1 : (uint64_t)INT64_MAX;
    for (int64_t i = 0; d.ndigits && i < d.ndigits + shift; i++)
        v = v * 10 + (i < d.ndigits ? (uint64_t)(d.digits[i] - '0') : 0); /* below 10^19: fits */
    if (v > most)
        return ECOM__DECIMAL_RANGE;
    *out = d.negative ? (int64_t)(0 - v) : (int64_t)v;
    return ECOM__DECIMAL_OK;
}
