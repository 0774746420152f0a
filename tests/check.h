/* All the test framework there is. Prints TAP, which Meson reads case by case
 * (`protocol: 'tap'`). A failed check says what was expected, what came, and why. */
#ifndef CHECK_H
#define CHECK_H

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "ecom/env.h"

struct check_case {
    const char *name; /* a sentence with _ for spaces */
    void (*run)(void);
};

extern int check_failed;  /* in the running case */
extern int check_skipped; /* set by SKIP */
const char *check_code(int code);

/* Runs the cases whose names contain argv[1], if given; returns what main() returns. */
int check_main(const char *suite, const struct check_case *cases, size_t n, int argc, char **argv);
#define CHECK_MAIN(suite_, cases_)                                                           \
    int main(int argc, char **argv)                                                          \
    {                                                                                        \
        return check_main(suite_, cases_, sizeof(cases_) / sizeof((cases_)[0]), argc, argv); \
    }
#define CASE(fn_) \
    {             \
#fn_, fn_ \
    }

#define CHECK(ok, ...)                               \
    do {                                             \
        if (!(ok)) {                                 \
            printf("# %s:%d: ", __FILE__, __LINE__); \
            printf(__VA_ARGS__);                     \
            printf("\n");                            \
            check_failed = 1;                        \
            return;                                  \
        }                                            \
    } while (0)

#define CHECK_CODE(want, call, e)                                                     \
    do {                                                                              \
        int got_ = (call);                                                            \
        CHECK(got_ == (want), "%s\n#   want %s, got %s: %s", #call, check_code(want), \
              check_code(got_), got_ < 0 ? (e).text : "");                            \
    } while (0)

#define CHECK_U64(want, got)                                                           \
    do {                                                                               \
        uint64_t want_ = (uint64_t)(want), got_ = (uint64_t)(got);                     \
        CHECK(want_ == got_, "%s: want %" PRIu64 ", got %" PRIu64, #got, want_, got_); \
    } while (0)

#define CHECK_I64(want, got)                                                           \
    do {                                                                               \
        int64_t want_ = (int64_t)(want), got_ = (int64_t)(got);                        \
        CHECK(want_ == got_, "%s: want %" PRId64 ", got %" PRId64, #got, want_, got_); \
    } while (0)

/* A C string against an ecom_str. */
#define CHECK_STR(want, got)                                                                    \
    do {                                                                                        \
        const char *want_ = (want);                                                             \
        ecom_str got_ = (got);                                                                  \
        CHECK(ecom_str_eq(ecom_str_of(want_), got_), "%s:\n#   want \"%s\"\n#   got  \"%.*s\"", \
              #got, want_, (int)got_.n, got_.p ? got_.p : "");                                  \
    } while (0)

/* The error's text contains this. */
#define CHECK_TEXT(part, e) \
    CHECK(strstr((e).text, part), "text \"%s\" does not contain \"%s\"", (e).text, part)

#define SKIP(why)                       \
    do {                                \
        printf("# skipped: %s\n", why); \
        check_skipped = 1;              \
        return;                         \
    } while (0)

#define S(lit) ((ecom_str){"" lit, sizeof(lit) - 1})

/* A clock that we move and randomness that repeats from its seed. */
struct check_world {
    ecom_env env; /* give &world.env to the code under test */
    int64_t us;   /* both clocks read this */
    uint64_t seed;
};
void check_world_init(struct check_world *world, uint64_t seed);
void check_world_move_ms(struct check_world *world, int64_t ms);

/* Makes the n-th allocation from now fail (1: the next), once; 0: none. Only those of the calling
 * thread count: those of code that is linked statically, or, where a test is built with
 * check_every_dep, all of the process. */
void check_alloc_fail_at(uint64_t n);
/* The same, and all after that one fail, until the next call. */
void check_alloc_fail_from(uint64_t n);
/* The same for the n-th allocation of all other threads together. */
void check_alloc_fail_elsewhere_at(uint64_t n);
/* Truth: that allocation was reached, and so failed. */
int check_alloc_failed(void);
/* How many the calling thread has made until now. */
uint64_t check_allocs(void);

#endif
