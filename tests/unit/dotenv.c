#include "check.h"

#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ecom/config.h"

static ecom_arena *arena;
static ecom_dotenv file;
static ecom_error e;

static int parse(ecom_str text)
{
    ecom_arena_free(arena);
    arena = ecom_arena_new(0);
    file = (ecom_dotenv){0};
    return ecom_dotenv_parse(text, arena, &file, &e);
}

static void teardown(void)
{
    ecom_arena_free(arena);
    arena = NULL;
}

/* The value of a name; "(none)" when it is not there. */
static ecom_str value(const char *name)
{
    for (size_t i = 0; i < file.n; i++)
        if (ecom_str_eq(file.pairs[i].name, ecom_str_of(name)))
            return file.pairs[i].value;
    return ecom_str_of("(none)");
}

static void values_are_read_as_people_write_them(void)
{
    static const struct {
        const char *line, *want;
    } lines[] = {
        {"A=1", "1"},
        {"A=", ""},
        {"A= ", ""},
        {"A=  two words  ", "two words"},
        {" \tA = spaced\t", "spaced"},
        {"export A=1", "1"},
        {"export\t A=1", "1"},
        {"A=a=b==", "a=b=="},
        {"A=x#y", "x#y"},
        {"A=x #y", "x"},
        {"A=x\t#y", "x"},
        {"A=#x", "#x"},
        {"A= #x", ""},
        {"A='as $it \\n is # \" '", "as $it \\n is # \" "},
        {"A=''", ""},
        {"A=\"\"", ""},
        {"A=\"tab\\t line\\n quote\\\" slash\\\\ # '\"", "tab\t line\n quote\" slash\\ # '"},
        {"A=\"x\" # comment", "x"},
        {"A='x'\t ", "x"},
        {"A=it's", "it's"},
        {"A=say \"x\"", "say \"x\""},
        {"A=mongodb+srv://u:p@h/?a=b&c=d", "mongodb+srv://u:p@h/?a=b&c=d"},
        {"A=\xC3\xA9", "\xC3\xA9"},
        {"A=1\r", "1"},
        {"A=\"1\"\r", "1"},
        {"\xEF\xBB\xBF"
         "A=1",
         "1"},
    };

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        CHECK_CODE(ECOM_OK, parse(ecom_str_of(lines[i].line)), e);
        CHECK_U64(1, file.n);
        CHECK_STR(lines[i].want, value("A"));
    }
    teardown();
}

static void a_whole_file_keeps_its_line_numbers(void)
{
    CHECK_CODE(ECOM_OK, parse(S("# shop\r\n\r\n  # more\nA=1\r\nexport=2\n_b9='3'\n\nC=4")), e);
    CHECK_U64(4, file.n);
    CHECK_STR("1", value("A"));
    CHECK_STR("2", value("export"));
    CHECK_STR("3", value("_b9"));
    CHECK_STR("4", value("C"));
    CHECK_U64(4, file.pairs[0].line);
    CHECK_U64(8, file.pairs[3].line);
    CHECK_CODE(ECOM_OK, parse(S("")), e);
    CHECK_U64(0, file.n);
    CHECK_CODE(ECOM_OK, parse((ecom_str){NULL, 0}), e);
    teardown();
}

static void the_last_of_equal_names_wins(void)
{
    CHECK_CODE(ECOM_OK, parse(S("A=1\nB=2\nA=3\n")), e);
    CHECK_U64(2, file.n);
    CHECK_STR("3", value("A"));
    CHECK_U64(3, file.pairs[0].line);
    teardown();
}

static void a_broken_line_is_named_by_number_and_never_shown(void)
{
    const ecom_str lines[] = {
        S("hunter2"),       S("=hunter2"),        S("1A=hunter2"),      S("A-B=hunter2"),
        S("export A"),      S("export =hunter2"), S("A='hunter2"),      S("A=\"hunter2"),
        S("A=\"hunter2\\"), S("A=\"hunter2\\\""), S("A=\"\\hunter2\""), S("A='x'hunter2"),
        S("A='x'#hunter2"), S("A=\"x\" hunter2"), S("A=hun\0ter2"),     S("A=hun\x1b[ter2"),
        S("A=hun\rter2"),   S("A=hunter2\xFF"),   S("A B=hunter2"),     S("\xC3\xA4=hunter2"),
        S("A=hunter2\x7F"), S("A: hunter2"),
    };
    ecom_buf text = {0};

    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        text.n = 0;
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("GOOD=1\n\n")));
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, lines[i]));
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("\nMORE=1\n")));
        CHECK(parse(ecom_buf_str(&text)) == ECOM_E_INVAL, "took line %zu: %s", i, lines[i].p);
        CHECK(!strncmp(e.text, "line 3: ", 8), "%s", e.text);
        CHECK(!strstr(e.text, "unter") && !strstr(e.text, "ter2"), "shown: %s", e.text);
        CHECK_U64(2, file.n); /* the others are read */
        CHECK_STR("1", value("MORE"));
        CHECK_U64(1, file.nfaults);
        CHECK_U64(3, file.faults[0].line);
        CHECK(strstr(e.text, file.faults[0].why), "%s", file.faults[0].why);
    }
    ecom_buf_free(&text);
    teardown();
}

