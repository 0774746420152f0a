/* Events that wait between a source and a subscription. */
#ifndef GRAPHQL_STREAM_H
#define GRAPHQL_STREAM_H

#include "ecom/subscribe.h"
#include "graphql/engine.h"

struct queued {
    struct queued *next;
    ecom_graphql_event event;
};

struct ecom_graphql_stream {
    atomic_uint refs;
    pthread_mutex_t lock;
    /* Under the lock. */
    struct queued *first, **last;
    uint32_t n;
    int32_t ended, closed; /* by the source; by the listener */
    ecom_error why;        /* code 0: it ended well */

    ecom_graphql_stream_options options; /* max_events filled in; never changes, as the next */
    ecom_graphql *graphql;
    ecom_graphql_document *document;
    ecom_arena *arena; /* of the request's name and variables */
    ecom_str operation_name;
    const ecom_json *variables;
    const ecom_graphql_subscriber *subscriber;
    void *source;
    int32_t subscribed; /* the source is to be cancelled */
};

/* Without options.drop, which is for a stream that begins well. @return NULL: out of memory. */
ecom_graphql_stream *ecom__gql_stream_new(ecom_graphql *graphql, ecom_graphql_document *document,
                                          const ecom_graphql_stream_options *options);

#endif
