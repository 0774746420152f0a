/* What comes after the first part. Fragments and lists that are due run together, level by level;
 * one that has nothing left to run is written, and told of with the part in the making. A
 * fragment's fields are told of together, once all of them are there: until then it may still fail
 * as a whole.
 */
#include "graphql/defer.h"
#include "graphql/out.h"

#include <string.h>

static void *take(ecom_graphql_rest *rest, size_t count, size_t size)
{
    void *p = ecom_arena_alloc(rest->x.arena, count * size);

    if (!p)
        rest->x.failed = ECOM_E_NOMEM;
    return p;
}

static void note(ecom_graphql_rest *rest, int r)
{
    if (r < 0)
        rest->x.failed = r;
}

/* ---- what is due */

static void make_due(ecom_graphql_rest *rest, struct gql_task *task)
{
    struct gql_later *later = task->later;

    task->state = GQL_RUNNING;
    if (!later->due) {
        *rest->last_later = later;
        rest->last_later = &later->next_due;
        later->last_due = &later->due;
    }
    *later->last_due = task;
    later->last_due = &task->next;
}

static void make_flow_due(ecom_graphql_rest *rest, struct gql_flow *flow)
{
    struct gql_stream *stream = flow->stream;

    if (!stream->due) {
        *rest->last_stream = stream;
        rest->last_stream = &stream->next_due;
        stream->last_due = &stream->due;
    }
    flow->next = NULL;
    *stream->last_due = flow;
    stream->last_due = &flow->next;
}

static void open_flow(ecom_graphql_rest *rest, struct gql_flow *flow)
{
    flow->id = rest->nids++;
    rest->nopen++;
    note(rest, ecom__gql_tell_pending(rest, flow->id, flow->path, flow->stream->label));
    make_flow_due(rest, flow);
}

/* ---- deliveries: hidden within others, open, over */

static void open_all(ecom_graphql_rest *rest, struct gql_delivery *first);

static int has_work(const struct gql_delivery *delivery)
{
    for (const struct gql_share *s = delivery->tasks; s; s = s->next)
        if (s->task->state != GQL_DELIVERED)
            return 1;
    return 0;
}

static const struct gql_task *failed_task(const struct gql_delivery *delivery)
{
    for (const struct gql_share *s = delivery->tasks; s; s = s->next)
        if (s->task->state == GQL_FAILED)
            return s->task;
    return NULL;
}

/* What is within it never comes either. */
static void bury(struct gql_delivery *delivery)
{
    delivery->state = GQL_OVER;
    for (struct gql_delivery *d = delivery->first; d; d = d->next)
        bury(d);
}

static void fail_delivery(ecom_graphql_rest *rest, struct gql_delivery *delivery, ecom_str errors)
{
    rest->nopen--;
    bury(delivery);
    note(rest, ecom__gql_tell_fragment_end(rest, delivery, errors));
}

/* All its fields are there. */
static void finish_delivery(ecom_graphql_rest *rest, struct gql_delivery *delivery)
{
    struct gql_flow *flows = NULL, **last = &flows;

    rest->nopen--;
    for (const struct gql_share *s = delivery->tasks; s; s = s->next) {
        if (s->task->state != GQL_DONE)
            continue;
        note(rest, ecom__gql_tell_data(rest, delivery, s->task));
        s->task->state = GQL_DELIVERED;
        *last = s->task->flows;
        last = *last ? s->task->last_flow : last;
    }
    delivery->state = GQL_OVER;
    note(rest, ecom__gql_tell_fragment_end(rest, delivery, (ecom_str){NULL, 0}));
    open_all(rest, delivery->first);
    for (struct gql_flow *flow = flows, *next; flow; flow = next) {
        next = flow->next;
        open_flow(rest, flow);
    }
}

static void settle_delivery(ecom_graphql_rest *rest, struct gql_delivery *delivery)
{
    const struct gql_task *failed = failed_task(delivery);

    if (failed)
        fail_delivery(rest, delivery, failed->errors);
    else if (delivery->nleft == 0)
        finish_delivery(rest, delivery);
}

/* One that has nothing of its own gives way to those within it. Depth is that of nested @defer,
 * which max_nesting bounds. */
