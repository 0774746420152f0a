/* A network that fails between the store and the server, at each place where it can: what was said
 * to be saved is there once, with its events; what was not is not; and the store recovers alone. */
#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "ecom/store.h"
#include "pace.h"
#include "place.h"
#include "proxy.h"

/* Of a call's time a tenth is what a slow machine may take of it before its command is sent. So
 * calls have much of it; some where a quarter must go by, for an answer does not come; and little
 * where the time itself is the matter. */
enum { TIMEOUT_MS = 4500, AMPLE_MS = 20000, PATIENT_MS = 60000, TRIES = 20 };

static struct place place;
static struct proxy *proxy;
static ecom_store *ours, *direct; /* through the proxy; and not */
static const char *options = "";

static ecom_store *open_at(const char *url, int timeout_ms)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store *store = NULL;
    ecom_error e;

    opts.timeout_ms = timeout_ms;
    if (ecom_store_open(url, &opts, &store, &e) < 0)
        printf("# open: %s\n", e.text);
    return store;
}

static void begin_within(int timeout_ms)
{
    char url[1024];

    place_fresh(&place);
    proxy = proxy_start(place_port(&place));
    place_url_at(&place, proxy_port(proxy), options, url);
    ours = open_at(url, timeout_ms);
    direct = open_at(place.url, PATIENT_MS);
}

static void begin(void)
{
    begin_within(PATIENT_MS);
}

static void end(void)
{
    ecom_store_close(ours);
    ecom_store_close(direct);
    proxy_stop(proxy);
    place_clear(&place);
}

/* A change of the document "things/1", with at most one event. */
static int put(ecom_store *store, uint64_t expect, const char *event, uint64_t *rev,
               ecom_error *err)
{
    const ecom_entry entry = {.index = S("mail"), .value = S("a"), .unique = 1};
    const ecom_msg msg = {.id = ecom_str_of(event), .topic = S("things"), .body = S("{}")};
    const ecom_change change = {.collection = S("things"),
                                .id = S("1"),
                                .doc = S("{\"a\":1}"),
                                .expect = expect,
                                .entries = &entry,
                                .nentries = 1,
                                .events = &msg,
                                .nevents = *event != '\0'};

    return ecom_store_put(store, &change, rev, err);
}

static int add_id(void *user, const ecom_pending *p)
{
    ecom_buf *ids = user;

    return ecom_buf_printf(ids, "%s%.*s", ids->n ? " " : "", (int)p->msg.id.n, p->msg.id.p) < 0;
}

/* Says whether the document has this revision (0: it is not there) and these events wait. */
static int holds(uint64_t want, const char *events)
{
    ecom_buf doc = {0}, ids = {0};
    uint64_t rev = 0;
    ecom_error e = {0};

    int r = ecom_store_get(direct, S("things"), S("1"), &doc, &rev, &e);
    if (r == ECOM_OK || r == ECOM_E_NOTFOUND)
        r = ecom_store_pending(direct, INT64_MAX, 0, add_id, &ids, &e);
    int same = r == ECOM_OK && rev == want && strcmp(ids.n ? ids.p : "", events) == 0;
    if (!same)
        printf("# want revision %" PRIu64 " and [%s], got %" PRIu64 " and [%s] %s\n", want, events,
               rev, ids.n ? ids.p : "", e.text);
    ecom_buf_free(&doc);
    ecom_buf_free(&ids);
    return same;
}

static const enum proxy_fault cuts[] = {PROXY_CUT_BEFORE, PROXY_CUT_MIDDLE, PROXY_CUT_AFTER,
                                        PROXY_RESET_AFTER};

