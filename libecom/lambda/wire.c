#include "lambda/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    CONNECT_MS = 1000,
    ANSWER_MS = 5000, /* between two bytes, when one is not patient */
    LAST_WORD_MS = 100,
    CHUNK = 16 << 10
};

struct wire {
    const ecom_env *env;
    struct lambda_address address;
    char host[128]; /* as given, for the Host header */
    int fd;         /* -1: not connected */
    int bell[2];    /* rung by stop() */
    ecom_buf out, in;
};

static int read_port(const char *text, uint16_t *out)
{
    uint32_t port = 0;
    size_t n = strlen(text);

    if (n < 1 || n > 5)
        return -1;
    for (size_t i = 0; i < n; i++) {
        if (text[i] < '0' || text[i] > '9')
            return -1;
        port = port * 10 + (uint32_t)(text[i] - '0');
    }
    if (port < 1 || port > 65535)
        return -1;
    *out = htons((uint16_t)port);
    return 0;
}

/* @param host  without brackets. */
static int read_host(const char *host, int v6, uint16_t port, struct lambda_address *out)
{
    struct sockaddr_in *in4 = (struct sockaddr_in *)&out->to;
    struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&out->to;

    memset(out, 0, sizeof(*out));
    if (v6) {
        out->n = sizeof(*in6);
        in6->sin6_family = AF_INET6;
        in6->sin6_port = port;
        return inet_pton(AF_INET6, host, &in6->sin6_addr) == 1 ? 0 : -1;
    }
    out->n = sizeof(*in4);
    in4->sin_family = AF_INET;
    in4->sin_port = port;
    return inet_pton(AF_INET, strcmp(host, "localhost") ? host : "127.0.0.1", &in4->sin_addr) == 1
               ? 0
               : -1;
}

int ecom__lambda_address(const char *api, struct lambda_address *out, ecom_error *err)
{
    char text[128], *host = text;
    const char *colon = api ? strrchr(api, ':') : NULL;
    struct lambda_address address;
    uint16_t port;

    if (!colon || strlen(api) >= sizeof(text) || read_port(colon + 1, &port) < 0)
        goto fail;
    memcpy(text, api, (size_t)(colon - api));
    text[colon - api] = '\0';
    int v6 = text[0] == '[';
    if (v6) {
        size_t n = strlen(text);
        if (text[n - 1] != ']')
            goto fail;
        text[n - 1] = '\0';
        host = text + 1;
    }
    if (read_host(host, v6, port, &address) < 0)
        goto fail;
    *out = address;
    return ECOM_OK;

fail:
    return ecom_fail_field(err, ECOM_E_INVAL, "api",
                           "must be an IP address or localhost, and a port");
}

static int failed(ecom_error *err, const char *doing, int number)
{
    ecom_fail(err, ECOM_E_UNAVAILABLE, "Runtime API: %s: %s", doing, strerror(number));
    if (err)
        err->native = number;
    return ECOM_E_UNAVAILABLE;
}

/* @param patient  until it is ready or the bell rings; else at most @p ms. */
static int await(const struct wire *w, short events, int32_t ms, int patient, ecom_error *err)
{
    struct pollfd p[] = {{w->fd, events, 0}, {w->bell[0], POLLIN, 0}};
    int64_t until = ecom_env_monotonic_ms(w->env) + ms;

    for (;;) {
        int64_t left = patient ? -1 : until - ecom_env_monotonic_ms(w->env);
        if (!patient && left <= 0)
            return ecom_fail(err, ECOM_E_TIMEOUT, "Runtime API: silent for %d ms", (int)ms);
        int r = poll(p, patient ? 2 : 1, (int)left);
        if (r > 0 && patient && p[1].revents)
            return ecom_fail(err, ECOM_E_CLOSED, "stopped");
        if (r > 0)
            return ECOM_OK;
        if (r < 0 && errno != EINTR)
            return failed(err, "waiting", errno);
    }
}

static void hang_up(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->in.n = 0;
}

static int dial(struct wire *w, ecom_error *err)
{
    const struct sockaddr *to = (const struct sockaddr *)&w->address.to;
    int number = 0, one = 1;
    socklen_t n = sizeof(number);

    w->fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd < 0)
        return failed(err, "opening a socket", errno);
    if (connect(w->fd, to, w->address.n) < 0) {
        if (errno != EINPROGRESS)
            return failed(err, "connecting", errno);
        int r = await(w, POLLOUT, CONNECT_MS, 0, err);
        if (r < 0)
            return r;
        getsockopt(w->fd, SOL_SOCKET, SO_ERROR, &number, &n);
        if (number)
            return failed(err, "connecting", number);
    }
    setsockopt(w->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    return ECOM_OK;
}

