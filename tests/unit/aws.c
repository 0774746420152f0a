/* The client of AWS Lambda against an AWS that is a script, with a clock that we move. */
#include <stdlib.h>
#include <unistd.h>

#include "aws/chain.h"
#include "aws/ini.h"
#include "aws/invoke.h"
#include "aws/name.h"
#include "check.h"

enum { MAX_CALLS = 32 };

/* Answers the n-th call with the n-th text: "200 Name: value|body"; "timeout", "dead", "stopped".
 */
struct script {
    struct check_world world;
    const char *const *answers; /* ends with NULL */
    size_t at, stops, closed;
    char asked[MAX_CALLS][160], headers[MAX_CALLS][2048], body[MAX_CALLS][64];
    int64_t waits[MAX_CALLS];
    size_t nwaits;
};

static int answer(struct aws_response *out, const char *text, ecom_error *err)
{
    const char *head = text + strcspn(text, " |"), *bar = strchr(text, '|');
    size_t n = bar && *head == ' ' ? (size_t)(bar - head - 1) : 0;

    out->status = atoi(text);
    if (ecom_buf_append(&out->head, S("HTTP/1.1 200 OK\r\n")) < 0 ||
        ecom_buf_append(&out->head, (ecom_str){head + 1, n}) < 0 ||
        ecom_buf_append(&out->head, S("\r\n\r\n")) < 0 ||
        ecom_buf_append(&out->body, ecom_str_of(bar ? bar + 1 : "")) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return ECOM_OK;
}

static int script_call(void *self, const struct aws_request *request, struct aws_response *out,
                       ecom_error *err)
{
    struct script *s = self;
    const char *text = s->answers[s->at];
    size_t k = 0, at = s->at;

    if (!text || at == MAX_CALLS)
        return ecom_fail(err, ECOM_E_CLOSED, "the script has ended");
    s->at++;
    snprintf(s->asked[at], sizeof(s->asked[at]), "%s %s", request->method, request->url);
    snprintf(s->body[at], sizeof(s->body[at]), "%.*s", (int)request->body.n, request->body.p);
    for (size_t i = 0; i < request->nheaders && k < sizeof(s->headers[at]); i++)
        k += (size_t)snprintf(s->headers[at] + k, sizeof(s->headers[at]) - k, "%.*s: %.*s\n",
                              (int)request->headers[i].name.n, request->headers[i].name.p,
                              (int)request->headers[i].value.n, request->headers[i].value.p);
    if (strcmp(text, "timeout") == 0)
        return ecom_fail(err, ECOM_E_TIMEOUT, "it took too long");
    if (strcmp(text, "dead") == 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "nobody is there");
    if (strcmp(text, "stopped") == 0)
        return ecom_fail(err, ECOM_E_CLOSED, "stopped");
    return answer(out, text, err);
}

static void script_wait(void *self, int32_t ms)
{
    struct script *s = self;

    if (s->nwaits < MAX_CALLS)
        s->waits[s->nwaits++] = ms;
    check_world_move_ms(&s->world, ms);
}

static void script_stop(void *self)
{
    ((struct script *)self)->stops++;
}

static void script_close(void *self)
{
    ((struct script *)self)->closed++;
}

static const struct aws_transport script_transport = {
    script_call,
    script_wait,
    script_stop,
    script_close,
};

static void script_init(struct script *s, const char *const *answers)
{
    memset(s, 0, sizeof(*s));
    check_world_init(&s->world, 7);
    s->world.us = INT64_C(1440938160000000); /* 2015-08-30T12:36:00Z */
    s->answers = answers;
}

static ecom_aws_options options_of(struct script *s)
{
    return (ecom_aws_options){.size = sizeof(ecom_aws_options),
                              .env = &s->world.env,
                              .region = "eu-central-1",
                              .access_key_id = "AKIDEXAMPLE",
                              .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
}

/* One invocation of "pay" over a script. */
static int run(struct script *s, const ecom_aws_options *opts, const ecom_aws_invocation *call,
               ecom_arena *arena, ecom_aws_answer *out, ecom_error *err)
{
    const ecom_aws_invocation plain = {
        .size = sizeof(plain), .function = "pay", .payload = S("{}")};
    ecom_aws *aws = NULL;
    int r = ecom__aws_new(opts, &script_transport, s, &aws, err);

    if (r < 0)
        return r;
    r = ecom_aws_invoke(aws, call ? call : &plain, arena, out, err);
    ecom_aws_free(aws);
    return r;
}

static void expect(const char *const *answers, int code, const char *text, size_t calls)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out = {0};
    ecom_error e = {0};

    script_init(&s, answers);
    const ecom_aws_options opts = options_of(&s);
    CHECK_CODE(code, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK_TEXT(text, e);
    CHECK_U64(calls, s.at);
    CHECK_U64(calls - 1, s.nwaits);
    CHECK_U64(1, s.closed);
    ecom_arena_free(arena);
}
#define EXPECT(code_, text_, calls_, ...) \
    expect((const char *const[]){__VA_ARGS__, NULL}, code_, text_, calls_)

static void names_are_read_as_aws_has_them(void)
{
    static const struct {
        const char *text, *name, *qualifier, *region;
    } good[] = {
        {"pay", "pay", "", ""},
        {"pay_2-x:live", "pay_2-x", "live", ""},
        {"pay:$LATEST", "pay", "$LATEST", ""},
        {"123456789012:function:pay", "123456789012:function:pay", "", ""},
        {"123456789012:function:pay:7", "123456789012:function:pay", "7", ""},
        {"arn:aws:lambda:eu-west-1:123456789012:function:pay:prod",
         "arn:aws:lambda:eu-west-1:123456789012:function:pay", "prod", "eu-west-1"},
        {"arn:aws-cn:lambda:cn-north-1:123456789012:function:pay",
         "arn:aws-cn:lambda:cn-north-1:123456789012:function:pay", "", "cn-north-1"},
    };
    static const char *const bad[] = {
        "",
        "pay/../x",
        "pay me",
        "pay:",
        ":live",
        "pay:$OTHER",
        "pay:a:b",
        "12345678901:function:pay",
        "123456789012:funktion:pay",
        "arn:aws:s3:eu-west-1:123456789012:function:pay",
        "arn:aws:lambda::123456789012:function:pay",
        "arn:aws:lambda:eu-west-1:123456789012:function:pay:a:b",
        "01234567890123456789012345678901234567890123456789012345678901234", /* 65 */
    };
    struct aws_function f;
    ecom_error e;

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_CODE(ECOM_OK, ecom__aws_function_parse(good[i].text, &f, &e), e);
        CHECK_STR(good[i].name, f.name);
        CHECK_STR(good[i].qualifier, f.qualifier);
        CHECK_STR(good[i].region, f.region);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ecom__aws_function_parse(bad[i], &f, &e) == ECOM_E_INVAL, "%s was taken", bad[i]);
    CHECK_CODE(ECOM_E_INVAL, ecom__aws_function_parse(NULL, &f, &e), e);
    CHECK_STR("function", ecom_str_of(e.field));
}

static void endpoints_have_a_host_and_no_path(void)
{
    static const char *const bad[] = {"127.0.0.1:9001", "ftp://x",    "http://",
                                      "http://a/b",     "http://a@b", "https://a?x"};
    struct aws_endpoint endpoint;

    CHECK_I64(ECOM_OK, ecom__aws_endpoint_parse("http://127.0.0.1:9001/", &endpoint, NULL));
    CHECK_STR("http://127.0.0.1:9001", ecom_str_of(endpoint.base));
    CHECK_STR("127.0.0.1:9001", ecom_str_of(endpoint.host));
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ecom__aws_endpoint_parse(bad[i], &endpoint, NULL) < 0, "%s was taken", bad[i]);
    ecom__aws_endpoint_of(S("cn-north-1"), &endpoint);
    CHECK_STR("https://lambda.cn-north-1.amazonaws.com.cn", ecom_str_of(endpoint.base));
}

