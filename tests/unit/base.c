#include "check.h"

#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/utf8.h"

static void an_error_text_is_cut_at_a_whole_character(void)
{
    ecom_error e;
    char long_text[600];

    for (size_t i = 0; i < sizeof(long_text) - 2; i += 2)
        memcpy(long_text + i, "\xC3\xA9", 2);
    long_text[sizeof(long_text) - 2] = '\0';
    CHECK_I64(ECOM_E_INVAL, ecom_fail(&e, ECOM_E_INVAL, "x%s", long_text));
    CHECK_U64(1, strlen(e.text) % 2); /* the x and whole pairs */
    CHECK(strlen(e.text) >= sizeof(e.text) - 3, "cut too early: %zu", strlen(e.text));
    ecom_fail(&e, ECOM_E_INVAL, "two\nlines\t");
    CHECK_STR("two lines ", ecom_str_of(e.text));
}

static void an_error_of_input_begins_with_its_field(void)
{
    ecom_error e;
    char long_name[300];

    CHECK_I64(ECOM_E_INVAL, ecom_fail_field(&e, ECOM_E_INVAL, "items[2].id", "is %s", "empty"));
    CHECK_STR("items[2].id", ecom_str_of(e.field));
    CHECK_STR("items[2].id: is empty", ecom_str_of(e.text));
    CHECK_I64(ECOM_E_INVAL, ecom_fail_field(&e, ECOM_E_INVAL, "", "is empty"));
    CHECK_STR("is empty", ecom_str_of(e.text));
    CHECK_I64(ECOM_E_INVAL, ecom_fail_field(&e, ECOM_E_INVAL, e.field, "%s again", e.text));
    CHECK_STR("is empty again", ecom_str_of(e.text));
    memset(long_name, 'n', sizeof(long_name));
    long_name[sizeof(long_name) - 1] = '\0';
    CHECK_I64(ECOM_E_INVAL, ecom_fail_field(&e, ECOM_E_INVAL, long_name, "%s", long_name));
    CHECK_U64(sizeof(e.field) - 1, strlen(e.field));
    CHECK_U64(sizeof(e.text) - 1, strlen(e.text));
    CHECK_I64(ECOM_E_INVAL, ecom_fail_field(NULL, ECOM_E_INVAL, "id", "is empty"));
}

static void every_code_has_its_line_and_unknown_ones_read_as_backend(void)
{
    for (int code = 0; code >= ECOM_E_UNKNOWN_TYPE; code--)
        CHECK(ecom_code_of(code)->name && ecom_code_of(code)->http >= 200, "code %d", code);
    CHECK_STR("UNKNOWN_TYPE", ecom_str_of(ecom_code_of(ECOM_E_UNKNOWN_TYPE)->name));
    CHECK_STR("BACKEND", ecom_str_of(ecom_code_of(ECOM_E_UNKNOWN_TYPE - 1)->name));
    CHECK_STR("BACKEND", ecom_str_of(ecom_code_of(5)->name));
}

static void a_buffer_grows_and_survives_a_failed_allocation(void)
{
    ecom_buf buf = {0};

    CHECK_I64(ECOM_OK, ecom_buf_append(&buf, S("hello")));
    check_alloc_fail_at(1);
    char big[500];
    memset(big, 'x', sizeof(big));
    CHECK_I64(ECOM_E_NOMEM, ecom_buf_append(&buf, (ecom_str){big, sizeof(big)}));
    CHECK_STR("hello", ecom_buf_str(&buf));
    CHECK_I64(ECOM_OK, ecom_buf_printf(&buf, " %d", 42));
    CHECK_STR("hello 42", ecom_buf_str(&buf));
    CHECK_U64(0, (uint64_t)buf.p[buf.n]);
    CHECK_I64(ECOM_E_NOMEM, ecom_buf_reserve(&buf, SIZE_MAX - 2));
    ecom_buf_free(&buf);
    ecom_buf_free(NULL);
}

