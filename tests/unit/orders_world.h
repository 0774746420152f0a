/* Orders as two processes have them on one store, in the small world of the shop's tests. */
#ifndef ORDERS_WORLD_H
#define ORDERS_WORLD_H

#include "shop_world.h"

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

struct fixture {
    struct shop_world w;
    ecom_orders *orders, *elsewhere; /* two processes on one store */
};

void open_fixture(struct fixture *f);
void close_fixture(struct fixture *f);
/* @param key  of idempotency; NULL: none. */
ecom_caller caller_of(const char *user, const char *key);
ecom_order_request request_of(int64_t amount);
/* A millisecond later, an order of this user. */
int place(struct fixture *f, const char *user, const char *key, int64_t amount, ecom_order *out,
          ecom_error *e);
ecom_payment_completed completed_of(const ecom_order *order, const char *event_id);
ecom_payment_failed failed_of(const ecom_order *order, const char *event_id);
/* What became of the payment reaches the order. */
int complete(struct fixture *f, const ecom_payment_completed *event, int *changed, ecom_order *out,
             ecom_error *e);
int fail_payment(struct fixture *f, const ecom_payment_failed *event, int *changed, ecom_order *out,
                 ecom_error *e);
/* -1: it is not there. */
int status_of(struct fixture *f, const ecom_order *order);
/* A page of this user's orders. */
int list(struct fixture *f, const char *user, int64_t first, ecom_str after, int32_t status,
         ecom_order_page *out, ecom_error *e);

#endif
