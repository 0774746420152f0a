/* Products: made, found, listed and searched. */
#include "products_world.h"

static int make(struct fixture *f, ecom_str name, ecom_str description, ecom_product *out)
{
    ecom_product_request request = request_of(name);
    ecom_product ignored;
    ecom_error e = {0};

    request.description = description;
    f->w.clock.us += 1000;
    int r = ecom_products_create(f->products, &request, NULL, f->w.arena, out ? out : &ignored,
                                 NULL, &e);
    if (r < 0)
        printf("# %s\n", e.text);
    return r;
}

/* The names on a page: "c b a". */
static const char *names_of(const ecom_product_page *page)
{
    static char out[1000];
    const ecom_product *items = page->items.items;
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < page->items.n && n < sizeof(out); i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%.*s", i ? " " : "",
                              (int)items[i].name.n, items[i].name.p);
    return out;
}

static int list(struct fixture *f, int64_t first, ecom_str after, ecom_str search,
                ecom_product_page *out, ecom_error *e)
{
    ecom_product_query query;

    ecom_record_init(&ecom_product_query_record, &query);
    query.first = first;
    query.after = after;
    query.search = search;
    return ecom_products_list(f->products, &query, f->w.arena, out, e);
}

static void a_product_has_what_was_asked_for_and_the_defaults(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("seller-1", NULL);
    ecom_product product, found;
    ecom_error e = {0};
    int replayed = -1;

    open_fixture(&f);
    ecom_product_request request = request_of(S("Lamp"));
    CHECK_CODE(
        ECOM_OK,
        ecom_products_create(f.products, &request, &caller, f.w.arena, &product, &replayed, &e), e);
    CHECK_I64(0, replayed);
    CHECK_CODE(ECOM_OK, ecom_products_get(f.products, product.id, f.w.arena, &found, &e), e);
    CHECK_STR("Lamp", found.name);
    CHECK(!found.description.p && !found.sku.p, "made up");
    CHECK_I64(1999, found.price);
    CHECK_STR("USD", found.currency);
    CHECK_I64(0, found.stock);
    CHECK_STR("seller-1", found.seller_id);
    CHECK_I64(ecom_env_now_ms(&f.w.clock.env), found.created_at);
    CHECK_CODE(ECOM_E_NOTFOUND, ecom_products_get(f.products, S("x y"), f.w.arena, &found, &e), e);

    request = (ecom_product_request){S("Rug"), S("two\nlines"), 1, S("EUR"), 7, S("R-1")};
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, NULL, f.w.arena, &product, NULL, &e), e);
    CHECK_CODE(ECOM_OK, ecom_products_get(f.products, product.id, f.w.arena, &found, &e), e);
    CHECK_STR("two\nlines", found.description);
    CHECK_STR("EUR", found.currency);
    CHECK_I64(7, found.stock);
    CHECK_STR("R-1", found.sku);
    CHECK(!found.seller_id.p, "a seller");
    close_fixture(&f);
}

static void what_was_handed_in_may_go_when_the_call_returns(void)
{
    struct fixture f;
    char name[] = "Lamp", user[] = "seller";
    ecom_caller caller = caller_of(user, NULL);
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    ecom_product_request request = request_of(ecom_str_of(name));
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
               e);
    memset(name, 'x', 4);
    memset(user, 'x', 6);
    CHECK_STR("Lamp", product.name);
    CHECK_STR("seller", product.seller_id);
    close_fixture(&f);
}

