/* What resolvers set and read, and the resolvers and scalars that come with the library. */
#include "ecom/graphql.h"

#include <stdio.h>
#include <string.h>

void ecom_graphql_set_str(ecom_graphql_value *value, ecom_str s)
{
    value->kind = s.p ? ECOM_GRAPHQL_STRING : ECOM_GRAPHQL_NULL;
    value->n = (uint32_t)s.n;
    value->as.s = s.p;
}

void ecom_graphql_set_int(ecom_graphql_value *value, int64_t i)
{
    value->kind = ECOM_GRAPHQL_INT;
    value->as.i = i;
}

void ecom_graphql_set_float(ecom_graphql_value *value, double f)
{
    value->kind = ECOM_GRAPHQL_FLOAT;
    value->as.f = f;
}

void ecom_graphql_set_bool(ecom_graphql_value *value, int truth)
{
    value->kind = ECOM_GRAPHQL_BOOL;
    value->as.i = truth != 0;
}

void ecom_graphql_set_object(ecom_graphql_value *value, const void *object)
{
    value->kind = object ? ECOM_GRAPHQL_OBJECT : ECOM_GRAPHQL_NULL;
    value->as.object = object;
}

static int set_text(ecom_graphql_call *call, ecom_graphql_value *value, uint32_t kind,
                    const char *text)
{
    ecom_str copy = ecom_arena_copy(call->arena, ecom_str_of(text));

    if (!copy.p)
        return ECOM_E_NOMEM;
    ecom_graphql_set_str(value, copy);
    value->kind = kind;
    return ECOM_OK;
}

int ecom_graphql_set_money(ecom_graphql_call *call, ecom_graphql_value *value, int64_t minor)
{
    enum { ROOM = 32 }; /* a sign, 19 digits, a point, and what a buffer keeps behind */
    ecom_buf text = {.p = ecom_arena_alloc(call->arena, ROOM), .cap = ROOM};

    if (!text.p || ecom_money_write(&text, minor) < 0)
        return ECOM_E_NOMEM;
    value->kind = ECOM_GRAPHQL_NUMBER;
    value->n = (uint32_t)text.n;
    value->as.s = text.p;
    return ECOM_OK;
}

int ecom_graphql_set_list(ecom_graphql_call *call, ecom_graphql_value *value, uint32_t n)
{
    ecom_graphql_value *items = ecom_arena_alloc(call->arena, (size_t)n * sizeof(*items));

    if (!items)
        return ECOM_E_NOMEM;
    value->kind = ECOM_GRAPHQL_LIST;
    value->n = n;
    value->as.items = items;
    return ECOM_OK;
}

int ecom_graphql_set_json(ecom_graphql_call *call, ecom_graphql_value *value, const ecom_json *json)
{
    uint32_t i = 0;
    int r = ECOM_OK;

    value->kind = ECOM_GRAPHQL_NULL;
    if (!json || json->kind == ECOM_JSON_NULL)
        return ECOM_OK;
    if (json->kind == ECOM_JSON_BOOL) {
        ecom_graphql_set_bool(value, json->truth);
    } else if (json->kind == ECOM_JSON_STRING || json->kind == ECOM_JSON_NUMBER) {
        ecom_graphql_set_str(value, (ecom_str){json->text.p ? json->text.p : "", json->text.n});
        if (json->kind == ECOM_JSON_NUMBER)
            value->kind = ECOM_GRAPHQL_NUMBER;
    } else if (!call->composite) {
        value->kind = ECOM_GRAPHQL_JSON;
        value->as.json = json;
    } else if (json->kind == ECOM_JSON_OBJECT) {
        ecom_graphql_set_object(value, json);
    } else if ((r = ecom_graphql_set_list(call, value, json->count)) == ECOM_OK) {
        for (const ecom_json *item = json->first; item && r == ECOM_OK; item = item->next)
            r = ecom_graphql_set_json(call, &value->as.items[i++], item);
    }
    return r;
}

void ecom_graphql_set_error(ecom_graphql_call *call, ecom_graphql_value *value,
                            const ecom_error *err)
{
    static const ecom_error nomem = {.code = ECOM_E_NOMEM, .text = "Internal error"};
    ecom_error *copy = ecom_arena_alloc(call->arena, sizeof(*copy));

    if (copy)
        *copy = *err;
    value->kind = ECOM_GRAPHQL_ERROR;
    value->as.error = copy ? copy : &nomem;
}

const ecom_json *ecom_graphql_arg(const ecom_graphql_call *call, const char *name)
{
    return ecom_json_get(call->arguments, name);
}

ecom_str ecom_graphql_arg_str(const ecom_graphql_call *call, const char *name)
{
    const ecom_json *arg = ecom_graphql_arg(call, name);

    if (!arg || arg->kind != ECOM_JSON_STRING)
        return (ecom_str){NULL, 0};
    return (ecom_str){arg->text.p ? arg->text.p : "", arg->text.n};
}

int64_t ecom_graphql_arg_int(const ecom_graphql_call *call, const char *name, int64_t fallback)
{
    const ecom_json *arg = ecom_graphql_arg(call, name);
    int64_t i;

    return arg && arg->kind == ECOM_JSON_NUMBER && ecom_json_int(arg, &i, NULL) == ECOM_OK
               ? i
               : fallback;
}

/* ---- resolvers */

