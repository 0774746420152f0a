/* What a service sees: records, tokens, ids, problems, logs, metrics and the routes of our own. */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>

#include "http_wait.h"

#define SECRET "0123456789abcdef0123456789abcdef"

struct note {
    ecom_str text;
    int64_t stars;
};
static const ecom_field note_fields[] = {
    ECOM_FIELD(struct note, text, "text", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 20),
    ECOM_FIELD(struct note, stars, "stars", INT, .min = 1, .max = 5, .fallback = "3"),
};
static const ecom_record note_record = ECOM_RECORD("Note", struct note, note_fields);

struct page {
    int64_t first;
    ecom_str after;
};
static const ecom_field page_fields[] = {
    ECOM_FIELD(struct page, first, "first", INT, .min = 1, .max = 100, .fallback = "20"),
    ECOM_FIELD(struct page, after, "after", STRING),
};
static const ecom_record page_record = ECOM_RECORD("Page", struct page, page_fields);

static int add_note(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    return ecom_exchange_reply(x, &note_record, ecom_exchange_request(x), err);
}

static int list_notes(void *user, ecom_exchange *x, ecom_error *err)
{
    const struct page *page = ecom_exchange_params(x);

    (void)user, (void)err;
    return ecom_buf_printf(ecom_exchange_out(x), "%d %.*s", (int)page->first, (int)page->after.n,
                           page->after.p ? page->after.p : "");
}

static int who(void *user, ecom_exchange *x, ecom_error *err)
{
    const ecom_claims *claims = ecom_exchange_claims(x);

    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), claims ? claims->sub : S("nobody"));
}

static int ids(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_str id = ecom_exchange_correlation_id(x), trace = ecom_exchange_traceparent(x);

    (void)user, (void)err;
    ecom_log_write(ecom_exchange_log(x), ECOM_LOG_INFO, "from the handler", NULL, 0);
    return ecom_buf_printf(ecom_exchange_out(x), "%.*s %.*s", (int)id.n, id.p, (int)trace.n,
                           trace.p);
}

static int fail(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_str code = ecom_exchange_param(x, "code");

    (void)user;
    int r = ecom_fail_field(err, -atoi(code.p), "a\"b", "because \"%.*s\"", (int)code.n, code.p);
    if (r == ECOM_E_RATE)
        err->retry_after_ms = 1001;
    return r;
}

static int fail_later(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_exchange_finish(x, fail(user, x, err), err);
    return ECOM_HTTP_LATER;
}

static int bare_nomem(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x, (void)err;
    return ECOM_E_NOMEM;
}

static int bad_headers(void *user, ecom_exchange *x, ecom_error *err)
{
    static const struct {
        const char *name;
        ecom_str value;
    } bad[] = {{"X", {"a\r\nB: c", 7}},
               {"X", {"a\0b", 3}},
               {"X\n", {"a", 1}},
               {"", {"a", 1}},
               {"Content-Length", {"1", 1}},
               {"transfer-encoding", {"chunked", 7}}};

    (void)user, (void)err;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        if (ecom_exchange_add_header(x, bad[i].name, bad[i].value) != ECOM_E_INVAL)
            ecom_exchange_set_status(x, 500);
    return ecom_exchange_add_header(x, "Set-Cookie", S("a=b")) ||
           ecom_exchange_add_header(x, "Set-Cookie", S("c=d"));
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/notes",
     .handle = add_note,
     .request = &note_record,
     .response = &note_record,
     .status = 201,
     .summary = "Adds a note"},
    {.method = "GET", .pattern = "/notes", .handle = list_notes, .query = &page_record},
    {.method = "GET", .pattern = "/me", .handle = who, .flags = ECOM_ROUTE_AUTH},
    {.method = "GET", .pattern = "/who", .handle = who},
    {.method = "GET", .pattern = "/ids", .handle = ids},
    {.method = "GET", .pattern = "/fail/{code}", .handle = fail},
    {.method = "GET", .pattern = "/later/{code}", .handle = fail_later},
    {.method = "GET", .pattern = "/nomem", .handle = bare_nomem},
    {.method = "GET", .pattern = "/headers", .handle = bad_headers},
};

/* One server, its token maker, log and metrics. */
struct world {
    ecom_http_server *server;
    ecom_jwt *jwt;
    ecom_metrics *metrics;
    ecom_log log;
    pthread_mutex_t lock;
    ecom_buf lines; /* of the log */
    int not_ready;
    struct wire wire;
    struct wire_answer answer;
};

