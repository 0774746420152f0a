#include "bus/sqlite_bus.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CLOCK_SLACK_MS = 1000 };

/* Who has a partition (owner) and who shall have it (target) differ while the owner has not let go.
 * `seen` is by the machine's monotonic clock: a time to come is one from before it was started. */
static const char *const steps[] = {
    "CREATE TABLE member(id INTEGER PRIMARY KEY AUTOINCREMENT, session_ms INTEGER NOT NULL,"
    " seen_ms INTEGER NOT NULL);"
    "CREATE TABLE wants(member INTEGER NOT NULL, topic TEXT NOT NULL,"
    " PRIMARY KEY(member, topic)) WITHOUT ROWID;"
    "CREATE TABLE slot(topic TEXT NOT NULL, partition INTEGER NOT NULL, next INTEGER NOT NULL,"
    " owner INTEGER, target INTEGER, PRIMARY KEY(topic, partition)) WITHOUT ROWID;",
};

enum {
    Q_COUNT,
    Q_ENROLL,
    Q_WANT,
    Q_SLOT,
    Q_BEAT,
    Q_IS_MEMBER,
    Q_MEMBERS,
    Q_WANTS,
    Q_SLOTS,
    Q_DEAL,
    Q_STRIKE_MEMBER,
    Q_STRIKE_WANTS,
    Q_STRIKE_OWNER,
    Q_STRIKE_TARGET,
    Q_SIZES,
    Q_SHARES,
    Q_RELEASE,
    Q_ACK,
    Q_VERSION,
    Q_N
};
static const char *const queries[Q_N] = {
    [Q_COUNT] = "SELECT count(*) FROM member",
    [Q_ENROLL] = "INSERT INTO member(session_ms, seen_ms) VALUES(?1, ?2)",
    [Q_WANT] = "INSERT INTO wants(member, topic) VALUES(?1, ?2)",
    [Q_SLOT] = ("INSERT INTO slot(topic, partition, next) VALUES(?1, ?2, ?3)"
                " ON CONFLICT DO NOTHING"),
    [Q_BEAT] = "UPDATE member SET seen_ms = ?2 WHERE id = ?1",
    [Q_IS_MEMBER] = "SELECT 1 FROM member WHERE id = ?1",
    [Q_MEMBERS] = "SELECT id, session_ms, seen_ms FROM member ORDER BY id",
    [Q_WANTS] = "SELECT member, topic FROM wants",
    [Q_SLOTS] = "SELECT topic, partition, owner, target FROM slot ORDER BY topic, partition",
    [Q_DEAL] = ("UPDATE slot SET owner = coalesce(owner, ?3), target = ?3"
                " WHERE topic = ?1 AND partition = ?2"),
    [Q_STRIKE_MEMBER] = "DELETE FROM member WHERE id = ?1",
    [Q_STRIKE_WANTS] = "DELETE FROM wants WHERE member = ?1",
    [Q_STRIKE_OWNER] = "UPDATE slot SET owner = nullif(target, ?1) WHERE owner = ?1",
    [Q_STRIKE_TARGET] = "UPDATE slot SET target = NULL WHERE target = ?1",
    [Q_SIZES] = "SELECT count(*), count(DISTINCT topic) FROM slot",
    [Q_SHARES] = "SELECT topic, partition, next, target FROM slot WHERE owner = ?1",
    [Q_RELEASE] = ("UPDATE slot SET owner = target"
                   " WHERE topic = ?1 AND partition = ?2 AND owner = ?3 AND target IS NOT ?3"),
    [Q_ACK] = ("UPDATE slot SET next = ?4"
               " WHERE topic = ?1 AND partition = ?2 AND owner = ?3 AND next < ?4"),
    [Q_VERSION] = "PRAGMA data_version",
};
_Static_assert(Q_N <= sizeof(((struct ecom__group_file *)0)->stmts) / sizeof(sqlite3_stmt *),
               "room for every statement");

