#include "store_suite.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

static void everything_is_there_after_a_reopen(struct store_test *t)
{
    struct waiting *w = calloc(1, sizeof(*w));
    ecom_error e;
    uint64_t one = store_put(t->store, "1", 0, "!mail=a tag=x", "e1 e2");
    uint64_t two = store_put(t->store, "2", 0, "!mail=b tag=x", "e3");

    CHECK(w, "no memory");
    store_put(t->store, "3", 0, "!mail=c", "e4");
    CHECK_CODE(ECOM_OK, ecom_store_remove(t->store, S("things"), S("3"), ECOM_REV_ANY, &e), e);
    store_pending(t->store, INT64_MAX, 0, w);
    store_published(t->store, w, 0, 1);
    free(w);
    store_shut(t, t->store);
    ecom_store *again = store_open(t);
    CHECK_PASSED();
    CHECK_I64(one, store_rev(again, "1"));
    CHECK_I64(two, store_rev(again, "2"));
    CHECK_I64(0, store_rev(again, "3"));
    CHECK_TEXT_IS("x:1 x:2", LIST(again, .index = S("tag")));
    CHECK_TEXT_IS("e2 e3 e4", store_pending(again, INT64_MAX, 0, NULL));
    CHECK_CODE(ECOM_E_EXISTS, ecom_store_put(again, store_change("4", 0, "!mail=a", ""), NULL, &e),
               e);
    uint64_t three = store_put(again, "3", 0, "!mail=c", "");
    CHECK(three > two, "revision %" PRIu64 " after %" PRIu64, three, two);
}

static void after_a_reopen_ones_old_events_are_anothers(struct store_test *t)
{
    int64_t start = ecom_env_now_ms(&t->clock.env);

    store_put(t->store, "1", 0, "", "e1");
    store_shut(t, t->store);
    ecom_store *again = store_open(t);
    CHECK_PASSED();
    CHECK_TEXT_IS("", store_pending(again, start, 0, NULL));
    CHECK_TEXT_IS("e1", store_pending(again, start + 1, 0, NULL));
}

/* A process of its own, which writes ever more, as far as we look afterwards, and says after each
 * change that it is done. */
enum { MOST = 490 };
struct child {
    pid_t pid;
    int said; /* the end of a pipe: one uint32_t a change */
};

static int put_number(ecom_store *store, uint32_t n, int with_events, ecom_error *e)
{
    char id[32], entries[64], events[64];

    snprintf(id, sizeof(id), "%06u", n);
    snprintf(entries, sizeof(entries), "!n=%06u all=%06u", n, n);
    snprintf(events, sizeof(events), "a%u b%u", n, n);
    return ecom_store_put(store, store_change(id, 0, entries, with_events ? events : ""), NULL, e);
}

static void write_until_killed(struct store_test *t, int from, int step, int say)
{
    ecom_store *store = NULL;

    if (t->fixture->open(t->fixture->user, &t->opts, &store, NULL) < 0)
        _exit(1);
    for (uint32_t n = (uint32_t)from; n < MOST; n += (uint32_t)step)
        if (put_number(store, n, 1, NULL) < 0 || write(say, &n, sizeof(n)) != (ssize_t)sizeof(n))
            _exit(2);
    for (;;)
        pause();
}

static struct child start_writer(struct store_test *t, int from, int step)
{
    int ends[2] = {-1, -1};
    struct child child = {-1, -1};

    fflush(stdout);
    if (pipe(ends) == 0)
        child.pid = fork();
    if (child.pid == 0) {
        close(ends[0]);
        write_until_killed(t, from, step, ends[1]);
    }
    close(ends[1]);
    child.said = ends[0];
    if (child.pid < 0)
        FAIL("no child");
    return child;
}

/* Waits for so many changes to be done, kills the child, and reads what it had still said.
 * @return how many it did say. */
static int kill_after(struct child *child, int changes)
{
    uint32_t n;
    int said = 0;

    while (said < changes && read(child->said, &n, sizeof(n)) == (ssize_t)sizeof(n))
        said++;
    if (child->pid > 0)
        kill(child->pid, SIGKILL);
    while (read(child->said, &n, sizeof(n)) == (ssize_t)sizeof(n))
        said++;
    close(child->said);
    if (child->pid > 0)
        waitpid(child->pid, NULL, 0);
    if (said < changes)
        FAIL("the child did only %d of %d changes", said, changes);
    return said;
}

struct found {
    int n, wrong, from, step;
};

static int number_row(void *user, const ecom_row *row)
{
    struct found *f = user;
    char id[16];

    snprintf(id, sizeof(id), "%06d", f->from + f->n++ * f->step);
    f->wrong += !ecom_str_eq(ecom_str_of(id), row->id);
    return 0;
}

static int number_event(void *user, const ecom_pending *p)
{
    struct found *f = user;
    char id[16];

    snprintf(id, sizeof(id), "%c%d", f->n % 2 ? 'b' : 'a', f->n / 2);
    f->n++;
    f->wrong += !ecom_str_eq(ecom_str_of(id), p->msg.id);
    return 0;
}

/* A server may still be at the last change of a child that is gone: once there is one of that
 * number, ours without events or the child's with them, nothing comes any more while we look. */
static void settle(ecom_store *store, int said)
{
    ecom_error e;
    int r = put_number(store, (uint32_t)said, 0, &e);

    if (r < 0 && r != ECOM_E_CONFLICT)
        FAIL("put %d: %s: %s", said, ecom__suite_code(r), e.text);
}

