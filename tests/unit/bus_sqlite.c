#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/filelock.h"
#include "bus/bell.h"
#include "bus/embedded.h"

/* A directory for each case, and a bus in it. */
static char dir[256], url[300];

/* What was synced last; not by SQLite. */
static struct stat synced;
int __real_fsync(int fd);
int __wrap_fsync(int fd);

int __wrap_fsync(int fd)
{
    fstat(fd, &synced);
    return __real_fsync(fd);
}

static void make_dir(void)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    /* Syncs cost nothing. */
    snprintf(dir, sizeof(dir), "%.200s/ecom-bus-unit-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        abort();
    snprintf(url, sizeof(url), "sqlite:%s", dir);
}

static void remove_dir(void)
{
    char path[600];
    DIR *d = opendir(dir);

    for (struct dirent *e; d && (e = readdir(d));) {
        snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        unlink(path);
    }
    if (d)
        closedir(d);
    rmdir(dir);
}

static const char *in_dir(const char *name)
{
    static char path[600];

    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

static ecom_bus *open_bus(const ecom_bus_options *opts)
{
    ecom_bus *bus = NULL;
    ecom_error e;

    if (ecom_bus_open(url, opts, &bus, &e) < 0)
        printf("# open: %s\n", e.text);
    return bus;
}

static int send_one(ecom_bus *bus, const char *topic, ecom_str body, ecom_error *e)
{
    ecom_header header = {S("name"), S("value")};
    ecom_msg msg = {.topic = ecom_str_of(topic),
                    .key = S("k"),
                    .body = body,
                    .headers = &header,
                    .nheaders = 1};

    return ecom_bus_publish(bus, &msg, 1, NULL, e);
}

static int join(ecom_bus *bus, const char *group, const char *topic, ecom_member **out,
                ecom_error *e)
{
    ecom_str name = ecom_str_of(topic);
    ecom_subscription sub = {
        .size = sizeof(sub), .group = ecom_str_of(group), .topics = &name, .ntopics = 1};

    return ecom_bus_subscribe(bus, &sub, out, e);
}

static int count(void *user, const ecom_msg *msg)
{
    (void)msg;
    ++*(int *)user;
    return 0;
}

static int acking(void *user, const ecom_msg *msg)
{
    return ecom_member_ack(user, msg->topic, msg->partition, msg->offset, NULL);
}

/* Runs SQL on a file of the bus as some tool would. */
static int tamper(const char *file, const char *sql)
{
    sqlite3 *db = NULL;
    int rc = sqlite3_open(in_dir(file), &db);

    if (rc == SQLITE_OK)
        rc = sqlite3_exec(db, sql, NULL, NULL, NULL);
    sqlite3_close(db);
    return rc;
}

static void write_file(const char *name, const char *bytes, size_t n)
{
    int fd = open(in_dir(name), O_WRONLY | O_CREAT | O_TRUNC, 0666);

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

static void a_directory_is_made_but_not_its_parents(void)
{
    char where[400];
    ecom_bus *bus = NULL;
    ecom_error e;

    make_dir();
    snprintf(where, sizeof(where), "sqlite:%s/new/bus", dir);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_open(where, NULL, &bus, &e), e);
    CHECK_TEXT("No such file or directory", e);
    CHECK_TEXT("/new/bus", e);
    snprintf(where, sizeof(where), "sqlite:%s/bus", dir);
    CHECK_CODE(ECOM_OK, ecom_bus_open(where, NULL, &bus, &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_ping(bus, &e), e);
    CHECK(rmdir(in_dir("bus")) == 0, "the bus left something behind");
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_ping(bus, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("1"), &e), e);
    mkdir(in_dir("bus"), 0777);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_ping(bus, &e), e);
    CHECK_TEXT("replaced", e);
    ecom_bus_close(bus);
    rmdir(in_dir("bus"));
    write_file("file", "x", 1);
    snprintf(where, sizeof(where), "sqlite:%s/file", dir);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_open(where, NULL, &bus, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_open("sqlite:", NULL, &bus, &e), e);
    remove_dir();
}

static void files_deleted_under_a_bus_are_noticed(void)
{
    ecom_error e;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    remove_dir();
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("2"), &e), e);
    CHECK_TEXT("deleted", e);
    ecom_bus_close(bus);
}

