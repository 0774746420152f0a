#include "ecom/auth.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/json.h"

#include "auth/known.h"
#include "auth/libjwt.h"
#include "base/ascii.h"
#include "base/bytes.h"
#include "base/options.h"
#include "base/utf8.h"
#include "base/writer.h"

enum {
    MAX_NAME = 255, /* bytes of iss, sub, email and jti */
    MAX_LEEWAY_S = 300,
    KID_BYTES = 8,
    MAC_BYTES = crypto_auth_hmacsha256_BYTES,
    BASE64 = sodium_base64_VARIANT_URLSAFE_NO_PADDING
};
static const int64_t max_ttl_s = INT64_C(10) * 366 * 86400;

/* A secret, and the name it has in tokens. */
struct key {
    ecom_str secret; /* p NULL: none */
    char kid[2 * KID_BYTES + 1];
};

struct ecom_jwt {
    struct key current, previous;
    ecom__known *known; /* tokens that passed all checks; times are looked at every time */
    char issuer[MAX_NAME + 1];
    int64_t ttl_s, leeway_s;
    const ecom_env *env;
};

static int is_clean(ecom_str text)
{
    while (text.n) {
        int32_t c = ecom__utf8_next(&text);
        if (c < 0x20 || c == 0x7F)
            return 0;
    }
    return 1;
}

static int check_secret(ecom_str secret, const char *name, ecom_error *err)
{
    if (secret.n < ECOM_JWT_MIN_SECRET)
        return ecom_fail_field(err, ECOM_E_INVAL, name, "must be at least %d bytes, is %zu",
                               ECOM_JWT_MIN_SECRET, secret.n);
    if (secret.n > ECOM_JWT_MAX_SECRET)
        return ecom_fail_field(err, ECOM_E_INVAL, name, "must be at most %d bytes, is %zu",
                               ECOM_JWT_MAX_SECRET, secret.n);
    return ECOM_OK;
}

static int check_options(const ecom_jwt_options *o, ecom_error *err)
{
    int r = check_secret(o->secret, "JWT_SECRET", err);

    if (r < 0)
        return r;
    if (o->previous_secret.n &&
        (r = check_secret(o->previous_secret, "JWT_PREVIOUS_SECRET", err)) < 0)
        return r;
    if (o->issuer.n > MAX_NAME || !is_clean(o->issuer))
        return ecom_fail_field(err, ECOM_E_INVAL, "issuer", "must be at most %d bytes of text",
                               MAX_NAME);
    if (o->ttl_s < 0 || o->ttl_s > max_ttl_s)
        return ecom_fail_field(err, ECOM_E_INVAL, "ttl_s", "must be 1 to %lld, is %lld",
                               (long long)max_ttl_s, (long long)o->ttl_s);
    if (o->leeway_s < 0 || o->leeway_s > MAX_LEEWAY_S)
        return ecom_fail_field(err, ECOM_E_INVAL, "leeway_s", "must be 1 to %d, is %lld",
                               MAX_LEEWAY_S, (long long)o->leeway_s);
    return ECOM_OK;
}

static void sign(const struct key *key, ecom_str text, unsigned char mac[MAC_BYTES])
{
    crypto_auth_hmacsha256_state state;

    crypto_auth_hmacsha256_init(&state, (const unsigned char *)key->secret.p, key->secret.n);
    crypto_auth_hmacsha256_update(&state, (const unsigned char *)text.p, text.n);
    crypto_auth_hmacsha256_final(&state, mac);
    sodium_memzero(&state, sizeof(state));
}

/* A key's id tells secrets apart and nothing about them: a part of an HMAC that no token's
 * signature can be, for what is signed in tokens has no spaces. */
static void name_key(struct key *key)
{
    unsigned char mac[MAC_BYTES];

    sign(key, ecom_str_of("libecom key id"), mac);
    sodium_bin2hex(key->kid, sizeof(key->kid), mac, KID_BYTES);
}

