#include "bus/memory.h"

#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/wait.h"

#define DEFAULT_MAX_BYTES (UINT64_C(1) << 30)

static pthread_mutex_t named_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct ecom__memory *named; /* those that have a name; handles come and go */

static char *put(char *at, ecom_str *out, ecom_str bytes)
{
    if (bytes.n)
        memcpy(at, bytes.p, bytes.n);
    *out = (ecom_str){at, bytes.n};
    return at + bytes.n;
}

static struct ecom__message *message_new(const ecom_msg *msg)
{
    size_t n = msg->key.n + msg->body.n;

    for (size_t i = 0; i < msg->nheaders; i++)
        n += msg->headers[i].name.n + msg->headers[i].value.n;
    n += sizeof(struct ecom__message) + msg->nheaders * sizeof(ecom_header);
    struct ecom__message *m = malloc(n);
    if (!m)
        return NULL;
    m->refs = 1;
    m->nheaders = (uint32_t)msg->nheaders;
    m->bytes = n;
    m->time_ms = msg->time_ms;
    char *at = put((char *)&m->headers[msg->nheaders], &m->key, msg->key);
    at = put(at, &m->body, msg->body);
    for (size_t i = 0; i < msg->nheaders; i++) {
        at = put(at, &m->headers[i].name, msg->headers[i].name);
        at = put(at, &m->headers[i].value, msg->headers[i].value);
    }
    return m;
}

void ecom__message_unref(struct ecom__message *message)
{
    if (message && --message->refs == 0)
        free(message);
}

/* Room for n more behind the end. */
static int log_reserve(struct ecom__log *log, size_t n)
{
    size_t cap = log->cap ? log->cap : 16;

    if (log->head + log->n + n <= log->cap)
        return ECOM_OK;
    if (log->n + n <= log->cap / 2) { /* half is behind us: move down instead */
        memmove(log->items, log->items + log->head, log->n * sizeof(struct ecom__message *));
        log->head = 0;
        return ECOM_OK;
    }
    while (cap < log->head + log->n + n)
        cap *= 2;
    struct ecom__message **items = realloc(log->items, cap * sizeof(struct ecom__message *));
    if (!items)
        return ECOM_E_NOMEM;
    log->items = items;
    log->cap = cap;
    return ECOM_OK;
}

static void log_drop_first(struct ecom__topic *topic, struct ecom__log *log)
{
    topic->bytes -= log->items[log->head]->bytes;
    ecom__message_unref(log->items[log->head]);
    log->head++;
    log->n--;
    log->first++;
}

static void topic_free(struct ecom__topic *topic)
{
    for (int32_t i = 0; i < topic->npartitions; i++) {
        while (topic->logs[i].n)
            log_drop_first(topic, &topic->logs[i]);
        free(topic->logs[i].items);
    }
    free(topic);
}

/* The topic of that name, made with so many partitions when it is not there. */
struct ecom__topic *ecom__memory_topic(struct ecom__memory *memory, ecom_str name,
                                       int32_t partitions, int *r, ecom_error *err)
{
    struct ecom__topic **at = &memory->topics; /* in order of name */

    while (*at && ecom_str_cmp(ecom_str_of((*at)->name), name) < 0)
        at = &(*at)->next;
    if (*at && ecom_str_eq(ecom_str_of((*at)->name), name))
        return *at;
    if (memory->ntopics == ECOM__BUS_MAX_TOPICS) {
        *r = ecom_fail(err, ECOM_E_TOOLARGE, "the bus has %d topics and takes no more",
                       ECOM__BUS_MAX_TOPICS);
        return NULL;
    }
    struct ecom__topic *topic =
        calloc(1, sizeof(*topic) + (size_t)partitions * sizeof(struct ecom__log));
    if (!topic) {
        *r = ecom_fail(err, ECOM_E_NOMEM, "making a topic");
        return NULL;
    }
    memcpy(topic->name, name.p, name.n);
    topic->npartitions = partitions;
    topic->next = *at;
    *at = topic;
    memory->ntopics++;
    return topic;
}

/* One message on its way in. */
struct entry {
    struct ecom__message *message;
    struct ecom__topic *topic;
    struct ecom__log *log;
};

