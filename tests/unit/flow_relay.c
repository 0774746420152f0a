#include "check.h"

#include <stdlib.h>

#include "ecom/outbox.h"
#include "flow/relay.h"
#include "flow_fake.h"

/* A store, a bus and a relay between them, on a clock we move. */
struct world {
    struct check_world clock;
    struct fake_bus bus;
    ecom_store *store;
    ecom_metrics *metrics;
    ecom_relay *relay;
    int32_t wait_ms;
    ecom_error e;
    int errors, warnings; /* log lines */
};

static void count_line(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                       const ecom_log_field *fields, size_t n)
{
    struct world *w = user;

    (void)correlation_id, (void)message, (void)fields, (void)n;
    w->errors += level == ECOM_LOG_ERROR;
    w->warnings += level == ECOM_LOG_WARN;
}

static ecom_log log_of(struct world *w)
{
    return (ecom_log){.fn = count_line, .user = w, .level = ECOM_LOG_INFO};
}

static ecom_relay_options options_of(struct world *w)
{
    ecom_relay_options opts = ECOM_RELAY_OPTIONS_INIT;

    opts.store = w->store;
    opts.bus = w->bus.bus;
    opts.env = &w->clock.env;
    opts.metrics = w->metrics;
    return opts;
}

static int open_store(struct world *w, const char *url, ecom_store **out)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;

    opts.env = &w->clock.env;
    return ecom_store_open(url, &opts, out, &w->e);
}

static int world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    check_world_init(&w->clock, 1);
    w->metrics = ecom_metrics_new();
    if (fake_bus_open(&w->bus, &w->clock.env) < 0 || open_store(w, "memory:", &w->store) < 0)
        return -1;
    ecom_relay_options opts = options_of(w);
    return ecom_relay_new(&opts, &w->relay, &w->e);
}

static void world_close(struct world *w)
{
    ecom_relay_free(w->relay);
    ecom_store_close(w->store);
    fake_bus_close(&w->bus);
    ecom_metrics_free(w->metrics);
}

