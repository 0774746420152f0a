#include "ecom/order.h"

#include <stdlib.h>
#include <string.h>

#include "shop/orders.h"
#include "store/store.h"

#define USER_INDEX "userId"
#define STATUS_INDEX "userStatus" /* "USER STATUS": what a user has in this status */

enum { MAX_REASON = 1000, MAX_EVENT_ID = 128, MAX_PAYMENT_ID = 256 };

static const char *const status_names[] = {"PENDING", "PAID", "PAYMENT_FAILED", NULL};

static const ecom_field order_fields[] = {
    ECOM_FIELD(ecom_order, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_order, user_id, USER_INDEX, STRING, .flags = ECOM_REQUIRED | ECOM_INDEX,
               .min = 1, .max = ECOM_USER_ID_MAX, .doc = "Whose it is."),
    ECOM_FIELD(ecom_order, amount, "amount", MONEY, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_AMOUNT_MAX),
    ECOM_FIELD(ecom_order, currency, "currency", CURRENCY, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_order, status, "status", ENUM, .flags = ECOM_REQUIRED | ECOM_READONLY,
               .names = status_names),
    ECOM_FIELD(ecom_order, payment_id, "paymentId", STRING, .flags = ECOM_READONLY | ECOM_NULLABLE,
               .max = MAX_PAYMENT_ID),
    ECOM_FIELD(ecom_order, failure_reason, "failureReason", STRING,
               .flags = ECOM_READONLY | ECOM_NULLABLE, .max = MAX_REASON,
               .doc = "Why the payment failed."),
    ECOM_FIELD(ecom_order, created_at, "createdAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_order, updated_at, "updatedAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_order, payment_event_id, "paymentEventId", STRING, .flags = ECOM_PRIVATE,
               .max = MAX_EVENT_ID, .doc = "The event that moved it on."),
    ECOM_FIELD(ecom_order, idempotency_key, ECOM__KEY_FIELD, STRING,
               .flags = ECOM_PRIVATE | ECOM_UNIQUE, .max = ECOM__HASH_HEX),
    ECOM_FIELD(ecom_order, idempotency_body, ECOM__BODY_FIELD, STRING, .flags = ECOM_PRIVATE,
               .max = ECOM__HASH_HEX),
};
const ecom_record ecom_order_record =
    ECOM_RECORD_WITH("Order", ecom_order, order_fields, .doc = "What someone has ordered.");

static const ecom_field request_fields[] = {
    ECOM_FIELD(ecom_order_request, amount, "amount", MONEY, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_AMOUNT_MAX),
    ECOM_FIELD(ecom_order_request, user_id, "userId", STRING, .min = 1, .max = ECOM_USER_ID_MAX,
               .doc = "The caller, who is meant when it is left out."),
    ECOM_FIELD(ecom_order_request, currency, "currency", CURRENCY, .fallback = "USD"),
};
const ecom_record ecom_order_request_record =
    ECOM_RECORD_WITH("NewOrder", ecom_order_request, request_fields, .doc = "An order to be made.");

static const ecom_field query_fields[] = {
    ECOM_FIELD(ecom_order_query, first, "first", INT, .min = 1, .max = ECOM_PAGE_MAX,
               .fallback = "20", .doc = "How many at most."),
    ECOM_FIELD(ecom_order_query, after, "after", STRING, .max = ECOM_CURSOR_MAX,
               .doc = "The nextCursor of the page before."),
    ECOM_FIELD(ecom_order_query, status, "status", ENUM, .names = status_names),
    ECOM_FIELD(ecom_order_query, ids, "ids", STRING, .max = ECOM_IDS_BYTES,
               .doc = "Ids with commas between: these and no others."),
    ECOM_FIELD(ecom_order_query, user_id, "userId", STRING, .min = 1, .max = ECOM_USER_ID_MAX,
               .doc = "The caller, who is meant when it is left out."),
};
const ecom_record ecom_order_query_record =
    ECOM_RECORD_WITH("OrderQuery", ecom_order_query, query_fields, .doc = "Which orders.");

