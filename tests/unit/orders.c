#include <pthread.h>
#include <stdlib.h>

#include "shop_world.h"

#define TRACE "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

struct fixture {
    struct shop_world w;
    ecom_orders *orders, *elsewhere; /* two processes on one store */
};

static void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    const ecom_orders_options opts = {
        .size = sizeof(opts), .store = f->w.store, .env = &f->w.clock.env};
    if (ecom_orders_new(&opts, &f->orders, NULL) < 0 ||
        ecom_orders_new(&opts, &f->elsewhere, NULL) < 0)
        abort();
}

static void close_fixture(struct fixture *f)
{
    ecom_orders_free(f->orders);
    ecom_orders_free(f->elsewhere);
    shop_world_close(&f->w);
}

static ecom_caller caller_of(const char *user, const char *key)
{
    return (ecom_caller){.size = sizeof(ecom_caller),
                         .user_id = ecom_str_of(user),
                         .correlation_id = ecom_str_of("corr-1"),
                         .traceparent = ecom_str_of(TRACE),
                         .idempotency_key = ecom_str_of(key)};
}

static ecom_order_request request_of(int64_t amount)
{
    ecom_order_request request;

    ecom_record_init(&ecom_order_request_record, &request);
    request.amount = amount;
    return request;
}

static int place(struct fixture *f, const char *user, const char *key, int64_t amount,
                 ecom_order *out, ecom_error *e)
{
    const ecom_order_request request = request_of(amount);
    const ecom_caller caller = caller_of(user, key);

    f->w.clock.us += 1000;
    return ecom_orders_create(f->orders, &request, &caller, f->w.arena, out, NULL, e);
}

static ecom_payment_completed completed_of(const ecom_order *order, const char *event_id)
{
    return (ecom_payment_completed){
        .envelope = {.id = ecom_str_of(event_id), .time_ms = 1, .version = 1},
        .order_id = order->id,
        .user_id = order->user_id,
        .amount = order->amount,
        .currency = order->currency,
        .payment_id = order->id,
    };
}

static ecom_payment_failed failed_of(const ecom_order *order, const char *event_id)
{
    return (ecom_payment_failed){
        .envelope = {.id = ecom_str_of(event_id), .time_ms = 1, .version = 1},
        .order_id = order->id,
        .user_id = order->user_id,
        .amount = order->amount,
        .currency = order->currency,
        .payment_id = order->id,
        .reason = ecom_str_of("no money"),
    };
}

static int complete(struct fixture *f, const ecom_payment_completed *event, int *changed,
                    ecom_order *out, ecom_error *e)
{
    return ecom_orders_apply(f->orders, &ecom_payment_completed_contract, event, f->w.arena, out,
                             changed, e);
}

static int fail_payment(struct fixture *f, const ecom_payment_failed *event, int *changed,
                        ecom_order *out, ecom_error *e)
{
    return ecom_orders_apply(f->orders, &ecom_payment_failed_contract, event, f->w.arena, out,
                             changed, e);
}

static int status_of(struct fixture *f, const ecom_order *order)
{
    ecom_order now;

    return ecom_orders_get(f->orders, order->user_id, order->id, f->w.arena, &now, NULL) < 0
               ? -1
               : now.status;
}

