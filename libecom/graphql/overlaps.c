/* OverlappingFieldsCanBeMerged. Not by comparing every pair, but set by set: all fields that end
 * under one response key must have one shape (whatever their parents are), and those whose parents
 * may be one object must be one field with one set of arguments. Both are equivalences, so each
 * field is compared with the first of its group only, and the work grows with the number of fields,
 * fragments spread, which max_fields bounds. Concrete types multiply the second part: a budget
 * bounds that. */
#include "graphql/validate.h"

#include <string.h>

enum { SHAPE = 1, PARENTS = 2, BUDGET = 200000 };

struct item {
    struct item *next; /* in its group */
    const struct gql_selection *field;
};

struct group {
    struct gql_name key;
    struct item *first, **last;
    uint32_t n;
};

struct set {
    struct group *groups; /* in order */
    uint32_t n, room;
    uint32_t *slots, nslots;
};

/* The groups around, outermost last: for the text of an error. */
struct around {
    const struct around *up;
    struct gql_name key;
};

struct overlaps {
    const struct gql_schema *schema;
    ecom_arena *arena;
    struct gql_errors *errors;
    uint32_t *seen, collection;
    uint32_t conflicts; /* of the current definition */
    uint32_t set_at;
    int32_t budget;
    int failed;
};

static void *take(struct overlaps *o, size_t count, size_t size)
{
    void *p = ecom_arena_alloc(o->arena, count * size);

    if (!p)
        o->failed = o->errors->code = ECOM_E_NOMEM;
    return p;
}

static int spend(struct overlaps *o)
{
    if (o->failed)
        return 0;
    if (--o->budget < 0)
        o->failed = ecom__gql_exceeded(o->errors, UINT32_MAX,
                                       "The document's overlapping fields take more than %d steps "
                                       "to compare (overlap budget).",
                                       BUDGET);
    return !o->failed;
}

static void index_group(struct set *set, uint32_t number)
{
    uint32_t i = set->groups[number].key.hash;

    while (set->slots[i & (set->nslots - 1)])
        i++;
    set->slots[i & (set->nslots - 1)] = number + 1;
}

static int grow(struct overlaps *o, struct set *set)
{
    uint32_t room = set->room ? 2 * set->room : 8;
    struct group *groups = take(o, room, sizeof(*groups));
    uint32_t *slots = take(o, 2 * room, sizeof(*slots));

    if (!groups || !slots)
        return 0;
    if (set->n)
        memcpy(groups, set->groups, sizeof(*groups) * set->n);
    set->groups = groups;
    set->room = room;
    set->slots = slots;
    set->nslots = 2 * room;
    for (uint32_t i = 0; i < set->n; i++)
        index_group(set, i);
    return 1;
}

static struct group *group_for(struct overlaps *o, struct set *set, struct gql_name key)
{
    for (uint32_t i = key.hash; set->nslots; i++) {
        uint32_t slot = set->slots[i & (set->nslots - 1)];
        if (!slot)
            break;
        if (gql_same(set->groups[slot - 1].key, key))
            return &set->groups[slot - 1];
    }
    if (set->n == set->room && !grow(o, set))
        return NULL;
    struct group *group = &set->groups[set->n];
    *group = (struct group){.key = key};
    group->last = &group->first;
    index_group(set, set->n++);
    return group;
}

static void add(struct overlaps *o, struct set *set, const struct gql_selection *field)
{
    struct group *group = group_for(o, set, gql_key(field));
    struct item *item = group ? take(o, 1, sizeof(*item)) : NULL;

    if (!item)
        return;
    item->field = field;
    if (!group->first)
        group->last = &group->first;
    *group->last = item;
    group->last = &item->next;
    group->n++;
}

static void collect(struct overlaps *o, struct set *set, const struct gql_selection *s)
{
    for (; s && spend(o); s = s->next) {
        if (s->kind == GQL_FIELD) {
            add(o, set, s);
        } else if (s->kind == GQL_INLINE) {
            collect(o, set, s->first);
        } else if (s->fragment && o->seen[s->fragment->index] != o->collection) {
            o->seen[s->fragment->index] = o->collection;
            collect(o, set, s->fragment->first);
        }
    }
}

/* ---- comparing two fields */