static int open_alive(struct ecom__group_file *group, const char *dir, ecom_error *err)
{
    ecom__bus_path path = ecom__bus_path_of(dir, "group", group->name, "alive");

    group->alive = open(path.s, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (group->alive < 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the group's file cannot be opened: error %d",
                         errno);
    return ECOM_OK;
}

int ecom__group_file_open(struct ecom__group_file *group, const char *dir, ecom_str name,
                          int32_t timeout_ms, ecom_error *err)
{
    int r;

    *group = (struct ecom__group_file){.alive = -1, .version = -1};
    memcpy(group->name, name.p, name.n);
    r = ecom__bus_file_open(&group->file, dir, "group", group->name, timeout_ms,
                            ECOM__BUS_MAX_GROUPS, steps, 1, err);
    /* What a process wrote survives its death; only a power loss may take back the last acks. */
    if (r == ECOM_OK)
        r = ecom__sqlite_exec(group->file.db, "PRAGMA synchronous=NORMAL", err);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(group->file.db, queries, Q_N, group->stmts, err);
    if (r == ECOM_OK)
        r = open_alive(group, dir, err);
    if (r < 0)
        ecom__group_file_close(group);
    return r;
}

void ecom__group_file_close(struct ecom__group_file *group)
{
    ecom__sqlite_finalize(group->stmts, Q_N);
    ecom__bus_file_close(&group->file);
    if (group->alive >= 0)
        close(group->alive);
    group->alive = -1;
}

static struct flock alive_byte(short type, int64_t id)
{
    return (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)id, .l_len = 1};
}

/* The kernel drops this lock when the process dies, however it does. */
static int lock_alive(const struct ecom__group_file *group, ecom_error *err)
{
    struct flock lock = alive_byte(F_WRLCK, group->id);

    if (fcntl(group->alive, F_OFD_SETLK, &lock) < 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the member's lock cannot be had: error %d",
                         errno);
    return ECOM_OK;
}

static int is_alive(const struct ecom__group_file *group, int64_t id)
{
    struct flock lock = alive_byte(F_WRLCK, id);

    return id == group->id || fcntl(group->alive, F_OFD_GETLK, &lock) < 0 || lock.l_type != F_UNLCK;
}

/* Runs a statement whose first parameter is a member and which has no rows. */
static int run_for(struct ecom__group_file *group, int query, int64_t id, ecom_error *err)
{
    sqlite3_bind_int64(group->stmts[query], 1, id);
    return ecom__sqlite_step(group->stmts[query], err);
}

static int strike(struct ecom__group_file *group, int64_t id, ecom_error *err)
{
    static const int each[] = {Q_STRIKE_MEMBER, Q_STRIKE_WANTS, Q_STRIKE_OWNER, Q_STRIKE_TARGET};
    int r = ECOM_OK;

    for (size_t i = 0; i < sizeof(each) / sizeof(each[0]) && r == ECOM_OK; i++)
        r = run_for(group, each[i], id, err);
    return r;
}

static int dead(const struct ecom__group_file *group, sqlite3_stmt *row, int64_t now_ms)
{
    int64_t id = sqlite3_column_int64(row, 0), session_ms = sqlite3_column_int64(row, 1);
    int64_t silent_ms = now_ms - sqlite3_column_int64(row, 2);

    return id != group->id &&
           (silent_ms > session_ms || silent_ms < -CLOCK_SLACK_MS || !is_alive(group, id));
}

/* Members that are no more: at most so many ids. @return how many, or a code. */
static int find_dead(struct ecom__group_file *group, int64_t now_ms,
                     int64_t ids[ECOM_BUS_MAX_MEMBERS], ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_MEMBERS];
    int n = 0, r;

    while ((r = ecom__sqlite_step(row, err)) == 1 && n < ECOM_BUS_MAX_MEMBERS)
        if (dead(group, row, now_ms))
            ids[n++] = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    return r < 0 ? r : n;
}

/* The assignment while it is read from the file. */
struct dealing {
    struct ecom__assignment a;
    int64_t ids[ECOM_BUS_MAX_MEMBERS];
    ecom_buf topics; /* of each slot's topic the name, 0-terminated, one behind the other */
    int64_t *owner, *target;
};

static int32_t member_index(const struct dealing *d, int64_t id)
{
    for (size_t i = 0; i < d->a.nmembers; i++)
        if (d->ids[i] == id)
            return (int32_t)i;
    return -1;
}

static int32_t topic_index(const struct dealing *d, ecom_str topic)
{
    int32_t n = 0;

    for (const char *p = d->topics.p; p && p < d->topics.p + d->topics.n; p += strlen(p) + 1, n++)
        if (ecom_str_eq(ecom_str_of(p), topic))
            return n;
    return -1;
}

