#include "graphql/validate.h"

#include <string.h>

static void *take(struct gql_walk *w, size_t count, size_t size)
{
    void *p = ecom_arena_alloc(w->arena, (count ? count : 1) * size);

    if (!p)
        w->errors->code = ECOM_E_NOMEM;
    return p;
}

static void resolve_ref(struct gql_walk *w, struct gql_ref *ref)
{
    struct gql_ref *named = ref;

    while (named->kind != GQL_NAMED)
        named = named->of;
    const struct gql_type *type = ecom__gql_type(w->schema, named->name);
    for (; ref; ref = ref->of)
        ref->type = type;
}

static const struct gql_field *find_field(const struct gql_walk *w, const struct gql_type *type,
                                          struct gql_name name)
{
    if (!type || !gql_is_composite(type))
        return NULL;
    if (name.n > 2 && name.p[0] == '_' && name.p[1] == '_') {
        if (gql_same(name, w->schema->typename_field.name))
            return &w->schema->typename_field;
        if (type == w->schema->roots[0] && gql_same(name, w->schema->schema_field.name))
            return &w->schema->schema_field;
        if (type == w->schema->roots[0] && gql_same(name, w->schema->type_field.name))
            return &w->schema->type_field;
    }
    return ecom__gql_field(type, name);
}

/* Below what has no fields nothing is looked up: that it has none was said. */
static const struct gql_type *composite(const struct gql_type *type)
{
    return type && gql_is_composite(type) ? type : NULL;
}

static void walk_arguments(struct gql_walk *w, const struct gql_argument *first)
{
    ecom__gql_rules_arguments(w, first);
    for (const struct gql_argument *a = first; a; a = a->next) {
        const struct gql_input *in = w->inputs ? ecom__gql_input(w->inputs, a->name) : NULL;
        ecom__gql_check_value(w, a->value, in ? in->type : NULL, in && in->fallback);
    }
}

static void walk_directives(struct gql_walk *w, const struct gql_directive *first,
                            const char *location, uint32_t place)
{
    w->location = location;
    w->place = place;
    if (first)
        ecom__gql_rules_directives(w, first);
    for (w->directive = first; w->directive; w->directive = w->directive->next) {
        w->directive_type = ecom__gql_directive_type(w->schema, w->directive->name);
        w->inputs = w->directive_type ? &w->directive_type->arguments : NULL;
        walk_arguments(w, w->directive->arguments);
        ecom__gql_rules_required(w, w->directive->arguments);
    }
}

/* Selection sets still to be looked at, the last found first: the order in which the reference
 * follows fragments, and so the order of what is said of them. */
struct later {
    struct later *next;
    const struct gql_selection *first;
};

static void add_spread(struct gql_walk *w, const struct gql_selection *s)
{
    struct gql_spread *spread = take(w, 1, sizeof(*spread));

    if (!spread)
        return;
    spread->selection = s;
    *w->scope->last_spread = spread;
    w->scope->last_spread = &spread->next;
}

static void note_spreads(struct gql_walk *w, const struct gql_selection *first)
{
    struct later *stack = NULL, *later;

    do {
        for (const struct gql_selection *s = first; s; s = s->next) {
            if (s->kind == GQL_SPREAD)
                add_spread(w, s);
            if (!s->first || !(later = take(w, 1, sizeof(*later))))
                continue;
            *later = (struct later){stack, s->first};
            stack = later;
        }
        first = stack ? stack->first : NULL;
        stack = stack ? stack->next : NULL;
    } while (first);
}

static void walk_selections(struct gql_walk *w, struct gql_selection *s);

static void walk_field(struct gql_walk *w, struct gql_selection *s)
{
    const struct gql_type *parent = w->parent;

    s->parent = parent;
    s->field = find_field(w, parent, s->name);
    w->errors->event = GQL_ENTER(s->at);
    ecom__gql_rules_selection(w, s);
    w->directive = NULL;
    w->inputs = s->field ? &s->field->arguments : NULL;
    walk_arguments(w, s->arguments);
    walk_directives(w, s->directives, "FIELD", s->at);
    w->inputs = s->field ? &s->field->arguments : NULL;
    ecom__gql_rules_required(w, s->arguments);
    if (s->first) {
        w->parent = s->field ? composite(s->field->type->type) : NULL;
        walk_selections(w, s->first);
        w->parent = parent;
    }
}

static void walk_inline(struct gql_walk *w, struct gql_selection *s)
{
    const struct gql_type *parent = w->parent;

    if (s->condition)
        resolve_ref(w, s->condition);
    w->errors->event = GQL_ENTER(s->at);
    ecom__gql_rules_selection(w, s);
    walk_directives(w, s->directives, "INLINE_FRAGMENT", s->at);
    if (s->condition)
        w->parent = composite(s->condition->type);
    walk_selections(w, s->first);
    w->parent = parent;
}

