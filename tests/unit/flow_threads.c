#include "check.h"

#include <signal.h>
#include <stdlib.h>

#include "ecom/consumer.h"
#include "ecom/outbox.h"
#include "base/thread.h"
#include "flow_fake.h"

/* The thread shells, on the real clock. Nothing sleeps: each wait is for something that happens,
 * and only a failure takes all of the patience. */
enum { PATIENCE_MS = 120000, KEYS = 16 };

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void init_changed(void)
{
    ecom__cond_init(&changed);
}

/* What the handlers do and saw, under the mutex. */
static struct {
    int64_t last[KEYS];
    int busy[KEYS], busy_max, running;
    uint64_t handled, failed, out_of_order;
    int hold;     /* handlers wait until it is 0 */
    int fail_one; /* each event fails once in so many tries; 0: never */
    int signals_open;
} state;

static void state_reset(void)
{
    pthread_once(&once, init_changed);
    memset(&state, 0, sizeof(state));
    for (int i = 0; i < KEYS; i++)
        state.last[i] = -1;
}

static int handle(void *user, const ecom_delivery *d, ecom_error *err)
{
    int key = (int)strtol(((const ecom_order_created *)d->event)->order_id.p, NULL, 10), r = 0;
    sigset_t blocked;

    (void)user;
    pthread_sigmask(SIG_SETMASK, NULL, &blocked);
    pthread_mutex_lock(&mutex);
    state.signals_open |= !sigismember(&blocked, SIGTERM);
    state.out_of_order += state.busy[key] || d->msg->offset < state.last[key];
    state.busy[key] = 1;
    state.busy_max = ++state.running > state.busy_max ? state.running : state.busy_max;
    pthread_cond_broadcast(&changed);
    while (state.hold)
        pthread_cond_wait(&changed, &mutex);
    state.running--;
    state.busy[key] = 0;
    state.last[key] = d->msg->offset;
    if (state.fail_one && rand() % state.fail_one == 0) {
        state.failed++;
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "not now");
    } else {
        state.handled++;
    }
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return r;
}

