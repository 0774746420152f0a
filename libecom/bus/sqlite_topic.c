#include "bus/sqlite_bus.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/wait.h"

/* A message's rowid: its partition above, its offset below. Each partition is one run of the
 * table, and appending never moves anything. */
enum { OFFSET_BITS = 48, PAGE_BYTES = 4096 };
#define OFFSET_MASK ECOM__BUS_MAX_OFFSET

static const char *const steps[] = {
    "CREATE TABLE part(partition INTEGER PRIMARY KEY, next INTEGER NOT NULL);"
    "CREATE TABLE msg(id INTEGER PRIMARY KEY, time_ms INTEGER NOT NULL, key BLOB NOT NULL,"
    " headers BLOB NOT NULL, body BLOB NOT NULL);",
};

static int64_t id_of(int32_t partition, int64_t offset)
{
    return (int64_t)partition << OFFSET_BITS | offset;
}

/* Headers in one blob: for each, both lengths and both texts; lengths in 4 bytes, low first. */

static void put_length(char *p, size_t n)
{
    for (int i = 0; i < 4; i++)
        p[i] = (char)(n >> (8 * i));
}

static int pack_headers(ecom_buf *buf, const ecom_msg *msg)
{
    char lengths[8];

    buf->n = 0;
    for (size_t i = 0; i < msg->nheaders; i++) {
        const ecom_header *h = &msg->headers[i];
        put_length(lengths, h->name.n);
        put_length(lengths + 4, h->value.n);
        if (ecom_buf_append(buf, (ecom_str){lengths, 8}) < 0 || ecom_buf_append(buf, h->name) < 0 ||
            ecom_buf_append(buf, h->value) < 0)
            return ECOM_E_NOMEM;
    }
    return ECOM_OK;
}

static size_t get_length(const char *p)
{
    size_t n = 0;

    for (int i = 0; i < 4; i++)
        n |= (size_t)(unsigned char)p[i] << (8 * i);
    return n;
}

static ecom_str cut(ecom_str *s, size_t n)
{
    ecom_str head = {s->p, n};

    s->p += n;
    s->n -= n;
    return head;
}

/* @return how many; -1: the blob is damaged. */
static int unpack_headers(ecom_str blob, ecom_header headers[ECOM_BUS_MAX_HEADERS])
{
    int n = 0;

    for (; blob.n; n++) {
        if (n == ECOM_BUS_MAX_HEADERS || blob.n < 8)
            return -1;
        size_t name = get_length(blob.p), value = get_length(blob.p + 4);
        cut(&blob, 8);
        if (name > blob.n || value > blob.n - name)
            return -1;
        headers[n].name = cut(&blob, name);
        headers[n].value = cut(&blob, value);
    }
    return n;
}

enum { W_COUNT, W_NEXT, W_INSERT, W_MOVE, W_OLD, W_DROP, W_N };
static const char *const writes[W_N] = {
    [W_COUNT] = "SELECT count(*) FROM part",
    [W_NEXT] = "SELECT next FROM part WHERE partition = ?1",
    [W_INSERT] = "INSERT INTO msg(id, time_ms, key, headers, body) VALUES(?1, ?2, ?3, ?4, ?5)",
    [W_MOVE] = ("INSERT INTO part(partition, next) VALUES(?1, ?2)"
                " ON CONFLICT(partition) DO UPDATE SET next = excluded.next"),
    [W_OLD] = "SELECT id, time_ms FROM msg WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT ?3",
    [W_DROP] = "DELETE FROM msg WHERE id >= ?1 AND id <= ?2",
};

static int set_next(struct ecom__topic_file *topic, int32_t partition, int64_t next,
                    ecom_error *err)
{
    sqlite3_bind_int(topic->stmts[W_MOVE], 1, partition);
    sqlite3_bind_int64(topic->stmts[W_MOVE], 2, next);
    return ecom__sqlite_step(topic->stmts[W_MOVE], err);
}

/* How many partitions the topic has; as many as asked for, when it is new. */
static int settle_partitions(struct ecom__topic_file *topic, int32_t partitions, ecom_error *err)
{
    int r = ecom__bus_file_begin(&topic->file, err);

    if (r < 0)
        return r;
    r = ecom__sqlite_step(topic->stmts[W_COUNT], err);
    if (r == 1) {
        topic->partitions = sqlite3_column_int(topic->stmts[W_COUNT], 0);
        sqlite3_reset(topic->stmts[W_COUNT]);
        r = ECOM_OK;
    }
    for (int32_t i = 0; r == ECOM_OK && topic->partitions == 0 && i < partitions; i++)
        r = set_next(topic, i, 0, err);
    if (topic->partitions == 0)
        topic->partitions = partitions;
    if (topic->partitions > ECOM_BUS_MAX_PARTITIONS)
        r = ecom_fail(err, ECOM_E_CORRUPT, "topic %s has %d partitions, more than %d", topic->name,
                      topic->partitions, ECOM_BUS_MAX_PARTITIONS);
    return ecom__bus_file_end(&topic->file, r, err);
}

