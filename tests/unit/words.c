#include "check.h"

#include "shop/words.h"

/* The words of a text with commas between them. */
static ecom_str words_of(const char *text)
{
    static char out[256];
    struct ecom__words words = {.rest = ecom_str_of(text)};
    size_t n = 0;

    while (ecom__words_next(&words))
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", n ? "," : "", (int)words.n,
                              words.word);
    out[n] = '\0';
    return ecom_str_of(out);
}

static void words_are_runs_of_letters_and_digits_in_lower_case(void)
{
    CHECK_STR("red,t,shirt,size,42", words_of("Red T-Shirt, (size 42)!"));
    CHECK_STR("", words_of(" .,-\t"));
    CHECK_STR("", words_of(""));
}

static void case_is_folded_beyond_ascii(void)
{
    CHECK_STR("ärmel,größe,ÿ", words_of("ÄRMEL Größe Ÿ"));
    CHECK_STR("ñandú,œuvre,žába,łódź", words_of("ÑANDÚ ŒUVRE ŽÁBA ŁÓDŹ"));
    CHECK_STR("σοφοσ,ёлка,щука,է", words_of("ΣΟΦΟΣ ЁЛКА Щука Է"));
    CHECK_STR("σοφοσ", words_of("σοφος"));
    CHECK_STR("日本語", words_of("日本語"));
}

static void signs_and_broken_utf8_stand_between_words(void)
{
    CHECK_STR("a,b,c,d", words_of("a\xC2\xA0"
                                  "b\xE2\x80\x94"
                                  "c\xEF\xBC\x8C"
                                  "d"));
    CHECK_STR("a,b,c", words_of("a\xFF"
                                "b\xC3"
                                "c"));
    CHECK_STR("a,b", words_of("a\xED\xA0\x80"
                              "b"));
    CHECK_STR("a,b", words_of("a×b"));
    CHECK_STR("5,µm", words_of("5€ µm"));
}

static void of_a_long_word_the_first_64_bytes_count_in_whole_characters(void)
{
    char text[200];
    struct ecom__words words;

    memset(text, 'a', sizeof(text));
    words = (struct ecom__words){.rest = {text, 64}};
    CHECK(ecom__words_next(&words), "no word");
    CHECK_U64(64, words.n);
    words = (struct ecom__words){.rest = {text, 65}};
    CHECK(ecom__words_next(&words), "no word");
    CHECK_U64(64, words.n);
    CHECK(!ecom__words_next(&words), "the rest is no word of its own");

    memcpy(text + 63, "\xC3\xA4", 2); /* would be cut in two; what follows is not taken instead */
    words = (struct ecom__words){.rest = {text, sizeof(text)}};
    CHECK(ecom__words_next(&words), "no word");
    CHECK_U64(63, words.n);
    CHECK(!ecom__words_next(&words), "the rest is no word of its own");
}

static void tokens_are_the_words_and_their_beginnings_each_once(void)
{
    struct ecom__tokens tokens = {.arena = ecom_arena_new(0)};
    char out[256] = "";
    size_t n = 0;

    CHECK(tokens.arena, "no arena");
    CHECK_I64(ECOM_OK, ecom__tokens_add(&tokens, S("Äbc ab"), 10, 1));
    CHECK_I64(ECOM_OK, ecom__tokens_add(&tokens, S("abc ab zz never"), 3, 0));
    ecom__tokens_sort(&tokens);
    for (size_t i = 0; i < tokens.n; i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%.*s ", (int)tokens.v[i].n, tokens.v[i].p);
    CHECK_STR("a ab abc zz ä äb äbc ", ecom_str_of(out));
    tokens.n = 0;
    ecom__tokens_sort(&tokens);
    CHECK_U64(0, tokens.n);
    ecom_arena_free(tokens.arena);
}

static void tokens_survive_a_failed_allocation(void)
{
    char text[5000];
    ecom_error e = {0};

    for (size_t i = 0; i < sizeof(text); i++)
        text[i] = i % 5 == 4 ? ' ' : (char)('a' + i % 23);
    for (uint64_t n = 1;; n++) {
        struct ecom__tokens tokens = {.arena = ecom_arena_new(0)};
        CHECK(tokens.arena, "no arena");
        check_alloc_fail_at(n);
        int r = ecom__tokens_add(&tokens, (ecom_str){text, sizeof(text)}, 1000, 1);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_CODE(failed ? ECOM_E_NOMEM : ECOM_OK, r, e);
        ecom_arena_free(tokens.arena);
        if (!failed)
            break;
    }
}

static const struct check_case cases[] = {
    CASE(words_are_runs_of_letters_and_digits_in_lower_case),
    CASE(case_is_folded_beyond_ascii),
    CASE(signs_and_broken_utf8_stand_between_words),
    CASE(of_a_long_word_the_first_64_bytes_count_in_whole_characters),
    CASE(tokens_are_the_words_and_their_beginnings_each_once),
    CASE(tokens_survive_a_failed_allocation),
};

CHECK_MAIN("words", cases)
