#include "store_suite.h"

#include <pthread.h>
#include <semaphore.h>
#include <stdlib.h>

enum { THREADS = 6, ROUNDS = 25 };

/* What a thread does, and what came of it. Threads check nothing themselves. */
struct racer {
    pthread_t thread;
    ecom_store *store;
    int number, won, lost, clashed, other;
};

static void count(struct racer *racer, int r)
{
    racer->won += r == ECOM_OK;
    racer->lost += r == ECOM_E_CONFLICT;
    racer->clashed += r == ECOM_E_EXISTS;
    racer->other += r != ECOM_OK && r != ECOM_E_CONFLICT && r != ECOM_E_EXISTS;
}

/* Runs THREADS of them, by turns on the given stores; the sums are in the result. */
static struct racer race(ecom_store *a, ecom_store *b, void *(*run)(void *))
{
    struct racer racers[THREADS], sum = {0};

    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.store = i % 2 ? b : a, .number = i};
        if (pthread_create(&racers[i].thread, NULL, run, &racers[i]) != 0)
            FAIL("no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        sum.won += racers[i].won;
        sum.lost += racers[i].lost;
        sum.clashed += racers[i].clashed;
        sum.other += racers[i].other;
    }
    return sum;
}

static void *create_same(void *user)
{
    struct racer *racer = user;
    char id[16];

    for (int i = 0; i < ROUNDS; i++) {
        snprintf(id, sizeof(id), "%d", i);
        count(racer, ecom_store_put(racer->store, store_change(id, 0, "", "e"), NULL, NULL));
    }
    return NULL;
}

static void check_created_once(struct store_test *t, ecom_store *a, ecom_store *b)
{
    struct racer sum = race(a, b, create_same);
    uint64_t events = 0;
    ecom_error e;

    CHECK_I64(ROUNDS, sum.won);
    CHECK_I64((THREADS - 1) * ROUNDS, sum.lost);
    CHECK_CODE(ECOM_OK, ecom_store_backlog(t->store, &events, NULL, &e), e);
    CHECK_I64(ROUNDS, events);
}

static void of_those_who_create_the_same_one_wins(struct store_test *t)
{
    check_created_once(t, t->store, t->store);
}

static void *add_one(void *user)
{
    struct racer *racer = user;

    for (int tries = 0; racer->won < ROUNDS && tries < 100000; tries++) {
        ecom_buf doc = {0};
        uint64_t rev = 0;
        char text[32];
        int n, r = ecom_store_get(racer->store, S("things"), S("counter"), &doc, &rev, NULL);
        if (r < 0 && r != ECOM_E_NOTFOUND) {
            racer->other++;
            break;
        }
        ecom_change change = *store_change("counter", rev, "", "e");
        n = snprintf(text, sizeof(text), "{\"n\":%d}", doc.n ? atoi(doc.p + 5) + 1 : 1);
        change.doc = (ecom_str){text, (size_t)n};
        count(racer, ecom_store_put(racer->store, &change, NULL, NULL));
        ecom_buf_free(&doc);
    }
    return NULL;
}

static void check_no_update_is_lost(struct store_test *t, ecom_store *a, ecom_store *b)
{
    struct racer sum = race(a, b, add_one);
    ecom_buf doc = {0};
    ecom_error e;

    CHECK_I64(THREADS * ROUNDS, sum.won);
    CHECK_I64(0, sum.other);
    CHECK_CODE(ECOM_OK, ecom_store_get(t->store, S("things"), S("counter"), &doc, NULL, &e), e);
    int n = atoi(doc.p + 5);
    ecom_buf_free(&doc);
    CHECK_I64(THREADS * ROUNDS, n);
}

static void no_update_is_lost_among_racing_writers(struct store_test *t)
{
    check_no_update_is_lost(t, t->store, t->store);
}

static void *take_names(void *user)
{
    struct racer *racer = user;
    char id[32], entries[64];

    for (int i = 0; i < ROUNDS; i++) {
        snprintf(id, sizeof(id), "%d-%d", racer->number, i);
        snprintf(entries, sizeof(entries), "!name=%d by=%d", i, racer->number);
        count(racer, ecom_store_put(racer->store, store_change(id, 0, entries, "e"), NULL, NULL));
    }
    return NULL;
}

