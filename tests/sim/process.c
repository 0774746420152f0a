#include "sim.h"

#include <stdlib.h>

static const char *const kind_names[KINDS] = {"orders", "payments", "notifications", "audit"};

/* Faults of one call: in so many of 10,000. */
static const struct {
    enum fault fault;
    uint64_t of_10000;
} rates[] = {
    {FAULT_FAIL, 100}, {FAULT_LOST_ANSWER, 100}, {FAULT_TWICE, 100},
    {FAULT_LATE, 100}, {FAULT_CRASH_BEFORE, 15}, {FAULT_CRASH_AFTER, 15},
};
enum { NESTED_OF_10000 = 1000, MAX_DEPTH = 3 };

static void bury(struct process *p)
{
    p->busy = 0;
    if (p->plan.dead)
        process_stop(p);
}

/* The same again, at another process of the kind: a client that asks twice, a worker that was taken
 * for dead. */
static void do_beside(struct process *p, struct process *other)
{
    ecom_delivery delivery;
    ecom_error e;

    if (p->climbing)
        climb_by(other, p->climbing);
    if (p->sending)
        send_to(other, p->sending);
    if (!p->delivery)
        return;
    delivery = *p->delivery;
    delivery.arena = ecom_arena_new(0);
    other->busy = 1;
    (void)!p->handler(other, &delivery, &e);
    ecom_arena_free(delivery.arena);
    bury(other);
}

/* Lets others run a little, in the middle of a call of this one: mostly the other of its kind,
 * which is the one that can get in its way. */
static void run_another(struct process *p)
{
    struct world *w = p->w;
    struct process *other = &w->processes[roll(w, 3) ? p->number ^ 1 : (int)roll(w, PROCESSES)];

    if (w->depth >= MAX_DEPTH || other->busy || !other->up)
        return;
    w->depth++;
    if (other->kind == p->kind && roll(w, 2))
        do_beside(p, other);
    for (uint64_t n = roll(w, 3); n > 0 && other->up; n--)
        process_step(other);
    w->depth--;
}

/* The one crash of a run that has no other fault. */
static enum fault crash_once(struct world *w, const char *op)
{
    if (!w->crash_nth || strcmp(op, w->crash_op) != 0 || --w->crash_nth > 0)
        return FAULT_NONE;
    return w->crash_fault;
}

static enum fault decide(void *user, const char *op)
{
    struct process *p = user;
    struct world *w = p->w;

    w->calls++;
    if (w->crash_op)
        return crash_once(w, op);
    if (roll(w, 10000) < NESTED_OF_10000)
        run_another(p);
    if (w->quiet)
        return FAULT_NONE;
    uint64_t dice = roll(w, 10000);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
        if (dice < rates[i].of_10000) {
            w->faults++;
            return rates[i].fault;
        }
        dice -= rates[i].of_10000;
    }
    return FAULT_NONE;
}

static int code(void *user)
{
    static const int codes[] = {ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_FULL, ECOM_E_NOMEM,
                                ECOM_E_BACKEND};

    return codes[roll(((struct process *)user)->w, sizeof(codes) / sizeof(codes[0]))];
}

static size_t part(void *user, size_t n)
{
    return (size_t)roll(((struct process *)user)->w, n + 1);
}

/* Mostly a little; now and then longer than a session lasts, while others go on. */
static void late(void *user)
{
    struct process *p = user;
    struct world *w = p->w;

    if (roll(w, 20) > 0) {
        check_world_move_ms(&w->clock, (int64_t)roll(w, 200));
        return;
    }
    check_world_move_ms(&w->clock, SESSION_MS + (int64_t)roll(w, SESSION_MS));
    for (int i = 0; i < PROCESSES; i++)
        run_another(p);
}

static void widow(void *user, ecom_member *member)
{
    struct world *w = ((struct process *)user)->w;

    if (w->nwidows == (int)(sizeof(w->widows) / sizeof(w->widows[0]))) {
        ecom_member_close(member);
        return;
    }
    w->widows[w->nwidows].member = member;
    w->widows[w->nwidows++].until_us = w->clock.us + INT64_C(1000) * SESSION_MS;
}

ecom_str process_store_url(const struct process *p, char out[80])
{
    int n = snprintf(out, 80, "memory:%s-%s", p->w->name, kind_names[p->kind]);

    return (ecom_str){out, (size_t)n};
}

static int open_transports(struct process *p, ecom_error *err)
{
    ecom_store_options store_opts = ECOM_STORE_OPTIONS_INIT;
    ecom_bus_options bus_opts = ECOM_BUS_OPTIONS_INIT;
    char url[80];

    store_opts.env = bus_opts.env = &p->w->clock.env;
    process_store_url(p, url);
    int r = ecom_store_open(url, &store_opts, &p->inner, err);
    if (r < 0)
        return r;
    p->store = wrong_store(p, &store_opts);
    p->bus = wrong_bus(p, &bus_opts);
    return p->store && p->bus ? ECOM_OK : ecom_fail(err, ECOM_E_NOMEM, "transports");
}

