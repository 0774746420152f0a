/* Notifications as settings have them, the same in the worker and in the function. */
#ifndef WORKERS_NOTIFICATION_NOTIFICATION_H
#define WORKERS_NOTIFICATION_NOTIFICATION_H

#include <ecom/notification.h>

/* Over the bundled channel, which writes to the log, */
int notification_open(ecom_store *store, const ecom_env *env, ecom_log *log,
                      ecom_notifications **out, ecom_error *err);
/* or over another. */
int notification_open_with(ecom_store *store, const ecom_env *env, const ecom_log *log,
                           const ecom_notification_channel *channel, void *self,
                           ecom_notifications **out, ecom_error *err);

#endif
