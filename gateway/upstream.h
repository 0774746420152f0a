/* The services behind the gateway, as one request sees them: with its token, its correlation id and
 * its trace. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include <ecom/http.h>
#include <ecom/json.h>

struct upstream {
    ecom_http_client *client;
    const ecom_env *env;
    const char *users, *products, *orders; /* base URLs */
    int32_t timeout_ms;                    /* for all calls of a request together */
};

enum { UPSTREAM_SERVICES = 3 };

/* The context of a GraphQL request. */
struct request {
    const struct upstream *upstream;
    ecom_exchange *x;
    int64_t until_ms;
    const char *silent[UPSTREAM_SERVICES]; /* base URLs that let a call of it run out of time */
};

struct request upstream_request(const struct upstream *upstream, ecom_exchange *x);

/* Calls a service and reads its JSON. A status of 400 and above is an error: its code, text and
 * field are those that the service gave. A call gets half of the time that the request has left, so
 * that a service which does not answer leaves some for the others; it is not asked again.
 * body: empty for a GET; idempotency_key: p NULL for none. */
int upstream_call(struct request *request, const char *method, const char *base, ecom_str path,
                  ecom_str body, ecom_str idempotency_key, const ecom_json **out, ecom_error *err);

/* Appends `name=value`, percent-encoded, behind `?` or `&`. */
int upstream_add_query(ecom_buf *path, ecom_str name, ecom_str value);
/* Appends a path segment, percent-encoded. */
int upstream_add_segment(ecom_buf *path, ecom_str segment);

#endif
