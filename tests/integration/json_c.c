/* Our reader of JSON against json-c's: texts made from a seed, and the fuzzers' corpus with its
 * neighbours. Where we read something, json-c reads the same; what json-c alone takes is on the
 * list of what it is known to let through. */
#include "check.h"

#include <dirent.h>
#include <json-c/json.h>
#include <math.h>
#include <stdlib.h>

#include "ecom/json.h"

enum { TEXTS = 40000, NEIGHBOURS = 200, MAX_TEXT = 1 << 16, DEPTH = 40 };

static uint64_t seed;
static struct check_world world;

static size_t below(size_t n)
{
    uint64_t random;

    world.env.random(world.env.self, &random, sizeof(random));
    return (size_t)(random % n);
}

/* Our reasons for refusing what json-c takes, and what it makes of it. */
static const struct {
    const char *reason;
    char before; /* not 0: this is what stands before the byte named, and before white space */
    const char *why;
} leniencies[] = {
    {"is there twice", 0, "takes the last of the two"},
    {"an integer that 64 bits cannot hold", 0, "takes the nearest that they can"},
    {"a lone surrogate", 0, "makes U+FFFD of it"},
    {"NUL in a key", 0, "ends the key there"},
    {"a control character in a string", 0, "takes all of them"},
    {"invalid UTF-8", 0, "does not look, unless it is asked to"},
    {"a number without digits", 0, "takes numbers that are not finished, and -Infinity"},
    {"unexpected '", '0', "takes zeros that lead"},
    {"unexpected ']'", ',', "takes a comma before the end"},
    {"unexpected '}'", ',', "takes a comma before the end"},
    {"unexpected '/'", 0, "skips comments"},
    {"unexpected '''", 0, "takes strings in single quotes"},
    {"unexpected 'N'", 0, "knows NaN, and null in any case"},
    {"unexpected 'n'", 0, "knows NaN, and null in any case"},
    {"unexpected 'I'", 0, "knows Infinity"},
    {"unexpected 'i'", 0, "knows Infinity"},
    {"unexpected 'T'", 0, "takes true in any case"},
    {"unexpected 't'", 0, "takes true in any case"},
    {"unexpected 'F'", 0, "takes false in any case"},
    {"unexpected 'f'", 0, "takes false in any case"},
    {"unexpected 0x00", 0, "ends the text there"},
};
static size_t seen[sizeof(leniencies) / sizeof(leniencies[0])];

static char before(ecom_str text, const char *reason)
{
    const char *at = strstr(reason, " at byte ");
    size_t n = at ? strtoul(at + 9, NULL, 10) : 0;

    while (n > 0 && strchr(" \t\r\n", text.p[n - 1]))
        n--;
    return n ? text.p[n - 1] : 0;
}

static int is_listed(ecom_str text, const char *reason)
{
    for (size_t i = 0; i < sizeof(leniencies) / sizeof(leniencies[0]); i++)
        if (strstr(reason, leniencies[i].reason) &&
            (!leniencies[i].before || before(text, reason) == leniencies[i].before)) {
            seen[i]++;
            return 1;
        }
    return 0;
}

/* Truth: json-c takes the whole text. */
static int read_theirs(ecom_str text, json_object **out)
{
    json_tokener *tokener = json_tokener_new_ex(DEPTH + 2);

    *out = json_tokener_parse_ex(tokener, text.p, (int)text.n);
    size_t end = json_tokener_get_parse_end(tokener);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        *out = json_tokener_parse_ex(tokener, "", 1); /* a number ends only with the text */
    int ok = json_tokener_get_error(tokener) == json_tokener_success;
    while (end < text.n && strchr(" \t\r\n", text.p[end]))
        end++;
    json_tokener_free(tokener);
    return ok && end >= text.n;
}

static int same(const ecom_json *ours, json_object *theirs);

static int same_number(const ecom_json *ours, json_object *theirs)
{
    double d = strtod(ours->text.p, NULL); /* something else follows a number, or NUL */

    if (json_object_is_type(theirs, json_type_double))
        return d == json_object_get_double(theirs);
    if (!json_object_is_type(theirs, json_type_int))
        return 0;
    return *ours->text.p == '-'
               ? strtoll(ours->text.p, NULL, 10) == json_object_get_int64(theirs)
               : strtoull(ours->text.p, NULL, 10) == json_object_get_uint64(theirs);
}

static int same_string(ecom_str ours, const char *theirs, size_t n)
{
    return ecom_str_eq(ours, (ecom_str){theirs, n});
}

static int same_items(const ecom_json *ours, json_object *theirs)
{
    size_t i = 0;

    if (!json_object_is_type(theirs, json_type_array) ||
        json_object_array_length(theirs) != ours->count)
        return 0;
    for (const ecom_json *item = ours->first; item; item = item->next)
        if (!same(item, json_object_array_get_idx(theirs, i++)))
            return 0;
    return 1;
}

