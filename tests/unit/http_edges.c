/* Handlers on the loop, bounds of what is under way, failures on the server's own threads. */
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>

#include "http_wait.h"

#define H "Host: a\r\n"

static int tell_inside(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_printf(ecom_exchange_out(x), "%d", gate_inside());
}

struct note {
    ecom_str text;
};
static const ecom_field note_fields[] = {
    ECOM_FIELD(struct note, text, "text", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 20),
};
static const ecom_record note_record = ECOM_RECORD("Note", struct note, note_fields);

static int add_note(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    if (ecom_exchange_add_header(x, "X-Note", S("yes")) < 0)
        return ECOM_E_NOMEM;
    return ecom_exchange_reply(x, &note_record, ecom_exchange_request(x), err);
}

static int missing(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    return ecom_fail(err, ECOM_E_NOTFOUND, "no thing %.*s", (int)ecom_exchange_param(x, "id").n,
                     ecom_exchange_param(x, "id").p);
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

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;

/* Requests that were handed on, until the test answers them. */
static ecom_exchange *handed_on[8];
static int nhanded;

static int hand_on(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    pthread_mutex_lock(&lock);
    handed_on[nhanded++] = x;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return ECOM_HTTP_LATER;
}

static int answer_at_once(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    ecom_exchange_set_status(x, 202);
    ecom_exchange_finish(x, ECOM_OK, err);
    return ECOM_HTTP_LATER;
}

static void await_handed(int n)
{
    pthread_mutex_lock(&lock);
    while (nhanded < n)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

#define LOOP .flags = ECOM_ROUTE_ON_LOOP
static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/gate", .handle = pass_gate},
    {.method = "POST", .pattern = "/gate", .handle = pass_gate},
    {.method = "GET", .pattern = "/count", .handle = tell_inside},
    {.method = "POST", .pattern = "/notes", .handle = add_note, .request = &note_record},
    {.method = "GET", .pattern = "/things/{id}", .handle = missing},
    {.method = "GET", .pattern = "/flood", .handle = flood},
    {.method = "GET", .pattern = "/later", .handle = hand_on},
    {.method = "GET", .pattern = "/at-once", .handle = answer_at_once},
    {.method = "GET", .pattern = "/loop", .handle = tell_inside, LOOP},
    {.method = "POST", .pattern = "/loop", .handle = add_note, .request = &note_record, LOOP},
    {.method = "GET", .pattern = "/loop/{id}", .handle = missing, LOOP},
};

static ecom_http_options options(void)
{
    gate_set(0);
    return (ecom_http_options){.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};
}

static void as_many_requests_are_under_way_as_the_pipeline_may_hold(void)
{
    ecom_http_options opts = options();
    opts.threads = 8;
    opts.max_pipeline = 3;
    ecom_http_server *server = wire_serve(&opts);
    struct wire w, other;

    CHECK(server && wire_open(&w, server) && wire_open(&other, server), "no server");
    for (int i = 0; i < 4; i++)
        wire_send(&w, S("GET /gate HTTP/1.1\r\n" H "\r\n"));
    gate_await(3);
    wire_send(&w, S("GET /gate HTTP/1.1\r\n" H "\r\n"));
    wire_send(&other, S("GET /count HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_next_is(&other, 200, "3"), "one above");
    gate_set(1);
    for (int i = 0; i < 5; i++)
        CHECK(wire_next_is(&w, 200, "through"), "request %d", i);
    wire_close(&w);
    wire_close(&other);
    ecom_http_server_free(server);
}

#define JSON_POST(path_)            \
    "POST " path_ " HTTP/1.1\r\n" H \
    "Content-Type: application/json\r\nContent-Length: 13\r\n\r\n{\"text\":\"hi\"}"

static void what_was_handed_on_keeps_no_thread_and_is_answered_in_its_place(void)
{
    ecom_http_options opts = options();
    ecom_error none = {0}, gone = {0};
    opts.threads = 1;
    ecom_http_server *server = wire_serve(&opts);
    struct wire w, other, left;

    nhanded = 0;
    CHECK(server && wire_open(&w, server) && wire_open(&other, server) && wire_open(&left, server),
          "no server");
    wire_send(&w, S("GET /later HTTP/1.1\r\n" H "\r\n"));
    await_handed(1);
    wire_send(&w, S("GET /later HTTP/1.1\r\n" H "\r\n"));
    await_handed(2);
    wire_send(&w, S("GET /at-once HTTP/1.1\r\n" H "\r\n"));
    wire_send(&left, S("GET /later HTTP/1.1\r\n" H "\r\n"));
    await_handed(3);
    wire_reset(&left);
    wire_send(&other, S("GET /count HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_next_is(&other, 200, "0"), "the only thread is there");

    CHECK(ecom_buf_append(ecom_exchange_out(handed_on[0]), S("first")) == ECOM_OK, "no memory");
    ecom_fail(&gone, ECOM_E_NOTFOUND, "not here");
    ecom_exchange_finish(handed_on[1], ECOM_E_NOTFOUND, &gone);
    ecom_exchange_finish(handed_on[0], ECOM_OK, &none);
    ecom_exchange_finish(handed_on[2], ECOM_OK, &none);
    CHECK(wire_next_is(&w, 200, "first"), "first");
    CHECK(wire_next_is(&w, 404, NULL), "second");
    CHECK(wire_next_is(&w, 202, NULL), "third");
    wire_close(&w);
    wire_close(&other);
    ecom_http_server_free(server);
}

static void *answer_the_first(void *server)
{
    ecom_error none = {0};

    (void)server;
    await_handed(2);
    ecom_exchange_finish(handed_on[0], ECOM_OK, &none);
    return NULL;
}

/* A drain waits for it. The test's second request is what starts the answer, so that the drain has
 * begun or is about to. */
static void a_stop_waits_for_what_was_handed_on(void)
{
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    pthread_t thread;

    nhanded = 0;
    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S("GET /later HTTP/1.1\r\n" H "\r\n"));
    await_handed(1);
    CHECK(pthread_create(&thread, NULL, answer_the_first, server) == 0, "no thread");
    pthread_mutex_lock(&lock);
    nhanded++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    ecom_http_server_stop(server, 20000);
    CHECK(wire_next_is(&w, 200, ""), "no answer");
    pthread_join(thread, NULL);
    wire_close(&w);
    ecom_http_server_free(server);
}

/* A request with a body of n bytes, in chunks or not. */
static void send_body(struct wire *w, size_t n, int chunked)
{
    char head[100], *body = malloc(n + 1);

    if (!body)
        abort();
    memset(body, 'b', n);
    snprintf(head, sizeof(head), "POST /gate HTTP/1.1\r\n" H "%s%zu\r\n\r\n",
             chunked ? "Transfer-Encoding: chunked\r\nX: " : "Content-Length: ", n);
    wire_send(w, ecom_str_of(head));
    snprintf(head, sizeof(head), "%zx\r\n", n);
    if (chunked)
        wire_send(w, ecom_str_of(head));
    wire_send(w, (ecom_str){body, n});
    if (chunked)
        wire_send(w, S("\r\n0\r\n\r\n"));
    free(body);
}

static void bodies_together_may_take_so_much_memory(void)
{
    enum { LARGE = 60000, SMALL = 16000 }; /* 64 KiB, and such as are not counted */
    ecom_http_options opts = options();
    struct wire held, small, more[2];
    struct wire_answer a;

    opts.max_bodies_bytes = 2 * 65536 - 1;
    ecom_http_server *server = wire_serve(&opts);
    CHECK(server && wire_open(&held, server) && wire_open(&small, server), "no server");
    send_body(&held, LARGE, 0);
    gate_await(1);
    for (int chunked = 0; chunked < 2; chunked++) {
        CHECK(wire_open(&more[chunked], server), "no connection");
        send_body(&more[chunked], LARGE, chunked);
        CHECK(wire_answer(&more[chunked], 0, &a) && a.status == 503, "status %d", a.status);
        CHECK(wire_header(&a, "Retry-After").p && wire_at_end(&more[chunked]), "it stays");
        wire_close(&more[chunked]);
        wire_answer_free(&a);
    }
    send_body(&small, SMALL, 0);
    gate_await(2);
    gate_set(1);
    CHECK(wire_answer(&small, 0, &a) && a.status == 200, "a small one: %d", a.status);
    wire_answer_free(&a);
    for (int i = 0; i < 3; i++) { /* what is answered is not counted any more */
        CHECK(wire_answer(&held, 0, &a) && a.status == 200, "%d: status %d", i, a.status);
        wire_answer_free(&a);
        if (i < 2)
            send_body(&held, LARGE, i);
    }
    wire_close(&held);
    wire_close(&small);
    ecom_http_server_free(server);
}

static void handlers_on_the_loop_need_no_thread(void)
{
    ecom_http_options opts = options();
    opts.threads = 1;
    ecom_http_server *server = wire_serve(&opts);
    struct wire held, w;

    CHECK(server && wire_open(&held, server) && wire_open(&w, server), "no server");
    wire_send(&held, S("GET /gate HTTP/1.1\r\n" H "\r\n"));
    gate_await(1);
    wire_send(&w, S("GET /loop HTTP/1.1\r\n" H
                    "\r\n" JSON_POST("/loop") "GET /loop/7 HTTP/1.1\r\n" H
                                              "\r\nHEAD /loop HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_next_is(&w, 200, "1"), "GET");
    CHECK(wire_next_is(&w, 200, "{\"text\":\"hi\"}"), "POST");
    CHECK(wire_next_is(&w, 404, NULL), "an error");
    struct wire_answer a;
    CHECK(wire_answer(&w, 1, &a) && a.status == 200, "HEAD");
    wire_answer_free(&a);
    wire_send(&w, S("POST /loop HTTP/1.1\r\n" H "Content-Type: application/json\r\n"
                    "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"));
    CHECK(wire_next_is(&w, 400, NULL), "a body against its record");
    gate_set(1);
    CHECK(wire_next_is(&held, 200, "through"), "the thread");
    wire_close(&held);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void errors_answer_head_without_a_body_and_stay(void)
{
    static const struct {
        const char *line;
        int status;
    } asked[] = {{"HEAD /nothing", 404},
                 {"HEAD /things/7", 404},
                 {"HEAD /loop/7", 404},
                 {"HEAD /notes", 405}};
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;
    char text[100];

    CHECK(server && wire_open(&w, server), "no server");
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        snprintf(text, sizeof(text), "%s HTTP/1.1\r\n" H "\r\n", asked[i].line);
        wire_send(&w, ecom_str_of(text));
        CHECK(wire_answer(&w, 1, &a), "no answer");
        CHECK_I64(asked[i].status, a.status);
        CHECK(atoi(wire_header(&a, "Content-Length").p) > 0, "no length of what GET gets");
        wire_answer_free(&a);
        wire_send(&w, S("GET /loop HTTP/1.1\r\n" H "\r\n"));
        CHECK(wire_next_is(&w, 200, "0"), "a body came, or the end");
    }
    wire_send(&w, S("HEAD / HTTP/1.1\r\n\r\n")); /* no Host */
    CHECK(wire_answer(&w, 1, &a) && a.status == 400 && wire_at_end(&w), "a body, or no end");
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

static void errors_answer_http_1_0_and_close_unless_it_asks_to_stay(void)
{
    static const char *const paths[] = {"/nothing", "/things/7", "/loop/7"};
    ecom_http_options opts = options();
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;
    char text[100];

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\n\r\n", paths[i]);
        CHECK(wire_refused(server, ecom_str_of(text), 404), "%s", paths[i]);
        CHECK(wire_open(&w, server), "no connection");
        snprintf(text, sizeof(text), "GET %s HTTP/1.0\r\nConnection: keep-alive\r\n\r\n", paths[i]);
        wire_send(&w, ecom_str_of(text));
        CHECK(wire_answer(&w, 0, &a) && a.status == 404, "%s", paths[i]);
        CHECK_STR("keep-alive", wire_header(&a, "Connection"));
        wire_answer_free(&a);
        wire_send(&w, S("GET /loop HTTP/1.0\r\n\r\n"));
        CHECK(wire_next_is(&w, 200, "0") && wire_at_end(&w), "the second");
        wire_close(&w);
    }
    ecom_http_server_free(server);
}

/* How much a peer has not taken yet, told in the kernel's place: each time one byte less, so that
 * it depends on nobody's speed. */
static int telling, told;

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    va_start(args, request);
    int *n = va_arg(args, int *);
    va_end(args);
    int r = __real_ioctl(fd, request, n);
    pthread_mutex_lock(&lock);
    if (request == TIOCOUTQ && telling) {
        *n = (1 << 30) - ++told;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return r;
}

static void tell(int on)
{
    pthread_mutex_lock(&lock);
    telling = on;
    told = 0;
    pthread_mutex_unlock(&lock);
}

/* Truth: the server asked so often how much is left. It gives up after 20 s. */
static int was_asked(int times)
{
    struct timespec until;
    int r = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 20;
    pthread_mutex_lock(&lock);
    while (told < times && r == 0)
        r = pthread_cond_timedwait(&changed, &lock, &until);
    pthread_mutex_unlock(&lock);
    return r == 0;
}

static void a_reader_that_is_slow_is_not_taken_for_gone(void)
{
    ecom_http_options opts = options();
    opts.write_timeout_ms = 5;
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    tell(1);
    wire_send(&w, S("GET /flood HTTP/1.1\r\n" H "\r\n"));
    CHECK(was_asked(20), "cut off after %d looks", told); /* nothing was read meanwhile */
    CHECK(wire_answer(&w, 0, &a), "cut off");
    CHECK_U64(32 << 20, a.body.n);
    tell(0);
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
}

static ecom_jwt *new_jwt(void)
{
    ecom_jwt_options opts = {.size = sizeof(opts), .secret = S("0123456789abcdef0123456789abcdef")};
    ecom_jwt *jwt = NULL;

    if (ecom_jwt_new(&opts, &jwt, NULL) < 0)
        abort();
    return jwt;
}

static void drop_line(void *user, ecom_level level, ecom_str id, const char *message,
                      const ecom_log_field *fields, size_t n)
{
    (void)user, (void)level, (void)id, (void)message, (void)fields, (void)n;
}

/* One world with its n-th allocation on any thread of the server failing; 0: none is left. */
static int without_memory(uint64_t n, const char *request)
{
    ecom_http_options opts = options();
    const ecom_log log = {.fn = drop_line};
    opts.metrics = ecom_metrics_new();
    opts.jwt = new_jwt();
    opts.log = &log;
    ecom_http_server *server = wire_serve(&opts);
    struct wire w;
    struct wire_answer a = {0};

    if (!server || !wire_open(&w, server))
        abort();
    check_alloc_fail_elsewhere_at(n);
    wire_send(&w, ecom_str_of(request));
    int whole = wire_answer(&w, 0, &a), failed = check_alloc_failed();
    check_alloc_fail_at(0);
    if (whole ? a.status != 200 && a.status != 503 : !failed) {
        printf("# allocation %d: %.*s\n", (int)n, (int)a.raw.n, a.raw.p ? a.raw.p : "");
        check_failed = 1;
    }
    int again = wire_status(server, S("GET /count HTTP/1.1\r\n" H "\r\n"));
    if (again != 200) {
        printf("# allocation %d: afterwards %d\n", (int)n, again);
        check_failed = 1;
    }
    wire_answer_free(&a);
    wire_close(&w);
    ecom_http_server_free(server);
    ecom_metrics_free(opts.metrics);
    ecom_jwt_free((ecom_jwt *)opts.jwt);
    return failed && !check_failed;
}

static void memory_that_fails_the_server_costs_one_request_at_most(void)
{
    static const char *const requests[] = {
        JSON_POST("/notes"), JSON_POST("/loop"), "GET /openapi.json HTTP/1.1\r\n" H "\r\n",
        "POST /notes HTTP/1.1\r\n" H "Content-Type: application/json\r\nTransfer-Encoding: chunked"
        "\r\nAuthorization: Bearer x.y.z\r\ntraceparent: 00-1-2-3\r\n\r\n"
        "6\r\n{\"text\r\n7\r\n\":\"hi\"}\r\n0\r\n\r\n"};

    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        uint64_t n = 1;
        while (n < 200 && without_memory(n, requests[i]))
            n++;
        CHECK(n > 3 && n < 200, "%d allocations", (int)n);
    }
}

static const struct check_case cases[] = {
    CASE(as_many_requests_are_under_way_as_the_pipeline_may_hold),
    CASE(what_was_handed_on_keeps_no_thread_and_is_answered_in_its_place),
    CASE(a_stop_waits_for_what_was_handed_on),
    CASE(bodies_together_may_take_so_much_memory),
    CASE(handlers_on_the_loop_need_no_thread),
    CASE(errors_answer_head_without_a_body_and_stay),
    CASE(errors_answer_http_1_0_and_close_unless_it_asks_to_stay),
    CASE(a_reader_that_is_slow_is_not_taken_for_gone),
    CASE(memory_that_fails_the_server_costs_one_request_at_most),
};

CHECK_MAIN("http-edges", cases)
