/* What the files of this room share. */
#ifndef ECOM_KAFKA_KAFKA_H
#define ECOM_KAFKA_KAFKA_H

#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/wait.h"
#include "ecom/kafka.h"

enum {
    ECOM__KAFKA_MAX_PREFIX = 64,
    ECOM__KAFKA_MAX_NAME = ECOM__KAFKA_MAX_PREFIX + ECOM_BUS_MAX_NAME + 1,
    ECOM__KAFKA_MAX_OPTIONS = 64,     /* of a URL */
    ECOM__KAFKA_MAX_MESSAGE = 2 << 20 /* the limits of <ecom/bus.h> together, and room */
};

/* The URL taken apart. `text` holds all strings. */
struct ecom__kafka_url {
    char *text;
    const char *servers;
    size_t noptions;
    struct {
        const char *name, *value;
    } options[ECOM__KAFKA_MAX_OPTIONS];
    char prefix[ECOM__KAFKA_MAX_PREFIX + 1];
    size_t prefix_n;
    int create_topics;
    int32_t partitions;  /* of topics that are made; 0: as the bus's options say */
    int32_t replication; /* -1: the cluster's default */
};

int ecom__kafka_url_parse(const char *url, struct ecom__kafka_url *out, ecom_error *err);
void ecom__kafka_url_clear(struct ecom__kafka_url *url);

/* Why nobody was reached, as far as librdkafka said; kept until somebody is. */
struct ecom__kafka_trouble {
    pthread_mutex_t mutex;
    rd_kafka_resp_err_t code;
    char text[232];
};

/* A topic that is there, as far as we know. */
struct ecom__kafka_topic {
    char name[ECOM__KAFKA_MAX_NAME]; /* with the prefix */
    size_t n;                        /* 0: it was there once */
    int64_t missed_ms;               /* when it was first found to be gone; 0: it was not */
    rd_kafka_topic_t *handle;
};

/* A producer, until it has a fatal error: then the next takes its place. */
struct ecom__kafka_producer {
    struct ecom__kafka *kafka; /* first, as in a member: librdkafka's callbacks get either */
    rd_kafka_t *rk;
    uint32_t refs; /* by the mutex of the bus */
    pthread_mutex_t mutex;
    pthread_cond_t news; /* reports came, or nobody polls */
    int polling;
    size_t ntopics;
    struct ecom__kafka_topic *topics;
};

/* All NULL without a set of metrics. */
struct ecom__kafka_metrics {
    ecom_series *published, *failures, *publish, *queued, *fatal, *rebalances, *partitions;
};

struct ecom__kafka {
    struct ecom__kafka_url url;
    ecom_bus_options opts;
    struct ecom__kafka_metrics metrics;
    struct ecom__kafka_trouble trouble;
    pthread_mutex_t mutex;
    struct ecom__kafka_producer *producer;
};

/* When a call that begins now must be over. */
int64_t ecom__kafka_until(const struct ecom__kafka *k);
/* A call to somewhere else has so long. */
int ecom__kafka_left_ms(int64_t deadline_ms);
/* Before it is asked again. */
void ecom__kafka_pause(int ms);

/* errors.c. Codes of librdkafka as ours, in words; when it only knows that time went by, the
 * trouble says more. */
int ecom__kafka_fail(struct ecom__kafka *k, rd_kafka_resp_err_t code, const char *what,
                     ecom_error *err);
/* Truth: it will not go away by itself. */
int ecom__kafka_hopeless(struct ecom__kafka *k);
void ecom__kafka_reached(struct ecom__kafka *k);
void ecom__kafka_on_error(rd_kafka_t *rk, int code, const char *reason, void *opaque);
void ecom__kafka_on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text);

/* metrics.c */
void ecom__kafka_metrics_open(struct ecom__kafka *k);
int ecom__kafka_on_stats(rd_kafka_t *rk, char *text, size_t n, void *opaque);

/* conf.c */
struct ecom__kafka_setting {
    const char *name, *value;
};
/* How a group shares its partitions, by the version of librdkafka. */
const char *ecom__kafka_strategy(void);
/* Do members of a group with these settings share partitions cooperatively? */
int ecom__kafka_cooperates(const rd_kafka_conf_t *conf);
/* Has a member a name of its own, for which the group keeps its partitions while it is away? */
int ecom__kafka_is_static(const rd_kafka_conf_t *conf);
/* A client with the settings given, and over them those of the URL. */
rd_kafka_t *ecom__kafka_client(struct ecom__kafka *k, rd_kafka_type_t type, rd_kafka_conf_t *conf,
                               const struct ecom__kafka_setting *settings, size_t n,
                               ecom_error *err);

