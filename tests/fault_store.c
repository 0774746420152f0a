#include "fault.h"

#include <stdlib.h>

struct fault_store {
    struct fault_plan *plan; /* first: see fault_plan_of() */
    ecom_store *inner;
};

struct fault_plan *fault_plan_of(void *self)
{
    return *(struct fault_plan **)self;
}

static int crash(struct fault_plan *plan, ecom_error *err)
{
    plan->dead = 1;
    return ecom_fail(err, ECOM_E_CLOSED, "the process is dead");
}

int fault_begin(struct fault_plan *plan, const char *op, enum fault *fault, ecom_error *err)
{
    if (plan->dead)
        return crash(plan, err);
    *fault = plan->decide ? plan->decide(plan->user, op) : FAULT_NONE;
    if (*fault == FAULT_CRASH_BEFORE)
        return crash(plan, err);
    if (*fault == FAULT_FAIL)
        return ecom_fail(err, plan->code ? plan->code(plan->user) : ECOM_E_UNAVAILABLE,
                         "%s fails, as planned", op);
    if (*fault == FAULT_LATE && plan->late)
        plan->late(plan->user);
    return ECOM_OK;
}

int fault_end(struct fault_plan *plan, enum fault fault, int r, ecom_error *err)
{
    if (fault == FAULT_CRASH_AFTER || plan->dead)
        return crash(plan, err);
    if (fault == FAULT_LOST_ANSWER && r >= 0)
        return ecom_fail(err, ECOM_E_TIMEOUT, "the answer is lost, as planned");
    return r;
}

size_t fault_part(const struct fault_plan *plan, size_t n)
{
    return plan->part ? plan->part(plan->user, n) : n / 2;
}

static int fault_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                     ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    size_t before = doc->n;
    uint64_t got = 0;
    int r = fault_begin(f->plan, "get", &fault, err);

    if (r == ECOM_OK)
        r = fault_end(f->plan, fault, ecom_store_get(f->inner, collection, id, doc, &got, err),
                      err);
    if (r == ECOM_OK)
        *rev = got;
    else
        doc->n = before;
    return r;
}

static int fault_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    uint64_t got = 0;
    int r = fault_begin(f->plan, "put", &fault, err);

    if (r == ECOM_OK)
        r = fault_end(f->plan, fault, ecom_store_put(f->inner, write->change, &got, err), err);
    if (r == ECOM_OK)
        *rev = got;
    return r;
}

static int fault_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                        ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "remove", &fault, err);

    return r < 0 ? r
                 : fault_end(f->plan, fault,
                             ecom_store_remove(f->inner, collection, id, expect, err), err);
}

static int fault_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                      ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int any = 0, r = fault_begin(f->plan, "find", &fault, err);

    if (r == ECOM_OK)
        r = fault_end(f->plan, fault, ecom_store_find(f->inner, query, row, user, &any, err), err);
    if (r == ECOM_OK)
        *more = any;
    return r;
}

static int fault_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                         ecom_pending_fn row, void *user, ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "pending", &fault, err);

    (void)origin; /* the inner handle has its own */
    return r < 0 ? r
                 : fault_end(f->plan, fault,
                             ecom_store_pending(f->inner, before_ms, limit, row, user, err), err);
}

static int fault_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "published", &fault, err);

    if (r < 0)
        return r;
    if (fault == FAULT_TWICE)
        (void)!ecom_store_published(f->inner, tokens, n, NULL);
    return fault_end(f->plan, fault, ecom_store_published(f->inner, tokens, n, err), err);
}

static int fault_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int64_t oldest = 0;
    uint64_t n = 0;
    int r = fault_begin(f->plan, "backlog", &fault, err);

    if (r == ECOM_OK)
        r = fault_end(f->plan, fault, ecom_store_backlog(f->inner, &n, &oldest, err), err);
    if (r == ECOM_OK) {
        *count = n;
        *oldest_ms = oldest;
    }
    return r;
}

static int fault_ping(void *self, ecom_error *err)
{
    struct fault_store *f = self;
    enum fault fault = FAULT_NONE;
    int r = fault_begin(f->plan, "ping", &fault, err);

    return r < 0 ? r : fault_end(f->plan, fault, ecom_store_ping(f->inner, err), err);
}

/* Concurrent: no lock is held while a plan lets others run. */
const ecom_store_ops fault_store_ops = {
    .size = sizeof(ecom_store_ops),
    .caps = ECOM_CAP_CONCURRENT,
    .name = "fault",
    .get = fault_get,
    .put = fault_put,
    .remove = fault_remove,
    .find = fault_find,
    .pending = fault_pending,
    .published = fault_published,
    .backlog = fault_backlog,
    .ping = fault_ping,
    .close = free,
};

void *fault_store_self(ecom_store *inner, struct fault_plan *plan)
{
    struct fault_store *f = malloc(sizeof(*f));

    if (f)
        *f = (struct fault_store){plan, inner};
    return f;
}
