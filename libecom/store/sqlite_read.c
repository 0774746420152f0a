#include "store/sqlite_read.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/sqlite.h"
#include "base/wait.h"
#include "store/pack.h"
#include "store/range.h"

enum { GET, IDS_UP, IDS_DOWN, VALUES_UP, VALUES_DOWN, WAITING, PENDING, BACKLOG, PING, READS };

#define VALUES                                                                \
    "SELECT e.id, e.value, d.rev, d.doc FROM entries e JOIN documents d"      \
    " ON d.collection = e.collection AND d.id = e.id WHERE e.collection = ?1" \
    " AND e.name = ?6 AND "

#define EVENT "seq, collection, id, since, event, topic, key, time, headers, body"

#define ASKED "origin = ?1 OR since < ?2"

/* Ranges as <store/range.h> gives them: ?2 value, ?3 id, ?4 last, ?5 limit. PENDING first finds the
 * documents that are asked for, as many as one page can tell of, then all that waits of them: so
 * none is left out before one that comes. As a rule every event of a page is asked for: WAITING
 * tells it in one pass, at a third of the cost, and PENDING what comes behind the first that is
 * not. */
static const char *const sql[READS] = {
    [GET] = "SELECT rev, doc FROM documents WHERE collection = ?1 AND id = ?2",
    [IDS_UP] = "SELECT id, NULL, rev, doc FROM documents WHERE collection = ?1"
               " AND id >= ?3 AND id <= ?4 ORDER BY id LIMIT ?5",
    [IDS_DOWN] = "SELECT id, NULL, rev, doc FROM documents WHERE collection = ?1"
                 " AND id < ?3 AND id >= ?4 ORDER BY id DESC LIMIT ?5",
    [VALUES_UP] = VALUES "(e.value, e.id) > (?2, ?3) AND e.value <= ?4"
                         " ORDER BY e.value, e.id LIMIT ?5",
    [VALUES_DOWN] = VALUES "(e.value, e.id) < (?2, ?3) AND e.value >= ?4"
                           " ORDER BY e.value DESC, e.id DESC LIMIT ?5",
    [WAITING] = "SELECT " EVENT ", " ASKED " FROM outbox ORDER BY seq LIMIT ?3",
    [PENDING] =
        "WITH asked AS MATERIALIZED (SELECT collection, id FROM outbox"
        " WHERE " ASKED " ORDER BY seq LIMIT ?3)"
        " SELECT " EVENT " FROM outbox WHERE (collection, id) IN (SELECT collection, id FROM asked)"
        " ORDER BY seq LIMIT ?3",
    [BACKLOG] = "SELECT count(*), (SELECT since FROM outbox ORDER BY seq LIMIT 1) FROM outbox",
    [PING] = "SELECT last FROM counter",
};

struct ecom__reader {
    ecom__reader *next;
    sqlite3 *db;
    sqlite3_stmt *stmts[READS];
};

static void reader_close(ecom__reader *reader)
{
    ecom__sqlite_finalize(reader->stmts, READS);
    ecom__sqlite_close(reader->db);
    free(reader);
}

static int reader_open(const ecom__readers *readers, ecom__reader **out, ecom_error *err)
{
    ecom__reader *reader = calloc(1, sizeof(*reader));

    if (!reader)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a connection");
    int r = ecom__sqlite_open(readers->path, 0, readers->timeout_ms, &reader->db, err);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(reader->db, sql, READS, reader->stmts, err);
    if (r < 0)
        reader_close(reader);
    else
        *out = reader;
    return r;
}

int ecom__readers_init(ecom__readers *readers, const char *path, int32_t timeout_ms,
                       ecom_error *err)
{

    memset(readers, 0, sizeof(*readers));
    readers->timeout_ms = timeout_ms;
    readers->path = strdup(path);
    if (!readers->path)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a path");
    pthread_mutex_init(&readers->lock, NULL);
    ecom__cond_init(&readers->returned);
    return ECOM_OK;
}

void ecom__readers_clear(ecom__readers *readers)
{
    for (ecom__reader *reader = readers->idle, *next; reader; reader = next) {
        next = reader->next;
        reader_close(reader);
    }
    free(readers->path);
    pthread_cond_destroy(&readers->returned);
    pthread_mutex_destroy(&readers->lock);
}

static void wait_for_one(ecom__readers *readers)
{
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, readers->timeout_ms);
    int late = 0;

    readers->waiting++;
    while (!readers->idle && readers->open == ECOM__READERS && late != ETIMEDOUT)
        late = pthread_cond_timedwait(&readers->returned, &readers->lock, &until);
    readers->waiting--;
}

