/* What a server holds for peers that do nothing: bodies that do not come on, and answers that
 * nobody reads. */
#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "ecom/stream.h"
#include "http_wire.h"

#define H "Host: a\r\n"

enum {
    /* Longer than what the two ends of a local connection buffer, in memory of 16 MiB. */
    LARGE = (16 << 20) - 1,
    MAX_CONNS = 4
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static ecom_exchange *handed_on; /* under the lock, as the next */
static ecom_stream *stream;

/* How much a peer has not acknowledged, told in the kernel's place, so that it depends on nobody's
 * speed: of those that take something each time less, by as much as an answer has, of others more.
 */
static uint16_t taking[MAX_CONNS]; /* ports, under the lock, as the next */
static int looks;

static int takes(int fd)
{
    struct sockaddr_in peer = {0};
    socklen_t n = sizeof(peer);

    getpeername(fd, (struct sockaddr *)&peer, &n);
    for (int i = 0; i < MAX_CONNS; i++)
        if (taking[i] && taking[i] == peer.sin_port)
            return 1;
    return 0;
}

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...)
{
    va_list args;

    va_start(args, request);
    int *n = va_arg(args, int *);
    va_end(args);
    int r = __real_ioctl(fd, request, n);
    if (request == TIOCOUTQ) {
        pthread_mutex_lock(&lock);
        looks++;
        *n = (1 << 30) + (takes(fd) ? -looks : looks) * LARGE;
        pthread_mutex_unlock(&lock);
    }
    return r;
}

static void take_something(const struct wire *w, int i)
{
    struct sockaddr_in own = {0};
    socklen_t n = sizeof(own);

    getsockname(w->fd, (struct sockaddr *)&own, &n);
    pthread_mutex_lock(&lock);
    taking[i] = own.sin_port;
    pthread_mutex_unlock(&lock);
}

static int flood(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_buf *out = ecom_exchange_out(x);

    (void)user, (void)err;
    if (ecom_buf_reserve(out, LARGE) < 0)
        return ECOM_E_NOMEM;
    memset(out->p, 'f', LARGE);
    out->n = LARGE;
    return ECOM_OK;
}

static int hand_on(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    pthread_mutex_lock(&lock);
    handed_on = x;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
    return ECOM_HTTP_LATER;
}

static int begin_stream(void *user, ecom_exchange *x, ecom_error *err)
{
    const ecom_stream_options opts = {.size = sizeof(opts), .max_queue_bytes = LARGE};
    ecom_stream *made;
    int r = ecom_exchange_stream(x, &opts, &made, err);

    (void)user;
    pthread_mutex_lock(&lock);
    stream = r == ECOM_OK ? made : NULL;
    pthread_mutex_unlock(&lock);
    return r;
}

static int echo_length(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_printf(ecom_exchange_out(x), "%zu", ecom_exchange_body(x).n);
}

#define LOOP .flags = ECOM_ROUTE_ON_LOOP
static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/flood", .handle = flood, LOOP},
    {.method = "POST", .pattern = "/flood", .handle = flood, LOOP},
    {.method = "GET", .pattern = "/later", .handle = hand_on},
    {.method = "GET", .pattern = "/stream", .handle = begin_stream},
    {.method = "POST", .pattern = "/length", .handle = echo_length},
    {.method = "GET", .pattern = "/length", .handle = echo_length, LOOP},
};

/* A server that holds so much, and connections to it. */
struct world {
    ecom_http_server *server;
    struct wire w[MAX_CONNS];
};

static void world_open(struct world *world, uint32_t max_unread, uint32_t max_bodies)
{
    ecom_http_options opts = {.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};

    pthread_mutex_lock(&lock);
    memset(taking, 0, sizeof(taking));
    looks = 0;
    handed_on = NULL;
    pthread_mutex_unlock(&lock);
    opts.max_unread_bytes = max_unread;
    opts.max_bodies_bytes = max_bodies;
    world->server = wire_serve(&opts);
    if (!world->server)
        abort();
    for (int i = 0; i < MAX_CONNS; i++)
        if (!wire_open(&world->w[i], world->server))
            abort();
}

static void world_close(struct world *world)
{
    for (int i = 0; i < MAX_CONNS; i++)
        wire_close(&world->w[i]);
    ecom_http_server_free(world->server);
}

/* Truth: something of an answer is there; nothing is taken. */
static int begins(const struct wire *w)
{
    struct pollfd p = {w->fd, POLLIN, 0};

    return poll(&p, 1, 60000) == 1;
}

