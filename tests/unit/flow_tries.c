/* What becomes of an event that fails: how often and when it is tried again, and its dead letter.
 */
#include "consumer_world.h"

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
    ecom_log log = {.fn = consumer_log, .user = &w, .level = ECOM_LOG_INFO};
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
    ecom_msg msg = {.topic = consumer_topics[0],
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

    msg = (ecom_msg){.topic = consumer_topics[0],
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

static const struct check_case cases[] = {
    CASE(a_failed_event_is_tried_again_with_growing_pauses_while_its_key_waits),
    CASE(a_step_waits_no_longer_than_until_the_next_retry),
    CASE(the_last_attempt_goes_to_the_dead_letters_with_the_reason),
    CASE(what_a_handler_needs_is_waited_for_without_end),
    CASE(conflicts_and_unknown_numbers_count_as_attempts_and_outages_between_do_not),
    CASE(a_handler_may_ask_for_patience),
    CASE(a_rejected_event_goes_to_the_dead_letters_at_once),
    CASE(what_cannot_be_read_goes_to_the_dead_letters_and_the_flow_goes_on),
    CASE(a_dead_letter_that_cannot_be_written_is_tried_again_and_never_lost),
    CASE(a_dead_letter_keeps_the_limits_of_the_bus),
};

CHECK_MAIN("tries", cases)
