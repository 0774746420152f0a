#include "http/middleware.h"

#include <string.h>

#include "http/server.h"

enum { MAX_CORRELATION = 128 };

static int is_printable(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7E)
            return 0;
    return 1;
}

/* The only header of that name; p NULL: none, or several. */
static ecom_str single(const struct ecom_exchange *x, ecom_str name)
{
    size_t from = 0;
    const ecom_header *h = ecom__http_head_next(&x->head, name, &from);

    return h && !ecom__http_head_next(&x->head, name, &from) ? h->value : (ecom_str){NULL, 0};
}

void ecom__http_identify(struct ecom_exchange *x)
{
    ecom_str id = single(x, LIT("x-correlation-id"));

    if (id.n == 0 || id.n > MAX_CORRELATION || !is_printable(id)) {
        x->id = ecom_id_new(x->server->opts.env);
        id = ecom_str_of(x->id.s);
    }
    x->log = ecom_log_with(x->server->opts.log, id);
}

/* Truth: the credentials are a Bearer's, however malformed. */
static int is_bearer(ecom_str value)
{
    ecom_str scheme = {value.p, value.n < 6 ? value.n : 6};

    return ecom__same(scheme, LIT("Bearer")) && (value.n == 6 || value.p[6] == ' ');
}

/* RFC 6750's b64token: letters, + - . / and digits, and _ ~ = at last. Without a branch a byte, so
 * that the compiler looks at many at once. */
static int is_token(ecom_str s)
{
    unsigned char others = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i], lower = c | 0x20;
        unsigned char other = (unsigned char)((lower < 'a') | (lower > 'z'));
        other &= (unsigned char)((c < '+') | (c > '9') | (c == ','));
        other &= (unsigned char)((c != '_') & (c != '~') & (c != '='));
        others |= other;
    }
    return s.n && !others;
}

/* Cuts a token out of `Bearer TOKEN`. */
static ecom_str bearer(ecom_str value)
{
    ecom_str none = {NULL, 0};

    if (!is_bearer(value))
        return none;
    ecom_str token = ecom__trim((ecom_str){value.p + 6, value.n - 6});
    return is_token(token) ? token : none;
}

int ecom__http_authenticate(struct ecom_exchange *x, ecom_error *err)
{
    const ecom_jwt *jwt = x->server->opts.jwt;
    int needed = (x->route->def.flags & ECOM_ROUTE_AUTH) != 0;
    ecom_str value = single(x, LIT("authorization")), token = bearer(value);
    int r;

    if (!value.p && !needed)
        return ECOM_OK;
    if (!token.p)
        r = ecom_fail(err, ECOM_E_UNAUTHENTICATED, "a Bearer token is needed");
    else if (!jwt)
        r = ECOM_E_UNAUTHENTICATED;
    else
        r = ecom_jwt_verify(jwt, token, x->arena, &x->claims, err);
    x->has_claims = r == ECOM_OK;
    x->bad_token = r == ECOM_E_UNAUTHENTICATED && is_bearer(value);
    return needed || (r < 0 && r != ECOM_E_UNAUTHENTICATED) ? r : ECOM_OK;
}

static const ecom_field *find_field(const ecom_record *record, ecom_str name, size_t *index)
{
    for (*index = 0; *index < record->nfields; (*index)++)
        if (ecom_str_eq(ecom_str_of(record->fields[*index].name), name))
            return &record->fields[*index];
    return NULL;
}

/* Decodes into the arena. */
static int decode(struct ecom_exchange *x, ecom_str raw, const char *what, ecom_str *out,
                  ecom_error *err)
{
    char *text = ecom_arena_alloc(x->arena, raw.n + 1);
    ssize_t n = text ? ecom__http_decode(raw, 1, text) : 0;

    if (!text)
        return ecom_fail(err, ECOM_E_NOMEM, "query");
    if (n < 0)
        return ecom_fail_field(err, ECOM_E_INVAL, what,
                               "has a malformed escape, a NUL or invalid UTF-8");
    *out = (ecom_str){text, (size_t)n};
    return ECOM_OK;
}

