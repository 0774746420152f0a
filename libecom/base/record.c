#include "base/record.h"

#include <assert.h>

/* The whole of what the type can be, whatever the field says. */
static struct ecom__bounds type_bounds(uint32_t type)
{
    switch (type) {
    case ECOM_TYPE_INT:
        return (struct ecom__bounds){-INT64_MAX, INT64_MAX};
    case ECOM_TYPE_MONEY:
        return (struct ecom__bounds){-ECOM_MONEY_MAX, ECOM_MONEY_MAX};
    case ECOM_TYPE_TIME: /* years 0000 to 9999 */
        return (struct ecom__bounds){INT64_C(-62167219200000), INT64_C(253402300799999)};
    default:
        return (struct ecom__bounds){0, UINT32_MAX};
    }
}

static int64_t default_max(uint32_t type)
{
    return type == ECOM_TYPE_STRING ? ECOM__STRING_MAX
           : type == ECOM_TYPE_LIST ? ECOM__LIST_MAX
                                    : type_bounds(type).max;
}

struct ecom__bounds ecom__field_bounds(const ecom_field *field)
{
    struct ecom__bounds whole = type_bounds(field->type), own = {field->min, field->max};

    if (own.min == 0 && own.max == 0)
        own.min = whole.min;
    if (own.max < own.min || (field->min == 0 && field->max == 0))
        own.max = default_max(field->type);
    if (own.min < whole.min)
        own.min = whole.min;
    if (own.max > whole.max)
        own.max = whole.max;
    return own;
}

void *ecom__field_at(const ecom_field *field, const void *base)
{
    return (char *)base + field->offset;
}

static int record_is_absent(const ecom_record *record, const void *in)
{
    for (size_t i = 0; i < record->nfields; i++)
        if (!ecom__field_is_absent(&record->fields[i], in))
            return 0;
    return 1;
}

int ecom__field_is_absent(const ecom_field *field, const void *base)
{
    const void *at = ecom__field_at(field, base);

    switch (field->type) {
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
    case ECOM_TYPE_TIME:
        return *(const int64_t *)at == ECOM_ABSENT;
    case ECOM_TYPE_BOOL:
    case ECOM_TYPE_ENUM:
        return *(const int32_t *)at == ECOM_ABSENT32;
    case ECOM_TYPE_RECORD:
        return record_is_absent(field->of, at);
    case ECOM_TYPE_LIST:
        return !((const ecom_list *)at)->items;
    default:
        return !((const ecom_str *)at)->p;
    }
}

/* Makes it absent, fallback or not; a record with all that is in it. */
static void clear(const ecom_field *field, void *base)
{
    void *at = ecom__field_at(field, base);

    switch (field->type) {
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
    case ECOM_TYPE_TIME:
        *(int64_t *)at = ECOM_ABSENT;
        break;
    case ECOM_TYPE_BOOL:
    case ECOM_TYPE_ENUM:
        *(int32_t *)at = ECOM_ABSENT32;
        break;
    case ECOM_TYPE_RECORD:
        for (size_t i = 0; i < field->of->nfields; i++)
            clear(&field->of->fields[i], at);
        break;
    case ECOM_TYPE_LIST:
        *(ecom_list *)at = (ecom_list){0};
        break;
    default:
        *(ecom_str *)at = (ecom_str){0};
    }
}

void ecom__field_init(const ecom_field *field, void *base)
{
    int r = ECOM_OK;

    clear(field, base);
    if (field->fallback)
        r = ecom_field_parse(field, ecom_str_of(field->fallback), NULL, base, NULL);
    else if (field->type == ECOM_TYPE_RECORD && field->flags & ECOM_REQUIRED)
        ecom_record_init(field->of, ecom__field_at(field, base));
    assert(r == ECOM_OK); /* a fallback keeps the field's own rules */
    if (r < 0)
        clear(field, base);
}

void ecom_record_init(const ecom_record *record, void *out)
{
    for (size_t i = 0; i < record->nfields; i++)
        ecom__field_init(&record->fields[i], out);
}
