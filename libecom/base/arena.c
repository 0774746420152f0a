#include "ecom/base.h"

#include <stdalign.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 4096, KEEP_BYTES = 64 << 10, DEFAULT_MAX = 16 << 20 };

struct block {
    struct block *next;
    size_t used, size;
    alignas(max_align_t) char bytes[];
};

/* Each block is twice as large as the one before, so that there are few. */
struct ecom_arena {
    struct block *last; /* the newest, which is allocated from */
    size_t total, max;
};

static struct block *block_new(size_t size)
{
    struct block *block = malloc(sizeof(*block) + size);

    if (block) {
        block->next = NULL;
        block->used = 0;
        block->size = size;
    }
    return block;
}

ecom_arena *ecom_arena_new(size_t max_bytes)
{
    ecom_arena *arena = malloc(sizeof(*arena));

    if (!arena)
        return NULL;
    arena->max = max_bytes ? max_bytes : DEFAULT_MAX;
    arena->total = arena->max < BLOCK_BYTES ? arena->max : BLOCK_BYTES;
    arena->last = block_new(arena->total);
    if (!arena->last) {
        free(arena);
        return NULL;
    }
    return arena;
}

/* A block with room for n bytes, within the arena's bound. */
static struct block *grow(ecom_arena *arena, size_t n)
{
    size_t left = arena->max - arena->total, size = arena->last->size * 2;

    if (size < n)
        size = n;
    if (size > left)
        size = left;
    struct block *block = size >= n ? block_new(size) : NULL;
    if (!block)
        return NULL;
    block->next = arena->last;
    arena->last = block;
    arena->total += size;
    return block;
}

void *ecom_arena_alloc(ecom_arena *arena, size_t n)
{
    const size_t align = alignof(max_align_t);
    struct block *block = arena->last;

    if (n > arena->max)
        return NULL;
    n = n ? (n + align - 1) / align * align : align;
    if (block->size - block->used < n && !(block = grow(arena, n)))
        return NULL;

    void *p = block->bytes + block->used;
    block->used += n;
    return memset(p, 0, n);
}

ecom_str ecom_arena_copy(ecom_arena *arena, ecom_str bytes)
{
    char *p = ecom_arena_alloc(arena, bytes.n + 1);

    if (!p)
        return (ecom_str){NULL, 0};
    if (bytes.n)
        memcpy(p, bytes.p, bytes.n);
    return (ecom_str){p, bytes.n};
}

/* Not so large that an arena that is small, or lies idle, holds much: never none, since the first
 * block is one of these. */
static int may_stay(const ecom_arena *arena, const struct block *block)
{
    return block->size <= BLOCK_BYTES ||
           (block->size <= KEEP_BYTES && block->size <= arena->max / 8);
}

void ecom_arena_reset(ecom_arena *arena)
{
    struct block *kept = NULL;

    for (struct block *block = arena->last, *next; block; block = next) {
        struct block *gone = block;
        next = block->next;
        if (may_stay(arena, block) && (!kept || block->size > kept->size)) {
            gone = kept;
            kept = block;
        }
        free(gone);
    }
    kept->next = NULL;
    kept->used = 0;
    arena->last = kept;
    arena->total = kept->size;
}

size_t ecom_arena_bytes(const ecom_arena *arena)
{
    return arena->total;
}

void ecom_arena_free(ecom_arena *arena)
{
    if (!arena)
        return;
    ecom_arena_reset(arena);
    free(arena->last);
    free(arena);
}
