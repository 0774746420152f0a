#include "check.h"

#include <stdlib.h>

#include "alloc.h"

int check_failed, check_skipped;

const char *check_code(int code)
{
    return code > 0 ? "a count" : ecom_code_of(code)->name;
}

int check_main(const char *suite, const struct check_case *cases, size_t n, int argc, char **argv)
{
    int failed = 0, number = 0;

    for (size_t i = 0; i < n; i++) {
        if (argc > 1 && !strstr(cases[i].name, argv[1]))
            continue;
        check_failed = check_skipped = 0;
        cases[i].run();
        check_alloc_fail_at(0);
        printf("%sok %d - %s: %s%s\n", check_failed ? "not " : "", ++number, suite, cases[i].name,
               check_skipped ? " # SKIP" : "");
        fflush(stdout);
        failed |= check_failed;
    }
    printf("1..%d\n", number);
    return failed;
}

static int64_t world_now(void *self)
{
    return ((struct check_world *)self)->us;
}

/* splitmix64: enough for tests, the same everywhere, and for threads at once as an env has to be.
 */
static void world_random(void *self, void *out, size_t n)
{
    struct check_world *world = self;
    unsigned char *p = out;

    while (n) {
        uint64_t z = __atomic_add_fetch(&world->seed, 0x9E3779B97F4A7C15, __ATOMIC_RELAXED);
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9;
        z = (z ^ z >> 27) * 0x94D049BB133111EB;
        z ^= z >> 31;
        size_t k = n < sizeof(z) ? n : sizeof(z);
        memcpy(p, &z, k);
        p += k;
        n -= k;
    }
}

void check_world_init(struct check_world *world, uint64_t seed)
{
    *world = (struct check_world){
        .env = {world, world_now, world_now, world_random},
        .us = INT64_C(1790000000000000),
        .seed = seed,
    };
}

void check_world_move_ms(struct check_world *world, int64_t ms)
{
    world->us += ms * 1000;
}

static _Thread_local uint64_t allocs, fail_at;
static _Thread_local int did_fail, fails_on;
static uint64_t elsewhere_at; /* atomic, as the next */
static int did_fail_elsewhere;
static _Thread_local int is_spared; /* asked for failures elsewhere */

void check_alloc_fail_at(uint64_t n)
{
    fail_at = n;
    did_fail = fails_on = 0;
    __atomic_store_n(&elsewhere_at, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&did_fail_elsewhere, 0, __ATOMIC_SEQ_CST);
}

void check_alloc_fail_from(uint64_t n)
{
    check_alloc_fail_at(n);
    fails_on = 1;
}

void check_alloc_fail_elsewhere_at(uint64_t n)
{
    check_alloc_fail_at(0);
    is_spared = 1;
    __atomic_store_n(&elsewhere_at, n, __ATOMIC_SEQ_CST);
}

int check_alloc_failed(void)
{
    return did_fail || __atomic_load_n(&did_fail_elsewhere, __ATOMIC_SEQ_CST);
}

static int fails_elsewhere(void)
{
    uint64_t at = is_spared ? 0 : __atomic_load_n(&elsewhere_at, __ATOMIC_SEQ_CST);

    while (at && !__atomic_compare_exchange_n(&elsewhere_at, &at, at - 1, 0, __ATOMIC_SEQ_CST,
                                              __ATOMIC_SEQ_CST))
        ;
    if (at != 1)
        return 0;
    __atomic_store_n(&did_fail_elsewhere, 1, __ATOMIC_SEQ_CST);
    return 1;
}

uint64_t check_allocs(void)
{
    return allocs;
}

int check_alloc_fails(void)
{
    allocs++;
    if (fails_elsewhere())
        return 1;
    if (fail_at == 0 || --fail_at > 0)
        return 0;
    fail_at = (uint64_t)fails_on; /* the next one, too, or none */
    return did_fail = 1;
}
