/* The whole shop in one thread on a virtual clock: services, relays, consumers and workers over
 * stores and buses that fail, lie, repeat, delay and die, as a seed decides. A run takes so many
 * orders, lets everything come to rest, and then looks whether the promises were kept. */
#ifndef SIM_H
#define SIM_H

#include "check.h"
#include "ecom/ecom.h"
#include "fault.h"

enum { PARTITIONS = 4, PROCESSES = 8, LADDER_STEPS = 6, GARBAGE = 24, SESSION_MS = 10000 };

/* Which deliberate mistake this executable is built with; 0: none. See wrong.c. */
extern const int sim_wrong;
extern const char *const sim_wrong_names[];
enum { WRONGS = 12 };

enum kind { ORDERS, PAYMENTS, NOTIFICATIONS, AUDIT, KINDS };

struct world;

/* A process: all that is volatile. Dies at any boundary, and starts anew later. */
struct process {
    struct world *w;
    enum kind kind;
    int number;
    struct fault_plan plan;
    int up, busy;
    int64_t reborn_us;
    uint32_t asked; /* counts, for wrong.c */

    /* What it is at: another may be at the same, at the same time. */
    const ecom_delivery *delivery;
    ecom_handler handler;
    struct facts *climbing;
    struct request *sending;

    ecom_store *inner, *store;
    ecom_bus *bus;
    ecom_relay *relay; /* of ORDERS and PAYMENTS */
    ecom_consumer *consumer;
    ecom_orders *orders;
    ecom_payments *payments;
    ecom_notifications *notifications;
};

/* What a client wants: sent again with the same key until it is accepted. */
struct request {
    char key[24], user[16];
    int64_t amount, due_us;
    char id[37]; /* of the order, once accepted */
    int tries;
};

/* All that is known of an order, for judging. */
struct facts {
    char id[37];
    int stored, status, accepted;
    int64_t amount;
    int charges, decided;      /* by the provider, by key of idempotency */
    int created, paid, failed; /* distinct events seen on the bus */
    char created_id[64], payment_event[64];
    int notifications, sends;
    int climbing, seen[LADDER_STEPS + 1];
    int64_t step;
    char step_id[LADDER_STEPS + 1][40];
};

struct charge {
    char key[64];
    int approved;
};

struct world {
    struct check_world clock;
    uint64_t seed, dice;
    char name[40];
    ecom_bus *bus; /* the real one, which all share */
    struct process processes[PROCESSES];
    struct {
        ecom_member *member;
        int64_t until_us;
    } widows[256];
    int nwidows;
    int quiet; /* no more faults */
    /* When set, nothing goes wrong but one crash: at so manieth call of this. */
    const char *crash_op;
    int crash_nth;
    enum fault crash_fault;
    int depth; /* of processes that run within a call of another */

    struct request *requests;
    int nrequests, naccepted, nmade;
    int open[64], nopen; /* requests that wait for an answer */
    int garbage;
    struct facts *facts;
    size_t nfacts, facts_room;
    int *index;             /* of facts, by hash */
    struct charge *charges; /* what the provider remembers: it never dies */
    size_t ncharges, charges_room;
    int *charge_index;

    uint64_t steps, calls, faults, crashes;
    char violation[512];
};

/* sim.c */
int sim_run(struct world *w, uint64_t seed, int orders);
/* The same, with one crash only. @return truth: all promises were kept; w->crash_nth is 0 if there
 * was one. */
int sim_run_crash(struct world *w, uint64_t seed, int orders, const char *op, int nth,
                  enum fault fault);
void sim_free(struct world *w);
uint64_t roll(struct world *w, uint64_t below);
/* What a client and a climber do to one service; whatever comes of it, they know no more. */
void send_to(struct process *p, struct request *request);
void climb_by(struct process *p, struct facts *facts);
/* Notes the first broken promise. */
ECOM_PRINTF(2, 3) void violate(struct world *w, const char *fmt, ...);
struct facts *facts_of(struct world *w, ecom_str id);
ecom_str text(const char *s);

/* process.c */
void process_start(struct process *p);
void process_stop(struct process *p);
/* One step of one of its loops. */
void process_step(struct process *p);
int process_idle(struct process *p);
ecom_str process_store_url(const struct process *p, char out[80]);

/* ladder.c: documents with several events each, for the order of events. */
extern const ecom_contract ladder_contract;
struct ladder_step {
    ecom_envelope envelope;
    ecom_str order_id;
    int64_t step;
};
void ladder_climb(struct process *orders, struct facts *facts);
int ladder_on_step(void *process, const ecom_delivery *delivery, ecom_error *err);
int64_t ladder_read(ecom_store *store, const char *collection, ecom_str id, uint64_t *rev,
                    ecom_error *err);

/* outside.c: the payment provider and the notification channel, which never die. */
extern const ecom_payment_provider sim_provider;
extern const ecom_notification_channel sim_channel;

/* A handler, around the real one. */
int handle_in(struct process *p, ecom_handler real, void *user, const ecom_delivery *delivery,
              ecom_error *err);

/* wrong.c: the mistakes, each in the place of what is right. */
ecom_store *wrong_store(struct process *p, const ecom_store_options *opts);
ecom_bus *wrong_bus(struct process *p, const ecom_bus_options *opts);
int wrong_relay_step(struct process *p);
int on_order(void *process, const ecom_delivery *delivery, ecom_error *err);
int on_payment_move(void *process, const ecom_delivery *delivery, ecom_error *err);
int on_payment_notify(void *process, const ecom_delivery *delivery, ecom_error *err);

/* judge.c */
void judge(struct world *w);

#endif
