/* GraphQL over HTTP: types of requests and answers, GET and POST, batches, statuses. */
#include "check.h"
#include "ecom/subscribe.h"
#include "graphql_world.h"

#include <string.h>

#define JSON_TYPE "application/json; charset=utf-8"
#define MODERN_TYPE "application/graphql-response+json; charset=utf-8"
#define MODERN "application/graphql-response+json"

static ecom_str opt(const char *s)
{
    return s ? ecom_str_of(s) : (ecom_str){NULL, 0};
}

static ecom_graphql_http post(const char *accept, const char *body)
{
    return (ecom_graphql_http){
        .size = sizeof(ecom_graphql_http),
        .method = ecom_str_of("POST"),
        .content_type = ecom_str_of("application/json"),
        .accept = opt(accept),
        .body = opt(body),
    };
}

static ecom_graphql_http get(const char *query)
{
    return (ecom_graphql_http){
        .size = sizeof(ecom_graphql_http), .method = ecom_str_of("GET"), .query = opt(query)};
}

static struct {
    ecom_graphql_http_answer answer;
    ecom_buf body;
} got;

static void ask(const ecom_graphql_http *http)
{
    ecom_graphql *g = world_open();
    ecom_arena *arena = ecom_arena_new(0);
    ecom_error e;

    CHECK(g && arena, "no schema");
    got.body.n = 0;
    CHECK_CODE(ECOM_OK, ecom_graphql_handle_http(g, http, NULL, arena, &got.body, &got.answer, &e),
               e);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void expect(ecom_graphql_http http, int32_t status, const char *type, const char *in_body)
{
    ask(&http);
    CHECK(got.answer.status == status && strcmp(got.answer.content_type, type) == 0,
          "want %d %s, got %d %s: %s", status, type, got.answer.status, got.answer.content_type,
          got.body.p);
    CHECK(strstr(got.body.p, in_body), "want %s in %s", in_body, got.body.p);
}

static void the_answer_has_the_type_that_is_wanted_most(void)
{
    static const struct {
        const char *accept, *type;
    } table[] = {
        {NULL, JSON_TYPE},
        {"", JSON_TYPE},
        {"*/*", JSON_TYPE},
        {"application/*", JSON_TYPE},
        {"text/html, */*;q=0.1", JSON_TYPE},
        {"application/json", JSON_TYPE},
        {"APPLICATION/JSON", JSON_TYPE},
        {MODERN, MODERN_TYPE},
        {MODERN ";charset=utf-8", MODERN_TYPE},
        {MODERN "; charset=\"UTF-8\"", MODERN_TYPE},
        {MODERN ", application/json;q=0.9", MODERN_TYPE},
        {"application/json;q=0.9, " MODERN, MODERN_TYPE},
        {"application/json, " MODERN, JSON_TYPE},
        {MODERN ", application/json", MODERN_TYPE},
        {"*/*, " MODERN, MODERN_TYPE},
        {"*/*, application/json;q=0", MODERN_TYPE},
        {"application/json;q=0.123, " MODERN ";q=0.124", MODERN_TYPE},
        {"application/json;q=bad", JSON_TYPE},
        {",;,application/json;;=", JSON_TYPE},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        expect(post(table[i].accept, "{\"query\":\"{__typename}\"}"), 200, table[i].type,
               "{\"data\":{\"__typename\":\"Query\"}}");
}

static void nothing_acceptable_is_told(void)
{
    static const char *const table[] = {"text/html", "application/json;q=0",
                                        "application/json;charset=latin1", "application/jso", ";"};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        expect(post(table[i], "{\"query\":\"{__typename}\"}"), 406, JSON_TYPE, "NOT_ACCEPTABLE");
}

static void only_json_is_read(void)
{
    static const struct {
        const char *type;
        int32_t status;
    } table[] = {
        {"application/json", 200},
        {"Application/JSON ; Charset=UTF-8", 200},
        {"application/json;charset=\"utf-8\"", 200},
        {"application/json;charset=iso-8859-1", 415},
        {NULL, 415},
        {"", 415},
        {"text/plain", 415},
        {"text/plain, application/json", 415},
        {"application/x-www-form-urlencoded", 415},
        {"multipart/form-data; boundary=application/json", 415},
        {"application/jsonp", 415},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_http http = post(NULL, "{\"query\":\"{__typename}\"}");
        http.content_type = opt(table[i].type);
        expect(http, table[i].status, JSON_TYPE,
               table[i].status == 200 ? "\"data\"" : "UNSUPPORTED_MEDIA_TYPE");
    }
}

static void statuses_are_those_of_the_type(void)
{
    static const struct {
        const char *body;
        int32_t json, modern, newest;
    } table[] = {
        {"{\"query\":\"{ __typename }\"}", 200, 200, 200},
        {"{\"query\":\"{ fails }\"}", 200, 200, 200},
        {"{\"query\":\"{\"}", 200, 400, 400},
        {"{\"query\":\"{ nope }\"}", 200, 400, 422},
        {"{\"query\":\"query($a: Int!) { need(int: $a) }\"}", 200, 400, 422},
        {"{\"query\":\"{ a: hello }\",\"operationName\":\"b\"}", 200, 400, 422},
        {"{\"query\":\"{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a{a}}}}}}}}}}}}}}}}\"}", 400, 400, 400},
        {"{\"query\":7}", 400, 400, 400},
        {"{\"qeury\":\"{ hello }\"}", 400, 400, 400},
        {"{\"query\":", 400, 400, 400},
        {"7", 400, 400, 400},
        {" ", 400, 400, 400},
        {NULL, 400, 400, 400},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_graphql_http http = post(MODERN, table[i].body);
        expect(post(NULL, table[i].body), table[i].json, JSON_TYPE, "{");
        expect(http, table[i].modern, MODERN_TYPE, "{");
        http.unprocessable = 1;
        expect(http, table[i].newest, MODERN_TYPE, "{");
    }
}

static void a_get_is_a_query(void)
{
    expect(get("query=%7B+hello%20%7D"), 200, JSON_TYPE, "Hello, ");
    expect(get("a=b&query=query($n:String){hello(name:$n)}&variables=%7B%22n%22:%22%F0%9F%8F%83%22%"
               "7D&extensions=%7B%7D"),
           200, JSON_TYPE, "Hello, \xF0\x9F\x8F\x83!");
    expect(get("query=query+A{a:hello}query+B{b:hello}&operationName=B&variables="), 200, JSON_TYPE,
           "\"b\":");
    expect(get("query={hello(name:\"%\")}"), 200, JSON_TYPE, "Hello, %!");
    expect(get("query={hello(name:\"%FF\")}"), 200, JSON_TYPE, "Hello, \xEF\xBF\xBD!");
    expect(get("query={hello}&query={a:hello}"), 400, JSON_TYPE, "query");
    expect(get("query={hello}&variables={"), 400, JSON_TYPE, "BAD_REQUEST");
    expect(get("query={hello}&variables=[]"), 400, JSON_TYPE, "variables");
    expect(get("query={hello}&variables={},\"query\":1"), 400, JSON_TYPE, "BAD_REQUEST");
    expect(get(NULL), 400, JSON_TYPE, "Must provide query string.");
    expect(get("query"), 200, JSON_TYPE, "Syntax Error");
}

static void a_get_changes_nothing(void)
{
    ecom_graphql_http http = get("query=mutation{append(n:1)}");

    expect(http, 405, JSON_TYPE, "errors");
    CHECK(got.answer.allow && strcmp(got.answer.allow, "POST") == 0, "Allow: %s", got.answer.allow);
    http.method = ecom_str_of("HEAD");
    expect(http, 405, JSON_TYPE, "errors");
    http.method = ecom_str_of("PUT");
    expect(http, 405, JSON_TYPE, "METHOD_NOT_ALLOWED");
    CHECK(strcmp(got.answer.allow, "GET, POST") == 0, "Allow: %s", got.answer.allow);
}

static void batches_are_off_and_bounded(void)
{
    ecom_graphql_http http = post(NULL, "[{\"query\":\"{hello}\"},{\"query\":\"{\"},7]");

    expect(http, 400, JSON_TYPE, "Batches of requests are not taken here.");
    http.max_batch = 2;
    expect(http, 400, JSON_TYPE, "3 requests, more than 2 (max_batch)");
    http.max_batch = 3;
    expect(http, 200, JSON_TYPE, "[{\"data\":{\"hello\":");
    CHECK(strstr(got.body.p, "}},{\"errors\":[{\"message\":\"Syntax Error") &&
              strstr(got.body.p, "BAD_REQUEST\"}}]}]"),
          "%s", got.body.p);
    http.body = ecom_str_of("[]");
    expect(http, 400, JSON_TYPE, "The batch is empty.");
}

static void out_of_memory_nothing_is_answered(void)
{
    ecom_graphql *g = world_open();
    ecom_graphql_http http = get("query=query($n:String){hello(name:$n)}&variables={\"n\":\"x\"}");
    int r = ECOM_E_NOMEM;

    CHECK(g, "no schema");
    for (int n = 1; r < 0; n++) {
        ecom_arena *arena = ecom_arena_new(0);
        ecom_graphql_http_answer answer;
        ecom_buf out = {0};
        ecom_error e = {0};
        check_alloc_fail_at(n);
        r = ecom_graphql_handle_http(g, &http, NULL, arena, &out, &answer, &e);
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || (r == ECOM_E_NOMEM && out.n == 0), "allocation %d: %d %s", n, r,
              e.text);
        ecom_buf_free(&out);
        ecom_arena_free(arena);
    }
    ecom_graphql_free(g);
}

static void a_post_with_a_known_document_allocates_nothing(void)
{
    ecom_graphql *g = world_open();
    ecom_graphql_http http =
        post(MODERN ", application/json;q=0.9",
             "{\"query\":\"query($n:String){hello(name:$n)}\",\"variables\":{\"n\":\"x\"}}");
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf out = {0};
    uint64_t before = 0;
    ecom_error e;

    for (int i = 0; i < 10; i++) {
        ecom_graphql_http_answer answer;
        before = i == 2 ? check_allocs() : before; /* it is warm */
        out.n = 0;
        ecom_arena_reset(arena);
        CHECK_CODE(ECOM_OK, ecom_graphql_handle_http(g, &http, NULL, arena, &out, &answer, &e), e);
        CHECK_STR("{\"data\":{\"hello\":\"Hello, x!\"}}", ecom_buf_str(&out));
    }
    CHECK_U64(before, check_allocs());
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    ecom_graphql_free(g);
}

static void a_query_of_a_url_becomes_the_body_of_a_post(void)
{
    static const struct {
        const char *query, *body; /* NULL: refused */
    } table[] = {
        {"", "{}"},
        {"query=%7Bhello%7D", "{\"query\":\"{hello}\"}"},
        {"query=%22a+b%22&operationName=A&other=1",
         "{\"query\":\"\\\"a b\\\"\",\"operationName\":\"A\"}"},
        {"query=x&variables=%7B%22a%22:1%7D&extensions=",
         "{\"query\":\"x\",\"variables\":{\"a\":1}}"},
        {"query=x&variables=%7B", NULL},
        {"query=x&extensions=%5B1", NULL},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ecom_arena *arena = ecom_arena_new(0);
        ecom_buf body = {0};
        ecom_error e = {0};
        CHECK(arena, "no arena");
        CHECK_CODE(table[i].body ? ECOM_OK : ECOM_E_INVAL,
                   ecom_graphql_query_body(ecom_str_of(table[i].query), arena, &body, &e), e);
        if (table[i].body)
            CHECK_STR(table[i].body, ecom_buf_str(&body));
        ecom_buf_free(&body);
        ecom_arena_free(arena);
    }
}

static const struct check_case cases[] = {
    CASE(a_query_of_a_url_becomes_the_body_of_a_post),
    CASE(the_answer_has_the_type_that_is_wanted_most),
    CASE(nothing_acceptable_is_told),
    CASE(only_json_is_read),
    CASE(statuses_are_those_of_the_type),
    CASE(a_get_is_a_query),
    CASE(a_get_changes_nothing),
    CASE(batches_are_off_and_bounded),
    CASE(out_of_memory_nothing_is_answered),
    CASE(a_post_with_a_known_document_allocates_nothing),
};

CHECK_MAIN("graphql-http", cases)
