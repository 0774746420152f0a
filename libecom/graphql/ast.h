/* What the parser makes of a text: nodes in an arena, linked in the order they were written. A node
 * says where it stands by its offset; lines and columns are counted only when an error needs them.
 */
#ifndef GRAPHQL_AST_H
#define GRAPHQL_AST_H

#include "ecom/graphql.h"

/* A name, with its hash: comparing names costs a comparison of numbers as a rule. */
struct gql_name {
    const char *p; /* NULL: there is none */
    uint32_t n, hash;
    uint32_t at; /* offset in the source */
};

static inline ecom_str gql_str(struct gql_name name)
{
    return (ecom_str){name.p, name.n};
}

static inline int gql_same(struct gql_name a, struct gql_name b)
{
    return a.hash == b.hash && ecom_str_eq(gql_str(a), gql_str(b));
}

enum gql_value_kind {
    GQL_NULL,
    GQL_BOOL,
    GQL_INT,
    GQL_FLOAT,
    GQL_STRING,
    GQL_ENUM,
    GQL_VARIABLE,
    GQL_LIST,
    GQL_OBJECT
};

struct gql_variable;
struct gql_type;
struct gql_field;
struct gql_input;

struct gql_value {
    struct gql_value *next;  /* the next item or member */
    struct gql_value *first; /* of a list or object */
    struct gql_name name;    /* of a member of an object */
    struct gql_name text;    /* literal, decoded string, name of an enum value or a variable */
    uint32_t at, count;
    uint8_t kind, truth, block;
    uint8_t constant; /* no variable in it or below */
};

enum gql_ref_kind { GQL_NAMED, GQL_LIST_OF, GQL_NON_NULL };

/* A type as it is referred to: `[Name!]`. */
struct gql_ref {
    struct gql_ref *of;
    struct gql_name name;        /* of GQL_NAMED */
    const struct gql_type *type; /* the named type at the bottom, once resolved; NULL: unknown */
    uint32_t at;
    uint8_t kind;
};

struct gql_argument {
    struct gql_argument *next;
    struct gql_name name;
    struct gql_value *value;
};

struct gql_directive {
    struct gql_directive *next;
    struct gql_name name;
    struct gql_argument *arguments;
    uint32_t at, end;
};

enum gql_selection_kind { GQL_FIELD, GQL_SPREAD, GQL_INLINE };

struct gql_definition;

struct gql_selection {
    struct gql_selection *next;
    struct gql_selection *first; /* its own selection set */
    struct gql_name alias;
    struct gql_name name; /* of a field or of the fragment that is spread */
    struct gql_argument *arguments;
    struct gql_directive *directives;
    struct gql_ref *condition; /* of an inline fragment, or NULL */
    /* What validation found out, for execution. */
    const struct gql_type *parent;   /* the type that the field was looked up in */
    const struct gql_field *field;   /* NULL: unknown */
    struct gql_definition *fragment; /* of a spread; NULL: unknown */
    uint32_t at, end;
    uint32_t brace;  /* where the field's own selection set opens */
    uint32_t number; /* counted through the document */
    uint8_t kind, braces;
};

static inline struct gql_name gql_key(const struct gql_selection *field)
{
    return field->alias.p ? field->alias : field->name;
}

struct gql_variable {
    struct gql_variable *next;
    struct gql_name name; /* at: of the `$` */
    struct gql_ref *type;
    struct gql_value *fallback;
    struct gql_directive *directives;
    struct gql_value *description;
    uint32_t index; /* within its operation */
};

enum gql_definition_kind {
    GQL_OPERATION,
    GQL_FRAGMENT,
    GQL_SCHEMA,
    GQL_SCALAR_TYPE,
    GQL_OBJECT_TYPE,
    GQL_INTERFACE_TYPE,
    GQL_UNION_TYPE,
    GQL_ENUM_TYPE,
    GQL_INPUT_TYPE,
    GQL_DIRECTIVE
};

enum gql_operation_kind { GQL_QUERY, GQL_MUTATION, GQL_SUBSCRIPTION };

/* A field, an argument, an input field, an enum value, a root operation: what stands in a list of
 * a type-system definition. */
struct gql_member {
    struct gql_member *next;
    struct gql_name name;
    struct gql_value *description;
    struct gql_member *arguments;
    struct gql_ref *type;
    struct gql_value *fallback;
    struct gql_directive *directives;
    uint8_t operation; /* of a root operation */
};

/* A name in a list of names: interfaces, members of a union, locations of a directive. */
struct gql_names {
    struct gql_names *next;
    struct gql_name name;
};

struct gql_definition {
    struct gql_definition *next;
    struct gql_definition *part; /* the next of the same type; set by whoever builds the schema */
    struct gql_name name;
    struct gql_value *description;
    struct gql_directive *directives;
    struct gql_variable *variables; /* operation */
    struct gql_selection *first;    /* operation, fragment */
    struct gql_ref *condition;      /* fragment */
    struct gql_names *names;        /* interfaces, union members, directive locations */
    struct gql_member *members;     /* fields, enum values, input fields, directive arguments */
    uint32_t at, end, nvariables;
    uint32_t index; /* of a fragment, among the fragments */
    uint8_t kind, operation, shorthand, extension, repeatable;
};

struct gql_document {
    ecom_str source; /* a copy in the arena: names point into it */
    struct gql_definition *first;
    uint32_t ndefinitions, noperations, nfragments, nselections, ntokens, ndirectives, naliases;
    uint8_t incremental; /* there is a @defer or @stream in it */
};

/* Bounds on parsing; never 0. */
struct gql_bounds {
    uint32_t max_bytes, max_tokens, max_depth;
    uint32_t seed; /* of the hashes of names */
};

struct gql_errors;

/* Parses a text into @p arena, which must outlive the document. Reports through @p errors and
 * returns ECOM_E_INVAL, ECOM_E_TOOLARGE or ECOM_E_NOMEM. */
int ecom__gql_parse(ecom_str text, const struct gql_bounds *bounds, ecom_arena *arena,
                    struct gql_document *out, struct gql_errors *errors);
uint32_t ecom__gql_hash(uint32_t seed, ecom_str name);
struct gql_name ecom__gql_name(uint32_t seed, const char *name);

/* Appends the text of a node; a document in the reference's layout. */
int ecom__gql_print(const struct gql_document *document, ecom_buf *out);
int ecom__gql_print_value(const struct gql_value *value, ecom_buf *out);
int ecom__gql_print_ref(const struct gql_ref *ref, ecom_buf *out);
/* ` @name(argument: value)` for each. */
int ecom__gql_print_directives(const struct gql_directive *first, ecom_buf *out);
int ecom__gql_print_string(ecom_str s, int block, int indent, ecom_buf *out);

#endif
