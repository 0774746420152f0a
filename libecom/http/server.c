#include "http/server.h"

#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/options.h"
#include "ecom/stream.h"
#include "http/builtin.h"

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value ? value : fallback;
}

static int32_t ms_or_default(int32_t value, int32_t fallback)
{
    return value ? value : fallback;
}

static void set_defaults(ecom_http_options *opts)
{
    if (!opts->name)
        opts->name = "service";
    if (!opts->version)
        opts->version = ecom_version();
    if (!opts->host)
        opts->host = "0.0.0.0";
    if (!opts->env)
        opts->env = ecom_env_system();
    opts->loops = or_default(opts->loops, 1);
    opts->threads = or_default(opts->threads, 64);
    opts->max_queue = or_default(opts->max_queue, 1024);
    opts->max_connections = or_default(opts->max_connections, 10000);
    opts->max_pipeline = or_default(opts->max_pipeline, 16);
    opts->max_header_bytes = or_default(opts->max_header_bytes, 16 << 10);
    opts->max_headers = or_default(opts->max_headers, 64);
    opts->max_url_bytes = or_default(opts->max_url_bytes, 8 << 10);
    opts->max_body_bytes = or_default(opts->max_body_bytes, 1 << 20);
    opts->max_bodies_bytes = or_default(opts->max_bodies_bytes, 256 << 20);
    opts->max_unread_bytes = or_default(opts->max_unread_bytes, 256 << 20);
    opts->header_timeout_ms = ms_or_default(opts->header_timeout_ms, 10000);
    opts->body_timeout_ms = ms_or_default(opts->body_timeout_ms, 30000);
    opts->idle_timeout_ms = ms_or_default(opts->idle_timeout_ms, 75000);
    opts->write_timeout_ms = ms_or_default(opts->write_timeout_ms, 30000);
}

static int check_options(const ecom_http_options *opts, ecom_error *err)
{
    if (opts->port < 0 || opts->port > 65535)
        return ecom_fail_field(err, ECOM_E_INVAL, "port", "%d is not in 0 to 65535",
                               (int)opts->port);
    if (opts->nroutes && !opts->routes)
        return ecom_fail_field(err, ECOM_E_INVAL, "routes", "%zu, and no table", opts->nroutes);
    if (opts->loops > 64 || opts->threads > 1024 || opts->max_headers > 1024 ||
        opts->max_body_bytes > 1 << 30 || opts->max_header_bytes > 1 << 20)
        return ecom_fail(err, ECOM_E_INVAL,
                         "options above 64 loops, 1024 threads, 1024 headers of 1 MiB, 1 GiB body");
    if (opts->header_timeout_ms < 0 || opts->body_timeout_ms < 0 || opts->idle_timeout_ms < 0 ||
        opts->write_timeout_ms < 0)
        return ecom_fail(err, ECOM_E_INVAL, "a time-out is negative");
    return ECOM_OK;
}

static int check_routes(const ecom_http_server *server, ecom_error *err)
{
    for (size_t i = 0; i < server->router.n; i++) {
        const ecom_route *def = &server->router.routes[i].def;
        if (def->flags & ECOM_ROUTE_AUTH && !server->opts.jwt)
            return ecom_fail_field(err, ECOM_E_INVAL, "jwt", "route %s %s needs options.jwt",
                                   def->method, def->pattern);
    }
    return ECOM_OK;
}

static int add_metrics(ecom_http_server *server, ecom_error *err)
{
    ecom_metrics *metrics = server->opts.metrics;

    if (!metrics)
        return ECOM_OK;
    server->meters = calloc(server->router.n + 1, sizeof(*server->meters));
    if (!server->meters)
        return ecom_fail(err, ECOM_E_NOMEM, "metrics");
    server->connected = ecom_metrics_series(metrics, ECOM_GAUGE, "ecom_http_connections",
                                            "Connections that are open.", NULL);
    return ECOM_OK;
}

