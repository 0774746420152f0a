/* The rules of @defer and @stream, which only schemas have that know them. */
#include "graphql/validate.h"

enum { MAX_LEVEL = 200, MAX_TRAIL = 64 };

static int is_called(const struct gql_directive *d, const char *name)
{
    return ecom_str_eq(gql_str(d->name), ecom_str_of(name));
}

static const struct gql_directive *find(const struct gql_directive *d, const char *name)
{
    while (d && !is_called(d, name))
        d = d->next;
    return d;
}

static const struct gql_value *argument(const struct gql_directive *d, const char *name)
{
    const struct gql_argument *a = d->arguments;

    while (a && !ecom_str_eq(gql_str(a->name), ecom_str_of(name)))
        a = a->next;
    return a ? a->value : NULL;
}

/* ---- labels, which are static, and each another; through the document in its order */

struct labels {
    struct gql_walk *w;
    const struct gql_directive **known; /* those with a label */
    uint32_t n, found;
};

static void check_label(struct labels *l, const struct gql_directive *d)
{
    const struct gql_value *label = argument(d, "label");
    uint32_t i = 0;

    l->found++;
    l->w->errors->event = GQL_ENTER(d->at);
    if (!label || label->kind == GQL_NULL)
        return;
    if (label->kind != GQL_STRING) {
        GQL_REPORT(l->w, d->at, "Argument \"@%.*s(label:)\" must be a static string.",
                   GQL_NAME(d->name));
        return;
    }
    while (i < l->n &&
           !ecom_str_eq(gql_str(argument(l->known[i], "label")->text), gql_str(label->text)))
        i++;
    if (i < l->n)
        GQL_REPORT2(l->w, l->known[i]->at, d->at,
                    "Value for arguments \"defer(label:)\" and \"stream(label:)\" must be unique "
                    "across all Defer/Stream directive usages.");
    else
        l->known[l->n++] = d;
}

static void check_labels(struct labels *l, const struct gql_directive *first)
{
    for (const struct gql_directive *d = first; d; d = d->next)
        if (is_called(d, "defer") || is_called(d, "stream"))
            check_label(l, d);
}

/* Depth is bounded by max_nesting. */
static void check_selections(struct labels *l, const struct gql_selection *s)
{
    for (; s; s = s->next) {
        check_labels(l, s->directives);
        check_selections(l, s->first);
    }
}

uint32_t ecom__gql_rule_labels(struct gql_walk *w)
{
    struct labels l = {.w = w};

    l.known =
        ecom_arena_alloc(w->arena, w->document->ndirectives * sizeof(const struct gql_directive *));
    if (!l.known) {
        w->errors->code = ECOM_E_NOMEM;
        return 0;
    }
    w->errors->rule = GQL_R_INCREMENTAL_LABELS;
    for (const struct gql_definition *d = w->document->first; d; d = d->next) {
        if (d->kind != GQL_OPERATION && d->kind != GQL_FRAGMENT)
            continue;
        for (const struct gql_variable *v = d->variables; v; v = v->next)
            check_labels(&l, v->directives);
        check_labels(&l, d->directives);
        check_selections(&l, d->first);
    }
    return l.found;
}

/* ---- where they may not stand */

/* Which fragments an operation was followed into. */
struct visit {
    struct gql_walk *w;
    const struct gql_definition *operation;
    uint8_t *seen;
    const struct gql_selection *trail[MAX_TRAIL];
    uint32_t depth;
};

static struct visit visit(struct gql_walk *w, const struct gql_definition *operation)
{
    struct visit v = {.w = w, .operation = operation};

    v.seen = ecom_arena_alloc(w->arena, w->document->nfragments + 1);
    if (!v.seen)
        w->errors->code = ECOM_E_NOMEM;
    return v;
}

/* Truth: the first time. */
static int enter(struct visit *v, const struct gql_definition *fragment)
{
    int first = !v->seen[fragment->index];

    v->seen[fragment->index] = 1;
    return first;
}

static void forbid_at_root(struct visit *v, const struct gql_directive *d, const char *what)
{
    static const char *const words[] = {"query", "mutation", "subscription"};
    const struct gql_type *root = v->w->schema->roots[v->operation->operation];

    if (d)
        GQL_REPORT(v->w, d->at, "%s directive cannot be used on root %s type \"%.*s\".", what,
                   words[v->operation->operation], GQL_NAME(root->name));
}