/* "get-vanilla" of the test suite that AWS published for Signature Version 4. */
static void a_signature_is_that_of_the_published_example(void)
{
    const ecom_header headers[] = {
        {S("host"), S("example.amazonaws.com")},
        {S("x-amz-date"), S("20150830T123600Z")},
    };
    const struct aws_credentials who = {
        S("AKIDEXAMPLE"), S("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"), {NULL, 0}};
    struct aws_signing signing = {.method = "GET",
                                  .path = "/",
                                  .query = "",
                                  .headers = headers,
                                  .nheaders = 2,
                                  .region = S("us-east-1"),
                                  .service = "service"};
    ecom_buf out = {0};

    ecom__aws_time(INT64_C(1440938160000), signing.time);
    CHECK_STR("20150830T123600Z", ecom_str_of(signing.time));
    CHECK_I64(ECOM_OK, ecom__aws_sign(&signing, &who, &out));
    CHECK_STR("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
              "SignedHeaders=host;x-amz-date, "
              "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31",
              ecom_buf_str(&out));
    ecom_buf_free(&out);
}

static void an_invocation_goes_where_its_name_says(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};
    ecom_aws_invocation call = {.size = sizeof(call),
                                .function =
                                    "arn:aws:lambda:us-east-1:123456789012:function:pay:$LATEST",
                                .payload = S("{\"a\":1}"),
                                .correlation_id = S("c-1"),
                                .log_tail = 1};

    script_init(&s, (const char *const[]){"200 x-amzn-RequestId: r-1\r\nX-Amz-Executed-Version: "
                                          "7\r\nX-Amz-Log-Result: aGVsbG8=|{\"b\":2}",
                                          NULL});
    ecom_aws_options opts = options_of(&s);
    opts.session_token = "TOKEN";
    CHECK_CODE(ECOM_OK, run(&s, &opts, &call, arena, &out, &e), e);
    CHECK_STR("POST https://lambda.us-east-1.amazonaws.com/2015-03-31/functions/"
              "arn%3Aaws%3Alambda%3Aus-east-1%3A123456789012%3Afunction%3Apay/invocations"
              "?Qualifier=%24LATEST",
              ecom_str_of(s.asked[0]));
    CHECK_STR("{\"a\":1}", ecom_str_of(s.body[0]));
    CHECK(strstr(s.headers[0], "x-amz-client-context: "
                               "eyJjdXN0b20iOnsieC1jb3JyZWxhdGlvbi1pZCI6ImMtMSJ9fQ==\n"),
          "%s", s.headers[0]);
    CHECK(strstr(s.headers[0], "x-amz-invocation-type: RequestResponse\n"), "%s", s.headers[0]);
    CHECK(strstr(s.headers[0], "x-amz-log-type: Tail\n"), "%s", s.headers[0]);
    CHECK(strstr(s.headers[0], "x-amz-security-token: TOKEN\n"), "%s", s.headers[0]);
    CHECK(strstr(s.headers[0], "/us-east-1/lambda/aws4_request, SignedHeaders=content-type;host;"
                               "x-amz-client-context;x-amz-date;x-amz-invocation-type;"
                               "x-amz-log-type;x-amz-security-token, Signature="),
          "%s", s.headers[0]);
    CHECK_STR("{\"b\":2}", out.payload);
    CHECK_STR("hello", out.log_tail);
    CHECK_STR("r-1", out.request_id);
    CHECK_STR("7", out.version);
    CHECK_I64(200, out.status);
    CHECK_I64(1, out.tries);
    ecom_arena_free(arena);
}

