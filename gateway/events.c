#include "events.h"

#include "hub.h"
#include "joins.h"
#include "upstream.h"

static const ecom_str none = {NULL, 0};

static ecom_str text_of(const ecom_json *object, const char *name)
{
    const ecom_json *value = ecom_json_get(object, name);

    return value && value->kind == ECOM_JSON_STRING ? value->text : none;
}

/* ---- subscribing */

static int join(ecom_graphql_subscribe_call *call, struct hub *hub, ecom_str order_id,
                ecom_error *err)
{
    const struct request *request = call->context;
    const struct hub_wish wish = {
        .user_id = request->caller.user_id,
        .order_id = order_id,
        .after = call->after,
        .from_kept = order_id.n > 0,
    };

    return hub_join(hub, &wish, call->stream, &call->source, err);
}

static int check(ecom_graphql_subscribe_call *call, struct hub *hub, ecom_error *err)
{
    const struct request *request = call->context;

    if (!hub)
        return ecom_fail(err, ECOM_E_NOTSUP,
                         "Subscriptions are switched off here (GATEWAY_SUBSCRIPTIONS).");
    if (!request->caller.user_id.n && request->caller.authorization.n && !request->caller.checked)
        return ecom_fail(err, ECOM_E_NOTSUP,
                         "Subscriptions need JWT_SECRET, which is not set here.");
    if (!request->caller.user_id.n)
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED,
                         "Who subscribes must send a token, with connection_init or as a header.");
    return ECOM_OK;
}

int events_subscribe_orders(ecom_graphql_subscribe_call *call, void *user, ecom_error *err)
{
    struct hub *hub = *(struct hub **)user;
    int r = check(call, hub, err);

    return r < 0 ? r : join(call, hub, none, err);
}

/* As the query does: another's order is not there. */
static int find_order(struct request *request, ecom_str id, ecom_error *err)
{
    const ecom_json *order;
    ecom_buf path = {0};

    if (upstream_is_no_id("/orders", id))
        return ecom_fail(err, ECOM_E_NOTFOUND, "there is no Order with this id");
    int r = ecom_buf_append(&path, ecom_str_of("/orders"));

    if (r == ECOM_OK)
        r = upstream_add_segment(&path, id);
    r = r < 0 ? ecom_fail(err, r, "an order")
              : upstream_call(request, "GET", request->upstream->orders, ecom_buf_str(&path), none,
                              none, &order, err);
    ecom_buf_free(&path);
    return r;
}

int events_subscribe_order(ecom_graphql_subscribe_call *call, void *user, ecom_error *err)
{
    struct hub *hub = *(struct hub **)user;
    ecom_str id = text_of(call->arguments, "id");
    int r = check(call, hub, err);

    if (r == ECOM_OK && id.n == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, "id", "must not be empty");
    if (r == ECOM_OK)
        r = find_order(call->context, id, err);
    return r < 0 ? r : join(call, hub, id, err);
}

void events_cancel(void *source, void *user)
{
    hub_leave(*(struct hub **)user, source);
}

/* ---- an event's fields; what is not here is a member of its JSON */

int events_same(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_object(&call->results[i], call->parents[i]);
    return ECOM_OK;
}

/* Of the order, after an event of this type. */
static ecom_str status_after(ecom_str type)
{
    return ecom_str_of(ecom_str_eq(type, ecom_str_of("PAYMENT_COMPLETED")) ? "PAID"
                       : ecom_str_eq(type, ecom_str_of("PAYMENT_FAILED"))  ? "PAYMENT_FAILED"
                                                                           : "PENDING");
}

int events_status(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    for (uint32_t i = 0; i < call->n; i++) {
        ecom_str said = text_of(call->parents[i], "status");
        ecom_graphql_set_str(&call->results[i],
                             said.n ? said : status_after(text_of(call->parents[i], "type")));
    }
    return ECOM_OK;
}

int events_order(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct request *request = call->context;
    const struct source source = {.base = request->upstream->orders, .path = "/orders"};

    (void)user;
    return joins_by_member(call, &source, "orderId", err);
}

/* ---- an order's past, from what the services know of it */

/* Appends `,"name":value` for a member of the same or another name. */
static int copy_member(ecom_buf *out, const char *name, const ecom_json *from, const char *member)
{
    const ecom_json *value = ecom_json_get(from, member);

    if (!value || value->kind == ECOM_JSON_NULL)
        return ECOM_OK;
    int r = ecom_buf_printf(out, ",\"%s\":", name);
    return r < 0 ? r : ecom_json_write(out, value);
}

/* What all of them have. @param status  of the order after it. @param when  whose member `time` it
 * is. */