static void an_order_is_accepted_together_with_its_event(void)
{
    struct fixture f;
    ecom_order order, found;
    ecom_msg msg;
    const ecom_contract *contract;
    void *event;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1999, &order, &e), e);
    CHECK_CODE(ECOM_OK, ecom_orders_get(f.orders, S("ann"), order.id, f.w.arena, &found, &e), e);
    CHECK_STR("ann", found.user_id);
    CHECK_I64(1999, found.amount);
    CHECK_STR("USD", found.currency);
    CHECK_I64(ECOM_ORDER_PENDING, found.status);
    CHECK(!found.payment_id.p && !found.failure_reason.p, "made up");
    CHECK_U64(1, f.w.puts);

    CHECK(shop_event(&f.w, &msg), "no event, or more than one");
    CHECK_STR("order-events", msg.topic);
    CHECK(ecom_str_eq(order.id, msg.key), "keyed otherwise");
    CHECK_STR("corr-1", ecom_msg_header(&msg, "x-correlation-id"));
    CHECK_STR(TRACE, ecom_msg_header(&msg, "traceparent"));
    CHECK_CODE(ECOM_OK,
               ecom_event_decode(ecom_shop_contracts, &msg, f.w.arena, &contract, &event, &e), e);
    const ecom_order_created *created = event;
    CHECK_STR("ORDER_CREATED", created->envelope.type);
    CHECK(ecom_str_eq(msg.id, created->envelope.id), "another id in the outbox");
    CHECK_STR("corr-1", created->envelope.correlation_id);
    CHECK(ecom_str_eq(order.id, created->order_id), "another order");
    CHECK_STR("ann", created->user_id);
    CHECK_I64(1999, created->amount);
    CHECK_STR("USD", created->currency);
    CHECK_I64(order.created_at, created->envelope.time_ms);
    close_fixture(&f);
}

static void the_topic_can_be_another(void)
{
    struct fixture f;
    ecom_orders *orders = NULL;
    ecom_order order;
    ecom_msg msg;
    ecom_error e = {0};
    const ecom_order_request request = request_of(1);
    const ecom_caller caller = caller_of("ann", NULL);

    open_fixture(&f);
    ecom_orders_options opts = {
        .size = sizeof(opts), .store = f.w.store, .topic = shop_repeat(&f.w, 't', 128)};
    CHECK_CODE(ECOM_OK, ecom_orders_new(&opts, &orders, &e), e);
    CHECK_CODE(ECOM_OK, ecom_orders_create(orders, &request, &caller, f.w.arena, &order, NULL, &e),
               e);
    CHECK(shop_event(&f.w, &msg) && ecom_str_eq(opts.topic, msg.topic), "elsewhere");
    ecom_orders_free(orders);
    opts.topic = S("no topic");
    CHECK_CODE(ECOM_E_INVAL, ecom_orders_new(&opts, &orders, &e), e);
    CHECK_STR("topic", ecom_str_of(e.field));
    opts.topic = shop_repeat(&f.w, 't', 129);
    CHECK(ecom_orders_new(&opts, &orders, &e) < 0, "taken");
    opts.store = NULL;
    CHECK_CODE(ECOM_E_INVAL, ecom_orders_new(&opts, &orders, &e), e);
    CHECK_STR("store", ecom_str_of(e.field));
    ecom_orders_free(NULL);
    close_fixture(&f);
}

