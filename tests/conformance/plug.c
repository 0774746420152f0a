/* libecom-plug.so: what a third party ships. `plug:NAME` hands each call on to `memory:NAME`; what
 * a handle has of its own is the inner one alone. */
#include "ecom/backend.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void memory_url(const char *url, char out[128])
{
    snprintf(out, 128, "memory:plug-%s", url + strlen("plug:"));
}

static void close_store(void *self)
{
    ecom_store_close(*(ecom_store **)self);
    free(self);
}

static int open_store(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    ecom_store **inner = calloc(1, sizeof(ecom_store *));
    ecom_store_ops ops = {
        .size = sizeof(ops), .caps = ECOM_CAP_CONCURRENT, .name = "plug", .close = close_store};
    char inner_url[128];

    if (!inner)
        return ecom_fail(err, ECOM_E_NOMEM, "a plug");
    memory_url(url, inner_url);
    ecom_store_forward(&ops);
    int r = ecom_store_open(inner_url, opts, inner, err);
    if (r == ECOM_OK)
        r = ecom_store_new(&ops, inner, opts, out, err);
    if (r < 0)
        close_store(inner);
    return r;
}

static void close_bus(void *self)
{
    ecom_bus_close(*(ecom_bus **)self);
    free(self);
}

static int open_bus(const char *url, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    ecom_bus **inner = calloc(1, sizeof(ecom_bus *));
    ecom_bus_ops ops = {
        .size = sizeof(ops), .caps = ECOM_CAP_CONCURRENT, .name = "plug", .close = close_bus};
    char inner_url[128];

    if (!inner)
        return ecom_fail(err, ECOM_E_NOMEM, "a plug");
    memory_url(url, inner_url);
    ecom_bus_forward(&ops);
    int r = ecom_bus_open(inner_url, opts, inner, err);
    if (r == ECOM_OK)
        r = ecom_bus_new(&ops, inner, opts, out, err);
    if (r < 0)
        close_bus(inner);
    return r;
}

ECOM_API const ecom_scheme *ecom_backend_plug(void);
const ecom_scheme *ecom_backend_plug(void)
{
    static const ecom_scheme scheme = {
        .size = sizeof(scheme), .name = "plug", .open_store = open_store, .open_bus = open_bus};

    return &scheme;
}
