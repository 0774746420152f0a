/* Documents by their SHA-256: those that clients taught (automatic persisted queries), and those
 * that were given at opening (trusted documents). */
#include "graphql/persisted.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* ---- trusted documents */

static int compare(const void *a, const void *b)
{
    return memcmp(((const struct gql_trusted *)a)->sha, ((const struct gql_trusted *)b)->sha,
                  GQL_SHA_BYTES);
}

static int trust(ecom_graphql *g, ecom_str text, size_t number, ecom_error *err)
{
    struct gql_trusted *t = &g->trusted[g->ntrusted];
    ecom_graphql_outcome outcome;
    ecom_buf response = {0};
    ecom_error why;
    int r = ecom__gql_prepare(g, text, &t->document, &response, &outcome, &why);

    ecom_buf_free(&response);
    if (r < 0)
        return ecom_fail(err, r, "trusted document %zu: %s", number, why.text);
    crypto_hash_sha256(t->sha, (const unsigned char *)text.p, text.n);
    g->ntrusted++;
    return ECOM_OK;
}

int ecom__gql_trust(ecom_graphql *g, const ecom_graphql_options *options, ecom_error *err)
{
    int r = ECOM_OK;

    if (options->ntrusted == 0)
        return ECOM_OK;
    if (!(g->trusted = calloc(options->ntrusted, sizeof(*g->trusted))))
        return ecom_fail(err, ECOM_E_NOMEM, "opening a GraphQL schema");
    for (size_t i = 0; i < options->ntrusted && r == ECOM_OK; i++)
        r = trust(g, options->trusted[i], i + 1, err);
    if (r == ECOM_OK)
        qsort(g->trusted, g->ntrusted, sizeof(*g->trusted), compare);
    return r;
}

void ecom__gql_trust_clear(ecom_graphql *g)
{
    for (size_t i = 0; i < g->ntrusted; i++)
        ecom_graphql_document_unref(g->trusted[i].document);
    free(g->trusted);
}

static ecom_graphql_document *find_trusted(const ecom_graphql *g, const uint8_t *sha)
{
    struct gql_trusted key, *found;

    if (g->ntrusted == 0)
        return NULL;
    memcpy(key.sha, sha, GQL_SHA_BYTES);
    found = bsearch(&key, g->trusted, g->ntrusted, sizeof(key), compare);
    return found ? ecom_graphql_document_ref(found->document) : NULL;
}

/* ---- what a request asks for */

struct wish {
    ecom_str text; /* p NULL: none */
    uint8_t sha[GQL_SHA_BYTES];
    int by_sha;
};

static int read_sha(ecom_str hex, struct wish *wish)
{
    size_t n = 0;

    wish->by_sha = 1;
    return hex.n == 2 * GQL_SHA_BYTES &&
           sodium_hex2bin(wish->sha, GQL_SHA_BYTES, hex.p, hex.n, NULL, &n, NULL) == 0 &&
           n == GQL_SHA_BYTES;
}

static int is_string(const ecom_json *json)
{
    return json && json->kind == ECOM_JSON_STRING;
}

/* `extensions.persistedQuery`, or `documentId` as newer drafts have it. NULL: it is in order. */
static const char *read_wish(const ecom_json *body, struct wish *wish)
{
    static const char prefix[] = "sha256:";
    const ecom_json *query = ecom_json_get(body, "query"), *id = ecom_json_get(body, "documentId");
    const ecom_json *persisted = ecom_json_get(ecom_json_get(body, "extensions"), "persistedQuery");

    if (is_string(query))
        wish->text = (ecom_str){query->text.p ? query->text.p : "", query->text.n};
    if (persisted && persisted->kind != ECOM_JSON_NULL) {
        const ecom_json *hash = ecom_json_get(persisted, "sha256Hash");
        if (!is_string(hash) || !read_sha(hash->text, wish))
            return "\"extensions.persistedQuery.sha256Hash\" must be a SHA-256 in hexadecimal.";
    } else if (id && id->kind != ECOM_JSON_NULL) {
        const size_t n = sizeof(prefix) - 1;
        if (!is_string(id) || id->text.n < n || memcmp(id->text.p, prefix, n) != 0 ||
            !read_sha((ecom_str){id->text.p + n, id->text.n - n}, wish))
            return "\"documentId\" must be \"sha256:\" and a SHA-256 in hexadecimal.";
    }
    if (!wish->text.p && !wish->by_sha)
        return "Must provide query string.";
    return NULL;
}

