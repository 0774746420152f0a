#include "graphql/defer.h"

#include <string.h>

static void *take(struct gql_execution *x, size_t count, size_t size)
{
    void *p = ecom_arena_alloc(x->arena, count * size);

    if (!p)
        x->failed = ECOM_E_NOMEM;
    return p;
}

/* Fragments and lists beyond max_deferred come with what is around them. */
static int may_defer(struct gql_execution *x, uint32_t n)
{
    uint32_t max = x->graphql->options.limits.max_deferred;

    if (n > max - x->ndeferred)
        return 0;
    x->ndeferred += n;
    return 1;
}

static const struct gql_value *argument(const struct gql_directive *d, const char *name)
{
    const struct gql_argument *a = d->arguments;

    while (a && !ecom_str_eq(gql_str(a->name), ecom_str_of(name)))
        a = a->next;
    return a ? a->value : NULL;
}

static ecom_str label_of(const struct gql_directive *d)
{
    const struct gql_value *label = argument(d, "label");

    if (!label || label->kind != GQL_STRING)
        return (ecom_str){NULL, 0};
    return (ecom_str){label->text.p ? label->text.p : "", label->text.n};
}

/* @defer, or @stream, if it stands at the selection and is not switched off by `if`. */
static const struct gql_directive *find_directive(const struct gql_execution *x,
                                                  const struct gql_selection *s, int stream)
{
    for (const struct gql_directive *d = s->directives; d; d = d->next) {
        const struct gql_directive_type *type =
            ecom__gql_directive_type(&x->graphql->schema, d->name);
        if (type && (stream ? type->is_stream : type->is_defer))
            return ecom__gql_flag(x, d, 1) ? d : NULL;
    }
    return NULL;
}

/* ---- @defer, as fields are collected */

struct gql_defer *ecom__gql_defer(struct gql_execution *x, struct gql_batch *batch,
                                  const struct gql_selection *s, struct gql_defer *outer)
{
    const struct gql_directive *d = s->directives ? find_directive(x, s, 0) : NULL;
    struct gql_defer *defer;

    if (!d || !may_defer(x, batch->n) || !(defer = take(x, 1, sizeof(*defer))))
        return outer;
    *defer = (struct gql_defer){.parent = outer, .directive = d, .label = label_of(d)};
    *(batch->last_defer ? batch->last_defer : &batch->defers) = defer;
    batch->last_defer = &defer->next;
    return defer;
}

/* Directives under which a fragment was collected. */
struct gql_visit {
    struct gql_visit *next;
    const struct gql_directive *directive;
    uint32_t collection;
};

int ecom__gql_visit(struct gql_execution *x, const struct gql_selection *s,
                    const struct gql_defer *defer)
{
    struct gql_visit **first = &x->visits[s->fragment->index], *visit;

    if (*first && (*first)->collection != x->collection)
        *first = NULL;
    for (visit = *first; visit; visit = visit->next)
        if (visit->directive == defer->directive)
            return 0;
    if (!(visit = take(x, 1, sizeof(*visit))))
        return 0;
    *visit = (struct gql_visit){*first, defer->directive, x->collection};
    *first = visit;
    return 1;
}

/* ---- which fields come when */

static int is_within(const struct gql_defer *defer, uint32_t group)
{
    for (const struct gql_defer *d = defer->parent; d; d = d->parent)
        if (d->seen == group)
            return 1;
    return 0;
}

/* The fragments that a group is in and none outside of them: *n, which @p out has room for. None:
 * it is also outside of all. */
static void defers_of(struct gql_execution *x, const struct gql_group *group,
                      const struct gql_defer **out, uint32_t *n)
{
    uint32_t kept = 0;

    *n = 0;
    x->group++;
    for (const struct gql_nodes *node = group->first; node; node = node->next) {
        if (!node->defer) {
            *n = 0;
            return;
        }
        if (node->defer->seen != x->group)
            out[(*n)++] = node->defer;
        node->defer->seen = x->group;
    }
    for (uint32_t i = 0; i < *n; i++)
        if (!is_within(out[i], x->group)) {
            ((struct gql_defer *)out[i])->meant = x->group;
            out[kept++] = out[i];
        }
    *n = kept;
}

/* Truth: the set is that of the group that was looked at last, which has @p n. */
static int is_set(const struct gql_execution *x, const struct gql_defers *set, uint32_t n)
{
    if ((set ? set->n : 0) != n)
        return 0;
    for (uint32_t i = 0; i < n; i++)
        if (set->items[i]->meant != x->group)
            return 0;
    return 1;
}

