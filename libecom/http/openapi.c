/* The OpenAPI 3.1 document of a service: its routes and their records, said to others. Held against
 * an independent validator by tests/integration/openapi_test.py. */
#include <string.h>

#include "base/writer.h"
#include "http/builtin.h"
#include "http/server.h"

enum { MAX_SCHEMAS = 256, KEY_MAX = 255 /* ECOM_KEY_MAX: the shop lies above us */ };

/* A record as a schema: what is sent as a body and what comes back differ. */
struct schema {
    const ecom_record *record;
    int32_t request;
};

/* The document under way. */
struct document {
    struct ecom__writer to;
    const ecom_http_options *opts;
    struct router router;
    const char **ids; /* of the operations, as the router's routes */
    struct schema schemas[MAX_SCHEMAS];
    size_t nschemas;
    ecom_arena *arena;
};

/* `"name":"value"` with what stands before it. */
static void put_member(struct document *d, const char *name, const char *value)
{
    ecom__put(&d->to, name);
    ecom__put_str(&d->to, value);
}

static void add_schema(struct document *d, const ecom_record *record, int request)
{
    if (!record || d->to.r < 0)
        return;
    for (size_t i = 0; i < d->nschemas; i++)
        if (d->schemas[i].record == record && d->schemas[i].request == request)
            return;
    if (d->nschemas == MAX_SCHEMAS)
        d->to.r = ECOM_E_TOOLARGE;
    else
        d->schemas[d->nschemas++] = (struct schema){record, request};
}

/* A record that goes both ways has two schemas, so the one of its requests gets another name. */
static void put_schema_name(struct document *d, const ecom_record *record, int request)
{
    int both = 0;

    for (size_t i = 0; request && i < d->nschemas; i++)
        both |= !d->schemas[i].request && strcmp(d->schemas[i].record->name, record->name) == 0;
    ecom__put(&d->to, record->name);
    ecom__put(&d->to, both ? "Input" : "");
}

static void put_content(struct document *d, const char *type, const ecom_record *record,
                        int request)
{
    ecom__put(&d->to, "\"content\":{\"");
    ecom__put(&d->to, type);
    ecom__put(&d->to, "\":{\"schema\":{\"$ref\":\"#/components/schemas/");
    if (record)
        put_schema_name(d, record, request);
    else
        ecom__put(&d->to, "Problem");
    ecom__put(&d->to, "\"}}}");
}

static void put_path_parameters(struct document *d, const struct route *route, const char **before)
{
    for (size_t i = 0; i < route->nparts; i++) {
        ecom_str name = route->parts[i].text;
        if (!route->parts[i].param || d->to.r < 0)
            continue;
        ecom__put(&d->to, *before);
        ecom__put(&d->to,
                  "{\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"},\"name\":");
        if (d->to.r == ECOM_OK)
            d->to.r = ecom_json_write_str(d->to.out, name);
        ecom__put(&d->to, "}");
        *before = ",";
    }
}

/* One member of the record's own schema: what holds for it is written in one place only. */
static void put_query_parameter(struct document *d, const ecom_field *field,
                                const ecom_json *schema)
{
    ecom__put(&d->to, "{\"in\":\"query\"");
    put_member(d, ",\"name\":", field->name);
    if (field->doc)
        put_member(d, ",\"description\":", field->doc);
    ecom__put(&d->to, field->flags & ECOM_REQUIRED ? ",\"required\":true" : "");
    ecom__put(&d->to, ",\"schema\":");
    if (d->to.r == ECOM_OK)
        d->to.r = ecom_json_write(d->to.out, schema);
    ecom__put(&d->to, "}");
}

static void put_query_parameters(struct document *d, const ecom_record *query, const char **before)
{
    const ecom_json *schema = NULL;
    ecom_buf text = {0};

    if (!query || d->to.r < 0)
        return;
    d->to.r = ecom_record_schema(query, 0, &text);
    if (d->to.r == ECOM_OK)
        d->to.r = ecom_json_parse(ecom_buf_str(&text), NULL, d->arena, &schema, NULL);
    const ecom_json *properties = ecom_json_get(schema, "properties");
    for (size_t i = 0; i < query->nfields && d->to.r == ECOM_OK; i++) {
        const ecom_json *property = ecom_json_get(properties, query->fields[i].name);
        if (!property)
            continue;
        ecom__put(&d->to, *before);
        put_query_parameter(d, &query->fields[i], property);
        *before = ",";
    }
    ecom_buf_free(&text);
}

