/* What triggers a function, and what it answers. */
#include <stdlib.h>

#include "check.h"
#include "ecom/lambda.h"
#include "lambda/base64.h"

struct seen {
    struct check_world world;
    char orders[512], correlation[64], trace[64], key[64];
    const char *client_context; /* of the invocation; nullable */
    uint32_t attempt;
    int begun, settled, returned;
    int settle_code;
    const char *fail_order; /* handled with this code */
    int code;
    int64_t each_ms; /* what one event takes */
};

static int on_order(void *user, const ecom_delivery *delivery, ecom_buf *result, ecom_error *err)
{
    const ecom_order_created *order = delivery->event;
    struct seen *seen = user;
    size_t n = strlen(seen->orders);

    snprintf(seen->orders + n, sizeof(seen->orders) - n, "%.*s ", (int)order->order_id.n,
             order->order_id.p);
    snprintf(seen->correlation, sizeof(seen->correlation), "%.*s",
             (int)order->envelope.correlation_id.n, order->envelope.correlation_id.p);
    snprintf(seen->trace, sizeof(seen->trace), "%.*s", (int)order->envelope.traceparent.n,
             order->envelope.traceparent.p ? order->envelope.traceparent.p : "");
    snprintf(seen->key, sizeof(seen->key), "%.*s", (int)delivery->msg->key.n,
             delivery->msg->key.p ? delivery->msg->key.p : "");
    seen->attempt = delivery->attempt;
    check_world_move_ms(&seen->world, seen->each_ms);
    if (seen->fail_order && ecom_str_eq(ecom_str_of(seen->fail_order), order->order_id))
        return ecom_fail(err, seen->code, "fails");
    return ecom_json_write_str(result, order->order_id);
}

static int on_begin(void *user, int returned, const ecom_lambda_context *context, ecom_error *err)
{
    struct seen *seen = user;

    (void)context, (void)err;
    seen->begun++;
    seen->returned = returned;
    return ECOM_OK;
}

static int on_settle(void *user, int returned, const ecom_lambda_context *context, ecom_error *err)
{
    struct seen *seen = user;

    (void)context;
    seen->settled++;
    if (returned != seen->returned)
        return ecom_fail(err, ECOM_E_INVAL, "begin and settle disagree");
    return seen->settle_code ? ecom_fail(err, seen->settle_code, "cannot settle") : ECOM_OK;
}

static const ecom_lambda_route routes[] = {{&ecom_order_created_contract, on_order}};

/* Runs one invocation; the answer goes to @p out. */
static int invoke_until(struct seen *seen, int64_t deadline_ms, const char *event, char *out,
                        size_t size, ecom_error *err)
{
    ecom_lambda_events events = {
        .size = sizeof(events),
        .routes = routes,
        .nroutes = 1,
        .ignore = ecom_shop_contracts,
        .user = seen,
        .begin = on_begin,
        .settle = on_settle,
    };
    ecom_lambda_context context = {
        .size = sizeof(context),
        .request_id = ecom_str_of("req-1"),
        .client_context = ecom_str_of(seen->client_context),
        .deadline_ms = deadline_ms,
        .margin_ms = 20,
        .env = &seen->world.env,
        .arena = ecom_arena_new(96 << 20),
    };
    ecom_buf result = {0};
    int r = ECOM_E_NOMEM;

    if (context.arena)
        r = ecom_lambda_events_handle(&events, ecom_str_of(event), &context, &result, err);
    snprintf(out, size, "%.*s", (int)result.n, result.p ? result.p : "");
    ecom_buf_free(&result);
    ecom_arena_free(context.arena);
    return r;
}

static int invoke(struct seen *seen, const char *event, char *out, size_t size, ecom_error *err)
{
    return invoke_until(seen, INT64_MAX, event, out, size, err);
}

static void seen_init(struct seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    check_world_init(&seen->world, 1);
}

#define ORDER(id_)                                                                          \
    "{\"type\":\"ORDER_CREATED\",\"id\":\"e-" id_ "\",\"time\":\"2026-01-01T00:00:00Z\","   \
    "\"version\":1,\"orderId\":\"" id_ "\",\"userId\":\"u\",\"amount\":19.99,\"currency\":" \
    "\"USD\"}"

