#include <pthread.h>
#include <stdlib.h>

#include "argon2.h"
#include "shop_world.h"

#define SECRET S("0123456789abcdef0123456789abcdef")

struct fixture {
    struct shop_world w;
    ecom_passwords *passwords;
    ecom_jwt *jwt;
    ecom_throttle *accounts, *addresses;
    ecom_users *users;
};

static void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    f->passwords = shop_passwords();
    const ecom_jwt_options jwt = {
        .size = sizeof(jwt), .secret = SECRET, .ttl_s = 3600, .env = &f->w.clock.env};
    const ecom_throttle_options throttle = {
        .size = sizeof(throttle), .free_failures = 2, .env = &f->w.clock.env};
    if (ecom_jwt_new(&jwt, &f->jwt, NULL) < 0 ||
        ecom_throttle_new(&throttle, &f->accounts, NULL) < 0 ||
        ecom_throttle_new(&throttle, &f->addresses, NULL) < 0)
        abort();
    const ecom_users_options opts = {
        .size = sizeof(opts),
        .store = f->w.store,
        .env = &f->w.clock.env,
        .passwords = f->passwords,
        .jwt = f->jwt,
        .account_throttle = f->accounts,
        .address_throttle = f->addresses,
    };
    if (ecom_users_new(&opts, &f->users, NULL) < 0)
        abort();
}

static void close_fixture(struct fixture *f)
{
    ecom_users_free(f->users);
    ecom_throttle_free(f->addresses);
    ecom_throttle_free(f->accounts);
    ecom_jwt_free(f->jwt);
    ecom_passwords_free(f->passwords);
    shop_world_close(&f->w);
}

static int sign_up(struct fixture *f, ecom_str email, ecom_user *out, ecom_error *e)
{
    const ecom_registration request = {
        .email = email, .password = S("correct horse"), .name = S("Ann")};

    return ecom_users_register(f->users, &request, f->w.arena, out, e);
}

static int log_in(struct fixture *f, ecom_str email, ecom_str password, ecom_str address,
                  ecom_session *out, ecom_error *e)
{
    const ecom_login request = {email, password};
    const ecom_caller caller = {.size = sizeof(caller), .address = address};

    return ecom_users_login(f->users, &request, &caller, f->w.arena, out, e);
}

static void a_user_registers_logs_in_and_is_found(void)
{
    struct fixture f;
    ecom_user user, found;
    ecom_session session;
    ecom_claims claims;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("  Ann@Example.COM "), &user, &e), e);
    CHECK(ecom_id_valid(user.id), "no id");
    CHECK_STR("Ann@Example.COM", user.email);
    CHECK_STR("ann@example.com", user.email_key);
    CHECK_STR("Ann", user.name);
    CHECK_I64(ecom_env_now_ms(&f.w.clock.env), user.created_at);

    CHECK_CODE(ECOM_OK, log_in(&f, S("ann@EXAMPLE.com "), S("correct horse"), S(""), &session, &e),
               e);
    CHECK_STR("Bearer", session.token_type);
    CHECK_I64(user.created_at + 3600000, session.expires_at);
    CHECK_CODE(ECOM_OK, ecom_jwt_verify(f.jwt, session.token, f.w.arena, &claims, &e), e);
    CHECK(ecom_str_eq(user.id, claims.sub), "another subject");
    CHECK_STR("Ann@Example.COM", claims.email);

    CHECK_CODE(ECOM_OK, ecom_users_get(f.users, user.id, f.w.arena, &found, &e), e);
    CHECK(ecom_str_eq(user.id, found.id) && ecom_str_eq(user.email, found.email), "another user");
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_users_get(f.users, S("no id"), f.w.arena, &found, &e), e);
    close_fixture(&f);
}