/* What can fail, in the order in which the parts need each other. */
static int set_up(ecom_http_server *server, ecom_error *err)
{
    const ecom_http_options *opts = &server->opts;
    size_t nown;
    const ecom_route *own = ecom__http_builtin_routes(opts, &nown);

    server->loops = calloc(opts->loops, sizeof(struct loop));
    if (!server->loops)
        return ecom_fail(err, ECOM_E_NOMEM, "HTTP server");
    int r = ecom__http_proxies_read(opts->proxies, &server->proxies, err);
    if (r == ECOM_OK)
        r = ecom__http_router_init(&server->router, opts->routes, opts->nroutes, own, nown, err);
    if (r == ECOM_OK)
        r = check_routes(server, err);
    if (r == ECOM_OK)
        r = add_metrics(server, err);
    if (r == ECOM_OK && (r = ecom_http_openapi(opts, &server->openapi)) < 0)
        ecom_fail(err, r, "the OpenAPI document of the routes%s",
                  r == ECOM_E_INVAL
                      ? ": an `openapi` is no JSON object, or two records have one name"
                      : "");
    return r;
}

int ecom_http_server_new(const ecom_http_options *opts, ecom_http_server **out, ecom_error *err)
{
    ecom_http_server *server;

    server = calloc(1, sizeof(*server));
    if (!server)
        return ecom_fail(err, ECOM_E_NOMEM, "HTTP server");
    ecom__options_copy(&server->opts, sizeof(server->opts), opts);
    set_defaults(&server->opts);
    server->port = server->opts.port;
    pthread_mutex_init(&server->lock, NULL);
    pthread_mutex_init(&server->jobs, NULL);
    ecom__cond_init(&server->ended);
    int r = check_options(&server->opts, err);
    if (r == ECOM_OK)
        r = set_up(server, err);
    if (r < 0) {
        ecom_http_server_free(server);
        return r;
    }
    *out = server;
    return ECOM_OK;
}

static void unavailable(const ecom_http_server *server, int number, ecom_error *err)
{
    ecom_fail(err, ECOM_E_UNAVAILABLE, "cannot listen on %s port %d: %s", server->opts.host,
              (int)server->port, strerror(number));
    if (err)
        err->native = number;
}

/* A socket bound to the address. @return the descriptor; or -errno. */
static int bind_to(const struct addrinfo *address, int shared)
{
    int one = 1, number;
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    if (fd < 0)
        return -errno;
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) == 0 &&
        (!shared || setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof(one)) == 0) &&
        bind(fd, address->ai_addr, address->ai_addrlen) == 0)
        return fd;
    number = errno;
    close(fd);
    return -number;
}

static int port_of(int fd)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof(address);

    if (getsockname(fd, (struct sockaddr *)&address, &n) < 0)
        return -errno;
    return address.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&address)->sin6_port)
                                         : ntohs(((struct sockaddr_in *)&address)->sin_port);
}

