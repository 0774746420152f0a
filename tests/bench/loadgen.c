/* A closed-loop HTTP/1.1 load: so many keep-alive connections, each sending its next request when
 * the answer to the last is there. One thread and epoll, so that it costs little and always the
 * same. Prints one JSON object.
 *
 *     loadgen PORT CONNECTIONS REQUESTS REQUEST-FILE EXPECTED-STATUS
 *
 * In the request file, `@@@@@@@@` is replaced by the number of the request, eight digits. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REQUEST = 2 << 20, MAX_ANSWER = 512 << 10, MAX_CONNECTIONS = 1024 };

struct connection {
    int fd;
    size_t have;
    int64_t sent_ns;
    char answer[MAX_ANSWER];
};

struct load {
    char request[MAX_REQUEST];
    size_t request_bytes, digits_at; /* digits_at 0: no number in it */
    int epoll, expected;
    uint64_t started, sent, finished, wanted, failed, again;
    uint32_t *latency_us;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void send_one(struct load *load, struct connection *c)
{
    char number[16];

    load->sent++;
    if (load->digits_at) {
        snprintf(number, sizeof(number), "%08u", (unsigned)(load->sent % 100000000));
        memcpy(load->request + load->digits_at, number, 8);
    }
    c->have = 0;
    if (write(c->fd, load->request, load->request_bytes) != (ssize_t)load->request_bytes)
        die("write");
}

static void send_next(struct load *load, struct connection *c)
{
    if (load->started == load->wanted)
        return;
    load->started++;
    c->sent_ns = now_ns();
    send_one(load, c);
}

/* Is the answer whole? Without a length it is one in chunks, whose end no JSON has within it. */
static int is_whole(const struct connection *c)
{
    const char *end = memmem(c->answer, c->have, "\r\n\r\n", 4), *p;

    if (!end)
        return 0;
    for (p = c->answer; p < end; p = (const char *)memchr(p, '\n', (size_t)(end + 2 - p)) + 1)
        if (strncasecmp(p, "content-length:", 15) == 0)
            return c->have >= (size_t)(end + 4 - c->answer) + strtoul(p + 15, NULL, 10);
        else if (strncasecmp(p, "transfer-encoding:", 18) == 0)
            return memcmp(c->answer + c->have - 5, "0\r\n\r\n", 5) == 0;
    return 1;
}

static void receive(struct load *load, struct connection *c)
{
    ssize_t n = read(c->fd, c->answer + c->have, MAX_ANSWER - 1 - c->have);

    if (n <= 0)
        die("the server closed a connection");
    c->have += (size_t)n;
    c->answer[c->have] = '\0';
    if (!is_whole(c))
        return;
    int status = atoi(c->answer + 9);
    if (status == 503 && load->expected != 503 && load->again < load->wanted) {
        load->again++; /* refused for now, and nothing was done: the wait counts */
        send_one(load, c);
        return;
    }
    load->failed += status != load->expected;
    load->latency_us[load->finished++] = (uint32_t)((now_ns() - c->sent_ns) / 1000);
    send_next(load, c);
}

static void open_connection(struct load *load, struct connection *c, int port)
{
    const struct sockaddr_in to = {.sin_family = AF_INET,
                                   .sin_port = htons((uint16_t)port),
                                   .sin_addr = {htonl(INADDR_LOOPBACK)}};
    struct epoll_event event = {.events = EPOLLIN, .data = {.ptr = c}};

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0 || connect(c->fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    if (epoll_ctl(load->epoll, EPOLL_CTL_ADD, c->fd, &event) < 0)
        die("epoll_ctl");
}

static void read_request(struct load *load, const char *path)
{
    FILE *file = fopen(path, "rb");

    if (!file)
        die(path);
    load->request_bytes = fread(load->request, 1, MAX_REQUEST, file);
    fclose(file);
    const char *digits = memmem(load->request, load->request_bytes, "@@@@@@@@", 8);
    load->digits_at = digits ? (size_t)(digits - load->request) : 0;
}

static int by_value(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    static struct load load;

    if (argc != 6) {
        fprintf(stderr, "usage: loadgen PORT CONNECTIONS REQUESTS REQUEST-FILE STATUS\n");
        return 64;
    }
    int n = atoi(argv[2]);
    load.wanted = strtoull(argv[3], NULL, 10);
    load.expected = atoi(argv[5]);
    read_request(&load, argv[4]);
    if (n < 1 || n > MAX_CONNECTIONS || load.wanted < 1)
        return 64;
    struct connection *connections = calloc((size_t)n, sizeof(*connections));
    load.latency_us = calloc(load.wanted, sizeof(*load.latency_us));
    load.epoll = epoll_create1(EPOLL_CLOEXEC);
    if (!connections || !load.latency_us || load.epoll < 0)
        die("starting");
    for (int i = 0; i < n; i++)
        open_connection(&load, &connections[i], atoi(argv[1]));

    int64_t start = now_ns();
    for (int i = 0; i < n; i++)
        send_next(&load, &connections[i]);
    while (load.finished < load.wanted) {
        struct epoll_event events[256];
        int got = epoll_wait(load.epoll, events, 256, 30000);
        if (got <= 0 && errno != EINTR)
            die("no answer within 30 s");
        for (int i = 0; i < got; i++)
            receive(&load, events[i].data.ptr);
    }
    double seconds = (double)(now_ns() - start) / 1e9;
    qsort(load.latency_us, load.finished, sizeof(*load.latency_us), by_value);
    printf("{\"requests\": %llu, \"failed\": %llu, \"seconds\": %.3f, \"rps\": %.1f, "
           "\"p50_us\": %u, \"p99_us\": %u, \"max_us\": %u, \"again\": %llu}\n",
           (unsigned long long)load.finished, (unsigned long long)load.failed, seconds,
           (double)load.finished / seconds, load.latency_us[load.finished / 2],
           load.latency_us[load.finished * 99 / 100], load.latency_us[load.finished - 1],
           (unsigned long long)load.again);
    return load.failed > 0;
}
