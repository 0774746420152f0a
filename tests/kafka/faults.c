/* Errors of Kafka's protocol, injected by librdkafka's own mock cluster; and what a member does
 * that does not poll, on a real server. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "check.h"
#include "ecom/bus.h"
#include "pace.h"
#include "server.h"

enum {
    PRODUCE = 0,
    OFFSET_COMMIT = 8,
    FIND_COORDINATOR = 10,
    HEARTBEAT = 12,
    INIT_PRODUCER_ID = 22
};
enum { CLOSES = 5, HANGS_S = 120, SLOW_NS = 5000000, SILENT_MS = 600000 };
/* Calls have much time, apart from those that last until theirs is over. */
enum { TIMEOUT_MS = 5000, PATIENT_MS = 20000, POLLS = 600, POLL_MS = 100, TRIES = 12 };
enum { SESSION_MS = 6000 };

static rd_kafka_t *keeper; /* mock clusters belong to a client */
static rd_kafka_mock_cluster_t *mock;
static ecom_bus *bus;
static atomic_int given, ended, late;

static void wait_for(const atomic_int *what)
{
    for (int i = 0; i < PATIENT_MS && !atomic_load(what); i++)
        nanosleep(&(struct timespec){0, 1000000}, NULL);
}

/* Hears that a member's partitions are on their way, and that a group was not left in time. Has
 * librdkafka's threads meet as they may on a slow machine: the caller's goes on to them when the
 * group has just ended, and the main thread, which has ended it, goes on last. */
static void meet(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                 const ecom_log_field *fields, size_t n)
{
    char text[512] = "";

    (void)user;
    (void)level;
    (void)correlation_id;
    if (n)
        snprintf(text, sizeof(text), "%.*s", (int)fields[0].text.n, fields[0].text.p);
    if (strstr(message, "not left in time"))
        atomic_store(&late, 1);
    if (strstr(text, "delegating assign of"))
        atomic_store(&given, 1);
    if (strstr(text, "Waiting for close events"))
        wait_for(&ended);
    if (strstr(text, "-> term")) {
        atomic_store(&ended, 1);
        nanosleep(&(struct timespec){0, SLOW_NS}, NULL);
    }
}

static const ecom_log heard = {.fn = meet};

static void begin_mock(void)
{
    char why[256];

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    keeper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    mock = rd_kafka_mock_cluster_new(keeper, 3);
    rd_kafka_mock_topic_create(mock, "t", 1, 3);
}

static void begin_bus(int timeout_ms, const char *options)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    char url[1024];
    ecom_error e;

    snprintf(url, sizeof(url), "kafka://%s?ecom.create.topics=false%s",
             rd_kafka_mock_cluster_bootstraps(mock), options);
    opts.timeout_ms = timeout_ms;
    opts.log = &heard;
    if (ecom_bus_open(url, &opts, &bus, &e) < 0)
        printf("# open: %s\n", e.text);
}

static void begin_within(int timeout_ms, const char *options)
{
    begin_mock();
    begin_bus(timeout_ms, options);
}

static void begin(const char *options)
{
    begin_within(PATIENT_MS, options);
}

static void end(void)
{
    ecom_bus_close(bus);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(keeper);
    bus = NULL;
}

/* On the real server. */
static void begin_real(char prefix[32], const char *options)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    const char *server = server_url();
    char url[1024];
    ecom_error e;

    server_fresh_prefix(prefix);
    snprintf(url, sizeof(url), "%s%cecom.topic.prefix=%s%s", server,
             strchr(server, '?') ? '&' : '?', prefix, options);
    opts.timeout_ms = PATIENT_MS;
    opts.partitions = 1;
    opts.log = &heard;
    if (ecom_bus_open(url, &opts, &bus, &e) < 0)
        printf("# open: %s\n", e.text);
}

static int say(const char *body, ecom_error *e)
{
    const ecom_msg msg = {.topic = S("t"), .key = S("k"), .body = ecom_str_of(body)};

    return ecom_bus_publish(bus, &msg, 1, NULL, e);
}

