#include "graphql/coerce.h"

#include "graphql/children.h"
#include "graphql/leaf.h"

#include <string.h>

const ecom_json *ecom__gql_variable(const struct gql_variables *variables, struct gql_name name)
{
    const struct gql_variable *v = variables ? variables->definitions : NULL;

    while (v && !gql_same(v->name, name))
        v = v->next;
    return v ? variables->values[v->index] : NULL;
}

/* ---- literals */

static int literal_any(ecom_arena *arena, const struct gql_value *value,
                       const struct gql_variables *variables, const ecom_json **out);

static int any_children(ecom_arena *arena, const struct gql_value *value,
                        const struct gql_variables *variables, const ecom_json **out)
{
    static const ecom_json null = {.kind = ECOM_JSON_NULL};
    int list = value->kind == GQL_LIST, r;
    struct gql_children c = ecom__gql_children(arena, list ? ECOM_JSON_ARRAY : ECOM_JSON_OBJECT);

    for (const struct gql_value *v = value->first; v; v = v->next) {
        const ecom_json *item = NULL;
        if ((r = literal_any(arena, v, variables, &item)) < 0)
            return r;
        if (item || list)
            ecom__gql_child_add(&c, item ? item : &null, gql_str(v->name));
    }
    return ecom__gql_children_end(&c, out);
}

/* A literal as JSON, whatever its type. */
static int literal_any(ecom_arena *arena, const struct gql_value *value,
                       const struct gql_variables *variables, const ecom_json **out)
{
    static const uint8_t kinds[] = {
        [GQL_NULL] = ECOM_JSON_NULL,     [GQL_BOOL] = ECOM_JSON_BOOL,
        [GQL_INT] = ECOM_JSON_NUMBER,    [GQL_FLOAT] = ECOM_JSON_NUMBER,
        [GQL_STRING] = ECOM_JSON_STRING, [GQL_ENUM] = ECOM_JSON_STRING,
    };

    if (value->kind == GQL_VARIABLE) {
        *out = ecom__gql_variable(variables, value->text);
        return ECOM_OK;
    }
    if (value->kind == GQL_LIST || value->kind == GQL_OBJECT)
        return any_children(arena, value, variables, out);
    ecom_json *json = ecom__gql_json(arena, kinds[value->kind], gql_str(value->text));
    if (json)
        json->truth = value->truth;
    return ecom__gql_give(json, out);
}

/* Which kinds of literal a built-in scalar takes. */
static int takes(const struct gql_type *type, uint8_t kind)
{
    static const uint16_t kinds[] = {
        [GQL_B_INT] = 1 << GQL_INT,
        [GQL_B_FLOAT] = 1 << GQL_INT | 1 << GQL_FLOAT,
        [GQL_B_STRING] = 1 << GQL_STRING,
        [GQL_B_BOOLEAN] = 1 << GQL_BOOL,
        [GQL_B_ID] = 1 << GQL_INT | 1 << GQL_STRING,
    };

    if (type->kind == GQL_KIND_ENUM)
        return kind == GQL_ENUM;
    return type->builtin == GQL_CUSTOM || kinds[type->builtin] >> kind & 1;
}

static int literal_leaf(ecom_arena *arena, const struct gql_type *type,
                        const struct gql_value *value, const struct gql_variables *variables,
                        const ecom_json **out, ecom_error *err)
{
    const ecom_json *json = NULL;

    if (!takes(type, value->kind))
        return ECOM_E_INVAL;
    int r = literal_any(arena, value, variables, &json);
    return r < 0 ? r : ecom__gql_leaf(arena, type, json, out, err);
}

const struct gql_value *ecom__gql_member(const struct gql_value *object, struct gql_name name)
{
    const struct gql_value *v = object->first;

    while (v && !gql_same(v->name, name))
        v = v->next;
    return v;
}

