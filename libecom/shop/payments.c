#include "ecom/payment.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "base/utf8.h"
#include "shop/collection.h"

enum {
    MAX_ID = 256,
    MAX_PROVIDER = 32,
    MAX_REFERENCE = 64,
    MAX_REASON = 200,
    MAX_CORRELATION = 128,
    MAX_TRACEPARENT = 256,
    TRIES = 8 /* against others who handle the same order; each is lost to one that got on */
};

static const char *const status_names[] = {"STARTED", "COMPLETED", "FAILED", NULL};

static const ecom_field payment_fields[] = {
    ECOM_FIELD(ecom_payment, id, "id", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = MAX_ID,
               .doc = "The order's: so there is one payment of it."),
    ECOM_FIELD(ecom_payment, order_id, "orderId", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_ID),
    ECOM_FIELD(ecom_payment, user_id, "userId", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_USER_ID_MAX),
    ECOM_FIELD(ecom_payment, amount, "amount", MONEY, .flags = ECOM_REQUIRED, .min = 1),
    ECOM_FIELD(ecom_payment, currency, "currency", CURRENCY, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_payment, status, "status", ENUM, .flags = ECOM_REQUIRED, .names = status_names),
    ECOM_FIELD(ecom_payment, provider, "provider", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_PROVIDER),
    ECOM_FIELD(ecom_payment, reference, "reference", STRING, .max = MAX_REFERENCE,
               .doc = "The provider's own name for it."),
    ECOM_FIELD(ecom_payment, reason, "reason", STRING, .max = MAX_REASON, .doc = "Why it failed."),
    ECOM_FIELD(ecom_payment, created_at, "createdAt", TIME, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_payment, updated_at, "updatedAt", TIME, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_payment, event_id, "eventId", STRING, .flags = ECOM_PRIVATE, .max = MAX_ID,
               .doc = "Of the event that tells the end."),
    ECOM_FIELD(ecom_payment, correlation_id, "correlationId", STRING, .flags = ECOM_PRIVATE,
               .max = MAX_CORRELATION),
    ECOM_FIELD(ecom_payment, traceparent, "traceparent", STRING, .flags = ECOM_PRIVATE,
               .max = MAX_TRACEPARENT),
};
const ecom_record ecom_payment_record =
    ECOM_RECORD_WITH("Payment", ecom_payment, payment_fields, .doc = "The money for an order.");

struct ecom_payments {
    struct ecom__collection c;
    const ecom_env *env;
    const ecom_log *log;
    const ecom_payment_provider *provider;
    void *self;
    char topic[ECOM_BUS_MAX_NAME + 1]; /* empty: the contracts' */
};

const char *ecom_payment_status_name(int32_t status)
{
    return status >= 0 && status <= ECOM_PAYMENT_FAILED ? status_names[status] : NULL;
}

static int check_provider(const ecom_payment_provider *provider, ecom_error *err)
{
    if (!provider || provider->size < sizeof(*provider) || !provider->charge)
        return ecom_fail_field(err, ECOM_E_INVAL, "provider", "is missing, or without charge()");
    return ecom__check_name("provider.name", ecom_str_of(provider->name), MAX_PROVIDER, err);
}

int ecom_payments_new(const ecom_payments_options *opts, ecom_payments **out, ecom_error *err)
{
    ecom_payments_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = ecom__check_store(o.store, err);
    if (r == ECOM_OK)
        r = check_provider(o.provider, err);
    if (r == ECOM_OK && o.topic.n)
        r = ecom_bus_name_check("topic", o.topic, err);
    if (r < 0)
        return r;
    ecom_payments *payments = calloc(1, sizeof(*payments));
    if (!payments)
        return ecom__nomem(err);
    payments->c = (struct ecom__collection){o.store, "payments", &ecom_payment_record, NULL};
    payments->env = o.env ? o.env : ecom_env_system();
    payments->log = o.log;
    payments->provider = o.provider;
    payments->self = o.self;
    if (o.topic.n)
        memcpy(payments->topic, o.topic.p, o.topic.n);
    *out = payments;
    return ECOM_OK;
}

void ecom_payments_free(ecom_payments *payments)
{
    if (!payments)
        return;
    if (payments->provider->close)
        payments->provider->close(payments->self);
    free(payments);
}

static ecom_str or_absent(ecom_str s)
{
    return s.n ? s : (ecom_str){NULL, 0};
}

