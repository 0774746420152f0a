#include "products_world.h"

#include <stdlib.h>

void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    const ecom_products_options opts = {
        .size = sizeof(opts), .store = f->w.store, .env = &f->w.clock.env};
    if (ecom_products_new(&opts, &f->products, NULL) < 0 ||
        ecom_products_new(&opts, &f->elsewhere, NULL) < 0)
        abort();
}

void close_fixture(struct fixture *f)
{
    ecom_products_free(f->products);
    ecom_products_free(f->elsewhere);
    shop_world_close(&f->w);
}

ecom_product_request request_of(ecom_str name)
{
    ecom_product_request request;

    ecom_record_init(&ecom_product_request_record, &request);
    request.name = name;
    request.price = 1999;
    return request;
}

ecom_caller caller_of(const char *user, const char *key)
{
    return (ecom_caller){.size = sizeof(ecom_caller),
                         .user_id = ecom_str_of(user),
                         .idempotency_key = ecom_str_of(key)};
}
