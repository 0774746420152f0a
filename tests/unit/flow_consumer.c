/* What a consumer takes, hands on and acknowledges. */
#include <stdlib.h>

#include "consumer_world.h"

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
    ecom_log log = {.fn = consumer_log, .user = &w, .level = ECOM_LOG_INFO};
    w.opts.log = &log;
    CHECK(world_start(&w) == ECOM_OK, "%s", w.e.text);
    give(&w, 0, "a");
    CHECK_CODE(1, step(&w), w.e);
    CHECK_STR("corr", ecom_str_of(w.correlation));
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
        const ecom_msg msg = {
            .topic = consumer_topics[0], .key = S("k"), .body = {body, BODY}, .offset = i};
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
    static const ecom_subscriber two[] = {{&ecom_order_created_contract, consumer_handle},
                                          {&ecom_payment_completed_contract, consumer_handle},
                                          {&ecom_payment_failed_contract, consumer_handle}};
    static ecom_contract many[ECOM_BUS_MAX_TOPICS + 1];
    static char names[ECOM_BUS_MAX_TOPICS + 1][8];
    static ecom_subscriber each[ECOM_BUS_MAX_TOPICS + 1];
    struct world w;

    for (int i = 0; i <= ECOM_BUS_MAX_TOPICS; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        many[i] = ecom_order_created_contract;
        many[i].type = many[i].topic = names[i];
        each[i] = (ecom_subscriber){&many[i], consumer_handle};
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
    const ecom_subscriber twice[] = {{&ecom_order_created_contract, consumer_handle},
                                     {&ecom_order_created_contract, consumer_handle}};
    const ecom_subscriber empty[] = {{&ecom_order_created_contract, NULL}};

    memset(long_name, 'x', sizeof(long_name));
    for (int i = 0; i < 65; i++)
        topics[i] = consumer_topics[0];
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
    CASE(types_of_no_use_here_are_passed_over),
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