static const ecom_field page_fields[] = {
    ECOM_FIELD(ecom_order_page, items, "items", LIST, .of = &ecom_order_record,
               .flags = ECOM_REQUIRED, .max = ECOM_PAGE_MAX),
    ECOM_FIELD(ecom_order_page, next_cursor, "nextCursor", STRING, .flags = ECOM_NULLABLE,
               .max = ECOM_CURSOR_MAX, .doc = "Hand it back as `after`; null: that was all."),
};
const ecom_record ecom_order_page_record =
    ECOM_RECORD_WITH("OrderPage", ecom_order_page, page_fields, .doc = "Orders, newest first.");

static const ecom_field pages_query_fields[] = {
    ECOM_FIELD(ecom_order_pages_query, user_ids, "userIds", STRING, .flags = ECOM_REQUIRED,
               .max = ECOM_IDS_BYTES, .doc = "Ids of users with commas between."),
    ECOM_FIELD(ecom_order_pages_query, first, "first", INT, .min = 1, .max = ECOM_PAGE_MAX,
               .fallback = "20", .doc = "How many of each user at most."),
    ECOM_FIELD(ecom_order_pages_query, after, "after", STRING, .max = ECOM_CURSOR_MAX,
               .doc = "The nextCursor of the pages before."),
    ECOM_FIELD(ecom_order_pages_query, status, "status", ENUM, .names = status_names),
};
const ecom_record ecom_order_pages_query_record = ECOM_RECORD_WITH(
    "OrderPagesQuery", ecom_order_pages_query, pages_query_fields, .doc = "Which users' orders.");

static const ecom_field user_orders_fields[] = {
    ECOM_FIELD(ecom_user_orders, user_id, "userId", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_USER_ID_MAX, .doc = "Whose they are."),
    ECOM_FIELD(ecom_user_orders, items, "items", LIST, .of = &ecom_order_record,
               .flags = ECOM_REQUIRED, .max = ECOM_PAGE_MAX),
    ECOM_FIELD(ecom_user_orders, next_cursor, "nextCursor", STRING, .flags = ECOM_NULLABLE,
               .max = ECOM_CURSOR_MAX, .doc = "Hand it back as `after`; null: that was all."),
};
const ecom_record ecom_user_orders_record =
    ECOM_RECORD_WITH("UserOrders", ecom_user_orders, user_orders_fields,
                     .doc = "A page of a user's orders, newest first.");

static const ecom_field pages_fields[] = {
    ECOM_FIELD(ecom_order_pages, items, "items", LIST, .of = &ecom_user_orders_record,
               .flags = ECOM_REQUIRED, .max = ECOM_IDS_MAX),
};
const ecom_record ecom_order_pages_record =
    ECOM_RECORD_WITH("OrderPages", ecom_order_pages, pages_fields, .doc = "A page for each user.");

const char *ecom_order_status_name(int32_t status)
{
    return status >= 0 && status <= ECOM_ORDER_PAYMENT_FAILED ? status_names[status] : NULL;
}

static int status_value(ecom_str user_id, int32_t status, ecom_arena *arena, ecom_str *out)
{
    ecom_str name = ecom_str_of(status_names[status]);
    char *p = ecom_arena_alloc(arena, user_id.n + 1 + name.n);

    if (!p)
        return ECOM_E_NOMEM;
    *out = (ecom_str){p, user_id.n + 1 + name.n};
    memcpy(p, user_id.p, user_id.n);
    p[user_id.n] = ' ';
    memcpy(p + user_id.n + 1, name.p, name.n);
    return ECOM_OK;
}

static int status_entry(const void *item, struct ecom__entries *out)
{
    const ecom_order *order = item;
    ecom_str value;

    if (status_value(order->user_id, order->status, out->arena, &value) < 0)
        return ECOM_E_NOMEM;
    return ecom__entries_add(out, STATUS_INDEX, value, 0);
}

