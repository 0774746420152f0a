#include "bus/sqlite_bus.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/dir.h"
#include "base/room.h"
#include "base/wait.h"

enum {
    GROUP_COMMIT_MESSAGES = 4000, /* in one transaction, of publishers that wait */
};

/* Under the mutex, so that a topic is opened once. */
static int find_or_open(struct ecom__sqlite_bus *bus, ecom_str name, int32_t partitions,
                        struct ecom__topic_file **out, ecom_error *err)
{
    for (struct ecom__topic_file *t = bus->topics; t; t = t->next)
        if (ecom_str_eq(ecom_str_of(t->name), name)) {
            *out = t;
            return ECOM_OK;
        }
    int r = ecom__topic_file_open(bus->dir, &bus->opts, name, partitions, out, err);
    if (r == ECOM_OK) {
        (*out)->next = bus->topics;
        bus->topics = *out;
    }
    return r;
}

int ecom__sqlite_topic(struct ecom__sqlite_bus *bus, ecom_str name, int32_t partitions,
                       struct ecom__topic_file **out, ecom_error *err)
{
    pthread_mutex_lock(&bus->mutex);
    int r = find_or_open(bus, name, partitions, out, err);
    pthread_mutex_unlock(&bus->mutex);
    return r;
}

/* Takes the first of those who wait off the queue: what one transaction shall hold. */
static struct ecom__append *take_batch(struct ecom__topic_file *topic)
{
    struct ecom__append *batch = topic->first, *end = batch;
    size_t n = 0;

    for (;; end = end->next) {
        end->taken = 1;
        n += end->n;
        if (!end->next || n + end->next->n > GROUP_COMMIT_MESSAGES)
            break;
    }
    topic->first = end->next;
    if (!topic->first)
        topic->last = &topic->first;
    end->next = NULL;
    return batch;
}

/* Writes for those who wait, whoever they are, while the topic's mutex is free for more to come. */
static void lead(struct ecom__topic_file *topic, const ecom_bus_options *opts)
{
    struct ecom__append *batch = take_batch(topic);
    ecom_error e = {0};

    topic->leading = 1;
    pthread_mutex_unlock(&topic->mutex);
    int r = ecom__topic_file_append(topic, opts, batch, &e);
    pthread_mutex_lock(&topic->mutex);
    topic->leading = 0;
    for (struct ecom__append *a = batch, *next; a; a = next) {
        next = a->next; /* once done, it is gone */
        a->result = r;
        a->error = e;
        a->done = 1;
    }
    pthread_cond_broadcast(&topic->moved);
}

static void withdraw(struct ecom__topic_file *topic, const struct ecom__append *a)
{
    struct ecom__append **at = &topic->first;

    while (*at != a)
        at = &(*at)->next;
    *at = a->next;
    if (!*at)
        topic->last = at;
}

/* Waits until somebody has written ours, or becomes that somebody. */
static int append(struct ecom__topic_file *topic, const ecom_bus_options *opts,
                  struct ecom__append *a, ecom_error *err)
{
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, opts->timeout_ms);
    int late = 0;

    pthread_mutex_lock(&topic->mutex);
    *topic->last = a;
    topic->last = &a->next;
    while (!a->done && (!late || a->taken)) {
        if (!topic->leading && !a->taken)
            lead(topic, opts);
        else if (a->taken) /* the one who has it is bounded */
            pthread_cond_wait(&topic->moved, &topic->mutex);
        else
            late = pthread_cond_timedwait(&topic->moved, &topic->mutex, &until) == ETIMEDOUT;
    }
    if (!a->done)
        withdraw(topic, a);
    pthread_mutex_unlock(&topic->mutex);
    if (!a->done)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "others published to %s for %d ms", topic->name,
                         opts->timeout_ms);
    if (a->result < 0 && err)
        *err = a->error;
    return a->result;
}

/* Topic by topic, in the order in which the batch first names them. */
static int sqlite_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct ecom__sqlite_bus *bus = self;
    unsigned char sent[ECOM_BUS_MAX_BATCH] = {0};
    int r = ECOM_OK;

    for (size_t i = 0; i < n && r == ECOM_OK; i++) {
        struct ecom__append a = {.msgs = msgs, .n = n};
        struct ecom__topic_file *topic;
        if (sent[i])
            continue;
        r = ecom__sqlite_topic(bus, msgs[i].topic, bus->opts.partitions, &topic, err);
        if (r == ECOM_OK)
            r = append(topic, &bus->opts, &a, err);
        for (size_t k = i; k < n && r == ECOM_OK; k++)
            sent[k] |= (unsigned char)ecom_str_eq(msgs[k].topic, msgs[i].topic);
    }
    *done = 0;
    while (*done < n && sent[*done])
        ++*done;
    return r;
}

static int sqlite_create_topic(void *self, ecom_str topic, int32_t partitions, ecom_error *err)
{
    struct ecom__topic_file *made;

    return ecom__sqlite_topic(self, topic, partitions, &made, err);
}

struct names {
    char (*all)[ECOM_BUS_MAX_NAME + 1];
    size_t n;
};

