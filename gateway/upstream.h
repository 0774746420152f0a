/* The services behind the gateway, as one request sees them: with its token, its correlation id and
 * its trace. */
#ifndef GATEWAY_UPSTREAM_H
#define GATEWAY_UPSTREAM_H

#include "gate.h"

#include <ecom/http.h>
#include <ecom/json.h>

struct upstream {
    ecom_http_client *client;
    const ecom_env *env;
    const char *users, *products, *orders, *notifications; /* base URLs */
    int32_t timeout_ms;                                    /* for all calls of a request together */
};

enum { UPSTREAM_SERVICES = 4, UPSTREAM_TOGETHER = 32 };

/* A call that is begun: it is sent with all others of its level. */
struct pending {
    struct pending *next;
    const char *base;
    ecom_http_call call;
    ecom_http_result result;
};

/* Who asks, and what the answer is made in. */
struct caller {
    ecom_str authorization, correlation_id, traceparent, address;
    ecom_str user_id; /* of a token that was checked here; p NULL: none was */
    int32_t checked;  /* tokens are checked here */
    ecom_arena *arena;
    const ecom_log *log;
};
struct caller upstream_caller(ecom_exchange *x);

/* The context of a GraphQL request. */
struct request {
    const struct upstream *upstream;
    struct caller caller;
    int64_t until_us;                      /* by the env's monotonic clock */
    const char *silent[UPSTREAM_SERVICES]; /* base URLs that let a call of it run out of time */
    struct pending *begun;                 /* not sent yet */
    uint32_t nbegun;
    struct gate *gate; /* that it is inside of, until it waits; or NULL */
};

struct request upstream_request(const struct upstream *upstream, const struct caller *caller);
void upstream_leave_gate(struct request *request);

/* Begins a call to a service: all that are begun are sent together by upstream_wait().
 * body: empty for a GET; idempotency_key: p NULL for none. Both are copied, as is the path. */
int upstream_begin(struct request *request, const char *method, const char *base, ecom_str path,
                   ecom_str body, ecom_str idempotency_key, struct pending **out, ecom_error *err);
/* Sends what is begun, and waits. A call gets half of the time that the request has left, so that a
 * service which does not answer leaves some for the levels below; it is not asked again. */
void upstream_wait(struct request *request);
/* What came of a call, as JSON. A status of 400 and above is an error: its code, text and field are
 * those that the service gave. */
int upstream_result(struct request *request, const struct pending *pending, const ecom_json **out,
                    ecom_error *err);
/* The three at once. */
int upstream_call(struct request *request, const char *method, const char *base, ecom_str path,
                  ecom_str body, ecom_str idempotency_key, const ecom_json **out, ecom_error *err);

/* Appends `name=value`, percent-encoded, behind `?` or `&`. */
int upstream_add_query(ecom_buf *path, ecom_str name, ecom_str value);
/* Appends a path segment, percent-encoded. */
int upstream_add_segment(ecom_buf *path, ecom_str segment);
/* Truth: behind this path, it would be another route, or a step among folders, and no id. */
int upstream_is_no_id(const char *path, ecom_str segment);

#endif
