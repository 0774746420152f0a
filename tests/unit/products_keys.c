/* Products made with an Idempotency-Key: by whom they are asked for twice, there is one. */
#include <pthread.h>

#include "products_world.h"

static void the_same_key_and_request_give_the_first_answer_again(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("u", "key 1"), other = caller_of("v", "key 1");
    ecom_product first, again;
    ecom_error e = {0};
    int replayed = -1;

    open_fixture(&f);
    ecom_product_request request = request_of(S("Lamp"));
    request.sku = S("L-1"); /* which would clash */
    CHECK_CODE(
        ECOM_OK,
        ecom_products_create(f.products, &request, &caller, f.w.arena, &first, &replayed, &e), e);
    CHECK_I64(0, replayed);
    check_world_move_ms(&f.w.clock, ECOM_KEY_TTL_MS - 1);
    request.currency = (ecom_str){NULL, 0}; /* the default is the same */
    CHECK_CODE(
        ECOM_OK,
        ecom_products_create(f.elsewhere, &request, &caller, f.w.arena, &again, &replayed, &e), e);
    CHECK_I64(1, replayed);
    CHECK(ecom_str_eq(first.id, again.id) && first.created_at == again.created_at, "another");

    request.price++;
    CHECK_CODE(ECOM_E_UNPROCESSABLE,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &again, NULL, &e), e);
    CHECK_STR("Idempotency-Key", ecom_str_of(e.field));
    request.sku = S("L-2");
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &other, f.w.arena, &again, &replayed, &e),
               e);
    CHECK_I64(0, replayed);
    CHECK_I64(2, shop_count(&f.w, "products"));
    close_fixture(&f);
}

static void a_key_is_free_again_after_24_hours(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("", "key");
    ecom_product first, second, found;
    ecom_error e = {0};
    int replayed = -1;

    open_fixture(&f);
    ecom_product_request request = request_of(S("Lamp"));
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &first, NULL, &e), e);
    check_world_move_ms(&f.w.clock, ECOM_KEY_TTL_MS);
    request.price++;
    CHECK_CODE(
        ECOM_OK,
        ecom_products_create(f.products, &request, &caller, f.w.arena, &second, &replayed, &e), e);
    CHECK_I64(0, replayed);
    CHECK(!ecom_str_eq(first.id, second.id), "the old one");
    CHECK_CODE(
        ECOM_OK,
        ecom_products_create(f.products, &request, &caller, f.w.arena, &found, &replayed, &e), e);
    CHECK_I64(1, replayed);
    CHECK(ecom_str_eq(found.id, second.id), "another");
    CHECK_CODE(ECOM_OK, ecom_products_get(f.products, first.id, f.w.arena, &found, &e), e);
    CHECK(!found.idempotency_key.p && !found.idempotency_body.p, "still has it");
    CHECK_STR("Lamp", found.name);
    close_fixture(&f);
}

static void a_key_has_1_to_255_printable_characters(void)
{
    struct fixture f;
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_product_request request = request_of(S("Lamp"));
    const ecom_str bad[] = {S(""), shop_repeat(&f.w, 'k', 256), S("a\tb"), S("k\x7F"),
                            S("\xC3\xA4")};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        const ecom_caller caller = {.size = sizeof(caller), .idempotency_key = bad[i]};
        CHECK_CODE(
            ECOM_E_INVAL,
            ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e), e);
        CHECK_STR("Idempotency-Key", ecom_str_of(e.field));
    }
    const ecom_caller most = {.size = sizeof(most), .idempotency_key = shop_repeat(&f.w, '~', 255)};
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &most, f.w.arena, &product, NULL, &e), e);
    close_fixture(&f);
}

/* Who comes first, while another create is about to write. */
struct rival {
    struct fixture *f;
    ecom_products *by;
    ecom_caller caller;
    ecom_str name, sku;
    int r;
    ecom_error e;
    ecom_product product;
};

static void come_first(void *user)
{
    struct rival *rival = user;
    ecom_product_request request = request_of(rival->name);

    request.sku = rival->sku;
    rival->r = ecom_products_create(rival->by, &request, &rival->caller, rival->f->w.arena,
                                    &rival->product, NULL, &rival->e);
}

