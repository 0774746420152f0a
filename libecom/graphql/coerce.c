#include "graphql/coerce.h"

#include "graphql/suggest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

const ecom_json *ecom__gql_variable(const struct gql_variables *variables, struct gql_name name)
{
    const struct gql_variable *v = variables ? variables->definitions : NULL;

    while (v && !gql_same(v->name, name))
        v = v->next;
    return v ? variables->values[v->index] : NULL;
}

/* ---- building JSON */

static ecom_json *make(ecom_arena *arena, uint8_t kind, ecom_str text)
{
    ecom_json *json = ecom_arena_alloc(arena, sizeof(*json));

    if (json) {
        json->kind = kind;
        json->text = text;
    }
    return json;
}

/* A copy under another name: what is below is shared. */
static ecom_json *copy_as(ecom_arena *arena, const ecom_json *value, ecom_str name)
{
    ecom_json *json = ecom_arena_alloc(arena, sizeof(*json));

    if (json) {
        *json = *value;
        json->name = name;
        json->next = NULL;
    }
    return json;
}

/* Children in order; a failed allocation stays in `failed`. */
struct children {
    ecom_arena *arena;
    ecom_json *parent;
    const ecom_json **last;
    int failed;
};

static struct children open_children(ecom_arena *arena, uint8_t kind)
{
    ecom_json *parent = make(arena, kind, (ecom_str){NULL, 0});

    return (struct children){arena, parent, parent ? &parent->first : NULL, parent == NULL};
}

static void add_child(struct children *c, const ecom_json *value, ecom_str name)
{
    ecom_json *copy = c->failed || !value ? NULL : copy_as(c->arena, value, name);

    if (!copy) {
        c->failed = 1;
        return;
    }
    *c->last = copy;
    c->last = &copy->next;
    c->parent->count++;
}

static int close_children(struct children *c, const ecom_json **out)
{
    if (c->failed)
        return ECOM_E_NOMEM;
    *out = c->parent;
    return ECOM_OK;
}

static int give(const ecom_json *json, const ecom_json **out)
{
    if (!json)
        return ECOM_E_NOMEM;
    *out = json;
    return ECOM_OK;
}

/* ---- leaves */

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
    return text.p ? give(make(arena, kind, text), out) : ECOM_E_NOMEM;
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

/* A JSON value, not null, as a leaf of @p type. */
static int leaf(ecom_arena *arena, const struct gql_type *type, const ecom_json *in,
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
            return give(make(arena, ECOM_JSON_STRING, in->text), out);
        if (number)
            return integer(arena, in, ECOM_JSON_STRING, out);
        ok = string;
    }
    return ok ? ECOM_OK : ECOM_E_INVAL;
}

/* ---- literals */

static int any_children(ecom_arena *arena, const struct gql_value *value,
                        const struct gql_variables *variables, const ecom_json **out)
{
    static const ecom_json null = {.kind = ECOM_JSON_NULL};
    int list = value->kind == GQL_LIST, r;
    struct children c = open_children(arena, list ? ECOM_JSON_ARRAY : ECOM_JSON_OBJECT);

    for (const struct gql_value *v = value->first; v; v = v->next) {
        const ecom_json *item = NULL;
        if ((r = ecom__gql_literal_any(arena, v, variables, &item)) < 0)
            return r;
        if (item || list)
            add_child(&c, item ? item : &null, gql_str(v->name));
    }
    return close_children(&c, out);
}

int ecom__gql_literal_any(ecom_arena *arena, const struct gql_value *value,
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
    ecom_json *json = make(arena, kinds[value->kind], gql_str(value->text));
    if (json)
        json->truth = value->truth;
    return give(json, out);
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
    int r = ecom__gql_literal_any(arena, value, variables, &json);
    return r < 0 ? r : leaf(arena, type, json, out, err);
}

static const struct gql_value *member(const struct gql_value *object, struct gql_name name)
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
    struct children c = open_children(arena, ECOM_JSON_OBJECT);
    int r;

    if (value->kind != GQL_OBJECT)
        return ECOM_E_INVAL;
    for (const struct gql_value *v = value->first; v; v = v->next)
        if (!ecom__gql_input(&type->inputs, v->name))
            return ECOM_E_INVAL;
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_input *input = &type->inputs.items[i];
        const struct gql_value *v = member(value, input->name);
        const ecom_json *item = NULL;
        if (v && (r = ecom__gql_literal(arena, input->type, v, variables, &item)) < 0)
            return r;
        item = item ? item : input->value;
        if (item)
            add_child(&c, item, gql_str(input->name));
        else if (input->type->kind == GQL_NON_NULL)
            return ECOM_E_INVAL;
    }
    if (type->one_of && !c.failed &&
        (value->count != 1 || c.parent->count != 1 || c.parent->first->kind == ECOM_JSON_NULL))
        return ECOM_E_INVAL;
    return close_children(&c, out);
}

