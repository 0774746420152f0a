/* Writes and reads that go to the server together, and events that are forgotten together: each has
 * its own outcome all the same, whatever the others do, and whatever the network does. */
#include "check.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdlib.h>

#include "ecom/store.h"
#include "place.h"
#include "proxy.h"

/* So many commands are under way before others wait, and so many writes go as one. What waits does
 * so for a fortieth of a call's time, so the time is long. */
enum {
    UNDER_WAY = 2,
    READS_UNDER_WAY = 4,
    TOGETHER = 64,
    LONG_MS = 1200000,
    PATIENT_MS = 120000,
    MOST = 220,
    PUTTERS = 5
};

struct write {
    char id[16], event[16];
    ecom_msg msg;
    ecom_entry entry;
    ecom_change change;
    int result, told;
    uint64_t rev;
    ecom_error e;
};

struct reading {
    char id[16];
    ecom_buf doc;
    uint64_t rev;
    int result;
    ecom_error e;
};

static struct place place;
static struct proxy *proxy;
static ecom_store *ours, *direct; /* through the proxy; and not */
static struct write writes[MOST], held[UNDER_WAY];
static int64_t ahead_us; /* the clock of `ours` */
static int clock_asked;  /* so often: a call does before it waits */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* guards what follows */
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int next, last, returned, told;

static int64_t monotonic_us(void *self)
{
    const ecom_env *env = ecom_env_system();

    (void)self;
    __atomic_add_fetch(&clock_asked, 1, __ATOMIC_SEQ_CST);
    return env->monotonic_us(env->self) + __atomic_load_n(&ahead_us, __ATOMIC_SEQ_CST);
}

static ecom_store *open_at(const char *url, const ecom_env *env, int timeout_ms)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store *store = NULL;
    ecom_error e;

    opts.timeout_ms = timeout_ms;
    opts.env = env;
    if (ecom_store_open(url, &opts, &store, &e) < 0)
        printf("# open: %s\n", e.text);
    return store;
}

/* A write of the n-th document, with one event. */
static struct write *prepare(struct write *w, const char *prefix, int n, uint64_t expect)
{
    memset(w, 0, sizeof(*w));
    snprintf(w->id, sizeof(w->id), "%s%d", prefix, n);
    snprintf(w->event, sizeof(w->event), "%s%d-%d", prefix, n, expect != 0);
    w->msg = (ecom_msg){.id = ecom_str_of(w->event), .topic = S("things"), .body = S("{}")};
    w->entry = (ecom_entry){.index = S("mail"), .value = ecom_str_of(w->id), .unique = 1};
    w->change = (ecom_change){.collection = S("things"),
                              .id = ecom_str_of(w->id),
                              .doc = S("{\"a\":1}"),
                              .expect = expect,
                              .entries = &w->entry,
                              .nentries = 1,
                              .events = &w->msg,
                              .nevents = 1};
    return w;
}

static int put(struct write *w)
{
    return w->result = ecom_store_put(ours, &w->change, &w->rev, &w->e);
}

static void begin_at(const char *options, int timeout_ms)
{
    static ecom_env env;
    struct write first;
    char url[1024];

    env = *ecom_env_system();
    env.monotonic_us = monotonic_us;
    ahead_us = 0;
    place_fresh(&place);
    proxy = proxy_start(place_port(&place));
    place_url_at(&place, proxy_port(proxy), options, url);
    ours = open_at(url, &env, timeout_ms);
    direct = open_at(place.url, NULL, LONG_MS);
    if (put(prepare(&first, "first", 0, 0)) < 0) /* makes the indexes */
        printf("# %s\n", first.e.text);
    for (int i = 0; i < MOST; i++)
        prepare(&writes[i], "w", i, 0);
}

static void begin_within(int timeout_ms)
{
    begin_at("", timeout_ms);
}

static void begin(void)
{
    begin_within(LONG_MS);
}

static void end(void)
{
    ecom_store_close(ours);
    ecom_store_close(direct);
    proxy_stop(proxy);
    place_clear(&place);
}