static void one_event_gives_its_result(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

    seen_init(&seen);
    CHECK_CODE(ECOM_OK, invoke(&seen, ORDER("o1"), out, sizeof(out), &e), e);
    CHECK_STR("\"o1\"", ecom_str_of(out));
    CHECK(seen.returned && seen.begun == 1 && seen.settled == 1, "begun %d, settled %d", seen.begun,
          seen.settled);
}

static void what_an_invoker_tells_beside_an_event_counts_as_its_headers(void)
{
    static const char *const nonsense[] = {"[", "{}", "{\"custom\":[]}",
                                           "{\"custom\":{\"x-correlation-id\":1}}"};
    struct seen seen;
    ecom_error e = {0};
    char out[256];

    seen_init(&seen);
    seen.client_context = "{\"custom\":{\"x-correlation-id\":\"c-1\",\"traceparent\":\"00-"
                          "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01\",\"x\":1}}";
    CHECK_CODE(ECOM_OK, invoke(&seen, ORDER("o-1"), out, sizeof(out), &e), e);
    CHECK_STR("c-1", ecom_str_of(seen.correlation));
    CHECK_STR("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", ecom_str_of(seen.trace));
    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        seen_init(&seen);
        seen.client_context = nonsense[i];
        CHECK_CODE(ECOM_OK, invoke(&seen, ORDER("o-1"), out, sizeof(out), &e), e);
        CHECK_STR("", ecom_str_of(seen.correlation));
    }
}

static void one_event_that_fails_fails_the_invocation(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

    seen_init(&seen);
    CHECK_CODE(ECOM_E_INVAL, invoke(&seen, "{\"type\":\"ORDER_CREATED\"}", out, sizeof(out), &e),
               e);
    CHECK_STR("id", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_UNKNOWN_TYPE, invoke(&seen, "{\"type\":\"X\"}", out, sizeof(out), &e), e);
    CHECK_CODE(ECOM_E_INVAL, invoke(&seen, "{\"type\":", out, sizeof(out), &e), e);
    seen.fail_order = "o1", seen.code = ECOM_E_UNAVAILABLE;
    CHECK_CODE(ECOM_E_UNAVAILABLE, invoke(&seen, ORDER("o1"), out, sizeof(out), &e), e);
    CHECK_STR("", ecom_str_of(out));
}

static void an_ignored_type_gives_nothing(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

    seen_init(&seen);
    CHECK_CODE(
        ECOM_OK,
        invoke(&seen,
               "{\"type\":\"PAYMENT_COMPLETED\",\"id\":\"e\",\"time\":\"2026-01-01T00:00:00Z\","
               "\"orderId\":\"o\",\"userId\":\"u\",\"amount\":1,\"currency\":\"USD\","
               "\"paymentId\":\"p\"}",
               out, sizeof(out), &e),
        e);
    CHECK_STR("", ecom_str_of(out));
    CHECK_STR("", ecom_str_of(seen.orders));
}

static void an_array_gives_an_array_with_the_poison_in_its_place(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

    seen_init(&seen);
    CHECK_CODE(ECOM_OK, invoke(&seen, "[" ORDER("o1") ",17," ORDER("o2") "]", out, sizeof(out), &e),
               e);
    CHECK_STR("[\"o1\",{\"errorType\":\"INVAL\",\"errorMessage\":\"must be an object, is a "
              "number\"},\"o2\"]",
              ecom_str_of(out));
    CHECK_CODE(ECOM_OK, invoke(&seen, "[]", out, sizeof(out), &e), e);
    CHECK_STR("[]", ecom_str_of(out));
}

static void an_array_has_at_most_1000_events(void)
{
    struct seen seen;
    ecom_error e;
    char out[64], text[4096] = "[";

    seen_init(&seen);
    for (int i = 0; i < 1000; i++)
        strcat(text, i ? ",1" : "1");
    strcat(text, "]");
    CHECK_CODE(ECOM_OK, invoke(&seen, text, out, sizeof(out), &e), e);
    text[strlen(text) - 1] = '\0';
    strcat(text, ",1]");
    CHECK_CODE(ECOM_E_TOOLARGE, invoke(&seen, text, out, sizeof(out), &e), e);
}

/* A self-managed cluster's batch; @p records are those of partition 0, then of partition 1. */
static const char *kafka(ecom_buf *buf, const char *zero, const char *one)
{
    buf->n = 0;
    if (ecom_buf_printf(buf,
                        "{\"eventSource\":\"SelfManagedKafka\",\"bootstrapServers\":\"b:9092\","
                        "\"records\":{\"order-events-0\":[%s],\"order-events-1\":[%s]}}",
                        zero, one) < 0)
        abort();
    return buf->p;
}

