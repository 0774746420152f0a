/* A schema with a subscription whose events the test makes. */
#ifndef GRAPHQL_SOURCE_H
#define GRAPHQL_SOURCE_H

#include "check.h"
#include "ecom/subscribe.h"

/* What Subscription.count comes from, and the time it lives in. */
struct source {
    struct check_world world;
    ecom_graphql_stream *stream; /* of the last one who subscribed, until it is cancelled */
    int begun, cancelled, dropped;
    int64_t from;
    char after[64];
    int fail; /* with this code */
};
extern struct source source;

/* The options of that schema; change what you need. The source begins anew. */
ecom_graphql_options source_options(void);
ecom_graphql *source_open(void);
/* An event; `id` may be NULL. */
int source_push(int n, const char *id);

#endif