static void keep_line(void *user, ecom_level level, ecom_str id, const char *message,
                      const ecom_log_field *fields, size_t n)
{
    struct world *w = user;
    int r = 0;

    pthread_mutex_lock(&w->lock);
    r |= ecom_buf_printf(&w->lines, "%d [%.*s] %s", level, (int)id.n, id.p, message);
    for (size_t i = 0; i < n; i++)
        if (fields[i].text.p)
            r |= ecom_buf_printf(&w->lines, " %s=%.*s", fields[i].name, (int)fields[i].text.n,
                                 fields[i].text.p);
        else if (strcmp(fields[i].name, "ms") != 0)
            r |= ecom_buf_printf(&w->lines, " %s=%d", fields[i].name, (int)fields[i].number);
    r |= ecom_buf_append(&w->lines, S("\n"));
    pthread_mutex_unlock(&w->lock);
    if (r < 0)
        abort();
}

static int ready(void *user, ecom_error *err)
{
    struct world *w = user;

    return w->not_ready ? ecom_fail(err, ECOM_E_UNAVAILABLE, "store: \"gone\"") : ECOM_OK;
}

static int world_open(struct world *w)
{
    ecom_jwt_options jwt = {.size = sizeof(jwt), .secret = S(SECRET)};
    ecom_error e;

    *w = (struct world){.lock = PTHREAD_MUTEX_INITIALIZER, .log = {.fn = keep_line, .user = w}};
    w->metrics = ecom_metrics_new();
    if (!w->metrics || ecom_jwt_new(&jwt, &w->jwt, &e) < 0)
        return 0;
    ecom_http_options opts = {.routes = routes,
                              .nroutes = sizeof(routes) / sizeof(routes[0]),
                              .name = "note-service",
                              .user = w,
                              .log = &w->log,
                              .metrics = w->metrics,
                              .jwt = w->jwt,
                              .ready = ready};
    w->server = wire_serve(&opts);
    return w->server && wire_open(&w->wire, w->server);
}

static void world_close(struct world *w)
{
    wire_answer_free(&w->answer);
    wire_close(&w->wire);
    ecom_http_server_free(w->server);
    ecom_metrics_free(w->metrics);
    ecom_jwt_free(w->jwt);
    ecom_buf_free(&w->lines);
}

/* Sends a request with these further lines; what came back is in w->answer. Returns the status. */
static int ask(struct world *w, const char *line, const char *headers, const char *body)
{
    ecom_buf b = {0};

    wire_answer_free(&w->answer);
    if (ecom_buf_printf(&b, "%s HTTP/1.1\r\nHost: a\r\n%s", line, headers) < 0 ||
        (body && ecom_buf_printf(&b, "Content-Length: %zu\r\n\r\n%s", strlen(body), body) < 0) ||
        (!body && ecom_buf_append(&b, S("\r\n")) < 0))
        abort();
    wire_send(&w->wire, ecom_buf_str(&b));
    ecom_buf_free(&b);
    return wire_answer(&w->wire, 0, &w->answer) ? w->answer.status : 0;
}

static int has(ecom_str text, const char *part)
{
    return text.n && memmem(text.p, text.n, part, strlen(part)) != NULL;
}

#define CHECK_HAS(part, text) \
    CHECK(has(text, part), "no %s in: %.*s", part, (int)(text).n, (text).p ? (text).p : "")

#define JSON_TYPE "Content-Type: application/json\r\n"

static void a_body_is_read_by_its_record_and_refused_with_the_field_at_fault(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(201, ask(&w, "POST /notes", JSON_TYPE, "{\"text\":\"hi\"}"));
    CHECK_STR("{\"text\":\"hi\",\"stars\":3}", w.answer.body);
    CHECK_I64(400, ask(&w, "POST /notes", JSON_TYPE, "{\"text\":\"hi\",\"stars\":6}"));
    CHECK_STR("application/problem+json", wire_header(&w.answer, "Content-Type"));
    CHECK_HAS("\"field\":\"stars\"", w.answer.body);
    CHECK_HAS("\"code\":\"INVAL\"", w.answer.body);
    CHECK_HAS("\"status\":400", w.answer.body);
    CHECK_I64(400, ask(&w, "POST /notes", JSON_TYPE, "{\"stars\":1}"));
    CHECK_I64(400, ask(&w, "POST /notes", JSON_TYPE, "{"));
    CHECK_I64(400, ask(&w, "POST /notes", JSON_TYPE, ""));
    CHECK_I64(400, ask(&w, "POST /notes", JSON_TYPE, NULL));
    world_close(&w);
}