static int same_members(const ecom_json *ours, json_object *theirs)
{
    const ecom_json *member = ours->first;

    if (!json_object_is_type(theirs, json_type_object) ||
        (size_t)json_object_object_length(theirs) != ours->count)
        return 0;
    struct json_object_iterator at = json_object_iter_begin(theirs),
                                end = json_object_iter_end(theirs);
    for (; member && !json_object_iter_equal(&at, &end); member = member->next) {
        const char *name = json_object_iter_peek_name(&at);
        if (!same_string(member->name, name, strlen(name)) ||
            !same(member, json_object_iter_peek_value(&at)))
            return 0;
        json_object_iter_next(&at);
    }
    return !member;
}

static int same(const ecom_json *ours, json_object *theirs)
{
    switch (ours->kind) {
    case ECOM_JSON_NULL:
        return !theirs;
    case ECOM_JSON_BOOL:
        return json_object_is_type(theirs, json_type_boolean) &&
               json_object_get_boolean(theirs) == ours->truth;
    case ECOM_JSON_NUMBER:
        return same_number(ours, theirs);
    case ECOM_JSON_STRING:
        return json_object_is_type(theirs, json_type_string) &&
               same_string(ours->text, json_object_get_string(theirs),
                           (size_t)json_object_get_string_len(theirs));
    case ECOM_JSON_ARRAY:
        return same_items(ours, theirs);
    default:
        return same_members(ours, theirs);
    }
}

static size_t taken, lenient;

static int compare(ecom_str text, ecom_arena *arena)
{
    const ecom_json_limits limits = {.size = sizeof(limits), .max_depth = DEPTH};
    const ecom_json *ours = NULL;
    json_object *theirs = NULL;
    ecom_error e = {0};
    int r = ecom_json_parse(text, &limits, arena, &ours, &e);
    int ok = read_theirs(text, &theirs);
    int agreed = r == ECOM_OK ? ok && same(ours, theirs)
                              : !ok || r == ECOM_E_TOOLARGE || is_listed(text, e.text);

    taken += r == ECOM_OK;
    lenient += r < 0 && ok;
    if (!agreed)
        printf("# we: %s %s; json-c %s: %.*s\n", check_code(r), e.text,
               ok ? "takes it" : "refuses it", (int)text.n, text.p);
    json_object_put(theirs);
    ecom_arena_reset(arena);
    return agreed;
}

static void put(ecom_buf *out, const char *text)
{
    if (ecom_buf_append(out, ecom_str_of(text)) < 0)
        abort();
}

static void put_one_of(ecom_buf *out, const char *const *texts, size_t n)
{
    put(out, texts[below(n)]);
}
#define PUT_ONE_OF(out_, ...)                                \
    do {                                                     \
        static const char *const of_[] = {__VA_ARGS__};      \
        put_one_of(out_, of_, sizeof(of_) / sizeof(of_[0])); \
    } while (0)

static void put_space(ecom_buf *out)
{
    PUT_ONE_OF(out, "", "", "", "", "", " ", "\n", "\t", "\r", "  ");
}

static void put_string(ecom_buf *out)
{
    put(out, "\"");
    for (size_t n = below(5); n; n--)
        PUT_ONE_OF(out, "a", "b", "key", " ", "\\n", "\\\"", "\\\\", "\\/", "/", "\\b\\f\\r\\t",
                   "\\u0061", "\\u00e9", "\xC3\xA9", "\\u20AC", "\xE2\x82\xAC", "\\ud83d\\ude00",
                   "\xF0\x9F\x98\x80", "\\uDBFF\\uDFFF", "\x7F", "'", "{", "]", "\\u0001",
                   "\\uffff");
    put(out, "\"");
}

static void put_number(ecom_buf *out)
{
    PUT_ONE_OF(out, "", "", "-");
    PUT_ONE_OF(out, "0", "1", "17", "1234567890", "9223372036854775807", "5");
    PUT_ONE_OF(out, "", "", "", ".5", ".25", ".0", ".1234567890123456789");
    PUT_ONE_OF(out, "", "", "", "e5", "E-3", "e+2", "e0");
}

/* A value; nothing in it is wrong, but for keys that come twice now and then. */
static void put_value(ecom_buf *out, size_t depth)
{
    size_t kind = below(depth ? 8 : 5), n = below(5);

    put_space(out);
    if (kind < 2) {
        put_string(out);
    } else if (kind < 4) {
        put_number(out);
    } else if (kind == 4) {
        PUT_ONE_OF(out, "true", "false", "null");
    } else if (kind == 5) {
        put(out, "[");
        for (size_t i = 0; i < n; i++) {
            put(out, i ? "," : "");
            put_value(out, depth - 1);
        }
        put(out, "]");
    } else {
        put(out, "{");
        for (size_t i = 0; i < n; i++) {
            put(out, i ? "," : "");
            put_space(out);
            put_string(out);
            put_space(out);
            put(out, ":");
            put_value(out, depth - 1);
        }
        put(out, "}");
    }
    put_space(out);
}

