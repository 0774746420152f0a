/* The handle's inside, and what preparing, executing and caching share. */
#ifndef GRAPHQL_ENGINE_H
#define GRAPHQL_ENGINE_H

#include <pthread.h>
#include <stdatomic.h>

#include "graphql/schema.h"

enum { GQL_SHA_BYTES = 32 };

struct ecom_graphql_document {
    atomic_uint refs;
    ecom_arena *arena;
    struct gql_document ast;
    ecom_graphql_document *newer, *older; /* in the cache, by last use */
    ecom_graphql_document *collision;
    ecom_graphql_document *named_next; /* in the cache, by SHA-256 */
    uint8_t sha[GQL_SHA_BYTES];        /* if it is named */
    int32_t named;
    uint64_t hash;
    size_t bytes; /* about what it holds */
};

struct gql_cache {
    pthread_mutex_t lock;
    ecom_graphql_document **slots;
    ecom_graphql_document **names; /* as many: those that are named */
    uint32_t nslots, n, max;
    size_t bytes, max_bytes;
    ecom_graphql_document *newest, *oldest;
    uint64_t hits, misses;
};

int ecom__gql_cache_init(struct gql_cache *cache, uint32_t max, size_t max_bytes);
void ecom__gql_cache_clear(struct gql_cache *cache);
/* A reference to the document of exactly this text, or NULL. */
ecom_graphql_document *ecom__gql_cache_get(struct gql_cache *cache, uint64_t hash, ecom_str text);
/* Keeps a reference, and lets go of the least used when there are too many. */
void ecom__gql_cache_put(struct gql_cache *cache, ecom_graphql_document *document);
/* From now on the document is found by this name too, while it is kept. */
void ecom__gql_cache_name(struct gql_cache *cache, const ecom_graphql_document *document,
                          const uint8_t *sha);
ecom_graphql_document *ecom__gql_cache_get_sha(struct gql_cache *cache, const uint8_t *sha);

struct gql_trusted {
    uint8_t sha[GQL_SHA_BYTES];
    ecom_graphql_document *document;
};

struct ecom_graphql {
    struct gql_schema schema;
    struct gql_cache cache;
    ecom_graphql_options options; /* limits filled in; sdl not kept */
    uint64_t seed;                /* of the cache's hash */
    struct gql_trusted *trusted;  /* by name */
    size_t ntrusted;
};

/* Depth, aliases, roots, directives, fields: what a document may ask for at most. */
int ecom__gql_check_limits(const ecom_graphql_limits *limits, const struct gql_document *document,
                           ecom_arena *arena, struct gql_errors *errors);
/* Every rule of section 5 of the specification; joins selections to fields and fragments. */
int ecom__gql_validate(const struct gql_schema *schema, struct gql_document *document,
                       int no_introspection, ecom_arena *arena, struct gql_errors *errors);
/* Truth: a and b may both be wanted; budget in *left, below 0 when used up. */
int ecom__gql_check_overlaps(const struct gql_schema *schema, const struct gql_document *document,
                             ecom_arena *arena, struct gql_errors *errors);

/* As ecom_graphql_prepare(). outcome: what became of it, when it is refused. */
int ecom__gql_prepare(ecom_graphql *graphql, ecom_str text, ecom_graphql_document **out,
                      ecom_buf *response, ecom_graphql_outcome *outcome, ecom_error *err);
/* Appends a response of one error to a request that was none. */
int ecom__gql_refuse_request(ecom_buf *out, const char *code, const char *message);
/* The document of a request, and the request's own members filled in; NULL: it was refused in the
 * response. */
int ecom__gql_read_request(ecom_graphql *graphql, const ecom_json *body,
                           ecom_graphql_request *request, ecom_graphql_document **out,
                           ecom_buf *response, ecom_graphql_outcome *outcome, ecom_error *err);
/* Every subscriber feeds a field that there is. */
int ecom__gql_check_subscribers(const ecom_graphql *graphql, ecom_error *err);
/* As ecom_graphql_handle(), with the body parsed. rest: nullable; then all comes at once. */
int ecom__gql_handle_json(ecom_graphql *graphql, const ecom_json *body,
                          const ecom_graphql_request *request, ecom_arena *arena, ecom_buf *out,
                          ecom_graphql_rest **rest, ecom_graphql_outcome *outcome, ecom_error *err);

#endif
