/* The handle: opening a schema, preparing documents, requests as JSON. */
#include "graphql/persisted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCHEMA_BYTES = 256 << 20, DOCUMENT_BYTES = 64 << 20, NODE_BYTES = 96 };

/* ---- limits */

static uint32_t bound(uint32_t wanted, uint32_t fallback, uint32_t most)
{
    return !wanted ? fallback : wanted > most ? most : wanted;
}

static ecom_graphql_limits limits_of(const ecom_graphql_limits *in)
{
    return (ecom_graphql_limits){
        .size = sizeof(*in),
        .max_bytes = bound(in->max_bytes, 256 << 10, 16 << 20),
        .max_tokens = bound(in->max_tokens, 10000, 4 << 20),
        .max_nesting = bound(in->max_nesting, 64, 200),
        .max_depth = bound(in->max_depth, 15, 200),
        .max_aliases = bound(in->max_aliases, 50, UINT32_MAX),
        .max_roots = bound(in->max_roots, 50, UINT32_MAX),
        .max_directives = bound(in->max_directives, 100, UINT32_MAX),
        .max_fields = bound(in->max_fields, 5000, 1 << 20),
        .max_results = bound(in->max_results, 1000000, UINT32_MAX),
        .max_cost = bound(in->max_cost, 100000, UINT32_MAX - 1),
        .max_variable_bytes = bound(in->max_variable_bytes, 256 << 10, UINT32_MAX),
        .list_size = bound(in->list_size, 10, 1 << 20),
        .max_deferred = bound(in->max_deferred, 1000, 1 << 20),
        .max_items = bound(in->max_items, 100, 1 << 20),
    };
}

/* ---- opening */

static int list_problems(const struct gql_errors *errors, ecom_buf *out)
{
    int r = ECOM_OK;

    for (const struct gql_error *e = errors->first; e && r == ECOM_OK; e = e->next) {
        struct gql_place place = ecom__gql_place(errors->source, e->nat ? e->at[0] : 0);
        if (e->nat)
            r = ecom_buf_printf(out, "%u:%u: ", place.line, place.column);
        if (r == ECOM_OK && (r = ecom_buf_append(out, e->message)) == ECOM_OK)
            r = ecom_buf_append(out, ecom_str_of("\n"));
    }
    return r;
}

static int refuse_schema(const struct gql_errors *errors, int code, ecom_buf *problems,
                         ecom_error *err)
{
    const struct gql_error *e = errors->first;

    if (code == ECOM_E_NOMEM || !e || (problems && list_problems(errors, problems) < 0))
        return ecom_fail(err, ECOM_E_NOMEM, "opening a GraphQL schema");
    if (!e->nat)
        return ecom_fail(err, ECOM_E_INVAL, "%.*s", GQL_P(e->message));
    struct gql_place place = ecom__gql_place(errors->source, e->at[0]);
    return ecom_fail(err, ECOM_E_INVAL, "%u:%u: %.*s", place.line, place.column, GQL_P(e->message));
}

static int open_schema(ecom_graphql *g, const ecom_graphql_options *options, ecom_buf *problems,
                       ecom_error *err)
{
    ecom_arena *arena = ecom_arena_new(0);
    struct gql_errors errors = {.arena = arena, .suggesting = GQL_SUGGESTING};
    int r = ECOM_E_NOMEM;

    g->schema.arena = ecom_arena_new(SCHEMA_BYTES);
    if (arena && g->schema.arena)
        r = ecom__gql_schema_build(&g->schema, options, &errors);
    if (r < 0)
        r = refuse_schema(&errors, r, problems, err);
    ecom_arena_free(arena);
    return r;
}

