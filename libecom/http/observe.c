#include "http/observe.h"

#include <stdio.h>

#include "http/server.h"

static const char *route_name(const struct ecom_exchange *x)
{
    return x->route ? x->route->def.pattern : "none";
}

static const char *method_name(const struct ecom_exchange *x)
{
    return x->route ? x->route->def.method : "OTHER";
}

static ecom_series *make_total(const struct ecom_exchange *x)
{
    char labels[512];

    snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\",status=\"%d\"", method_name(x),
             route_name(x), (int)x->status);
    return ecom_metrics_series(x->server->opts.metrics, ECOM_COUNTER, "ecom_http_requests_total",
                               "Requests answered.", labels);
}

static ecom_series *make_seconds(const struct ecom_exchange *x)
{
    char labels[512];

    snprintf(labels, sizeof(labels), "method=\"%s\",route=\"%s\"", method_name(x), route_name(x));
    return ecom_metrics_series(x->server->opts.metrics, ECOM_HISTOGRAM, "ecom_http_request_seconds",
                               "From the end of a request's head to its answer.", labels);
}

/* Two threads may both make it: they get the same one. */
static ecom_series *cached(_Atomic(ecom_series *) *slot, const struct ecom_exchange *x,
                           ecom_series *(*make)(const struct ecom_exchange *x))
{
    ecom_series *series = atomic_load_explicit(slot, memory_order_acquire);

    if (!series) {
        series = make(x);
        atomic_store_explicit(slot, series, memory_order_release);
    }
    return series;
}

static void count(const struct ecom_exchange *x, int64_t us)
{
    const struct ecom_http_server *server = x->server;
    size_t i = x->route ? (size_t)(x->route - server->router.routes) : server->router.n;
    struct meter *meter = &server->meters[i];
    int reason = ecom__http_reason_index(x->status);

    ecom_series_add(reason >= 0 ? cached(&meter->totals[reason], x, make_total) : make_total(x), 1);
    ecom_series_observe(cached(&meter->seconds, x, make_seconds), us);
}

static void log_access(const struct ecom_exchange *x, int64_t us)
{
    int quiet = x->route && x->route->def.flags & (ECOM_ROUTE_INTERNAL | ECOM_ROUTE_QUIET);
    const ecom_log_field fields[] = {
        {.name = "method", .text = {x->head.method.p ? x->head.method.p : "", x->head.method.n}},
        {.name = "path", .text = {x->target.raw.p ? x->target.raw.p : "", x->target.raw.n}},
        {.name = "status", .number = x->status},
        {.name = "ms", .number = (us + 500) / 1000},
        {.name = "bytes", .number = (int64_t)x->content},
        {.name = "peer", .text = ecom_str_of(x->peer)},
    };

    ecom_log_write(&x->log, quiet ? ECOM_LOG_DEBUG : ECOM_LOG_INFO, "request", fields,
                   sizeof(fields) / sizeof(fields[0]));
}

void ecom__http_observe(struct ecom_exchange *x)
{
    const ecom_env *env = x->server->opts.env;

    if (!x->server->opts.metrics && !x->log.fn)
        return;
    int64_t us = env->monotonic_us(env->self) - x->started_us;
    if (x->server->opts.metrics)
        count(x, us);
    if (x->log.fn && x->log.level <= ECOM_LOG_INFO)
        log_access(x, us);
}

void ecom__http_log_failure(struct ecom_exchange *x, const ecom_error *err)
{
    const ecom_log_field fields[] = {
        {.name = "route", .text = ecom_str_of(route_name(x))},
        {.name = "code", .text = ecom_str_of(ecom_code_of(err->code)->name)},
        {.name = "error", .text = ecom_str_of(err->text)},
        {.name = "native", .number = err->native},
    };

    ecom_log_write(&x->log, ECOM_LOG_ERROR, "request failed", fields,
                   sizeof(fields) / sizeof(fields[0]));
}
