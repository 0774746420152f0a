#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

enum {
    MAX_POLL_MS = 30000,  /* how long one that lives may be silent, at least */
    MAKE_AGAIN_MS = 1000, /* topics that were deleted */
    CLOSE_MS = 7000,      /* librdkafka waits 5 s for a group to be left, and looks once a second */
    MAX_HEADERS = ECOM_BUS_MAX_HEADERS
};

static void stash_clear(struct ecom__kafka_member *m)
{
    for (; m->stashed; m->stashed--, m->head = (m->head + 1) % ECOM__KAFKA_STASH)
        rd_kafka_message_destroy(m->stash[m->head]);
    m->stashed_bytes = 0;
}

static int has_id(rd_kafka_t *rk)
{
    char *id = rd_kafka_memberid(rk);
    int has = id && *id;

    rd_kafka_mem_free(rk, id);
    return has;
}

/* Ends the membership before the consumer is closed. What a rebalance asks of the client's main
 * thread (rd_kafka_assign() and its like) is waited for without end, and dropped without an answer
 * when the group of a closing consumer ends just then: so it is all asked here, while that thread
 * answers, and nothing later. */
static int withdraw(struct ecom__kafka_member *m, rd_kafka_queue_t *queue)
{
    int64_t deadline_ms = ecom__kafka_until(m->kafka);
    int pause_ms = 1;
    size_t waiting;

    rd_kafka_unsubscribe(m->rk);
    while ((waiting = rd_kafka_queue_length(queue)) > 0 || has_id(m->rk)) {
        if (!ecom__kafka_left_ms(deadline_ms))
            return 0; /* a commit has no answer yet */
        rd_kafka_message_t *message = rd_kafka_consumer_poll(m->rk, waiting ? 0 : pause_ms);
        pause_ms = waiting ? 1 : pause_ms < 64 ? 2 * pause_ms : pause_ms;
        if (message)
            rd_kafka_message_destroy(message);
    }
    return 1;
}

/* Until the coordinator knows. That has its time-out, which must not be cut short: librdkafka would
 * wait for it without end when the client is destroyed. */
static int close_consumer(struct ecom__kafka_member *m)
{
    rd_kafka_error_t *error = rd_kafka_consumer_close_queue(m->rk, m->commits);
    int64_t deadline_ms = ecom__monotonic_ms() + CLOSE_MS;
    int left;

    while (!error && !rd_kafka_consumer_closed(m->rk) &&
           (left = ecom__kafka_left_ms(deadline_ms)) > 0) {
        rd_kafka_event_t *event = rd_kafka_queue_poll(m->commits, left);
        if (event)
            rd_kafka_event_destroy(event);
    }
    if (error)
        rd_kafka_error_destroy(error);
    return rd_kafka_consumer_closed(m->rk);
}

/* Leaves the group, so that others take over at once. */
static void leave(struct ecom__kafka_member *m, rd_kafka_queue_t *queue)
{
    int out = withdraw(m, queue);

    m->left = 1;
    if (!out || !close_consumer(m))
        ecom_log_write(m->kafka->opts.log, ECOM_LOG_DEBUG,
                       "a group was not left in time: others take over when the session ends",
                       &(ecom_log_field){"group", m->sub.group, 0}, 1);
}

