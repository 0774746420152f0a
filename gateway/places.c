#include "places.h"

#include <string.h>

enum { DIGITS = 19, DIGITS_READ = 18 }; /* of an offset, at most: 18 never overflow */

static char *add_number(char *p, int64_t n)
{
    char digits[DIGITS];
    int i = DIGITS;

    do
        digits[--i] = (char)('0' + n % 10);
    while (n /= 10);
    memcpy(p, digits + i, (size_t)(DIGITS - i));
    return p + DIGITS - i;
}

static char *add_topic(char *p, const int64_t *next)
{
    int n = PLACES_PARTITIONS;

    while (n > 0 && next[n - 1] == 0)
        n--;
    for (int i = 0; i < n; i++) {
        if (i)
            *p++ = '.';
        p = add_number(p, next[i]);
    }
    return p;
}

/* For every event, so not by printf(). */
char *places_write(const struct places *places)
{
    char text[PLACES_TOPICS * PLACES_PARTITIONS * (DIGITS + 1)];
    char *p = add_topic(text, places->next[0]);

    *p++ = '-';
    p = add_topic(p, places->next[1]);
    return strndup(text, (size_t)(p - text));
}

static int read_all(ecom_str text, struct places *out)
{
    size_t topic = 0, partition = 0, digits = 0;

    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        int64_t *next = &out->next[topic][partition];
        if (c >= '0' && c <= '9' && ++digits <= DIGITS_READ)
            *next = *next * 10 + (c - '0');
        else if (c == '.' && digits && ++partition < PLACES_PARTITIONS)
            digits = 0;
        else if (c == '-' && ++topic < PLACES_TOPICS)
            partition = digits = 0;
        else
            return 0;
    }
    return topic == PLACES_TOPICS - 1;
}

int places_read(ecom_str text, struct places *out)
{
    *out = (struct places){0};
    if (read_all(text, out))
        return 1;
    *out = (struct places){0};
    return 0;
}

void places_join(struct places *places, const struct places *other)
{
    for (int t = 0; t < PLACES_TOPICS; t++)
        for (int i = 0; i < PLACES_PARTITIONS; i++)
            if (places->next[t][i] < other->next[t][i])
                places->next[t][i] = other->next[t][i];
}
