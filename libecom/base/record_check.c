#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ecom/env.h"

#include "base/record.h"
#include "base/utf8.h"

enum { EMAIL_LOCAL_MAX = 64, EMAIL_LABEL_MAX = 63 };

/* A number as its field writes it. */
static void format_number(const ecom_field *field, int64_t n, char out[ECOM__MONEY_ROOM])
{
    if (field->type == ECOM_TYPE_MONEY)
        ecom__money_format(n, out);
    else if (field->type == ECOM_TYPE_TIME)
        ecom_time_format(n, out);
    else
        snprintf(out, ECOM__MONEY_ROOM, "%" PRId64, n);
}

int ecom__number_fail(const ecom_field *field, const char *least_or_most, int64_t bound,
                      const int64_t *found, const struct ecom__path *path, ecom_error *err)
{
    char limit[ECOM__MONEY_ROOM], is[ECOM__MONEY_ROOM];

    format_number(field, bound, limit);
    if (!found || field->flags & ECOM_SECRET)
        return ecom__path_fail(err, ECOM_E_INVAL, path, "must be at %s %s", least_or_most, limit);
    format_number(field, *found, is);
    return ecom__path_fail(err, ECOM_E_INVAL, path, "must be at %s %s, is %s", least_or_most, limit,
                           is);
}

static int check_number(const ecom_field *field, int64_t n, const struct ecom__path *path,
                        ecom_error *err)
{
    struct ecom__bounds b = ecom__field_bounds(field);

    if (n < b.min)
        return ecom__number_fail(field, "least", b.min, &n, path, err);
    if (n > b.max)
        return ecom__number_fail(field, "most", b.max, &n, path, err);
    return ECOM_OK;
}

int ecom__size_check(const ecom_field *field, size_t n, const struct ecom__path *path,
                     ecom_error *err)
{
    const char *unit = field->type == ECOM_TYPE_LIST ? "item" : "character";
    struct ecom__bounds b = ecom__field_bounds(field);
    int64_t bound = n < (size_t)b.min ? b.min : b.max;

    if (n >= (size_t)b.min && n <= (size_t)b.max)
        return ECOM_OK;
    if (n == 0 && b.min == 1)
        return ecom__path_fail(err, ECOM_E_INVAL, path, "must not be empty");
    return ecom__path_fail(err, ECOM_E_INVAL, path, "must be at %s %" PRId64 " %s%s, is %zu",
                           n < (size_t)b.min ? "least" : "most", bound, unit, bound == 1 ? "" : "s",
                           n);
}

static int is_control(unsigned char c, int many_lines)
{
    if (many_lines && (c == '\n' || c == '\r' || c == '\t'))
        return 0;
    return c < 0x20 || c == 0x7F;
}

/* Line breaks among them; most strings have none, which is found out many bytes at once. */
static int has_controls(ecom_str s)
{
    unsigned char controls = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        controls |= (unsigned char)((c < 0x20) | (c == 0x7F));
    }
    return controls;
}

static int check_string(const ecom_field *field, ecom_str s, const struct ecom__path *path,
                        ecom_error *err)
{
    size_t n = ecom__utf8_count(s);
    int controls = has_controls(s);

    if (n == SIZE_MAX)
        return ecom__path_fail(err, ECOM_E_INVAL, path, "must be UTF-8");
    for (size_t i = 0; i < s.n && controls; i++)
        if (is_control((unsigned char)s.p[i], (field->flags & ECOM_LINES) != 0))
            return ecom__path_fail(err, ECOM_E_INVAL, path,
                                   "must not hold the control character 0x%02x",
                                   (unsigned char)s.p[i]);
    return ecom__size_check(field, n, path, err);
}

/* Spaces, controls and marks that nobody sees, beyond ASCII: they have no place in an address. The
 * pattern in record_schema.c says the same. */
static int is_invisible(int32_t c)
{
    static const int32_t ranges[][2] = {{0x7F, 0xA0},     {0x2000, 0x200F}, {0x2028, 0x202F},
                                        {0x205F, 0x206F}, {0x3000, 0x3000}, {0xFEFF, 0xFEFF}};

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (c >= ranges[i][0] && c <= ranges[i][1])
            return 1;
    return c <= 0x20;
}

static int is_alphanumeric(int32_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c > 0x7F && !is_invisible(c));
}

/* Words with dots between them; no quoting, which nobody's address needs. */
static int is_local_part(ecom_str s)
{
    int32_t last = '.';
    size_t n = 0;

    for (; s.n; n++) {
        int32_t c = ecom__utf8_next(&s);
        if (is_invisible(c) || (c < 0x80 && strchr("\"(),:;<>@[\\]", c)) ||
            (c == '.' && last == '.'))
            return 0;
        last = c;
    }
    return n > 0 && n <= EMAIL_LOCAL_MAX && last != '.';
}

/* Labels with dots between them; one alone will do, as in root@localhost. */
static int is_domain(ecom_str s)
{
    int32_t last = '.';
    size_t label = 0;

    while (s.n) {
        int32_t c = ecom__utf8_next(&s);
        if (c == '.' ? last == '.' || last == '-' : c == '-' ? last == '.' : !is_alphanumeric(c))
            return 0;
        label = c == '.' ? 0 : label + 1;
        if (label > EMAIL_LABEL_MAX)
            return 0;
        last = c;
    }
    return last != '.' && last != '-';
}

