/* The relay's ear, on the real clock: with a sweep of an hour, only what the store tells of brings
 * others' events out. Nothing sleeps; only a failure takes all of the patience. */
#include "check.h"

#include <stdatomic.h>

#include "ecom/outbox.h"
#include "base/thread.h"
#include "flow_fake.h"

enum { PATIENCE_MS = 120000, HOUR_MS = 3600000 };

/* A store in memory whose watch fails as the test says; all else it leaves to the real one. */
struct deaf {
    ecom_store *inner;
    atomic_int code;    /* of watch() and wait(), while it is not 0 */
    atomic_int watches; /* how often watch() was called */
};

static void deaf_close(void *self)
{
    (void)self;
}

static _Thread_local struct deaf *heard; /* wait() gets the watch alone */

static int deaf_watch(void *self, ecom_str origin, void **watch, ecom_error *err)
{
    struct deaf *deaf = heard = self;

    (void)origin;
    deaf->watches++;
    if (deaf->code)
        return ecom_fail(err, deaf->code, "nothing is to be heard");
    return ecom_store_watch(deaf->inner, (ecom_watch **)watch, err);
}

static int deaf_wait(void *watch, int32_t timeout_ms, ecom_error *err)
{
    if (heard->code)
        return ecom_fail(err, heard->code, "nothing is to be heard any more");
    return ecom_watch_wait(watch, timeout_ms < 10 ? timeout_ms : 10, err);
}

static struct world {
    struct fake_bus bus;
    ecom_store *ours, *others;
    struct deaf deaf;
    ecom_relay *relay;
    atomic_int telling, not_telling; /* lines of the log */
    ecom_error e;
} w;

static void note_line(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                      const ecom_log_field *fields, size_t n)
{
    (void)user, (void)level, (void)correlation_id, (void)fields, (void)n;
    w.telling += strcmp(message, "outbox: the store tells of others' events") == 0;
    w.not_telling += strstr(message, "does not tell") != NULL;
}

static const ecom_log note = {.fn = note_line, .level = ECOM_LOG_INFO};

/* @param code  what the watch answers with, from the start; 0: it works. */
static int open_world(const char *url, int code, int32_t sweep_ms)
{
    ecom_relay_options opts = ECOM_RELAY_OPTIONS_INIT;
    ecom_store_ops ops = {.size = sizeof(ops),
                          .caps = ECOM_CAP_CONCURRENT,
                          .name = "deaf",
                          .close = deaf_close,
                          .watch = deaf_watch,
                          .wait = deaf_wait};

    ecom_store_forward(&ops);
    memset(&w, 0, sizeof(w));
    w.deaf.code = code;
    if (fake_bus_open(&w.bus, NULL) < 0 || ecom_store_open(url, NULL, &w.others, &w.e) < 0 ||
        ecom_store_open(url, NULL, &w.deaf.inner, &w.e) < 0 ||
        ecom_store_new(&ops, &w.deaf, NULL, &w.ours, &w.e) < 0)
        return -1;
    opts.store = w.ours;
    opts.bus = w.bus.bus;
    opts.log = &note;
    opts.sweep_ms = sweep_ms;
    opts.grace_ms = 1;
    if (ecom_relay_new(&opts, &w.relay, &w.e) < 0)
        return -1;
    return ecom_relay_start(w.relay, &w.e);
}

static void close_world(void)
{
    ecom_relay_stop(w.relay, 1000);
    ecom_relay_free(w.relay);
    ecom_store_close(w.ours);
    ecom_store_close(w.deaf.inner);
    ecom_store_close(w.others);
    fake_bus_close(&w.bus);
}

static int leave_event(const char *id)
{
    const ecom_msg event = {.id = ecom_str_of(id), .topic = S("orders"), .body = S("{}")};
    const ecom_change change = {.collection = S("c"),
                                .id = ecom_str_of(id),
                                .doc = S("{}"),
                                .events = &event,
                                .nevents = 1};

    return ecom_store_put(w.others, &change, NULL, &w.e);
}

static int happens(int (*what)(void))
{
    int64_t until = ecom__monotonic_ms() + PATIENCE_MS;

    pthread_mutex_lock(&w.bus.mutex);
    while (!what() && ecom__monotonic_ms() < until)
        ecom__cond_wait_ms(&w.bus.wake, &w.bus.mutex, 10);
    int did = what();
    pthread_mutex_unlock(&w.bus.mutex);
    return did;
}

static int one_is_out(void)
{
    return w.bus.nout == 1;
}

static int three_are_out(void)
{
    return w.bus.nout == 3;
}

static int it_listens(void)
{
    return w.telling == 1;
}

static int it_listens_again(void)
{
    return w.telling == 2;
}

static int it_has_lost_it(void)
{
    return w.not_telling == 1;
}

static int it_has_tried_twice(void)
{
    return w.deaf.watches >= 2;
}

static void what_others_leave_goes_out_without_a_sweep(void)
{
    CHECK(open_world("memory:told", 0, HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(happens(it_listens), "it does not listen");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(happens(one_is_out), "one event did not go out");
    CHECK_CODE(ECOM_OK, leave_event("2"), w.e);
    CHECK_CODE(ECOM_OK, leave_event("3"), w.e);
    CHECK(happens(three_are_out), "three events did not go out");
    CHECK_I64(1, w.telling);
    close_world();
}

static void what_lay_there_before_it_listened_goes_out_too(void)
{
    CHECK(open_world("memory:late", ECOM_E_UNAVAILABLE, HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(happens(it_has_lost_it), "it listens");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    w.deaf.code = 0;
    CHECK(happens(one_is_out), "the event did not go out");
    CHECK(happens(it_listens), "it does not say so");
    close_world();
}

static void a_store_that_does_not_tell_is_asked_and_that_is_said_once(void)
{
    CHECK(open_world("memory:mute", ECOM_E_NOTSUP, 5) == ECOM_OK, "%s", w.e.text);
    CHECK(happens(it_has_tried_twice), "it does not try again");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(happens(one_is_out), "the event did not go out");
    CHECK_I64(1, w.not_telling);
    CHECK_I64(0, w.telling);
    close_world();
}

static void what_is_lost_is_listened_for_again(void)
{
    CHECK(open_world("memory:lost", 0, HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(happens(it_listens), "it does not listen");
    w.deaf.code = ECOM_E_UNAVAILABLE;
    CHECK(happens(it_has_lost_it), "it still listens");
    w.deaf.code = 0;
    CHECK(happens(it_listens_again), "it does not listen again");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(happens(one_is_out), "the event did not go out");
    close_world();
}

static const struct check_case cases[] = {
    CASE(what_others_leave_goes_out_without_a_sweep),
    CASE(what_lay_there_before_it_listened_goes_out_too),
    CASE(a_store_that_does_not_tell_is_asked_and_that_is_said_once),
    CASE(what_is_lost_is_listened_for_again),
};

CHECK_MAIN("flow watch", cases)