static int lost; /* partitions */

static void lose(void *user, ecom_str topic, int32_t partition)
{
    (void)user;
    (void)topic;
    (void)partition;
    lost++;
}

static ecom_member *join_from(const char *group, ecom_start start, ecom_error *e)
{
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = ecom_str_of(group),
                             .topics = &topic,
                             .ntopics = 1,
                             .start = start,
                             .session_timeout_ms = SESSION_MS,
                             .revoked = lose};
    ecom_member *member = NULL;

    lost = 0;

    (void)!ecom_bus_subscribe(bus, &sub, &member, e);
    return member;
}

static ecom_member *join(const char *group, ecom_error *e)
{
    return join_from(group, ECOM_START_EARLIEST, e);
}

/* The bodies that came, one behind the other; and the last offset. */
struct seen {
    char text[256];
    int64_t offset;
    int32_t partition;
    int n;
};

static int see(void *user, const ecom_msg *msg)
{
    struct seen *seen = user;
    size_t n = strlen(seen->text);

    snprintf(seen->text + n, sizeof(seen->text) - n, "%.*s", (int)msg->body.n, msg->body.p);
    seen->offset = msg->offset;
    seen->partition = msg->partition;
    seen->n++;
    return 0;
}

/* Polls until as many came. @return the last failure that was no time-out. */
static int take(ecom_member *member, struct seen *seen, int want, ecom_error *failure)
{
    int worst = ECOM_OK;
    ecom_error e;

    for (int i = 0; i < POLLS && seen->n < want; i++) {
        int r = ecom_member_poll(member, POLL_MS, 100, see, seen, &e);
        if (r < 0 && r != ECOM_E_TIMEOUT) {
            worst = r;
            *failure = e;
        }
    }
    return worst;
}

static void what_is_refused_for_a_while_is_there_once_and_in_order(void)
{
    ecom_error e = {0}, failure;
    struct seen seen = {.n = 0};

    begin("");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    rd_kafka_mock_push_request_errors(mock, PRODUCE, 4, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
                                      RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT,
                                      RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND);
    CHECK_CODE(ECOM_OK, say("b", &e), e);
    CHECK_CODE(ECOM_OK, say("c", &e), e);
    ecom_member *member = join("", &e);
    take(member, &seen, 3, &failure);
    ecom_member_close(member);
    CHECK(strcmp(seen.text, "abc") == 0, "got \"%s\"", seen.text);
    end();
}

static void what_may_not_be_published_is_told_at_once(void)
{
    ecom_error e = {0};

    begin("");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    rd_kafka_mock_push_request_errors(mock, PRODUCE, 1,
                                      RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED);
    CHECK_CODE(ECOM_E_FORBIDDEN, say("b", &e), e);
    rd_kafka_mock_push_request_errors(mock, PRODUCE, 1, RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE);
    CHECK_CODE(ECOM_E_TOOLARGE, say("c", &e), e);
    CHECK_CODE(ECOM_OK, say("d", &e), e);
    end();
}

