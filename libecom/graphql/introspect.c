#include "graphql/introspect.h"
#include "graphql/schema.h"

#include <string.h>

/* Only where results may come in parts; so they stand first. */
#define PARTS                                                                  \
    "\"The fragment may come later, by itself.\"\n"                            \
    "directive @defer(\"It may when true.\" if: Boolean! = true,"              \
    " \"Names it in answers: a text that no other has.\" label: String)"       \
    " on FRAGMENT_SPREAD | INLINE_FRAGMENT\n"                                  \
    "\"Items of the list may come later, some at a time.\"\n"                  \
    "directive @stream(\"They may when true.\" if: Boolean! = true,"           \
    " \"Names the list in answers: a text that no other has.\" label: String," \
    " \"How many come at once.\" initialCount: Int! = 0) on FIELD\n"

static const char language[] = PARTS
    "\"A whole number of 32 bits, with a sign.\" scalar Int\n"
    "\"A number of double precision (IEEE 754).\" scalar Float\n"
    "\"Text, as UTF-8.\" scalar String\n"
    "\"true or false.\" scalar Boolean\n"
    "\"Names one object; a string in answers, a string or a whole number in requests.\" scalar ID\n"
    "\"Takes the field or fragment in only when the argument is true.\"\n"
    "directive @include(\"Taken in when true.\" if: Boolean!)"
    " on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT\n"
    "\"Leaves the field or fragment out when the argument is true.\"\n"
    "directive @skip(\"Left out when true.\" if: Boolean!)"
    " on FIELD | FRAGMENT_SPREAD | INLINE_FRAGMENT\n"
    "\"Still works, and should not be used any more.\"\n"
    "directive @deprecated(\"Why, and what to use; Markdown.\" reason: String! ="
    " \"No longer supported\")"
    " on FIELD_DEFINITION | ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION | ENUM_VALUE\n"
    "\"Where the behaviour of a custom scalar is specified.\"\n"
    "directive @specifiedBy(\"The specification's address.\" url: String!) on SCALAR\n"
    "\"Exactly one field of the input object must be given, and not be null.\"\n"
    "directive @oneOf on INPUT_OBJECT\n"
    "\"What a service offers: its types, its entry points and its directives.\"\n"
    "type __Schema {\n"
    "  description: String\n"
    "  \"Every type of the service.\" types: [__Type!]!\n"
    "  \"Where queries start.\" queryType: __Type!\n"
    "  \"Where mutations start, if there are any.\" mutationType: __Type\n"
    "  \"Where subscriptions start, if there are any.\" subscriptionType: __Type\n"
    "  \"Every directive of the service.\" directives: [__Directive!]!\n"
    "}\n"
    "\"A type: which fields have a value depends on its kind.\"\n"
    "type __Type {\n"
    "  kind: __TypeKind!\n"
    "  name: String\n"
    "  description: String\n"
    "  specifiedByURL: String\n"
    "  fields(includeDeprecated: Boolean! = false): [__Field!]\n"
    "  interfaces: [__Type!]\n"
    "  possibleTypes: [__Type!]\n"
    "  enumValues(includeDeprecated: Boolean! = false): [__EnumValue!]\n"
    "  inputFields(includeDeprecated: Boolean! = false): [__InputValue!]\n"
    "  ofType: __Type\n"
    "  isOneOf: Boolean\n"
    "}\n"
    "\"What a type is.\"\n"
    "enum __TypeKind { SCALAR OBJECT INTERFACE UNION ENUM INPUT_OBJECT LIST NON_NULL }\n"
    "\"A field of an object or interface.\"\n"
    "type __Field {\n"
    "  name: String!\n"
    "  description: String\n"
    "  args(includeDeprecated: Boolean! = false): [__InputValue!]!\n"
    "  type: __Type!\n"
    "  isDeprecated: Boolean!\n"
    "  deprecationReason: String\n"
    "}\n"
    "\"An argument, or a field of an input object.\"\n"
    "type __InputValue {\n"
    "  name: String!\n"
    "  description: String\n"
    "  type: __Type!\n"
    "  \"As it would be written in GraphQL.\" defaultValue: String\n"
    "  isDeprecated: Boolean!\n"
    "  deprecationReason: String\n"
    "}\n"
    "\"One of the values of an enum.\"\n"
    "type __EnumValue {\n"
    "  name: String!\n"
    "  description: String\n"
    "  isDeprecated: Boolean!\n"
    "  deprecationReason: String\n"
    "}\n"
    "\"A directive, and where it may stand.\"\n"
    "type __Directive {\n"
    "  name: String!\n"
    "  description: String\n"
    "  isRepeatable: Boolean!\n"
    "  locations: [__DirectiveLocation!]!\n"
    "  args(includeDeprecated: Boolean! = false): [__InputValue!]!\n"
    "}\n"
    "\"Where a directive may stand.\"\n"
    "enum __DirectiveLocation { QUERY MUTATION SUBSCRIPTION FIELD FRAGMENT_DEFINITION"
    " FRAGMENT_SPREAD INLINE_FRAGMENT VARIABLE_DEFINITION SCHEMA SCALAR OBJECT FIELD_DEFINITION"
    " ARGUMENT_DEFINITION INTERFACE UNION ENUM ENUM_VALUE INPUT_OBJECT INPUT_FIELD_DEFINITION }\n";

