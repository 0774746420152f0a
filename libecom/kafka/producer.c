#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

enum { POLL_MS = 100, PURGE_MS = 1000 };

/* What became of one message. */
struct report {
    struct batch *batch;
    rd_kafka_resp_err_t code;
};

/* One publish(). It outlives the call when reports are still missing at its end. */
struct batch {
    size_t waited_for;
    int abandoned;
    struct report reports[];
};

static void on_report(rd_kafka_t *rk, const rd_kafka_message_t *message, void *opaque)
{
    struct ecom__kafka_producer *p = opaque;
    struct report *report = message->_private;

    (void)rk;
    pthread_mutex_lock(&p->mutex);
    report->code = message->err;
    if (--report->batch->waited_for == 0 && report->batch->abandoned)
        free(report->batch);
    pthread_mutex_unlock(&p->mutex);
}

static rd_kafka_t *client(struct ecom__kafka_producer *p, ecom_error *err)
{
    const int32_t whole = p->kafka->opts.timeout_ms;
    char timeout[16];
    const struct ecom__kafka_setting settings[] = {
        {"enable.idempotence", "true"},
        {"acks", "all"},
        /* A leader that does not know the producer takes its first batch whatever its number: if
         * it was no leader yet for the batch before, that one's repetition then counts as a
         * duplicate, and is lost although it was confirmed. One at a time, this cannot happen. */
        {"max.in.flight.requests.per.connection", "1"},
        {"linger.ms", "0"},
        {"retry.backoff.ms", "50"},
        {"partitioner", "murmur2_random"},
        /* librdkafka looks for what is too old once a second. */
        {"message.timeout.ms", timeout},
        {"queue.buffering.max.kbytes", "65536"},
    };

    snprintf(timeout, sizeof(timeout), "%d", whole > 2000 ? whole - 1000 : whole / 2 + 1);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, p);
    rd_kafka_conf_set_dr_msg_cb(conf, on_report);
    return ecom__kafka_client(p->kafka, RD_KAFKA_PRODUCER, conf, settings,
                              sizeof(settings) / sizeof(settings[0]), err);
}

int ecom__kafka_producer_new(struct ecom__kafka *k, struct ecom__kafka_producer **out,
                             ecom_error *err)
{
    struct ecom__kafka_producer *p = calloc(1, sizeof(*p));

    if (!p)
        return ecom_fail(err, ECOM_E_NOMEM, "a producer");
    p->kafka = k;
    p->refs = 1;
    pthread_mutex_init(&p->mutex, NULL);
    ecom__cond_init(&p->news);
    p->rk = client(p, err);
    if (!p->rk) {
        ecom__kafka_producer_unref(p);
        return err ? err->code : ECOM_E_INVAL;
    }
    *out = p;
    return ECOM_OK;
}

struct ecom__kafka_producer *ecom__kafka_producer_ref(struct ecom__kafka *k)
{
    pthread_mutex_lock(&k->mutex);
    struct ecom__kafka_producer *p = k->producer;
    p->refs++;
    pthread_mutex_unlock(&k->mutex);
    return p;
}

