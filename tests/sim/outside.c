#include "sim.h"

#include <stdlib.h>

static size_t hash_of(ecom_str key)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 29);
}

/* What was decided under this key; NULL: nothing yet. @p slot: where it belongs. */
static struct charge *charge_of(struct world *w, ecom_str key, size_t *slot)
{
    size_t i = hash_of(key) % w->charges_room;

    for (; w->charge_index[i]; i = (i + 1) % w->charges_room) {
        struct charge *c = &w->charges[w->charge_index[i] - 1];
        if (ecom_str_eq(text(c->key), key))
            return c;
    }
    *slot = i;
    return NULL;
}

/* Decides once for each key, and takes the money once. */
static int decide(struct world *w, const ecom_charge *charge, ecom_str key)
{
    size_t slot = 0;
    struct charge *known = charge_of(w, key, &slot);
    struct facts *facts = facts_of(w, charge->order_id);

    if (known)
        return known->approved;
    if (w->ncharges + 1 >= w->charges_room || key.n >= sizeof(known->key)) {
        violate(w, "the provider was asked for more charges than there can be");
        return 0;
    }
    known = &w->charges[w->ncharges++];
    memcpy(known->key, key.p, key.n);
    known->approved = charge->amount % 100 != 13;
    w->charge_index[slot] = (int)w->ncharges;
    if (facts) {
        facts->decided++;
        facts->charges += known->approved;
    }
    return known->approved;
}

static int sim_charge(void *self, const ecom_charge *charge, ecom_charge_result *out,
                      ecom_error *err)
{
    struct process *p = self;
    char key[80];
    enum fault fault;
    int r = fault_begin(&p->plan, "charge", &fault, err);

    if (r < 0)
        return r;
    snprintf(key, sizeof(key), "%.*s", (int)charge->idempotency_key.n, charge->idempotency_key.p);
    if (sim_wrong == 8) { /* a key of its own for each try */
        size_t n = strlen(key);
        snprintf(key + n, sizeof(key) - n, "/%u/%d", (unsigned)++p->asked, p->number);
    }
    int approved = decide(p->w, charge, text(key));
    r = fault_end(&p->plan, fault, ECOM_OK, err);
    if (r < 0)
        return r;
    out->approved = approved;
    if (!approved)
        snprintf(out->reason, sizeof(out->reason), "declined");
    return ECOM_OK;
}

const ecom_payment_provider sim_provider = {
    .size = sizeof(ecom_payment_provider),
    .name = "sim",
    .charge = sim_charge,
};

static int sim_send(void *self, const ecom_notification *notification, ecom_error *err)
{
    struct process *p = self;
    enum fault fault;
    int r = fault_begin(&p->plan, "send", &fault, err);

    if (r < 0)
        return r;
    struct facts *facts = facts_of(p->w, notification->order_id);
    if (facts)
        facts->sends++;
    return fault_end(&p->plan, fault, ECOM_OK, err);
}

const ecom_notification_channel sim_channel = {
    .size = sizeof(ecom_notification_channel),
    .name = "sim",
    .send = sim_send,
};
