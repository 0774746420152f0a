/* What is done for a request before its handler: plain functions, called in the order that
 * exchange.c shows. */
#ifndef ECOM_HTTP_MIDDLEWARE_H
#define ECOM_HTTP_MIDDLEWARE_H

#include "http/exchange.h"

/* Takes the caller's correlation id or makes one, and binds the logger to it. */
void ecom__http_identify(struct ecom_exchange *x);
/* Looks at the Bearer token. @return ECOM_E_UNAUTHENTICATED where the route needs one. */
int ecom__http_authenticate(struct ecom_exchange *x, ecom_error *err);
/* Fills the record of the query. */
int ecom__http_read_query(struct ecom_exchange *x, ecom_error *err);
/* Fills the record of the body. May refuse the exchange instead: 415. */
int ecom__http_read_body(struct ecom_exchange *x, ecom_error *err);

#endif
