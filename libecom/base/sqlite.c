#include "base/sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/room.h"

/* The end of a path says more than its beginning. */
static const char *end_of(const char *path)
{
    size_t n = path ? strlen(path) : 0;

    return n > 100 ? path + n - 100 : n ? path : "?";
}

static const char *file_of(sqlite3 *db)
{
    return end_of(db ? sqlite3_db_filename(db, "main") : NULL);
}

static int fail_full(sqlite3 *db, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_FULL,
                     "no space left for the database: free some, then try again (%s)", file_of(db));
}

static int fail_open(const char *path, int number, ecom_error *err)
{
    char why[96];

    if (number == ENOENT)
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "the directory of the database does not exist: make it (%s)", path);
    if (number == EISDIR)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the database is a directory (%s)", path);
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "the database cannot be opened: %s (%s)",
                     number ? strerror_r(number, why, sizeof(why)) : "check file and directory",
                     path);
}

static int fail_io(sqlite3 *db, int rc, int number, ecom_error *err)
{
    char why[96];

    if (rc == SQLITE_IOERR_NOMEM)
        return ecom_fail(err, ECOM_E_NOMEM, "SQLite is out of memory");
    if (number == ENOSPC || number == EDQUOT || number == EFBIG)
        return fail_full(db, err);
    return ecom_fail(
        err, ECOM_E_BACKEND, "the disk failed: %s; SQLite calls it %d; check the disk (%s)",
        number ? strerror_r(number, why, sizeof(why)) : "no reason given", rc, file_of(db));
}

/* What the system said. A statement's step does not keep it, but the files do: the database, and
 * what SQLite writes beside it. */
static int errno_of(sqlite3 *db)
{
    int number = db ? sqlite3_system_errno(db) : 0;
    sqlite3_file *beside = NULL;

    if (db && !number)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_LAST_ERRNO, &number);
    if (db && !number)
        sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &beside);
    if (beside && beside->pMethods)
        beside->pMethods->xFileControl(beside, SQLITE_FCNTL_LAST_ERRNO, &number);
    return number;
}

static int fail(sqlite3 *db, int rc, ecom_error *err)
{
    int number = errno_of(db);

    switch (rc & 0xFF) {
    case SQLITE_NOMEM:
        return ecom_fail(err, ECOM_E_NOMEM, "SQLite is out of memory");
    case SQLITE_CORRUPT:
        return ecom_fail(err, ECOM_E_CORRUPT,
                         "the database is damaged: stop, and restore it from a backup (%s)",
                         file_of(db));
    case SQLITE_NOTADB:
        return ecom_fail(err, ECOM_E_CORRUPT,
                         "the file is no database, or a damaged one: check the path, or restore it "
                         "from a backup (%s)",
                         file_of(db));
    case SQLITE_FULL:
        return fail_full(db, err);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "another process keeps the database locked: end it, or try again (%s)",
                         file_of(db));
    case SQLITE_READONLY:
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "the database is read-only: allow writing to it and its directory (%s)",
                         file_of(db));
    case SQLITE_CANTOPEN:
        return fail_open(file_of(db), number, err);
    case SQLITE_IOERR:
        return fail_io(db, rc, number, err);
    case SQLITE_TOOBIG:
        return ecom_fail(err, ECOM_E_TOOLARGE, "too large for a row of SQLite");
    default:
        return ecom_fail(err, ECOM_E_BACKEND, "SQLite: %s (%s)",
                         db ? sqlite3_errmsg(db) : sqlite3_errstr(rc), file_of(db));
    }
}

int ecom__sqlite_fail(sqlite3 *db, int rc, ecom_error *err)
{
    int code = fail(db, rc, err);

    if (err)
        err->native = rc;
    return code;
}

int ecom__sqlite_exec(sqlite3 *db, const char *sql, ecom_error *err)
{
    int rc = sqlite3_exec(db, sql, NULL, NULL, NULL);

    return rc == SQLITE_OK ? ECOM_OK : ecom__sqlite_fail(db, sqlite3_extended_errcode(db), err);
}

