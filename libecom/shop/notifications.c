#include "ecom/notification.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/limits.h"
#include "shop/collection.h"
#include "shop/outcome.h"

#define ORDER_INDEX "orderId"

enum {
    MAX_ID = 256,
    MAX_TYPE = 64,
    MAX_TEXT = 2048,
    MAX_CHANNEL = 32,
    MAX_CORRELATION = 128,
    TRIES = 8 /* against others who handle the same event; each is lost to one that got on */
};

static const char *const status_names[] = {"STARTED", "SENT", NULL};

static const ecom_field notification_fields[] = {
    ECOM_FIELD(ecom_notification, id, "id", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = MAX_ID,
               .doc = "The event's: so there is one notification of it."),
    ECOM_FIELD(ecom_notification, type, "type", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_TYPE, .doc = "The event's."),
    ECOM_FIELD(ecom_notification, order_id, ORDER_INDEX, STRING,
               .flags = ECOM_REQUIRED | ECOM_INDEX, .min = 1, .max = MAX_ID),
    ECOM_FIELD(ecom_notification, user_id, "userId", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_USER_ID_MAX),
    ECOM_FIELD(ecom_notification, text, "text", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_TEXT, .doc = "For people."),
    ECOM_FIELD(ecom_notification, status, "status", ENUM, .flags = ECOM_REQUIRED,
               .names = status_names),
    ECOM_FIELD(ecom_notification, channel, "channel", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_CHANNEL),
    ECOM_FIELD(ecom_notification, correlation_id, "correlationId", STRING, .flags = ECOM_NULLABLE,
               .max = MAX_CORRELATION),
    ECOM_FIELD(ecom_notification, created_at, "createdAt", TIME, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_notification, updated_at, "updatedAt", TIME, .flags = ECOM_REQUIRED),
};
const ecom_record ecom_notification_record =
    ECOM_RECORD_WITH("Notification", ecom_notification, notification_fields,
                     .doc = "What a user was told of a payment.");

static const ecom_field query_fields[] = {
    ECOM_FIELD(ecom_notification_query, order_id, ORDER_INDEX, STRING, .min = 1, .max = MAX_ID,
               .doc = "An order; it, or orderIds, must be there."),
    ECOM_FIELD(ecom_notification_query, first, "first", INT, .min = 1, .max = ECOM_PAGE_MAX,
               .fallback = "20", .doc = "How many at most."),
    ECOM_FIELD(ecom_notification_query, after, "after", STRING, .max = ECOM_CURSOR_MAX,
               .doc = "The nextCursor of the page before."),
    ECOM_FIELD(ecom_notification_query, order_ids, "orderIds", STRING, .max = ECOM_IDS_BYTES,
               .doc = "Ids of orders with commas between: the newest notification of each."),
};
const ecom_record ecom_notification_query_record = ECOM_RECORD_WITH(
    "NotificationQuery", ecom_notification_query, query_fields, .doc = "Which notifications.");

static const ecom_field page_fields[] = {
    ECOM_FIELD(ecom_notification_page, items, "items", LIST, .of = &ecom_notification_record,
               .flags = ECOM_REQUIRED, .max = ECOM_PAGE_MAX),
    ECOM_FIELD(ecom_notification_page, next_cursor, "nextCursor", STRING, .flags = ECOM_NULLABLE,
               .max = ECOM_CURSOR_MAX, .doc = "Hand it back as `after`; null: that was all."),
};
const ecom_record ecom_notification_page_record = ECOM_RECORD_WITH(
    "NotificationPage", ecom_notification_page, page_fields, .doc = "Notifications, newest first.");

struct ecom_notifications {
    struct ecom__collection c;
    const ecom_env *env;
    const ecom_log *log;
    const ecom_notification_channel *channel;
    void *self;
};

const char *ecom_notification_status_name(int32_t status)
{
    return status >= 0 && status <= ECOM_NOTIFICATION_SENT ? status_names[status] : NULL;
}

static int check_channel(const ecom_notification_channel *channel, ecom_error *err)
{
    if (!channel || channel->size < sizeof(*channel) || !channel->send)
        return ecom_fail_field(err, ECOM_E_INVAL, "channel", "is missing, or without send()");
    return ecom__check_name("channel.name", ecom_str_of(channel->name), MAX_CHANNEL, err);
}

