#include "check.h"

#include <stdlib.h>

#include "ecom/consumer.h"
#include "flow_fake.h"

enum { MAX_SEEN = 2048 };

/* A bus, a consumer, and handlers that do what the test says, on a clock we move. */
struct world {
    struct check_world clock;
    struct fake_bus bus;
    ecom_metrics *metrics;
    ecom_consumer_options opts;
    ecom_consumer *consumer;
    ecom_error e;
    int64_t next[FAKE_PARTITIONS]; /* offsets */

    /* What the handlers saw, as "key@offset#attempt". */
    char seen[MAX_SEEN][64];
    size_t nseen;
    const char *fail_key; /* the handler fails for this key; NULL: for each */
    int fail_code;
    size_t fail_times; /* SIZE_MAX: for ever */
    int32_t retry_after_ms;
    char correlation[64]; /* in the handler's log */
    int errors;
};

static int handle(void *user, const ecom_delivery *d, ecom_error *err)
{
    struct world *w = user;
    const ecom_order_created *event = d->event;

    snprintf(w->seen[w->nseen++ % MAX_SEEN], sizeof(w->seen[0]), "%.*s@%d#%u",
             (int)event->order_id.n, event->order_id.p, (int)d->msg->offset, (unsigned)d->attempt);
    ecom_log_write(d->log, ECOM_LOG_WARN, "handling", NULL, 0);
    if (w->fail_times && (!w->fail_key || ecom_str_eq(event->order_id, ecom_str_of(w->fail_key)))) {
        w->fail_times -= w->fail_times != SIZE_MAX;
        ecom_fail(err, w->fail_code, "the handler says no");
        err->retry_after_ms = w->retry_after_ms;
        return w->fail_code;
    }
    return ECOM_OK;
}

static void log_line(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                     const ecom_log_field *fields, size_t n)
{
    struct world *w = user;

    (void)fields, (void)n;
    w->errors += level == ECOM_LOG_ERROR;
    if (strcmp(message, "handling") == 0)
        snprintf(w->correlation, sizeof(w->correlation), "%.*s", (int)correlation_id.n,
                 correlation_id.p ? correlation_id.p : "");
}

static const ecom_str orders[] = {{"orders", 6}};
static const ecom_subscriber subscribers[] = {{&ecom_order_created_contract, handle}};
static const ecom_contract *const ignored[] = {&ecom_payment_completed_contract, NULL};

static void world_prepare(struct world *w)
{
    memset(w, 0, sizeof(*w));
    check_world_init(&w->clock, 1);
    w->metrics = ecom_metrics_new();
    w->opts = (ecom_consumer_options){
        .size = sizeof(w->opts),
        .env = &w->clock.env,
        .metrics = w->metrics,
        .group = S("workers"),
        .topics = orders,
        .ntopics = 1,
        .subscribers = subscribers,
        .nsubscribers = 1,
        .ignore = ignored,
        .user = w,
    };
    if (fake_bus_open(&w->bus, &w->clock.env) == ECOM_OK)
        w->opts.bus = w->bus.bus;
}

static int world_start(struct world *w)
{
    return ecom_consumer_new(&w->opts, &w->consumer, &w->e);
}

static int world_open(struct world *w)
{
    world_prepare(w);
    return world_start(w);
}

static void world_close(struct world *w)
{
    ecom_consumer_free(w->consumer);
    fake_bus_close(&w->bus);
    ecom_metrics_free(w->metrics);
}

static void give_body(struct world *w, int32_t partition, const char *key, const char *body)
{
    const ecom_header headers[] = {{S("x-correlation-id"), S("corr")}, {S("h"), S("v")}};
    const ecom_msg msg = {
        .topic = orders[0],
        .key = ecom_str_of(key),
        .body = ecom_str_of(body),
        .headers = headers,
        .nheaders = 2,
        .time_ms = 1,
        .partition = partition,
        .offset = w->next[partition]++,
    };

    fake_bus_give(&w->bus, &msg);
}

static void give_type(struct world *w, int32_t partition, const char *key, const char *type)
{
    char body[400];

    snprintf(body, sizeof(body),
             "{\"type\":\"%s\",\"id\":\"e1\",\"time\":\"2026-11-22T18:25:43.511Z\",\"orderId\":"
             "\"%s\",\"userId\":\"u1\",\"amount\":5,\"currency\":\"USD\",\"paymentId\":\"p1\"}",
             type, key);
    give_body(w, partition, key, body);
}

