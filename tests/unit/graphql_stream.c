/* Subscriptions as streams of events, and as what is sent of them by SSE. */
#include "graphql_source.h"

#include <string.h>

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

static void begin_on(ecom_graphql *graphql, const char *body, const char *after,
                     uint32_t max_events)
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
    it.graphql = graphql;
    it.arena = ecom_arena_new(0);
    CHECK(it.graphql && it.arena, "no schema");
    CHECK_CODE(ECOM_OK,
               ecom_graphql_subscribe(it.graphql, ecom_str_of(body), NULL, &options, it.arena,
                                      &it.stream, &it.out, &it.outcome, &e),
               e);
}

static void begin(const char *body, const char *after, uint32_t max_events)
{
    begin_on(source_open(), body, after, max_events);
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
    CHECK(source_push(1, "a") == ECOM_OK && source_push(2, NULL) == ECOM_OK && it.ready == 2,
          "push");
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":1}}}", "a");
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":2}}}", NULL);
    expect_next(ECOM_E_NOTFOUND, "nothing waits", NULL);
    CHECK(source_push(3, NULL) == ECOM_OK, "push");
    ecom_graphql_stream_end(source.stream, NULL);
    expect_next(ECOM_OK, "{\"data\":{\"count\":{\"n\":3}}}", NULL);
    expect_next(ECOM_E_CLOSED, "no more", NULL);
    CHECK(source_push(4, NULL) == ECOM_E_CLOSED && source.dropped == 4, "%d dropped",
          source.dropped);
    finish();
    CHECK(source.cancelled == 1 && it.dropped == 1, "%d %d", source.cancelled, it.dropped);
}

static void an_error_of_one_event_is_in_its_response_and_the_next_one_comes(void)
{
    begin("{\"query\":\"subscription S($f: Int) { t: count(from: $f) { n } }\","
          "\"variables\":{\"f\":9},\"operationName\":\"S\"}",
          NULL, 0);
    CHECK(it.stream && source.from == 9, "no stream: %s", it.out.p);
    CHECK(source_push(13, NULL) == ECOM_OK && source_push(14, NULL) == ECOM_OK, "push");
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

static void expect_refusal(const char *want)
{
    CHECK(!it.stream && it.outcome != ECOM_GRAPHQL_EXECUTED && it.dropped == 1, "it began");
    CHECK(it.out.p && strstr(it.out.p, want) && !strstr(it.out.p, "\"data\""), "want %s in %s",
          want, it.out.p);
    CHECK(source.begun == source.cancelled, "%d begun, %d cancelled", source.begun,
          source.cancelled);
    finish();
}

static void expect_refused(const char *body, const char *want)
{
    begin(body, NULL, 0);
    expect_refusal(want);
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

static ecom_graphql *open_costing(uint32_t max_cost)
{
    ecom_graphql_options options = source_options();
    ecom_graphql *g = NULL;
    ecom_error e;

    options.limits.max_cost = max_cost;
    return ecom_graphql_new(&options, &g, NULL, &e) < 0 ? NULL : g;
}

static void a_subscription_that_may_cost_too_much_does_not_begin(void)
{
    begin_on(open_costing(1), SUB, NULL, 0);
    expect_refusal("may cost 2, more than 1 (max_cost)");
    begin_on(open_costing(2), SUB, NULL, 0);
    CHECK(it.stream != NULL, "%s", it.out.p);
    finish();
}

static void a_source_that_refuses_is_an_error_with_place_and_path(void)
{
    ecom_graphql *g = source_open();

    source.fail = ECOM_E_FORBIDDEN;
    begin_on(g, "{\"query\":\"subscription { x: count{n} }\"}", NULL, 0);
    CHECK(!it.stream && it.dropped == 1, "it began");
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
        CHECK(source_push(i, NULL) == ECOM_OK, "push %d", i);
    CHECK(source_push(3, NULL) == ECOM_E_FULL && source_push(4, NULL) == ECOM_E_CLOSED,
          "the fourth");
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
    CHECK(source_push(1, NULL) == ECOM_OK && source_push(2, NULL) == ECOM_OK, "push");
    finish();
    CHECK(source.dropped == 2 && source.cancelled == 1 && it.dropped == 1, "%d", source.dropped);
}

static void a_subscriber_must_feed_a_field_that_there_is(void)
{
    ecom_graphql_options options = source_options();
    ecom_graphql_subscriber wrong = options.subscribers[0];
    ecom_graphql *g;
    ecom_error e;

    wrong.field = "missing";
    options.subscribers = &wrong;
    CHECK_CODE(ECOM_E_INVAL, ecom_graphql_new(&options, &g, NULL, &e), e);
    CHECK_TEXT("\"missing\"", e);
}

static void short_of_memory_nothing_leaks(void)
{
    const ecom_graphql_stream_options options = {.size = sizeof(options), .drop = on_drop};
    ecom_graphql *g = source_open();
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
        if (stream && source_push(1, "id") == ECOM_OK)
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
};
CHECK_MAIN("graphql_stream", cases)