static void an_order_belongs_to_its_caller(void)
{
    struct fixture f;
    ecom_caller ann = caller_of("ann", NULL), nobody = caller_of(NULL, NULL);
    ecom_order_request request = request_of(1);
    ecom_order order;
    ecom_error e = {0};

    open_fixture(&f);
    request.user_id = S("ann");
    CHECK_CODE(ECOM_OK, ecom_orders_create(f.orders, &request, &ann, f.w.arena, &order, NULL, &e),
               e);
    request.user_id = S("bob");
    CHECK_CODE(ECOM_E_FORBIDDEN,
               ecom_orders_create(f.orders, &request, &ann, f.w.arena, &order, NULL, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               ecom_orders_create(f.orders, &request, &nobody, f.w.arena, &order, NULL, &e), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               ecom_orders_create(f.orders, &request, NULL, f.w.arena, &order, NULL, &e), e);
    CHECK_I64(1, shop_count(&f.w, "orders"));
    CHECK_CODE(ECOM_E_NOTFOUND,
               ecom_orders_get(f.orders, S("bob"), order.id, f.w.arena, &order, &e), e);
    close_fixture(&f);
}

struct outcome {
    int calls, code;
    char id[64], field[64];
};

static void on_outcome(void *user, int r, const ecom_order *order, ecom_error *err)
{
    struct outcome *out = user;

    out->calls++;
    out->code = r;
    snprintf(out->id, sizeof(out->id), "%.*s", r < 0 ? 0 : (int)order->id.n,
             r < 0 ? "" : order->id.p);
    snprintf(out->field, sizeof(out->field), "%s", r < 0 ? err->field : "");
}

static int place_later(struct fixture *f, const char *key, int64_t amount, struct outcome *out,
                       ecom_error *e)
{
    const ecom_order_request request = request_of(amount);
    const ecom_caller caller = caller_of("u1", key);

    *out = (struct outcome){0};
    return ecom_orders_create_later(f->orders, &request, &caller, f->w.arena, on_outcome, out, e);
}

static void an_order_that_is_not_waited_for_is_told_of_once(void)
{
    struct fixture f;
    struct outcome first, again;
    ecom_order found;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place_later(&f, NULL, 1999, &first, &e), e);
    CHECK_I64(1, first.calls);
    CHECK_I64(ECOM_OK, first.code);
    CHECK_CODE(ECOM_OK,
               ecom_orders_get(f.orders, S("u1"), ecom_str_of(first.id), f.w.arena, &found, &e), e);
    CHECK_I64(1999, found.amount);
    CHECK_I64(ECOM_ORDER_PENDING, found.status);

    CHECK_CODE(ECOM_E_INVAL, place_later(&f, NULL, 0, &first, &e), e);
    CHECK_I64(0, first.calls);
    CHECK_STR("amount", ecom_str_of(e.field));

    CHECK_CODE(ECOM_OK, place_later(&f, "key", 500, &first, &e), e);
    CHECK_CODE(ECOM_OK, place_later(&f, "key", 500, &again, &e), e);
    CHECK_I64(1, again.calls);
    CHECK_STR(first.id, ecom_str_of(again.id));
    CHECK_CODE(ECOM_OK, place_later(&f, "key", 501, &again, &e), e);
    CHECK_I64(ECOM_E_UNPROCESSABLE, again.code);
    CHECK_STR("Idempotency-Key", ecom_str_of(again.field));
    close_fixture(&f);
}

static void another_users_order_looks_like_none(void)
{
    struct fixture f;
    ecom_order order, found;
    ecom_error others = {0}, none = {0};
    const ecom_id id = ecom_id_new(ecom_env_system());

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &order, &none), none);
    CHECK_CODE(ECOM_E_NOTFOUND,
               ecom_orders_get(f.orders, S("bob"), order.id, f.w.arena, &found, &others), others);
    CHECK_CODE(ECOM_E_NOTFOUND,
               ecom_orders_get(f.orders, S("bob"), ecom_str_of(id.s), f.w.arena, &found, &none),
               none);
    CHECK(memcmp(&others, &none, sizeof(none)) == 0, "\"%s\" or \"%s\"", others.text, none.text);
    CHECK_CODE(ECOM_E_NOTFOUND,
               ecom_orders_get(f.orders, S(""), order.id, f.w.arena, &found, &none), none);
    close_fixture(&f);
}

static void each_limit_holds_and_names_its_field(void)
{
    struct fixture f;
    ecom_order order;
    ecom_error e = {0};

    open_fixture(&f);
    static const int64_t amounts[] = {ECOM_ABSENT, 0, -1, ECOM_AMOUNT_MAX + 1, INT64_MAX};
    for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
        CHECK_CODE(ECOM_E_INVAL, place(&f, "ann", NULL, amounts[i], &order, &e), e);
        CHECK_STR("amount", ecom_str_of(e.field));
    }
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &order, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, ECOM_AMOUNT_MAX, &order, &e), e);

    ecom_caller caller = caller_of("ann", NULL);
    ecom_order_request request = request_of(1);
    request.currency = S("EURO");
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_create(f.orders, &request, &caller, f.w.arena, &order, NULL, &e), e);
    CHECK_STR("currency", ecom_str_of(e.field));
    request = request_of(1);
    caller.user_id = shop_repeat(&f.w, 'u', 129);
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_create(f.orders, &request, &caller, f.w.arena, &order, NULL, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    caller.user_id = shop_repeat(&f.w, 'u', 128);
    CHECK_CODE(ECOM_OK,
               ecom_orders_create(f.orders, &request, &caller, f.w.arena, &order, NULL, &e), e);
    caller.correlation_id = shop_repeat(&f.w, 'c', 129);
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_create(f.orders, &request, &caller, f.w.arena, &order, NULL, &e), e);
    CHECK_STR("correlationId", ecom_str_of(e.field));
    CHECK_I64(3, shop_count(&f.w, "orders"));
    close_fixture(&f);
}

