#include "check.h"
#include "database_dir.h"

#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/filelock.h"
#include "base/sqlite.h"
#include "store/sqlite_write.h"

static char url[160];

static int make_store_dir(void)
{
    int made = make_dir();

    snprintf(url, sizeof(url), "sqlite:%s", path);
    return made;
}

static ecom_store *open_with(const ecom_env *env, int32_t timeout_ms)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store *store = NULL;
    ecom_error e;

    opts.env = env;
    opts.timeout_ms = timeout_ms;
    if (ecom_store_open(url, &opts, &store, &e) < 0) {
        printf("# %s\n", e.text);
        check_failed = 1;
    }
    return store;
}

static ecom_store *open_store(int32_t timeout_ms)
{
    return open_with(NULL, timeout_ms);
}

static int put(ecom_store *store, const char *id, ecom_str doc, ecom_error *e)
{
    const ecom_entry entry = {S("tag"), ecom_str_of(id), 1};
    const ecom_msg event = {.id = S("e"), .topic = S("t")};
    const ecom_change change = {S("things"), ecom_str_of(id), doc, ECOM_REV_ANY, &entry,
                                1,           &event,          1};

    return ecom_store_put(store, &change, NULL, e);
}

static int get(ecom_store *store, const char *id, ecom_error *e)
{
    ecom_buf doc = {0};
    int r = ecom_store_get(store, S("things"), ecom_str_of(id), &doc, NULL, e);

    ecom_buf_free(&doc);
    return r;
}

static void what_cannot_be_opened_says_why(void)
{
    ecom_store *store = NULL;
    char long_url[4000];
    ecom_error e;

    CHECK_CODE(ECOM_E_INVAL, ecom_store_open("sqlite:", NULL, &store, &e), e);
    CHECK_TEXT("url: needs a file: sqlite:PATH", e);
    memset(long_url, 'x', sizeof(long_url));
    memcpy(long_url, "sqlite:/", 8);
    long_url[7 + 3073] = '\0';
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_store_open(long_url, NULL, &store, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE,
               ecom_store_open("sqlite:/nonexistent/dir/x.db", NULL, &store, &e), e);
    CHECK_TEXT("the directory does not exist: make it", e);
    CHECK_TEXT("/nonexistent/dir/x.db", e);
    CHECK(!store, "a handle came out");
}

static void a_file_of_a_newer_version_is_refused(void)
{
    sqlite3 *db = NULL;
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    store = open_store(0);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, put(store, "1", S("{}"), &e), e);
    ecom_store_close(store);
    CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, &db, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "PRAGMA user_version=99", &e), e);
    store = NULL;
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_open(url, NULL, &store, &e), e);
    CHECK_TEXT("has version 99", e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "PRAGMA user_version=1", &e), e);
    ecom__sqlite_close(db);
    store = open_store(0);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, get(store, "1", &e), e);
    ecom_store_close(store);
    remove_dir();
}

static void anothers_database_is_refused(void)
{
    sqlite3 *db = NULL;
    ecom_store *store = NULL;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, &db, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "CREATE TABLE theirs(x)", &e), e);
    ecom__sqlite_close(db);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_open(url, NULL, &store, &e), e);
    CHECK_TEXT("belongs to something else", e);
    remove_dir();
}

/* Overwrites all but the first page. */
static int damage(void)
{
    char junk[4096];
    int fd = open(path, O_RDWR);
    off_t size = lseek(fd, 0, SEEK_END);

    memset(junk, 0xA5, sizeof(junk));
    for (off_t at = 4096; at < size; at += 4096)
        if (pwrite(fd, junk, sizeof(junk), at) != (ssize_t)sizeof(junk))
            size = 0;
    close(fd);
    return size > 4096;
}

static void a_damaged_file_is_called_that(void)
{
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    store = open_store(0);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, put(store, "1", S("{}"), &e), e);
    ecom_store_close(store);
    CHECK(damage(), "nothing to damage");
    store = NULL;
    int r = ecom_store_open(url, NULL, &store, &e);
    if (r == ECOM_OK) {
        CHECK_CODE(ECOM_E_CORRUPT, get(store, "1", &e), e);
        CHECK_CODE(ECOM_E_CORRUPT, put(store, "2", S("{}"), &e), e);
    }
    CHECK(e.code == ECOM_E_CORRUPT && e.retry == 0, "%s: %s", check_code(e.code), e.text);
    CHECK_TEXT("restore it from a backup", e);
    ecom_store_close(store);
    remove_dir();
}