static int limit_size(struct ecom__topic_file *topic, uint64_t max_bytes, ecom_error *err)
{
    char sql[64];

    if (max_bytes == 0)
        return ECOM_OK;
    snprintf(sql, sizeof(sql), "PRAGMA max_page_count=%" PRIu64, max_bytes / PAGE_BYTES + 1);
    return ecom__sqlite_exec(topic->file.db, sql, err);
}

int ecom__topic_file_open(const char *dir, const ecom_bus_options *opts, ecom_str name,
                          int32_t partitions, struct ecom__topic_file **out, ecom_error *err)
{
    struct ecom__topic_file *topic = calloc(1, sizeof(*topic));
    int r;

    if (!topic)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a topic");
    topic->dir = dir;
    memcpy(topic->name, name.p, name.n);
    topic->last = &topic->first;
    pthread_mutex_init(&topic->mutex, NULL);
    ecom__cond_init(&topic->moved);
    r = ecom__bus_file_open(&topic->file, dir, "topic", topic->name, opts->timeout_ms,
                            ECOM__BUS_MAX_TOPICS, steps, 1, err);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(topic->file.db, writes, W_N, topic->stmts, err);
    if (r == ECOM_OK)
        r = settle_partitions(topic, partitions, err);
    if (r == ECOM_OK)
        r = limit_size(topic, opts->max_bytes, err);
    if (r < 0)
        ecom__topic_file_free(topic);
    else
        *out = topic;
    return r;
}

void ecom__topic_file_free(struct ecom__topic_file *topic)
{
    if (!topic)
        return;
    ecom__sqlite_finalize(topic->stmts, W_N);
    ecom__bus_file_close(&topic->file);
    pthread_cond_destroy(&topic->moved);
    pthread_mutex_destroy(&topic->mutex);
    free(topic);
}

/* One transaction's view: next offsets, -1 where it did not look. */
struct appending {
    struct ecom__topic_file *topic;
    int64_t next[ECOM_BUS_MAX_PARTITIONS];
    uint32_t n;
    ecom_buf headers;
    int dropped; /* old messages */
};

static int read_next(struct appending *a, int32_t partition, ecom_error *err)
{
    sqlite3_stmt *stmt = a->topic->stmts[W_NEXT];

    sqlite3_bind_int(stmt, 1, partition);
    int r = ecom__sqlite_step(stmt, err);
    if (r == 0)
        return ecom_fail(err, ECOM_E_CORRUPT, "topic %s lacks partition %d", a->topic->name,
                         partition);
    if (r == 1) {
        a->next[partition] = sqlite3_column_int64(stmt, 0);
        sqlite3_reset(stmt);
    }
    return r < 0 ? r : ECOM_OK;
}

static int append_one(struct appending *a, const ecom_msg *msg, ecom_error *err)
{
    struct ecom__topic_file *topic = a->topic;
    sqlite3_stmt *stmt = topic->stmts[W_INSERT];
    int32_t partition = ecom__bus_partition(msg->key, topic->partitions, &topic->turn);
    int r = a->next[partition] < 0 ? read_next(a, partition, err) : ECOM_OK;

    if (r == ECOM_OK && pack_headers(&a->headers, msg) < 0)
        r = ecom_fail(err, ECOM_E_NOMEM, "publishing a message");
    if (r < 0)
        return r;
    sqlite3_bind_int64(stmt, 1, id_of(partition, a->next[partition]++));
    sqlite3_bind_int64(stmt, 2, msg->time_ms);
    ecom__sqlite_bind_blob(stmt, 3, msg->key);
    ecom__sqlite_bind_blob(stmt, 4, ecom_buf_str(&a->headers));
    ecom__sqlite_bind_blob(stmt, 5, msg->body);
    a->n++;
    return ecom__sqlite_step(stmt, err);
}

/* Drops old messages of one partition that every group has done, a bounded run of them: each
 * transaction trims another partition, faster than they fill. */
