/* Subscriptions: streams of events, live requests, and graphql-transport-ws, on threads and time of
 * our own. */
#include "check.h"
#include "ecom/subscribe.h"

#include <stdlib.h>
#include <string.h>

/* ---- a schema whose events we make */

static const char sdl[] = "type Query { hello: String! fail: String }\n"
                          "type Mutation { set(n: Int!): Int! }\n"
                          "type Subscription { count(from: Int = 0, by: Int): Tick deaf: Int }\n"
                          "type Tick { n: Int! }\n";

/* The one who listens. */
static struct {
    ecom_graphql_stream *stream;
    int begun, cancelled, dropped;
    int64_t from;
    char after[64];
    int fail;
} source;

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

static struct check_world world;
static uint32_t max_cost; /* of the next schema */

static ecom_graphql *open_graphql(void)
{
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g = NULL;
    ecom_error e;

    memset(&source, 0, sizeof(source));
    check_world_init(&world, 1);
    options.sdl = ecom_str_of(sdl);
    options.resolvers = resolvers;
    options.nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
    options.subscribers = subscribers;
    options.nsubscribers = 1;
    options.env = &world.env;
    options.limits.max_cost = max_cost;
    options.incremental = 1;
    if (ecom_graphql_new(&options, &g, NULL, &e) < 0)
        printf("# %s\n", e.text);
    return g;
}

static void on_event_drop(void *owner)
{
    source.dropped++;
    free(owner);
}

static int push(int n, const char *id)
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

/* ---- streams */

static struct {
    ecom_graphql *graphql;
    ecom_arena *arena;
    ecom_graphql_stream *stream;
    ecom_buf out;
    ecom_graphql_outcome outcome;
    int ready, dropped;
} it;

static void on_ready(void *user)
{
    (void)user;
    it.ready++;
}

static void on_drop(void *user)
{
    (void)user;
    it.dropped++;
}

static void begin(const char *body, const char *after, uint32_t max_events)
{
    const ecom_graphql_stream_options options = {
        .size = sizeof(options),
        .max_events = max_events,
        .after = {after, after ? strlen(after) : 0},
        .ready = on_ready,
        .drop = on_drop,
    };
    ecom_error e;

    memset(&it, 0, sizeof(it));
    it.graphql = open_graphql();
    it.arena = ecom_arena_new(0);
    CHECK(it.graphql && it.arena, "no schema");
    CHECK_CODE(ECOM_OK,
               ecom_graphql_subscribe(it.graphql, ecom_str_of(body), NULL, &options, it.arena,
                                      &it.stream, &it.out, &it.outcome, &e),
               e);
}

static void finish(void)
{
    ecom_graphql_stream_close(it.stream);
    ecom_arena_free(it.arena);
    ecom_buf_free(&it.out);
    ecom_graphql_free(it.graphql);
}

static void expect_next(int code, const char *want, const char *want_id)
{
    ecom_error e = {0};
    ecom_str id = {NULL, 0};

    it.out.n = 0;
    CHECK_CODE(code, ecom_graphql_stream_next(it.stream, NULL, it.arena, &it.out, &id, &e), e);
    if (code == ECOM_OK)
        CHECK_STR(want, ecom_buf_str(&it.out));
    else
        CHECK_TEXT(want, e);
    if (want_id)
        CHECK_STR(want_id, id);
    else
        CHECK(!id.p, "an id");
}

#define SUB "{\"query\":\"subscription { count(from: 3) { n } }\"}"

static void each_event_is_executed_as_a_response(void)
{
    begin(SUB, "e7", 0);
    CHECK(it.stream && it.out.n == 0 && source.begun == 1, "no stream: %s", it.out.p);
    CHECK(source.from == 3 && strcmp(source.after, "e7") == 0, "%d", (int)source.from);
    expect_next(ECOM_E_NOTFOUND, "nothing waits", NULL);
    CHECK(push(1, "a") == ECOM_OK && push(2, NULL) == ECOM_OK && it.ready == 2, "push");
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":1}}}", "a");
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":2}}}", NULL);
    expect_next(ECOM_E_NOTFOUND, "nothing waits", NULL);
    CHECK(push(3, NULL) == ECOM_OK, "push");
    ecom_graphql_stream_end(source.stream, NULL);
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":3}}}", NULL);
    expect_next(ECOM_E_CLOSED, "no more", NULL);
    CHECK(push(4, NULL) == ECOM_E_CLOSED && source.dropped == 4, "%d dropped", source.dropped);
    finish();
    CHECK(source.cancelled == 1 && it.dropped == 1, "%d %d", source.cancelled, it.dropped);
}

