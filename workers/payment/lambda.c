/* payment-lambda: takes ORDER_CREATED, takes the money, gives PAYMENT_COMPLETED or PAYMENT_FAILED.
 */
#include "payment.h"
#include "workers/function.h"

static int open_payments(struct function *f, ecom_error *err)
{
    ecom_payments *payments = NULL;
    int r = payment_open(&f->settings, f->store, f->env, f->log, &payments, err);

    f->domain = payments;
    return r;
}

static void close_payments(struct function *f)
{
    ecom_payments_free(f->domain);
}

/* The event is returned as it would be published. */
static int on_order(void *user, const ecom_delivery *delivery, ecom_buf *result, ecom_error *err)
{
    struct function *f = user;
    ecom_payment_result paid;
    ecom_msg msg;
    int r = ecom_payments_handle(f->domain, delivery->event, delivery->arena, &paid, err);

    f->handled++;
    if (r == ECOM_OK)
        r = ecom_event_encode(paid.contract, f->settings.payment_topic, paid.event, delivery->arena,
                              &msg, err);
    if (r == ECOM_OK && ecom_buf_append(result, msg.body) < 0)
        r = ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return r;
}

static const ecom_lambda_route routes[] = {{&ecom_order_created_contract, on_order}};

static const struct function_spec spec = {
    .name = "payment-lambda",
    .about = "Takes ORDER_CREATED, takes the money, gives PAYMENT_COMPLETED or PAYMENT_FAILED:\n"
             "published where there is a bus, returned where there is none.",
    .store_url = offsetof(struct settings, payment_store),
    .publishes = 1,
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_payments,
    .close = close_payments,
};

int main(int argc, char **argv)
{
    return function_main(&spec, argc, argv);
}
