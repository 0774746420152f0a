/* A store in a list: the smallest that keeps the contract. For authors to read beside memory.c, and
 * for the suite to show that it asks for nothing beyond the contract. */
#include "ecom/testing.h"

#include <stdlib.h>
#include <string.h>

/* A row is a document, or an event that waits; each with all its bytes in an arena of its own. */
struct row {
    struct row *next;
    ecom_arena *arena;
    ecom_str collection, id, doc;
    uint64_t rev; /* of an event: its number, which is its token */
    ecom_entry *entries;
    size_t nentries;
    char origin[37];
    ecom_pending event;
};

struct list {
    struct row *docs, *events; /* events: the oldest first */
    uint64_t last;
};

static struct row **find_doc(struct list *list, ecom_str collection, ecom_str id)
{
    struct row **at = &list->docs;

    while (*at && !(ecom_str_eq((*at)->collection, collection) && ecom_str_eq((*at)->id, id)))
        at = &(*at)->next;
    return at;
}

static void row_free(struct row *row)
{
    ecom_arena_free(row->arena); /* the row is in it */
}

static struct row *row_new(const ecom_change *change)
{
    ecom_arena *arena = ecom_arena_new(2 * ECOM_STORE_MAX_DOC);
    struct row *row = arena ? ecom_arena_alloc(arena, sizeof(*row)) : NULL;

    if (row) {
        row->arena = arena;
        row->collection = ecom_arena_copy(arena, change->collection);
        row->id = ecom_arena_copy(arena, change->id);
        row->entries = ecom_arena_alloc(arena, (change->nentries + 1) * sizeof(*row->entries));
    }
    if (row && row->id.p && row->entries)
        return row;
    ecom_arena_free(arena);
    return NULL;
}

static struct row *doc_new(const ecom_change *change)
{
    struct row *row = row_new(change);

    if (!row || !(row->doc = ecom_arena_copy(row->arena, change->doc)).p)
        return NULL;
    for (size_t i = 0; i < change->nentries; i++) {
        row->entries[i] = change->entries[i];
        row->entries[i].index = ecom_arena_copy(row->arena, change->entries[i].index);
        row->entries[i].value = ecom_arena_copy(row->arena, change->entries[i].value);
        row->nentries += row->entries[i].value.p != NULL;
    }
    return row;
}

static struct row *event_new(const ecom_store_write *write, const ecom_msg *msg)
{
    struct row *row = row_new(write->change);
    ecom_header *headers =
        row ? ecom_arena_alloc(row->arena, (msg->nheaders + 1) * sizeof(*headers)) : NULL;

    if (!headers)
        return NULL;
    memcpy(row->origin, write->origin.p, write->origin.n);
    row->event = (ecom_pending){.collection = row->collection, .id = row->id};
    row->event.since_ms = write->now_ms;
    row->event.msg = *msg;
    row->event.msg.id = ecom_arena_copy(row->arena, msg->id);
    row->event.msg.topic = ecom_arena_copy(row->arena, msg->topic);
    row->event.msg.key = ecom_arena_copy(row->arena, msg->key);
    row->event.msg.body = ecom_arena_copy(row->arena, msg->body);
    for (size_t i = 0; i < msg->nheaders; i++) {
        headers[i].name = ecom_arena_copy(row->arena, msg->headers[i].name);
        headers[i].value = ecom_arena_copy(row->arena, msg->headers[i].value);
    }
    row->event.msg.headers = headers;
    return row;
}

static int check(struct list *list, const ecom_change *c, const struct row *stored, ecom_error *err)
{
    uint64_t rev = stored ? stored->rev : 0;

    if (c->expect != ECOM_REV_ANY && c->expect != rev)
        return ecom_fail(err, ECOM_E_CONFLICT, "it is at revision %llu", (unsigned long long)rev);
    for (const struct row *row = list->docs; row; row = row->next)
        for (size_t i = 0; i < row->nentries; i++)
            for (size_t k = 0; k < c->nentries; k++)
                if (row != stored && row->entries[i].unique && c->entries[k].unique &&
                    ecom_str_eq(row->collection, c->collection) &&
                    ecom_str_eq(row->entries[i].index, c->entries[k].index) &&
                    ecom_str_eq(row->entries[i].value, c->entries[k].value)) {
                    char name[ECOM_STORE_MAX_NAME + 1] = "";
                    memcpy(name, row->entries[i].index.p, row->entries[i].index.n);
                    return ecom_fail_field(err, ECOM_E_EXISTS, name, "%s is taken", name);
                }
    return ECOM_OK;
}

static int list_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct list *list = self;
    const ecom_change *change = write->change;
    struct row **at = find_doc(list, change->collection, change->id), *old = *at, **end, *doc;
    struct row *events = NULL, **last = &events;
    int r = check(list, change, old, err);

    if (r < 0)
        return r;
    doc = doc_new(change); /* what can fail comes first */
    for (size_t i = 0; doc && i < change->nevents; i++, last = &(*last)->next)
        if (!(*last = event_new(write, &change->events[i])))
            return ecom_fail(err, ECOM_E_NOMEM, "an event");
    if (!doc)
        return ecom_fail(err, ECOM_E_NOMEM, "a document");
    doc->next = old ? old->next : NULL;
    *at = doc;
    *rev = doc->rev = ++list->last;
    if (old)
        row_free(old);
    for (end = &list->events; *end;)
        end = &(*end)->next;
    *end = events;
    for (struct row *e = events; e; e = e->next)
        e->rev = ++list->last;
    return ECOM_OK;
}