/* For each way to cut: a new document, a change of it, and its removal. */
static void cut_everywhere(size_t step)
{
    ecom_error e = {0};

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i += step) {
        uint64_t one = 0, two = 0;
        proxy_fault(proxy, "insert", cuts[i], 1);
        CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
        CHECK_I64(1, proxy_met(proxy, "insert"));
        CHECK(holds(one, "e1"), "insert, cut %zu", i);
        proxy_fault(proxy, "update", cuts[i], 1);
        CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
        CHECK_I64(1, proxy_met(proxy, "update"));
        CHECK(two > one && holds(two, "e1 e2"), "update, cut %zu", i);
        CHECK_CODE(ECOM_E_CONFLICT, put(ours, one, "e3", &two, &e), e);
        proxy_fault(proxy, "update", cuts[i], 1);
        CHECK_CODE(ECOM_OK, ecom_store_remove(ours, S("things"), S("1"), two, &e), e);
        CHECK_I64(1, proxy_met(proxy, "update"));
        CHECK(holds(0, "e1 e2"), "removal, cut %zu", i);
        end();
        begin();
        CHECK(ours && direct, "no store");
    }
}

static void a_cut_before_or_behind_a_write_changes_nothing_about_it(void)
{
    begin();
    cut_everywhere(1);
    end();
}

static void it_holds_without_the_drivers_own_tries(void)
{
    options = "&retryWrites=false";
    begin();
    cut_everywhere(2);
    end();
    options = "";
}

static void an_answer_that_never_comes_is_looked_up(void)
{
    uint64_t one = 0, two = 0;
    ecom_error e = {0};

    begin_within(AMPLE_MS);
    proxy_fault(proxy, "insert", PROXY_SILENT, 1);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    proxy_fault(proxy, "update", PROXY_SILENT, 1);
    CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
    CHECK(holds(two, "e1 e2"), "after silence");
    end();
}

static int64_t now_ms(void)
{
    const ecom_env *env = ecom_env_system();

    return env->monotonic_us(env->self) / 1000;
}

/* Once the server is found again: the driver looks for one that broke off twice a second at most.
 * Or once the machine is quick enough for a short time: what has a revision may be tried again
 * where it was too slow to say what came of it, too.
 */
static int put_when_found(ecom_store *store, uint64_t expect, const char *event, uint64_t *rev,
                          ecom_error *e)
{
    int r, tries = 0, may_repeat = expect != 0 && expect != ECOM_REV_ANY;

    do
        r = put(store, expect, event, rev, e);
    while ((r == ECOM_E_UNAVAILABLE || (r == ECOM_E_TIMEOUT && may_repeat)) && ++tries < TRIES);
    return r;
}

/* Each answer is lost, to the end: the caller hears that nobody knows, in bounded time. */
static void what_nobody_knows_is_a_timeout_and_no_guess(void)
{
    uint64_t one = 0, two = 0;
    ecom_error e = {0};

    begin_within(AMPLE_MS);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    proxy_fault(proxy, "update", PROXY_CUT_AFTER, 1000);
    proxy_fault(proxy, "find", PROXY_CUT_AFTER, 1000);
    int64_t start = pace_ms();
    CHECK_CODE(ECOM_E_TIMEOUT, put(ours, one, "e2", &two, &e), e);
    CHECK(pace_ms() - start < AMPLE_MS, "took %" PRId64 " ms", pace_ms() - start);
    CHECK_U64(0, two);
    proxy_clear(proxy);
    CHECK_CODE(ECOM_E_CONFLICT, put_when_found(ours, one, "e3", &two, &e), e); /* it was done */
    CHECK_CODE(ECOM_OK, put_when_found(ours, ECOM_REV_ANY, "e4", &two, &e), e);
    CHECK(holds(two, "e1 e2 e4"), "after a time-out");
    end();
}

/* As of a server that is still at the first try when the second comes, and refuses it as a
 * duplicate, or for the revision is gone. */