static void visit_root(struct visit *v, const struct gql_selection *s, uint32_t level)
{
    for (; s && level < MAX_LEVEL; s = s->next) {
        if (s->kind == GQL_FIELD) {
            forbid_at_root(v, find(s->directives, "stream"), "Stream");
        } else if (s->kind == GQL_INLINE) {
            forbid_at_root(v, find(s->directives, "defer"), "Defer");
            visit_root(v, s->first, level + 1);
        } else if (s->fragment && enter(v, s->fragment)) {
            forbid_at_root(v, find(s->directives, "defer"), "Defer");
            visit_root(v, s->fragment->first, level + 1);
        }
    }
}

void ecom__gql_rule_incremental_roots(struct gql_walk *w, const struct gql_definition *d)
{
    if (!w->document->incremental || d->kind != GQL_OPERATION || d->operation == GQL_QUERY ||
        !w->schema->roots[d->operation])
        return;
    struct visit v = visit(w, d);
    if (v.seen)
        visit_root(&v, d->first, 0);
}

/* Truth: who sends the document can have it without. */
static int may_be_off(const struct gql_directive *d)
{
    const struct gql_value *value = argument(d, "if");

    return value && ((value->kind == GQL_BOOL && !value->truth) || value->kind == GQL_VARIABLE);
}

static int may_be_left_out(const struct gql_selection *s)
{
    const struct gql_directive *skip = find(s->directives, "skip");
    const struct gql_directive *include = find(s->directives, "include");
    const struct gql_value *value = skip ? argument(skip, "if") : NULL;

    if (skip && !(value && value->kind == GQL_BOOL && !value->truth))
        return 1;
    value = include ? argument(include, "if") : NULL;
    return value && !(value->kind == GQL_BOOL && value->truth);
}

/* Where the directive is, and by which spreads it came there. */
static void forbid_in_subscription(struct visit *v, const struct gql_directive *d)
{
    uint32_t at[MAX_TRAIL + 1], n = 0;
    const char *what = is_called(d, "defer") ? "Defer" : "Stream";

    if ((!is_called(d, "defer") && !is_called(d, "stream")) || may_be_off(d))
        return;
    at[n++] = d->at;
    for (uint32_t i = v->depth < MAX_TRAIL ? v->depth : MAX_TRAIL; i-- > 0;)
        at[n++] = v->trail[i]->at;
    ecom__gql_report(v->w->errors, at, n,
                     "%s directive not supported on subscription operations. Disable `@%.*s` by "
                     "setting the `if` argument to `false`.",
                     what, GQL_NAME(d->name));
}

static void visit_subscription(struct visit *v, const struct gql_selection *s, uint32_t level)
{
    for (; s && level < MAX_LEVEL; s = s->next) {
        if (may_be_left_out(s))
            continue;
        for (const struct gql_directive *d = s->directives; d; d = d->next)
            forbid_in_subscription(v, d);
        if (s->kind != GQL_SPREAD) {
            visit_subscription(v, s->first, level + 1);
        } else if (s->fragment && enter(v, s->fragment)) {
            if (v->depth < MAX_TRAIL)
                v->trail[v->depth] = s;
            v->depth++;
            visit_subscription(v, s->fragment->first, level + 1);
            v->depth--;
        }
    }
}

void ecom__gql_rule_incremental_operations(struct gql_walk *w, const struct gql_definition *d)
{
    if (!w->document->incremental || d->kind != GQL_OPERATION || d->operation != GQL_SUBSCRIPTION)
        return;
    struct visit v = visit(w, d);
    if (v.seen)
        visit_subscription(&v, d->first, 0);
}

void ecom__gql_rule_stream_lists(struct gql_walk *w, const struct gql_directive *first)
{
    const struct gql_selection *s = w->selection;
    const struct gql_ref *type = s && s->field ? s->field->type : NULL;

    if (!w->document || !w->document->incremental || !type || !w->parent ||
        s->directives != first || s->kind != GQL_FIELD)
        return;
    if ((type->kind == GQL_NON_NULL ? type->of : type)->kind == GQL_LIST_OF)
        return;
    for (const struct gql_directive *d = first; d; d = d->next) {
        w->errors->event = GQL_ENTER(d->at);
        if (is_called(d, "stream"))
            GQL_REPORT(w, d->at,
                       "Directive \"@stream\" cannot be used on non-list field \"%.*s.%.*s\".",
                       GQL_NAME(w->parent->name), GQL_NAME(s->name));
    }
}
