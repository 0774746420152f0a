/* How a response is written. */
#ifndef ECOM_HTTP_RESPONSE_H
#define ECOM_HTTP_RESPONSE_H

#include "http/exchange.h"

/* Writes the head and sets sent[]. Cannot fail: out of memory, it becomes a bare 503. */
void ecom__http_response_finish(struct ecom_exchange *x);
/* Makes a problem (RFC 9457) of the response: drops what the handler wrote. */
void ecom__http_problem(struct ecom_exchange *x, int32_t status, const ecom_error *err);
/* "Not Found" */
const char *ecom__http_reason(int32_t status);

#endif
