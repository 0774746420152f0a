#include <string.h>

#include "ecom/env.h"

#include "base/record.h"

/* One reading under way. */
struct reader {
    ecom_arena *arena;
    int borrow; /* strings may point into the parsed value */
    ecom_error *err;
};

static const char *kind_name(const ecom_json *value)
{
    static const char *const names[] = {
        [ECOM_JSON_NULL] = "null",       [ECOM_JSON_BOOL] = "a truth value",
        [ECOM_JSON_NUMBER] = "a number", [ECOM_JSON_STRING] = "a string",
        [ECOM_JSON_ARRAY] = "an array",  [ECOM_JSON_OBJECT] = "an object",
    };

    return names[value->kind];
}

static int wants(const struct reader *reader, const ecom_json *value, ecom_json_kind kind,
                 const char *what, const struct ecom__path *path)
{
    if (value->kind == kind)
        return ECOM_OK;
    return ecom__path_fail(reader->err, ECOM_E_INVAL, path, "must be %s, is %s", what,
                           kind_name(value));
}

static int fail_memory(const struct reader *reader)
{
    return ecom_fail(reader->err, ECOM_E_NOMEM, "out of memory");
}

static int read_string(const struct reader *reader, const ecom_json *value, ecom_str *out,
                       const struct ecom__path *path)
{
    int r = wants(reader, value, ECOM_JSON_STRING, "a string", path);

    if (r < 0)
        return r;
    *out = reader->borrow ? value->text : ecom_arena_copy(reader->arena, value->text);
    return out->p ? ECOM_OK : fail_memory(reader);
}

static int read_bool(const struct reader *reader, const ecom_json *value, int32_t *out,
                     const struct ecom__path *path)
{
    int r = wants(reader, value, ECOM_JSON_BOOL, "true or false", path);

    *out = value->truth;
    return r;
}

static int read_number(const struct reader *reader, const ecom_field *field, const ecom_json *value,
                       int64_t *out, const struct ecom__path *path)
{
    const char *what = field->type == ECOM_TYPE_INT ? "an integer" : "a number";
    int r = wants(reader, value, ECOM_JSON_NUMBER, what, path);

    return r < 0 ? r : ecom__number_read(field, value->text, out, path, reader->err);
}

static int read_time(const struct reader *reader, const ecom_json *value, int64_t *out,
                     const struct ecom__path *path)
{
    int r = wants(reader, value, ECOM_JSON_STRING, "a time", path);

    if (r == ECOM_OK && ecom_time_parse(value->text, out, NULL) < 0)
        return ecom__path_fail(reader->err, ECOM_E_INVAL, path,
                               "must be a time such as 2026-11-22T18:25:43.511Z");
    return r;
}

static int read_enum(const struct reader *reader, const ecom_field *field, const ecom_json *value,
                     int32_t *out, const struct ecom__path *path)
{
    int r = wants(reader, value, ECOM_JSON_STRING, "a string", path);

    if (r == ECOM_OK && (*out = ecom__enum_index(field, value->text)) < 0)
        return ecom__enum_fail(field, path, reader->err);
    return r;
}

static int read_record(const struct reader *reader, const ecom_record *record,
                       const ecom_json *value, void *out, const struct ecom__path *up);

/* The size is checked before there is memory for it. */
static int read_list(const struct reader *reader, const ecom_field *field, const ecom_json *value,
                     ecom_list *out, const struct ecom__path *path)
{
    const ecom_json *item = value->first;
    size_t size = field->of->size;
    int r = wants(reader, value, ECOM_JSON_ARRAY, "an array", path);

    if (r == ECOM_OK)
        r = ecom__size_check(field, value->count, path, reader->err);
    if (r < 0)
        return r;
    out->items = value->count <= SIZE_MAX / size
                     ? ecom_arena_alloc(reader->arena, value->count * size)
                     : NULL;
    if (!out->items)
        return fail_memory(reader);
    for (out->n = 0; r == ECOM_OK && item; out->n++, item = item->next) {
        struct ecom__path at = {.up = path, .index = out->n};
        r = read_record(reader, field->of, item, (char *)out->items + out->n * size, &at);
    }
    return r;
}