static struct gql_later *later_of(struct gql_execution *x, struct gql_batch *batch,
                                  const struct gql_defer **defers, uint32_t n)
{
    struct gql_later **at = &batch->laters;

    while (*at && !is_set(x, (*at)->set, n))
        at = &(*at)->next;
    if (*at)
        return *at;
    struct gql_defers *set = take(x, 1, sizeof(*set));
    struct gql_later *later = take(x, 1, sizeof(*later));
    struct gql_group *groups = take(x, batch->ngroups, sizeof(*groups));
    if (!set || !later || !groups)
        return NULL;
    *set = (struct gql_defers){defers, n};
    *later = (struct gql_later){.set = set, .batch = batch, .groups = groups};
    later->last_due = &later->due;
    return *at = later;
}

static uint32_t count(const struct gql_group *group)
{
    uint32_t n = 0;

    for (const struct gql_nodes *node = group->first; node; node = node->next)
        n++;
    return n;
}

/* @return 1: the group is run with its batch; 0: later. */
static int is_now(struct gql_execution *x, struct gql_batch *batch, const struct gql_group *group)
{
    const struct gql_defer **defers = NULL;
    struct gql_later *later;
    uint32_t n = 0;

    if (group->first->defer && !(defers = take(x, count(group), sizeof(struct gql_defer *))))
        return 1;
    if (defers)
        defers_of(x, group, defers, &n);
    if (is_set(x, batch->set, n) || !(later = later_of(x, batch, defers, n)))
        return 1;
    later->groups[later->ngroups++] = *group;
    return 0;
}

int ecom__gql_set_aside(struct gql_execution *x, struct gql_batch *batch)
{
    uint32_t kept = 0;

    for (uint32_t i = 0; i < batch->ngroups; i++)
        if (is_now(x, batch, &batch->groups[i]))
            batch->groups[kept++] = batch->groups[i];
    batch->ngroups = kept;
    return x->failed;
}

/* ---- @stream */

static int64_t initial_count(const struct gql_execution *x, const struct gql_directive *d)
{
    const struct gql_value *value = argument(d, "initialCount");
    ecom_json literal = {.kind = ECOM_JSON_NUMBER};
    const ecom_json *json = NULL;
    int64_t n;

    if (value && value->kind == GQL_VARIABLE)
        json = ecom__gql_variable(&x->variables, value->text);
    if (value && value->kind == GQL_INT) {
        literal.text = gql_str(value->text);
        json = &literal;
    }
    return json && ecom_json_int(json, &n, NULL) == ECOM_OK ? n : 0;
}

/* Its items are of no fragment: who has the list has them all. */
static struct gql_nodes *free_nodes(struct gql_execution *x, const struct gql_group *group,
                                    struct gql_nodes ***last)
{
    struct gql_nodes *first = NULL, **at = &first;

    for (const struct gql_nodes *node = group->first; node; node = node->next) {
        if (!(*at = take(x, 1, sizeof(**at))))
            return NULL;
        (*at)->selection = node->selection;
        at = &(*at)->next;
    }
    *last = at;
    return first;
}

int ecom__gql_read_stream(struct gql_execution *x, const struct gql_batch *batch,
                          struct gql_group *group, ecom_error *err)
{
    const struct gql_directive *d = find_directive(x, group->first->selection, 1);
    struct gql_stream *stream;

    if (!d)
        return ECOM_OK;
    int64_t n = initial_count(x, d);
    if (n < 0)
        return ecom_fail(err, ECOM_E_INVAL, "initialCount must be a positive integer");
    if (!x->rest || !may_defer(x, batch->n) || !(stream = take(x, 1, sizeof(*stream))))
        return ECOM_OK;
    *stream = (struct gql_stream){.initial = (uint32_t)n, .label = label_of(d), .group = *group};
    stream->group.first = free_nodes(x, group, &stream->group.last);
    stream->last_due = &stream->due;
    group->stream = stream;
    return ECOM_OK;
}

/* ---- as results are written */

static struct gql_step *copy_path(struct gql_execution *x, const struct gql_step *path)
{
    struct gql_step *first = NULL;
    const struct gql_step **at = (const struct gql_step **)&first;

    for (; path; path = path->up) {
        struct gql_step *step = take(x, 1, sizeof(*step));
        if (!step)
            return NULL;
        *step = *path;
        step->up = NULL;
        *at = step;
        at = &step->up;
    }
    return first;
}

