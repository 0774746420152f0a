/* GraphQL over HTTP (draft of 2025), as a function of what an HTTP server read. Bodies are JSON
 * only: no type that a page of another origin could send unasked runs anything, and GET runs no
 * mutation. */
#include "base/ascii.h"
#include "ecom/subscribe.h"
#include "graphql/engine.h"

#include <stdio.h>
#include <string.h>

enum { TYPES = 2, MODERN = 1 };

static const char *const types[TYPES] = {"application/json", "application/graphql-response+json"};
static const char *const full_types[TYPES] = {"application/json; charset=utf-8",
                                              "application/graphql-response+json; charset=utf-8"};

/* ---- headers */

/* Cuts what lies before the next @p mark off @p rest, trimmed. */
static ecom_str cut(ecom_str *rest, char mark)
{
    if (rest->n == 0)
        return *rest;
    const char *end = memchr(rest->p, mark, rest->n);
    ecom_str part = {rest->p, end ? (size_t)(end - rest->p) : rest->n};
    rest->p = end ? end + 1 : rest->p + rest->n;
    rest->n -= part.n + (end != NULL);
    return ecom__trim(part);
}

static ecom_str unquote(ecom_str s)
{
    if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
        return (ecom_str){s.p + 1, s.n - 2};
    return s;
}

static int is_utf8(ecom_str charset)
{
    charset = unquote(charset);
    return charset.n == 0 || ecom__is_word(charset, "utf-8") || ecom__is_word(charset, "utf8");
}

/* In thousandths; what is no such number counts as 1. */
static int quality(ecom_str s)
{
    int q = 0, unit = 1000;

    for (size_t i = 0; i < s.n && unit; i++) {
        if (s.p[i] == '.' && i == 1)
            continue;
        if (s.p[i] < '0' || s.p[i] > '9')
            return 1000;
        q += (s.p[i] - '0') * unit;
        unit /= 10;
    }
    return s.n && q < 1000 ? q : 1000;
}

/* One range of Accept, or a Content-Type. */
struct media {
    ecom_str type;
    int quality, utf8;
    int32_t dialect; /* ecom_graphql_dialect; -1: one that is not known */
};

static struct media read_media(ecom_str s)
{
    struct media media = {.type = cut(&s, ';'), .quality = 1000, .utf8 = 1};

    while (s.n) {
        ecom_str value = cut(&s, ';'), name = cut(&value, '=');
        if (ecom__is_word(name, "q"))
            media.quality = quality(value);
        else if (ecom__is_word(name, "charset"))
            media.utf8 = is_utf8(ecom__trim(value));
        else if (ecom__is_word(name, "deferspec"))
            media.dialect = ecom__is_word(unquote(ecom__trim(value)), "20220824")
                                ? ECOM_GRAPHQL_PARTS_2022
                                : -1;
        else if (ecom__is_word(name, "incrementalspec"))
            media.dialect =
                ecom__is_word(unquote(ecom__trim(value)), "v0.2") ? ECOM_GRAPHQL_PARTS : -1;
    }
    return media;
}

/* 3: the type itself; 1: everything; 0: not this one. */
static int closeness(ecom_str range, const char *type)
{
    return ecom__is_word(range, type)              ? 3
           : ecom__is_word(range, "application/*") ? 2
           : ecom__is_word(range, "*/*")           ? 1
                                                   : 0;
}

/* In which dialect the client takes parts, if it names their type and wants no other more.
 * -1: in none. */
static int32_t choose_dialect(ecom_str accept)
{
    int best = 0, other = 0;
    int32_t dialect = -1;

    while (accept.n) {
        struct media range = read_media(cut(&accept, ','));
        if (!ecom__is_word(range.type, "multipart/mixed"))
            other = range.quality > other ? range.quality : other;
        else if (range.dialect >= 0 && range.quality > best) {
            best = range.quality;
            dialect = range.dialect;
        }
    }
    return best >= other ? dialect : -1;
}

/* Which of the types is wanted most: by quality, then by how plainly it is named, then by order.
 * -1: neither. */
static int choose_type(ecom_str accept)
{
    int close[TYPES] = {0}, q[TYPES] = {0}, order[TYPES] = {0}, best = -1;

    if (ecom__trim(accept).n == 0)
        return 0;
    for (int position = 0; accept.n; position++) {
        struct media range = read_media(cut(&accept, ','));
        for (int t = 0; t < TYPES; t++) {
            int c = range.utf8 ? closeness(range.type, types[t]) : 0;
            if (c > close[t])
                close[t] = c, q[t] = range.quality, order[t] = position;
        }
    }
    for (int t = 0; t < TYPES; t++)
        if (q[t] > 0 && (best < 0 || q[t] > q[best] ||
                         (q[t] == q[best] && (close[t] > close[best] || (close[t] == close[best] &&
                                                                         order[t] < order[best])))))
            best = t;
    return best;
}