static int read_sizes(struct ecom__group_file *group, struct dealing *d, ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_MEMBERS];
    size_t members = 0;
    int r;

    while ((r = ecom__sqlite_step(row, err)) == 1 && members < ECOM_BUS_MAX_MEMBERS)
        d->ids[members++] = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    if (r < 0)
        return r;
    row = group->stmts[Q_SIZES];
    if ((r = ecom__sqlite_step(row, err)) < 0)
        return r;
    size_t slots = (size_t)sqlite3_column_int64(row, 0);
    size_t topics = (size_t)sqlite3_column_int64(row, 1);
    sqlite3_reset(row);
    d->owner = calloc(2 * slots + 1, sizeof(*d->owner));
    if (!d->owner || ecom__assignment_init(&d->a, members, topics, slots) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "sharing out partitions");
    d->target = d->owner + slots;
    return ECOM_OK;
}

static int read_slots(struct ecom__group_file *group, struct dealing *d, ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_SLOTS];
    int32_t topic = -1;
    size_t n = 0;
    int r;

    while ((r = ecom__sqlite_step(row, err)) == 1 && n < d->a.nslots) {
        ecom_str name = ecom__sqlite_column(row, 0);
        int32_t known = topic_index(d, name);
        if (known < 0) {
            known = ++topic;
            if (ecom_buf_append(&d->topics, name) < 0 ||
                ecom_buf_append(&d->topics, (ecom_str){"", 1}) < 0)
                r = ecom_fail(err, ECOM_E_NOMEM, "sharing out partitions");
        }
        d->owner[n] = sqlite3_column_int64(row, 2);
        d->target[n] = sqlite3_column_int64(row, 3);
        d->a.topic[n] = known;
        d->a.owner[n] = member_index(d, d->owner[n] ? d->owner[n] : d->target[n]);
        n++;
        if (r < 0)
            break;
    }
    sqlite3_reset(row);
    return r < 0 ? r : ECOM_OK;
}

static int read_wants(struct ecom__group_file *group, struct dealing *d, ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_WANTS];
    int r;

    while ((r = ecom__sqlite_step(row, err)) == 1) {
        int32_t member = member_index(d, sqlite3_column_int64(row, 0));
        int32_t topic = topic_index(d, ecom__sqlite_column(row, 1));
        if (member >= 0 && topic >= 0)
            d->a.wants[(size_t)member * d->a.ntopics + (size_t)topic] = 1;
    }
    return r;
}

static const char *topic_at(const struct dealing *d, int32_t index)
{
    const char *p = d->topics.p;

    while (index-- > 0)
        p += strlen(p) + 1;
    return p;
}

static int write_deal(struct ecom__group_file *group, const struct dealing *d, ecom_error *err)
{
    sqlite3_stmt *stmt = group->stmts[Q_DEAL];
    int32_t partition = 0;
    int r = ECOM_OK;

    for (size_t i = 0; i < d->a.nslots && r == ECOM_OK; i++) {
        partition = i && d->a.topic[i] == d->a.topic[i - 1] ? partition + 1 : 0;
        int64_t target = d->a.owner[i] < 0 ? 0 : d->ids[d->a.owner[i]];
        if (target == d->target[i] && (d->owner[i] || !target))
            continue;
        ecom__sqlite_bind_text(stmt, 1, ecom_str_of(topic_at(d, d->a.topic[i])));
        sqlite3_bind_int(stmt, 2, partition);
        if (target)
            sqlite3_bind_int64(stmt, 3, target);
        else
            sqlite3_bind_null(stmt, 3);
        r = ecom__sqlite_step(stmt, err);
    }
    return r;
}

/* Deals the partitions out anew, within a transaction. */
static int deal(struct ecom__group_file *group, ecom_error *err)
{
    struct dealing d = {0};
    int r = read_sizes(group, &d, err);

    if (r == ECOM_OK)
        r = read_slots(group, &d, err);
    if (r == ECOM_OK)
        r = read_wants(group, &d, err);
    if (r == ECOM_OK) {
        ecom__assignment_run(&d.a);
        r = write_deal(group, &d, err);
    }
    ecom__assignment_clear(&d.a);
    ecom_buf_free(&d.topics);
    free(d.owner);
    return r;
}

