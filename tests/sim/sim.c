#include "sim.h"

#include <stdarg.h>
#include <stdlib.h>

enum { REST_LIMIT = 400000, LOOK_EVERY = 150 }; /* ticks */

ecom_str text(const char *s)
{
    return ecom_str_of(s);
}

/* splitmix64: what happens depends on the seed alone. */
uint64_t roll(struct world *w, uint64_t below)
{
    uint64_t z = w->dice += 0x9E3779B97F4A7C15;

    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
    z = (z ^ z >> 27) * 0x94D049BB133111EB;
    return (z ^ z >> 31) % below;
}

void violate(struct world *w, const char *fmt, ...)
{
    va_list args;

    if (w->violation[0])
        return;
    va_start(args, fmt);
    vsnprintf(w->violation, sizeof(w->violation), fmt, args);
    va_end(args);
}

/* The facts of an order, known or not before; NULL: more orders than requests. */
struct facts *facts_of(struct world *w, ecom_str id)
{
    uint64_t h = 14695981039346656037u;

    for (size_t i = 0; i < id.n; i++)
        h = (h ^ (unsigned char)id.p[i]) * 1099511628211u;
    size_t slot = (h ^ h >> 29) % w->facts_room;
    for (; w->index[slot]; slot = (slot + 1) % w->facts_room)
        if (ecom_str_eq(text(w->facts[w->index[slot] - 1].id), id))
            return &w->facts[w->index[slot] - 1];
    if (w->nfacts + 1 >= w->facts_room || id.n >= sizeof(w->facts[0].id)) {
        violate(w, "there are more orders than were asked for: \"%.*s\"", (int)id.n, id.p);
        return NULL;
    }
    struct facts *f = &w->facts[w->nfacts++];
    memcpy(f->id, id.p, id.n);
    w->index[slot] = (int)w->nfacts;
    return f;
}

static struct process *a_service(struct world *w)
{
    struct process *p = &w->processes[roll(w, PROCESSES)];

    return p->up && !p->busy && p->kind == ORDERS ? p : NULL;
}

static int can_come_again(int code)
{
    return ecom_code_of(code)->retry;
}

static void note_accepted(struct world *w, struct request *request, ecom_str id)
{
    if (request->id[0] && !ecom_str_eq(text(request->id), id))
        violate(w, "request %s was answered with two orders", request->key);
    if (!request->id[0]) {
        snprintf(request->id, sizeof(request->id), "%.*s", (int)id.n, id.p);
        w->naccepted++;
        struct facts *f = facts_of(w, id);
        if (f) {
            f->accepted = 1;
            f->amount = request->amount;
            f->climbing = roll(w, 3) == 0;
        }
    }
}

void send_to(struct process *p, struct request *request)
{
    struct world *w = p->w;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_order_request body;
    const ecom_caller caller = {
        .size = sizeof(caller),
        .user_id = text(request->user),
        .correlation_id = text(request->key),
        .idempotency_key = sim_wrong == 11 ? (ecom_str){NULL, 0} : text(request->key),
    };
    ecom_order order;
    ecom_error e;

    ecom_record_init(&ecom_order_request_record, &body);
    body.amount = request->amount;
    request->tries++;
    p->busy = 1;
    p->sending = request;
    int r = ecom_orders_create(p->orders, &body, &caller, arena, &order, NULL, &e);
    p->sending = NULL;
    p->busy = 0;
    if (r == ECOM_OK)
        note_accepted(w, request, order.id);
    else if (!can_come_again(r))
        violate(w, "request %s was refused: %s", request->key, e.text);
    ecom_arena_free(arena);
    if (p->plan.dead)
        process_stop(p);
    request->due_us = w->clock.us + 1000 * (int64_t)roll(w, 500);
}

static void new_request(struct world *w)
{
    struct request *request = &w->requests[w->nmade];

    if (w->nmade == w->nrequests || w->nopen == (int)(sizeof(w->open) / sizeof(w->open[0])))
        return;
    snprintf(request->key, sizeof(request->key), "key-%d", w->nmade);
    snprintf(request->user, sizeof(request->user), "user-%d", w->nmade % 100);
    request->amount = 100 * (int64_t)roll(w, 1000) + (roll(w, 5) ? 99 : 13);
    w->open[w->nopen++] = w->nmade++;
}

/* A client's move: a new request, one that is due again, or one too often. */
static void client(struct world *w)
{
    struct process *p = a_service(w);

    if (!p)
        return;
    if (!w->quiet && roll(w, 200) == 0 && w->nmade > 0) { /* although it has the answer, perhaps */
        send_to(p, &w->requests[roll(w, (uint64_t)w->nmade)]);
        return;
    }
    new_request(w);
    if (w->nopen == 0)
        return;
    int i = roll(w, 3) ? w->nopen - 1 : (int)roll(w, (uint64_t)w->nopen);
    struct request *request = &w->requests[w->open[i]];
    if (request->due_us <= w->clock.us)
        send_to(p, request);
    if (request->id[0])
        w->open[i] = w->open[--w->nopen];
}

void climb_by(struct process *p, struct facts *facts)
{
    p->busy = 1;
    p->climbing = facts;
    ladder_climb(p, facts);
    p->climbing = NULL;
    p->busy = 0;
    if (p->plan.dead)
        process_stop(p);
}

