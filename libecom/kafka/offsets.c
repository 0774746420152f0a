#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

enum { LAG_MS = 2000, AGAIN_MS = 20 };

static rd_kafka_topic_partition_list_t *one(const struct ecom__kafka_part *part, int64_t offset)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(1);

    rd_kafka_topic_partition_list_add(list, part->topic, part->partition)->offset = offset;
    return list;
}

/* The worst of a commit's answers. */
static rd_kafka_resp_err_t answer_of(rd_kafka_event_t *event)
{
    rd_kafka_resp_err_t code = rd_kafka_event_error(event);
    const rd_kafka_topic_partition_list_t *list = rd_kafka_event_topic_partition_list(event);

    for (int i = 0; list && i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

/* Commits, and waits for the answer no longer than until the deadline. */
static rd_kafka_resp_err_t commit(struct ecom__kafka_member *m,
                                  const rd_kafka_topic_partition_list_t *list, int64_t deadline_ms)
{
    void *token = (void *)(uintptr_t)++m->commit_seq; /* answers that come too late have another */
    rd_kafka_resp_err_t code = rd_kafka_commit_queue(m->rk, list, m->commits, NULL, token);
    rd_kafka_event_t *event;

    while (!code && (event = rd_kafka_queue_poll(m->commits, ecom__kafka_left_ms(deadline_ms)))) {
        int ours = rd_kafka_event_type(event) == RD_KAFKA_EVENT_OFFSET_COMMIT &&
                   rd_kafka_event_opaque(event) == token;
        code = ours ? answer_of(event) : RD_KAFKA_RESP_ERR_NO_ERROR;
        rd_kafka_event_destroy(event);
        if (ours)
            return code;
    }
    return code ? code : RD_KAFKA_RESP_ERR__TIMED_OUT;
}

/* The group has gone on without us: the partition is another's, and so is the offset. */
static int expelled(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID ||
           code == RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION ||
           code == RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID;
}

static int passing(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS ||
           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR || code == RD_KAFKA_RESP_ERR__WAIT_COORD;
}

/* Through what passes by itself. */
static rd_kafka_resp_err_t commit_surely(struct ecom__kafka_member *m,
                                         const rd_kafka_topic_partition_list_t *list,
                                         int64_t deadline_ms)
{
    rd_kafka_resp_err_t code;

    while (passing(code = commit(m, list, deadline_ms)) && ecom__kafka_left_ms(deadline_ms))
        ecom__kafka_pause(AGAIN_MS);
    return code;
}

int ecom__kafka_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                    ecom_error *err)
{
    struct ecom__kafka_member *m = member;
    char name[ECOM__KAFKA_MAX_NAME];

    struct ecom__kafka_part *part =
        ecom__kafka_part_find(m, ecom__kafka_name(m->kafka, topic, name), partition);
    if (!m->grouped || !part || part->lost || offset < part->first || offset >= part->next ||
        offset < part->acked)
        return ECOM_OK;
    rd_kafka_topic_partition_list_t *list = one(part, offset + 1);
    rd_kafka_resp_err_t code = commit_surely(m, list, ecom__kafka_until(m->kafka));
    rd_kafka_topic_partition_list_destroy(list);
    if (code == RD_KAFKA_RESP_ERR_NO_ERROR) {
        part->acked = offset + 1;
        return ECOM_OK;
    }
    if (expelled(code)) {
        part->lost = 1;
        return ECOM_OK;
    }
    return ecom__kafka_fail(m->kafka, code, "committing to Kafka", err);
}

/* A topic that was just made has leaders of whom not everybody knows. */
static int not_yet(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION ||
           code == RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE ||
           code == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART ||
           code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION;
}

static rd_kafka_resp_err_t ask(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                               int64_t end_or_beginning, int timeout_ms)
{
    for (int i = 0; i < list->cnt; i++)
        list->elems[i].offset = end_or_beginning;
    rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(m->rk, list, timeout_ms);
    for (int i = 0; i < list->cnt && !code; i++)
        code = list->elems[i].err;
    return code;
}

int ecom__kafka_resolve(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                        int64_t end_or_beginning, int64_t deadline_ms, ecom_error *err)
{
    rd_kafka_resp_err_t code;

    while (not_yet(code = ask(m, list, end_or_beginning, ecom__kafka_left_ms(deadline_ms))) &&
           ecom__kafka_left_ms(deadline_ms))
        ecom__kafka_pause(AGAIN_MS);
    return code ? ecom__kafka_fail(m->kafka, code, "asking Kafka for offsets", err) : ECOM_OK;
}

/* Those for which the group has no offset yet. */
static rd_kafka_topic_partition_list_t *new_ones(const rd_kafka_topic_partition_list_t *list)
{
    rd_kafka_topic_partition_list_t *fresh = rd_kafka_topic_partition_list_new(list->cnt);

    for (int i = 0; i < list->cnt; i++)
        if (list->elems[i].offset < 0)
            rd_kafka_topic_partition_list_add(fresh, list->elems[i].topic,
                                              list->elems[i].partition);
    return fresh;
}

/* What the group has committed. */
static int ask_committed(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                         int64_t deadline_ms, ecom_error *err)
{
    rd_kafka_resp_err_t code;

    while (passing(code = rd_kafka_committed(m->rk, list, ecom__kafka_left_ms(deadline_ms))) &&
           ecom__kafka_left_ms(deadline_ms))
        ecom__kafka_pause(AGAIN_MS);
    return code ? ecom__kafka_fail(m->kafka, code, "asking Kafka for offsets", err) : ECOM_OK;
}

int ecom__kafka_start_at_end(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                             int64_t deadline_ms, ecom_error *err)
{
    rd_kafka_resp_err_t code;

    int r = ask_committed(m, list, deadline_ms, err);
    if (r < 0)
        return r;
    rd_kafka_topic_partition_list_t *fresh = new_ones(list);
    if (fresh->cnt)
        r = ecom__kafka_resolve(m, fresh, RD_KAFKA_OFFSET_END, deadline_ms, err);
    if (r == ECOM_OK && fresh->cnt) {
        code = commit_surely(m, fresh, deadline_ms);
        /* Members that are there already settled it: theirs is the latest, too. */
        if (code && !expelled(code))
            r = ecom__kafka_fail(m->kafka, code, "committing to Kafka", err);
    }
    rd_kafka_topic_partition_list_destroy(fresh);
    return r;
}

static rd_kafka_topic_partition_list_t *all_parts(const struct ecom__kafka_member *m)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)m->nparts);

    for (size_t i = 0; i < m->nparts; i++)
        rd_kafka_topic_partition_list_add(list, m->parts[i].topic, m->parts[i].partition);
    return list;
}

