/* How SQLite's journal is written many pages at a time (base/sqlite_wal.c). Below it lies a file
 * system that counts, remembers and fails what reaches the journal. */
#include "check.h"
#include "database_dir.h"

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sqlite.h"

enum { PAGE = 4096, HEAD = 24, FRAME = HEAD + PAGE, WAL_HEAD = 32, MOST = 128 << 10 };

/* What the files of this test do, and what reached them. */
static struct {
    const sqlite3_io_methods *real_wal, *real_db;
    sqlite3_io_methods wal, db;
    int writes;  /* to a journal */
    int largest; /* of them, in bytes */
    int fail_at; /* the write from now that fails, and all after it; 0: none */
    int code;    /* with this */
    int torn;    /* after half of it was written */
    int looked;  /* times the journal was held against what is told of it */
    int early;   /* of them: more was told than there was */
    int lost;    /* for the number of the errors of the system */
} disk;

static int disk_write(sqlite3_file *file, const void *bytes, int n, sqlite3_int64 at)
{
    disk.writes++;
    disk.largest = n > disk.largest ? n : disk.largest;
    if (disk.fail_at == 0 || --disk.fail_at > 0)
        return disk.real_wal->xWrite(file, bytes, n, at);
    disk.fail_at = 1;
    disk.lost++;
    if (disk.torn && n > 1)
        disk.real_wal->xWrite(file, bytes, n / 2, at);
    return disk.code;
}

static int64_t size_of(const char *suffix)
{
    char file[160];
    struct stat st;

    snprintf(file, sizeof(file), "%s%s", path, suffix);
    return stat(file, &st) == 0 ? (int64_t)st.st_size : -1;
}

static int read_at(const char *suffix, void *out, size_t n, int64_t at)
{
    char file[160];
    int fd;

    snprintf(file, sizeof(file), "%s%s", path, suffix);
    fd = open(file, O_RDONLY | O_CLOEXEC);
    ssize_t got = pread(fd, out, n, (off_t)at);
    close(fd);
    return got == (ssize_t)n;
}

/* In between the two copies of what FILE-shm tells of the journal, of which the second is written
 * first: is the frame in the journal that it calls the last one? The file is not opened for that:
 * closing it would let go of SQLite's locks on it. */
static void disk_barrier(sqlite3_file *file)
{
    enum { COPY = 12, FRAMES = 4, SALT = 8 }; /* words of 32 bits */
    void volatile *shm = NULL;
    uint32_t told[COPY], head[HEAD / 4];
    unsigned char tail;

    disk.real_db->xShmBarrier(file);
    if (disk.real_db->xShmMap(file, 0, 32768, 0, &shm) != SQLITE_OK || !shm)
        return;
    memcpy(told, (const uint32_t *)(uintptr_t)shm + COPY, sizeof(told));
    if (told[FRAMES] == 0)
        return;
    int64_t at = WAL_HEAD + (int64_t)(told[FRAMES] - 1) * FRAME;
    disk.looked++;
    disk.early += !read_at("-wal", head, sizeof(head), at) || head[1] == 0 ||
                  head[2] != told[SALT] || head[3] != told[SALT + 1] ||
                  !read_at("-wal", &tail, 1, at + FRAME - 1);
}

static sqlite3_vfs fake, *real;

static int fake_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out)
{
    int rc = real->xOpen(real, name, file, flags, out);

    (void)vfs;
    if (rc == SQLITE_OK && flags & SQLITE_OPEN_WAL) {
        disk.real_wal = file->pMethods;
        disk.wal = *disk.real_wal;
        disk.wal.xWrite = disk_write;
        file->pMethods = &disk.wal;
    } else if (rc == SQLITE_OK && flags & SQLITE_OPEN_MAIN_DB) {
        disk.real_db = file->pMethods;
        disk.db = *disk.real_db;
        disk.db.xShmBarrier = disk_barrier;
        file->pMethods = &disk.db;
    }
    return rc;
}

__attribute__((constructor)) static void use_fake(void)
{
    real = sqlite3_vfs_find(NULL);
    fake = *real;
    fake.zName = "fake";
    fake.xOpen = fake_open;
    sqlite3_vfs_register(&fake, 1);
}

/* With nothing counted yet. */
static int make_fresh_dir(void)
{
    memset(&disk, 0, sizeof(disk));
    return make_dir();
}