static int same_value(const struct gql_value *a, const struct gql_value *b)
{
    if (a->kind != b->kind || a->count != b->count)
        return 0;
    if (a->kind != GQL_LIST && a->kind != GQL_OBJECT)
        return ecom_str_eq(gql_str(a->text), gql_str(b->text));
    for (const struct gql_value *x = a->first, *y = b->first; x; x = x->next) {
        const struct gql_value *z = y;
        if (a->kind == GQL_OBJECT)
            for (z = b->first; z && !gql_same(z->name, x->name);)
                z = z->next;
        if (!z || !same_value(x, z))
            return 0;
        y = y ? y->next : NULL;
    }
    return 1;
}

static uint32_t count(const struct gql_argument *a)
{
    uint32_t n = 0;

    for (; a; a = a->next)
        n++;
    return n;
}

static int same_arguments(const struct gql_argument *a, const struct gql_argument *b)
{
    if (count(a) != count(b))
        return 0;
    for (; a; a = a->next) {
        const struct gql_argument *other = b;
        while (other && !gql_same(other->name, a->name))
            other = other->next;
        if (!other || !same_value(a->value, other->value))
            return 0;
    }
    return 1;
}

/* What is unknown fits everything: that it is unknown was said. */
static int same_shape(const struct gql_ref *a, const struct gql_ref *b)
{
    while (a->kind == b->kind && a->kind != GQL_NAMED) {
        a = a->of;
        b = b->of;
    }
    if (a->kind != b->kind)
        return 0;
    return a->type == b->type || (gql_is_composite(a->type) && gql_is_composite(b->type));
}

/* `subfields "x" conflict because ...`, from the innermost outwards. */
static void conflict(struct overlaps *o, const struct around *around, const struct item *a,
                     const struct item *b, ecom_str reason)
{
    uint32_t places[] = {a->field->at, b->field->at};

    o->conflicts++;
    o->errors->event = GQL_ENTER(o->set_at);
    for (; around->up; around = around->up)
        reason = ecom__gql_format(o->arena, "subfields \"%.*s\" conflict because %.*s",
                                  GQL_NAME(around->key), GQL_P(reason));
    if (reason.p)
        ecom__gql_report(o->errors, places, 2,
                         "Fields \"%.*s\" conflict because %.*s. Use different aliases on the "
                         "fields to fetch both if this was intentional.",
                         GQL_NAME(around->key), GQL_P(reason));
    else
        o->failed = o->errors->code = ECOM_E_NOMEM;
}

static const struct gql_directive *stream_of(const struct item *i)
{
    const struct gql_directive *d = i->field->directives;

    while (d && !ecom_str_eq(gql_str(d->name), ecom_str_of("stream")))
        d = d->next;
    return d;
}

/* A list is streamed once, so a field with @stream stands alone. */
static int check_streams(struct overlaps *o, const struct around *around, const struct item *first)
{
    for (const struct item *i = first->next; i && spend(o); i = i->next) {
        const struct gql_directive *a = stream_of(first), *b = stream_of(i);
        if (!a && !b)
            continue;
        conflict(o, around, first, i,
                 ecom__gql_format(o->arena, "they have overlapping stream directives%s",
                                  a && b && same_arguments(a->arguments, b->arguments)
                                      ? ". See https://github.com/graphql/defer-stream-wg/"
                                        "discussions/100"
                                      : ""));
        return 0;
    }
    return 1;
}

static int check_shapes(struct overlaps *o, const struct around *around, const struct item *first)
{
    const struct item *known = first;

    if (o->schema->incremental && !check_streams(o, around, first))
        return 0;
    for (const struct item *i = first->next; i && spend(o); i = i->next) {
        if (!known->field->field)
            known = i;
        if (!i->field->field || !known->field->field)
            continue;
        const struct gql_ref *a = known->field->field->type, *b = i->field->field->type;
        if (same_shape(a, b))
            continue;
        conflict(o, around, known, i,
                 ecom__gql_format(o->arena, "they return conflicting types \"%s\" and \"%s\"",
                                  ecom__gql_ref_text(o->arena, a),
                                  ecom__gql_ref_text(o->arena, b)));
        return 0;
    }
    return 1;
}

