/* A service of one's own beside the shop: a point for each unit of money paid, once for each
 * payment, and an event about it. Takes part by the same bus, with a store of its own.
 *
 *     cc loyalty.c -o loyalty $(pkg-config --cflags --libs libecom)
 *     ./loyalty sqlite:data/bus sqlite:data/loyalty.db
 */
#include <ecom/ecom.h>
#include <signal.h>
#include <stdio.h>

struct points {
    ecom_envelope envelope;
    ecom_str user_id;
    int64_t points;
};

static const ecom_field fields[] = {
    ECOM_ENVELOPE_FIELDS(struct points),
    ECOM_FIELD(struct points, user_id, "userId", STRING, .flags = ECOM_REQUIRED | ECOM_INDEX,
               .max = 128),
    ECOM_FIELD(struct points, points, "points", INT, .flags = ECOM_REQUIRED, .max = 1000000),
};
static const ecom_record record = ECOM_RECORD("Points", struct points, fields);
static const ecom_contract granted = {"POINTS_GRANTED", "loyalty-events", "userId", &record};

/* The payment's event id is the document's id: a redelivery finds it there. The document and the
 * event that tells of it are one write; the relay publishes the event from there. */
static int on_payment(void *store, const ecom_delivery *delivery, ecom_error *err)
{
    const ecom_payment_completed *paid = delivery->event;
    const ecom_id id = ecom_id_new(ecom_env_system());
    struct points points = {paid->envelope, paid->user_id, paid->amount / 100};
    ecom_msg event;

    points.envelope.type = ecom_str_of(granted.type);
    points.envelope.id = ecom_str_of(id.s); /* time and correlation id stay the payment's */
    int r = ecom_event_encode(&granted, (ecom_str){0}, &points, delivery->arena, &event, err);
    ecom_change change = {.collection = ecom_str_of("points"), .id = paid->envelope.id};
    change.events = &event, change.nevents = 1;
    if (r == ECOM_OK)
        r = ecom_store_put_record(store, &change, &record, &points, delivery->arena, NULL, err);
    if (r == ECOM_OK)
        printf("%d points for %.*s\n", (int)points.points, (int)points.user_id.n, points.user_id.p);
    fflush(stdout);
    return r == ECOM_E_CONFLICT ? ECOM_OK : r; /* there already */
}

int main(int argc, char **argv)
{
    const ecom_subscriber subscriber = {&ecom_payment_completed_contract, on_payment};
    ecom_consumer_options to_consume = {.size = sizeof(to_consume)};
    ecom_relay_options to_relay = {.size = sizeof(to_relay)};
    ecom_consumer *consumer = NULL;
    ecom_relay *relay = NULL;
    ecom_error e = {.text = "usage: loyalty BUS-URL STORE-URL"};
    sigset_t stop;
    int got;

    sigemptyset(&stop);
    sigaddset(&stop, SIGINT);
    sigaddset(&stop, SIGTERM);
    sigprocmask(SIG_BLOCK, &stop, NULL); /* before any thread is started */
    int ok = argc == 3 && ecom_bus_open(argv[1], NULL, &to_relay.bus, &e) == ECOM_OK &&
             ecom_store_open(argv[2], NULL, &to_relay.store, &e) == ECOM_OK;
    to_consume.bus = to_relay.bus, to_consume.user = to_relay.store;
    to_consume.subscribers = &subscriber, to_consume.nsubscribers = 1;
    to_consume.group = ecom_str_of("loyalty"), to_consume.ignore = ecom_shop_contracts;
    ok = ok && ecom_relay_new(&to_relay, &relay, &e) == ECOM_OK &&
         ecom_consumer_new(&to_consume, &consumer, &e) == ECOM_OK &&
         ecom_relay_start(relay, &e) == ECOM_OK && ecom_consumer_start(consumer, &e) == ECOM_OK;
    if (ok)
        sigwait(&stop, &got);
    else
        fprintf(stderr, "loyalty: %s\n", e.text);
    ecom_consumer_stop(consumer, 5000);
    ecom_consumer_free(consumer);
    ecom_relay_stop(relay, 5000);
    ecom_relay_free(relay);
    ecom_store_close(to_relay.store);
    ecom_bus_close(to_relay.bus);
    return !ok;
}
