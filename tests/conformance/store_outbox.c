#include "store_suite.h"

#include <stdlib.h>

static struct waiting waiting;

static const char *all_pending(ecom_store *store)
{
    return store_pending(store, INT64_MAX, 0, &waiting);
}

static void events_wait_in_order_until_they_are_published(struct store_test *t)
{
    CHECK_TEXT_IS("", all_pending(t->store));
    uint64_t rev = store_put(t->store, "1", 0, "", "e1 e2");
    store_put(t->store, "2", 0, "", "e3");
    store_put(t->store, "1", rev, "", "e4");
    store_put(t->store, "3", 0, "", "");
    CHECK_PASSED();
    CHECK_TEXT_IS("e1 e2 e3 e4", all_pending(t->store));
    CHECK_TEXT_IS("1", waiting.rows[1].doc);
    CHECK_TEXT_IS("2", waiting.rows[2].doc);
    store_published(t->store, &waiting, 0, 1);
    CHECK_TEXT_IS("e2 e3 e4", all_pending(t->store));
    store_published(t->store, &waiting, 0, 3);
    CHECK_TEXT_IS("", all_pending(t->store));
}

static void to_publish_is_idempotent_and_unknown_tokens_are_fine(struct store_test *t)
{
    const ecom_str odd[] = {S(""), S("x"), S("\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF"),
                            S("a token that is longer than any of ours ever was, or will be")};
    struct waiting *old = calloc(1, sizeof(*old));
    ecom_error e;

    CHECK(old, "no memory");
    store_put(t->store, "1", 0, "", "e1");
    store_pending(t->store, INT64_MAX, 0, old);
    store_published(t->store, old, 0, 1);
    store_published(t->store, old, 0, 1);
    store_put(t->store, "1", ECOM_REV_ANY, "", "e2");
    store_published(t->store, old, 0, 1);
    free(old);
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_published(t->store, odd, 4, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_published(t->store, NULL, 0, &e), e);
    CHECK_TEXT_IS("e2", all_pending(t->store));
}

/* By the numbers of the rows that wait, in any order. */
static int publish_rows(ecom_store *store, const int *rows, size_t n, ecom_error *e)
{
    ecom_str tokens[8];

    for (size_t i = 0; i < n; i++)
        tokens[i] = (ecom_str){waiting.rows[rows[i]].token, waiting.rows[rows[i]].token_bytes};
    return ecom_store_published(store, tokens, n, e);
}

static void what_lies_between_published_events_goes_on_waiting(struct store_test *t)
{
    static const int gap[] = {0, 1, 3}, back[] = {4, 0}, twice[] = {0, 0, 1}, third[] = {2};
    ecom_error e;

    store_put(t->store, "1", 0, "", "e1 e2 e3 e4 e5 e6");
    store_put(t->store, "2", 0, "", "e7 e8 e9");
    CHECK_TEXT_IS("e1 e2 e3 e4 e5 e6 e7 e8 e9", all_pending(t->store));
    CHECK_CODE(ECOM_OK, publish_rows(t->store, gap, 3, &e), e);
    CHECK_TEXT_IS("e3 e5 e6 e7 e8 e9", all_pending(t->store));
    CHECK_CODE(ECOM_OK, publish_rows(t->store, back, 2, &e), e);
    CHECK_TEXT_IS("e5 e6 e7 e9", all_pending(t->store));
    CHECK_CODE(ECOM_OK, publish_rows(t->store, twice, 3, &e), e);
    CHECK_CODE(ECOM_OK, publish_rows(t->store, third, 1, &e), e);
    CHECK_TEXT_IS("e9", all_pending(t->store));
    CHECK_CODE(ECOM_OK, publish_rows(t->store, gap, 1, &e), e);
    CHECK_TEXT_IS("", all_pending(t->store));
}

static char header_bytes[256];

static int event_row(void *user, const ecom_pending *p)
{
    const ecom_msg *m = &p->msg;
    int *same = user;

    *same = ecom_str_eq(m->id, S("event-1")) && ecom_str_eq(m->topic, S("orders.v1")) &&
            ecom_str_eq(m->key, (ecom_str){"k\0\xFF", 3}) && m->body.n == ECOM_BUS_MAX_BODY &&
            m->body.p[0] == '\xFE' && m->body.p[m->body.n - 1] == '\0' && m->time_ms == 12345 &&
            m->nheaders == 3 && ecom_str_eq(m->headers[0].name, S("all")) &&
            ecom_str_eq(m->headers[0].value, (ecom_str){header_bytes, 256}) &&
            ecom_str_eq(m->headers[1].name, S("none")) && m->headers[1].value.n == 0 &&
            m->headers[2].value.n == ECOM_BUS_MAX_HEADER - 4 &&
            ecom_str_eq(p->collection, S("things")) && ecom_str_eq(p->id, S("1"));
    return 0;
}

