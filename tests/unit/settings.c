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
        if (strcmp(field->name, "TRUSTED_PROXIES") != 0) /* addresses */
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

static const struct check_case cases[] = {
    CASE(each_number_is_refused_one_below_and_one_above),
    CASE(each_text_is_refused_one_byte_above_its_length),
    CASE(each_choice_is_one_of_its_names),
    CASE(what_is_not_set_has_its_default),
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
