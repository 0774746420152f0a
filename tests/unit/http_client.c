/* The client, against the server and against peers that play a script. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_wire.h"

/* The client's clock is the machine's, and what tests and peers put it forward by. */
static _Atomic int64_t ahead_us;

static int64_t monotonic_us(void *self)
{
    const ecom_env *env = ecom_env_system();

    (void)self;
    return env->monotonic_us(env->self) + atomic_load(&ahead_us);
}

/* What a peer does, one after the other. BE_LATE: an hour goes by on the client's clock. */
enum act { ACCEPT, READ, SEND, BE_LATE, CLOSE, AWAIT_CLOSE, END };
struct step {
    enum act act;
    const char *text; /* what READ must find in the request; what SEND sends */
};

struct peer {
    int fd;
    char url[64];
    const struct step *steps;
    pthread_t thread;
    atomic_int at; /* the step that goes on */
    int failed;    /* the number of the step that did not go as written, from 1 */
};

/* Reads one request with its body. */
static int read_request(int fd, ecom_buf *in)
{
    struct pollfd p = {fd, POLLIN, 0};
    char *end, *length;

    in->n = 0;
    for (;;) {
        if (in->n && (end = memmem(in->p, in->n, "\r\n\r\n", 4))) {
            length = strstr(in->p, "Content-Length: ");
            size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
            if (in->n >= (size_t)(end - in->p) + 4 + body)
                return 1;
        }
        if (ecom_buf_reserve(in, 4096) < 0 || poll(&p, 1, 20000) != 1)
            return 0;
        ssize_t n = recv(fd, in->p + in->n, 4096, 0);
        if (n <= 0)
            return 0;
        in->n += (size_t)n;
        in->p[in->n] = '\0';
    }
}

static int at_end(int fd)
{
    struct pollfd p = {fd, POLLIN, 0};
    char c;

    return poll(&p, 1, 20000) == 1 && recv(fd, &c, 1, 0) <= 0;
}

/* Comes back when the other end has taken note. */
static void say_the_end(int fd)
{
    struct tcp_info info = {.tcpi_state = TCP_FIN_WAIT1};
    socklen_t n = sizeof(info);

    shutdown(fd, SHUT_WR);
    while (info.tcpi_state == TCP_FIN_WAIT1 &&
           getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &n) == 0)
        sched_yield();
}

static void *play(void *arg)
{
    struct peer *peer = arg;
    ecom_buf in = {0};
    int fd = -1, ok = 1;

    for (int i = 0; ok && peer->steps[i].act != END; i++) {
        const struct step *s = &peer->steps[i];
        atomic_store(&peer->at, i);
        if (s->act == ACCEPT)
            ok = (fd = accept(peer->fd, NULL, NULL)) >= 0;
        else if (s->act == READ)
            ok = read_request(fd, &in) && (!s->text || strstr(in.p, s->text));
        else if (s->act == SEND)
            ok = send(fd, s->text, strlen(s->text), MSG_NOSIGNAL) > 0;
        else if (s->act == BE_LATE)
            atomic_fetch_add(&ahead_us, INT64_C(3600000000));
        else if (s->act == CLOSE)
            say_the_end(fd);
        else if (s->act == AWAIT_CLOSE)
            ok = at_end(fd);
        if (s->act == CLOSE || s->act == AWAIT_CLOSE || !ok) {
            close(fd);
            fd = -1;
        }
        peer->failed = ok ? 0 : i + 1;
    }
    if (fd >= 0)
        close(fd);
    ecom_buf_free(&in);
    return NULL;
}

/* A socket with a port of its own, where nobody listens yet; -1: there is none. */
static int bound(char url[64])
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t n = sizeof(at);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (bind(fd, (struct sockaddr *)&at, n) < 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) < 0) {
        close(fd);
        return -1;
    }
    snprintf(url, 64, "http://127.0.0.1:%d", ntohs(at.sin_port));
    return fd;
}

