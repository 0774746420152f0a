#include "base/scheme.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "ecom-config.h"

#if !ECOM_STATIC
#include <dlfcn.h>
#endif

enum { MAX_SCHEMES = 64, MAX_NAME = 32, MAX_URL = 4096 };

static const char *const built_in[] = {"memory", "sqlite"};

/* Only ever grows, so that what was found stays valid without the lock. */
static struct {
    pthread_mutex_t lock;
    size_t n;
    ecom_scheme schemes[MAX_SCHEMES];
} registry = {.lock = PTHREAD_MUTEX_INITIALIZER};

static int name_byte(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '+' || c == '.' || c == '-';
}

static size_t name_length(const char *s)
{
    size_t n = 0;

    while (name_byte(s[n]))
        n++;
    return n;
}

const char *ecom__scheme_rest(const char *url, const char *name)
{
    size_t n = strlen(name);

    return url && strncmp(url, name, n) == 0 && url[n] == ':' ? url + n + 1 : NULL;
}

static const ecom_scheme *registered(const char *name)
{
    for (size_t i = 0; i < registry.n; i++)
        if (strcmp(registry.schemes[i].name, name) == 0)
            return &registry.schemes[i];
    return NULL;
}

static const ecom_scheme *lookup(const char *name)
{
    pthread_mutex_lock(&registry.lock);
    const ecom_scheme *scheme = registered(name);
    pthread_mutex_unlock(&registry.lock);
    return scheme;
}

static int check_scheme(const ecom_scheme *scheme, ecom_error *err)
{
    if (!scheme || scheme->size < sizeof(*scheme))
        return ecom_fail_field(err, ECOM_E_INVAL, "size", "the scheme has %u bytes, not %zu",
                               scheme ? scheme->size : 0, sizeof(*scheme));
    size_t n = scheme->name ? name_length(scheme->name) : 0;
    if (n == 0 || n > MAX_NAME || scheme->name[n])
        return ecom_fail_field(err, ECOM_E_INVAL, "name",
                               "a scheme's name is 1 to %d bytes of a-z, 0-9, '+', '.' and '-'",
                               MAX_NAME);
    for (size_t i = 0; i < sizeof(built_in) / sizeof(built_in[0]); i++)
        if (strcmp(scheme->name, built_in[i]) == 0)
            return ecom_fail_field(err, ECOM_E_EXISTS, "name", "\"%s:\" is built in", scheme->name);
    return ECOM_OK;
}

int ecom_scheme_register(const ecom_scheme *scheme, ecom_error *err)
{
    int r = check_scheme(scheme, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&registry.lock);
    if (registered(scheme->name))
        r = ecom_fail_field(err, ECOM_E_EXISTS, "name", "\"%s:\" is registered already",
                            scheme->name);
    else if (registry.n == MAX_SCHEMES)
        r = ecom_fail(err, ECOM_E_TOOLARGE, "\"%s:\" would be more than %d schemes", scheme->name,
                      MAX_SCHEMES);
    else
        registry.schemes[registry.n++] = *scheme;
    pthread_mutex_unlock(&registry.lock);
    return r;
}

#if ECOM_STATIC
/* Others' schemes are registered, or not there. */
static int load(const char *name, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOTSUP,
                     "nothing opens \"%s:\" here: a static executable loads no libraries", name);
}
#else
/* The installed name first; the bare one is what a development package or a build tree has. */
static void *open_library(const char *name, char *why, size_t size)
{
    char file[MAX_NAME + 32];

    snprintf(file, sizeof(file), "libecom-%s.so.%s", name, ECOM_SOVERSION);
    void *library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (library)
        return library;
    snprintf(why, size, "%s", dlerror());
    if (!strstr(why, "No such file"))
        return NULL;
    snprintf(file, sizeof(file), "libecom-%s.so", name);
    library = dlopen(file, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        snprintf(why, size, "%s", dlerror());
    return library;
}

static ecom_backend_fn backend_of(void *library, const char *name)
{
    char symbol[MAX_NAME + 16];
    ecom_backend_fn fn = NULL;

    snprintf(symbol, sizeof(symbol), "ecom_backend_%s", name);
    for (char *p = symbol; *p; p++)
        if (*p == '+' || *p == '.' || *p == '-')
            *p = '_';
    void *found = dlsym(library, symbol);
    memcpy(&fn, &found, sizeof(fn)); /* ISO C has no cast from an object to a function */
    return fn;
}

/* No lock is held: a library may well register its scheme itself while it is loaded. It stays
 * loaded for the rest of the process, as what it registered does. */
static int load(const char *name, ecom_error *err)
{
    char why[128];
    void *library = open_library(name, why, sizeof(why));

    if (!library && strstr(why, "No such file"))
        return ecom_fail(err, ECOM_E_NOTSUP, "nothing opens \"%s:\" here: install libecom-%s", name,
                         name);
    if (!library)
        return ecom_fail(err, ECOM_E_NOTSUP, "libecom-%s cannot be loaded: %s", name, why);

    ecom_backend_fn fn = backend_of(library, name);
    const ecom_scheme *scheme = fn ? fn() : NULL;
    if (!scheme || scheme->size < sizeof(*scheme) || !scheme->name || strcmp(scheme->name, name))
        return ecom_fail(err, ECOM_E_NOTSUP,
                         "libecom-%s is of another version: it does not describe \"%s:\"", name,
                         name);
    int r = ecom_scheme_register(scheme, err);
    return r == ECOM_E_EXISTS ? ECOM_OK : r; /* another thread was first */
}

#endif

int ecom__scheme_find(const char *url, const ecom_scheme **out, ecom_error *err)
{
    char name[MAX_NAME + 1];
    size_t n = url ? name_length(url) : 0;

    if (n == 0 || n > MAX_NAME || url[n] != ':')
        return ecom_fail_field(err, ECOM_E_INVAL, "url",
                               "is not a URL such as \"memory:\" or \"sqlite:PATH\"");
    if (strnlen(url, MAX_URL + 1) > MAX_URL)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "url", "has more than %d bytes", MAX_URL);
    memcpy(name, url, n);
    name[n] = '\0';

    const ecom_scheme *scheme = lookup(name);
    if (!scheme) {
        name[strcspn(name, "+")] = '\0'; /* mongodb+srv: is what mongodb: opens */
        scheme = lookup(name);
    }
    if (!scheme) {
        int r = load(name, err);
        if (r < 0)
            return r;
        scheme = lookup(name);
    }
    *out = scheme;
    return ECOM_OK;
}
