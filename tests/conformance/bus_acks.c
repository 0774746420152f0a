#include "bus_suite.h"

#include <pthread.h>
#include <time.h>

static void what_was_not_acked_comes_again_after_a_close(struct bus_test *t)
{
    static struct inbox first, again;

    first.n = again.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 1, 0, 30);
    CHECK_PASSED();
    bus_take(m, &first, 30);
    bus_ack(m, &first.got[9]);
    bus_quit(t, m);
    m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &again, 20);
    bus_check_all_once(&again, NULL, 10, 30);
}

static void a_message_is_handed_over_once_per_assignment(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 10, 0, 30);
    CHECK_PASSED();
    bus_take(m, &in, 30);
    for (int i = 0; i < 5; i++)
        bus_drain(t, m, &in);
    CHECK_I64(30, in.n);
}

/* Leaves the group, joins again, and expects so many from the one key. */
static void expect_again(struct bus_test *t, ecom_member *m, size_t want)
{
    static struct inbox in;

    in.n = 0;
    bus_quit(t, m);
    m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, want);
    bus_settle(t);
    bus_drain(t, m, &in);
    CHECK_I64((int64_t)want, in.n);
    bus_quit(t, m);
}

static void acks_never_go_backwards(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 1, 0, 10);
    CHECK_PASSED();
    bus_take(m, &in, 10);
    bus_ack(m, &in.got[7]);
    bus_ack(m, &in.got[2]);
    bus_ack(m, &in.got[7]);
    expect_again(t, m, 2);
}

static void acks_ahead_of_what_was_handed_over_are_ignored(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 1, 0, 10);
    CHECK_PASSED();
    CHECK_CODE(1, ecom_member_poll(m, PATIENCE_MS, 1, bus_collect, &in, &e), e);
    CHECK_CODE(ECOM_OK, ecom_member_ack(m, S("t"), in.got[0].partition, 5, &e), e);
    expect_again(t, m, 10);
}

static void acks_of_what_is_not_assigned_are_ignored(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 1, 0, 10);
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_member_ack(m, S("t"), 200, 0, &e), e);
    CHECK_CODE(ECOM_OK, ecom_member_ack(m, S("another"), 0, 0, &e), e);
    CHECK_CODE(ECOM_OK, ecom_member_ack(m, S("t"), 0, 0, &e), e); /* before its first poll */
    bus_take(m, &in, 10);
    expect_again(t, m, 10);
}

static void a_poll_hands_over_no_more_than_asked(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 10, 0, 30);
    CHECK_PASSED();
    while (in.n < 30) {
        int r = ecom_member_poll(m, PATIENCE_MS, 7, bus_collect, &in, &e);
        CHECK(r >= 1 && r <= 7, "poll of 7: %d", r);
    }
    bus_check_all_once(&in, NULL, 0, 30);
    bus_check_order(&in);
}

static void a_poll_of_nothing_hands_over_nothing(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 10, 0, 30);
    CHECK_PASSED();
    for (int i = 0; i < 5; i++)
        CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, 1, 0, bus_collect, &in, &e), e);
    CHECK_I64(0, in.n);
    bus_take(m, &in, 30);
}

/* Stops at the third, and remembers. */
static int stop_at_three(void *user, const ecom_msg *msg)
{
    struct inbox *in = user;

    bus_collect(in, msg);
    return in->n == 3;
}

static void a_receiver_that_stops_gets_the_rest_later(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 1, 0, 10);
    CHECK_PASSED();
    CHECK_CODE(3, ecom_member_poll(m, PATIENCE_MS, 100, stop_at_three, &in, &e), e);
    CHECK_I64(3, in.n);
    bus_take(m, &in, 10);
    bus_check_all_once(&in, NULL, 0, 10);
    bus_check_order(&in);
}

struct echo {
    struct bus_test *t;
    ecom_member *member;
    int n;
};

/* Answers on another topic and acks, from inside the poll. */
static int answer(void *user, const ecom_msg *msg)
{
    struct echo *echo = user;
    ecom_msg reply = {.topic = S("replies"), .key = msg->key, .body = msg->body};

    echo->n++;
    if (ecom_bus_publish(echo->t->bus, &reply, 1, NULL, NULL) < 0 ||
        ecom_member_ack(echo->member, msg->topic, msg->partition, msg->offset, NULL) < 0)
        ecom__suite_failed = 1;
    return 0;
}