static int peer_start(struct peer *peer, const struct step *steps)
{
    struct timeval patience = {20, 0};

    *peer = (struct peer){.steps = steps};
    peer->fd = bound(peer->url);
    setsockopt(peer->fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    return listen(peer->fd, 16) == 0 && pthread_create(&peer->thread, NULL, play, peer) == 0;
}

/* The step that failed, 0: all went as written. */
static int peer_end(struct peer *peer)
{
    pthread_join(peer->thread, NULL);
    close(peer->fd);
    return peer->failed;
}

/* Ends it wherever it is, once nobody is connected to it. */
static void peer_stop(struct peer *peer)
{
    shutdown(peer->fd, SHUT_RDWR);
    peer_end(peer);
}

static void peer_await(struct peer *peer, int step)
{
    while (atomic_load(&peer->at) < step)
        sched_yield();
}

/* A client and room for its answers. */
struct caller {
    ecom_http_client *client;
    ecom_arena *arena;
    ecom_http_answer answer;
    ecom_error e;
};

static int caller_open(struct caller *c, ecom_http_client_options opts)
{
    static ecom_env env;

    env = *ecom_env_system();
    env.monotonic_us = monotonic_us;
    opts.env = &env;
    opts.size = sizeof(opts);
    *c = (struct caller){.arena = ecom_arena_new(0)};
    return c->arena && ecom_http_client_new(&opts, &c->client, &c->e) == ECOM_OK;
}

static void caller_close(struct caller *c)
{
    ecom_http_client_free(c->client);
    ecom_arena_free(c->arena);
}

static int call(struct caller *c, const char *method, const char *url, const char *body)
{
    ecom_http_call in = {.method = method, .url = url, .body = ecom_str_of(body)};

    return ecom_http_client_send(c->client, &in, c->arena, &c->answer, &c->e);
}

#define CALL(want_, c_, method_, url_, body_) \
    CHECK_CODE(want_, call(c_, method_, url_, body_), (c_)->e)

static int echo(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_str h = ecom_exchange_header(x, "x-thing"), body = ecom_exchange_body(x);

    (void)user, (void)err;
    return ecom_buf_printf(ecom_exchange_out(x), "%.*s %.*s %.*s", (int)ecom_exchange_method(x).n,
                           ecom_exchange_method(x).p, (int)h.n, h.p ? h.p : "", (int)body.n,
                           body.p ? body.p : "");
}

static int refuse(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x;
    ecom_fail_field(err, ECOM_E_EXISTS, "email", "is there already");
    return ECOM_E_EXISTS;
}

static int busy(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)x;
    ecom_fail(err, ECOM_E_RATE, "too often");
    err->retry_after_ms = 2500;
    return ECOM_E_RATE;
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/echo", .handle = echo},
    {.method = "POST", .pattern = "/echo", .handle = echo},
    {.method = "POST", .pattern = "/refuse", .handle = refuse},
    {.method = "GET", .pattern = "/busy", .handle = busy},
};

static void calls_to_the_server_share_a_connection(void)
{
    ecom_metrics *metrics = ecom_metrics_new();
    ecom_http_options opts = {
        .routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0]), .metrics = metrics};
    ecom_http_server *server = wire_serve(&opts);
    struct caller c;
    char url[64];

    CHECK(server && caller_open(&c, (ecom_http_client_options){0}), "no world");
    snprintf(url, sizeof(url), "http://localhost:%d/echo?a", (int)ecom_http_server_port(server));
    CALL(ECOM_OK, &c, "GET", url, NULL);
    CHECK_I64(200, c.answer.status);
    CHECK_STR("GET  ", c.answer.body);
    CHECK_STR("application/json", c.answer.content_type);
    CALL(ECOM_OK, &c, "POST", url, "hello");
    CHECK_STR("POST  hello", c.answer.body);
    CALL(ECOM_OK, &c, "POST", url, NULL);
    CALL(ECOM_OK, &c, "HEAD", url, NULL);
    CHECK_STR("", c.answer.body);
    ecom_header h = {S("X-Thing"), S("thing")};
    ecom_http_call in = {.method = "GET", .url = url, .headers = &h, .nheaders = 1};
    CHECK_CODE(ECOM_OK, ecom_http_client_send(c.client, &in, c.arena, &c.answer, &c.e), c.e);
    CHECK_STR("GET thing ", c.answer.body);
    CHECK_I64(1, ecom_series_value(
                     ecom_metrics_series(metrics, ECOM_GAUGE, "ecom_http_connections", "", NULL)));
    caller_close(&c);
    ecom_http_server_free(server);
    ecom_metrics_free(metrics);
}

