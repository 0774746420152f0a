/* Folders that are still there after a power cut: for who makes some before he opens files. */
#ifndef ECOM_BASE_DIR_H
#define ECOM_BASE_DIR_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Has a folder's entries written down. One that cannot be opened, or synced, is the system's to
 * write. */
static inline int ecom__sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), r;

    if (fd < 0)
        return 0;
    r = fsync(fd) < 0 && errno == EIO ? -1 : 0;
    close(fd);
    return r;
}

/* Makes the last folder of a path, if it is not there. A file's own sync does not write down where
 * its folder is. @return -1, with errno. */
static inline int ecom__make_dir(const char *path, mode_t mode)
{
    char above[4096];
    size_t n = strlen(path);

    if (mkdir(path, mode) < 0)
        return errno == EEXIST ? 0 : -1;
    while (n > 1 && path[n - 1] == '/')
        n--;
    while (n && path[n - 1] != '/')
        n--;
    snprintf(above, sizeof(above), "%.*s", n ? (int)n : 1, n ? path : ".");
    return ecom__sync_dir(above);
}

#endif
