#include <string.h>

#include "ecom/json.h"
#include "kafka/kafka.h"

enum { STATS_BYTES = 1 << 20, MAX_LABELS = 300 };

void ecom__kafka_metrics_open(struct ecom__kafka *k)
{
    struct ecom__kafka_metrics *m = &k->metrics;
    ecom_metrics *set = k->opts.metrics;

    if (!set)
        return;
    m->published = ecom_metrics_series(set, ECOM_COUNTER, "ecom_kafka_published_total",
                                       "Messages that Kafka has confirmed.", NULL);
    m->failures = ecom_metrics_series(set, ECOM_COUNTER, "ecom_kafka_publish_failures_total",
                                      "Batches that were not confirmed as a whole.", NULL);
    m->publish = ecom_metrics_series(set, ECOM_HISTOGRAM, "ecom_kafka_publish_seconds",
                                     "How long a batch took to be confirmed.", NULL);
    m->queued = ecom_metrics_series(set, ECOM_GAUGE, "ecom_kafka_queued_messages",
                                    "Messages in the producer that nobody has confirmed.", NULL);
    m->fatal = ecom_metrics_series(set, ECOM_COUNTER, "ecom_kafka_fatal_errors_total",
                                   "Clients that a fatal error ended, and others replaced.", NULL);
    m->rebalances = ecom_metrics_series(set, ECOM_COUNTER, "ecom_kafka_rebalances_total",
                                        "Times partitions were given or taken away.", NULL);
    m->partitions = ecom_metrics_series(set, ECOM_GAUGE, "ecom_kafka_assigned_partitions",
                                        "Partitions that this process has.", NULL);
}

static int64_t number(const ecom_json *object, const char *name)
{
    int64_t n = 0;

    return ecom_json_int(ecom_json_get(object, name), &n, NULL) == ECOM_OK ? n : 0;
}

static void note_broker(ecom_metrics *set, const ecom_json *broker)
{
    const ecom_json *name = ecom_json_get(broker, "name");
    int64_t us = number(ecom_json_get(broker, "rtt"), "avg");
    ecom_buf labels = {0};

    /* Without a number it is one that librdkafka makes for itself. */
    if (number(broker, "nodeid") >= 0 && name && name->text.n < MAX_LABELS &&
        ecom_label_add(&labels, "broker", name->text) == ECOM_OK) {
        if (us > 0)
            ecom_series_observe(ecom_metrics_series(set, ECOM_HISTOGRAM,
                                                    "ecom_kafka_broker_rtt_seconds",
                                                    "How long a broker takes to answer; an average "
                                                    "every five seconds.",
                                                    labels.p),
                                us);
        ecom_series_set(ecom_metrics_series(set, ECOM_GAUGE, "ecom_kafka_broker_disconnects",
                                            "Connections to a broker that ended.", labels.p),
                        number(broker, "disconnects"));
    }
    ecom_buf_free(&labels);
}

int ecom__kafka_on_stats(rd_kafka_t *rk, char *text, size_t n, void *opaque)
{
    struct ecom__kafka *k = *(struct ecom__kafka **)opaque;
    const ecom_json_limits limits = {.size = sizeof(limits), .max_bytes = STATS_BYTES};
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_json *stats;

    (void)rk;
    if (arena && ecom_json_parse((ecom_str){text, n}, &limits, arena, &stats, NULL) == ECOM_OK) {
        const ecom_json *brokers = ecom_json_get(stats, "brokers");
        for (const ecom_json *b = brokers ? brokers->first : NULL; b; b = b->next)
            note_broker(k->opts.metrics, b);
        ecom_series_set(ecom_metrics_series(k->opts.metrics, ECOM_GAUGE, "ecom_kafka_fetched_bytes",
                                            "What the consumer has received, batches as they are "
                                            "sent.",
                                            NULL),
                        number(stats, "rx_bytes"));
    }
    ecom_arena_free(arena);
    return 0;
}
