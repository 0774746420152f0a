#include "check.h"

#include <stdlib.h>

#include "ecom/config.h"

struct settings {
    ecom_str secret, uri, name;
    int64_t port, limit;
    int32_t open, level;
};

static const char *const levels[] = {"debug", "info", "warn", "error", NULL};

static const ecom_field fields[] = {
    ECOM_FIELD(struct settings, secret, "JWT_SECRET", STRING, .flags = ECOM_REQUIRED | ECOM_SECRET,
               .min = 32, .max = 1024, .doc = "Signs and checks tokens."),
    ECOM_FIELD(struct settings, uri, "ORDER_MONGODB_URI", STRING, .flags = ECOM_SECRET,
               .doc = "Where orders are kept; unset: an embedded store."),
    ECOM_FIELD(struct settings, name, "SERVICE_NAME", STRING, .flags = ECOM_REQUIRED,
               .doc = "What it is called."),
    ECOM_FIELD(struct settings, port, "ORDER_PORT", INT, .max = 65535, .fallback = "3003",
               .doc = "Where the order service listens; 0 takes any port that is free, and the "
                      "start-up line then says which one that is."),
    ECOM_FIELD(struct settings, limit, "PAYMENT_DECLINE_ABOVE", MONEY, .min = 1, .max = 100000,
               .doc = "Amounts above are declined."),
    ECOM_FIELD(struct settings, open, "OPEN", BOOL, .fallback = "false", .doc = "Opens it."),
    ECOM_FIELD(struct settings, level, "LOG_LEVEL", ENUM, .names = levels, .fallback = "info",
               .doc = "Lines below are dropped."),
};

static const ecom_record settings_record =
    ECOM_RECORD_WITH("Settings", struct settings, fields, .doc = "All of them.");

static ecom_arena *arena;
static struct settings out;
static ecom_buf faults;

/* An environment as "NAME=value" strings. */
static const char *lookup(void *user, const char *name)
{
    size_t n = strlen(name);

    for (const char *const *pair = user; pair && *pair; pair++)
        if (!strncmp(*pair, name, n) && (*pair)[n] == '=')
            return *pair + n + 1;
    return NULL;
}

static int read_settings(const char *const *environment, const char *text)
{
    ecom_dotenv file = {0};

    ecom_arena_free(arena);
    arena = ecom_arena_new(0);
    faults.n = 0;
    if (text && ecom_dotenv_parse(ecom_str_of(text), arena, &file, NULL) < 0)
        return ECOM_E_CORRUPT;
    return ecom_config_read(&settings_record, environment ? lookup : NULL, (void *)environment,
                            text ? &file : NULL, arena, &out, &faults);
}

static void teardown(void)
{
    ecom_arena_free(arena);
    arena = NULL;
    ecom_buf_free(&faults);
}

#define SECRET "0123456789abcdef0123456789abcdef"

static void the_environment_wins_over_the_file_and_that_over_the_fallback(void)
{
    static const char *const env[] = {"SERVICE_NAME=env", "ORDER_PORT=1", "LOG_LEVEL=", NULL};
    ecom_error e = {0};

    CHECK_CODE(ECOM_OK,
               read_settings(env, "SERVICE_NAME=file\nJWT_SECRET=" SECRET "\nORDER_PORT=2\n"
                                  "LOG_LEVEL=Warn\nOPEN=\nUNKNOWN=1\n"),
               e);
    CHECK_STR("env", out.name);
    CHECK_STR(SECRET, out.secret);
    CHECK_I64(1, out.port);
    CHECK_I64(2, out.level);
    CHECK_I64(0, out.open);
    CHECK_I64(ECOM_ABSENT, out.limit);
    CHECK(!out.uri.p, "uri");
    CHECK_U64(0, faults.n);
    teardown();
}

static void all_faults_come_at_once_with_their_place_and_without_secrets(void)
{
    static const char *const env[] = {"ORDER_PORT=65536", "LOG_LEVEL=loud", NULL};
    ecom_error e = {0};

    CHECK_CODE(ECOM_E_INVAL,
               read_settings(env, "JWT_SECRET=hunter2\n\nOPEN=maybe\nPAYMENT_DECLINE_ABOVE=9.999\n"
                                  "ORDER_MONGODB_URI='ok'\n"),
               e);
    CHECK_STR("JWT_SECRET: must be at least 32 characters, is 7 (.env line 1)\n"
              "SERVICE_NAME: must be set\n"
              "ORDER_PORT: must be at most 65535, is 65536 (in the environment)\n"
              "PAYMENT_DECLINE_ABOVE: must have at most two decimal places (.env line 4)\n"
              "OPEN: must be true or false (.env line 3)\n"
              "LOG_LEVEL: must be one of debug, info, warn, error (in the environment)\n",
              ecom_buf_str(&faults));
    CHECK_CODE(ECOM_E_INVAL, read_settings(NULL, NULL), e);
    CHECK_STR("JWT_SECRET: must be set\nSERVICE_NAME: must be set\n", ecom_buf_str(&faults));
    teardown();
}

