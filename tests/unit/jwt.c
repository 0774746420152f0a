#include "check.h"

#include <jwt.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ecom/auth.h"

enum { NOW = 1790000000, LEEWAY = 30 };

#define SECRET "0123456789abcdef0123456789abcdef"
#define OLD_SECRET "fedcba9876543210fedcba9876543210"
#define HEADER "{\"alg\":\"HS256\",\"typ\":\"JWT\"}"
#define CLAIMS(more_) "{\"sub\":\"u1\",\"iss\":\"libecom\",\"exp\":1790000100" more_ "}"

static struct check_world world;
static ecom_arena *arena;
static ecom_jwt *jwt;
static ecom_claims claims;
static ecom_error e;

static int setup(const char *secret, const char *previous)
{
    check_world_init(&world, 1);
    ecom_arena_free(arena);
    ecom_jwt_free(jwt);
    arena = ecom_arena_new(0);
    jwt = NULL;
    return ecom_jwt_new(
        &(ecom_jwt_options){
            .size = sizeof(ecom_jwt_options),
            .secret = ecom_str_of(secret),
            .previous_secret = ecom_str_of(previous),
            .env = &world.env,
        },
        &jwt, &e);
}

static void teardown(void)
{
    ecom_arena_free(arena);
    ecom_jwt_free(jwt);
    arena = NULL;
    jwt = NULL;
}

static char *base64(const void *bytes, size_t n, char *out)
{
    enum { VARIANT = sodium_base64_VARIANT_URLSAFE_NO_PADDING };
    size_t room = sodium_base64_encoded_len(n, VARIANT);

    sodium_bin2base64(out, room, bytes, n, VARIANT);
    return out + room - 1;
}

/* A token with any header and payload, truly signed with HMAC-SHA256. */
static const char *forge(ecom_str header, ecom_str payload, const char *secret)
{
    static char token[16384];
    unsigned char mac[32];
    crypto_auth_hmacsha256_state state;
    char *end = base64(header.p, header.n, token);

    *end++ = '.';
    end = base64(payload.p, payload.n, end);
    crypto_auth_hmacsha256_init(&state, (const unsigned char *)secret, strlen(secret));
    crypto_auth_hmacsha256_update(&state, (unsigned char *)token, (size_t)(end - token));
    crypto_auth_hmacsha256_final(&state, mac);
    *end++ = '.';
    base64(mac, sizeof(mac), end);
    return token;
}

static int verify(const char *token)
{
    return ecom_jwt_verify(jwt, ecom_str_of(token), arena, &claims, &e);
}

static int verify_forged(const char *header, const char *payload)
{
    return verify(forge(ecom_str_of(header), ecom_str_of(payload), SECRET));
}

static const char *issued(const char *sub, const char *email)
{
    static ecom_buf token;

    token.n = 0;
    if (ecom_jwt_issue(jwt, ecom_str_of(sub), ecom_str_of(email), &token, NULL, &e) < 0)
        return "";
    return token.p;
}

static void a_token_comes_back_as_its_claims(void)
{
    ecom_buf token = {0};
    int64_t end = 0;

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    CHECK_CODE(ECOM_OK, ecom_jwt_issue(jwt, S("u1"), S("a@b.example"), &token, &end, &e), e);
    CHECK_CODE(ECOM_OK, ecom_jwt_verify(jwt, ecom_buf_str(&token), arena, &claims, &e), e);
    CHECK_STR("u1", claims.sub);
    CHECK_STR("a@b.example", claims.email);
    CHECK(ecom_id_valid(claims.jti), "jti");
    CHECK_I64(NOW, claims.issued_at_s);
    CHECK_I64(NOW + 86400, claims.expires_at_s);
    CHECK_I64(end, claims.expires_at_s);
    ecom_buf_free(&token);

    CHECK_CODE(ECOM_OK, verify(issued("\xC3\xA9\"\\/ \xF0\x9F\x98\x80", "")), e);
    CHECK_STR("\xC3\xA9\"\\/ \xF0\x9F\x98\x80", claims.sub);
    CHECK_U64(0, claims.email.n);
    teardown();
}