/* Changes a document, which leaves one event. */
static int put_in(ecom_store *store, const char *id, const char *body)
{
    const ecom_header header = {S("h"), S("v")};
    const ecom_msg event = {
        .id = ecom_str_of(body),
        .topic = S("orders"),
        .key = ecom_str_of(id),
        .body = ecom_str_of(body),
        .headers = &header,
        .nheaders = 1,
    };
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

static int put(struct world *w, const char *id, const char *body)
{
    return put_in(w->store, id, body);
}

static int step(struct world *w)
{
    return ecom_relay_step(w->relay, &w->wait_ms, &w->e);
}

/* Steps until there is nothing to do at once. */
static int settle(struct world *w)
{
    int n = 0, r;

    for (int i = 0; i < 100; i++) {
        if ((r = step(w)) < 0)
            return r;
        n += r;
        if (w->wait_ms > 0)
            return n;
    }
    return -1000;
}

static uint64_t backlog(struct world *w)
{
    uint64_t n = 999;

    return ecom_store_backlog(w->store, &n, NULL, NULL) == ECOM_OK ? n : 998;
}

static int64_t metric(struct world *w, ecom_metric_kind kind, const char *name)
{
    return ecom_series_value(ecom_metrics_series(w->metrics, kind, name, "", NULL));
}

static void what_was_committed_goes_out_in_order_and_is_forgotten(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    put(&w, "1", "a");
    put(&w, "2", "b");
    put(&w, "1", "c");
    CHECK_CODE(3, step(&w), w.e);
    CHECK_I64(1000, w.wait_ms); /* until the sweep */
    CHECK_U64(3, w.bus.nout);
    CHECK_U64(1, w.bus.publishes);
    CHECK_STR("a", w.bus.out[0]->body);
    CHECK_STR("b", w.bus.out[1]->body);
    CHECK_STR("c", w.bus.out[2]->body);
    CHECK_STR("1", w.bus.out[2]->key);
    CHECK_STR("orders", w.bus.out[2]->topic);
    CHECK_STR("v", fake_header(w.bus.out[2], "h"));
    CHECK_U64(0, backlog(&w));
    CHECK_CODE(0, step(&w), w.e);
    CHECK_U64(1, w.bus.publishes);
    CHECK_I64(3, metric(&w, ECOM_COUNTER, "ecom_outbox_published_total"));
    CHECK_I64(0, metric(&w, ECOM_COUNTER, "ecom_outbox_failures_total"));
    world_close(&w);
}

static void a_batch_partly_accepted_clears_exactly_what_was(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    for (char body[2] = "a"; body[0] < 'f'; body[0]++)
        put(&w, body, body);
    w.bus.fail_times = 1;
    w.bus.fail_done = 2;
    w.bus.fail_code = ECOM_E_TIMEOUT;
    CHECK_CODE(2, step(&w), w.e);
    CHECK(w.wait_ms > 0 && w.wait_ms <= 50, "waits %d ms", (int)w.wait_ms);
    CHECK_U64(3, backlog(&w));
    CHECK_CODE(ECOM_E_TIMEOUT, step(&w), w.e); /* still backing off: nothing is touched */
    CHECK_U64(1, w.bus.publishes);
    check_world_move_ms(&w.clock, w.wait_ms);
    CHECK_CODE(3, step(&w), w.e);
    CHECK_STR("c", w.bus.out[2]->body);
    CHECK_U64(5, w.bus.nout);
    CHECK_U64(0, backlog(&w));
    CHECK_I64(1, metric(&w, ECOM_COUNTER, "ecom_outbox_failures_total"));
    world_close(&w);
}

static void while_the_bus_is_away_commits_do_not_make_it_spin(void)
{
    struct world w;
    int32_t longest = 0;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.bus.fail_times = SIZE_MAX;
    w.bus.fail_code = ECOM_E_UNAVAILABLE;
    for (int i = 0; i < 60; i++) {
        put(&w, "1", "x");
        size_t before = w.bus.publishes;
        CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
        CHECK_U64(before + 1, w.bus.publishes);
        CHECK(w.wait_ms >= 1 && w.wait_ms <= 5000, "waits %d ms", (int)w.wait_ms);
        longest = w.wait_ms > longest ? w.wait_ms : longest;
        for (int k = 0; k < 20; k++) {
            put(&w, "1", "y");
            CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
            CHECK_TEXT("away", w.e);
        }
        CHECK_U64(before + 1, w.bus.publishes);
        check_world_move_ms(&w.clock, w.wait_ms);
    }
    CHECK(longest > 3000, "never more than %d ms", (int)longest);
    w.bus.fail_times = 0;
    CHECK_CODE(60 * 21, settle(&w), w.e);
    CHECK_U64(0, backlog(&w));
    w.bus.fail_times = 1;
    put(&w, "1", "z");
    CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
    CHECK(w.wait_ms <= 50, "a success did not end the back-off: %d ms", (int)w.wait_ms);
    world_close(&w);
}

static void a_failure_is_warned_of_once_and_not_at_each_try(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    ecom_log log = log_of(&w);
    ecom_relay_options opts = options_of(&w);
    opts.log = &log;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);
    put(&w, "1", "x");
    w.bus.fail_times = 10;
    w.bus.fail_code = ECOM_E_UNAVAILABLE;
    while (step(&w) < 0)
        check_world_move_ms(&w.clock, w.wait_ms);
    CHECK_I64(1, w.warnings);
    CHECK_I64(0, w.errors);
    world_close(&w);
}

/* A store that fails on demand, before another. */
struct failing_store {
    ecom_store *inner;
    int pending_code, published_code;
};

static int failing_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                           ecom_pending_fn row, void *user, ecom_error *err)
{
    struct failing_store *f = self;

    (void)origin;
    if (f->pending_code)
        return ecom_fail(err, f->pending_code, "the store is away");
    return ecom_store_pending(f->inner, before_ms, limit, row, user, err);
}

static int failing_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    struct failing_store *f = self;

    if (f->published_code)
        return ecom_fail(err, f->published_code, "the store is away");
    return ecom_store_published(f->inner, tokens, n, err);
}

static void failing_close(void *self)
{
    (void)self;
}

