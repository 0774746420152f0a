#include "shop/idempotency.h"

#include <assert.h>
#include <sodium.h>
#include <string.h>

#define HEADER "Idempotency-Key"

enum { TRIES = 8 }; /* rounds against other processes; each is lost to one that got on */

struct ecom__flight {
    struct ecom__flight *next;
    ecom_str key;
};

void ecom__flights_init(struct ecom__flights *flights)
{
    pthread_mutex_init(&flights->lock, NULL);
    flights->first = NULL;
}

void ecom__flights_clear(struct ecom__flights *flights)
{
    assert(!flights->first);
    pthread_mutex_destroy(&flights->lock);
}

/* False when a request with the same key flies. There are as many as threads: few to look at. */
static int take_off(struct ecom__flights *flights, struct ecom__flight *flight)
{
    struct ecom__flight *f;

    pthread_mutex_lock(&flights->lock);
    for (f = flights->first; f && !ecom_str_eq(f->key, flight->key); f = f->next)
        ;
    if (!f) {
        flight->next = flights->first;
        flights->first = flight;
    }
    pthread_mutex_unlock(&flights->lock);
    return !f;
}

static void land(struct ecom__flights *flights, struct ecom__flight *flight)
{
    struct ecom__flight **p = &flights->first;

    pthread_mutex_lock(&flights->lock);
    while (*p != flight)
        p = &(*p)->next;
    *p = flight->next;
    pthread_mutex_unlock(&flights->lock);
}

static const ecom_field *field_of(const ecom_record *record, const char *name)
{
    size_t i = 0;

    while (i < record->nfields && strcmp(record->fields[i].name, name) != 0)
        i++;
    assert(i < record->nfields);
    return &record->fields[i];
}

static ecom_str *key_of(const struct ecom__creation *creation, void *item)
{
    size_t offset = field_of(creation->c->record, ECOM__KEY_FIELD)->offset;

    return (ecom_str *)((char *)item + offset);
}

static ecom_str *body_of(const struct ecom__creation *creation, void *item)
{
    size_t offset = field_of(creation->c->record, ECOM__BODY_FIELD)->offset;

    return (ecom_str *)((char *)item + offset);
}

static int64_t created_at(const struct ecom__creation *creation, const void *item)
{
    size_t offset = field_of(creation->c->record, "createdAt")->offset;

    return *(const int64_t *)((const char *)item + offset);
}

static int check_key(ecom_str key, ecom_error *err)
{
    if (key.n < 1 || key.n > ECOM_KEY_MAX)
        return ecom_fail_field(err, ECOM_E_INVAL, HEADER, "must have 1 to %d characters, has %zu",
                               ECOM_KEY_MAX, key.n);
    for (size_t i = 0; i < key.n; i++)
        if (key.p[i] < ' ' || key.p[i] > '~')
            return ecom_fail_field(err, ECOM_E_INVAL, HEADER,
                                   "must be printable ASCII, byte %zu is not", i + 1);
    return ECOM_OK;
}

static int hex_of(const unsigned char hash[crypto_hash_sha256_BYTES], ecom_arena *arena,
                  ecom_str *out)
{
    char *hex = ecom_arena_alloc(arena, ECOM__HASH_HEX + 1);

    if (!hex)
        return ECOM_E_NOMEM;
    sodium_bin2hex(hex, ECOM__HASH_HEX + 1, hash, crypto_hash_sha256_BYTES);
    *out = (ecom_str){hex, ECOM__HASH_HEX};
    return ECOM_OK;
}

/* Keys are a caller's own: the hash is over the caller's length, the caller, and the key. */
static int hash_key(const ecom_caller *caller, ecom_arena *arena, ecom_str *out)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    const uint64_t n = caller->user_id.n;
    crypto_hash_sha256_state state;

    crypto_hash_sha256_init(&state);
    crypto_hash_sha256_update(&state, (const unsigned char *)&n, sizeof(n));
    crypto_hash_sha256_update(&state, (const unsigned char *)caller->user_id.p, n);
    crypto_hash_sha256_update(&state, (const unsigned char *)caller->idempotency_key.p,
                              caller->idempotency_key.n);
    crypto_hash_sha256_final(&state, hash);
    return hex_of(hash, arena, out);
}