/* Where each partition's group stands: what we committed, else what was before us. */
static int committed(struct ecom__kafka_member *m, rd_kafka_topic_partition_list_t *list,
                     ecom_error *err)
{
    int unknown = 0;

    for (size_t i = 0; i < m->nparts; i++)
        unknown |= m->grouped && m->parts[i].acked < 0;
    int r = unknown ? ask_committed(m, list, ecom__monotonic_ms() + LAG_MS, err) : ECOM_OK;
    if (r < 0)
        return r;
    for (int i = 0; i < list->cnt; i++) {
        const struct ecom__kafka_part *part = &m->parts[i];
        if (!m->grouped)
            list->elems[i].offset = part->next;
        else if (part->acked >= 0)
            list->elems[i].offset = part->acked;
    }
    return ECOM_OK;
}

int ecom__kafka_lag(void *member, uint64_t *lag, ecom_error *err)
{
    struct ecom__kafka_member *m = member;
    const int64_t deadline_ms = ecom__kafka_until(m->kafka);
    uint64_t sum = 0;

    if (m->nparts == 0) {
        *lag = 0;
        return ECOM_OK;
    }
    rd_kafka_topic_partition_list_t *at = all_parts(m), *low = all_parts(m), *high = all_parts(m);
    int r = committed(m, at, err);
    if (r == ECOM_OK)
        r = ecom__kafka_resolve(m, high, RD_KAFKA_OFFSET_END, deadline_ms, err);
    if (r == ECOM_OK)
        r = ecom__kafka_resolve(m, low, RD_KAFKA_OFFSET_BEGINNING, deadline_ms, err);
    for (int i = 0; i < at->cnt && r == ECOM_OK; i++) {
        int64_t from = at->elems[i].offset, end = high->elems[i].offset;
        if (from < low->elems[i].offset)
            from = from < 0 && m->sub.start == ECOM_START_LATEST ? end : low->elems[i].offset;
        sum += end > from ? (uint64_t)(end - from) : 0;
    }
    rd_kafka_topic_partition_list_destroy(at);
    rd_kafka_topic_partition_list_destroy(low);
    rd_kafka_topic_partition_list_destroy(high);
    if (r == ECOM_OK)
        *lag = sum;
    return r;
}