int ecom_graphql_new(const ecom_graphql_options *options, ecom_graphql **out, ecom_buf *problems,
                     ecom_error *err)
{
    ecom_graphql *g = calloc(1, sizeof(*g));

    if (!g)
        return ecom_fail(err, ECOM_E_NOMEM, "opening a GraphQL schema");
    g->options = *options;
    g->options.limits = limits_of(&options->limits);
    g->options.sdl = (ecom_str){NULL, 0};
    if (!g->options.env)
        g->options.env = ecom_env_system();
    g->options.env->random(g->options.env->self, &g->seed, sizeof(g->seed));
    g->schema.seed = (uint32_t)g->seed;
    int r = ecom__gql_cache_init(&g->cache, bound(options->max_documents, 1000, 1 << 19),
                                 bound(options->max_cache_bytes, 8 << 20, UINT32_MAX));
    if (r < 0)
        ecom_fail(err, r, "opening a GraphQL schema");
    else
        r = open_schema(g, options, problems, err);
    if (r == ECOM_OK)
        r = ecom__gql_check_subscribers(g, err);
    if (r == ECOM_OK)
        r = ecom__gql_trust(g, options, err);
    if (r < 0) {
        ecom_graphql_free(g);
        return r;
    }
    *out = g;
    return ECOM_OK;
}

void ecom_graphql_free(ecom_graphql *g)
{
    if (!g)
        return;
    ecom__gql_trust_clear(g);
    ecom__gql_cache_clear(&g->cache);
    ecom_arena_free(g->schema.arena);
    free(g);
}

int ecom_graphql_print(const ecom_graphql *g, ecom_buf *out)
{
    return ecom__gql_schema_print(&g->schema, out);
}

/* ---- documents */

ecom_graphql_document *ecom_graphql_document_ref(ecom_graphql_document *document)
{
    atomic_fetch_add_explicit(&document->refs, 1, memory_order_relaxed);
    return document;
}

void ecom_graphql_document_unref(ecom_graphql_document *document)
{
    if (!document || atomic_fetch_sub_explicit(&document->refs, 1, memory_order_acq_rel) > 1)
        return;
    ecom_arena_free(document->arena);
    free(document);
}

int ecom_graphql_document_print(const ecom_graphql_document *document, ecom_buf *out)
{
    size_t start = out->n;
    int r = ecom__gql_print(&document->ast, out);

    if (r < 0)
        out->n = start;
    return r;
}

static uint64_t hash_text(uint64_t seed, ecom_str text)
{
    uint64_t h = seed ^ 0xCBF29CE484222325u, word;
    size_t i = 0;

    for (; i + 8 <= text.n; i += 8) {
        memcpy(&word, text.p + i, 8);
        h = (h ^ word) * 0x9E3779B97F4A7C15u;
        h ^= h >> 29;
    }
    for (; i < text.n; i++)
        h = (h ^ (unsigned char)text.p[i]) * 0x100000001B3u;
    return h ^ h >> 32;
}

static ecom_graphql_document *document_new(void)
{
    ecom_graphql_document *d = calloc(1, sizeof(*d));

    if (d && !(d->arena = ecom_arena_new(DOCUMENT_BYTES))) {
        free(d);
        return NULL;
    }
    if (d)
        atomic_init(&d->refs, 1);
    return d;
}

static int check_document(ecom_graphql *g, ecom_str text, ecom_graphql_document *d,
                          struct gql_errors *errors)
{
    const ecom_graphql_limits *l = &g->options.limits;
    const struct gql_bounds bounds = {l->max_bytes, l->max_tokens, l->max_nesting, g->schema.seed};
    int r = ecom__gql_parse(text, &bounds, d->arena, &d->ast, errors);

    if (r == ECOM_OK)
        r = ecom__gql_check_limits(l, &d->ast, errors->arena, errors);
    if (r == ECOM_OK)
        r = ecom__gql_validate(&g->schema, &d->ast, g->options.no_introspection, errors->arena,
                               errors);
    return r;
}

static ecom_graphql_outcome outcome_of(const struct gql_errors *errors, int code)
{
    return code == ECOM_E_TOOLARGE ? ECOM_GRAPHQL_EXCEEDED
           : errors->first->rule   ? ECOM_GRAPHQL_REFUSED
                                   : ECOM_GRAPHQL_UNREADABLE;
}

