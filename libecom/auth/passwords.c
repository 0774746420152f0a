#include "ecom/auth.h"

#include <inttypes.h>
#include <pthread.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/options.h"

enum {
    MIN_KIB = 8192,
    MAX_KIB = 1 << 20,
    MAX_PASSES = 10,
    MAX_CONCURRENT = 64,
    MAX_WAITING = 4096,
    BUSY_RETRY_MS = 1000,
    SALT_BYTES = crypto_pwhash_argon2id_SALTBYTES,
    RESULT_BYTES = 32, /* as libsodium writes them */
    BASE64 = sodium_base64_VARIANT_ORIGINAL_NO_PADDING
};

/* A queue in the order of coming: each takes a ticket, the next number, and works once that is
 * below `finished + max_concurrent`. */
struct ecom_passwords {
    ecom_password_options opts;
    char nobody[crypto_pwhash_STRBYTES]; /* a hash of no password, for unknown accounts */
    pthread_mutex_t lock;
    pthread_cond_t moved;
    uint64_t taken, finished;
};

static int check_option(uint32_t value, uint32_t least, uint32_t most, const char *name,
                        ecom_error *err)
{
    if (value < least || value > most)
        return ecom_fail_field(err, ECOM_E_INVAL, name,
                               "must be %" PRIu32 " to %" PRIu32 ", is %" PRIu32, least, most,
                               value);
    return ECOM_OK;
}

static int read_options(const ecom_password_options *given, ecom_password_options *out,
                        ecom_error *err)
{
    ecom_password_options o;
    int r;

    ecom__options_copy(&o, sizeof(o), given);
    o.memory_kib = o.memory_kib ? o.memory_kib : 19456;
    o.passes = o.passes ? o.passes : 2;
    o.max_concurrent = o.max_concurrent ? o.max_concurrent : 2;
    o.max_waiting = o.max_waiting ? o.max_waiting : 64;
    if ((r = check_option(o.memory_kib, MIN_KIB, MAX_KIB, "memory_kib", err)) < 0 ||
        (r = check_option(o.passes, 1, MAX_PASSES, "passes", err)) < 0 ||
        (r = check_option(o.max_concurrent, 1, MAX_CONCURRENT, "max_concurrent", err)) < 0 ||
        (r = check_option(o.max_waiting, 1, MAX_WAITING, "max_waiting", err)) < 0)
        return r;
    *out = o;
    return ECOM_OK;
}

/* A well-formed hash with our parameters and a random result: to check a password against it costs
 * what a real one costs, and to make it costs nothing. */
static void make_nobody(struct ecom_passwords *p)
{
    unsigned char salt[SALT_BYTES], result[RESULT_BYTES];
    char salt64[sodium_base64_ENCODED_LEN(SALT_BYTES, BASE64)],
        result64[sodium_base64_ENCODED_LEN(RESULT_BYTES, BASE64)];

    randombytes_buf(salt, sizeof(salt));
    randombytes_buf(result, sizeof(result));
    sodium_bin2base64(salt64, sizeof(salt64), salt, sizeof(salt), BASE64);
    sodium_bin2base64(result64, sizeof(result64), result, sizeof(result), BASE64);
    snprintf(p->nobody, sizeof(p->nobody), "$argon2id$v=19$m=%" PRIu32 ",t=%" PRIu32 ",p=1$%s$%s",
             p->opts.memory_kib, p->opts.passes, salt64, result64);
}

int ecom_passwords_new(const ecom_password_options *opts, ecom_passwords **out, ecom_error *err)
{
    ecom_password_options o;
    int r = read_options(opts, &o, err);

    if (r < 0)
        return r;
    if (sodium_init() < 0)
        return ecom_fail(err, ECOM_E_BACKEND, "libsodium does not start");
    struct ecom_passwords *p = calloc(1, sizeof(*p));
    if (!p)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for passwords");
    p->opts = o;
    pthread_mutex_init(&p->lock, NULL);
    pthread_cond_init(&p->moved, NULL);
    make_nobody(p);
    *out = p;
    return ECOM_OK;
}

void ecom_passwords_free(ecom_passwords *passwords)
{
    if (!passwords)
        return;
    pthread_cond_destroy(&passwords->moved);
    pthread_mutex_destroy(&passwords->lock);
    free(passwords);
}

