/* What happened to orders: as it happens, and as it is known afterwards. */
#ifndef GATEWAY_EVENTS_H
#define GATEWAY_EVENTS_H

#include <ecom/subscribe.h>

/* Of the fields of Subscription; `user` is the struct hub **, NULL within: there is no bus. */
int events_subscribe_order(ecom_graphql_subscribe_call *call, void *user, ecom_error *err);
int events_subscribe_orders(ecom_graphql_subscribe_call *call, void *user, ecom_error *err);
void events_cancel(void *source, void *user);

int events_same(ecom_graphql_call *call, void *user, ecom_error *err);     /* Subscription.* */
int events_status(ecom_graphql_call *call, void *user, ecom_error *err);   /* OrderEvent.status */
int events_order(ecom_graphql_call *call, void *user, ecom_error *err);    /* OrderEvent.order */
int events_of_order(ecom_graphql_call *call, void *user, ecom_error *err); /* Order.events */

#endif
