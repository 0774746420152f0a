/* A transport of one's own: `timed:URL` is the store of any URL, and says how long each write took.
 * It passes the conformance suite, as any store must.
 *
 *     cc backend.c -o backend $(pkg-config --cflags --libs libecom libecom-testing) && ./backend
 */
#include <ecom/testing.h>
#include <stdio.h>
#include <string.h>

static int timed_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                     ecom_error *err)
{
    return ecom_store_get(self, collection, id, doc, rev, err);
}

static int timed_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    const ecom_env *env = ecom_env_system();
    int64_t start = env->monotonic_us(env->self);
    int r = ecom_store_put(self, write->change, rev, err);

    fprintf(stderr, "put: %lld us\n", (long long)(env->monotonic_us(env->self) - start));
    return r;
}

static int timed_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                        ecom_error *err)
{
    return ecom_store_remove(self, collection, id, expect, err);
}

static int timed_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                      ecom_error *err)
{
    return ecom_store_find(self, query, row, user, more, err);
}

/* The store inside writes under an id of its own: it knows which events are this handle's. */
static int timed_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                         ecom_pending_fn row, void *user, ecom_error *err)
{
    (void)origin;
    return ecom_store_pending(self, before_ms, limit, row, user, err);
}

static int timed_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    return ecom_store_published(self, tokens, n, err);
}

static int timed_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    return ecom_store_backlog(self, count, oldest_ms, err);
}

static int timed_ping(void *self, ecom_error *err)
{
    return ecom_store_ping(self, err);
}

static void timed_close(void *self)
{
    ecom_store_close(self);
}

static const ecom_store_ops ops = {
    .size = sizeof(ops),
    .caps = ECOM_CAP_CONCURRENT,
    .name = "timed",
    .get = timed_get,
    .put = timed_put,
    .remove = timed_remove,
    .find = timed_find,
    .pending = timed_pending,
    .published = timed_published,
    .backlog = timed_backlog,
    .ping = timed_ping,
    .close = timed_close,
};

static int open_timed(const char *url, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    ecom_store *inside = NULL;
    int r = ecom_store_open(url + strlen("timed:"), opts, &inside, err);

    if (r == ECOM_OK)
        r = ecom_store_new(&ops, inside, opts, out, err);
    if (r < 0)
        ecom_store_close(inside);
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
    const ecom_store_fixture fixture = {sizeof(fixture), 0, "timed", NULL, NULL, open_fresh, NULL};

    if (ecom_scheme_register(&scheme, NULL) < 0)
        return 1;
    return ecom_store_suite(&fixture, argc, argv);
}