static int key_set(struct key *key, ecom_str secret)
{
    char *copy;

    if (secret.n == 0)
        return ECOM_OK;
    if (!(copy = malloc(secret.n)))
        return ECOM_E_NOMEM;
    memcpy(copy, secret.p, secret.n);
    key->secret = (ecom_str){copy, secret.n};
    name_key(key);
    return ECOM_OK;
}

static void key_clear(struct key *key)
{
    if (!key->secret.p)
        return;
    sodium_memzero((char *)key->secret.p, key->secret.n);
    free((char *)key->secret.p);
}

int ecom_jwt_new(const ecom_jwt_options *opts, ecom_jwt **out, ecom_error *err)
{
    ecom_jwt_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = check_options(&o, err);
    if (r < 0)
        return r;
    if (sodium_init() < 0)
        return ecom_fail(err, ECOM_E_BACKEND, "libsodium does not start");
    if ((r = ecom__libjwt_start()) < 0)
        return ecom_fail(err, r, "libjwt does not start");

    struct ecom_jwt *jwt = calloc(1, sizeof(*jwt));
    if (!jwt || !(jwt->known = ecom__known_new()) || key_set(&jwt->current, o.secret) < 0 ||
        key_set(&jwt->previous, o.previous_secret) < 0) {
        ecom_jwt_free(jwt);
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for tokens");
    }
    ecom_str issuer = o.issuer.n ? o.issuer : ecom_str_of("libecom");
    memcpy(jwt->issuer, issuer.p, issuer.n);
    jwt->ttl_s = o.ttl_s ? o.ttl_s : 86400;
    jwt->leeway_s = o.leeway_s ? o.leeway_s : 30;
    jwt->env = o.env ? o.env : ecom_env_system();
    *out = jwt;
    return ECOM_OK;
}

void ecom_jwt_free(ecom_jwt *jwt)
{
    if (!jwt)
        return;
    key_clear(&jwt->current);
    key_clear(&jwt->previous);
    ecom__known_free(jwt->known);
    free(jwt);
}

static int64_t now_s(const ecom_jwt *jwt)
{
    return ecom_env_now_ms(jwt->env) / 1000;
}

static int check_name(ecom_str text, const char *name, ecom_error *err)
{
    if (text.n > MAX_NAME)
        return ecom_fail_field(err, ECOM_E_INVAL, name, "must be at most %d bytes, is %zu",
                               MAX_NAME, text.n);
    if (!is_clean(text))
        return ecom_fail_field(err, ECOM_E_INVAL, name, "must be text");
    return ECOM_OK;
}

static void put_text(struct ecom__writer *w, const char *name, ecom_str text)
{
    ecom__put(w, name);
    if (w->r == ECOM_OK)
        w->r = ecom_json_write_str(w->out, text);
}

/* Appends bytes in base64url. */
static void put_part(struct ecom__writer *w, ecom_str bytes)
{
    size_t room = sodium_base64_encoded_len(bytes.n, BASE64);

    if (w->r == ECOM_OK)
        w->r = ecom_buf_reserve(w->out, room);
    if (w->r < 0)
        return;
    sodium_bin2base64(w->out->p + w->out->n, room, (const unsigned char *)bytes.p, bytes.n, BASE64);
    w->out->n += room - 1; /* it counts a NUL */
}

static int write_header(const ecom_jwt *jwt, ecom_buf *out)
{
    struct ecom__writer w = {.out = out};

    put_text(&w, "{\"alg\":\"HS256\",\"typ\":\"JWT\",\"kid\":", ecom_str_of(jwt->current.kid));
    ecom__put(&w, "}");
    return w.r;
}

static int write_claims(const ecom_jwt *jwt, const ecom_claims *claims, ecom_buf *out)
{
    struct ecom__writer w = {.out = out};

    put_text(&w, "{\"iss\":", ecom_str_of(jwt->issuer));
    put_text(&w, ",\"sub\":", claims->sub);
    if (claims->email.n)
        put_text(&w, ",\"email\":", claims->email);
    put_text(&w, ",\"jti\":", claims->jti);
    return w.r < 0
               ? w.r
               : ecom_buf_printf(out, ",\"iat\":%lld,\"exp\":%lld}", (long long)claims->issued_at_s,
                                 (long long)claims->expires_at_s);
}

