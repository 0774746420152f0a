/** @file
 * Users: they register, log in, and are found by id.
 */
#ifndef ECOM_USER_H
#define ECOM_USER_H

#include "auth.h"
#include "shop.h"
#include "store.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A user, as stored; callers see it without the last two. */
typedef struct ecom_user {
    ecom_str id;
    ecom_str email; /**< as the user wrote it, without spaces around it */
    ecom_str name;  /**< p NULL: not given */
    int64_t created_at, updated_at;
    ecom_str email_key;     /**< private: the address as it is compared, see ecom_email_key() */
    ecom_str password_hash; /**< secret */
} ecom_user;
ECOM_API extern const ecom_record ecom_user_record;

/** `POST /auth/register` {email, password, name?}. */
typedef struct ecom_registration {
    ecom_str email;    /**< spaces around it are taken off */
    ecom_str password; /**< 8 to 256 bytes, no control characters */
    ecom_str name;     /**< at most 200 characters; p NULL: none */
} ecom_registration;
ECOM_API extern const ecom_record ecom_registration_record;

/** `POST /auth/login` {email, password}. */
typedef struct ecom_login {
    ecom_str email, password;
} ecom_login;
ECOM_API extern const ecom_record ecom_login_record;

/** What a login gives: {token, tokenType, expiresAt, user}. */
typedef struct ecom_session {
    ecom_str token;      /**< a JWT whose `sub` is the user's id */
    ecom_str token_type; /**< "Bearer" */
    int64_t expires_at;
    ecom_user user;
} ecom_session;
ECOM_API extern const ecom_record ecom_session_record;

/** `GET /users?ids=`. */
typedef struct ecom_user_query {
    ecom_str ids; /**< "a,b,c" */
} ecom_user_query;
ECOM_API extern const ecom_record ecom_user_query_record;

/** {items}. */
typedef struct ecom_user_page {
    ecom_list items; /**< of ecom_user */
} ecom_user_page;
ECOM_API extern const ecom_record ecom_user_page_record;

/** The users of one store. May be used from any thread. */
typedef struct ecom_users ecom_users;

/** What is pointed to must outlive the object. */
typedef struct ecom_users_options {
    uint32_t size;
    ecom_store *store;
    const ecom_env *env; /**< NULL: ecom_env_system() */
    const ecom_log *log; /**< nullable */
    ecom_passwords *passwords;
    const ecom_jwt *jwt;             /**< NULL: login answers ECOM_E_NOTSUP */
    ecom_throttle *account_throttle; /**< by e-mail, known or not; NULL: no brake */
    ecom_throttle *address_throttle; /**< by caller->address; NULL: no brake */
} ecom_users_options;

/** @return ECOM_E_INVAL: no store or no passwords; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_users_new(const ecom_users_options *opts, ecom_users **out,
                                          ecom_error *err);
/** NULL is fine. Waits for nobody: let no call be in progress. */
ECOM_API void ecom_users_free(ecom_users *users);

/**
 * Makes an account.
 * @return ECOM_OK; ECOM_E_INVAL (field `email`, `password` or `name`); ECOM_E_EXISTS (field
 *         `email`: the address has an account already, written in whatever case); ECOM_E_RATE (too
 *         many hashes wait); or as ecom_store_put(). ECOM_E_TIMEOUT: the account may be there.
 * Costs tens of milliseconds of CPU.   Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_users_register(ecom_users *users, const ecom_registration *request,
                                               ecom_arena *arena, ecom_user *out, ecom_error *err);
/**
 * Checks a password and issues a token. An address without an account takes the same time and gets
 * the same answer as a wrong password. A hash of weaker parameters than today's is replaced.
 * @param caller  nullable; its address is braked when it fails again and again.
 * @return ECOM_OK; ECOM_E_INVAL (shape only); ECOM_E_UNAUTHENTICATED; ECOM_E_RATE with
 *         err->retry_after_ms; or as ecom_store_find().
 */
ECOM_API ECOM_MUST_USE int ecom_users_login(ecom_users *users, const ecom_login *request,
                                            const ecom_caller *caller, ecom_arena *arena,
                                            ecom_session *out, ecom_error *err);
/** @return ECOM_E_NOTFOUND (also for what is no id). */
ECOM_API ECOM_MUST_USE int ecom_users_get(ecom_users *users, ecom_str id, ecom_arena *arena,
                                          ecom_user *out, ecom_error *err);
/** The users with these ids, in their order, those that do not exist left out.
 *  @param n      at most 100; one more: ECOM_E_INVAL (field `ids`).
 *  @param out    out: in the arena; @param found  out: how many. */
ECOM_API ECOM_MUST_USE int ecom_users_get_many(ecom_users *users, const ecom_str *ids, size_t n,
                                               ecom_arena *arena, ecom_user **out, size_t *found,
                                               ecom_error *err);

/** Those of the users asked for that @p user_id may see: itself.
 *  @return ECOM_E_INVAL (field `ids`); or as ecom_store_find(). */
ECOM_API ECOM_MUST_USE int ecom_users_list(ecom_users *users, ecom_str user_id,
                                           const ecom_user_query *query, ecom_arena *arena,
                                           ecom_user_page *out, ecom_error *err);

/** Appends an address as it is compared: without spaces around it, ASCII letters in lower case. */
ECOM_API ECOM_MUST_USE int ecom_email_key(ecom_str email, ecom_buf *out);

#ifdef __cplusplus
}
#endif
#endif