struct answer {
    ecom_buf *out;
    ecom_graphql_outcome *outcome;
    ecom_error *err;
};

static int refuse(const struct answer *a, ecom_graphql_outcome outcome, const char *code,
                  const char *message)
{
    if (ecom__gql_refuse_request(a->out, code, message) < 0)
        return ecom_fail(a->err, ECOM_E_NOMEM, "answering a GraphQL request");
    *a->outcome = outcome;
    return ECOM_OK;
}

static int find_by_sha(ecom_graphql *g, const struct wish *wish, const struct answer *a,
                       ecom_graphql_document **out)
{
    if (g->options.persisted != ECOM_GRAPHQL_PERSISTED_AUTOMATIC)
        return refuse(a, ECOM_GRAPHQL_REFUSED, "PERSISTED_QUERY_NOT_SUPPORTED",
                      "PersistedQueryNotSupported");
    *out = ecom__gql_cache_get_sha(&g->cache, wish->sha);
    return *out ? ECOM_OK
                : refuse(a, ECOM_GRAPHQL_REFUSED, "PERSISTED_QUERY_NOT_FOUND",
                         "PersistedQueryNotFound");
}

static int find_by_text(ecom_graphql *g, const struct wish *wish, const struct answer *a,
                        ecom_graphql_document **out)
{
    int r = ecom__gql_prepare(g, wish->text, out, a->out, a->outcome, a->err);

    if (r < 0)
        return r == ECOM_E_NOMEM ? r : ECOM_OK;
    if (wish->by_sha && g->options.persisted == ECOM_GRAPHQL_PERSISTED_AUTOMATIC)
        ecom__gql_cache_name(&g->cache, *out, wish->sha);
    return ECOM_OK;
}

int ecom__gql_find_document(ecom_graphql *g, const ecom_json *body, ecom_graphql_document **out,
                            ecom_buf *response, ecom_graphql_outcome *outcome, ecom_error *err)
{
    const struct answer a = {response, outcome, err};
    struct wish wish = {.by_sha = 0};
    uint8_t sha[GQL_SHA_BYTES];
    const char *wrong = read_wish(body, &wish);

    *out = NULL;
    if (wrong)
        return refuse(&a, ECOM_GRAPHQL_MALFORMED, "BAD_REQUEST", wrong);
    if (wish.text.p && (wish.by_sha || g->options.persisted == ECOM_GRAPHQL_PERSISTED_TRUSTED)) {
        crypto_hash_sha256(sha, (const unsigned char *)wish.text.p, wish.text.n);
        if (wish.by_sha && memcmp(sha, wish.sha, sizeof(sha)) != 0)
            return refuse(&a, ECOM_GRAPHQL_MALFORMED, "PERSISTED_QUERY_HASH_MISMATCH",
                          "The hash is not that of the query.");
        memcpy(wish.sha, sha, sizeof(sha));
    }
    if (g->options.persisted == ECOM_GRAPHQL_PERSISTED_TRUSTED) {
        *out = find_trusted(g, wish.sha);
        return *out ? ECOM_OK
                    : refuse(&a, ECOM_GRAPHQL_REFUSED, "DOCUMENT_NOT_TRUSTED",
                             "Only trusted documents run here, and this is none of them.");
    }
    return wish.text.p ? find_by_text(g, &wish, &a, out) : find_by_sha(g, &wish, &a, out);
}
