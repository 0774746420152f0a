#include "store/store.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "store/range.h"
#include "store/tree.h"
#include "store/watch.h"

enum { MAX_NAMED = 1024, ORIGIN_BYTES = 36 };

struct doc;

struct entry {
    ecom__node node; /* in data.entries */
    struct doc *doc; /* NULL: the same entry is given twice, the other one is in the tree */
    ecom_str index, value;
    int unique;
};

/* What one write leaves: replaced as a whole by the next. One allocation, bytes included. */
struct content {
    ecom_str doc;
    size_t nentries;
    struct entry entries[];
};

/* A document; when `content` is NULL, one that was removed and has events that wait. */
struct doc {
    ecom__node node; /* in data.docs */
    ecom_str collection, id;
    uint64_t rev;
    struct content *content;
    size_t waiting; /* events of it in data.events */
    uint64_t asked; /* the pending() that last found it to be one it asks for */
    char bytes[];
};

struct event {
    ecom__node node;    /* in data.events */
    struct event *next; /* of the same change, until it is written */
    struct doc *doc;
    uint64_t seq;
    char origin[ORIGIN_BYTES];
    int64_t since_ms;
    ecom_msg msg;
    ecom_header headers[]; /* and the bytes */
};

/* All that a store holds. A named one lives until the process ends. */
struct data {
    pthread_mutex_t lock;
    struct data *next;
    char name[ECOM_STORE_MAX_NAME + 1]; /* empty: private to one handle */
    ecom__tree docs, entries, events;
    uint64_t last; /* revision or event number given out */
    uint64_t waiting, asks;
    ecom__watches watches;
};

static pthread_mutex_t named_lock = PTHREAD_MUTEX_INITIALIZER;
static struct data *named;

#define OF(type_, node_) ((type_ *)((char *)(node_)-offsetof(type_, node)))

static int key_cmp(const struct doc *a, const struct doc *b)
{
    int r = ecom_str_cmp(a->collection, b->collection);

    return r ? r : ecom_str_cmp(a->id, b->id);
}

static int doc_cmp(const ecom__node *a, const ecom__node *b)
{
    return key_cmp(OF(struct doc, a), OF(struct doc, b));
}

static int entry_cmp(const ecom__node *a, const ecom__node *b)
{
    const struct entry *x = OF(struct entry, a), *y = OF(struct entry, b);
    int r = ecom_str_cmp(x->doc->collection, y->doc->collection);

    r = r ? r : ecom_str_cmp(x->index, y->index);
    r = r ? r : ecom_str_cmp(x->value, y->value);
    return r ? r : ecom_str_cmp(x->doc->id, y->doc->id);
}

static int event_cmp(const ecom__node *a, const ecom__node *b)
{
    uint64_t x = OF(struct event, a)->seq, y = OF(struct event, b)->seq;

    return (x > y) - (x < y);
}

static struct doc *doc_of(const ecom__node *node)
{
    return node ? OF(struct doc, node) : NULL;
}

static struct event *event_of(const ecom__node *node)
{
    return node ? OF(struct event, node) : NULL;
}

static struct event *event_after(const struct data *data, uint64_t seq)
{
    const struct event key = {.seq = seq};

    return event_of(ecom__tree_next(&data->events, &key.node, 0));
}

static struct doc *find_doc(const struct data *data, ecom_str collection, ecom_str id)
{
    const struct doc key = {.collection = collection, .id = id};

    return doc_of(ecom__tree_find(&data->docs, &key.node));
}

/* Copies to *at and moves it on. */
static ecom_str copy(char **at, ecom_str s)
{
    char *p = *at;

    if (s.n)
        memcpy(p, s.p, s.n);
    *at += s.n;
    return (ecom_str){p, s.n};
}

static struct doc *doc_new(ecom_str collection, ecom_str id)
{
    struct doc *doc = calloc(1, sizeof(*doc) + collection.n + id.n);

    if (doc) {
        char *at = doc->bytes;
        doc->collection = copy(&at, collection);
        doc->id = copy(&at, id);
    }
    return doc;
}

static struct content *content_new(const ecom_change *change)
{
    size_t n = change->nentries, bytes = change->doc.n;

    for (size_t i = 0; i < n; i++)
        bytes += change->entries[i].index.n + change->entries[i].value.n;
    struct content *content = calloc(1, sizeof(*content) + n * sizeof(struct entry) + bytes);
    if (!content)
        return NULL;