static void an_event_comes_back_whole(struct store_test *t)
{
    char *body = calloc(1, ECOM_BUS_MAX_BODY), *text = calloc(1, ECOM_BUS_MAX_HEADER);
    int same = 0;
    ecom_error e;

    CHECK(body && text, "no memory");
    body[0] = '\xFE';
    for (int i = 0; i < 256; i++)
        header_bytes[i] = (char)i;
    const ecom_header headers[] = {{S("all"), {header_bytes, 256}},
                                   {S("none"), S("")},
                                   {S("long"), {text, ECOM_BUS_MAX_HEADER - 4}}};
    const ecom_msg event = {.id = S("event-1"),
                            .topic = S("orders.v1"),
                            .key = {"k\0\xFF", 3},
                            .body = {body, ECOM_BUS_MAX_BODY},
                            .headers = headers,
                            .nheaders = 3,
                            .time_ms = 12345};
    ecom_change change = *store_change("1", 0, "", "");
    change.events = &event;
    change.nevents = 1;
    int r = ecom_store_put(t->store, &change, NULL, &e);
    free(body);
    free(text);
    CHECK_CODE(ECOM_OK, r, e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(t->store, 0, 0, event_row, &same, &e), e);
    CHECK(same, "another event came back");
}

static int empty_row(void *user, const ecom_pending *p)
{
    *(int *)user = p->msg.key.n == 0 && p->msg.body.n == 0 && p->msg.nheaders == 0;
    return 0;
}

static void an_empty_event_comes_back_empty(struct store_test *t)
{
    const ecom_msg event = {.id = S("e"), .topic = S("t")};
    ecom_change change = *store_change("1", 0, "", "");
    int empty = 0;
    ecom_error e;

    change.events = &event;
    change.nevents = 1;
    CHECK_CODE(ECOM_OK, ecom_store_put(t->store, &change, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(t->store, 0, 0, empty_row, &empty, &e), e);
    CHECK(empty, "it is not empty");
}

static void a_change_that_fails_leaves_no_event(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "!x=y", "e1");
    CHECK_PASSED();
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", 0, "", "e2"), NULL, &e),
               e);
    CHECK_CODE(ECOM_E_EXISTS,
               ecom_store_put(t->store, store_change("2", 0, "!x=y", "e3"), NULL, &e), e);
    CHECK_TEXT_IS("e1", all_pending(t->store));
}

static void events_outlive_their_document(struct store_test *t)
{
    ecom_error e;

    store_put(t->store, "1", 0, "x=y", "e1 e2");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_TEXT_IS("e1 e2", all_pending(t->store));
    CHECK_I64(0, store_rev(t->store, "1"));
    store_put(t->store, "1", 0, "", "e3");
    CHECK_TEXT_IS("e1 e2 e3", all_pending(t->store));
    store_published(t->store, &waiting, 0, 2);
    CHECK(store_rev(t->store, "1"), "the document went with its events");
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_TEXT_IS("e3", all_pending(t->store));
    store_published(t->store, &waiting, 0, 1);
    CHECK_TEXT_IS("", all_pending(t->store));
    CHECK_TEXT_IS("", ALL(t->store));
}

static void the_limit_takes_the_first(struct store_test *t)
{
    char events[32];

    for (int i = 0; i < 40 && !ecom__suite_failed; i++) {
        snprintf(events, sizeof(events), "a%d b%d c%d", i, i, i);
        store_put(t->store, i % 2 ? "odd" : "even", ECOM_REV_ANY, "", events);
    }
    CHECK_PASSED();
    CHECK_TEXT_IS("a0 b0 c0 a1", store_pending(t->store, 0, 4, &waiting));
    store_published(t->store, &waiting, 0, 4);
    CHECK_TEXT_IS("b1 c1 a2", store_pending(t->store, 0, 3, &waiting));
    store_pending(t->store, 0, 0, &waiting);
    CHECK_I64(100, waiting.n);
    store_pending(t->store, 0, 1000, &waiting);
    CHECK_I64(116, waiting.n);
}

static int stop_at_once(void *user, const ecom_pending *p)
{
    (void)p;
    ++*(int *)user;
    return 1;
}

static void a_callback_that_stops_gets_no_more_events(struct store_test *t)
{
    ecom_error e;
    int n = 0;

    store_put(t->store, "1", 0, "", "e1 e2 e3");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_pending(t->store, 0, 0, stop_at_once, &n, &e), e);
    CHECK_I64(1, n);
    CHECK_TEXT_IS("e1 e2 e3", all_pending(t->store));
}

