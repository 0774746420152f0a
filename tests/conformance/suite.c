#include "suite.h"

int ecom__suite_failed, ecom__suite_skipped;

const char *ecom__suite_code(int code)
{
    return code > 0 ? "a count" : ecom_code_of(code)->name;
}

int ecom__suite_line(int number, const char *suite, const char *name)
{
    int failed = ecom__suite_failed;

    printf("%sok %d - %s: %s%s\n", failed ? "not " : "", number, suite, name,
           ecom__suite_skipped ? " # SKIP" : "");
    fflush(stdout);
    ecom__suite_failed = ecom__suite_skipped = 0;
    return failed;
}

/* Threads of the backend read while the test moves. */
static int64_t clock_now(void *self)
{
    return __atomic_load_n(&((struct ecom__suite_clock *)self)->us, __ATOMIC_SEQ_CST);
}

void ecom__suite_clock_move_ms(struct ecom__suite_clock *clock, int64_t ms)
{
    __atomic_fetch_add(&clock->us, ms * 1000, __ATOMIC_SEQ_CST);
}

/* splitmix64 */
static void clock_random(void *self, void *out, size_t n)
{
    struct ecom__suite_clock *clock = self;
    unsigned char *p = out;

    while (n) {
        uint64_t z = __atomic_add_fetch(&clock->seed, 0x9E3779B97F4A7C15, __ATOMIC_SEQ_CST);
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        z ^= z >> 31;
        size_t k = n < sizeof(z) ? n : sizeof(z);
        memcpy(p, &z, k);
        p += k;
        n -= k;
    }
}

void ecom__suite_clock_init(struct ecom__suite_clock *clock, uint64_t seed)
{
    *clock = (struct ecom__suite_clock){
        .env = {clock, clock_now, clock_now, clock_random},
        .us = INT64_C(1790000000000000),
        .seed = seed,
    };
}