/* Waits under the mutex until the condition holds. */
#define WAIT_FOR(condition)                                   \
    do {                                                      \
        int64_t until_ = ecom__monotonic_ms() + PATIENCE_MS;  \
        pthread_mutex_lock(&mutex);                           \
        while (!(condition) && ecom__monotonic_ms() < until_) \
            ecom__cond_wait_ms(&changed, &mutex, 10);         \
        int held_ = (condition);                              \
        pthread_mutex_unlock(&mutex);                         \
        CHECK(held_, "did not happen: %s", #condition);       \
    } while (0)

static const ecom_str orders[] = {{"orders", 6}};
static const ecom_subscriber subscribers[] = {{&ecom_order_created_contract, handle}};

static ecom_consumer_options options_of(ecom_bus *bus)
{
    return (ecom_consumer_options){
        .size = sizeof(ecom_consumer_options),
        .bus = bus,
        .group = S("workers"),
        .topics = orders,
        .ntopics = 1,
        .subscribers = subscribers,
        .nsubscribers = 1,
        .backoff_ms = 1,
        .max_backoff_ms = 3,
    };
}

static size_t body_of(char body[400], int key)
{
    return (size_t)snprintf(body, 400,
                            "{\"type\":\"ORDER_CREATED\",\"id\":\"e1\",\"time\":"
                            "\"2026-11-22T18:25:43.511Z\",\"orderId\":\"%d\",\"userId\":\"u1\","
                            "\"amount\":5,\"currency\":\"USD\"}",
                            key);
}

static void give(struct fake_bus *fake, int64_t *offsets, int key)
{
    char body[400], name[16];
    int32_t partition = key % FAKE_PARTITIONS;

    snprintf(name, sizeof(name), "%d", key);
    const ecom_msg msg = {
        .topic = orders[0],
        .key = ecom_str_of(name),
        .body = {body, body_of(body, key)},
        .partition = partition,
        .offset = offsets[partition]++,
    };
    fake_bus_give(fake, &msg);
}

static void keys_proceed_in_parallel_and_each_in_order(void)
{
    enum { N = 4000 };
    struct fake_bus fake;
    ecom_consumer *consumer;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    ecom_error e;

    state_reset();
    state.fail_one = 10;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    opts.window = 64;
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_consumer_start(consumer, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_consumer_step(consumer, 0, &e), e);
    for (int i = 0; i < N; i++)
        give(&fake, offsets, i % KEYS);
    WAIT_FOR(state.handled == N);
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
        WAIT_FOR(fake_bus_acked(&fake, p) == offsets[p] - 1);
    ecom_consumer_stop(consumer, 1000);
    CHECK_U64(0, state.out_of_order);
    CHECK(state.failed > 0, "nothing failed");
    CHECK_I64(0, state.signals_open);
    CHECK_I64(0, fake.members);
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

/* Of an idle consumer, too: its first poll does not wait. */
static void it_is_healthy_as_soon_as_it_reached_the_bus(void)
{
    struct fake_bus fake;
    ecom_consumer *consumer;
    ecom_consumer_stats stats = {0};
    ecom_error e;

    state_reset();
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    int64_t until = ecom__monotonic_ms() + PATIENCE_MS;
    while (!stats.healthy && ecom__monotonic_ms() < until)
        ecom_consumer_stats_get(consumer, &stats);
    CHECK_I64(1, stats.healthy);
    pthread_mutex_lock(&fake.mutex);
    int waited = fake.polls == 1 && fake.last_timeout > 0;
    pthread_mutex_unlock(&fake.mutex);
    CHECK(!waited, "the first poll waited");
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

static void as_many_handlers_as_threads_run_at_a_time(void)
{
    struct fake_bus fake;
    ecom_consumer *consumer;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    ecom_error e;

    state_reset();
    state.hold = 1;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    opts.threads = 3;
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    for (int i = 0; i < KEYS; i++)
        give(&fake, offsets, i);
    WAIT_FOR(state.running == 3);
    pthread_mutex_lock(&mutex);
    state.hold = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    WAIT_FOR(state.handled == KEYS);
    ecom_consumer_stop(consumer, 1000);
    CHECK_I64(3, state.busy_max);
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

static void *release_when_told_to_stop(void *arg)
{
    struct fake_bus *fake = arg;
    int64_t until = ecom__monotonic_ms() + PATIENCE_MS;
    uint32_t max = 1;

    /* A poll that asks for nothing shows that the consumer drains. */
    while (max != 0 && ecom__monotonic_ms() < until) {
        pthread_mutex_lock(&fake->mutex);
        max = fake->last_max;
        if (max != 0)
            ecom__cond_wait_ms(&fake->wake, &fake->mutex, 1);
        pthread_mutex_unlock(&fake->mutex);
    }
    pthread_mutex_lock(&mutex);
    state.hold = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    return NULL;
}

static void stopping_finishes_what_is_in_flight_acks_and_leaves(void)
{
    struct fake_bus fake;
    ecom_consumer *consumer;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    pthread_t releaser;
    ecom_error e;

    state_reset();
    state.hold = 1;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    for (int i = 0; i < 3; i++)
        give(&fake, offsets, 5); /* one runs, two behind it are in flight, too */
    ecom_consumer_stats stats = {0};
    int64_t until = ecom__monotonic_ms() + PATIENCE_MS;
    while (stats.in_flight < 3 && ecom__monotonic_ms() < until)
        ecom_consumer_stats_get(consumer, &stats);
    CHECK_U64(3, stats.in_flight);
    CHECK(pthread_create(&releaser, NULL, release_when_told_to_stop, &fake) == 0, "no thread");
    ecom_consumer_stop(consumer, PATIENCE_MS);
    pthread_join(releaser, NULL);
    CHECK_U64(3, state.handled);
    CHECK_I64(2, fake.acked[5]);
    CHECK_I64(0, fake.members);

    /* And may go on afterwards. */
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    give(&fake, offsets, 5);
    WAIT_FOR(state.handled == 4);
    ecom_consumer_stop(consumer, 1000);
    CHECK_I64(2, fake.joins);
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

static void *stop_now(void *arg)
{
    ecom_consumer_stop(arg, 20);
    return NULL;
}

static void past_the_deadline_the_group_goes_on_without_a_handler_that_does_not_end(void)
{
    struct fake_bus fake;
    ecom_consumer *consumer;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    pthread_t stopper;
    ecom_error e;

    state_reset();
    state.hold = 1;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    give(&fake, offsets, 1);
    WAIT_FOR(state.running == 1);
    CHECK(pthread_create(&stopper, NULL, stop_now, consumer) == 0, "no thread");
    int64_t until = ecom__monotonic_ms() + PATIENCE_MS;
    int members = 1;
    while (members && ecom__monotonic_ms() < until) {
        pthread_mutex_lock(&fake.mutex);
        members = fake.members;
        pthread_mutex_unlock(&fake.mutex);
    }
    CHECK_I64(0, members);
    pthread_mutex_lock(&mutex);
    state.hold = 0;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&mutex);
    pthread_join(stopper, NULL);
    CHECK_I64(-1, fake.acked[1]); /* it comes again */
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

static void freeing_without_stopping_is_safe(void)
{
    struct fake_bus fake;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    ecom_error e;

    state_reset();
    state.fail_one = 2;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    for (int i = 0; i < 200; i++)
        give(&fake, offsets, i % KEYS);
    for (int round = 0; round < 20; round++) {
        ecom_consumer *consumer;
        CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
        CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
        if (round % 2) /* else it is freed before it did anything */
            WAIT_FOR(state.handled >= (uint64_t)round);
        ecom_consumer_free(consumer);
        for (int i = 0; i < KEYS; i++)
            state.last[i] = -1; /* what was not acked comes again */
    }
    CHECK_U64(0, state.out_of_order);
    CHECK_I64(0, fake.members);
    fake_bus_close(&fake);
}

static void partitions_come_and_go_under_load(void)
{
    enum { N = 3000 };
    struct fake_bus fake;
    ecom_consumer *consumer;
    int64_t offsets[FAKE_PARTITIONS] = {0};
    ecom_error e;

    state_reset();
    state.fail_one = 20;
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    ecom_consumer_options opts = options_of(fake.bus);
    opts.window = 32;
    CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumer, &e), e);
    CHECK_CODE(ECOM_OK, ecom_consumer_start(consumer, &e), e);
    for (int i = 0; i < N; i++) {
        give(&fake, offsets, i % KEYS);
        if (i % 50 == 0) {
            pthread_mutex_lock(&fake.mutex);
            fake.revoke = i / 50 % FAKE_PARTITIONS;
            fake.given = 0; /* and it comes back, from its committed offset */
            pthread_mutex_unlock(&fake.mutex);
        }
    }
    for (int32_t p = 0; p < FAKE_PARTITIONS; p++)
        WAIT_FOR(fake_bus_acked(&fake, p) == offsets[p] - 1);
    ecom_consumer_stop(consumer, 1000);
    CHECK_I64(0, state.signals_open);
    ecom_consumer_free(consumer);
    fake_bus_close(&fake);
}

static int put(ecom_store *store, const char *id)
{
    const ecom_msg event = {
        .id = S("e"), .topic = S("orders"), .key = ecom_str_of(id), .body = S("{}")};
    const ecom_change change = {
        .collection = S("c"),
        .id = ecom_str_of(id),
        .doc = S("{}"),
        .expect = ECOM_REV_ANY,
        .events = &event,
        .nevents = 1,
    };

    return ecom_store_put(store, &change, NULL, NULL);
}

struct writer {
    ecom_store *store;
    pthread_t thread;
    char id[16];
    int n, failed;
};

static void *write_documents(void *arg)
{
    struct writer *writer = arg;

    for (int i = 0; i < writer->n; i++)
        writer->failed += put(writer->store, writer->id) < 0;
    return NULL;
}

/* With a sweep of an hour only the wake-up brings an event out. */
static void no_wake_up_is_lost(void)
{
    enum { WRITERS = 4, N = 300 };
    struct fake_bus fake;
    struct writer writers[WRITERS];
    ecom_relay_options opts = ECOM_RELAY_OPTIONS_INIT;
    ecom_store *store;
    ecom_relay *relay;
    ecom_error e;

    state_reset();
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
    opts.store = store;
    opts.bus = fake.bus;
    opts.sweep_ms = 3600000;
    CHECK_CODE(ECOM_OK, put(store, "before"), e);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &relay, &e), e);
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_start(relay, &e), e);
    WAIT_FOR(fake_bus_published(&fake) == 1);
    for (int i = 0; i < WRITERS; i++) {
        writers[i] = (struct writer){.store = store, .n = N};
        snprintf(writers[i].id, sizeof(writers[i].id), "w%d", i);
        CHECK(pthread_create(&writers[i].thread, NULL, write_documents, &writers[i]) == 0,
              "no thread");
    }
    for (int i = 0; i < WRITERS; i++) {
        pthread_join(writers[i].thread, NULL);
        CHECK_I64(0, writers[i].failed);
    }
    WAIT_FOR(fake_bus_published(&fake) == 1 + WRITERS * N);
    for (int i = 0; i < 50; i++) { /* one at a time, each from rest */
        CHECK_CODE(ECOM_OK, put(store, "later"), e);
        WAIT_FOR(fake_bus_published(&fake) == 2u + WRITERS * N + (unsigned)i);
    }
    ecom_relay_stop(relay, 1000);
    ecom_relay_free(relay);
    ecom_store_close(store);
    fake_bus_close(&fake);
}