static void client_free(struct ecom__kafka_member *m)
{
    pthread_mutex_lock(&m->mutex);
    rd_kafka_queue_t *queue = m->queue;
    m->queue = NULL;
    pthread_mutex_unlock(&m->mutex);
    stash_clear(m);
    /* For a static member the group keeps its partitions; a dead one is out of it already. */
    if (m->commits && m->grouped && !m->is_static && !m->dead)
        leave(m, queue);
    if (m->commits)
        rd_kafka_queue_destroy(m->commits);
    if (queue)
        rd_kafka_queue_destroy(queue);
    if (m->rk)
        rd_kafka_destroy_flags(m->rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    m->commits = NULL;
    m->rk = NULL;
    if (m->grouped)
        ecom_series_set(m->kafka->metrics.partitions, 0);
}

static void member_free(struct ecom__kafka_member *m)
{
    m->closing = 1;
    client_free(m);
    pthread_mutex_destroy(&m->mutex);
    free(m->parts);
    free(m->names);
    free(m);
}

/* The subscription with its strings, which are the caller's. */
static int copy(struct ecom__kafka_member *m, const ecom_subscription *sub)
{
    size_t n = sub->group.n;

    for (size_t i = 0; i < sub->ntopics; i++)
        n += sub->topics[i].n;
    m->names = malloc(n + 1);
    if (!m->names)
        return ECOM_E_NOMEM;
    m->sub = *sub;
    char *at = m->names;
    for (size_t i = 0; i < sub->ntopics; i++) {
        m->topics[i] = (ecom_str){memcpy(at, sub->topics[i].p, sub->topics[i].n), sub->topics[i].n};
        at += sub->topics[i].n;
    }
    m->sub.topics = m->topics;
    if (sub->group.n)
        memcpy(at, sub->group.p, sub->group.n);
    m->sub.group.p = at;
    m->grouped = sub->group.n > 0;
    return ECOM_OK;
}

/* Heartbeats are what tells a member of a change in its group. */
static int heartbeat_ms(int32_t session_ms)
{
    int ms = session_ms / 20;

    return ms < 50 ? 50 : ms > 3000 ? 3000 : ms;
}

static int client_new(struct ecom__kafka_member *m, ecom_error *err)
{
    char group[ECOM__KAFKA_MAX_NAME], session[16], heartbeat[16], poll[16];
    const int32_t session_ms = m->sub.session_timeout_ms;
    const struct ecom__kafka_setting settings[] = {
        {"group.id", group},
        {"enable.auto.commit", "false"},
        {"enable.auto.offset.store", "false"},
        {"partition.assignment.strategy", ecom__kafka_strategy()},
        {"auto.offset.reset", m->sub.start == ECOM_START_LATEST ? "latest" : "earliest"},
        {"session.timeout.ms", session},
        {"heartbeat.interval.ms", heartbeat},
        {"max.poll.interval.ms", poll},
        {"allow.auto.create.topics", "false"},
        {"statistics.interval.ms", m->kafka->opts.metrics ? "5000" : "0"},
        {"queued.max.messages.kbytes", "16384"},
        {"fetch.error.backoff.ms", "100"},
        {"topic.metadata.refresh.interval.ms", "2000"}, /* topics that come back, new partitions */
        /* What asks for offsets, of a new partition or for the lag, waits behind it. */
        {"fetch.wait.max.ms", "100"},
    };

    /* librdkafka wants a name, also of those who join no group. */
    ecom__kafka_name(m->kafka, m->grouped ? m->sub.group : ecom_str_of("looking-on"), group);
    snprintf(session, sizeof(session), "%d", session_ms);
    snprintf(heartbeat, sizeof(heartbeat), "%d", heartbeat_ms(session_ms));
    snprintf(poll, sizeof(poll), "%d", session_ms > MAX_POLL_MS ? session_ms : MAX_POLL_MS);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_opaque(conf, m);
    rd_kafka_conf_set_rebalance_cb(conf, ecom__kafka_on_rebalance);
    rd_kafka_conf_set_stats_cb(conf, ecom__kafka_on_stats);
    m->rk = ecom__kafka_client(m->kafka, RD_KAFKA_CONSUMER, conf, settings,
                               sizeof(settings) / sizeof(settings[0]), err);
    if (!m->rk)
        return err->code;
    m->cooperates = ecom__kafka_cooperates(rd_kafka_conf(m->rk));
    m->is_static = ecom__kafka_is_static(rd_kafka_conf(m->rk));
    m->left = 0;
    rd_kafka_poll_set_consumer(m->rk);
    rd_kafka_queue_t *queue = rd_kafka_queue_get_consumer(m->rk);
    pthread_mutex_lock(&m->mutex);
    m->queue = queue;
    pthread_mutex_unlock(&m->mutex);
    m->commits = rd_kafka_queue_new(m->rk);
    return queue && m->commits ? ECOM_OK : ecom_fail(err, ECOM_E_NOMEM, "joining a group");
}

/* All partitions of all its topics. */
static int list_partitions(struct ecom__kafka_member *m, struct ecom__kafka_producer *p,
                           rd_kafka_topic_partition_list_t *list, int64_t deadline_ms,
                           ecom_error *err)
{
    char name[ECOM__KAFKA_MAX_NAME];
    int32_t n = 0;

    for (size_t i = 0; i < m->sub.ntopics; i++) {
        int r = ecom__kafka_partitions(p, m->topics[i], deadline_ms, &n, err);
        if (r < 0)
            return r;
        rd_kafka_topic_partition_list_add_range(
            list, ecom__kafka_name(m->kafka, m->topics[i], name), 0, n - 1);
    }
    return ECOM_OK;
}

/* Some messages before the end, as far as they are there. */
static int go_back(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                   int64_t deadline_ms, ecom_error *err)
{
    rd_kafka_topic_partition_list_t *oldest = rd_kafka_topic_partition_list_copy(list);
    int r = ecom__kafka_resolve(m, oldest, RD_KAFKA_OFFSET_BEGINNING, deadline_ms, err);

    for (int i = 0; i < list->cnt && r == ECOM_OK; i++) {
        int64_t from = list->elems[i].offset - m->sub.back;
        list->elems[i].offset = from > oldest->elems[i].offset ? from : oldest->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(oldest);
    return r;
}

/* One that looks on has all partitions, and no group. */
static int look_on(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                   int64_t deadline_ms, ecom_error *err)
{
    int64_t from =
        m->sub.start == ECOM_START_LATEST ? RD_KAFKA_OFFSET_END : RD_KAFKA_OFFSET_BEGINNING;
    int r = ecom__kafka_resolve(m, list, from, deadline_ms, err);

    if (r == ECOM_OK && m->sub.back)
        r = go_back(m, list, deadline_ms, err);
    for (int i = 0; i < list->cnt && r == ECOM_OK; i++) {
        const rd_kafka_topic_partition_t *at = &list->elems[i];
        if (ecom__kafka_part_add(m, at->topic, at->partition) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "looking on");
        m->parts[m->nparts - 1].first = m->parts[m->nparts - 1].next = at->offset;
    }
    rd_kafka_resp_err_t code = r == ECOM_OK ? rd_kafka_assign(m->rk, list) : 0;
    return code ? ecom__kafka_fail(m->kafka, code, "looking on", err) : r;
}

static int join(struct ecom__kafka_member *m, ecom_error *err)
{
    rd_kafka_topic_partition_list_t *topics =
        rd_kafka_topic_partition_list_new((int)m->sub.ntopics);
    char name[ECOM__KAFKA_MAX_NAME];

    for (size_t i = 0; i < m->sub.ntopics; i++)
        rd_kafka_topic_partition_list_add(topics, ecom__kafka_name(m->kafka, m->topics[i], name),
                                          RD_KAFKA_PARTITION_UA);
    rd_kafka_resp_err_t code = rd_kafka_subscribe(m->rk, topics);
    rd_kafka_topic_partition_list_destroy(topics);
    return code ? ecom__kafka_fail(m->kafka, code, "joining a group", err) : ECOM_OK;
}

/* Everything that asks the cluster. */
static int begin(struct ecom__kafka_member *m, ecom_error *err)
{
    const int64_t deadline_ms = ecom__kafka_until(m->kafka);
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(m->kafka);
    rd_kafka_topic_partition_list_t *list = NULL;

    int r = ecom__kafka_topics_make(p, m->topics, m->sub.ntopics, m->kafka->opts.partitions,
                                    deadline_ms, err);
    if (r == ECOM_OK)
        r = client_new(m, err);
    if (r == ECOM_OK && (!m->grouped || m->sub.start == ECOM_START_LATEST)) {
        list = rd_kafka_topic_partition_list_new(64);
        r = list_partitions(m, p, list, deadline_ms, err);
    }
    if (r == ECOM_OK && !m->grouped)
        r = look_on(m, list, deadline_ms, err);
    else if (r == ECOM_OK && list)
        r = ecom__kafka_start_at_end(m, list, deadline_ms, err);
    if (r == ECOM_OK && m->grouped)
        r = join(m, err);
    if (list)
        rd_kafka_topic_partition_list_destroy(list);
    ecom__kafka_producer_unref(p);
    return r;
}

int ecom__kafka_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err)
{
    struct ecom__kafka_member *m = calloc(1, sizeof(*m));
    ecom_error why = {0};

    if (!m || copy(m, sub) < 0) {
        free(m);
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    }
    m->kafka = self;
    pthread_mutex_init(&m->mutex, NULL);
    int r = begin(m, &why);
    if (r == ECOM_OK) {
        *member = m;
        return r;
    }
    member_free(m);
    if (err)
        *err = why;
    return r;
}

/* Topics that were deleted under us are made again, as on joining. */
static void make_topics_again(struct ecom__kafka_member *m)
{
    const int64_t now = ecom__monotonic_ms(), deadline_ms = ecom__kafka_until(m->kafka);
    ecom_error why;
    int32_t n;

    if (m->made_ms && now - m->made_ms < MAKE_AGAIN_MS)
        return;
    m->made_ms = now;
    struct ecom__kafka_producer *p = ecom__kafka_producer_ref(m->kafka);
    for (size_t i = 0; i < m->sub.ntopics; i++)
        if (ecom__kafka_partitions(p, m->topics[i], deadline_ms, &n, &why) == ECOM_E_NOTFOUND) {
            ecom__kafka_topic_forget(p, m->topics[i]);
            (void)!ecom__kafka_topics_make(p, &m->topics[i], 1, m->kafka->opts.partitions,
                                           deadline_ms, &why);
        }
    ecom__kafka_producer_unref(p);
}

static int fail_forbidden(const char *what, const char *name, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_FORBIDDEN, "the key may not read %s %s: allow it to, by an ACL",
                     what, name);
}

