/* JSON Schema, draft 2020-12: what the reader accepts, said to others. Held against an independent
 * validator by tests/integration/schema_test.py. */
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/record.h"
#include "base/writer.h"

enum { MAX_DEPTH = 16 };

/* One schema under way. */
struct schema {
    struct ecom__writer to;
    const struct ecom__schema_options *options;
};

/* `,"name":` and a number as the field writes it. */
static void put_bound(struct schema *s, const ecom_field *field, const char *name, int64_t n)
{
    ecom__put(&s->to, ",\"");
    ecom__put(&s->to, name);
    ecom__put(&s->to, "\":");
    if (s->to.r < 0)
        return;
    s->to.r = field->type == ECOM_TYPE_MONEY ? ecom_money_write(s->to.out, n)
                                             : ecom_buf_printf(s->to.out, "%lld", (long long)n);
}

/* What is read may be null where it may be left out; what is written only where that is said. */
static int is_nullable(const struct schema *s, const ecom_field *field)
{
    return s->options->request ? !(field->flags & ECOM_REQUIRED)
                               : (field->flags & ECOM_NULLABLE) != 0;
}

static int is_required(const struct schema *s, const ecom_field *field)
{
    return field->flags & (s->options->request ? ECOM_REQUIRED : ECOM_REQUIRED | ECOM_NULLABLE);
}

static void put_type(struct schema *s, const ecom_field *field, const char *type)
{
    ecom__put(&s->to, "\"type\":");
    if (is_nullable(s, field))
        ecom__put(&s->to, "[");
    ecom__put_str(&s->to, type);
    if (is_nullable(s, field))
        ecom__put(&s->to, ",\"null\"]");
}

static void put_string(struct schema *s, const ecom_field *field)
{
    struct ecom__bounds b = ecom__field_bounds(field);

    put_type(s, field, "string");
    if (b.min > 0)
        put_bound(s, field, "minLength", b.min);
    put_bound(s, field, "maxLength", b.max);
    ecom__put(&s->to, ",\"not\":{\"type\":\"string\",\"pattern\":");
    ecom__put(&s->to, field->flags & ECOM_LINES
                          ? "\"[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]\"}"
                          : "\"[\\u0000-\\u001f\\u007f]\"}");
}

static void put_number(struct schema *s, const ecom_field *field)
{
    struct ecom__bounds b = ecom__field_bounds(field);

    put_type(s, field, field->type == ECOM_TYPE_MONEY ? "number" : "integer");
    put_bound(s, field, "minimum", b.min);
    put_bound(s, field, "maximum", b.max);
    if (field->type == ECOM_TYPE_MONEY)
        ecom__put(&s->to, ",\"multipleOf\":0.01");
}

/* The rules of record_check.c. No look-ahead: not every validator has it. A line feed at the end is
 * refused apart, since `$` lets it through in some. */
#define INVISIBLE                                                     \
    "\x7F-\xC2\xA0\xE2\x80\x80-\xE2\x80\x8F\xE2\x80\xA8-\xE2\x80\xAF" \
    "\xE2\x81\x9F-\xE2\x81\xAF\xE3\x80\x80\xEF\xBB\xBF"
#define WORD "[^\\u0000- \\\"(),.:;<>@\\\\[\\\\\\\\\\\\]" INVISIBLE "]+"
#define LETTER "[^\\u0000-/:-@\\\\[-`{-~" INVISIBLE "]"
#define INNER "[^\\u0000-,./:-@\\\\[-`{-~" INVISIBLE "]"
#define LABEL LETTER "(" INNER "{0,61}" LETTER ")?"

static void put_email(struct schema *s, const ecom_field *field)
{
    put_type(s, field, "string");
    ecom__put(&s->to, ",\"format\":\"email\",\"maxLength\":254,\"pattern\":\"^" WORD "(\\\\." WORD
                      ")*@" LABEL "(\\\\." LABEL ")*$\",\"allOf\":[{\"pattern\":\"^[^@]{1,64}@\"},"
                      "{\"not\":{\"type\":\"string\",\"pattern\":\"\\n\"}}]");
}

static void put_names(struct schema *s, const ecom_field *field)
{
    put_type(s, field, "string");
    ecom__put(&s->to, ",\"enum\":[");
    for (size_t i = 0; field->names[i]; i++) {
        if (i)
            ecom__put(&s->to, ",");
        ecom__put_str(&s->to, field->names[i]);
    }
    ecom__put(&s->to, is_nullable(s, field) ? ",null]" : "]");
}

static void put_record(struct schema *s, const ecom_record *record, unsigned depth);

static void put_list(struct schema *s, const ecom_field *field, unsigned depth)
{
    struct ecom__bounds b = ecom__field_bounds(field);

    put_type(s, field, "array");
    if (b.min > 0)
        put_bound(s, field, "minItems", b.min);
    put_bound(s, field, "maxItems", b.max);
    ecom__put(&s->to, ",\"items\":{\"type\":\"object\"");
    put_record(s, field->of, depth);
    ecom__put(&s->to, "}");
}