static void open_all(ecom_graphql_rest *rest, struct gql_delivery *first)
{
    for (struct gql_delivery *d = first; d; d = d->next) {
        if (d->state != GQL_HIDDEN)
            continue;
        if (!has_work(d)) {
            d->state = GQL_OVER;
            open_all(rest, d->first);
            continue;
        }
        d->state = GQL_OPEN;
        d->id = rest->nids++;
        rest->nopen++;
        note(rest, ecom__gql_tell_pending(rest, d->id, d->path, d->defer->label));
        for (const struct gql_share *s = d->tasks; s; s = s->next)
            if (s->task->state == GQL_WAITING)
                make_due(rest, s->task);
        settle_delivery(rest, d);
    }
}

/* ---- what was found in writing */

/* Within its parent, or among the first. */
static void join(struct gql_delivery *delivery, struct gql_delivery ***last)
{
    struct gql_delivery *parent = delivery->parent;

    if (delivery->joined)
        return;
    delivery->joined = 1;
    if (parent)
        join(parent, last);
    if (parent && parent->state == GQL_OVER)
        delivery->state = GQL_OVER;
    struct gql_delivery ***at = parent ? &parent->last : last;
    **at = delivery;
    *at = &delivery->next;
}

static void join_task(ecom_graphql_rest *rest, struct gql_task *task, struct gql_delivery ***last)
{
    int open = 0;

    for (uint32_t i = 0; i < task->later->set->n; i++) {
        struct gql_delivery *delivery = task->deliveries[i];
        struct gql_share *share = take(rest, 1, sizeof(*share));
        if (!share)
            return;
        join(delivery, last);
        share->task = task;
        *delivery->last_task = share;
        delivery->last_task = &share->next;
        delivery->nleft++;
        open |= delivery->state == GQL_OPEN;
    }
    if (open)
        make_due(rest, task);
}

static struct gql_found *in_order(struct gql_found *found)
{
    struct gql_found *first = NULL;

    for (struct gql_found *next; found; found = next) {
        next = found->below;
        found->below = first;
        first = found;
    }
    return first;
}

int ecom__gql_join_found(ecom_graphql_rest *rest, struct gql_found *found, struct gql_task *owner)
{
    struct gql_delivery *first = NULL, **last = &first;

    found = in_order(found);
    for (const struct gql_found *f = found; f; f = f->below)
        if (f->task)
            join_task(rest, f->task, &last);
    open_all(rest, first);
    for (const struct gql_found *f = found; f; f = f->below) {
        if (f->flow && owner) {
            *owner->last_flow = f->flow;
            owner->last_flow = &f->flow->next;
        } else if (f->flow) {
            open_flow(rest, f->flow);
        }
    }
    return rest->x.failed;
}

/* ---- running */

static int is_wanted(const struct gql_task *task)
{
    for (uint32_t i = 0; i < task->later->set->n; i++)
        if (task->deliveries[i]->state != GQL_OVER)
            return 1;
    return 0;
}

static struct gql_cohort *new_cohort(ecom_graphql_rest *rest)
{
    struct gql_cohort *cohort = take(rest, 1, sizeof(*cohort));

    if (!cohort)
        return NULL;
    *rest->last_running = cohort;
    rest->last_running = &cohort->next;
    return cohort;
}

static uint32_t count_wanted(const struct gql_later *later)
{
    uint32_t n = 0;

    for (const struct gql_task *t = later->due; t; t = t->next)
        n += (uint32_t)is_wanted(t);
    return n;
}

/* A batch of all objects whose turn it is. */
static void start_tasks(ecom_graphql_rest *rest, struct gql_later *later)
{
    const uint32_t n = count_wanted(later);
    struct gql_cohort *cohort = n ? new_cohort(rest) : NULL;
    struct gql_batch *batch = take(rest, 1, sizeof(*batch));
    const void **parents = take(rest, n, sizeof(*parents));
    struct gql_group *groups = take(rest, later->ngroups, sizeof(*groups));
    struct gql_task **tasks = take(rest, n, sizeof(struct gql_task *)), *task = later->due;

    later->due = NULL;
    if (!cohort || !batch || !parents || !groups || !tasks)
        return;
    memcpy(groups, later->groups, later->ngroups * sizeof(*groups));
    *batch = (struct gql_batch){.type = later->batch->type,
                                .parents = parents,
                                .groups = groups,
                                .ngroups = later->ngroups,
                                .set = later->set,
                                .cohort = cohort};
    for (; task; task = task->next) {
        if (!is_wanted(task))
            continue;
        parents[batch->n] = later->batch->parents[task->index];
        tasks[batch->n++] = task;
    }
    cohort->batch = batch;
    cohort->tasks = tasks;
    cohort->n = n;
    cohort->nbatches = 1;
    *rest->x.next_last = batch;
    rest->x.next_last = &batch->next;
}

