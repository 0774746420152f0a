#include <string.h>

#include "ecom/json.h"

#include "base/bytes.h"
#include "base/utf8.h"

enum { MOST_DEPTH = 512 };

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

/* What stands for the character at the start of s, and how many bytes of s that takes. */
static ecom_str escape(ecom_str s, char room[8], size_t *taken)
{
    static const char hex[] = "0123456789abcdef", from[] = "\"\\\b\f\n\r\t", to[] = "\"\\bfnrt";
    unsigned char c = (unsigned char)*s.p;
    const char *known = c ? strchr(from, c) : NULL;

    *taken = 1;
    if (known) {
        room[0] = '\\';
        room[1] = to[known - from];
        return (ecom_str){room, 2};
    }
    if (c < 0x20) {
        memcpy(room, "\\u00", 4);
        room[4] = hex[c >> 4];
        room[5] = hex[c & 15];
        return (ecom_str){room, 6};
    }
    ecom_str rest = s;
    if (ecom__utf8_next(&rest) < 0)
        return (ecom_str){"\xEF\xBF\xBD", 3};
    *taken = s.n - rest.n;
    return (ecom_str){s.p, *taken};
}

/* Without a branch a byte, so that the compiler looks at many at once. */
static int all_plain(ecom_str s)
{
    unsigned char others = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        others |= (unsigned char)((c < 0x20) | (c >= 0x80) | (c == '"') | (c == '\\'));
    }
    return !others;
}

/* As most strings are: one copy. */
static int write_plain(ecom_buf *out, ecom_str s)
{
    if (s.n > SIZE_MAX - 2 || ecom_buf_reserve(out, s.n + 2) < 0)
        return ECOM_E_NOMEM;
    char *p = out->p + out->n;
    *p++ = '"';
    if (s.n)
        memcpy(p, s.p, s.n);
    memcpy(p + s.n, "\"", 2);
    out->n += s.n + 2;
    return ECOM_OK;
}

static int write_inside(ecom_buf *out, ecom_str s)
{
    while (s.n) {
        size_t run = 0, taken;
        char room[8];

        while (run < s.n && is_plain((unsigned char)s.p[run]))
            run++;
        if (ecom_buf_append(out, (ecom_str){s.p, run}) < 0)
            return ECOM_E_NOMEM;
        s = (ecom_str){s.p + run, s.n - run};
        if (s.n == 0)
            break;
        if (ecom_buf_append(out, escape(s, room, &taken)) < 0)
            return ECOM_E_NOMEM;
        s = (ecom_str){s.p + taken, s.n - taken};
    }
    return ECOM_OK;
}

int ecom_json_write_str(ecom_buf *out, ecom_str s)
{
    const ecom_str quote = {"\"", 1};
    size_t before = out->n;

    if (all_plain(s))
        return write_plain(out, s);
    if (ecom_buf_append(out, quote) == ECOM_OK && write_inside(out, s) == ECOM_OK &&
        ecom_buf_append(out, quote) == ECOM_OK)
        return ECOM_OK;
    return ecom__buf_cut(out, before, ECOM_E_NOMEM);
}

static int write_scalar(ecom_buf *out, const ecom_json *value)
{
    switch (value->kind) {
    case ECOM_JSON_BOOL:
        return ecom_buf_append(out, ecom_str_of(value->truth ? "true" : "false"));
    case ECOM_JSON_NUMBER:
        return ecom_buf_append(out, value->text);
    case ECOM_JSON_STRING:
        return ecom_json_write_str(out, value->text);
    default:
        return ecom_buf_append(out, ecom_str_of("null"));
    }
}

static int is_container(const ecom_json *value)
{
    return value->kind == ECOM_JSON_ARRAY || value->kind == ECOM_JSON_OBJECT;
}

static int write_name(ecom_buf *out, const ecom_json *value, const ecom_json *in)
{
    if (!in || in->kind != ECOM_JSON_OBJECT)
        return ECOM_OK;
    if (ecom_json_write_str(out, value->name) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(out, ecom_str_of(":"));
}

/* Closes the containers that end behind the value; the next value to write, or NULL. */
static int close_ended(ecom_buf *out, const ecom_json **stack, size_t *depth, const ecom_json **at)
{
    const ecom_json *value = *at;

    while (*depth && !value->next) {
        value = stack[--*depth];
        if (ecom_buf_append(out, ecom_str_of(value->kind == ECOM_JSON_ARRAY ? "]" : "}")) < 0)
            return ECOM_E_NOMEM;
    }
    *at = *depth ? value->next : NULL;
    return *at ? ecom_buf_append(out, ecom_str_of(",")) : ECOM_OK;
}

static int write_tree(ecom_buf *out, const ecom_json *value)
{
    const ecom_json *stack[MOST_DEPTH];
    size_t depth = 0;

    while (value) {
        if (write_name(out, value, depth ? stack[depth - 1] : NULL) < 0)
            return ECOM_E_NOMEM;
        if (!is_container(value)) {
            if (write_scalar(out, value) < 0)
                return ECOM_E_NOMEM;
        } else if (!value->first) {
            int array = value->kind == ECOM_JSON_ARRAY;
            if (ecom_buf_append(out, ecom_str_of(array ? "[]" : "{}")) < 0)
                return ECOM_E_NOMEM;
        } else {
            if (depth == MOST_DEPTH)
                return ECOM_E_TOOLARGE;
            if (ecom_buf_append(out, ecom_str_of(value->kind == ECOM_JSON_ARRAY ? "[" : "{")) < 0)
                return ECOM_E_NOMEM;
            stack[depth++] = value;
            value = value->first;
            continue;
        }
        if (close_ended(out, stack, &depth, &value) < 0)
            return ECOM_E_NOMEM;
    }
    return ECOM_OK;
}

int ecom_json_write(ecom_buf *out, const ecom_json *value)
{
    static const ecom_json null = {.kind = ECOM_JSON_NULL};
    size_t before = out->n;
    int r = write_tree(out, value ? value : &null);

    return r < 0 ? ecom__buf_cut(out, before, r) : r;
}
