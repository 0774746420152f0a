#include "resolvers.h"

#include "events.h"
#include "federation.h"
#include "joins.h"
#include "upstream.h"

#include <ecom/shop.h>

#include <stdio.h>

/* Objects are what the services answered, `const ecom_json *`: fields without a resolver here are
 * members of it. */

static const ecom_str none = {NULL, 0};

/* Gives the same to each parent. Fields of a root have one. */
static int give(ecom_graphql_call *call, const ecom_json *value)
{
    int r = ECOM_OK;

    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++)
        r = ecom_graphql_set_json(call, &call->results[i], value);
    return r;
}

static int finish_give(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const ecom_json *answer;
    int r = upstream_result(call->context, call->state, &answer, err);

    (void)user;
    return r < 0 ? r : give(call, answer);
}

/* What is not there is null. */
static int finish_give_one(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = finish_give(call, user, err);

    return r == ECOM_E_NOTFOUND ? ECOM_OK : r;
}

static int call_and_give(ecom_graphql_call *call, const char *method, const char *base,
                         ecom_str path, ecom_str body, ecom_str key, ecom_error *err)
{
    struct pending *pending;
    int r = upstream_begin(call->context, method, base, path, body, key, &pending, err);

    call->finish = finish_give;
    call->state = pending;
    return r;
}

/* As a header it would be refused by a name that is not the caller's, lose its spaces, or, empty,
 * go for none. */
static int check_key(ecom_str key, ecom_error *err)
{
    int good = key.n >= 1 && key.n <= ECOM_KEY_MAX && key.p[0] != ' ' && key.p[key.n - 1] != ' ';

    for (size_t i = 0; i < key.n && good; i++)
        good = key.p[i] >= ' ' && key.p[i] <= '~';
    return good
               ? ECOM_OK
               : ecom_fail_field(err, ECOM_E_INVAL, "idempotencyKey",
                                 "must have 1 to %d characters of printable ASCII, and no space at "
                                 "either end",
                                 ECOM_KEY_MAX);
}

/* A mutation's arguments are the body of its route; a member that is none of it, such as the
 * idempotency key, is ignored there. */
static int post(ecom_graphql_call *call, const char *base, const char *path, ecom_error *err)
{
    ecom_str key = ecom_graphql_arg_str(call, "idempotencyKey");
    ecom_buf body = {0};
    int r = key.p ? check_key(key, err) : ECOM_OK;

    if (r < 0)
        return r;
    r = ecom_json_write(&body, call->arguments);
    r = r < 0 ? ecom_fail(err, r, "%s", call->field)
              : call_and_give(call, "POST", base, ecom_str_of(path), ecom_buf_str(&body), key, err);
    ecom_buf_free(&body);
    return r;
}

/* One thing by its id. */
static int get_one(ecom_graphql_call *call, const char *base, const char *path, ecom_error *err)
{
    ecom_str id = ecom_graphql_arg_str(call, "id");
    ecom_buf url = {0};

    if (upstream_is_no_id(path, id))
        return ECOM_OK;
    int r = ecom_buf_append(&url, ecom_str_of(path));
    if (r == ECOM_OK)
        r = upstream_add_segment(&url, id);
    r = r < 0 ? ecom_fail(err, r, "%s", call->field)
              : call_and_give(call, "GET", base, ecom_buf_str(&url), none, none, err);
    ecom_buf_free(&url);
    call->finish = finish_give_one;
    return r;
}

static int get_page(ecom_graphql_call *call, const char *base, const char *path, ecom_error *err)
{
    ecom_buf url = {0};
    int r = ecom_buf_append(&url, ecom_str_of(path));

    if (r == ECOM_OK)
        r = joins_add_arguments(call, &url);
    r = r < 0 ? ecom_fail(err, r, "%s", call->field)
              : call_and_give(call, "GET", base, ecom_buf_str(&url), none, none, err);
    ecom_buf_free(&url);
    return r;
}

static const struct upstream *services(const ecom_graphql_call *call)
{
    return ((const struct request *)call->context)->upstream;
}

static int query_me(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return call_and_give(call, "GET", services(call)->users, ecom_str_of("/users/me"), none, none,
                         err);
}

static int query_user(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return get_one(call, services(call)->users, "/users", err);
}

static int query_product(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return get_one(call, services(call)->products, "/products", err);
}

static int query_products(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return get_page(call, services(call)->products, "/products", err);
}

static int query_order(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return get_one(call, services(call)->orders, "/orders", err);
}

static int query_orders(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return get_page(call, services(call)->orders, "/orders", err);
}

/* All orders of a level, with one call. */
static int order_user(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct source source = {.base = services(call)->users, .path = "/users"};

    (void)user;
    return joins_by_member(call, &source, "userId", err);
}

/* All users of a level, with one call. The service sees to it that users have their own orders
 * only: who has just logged in need not be whom the request's token names. */
static int user_orders(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct source source = {.base = services(call)->orders,
                                  .path = "/orders/pages",
                                  .ids = "userIds",
                                  .key = "userId",
                                  .add_arguments = 1,
                                  .only_visible = 1};

    (void)user;
    return joins_by_member(call, &source, "id", err);
}

