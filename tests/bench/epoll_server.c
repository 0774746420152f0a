/* The floor: the least that a server on epoll can do. Reads what is there, counts the ends of
 * headers in it, writes as many constant answers. Understands no HTTP. Prints its port. */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

static const char answer[] = "HTTP/1.1 200 OK\r\n"
                             "date: Sun, 22 Nov 2026 18:25:00 GMT\r\n"
                             "content-type: application/json\r\n"
                             "content-length: 15\r\n"
                             "\r\n"
                             "{\"status\":\"ok\"}";

static void add(int epoll, int fd)
{
    struct epoll_event event = {.events = EPOLLIN, .data = {.fd = fd}};

    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) < 0)
        exit(1);
}

static void answer_all(int fd)
{
    char in[16384], out[64 * sizeof(answer)];
    ssize_t n = read(fd, in, sizeof(in));
    size_t len = 0;

    if (n <= 0) {
        close(fd);
        return;
    }
    for (const char *p = in; (p = memmem(p, (size_t)(in + n - p), "\r\n\r\n", 4)); p += 4)
        if (len + sizeof(answer) <= sizeof(out)) {
            memcpy(out + len, answer, sizeof(answer) - 1);
            len += sizeof(answer) - 1;
        }
    if (write(fd, out, len) != (ssize_t)len)
        close(fd);
}

int main(void)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    socklen_t size = sizeof(at);
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);

    if (bind(listener, (struct sockaddr *)&at, sizeof(at)) < 0 || listen(listener, 1024) < 0 ||
        getsockname(listener, (struct sockaddr *)&at, &size) < 0)
        return 1;
    add(epoll, listener);
    printf("%d\n", ntohs(at.sin_port));
    fflush(stdout);
    for (;;) {
        struct epoll_event events[256];
        int n = epoll_wait(epoll, events, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd != listener) {
                answer_all(fd);
                continue;
            }
            fd = accept(listener, NULL, NULL);
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
            add(epoll, fd);
        }
    }
}