static void a_replayed_order_is_shown_as_it_was_accepted(void)
{
    struct fixture f;
    ecom_order first, again, other;
    const ecom_caller caller = caller_of("ann", "key");
    ecom_order_request request = request_of(1999);
    ecom_error e = {0};
    int replayed = -1;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 1999, &first, &e), e);
    check_world_move_ms(&f.w.clock, 1000);
    const ecom_payment_completed event = completed_of(&first, "e1");
    CHECK_CODE(ECOM_OK, complete(&f, &event, NULL, &again, &e), e);
    request.user_id = S("ann"); /* says what was left out before */
    CHECK_CODE(ECOM_OK,
               ecom_orders_create(f.elsewhere, &request, &caller, f.w.arena, &again, &replayed, &e),
               e);
    CHECK_I64(1, replayed);
    CHECK(ecom_str_eq(first.id, again.id), "another");
    CHECK_I64(ECOM_ORDER_PENDING, again.status);
    CHECK_I64(first.updated_at, again.updated_at);
    CHECK(!again.payment_id.p, "paid");
    CHECK_I64(ECOM_ORDER_PAID, status_of(&f, &first));
    CHECK_CODE(ECOM_E_UNPROCESSABLE, place(&f, "ann", "key", 2000, &other, &e), e);
    CHECK_STR("Idempotency-Key", ecom_str_of(e.field));
    CHECK_CODE(ECOM_OK, place(&f, "bob", "key", 2000, &other, &e), e);
    CHECK_I64(2, shop_count(&f.w, "orders"));
    CHECK_I64(2, shop_events(&f.w));
    close_fixture(&f);
}

static void a_key_that_is_free_again_takes_nothing_from_the_old_order(void)
{
    struct fixture f;
    ecom_order first, second;
    ecom_order_page page;
    ecom_order_query query;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 1999, &first, &e), e);
    const ecom_payment_completed event = completed_of(&first, "e1");
    CHECK_CODE(ECOM_OK, complete(&f, &event, NULL, &second, &e), e);
    check_world_move_ms(&f.w.clock, ECOM_KEY_TTL_MS);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 5, &second, &e), e);
    CHECK(!ecom_str_eq(first.id, second.id), "replayed");
    CHECK_I64(ECOM_ORDER_PAID, status_of(&f, &first));
    ecom_record_init(&ecom_order_query_record, &query);
    query.status = ECOM_ORDER_PAID;
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("ann"), &query, f.w.arena, &page, &e), e);
    CHECK_U64(1, page.items.n);
    close_fixture(&f);
}

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

static void *race_to_order(void *user)
{
    struct racer *racer = user;
    const ecom_order_request request = request_of(100);
    const ecom_caller caller = caller_of("ann", "key");
    ecom_arena *arena = ecom_arena_new(0);
    ecom_order out;

    racer->r = arena ? ecom_orders_create(racer->changed ? racer->f->elsewhere : racer->f->orders,
                                          &request, &caller, arena, &out, NULL, NULL)
                     : ECOM_E_NOMEM;
    ecom_arena_free(arena);
    return NULL;
}

static void threads_of_two_processes_with_one_key_make_one_order_and_one_event(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct racer racers[4];

    open_fixture(&f);
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){&f, NULL, -1, i % 2};
        CHECK(pthread_create(&threads[i], NULL, race_to_order, &racers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++)
        CHECK(racers[i].r == ECOM_OK || racers[i].r == ECOM_E_CONFLICT, "%s",
              check_code(racers[i].r));
    CHECK_I64(1, shop_count(&f.w, "orders"));
    CHECK_I64(1, shop_events(&f.w));
    close_fixture(&f);
}