static int strike_dead(struct ecom__group_file *group, int64_t now_ms, ecom_error *err)
{
    int64_t ids[ECOM_BUS_MAX_MEMBERS];
    int n = find_dead(group, now_ms, ids, err), r = n < 0 ? n : ECOM_OK;

    for (int i = 0; i < n && r == ECOM_OK; i++)
        r = strike(group, ids[i], err);
    return r;
}

static int check_room(struct ecom__group_file *group, ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_COUNT];
    int r = ecom__sqlite_step(row, err);

    if (r < 0)
        return r;
    int64_t n = sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    if (n >= ECOM_BUS_MAX_MEMBERS)
        return ecom_fail(err, ECOM_E_TOOLARGE, "group %s has %d members and takes no more",
                         group->name, ECOM_BUS_MAX_MEMBERS);
    return ECOM_OK;
}

/* What the member wants; a topic's offsets start when the first member wants it. */
static int add_topic(struct ecom__group_file *group, const struct ecom__topic_reader *reader,
                     ecom_start start, ecom_error *err)
{
    sqlite3_stmt *want = group->stmts[Q_WANT], *slot = group->stmts[Q_SLOT];

    sqlite3_bind_int64(want, 1, group->id);
    ecom__sqlite_bind_text(want, 2, ecom_str_of(reader->name));
    int r = ecom__sqlite_step(want, err);
    for (int32_t i = 0; i < reader->partitions && r == ECOM_OK; i++) {
        ecom__sqlite_bind_text(slot, 1, ecom_str_of(reader->name));
        sqlite3_bind_int(slot, 2, i);
        sqlite3_bind_int64(slot, 3, start == ECOM_START_LATEST ? reader->ends[i] : 0);
        r = ecom__sqlite_step(slot, err);
    }
    return r;
}

static int enroll(struct ecom__group_file *group, int32_t session_ms, int64_t now_ms,
                  ecom_error *err)
{
    sqlite3_stmt *stmt = group->stmts[Q_ENROLL];

    sqlite3_bind_int(stmt, 1, session_ms);
    sqlite3_bind_int64(stmt, 2, now_ms);
    int r = ecom__sqlite_step(stmt, err);
    if (r < 0)
        return r;
    group->id = sqlite3_last_insert_rowid(group->file.db);
    return lock_alive(group, err);
}

int ecom__group_join(struct ecom__group_file *group, const struct ecom__topic_reader *readers,
                     size_t n, ecom_start start, int32_t session_ms, int64_t now_ms,
                     ecom_error *err)
{
    int64_t before = group->id;
    int r = ecom__bus_file_begin(&group->file, err);

    if (r < 0)
        return r;
    r = strike_dead(group, now_ms, err);
    if (r == ECOM_OK)
        r = check_room(group, err);
    if (r == ECOM_OK)
        r = enroll(group, session_ms, now_ms, err);
    for (size_t i = 0; i < n && r == ECOM_OK; i++)
        r = add_topic(group, &readers[i], start, err);
    if (r == ECOM_OK)
        r = deal(group, err);
    r = ecom__bus_file_end_loud(&group->file, r, err);
    if (r < 0 && group->id != before) { /* others may get this id now */
        struct flock lock = alive_byte(F_UNLCK, group->id);
        fcntl(group->alive, F_OFD_SETLK, &lock);
        group->id = before;
    }
    return r;
}

int ecom__group_leave(struct ecom__group_file *group, int64_t now_ms, ecom_error *err)
{
    int r = ecom__bus_file_begin(&group->file, err);

    if (r < 0)
        return r;
    r = strike(group, group->id, err);
    if (r == ECOM_OK)
        r = strike_dead(group, now_ms, err);
    if (r == ECOM_OK)
        r = deal(group, err);
    return ecom__bus_file_end_loud(&group->file, r, err);
}

int ecom__group_beat(struct ecom__group_file *group, int64_t now_ms, ecom_error *err)
{
    int r = ecom__bus_file_begin(&group->file, err), found = 0;

    if (r < 0)
        return r;
    sqlite3_bind_int64(group->stmts[Q_BEAT], 2, now_ms);
    r = run_for(group, Q_BEAT, group->id, err);
    if (r == ECOM_OK)
        found = sqlite3_changes(group->file.db) == 1;
    r = ecom__bus_file_end(&group->file, r, err);
    return r < 0 || found ? r : ecom_fail(err, ECOM_E_NOTFOUND, "no longer a member");
}