int ecom_notifications_new(const ecom_notifications_options *opts, ecom_notifications **out,
                           ecom_error *err)
{
    ecom_notifications_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = ecom__check_store(o.store, err);
    if (r == ECOM_OK)
        r = check_channel(o.channel, err);
    if (r < 0)
        return r;
    ecom_notifications *notifications = calloc(1, sizeof(*notifications));
    if (!notifications)
        return ecom__nomem(err);
    notifications->c =
        (struct ecom__collection){o.store, "notifications", &ecom_notification_record, NULL};
    notifications->env = o.env ? o.env : ecom_env_system();
    notifications->log = o.log;
    notifications->channel = o.channel;
    notifications->self = o.self;
    *out = notifications;
    return ECOM_OK;
}

void ecom_notifications_free(ecom_notifications *notifications)
{
    if (!notifications)
        return;
    if (notifications->channel->close)
        notifications->channel->close(notifications->self);
    free(notifications);
}

/* "Your payment of 19.90 USD for order 42 was received." */
static int write_text(const struct ecom__outcome *outcome, ecom_buf *out)
{
    int r = ecom_buf_printf(out, "Your payment of %" PRId64 ".%02" PRId64 " %.*s for order %.*s ",
                            outcome->amount / 100, outcome->amount % 100, (int)outcome->currency.n,
                            outcome->currency.p, (int)outcome->order_id.n, outcome->order_id.p);

    if (r < 0)
        return r;
    if (outcome->contract == &ecom_payment_completed_contract)
        return ecom_buf_append(out, ecom_str_of("was received."));
    return ecom_buf_printf(out, "failed: %.*s", (int)outcome->reason.n, outcome->reason.p);
}

static int start(ecom_notifications *notifications, const struct ecom__outcome *outcome,
                 ecom_arena *arena, ecom_notification *item, uint64_t *rev, ecom_error *err)
{
    ecom_buf text = {0};
    int r = write_text(outcome, &text) < 0 ? ecom__nomem(err) : ECOM_OK;

    if (r == ECOM_OK) {
        ecom_record_init(&ecom_notification_record, item);
        item->id = outcome->envelope->id;
        item->type = ecom_str_of(outcome->contract->type);
        item->order_id = outcome->order_id;
        item->user_id = outcome->user_id;
        item->text = ecom_buf_str(&text);
        item->status = ECOM_NOTIFICATION_STARTED;
        item->channel = ecom_str_of(notifications->channel->name);
        if (outcome->envelope->correlation_id.n)
            item->correlation_id = outcome->envelope->correlation_id;
        item->created_at = item->updated_at = ecom_env_now_ms(notifications->env);
        r = ecom__own(&ecom_notification_record, item, arena, err);
    }
    ecom_buf_free(&text);
    *rev = 0;
    if (r < 0 || notifications->channel->write_once)
        return r;
    return ecom__save(&notifications->c, item, 0, NULL, arena, rev, err);
}

/* The notification as it stands, begun now if it was not. */
static int begin(ecom_notifications *notifications, const struct ecom__outcome *outcome,
                 ecom_arena *arena, ecom_notification *item, uint64_t *rev, ecom_error *err)
{
    int r = ecom__load(&notifications->c, outcome->envelope->id, arena, item, rev, err);

    if (r == ECOM_E_NOTFOUND)
        r = start(notifications, outcome, arena, item, rev, err);
    if (r < 0)
        return r;
    if (!ecom_str_eq(item->order_id, outcome->order_id) ||
        !ecom_str_eq(item->type, ecom_str_of(outcome->contract->type)))
        return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, "id",
                               "a %.*s of another order has had it", (int)item->type.n,
                               item->type.p);
    return ECOM_OK;
}

/* Sends and says so. Who dies between the two sends again. */
static int handle_once(ecom_notifications *notifications, const struct ecom__outcome *outcome,
                       ecom_arena *arena, ecom_notification *item, int *repeated, ecom_error *err)
{
    uint64_t rev;
    int r = begin(notifications, outcome, arena, item, &rev, err);

    if (r < 0)
        return r;
    *repeated = item->status == ECOM_NOTIFICATION_SENT;
    if (*repeated)
        return ECOM_OK;
    if ((r = notifications->channel->send(notifications->self, item, err)) < 0)
        return r;
    item->status = ECOM_NOTIFICATION_SENT;
    item->updated_at = ecom_env_now_ms(notifications->env);
    return ecom__save(&notifications->c, item, rev, NULL, arena, NULL, err);
}

