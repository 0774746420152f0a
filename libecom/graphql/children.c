#include "graphql/children.h"

ecom_json *ecom__gql_json(ecom_arena *arena, uint8_t kind, ecom_str text)
{
    ecom_json *json = ecom_arena_alloc(arena, sizeof(*json));

    if (json) {
        json->kind = kind;
        json->text = text;
    }
    return json;
}

/* A copy under another name: what is below is shared. */
static ecom_json *copy_as(ecom_arena *arena, const ecom_json *value, ecom_str name)
{
    ecom_json *json = ecom_arena_alloc(arena, sizeof(*json));

    if (json) {
        *json = *value;
        json->name = name;
        json->next = NULL;
    }
    return json;
}

struct gql_children ecom__gql_children(ecom_arena *arena, uint8_t kind)
{
    ecom_json *parent = ecom__gql_json(arena, kind, (ecom_str){NULL, 0});

    return (struct gql_children){arena, parent, parent ? &parent->first : NULL, parent == NULL};
}

void ecom__gql_child_add(struct gql_children *c, const ecom_json *value, ecom_str name)
{
    ecom_json *copy = c->failed || !value ? NULL : copy_as(c->arena, value, name);

    if (!copy) {
        c->failed = 1;
        return;
    }
    *c->last = copy;
    c->last = &copy->next;
    c->parent->count++;
}

int ecom__gql_give(const ecom_json *json, const ecom_json **out)
{
    if (!json)
        return ECOM_E_NOMEM;
    *out = json;
    return ECOM_OK;
}

int ecom__gql_children_end(struct gql_children *c, const ecom_json **out)
{
    return ecom__gql_give(c->failed ? NULL : c->parent, out);
}