static void entries_that_do_not_unpack_are_called_damaged(void)
{
    sqlite3 *db = NULL;
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    store = open_store(0);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, put(store, "1", S("{}"), &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, &db, &e), e);
    CHECK_CODE(
        ECOM_OK,
        ecom__sqlite_exec(
            db, "UPDATE documents SET entries = x'010001'; UPDATE outbox SET headers = x'FF'", &e),
        e);
    ecom__sqlite_close(db);
    CHECK_CODE(ECOM_E_CORRUPT, put(store, "1", S("{}"), &e), e);
    CHECK_CODE(ECOM_E_CORRUPT, ecom_store_remove(store, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_CODE(ECOM_E_CORRUPT, ecom_store_pending(store, 0, 0, NULL, NULL, &e), e);
    CHECK_CODE(ECOM_OK, get(store, "1", &e), e);
    ecom_store_close(store);
    remove_dir();
}

/* In a process of its own: nothing was written yet, and nothing can be. */
static int ping_without_room(void)
{
    const struct rlimit none = {1000, RLIM_INFINITY}, all = {RLIM_INFINITY, RLIM_INFINITY};
    ecom_store *store = open_store(0);
    ecom_error e;

    signal(SIGXFSZ, SIG_IGN);
    if (!store || ecom_store_ping(store, &e) != ECOM_OK)
        return 1;
    if (setrlimit(RLIMIT_FSIZE, &none) || ecom_store_ping(store, &e) != ECOM_E_FULL)
        return 2;
    if (setrlimit(RLIMIT_FSIZE, &all) || ecom_store_ping(store, &e) != ECOM_OK)
        return 3;
    ecom_store_close(store);
    return 0;
}

/* In a process of its own, whose files may not grow beyond a limit. Time stands still: what is full
 * is remembered for some seconds. */
static int fill_up(void)
{
    const struct rlimit limit = {1 << 20, 1 << 20};
    struct check_world world;
    check_world_init(&world, 1);
    char *doc = malloc(200000), id[16];
    ecom_store *store = open_with(&world.env, 0);
    ecom_error e;
    int r = ECOM_OK, n = 0;

    if (!store || !doc)
        return 1;
    signal(SIGXFSZ, SIG_IGN);
    setrlimit(RLIMIT_FSIZE, &limit);
    memset(doc, ' ', 200000);
    doc[0] = '{';
    doc[199999] = '}';
    for (; n < 20 && r == ECOM_OK; n++) {
        snprintf(id, sizeof(id), "%d", n);
        r = put(store, id, (ecom_str){doc, 200000}, &e);
    }
    free(doc);
    if (r != ECOM_E_FULL || n < 2 || !strstr(e.text, "no space left"))
        return 2;
    if (ecom_store_ping(store, &e) != ECOM_E_FULL)
        return 4;
    if (get(store, "0", &e) != ECOM_OK || get(store, id, &e) != ECOM_E_NOTFOUND)
        return 3;
    ecom_store_close(store);
    return 0;
}

static void a_full_disk_is_called_that_and_loses_nothing(void)
{
    int status = -1;
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(fill_up());
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "no child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %d", status);
    store = open_store(0);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, get(store, "0", &e), e);
    CHECK_CODE(ECOM_OK, put(store, "x", S("{}"), &e), e);
    ecom_store_close(store);
    remove_dir();
}

static void a_full_disk_shows_in_a_ping_before_anything_is_written(void)
{
    int status = -1;

    CHECK(make_store_dir(), "no directory");
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0)
        _exit(ping_without_room());
    CHECK(pid > 0 && waitpid(pid, &status, 0) == pid, "no child");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child ended with %d", status);
    remove_dir();
}

/* What was written to it would be gone with the process. */
static void a_file_deleted_or_replaced_under_a_store_is_noticed(void)
{
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    ecom_store *store = open_store(0);
    CHECK_CODE(ECOM_OK, put(store, "a", S("{}"), &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_ping(store, &e), e);
    unlink(path);
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(store, "b", S("{}"), &e), e);
    CHECK_TEXT("deleted", e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_store_ping(store, &e), e);
    close(open(path, O_WRONLY | O_CREAT, 0666));
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(store, "b", S("{}"), &e), e);
    ecom_store_close(store);
    remove_dir();
}

