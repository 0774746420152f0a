/* user-service: accounts and tokens. */
#include "daemon/caller.h"
#include "daemon/daemon.h"

#include <ecom/user.h>

#include <stdlib.h>

struct accounts {
    ecom_passwords *passwords;
    ecom_throttle *by_account, *by_address;
    ecom_users *users;
};

static ecom_users *users_of(void *user)
{
    return ((struct accounts *)((struct daemon *)user)->domain)->users;
}

static int post_register(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_user made;
    int r = ecom_users_register(users_of(user), ecom_exchange_request(x), ecom_exchange_arena(x),
                                &made, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_user_record, &made, err);
}

static int post_login(void *user, ecom_exchange *x, ecom_error *err)
{
    const ecom_caller caller = caller_of(x);
    ecom_session session;
    int r = ecom_users_login(users_of(user), ecom_exchange_request(x), &caller,
                             ecom_exchange_arena(x), &session, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_session_record, &session, err);
}

static int get_me(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_user found;
    int r = ecom_users_get(users_of(user), ecom_exchange_claims(x)->sub, ecom_exchange_arena(x),
                           &found, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_user_record, &found, err);
}

/* Users see themselves and nobody else; that others exist is not told. */
static int get_user(void *user, ecom_exchange *x, ecom_error *err)
{
    if (!ecom_str_eq(ecom_exchange_param(x, "id"), ecom_exchange_claims(x)->sub))
        return ecom_fail(err, ECOM_E_NOTFOUND, "no such user");
    return get_me(user, x, err);
}

static int get_users(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_user_page page;
    int r = ecom_users_list(users_of(user), ecom_exchange_claims(x)->sub, ecom_exchange_params(x),
                            ecom_exchange_arena(x), &page, err);

    return r < 0 ? r : ecom_exchange_reply(x, &ecom_user_page_record, &page, err);
}

static const ecom_route routes[] = {
    {.method = "POST",
     .pattern = "/auth/register",
     .handle = post_register,
     .request = &ecom_registration_record,
     .response = &ecom_user_record,
     .status = 201,
     .summary = "Makes an account.",
     .operation = "registerUser"},
    {.method = "POST",
     .pattern = "/auth/login",
     .handle = post_login,
     .flags = ECOM_ROUTE_LIMITED,
     .request = &ecom_login_record,
     .response = &ecom_session_record,
     .summary = "Checks a password and gives a token.",
     .operation = "login"},
    {.method = "GET",
     .pattern = "/users/me",
     .handle = get_me,
     .flags = ECOM_ROUTE_AUTH,
     .response = &ecom_user_record,
     .summary = "Who the token is.",
     .operation = "getMe"},
    {.method = "GET",
     .pattern = "/users",
     .handle = get_users,
     .flags = ECOM_ROUTE_AUTH,
     .query = &ecom_user_query_record,
     .response = &ecom_user_page_record,
     .summary = "Users by ids, as far as the caller may see: oneself.",
     .operation = "listUsers"},
    {.method = "GET",
     .pattern = "/users/{id}",
     .handle = get_user,
     .flags = ECOM_ROUTE_AUTH,
     .response = &ecom_user_record,
     .summary = "A user, as far as the caller may see: oneself.",
     .operation = "getUser"},
};

static int open_throttles(struct accounts *a, const struct daemon *d, ecom_error *err)
{
    const ecom_throttle_options account = {.size = sizeof(account), .env = d->env};
    const ecom_throttle_options address = {
        .size = sizeof(address), .env = d->env, .free_failures = 20};

    if (d->settings.rate_limit == RATE_LIMIT_OFF)
        return ECOM_OK;
    int r = ecom_throttle_new(&account, &a->by_account, err);
    return r < 0 ? r : ecom_throttle_new(&address, &a->by_address, err);
}

static int open_users(struct daemon *d, ecom_error *err)
{
    const ecom_password_options passwords = {
        .size = sizeof(passwords),
        .memory_kib = (uint32_t)d->settings.argon2_memory_kib,
        .passes = (uint32_t)d->settings.argon2_passes,
        .max_concurrent = (uint32_t)d->settings.argon2_concurrency,
    };
    struct accounts *a = d->domain = calloc(1, sizeof(*a));

    if (!a)
        return ecom_fail(err, ECOM_E_NOMEM, "accounts");
    int r = open_throttles(a, d, err);
    if (r == ECOM_OK)
        r = ecom_passwords_new(&passwords, &a->passwords, err);
    if (r < 0)
        return r;
    const ecom_users_options opts = {
        .size = sizeof(opts),
        .store = d->store,
        .env = d->env,
        .log = d->log,
        .passwords = a->passwords,
        .jwt = d->jwt,
        .account_throttle = a->by_account,
        .address_throttle = a->by_address,
    };
    return ecom_users_new(&opts, &a->users, err);
}

static void close_users(struct daemon *d)
{
    struct accounts *a = d->domain;

    if (!a)
        return;
    ecom_users_free(a->users);
    ecom_passwords_free(a->passwords);
    ecom_throttle_free(a->by_account);
    ecom_throttle_free(a->by_address);
    free(a);
}

static const struct daemon_spec spec = {
    .name = "user-service",
    .about = "Accounts and tokens: POST /auth/register, POST /auth/login, GET /users/me,\n"
             "GET /users/{id}.",
    .title = "User Service",
    .needs = DAEMON_STORE | DAEMON_JWT,
    .port = offsetof(struct settings, user_port),
    .store_url = offsetof(struct settings, user_store),
    .store_name = "user",
    .routes = routes,
    .nroutes = sizeof(routes) / sizeof(routes[0]),
    .open = open_users,
    .close = close_users,
};

int main(int argc, char **argv)
{
    return daemon_main(&spec, argc, argv);
}