static void each_limit_holds_and_names_its_field(void)
{
    struct fixture f;
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_str long_name = shop_repeat(&f.w, 'n', 201), text = shop_repeat(&f.w, 'd', 4001),
                   sku = shop_repeat(&f.w, 's', 65);
    const struct {
        ecom_product_request request;
        const char *field;
    } bad[] = {
        {{{NULL, 0}, {NULL, 0}, 1, S("USD"), 0, {NULL, 0}}, "name"},
        {{S(""), {NULL, 0}, 1, S("USD"), 0, {NULL, 0}}, "name"},
        {{S(" \t"), {NULL, 0}, 1, S("USD"), 0, {NULL, 0}}, "name"},
        {{S("   "), {NULL, 0}, 1, S("USD"), 0, {NULL, 0}}, "name"},
        {{long_name, {NULL, 0}, 1, S("USD"), 0, {NULL, 0}}, "name"},
        {{S("n"), text, 1, S("USD"), 0, {NULL, 0}}, "description"},
        {{S("n"), {NULL, 0}, ECOM_ABSENT, S("USD"), 0, {NULL, 0}}, "price"},
        {{S("n"), {NULL, 0}, 0, S("USD"), 0, {NULL, 0}}, "price"},
        {{S("n"), {NULL, 0}, -1, S("USD"), 0, {NULL, 0}}, "price"},
        {{S("n"), {NULL, 0}, ECOM_AMOUNT_MAX + 1, S("USD"), 0, {NULL, 0}}, "price"},
        {{S("n"), {NULL, 0}, 1, S("usd"), 0, {NULL, 0}}, "currency"},
        {{S("n"), {NULL, 0}, 1, S("USD"), -1, {NULL, 0}}, "stock"},
        {{S("n"), {NULL, 0}, 1, S("USD"), 1000000001, {NULL, 0}}, "stock"},
        {{S("n"), {NULL, 0}, 1, S("USD"), 0, S("")}, "sku"},
        {{S("n"), {NULL, 0}, 1, S("USD"), 0, sku}, "sku"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_CODE(
            ECOM_E_INVAL,
            ecom_products_create(f.products, &bad[i].request, NULL, f.w.arena, &product, NULL, &e),
            e);
        CHECK_STR(bad[i].field, ecom_str_of(e.field));
    }
    CHECK_I64(0, shop_count(&f.w, "products"));
    const ecom_product_request most = {{long_name.p, 200}, {text.p, 4000}, ECOM_AMOUNT_MAX,
                                       S("USD"),           1000000000,     {sku.p, 64}};
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &most, NULL, f.w.arena, &product, NULL, &e), e);
    close_fixture(&f);
}

static void the_most_words_that_fit_can_be_stored(void)
{
    struct fixture f;
    char name[200], description[2000 * 5];
    ecom_product_page page;
    ecom_error e = {0};

    open_fixture(&f);
    for (size_t i = 0; i < sizeof(name); i++) /* three words: 192 beginnings */
        name[i] = i % 67 == 66 ? ' ' : (char)('a' + i / 67);
    for (size_t i = 0; i < 2000; i++) { /* 2,000 words of one character */
        memcpy(description + i * 5, "\xF0\xA0\x80\x80 ", 5);
        description[i * 5 + 2] = (char)(0x80 + i / 64);
        description[i * 5 + 3] = (char)(0x80 + i % 64);
    }
    CHECK_I64(ECOM_OK, make(&f, (ecom_str){name, sizeof(name)},
                            (ecom_str){description, sizeof(description)}, NULL));
    const ecom_str in = {description + 5 * (ECOM_DESCRIPTION_WORDS - 1), 4},
                   past = {description + 5 * ECOM_DESCRIPTION_WORDS, 4};
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), in, &page, &e), e);
    CHECK_U64(1, page.items.n);
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), past, &page, &e), e);
    CHECK_U64(0, page.items.n);
    close_fixture(&f);
}

static void no_two_products_have_the_same_sku(void)
{
    struct fixture f;
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    ecom_product_request request = request_of(S("Lamp"));
    request.sku = S("L-1");
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, NULL, f.w.arena, &product, NULL, &e), e);
    CHECK_CODE(ECOM_E_EXISTS,
               ecom_products_create(f.products, &request, NULL, f.w.arena, &product, NULL, &e), e);
    CHECK_STR("sku", ecom_str_of(e.field));
    const ecom_caller caller = caller_of("u", "key");
    CHECK_CODE(ECOM_E_EXISTS,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
               e);
    CHECK_STR("sku", ecom_str_of(e.field));
    CHECK_TEXT("sku", e);
    close_fixture(&f);
}

static void products_are_listed_newest_first_page_by_page(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_error e = {0};
    char name[2] = "a";

    open_fixture(&f);
    for (; *name <= 'e'; ++*name)
        CHECK_I64(ECOM_OK, make(&f, ecom_str_of(name), S(""), NULL));
    CHECK_CODE(ECOM_OK, ecom_products_list(f.products, NULL, f.w.arena, &page, &e), e);
    CHECK_STR("e d c b a", ecom_str_of(names_of(&page)));
    CHECK(!page.next_cursor.p, "more");
    CHECK_CODE(ECOM_OK, list(&f, 2, S(""), S(""), &page, &e), e);
    CHECK_STR("e d", ecom_str_of(names_of(&page)));
    const ecom_product *items = page.items.items;
    CHECK_STR(ecom_cursor_of(items[1].id).s, page.next_cursor);
    *name = 'f'; /* what is made meanwhile does not shift the pages */
    CHECK_I64(ECOM_OK, make(&f, ecom_str_of(name), S(""), NULL));
    CHECK_CODE(ECOM_OK, list(&f, 2, page.next_cursor, S(""), &page, &e), e);
    CHECK_STR("c b", ecom_str_of(names_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, 1, page.next_cursor, S(""), &page, &e), e);
    CHECK_STR("a", ecom_str_of(names_of(&page)));
    CHECK(!page.next_cursor.p, "more");
    CHECK_CODE(ECOM_OK, list(&f, ECOM_ABSENT, S(""), S(""), &page, &e), e);
    CHECK_U64(6, page.items.n);
    close_fixture(&f);
}

