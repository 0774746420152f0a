#include "bus_suite.h"

/* Members come, go, stop and poll at random, on a clock that moves at random, and a model watches:
 * no message is passed over, and no partition has two members that the group counts as alive. */

enum { MOST = 4, PARTITIONS = 6, STEPS = 400, SESSION_MS = 10000 };

struct actor {
    struct world *world;
    ecom_member *member; /* NULL: not there */
    int64_t polled_ms;
    int64_t got[PARTITIONS]; /* the last offset of this assignment; -1: none */
};

struct world {
    struct bus_test *t;
    struct actor actors[MOST];
    int64_t acked[PARTITIONS]; /* the furthest ack that anybody tried */
    int64_t ends[PARTITIONS];  /* the furthest that anybody was given */
    int64_t sent;
    size_t came;
    char wrong[160];
    char name[16]; /* of the topic and the group: each seed has its own */
};

static uint64_t below(struct world *w, uint64_t n)
{
    return ecom_env_random_below(&w->t->clock.env, n);
}

static int64_t now_ms(const struct world *w)
{
    return ecom_env_monotonic_ms(&w->t->clock.env);
}

static void ack_what_it_has(struct actor *a, int32_t p)
{
    struct world *w = a->world;

    if (a->got[p] < 0)
        return;
    if (a->got[p] > w->acked[p])
        w->acked[p] = a->got[p];
    if (ecom_member_ack(a->member, ecom_str_of(w->name), p, a->got[p], NULL) < 0)
        snprintf(w->wrong, sizeof(w->wrong), "an ack failed");
}

static void revoked(void *user, ecom_str topic, int32_t p)
{
    struct actor *a = user;

    (void)topic;
    if (below(a->world, 2))
        ack_what_it_has(a, p);
    a->got[p] = -1;
}

/* Others that have something of the partition must have been silent for too long. */
static void check_alone(struct world *w, const struct actor *a, int32_t p)
{
    for (int i = 0; i < MOST; i++) {
        const struct actor *b = &w->actors[i];
        if (b != a && b->member && b->got[p] >= 0 && now_ms(w) - b->polled_ms <= SESSION_MS)
            snprintf(w->wrong, sizeof(w->wrong), "partition %d has two members", (int)p);
    }
}

static int take(void *user, const ecom_msg *msg)
{
    struct actor *a = user;
    struct world *w = a->world;
    int32_t p = msg->partition;

    w->came++;
    if (a->got[p] < 0)
        check_alone(w, a, p);
    if (a->got[p] >= 0 ? msg->offset != a->got[p] + 1 : msg->offset > w->acked[p] + 1)
        snprintf(w->wrong, sizeof(w->wrong), "partition %d: offset %d came behind %d, acked %d",
                 (int)p, (int)msg->offset, (int)a->got[p], (int)w->acked[p]);
    a->got[p] = msg->offset;
    if (msg->offset > w->ends[p])
        w->ends[p] = msg->offset;
    return w->wrong[0] != 0;
}

static void enter(struct world *w, struct actor *a)
{
    ecom_str topic = ecom_str_of(w->name);
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = topic,
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = SESSION_MS,
                             .revoked = revoked,
                             .user = a};

    for (int i = 0; i < PARTITIONS; i++)
        a->got[i] = -1;
    a->world = w;
    a->polled_ms = now_ms(w);
    a->member = bus_join_as(w->t, w->t->bus, &sub);
}

static void poll_once(struct world *w, struct actor *a)
{
    ecom_error e;
    int r = ecom_member_poll(a->member, 0, (uint32_t)below(w, 20), take, a, &e);

    a->polled_ms = now_ms(w);
    if (r < 0 && r != ECOM_E_TIMEOUT)
        snprintf(w->wrong, sizeof(w->wrong), "poll: %.100s", e.text);
}

static void act(struct world *w)
{
    struct actor *a = &w->actors[below(w, MOST)];
    uint64_t what = below(w, 20);

    if (what == 0)
        ecom__suite_clock_move_ms(&w->t->clock, (int64_t)below(w, 6000));
    else if (what < 4) {
        int64_t n = (int64_t)below(w, 10);
        bus_send_many(w->t, w->t->bus, w->name, 50, w->sent, w->sent + n);
        w->sent += n;
    } else if (!a->member)
        enter(w, a);
    else if (what == 4) {
        bus_quit(w->t, a->member);
        a->member = NULL;
    } else if (what < 8)
        ack_what_it_has(a, (int32_t)below(w, PARTITIONS));
    else
        poll_once(w, a);
}

/* All leave; one that joins then gets what is left, and nothing is missing. */
static void finish(struct world *w)
{
    struct actor *last = &w->actors[0];
    int64_t total = 0;
    uint64_t lag = 1;
    ecom_error e;

    for (int i = 0; i < MOST; i++)
        if (w->actors[i].member) {
            bus_quit(w->t, w->actors[i].member);
            w->actors[i].member = NULL;
        }
    enter(w, last);
    CHECK_PASSED();
    while (ecom_member_poll(last->member, 0, 1000, take, last, &e) > 0)
        ;
    for (int32_t p = 0; p < PARTITIONS; p++) {
        ack_what_it_has(last, p);
        total += w->ends[p] + 1;
    }
    CHECK_I64(w->sent, total);
    CHECK_CODE(ECOM_OK, ecom_member_lag(last->member, &lag, &e), e);
    CHECK_I64(0, lag);
}

static void members_that_come_and_go_at_random_pass_nothing_over(struct bus_test *t)
{
    ecom_error e;

    for (uint64_t seed = 1; seed <= 3; seed++) {
        struct world w = {.t = t};
        snprintf(w.name, sizeof(w.name), "seed-%d", (int)seed);
        t->clock.seed = seed;
        for (int p = 0; p < PARTITIONS; p++)
            w.acked[p] = w.ends[p] = -1;
        CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, ecom_str_of(w.name), PARTITIONS, &e), e);
        for (int step = 0; step < STEPS && !w.wrong[0] && !ecom__suite_failed; step++)
            act(&w);
        CHECK(!w.wrong[0], "seed %d: %s", (int)seed, w.wrong);
        finish(&w);
        CHECK(!w.wrong[0], "seed %d: %s", (int)seed, w.wrong);
        CHECK_PASSED();
        bus_quit_all(t);
    }
}

static const struct bus_case cases[] = {
    CASE(ECOM_TEST_CLOCK, members_that_come_and_go_at_random_pass_nothing_over),
};
const struct bus_cases ecom__bus_random_cases = {cases, sizeof(cases) / sizeof(cases[0])};