static int by_name(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* "topic-NAME.db" */
static void add_name(struct names *names, const char *file)
{
    size_t n = strlen(file);

    if (n < 10 || n > ECOM_BUS_MAX_NAME + 9 || strncmp(file, "topic-", 6) != 0 ||
        strcmp(file + n - 3, ".db") != 0 || names->n == ECOM__BUS_MAX_TOPICS)
        return;
    memcpy(names->all[names->n], file + 6, n - 9);
    names->all[names->n++][n - 9] = '\0';
}

static int fail_dir(const char *dir, ecom_error *err)
{
    int number = errno;
    int code = number == ENOSPC || number == EDQUOT ? ECOM_E_FULL
               : number == ENOMEM                   ? ECOM_E_NOMEM
                                                    : ECOM_E_UNAVAILABLE;
    char why[96];

    ecom_fail(err, code, "the bus's directory cannot be used: %s (%s)",
              strerror_r(number, why, sizeof(why)), dir);
    if (err)
        err->native = number;
    return code;
}

static int read_names(const char *dir, struct names *names, ecom_error *err)
{
    names->all = malloc(ECOM__BUS_MAX_TOPICS * sizeof(*names->all));
    if (!names->all)
        return ecom_fail(err, ECOM_E_NOMEM, "listing topics");
    DIR *d = opendir(dir);
    if (!d)
        return fail_dir(dir, err);
    for (struct dirent *e; (e = readdir(d));)
        add_name(names, e->d_name);
    closedir(d);
    qsort(names->all, names->n, sizeof(*names->all), by_name);
    return ECOM_OK;
}

static int sqlite_topics(void *self, ecom_msg_fn row, void *user, ecom_error *err)
{
    struct ecom__sqlite_bus *bus = self;
    struct names names = {0};
    int r = read_names(bus->dir, &names, err);

    for (size_t i = 0; i < names.n && r == ECOM_OK; i++) {
        struct ecom__topic_file *topic;
        ecom_msg msg = {.topic = ecom_str_of(names.all[i])};
        r = ecom__sqlite_topic(bus, msg.topic, bus->opts.partitions, &topic, err);
        if (r < 0)
            break;
        msg.partition = topic->partitions;
        if (row(user, &msg))
            break;
    }
    free(names.all);
    return r;
}

static int sqlite_ping(void *self, ecom_error *err)
{
    struct ecom__sqlite_bus *bus = self;
    struct stat st, opened;

    if (stat(bus->dir, &st) < 0 || access(bus->dir, R_OK | W_OK | X_OK) < 0 ||
        fstat(bus->fd, &opened) < 0)
        return fail_dir(bus->dir, err);
    if (st.st_dev != opened.st_dev || st.st_ino != opened.st_ino)
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "the bus's directory was replaced since it was opened (%s)", bus->dir);
    return ecom__room_probe(AT_FDCWD, bus->dir, err);
}

static void sqlite_close(void *self)
{
    struct ecom__sqlite_bus *bus = self;

    for (struct ecom__topic_file *topic = bus->topics, *next; topic; topic = next) {
        next = topic->next;
        ecom__topic_file_free(topic);
    }
    pthread_mutex_destroy(&bus->mutex);
    if (bus->fd >= 0)
        close(bus->fd);
    free(bus);
}

static const ecom_bus_ops sqlite_ops = {
    .size = sizeof(ecom_bus_ops),
    .caps = ECOM_CAP_DURABLE | ECOM_CAP_CONCURRENT | ECOM_CAP_MULTI_PROCESS,
    .name = "sqlite",
    .publish = sqlite_publish,
    .create_topic = sqlite_create_topic,
    .topics = sqlite_topics,
    .ping = sqlite_ping,
    .close = sqlite_close,
    .subscribe = ecom__sqlite_subscribe,
    .poll = ecom__sqlite_poll,
    .wake = ecom__sqlite_wake,
    .ack = ecom__sqlite_ack,
    .lag = ecom__sqlite_lag,
    .leave = ecom__sqlite_leave,
};

/* The last folder of the path is made; a missing one above is a typing error as a rule. */
static int open_dir(struct ecom__sqlite_bus *bus, ecom_error *err)
{
    if (ecom__make_dir(bus->dir, 0777) < 0)
        return fail_dir(bus->dir, err);
    bus->fd = open(bus->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (bus->fd < 0 || access(bus->dir, R_OK | W_OK | X_OK) < 0)
        return fail_dir(bus->dir, err);
    return ECOM_OK;
}

int ecom__bus_open_sqlite(const char *rest, const ecom_bus_options *opts, ecom_bus **out,
                          ecom_error *err)
{
    size_t n = strlen(rest);

    if (n == 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "url", "needs a directory: sqlite:DIRECTORY");
    if (n > ECOM__BUS_MAX_DIR)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "url",
                               "has a directory of %zu bytes, more "
                               "than %d",
                               n, ECOM__BUS_MAX_DIR);
    struct ecom__sqlite_bus *bus = calloc(1, sizeof(*bus));
    if (!bus)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a bus");
    memcpy(bus->dir, rest, n);
    bus->fd = -1;
    bus->opts = *opts;
    pthread_mutex_init(&bus->mutex, NULL);
    int r = open_dir(bus, err);
    if (r == ECOM_OK)
        r = ecom_bus_new(&sqlite_ops, bus, opts, out, err);
    if (r < 0)
        sqlite_close(bus);
    return r;
}
