/* graphql-gateway: one GraphQL schema in front of the services. */
#include "daemon/daemon.h"
#include "events.h"
#include "gate.h"
#include "hub.h"
#include "live.h"
#include "options.h"
#include "page.h"
#include "resolvers.h"
#include "upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "federation.graphql.h"
#include "get.openapi.h"
#include "post.openapi.h"
#include "schema.graphql.h"

struct gateway {
    ecom_graphql *graphql;
    struct upstream upstream;
    struct hub *hub; /* NULL: subscriptions are off */
    struct live_world live;
    struct gate gate;
    ecom_graphql_subscriber subscribers[2];
};

static int answer(ecom_exchange *x, const ecom_graphql_http_answer *answer, ecom_error *err)
{
    ecom_exchange_set_status(x, answer->status);
    if (ecom_exchange_add_header(x, "Content-Type", ecom_str_of(answer->content_type)) < 0 ||
        ecom_exchange_add_header(x, "Vary", ecom_str_of("Accept")) < 0 ||
        (answer->allow && ecom_exchange_add_header(x, "Allow", ecom_str_of(answer->allow)) < 0))
        return ecom_fail(err, ECOM_E_NOMEM, "answering a GraphQL request");
    return ECOM_OK;
}

/* @param gate  that it is inside of, or NULL */
static int run_graphql(const struct daemon *d, ecom_exchange *x, struct gate *gate, ecom_error *err)
{
    struct gateway *gateway = d->domain;
    const struct caller caller = upstream_caller(x);
    struct request context = upstream_request(&gateway->upstream, &caller);
    const ecom_graphql_request request = {
        .size = sizeof(request), .context = &context, .deadline_us = context.until_us};
    ecom_graphql_http http = {
        .size = sizeof(http),
        .method = ecom_exchange_method(x),
        .query = ecom_exchange_query(x),
        .content_type = ecom_exchange_header(x, "content-type"),
        .accept = ecom_exchange_header(x, "accept"),
        .body = ecom_exchange_body(x),
    };
    ecom_graphql_http_answer found;

    context.gate = gate;
    options_fill_http(&d->settings, &http);
    /* A large one, which would wait in line, is answered as a whole. */
    int r =
        !gate && live_wants_parts(&gateway->live, x)
            ? live_parts(&gateway->live, x, &http, &found, err)
            : ecom_graphql_handle_http(gateway->graphql, &http, &request, ecom_exchange_arena(x),
                                       ecom_exchange_out(x), &found, err);
    upstream_leave_gate(&context);
    return r < 0 ? r : answer(x, &found, err);
}

/* A request that waits in line; in the exchange's arena. */
struct large {
    struct gate_turn turn; /* first, so that one is the other */
    const struct daemon *d;
    ecom_exchange *x;
};

static void run_large(struct gate_turn *turn, int cancelled)
{
    const struct large *large = (const struct large *)(const void *)turn;
    ecom_exchange *x = large->x;
    ecom_error err;
    int r = cancelled ? ecom_fail(&err, ECOM_E_UNAVAILABLE, "the server is about to end")
                      : run_graphql(large->d, x, turn->gate, &err);

    ecom_exchange_finish(x, r, &err);
}

static int handle_large(const struct daemon *d, ecom_exchange *x, ecom_error *err)
{
    struct gate *gate = &((struct gateway *)d->domain)->gate;
    struct large *large = ecom_arena_alloc(ecom_exchange_arena(x), sizeof(*large));

    if (!large)
        return ecom_fail(err, ECOM_E_NOMEM, "a GraphQL request");
    *large = (struct large){{.run = run_large}, d, x};
    int r = gate_enter(gate, &large->turn, err);
    if (r == 0)
        return ECOM_HTTP_LATER;
    return r < 0 ? r : run_graphql(d, x, gate, err);
}

static int handle_graphql(void *user, ecom_exchange *x, ecom_error *err)
{
    const struct daemon *d = user;
    int is_head = ecom_str_eq(ecom_exchange_method(x), ecom_str_of("HEAD"));

    if (live_wants_events(x) && !is_head)
        return live_events(&((struct gateway *)d->domain)->live, x, err);
    return ecom_exchange_body(x).n > GATE_LARGE_BYTES ? handle_large(d, x, err)
                                                      : run_graphql(d, x, NULL, err);
}