/* Finds the message's place and makes room there; n: messages that may go to the same place. */
static int prepare(struct ecom__memory_bus *bus, const ecom_msg *msg, size_t n, struct entry *e,
                   ecom_error *err)
{
    int r = ECOM_OK;

    e->topic = ecom__memory_topic(bus->memory, msg->topic, bus->opts.partitions, &r, err);
    if (!e->topic)
        return r;
    int32_t partition = ecom__bus_partition(msg->key, e->topic->npartitions, &e->topic->turn);
    e->log = &e->topic->logs[partition];
    e->message = message_new(msg);
    if (!e->message || log_reserve(e->log, n) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "publishing %zu messages", n);
    return ECOM_OK;
}

/* Counts the batch into its topics, unless one would go over the bound. */
static int take_room(const struct ecom__memory_bus *bus, const struct entry *entries, size_t n,
                     ecom_error *err)
{
    uint64_t max = bus->opts.max_bytes ? bus->opts.max_bytes : DEFAULT_MAX_BYTES;
    int r = ECOM_OK;

    for (size_t i = 0; i < n; i++)
        entries[i].topic->bytes += entries[i].message->bytes;
    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        if (entries[i].topic->bytes > max)
            r = ecom_fail(err, ECOM_E_FULL, "topic %s would hold %llu bytes, more than %llu",
                          entries[i].topic->name, (unsigned long long)entries[i].topic->bytes,
                          (unsigned long long)max);
    for (size_t i = 0; i < n && r < 0; i++)
        entries[i].topic->bytes -= entries[i].message->bytes;
    return r;
}

static void drop_old(const struct ecom__memory_bus *bus, struct ecom__topic *topic, size_t n)
{
    int64_t oldest = ecom_env_now_ms(bus->opts.env) - bus->opts.retention_ms;
    size_t slice = ECOM__BUS_RETENTION_SLICE + 2 * n;

    if (bus->opts.retention_ms < 0)
        return;
    for (int32_t i = 0; i < topic->npartitions; i++) {
        struct ecom__log *log = &topic->logs[i];
        if (!log->n || log->items[log->head]->time_ms >= oldest)
            continue;
        int64_t floor = ecom__memory_floor(bus->memory, topic, i);
        for (size_t k = 0;
             k < slice && log->n && log->first < floor && log->items[log->head]->time_ms < oldest;
             k++)
            log_drop_first(topic, log);
    }
}

static int append(struct ecom__memory_bus *bus, const ecom_msg *msgs, struct entry *entries,
                  size_t n, ecom_error *err)
{
    int r = ECOM_OK;

    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        r = prepare(bus, &msgs[i], n, &entries[i], err);
    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        if (i == 0 || entries[i].topic != entries[i - 1].topic)
            drop_old(bus, entries[i].topic, n);
    if (r == ECOM_OK)
        r = take_room(bus, entries, n, err);
    if (r < 0)
        return r;

    for (size_t i = 0; i < n; i++) { /* from here on nothing fails */
        struct ecom__log *log = entries[i].log;
        log->items[log->head + log->n++] = entries[i].message;
    }
    return ECOM_OK;
}

static int memory_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct ecom__memory_bus *bus = self;
    struct entry *entries = calloc(n, sizeof(*entries));

    if (!entries)
        return ecom_fail(err, ECOM_E_NOMEM, "publishing %zu messages", n);
    pthread_mutex_lock(&bus->memory->mutex);
    int r = append(bus, msgs, entries, n, err);
    if (r == ECOM_OK)
        pthread_cond_broadcast(&bus->memory->news);
    pthread_mutex_unlock(&bus->memory->mutex);
    for (size_t i = 0; i < n && r < 0; i++)
        ecom__message_unref(entries[i].message);
    free(entries);
    *done = r == ECOM_OK ? n : 0;
    return r;
}

static int memory_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    struct ecom__memory *memory = ((struct ecom__memory_bus *)self)->memory;
    int r = ECOM_OK;

    pthread_mutex_lock(&memory->mutex);
    ecom__memory_topic(memory, topic, partitions, &r, err);
    pthread_mutex_unlock(&memory->mutex);
    return r;
}

/* What topics() needs of one, copied so that the rows are called under no lock. */
struct listed {
    char name[ECOM_BUS_MAX_NAME + 1];
    int32_t npartitions;
};

