/* What may be asked about the schema itself, and how deep. */
#include "graphql/validate.h"

/* Lists that lead from types to types: three of them inside each other make answers explode. */
enum { MAX_LISTS = 3 };

static int is_list_of_types(struct gql_name name)
{
    static const char *const names[] = {"fields", "interfaces", "possibleTypes", "inputFields"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (ecom_str_eq(gql_str(name), ecom_str_of(names[i])))
            return 1;
    return 0;
}

/* Each fragment is gone through once for each number of lists around it; circles end there, too. */
static int is_too_deep(struct gql_walk *w, const struct gql_selection *s, uint8_t lists)
{
    for (; s; s = s->next) {
        const struct gql_selection *below = s->first;
        struct gql_scope *scope = NULL;
        uint8_t inside = lists;
        if (s->kind == GQL_FIELD && is_list_of_types(s->name) && ++inside >= MAX_LISTS)
            return 1;
        if (s->kind == GQL_SPREAD) {
            scope = s->fragment ? &w->scopes[s->fragment->index] : NULL;
            if (!scope || (scope->looked_at > lists && !scope->too_deep))
                continue;
            if (scope->too_deep && scope->too_deep <= lists + 1)
                return 1;
            scope->looked_at = (uint8_t)(lists + 1);
            below = s->fragment->first;
        }
        if (!is_too_deep(w, below, inside))
            continue;
        if (scope)
            scope->too_deep = (uint8_t)(lists + 1);
        return 1;
    }
    return 0;
}

void ecom__gql_introspection_depth(struct gql_walk *w, const struct gql_selection *s)
{
    if (s->kind == GQL_FIELD &&
        (gql_same(s->name, w->schema->schema_field.name) ||
         gql_same(s->name, w->schema->type_field.name)) &&
        is_too_deep(w, s->first, 0))
        GQL_REPORT(w, s->at, "Maximum introspection depth exceeded");
}

void ecom__gql_introspection_allowed(struct gql_walk *w, const struct gql_selection *s)
{
    if (w->no_introspection && s->kind == GQL_FIELD && s->field && s->field->introspection)
        GQL_REPORT(w, s->at,
                   "GraphQL introspection has been disabled, but the requested query contained the "
                   "field \"%.*s\".",
                   GQL_NAME(s->name));
}
