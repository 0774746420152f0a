#include "ecom/auth.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

enum { ID_BYTES = 16, NONE = 0, MAX_KEYS = 1 << 24 };

/* One key that failed. Keys are kept as keyed hashes: of one size, and nobody reads addresses out
 * of memory. Links are indices into `nodes`; 0 is none. */
struct node {
    unsigned char id[ID_BYTES];
    uint32_t slot_next;
    uint32_t newer, older;
    uint32_t failures;
    int64_t until_ms; /* no try before; then it has to stay quiet for max_ms to be forgotten */
};

/* All memory is taken at the start, and touched as it is used: failing later is impossible. */
struct ecom_throttle {
    ecom_throttle_options opts;
    const ecom_env *env;
    unsigned char secret[crypto_generichash_KEYBYTES];
    pthread_mutex_t lock;
    struct node *nodes; /* 1 to max_keys */
    uint32_t *slots;    /* heads of chains by id */
    uint32_t mask;      /* their number - 1 */
    uint32_t used;      /* nodes that were ever used */
    uint32_t free;      /* nodes given back, linked by slot_next */
    uint32_t newest, oldest;
};

static int read_options(const ecom_throttle_options *given, ecom_throttle_options *out,
                        ecom_error *err)
{
    ecom_throttle_options o;

    ecom__options_copy(&o, sizeof(o), given);
    o.free_failures = o.free_failures ? o.free_failures : 5;
    o.base_ms = o.base_ms ? o.base_ms : 1000;
    o.max_ms = o.max_ms ? o.max_ms : 900000;
    o.max_keys = o.max_keys ? o.max_keys : 65536;
    o.env = o.env ? o.env : ecom_env_system();
    if (o.base_ms < 0 || o.max_ms < o.base_ms)
        return ecom_fail_field(err, ECOM_E_INVAL, "base_ms", "must be 1 to max_ms (%d), is %d",
                               o.max_ms, o.base_ms);
    if (o.max_keys > MAX_KEYS)
        return ecom_fail_field(err, ECOM_E_INVAL, "max_keys", "must be at most %d, is %u", MAX_KEYS,
                               o.max_keys);
    *out = o;
    return ECOM_OK;
}

int ecom_throttle_new(const ecom_throttle_options *opts, ecom_throttle **out, ecom_error *err)
{
    ecom_throttle_options o;
    uint32_t slots = 16;
    int r = read_options(opts, &o, err);

    if (r < 0)
        return r;
    struct ecom_throttle *t = calloc(1, sizeof(*t));
    if (!t)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a throttle");
    while (slots < o.max_keys)
        slots *= 2;
    t->opts = o;
    t->env = o.env;
    t->mask = slots - 1;
    pthread_mutex_init(&t->lock, NULL);
    t->nodes = calloc((size_t)o.max_keys + 1, sizeof(*t->nodes));
    t->slots = calloc(slots, sizeof(*t->slots));
    if (!t->nodes || !t->slots) {
        ecom_throttle_free(t);
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a throttle of %u keys", o.max_keys);
    }
    t->env->random(t->env->self, t->secret, sizeof(t->secret));
    *out = t;
    return ECOM_OK;
}

void ecom_throttle_free(ecom_throttle *throttle)
{
    if (!throttle)
        return;
    pthread_mutex_destroy(&throttle->lock);
    free(throttle->nodes);
    free(throttle->slots);
    free(throttle);
}

static void id_of(const struct ecom_throttle *t, ecom_str key, unsigned char id[ID_BYTES])
{
    crypto_generichash(id, ID_BYTES, (const unsigned char *)key.p, key.n, t->secret,
                       sizeof(t->secret));
}

static uint32_t *slot_of(struct ecom_throttle *t, const unsigned char *id)
{
    uint32_t h;

    memcpy(&h, id, sizeof(h));
    return &t->slots[h & t->mask];
}

/* The link that points to the node of that id, or the end of its chain. */
static uint32_t *link_to(struct ecom_throttle *t, const unsigned char *id)
{
    uint32_t *link = slot_of(t, id);

    while (*link && memcmp(t->nodes[*link].id, id, ID_BYTES) != 0)
        link = &t->nodes[*link].slot_next;
    return link;
}