static const char *record(ecom_buf *buf, int partition, int offset, const char *key,
                          const char *body)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *texts[] = {key, body};
    char out[2][2048];

    for (int t = 0; t < 2; t++) {
        size_t n = strlen(texts[t]), k = 0;
        for (size_t i = 0; i < n; i += 3) {
            uint32_t v = 0;
            for (size_t j = 0; j < 3; j++)
                v = v << 8 | (i + j < n ? (unsigned char)texts[t][i + j] : 0);
            for (size_t j = 0; j < 4; j++)
                out[t][k++] = i + j > n ? '=' : digits[v >> (18 - 6 * j) & 63];
        }
        out[t][k] = '\0';
    }
    buf->n = 0;
    if (ecom_buf_printf(buf,
                        "{\"topic\":\"order-events\",\"partition\":%d,\"offset\":%d,\"timestamp\":"
                        "1,\"timestampType\":\"CREATE_TIME\",\"key\":\"%s\",\"value\":\"%s\","
                        "\"headers\":[{\"x-correlation-id\":[99,45,-1,49]},{\"X-Correlation-ID\":"
                        "[]}]}",
                        partition, offset, out[0], out[1]) < 0)
        abort();
    return buf->p;
}

static void a_kafka_batch_is_handled_across_partitions(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, b = {0}, all = {0};
    char out[1024];

    seen_init(&seen);
    kafka(&all, record(&a, 0, 7, "o1", ORDER("o1")), record(&b, 1, 9, "o2", ORDER("o2")));
    CHECK_CODE(ECOM_OK, invoke(&seen, all.p, out, sizeof(out), &e), e);
    CHECK_STR("{\"batchItemFailures\":[]}", ecom_str_of(out));
    CHECK_STR("o1 o2 ", ecom_str_of(seen.orders));
    CHECK_STR("o2", ecom_str_of(seen.key));
    CHECK(!seen.returned && seen.settled == 1, "not settled as a source's");
    ecom_buf_free(&a), ecom_buf_free(&b), ecom_buf_free(&all);
}

static void poison_in_a_kafka_batch_is_reported_alone(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, b = {0}, all = {0};
    char out[1024];

    seen_init(&seen);
    kafka(&all,
          "{\"topic\":\"order-events\",\"partition\":0,\"offset\":3,\"value\":\"?\"},"
          "{\"topic\":\"order-events\",\"partition\":0,\"offset\":4,\"value\":null},"
          "{\"topic\":\"order-events\",\"partition\":0,\"offset\":5,\"headers\":[{\"a\":[256]}]}",
          record(&b, 1, 9, "o2", ORDER("o2")));
    CHECK_CODE(ECOM_OK, invoke(&seen, all.p, out, sizeof(out), &e), e);
    CHECK_STR("{\"batchItemFailures\":["
              "{\"itemIdentifier\":{\"partition\":\"order-events-0\",\"offset\":3}},"
              "{\"itemIdentifier\":{\"partition\":\"order-events-0\",\"offset\":4}},"
              "{\"itemIdentifier\":{\"partition\":\"order-events-0\",\"offset\":5}}]}",
              ecom_str_of(out));
    CHECK_STR("o2 ", ecom_str_of(seen.orders));
    ecom_buf_free(&a), ecom_buf_free(&b), ecom_buf_free(&all);
}

static void an_event_does_not_overtake_a_failed_one_of_its_key(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, b = {0}, c = {0}, zero = {0}, all = {0};
    char out[1024];

    seen_init(&seen);
    seen.fail_order = "o1", seen.code = ECOM_E_UNAVAILABLE;
    if (ecom_buf_printf(&zero, "%s,%s,%s", record(&a, 0, 1, "k", ORDER("o1")),
                        record(&b, 0, 2, "k", ORDER("o2")),
                        record(&c, 0, 3, "other", ORDER("o3"))) < 0)
        abort();
    CHECK_CODE(ECOM_OK, invoke(&seen, kafka(&all, zero.p, ""), out, sizeof(out), &e), e);
    CHECK_STR("o1 o3 ", ecom_str_of(seen.orders));
    CHECK(strstr(out, "\"offset\":1}") && strstr(out, "\"offset\":2}") &&
              !strstr(out, "\"offset\":3}"),
          "%s", out);
    seen.orders[0] = '\0';
    seen.code = ECOM_E_UNPROCESSABLE; /* never will be: the flow goes on */
    CHECK_CODE(ECOM_OK, invoke(&seen, kafka(&all, zero.p, ""), out, sizeof(out), &e), e);
    CHECK_STR("o1 o2 o3 ", ecom_str_of(seen.orders));
    ecom_buf_free(&a), ecom_buf_free(&b), ecom_buf_free(&c);
    ecom_buf_free(&zero), ecom_buf_free(&all);
}

