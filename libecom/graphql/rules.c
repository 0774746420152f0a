/* The rules of validation (specification, section 5), each a small function. */
#include "graphql/validate.h"

#define RULES(table_, call_)                                            \
    for (size_t i = 0; i < sizeof(table_) / sizeof((table_)[0]); i++) { \
        w->errors->rule = (table_)[i].name;                             \
        (table_)[i].check call_;                                        \
    }

/* ---- the document */

static void executable_definitions(struct gql_walk *w)
{
    for (const struct gql_definition *d = w->document->first; d; d = d->next)
        if (d->kind == GQL_SCHEMA)
            GQL_REPORT(w, d->at, "The schema definition is not executable.");
        else if (d->kind > GQL_FRAGMENT)
            GQL_REPORT(w, d->at, "The \"%.*s\" definition is not executable.", GQL_NAME(d->name));
}

static void unique_names(struct gql_walk *w, uint8_t kind, const char *what)
{
    for (const struct gql_definition *d = w->document->first; d; d = d->next) {
        const struct gql_definition *other = w->document->first;
        if (d->kind != kind || !d->name.p)
            continue;
        while (other != d && !(other->kind == kind && gql_same(other->name, d->name)))
            other = other->next;
        if (other != d)
            GQL_REPORT2(w, other->name.at, d->name.at, "There can be only one %s named \"%.*s\".",
                        what, GQL_NAME(d->name));
    }
}

static void unique_operation_names(struct gql_walk *w)
{
    if (w->document->noperations > 1)
        unique_names(w, GQL_OPERATION, "operation");
}

static void lone_anonymous_operation(struct gql_walk *w)
{
    for (const struct gql_definition *d = w->document->first; d; d = d->next)
        if (d->kind == GQL_OPERATION && !d->name.p && w->document->noperations > 1)
            GQL_REPORT(w, d->at, "This anonymous operation must be the only defined operation.");
}

static void unique_fragment_names(struct gql_walk *w)
{
    if (w->document->nfragments > 1)
        unique_names(w, GQL_FRAGMENT, "fragment");
}

void ecom__gql_rules_document(struct gql_walk *w)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w);
    } table[] = {
        {"ExecutableDefinitions", executable_definitions},
        {"UniqueOperationNames", unique_operation_names},
        {"LoneAnonymousOperation", lone_anonymous_operation},
        {"UniqueFragmentNames", unique_fragment_names},
    };

    RULES(table, (w));
}

/* ---- operations and fragments */

static int has_condition(const struct gql_selection *s)
{
    for (const struct gql_directive *d = s->directives; d; d = d->next)
        if (ecom_str_eq(gql_str(d->name), ecom_str_of("skip")) ||
            ecom_str_eq(gql_str(d->name), ecom_str_of("include")))
            return 1;
    return 0;
}

/* The root of a subscription: one key, not of introspection, and never conditional. Depth of the
 * search is bounded by max_nesting; circles are cut at the same bound. */
static void subscription_root(struct gql_walk *w, const struct gql_definition *d,
                              const struct gql_selection *s, const struct gql_selection **only,
                              uint32_t level)
{
    const char *anonymous = d->name.p ? "" : "Anonymous ";
    ecom_str quoted = d->name.p ? ecom__gql_format(w->arena, " \"%.*s\"", GQL_NAME(d->name))
                                : (ecom_str){NULL, 0};

    for (; s && level < 200; s = s->next) {
        if (has_condition(s))
            GQL_REPORT(
                w, s->at,
                "%sSubscription%.*s must not use \"@skip\" or \"@include\" directives in the "
                "top level selection.",
                anonymous, GQL_P(quoted));
        if (s->kind != GQL_FIELD) {
            const struct gql_selection *below = s->kind == GQL_INLINE ? s->first
                                                : s->fragment         ? s->fragment->first
                                                                      : NULL;
            subscription_root(w, d, below, only, level + 1);
            continue;
        }
        if (s->name.n > 1 && s->name.p[0] == '_' && s->name.p[1] == '_')
            GQL_REPORT(w, s->at,
                       "%sSubscription%.*s must not select an introspection top level field.",
                       anonymous, GQL_P(quoted));
        else if (*only && !gql_same(gql_key(*only), gql_key(s)))
            GQL_REPORT(w, s->at, "%sSubscription%.*s must select only one top level field.",
                       anonymous, GQL_P(quoted));
        if (!*only)
            *only = s;
    }
}

