/* How a subscription begins (6.2.3.1 of the specification): the one field of its root is asked for
 * a source of events. */
#include "graphql/execute.h"
#include "graphql/stream.h"

#include <string.h>

static const ecom_graphql_subscriber *find(const ecom_graphql *g, ecom_str field)
{
    for (size_t i = 0; i < g->options.nsubscribers; i++)
        if (ecom_str_eq(ecom_str_of(g->options.subscribers[i].field), field))
            return &g->options.subscribers[i];
    return NULL;
}

int ecom__gql_check_subscribers(const ecom_graphql *g, ecom_error *err)
{
    const struct gql_type *root = g->schema.roots[GQL_SUBSCRIPTION];

    for (size_t i = 0; i < g->options.nsubscribers; i++) {
        const char *field = g->options.subscribers[i].field;
        if (!root || !ecom__gql_field(root, ecom__gql_name(g->schema.seed, field)))
            return ecom_fail(err, ECOM_E_INVAL,
                             "A subscriber feeds the field \"%s\", which no subscription has.",
                             field);
    }
    return ECOM_OK;
}

/* What beginning needs. */
struct beginning {
    ecom_graphql *graphql;
    ecom_graphql_stream *stream;
    const struct gql_document *document;
    const struct gql_group *field;
    struct gql_execution x;
    ecom_arena *arena; /* of the request */
    ecom_buf *out;
    const char *code; /* of an error that is no misfit of variables */
};

/* The error that a field would have: with its place and path, and masked as those are. */
static int refuse_field(struct beginning *b, ecom_error *err)
{
    const ecom_graphql_options *o = &b->graphql->options;
    const struct gql_field *field = b->field->field;
    int r;

    if (o->on_error)
        o->on_error(o->user, b->x.context, field->parent->name.p, field->name.p, err);
    else if (err->code == ECOM_E_BACKEND || err->code == ECOM_E_CORRUPT ||
             err->code == ECOM_E_NOMEM)
        ecom_fail(err, err->code, "Internal error");
    if ((r = ecom_buf_append(b->out, ecom_str_of("{\"errors\":[{\"message\":"))) < 0 ||
        (r = ecom_json_write_str(b->out, ecom_str_of(err->text))) < 0 ||
        (r = ecom_buf_append(b->out, ecom_str_of(","))) < 0 ||
        (r = ecom__gql_places_write(b->document->source, &b->field->first->selection->at, 1,
                                    b->out)) < 0 ||
        (r = ecom_buf_append(b->out, ecom_str_of(",\"path\":["))) < 0 ||
        (r = ecom_json_write_str(b->out, gql_str(b->field->key))) < 0)
        return r;
    return ecom_buf_printf(b->out, "],\"extensions\":{\"code\":\"%s\"}}]}",
                           ecom_code_of(err->code)->graphql);
}

/* Finds the field, and coerces its arguments. @return ECOM_E_INVAL: err is its error. */
static int coerce_arguments(struct beginning *b, const ecom_json **arguments, ecom_error *err)
{
    static struct gql_batch empty;
    struct gql_batch *batch = ecom_arena_alloc(b->arena, sizeof(*batch));
    struct gql_misfit why;

    if (!batch || !(b->x.seen = ecom_arena_alloc(b->arena, (b->document->nfragments + 1) *
                                                               sizeof(*b->x.seen))))
        return ECOM_E_NOMEM;
    *batch = empty;
    batch->type = b->graphql->schema.roots[GQL_SUBSCRIPTION];
    if (ecom__gql_collect(&b->x, batch) < 0 || batch->ngroups == 0)
        return ECOM_E_NOMEM;
    b->field = &batch->groups[0];
    const struct gql_selection *s = b->field->first->selection;
    int r = ecom__gql_arguments(b->arena, &b->field->field->arguments, s->arguments,
                                b->field->key.at, &b->x.variables, arguments, &why);
    return r == ECOM_E_INVAL ? ecom_fail(err, r, "%.*s", GQL_P(why.message)) : r;
}

static int ask_source(struct beginning *b, const ecom_json *arguments, ecom_error *err)
{
    ecom_graphql_stream *s = b->stream;
    const ecom_graphql_subscriber *by = find(b->graphql, gql_str(b->field->field->name));
    ecom_graphql_subscribe_call call = {
        .size = sizeof(call),
        .arguments = arguments,
        .context = b->x.context,
        .arena = b->arena,
        .after = s->options.after,
        .stream = s,
    };

    if (!by)
        return ecom_fail(err, ECOM_E_NOTSUP, "The field \"%.*s\" cannot be subscribed to.",
                         GQL_P(gql_str(b->field->field->name)));
    s->subscriber = by;
    *err = (ecom_error){0};
    int r = by->subscribe(&call, by->user, err);
    if (r < 0 && !err->code)
        ecom_fail(err, r, "%s", ecom_code_of(r)->title);
    s->source = call.source;
    s->subscribed = r == ECOM_OK;
    return r;
}

