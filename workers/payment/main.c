/* payment-worker: consumes ORDER_CREATED, takes the money, says how it went. */
#include "daemon/daemon.h"

#include <ecom/payment.h>

static int open_payments(struct daemon *d, ecom_error *err)
{
    const struct settings *s = &d->settings;
    const ecom_simulated_options simulated = {
        .size = sizeof(simulated),
        .decline_all = s->payment_decline == PAYMENT_DECLINE_ALL,
        .decline_above = s->payment_decline_above == ECOM_ABSENT ? 0 : s->payment_decline_above,
    };
    ecom_payments_options opts = {
        .size = sizeof(opts),
        .store = d->store,
        .env = d->env,
        .log = d->log,
        .topic = s->payment_topic,
        .provider = &ecom_simulated_provider,
    };
    ecom_payments *payments = NULL;
    int r = ecom_simulated_new(&simulated, &opts.self, err);

    if (r < 0)
        return r;
    r = ecom_payments_new(&opts, &payments, err);
    if (r < 0)
        ecom_simulated_provider.close(opts.self);
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
