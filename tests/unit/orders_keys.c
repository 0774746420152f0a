#include <pthread.h>
#include <stdlib.h>

#include "orders_world.h"

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

struct racer {
    struct fixture *f;
    int r, elsewhere;
};

static void *race_to_order(void *user)
{
    struct racer *racer = user;
    const ecom_order_request request = request_of(100);
    const ecom_caller caller = caller_of("ann", "key");
    ecom_arena *arena = ecom_arena_new(0);
    ecom_order out;

    racer->r = arena ? ecom_orders_create(racer->elsewhere ? racer->f->elsewhere : racer->f->orders,
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
        racers[i] = (struct racer){&f, -1, i % 2};
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

static const struct check_case cases[] = {
    CASE(a_replayed_order_is_shown_as_it_was_accepted),
    CASE(a_key_that_is_free_again_takes_nothing_from_the_old_order),
    CASE(threads_of_two_processes_with_one_key_make_one_order_and_one_event),
    CASE(a_store_that_fails_while_a_key_is_freed_leaves_two_whole_orders),
    CASE(of_two_processes_that_free_a_key_one_gets_it),
};

CHECK_MAIN("orders-keys", cases)