static int resolve(const ecom_http_server *server, struct addrinfo **out, ecom_error *err)
{
    struct addrinfo hints = {.ai_flags = AI_PASSIVE | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    char port[8];

    snprintf(port, sizeof(port), "%d", (int)server->port);
    int r = getaddrinfo(server->opts.host, port, &hints, out);
    return r ? ecom_fail(err, ECOM_E_UNAVAILABLE, "cannot listen on %s: %s", server->opts.host,
                         gai_strerror(r))
             : ECOM_OK;
}

/* The socket of the next loop. Several share the port; so that they do not share it with another
 * process too, we ask first for a place that nobody else has. */
static int open_socket(ecom_http_server *server, ecom_error *err)
{
    int shared = server->opts.loops > 1, fd = 0;
    struct addrinfo *address;

    if (resolve(server, &address, err) < 0)
        return -1;
    if (shared && server->nloops == 0 && server->port && (fd = bind_to(address, 0)) >= 0)
        close(fd);
    if (fd >= 0)
        fd = bind_to(address, shared);
    freeaddrinfo(address);
    if (fd < 0) {
        unavailable(server, -fd, err);
        return -1;
    }
    server->port = port_of(fd);
    return fd;
}

static int start_loop(ecom_http_server *server, ecom_error *err)
{
    int fd = open_socket(server, err);

    if (fd < 0)
        return ECOM_E_UNAVAILABLE;
    pthread_mutex_lock(&server->lock);
    server->alive++;
    pthread_mutex_unlock(&server->lock);
    int r = ecom__http_loop_start(&server->loops[server->nloops], server, fd, err);
    if (r == ECOM_OK) {
        server->nloops++;
        return ECOM_OK;
    }
    pthread_mutex_lock(&server->lock);
    server->alive--;
    pthread_mutex_unlock(&server->lock);
    return r;
}

static void take_jobs(ecom_http_server *server, int truth)
{
    pthread_mutex_lock(&server->jobs);
    server->takes_jobs = truth;
    pthread_mutex_unlock(&server->jobs);
}

/* What a caller wants to be run. */
struct errand {
    struct job job; /* first, so that one is the other */
    void (*fn)(void *arg, int cancelled);
    void *arg;
};

static void run_errand(struct job *job, int cancelled)
{
    struct errand errand = *(struct errand *)(void *)job;

    free(job);
    errand.fn(errand.arg, cancelled);
}

int ecom_http_server_run(ecom_http_server *server, void (*fn)(void *arg, int cancelled), void *arg)
{
    struct errand *errand = malloc(sizeof(*errand));
    int r = -1;

    if (!errand)
        return ECOM_E_UNAVAILABLE;
    *errand = (struct errand){{.run = run_errand}, fn, arg};
    pthread_mutex_lock(&server->jobs);
    if (server->takes_jobs)
        r = ecom__http_pool_push(&server->pool, &errand->job);
    pthread_mutex_unlock(&server->jobs);
    if (r == 0)
        return ECOM_OK;
    free(errand);
    return ECOM_E_UNAVAILABLE;
}

static void stop_pool(ecom_http_server *server)
{
    take_jobs(server, 0);
    ecom__http_pool_cancel(&server->pool);
    ecom__http_pool_stop(&server->pool);
}

/* Whoever connects must not be able to take the last descriptors: stores and buses open files of
 * their own while they work. */
static uint32_t as_many_as_files_allow(uint32_t connections)
{
    struct rlimit files;

    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return connections;
    rlim_t most = files.rlim_cur - files.rlim_cur / 4;
    return most < connections ? (uint32_t)most : connections;
}

int ecom_http_server_start(ecom_http_server *server, ecom_error *err)
{
    int r;

    if (server->nloops)
        return ecom_fail(err, ECOM_E_INVAL, "the server runs already");
    server->max_connections = as_many_as_files_allow(server->opts.max_connections);
    atomic_store(&server->stage, SERVING);
    server->port = server->opts.port;
    r = ecom__http_pool_start(&server->pool, server->opts.threads, server->opts.max_queue,
                              ecom_metrics_series(server->opts.metrics, ECOM_GAUGE,
                                                  "ecom_http_queue_depth",
                                                  "Requests that wait for a thread.", NULL),
                              err);
    if (r < 0)
        return r;
    take_jobs(server, 1);
    while (server->nloops < server->opts.loops && r == ECOM_OK)
        r = start_loop(server, err);
    if (r < 0 && server->nloops)
        ecom_http_server_stop(server, 0);
    else if (r < 0)
        stop_pool(server);
    return r;
}

int32_t ecom_http_server_port(const ecom_http_server *server)
{
    return server->port;
}

static void enter(ecom_http_server *server, enum stage stage)
{
    atomic_store(&server->stage, stage);
    for (uint32_t i = 0; i < server->nloops; i++)
        ecom__http_loop_wake(&server->loops[i]);
}

static void wait_for_loops(ecom_http_server *server, int32_t deadline_ms)
{
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, deadline_ms);

    pthread_mutex_lock(&server->lock);
    while (server->alive && pthread_cond_timedwait(&server->ended, &server->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&server->lock);
}

void ecom_http_server_stop(ecom_http_server *server, int32_t deadline_ms)
{
    if (!server || !server->nloops)
        return;
    enter(server, DRAINING);
    if (deadline_ms > 0)
        wait_for_loops(server, deadline_ms);
    enter(server, ENDING);
    take_jobs(server, 0);
    ecom__http_pool_cancel(&server->pool); /* what no thread has begun is not begun any more */
    for (uint32_t i = 0; i < server->nloops; i++) {
        pthread_join(server->loops[i].thread, NULL);
        ecom__http_loop_join(&server->loops[i]);
    }
    stop_pool(server);
    server->nloops = 0;
}

void ecom_http_server_free(ecom_http_server *server)
{
    if (!server)
        return;
    ecom_http_server_stop(server, 0);
    ecom__http_router_clear(&server->router);
    ecom_buf_free(&server->openapi);
    free(server->meters);
    pthread_mutex_destroy(&server->lock);
    pthread_mutex_destroy(&server->jobs);
    pthread_cond_destroy(&server->ended);
    free(server->loops);
    free(server);
}