static int fail_refused(const struct ecom__kafka_member *m, ecom_error *err)
{
    char name[ECOM__KAFKA_MAX_NAME];

    return fail_forbidden("as group", ecom__kafka_name(m->kafka, m->sub.group, name), err);
}

/* What came in place of a message. @return 0: go on. */
static int look_into(struct ecom__kafka_member *m, const rd_kafka_message_t *message,
                     ecom_error *err)
{
    char why[256];

    switch (message->err) {
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
        make_topics_again(m);
        return ECOM_OK;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
        return fail_forbidden("topic", message->rkt ? rd_kafka_topic_name(message->rkt) : "", err);
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
        m->refused = 1;
        return fail_refused(m, err);
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
        return ecom__kafka_fail(m->kafka, message->err, "consuming from Kafka", err);
    case RD_KAFKA_RESP_ERR__FATAL: /* this client does nothing more: the next poll takes another */
        m->dead = 1;
        ecom_series_add(m->kafka->metrics.fatal, 1);
        rd_kafka_resp_err_t code = rd_kafka_fatal_error(m->rk, why, sizeof(why));
        return ecom__kafka_fail(m->kafka, code ? code : message->err, "consuming from Kafka", err);
    default:
        return ECOM_OK; /* librdkafka tries again by itself */
    }
}

