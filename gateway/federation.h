/* The two fields by which a larger graph asks this one. */
#ifndef GATEWAY_FEDERATION_H
#define GATEWAY_FEDERATION_H

#include <ecom/graphql.h>

int federation_service(ecom_graphql_call *call, void *user, ecom_error *err);
int federation_sdl(ecom_graphql_call *call, void *user, ecom_error *err);
int federation_entities(ecom_graphql_call *call, void *user, ecom_error *err);

#endif
