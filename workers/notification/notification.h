/* Notifications as settings have them, the same in the worker and in the function. */
#ifndef WORKERS_NOTIFICATION_NOTIFICATION_H
#define WORKERS_NOTIFICATION_NOTIFICATION_H

#include <ecom/notification.h>

/* Over the bundled channel, which writes to the log. */
int notification_open(ecom_store *store, const ecom_env *env, ecom_log *log,
                      ecom_notifications **out, ecom_error *err);

#endif