static int literal_list(ecom_arena *arena, const struct gql_ref *of, const struct gql_value *value,
                        const struct gql_variables *variables, const ecom_json **out)
{
    static const ecom_json null = {.kind = ECOM_JSON_NULL};
    struct children c = open_children(arena, ECOM_JSON_ARRAY);
    int list = value->kind == GQL_LIST, r;

    for (const struct gql_value *v = list ? value->first : value; v; v = list ? v->next : NULL) {
        const ecom_json *item = NULL;
        if ((r = ecom__gql_literal(arena, of, v, variables, &item)) < 0)
            return r;
        if (!item && of->kind == GQL_NON_NULL)
            return ECOM_E_INVAL;
        add_child(&c, item ? item : &null, (ecom_str){NULL, 0});
    }
    return close_children(&c, out);
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
        return non_null ? ECOM_E_INVAL : ecom__gql_literal_any(arena, value, NULL, out);
    if (type->kind == GQL_LIST_OF)
        return literal_list(arena, type->of, value, variables, out);
    if (type->type->kind == GQL_KIND_INPUT)
        return literal_object(arena, type->type, value, variables, out);
    return literal_leaf(arena, type->type, value, variables, out, &err);
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
    struct children c = open_children(arena, ECOM_JSON_OBJECT);
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
            add_child(&c, value, gql_str(inputs->items[i].name));
    }
    return close_children(&c, out);
}

/* ---- defaults of the schema */

enum { NEW, BUSY, DONE };

struct defaults {
    struct gql_schema *schema;
    struct gql_errors *errors;
    uint32_t depth;
};

static void default_of(struct defaults *d, struct gql_input *input);

/* The defaults that a default leans on: fields that an object in it leaves out. */
static void defaults_below(struct defaults *d, const struct gql_ref *type,
                           const struct gql_value *value)
{
    while (type->kind != GQL_NAMED)
        type = type->of;
    if (value->kind == GQL_LIST)
        for (const struct gql_value *v = value->first; v; v = v->next)
            defaults_below(d, type, v);
    if (value->kind != GQL_OBJECT || type->type->kind != GQL_KIND_INPUT)
        return;
    for (uint32_t i = 0; i < type->type->inputs.n; i++) {
        struct gql_input *input = &type->type->inputs.items[i];
        const struct gql_value *v = member(value, input->name);
        if (v)
            defaults_below(d, input->type, v);
        else if (input->fallback)
            default_of(d, input);
    }
}

/* While one is being worked out its value is this, so that a circle shows. */
static const ecom_json busy = {.kind = ECOM_JSON_NULL};
enum { MAX_DEFAULTS = 100 }; /* that need each other */

static void default_of(struct defaults *d, struct gql_input *input)
{
    const ecom_json *value = NULL;

    if (!input->fallback || (input->value && input->value != &busy))
        return;
    if (input->value == &busy || d->depth == MAX_DEFAULTS) {
        ecom__gql_report(d->errors, &input->name.at, 1,
                         input->value
                             ? "Invalid circular reference: the default value of \"%.*s\" "
                               "needs itself."
                             : "The default value of \"%.*s\" is needed by %d others, each by "
                               "the next.",
                         GQL_P(gql_str(input->name)), MAX_DEFAULTS);
        return;
    }
    input->value = &busy;
    d->depth++;
    defaults_below(d, input->type, input->fallback);
    d->depth--;
    int r = ecom__gql_literal(d->schema->arena, input->type, input->fallback, NULL, &value);
    if (r == ECOM_E_NOMEM)
        d->errors->code = r;
    else if (r < 0)
        ecom__gql_report(d->errors, &input->fallback->at, 1,
                         "The default value of \"%.*s\" does not fit its type %s.",
                         GQL_P(gql_str(input->name)),
                         ecom__gql_ref_text(d->schema->arena, input->type));
    input->value = value;
}

static void defaults_of(struct defaults *d, struct gql_inputs *inputs)
{
    for (uint32_t i = 0; i < inputs->n && !d->errors->code; i++)
        default_of(d, &inputs->items[i]);
}

