/* Execution goes by levels: all fields of a level are resolved, each by one call for all of its
 * parents; then the objects that came out are gathered, and are the parents of the next level. */
#include "graphql/defer.h"

#include <string.h>

static void *take(struct gql_execution *x, size_t count, size_t size)
{
    void *p = count <= UINT32_MAX ? ecom_arena_alloc(x->arena, count * size) : NULL;

    if (!p)
        x->failed = ECOM_E_NOMEM;
    return p;
}

/* ---- resolving one level */

static void fail_all(struct gql_execution *x, struct gql_group *group, uint32_t n,
                     const ecom_error *err)
{
    ecom_error *copy = take(x, 1, sizeof(*copy));

    if (!copy)
        return;
    *copy = *err;
    for (uint32_t i = 0; i < n; i++) {
        group->results[i].kind = ECOM_GRAPHQL_ERROR;
        group->results[i].as.error = copy;
    }
}

static void argument_misfit(struct gql_execution *x, struct gql_group *group, uint32_t n,
                            const struct gql_misfit *why)
{
    uint32_t *at = take(x, 1, sizeof(*at));
    ecom_error err;

    if (!at)
        return;
    *at = why->at;
    group->misfit_at = at;
    ecom_fail(&err, ECOM_E_INVAL, "%.*s", GQL_P(why->message));
    fail_all(x, group, n, &err);
}

/* A reason not to start the field at all. */
static int may_start(struct gql_execution *x, uint32_t n, ecom_error *err)
{
    const ecom_env *env = x->graphql->options.env;
    uint32_t max = x->graphql->options.limits.max_results;

    x->results += n;
    if (x->results > max)
        return ecom_fail(err, ECOM_E_TOOLARGE,
                         "The response has more than %u values (max_results).", max);
    if (x->deadline_us && env->monotonic_us(env->self) >= x->deadline_us)
        return ecom_fail(err, ECOM_E_TIMEOUT, "The request's time is up.");
    return ECOM_OK;
}

static ecom_graphql_call call_of(const struct gql_execution *x, const struct gql_field *field,
                                 const struct gql_type *type, const ecom_json *arguments,
                                 const void *const *parents, uint32_t n,
                                 ecom_graphql_value *results)
{
    return (ecom_graphql_call){
        .size = sizeof(ecom_graphql_call),
        .n = n,
        .parents = parents,
        .results = results,
        .arguments = arguments,
        .context = x->context,
        .arena = x->arena,
        .type = type->name.p,
        .field = field->type ? field->name.p : "__typename",
        .composite = !field->type || gql_is_composite(field->type->type),
    };
}

static int ask(ecom_graphql_call *call, const struct gql_field *field, ecom_graphql_resolve_fn fn,
               ecom_error *err)
{
    err->code = 0;
    err->text[0] = err->field[0] = '\0';
    call->finish = NULL;
    int r = fn(call, field->user, err);
    if (r < 0 && !err->code)
        ecom_fail(err, r, "%s", ecom_code_of(r)->title);
    return r;
}

static void wait_for_begun(struct gql_execution *x)
{
    const ecom_graphql_options *o = &x->graphql->options;

    if (o->wait)
        o->wait(o->user, x->context, x->deadline_us);
}

/* What the resolver did: filled in the results, failed, or only begun. */
static void take_result(struct gql_execution *x, struct gql_group *group,
                        const ecom_graphql_call *call, int r, const ecom_error *err)
{
    if (r < 0)
        fail_all(x, group, call->n, err);
    if (r < 0 || !call->finish || (!group->begun && !(group->begun = take(x, 1, sizeof(*call))))) {
        group->begun = NULL;
        return;
    }
    if (group->begun != call)
        *group->begun = *call;
    x->nbegun++;
}

static void finish_group(struct gql_execution *x, struct gql_group *group)
{
    ecom_error err;

    if (!group->begun || x->failed)
        return;
    int r = ask(group->begun, group->field, group->begun->finish, &err);
    take_result(x, group, group->begun, r, &err);
}

/* Until nothing of the level is only begun. */
static void finish_level(struct gql_execution *x, struct gql_batch *level)
{
    while (x->nbegun && !x->failed) {
        x->nbegun = 0;
        wait_for_begun(x);
        for (struct gql_batch *b = level; b; b = b->next)
            for (uint32_t i = 0; i < b->ngroups; i++)
                finish_group(x, &b->groups[i]);
    }
}

static void resolve_group(struct gql_execution *x, const struct gql_batch *batch,
                          struct gql_group *group)
{
    const struct gql_selection *s = group->first->selection;
    const ecom_json *arguments;
    struct gql_misfit why;
    ecom_error err;

