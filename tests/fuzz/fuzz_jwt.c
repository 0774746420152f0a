/* The first byte of an input says what the rest is. `T`: a whole token. Anything else: a header, a
 * newline and a payload, which are signed as they should be, so that what is behind the signature
 * is reached. */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/auth.h"

enum { NOW = 1790000000, VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };

#define SECRET "0123456789abcdef0123456789abcdef"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int64_t now_us(void *self)
{
    (void)self;
    return INT64_C(1000000) * NOW;
}

static void random_bytes(void *self, void *out, size_t n)
{
    (void)self;
    memset(out, 7, n);
}

static const ecom_env env = {NULL, now_us, now_us, random_bytes};

static size_t append(char *to, const uint8_t *bytes, size_t n)
{
    sodium_bin2base64(to, sodium_base64_encoded_len(n, VARIANT), bytes, n, VARIANT);
    return strlen(to);
}

static size_t sign(const uint8_t *data, size_t n, char *token)
{
    const uint8_t *newline = memchr(data, '\n', n);
    size_t header = newline ? (size_t)(newline - data) : n, at = append(token, data, header);
    uint8_t mac[crypto_auth_hmacsha256_BYTES];

    token[at++] = '.';
    at += newline ? append(token + at, newline + 1, n - header - 1) : 0;
    crypto_auth_hmacsha256(mac, (const uint8_t *)token, at, (const uint8_t *)SECRET);
    token[at++] = '.';
    return at + append(token + at, mac, sizeof(mac));
}

static void check(const ecom_jwt *jwt, ecom_str token)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_claims claims;
    ecom_error e;
    int r = ecom_jwt_verify(jwt, token, arena, &claims, &e);

    if (r == ECOM_OK ? claims.sub.n == 0 || claims.sub.n > 255 || claims.expires_at_s <= NOW - 30 ||
                           claims.issued_at_s > NOW + 30 || token.n > ECOM_JWT_MAX_BYTES
                     : r != ECOM_E_UNAUTHENTICATED || strncmp(e.text, "the token ", 10) != 0)
        abort();
    ecom_arena_free(arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static ecom_jwt *jwt;
    const ecom_jwt_options options = {
        .size = sizeof(options), .secret = {SECRET, sizeof(SECRET) - 1}, .env = &env};

    if (!jwt && ecom_jwt_new(&options, &jwt, NULL) < 0)
        abort();
    if (n == 0 || *data == 'T')
        check(jwt, (ecom_str){(const char *)data + (n > 0), n ? n - 1 : 0});
    else if (n <= 8192) {
        char *token = malloc(2 * n + 128);
        if (!token)
            abort();
        check(jwt, (ecom_str){token, sign(data + 1, n - 1, token)});
        free(token);
    }
    return 0;
}
