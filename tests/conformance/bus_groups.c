#include "bus_suite.h"

static void two_groups_each_get_everything(struct bus_test *t)
{
    static struct inbox a, b;

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "ga", "t"), *mb = bus_join(t, t->bus, "gb", "t");
    bus_send_many(t, t->bus, "t", 10, 0, 100);
    CHECK_PASSED();
    bus_take(ma, &a, 100);
    bus_take(mb, &b, 100);
    bus_check_all_once(&a, NULL, 0, 100);
    bus_check_all_once(&b, NULL, 0, 100);
}

static void members_share_without_overlap(struct bus_test *t)
{
    static struct inbox a, b;

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "g", "t"), *mb = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 60, 0, 300);
    BUS_DRAIN_BOTH(t, ma, &a, mb, &b, 300);
    CHECK(a.n && b.n, "%zu and %zu", a.n, b.n);
    bus_check_all_once(&a, &b, 0, 300);
    bus_check_order(&a);
    bus_check_order(&b);
}

/* Which partitions were taken away. */
struct losses {
    int n;
    int lost[ECOM_BUS_MAX_PARTITIONS];
    ecom_member *member; /* acks what it got so far of a partition that goes */
    const struct inbox *inbox;
};

static void lose(void *user, ecom_str topic, int32_t partition)
{
    struct losses *l = user;

    (void)topic;
    l->n++;
    l->lost[partition]++;
    for (size_t i = 0; l->inbox && i < l->inbox->n; i++)
        if (l->inbox->got[i].partition == partition)
            bus_ack(l->member, &l->inbox->got[i]);
}

static ecom_member *join_losing(struct bus_test *t, const char *group, struct losses *losses)
{
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = ecom_str_of(group),
                             .topics = &topic,
                             .ntopics = 1,
                             .revoked = lose,
                             .user = losses};

    return bus_join_as(t, t->bus, &sub);
}

static void a_member_that_joins_gets_its_share_and_the_rest_goes_on(struct bus_test *t)
{
    static struct inbox a, b;
    struct losses losses = {0};

    a.n = b.n = 0;
    ecom_member *ma = join_losing(t, "g", &losses);
    CHECK_PASSED();
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 40, 0, 80);
    bus_take(ma, &a, 80); /* all of it, unacked */
    ecom_member *mb = bus_join(t, t->bus, "g", "t");
    bus_settle(t);
    if (t->fixture->flags & ECOM_TEST_EAGER) { /* all of it comes again, to either */
        CHECK_I64(8, losses.n);
        a.n = 0;
        BUS_DRAIN_BOTH(t, ma, &a, mb, &b, 80);
        CHECK(a.n && b.n, "%zu and %zu", a.n, b.n);
        bus_check_all_once(&a, &b, 0, 80);
        return;
    }
    CHECK_I64(4, losses.n);
    bus_drain(t, ma, &a); /* what stays is not interrupted: nothing comes again */
    CHECK_I64(80, a.n);
    size_t moved = 0;
    for (size_t i = 0; i < a.n; i++)
        moved += losses.lost[a.got[i].partition] != 0;
    bus_take(mb, &b, moved); /* what moved comes again, since nobody acked it */
    bus_drain(t, mb, &b);
    for (size_t i = 0; i < b.n; i++)
        CHECK(losses.lost[b.got[i].partition], "partition %d was not revoked",
              (int)b.got[i].partition);
    CHECK_I64((int64_t)moved, b.n);
}

static void what_is_acked_while_revoked_does_not_come_again(struct bus_test *t)
{
    static struct inbox a, b;
    struct losses losses = {0};

    a.n = b.n = 0;
    ecom_member *ma = join_losing(t, "g", &losses);
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 40, 0, 80);
    bus_take(ma, &a, 80);
    losses.member = ma;
    losses.inbox = &a;
    ecom_member *mb = bus_join(t, t->bus, "g", "t");
    bus_settle(t);
    CHECK(losses.n > 0, "nothing was revoked");
    bus_drain(t, mb, &b);
    CHECK_I64(0, b.n);
    bus_send_many(t, t->bus, "t", 40, 80, 160);
    BUS_DRAIN_BOTH(t, ma, &a, mb, &b, 160);
    bus_check_all_once(&a, &b, 0, 160);
}

