#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "ecom/auth.h"

static struct check_world world;
static ecom_throttle *t;
static ecom_error e;

static int setup(uint32_t max_keys)
{
    check_world_init(&world, 1);
    return ecom_throttle_new(
        &(ecom_throttle_options){
            .size = sizeof(ecom_throttle_options),
            .free_failures = 3,
            .base_ms = 1000,
            .max_ms = 10000,
            .max_keys = max_keys,
            .env = &world.env,
        },
        &t, &e);
}

/* How long a key has to wait. */
static int32_t wait_of(const char *key)
{
    return ecom_throttle_check(t, ecom_str_of(key), &e) == ECOM_OK ? 0 : e.retry_after_ms;
}

static void fail(const char *key, int times)
{
    while (times-- > 0)
        ecom_throttle_failed(t, ecom_str_of(key));
}

static void waits_double_up_to_their_bound(void)
{
    static const int32_t want[] = {0, 0, 0, 1000, 2000, 4000, 8000, 10000, 10000, 10000};

    CHECK_CODE(ECOM_OK, setup(0), e);
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
        fail("a", 1);
        CHECK_I64(want[i], wait_of("a"));
        if (want[i]) {
            CHECK_TEXT("too many failed attempts: try again in ", e);
            check_world_move_ms(&world, want[i] - 1);
            CHECK_I64(1, wait_of("a"));
            check_world_move_ms(&world, 1);
            CHECK_I64(0, wait_of("a"));
        }
    }
    fail("b", 100000);
    CHECK_I64(10000, wait_of("b"));
    ecom_throttle_free(t);
    ecom_throttle_free(NULL);
}

static void keys_do_not_share_their_fate(void)
{
    CHECK_CODE(ECOM_OK, setup(0), e);
    fail("a", 5);
    fail("", 5);
    CHECK(wait_of("a") && wait_of("") && !wait_of("b"), "shared");
    ecom_throttle_succeeded(t, S("b"));
    ecom_throttle_succeeded(t, S(""));
    CHECK(wait_of("a") && !wait_of(""), "shared");
    ecom_throttle_free(t);
}

static void success_starts_a_key_anew(void)
{
    CHECK_CODE(ECOM_OK, setup(0), e);
    fail("a", 5);
    ecom_throttle_succeeded(t, S("a"));
    CHECK_I64(0, wait_of("a"));
    fail("a", 3);
    CHECK_I64(0, wait_of("a"));
    ecom_throttle_free(t);
}

static void a_key_that_stays_quiet_starts_anew(void)
{
    CHECK_CODE(ECOM_OK, setup(0), e);
    fail("a", 5);
    check_world_move_ms(&world, 2000 + 10000);
    fail("a", 1);
    CHECK_I64(4000, wait_of("a"));
    check_world_move_ms(&world, 4000 + 10001);
    fail("a", 1);
    CHECK_I64(0, wait_of("a"));
    ecom_throttle_free(t);
}

static void the_key_longest_unused_is_forgotten_first(void)
{
    char key[16];

    CHECK_CODE(ECOM_OK, setup(4), e);
    for (int i = 0; i < 4; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        fail(key, 4);
    }
    fail("k0", 1); /* k1 is the oldest now */
    fail("k4", 4);
    CHECK(wait_of("k0") && !wait_of("k1") && wait_of("k2") && wait_of("k3") && wait_of("k4"),
          "not k1");
    ecom_throttle_succeeded(t, S("k2"));
    fail("k5", 4); /* in the place of k2 */
    CHECK(wait_of("k0") && wait_of("k3") && wait_of("k4") && wait_of("k5"), "one was forgotten");
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "x%d", i);
        fail(key, 4);
        CHECK(wait_of(key), "x%d is not there", i);
    }
    CHECK(wait_of("x999") && wait_of("x996") && !wait_of("x995") && !wait_of("k5"), "not four");
    ecom_throttle_free(t);
}

static void asking_takes_no_place(void)
{
    char key[16];

    CHECK_CODE(ECOM_OK, setup(1), e);
    fail("a", 4);
    for (int i = 0; i < 100; i++) {
        snprintf(key, sizeof(key), "x%d", i);
        CHECK_I64(0, wait_of(key));
    }
    CHECK(wait_of("a"), "pushed out");
    ecom_throttle_free(t);
}

static void options_out_of_range_are_refused(void)
{
    static const ecom_throttle_options bad[] = {
        {.base_ms = -1},
        {.max_ms = -1},
        {.base_ms = 11, .max_ms = 10},
        {.max_keys = (1 << 24) + 1},
    };

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_CODE(ECOM_E_INVAL, ecom_throttle_new(&bad[i], &t, &e), e);
    CHECK_CODE(ECOM_OK, ecom_throttle_new(NULL, &t, &e), e);
    fail("a", 5);
    CHECK_I64(0, wait_of("a"));
    fail("a", 1);
    CHECK(wait_of("a") > 0, "no wait");
    ecom_throttle_free(t);
}

static void every_failed_allocation_gives_nomem(void)
{
    for (uint64_t i = 1; i <= 3; i++) {
        check_alloc_fail_at(i);
        CHECK_CODE(ECOM_E_NOMEM, setup(0), e);
    }
    check_alloc_fail_at(4); /* and later none is made */
    CHECK_CODE(ECOM_OK, setup(0), e);
    fail("a", 9);
    CHECK(wait_of("a") && !check_alloc_failed(), "it allocates");
    ecom_throttle_free(t);
}

static void *knock(void *user)
{
    char key[16];

    for (int i = 0; i < 3000; i++) {
        snprintf(key, sizeof(key), "k%d", i % 40);
        if (ecom_throttle_check(t, ecom_str_of(key), NULL) == ECOM_OK && i % 7 == *(int *)user)
            ecom_throttle_succeeded(t, ecom_str_of(key));
        else
            ecom_throttle_failed(t, ecom_str_of(key));
    }
    return NULL;
}

static void threads_knock_at_once(void)
{
    pthread_t threads[3];
    int ids[] = {0, 1, 2};

    CHECK_CODE(ECOM_OK, setup(16), e);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, knock, &ids[i]) == 0, "thread");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    fail("last", 4);
    CHECK(wait_of("last"), "damaged");
    ecom_throttle_free(t);
}

static const struct check_case cases[] = {
    CASE(waits_double_up_to_their_bound),
    CASE(keys_do_not_share_their_fate),
    CASE(success_starts_a_key_anew),
    CASE(a_key_that_stays_quiet_starts_anew),
    CASE(the_key_longest_unused_is_forgotten_first),
    CASE(asking_takes_no_place),
    CASE(options_out_of_range_are_refused),
    CASE(every_failed_allocation_gives_nomem),
    CASE(threads_knock_at_once),
};

CHECK_MAIN("throttle", cases)