static void a_fault_names_the_file_it_stands_in(void)
{
    ecom_dotenv_pair pair = {ecom_str_of("ORDER_PORT"), ecom_str_of("x"), 7};
    const ecom_dotenv file = {.pairs = &pair, .n = 1, .path = "shop.env"};
    const ecom_record ports = {"Ports", sizeof(out), &fields[3], 1, NULL};

    CHECK_I64(ECOM_E_INVAL, ecom_config_read(&ports, NULL, NULL, &file, NULL, &out, &faults));
    CHECK_STR("ORDER_PORT: must be an integer (shop.env line 7)\n", ecom_buf_str(&faults));
    teardown();
}

static void help_names_each_setting_within_80_columns(void)
{
    ecom_buf help = {0};

    CHECK_I64(ECOM_OK, ecom_config_help(&settings_record, &help));
    CHECK_STR("  JWT_SECRET             Signs and checks tokens.\n"
              "                         required; secret; 32 to 1024 characters\n"
              "  ORDER_MONGODB_URI      Where orders are kept; unset: an embedded store.\n"
              "                         secret\n"
              "  SERVICE_NAME           What it is called.\n"
              "                         required\n"
              "  ORDER_PORT             Where the order service listens; 0 takes any port that\n"
              "                         is free, and the start-up line then says which one that\n"
              "                         is.\n"
              "                         default 3003; 0 to 65535\n"
              "  PAYMENT_DECLINE_ABOVE  Amounts above are declined.\n"
              "                         0.01 to 1000\n"
              "  OPEN                   Opens it.\n"
              "                         default false; true or false\n"
              "  LOG_LEVEL              Lines below are dropped.\n"
              "                         default info; one of debug, info, warn, error\n",
              ecom_buf_str(&help));
    ecom_buf_free(&help);
}

static void a_name_too_long_for_its_column_has_a_line_of_its_own(void)
{
    static const ecom_field one[] = {
        ECOM_FIELD(struct settings, port, "A_NAME_OF_TWENTY_NINE_LETTERS", INT, .doc = "Doc."),
    };
    static const ecom_record record = ECOM_RECORD_WITH("One", struct settings, one, .doc = "One.");
    ecom_buf help = {0};

    CHECK_I64(ECOM_OK, ecom_config_help(&record, &help));
    CHECK_STR("  A_NAME_OF_TWENTY_NINE_LETTERS\n"
              "                              Doc.\n"
              "                              a number\n",
              ecom_buf_str(&help));
    ecom_buf_free(&help);
}

static void every_failed_allocation_gives_nomem(void)
{
    int r, failed = 1;

    for (uint64_t i = 1; failed; i++) {
        ecom_buf help = {0};
        CHECK_I64(ECOM_OK, ecom_buf_append(&help, S("before")));
        check_alloc_fail_at(i);
        r = ecom_config_help(&settings_record, &help);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(failed ? ECOM_E_NOMEM : ECOM_OK, r);
        if (failed)
            CHECK_U64(6, help.n);
        ecom_buf_free(&help);
    }
    failed = 1;
    for (uint64_t i = 1; failed; i++) {
        ecom_arena *small = ecom_arena_new(1);
        check_alloc_fail_at(i);
        r = ecom_config_read(&settings_record, NULL, NULL, NULL, small, &out, &faults);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(failed ? ECOM_E_NOMEM : ECOM_E_INVAL, r);
        ecom_arena_free(small);
        ecom_buf_free(&faults);
    }
    static const char *const env[] = {"SERVICE_NAME=n", "JWT_SECRET=" SECRET, NULL};
    arena = ecom_arena_new(16); /* full after one */
    CHECK_I64(ECOM_E_NOMEM,
              ecom_config_read(&settings_record, lookup, (void *)env, NULL, arena, &out, &faults));
    teardown();
}

static const struct check_case cases[] = {
    CASE(the_environment_wins_over_the_file_and_that_over_the_fallback),
    CASE(all_faults_come_at_once_with_their_place_and_without_secrets),
    CASE(a_fault_names_the_file_it_stands_in),
    CASE(help_names_each_setting_within_80_columns),
    CASE(a_name_too_long_for_its_column_has_a_line_of_its_own),
    CASE(every_failed_allocation_gives_nomem),
};

CHECK_MAIN("config", cases)
