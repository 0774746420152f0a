/* What happens in the shop, from the bus to those who subscribed to it. */
#ifndef GATEWAY_HUB_H
#define GATEWAY_HUB_H

#include <ecom/bus.h>
#include <ecom/subscribe.h>

enum { HUB_KEPT = 4096 }; /* events, for those who come back or come late */

struct hub;

struct hub_options {
    const char *bus_url;
    ecom_str order_topic, payment_topic;
    const ecom_env *env;
    const ecom_log *log;
};

/* What a subscriber wants. */
struct hub_wish {
    ecom_str user_id;  /* whose orders */
    ecom_str order_id; /* empty: all */
    ecom_str after;    /* the id of an event, of this or another process: go on behind it; any other
                        * text: with all that is kept; p NULL: from now */
    int32_t from_kept; /* without after: with all that is kept */
};

/* Opens the bus, and starts to listen on a thread of its own, from some events before its end on. A
 * bus that cannot be reached is tried again for ever. */
int hub_open(const struct hub_options *options, struct hub **out, ecom_error *err);
/* Pushes what fits the wish to the stream; an event's root is its JSON. @param out  for
 * hub_leave(). */
int hub_join(struct hub *hub, const struct hub_wish *wish, ecom_graphql_stream *stream, void **out,
             ecom_error *err);
void hub_leave(struct hub *hub, void *listener);
/* All listeners have left before. NULL is fine. */
void hub_close(struct hub *hub);

#endif