static int literal_object(ecom_arena *arena, const struct gql_type *type,
                          const struct gql_value *value, const struct gql_variables *variables,
                          const ecom_json **out)
{
    struct gql_children c = ecom__gql_children(arena, ECOM_JSON_OBJECT);
    int r;

    if (value->kind != GQL_OBJECT)
        return ECOM_E_INVAL;
    for (const struct gql_value *v = value->first; v; v = v->next)
        if (!ecom__gql_input(&type->inputs, v->name))
            return ECOM_E_INVAL;
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_input *input = &type->inputs.items[i];
        const struct gql_value *v = ecom__gql_member(value, input->name);
        const ecom_json *item = NULL;
        if (v && (r = ecom__gql_literal(arena, input->type, v, variables, &item)) < 0)
            return r;
        item = item ? item : input->value;
        if (item)
            ecom__gql_child_add(&c, item, gql_str(input->name));
        else if (input->type->kind == GQL_NON_NULL)
            return ECOM_E_INVAL;
    }
    if (type->one_of && !c.failed &&
        (value->count != 1 || c.parent->count != 1 || c.parent->first->kind == ECOM_JSON_NULL))
        return ECOM_E_INVAL;
    return ecom__gql_children_end(&c, out);
}

static int literal_list(ecom_arena *arena, const struct gql_ref *of, const struct gql_value *value,
                        const struct gql_variables *variables, const ecom_json **out)
{
    static const ecom_json null = {.kind = ECOM_JSON_NULL};
    struct gql_children c = ecom__gql_children(arena, ECOM_JSON_ARRAY);
    int list = value->kind == GQL_LIST, r;

    for (const struct gql_value *v = list ? value->first : value; v; v = list ? v->next : NULL) {
        const ecom_json *item = NULL;
        if ((r = ecom__gql_literal(arena, of, v, variables, &item)) < 0)
            return r;
        if (!item && of->kind == GQL_NON_NULL)
            return ECOM_E_INVAL;
        ecom__gql_child_add(&c, item ? item : &null, (ecom_str){NULL, 0});
    }
    return ecom__gql_children_end(&c, out);
}

int ecom__gql_literal(ecom_arena *arena, const struct gql_ref *type, const struct gql_value *value,
                      const struct gql_variables *variables, const ecom_json **out)
{
    ecom_error err;
    int non_null = type->kind == GQL_NON_NULL;

    if (value->kind == GQL_VARIABLE) {
        *out = ecom__gql_variable(variables, value->text);
        return *out && (*out)->kind == ECOM_JSON_NULL && non_null ? ECOM_E_INVAL : ECOM_OK;
    }
    type = non_null ? type->of : type;
    if (value->kind == GQL_NULL)
        return non_null ? ECOM_E_INVAL : literal_any(arena, value, NULL, out);
    if (type->kind == GQL_LIST_OF)
        return literal_list(arena, type->of, value, variables, out);
    if (type->type->kind == GQL_KIND_INPUT)
        return literal_object(arena, type->type, value, variables, out);
    return literal_leaf(arena, type->type, value, variables, out, &err);
}

int ecom__gql_leaf_fits(struct gql_errors *errors, const struct gql_type *type,
                        const struct gql_value *value, ecom_str *why)
{
    ecom_arena *arena = errors->arena;
    const ecom_json *out;
    ecom_error err = {0};
    ecom_buf text = {0};
    int r = literal_leaf(arena, type, value, NULL, &out, &err);

    if (r != ECOM_E_INVAL)
        return r == ECOM_OK;
    if (ecom__gql_print_value(value, &text) == ECOM_OK) {
        ecom_str shown = ecom_buf_str(&text);
        if (type->kind == GQL_KIND_ENUM)
            *why = ecom__gql_enum_reason(errors, type, value->kind == GQL_ENUM, "non-enum", shown);
        else
            *why = ecom__gql_leaf_reason(
                arena, type, shown, type->builtin == GQL_B_INT && value->kind == GQL_INT, &err);
    }
    ecom_buf_free(&text);
    return 0;
}

