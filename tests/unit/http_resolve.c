/* How the client finds its peer, with a name server that we hold. */
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "http_wire.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int held; /* under the lock */
static atomic_int asked, ended;

static void hold(int on)
{
    pthread_mutex_lock(&lock);
    held = on;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void wait_while_held(void)
{
    pthread_mutex_lock(&lock);
    while (held)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

int __real_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out);

/* Names under .test are 127.0.0.1, but not while they are held; all others are real. */
int __wrap_getaddrinfo(const char *host, const char *port, const struct addrinfo *hints,
                       struct addrinfo **out)
{
    if (!host || !strstr(host, ".test") || hints->ai_flags & AI_NUMERICHOST)
        return __real_getaddrinfo(host, port, hints, out);
    atomic_fetch_add(&asked, 1);
    wait_while_held();
    int r = strcmp(host, "none.test") == 0 ? EAI_AGAIN
                                           : __real_getaddrinfo("127.0.0.1", port, hints, out);
    atomic_fetch_add(&ended, 1);
    return r;
}

static int hello(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    return ecom_buf_append(ecom_exchange_out(x), S("hello"));
}

static const ecom_route route = {.method = "GET", .pattern = "/", .handle = hello};

struct world {
    ecom_http_server *server;
    ecom_http_client *client;
    ecom_arena *arena;
    ecom_http_answer answer;
    ecom_error e;
};

static int world_open(struct world *w)
{
    ecom_http_options opts = {.routes = &route, .nroutes = 1};
    ecom_http_client_options client = {.size = sizeof(client), .max_tries = 1};

    *w = (struct world){.server = wire_serve(&opts), .arena = ecom_arena_new(0)};
    return w->server && w->arena && ecom_http_client_new(&client, &w->client, &w->e) == ECOM_OK;
}

static void world_close(struct world *w)
{
    ecom_http_client_free(w->client);
    ecom_http_server_free(w->server);
    ecom_arena_free(w->arena);
}

static int get(struct world *w, const char *host, int32_t timeout_ms)
{
    char url[100];
    ecom_http_call call = {.method = "GET", .url = url, .timeout_ms = timeout_ms};

    snprintf(url, sizeof(url), "http://%s:%d/", host, (int)ecom_http_server_port(w->server));
    return ecom_http_client_send(w->client, &call, w->arena, &w->answer, &w->e);
}

static void a_name_is_looked_up_and_numbers_are_not(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    atomic_store(&asked, 0);
    CHECK_CODE(ECOM_OK, get(&w, "127.0.0.1", 0), w.e);
    CHECK_CODE(ECOM_OK, get(&w, "LocalHost", 0), w.e);
    CHECK_I64(0, atomic_load(&asked));
    CHECK_CODE(ECOM_OK, get(&w, "a.test", 0), w.e);
    CHECK_I64(1, atomic_load(&asked));
    CHECK_STR("hello", w.answer.body);
    CHECK_CODE(ECOM_E_UNAVAILABLE, get(&w, "none.test", 0), w.e);
    CHECK_TEXT("none.test: ", w.e);
    world_close(&w);
}

static void a_name_that_takes_too_long_is_given_up_at_the_deadline(void)
{
    struct world w;

    CHECK(world_open(&w), "no world");
    atomic_store(&asked, 0);
    atomic_store(&ended, 0);
    hold(1);
    CHECK_CODE(ECOM_E_TIMEOUT, get(&w, "slow.test", 20), w.e);
    CHECK_TEXT("slow.test", w.e);
    CHECK_I64(0, atomic_load(&ended));
    for (int i = 1; i < 64; i++)
        CHECK_CODE(ECOM_E_TIMEOUT, get(&w, "slow.test", 1), w.e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, get(&w, "slow.test", 20), w.e); /* one above */
    CHECK_TEXT("64 names", w.e);
    CHECK_CODE(ECOM_OK, get(&w, "127.0.0.1", 0), w.e);
    CHECK_CODE(ECOM_OK, get(&w, "localhost", 0), w.e);
    hold(0);
    while (atomic_load(&ended) < atomic_load(&asked) || get(&w, "slow.test", 0) != ECOM_OK)
        sched_yield();
    world_close(&w);
}

static void a_host_may_be_an_ipv6_address(void)
{
    ecom_http_options opts = {
        .size = sizeof(opts), .routes = &route, .nroutes = 1, .host = "::1", .threads = 1};
    struct world w;
    ecom_http_server *other;

    CHECK(world_open(&w), "no world");
    CHECK_CODE(ECOM_OK, ecom_http_server_new(&opts, &other, &w.e), w.e);
    int r = ecom_http_server_start(other, &w.e);
    if (r == ECOM_OK) {
        ecom_http_server_free(w.server);
        w.server = other;
        r = get(&w, "[::1]", 0);
        world_close(&w);
        CHECK_CODE(ECOM_OK, r, w.e);
    } else {
        ecom_http_server_free(other);
        world_close(&w);
        SKIP("no IPv6 here");
    }
}

static void a_lookup_without_memory_fails_whole(void)
{
    struct world w;
    int done = 0;

    CHECK(world_open(&w), "no world");
    for (uint64_t n = 1; !done && n < 100; n++) {
        check_alloc_fail_at(n);
        int r = get(&w, "b.test", 0);
        done = !check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || (!done && r < 0), "%s: %s", check_code(r), w.e.text);
    }
    CHECK(done, "no end of allocations");
    world_close(&w);
}

static const struct check_case cases[] = {
    CASE(a_name_is_looked_up_and_numbers_are_not),
    CASE(a_name_that_takes_too_long_is_given_up_at_the_deadline),
    CASE(a_host_may_be_an_ipv6_address),
    CASE(a_lookup_without_memory_fails_whole),
};

CHECK_MAIN("http-resolve", cases)