static void what_the_driver_tried_twice_and_the_server_refused_once_is_done(void)
{
    uint64_t one = 0, two = 0;
    ecom_error e = {0};

    begin();
    proxy_fault(proxy, "insert", PROXY_FORGOTTEN, 1);
    proxy_release(proxy);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    CHECK(proxy_met(proxy, "insert") && holds(one, "e1"), "insert");
    proxy_fault(proxy, "update", PROXY_FORGOTTEN, 1);
    proxy_release(proxy);
    CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
    CHECK(proxy_met(proxy, "update") && holds(two, "e1 e2"), "update");
    proxy_fault(proxy, "update", PROXY_FORGOTTEN, 1);
    proxy_release(proxy);
    CHECK_CODE(ECOM_OK, ecom_store_remove(ours, S("things"), S("1"), two, &e), e);
    CHECK(proxy_met(proxy, "update") && holds(0, "e1 e2"), "removal");
    end();
}

/* Of a write that others were faster than, nobody need be unsure: what is there is older than it.
 */
static void a_conflict_is_told_for_sure_whatever_became_of_the_connection(void)
{
    uint64_t one = 0, two = 0;
    ecom_error e = {0};

    begin();
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    CHECK_CODE(ECOM_OK, put(direct, one, "e2", &two, &e), e);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++)
        for (int times = 1; times <= 4; times += 3) { /* four are more than the driver tries */
            uint64_t rev = 0;
            proxy_fault(proxy, "update", cuts[i], times);
            CHECK_CODE(ECOM_E_CONFLICT, put(ours, one, "e3", &rev, &e), e);
            proxy_fault(proxy, "update", cuts[i], times);
            CHECK_CODE(ECOM_E_CONFLICT, ecom_store_remove(ours, S("things"), S("1"), one, &e), e);
            proxy_fault(proxy, "insert", cuts[i], times);
            CHECK_CODE(ECOM_E_CONFLICT, put(ours, 0, "e3", &rev, &e), e);
        }
    CHECK(holds(two, "e1 e2"), "after conflicts");
    end();
}

/* A network may keep a command and deliver it when all is over. */
static void a_write_that_arrives_late_has_no_second_effect(void)
{
    uint64_t one = 0, two = 0, three = 0;
    ecom_error e = {0};

    begin();
    proxy_fault(proxy, "insert", PROXY_LATE, 1);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    proxy_release(proxy);
    CHECK(holds(one, "e1"), "a late insert");
    proxy_fault(proxy, "update", PROXY_LATE, 1);
    CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
    CHECK_CODE(ECOM_OK, put(direct, two, "e3", &three, &e), e);
    proxy_release(proxy);
    CHECK(holds(three, "e1 e2 e3"), "a late update");
    proxy_fault(proxy, "update", PROXY_LATE, 1);
    CHECK_CODE(ECOM_OK, ecom_store_remove(ours, S("things"), S("1"), three, &e), e);
    CHECK_CODE(ECOM_OK, put(direct, 0, "e4", &one, &e), e);
    proxy_release(proxy);
    CHECK(holds(one, "e1 e2 e3 e4"), "a late removal");
    end();
}

/* Somebody writes over our change before we learn that it was done: its events tell. */
static struct {
    uint64_t base, rev;
    const char *event;
    int code;
    ecom_error e;
} slow;

static void *put_slowly(void *arg)
{
    (void)arg;
    slow.rev = 0;
    slow.code = put(ours, slow.base, slow.event, &slow.rev, &slow.e);
    return NULL;
}

static int overwritten(const char *event, enum proxy_fault fault)
{
    pthread_t thread;
    uint64_t rev = slow.base;
    ecom_buf doc = {0};
    ecom_error e = {0};

    slow.event = event;
    proxy_fault(proxy, "update", fault, 1);
    if (pthread_create(&thread, NULL, put_slowly, NULL) != 0)
        return 0;
    for (int64_t until = now_ms() + PATIENT_MS; rev == slow.base && now_ms() < until;) {
        doc.n = 0;
        if (ecom_store_get(direct, S("things"), S("1"), &doc, &rev, &e) < 0)
            printf("# get: %s\n", e.text);
    }
    ecom_buf_free(&doc);
    int r = put(direct, rev, "other", &rev, &e);
    proxy_release(proxy);
    pthread_join(thread, NULL);
    proxy_clear(proxy);
    if (r < 0)
        printf("# put: %s\n", e.text);
    return r == ECOM_OK;
}

