#include <stdlib.h>
#include <string.h>

#include "kafka/kafka.h"

struct ecom__kafka_part *ecom__kafka_part_find(struct ecom__kafka_member *m, const char *topic,
                                               int32_t partition)
{
    struct ecom__kafka_part *last = m->last;

    if (last && last->partition == partition && strcmp(last->topic, topic) == 0)
        return last;
    for (size_t i = 0; i < m->nparts; i++)
        if (m->parts[i].partition == partition && strcmp(m->parts[i].topic, topic) == 0)
            return m->last = &m->parts[i];
    return NULL;
}

int ecom__kafka_part_add(struct ecom__kafka_member *m, const char *topic, int32_t partition)
{
    if (ecom__kafka_part_find(m, topic, partition) || strlen(topic) >= ECOM__KAFKA_MAX_NAME)
        return ECOM_OK;
    if (m->nparts == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : 16;
        struct ecom__kafka_part *more = realloc(m->parts, cap * sizeof(*more));
        if (!more)
            return ECOM_E_NOMEM;
        m->parts = more;
        m->cap = cap;
    }
    m->last = NULL;
    struct ecom__kafka_part *part = &m->parts[m->nparts++];
    *part = (struct ecom__kafka_part){.partition = partition, .first = -1, .next = -1, .acked = -1};
    memcpy(part->topic, topic, strlen(topic) + 1);
    return ECOM_OK;
}

/* What was fetched of it goes: its next owner gets it. */
static void drop_stashed(struct ecom__kafka_member *m, const struct ecom__kafka_part *part)
{
    size_t kept = 0, n = m->stashed;

    for (size_t i = 0; i < n; i++) {
        rd_kafka_message_t *message = m->stash[(m->head + i) % ECOM__KAFKA_STASH];
        if (message->partition == part->partition &&
            strcmp(rd_kafka_topic_name(message->rkt), part->topic) == 0) {
            m->stashed_bytes -= message->len;
            m->stashed--;
            rd_kafka_message_destroy(message);
        } else
            m->stash[(m->head + kept++) % ECOM__KAFKA_STASH] = message;
    }
}

static void remove_part(struct ecom__kafka_member *m, const char *topic, int32_t partition,
                        int lost)
{
    struct ecom__kafka_part *part = ecom__kafka_part_find(m, topic, partition);

    if (!part)
        return;
    part->lost = lost;
    if (m->sub.revoked && !m->closing)
        m->sub.revoked(m->sub.user, ecom__kafka_bare_name(m->kafka, topic), partition);
    drop_stashed(m, part);
    *part = m->parts[--m->nparts];
    m->last = NULL;
}

static void forget_all(struct ecom__kafka_member *m, const rd_kafka_topic_partition_list_t *list,
                       int lost)
{
    for (int i = 0; i < list->cnt; i++)
        remove_part(m, list->elems[i].topic, list->elems[i].partition, lost);
}

void ecom__kafka_parts_lost(struct ecom__kafka_member *m)
{
    char topic[ECOM__KAFKA_MAX_NAME];

    while (m->nparts) {
        const struct ecom__kafka_part *part = &m->parts[m->nparts - 1];
        memcpy(topic, part->topic, sizeof(topic));
        remove_part(m, topic, part->partition, 1);
    }
}

static int add_all(struct ecom__kafka_member *m, const rd_kafka_topic_partition_list_t *list)
{
    for (int i = 0; i < list->cnt; i++)
        if (ecom__kafka_part_add(m, list->elems[i].topic, list->elems[i].partition) < 0)
            return ECOM_E_NOMEM;
    return ECOM_OK;
}

void ecom__kafka_on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t code,
                              rd_kafka_topic_partition_list_t *list, void *opaque)
{
    struct ecom__kafka_member *m = opaque;
    rd_kafka_error_t *error = NULL;

    if (m->left)
        return;
    if (code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS && add_all(m, list) == ECOM_OK) {
        m->paused = 0; /* not all are, any more */
        m->refused = 0;
        if (m->cooperates)
            error = rd_kafka_incremental_assign(rk, list);
        else
            rd_kafka_assign(rk, list);
    } else { /* without memory too: what we cannot keep account of we do not take */
        forget_all(m, list, rd_kafka_assignment_lost(rk));
        if (m->cooperates && code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS)
            error = rd_kafka_incremental_unassign(rk, list);
        else
            rd_kafka_assign(rk, NULL);
    }
    ecom_series_add(m->kafka->metrics.rebalances, 1);
    ecom_series_set(m->kafka->metrics.partitions, (int64_t)m->nparts);
    if (error)
        rd_kafka_error_destroy(error);
}
