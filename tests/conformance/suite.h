/* What the suites share: TAP, checks that read like bug reports, and a clock that is moved. Only
 * public symbols of the library are used: this is installed for authors of backends elsewhere. */
#ifndef ECOM_SUITE_H
#define ECOM_SUITE_H

#include "ecom/testing.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

extern int ecom__suite_failed;  /* in the running case */
extern int ecom__suite_skipped; /* set by SKIP */
const char *ecom__suite_code(int code);
/* Prints a case's line and forgets the marks. Returns 1 if it failed. */
int ecom__suite_line(int number, const char *suite, const char *name);

/* A clock that only the test moves. Chance repeats from its seed. */
struct ecom__suite_clock {
    ecom_env env;
    int64_t us;
    uint64_t seed;
};
void ecom__suite_clock_init(struct ecom__suite_clock *clock, uint64_t seed);
void ecom__suite_clock_move_ms(struct ecom__suite_clock *clock, int64_t ms);

/* A line of a suite's table of cases. @param needs_  ECOM_TEST_*. */
#define CASE(needs_, fn_)   \
    {                       \
#fn_, (needs_), fn_ \
    }

/* Marks the running case as failed, without leaving it. */
#define FAIL(...)                                \
    do {                                         \
        printf("# %s:%d: ", __FILE__, __LINE__); \
        printf(__VA_ARGS__);                     \
        printf("\n");                            \
        ecom__suite_failed = 1;                  \
    } while (0)

#define CHECK(ok, ...)         \
    do {                       \
        if (!(ok)) {           \
            FAIL(__VA_ARGS__); \
            return;            \
        }                      \
    } while (0)

#define CHECK_CODE(want, call, e)                                                           \
    do {                                                                                    \
        int got_ = (call);                                                                  \
        CHECK(got_ == (want), "%s\n#   want %s, got %s: %s", #call, ecom__suite_code(want), \
              ecom__suite_code(got_), got_ < 0 ? (e).text : "");                            \
    } while (0)

#define CHECK_I64(want, got)                                                           \
    do {                                                                               \
        int64_t want_ = (int64_t)(want), got_ = (int64_t)(got);                        \
        CHECK(want_ == got_, "%s: want %" PRId64 ", got %" PRId64, #got, want_, got_); \
    } while (0)

/* A helper that checks failed: so does its caller. */
#define CHECK_PASSED()          \
    do {                        \
        if (ecom__suite_failed) \
            return;             \
    } while (0)

#define SKIP(why)                       \
    do {                                \
        printf("# skipped: %s\n", why); \
        ecom__suite_skipped = 1;        \
        return;                         \
    } while (0)

#define S(lit) ((ecom_str){"" lit, sizeof(lit) - 1})

#endif
