/* Responses that go on, over the wire; and jobs on the server's pool, as what feeds them. */
#include <stdlib.h>
#include <sys/socket.h>

#include "ecom/stream.h"
#include "http_wait.h"

/* What the handler made, and what became of it. */
static struct {
    ecom_stream *stream;
    ecom_stream_options options;
    int closed, drained;
} it;

static void on_closed(void *user)
{
    (void)user;
    count(&it.closed);
}

static void on_drained(void *user)
{
    (void)user;
    count(&it.drained);
}

static int open_stream(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    int r = ecom_exchange_stream(x, &it.options, &it.stream, err);
    return r < 0 ? r : ecom_buf_append(ecom_exchange_out(x), S("data: 0\n\n"));
}

/* Fails after it had a stream. */
static int open_badly(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    int r = ecom_exchange_stream(x, &it.options, &it.stream, err);
    return r < 0 ? r : ecom_fail(err, ECOM_E_FORBIDDEN, "not you");
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/stream", .handle = open_stream},
    {.method = "GET", .pattern = "/bad", .handle = open_badly},
};

static ecom_http_server *serve(void)
{
    ecom_http_options opts = {.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};

    it.stream = NULL;
    it.closed = it.drained = 0;
    it.options = (ecom_stream_options){
        .size = sizeof(it.options),
        .heartbeat_ms = -1,
        .closed = on_closed,
        .drained = on_drained,
    };
    return wire_serve(&opts);
}

static void stop(ecom_http_server *server)
{
    ecom_http_server_free(server);
    ecom_stream_unref(it.stream);
}

#define GET(path_) "GET " path_ " HTTP/1.1\r\nHost: a\r\n\r\n"

/* A response of which the first part has come. */
static void begin_stream(ecom_http_server *server, struct wire *w, struct wire_answer *a)
{
    CHECK(server && wire_open(w, server), "no server");
    wire_send(w, S(GET("/stream")));
    CHECK(wire_answer(w, 1, a) && wire_takes(w, S("9\r\ndata: 0\n\n\r\n")), "first part");
}

static void a_response_goes_on_until_it_is_ended(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S(GET("/stream")));
    CHECK(wire_answer(&w, 1, &a) && a.status == 200, "status %d", a.status);
    CHECK_STR("chunked", wire_header(&a, "Transfer-Encoding"));
    CHECK_STR("text/event-stream", wire_header(&a, "Content-Type"));
    CHECK(!wire_header(&a, "Content-Length").p, "it has a length");
    CHECK(wire_takes(&w, S("9\r\ndata: 0\n\n\r\n")), "first part");
    CHECK(ecom_stream_send(it.stream, S("data: 1\n\n")) == ECOM_OK, "send");
    CHECK(wire_takes(&w, S("9\r\ndata: 1\n\n\r\n")), "second part");
    CHECK(ecom_stream_send(it.stream, S("")) == ECOM_OK, "nothing is not the end");
    CHECK(ecom_stream_send(it.stream, S("x")) == ECOM_OK, "send");
    ecom_stream_end(it.stream);
    ecom_stream_end(it.stream);
    CHECK(ecom_stream_send(it.stream, S("y")) == ECOM_E_CLOSED, "behind the end");
    CHECK(wire_takes(&w, S("1\r\nx\r\n0\r\n\r\n")) && wire_at_end(&w), "the end");
    wire_close(&w);
    await_count(&it.closed, 1);
    wire_answer_free(&a);
    stop(server);
    CHECK(it.closed == 1, "closed %d times", it.closed);
}

static void http_1_0_gets_it_up_to_the_end_of_the_connection(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /stream HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"));
    CHECK(wire_answer(&w, 1, &a) && a.status == 200, "status %d", a.status);
    CHECK(!wire_header(&a, "Transfer-Encoding").p, "in chunks");
    CHECK_STR("close", wire_header(&a, "Connection"));
    ecom_stream_end(it.stream);
    CHECK(wire_takes(&w, S("data: 0\n\n")) && wire_at_end(&w), "the end");
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
}

