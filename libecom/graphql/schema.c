#include "graphql/schema.h"

struct gql_type *ecom__gql_type(const struct gql_schema *schema, struct gql_name name)
{
    struct gql_type *type = schema->by_name[name.hash & (schema->nslots - 1)];

    while (type && !gql_same(type->name, name))
        type = type->collision;
    return type;
}

struct gql_type *ecom__gql_type_called(const struct gql_schema *schema, ecom_str name)
{
    struct gql_name n = {name.p, (uint32_t)name.n, ecom__gql_hash(schema->seed, name), 0};

    return ecom__gql_type(schema, n);
}

const struct gql_field *ecom__gql_field(const struct gql_type *type, struct gql_name name)
{
    if (!type->nslots)
        return NULL;
    for (uint32_t i = name.hash;; i++) {
        uint16_t slot = type->slots[i & (type->nslots - 1)];
        if (!slot)
            return NULL;
        if (gql_same(type->fields[slot - 1].name, name))
            return &type->fields[slot - 1];
    }
}

const struct gql_input *ecom__gql_input(const struct gql_inputs *inputs, struct gql_name name)
{
    for (uint32_t i = 0; i < inputs->n; i++)
        if (gql_same(inputs->items[i].name, name))
            return &inputs->items[i];
    return NULL;
}

const struct gql_directive_type *ecom__gql_directive_type(const struct gql_schema *schema,
                                                          struct gql_name name)
{
    const struct gql_directive_type *d = schema->directives;

    while (d && !gql_same(d->name, name))
        d = d->next;
    return d;
}

const struct gql_enum_value *ecom__gql_enum_value(const struct gql_type *type, ecom_str name)
{
    for (uint32_t i = 0; i < type->nvalues; i++)
        if (ecom_str_eq(gql_str(type->values[i].name), name))
            return &type->values[i];
    return NULL;
}

int ecom__gql_ref_same(const struct gql_ref *a, const struct gql_ref *b)
{
    while (a->kind == b->kind && a->kind != GQL_NAMED) {
        a = a->of;
        b = b->of;
    }
    return a->kind == b->kind && a->type == b->type;
}

static int is_sub_type(const struct gql_type *sub, const struct gql_type *super)
{
    if (!sub || !super)
        return 0;
    if (sub == super || (sub->kind == GQL_KIND_OBJECT && gql_may_be(super, sub)))
        return 1;
    for (uint32_t i = 0; sub->kind == GQL_KIND_INTERFACE && i < sub->ninterfaces; i++)
        if (sub->interfaces[i] == super)
            return 1;
    return 0;
}

int ecom__gql_ref_sub(const struct gql_ref *sub, const struct gql_ref *super)
{
    for (;;) {
        if (super->kind == GQL_NON_NULL) {
            if (sub->kind != GQL_NON_NULL)
                return 0;
            sub = sub->of;
            super = super->of;
        } else if (sub->kind == GQL_NON_NULL) {
            sub = sub->of;
        } else if (super->kind == GQL_LIST_OF) {
            if (sub->kind != GQL_LIST_OF)
                return 0;
            sub = sub->of;
            super = super->of;
        } else {
            return sub->kind == GQL_NAMED && is_sub_type(sub->type, super->type);
        }
    }
}

const char *ecom__gql_ref_text(ecom_arena *arena, const struct gql_ref *ref)
{
    ecom_str s;

    if (ref->kind == GQL_NAMED)
        s = ecom_arena_copy(arena, gql_str(ref->name));
    else if (ref->kind == GQL_LIST_OF)
        s = ecom__gql_format(arena, "[%s]", ecom__gql_ref_text(arena, ref->of));
    else
        s = ecom__gql_format(arena, "%s!", ecom__gql_ref_text(arena, ref->of));
    return s.p ? s.p : "?";
}