static int acquire(ecom__readers *readers, ecom__reader **out, ecom_error *err)
{
    int r = ECOM_OK, opens = 0;

    pthread_mutex_lock(&readers->lock);
    if (!readers->idle && readers->open == ECOM__READERS)
        wait_for_one(readers);
    if (readers->idle) {
        *out = readers->idle;
        readers->idle = readers->idle->next;
    } else if (readers->open < ECOM__READERS) {
        readers->open++;
        opens = 1;
    } else {
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "all %d connections were busy for %d ms",
                      ECOM__READERS, readers->timeout_ms);
    }
    pthread_mutex_unlock(&readers->lock);
    if (!opens || (r = reader_open(readers, out, err)) == ECOM_OK)
        return r;
    pthread_mutex_lock(&readers->lock);
    readers->open--;
    pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
    return r;
}

static void release(ecom__readers *readers, ecom__reader *reader)
{
    pthread_mutex_lock(&readers->lock);
    reader->next = readers->idle;
    readers->idle = reader;
    if (readers->waiting)
        pthread_cond_signal(&readers->returned);
    pthread_mutex_unlock(&readers->lock);
}

static int get(ecom__reader *reader, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
               ecom_error *err)
{
    sqlite3_stmt *stmt = reader->stmts[GET];

    ecom__sqlite_bind_text(stmt, 1, collection);
    ecom__sqlite_bind_text(stmt, 2, id);
    int r = ecom__sqlite_step(stmt, err);
    if (r <= 0)
        return r < 0 ? r : ecom_fail(err, ECOM_E_NOTFOUND, "no such document");
    ecom_str bytes = ecom__sqlite_column(stmt, 1);
    r = ecom_buf_append(doc, bytes);
    if (r < 0)
        ecom_fail(err, r, "no memory for a document of %zu bytes", bytes.n);
    else
        *rev = (uint64_t)sqlite3_column_int64(stmt, 0);
    sqlite3_reset(stmt);
    return r;
}

int ecom__sqlite_get(ecom__readers *readers, ecom_str collection, ecom_str id, ecom_buf *doc,
                     uint64_t *rev, ecom_error *err)
{
    ecom__reader *reader = NULL;
    int r = acquire(readers, &reader, err);

    if (r < 0)
        return r;
    r = get(reader, collection, id, doc, rev, err);
    release(readers, reader);
    return r;
}

static sqlite3_stmt *bind_query(ecom__reader *reader, const ecom_query *q, const ecom__range *range)
{
    const int by_id = q->index.n == 0;
    sqlite3_stmt *stmt = reader->stmts[by_id ? (q->descending ? IDS_DOWN : IDS_UP)
                                             : (q->descending ? VALUES_DOWN : VALUES_UP)];

    ecom__sqlite_bind_text(stmt, 1, q->collection);
    ecom__sqlite_bind_text(stmt, 3, range->id);
    sqlite3_bind_int64(stmt, 5, (int64_t)q->limit + 1);
    if (by_id) {
        ecom__sqlite_bind_text(stmt, 4, range->last);
    } else {
        ecom__sqlite_bind_blob(stmt, 2, range->value);
        ecom__sqlite_bind_blob(stmt, 4, range->last);
        ecom__sqlite_bind_text(stmt, 6, q->index);
    }
    return stmt;
}

static int find(sqlite3_stmt *stmt, uint32_t limit, ecom_row_fn row, void *user, int *more,
                ecom_error *err)
{
    uint32_t n = 0;
    int cut = 0, r, stop = 0;

    while (!stop && (r = ecom__sqlite_step(stmt, err)) == 1) {
        const ecom_row out = {.id = ecom__sqlite_column(stmt, 0),
                              .value = ecom__sqlite_column(stmt, 1),
                              .doc = ecom__sqlite_column(stmt, 3),
                              .rev = (uint64_t)sqlite3_column_int64(stmt, 2)};
        cut = n++ == limit;
        stop = cut || row(user, &out);
    }
    if (stop)
        sqlite3_reset(stmt);
    if (!stop && r < 0)
        return r;
    *more = cut;
    return ECOM_OK;
}

int ecom__sqlite_find(ecom__readers *readers, const ecom_query *query, ecom_row_fn row, void *user,
                      int *more, ecom_error *err)
{
    ecom__reader *reader = NULL;
    ecom__range range;
    int r = acquire(readers, &reader, err);

    if (r < 0)
        return r;
    ecom__range_of(query, &range);
    r = find(bind_query(reader, query, &range), query->limit, row, user, more, err);
    release(readers, reader);
    return r;
}

/* A page of events, as it is told. */
struct page {
    ecom_pending_fn row;
    void *user;
    uint32_t left; /* rows that it may still have */
    int64_t last;  /* that was told */
    int stop;
};