static int trim(struct appending *a, const ecom_bus_options *opts, ecom_error *err)
{
    struct ecom__topic_file *topic = a->topic;
    int32_t partition = topic->trimming++ % topic->partitions;
    int64_t oldest_ms = ecom_env_now_ms(opts->env) - opts->retention_ms;
    int64_t first = id_of(partition, 0), last = first - 1;
    sqlite3_stmt *stmt = topic->stmts[W_OLD];
    int r;

    topic->trimming %= topic->partitions;
    sqlite3_bind_int64(stmt, 1, first);
    sqlite3_bind_int64(stmt, 2, id_of(partition + 1, 0));
    sqlite3_bind_int64(stmt, 3, ECOM__BUS_RETENTION_SLICE + 2 * (int64_t)a->n * topic->partitions);
    while ((r = ecom__sqlite_step(stmt, err)) == 1 && sqlite3_column_int64(stmt, 1) < oldest_ms)
        last = sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    if (r >= 0 && last >= first) {
        int64_t now_ms = ecom_env_monotonic_ms(opts->env);
        int64_t floor = id_of(partition, ecom__topic_file_floor(topic, partition, now_ms));
        last = last < floor ? last : floor - 1;
    }
    if (r < 0 || last < first)
        return r < 0 ? r : ECOM_OK;
    sqlite3_bind_int64(topic->stmts[W_DROP], 1, first);
    sqlite3_bind_int64(topic->stmts[W_DROP], 2, last);
    a->dropped = 1;
    return ecom__sqlite_step(topic->stmts[W_DROP], err);
}

static int append_all(struct appending *a, const struct ecom__append *list, ecom_error *err)
{
    ecom_str name = ecom_str_of(a->topic->name);
    int r = ECOM_OK;

    for (; list && r == ECOM_OK; list = list->next)
        for (size_t i = 0; i < list->n && r == ECOM_OK; i++)
            if (ecom_str_eq(list->msgs[i].topic, name))
                r = append_one(a, &list->msgs[i], err);
    for (int32_t i = 0; i < a->topic->partitions && r == ECOM_OK; i++)
        if (a->next[i] >= 0)
            r = set_next(a->topic, i, a->next[i], err);
    return r;
}

/* One transaction: appends the list, trims so many partitions. */
static int write_once(struct appending *a, const ecom_bus_options *opts,
                      const struct ecom__append *list, int32_t trims, ecom_error *err)
{
    int r = ecom__bus_file_begin(&a->topic->file, err);

    if (r < 0)
        return r;
    memset(a->next, -1, sizeof(a->next));
    r = append_all(a, list, err);
    for (int32_t i = 0; i < trims && r == ECOM_OK && opts->retention_ms >= 0; i++)
        r = trim(a, opts, err);
    ecom_buf_free(&a->headers);
    return ecom__bus_file_end_loud(&a->topic->file, r, err);
}

int ecom__topic_file_append(struct ecom__topic_file *topic, const ecom_bus_options *opts,
                            const struct ecom__append *list, ecom_error *err)
{
    struct appending a = {.topic = topic}, room = {.topic = topic};
    int r = write_once(&a, opts, list, 1, err);

    /* A full file can still drop what is old; then there may be room. */
    if (r == ECOM_E_FULL)
        topic->looked = 0;
    if (r == ECOM_E_FULL && write_once(&room, opts, NULL, topic->partitions, NULL) == ECOM_OK &&
        room.dropped) {
        a = (struct appending){.topic = topic};
        r = write_once(&a, opts, list, 1, err);
    }
    return r;
}

enum { R_VERSION, R_ENDS, R_READ, R_FIRST, R_N };
static const char *const reads[R_N] = {
    [R_VERSION] = "PRAGMA data_version",
    [R_ENDS] = "SELECT partition, next FROM part",
    [R_READ] = ("SELECT id, time_ms, key, headers, body FROM msg WHERE id >= ?1 AND id < ?2"
                " ORDER BY id LIMIT ?3"),
    [R_FIRST] = "SELECT id FROM msg WHERE id >= ?1 AND id < ?2 ORDER BY id LIMIT 1",
};

int ecom__topic_reader_open(struct ecom__topic_reader *reader, const char *dir, ecom_str name,
                            int32_t timeout_ms, ecom_error *err)
{
    int r;

    memcpy(reader->name, name.p, name.n);
    reader->version = -1;
    r = ecom__sqlite_open(ecom__bus_path_of(dir, "topic", reader->name, "db").s, 0, timeout_ms,
                          &reader->db, err);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(reader->db, reads, R_N, reader->stmts, err);
    return r == ECOM_OK ? ecom__topic_reader_refresh(reader, err) : r;
}