const char *ecom__gql_language(int incremental)
{
    return incremental ? language : language + sizeof(PARTS) - 1;
}

/* A __Type is a struct gql_ref: a type by its name is a GQL_NAMED one made on the spot. */
static int set_type(ecom_graphql_call *call, ecom_graphql_value *v, const struct gql_type *type)
{
    struct gql_ref *ref = type ? ecom_arena_alloc(call->arena, sizeof(*ref)) : NULL;

    if (type && !ref)
        return ECOM_E_NOMEM;
    if (ref) {
        ref->name = type->name;
        ref->type = type;
    }
    ecom_graphql_set_object(v, ref);
    return ECOM_OK;
}

static int set_types(ecom_graphql_call *call, ecom_graphql_value *v,
                     const struct gql_type *const *types, uint32_t n)
{
    int r = ecom_graphql_set_list(call, v, n);

    for (uint32_t i = 0; i < n && r == ECOM_OK; i++)
        r = set_type(call, &v->as.items[i], types[i]);
    return r;
}

static void set_text(ecom_graphql_value *v, struct gql_name name)
{
    ecom_graphql_set_str(v, gql_str(name));
}

static int wants_deprecated(const ecom_graphql_call *call)
{
    const ecom_json *arg = ecom_graphql_arg(call, "includeDeprecated");

    return arg && arg->truth;
}

static int set_inputs(ecom_graphql_call *call, ecom_graphql_value *v,
                      const struct gql_inputs *inputs)
{
    int all = wants_deprecated(call), r = ecom_graphql_set_list(call, v, inputs->n);
    uint32_t n = 0;

    for (uint32_t i = 0; i < inputs->n && r == ECOM_OK; i++)
        if (all || !inputs->items[i].deprecated.is)
            ecom_graphql_set_object(&v->as.items[n++], &inputs->items[i]);
    v->n = r == ECOM_OK ? n : v->n;
    return r;
}

static void set_deprecation(ecom_graphql_call *call, ecom_graphql_value *v,
                            const struct gql_deprecation *d)
{
    if (strcmp(call->field, "isDeprecated") == 0)
        ecom_graphql_set_bool(v, d->is);
    else if (d->is)
        ecom_graphql_set_str(v, d->reason);
}

int ecom__gql_introspect_schema(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_object(&call->results[i], user);
    return ECOM_OK;
}

int ecom__gql_introspect_type(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct gql_type *type = ecom__gql_type_called(user, ecom_graphql_arg_str(call, "name"));
    int r = ECOM_OK;

    (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++)
        r = set_type(call, &call->results[i], type);
    return r;
}

static int schema_types(ecom_graphql_call *call, const struct gql_schema *s, ecom_graphql_value *v)
{
    int r = ecom_graphql_set_list(call, v, s->ntypes);
    uint32_t n = 0;

    for (const struct gql_type *t = s->types; t && r == ECOM_OK; t = t->next)
        r = set_type(call, &v->as.items[n++], t);
    return r;
}