static int tell(sqlite3_stmt *stmt, struct page *page, ecom_error *err)
{
    ecom_header headers[ECOM_BUS_MAX_HEADERS];
    int64_t seq = sqlite3_column_int64(stmt, 0);
    ecom_str packed = ecom__sqlite_column(stmt, 8);
    size_t n = 0;
    int flag, r = 0;

    while (n < ECOM_BUS_MAX_HEADERS &&
           (r = ecom__pack_next(&packed, &headers[n].name, &headers[n].value, &flag)) > 0)
        n++;
    if (r < 0 || packed.n)
        return ecom__sqlite_fail(sqlite3_db_handle(stmt), SQLITE_CORRUPT, err);
    const ecom_pending out = {
        .token = {(const char *)&seq, sizeof(seq)},
        .collection = ecom__sqlite_column(stmt, 1),
        .id = ecom__sqlite_column(stmt, 2),
        .since_ms = sqlite3_column_int64(stmt, 3),
        .msg = {.id = ecom__sqlite_column(stmt, 4),
                .topic = ecom__sqlite_column(stmt, 5),
                .key = ecom__sqlite_column(stmt, 6),
                .time_ms = sqlite3_column_int64(stmt, 7),
                .headers = headers,
                .nheaders = n,
                .body = ecom__sqlite_column(stmt, 9)},
    };
    page->stop = page->row(page->user, &out) || --page->left == 0;
    page->last = seq;
    return ECOM_OK;
}

/* All that waits, up to the first that is not asked for. @return 1: there is such a one. */
static int tell_waiting(sqlite3_stmt *stmt, struct page *page, ecom_error *err)
{
    int r = ECOM_OK, others = 0;

    while (!page->stop && !others && (r = ecom__sqlite_step(stmt, err)) == 1) {
        others = !sqlite3_column_int(stmt, 10);
        if (!others && (r = tell(stmt, page, err)) < 0)
            page->stop = 1;
    }
    sqlite3_reset(stmt);
    return r < 0 ? r : others;
}

/* Those behind it. What was written since comes behind all that was there. */
static int tell_asked(sqlite3_stmt *stmt, struct page *page, ecom_error *err)
{
    int r = ECOM_OK;

    while (!page->stop && (r = ecom__sqlite_step(stmt, err)) == 1)
        if (sqlite3_column_int64(stmt, 0) > page->last && (r = tell(stmt, page, err)) < 0)
            page->stop = 1;
    sqlite3_reset(stmt);
    return r < 0 ? r : ECOM_OK;
}

static sqlite3_stmt *bind_page(ecom__reader *reader, int i, ecom_str origin, int64_t before_ms,
                               uint32_t limit)
{
    sqlite3_stmt *stmt = reader->stmts[i];

    ecom__sqlite_bind_text(stmt, 1, origin);
    sqlite3_bind_int64(stmt, 2, before_ms);
    sqlite3_bind_int64(stmt, 3, limit);
    return stmt;
}

int ecom__sqlite_pending(ecom__readers *readers, ecom_str origin, int64_t before_ms, uint32_t limit,
                         ecom_pending_fn row, void *user, ecom_error *err)
{
    struct page page = {.row = row, .user = user, .left = limit};
    ecom__reader *reader = NULL;
    int r = acquire(readers, &reader, err);

    if (r < 0)
        return r;
    r = tell_waiting(bind_page(reader, WAITING, origin, before_ms, limit), &page, err);
    if (r == 1)
        r = tell_asked(bind_page(reader, PENDING, origin, before_ms, limit), &page, err);
    release(readers, reader);
    return r;
}

int ecom__sqlite_backlog(ecom__readers *readers, uint64_t *count, int64_t *oldest_ms,
                         ecom_error *err)
{
    ecom__reader *reader = NULL;
    int r = acquire(readers, &reader, err);

    if (r < 0)
        return r;
    sqlite3_stmt *stmt = reader->stmts[BACKLOG];
    r = ecom__sqlite_step(stmt, err);
    if (r == 1) {
        *count = (uint64_t)sqlite3_column_int64(stmt, 0);
        *oldest_ms = sqlite3_column_int64(stmt, 1);
        sqlite3_reset(stmt);
    }
    release(readers, reader);
    return r < 0 ? r : ECOM_OK;
}

int ecom__sqlite_ping(ecom__readers *readers, ecom_error *err)
{
    ecom__reader *reader = NULL;
    int r = acquire(readers, &reader, err);

    if (r < 0)
        return r;
    r = ecom__sqlite_step(reader->stmts[PING], err);
    sqlite3_reset(reader->stmts[PING]);
    if (r >= 0)
        r = ecom__sqlite_in_place(reader->db, err);
    if (r >= 0)
        r = ecom__sqlite_room(reader->db, err);
    release(readers, reader);
    return r < 0 ? r : ECOM_OK;
}
