/* The products of a shop, as two processes have them. */
#ifndef PRODUCTS_WORLD_H
#define PRODUCTS_WORLD_H

#include "shop_world.h"

struct fixture {
    struct shop_world w;
    ecom_products *products, *elsewhere; /* two processes on one store */
};

void open_fixture(struct fixture *f);
void close_fixture(struct fixture *f);
/* A request with that name, and what else it needs. */
ecom_product_request request_of(ecom_str name);
/* @p key  NULL: none. */
ecom_caller caller_of(const char *user, const char *key);

#endif