int ecom__group_reap(struct ecom__group_file *group, int64_t now_ms, ecom_error *err)
{
    int64_t ids[ECOM_BUS_MAX_MEMBERS];
    int r = find_dead(group, now_ms, ids, err);

    if (r <= 0) /* as a rule: nobody is dead, and nothing needs a lock */
        return r;
    if ((r = ecom__bus_file_begin(&group->file, err)) < 0)
        return r;
    r = strike_dead(group, now_ms, err);
    if (r == ECOM_OK)
        r = deal(group, err);
    r = ecom__bus_file_end_loud(&group->file, r, err);
    group->version = -1; /* our own writes do not show as a change */
    return r;
}

int ecom__group_changed(struct ecom__group_file *group, int *changed, ecom_error *err)
{
    int r = ecom__sqlite_step(group->stmts[Q_VERSION], err);

    if (r < 0)
        return r;
    int64_t version = sqlite3_column_int64(group->stmts[Q_VERSION], 0);
    sqlite3_reset(group->stmts[Q_VERSION]);
    *changed = version != group->version;
    group->version = version;
    return ECOM_OK;
}

static size_t reader_of(const struct ecom__topic_reader *readers, size_t n, ecom_str topic)
{
    size_t i = 0;

    while (i < n && !ecom_str_eq(ecom_str_of(readers[i].name), topic))
        i++;
    return i;
}

int ecom__group_shares(struct ecom__group_file *group, const struct ecom__topic_reader *readers,
                       size_t n, struct ecom__share *out, size_t max, size_t *count,
                       ecom_error *err)
{
    sqlite3_stmt *row = group->stmts[Q_IS_MEMBER];
    int r;

    *count = 0;
    sqlite3_bind_int64(row, 1, group->id);
    if ((r = ecom__sqlite_step(row, err)) <= 0)
        return r < 0 ? r : ecom_fail(err, ECOM_E_NOTFOUND, "no longer a member");
    sqlite3_reset(row);
    row = group->stmts[Q_SHARES];
    sqlite3_bind_int64(row, 1, group->id);
    while ((r = ecom__sqlite_step(row, err)) == 1) {
        size_t topic = reader_of(readers, n, ecom__sqlite_column(row, 0));
        if (topic < n && *count < max)
            out[(*count)++] = (struct ecom__share){
                .topic = topic,
                .partition = sqlite3_column_int(row, 1),
                .next = sqlite3_column_int64(row, 2),
                .mine = sqlite3_column_int64(row, 3) == group->id,
            };
    }
    return r;
}

static void bind_slot(sqlite3_stmt *stmt, const char *topic, int32_t partition, int64_t id)
{
    ecom__sqlite_bind_text(stmt, 1, ecom_str_of(topic));
    sqlite3_bind_int(stmt, 2, partition);
    sqlite3_bind_int64(stmt, 3, id);
}

int ecom__group_release(struct ecom__group_file *group, const char *topic, int32_t partition,
                        ecom_error *err)
{
    int r = ecom__bus_file_begin(&group->file, err);

    if (r < 0)
        return r;
    bind_slot(group->stmts[Q_RELEASE], topic, partition, group->id);
    r = ecom__sqlite_step(group->stmts[Q_RELEASE], err);
    return ecom__bus_file_end_loud(&group->file, r, err);
}

int ecom__group_ack(struct ecom__group_file *group, const char *topic, int32_t partition,
                    int64_t next, int *moved, ecom_error *err)
{
    int r = ecom__bus_file_begin(&group->file, err), changes = 0;

    if (r < 0)
        return r;
    bind_slot(group->stmts[Q_ACK], topic, partition, group->id);
    sqlite3_bind_int64(group->stmts[Q_ACK], 4, next);
    r = ecom__sqlite_step(group->stmts[Q_ACK], err);
    if (r == ECOM_OK)
        changes = sqlite3_changes(group->file.db);
    r = ecom__bus_file_end(&group->file, r, err);
    if (r == ECOM_OK)
        *moved = changes;
    return r;
}