static int list(struct fixture *f, const char *user, int64_t first, ecom_str after, int32_t status,
                ecom_order_page *out, ecom_error *e)
{
    ecom_order_query query;

    ecom_record_init(&ecom_order_query_record, &query);
    query.first = first;
    query.after = after;
    query.status = status;
    return ecom_orders_list(f->orders, ecom_str_of(user), &query, f->w.arena, out, e);
}

/* The amounts of a page, "3 2 1". */
static const char *amounts_of(const ecom_order_page *page)
{
    static char out[200];
    const ecom_order *items = page->items.items;
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < page->items.n && n < sizeof(out); i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%d", i ? " " : "", (int)items[i].amount);
    return out;
}

static void a_user_lists_own_orders_newest_first_and_by_status(void)
{
    struct fixture f;
    ecom_order orders[5], other, out;
    ecom_order_page page;
    ecom_error e = {0};

    open_fixture(&f);
    for (int i = 0; i < 5; i++) {
        CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, i + 1, &orders[i], &e), e);
        CHECK_CODE(ECOM_OK, place(&f, "ann2", NULL, 50 + i, &other, &e), e);
    }
    for (int i = 0; i < 4; i += 2) {
        const ecom_payment_completed yes = completed_of(&orders[i], "e1");
        CHECK_CODE(ECOM_OK, complete(&f, &yes, NULL, &out, &e), e);
    }
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("ann"), NULL, f.w.arena, &page, &e), e);
    CHECK_STR("5 4 3 2 1", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("5 4", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 3, page.next_cursor, ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("3 2 1", ecom_str_of(amounts_of(&page)));
    CHECK(!page.next_cursor.p, "more");
    CHECK_CODE(ECOM_OK, list(&f, "ann", 9, S(""), ECOM_ORDER_PAID, &page, &e), e);
    CHECK_STR("3 1", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ORDER_PENDING, &page, &e), e);
    CHECK_STR("5 4", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, page.next_cursor, ECOM_ORDER_PENDING, &page, &e), e);
    CHECK_STR("2", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ORDER_PAYMENT_FAILED, &page, &e), e);
    CHECK_U64(0, page.items.n);
    CHECK_CODE(ECOM_OK, list(&f, "bob", 2, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_U64(0, page.items.n);
    close_fixture(&f);
}

static void a_query_out_of_bounds_names_its_field(void)
{
    struct fixture f;
    ecom_order_page page;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 101, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("first", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 1, S("?"), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("after", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 1, S(""), 3, &page, &e), e);
    CHECK_STR("status", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "", 1, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    const ecom_str long_id = shop_repeat(&f.w, 'u', 129);
    CHECK_CODE(ECOM_E_INVAL, ecom_orders_list(f.orders, long_id, NULL, f.w.arena, &page, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    CHECK(!ecom_order_status_name(3) && !ecom_order_status_name(-1), "a name");
    CHECK_STR("PAYMENT_FAILED", ecom_str_of(ecom_order_status_name(ECOM_ORDER_PAYMENT_FAILED)));
    close_fixture(&f);
}

static void many_are_found_by_ids_if_they_are_the_users_own(void)
{
    struct fixture f;
    ecom_order mine, theirs, *found = NULL;
    ecom_order_page page;
    ecom_order_query query;
    ecom_error e = {0};
    char ids[200];
    size_t n = 0;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &mine, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "bob", NULL, 2, &theirs, &e), e);
    const ecom_str both[] = {theirs.id, mine.id};
    CHECK_CODE(ECOM_OK,
               ecom_orders_get_many(f.orders, S("ann"), both, 2, f.w.arena, &found, &n, &e), e);
    CHECK_U64(1, n);
    CHECK_I64(1, found[0].amount);
    snprintf(ids, sizeof(ids), "%.*s,%.*s", 36, mine.id.p, 36, theirs.id.p);
    ecom_record_init(&ecom_order_query_record, &query);
    query.ids = ecom_str_of(ids);
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e), e);
    CHECK_STR("2", ecom_str_of(amounts_of(&page)));
    query.user_id = S("bob");
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e), e);
    query.user_id = S("ann");
    CHECK_CODE(ECOM_E_FORBIDDEN, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e),
               e);
    CHECK_STR("userId", ecom_str_of(e.field));
    close_fixture(&f);
}

