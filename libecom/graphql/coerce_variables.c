/* The variables of a request, as the operation declares them. */
#include "graphql/children.h"
#include "graphql/coerce.h"
#include "graphql/leaf.h"
#include "graphql/suggest.h"

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
        why = ecom__gql_enum_reason(vs->errors, type, string, "non-string",
                                    string ? in->text : ecom_buf_str(&shown.text));
    else if (type->builtin == GQL_B_ID)
        why = ecom__gql_format(vs->arena, "ID cannot represent value: %.*s", GQL_P(shown.text));
    else
        why = ecom__gql_leaf_reason(vs->arena, type, ecom_buf_str(&shown.text),
                                    type->builtin == GQL_B_INT && in->kind == ECOM_JSON_NUMBER &&
                                        ecom_json_int(in, &i, NULL) == ECOM_OK,
                                    err);
    ecom_buf_free(&shown.text);
    return wrong(vs, in, path, why);
}

static int coerce_list(struct variables *vs, const struct gql_ref *of, const ecom_json *in,
                       const struct path *path, const ecom_json **out)
{
    struct gql_children c = ecom__gql_children(vs->arena, ECOM_JSON_ARRAY);
    const ecom_json *value = NULL;
    struct path here = {path, {NULL, 0}, 0};
    int failed = 0, r;

    if (in->kind != ECOM_JSON_ARRAY) {
        if ((r = coerce(vs, of, in, path, &value)) < 0)
            return r;
        ecom__gql_child_add(&c, value, (ecom_str){NULL, 0});
        return ecom__gql_children_end(&c, out);
    }
    for (const ecom_json *item = in->first; item; item = item->next, here.index++) {
        if ((r = coerce(vs, of, item, &here, &value)) == ECOM_E_NOMEM)
            return r;
        if (r == ECOM_OK)
            ecom__gql_child_add(&c, value, (ecom_str){NULL, 0});
        failed |= r < 0;
    }
    return failed ? ECOM_E_INVAL : ecom__gql_children_end(&c, out);
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
    struct gql_children c = ecom__gql_children(vs->arena, ECOM_JSON_OBJECT);
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
            ecom__gql_child_add(&c, value, gql_str(input->name));
        failed |= r < 0;
    }
    if (r != ECOM_E_NOMEM)
        failed |= (r = unknown_fields(vs, type, in, path)) < 0;
    if (r != ECOM_E_NOMEM && type->one_of)
        failed |= (r = check_one_of(vs, type, in, path)) < 0;
    return r == ECOM_E_NOMEM ? r : failed ? ECOM_E_INVAL : ecom__gql_children_end(&c, out);
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
    int r = ecom__gql_leaf(vs->arena, type->type, in, out, &err);
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
