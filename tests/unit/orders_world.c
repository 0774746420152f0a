#include "orders_world.h"

#include <stdlib.h>

void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    const ecom_orders_options opts = {
        .size = sizeof(opts), .store = f->w.store, .env = &f->w.clock.env};
    if (ecom_orders_new(&opts, &f->orders, NULL) < 0 ||
        ecom_orders_new(&opts, &f->elsewhere, NULL) < 0)
        abort();
}

void close_fixture(struct fixture *f)
{
    ecom_orders_free(f->orders);
    ecom_orders_free(f->elsewhere);
    shop_world_close(&f->w);
}

ecom_caller caller_of(const char *user, const char *key)
{
    return (ecom_caller){.size = sizeof(ecom_caller),
                         .user_id = ecom_str_of(user),
                         .correlation_id = ecom_str_of("corr-1"),
                         .traceparent = ecom_str_of(TRACE),
                         .idempotency_key = ecom_str_of(key)};
}

ecom_order_request request_of(int64_t amount)
{
    ecom_order_request request;

    ecom_record_init(&ecom_order_request_record, &request);
    request.amount = amount;
    return request;
}

int place(struct fixture *f, const char *user, const char *key, int64_t amount, ecom_order *out,
          ecom_error *e)
{
    const ecom_order_request request = request_of(amount);
    const ecom_caller caller = caller_of(user, key);

    f->w.clock.us += 1000;
    return ecom_orders_create(f->orders, &request, &caller, f->w.arena, out, NULL, e);
}

ecom_payment_completed completed_of(const ecom_order *order, const char *event_id)
{
    return (ecom_payment_completed){
        .envelope = {.id = ecom_str_of(event_id), .time_ms = 1, .version = 1},
        .order_id = order->id,
        .user_id = order->user_id,
        .amount = order->amount,
        .currency = order->currency,
        .payment_id = order->id,
    };
}

ecom_payment_failed failed_of(const ecom_order *order, const char *event_id)
{
    return (ecom_payment_failed){
        .envelope = {.id = ecom_str_of(event_id), .time_ms = 1, .version = 1},
        .order_id = order->id,
        .user_id = order->user_id,
        .amount = order->amount,
        .currency = order->currency,
        .payment_id = order->id,
        .reason = ecom_str_of("no money"),
    };
}

int complete(struct fixture *f, const ecom_payment_completed *event, int *changed, ecom_order *out,
             ecom_error *e)
{
    return ecom_orders_apply(f->orders, &ecom_payment_completed_contract, event, f->w.arena, out,
                             changed, e);
}

int fail_payment(struct fixture *f, const ecom_payment_failed *event, int *changed, ecom_order *out,
                 ecom_error *e)
{
    return ecom_orders_apply(f->orders, &ecom_payment_failed_contract, event, f->w.arena, out,
                             changed, e);
}

int status_of(struct fixture *f, const ecom_order *order)
{
    ecom_order now;

    return ecom_orders_get(f->orders, order->user_id, order->id, f->w.arena, &now, NULL) < 0
               ? -1
               : now.status;
}

int list(struct fixture *f, const char *user, int64_t first, ecom_str after, int32_t status,
         ecom_order_page *out, ecom_error *e)
{
    ecom_order_query query;

    ecom_record_init(&ecom_order_query_record, &query);
    query.first = first;
    query.after = after;
    query.status = status;
    return ecom_orders_list(f->orders, ecom_str_of(user), &query, f->w.arena, out, e);
}