static void stopping_a_relay_publishes_what_waits_within_the_deadline(void)
{
    struct fake_bus fake;
    ecom_relay_options opts = ECOM_RELAY_OPTIONS_INIT;
    ecom_store *store;
    ecom_relay *relay;
    uint64_t left = 0;
    ecom_error e;

    state_reset();
    CHECK_I64(ECOM_OK, fake_bus_open(&fake, NULL));
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
    opts.store = store;
    opts.bus = fake.bus;
    opts.batch = 10;
    opts.max_backoff_ms = 2;
    fake.fail_times = 20; /* it is away, but not for long */
    fake.fail_code = ECOM_E_UNAVAILABLE;
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &relay, &e), e);
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    for (int i = 0; i < 100; i++)
        CHECK_CODE(ECOM_OK, put(store, "a"), e);
    ecom_relay_stop(relay, PATIENCE_MS);
    CHECK_U64(100, fake.nout);

    /* Away for good: it gives up, and loses nothing. */
    fake.fail_times = SIZE_MAX;
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    CHECK_CODE(ECOM_OK, put(store, "a"), e);
    ecom_relay_stop(relay, 20);
    CHECK_CODE(ECOM_OK, ecom_store_backlog(store, &left, NULL, &e), e);
    CHECK_U64(1, left);
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    ecom_relay_free(relay); /* without stopping */
    ecom_store_close(store);
    fake_bus_close(&fake);
}