int ecom__sqlite_in_place(sqlite3 *db, ecom_error *err)
{
    int moved = 0;

    sqlite3_file_control(db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    return moved
               ? ecom_fail(err, ECOM_E_UNAVAILABLE,
                           "the database was deleted or replaced since it was opened: start again, "
                           "with the right one in its place (%s)",
                           file_of(db))
               : ECOM_OK;
}

int ecom__sqlite_room(sqlite3 *db, ecom_error *err)
{
    const char *path = sqlite3_db_filename(db, "main"), *end = path ? strrchr(path, '/') : NULL;
    char dir[4096];

    if (!end || (size_t)(end - path) + 1 > sizeof(dir) - 1)
        return ECOM_OK;
    snprintf(dir, sizeof(dir), "%.*s", (int)(end - path) + 1, path);
    return ecom__room_probe(AT_FDCWD, dir, err);
}

/* A relative name must not read as one of SQLite's own, ":memory:" or "file:...". */
static int open_file(const char *path, int flags, sqlite3 **db)
{
    char *name = sqlite3_mprintf("%s%s", path[0] == '/' ? "" : "./", path);

    if (!name)
        return SQLITE_NOMEM;
    flags = flags & ECOM__SQLITE_WRITE ? SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE
                                       : SQLITE_OPEN_READONLY;
    int rc = sqlite3_open_v2(name, db, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    sqlite3_free(name);
    return rc;
}

static int set_up(sqlite3 *db, int flags, int32_t timeout_ms, ecom_error *err)
{
    int r;

    sqlite3_busy_timeout(db, timeout_ms); /* for tools that know nothing of our lock */
    sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    r = ecom__sqlite_exec(db, "PRAGMA cell_size_check=ON; PRAGMA temp_store=MEMORY", err);
    if (r < 0 || !(flags & ECOM__SQLITE_WRITE))
        return r;
    if (sqlite3_db_readonly(db, "main") == 1)
        return ecom__sqlite_fail(db, SQLITE_READONLY, err);
    /* A checkpoint holds up the commit that it falls to for some ms: one in 16 MiB, not in 4. The
     * first look at the file, at the version, opens the journal. */
    r = ecom__sqlite_exec(db,
                          "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL;"
                          "PRAGMA journal_size_limit=67108864; PRAGMA wal_autocheckpoint=4000;"
                          "PRAGMA user_version",
                          err);
    return r < 0 ? r : ecom__sqlite_gather(db, err);
}

/* What could not be opened does not know its own name. */
static int fail_unopened(sqlite3 *db, const char *path, int rc, ecom_error *err)
{
    if ((rc & 0xFF) != SQLITE_CANTOPEN)
        return ecom__sqlite_fail(db, rc, err);
    fail_open(end_of(path), errno_of(db), err);
    if (err)
        err->native = rc;
    return ECOM_E_UNAVAILABLE;
}

int ecom__sqlite_open(const char *path, int flags, int32_t timeout_ms, sqlite3 **out,
                      ecom_error *err)
{
    sqlite3 *db = NULL;
    int rc = open_file(path, flags, &db);
    int r = rc == SQLITE_OK ? set_up(db, flags, timeout_ms, err) : fail_unopened(db, path, rc, err);

    if (r < 0)
        sqlite3_close(db);
    else
        *out = db;
    return r;
}

void ecom__sqlite_close(sqlite3 *db)
{
    sqlite3_close(db);
}

int ecom__sqlite_prepare(sqlite3 *db, const char *const *sql, size_t n, sqlite3_stmt **out,
                         ecom_error *err)
{
    for (size_t i = 0; i < n; i++)
        out[i] = NULL;
    for (size_t i = 0; i < n; i++) {
        int rc = sqlite3_prepare_v3(db, sql[i], -1, SQLITE_PREPARE_PERSISTENT, &out[i], NULL);
        if (rc != SQLITE_OK) {
            int r = ecom__sqlite_fail(db, rc, err);
            ecom__sqlite_finalize(out, n);
            return r;
        }
    }
    return ECOM_OK;
}

void ecom__sqlite_finalize(sqlite3_stmt **stmts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sqlite3_finalize(stmts[i]);
        stmts[i] = NULL;
    }
}

int ecom__sqlite_step(sqlite3_stmt *stmt, ecom_error *err)
{
    int rc = sqlite3_step(stmt);

    if (rc == SQLITE_ROW)
        return 1;
    int r = rc == SQLITE_DONE ? ECOM_OK : ecom__sqlite_fail(sqlite3_db_handle(stmt), rc, err);
    sqlite3_reset(stmt);
    return r;
}

/* A NULL pointer would bind NULL, which is not the empty string. */
void ecom__sqlite_bind_text(sqlite3_stmt *stmt, int i, ecom_str s)
{
    sqlite3_bind_text64(stmt, i, s.n ? s.p : "", s.n, SQLITE_STATIC, SQLITE_UTF8);
}

void ecom__sqlite_bind_blob(sqlite3_stmt *stmt, int i, ecom_str s)
{
    sqlite3_bind_blob64(stmt, i, s.n ? s.p : "", s.n, SQLITE_STATIC);
}

ecom_str ecom__sqlite_column(sqlite3_stmt *stmt, int i)
{
    const char *p = sqlite3_column_blob(stmt, i);

    return (ecom_str){p, p ? (size_t)sqlite3_column_bytes(stmt, i) : 0};
}

static int read_pragma(sqlite3 *db, const char *sql, int64_t *out, ecom_error *err)
{
    sqlite3_stmt *stmt = NULL;
    int r = ecom__sqlite_prepare(db, &sql, 1, &stmt, err);

    if (r == ECOM_OK)
        r = ecom__sqlite_step(stmt, err);
    if (r == 1) {
        *out = sqlite3_column_int64(stmt, 0);
        r = ECOM_OK;
    }
    ecom__sqlite_finalize(&stmt, 1);
    return r;
}

static int migrate_step(sqlite3 *db, int32_t application_id, const char *step, int version,
                        ecom_error *err)
{
    char pragmas[96];
    int r;

    snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id=%d; PRAGMA user_version=%d",
             application_id, version);
    if ((r = ecom__sqlite_exec(db, step, err)) < 0 ||
        (r = ecom__sqlite_exec(db, pragmas, err)) < 0 ||
        (r = ecom__sqlite_exec(db, "COMMIT", err)) < 0)
        ecom__sqlite_exec(db, "ROLLBACK", NULL);
    return r;
}

