#include "auth/known.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

enum { PLACES = 1024, TEXTS = 3 };

/* Texts lie behind it: sub, email, jti. The token itself is not kept, only its hash, with a key of
 * this process: nobody can look for two tokens that have the same. */
struct entry {
    unsigned char hash[crypto_generichash_BYTES];
    int64_t issued_at_s, expires_at_s, not_before_s;
    size_t n[TEXTS];
};

struct ecom__known {
    pthread_mutex_t lock;
    unsigned char key[crypto_generichash_KEYBYTES];
    struct entry *places[PLACES];
};

ecom__known *ecom__known_new(void)
{
    ecom__known *known = calloc(1, sizeof(*known));

    if (!known)
        return NULL;
    pthread_mutex_init(&known->lock, NULL);
    crypto_generichash_keygen(known->key);
    return known;
}

void ecom__known_free(ecom__known *known)
{
    if (!known)
        return;
    for (size_t i = 0; i < PLACES; i++)
        free(known->places[i]);
    pthread_mutex_destroy(&known->lock);
    sodium_memzero(known->key, sizeof(known->key));
    free(known);
}

static struct entry **place_of(ecom__known *known, const unsigned char *hash)
{
    return &known->places[(hash[0] | hash[1] << 8) % PLACES];
}

static void hash_of(const ecom__known *known, ecom_str token,
                    unsigned char out[crypto_generichash_BYTES])
{
    crypto_generichash(out, crypto_generichash_BYTES, (const unsigned char *)token.p, token.n,
                       known->key, sizeof(known->key));
}

static int take(const struct entry *entry, ecom_arena *arena, ecom__said *out)
{
    size_t bytes = entry->n[0] + entry->n[1] + entry->n[2];
    char *text = ecom_arena_alloc(arena, bytes);

    if (!text)
        return ECOM_E_NOMEM;
    memcpy(text, entry + 1, bytes);
    *out = (ecom__said){
        .claims = {.sub = {text, entry->n[0]},
                   .email = {text + entry->n[0], entry->n[1]},
                   .jti = {text + entry->n[0] + entry->n[1], entry->n[2]},
                   .issued_at_s = entry->issued_at_s,
                   .expires_at_s = entry->expires_at_s},
        .not_before_s = entry->not_before_s,
    };
    return 1;
}

int ecom__known_find(ecom__known *known, ecom_str token, ecom_arena *arena, ecom__said *out)
{
    unsigned char hash[crypto_generichash_BYTES];
    int r = 0;

    hash_of(known, token, hash);
    pthread_mutex_lock(&known->lock);
    const struct entry *entry = *place_of(known, hash);
    if (entry && sodium_memcmp(entry->hash, hash, sizeof(hash)) == 0)
        r = take(entry, arena, out);
    pthread_mutex_unlock(&known->lock);
    return r;
}

int ecom__known_note(ecom__known *known, ecom_str token, const ecom__said *said)
{
    const ecom_str texts[TEXTS] = {said->claims.sub, said->claims.email, said->claims.jti};
    struct entry *entry = malloc(sizeof(*entry) + texts[0].n + texts[1].n + texts[2].n);

    if (!entry)
        return ECOM_E_NOMEM;
    hash_of(known, token, entry->hash);
    entry->issued_at_s = said->claims.issued_at_s;
    entry->expires_at_s = said->claims.expires_at_s;
    entry->not_before_s = said->not_before_s;
    char *at = (char *)(entry + 1);
    for (size_t i = 0; i < TEXTS; i++) {
        entry->n[i] = texts[i].n;
        if (texts[i].n)
            memcpy(at, texts[i].p, texts[i].n);
        at += texts[i].n;
    }
    pthread_mutex_lock(&known->lock);
    struct entry **place = place_of(known, entry->hash), *former = *place;
    *place = entry;
    pthread_mutex_unlock(&known->lock);
    free(former);
    return ECOM_OK;
}
