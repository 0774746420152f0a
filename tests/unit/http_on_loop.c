/* Handlers on the loop: what they hand on, and what they leave to a thread. */
#include <pthread.h>
#include <stdlib.h>

#include "http_wait.h"

#define H "Host: a\r\n"
#define GET(path_) S("GET " path_ " HTTP/1.1\r\n" H "\r\n")
#define POST_JSON(path_)              \
    S("POST " path_ " HTTP/1.1\r\n" H \
      "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"text\":\"hi\"}")

enum { LOOP_BODY_BYTES = 16 << 10 };

/* Requests that were handed on, until the test answers them. */
static ecom_exchange *handed_on[4];
static int nhanded;

/* Never two at a time: there is one loop. */
static int hand_on(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    handed_on[count_of(&nhanded)] = x;
    count(&nhanded);
    return ECOM_HTTP_LATER;
}

/* From a thread of the test, as from a store's. */
static void answer(int i, const char *text)
{
    ecom_error none = {0};

    if (ecom_buf_append(ecom_exchange_out(handed_on[i]), ecom_str_of(text)) < 0)
        abort();
    ecom_exchange_finish(handed_on[i], ECOM_OK, &none);
}

static int answer_at_once(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    ecom_exchange_set_status(x, 202);
    ecom_exchange_finish(x, ECOM_OK, err);
    return ECOM_HTTP_LATER;
}

static int where(void *user, ecom_exchange *x, ecom_error *err)
{
    const char *place = ecom_exchange_may_block(x) ? "thread" : "loop";

    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), ecom_str_of(place));
}

struct note {
    ecom_str text;
};
static const ecom_field note_fields[] = {
    ECOM_FIELD(struct note, text, "text", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 20),
};
static const ecom_record note_record = ECOM_RECORD("Note", struct note, note_fields);

/* What a handler saw the last time, and how often it was called: on the loop, then on a thread. */
static struct seen {
    int calls;
    const void *request;
    char correlation_id[64];
} seen;

/* Truth: it is the request that was seen before, as it was. */
static int see(ecom_exchange *x)
{
    ecom_str id = ecom_exchange_correlation_id(x);
    int same = seen.request == ecom_exchange_request(x) &&
               ecom_str_eq(ecom_str_of(seen.correlation_id), id);

    seen.request = ecom_exchange_request(x);
    snprintf(seen.correlation_id, sizeof(seen.correlation_id), "%.*s", (int)id.n, id.p);
    count(&seen.calls);
    return same;
}

static int would_wait(void *user, ecom_exchange *x, ecom_error *err)
{
    int same = see(x);

    (void)user;
    if (!ecom_exchange_may_block(x))
        return ECOM_WOULD_WAIT;
    if (!same)
        return ecom_fail(err, ECOM_E_INVAL, "it is another request now");
    return ecom_exchange_reply(x, &note_record, ecom_exchange_request(x), err);
}

static int never_content(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x, (void)err;
    return ECOM_WOULD_WAIT;
}

#define LOOP .flags = ECOM_ROUTE_ON_LOOP
static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/later", .handle = hand_on, LOOP},
    {.method = "POST", .pattern = "/later", .handle = hand_on, LOOP},
    {.method = "GET", .pattern = "/at-once", .handle = answer_at_once, LOOP},
    {.method = "GET", .pattern = "/where", .handle = where, LOOP},
    {.method = "POST", .pattern = "/where", .handle = where, LOOP},
    {.method = "POST", .pattern = "/waits", .handle = would_wait, .request = &note_record, LOOP},
    {.method = "GET", .pattern = "/never", .handle = never_content, LOOP},
    {.method = "GET", .pattern = "/gate", .handle = pass_gate},
};

/* All on one loop, and one thread beside it. */
static ecom_http_server *serve(uint32_t max_queue)
{
    ecom_http_options opts = {.routes = routes,
                              .nroutes = sizeof(routes) / sizeof(routes[0]),
                              .threads = 1,
                              .max_queue = max_queue};

    nhanded = 0;
    seen = (struct seen){0};
    gate_set(0);
    return wire_serve(&opts);
}

static void what_the_loop_handed_on_is_answered_in_its_place(void)
{
    ecom_http_server *server = serve(0);
    struct wire w, other;

    CHECK(server && wire_open(&w, server) && wire_open(&other, server), "no server");
    wire_send(&w, GET("/later"));
    wire_send(&w, GET("/later"));
    wire_send(&w, GET("/at-once"));
    await_count(&nhanded, 2);
    wire_send(&other, GET("/where"));
    CHECK(wire_next_is(&other, 200, "loop"), "the loop goes on");
    answer(1, "second");
    answer(0, "first");
    CHECK(wire_next_is(&w, 200, "first"), "first");
    CHECK(wire_next_is(&w, 200, "second"), "second");
    CHECK(wire_next_is(&w, 202, ""), "third");
    wire_close(&w);
    wire_close(&other);
    ecom_http_server_free(server);
}

/* RFC 9112 9.3.2: what may change something does not run beside others of its connection. */
static void what_may_change_something_waits_for_what_was_handed_on(void)
{
    ecom_http_server *server = serve(0);
    struct wire w, other;

    CHECK(server && wire_open(&w, server) && wire_open(&other, server), "no server");
    wire_send(&w, POST_JSON("/later"));
    wire_send(&w, POST_JSON("/later"));
    await_count(&nhanded, 1);
    wire_send(&other, GET("/where"));
    CHECK(wire_next_is(&other, 200, "loop"), "the loop goes on");
    CHECK_I64(1, count_of(&nhanded));
    answer(0, "first");
    CHECK(wire_next_is(&w, 200, "first"), "first");
    await_count(&nhanded, 2);
    answer(1, "second");
    CHECK(wire_next_is(&w, 200, "second"), "second");
    wire_close(&w);
    wire_close(&other);
    ecom_http_server_free(server);
}

