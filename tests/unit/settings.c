#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "daemon/settings.h"
#include "ecom/http.h"

enum { NO_FILE_MAX = 1 << 16 };

/* Truth: with this value of a variable, and nothing else set, there is a fault about it. */
static int is_refused(const char *name, const char *value)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf faults = {0};
    struct settings settings;
    char line[80];

    if (!arena || setenv(name, value, 1) < 0)
        abort();
    snprintf(line, sizeof(line), "%s: ", name);
    (void)!settings_load(NULL, 0, ecom_http_proxies_check, arena, &settings, &faults);
    const char *at = faults.n ? strstr(faults.p, line) : NULL;
    int refused = at && (at == faults.p || at[-1] == '\n');
    ecom_buf_free(&faults);
    ecom_arena_free(arena);
    unsetenv(name);
    return refused;
}

static int number_is_refused(const ecom_field *field, int64_t n)
{
    char text[32];

    if (field->type == ECOM_TYPE_MONEY)
        snprintf(text, sizeof(text), "%s%" PRId64 ".%02d", n < 0 ? "-" : "", n / 100,
                 (int)(n % 100));
    else
        snprintf(text, sizeof(text), "%" PRId64, n);
    return is_refused(field->name, text);
}

static int text_is_refused(const ecom_field *field, size_t n)
{
    char *text = malloc(n + 1);

    if (!text)
        abort();
    memset(text, '1', n);
    text[n] = '\0';
    int refused = is_refused(field->name, text);
    free(text);
    return refused;
}

static void each_number_is_refused_one_below_and_one_above(void)
{
    int checked = 0;

    for (size_t i = 0; i < settings_record.nfields; i++) {
        const ecom_field *field = &settings_record.fields[i];
        if (field->type != ECOM_TYPE_INT && field->type != ECOM_TYPE_MONEY)
            continue;
        int64_t max = field->max >= field->min && field->max ? field->max : ECOM_MONEY_MAX;
        CHECK(field->type == ECOM_TYPE_MONEY || field->max > 0, "%s has no bound", field->name);
        CHECK(!number_is_refused(field, field->min), "%s: its least is refused", field->name);
        CHECK(!number_is_refused(field, max), "%s: its most is refused", field->name);
        CHECK(number_is_refused(field, field->min - 1), "%s: one below is taken", field->name);
        CHECK(number_is_refused(field, max + 1), "%s: one above is taken", field->name);
        checked++;
    }
    CHECK(checked > 20, "only %d", checked);
}

static int is_free_text(const char *name)
{
    return strcmp(name, "TRUSTED_PROXIES") != 0 && !strstr(name, "_SERVICE_URL") &&
           !strstr(name, "_WORKER_URL");
}

static void each_text_is_refused_one_byte_above_its_length(void)
{
    int checked = 0;

    for (size_t i = 0; i < settings_record.nfields; i++) {
        const ecom_field *field = &settings_record.fields[i];
        if (field->type != ECOM_TYPE_STRING)
            continue;
        CHECK(field->max > 0 && field->max < NO_FILE_MAX, "%s has no bound", field->name);
        CHECK(text_is_refused(field, (size_t)field->max + 1), "%s: one above is taken",
              field->name);
        if (is_free_text(field->name))
            CHECK(!text_is_refused(field, (size_t)field->max), "%s: its most is refused",
                  field->name);
        if (field->min > 1)
            CHECK(text_is_refused(field, (size_t)field->min - 1), "%s: one below is taken",
                  field->name);
        checked++;
    }
    CHECK(checked > 30, "only %d", checked);
}

static void each_choice_is_one_of_its_names(void)
{
    for (size_t i = 0; i < settings_record.nfields; i++) {
        const ecom_field *field = &settings_record.fields[i];
        if (field->type != ECOM_TYPE_ENUM)
            continue;
        CHECK(is_refused(field->name, "neither"), "%s takes what is no name of it", field->name);
        for (const char *const *name = field->names; *name; name++)
            CHECK(!is_refused(field->name, *name), "%s does not take %s", field->name, *name);
    }
}

static void where_a_service_is_must_be_a_url_of_http(void)
{
    static const char *const names[] = {"USER_SERVICE_URL", "PRODUCT_SERVICE_URL",
                                        "ORDER_SERVICE_URL", "NOTIFICATION_WORKER_URL"};
    static const char *const good[] = {"http://users:3001", "HTTP://10.0.0.1/shop/",
                                       "http://[::1]:80"};
    static const char *const bad[] = {"localhost:3001", "https://users",  "http://",
                                      "http:///users",  "http://users?a", "http://a b"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
            CHECK(!is_refused(names[n], good[i]), "%s=%s is refused", names[n], good[i]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            CHECK(is_refused(names[n], bad[i]), "%s=%s is taken", names[n], bad[i]);
    }
}

static void topics_and_groups_are_called_as_the_bus_allows(void)
{
    static const char *const names[] = {"ORDER_EVENTS_TOPIC", "PAYMENT_EVENTS_TOPIC",
                                        "ECOM_CONSUMER_GROUP"};
    static const char *const bad[] = {"a b", "a/b", ".", "..", "caf\xC3\xA9"};

    for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        CHECK(!is_refused(names[n], "a.B_1-..."), "%s is refused", names[n]);
        for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
            CHECK(is_refused(names[n], bad[i]), "%s=%s is taken", names[n], bad[i]);
    }
}

