#include "check.h"

#include <stdlib.h>

#include "ecom/event.h"

#include "everything.h"

static ecom_arena *arena;
static ecom_error e;

/* The schema of everything, read again. */
static const ecom_json *schema_of(const ecom_record *record, int request)
{
    const ecom_json *schema = NULL;
    ecom_buf text = {0};

    if (ecom_record_schema(record, request, &text) < 0 ||
        ecom_json_parse(ecom_buf_str(&text), NULL, arena, &schema, &e) < 0)
        schema = NULL;
    ecom_buf_free(&text);
    return schema;
}

static const ecom_json *property(const ecom_json *schema, const char *name)
{
    return ecom_json_get(ecom_json_get(schema, "properties"), name);
}

static ecom_str rule(const ecom_json *schema, const char *name, const char *keyword)
{
    const ecom_json *value = ecom_json_get(property(schema, name), keyword);

    return value ? value->text : (ecom_str){0};
}

static int requires(const ecom_json *schema, const char *name)
{
    const ecom_json *required = ecom_json_get(schema, "required");

    for (const ecom_json *r = required ? required->first : NULL; r; r = r->next)
        if (ecom_str_eq(r->text, ecom_str_of(name)))
            return 1;
    return 0;
}

static void a_request_shows_what_may_be_sent(void)
{
    arena = ecom_arena_new(0);
    const ecom_json *schema = schema_of(&everything, 1);
    CHECK(schema, "%s", e.text);
    CHECK(!property(schema, "id") && !requires(schema, "id"), "a field that the server sets");
    CHECK(!property(schema, "note"), "a private field");
    CHECK(property(schema, "secret") && requires(schema, "name") && requires(schema, "parts"),
          "lacks fields");
    CHECK(!requires(schema, "price"), "requires what is optional");
    CHECK_STR("10", rule(schema, "name", "maxLength"));
    CHECK_STR("What \"it\" is called.", rule(schema, "name", "description"));
    CHECK_STR("0.01", rule(schema, "price", "minimum"));
    CHECK_STR("1000", rule(schema, "price", "maximum"));
    CHECK_STR("19.9", rule(schema, "total", "default"));
    CHECK_STR("3", rule(schema, "level", "default"));
    CHECK_STR("GREEN", rule(schema, "color", "default"));
    CHECK_STR("2026-01-01T00:00:00.000Z", rule(schema, "seen", "default"));
    CHECK_U64(1, ecom_json_get(property(schema, "open"), "default")->truth);
    CHECK_U64(2, ecom_json_get(property(schema, "price"), "type")->count);
    CHECK_STR("string", rule(schema, "name", "type"));
    ecom_arena_free(arena);
}

static void an_answer_shows_what_callers_get(void)
{
    arena = ecom_arena_new(0);
    const ecom_json *schema = schema_of(&everything, 0);
    CHECK(schema, "%s", e.text);
    CHECK(property(schema, "id") && requires(schema, "id"), "lacks the id");
    CHECK(!property(schema, "secret") && !property(schema, "level") && !property(schema, "note"),
          "shows what is not written");
    CHECK(!property(property(schema, "main"), "price"), "shows a private field of a part");
    CHECK(property(property(schema, "main"), "quantity"), "lacks a field of a part");
    CHECK_STR("number", rule(schema, "price", "type"));
    CHECK_STR("All there is.", ecom_json_get(schema, "description")->text);
    CHECK_STR("Everything", ecom_json_get(schema, "title")->text);
    ecom_arena_free(arena);
}

static void a_contract_fixes_its_type(void)
{
    const ecom_json *schema;
    ecom_buf text = {0};

    arena = ecom_arena_new(0);
    CHECK_I64(ECOM_OK, ecom_contract_schema(&ecom_payment_failed_contract, &text));
    CHECK_CODE(ECOM_OK, ecom_json_parse(ecom_buf_str(&text), NULL, arena, &schema, &e), e);
    CHECK_STR("PAYMENT_FAILED", rule(schema, "type", "const"));
    CHECK(requires(schema, "type") && requires(schema, "reason"), "lacks required fields");
    CHECK(!requires(schema, "version") && !requires(schema, "correlationId"), "requires too much");
    CHECK_STR("https://json-schema.org/draft/2020-12/schema",
              ecom_json_get(schema, "$schema")->text);
    ecom_buf_free(&text);
    ecom_arena_free(arena);
}

struct tree {
    ecom_list children;
};
static const ecom_record tree_record;
static const ecom_field tree_fields[] = {
    ECOM_FIELD(struct tree, children, "children", LIST, .of = &tree_record),
};
static const ecom_record tree_record = ECOM_RECORD("Tree", struct tree, tree_fields);

static void a_record_inside_itself_is_read_but_has_no_schema(void)
{
    struct tree tree;
    ecom_buf text = {0};

    arena = ecom_arena_new(0);
    CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("before")));
    CHECK_I64(ECOM_E_NOTSUP, ecom_record_schema(&tree_record, 0, &text));
    CHECK_STR("before", ecom_buf_str(&text));
    text.n = 0;
    for (int i = 0; i < 15; i++)
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("{\"children\":[")));
    for (int i = 0; i < 15; i++)
        CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("]}")));
    CHECK_CODE(ECOM_OK, ecom_record_read(&tree_record, ecom_buf_str(&text), NULL, arena, &tree, &e),
               e);
    CHECK_CODE(ECOM_OK, ecom_record_check(&tree_record, &tree, &e), e);
    CHECK_I64(ECOM_OK, ecom_record_write(&tree_record, &tree, ECOM_VIEW_PUBLIC, &text));
    CHECK(memcmp(text.p, text.p + text.n / 2, text.n / 2) == 0, "%s", text.p);
    ecom_buf_free(&text);
    ecom_arena_free(arena);
}

static int everything_schema(ecom_buf *out)
{
    return ecom_record_schema(&everything, 1, out);
}

static int contract_schema(ecom_buf *out)
{
    return ecom_contract_schema(&ecom_order_created_contract, out);
}

static int asyncapi(ecom_buf *out)
{
    return ecom_contract_asyncapi(ecom_shop_contracts, out);
}

static void every_failed_allocation_is_nomem_and_leaves_the_buffer(void)
{
    static int (*const writers[])(ecom_buf *) = {everything_schema, contract_schema, asyncapi};

    for (size_t w = 0; w < sizeof(writers) / sizeof(writers[0]); w++)
        for (uint64_t n = 1;; n++) {
            ecom_buf text = {0};
            CHECK_I64(ECOM_OK, ecom_buf_append(&text, S("before")));
            check_alloc_fail_at(n);
            int r = writers[w](&text), failed = check_alloc_failed();
            check_alloc_fail_at(0);
            CHECK(r == (failed ? ECOM_E_NOMEM : ECOM_OK), "allocation %d: %s", (int)n,
                  check_code(r));
            if (failed)
                CHECK_STR("before", ecom_buf_str(&text));
            ecom_buf_free(&text);
            if (!failed)
                break;
        }
}

static const struct check_case cases[] = {
    CASE(a_request_shows_what_may_be_sent),
    CASE(an_answer_shows_what_callers_get),
    CASE(a_contract_fixes_its_type),
    CASE(a_record_inside_itself_is_read_but_has_no_schema),
    CASE(every_failed_allocation_is_nomem_and_leaves_the_buffer),
};

CHECK_MAIN("schema", cases)
