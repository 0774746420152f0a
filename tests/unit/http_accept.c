/* Connections when memory or descriptors are short, and when the server stops. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http/server.h"
#include "http_wire.h"

#define GET "GET / HTTP/1.1\r\nHost: a\r\n\r\n"

/* What accept4() fails with, 0: nothing; and how often it did. */
static atomic_int refusing, refused;
/* What it takes gets a descriptor from this one on; 0: the next. */
static atomic_int beyond;

int __real_accept4(int fd, struct sockaddr *address, socklen_t *n, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *n, int flags);

int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *n, int flags)
{
    int number = atomic_load(&refusing);

    if (!number) {
        int got = __real_accept4(fd, address, n, flags), from = atomic_load(&beyond);
        int moved = got >= 0 && from ? fcntl(got, F_DUPFD_CLOEXEC, from) : -1;
        if (moved >= 0)
            close(got);
        return moved >= 0 ? moved : got;
    }
    atomic_fetch_add(&refused, 1);
    errno = number;
    return -1;
}

static atomic_int inside, gate_open;

/* Holds whichever thread runs it. */
static int hold(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    atomic_store(&inside, 1);
    while (!atomic_load(&gate_open))
        sched_yield();
    return ecom_buf_append(ecom_exchange_out(x), S("held"));
}

static int hello(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), S("hello"));
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/", .handle = hello},
    {.method = "GET", .pattern = "/hold", .handle = hold, .flags = ECOM_ROUTE_ON_LOOP},
};

static ecom_http_server *serve_within(int32_t header_timeout_ms)
{
    ecom_http_options opts = {.routes = routes,
                              .nroutes = sizeof(routes) / sizeof(routes[0]),
                              .header_timeout_ms = header_timeout_ms};

    atomic_store(&inside, 0);
    atomic_store(&gate_open, 0);
    return wire_serve(&opts);
}

static ecom_http_server *serve(void)
{
    return serve_within(0);
}

static void a_connection_without_memory_is_closed_and_the_next_is_served(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server, "no server");
    check_alloc_fail_elsewhere_at(1);
    CHECK(wire_open(&w, server) && wire_at_end(&w), "not closed");
    CHECK(check_alloc_failed(), "nothing failed");
    wire_close(&w);
    CHECK_I64(200, wire_status(server, S(GET)));
    ecom_http_server_free(server);
}

/* Connects with a socket that is there already. */
static int connect_with(int fd, const ecom_http_server *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)ecom_http_server_port(server)),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    return connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

static void a_connection_without_a_descriptor_is_closed_and_the_next_is_served(void)
{
    ecom_http_server *server = serve();
    struct wire w[3];
    struct rlimit old, none;

    CHECK(server && getrlimit(RLIMIT_NOFILE, &old) == 0, "no server");
    for (int i = 0; i < 3; i++)
        w[i] = (struct wire){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    int next = dup(w[0].fd);
    close(next);
    none = (struct rlimit){(rlim_t)next, old.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &none) == 0, "no limit");
    int closed = 0;
    for (int i = 0; i < 3; i++)
        closed += connect_with(w[i].fd, server) && wire_at_end(&w[i]);
    setrlimit(RLIMIT_NOFILE, &old);
    CHECK_I64(3, closed);
    for (int i = 0; i < 3; i++)
        wire_close(&w[i]);
    CHECK_I64(200, wire_status(server, S(GET)));
    ecom_http_server_free(server);
}

/* What the process has now, as RLIMIT_DATA counts it; its stack counts in favour. 0: a sanitizer's
 * memory, which nobody limits. */
static rlim_t data_bytes(void)
{
    unsigned long all = 0, data = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    int n = file ? fscanf(file, "%lu %*u %*u %*u %*u %lu", &all, &data) : 0;

    if (file)
        fclose(file);
    return n == 2 && all < 1UL << 28 ? (rlim_t)data * (rlim_t)sysconf(_SC_PAGESIZE) : 0;
}

/* libuv ends the process instead. */
static void a_connection_without_memory_to_watch_it_is_closed_and_the_next_is_served(void)
{
    enum { BEYOND = 17000 }; /* it takes 256 KiB */
    struct rlimit files, memory, few;
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server && getrlimit(RLIMIT_NOFILE, &files) == 0 && getrlimit(RLIMIT_DATA, &memory) == 0,
          "no server");
    const struct rlimit many = {BEYOND + 100, files.rlim_max};
    CHECK_I64(200, wire_status(server, S(GET)));
    few.rlim_cur = data_bytes();
    if (few.rlim_cur == 0 || (files.rlim_cur < many.rlim_cur && setrlimit(RLIMIT_NOFILE, &many))) {
        ecom_http_server_free(server);
        SKIP("memory or descriptors cannot be limited so");
    }
    few.rlim_max = memory.rlim_max;
    atomic_store(&beyond, BEYOND);
    setrlimit(RLIMIT_DATA, &few);
    int closed = wire_open(&w, server) && wire_at_end(&w);
    setrlimit(RLIMIT_DATA, &memory);
    CHECK(closed, "not closed");
    wire_close(&w);
    CHECK_I64(200, wire_status(server, S(GET)));
    atomic_store(&beyond, 0);
    ecom_http_server_free(server);
    setrlimit(RLIMIT_NOFILE, &files);
}

enum { FILES = 40, CONNECTIONS = 30 }; /* that there may be, and those that may be connections */