int ecom_notifications_handle(ecom_notifications *notifications, const ecom_contract *contract,
                              const void *event, ecom_arena *arena, ecom_notification *out,
                              int *repeated, ecom_error *err)
{
    struct ecom__outcome outcome;
    ecom_notification item;
    int again = 0, r = ecom__outcome_of(contract, event, &outcome, err);

    if (r < 0)
        return r;
    r = ECOM_E_CONFLICT;
    for (int i = 0; i < TRIES && r == ECOM_E_CONFLICT; i++)
        r = handle_once(notifications, &outcome, arena, &item, &again, err);
    if (r < 0)
        return r;
    if (!again)
        ecom__log_item(notifications->log, item.correlation_id, "notification sent",
                       "notificationId", item.id);
    if (repeated)
        *repeated = again;
    *out = item;
    return ECOM_OK;
}

int ecom_notifications_on_payment(void *notifications, const ecom_delivery *delivery,
                                  ecom_error *err)
{
    ecom_notification item;

    return ecom_notifications_handle(notifications, delivery->contract, delivery->event,
                                     delivery->arena, &item, NULL, err);
}

static int find_page(const ecom_notifications *notifications, ecom_str order_id, int64_t first,
                     ecom_str after, ecom_arena *arena, ecom_notification_page *out,
                     ecom_error *err)
{
    const struct ecom__range range = {
        .index = ORDER_INDEX, .value = order_id, .first = first, .after = after};

    return ecom__page(&notifications->c, &range, arena, &out->items, &out->next_cursor, err);
}

static int find_newest(const ecom_notifications *notifications, ecom_str order_ids,
                       ecom_arena *arena, ecom_notification_page *out, ecom_error *err)
{
    ecom_notification *items;
    ecom_str *ids;
    size_t n, found = 0;
    int r = ecom__ids_split("orderIds", order_ids, arena, &ids, &n, err);

    if (r < 0)
        return r;
    if (!(items = ecom_arena_alloc(arena, n * sizeof(*items))))
        return ecom__nomem(err);
    for (size_t i = 0; i < n; i++) {
        ecom_notification_page one = {{NULL, 0}, {NULL, 0}};
        if (ids[i].n <= ECOM_STORE_MAX_ID &&
            (r = find_page(notifications, ids[i], 1, (ecom_str){NULL, 0}, arena, &one, err)) < 0)
            return r;
        if (one.items.n)
            items[found++] = *(const ecom_notification *)one.items.items;
    }
    *out = (ecom_notification_page){.items = {items, found}};
    return ECOM_OK;
}

int ecom_notifications_list(ecom_notifications *notifications, const ecom_notification_query *query,
                            ecom_arena *arena, ecom_notification_page *out, ecom_error *err)
{
    int r = ecom_record_check(&ecom_notification_query_record, query, err);

    if (r == ECOM_OK && query->order_ids.p)
        return find_newest(notifications, query->order_ids, arena, out, err);
    if (r == ECOM_OK && !query->order_id.n)
        r = ecom_fail_field(err, ECOM_E_INVAL, ORDER_INDEX, "is required");
    if (r == ECOM_OK && query->order_id.n > ECOM_STORE_MAX_ID)
        r = ecom_fail_field(err, ECOM_E_INVAL, ORDER_INDEX, "must be at most %d bytes",
                            ECOM_STORE_MAX_ID);
    return r < 0 ? r
                 : find_page(notifications, query->order_id, query->first, query->after, arena, out,
                             err);
}

static int log_send(void *self, const ecom_notification *notification, ecom_error *err)
{
    const ecom_log log = ecom_log_with(self, notification->correlation_id);
    const ecom_log_field fields[] = {
        {.name = "notificationId", .text = notification->id},
        {.name = "type", .text = notification->type},
        {.name = "orderId", .text = notification->order_id},
        {.name = "userId", .text = notification->user_id},
        {.name = "text", .text = notification->text},
    };

    (void)err;
    ecom_log_write(&log, ECOM_LOG_INFO, "notification", fields, sizeof(fields) / sizeof(fields[0]));
    return ECOM_OK;
}

const ecom_notification_channel ecom_log_channel = {
    .size = sizeof(ecom_notification_channel),
    .name = "log",
    .send = log_send,
    .write_once = 1,
};