static void a_page_has_20_products_unless_said_and_100_at_most(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_product_query query;
    ecom_error e = {0};

    open_fixture(&f);
    for (int i = 0; i < 102; i++)
        CHECK_I64(ECOM_OK, make(&f, S("x"), S(""), NULL));
    ecom_record_init(&ecom_product_query_record, &query);
    CHECK_CODE(ECOM_OK, ecom_products_list(f.products, &query, f.w.arena, &page, &e), e);
    CHECK_U64(20, page.items.n);
    CHECK_CODE(ECOM_OK, ecom_products_list(f.products, NULL, f.w.arena, &page, &e), e);
    CHECK_U64(20, page.items.n);
    CHECK_CODE(ECOM_OK, list(&f, 100, S(""), S(""), &page, &e), e);
    CHECK_U64(100, page.items.n);
    CHECK_CODE(ECOM_OK, list(&f, 100, page.next_cursor, S(""), &page, &e), e);
    CHECK_U64(2, page.items.n);
    CHECK_CODE(ECOM_E_INVAL, list(&f, 101, S(""), S(""), &page, &e), e);
    CHECK_STR("first", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, 0, S(""), S(""), &page, &e), e);
    CHECK_STR("first", ecom_str_of(e.field));
    close_fixture(&f);
}

static void what_is_no_cursor_is_refused(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_str bad[] = {S("x"),
                            S("!!!!"),
                            S("YWJj="),
                            S("YSBi"),
                            S("YQo"),
                            shop_repeat(&f.w, 'A', 400),
                            shop_repeat(&f.w, 'A', 401)};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        CHECK_CODE(ECOM_E_INVAL, list(&f, 1, bad[i], S(""), &page, &e), e);
        CHECK_STR("after", ecom_str_of(e.field));
    }
    const ecom_cursor longest = ecom_cursor_of(shop_repeat(&f.w, 'z', 256));
    CHECK_CODE(ECOM_OK, list(&f, 1, ecom_str_of(longest.s), S(""), &page, &e), e);
    CHECK_STR("", ecom_str_of(ecom_cursor_of(shop_repeat(&f.w, 'z', 257)).s));
    close_fixture(&f);
}

static void a_search_finds_what_has_every_word(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_error e = {0};
    static const struct {
        const char *search, *names;
    } cases_[] = {
        {"lamp", "Table-Lamp Lamp"},
        {"LA", "Table-Lamp Lamp"},
        {"lamps", ""},
        {"l", "Table-Lamp Lamp"},
        {"ta la", "Table-Lamp"},
        {"brass lamp", "Lamp"},
        {"lamp brass", "Lamp"},
        {"bras", ""}, /* beginnings count in names only */
        {"red", "Rug Lamp"},
        {"red brass", "Lamp"},
        {"lamp lamp", "Table-Lamp Lamp"},
        {"rüg", ""},
        {"größe", "Über Rug"},
        {"ÜB", "Über"},
        {"", "Über Rug Table-Lamp Lamp"},
        {"  ,!", "Über Rug Table-Lamp Lamp"},
    };

    open_fixture(&f);
    CHECK_I64(ECOM_OK, make(&f, S("Lamp"), S("red brass"), NULL));
    CHECK_I64(ECOM_OK, make(&f, S("Table-Lamp"), S("green"), NULL));
    CHECK_I64(ECOM_OK, make(&f, S("Rug"), S("Red wool, GRÖßE 2"), NULL));
    CHECK_I64(ECOM_OK, make(&f, S("Über"), S("Größe"), NULL));
    for (size_t i = 0; i < sizeof(cases_) / sizeof(cases_[0]); i++) {
        CHECK_CODE(ECOM_OK, list(&f, 10, S(""), ecom_str_of(cases_[i].search), &page, &e), e);
        CHECK_STR(cases_[i].names, ecom_str_of(names_of(&page)));
        CHECK(!page.next_cursor.p, "more than all of \"%s\"", cases_[i].search);
    }
    close_fixture(&f);
}

