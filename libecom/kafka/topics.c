#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

enum {
    MAX_KNOWN = 1000, /* topics remembered by a producer */
    FIRST_LOOK_MS = 300,
    LOOK_AGAIN_MS = 20,
    NOTICE_MS = 3000 /* a consumer that fetches takes so long to see that a topic is gone */
};

const char *ecom__kafka_name(const struct ecom__kafka *k, ecom_str name,
                             char out[ECOM__KAFKA_MAX_NAME])
{
    snprintf(out, ECOM__KAFKA_MAX_NAME, "%s%.*s", k->url.prefix, (int)name.n, name.p);
    return out;
}

ecom_str ecom__kafka_bare_name(const struct ecom__kafka *k, const char *name)
{
    if (strncmp(name, k->url.prefix, k->url.prefix_n) != 0)
        return (ecom_str){NULL, 0};
    return ecom_str_of(name + k->url.prefix_n);
}

/* Asks the cluster, and says why it does not answer: a short look first, after which a wrong key or
 * certificate has shown. @p all  all topics; else that of @p handle, or of none. */
static int metadata(struct ecom__kafka_producer *p, int all, rd_kafka_topic_t *handle,
                    int64_t deadline_ms, const rd_kafka_metadata_t **out, ecom_error *err)
{
    int left = ecom__kafka_left_ms(deadline_ms);
    int look = left < FIRST_LOOK_MS ? left : FIRST_LOOK_MS;

    rd_kafka_resp_err_t code = rd_kafka_metadata(p->rk, all, handle, out, look);
    while (code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR__TRANSPORT) {
        rd_kafka_poll(p->rk, 0); /* what went wrong is told there */
        left = ecom__kafka_left_ms(deadline_ms);
        if (left == 0 || ecom__kafka_hopeless(p->kafka))
            break;
        if (code == RD_KAFKA_RESP_ERR__TRANSPORT)
            ecom__kafka_pause(left < LOOK_AGAIN_MS ? left : LOOK_AGAIN_MS);
        look *= 2;
        code = rd_kafka_metadata(p->rk, all, handle, out, look < left ? look : left);
    }
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR)
        return ecom__kafka_fail(p->kafka, code, "Kafka does not answer", err);
    ecom__kafka_reached(p->kafka);
    return ECOM_OK;
}

/* Its partitions once each has a leader; 0: not yet; below: no such topic. */
static int usable(const rd_kafka_metadata_t *meta, rd_kafka_resp_err_t *code)
{
    *code = RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART;
    if (meta->topic_cnt < 1)
        return 0;
    const rd_kafka_metadata_topic_t *topic = &meta->topics[0];
    *code = topic->err;
    for (int i = 0; i < topic->partition_cnt; i++)
        if (topic->partitions[i].leader < 0)
            return 0;
    return topic->err ? 0 : topic->partition_cnt;
}

/* Waits until the topic can be used: @p wait, or fails at once when it is not there. */
static int await(struct ecom__kafka_producer *p, const char *name, int wait, int64_t deadline_ms,
                 int32_t *partitions, ecom_error *err)
{
    rd_kafka_topic_t *handle = rd_kafka_topic_new(p->rk, name, NULL);
    const rd_kafka_metadata_t *meta = NULL;
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    int r, n = 0;

    if (!handle)
        return ecom_fail(err, ECOM_E_NOMEM, "topic %s", name);
    for (;;) {
        r = metadata(p, 0, handle, deadline_ms, &meta, err);
        if (r < 0)
            break;
        n = usable(meta, &code);
        rd_kafka_metadata_destroy(meta);
        if (n > 0 || code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED)
            break;
        if ((!wait && code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) ||
            ecom__kafka_left_ms(deadline_ms) == 0)
            break;
        ecom__kafka_pause(LOOK_AGAIN_MS);
    }
    rd_kafka_topic_destroy(handle);
    if (r == ECOM_OK && n <= 0 && code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART)
        return ecom_fail(err, ECOM_E_NOTFOUND, "there is no topic %s", name);
    if (r == ECOM_OK && n <= 0)
        return ecom_fail(err, code ? ECOM_E_FORBIDDEN : ECOM_E_UNAVAILABLE, "topic %s: %s", name,
                         code ? rd_kafka_err2str(code) : "its partitions have no leader");
    if (r == ECOM_OK)
        *partitions = n;
    return r;
}

int ecom__kafka_partitions(struct ecom__kafka_producer *p, ecom_str topic, int64_t deadline_ms,
                           int32_t *partitions, ecom_error *err)
{
    char name[ECOM__KAFKA_MAX_NAME];

    return await(p, ecom__kafka_name(p->kafka, topic, name), 0, deadline_ms, partitions, err);
}

