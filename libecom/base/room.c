#include "base/room.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

enum { REMEMBERED_MS = 5000, PROBE_BYTES = 64 << 10 };

void ecom__room_note(struct ecom__room *room, const ecom_env *env, int code)
{
    if (code == ECOM_E_FULL)
        atomic_store(&room->full_until_ms, ecom_env_monotonic_ms(env) + REMEMBERED_MS);
    else if (code == ECOM_OK && atomic_load_explicit(&room->full_until_ms, memory_order_relaxed))
        atomic_store(&room->full_until_ms, 0);
}

int ecom__room_check(struct ecom__room *room, const ecom_env *env, ecom_error *err)
{
    long long until = atomic_load(&room->full_until_ms);

    return until && ecom_env_monotonic_ms(env) < until
               ? ecom_fail(err, ECOM_E_FULL, "the last write found no space left")
               : ECOM_OK;
}

static int fail_errno(int number, const char *dir, ecom_error *err)
{
    int code =
        number == ENOSPC || number == EDQUOT || number == EFBIG ? ECOM_E_FULL : ECOM_E_UNAVAILABLE;
    char why[96];

    ecom_fail(err, code, "%s: %s", dir, strerror_r(number, why, sizeof(why)));
    if (err)
        err->native = number;
    return code;
}

/* Some file systems have no such files; they refuse in several ways. */
static int cannot_tell(int number)
{
    return number == EOPNOTSUPP || number == EISDIR || number == EINVAL || number == ENOENT ||
           number == EMFILE || number == ENFILE || number == ENOMEM;
}

int ecom__room_probe(int at, const char *dir, ecom_error *err)
{
    static const char bytes[PROBE_BYTES];
    int fd = openat(at, dir, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600), number = 0;

    if (fd < 0)
        return cannot_tell(errno) ? ECOM_OK : fail_errno(errno, dir, err);
    for (size_t done = 0; done < sizeof(bytes) && !number;) {
        ssize_t n = write(fd, bytes + done, sizeof(bytes) - done);
        done += n > 0 ? (size_t)n : 0;
        number = n < 0 && errno != EINTR ? errno : 0;
    }
    close(fd);
    return number ? fail_errno(number, dir, err) : ECOM_OK;
}