void ecom__topic_reader_close(struct ecom__topic_reader *reader)
{
    ecom__sqlite_finalize(reader->stmts, R_N);
    ecom__sqlite_close(reader->db);
    reader->db = NULL;
}

int ecom__topic_reader_refresh(struct ecom__topic_reader *reader, ecom_error *err)
{
    sqlite3_stmt *stmt = reader->stmts[R_VERSION];
    int r = ecom__sqlite_step(stmt, err);

    if (r < 0)
        return r;
    int64_t version = sqlite3_column_int64(stmt, 0); /* read before, so nothing is missed */
    sqlite3_reset(stmt);
    if (version == reader->version)
        return ECOM_OK;
    stmt = reader->stmts[R_ENDS];
    int32_t n = 0;
    for (; (r = ecom__sqlite_step(stmt, err)) == 1; n++) {
        int64_t partition = sqlite3_column_int64(stmt, 0);
        if (partition >= 0 && partition < ECOM_BUS_MAX_PARTITIONS)
            reader->ends[partition] = sqlite3_column_int64(stmt, 1);
    }
    if (r < 0)
        return r;
    reader->partitions = n < ECOM_BUS_MAX_PARTITIONS ? n : ECOM_BUS_MAX_PARTITIONS;
    reader->version = version;
    return ECOM_OK;
}

/* Hands the row under the statement over. @return what fn says, or ECOM_E_CORRUPT. */
static int hand_over(struct ecom__topic_reader *reader, sqlite3_stmt *stmt, int32_t partition,
                     ecom_msg_fn fn, void *user, ecom_error *err)
{
    ecom_header headers[ECOM_BUS_MAX_HEADERS];
    int n = unpack_headers(ecom__sqlite_column(stmt, 3), headers);
    ecom_msg msg = {
        .topic = ecom_str_of(reader->name),
        .key = ecom__sqlite_column(stmt, 2),
        .body = ecom__sqlite_column(stmt, 4),
        .headers = n > 0 ? headers : NULL,
        .nheaders = n > 0 ? (size_t)n : 0,
        .time_ms = sqlite3_column_int64(stmt, 1),
        .partition = partition,
        .offset = sqlite3_column_int64(stmt, 0) & OFFSET_MASK,
    };

    if (n < 0)
        return ecom_fail(err, ECOM_E_CORRUPT, "the headers of %s/%d at %" PRId64 " are damaged",
                         reader->name, partition, msg.offset);
    return fn(user, &msg) ? 1 : ECOM_OK;
}

int ecom__topic_reader_read(struct ecom__topic_reader *reader, int32_t partition, int64_t *position,
                            uint32_t max, uint32_t *given, ecom_msg_fn fn, void *user,
                            ecom_error *err)
{
    sqlite3_stmt *stmt = reader->stmts[R_READ];
    uint32_t before = *given;
    int r, said = ECOM_OK;

    sqlite3_bind_int64(stmt, 1, id_of(partition, *position));
    sqlite3_bind_int64(stmt, 2, id_of(partition + 1, 0));
    sqlite3_bind_int64(stmt, 3, max - *given);
    while (said == ECOM_OK && (r = ecom__sqlite_step(stmt, err)) == 1) {
        int64_t stay = *position;
        *position = (sqlite3_column_int64(stmt, 0) & OFFSET_MASK) + 1; /* fn may ack it */
        said = hand_over(reader, stmt, partition, fn, user, err);
        if (said < 0)
            *position = stay;
        else
            ++*given;
    }
    sqlite3_reset(stmt);
    if (said != ECOM_OK)
        return said;
    if (r == 0 && *given == before && *position < reader->ends[partition])
        *position = reader->ends[partition]; /* all of it was dropped as old */
    return r;
}

int ecom__topic_reader_first(struct ecom__topic_reader *reader, int32_t partition, int64_t *first,
                             ecom_error *err)
{
    sqlite3_stmt *stmt = reader->stmts[R_FIRST];

    sqlite3_bind_int64(stmt, 1, id_of(partition, 0));
    sqlite3_bind_int64(stmt, 2, id_of(partition + 1, 0));
    int r = ecom__sqlite_step(stmt, err);
    if (r < 0)
        return r;
    *first = r ? sqlite3_column_int64(stmt, 0) & OFFSET_MASK : reader->ends[partition];
    sqlite3_reset(stmt);
    return ECOM_OK;
}
