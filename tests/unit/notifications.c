#include <pthread.h>
#include <stdlib.h>

#include "shop_world.h"

/* A channel that remembers what it sent. */
struct post {
    pthread_mutex_t lock;
    int sent, closed;
    int fail; /* the next one is answered by this code */
    char text[3000];
};

static int post_send(void *self, const ecom_notification *notification, ecom_error *err)
{
    struct post *post = self;
    int fail;

    pthread_mutex_lock(&post->lock);
    fail = post->fail;
    post->fail = 0;
    post->sent += !fail;
    snprintf(post->text, sizeof(post->text), "%.*s", (int)notification->text.n,
             notification->text.p);
    pthread_mutex_unlock(&post->lock);
    return fail ? ecom_fail(err, fail, "the post is on strike") : ECOM_OK;
}

static void post_close(void *self)
{
    ((struct post *)self)->closed++;
}

static const ecom_notification_channel post_channel = {sizeof(post_channel), "post", post_send,
                                                       post_close};

struct fixture {
    struct shop_world w;
    struct post post;
    ecom_notifications *notifications, *elsewhere; /* two workers on one store */
};

static void open_fixture(struct fixture *f)
{
    shop_world_open(&f->w);
    f->post = (struct post){.lock = PTHREAD_MUTEX_INITIALIZER};
    const ecom_notifications_options opts = {
        .size = sizeof(opts),
        .store = f->w.store,
        .env = &f->w.clock.env,
        .channel = &post_channel,
        .self = &f->post,
    };
    if (ecom_notifications_new(&opts, &f->notifications, NULL) < 0 ||
        ecom_notifications_new(&opts, &f->elsewhere, NULL) < 0)
        abort();
}

static void close_fixture(struct fixture *f)
{
    ecom_notifications_free(f->notifications);
    ecom_notifications_free(f->elsewhere);
    shop_world_close(&f->w);
}

static ecom_payment_completed completed_of(const char *event_id)
{
    return (ecom_payment_completed){
        .envelope = {.id = ecom_str_of(event_id),
                     .time_ms = 1,
                     .version = 1,
                     .correlation_id = ecom_str_of("corr-1")},
        .order_id = ecom_str_of("order-1"),
        .user_id = ecom_str_of("ann"),
        .amount = 1990,
        .currency = ecom_str_of("USD"),
        .payment_id = ecom_str_of("order-1"),
    };
}

static int tell(struct fixture *f, const ecom_payment_completed *event, ecom_notification *out,
                int *repeated, ecom_error *e)
{
    return ecom_notifications_handle(f->notifications, &ecom_payment_completed_contract, event,
                                     f->w.arena, out, repeated, e);
}

static void an_event_is_told_once(void)
{
    struct fixture f;
    const ecom_payment_completed event = completed_of("e1");
    ecom_notification item;
    ecom_error e = {0};
    int repeated = -1;

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, tell(&f, &event, &item, &repeated, &e), e);
    CHECK_I64(0, repeated);
    CHECK_STR("e1", item.id);
    CHECK_STR("PAYMENT_COMPLETED", item.type);
    CHECK_STR("order-1", item.order_id);
    CHECK_STR("ann", item.user_id);
    CHECK_STR("post", item.channel);
    CHECK_STR("corr-1", item.correlation_id);
    CHECK_I64(ECOM_NOTIFICATION_SENT, item.status);
    CHECK_STR("Your payment of 19.90 USD for order order-1 was received.",
              ecom_str_of(f.post.text));
    CHECK_CODE(ECOM_OK, tell(&f, &event, &item, &repeated, &e), e);
    CHECK_I64(1, repeated);
    CHECK_I64(1, f.post.sent);
    CHECK_I64(1, shop_count(&f.w, "notifications"));
    close_fixture(&f);
    CHECK_I64(2, f.post.closed);
}

static void a_failed_payment_is_told_with_its_reason(void)
{
    struct fixture f;
    const ecom_payment_failed event = {
        .envelope = {.id = S("e1"), .time_ms = 1, .version = 1},
        .order_id = S("order-1"),
        .user_id = S("ann"),
        .amount = 5,
        .currency = S("EUR"),
        .payment_id = S("order-1"),
        .reason = S("no money"),
    };
    const ecom_delivery delivery = {.contract = &ecom_payment_failed_contract, .event = &event};
    ecom_error e = {0};

    open_fixture(&f);
    ecom_delivery now = delivery;
    now.arena = f.w.arena;
    CHECK_CODE(ECOM_OK, ecom_notifications_on_payment(f.notifications, &now, &e), e);
    CHECK_STR("Your payment of 0.05 EUR for order order-1 failed: no money",
              ecom_str_of(f.post.text));
    now.contract = &ecom_order_created_contract;
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_on_payment(f.notifications, &now, &e), e);
    CHECK_STR("type", ecom_str_of(e.field));
    close_fixture(&f);
}

