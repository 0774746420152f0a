#include <pthread.h>
#include <stdlib.h>

#include "shop_world.h"

/* A provider with a memory: charges once for each key, and says how often it was asked. */
struct bank {
    pthread_mutex_t lock;
    char keys[8][64];
    int charges, asked, closed;
    int fail;  /* the next answer is this code instead, */
    int after; /* and 1: it has charged all the same */
    int32_t decline;
    ecom_charge last;
    const char *reason, *reference;
};

static int bank_charge(void *self, const ecom_charge *charge, ecom_charge_result *out,
                       ecom_error *err)
{
    struct bank *bank = self;
    char key[64];
    int known = 0, fail, r = ECOM_OK;

    snprintf(key, sizeof(key), "%.*s", (int)charge->idempotency_key.n, charge->idempotency_key.p);
    pthread_mutex_lock(&bank->lock);
    bank->asked++;
    bank->last = *charge;
    fail = bank->fail;
    bank->fail = 0;
    for (int i = 0; i < bank->charges; i++)
        known |= strcmp(bank->keys[i], key) == 0;
    if (!known && !bank->decline && (!fail || bank->after))
        strcpy(bank->keys[bank->charges++], key);
    if (fail)
        r = ecom_fail(err, fail, "the bank is closed");
    out->approved = !bank->decline;
    if (bank->reason)
        memcpy(out->reason, bank->reason, strlen(bank->reason));
    if (bank->reference)
        memcpy(out->reference, bank->reference, strlen(bank->reference));
    pthread_mutex_unlock(&bank->lock);
    return r;
}

static void bank_close(void *self)
{
    ((struct bank *)self)->closed++;
}

static const ecom_payment_provider bank_provider = {sizeof(bank_provider), "bank", bank_charge,
                                                    bank_close};

struct fixture {
    struct shop_world w;
    struct bank bank;
    ecom_payments *payments, *elsewhere; /* two workers on one store and one bank */
};

static void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    f->bank = (struct bank){.lock = PTHREAD_MUTEX_INITIALIZER};
    const ecom_payments_options opts = {
        .size = sizeof(opts),
        .store = f->w.store,
        .env = &f->w.clock.env,
        .provider = &bank_provider,
        .self = &f->bank,
    };
    if (ecom_payments_new(&opts, &f->payments, NULL) < 0 ||
        ecom_payments_new(&opts, &f->elsewhere, NULL) < 0)
        abort();
}

static void close_fixture(struct fixture *f)
{
    ecom_payments_free(f->payments);
    ecom_payments_free(f->elsewhere);
    shop_world_close(&f->w);
}

static ecom_order_created created_of(int64_t amount)
{
    return (ecom_order_created){
        .envelope = {.type = ecom_str_of("ORDER_CREATED"),
                     .id = ecom_str_of("event-1"),
                     .time_ms = 1,
                     .version = 1,
                     .correlation_id = ecom_str_of("corr-1"),
                     .traceparent =
                         ecom_str_of("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")},
        .order_id = ecom_str_of("order-1"),
        .user_id = ecom_str_of("ann"),
        .amount = amount,
        .currency = ecom_str_of("USD"),
    };
}

static int handle(struct fixture *f, const ecom_order_created *event, ecom_payment_result *out,
                  ecom_error *e)
{
    return ecom_payments_handle(f->payments, event, f->w.arena, out, e);
}

