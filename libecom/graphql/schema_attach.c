/* What the caller brings to a schema: resolvers for its fields, and how its scalars are read. */
#include "graphql/introspect.h"
#include "graphql/schema.h"

#include <string.h>

static int is_star(const char *s)
{
    return s && s[0] == '*' && !s[1];
}

static void set_resolver(struct gql_field *field, const ecom_graphql_resolver *r)
{
    field->resolve = r->fn;
    field->user = r->user;
}

static void attach_star(struct gql_type *type, const ecom_graphql_resolver *r)
{
    for (uint32_t i = 0; i < type->nfields; i++)
        if (!type->fields[i].resolve)
            set_resolver(&type->fields[i], r);
    if (!type->discriminator.resolve)
        set_resolver(&type->discriminator, r);
}

static void attach_one(struct gql_schema *schema, const ecom_graphql_resolver *r,
                       struct gql_errors *errors)
{
    struct gql_type *type = ecom__gql_type_called(schema, ecom_str_of(r->type));
    int abstract = type && (type->kind == GQL_KIND_INTERFACE || type->kind == GQL_KIND_UNION);

    if (!type) {
        ecom__gql_report(errors, NULL, 0, "Resolver for %s.%s: there is no such type.", r->type,
                         r->field);
        return;
    }
    if (abstract && strcmp(r->field, "__typename") == 0) {
        set_resolver(&type->discriminator, r);
        return;
    }
    const struct gql_field *field = ecom__gql_field(type, ecom__gql_name(schema->seed, r->field));
    if (!field || type->kind != GQL_KIND_OBJECT)
        ecom__gql_report(errors, NULL, 0, "Resolver for %s.%s: there is no such field%s.", r->type,
                         r->field, field ? " of an object type" : "");
    else
        set_resolver(&type->fields[field - type->fields], r);
}

static void attach_everywhere(struct gql_schema *schema, const ecom_graphql_resolver *r)
{
    for (struct gql_type *type = schema->types; type; type = type->next)
        attach_star(type, r);
}

/* Lines that name a field first, then those for a type, then the one for all. */
static void attach_table(struct gql_schema *schema, const ecom_graphql_resolver *table, size_t n,
                         struct gql_errors *errors)
{
    for (size_t i = 0; i < n; i++)
        if (!is_star(table[i].field))
            attach_one(schema, &table[i], errors);
    for (size_t i = 0; i < n; i++) {
        if (!is_star(table[i].field) || is_star(table[i].type))
            continue;
        struct gql_type *type = ecom__gql_type_called(schema, ecom_str_of(table[i].type));
        if (type)
            attach_star(type, &table[i]);
        else
            ecom__gql_report(errors, NULL, 0, "Resolver for %s.*: there is no such type.",
                             table[i].type);
    }
    for (size_t i = 0; i < n; i++)
        if (is_star(table[i].type) && is_star(table[i].field))
            attach_everywhere(schema, &table[i]);
}

void ecom__gql_attach_resolvers(struct gql_schema *schema, const ecom_graphql_options *options,
                                struct gql_errors *errors)
{
    static const ecom_graphql_resolver json = {"*", "*", ecom_graphql_resolve_json, NULL};

    attach_table(schema, ecom__gql_introspection, ecom__gql_nintrospection, errors);
    attach_table(schema, options->resolvers, options->nresolvers, errors);
    attach_everywhere(schema, &json);
}

void ecom__gql_attach_scalars(struct gql_schema *schema, const ecom_graphql_options *options,
                              struct gql_errors *errors)
{
    for (size_t i = 0; i < options->nscalars; i++) {
        const ecom_graphql_scalar *s = &options->scalars[i];
        struct gql_type *type = ecom__gql_type_called(schema, ecom_str_of(s->name));
        if (!type || type->kind != GQL_KIND_SCALAR || type->builtin)
            ecom__gql_report(errors, NULL, 0, "Scalar %s: there is no such scalar.", s->name);
        else
            type->scalar = s;
    }
}