static void a_failed_function_is_not_a_failed_call(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out = {0};
    ecom_error e = {0};

    script_init(&s, (const char *const[]){"200 X-Amz-Function-Error: Unhandled|{\"errorType\":"
                                          "\"INVAL\",\"errorMessage\":\"amount: is missing\"}",
                                          NULL});
    const ecom_aws_options opts = options_of(&s);
    CHECK_CODE(ECOM_E_BACKEND, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK_TEXT("the function failed (Unhandled): INVAL: amount: is missing", e);
    CHECK_STR("INVAL", out.error_type);
    CHECK_STR("amount: is missing", out.error_message);
    CHECK_U64(1, s.at);
    ecom_arena_free(arena);
}

static void what_may_go_better_is_tried_again(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out = {0};
    ecom_error e = {0};

    script_init(&s, (const char *const[]){"429 x: y|{}", "timeout", "500|", "502|", "503|", "504|",
                                          "dead", "200|null", NULL});
    ecom_aws_options opts = options_of(&s);
    opts.max_tries = 8;
    CHECK_CODE(ECOM_OK, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK_I64(8, out.tries);
    CHECK_U64(7, s.nwaits);
    for (size_t i = 0; i < s.nwaits; i++) {
        int64_t full = 100 << i > 5000 ? 5000 : 100 << i;
        CHECK(s.waits[i] >= full / 2 && s.waits[i] <= full, "wait %zu: %" PRId64 " ms", i,
              s.waits[i]);
    }
    ecom_arena_free(arena);
}

static void what_will_not_go_better_is_told_at_once(void)
{
    EXPECT(ECOM_E_FORBIDDEN, "403 AccessDeniedException: no", 1,
           "403 x-amzn-ErrorType: AccessDeniedException:http://x|{\"Message\":\"no\\nsecret\"}");
    EXPECT(ECOM_E_NOTFOUND, "404 ResourceNotFoundException", 1,
           "404 x-amzn-ErrorType: ResourceNotFoundException|{}");
    EXPECT(ECOM_E_INVAL, "400", 1, "400|<html>");
    EXPECT(ECOM_E_TOOLARGE, "413", 1, "413|");
    EXPECT(ECOM_E_CONFLICT, "409", 1, "409|");
    EXPECT(ECOM_E_UNAVAILABLE, "301", 1, "301|");
    EXPECT(ECOM_E_UNAVAILABLE, "202", 1, "202|"); /* an answer to something else */
    EXPECT(ECOM_E_CLOSED, "stopped", 1, "stopped");
}

static void tries_have_an_end(void)
{
    EXPECT(ECOM_E_RATE, "429", 3, "429|", "429|", "429|", "200|");
    EXPECT(ECOM_E_TIMEOUT, "too long", 3, "timeout", "timeout", "timeout", "200|");
    EXPECT(ECOM_E_UNAVAILABLE, "503", 3, "503|", "503|", "503|", "200|");
}

static void retry_after_is_respected_within_reason(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){"429 Retry-After: 3|", "200|", NULL});
    ecom_aws_options opts = options_of(&s);
    CHECK_CODE(ECOM_OK, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK(s.waits[0] >= 3000 && s.waits[0] <= 3100, "%" PRId64 " ms", s.waits[0]);

    script_init(&s, (const char *const[]){"429 Retry-After: 21|", "200|", NULL});
    opts = options_of(&s);
    CHECK_CODE(ECOM_E_RATE, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK_I64(21000, e.retry_after_ms);
    CHECK_U64(0, s.nwaits);

    script_init(
        &s, (const char *const[]){"503 Retry-After: Sun, 06 Nov 1994 08:49:37 GMT|", "200|", NULL});
    opts = options_of(&s);
    CHECK_CODE(ECOM_OK, run(&s, &opts, NULL, arena, &out, &e), e);
    ecom_arena_free(arena);
}

static void an_event_is_done_when_aws_has_it(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};
    ecom_aws_invocation call = {.size = sizeof(call), .function = "pay", .mode = ECOM_AWS_EVENT};

    script_init(&s, (const char *const[]){"202|", NULL});
    ecom_aws_options opts = options_of(&s);
    CHECK_CODE(ECOM_OK, run(&s, &opts, &call, arena, &out, &e), e);
    CHECK(strstr(s.headers[0], "x-amz-invocation-type: Event\n"), "%s", s.headers[0]);

    script_init(&s, (const char *const[]){"200|", NULL});
    opts = options_of(&s);
    CHECK_CODE(ECOM_E_UNAVAILABLE, run(&s, &opts, &call, arena, &out, &e), e);
    ecom_arena_free(arena);
}

static void what_is_too_large_or_wrong_is_not_sent(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};
    char *large = calloc(1, ECOM_AWS_MAX_PAYLOAD + 1);
    ecom_aws_invocation call = {.size = sizeof(call), .function = "pay"};

    script_init(&s, (const char *const[]){"200|", NULL});
    ecom_aws_options opts = options_of(&s);
    CHECK(large, "no memory");
    call.payload = (ecom_str){large, ECOM_AWS_MAX_PAYLOAD + 1};
    CHECK_CODE(ECOM_E_TOOLARGE, run(&s, &opts, &call, arena, &out, &e), e);
    call.payload.n = ECOM_AWS_MAX_ASYNC_PAYLOAD + 1;
    call.mode = ECOM_AWS_EVENT;
    CHECK_CODE(ECOM_E_TOOLARGE, run(&s, &opts, &call, arena, &out, &e), e);
    free(large);
    call.payload.n = 0;
    call.mode = 3;
    CHECK_CODE(ECOM_E_INVAL, run(&s, &opts, &call, arena, &out, &e), e);
    call.mode = 0;
    call.correlation_id = (ecom_str){s.asked[0], 129};
    CHECK_CODE(ECOM_E_TOOLARGE, run(&s, &opts, &call, arena, &out, &e), e);
    call.correlation_id.n = 0;
    call.function = "no such name";
    CHECK_CODE(ECOM_E_INVAL, run(&s, &opts, &call, arena, &out, &e), e);
    opts.region = NULL;
    call.function = "pay";
    CHECK_CODE(ECOM_E_INVAL, run(&s, &opts, &call, arena, &out, &e), e);
    CHECK_STR("region", ecom_str_of(e.field));
    CHECK_U64(0, s.at);
    ecom_arena_free(arena);
}

