/* Documents by their text. The whole text is compared, so a clash of hashes finds nothing false;
 * which operation of a document runs is said at each execution, and is no part of what is kept. */
#include "graphql/engine.h"

#include <stdlib.h>
#include <string.h>

int ecom__gql_cache_init(struct gql_cache *cache, uint32_t max, size_t max_bytes)
{
    for (cache->nslots = 16; cache->nslots < 2 * max && cache->nslots < 1u << 20;)
        cache->nslots *= 2;
    cache->max = max;
    cache->max_bytes = max_bytes;
    cache->slots = calloc(2 * (size_t)cache->nslots, sizeof(ecom_graphql_document *));
    if (!cache->slots)
        return ECOM_E_NOMEM;
    cache->names = cache->slots + cache->nslots;
    pthread_mutex_init(&cache->lock, NULL);
    return ECOM_OK;
}

static void unlink_use(struct gql_cache *cache, ecom_graphql_document *d)
{
    *(d->newer ? &d->newer->older : &cache->newest) = d->older;
    *(d->older ? &d->older->newer : &cache->oldest) = d->newer;
    d->newer = d->older = NULL;
}

static void link_newest(struct gql_cache *cache, ecom_graphql_document *d)
{
    d->older = cache->newest;
    *(d->older ? &d->older->newer : &cache->oldest) = d;
    cache->newest = d;
}

static ecom_graphql_document **find(struct gql_cache *cache, uint64_t hash, ecom_str text)
{
    ecom_graphql_document **slot = &cache->slots[hash & (cache->nslots - 1)];

    while (*slot && !((*slot)->hash == hash && ecom_str_eq((*slot)->ast.source, text)))
        slot = &(*slot)->collision;
    return slot;
}

static ecom_graphql_document **find_name(struct gql_cache *cache, const uint8_t *sha)
{
    uint32_t i;

    memcpy(&i, sha, sizeof(i));
    ecom_graphql_document **slot = &cache->names[i & (cache->nslots - 1)];
    while (*slot && memcmp((*slot)->sha, sha, GQL_SHA_BYTES) != 0)
        slot = &(*slot)->named_next;
    return slot;
}

static void drop(struct gql_cache *cache, ecom_graphql_document **slot)
{
    ecom_graphql_document *d = *slot;

    *slot = d->collision;
    d->collision = NULL;
    if (d->named)
        *find_name(cache, d->sha) = d->named_next;
    d->named = 0;
    unlink_use(cache, d);
    cache->n--;
    cache->bytes -= d->bytes;
    ecom_graphql_document_unref(d);
}

ecom_graphql_document *ecom__gql_cache_get(struct gql_cache *cache, uint64_t hash, ecom_str text)
{
    pthread_mutex_lock(&cache->lock);
    ecom_graphql_document *d = *find(cache, hash, text);
    if (d) {
        unlink_use(cache, d);
        link_newest(cache, d);
        ecom_graphql_document_ref(d);
        cache->hits++;
    } else {
        cache->misses++;
    }
    pthread_mutex_unlock(&cache->lock);
    return d;
}

ecom_graphql_document *ecom__gql_cache_get_sha(struct gql_cache *cache, const uint8_t *sha)
{
    pthread_mutex_lock(&cache->lock);
    ecom_graphql_document *d = *find_name(cache, sha);
    if (d) {
        unlink_use(cache, d);
        link_newest(cache, d);
        ecom_graphql_document_ref(d);
    }
    pthread_mutex_unlock(&cache->lock);
    return d;
}

/* What is not kept, or has its name, is left alone. */
void ecom__gql_cache_name(struct gql_cache *cache, const ecom_graphql_document *document,
                          const uint8_t *sha)
{
    pthread_mutex_lock(&cache->lock);
    ecom_graphql_document *kept = *find(cache, document->hash, document->ast.source);
    if (kept && !kept->named) {
        memcpy(kept->sha, sha, GQL_SHA_BYTES);
        kept->named = 1;
        kept->named_next = NULL;
        *find_name(cache, sha) = kept;
    }
    pthread_mutex_unlock(&cache->lock);
}

void ecom__gql_cache_put(struct gql_cache *cache, ecom_graphql_document *d)
{
    if (d->bytes > cache->max_bytes / 4) /* one giant must not push out the rest */
        return;
    pthread_mutex_lock(&cache->lock);
    ecom_graphql_document **slot = find(cache, d->hash, d->ast.source);
    if (!*slot) { /* else another thread was first */
        *slot = ecom_graphql_document_ref(d);
        link_newest(cache, d);
        cache->n++;
        cache->bytes += d->bytes;
    }
    while (cache->n > cache->max || cache->bytes > cache->max_bytes)
        drop(cache, find(cache, cache->oldest->hash, cache->oldest->ast.source));
    pthread_mutex_unlock(&cache->lock);
}

void ecom__gql_cache_clear(struct gql_cache *cache)
{
    if (!cache->slots)
        return;
    while (cache->oldest)
        drop(cache, find(cache, cache->oldest->hash, cache->oldest->ast.source));
    free(cache->slots);
    pthread_mutex_destroy(&cache->lock);
}