/* A change that fails must not take those with it that are written at the same time. */
static void check_names_are_taken_once(struct store_test *t, ecom_store *a, ecom_store *b)
{
    ecom_query names = {.collection = S("things"), .index = S("name"), .limit = 1000};
    struct racer sum = race(a, b, take_names);
    const char *list = store_list(t->store, names);
    int found = list[0] != '\0';

    for (; *list; list++)
        found += *list == ' ';
    CHECK_I64(ROUNDS, sum.won);
    CHECK_I64((THREADS - 1) * ROUNDS, sum.clashed);
    CHECK_I64(ROUNDS, found);
}

static void a_unique_value_goes_to_one_of_the_racers(struct store_test *t)
{
    check_names_are_taken_once(t, t->store, t->store);
}

static void *write_own(void *user)
{
    struct racer *racer = user;
    char id[32], events[64];
    uint64_t rev = 0;

    snprintf(id, sizeof(id), "%d", racer->number);
    for (int i = 0; i < ROUNDS; i++) {
        snprintf(events, sizeof(events), "%d-%d-a %d-%d-b", racer->number, i, racer->number, i);
        count(racer,
              ecom_store_put(racer->store, store_change(id, rev, "tag=x", events), &rev, NULL));
    }
    return NULL;
}

struct orders {
    int next[THREADS], wrong, n;
};

static int in_order(void *user, const ecom_pending *p)
{
    struct orders *o = user;
    int doc = p->id.p[0] - '0', round = 0;
    char half = 0;
    char id[64];

    snprintf(id, sizeof(id), "%.*s", (int)p->msg.id.n, p->msg.id.p);
    if (sscanf(id, "%*d-%d-%c", &round, &half) != 2 || doc < 0 || doc >= THREADS ||
        o->next[doc]++ != round * 2 + (half == 'b'))
        o->wrong++;
    o->n++;
    return 0;
}

static void check_all_is_written_in_order(struct store_test *t, ecom_store *a, ecom_store *b)
{
    struct orders o = {{0}, 0, 0};
    struct racer sum = race(a, b, write_own);
    ecom_error e;

    CHECK_I64(THREADS * ROUNDS, sum.won);
    CHECK_CODE(ECOM_OK, ecom_store_pending(t->store, INT64_MAX, 1000, in_order, &o, &e), e);
    CHECK_I64(THREADS * ROUNDS * 2, o.n);
    CHECK_I64(0, o.wrong);
    CHECK_TEXT_IS("x:0 x:1 x:2 x:3 x:4 x:5", LIST(t->store, .index = S("tag")));
}

static void events_of_a_document_stay_in_order_among_many_writers(struct store_test *t)
{
    check_all_is_written_in_order(t, t->store, t->store);
}

static void *toggle(void *user)
{
    struct racer *racer = user;

    if (racer->number == 0)
        for (int i = 0; i < ROUNDS * 4; i++)
            count(racer,
                  ecom_store_put(racer->store,
                                 store_change("1", ECOM_REV_ANY, i % 2 ? "a=x b=x" : "a=y b=y", ""),
                                 NULL, NULL));
    return NULL;
}

struct reads {
    ecom_store *store;
    int stop, wrong;
};

static int one_row(void *user, const ecom_row *row)
{
    (void)row;
    ++*(int *)user;
    return 0;
}

/* The document is always there, under exactly one value: what is seen is before or after a change,
 * never in between. */
static void *read_always(void *user)
{
    struct reads *reads = user;
    ecom_query query = {.collection = S("things"), .index = S("a")};

    while (!__atomic_load_n(&reads->stop, __ATOMIC_SEQ_CST)) {
        int n = 0;
        reads->wrong += ecom_store_find(reads->store, &query, one_row, &n, NULL, NULL) < 0;
        reads->wrong += n != 1;
    }
    return NULL;
}

static void a_reader_sees_a_change_as_a_whole(struct store_test *t)
{
    struct reads reads = {t->store, 0, 0};
    pthread_t reader;

    store_put(t->store, "1", 0, "a=x b=x", "");
    CHECK_PASSED();
    CHECK(pthread_create(&reader, NULL, read_always, &reads) == 0, "no thread");
    race(t->store, t->store, toggle);
    __atomic_store_n(&reads.stop, 1, __ATOMIC_SEQ_CST);
    pthread_join(reader, NULL);
    CHECK_I64(0, reads.wrong);
}