static void give(struct world *w, int32_t partition, const char *key)
{
    give_type(w, partition, key, "ORDER_CREATED");
}

static int step(struct world *w)
{
    return ecom_consumer_step(w->consumer, 0, &w->e);
}

static ecom_consumer_stats stats(struct world *w)
{
    ecom_consumer_stats s;

    ecom_consumer_stats_get(w->consumer, &s);
    return s;
}

static int64_t metric(struct world *w, ecom_metric_kind kind, const char *name, const char *labels)
{
    return ecom_series_value(ecom_metrics_series(w->metrics, kind, name, "", labels));
}

#define CHECK_SEEN(i, want) CHECK_STR(want, ecom_str_of(w.seen[i]))

static void an_event_is_handled_and_acked(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    give(&w, 0, "a");
    give(&w, 0, "b");
    w.bus.lag = 2;
    CHECK_CODE(2, step(&w), w.e);
    CHECK_SEEN(0, "a@0#1");
    CHECK_SEEN(1, "b@1#1");
    CHECK_I64(1, w.bus.acked[0]);
    CHECK_U64(1, w.bus.acks); /* one for both */
    CHECK_CODE(0, step(&w), w.e);
    CHECK_U64(1, w.bus.acks);
    CHECK_U64(2, stats(&w).handled);
    CHECK_U64(0, stats(&w).in_flight);
    CHECK_U64(2, stats(&w).lag);
    CHECK_I64(1, stats(&w).healthy);
    CHECK_I64(2, metric(&w, ECOM_COUNTER, "ecom_consumer_handled_total",
                        "group=\"workers\",topic=\"orders\""));
    CHECK_I64(2, metric(&w, ECOM_GAUGE, "ecom_consumer_lag", "group=\"workers\""));
    world_close(&w);
}

static void the_handlers_log_carries_the_correlation_id(void)
{
    struct world w;

    world_prepare(&w);
    ecom_log log = {.fn = log_line, .user = &w, .level = ECOM_LOG_INFO};
    w.opts.log = &log;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    give(&w, 0, "a");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_STR("corr", ecom_str_of(w.correlation));
    world_close(&w);
}

static void a_failed_event_is_tried_again_with_growing_pauses_while_its_key_waits(void)
{
    struct world w;
    int64_t longest = 0;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_key = "a";
    w.fail_code = ECOM_E_TIMEOUT;
    w.fail_times = 5;
    give(&w, 0, "a");
    give(&w, 0, "a");
    give(&w, 0, "b");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(2, w.nseen);
    CHECK_SEEN(0, "a@0#1");
    CHECK_SEEN(1, "b@2#1");
    CHECK_I64(-1, w.bus.acked[0]); /* the first is not done */
    for (int failures = 1; failures <= 5; failures++) {
        int64_t due = ecom_consumer_next_due_ms(w.consumer);
        CHECK(due >= 1 && due <= 100 << (failures - 1), "due in %d ms", (int)due);
        longest = due > longest ? due : longest;
        check_world_move_ms(&w.clock, due - 1);
        size_t before = w.nseen;
        CHECK_CODE(0, step(&w), w.e);
        CHECK_U64(before, w.nseen);
        check_world_move_ms(&w.clock, 1);
        CHECK_CODE(failures == 5 ? 2 : 0, step(&w), w.e);
    }
    CHECK_SEEN(2, "a@0#2");
    CHECK_SEEN(6, "a@0#6");
    CHECK_SEEN(7, "a@1#1"); /* only now */
    CHECK_I64(2, w.bus.acked[0]);
    CHECK_I64(-1, ecom_consumer_next_due_ms(w.consumer));
    CHECK_U64(5, stats(&w).retried);
    CHECK_U64(3, stats(&w).handled);
    CHECK(longest > 100, "no longer than %d ms", (int)longest);
    world_close(&w);
}

static void a_step_waits_no_longer_than_until_the_next_retry(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_TIMEOUT;
    w.fail_times = 1;
    give(&w, 0, "a");
    CHECK_CODE(0, step(&w), w.e);
    int64_t due = ecom_consumer_next_due_ms(w.consumer);
    w.bus.woken = 1; /* does not really wait */
    CHECK_CODE(0, ecom_consumer_step(w.consumer, 60000, &w.e), w.e);
    CHECK_I64(due, w.bus.last_timeout);
    world_close(&w);
}

