#include "graphql_shop.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char sdl[] =
    "type Query { products(first: Int = 20): [Product!]! groups: [Group!]! product(id: ID!): "
    "Product }\n"
    "\"Something for sale.\"\n"
    "type Product implements Node { id: ID! name: String! price: Float! stock: Int! currency: "
    "String!"
    " description: String status: Status! similar(first: Int = 5): [Product!]! }\n"
    "type Group implements Node { id: ID! name: String! items: [Product!]! }\n"
    "interface Node { id: ID! }\n"
    "enum Status { AVAILABLE SOLD_OUT }\n";

struct product {
    ecom_str id, name, currency, description, status;
    int64_t price, stock;
    char text[3][40];
};

static struct product products[SHOP_PRODUCTS];
static const int group_numbers[SHOP_GROUPS] = {0,  1,  2,  3,  4,  5,  6,  7,  8,  9,
                                               10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

#define FIELD(name_, type_) ECOM_FIELD(struct product, name_, #name_, type_)
static const ecom_field product_fields[] = {
    FIELD(id, STRING),     FIELD(name, STRING), FIELD(currency, STRING), FIELD(description, STRING),
    FIELD(status, STRING), FIELD(price, MONEY), FIELD(stock, INT),
};
static const ecom_record product_record = ECOM_RECORD("Product", struct product, product_fields);

static ecom_str print(char out[40], const char *fmt, int i)
{
    return (ecom_str){out, (size_t)snprintf(out, 40, fmt, i)};
}

static void fill(void)
{
    for (int i = 0; i < SHOP_PRODUCTS; i++) {
        struct product *p = &products[i];
        p->id = print(p->text[0], "product-%d", i);
        p->name = print(p->text[1], "Product number %d", i);
        p->description = print(p->text[2], "What number %d is for", i);
        p->currency = ecom_str_of("EUR");
        p->status = ecom_str_of(i % 7 ? "AVAILABLE" : "SOLD_OUT");
        p->price = 199 + i * 10;
        p->stock = i;
    }
}

static int some_products(ecom_graphql_call *call, ecom_graphql_value *value, int64_t from,
                         int64_t n)
{
    n = n < 0 ? 0 : n > SHOP_PRODUCTS ? SHOP_PRODUCTS : n;
    if (ecom_graphql_set_list(call, value, (uint32_t)n) < 0)
        return ECOM_E_NOMEM;
    for (int64_t i = 0; i < n; i++)
        ecom_graphql_set_object(&value->as.items[i], &products[(from + i) % SHOP_PRODUCTS]);
    return ECOM_OK;
}

static int query_products(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    return some_products(call, &call->results[0], 0, ecom_graphql_arg_int(call, "first", 20));
}

static int query_product(ecom_graphql_call *call, void *user, ecom_error *err)
{
    ecom_str id = ecom_graphql_arg_str(call, "id");

    (void)user, (void)err;
    for (int i = 0; i < SHOP_PRODUCTS; i++)
        if (ecom_str_eq(id, products[i].id))
            ecom_graphql_set_object(&call->results[0], &products[i]);
    return ECOM_OK;
}

static int product_similar(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int64_t n = ecom_graphql_arg_int(call, "first", 5);
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const struct product *p = call->parents[i];
        r = some_products(call, &call->results[i], p - products + 1, n);
    }
    return r;
}

static int query_groups(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    if (ecom_graphql_set_list(call, &call->results[0], SHOP_GROUPS) < 0)
        return ECOM_E_NOMEM;
    for (int i = 0; i < SHOP_GROUPS; i++)
        ecom_graphql_set_object(&call->results[0].as.items[i], &group_numbers[i]);
    return ECOM_OK;
}

static int group_field(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        int number = *(const int *)call->parents[i];
        if (call->composite)
            r = some_products(call, &call->results[i], number, SHOP_ITEMS);
        else
            ecom_graphql_set_str(&call->results[i], products[number].id);
    }
    return r;
}

static const ecom_graphql_resolver resolvers[] = {
    {"Query", "products", query_products, NULL},
    {"Query", "product", query_product, NULL},
    {"Query", "groups", query_groups, NULL},
    {"Group", "*", group_field, NULL},
    {"Product", "similar", product_similar, NULL},
    {"Product", "*", ecom_graphql_resolve_record, (void *)&product_record},
};

ecom_graphql *bench_shop_open(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *graphql = NULL;
    ecom_error err;

    fill();
    options.sdl = (ecom_str){sdl, sizeof(sdl) - 1};
    options.resolvers = resolvers;
    options.nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
    options.limits.list_size = 50;
    options.limits.max_cost = 100000000;
    if (ecom_graphql_new(&options, &graphql, NULL, &err) < 0) {
        fprintf(stderr, "the schema: %s\n", err.text);
        exit(1);
    }
    return graphql;
}