static void an_arena_keeps_its_bound_and_its_alignment(void)
{
    ecom_arena *arena = ecom_arena_new(10000);

    CHECK(arena, "no arena");
    char *a = ecom_arena_alloc(arena, 1), *b = ecom_arena_alloc(arena, 5000);
    CHECK(a && b && (uintptr_t)b % 16 == 0 && (uintptr_t)a % 16 == 0, "unaligned");
    CHECK(!ecom_arena_alloc(arena, 6000), "past the bound");
    CHECK(!ecom_arena_alloc(arena, SIZE_MAX), "overflow");
    CHECK_U64(10000, ecom_arena_bytes(arena));
    ecom_arena_reset(arena);
    CHECK_U64(4096, ecom_arena_bytes(arena));
    CHECK(ecom_arena_alloc(arena, 5000), "not reusable");
    CHECK_STR("abc", ecom_arena_copy(arena, S("abc")));
    ecom_arena_free(arena);
    ecom_arena_free(NULL);
}

/* Of what it had, the largest block that is not too large. */
static void an_arena_used_again_allocates_nothing_up_to_64_kib(void)
{
    static const struct {
        size_t max, bytes;
        int again; /* allocations of the fourth use */
    } uses[] = {
        {0, 100, 0},    {0, 10000, 0},    {0, 30000, 0},      {0, 60000, 0},
        {0, 200000, 1}, {10000, 9000, 1}, {524288, 60000, 0}, {100000, 60000, 3},
    };

    for (size_t i = 0; i < sizeof(uses) / sizeof(uses[0]); i++) {
        ecom_arena *arena = ecom_arena_new(uses[i].max);
        uint64_t before = 0;
        CHECK(arena, "no arena");
        for (int k = 0; k < 6; k++) {
            before = check_allocs();
            for (size_t n = 0; n < uses[i].bytes; n += 100)
                CHECK(ecom_arena_alloc(arena, 96), "use %zu ends at byte %zu", i, n);
            before = check_allocs() - before;
            ecom_arena_reset(arena);
        }
        CHECK(before == (uint64_t)uses[i].again, "%zu bytes of %zu: %d allocations", uses[i].bytes,
              uses[i].max, (int)before);
        ecom_arena_free(arena);
    }
}

static void ids_sort_by_time_and_are_valid(void)
{
    struct check_world w;
    char last[37] = "";

    check_world_init(&w, 1);
    for (int i = 0; i < 1000; i++) {
        ecom_id id = ecom_id_new(&w.env);
        CHECK(ecom_id_valid(ecom_str_of(id.s)), "invalid: %s", id.s);
        CHECK(strcmp(last, id.s) < 0, "%s is not behind %s", id.s, last);
        CHECK(id.s[14] == '7' && strchr("89ab", id.s[19]), "no version 7: %s", id.s);
        memcpy(last, id.s, sizeof(last));
        w.us += 1;
    }
    CHECK(!ecom_id_valid(S("01890A5D-AC96-774B-BCCE-B302099A8057")), "upper case");
    CHECK(!ecom_id_valid(S("short")), "short");
}

static void times_read_and_write(void)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {"1970-01-01T00:00:00.000Z", 0},
        {"2026-11-22T18:25:43.511Z", INT64_C(1795371943511)},
        {"1969-12-31T23:59:59.999Z", -1},
        {"2024-02-29T12:00:00.000Z", INT64_C(1709208000000)},
        {"0000-01-01T00:00:00.000Z", INT64_C(-62167219200000)},
        {"9999-12-31T23:59:59.999Z", INT64_C(253402300799999)},
    };
    static const char *const bad[] = {
        "",
        "2026",
        "2026-13-01T00:00:00Z",
        "2026-02-29T00:00:00Z",
        "2026-01-01T24:00:00Z",
        "2026-01-01T00:00:00",
        "2026-01-01T00:00:00.Z",
        "2026-01-01T00:00:00Z ",
        "2026-01-01 00:00:00Z",
        "2026-01-01T00:00:00+24:00",
    };
    ecom_error e;
    int64_t ms;
    char out[25];

    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        CHECK_CODE(ECOM_OK, ecom_time_parse(ecom_str_of(good[i].text), &ms, &e), e);
        CHECK_I64(good[i].ms, ms);
        ecom_time_format(ms, out);
        CHECK_STR(good[i].text, ecom_str_of(out));
    }
    CHECK_CODE(ECOM_OK, ecom_time_parse(S("2026-11-22T20:25:43.5119+02:00"), &ms, &e), e);
    CHECK_I64(INT64_C(1795371943511), ms);
    CHECK_CODE(ECOM_OK, ecom_time_parse(S("1970-01-01t00:00:60z"), &ms, &e), e);
    CHECK_I64(59000, ms);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        CHECK(ecom_time_parse(ecom_str_of(bad[i]), &ms, &e) == ECOM_E_INVAL, "took %s", bad[i]);
    ecom_time_format(INT64_MAX, out);
    CHECK_STR("9999-12-31T23:59:59.999Z", ecom_str_of(out));
    ecom_time_format(INT64_MIN, out);
    CHECK_STR("0000-01-01T00:00:00.000Z", ecom_str_of(out));
}

