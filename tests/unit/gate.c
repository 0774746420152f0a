/* Large requests take turns. The threads that they would run on are a list here. */
#include "check.h"
#include "gateway/gate.h"

#include <ecom/stream.h>

enum { MOST = GATE_MAX_WAITING + 2 };

static struct {
    void (*fn)(void *arg, int cancelled);
    void *arg;
} jobs[MOST];
static uint32_t njobs;
static int refuses; /* as a server that ends does */

int ecom_http_server_run(ecom_http_server *server, void (*fn)(void *arg, int cancelled), void *arg)
{
    (void)server;
    if (refuses)
        return ECOM_E_UNAVAILABLE;
    jobs[njobs].fn = fn;
    jobs[njobs++].arg = arg;
    return ECOM_OK;
}

struct visitor {
    struct gate_turn turn; /* first, so that one is the other */
    int runs, cancelled;
};

static void visit(struct gate_turn *turn, int cancelled)
{
    struct visitor *v = (struct visitor *)(void *)turn;

    v->runs++;
    v->cancelled = cancelled;
}

/* With room for one. */
static void open_gate(struct gate *gate, struct visitor *visitors)
{
    static struct daemon d;

    d.settings.http_threads = 2;
    njobs = 0;
    refuses = 0;
    gate_init(gate, &d);
    for (int i = 0; i < MOST; i++)
        visitors[i] = (struct visitor){.turn = {.run = visit}};
}

static void one_is_inside_and_others_follow_in_order(void)
{
    struct visitor v[MOST];
    struct gate gate;
    ecom_error e;

    open_gate(&gate, v);
    CHECK_I64(1, gate_enter(&gate, &v[0].turn, &e));
    CHECK_I64(0, gate_enter(&gate, &v[1].turn, &e));
    CHECK_I64(0, gate_enter(&gate, &v[2].turn, &e));
    CHECK_U64(0, njobs);
    for (uint32_t i = 1; i <= 2; i++) {
        gate_leave(&gate);
        CHECK_U64(i, njobs);
        jobs[i - 1].fn(jobs[i - 1].arg, 0);
        CHECK(v[i].runs == 1 && !v[i].cancelled, "the %u. ran %d times", i, v[i].runs);
        CHECK(v[2].runs == (i == 2), "the last ran %d times", v[2].runs);
    }
    CHECK_I64(0, gate_enter(&gate, &v[3].turn, &e));
    gate_leave(&gate);
    jobs[2].fn(jobs[2].arg, 0);
    gate_leave(&gate);
    CHECK_I64(1, gate_enter(&gate, &v[4].turn, &e));
    gate_clear(&gate);
}

static void one_more_than_may_wait_is_refused_by_the_bound(void)
{
    struct visitor v[MOST];
    struct gate gate;
    ecom_error e;

    open_gate(&gate, v);
    CHECK_I64(1, gate_enter(&gate, &v[0].turn, &e));
    for (int i = 1; i <= GATE_MAX_WAITING; i++)
        CHECK_I64(0, gate_enter(&gate, &v[i].turn, &e));
    CHECK_CODE(ECOM_E_RATE, gate_enter(&gate, &v[MOST - 1].turn, &e), e);
    CHECK_TEXT("more than 64 requests above 64 KiB are waiting", e);
    gate_leave(&gate);
    CHECK_I64(0, gate_enter(&gate, &v[MOST - 1].turn, &e));
    gate_clear(&gate);
}

/* Whether the server takes no job any more, or gives one back that it took. */
static void when_the_server_ends_all_who_wait_are_told(void)
{
    struct visitor v[MOST];
    struct gate gate;
    ecom_error e;

    for (int taken = 0; taken < 2; taken++) {
        open_gate(&gate, v);
        CHECK_I64(1, gate_enter(&gate, &v[0].turn, &e));
        for (int i = 1; i <= 3; i++)
            CHECK_I64(0, gate_enter(&gate, &v[i].turn, &e));
        refuses = !taken;
        gate_leave(&gate);
        refuses = 1;
        CHECK_U64(taken, njobs);
        if (taken)
            jobs[0].fn(jobs[0].arg, 1);
        for (int i = 1; i <= 3; i++)
            CHECK(v[i].runs == 1 && v[i].cancelled, "the %d. ran %d times", i, v[i].runs);
        CHECK_I64(1, gate_enter(&gate, &v[4].turn, &e));
        gate_clear(&gate);
    }
}

static const struct check_case cases[] = {
    CASE(one_is_inside_and_others_follow_in_order),
    CASE(one_more_than_may_wait_is_refused_by_the_bound),
    CASE(when_the_server_ends_all_who_wait_are_told),
};

CHECK_MAIN("gate", cases)
