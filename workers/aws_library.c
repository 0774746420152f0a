#include "aws_library.h"

#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

/* ISO C has no cast from an object to a function. */
static int find(void *library, const char *name, void *fn)
{
    void *found = dlsym(library, name);

    memcpy(fn, &found, sizeof(found));
    return found ? 0 : -1;
}

/* Where libecom lies. A sanitizer's dlopen() does not look where this executable's libraries are.
 */
static void *open_beside_libecom(void)
{
    char path[4096];
    Dl_info info;
    const char *slash =
        dladdr((void *)(uintptr_t)&ecom_version, &info) ? strrchr(info.dli_fname, '/') : NULL;

    if (!slash || (size_t)(slash - info.dli_fname) + sizeof(ECOM_AWS_LIBRARY) + 1 > sizeof(path))
        return NULL;
    snprintf(path, sizeof(path), "%.*s/" ECOM_AWS_LIBRARY, (int)(slash - info.dli_fname),
             info.dli_fname);
    return dlopen(path, RTLD_NOW | RTLD_LOCAL);
}

int aws_library_load(struct aws_library *out, ecom_error *err)
{
    void *library = dlopen(ECOM_AWS_LIBRARY, RTLD_NOW | RTLD_LOCAL);

    if (!library) {
        ecom_fail(err, ECOM_E_NOTSUP, "a function is to be invoked: %s", dlerror());
        library = open_beside_libecom();
    }
    if (!library)
        return ECOM_E_NOTSUP;
    if (find(library, "ecom_aws_new", &out->new_client) < 0 ||
        find(library, "ecom_aws_invoke", &out->invoke) < 0 ||
        find(library, "ecom_aws_stop", &out->stop) < 0 ||
        find(library, "ecom_aws_free", &out->free_client) < 0)
        return ecom_fail(err, ECOM_E_NOTSUP, ECOM_AWS_LIBRARY " is of another version");
    return ECOM_OK;
}