    char *at = (char *)&content->entries[n];
    content->doc = copy(&at, change->doc);
    content->nentries = n;
    for (size_t i = 0; i < n; i++) {
        content->entries[i].index = copy(&at, change->entries[i].index);
        content->entries[i].value = copy(&at, change->entries[i].value);
        content->entries[i].unique = change->entries[i].unique != 0;
    }
    return content;
}

static struct event *event_new(const ecom_store_write *write, const ecom_msg *msg)
{
    size_t bytes = msg->id.n + msg->topic.n + msg->key.n + msg->body.n;

    for (size_t i = 0; i < msg->nheaders; i++)
        bytes += msg->headers[i].name.n + msg->headers[i].value.n;
    struct event *event =
        calloc(1, sizeof(*event) + msg->nheaders * sizeof(event->headers[0]) + bytes);
    if (!event)
        return NULL;

    char *at = (char *)&event->headers[msg->nheaders];
    memcpy(event->origin, write->origin.p, ORIGIN_BYTES);
    event->since_ms = write->now_ms;
    event->msg = *msg;
    event->msg.id = copy(&at, msg->id);
    event->msg.topic = copy(&at, msg->topic);
    event->msg.key = copy(&at, msg->key);
    event->msg.body = copy(&at, msg->body);
    event->msg.headers = event->headers;
    for (size_t i = 0; i < msg->nheaders; i++) {
        event->headers[i].name = copy(&at, msg->headers[i].name);
        event->headers[i].value = copy(&at, msg->headers[i].value);
    }
    return event;
}

static void events_free(struct event *event)
{
    for (struct event *next; event; event = next) {
        next = event->next;
        free(event);
    }
}

/* All events of a change, in order. ECOM_E_NOMEM: none. */
static int events_new(const ecom_store_write *write, struct event **out)
{
    struct event *first = NULL, **end = &first;

    for (size_t i = 0; i < write->change->nevents; i++) {
        *end = event_new(write, &write->change->events[i]);
        if (!*end) {
            events_free(first);
            return ECOM_E_NOMEM;
        }
        end = &(*end)->next;
    }
    *out = first;
    return ECOM_OK;
}

static int check_rev(const struct doc *doc, uint64_t expect, ecom_error *err)
{
    return ecom__check_rev(doc && doc->content ? doc->rev : 0, expect, err);
}

/* The first entry with these three behind that of @p id, or NULL. */
static const struct entry *same_value(const struct data *data, ecom_str collection,
                                      const ecom_entry *entry, ecom_str id)
{
    struct doc doc = {.collection = collection, .id = id};
    const struct entry key = {.doc = &doc, .index = entry->index, .value = entry->value};
    const ecom__node *node = ecom__tree_next(&data->entries, &key.node, 0);
    const struct entry *found = node ? OF(struct entry, node) : NULL;

    return found && ecom_str_eq(found->doc->collection, collection) &&
                   ecom_str_eq(found->index, entry->index) &&
                   ecom_str_eq(found->value, entry->value)
               ? found
               : NULL;
}

static int check_unique(const struct data *data, const ecom_change *change, ecom_error *err)
{
    char index[ECOM_STORE_MAX_NAME + 1];

    for (size_t i = 0; i < change->nentries; i++) {
        const ecom_entry *entry = &change->entries[i];
        const struct entry *other = NULL;
        ecom_str id = {"", 0};
        while (entry->unique && (other = same_value(data, change->collection, entry, id)) &&
               (!other->unique || ecom_str_eq(other->doc->id, change->id)))
            id = other->doc->id;
        if (entry->unique && other) {
            memcpy(index, entry->index.p, entry->index.n);
            index[entry->index.n] = '\0';
            return ecom_fail_field(err, ECOM_E_EXISTS, index,
                                   "another document has this value in the unique index \"%s\"",
                                   index);
        }
    }
    return ECOM_OK;
}

static void take_out_entries(struct data *data, struct content *content)
{
    for (size_t i = 0; content && i < content->nentries; i++)
        if (content->entries[i].doc)
            ecom__tree_remove(&data->entries, &content->entries[i].node);
}