static void who_says_connection_close_is_served_all_the_same(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /stream HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"));
    CHECK(wire_answer(&w, 1, &a) && wire_takes(&w, S("9\r\ndata: 0\n\n\r\n")), "first part");
    CHECK(ecom_stream_send(it.stream, S("x")) == ECOM_OK && wire_takes(&w, S("1\r\nx\r\n")),
          "second");
    wire_close(&w);
    await_count(&it.closed, 1);
    wire_answer_free(&a);
    stop(server);
}

static void a_peer_that_leaves_is_noticed(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S(GET("/stream")));
    CHECK(wire_answer(&w, 1, &a), "no answer");
    wire_reset(&w);
    await_count(&it.closed, 1);
    CHECK(ecom_stream_send(it.stream, S("x")) == ECOM_E_CLOSED, "sent to nobody");
    wire_answer_free(&a);
    stop(server);
}

static void silence_is_broken_by_heartbeats(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    it.options.heartbeat_ms = 1;
    begin_stream(server, &w, &a);
    CHECK(wire_takes(&w, S("3\r\n:\n\n\r\n3\r\n:\n\n\r\n")), "two heartbeats");
    wire_close(&w);
    await_count(&it.closed, 1);
    wire_answer_free(&a);
    stop(server);
}

static void a_peer_that_does_not_read_is_cut_off_at_the_bound(void)
{
    static char much[64 << 10];
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;
    int r = ECOM_OK, sent = 0;

    CHECK(server && wire_open(&w, server), "no server");
    it.options.max_queue_bytes = 100000;
    wire_send(&w, S(GET("/stream")));
    CHECK(wire_answer(&w, 1, &a), "no answer");
    for (; r == ECOM_OK && sent < 1000; sent++)
        r = ecom_stream_send(it.stream, (ecom_str){much, sizeof(much)});
    CHECK(r == ECOM_E_FULL, "after %d: %s", sent, check_code(r));
    await_count(&it.closed, 1);
    CHECK(ecom_stream_send(it.stream, S("x")) == ECOM_E_CLOSED, "after the end");
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
}

static void who_waits_for_room_is_told_of_it(void)
{
    static char much[16 << 10];
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;
    int sent = 0;

    CHECK(server && wire_open(&w, server), "no server");
    it.options.max_queue_bytes = 100000;
    wire_send(&w, S(GET("/stream")));
    CHECK(wire_answer(&w, 1, &a) && !ecom_stream_is_full(it.stream), "no answer");
    for (; !ecom_stream_is_full(it.stream) && sent < 4000; sent++)
        CHECK(ecom_stream_send(it.stream, (ecom_str){much, sizeof(much)}) == ECOM_OK, "%d", sent);
    CHECK(sent < 4000, "%d sent", sent);
    read_until_counted(&w, &it.drained);
    await_count(&it.drained, 1);
    CHECK(count_of(&it.closed) == 0, "closed");
    wire_close(&w);
    wire_answer_free(&a);
    await_count(&it.closed, 1);
    stop(server);
}

static void who_has_a_reference_to_a_stream_may_send_when_others_have_let_go(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    begin_stream(server, &w, &a);
    ecom_stream *again = ecom_stream_ref(it.stream);
    CHECK(again == it.stream, "another stream");
    ecom_stream_unref(it.stream);
    it.stream = NULL;
    CHECK(ecom_stream_send(again, S("x")) == ECOM_OK && wire_takes(&w, S("1\r\nx\r\n")), "second");
    wire_close(&w);
    await_count(&it.closed, 1);
    CHECK(ecom_stream_send(again, S("x")) == ECOM_E_CLOSED, "sent to nobody");
    ecom_stream_unref(again);
    wire_answer_free(&a);
    stop(server);
}

