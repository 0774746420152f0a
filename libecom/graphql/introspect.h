/* Introspection is a schema over the schema: its types are written in GraphQL like any other, and
 * their fields have resolvers like any other. */
#ifndef GRAPHQL_INTROSPECT_H
#define GRAPHQL_INTROSPECT_H

#include "ecom/graphql.h"

/* What every schema has without writing it: scalars, directives, introspection types. */
const char *ecom__gql_language(int incremental);
extern const ecom_graphql_resolver ecom__gql_introspection[];
extern const size_t ecom__gql_nintrospection;

/* `__schema` and `__type(name:)`; user: the const struct gql_schema. */
int ecom__gql_introspect_schema(ecom_graphql_call *call, void *user, ecom_error *err);
int ecom__gql_introspect_type(ecom_graphql_call *call, void *user, ecom_error *err);

#endif