static void while_the_store_is_away_nothing_goes_out_and_nothing_twice(void)
{
    struct world w;
    struct failing_store failing = {0};
    ecom_store *outer;
    ecom_store_ops ops = {.size = sizeof(ops),
                          .caps = ECOM_CAP_CONCURRENT,
                          .name = "failing",
                          .pending = failing_pending,
                          .published = failing_published,
                          .close = failing_close};

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    failing.inner = w.store;
    ecom_store_forward(&ops);
    CHECK_CODE(ECOM_OK, ecom_store_new(&ops, &failing, NULL, &outer, &w.e), w.e);
    ecom_relay_options opts = options_of(&w);
    opts.store = outer;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);

    put(&w, "1", "x");
    failing.pending_code = ECOM_E_UNAVAILABLE;
    for (int i = 0; i < 5; i++) {
        CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
        CHECK(w.wait_ms > 0, "spins");
        check_world_move_ms(&w.clock, w.wait_ms);
    }
    CHECK_U64(0, w.bus.publishes);

    /* Published, but the store does not hear of it: it is told again, not published again. */
    failing.pending_code = 0;
    failing.published_code = ECOM_E_TIMEOUT;
    CHECK_CODE(1, step(&w), w.e);
    CHECK(w.wait_ms > 0, "spins");
    for (int i = 0; i < 5; i++) {
        check_world_move_ms(&w.clock, w.wait_ms);
        CHECK_CODE(ECOM_E_TIMEOUT, step(&w), w.e);
    }
    CHECK_U64(1, w.bus.publishes);
    failing.published_code = 0;
    check_world_move_ms(&w.clock, w.wait_ms);
    CHECK_CODE(0, step(&w), w.e);
    CHECK_U64(1, w.bus.nout);
    CHECK_U64(0, backlog(&w));
    ecom_relay_free(w.relay);
    w.relay = NULL;
    ecom_store_close(outer);
    world_close(&w);
}

static void a_refused_event_is_set_aside_with_its_document_and_the_rest_goes_on(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    ecom_log log = log_of(&w);
    ecom_relay_options opts = options_of(&w);
    opts.log = &log;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);
    w.bus.refuse = "bad";
    w.bus.refuse_code = ECOM_E_TOOLARGE;
    put(&w, "1", "a");
    put(&w, "2", "b");
    put(&w, "2", "bad");
    put(&w, "2", "behind");
    put(&w, "3", "c");
    CHECK_CODE(3, settle(&w), w.e);
    CHECK_STR("a", w.bus.out[0]->body);
    CHECK_STR("b", w.bus.out[1]->body);
    CHECK_STR("c", w.bus.out[2]->body);
    CHECK_U64(2, backlog(&w));
    CHECK_I64(1, w.errors);
    CHECK_I64(2, metric(&w, ECOM_GAUGE, "ecom_outbox_parked"));

    /* Others go at full speed; it is tried again now and then. */
    size_t publishes = w.bus.publishes;
    put(&w, "4", "d");
    put(&w, "5", "e");
    CHECK_CODE(2, settle(&w), w.e);
    CHECK_U64(publishes + 1, w.bus.publishes);
    check_world_move_ms(&w.clock, 59000);
    CHECK_CODE(0, settle(&w), w.e);
    w.bus.refuse = NULL;
    check_world_move_ms(&w.clock, 2000);
    CHECK_CODE(2, settle(&w), w.e);
    CHECK_STR("bad", w.bus.out[5]->body);
    CHECK_STR("behind", w.bus.out[6]->body);
    CHECK_U64(0, backlog(&w));
    CHECK_I64(0, metric(&w, ECOM_GAUGE, "ecom_outbox_parked"));
    world_close(&w);
}

static void more_refused_events_than_a_batch_do_not_keep_the_others_out(void)
{
    struct world w;
    char id[16];

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    ecom_relay_options opts = options_of(&w);
    opts.batch = 4;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);
    w.bus.refuse = "bad";
    w.bus.refuse_code = ECOM_E_INVAL;
    for (int i = 0; i < 20; i++) {
        snprintf(id, sizeof(id), "%d", i);
        put(&w, id, "bad");
    }
    put(&w, "good", "good");
    CHECK_CODE(1, settle(&w), w.e);
    CHECK_U64(20, backlog(&w));
    world_close(&w);
}

static void a_backlog_goes_in_batches_one_behind_the_other(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    for (int i = 0; i < 600; i++)
        put(&w, "1", "x");
    CHECK_CODE(256, step(&w), w.e);
    CHECK_I64(0, w.wait_ms);
    CHECK_CODE(256, step(&w), w.e);
    CHECK_CODE(88, step(&w), w.e);
    CHECK_I64(1000, w.wait_ms);
    world_close(&w);
}