static void acks_after_a_revocation_are_ignored(struct bus_test *t)
{
    static struct inbox a, b;
    struct losses losses = {0};

    a.n = b.n = 0;
    ecom_member *ma = join_losing(t, "g", &losses);
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 40, 0, 80);
    bus_take(ma, &a, 80);
    bus_join(t, t->bus, "g", "t");
    bus_settle(t);
    bus_ack_all(ma, &a); /* the lost ones too: too late */
    bus_quit_all(t);
    ecom_member *mc = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    size_t lost = 0;
    for (size_t i = 0; i < a.n; i++)
        lost += losses.lost[a.got[i].partition] != 0;
    CHECK(lost > 0, "nothing was revoked");
    bus_take(mc, &b, lost);
    bus_drain(t, mc, &b);
    CHECK_I64((int64_t)lost, b.n);
}

static void a_member_that_leaves_hands_its_share_to_the_others(struct bus_test *t)
{
    static struct inbox a, b;

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "g", "t"), *mb = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    bus_quit(t, mb);
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 40, 0, 80);
    bus_take(ma, &a, 80);
    bus_check_all_once(&a, NULL, 0, 80);
}

static void members_beyond_the_partitions_wait_for_one(struct bus_test *t)
{
    static struct inbox in[3];
    ecom_member *m[3];
    int idle = -1, busy = -1;
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("t"), 2, &e), e);
    for (int i = 0; i < 3; i++) {
        m[i] = bus_join(t, t->bus, "g", "t");
        in[i].n = 0;
    }
    CHECK_PASSED();
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 30, 0, 60);
    bus_drain_all(t, m, (struct inbox *const[]){&in[0], &in[1], &in[2]}, 3, 60);
    for (int i = 0; i < 3; i++)
        *(in[i].n ? &busy : &idle) = i;
    CHECK(idle >= 0 && busy >= 0, "%zu, %zu and %zu", in[0].n, in[1].n, in[2].n);
    CHECK_I64(60, in[0].n + in[1].n + in[2].n);
    bus_ack_all(m[busy], &in[busy]);
    bus_quit(t, m[busy]);
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 30, 60, 120);
    for (int i = 0; i < 50 && in[idle].n == 0; i++) {
        bus_drain(t, m[3 - busy - idle], &in[busy]);
        bus_drain(t, m[idle], &in[idle]);
    }
    CHECK(in[idle].n > 0, "one still waits");
}

static void a_silent_member_is_expelled_and_told_when_it_comes_back(struct bus_test *t)
{
    static struct inbox a, b;
    struct losses losses = {0};

    a.n = b.n = 0;
    ecom_member *ma = join_losing(t, "g", &losses);
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 40, 0, 40);
    bus_take(ma, &a, 40);
    ecom_member *mb = bus_join(t, t->bus, "g", "t");
    ecom__suite_clock_move_ms(&t->clock, 10001); /* it never lets go by itself */
    bus_drain(t, mb, &b);
    bus_check_all_once(&b, NULL, 0, 40);
    bus_settle(t);
    CHECK_I64(8, losses.n);
    bus_send_many(t, t->bus, "t", 40, 40, 80);
    a.n = 0;
    b.n = 0;
    bus_drain(t, ma, &a);
    bus_drain(t, mb, &b);
    CHECK(a.n > 0 && b.n > 0, "%zu and %zu after it came back", a.n, b.n);
}

