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

#define STATUS_SCHEMA(value_)                                            \
    "\"content\":{\"application/"                                        \
    "json\":{\"schema\":{\"type\":\"object\",\"required\":[\"status\"]," \
    "\"properties\":{\"status\":{\"const\":\"" value_ "\"},\"reason\":{\"type\":\"string\"}}}}}"

/* What no record can say, for the OpenAPI document. */
static const char healthz_openapi[] =
    "{\"responses\":{\"200\":{\"description\":\"Alive\"," STATUS_SCHEMA("ok") "}}}";
static const char readyz_openapi[] =
    "{\"responses\":{\"200\":{\"description\":\"Ready\"," STATUS_SCHEMA(
        "ready") "},\"503\":{\"description\":\"Not ready, and why\",\"headers\":{\"Retry-After\":{"
                 "\"schema\":{\"type\":\"integer\"}}}," STATUS_SCHEMA("unavailable") "}}}";
static const char openapi_openapi[] =
    "{\"responses\":{\"200\":{\"description\":\"OpenAPI 3.1\",\"content\":{\"application/json\":{"
    "\"schema\":{\"type\":\"object\"}}}}}}";
static const char metrics_openapi[] =
    "{\"responses\":{\"200\":{\"description\":\"Prometheus\",\"content\":{\"text/plain\":{"
    "\"schema\":{\"type\":\"string\"}}}}}}";

const ecom_route *ecom__http_builtin_routes(const ecom_http_options *opts, size_t *n)
{
    static const ecom_route routes[] = {
        {.method = "GET",
         .pattern = "/healthz",
         .handle = healthz,
         .flags = ECOM_ROUTE_ON_LOOP | ECOM_ROUTE_QUIET,
         .summary = "That it is alive.",
         .openapi = healthz_openapi},
        {.method = "GET",
         .pattern = "/openapi.json",
         .handle = openapi,
         .flags = ECOM_ROUTE_ON_LOOP | ECOM_ROUTE_QUIET,
         .summary = "This document.",
         .openapi = openapi_openapi},
        {.method = "GET",
         .pattern = "/readyz",
         .handle = readyz,
         .flags = ECOM_ROUTE_QUIET,
         .summary = "Whether it can do its work: store, bus and consumer.",
         .openapi = readyz_openapi},
        {.method = "GET",
         .pattern = "/metrics",
         .handle = metrics,
         .flags = ECOM_ROUTE_QUIET,
         .summary = "Its metrics, for Prometheus.",
         .openapi = metrics_openapi},
    };

    *n = sizeof(routes) / sizeof(routes[0]) - !opts->metrics;
    return routes;
}
