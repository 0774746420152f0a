/* What people get wrong when they set Kafka up, and what they are told. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "ecom/bus.h"
#include "server.h"

#define SECRET "hunter2-hunter2"

/* Opens and pings. @return what came of it, in one line without the secret. */
static int attempt(const char *url, ecom_error *e)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_bus *bus = NULL;

    opts.timeout_ms = 10000; /* what is told at once is told before, on any machine */
    int r = ecom_bus_open(url, &opts, &bus, e);
    if (r == ECOM_OK)
        r = ecom_bus_ping(bus, e);
    ecom_bus_close(bus);
    if (r < 0 && (strstr(e->text, SECRET) || strchr(e->text, '\n')))
        check_failed = 1;
    return r;
}

static void a_url_names_a_broker(void)
{
    static const char *const bad[] = {
        "kafka:",        "kafka:host:1",   "kafka://",           "kafka://?a=b",
        "kafka:///path", "kafka://a:1/b",  "kafka://user@a:1",   "kafka://a:1?x",
        "kafka://a:1?=", "kafka://a:1?%=", "kafka://a:1?a=%zz",  "kafka://a:1?a=%00",
        "kafka://a%:1",  "kafka://a:1?&",  "kafka://a:1?a=b&&c",
    };
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK(attempt(bad[i], &e) == ECOM_E_INVAL, "took \"%s\"", bad[i]);
        CHECK(strcmp(e.field, "url") == 0, "field %s", e.field);
    }
}

static void options_of_a_url_are_bounded(void)
{
    char url[8192] = "kafka://127.0.0.1:1?";
    ecom_error e;

    for (int i = 0; i < 65; i++)
        strcat(url, "client.id=x&");
    CHECK_CODE(ECOM_E_TOOLARGE, attempt(url, &e), e);
    CHECK_TEXT("64", e);
    memset(url + 20, 'a', 4097);
    url[20 + 4097] = '\0';
    CHECK_CODE(ECOM_E_TOOLARGE, attempt(url, &e), e);
}

static void an_option_that_is_wrong_is_named_and_its_value_is_not(void)
{
    ecom_error e;

    CHECK_CODE(ECOM_E_INVAL, attempt("kafka://127.0.0.1:1?no.such=" SECRET, &e), e);
    CHECK_TEXT("no.such", e);
    CHECK_CODE(ECOM_E_INVAL, attempt("kafka://127.0.0.1:1?linger.ms=" SECRET, &e), e);
    CHECK_TEXT("linger.ms", e);
    CHECK_CODE(ECOM_E_INVAL, attempt("kafka://127.0.0.1:1?security.protocol=" SECRET, &e), e);
    CHECK_TEXT("security.protocol", e);
}

static void a_strategy_that_ends_the_process_is_refused(void)
{
    ecom_error e;

    if (rd_kafka_version() >= 0x020601ff)
        SKIP("this librdkafka is not that old");
    CHECK_CODE(ECOM_E_INVAL,
               attempt("kafka://127.0.0.1:1?partition.assignment.strategy=cooperative-sticky", &e),
               e);
    CHECK_TEXT("2.6.1", e);
}

static void an_option_that_would_lose_messages_is_refused(void)
{
    static const char *const bad[] = {
        "acks=1",
        "acks=0",
        "request.required.acks=1",
        "enable.idempotence=false",
        "enable.auto.commit=true",
        "enable.auto.offset.store=true",
        "auto.offset.reset=latest",
        "group.id=one-for-all",
    };
    static const char *const good[] = {"acks=all", "request.required.acks=-1",
                                       "enable.idempotence=true", "enable.auto.commit=false"};
    char url[256];
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(url, sizeof(url), "kafka://127.0.0.1:1?%s", bad[i]);
        CHECK(attempt(url, &e) == ECOM_E_INVAL, "took %s", bad[i]);
        CHECK_TEXT("messages would be lost", e);
    }
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        snprintf(url, sizeof(url), "kafka://127.0.0.1:1?%s", good[i]);
        CHECK_CODE(ECOM_E_UNAVAILABLE, attempt(url, &e), e);
    }
}

static void our_own_options_are_checked(void)
{
    static const char *const bad[] = {
        "ecom.topic.prefix=a/b",
        "ecom.topic.prefix=xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "ecom.replication.factor=0",
        "ecom.replication.factor=x",
        "ecom.replication.factor=101",
        "ecom.partitions=0",
        "ecom.partitions=257",
        "ecom.create.topics=maybe",
    };
    char url[256];
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(url, sizeof(url), "kafka://127.0.0.1:1?%s", bad[i]);
        CHECK(attempt(url, &e) == ECOM_E_INVAL, "took %s", bad[i]);
        CHECK_TEXT("ecom.", e);
    }
}

static void a_port_where_nobody_listens_is_refused_with_its_name(void)
{
    ecom_error e;

    CHECK_CODE(ECOM_E_UNAVAILABLE, attempt("kafka://127.0.0.1:1", &e), e);
    CHECK_TEXT("127.0.0.1:1 cannot be reached: Connection refused", e);
}