static int schema_directives(ecom_graphql_call *call, const struct gql_schema *s,
                             ecom_graphql_value *v)
{
    uint32_t n = 0;

    for (const struct gql_directive_type *d = s->directives; d; d = d->next)
        n++;
    int r = ecom_graphql_set_list(call, v, n);
    n = 0;
    for (const struct gql_directive_type *d = s->directives; d && r == ECOM_OK; d = d->next)
        ecom_graphql_set_object(&v->as.items[n++], d);
    return r;
}

static int resolve_schema(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct gql_schema *s = call->parents[0];
    ecom_graphql_value *v = &call->results[0];
    const char *f = call->field;
    int r = ECOM_OK;

    (void)user, (void)err;
    if (strcmp(f, "description") == 0)
        ecom_graphql_set_str(v, s->description);
    else if (strcmp(f, "types") == 0)
        r = schema_types(call, s, v);
    else if (strcmp(f, "directives") == 0)
        r = schema_directives(call, s, v);
    else
        r = set_type(call, v, s->roots[f[0] == 'q' ? 0 : f[0] == 'm' ? 1 : 2]);
    for (uint32_t i = 1; i < call->n; i++)
        call->results[i] = *v;
    return r;
}

static void type_kind(const struct gql_ref *ref, ecom_graphql_value *v)
{
    static const char *const names[] = {"SCALAR", "OBJECT", "INTERFACE",
                                        "UNION",  "ENUM",   "INPUT_OBJECT"};

    ecom_graphql_set_str(v, ecom_str_of(ref->kind == GQL_LIST_OF    ? "LIST"
                                        : ref->kind == GQL_NON_NULL ? "NON_NULL"
                                                                    : names[ref->type->kind]));
}

static int type_fields(ecom_graphql_call *call, const struct gql_type *type, ecom_graphql_value *v)
{
    int all = wants_deprecated(call), r;
    uint32_t n = 0;

    if (type->kind != GQL_KIND_OBJECT && type->kind != GQL_KIND_INTERFACE)
        return ECOM_OK;
    r = ecom_graphql_set_list(call, v, type->nfields);
    for (uint32_t i = 0; i < type->nfields && r == ECOM_OK; i++)
        if (all || !type->fields[i].deprecated.is)
            ecom_graphql_set_object(&v->as.items[n++], &type->fields[i]);
    v->n = r == ECOM_OK ? n : v->n;
    return r;
}

static int type_values(ecom_graphql_call *call, const struct gql_type *type, ecom_graphql_value *v)
{
    int all = wants_deprecated(call), r;
    uint32_t n = 0;

    if (type->kind != GQL_KIND_ENUM)
        return ECOM_OK;
    r = ecom_graphql_set_list(call, v, type->nvalues);
    for (uint32_t i = 0; i < type->nvalues && r == ECOM_OK; i++)
        if (all || !type->values[i].deprecated.is)
            ecom_graphql_set_object(&v->as.items[n++], &type->values[i]);
    v->n = r == ECOM_OK ? n : v->n;
    return r;
}

/* What only a type with a name has. */
static int named_type(ecom_graphql_call *call, const struct gql_type *t, ecom_graphql_value *v)
{
    const char *f = call->field;
    int has_interfaces = t->kind == GQL_KIND_OBJECT || t->kind == GQL_KIND_INTERFACE;
    int abstract = t->kind == GQL_KIND_UNION || t->kind == GQL_KIND_INTERFACE;

    if (strcmp(f, "name") == 0)
        set_text(v, t->name);
    else if (strcmp(f, "description") == 0)
        ecom_graphql_set_str(v, t->description);
    else if (strcmp(f, "specifiedByURL") == 0)
        ecom_graphql_set_str(v, t->specified_by);
    else if (strcmp(f, "fields") == 0)
        return type_fields(call, t, v);
    else if (strcmp(f, "interfaces") == 0 && has_interfaces)
        return set_types(call, v, t->interfaces, t->ninterfaces);
    else if (strcmp(f, "possibleTypes") == 0 && abstract)
        return set_types(call, v, t->possible, t->npossible);
    else if (strcmp(f, "enumValues") == 0)
        return type_values(call, t, v);
    else if (strcmp(f, "inputFields") == 0 && t->kind == GQL_KIND_INPUT)
        return set_inputs(call, v, &t->inputs);
    else if (strcmp(f, "isOneOf") == 0 && t->kind == GQL_KIND_INPUT)
        ecom_graphql_set_bool(v, t->one_of);
    return ECOM_OK;
}

