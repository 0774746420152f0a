/* libecom-aws, loaded when it is asked for: libcurl costs a process some milliseconds and
 * megabytes, and most have no function to invoke. */
#ifndef WORKERS_AWS_LIBRARY_H
#define WORKERS_AWS_LIBRARY_H

#include <ecom/aws.h>

struct aws_library {
    __typeof__(&ecom_aws_new) new_client;
    __typeof__(&ecom_aws_invoke) invoke;
    __typeof__(&ecom_aws_stop) stop;
    __typeof__(&ecom_aws_free) free_client;
};

/* It stays loaded for the rest of the process. @return ECOM_E_NOTSUP: it is not there. */
int aws_library_load(struct aws_library *out, ecom_error *err);

#endif