/* The real bus in memory between a relay and two consumers of one group. */
static void from_store_to_handler_on_the_bus_in_memory(void)
{
    enum { N = 500 };
    ecom_relay_options relay_opts = ECOM_RELAY_OPTIONS_INIT;
    ecom_store *store;
    ecom_bus *bus;
    ecom_relay *relay;
    ecom_consumer *consumers[2];
    char body[400], key[16];
    ecom_error e;

    state_reset();
    CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &store, &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_open("memory:", NULL, &bus, &e), e);
    relay_opts.store = store;
    relay_opts.bus = bus;
    CHECK_CODE(ECOM_OK, ecom_relay_new(&relay_opts, &relay, &e), e);
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    ecom_consumer_options opts = options_of(bus);
    for (int i = 0; i < 2; i++) {
        CHECK_CODE(ECOM_OK, ecom_consumer_new(&opts, &consumers[i], &e), e);
        CHECK_CODE(ECOM_OK, ecom_consumer_start(consumers[i], &e), e);
    }
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "%d", i % KEYS);
        const ecom_msg event = {.id = S("e"),
                                .topic = orders[0],
                                .key = ecom_str_of(key),
                                .body = {body, body_of(body, i % KEYS)}};
        const ecom_change change = {.collection = S("c"),
                                    .id = ecom_str_of(key),
                                    .doc = S("{}"),
                                    .expect = ECOM_REV_ANY,
                                    .events = &event,
                                    .nevents = 1};
        CHECK_CODE(ECOM_OK, ecom_store_put(store, &change, NULL, &e), e);
    }
    WAIT_FOR(state.handled >= N);
    ecom_consumer_stop(consumers[0], 1000);
    for (int i = 0; i < 2; i++)
        ecom_consumer_free(consumers[i]);
    ecom_relay_free(relay);
    ecom_store_close(store);
    ecom_bus_close(bus);
}

static const struct check_case cases[] = {
    CASE(keys_proceed_in_parallel_and_each_in_order),
    CASE(it_is_healthy_as_soon_as_it_reached_the_bus),
    CASE(as_many_handlers_as_threads_run_at_a_time),
    CASE(stopping_finishes_what_is_in_flight_acks_and_leaves),
    CASE(past_the_deadline_the_group_goes_on_without_a_handler_that_does_not_end),
    CASE(freeing_without_stopping_is_safe),
    CASE(partitions_come_and_go_under_load),
    CASE(no_wake_up_is_lost),
    CASE(stopping_a_relay_publishes_what_waits_within_the_deadline),
    CASE(from_store_to_handler_on_the_bus_in_memory),
};

CHECK_MAIN("flow threads", cases)