static void known_by_its_event(enum proxy_fault fault)
{
    CHECK_CODE(ECOM_OK, put(ours, 0, "", &slow.base, &slow.e), slow.e);
    CHECK(overwritten("mine", fault), "could not write over it");
    CHECK_CODE(ECOM_OK, slow.code, slow.e);
    CHECK_CODE(ECOM_OK, put(direct, ECOM_REV_ANY, "", &slow.base, &slow.e), slow.e);
    CHECK(overwritten("", fault), "could not write over it");
    CHECK_CODE(ECOM_E_TIMEOUT, slow.code, slow.e); /* nothing tells: so it is not guessed */
}

static void a_change_that_was_written_over_is_known_by_its_event(void)
{
    options = "&retryWrites=false"; /* one silence, so that there is time to look at it */
    begin_within(AMPLE_MS);
    known_by_its_event(PROXY_SILENT);
    end();
    options = "";
}

/* The driver's second try finds it gone. */
static void so_is_one_that_the_driver_tried_twice(void)
{
    begin();
    known_by_its_event(PROXY_FORGOTTEN);
    end();
}

static void a_clash_is_told_apart_from_a_write_that_was_done(void)
{
    const ecom_entry entry = {.index = S("mail"), .value = S("a"), .unique = 1};
    ecom_change other = {
        .collection = S("things"), .id = S("2"), .doc = S("{}"), .entries = &entry, .nentries = 1};
    ecom_error e = {0};
    uint64_t rev;

    begin();
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &rev, &e), e);
    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        proxy_fault(proxy, "insert", cuts[i], 1);
        CHECK_CODE(ECOM_E_EXISTS, ecom_store_put(ours, &other, NULL, &e), e);
        CHECK_STR("mail", ecom_str_of(e.field));
    }
    end();
}

struct tokens {
    char bytes[8][300];
    ecom_str at[8];
    size_t n;
};

static int keep_token(void *user, const ecom_pending *p)
{
    struct tokens *t = user;

    memcpy(t->bytes[t->n], p->token.p, p->token.n);
    t->at[t->n] = (ecom_str){t->bytes[t->n], p->token.n};
    t->n++;
    return 0;
}

static void forgetting_events_is_done_again_or_reported(void)
{
    ecom_error e = {0};
    uint64_t rev;

    for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
        struct tokens t = {.n = 0};
        begin();
        CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &rev, &e), e);
        CHECK_CODE(ECOM_OK, ecom_store_pending(ours, 0, 0, keep_token, &t, &e), e);
        CHECK_CODE(ECOM_OK, put(ours, rev, "e2", &rev, &e), e);
        proxy_fault(proxy, "update", cuts[i], 1);
        for (int r = ECOM_E_UNAVAILABLE, tries = 0; r < 0 && tries < 5; tries++)
            r = ecom_store_published(ours, t.at, t.n, &e);
        CHECK(holds(rev, "e2"), "forgetting, cut %zu", i);
        end();
    }
}

static int ping(ecom_store *store)
{
    return ecom_store_ping(store, NULL);
}

static int ping_until(int want)
{
    int r = ECOM_E_TIMEOUT;

    for (int64_t until = now_ms() + PATIENT_MS; r != want && now_ms() < until;)
        r = ping(ours);
    return r;
}