static void put_key_parameter(struct document *d)
{
    ecom__put(&d->to, "{\"in\":\"header\",\"name\":\"Idempotency-Key\",\"required\":false,"
                      "\"description\":\"The same key and body give the first answer again.\","
                      "\"schema\":{\"type\":\"string\",\"minLength\":1,\"maxLength\":");
    if (d->to.r == ECOM_OK)
        d->to.r = ecom_buf_printf(d->to.out, "%d", KEY_MAX);
    ecom__put(&d->to, ",\"pattern\":\"^[ -~]+$\"}}");
}

static void put_parameters(struct document *d, const struct route *route)
{
    const char *before = ",\"parameters\":[";

    put_path_parameters(d, route, &before);
    put_query_parameters(d, route->def.query, &before);
    if (route->def.flags & ECOM_ROUTE_IDEMPOTENT) {
        ecom__put(&d->to, before);
        put_key_parameter(d);
        before = ",";
    }
    if (before[1] == '\0')
        ecom__put(&d->to, "]");
}

/* Failures that generated clients should know by their headers or by name; the others are one. */
static void put_failures(struct document *d, uint32_t flags)
{
    static const struct {
        uint32_t flag; /* 0: of all */
        const char *response;
    } failures[] = {
        {ECOM_ROUTE_AUTH, "\"401\":{\"$ref\":\"#/components/responses/Unauthenticated\"}"},
        {ECOM_ROUTE_IDEMPOTENT, "\"409\":{\"$ref\":\"#/components/responses/Conflict\"}"},
        {ECOM_ROUTE_IDEMPOTENT, "\"422\":{\"$ref\":\"#/components/responses/KeyReused\"}"},
        {ECOM_ROUTE_LIMITED, "\"429\":{\"$ref\":\"#/components/responses/TooManyRequests\"}"},
        {0, "\"503\":{\"$ref\":\"#/components/responses/Unavailable\"}"},
    };

    for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++)
        if ((flags & failures[i].flag) == failures[i].flag) {
            ecom__put(&d->to, ",");
            ecom__put(&d->to, failures[i].response);
        }
}

static void put_responses(struct document *d, const ecom_route *def)
{
    if (d->to.r == ECOM_OK)
        d->to.r = ecom_buf_printf(d->to.out, ",\"responses\":{\"%d\":{\"description\":\"Success\"",
                                  def->status ? (int)def->status : 200);
    if (def->response) {
        ecom__put(&d->to, ",");
        put_content(d, "application/json", def->response, 0);
    }
    ecom__put(&d->to, "}");
    put_failures(d, def->flags);
    ecom__put(&d->to, ",\"default\":{\"description\":\"Failure\",");
    put_content(d, "application/problem+json", NULL, 0);
    ecom__put(&d->to, "}}");
}

/* The members that a route brings itself. */
static void put_own(struct document *d, const char *openapi)
{
    const ecom_json *object = NULL;

    if (d->to.r == ECOM_OK)
        d->to.r = ecom_json_parse(ecom_str_of(openapi), NULL, d->arena, &object, NULL);
    if (d->to.r == ECOM_OK && object->kind != ECOM_JSON_OBJECT)
        d->to.r = ECOM_E_INVAL;
    for (const ecom_json *m = object ? object->first : NULL; m && d->to.r == ECOM_OK; m = m->next) {
        ecom__put(&d->to, ",");
        d->to.r = ecom_json_write_str(d->to.out, m->name);
        ecom__put(&d->to, ":");
        if (d->to.r == ECOM_OK)
            d->to.r = ecom_json_write(d->to.out, m);
    }
}

/* Appends what is a letter or a digit, each run of them with a capital. */
static int add_words(ecom_buf *id, ecom_str text)
{
    int r = ECOM_OK;

    for (size_t i = 0, start = 1; i < text.n && r == ECOM_OK; i++) {
        char c = text.p[i];
        int small = c >= 'a' && c <= 'z';
        if (!small && !(c >= 'A' && c <= 'Z') && !(c >= '0' && c <= '9')) {
            start = 1;
            continue;
        }
        r = ecom_buf_printf(id, "%c", small && start ? c - 'a' + 'A' : c);
        start = 0;
    }
    return r;
}