int ecom_orders_new(const ecom_orders_options *opts, ecom_orders **out, ecom_error *err)
{
    ecom_orders_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = ecom__check_store(o.store, err);
    if (r == ECOM_OK && o.topic.n)
        r = ecom_bus_name_check("topic", o.topic, err);
    if (r < 0)
        return r;
    ecom_orders *orders = calloc(1, sizeof(*orders));
    if (!orders)
        return ecom__nomem(err);
    orders->c = (struct ecom__collection){o.store, "orders", &ecom_order_record, status_entry};
    orders->env = o.env ? o.env : ecom_env_system();
    orders->log = o.log;
    if (o.topic.n)
        memcpy(orders->topic, o.topic.p, o.topic.n);
    ecom__flights_init(&orders->flights);
    *out = orders;
    return ECOM_OK;
}

void ecom_orders_free(ecom_orders *orders)
{
    if (!orders)
        return;
    ecom__flights_clear(&orders->flights);
    free(orders);
}

/* The index by user and status has room for so much of it. */
static int check_user(ecom_str user_id, ecom_error *err)
{
    if (user_id.n < 1 || user_id.n > ECOM_USER_ID_MAX)
        return ecom_fail_field(err, ECOM_E_INVAL, "userId", "must have 1 to %d bytes, has %zu",
                               ECOM_USER_ID_MAX, user_id.n);
    return ECOM_OK;
}

/* The request as it is compared with a later one: what it leaves out is the default. */
static int complete(const ecom_order_request *request, const ecom_caller *caller,
                    ecom_order_request *out, ecom_error *err)
{
    int r = ecom_record_check(&ecom_order_request_record, request, err);

    if (r < 0)
        return r;
    if (!caller || !caller->user_id.n)
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "only users can order: log in first");
    if ((r = check_user(caller->user_id, err)) < 0)
        return r;
    if (request->user_id.p && !ecom_str_eq(request->user_id, caller->user_id))
        return ecom_fail_field(err, ECOM_E_FORBIDDEN, "userId",
                               "nobody can order for another user");
    *out = *request;
    out->user_id = caller->user_id;
    if (!out->currency.p)
        out->currency = ecom_str_of("USD");
    return ECOM_OK;
}

static int new_order(ecom_orders *orders, const ecom_order_request *request, ecom_arena *arena,
                     ecom_order *order, ecom_error *err)
{
    const ecom_id id = ecom_id_new(orders->env);

    ecom_record_init(&ecom_order_record, order);
    order->id = ecom_str_of(id.s);
    order->user_id = request->user_id;
    order->amount = request->amount;
    order->currency = request->currency;
    order->status = ECOM_ORDER_PENDING;
    order->created_at = order->updated_at = ecom_env_now_ms(orders->env);
    return ecom__own(&ecom_order_record, order, arena, err);
}

/* The message points to the order, the caller and the arena: it is saved within the same call. */
static int created_event(ecom_orders *orders, const ecom_order *order, const ecom_caller *caller,
                         ecom_arena *arena, ecom_msg *msg, ecom_error *err)
{
    const ecom_id id = ecom_id_new(orders->env);
    const ecom_order_created event = {
        .envelope =
            {
                .id = ecom_arena_copy(arena, ecom_str_of(id.s)),
                .time_ms = order->created_at,
                .version = 1,
                .correlation_id = caller->correlation_id,
                .traceparent = caller->traceparent,
            },
        .order_id = order->id,
        .user_id = order->user_id,
        .amount = order->amount,
        .currency = order->currency,
    };

    if (!event.envelope.id.p)
        return ecom__nomem(err);
    return ecom_event_encode(&ecom_order_created_contract, ecom_str_of(orders->topic), &event,
                             arena, msg, err);
}

/* As it was when it was accepted, whatever has become of it. */
static void as_accepted(ecom_order *order)
{
    order->status = ECOM_ORDER_PENDING;
    order->updated_at = order->created_at;
    order->payment_id = order->failure_reason = order->payment_event_id = (ecom_str){NULL, 0};
}

