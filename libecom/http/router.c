#include "http/router.h"

#include <stdlib.h>
#include <string.h>

static int compare_part(const struct part *a, const struct part *b)
{
    if (a->param != b->param)
        return a->param - b->param;
    return a->param ? 0 : ecom_str_cmp(a->text, b->text);
}

/* By shape: the names of parameters make no difference. */
static int compare_shape(const struct route *a, const struct route *b)
{
    for (size_t i = 0; i < a->nparts && i < b->nparts; i++) {
        int r = compare_part(&a->parts[i], &b->parts[i]);
        if (r)
            return r;
    }
    return (a->nparts > b->nparts) - (a->nparts < b->nparts);
}

static int compare(const void *x, const void *y)
{
    const struct route *a = x, *b = y;
    int r = compare_shape(a, b);

    return r ? r : strcmp(a->def.method, b->def.method);
}

static int add_part(struct route *route, ecom_str text, ecom_error *err)
{
    struct part *part = &route->parts[route->nparts];
    int open = text.n && text.p[0] == '{', close = text.n && text.p[text.n - 1] == '}';

    if (route->nparts == TARGET_MAX_SEGMENTS)
        return ecom_fail(err, ECOM_E_INVAL, "route %s: more than %d segments", route->def.pattern,
                         TARGET_MAX_SEGMENTS);
    if (open != close || (open && text.n < 3))
        return ecom_fail(err, ECOM_E_INVAL, "route %s: a parameter is {name}", route->def.pattern);
    *part = open ? (struct part){{text.p + 1, text.n - 2}, 1} : (struct part){text, 0};
    for (size_t i = 0; open && i < route->nparts; i++)
        if (route->parts[i].param && ecom_str_eq(route->parts[i].text, part->text))
            return ecom_fail(err, ECOM_E_INVAL, "route %s: {%.*s} is there twice",
                             route->def.pattern, (int)part->text.n, part->text.p);
    route->nparts++;
    return ECOM_OK;
}

/* What programs can call a function. */
static int is_identifier(const char *name)
{
    for (const char *p = name; *p; p++) {
        int letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && (p == name || !((*p >= '0' && *p <= '9') || *p == '_')))
            return 0;
    }
    return *name != '\0';
}

/* Methods are told by case: "get" is not GET, and nobody sends it. */
static int has_lower(const char *method)
{
    while (*method && !(*method >= 'a' && *method <= 'z'))
        method++;
    return *method != '\0';
}

static int compile(struct route *route, const ecom_route *def, ecom_error *err)
{
    route->def = *def;
    route->nparts = 0;
    if (!def->pattern || def->pattern[0] != '/')
        return ecom_fail(err, ECOM_E_INVAL, "route %s: a pattern starts with /",
                         def->pattern ? def->pattern : "(NULL)");
    if (strpbrk(def->pattern, "\"\\") || !ecom__http_is_text(ecom_str_of(def->pattern)))
        return ecom_fail(err, ECOM_E_INVAL, "route %s: a pattern has no quotes and no controls",
                         def->pattern);
    if (!def->method || !ecom__http_is_token(ecom_str_of(def->method)) || has_lower(def->method))
        return ecom_fail(err, ECOM_E_INVAL, "route %s: the method must be one, in upper case",
                         def->pattern);
    if (!def->handle)
        return ecom_fail(err, ECOM_E_INVAL, "route %s %s: no handler", def->method, def->pattern);
    if (def->status && (def->status < 200 || def->status > 599))
        return ecom_fail(err, ECOM_E_INVAL, "route %s %s: status %d is not in 200 to 599",
                         def->method, def->pattern, (int)def->status);
    if (def->operation && !is_identifier(def->operation))
        return ecom_fail(err, ECOM_E_INVAL, "route %s %s: operation \"%s\" is not an identifier",
                         def->method, def->pattern, def->operation);
    for (const char *p = def->pattern; *p;) {
        const char *end = strchr(p + 1, '/');
        size_t n = end ? (size_t)(end - p) : strlen(p);
        if (add_part(route, (ecom_str){p + 1, n - 1}, err) < 0)
            return ECOM_E_INVAL;
        p += n;
    }
    return ECOM_OK;
}

/* One of the same shape: with the same method too, or with other names for its parameters. NULL:
 * none. */
