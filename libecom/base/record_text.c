#include "ecom/env.h"

#include "base/ascii.h"
#include "base/decimal.h"
#include "base/record.h"

static int fail_range(const ecom_field *field, ecom_str text, const struct ecom__path *path,
                      ecom_error *err)
{
    struct ecom__bounds b = ecom__field_bounds(field);
    int negative = text.n && *text.p == '-';

    return ecom__number_fail(field, negative ? "least" : "most", negative ? b.min : b.max, NULL,
                             path, err);
}

int ecom__number_read(const ecom_field *field, ecom_str text, int64_t *out,
                      const struct ecom__path *path, ecom_error *err)
{
    int money = field->type == ECOM_TYPE_MONEY;

    switch (ecom__decimal_parse(text, money ? 2 : 0, out)) {
    case ECOM__DECIMAL_OK:
        return ECOM_OK;
    case ECOM__DECIMAL_RANGE:
        return fail_range(field, text, path, err);
    case ECOM__DECIMAL_PLACES:
        if (money)
            return ecom__path_fail(err, ECOM_E_INVAL, path, "must have at most two decimal places");
        /* fall through */
    default:
        return ecom__path_fail(err, ECOM_E_INVAL, path, "must be %s",
                               money ? "a number" : "an integer");
    }
}

int ecom_money_parse(ecom_str text, int64_t *minor, ecom_error *err)
{
    static const ecom_field money = {.name = "", .type = ECOM_TYPE_MONEY};
    int64_t n;
    int r = ecom__number_read(&money, text, &n, NULL, err);

    if (r < 0)
        return r;
    if (n < -ECOM_MONEY_MAX || n > ECOM_MONEY_MAX)
        return fail_range(&money, text, NULL, err);
    *minor = n;
    return ECOM_OK;
}

static int parse_bool(ecom_str text, int32_t *out, const struct ecom__path *path, ecom_error *err)
{
    static const char *const words[][4] = {{"false", "0", "no", "off"}, {"true", "1", "yes", "on"}};

    for (int32_t truth = 0; truth < 2; truth++)
        for (size_t i = 0; i < 4; i++)
            if (ecom__is_word(text, words[truth][i])) {
                *out = truth;
                return ECOM_OK;
            }
    return ecom__path_fail(err, ECOM_E_INVAL, path, "must be true or false");
}

/* In the case a person may write it. */
static int parse_enum(const ecom_field *field, ecom_str text, int32_t *out,
                      const struct ecom__path *path, ecom_error *err)
{
    int32_t index = ecom__enum_index(field, text);

    for (int32_t i = 0; index < 0 && field->names[i]; i++)
        if (ecom__is_word(text, field->names[i]))
            index = i;
    if (index < 0)
        return ecom__enum_fail(field, path, err);
    *out = index;
    return ECOM_OK;
}

static int parse_time(ecom_str text, int64_t *out, const struct ecom__path *path, ecom_error *err)
{
    if (ecom_time_parse(text, out, NULL) == ECOM_OK)
        return ECOM_OK;
    return ecom__path_fail(err, ECOM_E_INVAL, path,
                           "must be a time such as 2026-11-22T18:25:43.511Z");
}

static int parse_string(ecom_str text, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    *out = arena ? ecom_arena_copy(arena, text) : (ecom_str){text.p ? text.p : "", text.n};
    return out->p ? ECOM_OK : ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

static int parse_value(const ecom_field *field, ecom_str text, ecom_arena *arena, void *at,
                       const struct ecom__path *path, ecom_error *err)
{
    switch (field->type) {
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
        return ecom__number_read(field, text, at, path, err);
    case ECOM_TYPE_BOOL:
        return parse_bool(text, at, path, err);
    case ECOM_TYPE_TIME:
        return parse_time(text, at, path, err);
    case ECOM_TYPE_ENUM:
        return parse_enum(field, text, at, path, err);
    case ECOM_TYPE_RECORD:
    case ECOM_TYPE_LIST:
        return ecom__path_fail(err, ECOM_E_NOTSUP, path, "has no form as plain text");
    default:
        return parse_string(text, arena, at, err);
    }
}

int ecom_field_parse(const ecom_field *field, ecom_str text, ecom_arena *arena, void *base,
                     ecom_error *err)
{
    const struct ecom__path path = {.name = ecom_str_of(field->name)};
    int r = parse_value(field, text, arena, ecom__field_at(field, base), &path, err);

    return r < 0 ? r : ecom__field_check(field, base, &path, err);
}