/* With the lock and the bell still there. */
static void a_database_replaced_under_a_bus_is_noticed(void)
{
    ecom_member *m;
    ecom_error e;
    int n = 0;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    CHECK_CODE(1, ecom_member_poll(m, 0, 10, count, &n, &e), e);
    unlink(in_dir("topic-t.db"));
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("2"), &e), e);
    CHECK_TEXT("topic-t.db", e);
    write_file("topic-t.db", "", 0);
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("3"), &e), e);
    unlink(in_dir("group-g.db"));
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_member_ack(m, S("t"), 0, 0, &e), e);
    ecom_member_close(m);
    ecom_bus_close(bus);
    remove_dir();
}

static void a_file_that_is_no_database_is_corrupt(void)
{
    char junk[8192];
    ecom_member *m;
    ecom_error e;

    make_dir();
    memset(junk, 'j', sizeof(junk));
    write_file("topic-t.db", junk, sizeof(junk));
    write_file("group-g.db", junk, sizeof(junk));
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_E_CORRUPT, send_one(bus, "t", S("1"), &e), e);
    CHECK_TEXT("topic-t.db", e);
    CHECK_CODE(ECOM_E_CORRUPT, join(bus, "g", "u", &m, &e), e);
    CHECK_TEXT("group-g.db", e);
    CHECK_CODE(ECOM_OK, send_one(bus, "u", S("1"), &e), e); /* others are not touched by it */
    ecom_bus_close(bus);
    remove_dir();
}

static void damaged_headers_are_corrupt_and_skip_nothing(void)
{
    static const char *const damage[] = {"x'01'", "x'0100000000000000'", "x'ffffffffffffffff4142'"};
    ecom_member *m;
    ecom_error e;
    char sql[128];
    int n = 0;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    for (size_t i = 0; i < 3; i++) {
        snprintf(sql, sizeof(sql), "UPDATE msg SET headers = %s", damage[i]);
        CHECK_I64(SQLITE_OK, tamper("topic-t.db", sql));
        CHECK_CODE(ECOM_E_CORRUPT, ecom_member_poll(m, 0, 10, count, &n, &e), e);
        CHECK_TEXT("headers of t/", e);
    }
    CHECK_I64(0, n);
    CHECK_I64(SQLITE_OK, tamper("topic-t.db", "UPDATE msg SET headers = x''"));
    CHECK_CODE(1, ecom_member_poll(m, 0, 10, count, &n, &e), e);
    ecom_member_close(m);
    ecom_bus_close(bus);
    remove_dir();
}

static void a_file_of_a_newer_version_is_refused(void)
{
    ecom_error e;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    ecom_bus_close(bus);
    CHECK_I64(SQLITE_OK, tamper("topic-t.db", "PRAGMA user_version=99"));
    bus = open_bus(NULL);
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("1"), &e), e);
    CHECK_TEXT("version 99", e);
    ecom_bus_close(bus);
    remove_dir();
}

static void a_full_file_says_so_until_old_messages_go(void)
{
    struct check_world w;
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    static char body[10000];
    ecom_str big = {body, sizeof(body)};
    ecom_member *m;
    ecom_error e;
    int sent = 0, n = 0, r;

    make_dir();
    check_world_init(&w, 1);
    opts.env = &w.env;
    opts.max_bytes = 200000;
    opts.retention_ms = 1000;
    ecom_bus *bus = open_bus(&opts);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    while ((r = send_one(bus, "t", big, &e)) == ECOM_OK)
        CHECK(++sent < 30, "no bound");
    CHECK_CODE(ECOM_E_FULL, r, e);
    CHECK(sent >= 10, "full after %d", sent);
    check_world_move_ms(&w, 1001);
    CHECK_CODE(ECOM_E_FULL, send_one(bus, "t", big, &e), e); /* the group has still to do it */
    CHECK_CODE(sent, ecom_member_poll(m, 0, 1000, acking, m, &e), e); /* nothing is lost */
    CHECK_CODE(ECOM_OK, send_one(bus, "t", big, &e), e);
    CHECK_CODE(1, ecom_member_poll(m, 0, 1000, count, &n, &e), e);
    ecom_member_close(m);
    ecom_bus_close(bus);
    remove_dir();
}