static void single_field_subscriptions(struct gql_walk *w, const struct gql_definition *d)
{
    const struct gql_selection *only = NULL;

    if (d->kind == GQL_OPERATION && d->operation == GQL_SUBSCRIPTION)
        subscription_root(w, d, d->first, &only, 0);
}

static const struct gql_ref *named(const struct gql_ref *ref)
{
    while (ref->kind != GQL_NAMED)
        ref = ref->of;
    return ref;
}

static void unknown_type(struct gql_walk *w, const struct gql_ref *ref)
{
    if (ref && !ref->type)
        GQL_REPORT(w, named(ref)->at, "Unknown type \"%.*s\".", GQL_NAME(named(ref)->name));
}

static void known_type_names(struct gql_walk *w, const struct gql_definition *d)
{
    unknown_type(w, d->condition);
}

static void fragments_on_composite_types(struct gql_walk *w, const struct gql_definition *d)
{
    if (d->kind == GQL_FRAGMENT && d->condition->type && !gql_is_composite(d->condition->type))
        GQL_REPORT(w, d->condition->at,
                   "Fragment \"%.*s\" cannot condition on non composite type \"%.*s\".",
                   GQL_NAME(d->name), GQL_NAME(d->condition->name));
}

static void unique_variable_names(struct gql_walk *w, const struct gql_definition *d)
{
    for (const struct gql_variable *v = d->variables; v; v = v->next) {
        const struct gql_variable *other = d->variables;
        while (other != v && !gql_same(other->name, v->name))
            other = other->next;
        if (other != v)
            GQL_REPORT2(w, other->name.at + 1, v->name.at + 1,
                        "There can be only one variable named \"$%.*s\".", GQL_NAME(v->name));
    }
}

static void known_operation(struct gql_walk *w, const struct gql_definition *d)
{
    static const char *const words[] = {"query", "mutation", "subscription"};

    if (d->kind == GQL_OPERATION && !w->schema->roots[d->operation])
        GQL_REPORT(w, d->at, "The %s operation is not supported by the schema.",
                   words[d->operation]);
}

void ecom__gql_rules_definition(struct gql_walk *w, const struct gql_definition *d)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w, const struct gql_definition *d);
    } table[] = {
        {"KnownOperationTypes", known_operation},
        {"SingleFieldSubscriptions", single_field_subscriptions},
        {"KnownTypeNames", known_type_names},
        {"FragmentsOnCompositeTypes", fragments_on_composite_types},
        {"UniqueVariableNames", unique_variable_names},
    };

    RULES(table, (w, d));
}

/* ---- variable definitions */

static void known_variable_types(struct gql_walk *w, const struct gql_variable *v)
{
    unknown_type(w, v->type);
}

static void variables_are_input_types(struct gql_walk *w, const struct gql_variable *v)
{
    if (v->type->type && !gql_is_input(v->type->type))
        GQL_REPORT(w, v->type->at, "Variable \"$%.*s\" cannot be non-input type \"%s\".",
                   GQL_NAME(v->name), ecom__gql_ref_text(w->arena, v->type));
}

void ecom__gql_rules_variable(struct gql_walk *w, const struct gql_variable *v)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w, const struct gql_variable *v);
    } table[] = {
        {"KnownTypeNames", known_variable_types},
        {"VariablesAreInputTypes", variables_are_input_types},
    };

    RULES(table, (w, v));
}

/* ---- selections */

static void known_condition(struct gql_walk *w, const struct gql_selection *s)
{
    unknown_type(w, s->condition);
}

static void inline_on_composite_types(struct gql_walk *w, const struct gql_selection *s)
{
    if (s->condition && s->condition->type && !gql_is_composite(s->condition->type))
        GQL_REPORT(w, s->condition->at, "Fragment cannot condition on non composite type \"%.*s\".",
                   GQL_NAME(s->condition->name));
}