static void only_json_is_taken_where_a_record_is_expected(void)
{
    static const struct {
        int status;
        const char *type;
    } types[] = {
        {201, "Content-Type: application/json\r\n"},
        {201, "Content-Type: Application/JSON; charset=UTF-8\r\n"},
        {201, "Content-Type: application/json ;charset=\"utf-8\"\r\n"},
        {415, "Content-Type: application/json; charset=latin1\r\n"},
        {415, "Content-Type: application/jsonx\r\n"},
        {415, "Content-Type: text/plain\r\n"},
        {415, "Content-Type: application/x-www-form-urlencoded\r\n"},
        {415, "Content-Type:\r\n"},
        {415, ""},
        {415, "Content-Type: application/json\r\nContent-Type: application/json\r\n"},
        {415, "Content-Type: application/json\r\nContent-Encoding: gzip\r\n"},
    };
    struct world w;

    CHECK(world_open(&w), "no world");
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
        int status = ask(&w, "POST /notes", types[i].type, "{\"text\":\"hi\"}");
        CHECK(status == types[i].status, "%s: want %d, got %d", types[i].type, types[i].status,
              status);
    }
    world_close(&w);
}

static void query_parameters_are_read_by_their_record(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(200, ask(&w, "GET /notes", "", NULL));
    CHECK_STR("20 ", w.answer.body);
    CHECK_I64(200, ask(&w, "GET /notes?after=a+%2B%20b&first=7&other=%31&&x", "", NULL));
    CHECK_STR("7 a + b", w.answer.body);
    CHECK_I64(400, ask(&w, "GET /notes?first=101", "", NULL));
    CHECK_HAS("\"field\":\"first\"", w.answer.body);
    CHECK_I64(400, ask(&w, "GET /notes?first=1&first=1", "", NULL));
    CHECK_I64(400, ask(&w, "GET /notes?after=%00", "", NULL));
    CHECK_I64(400, ask(&w, "GET /notes?after=%ff", "", NULL));
    CHECK_I64(400, ask(&w, "GET /notes?first=x", "", NULL));
    world_close(&w);
}

static void a_route_may_ask_for_a_token_and_all_see_a_valid_one(void)
{
    static const struct {
        const char *header;
        int is_bearer; /* only then is the token at fault: RFC 6750 3 */
    } bad[] = {
        {"", 0},
        {"Authorization: Bearer\r\n", 1},
        {"Authorization: Bearer x.y.z\r\n", 1},
        {"Authorization: bearer x\r\n", 1},
        {"Authorization: Basic YTpi\r\n", 0},
        {"Authorization: Bearer a b\r\n", 1},
        {"Authorization: Bearer \"x\"\r\n", 1},
        {"Authorization: BearerX\r\n", 0},
        {"Authorization:\r\n", 0},
    };
    struct world w;
    ecom_buf token = {0}, header = {0};
    ecom_error e;

    CHECK(world_open(&w), "no world");
    CHECK_CODE(ECOM_OK, ecom_jwt_issue(w.jwt, S("u1"), S("a@b.c"), &token, NULL, &e), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_I64(401, ask(&w, "GET /me", bad[i].header, NULL));
        CHECK_STR(bad[i].is_bearer ? "Bearer realm=\"note-service\", error=\"invalid_token\""
                                   : "Bearer realm=\"note-service\"",
                  wire_header(&w.answer, "WWW-Authenticate"));
        CHECK_I64(200, ask(&w, "GET /who", bad[i].header, NULL));
        CHECK_STR("nobody", w.answer.body);
    }
    CHECK(ecom_buf_printf(&header, "Authorization: bEARER  %s\r\n", token.p) == 0, "memory");
    CHECK_I64(200, ask(&w, "GET /me", header.p, NULL));
    CHECK_STR("u1", w.answer.body);
    CHECK_I64(200, ask(&w, "GET /who", header.p, NULL));
    CHECK_STR("u1", w.answer.body);
    CHECK(ecom_buf_printf(&header, "Authorization: Bearer %s\r\n", token.p) == 0, "memory");
    CHECK_I64(401, ask(&w, "GET /me", header.p, NULL)); /* twice */
    ecom_buf_free(&token);
    ecom_buf_free(&header);
    world_close(&w);
}

