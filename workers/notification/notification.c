#include "notification.h"

int notification_open(ecom_store *store, const ecom_env *env, ecom_log *log,
                      ecom_notifications **out, ecom_error *err)
{
    const ecom_notifications_options opts = {
        .size = sizeof(opts),
        .store = store,
        .env = env,
        .log = log,
        .channel = &ecom_log_channel,
        .self = log,
    };

    return ecom_notifications_new(&opts, out, err);
}