static void two_handles_see_each_others_changes(struct store_test *t)
{
    ecom_store *other = store_open(t);
    ecom_error e;

    CHECK_PASSED();
    uint64_t rev = store_put(t->store, "1", 0, "!x=y", "");
    CHECK_I64(rev, store_rev(other, "1"));
    uint64_t next = store_put(other, "1", rev, "!x=y", "");
    CHECK(next > rev, "revision %" PRIu64 " after %" PRIu64, next, rev);
    CHECK_CODE(ECOM_E_CONFLICT, ecom_store_put(t->store, store_change("1", rev, "", ""), NULL, &e),
               e);
    CHECK_CODE(ECOM_E_EXISTS, ecom_store_put(other, store_change("2", 0, "!x=y", ""), NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_remove(other, S("things"), S("1"), ECOM_REV_ANY, &e), e);
    CHECK_I64(0, store_rev(t->store, "1"));
}

static void racers_on_two_handles_lose_nothing(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    check_created_once(t, t->store, other);
    check_no_update_is_lost(t, t->store, other);
}

static void racers_on_two_handles_take_a_name_once(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    check_names_are_taken_once(t, t->store, other);
}

static void events_stay_in_order_from_two_handles(struct store_test *t)
{
    ecom_store *other = store_open(t);

    CHECK_PASSED();
    check_all_is_written_in_order(t, t->store, other);
}

/* A store whose put waits until it is told to go on: so that a call is in flight when we say. */
struct slow {
    ecom_store *inner;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int inside, go, closed;
};

static int slow_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    struct slow *s = self;

    pthread_mutex_lock(&s->lock);
    s->inside++;
    pthread_cond_broadcast(&s->changed);
    while (!s->go)
        pthread_cond_wait(&s->changed, &s->lock);
    s->inside--;
    pthread_mutex_unlock(&s->lock);
    return ecom_store_put(s->inner, write->change, rev, err);
}

static void slow_close(void *self)
{
    struct slow *s = self;

    s->closed += s->inside == 0;
}

static int slow_open(struct slow *s, struct store_test *t, ecom_store **out, ecom_error *err)
{
    ecom_store_ops ops = {.size = sizeof(ops),
                          .caps = ECOM_CAP_CONCURRENT,
                          .name = "slow",
                          .put = slow_put,
                          .close = slow_close};

    *s = (struct slow){.inner = t->store};
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->changed, NULL);
    ecom_store_forward(&ops);
    return ecom_store_new(&ops, s, &t->opts, out, err);
}

static void slow_go(struct slow *s)
{
    pthread_mutex_lock(&s->lock);
    s->go = 1;
    pthread_cond_broadcast(&s->changed);
    pthread_mutex_unlock(&s->lock);
}

static void slow_await(struct slow *s, int inside)
{
    pthread_mutex_lock(&s->lock);
    while (s->inside < inside)
        pthread_cond_wait(&s->changed, &s->lock);
    pthread_mutex_unlock(&s->lock);
}

static void *put_one(void *user)
{
    struct racer *racer = user;

    count(racer, ecom_store_put(racer->store, store_change("1", 0, "", ""), NULL, NULL));
    return NULL;
}

static void *close_it(void *user)
{
    ecom_store_close(user);
    return NULL;
}

static void close_waits_for_calls_in_flight(struct store_test *t)
{
    struct racer racer = {0};
    struct slow slow;
    pthread_t closer;
    ecom_error e;

    CHECK_CODE(ECOM_OK, slow_open(&slow, t, &racer.store, &e), e);
    CHECK(pthread_create(&racer.thread, NULL, put_one, &racer) == 0, "no thread");
    slow_await(&slow, 1);
    CHECK(pthread_create(&closer, NULL, close_it, racer.store) == 0, "no thread");
    slow_go(&slow);
    pthread_join(racer.thread, NULL);
    pthread_join(closer, NULL);
    CHECK_I64(1, racer.won);
    CHECK_I64(1, slow.closed);
    CHECK(store_rev(t->store, "1"), "the call in flight did not get through");
}