static void no_two_tokens_are_the_same(void)
{
    char first[1024];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    snprintf(first, sizeof(first), "%s", issued("u1", ""));
    CHECK(strcmp(first, issued("u1", "")) != 0, "the same");
    teardown();
}

static void secrets_of_other_lengths_are_refused_by_name_only(void)
{
    static char long_secret[ECOM_JWT_MAX_SECRET + 2];

    CHECK_CODE(ECOM_E_INVAL, setup("", NULL), e);
    CHECK_STR("JWT_SECRET", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, setup("0123456789abcdef0123456789abcde", NULL), e);
    CHECK_STR("JWT_SECRET: must be at least 32 bytes, is 31", ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_INVAL, setup(SECRET, "short"), e);
    CHECK_STR("JWT_PREVIOUS_SECRET: must be at least 32 bytes, is 5", ecom_str_of(e.text));
    memset(long_secret, 'x', ECOM_JWT_MAX_SECRET + 1);
    CHECK_CODE(ECOM_E_INVAL, setup(long_secret, NULL), e);
    CHECK_TEXT("at most 1024 bytes, is 1025", e);
    long_secret[ECOM_JWT_MAX_SECRET] = '\0';
    CHECK_CODE(ECOM_OK, setup(long_secret, NULL), e);
    CHECK_CODE(ECOM_OK, verify(issued("u1", "")), e);
    teardown();
}

static void options_out_of_range_are_refused(void)
{
    char issuer[257];
    ecom_jwt_options good = {.size = sizeof(good), .secret = S(SECRET)}, o = good;

    memset(issuer, 'i', sizeof(issuer));
    o.ttl_s = -1;
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_new(&o, &jwt, &e), e);
    o.ttl_s = INT64_C(10) * 366 * 86400 + 1;
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_new(&o, &jwt, &e), e);
    o = good;
    o.leeway_s = 301;
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_new(&o, &jwt, &e), e);
    CHECK_STR("leeway_s", ecom_str_of(e.field));
    o = good;
    o.issuer = (ecom_str){issuer, 256};
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_new(&o, &jwt, &e), e);
    o.issuer.n = 255;
    CHECK_CODE(ECOM_OK, ecom_jwt_new(&o, &jwt, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_new(NULL, &jwt, &e), e);
    teardown();
    ecom_jwt_free(NULL);
}

static void what_cannot_be_a_claim_is_not_issued(void)
{
    char big[257];
    ecom_buf token = {0};

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    memset(big, 'x', sizeof(big));
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_issue(jwt, S(""), S(""), &token, NULL, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_issue(jwt, (ecom_str){big, 256}, S(""), &token, NULL, &e), e);
    CHECK_STR("sub: must be at most 255 bytes, is 256", ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_issue(jwt, S("u"), (ecom_str){big, 256}, &token, NULL, &e),
               e);
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_issue(jwt, S("u\0v"), S(""), &token, NULL, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_jwt_issue(jwt, S("u\xFF"), S(""), &token, NULL, &e), e);
    CHECK_U64(0, token.n);
    memset(big, '"', sizeof(big)); /* the longest there is, when escaped */
    CHECK_CODE(ECOM_OK,
               ecom_jwt_issue(jwt, (ecom_str){big, 255}, (ecom_str){big, 255}, &token, NULL, &e),
               e);
    CHECK_CODE(ECOM_OK, ecom_jwt_verify(jwt, ecom_buf_str(&token), arena, &claims, &e), e);
    CHECK_U64(255, claims.email.n);
    ecom_buf_free(&token);
    teardown();
}

