/* The shop's schema, resolved by calls to the services. */
#ifndef GATEWAY_RESOLVERS_H
#define GATEWAY_RESOLVERS_H

#include <ecom/graphql.h>

extern const ecom_graphql_resolver resolvers[];
extern const size_t nresolvers;

#endif
