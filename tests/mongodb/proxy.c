#include "proxy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { RULES = 8, LINKS = 1024, HEADER = 16, MESSAGE = 48 << 20, POLL_MS = 5 };

struct rule {
    char command[32];
    enum proxy_fault fault;
    int times, met;
};

/* A connection of ours and its other half. */
struct link {
    struct proxy *proxy;
    int ours, server, late;
    pthread_t thread;
};

struct proxy {
    int listener, port, server_port;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rule rules[RULES];
    struct link links[LINKS];
    size_t nlinks;
    int stopping, frozen, down, released, delay_ms, nlate;
};

/* Takes the port, so that nobody else can; connections are refused until somebody listens. */
static int bind_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) == 0)
        return fd;
    close(fd);
    return -1;
}

static int listen_on(int port)
{
    int fd = bind_to(port);

    if (fd >= 0 && listen(fd, 64) == 0)
        return fd;
    close(fd);
    return -1;
}

static int connect_to(int port)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), on = 1;

    at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) < 0) {
        close(fd);
        return -1;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    return fd;
}

static int read_state(struct proxy *proxy, const int *state)
{
    pthread_mutex_lock(&proxy->lock);
    int value = *state;
    pthread_mutex_unlock(&proxy->lock);
    return value;
}

static void write_state(struct proxy *proxy, int *state, int value)
{
    pthread_mutex_lock(&proxy->lock);
    *state = value;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

/* Waits until the state is 0, or is not, as wanted, or the proxy stops. */
static void await_state(struct proxy *proxy, const int *state, int wanted)
{
    pthread_mutex_lock(&proxy->lock);
    while (!*state != !wanted && !proxy->stopping)
        pthread_cond_wait(&proxy->changed, &proxy->lock);
    pthread_mutex_unlock(&proxy->lock);
}

/* Waits until the time is over, or the proxy stops. */
static void await_ms(struct proxy *proxy, int ms)
{
    struct timespec until;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&proxy->lock);
    while (!proxy->stopping &&
           pthread_cond_timedwait(&proxy->changed, &proxy->lock, &until) != ETIMEDOUT)
        ;
    pthread_mutex_unlock(&proxy->lock);
}

/* Waits as long as the proxy is frozen. @return 0: it stops, or is down. */
static int may_go_on(struct proxy *proxy)
{
    await_state(proxy, &proxy->frozen, 0);
    return !read_state(proxy, &proxy->stopping) && !read_state(proxy, &proxy->down);
}

static int read_all(struct proxy *proxy, int fd, char *to, size_t n)
{
    for (size_t done = 0; done < n;) {
        struct pollfd ready = {fd, POLLIN, 0};
        if (poll(&ready, 1, POLL_MS) < 0 || !may_go_on(proxy))
            return 0;
        if (!ready.revents)
            continue;
        ssize_t got = recv(fd, to + done, n - done, 0);
        if (got <= 0)
            return 0;
        done += (size_t)got;
    }
    return 1;
}

static int send_all(int fd, const char *bytes, size_t n)
{
    for (size_t done = 0; done < n;) {
        ssize_t sent = send(fd, bytes + done, n - done, MSG_NOSIGNAL);
        if (sent <= 0)
            return 0;
        done += (size_t)sent;
    }
    return 1;
}

/* A whole message, which begins with its length. Ends with free(). */
static char *read_message(struct proxy *proxy, int fd, size_t *n)
{
    char header[HEADER];
    uint32_t length = 0;

    if (!read_all(proxy, fd, header, sizeof(header)))
        return NULL;
    memcpy(&length, header, sizeof(length));
    char *message = length >= HEADER && length <= MESSAGE ? malloc(length) : NULL;
    if (!message)
        return NULL;
    memcpy(message, header, sizeof(header));
    if (!read_all(proxy, fd, message + HEADER, length - HEADER)) {
        free(message);
        return NULL;
    }
    *n = length;
    return message;
}

/* The name of the first element of an OP_MSG's document: the command. */
static const char *command_of(const char *message, size_t n)
{
    enum { OP_MSG = 2013, NAME_AT = HEADER + 4 + 1 + 4 + 1 };
    uint32_t op = 0;

    memcpy(&op, message + 12, sizeof(op));
    return op == OP_MSG && n > NAME_AT && memchr(message + NAME_AT, 0, n - NAME_AT)
               ? message + NAME_AT
               : "";
}