static void only_a_header_that_says_hs256_to_the_letter_is_taken(void)
{
    static const char *const bad[] = {
        "{\"alg\":\"none\"}",
        "{\"alg\":\"None\",\"typ\":\"JWT\"}",
        "{\"alg\":\"NONE\"}",
        "{\"alg\":\"nOnE\"}",
        "{\"alg\":\"\"}",
        "{\"alg\":\"hs256\"}",
        "{\"alg\":\"Hs256\"}",
        "{\"alg\":\"HS256 \"}",
        "{\"alg\":\"HS256\\u0000\"}",
        "{\"alg\":\"HS384\"}",
        "{\"alg\":\"HS512\"}",
        "{\"alg\":\"RS256\"}",
        "{\"alg\":\"ES256\"}",
        "{\"alg\":\"PS256\"}",
        "{\"alg\":\"EdDSA\"}",
        "{\"typ\":\"JWT\"}",
        "{\"alg\":null}",
        "{\"alg\":256}",
        "{\"alg\":true}",
        "{\"alg\":[\"HS256\"]}",
        "{\"alg\":{\"alg\":\"HS256\"}}",
        "{\"ALG\":\"HS256\"}",
        "{\"alg\":\"none\",\"alg\":\"HS256\"}",
        "{\"alg\":\"HS256\",\"alg\":\"none\"}",
        "{\"alg\":\"HS256\",\"a\\u006cg\":\"none\"}",
        "{\"alg\":\"HS256\",\"typ\":\"JWE\"}",
        "{\"alg\":\"HS256\",\"typ\":\"x\"}",
        "{\"alg\":\"HS256\",\"typ\":1}",
        "{\"alg\":\"HS256\",\"crit\":[\"b64\"],\"b64\":false}",
        "{\"alg\":\"HS256\",\"crit\":[]}",
        "{\"alg\":\"HS256\",\"kid\":7}",
        "{\"alg\":\"HS256\",\"kid\":\"unknown\"}",
        "{\"alg\":\"HS256\",\"kid\":\"../../dev/null\"}",
        "[\"HS256\"]",
        "\"HS256\"",
        "null",
        "{}",
        "{\"alg\":\"HS256\"",
        "{\"alg\":\"HS256\"}x",
        "{'alg':'HS256'}",
        "",
    };

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    CHECK_CODE(ECOM_OK, verify_forged(HEADER, CLAIMS("")), e);
    CHECK_CODE(ECOM_OK, verify_forged("{\"alg\":\"HS256\"}", CLAIMS("")), e);
    CHECK_CODE(ECOM_OK, verify_forged("{\"typ\":\"jwt\",\"alg\":\"HS256\"}", CLAIMS("")), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(verify_forged(bad[i], CLAIMS("")) == ECOM_E_UNAUTHENTICATED, "took %s", bad[i]);
    teardown();
}

/* Signed by libjwt itself, as the strongest of wrong algorithms. */
static void truly_signed_with_another_hmac_it_is_refused(void)
{
    static const jwt_alg_t algs[] = {JWT_ALG_HS384, JWT_ALG_HS512, JWT_ALG_NONE, JWT_ALG_HS256};

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (size_t i = 0; i < 4; i++) {
        jwt_t *other = NULL;
        CHECK(jwt_new(&other) == 0, "libjwt");
        jwt_set_alg(other, algs[i], algs[i] == JWT_ALG_NONE ? NULL : (unsigned char *)SECRET,
                    algs[i] == JWT_ALG_NONE ? 0 : 32);
        jwt_add_grants_json(other, CLAIMS(""));
        char *token = jwt_encode_str(other);
        CHECK_CODE(i == 3 ? ECOM_OK : ECOM_E_UNAUTHENTICATED, verify(token), e);
        free(token);
        jwt_free(other);
    }
    teardown();
}

static void any_altered_byte_is_refused(void)
{
    char token[1024];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    snprintf(token, sizeof(token), "%s", issued("u1", "a@b.example"));
    for (size_t i = 0; token[i]; i++) {
        char was = token[i];
        static const char others[] = "Aaz09-_.=+/ \n";
        for (const char *other = others; *other; other++) {
            if (*other == was)
                continue;
            token[i] = *other;
            CHECK(verify(token) == ECOM_E_UNAUTHENTICATED, "byte %zu as %c", i, *other);
        }
        token[i] = was;
    }
    CHECK_CODE(ECOM_OK, verify(token), e);
    teardown();
}

static void cut_or_extended_tokens_are_refused(void)
{
    char token[1024], other[1100];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    snprintf(token, sizeof(token), "%s", issued("u1", ""));
    size_t n = strlen(token);
    for (size_t i = 0; i < n; i++)
        CHECK(ecom_jwt_verify(jwt, (ecom_str){token, i}, arena, &claims, &e) ==
                  ECOM_E_UNAUTHENTICATED,
              "cut to %zu", i);
    static const char *const tails[] = {"=", "==", "\n", " ", ".", ".x", "A", ".e30", "\r\n"};
    for (size_t i = 0; i < sizeof(tails) / sizeof(tails[0]); i++) {
        snprintf(other, sizeof(other), "%s%s", token, tails[i]);
        CHECK(verify(other) == ECOM_E_UNAUTHENTICATED, "took tail %zu", i);
    }
    snprintf(other, sizeof(other), " %s", token);
    CHECK(verify(other) == ECOM_E_UNAUTHENTICATED, "a space before it");
    snprintf(other, sizeof(other), "Bearer %s", token);
    CHECK(verify(other) == ECOM_E_UNAUTHENTICATED, "Bearer");
    CHECK(ecom_jwt_verify(jwt, (ecom_str){token, n + 1}, arena, &claims, &e) ==
              ECOM_E_UNAUTHENTICATED,
          "a NUL behind it");
    *strrchr(token, '.') = '\0';
    CHECK(verify(token) == ECOM_E_UNAUTHENTICATED, "stripped of its signature");
    strcat(token, ".");
    CHECK(verify(token) == ECOM_E_UNAUTHENTICATED, "an empty signature");
    CHECK(verify("..") == ECOM_E_UNAUTHENTICATED, "nothing but dots");
    CHECK(verify("") == ECOM_E_UNAUTHENTICATED, "nothing");
    CHECK(verify(NULL) == ECOM_E_UNAUTHENTICATED, "NULL");
    teardown();
}

/* The last character of a signature has two bits to spare: only one way to set them is right. */
static void a_signature_with_other_trailing_bits_is_refused(void)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    char token[1024];
    int taken = 0;

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    snprintf(token, sizeof(token), "%s", issued("u1", ""));
    for (const char *c = alphabet; *c; c++) {
        token[strlen(token) - 1] = *c;
        taken += verify(token) == ECOM_OK;
    }
    CHECK_I64(1, taken);
    teardown();
}

