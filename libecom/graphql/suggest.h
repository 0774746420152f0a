/* Names that a misspelt one may have meant: `Did you mean "name" or "names"?`. */
#ifndef GRAPHQL_SUGGEST_H
#define GRAPHQL_SUGGEST_H

#include "graphql/schema.h"

/* Work is paid from errors->suggesting: where that is 0 nothing is suggested. What comes back
 * begins with a space; no bytes when nothing is near. */
ecom_str ecom__gql_suggest_input(struct gql_errors *errors, const struct gql_inputs *inputs,
                                 ecom_str name);
ecom_str ecom__gql_suggest_enum(struct gql_errors *errors, const struct gql_type *type,
                                ecom_str name);
ecom_str ecom__gql_suggest_type(struct gql_errors *errors, const struct gql_schema *schema,
                                ecom_str name);
/* A type of which an object here may be, that has the field; else a field of a like name. */
ecom_str ecom__gql_suggest_field(struct gql_errors *errors, const struct gql_type *type,
                                 struct gql_name name);

#endif
