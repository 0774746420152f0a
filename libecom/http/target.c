#include "http/target.h"

#include <string.h>

/* Length of the UTF-8 sequence at p; 0: none (RFC 3629: no overlong forms, no surrogates). */
static size_t utf8_len(const unsigned char *p, size_t n)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return 0;
    size_t len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    if (n < len)
        return 0;
    for (size_t i = 1; i < len; i++)
        if ((p[i] & 0xC0) != 0x80)
            return 0;
    if ((p[0] == 0xE0 && p[1] < 0xA0) || (p[0] == 0xED && p[1] > 0x9F) ||
        (p[0] == 0xF0 && p[1] < 0x90) || (p[0] == 0xF4 && p[1] > 0x8F))
        return 0;
    return len;
}

static int is_utf8(const char *p, size_t n)
{
    for (size_t i = 0, len; i < n; i += len)
        if ((len = utf8_len((const unsigned char *)p + i, n - i)) == 0)
            return 0;
    return 1;
}

ssize_t ecom__http_decode(ecom_str in, int plus, char *out)
{
    size_t n = 0;

    for (size_t i = 0; i < in.n; i++) {
        char c = in.p[i];
        if (c == '%') {
            if (in.n - i < 3 || ecom__http_hex(in.p[i + 1]) < 0 || ecom__http_hex(in.p[i + 2]) < 0)
                return -1;
            c = (char)(ecom__http_hex(in.p[i + 1]) << 4 | ecom__http_hex(in.p[i + 2]));
            i += 2;
        } else if (c == '+' && plus) {
            c = ' ';
        }
        if (c == '\0')
            return -1;
        out[n++] = c;
    }
    return is_utf8(out, n) ? (ssize_t)n : -1;
}

int ecom__http_query_next(ecom_str *query, ecom_str *name, ecom_str *value)
{
    while (query->n && *query->p == '&') {
        query->p++;
        query->n--;
    }
    if (query->n == 0)
        return 0;
    const char *end = memchr(query->p, '&', query->n);
    ecom_str pair = {query->p, end ? (size_t)(end - query->p) : query->n};
    const char *eq = memchr(pair.p, '=', pair.n);
    *name = (ecom_str){pair.p, eq ? (size_t)(eq - pair.p) : pair.n};
    *value = eq ? (ecom_str){eq + 1, (size_t)(pair.p + pair.n - eq - 1)} : (ecom_str){"", 0};
    query->p += pair.n;
    query->n -= pair.n;
    return 1;
}

/* What stands behind scheme and authority. */
static int absolute_form(ecom_str *rest, struct refusal *why)
{
    size_t skip = rest->n >= 7 && ecom__same((ecom_str){rest->p, 7}, LIT("http://"))    ? 7
                  : rest->n >= 8 && ecom__same((ecom_str){rest->p, 8}, LIT("https://")) ? 8
                                                                                        : 0;
    if (!skip)
        return ecom__http_refuse(why, 400, "the target is neither a path nor a URL");
    size_t i = skip;
    while (i < rest->n && rest->p[i] != '/' && rest->p[i] != '?')
        i++;
    if (i == skip || memchr(rest->p + skip, '@', i - skip))
        return ecom__http_refuse(why, 400, "the target's host is missing or has a user");
    *rest = (ecom_str){rest->p + i, rest->n - i};
    return 0;
}

/* Adds a segment to the list, and to the path with its slashes still escaped. */
static int add_segment(struct target *t, ecom_str raw, char **to, struct refusal *why)
{
    ssize_t n = ecom__http_decode(raw, 0, *to);
    ecom_str s = {*to, n > 0 ? (size_t)n : 0};

    if (n < 0)
        return ecom__http_refuse(why, 400,
                                 "the path has a malformed escape, a NUL or invalid UTF-8");
    if (ecom_str_eq(s, LIT(".")) || ecom_str_eq(s, LIT("..")))
        return ecom__http_refuse(why, 400, "the path has a dot segment");
    if (t->nsegments < TARGET_MAX_SEGMENTS)
        t->segments[t->nsegments] = s;
    t->nsegments++;
    *to += s.n;

    char *path = (char *)t->path.p + t->path.n;
    *path++ = '/';
    for (size_t i = 0; i < s.n; i++) {
        if (s.p[i] != '/') {
            *path++ = s.p[i];
            continue;
        }
        memcpy(path, "%2F", 3);
        path += 3;
    }
    t->path.n = (size_t)(path - t->path.p);
    return 0;
}

static int split_path(struct target *t, ecom_arena *arena, struct refusal *why)
{
    char *segments = ecom_arena_alloc(arena, t->raw.n * 2 + 2);
    ecom_str rest = t->raw;

    if (!segments)
        return ecom__http_refuse(why, 503, "out of memory");
    t->path = (ecom_str){segments + t->raw.n + 1, 0};
    while (rest.n) { /* it starts with a slash */
        const char *end = rest.n > 1 ? memchr(rest.p + 1, '/', rest.n - 1) : NULL;
        size_t n = end ? (size_t)(end - rest.p) : rest.n;
        if (add_segment(t, (ecom_str){rest.p + 1, n - 1}, &segments, why) < 0)
            return -1;
        rest.p += n;
        rest.n -= n;
    }
    return 0;
}

int ecom__http_target_parse(struct target *target, const struct head *head, ecom_arena *arena,
                            struct refusal *why)
{
    ecom_str rest = head->target;

    target->nsegments = 0;
    target->query = (ecom_str){"", 0};
    target->server = ecom_str_eq(rest, LIT("*"));
    if (target->server && ecom_str_eq(head->method, LIT("OPTIONS"))) {
        target->raw = target->path = rest;
        return 0;
    }
    if (memchr(rest.p, '#', rest.n))
        return ecom__http_refuse(why, 400, "the target has a fragment");
    if (*rest.p != '/' && absolute_form(&rest, why) < 0)
        return -1;
    const char *mark = rest.n ? memchr(rest.p, '?', rest.n) : NULL;
    target->raw = (ecom_str){rest.p, mark ? (size_t)(mark - rest.p) : rest.n};
    if (mark)
        target->query = (ecom_str){mark + 1, (size_t)(rest.p + rest.n - mark - 1)};
    if (target->raw.n == 0)
        target->raw = (ecom_str){"/", 1};
    return split_path(target, arena, why);
}
