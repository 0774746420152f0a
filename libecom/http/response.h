/* How a response is written. */
#ifndef ECOM_HTTP_RESPONSE_H
#define ECOM_HTTP_RESPONSE_H

#include "http/exchange.h"

enum { RESPONSE_REASONS = 36 };

/* Writes the head and sets sent[]. Cannot fail: out of memory, it becomes a bare 503. */
void ecom__http_response_finish(struct ecom_exchange *x);
/* Makes a problem (RFC 9457) of the response, in place of what the handler wrote, with the headers
 * that belong to its status. @param err  its text, field and code, where they are set, are told. */
void ecom__http_problem(struct ecom_exchange *x, int32_t status, const ecom_error *err);
/* Answers OPTIONS. */
void ecom__http_options_answer(struct ecom_exchange *x);
/* The number of a status among those with a reason, below RESPONSE_REASONS; -1: it has none. */
int ecom__http_reason_index(int32_t status);

#endif