static void scalar_leafs(struct gql_walk *w, const struct gql_selection *s)
{
    if (s->kind != GQL_FIELD || !s->field)
        return;
    if (gql_is_leaf(s->field->type->type) && s->braces)
        GQL_REPORT(w, s->at,
                   "Field \"%.*s\" must not have a selection since type \"%s\" has no subfields.",
                   GQL_NAME(s->name), ecom__gql_ref_text(w->arena, s->field->type));
    else if (!gql_is_leaf(s->field->type->type) && !s->braces)
        GQL_REPORT(w, s->at,
                   "Field \"%.*s\" of type \"%s\" must have a selection of subfields. Did you mean "
                   "\"%.*s { ... }\"?",
                   GQL_NAME(s->name), ecom__gql_ref_text(w->arena, s->field->type),
                   GQL_NAME(s->name));
}

static void fields_on_correct_type(struct gql_walk *w, const struct gql_selection *s)
{
    if (s->kind == GQL_FIELD && !s->field && w->parent)
        GQL_REPORT(w, s->at, "Cannot query field \"%.*s\" on type \"%.*s\".", GQL_NAME(s->name),
                   GQL_NAME(w->parent->name));
}

static void introspection_allowed(struct gql_walk *w, const struct gql_selection *s)
{
    if (w->no_introspection && s->kind == GQL_FIELD && s->field && s->field->introspection)
        GQL_REPORT(w, s->at,
                   "GraphQL introspection has been disabled, but the requested query contained the "
                   "field \"%.*s\".",
                   GQL_NAME(s->name));
}

static void known_fragment_names(struct gql_walk *w, const struct gql_selection *s)
{
    if (s->kind == GQL_SPREAD && !s->fragment)
        GQL_REPORT(w, s->name.at, "Unknown fragment \"%.*s\".", GQL_NAME(s->name));
}

/* Truth: some object is of both types. */
static int overlap(const struct gql_type *a, const struct gql_type *b)
{
    if (a == b)
        return 1;
    if (a->kind == GQL_KIND_OBJECT)
        return gql_may_be(b, a);
    if (b->kind == GQL_KIND_OBJECT)
        return gql_may_be(a, b);
    for (uint32_t i = 0; i < a->npossible; i++)
        if (gql_may_be(b, a->possible[i]))
            return 1;
    return 0;
}

static void possible_fragment_spreads(struct gql_walk *w, const struct gql_selection *s)
{
    const struct gql_ref *condition =
        s->kind == GQL_SPREAD && s->fragment ? s->fragment->condition : s->condition;
    const struct gql_type *type = condition ? condition->type : NULL;

    if (!type || !w->parent || !gql_is_composite(type) || !gql_is_composite(w->parent) ||
        overlap(type, w->parent))
        return;
    if (s->kind == GQL_SPREAD)
        GQL_REPORT(w, s->at,
                   "Fragment \"%.*s\" cannot be spread here as objects of type \"%.*s\" can never "
                   "be of type \"%.*s\".",
                   GQL_NAME(s->name), GQL_NAME(w->parent->name), GQL_NAME(type->name));
    else
        GQL_REPORT(w, s->at,
                   "Fragment cannot be spread here as objects of type \"%.*s\" can never be of "
                   "type \"%.*s\".",
                   GQL_NAME(w->parent->name), GQL_NAME(type->name));
}

void ecom__gql_rules_selection(struct gql_walk *w, const struct gql_selection *s)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w, const struct gql_selection *s);
    } table[] = {
        {"KnownTypeNames", known_condition},
        {"FragmentsOnCompositeTypes", inline_on_composite_types},
        {"ScalarLeafs", scalar_leafs},
        {"FieldsOnCorrectType", fields_on_correct_type},
        {"IntrospectionAllowed", introspection_allowed},
        {"KnownFragmentNames", known_fragment_names},
        {"PossibleFragmentSpreads", possible_fragment_spreads},
    };

    RULES(table, (w, s));
}

/* ---- directives */