    if (group->field->typename_ || x->failed)
        return;
    if (!(group->results = take(x, batch->n, sizeof(*group->results))))
        return;
    if (may_start(x, batch->n, &err) < 0 ||
        (s->directives && ecom__gql_read_stream(x, batch, group, &err) < 0)) {
        fail_all(x, group, batch->n, &err);
        return;
    }
    int r = ecom__gql_arguments(x->arena, &group->field->arguments, s->arguments, group->key.at,
                                &x->variables, &arguments, &why);
    if (r == ECOM_E_NOMEM)
        x->failed = r;
    else if (r < 0)
        argument_misfit(x, group, batch->n, &why);
    if (r < 0)
        return;
    ecom_graphql_call call =
        call_of(x, group->field, batch->type, arguments, batch->parents, batch->n, group->results);
    r = ask(&call, group->field, group->field->resolve, &err);
    take_result(x, group, &call, r, &err);
}

/* ---- gathering the objects that a field gave */

struct gather {
    struct gql_execution *x;
    ecom_graphql_value **objects; /* NULL: only count */
    uint32_t n;
};

static void gather_value(struct gather *g, ecom_graphql_value *v, const struct gql_ref *type)
{
    while (type->kind == GQL_NON_NULL)
        type = type->of;
    if (type->kind == GQL_LIST_OF) {
        for (uint32_t i = 0; v->kind == ECOM_GRAPHQL_LIST && i < v->n; i++)
            gather_value(g, &v->as.items[i], type->of);
        return;
    }
    if (v->kind != ECOM_GRAPHQL_OBJECT)
        return;
    if (g->objects)
        g->objects[g->n] = v;
    g->n++;
}

static void gather_slice(struct gather *g, const ecom_graphql_value *list,
                         const struct gql_ref *type, uint32_t from, uint32_t n)
{
    while (type->kind == GQL_NON_NULL)
        type = type->of;
    for (uint32_t i = from; list->kind == ECOM_GRAPHQL_LIST && i < list->n && i - from < n; i++)
        gather_value(g, &list->as.items[i], type->of);
}

static void gather_all(struct gather *g, const struct gql_group *group, uint32_t n)
{
    g->n = 0;
    for (uint32_t i = 0; i < n; i++)
        if (group->stream)
            gather_slice(g, &group->results[i], group->field->type, 0, group->stream->initial);
        else
            gather_value(g, &group->results[i], group->field->type);
}

static void gather_slices(struct gather *g, const struct gql_cohort *cohort)
{
    const struct gql_ref *type = cohort->stream->group.field->type;

    g->n = 0;
    for (uint32_t i = 0; i < cohort->n; i++)
        gather_slice(g, cohort->slices[i].flow->list, type, cohort->slices[i].from,
                     cohort->slices[i].n);
}

/* A list that a resolver gave for several parents is here several times, and placed once. */
static void place(struct gql_batch *batch, ecom_graphql_value *v)
{
    if (v->kind != ECOM_GRAPHQL_OBJECT)
        return;
    batch->parents[batch->n] = v->as.object;
    v->kind = GQL_PLACED;
    v->n = batch->n++;
    v->as.object = batch;
}

/* A batch for some of @p n objects: @p types[i] says which, NULL: all. */
static void make_batch(struct gql_execution *x, const struct gql_group *group,
                       const struct gql_type *type, ecom_graphql_value **objects,
                       const struct gql_type **types, uint32_t n)
{
    struct gql_batch *batch = take(x, 1, sizeof(*batch));
    const void **parents = take(x, n, sizeof(*parents));

    if (!batch || !parents)
        return;
    *batch = (struct gql_batch){.type = type, .nodes = group->first, .parents = parents};
    for (uint32_t i = 0; i < n; i++) {
        if (types && types[i] != type)
            continue;
        place(batch, objects[i]);
        if (types)
            types[i] = NULL;
    }
    *x->next_last = batch;
    x->next_last = &batch->next;
}

static void fail_value(struct gql_execution *x, ecom_graphql_value *v, const ecom_error *err)
{
    ecom_error *copy = take(x, 1, sizeof(*copy));

    if (!copy)
        return;
    *copy = *err;
    v->kind = ECOM_GRAPHQL_ERROR;
    v->as.error = copy;
}

static const struct gql_type *concrete(struct gql_execution *x, const struct gql_type *abstract,
                                       const struct gql_group *group,
                                       const ecom_graphql_value *said, ecom_error *err)
{
    if (said->kind == ECOM_GRAPHQL_ERROR) {
        *err = *said->as.error;
        return NULL;
    }
    ecom_str name = {said->as.s, said->kind == ECOM_GRAPHQL_STRING ? said->n : 0};
    const struct gql_type *type = name.n ? ecom__gql_type_called(&x->graphql->schema, name) : NULL;
    if (type && type->kind == GQL_KIND_OBJECT && gql_may_be(abstract, type))
        return type;
    ecom_fail(err, ECOM_E_BACKEND,
              "Abstract type \"%.*s\" must resolve to one of its Object types for field "
              "\"%.*s.%.*s\", not to \"%.*s\".",
              GQL_P(gql_str(abstract->name)), GQL_P(gql_str(group->field->parent->name)),
              GQL_P(gql_str(group->field->name)), (int)(name.n < 60 ? name.n : 60),
              name.n ? name.p : "");
    return NULL;
}

