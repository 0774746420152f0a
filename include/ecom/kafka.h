/** @file
 * The bus on Apache Kafka, by librdkafka: `libecom-kafka`. Nobody has to include this: opening a
 * `kafka:` URL with ecom_bus_open() loads the library.
 *
 *     kafka://HOST:PORT[,HOST:PORT]...[?OPTION=VALUE[&OPTION=VALUE]...]
 *
 * OPTION is any of librdkafka's, for producer, consumer and topics, and wins over what is set here;
 * names and values may be percent-encoded. These are ours:
 *
 *     ecom.topic.prefix        put before the names of topics and groups (up to 64 bytes)
 *     ecom.create.topics       false: topics that are missing are not made
 *     ecom.partitions          of topics that are made, 1 to 256; default: the bus's options'
 *     ecom.replication.factor  of topics that are made, 1 to 100; default: the cluster's
 *
 * What is not told otherwise: the producer is idempotent and waits for all replicas (`acks=all`),
 * with one request at a time to each broker (more of them can lose messages that were confirmed,
 * when a partition's first batches meet a change of its leader: seen with Kafka 3.9 on new topics),
 * keys go to the partitions that Java's clients choose, and offsets are committed by acks alone.
 * Groups rebalance cooperatively from librdkafka 2.6.1 on; before, where that could end the
 * process, all partitions are given up and shared out anew whenever a group changes. The members of
 * a group must be of one kind: set `partition.assignment.strategy` where they are not. A member
 * whose process dies has left after its session's time-out, one that lives and does not poll after
 * `max.poll.interval.ms`, 30 s. With `group.instance.id` the membership is static. Topics are made
 * for messages of up to 2 MiB.
 */
#ifndef ECOM_KAFKA_H
#define ECOM_KAFKA_H

#include "backend.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Opens a `kafka:` URL without looking for the library. Connects to nobody yet: that comes with
 *  the first call, which fails with ECOM_E_UNAVAILABLE and says why when it cannot.
 *  @return ECOM_E_INVAL, ECOM_E_TOOLARGE (the URL; texts never quote an option's value);
 *          ECOM_E_NOMEM.  Threads: any.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_kafka_open(const char *url, const ecom_bus_options *opts,
                                           ecom_bus **out, ecom_error *err);

/** What ecom_bus_open() looks for. Static. */
ECOM_API const ecom_scheme *ecom_backend_kafka(void);

#ifdef __cplusplus
}
#endif
#endif
