/* Records as types of a schema's text. */
#include "ecom/graphql.h"

static int is_shown(const ecom_field *field)
{
    return !(field->flags & (ECOM_SECRET | ECOM_PRIVATE));
}

/* `OrderStatus`, of Order's field `status`. */
static int write_enum_name(ecom_buf *out, const ecom_record *record, const ecom_field *field)
{
    char first = field->name[0];

    if (first >= 'a' && first <= 'z')
        first = (char)(first - 'a' + 'A');
    return ecom_buf_printf(out, "%s%c%s", record->name, first, field->name + 1);
}

static int write_name(ecom_buf *out, const ecom_record *record, const ecom_field *field)
{
    switch (field->type) {
    case ECOM_TYPE_ENUM:
        return write_enum_name(out, record, field);
    case ECOM_TYPE_RECORD:
        return ecom_buf_append(out, ecom_str_of(field->of->name));
    case ECOM_TYPE_LIST:
        return ecom_buf_printf(out, "[%s!]", field->of->name);
    case ECOM_TYPE_ID:
        return ecom_buf_append(out, ecom_str_of("ID"));
    case ECOM_TYPE_INT:
        return ecom_buf_append(out, ecom_str_of("Int"));
    case ECOM_TYPE_BOOL:
        return ecom_buf_append(out, ecom_str_of("Boolean"));
    case ECOM_TYPE_MONEY:
        return ecom_buf_append(out, ecom_str_of(ecom_graphql_money.name));
    case ECOM_TYPE_TIME:
        return ecom_buf_append(out, ecom_str_of(ecom_graphql_datetime.name));
    default:
        return ecom_buf_append(out, ecom_str_of("String"));
    }
}

/* A description in front of what it describes, if there is one. */
static int write_doc(ecom_buf *out, const char *indent, const char *doc)
{
    int r = doc ? ecom_buf_append(out, ecom_str_of(indent)) : ECOM_OK;

    if (r == ECOM_OK && doc)
        r = ecom_json_write_str(out, ecom_str_of(doc));
    if (r == ECOM_OK && doc)
        r = ecom_buf_append(out, ecom_str_of("\n"));
    return r;
}

static int write_field(ecom_buf *out, const ecom_record *record, const ecom_field *field)
{
    int r = write_doc(out, "  ", field->doc);

    if (r == ECOM_OK)
        r = ecom_buf_printf(out, "  %s: ", field->name);
    if (r == ECOM_OK)
        r = write_name(out, record, field);
    return r < 0 ? r
                 : ecom_buf_append(out, ecom_str_of(field->flags & ECOM_REQUIRED ? "!\n" : "\n"));
}

static int write_enum(ecom_buf *out, const ecom_record *record, const ecom_field *field)
{
    int r = ecom_buf_append(out, ecom_str_of("\nenum "));

    if (r == ECOM_OK)
        r = write_enum_name(out, record, field);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of(" {\n"));
    for (const char *const *name = field->names; *name && r == ECOM_OK; name++)
        r = ecom_buf_printf(out, "  %s\n", *name);
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("}\n"));
}

static int write_types(ecom_buf *out, const ecom_record *record)
{
    int r = write_doc(out, "", record->doc);

    if (r == ECOM_OK)
        r = ecom_buf_printf(out, "type %s {\n", record->name);
    for (size_t i = 0; i < record->nfields && r == ECOM_OK; i++)
        if (is_shown(&record->fields[i]))
            r = write_field(out, record, &record->fields[i]);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("}\n"));
    for (size_t i = 0; i < record->nfields && r == ECOM_OK; i++)
        if (is_shown(&record->fields[i]) && record->fields[i].type == ECOM_TYPE_ENUM)
            r = write_enum(out, record, &record->fields[i]);
    return r;
}

int ecom_graphql_write_record(const ecom_record *record, ecom_buf *out)
{
    size_t start = out->n;
    int r = write_types(out, record);

    if (r < 0)
        out->n = start;
    return r;
}
