/* The rules for variables where they are used, through all fragments of an operation. */
#include "graphql/validate.h"

/* The last of that name: that there are several was said. */
static const struct gql_variable *find_variable(const struct gql_definition *operation,
                                                struct gql_name name)
{
    const struct gql_variable *found = NULL;

    for (const struct gql_variable *v = operation->variables; v; v = v->next)
        if (gql_same(v->name, name))
            found = v;
    return found;
}

static void no_undefined_variables(struct gql_walk *w, const struct gql_definition *operation,
                                   const struct gql_usage *u, const struct gql_variable *v)
{
    if (v)
        return;
    if (operation->name.p)
        GQL_REPORT2(w, u->value->at, operation->at,
                    "Variable \"$%.*s\" is not defined by operation \"%.*s\".",
                    GQL_NAME(u->value->text), GQL_NAME(operation->name));
    else
        GQL_REPORT2(w, u->value->at, operation->at, "Variable \"$%.*s\" is not defined.",
                    GQL_NAME(u->value->text));
}

static int allowed_position(const struct gql_variable *v, const struct gql_usage *u)
{
    if (u->type->kind == GQL_NON_NULL && v->type->kind != GQL_NON_NULL) {
        if (!(v->fallback && v->fallback->kind != GQL_NULL) && !u->has_default)
            return 0;
        return ecom__gql_ref_sub(v->type, u->type->of);
    }
    return ecom__gql_ref_sub(v->type, u->type);
}

static void variables_in_allowed_position(struct gql_walk *w,
                                          const struct gql_definition *operation,
                                          const struct gql_usage *u, const struct gql_variable *v)
{
    (void)operation;
    if (!v || !u->type || !v->type->type)
        return;
    if (!allowed_position(v, u))
        GQL_REPORT2(w, v->name.at, u->value->at,
                    "Variable \"$%.*s\" of type \"%s\" used in position expecting type \"%s\".",
                    GQL_NAME(v->name), ecom__gql_ref_text(w->arena, v->type),
                    ecom__gql_ref_text(w->arena, u->type));
    if (u->one_of && v->type->kind != GQL_NON_NULL)
        GQL_REPORT2(w, v->name.at, u->value->at,
                    "Variable \"$%.*s\" is of type \"%s\" but must be non-nullable to be used for "
                    "OneOf Input Object \"%.*s\".",
                    GQL_NAME(v->name), ecom__gql_ref_text(w->arena, v->type),
                    GQL_NAME(u->one_of->name));
}

static void check_scope(struct gql_walk *w, const struct gql_definition *operation,
                        struct gql_scope *scope, uint8_t *used)
{
    for (const struct gql_usage *u = scope->usages; u; u = u->next) {
        const struct gql_variable *v = find_variable(operation, u->value->text);
        w->errors->rule = GQL_R_NO_UNDEFINED_VARIABLES;
        no_undefined_variables(w, operation, u, v);
        w->errors->rule = GQL_R_VARIABLES_IN_ALLOWED_POSITION;
        variables_in_allowed_position(w, operation, u, v);
        for (v = v ? operation->variables : NULL; v; v = v->next)
            if (gql_same(v->name, u->value->text))
                used[v->index] = 1;
    }
}

/* Scopes still to be looked at: each fragment once. */
struct queue {
    struct gql_scope **items;
    uint32_t n;
};

static void add_spreads(struct gql_walk *w, struct queue *q, const struct gql_scope *scope,
                        uint32_t mark)
{
    for (const struct gql_spread *s = scope->spreads; s; s = s->next) {
        const struct gql_definition *f = s->selection->fragment;
        if (!f || w->scopes[f->index].mark == mark)
            continue;
        w->scopes[f->index].mark = mark;
        w->scopes[f->index].used = 1;
        q->items[q->n++] = &w->scopes[f->index];
    }
}

static void no_unused_variables(struct gql_walk *w, const struct gql_definition *operation,
                                const uint8_t *used)
{
    w->errors->rule = GQL_R_NO_UNUSED_VARIABLES;
    for (const struct gql_variable *v = operation->variables; v; v = v->next) {
        if (used[v->index])
            continue;
        if (operation->name.p)
            GQL_REPORT(w, v->name.at, "Variable \"$%.*s\" is never used in operation \"%.*s\".",
                       GQL_NAME(v->name), GQL_NAME(operation->name));
        else
            GQL_REPORT(w, v->name.at, "Variable \"$%.*s\" is never used.", GQL_NAME(v->name));
    }
}

void ecom__gql_rules_usages(struct gql_walk *w, const struct gql_definition *operation)
{
    uint32_t mark = operation->at + 1;
    struct queue q = {NULL, 0};
    uint8_t *used = ecom_arena_alloc(w->arena, operation->nvariables + 1);

    q.items =
        ecom_arena_alloc(w->arena, sizeof(struct gql_scope *) * (w->document->nfragments + 1));
    if (!used || !q.items) {
        w->errors->code = ECOM_E_NOMEM;
        return;
    }
    w->errors->event = GQL_LEAVE(operation->end);
    check_scope(w, operation, &w->operation_scope, used);
    add_spreads(w, &q, &w->operation_scope, mark);
    for (uint32_t i = 0; i < q.n; i++) {
        check_scope(w, operation, q.items[i], used);
        add_spreads(w, &q, q.items[i], mark);
    }
    no_unused_variables(w, operation, used);
}
