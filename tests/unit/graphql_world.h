/* A small world to ask about: people, robots and things in memory, with a few fields that fail. */
#ifndef GRAPHQL_WORLD_H
#define GRAPHQL_WORLD_H

#include "ecom/graphql.h"

struct world_counts {
    int calls;   /* of the resolver Person.friends */
    int parents; /* in all of these calls */
    int log[8];  /* what Mutation.append appended */
    int nlog;
};

/* The options of that schema; change what you need. */
ecom_graphql_options world_options(void);
ecom_graphql *world_open(void);
/* The same, with @defer and @stream. */
ecom_graphql *world_open_incremental(void);
/* Answers a body; {p NULL} when it failed. The caller frees. */
ecom_buf world_ask(ecom_graphql *graphql, const char *body, struct world_counts *counts,
                   ecom_graphql_outcome *outcome);
/* As above, for a query without variables. */
ecom_buf world_query(ecom_graphql *graphql, const char *query);
/* Answers a body in parts: a JSON array of them; {p NULL} when it failed. */
ecom_buf world_parts(ecom_graphql *graphql, const char *body, int32_t dialect,
                     struct world_counts *counts);

#endif
