/* The OpenAPI 3.1 document of a service: its routes and their records, said to others. Held against
 * an independent validator by tests/integration/openapi_test.py. */
#include <string.h>

#include "http/builtin.h"
#include "http/server.h"

enum { MAX_SCHEMAS = 256 };

/* A record as a schema: what is sent as a body and what comes back differ. */
struct schema {
    const ecom_record *record;
    int32_t request;
};

/* The document under way. After the first failure all else is skipped. */
struct document {
    ecom_buf *out;
    const ecom_http_options *opts;
    struct router router;
    struct schema schemas[MAX_SCHEMAS];
    size_t nschemas;
    ecom_arena *arena;
    int result;
};

static void put(struct document *d, const char *text)
{
    if (d->result == ECOM_OK)
        d->result = ecom_buf_append(d->out, ecom_str_of(text));
}

static void put_str(struct document *d, const char *text)
{
    if (d->result == ECOM_OK)
        d->result = ecom_json_write_str(d->out, ecom_str_of(text ? text : ""));
}

/* `"name":"value"` with what stands before it. */
static void put_member(struct document *d, const char *name, const char *value)
{
    put(d, name);
    put_str(d, value);
}

static void add_schema(struct document *d, const ecom_record *record, int request)
{
    if (!record || d->result < 0)
        return;
    for (size_t i = 0; i < d->nschemas; i++)
        if (d->schemas[i].record == record && d->schemas[i].request == request)
            return;
    if (d->nschemas == MAX_SCHEMAS)
        d->result = ECOM_E_TOOLARGE;
    else
        d->schemas[d->nschemas++] = (struct schema){record, request};
}

/* A record that goes both ways has two schemas, so the one of its requests gets another name. */
static void put_schema_name(struct document *d, const ecom_record *record, int request)
{
    int both = 0;

    for (size_t i = 0; request && i < d->nschemas; i++)
        both |= !d->schemas[i].request && strcmp(d->schemas[i].record->name, record->name) == 0;
    put(d, record->name);
    put(d, both ? "Input" : "");
}

static void put_content(struct document *d, const char *type, const ecom_record *record,
                        int request)
{
    put(d, "\"content\":{\"");
    put(d, type);
    put(d, "\":{\"schema\":{\"$ref\":\"#/components/schemas/");
    if (record)
        put_schema_name(d, record, request);
    else
        put(d, "Problem");
    put(d, "\"}}}");
}

static void put_path_parameters(struct document *d, const struct route *route, const char **before)
{
    for (size_t i = 0; i < route->nparts; i++) {
        ecom_str name = route->parts[i].text;
        if (!route->parts[i].param || d->result < 0)
            continue;
        put(d, *before);
        put(d, "{\"in\":\"path\",\"required\":true,\"schema\":{\"type\":\"string\"},\"name\":");
        if (d->result == ECOM_OK)
            d->result = ecom_json_write_str(d->out, name);
        put(d, "}");
        *before = ",";
    }
}

/* One member of the record's own schema: what holds for it is written in one place only. */
static void put_query_parameter(struct document *d, const ecom_field *field,
                                const ecom_json *schema)
{
    put(d, "{\"in\":\"query\"");
    put_member(d, ",\"name\":", field->name);
    if (field->doc)
        put_member(d, ",\"description\":", field->doc);
    put(d, field->flags & ECOM_REQUIRED ? ",\"required\":true" : "");
    put(d, ",\"schema\":");
    if (d->result == ECOM_OK)
        d->result = ecom_json_write(d->out, schema);
    put(d, "}");
}

static void put_query_parameters(struct document *d, const ecom_record *query, const char **before)
{
    const ecom_json *schema = NULL;
    ecom_buf text = {0};

    if (!query || d->result < 0)
        return;
    d->result = ecom_record_schema(query, 0, &text);
    if (d->result == ECOM_OK)
        d->result = ecom_json_parse(ecom_buf_str(&text), NULL, d->arena, &schema, NULL);
    const ecom_json *properties = ecom_json_get(schema, "properties");
    for (size_t i = 0; i < query->nfields && d->result == ECOM_OK; i++) {
        const ecom_json *property = ecom_json_get(properties, query->fields[i].name);
        if (!property)
            continue;
        put(d, *before);
        put_query_parameter(d, &query->fields[i], property);
        *before = ",";
    }
    ecom_buf_free(&text);
}