static int refuse_document(const struct gql_errors *errors, int code, ecom_buf *response,
                           ecom_graphql_outcome *outcome, ecom_error *err)
{
    size_t start = response->n;

    if (code == ECOM_E_NOMEM || !errors->first || ecom_buf_append(response, ecom_str_of("{")) < 0 ||
        ecom__gql_errors_write(errors, response) < 0 ||
        ecom_buf_append(response, ecom_str_of("}")) < 0) {
        response->n = start;
        return ecom_fail(err, ECOM_E_NOMEM, "preparing a GraphQL document");
    }
    *outcome = outcome_of(errors, code);
    return ecom_fail(err, code, "%.*s", GQL_P(errors->first->message));
}

static int prepare(ecom_graphql *g, ecom_str text, uint64_t hash, ecom_arena *scratch,
                   ecom_graphql_document **out, ecom_buf *response, ecom_graphql_outcome *outcome,
                   ecom_error *err)
{
    struct gql_errors errors = {.arena = scratch};
    ecom_graphql_document *d = document_new();
    int r = d ? check_document(g, text, d, &errors) : ECOM_E_NOMEM;

    if (r < 0) {
        r = refuse_document(&errors, r, response, outcome, err);
        ecom_graphql_document_unref(d);
        return r;
    }
    d->hash = hash;
    d->bytes = sizeof(*d) + text.n + (size_t)d->ast.ntokens * NODE_BYTES;
    ecom__gql_cache_put(&g->cache, d);
    *out = d;
    return ECOM_OK;
}

int ecom__gql_prepare(ecom_graphql *g, ecom_str text, ecom_graphql_document **out,
                      ecom_buf *response, ecom_graphql_outcome *outcome, ecom_error *err)
{
    uint64_t hash = hash_text(g->seed, text);
    ecom_arena *scratch;

    if ((*out = ecom__gql_cache_get(&g->cache, hash, text)))
        return ECOM_OK;
    if (!(scratch = ecom_arena_new(DOCUMENT_BYTES)))
        return ecom_fail(err, ECOM_E_NOMEM, "preparing a GraphQL document");
    int r = prepare(g, text, hash, scratch, out, response, outcome, err);
    ecom_arena_free(scratch);
    return r;
}

int ecom_graphql_prepare(ecom_graphql *g, ecom_str text, ecom_graphql_document **out,
                         ecom_buf *response, ecom_error *err)
{
    ecom_graphql_outcome outcome;

    return ecom__gql_prepare(g, text, out, response, &outcome, err);
}

/* ---- requests as JSON */

int ecom__gql_refuse_request(ecom_buf *out, const char *code, const char *message)
{
    size_t start = out->n;
    int r = ecom_buf_append(out, ecom_str_of("{\"errors\":[{\"message\":"));

    if (r == ECOM_OK && (r = ecom_json_write_str(out, ecom_str_of(message))) == ECOM_OK)
        r = ecom_buf_printf(out, ",\"extensions\":{\"code\":\"%s\"}}]}", code);
    if (r < 0)
        out->n = start;
    return r;
}

/* NULL: it is a request. */
static const char *what_is_wrong(const ecom_json *body)
{
    const ecom_json *query = ecom_json_get(body, "query");
    const ecom_json *name = ecom_json_get(body, "operationName");
    const ecom_json *variables = ecom_json_get(body, "variables");
    const ecom_json *extensions = ecom_json_get(body, "extensions");

    if (body->kind != ECOM_JSON_OBJECT)
        return "The request's body must be a JSON object.";
    if (query && query->kind != ECOM_JSON_NULL && query->kind != ECOM_JSON_STRING)
        return "\"query\" must be a string.";
    if (name && name->kind != ECOM_JSON_NULL && name->kind != ECOM_JSON_STRING)
        return "\"operationName\" must be a string or null.";
    if (variables && variables->kind != ECOM_JSON_NULL && variables->kind != ECOM_JSON_OBJECT)
        return "\"variables\" must be an object or null.";
    if (extensions && extensions->kind != ECOM_JSON_NULL && extensions->kind != ECOM_JSON_OBJECT)
        return "\"extensions\" must be an object or null.";
    return NULL;
}

/* Depth is bounded by the JSON parser. */
static size_t bytes_in(const ecom_json *json)
{
    size_t n = json->text.n;

    for (const ecom_json *i = json->first; i; i = i->next)
        n += i->name.n + bytes_in(i);
    return n;
}

