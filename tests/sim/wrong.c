/* Mistakes as people make them, each in the place of what is right. Built once for each number, so
 * that the simulation shows that it would have noticed. */
#include "sim.h"

#include <stdlib.h>

#ifndef SIM_WRONG
#define SIM_WRONG 0
#endif

const int sim_wrong = SIM_WRONG;
const char *const sim_wrong_names[WRONGS + 1] = {
    "nothing",
    "events are published by whoever wrote, after the write",
    "the relay forgets events before it publishes them",
    "the relay takes a lost answer, or a part of a batch, for all of it",
    "the relay goes on past an event that failed",
    "events go out without their key",
    "the consumer commits when it takes, not when it is done",
    "a failed event is passed over",
    "each charge has an idempotency key of its own",
    "documents are written whatever their revision",
    "a notification has an id of its own, not the event's",
    "orders are sent again without an idempotency key",
    "a later event of a key overtakes one that is tried again",
};

static int put_and_publish(void *self, const ecom_store_write *write, uint64_t *rev,
                           ecom_error *err)
{
    struct process *p = fault_plan_of(self)->user;
    ecom_change change = *write->change;
    ecom_store_write bare = *write;

    bare.change = &change;
    change.nevents = 0;
    int r = fault_store_ops.put(self, &bare, rev, err);
    if (r == ECOM_OK && write->change->nevents)
        (void)!ecom_bus_publish(p->bus, write->change->events, write->change->nevents, NULL, NULL);
    return r;
}

static int put_blindly(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    ecom_change change = *write->change;
    ecom_store_write blind = *write;

    blind.change = &change;
    change.expect = ECOM_REV_ANY;
    return fault_store_ops.put(self, &blind, rev, err);
}

ecom_store *wrong_store(struct process *p, const ecom_store_options *opts)
{
    ecom_store_ops ops = fault_store_ops;
    ecom_store *store = NULL;
    void *self = fault_store_self(p->inner, &p->plan);

    if (sim_wrong == 1)
        ops.put = put_and_publish;
    if (sim_wrong == 9)
        ops.put = put_blindly;
    if (self && ecom_store_new(&ops, self, opts, &store, NULL) < 0)
        free(self);
    return store;
}

static int publish_and_hope(void *self, const ecom_msg *msgs, size_t n, size_t *done,
                            ecom_error *err)
{
    int r = fault_bus_ops.publish(self, msgs, n, done, err);

    if (r == ECOM_E_TIMEOUT || *done > 0) {
        *done = n;
        return ECOM_OK;
    }
    return r;
}

static int publish_past_failures(void *self, const ecom_msg *msgs, size_t n, size_t *done,
                                 ecom_error *err)
{
    int r = ECOM_OK;

    *done = 0;
    for (size_t i = 0; i < n; i++) {
        size_t one = 0;
        int failed = fault_bus_ops.publish(self, &msgs[i], 1, &one, err);
        if (failed < 0)
            r = failed;
        else if (r == ECOM_OK)
            *done = i + 1;
    }
    return r;
}

static int publish_without_keys(void *self, const ecom_msg *msgs, size_t n, size_t *done,
                                ecom_error *err)
{
    ecom_msg copy[64];

    n = n < 64 ? n : 64;
    memcpy(copy, msgs, n * sizeof(*msgs));
    for (size_t i = 0; i < n; i++)
        copy[i].key = text("");
    return fault_bus_ops.publish(self, copy, n, done, err);
}

/* A receiver around the consumer's. */
struct receiver {
    void *member;
    ecom_msg_fn fn;
    void *user;
};

static int ack_and_hand_over(void *user, const ecom_msg *msg)
{
    struct receiver *to = user;

    (void)!fault_bus_ops.ack(to->member, msg->topic, msg->partition, msg->offset, NULL);
    return to->fn(to->user, msg);
}

