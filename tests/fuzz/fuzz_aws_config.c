/* A file of AWS's configuration, then names and places out of it: what is read lies within it. */
#include <stdlib.h>

#include "aws/chain.h"
#include "aws/ini.h"
#include "aws/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

static int is_within(ecom_str part, ecom_str whole)
{
    return part.p >= whole.p && part.p + part.n <= whole.p + whole.n;
}

static void on_pair(void *user, ecom_str section, ecom_str name, ecom_str value)
{
    const ecom_str *text = user;
    ecom_buf copy = {0};
    struct aws_function function;
    struct aws_endpoint endpoint;

    must(is_within(section, *text) && is_within(name, *text) && is_within(value, *text));
    must(name.n > 0 && value.n <= AWS_INI_MAX_VALUE);
    ecom__aws_ini_is_profile(section, "default", 1);
    ecom__aws_ini_is_profile(section, "x", 1);
    must(ecom_buf_append(&copy, value) == ECOM_OK);
    if (copy.p && ecom__aws_function_parse(copy.p, &function, NULL) == ECOM_OK)
        must(function.name.p == copy.p && function.name.n <= AWS_MAX_FUNCTION);
    if (copy.p && ecom__aws_endpoint_parse(copy.p, &endpoint, NULL) == ECOM_OK)
        must(endpoint.host > endpoint.base);
    if (copy.p)
        ecom__aws_container_uri_valid(copy.p);
    ecom_buf_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_str text = {n ? (const char *)data : "", n};

    (void)ecom__aws_ini_read(text, on_pair, &text, NULL);
    return 0;
}