static void put_in_entries(struct data *data, struct doc *doc)
{
    for (size_t i = 0; i < doc->content->nentries; i++) {
        struct entry *entry = &doc->content->entries[i];
        entry->doc = doc;
        ecom__node *same = ecom__tree_find(&data->entries, &entry->node);
        if (same) {
            OF(struct entry, same)->unique |= entry->unique;
            entry->doc = NULL;
        } else {
            ecom__tree_insert(&data->entries, &entry->node);
        }
    }
}

static void put_in_events(struct data *data, struct doc *doc, struct event *event)
{
    for (struct event *next; event; event = next) {
        next = event->next;
        event->next = NULL;
        event->doc = doc;
        event->seq = ++data->last;
        ecom__tree_insert(&data->events, &event->node);
        doc->waiting++;
        data->waiting++;
    }
}

/* Gives up what the document holds; the document too, unless events of it wait. */
static void take_out_doc(struct data *data, struct doc *doc)
{
    take_out_entries(data, doc->content);
    free(doc->content);
    doc->content = NULL;
    if (doc->waiting == 0) {
        ecom__tree_remove(&data->docs, &doc->node);
        free(doc);
    }
}

static int put_locked(struct data *data, const ecom_store_write *write, uint64_t *rev,
                      ecom_error *err)
{
    const ecom_change *change = write->change;
    struct doc *doc = find_doc(data, change->collection, change->id), *added = NULL;
    struct content *content = NULL;
    struct event *events = NULL;
    int r;

    if ((r = check_rev(doc, change->expect, err)) < 0 || (r = check_unique(data, change, err)) < 0)
        return r;
    if (!(content = content_new(change)) ||
        (!doc && !(doc = added = doc_new(change->collection, change->id))) ||
        events_new(write, &events) < 0) {
        free(content);
        free(added);
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a document of %zu bytes", change->doc.n);
    }

    if (added)
        ecom__tree_insert(&data->docs, &added->node);
    take_out_entries(data, doc->content);
    free(doc->content);
    doc->content = content;
    put_in_entries(data, doc);
    *rev = doc->rev = ++data->last;
    put_in_events(data, doc, events);
    return ECOM_OK;
}

static int memory_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct data *data = self;

    pthread_mutex_lock(&data->lock);
    int r = put_locked(data, write, rev, err);
    pthread_mutex_unlock(&data->lock);
    if (r == ECOM_OK && write->change->nevents)
        ecom__watches_tell(&data->watches, write->origin);
    return r;
}

static int memory_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                         ecom_error *err)
{
    struct data *data = self;

    pthread_mutex_lock(&data->lock);
    struct doc *doc = find_doc(data, collection, id);
    int r = ECOM_OK;
    if (!doc || !doc->content)
        r = ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    else if ((r = check_rev(doc, expect, err)) == ECOM_OK)
        take_out_doc(data, doc);
    pthread_mutex_unlock(&data->lock);
    return r;
}

static int memory_get(void *self, ecom_str collection, ecom_str id, ecom_buf *out, uint64_t *rev,
                      ecom_error *err)
{
    struct data *data = self;

    pthread_mutex_lock(&data->lock);
    const struct doc *doc = find_doc(data, collection, id);
    int r = ECOM_OK;
    if (!doc || !doc->content)
        r = ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    else if (ecom_buf_append(out, doc->content->doc) < 0)
        r = ecom_fail(err, ECOM_E_NOMEM, "no memory for a document of %zu bytes",
                      doc->content->doc.n);
    else
        *rev = doc->rev;
    pthread_mutex_unlock(&data->lock);
    return r;
}

/* A walk through documents or entries: the next of a query, each already within its range. */
struct walk {
    const struct data *data;
    const ecom_query *query;
    ecom__range range;
};

static const struct doc *in_ids(const struct walk *walk, const ecom__node *node)
{
    const int below = walk->query->descending;
    const struct doc *doc = doc_of(node);

    while (doc && !doc->content)
        doc = doc_of(ecom__tree_next(&walk->data->docs, &doc->node, below));
    if (!doc || !ecom_str_eq(doc->collection, walk->query->collection))
        return NULL;
    int r = ecom_str_cmp(doc->id, walk->range.last);
    return (below ? r < 0 : r > 0) ? NULL : doc;
}

