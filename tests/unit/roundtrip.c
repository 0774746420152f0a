#include "check.h"

#include <stdlib.h>

#include "everything.h"

enum { ROUNDS = 3000 };

static struct check_world world;
static ecom_arena *arena;

static uint64_t below(uint64_t n)
{
    return ecom_env_random_below(&world.env, n);
}

static int64_t between(int64_t min, int64_t max)
{
    uint64_t span = (uint64_t)max - (uint64_t)min + 1;

    if (below(4) == 0) /* the ends are where mistakes are */
        return below(2) ? min : max;
    return (int64_t)((uint64_t)min + (span ? below(span) : below(UINT64_MAX)));
}

/* One character; of a text that may have lines, also those. */
static const char *character(int lines)
{
    static const char *const plain[] = {"a",
                                        "Z",
                                        "0",
                                        " ",
                                        "\"",
                                        "\\",
                                        "/",
                                        "<",
                                        "'",
                                        "{",
                                        "\xC3\xA9",
                                        "\xDF\xBF",
                                        "\xE2\x82\xAC",
                                        "\xE2\x80\xA8",
                                        "\xEF\xBF\xBD",
                                        "\xF0\x9F\x98\x80",
                                        "\xF4\x8F\xBF\xBF",
                                        "~"};
    static const char *const breaks[] = {"\n", "\r", "\t"};

    return lines && below(5) == 0 ? breaks[below(3)]
                                  : plain[below(sizeof(plain) / sizeof(plain[0]))];
}

static ecom_str text_of(size_t min, size_t max, int lines)
{
    size_t n = (size_t)between((int64_t)min, (int64_t)max), used = 0;
    char *p = ecom_arena_alloc(arena, 4 * n + 1);

    while (p && n--) {
        const char *c = character(lines);
        memcpy(p + used, c, strlen(c));
        used += strlen(c);
    }
    return (ecom_str){p, used};
}

static ecom_str copy(const char *s)
{
    return ecom_arena_copy(arena, ecom_str_of(s));
}

static struct everything_part random_part(void)
{
    struct everything_part part = {text_of(1, 8, 0), between(1, 99), ECOM_ABSENT};

    if (below(2))
        part.price = between(-ECOM_MONEY_MAX, ECOM_MONEY_MAX);
    return part;
}

static ecom_list random_list(size_t n)
{
    struct everything_part *parts = ecom_arena_alloc(arena, n * sizeof(*parts));

    for (size_t i = 0; i < n; i++)
        parts[i] = random_part();
    return (ecom_list){parts, n};
}

/* Anything that keeps the rules. What is left as it was begun is absent, or its fallback. */
static void fill(struct everything *thing)
{
    static const char *const emails[] = {"a@b", "j\xC3\xB6rg@m\xC3\xBCller.example", "x+y@z.co"};

    ecom_record_init(&everything, thing);
    thing->id = copy(ecom_id_new(&world.env).s);
    thing->name = text_of(1, 10, 0);
    thing->count = between(-INT64_MAX, INT64_MAX);
    thing->born = between(INT64_C(-62167219200000), INT64_C(253402300799999));
    thing->main = random_part();
    thing->parts = random_list(below(4));
    if (below(2))
        thing->text = text_of(0, 200, 1);
    if (below(2))
        thing->email = copy(emails[below(3)]);
    if (below(2))
        thing->currency = copy(below(2) ? "EUR" : "AAA");
    if (below(2))
        thing->secret = text_of(8, 12, 0);
    if (below(2))
        thing->note = text_of(0, 5, 0);
    if (below(2))
        thing->level = between(-5, 5);
    if (below(2))
        thing->price = between(1, 100000);
    if (below(2))
        thing->total = between(-ECOM_MONEY_MAX, ECOM_MONEY_MAX);
    if (below(2))
        thing->seen = between(1, INT64_C(253402300799999));
    if (below(2))
        thing->open = (int32_t)below(2);
    if (below(2))
        thing->known = (int32_t)below(2);
    if (below(2))
        thing->color = (int32_t)below(3);
    if (below(2))
        thing->size = (int32_t)below(3);
    if (below(2))
        thing->spare = random_part();
    if (below(2))
        thing->extras = random_list(1 + below(5));
}

static int same_part(const struct everything_part *a, const struct everything_part *b)
{
    return ecom_str_eq(a->sku, b->sku) && a->quantity == b->quantity && a->price == b->price;
}

