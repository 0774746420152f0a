#include "bus/bell.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <unistd.h>

static int fail_errno(const char *what, const char *path, ecom_error *err)
{
    int number = errno;
    int code = number == ENOSPC || number == EDQUOT ? ECOM_E_FULL
               : number == ENOMEM                   ? ECOM_E_NOMEM
                                                    : ECOM_E_UNAVAILABLE;
    char why[96];

    ecom_fail(err, code, "%s: %s (%s)", what, strerror_r(number, why, sizeof(why)), path);
    if (err)
        err->native = number;
    return code;
}

int ecom__bell_open(const char *path, ecom_error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);

    return fd < 0 ? fail_errno("the bell file cannot be opened", path, err) : fd;
}

void ecom__bell_ring(int bell)
{
    while (pwrite(bell, "!", 1, 0) < 0 && errno == EINTR)
        ;
}

int ecom__ear_open(struct ecom__ear *ear, ecom_error *err)
{
    ear->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    ear->event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (ear->inotify >= 0 && ear->event >= 0)
        return ECOM_OK;
    int r = fail_errno("no more files can be watched", "fs.inotify.max_user_instances", err);
    ecom__ear_close(ear);
    return r;
}

int ecom__ear_listen(struct ecom__ear *ear, const char *path, ecom_error *err)
{
    if (inotify_add_watch(ear->inotify, path, IN_MODIFY) < 0)
        return fail_errno("the bell file cannot be watched", path, err);
    return ECOM_OK;
}

void ecom__ear_wake(struct ecom__ear *ear)
{
    while (eventfd_write(ear->event, 1) < 0 && errno == EINTR)
        ;
}

int ecom__ear_woken(struct ecom__ear *ear)
{
    eventfd_t n = 0;

    return eventfd_read(ear->event, &n) == 0;
}

void ecom__ear_wait(struct ecom__ear *ear, int32_t timeout_ms)
{
    struct pollfd fds[2] = {{.fd = ear->inotify, .events = POLLIN},
                            {.fd = ear->event, .events = POLLIN}};
    char events[4096];

    poll(fds, 2, timeout_ms);
    while (read(ear->inotify, events, sizeof(events)) > 0)
        ;
}

void ecom__ear_close(struct ecom__ear *ear)
{
    if (ear->inotify >= 0)
        close(ear->inotify);
    if (ear->event >= 0)
        close(ear->event);
    *ear = ECOM__EAR_NONE;
}
