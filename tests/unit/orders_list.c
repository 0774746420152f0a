#include "orders_world.h"

/* The amounts of a page, "3 2 1". */
static const char *amounts_of(const ecom_order_page *page)
{
    static char out[200];
    const ecom_order *items = page->items.items;
    size_t n = 0;

    out[0] = '\0';
    for (size_t i = 0; i < page->items.n && n < sizeof(out); i++)
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s%d", i ? " " : "", (int)items[i].amount);
    return out;
}

static void a_user_lists_own_orders_newest_first_and_by_status(void)
{
    struct fixture f;
    ecom_order orders[5], other, out;
    ecom_order_page page;
    ecom_error e = {0};

    open_fixture(&f);
    for (int i = 0; i < 5; i++) {
        CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, i + 1, &orders[i], &e), e);
        CHECK_CODE(ECOM_OK, place(&f, "ann2", NULL, 50 + i, &other, &e), e);
    }
    for (int i = 0; i < 4; i += 2) {
        const ecom_payment_completed yes = completed_of(&orders[i], "e1");
        CHECK_CODE(ECOM_OK, complete(&f, &yes, NULL, &out, &e), e);
    }
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("ann"), NULL, f.w.arena, &page, &e), e);
    CHECK_STR("5 4 3 2 1", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("5 4", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 3, page.next_cursor, ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("3 2 1", ecom_str_of(amounts_of(&page)));
    CHECK(!page.next_cursor.p, "more");
    CHECK_CODE(ECOM_OK, list(&f, "ann", 9, S(""), ECOM_ORDER_PAID, &page, &e), e);
    CHECK_STR("3 1", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ORDER_PENDING, &page, &e), e);
    CHECK_STR("5 4", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, page.next_cursor, ECOM_ORDER_PENDING, &page, &e), e);
    CHECK_STR("2", ecom_str_of(amounts_of(&page)));
    CHECK_CODE(ECOM_OK, list(&f, "ann", 2, S(""), ECOM_ORDER_PAYMENT_FAILED, &page, &e), e);
    CHECK_U64(0, page.items.n);
    CHECK_CODE(ECOM_OK, list(&f, "bob", 2, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_U64(0, page.items.n);
    close_fixture(&f);
}

static void a_query_out_of_bounds_names_its_field(void)
{
    struct fixture f;
    ecom_order_page page;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 101, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("first", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 1, S("?"), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("after", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "ann", 1, S(""), 3, &page, &e), e);
    CHECK_STR("status", ecom_str_of(e.field));
    CHECK_CODE(ECOM_E_INVAL, list(&f, "", 1, S(""), ECOM_ABSENT32, &page, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    const ecom_str long_id = shop_repeat(&f.w, 'u', 129);
    CHECK_CODE(ECOM_E_INVAL, ecom_orders_list(f.orders, long_id, NULL, f.w.arena, &page, &e), e);
    CHECK_STR("userId", ecom_str_of(e.field));
    CHECK(!ecom_order_status_name(3) && !ecom_order_status_name(-1), "a name");
    CHECK_STR("PAYMENT_FAILED", ecom_str_of(ecom_order_status_name(ECOM_ORDER_PAYMENT_FAILED)));
    close_fixture(&f);
}

static void many_are_found_by_ids_if_they_are_the_users_own(void)
{
    struct fixture f;
    ecom_order mine, theirs, *found = NULL;
    ecom_order_page page;
    ecom_order_query query;
    ecom_error e = {0};
    char ids[200];
    size_t n = 0;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, 1, &mine, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "bob", NULL, 2, &theirs, &e), e);
    const ecom_str both[] = {theirs.id, mine.id};
    CHECK_CODE(ECOM_OK,
               ecom_orders_get_many(f.orders, S("ann"), both, 2, f.w.arena, &found, &n, &e), e);
    CHECK_U64(1, n);
    CHECK_I64(1, found[0].amount);
    snprintf(ids, sizeof(ids), "%.*s,%.*s", 36, mine.id.p, 36, theirs.id.p);
    ecom_record_init(&ecom_order_query_record, &query);
    query.ids = ecom_str_of(ids);
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e), e);
    CHECK_STR("2", ecom_str_of(amounts_of(&page)));
    query.user_id = S("bob");
    CHECK_CODE(ECOM_OK, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e), e);
    query.user_id = S("ann");
    CHECK_CODE(ECOM_E_FORBIDDEN, ecom_orders_list(f.orders, S("bob"), &query, f.w.arena, &page, &e),
               e);
    CHECK_STR("userId", ecom_str_of(e.field));
    close_fixture(&f);
}

static void pages_of_users_are_those_that_the_caller_may_see(void)
{
    struct fixture f;
    ecom_order order;
    ecom_order_pages pages;
    ecom_order_pages_query query;
    ecom_error e = {0};
    char many[101 * 2];

    open_fixture(&f);
    for (int64_t n = 1; n <= 3; n++)
        CHECK_CODE(ECOM_OK, place(&f, "ann", NULL, n, &order, &e), e);
    CHECK_CODE(ECOM_OK, place(&f, "bob", NULL, 9, &order, &e), e);
    ecom_record_init(&ecom_order_pages_query_record, &query);
    query.user_ids = S("bob,ann,bob,ann");
    query.first = 2;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    CHECK_U64(1, pages.items.n);
    const ecom_user_orders *own = pages.items.items;
    CHECK_STR("ann", own->user_id);
    const ecom_order *items = own->items.items;
    CHECK_U64(2, own->items.n);
    CHECK_I64(3, items[0].amount);
    query.after = own->next_cursor;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    own = pages.items.items;
    CHECK_U64(1, own->items.n);
    CHECK(!own->next_cursor.p, "more");
    query.after = S("");
    query.status = ECOM_ORDER_PAID;
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    own = pages.items.items;
    CHECK_U64(0, own->items.n);
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("eve"), &query, f.w.arena, &pages, &e),
               e);
    CHECK_U64(0, pages.items.n);
    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "u,", 2);
    query.user_ids = (ecom_str){many, sizeof(many) - 3};
    CHECK_CODE(ECOM_OK, ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e),
               e);
    query.user_ids = (ecom_str){many, sizeof(many) - 1};
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e), e);
    CHECK_TEXT("userIds: at most 100 at once, not 101", e);
    CHECK_STR("userIds", ecom_str_of(e.field));
    query.user_ids = S("ann,,bob");
    CHECK_CODE(ECOM_E_INVAL,
               ecom_orders_list_pages(f.orders, S("ann"), &query, f.w.arena, &pages, &e), e);
    close_fixture(&f);
}

static const struct check_case cases[] = {
    CASE(a_user_lists_own_orders_newest_first_and_by_status),
    CASE(a_query_out_of_bounds_names_its_field),
    CASE(many_are_found_by_ids_if_they_are_the_users_own),
    CASE(pages_of_users_are_those_that_the_caller_may_see),
};

CHECK_MAIN("orders-list", cases)