static void acks_of_an_expelled_member_are_ignored(struct bus_test *t)
{
    static struct inbox a, b;

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 40, 0, 40);
    bus_take(ma, &a, 40);
    ecom_member *mb = bus_join(t, t->bus, "g", "t");
    ecom__suite_clock_move_ms(&t->clock, 10001);
    bus_drain(t, mb, &b);
    CHECK_I64(40, b.n);
    bus_ack_all(ma, &a); /* it does not know yet that they are the other's now */
    bus_quit_all(t);
    b.n = 0;
    mb = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_take(mb, &b, 40); /* so nobody has done them */
}

static void a_member_that_polls_stays_whatever_the_time(struct bus_test *t)
{
    static struct inbox a;
    struct losses losses = {0};

    a.n = 0;
    ecom_member *ma = join_losing(t, "g", &losses);
    bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    losses.n = 0;
    for (int i = 0; i < 10; i++) {
        ecom__suite_clock_move_ms(&t->clock, 6000);
        bus_settle(t);
    }
    CHECK_I64(0, losses.n);
    bus_drain(t, ma, &a);
}

static void members_get_only_the_topics_they_want(struct bus_test *t)
{
    static struct inbox a, b;
    ecom_str both[] = {S("x"), S("y")};
    ecom_subscription sub = {.size = sizeof(sub), .group = S("g"), .topics = both, .ntopics = 2};

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "g", "x"), *mb = bus_join_as(t, t->bus, &sub);
    CHECK_PASSED();
    bus_settle(t);
    bus_send_many(t, t->bus, "x", 30, 0, 60);
    bus_send_many(t, t->bus, "y", 30, 60, 120);
    BUS_DRAIN_BOTH(t, ma, &a, mb, &b, 120);
    for (size_t i = 0; i < a.n; i++)
        CHECK(strcmp(a.got[i].topic, "x") == 0, "got one of topic %s", a.got[i].topic);
    bus_check_all_once(&a, &b, 0, 120);
}

static void a_new_group_starts_from_the_oldest_message(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    bus_send_many(t, t->bus, "t", 10, 0, 100);
    ecom_member *m = bus_join(t, t->bus, "late", "t");
    CHECK_PASSED();
    bus_take(m, &in, 100);
    bus_check_all_once(&in, NULL, 0, 100);
}

static void a_group_that_starts_at_the_latest_gets_what_comes_after(struct bus_test *t)
{
    static struct inbox in;
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = S("g"),
                             .topics = &topic,
                             .ntopics = 1,
                             .start = ECOM_START_LATEST};

    in.n = 0;
    bus_send_many(t, t->bus, "t", 10, 0, 50);
    ecom_member *m = bus_join_as(t, t->bus, &sub);
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 10, 50, 70);
    bus_quit(t, m); /* where it starts was settled by subscribe(), not by its first poll */
    m = bus_join_as(t, t->bus, &sub);
    CHECK_PASSED();
    bus_take(m, &in, 20);
    bus_check_all_once(&in, NULL, 50, 70);
}

static void lookers_on_each_see_all_and_commit_nothing(struct bus_test *t)
{
    static struct inbox a, b;
    uint64_t lag = 99;
    ecom_error e;

    a.n = b.n = 0;
    bus_send_many(t, t->bus, "t", 10, 0, 50);
    ecom_member *ma = bus_join(t, t->bus, "", "t"), *mb = bus_join(t, t->bus, "", "t");
    CHECK_PASSED();
    bus_take(ma, &a, 50);
    bus_take(mb, &b, 50);
    bus_check_all_once(&a, NULL, 0, 50);
    bus_check_all_once(&b, NULL, 0, 50);
    CHECK_CODE(ECOM_OK, ecom_member_lag(ma, &lag, &e), e);
    CHECK_I64(0, lag);
    bus_ack_all(ma, &a);
    bus_quit(t, ma);
    a.n = 0;
    ma = bus_join(t, t->bus, "", "t");
    CHECK_PASSED();
    bus_take(ma, &a, 50);
}