static int handle_get(void *user, ecom_exchange *x, ecom_error *err)
{
    struct gateway *gateway = ((struct daemon *)user)->domain;

    if (ecom_exchange_wants_websocket(x))
        return live_upgrade(&gateway->live, x, err);
    if (page_is_wanted(x))
        return page_index(user, x, err);
    return handle_graphql(user, x, err);
}

/* What callers have no business with is logged, with the correlation id, and masked. */
static void on_error(void *user, void *context, const char *type, const char *field,
                     ecom_error *err)
{
    const struct request *request = context;
    const ecom_log_field fields[] = {
        {"type", ecom_str_of(type), 0},
        {"field", ecom_str_of(field), 0},
        {"code", ecom_str_of(ecom_code_of(err->code)->name), 0},
        {"reason", ecom_str_of(err->text), 0},
    };

    (void)user;
    if (ecom_code_of(err->code)->http < 500 || err->code == ECOM_E_NOTSUP)
        return;
    ecom_log_write(request->caller.log, ECOM_LOG_WARN, "a field failed", fields, 4);
    if (ecom_code_of(err->code)->http == 500)
        ecom_fail(err, err->code, "Internal error");
    else if (err->code == ECOM_E_TIMEOUT)
        ecom_fail(err, err->code, "The service behind this field did not answer in time%s",
                  strcmp(type, "Mutation") == 0 ? "; what was asked of it may have happened" : "");
    else
        ecom_fail(err, err->code, "The service behind this field is not available");
}

/* All calls of a level at once. */
static void wait_for_services(void *user, void *context, int64_t deadline_us)
{
    (void)user, (void)deadline_us;
    upstream_wait(context);
}

static int open_upstream(struct gateway *gateway, const struct daemon *d, ecom_error *err)
{
    const struct settings *s = &d->settings;
    const ecom_http_client_options opts = {.size = sizeof(opts), .env = d->env};
    struct upstream *up = &gateway->upstream;

    up->env = d->env;
    up->timeout_ms = (int32_t)s->gateway_timeout_ms;
    up->users = settings_service_url(s->user_url, s->user_port, d->arena);
    up->products = settings_service_url(s->product_url, s->product_port, d->arena);
    up->orders = settings_service_url(s->order_url, s->order_port, d->arena);
    up->notifications =
        settings_service_url(s->notification_url, s->notification_worker_port, d->arena);
    if (!up->users || !up->products || !up->orders || !up->notifications)
        return ecom_fail(err, ECOM_E_NOMEM, "services");
    return ecom_http_client_new(&opts, &up->client, err);
}

/* The shop's schema and what a federation asks for beside it. */
static ecom_str whole_schema(ecom_arena *arena)
{
    const size_t shop = sizeof(schema_graphql) - 1, n = shop + sizeof(federation_graphql) - 1;
    char *sdl = ecom_arena_alloc(arena, n);

    if (sdl) {
        memcpy(sdl, schema_graphql, shop);
        memcpy(sdl + shop, federation_graphql, n - shop);
    }
    return (ecom_str){sdl, n};
}

static int open_hub(struct gateway *gateway, struct daemon *d, ecom_error *err)
{
    const struct hub_options opts = {
        .bus_url = settings_bus_url(&d->settings, d->arena),
        .order_topic = d->settings.order_topic,
        .payment_topic = d->settings.payment_topic,
        .env = d->env,
        .log = d->log,
    };

    gateway->subscribers[0] = (ecom_graphql_subscriber){
        "orderStatusChanged", events_subscribe_order, events_cancel, &gateway->hub};
    gateway->subscribers[1] = (ecom_graphql_subscriber){"orderEvents", events_subscribe_orders,
                                                        events_cancel, &gateway->hub};
    if (d->settings.gateway_subscriptions == GATEWAY_SUBSCRIPTIONS_OFF)
        return ECOM_OK;
    if (!opts.bus_url)
        return ecom_fail(err, ECOM_E_NOMEM, "subscriptions");
    int r = settings_make_data_dir(&d->settings, opts.bus_url, err);
    return r < 0 ? r : hub_open(&opts, &gateway->hub, err);
}