static void the_last_attempt_goes_to_the_dead_letters_with_the_reason(void)
{
    struct world w;

    world_prepare(&w);
    ecom_log log = {.fn = log_line, .user = &w, .level = ECOM_LOG_INFO};
    w.opts.log = &log;
    w.opts.max_attempts = 3;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_CONFLICT;
    w.fail_key = "a";
    w.fail_times = SIZE_MAX;
    give(&w, 2, "a");
    for (int i = 0; i < 3; i++) {
        CHECK_CODE(i == 2, step(&w), w.e);
        check_world_move_ms(&w.clock, 1000);
    }
    CHECK_U64(3, w.nseen);
    CHECK_U64(1, w.bus.nout);
    const ecom_msg *dead = w.bus.out[0];
    CHECK_STR("orders.dlq", dead->topic);
    CHECK_STR("a", dead->key);
    CHECK(ecom_str_eq(w.bus.in[0]->body, dead->body), "another body");
    CHECK_STR("corr", fake_header(dead, "x-correlation-id"));
    CHECK_STR("v", fake_header(dead, "h"));
    CHECK_STR("the handler says no", fake_header(dead, "x-dlq-reason"));
    CHECK_STR("CONFLICT", fake_header(dead, "x-dlq-code"));
    CHECK_STR("orders", fake_header(dead, "x-dlq-topic"));
    CHECK_STR("2", fake_header(dead, "x-dlq-partition"));
    CHECK_STR("0", fake_header(dead, "x-dlq-offset"));
    CHECK_STR("3", fake_header(dead, "x-dlq-attempts"));
    CHECK_STR("workers", fake_header(dead, "x-dlq-group"));
    CHECK_STR("2026-09-21T14:13:22.000Z", fake_header(dead, "x-dlq-time"));
    CHECK_STR("", fake_header(dead, "x-dlq-cut"));
    CHECK_U64(10, dead->nheaders);
    CHECK_I64(0, w.bus.acked[2]);
    CHECK_U64(1, stats(&w).dead);
    CHECK_U64(2, stats(&w).retried);
    CHECK_I64(1, w.errors);
    world_close(&w);
}

static void what_a_handler_needs_is_waited_for_without_end(void)
{
    static const int codes[] = {ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_BACKEND, ECOM_E_FULL,
                                ECOM_E_NOMEM,       ECOM_E_RATE,    ECOM_E_CLOSED};
    struct world w;

    world_prepare(&w);
    w.opts.max_attempts = 2;
    w.opts.max_backoff_ms = 4000;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    give(&w, 0, "a");
    w.fail_times = SIZE_MAX;
    for (int i = 0; i < 100; i++) {
        w.fail_code = codes[i % 7];
        CHECK_CODE(0, step(&w), w.e);
        int64_t due = ecom_consumer_next_due_ms(w.consumer);
        CHECK(due >= 1 && due <= 4000, "due in %d ms", (int)due);
        check_world_move_ms(&w.clock, due);
        CHECK_U64(i >= 1, stats(&w).stalled);
        CHECK_I64(-1, w.bus.acked[0]);
    }
    CHECK_U64(0, w.bus.nout);
    CHECK_SEEN(99, "a@0#100");
    CHECK_I64(1, metric(&w, ECOM_GAUGE, "ecom_consumer_stalled", "group=\"workers\""));
    w.fail_times = 0;
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(0, stats(&w).stalled);
    CHECK_I64(0, w.bus.acked[0]);
    world_close(&w);
}

static void conflicts_and_unknown_numbers_count_as_attempts_and_outages_between_do_not(void)
{
    static const int codes[] = {ECOM_E_CONFLICT, -99, 7};

    for (size_t i = 0; i < 3; i++) {
        struct world w;
        world_prepare(&w);
        w.opts.max_attempts = 2;
        CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
        give(&w, 0, "a");
        w.fail_times = SIZE_MAX;
        for (int n = 0; n < 5; n++) {
            w.fail_code = n == 0 || n == 4 ? codes[i] : ECOM_E_UNAVAILABLE;
            CHECK_CODE(n == 4, step(&w), w.e);
            check_world_move_ms(&w.clock, 30000);
        }
        CHECK_U64(1, w.bus.nout);
        CHECK_STR("2", fake_header(w.bus.out[0], "x-dlq-attempts"));
        world_close(&w);
    }
}

