/** @file
 * Who is calling: JSON Web Tokens, passwords, and a brake on guessing.
 */
#ifndef ECOM_AUTH_H
#define ECOM_AUTH_H

#include "env.h"

#ifdef __cplusplus
extern "C" {
#endif

#define ECOM_JWT_MIN_SECRET \
    32 /**< bytes: HS256 keys are at least as long as the hash (RFC 7518 3.2) */
#define ECOM_JWT_MAX_SECRET 1024 /**< bytes */
#define ECOM_JWT_MAX_BYTES 4096  /**< of a token; a longer one is not looked at */

/** Issues and checks tokens: HS256 and nothing else. May be used from any thread. */
typedef struct ecom_jwt ecom_jwt;

typedef struct ecom_jwt_options {
    uint32_t size;
    ecom_str secret;          /**< 32 to 1024 bytes; copied, wiped at free */
    ecom_str previous_secret; /**< empty, or one that still verifies while secrets rotate */
    ecom_str issuer;          /**< `iss`, at most 255 bytes; empty: "libecom" */
    int64_t ttl_s;            /**< life of a token; 0: 86,400; at most ten years */
    int64_t leeway_s;         /**< for clocks that differ; 0: 30, at most 300 */
    const ecom_env *env;      /**< NULL: ecom_env_system() */
} ecom_jwt_options;

/** What a token says. Strings lie in the arena given. */
typedef struct ecom_claims {
    ecom_str sub, email, jti;
    int64_t issued_at_s, expires_at_s;
} ecom_claims;

/** @return ECOM_E_INVAL (err->field is "JWT_SECRET", "JWT_PREVIOUS_SECRET" or the option's name; a
 *          secret is never in the text); ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_jwt_new(const ecom_jwt_options *opts, ecom_jwt **out,
                                        ecom_error *err);
/** Appends a new token with `sub`, `email`, `iat`, `exp`, `iss`, `jti`, and the key's id as `kid`.
 *  @param sub           1 to 255 bytes of text.
 *  @param email         at most 255; empty: none.
 *  @param expires_at_s  out, nullable.
 *  @return ECOM_E_INVAL (sub, email); ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_jwt_issue(const ecom_jwt *jwt, ecom_str sub, ecom_str email,
                                          ecom_buf *token, int64_t *expires_at_s, ecom_error *err);
/** Checks a token: three parts, canonical base64url, header exactly HS256, signature by one of the
 *  secrets (the one that `kid` names, if it is there), `exp` there and not past, `nbf` and
 *  `iat` not ahead, `iss` ours, `sub` not empty, no `crit` and no `aud`. Other claims are ignored.
 *  @return ECOM_E_UNAUTHENTICATED; the text says why in general terms, without the token. */
ECOM_API ECOM_MUST_USE int ecom_jwt_verify(const ecom_jwt *jwt, ecom_str token, ecom_arena *arena,
                                           ecom_claims *out, ecom_error *err);
/** Wipes the secrets. Waits for nobody: let no call be in progress. NULL is fine. */
ECOM_API void ecom_jwt_free(ecom_jwt *jwt);

/** Hashes passwords with Argon2id, a bounded number at a time. May be used from any thread. */
typedef struct ecom_passwords ecom_passwords;

typedef struct ecom_password_options {
    uint32_t size;
    uint32_t memory_kib;     /**< 0: 19,456 (OWASP's minimum); at least 8,192, at most 1,048,576 */
    uint32_t passes;         /**< 0: 2; at most 10 */
    uint32_t max_concurrent; /**< hashes at a time; 0: 2; at most 64 */
    uint32_t max_waiting;    /**< for a place; 0: 64; at most 4,096; one more gets ECOM_E_RATE */
} ecom_password_options;

#define ECOM_PASSWORD_MIN 8   /**< bytes */
#define ECOM_PASSWORD_MAX 256 /**< bytes */

/** @param opts  nullable: the defaults.
 *  @return ECOM_E_INVAL (the option); ECOM_E_BACKEND: libsodium does not start; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_passwords_new(const ecom_password_options *opts,
                                              ecom_passwords **out, ecom_error *err);
/** Appends the hash in its standard text form (`$argon2id$v=19$...`). Tens of milliseconds of CPU:
 *  never on an event loop. @return ECOM_E_INVAL (length); ECOM_E_RATE; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_password_hash(ecom_passwords *passwords, ecom_str password,
                                              ecom_buf *hash, ecom_error *err);
/** Compares in constant time. @param hash  empty for an unknown account: costs the same time and
 *  fails. @param stale  out, nullable: 1 when the hash was made with weaker parameters and should
 *  be replaced. @return ECOM_E_UNAUTHENTICATED; ECOM_E_RATE; ECOM_E_NOMEM; ECOM_E_CORRUPT: the hash
 *  is none of Argon2id (16 bytes of salt, 32 of result), or would cost more than the
 *  options' bounds. */
ECOM_API ECOM_MUST_USE int ecom_password_verify(ecom_passwords *passwords, ecom_str password,
                                                ecom_str hash, int *stale, ecom_error *err);
/** Waits for nobody: let no call be in progress. NULL is fine. */
ECOM_API void ecom_passwords_free(ecom_passwords *passwords);

/** Slows down whoever fails again and again: per key (an account, an address), in bounded memory.
 *  A key that fails no more for max_ms behind its last wait starts anew. May be used from any
 *  thread. */
typedef struct ecom_throttle ecom_throttle;

typedef struct ecom_throttle_options {
    uint32_t size;
    uint32_t free_failures; /**< failures without a wait; 0: 5 */
    int32_t base_ms;        /**< wait after the next one, doubled by each further; 0: 1,000 */
    int32_t max_ms;         /**< 0: 900,000 */
    uint32_t max_keys;      /**< 0: 65,536; at most 2^24; the longest unused is forgotten first */
    const ecom_env *env;    /**< NULL: ecom_env_system() */
} ecom_throttle_options;

/** Takes the room for max_keys at once. @param opts  nullable: the defaults.
 *  @return ECOM_E_INVAL (the option); ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_throttle_new(const ecom_throttle_options *opts, ecom_throttle **out,
                                             ecom_error *err);
/** May @p key try now? @return ECOM_OK; ECOM_E_RATE with err->retry_after_ms. */
ECOM_API ECOM_MUST_USE int ecom_throttle_check(ecom_throttle *throttle, ecom_str key,
                                               ecom_error *err);
/** Counts a failure. For an account, call it before the password is checked, and
 *  ecom_throttle_succeeded() when it fits: so many tries at once get no further than one by one. */
ECOM_API void ecom_throttle_failed(ecom_throttle *throttle, ecom_str key);
/** Starts the key anew. For an account, not for an address: or who has an account of his own could
 *  clear the address from which he tries others. */
ECOM_API void ecom_throttle_succeeded(ecom_throttle *throttle, ecom_str key);
/** As ecom_passwords_free(). */
ECOM_API void ecom_throttle_free(ecom_throttle *throttle);

/** Truth, in time that depends on the lengths only: for a key or a signature that a caller brings,
 *  which the time of an ordinary comparison would betray byte by byte. */
ECOM_API int ecom_secret_eq(ecom_str a, ecom_str b);

#ifdef __cplusplus
}
#endif
#endif