static int hand_over_as_another_key(void *user, const ecom_msg *msg)
{
    struct receiver *to = user;
    ecom_msg other = *msg;
    char key[40];

    snprintf(key, sizeof(key), "%" PRId64, msg->offset);
    other.key = text(key);
    return to->fn(to->user, &other);
}

static int poll_otherwise(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn,
                          void *user, ecom_error *err)
{
    struct receiver to = {member, fn, user};

    return fault_bus_ops.poll(member, timeout_ms, max,
                              sim_wrong == 6 ? ack_and_hand_over : hand_over_as_another_key, &to,
                              err);
}

ecom_bus *wrong_bus(struct process *p, const ecom_bus_options *opts)
{
    ecom_bus_ops ops = fault_bus_ops;
    ecom_bus *bus = NULL;
    void *self = fault_bus_self(p->w->bus, &p->plan);

    if (sim_wrong == 3)
        ops.publish = publish_and_hope;
    if (sim_wrong == 4)
        ops.publish = publish_past_failures;
    if (sim_wrong == 5)
        ops.publish = publish_without_keys;
    if (sim_wrong == 6 || sim_wrong == 12)
        ops.poll = poll_otherwise;
    if (self && ecom_bus_new(&ops, self, opts, &bus, NULL) < 0)
        free(self);
    return bus;
}

/* What a relay that forgets first holds in its memory. */
struct batch {
    ecom_arena *arena;
    ecom_msg msgs[8];
    ecom_str tokens[8];
    size_t n;
};

static int remember(void *user, const ecom_pending *pending)
{
    struct batch *b = user;
    ecom_msg *msg = &b->msgs[b->n];

    *msg = pending->msg;
    msg->topic = ecom_arena_copy(b->arena, msg->topic);
    msg->key = ecom_arena_copy(b->arena, msg->key);
    msg->body = ecom_arena_copy(b->arena, msg->body);
    msg->nheaders = 0;
    b->tokens[b->n] = ecom_arena_copy(b->arena, pending->token);
    return ++b->n == sizeof(b->msgs) / sizeof(b->msgs[0]);
}

int wrong_relay_step(struct process *p)
{
    struct batch b = {.arena = ecom_arena_new(0)};
    int64_t before = ecom_env_now_ms(&p->w->clock.env) - 2000;
    int r = ecom_store_pending(p->store, before, 8, remember, &b, NULL);

    if (r == ECOM_OK && b.n)
        r = ecom_store_published(p->store, b.tokens, b.n, NULL);
    if (r == ECOM_OK && b.n)
        r = ecom_bus_publish(p->bus, b.msgs, b.n, NULL, NULL);
    ecom_arena_free(b.arena);
    return r;
}

static int outcome(int r)
{
    return sim_wrong == 7 ? ECOM_OK : r;
}

int on_order(void *process, const ecom_delivery *delivery, ecom_error *err)
{
    struct process *p = process;

    p->handler = on_order;
    return outcome(handle_in(p, ecom_payments_on_order, p->payments, delivery, err));
}

int on_payment_move(void *process, const ecom_delivery *delivery, ecom_error *err)
{
    struct process *p = process;

    p->handler = on_payment_move;
    return outcome(handle_in(p, ecom_orders_on_payment, p->orders, delivery, err));
}

int on_payment_notify(void *process, const ecom_delivery *delivery, ecom_error *err)
{
    struct process *p = process;
    ecom_delivery d = *delivery;
    ecom_id id = ecom_id_new(&p->w->clock.env);
    union {
        ecom_envelope envelope;
        ecom_payment_completed completed;
        ecom_payment_failed failed;
    } event;

    if (sim_wrong == 10) {
        if (d.contract == &ecom_payment_completed_contract)
            event.completed = *(const ecom_payment_completed *)d.event;
        else
            event.failed = *(const ecom_payment_failed *)d.event;
        event.envelope.id = text(id.s);
        d.event = &event;
    }
    p->handler = on_payment_notify;
    return outcome(handle_in(p, ecom_notifications_on_payment, p->notifications, &d, err));
}