static int resolve_type(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const struct gql_ref *ref = call->parents[i];
        if (strcmp(call->field, "kind") == 0)
            type_kind(ref, &call->results[i]);
        else if (strcmp(call->field, "ofType") == 0)
            ecom_graphql_set_object(&call->results[i], ref->of);
        else if (ref->kind == GQL_NAMED)
            r = named_type(call, ref->type, &call->results[i]);
    }
    return r;
}

static int resolve_field(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const struct gql_field *field = call->parents[i];
        ecom_graphql_value *v = &call->results[i];
        if (strcmp(call->field, "name") == 0)
            set_text(v, field->name);
        else if (strcmp(call->field, "description") == 0)
            ecom_graphql_set_str(v, field->description);
        else if (strcmp(call->field, "args") == 0)
            r = set_inputs(call, v, &field->arguments);
        else if (strcmp(call->field, "type") == 0)
            ecom_graphql_set_object(v, field->type);
        else
            set_deprecation(call, v, &field->deprecated);
    }
    return r;
}

static int input_default(ecom_graphql_call *call, const struct gql_input *input,
                         ecom_graphql_value *v)
{
    ecom_buf text = {0};
    int r = ECOM_OK;

    if (input->fallback && (r = ecom__gql_print_value(input->fallback, &text)) == ECOM_OK) {
        ecom_str copy = ecom_arena_copy(call->arena, ecom_buf_str(&text));
        ecom_graphql_set_str(v, copy);
        r = copy.p ? ECOM_OK : ECOM_E_NOMEM;
    }
    ecom_buf_free(&text);
    return r;
}

static int resolve_input(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const struct gql_input *input = call->parents[i];
        ecom_graphql_value *v = &call->results[i];
        if (strcmp(call->field, "name") == 0)
            set_text(v, input->name);
        else if (strcmp(call->field, "description") == 0)
            ecom_graphql_set_str(v, input->description);
        else if (strcmp(call->field, "type") == 0)
            ecom_graphql_set_object(v, input->type);
        else if (strcmp(call->field, "defaultValue") == 0)
            r = input_default(call, input, v);
        else
            set_deprecation(call, v, &input->deprecated);
    }
    return r;
}

static int resolve_enum_value(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++) {
        const struct gql_enum_value *value = call->parents[i];
        if (strcmp(call->field, "name") == 0)
            set_text(&call->results[i], value->name);
        else if (strcmp(call->field, "description") == 0)
            ecom_graphql_set_str(&call->results[i], value->description);
        else
            set_deprecation(call, &call->results[i], &value->deprecated);
    }
    return ECOM_OK;
}

static int directive_locations(ecom_graphql_call *call, const struct gql_directive_type *d,
                               ecom_graphql_value *v)
{
    uint32_t n = 0;

    for (const struct gql_names *l = d->locations; l; l = l->next)
        n++;
    int r = ecom_graphql_set_list(call, v, n);
    n = 0;
    for (const struct gql_names *l = d->locations; l && r == ECOM_OK; l = l->next)
        set_text(&v->as.items[n++], l->name);
    return r;
}

static int resolve_directive(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const struct gql_directive_type *d = call->parents[i];
        ecom_graphql_value *v = &call->results[i];
        if (strcmp(call->field, "name") == 0)
            set_text(v, d->name);
        else if (strcmp(call->field, "description") == 0)
            ecom_graphql_set_str(v, d->description);
        else if (strcmp(call->field, "isRepeatable") == 0)
            ecom_graphql_set_bool(v, d->repeatable);
        else if (strcmp(call->field, "locations") == 0)
            r = directive_locations(call, d, v);
        else
            r = set_inputs(call, v, &d->arguments);
    }
    return r;
}

const ecom_graphql_resolver ecom__gql_introspection[] = {
    {"__Schema", "*", resolve_schema, NULL},        {"__Type", "*", resolve_type, NULL},
    {"__Field", "*", resolve_field, NULL},          {"__InputValue", "*", resolve_input, NULL},
    {"__EnumValue", "*", resolve_enum_value, NULL}, {"__Directive", "*", resolve_directive, NULL},
};
const size_t ecom__gql_nintrospection =
    sizeof(ecom__gql_introspection) / sizeof(ecom__gql_introspection[0]);
