#include "notification.h"

int notification_open_with(ecom_store *store, const ecom_env *env, const ecom_log *log,
                           const ecom_notification_channel *channel, void *self,
                           ecom_notifications **out, ecom_error *err)
{
    const ecom_notifications_options opts = {
        .size = sizeof(opts),
        .store = store,
        .env = env,
        .log = log,
        .channel = channel,
        .self = self,
    };

    return ecom_notifications_new(&opts, out, err);
}

int notification_open(ecom_store *store, const ecom_env *env, ecom_log *log,
                      ecom_notifications **out, ecom_error *err)
{
    return notification_open_with(store, env, log, &ecom_log_channel, log, out, err);
}