/* Asks of which type each object is, and fills @p types; an object of none has failed. */
static int discriminate(struct gql_execution *x, const struct gql_group *group,
                        ecom_graphql_value **objects, const struct gql_type **types, uint32_t n)
{
    static const ecom_json none = {.kind = ECOM_JSON_OBJECT};
    const struct gql_type *abstract = group->field->type->type;
    const void **parents = take(x, n, sizeof(*parents));
    ecom_graphql_value *said = take(x, n, sizeof(*said));
    ecom_error err;

    if (!parents || !said)
        return ECOM_E_NOMEM;
    for (uint32_t i = 0; i < n; i++)
        parents[i] = objects[i]->as.object;
    ecom_graphql_call call =
        call_of(x, &abstract->discriminator, abstract, &none, parents, n, said);
    int r = ask(&call, &abstract->discriminator, abstract->discriminator.resolve, &err);
    while (r == ECOM_OK && call.finish) {
        wait_for_begun(x);
        r = ask(&call, &abstract->discriminator, call.finish, &err);
    }
    for (uint32_t i = 0; i < n; i++) {
        types[i] = r < 0 ? NULL : concrete(x, abstract, group, &said[i], &err);
        if (!types[i])
            fail_value(x, objects[i], &err);
    }
    return x->failed;
}

static void gather_abstract(struct gql_execution *x, const struct gql_group *group,
                            ecom_graphql_value **objects, uint32_t n)
{
    const struct gql_type **types = take(x, n, sizeof(*types));

    if (!types || discriminate(x, group, objects, types, n) < 0)
        return;
    for (uint32_t i = 0; i < n && !x->failed; i++)
        if (types[i])
            make_batch(x, group, types[i], objects, types, n);
}

/* A batch for each type that objects of a group have. */
static void make_batches(struct gql_execution *x, const struct gql_group *group,
                         ecom_graphql_value **objects, uint32_t n)
{
    if (group->field->type->type->kind == GQL_KIND_OBJECT)
        make_batch(x, group, group->field->type->type, objects, NULL, n);
    else
        gather_abstract(x, group, objects, n);
}

/* What comes out of a part belongs to it. */
static void inherit(struct gql_batch *first, const struct gql_defers *set,
                    struct gql_cohort *cohort)
{
    for (struct gql_batch *b = first; b; b = b->next) {
        b->set = set;
        b->cohort = cohort;
        if (cohort)
            cohort->nbatches++;
    }
}

/* The objects of a group become the batches of the next level. */
static void gather_group(struct gql_execution *x, const struct gql_batch *batch,
                         struct gql_group *group)
{
    struct gather g = {x, NULL, 0};
    struct gql_batch **made = x->next_last;

    if (x->failed || !group->results || !gql_is_composite(group->field->type->type))
        return;
    gather_all(&g, group, batch->n);
    uint32_t n = g.n;
    if (n == 0 || !(g.objects = take(x, n, sizeof(ecom_graphql_value *))))
        return;
    gather_all(&g, group, batch->n);
    make_batches(x, group, g.objects, n);
    if (x->rest)
        inherit(*made, batch->set, batch->cohort);
}

void ecom__gql_gather_items(struct gql_execution *x, struct gql_cohort *cohort)
{
    const struct gql_group *group = &cohort->stream->group;
    struct gather g = {x, NULL, 0};
    struct gql_batch **made = x->next_last;

    if (!gql_is_composite(group->field->type->type))
        return;
    gather_slices(&g, cohort);
    uint32_t n = g.n;
    if (n == 0 || !(g.objects = take(x, n, sizeof(ecom_graphql_value *))))
        return;
    gather_slices(&g, cohort);
    make_batches(x, group, g.objects, n);
    inherit(*made, NULL, cohort);
}

/* ---- levels */

void ecom__gql_run_level(struct gql_execution *x)
{
    struct gql_batch *level = x->next_level;

    x->next_level = NULL;
    x->next_last = &x->next_level;
    for (struct gql_batch *b = level; b && !x->failed; b = b->next) {
        if (b->ngroups == 0 && ecom__gql_collect(x, b) < 0)
            x->failed = ECOM_E_NOMEM;
        for (uint32_t i = 0; i < b->ngroups; i++)
            resolve_group(x, b, &b->groups[i]);
    }
    finish_level(x, level);
    for (struct gql_batch *b = level; b && !x->failed; b = b->next) {
        for (uint32_t i = 0; i < b->ngroups; i++)
            gather_group(x, b, &b->groups[i]);
        if (b->cohort)
            b->cohort->nbatches--;
    }
}

void ecom__gql_run_groups(struct gql_execution *x, struct gql_batch *root, uint32_t first,
                          uint32_t n)
{
    for (uint32_t i = first; i < first + n; i++)
        resolve_group(x, root, &root->groups[i]);
    finish_level(x, root);
    for (uint32_t i = first; i < first + n; i++)
        gather_group(x, root, &root->groups[i]);
    while (x->next_level && !x->failed)
        ecom__gql_run_level(x);
}
