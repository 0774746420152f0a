#include "graphql/leaf.h"

#include "graphql/children.h"
#include "graphql/suggest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static int is_finite(ecom_str number)
{
    char text[64];

    if (number.n >= sizeof(text)) {
        char *end = memchr(number.p, 'e', number.n);
        end = end ? end : memchr(number.p, 'E', number.n);
        return number.n < 300 && !end; /* so many digits and no exponent: below 10^308 */
    }
    memcpy(text, number.p, number.n);
    text[number.n] = '\0';
    return isfinite(strtod(text, NULL));
}

static int is_int32(const ecom_json *number)
{
    int64_t i;

    return ecom_json_int(number, &i, NULL) == ECOM_OK && i >= INT32_MIN && i <= INT32_MAX;
}

/* An Int or an ID from a number: `1.0` and `1e2` become 1 and 100. */
static int integer(ecom_arena *arena, const ecom_json *in, uint8_t kind, const ecom_json **out)
{
    int64_t i;

    if (ecom_json_int(in, &i, NULL) < 0)
        return ECOM_E_INVAL;
    ecom_str text = ecom__gql_format(arena, "%lld", (long long)i);
    return text.p ? ecom__gql_give(ecom__gql_json(arena, kind, text), out) : ECOM_E_NOMEM;
}

static int is_plain_integer(ecom_str text)
{
    return !memchr(text.p, '.', text.n) && !memchr(text.p, 'e', text.n) &&
           !memchr(text.p, 'E', text.n);
}

static int custom(ecom_arena *arena, const struct gql_type *type, const ecom_json *in,
                  const ecom_json **out, ecom_error *err)
{
    *out = in;
    if (!type->scalar || !type->scalar->read)
        return ECOM_OK;
    int r = type->scalar->read(type->scalar->user, in, arena, out, err);
    return r == ECOM_OK || r == ECOM_E_NOMEM ? r : ECOM_E_INVAL;
}

int ecom__gql_leaf(ecom_arena *arena, const struct gql_type *type, const ecom_json *in,
                   const ecom_json **out, ecom_error *err)
{
    int number = in->kind == ECOM_JSON_NUMBER, string = in->kind == ECOM_JSON_STRING, ok = 0;

    *out = in;
    if (type->kind == GQL_KIND_ENUM)
        return string && ecom__gql_enum_value(type, in->text) ? ECOM_OK : ECOM_E_INVAL;
    switch (type->builtin) {
    case GQL_CUSTOM:
        return custom(arena, type, in, out, err);
    case GQL_B_INT:
        if (number && is_int32(in))
            return is_plain_integer(in->text) ? ECOM_OK : integer(arena, in, ECOM_JSON_NUMBER, out);
        break;
    case GQL_B_FLOAT:
        ok = number && is_finite(in->text);
        break;
    case GQL_B_STRING:
        ok = string;
        break;
    case GQL_B_BOOLEAN:
        ok = in->kind == ECOM_JSON_BOOL;
        break;
    default: /* ID */
        if (number && is_plain_integer(in->text))
            return ecom__gql_give(ecom__gql_json(arena, ECOM_JSON_STRING, in->text), out);
        if (number)
            return integer(arena, in, ECOM_JSON_STRING, out);
        ok = string;
    }
    return ok ? ECOM_OK : ECOM_E_INVAL;
}

ecom_str ecom__gql_leaf_reason(ecom_arena *arena, const struct gql_type *type, ecom_str shown,
                               int integral, const ecom_error *err)
{
    const char *format = "Expected value of type \"%.*s\", found %.*s%s%s.";

    if (type->builtin == GQL_CUSTOM)
        return ecom__gql_format(arena, format, GQL_P(gql_str(type->name)), GQL_P(shown),
                                err->text[0] ? "; it " : "", err->text);
    static const char *const words[] = {
        [GQL_B_INT] = "Int cannot represent non-integer value",
        [GQL_B_FLOAT] = "Float cannot represent non numeric value",
        [GQL_B_STRING] = "String cannot represent a non string value",
        [GQL_B_BOOLEAN] = "Boolean cannot represent a non boolean value",
        [GQL_B_ID] = "ID cannot represent a non-string and non-integer value",
    };
    return ecom__gql_format(arena, "%s: %.*s",
                            integral ? "Int cannot represent non 32-bit signed integer value"
                                     : words[type->builtin],
                            GQL_P(shown));
}

ecom_str ecom__gql_enum_reason(struct gql_errors *errors, const struct gql_type *type, int is_name,
                               const char *other, ecom_str shown)
{
    ecom_str meant = ecom__gql_suggest_enum(errors, type, shown);

    if (is_name)
        return ecom__gql_format(errors->arena,
                                "Value \"%.*s\" does not exist in \"%.*s\" enum.%.*s", GQL_P(shown),
                                GQL_P(gql_str(type->name)), GQL_P(meant));
    return ecom__gql_format(errors->arena, "Enum \"%.*s\" cannot represent %s value: %.*s.%.*s",
                            GQL_P(gql_str(type->name)), other, GQL_P(shown), GQL_P(meant));
}