static void a_producer_that_a_fatal_error_ended_is_replaced(void)
{
    ecom_error e = {0};

    begin_mock();
    rd_kafka_mock_push_request_errors(mock, INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
    begin_bus(PATIENT_MS, ""); /* it asks for its id as soon as it is there */
    int r = say("a", &e);
    CHECK(r < 0, "it was published");
    CHECK_CODE(ECOM_OK, say("b", &e), e);
    end();
}

static void a_commit_waits_and_a_member_that_the_group_forgot_joins_again(void)
{
    ecom_error e = {0}, failure;
    struct seen seen = {.n = 0};

    begin("&heartbeat.interval.ms=100");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    ecom_member *member = join("g", &e);
    CHECK(member != NULL, "%s", e.text);
    take(member, &seen, 1, &failure);
    rd_kafka_mock_push_request_errors(mock, OFFSET_COMMIT, 2,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS,
                                      RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS);
    CHECK_CODE(ECOM_OK, ecom_member_ack(member, S("t"), seen.partition, seen.offset, &e), e);
    rd_kafka_mock_push_request_errors(mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID);
    for (int i = 0; i < POLLS && !lost; i++)
        (void)!ecom_member_poll(member, POLL_MS, 0, NULL, NULL, &e);
    CHECK_I64(1, lost);
    CHECK_CODE(ECOM_OK, say("b", &e), e);
    take(member, &seen, 2, &failure); /* and not the first again: that was acked */
    ecom_member_close(member);
    CHECK(strcmp(seen.text, "ab") == 0, "got \"%s\"", seen.text);
    end();
}

static void a_member_that_was_fenced_says_so_and_comes_back(void)
{
    ecom_error e = {0}, failure = {0};
    struct seen seen = {.n = 0};

    begin("&heartbeat.interval.ms=100&group.instance.id=me");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    ecom_member *member = join("g", &e);
    CHECK(member != NULL, "%s", e.text);
    take(member, &seen, 1, &failure);
    rd_kafka_mock_push_request_errors(mock, HEARTBEAT, 1, RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID);
    CHECK_CODE(ECOM_OK, say("b", &e), e);
    int r = take(member, &seen, 4, &failure);
    ecom_member_close(member);
    CHECK(r < 0, "it did not say so");
    CHECK_TEXT("group.instance.id", failure);
    CHECK(seen.n >= 3, "got \"%s\"", seen.text);
    end();
}

static void brokers_that_are_all_down_are_told_and_come_back(void)
{
    ecom_error e = {0};

    begin("");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_down(mock, broker);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_ping(bus, &e), e);
    CHECK_TEXT("127.0.0.1", e);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_up(mock, broker);
    int r = say("b", &e);
    for (int i = 1; i < TRIES && r < 0; i++) /* connections are made anew after a while */
        r = say("b", &e);
    CHECK_CODE(ECOM_OK, r, e);
    end();
}

/* First answers are slow, and then those that are needed do not come. */
static void to_join_takes_no_longer_than_a_calls_time(void)
{
    rd_kafka_resp_err_t never[1000];
    ecom_error e = {0};

    begin_within(TIMEOUT_MS, "");
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(mock, broker, TIMEOUT_MS / 12);
    for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
        never[i] = RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE;
    rd_kafka_mock_push_request_errors_array(mock, FIND_COORDINATOR,
                                            sizeof(never) / sizeof(never[0]), never);
    int64_t start = pace_ms();
    ecom_member *member = join_from("g", ECOM_START_LATEST, &e);
    int64_t took_ms = pace_ms() - start;
    printf("# %d ms\n", (int)took_ms);
    CHECK(!member, "it joined");
    CHECK(took_ms < TIMEOUT_MS + TIMEOUT_MS / 4, "it took %d ms", (int)took_ms);
    ecom_member_close(member);
    end();
}

static void who_does_not_poll_for_too_long_loses_its_partitions_and_is_told(void)
{
    char prefix[32];
    struct seen one = {.n = 0}, two = {.n = 0};
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = S("g"),
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = SESSION_MS,
                             .revoked = lose};
    ecom_member *silent = NULL, *other = NULL;
    ecom_error e = {0}, failure;

    lost = 0;
    begin_real(prefix, "&max.poll.interval.ms=6000");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_subscribe(bus, &sub, &silent, &e), e);
    take(silent, &one, 1, &failure);
    CHECK_I64(1, one.n);
    sub.revoked = NULL;
    CHECK_CODE(ECOM_OK, ecom_bus_subscribe(bus, &sub, &other, &e), e);
    take(other, &two, 1, &failure); /* it takes over, and the first does not poll meanwhile */
    CHECK_I64(1, two.n);
    CHECK_CODE(ECOM_OK, ecom_member_ack(other, topic, two.partition, two.offset, &e), e);
    CHECK_CODE(ECOM_OK, say("b", &e), e);
    take(other, &two, 2, &failure);
    CHECK_CODE(ECOM_OK, ecom_member_ack(silent, topic, one.partition, one.offset, &e), e);
    for (int i = 0; i < POLLS && lost == 0; i++)
        (void)!ecom_member_poll(silent, POLL_MS, 0, NULL, NULL, &e);
    CHECK_I64(1, lost);
    ecom_member_close(silent);
    ecom_member_close(other);
    CHECK(strcmp(two.text, "ab") == 0, "got \"%s\"", two.text);
    ecom_bus_close(bus);
    server_delete_topics(prefix);
}