/* Asks for one topic. @p sized  with our limit on messages, which a cluster may refuse. */
static rd_kafka_resp_err_t request(struct ecom__kafka_producer *p, const char *name,
                                   int32_t partitions, int sized, int64_t deadline_ms)
{
    char why[128], limit[16];
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR__TIMED_OUT;
    int left = ecom__kafka_left_ms(deadline_ms);

    rd_kafka_NewTopic_t *topic =
        rd_kafka_NewTopic_new(name, partitions, p->kafka->url.replication, why, sizeof(why));
    rd_kafka_AdminOptions_t *options =
        rd_kafka_AdminOptions_new(p->rk, RD_KAFKA_ADMIN_OP_CREATETOPICS);
    rd_kafka_queue_t *queue = rd_kafka_queue_new(p->rk);
    if (!topic || !options || !queue || left == 0)
        goto end;
    snprintf(limit, sizeof(limit), "%d", ECOM__KAFKA_MAX_MESSAGE);
    if (sized)
        rd_kafka_NewTopic_set_config(topic, "max.message.bytes", limit);
    rd_kafka_AdminOptions_set_request_timeout(options, left, why, sizeof(why));
    rd_kafka_CreateTopics(p->rk, &topic, 1, options, queue);
    rd_kafka_event_t *event = rd_kafka_queue_poll(queue, left + 1000);
    if (event) {
        size_t n = 0;
        code = rd_kafka_event_error(event);
        const rd_kafka_CreateTopics_result_t *result = rd_kafka_event_CreateTopics_result(event);
        const rd_kafka_topic_result_t **each =
            result && !code ? rd_kafka_CreateTopics_result_topics(result, &n) : NULL;
        if (n == 1)
            code = rd_kafka_topic_result_error(each[0]);
        rd_kafka_event_destroy(event);
    }
end:
    if (queue)
        rd_kafka_queue_destroy(queue);
    if (options)
        rd_kafka_AdminOptions_destroy(options);
    if (topic)
        rd_kafka_NewTopic_destroy(topic);
    return code;
}

/* A managed cluster lets only some make topics: what to do about it. Who may not see a topic is not
 * told whether it is there. */
static int forbidden(struct ecom__kafka *k, const char *name, int32_t partitions, int hidden,
                     ecom_error *err)
{
    return ecom_fail(err, ECOM_E_FORBIDDEN,
                     "%s topic %s, and %s: run 'confluent kafka topic create %s --partitions "
                     "%" PRId32 "'%s",
                     hidden ? "the key may not see a" : "no", name,
                     k->url.create_topics ? "may not make it" : "told not to make it", name,
                     partitions,
                     hidden ? " if it is not there, and allow the key to read, write and "
                              "describe it"
                            : "");
}

static int make_one(struct ecom__kafka_producer *p, const char *name, int32_t partitions,
                    int64_t deadline_ms, ecom_error *err)
{
    struct ecom__kafka *k = p->kafka;
    const rd_kafka_metadata_t *meta;
    int32_t has = 0;
    ecom_error why = {0};
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED;

    /* Whether anybody answers, and if not why: that says more than a request's time-out. */
    int r = metadata(p, 0, NULL, deadline_ms, &meta, err);
    if (r < 0)
        return r;
    rd_kafka_metadata_destroy(meta);
    if (k->url.create_topics) {
        code = request(p, name, partitions, 1, deadline_ms);
        if (code == RD_KAFKA_RESP_ERR_INVALID_CONFIG || code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION)
            code = request(p, name, partitions, 0, deadline_ms);
    }
    int made = code == RD_KAFKA_RESP_ERR_NO_ERROR || code == RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS;
    r = await(p, name, made, deadline_ms, &has, &why);
    if (r == ECOM_OK)
        return r;
    if (!made && (r == ECOM_E_NOTFOUND || r == ECOM_E_FORBIDDEN)) {
        if (code == RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED ||
            code == RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED ||
            code == RD_KAFKA_RESP_ERR_POLICY_VIOLATION)
            return forbidden(k, name, partitions, r == ECOM_E_FORBIDDEN, err);
        return ecom__kafka_fail(k, code, "making a topic", err);
    }
    if (err)
        *err = why;
    return r == ECOM_E_NOTFOUND ? ecom_fail(err, ECOM_E_UNAVAILABLE,
                                            "topic %s was made, and is not to be seen yet", name)
                                : r;
}

/* Whatever became of it: one that was forgotten has n 0. */
static struct ecom__kafka_topic *met(struct ecom__kafka_producer *p, const char *name)
{
    for (size_t i = 0; i < p->ntopics; i++)
        if (strcmp(p->topics[i].name, name) == 0)
            return &p->topics[i];
    return NULL;
}

static int meet(struct ecom__kafka_producer *p, const char *name, ecom_error *err)
{
    if (p->ntopics == MAX_KNOWN)
        return ecom_fail(err, ECOM_E_TOOLARGE, "topic %s would be more than %d", name, MAX_KNOWN);
    struct ecom__kafka_topic *more = realloc(p->topics, (p->ntopics + 1) * sizeof(*p->topics));
    if (!more)
        return ecom_fail(err, ECOM_E_NOMEM, "topic %s", name);
    p->topics = more;
    struct ecom__kafka_topic *topic = &more[p->ntopics];
    topic->missed_ms = 0;
    topic->handle = rd_kafka_topic_new(p->rk, name, NULL);
    if (!topic->handle)
        return ecom_fail(err, ECOM_E_NOMEM, "topic %s", name);
    topic->n = strlen(name);
    memcpy(topic->name, name, topic->n + 1);
    p->ntopics++;
    return ECOM_OK;
}