static int write_token(const ecom_jwt *jwt, const ecom_claims *claims, ecom_buf *token)
{
    struct ecom__writer w = {.out = token};
    unsigned char mac[MAC_BYTES];
    size_t before = token->n;
    ecom_buf text = {0};

    w.r = write_header(jwt, &text);
    put_part(&w, ecom_buf_str(&text));
    ecom__put(&w, ".");
    text.n = 0;
    if (w.r == ECOM_OK)
        w.r = write_claims(jwt, claims, &text);
    put_part(&w, ecom_buf_str(&text));
    if (w.r == ECOM_OK)
        sign(&jwt->current, (ecom_str){token->p + before, token->n - before}, mac);
    ecom__put(&w, ".");
    put_part(&w, (ecom_str){(const char *)mac, sizeof(mac)});
    ecom_buf_free(&text);
    return w.r < 0 ? ecom__buf_cut(token, before, w.r) : ECOM_OK;
}

int ecom_jwt_issue(const ecom_jwt *jwt, ecom_str sub, ecom_str email, ecom_buf *token,
                   int64_t *expires_at_s, ecom_error *err)
{
    ecom_id id = ecom_id_new(jwt->env);
    int64_t now = now_s(jwt);
    int r;

    if (sub.n == 0)
        return ecom_fail_field(err, ECOM_E_INVAL, "sub", "must not be empty");
    if ((r = check_name(sub, "sub", err)) < 0 || (r = check_name(email, "email", err)) < 0)
        return r;

    const ecom_claims claims = {
        .sub = sub,
        .email = email,
        .jti = ecom_str_of(id.s),
        .issued_at_s = now,
        .expires_at_s = now + jwt->ttl_s,
    };
    if (write_token(jwt, &claims, token) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a token");
    if (expires_at_s)
        *expires_at_s = claims.expires_at_s;
    return ECOM_OK;
}

/* Reasons go behind "the token", and never hold what was in it. */
static int refuse(ecom_error *err, const char *reason)
{
    return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "the token %s", reason);
}

/* A token taken apart, not yet believed. */
struct parts {
    ecom_str token, kid, mac;
    const ecom_json *header, *payload;
};

/* Cuts off the part before the next dot, or what is left at the end. */
static ecom_str next_part(ecom_str *rest)
{
    const char *dot = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
    ecom_str part = {rest->p, dot ? (size_t)(dot - rest->p) : rest->n};
    size_t taken = part.n + (dot != NULL);

    rest->p += taken;
    rest->n -= taken;
    return part;
}

/* Canonical base64url: no padding, no white space, no bits left over. */
static int decode(ecom_str part, ecom_arena *arena, ecom_str *out)
{
    size_t n = 0, room = part.n / 4 * 3 + 3;
    char *bytes = ecom_arena_alloc(arena, room);

    if (!bytes)
        return ECOM_E_NOMEM;
    if (part.n == 0 || sodium_base642bin((unsigned char *)bytes, room, part.p, part.n, NULL, &n,
                                         NULL, BASE64) != 0)
        return ECOM_E_UNAUTHENTICATED;
    *out = (ecom_str){bytes, n};
    return ECOM_OK;
}

static int decode_object(ecom_str part, ecom_arena *arena, const ecom_json **out)
{
    static const ecom_json_limits limits = {
        .size = sizeof(limits),
        .max_bytes = ECOM_JWT_MAX_BYTES,
        .max_depth = 8,
        .max_keys = 64,
        .max_nodes = 256,
    };
    ecom_str text;
    const ecom_json *value;
    int r = decode(part, arena, &text);

    if (r < 0)
        return r;
    if ((r = ecom_json_parse(text, &limits, arena, &value, NULL)) < 0)
        return r == ECOM_E_NOMEM ? r : ECOM_E_UNAUTHENTICATED;
    if (value->kind != ECOM_JSON_OBJECT)
        return ECOM_E_UNAUTHENTICATED;
    *out = value;
    return ECOM_OK;
}