static struct gql_delivery *delivery_of(const struct gql_frame *frame,
                                        const struct gql_defer *defer)
{
    while (frame && frame->delivery->defer != defer)
        frame = frame->up;
    return frame ? frame->delivery : NULL;
}

static int open_frame(struct gql_writer *w, const struct gql_defer *defer,
                      const struct gql_step *path)
{
    struct gql_frame *frame = take(w->x, 1, sizeof(*frame));
    struct gql_delivery *delivery = take(w->x, 1, sizeof(*delivery));

    if (!frame || !delivery)
        return ECOM_E_NOMEM;
    *delivery = (struct gql_delivery){.defer = defer, .path = path};
    if (defer->parent)
        delivery->parent = delivery_of(w->frame, defer->parent);
    delivery->last = &delivery->first;
    delivery->last_task = &delivery->tasks;
    *frame = (struct gql_frame){w->frame, delivery};
    w->frame = frame;
    return ECOM_OK;
}

static struct gql_found *find(struct gql_writer *w)
{
    struct gql_found *found = take(w->x, 1, sizeof(*found));

    if (!found)
        return NULL;
    *found = (struct gql_found){.below = w->found, .at = w->out->n};
    return w->found = found;
}

static int note_task(struct gql_writer *w, struct gql_later *later, uint32_t index,
                     const struct gql_step *path)
{
    struct gql_found *found = find(w);
    struct gql_task *task = take(w->x, 1, sizeof(*task));
    const uint32_t n = later->set->n;

    if (!found || !task || !(task->deliveries = take(w->x, n, sizeof(struct gql_delivery *))))
        return ECOM_E_NOMEM;
    task->later = later;
    task->index = index;
    task->path = path;
    task->frame = w->frame;
    task->last_flow = &task->flows;
    for (uint32_t i = 0; i < n; i++)
        task->deliveries[i] = delivery_of(w->frame, later->set->items[i]);
    found->task = task;
    return ECOM_OK;
}

int ecom__gql_enter(struct gql_writer *w, const struct gql_batch *batch, uint32_t index,
                    const struct gql_step *path)
{
    int r = ECOM_OK;

    if (!batch->defers && !batch->laters)
        return ECOM_OK;
    const struct gql_step *own = copy_path(w->x, path);
    if (path && !own)
        return ECOM_E_NOMEM;
    for (const struct gql_defer *d = batch->defers; d && r == ECOM_OK; d = d->next)
        r = open_frame(w, d, own);
    for (struct gql_later *l = batch->laters; l && r == ECOM_OK; l = l->next)
        r = note_task(w, l, index, own);
    return r;
}

/* A list of leaves that is JSON, as a list of values. */
static const ecom_graphql_value *as_values(struct gql_execution *x, const ecom_graphql_value *list)
{
    ecom_graphql_value *values, *items;
    ecom_graphql_call call = {.arena = x->arena};

    if (list->kind == ECOM_GRAPHQL_LIST)
        return list;
    values = take(x, 1, sizeof(*values));
    items = take(x, list->as.json->count, sizeof(*items));
    if (!values || !items)
        return NULL;
    values->kind = ECOM_GRAPHQL_LIST;
    values->as.items = items;
    for (const ecom_json *item = list->as.json->first; item; item = item->next)
        if (ecom_graphql_set_json(&call, &items[values->n++], item) < 0)
            return NULL;
    return values;
}

int ecom__gql_cut_list(struct gql_writer *w, const struct gql_group *group,
                       const ecom_graphql_value *list, const struct gql_ref *of,
                       const struct gql_step *path, uint32_t *n)
{
    const struct gql_ref *outer = group->field->type;

    if (*n <= group->stream->initial ||
        (outer->kind == GQL_NON_NULL ? outer->of->of : outer->of) != of)
        return ECOM_OK;
    struct gql_found *found = find(w);
    struct gql_flow *flow = take(w->x, 1, sizeof(*flow));
    const struct gql_step *own = copy_path(w->x, path);
    if (!found || !flow || !own || !(list = as_values(w->x, list)))
        return ECOM_E_NOMEM;
    *flow = (struct gql_flow){
        .stream = group->stream, .list = list, .told = group->stream->initial, .path = own};
    found->flow = flow;
    *n = flow->told;
    return ECOM_OK;
}

void ecom__gql_forget(struct gql_writer *w, size_t start)
{
    while (w->found && w->found->at >= start)
        w->found = w->found->below;
}
