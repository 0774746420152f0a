/* Objects of other services by their ids: one call for all of a level. */
#ifndef GATEWAY_JOINS_H
#define GATEWAY_JOINS_H

#include "upstream.h"

#include <ecom/graphql.h>

/* One value that waits for an object. */
struct want {
    ecom_str id;
    ecom_graphql_value *value;
    const ecom_json *parent; /* nullable */
};

/* What a service is asked, as `base` + `path` + `?ids=`, and which of its items are whose. */
struct source {
    const char *base, *path;
    const char *type;  /* objects get it as their `__typename`; NULL: not */
    const char *ids;   /* the query's name, if it is not `ids` */
    const char *key;   /* the member that is the id, if it is not `id` */
    int add_arguments; /* the call's arguments are part of the query */
    int only_visible;  /* what is not there may not be seen: FORBIDDEN, not null */
};

/* Wants that one call answers; a resolver's, as call->state, until it is finished. */
struct asked {
    struct asked *next;
    struct want *wants, *end;
    struct source source;
    struct pending *pending;
};
/* Begins to fill in the values, and sets call->finish: what the service does not have stays null,
 * what it fails to give is an error of its values. Changes the order of the wants. Who sets a
 * finish of its own goes through the struct asked of call->state in it. Returns ECOM_OK or
 * ECOM_E_NOMEM. */
int joins_fetch(ecom_graphql_call *call, const struct source *source, struct want *wants, size_t n,
                ecom_error *err);
/* As above, for parents whose member `key` is an id. */
int joins_by_member(ecom_graphql_call *call, const struct source *source, const char *key,
                    ecom_error *err);
/* The arguments that were given, as a query has them. */
int joins_add_arguments(const ecom_graphql_call *call, ecom_buf *url);
/* A want for each parent that has the member; p NULL in *out: out of memory. */
size_t joins_wants(ecom_graphql_call *call, const char *key, struct want **out);

#endif
