#include "ecom/user.h"

#include <stdlib.h>
#include <string.h>

#include "shop/collection.h"

#define KEY_INDEX "emailKey"

enum { MAX_EMAIL = 320, MAX_NAME = 200, MAX_HASH = 512 };

static const ecom_field user_fields[] = {
    ECOM_FIELD(ecom_user, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_user, email, "email", EMAIL, .flags = ECOM_REQUIRED,
               .doc = "As the user wrote it."),
    ECOM_FIELD(ecom_user, name, "name", STRING, .flags = ECOM_NULLABLE, .max = MAX_NAME),
    ECOM_FIELD(ecom_user, created_at, "createdAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_user, updated_at, "updatedAt", TIME, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(ecom_user, email_key, KEY_INDEX, STRING, .flags = ECOM_PRIVATE | ECOM_UNIQUE,
               .max = MAX_EMAIL, .doc = "The address as it is compared."),
    ECOM_FIELD(ecom_user, password_hash, "passwordHash", STRING, .flags = ECOM_SECRET,
               .max = MAX_HASH),
};
const ecom_record ecom_user_record =
    ECOM_RECORD_WITH("User", ecom_user, user_fields, .doc = "Someone with an account.");

/* An address may come with spaces around it, so it is a string here; it is checked without them. */
static const ecom_field registration_fields[] = {
    ECOM_FIELD(ecom_registration, email, "email", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_EMAIL, .doc = "An e-mail address; spaces around it are taken off."),
    ECOM_FIELD(ecom_registration, password, "password", STRING,
               .flags = ECOM_REQUIRED | ECOM_SECRET, .min = ECOM_PASSWORD_MIN,
               .max = ECOM_PASSWORD_MAX),
    ECOM_FIELD(ecom_registration, name, "name", STRING, .max = MAX_NAME),
};
const ecom_record ecom_registration_record = ECOM_RECORD_WITH(
    "Registration", ecom_registration, registration_fields, .doc = "A new account.");

static const ecom_field login_fields[] = {
    ECOM_FIELD(ecom_login, email, "email", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = MAX_EMAIL),
    ECOM_FIELD(ecom_login, password, "password", STRING, .flags = ECOM_REQUIRED | ECOM_SECRET,
               .min = 1, .max = ECOM_PASSWORD_MAX),
};
const ecom_record ecom_login_record =
    ECOM_RECORD_WITH("Login", ecom_login, login_fields, .doc = "Who wants a token.");

static const ecom_field session_fields[] = {
    ECOM_FIELD(ecom_session, token, "token", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = ECOM_JWT_MAX_BYTES, .doc = "For the Authorization header, behind `Bearer `."),
    ECOM_FIELD(ecom_session, token_type, "tokenType", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = 16),
    ECOM_FIELD(ecom_session, expires_at, "expiresAt", TIME, .flags = ECOM_REQUIRED),
    ECOM_FIELD(ecom_session, user, "user", RECORD, .of = &ecom_user_record, .flags = ECOM_REQUIRED),
};
const ecom_record ecom_session_record =
    ECOM_RECORD_WITH("Session", ecom_session, session_fields, .doc = "A token and whose it is.");

static const ecom_field query_fields[] = {
    ECOM_FIELD(ecom_user_query, ids, "ids", STRING, .flags = ECOM_REQUIRED, .max = ECOM_IDS_BYTES,
               .doc = "Ids with commas between."),
};
const ecom_record ecom_user_query_record =
    ECOM_RECORD_WITH("UserQuery", ecom_user_query, query_fields, .doc = "Which users.");

static const ecom_field page_fields[] = {
    ECOM_FIELD(ecom_user_page, items, "items", LIST, .of = &ecom_user_record,
               .flags = ECOM_REQUIRED, .max = ECOM_PAGE_MAX),
};
const ecom_record ecom_user_page_record =
    ECOM_RECORD_WITH("UserPage", ecom_user_page, page_fields, .doc = "Users, as asked for.");

struct ecom_users {
    struct ecom__collection c;
    const ecom_env *env;
    const ecom_log *log;
    ecom_passwords *passwords;
    const ecom_jwt *jwt;
    ecom_throttle *accounts, *addresses;
};

int ecom_users_new(const ecom_users_options *opts, ecom_users **out, ecom_error *err)
{
    ecom_users_options o;

    ecom__options_copy(&o, sizeof(o), opts);
    int r = ecom__check_store(o.store, err);
    if (r < 0)
        return r;
    if (!o.passwords)
        return ecom_fail_field(err, ECOM_E_INVAL, "passwords", "is missing");
    ecom_users *users = calloc(1, sizeof(*users));
    if (!users)
        return ecom__nomem(err);
    users->c = (struct ecom__collection){o.store, "users", &ecom_user_record, NULL};
    users->env = o.env ? o.env : ecom_env_system();
    users->log = o.log;
    users->passwords = o.passwords;
    users->jwt = o.jwt;
    users->accounts = o.account_throttle;
    users->addresses = o.address_throttle;
    *out = users;
    return ECOM_OK;
}