static void a_server_that_is_away_is_told_in_time_and_found_again(void)
{
    ecom_error e = {0};
    uint64_t one = 0, two = 0;

    begin_within(AMPLE_MS);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    proxy_down(proxy, 1);
    CHECK_CODE(ECOM_E_UNAVAILABLE, ping_until(ECOM_E_UNAVAILABLE), e);
    int64_t start = pace_ms();
    CHECK_CODE(ECOM_E_UNAVAILABLE, put(ours, one, "e2", &two, &e), e);
    CHECK(pace_ms() - start < AMPLE_MS, "took %" PRId64 " ms", pace_ms() - start);
    CHECK(holds(one, "e1"), "while it was away");
    proxy_down(proxy, 0);
    CHECK_CODE(ECOM_OK, ping_until(ECOM_OK), e);
    CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
    CHECK(holds(two, "e1 e2"), "when it was back");
    end();
}

static int no_row(void *user, const ecom_row *row)
{
    (void)user, (void)row;
    return 0;
}

/* Each of the calls, on the document at revision @p rev and with a token of one of its events. */
static int call(size_t which, uint64_t rev, ecom_str token, ecom_error *e)
{
    const ecom_query query = {.collection = S("things"), .index = S("mail")};
    ecom_buf doc = {0}, ids = {0};
    uint64_t n = 0;
    int64_t oldest = 0;
    int r = ECOM_E_INVAL;

    switch (which) {
    case 0:
        return put(ours, rev, "e2", &n, e);
    case 1:
        return put(ours, ECOM_REV_ANY, "e3", &n, e);
    case 2:
        return ecom_store_remove(ours, S("things"), S("1"), ECOM_REV_ANY, e);
    case 3:
        r = ecom_store_get(ours, S("things"), S("1"), &doc, &n, e);
        break;
    case 4:
        return ecom_store_find(ours, &query, no_row, NULL, NULL, e);
    case 5:
        r = ecom_store_pending(ours, 0, 0, add_id, &ids, e);
        break;
    case 6:
        return ecom_store_published(ours, &token, 1, e);
    case 7:
        return ecom_store_backlog(ours, &n, &oldest, e);
    case 8:
        return ecom_store_ping(ours, e);
    }
    ecom_buf_free(&doc);
    ecom_buf_free(&ids);
    return r;
}

/* With a connection that there is, and then without. A quarter more is the driver's. */
static void a_server_that_stands_still_holds_a_call_no_longer_than_its_time(void)
{
    enum { CALLS = 9 };
    ecom_error e = {0};
    struct tokens t = {.n = 0};
    uint64_t rev = 0;

    begin_within(TIMEOUT_MS);
    CHECK_CODE(ECOM_OK, put_when_found(ours, 0, "e1", &rev, &e), e);
    CHECK_CODE(ECOM_OK, ecom_store_pending(direct, INT64_MAX, 0, keep_token, &t, &e), e);
    CHECK_U64(1, t.n);
    for (size_t i = 0; i < CALLS; i++) {
        CHECK_CODE(ECOM_OK, ping_until(ECOM_OK), e);
        ecom_buf doc = {0};
        CHECK_CODE(ECOM_OK, ecom_store_get(direct, S("things"), S("1"), &doc, &rev, &e), e);
        ecom_buf_free(&doc);
        proxy_freeze(proxy, 1);
        for (int again = 0; again < 2; again++) {
            int64_t start = pace_ms();
            int r = call(i, rev, t.at[0], &e);
            int64_t took = pace_ms() - start;
            CHECK(r == ECOM_E_TIMEOUT || r == ECOM_E_UNAVAILABLE, "call %zu: %s", i, check_code(r));
            CHECK(took < TIMEOUT_MS + TIMEOUT_MS / 4, "call %zu took %" PRId64 " ms", i, took);
        }
        proxy_freeze(proxy, 0);
    }
    CHECK_CODE(ECOM_OK, ping_until(ECOM_OK), e);
    CHECK_CODE(ECOM_OK, put_when_found(ours, ECOM_REV_ANY, "e3", &rev, &e), e);
    end();
}

