/* The store's cases on a server of MongoDB's protocol. */
#include "ecom/testing.h"

#include "place.h"

static int fresh(void *user, ecom_error *err)
{
    (void)err;
    place_fresh(user);
    return ECOM_OK;
}

static int open_store(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    ecom_store_options patient = *opts;

    patient.timeout_ms = 60000; /* a slow server is no failure of ours */
    return ecom_store_open(((struct place *)user)->url, &patient, out, err);
}

static void clear(void *user)
{
    place_clear(user);
}

int main(int argc, char **argv)
{
    struct place place;
    int status;
    ecom_store_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES | ECOM_TEST_CLOCK,
        .name = "mongodb",
        .user = &place,
        .fresh = fresh,
        .open = open_store,
        .clear = clear,
    };

    return place_find(&place, &status) < 0 ? status : ecom_store_suite(&fixture, argc, argv);
}