static void expiry_is_needed_and_kept_to_the_second(void)
{
    static const char *const bad[] = {
        "",
        ",\"exp\":-1",
        ",\"exp\":0",
        ",\"exp\":1790000100.0",
        ",\"exp\":1790000100.5",
        ",\"exp\":1.8e9",
        ",\"exp\":\"1790000100\"",
        ",\"exp\":null",
        ",\"exp\":true",
        ",\"exp\":[1790000100]",
        ",\"exp\":9223372036854775807",
        ",\"exp\":18446744073709551616",
        ",\"exp\":1e400",
        ",\"exp\":1000000000000",
        ",\"exp\":1790000100,\"exp\":1790000200",
    };
    char payload[200];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(payload, sizeof(payload), "{\"sub\":\"u1\",\"iss\":\"libecom\"%s}", bad[i]);
        CHECK(verify_forged(HEADER, payload) == ECOM_E_UNAUTHENTICATED, "took %s", payload);
    }
    const char *token = issued("u1", "");
    world.us = (INT64_C(86400) + NOW + LEEWAY) * 1000000 - 1;
    CHECK_CODE(ECOM_OK, verify(token), e);
    world.us++;
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, verify(token), e);
    CHECK_STR("the token has expired", ecom_str_of(e.text));
    teardown();
}

static void tokens_from_the_future_are_refused(void)
{
    static const struct {
        const char *more;
        int want;
    } cases[] = {
        {",\"nbf\":1790000030", ECOM_OK},           {",\"nbf\":1790000031", ECOM_E_UNAUTHENTICATED},
        {",\"iat\":1790000030", ECOM_OK},           {",\"iat\":1790000031", ECOM_E_UNAUTHENTICATED},
        {",\"nbf\":0,\"iat\":0", ECOM_OK},          {",\"nbf\":-1", ECOM_E_UNAUTHENTICATED},
        {",\"nbf\":\"0\"", ECOM_E_UNAUTHENTICATED}, {",\"nbf\":1.5", ECOM_E_UNAUTHENTICATED},
        {",\"nbf\":null", ECOM_E_UNAUTHENTICATED},  {",\"iat\":\"0\"", ECOM_E_UNAUTHENTICATED},
        {",\"iat\":1e3", ECOM_E_UNAUTHENTICATED},
    };
    char payload[200];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        snprintf(payload, sizeof(payload),
                 "{\"sub\":\"u1\",\"iss\":\"libecom\",\"exp\":1790000100%s}", cases[i].more);
        CHECK(verify_forged(HEADER, payload) == cases[i].want, "%s", cases[i].more);
    }
    teardown();
}