static int open_relay(struct process *p, ecom_error *err)
{
    ecom_relay_options opts = ECOM_RELAY_OPTIONS_INIT;

    opts.store = p->store;
    opts.bus = p->bus;
    opts.env = &p->w->clock.env;
    opts.batch = 16;
    return ecom_relay_new(&opts, &p->relay, err);
}

static int open_consumer(struct process *p, ecom_error *err)
{
    static const ecom_str order_events = {"order-events", 12},
                          payment_events = {"payment-events", 14},
                          ladder_events = {"ladder-events", 13};
    static const ecom_subscriber subscribers[KINDS][2] = {
        [ORDERS] = {{&ecom_payment_completed_contract, on_payment_move},
                    {&ecom_payment_failed_contract, on_payment_move}},
        [PAYMENTS] = {{&ecom_order_created_contract, on_order}},
        [NOTIFICATIONS] = {{&ecom_payment_completed_contract, on_payment_notify},
                           {&ecom_payment_failed_contract, on_payment_notify}},
        [AUDIT] = {{&ladder_contract, ladder_on_step}},
    };
    const ecom_consumer_options opts = {
        .size = sizeof(opts),
        .bus = p->bus,
        .env = &p->w->clock.env,
        .group = text(kind_names[p->kind]),
        .topics = p->kind == PAYMENTS ? &order_events
                  : p->kind == AUDIT  ? &ladder_events
                                      : &payment_events,
        .ntopics = 1,
        .subscribers = subscribers[p->kind],
        .nsubscribers = subscribers[p->kind][1].contract ? 2 : 1,
        .user = p,
        .window = 32,
        .max_backoff_ms = 5000,
        .session_timeout_ms = SESSION_MS,
    };

    return ecom_consumer_new(&opts, &p->consumer, err);
}

static int open_part(struct process *p, ecom_error *err)
{
    const ecom_env *env = &p->w->clock.env;
    const ecom_orders_options orders = {.size = sizeof(orders), .store = p->store, .env = env};
    const ecom_payments_options payments = {
        .size = sizeof(payments),
        .store = p->store,
        .env = env,
        .provider = &sim_provider,
        .self = p,
    };
    const ecom_notifications_options notifications = {
        .size = sizeof(notifications),
        .store = p->store,
        .env = env,
        .channel = &sim_channel,
        .self = p,
    };

    if (p->kind == ORDERS)
        return ecom_orders_new(&orders, &p->orders, err);
    if (p->kind == PAYMENTS)
        return ecom_payments_new(&payments, &p->payments, err);
    if (p->kind == NOTIFICATIONS)
        return ecom_notifications_new(&notifications, &p->notifications, err);
    return ECOM_OK;
}

void process_start(struct process *p)
{
    ecom_error e = {0};

    p->plan = (struct fault_plan){
        .user = p,
        .decide = decide,
        .code = code,
        .part = part,
        .late = late,
        .widow = widow,
    };
    p->busy = p->up = 1;
    int r = open_transports(p, &e);
    if (r == ECOM_OK)
        r = open_part(p, &e);
    if (r == ECOM_OK && (p->kind == ORDERS || p->kind == PAYMENTS))
        r = open_relay(p, &e);
    if (r == ECOM_OK)
        r = open_consumer(p, &e);
    p->busy = 0;
    if (r < 0 || p->plan.dead) { /* then again, as its supervisor would */
        p->plan.dead = 1;
        process_stop(p);
    }
}

void process_stop(struct process *p)
{
    p->busy = 1;
    ecom_consumer_free(p->consumer);
    ecom_relay_free(p->relay);
    ecom_orders_free(p->orders);
    ecom_payments_free(p->payments);
    ecom_notifications_free(p->notifications);
    ecom_bus_close(p->bus);
    ecom_store_close(p->store);
    ecom_store_close(p->inner);
    p->w->crashes += p->plan.dead != 0;
    *p = (struct process){
        .w = p->w,
        .kind = p->kind,
        .number = p->number,
        .asked = p->asked,
        .reborn_us = p->w->clock.us + 1000 * (int64_t)roll(p->w, p->w->quiet ? 10 : 15000),
    };
}

void process_step(struct process *p)
{
    int32_t wait_ms;

    p->busy = 1;
    p->w->steps++;
    if (!p->relay || roll(p->w, 2))
        ecom_consumer_step(p->consumer, 0, NULL);
    else if (sim_wrong == 2)
        wrong_relay_step(p);
    else
        ecom_relay_step(p->relay, &wait_ms, NULL);
    bury(p);
}

int handle_in(struct process *p, ecom_handler real, void *user, const ecom_delivery *delivery,
              ecom_error *err)
{
    p->delivery = delivery;
    int r = real(user, delivery, err);
    p->delivery = NULL;
    return r;
}

/* Nothing to publish, nothing to handle. */
int process_idle(struct process *p)
{
    ecom_consumer_stats stats;
    uint64_t waiting = 1;

    if (!p->up || ecom_store_backlog(p->inner, &waiting, NULL, NULL) < 0 || waiting > 0)
        return 0;
    ecom_consumer_stats_get(p->consumer, &stats);
    return stats.healthy && stats.in_flight == 0 && stats.lag == 0;
}
