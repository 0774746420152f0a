/* Takes connections from a listening socket. Not by uv_listen(): there a connection that cannot be
 * taken for want of memory ends the polling, and one without a descriptor can make it spin. */
#include <errno.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http/server.h"

enum { MAX_AT_ONCE = 64, PAUSE_MS = 100 };

/* With no descriptor to be had, we give up the one that we keep for this: the peer then learns that
 * it is not served, rather than wait. */
static int turn_away(struct listener *l)
{
    if (l->reserve >= 0)
        close(l->reserve);
    int fd = accept4(l->fd, NULL, NULL, SOCK_CLOEXEC), number = errno;
    if (fd >= 0)
        close(fd);
    l->reserve = eventfd(0, EFD_CLOEXEC);
    return fd >= 0 ? 1 : number == EAGAIN ? 0 : -1;
}

/* libuv has a table by descriptors, a power of two of them, and ends the process if there is no
 * memory for a larger one. So we ask before whether there is. */
static int can_watch(struct listener *l, int fd)
{
    size_t room = 64;

    if (fd < l->watched)
        return 1;
    while (room < (size_t)fd + 3) /* two places are libuv's own */
        room *= 2;
    void *volatile table = malloc(room * sizeof(void *)); /* or a compiler knows that there is */
    if (table)
        l->watched = (int)room - 2;
    free(table);
    return fd < l->watched;
}

/* @return 1: took one from the queue; 0: it is empty; -1: not now. */
static int take(struct loop *loop)
{
    int fd = accept4(loop->listener.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0) {
        if (can_watch(&loop->listener, fd))
            ecom__http_conn_open(loop, fd);
        else
            close(fd);
        return 1;
    }
    switch (errno) {
    case EAGAIN:
        return 0;
    case EINTR:
    case EPROTO:
    case ECONNABORTED:
        return 1;
    case EMFILE:
    case ENFILE:
        return turn_away(&loop->listener);
    default:
        return -1;
    }
}

static void on_pause_over(uv_timer_t *pause);

static void on_ready(uv_poll_t *poll, int status, int events)
{
    struct loop *loop = poll->data;
    int r = status < 0 ? -1 : 1;

    (void)events;
    for (int i = 0; i < MAX_AT_ONCE && r > 0; i++)
        r = take(loop);
    if (r < 0) {
        uv_poll_stop(poll);
        uv_timer_start(&loop->listener.pause, on_pause_over, PAUSE_MS, 0);
    }
}

static void on_pause_over(uv_timer_t *pause)
{
    struct loop *loop = pause->data;

    uv_poll_start(&loop->listener.poll, UV_READABLE, on_ready);
}

int ecom__http_listener_open(struct loop *loop, int fd)
{
    struct listener *l = &loop->listener;
    int r = listen(fd, SOMAXCONN) < 0 ? -errno : uv_poll_init(&loop->uv, &l->poll, fd);

    if (r < 0) {
        close(fd);
        return r;
    }
    uv_timer_init(&loop->uv, &l->pause);
    l->poll.data = l->pause.data = loop;
    l->fd = fd;
    l->open = 1;
    l->reserve = eventfd(0, EFD_CLOEXEC);
    if (l->reserve < 0)
        return -errno;
    return uv_poll_start(&l->poll, UV_READABLE, on_ready);
}

void ecom__http_listener_drain(struct loop *loop)
{
    int r = loop->listener.open;

    for (int i = 0; i < SOMAXCONN && r > 0; i++)
        r = take(loop);
    ecom__http_listener_close(loop);
}

void ecom__http_listener_close(struct loop *loop)
{
    struct listener *l = &loop->listener;

    if (!l->open)
        return;
    l->open = 0;
    uv_close((uv_handle_t *)&l->poll, NULL);
    uv_close((uv_handle_t *)&l->pause, NULL);
    close(l->fd);
    if (l->reserve >= 0)
        close(l->reserve);
}
