#include "payment.h"

int payment_open(const struct settings *settings, ecom_store *store, const ecom_env *env,
                 const ecom_log *log, ecom_payments **out, ecom_error *err)
{
    const ecom_simulated_options simulated = {
        .size = sizeof(simulated),
        .decline_all = settings->payment_decline == PAYMENT_DECLINE_ALL,
        .decline_above =
            settings->payment_decline_above == ECOM_ABSENT ? 0 : settings->payment_decline_above,
    };
    ecom_payments_options opts = {
        .size = sizeof(opts),
        .store = store,
        .env = env,
        .log = log,
        .topic = settings->payment_topic,
        .provider = &ecom_simulated_provider,
    };
    int r = ecom_simulated_new(&simulated, &opts.self, err);

    if (r < 0)
        return r;
    r = ecom_payments_new(&opts, out, err);
    if (r < 0)
        ecom_simulated_provider.close(opts.self);
    return r;
}