static int read_value(const struct reader *reader, const ecom_field *field, const ecom_json *value,
                      void *out, const struct ecom__path *path)
{
    void *at = ecom__field_at(field, out);

    switch (field->type) {
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
        return read_number(reader, field, value, at, path);
    case ECOM_TYPE_BOOL:
        return read_bool(reader, value, at, path);
    case ECOM_TYPE_TIME:
        return read_time(reader, value, at, path);
    case ECOM_TYPE_ENUM:
        return read_enum(reader, field, value, at, path);
    case ECOM_TYPE_RECORD:
        return read_record(reader, field->of, value, at, path);
    case ECOM_TYPE_LIST:
        return read_list(reader, field, value, at, path);
    default:
        return read_string(reader, value, at, path);
    }
}

/* Records and lists have checked what they hold while reading it. */
static int read_field(const struct reader *reader, const ecom_field *field, const ecom_json *value,
                      void *out, const struct ecom__path *path)
{
    int r = read_value(reader, field, value, out, path);

    if (r == ECOM_OK && field->type != ECOM_TYPE_RECORD && field->type != ECOM_TYPE_LIST)
        r = ecom__field_check(field, out, path, reader->err);
    return r;
}

/* The member of that name, looked for from behind the one found last: most texts have their members
 * in the order of the table. */
static const ecom_json *find(const ecom_json *object, ecom_str name, const ecom_json **last)
{
    const ecom_json *from = *last && (*last)->next ? (*last)->next : object->first;

    for (const ecom_json *m = from; m; m = m->next)
        if (ecom_str_eq(m->name, name))
            return *last = m;
    for (const ecom_json *m = object->first; m != from; m = m->next)
        if (ecom_str_eq(m->name, name))
            return *last = m;
    return NULL;
}

/* The depth is that of the parsed text, which its reader has bounded. */
static int read_record(const struct reader *reader, const ecom_record *record,
                       const ecom_json *value, void *out, const struct ecom__path *up)
{
    const ecom_json *last = NULL;
    int r = wants(reader, value, ECOM_JSON_OBJECT, "an object", up);

    if (r < 0)
        return r;
    for (size_t i = 0; i < record->nfields && r == ECOM_OK; i++) {
        const ecom_field *field = &record->fields[i];
        const struct ecom__path path = {.up = up, .name = ecom_str_of(field->name)};
        const ecom_json *member = find(value, path.name, &last);

        if (member && member->kind != ECOM_JSON_NULL)
            r = read_field(reader, field, member, out, &path);
        else if (field->flags & ECOM_REQUIRED)
            r = ecom__path_fail(reader->err, ECOM_E_INVAL, &path, "is required");
        else
            ecom__field_init(field, out);
    }
    return r;
}

int ecom_record_from_json(const ecom_record *record, const ecom_json *value, ecom_arena *arena,
                          void *out, ecom_error *err)
{
    const struct reader reader = {.arena = arena, .err = err};

    return read_record(&reader, record, value, out, NULL);
}

int ecom__record_borrow(const ecom_record *record, const ecom_json *value, ecom_arena *arena,
                        void *out, ecom_error *err)
{
    const struct reader reader = {.arena = arena, .borrow = 1, .err = err};

    return read_record(&reader, record, value, out, NULL);
}

int ecom_record_read(const ecom_record *record, ecom_str json, const ecom_json_limits *limits,
                     ecom_arena *arena, void *out, ecom_error *err)
{
    const ecom_json *value;
    int r = ecom_json_parse(json, limits, arena, &value, err);

    return r < 0 ? r : ecom__record_borrow(record, value, arena, out, err);
}
