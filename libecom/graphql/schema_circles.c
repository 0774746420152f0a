/* Definitions that need themselves: directives that are part of what they are made of, and input
 * objects of which no value can ever be finished. Wide rather than deep: no schema's text can drive
 * this into the stack's end. */
#include "graphql/schema.h"

#include <stdlib.h>

#define NAME(n_) GQL_P(gql_str(n_))

enum { SHOWN = 10 }; /* steps of a circle */

/* ---- directives */

/* A definition that was come to, from an argument, input field or enum value of another. */
struct hop {
    const struct gql_directive_type *directive; /* or */
    const struct gql_type *type;
    const struct gql_name *part; /* of the one before; NULL: the one before itself */
    uint32_t from, steps;        /* its hop; from the first one */
};

/* Each definition is come to once, so there is a hop for each. */
struct flood {
    const struct gql_schema *schema;
    uint32_t *seen; /* directives, then types: in which round */
    uint32_t round;
    struct hop *hops;
    uint32_t nhops;
};

static void reach(struct flood *f, struct hop hop)
{
    uint32_t *seen =
        f->seen + (hop.directive ? hop.directive->index : f->schema->ndirectives + hop.type->index);

    if (*seen == f->round)
        return;
    *seen = f->round;
    hop.steps = f->hops[hop.from].steps + 1;
    f->hops[f->nhops++] = hop;
}

static void reach_applied(struct flood *f, const struct gql_directive *d,
                          const struct gql_name *part, uint32_t from)
{
    for (; d; d = d->next)
        reach(f, (struct hop){.directive = ecom__gql_directive_type(f->schema, d->name),
                              .part = part,
                              .from = from});
}

static void reach_inputs(struct flood *f, const struct gql_inputs *inputs, uint32_t from)
{
    for (uint32_t i = 0; i < inputs->n; i++) {
        const struct gql_input *in = &inputs->items[i];
        reach_applied(f, in->directives, &in->name, from);
        reach(f, (struct hop){.type = in->type->type, .part = &in->name, .from = from});
    }
}

static void reach_type(struct flood *f, const struct gql_type *type, uint32_t from)
{
    reach_applied(f, type->directives, NULL, from);
    reach_inputs(f, &type->inputs, from);
    for (uint32_t i = 0; i < type->nvalues; i++)
        reach_applied(f, type->values[i].directives, &type->values[i].name, from);
}

/* `@a(b:), In.c`: the parts that lead to a hop. @param first  out: the argument they begin with. */
static ecom_str way(const struct flood *f, const struct hop *hop, const struct gql_name **first)
{
    const struct gql_name none = {"", 0, 0, 0};
    ecom_str text = ecom_str_of(hop->steps > SHOWN ? ", ..." : "");

    for (const struct hop *from; hop != f->hops; hop = from) {
        from = &f->hops[hop->from];
        *first = hop->part;
        if (hop->steps <= SHOWN)
            text =
                ecom__gql_format(f->schema->arena,
                                 from->directive ? "%s@%.*s(%.*s:)%.*s"
                                 : hop->part     ? "%s%.*s.%.*s%.*s"
                                                 : "%s%.*s%.*s%.*s",
                                 hop->steps > 1 ? ", " : "",
                                 NAME(from->directive ? from->directive->name : from->type->name),
                                 NAME(hop->part ? *hop->part : none), GQL_P(text));
    }
    return text;
}

static void check_directive(struct flood *f, const struct gql_directive_type *d,
                            struct gql_errors *errors)
{
    f->round++;
    f->nhops = 1;
    f->hops[0] = (struct hop){.directive = d};
    for (uint32_t i = 0; i < f->nhops; i++) {
        const struct hop *hop = &f->hops[i];
        if (i && hop->directive == d) {
            const struct gql_name *first = NULL;
            ecom_str text = way(f, hop, &first);
            ecom__gql_report(errors, &first->at, 1,
                             "Directive @%.*s cannot be used within its own definition, which it "
                             "is through: %.*s.",
                             NAME(d->name), GQL_P(text));
            return;
        }
        if (hop->directive)
            reach_inputs(f, &hop->directive->arguments, i);
        else
            reach_type(f, hop->type, i);
    }
}

static void check_directives(const struct gql_schema *schema, struct gql_errors *errors)
{
    uint32_t n = schema->ndirectives + schema->ntypes;
    struct flood f = {
        .schema = schema,
        .seen = calloc(n, sizeof(*f.seen)),
        .hops = calloc(n + 1, sizeof(*f.hops)),
    };

    if (!f.seen || !f.hops)
        errors->code = ECOM_E_NOMEM;
    else
        for (const struct gql_directive_type *d = schema->directives; d; d = d->next)
            check_directive(&f, d, errors);
    free(f.seen);
    free(f.hops);
}

/* ---- input objects */

/* The input object that a value of this field must hold, too; NULL: it can do without, since null
 * or an empty list ends it. One of a one-of object's fields must be given, and not as null. */
