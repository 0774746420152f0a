#include "bus_suite.h"

#include <pthread.h>
#include <stdlib.h>

/* The whole of one message, held against what was sent. */
struct whole {
    const ecom_msg *want;
    int seen, same;
};

static int compare(void *user, const ecom_msg *got)
{
    struct whole *w = user;
    const ecom_msg *want = w->want;

    w->seen++;
    w->same = ecom_str_eq(want->topic, got->topic) && ecom_str_eq(want->key, got->key) &&
              ecom_str_eq(want->body, got->body) && want->nheaders == got->nheaders &&
              want->time_ms == got->time_ms && got->offset == 0;
    for (size_t i = 0; w->same && i < want->nheaders; i++)
        w->same = ecom_str_eq(want->headers[i].name, got->headers[i].name) &&
                  ecom_str_eq(want->headers[i].value, got->headers[i].value);
    return 0;
}

/* Publishes one message and sees that the same comes back. */
static void round_trip(struct bus_test *t, const ecom_msg *msg)
{
    struct whole w = {.want = msg};
    ecom_error e;
    size_t done;

    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK(m, "no member");
    CHECK_CODE(ECOM_OK, ecom_bus_publish(t->bus, msg, 1, &done, &e), e);
    CHECK_I64(1, done);
    CHECK_CODE(1, ecom_member_poll(m, PATIENCE_MS, 10, compare, &w, &e), e);
    CHECK(w.seen == 1 && w.same, "what came is not what was sent");
}

static void what_is_published_comes_back_whole(struct bus_test *t)
{
    ecom_header headers[] = {{S("x-correlation-id"), S("abc")}, {S("empty"), {NULL, 0}}};
    ecom_msg msg = {.topic = S("t"),
                    .key = S("order-1"),
                    .body = S("{\"a\":1}"),
                    .headers = headers,
                    .nheaders = 2,
                    .time_ms = t->clock.us / 1000 - 5};

    if (!(t->fixture->flags & ECOM_TEST_CLOCK))
        msg.time_ms = ecom_env_now_ms(ecom_env_system());
    round_trip(t, &msg);
}

static void headers_hold_any_bytes(struct bus_test *t)
{
    char bytes[256];
    for (int i = 0; i < 256; i++)
        bytes[i] = (char)i;
    ecom_header header = {S("~ any (printable) name!"), {bytes, sizeof(bytes)}};
    ecom_msg msg = {.topic = S("t"),
                    .key = {bytes, sizeof(bytes)},
                    .body = {bytes, sizeof(bytes)},
                    .headers = &header,
                    .nheaders = 1,
                    .time_ms = ecom_env_now_ms(ecom_env_system())};

    round_trip(t, &msg);
}

static void an_empty_key_and_body_come_back_empty(struct bus_test *t)
{
    ecom_msg msg = {.topic = S("t"), .time_ms = ecom_env_now_ms(ecom_env_system())};

    round_trip(t, &msg);
}

static void a_body_of_a_mebibyte_comes_back(struct bus_test *t)
{
    char *body = malloc(ECOM_BUS_MAX_BODY);

    CHECK(body, "out of memory");
    for (size_t i = 0; i < ECOM_BUS_MAX_BODY; i++)
        body[i] = (char)(i * 7);
    ecom_msg msg = {.topic = S("t"),
                    .key = S("k"),
                    .body = {body, ECOM_BUS_MAX_BODY},
                    .time_ms = ecom_env_now_ms(ecom_env_system())};
    round_trip(t, &msg);
    free(body);
}

static int time_of(void *user, const ecom_msg *msg)
{
    *(int64_t *)user = msg->time_ms;
    return 0;
}

static void a_message_without_a_time_is_of_now(struct bus_test *t)
{
    int64_t now = t->clock.us / 1000, came = 0;
    ecom_error e;

    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send(t, t->bus, "t", "k", 1);
    CHECK_PASSED();
    CHECK_CODE(1, ecom_member_poll(m, PATIENCE_MS, 10, time_of, &came, &e), e);
    CHECK_I64(now, came);
}

static void messages_of_a_key_come_in_order(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 17, 0, 1200);
    CHECK_PASSED();
    bus_take(m, &in, 1200);
    bus_check_order(&in);
    bus_check_all_once(&in, NULL, 0, 1200);
}

