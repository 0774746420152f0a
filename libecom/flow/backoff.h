/* How long to wait before trying again. */
#ifndef FLOW_BACKOFF_H
#define FLOW_BACKOFF_H

#include "ecom/env.h"

/* Exponential back-off with full jitter: uniform in [1, min(max_ms, base_ms * 2^(failures - 1))].
 * The jitter keeps consumers that failed together from coming back together. */
int64_t ecom__backoff_ms(const ecom_env *env, int64_t base_ms, int64_t max_ms, uint32_t failures);

#endif