static void known_directives(struct gql_walk *w, const struct gql_directive *first)
{
    for (const struct gql_directive *d = first; d; d = d->next) {
        const struct gql_directive_type *type = ecom__gql_directive_type(w->schema, d->name);
        const struct gql_names *n = type ? type->locations : NULL;
        while (n && !ecom_str_eq(gql_str(n->name), ecom_str_of(w->location)))
            n = n->next;
        if (!type)
            GQL_REPORT(w, d->at, "Unknown directive \"@%.*s\".", GQL_NAME(d->name));
        else if (!n)
            GQL_REPORT(w, d->at, "Directive \"@%.*s\" may not be used on %s.", GQL_NAME(d->name),
                       w->location);
    }
}

static void unique_directives(struct gql_walk *w, const struct gql_directive *first)
{
    for (const struct gql_directive *d = first; d; d = d->next) {
        const struct gql_directive_type *type = ecom__gql_directive_type(w->schema, d->name);
        const struct gql_directive *other = first;
        while (other != d && !gql_same(other->name, d->name))
            other = other->next;
        if (other != d && type && !type->repeatable)
            GQL_REPORT2(w, other->at, d->at,
                        "The directive \"@%.*s\" can only be used once at this location.",
                        GQL_NAME(d->name));
    }
}

void ecom__gql_rules_directives(struct gql_walk *w, const struct gql_directive *first)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w, const struct gql_directive *first);
    } table[] = {
        {"KnownDirectives", known_directives},
        {"UniqueDirectivesPerLocation", unique_directives},
    };

    RULES(table, (w, first));
}

/* ---- arguments of fields and directives */

static void known_argument_names(struct gql_walk *w, const struct gql_argument *first)
{
    for (const struct gql_argument *a = first; a && w->inputs; a = a->next) {
        if (ecom__gql_input(w->inputs, a->name))
            continue;
        if (w->directive)
            GQL_REPORT(w, a->name.at, "Unknown argument \"%.*s\" on directive \"@%.*s\".",
                       GQL_NAME(a->name), GQL_NAME(w->directive->name));
        else
            GQL_REPORT(w, a->name.at, "Unknown argument \"%.*s\" on field \"%.*s.%.*s\".",
                       GQL_NAME(a->name), GQL_NAME(w->parent->name), GQL_NAME(w->selection->name));
    }
}

static void unique_argument_names(struct gql_walk *w, const struct gql_argument *first)
{
    for (const struct gql_argument *a = first; a; a = a->next) {
        const struct gql_argument *other = first;
        while (other != a && !gql_same(other->name, a->name))
            other = other->next;
        if (other != a)
            GQL_REPORT2(w, other->name.at, a->name.at,
                        "There can be only one argument named \"%.*s\".", GQL_NAME(a->name));
    }
}

static void provided_required_arguments(struct gql_walk *w, const struct gql_argument *first)
{
    for (uint32_t i = 0; w->inputs && i < w->inputs->n; i++) {
        const struct gql_input *in = &w->inputs->items[i];
        const struct gql_argument *a = first;
        if (!gql_is_required(in))
            continue;
        while (a && !gql_same(a->name, in->name))
            a = a->next;
        if (!a)
            GQL_REPORT(w, w->directive ? w->directive->at : w->selection->at,
                       "%s%.*s\" argument \"%.*s\" of type \"%s\" is required, but it was not "
                       "provided.",
                       w->directive ? "Directive \"@" : "Field \"",
                       GQL_NAME(w->directive ? w->directive->name : w->selection->name),
                       GQL_NAME(in->name), ecom__gql_ref_text(w->arena, in->type));
    }
}

void ecom__gql_rules_arguments(struct gql_walk *w, const struct gql_argument *first)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w, const struct gql_argument *first);
    } table[] = {
        {"KnownArgumentNames", known_argument_names},
        {"UniqueArgumentNames", unique_argument_names},
        {"ProvidedRequiredArguments", provided_required_arguments},
    };

    RULES(table, (w, first));
}

/* ---- variables where they are used, through all fragments of an operation */

static const struct gql_variable *find_variable(const struct gql_definition *operation,
                                                struct gql_name name)
{
    const struct gql_variable *v = operation->variables;