static int open_gateway(struct daemon *d, ecom_error *err)
{
    struct gateway *gateway = d->domain = calloc(1, sizeof(*gateway));
    ecom_graphql_options opts = ECOM_GRAPHQL_OPTIONS_INIT;

    if (!gateway)
        return ecom_fail(err, ECOM_E_NOMEM, "gateway");
    gate_init(&gateway->gate, d);
    opts.sdl = whole_schema(d->arena);
    if (!opts.sdl.p)
        return ecom_fail(err, ECOM_E_NOMEM, "gateway");
    opts.resolvers = resolvers;
    opts.nresolvers = nresolvers;
    opts.scalars = &ecom_graphql_datetime;
    opts.nscalars = 1;
    opts.env = d->env;
    opts.on_error = on_error;
    opts.wait = wait_for_services;
    struct trusted trusted;
    int r = trusted_read(d->settings.graphql_trusted, &trusted, err);
    if (r < 0)
        return r;
    options_fill(&d->settings, &trusted, &opts);
    opts.subscribers = gateway->subscribers;
    opts.nsubscribers = 2;
    r = open_upstream(gateway, d, err);
    if (r == ECOM_OK)
        r = open_hub(gateway, d, err);
    if (r == ECOM_OK)
        r = ecom_graphql_new(&opts, &gateway->graphql, NULL, err);
    trusted_free(&trusted);
    gateway->live.d = d;
    gateway->live.upstream = &gateway->upstream;
    gateway->live.graphql = gateway->graphql;
    gateway->live.gauge = ecom_metrics_series(d->metrics, ECOM_GAUGE, "ecom_gateway_streams",
                                              "Connections for subscriptions that are open.", NULL);
    return r;
}

static void close_gateway(struct daemon *d)
{
    struct gateway *gateway = d->domain;

    if (!gateway)
        return;
    hub_close(gateway->hub);
    ecom_graphql_free(gateway->graphql);
    ecom_http_client_free(gateway->upstream.client);
    gate_clear(&gateway->gate);
    free(gateway);
}

static const ecom_route routes[] = {
    {.method = "GET",
     .pattern = "/",
     .handle = page_index,
     .flags = ECOM_ROUTE_INTERNAL | ECOM_ROUTE_ON_LOOP},
    {.method = "GET",
     .pattern = "/page/{file}",
     .handle = page_file,
     .flags = ECOM_ROUTE_INTERNAL | ECOM_ROUTE_ON_LOOP},
    {.method = "POST",
     .pattern = "/graphql",
     .handle = handle_graphql,
     .summary = "A GraphQL request: {query, operationName?, variables?}.",
     .openapi = (const char *)post_openapi},
    {.method = "GET",
     .pattern = "/graphql",
     .handle = handle_get,
     .summary = "A GraphQL query: ?query=&operationName=&variables=; or a WebSocket.",
     .openapi = (const char *)get_openapi},
};

static const struct daemon_spec spec = {
    .name = "graphql-gateway",
    .about = "One GraphQL schema in front of the user, product and order services:\n"
             "POST /graphql; subscriptions there too, by WebSocket or server-sent\n"
             "events. For browsers a page to work with, at / and /graphql.",
    .title = "GraphQL Gateway",
    .needs = DAEMON_JWT_IF_SET, /* for subscriptions, of which it decides who sees what */
    .port = offsetof(struct settings, gateway_port),
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_gateway,
    .close = close_gateway,
};

/* What a large body or document took goes back to the system when it is freed. Left alone, glibc
 * keeps such blocks from the second one on, in as many arenas as there are threads. */
static void give_memory_back(void)
{
#ifdef __GLIBC__
    mallopt(M_MMAP_THRESHOLD, 128 << 10);
#endif
}

int main(int argc, char **argv)
{
    give_memory_back();
    return daemon_main(&spec, argc, argv);
}
