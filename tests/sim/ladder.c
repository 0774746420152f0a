#include "sim.h"

#include <stdlib.h>

static const ecom_field ladder_fields[] = {
    ECOM_ENVELOPE_FIELDS(struct ladder_step),
    ECOM_FIELD(struct ladder_step, order_id, "orderId", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = 64),
    ECOM_FIELD(struct ladder_step, step, "step", INT, .flags = ECOM_REQUIRED, .min = 1,
               .max = LADDER_STEPS),
};
static const ecom_record ladder_record =
    ECOM_RECORD("LadderStep", struct ladder_step, ladder_fields);
const ecom_contract ladder_contract = {
    .type = "LADDER_STEP",
    .topic = "ladder-events",
    .key = "orderId",
    .record = &ladder_record,
};

/* How far a document is: 0 when it is not there; below 0: why that is not known. */
int64_t ladder_read(ecom_store *store, const char *collection, ecom_str id, uint64_t *rev,
                    ecom_error *err)
{
    ecom_buf doc = {0};
    int64_t step = 0;

    *rev = 0;
    int r = ecom_store_get(store, text(collection), id, &doc, rev, err);
    if (r == ECOM_OK)
        step = strtoll(doc.p + sizeof("{\"step\":") - 1, NULL, 10);
    ecom_buf_free(&doc);
    return r == ECOM_OK || r == ECOM_E_NOTFOUND ? step : r;
}

static int ladder_write(ecom_store *store, const char *collection, ecom_str id, int64_t step,
                        uint64_t expect, const ecom_msg *events, size_t n, ecom_error *err)
{
    char doc[40];

    snprintf(doc, sizeof(doc), "{\"step\":%d}", (int)step);
    const ecom_change change = {
        .collection = text(collection),
        .id = id,
        .doc = text(doc),
        .expect = expect,
        .events = events,
        .nevents = n,
    };
    return ecom_store_put(store, &change, NULL, err);
}

/* One or two steps up, each with its event, in one change. */
void ladder_climb(struct process *p, struct facts *facts)
{
    struct world *w = p->w;
    ecom_msg events[2];
    ecom_id ids[2];
    uint64_t rev;
    ecom_error e;
    size_t n = 1 + roll(w, 2);
    ecom_arena *arena = ecom_arena_new(0);
    int64_t step = ladder_read(p->store, "ladder", text(facts->id), &rev, &e);

    for (size_t i = 0; arena && step >= 0 && i < n; i++) {
        ids[i] = ecom_id_new(&w->clock.env);
        const struct ladder_step event = {
            .envelope = {.id = text(ids[i].s), .time_ms = 1},
            .order_id = text(facts->id),
            .step = step + 1 + (int64_t)i,
        };
        if (event.step > LADDER_STEPS)
            n = i;
        else if (ecom_event_encode(&ladder_contract, text(""), &event, arena, &events[i], &e) < 0)
            violate(w, "a step was refused: %s", e.text);
    }
    if (arena && step >= 0 && n > 0)
        (void)!ladder_write(p->store, "ladder", text(facts->id), step + (int64_t)n, rev, events, n,
                            &e);
    ecom_arena_free(arena);
}

/* The audit: no step may come before the one below it has. */
static int audit(void *process, const ecom_delivery *delivery, ecom_error *err)
{
    struct process *p = process;
    const struct ladder_step *event = delivery->event;
    uint64_t rev;
    int64_t step = ladder_read(p->store, "audit", event->order_id, &rev, err);

    if (step < 0)
        return (int)step;
    if (event->step <= step)
        return ECOM_OK; /* it came before */
    if (event->step > step + 1)
        violate(p->w, "order %.*s: step %d came when only %d had been", (int)event->order_id.n,
                event->order_id.p, (int)event->step, (int)step);
    return ladder_write(p->store, "audit", event->order_id, event->step, rev, NULL, 0, err);
}

int ladder_on_step(void *process, const ecom_delivery *delivery, ecom_error *err)
{
    struct process *p = process;

    p->handler = ladder_on_step;
    return handle_in(p, audit, p, delivery, err);
}