/* producer.c */
int ecom__kafka_producer_new(struct ecom__kafka *k, struct ecom__kafka_producer **out,
                             ecom_error *err);
struct ecom__kafka_producer *ecom__kafka_producer_ref(struct ecom__kafka *k);
void ecom__kafka_producer_unref(struct ecom__kafka_producer *p);
int ecom__kafka_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err);

/* topics.c. Names are the callers', without the prefix. */
const char *ecom__kafka_name(const struct ecom__kafka *k, ecom_str name,
                             char out[ECOM__KAFKA_MAX_NAME]);
/* The caller's name of one with the prefix; p is NULL if it is not ours. */
ecom_str ecom__kafka_bare_name(const struct ecom__kafka *k, const char *name);
/* Makes those that are missing, and waits until they can be used. */
int ecom__kafka_topics_make(struct ecom__kafka_producer *p, const ecom_str *topics, size_t n,
                            int32_t partitions, int64_t deadline_ms, ecom_error *err);
/* It may have been deleted: the next use looks. Its handle stays, others may be using it. */
void ecom__kafka_topic_forget(struct ecom__kafka_producer *p, ecom_str topic);
/* How many partitions a topic has. */
int ecom__kafka_partitions(struct ecom__kafka_producer *p, ecom_str topic, int64_t deadline_ms,
                           int32_t *partitions, ecom_error *err);
int ecom__kafka_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err);
int ecom__kafka_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err);
int ecom__kafka_ping(void *self, ecom_error *err);

/* A partition that a member has. */
struct ecom__kafka_part {
    char topic[ECOM__KAFKA_MAX_NAME];
    int32_t partition;
    int lost;            /* another may have it already */
    int64_t first, next; /* handed over: [first, next), in this assignment; -1: nothing yet */
    int64_t acked;       /* committed by us; -1: nothing yet */
};

enum { ECOM__KAFKA_STASH = ECOM_BUS_MAX_BATCH, ECOM__KAFKA_STASH_BYTES = 16 << 20 };

struct ecom__kafka_member {
    struct ecom__kafka *kafka; /* first, as in a producer */
    rd_kafka_t *rk;
    pthread_mutex_t mutex; /* of the queue: a wake comes from any thread */
    rd_kafka_queue_t *queue, *commits;
    ecom_subscription sub; /* its strings are in names */
    ecom_str topics[ECOM_BUS_MAX_TOPICS];
    char *names;
    atomic_int woken;
    int closing, paused, grouped, dead;
    int refused;               /* by the group: said once by librdkafka, which goes on trying */
    int cooperates, is_static; /* as the settings say */
    int left;                  /* the group: the client's main thread is asked nothing any more */
    uint64_t commit_seq;
    int64_t made_ms; /* when topics that went missing were last made */
    size_t nparts, cap;
    struct ecom__kafka_part *parts, *last;
    /* Fetched, and not handed over yet: what stands before an event in librdkafka's queue while no
     * messages are wanted, or what a receiver stopped short of. */
    rd_kafka_message_t *stash[ECOM__KAFKA_STASH];
    size_t head, stashed, stashed_bytes;
};

/* member.c */
int ecom__kafka_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err);
int ecom__kafka_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                     ecom_error *err);
void ecom__kafka_wake(void *member);
void ecom__kafka_leave(void *member);

/* parts.c: who has what; called by librdkafka inside a poll. */
struct ecom__kafka_part *ecom__kafka_part_find(struct ecom__kafka_member *m, const char *topic,
                                               int32_t partition);
int ecom__kafka_part_add(struct ecom__kafka_member *m, const char *topic, int32_t partition);
/* All that it has is another's. */
void ecom__kafka_parts_lost(struct ecom__kafka_member *m);
void ecom__kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *parts, void *opaque);

/* offsets.c */
int ecom__kafka_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                    ecom_error *err);
int ecom__kafka_lag(void *member, uint64_t *lag, ecom_error *err);
/* Replaces offsets of -1 (end) and -2 (beginning) by what these are now. */
int ecom__kafka_resolve(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                        int64_t end_or_beginning, int64_t deadline_ms, ecom_error *err);
/* Commits the ends of partitions that the group has no offsets in. */
int ecom__kafka_start_at_end(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                             int64_t deadline_ms, ecom_error *err);

#endif