static const struct gql_type *held(const struct gql_type *type, const struct gql_input *in)
{
    const struct gql_ref *ref = in->type;

    if (ref->kind == GQL_NON_NULL)
        ref = ref->of;
    else if (!type->one_of)
        return NULL;
    return ref->kind == GQL_NAMED && ref->type->kind == GQL_KIND_INPUT ? ref->type : NULL;
}

/* The field that keeps a value of the type from an end as far as is known; NULL: none. */
static const struct gql_input *endless(const struct gql_type *type, const uint8_t *finite)
{
    const struct gql_input *found = NULL;

    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_input *in = &type->inputs.items[i];
        const struct gql_type *holds = held(type, in);
        int ends = !holds || finite[holds->index];
        if (type->one_of && ends)
            return NULL;
        if (!ends && !found)
            found = in;
    }
    return found;
}

/* One that waits, in the list of the type that it waits for. */
struct waiting {
    const struct gql_type *type;
    struct waiting *next;
};

struct search {
    uint8_t *finite;
    uint32_t *left; /* by type: how many that it holds must come to an end yet */
    struct waiting **lists, *free;
    const struct gql_type **found; /* all that are finite, in the order in which that was seen */
    uint32_t nfound;
};

static void wait_for_held(struct search *s, const struct gql_type *type)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < type->inputs.n; i++) {
        const struct gql_type *holds = held(type, &type->inputs.items[i]);
        if (!holds)
            continue;
        n++;
        *s->free = (struct waiting){type, s->lists[holds->index]};
        s->lists[holds->index] = s->free++;
    }
    s->left[type->index] = !type->one_of ? n : n && n == type->inputs.n;
    if (!s->left[type->index])
        s->found[s->nfound++] = type;
}

/* From those that hold none to those that hold them, each once. */
static void find_finite(const struct gql_schema *schema, struct search *s)
{
    for (const struct gql_type *t = schema->types; t; t = t->next)
        wait_for_held(s, t);
    for (uint32_t i = 0; i < s->nfound; i++) {
        uint32_t index = s->found[i]->index;
        s->finite[index] = 1;
        for (const struct waiting *w = s->lists[index]; w; w = w->next)
            if (s->left[w->type->index] && --s->left[w->type->index] == 0)
                s->found[s->nfound++] = w->type;
    }
}

/* What is needed for it lives as long as the errors. @return by type; NULL: out of memory. */
static const uint8_t *all_finite(const struct gql_schema *schema, ecom_arena *arena)
{
    size_t n = schema->ntypes, fields = 0;

    for (const struct gql_type *t = schema->types; t; t = t->next)
        fields += t->inputs.n;
    struct search s = {
        .finite = ecom_arena_alloc(arena, n),
        .left = ecom_arena_alloc(arena, n * sizeof(*s.left)),
        .lists = ecom_arena_alloc(arena, n * sizeof(*s.lists)),
        .free = ecom_arena_alloc(arena, fields * sizeof(*s.free)),
        .found = ecom_arena_alloc(arena, n * sizeof(*s.found)),
    };
    if (!s.finite || !s.left || !s.lists || !s.free || !s.found)
        return NULL;
    find_finite(schema, &s);
    return s.finite;
}

/* From an endless type one comes to others, and at last to one for the second time. */
static void report_circle(const struct gql_schema *schema, const struct gql_type *type,
                          const uint8_t *finite, struct gql_errors *errors)
{
    const struct gql_type *t = type;
    const struct gql_input *in;
    ecom_str text = {"", 0};
    uint32_t steps = 0;

    do {
        in = endless(t, finite);
        if (steps++ < SHOWN)
            text = ecom__gql_format(schema->arena, "%.*s%s%.*s.%.*s", GQL_P(text),
                                    text.n ? ", " : "", NAME(t->name), NAME(in->name));
        t = held(t, in);
    } while (t != type);
    in = endless(t, finite);
    ecom__gql_report(errors, &in->name.at, 1,
                     "Input Object %.*s cannot be provided a finite value because it references "
                     "itself through fields: %.*s%s.",
                     NAME(type->name), GQL_P(text), steps > SHOWN ? ", ..." : "");
}

static void check_inputs(const struct gql_schema *schema, struct gql_errors *errors)
{
    const uint8_t *finite = all_finite(schema, errors->arena);
    uint32_t *seen = ecom_arena_alloc(errors->arena, schema->ntypes * sizeof(*seen)), round = 0;

    if (!finite || !seen)
        errors->code = ECOM_E_NOMEM;
    for (const struct gql_type *t = schema->types; t && errors->code != ECOM_E_NOMEM; t = t->next) {
        const struct gql_type *at = t;
        round++;
        while (at->kind == GQL_KIND_INPUT && !finite[at->index] && !seen[at->index]) {
            seen[at->index] = round;
            at = held(at, endless(at, finite));
        }
        if (seen[at->index] == round)
            report_circle(schema, at, finite, errors);
    }
}

void ecom__gql_schema_check_circles(const struct gql_schema *schema, struct gql_errors *errors)
{
    check_directives(schema, errors);
    if (errors->code != ECOM_E_NOMEM)
        check_inputs(schema, errors);
}