/* By value, not by letter: 19.9 and 19.90 are the same request. */
static int hash_request(const struct ecom__creation *creation, ecom_arena *arena, ecom_str *out)
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    ecom_buf json = {0};
    int r = ecom_record_write(creation->request_record, creation->request, ECOM_VIEW_STORE, &json);

    if (r == ECOM_OK) {
        crypto_hash_sha256(hash, (const unsigned char *)json.p, json.n);
        r = hex_of(hash, arena, out);
    }
    ecom_buf_free(&json);
    return r;
}

/* What was made with the key before. NOTFOUND: nothing, or so long ago that the key is free again,
 * which the old document then no longer has. */
static int replay(const struct ecom__creation *creation, void *item, ecom_arena *arena,
                  ecom_error *err)
{
    const struct ecom__collection *c = creation->c;
    uint64_t rev;
    void *former = ecom_arena_alloc(arena, c->record->size);

    if (!former)
        return ecom__nomem(err);
    int r = ecom__load_by(c, ECOM__KEY_FIELD, *key_of(creation, item), arena, former, &rev, err);
    if (r < 0)
        return r;
    if (ecom_env_now_ms(creation->env) - created_at(creation, former) >= ECOM_KEY_TTL_MS) {
        *key_of(creation, former) = *body_of(creation, former) = (ecom_str){NULL, 0};
        r = ecom__save(c, former, rev, NULL, arena, NULL, err);
        return r == ECOM_OK ? ECOM_E_NOTFOUND : r;
    }
    if (!ecom_str_eq(*body_of(creation, former), *body_of(creation, item)))
        return ecom_fail_field(err, ECOM_E_UNPROCESSABLE, HEADER, "was used for another request");
    memcpy(item, former, c->record->size);
    return ECOM_OK;
}

/* Other processes may use the key at the same time: whoever's write comes second clashes in the
 * unique index, and looks again. So does who clashes in another index: what has the value may have
 * been made with this very key. */
static int create_with_key(const struct ecom__creation *creation, void *item, ecom_arena *arena,
                           int *replayed, ecom_error *err)
{
    ecom_error why = {0}, clash = {0};
    int r = ECOM_E_CONFLICT, former = 0;

    for (int i = 0; i < TRIES && (r == ECOM_E_CONFLICT || r == ECOM_E_EXISTS); i++) {
        r = replay(creation, item, arena, &why);
        former = r == ECOM_OK;
        if (r != ECOM_E_NOTFOUND)
            continue;
        if (clash.code) {
            why = clash;
            r = clash.code;
            break;
        }
        r = ecom__save(creation->c, item, 0, creation->event, arena, NULL, &why);
        if (r == ECOM_E_EXISTS && strcmp(why.field, ECOM__KEY_FIELD) != 0)
            clash = why;
    }
    if (r == ECOM_OK)
        *replayed = former;
    else if (r == ECOM_E_CONFLICT || (r == ECOM_E_EXISTS && !clash.code))
        r = ecom_fail_field(err, ECOM_E_CONFLICT, HEADER, "is in use, try again");
    else if (err)
        *err = why;
    return r;
}

int ecom__create(const struct ecom__creation *creation, void *item, ecom_arena *arena,
                 int *replayed, ecom_error *err)
{
    const ecom_caller *caller = creation->caller;
    struct ecom__flight flight;
    int r;

    if (!caller || !caller->idempotency_key.p) {
        r = ecom__save(creation->c, item, 0, creation->event, arena, NULL, err);
        if (r == ECOM_OK)
            *replayed = 0;
        return r;
    }
    if ((r = check_key(caller->idempotency_key, err)) < 0)
        return r;
    if (hash_key(caller, arena, key_of(creation, item)) < 0 ||
        hash_request(creation, arena, body_of(creation, item)) < 0)
        return ecom__nomem(err);
    flight.key = *key_of(creation, item);
    if (!take_off(creation->flights, &flight))
        return ecom_fail_field(err, ECOM_E_CONFLICT, HEADER,
                               "the first request with it is still being answered");
    r = create_with_key(creation, item, arena, replayed, err);
    land(creation->flights, &flight);
    return r;
}