static void a_receiver_may_publish_and_ack(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    struct echo echo = {t, bus_join(t, t->bus, "g", "t"), 0};
    ecom_member *replies = bus_join(t, t->bus, "h", "replies");
    bus_send_many(t, t->bus, "t", 1, 0, 5);
    CHECK_PASSED();
    for (int i = 0; i < 10 && echo.n < 5; i++) {
        int r = ecom_member_poll(echo.member, PATIENCE_MS, 100, answer, &echo, &e);
        CHECK(r > 0, "poll: %s", e.text);
    }
    bus_take(replies, &in, 5);
    bus_quit(t, replies);
    expect_again(t, echo.member, 0);
}

static int64_t real_ms(void)
{
    return ecom_env_monotonic_ms(ecom_env_system());
}

static void a_poll_waits_for_as_long_as_it_was_told(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    int64_t start = real_ms();
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, 30, 10, bus_collect, &in, &e), e);
    CHECK(real_ms() - start >= 29, "came back after %d ms", (int)(real_ms() - start));
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, 0, 10, bus_collect, &in, &e), e);
}

static void a_wake_ends_the_next_poll_and_only_that(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    ecom_member_wake(m);
    ecom_member_wake(m);
    int64_t start = real_ms();
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, PATIENCE_MS, 10, bus_collect, &in, &e), e);
    CHECK(real_ms() - start < PATIENCE_MS / 2, "the wake did not end the poll");
    start = real_ms();
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, 30, 10, bus_collect, &in, &e), e);
    CHECK(real_ms() - start >= 29, "one wake ended two polls");
}

/* Waits in a poll on a thread of its own. */
struct waiter {
    ecom_member *member;
    struct inbox *inbox;
    int result;
    int64_t took_ms;
    pthread_t thread;
};

static void *wait_in_poll(void *arg)
{
    struct waiter *w = arg;
    int64_t start = real_ms();

    w->result = ecom_member_poll(w->member, PATIENCE_MS, 100, bus_collect, w->inbox, NULL);
    w->took_ms = real_ms() - start;
    return NULL;
}

static void a_wake_from_another_thread_ends_a_poll_that_waits(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    struct waiter w = {.member = bus_join(t, t->bus, "g", "t"), .inbox = &in};
    CHECK_PASSED();
    CHECK(pthread_create(&w.thread, NULL, wait_in_poll, &w) == 0, "no thread");
    ecom_member_wake(w.member); /* before it waits or while it does: both must do */
    pthread_join(w.thread, NULL);
    CHECK_I64(ECOM_E_TIMEOUT, w.result);
    CHECK(w.took_ms < PATIENCE_MS / 2, "the wake did not end the poll");
}

static void a_publish_ends_a_poll_that_waits(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    struct waiter w = {.member = bus_join(t, t->bus, "g", "t"), .inbox = &in};
    CHECK_PASSED();
    CHECK(pthread_create(&w.thread, NULL, wait_in_poll, &w) == 0, "no thread");
    bus_send(t, t->bus, "t", "k", 7);
    pthread_join(w.thread, NULL);
    CHECK_I64(1, w.result);
    CHECK_I64(7, in.got[0].number);
    CHECK(w.took_ms < PATIENCE_MS / 2, "the message did not end the poll");
}

static void a_member_that_leaves_ends_the_wait_of_the_one_that_takes_over(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    struct waiter w = {.inbox = &in};
    ecom_member *first = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    bus_send(t, t->bus, "t", "k", 7);
    w.member = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    CHECK(pthread_create(&w.thread, NULL, wait_in_poll, &w) == 0, "no thread");
    bus_quit(t, first);
    pthread_join(w.thread, NULL);
    CHECK_I64(1, w.result);
    CHECK(w.took_ms < PATIENCE_MS / 2, "the other's share came late");
}

static const struct bus_case cases[] = {
    CASE(0, what_was_not_acked_comes_again_after_a_close),
    CASE(0, a_message_is_handed_over_once_per_assignment),
    CASE(0, acks_never_go_backwards),
    CASE(0, acks_ahead_of_what_was_handed_over_are_ignored),
    CASE(0, acks_of_what_is_not_assigned_are_ignored),
    CASE(0, a_poll_hands_over_no_more_than_asked),
    CASE(0, a_poll_of_nothing_hands_over_nothing),
    CASE(0, a_receiver_that_stops_gets_the_rest_later),
    CASE(0, a_receiver_may_publish_and_ack),
    CASE(0, a_poll_waits_for_as_long_as_it_was_told),
    CASE(0, a_wake_ends_the_next_poll_and_only_that),
    CASE(0, a_wake_from_another_thread_ends_a_poll_that_waits),
    CASE(0, a_publish_ends_a_poll_that_waits),
    CASE(0, a_member_that_leaves_ends_the_wait_of_the_one_that_takes_over),
};
const struct bus_cases ecom__bus_ack_cases = {cases, sizeof(cases) / sizeof(cases[0])};
