#include <pthread.h>

#include "orders_world.h"

static void an_order_is_moved_on_once(void)
{
    struct fixture f;
    ecom_order paid, failed, out;
    ecom_error e = {0};
    int changed = -1;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &paid, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &failed, &e), e);
    check_world_move_ms(&f.w.clock, 77);
    ecom_payment_completed yes = completed_of(&paid, "e1");
    CHECK_CODE(ECOM_OK, complete(&f, &yes, &changed, &out, &e), e);
    CHECK_I64(1, changed);
    CHECK_I64(ECOM_ORDER_PAID, out.status);
    CHECK(ecom_str_eq(paid.id, out.payment_id), "no payment");
    CHECK_I64(ecom_env_now_ms(&f.w.clock.env), out.updated_at);
    ecom_payment_failed no = failed_of(&failed, "e2");
    CHECK_CODE(ECOM_OK, fail_payment(&f, &no, &changed, &out, &e), e);
    CHECK_I64(1, changed);
    CHECK_I64(ECOM_ORDER_PAYMENT_FAILED, out.status);
    CHECK_STR("no money", out.failure_reason);

    unsigned puts = f.w.puts;
    CHECK_CODE(ECOM_OK, complete(&f, &yes, &changed, &out, &e), e); /* again */
    CHECK_I64(0, changed);
    yes.envelope.id = S("e3"); /* the same said by another event */
    CHECK_CODE(ECOM_OK, complete(&f, &yes, &changed, &out, &e), e);
    CHECK_I64(0, changed);
    CHECK_CODE(ECOM_OK, fail_payment(&f, &no, &changed, &out, &e), e);
    CHECK_I64(0, changed);
    CHECK_U64(puts, f.w.puts);
    close_fixture(&f);
}

static void news_that_contradicts_the_end_is_rejected(void)
{
    struct fixture f;
    ecom_order order, out;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &order, &e), e);
    ecom_payment_completed yes = completed_of(&order, "e1");
    CHECK_CODE(ECOM_OK, complete(&f, &yes, NULL, &out, &e), e);
    ecom_payment_failed no = failed_of(&order, "e2");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, fail_payment(&f, &no, NULL, &out, &e), e);
    CHECK_STR("type", ecom_str_of(e.field));
    CHECK_TEXT("PAID", e);
    yes.envelope.id = S("e3");
    yes.payment_id = S("a second payment");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, complete(&f, &yes, NULL, &out, &e), e);
    CHECK_STR("paymentId", ecom_str_of(e.field));
    CHECK_I64(ECOM_ORDER_PAID, status_of(&f, &order));
    close_fixture(&f);
}

static void an_event_that_is_not_of_the_order_is_rejected(void)
{
    struct fixture f;
    ecom_order order, out;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 100, &order, &e), e);
    const ecom_payment_completed good = completed_of(&order, "e1");
    ecom_payment_completed bad = good;
    bad.amount = 99;
    CHECK_CODE(ECOM_E_UNPROCESSABLE, complete(&f, &bad, NULL, &out, &e), e);
    CHECK_STR("amount", ecom_str_of(e.field));
    CHECK_TEXT("99", e);
    bad = good;
    bad.currency = S("EUR");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, complete(&f, &bad, NULL, &out, &e), e);
    CHECK_STR("currency", ecom_str_of(e.field));
    bad = good;
    bad.user_id = S("bob");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, complete(&f, &bad, NULL, &out, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    bad = good;
    bad.order_id = S("no such order");
    CHECK_CODE(ECOM_E_NOTFOUND, complete(&f, &bad, NULL, &out, &e), e);
    const ecom_order_created created = {.order_id = order.id};
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_apply(f.orders, &ecom_order_created_contract, &created, f.w.arena, &out,
                                 NULL, &e),
               e);
    CHECK_STR("type", ecom_str_of(e.field));
    CHECK_I64(ECOM_ORDER_PENDING, status_of(&f, &order));
    CHECK(!ecom_code_of(ECOM_E_UNPROCESSABLE)->retry && !ecom_code_of(ECOM_E_NOTFOUND)->retry &&
              !ecom_code_of(ECOM_E_INVAL)->retry,
          "what can never be applied would be tried again");
    close_fixture(&f);
}