static void pages_of_users_are_those_that_the_caller_may_see(void)
{
    struct fixture f;
    ecom_order order;
    ecom_order_pages pages;
    ecom_order_pages_query query;
    ecom_error e = {0};
    char many[101 * 2];

    open_fixture(&f);
    for (int64_t n = 1; n <= 3; n++)
        CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, n, &order, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "bob", NULL, 9, &order, &e), e);
    ecom_record_init(&ecom_order_pages_query_record, &query);
    query.user_ids = S("bob,ann,bob,ann");
    query.first = 2;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    CHECK_U64(1, pages.items.n);
    const ecom_user_orders *own = pages.items.items;
    CHECK_STR("ann", own->user_id);
    const ecom_order *items = own->items.items;
    CHECK_U64(2, own->items.n);
    CHECK_I64(3, items[0].amount);
    query.after = own->next_cursor;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    own = pages.items.items;
    CHECK_U64(1, own->items.n);
    CHECK(!own->next_cursor.p, "more");
    query.after = S("");
    query.status = ECOM_ORDER_PAID;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    own = pages.items.items;
    CHECK_U64(0, own->items.n);
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("eve"), &query, f.w.arena, &pages, &e),
               e);
    CHECK_U64(0, pages.items.n);
    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "u,", 2);
    query.user_ids = (ecom_str){many, sizeof(many) - 3};
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    query.user_ids = (ecom_str){many, sizeof(many) - 1};
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e), e);
    CHECK_TEXT("userIds: at most 100 at once, not 101", e);
    CHECK_STR("userIds", ecom_str_of(e.field));
    query.user_ids = S("ann,,bob");
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e), e);
    close_fixture(&f);
}

static void a_store_that_fails_at_any_call_loses_and_doubles_nothing(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            ecom_order order, out;
            ecom_error e = {0};

            open_fixture(&f);
            shop_world_fail_at(&f.w, n, (enum shop_fault)fault);
            int r = place(&f, "ann", "key", 100, &order, &e);
            if (r < 0)
                CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 100, &order, &e), e);
            const ecom_payment_completed yes = completed_of(&order, "e1");
            r = complete(&f, &yes, NULL, &out, &e);
            if (r < 0)
                CHECK_CODE(ECOM_OK, complete(&f, &yes, NULL, &out, &e), e);
            f.w.fail_at = 0;
            CHECK_I64(ECOM_ORDER_PAID, status_of(&f, &order));
            CHECK_I64(1, shop_count(&f.w, "orders"));
            CHECK_I64(1, shop_events(&f.w));
            int failed = f.w.failed;
            close_fixture(&f);
            if (!failed)
                break;
        }
}

static void a_store_that_fails_while_a_key_is_freed_leaves_two_whole_orders(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            ecom_order first, second, again;
            ecom_error e = {0};

            open_fixture(&f);
            CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 100, &first, &e), e);
            check_world_move_ms(&f.w.clock, ECOM_KEY_TTL_MS);
            shop_world_fail_at(&f.w, n, (enum shop_fault)fault);
            int r = place(&f, "ann", "key", 200, &second, &e), failed = f.w.failed;
            CHECK((r < 0) == failed, "call %u: %s", n, check_code(r));
            f.w.fail_at = 0;
            CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 200, &again, &e), e);
            CHECK(r < 0 || ecom_str_eq(second.id, again.id), "not replayed");
            CHECK_I64(200, again.amount);
            CHECK_I64(ECOM_ORDER_PENDING, status_of(&f, &first));
            CHECK_I64(2, shop_count(&f.w, "orders"));
            CHECK_I64(2, shop_events(&f.w));
            close_fixture(&f);
            if (!failed)
                break;
        }
}

/* Another process uses the key while this one is about to free it. */
static void take_the_key(void *user)
{
    struct fixture *f = user;
    const ecom_order_request request = request_of(300);
    const ecom_caller caller = caller_of("ann", "key");
    ecom_order out;

    if (ecom_orders_create(f->elsewhere, &request, &caller, f->w.arena, &out, NULL, NULL) < 0)
        abort();
}

