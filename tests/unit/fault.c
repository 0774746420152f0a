#include "fault.h"

#include "check.h"

#include <stdlib.h>

/* A store and a bus that do what the next fault says, once. */
struct world {
    struct check_world clock;
    struct fault_plan plan;
    enum fault next;
    ecom_store *inner, *store;
    ecom_bus *inner_bus, *bus;
    ecom_member *member, *widow;
    int received, late;
    ecom_error e;
};

static enum fault decide(void *user, const char *op)
{
    struct world *w = user;
    enum fault fault = w->next;

    (void)op;
    w->next = FAULT_NONE;
    return fault;
}

static void late(void *user)
{
    ((struct world *)user)->late++;
}

static void widow(void *user, ecom_member *member)
{
    ((struct world *)user)->widow = member;
}

static int world_open(struct world *w)
{
    static const ecom_str topic = {"t", 1};
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;

    memset(w, 0, sizeof(*w));
    check_world_init(&w->clock, 1);
    opts.env = &w->clock.env;
    w->plan = (struct fault_plan){.user = w, .decide = decide, .late = late, .widow = widow};
    const ecom_subscription sub = {
        .size = sizeof(sub), .group = S("g"), .topics = &topic, .ntopics = 1};
    int r = ecom_store_open("memory:", NULL, &w->inner, &w->e);
    if (r == ECOM_OK)
        r = ecom_bus_open("memory:", &opts, &w->inner_bus, &w->e);
    if (r == ECOM_OK)
        r = ecom_store_new(&fault_store_ops, fault_store_self(w->inner, &w->plan), NULL,
                           &w->store, &w->e);
    if (r == ECOM_OK)
        r = ecom_bus_new(&fault_bus_ops, fault_bus_self(w->inner_bus, &w->plan), &opts, &w->bus,
                         &w->e);
    return r == ECOM_OK ? ecom_bus_subscribe(w->bus, &sub, &w->member, &w->e) : r;
}

static void world_close(struct world *w)
{
    ecom_member_close(w->member);
    ecom_member_close(w->widow);
    ecom_store_close(w->store);
    ecom_store_close(w->inner);
    ecom_bus_close(w->bus);
    ecom_bus_close(w->inner_bus);
}

static int put(struct world *w, const char *id, enum fault fault)
{
    const ecom_msg event = {.id = S("e"), .topic = S("t")};
    const ecom_change change = {.collection = S("c"),
                                .id = ecom_str_of(id),
                                .doc = S("{}"),
                                .expect = 0,
                                .events = &event,
                                .nevents = 1};

    w->next = fault;
    return ecom_store_put(w->store, &change, NULL, &w->e);
}

static int is_there(struct world *w, const char *id)
{
    ecom_buf doc = {0};
    uint64_t rev;
    int r = ecom_store_get(w->inner, S("c"), ecom_str_of(id), &doc, &rev, NULL);

    ecom_buf_free(&doc);
    return r == ECOM_OK;
}

static int publish(struct world *w, size_t n, size_t *done, enum fault fault)
{
    ecom_msg msgs[8];

    for (size_t i = 0; i < n; i++)
        msgs[i] = (ecom_msg){.topic = S("t"), .key = S("k"), .body = S("b")};
    w->next = fault;
    return ecom_bus_publish(w->bus, msgs, n, done, &w->e);
}

static int receive(void *user, const ecom_msg *msg)
{
    (void)msg;
    ((struct world *)user)->received++;
    return 0;
}

static int poll_all(struct world *w)
{
    w->received = 0;
    (void)ecom_member_poll(w->member, 0, 100, receive, w, NULL);
    return w->received;
}