static void an_answer_to_a_connection_that_is_gone_goes_nowhere(void)
{
    ecom_http_server *server = serve(0);
    struct wire left, other;

    CHECK(server && wire_open(&left, server) && wire_open(&other, server), "no server");
    wire_send(&left, GET("/later"));
    await_count(&nhanded, 1);
    wire_reset(&left);
    wire_send(&other, GET("/where"));
    CHECK(wire_next_is(&other, 200, "loop"), "the loop goes on");
    answer(0, "too late");
    wire_send(&other, GET("/where"));
    CHECK(wire_next_is(&other, 200, "loop"), "the loop goes on");
    wire_close(&other);
    ecom_http_server_free(server);
}

static void *answer_the_first(void *arg)
{
    (void)arg;
    await_count(&nhanded, 2);
    answer(0, "in time");
    return NULL;
}

/* The drain has begun, or is about to, when the answer is. */
static void a_stop_waits_for_what_the_loop_handed_on(void)
{
    ecom_http_server *server = serve(0);
    struct wire w;
    pthread_t thread;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, GET("/later"));
    await_count(&nhanded, 1);
    CHECK(pthread_create(&thread, NULL, answer_the_first, NULL) == 0, "no thread");
    count(&nhanded);
    ecom_http_server_stop(server, 20000);
    CHECK(wire_next_is(&w, 200, "in time"), "no answer");
    pthread_join(thread, NULL);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void a_handler_that_would_wait_is_called_again_on_a_thread(void)
{
    ecom_http_server *server = serve(0);
    struct wire w;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, POST_JSON("/waits"));
    CHECK(wire_next_is(&w, 200, "{\"text\":\"hi\"}"), "waits");
    CHECK_I64(2, count_of(&seen.calls));
    wire_send(&w, GET("/never"));
    CHECK(wire_next_is(&w, 500, NULL), "it must not say so there");
    wire_close(&w);
    ecom_http_server_free(server);
}

/* The one thread is taken, and the one place before it. */
static void one_that_would_wait_is_refused_when_too_many_wait(void)
{
    ecom_http_server *server = serve(1);
    struct wire w[3];

    CHECK(server != NULL, "no server");
    for (int i = 0; i < 3; i++)
        CHECK(wire_open(&w[i], server), "no connection");
    wire_send(&w[0], GET("/gate"));
    gate_await(1);
    wire_send(&w[1], GET("/gate"));
    wire_send(&w[1], GET("/where"));
    wire_send(&w[2], GET("/where"));
    CHECK(wire_next_is(&w[2], 200, "loop"), "by then both are there");
    wire_send(&w[2], POST_JSON("/waits"));
    CHECK(wire_next_is(&w[2], 503, NULL), "one above");
    CHECK_I64(1, count_of(&seen.calls));
    gate_set(1);
    CHECK(wire_next_is(&w[0], 200, "through"), "first");
    CHECK(wire_next_is(&w[1], 200, "through"), "second");
    CHECK(wire_next_is(&w[1], 200, "loop"), "behind it");
    wire_send(&w[2], POST_JSON("/waits"));
    CHECK(wire_next_is(&w[2], 200, "{\"text\":\"hi\"}"), "there is room again");
    for (int i = 0; i < 3; i++)
        wire_close(&w[i]);
    ecom_http_server_free(server);
}

static void send_body(struct wire *w, size_t n, int chunked)
{
    char head[128], *body = calloc(1, n);

    if (!body)
        abort();
    if (chunked)
        snprintf(head, sizeof(head),
                 "POST /where HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n%zx\r\n", n);
    else
        snprintf(head, sizeof(head), "POST /where HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n", n);
    wire_send(w, ecom_str_of(head));
    wire_send(w, (ecom_str){body, n});
    if (chunked)
        wire_send(w, S("\r\n0\r\n\r\n"));
    free(body);
}

static void a_large_body_is_read_on_a_thread(void)
{
    ecom_http_server *server = serve(0);
    struct wire w;

    CHECK(server && wire_open(&w, server), "no server");
    for (int chunked = 0; chunked < 2; chunked++) {
        send_body(&w, LOOP_BODY_BYTES, chunked);
        CHECK(wire_next_is(&w, 200, "loop"), "chunked %d", chunked);
        send_body(&w, LOOP_BODY_BYTES + 1, chunked);
        CHECK(wire_next_is(&w, 200, "thread"), "chunked %d: one above", chunked);
    }
    wire_close(&w);
    ecom_http_server_free(server);
}

static const struct check_case cases[] = {
    CASE(what_the_loop_handed_on_is_answered_in_its_place),
    CASE(what_may_change_something_waits_for_what_was_handed_on),
    CASE(an_answer_to_a_connection_that_is_gone_goes_nowhere),
    CASE(a_stop_waits_for_what_the_loop_handed_on),
    CASE(a_handler_that_would_wait_is_called_again_on_a_thread),
    CASE(one_that_would_wait_is_refused_when_too_many_wait),
    CASE(a_large_body_is_read_on_a_thread),
};

CHECK_MAIN("http-on-loop", cases)