/* The first write of a process to a collection would have none left for itself. */
static void indexes_take_nothing_of_a_writes_time(void)
{
    ecom_error e = {0};
    uint64_t rev = 0;

    begin_within(AMPLE_MS);
    proxy_delay(proxy, AMPLE_MS / 20);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &rev, &e), e);
    proxy_delay(proxy, 0);
    CHECK(holds(rev, "e1"), "the first write");
    end();
}

/* Once it answers, once it falls silent: at each command of a change there is. */
static void silence_at_any_command_is_within_a_calls_time(void)
{
    static const char *const commands[] = {"createIndexes", "insert", "find", "update"};
    ecom_error e = {0};
    uint64_t rev = 0;

    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
        begin_within(TIMEOUT_MS);
        if (i) /* so that the indexes are there */
            CHECK_CODE(ECOM_OK, put_when_found(ours, 0, "", &rev, &e), e);
        proxy_fault(proxy, commands[i], PROXY_SILENT, 1000);
        for (int n = 0; n < 3; n++) {
            int64_t start = pace_ms();
            int r = put(ours, n ? ECOM_REV_ANY : 0, "e1", &rev, &e);
            int64_t took = pace_ms() - start;
            CHECK(took < TIMEOUT_MS + TIMEOUT_MS / 4, "%s: put %d: %s after %" PRId64 " ms",
                  commands[i], n, check_code(r), took);
        }
        end();
    }
}

static void a_slow_network_only_takes_longer(void)
{
    ecom_error e = {0};
    uint64_t one = 0, two = 0;

    begin();
    proxy_delay(proxy, 100);
    CHECK_CODE(ECOM_OK, put(ours, 0, "e1", &one, &e), e);
    CHECK_CODE(ECOM_OK, put(ours, one, "e2", &two, &e), e);
    proxy_delay(proxy, 0);
    CHECK(holds(two, "e1 e2"), "over a slow network");
    end();
}

/* Counters that several threads add to while commands meet whatever may come. */
enum { WRITERS = 4, ROUNDS = 15 };
static int confirmed, unknown, broken;

static void *add_ones(void *arg)
{
    const int me = *(const int *)arg;

    for (int n = 0, tries = 0; n < ROUNDS && tries < 1000; tries++) {
        ecom_buf doc = {0};
        uint64_t rev = 0;
        char text[32], event[32];
        ecom_error e;
        int r = ecom_store_get(ours, S("things"), S("1"), &doc, &rev, &e);
        int count = doc.n ? atoi(doc.p + 5) + 1 : 1;
        ecom_buf_free(&doc);
        if (r < 0 && r != ECOM_E_NOTFOUND)
            continue;
        snprintf(text, sizeof(text), "{\"n\":%d}", count);
        snprintf(event, sizeof(event), "%d-%d", me, tries);
        const ecom_msg msg = {.id = ecom_str_of(event), .topic = S("t"), .body = ecom_str_of(text)};
        const ecom_change change = {.collection = S("things"),
                                    .id = S("1"),
                                    .doc = ecom_str_of(text),
                                    .expect = rev,
                                    .events = &msg,
                                    .nevents = 1};
        r = ecom_store_put(ours, &change, NULL, &e);
        __atomic_add_fetch(&confirmed, r == ECOM_OK, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&unknown, r == ECOM_E_TIMEOUT, __ATOMIC_SEQ_CST);
        if (r != ECOM_OK && r != ECOM_E_TIMEOUT && r != ECOM_E_CONFLICT &&
            r != ECOM_E_UNAVAILABLE) {
            printf("# put: %s: %s\n", check_code(r), e.text);
            __atomic_add_fetch(&broken, 1, __ATOMIC_SEQ_CST);
        }
        n += r == ECOM_OK || r == ECOM_E_TIMEOUT;
    }
    return NULL;
}

struct counted {
    int n, wrong;
};