static void what_could_not_be_settled_has_failed(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, all = {0};
    char out[1024];

    seen_init(&seen);
    seen.settle_code = ECOM_E_UNAVAILABLE;
    CHECK_CODE(
        ECOM_OK,
        invoke(&seen, kafka(&all, record(&a, 0, 7, "o1", ORDER("o1")), ""), out, sizeof(out), &e),
        e);
    CHECK(strstr(out, "\"offset\":7}"), "%s", out);
    CHECK_CODE(ECOM_E_UNAVAILABLE, invoke(&seen, ORDER("o1"), out, sizeof(out), &e), e);
    ecom_buf_free(&a), ecom_buf_free(&all);
}

static void what_there_is_no_time_for_is_left_to_the_next_invocation(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, b = {0}, all = {0};
    char out[1024];

    seen_init(&seen);
    seen.each_ms = 80;
    kafka(&all, record(&a, 0, 7, "o1", ORDER("o1")), record(&b, 1, 9, "o2", ORDER("o2")));
    int64_t now = ecom_env_now_ms(&seen.world.env);
    CHECK_CODE(ECOM_OK, invoke_until(&seen, now + 100, all.p, out, sizeof(out), &e), e);
    CHECK_STR("o1 ", ecom_str_of(seen.orders));
    CHECK_STR("{\"batchItemFailures\":[{\"itemIdentifier\":{\"partition\":\"order-events-1\","
              "\"offset\":9}}]}",
              ecom_str_of(out));
    ecom_buf_free(&a), ecom_buf_free(&b), ecom_buf_free(&all);
}

static void a_kafka_batch_that_cannot_be_reported_on_is_an_error(void)
{
    static const char *const bad[] = {
        "{\"partition\":0,\"offset\":1}",
        "{\"topic\":\"t\",\"offset\":1}",
        "{\"topic\":\"t\",\"partition\":-1,\"offset\":1}",
        "{\"topic\":\"t\",\"partition\":0,\"offset\":\"1\"}",
        "17",
    };
    struct seen seen;
    ecom_error e;
    ecom_buf all = {0};
    char out[256];

    seen_init(&seen);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK_CODE(ECOM_E_INVAL, invoke(&seen, kafka(&all, bad[i], ""), out, sizeof(out), &e), e);
    ecom_buf_free(&all);
}

#define SQS(id_, body_)                                                                         \
    "{\"messageId\":\"" id_ "\",\"eventSource\":\"aws:sqs\",\"body\":" body_                    \
    ",\"attributes\":{\"ApproximateReceiveCount\":\"3\",\"MessageGroupId\":\"g\"},"             \
    "\"messageAttributes\":{\"x-correlation-id\":{\"dataType\":\"String\",\"stringValue\":\"c-" \
    "1\"}}}"
#define QUOTED(id_)                                                                          \
    "\"{\\\"type\\\":\\\"ORDER_CREATED\\\",\\\"id\\\":\\\"e\\\",\\\"time\\\":"               \
    "\\\"2026-01-01T00:00:00Z\\\",\\\"orderId\\\":\\\"" id_ "\\\",\\\"userId\\\":\\\"u\\\"," \
    "\\\"amount\\\":1,\\\"currency\\\":\\\"USD\\\"}\""

static void an_sqs_batch_reports_its_failures_by_message(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

    seen_init(&seen);
    CHECK_CODE(ECOM_OK,
               invoke(&seen,
                      "{\"Records\":[" SQS("m1", "\"junk\"") "," SQS("m2", QUOTED("o2")) "]}", out,
                      sizeof(out), &e),
               e);
    CHECK_STR("{\"batchItemFailures\":[{\"itemIdentifier\":\"m1\"}]}", ecom_str_of(out));
    CHECK_STR("o2 ", ecom_str_of(seen.orders));
    CHECK_STR("c-1", ecom_str_of(seen.correlation));
    CHECK_STR("g", ecom_str_of(seen.key));
    CHECK_U64(3, seen.attempt);
}

