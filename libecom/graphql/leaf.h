/* Values of scalars and enums. */
#ifndef GRAPHQL_LEAF_H
#define GRAPHQL_LEAF_H

#include "graphql/schema.h"

/* A JSON value, not null, as a leaf of @p type. @return ECOM_OK; ECOM_E_INVAL: it is none, and what
 * a custom scalar has against it is in *err; ECOM_E_NOMEM. */
int ecom__gql_leaf(ecom_arena *arena, const struct gql_type *type, const ecom_json *in,
                   const ecom_json **out, ecom_error *err);

/* Why it is none; p NULL: no memory. @p integral: an integer, but too large for an Int. */
ecom_str ecom__gql_leaf_reason(ecom_arena *arena, const struct gql_type *type, ecom_str shown,
                               int integral, const ecom_error *err);
/* The same for an enum. @p is_name: it could be one of its values; else @p other is what it is. */
ecom_str ecom__gql_enum_reason(struct gql_errors *errors, const struct gql_type *type, int is_name,
                               const char *other, ecom_str shown);

#endif
