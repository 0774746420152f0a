/* Routes: which handler a path and a method belong to. */
#ifndef ECOM_HTTP_ROUTER_H
#define ECOM_HTTP_ROUTER_H

#include "ecom/http.h"
#include "http/target.h"

/* One segment of a pattern: a name in braces, or text that must be there. */
struct part {
    ecom_str text;
    int32_t param;
};

struct route {
    ecom_route def;
    struct part parts[TARGET_MAX_SEGMENTS];
    size_t nparts;
};

/* Sorted: literal segments before parameters, so that the first match is the closest one. */
struct router {
    struct route *routes;
    size_t n;
};

/* Compiles the routes; a second list, nullable, gives routes of our own, which yield to the first.
 * @return ECOM_E_INVAL with the pattern that is at fault; ECOM_E_NOMEM. */
int ecom__http_router_init(struct router *router, const ecom_route *routes, size_t n,
                           const ecom_route *own, size_t nown, ecom_error *err);
void ecom__http_router_clear(struct router *router);
/* The route for a method; HEAD finds that of GET. NULL: none; @p known then says whether the path
 * has others. */
const struct route *ecom__http_router_find(const struct router *router, const struct target *target,
                                           ecom_str method, int *known);
/* Appends the methods that a path has, "GET, HEAD, POST, OPTIONS"; all there are for `*`. */
int ecom__http_router_allow(const struct router *router, const struct target *target,
                            ecom_buf *out);
/* The segment that stands for a parameter; p NULL: the route has none of that name. */
ecom_str ecom__http_route_param(const struct route *route, const struct target *target,
                                const char *name);

#endif