/* ---- arguments */

static int misfit(struct gql_misfit *out, uint32_t at, ecom_str message)
{
    *out = (struct gql_misfit){message, at};
    return message.p ? ECOM_E_INVAL : ECOM_E_NOMEM;
}

static int invalid_argument(ecom_arena *arena, const struct gql_input *input,
                            const struct gql_value *value, struct gql_misfit *out)
{
    ecom_buf text = {0};
    int r = ecom__gql_print_value(value, &text);

    if (r == ECOM_OK)
        r = misfit(out, value->at,
                   ecom__gql_format(arena, "Argument \"%.*s\" has invalid value %.*s.",
                                    GQL_P(gql_str(input->name)), GQL_P(text)));
    ecom_buf_free(&text);
    return r;
}

static int missing_argument(ecom_arena *arena, const struct gql_input *input,
                            const struct gql_value *value, uint32_t at, struct gql_misfit *out)
{
    const char *type = ecom__gql_ref_text(arena, input->type);

    if (!value)
        return misfit(out, at,
                      ecom__gql_format(arena,
                                       "Argument \"%.*s\" of required type \"%s\" was not "
                                       "provided.",
                                       GQL_P(gql_str(input->name)), type));
    return misfit(out, value->at,
                  ecom__gql_format(arena,
                                   "Argument \"%.*s\" of required type \"%s\" was provided the "
                                   "variable \"$%.*s\" which was not provided a runtime value.",
                                   GQL_P(gql_str(input->name)), type, GQL_P(gql_str(value->text))));
}

static int one_argument(ecom_arena *arena, const struct gql_input *input,
                        const struct gql_value *value, uint32_t at,
                        const struct gql_variables *variables, const ecom_json **out,
                        struct gql_misfit *why)
{
    int non_null = input->type->kind == GQL_NON_NULL;
    const ecom_json *given =
        value && value->kind == GQL_VARIABLE ? ecom__gql_variable(variables, value->text) : NULL;

    *out = NULL;
    if (!value || (value->kind == GQL_VARIABLE && !given)) {
        *out = input->value;
        return *out || !non_null ? ECOM_OK : missing_argument(arena, input, value, at, why);
    }
    if (non_null && (value->kind == GQL_NULL || (given && given->kind == ECOM_JSON_NULL)))
        return misfit(why, value->at,
                      ecom__gql_format(arena,
                                       "Argument \"%.*s\" of non-null type \"%s\" must not be "
                                       "null.",
                                       GQL_P(gql_str(input->name)),
                                       ecom__gql_ref_text(arena, input->type)));
    int r = ecom__gql_literal(arena, input->type, value, variables, out);
    return r == ECOM_E_INVAL ? invalid_argument(arena, input, value, why) : r;
}

int ecom__gql_arguments(ecom_arena *arena, const struct gql_inputs *inputs,
                        const struct gql_argument *given, uint32_t at,
                        const struct gql_variables *variables, const ecom_json **out,
                        struct gql_misfit *why)
{
    static const ecom_json none = {.kind = ECOM_JSON_OBJECT};

    *out = &none;
    if (!inputs->n)
        return ECOM_OK;
    struct gql_children c = ecom__gql_children(arena, ECOM_JSON_OBJECT);
    for (uint32_t i = 0; i < inputs->n; i++) {
        const struct gql_argument *a = given;
        const ecom_json *value;
        while (a && !gql_same(a->name, inputs->items[i].name))
            a = a->next;
        int r =
            one_argument(arena, &inputs->items[i], a ? a->value : NULL, at, variables, &value, why);
        if (r < 0)
            return r;
        if (value)
            ecom__gql_child_add(&c, value, gql_str(inputs->items[i].name));
    }
    return ecom__gql_children_end(&c, out);
}
