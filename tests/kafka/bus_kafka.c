/* The bus suite on a real Kafka. */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/testing.h"
#include "server.h"

/* Each case has topics and groups of its own. */
struct place {
    char prefix[32];
};

static int fresh(void *user, ecom_error *err)
{
    (void)err;
    server_fresh_prefix(((struct place *)user)->prefix);
    return ECOM_OK;
}

static int open_bus(void *user, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    const char *server = server_url();
    char url[4096];
    ecom_bus_options patient = *opts;

    if (opts->size == sizeof(*opts) && opts->timeout_ms == 0)
        patient.timeout_ms = 60000; /* no case is about it, and the machine may be slow */
    snprintf(url, sizeof(url), "%s%cecom.topic.prefix=%s&heartbeat.interval.ms=100", server,
             strchr(server, '?') ? '&' : '?', ((struct place *)user)->prefix);
    return ecom_bus_open(url, &patient, out, err);
}

static void clear(void *user)
{
    server_delete_topics(((struct place *)user)->prefix);
}

int main(int argc, char **argv)
{
    const char *settle = getenv("ECOM_KAFKA_SETTLE_MS");
    struct place place;
    ecom_bus_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES,
        .name = "kafka",
        .user = &place,
        .fresh = fresh,
        .open = open_bus,
        .clear = clear,
        .settle_ms = settle ? atoi(settle) : 300,
    };

    if (rd_kafka_version() < 0x020601ff)
        fixture.flags |= ECOM_TEST_EAGER;

    server_url();
    return ecom_bus_suite(&fixture, argc, argv);
}