static void a_correlation_id_is_taken_or_made_and_echoed(void)
{
    char longest[200], too_long[200];
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(200, ask(&w, "GET /ids", "X-Correlation-Id: c-1 ~\r\n", NULL));
    CHECK_STR("c-1 ~", wire_header(&w.answer, "X-Correlation-Id"));
    CHECK(memcmp(w.answer.body.p, "c-1 ~ ", 6) == 0, "another in the handler");
    CHECK_I64(404, ask(&w, "GET /nothing", "X-Correlation-Id: c-2\r\n", NULL));
    CHECK_STR("c-2", wire_header(&w.answer, "X-Correlation-Id"));
    CHECK_HAS("\"correlationId\":\"c-2\"", w.answer.body);
    snprintf(longest, sizeof(longest), "X-Correlation-Id: %0128d\r\n", 7);
    CHECK_I64(200, ask(&w, "GET /ids", longest, NULL));
    CHECK_U64(128, wire_header(&w.answer, "X-Correlation-Id").n);
    snprintf(too_long, sizeof(too_long), "X-Correlation-Id: %0129d\r\n", 7);
    const char *const made[] = {"",
                                "X-Correlation-Id:\r\n",
                                "X-Correlation-Id: a\tb\r\n",
                                "X-Correlation-Id: \xc3\xa4\r\n",
                                "X-Correlation-Id: a\r\nX-Correlation-Id: b\r\n",
                                too_long};
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        CHECK_I64(200, ask(&w, "GET /ids", made[i], NULL));
        CHECK(ecom_id_valid(wire_header(&w.answer, "X-Correlation-Id")), "case %zu", i);
    }
    world_close(&w);
}

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static void a_valid_traceparent_goes_on_with_a_span_of_ours(void)
{
    static const struct {
        int taken;
        const char *value, *flags;
    } traces[] = {
        {1, "00-" TRACE "-" SPAN "-01", "01"},
        {1, "00-" TRACE "-" SPAN "-00", "00"},
        {1, "00-" TRACE "-" SPAN "-ff", "01"},
        {1, "01-" TRACE "-" SPAN "-01-more", "01"},
        {0, "01-" TRACE "-" SPAN "-01more", "01"},
        {0, "00-" TRACE "-" SPAN "-01-more", "01"},
        {0, "00-" TRACE "-" SPAN "-0", "01"},
        {0, "00-" TRACE "-" SPAN "-0x", "01"},
        {0, "ff-" TRACE "-" SPAN "-01", "01"},
        {0, "0-" TRACE "-" SPAN "-01", "01"},
        {0, "00_" TRACE "_" SPAN "_01", "01"},
        {0, "00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", "01"},
        {0, "00-00000000000000000000000000000000-" SPAN "-01", "01"},
        {0, "00-" TRACE "-0000000000000000-01", "01"},
        {0, "", "01"},
    };
    struct world w;
    char header[200];

    CHECK(world_open(&w), "no world");
    for (size_t i = 0; i < sizeof(traces) / sizeof(traces[0]); i++) {
        snprintf(header, sizeof(header), "X-Correlation-Id: c\r\ntraceparent: %s\r\n",
                 traces[i].value);
        CHECK_I64(200, ask(&w, "GET /ids", header, NULL));
        ecom_str body = w.answer.body;
        CHECK_U64(57, body.n);
        CHECK(traces[i].taken == has(body, TRACE), "case %zu: %.*s", i, (int)body.n, body.p);
        CHECK(!has(body, SPAN) && memcmp(body.p + 2, "00-", 3) == 0 &&
                  memcmp(body.p + 55, traces[i].flags, 2) == 0,
              "case %zu: %.*s", i, (int)body.n, body.p);
    }
    world_close(&w);
}

static void every_kind_of_failure_has_its_status_and_problem(void)
{
    struct world w;
    char line[64], status[32];

    CHECK(world_open(&w), "no world");
    for (int code = ECOM_E_INVAL; code >= ECOM_E_UNKNOWN_TYPE; code--) {
        const ecom_code_info *info = ecom_code_of(code);
        snprintf(line, sizeof(line), "GET /fail/%d", -code);
        snprintf(status, sizeof(status), "\"status\":%d", info->http);
        CHECK_I64(info->http, ask(&w, line, "", NULL));
        CHECK_HAS(status, w.answer.body);
        snprintf(status, sizeof(status), "\"code\":\"%s\"", info->name);
        CHECK_HAS(status, w.answer.body);
        CHECK(has(w.answer.body, "because \\\"") == (info->http < 500), "%s", info->name);
        CHECK(has(w.answer.body, "a\\\"b") == (info->http < 500), "%s", info->name);
    }
    CHECK_I64(429, ask(&w, "GET /fail/12", "", NULL));
    CHECK_STR("2", wire_header(&w.answer, "Retry-After"));
    CHECK_I64(503, ask(&w, "GET /fail/13", "", NULL));
    CHECK_STR("1", wire_header(&w.answer, "Retry-After"));
    CHECK_I64(503, ask(&w, "GET /nomem", "", NULL));
    ecom_http_server_stop(w.server, 1000);
    CHECK_HAS("2 ", ecom_buf_str(&w.lines));
    CHECK_HAS("because \"7\"", ecom_buf_str(&w.lines));
    world_close(&w);
}

