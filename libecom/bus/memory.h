/* The memory bus's insides: memory.c has topics and handles, memory_group.c groups and members.
 * Everything here is under memory.mutex. */
#ifndef ECOM_BUS_MEMORY_H
#define ECOM_BUS_MEMORY_H

#include "bus/embedded.h"

#include <pthread.h>

/* One allocation: the struct, its headers, then the bytes. */
struct ecom__message {
    uint32_t refs;
    uint32_t nheaders;
    size_t bytes;
    int64_t time_ms;
    ecom_str key, body;
    ecom_header headers[];
};

/* What a partition holds: a window that moves on. */
struct ecom__log {
    struct ecom__message **items;
    size_t head, n, cap; /* items[head] has offset first */
    int64_t first;
};

struct ecom__topic {
    struct ecom__topic *next;
    char name[ECOM_BUS_MAX_NAME + 1];
    int32_t npartitions;
    uint32_t turn; /* for messages without a key */
    uint64_t bytes;
    struct ecom__log logs[];
};

/* A group's view of one partition. Who has it (owner) and who shall have it (target) differ while
 * the owner has not let go. */
struct ecom__slot {
    struct ecom__topic *topic;
    int32_t partition;
    int64_t committed, position; /* next to do; next to hand over */
    struct ecom__memory_member *owner, *target;
    int held; /* the owner knows */
};

struct ecom__group {
    struct ecom__group *next;
    char name[ECOM_BUS_MAX_NAME + 1]; /* empty: of one member that only looks on */
    struct ecom__slot **slots;        /* those of a topic side by side */
    size_t nslots;
    struct ecom__memory_member *members;
    size_t nmembers;
    int changed; /* members or slots did: shares must be dealt anew */
};

/* What every handle on the same data shares. */
struct ecom__memory {
    struct ecom__memory *next; /* among the named ones */
    char name[ECOM_BUS_MAX_NAME + 1];
    size_t refs;
    pthread_mutex_t mutex;
    pthread_cond_t news; /* messages, assignments, wakes */
    struct ecom__topic *topics;
    size_t ntopics;
    struct ecom__group *groups;
    size_t ngroups;
};

/* One handle. */
struct ecom__memory_bus {
    struct ecom__memory *memory;
    ecom_bus_options opts;
};

struct ecom__topic *ecom__memory_topic(struct ecom__memory *memory, ecom_str name,
                                       int32_t partitions, int *r, ecom_error *err);
static inline int64_t ecom__log_end(const struct ecom__log *log)
{
    return log->first + (int64_t)log->n;
}
void ecom__message_unref(struct ecom__message *message);
/* What lies below, every group has done: what one of them has still to do is kept, however old. */
int64_t ecom__memory_floor(const struct ecom__memory *memory, const struct ecom__topic *topic,
                           int32_t partition);
void ecom__group_free(struct ecom__group *group);

int ecom__memory_subscribe(void *self, const ecom_subscription *sub, void **member,
                           ecom_error *err);
int ecom__memory_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                      ecom_error *err);
void ecom__memory_wake(void *member);
int ecom__memory_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                     ecom_error *err);
int ecom__memory_lag(void *member, uint64_t *lag, ecom_error *err);
void ecom__memory_leave(void *member);

#endif
