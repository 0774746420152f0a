#include "store/sqlite_write.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/sqlite.h"
#include "store/pack.h"
#include "store/store.h"

enum { APPLICATION_ID = 0x65436F53 }; /* "eCoS" */

/* One step a version; never changed once released. Ids, values and names compare as bytes, which
 * is what BINARY and BLOB mean. `documents.entries` repeats what is in `entries`, packed: an update
 * touches only the entries that differ, and needs no second index to find them. */
static const char *const schema[] = {
    "CREATE TABLE counter(last INTEGER NOT NULL);"
    "INSERT INTO counter VALUES(0);"
    "CREATE TABLE documents(collection TEXT NOT NULL, id TEXT NOT NULL, rev INTEGER NOT NULL,"
    " entries BLOB NOT NULL, doc TEXT NOT NULL, PRIMARY KEY(collection, id));"
    "CREATE TABLE entries(collection TEXT NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,"
    " id TEXT NOT NULL, is_unique INTEGER NOT NULL,"
    " PRIMARY KEY(collection, name, value, id)) WITHOUT ROWID;"
    "CREATE UNIQUE INDEX unique_entries ON entries(collection, name, value) WHERE is_unique = 1;"
    "CREATE TABLE outbox(seq INTEGER PRIMARY KEY, collection TEXT NOT NULL, id TEXT NOT NULL,"
    " origin TEXT NOT NULL, since INTEGER NOT NULL, event TEXT NOT NULL, topic TEXT NOT NULL,"
    " key BLOB NOT NULL, time INTEGER NOT NULL, headers BLOB NOT NULL, body BLOB NOT NULL);",
};

static const char *const sql[ECOM__WRITES] = {
    [ECOM__BEGIN] = "BEGIN IMMEDIATE",
    [ECOM__COMMIT] = "COMMIT",
    [ECOM__ROLLBACK] = "ROLLBACK",
    [ECOM__LAST] = "SELECT last FROM counter",
    [ECOM__SET_LAST] = "UPDATE counter SET last = ?1",
    [ECOM__DOC] = "SELECT rowid, rev, entries FROM documents WHERE collection = ?1 AND id = ?2",
    [ECOM__ADD_DOC] = "INSERT INTO documents(collection, id, rev, entries, doc)"
                      " VALUES(?1, ?2, ?3, ?4, ?5) ON CONFLICT DO NOTHING",
    [ECOM__SET_DOC] = "UPDATE documents SET rev = ?2, entries = ?3, doc = ?4 WHERE rowid = ?1",
    [ECOM__DROP_DOC] = "DELETE FROM documents WHERE rowid = ?1",
    [ECOM__CLASH] = "SELECT 1 FROM entries WHERE collection = ?1 AND name = ?2 AND value = ?3"
                    " AND is_unique = 1 AND id <> ?4",
    [ECOM__ADD_ENTRY] = "INSERT INTO entries VALUES(?1, ?2, ?3, ?4, ?5)",
    [ECOM__DROP_ENTRY] = "DELETE FROM entries WHERE collection = ?1 AND name = ?2 AND value = ?3"
                         " AND id = ?4",
    [ECOM__ADD_EVENT] = "INSERT INTO outbox VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    [ECOM__EVENTS] = "SELECT seq FROM outbox WHERE seq BETWEEN ?1 AND ?2 ORDER BY seq",
    [ECOM__DROP_EVENTS] = "DELETE FROM outbox WHERE seq BETWEEN ?1 AND ?2",
};

enum kind { PUT, REMOVE, PUBLISHED };

struct job {
    ecom__job base;
    enum kind kind;
    ecom_str collection, id;
    uint64_t expect;
    const ecom_store_write *write; /* PUT */
    ecom_buf entries;              /* PUT: packed */
    uint64_t rev;                  /* PUT: out */
    ecom_put_fn fn;                /* PUT that nobody waits for */
    void *user;
    const ecom_str *tokens; /* PUBLISHED */
    size_t ntokens;
};

/* What is stored now. */
struct stored {
    int64_t rowid;
    uint64_t rev;     /* 0: there is no such document */
    ecom_buf entries; /* packed */
};

static int run(ecom__sqlite_writer *w, int i, ecom_error *err)
{
    return ecom__sqlite_step(w->stmts[i], err);
}

