/* What an operation may cost at most, before it runs: a field counts as one, and what stands below
 * a list once for each item that the list may have. How many that is says its argument `first` or
 * `last`, or that of the field around it, as connections have it; else it is assumed. */
#include "graphql/execute.h"

#include <string.h>

enum { UNMEASURED, MEASURING, MEASURED };

/* Of a selection set: `once`, and `each` for every item of the lists in it whose length is said by
 * the field around. */
struct cost {
    uint64_t once, each;
};

struct meter {
    const struct gql_execution *x;
    struct cost *fragments; /* by index */
    uint8_t *state;
};

/* Far above every limit, so that no sum and no product leaves its type. */
static uint64_t cap(uint64_t n)
{
    return n < UINT32_MAX ? n : UINT32_MAX;
}

static struct cost add(struct cost a, struct cost b)
{
    return (struct cost){cap(a.once + b.once), cap(a.each + b.each)};
}

static int is_list(const struct gql_ref *type)
{
    for (; type->kind != GQL_NAMED; type = type->of)
        if (type->kind == GQL_LIST_OF)
            return 1;
    return 0;
}

/* Items that an argument asks for; -1: it does not say. */
static int64_t asked_for(const struct meter *m, const struct gql_input *in,
                         const struct gql_argument *a)
{
    ecom_json literal = {.kind = ECOM_JSON_NUMBER};
    const ecom_json *value = in->value;
    int64_t n;

    while (a && !gql_same(a->name, in->name))
        a = a->next;
    if (a && a->value->kind == GQL_VARIABLE) {
        const ecom_json *given = ecom__gql_variable(&m->x->variables, a->value->text);
        value = given ? given : value;
    } else if (a) {
        literal.text = gql_str(a->value->text);
        value = a->value->kind == GQL_INT ? &literal : NULL;
    }
    if (!value || value->kind != ECOM_JSON_NUMBER || ecom_json_int(value, &n, NULL) < 0)
        return -1;
    return n < 0 ? 0 : n;
}

static int64_t list_length(const struct meter *m, const struct gql_selection *s)
{
    int64_t most = -1;

    for (uint32_t i = 0; i < s->field->arguments.n; i++) {
        const struct gql_input *in = &s->field->arguments.items[i];
        if (!in->is_length)
            continue;
        int64_t n = asked_for(m, in, s->arguments);
        most = n > most ? n : most;
    }
    return most;
}

static struct cost measure(struct meter *m, const struct gql_selection *s);

static struct cost measure_field(struct meter *m, const struct gql_selection *s)
{
    const uint64_t assumed = m->x->graphql->options.limits.list_size;
    struct cost below = s->first ? measure(m, s->first) : (struct cost){0};
    int64_t length = s->field ? list_length(m, s) : -1;

    if (!s->first || !s->field)
        return (struct cost){1, 0};
    if (!is_list(s->field->type)) /* a length is that of the lists below: of edges, of nodes */
        return (struct cost){
            cap(1 + below.once + below.each * cap(length < 0 ? assumed : (uint64_t)length)), 0};
    uint64_t item = cap(below.once + below.each * assumed);
    if (length < 0)
        return (struct cost){1, item};
    return (struct cost){cap(1 + item * cap((uint64_t)length)), 0};
}

/* In a checked document no fragment is within itself. */
static struct cost measure_spread(struct meter *m, const struct gql_definition *fragment)
{
    uint32_t i = fragment->index;

    if (m->state[i] == UNMEASURED) {
        m->state[i] = MEASURING;
        m->fragments[i] = measure(m, fragment->first);
        m->state[i] = MEASURED;
    }
    return m->fragments[i];
}

/* Depth is bounded by max_nesting, fragments spread: see limits.c. */
static struct cost measure(struct meter *m, const struct gql_selection *s)
{
    struct cost all = {0};

    for (; s; s = s->next)
        if (s->kind == GQL_FIELD)
            all = add(all, measure_field(m, s));
        else if (s->kind == GQL_INLINE)
            all = add(all, measure(m, s->first));
        else if (s->fragment)
            all = add(all, measure_spread(m, s->fragment));
    return all;
}

int ecom__gql_cost(struct gql_execution *x, uint32_t *out)
{
    const uint32_t n = x->document->nfragments;
    struct meter m = {.x = x};

    if (n) {
        m.fragments = ecom_arena_alloc(x->arena, n * sizeof(*m.fragments));
        m.state = ecom_arena_alloc(x->arena, n);
        if (!m.fragments || !m.state)
            return ECOM_E_NOMEM;
    }
    struct cost all = measure(&m, x->operation->first);
    *out = (uint32_t)cap(all.once + all.each * x->graphql->options.limits.list_size);
    return ECOM_OK;
}
