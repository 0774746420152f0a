#include <stdlib.h>

#include "base/options.h"
#include "kafka/kafka.h"

enum { DEFAULT_TIMEOUT_MS = 5000, DEFAULT_PARTITIONS = 8 };

static void kafka_close(void *self)
{
    struct ecom__kafka *k = self;

    ecom__kafka_producer_unref(k->producer);
    ecom__kafka_url_clear(&k->url);
    pthread_mutex_destroy(&k->trouble.mutex);
    pthread_mutex_destroy(&k->mutex);
    free(k);
}

static const ecom_bus_ops kafka_ops = {
    .size = sizeof(kafka_ops),
    .caps = ECOM_CAP_DURABLE | ECOM_CAP_CONCURRENT | ECOM_CAP_MULTI_PROCESS,
    .name = "kafka",
    .publish = ecom__kafka_publish,
    .create_topic = ecom__kafka_create_topic,
    .topics = ecom__kafka_topics,
    .ping = ecom__kafka_ping,
    .close = kafka_close,
    .subscribe = ecom__kafka_subscribe,
    .poll = ecom__kafka_poll,
    .wake = ecom__kafka_wake,
    .ack = ecom__kafka_ack,
    .lag = ecom__kafka_lag,
    .leave = ecom__kafka_leave,
};

/* The core's defaults, for those who call without it. */
static void fill(ecom_bus_options *opts)
{
    opts->timeout_ms = opts->timeout_ms > 0 ? opts->timeout_ms : DEFAULT_TIMEOUT_MS;
    opts->partitions = opts->partitions > 0 ? opts->partitions : DEFAULT_PARTITIONS;
}

/* The core is told of what the URL says, too. */
static int begin(struct ecom__kafka *k, const char *url, ecom_bus_options opts, ecom_bus **out,
                 ecom_error *err)
{
    int r = ecom__kafka_url_parse(url, &k->url, err);

    if (r < 0)
        return r;
    if (k->url.partitions)
        opts.partitions = k->url.partitions;
    k->opts = opts;
    fill(&k->opts);
    ecom__kafka_metrics_open(k);
    r = ecom__kafka_producer_new(k, &k->producer, err);
    return r == ECOM_OK ? ecom_bus_new(&kafka_ops, k, &opts, out, err) : r;
}

int ecom_kafka_open(const char *url, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    ecom_bus_options given;
    ecom_error why = {0};

    ecom__options_copy(&given, sizeof(given), opts);
    given.size = opts ? opts->size : sizeof(given);
    struct ecom__kafka *k = calloc(1, sizeof(*k));
    if (!k)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a bus");
    pthread_mutex_init(&k->mutex, NULL);
    pthread_mutex_init(&k->trouble.mutex, NULL);
    int r = begin(k, url, given, out, &why);
    if (r < 0) {
        kafka_close(k);
        if (err)
            *err = why;
    }
    return r;
}

const ecom_scheme *ecom_backend_kafka(void)
{
    static const ecom_scheme scheme = {
        .size = sizeof(scheme), .name = "kafka", .open_bus = ecom_kafka_open};

    return &scheme;
}
