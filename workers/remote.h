/* The workers' effects as functions of AWS Lambda: what PAYMENT_LAMBDA_NAME and
 * NOTIFICATION_LAMBDA_NAME ask for. The worker keeps its records, its outbox and its retries; only
 * the money and the message are somewhere else. */
#ifndef WORKERS_REMOTE_H
#define WORKERS_REMOTE_H

#include "daemon/daemon.h"

#include <ecom/notification.h>
#include <ecom/payment.h>

struct remote;

/* Loads libecom-aws and makes a client for one function, by the daemon's settings. Both must
 * outlive it. @return ECOM_E_NOTSUP: libecom-aws is not there; or as ecom_aws_new(). */
int remote_open(const struct daemon *daemon, ecom_str function, struct remote **out,
                ecom_error *err);
/* Lets invocations under way fail soon, and all later ones at once. NULL is fine. */
void remote_stop(struct remote *remote);
/* NULL is fine. */
void remote_close(struct remote *remote);

/* Truth: LAMBDA_INVOCATION_TYPE is Event: there are no results. */
int remote_is_async(const struct remote *remote);
/* For handlers of events; both answer ECOM_E_UNAVAILABLE until the daemon has started. This one
 * invokes the function with an event, and drops the result. */
int remote_hand_over(struct remote *remote, const ecom_delivery *delivery, ecom_error *err);
/* Calls a handler that asks the tables below: they invoke the function with this very event. */
int remote_handle(struct remote *remote, ecom_handler handler, void *user,
                  const ecom_delivery *delivery, ecom_error *err);

/* With a struct remote as their `self`, which they do not own. */
extern const ecom_payment_provider remote_provider;
extern const ecom_notification_channel remote_channel;

#endif