static void a_host_that_does_not_exist_is_named(void)
{
    ecom_error e;

    CHECK_CODE(ECOM_E_UNAVAILABLE, attempt("kafka://no-such-host.invalid:9092", &e), e);
    CHECK_TEXT("no-such-host.invalid", e);
    CHECK_TEXT("cannot be found", e);
}

/* The SASL_SSL listener of scripts/servers, with one thing changed. */
static int sasl(const char *secret, const char *ca, ecom_error *e)
{
    const char *servers = server_setting("KAFKA_BOOTSTRAP_SERVERS");
    const char *key = server_setting("KAFKA_API_KEY");
    char url[4096];

    if (!servers || !key || !server_setting("KAFKA_CA_FILE"))
        return 1;
    snprintf(url, sizeof(url),
             "kafka://%s?security.protocol=SASL_SSL&sasl.mechanisms=PLAIN&sasl.username=%s"
             "&sasl.password=%s%s%s",
             servers, key, secret, ca ? "&ssl.ca.location=" : "", ca ? ca : "");
    return attempt(url, e);
}

static void a_wrong_secret_is_told_from_other_faults(void)
{
    const char *ca = server_setting("KAFKA_CA_FILE");
    ecom_error e;
    int r = sasl(SECRET, ca, &e);

    if (r == 1)
        SKIP("this Kafka has no SASL_SSL listener");
    CHECK_CODE(ECOM_E_UNAVAILABLE, r, e);
    CHECK_TEXT("refuses the key or its secret", e);
}

static void a_certificate_that_nobody_trusts_is_told_from_other_faults(void)
{
    ecom_error e;
    int r = sasl(SECRET, NULL, &e);

    if (r == 1)
        SKIP("this Kafka has no SASL_SSL listener");
    CHECK_CODE(ECOM_E_UNAVAILABLE, r, e);
    CHECK_TEXT("KAFKA_CA_FILE", e);
}

static void a_file_of_certificates_that_is_none_is_told_from_other_faults(void)
{
    ecom_error e;

    CHECK_CODE(ECOM_E_INVAL,
               attempt("kafka://127.0.0.1:1?security.protocol=SSL&ssl.ca.location=/x", &e), e);
    CHECK_TEXT("KAFKA_CA_FILE", e);
}

static void a_key_forgotten_is_told_from_other_faults(void)
{
    const char *servers = server_setting("KAFKA_BOOTSTRAP_SERVERS");
    const char *ca = server_setting("KAFKA_CA_FILE");
    char url[2048];
    ecom_error e;

    if (!servers || !ca || !server_setting("KAFKA_API_KEY"))
        SKIP("this Kafka has no SASL_SSL listener");
    snprintf(url, sizeof(url), "kafka://%s", servers);
    CHECK_CODE(ECOM_E_UNAVAILABLE, attempt(url, &e), e);
    CHECK_TEXT("KAFKA_API_KEY", e);
    snprintf(url, sizeof(url), "kafka://%s?security.protocol=SSL&ssl.ca.location=%s", servers, ca);
    CHECK_CODE(ECOM_E_UNAVAILABLE, attempt(url, &e), e);
    CHECK_TEXT("KAFKA_API_KEY", e);
}

static void a_topic_that_may_not_be_made_comes_with_the_command_that_makes_it(void)
{
    char url[4096], prefix[32];
    const char *server = server_url();
    ecom_msg msg = {.topic = {"orders", 6}, .body = {"1", 1}};
    ecom_bus *bus = NULL;
    ecom_error e;

    server_fresh_prefix(prefix);
    snprintf(url, sizeof(url), "%s%cecom.create.topics=false&ecom.topic.prefix=%s", server,
             strchr(server, '?') ? '&' : '?', prefix);
    CHECK_CODE(ECOM_OK, ecom_bus_open(url, NULL, &bus, &e), e);
    int r = ecom_bus_publish(bus, &msg, 1, NULL, &e);
    ecom_bus_close(bus);
    CHECK_CODE(ECOM_E_FORBIDDEN, r, e);
    CHECK_TEXT("kafka topic create test-", e);
}

static const struct check_case cases[] = {
    CASE(a_url_names_a_broker),
    CASE(options_of_a_url_are_bounded),
    CASE(an_option_that_is_wrong_is_named_and_its_value_is_not),
    CASE(a_strategy_that_ends_the_process_is_refused),
    CASE(an_option_that_would_lose_messages_is_refused),
    CASE(our_own_options_are_checked),
    CASE(a_port_where_nobody_listens_is_refused_with_its_name),
    CASE(a_host_that_does_not_exist_is_named),
    CASE(a_wrong_secret_is_told_from_other_faults),
    CASE(a_certificate_that_nobody_trusts_is_told_from_other_faults),
    CASE(a_file_of_certificates_that_is_none_is_told_from_other_faults),
    CASE(a_key_forgotten_is_told_from_other_faults),
    CASE(a_topic_that_may_not_be_made_comes_with_the_command_that_makes_it),
};

int main(int argc, char **argv)
{
    server_url(); /* or the program ends here */
    return check_main("kafka-errors", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
