/* payment-worker: consumes ORDER_CREATED, takes the money, says how it went. */
#include "daemon/daemon.h"

#include "payment.h"

static int open_payments(struct daemon *d, ecom_error *err)
{
    ecom_payments *payments = NULL;
    int r = payment_open(&d->settings, d->store, d->env, d->log, &payments, err);

    d->domain = payments;
    return r;
}

static void close_payments(struct daemon *d)
{
    ecom_payments_free(d->domain);
}

static const ecom_subscriber subscribers[] = {
    {&ecom_order_created_contract, ecom_payments_on_order},
};

static const struct daemon_spec spec = {
    .name = "payment-worker",
    .about = "Consumes ORDER_CREATED, takes the money, publishes PAYMENT_COMPLETED or\n"
             "PAYMENT_FAILED. The bundled provider moves no money: it approves everything but\n"
             "amounts that end in .13 and what PAYMENT_DECLINE and PAYMENT_DECLINE_ABOVE say.",
    .needs = DAEMON_STORE | DAEMON_BUS,
    .port = offsetof(struct settings, payment_worker_port),
    .store_url = offsetof(struct settings, payment_store),
    .store_name = "payment",
    .open = open_payments,
    .close = close_payments,
    .topic = offsetof(struct settings, order_topic),
    .subscribers = subscribers,
    .nsubscribers = sizeof(subscribers) / sizeof(subscribers[0]),
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