static int start(ecom_payments *payments, const ecom_order_created *event, ecom_arena *arena,
                 ecom_payment *payment, uint64_t *rev, ecom_error *err)
{
    ecom_record_init(&ecom_payment_record, payment);
    payment->id = payment->order_id = event->order_id;
    payment->user_id = event->user_id;
    payment->amount = event->amount;
    payment->currency = event->currency;
    payment->status = ECOM_PAYMENT_STARTED;
    payment->provider = ecom_str_of(payments->provider->name);
    payment->correlation_id = or_absent(event->envelope.correlation_id);
    payment->traceparent = or_absent(event->envelope.traceparent);
    payment->created_at = payment->updated_at = ecom_env_now_ms(payments->env);
    int r = ecom__own(&ecom_payment_record, payment, arena, err);
    *rev = 0;
    if (r < 0 || payments->provider->write_once)
        return r;
    return ecom__save(&payments->c, payment, 0, NULL, arena, rev, err);
}

/* The payment that was begun must be of the same order, in all that matters. Another provider knows
 * nothing of the idempotency key: it would charge a second time. */
static int check_same(const ecom_payments *payments, const ecom_payment *payment,
                      const ecom_order_created *event, ecom_error *err)
{
    const char *field = NULL;

    if (payment->amount != event->amount)
        field = "amount";
    else if (!ecom_str_eq(payment->currency, event->currency))
        field = "currency";
    else if (!ecom_str_eq(payment->user_id, event->user_id))
        field = "userId";
    else if (payment->status == ECOM_PAYMENT_STARTED &&
             !ecom_str_eq(payment->provider, ecom_str_of(payments->provider->name)))
        field = "provider";
    if (!field)
        return ECOM_OK;
    return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, field,
                           "the payment of this order was begun with another");
}

/* The payment as it stands, begun now if it was not. */
static int begin(ecom_payments *payments, const ecom_order_created *event, ecom_arena *arena,
                 ecom_payment *payment, uint64_t *rev, ecom_error *err)
{
    int r = ecom__load(&payments->c, event->order_id, arena, payment, rev, err);

    if (r == ECOM_E_NOTFOUND)
        r = start(payments, event, arena, payment, rev, err);
    return r < 0 ? r : check_same(payments, payment, event, err);
}

/* Whatever else it returned, it is not known what the provider did: it has to be asked again. */
static int ask(ecom_payments *payments, const ecom_payment *payment, ecom_charge_result *result,
               ecom_error *err)
{
    const ecom_charge charge = {
        .size = sizeof(charge),
        .idempotency_key = payment->id,
        .order_id = payment->order_id,
        .user_id = payment->user_id,
        .amount = payment->amount,
        .currency = payment->currency,
        .correlation_id = payment->correlation_id,
    };
    ecom_error why = {0};
    int r = payments->provider->charge(payments->self, &charge, result, &why);

    if (r == ECOM_OK)
        return ECOM_OK;
    if (!ecom_code_of(r)->retry)
        return ecom_fail(err, ECOM_E_BACKEND, "payment provider %s: %s", payments->provider->name,
                         why.text);
    if (err)
        *err = why;
    return r;
}

/* A provider's text as it may be stored: it ends, is UTF-8, one line. What is not becomes '?'. */
static void tidy(char *text, size_t size)
{
    text[size - 1] = '\0';
    for (ecom_str rest = ecom_str_of(text); rest.n;) {
        size_t at = (size_t)(rest.p - text);
        int32_t c = ecom__utf8_next(&rest);
        if (c < ' ' || c == 0x7F)
            text[at] = '?';
    }
}

static ecom_envelope envelope_of(const ecom_payment *payment, const ecom_contract *contract)
{
    return (ecom_envelope){
        .type = ecom_str_of(contract->type),
        .id = payment->event_id,
        .time_ms = payment->updated_at,
        .version = 1,
        .correlation_id = payment->correlation_id,
        .traceparent = payment->traceparent,
    };
}

static const void *completed_event(const ecom_payment *payment, ecom_arena *arena)
{
    ecom_payment_completed *event = ecom_arena_alloc(arena, sizeof(*event));

    if (event)
        *event = (ecom_payment_completed){
            .envelope = envelope_of(payment, &ecom_payment_completed_contract),
            .order_id = payment->order_id,
            .user_id = payment->user_id,
            .amount = payment->amount,
            .currency = payment->currency,
            .payment_id = payment->id,
        };
    return event;
}

static const void *failed_event(const ecom_payment *payment, ecom_arena *arena)
{
    ecom_payment_failed *event = ecom_arena_alloc(arena, sizeof(*event));

    if (event)
        *event = (ecom_payment_failed){
            .envelope = envelope_of(payment, &ecom_payment_failed_contract),
            .order_id = payment->order_id,
            .user_id = payment->user_id,
            .amount = payment->amount,
            .currency = payment->currency,
            .payment_id = payment->id,
            .reason = payment->reason,
        };
    return event;
}