/* Serves events, and stashes one message if there is one. @return 1: it did; 0: nothing came. */
static int pull(struct ecom__kafka_member *m, int timeout_ms, ecom_error *err)
{
    rd_kafka_message_t *message = rd_kafka_consumer_poll(m->rk, timeout_ms);

    if (!message)
        return 0;
    if (message->err) {
        int r = look_into(m, message, err);
        rd_kafka_message_destroy(message);
        return r;
    }
    if (!ecom__kafka_part_find(m, rd_kafka_topic_name(message->rkt), message->partition)) {
        rd_kafka_message_destroy(message); /* of a partition that just went */
        return 0;
    }
    m->stash[(m->head + m->stashed++) % ECOM__KAFKA_STASH] = message;
    m->stashed_bytes += message->len;
    return 1;
}

static size_t headers_of(const rd_kafka_message_t *message, ecom_header out[MAX_HEADERS])
{
    rd_kafka_headers_t *headers;
    const char *name;
    const void *value;
    size_t size, n = 0;

    if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR)
        return 0;
    while (n < MAX_HEADERS &&
           rd_kafka_header_get_all(headers, n, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR)
        out[n++] = (ecom_header){ecom_str_of(name), {value, size}};
    return n;
}

/* Hands the oldest of the stash over. */
static int hand_over(struct ecom__kafka_member *m, ecom_msg_fn fn, void *user)
{
    rd_kafka_message_t *message = m->stash[m->head];
    const char *topic = rd_kafka_topic_name(message->rkt);
    struct ecom__kafka_part *part = ecom__kafka_part_find(m, topic, message->partition);
    ecom_header headers[MAX_HEADERS];

    m->head = (m->head + 1) % ECOM__KAFKA_STASH;
    m->stashed--;
    m->stashed_bytes -= message->len;
    part->first = part->first < 0 ? message->offset : part->first;
    part->next = message->offset + 1;
    ecom_msg msg = {
        .topic = ecom__kafka_bare_name(m->kafka, topic),
        .key = {message->key, message->key_len},
        .body = {message->payload, message->len},
        .headers = headers,
        .nheaders = headers_of(message, headers),
        .time_ms = rd_kafka_message_timestamp(message, NULL),
        .partition = message->partition,
        .offset = message->offset,
    };
    int stop = fn(user, &msg);
    rd_kafka_message_destroy(message);
    return stop;
}

