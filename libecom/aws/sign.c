#include "aws/sign.h"

#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "aws/name.h"
#include "ecom/env.h"

#define ALGORITHM "AWS4-HMAC-SHA256"

enum { HASH = crypto_hash_sha256_BYTES, HEX = 2 * HASH + 1 };

void ecom__aws_time(int64_t now_ms, char out[17])
{
    char iso[25];

    ecom_time_format(now_ms, iso); /* 2026-11-22T21:55:00.000Z */
    snprintf(out, 17, "%.4s%.2s%.2sT%.2s%.2s%.2sZ", iso, iso + 5, iso + 8, iso + 11, iso + 14,
             iso + 17);
}

static void hash_hex(ecom_str bytes, char out[HEX])
{
    unsigned char hash[HASH];

    crypto_hash_sha256(hash, (const unsigned char *)bytes.p, bytes.n);
    sodium_bin2hex(out, HEX, hash, HASH);
}

static void hmac(const unsigned char *key, size_t n, ecom_str text, unsigned char out[HASH])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, key, n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&state, out);
    sodium_memzero(&state, sizeof(state));
}

/* "content-type;host;x-amz-date" */
static int append_names(const struct aws_signing *in, ecom_buf *out)
{
    int r = ECOM_OK;

    for (size_t i = 0; r == ECOM_OK && i < in->nheaders; i++)
        r = ecom_buf_printf(out, "%s%.*s", i ? ";" : "", (int)in->headers[i].name.n,
                            in->headers[i].name.p);
    return r;
}

/* Every service but S3 has the path encoded once more than it is sent. */
static int append_canonical(const struct aws_signing *in, ecom_buf *out)
{
    char hash[HEX];
    int r = ecom_buf_printf(out, "%s\n", in->method);

    for (const char *p = in->path; r == ECOM_OK && *p;) {
        size_t n = strcspn(p, "/");
        r = ecom__aws_encode(out, (ecom_str){p, n});
        if (r == ECOM_OK && p[n])
            r = ecom_buf_append(out, ecom_str_of("/"));
        p += n + (p[n] != '\0');
    }
    if (r == ECOM_OK)
        r = ecom_buf_printf(out, "\n%s\n", in->query);
    for (size_t i = 0; r == ECOM_OK && i < in->nheaders; i++)
        r = ecom_buf_printf(out, "%.*s:%.*s\n", (int)in->headers[i].name.n, in->headers[i].name.p,
                            (int)in->headers[i].value.n, in->headers[i].value.p);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("\n"));
    if (r == ECOM_OK)
        r = append_names(in, out);
    hash_hex(in->body, hash);
    return r == ECOM_OK ? ecom_buf_printf(out, "\n%s", hash) : r;
}

/* "20261122/eu-central-1/lambda/aws4_request" */
static void scope_of(const struct aws_signing *in, char *out, size_t size)
{
    snprintf(out, size, "%.8s/%.*s/%s/aws4_request", in->time, (int)in->region.n, in->region.p,
             in->service);
}

static int signing_key(const struct aws_signing *in, ecom_str secret, unsigned char key[HASH])
{
    ecom_buf first = {0};

    if (ecom_buf_append(&first, ecom_str_of("AWS4")) < 0 || ecom_buf_append(&first, secret) < 0) {
        ecom_buf_free(&first);
        return ECOM_E_NOMEM;
    }
    hmac((const unsigned char *)first.p, first.n, (ecom_str){in->time, 8}, key);
    hmac(key, HASH, in->region, key);
    hmac(key, HASH, ecom_str_of(in->service), key);
    hmac(key, HASH, ecom_str_of("aws4_request"), key);
    sodium_memzero(first.p, first.n);
    ecom_buf_free(&first);
    return ECOM_OK;
}

int ecom__aws_sign(const struct aws_signing *in, const struct aws_credentials *who, ecom_buf *out)
{
    char scope[128], hash[HEX], text[512], hex[HEX];
    unsigned char key[HASH], signature[HASH];
    ecom_buf canonical = {0};
    size_t before = out->n;

    scope_of(in, scope, sizeof(scope));
    int r = append_canonical(in, &canonical);
    if (r == ECOM_OK) {
        hash_hex(ecom_buf_str(&canonical), hash);
        snprintf(text, sizeof(text), ALGORITHM "\n%s\n%s\n%s", in->time, scope, hash);
        r = signing_key(in, who->secret, key);
    }
    if (canonical.p)
        sodium_memzero(canonical.p, canonical.n); /* it has the session token */
    ecom_buf_free(&canonical);
    if (r == ECOM_OK)
        r = ecom_buf_printf(out,
                            ALGORITHM " Credential=%.*s/%s, SignedHeaders=", (int)who->key_id.n,
                            who->key_id.p, scope);
    if (r == ECOM_OK)
        r = append_names(in, out);
    if (r == ECOM_OK) {
        hmac(key, HASH, ecom_str_of(text), signature);
        sodium_bin2hex(hex, sizeof(hex), signature, HASH);
        r = ecom_buf_printf(out, ", Signature=%s", hex);
    }
    sodium_memzero(key, sizeof(key));
    if (r < 0)
        out->n = before;
    return r;
}
