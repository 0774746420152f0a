#include "ecom/payment.h"

#include <stdio.h>
#include <stdlib.h>

#include "shop/collection.h"

int ecom_simulated_new(const ecom_simulated_options *opts, void **self, ecom_error *err)
{
    ecom_simulated_options *simulated = malloc(sizeof(*simulated));

    if (!simulated)
        return ecom__nomem(err);
    ecom__options_copy(simulated, sizeof(*simulated), opts);
    *self = simulated;
    return ECOM_OK;
}

static const char *reason_against(const ecom_simulated_options *rules, int64_t amount)
{
    if (rules->decline_all)
        return "declined: every charge is";
    if (rules->decline_above > 0 && amount > rules->decline_above)
        return "declined: the amount is above the limit";
    if (!rules->approve_13 && amount % 100 == 13)
        return "declined: the amount ends in 13";
    return NULL;
}

static int simulated_charge(void *self, const ecom_charge *charge, ecom_charge_result *out,
                            ecom_error *err)
{
    const char *reason = reason_against(self, charge->amount);

    (void)err;
    out->approved = !reason;
    if (reason)
        snprintf(out->reason, sizeof(out->reason), "%s", reason);
    snprintf(out->reference, sizeof(out->reference), "sim-%.*s",
             (int)(charge->idempotency_key.n < 60 ? charge->idempotency_key.n : 60),
             charge->idempotency_key.p);
    return ECOM_OK;
}

const ecom_payment_provider ecom_simulated_provider = {
    .size = sizeof(ecom_payment_provider),
    .name = "simulated",
    .charge = simulated_charge,
    .close = free,
    .write_once = 1,
};