/* How many messages there are, whoever has done them. */
static int kept(ecom_bus *bus)
{
    ecom_member *m;
    ecom_error e;
    int n = 0;

    if (join(bus, "", "t", &m, &e) < 0)
        return -1;
    ecom_member_poll(m, 0, 1000, count, &n, &e);
    ecom_member_close(m);
    return n;
}

static void what_a_group_has_still_to_do_is_kept_however_old_it_is(void)
{
    const int64_t week_ms = INT64_C(7) * 86400000;
    struct check_world w;
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_member *quick, *slow;
    ecom_error e;

    make_dir();
    check_world_init(&w, 1);
    opts.env = &w.env;
    opts.partitions = 1;
    ecom_bus *bus = open_bus(&opts);
    CHECK_CODE(ECOM_OK, join(bus, "quick", "t", &quick, &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "slow", "t", &slow, &e), e);
    for (int i = 0; i < 3; i++)
        CHECK_CODE(ECOM_OK, send_one(bus, "t", S("old"), &e), e);
    CHECK_CODE(3, ecom_member_poll(quick, 0, 9, acking, quick, &e), e);
    CHECK_CODE(1, ecom_member_poll(slow, 0, 1, acking, slow, &e), e);
    ecom_member_close(slow);
    check_world_move_ms(&w, week_ms + 1);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("new"), &e), e);
    CHECK_I64(3, kept(bus)); /* the one that both have done is gone */
    CHECK_CODE(ECOM_OK, join(bus, "slow", "t", &slow, &e), e);
    CHECK_CODE(3, ecom_member_poll(slow, 0, 9, acking, slow, &e), e);
    check_world_move_ms(&w, 10000);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("new"), &e), e);
    CHECK_I64(2, kept(bus));
    ecom_member_close(quick);
    ecom_member_close(slow);
    ecom_bus_close(bus);
    remove_dir();
}

static void nothing_goes_while_a_group_cannot_be_read(void)
{
    struct check_world w;
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom_error e;

    make_dir();
    check_world_init(&w, 1);
    opts.env = &w.env;
    opts.partitions = 1;
    opts.retention_ms = 1000;
    ecom_bus *bus = open_bus(&opts);
    write_file("group-g.db", "junk", 4);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("old"), &e), e);
    check_world_move_ms(&w, 1001);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("new"), &e), e);
    CHECK_I64(2, kept(bus));
    unlink(in_dir("group-g.db"));
    check_world_move_ms(&w, 10000);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("new"), &e), e);
    CHECK_I64(1, kept(bus));
    ecom_bus_close(bus);
    remove_dir();
}

/* The bell, not the look that a member takes now and then. */
static void a_publish_rings_and_an_ack_does_not(void)
{
    struct ecom__ear ear = ECOM__EAR_NONE;
    const ecom_env *env = ecom_env_system();
    ecom_member *m;
    ecom_error e;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    CHECK_CODE(ECOM_E_TIMEOUT, ecom_member_poll(m, 0, 0, NULL, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom__ear_open(&ear, &e), e);
    CHECK_CODE(ECOM_OK, ecom__ear_listen(&ear, in_dir("topic-t.bell"), &e), e);
    CHECK_CODE(ECOM_OK, ecom__ear_listen(&ear, in_dir("group-g.bell"), &e), e);
    int64_t start = ecom_env_monotonic_ms(env);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    ecom__ear_wait(&ear, 100000);
    CHECK(ecom_env_monotonic_ms(env) - start < 50000, "nobody rang");
    CHECK_CODE(1, ecom_member_poll(m, 0, 10, acking, m, &e), e);
    start = ecom_env_monotonic_ms(env);
    ecom__ear_wait(&ear, 20);
    CHECK(ecom_env_monotonic_ms(env) - start >= 19, "an ack woke everybody up");
    start = ecom_env_monotonic_ms(env);
    ecom_member_close(m); /* others may have its share now */
    ecom__ear_wait(&ear, 100000);
    CHECK(ecom_env_monotonic_ms(env) - start < 50000, "nobody rang for one who leaves");
    CHECK(!ecom__ear_woken(&ear), "woken by nobody");
    ecom__ear_wake(&ear);
    ecom__ear_wait(&ear, 10000);
    CHECK(ecom__ear_woken(&ear) && !ecom__ear_woken(&ear), "one wake, asked twice");
    ecom__ear_close(&ear);
    ecom_bus_close(bus);
    remove_dir();
}

static void who_keeps_the_lock_too_long_is_reported(void)
{
    ecom_bus_options opts = ECOM_BUS_OPTIONS_INIT;
    ecom__filelock *lock;
    ecom_error e;

    make_dir();
    opts.timeout_ms = 20;
    ecom_bus *bus = open_bus(&opts);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("1"), &e), e);
    CHECK_CODE(ECOM_OK, ecom__filelock_open(in_dir("topic-t.lock"), &lock, &e), e);
    CHECK_CODE(ECOM_OK, ecom__filelock_take(lock, 1000, &e), e);
    CHECK_CODE(ECOM_E_UNAVAILABLE, send_one(bus, "t", S("2"), &e), e);
    CHECK_I64(1, e.retry);
    ecom__filelock_give(lock);
    ecom__filelock_close(lock);
    CHECK_CODE(ECOM_OK, send_one(bus, "t", S("3"), &e), e);
    ecom_bus_close(bus);
    remove_dir();
}