static int refuse_body(ecom_buf *out, ecom_graphql_outcome *outcome, const char *message,
                       ecom_error *err)
{
    int r = ecom__gql_refuse_request(out, "BAD_REQUEST", message);

    if (r < 0)
        return ecom_fail(err, r, "answering a GraphQL request");
    *outcome = ECOM_GRAPHQL_MALFORMED;
    return ECOM_OK;
}

static int refuse_variables(const ecom_json *variables, uint32_t max, ecom_buf *out,
                            ecom_graphql_outcome *outcome, ecom_error *err)
{
    char text[120];

    snprintf(text, sizeof(text), "The variables have %zu bytes, more than %u (max_variable_bytes).",
             bytes_in(variables), max);
    int r = ecom__gql_refuse_request(out, ecom_code_of(ECOM_E_TOOLARGE)->graphql, text);
    if (r < 0)
        return ecom_fail(err, r, "answering a GraphQL request");
    *outcome = ECOM_GRAPHQL_EXCEEDED;
    return ECOM_OK;
}

static int wants_cost(const ecom_json *extensions)
{
    const ecom_json *cost = ecom_json_get(extensions, "cost");

    return cost && cost->kind == ECOM_JSON_BOOL && cost->truth;
}

int ecom__gql_read_request(ecom_graphql *g, const ecom_json *body, ecom_graphql_request *request,
                           ecom_graphql_document **document, ecom_buf *out,
                           ecom_graphql_outcome *outcome, ecom_error *err)
{
    const ecom_json *name = ecom_json_get(body, "operationName");
    const ecom_json *variables = ecom_json_get(body, "variables");
    const char *wrong = what_is_wrong(body);
    const uint32_t max = g->options.limits.max_variable_bytes;

    *document = NULL;
    if (wrong)
        return refuse_body(out, outcome, wrong, err);
    request->operation_name = (ecom_str){NULL, 0};
    if (name && name->kind == ECOM_JSON_STRING)
        request->operation_name = (ecom_str){name->text.p ? name->text.p : "", name->text.n};
    request->variables = variables && variables->kind == ECOM_JSON_OBJECT ? variables : NULL;
    request->show_cost |= wants_cost(ecom_json_get(body, "extensions"));
    if (request->variables && bytes_in(request->variables) > max)
        return refuse_variables(request->variables, max, out, outcome, err);
    return ecom__gql_find_document(g, body, document, out, outcome, err);
}

int ecom__gql_handle_json(ecom_graphql *g, const ecom_json *body,
                          const ecom_graphql_request *request, ecom_arena *arena, ecom_buf *out,
                          ecom_graphql_rest **rest, ecom_graphql_outcome *outcome, ecom_error *err)
{
    ecom_graphql_request own = *request;
    ecom_graphql_document *document;
    int r = ecom__gql_read_request(g, body, &own, &document, out, outcome, err);

    if (r < 0 || !document)
        return r;
    r = rest ? ecom_graphql_begin(g, document, &own, arena, out, rest, outcome, err)
             : ecom_graphql_execute(g, document, &own, arena, out, outcome, err);
    ecom_graphql_document_unref(document);
    return r;
}

int ecom_graphql_handle(ecom_graphql *g, ecom_str body, const ecom_graphql_request *request,
                        ecom_arena *arena, ecom_buf *out, ecom_graphql_outcome *outcome,
                        ecom_error *err)
{
    static const ecom_graphql_request none = {.size = sizeof(none)};
    ecom_graphql_outcome became = ECOM_GRAPHQL_MALFORMED;
    const ecom_json *json;
    ecom_error why;
    int r = ecom_json_parse(body, NULL, arena, &json, &why);

    if (r == ECOM_E_NOMEM)
        return ecom_fail(err, r, "reading a GraphQL request");
    r = r < 0 ? refuse_body(out, &became, why.text, err)
              : ecom__gql_handle_json(g, json, request ? request : &none, arena, out, NULL, &became,
                                      err);
    if (r == ECOM_OK && outcome)
        *outcome = became;
    return r;
}