static void a_handler_that_fails_answers_its_error(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server != NULL, "no server");
    CHECK(wire_status(server, S(GET("/bad"))) == 403, "status");
    await_count(&it.closed, 1);
    CHECK(ecom_stream_send(it.stream, S("x")) == ECOM_E_CLOSED, "sent to nobody");
    ecom_stream_unref(it.stream);
    it.stream = NULL;
    CHECK(wire_open(&w, server), "no connection");
    wire_send(&w, S("HEAD /stream HTTP/1.1\r\nHost: a\r\n\r\n"));
    CHECK(wire_answer(&w, 1, &a) && a.status == 400, "HEAD: %d", a.status);
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
}

static void a_server_that_stops_ends_the_response(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    begin_stream(server, &w, &a);
    wire_end(&w); /* it need not wait for us */
    ecom_http_server_stop(server, 10000);
    CHECK(it.closed == 1, "closed %d times", it.closed);
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
}

/* One response, with the n-th allocation of the server's threads failing. Whatever comes of it,
 * `closed` is called once for what was made. @return 0: none was left to fail. */
static int without_memory(uint64_t n)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a = {0};

    it.options.heartbeat_ms = 1;
    if (!server || !wire_open(&w, server))
        abort();
    check_alloc_fail_elsewhere_at(n);
    wire_send(&w, S(GET("/stream")));
    if (wire_answer(&w, 1, &a) && a.status == 200) {
        char bytes[32];
        for (size_t have = 0; have < sizeof(bytes);) { /* the first part, and heartbeats */
            ssize_t got = recv(w.fd, bytes, sizeof(bytes) - have, 0);
            have = got > 0 ? have + (size_t)got : sizeof(bytes);
        }
    }
    wire_end(&w);
    int failed = check_alloc_failed();
    check_alloc_fail_at(0);
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
    int made = it.stream != NULL;
    if (it.closed != made)
        printf("# allocation %d: closed %d times\n", (int)n, it.closed);
    check_failed |= it.closed != made;
    return failed && !check_failed;
}

static void memory_that_fails_the_server_ends_a_response_cleanly(void)
{
    uint64_t n = 1;

    while (n < 200 && without_memory(n))
        n++;
    CHECK(n > 3 && n < 200, "%d allocations", (int)n);
}

static int jobs_run, jobs_cancelled;

static void do_job(void *user, int cancelled)
{
    (void)user;
    count(cancelled ? &jobs_cancelled : &jobs_run);
}

static void jobs_run_on_the_pool_while_the_server_does(void)
{
    ecom_http_server *server = serve();

    CHECK(server != NULL, "no server");
    for (int i = 0; i < 10; i++)
        CHECK(ecom_http_server_run(server, do_job, NULL) == ECOM_OK, "job %d", i);
    await_count(&jobs_run, 10);
    ecom_http_server_stop(server, 1000);
    CHECK(ecom_http_server_run(server, do_job, NULL) == ECOM_E_UNAVAILABLE, "after the end");
    CHECK_I64(0, count_of(&jobs_cancelled));
    stop(server);
}

static const struct check_case cases[] = {
    CASE(a_response_goes_on_until_it_is_ended),
    CASE(http_1_0_gets_it_up_to_the_end_of_the_connection),
    CASE(who_says_connection_close_is_served_all_the_same),
    CASE(a_peer_that_leaves_is_noticed),
    CASE(silence_is_broken_by_heartbeats),
    CASE(a_peer_that_does_not_read_is_cut_off_at_the_bound),
    CASE(who_waits_for_room_is_told_of_it),
    CASE(who_has_a_reference_to_a_stream_may_send_when_others_have_let_go),
    CASE(a_handler_that_fails_answers_its_error),
    CASE(a_server_that_stops_ends_the_response),
    CASE(memory_that_fails_the_server_ends_a_response_cleanly),
    CASE(jobs_run_on_the_pool_while_the_server_does),
};
CHECK_MAIN("http-stream", cases)