/* Who refuses makes no difference: a title is the status' phrase, and a code is always there. */
static void problems_have_one_shape_whoever_makes_them(void)
{
    static const struct {
        const char *line, *headers, *start, *code;
    } made[] = {
        {"GET /fail/3", "", "\"Not Found\",\"status\":404,", "\"code\":\"NOTFOUND\","},
        {"GET /nothing", "", "\"Not Found\",\"status\":404,", "\"code\":\"NOTFOUND\","},
        {"PUT /notes", "", "\"Method Not Allowed\",\"status\":405,", "\"code\":\"NOTSUP\","},
        {"GET /fail/17", "", "\"Unprocessable Content\",\"status\":422,",
         "\"code\":\"UNPROCESSABLE\","},
        {"POST /notes", "Content-Length: 1048577\r\n", "\"Content Too Large\",\"status\":413,",
         "\"code\":\"TOOLARGE\","},
    };
    struct world w;

    CHECK(world_open(&w), "no world");
    for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++) {
        ask(&w, made[i].line, made[i].headers, NULL);
        CHECK_HAS("{\"type\":\"about:blank\",\"title\":", w.answer.body);
        CHECK_HAS(made[i].start, w.answer.body);
        CHECK_HAS("\"detail\":\"", w.answer.body);
        CHECK_HAS(made[i].code, w.answer.body);
        CHECK_HAS("\"correlationId\":\"", w.answer.body);
    }
    world_close(&w);
}

static void a_handler_cannot_break_the_framing_with_headers(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(200, ask(&w, "GET /headers", "", NULL));
    CHECK_HAS("Set-Cookie: a=b\r\nSet-Cookie: c=d\r\n", w.answer.head);
    world_close(&w);
}

static void each_request_is_logged_once_without_its_query(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    ask(&w, "GET /ids?secret=1", "X-Correlation-Id: c7\r\n", NULL);
    ask(&w, "GET /healthz", "X-Correlation-Id: c8\r\n", NULL);
    ask(&w, "GET /no%20thing", "X-Correlation-Id: c9\r\n", NULL);
    ecom_http_server_stop(w.server, 1000);
    ecom_str lines = ecom_buf_str(&w.lines);
    CHECK_HAS("1 [c7] from the handler\n", lines);
    CHECK_HAS("1 [c7] request method=GET path=/ids status=200 bytes=58 peer=127.0.0.1\n", lines);
    CHECK_HAS("0 [c8] request method=GET path=/healthz", lines);
    CHECK_HAS("1 [c9] request method=GET path=/no%20thing status=404", lines);
    CHECK(!has(lines, "secret"), "the query is in the log");
    world_close(&w);
}

static void a_failure_of_ours_is_logged_once_with_its_cause_which_the_caller_is_not_told(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(500, ask(&w, "GET /fail/7", "X-Correlation-Id: c1\r\n", NULL));
    CHECK(!has(w.answer.body, "because"), "%s", w.answer.body.p);
    CHECK_I64(503, ask(&w, "GET /later/13", "X-Correlation-Id: c2\r\n", NULL));
    CHECK(!has(w.answer.body, "because"), "%s", w.answer.body.p);
    CHECK_I64(404, ask(&w, "GET /later/3", "X-Correlation-Id: c3\r\n", NULL));
    ecom_http_server_stop(w.server, 1000);
    CHECK_STR("3 [c1] request failed route=/fail/{code} code=BACKEND error=a\"b: because \"7\" "
              "native=0\n"
              "1 [c1] request method=GET path=/fail/7 status=500 bytes=105 peer=127.0.0.1\n"
              "3 [c2] request failed route=/later/{code} code=UNAVAILABLE error=a\"b: because "
              "\"13\" native=0\n"
              "1 [c2] request method=GET path=/later/13 status=503 bytes=107 peer=127.0.0.1\n"
              "1 [c3] request method=GET path=/later/3 status=404 bytes=140 peer=127.0.0.1\n",
              ecom_buf_str(&w.lines));
    world_close(&w);
}