static void wrong_options_are_told_by_name(void)
{
    struct script s;
    ecom_aws *aws = NULL;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){NULL});
#define WRONG(field_, name_, ...)                                                        \
    do {                                                                                 \
        ecom_aws_options o = options_of(&s);                                             \
        o.field_ = __VA_ARGS__;                                                          \
        CHECK_CODE(ECOM_E_INVAL, ecom__aws_new(&o, &script_transport, &s, &aws, &e), e); \
        CHECK_STR(name_, ecom_str_of(e.field));                                          \
    } while (0)
    WRONG(region, "region", "eu central");
    WRONG(endpoint, "endpoint", "localhost");
    WRONG(metadata_endpoint, "metadata_endpoint", "nowhere");
    WRONG(container_full_uri, "container_full_uri", "http://example.com/");
    WRONG(secret_access_key, "secret_access_key", "two words");
    WRONG(access_key_id, "access_key_id", NULL);
    WRONG(concurrency, "concurrency", 1025);
    WRONG(max_tries, "max_tries", 11);
    WRONG(timeout_ms, "timeout_ms", 1000001);
#undef WRONG
    CHECK(!strstr(e.text, "wJalr"), "%s", e.text);
    CHECK_U64(0, s.closed);
}

#define KEYS(id_, end_)                                                                     \
    "200|{\"Code\":\"Success\",\"AccessKeyId\":\"" id_ "\",\"SecretAccessKey\":\"s3cr3t\"," \
    "\"Token\":\"T-" id_ "\",\"Expiration\":\"2015-08-30T" end_ "Z\"}"