static const struct doc *first_by_id(const struct walk *walk)
{
    const ecom_query *q = walk->query;
    const struct doc key = {.collection = q->collection, .id = walk->range.id};
    const ecom__node *node = NULL;

    if (!q->descending)
        node = ecom__tree_find(&walk->data->docs, &key.node);
    return in_ids(walk, node ? node : ecom__tree_next(&walk->data->docs, &key.node, q->descending));
}

static const struct doc *next_by_id(const struct walk *walk, const struct doc *doc)
{
    return in_ids(walk, ecom__tree_next(&walk->data->docs, &doc->node, walk->query->descending));
}

static const struct entry *next_entry(const struct walk *walk, const struct entry *from)
{
    const ecom_query *q = walk->query;
    const ecom__node *node = ecom__tree_next(&walk->data->entries, &from->node, q->descending);
    const struct entry *entry = node ? OF(struct entry, node) : NULL;

    if (!entry || !ecom_str_eq(entry->doc->collection, q->collection) ||
        !ecom_str_eq(entry->index, q->index))
        return NULL;
    int r = ecom_str_cmp(entry->value, walk->range.last);
    return (q->descending ? r < 0 : r > 0) ? NULL : entry;
}

static int find_by_id(const struct walk *walk, ecom_row_fn row, void *user)
{
    uint32_t n = 0;

    for (const struct doc *doc = first_by_id(walk); doc; doc = next_by_id(walk, doc)) {
        const ecom_row out = {.id = doc->id, .doc = doc->content->doc, .rev = doc->rev};
        if (n++ == walk->query->limit)
            return 1;
        if (row(user, &out))
            break;
    }
    return 0;
}

static int find_by_index(const struct walk *walk, ecom_row_fn row, void *user)
{
    struct doc doc = {.collection = walk->query->collection, .id = walk->range.id};
    const struct entry start = {
        .doc = &doc, .index = walk->query->index, .value = walk->range.value};
    uint32_t n = 0;

    for (const struct entry *e = next_entry(walk, &start); e; e = next_entry(walk, e)) {
        const ecom_row out = {e->doc->id, e->value, e->doc->content->doc, e->doc->rev};
        if (n++ == walk->query->limit)
            return 1;
        if (row(user, &out))
            break;
    }
    return 0;
}

static int memory_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                       ecom_error *err)
{
    struct data *data = self;
    struct walk walk = {.data = data, .query = query};

    (void)err;
    ecom__range_of(query, &walk.range);
    pthread_mutex_lock(&data->lock);
    *more = query->index.n ? find_by_index(&walk, row, user) : find_by_id(&walk, row, user);
    pthread_mutex_unlock(&data->lock);
    return ECOM_OK;
}

/* Marks the documents that are asked for, as many as one page can tell of. */
static void ask(struct data *data, ecom_str origin, int64_t before_ms, uint32_t limit)
{
    uint32_t n = 0;

    data->asks++;
    for (struct event *e = event_after(data, 0); e && n < limit; e = event_after(data, e->seq))
        if (e->since_ms < before_ms || memcmp(e->origin, origin.p, ORIGIN_BYTES) == 0) {
            e->doc->asked = data->asks;
            n++;
        }
}

static int memory_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                          ecom_pending_fn row, void *user, ecom_error *err)
{
    struct data *data = self;
    uint32_t n = 0;

    (void)err;
    pthread_mutex_lock(&data->lock);
    ask(data, origin, before_ms, limit);
    for (struct event *e = event_after(data, 0); e && n < limit; e = event_after(data, e->seq)) {
        const ecom_pending out = {.token = {(const char *)&e->seq, sizeof(e->seq)},
                                  .collection = e->doc->collection,
                                  .id = e->doc->id,
                                  .since_ms = e->since_ms,
                                  .msg = e->msg};
        if (e->doc->asked != data->asks)
            continue;
        n++;
        if (row(user, &out))
            break;
    }
    pthread_mutex_unlock(&data->lock);
    return ECOM_OK;
}

static void forget(struct data *data, struct event *event)
{
    struct doc *doc = event->doc;

    ecom__tree_remove(&data->events, &event->node);
    free(event);
    data->waiting--;
    doc->waiting--;
    if (!doc->content && doc->waiting == 0)
        take_out_doc(data, doc);
}