/* Sets one parameter, if the record has it. */
static int set_parameter(struct ecom_exchange *x, ecom_str raw_name, ecom_str raw_value,
                         unsigned char *seen, ecom_error *err)
{
    ecom_str name, value;
    size_t i;
    int r = decode(x, raw_name, "a name", &name, err);

    if (r < 0)
        return r;
    const ecom_field *field = find_field(x->route->def.query, name, &i);
    if (!field)
        return ECOM_OK;
    if (seen[i]++)
        return ecom_fail_field(err, ECOM_E_INVAL, field->name, "is there more than once");
    r = decode(x, raw_value, field->name, &value, err);
    return r < 0 ? r : ecom_field_parse(field, value, x->arena, x->params, err);
}

int ecom__http_read_query(struct ecom_exchange *x, ecom_error *err)
{
    const ecom_record *record = x->route->def.query;
    ecom_str rest = x->target.query, name, value;
    int r = ECOM_OK;

    if (!record)
        return ECOM_OK;
    unsigned char *seen = ecom_arena_alloc(x->arena, record->nfields);
    x->params = ecom_arena_alloc(x->arena, record->size);
    if (!seen || !x->params)
        return ecom_fail(err, ECOM_E_NOMEM, "query");
    ecom_record_init(record, x->params);
    while (r == ECOM_OK && ecom__http_query_next(&rest, &name, &value))
        r = set_parameter(x, name, value, seen, err);
    return r < 0 ? r : ecom_record_check(record, x->params, err);
}

/* `application/json`, alone or with charset=utf-8. */
static int is_json(ecom_str type)
{
    const char *semicolon = type.n ? memchr(type.p, ';', type.n) : NULL;
    ecom_str media = {type.p, semicolon ? (size_t)(semicolon - type.p) : type.n}, rest = {NULL, 0};

    if (semicolon)
        rest = ecom__trim((ecom_str){semicolon + 1, type.n - media.n - 1});
    return ecom__same(ecom__trim(media), LIT("application/json")) &&
           (!rest.n || ecom__same(rest, LIT("charset=utf-8")) ||
            ecom__same(rest, LIT("charset=\"utf-8\"")));
}

int ecom__http_read_body(struct ecom_exchange *x, ecom_error *err)
{
    const ecom_record *record = x->route->def.request;
    const ecom_json_limits limits = {.size = sizeof(limits),
                                     .max_bytes = x->server->opts.max_body_bytes};

    if (!record)
        return ECOM_OK;
    if (x->body.n == 0)
        return ecom_fail(err, ECOM_E_INVAL, "a body of JSON is needed");
    if (!is_json(single(x, LIT("content-type")))) {
        x->refusal = (struct refusal){415, "the body must be application/json in UTF-8"};
        return ECOM_E_INVAL;
    }
    size_t from = 0;
    if (ecom__http_head_next(&x->head, LIT("content-encoding"), &from)) {
        x->refusal = (struct refusal){415, "the body must not be compressed"};
        return ECOM_E_INVAL;
    }
    x->request = ecom_arena_alloc(x->arena, record->size);
    if (!x->request)
        return ecom_fail(err, ECOM_E_NOMEM, "body");
    return ecom_record_read(record, ecom_buf_str(&x->body), &limits, x->arena, x->request, err);
}

const void *ecom_exchange_request(const ecom_exchange *x)
{
    return x->request;
}

const void *ecom_exchange_params(const ecom_exchange *x)
{
    return x->params;
}

const ecom_claims *ecom_exchange_claims(const ecom_exchange *x)
{
    return x->has_claims ? &x->claims : NULL;
}

ecom_str ecom_exchange_correlation_id(const ecom_exchange *x)
{
    return x->log.correlation_id;
}

const ecom_log *ecom_exchange_log(const ecom_exchange *x)
{
    return &x->log;
}
