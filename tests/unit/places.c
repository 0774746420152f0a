/* How far somebody has come, as the text that a browser hands in again. */
#include <stdlib.h>

#include "check.h"
#include "gateway/places.h"

static void what_is_written_is_read_back(void)
{
    static const struct places table[] = {
        {{{0}}},
        {{{1}}},
        {{{3, 0, 12}, {1}}},
        {{{0, 0, 0, 7}}},
        {.next = {[0][63] = 999999999999999999, [1][0] = 10, [1][63] = 1}},
    };
    static const char *const texts[] = {"-", "1-", "3.0.12-1", "0.0.0.7-"};

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct places again;
        char *text = places_write(&table[i]);
        CHECK(text, "no memory");
        if (i < sizeof(texts) / sizeof(texts[0]))
            CHECK_STR(texts[i], ecom_str_of(text));
        CHECK(places_read(ecom_str_of(text), &again), "not read: %s", text);
        CHECK(memcmp(&again, &table[i], sizeof(again)) == 0, "others: %s", text);
        free(text);
    }
}

static void the_furthest_offsets_of_all_partitions_have_room(void)
{
    struct places all;

    for (int t = 0; t < PLACES_TOPICS; t++)
        for (int i = 0; i < PLACES_PARTITIONS; i++)
            all.next[t][i] = INT64_MAX;
    char *text = places_write(&all);
    CHECK(text, "no memory");
    CHECK_U64(2 * 64 * 20 - 1, strlen(text));
    free(text);
}

/* @p n numbers with dots between. */
static const char *many(int n)
{
    static char out[300];
    size_t at = 0;

    for (int i = 0; i < n; i++)
        at += (size_t)snprintf(out + at, sizeof(out) - at, "%s1", i ? "." : "");
    snprintf(out + at, sizeof(out) - at, "-");
    return out;
}

static void any_other_text_is_the_beginning(void)
{
    static const char *const bad[] = {"",
                                      "1",
                                      "1.2",
                                      "1-2-3",
                                      "--",
                                      ".1-",
                                      "1..2-",
                                      "1- 2",
                                      "+1-",
                                      "1-x",
                                      "1234567890123456789-"};
    static const struct places beginning;
    struct places out;

    CHECK(places_read(S("123456789012345678-"), &out), "18 digits");
    CHECK(places_read(ecom_str_of(many(PLACES_PARTITIONS)), &out), "64 partitions");
    for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
        const char *text = i ? bad[i - 1] : many(PLACES_PARTITIONS + 1);
        CHECK(!places_read(ecom_str_of(text), &out), "read: \"%s\"", text);
        CHECK(memcmp(&out, &beginning, sizeof(out)) == 0, "\"%s\" left something", text);
    }
}

static void of_two_the_further_counts_in_each_partition(void)
{
    struct places a = {{{5, 1}, {0, 2}}};
    const struct places b = {{{4, 7}, {3}}}, want = {{{5, 7}, {3, 2}}};

    places_join(&a, &b);
    CHECK(memcmp(&a, &want, sizeof(a)) == 0, "others");
}

static const struct check_case cases[] = {
    CASE(what_is_written_is_read_back),
    CASE(the_furthest_offsets_of_all_partitions_have_room),
    CASE(any_other_text_is_the_beginning),
    CASE(of_two_the_further_counts_in_each_partition),
};

CHECK_MAIN("places", cases)