void ecom_users_free(ecom_users *users)
{
    free(users);
}

static int is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static ecom_str trimmed(ecom_str s)
{
    while (s.n && is_space(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

int ecom_email_key(ecom_str email, ecom_buf *out)
{
    email = trimmed(email);
    if (ecom_buf_reserve(out, email.n) < 0)
        return ECOM_E_NOMEM;
    for (size_t i = 0; i < email.n; i++) {
        char c = email.p[i];
        out->p[out->n++] = (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
    }
    out->p[out->n] = '\0';
    return ECOM_OK;
}

/* What a buffer holds, moved into the arena; p NULL: out of memory. */
static ecom_str moved(ecom_buf *buf, ecom_arena *arena)
{
    ecom_str copy = ecom_arena_copy(arena, ecom_buf_str(buf));

    ecom_buf_free(buf);
    return copy;
}

static int email_key(ecom_str email, ecom_arena *arena, ecom_str *out, ecom_error *err)
{
    ecom_buf key = {0};

    if (ecom_email_key(email, &key) < 0 || !(*out = moved(&key, arena)).p) {
        ecom_buf_free(&key);
        return ecom__nomem(err);
    }
    return ECOM_OK;
}

static int hash_password(ecom_users *users, ecom_str password, ecom_arena *arena, ecom_str *out,
                         ecom_error *err)
{
    ecom_buf hash = {0};
    int r = ecom_password_hash(users->passwords, password, &hash, err);

    if (r == ECOM_OK && !(*out = moved(&hash, arena)).p)
        r = ecom__nomem(err);
    ecom_buf_free(&hash);
    return r;
}

static int new_user(ecom_users *users, const ecom_registration *request, ecom_arena *arena,
                    ecom_user *user, ecom_error *err)
{
    const ecom_id id = ecom_id_new(users->env);
    int r = ecom_record_check(&ecom_registration_record, request, err);

    if (r < 0)
        return r;
    ecom_record_init(&ecom_user_record, user);
    user->id = ecom_str_of(id.s);
    user->email = trimmed(request->email);
    user->name = request->name;
    user->created_at = user->updated_at = ecom_env_now_ms(users->env);
    if ((r = ecom_record_check(&ecom_user_record, user, err)) < 0 ||
        (r = ecom__own(&ecom_user_record, user, arena, err)) < 0)
        return r;
    return email_key(request->email, arena, &user->email_key, err);
}

int ecom_users_register(ecom_users *users, const ecom_registration *request, ecom_arena *arena,
                        ecom_user *out, ecom_error *err)
{
    ecom_user user;
    int r = new_user(users, request, arena, &user, err);

    if (r == ECOM_OK)
        r = hash_password(users, request->password, arena, &user.password_hash, err);
    if (r == ECOM_OK)
        r = ecom__save(&users->c, &user, 0, NULL, arena, NULL, err);
    if (r == ECOM_E_EXISTS)
        return ecom_fail_field(err, r, "email", "there is an account with this address");
    if (r == ECOM_OK)
        *out = user;
    return r;
}

/* The keys of the brakes. An account's is braked whether it exists or not: nobody learns which. */
struct guesser {
    ecom_str account, address;
};

static int check_brakes(ecom_users *users, const struct guesser *guesser, ecom_error *err)
{
    int r = ECOM_OK;

    if (users->accounts)
        r = ecom_throttle_check(users->accounts, guesser->account, err);
    if (r == ECOM_OK && users->addresses && guesser->address.n)
        r = ecom_throttle_check(users->addresses, guesser->address, err);
    return r;
}

static void guessed_wrong(ecom_users *users, const struct guesser *guesser)
{
    if (users->accounts)
        ecom_throttle_failed(users->accounts, guesser->account);
    if (users->addresses && guesser->address.n)
        ecom_throttle_failed(users->addresses, guesser->address);
}

/* Only the account's: else an attacker would take off the brake of his address by logging in to an
 * account of his own now and then. */
static void guessed_right(ecom_users *users, const struct guesser *guesser)
{
    if (users->accounts)
        ecom_throttle_succeeded(users->accounts, guesser->account);
}

/* Replaces a hash of weaker parameters. When it fails, the next login does it. */
static void upgrade_hash(ecom_users *users, ecom_user *user, uint64_t rev, ecom_str password,
                         ecom_arena *arena)
{
    const ecom_str none = {NULL, 0};
    ecom_user changed = *user;

    changed.updated_at = ecom_env_now_ms(users->env);
    if (hash_password(users, password, arena, &changed.password_hash, NULL) == ECOM_OK &&
        ecom__save(&users->c, &changed, rev, NULL, arena, NULL, NULL) == ECOM_OK) {
        *user = changed;
        ecom__log_item(users->log, none, "password hash renewed", "userId", user->id);
    }
}

/* Finds the account and compares, at the same cost when there is none. */
static int authenticate(ecom_users *users, const ecom_login *request, ecom_str key,
                        ecom_arena *arena, ecom_user *user, ecom_error *err)
{
    uint64_t rev = 0;
    int stale = 0, r = ECOM_E_NOTFOUND;
    ecom_str hash = {NULL, 0};

    if (key.n <= ECOM_STORE_MAX_VALUE) /* no address is longer */
        r = ecom__load_by(&users->c, KEY_INDEX, key, arena, user, &rev, err);
    if (r == ECOM_OK)
        hash = user->password_hash;
    else if (r != ECOM_E_NOTFOUND)
        return r;
    r = ecom_password_verify(users->passwords, request->password, hash, &stale, err);
    if (r == ECOM_E_UNAUTHENTICATED || (r == ECOM_OK && hash.n == 0))
        return ecom_fail(err, ECOM_E_UNAUTHENTICATED, "e-mail or password is wrong");
    if (r == ECOM_OK && stale)
        upgrade_hash(users, user, rev, request->password, arena);
    return r;
}

/* Whoever waited for his turn while others guessed is told no more than one who comes now: else
 * many guesses at a time would count as one. */
static int try_password(ecom_users *users, const ecom_login *request, const struct guesser *guesser,
                        ecom_arena *arena, ecom_user *user, ecom_error *err)
{
    int r = authenticate(users, request, guesser->account, arena, user, err), braked = ECOM_OK;

    if (r == ECOM_OK || r == ECOM_E_UNAUTHENTICATED)
        braked = check_brakes(users, guesser, err);
    if (r == ECOM_E_UNAUTHENTICATED)
        guessed_wrong(users, guesser);
    return braked < 0 ? braked : r;
}

static int issue(ecom_users *users, ecom_arena *arena, ecom_session *session, ecom_error *err)
{
    const ecom_user *user = &session->user;
    ecom_buf token = {0};
    int64_t expires_s = 0;
    int r = ecom_jwt_issue(users->jwt, user->id, user->email, &token, &expires_s, err);

    if (r == ECOM_OK && !(session->token = moved(&token, arena)).p)
        r = ecom__nomem(err);
    ecom_buf_free(&token);
    session->token_type = ecom_str_of("Bearer");
    session->expires_at = expires_s * 1000;
    return r;
}

int ecom_users_login(ecom_users *users, const ecom_login *request, const ecom_caller *caller,
                     ecom_arena *arena, ecom_session *out, ecom_error *err)
{
    struct guesser guesser = {.address = caller ? caller->address : (ecom_str){NULL, 0}};
    ecom_session session = {0};
    int r = ecom_record_check(&ecom_login_record, request, err);

    if (r < 0)
        return r;
    if (!users->jwt)
        return ecom_fail(err, ECOM_E_NOTSUP, "this service issues no tokens");
    if ((r = email_key(request->email, arena, &guesser.account, err)) < 0 ||
        (r = check_brakes(users, &guesser, err)) < 0)
        return r;
    r = try_password(users, request, &guesser, arena, &session.user, err);
    if (r < 0 || (r = issue(users, arena, &session, err)) < 0)
        return r;
    guessed_right(users, &guesser);
    *out = session;
    return ECOM_OK;
}

int ecom_users_get(ecom_users *users, ecom_str id, ecom_arena *arena, ecom_user *out,
                   ecom_error *err)
{
    ecom_user user;
    int r = ecom__load(&users->c, id, arena, &user, NULL, err);

    if (r == ECOM_OK)
        *out = user;
    return r;
}

int ecom_users_get_many(ecom_users *users, const ecom_str *ids, size_t n, ecom_arena *arena,
                        ecom_user **out, size_t *found, ecom_error *err)
{
    void *items;
    int r = ecom__load_many(&users->c, ids, n, NULL, NULL, arena, &items, found, err);

    if (r == ECOM_OK)
        *out = items;
    return r;
}

int ecom_users_list(ecom_users *users, ecom_str user_id, const ecom_user_query *query,
                    ecom_arena *arena, ecom_user_page *out, ecom_error *err)
{
    ecom_user_page page = {{NULL, 0}};
    ecom_str *ids;
    size_t n, visible = 0;
    int r = ecom_record_check(&ecom_user_query_record, query, err);

    if (r == ECOM_OK)
        r = ecom_ids_split(query->ids, arena, &ids, &n, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < n; i++)
        if (ecom_str_eq(ids[i], user_id))
            ids[visible++] = ids[i];
    r = ecom__load_many(&users->c, ids, visible, NULL, NULL, arena, &page.items.items,
                        &page.items.n, err);
    if (r == ECOM_OK)
        *out = page;
    return r;
}
