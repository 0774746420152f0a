/* Errors of Kafka's protocol, injected by librdkafka's own mock cluster; and what a member does
 * that does not poll, on a real server. */
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ecom/bus.h"
#include "server.h"

enum { PRODUCE = 0, OFFSET_COMMIT = 8, HEARTBEAT = 12, INIT_PRODUCER_ID = 22 };
enum { TIMEOUT_MS = 5000, PATIENT_MS = 20000, POLLS = 600, POLL_MS = 100, TRIES = 12 };

static rd_kafka_t *keeper; /* mock clusters belong to a client */
static rd_kafka_mock_cluster_t *mock;
static ecom_bus *bus;

static void begin(const char *options)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    char why[256], url[1024];
    ecom_error e;

    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "log_level", "0", why, sizeof(why));
    keeper = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
    mock = rd_kafka_mock_cluster_new(keeper, 3);
    rd_kafka_mock_topic_create(mock, "t", 1, 3);
    snprintf(url, sizeof(url), "kafka://%s?ecom.create.topics=false%s",
             rd_kafka_mock_cluster_bootstraps(mock), options);
    opts.timeout_ms = TIMEOUT_MS;
    if (ecom_bus_open(url, &opts, &bus, &e) < 0)
        printf("# open: %s\n", e.text);
}

static void end(void)
{
    ecom_bus_close(bus);
    rd_kafka_mock_cluster_destroy(mock);
    rd_kafka_destroy(keeper);
    bus = NULL;
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

static ecom_member *join(const char *group, ecom_error *e)
{
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = ecom_str_of(group),
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = 6000,
                             .revoked = lose};
    ecom_member *member = NULL;

    lost = 0;

    (void)!ecom_bus_subscribe(bus, &sub, &member, e);
    return member;
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

    begin("");
    rd_kafka_mock_push_request_errors(mock, INIT_PRODUCER_ID, 1,
                                      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
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

static void who_does_not_poll_for_too_long_loses_its_partitions_and_is_told(void)
{
    const char *server = server_url();
    char prefix[32], url[1024];
    struct seen one = {.n = 0}, two = {.n = 0};
    ecom_str topic = S("t");
    ecom_subscription sub = {.size = sizeof(sub),
                             .group = S("g"),
                             .topics = &topic,
                             .ntopics = 1,
                             .session_timeout_ms = 2000,
                             .revoked = lose};
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_member *silent = NULL, *other = NULL;
    ecom_error e, failure;

    lost = 0;
    server_fresh_prefix(prefix);
    snprintf(url, sizeof(url), "%s%cecom.topic.prefix=%s&max.poll.interval.ms=2000", server,
             strchr(server, '?') ? '&' : '?', prefix);
    opts.timeout_ms = PATIENT_MS;
    opts.partitions = 1;
    CHECK_CODE(ECOM_OK, ecom_bus_open(url, &opts, &bus, &e), e);
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

static const struct check_case cases[] = {
    CASE(what_is_refused_for_a_while_is_there_once_and_in_order),
    CASE(what_may_not_be_published_is_told_at_once),
    CASE(a_producer_that_a_fatal_error_ended_is_replaced),
    CASE(a_commit_waits_and_a_member_that_the_group_forgot_joins_again),
    CASE(a_member_that_was_fenced_says_so_and_comes_back),
    CASE(brokers_that_are_all_down_are_told_and_come_back),
    CASE(who_does_not_poll_for_too_long_loses_its_partitions_and_is_told),
};

int main(int argc, char **argv)
{
    server_url(); /* or the program ends here */
    return check_main("kafka-faults", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
