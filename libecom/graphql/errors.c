#include "graphql/errors.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct gql_place ecom__gql_place(ecom_str source, uint32_t at)
{
    struct gql_place place = {1, 1};

    for (size_t i = 0; i < at && i < source.n; i++) {
        unsigned char c = (unsigned char)source.p[i];
        if (c == '\n' || (c == '\r' && !(i + 1 < source.n && source.p[i + 1] == '\n'))) {
            place.line++;
            place.column = 1;
        } else if ((c & 0xC0) != 0x80) {
            place.column += c >= 0xF0 ? 2 : 1;
        }
    }
    return place;
}

static ecom_str format(ecom_arena *arena, const char *fmt, va_list args)
{
    va_list again;

    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    char *p = n < 0 ? NULL : ecom_arena_alloc(arena, (size_t)n + 1);
    if (p)
        vsnprintf(p, (size_t)n + 1, fmt, again);
    va_end(again);
    return (ecom_str){p, p ? (size_t)n : 0};
}

ecom_str ecom__gql_format(ecom_arena *arena, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    ecom_str s = format(arena, fmt, args);
    va_end(args);
    return s;
}

/* They come nearly in order, and there are few. */
static void insert(struct gql_errors *errors, struct gql_error *e)
{
    struct gql_error **slot = &errors->first;

    if (errors->last && errors->last->order <= e->order)
        slot = &errors->last->next;
    while (*slot && (*slot)->order <= e->order)
        slot = &(*slot)->next;
    e->next = *slot;
    *slot = e;
    if (!e->next)
        errors->last = e;
    errors->n++;
}

static struct gql_error *add(struct gql_errors *errors, ecom_str message, const uint32_t *at,
                             uint32_t nat)
{
    struct gql_error *e = ecom_arena_alloc(errors->arena, sizeof(*e));
    uint32_t *places = ecom_arena_alloc(errors->arena, sizeof(*at) * (nat ? nat : 1));

    if (!e || !places || !message.p) {
        errors->code = ECOM_E_NOMEM;
        return NULL;
    }
    if (nat)
        memcpy(places, at, sizeof(*at) * nat);
    *e = (struct gql_error){.message = message,
                            .rule = errors->rule,
                            .order = errors->event << 8 | errors->rule,
                            .at = places,
                            .nat = nat};
    insert(errors, e);
    return e;
}

int ecom__gql_report(struct gql_errors *errors, const uint32_t *at, uint32_t nat, const char *fmt,
                     ...)
{
    va_list args;

    if (errors->n > GQL_MAX_ERRORS || errors->code == ECOM_E_NOMEM)
        return errors->code;
    if (errors->n == GQL_MAX_ERRORS)
        errors->event = UINT64_MAX >> 8;
    va_start(args, fmt);
    ecom_str message = errors->n < GQL_MAX_ERRORS
                           ? format(errors->arena, fmt, args)
                           : ecom_str_of("Too many validation errors, error limit reached. "
                                         "Validation aborted.");
    va_end(args);
    struct gql_error *e = add(errors, message, at, errors->n < GQL_MAX_ERRORS ? nat : 0);
    if (!e)
        return ECOM_E_NOMEM;
    e->code = errors->rule ? "GRAPHQL_VALIDATION_FAILED" : "GRAPHQL_PARSE_FAILED";
    if (!errors->code)
        errors->code = ECOM_E_INVAL;
    return ECOM_E_INVAL;
}

int ecom__gql_exceeded(struct gql_errors *errors, uint32_t at, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    struct gql_error *e = add(errors, format(errors->arena, fmt, args), &at, at != UINT32_MAX);
    va_end(args);
    if (!e)
        return ECOM_E_NOMEM;
    e->code = ecom_code_of(ECOM_E_TOOLARGE)->graphql;
    return errors->code = ECOM_E_TOOLARGE;
}

int ecom__gql_places_write(ecom_str source, const uint32_t *at, uint32_t nat, ecom_buf *out)
{
    int r = ecom_buf_append(out, ecom_str_of("\"locations\":["));

    for (uint32_t i = 0; r == ECOM_OK && i < nat; i++) {
        struct gql_place place = ecom__gql_place(source, at[i]);
        r = ecom_buf_printf(out, "%s{\"line\":%u,\"column\":%u}", i ? "," : "", place.line,
                            place.column);
    }
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("]"));
}

static int write_one(const struct gql_errors *errors, const struct gql_error *e, ecom_buf *out)
{
    int r;

    if ((r = ecom_buf_append(out, ecom_str_of("{\"message\":"))) < 0 ||
        (r = ecom_json_write_str(out, e->message)) < 0)
        return r;
    if (e->nat && ((r = ecom_buf_append(out, ecom_str_of(","))) < 0 ||
                   (r = ecom__gql_places_write(errors->source, e->at, e->nat, out)) < 0))
        return r;
    return ecom_buf_printf(out, ",\"extensions\":{\"code\":\"%s\"}}", e->code);
}

int ecom__gql_errors_write(const struct gql_errors *errors, ecom_buf *out)
{
    int r = ecom_buf_append(out, ecom_str_of("\"errors\":["));

    for (const struct gql_error *e = errors->first; r == ECOM_OK && e; e = e->next) {
        if (e != errors->first)
            r = ecom_buf_append(out, ecom_str_of(","));
        if (r == ECOM_OK)
            r = write_one(errors, e, out);
    }
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("]"));
}