/* Options without keys, so that an agent is asked. */
static ecom_aws_options keyless(struct script *s)
{
    ecom_aws_options o = options_of(s);

    o.access_key_id = o.secret_access_key = NULL;
    return o;
}

static void a_containers_credentials_are_refreshed_before_their_end(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_aws_invocation call = {.size = sizeof(call), .function = "pay"};
    ecom_aws *aws = NULL;
    ecom_aws_answer out;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){KEYS("ONE", "13:36:00"), "200|", "200|",
                                          KEYS("TWO", "14:36:00"), "200|", NULL});
    ecom_aws_options opts = keyless(&s);
    opts.container_relative_uri = "/creds?id=1";
    opts.container_token = "Basic abc";
    CHECK_CODE(ECOM_OK, ecom__aws_new(&opts, &script_transport, &s, &aws, &e), e);
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    CHECK_STR("GET http://169.254.170.2/creds?id=1", ecom_str_of(s.asked[0]));
    CHECK_STR("Authorization: Basic abc\n", ecom_str_of(s.headers[0]));
    CHECK(strstr(s.headers[1], "Credential=ONE/20150830/"), "%s", s.headers[1]);
    CHECK(strstr(s.headers[1], "x-amz-security-token: T-ONE\n"), "%s", s.headers[1]);
    check_world_move_ms(&s.world, 54 * 60000);
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    check_world_move_ms(&s.world, 60000); /* five minutes are left */
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    CHECK(strstr(s.headers[4], "Credential=TWO/"), "%s", s.headers[4]);
    ecom_aws_free(aws);
    ecom_arena_free(arena);
}