static void the_backlog_is_counted_and_dated(struct store_test *t)
{
    uint64_t count = 9;
    int64_t oldest = 9;
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_store_backlog(t->store, &count, &oldest, &e), e);
    CHECK_I64(0, count);
    CHECK_I64(0, oldest);
    int64_t from = ecom_env_now_ms(&t->clock.env);
    store_put(t->store, "1", 0, "", "e1 e2");
    ecom__suite_clock_move_ms(&t->clock, 5000);
    store_put(t->store, "2", 0, "", "e3");
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_backlog(t->store, &count, &oldest, &e), e);
    CHECK_I64(3, count);
    if (t->fixture->flags & ECOM_TEST_CLOCK)
        CHECK_I64(from, oldest);
    all_pending(t->store);
    store_published(t->store, &waiting, 0, 2);
    CHECK_CODE(ECOM_OK, ecom_store_backlog(t->store, &count, &oldest, &e), e);
    CHECK_I64(1, count);
    if (t->fixture->flags & ECOM_TEST_CLOCK)
        CHECK_I64(from + 5000, oldest);
}

static void another_handles_events_come_once_they_are_old(struct store_test *t)
{
    ecom_store *other = store_open(t);
    int64_t start = ecom_env_now_ms(&t->clock.env);

    CHECK_PASSED();
    store_put(other, "1", 0, "", "e1");
    ecom__suite_clock_move_ms(&t->clock, 1000);
    store_put(other, "2", 0, "", "e2");
    CHECK_PASSED();
    CHECK_TEXT_IS("", store_pending(t->store, start, 0, NULL));
    CHECK_TEXT_IS("e1", store_pending(t->store, start + 1, 0, NULL));
    CHECK_TEXT_IS("e1", store_pending(t->store, start + 1000, 0, NULL));
    CHECK_TEXT_IS("e1 e2", store_pending(t->store, start + 1001, 0, NULL));
    CHECK_TEXT_IS("e1 e2", store_pending(other, 0, 0, NULL));
}

static void none_is_left_out_before_one_that_comes(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    store_put(other, "1", 0, "", "e1 e2");
    store_put(other, "2", 0, "", "e3");
    store_put(t->store, "1", ECOM_REV_ANY, "", "e4");
    CHECK_PASSED();
    CHECK_TEXT_IS("e1 e2 e4", store_pending(t->store, 0, 0, NULL));
    CHECK_TEXT_IS("e1 e2", store_pending(t->store, 0, 2, NULL));
}

static void events_before_and_behind_those_of_others_come_once(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    store_put(t->store, "1", 0, "", "e1 e2");
    store_put(other, "2", 0, "", "e3");
    store_put(t->store, "1", ECOM_REV_ANY, "", "e4");
    CHECK_PASSED();
    CHECK_TEXT_IS("e1 e2 e4", store_pending(t->store, 0, 0, NULL));
    CHECK_TEXT_IS("e1 e2", store_pending(t->store, 0, 2, NULL));
    CHECK_TEXT_IS("e3", store_pending(other, 0, 0, NULL));
}

static void an_old_event_brings_the_later_ones_of_its_document(struct store_test *t)
{
    ecom_store *other = store_open(t);
    int64_t start = ecom_env_now_ms(&t->clock.env);

    CHECK_PASSED();
    store_put(other, "1", 0, "", "e1");
    ecom__suite_clock_move_ms(&t->clock, 1000);
    store_put(other, "2", 0, "", "e2");
    store_put(other, "1", ECOM_REV_ANY, "", "e3");
    CHECK_PASSED();
    CHECK_TEXT_IS("e1 e3", store_pending(t->store, start + 1, 0, NULL));
}

static void many_fresh_events_of_others_hide_nothing(struct store_test *t)
{
    ecom_store *other = store_open(t);
    char id[16];

    CHECK_PASSED();
    for (int i = 0; i < 50 && !ecom__suite_failed; i++) {
        snprintf(id, sizeof(id), "f%d", i);
        store_put(other, id, 0, "", "foreign");
    }
    store_put(other, "1", 0, "", "e1");
    store_put(t->store, "1", ECOM_REV_ANY, "", "e2");
    CHECK_PASSED();
    CHECK_TEXT_IS("e1 e2", store_pending(t->store, 0, 10, NULL));
    CHECK_TEXT_IS("e1", store_pending(t->store, 0, 1, NULL));
}

static void either_handle_may_publish(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    store_put(t->store, "1", 0, "", "e1 e2 e3");
    CHECK_TEXT_IS("e1 e2 e3", all_pending(other));
    store_published(other, &waiting, 0, 2);
    CHECK_TEXT_IS("e3", store_pending(t->store, 0, 0, NULL));
    store_published(t->store, &waiting, 0, 3);
    CHECK_TEXT_IS("", all_pending(other));
}

