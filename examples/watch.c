/* Takes part in a running shop: says so whenever an order is paid. */
#include <ecom/ecom.h>
#include <stdio.h>

static int on_paid(void *user, const ecom_delivery *delivery, ecom_error *err)
{
    const ecom_payment_completed *paid = delivery->event;

    (void)user, (void)err;
    printf("order %.*s is paid\n", (int)paid->order_id.n, paid->order_id.p);
    fflush(stdout);
    return ECOM_OK; /* done; a code that can be retried would bring the event again */
}

int main(int argc, char **argv)
{
    const ecom_subscriber paid = {&ecom_payment_completed_contract, on_paid};
    ecom_consumer_options opts = {.size = sizeof(opts), .group = ecom_str_of("watch")};
    ecom_consumer *consumer = NULL;
    ecom_error e;

    opts.subscribers = &paid, opts.nsubscribers = 1;
    opts.ignore = ecom_shop_contracts; /* the other types on its topic */
    int r = ecom_bus_open(argc > 1 ? argv[1] : "sqlite:data/bus", NULL, &opts.bus, &e);
    if (r == ECOM_OK)
        r = ecom_consumer_new(&opts, &consumer, &e);
    while (r >= 0 || r == ECOM_E_TIMEOUT)
        r = ecom_consumer_step(consumer, 1000, &e);
    fprintf(stderr, "watch: %s\n", e.text);
    return 1;
}
