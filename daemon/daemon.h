/* What every executable of the shop does around its own few lines: options, settings, transports,
 * logs, health and metrics, the start-up line, signals, and the drain. */
#ifndef DAEMON_DAEMON_H
#define DAEMON_DAEMON_H

#include "settings.h"

#include <ecom/http.h>

struct daemon {
    const struct daemon_spec *spec;
    struct settings settings;
    const ecom_env *env;
    ecom_log *log;
    ecom_arena *arena; /* until the end of the process */
    ecom_metrics *metrics;
    ecom_store *store;
    ecom_bus *bus;
    ecom_jwt *jwt;
    ecom_relay *relay;
    ecom_consumer *consumer;
    ecom_http_server *server;
    int started; /* until then, handlers run before the daemon says that it does: none may take long
                  */
    void *domain; /* the daemon's own */
};

enum {
    DAEMON_STORE = 1 << 0, /* a store of its own, and a relay when there is a bus too */
    DAEMON_BUS = 1 << 1,
    DAEMON_JWT = 1 << 2,
    DAEMON_JWT_IF_SET = 1 << 3 /* without JWT_SECRET it does without d->jwt */
};

/* What makes one daemon different from the others. Its handlers, of routes and of events, get the
 * struct daemon as their `user`. */
struct daemon_spec {
    const char *name;       /* "order-service": executable, consumer group, `service` in logs */
    const char *about;      /* one line for --help */
    const char *title;      /* "Order Service", of the start-up line; NULL: a worker */
    uint32_t needs;         /* DAEMON_* */
    size_t port;            /* offset in struct settings of its port... */
    size_t store_url;       /* ...and of its store's URL */
    const char *store_name; /* of the embedded file: "order" */
    const ecom_route *routes;
    size_t nroutes;

    /* Makes d->domain from what is open already. */
    int (*open)(struct daemon *d, ecom_error *err);
    /* After all threads have ended; also when open() failed half-way. */
    void (*close)(struct daemon *d);
    /* Nullable. Lets what still is in flight fail soon: called by a thread of its own when three
     * quarters of the time for a drain have passed. */
    void (*hurry)(struct daemon *d);

    /* What it consumes; topic is an offset in struct settings. nsubscribers 0: nothing. */
    size_t topic;
    const ecom_subscriber *subscribers;
    size_t nsubscribers;
};

/* Runs to the end of the process. Returns the exit status: 0 after a drain, 75 if it took too long,
 * 64 for wrong options, 78 for wrong settings, else ecom_code_info.exit of what failed. */
int daemon_main(const struct daemon_spec *spec, int argc, char **argv);

#endif