/* Each partition has its own end. */
static void lookers_on_begin_some_messages_before_the_end(struct bus_test *t)
{
    static struct inbox in;
    ecom_str topic = S("t");
    ecom_subscription sub = {
        .size = sizeof(sub), .topics = &topic, .ntopics = 1, .start = ECOM_START_LATEST, .back = 3};

    bus_send_many(t, t->bus, "t", 1, 0, 10); /* one key: one partition */
    in.n = 0;
    ecom_member *m = bus_join_as(t, t->bus, &sub);
    CHECK_PASSED();
    bus_send_many(t, t->bus, "t", 1, 10, 12);
    bus_take(m, &in, 5);
    bus_check_all_once(&in, NULL, 7, 12);
    bus_quit(t, m);
    sub.back = 30; /* more than there are */
    in.n = 0;
    m = bus_join_as(t, t->bus, &sub);
    CHECK_PASSED();
    bus_take(m, &in, 12);
    bus_check_all_once(&in, NULL, 0, 12);
}

static void lag_counts_what_was_not_acked(struct bus_test *t)
{
    static struct inbox in;
    uint64_t lag = 99;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    CHECK_CODE(ECOM_OK, ecom_member_lag(m, &lag, &e), e);
    CHECK_I64(0, lag);
    bus_send_many(t, t->bus, "t", 10, 0, 100);
    bus_take(m, &in, 100);
    CHECK_CODE(ECOM_OK, ecom_member_lag(m, &lag, &e), e);
    CHECK_I64(100, lag);
    bus_ack_all(m, &in);
    bus_send_many(t, t->bus, "t", 10, 100, 107);
    CHECK_CODE(ECOM_OK, ecom_member_lag(m, &lag, &e), e);
    CHECK_I64(7, lag);
}

static void lag_is_of_ones_own_partitions(struct bus_test *t)
{
    uint64_t a = 0, b = 0;
    ecom_error e;

    ecom_member *ma = bus_join(t, t->bus, "g", "t"), *mb = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    bus_settle(t);
    bus_send_many(t, t->bus, "t", 60, 0, 120);
    CHECK_CODE(ECOM_OK, ecom_member_lag(ma, &a, &e), e);
    CHECK_CODE(ECOM_OK, ecom_member_lag(mb, &b, &e), e);
    CHECK(a > 0 && b > 0, "%d and %d", (int)a, (int)b);
    CHECK_I64(120, a + b);
}

static const struct bus_case cases[] = {
    CASE(0, two_groups_each_get_everything),
    CASE(0, members_share_without_overlap),
    CASE(0, a_member_that_joins_gets_its_share_and_the_rest_goes_on),
    CASE(0, what_is_acked_while_revoked_does_not_come_again),
    CASE(0, acks_after_a_revocation_are_ignored),
    CASE(0, a_member_that_leaves_hands_its_share_to_the_others),
    CASE(0, members_beyond_the_partitions_wait_for_one),
    CASE(ECOM_TEST_CLOCK, a_silent_member_is_expelled_and_told_when_it_comes_back),
    CASE(ECOM_TEST_CLOCK, acks_of_an_expelled_member_are_ignored),
    CASE(ECOM_TEST_CLOCK, a_member_that_polls_stays_whatever_the_time),
    CASE(0, members_get_only_the_topics_they_want),
    CASE(0, a_new_group_starts_from_the_oldest_message),
    CASE(0, a_group_that_starts_at_the_latest_gets_what_comes_after),
    CASE(0, lookers_on_each_see_all_and_commit_nothing),
    CASE(0, lookers_on_begin_some_messages_before_the_end),
    CASE(0, lag_counts_what_was_not_acked),
    CASE(0, lag_is_of_ones_own_partitions),
};
const struct bus_cases ecom__bus_group_cases = {cases, sizeof(cases) / sizeof(cases[0])};
