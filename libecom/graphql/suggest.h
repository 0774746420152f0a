/* Names that a misspelt one may have meant: `Did you mean "name" or "names"?`. */
#ifndef GRAPHQL_SUGGEST_H
#define GRAPHQL_SUGGEST_H

#include "graphql/schema.h"

enum { GQL_SUGGESTIONS = 5 };

/* The best so far. Work is paid from errors->suggesting: where that is 0 nothing is suggested. */
struct gql_suggest {
    struct gql_errors *errors;
    ecom_str input;
    uint32_t most; /* changes by which a name may differ */
    uint32_t n;
    ecom_str names[GQL_SUGGESTIONS];
    uint32_t distances[GQL_SUGGESTIONS];
};

struct gql_suggest ecom__gql_suggest(struct gql_errors *errors, ecom_str input);
void ecom__gql_suggest_add(struct gql_suggest *s, ecom_str name);
/* ` Did you mean <what>"a", "b", or "c"?`; no bytes when nothing is near. */
ecom_str ecom__gql_did_you_mean(const struct gql_suggest *s, const char *what);

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
