#include "http/trace.h"

#include <string.h>

/* version "-" trace id "-" parent id "-" flags:
 * 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01 */
enum { TRACE_AT = 3, SPAN_AT = 36, FLAGS_AT = 53 };

static int is_hex(ecom_str s, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        if (!((s.p[i] >= '0' && s.p[i] <= '9') || (s.p[i] >= 'a' && s.p[i] <= 'f')))
            return 0;
    return 1;
}

static int is_zero(ecom_str s, size_t at, size_t n)
{
    for (size_t i = at; i < at + n; i++)
        if (s.p[i] != '0')
            return 0;
    return 1;
}

/* Later versions may have more behind another dash; version ff does not exist. */
static int is_valid(ecom_str s)
{
    if (s.n < TRACE_BYTES || !is_hex(s, 0, 2) || memcmp(s.p, "ff", 2) == 0)
        return 0;
    if (s.n > TRACE_BYTES && (memcmp(s.p, "00", 2) == 0 || s.p[TRACE_BYTES] != '-'))
        return 0;
    s.n = TRACE_BYTES;
    return s.p[2] == '-' && is_hex(s, TRACE_AT, 32) && s.p[35] == '-' && is_hex(s, SPAN_AT, 16) &&
           s.p[52] == '-' && is_hex(s, FLAGS_AT, 2) && !is_zero(s, TRACE_AT, 32) &&
           !is_zero(s, SPAN_AT, 16);
}

/* Random, and not zero, which would be invalid. */
static void put_id(char *to, size_t bytes, const ecom_env *env)
{
    static const char hex[] = "0123456789abcdef";
    unsigned char id[16];

    env->random(env->self, id, bytes);
    id[0] |= 1;
    for (size_t i = 0; i < bytes; i++) {
        to[2 * i] = hex[id[i] >> 4];
        to[2 * i + 1] = hex[id[i] & 15];
    }
}

void ecom__http_trace_child(ecom_str parent, const ecom_env *env, char out[TRACE_BYTES + 1])
{
    memcpy(out, "00-00000000000000000000000000000000-0000000000000000-01", TRACE_BYTES + 1);
    if (is_valid(parent)) {
        memcpy(out + TRACE_AT, parent.p + TRACE_AT, 32);
        /* Only the flag that level 1 defines, `sampled`, goes on. */
        out[FLAGS_AT + 1] = strchr("13579bdf", parent.p[FLAGS_AT + 1]) ? '1' : '0';
    } else {
        put_id(out + TRACE_AT, 16, env);
    }
    put_id(out + SPAN_AT, 8, env);
}