static void a_failed_call_does_not_happen(void)
{
    struct world w;
    size_t done = 9;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(&w, "1", FAULT_FAIL), w.e);
    CHECK(!is_there(&w, "1"), "it happened");
    CHECK_CODE(ECOM_E_UNAVAILABLE, publish(&w, 4, &done, FAULT_FAIL), w.e);
    CHECK_U64(0, done);
    CHECK_I64(0, poll_all(&w));
    CHECK_CODE(ECOM_OK, put(&w, "1", FAULT_NONE), w.e);
    CHECK(is_there(&w, "1"), "it did not happen");
    world_close(&w);
}

static void a_lost_answer_hides_what_happened(void)
{
    struct world w;
    size_t done = 9;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_E_TIMEOUT, put(&w, "1", FAULT_LOST_ANSWER), w.e);
    CHECK(is_there(&w, "1"), "it did not happen");
    CHECK_CODE(ECOM_E_TIMEOUT, publish(&w, 4, &done, FAULT_LOST_ANSWER), w.e);
    CHECK_U64(1, done); /* half of the half that went */
    CHECK_I64(2, poll_all(&w));
    world_close(&w);
}

static void what_is_repeated_happens_twice(void)
{
    struct world w;
    size_t done = 9;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, publish(&w, 3, &done, FAULT_TWICE), w.e);
    CHECK_U64(3, done);
    CHECK_I64(6, poll_all(&w));
    world_close(&w);
}

static void what_is_late_happens_after_a_while(void)
{
    struct world w;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, put(&w, "1", FAULT_LATE), w.e);
    CHECK_I64(1, w.late);
    CHECK(is_there(&w, "1"), "it did not happen");
    world_close(&w);
}

static void the_dead_have_no_effect_any_more(void)
{
    struct world w;
    uint64_t lag;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, publish(&w, 1, NULL, FAULT_NONE), w.e);
    CHECK_I64(1, poll_all(&w));
    CHECK_CODE(ECOM_E_CLOSED, put(&w, "1", FAULT_CRASH_AFTER), w.e);
    CHECK(is_there(&w, "1"), "it died before it happened");
    CHECK_CODE(ECOM_E_CLOSED, put(&w, "2", FAULT_NONE), w.e);
    CHECK_CODE(ECOM_E_CLOSED, publish(&w, 1, NULL, FAULT_NONE), w.e);
    CHECK_CODE(ECOM_E_CLOSED, ecom_member_ack(w.member, S("t"), 0, 0, &w.e), w.e);
    CHECK_CODE(ECOM_E_CLOSED, ecom_member_lag(w.member, &lag, &w.e), w.e);
    CHECK(!is_there(&w, "2"), "the dead write");
    ecom_member_close(w.member);
    w.member = NULL;
    CHECK(w.widow, "the group knows of the death"); /* not before the session ends */
    CHECK_CODE(ECOM_OK, ecom_member_lag(w.widow, &lag, &w.e), w.e);
    CHECK_U64(1, lag);
    world_close(&w);

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_E_CLOSED, put(&w, "1", FAULT_CRASH_BEFORE), w.e);
    CHECK(!is_there(&w, "1"), "it died after it happened");
    world_close(&w);
}

static void a_read_that_fails_leaves_no_trace(void)
{
    struct world w;
    ecom_buf doc = {0};
    uint64_t rev = 77;

    CHECK(world_open(&w) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, put(&w, "1", FAULT_NONE), w.e);
    w.next = FAULT_LOST_ANSWER;
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_store_get(w.store, S("c"), S("1"), &doc, &rev, &w.e), w.e);
    CHECK_U64(0, doc.n);
    CHECK_U64(77, rev);
    ecom_buf_free(&doc);
    world_close(&w);
}

static const struct check_case cases[] = {
    CASE(a_failed_call_does_not_happen),    CASE(a_lost_answer_hides_what_happened),
    CASE(what_is_repeated_happens_twice),   CASE(what_is_late_happens_after_a_while),
    CASE(the_dead_have_no_effect_any_more), CASE(a_read_that_fails_leaves_no_trace),
};

CHECK_MAIN("fault", cases)