static void a_handler_may_ask_for_patience(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_RATE;
    w.fail_times = 1;
    w.retry_after_ms = 90000;
    give(&w, 0, "a");
    CHECK_CODE(0, step(&w), w.e);
    CHECK_I64(90000, ecom_consumer_next_due_ms(w.consumer));
    check_world_move_ms(&w.clock, 90000);
    w.fail_times = 1;
    w.retry_after_ms = INT32_MAX;
    CHECK_CODE(0, step(&w), w.e);
    CHECK_I64(3600000, ecom_consumer_next_due_ms(w.consumer)); /* but not for ever */
    world_close(&w);
}

static void a_rejected_event_goes_to_the_dead_letters_at_once(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_UNPROCESSABLE;
    w.fail_key = "a";
    w.fail_times = SIZE_MAX;
    give(&w, 0, "a");
    give(&w, 0, "b");
    CHECK_CODE(2, step(&w), w.e);
    CHECK_U64(1, w.bus.nout);
    CHECK_STR("UNPROCESSABLE", fake_header(w.bus.out[0], "x-dlq-code"));
    CHECK_STR("1", fake_header(w.bus.out[0], "x-dlq-attempts"));
    CHECK_I64(1, w.bus.acked[0]);
    world_close(&w);
}

static void what_cannot_be_read_goes_to_the_dead_letters_and_the_flow_goes_on(void)
{
    struct world w;
    static const struct {
        const char *body, *code;
    } bad[] = {
        {"", "INVAL"},
        {"not json", "INVAL"},
        {"{}", "INVAL"},
        {"{\"type\":\"ORDER_CREATED\"}", "INVAL"},
        {"{\"type\":\"NEVER_HEARD_OF\",\"id\":\"e\",\"time\":\"2026-11-22T18:25:43.511Z\"}",
         "UNKNOWN_TYPE"},
    };
    enum { N = sizeof(bad) / sizeof(bad[0]) };

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    for (int i = 0; i < N; i++)
        give_body(&w, 0, "a", bad[i].body);
    give(&w, 0, "a");
    CHECK_CODE(N + 1, step(&w), w.e);
    CHECK_U64(N, w.bus.nout);
    for (int i = 0; i < N; i++) {
        CHECK_STR(bad[i].body, w.bus.out[i]->body);
        CHECK_STR(bad[i].code, fake_header(w.bus.out[i], "x-dlq-code"));
        CHECK(fake_header(w.bus.out[i], "x-dlq-reason").n > 0, "no reason");
    }
    CHECK_U64(1, w.nseen);
    CHECK_U64(N, stats(&w).dead);
    world_close(&w);
}

static void types_of_no_use_here_are_passed_over(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    give_type(&w, 0, "a", "PAYMENT_COMPLETED");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(0, w.bus.nout);
    CHECK_U64(0, w.nseen);
    CHECK_U64(1, stats(&w).ignored);
    CHECK_I64(0, w.bus.acked[0]);
    CHECK_I64(1, metric(&w, ECOM_COUNTER, "ecom_consumer_ignored_total",
                        "group=\"workers\",topic=\"orders\""));
    world_close(&w);
}

static void a_dead_letter_that_cannot_be_written_is_tried_again_and_never_lost(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_INVAL;
    w.fail_key = "a";
    w.fail_times = 1;
    w.bus.fail_times = 50;
    w.bus.fail_code = ECOM_E_TIMEOUT;
    give(&w, 0, "a");
    give(&w, 0, "a");
    give(&w, 1, "b");
    CHECK_CODE(1, step(&w), w.e);
    for (int i = 0; i < 50; i++) {
        CHECK_I64(-1, w.bus.acked[0]);
        CHECK_U64(0, w.bus.nout);
        int64_t due = ecom_consumer_next_due_ms(w.consumer);
        CHECK(due >= 1, "spins");
        check_world_move_ms(&w.clock, due);
        CHECK_CODE(i == 49 ? 2 : 0, step(&w), w.e);
    }
    CHECK_U64(1, w.bus.nout);
    CHECK_STR("the handler says no", fake_header(w.bus.out[0], "x-dlq-reason"));
    CHECK_STR("1", fake_header(w.bus.out[0], "x-dlq-attempts"));
    CHECK_I64(1, w.bus.acked[0]);
    CHECK_U64(3, w.nseen); /* the handler was not asked again for the dead one */
    CHECK_SEEN(2, "a@1#1");
    world_close(&w);
}

