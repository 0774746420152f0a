#include <string.h>

#include "kafka/kafka.h"

/* For producer and consumer alike. */
static const struct ecom__kafka_setting common[] = {
    {"client.id", "libecom"},
    {"client.software.name", "libecom"},
    /* One message at a time over TLS waits for nothing: 54 ms became 14 ms when tried. */
    {"socket.nagle.disable", "true"},
    {"socket.keepalive.enable", "true"},
    {"socket.timeout.ms", "10000"},
    {"reconnect.backoff.ms", "50"},
    {"reconnect.backoff.max.ms", "1000"},
    {"topic.metadata.refresh.fast.interval.ms", "100"},
    {"message.max.bytes", "2097152"},
    {"log.connection.close", "true"}, /* or who asks for a key just falls silent */
};

/* Says which option, and never its value: that may be a password. */
static int set(rd_kafka_conf_t *conf, const char *name, const char *value, ecom_error *err)
{
    char why[256];

    switch (rd_kafka_conf_set(conf, name, value, why, sizeof(why))) {
    case RD_KAFKA_CONF_OK:
        return ECOM_OK;
    case RD_KAFKA_CONF_UNKNOWN:
        return ecom_fail_field(err, ECOM_E_INVAL, "url", "librdkafka has no option \"%.64s\"",
                               name);
    default:
        return ecom_fail_field(err, ECOM_E_INVAL, "url",
                               "librdkafka does not take this value of \"%.64s\"", name);
    }
}

static int set_all(rd_kafka_conf_t *conf, const struct ecom__kafka_setting *settings, size_t n,
                   ecom_error *err)
{
    int r = ECOM_OK;

    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        r = set(conf, settings[i].name, settings[i].value, err);
    return r;
}

static int set_options(rd_kafka_conf_t *conf, const struct ecom__kafka_url *url, ecom_error *err)
{
    int r = set(conf, "bootstrap.servers", url->servers, err);

    for (size_t i = 0; i < url->noptions && r == ECOM_OK; i++)
        r = set(conf, url->options[i].name, url->options[i].value, err);
    return r;
}

/* Before 2.3 librdkafka ends the process when a member leaves between joining and its first
 * cooperative assignment, before 2.6.1 it can loop for ever while it computes one. */
static int can_cooperate(void)
{
    return rd_kafka_version() >= 0x020601ff;
}

const char *ecom__kafka_strategy(void)
{
    return can_cooperate() ? "cooperative-sticky" : "roundrobin,range";
}

int ecom__kafka_cooperates(const rd_kafka_conf_t *conf)
{
    char value[256];
    size_t size = sizeof(value);

    return !rd_kafka_conf_get(conf, "partition.assignment.strategy", value, &size) &&
           strstr(value, "cooperative");
}

int ecom__kafka_is_static(const rd_kafka_conf_t *conf)
{
    size_t size = 0;

    return !rd_kafka_conf_get(conf, "group.instance.id", NULL, &size) && size > 1;
}

static int check_strategy(const rd_kafka_conf_t *conf, ecom_error *err)
{
    if (can_cooperate() || !ecom__kafka_cooperates(conf))
        return ECOM_OK;
    return ecom_fail_field(
        err, ECOM_E_INVAL, "url",
        "partition.assignment.strategy=cooperative-sticky needs librdkafka 2.6.1 "
        "or later, this is %s, which can end the process",
        rd_kafka_version_str());
}

rd_kafka_t *ecom__kafka_client(struct ecom__kafka *k, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                               const struct ecom__kafka_setting *settings, size_t n,
                               ecom_error *err)
{
    char why[256] = "";

    rd_kafka_conf_set_log_cb(conf, ecom__kafka_on_log);
    rd_kafka_conf_set_error_cb(conf, ecom__kafka_on_error);
    int r = set_all(conf, common, sizeof(common) / sizeof(common[0]), err);
    if (r == ECOM_OK)
        r = set_all(conf, settings, n, err);
    if (r == ECOM_OK)
        r = set_options(conf, &k->url, err);
    if (r == ECOM_OK)
        r = check_strategy(conf, err);
    rd_kafka_t *rk = r == ECOM_OK ? rd_kafka_new(type, conf, why, sizeof(why)) : NULL;
    if (rk)
        return rk; /* which has the conf now */
    rd_kafka_conf_destroy(conf);
    if (r == ECOM_OK && strstr(why, "ssl.ca.location"))
        ecom_fail_field(err, ECOM_E_INVAL, "url",
                        "the file that KAFKA_CA_FILE (ssl.ca.location) names must be there, and in "
                        "PEM");
    else if (r == ECOM_OK) /* options that do not go together, or another file */
        ecom_fail_field(err, ECOM_E_INVAL, "url", "librdkafka: %s", why);
    return NULL;
}
