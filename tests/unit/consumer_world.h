/* A bus, a consumer, and handlers that do what the test says, on a clock we move. */
#ifndef CONSUMER_WORLD_H
#define CONSUMER_WORLD_H

#include "check.h"
#include "ecom/consumer.h"
#include "flow_fake.h"

enum { MAX_SEEN = 2048 };

struct world {
    struct check_world clock;
    struct fake_bus bus;
    ecom_metrics *metrics;
    ecom_consumer_options opts;
    ecom_consumer *consumer;
    ecom_error e;
    int64_t next[FAKE_PARTITIONS]; /* offsets */

    /* What the handlers saw, as "key@offset#attempt". */
    char seen[MAX_SEEN][64];
    size_t nseen;
    const char *fail_key; /* the handler fails for this key; NULL: for each */
    int fail_code;
    size_t fail_times; /* SIZE_MAX: for ever */
    int32_t retry_after_ms;
    char correlation[64]; /* in the handler's log */
    int errors;
};

/* The one topic, unless a test says otherwise. */
extern const ecom_str consumer_topics[1];
/* The handler; its user is the world. */
int consumer_handle(void *user, const ecom_delivery *d, ecom_error *err);
/* A log; its user is the world, which counts errors and keeps the correlation id of the handler's
 * line. */
void consumer_log(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                  const ecom_log_field *fields, size_t n);

/* Makes the options, which a test may change; and the consumer. world_open() does both. */
void world_prepare(struct world *w);
int world_start(struct world *w);
int world_open(struct world *w);
void world_close(struct world *w);

/* The next message of a partition: this body, an event of this type, or ORDER_CREATED. */
void give_body(struct world *w, int32_t partition, const char *key, const char *body);
void give_type(struct world *w, int32_t partition, const char *key, const char *type);
void give(struct world *w, int32_t partition, const char *key);
int step(struct world *w);
ecom_consumer_stats stats(struct world *w);
int64_t metric(struct world *w, ecom_metric_kind kind, const char *name, const char *labels);

#define CHECK_SEEN(i, want) CHECK_STR(want, ecom_str_of(w.seen[i]))

#endif