static const struct route *rival(const struct router *router, const struct route *route)
{
    for (size_t i = 0; i < router->n; i++) {
        const struct route *other = &router->routes[i];
        if (compare_shape(other, route) == 0 &&
            (strcmp(other->def.method, route->def.method) == 0 ||
             strcmp(other->def.pattern, route->def.pattern) != 0))
            return other;
    }
    return NULL;
}

static int check_operation(const struct router *router, const ecom_route *def, ecom_error *err)
{
    for (size_t i = 0; def->operation && i < router->n; i++) {
        const ecom_route *other = &router->routes[i].def;
        if (other->operation && strcmp(other->operation, def->operation) == 0)
            return ecom_fail(err, ECOM_E_INVAL, "route %s %s: operation %s is %s %s already",
                             def->method, def->pattern, def->operation, other->method,
                             other->pattern);
    }
    return ECOM_OK;
}

int ecom__http_router_init(struct router *router, const ecom_route *routes, size_t n,
                           const ecom_route *own, size_t nown, ecom_error *err)
{
    *router = (struct router){.routes = calloc(n + nown ? n + nown : 1, sizeof(struct route))};
    if (!router->routes)
        return ecom_fail(err, ECOM_E_NOMEM, "routes");
    for (size_t i = 0; i < n + nown; i++) {
        struct route *route = &router->routes[router->n];
        if (compile(route, i < n ? &routes[i] : &own[i - n], err) < 0 ||
            check_operation(router, &route->def, err) < 0)
            goto fail;
        const struct route *other = rival(router, route);
        if (!other) {
            router->n++;
        } else if (i < n) {
            ecom_fail(err, ECOM_E_INVAL, "route %s %s: %s %s is there already", routes[i].method,
                      routes[i].pattern, other->def.method, other->def.pattern);
            goto fail;
        }
    }
    qsort(router->routes, router->n, sizeof(struct route), compare);
    return ECOM_OK;
fail:
    ecom__http_router_clear(router);
    return ECOM_E_INVAL;
}

void ecom__http_router_clear(struct router *router)
{
    free(router->routes);
    *router = (struct router){0};
}

static int matches(const struct route *route, const struct target *target)
{
    if (target->server || route->nparts != target->nsegments)
        return 0;
    for (size_t i = 0; i < route->nparts; i++) {
        const struct part *part = &route->parts[i];
        const ecom_str *segment = &target->segments[i];
        if (part->param ? segment->n == 0 : !ecom_str_eq(part->text, *segment))
            return 0;
    }
    return 1;
}

const struct route *ecom__http_router_find(const struct router *router, const struct target *target,
                                           ecom_str method, int *known)
{
    int head = ecom_str_eq(method, LIT("HEAD"));
    const struct route *get = NULL;

    *known = 0;
    for (size_t i = 0; i < router->n; i++) {
        const struct route *route = &router->routes[i];
        if (!matches(route, target))
            continue;
        *known = 1;
        if (ecom_str_eq(ecom_str_of(route->def.method), method))
            return route;
        if (head && !get && strcmp(route->def.method, "GET") == 0)
            get = route;
    }
    return get;
}

/* Truth: an earlier route that counts has the same method. */
static int seen(const struct router *router, const struct target *target, size_t i)
{
    for (size_t j = 0; j < i; j++)
        if ((target->server || matches(&router->routes[j], target)) &&
            strcmp(router->routes[j].def.method, router->routes[i].def.method) == 0)
            return 1;
    return 0;
}

int ecom__http_router_allow(const struct router *router, const struct target *target, ecom_buf *out)
{
    for (size_t i = 0; i < router->n; i++) {
        const char *method = router->routes[i].def.method;
        if ((!target->server && !matches(&router->routes[i], target)) || seen(router, target, i) ||
            strcmp(method, "OPTIONS") == 0 || strcmp(method, "HEAD") == 0)
            continue;
        if (ecom_buf_printf(out, "%s, %s", method, strcmp(method, "GET") == 0 ? "HEAD, " : "") < 0)
            return ECOM_E_NOMEM;
    }
    return ecom_buf_append(out, LIT("OPTIONS"));
}

ecom_str ecom__http_route_param(const struct route *route, const struct target *target,
                                const char *name)
{
    for (size_t i = 0; i < route->nparts; i++)
        if (route->parts[i].param && ecom_str_eq(route->parts[i].text, ecom_str_of(name)))
            return target->segments[i];
    return (ecom_str){NULL, 0};
}