static void credentials_that_hold_outlive_a_failed_refresh(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_aws_invocation call = {.size = sizeof(call), .function = "pay"};
    ecom_aws *aws = NULL;
    ecom_aws_answer out;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){KEYS("ONE", "13:36:00"), "200|", "dead", "dead", "dead",
                                          "200|", "200|", "dead", "dead", "500|", NULL});
    ecom_aws_options opts = keyless(&s);
    opts.container_full_uri = "http://localhost:1234/creds";
    CHECK_CODE(ECOM_OK, ecom__aws_new(&opts, &script_transport, &s, &aws, &e), e);
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    check_world_move_ms(&s.world, 56 * 60000);
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    CHECK_CODE(ECOM_OK, ecom_aws_invoke(aws, &call, arena, &out, &e), e); /* does not ask again */
    CHECK_U64(7, s.at);
    check_world_move_ms(&s.world, 5 * 60000);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    CHECK_TEXT("answered with 500", e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_aws_invoke(aws, &call, arena, &out, &e), e);
    CHECK_U64(10, s.at); /* for a second, the failure is shared */
    ecom_aws_free(aws);
    ecom_arena_free(arena);
}

static void a_machines_credentials_come_by_a_token(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){"200|tok", "200|role-x\n", KEYS("ONE", "13:36:00"),
                                          "200|", NULL});
    ecom_aws_options opts = keyless(&s);
    opts.metadata_endpoint = "http://127.0.0.1:99/";
    CHECK_CODE(ECOM_OK, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK_STR("PUT http://127.0.0.1:99/latest/api/token", ecom_str_of(s.asked[0]));
    CHECK_STR("X-aws-ec2-metadata-token-ttl-seconds: 21600\n", ecom_str_of(s.headers[0]));
    CHECK_STR("GET http://127.0.0.1:99/latest/meta-data/iam/security-credentials/role-x",
              ecom_str_of(s.asked[2]));
    CHECK_STR("X-aws-ec2-metadata-token: tok\n", ecom_str_of(s.headers[2]));

    script_init(&s, (const char *const[]){"200|tok", "404|", NULL});
    opts = keyless(&s);
    CHECK_CODE(ECOM_E_UNAVAILABLE, run(&s, &opts, NULL, arena, &out, &e), e);
    script_init(&s, (const char *const[]){NULL});
    opts = keyless(&s);
    opts.metadata_disabled = 1;
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, run(&s, &opts, NULL, arena, &out, &e), e);
    ecom_arena_free(arena);
}

static void a_token_that_aws_calls_expired_is_replaced_once(void)
{
    struct script s;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_answer out;
    ecom_error e = {0};
    const char expired[] = "403 x-amzn-ErrorType: ExpiredTokenException|{}";

    script_init(&s, (const char *const[]){KEYS("ONE", "13:36:00"), expired, KEYS("TWO", "13:40:00"),
                                          "200|", NULL});
    ecom_aws_options opts = keyless(&s);
    opts.container_relative_uri = "creds";
    CHECK_CODE(ECOM_OK, run(&s, &opts, NULL, arena, &out, &e), e);
    CHECK(strstr(s.headers[3], "Credential=TWO/"), "%s", s.headers[3]);
    script_init(&s, (const char *const[]){KEYS("ONE", "13:36:00"), expired, KEYS("TWO", "13:40:00"),
                                          expired, NULL});
    opts.env = &s.world.env;
    CHECK_CODE(ECOM_E_FORBIDDEN, run(&s, &opts, NULL, arena, &out, &e), e);
    ecom_arena_free(arena);
}