/* What a child said is there, and each as a whole: the one that came to settle it, too. */
static void check_survived(ecom_store *store, int said)
{
    ecom_query by_id = {.collection = S("things"), .limit = 1000};
    ecom_query by_all = {.collection = S("things"), .index = S("all"), .limit = 1000};
    ecom_query by_n = {.collection = S("things"), .index = S("n"), .limit = 1000};
    struct found docs = {.step = 1}, all = {.step = 1}, unique = {.step = 1}, events = {0};
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_store_find(store, &by_id, number_row, &docs, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_find(store, &by_all, number_row, &all, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_find(store, &by_n, number_row, &unique, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(store, INT64_MAX, 1000, number_event, &events, &e), e);
    CHECK_I64(said + 1, docs.n);
    CHECK_I64(docs.n, all.n);
    CHECK_I64(docs.n, unique.n);
    CHECK(events.n == 2 * said || events.n == 2 * docs.n, "%d events of %d changes", events.n,
          said);
    CHECK_I64(0, docs.wrong + all.wrong + unique.wrong + events.wrong);
}

static void what_was_done_outlives_a_kill(struct store_test *t)
{
    static const int changes[] = {1, 20, 60};

    store_shut(t, t->store);
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        ecom_error e;
        if (i && t->fixture->clear)
            t->fixture->clear(t->fixture->user);
        if (i && t->fixture->fresh && t->fixture->fresh(t->fixture->user, &e) < 0)
            FAIL("fresh: %s", e.text);
        CHECK_PASSED();
        struct child child = start_writer(t, 0, 1);
        int said = kill_after(&child, changes[i]);
        CHECK_PASSED();
        ecom_store *store = store_open(t);
        CHECK_PASSED();
        settle(store, said);
        CHECK_PASSED();
        check_survived(store, said);
        CHECK_PASSED();
        store_put(store, "after", 0, "!n=after", "");
        store_shut(t, store);
    }
}

static void a_process_that_is_killed_holds_nobody_up(struct store_test *t)
{
    store_shut(t, t->store);
    struct child first = start_writer(t, 0, 2), second = start_writer(t, 1, 2);
    kill_after(&first, 20);
    int said = kill_after(&second, 60);
    CHECK_PASSED();
    ecom_store *store = store_open(t);
    CHECK_PASSED();
    store_put(store, "x", 0, "", "");
    CHECK(said >= 60 && store_rev(store, "000001") && store_rev(store, "000119"), "changes lost");
}

static int add_ones(struct store_test *t, int times)
{
    ecom_store *store = NULL;
    int done = 0;

    if (t->fixture->open(t->fixture->user, &t->opts, &store, NULL) < 0)
        return 1;
    for (int tries = 0; done < times && tries < 100000; tries++) {
        ecom_buf doc = {0};
        uint64_t rev = 0;
        char text[32];
        int r = ecom_store_get(store, S("things"), S("counter"), &doc, &rev, NULL);
        int n = snprintf(text, sizeof(text), "{\"n\":%d}", doc.n ? atoi(doc.p + 5) + 1 : 1);
        ecom_change change = *store_change("counter", rev, "", "e");
        change.doc = (ecom_str){text, (size_t)n};
        ecom_buf_free(&doc);
        if (r < 0 && r != ECOM_E_NOTFOUND)
            break;
        r = ecom_store_put(store, &change, NULL, NULL);
        if (r < 0 && r != ECOM_E_CONFLICT)
            break;
        done += r == ECOM_OK;
    }
    ecom_store_close(store);
    return done == times ? 0 : 2;
}

/* Of one clock and one chance, as they were forked: that makes no two of them the same. */
static void no_update_is_lost_among_processes(struct store_test *t)
{
    enum { CHILDREN = 3, TIMES = 40 };
    pid_t pids[CHILDREN];
    ecom_buf doc = {0};
    ecom_error e;

    store_shut(t, t->store);
    fflush(stdout);
    for (int i = 0; i < CHILDREN; i++) {
        pids[i] = fork();
        if (pids[i] == 0)
            _exit(add_ones(t, TIMES));
    }
    for (int i = 0; i < CHILDREN; i++) {
        int status = -1;
        if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || status != 0)
            FAIL("child %d ended with status %d", i, status);
    }
    ecom_store *store = store_open(t);
    CHECK_PASSED();
    CHECK_CODE(ECOM_OK, ecom_store_get(store, S("things"), S("counter"), &doc, NULL, &e), e);
    int n = atoi(doc.p + 5);
    ecom_buf_free(&doc);
    CHECK_I64(CHILDREN * TIMES, n);
    store_pending(store, INT64_MAX, 1000, NULL);
}

static const struct store_case cases[] = {
    CASE(ECOM_TEST_DURABLE, everything_is_there_after_a_reopen),
    CASE(ECOM_TEST_DURABLE | ECOM_TEST_CLOCK, after_a_reopen_ones_old_events_are_anothers),
    CASE(ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES, what_was_done_outlives_a_kill),
    CASE(ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES, a_process_that_is_killed_holds_nobody_up),
    CASE(ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES, no_update_is_lost_among_processes),
};

const struct store_cases ecom__store_crash_cases = {cases, sizeof(cases) / sizeof(cases[0])};
