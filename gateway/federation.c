#include "federation.h"

#include "joins.h"
#include "upstream.h"

#include <string.h>

#include "schema.graphql.h"

enum { MAX_REPRESENTATIONS = 1000 };

static const char link_sdl[] =
    "extend schema @link(url: \"https://specs.apollo.dev/federation/v2.0\", import: "
    "[\"@key\"])\n\n";

/* Any object will do: there is one service, and its text is known. */
int federation_service(ecom_graphql_call *call, void *user, ecom_error *err)
{
    (void)user, (void)err;
    ecom_graphql_set_object(&call->results[0], call);
    return ECOM_OK;
}

int federation_sdl(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const size_t link = sizeof(link_sdl) - 1, n = link + sizeof(schema_graphql);
    char *text = ecom_arena_alloc(call->arena, n);

    (void)user;
    if (!text)
        return ecom_fail(err, ECOM_E_NOMEM, "the schema");
    memcpy(text, link_sdl, link);
    memcpy(text + link, schema_graphql, n - link);
    for (uint32_t i = 0; i < call->n; i++)
        ecom_graphql_set_str(&call->results[i], (ecom_str){text, n});
    return ECOM_OK;
}

static int is_of(const ecom_json *representation, const char *type)
{
    const ecom_json *name = ecom_json_get(representation, "__typename");

    return name && name->kind == ECOM_JSON_STRING && ecom_str_eq(name->text, ecom_str_of(type));
}

/* Those of one type, with one call. */
static int fetch_type(ecom_graphql_call *call, const struct source *source, const ecom_json *list,
                      ecom_error *err)
{
    struct want *wants = ecom_arena_alloc(call->arena, list->count * sizeof(*wants));
    ecom_graphql_value *value = call->results[0].as.items;
    size_t n = 0;

    if (!wants)
        return ecom_fail(err, ECOM_E_NOMEM, "entities");
    for (const ecom_json *one = list->first; one; one = one->next, value++) {
        const ecom_json *id = ecom_json_get(one, "id");
        if (id && id->kind == ECOM_JSON_STRING && id->text.n && is_of(one, source->type))
            wants[n++] = (struct want){.id = id->text, .value = value};
    }
    return joins_fetch(call, source, wants, n, err);
}

int federation_entities(ecom_graphql_call *call, void *user, ecom_error *err)
{
    const struct upstream *up = ((const struct request *)call->context)->upstream;
    const struct source sources[] = {
        {.base = up->users, .path = "/users", .type = "User"},
        {.base = up->products, .path = "/products", .type = "Product"},
        {.base = up->orders, .path = "/orders", .type = "Order"},
    };
    const ecom_json *list = ecom_graphql_arg(call, "representations");

    (void)user;
    if (list->count > MAX_REPRESENTATIONS)
        return ecom_fail_field(err, ECOM_E_INVAL, "representations", "%u are more than %d",
                               list->count, MAX_REPRESENTATIONS);
    int r = ecom_graphql_set_list(call, &call->results[0], list->count);
    if (r < 0)
        return ecom_fail(err, r, "entities");
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]) && r == ECOM_OK; i++)
        r = fetch_type(call, &sources[i], list, err);
    return r;
}
