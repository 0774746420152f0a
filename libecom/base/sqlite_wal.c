#include "base/sqlite.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* SQLite writes its journal (FILE-wal) a frame at a time, head and page apart: two calls of the
 * system for a page, of which a group's commit has dozens. Here they are held back, and written
 * together as soon as there comes the head of a frame that ends a transaction, or anything that is
 * no appending. So nobody misses what is held back: what the journal has counts for others only
 * behind such a head, and when SQLite has told of it, which it does last.
 *
 * It must not outlast the lock under which SQLite wrote it: after a rollback it means nothing, and
 * others may write in its place. So it is forgotten with that lock. */

enum {
    FRAME_HEAD = 24,
    ENDS_AT = 4,             /* in the head: four bytes, 0 but in the last frame of a transaction */
    WRITE_LOCK = 0,          /* among those of FILE-shm */
    ROOM = 29 * (24 + 4096), /* below the 128 KiB that SQLite's files write at once */
};

/* One for a connection, whose two files have methods of ours: where these lie tells whose they are.
 * What is not replaced is as SQLite has it. */
struct gather {
    sqlite3_io_methods wal, db;
    const sqlite3_io_methods *real_wal, *real_db;
    sqlite3_int64 at; /* where it belongs */
    int n;
    char held[ROOM];
};

static struct gather *of_wal(const sqlite3_file *wal)
{
    return (struct gather *)(void *)((char *)wal->pMethods - offsetof(struct gather, wal));
}

static struct gather *of_db(const sqlite3_file *db)
{
    return (struct gather *)(void *)((char *)db->pMethods - offsetof(struct gather, db));
}

/* What could not be written stays: until it is, nothing behind it is, and the transaction fails. */
static int write_held(sqlite3_file *wal)
{
    struct gather *g = of_wal(wal);
    int rc = g->n ? g->real_wal->xWrite(wal, g->held, g->n, g->at) : SQLITE_OK;

    if (rc == SQLITE_OK)
        g->n = 0;
    return rc;
}

static int ends_transaction(const char *head)
{
    static const char no_end[4];

    return memcmp(head + ENDS_AT, no_end, sizeof(no_end)) != 0;
}

static void hold(struct gather *g, const void *bytes, int n, sqlite3_int64 at)
{
    if (g->n == 0)
        g->at = at;
    memcpy(g->held + g->n, bytes, (size_t)n);
    g->n += n;
}

static int wal_write(sqlite3_file *wal, const void *bytes, int n, sqlite3_int64 at)
{
    struct gather *g = of_wal(wal);
    int rc = SQLITE_OK;

    if (at != g->at + g->n || n > ROOM - g->n)
        rc = write_held(wal);
    if (rc != SQLITE_OK)
        return rc;
    if (g->n == 0 && n != FRAME_HEAD)
        return g->real_wal->xWrite(wal, bytes, n, at);
    hold(g, bytes, n, at);
    return n == FRAME_HEAD && ends_transaction(bytes) ? write_held(wal) : SQLITE_OK;
}

static int wal_read(sqlite3_file *wal, void *bytes, int n, sqlite3_int64 at)
{
    int rc = write_held(wal);

    return rc == SQLITE_OK ? of_wal(wal)->real_wal->xRead(wal, bytes, n, at) : rc;
}

static int wal_truncate(sqlite3_file *wal, sqlite3_int64 size)
{
    int rc = write_held(wal);

    return rc == SQLITE_OK ? of_wal(wal)->real_wal->xTruncate(wal, size) : rc;
}

static int wal_sync(sqlite3_file *wal, int flags)
{
    int rc = write_held(wal);

    return rc == SQLITE_OK ? of_wal(wal)->real_wal->xSync(wal, flags) : rc;
}

static int wal_size(sqlite3_file *wal, sqlite3_int64 *size)
{
    int rc = write_held(wal);

    return rc == SQLITE_OK ? of_wal(wal)->real_wal->xFileSize(wal, size) : rc;
}

static int db_lock(sqlite3_file *db, int first, int n, int flags)
{
    struct gather *g = of_db(db);

    if (first == WRITE_LOCK && (flags & SQLITE_SHM_UNLOCK))
        g->n = 0;
    return g->real_db->xShmLock(db, first, n, flags);
}

/* SQLite closes the journal before. */
static int db_close(sqlite3_file *db)
{
    struct gather *g = of_db(db);
    int rc = g->real_db->xClose(db);

    free(g);
    return rc;
}

static void replace(struct gather *g, sqlite3_file *wal, sqlite3_file *db)
{
    g->real_wal = wal->pMethods;
    g->real_db = db->pMethods;
    g->wal = *g->real_wal;
    g->wal.xWrite = wal_write;
    g->wal.xRead = wal_read;
    g->wal.xTruncate = wal_truncate;
    g->wal.xSync = wal_sync;
    g->wal.xFileSize = wal_size;
    g->db = *g->real_db;
    g->db.xShmLock = db_lock;
    g->db.xClose = db_close;
    wal->pMethods = &g->wal;
    db->pMethods = &g->db;
}

int ecom__sqlite_gather(sqlite3 *conn, ecom_error *err)
{
    sqlite3_file *db = NULL, *wal = NULL;
    struct gather *g;

    sqlite3_file_control(conn, "main", SQLITE_FCNTL_FILE_POINTER, &db);
    sqlite3_file_control(conn, "main", SQLITE_FCNTL_JOURNAL_POINTER, &wal);
    if (!db || !db->pMethods || !wal || !wal->pMethods)
        return ECOM_OK; /* no such journal: an ordinary one is only open while it is used */
    if (!(g = malloc(sizeof(*g))))
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a journal's writes");
    g->at = g->n = 0;
    replace(g, wal, db);
    return ECOM_OK;
}