static void a_dead_letter_keeps_the_limits_of_the_bus(void)
{
    enum { BODY = ECOM_BUS_MAX_BODY, HEADERS = 40 };
    static char body[BODY + 1], key[ECOM_BUS_MAX_KEY + 1], value[ECOM_BUS_MAX_HEADER];
    struct world w;
    ecom_header headers[HEADERS];

    memset(body, 'x', sizeof(body));
    memset(key, 'k', sizeof(key));
    memset(value, 'v', sizeof(value));
    for (int i = 0; i < HEADERS; i++)
        headers[i] = (ecom_header){S("name"), S("value")};
    headers[0].value = (ecom_str){value, sizeof(value) - 4}; /* just fits */
    headers[1].value = (ecom_str){value, sizeof(value) - 3}; /* does not */
    headers[2].name = S("na\nme");
    headers[3].name = S("");
    headers[4].name = S("X-DLQ-Reason"); /* of an earlier death */
    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    ecom_msg msg = {.topic = orders[0],
                    .key = {key, ECOM_BUS_MAX_KEY},
                    .body = {body, BODY},
                    .headers = headers,
                    .nheaders = 24,
                    .offset = 0};
    fake_bus_give(&w.bus, &msg);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(ECOM_BUS_MAX_BODY, w.bus.out[0]->body.n);
    CHECK_U64(ECOM_BUS_MAX_KEY, w.bus.out[0]->key.n);
    CHECK_STR("body 1048576 of 1048576 bytes, key 1024 of 1024, 3 headers left out",
              fake_header(w.bus.out[0], "x-dlq-cut"));
    CHECK_U64(sizeof(value) - 4, fake_header(w.bus.out[0], "name").n);
    CHECK_STR("", fake_header(w.bus.out[0], "X-DLQ-Reason"));

    msg = (ecom_msg){.topic = orders[0],
                     .key = {key, sizeof(key)},
                     .body = {body, sizeof(body)},
                     .headers = headers + 5,
                     .nheaders = 32,
                     .offset = 1};
    fake_bus_give(&w.bus, &msg);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(ECOM_BUS_MAX_HEADERS, w.bus.out[1]->nheaders);
    CHECK_STR("body 1048576 of 1048577 bytes, key 1024 of 1025, 9 headers left out",
              fake_header(w.bus.out[1], "x-dlq-cut"));

    /* 23 of them fit, and then nothing is said to be cut. */
    msg.key.n = ECOM_BUS_MAX_KEY;
    msg.body.n = BODY;
    msg.nheaders = 23;
    msg.offset = 2;
    fake_bus_give(&w.bus, &msg);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(31, w.bus.out[2]->nheaders);
    CHECK_STR("", fake_header(w.bus.out[2], "x-dlq-cut"));

    /* A broker may have limits of its own: then the letter goes without the load. */
    w.bus.refuse_above = 1000;
    w.bus.refuse_code = ECOM_E_TOOLARGE;
    msg.offset = 3;
    fake_bus_give(&w.bus, &msg);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_U64(0, w.bus.out[3]->body.n);
    CHECK_STR("body 0 of 1048576 bytes, key 1024 of 1024, 23 headers left out",
              fake_header(w.bus.out[3], "x-dlq-cut"));
    CHECK_STR("3", fake_header(w.bus.out[3], "x-dlq-offset"));
    world_close(&w);
}

static void the_offset_moves_only_over_what_is_done(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_key = "b";
    w.fail_code = ECOM_E_UNAVAILABLE;
    w.fail_times = SIZE_MAX;
    give(&w, 0, "a");
    give(&w, 0, "b");
    give(&w, 0, "c");
    give(&w, 1, "d");
    CHECK_CODE(3, step(&w), w.e);
    CHECK_I64(0, w.bus.acked[0]);
    CHECK_I64(0, w.bus.acked[1]);
    for (int i = 0; i < 2000; i++) /* far more than the window: what is done takes no room */
        give(&w, 0, "c");
    for (int i = 0; i < 40; i++)
        CHECK(step(&w) >= 0, "%s", w.e.text);
    CHECK_U64(2003, stats(&w).handled);
    CHECK_I64(0, w.bus.acked[0]);
    CHECK_U64(1, stats(&w).in_flight);
    w.fail_times = 0;
    check_world_move_ms(&w.clock, 30000);
    CHECK_CODE(1, step(&w), w.e);
    CHECK_I64(2002, w.bus.acked[0]);
    world_close(&w);
}

