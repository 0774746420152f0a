/* What the functions for AWS Lambda do around their own few lines: settings, store and bus, the
 * runtime, signals, and the last word when a handler crashes or will not end. */
#ifndef WORKERS_FUNCTION_H
#define WORKERS_FUNCTION_H

#include "daemon/settings.h"

#include <ecom/lambda.h>

/*
 * Where state lies: in the store that the function's setting names (PAYMENT_MONGODB_URI,
 * NOTIFICATION_MONGODB_URI). Unset, it lies in the memory of the sandbox: what was done is known to
 * this sandbox only, until it ends, or until FUNCTION_MEMORY events later. An event that comes
 * again elsewhere is then handled again: a payment asks the provider again, with the same
 * idempotency key, and gives an event with the same id; a notification is sent again.
 *
 * Where events go: with a bus (ECOM_BUS_URL, or KAFKA_BOOTSTRAP_SERVERS), they are published before
 * the answer. Without one they are the answer, and the caller publishes them; an event source,
 * which reads no answer, is then refused.
 */
enum { FUNCTION_MEMORY = 10000 };

struct function {
    const struct function_spec *spec;
    struct settings settings;
    const ecom_env *env;
    ecom_log *log;
    ecom_arena *arena;   /* until the end of the process */
    const char *bus_url; /* NULL: none */
    ecom_store *store;
    ecom_bus *bus;
    ecom_relay *relay;
    ecom_lambda *lambda;
    void *domain;
    uint32_t handled; /* since the store was opened */
};

struct function_spec {
    const char *name;                /* "payment-lambda" */
    const char *about;               /* for --help */
    size_t store_url;                /* offset in struct settings */
    int publishes;                   /* its events must go somewhere */
    const ecom_lambda_route *routes; /* get the struct function as their `user` */
    size_t nroutes;
    int (*open)(struct function *f, ecom_error *err); /* makes f->domain */
    void (*close)(struct function *f);
};

/* Runs until SIGTERM. Returns the exit status. */
int function_main(const struct function_spec *spec, int argc, char **argv);

#endif
