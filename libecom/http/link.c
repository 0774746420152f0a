#include "http/link.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "http/answer.h"
#include "http/resolve.h"

int64_t ecom__http_deadline_left_ms(const struct deadline *deadline)
{
    int64_t us = deadline->until_us - deadline->env->monotonic_us(deadline->env->self);

    return us > 0 ? (us + 999) / 1000 : 0;
}

static int failed(ecom_error *err, const char *address, const char *doing, int number)
{
    ecom_fail(err, ECOM_E_UNAVAILABLE, "%s: %s: %s", address, doing, strerror(number));
    if (err)
        err->native = number;
    return ECOM_E_UNAVAILABLE;
}

/* Waits until the socket is ready. */
static int wait_for(int fd, short events, const char *address, const struct deadline *deadline,
                    ecom_error *err)
{
    struct pollfd p = {fd, events, 0};

    for (;;) {
        int64_t left = ecom__http_deadline_left_ms(deadline);
        if (left == 0)
            return ecom_fail(err, ECOM_E_TIMEOUT, "%s: no answer in time", address);
        int r = poll(&p, 1, left < INT32_MAX ? (int)left : INT32_MAX);
        if (r > 0)
            return ECOM_OK;
        if (r < 0 && errno != EINTR)
            return failed(err, address, "waiting", errno);
    }
}

static int connect_to(const struct addrinfo *to, const char *address,
                      const struct deadline *deadline, int *out, ecom_error *err)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    int number = 0, r = ECOM_OK;
    socklen_t n = sizeof(number);

    if (fd < 0)
        return failed(err, address, "opening a socket", errno);
    if (connect(fd, to->ai_addr, to->ai_addrlen) < 0) {
        number = errno;
        if (number == EINPROGRESS && (r = wait_for(fd, POLLOUT, address, deadline, err)) == ECOM_OK)
            getsockopt(fd, SOL_SOCKET, SO_ERROR, &number, &n);
        if (r == ECOM_OK && number)
            r = failed(err, address, "connecting", number);
    }
    if (r < 0) {
        close(fd);
        return r;
    }
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    *out = fd;
    return ECOM_OK;
}

static int connect_any(const struct url *url, const char *address, const struct deadline *deadline,
                       int *fd, ecom_error *err)
{
    struct addrinfo *all;
    int r = ecom__http_resolve(url, deadline, &all, err);

    if (r < 0)
        return r;
    r = ECOM_E_UNAVAILABLE;
    for (const struct addrinfo *a = all; a && r == ECOM_E_UNAVAILABLE; a = a->ai_next)
        r = connect_to(a, address, deadline, fd, err);
    freeaddrinfo(all);
    return r;
}

int ecom__http_link_open(const struct url *url, const struct deadline *deadline, struct link **out,
                         ecom_error *err)
{
    struct link *link = calloc(1, sizeof(*link) + url->authority.n + 1);

    if (!link)
        return ecom_fail(err, ECOM_E_NOMEM, "connecting");
    memcpy(link->address, url->authority.p, url->authority.n);
    link->fd = -1;
    int r = connect_any(url, link->address, deadline, &link->fd, err);
    if (r < 0) {
        ecom__http_link_close(link);
        return r;
    }
    *out = link;
    return ECOM_OK;
}

void ecom__http_link_close(struct link *link)
{
    if (!link)
        return;
    if (link->fd >= 0)
        close(link->fd);
    ecom_buf_free(&link->in);
    free(link);
}

int ecom__http_link_is_fresh(const struct link *link)
{
    char byte;
    ssize_t n = recv(link->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);

    return n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

int ecom__http_link_send(struct link *link, ecom_str request, ecom_str body,
                         const struct deadline *deadline, struct attempt *attempt, ecom_error *err)
{
    while (request.n + body.n) {
        struct iovec parts[] = {{(void *)request.p, request.n}, {(void *)body.p, body.n}};
        struct msghdr message = {.msg_iov = parts, .msg_iovlen = body.n ? 2 : 1};
        ssize_t n = sendmsg(link->fd, &message, MSG_NOSIGNAL);
        if (n < 0 && (errno == EAGAIN || errno == EINTR)) {
            int r = wait_for(link->fd, POLLOUT, link->address, deadline, err);
            if (r < 0)
                return r;
            continue;
        }
        if (n < 0)
            return failed(err, link->address, "sending", errno);
        attempt->sent |= n > 0;
        size_t k = (size_t)n < request.n ? (size_t)n : request.n;
        request = (ecom_str){request.p + k, request.n - k};
        if ((size_t)n > k)
            body = (ecom_str){body.p + ((size_t)n - k), body.n - ((size_t)n - k)};
    }
    return ECOM_OK;
}

/* Receives more into link->in. @return 1; 0: the end; ECOM_E_TIMEOUT: nothing is there yet. */
static int receive(struct link *link, ecom_error *err)
{
    ssize_t n;

    if (ecom_buf_reserve(&link->in, 16 << 10) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
    do
        n = recv(link->fd, link->in.p + link->in.n, 16 << 10, 0);
    while (n < 0 && errno == EINTR);
    if (n < 0 && errno == EAGAIN)
        return ecom_fail(err, ECOM_E_TIMEOUT, "%s: no answer in time", link->address);
    if (n < 0)
        return failed(err, link->address, "receiving", errno);
    link->in.n += (size_t)n;
    return n > 0;
}

int ecom__http_link_receive(struct link *link, struct answer *a, struct attempt *attempt,
                            ecom_error *err)
{
    while (!a->done) {
        int r = receive(link, err);
        if (r < 0)
            return r;
        if (r == 0)
            return ecom__http_answer_end(a, err);
        attempt->received = 1;
        ssize_t n = ecom__http_answer_feed(a, ecom_buf_str(&link->in), err);
        if (n < 0)
            return (int)n;
        memmove(link->in.p, link->in.p + n, link->in.n - (size_t)n);
        link->in.n -= (size_t)n;
    }
    return ECOM_OK;
}
