/* What the server refuses: requests that could be read in two ways, and what is above a limit. */
#include <stdlib.h>

#include "http_wire.h"

static int hello(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), S("hello"));
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/", .handle = hello, .flags = ECOM_ROUTE_ON_LOOP},
    {.method = "POST", .pattern = "/", .handle = hello, .flags = ECOM_ROUTE_ON_LOOP},
    {.method = "GET", .pattern = "/x/{id}", .handle = hello, .flags = ECOM_ROUTE_ON_LOOP},
    {.method = "GET", .pattern = "/pool", .handle = hello},
};

static ecom_http_options options(void)
{
    return (ecom_http_options){.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};
}

struct request {
    int status;
    ecom_str bytes;
};

#define B(lit_)                   \
    {                             \
        "" lit_, sizeof(lit_) - 1 \
    }
#define R(status_, lit_) \
    {                    \
        status_, B(lit_) \
    }
#define H "Host: a\r\n"

static const struct request malformed[] = {
    /* two lengths, or one that is no number */
    R(400,
      "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    R(400,
      "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 5,5\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: +5\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: -5\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 0x5\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 5 5\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 5a\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 5;\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length:\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551616\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 18446744073709551621\r\n\r\nabcde"),
    R(400, "POST / HTTP/1.1\r\n" H "Content-Length: 9223372036854775808\r\n\r\n"),
    /* codings */
    R(501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H
           "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n"),
    R(501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
    R(501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"),
    R(501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
    R(501, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.1\r\n" H "Transfer-Encoding: \x0b"
           "chunked\r\n\r\n0\r\n\r\n"),
    R(400, "POST / HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
    /* lines */
    R(400, "GET / HTTP/1.1\nHost: a\n\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a\r\n\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
    R(400, "GET / HTTP/1.1\rHost: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a\r\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X : a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X\t: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "Content-Length : 5\r\n\r\nabcde"),
    R(400, "GET / HTTP/1.1\r\n" H "X Y: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H ": a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X\x80: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X\0Y: a\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X: a\x01\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H "X: a\x7f\r\n\r\n"),
    R(400, "\r\r\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
    R(400, "\r\r\r\n\r\n"),
    /* the first line */
    R(400, "GET  / HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /  HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET / HTTP/1.1 \r\n" H "\r\n"),
    R(400, " GET / HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET\t/\tHTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /\x80 HTTP/1.1 x\r\n" H "\r\n"),
    R(400, "GET /\0 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /\x7f HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /\r\n\r\n"),
    R(400, "GET / HTTP/1.1x\r\n" H "\r\n"),
    R(400, "GET / http/1.1\r\n" H "\r\n"),
    R(400, "GET / FTP/1.1\r\n" H "\r\n"),
    R(400, "G(T / HTTP/1.1\r\n" H "\r\n"),
    R(400, "\x16\x03\x01\r\n\r\n"),
    R(501, "FOO / HTTP/1.1\r\n" H "\r\n"),
    R(501, "get / HTTP/1.1\r\n" H "\r\n"),
    R(501, "CONNECT a:80 HTTP/1.1\r\n" H "\r\n"),
    R(505, "GET / HTTP/2.0\r\n" H "\r\n"),
    R(505, "GET / HTTP/0.9\r\n" H "\r\n"),
    R(505, "GET / HTTP/1.2\r\n" H "\r\n"),
    R(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    /* hosts and expectations */
    R(400, "GET / HTTP/1.1\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\n" H H "\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
    R(400, "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
    R(417, "POST / HTTP/1.1\r\n" H "Expect: the unexpected\r\nContent-Length: 1\r\n\r\n"),
    /* targets */
    R(400, "GET x HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET * HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /#a HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET ftp://a/ HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET http:///x HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET http://u:p@a/x HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%00 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%0 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/% HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%gg HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%ff HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%c0%af HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%ed%a0%80 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/\xe4 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/.. HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /./x/1 HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%2e%2E HTTP/1.1\r\n" H "\r\n"),
    R(400, "GET /x/%2e HTTP/1.1\r\n" H "\r\n"),
};

static const struct request bad_chunks[] = {
    R(400, "\r\n"),
    R(400, ";a\r\nx"),
    R(400, "x\r\n"),
    R(400, "-1\r\n"),
    R(400, "+1\r\nx\r\n0\r\n\r\n"),
    R(400, "0x1\r\nx\r\n0\r\n\r\n"),
    R(400, " 1\r\nx\r\n0\r\n\r\n"),
    R(400, "1 \r\nx\r\n0\r\n\r\n"),
    R(400, "1 ;a\r\nx\r\n0\r\n\r\n"),
    R(400, "1\nx\r\n0\r\n\r\n"),
    R(400, "1\rx\r\n0\r\n\r\n"),
    R(400, "1\r\nxx\r\n0\r\n\r\n"),
    R(400, "1\r\nx\n0\r\n\r\n"),
    R(400, "1\r\nx\rx0\r\n\r\n"),
    R(400, "1\r\nx0\r\n\r\n"),
    R(400, "1;a\nx\r\n0\r\n\r\n"),
    R(400, "1;a\0\r\nx\r\n0\r\n\r\n"),
    R(400, "1;a\rb\r\nx\r\n0\r\n\r\n"),
    R(400, "0000000000000001\r\nx\r\n0\r\n\r\n"),
    R(400, "ffffffffffffffff\r\n"),
    R(400, "10000000000000001\r\n"),
    R(413, "fffffffffffffff\r\n"),
    R(400, "0\r\n\n"),
    R(400, "0\r\n\rx"),
    R(400, "0\r\nX: a\n\r\n"),
    R(400, "0\r\nX : a\r\n\r\n"),
    R(400, "0\r\n X: a\r\n\r\n"),
    R(400, "0\r\n: a\r\n\r\n"),
    R(400, "0\r\nX: a\r\n b\r\n\r\n"),
    R(400, "0\r\nX: a\0\r\n\r\n"),
};

static void a_request_that_can_be_read_in_two_ways_is_refused_and_the_connection_ends(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
        CHECK(wire_refused(server, malformed[i].bytes, malformed[i].status), "case %zu: %.40s", i,
              malformed[i].bytes.p);
    CHECK_I64(200, wire_status(server, S("GET / HTTP/1.1\r\n" H "\r\n")));
    ecom_http_server_free(server);
}

/* A second request behind a refused one must not be answered: that is what smugglers hope for. */
static void nothing_behind_a_refused_request_is_answered(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    CHECK(wire_refused(server,
                       S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\nTransfer-Encoding: chunked"
                         "\r\n\r\n0\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
                       400),
          "both lengths");
    CHECK(wire_refused(server,
                       S("GET / HTTP/1.1\r\n" H "Bad : x\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"), 400),
          "bad name");
    ecom_http_server_free(server);
}

static void a_chunk_that_is_not_exactly_one_is_refused(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(bad_chunks) / sizeof(bad_chunks[0]); i++) {
        ecom_buf all = {0};
        CHECK(ecom_buf_append(
                  &all, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n")) == 0 &&
                  ecom_buf_append(&all, bad_chunks[i].bytes) == 0,
              "memory");
        CHECK(wire_refused(server, ecom_buf_str(&all), bad_chunks[i].status), "case %zu: %s", i,
              bad_chunks[i].bytes.p);
        ecom_buf_free(&all);
    }
    ecom_http_server_free(server);
}

static void what_is_unusual_but_clear_is_answered(void)
{
    static const ecom_str requests[] = {
        B("\r\n\r\nGET / HTTP/1.1\r\n" H "\r\n"),
        B("GET / HTTP/1.1\r\nhOST:a\r\n\r\n"),
        B("GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        B("GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"),
        B("GET / HTTP/1.1\r\n" H "X: \x80\xff\t!\r\nEmpty:\r\n\r\n"),
        B("GET http://a HTTP/1.1\r\n" H "\r\n"),
        B("GET HTTP://a?x HTTP/1.1\r\n" H "\r\n"),
        B("GET /?a=%00%ff HTTP/1.1\r\n" H "\r\n"),
        B("GET / HTTP/1.0\r\n\r\n"),
        B("GET / HTTP/1.1\r\n" H "Connection: Upgrade\r\nUpgrade: h2c\r\n\r\n"),
        B("POST / HTTP/1.1\r\n" H "Content-Length: 000\r\n\r\n"),
        B("POST / HTTP/1.1\r\n" H
          "Transfer-Encoding: CHUNKED\r\n\r\n1;a=\"b\\\"\r\nx\r\n0\r\n\r\n"),
    };
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        CHECK(wire_status(server, requests[i]) == 200, "case %zu: %s", i, requests[i].p);
    ecom_http_server_free(server);
}

/* A request with so many bytes of head, so many of them in the target. */
static ecom_buf sized_request(size_t target, size_t head)
{
    static const char start[] = "GET /",
                      middle[] = " HTTP/1.1\r\nHost: a\r\nX: ", end[] = "\r\n\r\n";
    ecom_buf b = {0};
    size_t pad = head - (sizeof(start) + sizeof(middle) + sizeof(end) - 3) - (target - 1);

    if (ecom_buf_reserve(&b, head + 1) < 0)
        abort();
    char *p = b.p;
    p = mempcpy(p, start, sizeof(start) - 1);
    memset(p, 'x', target - 1);
    p += target - 1;
    p = mempcpy(p, middle, sizeof(middle) - 1);
    memset(p, 'y', pad);
    p += pad;
    memcpy(p, end, sizeof(end) - 1);
    b.n = head;
    return b;
}

static void heads_and_targets_may_be_as_long_as_their_limits(void)
{
    static const struct {
        size_t target, head;
        int status;
    } sizes[] = {{1, 300, 200},   {1, 301, 431},   {1, 3000, 431}, {100, 300, 404},
                 {101, 300, 414}, {101, 301, 431}, {299, 400, 414}};
    ecom_http_options opts = options();
    opts.max_header_bytes = 300;
    opts.max_url_bytes = 100;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        ecom_buf b = sized_request(sizes[i].target, sizes[i].head);
        CHECK_U64(sizes[i].head, b.n);
        CHECK_I64(sizes[i].status, wire_status(server, ecom_buf_str(&b)));
        ecom_buf_free(&b);
    }
    ecom_http_server_free(server);
}

static void there_may_be_as_many_headers_as_the_limit_says(void)
{
    ecom_http_options opts = options();
    opts.max_headers = 3;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    CHECK_I64(200, wire_status(server, S("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\n\r\n")));
    CHECK(wire_refused(server, S("GET / HTTP/1.1\r\n" H "A: 1\r\nB: 2\r\nC: 3\r\n\r\n"), 431),
          "one more");
    ecom_http_server_free(server);
}

static void a_body_may_be_as_long_as_its_limit(void)
{
    static const struct request requests[] = {
        R(200, "POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n12345"),
        R(413, "POST / HTTP/1.1\r\n" H "Content-Length: 6\r\n\r\n123456"),
        R(200, "POST / HTTP/1.1\r\n" H
               "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n2\r\n45\r\n0\r\n\r\n"),
        R(413, "POST / HTTP/1.1\r\n" H
               "Transfer-Encoding: chunked\r\n\r\n3\r\n123\r\n3\r\n456\r\n0\r\n\r\n"),
    };
    ecom_http_options opts = options();
    opts.max_body_bytes = 5;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++)
        CHECK_I64(requests[i].status, wire_status(server, requests[i].bytes));
    ecom_http_server_free(server);
}

static void extensions_and_trailers_of_chunks_are_bounded_together(void)
{
    ecom_http_options opts = options();
    opts.max_header_bytes = 100;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    for (int n = 0; n < 2; n++) {
        ecom_buf b = {0}; /* 50 bytes of extensions, with the CR; 46 + 4 + n of a trailer */
        CHECK(ecom_buf_printf(&b,
                              "POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                              "1;%049d\r\nx\r\n0\r\nX: %046d%s\r\n\r\n",
                              0, 0, n ? "1" : "") == 0,
              "memory");
        CHECK_I64(n ? 431 : 200, wire_status(server, ecom_buf_str(&b)));
        ecom_buf_free(&b);
    }
    ecom_http_server_free(server);
}

static void a_connection_above_the_limit_is_closed(void)
{
    ecom_http_options opts = options();
    struct wire a, b, c;
    struct wire_answer answer;
    opts.max_connections = 2;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server && wire_open(&a, server) && wire_open(&b, server), "no server");
    wire_send(&b, S("GET / HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_answer(&b, 0, &answer) && answer.status == 200, "the second");
    wire_answer_free(&answer);
    CHECK(wire_open(&c, server) && wire_at_end(&c), "the third");
    wire_close(&c);
    wire_close(&a);
    wire_close(&b);
    ecom_http_server_free(server);
}

static void slow_heads_and_bodies_get_408(void)
{
    ecom_http_options opts = options();
    opts.header_timeout_ms = opts.body_timeout_ms = 20;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server, "no server");
    CHECK(wire_refused(server, S("GET / HTTP/1.1\r\nHo"), 408), "head");
    CHECK(wire_refused(server, S("G"), 408), "first byte");
    CHECK(wire_refused(server, S("POST / HTTP/1.1\r\n" H "Content-Length: 5\r\n\r\n123"), 408),
          "body");
    CHECK(wire_refused(
              server, S("POST / HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n5\r\n123"), 408),
          "chunk");
    ecom_http_server_free(server);
}

static void idle_connections_are_closed(void)
{
    ecom_http_options opts = options();
    struct wire w;
    opts.idle_timeout_ms = 20;
    ecom_http_server *server = wire_serve(&opts);

    CHECK(server && wire_open(&w, server), "no server");
    CHECK(wire_at_end(&w), "it stays");
    wire_close(&w);
    ecom_http_server_free(server);
}

static int flood(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_buf *out = ecom_exchange_out(x);

    (void)user, (void)err;
    if (ecom_buf_reserve(out, 32 << 20) < 0)
        return ECOM_E_NOMEM;
    memset(out->p, 'f', 32 << 20);
    out->n = 32 << 20;
    return ECOM_OK;
}

/* The answer is longer than what the two ends of a local connection buffer. */
static void a_peer_that_does_not_read_is_cut_off(void)
{
    static const ecom_route route = {.method = "GET", .pattern = "/", .handle = flood};
    ecom_http_options opts = {.routes = &route, .nroutes = 1, .write_timeout_ms = 20};
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET / HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_cut_off(&w), "still open");
    CHECK(!wire_answer(&w, 0, &a), "the whole answer came");
    wire_close(&w);
    ecom_http_server_free(server);
}

static void expectations_are_met_in_turn_or_refused_before_the_body(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    opts.max_body_bytes = 0;
    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /pool HTTP/1.1\r\n" H "\r\nPOST / HTTP/1.1\r\n" H
                    "Expect: 100-Continue\r\nContent-Length: 5\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 200, "the one before");
    wire_answer_free(&a);
    CHECK(wire_answer(&w, 0, &a) && a.status == 100, "100 Continue");
    wire_answer_free(&a);
    wire_send(&w, S("12345"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 200, "the answer");
    wire_answer_free(&a);
    wire_send(&w, S("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1\r\n\r\n1"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 200, "no 100 when the body is there already");
    wire_answer_free(&a);
    wire_close(&w);
    CHECK(wire_refused(
              server,
              S("POST /nothing HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n"),
              404),
          "nobody wants that body");
    CHECK(wire_refused(
              server,
              S("POST / HTTP/1.1\r\n" H "Expect: 100-continue\r\nContent-Length: 1048577\r\n\r\n"),
              413),
          "too long");
    ecom_http_server_free(server);
}

static void http_1_0_closes_unless_it_asks_for_more_and_1_1_stays_unless_it_asks_to_close(void)
{
    static const struct {
        ecom_str bytes;
        const char *connection;
    } requests[] = {
        {B("GET / HTTP/1.0\r\n\r\n"), "close"},
        {B("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "keep-alive"},
        {B("GET / HTTP/1.0\r\nConnection: keep-alive, close\r\n\r\n"), "close"},
        {B("GET / HTTP/1.1\r\n" H "Connection: close\r\n\r\n"), "close"},
        {B("GET / HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n"), "close"},
        {B("GET / HTTP/1.1\r\n" H "Connection: closed\r\n\r\n"), NULL},
    };
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        const char *want = requests[i].connection;
        CHECK(server && wire_open(&w, server), "no server");
        wire_send(&w, requests[i].bytes);
        CHECK(wire_answer(&w, 0, &a) && a.status == 200, "case %zu", i);
        CHECK_STR(want ? want : "", wire_header(&a, "Connection"));
        CHECK(!want || strcmp(want, "close") != 0 || wire_at_end(&w), "case %zu stays open", i);
        wire_answer_free(&a);
        wire_close(&w);
    }
    ecom_http_server_free(server);
}

/* Whatever the moment a peer vanishes at: the next one is served, and nothing leaks. */
static void a_peer_may_vanish_behind_any_byte(void)
{
    static const ecom_str all = B("GET /pool HTTP/1.1\r\n" H "\r\nPOST / HTTP/1.1\r\n" H
                                  "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                                  "POST / HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /pool");
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;

    CHECK(server, "no server");
    for (size_t n = 0; n <= all.n; n++) {
        CHECK(wire_open(&w, server), "no connection");
        wire_send(&w, (ecom_str){all.p, n});
        if (n % 3 == 0)
            wire_close(&w);
        else if (n % 3 == 1)
            wire_reset(&w);
        else
            wire_end(&w);
        wire_close(&w);
    }
    CHECK_I64(200, wire_status(server, S("GET / HTTP/1.1\r\n" H "\r\n")));
    ecom_http_server_free(server);
}

static void a_peer_that_only_ends_its_side_still_gets_its_answers(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /pool HTTP/1.1\r\n" H "\r\nGET /pool HTTP/1.1\r\n" H "\r\nGET /po"));
    wire_end(&w);
    for (int i = 0; i < 2; i++) {
        CHECK(wire_answer(&w, 0, &a) && a.status == 200, "answer %d", i);
        wire_answer_free(&a);
    }
    CHECK(wire_at_end(&w), "more than two answers");
    wire_close(&w);
    ecom_http_server_free(server);
}

static const struct check_case cases[] = {
    CASE(a_request_that_can_be_read_in_two_ways_is_refused_and_the_connection_ends),
    CASE(nothing_behind_a_refused_request_is_answered),
    CASE(a_chunk_that_is_not_exactly_one_is_refused),
    CASE(what_is_unusual_but_clear_is_answered),
    CASE(heads_and_targets_may_be_as_long_as_their_limits),
    CASE(there_may_be_as_many_headers_as_the_limit_says),
    CASE(a_body_may_be_as_long_as_its_limit),
    CASE(extensions_and_trailers_of_chunks_are_bounded_together),
    CASE(a_connection_above_the_limit_is_closed),
    CASE(slow_heads_and_bodies_get_408),
    CASE(idle_connections_are_closed),
    CASE(a_peer_that_does_not_read_is_cut_off),
    CASE(expectations_are_met_in_turn_or_refused_before_the_body),
    CASE(http_1_0_closes_unless_it_asks_for_more_and_1_1_stays_unless_it_asks_to_close),
    CASE(a_peer_may_vanish_behind_any_byte),
    CASE(a_peer_that_only_ends_its_side_still_gets_its_answers),
};

CHECK_MAIN("http-strict", cases)