static void a_problem_becomes_the_error_that_it_was(void)
{
    ecom_http_options opts = {.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};
    ecom_http_server *server = wire_serve(&opts);
    struct caller c;
    char url[64];

    CHECK(server && caller_open(&c, (ecom_http_client_options){0}), "no world");
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/refuse", (int)ecom_http_server_port(server));
    CALL(ECOM_OK, &c, "POST", url, "x");
    CHECK_CODE(ECOM_E_EXISTS, ecom_http_answer_error(&c.answer, &c.e), c.e);
    CHECK_STR("email: is there already", ecom_str_of(c.e.text));
    CHECK_STR("email", ecom_str_of(c.e.field));
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/busy", (int)ecom_http_server_port(server));
    CALL(ECOM_OK, &c, "GET", url, NULL);
    CHECK_CODE(ECOM_E_RATE, ecom_http_answer_error(&c.answer, &c.e), c.e);
    CHECK_I64(3000, c.e.retry_after_ms);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/none", (int)ecom_http_server_port(server));
    CALL(ECOM_OK, &c, "GET", url, NULL);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_http_answer_error(&c.answer, &c.e), c.e);
    c.answer = (ecom_http_answer){.status = 201};
    CHECK_CODE(ECOM_OK, ecom_http_answer_error(&c.answer, &c.e), c.e);
    static const struct {
        int status, code;
    } codes[] = {{400, ECOM_E_INVAL},    {401, ECOM_E_UNAUTHENTICATED}, {403, ECOM_E_FORBIDDEN},
                 {405, ECOM_E_INVAL},    {408, ECOM_E_TIMEOUT},         {409, ECOM_E_CONFLICT},
                 {413, ECOM_E_TOOLARGE}, {418, ECOM_E_INVAL},           {429, ECOM_E_RATE},
                 {500, ECOM_E_BACKEND},  {502, ECOM_E_UNAVAILABLE},     {503, ECOM_E_UNAVAILABLE},
                 {504, ECOM_E_TIMEOUT},  {599, ECOM_E_BACKEND}};
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        c.answer = (ecom_http_answer){.status = codes[i].status, .body = S("<html>")};
        CHECK_CODE(codes[i].code, ecom_http_answer_error(&c.answer, &c.e), c.e);
        CHECK(c.e.text[0], "no text");
    }
    /* A code that does not go with the status is not believed. */
    c.answer = (ecom_http_answer){.status = 404, .body = S("{\"code\":\"EXISTS\",\"detail\":7}")};
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_http_answer_error(&c.answer, &c.e), c.e);
    caller_close(&c);
    ecom_http_server_free(server);
}