static int take_apart(ecom_str token, ecom_arena *arena, struct parts *out, ecom_error *err)
{
    ecom_str rest = token;
    int dots = 0, r;

    if (token.n == 0)
        return refuse(err, "is missing");
    if (token.n > ECOM_JWT_MAX_BYTES)
        return refuse(err, "is too long");
    for (size_t i = 0; i < token.n; i++)
        dots += token.p[i] == '.';
    if (dots != 2)
        return refuse(err, "does not have three parts");

    out->token = ecom_arena_copy(arena, token); /* libjwt wants a NUL behind it */
    if (!out->token.p)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory to read a token");
    if ((r = decode_object(next_part(&rest), arena, &out->header)) < 0 ||
        (r = decode_object(next_part(&rest), arena, &out->payload)) < 0 ||
        (r = decode(next_part(&rest), arena, &out->mac)) < 0)
        return r == ECOM_E_NOMEM ? ecom_fail(err, r, "no memory to read a token")
                                 : refuse(err, "cannot be read");
    if (out->mac.n != MAC_BYTES)
        return refuse(err, "has no signature of ours");
    return ECOM_OK;
}

static int is_string(const ecom_json *value, const char *want)
{
    return value && value->kind == ECOM_JSON_STRING && ecom_str_eq(value->text, ecom_str_of(want));
}

/* The algorithm is ours to say, not the token's: its header must agree to the letter. */
static int check_header(struct parts *parts, ecom_error *err)
{
    const ecom_json *typ = ecom_json_get(parts->header, "typ"),
                    *kid = ecom_json_get(parts->header, "kid");

    if (!is_string(ecom_json_get(parts->header, "alg"), "HS256"))
        return refuse(err, "is not signed with HS256");
    if (typ && (typ->kind != ECOM_JSON_STRING || !ecom__is_word(typ->text, "JWT")))
        return refuse(err, "is not of type JWT");
    if (ecom_json_get(parts->header, "crit"))
        return refuse(err, "asks for an extension that is not known here");
    if (kid && kid->kind != ECOM_JSON_STRING)
        return refuse(err, "cannot be read");
    parts->kid = kid ? kid->text : (ecom_str){NULL, 0};
    return ECOM_OK;
}

static int signed_with(const struct key *key, const struct parts *parts)
{
    const char *end = memrchr(parts->token.p, '.', parts->token.n);
    unsigned char mac[MAC_BYTES];

    sign(key, (ecom_str){parts->token.p, (size_t)(end - parts->token.p)}, mac);
    return sodium_memcmp(mac, parts->mac.p, sizeof(mac)) == 0;
}

/* With a key id, that key; without one, either. NULL: neither signed it. */
static const struct key *signer_of(const ecom_jwt *jwt, const struct parts *parts)
{
    const struct key *const keys[] = {&jwt->current, &jwt->previous};

    for (size_t i = 0; i < 2; i++)
        if (keys[i]->secret.p &&
            (!parts->kid.p || ecom_str_eq(parts->kid, ecom_str_of(keys[i]->kid))) &&
            signed_with(keys[i], parts))
            return keys[i];
    return NULL;
}

/* Two have to agree, and libjwt is asked last: what a forger made never reaches its parsers. */
static int check_signature(const ecom_jwt *jwt, const struct parts *parts, ecom_error *err)
{
    const struct key *key = signer_of(jwt, parts);

    if (!key)
        return refuse(err, "has no signature of ours");
    int r = ecom__libjwt_check(parts->token.p, key->secret);
    if (r == ECOM_E_NOMEM)
        return ecom_fail(err, r, "no memory to check a token");
    return r < 0 ? refuse(err, "cannot be read") : ECOM_OK;
}

