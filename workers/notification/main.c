/* notification-worker: consumes the payments' events and tells the user. */
#include "daemon/daemon.h"

#include "notification.h"
#include "workers/remote.h"

/* Notifications, and who sends where it is not this process. */
struct worker {
    ecom_notifications *notifications;
    struct remote *remote; /* NULL: this process does */
};

/* Only what was sent to the caller; another's order looks like one without notifications. */
static void keep_callers(ecom_notification_page *page, ecom_str user_id)
{
    ecom_notification *items = page->items.items;
    size_t kept = 0;

    for (size_t i = 0; i < page->items.n; i++)
        if (ecom_str_eq(items[i].user_id, user_id))
            items[kept++] = items[i];
    page->items.n = kept;
}

static int get_notifications(void *user, ecom_exchange *x, ecom_error *err)
{
    const struct worker *w = ((struct daemon *)user)->domain;
    ecom_notification_page page;
    int r = ecom_notifications_list(w->notifications, ecom_exchange_params(x),
                                    ecom_exchange_arena(x), &page, err);

    if (r < 0)
        return r;
    keep_callers(&page, ecom_exchange_claims(x)->sub);
    return ecom_exchange_reply(x, &ecom_notification_page_record, &page, err);
}

static const ecom_route routes[] = {
    {.method = "GET",
     .pattern = "/notifications",
     .handle = get_notifications,
     .flags = ECOM_ROUTE_AUTH,
     .query = &ecom_notification_query_record,
     .response = &ecom_notification_page_record,
     .summary = "What the caller was told of an order, or last of each of some.",
     .operation = "listNotifications"},
};

static int open_notifications(struct daemon *d, ecom_error *err)
{
    const struct settings *s = &d->settings;
    struct worker *w = ecom_arena_alloc(d->arena, sizeof(*w));

    if (!w)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    d->domain = w;
    if (!s->notification_lambda.n)
        return notification_open(d->store, d->env, d->log, &w->notifications, err);
    int r = remote_open(d, s->notification_lambda, &w->remote, err);
    return r < 0 ? r
                 : notification_open_with(d->store, d->env, d->log, &remote_channel, w->remote,
                                          &w->notifications, err);
}

static void hurry(struct daemon *d)
{
    remote_stop(((struct worker *)d->domain)->remote);
}

static void close_notifications(struct daemon *d)
{
    const struct worker *w = d->domain;

    if (!w)
        return;
    ecom_notifications_free(w->notifications);
    remote_close(w->remote);
}

static int on_payment(void *user, const ecom_delivery *delivery, ecom_error *err)
{
    const struct worker *w = user;

    if (!w->remote)
        return ecom_notifications_on_payment(w->notifications, delivery, err);
    return remote_handle(w->remote, ecom_notifications_on_payment, w->notifications, delivery, err);
}

static const ecom_subscriber subscribers[] = {
    {&ecom_payment_completed_contract, on_payment},
    {&ecom_payment_failed_contract, on_payment},
};

static const struct daemon_spec spec = {
    .name = "notification-worker",
    .about = "Consumes PAYMENT_COMPLETED and PAYMENT_FAILED and tells the user. The bundled\n"
             "channel writes a line to the log. With NOTIFICATION_LAMBDA_NAME, a function of\n"
             "AWS Lambda tells the user. GET /notifications has what was told.",
    .needs = DAEMON_STORE | DAEMON_BUS | DAEMON_JWT,
    .port = offsetof(struct settings, notification_worker_port),
    .store_url = offsetof(struct settings, notification_store),
    .store_name = "notification",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_notifications,
    .close = close_notifications,
    .hurry = hurry,
    .topic = offsetof(struct settings, payment_topic),
    .subscribers = subscribers,
    .nsubscribers = sizeof(subscribers) / sizeof(subscribers[0]),
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