/* Mostly of the newest, so that several steps of one wait to go out at a time. */
static void climb(struct world *w)
{
    struct process *p = a_service(w);
    size_t among = roll(w, 4) && w->nfacts > 16 ? 16 : w->nfacts;

    if (!p || !among)
        return;
    struct facts *f = &w->facts[w->nfacts - 1 - roll(w, among)];
    if (f->climbing)
        climb_by(p, f);
}

/* What no service wrote. */
static void litter(struct world *w)
{
    static const char *const bodies[] = {"", "{\"type\":", "{\"type\":\"NEVER_HEARD_OF\"}"};
    const ecom_msg msg = {.topic = text("order-events"), .body = text(bodies[roll(w, 3)])};

    if (w->garbage < GARBAGE && ecom_bus_publish(w->bus, &msg, 1, NULL, NULL) == ECOM_OK)
        w->garbage++;
}

static void bury_widows(struct world *w)
{
    for (int i = 0; i < w->nwidows;) {
        if (w->widows[i].until_us > w->clock.us) {
            i++;
            continue;
        }
        ecom_member_close(w->widows[i].member);
        w->widows[i] = w->widows[--w->nwidows];
    }
}

static void tick(struct world *w)
{
    struct process *p = &w->processes[roll(w, PROCESSES)];

    w->clock.us += (int64_t)roll(w, w->quiet ? 20000 : 4000);
    if (w->nwidows)
        bury_widows(w);
    if (p->up)
        process_step(p);
    else if (p->reborn_us <= w->clock.us)
        process_start(p);
    if (roll(w, 2))
        client(w);
    if (!w->quiet && roll(w, 2))
        climb(w);
    if (roll(w, 100) == 0)
        litter(w);
}

static int at_rest(struct world *w)
{
    if (w->naccepted < w->nrequests || w->nwidows || w->garbage < GARBAGE)
        return 0;
    for (int i = 0; i < PROCESSES; i++)
        if (!process_idle(&w->processes[i]))
            return 0;
    return 1;
}

/* No more faults: everything that was accepted must come to its end now. At rest is what is so
 * several times, with seconds between. */
static void come_to_rest(struct world *w)
{
    int calm = 0;

    w->quiet = 1;
    for (int i = 0; i < REST_LIMIT && !w->violation[0]; i++) {
        tick(w);
        if (i % LOOK_EVERY)
            continue;
        calm = at_rest(w) ? calm + 1 : 0;
        if (calm == 4)
            return;
    }
    violate(w, "it does not come to rest: %d of %d accepted", w->naccepted, w->nrequests);
}

static int make(struct world *w, uint64_t seed, int orders)
{
    static const enum kind kinds[PROCESSES] = {ORDERS,        ORDERS,        PAYMENTS, PAYMENTS,
                                               NOTIFICATIONS, NOTIFICATIONS, AUDIT,    AUDIT};
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;

    memset(w, 0, sizeof(*w));
    check_world_init(&w->clock, seed);
    w->seed = w->dice = seed;
    w->nrequests = orders;
    w->facts_room = w->charges_room = (size_t)orders * 4 + 64;
    snprintf(w->name, sizeof(w->name), "sim-%" PRIu64, seed);
    opts.env = &w->clock.env;
    opts.partitions = PARTITIONS;
    opts.retention_ms = -1;
    w->requests = calloc((size_t)orders, sizeof(*w->requests));
    w->facts = calloc(w->facts_room, sizeof(*w->facts));
    w->index = calloc(w->facts_room, sizeof(*w->index));
    w->charges = calloc(w->charges_room, sizeof(*w->charges));
    w->charge_index = calloc(w->charges_room, sizeof(*w->charge_index));
    if (!w->requests || !w->facts || !w->index || !w->charges || !w->charge_index)
        return ECOM_E_NOMEM;
    for (int i = 0; i < PROCESSES; i++)
        w->processes[i] = (struct process){.w = w, .kind = kinds[i], .number = i};
    return ecom_bus_open("memory:", &opts, &w->bus, NULL);
}

static int run(struct world *w)
{
    for (int i = 0; i < PROCESSES; i++)
        process_start(&w->processes[i]);
    while (w->naccepted < w->nrequests && !w->violation[0])
        tick(w);
    if (!w->violation[0])
        come_to_rest(w);
    if (!w->violation[0])
        judge(w);
    return !w->violation[0];
}

/* @return truth: all promises were kept; else see w->violation. */
int sim_run(struct world *w, uint64_t seed, int orders)
{
    if (make(w, seed, orders) == ECOM_OK)
        return run(w);
    violate(w, "out of memory");
    return 0;
}

int sim_run_crash(struct world *w, uint64_t seed, int orders, const char *op, int nth,
                  enum fault fault)
{
    if (make(w, seed, orders) < 0)
        return 0;
    snprintf(w->name, sizeof(w->name), "crash-%s-%d-%d", op, nth, (int)fault);
    w->crash_op = op;
    w->crash_nth = nth;
    w->crash_fault = fault;
    return run(w);
}

void sim_free(struct world *w)
{
    w->quiet = 1;
    for (int i = 0; i < PROCESSES; i++)
        if (w->processes[i].up)
            process_stop(&w->processes[i]);
    w->clock.us = INT64_MAX;
    bury_widows(w);
    ecom_bus_close(w->bus);
    free(w->requests);
    free(w->facts);
    free(w->index);
    free(w->charges);
    free(w->charge_index);
}
