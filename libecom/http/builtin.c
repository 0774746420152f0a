#include "http/builtin.h"

#include "http/server.h"

/* Alive is who answers. */
static int healthz(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), LIT("{\"status\":\"ok\"}"));
}

/* For balancers and operators: unlike other answers, this one says why. */
static int not_ready(ecom_exchange *x, const char *reason)
{
    ecom_buf *out = ecom_exchange_out(x);

    ecom_exchange_set_status(x, 503);
    if (ecom_buf_append(out, LIT("{\"status\":\"unavailable\",\"reason\":")) < 0 ||
        ecom_json_write_str(out, ecom_str_of(reason)) < 0 || ecom_buf_append(out, LIT("}")) < 0 ||
        ecom_exchange_add_header(x, "Retry-After", LIT("1")) < 0)
        return ECOM_E_NOMEM;
    return ECOM_OK;
}

static int readyz(void *user, ecom_exchange *x, ecom_error *err)
{
    const struct ecom_http_server *server = x->server;

    (void)err;
    if (atomic_load(&server->stage) != SERVING)
        return not_ready(x, "stopping");
    ecom_error why = {0};
    if (server->opts.ready && server->opts.ready(user, &why) < 0)
        return not_ready(x, why.text);
    return ecom_buf_append(ecom_exchange_out(x), LIT("{\"status\":\"ready\"}"));
}

static int openapi(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), ecom_buf_str(&x->server->openapi));
}

static int metrics(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    if (ecom_exchange_add_header(x, "Content-Type",
                                 LIT("text/plain; version=0.0.4; charset=utf-8")) < 0)
        return ECOM_E_NOMEM;
    return ecom_metrics_write(x->server->opts.metrics, ecom_exchange_out(x));
}

const ecom_route *ecom__http_builtin_routes(const ecom_http_options *opts, size_t *n)
{
    enum { ON_LOOP = ECOM_ROUTE_INTERNAL | ECOM_ROUTE_ON_LOOP };
    static const ecom_route routes[] = {
        {.method = "GET", .pattern = "/healthz", .handle = healthz, .flags = ON_LOOP},
        {.method = "GET", .pattern = "/openapi.json", .handle = openapi, .flags = ON_LOOP},
        {.method = "GET", .pattern = "/readyz", .handle = readyz, .flags = ECOM_ROUTE_INTERNAL},
        {.method = "GET", .pattern = "/metrics", .handle = metrics, .flags = ECOM_ROUTE_INTERNAL},
    };

    *n = sizeof(routes) / sizeof(routes[0]) - !opts->metrics;
    return routes;
}