#define OK_ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void a_response_is_read_by_length_in_chunks_or_to_the_end(void)
{
    static const struct step steps[] = {
        {ACCEPT, NULL},
        {READ, "GET /a?b=c HTTP/1.1\r\nHost: 127.0.0.1:"},
        {SEND, OK_},
        {READ, "GET / HTTP/1.1\r\n"},
        {SEND, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
               "3\r\nabc\r\n3;x\r\ndef\r\n0\r\nX: y\r\n\r\n"},
        {READ, "GET /?q HTTP/1.1\r\n"},
        {SEND, "HTTP/1.1 204 No Content\r\n\r\n"},
        {READ, NULL},
        {SEND, "HTTP/1.1 200\r\nRetry-After: 7\r\n\r\nto the end"},
        {CLOSE, NULL},
        {ACCEPT, NULL},
        {READ, NULL},
        {SEND, "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"},
        {AWAIT_CLOSE, NULL},
        {ACCEPT, NULL},
        {READ, NULL},
        {SEND, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"},
        {AWAIT_CLOSE, NULL},
        {END, NULL}};
    struct peer peer;
    struct caller c;
    char url[100];

    CHECK(peer_start(&peer, steps) && caller_open(&c, (ecom_http_client_options){0}), "no world");
    snprintf(url, sizeof(url), "%s/a?b=c", peer.url);
    CALL(ECOM_OK, &c, "GET", url, NULL);
    CHECK_STR("ok", c.answer.body);
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CHECK_STR("abcdef", c.answer.body);
    snprintf(url, sizeof(url), "%s?q", peer.url);
    CALL(ECOM_OK, &c, "GET", url, NULL);
    CHECK_I64(204, c.answer.status);
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CHECK_STR("to the end", c.answer.body);
    CHECK_STR("7", c.answer.retry_after);
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CHECK_I64(0, peer_end(&peer));
    caller_close(&c);
}

static void a_stale_connection_is_replaced_and_no_call_sent_twice(void)
{
    static const struct step steps[] = {
        {ACCEPT, NULL}, {READ, NULL},     {SEND, OK_}, {CLOSE, NULL},
        {ACCEPT, NULL}, {READ, "POST"},   {SEND, OK_}, /* the end was seen before it was used */
        {READ, "GET"},  {CLOSE, NULL}, /* it ends instead of an answer: again, as it is safe */
        {ACCEPT, NULL}, {READ, "GET"},    {SEND, OK_}, {READ, "POST"},
        {CLOSE, NULL}, /* not again */
        {ACCEPT, NULL}, {READ, "second"}, {SEND, OK_}, {READ, "third"},
        {CLOSE, NULL}, /* again, with a key */
        {ACCEPT, NULL}, {READ, "third"},  {SEND, OK_}, {END, NULL}};
    struct peer peer;
    struct caller c;

    CHECK(peer_start(&peer, steps) && caller_open(&c, (ecom_http_client_options){0}), "no world");
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    peer_await(&peer, 4);
    CALL(ECOM_OK, &c, "POST", peer.url, "zero");
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CALL(ECOM_E_UNAVAILABLE, &c, "POST", peer.url, "first");
    CALL(ECOM_OK, &c, "POST", peer.url, "second");
    ecom_http_call in = {.method = "POST", .url = peer.url, .body = S("third"), .retry = 1};
    CHECK_CODE(ECOM_OK, ecom_http_client_send(c.client, &in, c.arena, &c.answer, &c.e), c.e);
    CHECK_I64(0, peer_end(&peer));
    caller_close(&c);
}

#define BUSY_ "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"

static void a_connection_nobody_needs_any_more_is_closed_by_calls_to_others(void)
{
    static const struct step once[] = {{ACCEPT, NULL}, {READ, NULL}, {SEND, OK_}, {END, NULL}};
    static const struct step until_closed[] = {
        {ACCEPT, NULL}, {READ, NULL}, {SEND, OK_}, {AWAIT_CLOSE, NULL}, {END, NULL}};
    struct peer left, other;
    struct caller c;

    CHECK(peer_start(&left, until_closed) && peer_start(&other, once) &&
              caller_open(&c, (ecom_http_client_options){.idle_timeout_ms = 1000000}),
          "no world");
    CALL(ECOM_OK, &c, "GET", left.url, NULL);
    atomic_fetch_add(&ahead_us, INT64_C(1001000000));
    CALL(ECOM_OK, &c, "GET", other.url, NULL);
    CHECK_I64(0, peer_end(&left));
    CHECK_I64(0, peer_end(&other));
    caller_close(&c);
}

static void safe_calls_are_tried_again_so_many_times_and_others_are_not(void)
{
    static const struct step steps[] = {
        {ACCEPT, NULL}, {READ, "GET"},  {SEND, BUSY_}, {READ, "GET"}, {SEND, BUSY_}, {READ, "GET"},
        {SEND, OK_},    {READ, "GET"},  {SEND, BUSY_}, {READ, "GET"}, {SEND, BUSY_}, {READ, "GET"},
        {SEND, BUSY_},  {READ, "POST"}, {SEND, BUSY_}, {END, NULL}};
    struct peer peer;
    struct caller c;

    CHECK(peer_start(&peer, steps) && caller_open(&c, (ecom_http_client_options){0}), "no world");
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CHECK_I64(200, c.answer.status);
    CALL(ECOM_OK, &c, "GET", peer.url, NULL);
    CHECK_I64(503, c.answer.status);
    CALL(ECOM_OK, &c, "POST", peer.url, "x");
    CHECK_I64(503, c.answer.status);
    CHECK_I64(0, peer_end(&peer));
    caller_close(&c);
}

static void a_malformed_response_is_no_answer(void)
{
    static const char *const bad[] = {
        "HTP/1.1 200 OK\r\n\r\n",
        "HTTP/2.0 200 OK\r\n\r\n",
        "HTTP/1.1 20 OK\r\n\r\n",
        "HTTP/1.1 999 OK\r\n\r\n",
        "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
        "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
        "\r\nHTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\na",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
        "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
        "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        "HTTP/1.1 200 OK\r\nX: y",
    };
    struct caller c;

    CHECK(caller_open(&c, (ecom_http_client_options){.max_tries = 1}), "no client");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const struct step steps[] = {
            {ACCEPT, NULL}, {READ, NULL}, {SEND, bad[i]}, {CLOSE, NULL}, {END, NULL}};
        struct peer peer;
        CHECK(peer_start(&peer, steps), "no peer");
        int r = call(&c, "GET", peer.url, NULL);
        CHECK(r == ECOM_E_UNAVAILABLE, "case %zu: %s", i, bad[i]);
        CHECK_I64(0, peer_end(&peer));
    }
    caller_close(&c);
}