static void put_parameters(struct document *d, const struct route *route)
{
    const char *before = ",\"parameters\":[";

    put_path_parameters(d, route, &before);
    put_query_parameters(d, route->def.query, &before);
    if (route->def.flags & ECOM_ROUTE_IDEMPOTENT) {
        put(d, before);
        put(d, "{\"in\":\"header\",\"name\":\"Idempotency-Key\",\"required\":false,"
               "\"description\":\"The same key and body give the first answer again.\","
               "\"schema\":{\"type\":\"string\"}}");
        before = ",";
    }
    if (before[1] == '\0')
        put(d, "]");
}

static void put_responses(struct document *d, const ecom_route *def)
{
    if (d->result == ECOM_OK)
        d->result = ecom_buf_printf(d->out, ",\"responses\":{\"%d\":{\"description\":\"Success\"",
                                    def->status ? (int)def->status : 200);
    if (def->response) {
        put(d, ",");
        put_content(d, "application/json", def->response, 0);
    }
    put(d, "},\"default\":{\"description\":\"Failure\",");
    put_content(d, "application/problem+json", NULL, 0);
    put(d, "}}");
}

/* Unique, as the pair of method and path is. */
static void put_operation_id(struct document *d, const ecom_route *def)
{
    ecom_buf id = {0};
    int r = ecom_buf_printf(&id, "%s %s", def->method, def->pattern);

    if (d->result == ECOM_OK)
        d->result = r;
    put_member(d, "\"operationId\":", id.p);
    ecom_buf_free(&id);
}

static void put_operation(struct document *d, const struct route *route)
{
    const ecom_route *def = &route->def;
    char method[16];
    size_t n = 0;

    for (; def->method[n] && n < sizeof(method) - 1; n++)
        method[n] = (char)(def->method[n] | 0x20);
    method[n] = '\0';
    put_str(d, method);
    put(d, ":{");
    put_operation_id(d, def);
    if (def->summary)
        put_member(d, ",\"summary\":", def->summary);
    put_parameters(d, route);
    if (def->request) {
        put(d, ",\"requestBody\":{\"required\":true,");
        put_content(d, "application/json", def->request, 1);
        put(d, "}");
    }
    put_responses(d, def);
    if (def->flags & ECOM_ROUTE_AUTH)
        put(d, ",\"security\":[{\"bearer\":[]}]");
    put(d, "}");
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

    put(d, ",\"paths\":{");
    for (size_t i = 0; i < d->router.n && d->result == ECOM_OK; i++) {
        const ecom_route *def = &d->router.routes[i].def;
        if (!is_documented(def))
            continue;
        if (last && strcmp(last, def->pattern) == 0) {
            put(d, ",");
        } else {
            put(d, last ? "}," : "");
            put_str(d, def->pattern);
            put(d, ":{");
        }
        put_operation(d, &d->router.routes[i]);
        last = def->pattern;
    }
    put(d, last ? "}}" : "}");
}

static void put_components(struct document *d)
{
    put(d, ",\"components\":{\"securitySchemes\":{\"bearer\":{\"type\":\"http\",\"scheme\":"
           "\"bearer\",\"bearerFormat\":\"JWT\"}},\"schemas\":{\"Problem\":{\"type\":\"object\","
           "\"description\":\"RFC 9457\",\"required\":[\"type\",\"title\",\"status\"],"
           "\"properties\":{\"type\":{\"type\":\"string\"},\"title\":{\"type\":\"string\"},"
           "\"status\":{\"type\":\"integer\"},\"detail\":{\"type\":\"string\"},\"field\":{"
           "\"type\":\"string\",\"description\":\"Path of the input at fault\"},\"code\":{"
           "\"type\":\"string\"},\"correlationId\":{\"type\":\"string\"}}}");
    for (size_t i = 0; i < d->nschemas && d->result == ECOM_OK; i++) {
        put(d, ",\"");
        put_schema_name(d, d->schemas[i].record, d->schemas[i].request);
        put(d, "\":");
        if (d->result == ECOM_OK)
            d->result = ecom_record_schema(d->schemas[i].record, d->schemas[i].request, d->out);
    }
    put(d, "}}");
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
    put(d, "}");
    put_paths(d);
    put_components(d);
    put(d, "}");
}

int ecom_http_openapi(const ecom_http_options *opts, ecom_buf *out)
{
    struct document d = {.opts = opts};
    ecom_buf text = {0};

    d.out = &text;
    d.result = ecom__http_router_init(&d.router, opts->routes, opts->nroutes, NULL, 0, NULL);
    d.arena = ecom_arena_new(0);
    if (d.result == ECOM_OK && !d.arena)
        d.result = ECOM_E_NOMEM;
    put_document(&d);
    if (d.result == ECOM_OK)
        d.result = ecom_buf_append(out, ecom_buf_str(&text));
    ecom_buf_free(&text);
    ecom_arena_free(d.arena);
    ecom__http_router_clear(&d.router);
    return d.result;
}