static enum proxy_fault fault_of(struct proxy *proxy, const char *command)
{
    enum proxy_fault fault = PROXY_NONE;

    pthread_mutex_lock(&proxy->lock);
    for (size_t i = 0; i < RULES; i++)
        if (proxy->rules[i].times > 0 && strcmp(proxy->rules[i].command, command) == 0) {
            fault = proxy->rules[i].fault;
            proxy->rules[i].times--;
            proxy->rules[i].met++;
        }
    pthread_mutex_unlock(&proxy->lock);
    return fault;
}

static void shut(int *fd, int reset)
{
    const struct linger at_once = {1, 0};

    if (*fd < 0)
        return;
    if (reset)
        setsockopt(*fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(*fd);
    *fd = -1;
}

/* Sends a command on and takes its answer, which goes nowhere. */
static void do_unseen(struct link *link, const char *message, size_t n)
{
    size_t size;

    if (send_all(link->server, message, n))
        free(read_message(link->proxy, link->server, &size));
}

static void count_late(struct proxy *proxy, int n)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->nlate += n;
    pthread_cond_broadcast(&proxy->changed);
    pthread_mutex_unlock(&proxy->lock);
}

static int do_late(struct link *link, int held, const char *message, size_t n)
{
    struct proxy *proxy = link->proxy;
    int on = 0;

    count_late(proxy, 1);
    if (!held)
        shut(&link->ours, 0);
    await_state(proxy, &proxy->released, 1);
    if (held)
        on = send_all(link->server, message, n);
    else
        do_unseen(link, message, n);
    count_late(proxy, -1);
    return on;
}

static void make_a_strangers(char *message, size_t n)
{
    enum { TO_ID = sizeof("lsid") + 4 + 1 + sizeof("id") + 4 + 1 };
    char *session = memmem(message, n, "lsid", sizeof("lsid"));

    if (session && session + TO_ID < message + n)
        session[TO_ID] ^= 1;
}

static void do_forgotten(struct link *link, char *message, size_t n)
{
    struct proxy *proxy = link->proxy;

    count_late(proxy, 1);
    make_a_strangers(message, n);
    do_unseen(link, message, n);
    await_state(proxy, &proxy->released, 1);
    count_late(proxy, -1);
}

/* @return 0: the connection is at its end. */
static int pass_fault(struct link *link, enum proxy_fault fault, char *message, size_t n)
{
    switch (fault) {
    case PROXY_NONE:
        return send_all(link->server, message, n);
    case PROXY_CUT_BEFORE:
        return 0;
    case PROXY_CUT_MIDDLE:
        send_all(link->server, message, n / 2);
        return 0;
    case PROXY_CUT_AFTER:
        do_unseen(link, message, n);
        return 0;
    case PROXY_RESET_AFTER:
        do_unseen(link, message, n);
        shut(&link->ours, 1);
        return 0;
    case PROXY_SILENT:
        do_unseen(link, message, n);
        return 1;
    case PROXY_FORGOTTEN:
        do_forgotten(link, message, n);
        return 0;
    case PROXY_LATE:
    case PROXY_HELD:
        return do_late(link, fault == PROXY_HELD, message, n);
    }
    return 0;
}

static int pass_command(struct link *link)
{
    size_t n;
    char *message = read_message(link->proxy, link->ours, &n);

    if (!message)
        return 0;
    int on = pass_fault(link, fault_of(link->proxy, command_of(message, n)), message, n);
    free(message);
    return on;
}

static int pass_answer(struct link *link)
{
    size_t n;
    char *message = read_message(link->proxy, link->server, &n);
    int on = message != NULL;

    int delay_ms = read_state(link->proxy, &link->proxy->delay_ms);
    if (on && delay_ms)
        await_ms(link->proxy, delay_ms);
    on = on && may_go_on(link->proxy) && send_all(link->ours, message, n);
    free(message);
    return on;
}

static void *run_link(void *arg)
{
    struct link *link = arg;
    int on = link->server >= 0;

    while (on && may_go_on(link->proxy)) {
        struct pollfd ready[2] = {{link->ours, POLLIN, 0}, {link->server, POLLIN, 0}};
        if (poll(ready, 2, POLL_MS) < 0)
            break;
        if (ready[0].revents)
            on = pass_command(link);
        if (on && ready[1].revents)
            on = pass_answer(link);
    }
    shut(&link->ours, 0);
    shut(&link->server, 0);
    return NULL;
}

