/* Inputs made to fit their types: variables, arguments, defaults. What comes out is JSON again,
 * with defaults filled in: an enum value is a string, an ID is a string, an Int has no fraction. */
#ifndef GRAPHQL_COERCE_H
#define GRAPHQL_COERCE_H

#include "graphql/schema.h"

struct gql_variables {
    const struct gql_variable *definitions;
    const ecom_json **values; /* by index; NULL: not given */
};

/* NULL: not given, and no default. */
const ecom_json *ecom__gql_variable(const struct gql_variables *variables, struct gql_name name);

/* A field of an object; NULL: it has none of that name. */
const struct gql_value *ecom__gql_member(const struct gql_value *object, struct gql_name name);

/* A literal as a value of @p type. @return ECOM_OK, with *out NULL for a variable that was not
 * given; ECOM_E_INVAL: it does not fit; ECOM_E_NOMEM. */
int ecom__gql_literal(ecom_arena *arena, const struct gql_ref *type, const struct gql_value *value,
                      const struct gql_variables *variables, const ecom_json **out);

/* The variables of an operation from the request's; every misfit is reported.
 * @return ECOM_OK, ECOM_E_INVAL, ECOM_E_NOMEM. */
int ecom__gql_coerce_variables(const struct gql_schema *schema,
                               const struct gql_definition *operation, const ecom_json *given,
                               ecom_arena *arena, struct gql_variables *out,
                               struct gql_errors *errors);

/* Why an argument could not be had. */
struct gql_misfit {
    ecom_str message;
    uint32_t at;
};
/* The arguments of a field or directive as one object. @p at: of the field or directive.
 * @return ECOM_OK; ECOM_E_INVAL with *misfit; ECOM_E_NOMEM. */
int ecom__gql_arguments(ecom_arena *arena, const struct gql_inputs *inputs,
                        const struct gql_argument *given, uint32_t at,
                        const struct gql_variables *variables, const ecom_json **out,
                        struct gql_misfit *misfit);

/* Fills gql_input.value throughout a schema. */
void ecom__gql_coerce_defaults(struct gql_schema *schema, struct gql_errors *errors);

/* Truth: a literal is right for a scalar or enum of the language's own; else *why is the reason.
 * Custom scalars are asked by their callback. */
int ecom__gql_leaf_fits(struct gql_errors *errors, const struct gql_type *type,
                        const struct gql_value *value, ecom_str *why);

#endif
