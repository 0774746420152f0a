#include "sim.h"

#include <stdlib.h>

/* Goes through all documents of a collection. */
struct walk {
    struct world *w;
    ecom_arena *arena;
    char last[80];
    int n;
    void (*see)(struct world *w, const ecom_row *row, ecom_arena *arena);
};

static int see_row(void *user, const ecom_row *row)
{
    struct walk *walk = user;

    snprintf(walk->last, sizeof(walk->last), "%.*s", (int)row->id.n, row->id.p);
    walk->n++;
    ecom_arena_reset(walk->arena);
    walk->see(walk->w, row, walk->arena);
    return 0;
}

static void for_each(struct world *w, enum kind kind, const char *collection,
                     void (*see)(struct world *w, const ecom_row *row, ecom_arena *arena))
{
    struct walk walk = {.w = w, .arena = ecom_arena_new(0), .see = see};
    ecom_store *store = NULL;
    char url[80];
    int more = 1;
    const struct process of = {.w = w, .kind = kind};

    process_store_url(&of, url);
    int r = ecom_store_open(url, NULL, &store, NULL);
    while (r == ECOM_OK && more) {
        const ecom_query query = {
            .collection = text(collection), .after_id = text(walk.last), .limit = 1000};
        r = ecom_store_find(store, &query, see_row, &walk, &more, NULL);
    }
    if (r < 0)
        violate(w, "cannot read %s", collection);
    ecom_store_close(store);
    ecom_arena_free(walk.arena);
}

static void see_order(struct world *w, const ecom_row *row, ecom_arena *arena)
{
    struct facts *f = facts_of(w, row->id);
    ecom_order order;
    ecom_error e;

    if (!f)
        return;
    f->stored++;
    if (ecom_record_read(&ecom_order_record, row->doc, NULL, arena, &order, &e) < 0) {
        violate(w, "order %s cannot be read: %s", f->id, e.text);
        return;
    }
    f->status = order.status;
    f->amount = order.amount;
}

static void see_notification(struct world *w, const ecom_row *row, ecom_arena *arena)
{
    ecom_notification n;
    ecom_error e;

    if (ecom_record_read(&ecom_notification_record, row->doc, NULL, arena, &n, &e) < 0) {
        violate(w, "a notification cannot be read: %s", e.text);
        return;
    }
    struct facts *f = facts_of(w, n.order_id);
    if (!f)
        return;
    f->notifications++;
    if (n.status != ECOM_NOTIFICATION_SENT)
        violate(w, "order %s: its notification was not sent", f->id);
    if (!ecom_str_eq(n.id, text(f->payment_event)))
        violate(w, "order %s: a notification of another event than its payment's", f->id);
}

static void see_audit(struct world *w, const ecom_row *row, ecom_arena *arena)
{
    struct facts *f = facts_of(w, row->id);

    (void)arena;
    if (f)
        f->step = strtoll(row->doc.p + sizeof("{\"step\":") - 1, NULL, 10);
}

/* What lies on the bus, from the beginning. */
struct scan {
    struct world *w;
    ecom_arena *arena;
    int unreadable, dead, not_poison;
};

/* What is waited for, however long it takes. */
static int is_outage(ecom_str name)
{
    for (int code = ECOM_E_INVAL; code >= ECOM_E_UNKNOWN_TYPE; code--)
        if (ecom_str_eq(name, text(ecom_code_of(code)->name)))
            return ecom_code_of(code)->retry && code != ECOM_E_CONFLICT;
    return 0;
}

/* Keeps the first id; another one is a second event in effect. */
static int is_second(char *known, size_t size, ecom_str id)
{
    if (!known[0])
        snprintf(known, size, "%.*s", (int)id.n, id.p);
    return !ecom_str_eq(text(known), id);
}

static void see_step(struct world *w, struct facts *f, const struct ladder_step *event)
{
    char *known = f->step_id[event->step];

    if (is_second(known, sizeof(f->step_id[0]), event->envelope.id))
        violate(w, "order %s: two events of step %d", f->id, (int)event->step);
    if (event->step > 1 && !f->seen[event->step - 1])
        violate(w, "order %s: step %d went out before step %d", f->id, (int)event->step,
                (int)event->step - 1);
    f->seen[event->step] = 1;
}