static int read_last(ecom__sqlite_writer *w, ecom_error *err)
{
    int r = run(w, ECOM__LAST, err);

    if (r == 1) {
        w->last = (uint64_t)sqlite3_column_int64(w->stmts[ECOM__LAST], 0);
        sqlite3_reset(w->stmts[ECOM__LAST]);
        return ECOM_OK;
    }
    return r < 0 ? r : ecom__sqlite_fail(w->db, SQLITE_CORRUPT, err);
}

static int write_last(ecom__sqlite_writer *w, ecom_error *err)
{
    sqlite3_bind_int64(w->stmts[ECOM__SET_LAST], 1, (int64_t)w->last);
    return run(w, ECOM__SET_LAST, err);
}

static int read_stored(ecom__sqlite_writer *w, const struct job *job, struct stored *stored,
                       ecom_error *err)
{
    sqlite3_stmt *stmt = w->stmts[ECOM__DOC];

    stored->rev = 0;
    ecom__sqlite_bind_text(stmt, 1, job->collection);
    ecom__sqlite_bind_text(stmt, 2, job->id);
    int r = ecom__sqlite_step(stmt, err);
    if (r <= 0)
        return r;
    stored->rowid = sqlite3_column_int64(stmt, 0);
    stored->rev = (uint64_t)sqlite3_column_int64(stmt, 1);
    r = ecom_buf_append(&stored->entries, ecom__sqlite_column(stmt, 2));
    sqlite3_reset(stmt);
    return r < 0 ? ecom_fail(err, r, "no memory for a document's entries") : ECOM_OK;
}

static void bind_entry(sqlite3_stmt *stmt, const struct job *job, const ecom_entry *entry)
{
    ecom__sqlite_bind_text(stmt, 1, job->collection);
    ecom__sqlite_bind_text(stmt, 2, entry->index);
    ecom__sqlite_bind_blob(stmt, 3, entry->value);
    ecom__sqlite_bind_text(stmt, 4, job->id);
}

static int fail_clash(ecom_str index, ecom_error *err)
{
    char name[ECOM_STORE_MAX_NAME + 1];

    memcpy(name, index.p, index.n);
    name[index.n] = '\0';
    return ecom_fail_field(err, ECOM_E_EXISTS, name,
                           "another document has this value in the unique index \"%s\"", name);
}

static int check_unique(ecom__sqlite_writer *w, const struct job *job, ecom_error *err)
{
    ecom_str rest = ecom_buf_str(&job->entries);
    ecom_entry entry;

    while (ecom__pack_next_entry(&rest, &entry) > 0) {
        if (!entry.unique)
            continue;
        bind_entry(w->stmts[ECOM__CLASH], job, &entry);
        int r = run(w, ECOM__CLASH, err);
        if (r == 1)
            sqlite3_reset(w->stmts[ECOM__CLASH]);
        if (r)
            return r < 0 ? r : fail_clash(entry.index, err);
    }
    return ECOM_OK;
}

static int drop_entry(ecom__sqlite_writer *w, const struct job *job, const ecom_entry *entry,
                      ecom_error *err)
{
    bind_entry(w->stmts[ECOM__DROP_ENTRY], job, entry);
    return run(w, ECOM__DROP_ENTRY, err);
}

static int add_entry(ecom__sqlite_writer *w, const struct job *job, const ecom_entry *entry,
                     ecom_error *err)
{
    bind_entry(w->stmts[ECOM__ADD_ENTRY], job, entry);
    sqlite3_bind_int(w->stmts[ECOM__ADD_ENTRY], 5, entry->unique);
    return run(w, ECOM__ADD_ENTRY, err);
}

/* Below 0: only the former has it; above 0: only the new; 0: both, by (index, value). */
static int entry_order(const ecom_entry *former, int has_former, const ecom_entry *new, int has_new)
{
    if (!has_former || !has_new)
        return has_former ? -1 : 1;
    int r = ecom_str_cmp(former->index, new->index);
    return r ? r : ecom_str_cmp(former->value, new->value);
}

