/* A transport of one's own: `timed:URL` is the store of any URL, and says how long each write took.
 * It passes the conformance suite, as any store must.
 *
 *     cc backend.c -o backend $(pkg-config --cflags --libs libecom libecom-testing) && ./backend
 */
#include <ecom/testing.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct timed {
    ecom_store *inner; /* first: ecom_store_forward() wants it there */
    const ecom_env *env;
};

static int timed_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct timed *timed = self;
    int64_t start = timed->env->monotonic_us(timed->env->self);
    int r = ecom_store_put(timed->inner, write->change, rev, err);

    fprintf(stderr, "put: %lld us\n",
            (long long)(timed->env->monotonic_us(timed->env->self) - start));
    return r;
}

static void timed_close(void *self)
{
    struct timed *timed = self;

    ecom_store_close(timed->inner);
    free(timed);
}

static int open_timed(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    struct timed *timed = calloc(1, sizeof(*timed));
    ecom_store_ops ops = {.size = sizeof(ops),
                          .caps = ECOM_CAP_CONCURRENT,
                          .name = "timed",
                          .put = timed_put,
                          .close = timed_close};

    if (!timed)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    timed->env = opts->env;
    ecom_store_forward(&ops); /* the methods that are not named above */
    int r = ecom_store_open(url + strlen("timed:"), opts, &timed->inner, err);
    if (r == ECOM_OK)
        r = ecom_store_new(&ops, timed, opts, out, err);
    if (r < 0)
        timed_close(timed);
    return r;
}

static int open_fresh(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    (void)user;
    return ecom_store_open("timed:memory:", opts, out, err);
}

int main(int argc, char **argv)
{
    static const ecom_scheme scheme = {sizeof(scheme), "timed", open_timed, NULL};
    const ecom_store_fixture fixture = {
        .size = sizeof(fixture), .name = "timed", .open = open_fresh};

    if (ecom_scheme_register(&scheme, NULL) < 0)
        return 1;
    return ecom_store_suite(&fixture, argc, argv);
}