static void no_more_is_taken_than_the_window_holds(void)
{
    struct world w;

    world_prepare(&w);
    w.opts.window = 10;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_UNAVAILABLE;
    w.fail_times = SIZE_MAX;
    for (int i = 0; i < 30; i++)
        give(&w, 0, "a");
    for (int i = 0; i < 3; i++)
        CHECK_CODE(0, step(&w), w.e);
    CHECK_U64(0, w.bus.last_max); /* but polls on: it is alive */
    CHECK_U64(10, stats(&w).in_flight);
    CHECK_U64(10, w.bus.given);
    w.fail_times = 0;
    check_world_move_ms(&w.clock, 30000);
    CHECK_CODE(10, step(&w), w.e);
    CHECK_CODE(10, step(&w), w.e);
    CHECK_CODE(10, step(&w), w.e);
    CHECK_I64(29, w.bus.acked[0]);
    world_close(&w);
}

static void no_more_bytes_are_held_than_a_bound(void)
{
    enum { BODY = 1 << 20 };
    static char body[BODY];
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.bus.fail_times = SIZE_MAX; /* not even dead letters */
    w.bus.fail_code = ECOM_E_UNAVAILABLE;
    for (int i = 0; i < 200; i++) {
        const ecom_msg msg = {.topic = orders[0], .key = S("k"), .body = {body, BODY}, .offset = i};
        fake_bus_give(&w.bus, &msg);
    }
    for (int i = 0; i < 5; i++)
        CHECK_CODE(0, step(&w), w.e);
    CHECK(w.bus.given <= 128, "%zu MiB held", w.bus.given);
    CHECK_U64(0, w.bus.last_max);
    world_close(&w);
}

static void a_revoked_partition_is_acked_as_far_as_it_is_done_and_forgotten(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_key = "b";
    w.fail_code = ECOM_E_UNAVAILABLE;
    w.fail_times = SIZE_MAX;
    give(&w, 0, "a");
    give(&w, 0, "b");
    give(&w, 1, "c");
    w.bus.ack_code = ECOM_E_UNAVAILABLE;
    CHECK_CODE(2, step(&w), w.e);
    CHECK_I64(-1, w.bus.acked[0]);
    w.bus.ack_code = 0;
    w.bus.revoke = 0;
    CHECK_CODE(0, step(&w), w.e);
    CHECK_I64(0, w.bus.acked[0]);
    CHECK_I64(0, w.bus.acked[1]);
    CHECK_U64(0, stats(&w).in_flight);
    CHECK_I64(-1, ecom_consumer_next_due_ms(w.consumer));
    size_t before = w.nseen;
    check_world_move_ms(&w.clock, 60000);
    CHECK_CODE(0, step(&w), w.e);
    CHECK_U64(before, w.nseen);
    world_close(&w);
}

static void an_ack_that_failed_is_made_up_for(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.bus.ack_code = ECOM_E_TIMEOUT;
    give(&w, 0, "a");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_I64(-1, w.bus.acked[0]);
    w.bus.ack_code = 0;
    CHECK_CODE(0, step(&w), w.e);
    CHECK_I64(0, w.bus.acked[0]);
    world_close(&w);
}

static void while_the_bus_is_away_it_says_so_and_runs_what_is_due(void)
{
    struct world w;
    int32_t longest = 0;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    w.fail_code = ECOM_E_TIMEOUT;
    w.fail_times = 1;
    give(&w, 0, "a");
    CHECK_CODE(0, step(&w), w.e);
    w.bus.poll_code = ECOM_E_UNAVAILABLE;
    check_world_move_ms(&w.clock, 1000);
    for (int i = 0; i < 50; i++) {
        CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
        CHECK(w.e.retry_after_ms >= 1 && w.e.retry_after_ms <= 5000, "leave it alone for %d ms",
              (int)w.e.retry_after_ms);
        longest = w.e.retry_after_ms > longest ? w.e.retry_after_ms : longest;
    }
    CHECK(longest > 3000, "never more than %d ms", (int)longest);
    CHECK_I64(0, stats(&w).healthy);
    CHECK_U64(1, stats(&w).handled);
    w.bus.poll_code = 0;
    CHECK_CODE(0, step(&w), w.e);
    CHECK_I64(1, stats(&w).healthy);
    world_close(&w);
}

