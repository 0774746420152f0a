/* The client's inside, for tests that bring an AWS of their own. */
#ifndef ECOM_AWS_INVOKE_H
#define ECOM_AWS_INVOKE_H

#include "aws/wire.h"
#include "ecom/aws.h"

/* As ecom_aws_new(), over a transport, which is the client's from then on; on failure it still is
 * the caller's. NULL: libcurl. */
int ecom__aws_new(const ecom_aws_options *opts, const struct aws_transport *transport, void *self,
                  ecom_aws **out, ecom_error *err);

#endif