static void sns_comes_by_itself_or_within_sqs(void)
{
    struct seen seen;
    ecom_error e;
    char out[1024];

#define SNS(body_)                                                                               \
    "{\"Records\":[{\"EventSource\":\"aws:sns\",\"Sns\":{\"MessageId\":\"m\",\"Message\":" body_ \
    ",\"MessageAttributes\":{\"x-correlation-id\":{\"Type\":\"String\",\"Value\":\"c-2\"}}}}]}"
    seen_init(&seen);
    CHECK_CODE(ECOM_OK, invoke(&seen, SNS(QUOTED("o3")), out, sizeof(out), &e), e);
    CHECK_STR("", ecom_str_of(out));
    CHECK_STR("o3 ", ecom_str_of(seen.orders));
    CHECK_STR("c-2", ecom_str_of(seen.correlation));
    CHECK_CODE(ECOM_E_INVAL, invoke(&seen, SNS("\"junk\""), out, sizeof(out), &e), e);
    CHECK_CODE(ECOM_OK,
               invoke(&seen,
                      "{\"Records\":[" SQS("m1", "\"{\\\"Type\\\":\\\"Notification\\\","
                                                 "\\\"TopicArn\\\":\\\"t\\\",\\\"Message\\\":"
                                                 "\\\"{}\\\"}\"") "]}",
                      out, sizeof(out), &e),
               e);
    CHECK(strstr(out, "m1"), "an empty event inside was taken");
}

static void base64_is_read_as_encoders_write_it(void)
{
    static const struct {
        const char *in, *out;
    } good[] = {{"", ""}, {"YQ==", "a"}, {"YWI=", "ab"}, {"YWJj", "abc"}, {"YWJjZA==", "abcd"}};
    static const char *const bad[] = {
        "YQ", "YQ=", "YR==", "YWJ=====", "Y===", "====", "YQ==YQ==", "YW J", "YWJ-", "YWI\n"};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_error e;
    ecom_str out;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_CODE(ECOM_OK, ecom__lambda_base64(ecom_str_of(good[i].in), arena, &out, &e), e);
        CHECK_STR(good[i].out, out);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ecom__lambda_base64(ecom_str_of(bad[i]), arena, &out, &e) == ECOM_E_INVAL, "took %s",
              bad[i]);
    ecom_arena_free(arena);
}

static void without_memory_an_invocation_fails_or_its_events_do_and_nothing_leaks(void)
{
    struct seen seen;
    ecom_error e;
    ecom_buf a = {0}, all = {0};
    char out[1024];

    kafka(&all, record(&a, 0, 7, "o1", ORDER("o1")), "");
    for (uint64_t n = 1;; n++) {
        seen_init(&seen);
        check_alloc_fail_at(n);
        int r = invoke(&seen, all.p, out, sizeof(out), &e);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "allocation %" PRIu64 ": %s", n, check_code(r));
        CHECK(r < 0 || !reached || strstr(out, "\"offset\":7}") || seen.orders[0],
              "allocation %" PRIu64 ": lost", n);
        if (!reached)
            break;
    }
    ecom_buf_free(&a), ecom_buf_free(&all);
}

static const struct check_case cases[] = {
    CASE(one_event_gives_its_result),
    CASE(what_an_invoker_tells_beside_an_event_counts_as_its_headers),
    CASE(one_event_that_fails_fails_the_invocation),
    CASE(an_ignored_type_gives_nothing),
    CASE(an_array_gives_an_array_with_the_poison_in_its_place),
    CASE(an_array_has_at_most_1000_events),
    CASE(a_kafka_batch_is_handled_across_partitions),
    CASE(poison_in_a_kafka_batch_is_reported_alone),
    CASE(an_event_does_not_overtake_a_failed_one_of_its_key),
    CASE(what_could_not_be_settled_has_failed),
    CASE(what_there_is_no_time_for_is_left_to_the_next_invocation),
    CASE(a_kafka_batch_that_cannot_be_reported_on_is_an_error),
    CASE(an_sqs_batch_reports_its_failures_by_message),
    CASE(sns_comes_by_itself_or_within_sqs),
    CASE(base64_is_read_as_encoders_write_it),
    CASE(without_memory_an_invocation_fails_or_its_events_do_and_nothing_leaks),
};

CHECK_MAIN("lambda_events", cases)