static int exec(sqlite3 *db, const char *sql, ecom_error *e)
{
    return ecom__sqlite_exec(db, sql, e);
}

static int open_db(sqlite3 **db, const char *sync, ecom_error *e)
{
    char pragma[64];
    int r = ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, db, e);

    snprintf(pragma, sizeof(pragma), "PRAGMA synchronous=%s", sync);
    if (r == ECOM_OK)
        r = exec(*db, pragma, e);
    return r < 0 ? r : exec(*db, "CREATE TABLE IF NOT EXISTS t(id INTEGER PRIMARY KEY, x)", e);
}

/* What the first row of a query has first; as a number. */
static int64_t ask(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    int64_t n = -1;

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) == SQLITE_OK &&
        sqlite3_step(stmt) == SQLITE_ROW)
        n = sqlite3_column_int64(stmt, 0);
    sqlite3_finalize(stmt);
    return n;
}

static int is_sound(sqlite3 *db)
{
    return ask(db, "SELECT count(*) = 1 AND max(integrity_check) = 'ok' FROM"
                   " pragma_integrity_check") == 1;
}

/* As many pages as rows, at least. */
static int fill(sqlite3 *db, int rows, ecom_error *e)
{
    char sql[256];

    snprintf(sql, sizeof(sql),
             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)"
             " INSERT INTO t(x) SELECT randomblob(3000) FROM n",
             rows);
    return exec(db, sql, e);
}

static const char *const syncs[] = {"FULL", "NORMAL"};

static void a_commit_of_many_pages_is_two_writes(void)
{
    ecom_error e;

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        CHECK(make_fresh_dir(), "no directory");
        CHECK_CODE(ECOM_OK, open_db(&db, syncs[i], &e), e);
        disk.writes = 0;
        CHECK_CODE(ECOM_OK, fill(db, 20, &e), e);
        CHECK_I64(2, disk.writes);
        CHECK(disk.largest > 20 * FRAME, "%d bytes at most", disk.largest);
        CHECK_CODE(ECOM_OK, fill(db, 1, &e), e);
        CHECK_I64(4, disk.writes);
        ecom__sqlite_close(db);
        remove_dir();
    }
}

static void a_commit_without_end_is_written_in_pieces(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
    disk.writes = 0;
    CHECK_CODE(ECOM_OK, fill(db, 400, &e), e);
    CHECK(disk.writes > 400 * FRAME / MOST && disk.writes <= 2 + 420 / 29, "%d writes",
          disk.writes);
    CHECK(disk.largest < MOST, "%d bytes at once", disk.largest);
    ecom__sqlite_close(db);
    CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
    CHECK_I64(400, ask(db, "SELECT count(*) FROM t"));
    CHECK(is_sound(db), "damaged");
    ecom__sqlite_close(db);
    remove_dir();
}

static void a_page_as_large_as_can_be_goes_through(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_I64(SQLITE_OK, sqlite3_open(path, &db));
    CHECK_CODE(ECOM_OK, exec(db, "PRAGMA page_size=65536; CREATE TABLE u(x)", &e), e);
    sqlite3_close(db);
    CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
    CHECK_CODE(ECOM_OK, fill(db, 200, &e), e);
    CHECK(disk.largest > 65536 && disk.largest < MOST, "%d bytes at once", disk.largest);
    ecom__sqlite_close(db);
    CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
    CHECK_I64(200, ask(db, "SELECT count(*) FROM t"));
    CHECK(is_sound(db), "damaged");
    ecom__sqlite_close(db);
    remove_dir();
}

/* A change of 60 pages, in which the k-th write and all after it fail, for all k. */
static int fails_at(sqlite3 *db, int k, int code, int torn, int want, ecom_error *e)
{
    disk.fail_at = k;
    disk.code = code;
    disk.torn = torn;
    disk.lost = 0;
    int r = fill(db, 60, e);
    disk.fail_at = 0;
    return r == (disk.lost ? want : ECOM_OK);
}