/* Within a transaction, so that what is read holds until what follows from it is written.
 * @return the file's version. */
static int check_version(sqlite3 *db, int32_t application_id, int n, ecom_error *err)
{
    int64_t id = 0, version = 0, tables = 0;
    int r;

    if ((r = read_pragma(db, "PRAGMA application_id", &id, err)) < 0 ||
        (r = read_pragma(db, "PRAGMA user_version", &version, err)) < 0 ||
        (r = read_pragma(db, "SELECT count(*) FROM sqlite_master", &tables, err)) < 0)
        return r;
    if (id != application_id && (id != 0 || version != 0 || tables != 0))
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "the database belongs to something else: choose another file (%s)",
                         file_of(db));
    if (version > n)
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "the database has version %d, this libecom knows %d: install a newer one "
                         "(%s)",
                         (int)version, n, file_of(db));
    return (int)version;
}

int ecom__sqlite_migrate(sqlite3 *db, int32_t application_id, const char *const *steps, int n,
                         ecom_error *err)
{
    int version = 0, r;

    do {
        if ((r = ecom__sqlite_exec(db, "BEGIN IMMEDIATE", err)) < 0)
            return r;
        version = check_version(db, application_id, n, err);
        if (version < 0)
            return ecom__sqlite_exec(db, "ROLLBACK", NULL), version;
        if (version == n)
            return ecom__sqlite_exec(db, "ROLLBACK", err);
        r = migrate_step(db, application_id, steps[version], version + 1, err);
    } while (r == ECOM_OK);
    return r;
}