/* An order as it was asked for, and its event. */
struct making {
    ecom_orders *orders;
    ecom_order_request asked;
    ecom_order order;
    ecom_msg event;
    ecom_str correlation_id;
    ecom_order_fn fn;
    void *user;
};

static int begin(ecom_orders *orders, const ecom_order_request *request, const ecom_caller *caller,
                 ecom_arena *arena, struct making *m, ecom_error *err)
{
    int r = complete(request, caller, &m->asked, err);

    if (r == ECOM_OK)
        r = new_order(orders, &m->asked, arena, &m->order, err);
    if (r == ECOM_OK)
        r = created_event(orders, &m->order, caller, arena, &m->event, err);
    m->orders = orders;
    m->correlation_id = caller ? caller->correlation_id : (ecom_str){NULL, 0};
    return r;
}

static void log_accepted(const struct making *m)
{
    ecom__log_item(m->orders->log, m->correlation_id, "order accepted", "orderId", m->order.id);
}

int ecom_orders_create(ecom_orders *orders, const ecom_order_request *request,
                       const ecom_caller *caller, ecom_arena *arena, ecom_order *out, int *replayed,
                       ecom_error *err)
{
    struct making m;
    const struct ecom__creation creation = {
        .c = &orders->c,
        .env = orders->env,
        .flights = &orders->flights,
        .caller = caller,
        .request_record = &ecom_order_request_record,
        .request = &m.asked,
        .event = &m.event,
    };
    int again, r = begin(orders, request, caller, arena, &m, err);

    if (r == ECOM_OK)
        r = ecom__create(&creation, &m.order, arena, &again, err);
    if (r < 0)
        return r;
    as_accepted(&m.order);
    if (!again)
        log_accepted(&m);
    if (replayed)
        *replayed = again;
    *out = m.order;
    return ECOM_OK;
}

static void created(void *user, int r, uint64_t rev, ecom_error *err)
{
    const struct making *m = user;

    (void)rev;
    if (r == ECOM_OK)
        log_accepted(m);
    m->fn(m->user, r, &m->order, err);
}

static int create_later(ecom_orders *orders, const ecom_order_request *request,
                        const ecom_caller *caller, ecom_arena *arena, int waits, ecom_order_fn fn,
                        void *user, ecom_error *err)
{
    struct making *m = ecom_arena_alloc(arena, sizeof(*m));
    int r = m ? begin(orders, request, caller, arena, m, err) : ecom__nomem(err);

    if (r < 0)
        return r;
    m->fn = fn;
    m->user = user;
    return ecom__save_later(&orders->c, &m->order, 0, &m->event, arena, waits, created, m, err);
}

static int has_key(const ecom_caller *caller)
{
    return caller && caller->idempotency_key.p;
}

int ecom_orders_create_later(ecom_orders *orders, const ecom_order_request *request,
                             const ecom_caller *caller, ecom_arena *arena, ecom_order_fn fn,
                             void *user, ecom_error *err)
{
    ecom_order order = {0};
    ecom_error why = {0};

    if (!has_key(caller))
        return create_later(orders, request, caller, arena, 1, fn, user, err);
    int r = ecom_orders_create(orders, request, caller, arena, &order, NULL, &why);
    fn(user, r, &order, &why);
    return ECOM_OK;
}

int ecom_orders_try_create_later(ecom_orders *orders, const ecom_order_request *request,
                                 const ecom_caller *caller, ecom_arena *arena, ecom_order_fn fn,
                                 void *user, ecom_error *err)
{
    if (has_key(caller) || !ecom__store_puts_later(orders->c.store))
        return ECOM_WOULD_WAIT;
    return create_later(orders, request, caller, arena, 0, fn, user, err);
}

static int is_of(void *user_id, const void *item)
{
    return ecom_str_eq(*(const ecom_str *)user_id, ((const ecom_order *)item)->user_id);
}

