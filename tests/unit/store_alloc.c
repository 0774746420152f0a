#include "check.h"

#include <semaphore.h>
#include <stdlib.h>
#include <unistd.h>

#include "ecom-config.h"
#include "ecom/store.h"

static char dir[64], url[96];

static int make_url(const char *scheme)
{
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%.40s/ecom-XXXXXX", tmp ? tmp : "/tmp"); /* syncs cost nothing */
    if (!mkdtemp(dir))
        return 0;
    snprintf(url, sizeof(url), strcmp(scheme, "sqlite") ? "%s:" : "%s:%s/x.db", scheme, dir);
    return 1;
}

static void remove_dir(void)
{
    static const char *const names[] = {"x.db", "x.db-wal", "x.db-shm", "x.db-lock"};
    char path[128];

    for (size_t i = 0; i < 4; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(dir);
}

/* All that a store holds, as one text. */
struct text {
    size_t n;
    char s[4096];
};

static void print(struct text *text, ecom_str a, ecom_str b, uint64_t n)
{
    text->n +=
        (size_t)snprintf(text->s + text->n, sizeof(text->s) - text->n, "%.*s=%.*s@%" PRIu64 " ",
                         (int)a.n, a.n ? a.p : "", (int)b.n, b.n ? b.p : "", n);
    CHECK(text->n < sizeof(text->s) - 200, "too much text");
}

static int print_row(void *user, const ecom_row *row)
{
    print(user, row->id, row->value, row->rev);
    return 0;
}

static int print_event(void *user, const ecom_pending *p)
{
    print(user, p->id, p->msg.id, p->msg.nheaders);
    return 0;
}

static void read_all(ecom_store *store, struct text *text)
{
    static const char *const indexes[] = {"", "tag", "mail"};
    ecom_error e;

    text->n = 0;
    for (size_t i = 0; i < 3; i++) {
        ecom_query query = {.collection = S("things"), .index = ecom_str_of(indexes[i])};
        CHECK_CODE(ECOM_OK, ecom_store_find(store, &query, print_row, text, NULL, &e), e);
    }
    CHECK_CODE(ECOM_OK, ecom_store_pending(store, INT64_MAX, 0, print_event, text, &e), e);
}

struct told {
    sem_t done;
    int code;
    ecom_error *err;
};

static void on_told(void *user, int r, uint64_t rev, ecom_error *err)
{
    struct told *told = user;

    (void)rev;
    told->code = r;
    *told->err = *err;
    sem_post(&told->done);
}

static int put_later(ecom_store *store, const ecom_change *change, ecom_error *e)
{
    struct told told = {.code = 1, .err = e};

    sem_init(&told.done, 0, 0);
    int r = ecom_store_put_later(store, change, on_told, &told, e);
    while (r == ECOM_OK && sem_wait(&told.done) < 0) /* EINTR */
        ;
    sem_destroy(&told.done);
    return r < 0 ? r : told.code;
}

static int put(ecom_store *store, const char *id, const char *value, int later, ecom_error *e)
{
    const ecom_entry entries[] = {{S("tag"), ecom_str_of(value), 0},
                                  {S("mail"), ecom_str_of(id), 1}};
    const ecom_header header = {S("name"), S("value")};
    const ecom_msg events[] = {
        {.id = ecom_str_of(value), .topic = S("t"), .headers = &header, .nheaders = 1},
        {.id = S("second"), .topic = S("t")}};
    const ecom_change change = {
        S("things"), ecom_str_of(id), S("{\"a\":1}"), ECOM_REV_ANY, entries, 2, events, 2};

    return later ? put_later(store, &change, e) : ecom_store_put(store, &change, NULL, e);
}

static int try_add(ecom_store *store, int n, ecom_error *e)
{
    char id[16];

    snprintf(id, sizeof(id), "new-%d", n);
    return put(store, id, "x", 0, e);
}

static int try_update(ecom_store *store, int n, ecom_error *e)
{
    char value[16];

    snprintf(value, sizeof(value), "v%d", n);
    return put(store, "1", value, 0, e);
}

static int try_later(ecom_store *store, int n, ecom_error *e)
{
    char value[16];

    snprintf(value, sizeof(value), "v%d", n);
    return put(store, "1", value, 1, e);
}

static int try_remove(ecom_store *store, int n, ecom_error *e)
{
    (void)n;
    return ecom_store_remove(store, S("things"), S("victim"), ECOM_REV_ANY, e);
}

static ecom_str token;
static char token_bytes[64];

static int take_token(void *user, const ecom_pending *p)
{
    (void)user;
    memcpy(token_bytes, p->token.p, p->token.n);
    token = (ecom_str){token_bytes, p->token.n};
    return 1;
}

static int try_published(ecom_store *store, int n, ecom_error *e)
{
    (void)n;
    return ecom_store_published(store, &token, 1, e);
}

static int try_read(ecom_store *store, int n, ecom_error *e)
{
    ecom_query by_id = {.collection = S("things")}, by_tag = {S("things"), S("tag")};
    struct text text = {0};
    ecom_buf doc = {0};
    uint64_t count;
    int64_t oldest;
    int r;

    (void)n;
    if ((r = ecom_store_get(store, S("things"), S("1"), &doc, NULL, e)) == ECOM_OK &&
        (r = ecom_store_find(store, &by_id, print_row, &text, NULL, e)) == ECOM_OK &&
        (r = ecom_store_find(store, &by_tag, print_row, &text, NULL, e)) == ECOM_OK &&
        (r = ecom_store_pending(store, INT64_MAX, 0, print_event, &text, e)) == ECOM_OK &&
        (r = ecom_store_backlog(store, &count, &oldest, e)) == ECOM_OK)
        r = ecom_store_ping(store, e);
    ecom_buf_free(&doc);
    return r;
}

static const struct {
    const char *name;
    int (*run)(ecom_store *store, int n, ecom_error *e);
    int changes;
} tries[] = {
    {"add", try_add, 1},       {"update", try_update, 1},
    {"remove", try_remove, 1}, {"published", try_published, 1},
    {"read", try_read, 0},     {"later", try_later, 1},
};

/* One try with its n-th allocation failing, alone or with all that follow, on a fresh handle so
 * that nothing is at hand already; tried again, it succeeds. @return whether there was an n-th one.
 */
static int one_try(size_t i, int n, void fail(uint64_t n))
{
    static struct text before, after;
    ecom_store *store = NULL;
    ecom_error e;
    int failed;

#define MUST(call_)                                                                           \
    do {                                                                                      \
        int r_ = (call_);                                                                     \
        if (r_ < 0) {                                                                         \
            printf("# %s %d: %s: %s %s\n", tries[i].name, n, #call_, check_code(r_), e.text); \
            check_failed = 1;                                                                 \
            return 0;                                                                         \
        }                                                                                     \
    } while (0)
    MUST(ecom_store_open(url, NULL, &store, &e));
    MUST(put(store, "1", "one", 0, &e));
    MUST(put(store, "victim", "two", 0, &e));
    MUST(ecom_store_pending(store, INT64_MAX, 1, take_token, NULL, &e));
    if (tries[i].changes)
        read_all(store, &before);
    fail((uint64_t)n);
    int r = tries[i].run(store, n, &e);
    failed = check_alloc_failed();
    check_alloc_fail_at(0);
    if (r != ECOM_OK && (r != ECOM_E_NOMEM || !failed)) {
        printf("# %s with allocation %d failing: %s: %s\n", tries[i].name, n, check_code(r),
               e.text);
        check_failed = 1;
    }
    if (tries[i].changes) {
        read_all(store, &after);
        int same = strcmp(before.s, after.s) == 0;
        if (same != (r != ECOM_OK)) {
            printf("# %s with allocation %d failing: %s, but\n# before %s\n# after  %s\n",
                   tries[i].name, n, check_code(r), before.s, after.s);
            check_failed = 1;
        }
    }
    if (r != ECOM_OK)
        MUST(tries[i].run(store, n, &e));
    ecom_store_close(store);
    return failed;
}

static void fail_each(const char *scheme, void fail(uint64_t n))
{
    int most = 0;

    for (size_t i = 0; i < sizeof(tries) / sizeof(tries[0]); i++)
        for (int n = 1, again = 1; again && !check_failed; n++) {
            CHECK(make_url(scheme), "no directory");
            again = one_try(i, n, fail);
            remove_dir();
            most = n > most ? n : most;
        }
    CHECK(most > 3, "only %d allocations were made to fail", most);
}

static void open_each(const char *scheme, void fail(uint64_t n))
{
    for (int n = 1, again = 1; again; n++) {
        ecom_store *store = NULL;
        ecom_error e;
        CHECK(make_url(scheme), "no directory");
        fail((uint64_t)n);
        int r = ecom_store_open(url, NULL, &store, &e);
        again = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(r == ECOM_OK || (r == ECOM_E_NOMEM && !store), "allocation %d: %s: %s", n,
              check_code(r), e.text);
        if (r == ECOM_OK) /* it did without: then it works */
            CHECK_CODE(ECOM_OK, put(store, "2", "two", 0, &e), e);
        ecom_store_close(store);
        store = NULL;
        CHECK_CODE(ECOM_OK, ecom_store_open(url, NULL, &store, &e), e);
        CHECK_CODE(ECOM_OK, put(store, "1", "one", 0, &e), e);
        ecom_store_close(store);
        remove_dir();
    }
}

static void run_out(const char *scheme)
{
    static void (*const fails[])(uint64_t n) = {check_alloc_fail_at, check_alloc_fail_from};

    for (size_t i = 0; i < 2; i++) {
        if (!check_failed)
            open_each(scheme, fails[i]);
        if (!check_failed)
            fail_each(scheme, fails[i]);
    }
}

static void memory_runs_out_in_the_memory_store(void)
{
    run_out("memory");
}

static void memory_runs_out_in_the_sqlite_store(void)
{
    if (!ECOM_HAVE_SQLITE)
        SKIP("built without SQLite");
    run_out("sqlite");
}

static const struct check_case cases[] = {
    CASE(memory_runs_out_in_the_memory_store),
    CASE(memory_runs_out_in_the_sqlite_store),
};

CHECK_MAIN("store-alloc", cases)