static void an_error_of_one_event_is_in_its_response_and_the_next_one_comes(void)
{
    begin("{\"query\":\"subscription S($f: Int) { t: count(from: $f) { n } }\","
          "\"variables\":{\"f\":9},\"operationName\":\"S\"}",
          NULL, 0);
    CHECK(it.stream && source.from == 9, "no stream: %s", it.out.p);
    CHECK(push(13, NULL) == ECOM_OK && push(14, NULL) == ECOM_OK, "push");
    it.out.n = 0;
    ecom_str id;
    ecom_error e;
    CHECK_CODE(ECOM_OK, ecom_graphql_stream_next(it.stream, NULL, it.arena, &it.out, &id, &e), e);
    CHECK(strstr(it.out.p, "Internal error") && strstr(it.out.p, "\"data\":{\"t\":null}"), "%s",
          it.out.p);
    expect_next(ECOM_OK, "{\"data\":{\"t\":{\"n\":14}}}", NULL);
    finish();
}

static void what_is_no_subscription_is_answered_at_once(void)
{
    begin("{\"query\":\"{ hello }\"}", NULL, 0);
    CHECK(!it.stream && it.outcome == ECOM_GRAPHQL_EXECUTED && it.dropped == 1, "a stream");
    CHECK_STR("{\"data\":{\"hello\":\"world\"}}", ecom_buf_str(&it.out));
    finish();
}

static void expect_refused(const char *body, const char *want)
{
    begin(body, NULL, 0);
    CHECK(!it.stream && it.outcome != ECOM_GRAPHQL_EXECUTED && it.dropped == 1, "it began");
    CHECK(it.out.p && strstr(it.out.p, want) && !strstr(it.out.p, "\"data\""), "want %s in %s",
          want, it.out.p);
    CHECK(source.begun == source.cancelled, "%d begun, %d cancelled", source.begun,
          source.cancelled);
    finish();
}

static void a_subscription_that_cannot_begin_says_why(void)
{
    expect_refused("[]", "must be a JSON object");
    expect_refused("{\"query\":\"subscription {\"}", "Syntax Error");
    expect_refused("{\"query\":\"subscription { count { n } deaf }\"}", "only one top level field");
    expect_refused("{\"query\":\"subscription { count @skip(if: true) { n } }\"}",
                   "must not use \\\"@skip\\\" or \\\"@include\\\"");
    expect_refused("{\"query\":\"subscription { ... @include(if: true) { count { n } } }\"}",
                   "must not use \\\"@skip\\\" or \\\"@include\\\"");
    expect_refused("{\"query\":\"subscription { __typename }\"}", "introspection");
    expect_refused("{\"query\":\"subscription ($b: Int!) { count(by: $b) { n } }\"}", "$b");
    expect_refused("{\"query\":\"subscription { deaf }\"}", "cannot be subscribed to");
    expect_refused("{\"query\":\"subscription A { deaf } subscription B { deaf }\"}",
                   "Must provide operation name");
}

static void a_subscription_that_may_cost_too_much_does_not_begin(void)
{
    max_cost = 1;
    expect_refused(SUB, "may cost 2, more than 1 (max_cost)");
    max_cost = 2;
    begin(SUB, NULL, 0);
    CHECK(it.stream != NULL, "%s", it.out.p);
    finish();
    max_cost = 0;
}