int ecom_orders_get(ecom_orders *orders, ecom_str user_id, ecom_str id, ecom_arena *arena,
                    ecom_order *out, ecom_error *err)
{
    ecom_order order;
    int r = ecom__load(&orders->c, id, arena, &order, NULL, err);

    if (r == ECOM_OK && !is_of(&user_id, &order))
        r = ecom__not_found(&orders->c, err);
    if (r == ECOM_OK)
        *out = order;
    return r;
}

int ecom_orders_get_many(ecom_orders *orders, ecom_str user_id, const ecom_str *ids, size_t n,
                         ecom_arena *arena, ecom_order **out, size_t *found, ecom_error *err)
{
    void *items;
    int r = ecom__load_many(&orders->c, ids, n, is_of, &user_id, arena, &items, found, err);

    if (r == ECOM_OK)
        *out = items;
    return r;
}

static int list_ids(ecom_orders *orders, ecom_str user_id, ecom_str text, ecom_arena *arena,
                    ecom_order_page *out, ecom_error *err)
{
    ecom_list items = {NULL, 0};
    ecom_str *ids;
    size_t n;
    int r = ecom_ids_split(text, arena, &ids, &n, err);

    if (r == ECOM_OK)
        r = ecom__load_many(&orders->c, ids, n, is_of, &user_id, arena, &items.items, &items.n,
                            err);
    if (r == ECOM_OK)
        *out = (ecom_order_page){.items = items};
    return r;
}

/* A page of a user's orders. @param status  ECOM_ABSENT32: any. */
static int find_page(ecom_orders *orders, ecom_str user_id, int64_t first, ecom_str after,
                     int32_t status, ecom_arena *arena, ecom_list *items, ecom_str *next,
                     ecom_error *err)
{
    struct ecom__range range = {
        .index = USER_INDEX, .value = user_id, .first = first, .after = after};

    if (status != ECOM_ABSENT32) {
        range.index = STATUS_INDEX;
        if (status_value(user_id, status, arena, &range.value) < 0)
            return ecom__nomem(err);
    }
    return ecom__page(&orders->c, &range, arena, items, next, err);
}

int ecom_orders_list(ecom_orders *orders, ecom_str user_id, const ecom_order_query *query,
                     ecom_arena *arena, ecom_order_page *out, ecom_error *err)
{
    ecom_order_query all;
    int r = check_user(user_id, err);

    if (r == ECOM_OK && query)
        r = ecom_record_check(&ecom_order_query_record, query, err);
    if (r < 0)
        return r;
    if (!query) {
        ecom_record_init(&ecom_order_query_record, &all);
        query = &all;
    }
    if (query->user_id.p && !ecom_str_eq(query->user_id, user_id))
        return ecom_fail_field(err, ECOM_E_FORBIDDEN, "userId", "is not the caller");
    if (query->ids.p)
        return list_ids(orders, user_id, query->ids, arena, out, err);
    return find_page(orders, user_id, query->first, query->after, query->status, arena, &out->items,
                     &out->next_cursor, err);
}

int ecom_orders_list_pages(ecom_orders *orders, ecom_str user_id,
                           const ecom_order_pages_query *query, ecom_arena *arena,
                           ecom_order_pages *out, ecom_error *err)
{
    ecom_user_orders *page = ecom_arena_alloc(arena, sizeof(*page));
    size_t n = 0, visible = 0;
    ecom_str *ids = NULL;
    int r = page ? check_user(user_id, err) : ecom__nomem(err);

    if (r == ECOM_OK)
        r = ecom_record_check(&ecom_order_pages_query_record, query, err);
    if (r == ECOM_OK)
        r = ecom__ids_split("userIds", query->user_ids, arena, &ids, &n, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n && !visible; i++)
        visible = ecom_str_eq(ids[i], user_id);
    page->user_id = user_id;
    if (visible)
        r = find_page(orders, user_id, query->first, query->after, query->status, arena,
                      &page->items, &page->next_cursor, err);
    if (r == ECOM_OK)
        *out = (ecom_order_pages){.items = {page, visible}};
    return r;
}
