/* The rules of validation (specification, section 5), each a small function. */
#include "graphql/suggest.h"
#include "graphql/validate.h"

#define RULES(table_, call_)                                            \
    for (size_t i = 0; i < sizeof(table_) / sizeof((table_)[0]); i++) { \
        w->errors->rule = (table_)[i].rule;                             \
        (table_)[i].check call_;                                        \
    }

/* Where all of a kind stand, as far as an error lists them. */
enum { MAX_PLACES = 64 };
struct places {
    uint32_t at[MAX_PLACES], n;
};

static void add_place(struct places *places, uint32_t at)
{
    if (places->n < MAX_PLACES)
        places->at[places->n++] = at;
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

/* @p n  of them are in the document. */
static void unique_names(struct gql_walk *w, uint8_t kind, uint32_t n, const char *what)
{
    const struct gql_definition **slots;
    uint32_t nslots = 4;

    while (nslots < 2 * n)
        nslots *= 2;
    if (!(slots = ecom_arena_alloc(w->arena, nslots * sizeof(*slots)))) {
        w->errors->code = ECOM_E_NOMEM;
        return;
    }
    for (const struct gql_definition *d = w->document->first; d; d = d->next) {
        uint32_t i = d->name.hash & (nslots - 1);
        if (d->kind != kind || !d->name.p)
            continue;
        while (slots[i] && !gql_same(slots[i]->name, d->name))
            i = (i + 1) & (nslots - 1);
        w->errors->event = GQL_ENTER(d->at);
        if (slots[i])
            GQL_REPORT2(w, slots[i]->name.at, d->name.at,
                        "There can be only one %s named \"%.*s\".", what, GQL_NAME(d->name));
        else
            slots[i] = d;
    }
}

static void unique_operation_names(struct gql_walk *w)
{
    if (w->document->noperations > 1)
        unique_names(w, GQL_OPERATION, w->document->noperations, "operation");
}

static void lone_anonymous_operation(struct gql_walk *w)
{
    for (const struct gql_definition *d = w->document->first; d; d = d->next)
        if (d->kind == GQL_OPERATION && !d->name.p && w->document->noperations > 1) {
            w->errors->event = GQL_ENTER(d->at);
            GQL_REPORT(w, d->at, "This anonymous operation must be the only defined operation.");
        }
}

static void unique_fragment_names(struct gql_walk *w)
{
    if (w->document->nfragments > 1)
        unique_names(w, GQL_FRAGMENT, w->document->nfragments, "fragment");
}

void ecom__gql_rules_document(struct gql_walk *w)
{
    static const struct {
        uint8_t rule;
        void (*check)(struct gql_walk *w);
    } table[] = {
        {GQL_R_EXECUTABLE_DEFINITIONS, executable_definitions},
        {GQL_R_UNIQUE_OPERATION_NAMES, unique_operation_names},
        {GQL_R_LONE_ANONYMOUS_OPERATION, lone_anonymous_operation},
        {GQL_R_UNIQUE_FRAGMENT_NAMES, unique_fragment_names},
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
    uint64_t event = w->errors->event;

    if (!ref || ref->type)
        return;
    ref = named(ref);
    ecom_str meant = ecom__gql_suggest_type(w->errors, w->schema, gql_str(ref->name));
    w->errors->event = GQL_ENTER(ref->at);
    GQL_REPORT(w, ref->at, "Unknown type \"%.*s\".%.*s", GQL_NAME(ref->name), GQL_P(meant));
    w->errors->event = event;
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
        struct places places = {.n = 0};
        const struct gql_variable *other = d->variables;
        while (other != v && !gql_same(other->name, v->name))
            other = other->next;
        for (; other == v || (other && places.n); other = other->next)
            if (gql_same(other->name, v->name))
                add_place(&places, other->name.at + 1);
        if (places.n > 1)
            ecom__gql_report(w->errors, places.at, places.n,
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
        uint8_t rule;
        void (*check)(struct gql_walk *w, const struct gql_definition *d);
    } table[] = {
        {GQL_R_KNOWN_OPERATION_TYPES, known_operation},
        {GQL_R_SINGLE_FIELD_SUBSCRIPTIONS, single_field_subscriptions},
        {GQL_R_KNOWN_TYPE_NAMES, known_type_names},
        {GQL_R_FRAGMENTS_ON_COMPOSITE_TYPES, fragments_on_composite_types},
        {GQL_R_UNIQUE_VARIABLE_NAMES, unique_variable_names},
        {GQL_R_INCREMENTAL_ROOTS, ecom__gql_rule_incremental_roots},
        {GQL_R_INCREMENTAL_OPERATIONS, ecom__gql_rule_incremental_operations},
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
        uint8_t rule;
        void (*check)(struct gql_walk *w, const struct gql_variable *v);
    } table[] = {
        {GQL_R_KNOWN_TYPE_NAMES, known_variable_types},
        {GQL_R_VARIABLES_ARE_INPUT_TYPES, variables_are_input_types},
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
        GQL_REPORT(w, s->brace,
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
    if (s->kind != GQL_FIELD || s->field || !w->parent)
        return;
    ecom_str meant = ecom__gql_suggest_field(w->errors, w->parent, s->name);
    GQL_REPORT(w, s->at, "Cannot query field \"%.*s\" on type \"%.*s\".%.*s", GQL_NAME(s->name),
               GQL_NAME(w->parent->name), GQL_P(meant));
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
        uint8_t rule;
        void (*check)(struct gql_walk *w, const struct gql_selection *s);
    } table[] = {
        {GQL_R_KNOWN_TYPE_NAMES, known_condition},
        {GQL_R_FRAGMENTS_ON_COMPOSITE_TYPES, inline_on_composite_types},
        {GQL_R_SCALAR_LEAFS, scalar_leafs},
        {GQL_R_FIELDS_ON_CORRECT_TYPE, fields_on_correct_type},
        {GQL_R_KNOWN_FRAGMENT_NAMES, known_fragment_names},
        {GQL_R_POSSIBLE_FRAGMENT_SPREADS, possible_fragment_spreads},
        {GQL_R_MAX_INTROSPECTION_DEPTH, ecom__gql_introspection_depth},
        {GQL_R_INTROSPECTION_ALLOWED, ecom__gql_introspection_allowed},
    };

    RULES(table, (w, s));
}

/* ---- directives */

static void known_directives(struct gql_walk *w, const struct gql_directive *first)
{
    for (const struct gql_directive *d = first; d; d = d->next) {
        w->errors->event = GQL_ENTER(d->at);
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
    w->errors->event = GQL_ENTER(w->place);
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
        uint8_t rule;
        void (*check)(struct gql_walk *w, const struct gql_directive *first);
    } table[] = {
        {GQL_R_KNOWN_DIRECTIVES, known_directives},
        {GQL_R_UNIQUE_DIRECTIVES_PER_LOCATION, unique_directives},
        {GQL_R_STREAM_LISTS, ecom__gql_rule_stream_lists},
    };

    RULES(table, (w, first));
}

/* ---- arguments of fields and directives */

static void known_argument_names(struct gql_walk *w, const struct gql_argument *first)
{
    for (const struct gql_argument *a = first; a && w->inputs; a = a->next) {
        if (ecom__gql_input(w->inputs, a->name))
            continue;
        ecom_str meant = ecom__gql_suggest_input(w->errors, w->inputs, gql_str(a->name));
        w->errors->event = GQL_ENTER(w->directive ? w->directive->at : a->name.at);
        if (w->directive)
            GQL_REPORT(w, a->name.at, "Unknown argument \"%.*s\" on directive \"@%.*s\".%.*s",
                       GQL_NAME(a->name), GQL_NAME(w->directive->name), GQL_P(meant));
        else
            GQL_REPORT(w, a->name.at, "Unknown argument \"%.*s\" on field \"%.*s.%.*s\".%.*s",
                       GQL_NAME(a->name), GQL_NAME(w->parent->name), GQL_NAME(w->selection->name),
                       GQL_P(meant));
    }
}

static void unique_argument_names(struct gql_walk *w, const struct gql_argument *first)
{
    w->errors->event = GQL_ENTER(w->directive ? w->directive->at : w->selection->at);
    for (const struct gql_argument *a = first; a; a = a->next) {
        struct places places = {.n = 0};
        const struct gql_argument *other = first;
        while (other != a && !gql_same(other->name, a->name))
            other = other->next;
        for (; other == a || (other && places.n); other = other->next)
            if (gql_same(other->name, a->name))
                add_place(&places, other->name.at);
        if (places.n > 1)
            ecom__gql_report(w->errors, places.at, places.n,
                             "There can be only one argument named \"%.*s\".", GQL_NAME(a->name));
    }
}

void ecom__gql_rules_required(struct gql_walk *w, const struct gql_argument *first)
{
    w->errors->rule = GQL_R_PROVIDED_REQUIRED_ARGUMENTS;
    w->errors->event = GQL_LEAVE(w->directive ? w->directive->end : w->selection->end);
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
        uint8_t rule;
        void (*check)(struct gql_walk *w, const struct gql_argument *first);
    } table[] = {
        {GQL_R_KNOWN_ARGUMENT_NAMES, known_argument_names},
        {GQL_R_UNIQUE_ARGUMENT_NAMES, unique_argument_names},
    };

    RULES(table, (w, first));
}

/* ---- at the end */

static void no_unused_fragments(struct gql_walk *w)
{
    w->errors->event = GQL_LEAVE_DOCUMENT;
    for (uint32_t i = 0; i < w->document->nfragments; i++)
        if (!w->scopes[i].used)
            GQL_REPORT(w, w->fragments[i]->at, "Fragment \"%.*s\" is never used.",
                       GQL_NAME(w->fragments[i]->name));
}

/* Fragments on the way down, as an explicit stack: a circle may be as long as the document. */
struct trail {
    struct gql_spread **next;            /* where each fragment of the trail goes on */
    const struct gql_selection **spread; /* by which each fragment goes on */
    uint32_t *fragment;
    uint32_t depth;
};

static void report_circle(struct gql_walk *w, const struct trail *t,
                          const struct gql_selection *closing)
{
    uint32_t from = t->depth - 1, target = closing->fragment->index;
    struct places places = {.n = 0};
    ecom_str via = {NULL, 0};

    w->circles = 1;
    while (from > 0 && t->fragment[from] != target)
        from--;
    for (uint32_t i = from; i + 1 < t->depth && i < from + 20; i++) {
        add_place(&places, t->spread[i]->at);
        via = ecom__gql_format(w->arena, "%.*s%s\"%.*s\"", GQL_P(via), via.n ? ", " : "",
                               GQL_NAME(t->spread[i]->name));
    }
    add_place(&places, closing->at);
    ecom__gql_report(w->errors, places.at, places.n,
                     "Cannot spread fragment \"%.*s\" within itself%s%.*s.",
                     GQL_NAME(closing->fragment->name), via.n ? " via " : "", GQL_P(via));
}

static void follow(struct gql_walk *w, struct trail *t, uint32_t start)
{
    w->errors->event = GQL_ENTER(w->fragments[start]->at);
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
            t->spread[t->depth - 1] = s->selection;
            t->fragment[t->depth] = f->index;
            t->next[t->depth++] = w->scopes[f->index].spreads;
        }
    }
}

static void no_fragment_cycles(struct gql_walk *w)
{
    uint32_t n = w->document->nfragments;
    struct trail t = {ecom_arena_alloc(w->arena, sizeof(struct gql_spread *) * (n + 1)),
                      ecom_arena_alloc(w->arena, sizeof(struct gql_selection *) * (n + 1)),
                      ecom_arena_alloc(w->arena, sizeof(uint32_t) * (n + 1)), 0};

    if (!t.next || !t.spread || !t.fragment) {
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
        uint8_t rule;
        void (*check)(struct gql_walk *w);
    } table[] = {
        {GQL_R_NO_UNUSED_FRAGMENTS, no_unused_fragments},
        {GQL_R_NO_FRAGMENT_CYCLES, no_fragment_cycles},
    };

    RULES(table, (w));
}
