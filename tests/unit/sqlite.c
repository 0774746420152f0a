#include "check.h"
#include "database_dir.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filelock.h"
#include "base/sqlite.h"

enum { APP = 0x65636F6D };

static void write_file(const char *bytes, size_t n)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        printf("# cannot write %s\n", path);
    close(fd);
}

static int open_db(sqlite3 **db, ecom_error *e)
{
    return ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, db, e);
}

static void a_schema_is_brought_up_step_by_step(void)
{
    static const char *const steps[] = {"CREATE TABLE a(x)", "ALTER TABLE a ADD COLUMN y",
                                        "INSERT INTO a VALUES(1, 2)"};
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_migrate(db, APP, steps, 1, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_migrate(db, APP, steps, 3, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_migrate(db, APP, steps, 3, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom__sqlite_migrate(db, APP, steps, 2, &e), e);
    CHECK_TEXT("has version 3, this libecom knows 2", e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom__sqlite_migrate(db, APP + 1, steps, 3, &e), e);
    CHECK_TEXT("belongs to something else", e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "DELETE FROM a WHERE y = 2", &e), e);
    CHECK_I64(1, sqlite3_changes(db));
    ecom__sqlite_close(db);
    remove_dir();
}

static void a_step_that_fails_leaves_the_version_before_it(void)
{
    static const char *const bad[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x); CREATE TABLE a(x)"};
    static const char *const good[] = {"CREATE TABLE a(x)", "CREATE TABLE b(x)"};
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, &e), e);
    CHECK_CODE(ECOM_E_BACKEND, ecom__sqlite_migrate(db, APP, bad, 2, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_migrate(db, APP, good, 2, &e), e);
    ecom__sqlite_close(db);
    remove_dir();
}

static void what_is_wrong_with_a_file_is_said(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    write_file("this is no database, it is a text that is long enough to be looked at as one", 76);
    CHECK_CODE(ECOM_E_CORRUPT, open_db(&db, &e), e);
    CHECK_TEXT("no database", e);
    CHECK_I64(SQLITE_NOTADB, e.native);
    remove_dir();
    CHECK_CODE(ECOM_E_UNAVAILABLE, open_db(&db, &e), e);
    CHECK_TEXT("directory of the database does not exist", e);
    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom__sqlite_open(dir, ECOM__SQLITE_WRITE, 1000, &db, &e), e);
    CHECK_TEXT("is a directory (/", e);
    CHECK_I64(SQLITE_CANTOPEN, e.native & 0xFF);
    remove_dir();
    CHECK(!db, "a connection came out");
}

static void a_read_only_file_is_called_that(void)
{
    sqlite3 *db = NULL;
    ecom_error e;

    if (geteuid() == 0)
        SKIP("root may write to it all the same");
    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, &e), e);
    ecom__sqlite_close(db);
    chmod(path, 0444);
    CHECK_CODE(ECOM_E_UNAVAILABLE, open_db(&db, &e), e);
    CHECK_TEXT("read-only", e);
    remove_dir();
}

static void a_full_disk_is_called_that(void)
{
    static const char *const steps[] = {"CREATE TABLE a(x)"};
    sqlite3 *db = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_OK, open_db(&db, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_migrate(db, APP, steps, 1, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "PRAGMA max_page_count=4", &e), e);
    CHECK_CODE(ECOM_E_FULL, ecom__sqlite_exec(db, "INSERT INTO a VALUES(zeroblob(100000))", &e), e);
    CHECK_TEXT("no space left", e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "INSERT INTO a VALUES(1)", &e), e);
    ecom__sqlite_close(db);
    remove_dir();
}

/* A child takes the lock, says so through a pipe, and waits to be killed. */
static pid_t holder(void)
{
    int ready[2];
    char byte;
    pid_t pid = pipe(ready) < 0 ? -1 : fork();

    if (pid == 0) {
        ecom__filelock *lock = NULL;
        if (ecom__filelock_open(path, &lock, NULL) < 0 || ecom__filelock_take(lock, 0, NULL) < 0 ||
            write(ready[1], "x", 1) != 1)
            _exit(1);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (pid > 0 && read(ready[0], &byte, 1) != 1)
        pid = -1;
    close(ready[0]);
    return pid;
}

static void a_lock_is_held_for_a_bounded_time_and_outlives_its_holder(void)
{
    ecom__filelock *lock = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    CHECK_CODE(ECOM_OK, ecom__filelock_open(path, &lock, &e), e);
    pid_t pid = holder();
    CHECK(pid > 0, "no child");
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom__filelock_take(lock, 0, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom__filelock_take(lock, 20, &e), e);
    CHECK_TEXT("others had the lock for 20 ms", e);
    kill(pid, SIGKILL);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 60000, &e), e);
    ecom__filelock_give(lock);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 0, &e), e);
    ecom__filelock_give(lock);
    waitpid(pid, NULL, 0);
    ecom__filelock_close(lock);
    remove_dir();
}

static void a_lock_from_before_a_crash_of_the_machine_is_made_anew(void)
{
    char stale[256];
    ecom__filelock *lock = NULL;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    memset(stale, 0x5A, sizeof(stale));
    write_file(stale, sizeof(stale));
    CHECK_CODE(ECOM_OK, ecom__filelock_open(path, &lock, &e), e);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 0, &e), e);
    ecom__filelock_give(lock);
    ecom__filelock_close(lock);
    remove_dir();
}

struct share {
    ecom__filelock *lock;
    atomic_int *inside;
    int times;
};

static void *count_up(void *user)
{
    struct share *share = user;

    for (int i = 0; i < 2000 && ecom__filelock_take(share->lock, 60000, NULL) == ECOM_OK; i++) {
        share->times += atomic_fetch_add(share->inside, 1) == 0;
        atomic_fetch_sub(share->inside, 1);
        ecom__filelock_give(share->lock);
    }
    return NULL;
}

static void a_lock_excludes_threads_with_handles_of_their_own(void)
{
    pthread_t threads[3];
    struct share shares[3];
    atomic_int inside = 0;
    ecom_error e;

    CHECK(make_dir(), "no directory");
    for (int i = 0; i < 3; i++) {
        shares[i] = (struct share){NULL, &inside, 0};
        CHECK_CODE(ECOM_OK, ecom__filelock_open(path, &shares[i].lock, &e), e);
    }
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, count_up, &shares[i]);
    for (int i = 0; i < 3; i++) {
        pthread_join(threads[i], NULL);
        ecom__filelock_close(shares[i].lock);
        CHECK_I64(2000, shares[i].times);
    }
    remove_dir();
}

static const struct check_case cases[] = {
    CASE(a_schema_is_brought_up_step_by_step),
    CASE(a_step_that_fails_leaves_the_version_before_it),
    CASE(what_is_wrong_with_a_file_is_said),
    CASE(a_read_only_file_is_called_that),
    CASE(a_full_disk_is_called_that),
    CASE(a_lock_is_held_for_a_bounded_time_and_outlives_its_holder),
    CASE(a_lock_from_before_a_crash_of_the_machine_is_made_anew),
    CASE(a_lock_excludes_threads_with_handles_of_their_own),
};

CHECK_MAIN("sqlite", cases)