static int ask_for_much(struct wire *w)
{
    wire_send(w, S("GET /flood HTTP/1.1\r\n" H "\r\n"));
    return begins(w);
}

/* Takes an answer of as many bytes. */
static int takes_whole(struct wire *w, size_t n)
{
    struct wire_answer a;
    int ok = wire_answer(w, 0, &a) && a.status == 200 && a.body.n == n;

    if (!ok)
        printf("# status %d, %zu bytes\n", a.status, a.body.n);
    wire_answer_free(&a);
    return ok;
}

static void who_has_not_read_for_longest_makes_room(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 5 * (LARGE / 2), 0);
    for (int i = 0; i < 3; i++)
        CHECK(ask_for_much(&w[i]), "no answer %d", i);
    CHECK(wire_cut_off(&w[0]), "the first stays");
    for (int round = 0; round < 3; round++) { /* what is read is not counted any more */
        CHECK(takes_whole(&w[1], LARGE), "the second, round %d", round);
        CHECK(ask_for_much(&w[1]), "no answer");
    }
    CHECK(takes_whole(&w[1], LARGE) && takes_whole(&w[2], LARGE), "the others");
    world_close(&world);
}

static void who_takes_something_now_and_then_stays(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 5 * (LARGE / 2), 0);
    take_something(&w[0], 0);
    for (int i = 0; i < 3; i++)
        CHECK(ask_for_much(&w[i]), "no answer %d", i);
    CHECK(wire_cut_off(&w[1]), "the one that takes nothing stays");
    CHECK(takes_whole(&w[0], LARGE) && takes_whole(&w[2], LARGE), "the others");
    world_close(&world);
}

static void the_bound_holds_when_all_take_something(void)
{
    struct world world;
    int whole = 0;

    world_open(&world, 5 * (LARGE / 2), 0);
    for (int i = 0; i < 3; i++)
        take_something(&world.w[i], i);
    for (int i = 0; i < 3; i++)
        CHECK(ask_for_much(&world.w[i]), "no answer %d", i);
    for (int i = 0; i < 3; i++) {
        struct wire_answer a;
        whole += wire_answer(&world.w[i], 0, &a);
        wire_answer_free(&a);
    }
    CHECK_I64(2, whole);
    world_close(&world);
}