static void a_payment_is_taken_and_told_in_one_write(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_payment payment;
    const ecom_contract *contract;
    void *read;
    ecom_msg msg;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    CHECK_I64(0, result.repeated);
    CHECK_I64(ECOM_PAYMENT_COMPLETED, result.payment.status);
    CHECK(result.contract == &ecom_payment_completed_contract, "another contract");
    CHECK_I64(1, f.bank.charges);
    CHECK_STR("order-1", f.bank.last.idempotency_key);
    CHECK_I64(1999, f.bank.last.amount);
    CHECK_STR("USD", f.bank.last.currency);
    CHECK_U64(2, f.w.puts); /* begun, ended */

    CHECK(shop_event(&f.w, &msg), "no event, or more than one");
    CHECK_STR("payment-events", msg.topic);
    CHECK_STR("order-1", msg.key);
    CHECK_STR("corr-1", ecom_msg_header(&msg, "x-correlation-id"));
    CHECK(ecom_str_eq(event.envelope.traceparent, ecom_msg_header(&msg, "traceparent")),
          "the trace is lost");
    CHECK_CODE(ECOM_OK,
               ecom_event_decode(ecom_shop_contracts, &msg, f.w.arena, &contract, &read, &e), e);
    CHECK(contract == &ecom_payment_completed_contract, "another contract");
    const ecom_payment_completed *told = read, *handed = result.event;
    CHECK(ecom_str_eq(told->envelope.id, handed->envelope.id), "another event");
    CHECK_STR("corr-1", told->envelope.correlation_id);
    CHECK_STR("order-1", told->order_id);
    CHECK_STR("ann", told->user_id);
    CHECK_I64(1999, told->amount);
    CHECK(ecom_str_eq(result.payment.id, told->payment_id), "another payment");

    CHECK_CODE(ECOM_OK, ecom_payments_get(f.payments, S("order-1"), f.w.arena, &payment, &e), e);
    CHECK_STR("bank", payment.provider);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_payments_get(f.payments, S("no"), f.w.arena, &payment, &e), e);
    close_fixture(&f);
    CHECK_I64(2, f.bank.closed);
}

static void a_refusal_is_an_answer_with_its_reason(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_msg msg;
    ecom_error e = {0};

    open_fixture(&f);
    f.bank.decline = 1;
    f.bank.reason = "no\nmoney \xFF";
    f.bank.reference = "r\x01-1";
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    CHECK_I64(ECOM_PAYMENT_FAILED, result.payment.status);
    CHECK_STR("no?money ?", result.payment.reason);
    CHECK_STR("r?-1", result.payment.reference);
    CHECK(result.contract == &ecom_payment_failed_contract, "another contract");
    const ecom_payment_failed *told = result.event;
    CHECK_STR("no?money ?", told->reason);
    CHECK(shop_event(&f.w, &msg) && strstr(msg.body.p, "PAYMENT_FAILED"), "not told");
    close_fixture(&f);

    open_fixture(&f);
    f.bank.decline = 1;
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    CHECK_STR("declined", result.payment.reason);
    close_fixture(&f);
}

static void a_long_answer_of_a_provider_is_cut(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_error e = {0};
    char reason[202], reference[66];

    open_fixture(&f);
    memset(reason, 'x', 201);
    memset(reference, 'y', 65);
    reason[201] = reference[65] = '\0';
    memcpy(reason + 199, "\xC3\xA4", 2); /* the last character does not end */
    f.bank.decline = 1;
    f.bank.reason = reason; /* without a NUL where there should be one */
    f.bank.reference = reference;
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    CHECK_U64(200, result.payment.reason.n);
    CHECK_I64('?', result.payment.reason.p[199]);
    CHECK_U64(64, result.payment.reference.n);
    close_fixture(&f);
}

static void a_second_delivery_charges_nothing_and_tells_the_same(void)
{
    struct fixture f;
    ecom_order_created event = created_of(1999);
    ecom_payment_result first, again;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, handle(&f, &event, &first, &e), e);
    check_world_move_ms(&f.w.clock, 1000);
    event.envelope.id = S("event-2"); /* published twice under two ids, even */
    CHECK_CODE(ECOM_OK, handle(&f, &event, &again, &e), e);
    CHECK_I64(1, again.repeated);
    CHECK_I64(1, f.bank.asked);
    CHECK_I64(1, shop_events(&f.w));
    const ecom_payment_completed *a = first.event, *b = again.event;
    CHECK(ecom_str_eq(a->envelope.id, b->envelope.id) &&
              a->envelope.time_ms == b->envelope.time_ms &&
              ecom_str_eq(a->envelope.correlation_id, b->envelope.correlation_id) &&
              ecom_str_eq(a->envelope.traceparent, b->envelope.traceparent),
          "another event");
    close_fixture(&f);
}

static void another_payment_of_the_same_order_is_rejected(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    ecom_order_created other = event;
    other.amount = 1;
    CHECK_CODE(ECOM_E_UNPROCESSABLE, handle(&f, &other, &result, &e), e);
    CHECK_STR("amount", ecom_str_of(e.field));
    other = event;
    other.currency = S("EUR");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, handle(&f, &other, &result, &e), e);
    CHECK_STR("currency", ecom_str_of(e.field));
    other = event;
    other.user_id = S("bob");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, handle(&f, &other, &result, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    CHECK_I64(1, f.bank.charges);
    close_fixture(&f);
}

