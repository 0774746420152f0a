/* A request, from its operation to the text of its response. */
#include "graphql/defer.h"

#include <string.h>

static int append(ecom_buf *out, const char *s)
{
    return ecom_buf_append(out, ecom_str_of(s));
}

/* One field after the other, each with all below it; what follows a failed `!` is not begun. */
static int run_serially(struct gql_writer *w, struct gql_batch *root)
{
    int r = ECOM_OK;

    for (uint32_t i = 0; i < root->ngroups && r == ECOM_OK; i++) {
        ecom__gql_run_groups(w->x, root, i, 1);
        r = w->x->failed ? w->x->failed : ecom__gql_write_group(w, root, &root->groups[i], 0, NULL);
    }
    return r;
}

static int run_at_once(struct gql_writer *w, struct gql_batch *root)
{
    ecom__gql_run_groups(w->x, root, 0, root->ngroups);
    int r = w->x->failed;
    for (uint32_t i = 0; i < root->ngroups && r == ECOM_OK; i++)
        r = ecom__gql_write_group(w, root, &root->groups[i], 0, NULL);
    return r;
}

static int write_data(struct gql_writer *w, struct gql_batch *root)
{
    size_t start = w->out->n;
    int r = ecom__gql_collect(w->x, root);

    if (r == ECOM_OK && w->x->rest)
        r = ecom__gql_enter(w, root, 0, NULL);
    if (r == ECOM_OK && (r = append(w->out, "{")) == ECOM_OK)
        r = w->x->operation->operation == GQL_MUTATION ? run_serially(w, root)
                                                       : run_at_once(w, root);
    if (r == GQL_NULLED) {
        w->out->n = start;
        ecom__gql_forget(w, start);
        return append(w->out, "null");
    }
    return r < 0 ? r : append(w->out, "}");
}

/* The last of a response. */
static int write_extensions(struct gql_writer *w)
{
    if (!w->x->show_cost)
        return append(w->out, "}");
    return ecom_buf_printf(w->out, ",\"extensions\":{\"cost\":{\"requested\":%u,\"max\":%u}}}",
                           w->x->cost, w->x->graphql->options.limits.max_cost);
}

/* `{"errors":[...],"data":...}`: errors stand first, so that nobody overlooks them; data is moved
 * behind them when there are any. */
static int write_response(struct gql_writer *w, struct gql_batch *root)
{
    static const char before[] = "{\"errors\":[", behind[] = "],\"data\":";
    size_t start = w->out->n;
    int r = append(w->out, "{\"data\":");

    if (r < 0 || (r = write_data(w, root)) < 0)
        return r;
    if (w->nerrors) {
        size_t data = start + 8, n = w->out->n - data;
        size_t head = sizeof(before) - 1 + w->errors->n + sizeof(behind) - 1;
        if ((r = ecom_buf_reserve(w->out, head)) < 0)
            return r;
        char *p = w->out->p + start;
        memmove(p + head, p + 8, n);
        memcpy(p, before, sizeof(before) - 1);
        memcpy(p + sizeof(before) - 1, w->errors->p, w->errors->n);
        memcpy(p + head - (sizeof(behind) - 1), behind, sizeof(behind) - 1);
        w->out->n = start + head + n;
    }
    if (w->x->rest && ((r = ecom__gql_join_found(w->x->rest, w->found, NULL)) < 0 ||
                       (r = ecom__gql_tell_first(w->x->rest, w->out)) < 0))
        return r;
    return write_extensions(w);
}

const struct gql_definition *ecom__gql_find_operation(const struct gql_document *document,
                                                      ecom_str name)
{
    const struct gql_definition *found = NULL;

    for (const struct gql_definition *d = document->first; d; d = d->next)
        if (d->kind == GQL_OPERATION && (!name.p || ecom_str_eq(gql_str(d->name), name))) {
            if (found)
                return NULL; /* several, and none was named */
            found = d;
        }
    return found;
}

static int choose_operation(const struct gql_document *document, ecom_str name,
                            struct gql_errors *errors, const struct gql_definition **out)
{
    *out = ecom__gql_find_operation(document, name);
    if (*out)
        return ECOM_OK;
    if (name.p)
        return ecom__gql_report(errors, NULL, 0, "Unknown operation named \"%.*s\".",
                                (int)(name.n < 100 ? name.n : 100), name.p);
    return ecom__gql_report(errors, NULL, 0,
                            document->noperations
                                ? "Must provide operation name if query contains multiple "
                                  "operations."
                                : "Must provide an operation.");
}

static int check_operation(const ecom_graphql *graphql, const struct gql_definition *operation,
                           const ecom_graphql_request *request, struct gql_errors *errors,
                           ecom_graphql_outcome *outcome)
{
    static const char *const words[] = {"query", "mutation", "subscription"};

    if (request->only_queries && operation->operation == GQL_MUTATION) {
        *outcome = ECOM_GRAPHQL_NOT_ALLOWED;
        return ecom__gql_report(errors, &operation->at, 1,
                                "Can only perform a mutation operation from a POST request.");
    }
    if (operation->operation == GQL_SUBSCRIPTION && !request->event)
        return ecom__gql_report(errors, &operation->at, 1,
                                "A subscription needs a transport that can send many answers.");
    if (!graphql->schema.roots[operation->operation])
        return ecom__gql_report(errors, &operation->at, 1,
                                "Schema is not configured to execute %s operation.",
                                words[operation->operation]);
    return ECOM_OK;
}

