/* What a consumer has taken from the bus and not finished. Every message is a job, in two orders at
 * once: in the lane of its key, where one runs and the others wait behind it, and in its partition,
 * by offset, which says how far the group may commit. Knows no bus, thread or clock. */
#ifndef FLOW_WINDOW_H
#define FLOW_WINDOW_H

#include "ecom/bus.h"

typedef struct ecom__window ecom__window;

/* One message on its way. Between take() and done() or later() it belongs to who took it. */
typedef struct ecom__job {
    ecom_msg msg;           /* a copy */
    size_t topic;           /* its place among the window's topics */
    uint32_t attempts;      /* failures that count against the message */
    uint32_t failures;      /* of any kind since it last got on: what back-off goes by */
    int32_t retry_after_ms; /* the last one asked for this much patience; 0: for none */
    int32_t dead;           /* 1: given up for the reason below; only the dead letter is missing */
    ecom_error why;

    /* The window's own. */
    struct lane *lane;
    struct part *part;
    struct ecom__job *behind;      /* in the lane */
    struct ecom__job *prev, *next; /* in the partition */
    int64_t before; /* the offset that was taken before this one: offsets may have gaps */
    size_t bytes;
    int32_t orphan; /* its partition was taken away while it ran: what comes of it is ignored */
    int32_t stalled;
} ecom__job;

/* How far a partition is done: everything up to and including `offset`. */
typedef struct ecom__mark {
    ecom_str topic;
    int32_t partition;
    int64_t offset;
} ecom__mark;

/* @p max  jobs at a time. Topics are copied. NULL when out of memory. */
ecom__window *ecom__window_new(size_t max, const ecom_str *topics, size_t ntopics);
void ecom__window_free(ecom__window *w);

/* Copies a message in. An offset that goes backwards is a new beginning of its partition, which is
 * revoked first. @return ECOM_E_NOMEM; ECOM_E_BACKEND: no such topic, or the window is full. */
int ecom__window_add(ecom__window *w, const ecom_msg *msg, ecom_error *err);
/* The next job that may run at @p now_us, its lane's only one until done() or later(). NULL: none.
 */
ecom__job *ecom__window_take(ecom__window *w, int64_t now_us);
/* Finished: frees the job, and the next of its lane may run. */
void ecom__window_done(ecom__window *w, ecom__job *job);
/* Not before @p due_us; its lane waits with it. A job without a partition is freed instead. */
void ecom__window_later(ecom__window *w, ecom__job *job, int64_t due_us);
/* Counts a job that keeps failing, until it is freed. */
void ecom__window_stall(ecom__window *w, ecom__job *job);
/* Forgets a partition: what waits is freed, what runs is orphaned. */
void ecom__window_revoke(ecom__window *w, ecom_str topic, int32_t partition);
void ecom__window_revoke_all(ecom__window *w);

/* The mark of a partition that got further than what acked() was told. @return truth: there is. */
int ecom__window_unacked(const ecom__window *w, ecom__mark *mark);
/* The same for one partition. */
int ecom__window_unacked_of(const ecom__window *w, ecom_str topic, int32_t partition,
                            ecom__mark *mark);
void ecom__window_acked(ecom__window *w, const ecom__mark *mark);

size_t ecom__window_room(const ecom__window *w);    /* jobs that still fit */
size_t ecom__window_count(const ecom__window *w);   /* jobs inside, orphans too */
size_t ecom__window_running(const ecom__window *w); /* taken, orphans too */
size_t ecom__window_bytes(const ecom__window *w);   /* that the jobs inside hold */
size_t ecom__window_stalled(const ecom__window *w);
size_t ecom__window_ready(const ecom__window *w); /* lanes that may run, due retries apart */
/* When the earliest retry is due; -1: none waits. */
int64_t ecom__window_due_us(const ecom__window *w);
ecom_str ecom__window_topic(const ecom__window *w, size_t i);
size_t ecom__window_topics(const ecom__window *w);

#endif