static void a_response_may_be_as_long_as_its_limit(void)
{
    static const struct {
        int code;
        const char *text;
    } answers[] = {
        {ECOM_OK, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n12345"},
        {ECOM_E_TOOLARGE, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n123456"},
        {ECOM_OK, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n"},
        {ECOM_E_TOOLARGE,
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n1\r\n6\r\n0\r\n\r\n"},
        {ECOM_OK, "HTTP/1.1 200 OK\r\n\r\n12345"},
        {ECOM_E_TOOLARGE, "HTTP/1.1 200 OK\r\n\r\n123456"},
    };
    struct caller c;

    CHECK(caller_open(&c, (ecom_http_client_options){.max_response_bytes = 5}), "no client");
    for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++) {
        const struct step steps[] = {
            {ACCEPT, NULL}, {READ, NULL}, {SEND, answers[i].text}, {CLOSE, NULL}, {END, NULL}};
        struct peer peer;
        CHECK(peer_start(&peer, steps), "no peer");
        CALL(answers[i].code, &c, "GET", peer.url, NULL);
        CHECK_I64(0, peer_end(&peer));
    }
    caller_close(&c);
}

static void heads_and_interim_responses_are_bounded(void)
{
    ecom_buf many = {0}, wide = {0};
    struct caller c;

    for (int i = 0; i < 9; i++)
        CHECK(ecom_buf_printf(&many, "HTTP/1.1 103 Early Hints\r\n\r\n") == 0, "memory");
    CHECK(ecom_buf_printf(&wide, "HTTP/1.1 200 OK\r\nX: %065536d\r\n\r\n", 0) == 0, "memory");
    CHECK(caller_open(&c, (ecom_http_client_options){.max_tries = 1}), "no client");
    const ecom_buf *texts[] = {&many, &wide};
    const int codes[] = {ECOM_E_UNAVAILABLE, ECOM_E_TOOLARGE};
    for (int i = 0; i < 2; i++) {
        const struct step steps[] = {
            {ACCEPT, NULL}, {READ, NULL}, {SEND, texts[i]->p}, {AWAIT_CLOSE, NULL}, {END, NULL}};
        struct peer peer;
        CHECK(peer_start(&peer, steps), "no peer");
        CALL(codes[i], &c, "GET", peer.url, NULL);
        CHECK_I64(0, peer_end(&peer));
    }
    ecom_buf_free(&many);
    ecom_buf_free(&wide);
    caller_close(&c);
}

static void a_call_ends_at_its_deadline(void)
{
    static const struct step steps[] = {{ACCEPT, NULL},      {READ, NULL},
                                        {BE_LATE, NULL},     {SEND, "HTTP/1.1 200 OK\r\n"},
                                        {AWAIT_CLOSE, NULL}, {END, NULL}};
    struct peer peer;
    struct caller c;

    CHECK(peer_start(&peer, steps) && caller_open(&c, (ecom_http_client_options){0}), "no world");
    ecom_http_call in = {.method = "GET", .url = peer.url, .timeout_ms = 600000};
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_http_client_send(c.client, &in, c.arena, &c.answer, &c.e), c.e);
    CHECK_I64(0, peer_end(&peer));
    caller_close(&c);
}

static void nobody_there_is_unavailable(void)
{
    struct caller c;
    char url[64];
    int nobody = bound(url);

    CHECK(nobody >= 0 && caller_open(&c, (ecom_http_client_options){.max_tries = 2}), "no client");
    CALL(ECOM_E_UNAVAILABLE, &c, "POST", url, "x");
    CHECK_TEXT("refused", c.e);
    CALL(ECOM_E_UNAVAILABLE, &c, "GET", "http://host.invalid/", NULL);
    caller_close(&c);
    close(nobody);
}

static void a_server_may_answer_before_it_has_the_body(void)
{
    ecom_http_options opts = {
        .routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0]), .max_body_bytes = 10};
    ecom_http_server *server = wire_serve(&opts);
    size_t n = 4 << 20;
    char *big = calloc(1, n + 1), url[64];
    struct caller c;

    CHECK(big && server && caller_open(&c, (ecom_http_client_options){0}), "no world");
    memset(big, 'b', n);
    snprintf(url, sizeof(url), "http://127.0.0.1:%d/echo", (int)ecom_http_server_port(server));
    CALL(ECOM_OK, &c, "POST", url, big);
    CHECK_I64(413, c.answer.status);
    CALL(ECOM_OK, &c, "POST", url, "small");
    CHECK_I64(200, c.answer.status);
    free(big);
    caller_close(&c);
    ecom_http_server_free(server);
}