/* Puts so many, publishes as many as one step does. @return how long the next ones gather. */
static int gathered(struct world *w, int events, int published)
{
    for (int i = 0; i < events; i++)
        put(w, "1", "x");
    return step(w) == published ? w->relay->gather_ms : -1;
}

static void behind_many_the_next_ones_gather_and_behind_a_lone_one_none_waits(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_I64(0, gathered(&w, 1, 1));
    CHECK_I64(0, gathered(&w, 11, 11));
    CHECK_I64(8, gathered(&w, 100, 100));
    CHECK_I64(0, gathered(&w, 0, 0));
    CHECK_I64(20, gathered(&w, 255, 255));
    CHECK_I64(0, gathered(&w, 300, 256)); /* more wait already */
    CHECK_I64(3, gathered(&w, 0, 44));
    CHECK_I64(8, gathered(&w, 100, 100));
    w.bus.fail_times = 1;
    w.bus.fail_code = ECOM_E_UNAVAILABLE;
    CHECK_I64(0, gathered(&w, 100, ECOM_E_UNAVAILABLE));
    world_close(&w);
}

static void large_events_make_small_batches(void)
{
    enum { BYTES = 1 << 20, N = 20 };
    static char body[BYTES + 1];
    struct world w;

    memset(body, 'x', BYTES);
    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    const ecom_msg event = {.id = S("e"), .topic = S("orders"), .body = {body, BYTES}};
    for (int i = 0; i < N; i++) {
        const ecom_change change = {.collection = S("c"),
                                    .id = S("1"),
                                    .doc = S("{}"),
                                    .expect = ECOM_REV_ANY,
                                    .events = &event,
                                    .nevents = 1};
        CHECK_CODE(ECOM_OK, ecom_store_put(w.store, &change, NULL, &w.e), w.e);
    }
    CHECK_CODE(N, settle(&w), w.e);
    CHECK(w.bus.publishes > 1 && w.bus.publishes < N, "%zu batches", w.bus.publishes);
    CHECK_U64(0, backlog(&w));
    world_close(&w);
}

static void anothers_events_are_taken_over_after_the_grace(void)
{
    struct world w;
    ecom_store *mine, *theirs;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK(open_store(&w, "memory:relay-grace", &mine) == ECOM_OK, "%s", w.e.text);
    CHECK(open_store(&w, "memory:relay-grace", &theirs) == ECOM_OK, "%s", w.e.text);
    ecom_relay_options opts = options_of(&w);
    opts.store = mine;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);
    put_in(theirs, "1", "theirs");
    put_in(mine, "2", "mine");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_STR("mine", w.bus.out[0]->body);
    check_world_move_ms(&w.clock, 1990);
    CHECK_CODE(0, step(&w), w.e);
    check_world_move_ms(&w.clock, 20);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_STR("theirs", w.bus.out[1]->body);
    ecom_relay_free(w.relay);
    w.relay = NULL;
    ecom_store_close(mine);
    ecom_store_close(theirs);
    world_close(&w);
}

/* A process that died before the clock was set back by three days. */
static void what_is_from_a_time_to_come_goes_at_once(void)
{
    struct world w;
    ecom_store *mine, *theirs;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK(open_store(&w, "memory:relay-ahead", &mine) == ECOM_OK, "%s", w.e.text);
    CHECK(open_store(&w, "memory:relay-ahead", &theirs) == ECOM_OK, "%s", w.e.text);
    put_in(theirs, "1", "theirs");
    check_world_move_ms(&w.clock, INT64_C(-3) * 86400000);
    ecom_relay_options opts = options_of(&w);
    opts.store = mine;
    opts.metrics = NULL;
    ecom_relay_free(w.relay);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &w.relay, &w.e), w.e);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_STR("theirs", w.bus.out[0]->body);
    put_in(theirs, "1", "young");
    check_world_move_ms(&w.clock, 1000);
    CHECK_CODE(0, step(&w), w.e);
    ecom_relay_free(w.relay);
    w.relay = NULL;
    ecom_store_close(mine);
    ecom_store_close(theirs);
    world_close(&w);
}