static int check_same_field(struct overlaps *o, const struct around *around,
                            const struct item *first)
{
    for (const struct item *i = first->next; i && spend(o); i = i->next) {
        ecom_str reason = {NULL, 0};
        if (!gql_same(first->field->name, i->field->name))
            reason = ecom__gql_format(o->arena, "\"%.*s\" and \"%.*s\" are different fields",
                                      GQL_NAME(first->field->name), GQL_NAME(i->field->name));
        else if (!same_arguments(first->field->arguments, i->field->arguments))
            reason = ecom__gql_format(o->arena, "they have differing arguments");
        else
            continue;
        conflict(o, around, first, i, reason);
        return 0;
    }
    return 1;
}

/* ---- sets */

static void check_set(struct overlaps *o, const struct around *around, const struct item *from,
                      int what);

static int is_object(const struct item *i)
{
    return i->field->parent && i->field->parent->kind == GQL_KIND_OBJECT;
}

/* Of a group those that may be fields of one object of @p type, or (NULL) all of abstract types. */
static const struct item *may_meet(struct overlaps *o, const struct group *group,
                                   const struct gql_type *type)
{
    struct item *first = NULL, **last = &first;

    for (const struct item *i = group->first; i && spend(o); i = i->next) {
        if (is_object(i) && i->field->parent != type)
            continue;
        struct item *copy = take(o, 1, sizeof(*copy));
        if (!copy)
            return NULL;
        copy->field = i->field;
        *last = copy;
        last = &copy->next;
    }
    return first;
}

static int seen_before(const struct group *group, const struct item *until)
{
    for (const struct item *i = group->first; i != until; i = i->next)
        if (i->field->parent == until->field->parent)
            return 1;
    return 0;
}

static void check_meeting(struct overlaps *o, const struct around *around, const struct item *items)
{
    if (items && check_same_field(o, around, items))
        check_set(o, around, items, PARENTS);
}

/* Once for each concrete type among the parents, with the abstract ones beside it. */
static void check_parents(struct overlaps *o, const struct around *around,
                          const struct group *group)
{
    int objects = 0;

    for (const struct item *i = group->first; i && spend(o); i = i->next) {
        if (!is_object(i) || seen_before(group, i))
            continue;
        objects = 1;
        check_meeting(o, around, may_meet(o, group, i->field->parent));
    }
    if (!objects)
        check_meeting(o, around, may_meet(o, group, NULL));
}

static void check_group(struct overlaps *o, const struct around *up, const struct group *group,
                        int what)
{
    struct around here = {up, group->key};

    if (group->n == 1) {
        if (group->first->field->first)
            check_set(o, NULL, group->first, what); /* what follows is its own matter */
        return;
    }
    if (what & SHAPE && check_shapes(o, &here, group->first))
        check_set(o, &here, group->first, SHAPE);
    if (what & PARENTS && !o->conflicts)
        check_parents(o, &here, group);
}

/* The selection sets of all these fields together. */
static void check_set(struct overlaps *o, const struct around *around, const struct item *from,
                      int what)
{
    struct set set = {0};

    o->collection++;
    for (const struct item *i = from; i; i = i->next)
        collect(o, &set, i->field->first);
    for (uint32_t i = 0; i < set.n && !o->failed; i++)
        check_group(o, around, &set.groups[i], what);
}

int ecom__gql_check_overlaps(const struct gql_schema *schema, const struct gql_document *document,
                             ecom_arena *arena, struct gql_errors *errors)
{
    struct overlaps o = {.schema = schema, .arena = arena, .errors = errors, .budget = BUDGET};

    o.seen = take(&o, document->nfragments + 1, sizeof(*o.seen));
    errors->rule = GQL_R_OVERLAPPING_FIELDS_CAN_BE_MERGED;
    /* Operations, with all that they spread; then the fragments that none of them did. */
    for (int fragments = 0; fragments < 2; fragments++)
        for (const struct gql_definition *d = document->first; d && !o.failed; d = d->next) {
            const struct gql_selection root = {.first = d->first};
            const struct item item = {NULL, &root};
            o.conflicts = 0;
            o.set_at = d->at;
            if (fragments ? d->kind == GQL_FRAGMENT && !o.seen[d->index] : d->kind == GQL_OPERATION)
                check_set(&o, NULL, &item, SHAPE | PARENTS);
        }
    return o.failed;
}