int ecom_graphql_resolve_json(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++)
        r = ecom_graphql_set_json(call, &call->results[i],
                                  ecom_json_get(call->parents[i], call->field));
    return r < 0 ? ecom_fail(err, r, "reading %s.%s", call->type, call->field) : r;
}

static int set_list_of(ecom_graphql_call *call, ecom_graphql_value *value, const ecom_list *list,
                       const ecom_record *of)
{
    int r = ecom_graphql_set_list(call, value, (uint32_t)list->n);

    for (size_t i = 0; i < list->n && r == ECOM_OK; i++)
        ecom_graphql_set_object(&value->as.items[i], (const char *)list->items + i * of->size);
    return r;
}

static int set_field(ecom_graphql_call *call, ecom_graphql_value *value, const ecom_field *field,
                     const void *base)
{
    const char *p = (const char *)base + field->offset;
    const int64_t *wide = (const void *)p;
    const int32_t *narrow = (const void *)p;
    char time[25];

    switch (field->type) {
    case ECOM_TYPE_INT:
        if (*wide != ECOM_ABSENT)
            ecom_graphql_set_int(value, *wide);
        return ECOM_OK;
    case ECOM_TYPE_MONEY:
        return *wide == ECOM_ABSENT ? ECOM_OK : ecom_graphql_set_money(call, value, *wide);
    case ECOM_TYPE_TIME:
        if (*wide == ECOM_ABSENT)
            return ECOM_OK;
        ecom_time_format(*wide, time);
        return set_text(call, value, ECOM_GRAPHQL_STRING, time);
    case ECOM_TYPE_BOOL:
        if (*narrow != ECOM_ABSENT32)
            ecom_graphql_set_bool(value, *narrow);
        return ECOM_OK;
    case ECOM_TYPE_ENUM:
        if (*narrow != ECOM_ABSENT32)
            ecom_graphql_set_str(value, ecom_str_of(field->names[*narrow]));
        return ECOM_OK;
    case ECOM_TYPE_RECORD:
        ecom_graphql_set_object(value, p);
        return ECOM_OK;
    case ECOM_TYPE_LIST:
        return set_list_of(call, value, (const ecom_list *)(const void *)p, field->of);
    default:
        ecom_graphql_set_str(value, *(const ecom_str *)(const void *)p);
        return ECOM_OK;
    }
}

static const ecom_field *find_field(const ecom_record *record, const char *name)
{
    for (size_t i = 0; i < record->nfields; i++)
        if (strcmp(record->fields[i].name, name) == 0 &&
            !(record->fields[i].flags & (ECOM_SECRET | ECOM_PRIVATE)))
            return &record->fields[i];
    return NULL;
}

int ecom_graphql_resolve_record(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const ecom_field *field = find_field(user, call->field);
    int r = ECOM_OK;

    for (uint32_t i = 0; field && i < call->n && r == ECOM_OK; i++)
        r = set_field(call, &call->results[i], field, call->parents[i]);
    return r < 0 ? ecom_fail(err, r, "reading %s.%s", call->type, call->field) : r;
}

/* ---- scalars */

static int money_read(void *user, const ecom_json *in, ecom_arena *arena, const ecom_json **out,
                      ecom_error *err)
{
    int64_t minor;

    (void)user, (void)arena;
    *out = in;
    if (in->kind != ECOM_JSON_NUMBER)
        return ecom_fail(err, ECOM_E_INVAL, "must be a number");
    return ecom_money_parse(in->text, &minor, err);
}

static int money_write(void *user, const ecom_graphql_value *value, ecom_buf *out, ecom_error *err)
{
    int64_t minor;

    (void)user;
    if (value->kind == ECOM_GRAPHQL_INT)
        return ecom_money_write(out, value->as.i);
    if (value->kind != ECOM_GRAPHQL_NUMBER)
        return ecom_fail(err, ECOM_E_BACKEND, "Money cannot represent what is not a number");
    int r = ecom_money_parse((ecom_str){value->as.s, value->n}, &minor, err);
    return r < 0 ? r : ecom_money_write(out, minor);
}

static int datetime_read(void *user, const ecom_json *in, ecom_arena *arena, const ecom_json **out,
                         ecom_error *err)
{
    int64_t ms;

    (void)user, (void)arena;
    *out = in;
    if (in->kind != ECOM_JSON_STRING)
        return ecom_fail(err, ECOM_E_INVAL, "must be a string");
    return ecom_time_parse(in->text, &ms, err);
}

static int datetime_write(void *user, const ecom_graphql_value *value, ecom_buf *out,
                          ecom_error *err)
{
    ecom_str text = {value->as.s, value->n};
    int64_t ms = value->as.i;
    char formatted[25];

    (void)user;
    if (value->kind == ECOM_GRAPHQL_STRING) {
        int r = ecom_time_parse(text, &ms, err);
        if (r < 0)
            return r;
    } else if (value->kind != ECOM_GRAPHQL_INT) {
        return ecom_fail(err, ECOM_E_BACKEND, "DateTime cannot represent what is not a time");
    }
    ecom_time_format(ms, formatted);
    return ecom_json_write_str(out, ecom_str_of(formatted));
}

const ecom_graphql_scalar ecom_graphql_money = {"Money", money_read, money_write, NULL};
const ecom_graphql_scalar ecom_graphql_datetime = {"DateTime", datetime_read, datetime_write, NULL};
