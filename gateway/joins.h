/* Objects of other services by their ids: one call for all of a level. */
#ifndef GATEWAY_JOINS_H
#define GATEWAY_JOINS_H

#include "upstream.h"

#include <ecom/graphql.h>

/* One value that waits for an object. */
struct want {
    ecom_str id;
    ecom_graphql_value *value;
};

/* What a service is asked, as `base` + `path` + `?ids=`. */
struct source {
    const char *base, *path;
    const char *type; /* objects get it as their `__typename`; NULL: not */
};

/* Wants that one call answers; a resolver's, as call->state, until it is finished. */
struct asked {
    struct asked *next;
    struct want *wants, *end;
    struct source source;
    struct pending *pending;
};
/* Adds one to call->state, to get its call; NULL: out of memory. */
struct asked *joins_ask(ecom_graphql_call *call, struct want *wants, struct want *end,
                        ecom_error *err);

/* Begins to fill in the values, and sets call->finish: what the service does not have stays null,
 * what it fails to give is an error of its values. Changes the order of the wants.
 * Returns ECOM_OK, or what could not be begun. */
int joins_fetch(ecom_graphql_call *call, const struct source *source, struct want *wants, size_t n,
                ecom_error *err);
/* As above, for parents whose member `key` is an id. */
int joins_by_member(ecom_graphql_call *call, const struct source *source, const char *key,
                    ecom_error *err);
/* Sorts by id, so that the same ids lie together. */
void joins_sort(struct want *wants, size_t n);
/* A want for each parent that has the member; p NULL in *out: out of memory. */
size_t joins_wants(ecom_graphql_call *call, const char *key, struct want **out);

#endif