static void claims_of_the_wrong_kind_or_from_elsewhere_are_refused(void)
{
    static const char *const bad[] = {
        "{\"sub\":\"u1\",\"exp\":1790000100}",
        "{\"sub\":\"u1\",\"iss\":\"other\",\"exp\":1790000100}",
        "{\"sub\":\"u1\",\"iss\":\"Libecom\",\"exp\":1790000100}",
        "{\"sub\":\"u1\",\"iss\":[\"libecom\"],\"exp\":1790000100}",
        "{\"sub\":\"u1\",\"iss\":\"libecom\\u0000\",\"exp\":1790000100}",
        "{\"sub\":\"\",\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"sub\":7,\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"sub\":null,\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"sub\":\"u1\\u0000\",\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"sub\":\"u1\\n\",\"iss\":\"libecom\",\"exp\":1790000100}",
        "{\"sub\":\"u1\",\"sub\":\"u2\",\"iss\":\"libecom\",\"exp\":1790000100}",
        CLAIMS(",\"aud\":\"libecom\""),
        CLAIMS(",\"email\":5"),
        CLAIMS(",\"jti\":{}"),
        "[]",
        "7",
        "null",
        "{",
        "{}",
    };

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(verify_forged(HEADER, bad[i]) == ECOM_E_UNAUTHENTICATED, "took %s", bad[i]);
    CHECK_CODE(ECOM_OK, verify_forged(HEADER, CLAIMS(",\"roles\":[\"x\",{\"a\":null}]")), e);
    teardown();
}

static void sizes_are_bounded_to_the_byte(void)
{
    static char payload[8192];
    char sub[257];
    const char *token;

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    memset(sub, 's', sizeof(sub));
    for (int n = 255; n <= 256; n++) {
        snprintf(payload, sizeof(payload),
                 "{\"sub\":\"%.*s\",\"iss\":\"libecom\",\"exp\":1790000100}", n, sub);
        CHECK(verify_forged(HEADER, payload) == (n == 255 ? ECOM_OK : ECOM_E_UNAUTHENTICATED),
              "sub of %d bytes", n);
    }
    size_t longest = 0, refused = SIZE_MAX;
    for (int pad = 2900; pad < 3100; pad++) {
        snprintf(payload, sizeof(payload),
                 "{\"sub\":\"u1\",\"iss\":\"libecom\",\"exp\":1790000100,\"x\":\"%*s\"}", pad, "");
        token = forge(S(HEADER), ecom_str_of(payload), SECRET);
        size_t n = strlen(token);
        CHECK(verify(token) == (n <= ECOM_JWT_MAX_BYTES ? ECOM_OK : ECOM_E_UNAUTHENTICATED),
              "%zu bytes", n);
        longest = n <= ECOM_JWT_MAX_BYTES ? n : longest;
        refused = n > ECOM_JWT_MAX_BYTES && n < refused ? n : refused;
        ecom_arena_reset(arena);
    }
    CHECK(longest >= ECOM_JWT_MAX_BYTES - 1 && refused <= ECOM_JWT_MAX_BYTES + 2,
          "no token at the bound was made: %zu, %zu", longest, refused);
    teardown();
}

static void a_secret_that_everybody_knows_signs_nothing(void)
{
    static const char pem[] = "-----BEGIN PUBLIC KEY-----\n"
                              "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
                              "-----END PUBLIC KEY-----\n";
    static const char *const secrets[] = {"",  "secret", OLD_SECRET,
                                          pem, "null",   "0123456789abcdef0123456789abcdeg"};

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (size_t i = 0; i < sizeof(secrets) / sizeof(secrets[0]); i++)
        CHECK(verify(forge(S(HEADER), S(CLAIMS("")), secrets[i])) == ECOM_E_UNAUTHENTICATED,
              "took secret %zu", i);
    teardown();
}

