/* Publishes a typed event of one's own, and consumes it.
 *
 *     cc greeting.c -o greeting $(pkg-config --cflags --libs libecom) && ./greeting memory:
 */
#include <ecom/ecom.h>
#include <stdio.h>

/* An event: a struct that starts with the envelope, its record, and its contract. */
struct greeting {
    ecom_envelope envelope;
    ecom_str name;
};

static const ecom_field fields[] = {
    ECOM_ENVELOPE_FIELDS(struct greeting),
    ECOM_FIELD(struct greeting, name, "name", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 50),
};
static const ecom_record record = ECOM_RECORD("Greeting", struct greeting, fields);
static const ecom_contract contract = {"GREETING", "greetings", "name", &record};

static int publish(ecom_bus *bus, const char *name, ecom_error *e)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_id id = ecom_id_new(ecom_env_system());
    struct greeting event = {.name = ecom_str_of(name)};
    ecom_msg msg;

    if (!arena)
        return ecom_fail(e, ECOM_E_NOMEM, "publishing");
    event.envelope.id = event.envelope.correlation_id = ecom_str_of(id.s);
    event.envelope.time_ms = ecom_env_now_ms(ecom_env_system());
    int r = ecom_event_encode(&contract, (ecom_str){0}, &event, arena, &msg, e);
    if (r == ECOM_OK)
        r = ecom_bus_publish(bus, &msg, 1, NULL, e);
    ecom_arena_free(arena);
    return r;
}

static int on_greeting(void *user, const ecom_delivery *delivery, ecom_error *err)
{
    const struct greeting *event = delivery->event;

    (void)user;
    (void)err;
    printf("hello, %.*s\n", (int)event->name.n, event->name.p);
    return ECOM_OK; /* done: this event does not come again */
}

static int consume(ecom_bus *bus, ecom_error *e)
{
    const ecom_subscriber subscriber = {&contract, on_greeting};
    const ecom_consumer_options opts = {
        .size = sizeof(opts),
        .bus = bus,
        .group = ecom_str_of("greeter"),
        .subscribers = &subscriber,
        .nsubscribers = 1,
    };
    ecom_consumer *consumer = NULL;
    int r = ecom_consumer_new(&opts, &consumer, e);

    while (r == ECOM_OK) /* a service would call ecom_consumer_start() instead */
        r = ecom_consumer_step(consumer, 100, e);
    ecom_consumer_free(consumer);
    return r;
}

int main(int argc, char **argv)
{
    ecom_bus *bus = NULL;
    ecom_error e;
    int r = ecom_bus_open(argc > 1 ? argv[1] : "memory:", NULL, &bus, &e);

    if (r == ECOM_OK)
        r = publish(bus, argc > 2 ? argv[2] : "world", &e);
    if (r == ECOM_OK)
        r = consume(bus, &e);
    if (r < 0)
        fprintf(stderr, "greeting: %s\n", e.text);
    ecom_bus_close(bus);
    return r < 0;
}
