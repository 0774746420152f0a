#include "ecom/backend.h"
#include "orders_world.h"

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
    opts.topic = S("..");
    CHECK_CODE(ECOM_E_INVAL, ecom_orders_new(&opts, &orders, &e), e);
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

/* A backend that promises to wait for nothing, or does not; and at times has no room. */
struct quick {
    ecom_store *inner;
    int full;
};

static int put_later(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                     ecom_error *err)
{
    struct quick *quick = self;

    return quick->full ? ECOM_WOULD_WAIT
                       : ecom_store_put_later(quick->inner, write->change, fn, user, err);
}

static void an_order_is_made_on_a_loop_where_nothing_is_to_be_waited_for(void)
{
    static const struct {
        uint32_t caps;
        int full;
        const char *key;
        int tried;
    } table[] = {{ECOM_CAP_CONCURRENT, 0, NULL, ECOM_WOULD_WAIT},
                 {ECOM_CAP_CONCURRENT | ECOM_CAP_PUT_LATER, 0, "key", ECOM_WOULD_WAIT},
                 {ECOM_CAP_CONCURRENT | ECOM_CAP_PUT_LATER, 1, NULL, ECOM_WOULD_WAIT},
                 {ECOM_CAP_CONCURRENT | ECOM_CAP_PUT_LATER, 0, NULL, ECOM_OK}};
    const ecom_order_request request = request_of(100), wrong = request_of(0);
    ecom_store_ops ops = {.size = sizeof(ops), .name = "quick", .put_later = put_later};
    ecom_arena *arena = ecom_arena_new(0);
    ecom_error e = {0};

    ecom_store_forward(&ops);
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        const ecom_caller caller = caller_of("u1", table[i].key);
        struct quick self = {.full = table[i].full};
        ecom_orders_options opts = {.size = sizeof(opts)};
        struct outcome out = {0};
        ecom_orders *orders;
        ops.caps = table[i].caps;
        CHECK_CODE(ECOM_OK, ecom_store_open("memory:", NULL, &self.inner, &e), e);
        CHECK_CODE(ECOM_OK, ecom_store_new(&ops, &self, NULL, &opts.store, &e), e);
        CHECK_CODE(ECOM_OK, ecom_orders_new(&opts, &orders, &e), e);
        CHECK_I64(table[i].tried, ecom_orders_try_create_later(orders, &request, &caller, arena,
                                                               on_outcome, &out, &e));
        CHECK_I64(table[i].tried == ECOM_OK, out.calls);
        if (table[i].tried == ECOM_OK)
            CHECK_I64(ECOM_E_INVAL, ecom_orders_try_create_later(orders, &wrong, &caller, arena,
                                                                 on_outcome, &out, &e));
        CHECK_CODE(ECOM_OK,
                   ecom_orders_create_later(orders, &request, &caller, arena, on_outcome, &out, &e),
                   e);
        CHECK_I64(1 + (table[i].tried == ECOM_OK), out.calls);
        ecom_orders_free(orders);
        ecom_store_close(opts.store);
    }
    ecom_arena_free(arena);
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

static const struct check_case cases[] = {
    CASE(an_order_is_accepted_together_with_its_event),
    CASE(the_topic_can_be_another),
    CASE(an_order_belongs_to_its_caller),
    CASE(an_order_that_is_not_waited_for_is_told_of_once),
    CASE(an_order_is_made_on_a_loop_where_nothing_is_to_be_waited_for),
    CASE(another_users_order_looks_like_none),
    CASE(each_limit_holds_and_names_its_field),
    CASE(a_store_that_fails_at_any_call_loses_and_doubles_nothing),
    CASE(a_failed_allocation_is_told_and_changes_nothing),
    CASE(an_order_reads_back_from_what_callers_see),
};

CHECK_MAIN("orders", cases)