static void the_previous_secret_verifies_but_never_signs(void)
{
    char old[1024], new[1024];

    CHECK_CODE(ECOM_OK, setup(OLD_SECRET, NULL), e);
    snprintf(old, sizeof(old), "%s", issued("u1", ""));
    CHECK_CODE(ECOM_OK, setup(SECRET, OLD_SECRET), e);
    CHECK_CODE(ECOM_OK, verify(old), e);
    snprintf(new, sizeof(new), "%s", issued("u1", ""));
    CHECK_CODE(ECOM_OK, verify(new), e);
    CHECK_CODE(ECOM_OK, verify(forge(S(HEADER), S(CLAIMS("")), OLD_SECRET)), e);

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e); /* the rotation is over */
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, verify(old), e);
    CHECK_CODE(ECOM_OK, verify(new), e);
    teardown();
}

/* A kid picks the secret: a token cannot claim one and be signed with the other. */
static void a_token_is_held_to_the_key_it_names(void)
{
    char header[128], *kid;
    unsigned char bytes[128];
    size_t n = 0;

    CHECK_CODE(ECOM_OK, setup(SECRET, OLD_SECRET), e);
    const char *token = issued("u1", "");
    CHECK(sodium_base642bin(bytes, sizeof(bytes) - 1, token, strcspn(token, "."), NULL, &n, NULL,
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0,
          "header");
    bytes[n] = '\0';
    CHECK((kid = strstr((char *)bytes, "\"kid\":\"")), "no kid in %s", bytes);
    snprintf(header, sizeof(header), "{\"alg\":\"HS256\",\"kid\":\"%.16s\"}", kid + 7);
    CHECK_CODE(ECOM_OK, verify(forge(ecom_str_of(header), S(CLAIMS("")), SECRET)), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               verify(forge(ecom_str_of(header), S(CLAIMS("")), OLD_SECRET)), e);
    teardown();
}

static void refusals_leave_the_output_alone_and_say_nothing_of_the_token(void)
{
    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    claims.sub = S("before");
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               verify_forged(HEADER, "{\"sub\":\"hidden\",\"iss\":\"hidden\",\"exp\":1790000100}"),
               e);
    CHECK_STR("before", claims.sub);
    CHECK(!strstr(e.text, "hidden"), "%s", e.text);
    CHECK_STR("the token is from another issuer", ecom_str_of(e.text));
    CHECK_I64(ECOM_E_UNAUTHENTICATED, ecom_jwt_verify(jwt, S("x"), arena, &claims, NULL));
    teardown();
}

static int make(void)
{
    const ecom_jwt_options o = {.size = sizeof(o),
                                .secret = S(SECRET),
                                .previous_secret = S(OLD_SECRET),
                                .env = &world.env};

    return ecom_jwt_new(&o, &jwt, &e);
}

/* A library of others may do without what it asked for: then the answer is right all the same. */
static int nomem_or_right(int r, int failed)
{
    return r == ECOM_OK || (failed && r == ECOM_E_NOMEM);
}

static void new_and_issue_without_memory(void fail(uint64_t n), ecom_buf *token)
{
    int r, failed = 1;

    for (uint64_t i = 1; failed; i++) {
        ecom_jwt_free(jwt);
        jwt = NULL;
        fail(i);
        r = make();
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(nomem_or_right(r, failed), "allocation %d: %s %s", (int)i, check_code(r), e.text);
    }
    failed = 1;
    for (uint64_t i = 1; failed; i++) {
        ecom_buf_free(token);
        fail(i);
        r = ecom_jwt_issue(jwt, S("u"), S("a@b.example"), token, NULL, &e);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        CHECK(!failed || token->n == 0, "half a token");
    }
}

static void verify_without_memory(void fail(uint64_t n), ecom_str token)
{
    int failed = 1, refused = 0;

    for (uint64_t i = 1; failed; i++) {
        ecom_jwt_free(jwt); /* and what it knows of the token */
        jwt = NULL;
        CHECK_CODE(ECOM_OK, make(), e);
        arena = ecom_arena_new(0);
        fail(i);
        int r = ecom_jwt_verify(jwt, token, arena, &claims, &e);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(nomem_or_right(r, failed), "allocation %d: %s %s", (int)i, check_code(r), e.text);
        refused += r < 0;
        CHECK_CODE(ECOM_OK, ecom_jwt_verify(jwt, token, arena, &claims, &e), e);
        CHECK_STR("u", claims.sub);
        CHECK_STR("a@b.example", claims.email);
        ecom_arena_free(arena);
        arena = NULL;
    }
    CHECK(refused > 0, "no allocation failed");
}