static void a_slash_at_the_end_of_a_services_url_makes_no_difference(void)
{
    ecom_arena *arena = ecom_arena_new(0);

    CHECK(arena, "no arena");
    CHECK_STR("http://a:1", ecom_str_of(settings_service_url(S("http://a:1"), 2, arena)));
    CHECK_STR("http://a/b", ecom_str_of(settings_service_url(S("http://a/b//"), 2, arena)));
    CHECK_STR("http://127.0.0.1:2", ecom_str_of(settings_service_url(S(""), 2, arena)));
    ecom_arena_free(arena);
}

static void a_setting_is_known_by_its_place(void)
{
    CHECK_STR("ORDER_MONGODB_URI",
              ecom_str_of(settings_name(offsetof(struct settings, order_store))));
    CHECK_STR("JWT_SECRET", ecom_str_of(settings_name(offsetof(struct settings, jwt_secret))));
}

static void what_is_not_set_has_its_default(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf faults = {0};
    struct settings settings;

    CHECK(arena, "no arena");
    int r = settings_load(NULL, 0, ecom_http_proxies_check, arena, &settings, &faults);
    CHECK(r == ECOM_OK, "%s", faults.n ? faults.p : check_code(r));
    CHECK_I64(3003, settings.order_port);
    CHECK_STR("127.0.0.1,::1", settings.proxies);
    CHECK_CODE(ECOM_E_INVAL,
               settings_load(NULL, 1, ecom_http_proxies_check, arena, &settings, &faults),
               (ecom_error){0});
    CHECK(strstr(faults.p, "JWT_SECRET: must be set"), "%s", faults.p);
    ecom_buf_free(&faults);
    ecom_arena_free(arena);
}

static void a_name_that_looks_like_a_setting_is_told_and_no_other(void)
{
    static const char text[] =
        "JWT_SECERT=0123456789abcdef0123456789abcdef\n" /* two letters have changed places */
        "USER_PORT=0\n"
        "USER_MONGO_URI=mongodb://a\n"    /* two are missing */
        "ORDER_MONGODB_URL=mongodb://a\n" /* one is another */
        "order_port=0\n"
        "OTHER_PORT=1\nSUPER_PORT=1\nHOST=a\nHOMES=a\nAWS_ENDPOINT_URL=a\nAWS_SECRET_KEY=a\n"
        "COMPOSE_PROJECT_NAME=a\nPATH=a\nMONGODB_URI=a\nS=a\n"
        "= broken\n"
        "KAFKA_BOOTSTRAP_SERVERSS=\n";
    char path[] = "/tmp/ecom-settings-XXXXXX", want[600];
    int fd = mkstemp(path);
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf told = {0};

    CHECK(fd >= 0 && arena && write(fd, text, sizeof(text) - 1) == (ssize_t)sizeof(text) - 1,
          "no file");
    close(fd);
    CHECK_CODE(ECOM_OK, settings_misspelt(path, arena, &told), (ecom_error){0});
    snprintf(want, sizeof(want),
             "%s: line 1: JWT_SECERT is no setting: is JWT_SECRET meant?\n"
             "%s: line 3: USER_MONGO_URI is no setting: is USER_MONGODB_URI meant?\n"
             "%s: line 4: ORDER_MONGODB_URL is no setting: is ORDER_MONGODB_URI meant?\n"
             "%s: line 5: order_port is no setting: is ORDER_PORT meant?\n"
             "%s: line 17: KAFKA_BOOTSTRAP_SERVERSS is no setting: is KAFKA_BOOTSTRAP_SERVERS "
             "meant?\n",
             path, path, path, path, path);
    CHECK_STR(want, ecom_buf_str(&told));
    unlink(path);
    told.n = 0;
    CHECK_CODE(ECOM_OK, settings_misspelt(path, arena, &told), (ecom_error){0});
    CHECK_U64(0, told.n);
    ecom_buf_free(&told);
    ecom_arena_free(arena);
}

/* No two settings are so alike that one would be taken for the other misspelt. */
static void no_setting_is_told(void)
{
    char path[] = "/tmp/ecom-settings-XXXXXX";
    int fd = mkstemp(path);
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf told = {0};

    CHECK(fd >= 0 && arena, "no file");
    for (size_t i = 0; i < settings_record.nfields; i++)
        dprintf(fd, "%s=1\n", settings_record.fields[i].name);
    close(fd);
    CHECK_CODE(ECOM_OK, settings_misspelt(path, arena, &told), (ecom_error){0});
    CHECK_STR("", ecom_buf_str(&told));
    unlink(path);
    ecom_buf_free(&told);
    ecom_arena_free(arena);
}

static const struct check_case cases[] = {
    CASE(each_number_is_refused_one_below_and_one_above),
    CASE(each_text_is_refused_one_byte_above_its_length),
    CASE(each_choice_is_one_of_its_names),
    CASE(where_a_service_is_must_be_a_url_of_http),
    CASE(topics_and_groups_are_called_as_the_bus_allows),
    CASE(a_slash_at_the_end_of_a_services_url_makes_no_difference),
    CASE(a_setting_is_known_by_its_place),
    CASE(what_is_not_set_has_its_default),
    CASE(a_name_that_looks_like_a_setting_is_told_and_no_other),
    CASE(no_setting_is_told),
};

/* In a folder without a .env, and with nothing in the environment. */
int main(int argc, char **argv)
{
    char dir[] = "/tmp/ecom-settings-XXXXXX";

    for (size_t i = 0; i < settings_record.nfields; i++)
        unsetenv(settings_record.fields[i].name);
    if (!mkdtemp(dir) || chdir(dir) < 0)
        return 1;
    int r = check_main("settings", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
    rmdir(dir);
    return r;
}