/* @return ECOM_OK: it began, if stream->subscribed; else the response says why not. */
static int begin(struct beginning *b, const ecom_graphql_request *request)
{
    struct gql_errors errors = {.arena = b->arena,
                                .source = b->document->source,
                                .suggesting =
                                    b->graphql->options.no_introspection ? 0 : GQL_SUGGESTING};
    const ecom_json *arguments = NULL;
    ecom_error err;

    if (!b->graphql->schema.roots[GQL_SUBSCRIPTION]) {
        ecom__gql_report(&errors, &b->x.operation->at, 1,
                         "Schema is not configured to execute subscription operation.");
        return ecom__gql_refuse(&errors, "BAD_REQUEST", b->out);
    }
    int r = ecom__gql_coerce_variables(&b->graphql->schema, b->x.operation, request->variables,
                                       b->arena, &b->x.variables, &errors);
    if (r < 0)
        return r == ECOM_E_NOMEM
                   ? r
                   : ecom__gql_refuse(&errors, ecom_code_of(ECOM_E_INVAL)->graphql, b->out);
    if ((r = ecom__gql_check_cost(&b->x, &errors)) < 0)
        return r == ECOM_E_NOMEM
                   ? r
                   : ecom__gql_refuse(&errors, ecom_code_of(ECOM_E_TOOLARGE)->graphql, b->out);
    if ((r = coerce_arguments(b, &arguments, &err)) == ECOM_OK)
        r = ask_source(b, arguments, &err);
    else if (r == ECOM_E_NOMEM)
        return r;
    return r < 0 ? refuse_field(b, &err) : ECOM_OK;
}

/* The stream's own copies. */
static int keep_request(ecom_graphql_stream *s, const ecom_graphql_request *request)
{
    ecom_buf text = {0};
    ecom_str copy;
    int r = ECOM_OK;

    if (request->operation_name.p &&
        !(s->operation_name = ecom_arena_copy(s->arena, request->operation_name)).p)
        return ECOM_E_NOMEM;
    if (!request->variables)
        return ECOM_OK;
    if (ecom_json_write(&text, request->variables) < 0 ||
        !(copy = ecom_arena_copy(s->arena, ecom_buf_str(&text))).p ||
        ecom_json_parse(copy, NULL, s->arena, &s->variables, NULL) < 0)
        r = ECOM_E_NOMEM;
    ecom_buf_free(&text);
    return r;
}

static int subscribe(ecom_graphql *g, ecom_graphql_document *document,
                     const struct gql_definition *operation, const ecom_graphql_request *request,
                     const ecom_graphql_stream_options *options, ecom_arena *arena,
                     ecom_graphql_stream **out, ecom_buf *response)
{
    struct beginning b = {
        .graphql = g,
        .document = &document->ast,
        .x = {.graphql = g,
              .document = &document->ast,
              .operation = operation,
              .arena = arena,
              .context = request->context},
        .arena = arena,
        .out = response,
        .stream = ecom__gql_stream_new(g, document, options),
    };

    if (!b.stream)
        return ECOM_E_NOMEM;
    int r = keep_request(b.stream, request);
    if (r == ECOM_OK)
        r = begin(&b, request);
    if (r == ECOM_OK && b.stream->subscribed) {
        b.stream->options.drop = options->drop;
        *out = b.stream;
        return ECOM_OK;
    }
    ecom_graphql_stream_close(b.stream);
    return r;
}

static int answer(ecom_graphql *g, const ecom_json *body, ecom_graphql_request *request,
                  const ecom_graphql_stream_options *options, ecom_arena *arena,
                  ecom_graphql_stream **stream, ecom_buf *out, ecom_graphql_outcome *outcome,
                  ecom_error *err)
{
    ecom_graphql_document *document;
    int r = ecom__gql_read_request(g, body, request, &document, out, outcome, err);

    if (r < 0 || !document)
        return r;
    const struct gql_definition *operation =
        ecom__gql_find_operation(&document->ast, request->operation_name);
    *outcome = ECOM_GRAPHQL_REFUSED;
    if (operation && operation->operation == GQL_SUBSCRIPTION)
        r = subscribe(g, document, operation, request, options, arena, stream, out);
    else if (options->rest)
        r = ecom_graphql_begin(g, document, request, arena, out, options->rest, outcome, err);
    else
        r = ecom_graphql_execute(g, document, request, arena, out, outcome, err);
    ecom_graphql_document_unref(document);
    return r;
}

int ecom_graphql_subscribe(ecom_graphql *g, ecom_str body, const ecom_graphql_request *request,
                           const ecom_graphql_stream_options *options, ecom_arena *arena,
                           ecom_graphql_stream **stream, ecom_buf *out,
                           ecom_graphql_outcome *outcome, ecom_error *err)
{
    ecom_graphql_request own = {.size = sizeof(own)};
    ecom_graphql_outcome became = ECOM_GRAPHQL_MALFORMED;
    size_t start = out->n;
    const ecom_json *json;
    ecom_error why;

    if (request)
        own = *request;
    *stream = NULL;
    if (options->rest)
        *options->rest = NULL;
    int r = ecom_json_parse(body, NULL, arena, &json, &why);
    if (r < 0 && r != ECOM_E_NOMEM)
        r = ecom__gql_refuse_request(out, "BAD_REQUEST", why.text);
    else if (r == ECOM_OK)
        r = answer(g, json, &own, options, arena, stream, out, &became, err);
    if (!*stream && options->drop)
        options->drop(options->user);
    if (r < 0) {
        out->n = start;
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory, or the request's arena is full");
    }
    if (outcome)
        *outcome = became;
    return ECOM_OK;
}