static int write_event(ecom_buf *out, const char *type, const ecom_json *order, ecom_str status,
                       const ecom_json *when, const char *time, const ecom_json *notification)
{
    static const char *const same[] = {"userId", "amount", "currency"};
    int r = ecom_buf_printf(out, "{\"type\":\"%s\",\"status\":", type);

    if (r == ECOM_OK)
        r = ecom_json_write_str(out, status);
    if (r == ECOM_OK)
        r = copy_member(out, "orderId", order, "id");
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]) && r == ECOM_OK; i++)
        r = copy_member(out, same[i], order, same[i]);
    if (r == ECOM_OK)
        r = copy_member(out, "time", when, time);
    return r < 0 ? r : copy_member(out, "correlationId", notification, "correlationId");
}

static int write_payment(ecom_buf *out, const ecom_json *order, const ecom_json *notification)
{
    ecom_str status = text_of(order, "status");
    int paid = ecom_str_eq(status, ecom_str_of("PAID"));
    int r = write_event(out, paid ? "PAYMENT_COMPLETED" : "PAYMENT_FAILED", order, status, order,
                        "updatedAt", notification);

    if (r == ECOM_OK)
        r = copy_member(out, "id", notification, "id");
    if (r == ECOM_OK)
        r = copy_member(out, "paymentId", order, "paymentId");
    if (r == ECOM_OK)
        r = copy_member(out, "reason", order, "failureReason");
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("}"));
}

/* Its type is that of the payment's event, which the order may not have heard of yet. */
static int write_notification(ecom_buf *out, const ecom_json *order, const ecom_json *notification)
{
    int r =
        write_event(out, "NOTIFICATION_SENT", order, status_after(text_of(notification, "type")),
                    notification, "updatedAt", notification);

    if (r == ECOM_OK)
        r = copy_member(out, "text", notification, "text");
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("}"));
}

/* @param notification  nullable: not sent, or not known. */
static int write_history(ecom_buf *out, const ecom_json *order, const ecom_json *notification)
{
    int sent = ecom_str_eq(text_of(notification, "status"), ecom_str_of("SENT"));
    int r = ecom_buf_append(out, ecom_str_of("["));

    if (r == ECOM_OK)
        r = write_event(out, "ORDER_CREATED", order, ecom_str_of("PENDING"), order, "createdAt",
                        notification);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("}"));
    if (r == ECOM_OK && !ecom_str_eq(text_of(order, "status"), ecom_str_of("PENDING")) &&
        (r = ecom_buf_append(out, ecom_str_of(","))) == ECOM_OK)
        r = write_payment(out, order, notification);
    if (r == ECOM_OK && sent && (r = ecom_buf_append(out, ecom_str_of(","))) == ECOM_OK)
        r = write_notification(out, order, notification);
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("]"));
}

/* NULL: there is none. */
static const ecom_json *notification_of(const ecom_json *page, ecom_str order_id)
{
    const ecom_json *items = ecom_json_get(page, "items");

    for (const ecom_json *item = items ? items->first : NULL; item; item = item->next)
        if (ecom_str_eq(text_of(item, "orderId"), order_id))
            return item;
    return NULL;
}

static int history_of(ecom_graphql_call *call, const ecom_json *order,
                      const ecom_json *notification, ecom_graphql_value *value, ecom_error *err)
{
    const ecom_json *list;
    ecom_buf text = {0};
    ecom_str copy = none;
    int r = write_history(&text, order, notification);

    if (r == ECOM_OK && !(copy = ecom_arena_copy(call->arena, ecom_buf_str(&text))).p)
        r = ECOM_E_NOMEM;
    ecom_buf_free(&text);
    if (r == ECOM_OK)
        r = ecom_json_parse(copy, NULL, call->arena, &list, err);
    return r < 0 ? ecom_fail(err, r, "%s", call->field) : ecom_graphql_set_json(call, value, list);
}

/* Where the worker is away, the rest of the history is told. */
static int finish_histories(ecom_graphql_call *call, void *user, ecom_error *err)
{
    ecom_error why;
    int r = ECOM_OK;

    (void)user;
    for (const struct asked *a = call->state; a && r == ECOM_OK; a = a->next) {
        const ecom_json *page = NULL;
        if (upstream_result(call->context, a->pending, &page, &why) == ECOM_E_NOMEM)
            return ecom_fail(err, ECOM_E_NOMEM, "%s", call->field);
        for (const struct want *w = a->wants; w < a->end && r == ECOM_OK; w++)
            r = history_of(call, w->parent, notification_of(page, w->id), w->value, err);
    }
    return r;
}

/* All orders of a level, with one call to the worker that knows what users were told. */
int events_of_order(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct request *request = call->context;
    const struct source source = {
        .base = request->upstream->notifications, .path = "/notifications", .ids = "orderIds"};
    int r = joins_by_member(call, &source, "id", err);

    (void)user;
    call->finish = finish_histories;
    return r;
}
