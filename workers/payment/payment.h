/* Payments as settings have them, the same in the worker and in the function. */
#ifndef WORKERS_PAYMENT_PAYMENT_H
#define WORKERS_PAYMENT_PAYMENT_H

#include "daemon/settings.h"

#include <ecom/payment.h>

/* Over the bundled provider, */
int payment_open(const struct settings *settings, ecom_store *store, const ecom_env *env,
                 const ecom_log *log, ecom_payments **out, ecom_error *err);
/* or over another, whose `self` is the payments' from then on. */
int payment_open_with(const struct settings *settings, ecom_store *store, const ecom_env *env,
                      const ecom_log *log, const ecom_payment_provider *provider, void *self,
                      ecom_payments **out, ecom_error *err);

#endif