static void connections_leave_descriptors_to_the_rest_of_the_process(void)
{
    struct wire w[CONNECTIONS + 1];
    struct wire_answer a;
    struct rlimit old, few;

    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0, "no limit");
    few = (struct rlimit){FILES, old.rlim_max};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0, "no limit");
    ecom_http_server *server = serve();
    setrlimit(RLIMIT_NOFILE, &old); /* the test needs some itself */
    CHECK(server, "no server");
    for (int i = 0; i < CONNECTIONS; i++) {
        CHECK(wire_open(&w[i], server), "no connection %d", i);
        wire_send(&w[i], S(GET));
        CHECK(wire_answer(&w[i], 0, &a) && a.status == 200, "connection %d", i);
        wire_answer_free(&a);
    }
    CHECK(wire_open(&w[CONNECTIONS], server) && wire_at_end(&w[CONNECTIONS]), "one above");
    for (int i = 0; i <= CONNECTIONS; i++)
        wire_close(&w[i]);
    ecom_http_server_free(server);
}

static int64_t now_ms(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void a_listener_that_cannot_accept_tries_again_now_and_then(void)
{
    static const int numbers[] = {ENOBUFS, ENOMEM, EMFILE, ENFILE};
    ecom_http_server *server = serve();

    CHECK(server, "no server");
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct wire w;
        struct wire_answer a;
        atomic_store(&refused, 0);
        atomic_store(&refusing, numbers[i]);
        int64_t began = now_ms();
        CHECK(wire_open(&w, server), "no connection");
        wire_send(&w, S(GET));
        while (atomic_load(&refused) < 3)
            sched_yield();
        atomic_store(&refusing, 0);
        /* Without descriptors it may just have been about to be turned away. */
        int served = wire_answer(&w, 0, &a) && a.status == 200;
        CHECK(served || numbers[i] == EMFILE || numbers[i] == ENFILE, "not after %d", numbers[i]);
        CHECK_I64(200, wire_status(server, S(GET)));
        /* Twice a time where it tried with the reserved descriptor too. */
        CHECK(atomic_load(&refused) <= 4 + 2 * ((now_ms() - began) / 100), "%d tries",
              atomic_load(&refused));
        wire_answer_free(&a);
        wire_close(&w);
    }
    ecom_http_server_free(server);
}

static void *stop(void *server)
{
    ecom_http_server_stop(server, 20000);
    return NULL;
}

static void who_has_connected_before_the_stop_is_answered(void)
{
    ecom_http_server *server = serve();
    struct wire first, idle, waiting[8];
    struct wire_answer a;
    pthread_t stopper;

    CHECK(server && wire_open(&first, server) && wire_open(&idle, server), "no server");
    wire_send(&idle, S(GET));
    CHECK(wire_answer(&idle, 0, &a), "no answer");
    wire_answer_free(&a);
    wire_send(&first, S("GET /hold HTTP/1.1\r\nHost: a\r\n\r\n"));
    while (!atomic_load(&inside))
        sched_yield();
    for (int i = 0; i < 8; i++) {
        CHECK(wire_open(&waiting[i], server), "no connection");
        wire_send(&waiting[i], S(GET));
    }
    wire_send(&idle, S(GET)); /* this one, too, does not know */
    pthread_create(&stopper, NULL, stop, server);
    while (atomic_load(&server->stage) == SERVING)
        sched_yield();
    atomic_store(&gate_open, 1);
    for (int i = 0; i < 8; i++) {
        CHECK(wire_answer(&waiting[i], 0, &a) && a.status == 200, "connection %d", i);
        CHECK_STR("close", wire_header(&a, "Connection"));
        wire_answer_free(&a);
        CHECK(wire_at_end(&waiting[i]), "connection %d stays", i);
        wire_close(&waiting[i]);
    }
    CHECK(wire_answer(&idle, 0, &a) && a.status == 200, "the one that was idle");
    wire_answer_free(&a);
    wire_close(&idle);
    wire_close(&first);
    pthread_join(stopper, NULL);
    ecom_http_server_free(server);
}

/* Else they would go on for a day. */
static void stopping_cuts_connections_at_its_deadline(void)
{
    ecom_http_server *server = serve_within(86400000);
    struct wire half, waiting;
    struct wire_answer a;

    CHECK(server && wire_open(&half, server) && wire_open(&waiting, server), "no server");
    wire_send(&half, S("POST / HTTP/1.1\r\nHost: a\r\nContent-Le"));
    wire_send(&waiting, S(GET));
    CHECK(wire_answer(&waiting, 0, &a), "no answer");
    wire_answer_free(&a);
    wire_send(&waiting, S("GET / HTTP/1.1\r\nHo"));
    ecom_http_server_stop(server, 20);
    CHECK(wire_at_end(&half) && wire_at_end(&waiting), "not cut");
    wire_close(&half);
    wire_close(&waiting);
    ecom_http_server_free(server);
}

static const struct check_case cases[] = {
    CASE(a_connection_without_memory_is_closed_and_the_next_is_served),
    CASE(a_connection_without_memory_to_watch_it_is_closed_and_the_next_is_served),
    CASE(a_connection_without_a_descriptor_is_closed_and_the_next_is_served),
    CASE(connections_leave_descriptors_to_the_rest_of_the_process),
    CASE(a_listener_that_cannot_accept_tries_again_now_and_then),
    CASE(who_has_connected_before_the_stop_is_answered),
    CASE(stopping_cuts_connections_at_its_deadline),
};

CHECK_MAIN("http-accept", cases)
