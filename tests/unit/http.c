#include <pthread.h>
#include <stdlib.h>

#include "http_wait.h"

static int hello(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), S("hello"));
}

static int echo(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    ecom_exchange_set_status(x, 201);
    if (ecom_exchange_add_header(x, "Content-Type", S("text/plain")) < 0)
        return ECOM_E_NOMEM;
    return ecom_buf_append(ecom_exchange_out(x), ecom_exchange_body(x));
}

static int show(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_str id = ecom_exchange_param(x, "id"), path = ecom_exchange_path(x),
             query = ecom_exchange_query(x), h = ecom_exchange_header(x, "x-thing");

    (void)user, (void)err;
    return ecom_buf_printf(ecom_exchange_out(x), "%.*s|%.*s|%.*s|%.*s", (int)id.n, id.p,
                           (int)path.n, path.p, (int)query.n, query.p, (int)h.n, h.p ? h.p : "");
}

static int big(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    ecom_buf *out = ecom_exchange_out(x);

    if (ecom_buf_reserve(out, 8 << 20) < 0)
        return ECOM_E_NOMEM;
    memset(out->p, 'b', 8 << 20);
    out->n = 8 << 20;
    return ECOM_OK;
}

static int missing(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    return ecom_fail(err, ECOM_E_NOTFOUND, "no thing %.*s", (int)ecom_exchange_param(x, "id").n,
                     ecom_exchange_param(x, "id").p);
}

static int broken(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x;
    return ecom_fail(err, ECOM_E_BACKEND, "the password is hunter2");
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/hello", .handle = hello, .flags = ECOM_ROUTE_ON_LOOP},
    {.method = "GET", .pattern = "/pool", .handle = hello},
    {.method = "POST", .pattern = "/echo", .handle = echo},
    {.method = "GET", .pattern = "/gate", .handle = pass_gate},
    {.method = "POST", .pattern = "/gate", .handle = pass_gate},
    {.method = "GET", .pattern = "/things/{id}", .handle = show},
    {.method = "DELETE", .pattern = "/things/{id}", .handle = missing},
    {.method = "GET", .pattern = "/big", .handle = big},
    {.method = "GET", .pattern = "/broken", .handle = broken},
};

static ecom_http_options options(void)
{
    return (ecom_http_options){.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};
}

