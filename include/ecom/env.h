/** @file
 * Where time and chance come from. Everything in the library that needs the clock or randomness
 * gets it from here, so that a test moves time by hand and a simulation repeats from its seed.
 */
#ifndef ECOM_ENV_H
#define ECOM_ENV_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Time and chance. Functions may be called from any thread. */
typedef struct ecom_env {
    void *self;
    /** Microseconds since the Unix epoch, UTC; may jump, as clocks do. */
    int64_t (*now_us)(void *self);
    /** Microseconds since some start, never going back: for waits and durations. */
    int64_t (*monotonic_us)(void *self);
    /** Fills @p out with @p n unpredictable bytes; cannot fail. */
    void (*random)(void *self, void *out, size_t n);
} ecom_env;

/** The machine's own clocks and the kernel's randomness. Static. */
ECOM_API const ecom_env *ecom_env_system(void);

/** The time of day in milliseconds. @param env  not NULL, nor below. */
ECOM_API int64_t ecom_env_now_ms(const ecom_env *env);
/** As above, of the clock that never goes back. */
ECOM_API int64_t ecom_env_monotonic_ms(const ecom_env *env);
/** Uniform in [0, below); 0 when @p below is 0. */
ECOM_API uint64_t ecom_env_random_below(const ecom_env *env, uint64_t below);

/** An id in the text form of RFC 9562, lower case. */
typedef struct ecom_id {
    char s[37]; /**< NUL-terminated */
} ecom_id;

/** A new UUID version 7 (RFC 9562 section 5.7, sub-millisecond time in rand_a as in 6.2 method 3):
 *  ids made later sort later, to the microsecond that the clock gives. */
ECOM_API ecom_id ecom_id_new(const ecom_env *env);
/** Truth: @p s is a UUID of any version, 36 characters, lower-case hexadecimal. */
ECOM_API int ecom_id_valid(ecom_str s);

/** RFC 3339 in UTC with milliseconds, `2026-11-22T18:25:43.511Z`; @p out holds 25 bytes. Years
 *  0000 to 9999: other times are clamped to these. */
ECOM_API void ecom_time_format(int64_t ms, char out[25]);
/** Reads RFC 3339 (any offset, any fraction, a leap second as :59). @return ECOM_E_INVAL. */
ECOM_API ECOM_MUST_USE int ecom_time_parse(ecom_str text, int64_t *ms, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
