/* order-service: takes orders, says ORDER_CREATED, and moves them on by the payments' events. */
#include "daemon/caller.h"
#include "daemon/daemon.h"

#include <ecom/order.h>

static void answer_order(void *user, int r, const ecom_order *made, ecom_error *err)
{
    ecom_exchange *x = user;

    if (r == ECOM_OK)
        r = ecom_exchange_reply(x, &ecom_order_record, made, err);
    ecom_exchange_finish(x, r, err);
}

/* As a rule no thread is needed, nor waits while the order is written: so many share a sync. */
static int post_order(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    const ecom_caller caller = caller_of(x);
    int r = (ecom_exchange_may_block(x) ? ecom_orders_create_later : ecom_orders_try_create_later)(
        d->domain, ecom_exchange_request(x), &caller, ecom_exchange_arena(x), answer_order, x, err);

    return r == ECOM_OK ? ECOM_HTTP_LATER : r;
}

static int get_order(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    ecom_order found;
    int r = ecom_orders_get(d->domain, ecom_exchange_claims(x)->sub, ecom_exchange_param(x, "id"),
                            ecom_exchange_arena(x), &found, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_order_record, &found, err);
}

static int get_orders(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    ecom_order_page page;
    int r = ecom_orders_list(d->domain, ecom_exchange_claims(x)->sub, ecom_exchange_params(x),
                             ecom_exchange_arena(x), &page, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_order_page_record, &page, err);
}

static int get_order_pages(void *user, ecom_exchange *x, ecom_error *err)
{
    struct daemon *d = user;
    ecom_order_pages pages;
    int r = ecom_orders_list_pages(d->domain, ecom_exchange_claims(x)->sub, ecom_exchange_params(x),
                                   ecom_exchange_arena(x), &pages, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_order_pages_record, &pages, err);
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/orders",
     .handle = post_order,
     .flags = ECOM_ROUTE_AUTH | ECOM_ROUTE_IDEMPOTENT | ECOM_ROUTE_ON_LOOP,
     .request = &ecom_order_request_record,
     .response = &ecom_order_record,
     .status = 201,
     .summary = "Takes an order of the caller; it is paid in the background.",
     .operation = "createOrder"},
    {.method = "GET",
     .pattern = "/orders",
     .handle = get_orders,
     .flags = ECOM_ROUTE_AUTH,
     .query = &ecom_order_query_record,
     .response = &ecom_order_page_record,
     .summary = "The caller's orders, newest first, a page at a time.",
     .operation = "listOrders"},
    {.method = "GET",
     .pattern = "/orders/pages",
     .handle = get_order_pages,
     .flags = ECOM_ROUTE_AUTH,
     .query = &ecom_order_pages_query_record,
     .response = &ecom_order_pages_record,
     .summary = "A page of orders for each of some users, as far as the caller may see: oneself.",
     .operation = "listOrderPages"},
    {.method = "GET",
     .pattern = "/orders/{id}",
     .handle = get_order,
     .flags = ECOM_ROUTE_AUTH,
     .response = &ecom_order_record,
     .summary = "One order of the caller.",
     .operation = "getOrder"},
};

static int open_orders(struct daemon *d, ecom_error *err)
{
    const ecom_orders_options opts = {
        .size = sizeof(opts),
        .store = d->store,
        .env = d->env,
        .log = d->log,
        .topic = d->settings.order_topic,
    };
    ecom_orders *orders = NULL;
    int r = ecom_orders_new(&opts, &orders, err);

    d->domain = orders;
    return r;
}

static void close_orders(struct daemon *d)
{
    ecom_orders_free(d->domain);
}

static const ecom_subscriber subscribers[] = {
    {&ecom_payment_completed_contract, ecom_orders_on_payment},
    {&ecom_payment_failed_contract, ecom_orders_on_payment},
};

static const struct daemon_spec spec = {
    .name = "order-service",
    .about = "Takes orders: POST /orders, GET /orders, GET /orders/{id}, GET /orders/pages;\n"
             "all with a token.",
    .title = "Order Service",
    .needs = DAEMON_STORE | DAEMON_BUS | DAEMON_JWT,
    .port = offsetof(struct settings, order_port),
    .store_url = offsetof(struct settings, order_store),
    .store_name = "order",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_orders,
    .close = close_orders,
    .topic = offsetof(struct settings, payment_topic),
    .subscribers = subscribers,
    .nsubscribers = sizeof(subscribers) / sizeof(subscribers[0]),
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
