/* graphql-transport-ws: whatever lines a client sends, every message is JSON, nothing is said after
 * a close, and all that began has ended when the socket is gone. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/graphql_jobs.h"
#include "ecom/subscribe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static struct {
    int closed, dropped, listening;
    ecom_graphql_stream *stream;
    struct jobs jobs;
} it;

static void must(int ok)
{
    if (!ok)
        abort();
}

static int subscribe(ecom_graphql_subscribe_call *call, void *user, ecom_error *err)
{
    (void)user;
    if (it.stream)
        return ecom_fail(err, ECOM_E_RATE, "one at a time");
    it.stream = ecom_graphql_stream_ref(call->stream);
    it.listening++;
    return ECOM_OK;
}

static void cancel(void *source, void *user)
{
    (void)source, (void)user;
    ecom_graphql_stream_unref(it.stream);
    it.stream = NULL;
    it.listening--;
}

static const ecom_graphql_subscriber subscribers[] = {{"tick", subscribe, cancel, NULL}};

static int send_message(void *user, ecom_str message)
{
    ecom_arena *arena = ecom_arena_new(64 << 20);
    const ecom_json *json;

    (void)user;
    must(!it.closed && ecom_json_parse(message, NULL, arena, &json, NULL) == ECOM_OK);
    must(ecom_json_get(json, "type") != NULL);
    ecom_arena_free(arena);
    return ECOM_OK;
}

static void close_socket(void *user, int32_t code, ecom_str reason)
{
    (void)user;
    must(!it.closed && code >= 4400 && code <= 4500 && reason.n > 0);
    it.closed = 1;
}

static void set_timer(void *user, int32_t ms)
{
    (void)user;
    must(ms >= -1);
}

static void *make_context(void *user, ecom_arena *arena)
{
    (void)user;
    return ecom_arena_alloc(arena, 1);
}

static int init(void *user, const ecom_json *payload, int64_t *valid_ms, ecom_error *err)
{
    (void)user, (void)valid_ms;
    return payload && payload->count > 2 ? ecom_fail(err, ECOM_E_FORBIDDEN, "too much") : ECOM_OK;
}

static void drop(void *user)
{
    (void)user;
    it.dropped++;
}

static ecom_graphql *open_graphql(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;

    options.sdl = ecom_str_of("type Query { a: Int } type Subscription { tick(n: Int): Int }");
    options.subscribers = subscribers;
    options.nsubscribers = 1;
    must(ecom_graphql_new(&options, &g, NULL, NULL) == ECOM_OK);
    return g;
}

/* One line; its first byte, if it is a control, makes something happen before. */
static void hear(ecom_graphql_socket *socket, ecom_str line)
{
    static const ecom_json root = {.kind = ECOM_JSON_OBJECT};
    const ecom_graphql_event event = {.size = sizeof(event), .root = &root};

    if (line.n && line.p[0] == '\1') {
        jobs_run(&it.jobs, 0);
        if (it.stream && ecom_graphql_stream_push(it.stream, &event) < 0)
            must(it.stream != NULL);
        line.p++, line.n--;
    }
    ecom_graphql_socket_receive(socket, line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ecom_graphql *g;
    ecom_str rest = {(const char *)data, n};
    ecom_graphql_socket *socket;

    if (!g)
        g = open_graphql();
    memset(&it, 0, sizeof(it));
    const ecom_graphql_socket_options options = {
        .size = sizeof(options),
        .graphql = g,
        .user = &it.jobs,
        .max_operations = 3,
        .max_events = 2,
        .send = send_message,
        .close = close_socket,
        .set_timer = set_timer,
        .run = jobs_order,
        .context = make_context,
        .init = init,
        .drop = drop,
    };
    must(ecom_graphql_socket_new(&options, &socket, NULL) == ECOM_OK);
    while (rest.n) {
        const char *end = memchr(rest.p, '\n', rest.n);
        ecom_str line = {rest.p, end ? (size_t)(end - rest.p) : rest.n};
        hear(socket, line);
        rest.p += line.n + (end != NULL);
        rest.n -= line.n + (end != NULL);
    }
    jobs_run(&it.jobs, n % 2);
    ecom_graphql_socket_free(socket);
    jobs_run(&it.jobs, 1);
    must(it.dropped == 1 && it.listening == 0);
    return 0;
}