static void on_put(void *user, int result, uint64_t rev, ecom_error *err)
{
    struct write *w = user;

    w->result = result;
    w->rev = rev;
    w->e = *err;
    pthread_mutex_lock(&lock);
    w->told++;
    told++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Puts what is next, as long as something is. */
static void *put_them(void *arg)
{
    (void)arg;
    pthread_mutex_lock(&lock);
    while (next < last) {
        struct write *w = &writes[next++];
        pthread_mutex_unlock(&lock);
        int r = ecom_store_put_later(ours, &w->change, on_put, w, &w->e);
        if (r < 0)
            on_put(w, r, 0, &w->e);
        pthread_mutex_lock(&lock);
        returned++;
        pthread_cond_broadcast(&changed);
    }
    pthread_mutex_unlock(&lock);
    return NULL;
}

static void await_count(const int *count, int want)
{
    pthread_mutex_lock(&lock);
    while (*count < want)
        pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

static void *put_one(void *arg)
{
    put(arg);
    return NULL;
}

static int ping(ecom_store *store)
{
    return ecom_store_ping(store, NULL);
}

static void await_met(const char *command, int want)
{
    while (proxy_met(proxy, command) < want)
        ping(direct);
}

static pthread_t holding[UNDER_WAY], putters[PUTTERS];
static int nputters;

/* Commands that the proxy holds, as many as may be under way: what comes now waits. @param times as
 * many inserts are held, these among them. */
static void hold(int times)
{
    proxy_fault(proxy, "insert", PROXY_HELD, times);
    for (int i = 0; i < UNDER_WAY; i++)
        pthread_create(&holding[i], NULL, put_one, prepare(&held[i], "held", i, 0));
    await_met("insert", UNDER_WAY);
    next = returned = told = nputters = 0;
}

/* Has so many threads more put what is next of the first @p n. */
static void put_by(int threads, int n)
{
    pthread_mutex_lock(&lock);
    last = n;
    pthread_mutex_unlock(&lock);
    for (int i = 0; i < threads; i++)
        pthread_create(&putters[nputters++], NULL, put_them, NULL);
}

static void join_all(void)
{
    while (nputters)
        pthread_join(putters[--nputters], NULL);
    for (int i = 0; i < UNDER_WAY; i++)
        pthread_join(holding[i], NULL);
}

/* Has @p n of `writes` wait behind commands that the proxy holds, and lets all go: those of the
 * @p command then meet a fault. Of what will go as one command one thread stays; so all wait once
 * the others have returned. The first two go together. @param late_us  how far the clock goes on
 * behind them. */
static void gather_as(int commands, int n, const char *command, enum proxy_fault fault, int times,
                      int64_t late_us)
{
    hold(UNDER_WAY);
    put_by(2, 2);
    await_count(&returned, 1);
    __atomic_add_fetch(&ahead_us, late_us, __ATOMIC_SEQ_CST);
    put_by(commands, n);
    await_count(&returned, n - commands);
    proxy_fault(proxy, command, fault, times);
    proxy_release(proxy);
    await_count(&told, n);
    join_all();
}

static void gather(int n, const char *command, enum proxy_fault fault, int times, int64_t late_us)
{
    gather_as(1, n, command, fault, times, late_us);
}

static int count_event(void *user, const ecom_pending *p)
{
    (void)user;
    for (int i = 0; i < MOST; i++)
        if (ecom_str_eq(p->msg.id, ecom_str_of(writes[i].event)))
            writes[i].told += 100;
    return 0;
}

/* Says whether these writes had this answer, each once, and left what they should. */
static int are(int from, int to, int want)
{
    int wrong = 0;

    if (ecom_store_pending(direct, INT64_MAX, 1000, count_event, NULL, NULL) < 0)
        return 0;
    for (int i = from; i < to; i++) {
        const struct write *w = &writes[i];
        ecom_buf doc = {0};
        uint64_t rev = 0;
        int r = ecom_store_get(direct, S("things"), ecom_str_of(w->id), &doc, &rev, NULL);
        int right = w->result == want && w->told == (want == ECOM_OK ? 101 : 1);
        right &= want != ECOM_OK || (r == ECOM_OK && rev == w->rev);
        ecom_buf_free(&doc);
        if (!right)
            printf("# %s: %s, told %d, revision %" PRIu64 ", there %" PRIu64 ": %s\n", w->id,
                   check_code(w->result), w->told, w->rev, rev, w->result < 0 ? w->e.text : "");
        wrong += !right;
    }
    for (int i = 0; i < MOST; i++)
        writes[i].told %= 100;
    return !wrong;
}

static void what_waits_goes_as_one_command(void)
{
    begin();
    gather(10, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(1, proxy_met(proxy, "insert"));
    CHECK(are(0, 10, ECOM_OK), "insert");
    for (int i = 0; i < 10; i++)
        prepare(&writes[i], "w", i, writes[i].rev);
    gather(10, "update", PROXY_NONE, 1000, 0);
    CHECK_I64(1, proxy_met(proxy, "update"));
    CHECK(are(0, 10, ECOM_OK), "update");
    end();
}

static void a_command_carries_no_more_than_so_many_writes(void)
{
    begin();
    gather(TOGETHER, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(1, proxy_met(proxy, "insert"));
    CHECK(are(0, TOGETHER, ECOM_OK), "as many as go together");
    for (int i = 0; i <= TOGETHER; i++)
        prepare(&writes[i], "x", i, 0);
    gather_as(2, TOGETHER + 1, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(2, proxy_met(proxy, "insert"));
    CHECK(are(0, TOGETHER + 1, ECOM_OK), "one more");
    end();
}

/* Three of 500 KB are more than a MiB. */
static void a_command_carries_no_more_than_so_many_bytes(void)
{
    enum { LONG = 500000 };
    char *doc = malloc(LONG);

    CHECK(doc, "no memory");
    memset(doc, 'x', LONG);
    memcpy(doc, "{\"a\":\"", 6);
    memcpy(doc + LONG - 2, "\"}", 2);
    begin();
    for (int i = 0; i < 3; i++)
        writes[i].change.doc = (ecom_str){doc, LONG};
    gather(2, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(1, proxy_met(proxy, "insert"));
    CHECK(are(0, 2, ECOM_OK), "two");
    for (int i = 0; i < 3; i++)
        prepare(&writes[i], "x", i, 0)->change.doc = (ecom_str){doc, LONG};
    gather_as(2, 3, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(2, proxy_met(proxy, "insert"));
    CHECK(are(0, 3, ECOM_OK), "three");
    free(doc);
    end();
}

static void kinds_and_collections_do_not_mix(void)
{
    begin();
    gather(2, "insert", PROXY_NONE, 1000, 0);
    prepare(&writes[2], "w", 0, writes[0].rev);
    for (int i = 0; i < 5; i++)
        if (i != 2)
            prepare(&writes[i], "x", i, 0);
    writes[3].change.collection = S("others"); /* its indexes are made before it waits */
    CHECK(put(&writes[3]) == ECOM_OK, "%s", writes[3].e.text);
    prepare(&writes[3], "y", 3, 0);
    writes[3].change.collection = S("others");
    gather_as(3, 5, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(2, proxy_met(proxy, "insert"));
    CHECK(are(0, 3, ECOM_OK) && are(4, 5, ECOM_OK), "mixed");
    CHECK_I64(ECOM_OK, writes[3].result);
    end();
}

static void a_clash_is_that_writes_own(void)
{
    begin();
    writes[1].entry.value = S("first0");       /* a unique value that is taken */
    writes[3].change.id = S("first0");         /* a document that is there */
    writes[5].change.id = writes[4].change.id; /* twice the same in one go */
    gather_as(2, 8, "insert", PROXY_NONE, 1000, 0);
    CHECK_I64(2, proxy_met(proxy, "insert"));
    CHECK(are(0, 1, ECOM_OK) && are(2, 3, ECOM_OK) && are(6, 8, ECOM_OK), "the others");
    CHECK(are(1, 2, ECOM_E_EXISTS), "clash");
    CHECK_STR("mail", ecom_str_of(writes[1].e.field));
    CHECK(are(3, 4, ECOM_E_CONFLICT), "conflict");
    int one = writes[4].result == ECOM_OK;
    CHECK(are(5 - one, 5, ECOM_OK) || one, "one of two");
    CHECK_I64(ECOM_E_CONFLICT, one ? writes[5].result : writes[4].result);
    CHECK_I64(ECOM_OK, one ? writes[4].result : writes[5].result);
    end();
}

static void conflict_under(enum proxy_fault fault)
{
    uint64_t newer;
    ecom_error e = {0};

    begin();
    gather(8, "insert", PROXY_NONE, 1000, 0);
    for (int i = 0; i < 8; i++)
        prepare(&writes[i], "w", i, writes[i].rev);
    for (int i = 2; i < 4; i++) { /* others were faster */
        ecom_change change = writes[i].change;
        change.nevents = 0;
        CHECK_CODE(ECOM_OK, ecom_store_put(direct, &change, &newer, &e), e);
    }
    CHECK_CODE(ECOM_OK,
               ecom_store_remove(direct, S("things"), S("w5"), writes[5].change.expect, &e), e);
    writes[6].entry.value = S("first0");
    gather(8, "update", fault, 1, 0);
    CHECK_I64(1, proxy_met(proxy, "update"));
    CHECK(are(0, 2, ECOM_OK) && are(4, 5, ECOM_OK) && are(7, 8, ECOM_OK), "the others");
    CHECK(are(2, 4, ECOM_E_CONFLICT) && are(5, 6, ECOM_E_CONFLICT), "conflicts");
    CHECK(are(6, 7, ECOM_E_EXISTS), "clash");
    end();
}

static void a_conflict_is_that_writes_own(void)
{
    conflict_under(PROXY_NONE);
}

/* What is there is known for the first try's; or for older than it, so that it was no try of ours.
 */
static void so_it_is_where_the_driver_tried_twice(void)
{
    conflict_under(PROXY_FORGOTTEN);
}

static void a_cut_changes_nothing_about_any_of_them(void)
{
    static const enum proxy_fault cuts[] = {PROXY_CUT_BEFORE, PROXY_CUT_MIDDLE, PROXY_CUT_AFTER,
                                            PROXY_RESET_AFTER, PROXY_FORGOTTEN};

    begin();
    for (size_t cut = 0; cut < sizeof(cuts) / sizeof(cuts[0]); cut++) {
        int times = cut % 2 ? 4 : 1; /* four are more than the driver tries by itself */
        char prefix[] = {(char)('a' + cut), '\0'};
        for (int i = 0; i < 6; i++)
            prepare(&writes[i], prefix, i, 0);
        gather(6, "insert", cuts[cut], times, 0);
        CHECK(are(0, 6, ECOM_OK), "insert, cut %zu", cut);
        for (int i = 0; i < 6; i++)
            prepare(&writes[i], prefix, i, writes[i].rev);
        gather(6, "update", cuts[cut], times, 0);
        CHECK(are(0, 6, ECOM_OK), "update, cut %zu", cut);
    }
    end();
}

static void who_has_no_time_left_is_not_sent_along(void)
{
    begin();
    gather(6, "insert", PROXY_NONE, 1000, INT64_C(1000) * LONG_MS);
    CHECK_I64(1, proxy_met(proxy, "insert"));
    CHECK(are(0, 2, ECOM_E_UNAVAILABLE), "the first two");
    CHECK(are(2, 6, ECOM_OK), "the others");
    end();
}

static int none_held_is_there(void)
{
    int n = 0;

    for (int i = 0; i < UNDER_WAY; i++) {
        ecom_buf doc = {0};
        n += ecom_store_get(direct, S("things"), ecom_str_of(held[i].id), &doc, NULL, NULL) !=
             ECOM_E_NOTFOUND;
        ecom_buf_free(&doc);
    }
    return n == 0;
}

/* A fortieth of a call's time: then it goes by itself. Those that hang do so for a quarter. */
static void behind_commands_that_hang_nobody_waits_for_long(void)
{
    begin_within(PATIENT_MS);
    hold(UNDER_WAY);
    put(&writes[0]);
    writes[0].told = 1;
    CHECK(none_held_is_there(), "those that hang are over");
    proxy_release(proxy);
    join_all();
    CHECK(are(0, 1, ECOM_OK), "behind two that hang");
    CHECK(held[0].result == ECOM_OK && held[1].result == ECOM_OK, "%s", held[0].e.text);
    end();
}

/* One for which there is no room beside those it would go with. */
static void nor_does_one_more_than_go_together(void)
{
    begin_within(PATIENT_MS);
    hold(UNDER_WAY);
    put_by(3, TOGETHER + 1);
    await_count(&told, TOGETHER + 1);
    CHECK(none_held_is_there(), "those that hang are over");
    proxy_release(proxy);
    join_all();
    CHECK(are(0, TOGETHER + 1, ECOM_OK), "behind two that hang");
    end();
}

/* One that is not waited for, but can go with nobody, though the others that wait hang, too. */
static void nor_does_one_of_another_kind(void)
{
    begin_within(PATIENT_MS);
    CHECK(put(&writes[0]) == ECOM_OK, "%s", writes[0].e.text);
    prepare(&writes[2], "w", 0, writes[0].rev);
    prepare(&writes[0], "x", 0, 0);
    hold(1000);
    put_by(2, 2);
    await_count(&returned, 1);
    put_by(1, 3);
    await_count(&told, 1);
    CHECK(none_held_is_there() && proxy_met(proxy, "insert") <= UNDER_WAY + 1,
          "those that hang are over");
    proxy_release(proxy);
    join_all();
    CHECK(are(0, 3, ECOM_OK), "behind three that hang");
    end();
}

/* Of many that are the first in a collection. */
static void indexes_are_asked_for_once(void)
{
    enum { FIRST = 8 };
    pthread_t threads[FIRST];

    begin();
    proxy_fault(proxy, "createIndexes", PROXY_HELD, 1000);
    for (int i = 0; i < FIRST; i++) {
        writes[i].change.collection = S("others");
        pthread_create(&threads[i], NULL, put_one, &writes[i]);
    }
    await_met("createIndexes", 1);
    for (int i = 0; i < FIRST; i++) /* time for them all to come */
        ping(direct);
    proxy_release(proxy);
    for (int i = 0; i < FIRST; i++)
        pthread_join(threads[i], NULL);
    CHECK_I64(1, proxy_met(proxy, "createIndexes"));
    for (int i = 0; i < FIRST; i++)
        CHECK(writes[i].result == ECOM_OK, "%s", writes[i].e.text);
    end();
}

struct tokens {
    char bytes[MOST][300];
    ecom_str at[MOST];
    size_t n;
};

static int keep_token(void *user, const ecom_pending *p)
{
    struct tokens *t = user;

    memcpy(t->bytes[t->n], p->token.p, p->token.n);
    t->at[t->n] = (ecom_str){t->bytes[t->n], p->token.n};
    return ++t->n == MOST;
}

static int count(void *user, const ecom_pending *p)
{
    (void)p;
    ++*(int *)user;
    return 0;
}

static void many_events_are_forgotten_by_one_command(void)
{
    static struct tokens t;
    ecom_error e = {0};
    int left = 0;

    begin();
    for (int i = 0; i < 3 * TOGETHER; i += TOGETHER) {
        for (int k = 0; k < TOGETHER; k++)
            prepare(&writes[k], "w", i + k, 0);
        gather(TOGETHER, "insert", PROXY_NONE, 1000, 0);
        CHECK(are(0, TOGETHER, ECOM_OK), "insert");
    }
    t.n = 0;
    CHECK_CODE(ECOM_OK, ecom_store_pending(ours, 0, 1000, keep_token, &t, &e), e);
    CHECK(t.n > 3 * TOGETHER, "%zu events", t.n);
    proxy_fault(proxy, "update", PROXY_NONE, 1000);
    CHECK_CODE(ECOM_OK, ecom_store_published(ours, t.at, t.n, &e), e);
    CHECK_I64(1, proxy_met(proxy, "update"));
    CHECK_CODE(ECOM_OK, ecom_store_pending(direct, INT64_MAX, 1000, count, &left, &e), e);
    CHECK_I64(0, left);
    end();
}

/* Two handles may give an event the same number; which handle's it is is part of what goes. */
static void an_event_of_another_with_the_same_number_goes_on_waiting(void)
{
    static struct tokens t;
    ecom_error e = {0};
    int left = 0;

    begin();
    CHECK(put(&writes[0]) == ECOM_OK && put(&writes[1]) == ECOM_OK, "put");
    t.n = 0;
    CHECK_CODE(ECOM_OK, ecom_store_pending(ours, 0, 1000, keep_token, &t, &e), e);
    mongoc_client_t *client = mongoc_client_new(place.url);
    mongoc_uri_t *uri = mongoc_uri_new(place.url);
    mongoc_collection_t *things =
        mongoc_client_get_collection(client, mongoc_uri_get_database(uri), "things");
    bson_t *one = BCON_NEW("_id", BCON_UTF8("w0"));
    bson_t *update = BCON_NEW("$set", "{", "outbox.0.n",
                              BCON_INT64((int64_t)(writes[1].rev * ECOM_STORE_MAX_EVENTS)),
                              "outbox.0.by", BCON_UTF8("another"), "}");
    bool ok = mongoc_collection_update_one(things, one, update, NULL, NULL, NULL);
    bson_destroy(one);
    bson_destroy(update);
    mongoc_collection_destroy(things);
    mongoc_uri_destroy(uri);
    mongoc_client_destroy(client);
    CHECK(ok, "no update");
    CHECK_CODE(ECOM_OK, ecom_store_published(ours, t.at, t.n, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(direct, INT64_MAX, 1000, count, &left, &e), e);
    CHECK_I64(1, left);
    end();
}

/* The first write prepares its collection, others read what there is: with the client that the
 * command needs. */
static void one_connection_is_enough(void)
{
    struct write w;
    ecom_error e;

    begin_at("&maxPoolSize=1", LONG_MS);
    CHECK_CODE(ECOM_OK, put(prepare(&w, "other", 1, 0)), w.e);
    CHECK_CODE(ECOM_OK, put(prepare(&w, "first", 0, ECOM_REV_ANY)), w.e);
    CHECK_CODE(ECOM_OK, ecom_store_remove(ours, S("things"), S("first0"), ECOM_REV_ANY, &e), e);
    end();
}

static void *read_one(void *arg)
{
    struct reading *r = arg;

    r->result = ecom_store_get(ours, S("things"), ecom_str_of(r->id), &r->doc, &r->rev, &r->e);
    return NULL;
}

static void begin_reading(struct reading *r, const char *prefix, int n, pthread_t *thread)
{
    memset(r, 0, sizeof(*r));
    snprintf(r->id, sizeof(r->id), "%s%d", prefix, n);
    pthread_create(thread, NULL, read_one, r);
}

static void await_asked(int want)
{
    while (__atomic_load_n(&clock_asked, __ATOMIC_SEQ_CST) < want)
        ping(direct);
    for (int i = 0; i < 20; i++) /* from the clock to the queue it is a step or two */
        ping(direct);
}

/* Has reads of w0 and up wait behind as many as may be under way, which the proxy holds, and lets
 * all go: they then meet a fault. @param late_us  how far the clock goes on behind the first. */
static void gather_reads(struct reading *reads, int n, enum proxy_fault fault, int64_t late_us)
{
    struct reading held_reads[READS_UNDER_WAY];
    pthread_t holders[READS_UNDER_WAY], readers[TOGETHER];

    proxy_fault(proxy, "find", PROXY_HELD, READS_UNDER_WAY);
    for (int i = 0; i < READS_UNDER_WAY; i++)
        begin_reading(&held_reads[i], "first", 0, &holders[i]);
    await_met("find", READS_UNDER_WAY);
    int asked = __atomic_load_n(&clock_asked, __ATOMIC_SEQ_CST);
    begin_reading(&reads[0], "w", 0, &readers[0]);
    await_asked(asked + 1);
    __atomic_add_fetch(&ahead_us, late_us, __ATOMIC_SEQ_CST);
    for (int i = 1; i < n; i++)
        begin_reading(&reads[i], "w", i, &readers[i]);
    await_asked(asked + n);
    proxy_fault(proxy, "find", fault, fault == PROXY_NONE ? 1000 : 1);
    proxy_release(proxy);
    for (int i = 0; i < n; i++)
        pthread_join(readers[i], NULL);
    for (int i = 0; i < READS_UNDER_WAY; i++) {
        pthread_join(holders[i], NULL);
        CHECK(late_us || held_reads[i].result == ECOM_OK, "%s", held_reads[i].e.text);
        ecom_buf_free(&held_reads[i].doc);
    }
}

/* Documents that say which they are. */
static void write_some(int n)
{
    char doc[32];

    for (int i = 0; i < n; i++) {
        snprintf(doc, sizeof(doc), "{\"a\":%d}", i);
        writes[i].change.doc = ecom_str_of(doc);
        CHECK(put(&writes[i]) == ECOM_OK, "%s", writes[i].e.text);
    }
}

/* Each has read its own document, and at its revision. */
static void are_read(struct reading *reads, int from, int to)
{
    char doc[32];

    for (int i = from; i < to; i++) {
        snprintf(doc, sizeof(doc), "{\"a\":%d}", i);
        CHECK_CODE(ECOM_OK, reads[i].result, reads[i].e);
        CHECK_STR(doc, ecom_buf_str(&reads[i].doc));
        CHECK_I64((int64_t)writes[i].rev, (int64_t)reads[i].rev);
        ecom_buf_free(&reads[i].doc);
    }
}

static void reads_that_wait_go_together(void)
{
    struct reading reads[12];
    ecom_error e = {0};

    begin();
    write_some(11);
    CHECK_CODE(ECOM_OK, ecom_store_remove(direct, S("things"), S("w10"), ECOM_REV_ANY, &e), e);
    gather_reads(reads, 12, PROXY_NONE, 0);
    CHECK(proxy_met(proxy, "find") < 12, "%d commands", proxy_met(proxy, "find"));
    are_read(reads, 0, 10);
    CHECK_CODE(ECOM_E_NOTFOUND, reads[10].result, reads[10].e); /* was removed */
    CHECK_CODE(ECOM_E_NOTFOUND, reads[11].result, reads[11].e); /* never was */
    end();
}

static void a_cut_takes_no_document_from_its_reader(void)
{
    static const enum proxy_fault cuts[] = {PROXY_CUT_BEFORE, PROXY_CUT_AFTER, PROXY_RESET_AFTER};
    struct reading reads[10];

    begin();
    write_some(10);
    for (size_t cut = 0; cut < sizeof(cuts) / sizeof(cuts[0]); cut++) {
        gather_reads(reads, 10, cuts[cut], 0);
        are_read(reads, 0, 10);
    }
    end();
}

static void a_reader_without_time_is_left_behind_by_the_others(void)
{
    struct reading reads[8];

    begin();
    write_some(8);
    gather_reads(reads, 8, PROXY_NONE, INT64_C(1000) * LONG_MS);
    CHECK_CODE(ECOM_E_UNAVAILABLE, reads[0].result, reads[0].e);
    are_read(reads, 1, 8);
    end();
}

static void behind_reads_that_hang_nobody_waits_for_long(void)
{
    struct reading held_reads[READS_UNDER_WAY], one = {.id = "w0"};
    pthread_t holders[READS_UNDER_WAY];

    begin_within(40000);
    write_some(1);
    proxy_fault(proxy, "find", PROXY_HELD, READS_UNDER_WAY);
    for (int i = 0; i < READS_UNDER_WAY; i++)
        begin_reading(&held_reads[i], "first", 0, &holders[i]);
    await_met("find", READS_UNDER_WAY);
    read_one(&one);
    are_read(&one, 0, 1);
    proxy_release(proxy);
    for (int i = 0; i < READS_UNDER_WAY; i++) {
        pthread_join(holders[i], NULL);
        CHECK_CODE(ECOM_OK, held_reads[i].result, held_reads[i].e);
        ecom_buf_free(&held_reads[i].doc);
    }
    end();
}

static const struct check_case cases[] = {
    CASE(what_waits_goes_as_one_command),
    CASE(a_command_carries_no_more_than_so_many_writes),
    CASE(a_command_carries_no_more_than_so_many_bytes),
    CASE(kinds_and_collections_do_not_mix),
    CASE(a_clash_is_that_writes_own),
    CASE(a_conflict_is_that_writes_own),
    CASE(so_it_is_where_the_driver_tried_twice),
    CASE(a_cut_changes_nothing_about_any_of_them),
    CASE(who_has_no_time_left_is_not_sent_along),
    CASE(behind_commands_that_hang_nobody_waits_for_long),
    CASE(nor_does_one_more_than_go_together),
    CASE(nor_does_one_of_another_kind),
    CASE(indexes_are_asked_for_once),
    CASE(many_events_are_forgotten_by_one_command),
    CASE(an_event_of_another_with_the_same_number_goes_on_waiting),
    CASE(one_connection_is_enough),
    CASE(reads_that_wait_go_together),
    CASE(a_cut_takes_no_document_from_its_reader),
    CASE(a_reader_without_time_is_left_behind_by_the_others),
    CASE(behind_reads_that_hang_nobody_waits_for_long),
};

int main(int argc, char **argv)
{
    int status;

    if (place_find(&place, &status) < 0)
        return status;
    if (!place_port(&place)) {
        printf("1..0 # SKIP the server is not at 127.0.0.1, or asks for a password\n");
        return 0;
    }
    return check_main("mongodb-together", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
