/* Inside an ecom_orders: for orders.c, which accepts and shows, and order_flow.c, which moves on.
 */
#ifndef ECOM_SHOP_ORDERS_H
#define ECOM_SHOP_ORDERS_H

#include "ecom/order.h"
#include "shop/collection.h"
#include "shop/idempotency.h"

struct ecom_orders {
    struct ecom__collection c;
    const ecom_env *env;
    const ecom_log *log;
    struct ecom__flights flights;
    char topic[ECOM_BUS_MAX_NAME + 1]; /* empty: the contract's */
};

#endif