static void broken_lines_are_told_together(void)
{
    CHECK_CODE(ECOM_E_INVAL, parse(S("A=1\nB\nC='x\nD=2\n")), e);
    CHECK_STR("line 2: must be NAME=value, and has no = behind the name; "
              "line 3: has no closing '",
              ecom_str_of(e.text));
    CHECK_CODE(ECOM_E_INVAL, parse(S("A='\nB=\"\nC='\nD='\nE='\n")), e);
    CHECK_STR("line 1: has no closing '; line 2: has no closing \"; line 3: has no closing '; "
              "and 2 more",
              ecom_str_of(e.text));
    CHECK_U64(5, file.nfaults);
    CHECK_U64(5, file.faults[4].line);
    teardown();
}

static void size_and_lines_are_bounded(void)
{
    static char text[65537];

    memset(text, '#', sizeof(text));
    CHECK_CODE(ECOM_OK, parse((ecom_str){text, 65536}), e);
    CHECK_CODE(ECOM_E_TOOLARGE, parse((ecom_str){text, 65537}), e);
    CHECK_TEXT("65537 bytes, more than 65536", e);
    memset(text, '\n', sizeof(text));
    CHECK_CODE(ECOM_OK, parse((ecom_str){text, 1000}), e);
    CHECK_CODE(ECOM_E_TOOLARGE, parse((ecom_str){text, 1001}), e);
    CHECK_TEXT("1001 lines, more than 1000", e);
    text[1000] = 'A'; /* a last line without its end counts */
    CHECK_CODE(ECOM_E_TOOLARGE, parse((ecom_str){text, 1001}), e);
    teardown();
}

static void a_file_is_read_and_named_in_errors(void)
{
    char dir[] = "/tmp/ecom-dotenv-XXXXXX", path[64];
    FILE *out;

    CHECK(mkdtemp(dir), "mkdtemp");
    snprintf(path, sizeof(path), "%s/.env", dir);
    arena = ecom_arena_new(0);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_dotenv_read(path, arena, &file, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_dotenv_read(dir, arena, &file, &e), e);
    CHECK_TEXT("is not a file", e);

    CHECK((out = fopen(path, "w")), "fopen");
    fputs("A='1'\nB\n", out);
    fclose(out);
    CHECK_CODE(ECOM_E_INVAL, ecom_dotenv_read(path, arena, &file, &e), e);
    CHECK_TEXT("/.env: line 2: must be NAME=value", e);
    CHECK(file.path == path, "it does not say where it comes from");
    CHECK_I64(0, truncate(path, 6));
    CHECK_CODE(ECOM_OK, ecom_dotenv_read(path, arena, &file, &e), e);
    CHECK_STR("1", value("A"));
    CHECK_I64(0, truncate(path, 65537));
    CHECK_CODE(ECOM_E_TOOLARGE, ecom_dotenv_read(path, arena, &file, &e), e);

    unlink(path);
    CHECK_I64(0, mkfifo(path, 0600)); /* does not wait for a writer */
    CHECK_CODE(ECOM_E_INVAL, ecom_dotenv_read(path, arena, &file, &e), e);
    unlink(path);
    rmdir(dir);
    teardown();
}

static void every_failed_allocation_gives_nomem(void)
{
    char dir[] = "/tmp/ecom-dotenv-XXXXXX", path[64];
    FILE *out;
    int r, failed = 1;

    for (size_t max = 1; max < 3000; max += 16) {
        ecom_arena *small = ecom_arena_new(max);
        CHECK(small, "arena");
        r = ecom_dotenv_parse(S("A=\"1\"\nB=2\nC=3\n"), small, &file, &e);
        CHECK(r == ECOM_E_NOMEM || (r == ECOM_OK && file.n == 3), "%s", e.text);
        ecom_arena_free(small);
    }
    CHECK_I64(ECOM_OK, r);
    CHECK(mkdtemp(dir), "mkdtemp");
    snprintf(path, sizeof(path), "%s/.env", dir);
    CHECK((out = fopen(path, "w")), "fopen");
    for (int i = 0; i < 900; i++)
        fprintf(out, "NAME_%d=\"%d\"\n", i, i);
    fclose(out);
    for (uint64_t i = 1; failed; i++) {
        arena = ecom_arena_new(0);
        check_alloc_fail_at(i);
        r = ecom_dotenv_read(path, arena, &file, &e);
        failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        ecom_arena_free(arena);
    }
    arena = NULL;
    unlink(path);
    rmdir(dir);
}

static const struct check_case cases[] = {
    CASE(values_are_read_as_people_write_them),
    CASE(a_whole_file_keeps_its_line_numbers),
    CASE(the_last_of_equal_names_wins),
    CASE(a_broken_line_is_named_by_number_and_never_shown),
    CASE(broken_lines_are_told_together),
    CASE(size_and_lines_are_bounded),
    CASE(a_file_is_read_and_named_in_errors),
    CASE(every_failed_allocation_gives_nomem),
};

CHECK_MAIN("dotenv", cases)
