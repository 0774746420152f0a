#include "bus/sqlite_bus.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { APPLICATION_ID = 0x65634275 }; /* "ecBu" */

/* Prepared, since what ends a transaction must not need memory: left open, it would keep all others
 * from writing. */
enum { Q_BEGIN, Q_COMMIT, Q_ROLLBACK, Q_N };
static const char *const queries[Q_N] = {"BEGIN IMMEDIATE", "COMMIT", "ROLLBACK"};

ecom__bus_path ecom__bus_path_of(const char *dir, const char *kind, const char *name,
                                 const char *ext)
{
    ecom__bus_path path;

    snprintf(path.s, sizeof(path.s), "%.*s/%s-%.*s.%s", ECOM__BUS_MAX_DIR, dir, kind,
             ECOM_BUS_MAX_NAME, name, ext);
    return path;
}

/* How many of a kind there are; a directory that cannot be read has none, and says so later. */
static size_t count_files(const char *dir, const char *kind)
{
    DIR *d = opendir(dir);
    size_t n = 0;

    for (struct dirent *e; d && (e = readdir(d));) {
        size_t k = strlen(e->d_name);
        n += strncmp(e->d_name, kind, strlen(kind)) == 0 && k > 3 &&
             strcmp(e->d_name + k - 3, ".db") == 0;
    }
    if (d)
        closedir(d);
    return n;
}

static int open_locked(struct ecom__bus_file *file, const char *path, const char *const *steps,
                       int nsteps, ecom_error *err)
{
    int r = ecom__sqlite_open(path, ECOM__SQLITE_WRITE, file->timeout_ms, &file->db, err);

    if (r == ECOM_OK)
        r = ecom__sqlite_migrate(file->db, APPLICATION_ID, steps, nsteps, err);
    return r < 0 ? r : ecom__sqlite_prepare(file->db, queries, Q_N, file->stmts, err);
}

int ecom__bus_file_open(struct ecom__bus_file *file, const char *dir, const char *kind,
                        const char *name, int32_t timeout_ms, size_t most, const char *const *steps,
                        int nsteps, ecom_error *err)
{
    ecom__bus_path db = ecom__bus_path_of(dir, kind, name, "db");
    int r;

    *file = ECOM__BUS_FILE_NONE;
    file->timeout_ms = timeout_ms;
    if (access(db.s, F_OK) < 0 && errno == ENOENT && count_files(dir, kind) >= most)
        return ecom_fail(err, ECOM_E_TOOLARGE, "the bus has %zu %ss and takes no more", most, kind);
    r = ecom__filelock_open(ecom__bus_path_of(dir, kind, name, "lock").s, &file->lock, err);
    if (r == ECOM_OK)
        r = ecom__filelock_take(file->lock, timeout_ms, err);
    if (r == ECOM_OK) {
        r = open_locked(file, db.s, steps, nsteps, err);
        ecom__filelock_give(file->lock);
    }
    if (r == ECOM_OK)
        r = file->bell = ecom__bell_open(ecom__bus_path_of(dir, kind, name, "bell").s, err);
    if (r < 0)
        ecom__bus_file_close(file);
    return r < 0 ? r : ECOM_OK;
}

void ecom__bus_file_close(struct ecom__bus_file *file)
{
    if (file->bell >= 0)
        close(file->bell);
    ecom__sqlite_finalize(file->stmts, Q_N);
    ecom__sqlite_close(file->db);
    ecom__filelock_close(file->lock);
    *file = ECOM__BUS_FILE_NONE;
}

int ecom__bus_file_begin(struct ecom__bus_file *file, ecom_error *err)
{
    struct stat st;
    int r;

    if (fstat(file->bell, &st) == 0 && st.st_nlink == 0)
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "the bus's files were deleted: open it anew");
    if ((r = ecom__filelock_take(file->lock, file->timeout_ms, err)) < 0)
        return r;
    r = ecom__sqlite_in_place(file->db, err);
    if (r == ECOM_OK)
        r = ecom__sqlite_step(file->stmts[Q_BEGIN], err);
    if (r < 0)
        ecom__filelock_give(file->lock);
    return r;
}

int ecom__bus_file_end(struct ecom__bus_file *file, int r, ecom_error *err)
{
    if (r == ECOM_OK)
        r = ecom__sqlite_step(file->stmts[Q_COMMIT], err);
    if (r < 0 && !sqlite3_get_autocommit(file->db))
        (void)ecom__sqlite_step(file->stmts[Q_ROLLBACK], NULL);
    ecom__filelock_give(file->lock);
    return r;
}

int ecom__bus_file_end_loud(struct ecom__bus_file *file, int r, ecom_error *err)
{
    r = ecom__bus_file_end(file, r, err);
    if (r == ECOM_OK)
        ecom__bell_ring(file->bell);
    return r;
}