static void a_lock_that_others_keep_is_waited_for_no_longer_than_asked(void)
{
    ecom__filelock *lock = NULL;
    char lock_path[160];
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    store = open_store(30);
    CHECK(store, "no store");
    snprintf(lock_path, sizeof(lock_path), "%s-lock", path);
    CHECK_CODE(ECOM_OK, ecom__filelock_open(lock_path, &lock, &e), e);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 1000, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(store, "1", S("{}"), &e), e);
    CHECK(e.retry, "no use to try again?");
    CHECK_CODE(ECOM_E_NOTFOUND, get(store, "1", &e), e); /* readers do not wait */
    ecom__filelock_give(lock);
    CHECK_CODE(ECOM_OK, put(store, "1", S("{}"), &e), e);
    ecom__filelock_close(lock);
    ecom_store_close(store);
    remove_dir();
}

static void a_tool_that_keeps_a_transaction_open_is_named(void)
{
    sqlite3 *db = NULL;
    ecom_store *store;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    store = open_store(20);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, ecom__sqlite_open(path, ECOM__SQLITE_WRITE, 1000, &db, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "BEGIN IMMEDIATE", &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(store, "1", S("{}"), &e), e);
    CHECK_TEXT("another process keeps the database locked", e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(db, "ROLLBACK", &e), e);
    CHECK_CODE(ECOM_OK, put(store, "1", S("{}"), &e), e);
    ecom__sqlite_close(db);
    ecom_store_close(store);
    remove_dir();
}

struct writer {
    pthread_t thread;
    ecom__sqlite_writer *to;
    char id[12];
    ecom_str doc;
    uint64_t expect;
    const ecom_entry *entry; /* nullable */
    int r;
};

static void *write_one(void *user)
{
    struct writer *w = user;
    const ecom_change change = {.collection = S("things"),
                                .id = ecom_str_of(w->id),
                                .doc = w->doc,
                                .expect = w->expect,
                                .entries = w->entry,
                                .nentries = w->entry != NULL};
    const ecom_store_write write = {&change, S("origin"), 1};
    uint64_t rev;

    w->r = ecom__sqlite_put(w->to, &write, &rev, NULL);
    return NULL;
}

static int queued(ecom__sqlite_writer *writer)
{
    int n = 0;

    pthread_mutex_lock(&writer->group.lock);
    for (const ecom__job *job = writer->group.first; job; job = job->next)
        n++;
    pthread_mutex_unlock(&writer->group.lock);
    return n;
}

/* All are held up by the lock, so that they end up in one group. */
static void write_as_one_group(ecom__sqlite_writer *to, struct writer *writers, int n)
{
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom__filelock_take(to->lock, 1000, &e), e);
    for (int i = 0; i < n; i++) {
        writers[i].to = to;
        snprintf(writers[i].id, sizeof(writers[i].id), "%d", i);
        pthread_create(&writers[i].thread, NULL, write_one, &writers[i]);
    }
    while (queued(to) < n)
        sched_yield();
    ecom__filelock_give(to->lock);
    for (int i = 0; i < n; i++)
        pthread_join(writers[i].thread, NULL);
}

static void check_written(const struct writer *writers, int n)
{
    ecom_store *store = open_store(0);
    ecom_error e;

    CHECK(store, "no store");
    for (int i = 0; i < n; i++)
        CHECK_CODE(writers[i].r == ECOM_OK ? ECOM_OK : ECOM_E_NOTFOUND,
                   get(store, writers[i].id, &e), e);
    ecom_store_close(store);
}

static void what_does_not_fit_fails_alone_in_its_group(void)
{
    enum { WRITERS = 6, BIG = 1000000 };
    ecom_store_options opts = {sizeof(opts), 60000, ecom_env_system(), NULL};
    struct writer writers[WRITERS];
    ecom__sqlite_writer to;
    char *big = malloc(BIG);
    ecom_error e;

    CHECK(make_store_dir() && big, "no directory");
    memset(big, ' ', BIG);
    for (int i = 0; i < WRITERS; i++)
        writers[i] = (struct writer){.doc = i == 3 ? (ecom_str){big, BIG} : S("{}")};
    CHECK_CODE(ECOM_OK, ecom__sqlite_writer_open(&to, path, &opts, &e), e);
    CHECK_CODE(ECOM_OK, ecom__sqlite_exec(to.db, "PRAGMA max_page_count=60", &e), e);
    write_as_one_group(&to, writers, WRITERS);
    ecom__sqlite_writer_close(&to);
    free(big);
    for (int i = 0; i < WRITERS; i++)
        CHECK(writers[i].r == (i == 3 ? ECOM_E_FULL : ECOM_OK), "writer %d: %s", i,
              check_code(writers[i].r));
    check_written(writers, WRITERS);
    remove_dir();
}