static void a_route_answers_with_a_body_and_the_connection_stays(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    for (int i = 0; i < 3; i++) {
        wire_send(&w, i % 2 ? S("GET /pool HTTP/1.1\r\nHost: a\r\n\r\n")
                            : S("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
        CHECK(wire_answer(&w, 0, &a), "no answer");
        CHECK_I64(200, a.status);
        CHECK_STR("hello", a.body);
        CHECK_STR("application/json", wire_header(&a, "Content-Type"));
        CHECK_U64(29, wire_header(&a, "Date").n);
        CHECK(!wire_header(&a, "Server").p && !wire_header(&a, "Connection").p, "extra headers");
        wire_answer_free(&a);
    }
    wire_close(&w);
    ecom_http_server_free(server);
}

static void a_body_arrives_by_length_and_in_chunks_whatever_the_packets(void)
{
    static const char text[] =
        "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n"
        "hello world"
        "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "5\r\nhello\r\n6;ext=\"1\"\r\n world\r\n0\r\nX-Trailer: 1\r\n\r\n";
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    for (size_t step = 1; step < sizeof(text); step = step * 3 + 1) {
        CHECK(server && wire_open(&w, server), "no server");
        for (size_t i = 0; i < sizeof(text) - 1; i += step) {
            size_t n = sizeof(text) - 1 - i < step ? sizeof(text) - 1 - i : step;
            wire_send(&w, (ecom_str){text + i, n});
        }
        for (int i = 0; i < 2; i++) {
            CHECK(wire_answer(&w, 0, &a), "no answer %d in steps of %zu", i, step);
            CHECK_I64(201, a.status);
            CHECK_STR("hello world", a.body);
            CHECK_STR("text/plain", wire_header(&a, "content-type"));
            wire_answer_free(&a);
        }
        wire_close(&w);
    }
    ecom_http_server_free(server);
}

static void pipelined_answers_come_in_the_order_of_the_requests(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;
    ecom_buf all = {0};

    CHECK(server && wire_open(&w, server), "no server");
    for (int i = 0; i < 100; i++)
        CHECK(ecom_buf_printf(
                  &all,
                  i % 3   ? "GET /things/%d HTTP/1.1\r\nHost: a\r\n\r\n"
                  : i % 2 ? "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n%02d"
                          : "GET /hello HTTP/1.1\r\nHost: a\r\nX-Nr: %d\r\n\r\n",
                  i) == ECOM_OK,
              "memory");
    wire_send(&w, ecom_buf_str(&all));
    for (int i = 0; i < 100; i++) {
        char want[64];
        CHECK(wire_answer(&w, 0, &a), "no answer %d", i);
        snprintf(want, sizeof(want), i % 3 ? "%d|/things/%d||" : i % 2 ? "%02d" : "hello", i, i);
        CHECK_STR(want, a.body);
        wire_answer_free(&a);
    }
    ecom_buf_free(&all);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void safe_requests_run_side_by_side_and_others_wait_for_them(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    gate_set(0);
    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /gate HTTP/1.1\r\nHost: a\r\n\r\nGET /gate HTTP/1.1\r\nHost: a\r\n\r\n"
                    "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n!"
                    "GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    gate_await(2);
    gate_set(1);
    static const char *const want[] = {"through", "through", "!", "hello"};
    for (int i = 0; i < 4; i++) {
        CHECK(wire_answer(&w, 0, &a), "no answer %d", i);
        CHECK_STR(want[i], a.body);
        wire_answer_free(&a);
    }
    wire_close(&w);
    ecom_http_server_free(server);
}

static void parameters_query_and_headers_reach_the_handler(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /things/a%2Fb%20c?x=1&y=%32 HTTP/1.1\r\nHost: a\r\nX-Thing:  one \r\n"
                    "x-thing: two\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_STR("a/b c|/things/a%2Fb c|x=1&y=%32|one, two", a.body);
    wire_answer_free(&a);
    wire_send(&w, S("GET http://a:80/things/7 HTTP/1.1\r\nHost: a:80\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_STR("7|/things/7||", a.body);
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

/* Short ones are written in one piece with their head, long ones behind it. */
static void bodies_of_any_length_come_back_whole(void)
{
    static const size_t lengths[] = {0, 1, 1023, 1024, 1025, 70000};
    static char body[70000];
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;
    char head[96];

    CHECK(server && wire_open(&w, server), "no server");
    for (size_t i = 0; i < sizeof(body); i++)
        body[i] = (char)('a' + i % 26);
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        snprintf(head, sizeof(head),
                 "POST /echo HTTP/1.1\r\nHost: a\r\nContent-Length: %zu\r\n\r\n", lengths[i]);
        wire_send(&w, ecom_str_of(head));
        wire_send(&w, (ecom_str){body, lengths[i]});
        CHECK(wire_answer(&w, 0, &a) && a.status == 201, "%zu bytes", lengths[i]);
        CHECK(ecom_str_eq(a.body, (ecom_str){body, lengths[i]}), "%zu other bytes", lengths[i]);
        wire_answer_free(&a);
    }
    wire_close(&w);
    ecom_http_server_free(server);
}

static void head_options_and_what_is_not_there(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("HEAD /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 1, &a) && a.status == 200, "HEAD");
    CHECK_STR("5", wire_header(&a, "Content-Length"));
    wire_answer_free(&a);
    wire_send(&w, S("OPTIONS /things/1 HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 204, "OPTIONS");
    CHECK_STR("DELETE, GET, HEAD, OPTIONS", wire_header(&a, "Allow"));
    CHECK(!wire_header(&a, "Content-Length").p, "a length with 204");
    wire_answer_free(&a);
    wire_send(&w, S("OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 204, "OPTIONS *");
    wire_answer_free(&a);
    wire_send(&w, S("PUT /things/1 HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\nx"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_I64(405, a.status);
    CHECK_STR("DELETE, GET, HEAD, OPTIONS", wire_header(&a, "Allow"));
    wire_answer_free(&a);
    wire_send(&w, S("GET /nothing HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_I64(404, a.status);
    CHECK_STR("application/problem+json", wire_header(&a, "Content-Type"));
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void a_handlers_error_becomes_a_problem_and_causes_of_ours_are_masked(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("DELETE /things/9 HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_I64(404, a.status);
    CHECK(memmem(a.body.p, a.body.n, "no thing 9", 10), "%.*s", (int)a.body.n, a.body.p);
    wire_answer_free(&a);
    wire_send(&w, S("GET /broken HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_I64(500, a.status);
    CHECK(!memmem(a.body.p, a.body.n, "hunter2", 7), "%.*s", (int)a.body.n, a.body.p);
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void a_large_answer_reaches_a_slow_reader_whole(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /big HTTP/1.1\r\nHost: a\r\n\r\nGET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_U64(8 << 20, a.body.n);
    wire_answer_free(&a);
    CHECK(wire_answer(&w, 0, &a), "no answer");
    CHECK_STR("hello", a.body);
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void several_loops_share_a_port_and_nobody_else_gets_it(void)
{
    ecom_http_options opts = options();
    ecom_error e;

    for (uint32_t loops = 1; loops <= 3; loops += 2) {
        opts.loops = loops;
        opts.port = 0;
        ecom_http_server *server = wire_serve(&opts), *other;
        CHECK(server, "no server");
        for (int i = 0; i < 20; i++)
            CHECK_I64(200, wire_status(server, S("GET /pool HTTP/1.1\r\nHost: a\r\n\r\n")));
        opts.port = ecom_http_server_port(server);
        CHECK_CODE(ECOM_OK, ecom_http_server_new(&opts, &other, &e), e);
        CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_http_server_start(other, &e), e);
        CHECK_TEXT("in use", e);
        ecom_http_server_free(other);
        ecom_http_server_free(server);
    }
}

static void *stop(void *server)
{
    ecom_http_server_stop(server, 20000);
    return NULL;
}

static void stopping_answers_what_is_in_flight_and_closes_the_rest(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire busy, idle;
    struct wire_answer a;
    pthread_t stopper;

    gate_set(0);
    CHECK(server && wire_open(&busy, server) && wire_open(&idle, server), "no server");
    wire_send(&idle, S("GET /hello HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&idle, 0, &a), "no answer");
    wire_answer_free(&a);
    wire_send(&busy, S("GET /gate HTTP/1.1\r\nHost: a\r\n\r\n"));
    gate_await(1);
    pthread_create(&stopper, NULL, stop, server);
    CHECK(wire_at_end(&idle), "the idle connection stayed");
    gate_set(1);
    CHECK(wire_answer(&busy, 0, &a), "no answer");
    CHECK_STR("through", a.body);
    CHECK_STR("close", wire_header(&a, "Connection"));
    CHECK(wire_at_end(&busy), "the busy connection stayed");
    wire_answer_free(&a);
    wire_close(&busy);
    wire_close(&idle);
    pthread_join(stopper, NULL);
    ecom_http_server_free(server);
}

static int tell_peer(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), ecom_exchange_peer(x));
}

static const ecom_route peer_route = {.method = "GET", .pattern = "/", .handle = tell_peer};

/* Whom a server that believes these proxies takes for the peer. */
static void check_peer(const char *proxies, const char *headers, const char *want)
{
    ecom_http_options opts = {.routes = &peer_route, .nroutes = 1, .proxies = proxies};
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;
    char request[200];

    CHECK(server && wire_open(&w, server), "no server");
    snprintf(request, sizeof(request), "GET / HTTP/1.1\r\nHost: a\r\n%s\r\n", headers);
    wire_send(&w, ecom_str_of(request));
    CHECK(wire_answer(&w, 0, &a) && a.status == 200, "no answer to %s", headers);
    CHECK_STR(want, a.body);
    wire_answer_free(&a);
    wire_send(&w, S("GET / HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 200, "no second answer");
    CHECK_STR("127.0.0.1", a.body); /* it was said of the first request alone */
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

#define FOR "X-Forwarded-For: "

static void who_a_proxy_speaks_for_is_told_by_proxies_that_are_believed(void)
{
    static const struct {
        const char *proxies, *headers, *want;
    } cases[] = {
        {NULL, FOR "1.2.3.4\r\n", "127.0.0.1"},
        {"10.0.0.1", FOR "1.2.3.4\r\n", "127.0.0.1"},
        {"127.0.0.1", "", "127.0.0.1"},
        {"127.0.0.1", FOR "1.2.3.4\r\n", "1.2.3.4"},
        {"::ffff:127.0.0.1", FOR "::FFFF:1.2.3.4\r\n", "1.2.3.4"},
        {"127.0.0.1", FOR "2001:DB8::0:1\r\n", "2001:db8::1"},
        {"127.0.0.1", FOR "6.6.6.6, 1.2.3.4\r\n", "1.2.3.4"},
        {"127.0.0.1", FOR "6.6.6.6\r\nX-Forwarded-For:1.2.3.4\t\r\n", "1.2.3.4"},
        {"127.0.0.1,10.0.0.1", FOR "6.6.6.6 ,1.2.3.4, 10.0.0.1\r\n", "1.2.3.4"},
        {" 10.0.0.1 , 127.0.0.1", FOR "10.0.0.1,10.0.0.1\r\n", "10.0.0.1"},
        {"127.0.0.1", FOR "\r\n", "127.0.0.1"},
        {"127.0.0.1", FOR "1.2.3.4,\r\n", "127.0.0.1"},
        {"127.0.0.1", FOR "unknown\r\n", "127.0.0.1"},
        {"127.0.0.1,10.0.0.1", FOR "x, 10.0.0.1\r\n", "10.0.0.1"},
        {"127.0.0.1", FOR "1.2.3.4:80\r\n", "127.0.0.1"},
        {"127.0.0.1", FOR "0000:0000:0000:0000:0000:0000:0000:0000:0000:1\r\n", "127.0.0.1"},
    };

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]) && !check_failed; i++)
        check_peer(cases[i].proxies, cases[i].headers, cases[i].want);
}

static void proxies_are_addresses_and_no_more_than_16(void)
{
    static const char *const bad[] = {
        "",
        "x",
        "127.0.0.1,",
        ",127.0.0.1",
        "127.0.0.1 10.0.0.1",
        "localhost",
        "1,2,3",
        "1::1,1::2,1::3,1::4,1::5,1::6,1::7,1::8,1::9,1::a,1::b,1::c,1::d,1::e,1::f,1::10,1::11"};
    ecom_http_options opts = {.size = sizeof(opts), .routes = &peer_route, .nroutes = 1};
    ecom_http_server *server = NULL;
    ecom_error e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.proxies = bad[i];
        CHECK(ecom_http_server_new(&opts, &server, &e) == ECOM_E_INVAL, "took %s", bad[i]);
        CHECK_STR("proxies", ecom_str_of(e.field));
        CHECK_CODE(ECOM_E_INVAL, ecom_http_proxies_check(bad[i], &e), e);
    }
    opts.proxies =
        "1::1,1::2,1::3,1::4,1::5,1::6,1::7,1::8,1::9,1::a,1::b,1::c,1::d,1::e,1::f,1::10";
    CHECK_CODE(ECOM_OK, ecom_http_server_new(&opts, &server, &e), e);
    ecom_http_server_free(server);
    CHECK_CODE(ECOM_OK, ecom_http_proxies_check(" 127.0.0.1\t,  ::1 ", &e), e);
}

static const struct check_case cases[] = {
    CASE(a_route_answers_with_a_body_and_the_connection_stays),
    CASE(a_body_arrives_by_length_and_in_chunks_whatever_the_packets),
    CASE(pipelined_answers_come_in_the_order_of_the_requests),
    CASE(safe_requests_run_side_by_side_and_others_wait_for_them),
    CASE(parameters_query_and_headers_reach_the_handler),
    CASE(bodies_of_any_length_come_back_whole),
    CASE(head_options_and_what_is_not_there),
    CASE(a_handlers_error_becomes_a_problem_and_causes_of_ours_are_masked),
    CASE(a_large_answer_reaches_a_slow_reader_whole),
    CASE(several_loops_share_a_port_and_nobody_else_gets_it),
    CASE(who_a_proxy_speaks_for_is_told_by_proxies_that_are_believed),
    CASE(proxies_are_addresses_and_no_more_than_16),
    CASE(stopping_answers_what_is_in_flight_and_closes_the_rest),
};

CHECK_MAIN("http", cases)