static void a_key_whose_first_request_is_being_answered_is_in_conflict(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("u", "key");
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_product_request request = request_of(S("Lamp"));
    struct rival rival = {.f = &f, .by = f.products, .caller = caller, .name = S("Lamp")};
    f.w.before_put = come_first;
    f.w.user = &rival;
    CHECK_CODE(ECOM_OK,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
               e);
    CHECK_CODE(ECOM_E_CONFLICT, rival.r, rival.e);
    CHECK_STR("Idempotency-Key", ecom_str_of(rival.e.field));
    come_first(&rival); /* and no more once it is answered */
    CHECK_CODE(ECOM_OK, rival.r, rival.e);
    CHECK(ecom_str_eq(product.id, rival.product.id), "another");
    CHECK_I64(1, shop_count(&f.w, "products"));
    close_fixture(&f);
}

static void of_two_processes_with_one_key_the_second_gives_the_firsts_answer(void)
{
    static const char *const skus[] = {NULL, "L-1"};

    for (size_t i = 0; i < 2; i++) {
        struct fixture f;
        const ecom_caller caller = caller_of("u", "key");
        ecom_product product;
        ecom_error e = {0};
        int replayed = -1;

        open_fixture(&f);
        ecom_product_request request = request_of(S("Lamp"));
        request.sku = ecom_str_of(skus[i]);
        struct rival rival = {
            .f = &f, .by = f.elsewhere, .caller = caller, .name = S("Lamp"), .sku = request.sku};
        f.w.before_put = come_first;
        f.w.user = &rival;
        CHECK_CODE(
            ECOM_OK,
            ecom_products_create(f.products, &request, &caller, f.w.arena, &product, &replayed, &e),
            e);
        CHECK_CODE(ECOM_OK, rival.r, rival.e);
        CHECK_I64(1, replayed);
        CHECK(ecom_str_eq(product.id, rival.product.id), "another");
        CHECK_I64(1, shop_count(&f.w, "products"));
        close_fixture(&f);
    }
}

static void of_two_processes_with_one_key_and_two_requests_the_second_is_refused(void)
{
    struct fixture f;
    const ecom_caller caller = caller_of("u", "key");
    ecom_product product;
    ecom_error e = {0};

    open_fixture(&f);
    const ecom_product_request request = request_of(S("Lamp"));
    struct rival rival = {.f = &f, .by = f.elsewhere, .caller = caller, .name = S("Rug")};
    f.w.before_put = come_first;
    f.w.user = &rival;
    CHECK_CODE(ECOM_E_UNPROCESSABLE,
               ecom_products_create(f.products, &request, &caller, f.w.arena, &product, NULL, &e),
               e);
    CHECK_I64(1, shop_count(&f.w, "products"));
    close_fixture(&f);
}

struct racer {
    struct fixture *f;
    int r;
    ecom_product product;
    ecom_arena *arena;
};

static void *race(void *user)
{
    struct racer *racer = user;
    const ecom_caller caller = caller_of("u", "key");
    const ecom_product_request request = request_of(S("Lamp"));

    racer->r = ecom_products_create(racer->f->products, &request, &caller, racer->arena,
                                    &racer->product, NULL, NULL);
    return NULL;
}

static void threads_with_one_key_make_one_product(void)
{
    struct fixture f;
    pthread_t threads[4];
    struct racer racers[4];
    ecom_str id = {NULL, 0};

    open_fixture(&f);
    for (int i = 0; i < 4; i++) {
        racers[i] = (struct racer){.f = &f, .arena = ecom_arena_new(0)};
        CHECK(racers[i].arena, "no arena");
        CHECK(pthread_create(&threads[i], NULL, race, &racers[i]) == 0, "no thread");
    }
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 4; i++) {
        CHECK(racers[i].r == ECOM_OK || racers[i].r == ECOM_E_CONFLICT, "%s",
              check_code(racers[i].r));
        if (racers[i].r < 0)
            continue;
        CHECK(!id.p || ecom_str_eq(id, racers[i].product.id), "two of them");
        id = racers[i].product.id;
    }
    CHECK(id.p, "none of them");
    CHECK_I64(1, shop_count(&f.w, "products"));
    for (int i = 0; i < 4; i++)
        ecom_arena_free(racers[i].arena);
    close_fixture(&f);
}

static const struct check_case cases[] = {
    CASE(the_same_key_and_request_give_the_first_answer_again),
    CASE(a_key_is_free_again_after_24_hours),
    CASE(a_key_has_1_to_255_printable_characters),
    CASE(a_key_whose_first_request_is_being_answered_is_in_conflict),
    CASE(of_two_processes_with_one_key_the_second_gives_the_firsts_answer),
    CASE(of_two_processes_with_one_key_and_two_requests_the_second_is_refused),
    CASE(threads_with_one_key_make_one_product),
};

CHECK_MAIN("products-keys", cases)