/* `GET /orders/{id}` is getOrdersById. */
static int make_id(const struct route *route, ecom_buf *id)
{
    int r = ECOM_OK;

    for (const char *p = route->def.method; *p && r == ECOM_OK; p++)
        r = ecom_buf_printf(id, "%c", *p | 0x20);
    for (size_t i = 0; i < route->nparts && r == ECOM_OK; i++) {
        if (route->parts[i].param)
            r = ecom_buf_append(id, LIT("By"));
        if (r == ECOM_OK)
            r = add_words(id, route->parts[i].text);
    }
    return r;
}

static int is_taken(const struct document *d, const char *id)
{
    for (size_t i = 0; i < d->router.n; i++)
        if (d->ids[i] && strcmp(d->ids[i], id) == 0)
            return 1;
    return 0;
}

/* What is made of method and path gets a number where that is called already. */
static int name_operation(struct document *d, size_t i)
{
    ecom_buf id = {0};
    int r = make_id(&d->router.routes[i], &id);
    size_t n = id.n;

    for (int number = 2; r == ECOM_OK && is_taken(d, id.p); number++) {
        id.n = n;
        r = ecom_buf_printf(&id, "_%d", number);
    }
    if (r == ECOM_OK && !(d->ids[i] = ecom_arena_copy(d->arena, ecom_buf_str(&id)).p))
        r = ECOM_E_NOMEM;
    ecom_buf_free(&id);
    return r;
}

static int name_operations(struct document *d)
{
    int r = ECOM_OK;

    d->ids = ecom_arena_alloc(d->arena, (d->router.n + 1) * sizeof(*d->ids));
    if (!d->ids)
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < d->router.n; i++)
        d->ids[i] = d->router.routes[i].def.operation;
    for (size_t i = 0; i < d->router.n && r == ECOM_OK; i++)
        if (!d->ids[i])
            r = name_operation(d, i);
    return r;
}

/* What the route's records say. */
static void put_described(struct document *d, const struct route *route)
{
    put_parameters(d, route);
    if (route->def.request) {
        ecom__put(&d->to, ",\"requestBody\":{\"required\":true,");
        put_content(d, "application/json", route->def.request, 1);
        ecom__put(&d->to, "}");
    }
    put_responses(d, &route->def);
}

static void put_operation(struct document *d, size_t index)
{
    const struct route *route = &d->router.routes[index];
    const ecom_route *def = &route->def;
    char method[16];
    size_t n = 0;

    for (; def->method[n] && n < sizeof(method) - 1; n++)
        method[n] = (char)(def->method[n] | 0x20);
    method[n] = '\0';
    ecom__put_str(&d->to, method);
    ecom__put(&d->to, ":{");
    put_member(d, "\"operationId\":", d->ids[index]);
    if (def->summary)
        put_member(d, ",\"summary\":", def->summary);
    if (def->openapi)
        put_own(d, def->openapi);
    else
        put_described(d, route);
    if (def->flags & ECOM_ROUTE_AUTH)
        ecom__put(&d->to, ",\"security\":[{\"bearer\":[]}]");
    ecom__put(&d->to, "}");
}

