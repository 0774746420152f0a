#include "shop/outcome.h"

#include <string.h>

static void of_completed(const ecom_payment_completed *event, struct ecom__outcome *out)
{
    *out = (struct ecom__outcome){
        .contract = &ecom_payment_completed_contract,
        .envelope = &event->envelope,
        .order_id = event->order_id,
        .user_id = event->user_id,
        .currency = event->currency,
        .payment_id = event->payment_id,
        .amount = event->amount,
    };
}

static void of_failed(const ecom_payment_failed *event, struct ecom__outcome *out)
{
    *out = (struct ecom__outcome){
        .contract = &ecom_payment_failed_contract,
        .envelope = &event->envelope,
        .order_id = event->order_id,
        .user_id = event->user_id,
        .currency = event->currency,
        .payment_id = event->payment_id,
        .reason = event->reason,
        .amount = event->amount,
    };
}

int ecom__outcome_of(const ecom_contract *contract, const void *event, struct ecom__outcome *out,
                     ecom_error *err)
{
    if (strcmp(contract->type, ecom_payment_completed_contract.type) == 0)
        of_completed(event, out);
    else if (strcmp(contract->type, ecom_payment_failed_contract.type) == 0)
        of_failed(event, out);
    else
        return ecom_fail_field(err, ECOM_E_INVAL, "type", "%s says nothing about a payment",
                               contract->type);
    return ECOM_OK;
}