static void calls_that_cannot_be_made_are_refused(void)
{
    static const char *const urls[] = {"",
                                       "https://a/",
                                       "ftp://a/",
                                       "http://",
                                       "http:///x",
                                       "http://a b",
                                       "http://a/\n",
                                       "http://a/#x",
                                       "http://u:p@a/",
                                       "http://a:0/",
                                       "http://a:65536/",
                                       "http://a:x/",
                                       "http://a:/",
                                       "http://[::1/",
                                       "http://[::1]x/",
                                       "http://a\x80/",
                                       "http://a,b/",
                                       "http://a:123456/"};
    static const ecom_header bad[] = {{{"X\r\n", 3}, {"y", 1}},
                                      {{"X", 1}, {"y\r\nZ: z", 7}},
                                      {{"", 0}, {"y", 1}},
                                      {{"Host", 4}, {"y", 1}},
                                      {{"content-length", 14}, {"1", 1}}};
    struct caller c;

    CHECK(caller_open(&c, (ecom_http_client_options){0}), "no client");
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        int r = call(&c, "GET", urls[i], NULL);
        CHECK(r == ECOM_E_INVAL, "%s: %s", urls[i], check_code(r));
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ecom_http_call in = {
            .method = "GET", .url = "http://a/", .headers = &bad[i], .nheaders = 1};
        CHECK_CODE(ECOM_E_INVAL, ecom_http_client_send(c.client, &in, c.arena, &c.answer, &c.e),
                   c.e);
    }
    CALL(ECOM_E_INVAL, &c, "G T", "http://a/", NULL);
    CALL(ECOM_E_INVAL, &c, NULL, "http://a/", NULL);
    caller_close(&c);
}

static void a_call_without_memory_fails_whole(void)
{
    struct caller c;
    int done = 0;

    for (uint64_t n = 1; !done; n++) {
        static const struct step steps[] = {
            {ACCEPT, NULL},
            {READ, NULL},
            {SEND, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"},
            {END, NULL}};
        struct peer peer;
        CHECK(peer_start(&peer, steps), "no peer");
        CHECK(caller_open(&c, (ecom_http_client_options){.max_tries = 1}), "no client");
        check_alloc_fail_at(n);
        int r = call(&c, "GET", peer.url, NULL);
        done = !check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || (!done && r < 0), "%s: %s", check_code(r), c.e.text);
        caller_close(&c);
        peer_stop(&peer);
        CHECK(n < 100, "no end of allocations");
    }
}