static int memory_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    struct data *data = self;

    (void)err;
    pthread_mutex_lock(&data->lock);
    for (size_t i = 0; i < n; i++) {
        struct event key = {.seq = 0};
        if (tokens[i].n != sizeof(key.seq))
            continue;
        memcpy(&key.seq, tokens[i].p, sizeof(key.seq));
        struct event *event = event_of(ecom__tree_find(&data->events, &key.node));
        if (event)
            forget(data, event);
    }
    pthread_mutex_unlock(&data->lock);
    return ECOM_OK;
}

static int memory_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    struct data *data = self;

    (void)err;
    pthread_mutex_lock(&data->lock);
    const struct event *first = event_after(data, 0);
    *count = data->waiting;
    *oldest_ms = first ? first->since_ms : 0;
    pthread_mutex_unlock(&data->lock);
    return ECOM_OK;
}

static int memory_ping(void *self, ecom_error *err)
{
    (void)self, (void)err;
    return ECOM_OK;
}

static int memory_watch(void *self, ecom_str origin, void **watch, ecom_error *err)
{
    struct ecom__watch *made = NULL;
    int r = ecom__watch_new(&((struct data *)self)->watches, origin, &made, err);

    *watch = made;
    return r;
}

static void data_free(struct data *data)
{
    for (struct event *e = event_after(data, 0); e; e = event_after(data, 0))
        forget(data, e);
    while (data->docs.root)
        take_out_doc(data, doc_of(data->docs.root));
    ecom__watches_clear(&data->watches);
    pthread_mutex_destroy(&data->lock);
    free(data);
}

static void memory_close(void *self)
{
    struct data *data = self;

    if (!data->name[0])
        data_free(data);
}

static const ecom_store_ops memory_ops = {
    .size = sizeof(ecom_store_ops),
    .caps = ECOM_CAP_CONCURRENT | ECOM_CAP_MULTI_PROCESS,
    .name = "memory",
    .get = memory_get,
    .put = memory_put,
    .remove = memory_remove,
    .find = memory_find,
    .pending = memory_pending,
    .published = memory_published,
    .backlog = memory_backlog,
    .ping = memory_ping,
    .close = memory_close,
    .watch = memory_watch,
    .wait = ecom__watch_wait,
    .unwatch = ecom__watch_free,
};

static struct data *data_new(ecom_str name, const ecom_env *env)
{
    struct data *data = calloc(1, sizeof(*data));
    uint32_t seed;

    if (!data)
        return NULL;
    memcpy(data->name, name.p, name.n);
    env->random(env->self, &seed, sizeof(seed));
    data->docs = (ecom__tree){NULL, doc_cmp, seed | 1};
    data->entries = (ecom__tree){NULL, entry_cmp, seed | 1};
    data->events = (ecom__tree){NULL, event_cmp, seed | 1};
    pthread_mutex_init(&data->lock, NULL);
    ecom__watches_init(&data->watches);
    return data;
}

static int find_named(ecom_str name, const ecom_env *env, struct data **out, ecom_error *err)
{
    size_t n = 0;

    for (struct data *data = named; data; data = data->next, n++)
        if (ecom_str_eq(name, ecom_str_of(data->name))) {
            *out = data;
            return ECOM_OK;
        }
    if (n == MAX_NAMED)
        return ecom_fail(err, ECOM_E_TOOLARGE, "there are %d named memory stores already",
                         MAX_NAMED);
    struct data *data = data_new(name, env);
    if (!data)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    data->next = named;
    *out = named = data;
    return ECOM_OK;
}

static int open_named(ecom_str name, const ecom_store_options *opts, ecom_store **out,
                      ecom_error *err)
{
    struct data *data = NULL;
    int r = ecom__check_name("url", name, ECOM_STORE_MAX_NAME, err);

    if (r < 0)
        return r;
    pthread_mutex_lock(&named_lock);
    r = find_named(name, opts->env, &data, err);
    pthread_mutex_unlock(&named_lock);
    return r < 0 ? r : ecom_store_new(&memory_ops, data, opts, out, err);
}

int ecom__store_open_memory(const char *name, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err)
{
    if (name[0])
        return open_named(ecom_str_of(name), opts, out, err);
    struct data *data = data_new(ecom_str_of(name), opts->env);
    if (!data)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    int r = ecom_store_new(&memory_ops, data, opts, out, err);
    if (r < 0)
        data_free(data);
    return r;
}
