/* Prints the OpenAPI document of a few routes that use all there is to say. */
#include <stdio.h>

#include "ecom/http.h"

struct line {
    ecom_str sku;
    int64_t quantity;
};
static const ecom_field line_fields[] = {
    ECOM_FIELD(struct line, sku, "sku", STRING, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct line, quantity, "quantity", INT, .min = 1, .max = 9),
};
static const ecom_record line_record = ECOM_RECORD("Line", struct line, line_fields);

struct basket {
    ecom_str id, secret;
    int64_t amount, time;
    int32_t state, paid;
    ecom_list lines;
};
static const char *const states[] = {"OPEN", "CLOSED", NULL};
static const ecom_field basket_fields[] = {
    ECOM_FIELD(struct basket, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(struct basket, secret, "secret", STRING, .flags = ECOM_SECRET),
    ECOM_FIELD(struct basket, amount, "amount", MONEY, .flags = ECOM_REQUIRED, .min = 1,
               .max = 100000, .doc = "What \"it\" costs"),
    ECOM_FIELD(struct basket, time, "time", TIME),
    ECOM_FIELD(struct basket, state, "state", ENUM, .names = states, .fallback = "OPEN"),
    ECOM_FIELD(struct basket, paid, "paid", BOOL),
    ECOM_FIELD(struct basket, lines, "lines", LIST, .of = &line_record, .max = 10),
};
static const ecom_record basket_record = ECOM_RECORD("Basket", struct basket, basket_fields);

struct page {
    int64_t first;
    ecom_str after;
};
static const ecom_field page_fields[] = {
    ECOM_FIELD(struct page, first, "first", INT, .min = 1, .max = 100, .fallback = "20",
               .doc = "How many"),
    ECOM_FIELD(struct page, after, "after", STRING, .flags = ECOM_REQUIRED),
};
static const ecom_record page_record = ECOM_RECORD("Page", struct page, page_fields);

static int handle(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x, (void)err;
    return ECOM_OK;
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/baskets",
     .handle = handle,
     .request = &basket_record,
     .response = &basket_record,
     .status = 201,
     .flags = ECOM_ROUTE_AUTH | ECOM_ROUTE_IDEMPOTENT,
     .summary = "Opens a \"basket\"",
     .operation = "openBasket"},
    {.method = "GET", .pattern = "/baskets", .handle = handle, .query = &page_record},
    {.method = "GET",
     .pattern = "/baskets/{id}/lines/{sku}",
     .handle = handle,
     .response = &line_record,
     .flags = ECOM_ROUTE_AUTH},
    {.method = "PATCH", .pattern = "/baskets/{id}", .handle = handle, .request = &line_record},
    {.method = "GET", .pattern = "/", .handle = handle},
    {.method = "POST", .pattern = "/log-in", .handle = handle, .flags = ECOM_ROUTE_LIMITED},
    {.method = "POST", .pattern = "/log/in", .handle = handle},
    {.method = "PUT",
     .pattern = "/blob",
     .handle = handle,
     .request = &line_record,
     .openapi = "{\"requestBody\":{\"content\":{\"image/png\":{}}},"
                "\"responses\":{\"204\":{\"description\":\"Kept\"}}}"},
    {.method = "GET", .pattern = "/hidden", .handle = handle, .flags = ECOM_ROUTE_INTERNAL},
    {.method = "PURGE", .pattern = "/cache", .handle = handle},
};

int main(int argc, char **argv)
{
    const ecom_http_options opts = {.size = sizeof(opts),
                                    .name = "basket-service",
                                    .version = "1.2.3",
                                    .routes = routes,
                                    .nroutes = argc > 1 ? 0 : sizeof(routes) / sizeof(routes[0])};
    ecom_buf out = {0};
    int r = ecom_http_openapi(&opts, &out);

    (void)argv;
    if (r == ECOM_OK)
        printf("%s\n", out.p);
    ecom_buf_free(&out);
    return r == ECOM_OK ? 0 : 1;
}