static void a_key_has_one_partition_and_keys_spread(struct bus_test *t)
{
    static struct inbox in;
    int32_t used[ECOM_BUS_MAX_PARTITIONS] = {0};
    int n = 0;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    bus_send_many(t, t->bus, "t", 100, 0, 300);
    CHECK_PASSED();
    bus_take(m, &in, 300);
    bus_check_order(&in); /* which holds a key's partitions against each other */
    for (size_t i = 0; i < in.n; i++)
        n += !used[in.got[i].partition]++;
    CHECK(n >= 2, "100 keys lie in %d partition", n);
}

static void messages_without_a_key_all_come(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    for (int i = 0; i < 40; i++)
        bus_send(t, t->bus, "t", "", i);
    CHECK_PASSED();
    bus_take(m, &in, 40);
    bus_check_all_once(&in, NULL, 0, 40);
}

static void a_batch_may_go_to_several_topics(struct bus_test *t)
{
    static struct inbox a, b;
    ecom_msg msgs[20];
    char body[20][8];
    ecom_error e;
    size_t done;

    a.n = b.n = 0;
    ecom_member *ma = bus_join(t, t->bus, "g", "a"), *mb = bus_join(t, t->bus, "g", "b");
    CHECK(ma && mb, "no members");
    for (int i = 0; i < 20; i++)
        msgs[i] =
            (ecom_msg){.topic = i % 2 ? S("b") : S("a"),
                       .key = S("k"),
                       .body = {body[i], (size_t)snprintf(body[i], sizeof(body[i]), "%d", i)}};
    CHECK_CODE(ECOM_OK, ecom_bus_publish(t->bus, msgs, 20, &done, &e), e);
    CHECK_I64(20, done);
    bus_settle(t);
    bus_take(ma, &a, 10);
    bus_take(mb, &b, 10);
    bus_check_order(&a);
    bus_check_order(&b);
    bus_check_all_once(&a, &b, 0, 20);
}

static void a_topic_keeps_the_partitions_it_was_made_with(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("one"), 1, &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("one"), 4, &e), e);
    ecom_member *m = bus_join(t, t->bus, "g", "one");
    bus_send_many(t, t->bus, "one", 50, 0, 50);
    CHECK_PASSED();
    bus_take(m, &in, 50);
    for (size_t i = 0; i < in.n; i++) {
        CHECK_I64(0, in.got[i].partition);
        CHECK_I64((int64_t)i, in.got[i].number);
    }
}

struct list {
    char text[400];
    int stop_at, n;
};

static int add_topic(void *user, const ecom_msg *msg)
{
    struct list *list = user;
    size_t n = strlen(list->text);

    snprintf(list->text + n, sizeof(list->text) - n, "%.*s/%d ", (int)msg->topic.n, msg->topic.p,
             (int)msg->partition);
    return ++list->n == list->stop_at;
}

static void topics_are_made_on_first_use_and_listed_by_name(struct bus_test *t)
{
    struct list list = {{0}, 0, 0}, two = {{0}, 2, 0};
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("b.made"), 3, &e), e);
    bus_send(t, t->bus, "c_sent", "k", 1);
    bus_join(t, t->bus, "g", "a-joined");
    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("Default"), 0, &e), e);
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_bus_topics(t->bus, add_topic, &list, &e), e);
    CHECK(strcmp(list.text, "Default/8 a-joined/8 b.made/3 c_sent/8 ") == 0, "%s", list.text);
    CHECK_CODE(ECOM_OK, ecom_bus_topics(t->bus, add_topic, &two, &e), e);
    CHECK_I64(2, two.n);
}

static void a_bus_that_is_there_answers_a_ping(struct bus_test *t)
{
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_bus_ping(t->bus, &e), e);
}

enum { PUBLISHERS = 4, EACH = 100 };

struct publisher {
    struct bus_test *t;
    int number, failed;
    pthread_t thread;
};

static void *publish_alone(void *arg)
{
    struct publisher *p = arg;
    char key[8], body[16];

    snprintf(key, sizeof(key), "p%d", p->number);
    for (int i = 0; i < EACH; i++) {
        int n = snprintf(body, sizeof(body), "%d", p->number * EACH + i);
        ecom_msg msg = {.topic = S("t"), .key = ecom_str_of(key), .body = {body, (size_t)n}};
        p->failed |= ecom_bus_publish(p->t->bus, &msg, 1, NULL, NULL) < 0;
    }
    return NULL;
}