/* Seconds since 1970, as whole decimal digits and nothing else, up to the year 9999 and a bit. */
static int seconds_of(const ecom_json *value, int64_t *out)
{
    int64_t s = 0;

    if (!value || value->kind != ECOM_JSON_NUMBER || value->text.n > 12)
        return 0;
    for (size_t i = 0; i < value->text.n; i++) {
        if (value->text.p[i] < '0' || value->text.p[i] > '9')
            return 0;
        s = s * 10 + (value->text.p[i] - '0');
    }
    *out = s;
    return 1;
}

static int read_times(const ecom_json *payload, ecom__said *said, ecom_error *err)
{
    const ecom_json *nbf = ecom_json_get(payload, "nbf"), *iat = ecom_json_get(payload, "iat");

    if (!seconds_of(ecom_json_get(payload, "exp"), &said->claims.expires_at_s))
        return refuse(err, "does not say when it ends");
    if ((nbf && !seconds_of(nbf, &said->not_before_s)) ||
        (iat && !seconds_of(iat, &said->claims.issued_at_s)))
        return refuse(err, "does not say when it begins");
    return ECOM_OK;
}

static int check_times(const ecom_jwt *jwt, const ecom__said *said, ecom_error *err)
{
    int64_t now = now_s(jwt);

    if (now >= said->claims.expires_at_s + jwt->leeway_s)
        return refuse(err, "has expired");
    if (said->not_before_s > now + jwt->leeway_s || said->claims.issued_at_s > now + jwt->leeway_s)
        return refuse(err, "is not valid yet");
    return ECOM_OK;
}

/* A claim that is text; it may be absent. */
static int read_text(const ecom_json *payload, const char *name, ecom_str *out)
{
    const ecom_json *value = ecom_json_get(payload, name);

    if (!value)
        return 1;
    if (value->kind != ECOM_JSON_STRING || value->text.n > MAX_NAME || !is_clean(value->text))
        return 0;
    *out = value->text;
    return 1;
}

static int read_claims(const ecom_jwt *jwt, const ecom_json *payload, ecom__said *said,
                       ecom_error *err)
{
    ecom_claims *claims = &said->claims;

    if (!is_string(ecom_json_get(payload, "iss"), jwt->issuer))
        return refuse(err, "is from another issuer");
    if (ecom_json_get(payload, "aud")) /* RFC 7519 4.1.3: we are nobody's audience */
        return refuse(err, "is meant for somebody else");
    if (!read_text(payload, "sub", &claims->sub) || !read_text(payload, "email", &claims->email) ||
        !read_text(payload, "jti", &claims->jti))
        return refuse(err, "cannot be read");
    if (claims->sub.n == 0)
        return refuse(err, "does not say whose it is");
    return ECOM_OK;
}

/* All that can be said of a token, whatever the time. */
static int read_token(const ecom_jwt *jwt, ecom_str token, ecom_arena *arena, ecom__said *said,
                      ecom_error *err)
{
    struct parts parts = {0};
    int r;

    if ((r = take_apart(token, arena, &parts, err)) < 0 || (r = check_header(&parts, err)) < 0 ||
        (r = check_signature(jwt, &parts, err)) < 0 ||
        (r = read_times(parts.payload, said, err)) < 0)
        return r;
    return read_claims(jwt, parts.payload, said, err);
}

int ecom_jwt_verify(const ecom_jwt *jwt, ecom_str token, ecom_arena *arena, ecom_claims *out,
                    ecom_error *err)
{
    ecom__said said = {0};
    int known =
        token.n <= ECOM_JWT_MAX_BYTES ? ecom__known_find(jwt->known, token, arena, &said) : 0;
    int r = known < 0 ? ecom_fail(err, known, "no memory to read a token") : ECOM_OK;

    if (known == 0)
        r = read_token(jwt, token, arena, &said, err);
    if (r == ECOM_OK)
        r = check_times(jwt, &said, err);
    if (r == ECOM_OK && known == 0 && (r = ecom__known_note(jwt->known, token, &said)) < 0)
        ecom_fail(err, r, "no memory to remember a token");
    if (r == ECOM_OK)
        *out = said.claims;
    return r;
}