static void an_order_id_that_cannot_be_stored_is_rejected(void)
{
    struct fixture f;
    ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_error e = {0};

    open_fixture(&f);
    event.order_id = S("no id");
    CHECK_CODE(ECOM_E_INVAL, handle(&f, &event, &result, &e), e);
    event.order_id = S("");
    CHECK_CODE(ECOM_E_INVAL, handle(&f, &event, &result, &e), e);
    event = created_of(0);
    CHECK_CODE(ECOM_E_INVAL, handle(&f, &event, &result, &e), e);
    CHECK_STR("amount", ecom_str_of(e.field));
    CHECK_I64(0, f.bank.asked);
    close_fixture(&f);
}

static void what_a_provider_returns_is_tried_again_whatever_it_is(void)
{
    static const int codes[] = {ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_INVAL,
                                ECOM_E_FORBIDDEN,   ECOM_E_CORRUPT, ECOM_E_CONFLICT};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        struct fixture f;
        const ecom_order_created event = created_of(1999);
        ecom_payment_result result;
        ecom_payment payment;
        ecom_error e = {0};

        open_fixture(&f);
        f.bank.fail = codes[i];
        f.bank.after = (int)i % 2;
        int r = handle(&f, &event, &result, &e);
        if (codes[i] == ECOM_E_CONFLICT)
            CHECK_CODE(ECOM_OK, r, e); /* it is asked again at once */
        else
            CHECK(ecom_code_of(r)->retry && strstr(e.text, "closed"), "%s: %s", check_code(r),
                  e.text);
        CHECK_CODE(ECOM_OK, ecom_payments_get(f.payments, S("order-1"), f.w.arena, &payment, &e),
                   e);
        CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
        CHECK_I64(1, f.bank.charges);
        CHECK_I64(2, f.bank.asked);
        CHECK_I64(1, shop_events(&f.w));
        close_fixture(&f);
    }
}

static void a_payment_begun_with_another_provider_is_not_taken_up(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payments *payments = NULL;
    ecom_payment_result result;
    void *self = NULL;
    ecom_error e = {0};

    open_fixture(&f);
    f.bank.fail = ECOM_E_TIMEOUT;
    f.bank.after = 1;
    CHECK_CODE(ECOM_E_TIMEOUT, handle(&f, &event, &result, &e), e);
    CHECK_CODE(ECOM_OK, ecom_simulated_new(NULL, &self, &e), e);
    const ecom_payments_options opts = {.size = sizeof(opts),
                                        .store = f.w.store,
                                        .provider = &ecom_simulated_provider,
                                        .self = self};
    CHECK_CODE(ECOM_OK, ecom_payments_new(&opts, &payments, &e), e);
    CHECK_CODE(ECOM_E_UNPROCESSABLE, ecom_payments_handle(payments, &event, f.w.arena, &result, &e),
               e);
    CHECK_STR("provider", ecom_str_of(e.field));
    CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
    CHECK_CODE(ECOM_OK, ecom_payments_handle(payments, &event, f.w.arena, &result, &e), e);
    CHECK_I64(1, f.bank.charges);
    ecom_payments_free(payments);
    close_fixture(&f);
}

static void a_store_that_fails_at_any_call_ends_in_one_charge_and_one_event(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            const ecom_order_created event = created_of(1999);
            ecom_payment_result result;
            ecom_error e = {0};

            open_fixture(&f);
            shop_world_fail_at(&f.w, n, (enum shop_fault)fault);
            int r = handle(&f, &event, &result, &e), failed = f.w.failed;
            CHECK((r < 0) == failed, "call %u: %s", n, check_code(r));
            CHECK(!failed || ecom_code_of(r)->retry, "given up: %s", check_code(r));
            f.w.fail_at = 0;
            CHECK_CODE(ECOM_OK, ecom_payments_handle(f.elsewhere, &event, f.w.arena, &result, &e),
                       e);
            CHECK_I64(ECOM_PAYMENT_COMPLETED, result.payment.status);
            CHECK_I64(1, f.bank.charges);
            CHECK_I64(1, shop_count(&f.w, "payments"));
            CHECK_I64(1, shop_events(&f.w));
            close_fixture(&f);
            if (!failed)
                break;
        }
}