static void an_event_id_used_twice_or_unfit_is_rejected(void)
{
    struct fixture f;
    ecom_payment_completed event = completed_of("e1");
    ecom_notification item;
    ecom_error e = {0};

    open_fixture(&f);
    CHECK_CODE(ECOM_OK, tell(&f, &event, &item, NULL, &e), e);
    event.order_id = S("order-2");
    CHECK_CODE(ECOM_E_UNPROCESSABLE, tell(&f, &event, &item, NULL, &e), e);
    CHECK_STR("id", ecom_str_of(e.field));
    event = completed_of("an id");
    CHECK_CODE(ECOM_E_INVAL, tell(&f, &event, &item, NULL, &e), e);
    CHECK_STR("id", ecom_str_of(e.field));
    CHECK_I64(1, f.post.sent);
    close_fixture(&f);
}

static void what_the_channel_answers_is_passed_on_and_it_is_tried_again(void)
{
    struct fixture f;
    const ecom_payment_completed event = completed_of("e1");
    ecom_notification item;
    ecom_error e = {0};
    int repeated = -1;

    open_fixture(&f);
    f.post.fail = ECOM_E_UNAVAILABLE;
    CHECK_CODE(ECOM_E_UNAVAILABLE, tell(&f, &event, &item, NULL, &e), e);
    f.post.fail = ECOM_E_INVAL;
    CHECK_CODE(ECOM_E_INVAL, tell(&f, &event, &item, NULL, &e), e);
    CHECK_CODE(ECOM_OK, tell(&f, &event, &item, &repeated, &e), e);
    CHECK_I64(0, repeated);
    CHECK_I64(1, f.post.sent);
    close_fixture(&f);
}

static void a_store_that_fails_at_any_call_sends_again_only_from_before_it_was_noted(void)
{
    for (int fault = SHOP_FAULT_BEFORE; fault <= SHOP_FAULT_AFTER; fault++)
        for (unsigned n = 1;; n++) {
            struct fixture f;
            const ecom_payment_completed event = completed_of("e1");
            ecom_notification item;
            ecom_error e = {0};

            open_fixture(&f);
            shop_world_fail_at(&f.w, n, (enum shop_fault)fault);
            int r = tell(&f, &event, &item, NULL, &e), failed = f.w.failed;
            CHECK((r < 0) == failed, "call %u: %s", n, check_code(r));
            CHECK(!failed || ecom_code_of(r)->retry, "given up: %s", check_code(r));
            f.w.fail_at = 0;
            CHECK_CODE(ECOM_OK, tell(&f, &event, &item, NULL, &e), e);
            /* get, put, put: twice only when the second put did not happen */
            CHECK_I64(n == 3 && fault == SHOP_FAULT_BEFORE ? 2 : 1, f.post.sent);
            CHECK_I64(1, shop_count(&f.w, "notifications"));
            close_fixture(&f);
            if (!failed)
                break;
        }
}

/* Another worker handles the same event while one is about to write. */
static void come_first(void *user)
{
    struct fixture *f = user;
    const ecom_payment_completed event = completed_of("e1");
    ecom_notification item;

    if (ecom_notifications_handle(f->elsewhere, &ecom_payment_completed_contract, &event,
                                  f->w.arena, &item, NULL, NULL) < 0)
        abort();
}

static void two_workers_on_one_event_agree(void)
{
    struct fixture f;
    const ecom_payment_completed event = completed_of("e1");
    ecom_notification item;
    ecom_error e = {0};
    int repeated = -1;

    open_fixture(&f);
    f.w.before_put = come_first;
    f.w.user = &f;
    CHECK_CODE(ECOM_OK, tell(&f, &event, &item, &repeated, &e), e);
    CHECK_I64(1, repeated);
    CHECK_I64(1, f.post.sent);
    close_fixture(&f);
}

static void *race(void *user)
{
    struct fixture *f = user;
    const ecom_payment_completed event = completed_of("e1");
    ecom_arena *arena = ecom_arena_new(0);
    ecom_notification item;

    if (!arena || ecom_notifications_handle(f->notifications, &ecom_payment_completed_contract,
                                            &event, arena, &item, NULL, NULL) < 0)
        abort();
    ecom_arena_free(arena);
    return NULL;
}