static void a_search_is_bounded_in_bytes_and_words(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_I64(ECOM_OK, make(&f, S("a b c d e f g h i j k l m n o p q"), S(""), NULL));
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), S("a b c d e f g h i j k l m n o p"), &page, &e), e);
    CHECK_U64(1, page.items.n);
    CHECK_CODE(ECOM_E_INVAL, list(&f, 1, S(""), S("a b c d e f g h i j k l m n o p q"), &page, &e),
               e);
    CHECK_STR("search", ecom_str_of(e.field));
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), shop_repeat(&f.w, 'x', 200), &page, &e), e);
    CHECK_CODE(ECOM_E_INVAL, list(&f, 1, S(""), shop_repeat(&f.w, 'x', 201), &page, &e), e);
    CHECK_STR("search", ecom_str_of(e.field));
    close_fixture(&f);
}

static void a_page_of_a_search_looks_at_500_products_and_goes_on_behind_them(void)
{
    struct fixture f;
    ecom_product_page page;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_I64(ECOM_OK, make(&f, S("common rare"), S(""), NULL));
    for (int i = 0; i < ECOM_SEARCH_SCAN; i++)
        CHECK_I64(ECOM_OK, make(&f, S("common"), S(""), NULL));
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), S("common rar"), &page, &e), e);
    CHECK_U64(0, page.items.n);
    CHECK(page.next_cursor.p, "no way on");
    CHECK_CODE(ECOM_OK, list(&f, 1, page.next_cursor, S("common rar"), &page, &e), e);
    CHECK_STR("common rare", ecom_str_of(names_of(&page)));
    CHECK(!page.next_cursor.p, "more");
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), S("rare"), &page, &e), e);
    CHECK_U64(1, page.items.n);
    close_fixture(&f);
}

static void many_are_found_by_their_ids(void)
{
    struct fixture f;
    ecom_product a, b, *found = NULL;
    ecom_product_page page;
    ecom_product_query query;
    ecom_error e = {0};
    char ids[300];
    size_t n = 0;

    open_fixture(&f);
    CHECK_I64(ECOM_OK, make(&f, S("a"), S(""), &a));
    CHECK_I64(ECOM_OK, make(&f, S("b"), S(""), &b));
    const ecom_str list_[] = {a.id, S("none"), b.id};
    CHECK_CODE(ECOM_OK, ecom_products_get_many(f.products, list_, 3, f.w.arena, &found, &n, &e), e);
    CHECK_U64(2, n);
    CHECK_STR("a", found[0].name);

    ecom_record_init(&ecom_product_query_record, &query);
    snprintf(ids, sizeof(ids), "%.*s,none,%.*s", (int)b.id.n, b.id.p, (int)a.id.n, a.id.p);
    query.ids = ecom_str_of(ids);
    CHECK_CODE(ECOM_OK, ecom_products_list(f.products, &query, f.w.arena, &page, &e), e);
    CHECK_STR("b a", ecom_str_of(names_of(&page)));
    static const char *const bad[] = {"", ",", "a,", ",a", "a,,b"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        query.ids = ecom_str_of(bad[i]);
        CHECK_CODE(ECOM_E_INVAL, ecom_products_list(f.products, &query, f.w.arena, &page, &e), e);
        CHECK_STR("ids", ecom_str_of(e.field));
    }
    char many[202];
    for (size_t i = 0; i < sizeof(many); i++)
        many[i] = i % 2 ? ',' : 'x';
    query.ids = (ecom_str){many, 199};
    CHECK_CODE(ECOM_OK, ecom_products_list(f.products, &query, f.w.arena, &page, &e), e);
    CHECK_U64(0, page.items.n);
    query.ids = (ecom_str){many, 201};
    CHECK_CODE(ECOM_E_INVAL, ecom_products_list(f.products, &query, f.w.arena, &page, &e), e);
    CHECK_TEXT("100", e);
    close_fixture(&f);
}

