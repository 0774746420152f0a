/* A store around a store that fails when it is told to: before the call got through, or after it
 * did. For simulations and tests of what lies above. */
#ifndef FAULT_STORE_H
#define FAULT_STORE_H

#include "ecom/backend.h"

typedef enum fault_kind {
    FAULT_NONE,
    FAULT_BEFORE, /* nothing happens; ECOM_E_UNAVAILABLE */
    FAULT_AFTER   /* it happens, but who called does not learn of it; ECOM_E_TIMEOUT */
} fault_kind;

/* Asked before each call. @param method  "put", "get"... */
typedef fault_kind (*fault_fn)(void *user, const char *method);

/* @param inner  owned by the new store once this succeeds.
 * @param fn     nullable: no faults. */
int fault_store_new(ecom_store *inner, fault_fn fn, void *user, const ecom_store_options *opts,
                    ecom_store **out, ecom_error *err);

#endif