enum { GOOD, GOOD_AND_NOTHING_FAILED, BAD };

/* In a process that has not checked any token yet. */
static int check_twice(uint64_t n)
{
    ecom_buf token = {0};

    arena = ecom_arena_new(0);
    if (make() < 0 || ecom_jwt_issue(jwt, S("u"), S("a@b.example"), &token, NULL, &e) < 0)
        return BAD;
    check_alloc_fail_at(n);
    (void)!ecom_jwt_verify(jwt, ecom_buf_str(&token), arena, &claims, &e);
    int failed = check_alloc_failed();
    check_alloc_fail_at(0);
    int r = ecom_jwt_verify(jwt, ecom_buf_str(&token), arena, &claims, &e);
    ecom_buf_free(&token);
    teardown();
    return r < 0 ? BAD : failed ? GOOD : GOOD_AND_NOTHING_FAILED;
}

/* The libraries below set themselves up when they are first used, and never again: had that to be
 * done without memory, they would refuse every token for ever. The first case: others use them. */
static void the_first_token_may_come_when_memory_is_short(void)
{
    int status = GOOD;

    check_world_init(&world, 1);
    for (uint64_t n = 1; status == GOOD; n++) {
        pid_t pid = fork();
        CHECK(pid >= 0, "fork");
        if (pid == 0)
            _exit(check_twice(n));
        CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status), "wait status %d", status);
        status = WEXITSTATUS(status);
        CHECK(status != BAD, "allocation %d failed once, and the next check, too", (int)n);
    }
}

static void every_failed_allocation_gives_nomem_and_loses_nothing(void)
{
    ecom_buf token = {0};

    check_world_init(&world, 1);
    new_and_issue_without_memory(check_alloc_fail_at, &token);
    if (!check_failed)
        verify_without_memory(check_alloc_fail_at, ecom_buf_str(&token));
    if (!check_failed)
        new_and_issue_without_memory(check_alloc_fail_from, &token);
    if (!check_failed)
        verify_without_memory(check_alloc_fail_from, ecom_buf_str(&token));
    for (size_t max = 64; max < 4096 && !check_failed; max += 64) { /* an arena that is full */
        arena = ecom_arena_new(max);
        int r = ecom_jwt_verify(jwt, ecom_buf_str(&token), arena, &claims, &e);
        CHECK(r == ECOM_OK || r == ECOM_E_NOMEM, "%s", e.text);
        ecom_arena_free(arena);
    }
    arena = NULL;
    ecom_buf_free(&token);
    teardown();
}

/* Also of those that were looked at before, among more than are remembered. */
static void each_of_many_tokens_says_what_it_says(void)
{
    enum { TOKENS = 3000 };
    char sub[16], email[32];
    ecom_buf all = {0};
    size_t at[TOKENS + 1] = {0};

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    for (int i = 0; i < TOKENS; i++) {
        snprintf(sub, sizeof(sub), "user%d", i);
        snprintf(email, sizeof(email), "%d@b.example", i);
        CHECK_CODE(ECOM_OK, ecom_buf_append(&all, ecom_str_of(issued(sub, email))), e);
        at[i + 1] = all.n;
    }
    for (int i = 0; i < 2 * TOKENS; i++) {
        size_t k = (size_t)i * 7 % TOKENS;
        snprintf(sub, sizeof(sub), "user%zu", k);
        snprintf(email, sizeof(email), "%zu@b.example", k);
        ecom_arena_reset(arena);
        ecom_str shown = {all.p + at[k], at[k + 1] - at[k]};
        CHECK_CODE(ECOM_OK, ecom_jwt_verify(jwt, shown, arena, &claims, &e), e);
        CHECK_STR(sub, claims.sub);
        CHECK_STR(email, claims.email);
        CHECK(ecom_id_valid(claims.jti), "jti");
        CHECK_I64(NOW, claims.issued_at_s);
        CHECK_I64(NOW + 86400, claims.expires_at_s);
    }
    ecom_buf_free(&all);
    teardown();
}