static int list_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                    ecom_error *err)
{
    const struct row *row = *find_doc(self, collection, id);

    if (!row)
        return ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    if (ecom_buf_append(doc, row->doc) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a document");
    *rev = row->rev;
    return ECOM_OK;
}

static int list_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                       ecom_error *err)
{
    struct row **at = find_doc(self, collection, id), *row = *at;

    if (!row)
        return ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    if (expect != ECOM_REV_ANY && expect != row->rev)
        return ecom_fail(err, ECOM_E_CONFLICT, "another revision");
    *at = row->next;
    row_free(row);
    return ECOM_OK;
}

static int order(const ecom_query *q, ecom_str value, ecom_str id, ecom_str value2, ecom_str id2)
{
    int r = ecom_str_cmp(value, value2);

    r = r ? r : ecom_str_cmp(id, id2);
    return q->descending ? -r : r;
}

/* The first row of the query behind (value, id): a walk through everything, for each. */
static int next_row(const struct list *list, const ecom_query *q, int any, ecom_row *at)
{
    ecom_row best = {.id = {NULL, 0}};

    for (const struct row *row = list->docs; row; row = row->next)
        for (size_t i = 0; i < (q->index.n ? row->nentries : 1); i++) {
            ecom_str value = q->index.n ? row->entries[i].value : (ecom_str){"", 0};
            ecom_str ranged = q->index.n ? value : row->id;
            if (!ecom_str_eq(row->collection, q->collection) ||
                (q->index.n && !ecom_str_eq(row->entries[i].index, q->index)) ||
                ecom_str_cmp(ranged, q->from) < 0 || (q->to.n && ecom_str_cmp(ranged, q->to) > 0) ||
                (!any && order(q, value, row->id, at->value, at->id) <= 0) ||
                (best.id.p && order(q, value, row->id, best.value, best.id) >= 0))
                continue;
            best = (ecom_row){row->id, value, row->doc, row->rev};
        }
    *at = best;
    return best.id.p != NULL;
}

static int list_find(void *self, const ecom_query *query, ecom_row_fn fn, void *user, int *more,
                     ecom_error *err)
{
    ecom_row at = {.id = query->after_id, .value = query->after_value};
    int any = query->after_id.n == 0 && query->after_value.n == 0;
    uint32_t n = 0;

    (void)err;
    *more = 0;
    for (; next_row(self, query, any, &at); any = 0) {
        if (n++ == query->limit)
            *more = 1;
        if (*more || fn(user, &at))
            break;
    }
    return ECOM_OK;
}

/* Its document has an event of this handle, or an old one. */
static int is_asked_for(const struct list *list, const struct row *event, ecom_str origin,
                        int64_t before_ms)
{
    for (const struct row *e = list->events; e; e = e->next)
        if (ecom_str_eq(e->collection, event->collection) && ecom_str_eq(e->id, event->id) &&
            (e->event.since_ms < before_ms || ecom_str_eq(ecom_str_of(e->origin), origin)))
            return 1;
    return 0;
}

static int list_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                        ecom_pending_fn fn, void *user, ecom_error *err)
{
    uint32_t n = 0;

    (void)err;
    for (struct row *e = ((struct list *)self)->events; e && n < limit; e = e->next) {
        e->event.token = (ecom_str){(const char *)&e->rev, sizeof(e->rev)};
        if (is_asked_for(self, e, origin, before_ms) && ++n && fn(user, &e->event))
            break;
    }
    return ECOM_OK;
}

static int list_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    (void)err;
    for (size_t i = 0; i < n; i++)
        for (struct row **at = &((struct list *)self)->events, *e; (e = *at);) {
            if (ecom_str_eq(tokens[i], (ecom_str){(const char *)&e->rev, sizeof(e->rev)})) {
                *at = e->next;
                row_free(e);
            } else
                at = &e->next;
        }
    return ECOM_OK;
}

static int list_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    const struct row *first = ((struct list *)self)->events;

    (void)err;
    *oldest_ms = first ? first->event.since_ms : 0;
    *count = 0;
    for (const struct row *e = first; e; e = e->next)
        ++*count;
    return ECOM_OK;
}

static int list_ping(void *self, ecom_error *err)
{
    (void)self, (void)err;
    return ECOM_OK;
}

static void list_close(void *self)
{
    struct list *list = self;

    for (struct row *row = list->docs, *next; row; row = next)
        next = row->next, row_free(row);
    for (struct row *row = list->events, *next; row; row = next)
        next = row->next, row_free(row);
    free(list);
}

static const ecom_store_ops list_ops = {
    sizeof(list_ops), 0,          "list",       list_get,       list_put,
    list_remove,      list_find,  list_pending, list_published, list_backlog,
    list_ping,        list_close,
};

static int open_list(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    struct list *list = calloc(1, sizeof(*list));
    int r = list ? ecom_store_new(&list_ops, list, opts, out, err)
                 : ecom_fail(err, ECOM_E_NOMEM, "a list");

    (void)user;
    if (r < 0)
        free(list);
    return r;
}

int main(int argc, char **argv)
{
    const ecom_store_fixture fixture = {sizeof(fixture), 0, "list", NULL, NULL, open_list, NULL};

    return ecom_store_suite(&fixture, argc, argv);
}
