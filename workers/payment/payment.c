#include "payment.h"

int payment_open_with(const struct settings *settings, ecom_store *store, const ecom_env *env,
                      const ecom_log *log, const ecom_payment_provider *provider, void *self,
                      ecom_payments **out, ecom_error *err)
{
    const ecom_payments_options opts = {
        .size = sizeof(opts),
        .store = store,
        .env = env,
        .log = log,
        .topic = settings->payment_topic,
        .provider = provider,
        .self = self,
    };

    return ecom_payments_new(&opts, out, err);
}

int payment_open(const struct settings *settings, ecom_store *store, const ecom_env *env,
                 const ecom_log *log, ecom_payments **out, ecom_error *err)
{
    const ecom_simulated_options simulated = {
        .size = sizeof(simulated),
        .decline_all = settings->payment_decline == PAYMENT_DECLINE_ALL,
        .decline_above =
            settings->payment_decline_above == ECOM_ABSENT ? 0 : settings->payment_decline_above,
    };
    void *self = NULL;
    int r = ecom_simulated_new(&simulated, &self, err);

    if (r < 0)
        return r;
    r = payment_open_with(settings, store, env, log, &ecom_simulated_provider, self, out, err);
    if (r < 0)
        ecom_simulated_provider.close(self);
    return r;
}