struct listener {
    ecom_store *store;
    int calls, pending_seen;
};

static int count_row(void *user, const ecom_pending *p)
{
    (void)p;
    ++*(int *)user;
    return 0;
}

static void listen(void *user)
{
    struct listener *l = user;

    l->calls++;
    if (ecom_store_pending(l->store, 0, 0, count_row, &l->pending_seen, NULL) < 0)
        l->pending_seen = -1;
}

static void the_listener_hears_of_each_change_with_events(struct store_test *t)
{
    struct listener l = {t->store, 0, 0};
    ecom_error e;

    ecom_store_on_events(t->store, listen, &l);
    store_put(t->store, "1", 0, "", "e1");
    CHECK_I64(1, l.calls);
    CHECK_I64(1, l.pending_seen); /* it may call the store, and what it was told of is there */
    store_put(t->store, "2", 0, "", "");
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", 0, "", "e2"), NULL, &e),
               e);
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("2"), ECOM_REV_ANY, &e), e);
    CHECK_I64(1, l.calls);
    store_put(t->store, "1", ECOM_REV_ANY, "", "e3 e4");
    CHECK_I64(2, l.calls);
    ecom_store_on_events(t->store, NULL, NULL);
    store_put(t->store, "1", ECOM_REV_ANY, "", "e5");
    CHECK_I64(2, l.calls);
}

static void listen_once(void *user)
{
    struct listener *l = user;

    l->calls++;
    ecom_store_on_events(l->store, NULL, NULL);
}

static void the_listener_may_take_itself_away(struct store_test *t)
{
    struct listener l = {t->store, 0, 0};

    ecom_store_on_events(t->store, listen_once, &l);
    store_put(t->store, "1", 0, "", "e1");
    store_put(t->store, "1", ECOM_REV_ANY, "", "e2");
    CHECK_I64(1, l.calls);
}

/* A store that can watch hears of others, and of what came since it began; its own is no news. */
static void a_watch_hears_of_what_other_handles_leave(struct store_test *t)
{
    enum { PATIENCE_MS = 30000, BRIEFLY_MS = 200 };
    ecom_store *other = store_open(t);
    ecom_watch *watch = NULL;
    ecom_error e;

    CHECK_PASSED();
    int r = ecom_store_watch(t->store, &watch, &e);
    if (r == ECOM_E_NOTSUP)
        return;
    CHECK_CODE(ECOM_OK, r, e);
    store_put(t->store, "1", 0, "", "e1");
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_watch_wait(watch, BRIEFLY_MS, &e), e);
    store_put(other, "2", 0, "", "e2");
    CHECK_CODE(ECOM_OK, ecom_watch_wait(watch, PATIENCE_MS, &e), e);
    store_put(other, "1", ECOM_REV_ANY, "", "e3");
    CHECK_CODE(ECOM_OK, ecom_watch_wait(watch, PATIENCE_MS, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_watch_wait(watch, -1, &e), e);
    ecom_watch_close(watch);
    ecom_watch_close(NULL);
}

static const struct store_case cases[] = {
    CASE(0, events_wait_in_order_until_they_are_published),
    CASE(0, to_publish_is_idempotent_and_unknown_tokens_are_fine),
    CASE(0, what_lies_between_published_events_goes_on_waiting),
    CASE(0, an_event_comes_back_whole),
    CASE(0, an_empty_event_comes_back_empty),
    CASE(0, a_change_that_fails_leaves_no_event),
    CASE(0, events_outlive_their_document),
    CASE(0, the_limit_takes_the_first),
    CASE(0, a_callback_that_stops_gets_no_more_events),
    CASE(0, the_backlog_is_counted_and_dated),
    CASE(ECOM_TEST_SHARED | ECOM_TEST_CLOCK, another_handles_events_come_once_they_are_old),
    CASE(ECOM_TEST_SHARED, none_is_left_out_before_one_that_comes),
    CASE(ECOM_TEST_SHARED, events_before_and_behind_those_of_others_come_once),
    CASE(ECOM_TEST_SHARED | ECOM_TEST_CLOCK, an_old_event_brings_the_later_ones_of_its_document),
    CASE(ECOM_TEST_SHARED, many_fresh_events_of_others_hide_nothing),
    CASE(ECOM_TEST_SHARED, either_handle_may_publish),
    CASE(0, the_listener_hears_of_each_change_with_events),
    CASE(0, the_listener_may_take_itself_away),
    CASE(ECOM_TEST_SHARED, a_watch_hears_of_what_other_handles_leave),
};

const struct store_cases ecom__store_outbox_cases = {cases, sizeof(cases) / sizeof(cases[0])};
