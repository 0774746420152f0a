#include "fault_store.h"

#include <stdlib.h>

struct fault {
    ecom_store *inner;
    fault_fn fn;
    void *user;
};

static fault_kind ask(const struct fault *f, const char *method)
{
    return f->fn ? f->fn(f->user, method) : FAULT_NONE;
}

static int fail(fault_kind kind, const char *method, ecom_error *err)
{
    return ecom_fail(err, kind == FAULT_BEFORE ? ECOM_E_UNAVAILABLE : ECOM_E_TIMEOUT,
                     "%s was made to fail %s it got through", method,
                     kind == FAULT_BEFORE ? "before" : "after");
}

/* The call, or a fault in its place or in place of its answer. */
#define FORWARD(method_, call_)                                       \
    do {                                                              \
        fault_kind kind_ = ask(f, method_);                           \
        if (kind_ == FAULT_BEFORE)                                    \
            return fail(kind_, method_, err);                         \
        int r_ = (call_);                                             \
        return kind_ == FAULT_AFTER ? fail(kind_, method_, err) : r_; \
    } while (0)

static int fault_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                     ecom_error *err)
{
    struct fault *f = self;

    if (ask(f, "get") != FAULT_NONE) /* a read that is not answered is one that did not happen */
        return fail(FAULT_BEFORE, "get", err);
    return ecom_store_get(f->inner, collection, id, doc, rev, err);
}

static int fault_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct fault *f = self;
    uint64_t written;

    FORWARD("put", ecom_store_put(f->inner, write->change, kind_ ? &written : rev, err));
}

static int fault_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                        ecom_error *err)
{
    struct fault *f = self;

    FORWARD("remove", ecom_store_remove(f->inner, collection, id, expect, err));
}

static int fault_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                      ecom_error *err)
{
    struct fault *f = self;
    int cut;

    FORWARD("find", ecom_store_find(f->inner, query, row, user, kind_ ? &cut : more, err));
}

static int fault_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                         ecom_pending_fn row, void *user, ecom_error *err)
{
    struct fault *f = self;

    (void)origin; /* the inner handle has its own, and made these changes */
    FORWARD("pending", ecom_store_pending(f->inner, before_ms, limit, row, user, err));
}

static int fault_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    struct fault *f = self;

    FORWARD("published", ecom_store_published(f->inner, tokens, n, err));
}

static int fault_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    struct fault *f = self;

    if (ask(f, "backlog") != FAULT_NONE)
        return fail(FAULT_BEFORE, "backlog", err);
    return ecom_store_backlog(f->inner, count, oldest_ms, err);
}

static int fault_ping(void *self, ecom_error *err)
{
    struct fault *f = self;

    FORWARD("ping", ecom_store_ping(f->inner, err));
}

static void fault_close(void *self)
{
    struct fault *f = self;

    ecom_store_close(f->inner);
    free(f);
}

/* One call at a time: so that the core is seen to queue them, and faults come in one order. */
static const ecom_store_ops fault_ops = {
    .size = sizeof(ecom_store_ops),
    .name = "fault",
    .get = fault_get,
    .put = fault_put,
    .remove = fault_remove,
    .find = fault_find,
    .pending = fault_pending,
    .published = fault_published,
    .backlog = fault_backlog,
    .ping = fault_ping,
    .close = fault_close,
};

int fault_store_new(ecom_store *inner, fault_fn fn, void *user, const ecom_store_options *opts,
                    ecom_store **out, ecom_error *err)
{
    struct fault *f = calloc(1, sizeof(*f));

    if (!f)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    *f = (struct fault){inner, fn, user};
    int r = ecom_store_new(&fault_ops, f, opts, out, err);
    if (r < 0)
        free(f);
    return r;
}
