/* notification-lambda: takes PAYMENT_COMPLETED and PAYMENT_FAILED and tells the user. */
#include "notification.h"
#include "workers/function.h"

static int open_notifications(struct function *f, ecom_error *err)
{
    ecom_notifications *notifications = NULL;
    int r = notification_open(f->store, f->env, f->log, &notifications, err);

    f->domain = notifications;
    return r;
}

static void close_notifications(struct function *f)
{
    ecom_notifications_free(f->domain);
}

/* The notification is returned, for a caller who wants to know. */
static int on_payment(void *user, const ecom_delivery *delivery, ecom_buf *result, ecom_error *err)
{
    struct function *f = user;
    ecom_notification item;
    int r = ecom_notifications_handle(f->domain, delivery->contract, delivery->event,
                                      delivery->arena, &item, NULL, err);

    f->handled++;
    if (r < 0)
        return r;
    if (ecom_record_write(&ecom_notification_record, &item, ECOM_VIEW_PUBLIC, result) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    return ECOM_OK;
}

static const ecom_lambda_route routes[] = {
    {&ecom_payment_completed_contract, on_payment},
    {&ecom_payment_failed_contract, on_payment},
};

static const struct function_spec spec = {
    .name = "notification-lambda",
    .about = "Takes PAYMENT_COMPLETED and PAYMENT_FAILED and tells the user. The bundled channel\n"
             "writes a line to the log.",
    .store_url = offsetof(struct settings, notification_store),
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_notifications,
    .close = close_notifications,
};

int main(int argc, char **argv)
{
    return function_main(&spec, argc, argv);
}