void ecom__gql_coerce_defaults(struct gql_schema *schema, struct gql_errors *errors)
{
    struct defaults d = {schema, errors, 0};

    for (struct gql_type *t = schema->types; t; t = t->next) {
        defaults_of(&d, &t->inputs);
        for (uint32_t i = 0; i < t->nfields; i++)
            defaults_of(&d, &t->fields[i].arguments);
    }
    for (struct gql_directive_type *t = schema->directives; t; t = t->next)
        defaults_of(&d, &t->arguments);
}

/* ---- why a leaf does not fit */

static ecom_str leaf_reason(ecom_arena *arena, const struct gql_type *type, ecom_str shown,
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

static ecom_str enum_reason(struct gql_errors *errors, const struct gql_type *type, int is_name,
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
            *why = enum_reason(errors, type, value->kind == GQL_ENUM, "non-enum", shown);
        else
            *why = leaf_reason(arena, type, shown,
                               type->builtin == GQL_B_INT && value->kind == GQL_INT, &err);
    }
    ecom_buf_free(&text);
    return 0;
}

/* ---- variables */

struct inspector {
    ecom_buf text;
    int r;
};

/* As the reference shows values: `{ a: "b", c: [1, 2] }`, cut when deep or long. */
static void inspect(struct inspector *in, const ecom_json *v, int depth)
{
    int list = v->kind == ECOM_JSON_ARRAY, seen = 0;

    if (in->r < 0)
        return;
    if (v->kind != ECOM_JSON_ARRAY && v->kind != ECOM_JSON_OBJECT) {
        in->r = ecom_json_write(&in->text, v);
        return;
    }
    if (!v->first || depth > 2) {
        in->r = ecom_buf_append(&in->text, ecom_str_of(v->first ? list ? "[Array]" : "[Object]"
                                                       : list   ? "[]"
                                                                : "{}"));
        return;
    }
    in->r = ecom_buf_append(&in->text, ecom_str_of(list ? "[" : "{ "));
    for (const ecom_json *c = v->first; c && in->r == ECOM_OK; c = c->next, seen++) {
        if (list && seen == 10) {
            in->r = ecom_buf_printf(&in->text, ", ... %u more item%s", v->count - 10,
                                    v->count == 11 ? "" : "s");
            break;
        }
        in->r = ecom_buf_printf(&in->text, "%s%.*s%s", seen ? ", " : "", (int)c->name.n,
                                c->name.n ? c->name.p : "", list ? "" : ": ");
        inspect(in, c, depth + 1);
    }
    if (in->r == ECOM_OK)
        in->r = ecom_buf_append(&in->text, ecom_str_of(list ? "]" : " }"));
}

/* Where a value stands within a variable; on the stack. */
struct path {
    const struct path *up;
    ecom_str name;
    uint32_t index;
};

struct variables {
    const struct gql_schema *schema;
    ecom_arena *arena;
    struct gql_errors *errors;
    const struct gql_variable *variable;
};

static int write_path(ecom_buf *out, const struct path *path)
{
    const struct path *steps[64];
    int n = 0, r = ECOM_OK;

    for (; path && n < 64; path = path->up)
        steps[n++] = path;
    while (n-- > 0 && r == ECOM_OK)
        r = steps[n]->name.p ? ecom_buf_printf(out, ".%.*s", GQL_P(steps[n]->name))
                             : ecom_buf_printf(out, "[%u]", steps[n]->index);
    return r;
}

/* Appends ` at "v.a[0]"`, or nothing for the variable itself. */
static int write_where(ecom_buf *out, ecom_str variable, const struct path *path)
{
    int r = ECOM_OK;

    if (path && (r = ecom_buf_printf(out, " at \"%.*s", GQL_P(variable))) == ECOM_OK &&
        (r = write_path(out, path)) == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("\""));
    return r;
}

/* `Variable "$v" got invalid value V at "v.a[0]"; why`. */
static int wrong(struct variables *vs, const ecom_json *value, const struct path *path,
                 ecom_str why)
{
    ecom_str name = gql_str(vs->variable->name);
    struct inspector in = {{0}, ECOM_OK};
    int r = why.p ? ECOM_OK : ECOM_E_NOMEM;

    inspect(&in, value, 0);
    if (in.r == ECOM_OK)
        in.r = write_where(&in.text, name, path);
    if (r == ECOM_OK && in.r == ECOM_OK)
        r = ecom__gql_report(vs->errors, &vs->variable->name.at, 1,
                             "Variable \"$%.*s\" got invalid value %.*s; %.*s", GQL_P(name),
                             GQL_P(in.text), GQL_P(why));
    else
        r = vs->errors->code = ECOM_E_NOMEM;
    ecom_buf_free(&in.text);
    return r;
}