/* Turns the former entries into the new ones, both in order, touching only what differs. */
static int replace_entries(ecom__sqlite_writer *w, const struct job *job, ecom_str former,
                           ecom_str new, ecom_error *err)
{
    ecom_entry a, b;
    int r = ECOM_OK, has_a = ecom__pack_next_entry(&former, &a),
        has_b = ecom__pack_next_entry(&new, &b);

    while (r == ECOM_OK && has_a >= 0 && (has_a > 0 || has_b > 0)) {
        int order = entry_order(&a, has_a > 0, &b, has_b > 0);
        int same = order == 0 && a.unique == b.unique;
        if (order <= 0 && !same)
            r = drop_entry(w, job, &a, err);
        if (r == ECOM_OK && order >= 0 && !same)
            r = add_entry(w, job, &b, err);
        if (order <= 0)
            has_a = ecom__pack_next_entry(&former, &a);
        if (order >= 0)
            has_b = ecom__pack_next_entry(&new, &b);
    }
    return has_a < 0 ? ecom__sqlite_fail(w->db, SQLITE_CORRUPT, err) : r;
}

static int add_event(ecom__sqlite_writer *w, const struct job *job, const ecom_msg *msg,
                     ecom_error *err)
{
    sqlite3_stmt *stmt = w->stmts[ECOM__ADD_EVENT];

    w->headers.n = 0;
    if (ecom__pack_headers(msg, &w->headers) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for an event's headers");
    sqlite3_bind_int64(stmt, 1, (int64_t)++w->last);
    ecom__sqlite_bind_text(stmt, 2, job->collection);
    ecom__sqlite_bind_text(stmt, 3, job->id);
    ecom__sqlite_bind_text(stmt, 4, job->write->origin);
    sqlite3_bind_int64(stmt, 5, job->write->now_ms);
    ecom__sqlite_bind_text(stmt, 6, msg->id);
    ecom__sqlite_bind_text(stmt, 7, msg->topic);
    ecom__sqlite_bind_blob(stmt, 8, msg->key);
    sqlite3_bind_int64(stmt, 9, msg->time_ms);
    ecom__sqlite_bind_blob(stmt, 10, ecom_buf_str(&w->headers));
    ecom__sqlite_bind_blob(stmt, 11, msg->body);
    return ecom__sqlite_step(stmt, err);
}

static int write_doc(ecom__sqlite_writer *w, const struct job *job, const struct stored *stored,
                     ecom_error *err)
{
    sqlite3_stmt *stmt = w->stmts[stored->rev ? ECOM__SET_DOC : ECOM__ADD_DOC];
    int i = 1;

    if (stored->rev) {
        sqlite3_bind_int64(stmt, i++, stored->rowid);
    } else {
        ecom__sqlite_bind_text(stmt, i++, job->collection);
        ecom__sqlite_bind_text(stmt, i++, job->id);
    }
    sqlite3_bind_int64(stmt, i++, (int64_t)job->rev);
    ecom__sqlite_bind_blob(stmt, i++, ecom_buf_str(&job->entries));
    ecom__sqlite_bind_text(stmt, i, job->write->change->doc);
    return ecom__sqlite_step(stmt, err);
}

static int add_events(ecom__sqlite_writer *w, const struct job *job, ecom_error *err)
{
    const ecom_change *change = job->write->change;
    int r = ECOM_OK;

    for (size_t i = 0; r == ECOM_OK && i < change->nevents; i++)
        r = add_event(w, job, &change->events[i], err);
    return r;
}

/* Every answer that is the change's own comes before its first write: it then fails alone, and the
 * others of its group go on. */
static int put(ecom__sqlite_writer *w, struct job *job, struct stored *stored, ecom_error *err)
{
    int r = ecom__check_rev(stored->rev, job->expect, err);
    int same = ecom_str_eq(ecom_buf_str(&stored->entries), ecom_buf_str(&job->entries));

    if (r < 0 || (!same && (r = check_unique(w, job, err)) < 0))
        return r;
    job->rev = ++w->last;
    r = write_doc(w, job, stored, err);
    if (r == ECOM_OK && !same)
        r = replace_entries(w, job, ecom_buf_str(&stored->entries), ecom_buf_str(&job->entries),
                            err);
    return r < 0 ? r : add_events(w, job, err);
}

static int has_unique(const struct job *job)
{
    ecom_str rest = ecom_buf_str(&job->entries);
    ecom_entry entry;

    while (ecom__pack_next_entry(&rest, &entry) > 0)
        if (entry.unique)
            return 1;
    return 0;
}

/* A document that must be new is not looked for first: adding it finds out.
 * @return 1: there is one already, and nothing was written. */
static int put_new(ecom__sqlite_writer *w, struct job *job, ecom_error *err)
{
    const struct stored none = {0};

    job->rev = ++w->last;
    int r = write_doc(w, job, &none, err);
    if (r == ECOM_OK && sqlite3_changes(w->db) == 0) {
        w->last--;
        return 1;
    }
    if (r == ECOM_OK)
        r = replace_entries(w, job, ecom_buf_str(&none.entries), ecom_buf_str(&job->entries), err);
    return r < 0 ? r : add_events(w, job, err);
}

static int drop(ecom__sqlite_writer *w, struct job *job, struct stored *stored, ecom_error *err)
{
    int r;

    if (!stored->rev)
        return ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    if ((r = ecom__check_rev(stored->rev, job->expect, err)) < 0 ||
        (r = replace_entries(w, job, ecom_buf_str(&stored->entries), (ecom_str){NULL, 0}, err)) < 0)
        return r;
    sqlite3_bind_int64(w->stmts[ECOM__DROP_DOC], 1, stored->rowid);
    return run(w, ECOM__DROP_DOC, err);
}

/* 0: none of ours. */
static int64_t seq_of(ecom_str token)
{
    int64_t seq = 0;

    if (token.n == sizeof(seq))
        memcpy(&seq, token.p, sizeof(seq));
    return seq;
}

static void bind_seqs(sqlite3_stmt *stmt, const struct job *job, size_t first, size_t last)
{
    sqlite3_bind_int64(stmt, 1, seq_of(job->tokens[first]));
    sqlite3_bind_int64(stmt, 2, seq_of(job->tokens[last]));
}

static int in_order(const struct job *job)
{
    for (size_t i = 1; i < job->ntokens; i++)
        if (seq_of(job->tokens[i]) < seq_of(job->tokens[i - 1]))
            return 0;
    return 1;
}

/* Truth: from the first to the last of the tokens nothing waits but what they stand for; as a rule,
 * for that is how pending() tells them. */
static int nothing_between(ecom__sqlite_writer *w, const struct job *job, ecom_error *err)
{
    sqlite3_stmt *stmt = w->stmts[ECOM__EVENTS];
    int r, between = 0;
    size_t i = 0;

    bind_seqs(stmt, job, 0, job->ntokens - 1);
    while (!between && (r = ecom__sqlite_step(stmt, err)) == 1) {
        int64_t seq = sqlite3_column_int64(stmt, 0);
        while (i < job->ntokens && seq_of(job->tokens[i]) < seq)
            i++;
        between = i == job->ntokens || seq_of(job->tokens[i]) != seq;
    }
    if (between)
        sqlite3_reset(stmt);
    return between ? 0 : r < 0 ? r : 1;
}

static int drop_events(ecom__sqlite_writer *w, const struct job *job, size_t first, size_t last,
                       ecom_error *err)
{
    bind_seqs(w->stmts[ECOM__DROP_EVENTS], job, first, last);
    return run(w, ECOM__DROP_EVENTS, err);
}

/* At one stroke where it can be, at a fourth of the cost. */
static int forget(ecom__sqlite_writer *w, const struct job *job, ecom_error *err)
{
    int r = in_order(job) ? nothing_between(w, job, err) : ECOM_OK;

    if (r == 1)
        return drop_events(w, job, 0, job->ntokens - 1, err);
    for (size_t i = 0; r == ECOM_OK && i < job->ntokens; i++)
        r = drop_events(w, job, i, i, err);
    return r;
}

static int apply(ecom__sqlite_writer *w, struct job *job)
{
    struct stored stored = {0};
    int r;

    if (job->kind == PUBLISHED)
        return forget(w, job, &job->base.err);
    if (job->kind == PUT && job->expect == 0 && !has_unique(job) &&
        (r = put_new(w, job, &job->base.err)) != 1)
        return r;
    r = read_stored(w, job, &stored, &job->base.err);
    if (r == ECOM_OK)
        r = job->kind == PUT ? put(w, job, &stored, &job->base.err)
                             : drop(w, job, &stored, &job->base.err);
    ecom_buf_free(&stored.entries);
    return r;
}

static int is_answer(int r)
{
    return r == ECOM_OK || r == ECOM_E_CONFLICT || r == ECOM_E_EXISTS || r == ECOM_E_NOTFOUND;
}

/* Does jobs in one open transaction. @return what went wrong with the transaction itself. */
static int apply_all(ecom__sqlite_writer *w, ecom__job *jobs, ecom_error *err)
{
    uint64_t before;
    int r = read_last(w, err), changes = 0;

    before = w->last;
    for (ecom__job *job = jobs; r == ECOM_OK && job; job = job->next) {
        job->result = apply(w, (struct job *)job);
        changes += job->result == ECOM_OK;
        if (!is_answer(job->result)) {
            r = job->result;
            *err = job->err;
        }
    }
    if (r == ECOM_OK && w->last != before)
        r = write_last(w, err);
    return r == ECOM_OK ? run(w, changes ? ECOM__COMMIT : ECOM__ROLLBACK, err) : r;
}

static int transact(ecom__sqlite_writer *w, ecom__job *jobs, ecom_error *err)
{
    int r = run(w, ECOM__BEGIN, err);

    if (r == ECOM_OK)
        r = apply_all(w, jobs, err);
    if (!sqlite3_get_autocommit(w->db))
        (void)run(w, ECOM__ROLLBACK, NULL);
    return r;
}

/* Forgetting events needs no sync of its own: what a power cut brings back goes out a second time,
 * which consumers are ready for. The next commit that syncs takes it along. */
static int set_sync(ecom__sqlite_writer *w, const ecom__job *jobs, ecom_error *err)
{
    int relaxed = 1, r = ECOM_OK;

    for (const ecom__job *job = jobs; job; job = job->next)
        relaxed = relaxed && ((const struct job *)job)->kind == PUBLISHED;
    if (relaxed != w->relaxed)
        r = ecom__sqlite_exec(
            w->db, relaxed ? "PRAGMA synchronous=NORMAL" : "PRAGMA synchronous=FULL", err);
    if (r == ECOM_OK)
        w->relaxed = relaxed;
    return r;
}

/* Answers too: they may have been given over changes that were then rolled back. */
static void fail_all(ecom__job *jobs, int r, const ecom_error *err)
{
    for (ecom__job *job = jobs; job; job = job->next) {
        job->result = r;
        job->err = *err;
    }
}

/* A change that does not fit must not take the others with it: each then goes by itself. */
static void one_by_one(ecom__sqlite_writer *w, ecom__job *jobs)
{
    for (ecom__job *job = jobs, *next; job; job = next) {
        ecom_error err;
        next = job->next;
        job->next = NULL;
        int r = transact(w, job, &err);
        if (r < 0)
            fail_all(job, r, &err);
        job->next = next;
    }
}

static void run_group(void *user, ecom__job *jobs)
{
    ecom__sqlite_writer *w = user;
    ecom_error err = {0};

    int synced = set_sync(w, jobs, &err);
    int r = synced == ECOM_OK ? transact(w, jobs, &err) : synced;
    if (synced == ECOM_OK && jobs->next &&
        (r == ECOM_E_FULL || r == ECOM_E_NOMEM || r == ECOM_E_TOOLARGE))
        one_by_one(w, jobs);
    else if (r < 0)
        fail_all(jobs, r, &err);
    ecom__filelock_give(w->lock);
}

static int take_lock(void *user, int32_t timeout_ms, ecom_error *err)
{
    ecom__sqlite_writer *w = user;
    int r = ecom__filelock_take(w->lock, timeout_ms, err);

    if (r == ECOM_OK && (r = ecom__sqlite_in_place(w->db, err)) < 0)
        ecom__filelock_give(w->lock);
    return r;
}

static int begin_put(struct job *job, const ecom_store_write *write, ecom_error *err)
{
    const ecom_change *change = write->change;
    int r;

    *job = (struct job){.kind = PUT,
                        .collection = change->collection,
                        .id = change->id,
                        .expect = change->expect,
                        .write = write};
    r = ecom__pack_entries(change, &job->entries);
    if (r < 0) {
        ecom_buf_free(&job->entries);
        return ecom_fail(err, r, "no memory for %zu entries", change->nentries);
    }
    return ECOM_OK;
}

int ecom__sqlite_put(ecom__sqlite_writer *writer, const ecom_store_write *write, uint64_t *rev,
                     ecom_error *err)
{
    struct job job;
    int r = begin_put(&job, write, err);

    if (r < 0)
        return r;
    r = ecom__group_do(&writer->group, &job.base, err);
    if (r == ECOM_OK)
        *rev = job.rev;
    ecom_buf_free(&job.entries);
    return r;
}

static void end_put(ecom__job *base)
{
    struct job *job = (struct job *)base;

    ecom_buf_free(&job->entries);
    job->fn(job->user, base->result, job->rev, &base->err);
    free(job);
}

int ecom__sqlite_put_later(ecom__sqlite_writer *writer, const ecom_store_write *write,
                           ecom_put_fn fn, void *user, ecom_error *err)
{
    struct job *job = malloc(sizeof(*job));
    int r = job ? begin_put(job, write, err) : ecom_fail(err, ECOM_E_NOMEM, "no memory for a put");

    if (r < 0) {
        free(job);
        return r;
    }
    job->base.done = end_put;
    job->fn = fn;
    job->user = user;
    if ((r = ecom__group_add(&writer->group, &job->base, err)) != ECOM_OK) {
        ecom_buf_free(&job->entries);
        free(job);
    }
    return r;
}

int ecom__sqlite_remove(ecom__sqlite_writer *writer, ecom_str collection, ecom_str id,
                        uint64_t expect, ecom_error *err)
{
    struct job job = {.kind = REMOVE, .collection = collection, .id = id, .expect = expect};

    return ecom__group_do(&writer->group, &job.base, err);
}

int ecom__sqlite_published(ecom__sqlite_writer *writer, const ecom_str *tokens, size_t n,
                           ecom_error *err)
{
    struct job job = {.kind = PUBLISHED, .tokens = tokens, .ntokens = n};

    return ecom__group_do(&writer->group, &job.base, err);
}

static int open_lock(ecom__sqlite_writer *w, const char *path, ecom_error *err)
{
    ecom_buf name = {0};
    int r = ecom_buf_printf(&name, "%s-lock", path);

    if (r < 0)
        ecom_fail(err, r, "no memory for a path");
    else
        r = ecom__filelock_open(name.p, &w->lock, err);
    ecom_buf_free(&name);
    return r;
}

static int open_db(ecom__sqlite_writer *w, const char *path, int32_t timeout_ms, ecom_error *err)
{
    const int version = sizeof(schema) / sizeof(schema[0]);
    int r = ecom__sqlite_open(path, ECOM__SQLITE_WRITE, timeout_ms, &w->db, err);

    if (r == ECOM_OK)
        r = ecom__sqlite_migrate(w->db, APPLICATION_ID, schema, version, err);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(w->db, sql, ECOM__WRITES, w->stmts, err);
    return r;
}

int ecom__sqlite_writer_open(ecom__sqlite_writer *w, const char *path,
                             const ecom_store_options *opts, ecom_error *err)
{
    int r;

    memset(w, 0, sizeof(*w));
    w->group = (ecom__group){.env = opts->env,
                             .timeout_ms = opts->timeout_ms,
                             .user = w,
                             .ready = take_lock,
                             .run = run_group};
    ecom__group_init(&w->group);
    if ((r = open_lock(w, path, err)) == ECOM_OK &&
        (r = ecom__filelock_take(w->lock, opts->timeout_ms, err)) == ECOM_OK) {
        r = open_db(w, path, opts->timeout_ms, err);
        ecom__filelock_give(w->lock);
    }
    if (r < 0)
        ecom__sqlite_writer_close(w);
    return r;
}

/* The last one to close a file also tidies up its -wal: nobody should open it meanwhile. */
void ecom__sqlite_writer_close(ecom__sqlite_writer *w)
{
    int taken = w->db && ecom__filelock_take(w->lock, w->group.timeout_ms, NULL) == ECOM_OK;

    ecom__sqlite_finalize(w->stmts, ECOM__WRITES);
    ecom__sqlite_close(w->db);
    ecom_buf_free(&w->headers);
    if (taken)
        ecom__filelock_give(w->lock);
    ecom__filelock_close(w->lock);
    ecom__group_clear(&w->group);
}
