#include "bus_suite.h"

#include <stdlib.h>

static char filler[ECOM_BUS_MAX_BODY + 1];

static ecom_str long_str(size_t n)
{
    memset(filler, 'x', sizeof(filler));
    return (ecom_str){filler, n};
}

/* Publishes one message and says what came of it. */
static int try(struct bus_test *t, const ecom_msg *msg, ecom_error *e)
{
    size_t done = 77;
    int r = ecom_bus_publish(t->bus, msg, 1, &done, e);

    if (done != (r == ECOM_OK))
        ecom__suite_failed = 1;
    return r;
}

static void a_body_at_the_limit_is_taken_and_one_byte_more_refused(struct bus_test *t)
{
    ecom_msg msg = {.topic = S("t"), .body = long_str(ECOM_BUS_MAX_BODY)};
    ecom_error e;

    CHECK_CODE(ECOM_OK, try(t, &msg, &e), e);
    msg.body.n++;
    CHECK_CODE(ECOM_E_TOOLARGE, try(t, &msg, &e), e);
    CHECK(strcmp(e.field, "msgs[0].body") == 0, "field %s", e.field);
    CHECK(strstr(e.text, "1048577") && strstr(e.text, "1048576"), "%s", e.text);
}

static void a_key_at_the_limit_is_taken_and_one_byte_more_refused(struct bus_test *t)
{
    ecom_msg msg = {.topic = S("t"), .key = long_str(ECOM_BUS_MAX_KEY)};
    ecom_error e;

    CHECK_CODE(ECOM_OK, try(t, &msg, &e), e);
    msg.key.n++;
    CHECK_CODE(ECOM_E_TOOLARGE, try(t, &msg, &e), e);
    CHECK(strcmp(e.field, "msgs[0].key") == 0, "field %s", e.field);
}

static void headers_are_bounded_in_number_and_bytes(struct bus_test *t)
{
    ecom_header headers[ECOM_BUS_MAX_HEADERS + 1];
    ecom_msg msg = {.topic = S("t"), .headers = headers, .nheaders = ECOM_BUS_MAX_HEADERS};
    ecom_error e;

    for (size_t i = 0; i <= ECOM_BUS_MAX_HEADERS; i++)
        headers[i] = (ecom_header){S("name"), long_str(ECOM_BUS_MAX_HEADER - 4)};
    CHECK_CODE(ECOM_OK, try(t, &msg, &e), e);
    msg.nheaders++;
    CHECK_CODE(ECOM_E_TOOLARGE, try(t, &msg, &e), e);
    CHECK(strcmp(e.field, "msgs[0].headers") == 0, "field %s", e.field);
    msg.nheaders = 3;
    headers[2].value.n++;
    CHECK_CODE(ECOM_E_TOOLARGE, try(t, &msg, &e), e);
    CHECK(strcmp(e.field, "msgs[0].headers[2].value") == 0, "field %s", e.field);
    headers[2].name = S("");
    CHECK_CODE(ECOM_E_INVAL, try(t, &msg, &e), e);
    headers[2] = (ecom_header){S("line\nfeed"), S("v")};
    CHECK_CODE(ECOM_E_INVAL, try(t, &msg, &e), e);
}

static void names_are_of_few_characters_and_bounded(struct bus_test *t)
{
    static const char *const bad[] = {"", ".", "..", "a/b", "a b", "\xC3\xA4", "a:b", "a\\b"};
    ecom_msg msg = {.topic = long_str(ECOM_BUS_MAX_NAME)};
    ecom_error e;

    CHECK_CODE(ECOM_OK, try(t, &msg, &e), e);
    msg.topic.n++;
    CHECK_CODE(ECOM_E_TOOLARGE, try(t, &msg, &e), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        msg.topic = ecom_str_of(bad[i]);
        CHECK(try(t, &msg, &e) == ECOM_E_INVAL, "took topic \"%s\"", bad[i]);
        CHECK(ecom_bus_create_topic(t->bus, msg.topic, 1, &e) == ECOM_E_INVAL, "made \"%s\"",
              bad[i]);
    }
    msg.topic = S("...Az09_.-");
    CHECK_CODE(ECOM_OK, try(t, &msg, &e), e);
}

static void a_batch_has_1_to_1000_messages(struct bus_test *t)
{
    ecom_msg *msgs = calloc(ECOM_BUS_MAX_BATCH + 1, sizeof(*msgs));
    size_t done = 77;
    ecom_error e;

    CHECK(msgs, "out of memory");
    for (size_t i = 0; i <= ECOM_BUS_MAX_BATCH; i++)
        msgs[i].topic = S("t");
    int most = ecom_bus_publish(t->bus, msgs, ECOM_BUS_MAX_BATCH, &done, &e);
    CHECK_CODE(ECOM_OK, most, e);
    CHECK_I64(ECOM_BUS_MAX_BATCH, done);
    int more = ecom_bus_publish(t->bus, msgs, ECOM_BUS_MAX_BATCH + 1, &done, &e);
    free(msgs);
    CHECK_CODE(ECOM_E_TOOLARGE, more, e);
    CHECK_I64(0, done);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_publish(t->bus, NULL, 0, &done, &e), e);
}

static void one_bad_message_keeps_the_whole_batch_back(struct bus_test *t)
{
    static struct inbox in;
    ecom_msg msgs[] = {{.topic = S("t"), .body = S("1")}, {.topic = S("t t"), .body = S("2")}};
    size_t done = 77;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK(m, "no member");
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_publish(t->bus, msgs, 2, &done, &e), e);
    CHECK(strcmp(e.field, "msgs[1].topic") == 0, "field %s", e.field);
    CHECK_I64(0, done);
    bus_drain(t, m, &in);
    CHECK_I64(0, in.n);
}