static int coerce(struct variables *vs, const struct gql_ref *type, const ecom_json *in,
                  const struct path *path, const ecom_json **out);

static int wrong_leaf(struct variables *vs, const struct gql_type *type, const ecom_json *in,
                      const struct path *path, const ecom_error *err)
{
    struct inspector shown = {{0}, ECOM_OK};
    ecom_str why = {NULL, 0};
    int64_t i;
    int string = in->kind == ECOM_JSON_STRING;

    inspect(&shown, in, 0);
    if (shown.r < 0)
        return vs->errors->code = ECOM_E_NOMEM;
    if (type->kind == GQL_KIND_ENUM)
        why = enum_reason(vs->errors, type, string, "non-string",
                          string ? in->text : ecom_buf_str(&shown.text));
    else if (type->builtin == GQL_B_ID)
        why = ecom__gql_format(vs->arena, "ID cannot represent value: %.*s", GQL_P(shown.text));
    else
        why = leaf_reason(vs->arena, type, ecom_buf_str(&shown.text),
                          type->builtin == GQL_B_INT && in->kind == ECOM_JSON_NUMBER &&
                              ecom_json_int(in, &i, NULL) == ECOM_OK,
                          err);
    ecom_buf_free(&shown.text);
    return wrong(vs, in, path, why);
}

static int coerce_list(struct variables *vs, const struct gql_ref *of, const ecom_json *in,
                       const struct path *path, const ecom_json **out)
{
    struct children c = open_children(vs->arena, ECOM_JSON_ARRAY);
    const ecom_json *value = NULL;
    struct path here = {path, {NULL, 0}, 0};
    int failed = 0, r;

    if (in->kind != ECOM_JSON_ARRAY) {
        if ((r = coerce(vs, of, in, path, &value)) < 0)
            return r;
        add_child(&c, value, (ecom_str){NULL, 0});
        return close_children(&c, out);
    }
    for (const ecom_json *item = in->first; item; item = item->next, here.index++) {
        if ((r = coerce(vs, of, item, &here, &value)) == ECOM_E_NOMEM)
            return r;
        if (r == ECOM_OK)
            add_child(&c, value, (ecom_str){NULL, 0});
        failed |= r < 0;
    }
    return failed ? ECOM_E_INVAL : close_children(&c, out);
}

static const ecom_json *json_member(const ecom_json *object, ecom_str name)
{
    const ecom_json *m = object->first;

    while (m && !ecom_str_eq(m->name, name))
        m = m->next;
    return m;
}

static int missing_field(struct variables *vs, const struct gql_input *input, const ecom_json *in,
                         const struct path *path)
{
    return wrong(
        vs, in, path,
        ecom__gql_format(vs->arena, "Field \"%.*s\" of required type \"%s\" was not provided.",
                         GQL_P(gql_str(input->name)), ecom__gql_ref_text(vs->arena, input->type)));
}

static int unknown_fields(struct variables *vs, const struct gql_type *type, const ecom_json *in,
                          const struct path *path)
{
    int r = ECOM_OK;

    for (const ecom_json *m = in->first; m && r != ECOM_E_NOMEM; m = m->next) {
        struct gql_name name = {m->name.p, (uint32_t)m->name.n,
                                ecom__gql_hash(vs->schema->seed, m->name), 0};
        if (ecom__gql_input(&type->inputs, name))
            continue;
        ecom_str meant = ecom__gql_suggest_input(vs->errors, &type->inputs, m->name);
        r = wrong(vs, in, path,
                  ecom__gql_format(vs->arena, "Field \"%.*s\" is not defined by type \"%.*s\".%.*s",
                                   GQL_P(m->name), GQL_P(gql_str(type->name)), GQL_P(meant)));
    }
    return r;
}

static int check_one_of(struct variables *vs, const struct gql_type *type, const ecom_json *in,
                        const struct path *path)
{
    if (in->count != 1)
        return wrong(vs, in, path,
                     ecom__gql_format(vs->arena,
                                      "Exactly one key must be specified for OneOf type \"%.*s\".",
                                      GQL_P(gql_str(type->name))));
    if (in->first->kind == ECOM_JSON_NULL) {
        struct path here = {path, in->first->name, 0};
        return wrong(vs, in->first, &here,
                     ecom__gql_format(vs->arena, "Field \"%.*s\" must be non-null.",
                                      GQL_P(in->first->name)));
    }
    return ECOM_OK;
}