static void a_source_that_refuses_is_an_error_with_place_and_path(void)
{
    begin("{\"query\":\"{ hello }\"}", NULL, 0);
    finish();
    memset(&source, 0, sizeof(source));
    it.graphql = open_graphql();
    it.arena = ecom_arena_new(0);
    it.out = (ecom_buf){0};
    source.fail = ECOM_E_FORBIDDEN;
    const ecom_graphql_stream_options options = {.size = sizeof(options), .drop = on_drop};
    ecom_error e;
    CHECK_CODE(ECOM_OK,
               ecom_graphql_subscribe(it.graphql, S("{\"query\":\"subscription { x: count{n} }\"}"),
                                      NULL, &options, it.arena, &it.stream, &it.out, &it.outcome,
                                      &e),
               e);
    CHECK_STR(
        "{\"errors\":[{\"message\":\"you may not\",\"locations\":[{\"line\":1,\"column\":16}],"
        "\"path\":[\"x\"],\"extensions\":{\"code\":\"FORBIDDEN\"}}]}",
        ecom_buf_str(&it.out));
    CHECK(source.cancelled == 0, "cancelled");
    finish();
}

static void one_event_too_many_ends_it_and_names_the_bound(void)
{
    begin(SUB, NULL, 3);
    for (int i = 0; i < 3; i++)
        CHECK(push(i, NULL) == ECOM_OK, "push %d", i);
    CHECK(push(3, NULL) == ECOM_E_FULL && push(4, NULL) == ECOM_E_CLOSED, "the fourth");
    for (int i = 0; i < 3; i++) {
        char want[64];
        snprintf(want, sizeof(want), "{\"data\":{\"count\":{\"n\":%d}}}", i);
        expect_next(ECOM_OK, want, NULL);
    }
    expect_next(ECOM_E_FULL, "More than 3 events wait to be sent (max_events)", NULL);
    finish();
}

static void an_end_with_a_reason_gives_it(void)
{
    ecom_error why;

    begin(SUB, NULL, 0);
    ecom_fail(&why, ECOM_E_UNAVAILABLE, "the bus is gone");
    ecom_graphql_stream_end(source.stream, &why);
    ecom_graphql_stream_end(source.stream, NULL);
    expect_next(ECOM_E_UNAVAILABLE, "the bus is gone", NULL);
    finish();
}

static void what_waits_is_dropped_when_nobody_listens_any_more(void)
{
    begin(SUB, NULL, 0);
    CHECK(push(1, NULL) == ECOM_OK && push(2, NULL) == ECOM_OK, "push");
    finish();
    CHECK(source.dropped == 2 && source.cancelled == 1 && it.dropped == 1, "%d", source.dropped);
}

