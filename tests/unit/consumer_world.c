#include "consumer_world.h"

int consumer_handle(void *user, const ecom_delivery *d, ecom_error *err)
{
    struct world *w = user;
    const ecom_order_created *event = d->event;

    snprintf(w->seen[w->nseen++ % MAX_SEEN], sizeof(w->seen[0]), "%.*s@%d#%u",
             (int)event->order_id.n, event->order_id.p, (int)d->msg->offset, (unsigned)d->attempt);
    ecom_log_write(d->log, ECOM_LOG_WARN, "handling", NULL, 0);
    if (w->fail_times && (!w->fail_key || ecom_str_eq(event->order_id, ecom_str_of(w->fail_key)))) {
        w->fail_times -= w->fail_times != SIZE_MAX;
        ecom_fail(err, w->fail_code, "the handler says no");
        err->retry_after_ms = w->retry_after_ms;
        return w->fail_code;
    }
    return ECOM_OK;
}

void consumer_log(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                  const ecom_log_field *fields, size_t n)
{
    struct world *w = user;

    (void)fields, (void)n;
    w->errors += level == ECOM_LOG_ERROR;
    if (strcmp(message, "handling") == 0)
        snprintf(w->correlation, sizeof(w->correlation), "%.*s", (int)correlation_id.n,
                 correlation_id.p ? correlation_id.p : "");
}

const ecom_str consumer_topics[1] = {{"orders", 6}};
static const ecom_subscriber subscribers[] = {{&ecom_order_created_contract, consumer_handle}};
static const ecom_contract *const ignored[] = {&ecom_payment_completed_contract, NULL};

void world_prepare(struct world *w)
{
    memset(w, 0, sizeof(*w));
    check_world_init(&w->clock, 1);
    w->metrics = ecom_metrics_new();
    w->opts = (ecom_consumer_options){
        .size = sizeof(w->opts),
        .env = &w->clock.env,
        .metrics = w->metrics,
        .group = S("workers"),
        .topics = consumer_topics,
        .ntopics = 1,
        .subscribers = subscribers,
        .nsubscribers = 1,
        .ignore = ignored,
        .user = w,
    };
    if (fake_bus_open(&w->bus, &w->clock.env) == ECOM_OK)
        w->opts.bus = w->bus.bus;
}

int world_start(struct world *w)
{
    return ecom_consumer_new(&w->opts, &w->consumer, &w->e);
}

int world_open(struct world *w)
{
    world_prepare(w);
    return world_start(w);
}

void world_close(struct world *w)
{
    ecom_consumer_free(w->consumer);
    fake_bus_close(&w->bus);
    ecom_metrics_free(w->metrics);
}

void give_body(struct world *w, int32_t partition, const char *key, const char *body)
{
    const ecom_header headers[] = {{S("x-correlation-id"), S("corr")}, {S("h"), S("v")}};
    const ecom_msg msg = {
        .topic = consumer_topics[0],
        .key = ecom_str_of(key),
        .body = ecom_str_of(body),
        .headers = headers,
        .nheaders = 2,
        .time_ms = 1,
        .partition = partition,
        .offset = w->next[partition]++,
    };

    fake_bus_give(&w->bus, &msg);
}

void give_type(struct world *w, int32_t partition, const char *key, const char *type)
{
    char body[400];

    snprintf(body, sizeof(body),
             "{\"type\":\"%s\",\"id\":\"e1\",\"time\":\"2026-11-22T18:25:43.511Z\",\"orderId\":"
             "\"%s\",\"userId\":\"u1\",\"amount\":5,\"currency\":\"USD\",\"paymentId\":\"p1\"}",
             type, key);
    give_body(w, partition, key, body);
}

void give(struct world *w, int32_t partition, const char *key)
{
    give_type(w, partition, key, "ORDER_CREATED");
}

int step(struct world *w)
{
    return ecom_consumer_step(w->consumer, 0, &w->e);
}

ecom_consumer_stats stats(struct world *w)
{
    ecom_consumer_stats s;

    ecom_consumer_stats_get(w->consumer, &s);
    return s;
}

int64_t metric(struct world *w, ecom_metric_kind kind, const char *name, const char *labels)
{
    return ecom_series_value(ecom_metrics_series(w->metrics, kind, name, "", labels));
}