/* Methods that a path of OpenAPI has room for. */
static int is_documented(const ecom_route *def)
{
    static const char *const methods[] = {"GET",     "PUT",  "POST",  "DELETE",
                                          "OPTIONS", "HEAD", "PATCH", "TRACE"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
        if (strcmp(def->method, methods[i]) == 0)
            return !(def->flags & ECOM_ROUTE_INTERNAL);
    return 0;
}

/* Routes of one path stand side by side. */
static void put_paths(struct document *d)
{
    const char *last = NULL;

    ecom__put(&d->to, ",\"paths\":{");
    for (size_t i = 0; i < d->router.n && d->to.r == ECOM_OK; i++) {
        const ecom_route *def = &d->router.routes[i].def;
        if (!is_documented(def))
            continue;
        if (last && strcmp(last, def->pattern) == 0) {
            ecom__put(&d->to, ",");
        } else {
            ecom__put(&d->to, last ? "}," : "");
            ecom__put_str(&d->to, def->pattern);
            ecom__put(&d->to, ":{");
        }
        put_operation(d, i);
        last = def->pattern;
    }
    ecom__put(&d->to, last ? "}}" : "}");
}

/* A response that operations refer to; the header is nullable. */
static void put_failure(struct document *d, const char *name, const char *description,
                        const char *header)
{
    ecom__put_str(&d->to, name);
    put_member(d, ":{\"description\":", description);
    ecom__put(&d->to, ",");
    if (header) {
        ecom__put(&d->to, "\"headers\":{");
        ecom__put(&d->to, header);
        ecom__put(&d->to, "},");
    }
    put_content(d, "application/problem+json", NULL, 0);
    ecom__put(&d->to, "}");
}

static void put_component_responses(struct document *d)
{
    static const char retry_after[] = "\"Retry-After\":{\"description\":\"Seconds to wait\","
                                      "\"required\":true,\"schema\":{\"type\":\"integer\","
                                      "\"minimum\":1}}";

    ecom__put(&d->to, ",\"responses\":{");
    put_failure(d, "Unauthenticated", "No token, or none that holds",
                "\"WWW-Authenticate\":{\"description\":\"RFC 6750\",\"required\":true,"
                "\"schema\":{\"type\":\"string\"}}");
    ecom__put(&d->to, ",");
    put_failure(d, "Conflict", "In the way of another, or of a request with the same key", NULL);
    ecom__put(&d->to, ",");
    put_failure(d, "KeyReused", "The Idempotency-Key was used for another request", NULL);
    ecom__put(&d->to, ",");
    put_failure(d, "TooManyRequests", "Too often", retry_after);
    ecom__put(&d->to, ",");
    put_failure(d, "Unavailable", "Not now", retry_after);
    ecom__put(&d->to, "}");
}

static void put_component_schemas(struct document *d)
{
    ecom__put(&d->to,
              ",\"schemas\":{\"Problem\":{\"type\":\"object\","
              "\"description\":\"RFC 9457\",\"required\":[\"type\",\"title\",\"status\",\"code\"],"
              "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
              "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"field\":{"
              "\"type\":\"string\",\"description\":\"Path of the input at fault\"},\"code\":{"
              "\"type\":\"string\"},\"correlationId\":{\"type\":\"string\"}}}");
    for (size_t i = 0; i < d->nschemas && d->to.r == ECOM_OK; i++) {
        ecom__put(&d->to, ",\"");
        put_schema_name(d, d->schemas[i].record, d->schemas[i].request);
        ecom__put(&d->to, "\":");
        if (d->to.r == ECOM_OK)
            d->to.r = ecom_record_schema(d->schemas[i].record, d->schemas[i].request, d->to.out);
    }
    ecom__put(&d->to, "}");
}

static void put_components(struct document *d)
{
    ecom__put(&d->to,
              ",\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":"
              "\"bearer\",\"bearerFormat\":\"JWT\"}}");
    put_component_responses(d);
    put_component_schemas(d);
    ecom__put(&d->to, "}");
}

static void put_document(struct document *d)
{
    for (size_t i = 0; i < d->router.n; i++) {
        const ecom_route *def = &d->router.routes[i].def;
        if (is_documented(def)) {
            add_schema(d, def->response, 0);
            add_schema(d, def->request, 1);
        }
    }
    put_member(d, "{\"openapi\":\"3.1.0\",\"info\":{\"title\":",
               d->opts->name ? d->opts->name : "service");
    put_member(d, ",\"version\":", d->opts->version ? d->opts->version : ecom_version());
    ecom__put(&d->to, "}");
    put_paths(d);
    put_components(d);
    ecom__put(&d->to, "}");
}

int ecom_http_openapi(const ecom_http_options *opts, ecom_buf *out)
{
    struct document d = {.opts = opts};
    ecom_buf text = {0};

    size_t nown;
    const ecom_route *own = ecom__http_builtin_routes(opts, &nown);

    d.to.out = &text;
    d.to.r = ecom__http_router_init(&d.router, opts->routes, opts->nroutes, own, nown, NULL);
    d.arena = ecom_arena_new(0);
    if (d.to.r == ECOM_OK && !d.arena)
        d.to.r = ECOM_E_NOMEM;
    if (d.to.r == ECOM_OK)
        d.to.r = name_operations(&d);
    put_document(&d);
    if (d.to.r == ECOM_OK)
        d.to.r = ecom_buf_append(out, ecom_buf_str(&text));
    ecom_buf_free(&text);
    ecom_arena_free(d.arena);
    ecom__http_router_clear(&d.router);
    return d.to.r;
}
