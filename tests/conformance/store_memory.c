#include "ecom/testing.h"

#include <stdio.h>

#ifndef SCHEME
#define SCHEME "memory" /* or "plug", whose library is found and loaded */
#endif

/* Each case has a memory of its own, under a name that all of its handles share, and that stays
 * when they are closed: durable, as far as a process goes. */
static int fresh(void *user, ecom_error *err)
{
    (void)err;
    ++*(int *)user;
    return ECOM_OK;
}

static int open_store(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    char url[32];

    snprintf(url, sizeof(url), SCHEME ":case-%d", *(int *)user);
    return ecom_store_open(url, opts, out, err);
}

int main(int argc, char **argv)
{
    int number = 0;
    ecom_store_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_CLOCK,
        .name = SCHEME,
        .user = &number,
        .fresh = fresh,
        .open = open_store,
    };

    return ecom_store_suite(&fixture, argc, argv);
}