static void health_readiness_and_metrics_have_routes(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    CHECK_I64(200, ask(&w, "GET /healthz", "", NULL));
    CHECK_I64(200, ask(&w, "GET /readyz", "", NULL));
    w.not_ready = 1;
    CHECK_I64(503, ask(&w, "GET /readyz", "", NULL));
    CHECK_HAS("store: \\\"gone\\\"", w.answer.body);
    CHECK_I64(404, ask(&w, "GET /nothing", "", NULL));
    CHECK_I64(405, ask(&w, "PUT /notes", "", NULL));
    CHECK_I64(200, ask(&w, "GET /metrics", "", NULL));
    CHECK_STR("text/plain; version=0.0.4; charset=utf-8", wire_header(&w.answer, "Content-Type"));
    ecom_str text = w.answer.body;
    CHECK_HAS("ecom_http_requests_total{method=\"GET\",route=\"/readyz\",status=\"503\"} 1\n",
              text);
    CHECK_HAS("ecom_http_requests_total{method=\"OTHER\",route=\"none\",status=\"404\"} 1\n", text);
    CHECK_HAS("ecom_http_requests_total{method=\"OTHER\",route=\"none\",status=\"405\"} 1\n", text);
    CHECK_HAS("ecom_http_request_seconds_count{method=\"GET\",route=\"/readyz\"} 2\n", text);
    CHECK_HAS("ecom_http_connections 1\n", text);
    CHECK_HAS("ecom_http_queue_depth 0\n", text);
    world_close(&w);
}

/* The gauge says when requests have arrived that nothing else shows. */
static void await_queue(ecom_metrics *metrics, int64_t depth)
{
    const ecom_series *waiting =
        ecom_metrics_series(metrics, ECOM_GAUGE, "ecom_http_queue_depth", "", NULL);

    while (ecom_series_value(waiting) != depth)
        sched_yield();
}

static void a_request_above_the_queue_gets_503_at_once(void)
{
    static const ecom_route route = {.method = "GET", .pattern = "/", .handle = pass_gate};
    const ecom_str request = S("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ecom_http_options opts = {.routes = &route, .nroutes = 1, .threads = 1, .max_queue = 2};
    ecom_metrics *metrics = opts.metrics = ecom_metrics_new();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w[3];
    struct wire_answer a;

    CHECK(server && wire_open(&w[0], server), "no server");
    wire_send(&w[0], request);
    gate_await(1);
    CHECK(wire_open(&w[1], server), "no connection");
    wire_send(&w[1], S("GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_open(&w[2], server), "no connection");
    await_queue(metrics, 2);
    wire_send(&w[2], request);
    CHECK(wire_answer(&w[2], 0, &a), "no answer");
    CHECK_I64(503, a.status);
    CHECK_STR("1", wire_header(&a, "Retry-After"));
    CHECK(!wire_header(&a, "Connection").p, "closed");
    wire_answer_free(&a);
    gate_set(1);
    for (int i = 0; i < 3; i++) {
        CHECK(wire_answer(&w[i > 0], 0, &a) && a.status == 200, "answer %d", i);
        wire_answer_free(&a);
    }
    for (int i = 0; i < 3; i++)
        wire_close(&w[i]);
    ecom_http_server_free(server);
    ecom_metrics_free(metrics);
}

static const struct check_case cases[] = {
    CASE(a_body_is_read_by_its_record_and_refused_with_the_field_at_fault),
    CASE(only_json_is_taken_where_a_record_is_expected),
    CASE(query_parameters_are_read_by_their_record),
    CASE(a_route_may_ask_for_a_token_and_all_see_a_valid_one),
    CASE(a_correlation_id_is_taken_or_made_and_echoed),
    CASE(a_valid_traceparent_goes_on_with_a_span_of_ours),
    CASE(every_kind_of_failure_has_its_status_and_problem),
    CASE(problems_have_one_shape_whoever_makes_them),
    CASE(a_handler_cannot_break_the_framing_with_headers),
    CASE(each_request_is_logged_once_without_its_query),
    CASE(a_failure_of_ours_is_logged_once_with_its_cause_which_the_caller_is_not_told),
    CASE(health_readiness_and_metrics_have_routes),
    CASE(a_request_above_the_queue_gets_503_at_once),
};

CHECK_MAIN("http-api", cases)
