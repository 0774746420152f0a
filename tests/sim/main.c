#include "sim.h"

#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ORDERS_RIGHT = 10000, ORDERS_WRONG = 1500 };
/* Of each mistake, more than 19 of 20 runs take notice, and the first that does is the last: that
 * none of so many does has odds below 1 to 10^15. */
enum { TRIES_WRONG = 12 };
/* Calls of each kind to die at. Each run leaves four named stores behind, and there may be 1024. */
enum { CRASHES = 11 };

/* ECOM_SIM_SEED, or one by chance; ECOM_SIM_ORDERS makes a run longer or shorter. */
static uint64_t seed_of_run(void)
{
    const char *given = getenv("ECOM_SIM_SEED");
    uint64_t seed;

    if (given && *given)
        return strtoull(given, NULL, 10);
    ecom_env_system()->random(NULL, &seed, sizeof(seed));
    return seed % 1000000000;
}

static int orders_of_run(int fallback)
{
    const char *given = getenv("ECOM_SIM_ORDERS");
    long n = given ? strtol(given, NULL, 10) : 0;

    return n > 0 && n <= 10000000 ? (int)n : fallback;
}

static int run(struct world *w, uint64_t seed, int orders)
{
    int kept = sim_run(w, seed, orders);

    printf("# seed %" PRIu64 ": %d orders, %" PRIu64 " steps, %" PRIu64 " calls, %" PRIu64
           " faults, %" PRIu64 " crashes, %d s of their time\n",
           seed, w->naccepted, w->steps, w->calls, w->faults, w->crashes,
           (int)((w->clock.us - INT64_C(1790000000000000)) / 1000000));
    if (!kept)
        printf("# %s\n", w->violation);
    fflush(stdout);
    sim_free(w);
    return kept;
}

/* A crash before and after each of the first calls of each kind, in a small shop of two orders. */
static int crash_everywhere(struct world *w, uint64_t seed)
{
    static const char *const ops[] = {"subscribe", "get",     "put",  "publish",
                                      "published", "pending", "poll", "ack",
                                      "charge",    "send",    "lag"};
    static const enum fault faults[] = {FAULT_CRASH_BEFORE, FAULT_CRASH_AFTER};
    int kept = 1, crashes = 0;

    for (size_t i = 0; i < 2 * sizeof(ops) / sizeof(ops[0]) && kept; i++) {
        const char *op = ops[i / 2];
        int reached = 1;
        for (int nth = 1; nth <= CRASHES && reached && kept; nth++) {
            kept = sim_run_crash(w, seed, 2, op, nth, faults[i % 2]);
            reached = w->crash_nth == 0;
            crashes += reached;
            if (kept && nth == 1 && !reached) {
                violate(w, "%s was never called", op);
                kept = 0;
            }
            if (!kept)
                printf("# a crash at %s number %d: %s\n", op, nth, w->violation);
            sim_free(w);
        }
    }
    printf("# %d crashes, one a run\n", crashes);
    return kept;
}

int main(void)
{
    static struct world w;
    uint64_t seed = seed_of_run();
    int kept = 1;

    printf("# to repeat: ECOM_SIM_SEED=%" PRIu64 "\n", seed);
    if (sim_wrong == 0) {
        kept = run(&w, seed, orders_of_run(ORDERS_RIGHT));
        printf("%sok 1 - sim: every promise is kept, whatever fails\n", kept ? "" : "not ");
        int also = crash_everywhere(&w, seed);
        printf("%sok 2 - sim: one crash at each boundary loses nothing\n1..2\n",
               also ? "" : "not ");
        return !(kept && also);
    }
    for (int i = 0; i < TRIES_WRONG && kept; i++)
        kept = run(&w, seed + (uint64_t)i, orders_of_run(ORDERS_WRONG));
    printf("%sok 1 - sim: it notices when %s\n1..1\n", kept ? "not " : "",
           sim_wrong_names[sim_wrong]);
    return kept;
}