static void two_relays_lose_nothing_and_keep_each_documents_order(void)
{
    struct world w;
    ecom_relay *other;
    int64_t last[4] = {0};
    char id[2] = "0", body[16];

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    ecom_relay_options opts = options_of(&w);
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &other, &w.e), w.e);
    for (int i = 1; i <= 100; i++) {
        id[0] = (char)('0' + i % 4);
        snprintf(body, sizeof(body), "%d", i);
        put(&w, id, body);
        w.bus.fail_times = i % 3 == 0;
        w.bus.fail_done = (size_t)(i % 2);
        w.bus.fail_code = ECOM_E_TIMEOUT;
        int32_t wait;
        ecom_error e;
        if (ecom_relay_step(i % 2 ? w.relay : other, &wait, &e) < 0)
            check_world_move_ms(&w.clock, wait);
    }
    w.bus.fail_times = 0;
    check_world_move_ms(&w.clock, 10000);
    settle(&w);
    CHECK_U64(0, backlog(&w));
    for (size_t i = 0; i < w.bus.nout; i++) {
        int k = w.bus.out[i]->key.p[0] - '0';
        int64_t n = strtol(w.bus.out[i]->body.p, NULL, 10);
        CHECK(n <= last[k] || n == last[k] + 4 || last[k] == 0, "%d after %d", (int)n,
              (int)last[k]);
        last[k] = n > last[k] ? n : last[k];
    }
    for (int k = 0; k < 4; k++)
        CHECK(last[k] > 96, "the last of %d is missing", k);
    ecom_relay_free(other);
    world_close(&w);
}

static void while_nothing_waits_it_looks_less_and_less_often(void)
{
    const int32_t waits[] = {1000, 2000, 4000, 4000};
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    for (size_t i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
        CHECK_I64(0, step(&w));
        CHECK_I64(waits[i], w.wait_ms);
        check_world_move_ms(&w.clock, w.wait_ms);
    }
    put(&w, "1", "x");
    CHECK_I64(1, step(&w));
    CHECK_I64(1000, w.wait_ms);
    check_world_move_ms(&w.clock, 1000);
    CHECK_I64(0, step(&w));
    CHECK_I64(1000, w.wait_ms);
    world_close(&w);
}

/* What waits for its own writer may be left to us at any time. */
static void while_anothers_event_waits_it_looks_as_often_as_ever(void)
{
    struct world w;
    ecom_store *a = NULL, *b = NULL;
    ecom_relay *relay = NULL;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, open_store(&w, "memory:young", &a), w.e);
    CHECK_CODE(ECOM_OK, open_store(&w, "memory:young", &b), w.e);
    ecom_relay_options opts = options_of(&w);
    opts.store = a;
    opts.grace_ms = 60000;
    CHECK_CODE(ECOM_OK, ecom_relay_new(&opts, &relay, &w.e), w.e);
    put_in(b, "1", "x");
    for (int i = 0; i < 5; i++) {
        CHECK_I64(0, ecom_relay_step(relay, &w.wait_ms, &w.e));
        CHECK_I64(1000, w.wait_ms);
        check_world_move_ms(&w.clock, 1000);
    }
    ecom_relay_free(relay);
    ecom_store_close(a);
    ecom_store_close(b);
    world_close(&w);
}

static void gauges_say_how_many_wait_and_how_long(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.bus.fail_times = SIZE_MAX;
    w.bus.fail_code = ECOM_E_UNAVAILABLE;
    put(&w, "1", "x");
    put(&w, "1", "y");
    CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
    check_world_move_ms(&w.clock, 42000);
    CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
    CHECK_I64(2, metric(&w, ECOM_GAUGE, "ecom_outbox_backlog"));
    CHECK_I64(42, metric(&w, ECOM_GAUGE, "ecom_outbox_oldest_seconds"));
    w.bus.fail_times = 0;
    check_world_move_ms(&w.clock, 5000);
    settle(&w);
    check_world_move_ms(&w.clock, 1000);
    settle(&w);
    CHECK_I64(0, metric(&w, ECOM_GAUGE, "ecom_outbox_backlog"));
    CHECK_I64(0, metric(&w, ECOM_GAUGE, "ecom_outbox_oldest_seconds"));
    world_close(&w);
}

