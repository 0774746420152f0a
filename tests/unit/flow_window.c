#include "check.h"

#include <stdlib.h>

#include "flow/backoff.h"
#include "flow/window.h"

static const ecom_str topics[] = {{"orders", 6}, {"payments", 8}};

static ecom__window *open_window(size_t max)
{
    return ecom__window_new(max, topics, 2);
}

static int add(ecom__window *w, int32_t partition, int64_t offset, const char *key)
{
    const ecom_header header = {S("h"), S("v")};
    const ecom_msg msg = {
        .topic = topics[0],
        .key = ecom_str_of(key),
        .body = S("body"),
        .headers = &header,
        .nheaders = 1,
        .partition = partition,
        .offset = offset,
    };

    return ecom__window_add(w, &msg, NULL);
}

/* The offset that may be committed in a partition of the first topic; -1: nothing new. */
static int64_t mark_of(ecom__window *w, int32_t partition)
{
    ecom__mark mark;

    return ecom__window_unacked_of(w, topics[0], partition, &mark) ? mark.offset : -1;
}

static void a_copy_holds_all_of_the_message(void)
{
    ecom__window *w = open_window(4);
    char key[] = "k", body[] = "b\0b", name[] = "n", value[] = "v";
    const ecom_header header = {{name, 1}, {value, 1}};
    ecom_msg msg = {
        .id = S("id"),
        .topic = topics[1],
        .key = {key, 1},
        .body = {body, 3},
        .headers = &header,
        .nheaders = 1,
        .time_ms = 7,
        .partition = 3,
        .offset = 9,
    };

    CHECK_I64(ECOM_OK, ecom__window_add(w, &msg, NULL));
    memset(key, 'x', 1);
    memset(body, 'x', 3);
    memset(name, 'x', 1);
    memset(value, 'x', 1);
    ecom__job *job = ecom__window_take(w, 0);
    CHECK(job, "nothing to take");
    CHECK_U64(1, job->topic);
    CHECK_STR("payments", job->msg.topic);
    CHECK_STR("id", job->msg.id);
    CHECK_STR("k", job->msg.key);
    CHECK(ecom_str_eq(S("b\0b"), job->msg.body), "another body");
    CHECK_STR("n", job->msg.headers[0].name);
    CHECK_STR("v", job->msg.headers[0].value);
    CHECK_I64(7, job->msg.time_ms);
    CHECK_I64(3, job->msg.partition);
    CHECK_I64(9, job->msg.offset);
    ecom__window_free(w);
}

static void one_key_goes_in_order_and_others_beside_it(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 0, "a");
    add(w, 0, 1, "a");
    add(w, 0, 2, "b");
    ecom__job *a0 = ecom__window_take(w, 0), *b = ecom__window_take(w, 0);
    CHECK_I64(0, a0->msg.offset);
    CHECK_I64(2, b->msg.offset);
    CHECK(!ecom__window_take(w, 0), "two of one key at a time");
    CHECK_U64(2, ecom__window_running(w));
    ecom__window_done(w, a0);
    CHECK_I64(1, ecom__window_take(w, 0)->msg.offset);
    ecom__window_free(w);
}

static void the_same_key_of_another_partition_is_another_lane(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 0, "a");
    add(w, 1, 0, "a");
    CHECK(ecom__window_take(w, 0) && ecom__window_take(w, 0), "one waits for the other");
    ecom__window_free(w);
}

static void messages_without_a_key_keep_the_order_of_their_partition(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 0, "");
    add(w, 0, 1, "");
    add(w, 1, 0, "");
    CHECK_I64(0, ecom__window_take(w, 0)->msg.partition);
    CHECK_I64(1, ecom__window_take(w, 0)->msg.partition);
    CHECK(!ecom__window_take(w, 0), "two of one partition at a time");
    ecom__window_free(w);
}