static void partitions_are_bounded(struct bus_test *t)
{
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_bus_create_topic(t->bus, S("t"), ECOM_BUS_MAX_PARTITIONS, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_create_topic(t->bus, S("u"), ECOM_BUS_MAX_PARTITIONS + 1, &e),
               e);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_create_topic(t->bus, S("u"), -1, &e), e);
}

static void a_subscription_is_checked(struct bus_test *t)
{
    char names[ECOM_BUS_MAX_TOPICS + 1][8];
    ecom_str topics[ECOM_BUS_MAX_TOPICS + 1];
    ecom_subscription sub = {.size = sizeof(sub), .group = S("g"), .topics = topics};
    ecom_member *m = NULL;
    ecom_error e;

    for (int i = 0; i <= ECOM_BUS_MAX_TOPICS; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        topics[i] = ecom_str_of(names[i]);
    }
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.ntopics = ECOM_BUS_MAX_TOPICS + 1;
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.ntopics = 2;
    topics[1] = topics[0];
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    CHECK(strcmp(e.field, "topics[1]") == 0, "field %s", e.field);
    sub.ntopics = 1;
    sub.group = long_str(ECOM_BUS_MAX_NAME + 1);
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.group = S("g/h");
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.group = S("g");
    sub.session_timeout_ms = -1;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.session_timeout_ms = 0;
    sub.start = ECOM_START_LATEST;
    sub.back = 1; /* a group knows where it goes on */
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.group = S("");
    sub.start = ECOM_START_EARLIEST;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.start = ECOM_START_LATEST;
    sub.back = -1;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    sub.back = 1000001;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_subscribe(t->bus, &sub, &m, &e), e);
    CHECK(strcmp(e.field, "back") == 0, "field %s", e.field);
    CHECK(!m, "a refused subscription made a member");
}

static void sixty_four_topics_are_one_subscription(struct bus_test *t)
{
    static struct inbox in;
    char names[ECOM_BUS_MAX_TOPICS][8];
    ecom_str topics[ECOM_BUS_MAX_TOPICS];
    ecom_subscription sub = {
        .size = sizeof(sub), .group = S("g"), .topics = topics, .ntopics = ECOM_BUS_MAX_TOPICS};

    in.n = 0;
    t->opts.partitions = 1;
    ecom_bus *bus = bus_open(t);
    for (int i = 0; i < ECOM_BUS_MAX_TOPICS; i++) {
        snprintf(names[i], sizeof(names[i]), "t%d", i);
        topics[i] = ecom_str_of(names[i]);
    }
    ecom_member *m = bus_join_as(t, bus, &sub);
    CHECK_PASSED();
    bus_send(t, bus, "t0", "k", 0);
    bus_send(t, bus, "t63", "k", 1);
    bus_take(m, &in, 2);
    bus_check_all_once(&in, NULL, 0, 2);
}

static void polls_and_acks_are_checked(struct bus_test *t)
{
    static struct inbox in;
    ecom_error e;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK(m, "no member");
    CHECK_CODE(ECOM_E_TOOLARGE,
               ecom_member_poll(m, 0, ECOM_BUS_MAX_BATCH + 1, bus_collect, &in, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_poll(m, -1, 1, bus_collect, &in, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_poll(m, 0, 1, NULL, NULL, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_ack(m, S("t/"), 0, 0, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_ack(m, S("t"), -1, 0, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_ack(m, S("t"), ECOM_BUS_MAX_PARTITIONS, 0, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_member_ack(m, S("t"), 0, -1, &e), e);
}

static void options_are_checked(struct bus_test *t)
{
    ecom_bus_options opts = t->opts;
    ecom_bus *bus = NULL;
    ecom_error e;

    opts.partitions = ECOM_BUS_MAX_PARTITIONS + 1;
    CHECK_CODE(ECOM_E_INVAL, t->fixture->open(t->fixture->user, &opts, &bus, &e), e);
    CHECK(strcmp(e.field, "partitions") == 0, "field %s", e.field);
    opts = t->opts;
    opts.timeout_ms = -1;
    CHECK_CODE(ECOM_E_INVAL, t->fixture->open(t->fixture->user, &opts, &bus, &e), e);
    opts = t->opts;
    opts.retention_ms = -2;
    CHECK_CODE(ECOM_E_INVAL, t->fixture->open(t->fixture->user, &opts, &bus, &e), e);
    opts = t->opts;
    opts.size = 4;
    CHECK_CODE(ECOM_E_INVAL, t->fixture->open(t->fixture->user, &opts, &bus, &e), e);
    CHECK(!bus, "refused options opened a bus");
}

static const struct bus_case cases[] = {
    CASE(0, a_body_at_the_limit_is_taken_and_one_byte_more_refused),
    CASE(0, a_key_at_the_limit_is_taken_and_one_byte_more_refused),
    CASE(0, headers_are_bounded_in_number_and_bytes),
    CASE(0, names_are_of_few_characters_and_bounded),
    CASE(0, a_batch_has_1_to_1000_messages),
    CASE(0, one_bad_message_keeps_the_whole_batch_back),
    CASE(0, partitions_are_bounded),
    CASE(0, a_subscription_is_checked),
    CASE(0, sixty_four_topics_are_one_subscription),
    CASE(0, polls_and_acks_are_checked),
    CASE(0, options_are_checked),
};
const struct bus_cases ecom__bus_limit_cases = {cases, sizeof(cases) / sizeof(cases[0])};
