/* The shop in memory that the benchmarks of GraphQL ask: the same as in peers/shop.mjs. */
#ifndef BENCH_GRAPHQL_SHOP_H
#define BENCH_GRAPHQL_SHOP_H

#include <ecom/graphql.h>

enum { SHOP_PRODUCTS = 100, SHOP_GROUPS = 20, SHOP_ITEMS = 49 };

ecom_graphql *bench_shop_open(void);

#endif
