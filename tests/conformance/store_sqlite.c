#include "ecom/testing.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct place {
    char dir[64], url[96];
};

static int fresh(void *user, ecom_error *err)
{
    struct place *place = user;
    const char *tmp = getenv("TMPDIR");

    snprintf(place->dir, sizeof(place->dir), "%.40s/ecom-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(place->dir))
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "no directory %s", place->dir);
    snprintf(place->url, sizeof(place->url), "sqlite:%s/store.db", place->dir);
    return ECOM_OK;
}

static int open_store(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    ecom_store_options patient = *opts;

    patient.timeout_ms = 60000; /* no case is about it, and the disk may be slow */
    return ecom_store_open(((struct place *)user)->url, &patient, out, err);
}

static void clear(void *user)
{
    static const char *const names[] = {"store.db", "store.db-wal", "store.db-shm",
                                        "store.db-lock"};
    const struct place *place = user;
    char path[128];

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", place->dir, names[i]);
        unlink(path);
    }
    rmdir(place->dir);
}

int main(int argc, char **argv)
{
    struct place place;
    ecom_store_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES | ECOM_TEST_CLOCK,
        .name = "sqlite",
        .user = &place,
        .fresh = fresh,
        .open = open_store,
        .clear = clear,
    };

    return ecom_store_suite(&fixture, argc, argv);
}