static void a_subscriber_must_feed_a_field_that_there_is(void)
{
    static const ecom_graphql_subscriber wrong[] = {{"missing", subscribe, cancel, NULL}};
    ecom_graphql_options options = ECOM_GRAPHQL_OPTIONS_INIT;
    ecom_graphql *g;
    ecom_error e;

    options.sdl = ecom_str_of(sdl);
    options.subscribers = wrong;
    options.nsubscribers = 1;
    CHECK_CODE(ECOM_E_INVAL, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_TEXT("\"missing\"", e);
}

static void short_of_memory_nothing_leaks(void)
{
    const ecom_graphql_stream_options options = {.size = sizeof(options), .drop = on_drop};
    ecom_graphql *g = open_graphql();
    int failed = 1;

    CHECK(g != NULL, "no schema");
    for (uint64_t n = 1; failed && n < 1000; n++) {
        ecom_arena *arena = ecom_arena_new(0);
        ecom_graphql_stream *stream = NULL;
        ecom_graphql_outcome outcome;
        ecom_buf out = {0};
        ecom_str id;
        ecom_error e;
        source.begun = source.cancelled = 0;
        it.dropped = 0;
        check_alloc_fail_at(n);
        int r =
            ecom_graphql_subscribe(g, S(SUB), NULL, &options, arena, &stream, &out, &outcome, &e);
        if (stream && push(1, "id") == ECOM_OK)
            r = ecom_graphql_stream_next(stream, NULL, arena, &out, &id, &e);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(failed || r == ECOM_OK, "%s", e.text);
        ecom_graphql_stream_close(stream);
        CHECK(source.begun == source.cancelled && it.dropped == 1, "%d %d %d", source.begun,
              source.cancelled, it.dropped);
        ecom_arena_free(arena);
        ecom_buf_free(&out);
    }
    CHECK(!failed, "no end of allocations");
    ecom_graphql_free(g);
}

static void events_of_sse_are_lines(void)
{
    ecom_buf out = {0};

    CHECK(ecom_graphql_sse_write(&out, S("{\"data\":1}"), S("e1")) == ECOM_OK, "write");
    CHECK(ecom_graphql_sse_write(&out, S("{}"), S("e\nevil")) == ECOM_OK, "write");
    CHECK(ecom_graphql_sse_write(&out, (ecom_str){NULL, 0}, (ecom_str){NULL, 0}) == 0, "write");
    CHECK_STR("event: next\nid: e1\ndata: {\"data\":1}\n\n"
              "event: next\ndata: {}\n\n"
              "event: complete\ndata:\n\n",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
}

/* ---- graphql-transport-ws */

enum { MAX_JOBS = 16 };

static struct {
    ecom_graphql *graphql;
    ecom_graphql_socket *socket;
    ecom_buf said; /* messages, a line each */
    int code;
    char reason[200];
    int32_t timer_ms;
    struct {
        void (*fn)(void *arg, int cancelled);
        void *arg;
    } jobs[MAX_JOBS];
    int njobs, no_room, dropped, deaf, full;
} ws;

static int ws_send(void *user, ecom_str message)
{
    (void)user;
    if (ws.deaf)
        return ECOM_E_CLOSED;
    int r = ecom_buf_append(&ws.said, message);
    return r < 0 ? r : ecom_buf_append(&ws.said, S("\n"));
}

static void ws_close(void *user, int32_t code, ecom_str reason)
{
    (void)user;
    ws.code = code;
    snprintf(ws.reason, sizeof(ws.reason), "%.*s", (int)reason.n, reason.p);
}

static void ws_set_timer(void *user, int32_t ms)
{
    (void)user;
    ws.timer_ms = ms;
}

static int ws_run(void *user, void (*fn)(void *arg, int cancelled), void *arg)
{
    (void)user;
    if (ws.no_room || ws.njobs == MAX_JOBS)
        return ECOM_E_UNAVAILABLE;
    ws.jobs[ws.njobs].fn = fn;
    ws.jobs[ws.njobs++].arg = arg;
    return ECOM_OK;
}

/* Runs what is on order, and what that orders. */
static void run_jobs(int cancelled)
{
    for (int i = 0; i < ws.njobs; i++)
        ws.jobs[i].fn(ws.jobs[i].arg, cancelled);
    ws.njobs = 0;
}

static void *ws_context(void *user, ecom_arena *arena)
{
    (void)user;
    return ecom_arena_alloc(arena, 1);
}

static int ws_init(void *user, const ecom_json *payload, int64_t *valid_ms, ecom_error *err)
{
    const ecom_json *token = payload ? ecom_json_get(payload, "token") : NULL;

    (void)user;
    if (token && ecom_str_eq(token->text, S("bad")))
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "the token is not ours");
    if (token && ecom_str_eq(token->text, S("short")))
        *valid_ms = 5000;
    return ECOM_OK;
}

static int ws_is_full(void *user)
{
    (void)user;
    return ws.full;
}

static void ws_drop(void *user)
{
    (void)user;
    ws.dropped++;
}

static void ws_open(void)
{
    ecom_graphql_socket_options options = {
        .size = sizeof(options),
        .max_operations = 2,
        .max_events = 2,
        .env = &world.env,
        .send = ws_send,
        .close = ws_close,
        .set_timer = ws_set_timer,
        .run = ws_run,
        .context = ws_context,
        .init = ws_init,
        .drop = ws_drop,
        .is_full = ws_is_full,
    };
    ecom_error e;

    memset(&ws, 0, sizeof(ws));
    ws.graphql = options.graphql = open_graphql();
    CHECK(ws.graphql != NULL, "no schema");
    CHECK_CODE(ECOM_OK, ecom_graphql_socket_new(&options, &ws.socket, &e), e);
}

static void ws_finish(void)
{
    ecom_graphql_socket_free(ws.socket);
    run_jobs(1);
    CHECK(ws.dropped == 1, "dropped %d times", ws.dropped);
    CHECK(source.begun == source.cancelled, "%d begun, %d cancelled", source.begun,
          source.cancelled);
    ecom_buf_free(&ws.said);
    ecom_graphql_free(ws.graphql);
}

static void hear(const char *message)
{
    ecom_graphql_socket_receive(ws.socket, ecom_str_of(message));
}

static void expect_said(const char *want)
{
    const char *got = ws.said.p ? ws.said.p : "";

    CHECK(strcmp(got, want) == 0, "\n#   want %s#   got  %s", want, got);
    ws.said.n = 0;
    if (ws.said.p)
        ws.said.p[0] = '\0';
}

static void expect_closed(int code, const char *reason)
{
    CHECK(ws.code == code && strstr(ws.reason, reason), "want %d %s, got %d %s", code, reason,
          ws.code, ws.reason);
}

#define INIT "{\"type\":\"connection_init\"}"
#define ACK "{\"type\":\"connection_ack\"}\n"
#define SUBSCRIBE(id_, query_) \
    "{\"id\":\"" id_ "\",\"type\":\"subscribe\",\"payload\":{\"query\":\"" query_ "\"}}"

static void ws_ready(void)
{
    ws_open();
    hear(INIT);
    expect_said(ACK);
}

static void queries_and_mutations_are_answered_once_and_complete(void)
{
    ws_ready();
    hear(SUBSCRIBE("q", "{ hello }"));
    hear(SUBSCRIBE("m", "mutation { set(n: 4) }"));
    expect_said("");
    run_jobs(0);
    expect_said("{\"type\":\"next\",\"id\":\"q\",\"payload\":{\"data\":{\"hello\":\"world\"}}}\n"
                "{\"type\":\"complete\",\"id\":\"q\"}\n"
                "{\"type\":\"next\",\"id\":\"m\",\"payload\":{\"data\":{\"set\":4}}}\n"
                "{\"type\":\"complete\",\"id\":\"m\"}\n");
    hear(SUBSCRIBE("q", "{ hello }")); /* the id is free again */
    run_jobs(0);
    CHECK(ws.code == 0 && ws.said.n > 0, "closed with %d", ws.code);
    ws_finish();
}

#define DEFERRED SUBSCRIBE("d", "{ hello ... @defer { a: hello } }")
#define FIRST                                                                                   \
    "{\"type\":\"next\",\"id\":\"d\",\"payload\":{\"data\":{\"hello\":\"world\"},\"pending\":[" \
    "{\"id\":\"0\",\"path\":[]}],\"hasNext\":true}}\n"
#define SECOND                                                                                 \
    "{\"type\":\"next\",\"id\":\"d\",\"payload\":{\"hasNext\":false,\"incremental\":[{\"id\":" \
    "\"0\",\"data\":{\"a\":\"world\"}}],\"completed\":[{\"id\":\"0\"}]}}\n"                    \
    "{\"type\":\"complete\",\"id\":\"d\"}\n"

static void parts_come_as_they_are_ready_and_then_it_is_complete(void)
{
    ws_ready();
    hear(DEFERRED);
    run_jobs(0);
    expect_said(FIRST SECOND);
    ws_finish();
}

static void parts_wait_until_there_is_room(void)
{
    ws_ready();
    ws.full = 1;
    hear(DEFERRED);
    run_jobs(0);
    expect_said(FIRST);
    ecom_graphql_socket_resume(ws.socket); /* who is still full waits on */
    run_jobs(0);
    expect_said("");
    ws.full = 0;
    ecom_graphql_socket_resume(ws.socket);
    run_jobs(0);
    expect_said(SECOND);
    ecom_graphql_socket_resume(ws.socket);
    CHECK(ws.njobs == 0, "%d jobs", ws.njobs);
    ws_finish();
}

static void parts_that_nobody_waits_for_any_more_are_let_go_of(void)
{
    ws_ready();
    ws.full = 1;
    hear(DEFERRED);
    run_jobs(0);
    expect_said(FIRST);
    hear("{\"type\":\"complete\",\"id\":\"d\"}");
    ws.full = 0;
    ecom_graphql_socket_resume(ws.socket);
    run_jobs(0);
    expect_said("");
    hear(DEFERRED); /* the connection goes while one waits */
    ws.full = 1;
    run_jobs(0);
    expect_said(FIRST);
    ws_finish();
}

static void a_subscription_goes_on_until_its_source_ends(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    expect_said("");
    CHECK(push(1, "x") == ECOM_OK && push(2, NULL) == ECOM_OK && ws.njobs == 1, "push");
    run_jobs(0);
    expect_said("{\"type\":\"next\",\"id\":\"s\",\"payload\":{\"data\":{\"count\":{\"n\":1}}}}\n"
                "{\"type\":\"next\",\"id\":\"s\",\"payload\":{\"data\":{\"count\":{\"n\":2}}}}\n");
    ecom_graphql_stream_end(source.stream, NULL);
    run_jobs(0);
    expect_said("{\"type\":\"complete\",\"id\":\"s\"}\n");
    CHECK(source.cancelled == 1, "not cancelled");
    ws_finish();
}

static void a_subscription_goes_on_until_the_client_completes_it(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    CHECK(push(1, NULL) == ECOM_OK, "push");
    hear("{\"type\":\"complete\",\"id\":\"s\"}");
    hear("{\"type\":\"complete\",\"id\":\"s\"}");
    hear("{\"type\":\"complete\",\"id\":\"unknown\"}");
    run_jobs(0);
    expect_said("");
    CHECK(source.cancelled == 1, "not cancelled");
    hear(SUBSCRIBE("s", "subscription { count { n } }")); /* the same id, and nothing old on it */
    run_jobs(0);
    CHECK(push(5, NULL) == ECOM_OK, "push");
    run_jobs(0);
    expect_said("{\"type\":\"next\",\"id\":\"s\",\"payload\":{\"data\":{\"count\":{\"n\":5}}}}\n");
    ws_finish();
}

static void a_request_that_is_refused_gets_its_errors(void)
{
    ws_ready();
    hear(SUBSCRIBE("a", "{ nothing }"));
    run_jobs(0);
    CHECK(strstr(ws.said.p, "{\"type\":\"error\",\"id\":\"a\",\"payload\":[{\"message\":\"Cannot"),
          "%s", ws.said.p);
    CHECK(!strstr(ws.said.p, "complete"), "%s", ws.said.p);
    ws_finish();
}

static void one_operation_too_many_is_refused_by_its_bound(void)
{
    ws_ready();
    hear(SUBSCRIBE("1", "{ hello }"));
    hear(SUBSCRIBE("2", "{ hello }"));
    hear(SUBSCRIBE("3", "{ hello }"));
    CHECK(strstr(ws.said.p, "More than 2 operations at a time on this connection (max_operations)"),
          "%s", ws.said.p);
    CHECK(ws.code == 0 && ws.njobs == 2, "%d jobs", ws.njobs);
    run_jobs(0);
    hear(SUBSCRIBE("3", "{ hello }"));
    CHECK(ws.njobs == 1, "%d jobs", ws.njobs);
    ws_finish();
}

static void one_event_too_many_ends_the_operation_by_its_bound(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    CHECK(push(1, 0) == ECOM_OK && push(2, 0) == ECOM_OK && push(3, 0) == ECOM_E_FULL, "push");
    run_jobs(0);
    CHECK(strstr(ws.said.p, "\"n\":2") && strstr(ws.said.p, "max_events"), "%s", ws.said.p);
    CHECK(source.cancelled == 1, "not cancelled");
    ws_finish();
}

static void what_cannot_be_run_is_an_error(void)
{
    ws_ready();
    ws.no_room = 1;
    hear(SUBSCRIBE("q", "{ hello }"));
    expect_said(
        "{\"type\":\"error\",\"id\":\"q\",\"payload\":[{\"message\":\"Too many requests are "
        "waiting; try again later.\",\"extensions\":{\"code\":\"UNAVAILABLE\"}}]}\n");
    ws.no_room = 0;
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    ws.no_room = 1;
    CHECK(push(1, NULL) == ECOM_OK, "push");
    CHECK(strstr(ws.said.p, "Too many requests") && source.cancelled == 1, "%s", ws.said.p);
    ws_finish();
}

static void pings_are_answered_with_what_they_bring(void)
{
    ws_open();
    hear("{\"type\":\"ping\"}");
    hear("{\"type\":\"ping\",\"payload\":{\"at\":[1,\"\xC3\xA4\"]}}");
    hear("{\"type\":\"pong\"}");
    expect_said("{\"type\":\"pong\"}\n"
                "{\"type\":\"pong\",\"payload\":{\"at\":[1,\"\xC3\xA4\"]}}\n");
    CHECK(ws.code == 0, "closed with %d", ws.code);
    ws_finish();
}

static void messages_that_are_none_close_with_4400(void)
{
    static const char *const table[] = {
        "",
        "nothing",
        "[]",
        "{}",
        "{\"type\":7}",
        "{\"type\":\"start\"}",
        "{\"type\":\"connection_init\",\"payload\":[]}",
        "{\"type\":\"ping\",\"payload\":1}",
        "{\"type\":\"complete\"}",
    };
    static const char *const later[] = {
        "{\"type\":\"subscribe\",\"payload\":{\"query\":\"{hello}\"}}",
        "{\"type\":\"subscribe\",\"id\":\"\",\"payload\":{\"query\":\"{hello}\"}}",
        "{\"type\":\"subscribe\",\"id\":\"a\"}",
        "{\"type\":\"subscribe\",\"id\":1,\"payload\":{}}",
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ws_open();
        hear(table[i]);
        CHECK(ws.code == 4400 && ws.reason[0], "%s: %d", table[i], ws.code);
        ws_finish();
    }
    for (size_t i = 0; i < sizeof(later) / sizeof(later[0]); i++) {
        ws_ready();
        hear(later[i]);
        CHECK(ws.code == 4400 && ws.reason[0], "%s: %d", later[i], ws.code);
        hear(SUBSCRIBE("x", "{ hello }"));
        CHECK(ws.njobs == 0, "it still runs");
        ws_finish();
    }
}

static void who_is_not_let_in_may_ask_nothing(void)
{
    ws_open();
    hear(SUBSCRIBE("q", "{ hello }"));
    expect_closed(4401, "Unauthorized");
    ws_finish();
    ws_open();
    hear("{\"type\":\"connection_init\",\"payload\":{\"token\":\"bad\"}}");
    expect_closed(4403, "the token is not ours");
    expect_said("");
    ws_finish();
}

static void a_second_init_closes_with_4429_and_a_second_id_with_4409(void)
{
    ws_ready();
    hear(INIT);
    expect_closed(4429, "Too many initialisation requests");
    ws_finish();
    ws_ready();
    hear(SUBSCRIBE("q", "{ hello }"));
    hear(SUBSCRIBE("q", "{ hello }"));
    expect_closed(4409, "Subscriber for q already exists");
    ws_finish();
}

static void who_does_not_begin_is_closed_with_4408(void)
{
    ws_open();
    CHECK(ws.timer_ms == 3000, "%d", ws.timer_ms);
    check_world_move_ms(&world, 2999);
    ecom_graphql_socket_timer(ws.socket);
    CHECK(ws.code == 0 && ws.timer_ms == 1, "%d, %d", ws.code, ws.timer_ms);
    check_world_move_ms(&world, 1);
    ecom_graphql_socket_timer(ws.socket);
    expect_closed(4408, "initialisation timeout");
    ws_finish();
}

static void a_token_that_expires_closes_with_4403_and_ends_what_runs(void)
{
    ws_open();
    hear("{\"type\":\"connection_init\",\"payload\":{\"token\":\"short\"}}");
    CHECK(ws.timer_ms == 5000, "%d", ws.timer_ms);
    expect_said(ACK);
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    check_world_move_ms(&world, 5000);
    ecom_graphql_socket_timer(ws.socket);
    expect_closed(4403, "the token has expired");
    CHECK(source.cancelled == 1, "not cancelled");
    ws_finish();
    ws_ready(); /* a token without end */
    check_world_move_ms(&world, 1000000);
    ecom_graphql_socket_timer(ws.socket);
    CHECK(ws.code == 0 && ws.timer_ms == -1, "closed with %d", ws.code);
    ws_finish();
}

static void a_connection_that_is_gone_ends_all(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    hear(SUBSCRIBE("q", "{ hello }"));
    ws_finish();
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    ws.deaf = 1;
    CHECK(push(1, NULL) == ECOM_OK, "push");
    run_jobs(0);
    CHECK(source.cancelled == 1, "it still listens");
    ws_finish();
}

static void a_job_that_the_server_cancels_ends_its_operation(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    CHECK(push(1, NULL) == ECOM_OK, "push");
    run_jobs(1);
    CHECK(source.cancelled == 1, "it still listens");
    ws_finish();
}

static void many_events_come_in_several_pieces(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    for (int i = 0; i < 100; i++) {
        CHECK(push(i, NULL) == ECOM_OK, "push");
        if (i % 2)
            run_jobs(0);
    }
    CHECK(strstr(ws.said.p, "\"n\":99"), "the last one is missing");
    ws_finish();
}

static void short_of_memory_parts_leak_nothing(void)
{
    int failed = 1;

    for (uint64_t n = 1; failed && n < 2000; n++) {
        ws_ready();
        check_alloc_fail_at(n);
        hear(DEFERRED);
        run_jobs(0);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        ws_finish();
    }
    CHECK(!failed, "no end of allocations");
}

static void short_of_memory_a_socket_leaks_nothing(void)
{
    int failed = 1;

    for (uint64_t n = 1; failed && n < 2000; n++) {
        ws_ready();
        check_alloc_fail_at(n);
        hear(SUBSCRIBE("s", "subscription { count { n } }"));
        run_jobs(0);
        if (source.stream)
            (void)push(1, "id");
        run_jobs(0);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        ws_finish();
    }
    CHECK(!failed, "no end of allocations");
}

static const struct check_case cases[] = {
    CASE(each_event_is_executed_as_a_response),
    CASE(an_error_of_one_event_is_in_its_response_and_the_next_one_comes),
    CASE(what_is_no_subscription_is_answered_at_once),
    CASE(a_subscription_that_cannot_begin_says_why),
    CASE(a_subscription_that_may_cost_too_much_does_not_begin),
    CASE(a_source_that_refuses_is_an_error_with_place_and_path),
    CASE(one_event_too_many_ends_it_and_names_the_bound),
    CASE(an_end_with_a_reason_gives_it),
    CASE(what_waits_is_dropped_when_nobody_listens_any_more),
    CASE(a_subscriber_must_feed_a_field_that_there_is),
    CASE(short_of_memory_nothing_leaks),
    CASE(events_of_sse_are_lines),
    CASE(queries_and_mutations_are_answered_once_and_complete),
    CASE(parts_come_as_they_are_ready_and_then_it_is_complete),
    CASE(parts_wait_until_there_is_room),
    CASE(parts_that_nobody_waits_for_any_more_are_let_go_of),
    CASE(a_subscription_goes_on_until_its_source_ends),
    CASE(a_subscription_goes_on_until_the_client_completes_it),
    CASE(a_request_that_is_refused_gets_its_errors),
    CASE(one_operation_too_many_is_refused_by_its_bound),
    CASE(one_event_too_many_ends_the_operation_by_its_bound),
    CASE(what_cannot_be_run_is_an_error),
    CASE(pings_are_answered_with_what_they_bring),
    CASE(messages_that_are_none_close_with_4400),
    CASE(who_is_not_let_in_may_ask_nothing),
    CASE(a_second_init_closes_with_4429_and_a_second_id_with_4409),
    CASE(who_does_not_begin_is_closed_with_4408),
    CASE(a_token_that_expires_closes_with_4403_and_ends_what_runs),
    CASE(a_connection_that_is_gone_ends_all),
    CASE(a_job_that_the_server_cancels_ends_its_operation),
    CASE(many_events_come_in_several_pieces),
    CASE(short_of_memory_a_socket_leaks_nothing),
    CASE(short_of_memory_parts_leak_nothing),
};
CHECK_MAIN("graphql_live", cases)
