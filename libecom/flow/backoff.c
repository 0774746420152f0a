#include "flow/backoff.h"

int64_t ecom__backoff_ms(const ecom_env *env, int64_t base_ms, int64_t max_ms, uint32_t failures)
{
    int64_t cap = base_ms < max_ms ? base_ms : max_ms;

    for (uint32_t i = 1; i < failures && cap < max_ms; i++)
        cap = cap > max_ms / 2 ? max_ms : cap * 2;
    return 1 + (int64_t)ecom_env_random_below(env, cap > 0 ? (uint64_t)cap : 0);
}