static int coerce_object(struct variables *vs, const struct gql_type *type, const ecom_json *in,
                         const struct path *path, const ecom_json **out)
{
    struct children c = open_children(vs->arena, ECOM_JSON_OBJECT);
    int failed = 0, r = ECOM_OK;

    if (in->kind != ECOM_JSON_OBJECT)
        return wrong(vs, in, path,
                     ecom__gql_format(vs->arena, "Expected type \"%.*s\" to be an object.",
                                      GQL_P(gql_str(type->name))));
    for (uint32_t i = 0; i < type->inputs.n && r != ECOM_E_NOMEM; i++) {
        const struct gql_input *input = &type->inputs.items[i];
        const ecom_json *m = json_member(in, gql_str(input->name)), *value = input->value;
        struct path here = {path, gql_str(input->name), 0};
        r = m                        ? coerce(vs, input->type, m, &here, &value)
            : gql_is_required(input) ? missing_field(vs, input, in, path)
                                     : ECOM_OK;
        if (r == ECOM_OK && value)
            add_child(&c, value, gql_str(input->name));
        failed |= r < 0;
    }
    if (r != ECOM_E_NOMEM)
        failed |= (r = unknown_fields(vs, type, in, path)) < 0;
    if (r != ECOM_E_NOMEM && type->one_of)
        failed |= (r = check_one_of(vs, type, in, path)) < 0;
    return r == ECOM_E_NOMEM ? r : failed ? ECOM_E_INVAL : close_children(&c, out);
}

static int coerce(struct variables *vs, const struct gql_ref *type, const ecom_json *in,
                  const struct path *path, const ecom_json **out)
{
    ecom_error err = {0};
    int non_null = type->kind == GQL_NON_NULL;

    if (in->kind == ECOM_JSON_NULL) {
        *out = in;
        return !non_null ? ECOM_OK
                         : wrong(vs, in, path,
                                 ecom__gql_format(vs->arena,
                                                  "Expected non-nullable type \"%s\" not to be "
                                                  "null.",
                                                  ecom__gql_ref_text(vs->arena, type)));
    }
    type = non_null ? type->of : type;
    if (type->kind == GQL_LIST_OF)
        return coerce_list(vs, type->of, in, path, out);
    if (type->type->kind == GQL_KIND_INPUT)
        return coerce_object(vs, type->type, in, path, out);
    int r = leaf(vs->arena, type->type, in, out, &err);
    return r == ECOM_E_INVAL ? wrong_leaf(vs, type->type, in, path, &err) : r;
}

static int coerce_one(struct variables *vs, const ecom_json *given, const ecom_json **out)
{
    const struct gql_variable *v = vs->variable;
    const ecom_json *in = given ? json_member(given, gql_str(v->name)) : NULL;
    int non_null = v->type->kind == GQL_NON_NULL;

    if (in && in->kind == ECOM_JSON_NULL && non_null)
        return ecom__gql_report(vs->errors, &v->name.at, 1,
                                "Variable \"$%.*s\" of non-null type \"%s\" must not be null.",
                                GQL_P(gql_str(v->name)), ecom__gql_ref_text(vs->arena, v->type));
    if (in)
        return coerce(vs, v->type, in, NULL, out);
    if (v->fallback)
        return ecom__gql_literal(vs->arena, v->type, v->fallback, NULL, out);
    if (non_null)
        return ecom__gql_report(vs->errors, &v->name.at, 1,
                                "Variable \"$%.*s\" of required type \"%s\" was not provided.",
                                GQL_P(gql_str(v->name)), ecom__gql_ref_text(vs->arena, v->type));
    return ECOM_OK;
}

int ecom__gql_coerce_variables(const struct gql_schema *schema,
                               const struct gql_definition *operation, const ecom_json *given,
                               ecom_arena *arena, struct gql_variables *out,
                               struct gql_errors *errors)
{
    struct variables vs = {schema, arena, errors, NULL};

    out->definitions = operation->variables;
    out->values = ecom_arena_alloc(arena, sizeof(*out->values) * (operation->nvariables + 1));
    if (!out->values)
        return ECOM_E_NOMEM;
    for (vs.variable = operation->variables; vs.variable; vs.variable = vs.variable->next)
        if (coerce_one(&vs, given, &out->values[vs.variable->index]) == ECOM_E_NOMEM)
            return ECOM_E_NOMEM;
    return errors->code;
}