static void random_below_stays_below(void)
{
    struct check_world w;

    check_world_init(&w, 7);
    for (uint64_t n = 1; n < 50; n++)
        for (int i = 0; i < 20; i++)
            CHECK(ecom_env_random_below(&w.env, n) < n, "not below %d", (int)n);
    CHECK_U64(0, ecom_env_random_below(&w.env, 0));
}

/* 20 of what an id takes, and as much at one go. */
static void draw(unsigned char out[640])
{
    const ecom_env *env = ecom_env_system();

    for (int i = 0; i < 20; i++)
        env->random(env->self, out + 16 * i, 16);
    env->random(env->self, out + 320, 320);
}

static int repeats(const unsigned char a[640], const unsigned char b[640])
{
    int n = 0;

    for (int i = 0; i < 40; i++)
        for (int k = 0; k < 40; k++)
            n += (a != b || i < k) && memcmp(a + 16 * i, b + 16 * k, 16) == 0;
    return n;
}

static void what_is_drawn_does_not_come_again_nor_to_a_child(void)
{
    unsigned char before[640], child[640] = {0}, parent[640];
    int fds[2];

    draw(before);
    CHECK_I64(0, repeats(before, before));
    CHECK(pipe(fds) == 0, "no pipe");
    pid_t pid = fork();
    if (pid == 0) {
        draw(child);
        _exit(write(fds[1], child, sizeof(child)) != (ssize_t)sizeof(child));
    }
    CHECK(pid > 0 && waitpid(pid, NULL, 0) == pid, "no child");
    CHECK_I64((int64_t)sizeof(child), read(fds[0], child, sizeof(child)));
    close(fds[0]);
    close(fds[1]);
    draw(parent);
    CHECK_I64(0, repeats(parent, child));
    CHECK_I64(0, repeats(parent, before));
    CHECK_I64(0, repeats(child, before));
}

static void utf8_is_read_strictly(void)
{
    static const char *const bad[] = {"\x80",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80\x80",
                                      "\xFF",
                                      "\xC3",
                                      "\xE2\x82",
                                      "\xF0\x9F\x98",
                                      "\xC3(",
                                      "\xE2\x82("};
    ecom_str text = S("a\0\xC3\xA9\xE2\x82\xAC\xF0\x9F\x98\x80\xEE\x80\x80\xF4\x8F\xBF\xBF");
    static const int32_t want[] = {'a', 0, 0xE9, 0x20AC, 0x1F600, 0xE000, 0x10FFFF};

    CHECK(ecom__utf8_valid(text), "valid");
    for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++)
        CHECK_I64(want[i], ecom__utf8_next(&text));
    CHECK_U64(0, text.n);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ecom_str s = ecom_str_of(bad[i]);
        size_t n = s.n;
        CHECK(!ecom__utf8_valid(s), "took bad %zu", i);
        CHECK(ecom__utf8_next(&s) == -1 && s.n == n - 1, "bad %zu: not one byte taken", i);
    }
}

static const struct check_case cases[] = {
    CASE(an_error_text_is_cut_at_a_whole_character),
    CASE(an_error_of_input_begins_with_its_field),
    CASE(every_code_has_its_line_and_unknown_ones_read_as_backend),
    CASE(a_buffer_grows_and_survives_a_failed_allocation),
    CASE(an_arena_keeps_its_bound_and_its_alignment),
    CASE(an_arena_used_again_allocates_nothing_up_to_64_kib),
    CASE(ids_sort_by_time_and_are_valid),
    CASE(times_read_and_write),
    CASE(random_below_stays_below),
    CASE(what_is_drawn_does_not_come_again_nor_to_a_child),
    CASE(utf8_is_read_strictly),
};

CHECK_MAIN("base", cases)