static void nobody_sees_a_hash_or_a_password(void)
{
    struct fixture f;
    ecom_buf json = {0};
    ecom_session session;
    ecom_user user;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK(user.password_hash.n > 20 && !memcmp(user.password_hash.p, "$argon2id$", 10), "no hash");
    CHECK_CODE(ECOM_OK, log_in(&f, S("a@b.c"), S("correct horse"), S(""), &session, &e), e);
    CHECK_CODE(ECOM_OK, ecom_record_write(&ecom_session_record, &session, ECOM_VIEW_PUBLIC, &json),
               e);
    CHECK(!strstr(json.p, "argon2") && !strstr(json.p, "emailKey"), "seen: %s", json.p);
    CHECK(strstr(json.p, "\"tokenType\":\"Bearer\""), "no type: %s", json.p);
    ecom_buf_free(&json);
    const ecom_registration request = {.email = S("x@y.z"), .password = S("s3cr3t!")};
    CHECK_CODE(ECOM_E_INVAL, ecom_users_register(f.users, &request, f.w.arena, &user, &e), e);
    CHECK(!strstr(e.text, "s3cr3t"), "told: %s", e.text);
    close_fixture(&f);
}

static void a_user_can_be_read_from_what_callers_see(void)
{
    struct fixture f;
    ecom_buf json = {0};
    ecom_user user, again;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK_CODE(ECOM_OK, ecom_record_write(&ecom_user_record, &user, ECOM_VIEW_PUBLIC, &json), e);
    CHECK_CODE(
        ECOM_OK,
        ecom_record_read(&ecom_user_record, ecom_buf_str(&json), NULL, f.w.arena, &again, &e), e);
    CHECK_I64(user.created_at, again.created_at);
    ecom_buf_free(&json);
    close_fixture(&f);
}

static void an_address_has_one_account_in_whatever_case(void)
{
    struct fixture f;
    ecom_user user;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK_CODE(ECOM_E_EXISTS, sign_up(&f, S(" A@B.c"), &user, &e), e);
    CHECK_STR("email", ecom_str_of(e.field));
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a2@b.c"), &user, &e), e);
    CHECK_I64(2, shop_count(&f.w, "users"));
    close_fixture(&f);
}

static void what_is_no_registration_is_refused_by_its_field(void)
{
    struct fixture f;
    char horses[ECOM_PASSWORD_MAX + 4]; /* few characters, too many bytes */
    ecom_user user;
    ecom_error e = {0};

    open_fixture(&f);
    for (size_t i = 0; i < sizeof(horses); i += 4)
        memcpy(horses + i, "\xF0\x9F\x90\xB4", 4);
    const struct {
        ecom_str email, password, name;
        const char *field;
    } bad[] = {
        {{NULL, 0}, S("12345678"), {NULL, 0}, "email"},
        {S("   "), S("12345678"), {NULL, 0}, "email"},
        {S("nobody"), S("12345678"), {NULL, 0}, "email"},
        {S("a b@c.d"), S("12345678"), {NULL, 0}, "email"},
        {shop_repeat(&f.w, 'a', 321), S("12345678"), {NULL, 0}, "email"},
        {S("a@b.c"), {NULL, 0}, {NULL, 0}, "password"},
        {S("a@b.c"), S("1234567"), {NULL, 0}, "password"},
        {S("a@b.c"), shop_repeat(&f.w, 'p', ECOM_PASSWORD_MAX + 1), {NULL, 0}, "password"},
        {S("a@b.c"), S("12345678"), shop_repeat(&f.w, 'n', 201), "name"},
        {S("a@b.c"), S("12345678"), S("\xFF"), "name"},
        {S("a@b.c"), {horses, sizeof(horses)}, {NULL, 0}, "password"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const ecom_registration request = {bad[i].email, bad[i].password, bad[i].name};
        CHECK_CODE(ECOM_E_INVAL, ecom_users_register(f.users, &request, f.w.arena, &user, &e), e);
        CHECK_STR(bad[i].field, ecom_str_of(e.field));
    }
    CHECK_I64(0, shop_count(&f.w, "users"));
    const ecom_registration most = {S("a@b.c"), shop_repeat(&f.w, 'p', ECOM_PASSWORD_MAX),
                                    shop_repeat(&f.w, 'n', 200)};
    CHECK_CODE(ECOM_OK, ecom_users_register(f.users, &most, f.w.arena, &user, &e), e);
    close_fixture(&f);
}

static void a_wrong_password_and_an_unknown_address_get_the_same_answer(void)
{
    struct fixture f;
    ecom_session session;
    ecom_user user;
    ecom_error wrong = {0}, unknown = {0}, e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, S("a@b.c"), S("wrong horse"), S(""), &session, &wrong), wrong);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, S("x@b.c"), S("wrong horse"), S(""), &session, &unknown), unknown);
    CHECK(memcmp(&wrong, &unknown, sizeof(wrong)) == 0, "\"%s\" or \"%s\"", wrong.text,
          unknown.text);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED, log_in(&f, S("no address"), S("x"), S(""), &session, &e), e);
    /* 320 characters of 4 bytes: longer than an index could hold */
    char email[1280];
    for (size_t i = 0; i < sizeof(email); i += 4)
        memcpy(email + i, "\xF0\x9F\x90\xB4", 4);
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, (ecom_str){email, sizeof(email)}, S("x"), S(""), &session, &e), e);
    CHECK_CODE(ECOM_E_INVAL, log_in(&f, S(""), S("x"), S(""), &session, &e), e);
    CHECK_STR("email", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL,
               log_in(&f, S("a@b.c"), shop_repeat(&f.w, 'p', 257), S(""), &session, &e), e);
    CHECK_STR("password", ecom_str_of(e.field));
    close_fixture(&f);
}

