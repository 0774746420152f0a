#include "aws_library.h"

#include <dlfcn.h>
#include <string.h>

/* ISO C has no cast from an object to a function. */
static int find(void *library, const char *name, void *fn)
{
    void *found = dlsym(library, name);

    memcpy(fn, &found, sizeof(found));
    return found ? 0 : -1;
}

int aws_library_load(struct aws_library *out, ecom_error *err)
{
    void *library = dlopen(ECOM_AWS_LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!library)
        return ecom_fail(err, ECOM_E_NOTSUP, "a function is to be invoked: %s", dlerror());
    if (find(library, "ecom_aws_new", &out->new_client) < 0 ||
        find(library, "ecom_aws_invoke", &out->invoke) < 0 ||
        find(library, "ecom_aws_stop", &out->stop) < 0 ||
        find(library, "ecom_aws_free", &out->free_client) < 0)
        return ecom_fail(err, ECOM_E_NOTSUP, ECOM_AWS_LIBRARY " is of another version");
    return ECOM_OK;
}