static void publishers_at_the_same_time_keep_their_keys_in_order(struct bus_test *t)
{
    static struct inbox in;
    struct publisher p[PUBLISHERS];
    int failed = 0;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    for (int i = 0; i < PUBLISHERS; i++) {
        p[i] = (struct publisher){.t = t, .number = i};
        CHECK(pthread_create(&p[i].thread, NULL, publish_alone, &p[i]) == 0, "no thread");
    }
    for (int i = 0; i < PUBLISHERS; i++) {
        pthread_join(p[i].thread, NULL);
        failed |= p[i].failed;
    }
    CHECK(!failed, "a publish failed");
    bus_take(m, &in, (size_t)PUBLISHERS * EACH);
    bus_check_order(&in);
    bus_check_all_once(&in, NULL, 0, (int64_t)PUBLISHERS * EACH);
}

static void another_handle_sees_what_was_published(struct bus_test *t)
{
    static struct inbox in;
    ecom_bus *other = bus_open(t);

    in.n = 0;
    bus_send_many(t, t->bus, "t", 5, 0, 50);
    ecom_member *m = bus_join(t, other, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, 50);
    bus_send_many(t, t->bus, "t", 5, 50, 60);
    bus_take(m, &in, 60);
    bus_check_order(&in);
    bus_check_all_once(&in, NULL, 0, 60);
}

static void two_handles_publish_to_one_topic(struct bus_test *t)
{
    static struct inbox in;
    ecom_bus *other = bus_open(t);

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    for (int i = 0; i < 20; i++)
        bus_send(t, i % 2 ? other : t->bus, "t", "k", i);
    CHECK_PASSED();
    bus_take(m, &in, 20);
    bus_check_order(&in);
}

static void old_messages_go_and_a_reader_behind_starts_at_the_oldest(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    t->opts.retention_ms = 60000;
    ecom_bus *bus = bus_open(t);
    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(bus, S("t"), 1, &e), e);
    ecom_member *m = bus_join(t, bus, "", "t"); /* a group's may be kept for it */
    bus_send_many(t, bus, "t", 1, 0, 40);
    ecom__suite_clock_move_ms(&t->clock, 60001);
    bus_send_many(t, bus, "t", 1, 40, 45);
    CHECK_PASSED();
    bus_take(m, &in, 5);
    bus_check_all_once(&in, NULL, 40, 45);
    CHECK_I64(40, in.got[0].offset);
}

static void messages_are_kept_for_ever_when_asked(struct bus_test *t)
{
    static struct inbox in;

    in.n = 0;
    t->opts.retention_ms = -1;
    ecom_bus *bus = bus_open(t);
    bus_send_many(t, bus, "t", 1, 0, 10);
    ecom__suite_clock_move_ms(&t->clock, INT64_C(400) * 86400000);
    bus_send_many(t, bus, "t", 1, 10, 20);
    ecom_member *m = bus_join(t, bus, "g", "t");
    CHECK_PASSED();
    bus_take(m, &in, 20);
}

static const struct bus_case cases[] = {
    CASE(0, what_is_published_comes_back_whole),
    CASE(0, headers_hold_any_bytes),
    CASE(0, an_empty_key_and_body_come_back_empty),
    CASE(0, a_body_of_a_mebibyte_comes_back),
    CASE(ECOM_TEST_CLOCK, a_message_without_a_time_is_of_now),
    CASE(0, messages_of_a_key_come_in_order),
    CASE(0, a_key_has_one_partition_and_keys_spread),
    CASE(0, messages_without_a_key_all_come),
    CASE(0, a_batch_may_go_to_several_topics),
    CASE(0, a_topic_keeps_the_partitions_it_was_made_with),
    CASE(0, topics_are_made_on_first_use_and_listed_by_name),
    CASE(0, a_bus_that_is_there_answers_a_ping),
    CASE(0, publishers_at_the_same_time_keep_their_keys_in_order),
    CASE(ECOM_TEST_SHARED, another_handle_sees_what_was_published),
    CASE(ECOM_TEST_SHARED, two_handles_publish_to_one_topic),
    CASE(ECOM_TEST_SHARED | ECOM_TEST_CLOCK,
         old_messages_go_and_a_reader_behind_starts_at_the_oldest),
    CASE(ECOM_TEST_SHARED | ECOM_TEST_CLOCK, messages_are_kept_for_ever_when_asked),
};
const struct bus_cases ecom__bus_publish_cases = {cases, sizeof(cases) / sizeof(cases[0])};