/* Writes a profile's file, runs one invocation. */
static int with_profile(const char *text, const char *profile, int as_config, struct script *s,
                        ecom_error *err)
{
    char path[] = "/tmp/ecom-aws-XXXXXX";
    int fd = mkstemp(path);
    ecom_arena *arena = ecom_arena_new(0);
    ecom_aws_options opts;
    ecom_aws_answer out;

    script_init(s, (const char *const[]){"200|", NULL});
    opts = keyless(s);
    opts.region = NULL;
    opts.metadata_disabled = 1;
    opts.profile = profile;
    opts.config_file = as_config ? path : "/nowhere/config";
    opts.credentials_file = as_config ? "/nowhere/credentials" : path;
    if (!as_config)
        opts.region = "eu-central-1";
    int r = fd < 0 || write(fd, text, strlen(text)) != (ssize_t)strlen(text)
                ? ECOM_E_UNAVAILABLE
                : run(s, &opts, NULL, arena, &out, err);
    close(fd);
    unlink(path);
    ecom_arena_free(arena);
    return r;
}

static void profiles_are_read_as_awss_clients_read_them(void)
{
    struct script s;
    ecom_error e = {0};

    CHECK_CODE(ECOM_OK,
               with_profile("# mine\r\n[default]\r\naws_access_key_id = AKD ; old\r\n"
                            "aws_secret_access_key=s/e+c\r\n\r\n[x]\naws_access_key_id=NO\n",
                            NULL, 0, &s, &e),
               e);
    CHECK(strstr(s.headers[0], "Credential=AKD/"), "%s", s.headers[0]);
    CHECK_CODE(ECOM_OK,
               with_profile("[profile dev]\nregion = us-west-2\ns3 =\n  x = y\n"
                            "aws_access_key_id=AKX\naws_secret_access_key=s\n"
                            "aws_session_token=TT\n[dev]\nregion=wrong place\n",
                            "dev", 1, &s, &e),
               e);
    CHECK(strstr(s.asked[0], "https://lambda.us-west-2.amazonaws.com/"), "%s", s.asked[0]);
    CHECK(strstr(s.headers[0], "x-amz-security-token: TT\n"), "%s", s.headers[0]);
}

static void profiles_that_cannot_be_used_say_why(void)
{
    static const char *const not_done[] = {"role_arn", "sso_session", "sso_start_url",
                                           "credential_process", "web_identity_token_file"};
    struct script s;
    ecom_error e = {0};

    CHECK_CODE(ECOM_E_NOTFOUND, with_profile("[a]\nregion=x\n", "b", 0, &s, &e), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, with_profile("[a]\nregion=x\n", NULL, 0, &s, &e), e);
    for (size_t i = 0; i < sizeof(not_done) / sizeof(not_done[0]); i++) {
        char text[64], want[64];
        snprintf(text, sizeof(text), "[a]\n%s=x\n", not_done[i]);
        snprintf(want, sizeof(want), "%s is not supported", not_done[i]);
        CHECK_CODE(ECOM_E_NOTSUP, with_profile(text, "a", 0, &s, &e), e);
        CHECK_TEXT(want, e);
    }
    CHECK_CODE(ECOM_E_INVAL, with_profile("[a]\naws_access_key_id=x\n", "a", 0, &s, &e), e);
    CHECK_CODE(ECOM_E_INVAL, with_profile("[a]\nnonsense\n", "a", 0, &s, &e), e);
    CHECK_TEXT("line 2: neither [section] nor name = value", e);
    CHECK_CODE(ECOM_E_INVAL, with_profile("[a\n", "a", 0, &s, &e), e);
}

static void an_agents_nonsense_is_no_credentials(void)
{
    static const char *const nonsense[] = {
        "",
        "null",
        "[]",
        "{}",
        "{\"AccessKeyId\":\"A\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"a b\"}",
        "{\"AccessKeyId\":\"A\\r\\nX: y\",\"SecretAccessKey\":\"s\"}",
        "{\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\",\"Expiration\":\"soon\"}",
        "{\"Code\":\"Failed\",\"AccessKeyId\":\"A\",\"SecretAccessKey\":\"s\"}",
    };
    struct aws_credentials c;
    int64_t expires = 0;
    ecom_error e = {0};

    for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++) {
        ecom_arena *arena = ecom_arena_new(0);
        CHECK_CODE(ECOM_E_UNAVAILABLE,
                   ecom__aws_credentials_read(ecom_str_of(nonsense[i]), arena, &c, &expires, &e),
                   e);
        ecom_arena_free(arena);
    }
}

