/* payment-worker: consumes ORDER_CREATED, takes the money, says how it went. */
#include "daemon/daemon.h"

#include "payment.h"
#include "workers/remote.h"

/* Payments, and who takes the money where it is not this process. */
struct worker {
    ecom_payments *payments;
    struct remote *remote; /* NULL: this process does */
};

static int open_payments(struct daemon *d, ecom_error *err)
{
    const struct settings *s = &d->settings;
    struct worker *w = ecom_arena_alloc(d->arena, sizeof(*w));

    if (!w)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    d->domain = w;
    if (!s->payment_lambda.n)
        return payment_open(s, d->store, d->env, d->log, &w->payments, err);
    int r = remote_open(d, s->payment_lambda, &w->remote, err);
    return r < 0 ? r
                 : payment_open_with(s, d->store, d->env, d->log, &remote_provider, w->remote,
                                     &w->payments, err);
}

static void hurry(struct daemon *d)
{
    remote_stop(((struct worker *)d->domain)->remote);
}

static void close_payments(struct daemon *d)
{
    const struct worker *w = d->domain;

    if (!w)
        return;
    ecom_payments_free(w->payments);
    remote_close(w->remote);
}

/* Without results, the function has the bus and publishes: then nothing is kept here. */
static int on_order(void *user, const ecom_delivery *delivery, ecom_error *err)
{
    const struct worker *w = user;

    if (!w->remote)
        return ecom_payments_on_order(w->payments, delivery, err);
    if (remote_is_async(w->remote))
        return remote_hand_over(w->remote, delivery, err);
    return remote_handle(w->remote, ecom_payments_on_order, w->payments, delivery, err);
}

static const ecom_subscriber subscribers[] = {
    {&ecom_order_created_contract, on_order},
};

static const struct daemon_spec spec = {
    .name = "payment-worker",
    .about = "Consumes ORDER_CREATED, takes the money, publishes PAYMENT_COMPLETED or\n"
             "PAYMENT_FAILED. The bundled provider moves no money: it approves everything but\n"
             "amounts that end in .13 and what PAYMENT_DECLINE and PAYMENT_DECLINE_ABOVE say.\n"
             "With PAYMENT_LAMBDA_NAME, a function of AWS Lambda takes the money.",
    .needs = DAEMON_STORE | DAEMON_BUS,
    .port = offsetof(struct settings, payment_worker_port),
    .store_url = offsetof(struct settings, payment_store),
    .store_name = "payment",
    .open = open_payments,
    .close = close_payments,
    .hurry = hurry,
    .topic = offsetof(struct settings, order_topic),
    .subscribers = subscribers,
    .nsubscribers = sizeof(subscribers) / sizeof(subscribers[0]),
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