static void a_bus_that_is_away_at_the_start_is_joined_when_it_is_there(void)
{
    struct world w;

    world_prepare(&w);
    w.bus.subscribe_code = ECOM_E_UNAVAILABLE;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_E_UNAVAILABLE, step(&w), w.e);
    w.bus.subscribe_code = 0;
    give(&w, 0, "a");
    CHECK_CODE(1, step(&w), w.e);
    world_close(&w);

    world_prepare(&w);
    w.bus.subscribe_code = ECOM_E_NOTSUP;
    CHECK_CODE(ECOM_E_NOTSUP, world_start(&w), w.e);
    world_close(&w);
}

static void a_message_that_could_not_be_kept_comes_again_in_order(void)
{
    struct world w;
    int failed = 0;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    for (uint64_t n = 1;; n++) {
        w.nseen = 0;
        give(&w, 0, "a");
        give(&w, 0, "a");
        give(&w, 1, "b");
        check_alloc_fail_at(n);
        int r = step(&w);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        failed += r == ECOM_E_NOMEM;
        for (int i = 0;
             i < 20 && (w.bus.acked[0] < w.next[0] - 1 || w.bus.acked[1] < w.next[1] - 1); i++) {
            check_world_move_ms(&w.clock, 1000);
            step(&w);
        }
        CHECK_I64(w.next[0] - 1, w.bus.acked[0]);
        CHECK_I64(w.next[1] - 1, w.bus.acked[1]);
        CHECK_U64(0, w.bus.nout);
        int64_t last = -1;
        for (size_t i = 0; i < w.nseen; i++) {
            int64_t offset = strtol(w.seen[i] + 2, NULL, 10);
            if (w.seen[i][0] != 'a')
                continue;
            CHECK(offset == last + 1 || last == -1 || offset == last, "%d after %d", (int)offset,
                  (int)last);
            last = offset;
        }
        if (!reached)
            break;
    }
    CHECK(failed >= 2, "only %d failures on the way in", failed);
    CHECK(w.bus.joins == failed + 1, "%d joins", w.bus.joins);
    world_close(&w);
}

static void each_allocation_of_making_one_may_fail(void)
{
    struct world w;

    world_prepare(&w);
    w.opts.metrics = NULL;
    for (uint64_t n = 1;; n++) {
        check_alloc_fail_at(n);
        int r = world_start(&w);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(reached ? ECOM_E_NOMEM : ECOM_OK, r);
        if (!reached)
            break;
        CHECK_I64(0, w.bus.members);
    }
    world_close(&w);
}

static void without_topics_it_takes_those_of_its_contracts(void)
{
    static const ecom_subscriber two[] = {{&ecom_order_created_contract, handle},
                                          {&ecom_payment_completed_contract, handle},
                                          {&ecom_payment_failed_contract, handle}};
    static ecom_contract many[ECOM_BUS_MAX_TOPICS + 1];
    static char names[ECOM_BUS_MAX_TOPICS + 1][8];
    static ecom_subscriber each[ECOM_BUS_MAX_TOPICS + 1];
    struct world w;

    for (int i = 0; i <= ECOM_BUS_MAX_TOPICS; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        many[i] = ecom_order_created_contract;
        many[i].type = many[i].topic = names[i];
        each[i] = (ecom_subscriber){&many[i], handle};
    }
    world_prepare(&w);
    w.opts.topics = NULL;
    w.opts.subscribers = two, w.opts.nsubscribers = 3, w.opts.ignore = NULL;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_U64(2, w.bus.sub.ntopics);
    ecom_consumer_free(w.consumer);
    w.consumer = NULL;
    w.opts.subscribers = each, w.opts.nsubscribers = ECOM_BUS_MAX_TOPICS;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    ecom_consumer_free(w.consumer);
    w.consumer = NULL;
    w.opts.nsubscribers++;
    CHECK_CODE(ECOM_E_INVAL, world_start(&w), w.e);
    CHECK_STR("topics", ecom_str_of(w.e.field));
    world_close(&w);
}

