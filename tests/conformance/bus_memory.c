#include "ecom/testing.h"

#include <stdio.h>

#ifndef SCHEME
#define SCHEME "memory" /* or "plug", whose library is found and loaded */
#endif

/* Each case has a memory of its own, under a name that all of its handles share. */
static int fresh(void *user, ecom_error *err)
{
    (void)err;
    ++*(int *)user;
    return ECOM_OK;
}

static int open_bus(void *user, const ecom_bus_options *opts, ecom_bus **out, ecom_error *err)
{
    char url[32];

    snprintf(url, sizeof(url), SCHEME ":case-%d", *(int *)user);
    return ecom_bus_open(url, opts, out, err);
}

int main(int argc, char **argv)
{
    int number = 0;
    ecom_bus_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_CLOCK,
        .name = SCHEME,
        .user = &number,
        .fresh = fresh,
        .open = open_bus,
    };

    return ecom_bus_suite(&fixture, argc, argv);
}