static void an_answer_beyond_the_bound_costs_nobody_else(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 3 * (LARGE / 2), 0);
    CHECK(ask_for_much(&w[0]), "no answer");
    wire_send(&w[1], S("GET /flood HTTP/1.1\r\n" H "\r\nGET /flood HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_cut_off(&w[1]), "two answers for one that does not read");
    CHECK(takes_whole(&w[0], LARGE), "the other");
    world_close(&world);
}

static void answers_behind_one_that_is_not_ready_count(void)
{
    struct world world;
    struct wire *w = world.w;
    ecom_error none = {0};

    world_open(&world, 3 * (LARGE / 2), 0);
    wire_send(&w[0], S("GET /later HTTP/1.1\r\n" H "\r\n"));
    pthread_mutex_lock(&lock);
    while (!handed_on)
        pthread_cond_wait(&changed, &lock);
    ecom_exchange *x = handed_on;
    pthread_mutex_unlock(&lock);
    wire_send(&w[0], S("GET /flood HTTP/1.1\r\n" H "\r\nGET /flood HTTP/1.1\r\n" H "\r\n"));
    CHECK(wire_cut_off(&w[0]), "it stays");
    ecom_exchange_finish(x, ECOM_OK, &none);
    CHECK(ask_for_much(&w[1]) && takes_whole(&w[1], LARGE), "the other");
    world_close(&world);
}

static void what_waits_in_a_stream_counts(void)
{
    struct world world;
    struct wire *w = world.w;
    struct wire_answer head;
    ecom_buf much = {0};

    world_open(&world, 3 * (LARGE / 2), 0);
    CHECK(ecom_buf_reserve(&much, LARGE / 2) == ECOM_OK, "no memory");
    memset(much.p, 's', LARGE / 2);
    much.n = LARGE / 2;
    wire_send(&w[0], S("GET /stream HTTP/1.1\r\n" H "\r\n"));
    CHECK(begins(&w[0]), "no stream");
    pthread_mutex_lock(&lock);
    ecom_stream *s = stream;
    pthread_mutex_unlock(&lock);
    CHECK(s && wire_answer(&w[0], 1, &head), "no head");
    wire_answer_free(&head);
    CHECK(ecom_stream_send(s, ecom_buf_str(&much)) == ECOM_OK && begins(&w[0]), "not sent");
    ecom_buf_free(&much);
    CHECK(ask_for_much(&w[1]), "no answer");
    CHECK(wire_cut_off(&w[0]), "the stream stays");
    CHECK(takes_whole(&w[1], LARGE), "the other");
    ecom_stream_unref(s);
    world_close(&world);
}

static void send_body(struct wire *w, const char *path, size_t n)
{
    ecom_buf all = {0};
    int r = ecom_buf_printf(&all, "POST %s HTTP/1.1\r\n" H "Content-Length: %zu\r\n\r\n%0*d", path,
                            n, (int)n, 0);

    if (r < 0)
        abort();
    wire_send(w, ecom_buf_str(&all));
    ecom_buf_free(&all);
}

/* Sends a third of a body of 60,000 bytes, which takes 32 KiB of memory, behind a request whose
 * answer tells that the server has read it. */
static int begin_body(struct wire *w, int chunked)
{
    ecom_buf all = {0};
    int r = ecom_buf_printf(
        &all, "GET /length HTTP/1.1\r\n" H "\r\nPOST /length HTTP/1.1\r\n" H "%s\r\n\r\n%s%020000d",
        chunked ? "Transfer-Encoding: chunked" : "Content-Length: 60000", chunked ? "ea60\r\n" : "",
        0);

    if (r < 0)
        abort();
    wire_send(w, ecom_buf_str(&all));
    ecom_buf_free(&all);
    return takes_whole(w, 1);
}

static void send_rest(struct wire *w, size_t n)
{
    char *rest = calloc(n, 1);

    if (!rest)
        abort();
    wire_send(w, (ecom_str){rest, n});
    free(rest);
}

static int is_refused(struct wire *w)
{
    struct wire_answer a;
    int ok = wire_answer(w, 0, &a) && a.status == 503 && wire_header(&a, "Retry-After").p &&
             wire_at_end(w);

    wire_answer_free(&a);
    return ok;
}

static void who_sends_nothing_more_for_longest_makes_room(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 0, 4 * 32768 - 1);
    CHECK(begin_body(&w[0], 0) && begin_body(&w[1], 1), "no answer");
    for (int i = 0; i < 3; i++) {
        send_body(&w[2], "/length", 60000);
        CHECK(takes_whole(&w[2], 5), "round %d", i);
    }
    CHECK(is_refused(&w[0]), "the first stays");
    send_rest(&w[1], 40000);
    wire_send(&w[1], S("\r\n0\r\n\r\n"));
    CHECK(takes_whole(&w[1], 5), "the second");
    world_close(&world);
}

static void who_sends_something_now_and_then_stays(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 0, 4 * 32768 - 1);
    CHECK(begin_body(&w[0], 0) && begin_body(&w[1], 0), "no answer");
    wire_send(&w[0], S("more"));
    for (int i = 0; i < 2; i++) { /* what is there when the first comes is read before the second */
        wire_send(&w[2], S("GET /length HTTP/1.1\r\n" H "\r\n"));
        CHECK(takes_whole(&w[2], 1), "no answer");
    }
    send_body(&w[2], "/length", 60000);
    CHECK(takes_whole(&w[2], 5) && is_refused(&w[1]), "the one that sends nothing stays");
    send_rest(&w[0], 40000 - 4);
    CHECK(takes_whole(&w[0], 5), "the one that sends something");
    world_close(&world);
}

static void a_body_is_let_go_when_it_is_answered(void)
{
    struct world world;
    struct wire *w = world.w;

    world_open(&world, 0, 3 * 32768);
    send_body(&w[0], "/flood", 60000);
    CHECK(begins(&w[0]), "no answer");
    send_body(&w[1], "/length", 60000);
    CHECK(takes_whole(&w[1], 5), "refused for a body that nobody needs");
    CHECK(takes_whole(&w[0], LARGE), "the other");
    world_close(&world);
}

static const struct check_case cases[] = {
    CASE(who_has_not_read_for_longest_makes_room),
    CASE(who_takes_something_now_and_then_stays),
    CASE(the_bound_holds_when_all_take_something),
    CASE(an_answer_beyond_the_bound_costs_nobody_else),
    CASE(answers_behind_one_that_is_not_ready_count),
    CASE(what_waits_in_a_stream_counts),
    CASE(who_sends_nothing_more_for_longest_makes_room),
    CASE(who_sends_something_now_and_then_stays),
    CASE(a_body_is_let_go_when_it_is_answered),
};

CHECK_MAIN("http-held", cases)
