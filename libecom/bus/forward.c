#include "ecom/backend.h"

static ecom_bus *inner(void *self)
{
    return *(ecom_bus **)self;
}

static int forward_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done,
                           ecom_error *err)
{
    return ecom_bus_publish(inner(self), msgs, n, done, err);
}

static int forward_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    return ecom_bus_create_topic(inner(self), topic, partitions, err);
}

static int forward_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    return ecom_bus_topics(inner(self), row, user, err);
}

static int forward_ping(void *self, ecom_error *err)
{
    return ecom_bus_ping(inner(self), err);
}

static void forward_close(void *self)
{
    ecom_bus_close(inner(self));
}

static int forward_subscribe(void *self, const ecom_subscription *sub, void **member,
                             ecom_error *err)
{
    ecom_member *of_inner = NULL;
    int r = ecom_bus_subscribe(inner(self), sub, &of_inner, err);

    if (r == ECOM_OK)
        *member = of_inner;
    return r;
}

static int forward_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                        ecom_error *err)
{
    return ecom_member_poll(member, timeout_ms, max, fn, user, err);
}

static void forward_wake(void *member)
{
    ecom_member_wake(member);
}

static int forward_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                       ecom_error *err)
{
    return ecom_member_ack(member, topic, partition, offset, err);
}

static int forward_lag(void *member, uint64_t *lag, ecom_error *err)
{
    return ecom_member_lag(member, lag, err);
}

static void forward_leave(void *member)
{
    ecom_member_close(member);
}

void ecom_bus_forward(ecom_bus_ops *ops)
{
    if (!ops->publish)
        ops->publish = forward_publish;
    if (!ops->create_topic)
        ops->create_topic = forward_create_topic;
    if (!ops->topics)
        ops->topics = forward_topics;
    if (!ops->ping)
        ops->ping = forward_ping;
    if (!ops->close)
        ops->close = forward_close;
    if (!ops->subscribe)
        ops->subscribe = forward_subscribe;
    if (!ops->poll)
        ops->poll = forward_poll;
    if (!ops->wake)
        ops->wake = forward_wake;
    if (!ops->ack)
        ops->ack = forward_ack;
    if (!ops->lag)
        ops->lag = forward_lag;
    if (!ops->leave)
        ops->leave = forward_leave;
}