/* As many items as a part may still have, of one list after the other. @return those that were left
 * over. */
static struct gql_flow *slice_lists(ecom_graphql_rest *rest, struct gql_cohort *cohort,
                                    struct gql_flow *flow)
{
    const uint32_t max = rest->x.graphql->options.limits.max_items;

    for (; flow && rest->nitems < max; flow = flow->next) {
        uint32_t n = flow->list->n - flow->told;
        n = n < max - rest->nitems ? n : max - rest->nitems;
        cohort->slices[cohort->n++] = (struct gql_slice){flow, flow->told, n};
        rest->nitems += n;
    }
    return flow;
}

static void start_items(ecom_graphql_rest *rest, struct gql_stream *stream)
{
    const uint32_t max = rest->x.graphql->options.limits.max_items;
    uint32_t n = 0, left = max - rest->nitems;
    struct gql_flow *flow = stream->due;
    struct gql_cohort *cohort = left ? new_cohort(rest) : NULL;

    stream->due = NULL;
    for (struct gql_flow *f = flow; f && n < left; f = f->next)
        n++;
    if (cohort && (cohort->slices = take(rest, n, sizeof(*cohort->slices)))) {
        cohort->stream = stream;
        flow = slice_lists(rest, cohort, flow);
        ecom__gql_gather_items(&rest->x, cohort);
    }
    for (struct gql_flow *next; flow; flow = next) { /* the others next time */
        next = flow->next;
        make_flow_due(rest, flow);
    }
}

static void start_due(ecom_graphql_rest *rest)
{
    struct gql_later *laters = rest->due_later;
    struct gql_stream *streams = rest->due_stream;

    rest->due_later = NULL;
    rest->last_later = &rest->due_later;
    rest->due_stream = NULL;
    rest->last_stream = &rest->due_stream;
    for (struct gql_later *next; laters; laters = next) {
        next = laters->next_due;
        laters->next_due = NULL;
        start_tasks(rest, laters);
    }
    for (struct gql_stream *next; streams; streams = next) {
        next = streams->next_due;
        streams->next_due = NULL;
        start_items(rest, streams);
    }
}

/* ---- what has run */

static struct gql_writer writer(ecom_graphql_rest *rest, const struct gql_frame *frame)
{
    rest->text.n = rest->errors.n = 0;
    return (struct gql_writer){
        .x = &rest->x, .out = &rest->text, .errors = &rest->errors, .frame = frame};
}

static ecom_str keep(ecom_graphql_rest *rest, const ecom_buf *text)
{
    ecom_str copy = ecom_arena_copy(rest->x.arena, ecom_buf_str(text));

    if (!copy.p)
        rest->x.failed = ECOM_E_NOMEM;
    return copy;
}

static int write_fields(struct gql_writer *w, const struct gql_batch *batch, uint32_t index,
                        const struct gql_step *path)
{
    int r = GQL_PUT(w->out, "{");

    for (uint32_t i = 0; i < batch->ngroups && r == ECOM_OK; i++)
        r = ecom__gql_write_group(w, batch, &batch->groups[i], index, path);
    return r != ECOM_OK ? r : GQL_PUT(w->out, "}");
}

static void end_task(ecom_graphql_rest *rest, const struct gql_batch *batch, uint32_t index,
                     struct gql_task *task)
{
    struct gql_writer w = writer(rest, task->frame);
    int r = write_fields(&w, batch, index, task->path);

    if (r < 0) {
        rest->x.failed = r;
        return;
    }
    task->state = r == GQL_NULLED ? GQL_FAILED : GQL_DONE;
    task->errors = keep(rest, &rest->errors);
    if (r == ECOM_OK) {
        task->data = keep(rest, &rest->text);
        note(rest, ecom__gql_join_found(rest, w.found, task));
    }
    for (uint32_t i = 0; i < task->later->set->n; i++) {
        task->deliveries[i]->nleft--;
        if (task->deliveries[i]->state == GQL_OPEN)
            settle_delivery(rest, task->deliveries[i]);
    }
}

static void end_flow(ecom_graphql_rest *rest, struct gql_flow *flow, ecom_str errors)
{
    rest->nopen--;
    note(rest, ecom__gql_tell_list_end(rest, flow, errors));
}

/* Writes items, up to one that can neither be nor be null. @return the bytes of errors before its
 * own; SIZE_MAX: there is none. */
