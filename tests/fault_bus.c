#include "fault.h"

#include <stdlib.h>

struct fault_bus {
    struct fault_plan *plan; /* first: see fault_plan_of() */
    ecom_bus *inner;
};

struct fault_member {
    struct fault_plan *plan; /* likewise */
    ecom_member *inner;
    void (*revoked)(void *user, ecom_str topic, int32_t partition);
    void *user;
};

static int partial(enum fault fault)
{
    return fault == FAULT_LOST_ANSWER || fault == FAULT_CRASH_AFTER;
}

static int fault_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct fault_bus *f = self;
    enum fault fault = FAULT_NONE;
    size_t sent = 0;
    int r = fault_begin(f->plan, "publish", &fault, err);

    if (r < 0)
        return r;
    if (partial(fault))
        n = fault_part(f->plan, n);
    if (n > 0)
        r = ecom_bus_publish(f->inner, msgs, n, &sent, err);
    if (fault == FAULT_TWICE && r == ECOM_OK)
        (void)!ecom_bus_publish(f->inner, msgs, n, NULL, NULL);
    r = fault_end(f->plan, fault, r, err);
    *done = partial(fault) ? fault_part(f->plan, sent) : sent;
    return r;
}

static int fault_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    struct fault_bus *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "create_topic", &fault, err);

    return r < 0 ? r
                 : fault_end(f->plan, fault,
                             ecom_bus_create_topic(f->inner, topic, partitions, err), err);
}

static int fault_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    struct fault_bus *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "topics", &fault, err);

    return r < 0 ? r : fault_end(f->plan, fault, ecom_bus_topics(f->inner, row, user, err), err);
}

static int fault_ping(void *self, ecom_error *err)
{
    struct fault_bus *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "ping", &fault, err);

    return r < 0 ? r : fault_end(f->plan, fault, ecom_bus_ping(f->inner, err), err);
}

static void revoked(void *user, ecom_str topic, int32_t partition)
{
    struct fault_member *m = user;

    if (!m->plan->dead)
        m->revoked(m->user, topic, partition);
}

static int fault_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err)
{
    struct fault_bus *f = self;
    ecom_subscription inner = *sub;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "subscribe", &fault, err);

    if (r < 0)
        return r;
    struct fault_member *m = malloc(sizeof(*m));
    if (!m)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    *m = (struct fault_member){f->plan, NULL, sub->revoked, sub->user};
    inner.revoked = sub->revoked ? revoked : NULL;
    inner.user = m;
    r = fault_end(f->plan, fault, ecom_bus_subscribe(f->inner, &inner, &m->inner, err), err);
    if (r < 0) {
        ecom_member_close(m->inner);
        free(m);
        return r;
    }
    *member = m;
    return ECOM_OK;
}

static int fault_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                      ecom_error *err)
{
    struct fault_member *m = member;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(m->plan, "poll", &fault, err);

    return r < 0 ? r
                 : fault_end(m->plan, fault,
                             ecom_member_poll(m->inner, timeout_ms, max, fn, user, err), err);
}

static void fault_wake(void *member)
{
    ecom_member_wake(((struct fault_member *)member)->inner);
}

static int fault_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                     ecom_error *err)
{
    struct fault_member *m = member;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(m->plan, "ack", &fault, err);

    if (r < 0)
        return r;
    if (fault == FAULT_TWICE)
        (void)!ecom_member_ack(m->inner, topic, partition, offset, NULL);
    return fault_end(m->plan, fault, ecom_member_ack(m->inner, topic, partition, offset, err), err);
}

static int fault_lag(void *member, uint64_t *lag, ecom_error *err)
{
    struct fault_member *m = member;
    enum fault fault = FAULT_NONE;
    uint64_t n = 0;
    int r = fault_begin(m->plan, "lag", &fault, err);

    if (r == ECOM_OK)
        r = fault_end(m->plan, fault, ecom_member_lag(m->inner, &n, err), err);
    if (r == ECOM_OK)
        *lag = n;
    return r;
}

static void fault_leave(void *member)
{
    struct fault_member *m = member;

    if (m->plan->dead && m->plan->widow)
        m->plan->widow(m->plan->user, m->inner);
    else
        ecom_member_close(m->inner);
    free(m);
}

const ecom_bus_ops fault_bus_ops = {
    .size = sizeof(ecom_bus_ops),
    .caps = ECOM_CAP_CONCURRENT,
    .name = "fault",
    .publish = fault_publish,
    .create_topic = fault_create_topic,
    .topics = fault_topics,
    .ping = fault_ping,
    .close = free,
    .subscribe = fault_subscribe,
    .poll = fault_poll,
    .wake = fault_wake,
    .ack = fault_ack,
    .lag = fault_lag,
    .leave = fault_leave,
};

void *fault_bus_self(ecom_bus *inner, struct fault_plan *plan)
{
    struct fault_bus *f = malloc(sizeof(*f));

    if (f)
        *f = (struct fault_bus){plan, inner};
    return f;
}