static void an_unknown_address_costs_the_comparison_that_a_wrong_password_costs(void)
{
    struct fixture f;
    ecom_session session;
    ecom_user user;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    argon2.times = 0;
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, S("a@b.c"), S("wrong horse"), S(""), &session, &e), e);
    CHECK_I64(1, argon2.times);
    const size_t memory_kib = argon2.memory_kib;
    const unsigned long long passes = argon2.passes;
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, S("x@b.c"), S("wrong horse"), S(""), &session, &e), e);
    CHECK_I64(2, argon2.times);
    CHECK_U64(memory_kib, argon2.memory_kib);
    CHECK_U64(passes, argon2.passes);
    close_fixture(&f);
}

static void guessing_is_braked_by_account_and_by_address(void)
{
    struct fixture f;
    ecom_session session;
    ecom_user user;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("own@b.c"), &user, &e), e);
    for (int i = 0; i < 3; i++) /* two are free, the third has to be waited for */
        CHECK_CODE(ECOM_E_UNAUTHENTICATED,
                   log_in(&f, S("A@b.c"), S("guess"), S("10.0.0.1"), &session, &e), e);
    CHECK_CODE(ECOM_E_RATE, log_in(&f, S("a@b.c"), S("correct horse"), S("10.0.0.2"), &session, &e),
               e);
    CHECK(e.retry_after_ms > 0 && e.retry_after_ms <= 1000, "wait %d ms", e.retry_after_ms);
    CHECK_CODE(ECOM_E_RATE,
               log_in(&f, S("own@b.c"), S("correct horse"), S("10.0.0.1"), &session, &e), e);
    check_world_move_ms(&f.w.clock, 1000);
    CHECK_CODE(ECOM_OK, log_in(&f, S("own@b.c"), S("correct horse"), S("10.0.0.1"), &session, &e),
               e);
    /* His own account's success does not take the brake off his address. */
    CHECK_CODE(ECOM_E_UNAUTHENTICATED,
               log_in(&f, S("x@b.c"), S("guess"), S("10.0.0.1"), &session, &e), e);
    CHECK_CODE(ECOM_E_RATE,
               log_in(&f, S("own@b.c"), S("correct horse"), S("10.0.0.1"), &session, &e), e);
    CHECK(e.retry_after_ms > 1000, "wait %d ms", e.retry_after_ms);
    CHECK_CODE(ECOM_OK, log_in(&f, S("a@b.c"), S("correct horse"), S("10.0.0.2"), &session, &e), e);
    close_fixture(&f);
}

static void guess_three_times(void *user)
{
    struct fixture *f = user;

    for (int i = 0; i < 3; i++)
        ecom_throttle_failed(f->accounts, S("a@b.c"));
}