/* Another process applies an event while one is about to write. */
struct rival {
    struct fixture *f;
    const ecom_contract *contract;
    const void *event;
    int r;
};

static void come_first(void *user)
{
    struct rival *rival = user;
    ecom_order out;

    rival->r = ecom_orders_apply(rival->f->elsewhere, rival->contract, rival->event,
                                 rival->f->w.arena, &out, NULL, NULL);
}

static void two_who_apply_at_once_agree(void)
{
    struct fixture f;
    ecom_order order, out;
    ecom_error e = {0};
    int changed = -1;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 100, &order, &e), e);
    const ecom_payment_completed yes = completed_of(&order, "e1");
    struct rival rival = {&f, &ecom_payment_completed_contract, &yes, -1};
    f.w.before_put = come_first;
    f.w.user = &rival;
    CHECK_CODE(ECOM_OK, complete(&f, &yes, &changed, &out, &e), e);
    CHECK_I64(0, changed);
    CHECK_I64(ECOM_OK, rival.r);

    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 100, &order, &e), e);
    const ecom_payment_completed paid = completed_of(&order, "e2");
    const ecom_payment_failed no = failed_of(&order, "e3");
    rival = (struct rival){&f, &ecom_payment_failed_contract, &no, -1};
    f.w.before_put = come_first;
    CHECK_CODE(ECOM_E_UNPROCESSABLE, complete(&f, &paid, &changed, &out, &e), e);
    CHECK_I64(ECOM_ORDER_PAYMENT_FAILED, status_of(&f, &order));
    close_fixture(&f);
}

struct racer {
    struct fixture *f;
    const ecom_payment_completed *event;
    int r, changed;
};

static void *race(void *user)
{
    struct racer *racer = user;
    ecom_arena *arena = ecom_arena_new(0);
    ecom_order out;

    racer->r = arena ? ecom_orders_apply(racer->f->orders, &ecom_payment_completed_contract,
                                         racer->event, arena, &out, &racer->changed, NULL)
                     : ECOM_E_NOMEM;
    ecom_arena_free(arena);
    return NULL;
}

static void of_threads_that_apply_one_event_one_moves_the_order(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct racer racers[4];
    ecom_order order;
    ecom_error e = {0};
    int moved = 0;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 100, &order, &e), e);
    const ecom_payment_completed yes = completed_of(&order, "e1");
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){&f, &yes, -1, 0};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_I64(ECOM_OK, racers[i].r);
        moved += racers[i].changed;
    }
    CHECK_I64(1, moved);
    close_fixture(&f);
}

static void the_handler_applies_what_is_delivered(void)
{
    struct fixture f;
    ecom_order order;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 100, &order, &e), e);
    const ecom_payment_failed no = failed_of(&order, "e1");
    const ecom_delivery delivery = {
        .contract = &ecom_payment_failed_contract, .event = &no, .attempt = 1, .arena = f.w.arena};
    CHECK_CODE(ECOM_OK, ecom_orders_on_payment(f.orders, &delivery, &e), e);
    CHECK_I64(ECOM_ORDER_PAYMENT_FAILED, status_of(&f, &order));
    close_fixture(&f);
}

static const struct check_case cases[] = {
    CASE(an_order_is_moved_on_once),
    CASE(news_that_contradicts_the_end_is_rejected),
    CASE(an_event_that_is_not_of_the_order_is_rejected),
    CASE(two_who_apply_at_once_agree),
    CASE(of_threads_that_apply_one_event_one_moves_the_order),
    CASE(the_handler_applies_what_is_delivered),
};

CHECK_MAIN("orders-apply", cases)
