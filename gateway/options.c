#include "options.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

enum { MAX_FILE = 16 << 20, MAX_ARENA = 256 << 20, SHA_HEX = 2 * crypto_hash_sha256_BYTES };

static int read_file(const char *path, ecom_buf *out, ecom_error *err)
{
    FILE *file = fopen(path, "re");
    size_t n = 1;

    if (!file)
        return ecom_fail(err, ECOM_E_NOTFOUND, "GRAPHQL_TRUSTED_DOCUMENTS: %s: %s", path,
                         strerror(errno));
    while (n && out->n <= MAX_FILE && ecom_buf_reserve(out, 64 << 10) == ECOM_OK) {
        n = fread(out->p + out->n, 1, 64 << 10, file);
        out->n += n;
    }
    int failed = ferror(file);
    fclose(file);
    if (out->n > MAX_FILE)
        return ecom_fail(err, ECOM_E_INVAL, "GRAPHQL_TRUSTED_DOCUMENTS: %s has more than %d MiB",
                         path, MAX_FILE >> 20);
    if (n || failed)
        return ecom_fail(err, ECOM_E_NOMEM, "GRAPHQL_TRUSTED_DOCUMENTS: reading %s", path);
    return ECOM_OK;
}

/* A name is the hash of its text, in hexadecimal, as tools write it that collect documents. */
static int is_hash_of(ecom_str name, ecom_str text)
{
    unsigned char sha[crypto_hash_sha256_BYTES];
    char hex[SHA_HEX + 1];
    const size_t prefix = sizeof("sha256:") - 1;

    if (name.n > prefix && memcmp(name.p, "sha256:", prefix) == 0)
        name = (ecom_str){name.p + prefix, name.n - prefix};
    crypto_hash_sha256(sha, (const unsigned char *)text.p, text.n);
    sodium_bin2hex(hex, sizeof(hex), sha, sizeof(sha));
    return ecom_str_eq(name, ecom_str_of(hex));
}

static int take_texts(const ecom_json *json, const char *path, struct trusted *out, ecom_error *err)
{
    int named = json->kind == ECOM_JSON_OBJECT;

    if (!named && json->kind != ECOM_JSON_ARRAY)
        return ecom_fail(err, ECOM_E_INVAL,
                         "GRAPHQL_TRUSTED_DOCUMENTS: %s must hold a JSON array of texts, or an "
                         "object of texts by their SHA-256",
                         path);
    ecom_str *texts = ecom_arena_alloc(out->arena, json->count * sizeof(*texts));
    if (!texts)
        return ecom_fail(err, ECOM_E_NOMEM, "GRAPHQL_TRUSTED_DOCUMENTS");
    for (const ecom_json *one = json->first; one; one = one->next) {
        if (one->kind != ECOM_JSON_STRING)
            return ecom_fail(err, ECOM_E_INVAL,
                             "GRAPHQL_TRUSTED_DOCUMENTS: %s: document %zu is not a string", path,
                             out->n + 1);
        if (named && !is_hash_of(one->name, one->text))
            return ecom_fail(err, ECOM_E_INVAL,
                             "GRAPHQL_TRUSTED_DOCUMENTS: %s: \"%.*s\" is not the SHA-256 of its "
                             "document",
                             path, (int)(one->name.n < 80 ? one->name.n : 80), one->name.p);
        texts[out->n++] = one->text;
    }
    out->texts = texts;
    return ECOM_OK;
}

int trusted_read(ecom_str path, struct trusted *out, ecom_error *err)
{
    const ecom_json_limits limits = {
        .size = sizeof(limits), .max_bytes = MAX_FILE + 1, .max_keys = 100000, .max_nodes = 200000};
    const ecom_json *json;
    ecom_buf text = {0};
    ecom_error why;

    *out = (struct trusted){0};
    if (!path.n)
        return ECOM_OK;
    int r = read_file(path.p, &text, err);
    if (r == ECOM_OK && !(out->arena = ecom_arena_new(MAX_ARENA)))
        r = ecom_fail(err, ECOM_E_NOMEM, "GRAPHQL_TRUSTED_DOCUMENTS");
    if (r == ECOM_OK &&
        (r = ecom_json_parse(ecom_buf_str(&text), &limits, out->arena, &json, &why)) < 0)
        ecom_fail(err, r, "GRAPHQL_TRUSTED_DOCUMENTS: %s: %s", path.p, why.text);
    if (r == ECOM_OK)
        r = take_texts(json, path.p, out, err);
    ecom_buf_free(&text);
    if (r < 0)
        trusted_free(out);
    return r;
}

void trusted_free(struct trusted *trusted)
{
    ecom_arena_free(trusted->arena);
    *trusted = (struct trusted){0};
}

void options_fill(const struct settings *s, const struct trusted *trusted,
                  ecom_graphql_options *out)
{
    out->limits.size = sizeof(out->limits);
    out->limits.max_depth = (uint32_t)s->graphql_max_depth;
    out->limits.max_aliases = (uint32_t)s->graphql_max_aliases;
    out->limits.max_roots = (uint32_t)s->graphql_max_roots;
    out->limits.max_directives = (uint32_t)s->graphql_max_directives;
    out->limits.max_tokens = (uint32_t)s->graphql_max_tokens;
    out->limits.max_cost = (uint32_t)s->graphql_max_cost;
    out->no_introspection = s->graphql_introspection == INTROSPECTION_OFF;
    out->incremental = s->graphql_incremental == INCREMENTAL_ON;
    out->persisted =
        trusted->arena ? ECOM_GRAPHQL_PERSISTED_TRUSTED : ECOM_GRAPHQL_PERSISTED_AUTOMATIC;
    out->trusted = trusted->texts;
    out->ntrusted = trusted->n;
}

void options_fill_http(const struct settings *s, ecom_graphql_http *out)
{
    out->max_batch = (uint32_t)s->graphql_max_batch;
    out->unprocessable = s->graphql_invalid_status == INVALID_STATUS_422;
}
