#include "bus_suite.h"

#include <pthread.h>
#include <stdlib.h>

/* A decorator: passes so many messages on, then fails; and can hold a publish until told. */
struct fault {
    ecom_bus *inner;
    size_t pass;
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int hold, held, closed;
};

static int fault_publish(void *self, const ecom_msg *msgs, size_t n, size_t *done, ecom_error *err)
{
    struct fault *f = self;
    size_t pass = n < f->pass ? n : f->pass;

    pthread_mutex_lock(&f->mutex);
    f->held = 1;
    pthread_cond_broadcast(&f->changed);
    while (f->hold)
        pthread_cond_wait(&f->changed, &f->mutex);
    pthread_mutex_unlock(&f->mutex);
    int r = pass ? ecom_bus_publish(f->inner, msgs, pass, done, err) : ECOM_OK;
    if (r < 0 || pass == n)
        return r;
    f->pass = ECOM_BUS_MAX_BATCH;
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "the broker went away");
}

static void fault_close(void *self)
{
    ((struct fault *)self)->closed++;
}

static ecom_bus_ops fault_ops(void)
{
    ecom_bus_ops ops = {.size = sizeof(ops),
                        .caps = ECOM_CAP_CONCURRENT,
                        .name = "fault",
                        .publish = fault_publish,
                        .close = fault_close};

    ecom_bus_forward(&ops);
    return ops;
}

static ecom_bus *fault_open(struct bus_test *t, struct fault *f)
{
    const ecom_bus_ops ops = fault_ops();
    ecom_bus *bus = NULL;

    *f = (struct fault){.inner = t->bus, .pass = ECOM_BUS_MAX_BATCH};
    pthread_mutex_init(&f->mutex, NULL);
    pthread_cond_init(&f->changed, NULL);
    if (ecom_bus_new(&ops, f, &t->opts, &bus, NULL) < 0)
        ecom__suite_failed = 1;
    return bus;
}

static void what_a_half_accepted_batch_left_over_can_be_sent_again(struct bus_test *t)
{
    static struct inbox in;
    struct fault f;
    ecom_msg msgs[10];
    char body[10][8];
    size_t done = 0;
    ecom_error e;

    in.n = 0;
    ecom_bus *bus = fault_open(t, &f);
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    for (int i = 0; i < 10; i++)
        msgs[i] =
            (ecom_msg){.topic = S("t"),
                       .key = S("k"),
                       .body = {body[i], (size_t)snprintf(body[i], sizeof(body[i]), "%d", i)}};
    f.pass = 4;
    CHECK_CODE(ECOM_E_UNAVAILABLE, ecom_bus_publish(bus, msgs, 10, &done, &e), e);
    CHECK_I64(4, done);
    CHECK_CODE(ECOM_OK, ecom_bus_publish(bus, msgs + done, 10 - done, &done, &e), e);
    CHECK_I64(6, done);
    bus_take(m, &in, 10);
    bus_check_order(&in);
    bus_check_all_once(&in, NULL, 0, 10);
    ecom_bus_close(bus);
}

struct sender {
    ecom_bus *bus;
    int result;
    pthread_t thread;
};

static void *send_one(void *arg)
{
    struct sender *s = arg;
    ecom_msg msg = {.topic = S("t"), .body = S("1")};

    s->result = ecom_bus_publish(s->bus, &msg, 1, NULL, NULL);
    return NULL;
}

static void *let_pass(void *arg)
{
    struct fault *f = arg;

    pthread_mutex_lock(&f->mutex);
    if (f->closed) /* the close that runs meanwhile must wait for us */
        ecom__suite_failed = 1;
    f->hold = 0;
    pthread_cond_broadcast(&f->changed);
    pthread_mutex_unlock(&f->mutex);
    return NULL;
}

static void a_close_waits_for_what_is_being_sent(struct bus_test *t)
{
    static struct inbox in;
    struct fault f;
    struct sender s = {.bus = fault_open(t, &f)};
    pthread_t passer;

    in.n = 0;
    ecom_member *m = bus_join(t, t->bus, "g", "t");
    CHECK_PASSED();
    f.hold = 1;
    CHECK(pthread_create(&s.thread, NULL, send_one, &s) == 0, "no thread");
    pthread_mutex_lock(&f.mutex);
    while (!f.held)
        pthread_cond_wait(&f.changed, &f.mutex);
    pthread_mutex_unlock(&f.mutex);
    CHECK(pthread_create(&passer, NULL, let_pass, &f) == 0, "no thread");
    ecom_bus_close(s.bus);
    pthread_join(passer, NULL);
    pthread_join(s.thread, NULL);
    CHECK_I64(ECOM_OK, s.result);
    CHECK_I64(1, f.closed);
    bus_take(m, &in, 1);
}

static void a_table_that_lacks_a_method_is_refused(struct bus_test *t)
{
    ecom_bus_ops ops = fault_ops();
    ecom_bus *bus = NULL;
    ecom_error e;

    (void)t;
    ops.ack = NULL;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_new(&ops, NULL, NULL, &bus, &e), e);
    CHECK(strcmp(e.field, "ack") == 0, "it says %s", e.text);
    ops = fault_ops();
    ops.size = 8;
    CHECK_CODE(ECOM_E_INVAL, ecom_bus_new(&ops, NULL, NULL, &bus, &e), e);
    CHECK(!bus, "a bus came of it");
}

static const struct bus_case cases[] = {
    CASE(0, what_a_half_accepted_batch_left_over_can_be_sent_again),
    CASE(0, a_close_waits_for_what_is_being_sent),
    CASE(0, a_table_that_lacks_a_method_is_refused),
};
const struct bus_cases ecom__bus_fault_cases = {cases, sizeof(cases) / sizeof(cases[0])};