static void take(struct proxy *proxy)
{
    int on = 1, fd = accept4(proxy->listener, NULL, NULL, SOCK_CLOEXEC);

    if (fd < 0)
        return;
    if (proxy->nlinks == LINKS) {
        close(fd);
        return;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct link *link = &proxy->links[proxy->nlinks++];
    *link = (struct link){.proxy = proxy, .ours = fd, .server = connect_to(proxy->server_port)};
    if (pthread_create(&link->thread, NULL, run_link, link) != 0)
        abort();
}

static void *run(void *arg)
{
    struct proxy *proxy = arg;

    while (!read_state(proxy, &proxy->stopping)) {
        if (read_state(proxy, &proxy->down)) {
            shut(&proxy->listener, 0);
            proxy->listener = bind_to(proxy->port);
            await_state(proxy, &proxy->down, 0);
            listen(proxy->listener, 64);
            continue;
        }
        struct pollfd ready = {proxy->listener, POLLIN, 0};
        if (poll(&ready, 1, POLL_MS) > 0 && !read_state(proxy, &proxy->frozen))
            take(proxy);
    }
    for (size_t i = 0; i < proxy->nlinks; i++)
        pthread_join(proxy->links[i].thread, NULL);
    return NULL;
}

struct proxy *proxy_start(int server_port)
{
    struct proxy *proxy = calloc(1, sizeof(*proxy));
    struct sockaddr_in at;
    socklen_t n = sizeof(at);

    if (!proxy || (proxy->listener = listen_on(0)) < 0)
        return NULL;
    getsockname(proxy->listener, (struct sockaddr *)&at, &n);
    proxy->port = ntohs(at.sin_port);
    proxy->server_port = server_port;
    pthread_mutex_init(&proxy->lock, NULL);
    pthread_cond_init(&proxy->changed, NULL);
    if (pthread_create(&proxy->thread, NULL, run, proxy) != 0)
        abort();
    return proxy;
}

void proxy_stop(struct proxy *proxy)
{
    if (!proxy)
        return;
    write_state(proxy, &proxy->stopping, 1);
    pthread_join(proxy->thread, NULL);
    shut(&proxy->listener, 0);
    pthread_cond_destroy(&proxy->changed);
    pthread_mutex_destroy(&proxy->lock);
    free(proxy);
}

int proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

void proxy_fault(struct proxy *proxy, const char *command, enum proxy_fault fault, int times)
{
    pthread_mutex_lock(&proxy->lock);
    proxy->released = 0;
    for (size_t i = 0; i < RULES; i++) {
        struct rule *rule = &proxy->rules[i];
        if (rule->command[0] && strcmp(rule->command, command) != 0)
            continue;
        strncpy(rule->command, command, sizeof(rule->command) - 1);
        rule->fault = fault;
        rule->times = times;
        rule->met = 0;
        break;
    }
    pthread_mutex_unlock(&proxy->lock);
}

void proxy_clear(struct proxy *proxy)
{
    pthread_mutex_lock(&proxy->lock);
    memset(proxy->rules, 0, sizeof(proxy->rules));
    pthread_mutex_unlock(&proxy->lock);
}

int proxy_met(struct proxy *proxy, const char *command)
{
    int met = 0;

    pthread_mutex_lock(&proxy->lock);
    for (size_t i = 0; i < RULES; i++)
        if (strcmp(proxy->rules[i].command, command) == 0)
            met = proxy->rules[i].met;
    pthread_mutex_unlock(&proxy->lock);
    return met;
}

void proxy_release(struct proxy *proxy)
{
    write_state(proxy, &proxy->released, 1);
    await_state(proxy, &proxy->nlate, 0);
}

void proxy_freeze(struct proxy *proxy, int frozen)
{
    write_state(proxy, &proxy->frozen, frozen);
}

void proxy_down(struct proxy *proxy, int down)
{
    write_state(proxy, &proxy->down, down);
}

void proxy_delay(struct proxy *proxy, int ms)
{
    write_state(proxy, &proxy->delay_ms, ms);
}