/* Another worker handles the same event while one is about to write. */
static void come_first(void *user)
{
    struct fixture *f = user;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;

    if (ecom_payments_handle(f->elsewhere, &event, f->w.arena, &result, NULL) < 0)
        abort();
}

static void two_workers_on_one_event_take_one_charge(void)
{
    for (int second = 0; second < 2; second++) {
        struct fixture f;
        const ecom_order_created event = created_of(1999);
        ecom_payment_result result;
        ecom_error e = {0};

        open_fixture(&f);
        if (second) { /* at the write of the end, not of the beginning */
            f.bank.fail = ECOM_E_TIMEOUT;
            CHECK_CODE(ECOM_E_TIMEOUT, handle(&f, &event, &result, &e), e);
        }
        f.w.before_put = come_first;
        f.w.user = &f;
        CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
        CHECK_I64(1, result.repeated);
        CHECK_I64(1, f.bank.charges);
        CHECK_I64(1, shop_events(&f.w));
        close_fixture(&f);
    }
}

struct racer {
    struct fixture *f;
    int r, repeated;
};

static void *race(void *user)
{
    struct racer *racer = user;
    const ecom_order_created event = created_of(1999);
    ecom_arena *arena = ecom_arena_new(0);
    ecom_payment_result result = {0};

    racer->r = arena ? ecom_payments_handle(racer->f->payments, &event, arena, &result, NULL)
                     : ECOM_E_NOMEM;
    racer->repeated = result.repeated;
    ecom_arena_free(arena);
    return NULL;
}

static ecom_payments *open_simulated(struct fixture *f)
{
    ecom_payments_options opts = {.size = sizeof(opts),
                                  .store = f->w.store,
                                  .env = &f->w.clock.env,
                                  .provider = &ecom_simulated_provider};
    ecom_payments *payments = NULL;

    if (ecom_simulated_new(NULL, &opts.self, NULL) < 0 ||
        ecom_payments_new(&opts, &payments, NULL) < 0)
        abort();
    return payments;
}

static void pay_first(void *user)
{
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    struct fixture *f = user;
    ecom_payments *payments = open_simulated(f);

    if (ecom_payments_handle(payments, &event, f->w.arena, &result, NULL) < 0)
        abort();
    ecom_payments_free(payments);
}

/* Where there is nothing to remember before. */
static void a_payment_that_moves_no_money_is_written_once(void)
{
    for (unsigned n = 0, failed = 1; failed; n++) {
        struct fixture f;
        const ecom_order_created event = created_of(1999);
        ecom_payment_result result;
        ecom_error e = {0};

        open_fixture(&f);
        ecom_payments *payments = open_simulated(&f);
        shop_world_fail_at(&f.w, n, n % 2 ? SHOP_FAULT_BEFORE : SHOP_FAULT_AFTER);
        int r = ecom_payments_handle(payments, &event, f.w.arena, &result, &e);
        failed = n == 0 || f.w.failed;
        CHECK_CODE(f.w.failed ? r : ECOM_OK, r, e);
        CHECK(n > 0 || f.w.puts == 1, "%u writes", f.w.puts);
        f.w.fail_at = 0;
        CHECK_CODE(ECOM_OK, ecom_payments_handle(payments, &event, f.w.arena, &result, &e), e);
        CHECK_I64(ECOM_PAYMENT_COMPLETED, result.payment.status);
        CHECK_I64(1, shop_count(&f.w, "payments"));
        CHECK_I64(1, shop_events(&f.w));
        ecom_payments_free(payments);
        close_fixture(&f);
    }
}

static void of_two_workers_that_write_once_one_does(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_payment_result result;
    ecom_error e = {0};

    open_fixture(&f);
    ecom_payments *payments = open_simulated(&f);
    f.w.before_put = pay_first;
    f.w.user = &f;
    CHECK_CODE(ECOM_OK, ecom_payments_handle(payments, &event, f.w.arena, &result, &e), e);
    CHECK_I64(1, result.repeated);
    CHECK_I64(1, shop_count(&f.w, "payments"));
    CHECK_I64(1, shop_events(&f.w));
    ecom_payments_free(payments);
    close_fixture(&f);
}

