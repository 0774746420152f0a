/* Documents by their text. The whole text is compared, so a clash of hashes finds nothing false;
 * which operation of a document runs is said at each execution, and is no part of what is kept. */
#include "graphql/engine.h"

#include <stdlib.h>

int ecom__gql_cache_init(struct gql_cache *cache, uint32_t max, size_t max_bytes)
{
    for (cache->nslots = 16; cache->nslots < 2 * max && cache->nslots < 1u << 20;)
        cache->nslots *= 2;
    cache->max = max;
    cache->max_bytes = max_bytes;
    cache->slots = calloc(cache->nslots, sizeof(ecom_graphql_document *));
    if (!cache->slots)
        return ECOM_E_NOMEM;
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

static void drop(struct gql_cache *cache, ecom_graphql_document **slot)
{
    ecom_graphql_document *d = *slot;

    *slot = d->collision;
    d->collision = NULL;
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