void ecom__kafka_producer_unref(struct ecom__kafka_producer *p)
{
    if (!p)
        return;
    pthread_mutex_lock(&p->kafka->mutex);
    uint32_t refs = --p->refs;
    pthread_mutex_unlock(&p->kafka->mutex);
    if (refs)
        return;
    for (size_t i = 0; i < p->ntopics; i++)
        rd_kafka_topic_destroy(p->topics[i].handle);
    if (p->rk) { /* what nobody waits for any more */
        rd_kafka_purge(p->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
        rd_kafka_flush(p->rk, PURGE_MS);
        rd_kafka_destroy(p->rk);
    }
    pthread_cond_destroy(&p->news);
    pthread_mutex_destroy(&p->mutex);
    free(p->topics);
    free(p);
}

/* After a fatal error a producer sends nothing any more: another takes its place. */
static void replace(struct ecom__kafka *k, struct ecom__kafka_producer *p)
{
    struct ecom__kafka_producer *fresh = NULL;
    char why[128];

    if (rd_kafka_fatal_error(p->rk, why, sizeof(why)) == RD_KAFKA_RESP_ERR_NO_ERROR ||
        ecom__kafka_producer_new(k, &fresh, NULL) < 0)
        return;
    pthread_mutex_lock(&k->mutex);
    int ours = k->producer == p; /* else somebody was first */
    if (ours)
        k->producer = fresh;
    pthread_mutex_unlock(&k->mutex);
    if (ours)
        ecom_series_add(k->metrics.fatal, 1);
    ecom__kafka_producer_unref(ours ? p : fresh);
}

/* Its handle, if it is known to be there. */
static rd_kafka_topic_t *handle_of(struct ecom__kafka_producer *p, ecom_str topic)
{
    size_t prefix_n = p->kafka->url.prefix_n;
    rd_kafka_topic_t *handle = NULL;

    pthread_mutex_lock(&p->mutex);
    for (size_t i = 0; i < p->ntopics && !handle; i++) {
        const struct ecom__kafka_topic *known = &p->topics[i];
        if (known->n == prefix_n + topic.n && memcmp(known->name + prefix_n, topic.p, topic.n) == 0)
            handle = known->handle;
    }
    pthread_mutex_unlock(&p->mutex);
    return handle;
}

static rd_kafka_headers_t *headers_of(const ecom_msg *msg)
{
    rd_kafka_headers_t *headers = rd_kafka_headers_new(msg->nheaders);

    for (size_t i = 0; headers && i < msg->nheaders; i++) {
        const ecom_header *h = &msg->headers[i];
        if (rd_kafka_header_add(headers, h->name.p, (ssize_t)h->name.n,
                                h->value.n ? h->value.p : "", (ssize_t)h->value.n)) {
            rd_kafka_headers_destroy(headers);
            return NULL;
        }
    }
    return headers;
}

/* Puts one message into librdkafka's queue. */
static rd_kafka_resp_err_t enqueue(struct ecom__kafka_producer *p, const ecom_msg *msg,
                                   rd_kafka_topic_t *topic, struct report *report)
{
    rd_kafka_headers_t *headers = NULL;

    if (msg->nheaders && !(headers = headers_of(msg)))
        return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    const rd_kafka_vu_t fields[] = {
        {.vtype = RD_KAFKA_VTYPE_RKT, .u.rkt = topic},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_KEY,
         .u.mem = {msg->key.n ? (void *)(uintptr_t)msg->key.p : NULL, msg->key.n}},
        {.vtype = RD_KAFKA_VTYPE_VALUE,
         .u.mem = {(void *)(uintptr_t)(msg->body.n ? msg->body.p : ""), msg->body.n}},
        {.vtype = RD_KAFKA_VTYPE_TIMESTAMP, .u.i64 = msg->time_ms},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u.ptr = report},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(p->rk, fields, sizeof(fields) / sizeof(fields[0]));
    rd_kafka_resp_err_t code = rd_kafka_error_code(error); /* of NULL: none */
    rd_kafka_error_destroy(error);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR && headers)
        rd_kafka_headers_destroy(headers);
    return code;
}

/* Waits for reports: one thread at a time takes them from librdkafka, for all. Called and returns
 * with the mutex held. */
static void await_news(struct ecom__kafka_producer *p, int64_t deadline_ms)
{
    struct timespec until = {(time_t)(deadline_ms / 1000), (long)(deadline_ms % 1000) * 1000000};
    int left = ecom__kafka_left_ms(deadline_ms);

    if (p->polling) {
        pthread_cond_timedwait(&p->news, &p->mutex, &until);
        return;
    }
    p->polling = 1;
    pthread_mutex_unlock(&p->mutex);
    rd_kafka_poll(p->rk, left < POLL_MS ? left : POLL_MS);
    pthread_mutex_lock(&p->mutex);
    p->polling = 0;
    pthread_cond_broadcast(&p->news);
}

