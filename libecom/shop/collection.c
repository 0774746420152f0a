#include "shop/collection.h"

int ecom__nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

void ecom__log_item(const ecom_log *log, ecom_str correlation_id, const char *message,
                    const char *name, ecom_str id)
{
    const ecom_log bound = ecom_log_with(log, correlation_id);
    const ecom_log_field field = {.name = name, .text = id};

    ecom_log_write(&bound, ECOM_LOG_DEBUG, message, &field, 1);
}

int ecom__check_store(const ecom_store *store, ecom_error *err)
{
    if (!store)
        return ecom_fail_field(err, ECOM_E_INVAL, "store", "is missing");
    return ECOM_OK;
}

static int is_text(uint32_t type)
{
    return type == ECOM_TYPE_STRING || type == ECOM_TYPE_ID || type == ECOM_TYPE_EMAIL ||
           type == ECOM_TYPE_CURRENCY;
}

int ecom__own(const ecom_record *record, void *item, ecom_arena *arena, ecom_error *err)
{
    for (size_t i = 0; i < record->nfields; i++) {
        ecom_str *text = (ecom_str *)((char *)item + record->fields[i].offset);
        if (!is_text(record->fields[i].type) || !text->p)
            continue;
        *text = ecom_arena_copy(arena, *text);
        if (!text->p)
            return ecom__nomem(err);
    }
    return ECOM_OK;
}

static ecom_str id_of(const void *item)
{
    return *(const ecom_str *)item;
}

/* A change that is ready to be saved. */
struct saving {
    struct ecom__entries entries;
    ecom_buf doc;
    ecom_change change;
    ecom_put_fn fn;
    void *user;
};

static int prepare(const struct ecom__collection *c, const void *item, uint64_t expect,
                   const ecom_msg *event, ecom_arena *arena, struct saving *s, ecom_error *err)
{
    int r = ecom_record_check(c->record, item, err);

    *s = (struct saving){.entries = {.arena = arena}};
    s->change = (ecom_change){
        .collection = ecom_str_of(c->name),
        .id = id_of(item),
        .expect = expect,
        .events = event,
        .nevents = event ? 1 : 0,
    };
    if (r == ECOM_OK && c->entries && c->entries(item, &s->entries) < 0)
        r = ecom__nomem(err);
    return r < 0 ? r : ecom__record_change(c->record, item, &s->entries, &s->doc, &s->change, err);
}

int ecom__save(const struct ecom__collection *c, const void *item, uint64_t expect,
               const ecom_msg *event, ecom_arena *arena, uint64_t *rev, ecom_error *err)
{
    struct saving s;
    int r = prepare(c, item, expect, event, arena, &s, err);

    if (r < 0)
        return r;
    r = ecom_store_put(c->store, &s.change, rev, err);
    ecom_buf_free(&s.doc);
    return r;
}

/* The saving itself lies in the caller's arena: it goes with fn(). */
static void saved(void *user, int r, uint64_t rev, ecom_error *err)
{
    struct saving *s = user;

    ecom_buf_free(&s->doc);
    s->fn(s->user, r, rev, err);
}

int ecom__save_later(const struct ecom__collection *c, const void *item, uint64_t expect,
                     const ecom_msg *event, ecom_arena *arena, int waits, ecom_put_fn fn,
                     void *user, ecom_error *err)
{
    struct saving *s = ecom_arena_alloc(arena, sizeof(*s));
    int r = s ? prepare(c, item, expect, event, arena, s, err) : ecom__nomem(err);

    if (r < 0)
        return r;
    s->fn = fn;
    s->user = user;
    r = waits ? ecom_store_put_later(c->store, &s->change, saved, s, err)
              : ecom_store_try_put_later(c->store, &s->change, saved, s, err);
    if (r != ECOM_OK)
        ecom_buf_free(&s->doc);
    return r;
}

int ecom__read(const struct ecom__collection *c, ecom_str id, ecom_str doc, ecom_arena *arena,
               void *out, ecom_error *err)
{
    return ecom__record_of_doc(c->record, ecom_str_of(c->name), id, doc, arena, out, err);
}

static int storable(ecom_str id)
{
    if (id.n == 0 || id.n > ECOM_STORE_MAX_ID)
        return 0;
    for (size_t i = 0; i < id.n; i++)
        if (id.p[i] <= ' ' || id.p[i] > '~')
            return 0;
    return 1;
}

int ecom__not_found(const struct ecom__collection *c, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOTFOUND, "there is no %s with this id", c->record->name);
}

int ecom__load(const struct ecom__collection *c, ecom_str id, ecom_arena *arena, void *out,
               uint64_t *rev, ecom_error *err)
{
    return storable(id) ? ecom_store_get_record(c->store, ecom_str_of(c->name), id, c->record,
                                                arena, out, rev, err)
                        : ecom__not_found(c, err);
}

/* What load_by() finds: at most one row. */
struct only {
    const struct ecom__collection *c;
    ecom_arena *arena;
    void *out;
    uint64_t rev;
    int r;
    ecom_error *err;
};

static int only_row(void *user, const ecom_row *row)
{
    struct only *only = user;

    only->rev = row->rev;
    only->r = ecom__read(only->c, row->id, row->doc, only->arena, only->out, only->err);
    return 1;
}

int ecom__load_by(const struct ecom__collection *c, const char *index, ecom_str value,
                  ecom_arena *arena, void *out, uint64_t *rev, ecom_error *err)
{
    const ecom_query query = {
        .collection = ecom_str_of(c->name),
        .index = ecom_str_of(index),
        .from = value,
        .to = value,
        .limit = 1,
    };
    struct only only = {c, arena, out, 0, ECOM_E_NOTFOUND, err};
    int r = ecom_store_find(c->store, &query, only_row, &only, NULL, err);

    if (r < 0)
        return r;
    if (only.r == ECOM_E_NOTFOUND)
        return ecom_fail(err, only.r, "there is no %s with this %s", c->record->name, index);
    if (only.r == ECOM_OK && rev)
        *rev = only.rev;
    return only.r;
}

int ecom__load_many(const struct ecom__collection *c, const ecom_str *ids, size_t n,
                    ecom__keep_fn keep, void *user, ecom_arena *arena, void **out, size_t *found,
                    ecom_error *err)
{
    size_t size = c->record->size, have = 0;

    if (n > ECOM_IDS_MAX)
        return ecom_fail_field(err, ECOM_E_INVAL, "ids", "at most %d at once, not %zu",
                               ECOM_IDS_MAX, n);
    char *items = ecom_arena_alloc(arena, n * size);
    if (!items)
        return ecom__nomem(err);
    for (size_t i = 0; i < n; i++) {
        void *item = items + have * size;
        int r = ecom__load(c, ids[i], arena, item, NULL, err);
        if (r < 0 && r != ECOM_E_NOTFOUND)
            return r;
        have += r == ECOM_OK && (!keep || keep(user, item));
    }
    *out = items;
    *found = have;
    return ECOM_OK;
}
