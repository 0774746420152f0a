/* Where credentials come from: given, a profile, the container, the machine; kept until they are
 * to be refreshed. */
#ifndef ECOM_AWS_CHAIN_H
#define ECOM_AWS_CHAIN_H

#include "aws/sign.h"
#include "aws/wire.h"
#include "ecom/aws.h"

struct aws_chain;

/* What a profile says beside credentials; NULL: nothing. */
struct aws_profile {
    const char *region, *ca_bundle;
};

/* Reads the profile's files. What is in opts must outlive the chain.
 * @return ECOM_E_INVAL, ECOM_E_NOTFOUND, ECOM_E_NOTSUP, ECOM_E_NOMEM: see ecom_aws_new(). */
int ecom__aws_chain_new(const ecom_aws_options *opts, struct aws_chain **out, ecom_error *err);
const struct aws_profile *ecom__aws_chain_profile(const struct aws_chain *chain);
/* Credentials that hold now, copied into the arena; asks for them over the transport where needed:
 * five minutes before their end, and while they hold a failure to do so is only logged.
 * @return ECOM_E_UNAUTHENTICATED: there are none; ECOM_E_UNAVAILABLE: who has them does not answer;
 * ECOM_E_CLOSED; ECOM_E_NOMEM. */
int ecom__aws_chain_get(struct aws_chain *chain, const struct aws_transport *transport, void *self,
                        ecom_arena *arena, struct aws_credentials *out, ecom_error *err);
/* AWS says that these have ended: they will be asked for anew. */
void ecom__aws_chain_spoil(struct aws_chain *chain, ecom_str key_id);
void ecom__aws_chain_free(struct aws_chain *chain);

/* The JSON of a container's or a machine's credentials. expires_ms: INT64_MAX when it does not say.
 * @return ECOM_E_UNAVAILABLE: not these; ECOM_E_NOMEM. */
int ecom__aws_credentials_read(ecom_str json, ecom_arena *arena, struct aws_credentials *out,
                               int64_t *expires_ms, ecom_error *err);
/* Truth: credentials may be asked for there: by https, or by http on this machine or where AWS has
 * its containers' agents. */
int ecom__aws_container_uri_valid(const char *uri);

#endif
