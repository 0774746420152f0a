#include "ecom/testing.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Each case has a directory of its own. */
struct place {
    char dir[256];
};

static int fresh(void *user, ecom_error *err)
{
    struct place *place = user;
    const char *tmp = getenv("TMPDIR");

    snprintf(place->dir, sizeof(place->dir), "%.200s/ecom-bus-XXXXXX", tmp ? tmp : "/tmp");
    return mkdtemp(place->dir) ? ECOM_OK : ecom_fail(err, ECOM_E_BACKEND, "mkdtemp failed");
}

static int open_bus(void *user, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    char url[300];
    ecom_bus_options patient = *opts;

    if (opts->size == sizeof(*opts) && opts->timeout_ms == 0)
        patient.timeout_ms = 60000; /* no case is about it, and the disk may be slow */
    snprintf(url, sizeof(url), "sqlite:%s", ((struct place *)user)->dir);
    return ecom_bus_open(url, &patient, out, err);
}

static void clear(void *user)
{
    struct place *place = user;
    char path[600];
    DIR *dir = opendir(place->dir);

    for (struct dirent *e; dir && (e = readdir(dir));) {
        snprintf(path, sizeof(path), "%s/%s", place->dir, e->d_name);
        unlink(path); /* not "." and "..": these are folders */
    }
    if (dir)
        closedir(dir);
    rmdir(place->dir);
}

int main(int argc, char **argv)
{
    struct place place;
    ecom_bus_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES | ECOM_TEST_CLOCK,
        .name = "sqlite",
        .user = &place,
        .fresh = fresh,
        .open = open_bus,
        .clear = clear,
    };

    return ecom_bus_suite(&fixture, argc, argv);
}
