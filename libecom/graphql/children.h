/* JSON made a value at a time. */
#ifndef GRAPHQL_CHILDREN_H
#define GRAPHQL_CHILDREN_H

#include "ecom/json.h"

/* NULL: no memory. */
ecom_json *ecom__gql_json(ecom_arena *arena, uint8_t kind, ecom_str text);
/* That value, or ECOM_E_NOMEM when there is none. */
int ecom__gql_give(const ecom_json *json, const ecom_json **out);

/* Children in order; a failed allocation stays in `failed`. */
struct gql_children {
    ecom_arena *arena;
    ecom_json *parent;
    const ecom_json **last;
    int failed;
};

/* An array or an object. */
struct gql_children ecom__gql_children(ecom_arena *arena, uint8_t kind);
/* A copy of the value, which shares what is below it. */
void ecom__gql_child_add(struct gql_children *c, const ecom_json *value, ecom_str name);
int ecom__gql_children_end(struct gql_children *c, const ecom_json **out);

#endif