static void of_threads_on_one_event_one_ends_the_payment(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct racer racers[4];
    int ended = 0;

    open_fixture(&f);
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){&f, -1, 0};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK_I64(ECOM_OK, racers[i].r);
        ended += !racers[i].repeated;
    }
    CHECK_I64(1, ended);
    CHECK_I64(1, f.bank.charges);
    CHECK_I64(1, shop_events(&f.w));
    close_fixture(&f);
}

static void a_failed_allocation_is_told_and_charges_once(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        const ecom_order_created event = created_of(1999);
        ecom_payment_result result;
        ecom_error e = {0};

        open_fixture(&f);
        check_alloc_fail_at(n);
        int r = handle(&f, &event, &result, &e), failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(failed ? r == ECOM_E_NOMEM : r == ECOM_OK, "allocation %d: %s: %s", (int)n,
              check_code(r), e.text);
        CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
        CHECK_I64(1, f.bank.charges);
        CHECK_I64(1, shop_events(&f.w));
        close_fixture(&f);
        if (!failed)
            break;
    }
}

/* What the bundled provider says to an amount, under these rules. */
static int approves(const ecom_simulated_options *opts, int64_t amount, ecom_charge_result *out)
{
    const ecom_charge charge = {
        .size = sizeof(charge), .idempotency_key = ecom_str_of("order-1"), .amount = amount};
    ecom_charge_result result = {0}, again = {0};
    void *self = NULL;

    if (ecom_simulated_new(opts, &self, NULL) < 0 ||
        ecom_simulated_provider.charge(self, &charge, &result, NULL) < 0 ||
        ecom_simulated_provider.charge(self, &charge, &again, NULL) < 0)
        abort();
    ecom_simulated_provider.close(self);
    if (memcmp(&result, &again, sizeof(result)) != 0)
        return -1;
    *out = result;
    return result.approved;
}

static void the_simulated_provider_goes_by_the_amount(void)
{
    const ecom_simulated_options all = {.size = sizeof(all), .decline_all = 1},
                                 above = {.size = sizeof(above), .decline_above = 5000},
                                 lucky = {.size = sizeof(lucky), .approve_13 = 1};
    ecom_charge_result r;

    CHECK_I64(1, approves(NULL, 1999, &r));
    CHECK_STR("sim-order-1", ecom_str_of(r.reference));
    CHECK_I64(0, approves(NULL, 1913, &r));
    CHECK_STR("declined: the amount ends in 13", ecom_str_of(r.reason));
    CHECK_I64(0, approves(NULL, 13, &r));
    CHECK_I64(1, approves(NULL, 1300, &r));
    CHECK_I64(1, approves(&lucky, 1913, &r));
    CHECK_I64(0, approves(&all, 1, &r));
    CHECK_I64(1, approves(&above, 5000, &r));
    CHECK_I64(0, approves(&above, 5001, &r));
}

static void what_is_missing_is_named(void)
{
    struct fixture f;
    ecom_payments *payments = NULL;
    const ecom_payment_provider mute = {.size = sizeof(mute), .name = "mute"},
                                nameless = {sizeof(nameless), "", bank_charge, NULL},
                                long_named = {sizeof(long_named),
                                              "123456789012345678901234567890123", bank_charge,
                                              NULL};
    ecom_error e = {0};

    open_fixture(&f);
    ecom_payments_options opts = {.size = sizeof(opts), .provider = &bank_provider};
    CHECK_CODE(ECOM_E_INVAL, ecom_payments_new(&opts, &payments, &e), e);
    CHECK_STR("store", ecom_str_of(e.field));
    opts.store = f.w.store;
    opts.topic = S("no topic");
    CHECK_CODE(ECOM_E_INVAL, ecom_payments_new(&opts, &payments, &e), e);
    CHECK_STR("topic", ecom_str_of(e.field));
    opts.topic = S(".");
    CHECK_CODE(ECOM_E_INVAL, ecom_payments_new(&opts, &payments, &e), e);
    const ecom_payment_provider *bad[] = {NULL, &mute, &nameless, &long_named};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.provider = bad[i];
        CHECK(ecom_payments_new(&opts, &payments, &e) < 0 && strncmp(e.field, "provider", 8) == 0,
              "provider %d: %s", (int)i, e.field);
    }
    ecom_payments_free(NULL);
    CHECK(!ecom_payment_status_name(3) && !ecom_payment_status_name(-1), "a name");
    CHECK_STR("STARTED", ecom_str_of(ecom_payment_status_name(0)));
    close_fixture(&f);
    CHECK_I64(2, f.bank.closed);
}

