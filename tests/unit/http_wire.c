#include "http_wire.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PATIENCE_MS = 60000 };

ecom_http_server *wire_serve(ecom_http_options *opts)
{
    ecom_http_server *server = NULL;
    ecom_error e;

    opts->size = sizeof(*opts);
    opts->host = "127.0.0.1";
    if (opts->threads == 0)
        opts->threads = 2;
    if (ecom_http_server_new(opts, &server, &e) < 0 || ecom_http_server_start(server, &e) < 0) {
        printf("# server: %s\n", e.text);
        ecom_http_server_free(server);
        return NULL;
    }
    return server;
}

int wire_open(struct wire *w, const ecom_http_server *server)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons((uint16_t)ecom_http_server_port(server))};

    inet_pton(AF_INET, "127.0.0.1", &to.sin_addr);
    *w = (struct wire){.fd = socket(AF_INET, SOCK_STREAM, 0)};
    return w->fd >= 0 && connect(w->fd, (struct sockaddr *)&to, sizeof(to)) == 0;
}

void wire_close(struct wire *w)
{
    if (w->fd >= 0)
        close(w->fd);
    ecom_buf_free(&w->in);
    w->fd = -1;
}

void wire_reset(struct wire *w)
{
    struct linger hard = {1, 0};

    setsockopt(w->fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
    wire_close(w);
}

void wire_send(struct wire *w, ecom_str bytes)
{
    while (bytes.n) {
        ssize_t n = send(w->fd, bytes.p, bytes.n, MSG_NOSIGNAL);
        if (n <= 0)
            return; /* the test sees it by what does not come back */
        bytes.p += n;
        bytes.n -= (size_t)n;
    }
}

void wire_end(struct wire *w)
{
    shutdown(w->fd, SHUT_WR);
}

/* Receives more; 0: end, error or out of patience. */
static int more(struct wire *w)
{
    struct pollfd p = {w->fd, POLLIN, 0};
    char bytes[65536];

    if (poll(&p, 1, PATIENCE_MS) != 1)
        return 0;
    ssize_t n = recv(w->fd, bytes, sizeof(bytes), 0);
    return n > 0 && ecom_buf_append(&w->in, (ecom_str){bytes, (size_t)n}) == ECOM_OK;
}

static int await(struct wire *w, size_t n)
{
    while (w->in.n < n)
        if (!more(w))
            return 0;
    return 1;
}

static size_t head_length(struct wire *w)
{
    char *end;

    while (w->in.n == 0 || !(end = memmem(w->in.p, w->in.n, "\r\n\r\n", 4)))
        if (!more(w))
            return 0;
    return (size_t)(end - w->in.p) + 4;
}

int wire_answer(struct wire *w, int head, struct wire_answer *out)
{
    size_t n = head_length(w), body = 0;

    *out = (struct wire_answer){0};
    if (n == 0)
        return 0;
    out->head = (ecom_str){w->in.p, n};
    ecom_str length = wire_header(out, "Content-Length");
    if (length.p && !head)
        body = strtoul(length.p, NULL, 10);
    if (!await(w, n + body) || ecom_buf_append(&out->raw, (ecom_str){w->in.p, n + body}) < 0)
        return 0;
    memmove(w->in.p, w->in.p + n + body, w->in.n - n - body);
    w->in.n -= n + body;
    out->head = (ecom_str){out->raw.p, n};
    out->body = (ecom_str){out->raw.p + n, body};
    out->status = n > 12 ? atoi(out->raw.p + 9) : 0;
    return 1;
}

int wire_next_is(struct wire *w, int status, const char *body)
{
    struct wire_answer a;
    int ok = wire_answer(w, 0, &a) && a.status == status &&
             (!body || ecom_str_eq(ecom_str_of(body), a.body));

    if (!ok)
        printf("# want %d %s: %.*s\n", status, body ? body : "", (int)a.raw.n,
               a.raw.p ? a.raw.p : "");
    wire_answer_free(&a);
    return ok;
}

ecom_str wire_header(const struct wire_answer *a, const char *name)
{
    size_t n = strlen(name);
    const char *p = a->head.p, *end = a->head.p + a->head.n, *lf;

    for (; (lf = memchr(p, '\n', (size_t)(end - p))) && lf + 1 < end; p = lf + 1)
        if ((size_t)(lf - p) > n + 2 && p[n] == ':' && strncasecmp(p, name, n) == 0)
            return (ecom_str){p + n + 2, (size_t)(lf - p) - n - 3};
    return (ecom_str){NULL, 0};
}

void wire_answer_free(struct wire_answer *a)
{
    ecom_buf_free(&a->raw);
}

int wire_takes(struct wire *w, ecom_str want)
{
    char got[1024];
    size_t have = w->in.n < want.n ? w->in.n : want.n;

    if (want.n > sizeof(got))
        return 0;
    if (have)
        memcpy(got, w->in.p, have);
    memmove(w->in.p, w->in.p + have, w->in.n - have);
    w->in.n -= have;
    while (have < want.n) {
        ssize_t n = recv(w->fd, got + have, want.n - have, 0);
        if (n <= 0)
            break;
        have += (size_t)n;
    }
    int ok = have == want.n && memcmp(got, want.p, have) == 0;
    if (!ok)
        printf("# want %zu bytes, got %zu: %.*s\n", want.n, have, (int)have, got);
    return ok;
}

int wire_at_end(struct wire *w)
{
    struct pollfd p = {w->fd, POLLIN, 0};
    char byte;

    return w->in.n == 0 && poll(&p, 1, PATIENCE_MS) == 1 && recv(w->fd, &byte, 1, 0) <= 0;
}

int wire_cut_off(struct wire *w)
{
    struct pollfd p = {w->fd, POLLRDHUP, 0};

    return poll(&p, 1, PATIENCE_MS) == 1;
}

int wire_status(const ecom_http_server *server, ecom_str bytes)
{
    struct wire w;
    struct wire_answer a = {0};

    if (wire_open(&w, server)) {
        wire_send(&w, bytes);
        wire_answer(&w, 0, &a);
    }
    int status = a.status;
    wire_answer_free(&a);
    wire_close(&w);
    return status;
}

int wire_refused(const ecom_http_server *server, ecom_str bytes, int status)
{
    struct wire w;
    struct wire_answer a = {0};
    int ok = 0;

    if (wire_open(&w, server)) {
        wire_send(&w, bytes);
        ok = wire_answer(&w, 0, &a) && a.status == status &&
             ecom_str_eq(wire_header(&a, "Connection"), S("close")) && wire_at_end(&w);
        if (!ok)
            printf("# got %d, want %d and the end: %.*s\n", a.status, status, (int)a.raw.n,
                   a.raw.p ? a.raw.p : "");
    }
    wire_answer_free(&a);
    wire_close(&w);
    return ok;
}