static void conflicts_and_clashes_fail_alone_in_their_group(void)
{
    enum { WRITERS = 6 };
    const ecom_entry same = {S("mail"), S("a@b"), 1};
    ecom_store_options opts = {sizeof(opts), 60000, ecom_env_system(), NULL};
    struct writer writers[WRITERS];
    ecom__sqlite_writer to;
    ecom_error e;

    CHECK(make_store_dir(), "no directory");
    for (int i = 0; i < WRITERS; i++)
        writers[i] = (struct writer){
            .doc = S("{}"), .entry = i == 1 || i == 4 ? &same : NULL, .expect = i == 2 ? 7 : 0};
    CHECK_CODE(ECOM_OK, ecom__sqlite_writer_open(&to, path, &opts, &e), e);
    write_as_one_group(&to, writers, WRITERS);
    ecom__sqlite_writer_close(&to);
    CHECK_I64(ECOM_OK, writers[0].r);
    CHECK_I64(ECOM_E_CONFLICT, writers[2].r);
    CHECK_I64(ECOM_OK, writers[3].r);
    CHECK_I64(ECOM_OK, writers[5].r);
    CHECK_I64(ECOM_E_EXISTS, writers[1].r + writers[4].r); /* one of them was first */
    check_written(writers, WRITERS);
    remove_dir();
}

static void count_told(void *user, int r, uint64_t rev, ecom_error *err)
{
    atomic_int *won = user;

    (void)rev, (void)err;
    *won += r == ECOM_OK;
}

static void *put_and_wait(void *user)
{
    const ecom_change change = {.collection = S("things"), .id = S("waits"), .doc = S("{}")};

    return ecom_store_put(user, &change, NULL, NULL) == ECOM_OK ? user : NULL;
}

/* Another process has the lock meanwhile. */
static void so_many_changes_may_wait_and_then_those_who_make_them(void)
{
    static char ids[ECOM__GROUP_MAX + 1][8];
    static ecom_change changes[ECOM__GROUP_MAX + 1];
    char lock_path[160];
    atomic_int won = 0;
    pthread_t waits;
    void *waited;
    ecom__filelock *lock;
    ecom_error e = {0};

    CHECK(make_store_dir(), "no directory");
    ecom_store *store = open_store(60000);
    snprintf(lock_path, sizeof(lock_path), "%s-lock", path);
    CHECK(store, "no store");
    CHECK_CODE(ECOM_OK, ecom__filelock_open(lock_path, &lock, &e), e);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 1000, &e), e);
    for (int i = 0; i <= ECOM__GROUP_MAX; i++) {
        snprintf(ids[i], sizeof(ids[i]), "%d", i);
        changes[i] =
            (ecom_change){.collection = S("things"), .id = ecom_str_of(ids[i]), .doc = S("{}")};
        int r = ecom_store_try_put_later(store, &changes[i], count_told, &won, &e);
        CHECK_I64(i < ECOM__GROUP_MAX ? ECOM_OK : ECOM_WOULD_WAIT, r);
    }
    CHECK(pthread_create(&waits, NULL, put_and_wait, store) == 0, "no thread");
    ecom__filelock_give(lock);
    ecom__filelock_close(lock);
    CHECK_CODE(ECOM_OK,
               ecom_store_put_later(store, &changes[ECOM__GROUP_MAX], count_told, &won, &e), e);
    pthread_join(waits, &waited);
    CHECK(waited == store, "one that waits does not get on among them");
    ecom_store_close(store);
    CHECK_I64(ECOM__GROUP_MAX + 1, won);
    remove_dir();
}

static const struct check_case cases[] = {
    CASE(what_cannot_be_opened_says_why),
    CASE(a_file_of_a_newer_version_is_refused),
    CASE(anothers_database_is_refused),
    CASE(a_damaged_file_is_called_that),
    CASE(entries_that_do_not_unpack_are_called_damaged),
    CASE(a_full_disk_is_called_that_and_loses_nothing),
    CASE(a_full_disk_shows_in_a_ping_before_anything_is_written),
    CASE(a_file_deleted_or_replaced_under_a_store_is_noticed),
    CASE(a_lock_that_others_keep_is_waited_for_no_longer_than_asked),
    CASE(a_tool_that_keeps_a_transaction_open_is_named),
    CASE(what_does_not_fit_fails_alone_in_its_group),
    CASE(conflicts_and_clashes_fail_alone_in_their_group),
    CASE(so_many_changes_may_wait_and_then_those_who_make_them),
};

CHECK_MAIN("store-sqlite", cases)
