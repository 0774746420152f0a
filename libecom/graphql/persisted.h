/* Documents that requests name by their SHA-256. */
#ifndef GRAPHQL_PERSISTED_H
#define GRAPHQL_PERSISTED_H

#include "graphql/engine.h"

/* Prepares the options' trusted documents. */
int ecom__gql_trust(ecom_graphql *graphql, const ecom_graphql_options *options, ecom_error *err);
void ecom__gql_trust_clear(ecom_graphql *graphql);
/* The document that a request's body asks for; NULL in *out: it was refused in the response.
 * Returns ECOM_OK or ECOM_E_NOMEM. */
int ecom__gql_find_document(ecom_graphql *graphql, const ecom_json *body,
                            ecom_graphql_document **out, ecom_buf *response,
                            ecom_graphql_outcome *outcome, ecom_error *err);

#endif
