/* What operators see of the server: the access log and the metrics. */
#ifndef ECOM_HTTP_OBSERVE_H
#define ECOM_HTTP_OBSERVE_H

#include <stdatomic.h>

#include "ecom/metrics.h"
#include "http/response.h"

/* The series of one route, made when they are first needed and found without a lock afterwards. */
struct meter {
    _Atomic(ecom_series *) totals[RESPONSE_REASONS]; /* by ecom__http_reason_index() */
    _Atomic(ecom_series *) seconds;
};

/* Counts and logs a request that was answered. */
void ecom__http_observe(struct ecom_exchange *x);
/* Says in the log why a request failed whose caller is not told. */
void ecom__http_log_failure(struct ecom_exchange *x, const ecom_error *err);

#endif
