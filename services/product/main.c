/* product-service: what there is to buy. */
#include "daemon/caller.h"
#include "daemon/daemon.h"

#include <ecom/product.h>

static int post_product(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    const ecom_caller caller = caller_of(x);
    ecom_product made;

    if (d->settings.product_write_auth == PRODUCT_WRITE_JWT && !ecom_exchange_claims(x))
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "a Bearer token is needed");
    int r = ecom_products_create(d->domain, ecom_exchange_request(x), &caller,
                                 ecom_exchange_arena(x), &made, NULL, err);
    return r < 0 ? r : ecom_exchange_reply(x, &ecom_product_record, &made, err);
}

static int get_product(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    ecom_product found;
    int r = ecom_products_get(d->domain, ecom_exchange_param(x, "id"), ecom_exchange_arena(x),
                              &found, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_product_record, &found, err);
}

static int get_products(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    ecom_product_page page;
    int r =
        ecom_products_list(d->domain, ecom_exchange_params(x), ecom_exchange_arena(x), &page, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_product_page_record, &page, err);
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/products",
     .handle = post_product,
     .flags = ECOM_ROUTE_IDEMPOTENT,
     .request = &ecom_product_request_record,
     .response = &ecom_product_record,
     .status = 201,
     .summary = "Makes a product; asks for a token, unless PRODUCT_WRITE_AUTH=open.",
     .operation = "createProduct"},
    {.method = "GET",
     .pattern = "/products",
     .handle = get_products,
     .query = &ecom_product_query_record,
     .response = &ecom_product_page_record,
     .summary = "Products, newest first, a page at a time, by words or by ids.",
     .operation = "listProducts"},
    {.method = "GET",
     .pattern = "/products/{id}",
     .handle = get_product,
     .response = &ecom_product_record,
     .summary = "One product.",
     .operation = "getProduct"},
};

static int open_products(struct daemon *d, ecom_error *err)
{
    const ecom_products_options opts = {
        .size = sizeof(opts), .store = d->store, .env = d->env, .log = d->log};
    ecom_products *products = NULL;
    int r = ecom_products_new(&opts, &products, err);

    d->domain = products;
    if (d->settings.product_write_auth == PRODUCT_WRITE_OPEN)
        ecom_log_write(d->log, ECOM_LOG_WARN,
                       "PRODUCT_WRITE_AUTH=open: everybody may create products", NULL, 0);
    return r;
}

static void close_products(struct daemon *d)
{
    ecom_products_free(d->domain);
}

static const struct daemon_spec spec = {
    .name = "product-service",
    .about = "What there is to buy: POST /products, GET /products, GET /products/{id}.",
    .title = "Product Service",
    .needs = DAEMON_STORE | DAEMON_JWT,
    .port = offsetof(struct settings, product_port),
    .store_url = offsetof(struct settings, product_store),
    .store_name = "product",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_products,
    .close = close_products,
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
