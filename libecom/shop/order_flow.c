#include <string.h>

#include "shop/orders.h"
#include "shop/outcome.h"

enum { TRIES = 8 }; /* against others who write the same order; each is lost to one that got on */

/* All that ever happens to an order. */
static const struct transition {
    const ecom_contract *on;
    int32_t from, to;
} transitions[] = {
    {&ecom_payment_completed_contract, ECOM_ORDER_PENDING, ECOM_ORDER_PAID},
    {&ecom_payment_failed_contract, ECOM_ORDER_PENDING, ECOM_ORDER_PAYMENT_FAILED},
};

/* NULL: the order does not go on from where it is by this. */
static const struct transition *transition_on(const ecom_contract *on, int32_t from)
{
    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++)
        if (transitions[i].on == on && transitions[i].from == from)
            return &transitions[i];
    return NULL;
}

/* Truth: the order is where this would have led it. */
static int is_behind(const ecom_order *order, const ecom_contract *on)
{
    for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]); i++)
        if (transitions[i].on == on && transitions[i].to == order->status)
            return 1;
    return 0;
}

/* An event that contradicts the order is nobody's to believe. */
static int check_outcome(const ecom_order *order, const struct ecom__outcome *outcome,
                         ecom_error *err)
{
    if (order->amount != outcome->amount)
        return ecom_fail_field(
            err, ECOM_E_UNPROCESSABLE, "amount", "the order has %lld minor units, %s says %lld",
            (long long)order->amount, outcome->contract->type, (long long)outcome->amount);
    if (!ecom_str_eq(order->currency, outcome->currency))
        return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, "currency",
                               "the order has %.*s, %s says %.*s", (int)order->currency.n,
                               order->currency.p, outcome->contract->type, (int)outcome->currency.n,
                               outcome->currency.p);
    if (!ecom_str_eq(order->user_id, outcome->user_id))
        return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, "userId",
                               "%s names another user than the order", outcome->contract->type);
    return ECOM_OK;
}

/* An event for an order that has its end: the same news again, or news that cannot be true. */
static int check_again(const ecom_order *order, const struct ecom__outcome *outcome,
                       ecom_error *err)
{
    if (ecom_str_eq(order->payment_event_id, outcome->envelope->id))
        return ECOM_OK;
    if (!is_behind(order, outcome->contract))
        return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, "type", "the order is %s, not for %s",
                               ecom_order_status_name(order->status), outcome->contract->type);
    if (!ecom_str_eq(order->payment_id, outcome->payment_id))
        return ecom_fail_field(
            err, ECOM_E_UNPROCESSABLE, "paymentId", "the order is %s by another payment, %.*s",
            ecom_order_status_name(order->status), (int)order->payment_id.n, order->payment_id.p);
    return ECOM_OK;
}

static void move(ecom_orders *orders, const struct transition *transition,
                 const struct ecom__outcome *outcome, ecom_order *order)
{
    order->status = transition->to;
    order->payment_id = outcome->payment_id;
    if (outcome->reason.n)
        order->failure_reason = outcome->reason;
    order->payment_event_id = outcome->envelope->id;
    order->updated_at = ecom_env_now_ms(orders->env);
}

/* Reads, decides, writes. @param moved  out: 1 when it was written. */
static int apply_once(ecom_orders *orders, const struct ecom__outcome *outcome, ecom_arena *arena,
                      ecom_order *order, int *moved, ecom_error *err)
{
    uint64_t rev;
    int r = ecom__load(&orders->c, outcome->order_id, arena, order, &rev, err);

    *moved = 0;
    if (r < 0 || (r = check_outcome(order, outcome, err)) < 0)
        return r;
    const struct transition *transition = transition_on(outcome->contract, order->status);
    if (!transition)
        return check_again(order, outcome, err);
    move(orders, transition, outcome, order);
    if ((r = ecom__own(&ecom_order_record, order, arena, err)) < 0)
        return r;
    r = ecom__save(&orders->c, order, rev, NULL, arena, NULL, err);
    *moved = r == ECOM_OK;
    return r;
}

int ecom_orders_apply(ecom_orders *orders, const ecom_contract *contract, const void *event,
                      ecom_arena *arena, ecom_order *out, int *changed, ecom_error *err)
{
    struct ecom__outcome outcome;
    ecom_order order;
    int moved = 0, r = ecom__outcome_of(contract, event, &outcome, err);

    if (r < 0)
        return r;
    r = ECOM_E_CONFLICT;
    for (int i = 0; i < TRIES && r == ECOM_E_CONFLICT; i++)
        r = apply_once(orders, &outcome, arena, &order, &moved, err);
    if (r < 0)
        return r;
    if (moved)
        ecom__log_item(orders->log, outcome.envelope->correlation_id, "order moved on", "orderId",
                       order.id);
    if (changed)
        *changed = moved;
    *out = order;
    return ECOM_OK;
}

int ecom_orders_on_payment(void *orders, const ecom_delivery *delivery, ecom_error *err)
{
    ecom_order order;

    return ecom_orders_apply(orders, delivery->contract, delivery->event, delivery->arena, &order,
                             NULL, err);
}
