/* How much a document asks for, with fragments spread, before anything follows its fragments: what
 * comes later may then go down recursively. Spreads are joined to their fragments on the way. */
#include "graphql/engine.h"

/* Of a selection set. */
struct measure {
    uint32_t depth;   /* fields below each other */
    uint32_t nesting; /* braces below each other */
    uint32_t fields, roots;
};

struct fragment {
    struct gql_definition *definition;
    struct measure measure;
    uint8_t state; /* 0 new, 1 being measured, 2 done */
};

struct measurer {
    const ecom_graphql_limits *limits;
    struct gql_errors *errors;
    struct fragment *fragments; /* by index */
    uint32_t *slots, nslots;    /* by name: index + 1 */
    int failed;
};

static int build_table(struct measurer *m, const struct gql_document *document, ecom_arena *arena)
{
    for (m->nslots = 4; m->nslots < 2 * document->nfragments;)
        m->nslots *= 2;
    m->fragments = ecom_arena_alloc(arena, sizeof(*m->fragments) * (document->nfragments + 1));
    m->slots = ecom_arena_alloc(arena, sizeof(*m->slots) * m->nslots);
    if (!m->fragments || !m->slots)
        return m->errors->code = ECOM_E_NOMEM;
    for (struct gql_definition *d = document->first; d; d = d->next) {
        uint32_t i = d->name.hash;
        if (d->kind != GQL_FRAGMENT)
            continue;
        m->fragments[d->index].definition = d;
        while (m->slots[i & (m->nslots - 1)] &&
               !gql_same(m->fragments[m->slots[i & (m->nslots - 1)] - 1].definition->name, d->name))
            i++;
        if (!m->slots[i & (m->nslots - 1)]) /* of two with one name the first counts */
            m->slots[i & (m->nslots - 1)] = d->index + 1;
    }
    return ECOM_OK;
}

static struct fragment *find(struct measurer *m, struct gql_name name)
{
    for (uint32_t i = name.hash;; i++) {
        uint32_t slot = m->slots[i & (m->nslots - 1)];
        if (!slot)
            return NULL;
        if (gql_same(m->fragments[slot - 1].definition->name, name))
            return &m->fragments[slot - 1];
    }
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    return a + b < a ? UINT32_MAX : a + b;
}

static uint32_t most(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static struct measure measure(struct measurer *m, struct gql_selection *s, uint32_t level);

/* A fragment within itself adds nothing: the rule about circles speaks of it. */
static struct measure measure_spread(struct measurer *m, struct gql_selection *s, uint32_t level)
{
    struct fragment *f = find(m, s->name);

    s->fragment = f ? f->definition : NULL;
    if (!f || f->state == 1)
        return (struct measure){0};
    if (f->state == 0) {
        f->state = 1;
        f->measure = measure(m, f->definition->first, level);
        f->state = 2;
    }
    return f->measure;
}

static struct measure measure(struct measurer *m, struct gql_selection *s, uint32_t level)
{
    struct measure all = {0};

    if (level > m->limits->max_nesting && !m->failed && s)
        m->failed = ecom__gql_exceeded(m->errors, s->at,
                                       "The document is nested deeper than %u levels, fragments "
                                       "spread (max_nesting).",
                                       m->limits->max_nesting);
    for (; s && !m->failed; s = s->next) {
        struct measure below = s->kind == GQL_SPREAD ? measure_spread(m, s, level + 1)
                                                     : measure(m, s->first, level + 1);
        int field = s->kind == GQL_FIELD;
        all.depth = most(all.depth, below.depth + (uint32_t)field);
        all.nesting = most(all.nesting, below.nesting);
        all.fields = sum(all.fields, sum(below.fields, (uint32_t)field));
        all.roots = sum(all.roots, field ? 1 : below.roots);
    }
    all.nesting++;
    if (!m->failed && level + all.nesting > m->limits->max_nesting + 2)
        m->failed = ecom__gql_exceeded(m->errors, UINT32_MAX,
                                       "The document is nested deeper than %u levels, fragments "
                                       "spread (max_nesting).",
                                       m->limits->max_nesting);
    return all;
}

static int exceeds(struct gql_errors *errors, uint32_t at, uint32_t have, uint32_t max,
                   const char *what, const char *limit)
{
    if (have <= max)
        return ECOM_OK;
    return ecom__gql_exceeded(errors, at, "The document has %s %u, more than %u (%s).", what, have,
                              max, limit);
}

static int check_operation(struct measurer *m, const struct gql_definition *d)
{
    struct measure all = measure(m, d->first, 1);
    const ecom_graphql_limits *l = m->limits;
    int r;

    if (m->failed)
        return m->failed;
    if ((r = exceeds(m->errors, d->at, all.depth, l->max_depth, "depth", "max_depth")) < 0 ||
        (r = exceeds(m->errors, d->at, all.roots, l->max_roots, "root fields:", "max_roots")) < 0)
        return r;
    return exceeds(m->errors, d->at, all.fields, l->max_fields,
                   "fields (fragments spread):", "max_fields");
}

int ecom__gql_check_limits(const ecom_graphql_limits *limits, const struct gql_document *document,
                           ecom_arena *arena, struct gql_errors *errors)
{
    struct measurer m = {.limits = limits, .errors = errors};
    int r;

    if ((r = exceeds(errors, UINT32_MAX, document->naliases, limits->max_aliases,
                     "aliases:", "max_aliases")) < 0 ||
        (r = exceeds(errors, UINT32_MAX, document->ndirectives, limits->max_directives,
                     "directives:", "max_directives")) < 0 ||
        (r = build_table(&m, document, arena)) < 0)
        return r;
    for (const struct gql_definition *d = document->first; d && r == ECOM_OK; d = d->next)
        if (d->kind == GQL_OPERATION)
            r = check_operation(&m, d);
    /* Fragments that nobody spreads are walked too. */
    for (const struct gql_definition *d = document->first; d && r == ECOM_OK; d = d->next)
        if (d->kind == GQL_FRAGMENT && m.fragments[d->index].state == 0) {
            m.fragments[d->index].state = 1;
            measure(&m, d->first, 1);
            m.fragments[d->index].state = 2;
            r = m.failed;
        }
    return r;
}
