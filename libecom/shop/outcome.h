/* What the shop takes out of the events about payments. */
#ifndef ECOM_SHOP_OUTCOME_H
#define ECOM_SHOP_OUTCOME_H

#include "ecom/event.h"

/* What became of a payment: what its two events have in common, and the reason of a failure. */
struct ecom__outcome {
    const ecom_contract *contract; /* ours: of PAYMENT_COMPLETED or PAYMENT_FAILED */
    const ecom_envelope *envelope;
    ecom_str order_id, user_id, currency, payment_id;
    ecom_str reason; /* empty when it was completed */
    int64_t amount;
};

/* @return ECOM_E_INVAL (field `type`): neither of the two. */
int ecom__outcome_of(const ecom_contract *contract, const void *event, struct ecom__outcome *out,
                     ecom_error *err);

#endif
