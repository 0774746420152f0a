/* libecom-plug.so: what a third party ships. `plug:NAME` is a decorator around `memory:NAME`. */
#include "fault.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int open_store(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    static struct fault_plan none;
    char inner_url[128];
    ecom_store *inner = NULL;
    void *self = NULL;

    snprintf(inner_url, sizeof(inner_url), "memory:plug-%s", url + strlen("plug:"));
    int r = ecom_store_open(inner_url, opts, &inner, err);
    if (r == ECOM_OK && !(self = fault_store_self(inner, &none, 1)))
        r = ecom_fail(err, ECOM_E_NOMEM, "a plug");
    if (r == ECOM_OK)
        r = ecom_store_new(&fault_store_ops, self, opts, out, err);
    if (r < 0) {
        free(self);
        ecom_store_close(inner);
    }
    return r;
}

ECOM_API const ecom_scheme *ecom_backend_plug(void);
const ecom_scheme *ecom_backend_plug(void)
{
    static const ecom_scheme scheme = {
        .size = sizeof(scheme), .name = "plug", .open_store = open_store};

    return &scheme;
}