static void the_mark_moves_over_contiguous_offsets_only(void)
{
    ecom__window *w = open_window(8);
    ecom__job *jobs[4];
    ecom__mark mark;

    /* Offsets of a compacted topic have gaps. */
    static const int64_t offsets[] = {5, 6, 9, 10};
    static const char *const keys[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        add(w, 2, offsets[i], keys[i]);
        jobs[i] = ecom__window_take(w, 0);
    }
    ecom__window_done(w, jobs[1]);
    ecom__window_done(w, jobs[3]);
    CHECK_I64(-1, mark_of(w, 2));
    ecom__window_done(w, jobs[0]);
    CHECK_I64(6, mark_of(w, 2)); /* the last one below what is missing */
    CHECK(ecom__window_unacked(w, &mark), "nothing to ack");
    CHECK_STR("orders", mark.topic);
    ecom__window_acked(w, &mark);
    CHECK_I64(-1, mark_of(w, 2));
    CHECK(!ecom__window_unacked(w, &mark), "still to ack");
    ecom__window_done(w, jobs[2]);
    CHECK_I64(10, mark_of(w, 2));
    CHECK_U64(0, ecom__window_count(w));
    CHECK_U64(0, ecom__window_bytes(w));
    ecom__window_free(w);
}

static void progress_during_an_ack_is_not_lost(void)
{
    ecom__window *w = open_window(8);
    ecom__mark mark;

    add(w, 0, 0, "a");
    add(w, 0, 1, "b");
    ecom__job *a = ecom__window_take(w, 0), *b = ecom__window_take(w, 0);
    ecom__window_done(w, a);
    CHECK(ecom__window_unacked(w, &mark), "nothing to ack");
    ecom__window_done(w, b);
    ecom__window_acked(w, &mark);
    CHECK_I64(1, mark_of(w, 0));
    ecom__window_free(w);
}

static void a_key_that_waits_holds_back_its_own_and_nobody_else(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 0, "a");
    add(w, 0, 1, "a");
    add(w, 0, 2, "b");
    ecom__window_later(w, ecom__window_take(w, 0), 500);
    CHECK_I64(500, ecom__window_due_us(w));
    ecom__window_done(w, ecom__window_take(w, 499));
    CHECK(!ecom__window_take(w, 499), "overtaken");
    CHECK_I64(0, ecom__window_take(w, 500)->msg.offset);
    CHECK_I64(-1, ecom__window_due_us(w));
    ecom__window_free(w);
}

static void those_that_wait_come_by_their_time(void)
{
    enum { N = 200 };
    ecom__window *w = open_window(N);
    struct check_world world;
    char key[16];

    check_world_init(&world, 3);
    for (int i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        add(w, i % 3, i, key);
        ecom__window_later(w, ecom__window_take(w, 0),
                           1 + (int64_t)ecom_env_random_below(&world.env, 1000));
    }
    ecom__window_revoke(w, topics[0], 1); /* takes every third out of the middle */
    int64_t last = 0;
    int n = 0;
    for (int64_t due; (due = ecom__window_due_us(w)) >= 0;) {
        CHECK(due > last, "%d after %d", (int)due, (int)last);
        last = due;
        CHECK(!ecom__window_take(w, due - 1), "too early");
        for (ecom__job *job; (job = ecom__window_take(w, due)); n++) {
            CHECK(job->msg.partition != 1, "it was revoked");
            ecom__window_done(w, job);
        }
    }
    CHECK_I64(N - 67, n);
    ecom__window_free(w);
}

static void the_window_is_bounded(void)
{
    ecom__window *w = open_window(2);
    ecom_error e;
    const ecom_msg third = {.topic = topics[0], .key = S("c"), .offset = 2};
    const ecom_msg other = {.topic = S("others"), .key = S("c")};

    add(w, 0, 0, "a");
    CHECK_U64(1, ecom__window_room(w));
    add(w, 0, 1, "b");
    CHECK_U64(0, ecom__window_room(w));
    CHECK_CODE(ECOM_E_BACKEND, ecom__window_add(w, &third, &e), e);
    CHECK_TEXT("more than 2", e);
    ecom__window_done(w, ecom__window_take(w, 0));
    CHECK_CODE(ECOM_OK, ecom__window_add(w, &third, &e), e);
    CHECK_CODE(ECOM_E_BACKEND, ecom__window_add(w, &other, &e), e);
    CHECK_TEXT("others", e);
    ecom__window_free(w);
}