static size_t write_items(struct gql_writer *w, const struct gql_slice *slice)
{
    const struct gql_flow *flow = slice->flow;

    for (uint32_t i = slice->from; i < slice->from + slice->n && !w->x->failed; i++) {
        size_t start = w->out->n, errors = w->errors->n;
        int r = i > slice->from ? GQL_PUT(w->out, ",") : ECOM_OK;
        if (r == ECOM_OK)
            r = ecom__gql_write_item(w, &flow->stream->group, &flow->list->as.items[i], i,
                                     flow->path);
        if (r < 0)
            w->x->failed = r;
        if (r == GQL_NULLED) {
            w->out->n = start;
            ecom__gql_forget(w, start);
            return errors;
        }
    }
    return SIZE_MAX;
}

static ecom_str own_error(const ecom_buf *errors, size_t from)
{
    from += from > 0; /* the comma */
    return (ecom_str){errors->p + from, errors->n - from};
}

static void end_slice(ecom_graphql_rest *rest, const struct gql_slice *slice)
{
    struct gql_writer w = writer(rest, NULL);
    struct gql_flow *flow = slice->flow;
    size_t broke = write_items(&w, slice);
    rest->nitems -= slice->n;
    ecom_str errors = {rest->errors.p, broke < SIZE_MAX ? broke : rest->errors.n};

    if (rest->x.failed)
        return;
    if (rest->text.n)
        note(rest, ecom__gql_tell_items(rest, flow, ecom_buf_str(&rest->text), errors));
    flow->told += slice->n;
    if (broke < SIZE_MAX)
        end_flow(rest, flow, own_error(&rest->errors, broke));
    else if (flow->told == flow->list->n)
        end_flow(rest, flow, (ecom_str){NULL, 0});
    else
        make_flow_due(rest, flow);
    note(rest, ecom__gql_join_found(rest, w.found, NULL));
}

static void end_cohort(ecom_graphql_rest *rest, const struct gql_cohort *cohort)
{
    for (uint32_t i = 0; i < cohort->n && !rest->x.failed; i++)
        if (cohort->stream)
            end_slice(rest, &cohort->slices[i]);
        else if (is_wanted(cohort->tasks[i]))
            end_task(rest, cohort->batch, i, cohort->tasks[i]);
}

/* Those that have nothing left to run. */
static void end_some(ecom_graphql_rest *rest)
{
    struct gql_cohort **at = &rest->running;

    while (*at && !rest->x.failed) {
        struct gql_cohort *cohort = *at;
        if (cohort->nbatches) {
            at = &cohort->next;
            continue;
        }
        *at = cohort->next;
        end_cohort(rest, cohort);
    }
    while (*at)
        at = &(*at)->next;
    rest->last_running = at;
}

/* ---- the handle */

ecom_graphql_rest *ecom__gql_rest_new(ecom_graphql *graphql, ecom_graphql_document *document,
                                      const ecom_graphql_request *request, ecom_arena *arena)
{
    ecom_graphql_rest *rest = ecom_arena_alloc(arena, sizeof(*rest));

    if (!rest)
        return NULL;
    rest->x.graphql = graphql;
    rest->x.document = &document->ast;
    rest->x.arena = arena;
    rest->x.rest = rest;
    rest->document = ecom_graphql_document_ref(document);
    rest->dialect = request->dialect;
    rest->parent = request->root;
    rest->root.parents = &rest->parent;
    rest->last_later = &rest->due_later;
    rest->last_stream = &rest->due_stream;
    rest->last_running = &rest->running;
    return rest;
}

int ecom_graphql_rest_is_over(const ecom_graphql_rest *rest)
{
    return rest->nopen == 0;
}

int ecom_graphql_rest_next(ecom_graphql_rest *rest, ecom_buf *out, ecom_error *err)
{
    size_t start = out->n;

    if (rest->nopen == 0)
        return ecom_fail(err, ECOM_E_CLOSED, "there is no more");
    while (rest->nopen && !rest->x.failed && !rest->incremental.n && !rest->completed.n) {
        start_due(rest);
        ecom__gql_run_level(&rest->x);
        end_some(rest);
    }
    if (rest->x.failed || ecom__gql_tell_part(rest, out) < 0) {
        out->n = start;
        rest->nopen = 0;
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory, or the request's arena is full");
    }
    return ECOM_OK;
}

void ecom_graphql_rest_free(ecom_graphql_rest *rest)
{
    if (!rest)
        return;
    ecom_buf_free(&rest->text);
    ecom_buf_free(&rest->errors);
    ecom_buf_free(&rest->pending);
    ecom_buf_free(&rest->incremental);
    ecom_buf_free(&rest->completed);
    ecom_graphql_document_unref(rest->document);
}
