/* Connections that stay: graphql-transport-ws and graphql-sse, on the server's WebSockets and
 * streams. */
#ifndef GATEWAY_LIVE_H
#define GATEWAY_LIVE_H

#include "daemon/daemon.h"
#include "upstream.h"

#include <ecom/stream.h>
#include <ecom/subscribe.h>

#include <stdatomic.h>

/* What they need of the gateway; outlives them. */
struct live_world {
    const struct daemon *d;
    const struct upstream *upstream;
    ecom_graphql *graphql;
    atomic_uint open;   /* connections */
    ecom_series *gauge; /* of them */
};

/* A GET that asks for a WebSocket. */
int live_upgrade(struct live_world *world, ecom_exchange *x, ecom_error *err);
/* Truth: the answer is wanted as text/event-stream, and nothing else is wanted more. */
int live_wants_events(ecom_exchange *x);
/* Answers a GET or POST with events. */
int live_events(struct live_world *world, ecom_exchange *x, ecom_error *err);
/* Truth: the answer may come in parts, and there is a connection left for one that goes on. */
int live_wants_parts(struct live_world *world, ecom_exchange *x);
/* Answers a request as ecom_graphql_handle_http() does; of an answer in parts the others follow. */
int live_parts(struct live_world *world, ecom_exchange *x, ecom_graphql_http *http,
               ecom_graphql_http_answer *answer, ecom_error *err);

#endif