static void calls_sent_together_end_each_for_itself(void)
{
    static const struct step hangs[] = {{ACCEPT, NULL},      {READ, NULL},
                                        {BE_LATE, NULL},     {SEND, "HTTP/1.1 200"},
                                        {AWAIT_CLOSE, NULL}, {END, NULL}};
    static const struct step answers[] = {
        {ACCEPT, NULL}, {READ, "GET /b "}, {SEND, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"},
        {SEND, "ok"},   {CLOSE, NULL},     {END, NULL}};
    static const struct step busy[] = {{ACCEPT, NULL},
                                       {READ, NULL},
                                       {SEND, "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"},
                                       {READ, NULL},
                                       {SEND, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nagain"},
                                       {CLOSE, NULL},
                                       {END, NULL}};
    enum { LONG_MS = 6000000 }; /* longer than one of them is late by */
    static const ecom_http_client_options opts = {.max_tries = 2,
                                                  .timeout_ms = LONG_MS,
                                                  .connect_timeout_ms = LONG_MS,
                                                  .idle_timeout_ms = LONG_MS};
    struct peer hung, quick, full;
    char at_b[80], at_nobody[64];
    struct caller c;
    int nobody = bound(at_nobody);

    CHECK(nobody >= 0, "no port");
    CHECK(peer_start(&hung, hangs) && peer_start(&quick, answers) && peer_start(&full, busy) &&
              caller_open(&c, opts),
          "no world");
    snprintf(at_b, sizeof(at_b), "%s/b", quick.url);
    const ecom_http_call calls[] = {
        {.method = "GET", .url = hung.url, .timeout_ms = 600000},
        {.method = "POST", .url = at_nobody},
        {.method = "GET", .url = at_b},
        {.method = "GET", .url = "ftp://x/"},
        {.method = "GET", .url = full.url},
    };
    ecom_http_result results[5];
    CHECK_CODE(ECOM_OK, ecom_http_client_send_all(c.client, calls, 5, c.arena, results, &c.e), c.e);
    CHECK_I64(ECOM_E_TIMEOUT, results[0].code);
    CHECK_TEXT("no answer in time", results[0].err);
    CHECK_I64(ECOM_E_UNAVAILABLE, results[1].code);
    CHECK_CODE(ECOM_OK, results[2].code, results[2].err);
    CHECK_STR("ok", results[2].answer.body);
    CHECK_I64(ECOM_E_INVAL, results[3].code);
    CHECK_CODE(ECOM_OK, results[4].code, results[4].err);
    CHECK_STR("again", results[4].answer.body);
    CHECK_I64(0, peer_end(&hung));
    CHECK_I64(0, peer_end(&quick));
    CHECK_I64(0, peer_end(&full));
    CHECK_CODE(ECOM_OK, ecom_http_client_send_all(c.client, NULL, 0, c.arena, NULL, &c.e), c.e);
    caller_close(&c);
    close(nobody);
}

static const struct check_case cases[] = {
    CASE(calls_to_the_server_share_a_connection),
    CASE(a_problem_becomes_the_error_that_it_was),
    CASE(a_response_is_read_by_length_in_chunks_or_to_the_end),
    CASE(a_stale_connection_is_replaced_and_no_call_sent_twice),
    CASE(a_connection_nobody_needs_any_more_is_closed_by_calls_to_others),
    CASE(safe_calls_are_tried_again_so_many_times_and_others_are_not),
    CASE(a_malformed_response_is_no_answer),
    CASE(a_response_may_be_as_long_as_its_limit),
    CASE(heads_and_interim_responses_are_bounded),
    CASE(a_call_ends_at_its_deadline),
    CASE(nobody_there_is_unavailable),
    CASE(a_server_may_answer_before_it_has_the_body),
    CASE(calls_that_cannot_be_made_are_refused),
    CASE(a_call_without_memory_fails_whole),
    CASE(calls_sent_together_end_each_for_itself),
};

CHECK_MAIN("http-client", cases)
