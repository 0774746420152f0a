/* What the specification asks of a schema, one small function a rule. */
#include "graphql/schema.h"

#define NAME(n_) GQL_P(gql_str(n_))

struct check {
    const struct gql_schema *schema;
    struct gql_errors *errors;
};

#define REPORT(c_, name_, ...) ecom__gql_report((c_)->errors, &(name_).at, 1, __VA_ARGS__)

static const char *ref(const struct check *c, const struct gql_ref *r)
{
    return ecom__gql_ref_text(c->schema->arena, r);
}

static void check_applied(const struct check *c, const struct gql_directive *first,
                          const char *location)
{
    if (first)
        ecom__gql_check_applied(c->schema, first, location, c->errors);
}

static void check_name(const struct check *c, struct gql_name name)
{
    if (name.n > 1 && name.p[0] == '_' && name.p[1] == '_')
        REPORT(c, name,
               "Name \"%.*s\" must not begin with \"__\", which is reserved by GraphQL "
               "introspection.",
               NAME(name));
}

/* @p owner: `Query.field` or `@directive`, to be followed by the argument. */
static void check_arguments(const struct check *c, const struct gql_inputs *inputs, ecom_str owner)
{
    for (uint32_t i = 0; i < inputs->n; i++) {
        const struct gql_input *in = &inputs->items[i];
        check_name(c, in->name);
        check_applied(c, in->directives, "ARGUMENT_DEFINITION");
        if (!gql_is_input(in->type->type))
            REPORT(c, in->name, "The type of %.*s(%.*s:) must be Input Type but got: %s.",
                   GQL_P(owner), NAME(in->name), ref(c, in->type));
        if (gql_is_required(in) && in->deprecated.is)
            REPORT(c, in->name, "Required argument %.*s(%.*s:) cannot be deprecated.", GQL_P(owner),
                   NAME(in->name));
    }
}

static void check_fields(const struct check *c, const struct gql_type *type)
{
    if (type->nfields == 0)
        REPORT(c, type->name, "Type %.*s must define one or more fields.", NAME(type->name));
    for (uint32_t i = 0; i < type->nfields; i++) {
        const struct gql_field *f = &type->fields[i];
        ecom_str owner =
            ecom__gql_format(c->schema->arena, "%.*s.%.*s", NAME(type->name), NAME(f->name));
        check_name(c, f->name);
        check_applied(c, f->directives, "FIELD_DEFINITION");
        if (f->type->type->kind == GQL_KIND_INPUT)
            REPORT(c, f->name, "The type of %.*s must be Output Type but got: %s.", GQL_P(owner),
                   ref(c, f->type));
        check_arguments(c, &f->arguments, owner);
    }
}

static void check_arguments_kept(const struct check *c, const struct gql_type *type,
                                 const struct gql_field *mine, const struct gql_type *face,
                                 const struct gql_field *theirs)
{
    for (uint32_t i = 0; i < theirs->arguments.n; i++) {
        const struct gql_input *want = &theirs->arguments.items[i];
        const struct gql_input *have = ecom__gql_input(&mine->arguments, want->name);
        if (!have)
            REPORT(c, mine->name,
                   "Interface field argument %.*s.%.*s(%.*s:) expected but %.*s.%.*s does not "
                   "provide it.",
                   NAME(face->name), NAME(theirs->name), NAME(want->name), NAME(type->name),
                   NAME(mine->name));
        else if (!ecom__gql_ref_same(want->type, have->type))
            REPORT(c, have->name,
                   "Interface field argument %.*s.%.*s(%.*s:) expects type %s but "
                   "%.*s.%.*s(%.*s:) is type %s.",
                   NAME(face->name), NAME(theirs->name), NAME(want->name), ref(c, want->type),
                   NAME(type->name), NAME(mine->name), NAME(have->name), ref(c, have->type));
    }
    for (uint32_t i = 0; i < mine->arguments.n; i++) {
        const struct gql_input *in = &mine->arguments.items[i];
        if (gql_is_required(in) && !ecom__gql_input(&theirs->arguments, in->name))
            REPORT(c, in->name,
                   "Argument \"%.*s.%.*s(%.*s:)\" must not be required type \"%s\" if not "
                   "provided by the Interface field \"%.*s.%.*s\".",
                   NAME(type->name), NAME(mine->name), NAME(in->name), ref(c, in->type),
                   NAME(face->name), NAME(theirs->name));
    }
}

static void check_implements(const struct check *c, const struct gql_type *type,
                             const struct gql_type *face)
{
    for (uint32_t i = 0; i < face->nfields; i++) {
        const struct gql_field *theirs = &face->fields[i];
        const struct gql_field *mine = ecom__gql_field(type, theirs->name);
        if (!mine) {
            REPORT(c, type->name,
                   "Interface field %.*s.%.*s expected but %.*s does not provide it.",
                   NAME(face->name), NAME(theirs->name), NAME(type->name));
            continue;
        }
        if (!ecom__gql_ref_sub(mine->type, theirs->type))
            REPORT(c, mine->name,
                   "Interface field %.*s.%.*s expects type %s but %.*s.%.*s is type %s.",
                   NAME(face->name), NAME(theirs->name), ref(c, theirs->type), NAME(type->name),
                   NAME(mine->name), ref(c, mine->type));
        if (mine->deprecated.is && !theirs->deprecated.is)
            REPORT(c, mine->name,
                   "Interface field %.*s.%.*s is not deprecated, so implementation field "
                   "%.*s.%.*s must not be deprecated.",
                   NAME(face->name), NAME(theirs->name), NAME(type->name), NAME(mine->name));
        check_arguments_kept(c, type, mine, face, theirs);
    }
}