/* ---- the query of a GET */

static int hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

/* As URL parsers do it: a malformed escape stays as it is. p NULL: out of memory. */
static ecom_str decode(ecom_str in, ecom_arena *arena)
{
    char *out = ecom_arena_alloc(arena, in.n + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < in.n; i++) {
        char c = in.p[i] == '+' ? ' ' : in.p[i];
        if (c == '%' && in.n - i > 2 && hex(in.p[i + 1]) >= 0 && hex(in.p[i + 2]) >= 0) {
            c = (char)(hex(in.p[i + 1]) << 4 | hex(in.p[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    return (ecom_str){out, n};
}

/* Appends the parameter as the member of a body: a string, or JSON that is checked by itself. */
static int add_member(ecom_str name, ecom_str value, int is_json, ecom_arena *arena, ecom_buf *body,
                      ecom_error *err)
{
    const ecom_json *json = NULL;
    int r = ECOM_OK;

    if (is_json && (r = ecom_json_parse(value, NULL, arena, &json, err)) < 0)
        return r;
    if (ecom_buf_printf(body, "%s\"%.*s\":", body->n > 1 ? "," : "", (int)name.n, name.p) < 0 ||
        (is_json ? ecom_json_write(body, json) : ecom_json_write_str(body, value)) < 0)
        return ECOM_E_NOMEM;
    return ECOM_OK;
}

/* Makes the body that a POST would have had. A parameter that comes twice is a key that does. */
int ecom_graphql_query_body(ecom_str query, ecom_arena *arena, ecom_buf *body, ecom_error *err)
{
    static const char *const names[] = {"query", "operationName", "variables", "extensions"};
    int r = ecom_buf_append(body, ecom_str_of("{"));

    while (query.n && r == ECOM_OK) {
        ecom_str value = cut(&query, '&'), name = cut(&value, '=');
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]) && r == ECOM_OK; i++) {
            if (!ecom_str_eq(name, ecom_str_of(names[i])))
                continue;
            ecom_str text = decode(value, arena);
            if (!text.p)
                return ECOM_E_NOMEM;
            if (i < 2 || text.n) /* `variables=` is none */
                r = add_member(name, text, i >= 2, arena, body, err);
        }
    }
    return r < 0 ? r : ecom_buf_append(body, ecom_str_of("}"));
}

/* ---- requests */

struct hearing {
    ecom_graphql *graphql;
    const ecom_graphql_http *http;
    ecom_graphql_request request;
    ecom_arena *arena;
    ecom_buf *out;
    ecom_graphql_http_answer answer;
    int type;        /* of the response */
    int32_t dialect; /* of its parts; -1: it is to be whole */
};

static int refuse(struct hearing *h, int32_t status, const char *code, const char *message)
{
    h->answer.status = status;
    return ecom__gql_refuse_request(h->out, code, message);
}

/* For application/json whatever was understood is 200; the other type tells more. */
static int32_t status_of(const struct hearing *h, ecom_graphql_outcome outcome)
{
    switch (outcome) {
    case ECOM_GRAPHQL_MALFORMED:
    case ECOM_GRAPHQL_EXCEEDED:
        return 400;
    case ECOM_GRAPHQL_NOT_ALLOWED:
        return 405;
    case ECOM_GRAPHQL_UNREADABLE:
        return h->type == MODERN ? 400 : 200;
    case ECOM_GRAPHQL_REFUSED:
        return h->type != MODERN ? 200 : h->http->unprocessable ? 422 : 400;
    default:
        return 200;
    }
}

/* @param rest  nullable; then all comes at once. */
static int answer_one(struct hearing *h, const ecom_json *json, ecom_graphql_rest **rest,
                      ecom_error *err)
{
    ecom_graphql_outcome outcome = ECOM_GRAPHQL_MALFORMED;
    int r =
        ecom__gql_handle_json(h->graphql, json, &h->request, h->arena, h->out, rest, &outcome, err);

    h->answer.status = status_of(h, outcome);
    if (outcome == ECOM_GRAPHQL_NOT_ALLOWED)
        h->answer.allow = "POST";
    return r;
}

/* Several requests in one body: each is answered, and the list of answers is 200. */
static int answer_batch(struct hearing *h, const ecom_json *list, ecom_error *err)
{
    char text[100];
    int r = ECOM_OK;

    if (h->http->max_batch == 0)
        return refuse(h, 400, "BAD_REQUEST", "Batches of requests are not taken here.");
    if (list->count == 0)
        return refuse(h, 400, "BAD_REQUEST", "The batch is empty.");
    if (list->count > h->http->max_batch) {
        snprintf(text, sizeof(text), "The batch has %u requests, more than %u (max_batch).",
                 list->count, h->http->max_batch);
        return refuse(h, 400, "BAD_REQUEST", text);
    }
    for (const ecom_json *one = list->first; one && r == ECOM_OK; one = one->next) {
        r = ecom_buf_append(h->out, ecom_str_of(one == list->first ? "[" : ","));
        if (r == ECOM_OK)
            r = answer_one(h, one, NULL, err);
    }
    h->answer.status = 200;
    return r < 0 ? r : ecom_buf_append(h->out, ecom_str_of("]"));
}

/* The first part becomes that of a body in parts. */
static int divide(struct hearing *h, size_t start)
{
    ecom_str first = ecom_arena_copy(h->arena, (ecom_str){h->out->p + start, h->out->n - start});

    h->out->n = start;
    h->answer.content_type = "multipart/mixed; boundary=\"-\"";
    if (!first.p || ecom_buf_append(h->out, ecom_str_of("---")) < 0)
        return ECOM_E_NOMEM;
    return ecom_graphql_multipart_write(h->out, first);
}

static int answer_alone(struct hearing *h, const ecom_json *json, ecom_error *err)
{
    size_t start = h->out->n;

    if (h->dialect < 0)
        return answer_one(h, json, NULL, err);
    h->request.dialect = h->dialect;
    int r = answer_one(h, json, &h->answer.rest, err);
    return r == ECOM_OK && h->answer.rest ? divide(h, start) : r;
}

/* What a request has must outlive it where parts follow. */
static int answer_text(struct hearing *h, ecom_str text, ecom_error *err)
{
    const ecom_json *json;
    ecom_error why;

    if (h->dialect >= 0 && !(text = ecom_arena_copy(h->arena, text)).p)
        return ECOM_E_NOMEM;
    int r = ecom_json_parse(text, NULL, h->arena, &json, &why);

    if (r == ECOM_E_NOMEM)
        return r;
    if (r < 0)
        return refuse(h, 400, "BAD_REQUEST", why.text);
    return json->kind == ECOM_JSON_ARRAY ? answer_batch(h, json, err) : answer_alone(h, json, err);
}

static int answer_get(struct hearing *h, ecom_error *err)
{
    ecom_buf body = {0};
    ecom_error why;
    int r = ecom_graphql_query_body(h->http->query, h->arena, &body, &why);

    h->request.only_queries = 1;
    if (r == ECOM_OK)
        r = answer_text(h, ecom_buf_str(&body), err);
    else if (r != ECOM_E_NOMEM)
        r = refuse(h, 400, "BAD_REQUEST", why.text);
    ecom_buf_free(&body);
    return r;
}

static int answer_post(struct hearing *h, ecom_error *err)
{
    struct media media = read_media(h->http->content_type);

    if (!ecom__is_word(media.type, "application/json"))
        return refuse(h, 415, "UNSUPPORTED_MEDIA_TYPE",
                      media.type.n ? "The request's content-type must be application/json: forms "
                                     "and plain text, which any page may send, are refused."
                                   : "The request has no content-type; it must be "
                                     "application/json.");
    if (!media.utf8)
        return refuse(h, 415, "UNSUPPORTED_MEDIA_TYPE", "The request's charset must be utf-8.");
    if (ecom__trim(h->http->body).n == 0)
        return refuse(h, 400, "BAD_REQUEST", "The request has no body.");
    return answer_text(h, h->http->body, err);
}

static int answer(struct hearing *h, ecom_error *err)
{
    ecom_str method = h->http->method;

    h->type = choose_type(h->http->accept);
    h->dialect = h->http->parts ? choose_dialect(h->http->accept) : -1;
    h->answer.content_type = full_types[h->type < 0 ? 0 : h->type];
    if (h->type < 0)
        return refuse(h, 406, "NOT_ACCEPTABLE",
                      "Answers are application/graphql-response+json or application/json, in "
                      "utf-8; the request's accept has neither.");
    if (ecom_str_eq(method, ecom_str_of("POST")))
        return answer_post(h, err);
    if (ecom_str_eq(method, ecom_str_of("GET")) || ecom_str_eq(method, ecom_str_of("HEAD")))
        return answer_get(h, err);
    h->answer.allow = "GET, POST";
    return refuse(h, 405, "METHOD_NOT_ALLOWED", "GraphQL is asked by GET or POST.");
}

int ecom_graphql_handle_http(ecom_graphql *graphql, const ecom_graphql_http *http,
                             const ecom_graphql_request *request, ecom_arena *arena, ecom_buf *out,
                             ecom_graphql_http_answer *result, ecom_error *err)
{
    struct hearing h = {.graphql = graphql, .http = http, .arena = arena, .out = out};
    size_t start = out->n;

    if (request)
        h.request = *request;
    h.answer.size = sizeof(h.answer);
    int r = answer(&h, err);
    if (r < 0) {
        ecom_graphql_rest_free(h.answer.rest);
        out->n = start;
        return ecom_fail(err, ECOM_E_NOMEM, "answering a GraphQL request");
    }
    *result = h.answer;
    return ECOM_OK;
}