    while (v && !gql_same(v->name, name))
        v = v->next;
    return v;
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
        w->errors->rule = "NoUndefinedVariables";
        no_undefined_variables(w, operation, u, v);
        w->errors->rule = "VariablesInAllowedPosition";
        variables_in_allowed_position(w, operation, u, v);
        if (v)
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
    w->errors->rule = "NoUnusedVariables";
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
    static const uint32_t none = 0;
    uint32_t mark = operation->at + 1;
    struct queue q = {NULL, none};
    uint8_t *used = ecom_arena_alloc(w->arena, operation->nvariables + 1);

    q.items =
        ecom_arena_alloc(w->arena, sizeof(struct gql_scope *) * (w->document->nfragments + 1));
    if (!used || !q.items) {
        w->errors->code = ECOM_E_NOMEM;
        return;
    }
    check_scope(w, operation, &w->operation_scope, used);
    add_spreads(w, &q, &w->operation_scope, mark);
    for (uint32_t i = 0; i < q.n; i++) {
        check_scope(w, operation, q.items[i], used);
        add_spreads(w, &q, q.items[i], mark);
    }
    no_unused_variables(w, operation, used);
}

/* ---- at the end */

static void no_unused_fragments(struct gql_walk *w)
{
    for (uint32_t i = 0; i < w->document->nfragments; i++)
        if (!w->scopes[i].used)
            GQL_REPORT(w, w->fragments[i]->at, "Fragment \"%.*s\" is never used.",
                       GQL_NAME(w->fragments[i]->name));
}

/* Fragments on the way down, as an explicit stack: a circle may be as long as the document. */
struct trail {
    struct gql_spread **next; /* where each fragment of the trail goes on */
    uint32_t *fragment;
    uint32_t depth;
};

static void report_circle(struct gql_walk *w, const struct trail *t,
                          const struct gql_selection *closing)
{
    uint32_t from = t->depth - 1, target = closing->fragment->index;
    ecom_str via = {NULL, 0};

    while (from > 0 && t->fragment[from] != target)
        from--;
    for (uint32_t i = from + 1; i < t->depth && i < from + 20; i++)
        via = ecom__gql_format(w->arena, "%.*s%s\"%.*s\"", GQL_P(via), via.n ? ", " : "",
                               GQL_NAME(w->fragments[t->fragment[i]]->name));
    GQL_REPORT(w, closing->at, "Cannot spread fragment \"%.*s\" within itself%s%.*s.",
               GQL_NAME(closing->fragment->name), via.n ? " via " : "", GQL_P(via));
}

static void follow(struct gql_walk *w, struct trail *t, uint32_t start)
{
    t->fragment[0] = start;
    t->next[0] = w->scopes[start].spreads;
    t->depth = 1;
    w->scopes[start].state = 1;
    while (t->depth) {
        struct gql_spread *s = t->next[t->depth - 1];
        if (!s) {
            w->scopes[t->fragment[--t->depth]].state = 2;
            continue;
        }
        t->next[t->depth - 1] = s->next;
        const struct gql_definition *f = s->selection->fragment;
        if (f && w->scopes[f->index].state == 1) {
            report_circle(w, t, s->selection);
        } else if (f && w->scopes[f->index].state == 0) {
            w->scopes[f->index].state = 1;
            t->fragment[t->depth] = f->index;
            t->next[t->depth++] = w->scopes[f->index].spreads;
        }
    }
}

static void no_fragment_cycles(struct gql_walk *w)
{
    uint32_t n = w->document->nfragments;
    struct trail t = {ecom_arena_alloc(w->arena, sizeof(struct gql_spread *) * (n + 1)),
                      ecom_arena_alloc(w->arena, sizeof(uint32_t) * (n + 1)), 0};

    if (!t.next || !t.fragment) {
        w->errors->code = ECOM_E_NOMEM;
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        if (w->scopes[i].state == 0)
            follow(w, &t, i);
}

void ecom__gql_rules_end(struct gql_walk *w)
{
    static const struct {
        const char *name;
        void (*check)(struct gql_walk *w);
    } table[] = {
        {"NoUnusedFragments", no_unused_fragments},
        {"NoFragmentCycles", no_fragment_cycles},
    };

    RULES(table, (w));
}