static void a_directory_takes_1000_topics_and_1000_groups(void)
{
    char name[32];
    ecom_member *m;
    ecom_error e;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    for (int i = 0; i < ECOM__BUS_MAX_TOPICS; i++) {
        snprintf(name, sizeof(name), "topic-n%d.db", i);
        write_file(name, "", 0);
        snprintf(name, sizeof(name), "group-n%d.db", i);
        write_file(name, "", 0);
    }
    CHECK_CODE(ECOM_E_TOOLARGE, send_one(bus, "more", S("1"), &e), e);
    CHECK_CODE(ECOM_OK, send_one(bus, "n7", S("1"), &e), e);
    CHECK_CODE(ECOM_E_TOOLARGE, join(bus, "more", "n7", &m, &e), e);
    CHECK_CODE(ECOM_OK, join(bus, "n7", "n7", &m, &e), e);
    ecom_member_close(m);
    ecom_bus_close(bus);
    remove_dir();
}

/* 256 rows whose members seem to live, since we hold their locks. */
static void a_group_takes_256_members(void)
{
    struct flock all = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 300};
    ecom_member *m;
    ecom_error e;

    make_dir();
    ecom_bus *bus = open_bus(NULL);
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    ecom_member_close(m);
    int alive = open(in_dir("group-g.alive"), O_RDWR | O_CLOEXEC);
    CHECK(fcntl(alive, F_OFD_SETLK, &all) == 0, "no lock");
    CHECK_I64(SQLITE_OK,
              tamper("group-g.db",
                     "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 256)"
                     " INSERT INTO member(session_ms, seen_ms)"
                     " SELECT 1000000000, (SELECT 0) FROM n"));
    CHECK_CODE(ECOM_E_TOOLARGE, join(bus, "g", "t", &m, &e), e);
    close(alive); /* now they are seen to be dead */
    CHECK_CODE(ECOM_OK, join(bus, "g", "t", &m, &e), e);
    ecom_member_close(m);
    ecom_bus_close(bus);
    remove_dir();
}

/* One round of everything that allocates. Returns the first failure. */
static int everything(ecom_bus *bus, int *published, ecom_error *e)
{
    ecom_member *a = NULL, *b = NULL;
    int n = 0, r;

    if ((r = send_one(bus, "t", S("body"), e)) < 0)
        return r;
    ++*published;
    if ((r = ecom_bus_topics(bus, count, &n, e)) < 0 || (r = join(bus, "g", "t", &a, e)) < 0)
        return r;
    r = ecom_member_poll(a, 0, 0, NULL, NULL, e);
    if (r == ECOM_E_TIMEOUT)
        r = join(bus, "g", "t", &b, e);
    for (int i = 0; i < 2 && (r == ECOM_OK || r == ECOM_E_TIMEOUT); i++)
        if ((r = ecom_member_poll(a, 0, 0, NULL, NULL, e)) == ECOM_E_TIMEOUT)
            r = ecom_member_poll(b, 0, 0, NULL, NULL, e);
    if (r == ECOM_E_TIMEOUT)
        r = ecom_member_poll(a, 0, 9, acking, a, e);
    ecom_member_close(b);
    ecom_member_close(a);
    if (r < 0 && r != ECOM_E_TIMEOUT)
        return r;
    if ((r = join(bus, "", "t", &a, e)) < 0)
        return r;
    r = ecom_member_poll(a, 0, 1, count, &n, e);
    ecom_member_close(a);
    return r < 0 ? r : ECOM_OK;
}