static int has_interface(const struct gql_type *type, const struct gql_type *face)
{
    for (uint32_t i = 0; i < type->ninterfaces; i++)
        if (type->interfaces[i] == face)
            return 1;
    return type == face;
}

static void check_interfaces(const struct check *c, const struct gql_type *type)
{
    for (uint32_t i = 0; i < type->ninterfaces; i++) {
        const struct gql_type *face = type->interfaces[i];
        for (uint32_t k = 0; k < face->ninterfaces; k++)
            if (face->interfaces[k] == type)
                REPORT(c, type->name,
                       "Type %.*s cannot implement %.*s because it would create a circular "
                       "reference.",
                       NAME(type->name), NAME(face->name));
            else if (!has_interface(type, face->interfaces[k]))
                REPORT(c, type->name,
                       "Type %.*s must implement %.*s because it is implemented by %.*s.",
                       NAME(type->name), NAME(face->interfaces[k]->name), NAME(face->name));
        check_implements(c, type, face);
    }
}

static void check_enum(const struct check *c, const struct gql_type *type)
{
    if (type->nvalues == 0)
        REPORT(c, type->name, "Enum type %.*s must define one or more values.", NAME(type->name));
    for (uint32_t i = 0; i < type->nvalues; i++) {
        check_name(c, type->values[i].name);
        check_applied(c, type->values[i].directives, "ENUM_VALUE");
    }
}

static void check_one_of_field(const struct check *c, const struct gql_type *type,
                               const struct gql_input *in)
{
    if (in->type->kind == GQL_NON_NULL)
        REPORT(c, in->name, "OneOf input field %.*s.%.*s must be nullable.", NAME(type->name),
               NAME(in->name));
    if (in->fallback)
        REPORT(c, in->name, "OneOf input field %.*s.%.*s cannot have a default value.",
               NAME(type->name), NAME(in->name));
}

static void check_input(const struct check *c, const struct gql_type *type)
{
    if (type->inputs.n == 0)
        REPORT(c, type->name, "Input Object type %.*s must define one or more fields.",
               NAME(type->name));
    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_input *in = &type->inputs.items[i];
        check_name(c, in->name);
        check_applied(c, in->directives, "INPUT_FIELD_DEFINITION");
        if (!gql_is_input(in->type->type))
            REPORT(c, in->name, "The type of %.*s.%.*s must be Input Type but got: %s.",
                   NAME(type->name), NAME(in->name), ref(c, in->type));
        if (gql_is_required(in) && in->deprecated.is)
            REPORT(c, in->name, "Required input field %.*s.%.*s cannot be deprecated.",
                   NAME(type->name), NAME(in->name));
        if (type->one_of)
            check_one_of_field(c, type, in);
    }
}

static void check_roots(const struct check *c)
{
    static const char *const words[] = {"Query", "Mutation", "Subscription"};
    const struct gql_schema *s = c->schema;

    if (!s->roots[0])
        ecom__gql_report(c->errors, NULL, 0, "Query root type must be provided.");
    for (int i = 0; i < 3; i++) {
        if (s->roots[i] && s->roots[i]->kind != GQL_KIND_OBJECT)
            REPORT(c, s->roots[i]->name, "%s root type must be Object type, it cannot be %.*s.",
                   words[i], NAME(s->roots[i]->name));
        for (int k = 0; k < i; k++)
            if (s->roots[i] && s->roots[i] == s->roots[k])
                REPORT(c, s->roots[i]->name,
                       "All root types must be different, \"%.*s\" type is used as %s and %s root "
                       "types.",
                       NAME(s->roots[i]->name), words[k], words[i]);
    }
}

void ecom__gql_schema_check(const struct gql_schema *schema, struct gql_errors *errors)
{
    static const char *const locations[] = {"SCALAR", "OBJECT", "INTERFACE",
                                            "UNION",  "ENUM",   "INPUT_OBJECT"};
    struct check c = {schema, errors};

    check_roots(&c);
    check_applied(&c, schema->applied, "SCHEMA");
    for (const struct gql_directive_type *d = schema->directives; d; d = d->next)
        if (!d->internal) {
            check_name(&c, d->name);
            check_arguments(&c, &d->arguments,
                            ecom__gql_format(schema->arena, "@%.*s", NAME(d->name)));
        }
    for (const struct gql_type *t = schema->types; t && errors->code != ECOM_E_NOMEM; t = t->next) {
        if (t->internal)
            continue;
        check_name(&c, t->name);
        check_applied(&c, t->directives, locations[t->kind]);
        if (t->kind == GQL_KIND_OBJECT || t->kind == GQL_KIND_INTERFACE)
            check_fields(&c, t);
        if (t->kind == GQL_KIND_OBJECT || t->kind == GQL_KIND_INTERFACE)
            check_interfaces(&c, t);
        if (t->kind == GQL_KIND_UNION && t->npossible == 0)
            REPORT(&c, t->name, "Union type %.*s must define one or more member types.",
                   NAME(t->name));
        if (t->kind == GQL_KIND_ENUM)
            check_enum(&c, t);
        if (t->kind == GQL_KIND_INPUT)
            check_input(&c, t);
    }
    if (!errors->code)
        ecom__gql_schema_check_circles(schema, errors);
}
