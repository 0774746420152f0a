#include <string.h>

#include "ecom/env.h"

#include "base/bytes.h"
#include "base/record.h"

enum { USUAL_BYTES = 400 }; /* of a record: its buffer grows once */

/* Writes the digits to the end of the room; where they start. */
static char *format_digits(uint64_t n, char *end)
{
    do
        *--end = (char)('0' + n % 10);
    while (n /= 10);
    return end;
}

static uint64_t magnitude(int64_t n)
{
    return n < 0 ? 0 - (uint64_t)n : (uint64_t)n;
}

static int write_int(ecom_buf *out, int64_t n)
{
    char room[24], *end = room + sizeof(room), *p = format_digits(magnitude(n), end);

    if (n < 0)
        *--p = '-';
    return ecom_buf_append(out, (ecom_str){p, (size_t)(end - p)});
}

size_t ecom__money_format(int64_t minor, char out[ECOM__MONEY_ROOM])
{
    uint64_t m = magnitude(minor);
    char room[24], *end = room + sizeof(room), *p = format_digits(m / 100, end);
    size_t n = 0, digits = (size_t)(end - p);

    if (minor < 0)
        out[n++] = '-';
    memcpy(out + n, p, digits);
    n += digits;
    if (m % 100) {
        out[n++] = '.';
        out[n++] = (char)('0' + m / 10 % 10);
        if (m % 10)
            out[n++] = (char)('0' + m % 10);
    }
    out[n] = '\0';
    return n;
}

int ecom_money_write(ecom_buf *out, int64_t minor)
{
    char room[ECOM__MONEY_ROOM];

    return ecom_buf_append(out, (ecom_str){room, ecom__money_format(minor, room)});
}

static int write_time(ecom_buf *out, int64_t ms)
{
    char room[27] = "\"";

    ecom_time_format(ms, room + 1);
    room[25] = '"';
    return ecom_buf_append(out, (ecom_str){room, 26});
}

/* A struct that nobody checked may hold an index that has no name. */
static int write_enum(ecom_buf *out, const ecom_field *field, int32_t index)
{
    const char *name = ecom__enum_name(field, index);

    return name ? ecom_json_write_str(out, ecom_str_of(name))
                : ecom_buf_append(out, ecom_str_of("null"));
}

static int write_record(const ecom_record *record, const void *in, ecom_view view, ecom_buf *out);

static int write_list(const ecom_record *of, const ecom_list *list, ecom_view view, ecom_buf *out)
{
    int r = ecom_buf_append(out, (ecom_str){"[", 1});

    for (size_t i = 0; r == ECOM_OK && i < list->n; i++) {
        if (i)
            r = ecom_buf_append(out, (ecom_str){",", 1});
        if (r == ECOM_OK)
            r = write_record(of, (const char *)list->items + i * of->size, view, out);
    }
    return r < 0 ? r : ecom_buf_append(out, (ecom_str){"]", 1});
}

int ecom__field_write(const ecom_field *field, const void *base, ecom_view view, ecom_buf *out)
{
    const void *at = ecom__field_at(field, base);

    switch (field->type) {
    case ECOM_TYPE_INT:
        return write_int(out, *(const int64_t *)at);
    case ECOM_TYPE_BOOL:
        return ecom_buf_append(out, ecom_str_of(*(const int32_t *)at ? "true" : "false"));
    case ECOM_TYPE_MONEY:
        return ecom_money_write(out, *(const int64_t *)at);
    case ECOM_TYPE_TIME:
        return write_time(out, *(const int64_t *)at);
    case ECOM_TYPE_ENUM:
        return write_enum(out, field, *(const int32_t *)at);
    case ECOM_TYPE_RECORD:
        return write_record(field->of, at, view, out);
    case ECOM_TYPE_LIST:
        return write_list(field->of, at, view, out);
    default:
        return ecom_json_write_str(out, *(const ecom_str *)at);
    }
}

/* `,"name":` or, for the first, `{"name":`. Names are ours: nothing in them needs escaping. */
static int write_name(ecom_buf *out, char before, const char *name)
{
    size_t n = strlen(name);

    if (ecom_buf_reserve(out, n + 4) < 0)
        return ECOM_E_NOMEM;
    char *p = out->p + out->n;
    p[0] = before;
    p[1] = '"';
    memcpy(p + 2, name, n);
    memcpy(p + 2 + n, "\":", 3);
    out->n += n + 4;
    return ECOM_OK;
}

/* Said to be absent, instead of being left out. */
static int is_null(const ecom_field *field, const void *in, ecom_view view)
{
    return view == ECOM_VIEW_PUBLIC && field->flags & ECOM_NULLABLE &&
           ecom__field_is_absent(field, in);
}

static int is_written(const ecom_field *field, const void *in, ecom_view view)
{
    if (view != ECOM_VIEW_STORE && field->flags & (ECOM_SECRET | ECOM_PRIVATE))
        return 0;
    return !ecom__field_is_absent(field, in) ||
           (field->type == ECOM_TYPE_LIST && field->flags & ECOM_REQUIRED) ||
           is_null(field, in, view);
}

static int write_record(const ecom_record *record, const void *in, ecom_view view, ecom_buf *out)
{
    char before = '{';

    for (size_t i = 0; i < record->nfields; i++) {
        const ecom_field *field = &record->fields[i];
        if (!is_written(field, in, view))
            continue;
        int r = write_name(out, before, field->name);
        if (r == ECOM_OK)
            r = is_null(field, in, view) ? ecom_buf_append(out, (ecom_str){"null", 4})
                                         : ecom__field_write(field, in, view, out);
        if (r < 0)
            return r;
        before = ',';
    }
    return ecom_buf_append(out, ecom_str_of(before == '{' ? "{}" : "}"));
}

int ecom_record_write(const ecom_record *record, const void *in, ecom_view view, ecom_buf *out)
{
    size_t before = out->n;
    int r = ecom_buf_reserve(out, USUAL_BYTES);

    if (r == ECOM_OK)
        r = write_record(record, in, view, out);
    return r < 0 ? ecom__buf_cut(out, before, r) : r;
}