static int memory_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    struct ecom__memory *memory = ((struct ecom__memory_bus *)self)->memory;
    size_t n = 0;

    pthread_mutex_lock(&memory->mutex);
    struct listed *all = malloc((memory->ntopics + 1) * sizeof(*all));
    for (struct ecom__topic *t = all ? memory->topics : NULL; t; t = t->next, n++) {
        memcpy(all[n].name, t->name, sizeof(t->name));
        all[n].npartitions = t->npartitions;
    }
    pthread_mutex_unlock(&memory->mutex);
    if (!all)
        return ecom_fail(err, ECOM_E_NOMEM, "listing topics");
    for (size_t i = 0; i < n; i++) {
        ecom_msg msg = {.topic = ecom_str_of(all[i].name), .partition = all[i].npartitions};
        if (row(user, &msg))
            break;
    }
    free(all);
    return ECOM_OK;
}

static int memory_ping(void *self, ecom_error *err)
{
    (void)self;
    (void)err;
    return ECOM_OK;
}

static void memory_free(struct ecom__memory *memory)
{
    for (struct ecom__group *group = memory->groups, *next; group; group = next) {
        next = group->next;
        ecom__group_free(group);
    }
    for (struct ecom__topic *topic = memory->topics, *next; topic; topic = next) {
        next = topic->next;
        topic_free(topic);
    }
    pthread_cond_destroy(&memory->news);
    pthread_mutex_destroy(&memory->mutex);
    free(memory);
}

static struct ecom__memory *memory_new(ecom_str name)
{
    struct ecom__memory *memory = calloc(1, sizeof(*memory));

    if (!memory)
        return NULL;
    if (name.n)
        memcpy(memory->name, name.p, name.n);
    memory->refs = 1;
    pthread_mutex_init(&memory->mutex, NULL);
    ecom__cond_init(&memory->news);
    return memory;
}

/* One that is there under this name, or a new one. Without a name it is always new. */
static struct ecom__memory *memory_get(ecom_str name)
{
    struct ecom__memory *memory;

    if (name.n == 0)
        return memory_new(name);
    pthread_mutex_lock(&named_mutex);
    for (memory = named; memory; memory = memory->next)
        if (ecom_str_eq(ecom_str_of(memory->name), name))
            break;
    if (memory)
        memory->refs++;
    else if ((memory = memory_new(name))) {
        memory->next = named;
        named = memory;
    }
    pthread_mutex_unlock(&named_mutex);
    return memory;
}

static void memory_unref(struct ecom__memory *memory)
{
    pthread_mutex_lock(&named_mutex);
    int last = --memory->refs == 0;
    for (struct ecom__memory **at = &named; last && *at; at = &(*at)->next)
        if (*at == memory) {
            *at = memory->next;
            break;
        }
    pthread_mutex_unlock(&named_mutex);
    if (last)
        memory_free(memory);
}

static void memory_close(void *self)
{
    struct ecom__memory_bus *bus = self;

    memory_unref(bus->memory);
    free(bus);
}

static const ecom_bus_ops memory_ops = {
    .size = sizeof(ecom_bus_ops),
    .caps = ECOM_CAP_CONCURRENT,
    .name = "memory",
    .publish = memory_publish,
    .create_topic = memory_create_topic,
    .topics = memory_topics,
    .ping = memory_ping,
    .close = memory_close,
    .subscribe = ecom__memory_subscribe,
    .poll = ecom__memory_poll,
    .wake = ecom__memory_wake,
    .ack = ecom__memory_ack,
    .lag = ecom__memory_lag,
    .leave = ecom__memory_leave,
};

int ecom__bus_open_memory(const char *rest, const ecom_bus_options *opts, ecom_bus **out,
                          ecom_error *err)
{
    ecom_str name = ecom_str_of(rest);
    int r = name.n ? ecom__check_name("url", name, ECOM_BUS_MAX_NAME, err) : ECOM_OK;

    if (r < 0)
        return r;
    struct ecom__memory_bus *bus = malloc(sizeof(*bus));
    if (!bus || !(bus->memory = memory_get(name))) {
        free(bus);
        return ecom_fail(err, ECOM_E_NOMEM, "opening a bus in memory");
    }
    bus->opts = *opts;
    r = ecom_bus_new(&memory_ops, bus, opts, out, err);
    if (r < 0)
        memory_close(bus);
    return r;
}