static void a_write_that_fails_fails_the_commit_wherever_it_is(void)
{
    static const struct {
        int code, want;
    } errors[] = {{SQLITE_FULL, ECOM_E_FULL}, {SQLITE_IOERR_WRITE, ECOM_E_BACKEND}};
    ecom_error e;

    for (int i = 0; i < 8; i++) {
        sqlite3 *db = NULL, *other = NULL;
        int k = 0;
        CHECK(make_fresh_dir(), "no directory");
        CHECK_CODE(ECOM_OK, open_db(&db, syncs[i & 1], &e), e);
        CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, 0, 1000, &other, &e), e);
        do {
            CHECK(fails_at(db, ++k, errors[i >> 2].code, i & 2, errors[i >> 2].want, &e),
                  "write %d: %s", k, e.text);
            CHECK_I64(disk.lost ? 0 : 60, ask(other, "SELECT count(*) FROM t"));
        } while (disk.lost);
        CHECK(k > 3, "only %d writes", k);
        CHECK(is_sound(db) && is_sound(other), "damaged");
        CHECK_CODE(ECOM_OK, fill(db, 40, &e), e);
        CHECK_I64(100, ask(other, "SELECT count(*) FROM t"));
        ecom__sqlite_close(other);
        ecom__sqlite_close(db);
        CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
        CHECK_I64(100, ask(db, "SELECT count(*) FROM t"));
        CHECK(is_sound(db), "damaged");
        ecom__sqlite_close(db);
        remove_dir();
    }
}

/* A cache of ten pages: what does not fit goes to the journal before the commit. */
static int open_small(sqlite3 **db, const char *sync, ecom_error *e)
{
    int r = open_db(db, sync, e);

    return r < 0 ? r : exec(*db, "PRAGMA cache_size=10", e);
}

static void a_transaction_reads_what_it_wrote_and_is_held_back(void)
{
    sqlite3 *db = NULL, *other = NULL;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_small(&db, "NORMAL", &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, 0, 1000, &other, &e), e);
    CHECK_CODE(ECOM_OK, exec(db, "BEGIN IMMEDIATE", &e), e);
    for (int i = 1; i <= 10; i++) {
        CHECK_CODE(ECOM_OK, fill(db, 20, &e), e);
        CHECK_I64(20 * i, ask(db, "SELECT count(DISTINCT x) FROM t"));
        CHECK_CODE(ECOM_OK, exec(db, "UPDATE t SET x = randomblob(3000) WHERE id % 7 = 1", &e), e);
        CHECK_I64(0, ask(other, "SELECT count(*) FROM t"));
    }
    CHECK_CODE(ECOM_OK, exec(db, "COMMIT", &e), e);
    CHECK_I64(200, ask(other, "SELECT count(DISTINCT x) FROM t"));
    CHECK(is_sound(other), "damaged");
    ecom__sqlite_close(other);
    ecom__sqlite_close(db);
    remove_dir();
}

/* As it lies on the disk at this moment, and after a crash. */
static void copy_to(const char *suffix, const char *to)
{
    static char bytes[PAGE];
    char name[160];
    int64_t n = size_of(suffix), at = 0;

    snprintf(name, sizeof(name), "%s%s", to, suffix);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    for (size_t k; at < n; at += (int64_t)k) {
        k = n - at < PAGE ? (size_t)(n - at) : PAGE;
        if (!read_at(suffix, bytes, k, at) || write(fd, bytes, k) != (ssize_t)k)
            break;
    }
    close(fd);
}

static int64_t count_after_crash(void)
{
    char to[160], file[176];
    sqlite3 *db = NULL;
    int64_t n = -1;

    snprintf(to, sizeof(to), "%s/crash.db", dir);
    copy_to("", to);
    copy_to("-wal", to);
    if (sqlite3_open(to, &db) == SQLITE_OK && is_sound(db))
        n = ask(db, "SELECT count(DISTINCT x) FROM t");
    sqlite3_close(db);
    unlink(to);
    snprintf(file, sizeof(file), "%s-shm", to);
    unlink(file);
    return n;
}

/* A page that went to the journal twice within a transaction is written over in its place, and the
 * heads behind it once more: that comes last, and must not stay behind. */
static void what_is_committed_is_in_the_journal_at_once(void)
{
    ecom_error e;

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        CHECK(make_fresh_dir(), "no directory");
        CHECK_CODE(ECOM_OK, open_small(&db, syncs[i], &e), e);
        for (int k = 1; k <= 5; k++) {
            CHECK_CODE(ECOM_OK, exec(db, "BEGIN IMMEDIATE", &e), e);
            CHECK_CODE(ECOM_OK, fill(db, 40, &e), e);
            for (int times = 0; times < 2; times++)
                CHECK_CODE(ECOM_OK, exec(db, "UPDATE t SET x = randomblob(3000)", &e), e);
            CHECK_CODE(ECOM_OK, exec(db, "COMMIT", &e), e);
            CHECK_I64(40 * k, count_after_crash());
        }
        ecom__sqlite_close(db);
        remove_dir();
    }
}