/* It has not heard of them then: that comes while it closes. */
static void close_while_given(const char *options)
{
    char prefix[32];
    ecom_error e = {0};

    alarm(HANGS_S); /* or the program ends here */
    begin_real(prefix, options);
    for (int i = 0; i < CLOSES; i++) {
        atomic_store(&given, 0);
        atomic_store(&ended, 0);
        ecom_member *member = join("g", &e);
        CHECK(member != NULL, "%s", e.text);
        wait_for(&given);
        ecom_member_close(member);
        CHECK(atomic_load(&given), "it was given nothing");
    }
    alarm(0);
    ecom_bus_close(bus);
    server_delete_topics(prefix);
}

static void a_member_that_is_given_partitions_while_it_closes_does_not_wait_for_ever(void)
{
    close_while_given("&debug=cgrp,consumer");
}

static void nor_does_a_static_one(void)
{
    close_while_given("&debug=cgrp,consumer&group.instance.id=me");
}

static void brokers_that_fall_silent_hold_a_close_no_longer_than_its_time(void)
{
    struct seen seen = {.n = 0}, other = {.n = 0};
    ecom_error e = {0}, failure;

    alarm(HANGS_S);
    begin_within(TIMEOUT_MS, "");
    CHECK_CODE(ECOM_OK, say("a", &e), e);
    ecom_member *busy = join("g", &e), *idle = join("h", &e);
    CHECK(busy && idle, "%s", e.text);
    take(busy, &seen, 1, &failure);
    take(idle, &other, 1, &failure);
    for (int broker = 1; broker <= 3; broker++)
        rd_kafka_mock_broker_set_rtt(mock, broker, SILENT_MS);
    int acked = ecom_member_ack(busy, S("t"), seen.partition, seen.offset, &e);
    int64_t begun_ms = pace_ms();
    atomic_store(&late, 0);
    ecom_member_close(busy); /* with a commit that has no answer yet */
    int told = atomic_load(&late);
    ecom_member_close(idle); /* the group does not answer that it is left */
    int64_t took_ms = pace_ms() - begun_ms;
    end();
    alarm(0);
    CHECK(acked < 0 && other.n == 1, "it was acked");
    CHECK(took_ms < SILENT_MS / 10, "it took %" PRId64 " ms", took_ms);
    CHECK(told, "nothing was logged");
}

static const struct check_case cases[] = {
    CASE(what_is_refused_for_a_while_is_there_once_and_in_order),
    CASE(what_may_not_be_published_is_told_at_once),
    CASE(a_producer_that_a_fatal_error_ended_is_replaced),
    CASE(a_commit_waits_and_a_member_that_the_group_forgot_joins_again),
    CASE(a_member_that_was_fenced_says_so_and_comes_back),
    CASE(brokers_that_are_all_down_are_told_and_come_back),
    CASE(to_join_takes_no_longer_than_a_calls_time),
    CASE(who_does_not_poll_for_too_long_loses_its_partitions_and_is_told),
    CASE(a_member_that_is_given_partitions_while_it_closes_does_not_wait_for_ever),
    CASE(nor_does_a_static_one),
    CASE(brokers_that_fall_silent_hold_a_close_no_longer_than_its_time),
};

int main(int argc, char **argv)
{
    server_url(); /* or the program ends here */
    return check_main("kafka-faults", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