static void put_rules(struct schema *s, const ecom_field *field, unsigned depth)
{
    switch (field->type) {
    case ECOM_TYPE_STRING:
        put_string(s, field);
        break;
    case ECOM_TYPE_ID:
        put_type(s, field, "string");
        ecom__put(
            &s->to,
            ",\"format\":\"uuid\",\"maxLength\":36,\"pattern\":\"^[0-9a-f]{8}(-[0-9a-f]{4}){3}"
            "-[0-9a-f]{12}$\"");
        break;
    case ECOM_TYPE_EMAIL:
        put_email(s, field);
        break;
    case ECOM_TYPE_CURRENCY:
        put_type(s, field, "string");
        ecom__put(&s->to, ",\"maxLength\":3,\"pattern\":\"^[A-Z]{3}$\"");
        break;
    case ECOM_TYPE_BOOL:
        put_type(s, field, "boolean");
        break;
    case ECOM_TYPE_TIME:
        put_type(s, field, "string");
        ecom__put(&s->to, ",\"format\":\"date-time\"");
        break;
    case ECOM_TYPE_ENUM:
        put_names(s, field);
        break;
    case ECOM_TYPE_RECORD:
        put_type(s, field, "object");
        put_record(s, field->of, depth);
        break;
    case ECOM_TYPE_LIST:
        put_list(s, field, depth);
        break;
    default:
        put_number(s, field);
    }
}

/* The fallback as it is written in JSON: read by the field, and written by it. */
static void put_default(struct schema *s, const ecom_field *field)
{
    union {
        ecom_str str;
        int64_t number;
        int32_t small;
    } room;
    ecom_field here = *field;

    here.offset = 0;
    ecom__put(&s->to, ",\"default\":");
    if (s->to.r == ECOM_OK &&
        ecom_field_parse(&here, ecom_str_of(field->fallback), NULL, &room, NULL) == ECOM_OK)
        s->to.r = ecom__field_write(&here, &room, ECOM_VIEW_STORE, s->to.out);
    else
        ecom__put(&s->to, "null");
}

static void put_field(struct schema *s, const ecom_field *field, unsigned depth)
{
    const char *fixed = s->options->type;

    ecom__put_str(&s->to, field->name);
    ecom__put(&s->to, ":{");
    if (fixed && depth == 0 && strcmp(field->name, "type") == 0) {
        ecom__put(&s->to, "\"const\":");
        ecom__put_str(&s->to, fixed);
    } else {
        put_rules(s, field, depth + 1);
    }
    if (field->doc) {
        ecom__put(&s->to, ",\"description\":");
        ecom__put_str(&s->to, field->doc);
    }
    if (field->fallback && s->options->request)
        put_default(s, field);
    if (field->flags & ECOM_READONLY)
        ecom__put(&s->to, ",\"readOnly\":true");
    if (field->flags & ECOM_SECRET)
        ecom__put(&s->to, ",\"writeOnly\":true");
    ecom__put(&s->to, "}");
}

static int is_shown(const struct schema *s, const ecom_field *field)
{
    uint32_t hidden = ECOM_PRIVATE;

    if (s->options->request && !s->options->all_fields)
        hidden |= ECOM_READONLY;
    if (!s->options->request)
        hidden |= ECOM_SECRET;
    return !(field->flags & hidden);
}

/* The members of a schema of type object, behind the type. */
static void put_record(struct schema *s, const ecom_record *record, unsigned depth)
{
    const char *before = "";

    if (depth > MAX_DEPTH) {
        s->to.r = s->to.r < 0 ? s->to.r : ECOM_E_NOTSUP;
        return;
    }
    ecom__put(&s->to, ",\"title\":");
    ecom__put_str(&s->to, record->name);
    if (record->doc) {
        ecom__put(&s->to, ",\"description\":");
        ecom__put_str(&s->to, record->doc);
    }
    ecom__put(&s->to, ",\"properties\":{");
    for (size_t i = 0; i < record->nfields && s->to.r == ECOM_OK; i++)
        if (is_shown(s, &record->fields[i])) {
            ecom__put(&s->to, before);
            put_field(s, &record->fields[i], depth);
            before = ",";
        }
    ecom__put(&s->to, "}");
    before = ",\"required\":[";
    for (size_t i = 0; i < record->nfields && s->to.r == ECOM_OK; i++)
        if (is_shown(s, &record->fields[i]) && is_required(s, &record->fields[i])) {
            ecom__put(&s->to, before);
            ecom__put_str(&s->to, record->fields[i].name);
            before = ",";
        }
    if (before[1] == '\0')
        ecom__put(&s->to, "]");
}

int ecom__record_schema(const ecom_record *record, const struct ecom__schema_options *options,
                        ecom_buf *out)
{
    struct schema s = {.to = {out, ECOM_OK}, .options = options};
    size_t before = out->n;

    ecom__put(&s.to, "{");
    if (options->dialect)
        ecom__put(&s.to, "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\",");
    ecom__put(&s.to, "\"type\":\"object\"");
    put_record(&s, record, 0);
    ecom__put(&s.to, "}");
    return s.to.r < 0 ? ecom__buf_cut(out, before, s.to.r) : ECOM_OK;
}

int ecom_record_schema(const ecom_record *record, int request, ecom_buf *out)
{
    const struct ecom__schema_options options = {.request = request};

    return ecom__record_schema(record, &options, out);
}