static int see_message(void *user, const ecom_msg *msg)
{
    static const ecom_contract *const contracts[] = {
        &ecom_order_created_contract, &ecom_payment_completed_contract,
        &ecom_payment_failed_contract, &ladder_contract, NULL};
    struct scan *s = user;
    const ecom_contract *contract;
    void *event;

    ecom_arena_reset(s->arena);
    if (ecom_msg_header(msg, "x-dlq-topic").n) {
        s->dead++;
        s->not_poison += is_outage(ecom_msg_header(msg, "x-dlq-code"));
        return 0;
    }
    if (ecom_event_decode(contracts, msg, s->arena, &contract, &event, NULL) < 0) {
        s->unreadable++;
        return 0;
    }
    struct facts *f = facts_of(s->w, msg->key.n ? msg->key : text("?"));
    const ecom_envelope *envelope = event;
    if (!f)
        return 0;
    if (contract == &ladder_contract) {
        see_step(s->w, f, event);
    } else if (contract == &ecom_order_created_contract) {
        f->created += is_second(f->created_id, sizeof(f->created_id), envelope->id) || !f->created;
    } else {
        int new = !f->payment_event[0];
        int second = is_second(f->payment_event, sizeof(f->payment_event), envelope->id);
        f->paid += (new || second) && contract == &ecom_payment_completed_contract;
        f->failed += (new || second) && contract == &ecom_payment_failed_contract;
    }
    return 0;
}

static void scan_bus(struct world *w, struct scan *scan)
{
    ecom_str topics[] = {text("order-events"),       text("payment-events"),
                         text("ladder-events"),      text("order-events.dlq"),
                         text("payment-events.dlq"), text("ladder-events.dlq")};
    const ecom_subscription sub = {
        .size = sizeof(sub), .topics = topics, .ntopics = sizeof(topics) / sizeof(topics[0])};
    ecom_member *member = NULL;
    int r = ecom_bus_subscribe(w->bus, &sub, &member, NULL);

    while (r >= 0)
        r = ecom_member_poll(member, 0, 1000, see_message, scan, NULL);
    if (r != ECOM_E_TIMEOUT)
        violate(w, "cannot read the bus: %s", check_code(r));
    ecom_member_close(member);
}

static void judge_order(struct world *w, const struct facts *f)
{
    int declined = f->amount % 100 == 13;

    if (f->stored != 1)
        violate(w, "order %s was %s, but is stored %d times", f->id,
                f->accepted ? "accepted" : "heard of", f->stored);
    else if (f->created != 1)
        violate(w, "order %s: %d events say it was created", f->id, f->created);
    else if (f->status == ECOM_ORDER_PENDING)
        violate(w, "order %s is PENDING for ever", f->id);
    else if (f->charges > 1 || f->decided != 1)
        violate(w, "order %s: charged %d times, by %d decisions", f->id, f->charges, f->decided);
    else if (f->paid + f->failed != 1)
        violate(w, "order %s: %d events say paid, %d failed", f->id, f->paid, f->failed);
    else if ((f->status == ECOM_ORDER_PAID) != !declined || f->paid != !declined ||
             f->charges != !declined)
        violate(w, "order %s is %s, with %d charges", f->id, ecom_order_status_name(f->status),
                f->charges);
    else if (f->notifications != 1 || f->sends < 1)
        violate(w, "order %s has %d notifications, sent %d times", f->id, f->notifications,
                f->sends);
    for (int64_t step = 1; step <= LADDER_STEPS; step++)
        if (f->seen[step] != (step <= f->step))
            violate(w, "order %s: step %d is on the bus or in the audit, but not in both", f->id,
                    (int)step);
}

void judge(struct world *w)
{
    struct scan scan = {.w = w, .arena = ecom_arena_new(0)};

    scan_bus(w, &scan);
    for_each(w, ORDERS, "orders", see_order);
    for_each(w, NOTIFICATIONS, "notifications", see_notification);
    for_each(w, AUDIT, "audit", see_audit);
    for (size_t i = 0; i < w->nfacts; i++)
        judge_order(w, &w->facts[i]);
    if (w->nfacts != (size_t)w->nrequests)
        violate(w, "%d requests made %zu orders", w->nrequests, w->nfacts);
    if (scan.unreadable != GARBAGE || scan.dead < GARBAGE)
        violate(w, "%d messages were unreadable, %d of %d are in the dead letters", scan.unreadable,
                scan.dead, GARBAGE);
    if (scan.not_poison)
        violate(w, "%d messages are dead letters though something was only away", scan.not_poison);
    ecom_arena_free(scan.arena);
}