static void guesses_that_were_let_in_together_do_not_outrun_the_brake(void)
{
    static const char *const passwords[] = {"guess", "correct horse"};
    ecom_session session;
    ecom_user user;
    ecom_error e = {0};

    for (int i = 0; i < 2; i++) {
        struct fixture f;
        open_fixture(&f);
        CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
        f.w.before_find = guess_three_times;
        f.w.user = &f;
        CHECK_CODE(ECOM_E_RATE,
                   log_in(&f, S("a@b.c"), ecom_str_of(passwords[i]), S("10.0.0.2"), &session, &e),
                   e);
        CHECK(e.retry_after_ms > 0 && e.retry_after_ms <= 1000, "wait %d ms", e.retry_after_ms);
        close_fixture(&f);
    }
}

static void without_a_throttle_nobody_waits(void)
{
    struct fixture f;
    ecom_users *users = NULL;
    ecom_session session;
    ecom_error e = {0};
    const ecom_login request = {S("a@b.c"), S("guess")};

    open_fixture(&f);
    const ecom_users_options opts = {
        .size = sizeof(opts), .store = f.w.store, .passwords = f.passwords, .jwt = f.jwt};
    CHECK_CODE(ECOM_OK, ecom_users_new(&opts, &users, &e), e);
    for (int i = 0; i < 10; i++)
        CHECK_CODE(ECOM_E_UNAUTHENTICATED,
                   ecom_users_login(users, &request, NULL, f.w.arena, &session, &e), e);
    ecom_users_free(users);
    ecom_users_free(NULL);
    close_fixture(&f);
}

static void what_is_missing_is_named(void)
{
    struct fixture f;
    ecom_users *users = NULL;
    ecom_session session;
    ecom_error e = {0};
    const ecom_login request = {S("a@b.c"), S("guess")};

    open_fixture(&f);
    ecom_users_options opts = {.size = sizeof(opts), .passwords = f.passwords};
    CHECK_CODE(ECOM_E_INVAL, ecom_users_new(&opts, &users, &e), e);
    CHECK_STR("store", ecom_str_of(e.field));
    opts = (ecom_users_options){.size = sizeof(opts), .store = f.w.store};
    CHECK_CODE(ECOM_E_INVAL, ecom_users_new(&opts, &users, &e), e);
    CHECK_STR("passwords", ecom_str_of(e.field));
    opts.passwords = f.passwords;
    CHECK_CODE(ECOM_OK, ecom_users_new(&opts, &users, &e), e);
    CHECK_CODE(ECOM_E_NOTSUP, ecom_users_login(users, &request, NULL, f.w.arena, &session, &e), e);
    ecom_users_free(users);
    close_fixture(&f);
}

static void a_stale_hash_is_renewed_at_login_and_a_failure_of_that_is_no_failure(void)
{
    const ecom_password_options stronger = {
        .size = sizeof(stronger), .memory_kib = 8192, .passes = 2, .max_concurrent = 2};
    struct fixture f;
    ecom_passwords *today = NULL;
    ecom_users *users = NULL;
    ecom_session session;
    ecom_user user, now;
    ecom_error e = {0};
    const ecom_login request = {S("a@b.c"), S("correct horse")};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &user, &e), e);
    CHECK_CODE(ECOM_OK, ecom_passwords_new(&stronger, &today, &e), e);
    const ecom_users_options opts = {.size = sizeof(opts),
                                     .store = f.w.store,
                                     .env = &f.w.clock.env,
                                     .passwords = today,
                                     .jwt = f.jwt};
    CHECK_CODE(ECOM_OK, ecom_users_new(&opts, &users, &e), e);
    shop_world_fail_at(&f.w, 2, SHOP_FAULT_BEFORE); /* the find, then the put */
    CHECK_CODE(ECOM_OK, ecom_users_login(users, &request, NULL, f.w.arena, &session, &e), e);
    CHECK(f.w.failed, "nothing was written");
    CHECK_CODE(ECOM_OK, ecom_users_get(users, user.id, f.w.arena, &now, &e), e);
    CHECK(ecom_str_eq(user.password_hash, now.password_hash), "renewed");
    check_world_move_ms(&f.w.clock, 5);
    CHECK_CODE(ECOM_OK, ecom_users_login(users, &request, NULL, f.w.arena, &session, &e), e);
    CHECK_CODE(ECOM_OK, ecom_users_get(users, user.id, f.w.arena, &now, &e), e);
    CHECK(!ecom_str_eq(user.password_hash, now.password_hash), "not renewed");
    CHECK_I64(user.created_at + 5, now.updated_at);
    unsigned puts = f.w.puts;
    CHECK_CODE(ECOM_OK, ecom_users_login(users, &request, NULL, f.w.arena, &session, &e), e);
    CHECK_U64(puts, f.w.puts);
    ecom_users_free(users);
    ecom_passwords_free(today);
    close_fixture(&f);
}