/* How many messages there are. */
static int came(ecom_bus *bus)
{
    ecom_member *all = NULL;
    int n = 0;

    if (join(bus, "", "t", &all, NULL) == ECOM_OK)
        while (ecom_member_poll(all, 0, 1000, count, &n, NULL) > 0)
            ;
    ecom_member_close(all);
    return n;
}

static void run_without_memory(ecom_bus *bus, void fail(uint64_t n), int *published)
{
    ecom_error e;

    for (uint64_t n = 1, failed = 1; failed; n++) {
        fail(n);
        int r = everything(bus, published, &e);
        failed = (uint64_t)check_alloc_failed();
        check_alloc_fail_at(0);
        /* One that fails while a member leaves is made good by those who stay. */
        CHECK(r == ECOM_OK || (failed && r == ECOM_E_NOMEM), "allocation %d: %s %s", (int)n,
              check_code(r), r < 0 ? e.text : "");
        CHECK(n < 20000, "it never succeeds");
    }
    CHECK_I64(*published, came(bus));
}

static void every_allocation_may_fail(void)
{
    ecom_bus *bus = NULL;
    ecom_error e;
    int published = 0, r = ECOM_E_NOMEM;

    make_dir();
    for (uint64_t n = 1; r < 0; n++) {
        check_alloc_fail_at(n);
        r = ecom_bus_open(url, NULL, &bus, &e);
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "open: %s", check_code(r));
        CHECK(n < 20000, "opening never succeeds");
    }
    run_without_memory(bus, check_alloc_fail_at, &published);
    if (!check_failed)
        run_without_memory(bus, check_alloc_fail_from, &published);
    ecom_bus_close(bus);
    remove_dir();
}

static void a_folder_that_is_made_is_written_down_where_it_is(void)
{
    static const char *const forms[] = {"%s/bus", "%s/bus/", "%s//bus"};
    struct stat above;
    ecom_bus *bus = NULL;
    ecom_error e;

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        char path[600] = "sqlite:";
        make_dir();
        snprintf(path + 7, sizeof(path) - 7, forms[i], dir);
        synced = (struct stat){0};
        CHECK_CODE(ECOM_OK, ecom_bus_open(path, NULL, &bus, &e), e);
        ecom_bus_close(bus);
        CHECK(stat(dir, &above) == 0 && synced.st_ino == above.st_ino, "%s: not synced", path);
        synced = (struct stat){0};
        CHECK_CODE(ECOM_OK, ecom_bus_open(path, NULL, &bus, &e), e);
        ecom_bus_close(bus);
        CHECK(synced.st_ino == 0, "%s: synced again", path);
        rmdir(in_dir("bus"));
        remove_dir();
    }
}

static const struct check_case cases[] = {
    CASE(a_directory_is_made_but_not_its_parents),
    CASE(files_deleted_under_a_bus_are_noticed),
    CASE(a_database_replaced_under_a_bus_is_noticed),
    CASE(a_file_that_is_no_database_is_corrupt),
    CASE(damaged_headers_are_corrupt_and_skip_nothing),
    CASE(a_file_of_a_newer_version_is_refused),
    CASE(a_full_file_says_so_until_old_messages_go),
    CASE(what_a_group_has_still_to_do_is_kept_however_old_it_is),
    CASE(nothing_goes_while_a_group_cannot_be_read),
    CASE(a_publish_rings_and_an_ack_does_not),
    CASE(who_keeps_the_lock_too_long_is_reported),
    CASE(a_directory_takes_1000_topics_and_1000_groups),
    CASE(a_group_takes_256_members),
    CASE(a_folder_that_is_made_is_written_down_where_it_is),
    CASE(every_allocation_may_fail),
};

CHECK_MAIN("bus-sqlite", cases)