/* Nothing more is fetched until messages are wanted again. What librdkafka had ready it fetches
 * again then, so this comes only when the stash is full. */
static void hold_back(struct ecom__kafka_member *m, int hold)
{
    rd_kafka_topic_partition_list_t *list = NULL;

    if (m->paused == hold || rd_kafka_assignment(m->rk, &list) || !list)
        return;
    if (hold)
        rd_kafka_pause_partitions(m->rk, list);
    else
        rd_kafka_resume_partitions(m->rk, list);
    rd_kafka_topic_partition_list_destroy(list);
    m->paused = hold;
}

static int stash_full(const struct ecom__kafka_member *m)
{
    return m->stashed == ECOM__KAFKA_STASH || m->stashed_bytes >= ECOM__KAFKA_STASH_BYTES;
}

/* Without room nothing but events may come: the last of the room is kept for what was on its way
 * when the partitions were paused. */
static int serve(struct ecom__kafka_member *m, int timeout_ms, ecom_error *err)
{
    if (m->stashed + 1 >= ECOM__KAFKA_STASH || stash_full(m))
        hold_back(m, 1);
    else if (m->stashed == 0)
        hold_back(m, 0);
    if (m->stashed == ECOM__KAFKA_STASH)
        return 0;
    return pull(m, timeout_ms, err);
}

static int revive(struct ecom__kafka_member *m, ecom_error *err)
{
    ecom_error why = {0};

    ecom__kafka_parts_lost(m);
    client_free(m);
    m->paused = 0;
    int r = begin(m, &why);
    if (r < 0) {
        if (err)
            *err = why;
        return r;
    }
    m->dead = 0;
    return ECOM_OK;
}

int ecom__kafka_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                     ecom_error *err)
{
    struct ecom__kafka_member *m = member;
    int64_t deadline_ms = ecom__monotonic_ms() + timeout_ms;
    uint32_t given = 0;
    int stop = 0, r = m->dead ? revive(m, err) : ECOM_OK, left = timeout_ms;

    if (r < 0)
        return r;
    do {
        int wait = (max && m->stashed) || given || atomic_load(&m->woken) ? 0 : left;
        r = serve(m, wait, err);
        if (r < 0 && given == 0)
            return r;
        if (given == 0 && atomic_exchange(&m->woken, 0))
            break;
        while (m->stashed && given < max && !stop) {
            given++;
            stop = hand_over(m, fn, user);
        }
        left = ecom__kafka_left_ms(deadline_ms);
    } while (!stop && (given ? given < max && r > 0 : left > 0 || (r > 0 && !stash_full(m))));
    if (given)
        return (int)given;
    return m->refused ? fail_refused(m, err) : ecom_fail(err, ECOM_E_TIMEOUT, "no message came");
}

void ecom__kafka_wake(void *member)
{
    struct ecom__kafka_member *m = member;

    atomic_store(&m->woken, 1);
    pthread_mutex_lock(&m->mutex);
    if (m->queue)
        rd_kafka_queue_yield(m->queue);
    pthread_mutex_unlock(&m->mutex);
}

void ecom__kafka_leave(void *member)
{
    member_free(member);
}