static void many_are_found_in_the_order_of_their_ids(void)
{
    struct fixture f;
    ecom_user a, b, *found = NULL;
    ecom_error e = {0};
    size_t n = 0;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &a, &e), e);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("b@b.c"), &b, &e), e);
    ecom_str ids[ECOM_IDS_MAX + 1] = {b.id, S("nobody"), a.id};
    CHECK_CODE(ECOM_OK, ecom_users_get_many(f.users, ids, 3, f.w.arena, &found, &n, &e), e);
    CHECK_U64(2, n);
    CHECK_STR("b@b.c", found[0].email);
    CHECK_STR("a@b.c", found[1].email);
    for (size_t i = 3; i <= ECOM_IDS_MAX; i++)
        ids[i] = a.id;
    CHECK_CODE(ECOM_OK, ecom_users_get_many(f.users, ids, ECOM_IDS_MAX, f.w.arena, &found, &n, &e),
               e);
    CHECK_U64(ECOM_IDS_MAX - 1, n);
    CHECK_CODE(ECOM_E_INVAL,
               ecom_users_get_many(f.users, ids, ECOM_IDS_MAX + 1, f.w.arena, &found, &n, &e), e);
    CHECK_STR("ids", ecom_str_of(e.field));
    CHECK_CODE(ECOM_OK, ecom_users_get_many(f.users, NULL, 0, f.w.arena, &found, &n, &e), e);
    CHECK_U64(0, n);
    close_fixture(&f);
}

static void users_asked_for_by_ids_are_only_oneself(void)
{
    struct fixture f;
    ecom_user a, b;
    ecom_user_page page = {{NULL, 0}};
    ecom_buf ids = {0};
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("a@b.c"), &a, &e), e);
    CHECK_CODE(ECOM_OK, sign_up(&f, S("b@b.c"), &b, &e), e);
    CHECK_I64(ECOM_OK, ecom_buf_printf(&ids, "%s,nobody,%s", b.id.p, a.id.p));
    ecom_user_query query = {.ids = ecom_buf_str(&ids)};
    CHECK_CODE(ECOM_OK, ecom_users_list(f.users, a.id, &query, f.w.arena, &page, &e), e);
    CHECK_U64(1, page.items.n);
    CHECK_STR("a@b.c", ((ecom_user *)page.items.items)[0].email);
    CHECK_CODE(ECOM_OK, ecom_users_list(f.users, S("c"), &query, f.w.arena, &page, &e), e);
    CHECK_U64(0, page.items.n);
    query.ids = S("a,,b");
    CHECK_CODE(ECOM_E_INVAL, ecom_users_list(f.users, a.id, &query, f.w.arena, &page, &e), e);
    CHECK_STR("ids", ecom_str_of(e.field));
    query.ids = (ecom_str){NULL, 0};
    CHECK_CODE(ECOM_E_INVAL, ecom_users_list(f.users, a.id, &query, f.w.arena, &page, &e), e);
    ecom_buf_free(&ids);
    close_fixture(&f);
}

struct racer {
    struct fixture *f;
    int r;
};

static void *race(void *user)
{
    struct racer *racer = user;
    ecom_arena *arena = ecom_arena_new(0);
    const ecom_registration request = {.email = S("same@b.c"), .password = S("correct horse")};
    ecom_user out;
    ecom_error e;

    racer->r =
        arena ? ecom_users_register(racer->f->users, &request, arena, &out, &e) : ECOM_E_NOMEM;
    ecom_arena_free(arena);
    return NULL;
}