static void each_allocation_may_fail_and_nothing_is_lost(void)
{
    for (uint64_t n = 1;; n++) {
        struct world w;
        ecom_relay *relay = NULL;
        int32_t wait;

        CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
        put(&w, "1", "a");
        put(&w, "2", "b");
        ecom_relay_options opts = options_of(&w);
        opts.metrics = NULL;
        check_alloc_fail_at(n);
        int r = ecom_relay_new(&opts, &relay, &w.e);
        if (r == ECOM_OK)
            r = ecom_relay_step(relay, &wait, &w.e);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(reached ? r == ECOM_E_NOMEM || r == 1 || r == 2 : r == 2, "step gave %d", r);
        check_world_move_ms(&w.clock, 5000);
        if (r < 2)
            settle(&w);
        CHECK_U64(0, backlog(&w));
        CHECK(w.bus.nout >= 2 && w.bus.nout <= 3, "%zu went out", w.bus.nout);
        ecom_relay_free(relay);
        world_close(&w);
        if (!reached)
            return;
    }
}

static void each_allocation_of_setting_aside_may_fail(void)
{
    for (uint64_t n = 1;; n++) {
        struct world w;

        CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
        w.bus.refuse = "bad";
        w.bus.refuse_code = ECOM_E_INVAL;
        put(&w, "1", "bad");
        put(&w, "2", "good");
        check_alloc_fail_at(n);
        for (int i = 0; i < 4 && w.bus.nout == 0; i++) {
            step(&w);
            check_world_move_ms(&w.clock, w.wait_ms);
        }
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        settle(&w);
        CHECK_U64(1, w.bus.nout);
        CHECK_U64(1, backlog(&w));
        world_close(&w);
        if (!reached)
            return;
    }
}

static void options_are_checked(void)
{
    struct world w;
    ecom_relay *relay = NULL;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    const ecom_relay_options good = options_of(&w);
    ecom_relay_options o = good;
    o.batch = 1001;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    CHECK_STR("batch", ecom_str_of(w.e.field));
    o.batch = 1000;
    CHECK_CODE(ECOM_OK, ecom_relay_new(&o, &relay, &w.e), w.e);
    ecom_relay_free(relay);
    o = good;
    o.sweep_ms = 3600001;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    CHECK_STR("sweep_ms", ecom_str_of(w.e.field));
    o = good;
    o.grace_ms = -1;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    o = good;
    o.max_backoff_ms = 3600001;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    o = good;
    o.store = NULL;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    o = good;
    o.bus = NULL;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    o = good;
    o.size = 8;
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(&o, &relay, &w.e), w.e);
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_new(NULL, &relay, &w.e), w.e);
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_step(NULL, &w.wait_ms, &w.e), w.e);
    CHECK_CODE(ECOM_E_INVAL, ecom_relay_start(NULL, &w.e), w.e);
    ecom_relay_stop(NULL, 0);
    ecom_relay_free(NULL);
    world_close(&w);
}

static const struct check_case cases[] = {
    CASE(what_was_committed_goes_out_in_order_and_is_forgotten),
    CASE(a_batch_partly_accepted_clears_exactly_what_was),
    CASE(while_the_bus_is_away_commits_do_not_make_it_spin),
    CASE(a_failure_is_warned_of_once_and_not_at_each_try),
    CASE(while_the_store_is_away_nothing_goes_out_and_nothing_twice),
    CASE(a_refused_event_is_set_aside_with_its_document_and_the_rest_goes_on),
    CASE(more_refused_events_than_a_batch_do_not_keep_the_others_out),
    CASE(a_backlog_goes_in_batches_one_behind_the_other),
    CASE(behind_many_the_next_ones_gather_and_behind_a_lone_one_none_waits),
    CASE(large_events_make_small_batches),
    CASE(anothers_events_are_taken_over_after_the_grace),
    CASE(what_is_from_a_time_to_come_goes_at_once),
    CASE(two_relays_lose_nothing_and_keep_each_documents_order),
    CASE(while_nothing_waits_it_looks_less_and_less_often),
    CASE(while_anothers_event_waits_it_looks_as_often_as_ever),
    CASE(gauges_say_how_many_wait_and_how_long),
    CASE(each_allocation_may_fail_and_nothing_is_lost),
    CASE(each_allocation_of_setting_aside_may_fail),
    CASE(options_are_checked),
};

CHECK_MAIN("relay", cases)