static void the_handler_takes_orders_only(void)
{
    struct fixture f;
    const ecom_order_created event = created_of(1999);
    ecom_delivery delivery = {.contract = &ecom_order_created_contract, .event = &event};
    ecom_error e = {0};

    open_fixture(&f);
    delivery.arena = f.w.arena;
    CHECK_CODE(ECOM_OK, ecom_payments_on_order(f.payments, &delivery, &e), e);
    CHECK_I64(1, f.bank.charges);
    delivery.contract = &ecom_payment_completed_contract;
    CHECK_CODE(ECOM_E_INVAL, ecom_payments_on_order(f.payments, &delivery, &e), e);
    CHECK_STR("type", ecom_str_of(e.field));
    close_fixture(&f);
}

/* Written down, since what was told once has to be told the same way by later versions. */
static void an_events_id_comes_from_the_order_and_the_end_alone(void)
{
    static const struct {
        const char *order_id;
        int32_t decline;
        const char *event_id;
    } told[] = {
        {"order-1", 0, "af19ab8a-419e-8470-b1ac-a4fd5adfaaf3"},
        {"order-1", 1, "a0069617-1184-88ee-8b02-6369d6dd2be1"},
        {"01a20552-6ed1-7d53-8b14-2f3a63cba9de", 0, "01a20552-6ed1-7b92-9b94-9993c096d293"},
        {"01a20552-6ed1-7d53-8b14-2f3a63cba9de", 1, "01a20552-6ed1-7b99-8f5b-d1e20236ea2b"},
    };

    for (size_t i = 0; i < sizeof(told) / sizeof(told[0]) * 2; i++) {
        struct fixture f;
        ecom_order_created event = created_of(1999 + (int64_t)i);
        ecom_payment_result result;
        ecom_msg msg;
        ecom_error e = {0};
        open_fixture(&f); /* without memory of the time before */
        check_world_move_ms(&f.w.clock, 1000 * (int64_t)i);
        f.bank.decline = told[i / 2].decline;
        event.order_id = ecom_str_of(told[i / 2].order_id);
        CHECK_CODE(ECOM_OK, handle(&f, &event, &result, &e), e);
        CHECK_STR(told[i / 2].event_id, ((const ecom_envelope *)result.event)->id);
        CHECK(ecom_id_valid(((const ecom_envelope *)result.event)->id), "no UUID");
        CHECK(shop_event(&f.w, &msg) && strstr(msg.body.p, told[i / 2].event_id),
              "another is told");
        close_fixture(&f);
    }
}

static const struct check_case cases[] = {
    CASE(an_events_id_comes_from_the_order_and_the_end_alone),
    CASE(a_payment_is_taken_and_told_in_one_write),
    CASE(a_refusal_is_an_answer_with_its_reason),
    CASE(a_long_answer_of_a_provider_is_cut),
    CASE(a_second_delivery_charges_nothing_and_tells_the_same),
    CASE(another_payment_of_the_same_order_is_rejected),
    CASE(an_order_id_that_cannot_be_stored_is_rejected),
    CASE(what_a_provider_returns_is_tried_again_whatever_it_is),
    CASE(a_payment_begun_with_another_provider_is_not_taken_up),
    CASE(a_store_that_fails_at_any_call_ends_in_one_charge_and_one_event),
    CASE(two_workers_on_one_event_take_one_charge),
    CASE(a_payment_that_moves_no_money_is_written_once),
    CASE(of_two_workers_that_write_once_one_does),
    CASE(of_threads_on_one_event_one_ends_the_payment),
    CASE(a_failed_allocation_is_told_and_charges_once),
    CASE(the_simulated_provider_goes_by_the_amount),
    CASE(what_is_missing_is_named),
    CASE(the_handler_takes_orders_only),
};

CHECK_MAIN("payments", cases)