/* The event of a payment that has ended: made of what is stored, so the same each time. */
static int tell(ecom_payment_result *result, ecom_arena *arena, ecom_error *err)
{
    if (result->payment.status == ECOM_PAYMENT_COMPLETED) {
        result->contract = &ecom_payment_completed_contract;
        result->event = completed_event(&result->payment, arena);
    } else {
        result->contract = &ecom_payment_failed_contract;
        result->event = failed_event(&result->payment, arena);
    }
    return result->event ? ECOM_OK : ecom__nomem(err);
}

/* The id of the event that tells the end: the same for the same order and end, also when whoever
 * pays has no memory of the first time, so that its readers see one event. A UUID with the order's
 * time in front, if its id has one, for ids that sort. */
static ecom_id event_id_of(const ecom_payment *payment)
{
    const char *status = status_names[payment->status];
    unsigned char hash[crypto_hash_sha256_BYTES], text[37];
    const int timed = ecom_id_valid(payment->order_id) && payment->order_id.p[14] == '7';
    crypto_hash_sha256_state state;
    ecom_id id;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)status, strlen(status) + 1);
    crypto_hash_sha256_update(&state, (const unsigned char *)payment->order_id.p,
                              payment->order_id.n);
    crypto_hash_sha256_final(&state, hash);
    hash[8] = (unsigned char)((hash[8] & 0x3F) | 0x80); /* RFC 9562's variant */
    sodium_bin2hex((char *)text, 33, hash, 16);
    for (size_t i = 0, k = 0; i < 36; i++)
        id.s[i] = i == 8 || i == 13 || i == 18 || i == 23 ? '-' : (char)text[k++];
    id.s[36] = '\0';
    if (timed)
        memcpy(id.s, payment->order_id.p, 13);
    id.s[14] = timed ? '7' : '8';
    return id;
}

static int finish(ecom_payments *payments, ecom_charge_result *answer, uint64_t rev,
                  ecom_arena *arena, ecom_payment_result *result, ecom_error *err)
{
    ecom_payment *payment = &result->payment;
    ecom_id event_id;
    ecom_msg msg;
    int r;

    tidy(answer->reference, sizeof(answer->reference));
    tidy(answer->reason, sizeof(answer->reason));
    payment->status = answer->approved ? ECOM_PAYMENT_COMPLETED : ECOM_PAYMENT_FAILED;
    payment->reference = or_absent(ecom_str_of(answer->reference));
    if (!answer->approved)
        payment->reason = ecom_str_of(answer->reason[0] ? answer->reason : "declined");
    event_id = event_id_of(payment);
    payment->event_id = ecom_str_of(event_id.s);
    payment->updated_at = ecom_env_now_ms(payments->env);
    if ((r = ecom__own(&ecom_payment_record, payment, arena, err)) < 0 ||
        (r = tell(result, arena, err)) < 0 ||
        (r = ecom_event_encode(result->contract, ecom_str_of(payments->topic), result->event, arena,
                               &msg, err)) < 0)
        return r;
    return ecom__save(&payments->c, payment, rev, &msg, arena, NULL, err);
}

static int handle_once(ecom_payments *payments, const ecom_order_created *event, ecom_arena *arena,
                       ecom_payment_result *result, ecom_error *err)
{
    ecom_charge_result answer = {0};
    uint64_t rev;
    int r = begin(payments, event, arena, &result->payment, &rev, err);

    if (r < 0)
        return r;
    result->repeated = result->payment.status != ECOM_PAYMENT_STARTED;
    if (result->repeated)
        return tell(result, arena, err);
    if ((r = ask(payments, &result->payment, &answer, err)) < 0)
        return r;
    return finish(payments, &answer, rev, arena, result, err);
}

int ecom_payments_handle(ecom_payments *payments, const ecom_order_created *event,
                         ecom_arena *arena, ecom_payment_result *out, ecom_error *err)
{
    ecom_payment_result result;
    int r = ECOM_E_CONFLICT;

    for (int i = 0; i < TRIES && r == ECOM_E_CONFLICT; i++)
        r = handle_once(payments, event, arena, &result, err);
    if (r < 0)
        return r;
    if (!result.repeated)
        ecom__log_item(payments->log, result.payment.correlation_id, "payment ended", "orderId",
                       result.payment.order_id);
    *out = result;
    return ECOM_OK;
}

int ecom_payments_on_order(void *payments, const ecom_delivery *delivery, ecom_error *err)
{
    ecom_payment_result result;

    if (strcmp(delivery->contract->type, ecom_order_created_contract.type) != 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "type", "%s asks for no payment",
                               delivery->contract->type);
    return ecom_payments_handle(payments, delivery->event, delivery->arena, &result, err);
}

int ecom_payments_get(ecom_payments *payments, ecom_str order_id, ecom_arena *arena,
                      ecom_payment *out, ecom_error *err)
{
    ecom_payment payment;
    int r = ecom__load(&payments->c, order_id, arena, &payment, NULL, err);

    if (r == ECOM_OK)
        *out = payment;
    return r;
}