static void credentials_are_only_asked_for_where_that_is_safe(void)
{
    static const char *const good[] = {"https://example.com/x", "http://127.0.0.1:1/x",
                                       "http://localhost/", "http://[fd00:ec2::23]/v1",
                                       "http://169.254.170.23/v1/credentials"};
    static const char *const bad[] = {"http://example.com/",
                                      "http://127.0.0.1.example.com/",
                                      "http://localhost@example.com/",
                                      "file:///etc/passwd",
                                      "https://",
                                      "http://127.0.0.1\\@x/",
                                      "http://127.0.0.1/ x"};

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        CHECK(ecom__aws_container_uri_valid(good[i]), "%s", good[i]);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(!ecom__aws_container_uri_valid(bad[i]), "%s", bad[i]);
}

static void out_of_memory_is_told_and_nothing_is_lost(void)
{
    struct script s;
    ecom_aws_answer out;
    ecom_error e = {0};
    const ecom_aws_invocation call = {.size = sizeof(call),
                                      .function = "pay:live",
                                      .payload = S("{}"),
                                      .correlation_id = S("c"),
                                      .log_tail = 1};
    const char *const answers[] = {KEYS("ONE", "13:36:00"),
                                   "200 X-Amz-Log-Result: aGVsbG8=|{\"b\":2}", NULL};

    for (uint64_t n = 1;; n++) {
        ecom_arena *arena = ecom_arena_new(0);
        script_init(&s, answers);
        ecom_aws_options opts = keyless(&s);
        opts.container_relative_uri = "creds";
        check_alloc_fail_at(n);
        int r = run(&s, &opts, &call, arena, &out, &e);
        int reached = check_alloc_failed();
        check_alloc_fail_at(0);
        ecom_arena_free(arena);
        if (!reached) {
            CHECK_CODE(ECOM_OK, r, e);
            CHECK(n > 20, "only %" PRIu64 " allocations", n);
            return;
        }
        CHECK_CODE(ECOM_E_NOMEM, r, e);
    }
}

static void a_stop_reaches_the_transport(void)
{
    struct script s;
    ecom_aws *aws = NULL;
    ecom_error e = {0};

    script_init(&s, (const char *const[]){NULL});
    const ecom_aws_options opts = options_of(&s);
    CHECK_CODE(ECOM_OK, ecom__aws_new(&opts, &script_transport, &s, &aws, &e), e);
    ecom_aws_stop(aws);
    CHECK_U64(1, s.stops);
    ecom_aws_free(aws);
    ecom_aws_free(NULL);
}

static const struct check_case cases[] = {
    CASE(names_are_read_as_aws_has_them),
    CASE(endpoints_have_a_host_and_no_path),
    CASE(a_signature_is_that_of_the_published_example),
    CASE(an_invocation_goes_where_its_name_says),
    CASE(a_failed_function_is_not_a_failed_call),
    CASE(what_may_go_better_is_tried_again),
    CASE(what_will_not_go_better_is_told_at_once),
    CASE(tries_have_an_end),
    CASE(retry_after_is_respected_within_reason),
    CASE(an_event_is_done_when_aws_has_it),
    CASE(what_is_too_large_or_wrong_is_not_sent),
    CASE(wrong_options_are_told_by_name),
    CASE(a_containers_credentials_are_refreshed_before_their_end),
    CASE(credentials_that_hold_outlive_a_failed_refresh),
    CASE(a_machines_credentials_come_by_a_token),
    CASE(a_token_that_aws_calls_expired_is_replaced_once),
    CASE(profiles_are_read_as_awss_clients_read_them),
    CASE(profiles_that_cannot_be_used_say_why),
    CASE(an_agents_nonsense_is_no_credentials),
    CASE(credentials_are_only_asked_for_where_that_is_safe),
    CASE(out_of_memory_is_told_and_nothing_is_lost),
    CASE(a_stop_reaches_the_transport),
};
CHECK_MAIN("aws", cases)
