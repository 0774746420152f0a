/* How the settings open the engine and what they allow over HTTP. */
#ifndef GATEWAY_OPTIONS_H
#define GATEWAY_OPTIONS_H

#include "daemon/settings.h"

#include <ecom/graphql.h>

/* The documents of GRAPHQL_TRUSTED_DOCUMENTS; arena NULL: it is not set. */
struct trusted {
    ecom_arena *arena;
    const ecom_str *texts;
    size_t n;
};

/* Reads the file: a JSON array of texts, or an object of texts by their SHA-256 in hexadecimal.
 * Returns ECOM_OK; ECOM_E_INVAL, which names what is wrong; ECOM_E_NOTFOUND; ECOM_E_NOMEM. */
int trusted_read(ecom_str path, struct trusted *out, ecom_error *err);
void trusted_free(struct trusted *trusted);

/* Fills in limits, introspection and persisted documents. */
void options_fill(const struct settings *settings, const struct trusted *trusted,
                  ecom_graphql_options *out);
/* Fills in batches and statuses. */
void options_fill_http(const struct settings *settings, ecom_graphql_http *out);

#endif