static void options_are_checked(void)
{
    struct world w;
    char long_name[ECOM_BUS_MAX_NAME + 2];
    ecom_str topics[65], long_topic = {long_name, 125};
    const ecom_subscriber twice[] = {subscribers[0], subscribers[0]};
    const ecom_subscriber empty[] = {{&ecom_order_created_contract, NULL}};

    memset(long_name, 'x', sizeof(long_name));
    for (int i = 0; i < 65; i++)
        topics[i] = orders[0];
    world_prepare(&w);
    const ecom_consumer_options good = w.opts;
#define REFUSED(field_, ...)                                \
    do {                                                    \
        w.opts = good;                                      \
        __VA_ARGS__;                                        \
        CHECK_CODE(ECOM_E_INVAL, world_start(&w), w.e);     \
        CHECK_STR(field_, ecom_str_of(w.e.field));          \
        CHECK(!w.consumer, "made a consumer nevertheless"); \
    } while (0)
    REFUSED("size", w.opts.size = 8);
    REFUSED("bus", w.opts.bus = NULL);
    REFUSED("group", w.opts.group.n = 0);
    REFUSED("group", w.opts.group = ((ecom_str){long_name, ECOM_BUS_MAX_NAME + 1}));
    REFUSED("topics", w.opts.ntopics = 0);
    REFUSED("topics", w.opts.topics = topics, w.opts.ntopics = 65);
    REFUSED("topics", w.opts.topics = &long_topic);
    REFUSED("subscribers", w.opts.nsubscribers = 0);
    REFUSED("subscribers", w.opts.nsubscribers = 257);
    REFUSED("subscribers", w.opts.subscribers = twice, w.opts.nsubscribers = 2);
    REFUSED("subscribers", w.opts.subscribers = empty);
    REFUSED("threads", w.opts.threads = 257);
    REFUSED("window", w.opts.window = 65537);
    REFUSED("max_attempts", w.opts.max_attempts = 1001);
    REFUSED("backoff_ms", w.opts.backoff_ms = -1);
    REFUSED("max_backoff_ms", w.opts.max_backoff_ms = 86400001);
    REFUSED("session_timeout_ms", w.opts.session_timeout_ms = 86400001);
#undef REFUSED
    long_topic.n = 124;
    w.opts = good;
    w.opts.topics = &long_topic;
    w.opts.window = 65536;
    w.opts.threads = 256;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_E_INVAL, ecom_consumer_step(w.consumer, -1, &w.e), w.e);
    CHECK_CODE(ECOM_E_INVAL, ecom_consumer_step(NULL, 0, &w.e), w.e);
    CHECK_CODE(ECOM_E_INVAL, ecom_consumer_start(NULL, &w.e), w.e);
    ecom_consumer_stop(NULL, 0);
    ecom_consumer_free(NULL);
    world_close(&w);
}

static const struct check_case cases[] = {
    CASE(an_event_is_handled_and_acked),
    CASE(the_handlers_log_carries_the_correlation_id),
    CASE(a_failed_event_is_tried_again_with_growing_pauses_while_its_key_waits),
    CASE(a_step_waits_no_longer_than_until_the_next_retry),
    CASE(the_last_attempt_goes_to_the_dead_letters_with_the_reason),
    CASE(what_a_handler_needs_is_waited_for_without_end),
    CASE(conflicts_and_unknown_numbers_count_as_attempts_and_outages_between_do_not),
    CASE(a_handler_may_ask_for_patience),
    CASE(a_rejected_event_goes_to_the_dead_letters_at_once),
    CASE(what_cannot_be_read_goes_to_the_dead_letters_and_the_flow_goes_on),
    CASE(types_of_no_use_here_are_passed_over),
    CASE(a_dead_letter_that_cannot_be_written_is_tried_again_and_never_lost),
    CASE(a_dead_letter_keeps_the_limits_of_the_bus),
    CASE(the_offset_moves_only_over_what_is_done),
    CASE(no_more_is_taken_than_the_window_holds),
    CASE(no_more_bytes_are_held_than_a_bound),
    CASE(a_revoked_partition_is_acked_as_far_as_it_is_done_and_forgotten),
    CASE(an_ack_that_failed_is_made_up_for),
    CASE(while_the_bus_is_away_it_says_so_and_runs_what_is_due),
    CASE(a_bus_that_is_away_at_the_start_is_joined_when_it_is_there),
    CASE(a_message_that_could_not_be_kept_comes_again_in_order),
    CASE(each_allocation_of_making_one_may_fail),
    CASE(without_topics_it_takes_those_of_its_contracts),
    CASE(options_are_checked),
};

CHECK_MAIN("consumer", cases)