/* Truth: the connection that was kept has not ended meanwhile. */
static int is_fresh(const struct wire *w)
{
    char byte;

    return w->fd >= 0 && recv(w->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 &&
           (errno == EAGAIN || errno == EWOULDBLOCK);
}

static int write_request(struct wire *w, const struct lambda_request *request)
{
    w->out.n = 0;
    int r = ecom_buf_printf(&w->out, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: libecom/%s\r\n",
                            request->method, request->path, w->host, ecom_version());
    for (size_t i = 0; r == ECOM_OK && i < request->nheaders; i++)
        r = ecom_buf_printf(&w->out, "%.*s: %.*s\r\n", (int)request->headers[i].name.n,
                            request->headers[i].name.p, (int)request->headers[i].value.n,
                            request->headers[i].value.p);
    if (r == ECOM_OK && strcmp(request->method, "GET") != 0)
        r = ecom_buf_printf(&w->out, "Content-Length: %zu\r\n", request->body.n);
    if (r == ECOM_OK)
        r = ecom_buf_append(&w->out, ecom_str_of("\r\n"));
    return r < 0 ? r : ecom_buf_append(&w->out, request->body);
}

static int send_request(struct wire *w, ecom_error *err)
{
    for (size_t sent = 0; sent < w->out.n;) {
        ssize_t n = send(w->fd, w->out.p + sent, w->out.n - sent, MSG_NOSIGNAL);
        if (n > 0) {
            sent += (size_t)n;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return failed(err, "sending", errno);
        int r = await(w, POLLOUT, ANSWER_MS, 0, err);
        if (r < 0)
            return r;
    }
    return ECOM_OK;
}

static int receive(struct wire *w, int patient, struct reply *reply, ecom_error *err)
{
    for (;;) {
        if (ecom_buf_reserve(&w->in, CHUNK) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
        ssize_t n = recv(w->fd, w->in.p + w->in.n, CHUNK, 0);
        if (n == 0)
            return ecom__lambda_reply_end(reply, err);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return failed(err, "receiving", errno);
        if (n < 0) {
            int r = await(w, POLLIN, ANSWER_MS, patient, err);
            if (r < 0)
                return r;
            continue;
        }
        patient = 0; /* it has begun to answer */
        w->in.n += (size_t)n;
        ssize_t used = ecom__lambda_reply_feed(reply, ecom_buf_str(&w->in), err);
        if (used < 0)
            return (int)used;
        memmove(w->in.p, w->in.p + used, w->in.n - (size_t)used);
        w->in.n -= (size_t)used;
        if (reply->done)
            return ECOM_OK;
    }
}

static int wire_call(void *self, const struct lambda_request *request, struct reply *reply,
                     ecom_error *err)
{
    struct wire *w = self;
    int r = write_request(w, request) < 0 ? ecom_fail(err, ECOM_E_NOMEM, "a request") : ECOM_OK;

    if (r == ECOM_OK && !is_fresh(w)) {
        hang_up(w);
        r = dial(w, err);
    }
    if (r == ECOM_OK)
        r = send_request(w, err);
    if (r == ECOM_OK)
        r = receive(w, request->patient, reply, err);
    if (r < 0 || !reply->keep_alive || w->in.n)
        hang_up(w);
    return r;
}

static void wire_wait(void *self, int32_t ms)
{
    const struct wire *w = self;
    struct pollfd p = {w->bell[0], POLLIN, 0};

    poll(&p, 1, ms);
}

static void wire_stop(void *self)
{
    const struct wire *w = self;
    int number = errno;

    if (write(w->bell[1], "", 1) < 0) /* full: it rings already */
        errno = number;
}

static void wire_last_word(void *self, const char *bytes, size_t n)
{
    const struct wire *w = self;
    const struct sockaddr *to = (const struct sockaddr *)&w->address.to;
    char answer[64];
    int fd = socket(to->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    struct pollfd p = {fd, POLLOUT, 0};

    if (fd < 0)
        return;
    if ((connect(fd, to, w->address.n) == 0 || errno == EINPROGRESS) &&
        poll(&p, 1, LAST_WORD_MS) > 0 && send(fd, bytes, n, MSG_NOSIGNAL) == (ssize_t)n) {
        p.events = POLLIN;
        if (poll(&p, 1, LAST_WORD_MS) > 0 && recv(fd, answer, sizeof(answer), 0) < 0)
            p.revents = 0; /* heard or not: there is nothing more to do */
    }
    close(fd);
}

static void wire_close(void *self)
{
    struct wire *w = self;

    hang_up(w);
    if (w->bell[0] >= 0) {
        close(w->bell[0]);
        close(w->bell[1]);
    }
    ecom_buf_free(&w->out);
    ecom_buf_free(&w->in);
    free(w);
}

const struct lambda_transport ecom__lambda_wire = {
    .call = wire_call,
    .wait = wire_wait,
    .stop = wire_stop,
    .last_word = wire_last_word,
    .close = wire_close,
};

int ecom__lambda_wire_new(const char *api, const ecom_env *env, void **out, ecom_error *err)
{
    struct lambda_address address;
    int r = ecom__lambda_address(api, &address, err);

    if (r < 0)
        return r;
    struct wire *w = calloc(1, sizeof(*w));
    if (!w)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    w->fd = w->bell[0] = w->bell[1] = -1;
    w->env = env;
    w->address = address;
    memcpy(w->host, api, strlen(api));
    if (pipe2(w->bell, O_CLOEXEC | O_NONBLOCK) < 0) {
        r = failed(err, "making a pipe", errno);
        w->bell[0] = -1;
        wire_close(w);
        return r;
    }
    *out = w;
    return ECOM_OK;
}