int ecom__gql_refuse(const struct gql_errors *errors, const char *code, ecom_buf *out)
{
    int r;

    if (errors->code == ECOM_E_NOMEM)
        return ECOM_E_NOMEM;
    for (struct gql_error *e = errors->first; e; e = e->next)
        e->code = code;
    if ((r = append(out, "{")) < 0 || (r = ecom__gql_errors_write(errors, out)) < 0)
        return r;
    return append(out, "}");
}

int ecom__gql_check_cost(struct gql_execution *x, struct gql_errors *errors)
{
    uint32_t max = x->graphql->options.limits.max_cost;
    int r = ecom__gql_cost(x, &x->cost);

    if (r < 0 || x->cost <= max)
        return r;
    return ecom__gql_exceeded(errors, x->operation->at,
                              "The operation may cost %u, more than %u (max_cost): each field is "
                              "one, and counts once for every item of the lists around it.",
                              x->cost, max);
}

static int run(struct gql_execution *x, struct gql_batch *root, ecom_buf *out)
{
    ecom_buf errors = {0};
    struct gql_writer w = {.x = x, .out = out, .errors = &errors};
    const size_t nfragments = x->document->nfragments + 1u;

    root->type = x->graphql->schema.roots[x->operation->operation];
    root->n = 1;
    x->next_last = &x->next_level;
    x->seen = ecom_arena_alloc(x->arena, nfragments * sizeof(*x->seen));
    if (x->rest)
        x->visits = ecom_arena_alloc(x->arena, nfragments * sizeof(*x->visits));
    if (!x->seen || (x->rest && !x->visits))
        return ECOM_E_NOMEM;
    int r = write_response(&w, root);
    ecom_buf_free(&errors);
    return r;
}

/* Checks a request, and runs it from @p root; *x is zero, or has a rest. */
static int execute(struct gql_execution *x, const ecom_graphql_request *request,
                   struct gql_batch *root, ecom_buf *out, ecom_graphql_outcome *outcome)
{
    const ecom_graphql *graphql = x->graphql;
    struct gql_errors errors = {.arena = x->arena,
                                .source = x->document->source,
                                .suggesting =
                                    graphql->options.no_introspection ? 0 : GQL_SUGGESTING};

    x->context = request->context;
    x->show_cost = request->show_cost;
    x->deadline_us = request->deadline_us;
    *outcome = ECOM_GRAPHQL_REFUSED;
    if (choose_operation(x->document, request->operation_name, &errors, &x->operation) < 0 ||
        check_operation(graphql, x->operation, request, &errors, outcome) < 0)
        return ecom__gql_refuse(&errors, "BAD_REQUEST", out);
    int r = ecom__gql_coerce_variables(&graphql->schema, x->operation, request->variables, x->arena,
                                       &x->variables, &errors);
    if (r == ECOM_E_NOMEM)
        return r;
    if (r < 0)
        return ecom__gql_refuse(&errors, ecom_code_of(ECOM_E_INVAL)->graphql, out);
    if ((r = ecom__gql_check_cost(x, &errors)) == ECOM_E_NOMEM)
        return r;
    if (r < 0) {
        *outcome = ECOM_GRAPHQL_EXCEEDED;
        return ecom__gql_refuse(&errors, ecom_code_of(ECOM_E_TOOLARGE)->graphql, out);
    }
    *outcome = ECOM_GRAPHQL_EXECUTED;
    return run(x, root, out);
}

static int no_memory(ecom_buf *out, size_t start, ecom_error *err)
{
    out->n = start;
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory, or the request's arena is full");
}

static const ecom_graphql_request no_request = {.size = sizeof(no_request)};

int ecom_graphql_execute(ecom_graphql *graphql, const ecom_graphql_document *document,
                         const ecom_graphql_request *request, ecom_arena *arena, ecom_buf *out,
                         ecom_graphql_outcome *outcome, ecom_error *err)
{
    struct gql_execution x = {.graphql = graphql, .document = &document->ast, .arena = arena};
    ecom_graphql_outcome became;
    size_t start = out->n;

    request = request ? request : &no_request;
    struct gql_batch root = {.parents = (const void *[]){request->root}};
    if (execute(&x, request, &root, out, &became) < 0)
        return no_memory(out, start, err);
    if (outcome)
        *outcome = became;
    return ECOM_OK;
}

/* Truth: results of this request may come in parts. */
static int has_parts(const ecom_graphql_document *document, const ecom_graphql_request *request)
{
    const struct gql_definition *operation =
        ecom__gql_find_operation(&document->ast, request->operation_name);

    return document->ast.incremental && operation && operation->operation != GQL_SUBSCRIPTION;
}

int ecom_graphql_begin(ecom_graphql *graphql, ecom_graphql_document *document,
                       const ecom_graphql_request *request, ecom_arena *arena, ecom_buf *out,
                       ecom_graphql_rest **rest, ecom_graphql_outcome *outcome, ecom_error *err)
{
    ecom_graphql_outcome became;
    size_t start = out->n;

    request = request ? request : &no_request;
    *rest = NULL;
    if (!has_parts(document, request))
        return ecom_graphql_execute(graphql, document, request, arena, out, outcome, err);
    ecom_graphql_rest *later = ecom__gql_rest_new(graphql, document, request, arena);
    int r = later ? execute(&later->x, request, &later->root, out, &became) : ECOM_E_NOMEM;
    if (r == ECOM_OK && ecom_graphql_rest_is_over(later) == 0)
        *rest = later;
    else
        ecom_graphql_rest_free(later);
    if (r < 0)
        return no_memory(out, start, err);
    if (outcome)
        *outcome = became;
    return ECOM_OK;
}