/* Depth is bounded by max_nesting. */
static void walk_selections(struct gql_walk *w, struct gql_selection *s)
{
    for (; s && w->errors->code != ECOM_E_NOMEM; s = s->next) {
        w->selection = s;
        if (s->kind == GQL_FIELD) {
            walk_field(w, s);
        } else if (s->kind == GQL_INLINE) {
            walk_inline(w, s);
        } else {
            w->errors->event = GQL_ENTER(s->at);
            ecom__gql_rules_selection(w, s);
            walk_directives(w, s->directives, "FRAGMENT_SPREAD", s->at);
        }
    }
}

static void walk_variables(struct gql_walk *w, const struct gql_definition *d)
{
    for (const struct gql_variable *v = d->variables; v; v = v->next) {
        w->errors->event = GQL_ENTER(v->name.at);
        ecom__gql_rules_variable(w, v);
        if (v->fallback)
            ecom__gql_check_value(w, v->fallback, v->type->type ? v->type : NULL, 0);
        walk_directives(w, v->directives, "VARIABLE_DEFINITION", v->name.at);
    }
}

static void open_scope(struct gql_walk *w, struct gql_scope *scope)
{
    w->scope = scope;
    scope->last_usage = &scope->usages;
    scope->last_spread = &scope->spreads;
}

static void walk_operation(struct gql_walk *w, const struct gql_definition *d)
{
    static const char *const locations[] = {"QUERY", "MUTATION", "SUBSCRIPTION"};

    memset(&w->operation_scope, 0, sizeof(w->operation_scope));
    open_scope(w, &w->operation_scope);
    note_spreads(w, d->first);
    w->parent = w->schema->roots[d->operation];
    w->errors->event = GQL_ENTER(d->at);
    ecom__gql_rules_definition(w, d);
    walk_variables(w, d);
    walk_directives(w, d->directives, locations[d->operation], d->at);
    walk_selections(w, d->first);
}

static void walk_fragment(struct gql_walk *w, const struct gql_definition *d)
{
    open_scope(w, &w->scopes[d->index]);
    note_spreads(w, d->first);
    w->parent = composite(d->condition->type);
    w->errors->event = GQL_ENTER(d->at);
    ecom__gql_rules_definition(w, d);
    walk_directives(w, d->directives, "FRAGMENT_DEFINITION", d->at);
    walk_selections(w, d->first);
}

static int prepare(struct gql_walk *w)
{
    uint32_t n = w->document->nfragments;

    w->fragments = take(w, n, sizeof(*w->fragments));
    w->scopes = take(w, n, sizeof(*w->scopes));
    if (!w->fragments || !w->scopes)
        return ECOM_E_NOMEM;
    for (const struct gql_definition *d = w->document->first; d; d = d->next) {
        if (d->kind == GQL_FRAGMENT)
            w->fragments[d->index] = d;
        if (d->kind == GQL_FRAGMENT)
            resolve_ref(w, d->condition);
        for (const struct gql_variable *v = d->variables; v; v = v->next)
            resolve_ref(w, v->type);
    }
    return ECOM_OK;
}

void ecom__gql_check_applied(const struct gql_schema *schema, const struct gql_directive *first,
                             const char *location, struct gql_errors *errors)
{
    struct gql_walk w = {.schema = schema, .arena = schema->arena, .errors = errors};

    open_scope(&w, &w.operation_scope);
    walk_directives(&w, first, location, first->at);
    errors->rule = GQL_R_NONE;
    errors->event = 0;
}

int ecom__gql_validate(const struct gql_schema *schema, struct gql_document *document,
                       int no_introspection, ecom_arena *arena, struct gql_errors *errors)
{
    struct gql_walk w = {.schema = schema,
                         .document = document,
                         .arena = arena,
                         .errors = errors,
                         .no_introspection = no_introspection};

    errors->rule = GQL_R_EXECUTABLE_DEFINITIONS;
    errors->suggesting = no_introspection ? 0 : GQL_SUGGESTING;
    if (prepare(&w) < 0)
        return ECOM_E_NOMEM;
    ecom__gql_rules_document(&w);
    if (schema->incremental && document->ndirectives)
        document->incremental = ecom__gql_rule_labels(&w) > 0;
    /* Fragments first: an operation then knows what the ones it spreads mention. */
    for (int operations = 0; operations < 2; operations++)
        for (const struct gql_definition *d = document->first;
             d && errors->code != ECOM_E_NOMEM && errors->n <= GQL_MAX_ERRORS; d = d->next) {
            w.definition = d;
            if (d->kind == GQL_FRAGMENT && !operations)
                walk_fragment(&w, d);
            if (d->kind != GQL_OPERATION || !operations)
                continue;
            walk_operation(&w, d);
            ecom__gql_rules_usages(&w, d);
        }
    if (errors->code != ECOM_E_NOMEM)
        ecom__gql_rules_end(&w);
    if (errors->code != ECOM_E_NOMEM && !w.circles)
        ecom__gql_check_overlaps(schema, document, arena, errors);
    errors->rule = GQL_R_NONE;
    return errors->code;
}
