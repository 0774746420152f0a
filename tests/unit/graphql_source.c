#include "graphql_source.h"

#include <stdlib.h>
#include <string.h>

static const char sdl[] = "type Query { hello: String! fail: String }\n"
                          "type Mutation { set(n: Int!): Int! }\n"
                          "type Subscription { count(from: Int = 0, by: Int): Tick deaf: Int }\n"
                          "type Tick { n: Int! }\n";

struct source source;

static int subscribe(ecom_graphql_subscribe_call *call, void *user, ecom_error *err)
{
    const ecom_json *from = ecom_json_get(call->arguments, "from");

    (void)user;
    if (source.fail)
        return ecom_fail(err, source.fail, "you may not");
    source.begun++;
    source.from = from ? atoi(from->text.p) : -1;
    snprintf(source.after, sizeof(source.after), "%.*s", (int)call->after.n,
             call->after.p ? call->after.p : "");
    source.stream = ecom_graphql_stream_ref(call->stream);
    call->source = &source;
    return ECOM_OK;
}

static void cancel(void *user_source, void *user)
{
    (void)user;
    source.cancelled += user_source == &source;
    ecom_graphql_stream_unref(source.stream);
    source.stream = NULL;
}

static const ecom_graphql_subscriber subscribers[] = {{"count", subscribe, cancel, NULL}};

static int resolve_tick(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_object(&call->results[0], call->parents[0]);
    return ECOM_OK;
}

static int resolve_n(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_int(&call->results[i], *(const int *)call->parents[i]);
    return *(const int *)call->parents[0] == 13 ? ecom_fail(err, ECOM_E_BACKEND, "secret") : 0;
}

static int resolve_hello(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_str(&call->results[0], S("world"));
    return ECOM_OK;
}

static int resolve_set(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_int(&call->results[0], ecom_graphql_arg_int(call, "n", 0));
    return ECOM_OK;
}

static const ecom_graphql_resolver resolvers[] = {
    {"Query", "hello", resolve_hello, NULL},
    {"Mutation", "set", resolve_set, NULL},
    {"Subscription", "count", resolve_tick, NULL},
    {"Tick", "n", resolve_n, NULL},
};

ecom_graphql_options source_options(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;

    memset(&source, 0, sizeof(source));
    check_world_init(&source.world, 1);
    options.sdl = ecom_str_of(sdl);
    options.resolvers = resolvers;
    options.nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
    options.subscribers = subscribers;
    options.nsubscribers = 1;
    options.env = &source.world.env;
    options.incremental = 1;
    return options;
}

ecom_graphql *source_open(void)
{
    const ecom_graphql_options options = source_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    if (ecom_graphql_new(&options, &g, NULL, &e) < 0)
        printf("# %s\n", e.text);
    return g;
}

static void on_event_drop(void *owner)
{
    source.dropped++;
    free(owner);
}

int source_push(int n, const char *id)
{
    int *copy = malloc(sizeof(*copy));

    if (!copy)
        return ECOM_E_NOMEM;
    const ecom_graphql_event event = {.size = sizeof(event),
                                      .root = copy,
                                      .id = {id, id ? strlen(id) : 0},
                                      .drop = on_event_drop,
                                      .owner = copy};

    *copy = n;
    return ecom_graphql_stream_push(source.stream, &event);
}