/* Hands messages over until one is refused. @return how many were taken. */
static size_t enqueue_all(struct ecom__kafka_producer *p, const ecom_msg *msgs, size_t n,
                          struct batch *batch, int64_t deadline_ms)
{
    rd_kafka_topic_t *topic = NULL;
    size_t i = 0;

    while (i < n) {
        struct report *report = &batch->reports[i];
        if (i == 0 || !ecom_str_eq(msgs[i].topic, msgs[i - 1].topic))
            topic = handle_of(p, msgs[i].topic);
        report->batch = batch;
        report->code = RD_KAFKA_RESP_ERR__TIMED_OUT;
        rd_kafka_resp_err_t code =
            topic ? enqueue(p, &msgs[i], topic, report) : RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC;
        if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL && ecom__kafka_left_ms(deadline_ms)) {
            pthread_mutex_lock(&p->mutex);
            await_news(p, deadline_ms);
            pthread_mutex_unlock(&p->mutex);
            continue;
        }
        if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
            report->code = code;
            break;
        }
        i++;
    }
    return i;
}

/* Sends, and waits for all reports. @return the first failure, with @p done before it. */
static rd_kafka_resp_err_t send_batch(struct ecom__kafka_producer *p, const ecom_msg *msgs,
                                      size_t n, size_t *done, int64_t deadline_ms)
{
    struct batch *batch = malloc(sizeof(*batch) + n * sizeof(struct report));
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    size_t i = 0;

    if (!batch)
        return RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE;
    *batch = (struct batch){.waited_for = n};
    size_t sent = enqueue_all(p, msgs, n, batch, deadline_ms);
    pthread_mutex_lock(&p->mutex);
    batch->waited_for -= n - sent;
    while (batch->waited_for && ecom__kafka_left_ms(deadline_ms))
        await_news(p, deadline_ms);
    while (i < sent && batch->reports[i].code == RD_KAFKA_RESP_ERR_NO_ERROR)
        i++;
    if (i < n)
        code = batch->reports[i].code;
    if (batch->waited_for)
        batch->abandoned = 1;
    else
        free(batch);
    pthread_mutex_unlock(&p->mutex);
    *done = i;
    return code;
}

/* Topics are there, for all that can be told without asking. */
static int prepare(struct ecom__kafka_producer *p, const ecom_msg *msgs, size_t n,
                   int64_t deadline_ms, ecom_error *err)
{
    int r = ECOM_OK;

    for (size_t i = 0; i < n && r == ECOM_OK; i++) {
        if (i && ecom_str_eq(msgs[i].topic, msgs[i - 1].topic))
            continue;
        if (!handle_of(p, msgs[i].topic))
            r = ecom__kafka_topics_make(p, &msgs[i].topic, 1, p->kafka->opts.partitions,
                                        deadline_ms, err);
    }
    return r;
}

static int64_t now_us(void)
{
    const ecom_env *env = ecom_env_system();

    return env->monotonic_us(env->self);
}

int ecom__kafka_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct ecom__kafka *k = self;
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(k);
    int64_t begin_us = now_us();
    int64_t deadline_ms = ecom__kafka_until(k);

    int r = prepare(p, msgs, n, deadline_ms, err);
    if (r == ECOM_OK) {
        rd_kafka_resp_err_t code = send_batch(p, msgs, n, done, deadline_ms);
        ecom_series_add(k->metrics.published, (int64_t)*done);
        if (code == RD_KAFKA_RESP_ERR_NO_ERROR)
            ecom__kafka_reached(k);
        else {
            ecom__kafka_topic_forget(p, msgs[*done].topic);
            replace(k, p);
            r = ecom__kafka_fail(k, code, "publishing to Kafka", err);
        }
    }
    ecom_series_add(k->metrics.failures, r < 0);
    ecom_series_observe(k->metrics.publish, now_us() - begin_us);
    ecom_series_set(k->metrics.queued, rd_kafka_outq_len(p->rk));
    ecom__kafka_producer_unref(p);
    return r;
}