static int same_list(ecom_list a, ecom_list b)
{
    for (size_t i = 0; a.n == b.n && i < a.n; i++)
        if (!same_part((struct everything_part *)a.items + i,
                       (struct everything_part *)b.items + i))
            return 0;
    return a.n == b.n && !a.items == !b.items;
}

static int same_text(ecom_str a, ecom_str b)
{
    return ecom_str_eq(a, b) && !a.p == !b.p;
}

static int same(const struct everything *a, const struct everything *b)
{
    return same_text(a->id, b->id) && same_text(a->name, b->name) && same_text(a->text, b->text) &&
           same_text(a->email, b->email) && same_text(a->currency, b->currency) &&
           same_text(a->secret, b->secret) && same_text(a->note, b->note) && a->count == b->count &&
           a->level == b->level && a->price == b->price && a->total == b->total &&
           a->born == b->born && a->seen == b->seen && a->open == b->open && a->known == b->known &&
           a->color == b->color && a->size == b->size && same_part(&a->main, &b->main) &&
           same_part(&a->spare, &b->spare) && same_list(a->parts, b->parts) &&
           same_list(a->extras, b->extras);
}

/* Written and read again, a record is the same, member by member and byte by byte. */
static void a_record_survives_being_written_and_read(void)
{
    struct everything thing, again;
    ecom_buf once = {0}, twice = {0};
    ecom_error e;

    check_world_init(&world, 3);
    arena = ecom_arena_new(0);
    for (int i = 0; i < ROUNDS; i++) {
        ecom_arena_reset(arena);
        once.n = twice.n = 0;
        fill(&thing);
        CHECK_CODE(ECOM_OK, ecom_record_check(&everything, &thing, &e), e);
        CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &once));
        memset(&again, 0x55, sizeof(again));
        CHECK_CODE(ECOM_OK,
                   ecom_record_read(&everything, ecom_buf_str(&once), NULL, arena, &again, &e), e);
        CHECK(same(&thing, &again), "round %d: %s", i, once.p);
        CHECK_I64(ECOM_OK, ecom_record_write(&everything, &again, ECOM_VIEW_STORE, &twice));
        CHECK_STR(once.p, ecom_buf_str(&twice));
    }
    ecom_buf_free(&once);
    ecom_buf_free(&twice);
    ecom_arena_free(arena);
}

/* Spaces between the parts and members in another order mean nothing. */
static void order_and_spaces_mean_nothing(void)
{
    struct everything thing, again;
    ecom_buf once = {0}, other = {0};
    const ecom_json *value;
    ecom_error e;

    check_world_init(&world, 4);
    arena = ecom_arena_new(0);
    for (int i = 0; i < ROUNDS / 10; i++) {
        const ecom_json *members[40];
        size_t n = 0;
        ecom_arena_reset(arena);
        once.n = other.n = 0;
        fill(&thing);
        CHECK_I64(ECOM_OK, ecom_record_write(&everything, &thing, ECOM_VIEW_STORE, &once));
        CHECK_CODE(ECOM_OK, ecom_json_parse(ecom_buf_str(&once), NULL, arena, &value, &e), e);
        for (const ecom_json *m = value->first; m; m = m->next)
            members[n++] = m;
        for (size_t left = n; left; left--) {
            size_t at = below(left);
            CHECK_I64(ECOM_OK, ecom_buf_append(&other, left == n ? S("\n{ ") : S(" ,\t")));
            CHECK_I64(ECOM_OK, ecom_json_write_str(&other, members[at]->name));
            CHECK_I64(ECOM_OK, ecom_buf_append(&other, S(" :\r\n")));
            CHECK_I64(ECOM_OK, ecom_json_write(&other, members[at]));
            members[at] = members[left - 1];
        }
        CHECK_I64(ECOM_OK, ecom_buf_append(&other, S(" } ")));
        CHECK_CODE(ECOM_OK,
                   ecom_record_read(&everything, ecom_buf_str(&other), NULL, arena, &again, &e), e);
        CHECK(same(&thing, &again), "round %d: %s", i, other.p);
    }
    ecom_buf_free(&once);
    ecom_buf_free(&other);
    ecom_arena_free(arena);
}

static const struct check_case cases[] = {
    CASE(a_record_survives_being_written_and_read),
    CASE(order_and_spaces_mean_nothing),
};

CHECK_MAIN("roundtrip", cases)