static void of_two_processes_that_free_a_key_one_gets_it(void)
{
    struct fixture f;
    ecom_order order;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 100, &order, &e), e);
    check_world_move_ms(&f.w.clock, ECOM_KEY_TTL_MS);
    f.w.before_put = take_the_key;
    f.w.user = &f;
    CHECK_CODE(ECOM_E_UNPROCESSABLE, place(&f, "ann", "key", 200, &order, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 300, &order, &e), e);
    CHECK_I64(2, shop_count(&f.w, "orders"));
    close_fixture(&f);
}

static int whole_way(struct fixture *f, ecom_error *e)
{
    ecom_order order, out;
    ecom_order_page page;
    int r = place(f, "ann", "key", 100, &order, e);

    if (r == ECOM_OK)
        r = list(f, "ann", 5, S(""), ECOM_ORDER_PENDING, &page, e);
    if (r < 0)
        return r;
    const ecom_payment_completed yes = completed_of(&order, "e1");
    return complete(f, &yes, NULL, &out, e);
}

static void a_failed_allocation_is_told_and_changes_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        ecom_error e = {0};

        open_fixture(&f);
        check_alloc_fail_at(n);
        int r = whole_way(&f, &e), failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(failed ? r == ECOM_E_NOMEM : r == ECOM_OK, "allocation %d: %s: %s", (int)n,
              check_code(r), e.text);
        CHECK_CODE(ECOM_OK, whole_way(&f, &e), e);
        CHECK_I64(1, shop_count(&f.w, "orders"));
        CHECK_I64(1, shop_events(&f.w));
        close_fixture(&f);
        if (!failed)
            break;
    }
}

static void an_order_reads_back_from_what_callers_see(void)
{
    struct fixture f;
    ecom_order order, again;
    ecom_buf json = {0};
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", "key", 1990, &order, &e), e);
    CHECK_CODE(ECOM_OK, ecom_record_write(&ecom_order_record, &order, ECOM_VIEW_PUBLIC, &json), e);
    CHECK(!strstr(json.p, "idempotency") && strstr(json.p, "\"status\":\"PENDING\"") &&
              strstr(json.p, "\"amount\":19.9,"),
          "seen: %s", json.p);
    CHECK_CODE(
        ECOM_OK,
        ecom_record_read(&ecom_order_record, ecom_buf_str(&json), NULL, f.w.arena, &again, &e), e);
    CHECK_I64(1990, again.amount);
    ecom_buf_free(&json);
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
    CASE(an_order_is_accepted_together_with_its_event),
    CASE(the_topic_can_be_another),
    CASE(an_order_belongs_to_its_caller),
    CASE(an_order_that_is_not_waited_for_is_told_of_once),
    CASE(another_users_order_looks_like_none),
    CASE(each_limit_holds_and_names_its_field),
    CASE(a_replayed_order_is_shown_as_it_was_accepted),
    CASE(a_key_that_is_free_again_takes_nothing_from_the_old_order),
    CASE(an_order_is_moved_on_once),
    CASE(news_that_contradicts_the_end_is_rejected),
    CASE(an_event_that_is_not_of_the_order_is_rejected),
    CASE(two_who_apply_at_once_agree),
    CASE(of_threads_that_apply_one_event_one_moves_the_order),
    CASE(threads_of_two_processes_with_one_key_make_one_order_and_one_event),
    CASE(a_user_lists_own_orders_newest_first_and_by_status),
    CASE(a_query_out_of_bounds_names_its_field),
    CASE(many_are_found_by_ids_if_they_are_the_users_own),
    CASE(pages_of_users_are_those_that_the_caller_may_see),
    CASE(a_store_that_fails_at_any_call_loses_and_doubles_nothing),
    CASE(a_store_that_fails_while_a_key_is_freed_leaves_two_whole_orders),
    CASE(of_two_processes_that_free_a_key_one_gets_it),
    CASE(a_failed_allocation_is_told_and_changes_nothing),
    CASE(an_order_reads_back_from_what_callers_see),
    CASE(the_handler_applies_what_is_delivered),
};

CHECK_MAIN("orders", cases)