static void a_revoked_partition_is_forgotten_and_late_results_count_for_nothing(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 0, "a");
    add(w, 0, 1, "a");
    add(w, 0, 2, "b");
    add(w, 1, 0, "c");
    ecom__job *running = ecom__window_take(w, 0);
    ecom__window_revoke(w, topics[0], 0);
    CHECK(running->orphan, "not an orphan");
    CHECK_U64(2, ecom__window_count(w)); /* the one that runs, and the other partition's */
    CHECK_I64(1, ecom__window_take(w, 0)->msg.partition);
    CHECK(!ecom__window_take(w, 0), "something of the revoked partition");
    ecom__window_later(w, running, 100);
    CHECK_I64(-1, ecom__window_due_us(w));
    CHECK_I64(-1, mark_of(w, 0));
    CHECK_U64(1, ecom__window_count(w));
    ecom__window_revoke(w, topics[0], 7);
    ecom__window_revoke(w, S("others"), 0);
    ecom__window_free(w);
}

static void a_partition_that_comes_back_waits_for_what_still_runs_of_the_same_key(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 3, "a");
    ecom__job *old = ecom__window_take(w, 0);
    ecom__window_revoke(w, topics[0], 0);
    add(w, 0, 3, "a");
    add(w, 0, 4, "b");
    ecom__job *b = ecom__window_take(w, 0);
    CHECK_I64(4, b->msg.offset);
    CHECK(!ecom__window_take(w, 0), "the same key twice at a time");
    ecom__window_done(w, b);
    CHECK_I64(-1, mark_of(w, 0));
    ecom__window_done(w, old);
    CHECK_I64(-1, mark_of(w, 0)); /* late: it says nothing about the new assignment */
    ecom__job *again = ecom__window_take(w, 0);
    CHECK(again && !again->orphan, "nothing came");
    ecom__window_revoke_all(w);
    add(w, 0, 3, "a");
    ecom__window_revoke_all(w); /* with an orphan before it in its lane */
    ecom__window_done(w, again);
    CHECK_U64(0, ecom__window_count(w));
    CHECK_U64(0, ecom__window_running(w));
    ecom__window_free(w);
}

static void an_offset_that_goes_backwards_begins_its_partition_anew(void)
{
    ecom__window *w = open_window(8);

    add(w, 0, 100, "a");
    add(w, 0, 101, "b");
    ecom__window_done(w, ecom__window_take(w, 0));
    CHECK_I64(100, mark_of(w, 0));
    add(w, 0, 0, "c"); /* the topic was made anew */
    CHECK_I64(-1, mark_of(w, 0));
    ecom__job *job = ecom__window_take(w, 0);
    CHECK_STR("c", job->msg.key);
    ecom__window_done(w, job);
    CHECK_I64(0, mark_of(w, 0));
    CHECK_U64(0, ecom__window_count(w));
    ecom__window_free(w);
}

static void each_allocation_may_fail(void)
{
    for (uint64_t n = 1;; n++) {
        check_alloc_fail_at(n);
        ecom__window *w = open_window(4);
        int r = w ? add(w, 0, 0, "a") : ECOM_E_NOMEM;
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(reached ? ECOM_E_NOMEM : ECOM_OK, r);
        if (w) {
            CHECK_I64(ECOM_OK, add(w, 0, 1, "a"));
            CHECK_U64(reached ? 1 : 2, ecom__window_count(w));
        }
        ecom__window_free(w);
        if (!reached)
            return;
    }
}

/* Whatever happens in which order: no key twice at a time, none out of order, and no mark over what
 * is not done. */