/* Takes a piece out, or puts one in. */
static void damage(ecom_buf *text)
{
    static const char *const parts[] = {"{",
                                        "}",
                                        "[",
                                        "]",
                                        ",",
                                        ":",
                                        "\"",
                                        "'",
                                        "\\",
                                        "\\u",
                                        "\\ud800",
                                        "/",
                                        "//",
                                        "/*",
                                        "*/",
                                        "0",
                                        "-",
                                        "+",
                                        ".",
                                        "e",
                                        "1e5",
                                        "NaN",
                                        "Infinity",
                                        "nul",
                                        "true",
                                        "TRUE",
                                        "null",
                                        " ",
                                        "\n",
                                        "\v",
                                        "\f",
                                        "\x01",
                                        "\xFF",
                                        "\xC3",
                                        "\xEF\xBB\xBF",
                                        "\"a\"",
                                        "'a'",
                                        "\"b\":2",
                                        "99999999999999999999"};
    size_t at = below(text->n + 1), cut = below(3),
           part = below(2 * sizeof(parts) / sizeof(parts[0]));
    ecom_buf out = {0};

    cut = cut < text->n - at ? cut : text->n - at;
    if (ecom_buf_append(&out, (ecom_str){text->p, at}) < 0)
        abort();
    if (part < sizeof(parts) / sizeof(parts[0]))
        put(&out, parts[part]);
    if (ecom_buf_append(&out, (ecom_str){text->p + at + cut, text->n - at - cut}) < 0)
        abort();
    ecom_buf_free(text);
    *text = out;
}

static void what_is_made_from_a_seed_is_read_by_both_in_the_same_way(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf text = {0};

    taken = lenient = 0;
    for (int i = 0; i < TEXTS; i++) {
        text.n = 0;
        put_value(&text, 4);
        for (size_t n = below(4); n > 1; n--)
            damage(&text);
        CHECK(compare(ecom_buf_str(&text), arena), "text %d", i);
    }
    printf("# %zu of %d texts are JSON, %zu are so to json-c alone, which\n", taken, TEXTS,
           lenient);
    for (size_t i = 0; i < sizeof(seen) / sizeof(seen[0]); i++)
        printf("#   %s: %zu of %s\n", leniencies[i].why, seen[i], leniencies[i].reason);
    CHECK(taken > TEXTS / 3 && taken < TEXTS && lenient > 0, "too few of a kind");
    ecom_buf_free(&text);
    ecom_arena_free(arena);
}

static void compare_file(const char *path, ecom_arena *arena)
{
    static char bytes[MAX_TEXT];
    FILE *file = fopen(path, "rb");
    ecom_buf text = {0};

    CHECK(file, "%s", path);
    size_t n = fread(bytes, 1, sizeof(bytes), file);
    fclose(file);
    for (int i = 0; i < NEIGHBOURS; i++) {
        text.n = 0;
        if (ecom_buf_append(&text, (ecom_str){bytes, n}) < 0)
            abort();
        for (int k = 0; k < i % 4; k++)
            damage(&text);
        CHECK(compare(ecom_buf_str(&text), arena), "%s, neighbour %d", path, i);
    }
    ecom_buf_free(&text);
}

static void what_the_fuzzers_know_is_read_by_both_in_the_same_way(void)
{
    static const char *const folders[] = {CORPUS "/json", CORPUS "/record"};
    ecom_arena *arena = ecom_arena_new(0);
    struct dirent **names = NULL;
    char path[4096];
    int files = 0;

    for (size_t k = 0; k < 2; k++) {
        int n = scandir(folders[k], &names, NULL, alphasort);
        for (int i = 0; i < n; i++) {
            snprintf(path, sizeof(path), "%s/%s", folders[k], names[i]->d_name);
            if (names[i]->d_name[0] != '.' && !check_failed) {
                compare_file(path, arena);
                files++;
            }
            free(names[i]);
        }
        free(names);
        names = NULL;
    }
    ecom_arena_free(arena);
    CHECK(files > 10, "%d files", files);
}

static const struct check_case cases[] = {
    CASE(what_is_made_from_a_seed_is_read_by_both_in_the_same_way),
    CASE(what_the_fuzzers_know_is_read_by_both_in_the_same_way),
};

int main(int argc, char **argv)
{
    const char *given = getenv("ECOM_JSON_SEED");

    ecom_env_system()->random(NULL, &seed, sizeof(seed));
    seed = given && *given ? strtoull(given, NULL, 10) : seed % 1000000000;
    printf("# to repeat: ECOM_JSON_SEED=%" PRIu64 "\n", seed);
    check_world_init(&world, seed);
    return check_main("json-c", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