/* Waits for a place. Whoever got one calls leave(). */
static int enter(struct ecom_passwords *p, ecom_error *err)
{
    uint64_t places = p->opts.max_concurrent;

    pthread_mutex_lock(&p->lock);
    uint64_t ticket = p->taken;
    if (ticket >= p->finished + places + p->opts.max_waiting) {
        pthread_mutex_unlock(&p->lock);
        ecom_fail(err, ECOM_E_RATE, "too many passwords are being checked: %" PRIu32 " wait",
                  p->opts.max_waiting);
        if (err)
            err->retry_after_ms = BUSY_RETRY_MS;
        return ECOM_E_RATE;
    }
    p->taken++;
    while (ticket >= p->finished + places)
        pthread_cond_wait(&p->moved, &p->lock);
    pthread_mutex_unlock(&p->lock);
    return ECOM_OK;
}

static void leave(struct ecom_passwords *p)
{
    pthread_mutex_lock(&p->lock);
    p->finished++;
    pthread_cond_broadcast(&p->moved);
    pthread_mutex_unlock(&p->lock);
}

static int is_length(ecom_str password)
{
    return password.n >= ECOM_PASSWORD_MIN && password.n <= ECOM_PASSWORD_MAX;
}

int ecom_password_hash(ecom_passwords *passwords, ecom_str password, ecom_buf *hash,
                       ecom_error *err)
{
    char out[crypto_pwhash_STRBYTES];
    int r;

    if (!is_length(password))
        return ecom_fail_field(err, ECOM_E_INVAL, "password", "must be %d to %d bytes long, is %zu",
                               ECOM_PASSWORD_MIN, ECOM_PASSWORD_MAX, password.n);
    if ((r = enter(passwords, err)) < 0)
        return r;
    r = crypto_pwhash_argon2id_str(out, password.p, password.n, passwords->opts.passes,
                                   (size_t)passwords->opts.memory_kib * 1024);
    leave(passwords);
    if (r != 0 || ecom_buf_append(hash, ecom_str_of(out)) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory to hash a password");
    return ECOM_OK;
}

/* What a hash says: how it was made, and what came out. */
struct known {
    uint32_t kib, passes;
    unsigned char salt[SALT_BYTES], result[RESULT_BYTES];
};

static int read_base64(const char *text, unsigned char *out, size_t n)
{
    size_t got = 0;

    return sodium_base642bin(out, n, text, strlen(text), NULL, &got, NULL, BASE64) == 0 && got == n;
}

/* Bounded: a damaged hash must not cost a gigabyte. */
static int read_hash(ecom_str hash, struct known *out)
{
    char copy[crypto_pwhash_STRBYTES] = "", salt[23], result[44];
    int end = 0;

    if (hash.n >= sizeof(copy))
        return 0;
    memcpy(copy, hash.p, hash.n);
    return sscanf(copy,
                  "$argon2id$v=19$m=%7" SCNu32 ",t=%2" SCNu32 ",p=1$%22[A-Za-z0-9+/]$"
                  "%43[A-Za-z0-9+/]%n",
                  &out->kib, &out->passes, salt, result, &end) == 4 &&
           (size_t)end == hash.n && out->kib >= 8 && out->kib <= MAX_KIB && out->passes >= 1 &&
           out->passes <= MAX_PASSES && read_base64(salt, out->salt, SALT_BYTES) &&
           read_base64(result, out->result, RESULT_BYTES);
}

/* Not crypto_pwhash_argon2id_str_verify(): that calls a password wrong also when there is no memory
 * to hash it. */
int ecom_password_verify(ecom_passwords *passwords, ecom_str password, ecom_str hash, int *stale,
                         ecom_error *err)
{
    unsigned char result[RESULT_BYTES];
    struct known known;
    int r;

    if (!read_hash(hash.n ? hash : ecom_str_of(passwords->nobody), &known))
        return ecom_fail(err, ECOM_E_CORRUPT, "the stored password hash cannot be read");
    if (!is_length(password))
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "wrong e-mail address or password");
    if ((r = enter(passwords, err)) < 0)
        return r;
    r = crypto_pwhash_argon2id(result, sizeof(result), password.p, password.n, known.salt,
                               known.passes, (size_t)known.kib * 1024,
                               crypto_pwhash_argon2id_ALG_ARGON2ID13);
    leave(passwords);

    if (r != 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory to check a password");
    if (sodium_memcmp(result, known.result, sizeof(result)) != 0 || hash.n == 0)
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "wrong e-mail address or password");
    if (stale)
        *stale = known.kib < passwords->opts.memory_kib || known.passes < passwords->opts.passes;
    return ECOM_OK;
}
