/* A schema: types with their fields joined to resolvers, found by name. Built once, then only read.
 */
#ifndef GRAPHQL_SCHEMA_H
#define GRAPHQL_SCHEMA_H

#include "graphql/ast.h"
#include "graphql/errors.h"

enum gql_type_kind {
    GQL_KIND_SCALAR,
    GQL_KIND_OBJECT,
    GQL_KIND_INTERFACE,
    GQL_KIND_UNION,
    GQL_KIND_ENUM,
    GQL_KIND_INPUT
};

/* The scalars whose rules the language itself has. */
enum gql_builtin { GQL_CUSTOM, GQL_B_INT, GQL_B_FLOAT, GQL_B_STRING, GQL_B_BOOLEAN, GQL_B_ID };

struct gql_deprecation {
    int is;
    ecom_str reason;
};

/* An argument, or a field of an input object. */
struct gql_input {
    struct gql_name name;
    ecom_str description;
    const struct gql_ref *type;
    const struct gql_value *fallback; /* as written, or NULL */
    const ecom_json *value;           /* the same, coerced */
    struct gql_deprecation deprecated;
    const struct gql_directive *directives; /* as written, here and below */
    uint8_t is_length; /* an argument `first` or `last`: how many items a list may have */
};

struct gql_inputs {
    struct gql_input *items;
    uint32_t n;
};

struct gql_field {
    struct gql_name name;
    ecom_str description;
    const struct gql_type *parent;
    const struct gql_ref *type;
    struct gql_inputs arguments;
    struct gql_deprecation deprecated;
    const struct gql_directive *directives;
    ecom_graphql_resolve_fn resolve;
    void *user;
    uint8_t typename_;     /* the meta field that every composite type has */
    uint8_t introspection; /* __schema and __type */
};

struct gql_enum_value {
    struct gql_name name;
    ecom_str description;
    struct gql_deprecation deprecated;
    const struct gql_directive *directives;
};

struct gql_type {
    struct gql_type *next;                    /* in order of definition */
    struct gql_type *collision;               /* in the table of names */
    struct gql_definition *parts, *last_part; /* as written: definition and extensions */
    struct gql_name name;
    ecom_str description;
    uint8_t kind, builtin;
    uint8_t one_of;
    uint8_t internal; /* of the language itself: not printed */
    uint32_t index;
    struct gql_field *fields; /* object, interface */
    uint32_t nfields;
    uint16_t *slots; /* fields by hash: index + 1; a power of two */
    uint32_t nslots;
    const struct gql_type **interfaces;
    uint32_t ninterfaces;
    const struct gql_type **possible; /* object types: of an interface, of a union; itself */
    uint32_t npossible;
    uint8_t *is_possible; /* a bit by type index */
    struct gql_enum_value *values;
    uint32_t nvalues;
    struct gql_inputs inputs;
    ecom_str specified_by;            /* p NULL: none */
    struct gql_directive *directives; /* of the definition and its extensions, in order */
    const ecom_graphql_scalar *scalar;
    struct gql_field discriminator; /* interface, union: who says of which type an object is */
};

struct gql_directive_type {
    struct gql_directive_type *next;
    struct gql_name name;
    ecom_str description;
    struct gql_inputs arguments;
    const struct gql_names *locations;
    uint32_t index;
    uint8_t repeatable, internal;
    uint8_t is_skip, is_include, is_defer, is_stream;
};

struct gql_schema {
    ecom_arena *arena;
    uint32_t seed;
    struct gql_type *types, *last_type;
    struct gql_type **by_name; /* by hash; a power of two */
    uint32_t nslots;
    uint32_t ntypes, ndirectives;
    struct gql_directive_type *directives;
    const struct gql_type *roots[3]; /* by enum gql_operation_kind */
    ecom_str description;
    struct gql_directive *applied; /* to the schema itself */
    struct gql_field typename_field, schema_field, type_field;
    const struct gql_type *string, *boolean;
    struct gql_name word_if;
    uint8_t incremental; /* there are @defer and @stream */
};

/* Builds a schema in @p schema->arena; problems go to @p errors.
 * @return ECOM_OK, ECOM_E_INVAL, ECOM_E_NOMEM. */
int ecom__gql_schema_build(struct gql_schema *schema, const ecom_graphql_options *options,
                           struct gql_errors *errors);
/* Scalars are attached before defaults are read, resolvers last: what is none of the schema's is a
 * problem. See schema_attach.c. */
void ecom__gql_attach_scalars(struct gql_schema *schema, const ecom_graphql_options *options,
                              struct gql_errors *errors);
void ecom__gql_attach_resolvers(struct gql_schema *schema, const ecom_graphql_options *options,
                                struct gql_errors *errors);
/* The rules of section 3 of the specification, on types that could be built. */
void ecom__gql_schema_check(const struct gql_schema *schema, struct gql_errors *errors);
/* Of them: what no definition may need, itself. The others hold. */
void ecom__gql_schema_check_circles(const struct gql_schema *schema, struct gql_errors *errors);
/* Directives where the schema's text applies them, at a location such as "FIELD_DEFINITION". */
void ecom__gql_check_applied(const struct gql_schema *schema, const struct gql_directive *first,
                             const char *location, struct gql_errors *errors);
int ecom__gql_schema_print(const struct gql_schema *schema, ecom_buf *out);

struct gql_type *ecom__gql_type(const struct gql_schema *schema, struct gql_name name);
struct gql_type *ecom__gql_type_called(const struct gql_schema *schema, ecom_str name);
/* A field of its own of an object or interface. */
const struct gql_field *ecom__gql_field(const struct gql_type *type, struct gql_name name);
const struct gql_input *ecom__gql_input(const struct gql_inputs *inputs, struct gql_name name);
const struct gql_directive_type *ecom__gql_directive_type(const struct gql_schema *schema,
                                                          struct gql_name name);
const struct gql_enum_value *ecom__gql_enum_value(const struct gql_type *type, ecom_str name);

static inline int gql_is_composite(const struct gql_type *type)
{
    return type->kind == GQL_KIND_OBJECT || type->kind == GQL_KIND_INTERFACE ||
           type->kind == GQL_KIND_UNION;
}

static inline int gql_is_leaf(const struct gql_type *type)
{
    return type->kind == GQL_KIND_SCALAR || type->kind == GQL_KIND_ENUM;
}

static inline int gql_is_input(const struct gql_type *type)
{
    return gql_is_leaf(type) || type->kind == GQL_KIND_INPUT;
}

/* Truth: an object of type @p object may stand where @p type is asked for. */
static inline int gql_may_be(const struct gql_type *type, const struct gql_type *object)
{
    return type == object ||
           (type->is_possible && type->is_possible[object->index / 8] >> object->index % 8 & 1);
}

static inline int gql_is_required(const struct gql_input *input)
{
    return input->type->kind == GQL_NON_NULL && !input->fallback;
}

int ecom__gql_ref_same(const struct gql_ref *a, const struct gql_ref *b);
/* Truth: @p sub may stand where @p super is promised (covariance of results). */
int ecom__gql_ref_sub(const struct gql_ref *sub, const struct gql_ref *super);
/* `[Name!]` in the arena; never NULL. */
const char *ecom__gql_ref_text(ecom_arena *arena, const struct gql_ref *ref);

#endif