static void nothing_is_told_of_that_is_not_in_the_journal(void)
{
    ecom_error e;

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        CHECK(make_fresh_dir(), "no directory");
        CHECK_CODE(ECOM_OK, open_small(&db, syncs[i], &e), e);
        disk.looked = 0;
        for (int rows = 1; rows <= 64; rows *= 2) {
            CHECK_CODE(ECOM_OK, fill(db, rows, &e), e);
            CHECK_CODE(ECOM_OK, exec(db, "UPDATE t SET x = randomblob(100) WHERE id = 1", &e), e);
        }
        CHECK(disk.looked >= 14, "looked %d times", disk.looked);
        CHECK_I64(0, disk.early);
        ecom__sqlite_close(db);
        remove_dir();
    }
}

/* What is held back when a transaction is given up must never come to lie over what another
 * connection, which has the lock next, has written in its place. As a rule SQLite looks into the
 * journal while it rolls back, and it is written then; but the disk may be full. */
static void what_is_rolled_back_is_forgotten(void)
{
    ecom_error e;

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL, *other = NULL;
        CHECK(make_fresh_dir(), "no directory");
        CHECK_CODE(ECOM_OK, open_small(&db, syncs[i], &e), e);
        CHECK_CODE(ECOM_OK, open_db(&other, syncs[i], &e), e);
        for (int k = 1; k <= 30; k++) {
            CHECK_CODE(ECOM_OK, exec(db, "BEGIN IMMEDIATE", &e), e);
            CHECK_CODE(ECOM_OK, fill(db, 10 + k, &e), e);
            disk.fail_at = k % 2;
            disk.code = SQLITE_FULL;
            (void)exec(db, "ROLLBACK", &e);
            disk.fail_at = 0;
            CHECK(sqlite3_get_autocommit(db), "goes on");
            CHECK_CODE(ECOM_OK, fill(other, 10 + k, &e), e);
            CHECK_CODE(ECOM_OK, exec(db, "INSERT INTO t(x) VALUES(1)", &e), e);
            CHECK_I64(11 * k + k * (k + 1) / 2, ask(other, "SELECT count(*) FROM t"));
            CHECK(is_sound(other), "damaged");
        }
        ecom__sqlite_close(other);
        ecom__sqlite_close(db);
        remove_dir();
    }
}

static void a_part_that_is_taken_back_leaves_the_rest(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_small(&db, "NORMAL", &e), e);
    for (int k = 1; k <= 10; k++) {
        CHECK_CODE(ECOM_OK, exec(db, "BEGIN IMMEDIATE", &e), e);
        CHECK_CODE(ECOM_OK, fill(db, 15, &e), e);
        CHECK_CODE(ECOM_OK, exec(db, "SAVEPOINT s", &e), e);
        CHECK_CODE(ECOM_OK, fill(db, 30 + k, &e), e);
        CHECK_CODE(ECOM_OK, exec(db, "ROLLBACK TO s", &e), e);
        CHECK_CODE(ECOM_OK, fill(db, 5, &e), e);
        CHECK_CODE(ECOM_OK, exec(db, "COMMIT", &e), e);
        CHECK_I64(20 * k, count_after_crash());
    }
    ecom__sqlite_close(db);
    remove_dir();
}

/* Another process: commits, says so each time, and is killed in the middle of a transaction. */
static pid_t writer(const char *sync, int commits, int *said)
{
    int ends[2];
    pid_t pid = pipe(ends) < 0 ? -1 : fork();

    *said = ends[0];
    if (pid != 0) {
        close(ends[1]);
        return pid;
    }
    sqlite3 *db = NULL;
    ecom_error e;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (open_small(&db, sync, &e) < 0)
        _exit(1);
    for (int i = 1; i <= commits; i++)
        if (fill(db, i, &e) < 0 || write(ends[1], "c", 1) != 1)
            _exit(1);
    if (exec(db, "BEGIN IMMEDIATE", &e) < 0 || fill(db, 50, &e) < 0 || write(ends[1], "b", 1) != 1)
        _exit(1);
    for (;;)
        pause();
}