static void a_page_reads_back_from_what_callers_see(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("u", "key");
    ecom_product product;
    ecom_product_page page, again;
    ecom_buf json = {0};
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_product_request request = request_of(S("Lamp"));
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
               e);
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), S(""), &page, &e), e);
    CHECK_CODE(ECOM_OK,
               ecom_record_write(&ecom_product_page_record, &page, ECOM_VIEW_PUBLIC, &json), e);
    CHECK(!strstr(json.p, "idempotency"), "seen: %s", json.p);
    CHECK_CODE(ECOM_OK,
               ecom_record_read(&ecom_product_page_record, ecom_buf_str(&json), NULL, f.w.arena,
                                &again, &e),
               e);
    CHECK_STR("Lamp", ecom_str_of(names_of(&again)));
    json.n = 0;
    CHECK_CODE(ECOM_OK, list(&f, 1, S(""), S("nothing"), &page, &e), e);
    CHECK_CODE(ECOM_OK,
               ecom_record_write(&ecom_product_page_record, &page, ECOM_VIEW_PUBLIC, &json), e);
    CHECK_STR("{\"items\":[],\"nextCursor\":null}", ecom_buf_str(&json));
    ecom_buf_free(&json);
    close_fixture(&f);
}

static void a_store_that_fails_at_any_call_makes_one_product_in_the_end(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            const ecom_caller caller = caller_of("u", "key");
            const ecom_product_request request = request_of(S("Lamp"));
            ecom_product product;
            ecom_error e = {0};

            open_fixture(&f);
            shop_world_fail_at(&f.w, n, (enum shop_fault)fault);
            int r =
                ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e);
            CHECK((r < 0) == f.w.failed, "call %u: %s", n, check_code(r));
            f.w.fail_at = 0;
            CHECK_CODE(
                ECOM_OK,
                ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
                e);
            CHECK_I64(1, shop_count(&f.w, "products"));
            int failed = f.w.failed;
            close_fixture(&f);
            if (!failed)
                break;
        }
}

static int whole_way(struct fixture *f, ecom_error *e)
{
    const ecom_caller caller = caller_of("u", "key");
    ecom_product_request request = request_of(S("Lamp of brass"));
    ecom_product_page page;
    ecom_product product, *found;
    size_t n;

    request.description = S("the one that shines");
    int r = ecom_products_create(f->products, &request, &caller, f->w.arena, &product, NULL, e);
    if (r == ECOM_OK)
        r = list(f, 5, S(""), S("lamp shines"), &page, e);
    return r < 0 ? r
                 : ecom_products_get_many(f->products, &product.id, 1, f->w.arena, &found, &n, e);
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
        CHECK_CODE(ECOM_OK, whole_way(&f, &e), e);
        CHECK_I64(1, shop_count(&f.w, "products"));
        close_fixture(&f);
        if (!failed)
            break;
    }
}

static void a_damaged_document_is_called_that(void)
{
    struct fixture f;
    const ecom_id id = ecom_id_new(ecom_env_system());
    const ecom_change change = {
        .collection = S("products"), .id = ecom_str_of(id.s), .doc = S("{\"id\":\"x\"}")};
    ecom_product_page page;
    ecom_product product;
    ecom_products *none = NULL;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, ecom_store_put(f.w.inner, &change, NULL, &e), e);
    CHECK_CODE(ECOM_E_CORRUPT, ecom_products_get(f.products, change.id, f.w.arena, &product, &e),
               e);
    CHECK_TEXT(id.s, e);
    CHECK_CODE(ECOM_E_CORRUPT, list(&f, 1, S(""), S(""), &page, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_products_new(NULL, &none, &e), e);
    CHECK_STR("store", ecom_str_of(e.field));
    ecom_products_free(NULL);
    close_fixture(&f);
}

static const struct check_case cases[] = {
    CASE(a_product_has_what_was_asked_for_and_the_defaults),
    CASE(what_was_handed_in_may_go_when_the_call_returns),
    CASE(each_limit_holds_and_names_its_field),
    CASE(the_most_words_that_fit_can_be_stored),
    CASE(no_two_products_have_the_same_sku),
    CASE(products_are_listed_newest_first_page_by_page),
    CASE(a_page_has_20_products_unless_said_and_100_at_most),
    CASE(what_is_no_cursor_is_refused),
    CASE(a_search_finds_what_has_every_word),
    CASE(a_search_is_bounded_in_bytes_and_words),
    CASE(a_page_of_a_search_looks_at_500_products_and_goes_on_behind_them),
    CASE(many_are_found_by_their_ids),
    CASE(a_page_reads_back_from_what_callers_see),
    CASE(a_store_that_fails_at_any_call_makes_one_product_in_the_end),
    CASE(a_failed_allocation_is_told_and_changes_nothing),
    CASE(a_damaged_document_is_called_that),
};

CHECK_MAIN("products", cases)