static int remember(struct ecom__kafka_producer *p, const char *name, ecom_error *err)
{
    int r = ECOM_OK;

    pthread_mutex_lock(&p->mutex);
    struct ecom__kafka_topic *topic = met(p, name);
    if (topic) {
        topic->n = strlen(name);
        topic->missed_ms = 0;
    } else
        r = meet(p, name, err);
    pthread_mutex_unlock(&p->mutex);
    return r;
}

void ecom__kafka_topic_forget(struct ecom__kafka_producer *p, ecom_str topic)
{
    char name[ECOM__KAFKA_MAX_NAME];

    ecom__kafka_name(p->kafka, topic, name);
    pthread_mutex_lock(&p->mutex);
    struct ecom__kafka_topic *known = met(p, name);
    if (known)
        known->n = 0;
    pthread_mutex_unlock(&p->mutex);
}

/* Whether a topic that was there once, and is gone, may be made again. Not at once: consumers who
 * have not noticed would go on where they stood in the old one, past the first of the new. */
static int may_be_made(struct ecom__kafka_producer *p, const char *name, ecom_error *err)
{
    int64_t now = ecom__monotonic_ms();

    pthread_mutex_lock(&p->mutex);
    struct ecom__kafka_topic *topic = met(p, name);
    if (topic && !topic->missed_ms)
        topic->missed_ms = now;
    int64_t left = topic ? topic->missed_ms + NOTICE_MS - now : 0;
    pthread_mutex_unlock(&p->mutex);
    if (left <= 0)
        return ECOM_OK;
    return ecom_fail(err, ECOM_E_UNAVAILABLE,
                     "topic %s was deleted: it is made again in %" PRId64 " ms, when its consumers "
                     "have noticed",
                     name, left);
}

/* One that was there before: it may still be. */
static int make_again(struct ecom__kafka_producer *p, const char *name, int32_t partitions,
                      int64_t deadline_ms, ecom_error *err)
{
    ecom_error why = {0};
    int32_t has = 0;

    int r = await(p, name, 0, deadline_ms, &has, &why);
    if (r == ECOM_E_NOTFOUND) {
        r = may_be_made(p, name, err);
        return r == ECOM_OK ? make_one(p, name, partitions, deadline_ms, err) : r;
    }
    if (r < 0 && err)
        *err = why;
    return r;
}

int ecom__kafka_topics_make(struct ecom__kafka_producer *p, const ecom_str *topics, size_t n,
                            int32_t partitions, int64_t deadline_ms, ecom_error *err)
{
    char name[ECOM__KAFKA_MAX_NAME];
    int r = ECOM_OK;

    for (size_t i = 0; i < n && r == ECOM_OK; i++) {
        ecom__kafka_name(p->kafka, topics[i], name);
        pthread_mutex_lock(&p->mutex);
        const struct ecom__kafka_topic *topic = met(p, name);
        int there = topic && topic->n, before = topic != NULL;
        pthread_mutex_unlock(&p->mutex);
        if (!there)
            r = (before ? make_again : make_one)(p, name, partitions, deadline_ms, err);
        if (!there && r == ECOM_OK)
            r = remember(p, name, err);
    }
    return r;
}

int ecom__kafka_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(self);
    int r = ecom__kafka_topics_make(p, &topic, 1, partitions, ecom__kafka_until(self), err);

    ecom__kafka_producer_unref(p);
    return r;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(((const rd_kafka_metadata_topic_t *)a)->topic,
                  ((const rd_kafka_metadata_topic_t *)b)->topic);
}

int ecom__kafka_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    struct ecom__kafka *k = self;
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(k);
    const rd_kafka_metadata_t *meta;

    int r = metadata(p, 1, NULL, ecom__kafka_until(k), &meta, err);
    ecom__kafka_producer_unref(p);
    if (r < 0)
        return r;
    qsort(meta->topics, (size_t)meta->topic_cnt, sizeof(*meta->topics), by_name);
    for (int i = 0; i < meta->topic_cnt; i++) {
        const rd_kafka_metadata_topic_t *topic = &meta->topics[i];
        ecom_str name = ecom__kafka_bare_name(k, topic->topic);
        if (topic->err || name.n == 0 || strncmp(topic->topic, "__", 2) == 0) /* Kafka's own */
            continue;
        ecom_msg msg = {.topic = name, .partition = topic->partition_cnt};
        if (row(user, &msg))
            break;
    }
    rd_kafka_metadata_destroy(meta);
    return ECOM_OK;
}

int ecom__kafka_ping(void *self, ecom_error *err)
{
    struct ecom__kafka *k = self;
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(k);
    const rd_kafka_metadata_t *meta;

    rd_kafka_poll(p->rk, 0);
    int r = metadata(p, 0, NULL, ecom__kafka_until(k), &meta, err);
    if (r == ECOM_OK)
        rd_kafka_metadata_destroy(meta);
    ecom__kafka_producer_unref(p);
    return r;
}