static int check_email(ecom_str s, const struct ecom__path *path, ecom_error *err)
{
    const char *at = s.n ? memchr(s.p, '@', s.n) : NULL;

    if (s.n > ECOM__EMAIL_MAX)
        return ecom__path_fail(err, ECOM_E_INVAL, path, "must be at most %d bytes, is %zu",
                               ECOM__EMAIL_MAX, s.n);
    if (!at || ecom__utf8_count(s) == SIZE_MAX ||
        !is_local_part((ecom_str){s.p, (size_t)(at - s.p)}) ||
        !is_domain((ecom_str){at + 1, s.n - 1 - (size_t)(at - s.p)}))
        return ecom__path_fail(err, ECOM_E_INVAL, path,
                               "must be an e-mail address such as ann@example.com");
    return ECOM_OK;
}

static int check_currency(ecom_str s, const struct ecom__path *path, ecom_error *err)
{
    int ok = s.n == 3;

    for (size_t i = 0; ok && i < s.n; i++)
        ok = s.p[i] >= 'A' && s.p[i] <= 'Z';
    if (!ok)
        return ecom__path_fail(err, ECOM_E_INVAL, path,
                               "must be a currency of three capital letters such as EUR");
    return ECOM_OK;
}

int32_t ecom__enum_index(const ecom_field *field, ecom_str name)
{
    for (int32_t i = 0; field->names[i]; i++)
        if (ecom_str_eq(ecom_str_of(field->names[i]), name))
            return i;
    return -1;
}

int ecom__enum_fail(const ecom_field *field, const struct ecom__path *path, ecom_error *err)
{
    char names[160];
    size_t n = 0;

    names[0] = '\0';
    for (size_t i = 0; field->names[i] && n < sizeof(names); i++)
        n += (size_t)snprintf(names + n, sizeof(names) - n, "%s%s", i ? ", " : "", field->names[i]);
    return ecom__path_fail(err, ECOM_E_INVAL, path, "must be one of %s", names);
}

const char *ecom__enum_name(const ecom_field *field, int32_t index)
{
    for (int32_t i = 0; field->names[i]; i++)
        if (i == index)
            return field->names[i];
    return NULL;
}

static int check_record(const ecom_record *record, const void *in, const struct ecom__path *up,
                        ecom_error *err);

static int check_list(const ecom_field *field, const ecom_list *list, const struct ecom__path *path,
                      ecom_error *err)
{
    int r = ecom__size_check(field, list->n, path, err);

    for (size_t i = 0; r == ECOM_OK && i < list->n; i++) {
        struct ecom__path item = {.up = path, .index = i};
        r = check_record(field->of, (const char *)list->items + i * field->of->size, &item, err);
    }
    return r;
}

int ecom__field_check(const ecom_field *field, const void *base, const struct ecom__path *path,
                      ecom_error *err)
{
    const void *at = ecom__field_at(field, base);

    switch (field->type) {
    case ECOM_TYPE_STRING:
        return check_string(field, *(const ecom_str *)at, path, err);
    case ECOM_TYPE_ID:
        return ecom_id_valid(*(const ecom_str *)at)
                   ? ECOM_OK
                   : ecom__path_fail(err, ECOM_E_INVAL, path, "must be a UUID in lower case");
    case ECOM_TYPE_EMAIL:
        return check_email(*(const ecom_str *)at, path, err);
    case ECOM_TYPE_CURRENCY:
        return check_currency(*(const ecom_str *)at, path, err);
    case ECOM_TYPE_BOOL:
        return *(const uint32_t *)at <= 1
                   ? ECOM_OK
                   : ecom__path_fail(err, ECOM_E_INVAL, path, "must be true or false");
    case ECOM_TYPE_ENUM:
        return ecom__enum_name(field, *(const int32_t *)at) ? ECOM_OK
                                                            : ecom__enum_fail(field, path, err);
    case ECOM_TYPE_RECORD:
        return check_record(field->of, at, path, err);
    case ECOM_TYPE_LIST:
        return check_list(field, at, path, err);
    default:
        return check_number(field, *(const int64_t *)at, path, err);
    }
}

static int check_record(const ecom_record *record, const void *in, const struct ecom__path *up,
                        ecom_error *err)
{
    for (size_t i = 0; i < record->nfields; i++) {
        const ecom_field *field = &record->fields[i];
        const struct ecom__path path = {.up = up, .name = ecom_str_of(field->name)};
        int required = (field->flags & ECOM_REQUIRED) != 0, r = ECOM_OK;
        int absent = ecom__field_is_absent(field, in);

        /* A required list that is not there is an empty one. */
        if (absent && required && field->type != ECOM_TYPE_LIST)
            r = ecom__path_fail(err, ECOM_E_INVAL, &path, "is required");
        else if (!absent || required)
            r = ecom__field_check(field, in, &path, err);
        if (r < 0)
            return r;
    }
    return ECOM_OK;
}

int ecom_record_check(const ecom_record *record, const void *in, ecom_error *err)
{
    return check_record(record, in, NULL, err);
}
