/* One connection to the Runtime API, kept open between calls. */
#ifndef ECOM_LAMBDA_WIRE_H
#define ECOM_LAMBDA_WIRE_H

#include <sys/socket.h>

#include "ecom/env.h"
#include "lambda/reply.h"

struct lambda_request {
    const char *method, *path;
    const ecom_header *headers;
    size_t nheaders;
    ecom_str body;
    int32_t patient; /* the answer may take for ever, until the transport is stopped */
};

/* How requests are made: by a connection, or by a test. */
struct lambda_transport {
    /* @param reply  initialised, to be fed. @return ECOM_OK: it is whole; ECOM_E_CLOSED: stopped
     * while it waited patiently; ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_TOOLARGE,
     * ECOM_E_NOMEM. */
    int (*call)(void *self, const struct lambda_request *request, struct reply *reply,
                ecom_error *err);
    /* Lets time pass, less when stopped. */
    void (*wait)(void *self, int32_t ms);
    /* Ends patience, from a signal handler too. */
    void (*stop)(void *self);
    /* Async-signal-safe: sends bytes on a connection of its own, waits shortly for an answer. */
    void (*last_word)(void *self, const char *bytes, size_t n);
    void (*close)(void *self);
};

struct lambda_address {
    struct sockaddr_storage to;
    socklen_t n;
};

/* "127.0.0.1:9001", "[::1]:9001", "localhost:9001". Names are not resolved: that would need
 * libraries that a static executable cannot load. @return ECOM_E_INVAL (field `api`). */
int ecom__lambda_address(const char *api, struct lambda_address *out, ecom_error *err);

extern const struct lambda_transport ecom__lambda_wire;

/* Makes the `self` of ecom__lambda_wire, which connects when it is called. */
int ecom__lambda_wire_new(const char *api, const ecom_env *env, void **out, ecom_error *err);

#endif
