#include "bus/embedded.h"

#include <stdlib.h>
#include <string.h>

enum { MAX_PASSES = 64 }; /* one is enough when all members want the same topics */

int ecom__assignment_init(struct ecom__assignment *a, size_t nmembers, size_t ntopics,
                          size_t nslots)
{
    *a = (struct ecom__assignment){.nmembers = nmembers, .ntopics = ntopics, .nslots = nslots};
    a->wants = calloc(nmembers * ntopics + 1, 1);
    a->topic = calloc(nslots + 1, sizeof(*a->topic));
    a->owner = calloc(nslots + 1, sizeof(*a->owner));
    a->load = calloc(nmembers + 1, sizeof(*a->load));
    if (a->wants && a->topic && a->owner && a->load)
        return ECOM_OK;
    ecom__assignment_clear(a);
    return ECOM_E_NOMEM;
}

void ecom__assignment_clear(struct ecom__assignment *a)
{
    free(a->wants);
    free(a->topic);
    free(a->owner);
    free(a->load);
    *a = (struct ecom__assignment){0};
}

static int wants(const struct ecom__assignment *a, size_t member, int32_t topic)
{
    return a->wants[member * a->ntopics + (size_t)topic];
}

/* The member with the least to do among those that want the topic; -1: nobody wants it. */
static int32_t least(const struct ecom__assignment *a, int32_t topic)
{
    int32_t best = -1;

    for (size_t i = 0; i < a->nmembers; i++)
        if (wants(a, i, topic) && (best < 0 || a->load[i] < a->load[best]))
            best = (int32_t)i;
    return best;
}

static void give(struct ecom__assignment *a, size_t slot, int32_t member)
{
    a->owner[slot] = member;
    if (member >= 0)
        a->load[member]++;
}

/* Moves slots from members that have two or more than they could. Truth: one moved. */
static int level(struct ecom__assignment *a)
{
    int moved = 0;

    for (size_t i = 0; i < a->nslots; i++) {
        int32_t from = a->owner[i], to = from < 0 ? -1 : least(a, a->topic[i]);
        if (to < 0 || a->load[from] < a->load[to] + 2)
            continue;
        a->load[from]--;
        give(a, i, to);
        moved = 1;
    }
    return moved;
}

void ecom__assignment_run(struct ecom__assignment *a)
{
    memset(a->load, 0, a->nmembers * sizeof(*a->load));
    for (size_t i = 0; i < a->nslots; i++)
        if (a->owner[i] >= 0)
            give(a, i, wants(a, (size_t)a->owner[i], a->topic[i]) ? a->owner[i] : -1);
    for (size_t i = 0; i < a->nslots; i++)
        if (a->owner[i] < 0)
            give(a, i, least(a, a->topic[i]));
    for (int pass = 0; pass < MAX_PASSES && level(a); pass++)
        ;
}