static void of_two_who_register_an_address_at_once_one_gets_it(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct racer racers[4];
    int won = 0;

    open_fixture(&f);
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){&f, 0};
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK(racers[i].r == ECOM_OK || racers[i].r == ECOM_E_EXISTS, "%s",
              check_code(racers[i].r));
        won += racers[i].r == ECOM_OK;
    }
    CHECK_I64(1, won);
    CHECK_I64(1, shop_count(&f.w, "users"));
    close_fixture(&f);
}

static void a_failing_store_makes_no_half_account(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++) {
        struct fixture f;
        ecom_session session;
        ecom_user user;
        ecom_error e = {0};

        open_fixture(&f);
        shop_world_fail_at(&f.w, 1, (enum shop_fault)fault);
        int want = fault == SHOP_FAULT_BEFORE ? ECOM_E_UNAVAILABLE : ECOM_E_TIMEOUT;
        CHECK_CODE(want, sign_up(&f, S("a@b.c"), &user, &e), e);
        CHECK_CODE(fault == SHOP_FAULT_BEFORE ? ECOM_OK : ECOM_E_EXISTS,
                   sign_up(&f, S("a@b.c"), &user, &e), e);
        shop_world_fail_at(&f.w, 1, SHOP_FAULT_BEFORE);
        CHECK_CODE(ECOM_E_UNAVAILABLE,
                   log_in(&f, S("a@b.c"), S("correct horse"), S(""), &session, &e), e);
        CHECK_CODE(ECOM_OK, log_in(&f, S("a@b.c"), S("correct horse"), S(""), &session, &e), e);
        CHECK_I64(1, shop_count(&f.w, "users"));
        close_fixture(&f);
    }
}

/* Registers and logs in; every failure on the way must be NOMEM. */
static int whole_way(struct fixture *f, ecom_error *e)
{
    ecom_session session;
    ecom_user user;
    int r = sign_up(f, S("a@b.c"), &user, e);

    return r < 0 ? r : log_in(f, S("a@b.c"), S("correct horse"), S("1.2.3.4"), &session, e);
}

static void a_failed_allocation_is_told_and_changes_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        ecom_error e = {0};

        open_fixture(&f);
        check_alloc_fail_at(n);
        int r = whole_way(&f, &e), failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(failed ? r == ECOM_E_NOMEM : r == ECOM_OK, "allocation %d: %s: %s", (int)n,
              check_code(r), e.text);
        if (r < 0) { /* it goes on as if nothing had been */
            ecom_session session;
            ecom_user user;
            r = sign_up(&f, S("a@b.c"), &user, &e);
            CHECK(r == ECOM_OK || r == ECOM_E_EXISTS, "%s: %s", check_code(r), e.text);
            CHECK_CODE(ECOM_OK, log_in(&f, S("a@b.c"), S("correct horse"), S(""), &session, &e), e);
        }
        CHECK_I64(1, shop_count(&f.w, "users"));
        close_fixture(&f);
        if (!failed)
            break;
    }
}

static const struct check_case cases[] = {
    CASE(a_user_registers_logs_in_and_is_found),
    CASE(nobody_sees_a_hash_or_a_password),
    CASE(a_user_can_be_read_from_what_callers_see),
    CASE(an_address_has_one_account_in_whatever_case),
    CASE(what_is_no_registration_is_refused_by_its_field),
    CASE(a_wrong_password_and_an_unknown_address_get_the_same_answer),
    CASE(an_unknown_address_costs_the_comparison_that_a_wrong_password_costs),
    CASE(guessing_is_braked_by_account_and_by_address),
    CASE(guesses_that_were_let_in_together_do_not_outrun_the_brake),
    CASE(without_a_throttle_nobody_waits),
    CASE(what_is_missing_is_named),
    CASE(a_stale_hash_is_renewed_at_login_and_a_failure_of_that_is_no_failure),
    CASE(many_are_found_in_the_order_of_their_ids),
    CASE(users_asked_for_by_ids_are_only_oneself),
    CASE(of_two_who_register_an_address_at_once_one_gets_it),
    CASE(a_failing_store_makes_no_half_account),
    CASE(a_failed_allocation_is_told_and_changes_nothing),
};

CHECK_MAIN("users", cases)
