/* Live requests over graphql-transport-ws, on threads and time of our own. */
#include <string.h>

#include "graphql_jobs.h"
#include "graphql_source.h"

static struct {
    ecom_graphql *graphql;
    ecom_graphql_socket *socket;
    ecom_buf said; /* messages, a line each */
    int code;
    char reason[200];
    int32_t timer_ms;
    struct jobs jobs;
    int dropped, deaf, full;
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

static void run_jobs(int cancelled)
{
    jobs_run(&ws.jobs, cancelled);
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
        .user = &ws.jobs,
        .max_operations = 2,
        .max_events = 2,
        .env = &source.world.env,
        .send = ws_send,
        .close = ws_close,
        .set_timer = ws_set_timer,
        .run = jobs_order,
        .context = ws_context,
        .init = ws_init,
        .drop = ws_drop,
        .is_full = ws_is_full,
    };
    ecom_error e;

    memset(&ws, 0, sizeof(ws));
    ws.graphql = options.graphql = source_open();
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
    CHECK(ws.jobs.n == 0, "%d jobs", ws.jobs.n);
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
    CHECK(source_push(1, "x") == ECOM_OK && source_push(2, NULL) == ECOM_OK && ws.jobs.n == 1,
          "push");
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
    CHECK(source_push(1, NULL) == ECOM_OK, "push");
    hear("{\"type\":\"complete\",\"id\":\"s\"}");
    hear("{\"type\":\"complete\",\"id\":\"s\"}");
    hear("{\"type\":\"complete\",\"id\":\"unknown\"}");
    run_jobs(0);
    expect_said("");
    CHECK(source.cancelled == 1, "not cancelled");
    hear(SUBSCRIBE("s", "subscription { count { n } }")); /* the same id, and nothing old on it */
    run_jobs(0);
    CHECK(source_push(5, NULL) == ECOM_OK, "push");
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
    CHECK(ws.code == 0 && ws.jobs.n == 2, "%d jobs", ws.jobs.n);
    run_jobs(0);
    hear(SUBSCRIBE("3", "{ hello }"));
    CHECK(ws.jobs.n == 1, "%d jobs", ws.jobs.n);
    ws_finish();
}

static void one_event_too_many_ends_the_operation_by_its_bound(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    CHECK(source_push(1, 0) == ECOM_OK && source_push(2, 0) == ECOM_OK &&
              source_push(3, 0) == ECOM_E_FULL,
          "push");
    run_jobs(0);
    CHECK(strstr(ws.said.p, "\"n\":2") && strstr(ws.said.p, "max_events"), "%s", ws.said.p);
    CHECK(source.cancelled == 1, "not cancelled");
    ws_finish();
}

static void what_cannot_be_run_is_an_error(void)
{
    ws_ready();
    ws.jobs.no_room = 1;
    hear(SUBSCRIBE("q", "{ hello }"));
    expect_said(
        "{\"type\":\"error\",\"id\":\"q\",\"payload\":[{\"message\":\"Too many requests are "
        "waiting; try again later.\",\"extensions\":{\"code\":\"UNAVAILABLE\"}}]}\n");
    ws.jobs.no_room = 0;
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    ws.jobs.no_room = 1;
    CHECK(source_push(1, NULL) == ECOM_OK, "push");
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
        CHECK(ws.jobs.n == 0, "it still runs");
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
    check_world_move_ms(&source.world, 2999);
    ecom_graphql_socket_timer(ws.socket);
    CHECK(ws.code == 0 && ws.timer_ms == 1, "%d, %d", ws.code, ws.timer_ms);
    check_world_move_ms(&source.world, 1);
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
    check_world_move_ms(&source.world, 5000);
    ecom_graphql_socket_timer(ws.socket);
    expect_closed(4403, "the token has expired");
    CHECK(source.cancelled == 1, "not cancelled");
    ws_finish();
    ws_ready(); /* a token without end */
    check_world_move_ms(&source.world, 1000000);
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
    CHECK(source_push(1, NULL) == ECOM_OK, "push");
    run_jobs(0);
    CHECK(source.cancelled == 1, "it still listens");
    ws_finish();
}

static void a_job_that_the_server_cancels_ends_its_operation(void)
{
    ws_ready();
    hear(SUBSCRIBE("s", "subscription { count { n } }"));
    run_jobs(0);
    CHECK(source_push(1, NULL) == ECOM_OK, "push");
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
        CHECK(source_push(i, NULL) == ECOM_OK, "push");
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
            (void)source_push(1, "id");
        run_jobs(0);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        ws_finish();
    }
    CHECK(!failed, "no end of allocations");
}

static const struct check_case cases[] = {
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
CHECK_MAIN("graphql-socket", cases)
