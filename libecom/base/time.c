#include "ecom/env.h"

#include "base/ascii.h"

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar, counting years from March so
 * that the leap day is the last of its year. */
static int64_t days_of(int64_t y, int m, int d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static void date_of(int64_t days, int64_t *y, int *m, int *d)
{
    days += 719468;
    int64_t era = (days >= 0 ? days : days - 146096) / 146097;
    int64_t doe = days - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    int64_t mp = (5 * doy + 2) / 153;
    *d = (int)(doy - (153 * mp + 2) / 5 + 1);
    *m = (int)(mp < 10 ? mp + 3 : mp - 9);
    *y = yoe + era * 400 + (*m <= 2);
}

/* Writes a number in so many digits, and one character behind it. */
static char *put(char *p, int64_t n, int digits, char then)
{
    for (int i = digits; i-- > 0; n /= 10)
        p[i] = (char)('0' + n % 10);
    p[digits] = then;
    return p + digits + 1;
}

void ecom_time_format(int64_t ms, char out[25])
{
    const int64_t day = 86400000;
    const int64_t first = days_of(0, 1, 1) * day, last = days_of(10000, 1, 1) * day - 1;
    int64_t y;
    int m, d;

    ms = ms < first ? first : ms > last ? last : ms;
    int64_t days = ms / day - (ms % day < 0), rest = ms - days * day;
    date_of(days, &y, &m, &d);
    char *p = out;
    p = put(p, y, 4, '-');
    p = put(p, m, 2, '-');
    p = put(p, d, 2, 'T');
    p = put(p, rest / 3600000, 2, ':');
    p = put(p, rest / 60000 % 60, 2, ':');
    p = put(p, rest / 1000 % 60, 2, '.');
    p = put(p, rest % 1000, 3, 'Z');
    *p = '\0';
}

/* Reads n digits; -1 when they are not there. */
static int digits(ecom_str *s, size_t n)
{
    int v = 0;

    if (s->n < n)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return -1;
        v = v * 10 + (s->p[i] - '0');
    }
    s->p += n;
    s->n -= n;
    return v;
}

static int days_in(int y, int m)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};

    return days[m - 1] + (m == 2 && y % 4 == 0 && (y % 100 != 0 || y % 400 == 0));
}

static int fraction_ms(ecom_str *s)
{
    int ms = 0, place = 100, seen = 0;

    for (; s->n && *s->p >= '0' && *s->p <= '9'; s->p++, s->n--, seen = 1) {
        ms += (*s->p - '0') * place;
        place /= 10;
    }
    return seen ? ms : -1;
}

/* Minutes east of UTC. */
static int offset_of(ecom_str *s, int *minutes)
{
    int sign, h, m;

    *minutes = 0;
    if (ecom__take(s, 'Z', 'z'))
        return 1;
    sign = ecom__take(s, '+', '+') ? 1 : ecom__take(s, '-', '-') ? -1 : 0;
    if (!sign || (h = digits(s, 2)) < 0 || h > 23 || !ecom__take(s, ':', ':') ||
        (m = digits(s, 2)) < 0 || m > 59)
        return 0;
    *minutes = sign * (h * 60 + m);
    return 1;
}

int ecom_time_parse(ecom_str text, int64_t *ms, ecom_error *err)
{
    ecom_str s = text;
    int y, mo, d, h, mi, sec, frac = 0, off;

    if ((y = digits(&s, 4)) < 0 || !ecom__take(&s, '-', '-') || (mo = digits(&s, 2)) < 1 ||
        mo > 12 || !ecom__take(&s, '-', '-') || (d = digits(&s, 2)) < 1 || d > days_in(y, mo) ||
        !ecom__take(&s, 'T', 't') || (h = digits(&s, 2)) < 0 || h > 23 ||
        !ecom__take(&s, ':', ':') || (mi = digits(&s, 2)) < 0 || mi > 59 ||
        !ecom__take(&s, ':', ':') || (sec = digits(&s, 2)) < 0 || sec > 60 ||
        (ecom__take(&s, '.', '.') && (frac = fraction_ms(&s)) < 0) || !offset_of(&s, &off) || s.n)
        return ecom_fail(err, ECOM_E_INVAL, "is not a time such as 2026-11-22T18:25:43.511Z");
    if (sec == 60)
        sec = 59;
    *ms = days_of(y, mo, d) * 86400000 + (((int64_t)h * 60 + mi - off) * 60 + sec) * 1000 + frac;
    return ECOM_OK;
}