static void age_unlink(struct ecom_throttle *t, uint32_t i)
{
    const struct node *node = &t->nodes[i];

    *(node->newer ? &t->nodes[node->newer].older : &t->newest) = node->older;
    *(node->older ? &t->nodes[node->older].newer : &t->oldest) = node->newer;
}

static void age_link_newest(struct ecom_throttle *t, uint32_t i)
{
    t->nodes[i].newer = NONE;
    t->nodes[i].older = t->newest;
    *(t->newest ? &t->nodes[t->newest].newer : &t->oldest) = i;
    t->newest = i;
}

static void forget(struct ecom_throttle *t, uint32_t *link)
{
    uint32_t i = *link;

    *link = t->nodes[i].slot_next;
    age_unlink(t, i);
    t->nodes[i].slot_next = t->free;
    t->free = i;
}

/* A node that belongs to nobody: given back, never used, or that of the key longest unused. */
static uint32_t take_node(struct ecom_throttle *t)
{
    if (!t->free && t->used < t->opts.max_keys)
        return ++t->used;
    if (!t->free)
        forget(t, link_to(t, t->nodes[t->oldest].id));
    uint32_t i = t->free;
    t->free = t->nodes[i].slot_next;
    return i;
}

/* The node of that id, now the newest; made if need be. */
static struct node *node_of(struct ecom_throttle *t, const unsigned char *id)
{
    uint32_t i = *link_to(t, id);

    if (i)
        age_unlink(t, i);
    else {
        uint32_t *slot = slot_of(t, id);
        i = take_node(t);
        memset(&t->nodes[i], 0, sizeof(t->nodes[i]));
        memcpy(t->nodes[i].id, id, ID_BYTES);
        t->nodes[i].slot_next = *slot;
        *slot = i;
    }
    age_link_newest(t, i);
    return &t->nodes[i];
}

static int64_t wait_of(const struct ecom_throttle *t, uint32_t failures)
{
    int64_t ms = t->opts.base_ms;

    if (failures <= t->opts.free_failures)
        return 0;
    for (uint32_t i = t->opts.free_failures + 1; i < failures && ms < t->opts.max_ms; i++)
        ms *= 2;
    return ms < t->opts.max_ms ? ms : t->opts.max_ms;
}

int ecom_throttle_check(ecom_throttle *throttle, ecom_str key, ecom_error *err)
{
    int64_t now = ecom_env_monotonic_ms(throttle->env), wait = 0;
    unsigned char id[ID_BYTES];

    id_of(throttle, key, id);
    pthread_mutex_lock(&throttle->lock);
    uint32_t i = *link_to(throttle, id);
    if (i)
        wait = throttle->nodes[i].until_ms - now;
    pthread_mutex_unlock(&throttle->lock);
    if (wait <= 0)
        return ECOM_OK;
    ecom_fail(err, ECOM_E_RATE, "too many failed attempts: try again in %lld s",
              (long long)(wait + 999) / 1000);
    if (err)
        err->retry_after_ms = (int32_t)wait;
    return ECOM_E_RATE;
}

void ecom_throttle_failed(ecom_throttle *throttle, ecom_str key)
{
    int64_t now = ecom_env_monotonic_ms(throttle->env);
    unsigned char id[ID_BYTES];

    id_of(throttle, key, id);
    pthread_mutex_lock(&throttle->lock);
    struct node *node = node_of(throttle, id);
    if (now - node->until_ms > throttle->opts.max_ms)
        node->failures = 0;
    if (node->failures < UINT32_MAX)
        node->failures++;
    node->until_ms = now + wait_of(throttle, node->failures);
    pthread_mutex_unlock(&throttle->lock);
}

void ecom_throttle_succeeded(ecom_throttle *throttle, ecom_str key)
{
    unsigned char id[ID_BYTES];

    id_of(throttle, key, id);
    pthread_mutex_lock(&throttle->lock);
    uint32_t *link = link_to(throttle, id);
    if (*link)
        forget(throttle, link);
    pthread_mutex_unlock(&throttle->lock);
}