static int mutation_register(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return post(call, services(call)->users, "/auth/register", err);
}

static int mutation_login(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return post(call, services(call)->users, "/auth/login", err);
}

static int mutation_create_product(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return post(call, services(call)->products, "/products", err);
}

static int mutation_create_order(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    return post(call, services(call)->orders, "/orders", err);
}

/* Connections: a page {items, nextCursor} of a service. An edge is its item, too. */

static int connection_items(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++)
        r = ecom_graphql_set_json(call, &call->results[i],
                                  ecom_json_get(call->parents[i], "items"));
    return r < 0 ? ecom_fail(err, r, "%s", call->field) : ECOM_OK;
}

static int same_object(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_object(&call->results[i], call->parents[i]);
    return ECOM_OK;
}

static int set_cursor(ecom_graphql_call *call, ecom_graphql_value *value, const ecom_json *item,
                      ecom_error *err)
{
    const ecom_json *id = ecom_json_get(item, "id");

    if (!id)
        return ECOM_OK;
    ecom_cursor cursor = ecom_cursor_of(id->text);
    ecom_str copy = ecom_arena_copy(call->arena, ecom_str_of(cursor.s));
    if (!copy.p)
        return ecom_fail(err, ECOM_E_NOMEM, "a cursor");
    ecom_graphql_set_str(value, copy);
    return ECOM_OK;
}

static int edge_cursor(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++)
        r = set_cursor(call, &call->results[i], call->parents[i], err);
    return r;
}

static int page_has_next(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    (void)err;
    for (uint32_t i = 0; i < call->n; i++) {
        const ecom_json *next = ecom_json_get(call->parents[i], "nextCursor");
        ecom_graphql_set_bool(&call->results[i], next && next->kind == ECOM_JSON_STRING);
    }
    return ECOM_OK;
}

/* Pages go one way: whether something lies before `after` is not looked up, as Relay allows. */
static int page_has_previous(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user;
    (void)err;
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_bool(&call->results[i], 0);
    return ECOM_OK;
}

static int page_start(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const ecom_json *items = ecom_json_get(call->parents[i], "items");
        if (items && items->first)
            r = set_cursor(call, &call->results[i], items->first, err);
    }
    return r;
}

/* Behind a page that found nothing yet there may be more: the service's own cursor leads there. */
static int page_end(ecom_graphql_call *call, void *user, ecom_error *err)
{
    int r = ECOM_OK;

    (void)user;
    for (uint32_t i = 0; i < call->n && r == ECOM_OK; i++) {
        const ecom_json *items = ecom_json_get(call->parents[i], "items");
        const ecom_json *next = ecom_json_get(call->parents[i], "nextCursor");
        const ecom_json *last = items ? items->first : NULL;
        while (last && last->next)
            last = last->next;
        if (next && next->kind == ECOM_JSON_STRING)
            ecom_graphql_set_str(&call->results[i], next->text);
        else if (last)
            r = set_cursor(call, &call->results[i], last, err);
    }
    return r;
}

const ecom_graphql_resolver resolvers[] = {
    {"Query", "me", query_me, NULL},
    {"Query", "user", query_user, NULL},
    {"Query", "product", query_product, NULL},
    {"Query", "products", query_products, NULL},
    {"Query", "order", query_order, NULL},
    {"Query", "orders", query_orders, NULL},
    {"Query", "_service", federation_service, NULL},
    {"Query", "_entities", federation_entities, NULL},
    {"_Service", "sdl", federation_sdl, NULL},
    {"User", "orders", user_orders, NULL},
    {"Order", "user", order_user, NULL},
    {"Order", "events", events_of_order, NULL},
    {"Subscription", "*", events_same, NULL},
    {"OrderEvent", "status", events_status, NULL},
    {"OrderEvent", "order", events_order, NULL},
    {"Mutation", "register", mutation_register, NULL},
    {"Mutation", "login", mutation_login, NULL},
    {"Mutation", "createProduct", mutation_create_product, NULL},
    {"Mutation", "createOrder", mutation_create_order, NULL},
    {"ProductConnection", "edges", connection_items, NULL},
    {"ProductConnection", "nodes", connection_items, NULL},
    {"ProductConnection", "pageInfo", same_object, NULL},
    {"ProductEdge", "node", same_object, NULL},
    {"ProductEdge", "cursor", edge_cursor, NULL},
    {"OrderConnection", "edges", connection_items, NULL},
    {"OrderConnection", "nodes", connection_items, NULL},
    {"OrderConnection", "pageInfo", same_object, NULL},
    {"OrderEdge", "node", same_object, NULL},
    {"OrderEdge", "cursor", edge_cursor, NULL},
    {"PageInfo", "hasNextPage", page_has_next, NULL},
    {"PageInfo", "hasPreviousPage", page_has_previous, NULL},
    {"PageInfo", "startCursor", page_start, NULL},
    {"PageInfo", "endCursor", page_end, NULL},
};
const size_t nresolvers = sizeof(resolvers) / sizeof(resolvers[0]);