static void a_close_in_between_loses_no_answer(struct store_test *t)
{
    ecom_store *other = store_open(t);
    struct racer racers[THREADS];
    int won = 0;

    CHECK_PASSED();
    for (int i = 0; i < THREADS; i++) {
        racers[i] = (struct racer){.store = i % 2 ? other : t->store, .number = i};
        pthread_create(&racers[i].thread, NULL, write_own, &racers[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(racers[i].thread, NULL);
        won += racers[i].won;
        if (i == THREADS - 2) /* the last of the first store's is done; the other may go on */
            store_shut(t, t->store);
    }
    CHECK_I64(THREADS * ROUNDS, won);
    CHECK_TEXT_IS("x:0 x:1 x:2 x:3 x:4 x:5", LIST(other, .index = S("tag")));
}

/* Puts that are not waited for. Each has its change; what came of them is summed up. */
enum { PUTS = 200 };
struct told {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    int calls, won, lost, clashed, other;
    uint64_t rev;
    char field[64];
};
struct put {
    struct told *told;
    char id[16];
    ecom_entry name;
    ecom_msg event;
    ecom_change change;
    int calls;
};

static void on_told(void *user, int r, uint64_t rev, ecom_error *err)
{
    struct put *put = user;
    struct told *told = put->told;

    pthread_mutex_lock(&told->lock);
    put->calls++;
    told->calls++;
    told->won += r == ECOM_OK;
    told->lost += r == ECOM_E_CONFLICT;
    told->clashed += r == ECOM_E_EXISTS;
    told->other += r != ECOM_OK && r != ECOM_E_CONFLICT && r != ECOM_E_EXISTS;
    if (r == ECOM_OK)
        told->rev = rev;
    else
        snprintf(told->field, sizeof(told->field), "%s", err->field);
    pthread_cond_broadcast(&told->changed);
    pthread_mutex_unlock(&told->lock);
}

static void await_calls(struct told *told, int calls)
{
    pthread_mutex_lock(&told->lock);
    while (told->calls < calls)
        pthread_cond_wait(&told->changed, &told->lock);
    pthread_mutex_unlock(&told->lock);
}

static void await_sem(sem_t *sem)
{
    while (sem_wait(sem) < 0) /* EINTR */
        ;
}

static void told_init(struct told *told)
{
    *told = (struct told){.calls = 0};
    pthread_mutex_init(&told->lock, NULL);
    pthread_cond_init(&told->changed, NULL);
}

typedef int (*put_later_fn)(ecom_store *store, const ecom_change *change, ecom_put_fn fn,
                            void *user, ecom_error *err);

/* A thing with that number for its id and unique name, and one event. */
static int begin_put(put_later_fn put_later, ecom_store *store, struct put *put, struct told *told,
                     int id, int name, ecom_error *e)
{
    static const char *const digits = "0123456789";

    *put = (struct put){.told = told};
    snprintf(put->id, sizeof(put->id), "%d", id);
    put->name = (ecom_entry){S("name"), {digits + name % 10, 1}, name < 10};
    put->event = (ecom_msg){.id = ecom_str_of(put->id), .topic = S("t")};
    put->change = (ecom_change){.collection = S("things"),
                                .id = ecom_str_of(put->id),
                                .doc = S("{}"),
                                .entries = &put->name,
                                .nentries = 1,
                                .events = &put->event,
                                .nevents = 1};
    return put_later(store, &put->change, on_told, put, e);
}

static void a_put_that_is_not_waited_for_tells_what_came_of_it(struct store_test *t)
{
    struct told told;
    struct put put;
    ecom_error e = {0};

    told_init(&told);
    CHECK_CODE(ECOM_OK, begin_put(ecom_store_put_later, t->store, &put, &told, 1, 1, &e), e);
    await_calls(&told, 1);
    CHECK_I64(1, told.won);
    CHECK_I64(store_rev(t->store, "1"), told.rev);
    CHECK_CODE(ECOM_OK, begin_put(ecom_store_put_later, t->store, &put, &told, 1, 2, &e), e);
    await_calls(&told, 2);
    CHECK_I64(1, told.lost);
    CHECK_CODE(ECOM_OK, begin_put(ecom_store_put_later, t->store, &put, &told, 2, 1, &e), e);
    await_calls(&told, 3);
    CHECK_I64(1, told.clashed);
    CHECK_TEXT_IS("name", told.field);
    put.change.id = S("");
    CHECK_CODE(ECOM_E_INVAL, ecom_store_put_later(t->store, &put.change, on_told, &put, &e), e);
    CHECK_I64(3, told.calls);
    CHECK_TEXT_IS("1", store_pending(t->store, INT64_MAX, 0, NULL));
}

struct putter {
    pthread_t thread;
    ecom_store *store;
    struct told *told;
    int from, refused;
    struct put *puts;
};

static void *put_many(void *user)
{
    struct putter *p = user;

    for (int i = p->from; i < PUTS; i += THREADS)
        p->refused +=
            begin_put(ecom_store_put_later, p->store, &p->puts[i], p->told, i, 10, NULL) < 0;
    return NULL;
}

/* From several threads at once, each beginning many. */
static int begin_many(ecom_store *store, struct put puts[PUTS], struct told *told)
{
    struct putter putters[THREADS];
    int refused = 0;

    for (int i = 0; i < THREADS; i++) {
        putters[i] = (struct putter){.store = store, .told = told, .from = i, .puts = puts};
        if (pthread_create(&putters[i].thread, NULL, put_many, &putters[i]) != 0)
            FAIL("no thread");
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(putters[i].thread, NULL);
        refused += putters[i].refused;
    }
    return refused;
}

static void puts_that_nobody_waits_for_are_each_done_and_told_once(struct store_test *t)
{
    static struct put puts[PUTS];
    struct told told;
    uint64_t events = 0;
    ecom_error e;

    told_init(&told);
    CHECK_I64(0, begin_many(t->store, puts, &told));
    /* Those that are waited for get on among them. */
    for (int i = 0; i < ROUNDS; i++)
        store_put(t->store, "waited", ECOM_REV_ANY, "", "e");
    await_calls(&told, PUTS);
    CHECK_I64(PUTS, told.won);
    for (int i = 0; i < PUTS; i++)
        CHECK_I64(1, puts[i].calls);
    CHECK_CODE(ECOM_OK, ecom_store_backlog(t->store, &events, NULL, &e), e);
    CHECK_I64(PUTS + ROUNDS, events);
}

static void close_waits_until_all_is_told(struct store_test *t)
{
    static struct put puts[PUTS];
    struct told told;

    told_init(&told);
    CHECK_I64(0, begin_many(t->store, puts, &told));
    store_shut(t, t->store);
    CHECK_I64(PUTS, told.calls);
    CHECK_I64(PUTS, told.won);
}

/* Holds up whoever tells it, until the test lets it go. */
struct holdup {
    struct told told;
    sem_t here, go_on;
};

static void hold_up(void *user, int r, uint64_t rev, ecom_error *err)
{
    struct holdup *h = user;

    (void)r, (void)rev, (void)err;
    sem_post(&h->here);
    await_sem(&h->go_on);
}

static void a_put_that_is_tried_waits_for_no_other(struct store_test *t)
{
    static struct put puts[PUTS];
    const ecom_change change = {.collection = S("things"), .id = S("first"), .doc = S("{}")};
    struct holdup h;
    ecom_error e = {0};

    told_init(&h.told);
    sem_init(&h.here, 0, 0);
    sem_init(&h.go_on, 0, 0);
    int r = ecom_store_try_put_later(t->store, &change, hold_up, &h, &e);
    if (r == ECOM_WOULD_WAIT)
        SKIP("this backend does not promise it");
    CHECK_CODE(ECOM_OK, r, e);
    await_sem(&h.here);
    for (int i = 0; i < PUTS; i++)
        CHECK_CODE(ECOM_OK,
                   begin_put(ecom_store_try_put_later, t->store, &puts[i], &h.told, i, 10, &e), e);
    sem_post(&h.go_on);
    await_calls(&h.told, PUTS);
    CHECK_I64(PUTS, h.told.won);
}

static const struct store_case cases[] = {
    CASE(0, a_put_that_is_not_waited_for_tells_what_came_of_it),
    CASE(0, puts_that_nobody_waits_for_are_each_done_and_told_once),
    CASE(0, close_waits_until_all_is_told),
    CASE(0, a_put_that_is_tried_waits_for_no_other),
    CASE(0, of_those_who_create_the_same_one_wins),
    CASE(0, no_update_is_lost_among_racing_writers),
    CASE(0, a_unique_value_goes_to_one_of_the_racers),
    CASE(0, events_of_a_document_stay_in_order_among_many_writers),
    CASE(0, a_reader_sees_a_change_as_a_whole),
    CASE(ECOM_TEST_SHARED, two_handles_see_each_others_changes),
    CASE(ECOM_TEST_SHARED, racers_on_two_handles_lose_nothing),
    CASE(ECOM_TEST_SHARED, racers_on_two_handles_take_a_name_once),
    CASE(ECOM_TEST_SHARED, events_stay_in_order_from_two_handles),
    CASE(0, close_waits_for_calls_in_flight),
    CASE(ECOM_TEST_SHARED, a_close_in_between_loses_no_answer),
};

const struct store_cases ecom__store_race_cases = {cases, sizeof(cases) / sizeof(cases[0])};
