/* HTTP requests to AWS: by libcurl, or by a test. */
#ifndef ECOM_AWS_WIRE_H
#define ECOM_AWS_WIRE_H

#include "ecom/env.h"

struct aws_request {
    const char *method, *url;
    const ecom_header *headers;
    size_t nheaders;
    ecom_str body;
    int32_t timeout_ms;
    uint32_t max_bytes; /* of the response's body */
};

struct aws_response {
    int32_t status;
    ecom_buf head; /* lines "name: value", each ended by a line feed */
    ecom_buf body;
};

struct aws_transport {
    /* @param out  empty; on failure undefined. @return ECOM_OK: it is whole; ECOM_E_UNAVAILABLE;
     * ECOM_E_TIMEOUT; ECOM_E_TOOLARGE; ECOM_E_CLOSED: stopped; ECOM_E_NOMEM. */
    int (*call)(void *self, const struct aws_request *request, struct aws_response *out,
                ecom_error *err);
    /* Lets time pass, less when stopped. */
    void (*wait)(void *self, int32_t ms);
    void (*stop)(void *self);
    void (*close)(void *self);
};

void ecom__aws_response_clear(struct aws_response *response);
/* The first header of that name, in any case, trimmed; p is NULL: not there. */
ecom_str ecom__aws_response_header(const struct aws_response *response, const char *name);

extern const struct aws_transport ecom__aws_wire;

/* Makes the `self` of ecom__aws_wire. @param ca_bundle  nullable. @return ECOM_E_UNAVAILABLE: no
 * libcurl; ECOM_E_NOMEM. */
int ecom__aws_wire_new(uint32_t concurrency, int32_t connect_ms, const char *ca_bundle, void **out,
                       ecom_error *err);

#endif
