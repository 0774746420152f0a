#include "graphql/defer.h"

#include <string.h>

int ecom__gql_flag(const struct gql_execution *x, const struct gql_directive *d, int otherwise)
{
    const struct gql_argument *a = d->arguments;

    while (a && !gql_same(a->name, x->graphql->schema.word_if))
        a = a->next;
    if (!a)
        return otherwise;
    if (a->value->kind != GQL_VARIABLE)
        return a->value->truth;
    const ecom_json *given = ecom__gql_variable(&x->variables, a->value->text);
    return given ? given->truth : otherwise;
}

static int is_wanted(const struct gql_execution *x, const struct gql_selection *s)
{
    for (const struct gql_directive *d = s->directives; d; d = d->next) {
        const struct gql_directive_type *type =
            ecom__gql_directive_type(&x->graphql->schema, d->name);
        if (type && ((type->is_skip && ecom__gql_flag(x, d, 0)) ||
                     (type->is_include && !ecom__gql_flag(x, d, 1))))
            return 0;
    }
    return 1;
}

static const struct gql_field *field_of(const struct gql_type *type, const struct gql_selection *s)
{
    if (s->parent == type || !s->field || s->field->typename_ || s->field->introspection)
        return s->field;
    return ecom__gql_field(type, s->name);
}

static struct gql_group *find_group(struct gql_batch *batch, struct gql_name key)
{
    for (uint32_t i = 0; i < batch->ngroups; i++)
        if (gql_same(batch->groups[i].key, key))
            return &batch->groups[i];
    return NULL;
}

/* Groups are few as a rule: room doubles from 8. */
static struct gql_group *new_group(struct gql_execution *x, struct gql_batch *batch)
{
    uint32_t n = batch->ngroups;

    if (n == 0 || (n >= 8 && (n & (n - 1)) == 0)) {
        struct gql_group *more = ecom_arena_alloc(x->arena, sizeof(*more) * (n ? 2 * n : 8));
        if (!more)
            return NULL;
        if (n)
            memcpy(more, batch->groups, sizeof(*more) * n);
        batch->groups = more;
    }
    return &batch->groups[batch->ngroups++];
}

static int add_field(struct gql_execution *x, struct gql_batch *batch,
                     const struct gql_selection *s, struct gql_defer *defer)
{
    struct gql_name key = gql_key(s);
    struct gql_group *group = find_group(batch, key);
    struct gql_nodes *node = ecom_arena_alloc(x->arena, sizeof(*node));

    if (!node)
        return ECOM_E_NOMEM;
    node->selection = s;
    node->defer = defer;
    if (!group) {
        const struct gql_field *field = field_of(batch->type, s);
        if (!field)
            return ECOM_OK; /* cannot be in a document that was checked */
        if (!(group = new_group(x, batch)))
            return ECOM_E_NOMEM;
        *group = (struct gql_group){.key = key, .field = field, .first = node, .last = &node->next};
        return ECOM_OK;
    }
    *group->last = node;
    group->last = &node->next;
    return ECOM_OK;
}

/* Truth: a fragment that is spread is to be collected; *defer becomes what its fields are in. */
static int may_spread(struct gql_execution *x, struct gql_batch *batch,
                      const struct gql_selection *s, struct gql_defer **defer)
{
    if (!s->fragment || x->seen[s->fragment->index] == x->collection)
        return 0;
    if (x->rest)
        *defer = ecom__gql_defer(x, batch, s, *defer);
    if (*defer)
        return ecom__gql_visit(x, s, *defer);
    x->seen[s->fragment->index] = x->collection;
    return 1;
}

/* Depth is bounded by max_nesting, fragments spread: see limits.c. */
static int collect(struct gql_execution *x, struct gql_batch *batch, const struct gql_selection *s,
                   struct gql_defer *defer)
{
    int r = ECOM_OK;

    for (; s && r == ECOM_OK; s = s->next) {
        struct gql_defer *inner = defer;
        if (s->directives && !is_wanted(x, s))
            continue;
        if (s->kind == GQL_FIELD) {
            r = add_field(x, batch, s, defer);
            continue;
        }
        const struct gql_ref *condition = s->condition;
        if (s->kind == GQL_SPREAD && s->fragment)
            condition = s->fragment->condition;
        if (condition && !gql_may_be(condition->type, batch->type))
            continue;
        if (s->kind == GQL_SPREAD) {
            if (may_spread(x, batch, s, &inner))
                r = collect(x, batch, s->fragment->first, inner);
        } else {
            if (x->rest)
                inner = ecom__gql_defer(x, batch, s, defer);
            r = collect(x, batch, s->first, inner);
        }
    }
    return r;
}

int ecom__gql_collect(struct gql_execution *x, struct gql_batch *batch)
{
    int r = ECOM_OK;

    x->collection++;
    if (!batch->nodes)
        r = collect(x, batch, x->operation->first, NULL);
    for (const struct gql_nodes *n = batch->nodes; n && r == ECOM_OK; n = n->next)
        r = collect(x, batch, n->selection->first, n->defer);
    return r == ECOM_OK && x->rest ? ecom__gql_set_aside(x, batch) : r;
}