static void a_thousand_random_moves_keep_the_promises(void)
{
    enum { KEYS = 5, MAX = 24 };
    struct check_world world;
    ecom__window *w = open_window(MAX);
    ecom__job *held[MAX];
    int nheld = 0, busy[KEYS] = {0};
    int64_t next = 0, last[KEYS], oldest_open = 0;
    int done[20000] = {0};
    char key[2] = "0";

    check_world_init(&world, 11);
    for (int i = 0; i < KEYS; i++)
        last[i] = -1;
    for (int64_t now = 0; now < 10000; now++) {
        uint64_t dice = ecom_env_random_below(&world.env, 4);
        if (dice < 2 && ecom__window_room(w) > 0) {
            key[0] = (char)('0' + ecom_env_random_below(&world.env, KEYS));
            CHECK_I64(ECOM_OK, add(w, 0, next++, key));
        } else if (dice == 2) {
            ecom__job *job = ecom__window_take(w, now);
            if (job) {
                int k = job->msg.key.p[0] - '0';
                CHECK(!busy[k] && job->msg.offset >= last[k], "key %d out of order", k);
                busy[k] = 1;
                last[k] = job->msg.offset;
                held[nheld++] = job;
            }
        } else if (nheld > 0) {
            int i = (int)ecom_env_random_below(&world.env, (uint64_t)nheld);
            ecom__job *job = held[i];
            held[i] = held[--nheld];
            busy[job->msg.key.p[0] - '0'] = 0;
            if (ecom_env_random_below(&world.env, 3) == 0) {
                ecom__window_later(w, job, now + 10);
            } else {
                done[job->msg.offset] = 1;
                ecom__window_done(w, job);
            }
        }
        while (oldest_open < next && done[oldest_open])
            oldest_open++;
        int64_t mark = mark_of(w, 0);
        CHECK(mark == -1 || mark == oldest_open - 1, "mark %d, want %d", (int)mark,
              (int)oldest_open - 1);
    }
    CHECK(next > 1000, "only %d messages", (int)next);
    ecom__window_free(w);
}

static void back_off_doubles_up_to_its_bound_and_is_never_zero(void)
{
    struct check_world world;
    int64_t longest[12] = {0};

    check_world_init(&world, 5);
    for (int round = 0; round < 2000; round++)
        for (uint32_t failures = 1; failures < 12; failures++) {
            int64_t ms = ecom__backoff_ms(&world.env, 100, 3000, failures);
            int64_t cap = failures > 5 ? 3000 : 100 << (failures - 1);
            CHECK(ms >= 1 && ms <= cap, "%d ms after %u failures", (int)ms, failures);
            longest[failures] = ms > longest[failures] ? ms : longest[failures];
        }
    CHECK(longest[1] > 90 && longest[3] > 360 && longest[11] > 2700, "no full jitter");
    CHECK(ecom__backoff_ms(&world.env, 100, INT64_MAX, UINT32_MAX) > 0, "overflow");
    CHECK_I64(1, ecom__backoff_ms(&world.env, 100, 1, 9));
}

static const struct check_case cases[] = {
    CASE(a_copy_holds_all_of_the_message),
    CASE(one_key_goes_in_order_and_others_beside_it),
    CASE(the_same_key_of_another_partition_is_another_lane),
    CASE(messages_without_a_key_keep_the_order_of_their_partition),
    CASE(the_mark_moves_over_contiguous_offsets_only),
    CASE(progress_during_an_ack_is_not_lost),
    CASE(a_key_that_waits_holds_back_its_own_and_nobody_else),
    CASE(those_that_wait_come_by_their_time),
    CASE(the_window_is_bounded),
    CASE(a_revoked_partition_is_forgotten_and_late_results_count_for_nothing),
    CASE(a_partition_that_comes_back_waits_for_what_still_runs_of_the_same_key),
    CASE(an_offset_that_goes_backwards_begins_its_partition_anew),
    CASE(each_allocation_may_fail),
    CASE(a_thousand_random_moves_keep_the_promises),
    CASE(back_off_doubles_up_to_its_bound_and_is_never_zero),
};

CHECK_MAIN("window", cases)