static void threads_on_one_event_make_one_notification(void)
{
    struct fixture f;
    pthread_t threads[4];
    ecom_notification_page page;
    ecom_notification_query query;
    ecom_error e = {0};

    open_fixture(&f);
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, race, &f) == 0, "no thread");
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    ecom_record_init(&ecom_notification_query_record, &query);
    query.order_id = S("order-1");
    CHECK_CODE(ECOM_OK, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e), e);
    CHECK_U64(1, page.items.n);
    close_fixture(&f);
}

static void an_orders_notifications_are_listed_newest_first(void)
{
    struct fixture f;
    static const char *const ids[] = {"e1", "e2", "e3"};
    ecom_notification_page page;
    ecom_notification_query query;
    ecom_notification item;
    ecom_error e = {0};

    open_fixture(&f);
    for (size_t i = 0; i < 3; i++) {
        const ecom_payment_completed event = completed_of(ids[i]);
        CHECK_CODE(ECOM_OK, tell(&f, &event, &item, NULL, &e), e);
    }
    ecom_payment_completed other = completed_of("e4");
    other.order_id = S("order-2");
    CHECK_CODE(ECOM_OK, tell(&f, &other, &item, NULL, &e), e);
    ecom_record_init(&ecom_notification_query_record, &query);
    query.order_id = S("order-1");
    query.first = 2;
    CHECK_CODE(ECOM_OK, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e), e);
    const ecom_notification *items = page.items.items;
    CHECK_U64(2, page.items.n);
    CHECK_STR("e3", items[0].id);
    CHECK_STR("e2", items[1].id);
    query.after = page.next_cursor;
    CHECK_CODE(ECOM_OK, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e), e);
    items = page.items.items;
    CHECK_U64(1, page.items.n);
    CHECK_STR("e1", items[0].id);
    CHECK(!page.next_cursor.p, "more");
    query.first = 101;
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e),
               e);
    CHECK_STR("first", ecom_str_of(e.field));
    ecom_record_init(&ecom_notification_query_record, &query);
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e),
               e);
    CHECK_STR("orderId", ecom_str_of(e.field));
    char id[4 * 200];
    for (size_t i = 0; i < sizeof(id); i += 4)
        memcpy(id + i, "\xF0\x9F\x90\xB4", 4);
    query.order_id = (ecom_str){id, sizeof(id)};
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e),
               e);
    CHECK_STR("orderId", ecom_str_of(e.field));
    close_fixture(&f);
}

static void the_newest_of_each_of_some_orders_is_found_at_once(void)
{
    struct fixture f;
    static const char *const events[][2] = {
        {"e1", "order-1"}, {"e2", "order-2"}, {"e3", "order-1"}};
    ecom_notification_page page;
    ecom_notification_query query;
    ecom_notification item;
    ecom_error e = {0};
    char many[101 * 2];

    open_fixture(&f);
    for (size_t i = 0; i < 3; i++) {
        ecom_payment_completed event = completed_of(events[i][0]);
        event.order_id = ecom_str_of(events[i][1]);
        CHECK_CODE(ECOM_OK, tell(&f, &event, &item, NULL, &e), e);
    }
    ecom_record_init(&ecom_notification_query_record, &query);
    query.order_ids = S("order-2,order-3,order-1");
    CHECK_CODE(ECOM_OK, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e), e);
    const ecom_notification *items = page.items.items;
    CHECK_U64(2, page.items.n);
    CHECK_STR("e2", items[0].id);
    CHECK_STR("e3", items[1].id);
    CHECK(!page.next_cursor.p, "more");
    for (size_t i = 0; i < sizeof(many); i += 2)
        memcpy(many + i, "o,", 2);
    query.order_ids = (ecom_str){many, sizeof(many) - 3};
    CHECK_CODE(ECOM_OK, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e), e);
    query.order_ids = (ecom_str){many, sizeof(many) - 1};
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_list(f.notifications, &query, f.w.arena, &page, &e),
               e);
    CHECK_TEXT("orderIds: at most 100 at once, not 101", e);
    CHECK_STR("orderIds", ecom_str_of(e.field));
    close_fixture(&f);
}

struct line {
    int n, level;
    char correlation[64], message[64], fields[600];
};

static void take_line(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                      const ecom_log_field *fields, size_t n)
{
    struct line *line = user;
    size_t used = 0;

    line->n++;
    line->level = (int)level;
    snprintf(line->correlation, sizeof(line->correlation), "%.*s", (int)correlation_id.n,
             correlation_id.p);
    snprintf(line->message, sizeof(line->message), "%s", message);
    for (size_t i = 0; i < n; i++)
        used += (size_t)snprintf(line->fields + used, sizeof(line->fields) - used, "%s=%.*s ",
                                 fields[i].name, (int)fields[i].text.n, fields[i].text.p);
}

