#include "shop_world.h"

#include <stdlib.h>

#include "ecom/backend.h"

/* Truth: this call is the one that fails. */
static int fails_now(struct shop_world *world)
{
    if (world->fail_at == 0 || --world->fail_at > 0)
        return 0;
    return world->failed = 1;
}

static int away(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "the store is away");
}

static int unknown(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_TIMEOUT, "the store did not answer in time");
}

/* Runs one call of the inner store as the fault has it. */
#define WITH_FAULT(world_, call_, err_)                     \
    do {                                                    \
        int fails_ = fails_now(world_);                     \
        if (fails_ && (world_)->fault == SHOP_FAULT_BEFORE) \
            return away(err_);                              \
        int r_ = (call_);                                   \
        return fails_ ? unknown(err_) : r_;                 \
    } while (0)

static int world_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                     ecom_error *err)
{
    struct shop_world *world = self;

    WITH_FAULT(world, ecom_store_get(world->inner, collection, id, doc, rev, err), err);
}

/* Where threads race, nobody is to: it is only read then. */
static void come_before(struct shop_world *world, void (**fn)(void *user))
{
    void (*before)(void *user) = *fn;

    if (!before)
        return;
    *fn = NULL;
    before(world->user);
}

static int world_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct shop_world *world = self;

    world->puts++;
    come_before(world, &world->before_put);
    WITH_FAULT(world, ecom_store_put(world->inner, write->change, rev, err), err);
}

static int world_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                        ecom_error *err)
{
    struct shop_world *world = self;

    WITH_FAULT(world, ecom_store_remove(world->inner, collection, id, expect, err), err);
}

static int world_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                      ecom_error *err)
{
    struct shop_world *world = self;

    come_before(world, &world->before_find);
    WITH_FAULT(world, ecom_store_find(world->inner, query, row, user, more, err), err);
}

void shop_world_open(struct shop_world *world)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store_ops ops = {.size = sizeof(ops),
                          .caps = ECOM_CAP_CONCURRENT,
                          .name = "fault",
                          .get = world_get,
                          .put = world_put,
                          .remove = world_remove,
                          .find = world_find};

    ecom_store_forward(&ops);
    *world = (struct shop_world){0};
    check_world_init(&world->clock, 1);
    opts.env = &world->clock.env;
    world->arena = ecom_arena_new(0);
    if (!world->arena || ecom_store_open("memory:", &opts, &world->inner, NULL) < 0 ||
        ecom_store_new(&ops, world, &opts, &world->store, NULL) < 0)
        abort();
}

void shop_world_close(struct shop_world *world)
{
    ecom_store_close(world->store);
    ecom_arena_free(world->arena);
}

void shop_world_fail_at(struct shop_world *world, unsigned n, enum shop_fault fault)
{
    world->fail_at = n;
    world->fault = fault;
    world->failed = 0;
}

static int count_row(void *user, const ecom_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

int shop_count(struct shop_world *world, const char *collection)
{
    const ecom_query query = {.collection = ecom_str_of(collection), .limit = ECOM_STORE_MAX_PAGE};
    int n = 0;

    return ecom_store_find(world->inner, &query, count_row, &n, NULL, NULL) < 0 ? -1 : n;
}

struct found {
    ecom_arena *arena;
    ecom_msg msg;
    int n;
};

static int copy_event(void *user, const ecom_pending *pending)
{
    struct found *found = user;
    ecom_header *headers =
        ecom_arena_alloc(found->arena, (pending->msg.nheaders + 1) * sizeof(*headers));

    if (!headers)
        abort();
    found->n++;
    found->msg = pending->msg;
    found->msg.id = ecom_arena_copy(found->arena, pending->msg.id);
    found->msg.topic = ecom_arena_copy(found->arena, pending->msg.topic);
    found->msg.key = ecom_arena_copy(found->arena, pending->msg.key);
    found->msg.body = ecom_arena_copy(found->arena, pending->msg.body);
    for (size_t i = 0; i < pending->msg.nheaders; i++) {
        headers[i].name = ecom_arena_copy(found->arena, pending->msg.headers[i].name);
        headers[i].value = ecom_arena_copy(found->arena, pending->msg.headers[i].value);
    }
    found->msg.headers = headers;
    return 0;
}

static int find_events(struct shop_world *world, struct found *found)
{
    *found = (struct found){.arena = world->arena};
    return ecom_store_pending(world->inner, INT64_MAX, ECOM_STORE_MAX_PAGE, copy_event, found,
                              NULL);
}

int shop_events(struct shop_world *world)
{
    struct found found;

    return find_events(world, &found) < 0 ? -1 : found.n;
}

int shop_event(struct shop_world *world, ecom_msg *out)
{
    struct found found;

    if (find_events(world, &found) < 0 || found.n != 1)
        return 0;
    *out = found.msg;
    return 1;
}

ecom_passwords *shop_passwords(void)
{
    const ecom_password_options opts = {
        .size = sizeof(opts), .memory_kib = 8192, .passes = 1, .max_concurrent = 2};
    ecom_passwords *passwords = NULL;

    if (ecom_passwords_new(&opts, &passwords, NULL) < 0)
        abort();
    return passwords;
}

ecom_str shop_repeat(struct shop_world *world, char c, size_t n)
{
    char *p = ecom_arena_alloc(world->arena, n + 1);

    if (!p)
        abort();
    memset(p, c, n);
    return (ecom_str){p, n};
}
