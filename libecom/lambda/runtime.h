/* The runtime's inside, for tests that bring a Runtime API of their own. */
#ifndef ECOM_LAMBDA_RUNTIME_H
#define ECOM_LAMBDA_RUNTIME_H

#include "ecom/lambda.h"
#include "lambda/wire.h"

/* As ecom_lambda_new(), over a transport, which is the runtime's from then on; on failure it still
 * is the caller's. */
int ecom__lambda_new(const ecom_lambda_options *opts, const struct lambda_transport *transport,
                     void *self, ecom_lambda **out, ecom_error *err);

#endif
