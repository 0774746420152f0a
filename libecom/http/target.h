/* The target of a request: path and query. */
#ifndef ECOM_HTTP_TARGET_H
#define ECOM_HTTP_TARGET_H

#include "http/head.h"

enum { TARGET_MAX_SEGMENTS = 32 };

struct target {
    ecom_str raw;   /* path as it came, for logs */
    ecom_str query; /* as it came, without the question mark */
    ecom_str path;  /* decoded, but for %2F, which stays as it is: a slash always parts segments */
    ecom_str segments[TARGET_MAX_SEGMENTS]; /* decoded, %2F too */
    size_t nsegments;                       /* above TARGET_MAX_SEGMENTS: no route is that long */
    int32_t server;                         /* `*`: the server itself, not a path */
};

/* Takes a target apart: origin form, absolute form, and `*` with OPTIONS. Refused with 400: other
 * forms, malformed escapes, dot segments (escaped or not), a decoded NUL or invalid UTF-8.
 * @param arena  holds the decoded text. @return 0 or -1. */
int ecom__http_target_parse(struct target *target, const struct head *head, ecom_arena *arena,
                            struct refusal *why);

/* Decodes escapes from @p in to @p out, which has room for in.n bytes and may be in.p.
 * @param plus  1: `+` is a space, as in queries. @return the length; -1: malformed, NUL or not
 * UTF-8. */
ssize_t ecom__http_decode(ecom_str in, int plus, char *out);
/* Cuts the next `name=value` off a query. @return 0 at its end. */
int ecom__http_query_next(ecom_str *query, ecom_str *name, ecom_str *value);

#endif