/* The events of one document are those of its changes, in their order, each once. */
static int count_event(void *user, const ecom_pending *p)
{
    struct counted *c = user;

    c->wrong += atoi(p->msg.body.p + 5) != ++c->n;
    return 0;
}

static void whatever_happens_each_change_is_there_once_with_its_event(void)
{
    static const char *const commands[] = {"insert", "update", "find"};
    const enum proxy_fault faults[] = {PROXY_CUT_BEFORE, PROXY_CUT_MIDDLE, PROXY_CUT_AFTER,
                                       PROXY_RESET_AFTER, PROXY_LATE};
    const char *given = getenv("ECOM_FAULT_SEED");
    uint64_t seed =
        given ? strtoull(given, NULL, 10) : (uint64_t)ecom_env_now_ms(ecom_env_system());
    pthread_t threads[WRITERS];
    int numbers[WRITERS];
    struct counted counted = {0, 0};
    ecom_buf doc = {0};
    ecom_error e = {0};

    printf("# ECOM_FAULT_SEED=%" PRIu64 "\n", seed);
    begin();
    confirmed = unknown = broken = 0;
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        CHECK(pthread_create(&threads[i], NULL, add_ones, &numbers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 60 && __atomic_load_n(&confirmed, __ATOMIC_SEQ_CST) < WRITERS * ROUNDS;
         i++) {
        seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407;
        const char *command = commands[(seed >> 33) % 3];
        proxy_fault(proxy, command, faults[(seed >> 40) % 5], 1 + (int)((seed >> 50) % 2));
        for (int64_t until = now_ms() + 200; !proxy_met(proxy, command) && now_ms() < until;)
            ping(direct);
    }
    proxy_clear(proxy);
    for (int i = 0; i < WRITERS; i++)
        pthread_join(threads[i], NULL);
    proxy_release(proxy);
    CHECK_CODE(ECOM_OK, ecom_store_get(direct, S("things"), S("1"), &doc, NULL, &e), e);
    int n = atoi(doc.p + 5);
    ecom_buf_free(&doc);
    CHECK_CODE(ECOM_OK, ecom_store_pending(direct, INT64_MAX, 1000, count_event, &counted, &e), e);
    printf("# %d confirmed, %d unknown, the counter says %d, %d events\n", confirmed, unknown, n,
           counted.n);
    CHECK_I64(0, broken);
    CHECK(n >= confirmed && n <= confirmed + unknown, "changes lost or doubled");
    CHECK_I64(n, counted.n);
    CHECK_I64(0, counted.wrong);
    end();
}

static const struct check_case cases[] = {
    CASE(a_cut_before_or_behind_a_write_changes_nothing_about_it),
    CASE(it_holds_without_the_drivers_own_tries),
    CASE(an_answer_that_never_comes_is_looked_up),
    CASE(what_nobody_knows_is_a_timeout_and_no_guess),
    CASE(what_the_driver_tried_twice_and_the_server_refused_once_is_done),
    CASE(a_conflict_is_told_for_sure_whatever_became_of_the_connection),
    CASE(a_write_that_arrives_late_has_no_second_effect),
    CASE(a_change_that_was_written_over_is_known_by_its_event),
    CASE(so_is_one_that_the_driver_tried_twice),
    CASE(a_clash_is_told_apart_from_a_write_that_was_done),
    CASE(forgetting_events_is_done_again_or_reported),
    CASE(a_server_that_is_away_is_told_in_time_and_found_again),
    CASE(a_server_that_stands_still_holds_a_call_no_longer_than_its_time),
    CASE(indexes_take_nothing_of_a_writes_time),
    CASE(silence_at_any_command_is_within_a_calls_time),
    CASE(a_slow_network_only_takes_longer),
    CASE(whatever_happens_each_change_is_there_once_with_its_event),
};

int main(int argc, char **argv)
{
    int status;

    if (place_find_near(&place, &status) < 0)
        return status;
    return check_main("mongodb-faults", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