static void another_process_sees_all_that_is_committed_and_nothing_else(void)
{
    ecom_error e;

    for (size_t i = 0; i < 2; i++) {
        sqlite3 *db = NULL;
        int said = -1, commits = 0;
        char what = 0;
        CHECK(make_fresh_dir(), "no directory");
        pid_t pid = writer(syncs[i], 30, &said);
        CHECK(pid > 0, "no child");
        while (read(said, &what, 1) == 1 && what == 'c') {
            if (!db)
                CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, 0, 1000, &db, &e), e);
            commits++;
            CHECK(ask(db, "SELECT count(*) FROM t") >= commits * (commits + 1) / 2, "commit %d",
                  commits);
        }
        CHECK(what == 'b', "the child failed");
        CHECK_I64(30, commits);
        kill(pid, SIGKILL);
        waitpid(pid, NULL, 0);
        close(said);
        CHECK_I64(30 * 31 / 2, ask(db, "SELECT count(*) FROM t"));
        ecom__sqlite_close(db);
        CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
        CHECK_CODE(ECOM_OK, fill(db, 5, &e), e);
        CHECK_I64(30 * 31 / 2 + 5, ask(db, "SELECT count(*) FROM t"));
        CHECK(is_sound(db), "damaged");
        ecom__sqlite_close(db);
        remove_dir();
    }
}

/* A full disk may undo a statement and not the transaction: what the others wrote must come all the
 * same, once there is space. */
static void what_could_not_be_written_in_between_comes_with_the_commit(void)
{
    sqlite3 *db = NULL;
    int kept = 0;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_small(&db, "NORMAL", &e), e);
    CHECK_CODE(ECOM_OK, exec(db, "CREATE UNIQUE INDEX i ON t(x)", &e), e);
    for (int k = 1; k <= 20; k++) {
        CHECK_CODE(ECOM_OK, exec(db, "BEGIN IMMEDIATE", &e), e);
        CHECK_CODE(ECOM_OK, fill(db, 10 + k, &e), e);
        disk.fail_at = 1;
        disk.code = SQLITE_FULL;
        CHECK_CODE(ECOM_E_FULL, exec(db, "UPDATE t SET x = randomblob(2000)", &e), e);
        disk.fail_at = 0;
        if (!sqlite3_get_autocommit(db)) {
            CHECK_CODE(ECOM_OK, exec(db, "COMMIT", &e), e);
            kept += 10 + k;
        }
        CHECK_I64(kept, count_after_crash());
    }
    CHECK(kept > 0, "nothing was kept");
    ecom__sqlite_close(db);
    remove_dir();
}

/* The journal begins anew now and then, over what it was. */
static void a_journal_that_begins_anew_holds(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_fresh_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, "FULL", &e), e);
    CHECK_CODE(ECOM_OK, exec(db, "PRAGMA wal_autocheckpoint=50", &e), e);
    for (int k = 1; k <= 20; k++) {
        CHECK_CODE(ECOM_OK, fill(db, 20, &e), e);
        CHECK_I64(20 * k, count_after_crash());
    }
    CHECK(size_of("-wal") < 150 * FRAME, "%d bytes", (int)size_of("-wal"));
    CHECK_CODE(ECOM_OK, exec(db, "PRAGMA wal_checkpoint(TRUNCATE)", &e), e);
    CHECK_I64(0, size_of("-wal"));
    CHECK_CODE(ECOM_OK, fill(db, 20, &e), e);
    CHECK_I64(420, count_after_crash());
    ecom__sqlite_close(db);
    remove_dir();
}

static const struct check_case cases[] = {
    CASE(a_commit_of_many_pages_is_two_writes),
    CASE(a_commit_without_end_is_written_in_pieces),
    CASE(a_page_as_large_as_can_be_goes_through),
    CASE(a_write_that_fails_fails_the_commit_wherever_it_is),
    CASE(a_transaction_reads_what_it_wrote_and_is_held_back),
    CASE(what_is_committed_is_in_the_journal_at_once),
    CASE(nothing_is_told_of_that_is_not_in_the_journal),
    CASE(what_is_rolled_back_is_forgotten),
    CASE(a_part_that_is_taken_back_leaves_the_rest),
    CASE(another_process_sees_all_that_is_committed_and_nothing_else),
    CASE(what_could_not_be_written_in_between_comes_with_the_commit),
    CASE(a_journal_that_begins_anew_holds),
};

CHECK_MAIN("sqlite_wal", cases)