static void a_token_that_was_good_does_not_help_an_altered_one(void)
{
    char token[1024];

    CHECK_CODE(ECOM_OK, setup(SECRET, NULL), e);
    snprintf(token, sizeof(token), "%s", issued("u1", "a@b.example"));
    CHECK_CODE(ECOM_OK, verify(token), e);
    for (size_t i = 0; token[i]; i++) {
        token[i] ^= 1;
        CHECK_CODE(ECOM_E_UNAUTHENTICATED, verify(token), e);
        token[i] ^= 1;
        CHECK_CODE(ECOM_OK, verify(token), e);
    }
    world.us -= INT64_C(1000000) * (LEEWAY + 1); /* a clock that is set back */
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, verify(token), e);
    CHECK_STR("the token is not valid yet", ecom_str_of(e.text));
    teardown();
}

static void *issue_and_verify(void *user)
{
    ecom_buf token = {0};
    ecom_arena *mine = ecom_arena_new(0);
    ecom_claims c;
    int *ok = user;

    for (int i = 0; i < 200; i++) {
        token.n = 0;
        *ok += ecom_jwt_issue(jwt, S("u1"), S(""), &token, NULL, NULL) == ECOM_OK &&
               ecom_jwt_verify(jwt, ecom_buf_str(&token), mine, &c, NULL) == ECOM_OK;
        ecom_arena_reset(mine);
    }
    ecom_arena_free(mine);
    ecom_buf_free(&token);
    return NULL;
}

static void threads_share_one(void)
{
    pthread_t threads[3];
    int ok[3] = {0};

    CHECK_CODE(
        ECOM_OK,
        ecom_jwt_new(&(ecom_jwt_options){.size = sizeof(ecom_jwt_options), .secret = S(SECRET)},
                     &jwt, &e),
        e);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, issue_and_verify, &ok[i]) == 0, "thread");
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    CHECK_I64(600, ok[0] + ok[1] + ok[2]);
    teardown();
}

static void secrets_compare_as_bytes(void)
{
    CHECK_I64(1, ecom_secret_eq(S("a\0b"), S("a\0b")));
    CHECK_I64(0, ecom_secret_eq(S("a\0b"), S("a\0c")));
    CHECK_I64(0, ecom_secret_eq(S("a"), S("ab")));
    CHECK_I64(1, ecom_secret_eq((ecom_str){NULL, 0}, S("")));
}

static const struct check_case cases[] = {
    CASE(the_first_token_may_come_when_memory_is_short),
    CASE(a_token_comes_back_as_its_claims),
    CASE(no_two_tokens_are_the_same),
    CASE(secrets_of_other_lengths_are_refused_by_name_only),
    CASE(options_out_of_range_are_refused),
    CASE(what_cannot_be_a_claim_is_not_issued),
    CASE(only_a_header_that_says_hs256_to_the_letter_is_taken),
    CASE(truly_signed_with_another_hmac_it_is_refused),
    CASE(any_altered_byte_is_refused),
    CASE(cut_or_extended_tokens_are_refused),
    CASE(a_signature_with_other_trailing_bits_is_refused),
    CASE(expiry_is_needed_and_kept_to_the_second),
    CASE(tokens_from_the_future_are_refused),
    CASE(claims_of_the_wrong_kind_or_from_elsewhere_are_refused),
    CASE(sizes_are_bounded_to_the_byte),
    CASE(a_secret_that_everybody_knows_signs_nothing),
    CASE(the_previous_secret_verifies_but_never_signs),
    CASE(a_token_is_held_to_the_key_it_names),
    CASE(refusals_leave_the_output_alone_and_say_nothing_of_the_token),
    CASE(every_failed_allocation_gives_nomem_and_loses_nothing),
    CASE(each_of_many_tokens_says_what_it_says),
    CASE(a_token_that_was_good_does_not_help_an_altered_one),
    CASE(threads_share_one),
    CASE(secrets_compare_as_bytes),
};

CHECK_MAIN("jwt", cases)
