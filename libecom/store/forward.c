#include "ecom/backend.h"

static ecom_store *inner(void *self)
{
    return *(ecom_store **)self;
}

static int forward_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                       ecom_error *err)
{
    return ecom_store_get(inner(self), collection, id, doc, rev, err);
}

static int forward_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    return ecom_store_put(inner(self), write->change, rev, err);
}

static int forward_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                          ecom_error *err)
{
    return ecom_store_remove(inner(self), collection, id, expect, err);
}

static int forward_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                        ecom_error *err)
{
    return ecom_store_find(inner(self), query, row, user, more, err);
}

/* The inner handle wrote them, and knows them by an origin of its own. */
static int forward_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                           ecom_pending_fn row, void *user, ecom_error *err)
{
    (void)origin;
    return ecom_store_pending(inner(self), before_ms, limit, row, user, err);
}

static int forward_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    return ecom_store_published(inner(self), tokens, n, err);
}

static int forward_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    return ecom_store_backlog(inner(self), count, oldest_ms, err);
}

static int forward_ping(void *self, ecom_error *err)
{
    return ecom_store_ping(inner(self), err);
}

static void forward_close(void *self)
{
    ecom_store_close(inner(self));
}

static int forward_watch(void *self, ecom_str origin, void **watch, ecom_error *err)
{
    ecom_watch *of_inner = NULL;
    int r = ecom_store_watch(inner(self), &of_inner, err);

    (void)origin;
    if (r == ECOM_OK)
        *watch = of_inner;
    return r;
}

static int forward_wait(void *watch, int32_t timeout_ms, ecom_error *err)
{
    return ecom_watch_wait(watch, timeout_ms, err);
}

static void forward_unwatch(void *watch)
{
    ecom_watch_close(watch);
}

void ecom_store_forward(ecom_store_ops *ops)
{
    if (!ops->get)
        ops->get = forward_get;
    if (!ops->put)
        ops->put = forward_put;
    if (!ops->remove)
        ops->remove = forward_remove;
    if (!ops->find)
        ops->find = forward_find;
    if (!ops->pending)
        ops->pending = forward_pending;
    if (!ops->published)
        ops->published = forward_published;
    if (!ops->backlog)
        ops->backlog = forward_backlog;
    if (!ops->ping)
        ops->ping = forward_ping;
    if (!ops->close)
        ops->close = forward_close;
    if (ops->size < sizeof(*ops))
        return; /* compiled before there was any watch */
    if (!ops->watch)
        ops->watch = forward_watch;
    if (!ops->wait)
        ops->wait = forward_wait;
    if (!ops->unwatch)
        ops->unwatch = forward_unwatch;
}