static void the_log_channel_writes_one_line(void)
{
    struct fixture f;
    struct line line = {0};
    ecom_log log = {.fn = take_line, .user = &line, .level = ECOM_LOG_INFO};
    const ecom_payment_completed event = completed_of("e1");
    ecom_notifications *notifications = NULL;
    ecom_notification item;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_notifications_options opts = {
        .size = sizeof(opts), .store = f.w.store, .channel = &ecom_log_channel, .self = &log};
    CHECK_CODE(ECOM_OK, ecom_notifications_new(&opts, &notifications, &e), e);
    for (int i = 0; i < 2; i++)
        CHECK_CODE(ECOM_OK,
                   ecom_notifications_handle(notifications, &ecom_payment_completed_contract,
                                             &event, f.w.arena, &item, NULL, &e),
                   e);
    CHECK_I64(1, line.n);
    CHECK_U64(1, f.w.puts);
    CHECK_I64(ECOM_LOG_INFO, line.level);
    CHECK_STR("notification", ecom_str_of(line.message));
    CHECK_STR("corr-1", ecom_str_of(line.correlation));
    CHECK_STR("notificationId=e1 type=PAYMENT_COMPLETED orderId=order-1 userId=ann "
              "text=Your payment of 19.90 USD for order order-1 was received. ",
              ecom_str_of(line.fields));
    ecom_notifications_free(notifications);
    close_fixture(&f);
}

static void a_failed_allocation_is_told_and_changes_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        struct fixture f;
        const ecom_payment_completed event = completed_of("e1");
        ecom_notification item;
        ecom_error e = {0};

        open_fixture(&f);
        check_alloc_fail_at(n);
        int r = tell(&f, &event, &item, NULL, &e), failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK(failed ? r == ECOM_E_NOMEM : r == ECOM_OK, "allocation %d: %s: %s", (int)n,
              check_code(r), e.text);
        CHECK_CODE(ECOM_OK, tell(&f, &event, &item, NULL, &e), e);
        CHECK_I64(ECOM_NOTIFICATION_SENT, item.status);
        CHECK_I64(1, shop_count(&f.w, "notifications"));
        close_fixture(&f);
        if (!failed)
            break;
    }
}

static void what_is_missing_is_named(void)
{
    struct fixture f;
    ecom_notifications *notifications = NULL;
    const ecom_notification_channel mute = {.size = sizeof(mute), .name = "mute"},
                                    nameless = {sizeof(nameless), NULL, post_send, NULL};
    const ecom_notification_channel *bad[] = {NULL, &mute, &nameless};
    ecom_error e = {0};

    open_fixture(&f);
    ecom_notifications_options opts = {.size = sizeof(opts), .channel = &post_channel};
    CHECK_CODE(ECOM_E_INVAL, ecom_notifications_new(&opts, &notifications, &e), e);
    CHECK_STR("store", ecom_str_of(e.field));
    opts.store = f.w.store;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        opts.channel = bad[i];
        CHECK(ecom_notifications_new(&opts, &notifications, &e) < 0 &&
                  strncmp(e.field, "channel", 7) == 0,
              "channel %d: %s", (int)i, e.field);
    }
    ecom_notifications_free(NULL);
    CHECK(!ecom_notification_status_name(2) && !ecom_notification_status_name(-1), "a name");
    CHECK_STR("SENT", ecom_str_of(ecom_notification_status_name(ECOM_NOTIFICATION_SENT)));
    close_fixture(&f);
}

static const struct check_case cases[] = {
    CASE(an_event_is_told_once),
    CASE(a_failed_payment_is_told_with_its_reason),
    CASE(an_event_id_used_twice_or_unfit_is_rejected),
    CASE(what_the_channel_answers_is_passed_on_and_it_is_tried_again),
    CASE(a_store_that_fails_at_any_call_sends_again_only_from_before_it_was_noted),
    CASE(two_workers_on_one_event_agree),
    CASE(threads_on_one_event_make_one_notification),
    CASE(an_orders_notifications_are_listed_newest_first),
    CASE(the_newest_of_each_of_some_orders_is_found_at_once),
    CASE(the_log_channel_writes_one_line),
    CASE(a_failed_allocation_is_told_and_changes_nothing),
    CASE(what_is_missing_is_named),
};

CHECK_MAIN("notifications", cases)
