#include "check.h"

#include <bson/bson.h>

#include "mongodb/bson_write.h"

#define NAME ECOM__BSON_NAME

static const bson_decimal128_t decimal = {.high = UINT64_C(0x303C000000000000), .low = 1999};

static void write_each_kind(ecom__bson *to)
{
    char number[16];
    size_t all = ecom__bson_begin(to), inner, key;

    ecom__bson_text(to, NAME("text"), NAME("caf\xC3\xA9"));
    ecom__bson_text(to, NAME("none"), (ecom_str){NULL, 0});
    ecom__bson_bytes(to, NAME("bytes"), NAME("plain text of more than eight"));
    ecom__bson_bytes(to, NAME("high"), NAME("caf\xC3\xA9"));
    ecom__bson_bytes(to, NAME("broken"), NAME("caf\xC3"));
    ecom__bson_bytes(to, NAME("zero"), NAME("a\0b"));
    ecom__bson_int32(to, NAME("int"), -7);
    ecom__bson_int64(to, NAME("long"), INT64_MIN);
    ecom__bson_time(to, NAME("time"), 1500);
    ecom__bson_bool(to, NAME("yes"), 4);
    ecom__bson_null(to, NAME("nothing"));
    ecom__bson_decimal(to, NAME("money"), &decimal);
    inner = ecom__bson_begin_in(to, BSON_TYPE_ARRAY, NAME("items"));
    for (uint32_t i = 0; i < 3; i++)
        ecom__bson_int32(to, ecom__bson_item(i, number), (int32_t)i);
    ecom__bson_end(to, inner);
    inner = ecom__bson_begin_in(to, BSON_TYPE_DOCUMENT, NAME("in"));
    ecom__bson_end(to, inner);
    key = ecom__bson_begin_text(to, NAME("key"));
    if (to->r == ECOM_OK)
        to->r = ecom_buf_append(&to->bytes, NAME("status=PAID"));
    ecom__bson_end_text(to, key);
    ecom__bson_end(to, all);
}

static bson_t *as_the_driver_writes_it(void)
{
    bson_t *doc =
        BCON_NEW("text", BCON_UTF8("caf\xC3\xA9"), "none", BCON_UTF8(""), "bytes",
                 BCON_UTF8("plain text of more than eight"), "high", BCON_UTF8("caf\xC3\xA9"));

    BSON_APPEND_BINARY(doc, "broken", BSON_SUBTYPE_BINARY, (const uint8_t *)"caf\xC3", 4);
    BSON_APPEND_BINARY(doc, "zero", BSON_SUBTYPE_BINARY, (const uint8_t *)"a\0b", 3);
    BSON_APPEND_INT32(doc, "int", -7);
    BSON_APPEND_INT64(doc, "long", INT64_MIN);
    BSON_APPEND_DATE_TIME(doc, "time", 1500);
    BSON_APPEND_BOOL(doc, "yes", true);
    BSON_APPEND_NULL(doc, "nothing");
    BSON_APPEND_DECIMAL128(doc, "money", &decimal);
    BCON_APPEND(doc, "items", "[", BCON_INT32(0), BCON_INT32(1), BCON_INT32(2), "]", "in", "{", "}",
                "key", BCON_UTF8("status=PAID"));
    return doc;
}

static void each_kind_is_written_as_the_driver_writes_it(void)
{
    bson_t *want = as_the_driver_writes_it(), got;
    ecom__bson made = {0};

    write_each_kind(&made);
    int is_one = ecom__bson_view(&made, 0, &got);
    CHECK(is_one && bson_equal(want, &got), "%u bytes, want %u", (unsigned)made.bytes.n,
          (unsigned)want->len);
    ecom_buf_free(&made.bytes);
    bson_destroy(want);
}

static void fields_of_one_document_go_into_another(void)
{
    ecom__bson from = {0}, to = {0};
    bson_t *want = BCON_NEW("first", BCON_INT32(1), "then", BCON_INT32(2)), got;

    ecom__bson_begin(&from);
    ecom__bson_int32(&from, NAME("then"), 2);
    ecom__bson_end(&from, 0);
    ecom__bson_begin(&to);
    ecom__bson_int32(&to, NAME("first"), 1);
    ecom__bson_fields(&to, &from);
    ecom__bson_end(&to, 0);
    CHECK(ecom__bson_view(&to, 0, &got) && bson_equal(want, &got), "%zu bytes", to.bytes.n);
    ecom_buf_free(&from.bytes);
    ecom_buf_free(&to.bytes);
    bson_destroy(want);
}

static void memory_that_runs_out_is_told(void)
{
    int r = ECOM_E_NOMEM, failed = 0;

    for (int n = 1; r != ECOM_OK; n++) {
        ecom__bson made = {0};
        bson_t doc;
        check_alloc_fail_at(n);
        write_each_kind(&made);
        check_alloc_fail_at(0);
        r = made.r;
        CHECK(r == ECOM_OK || (r == ECOM_E_NOMEM && !ecom__bson_view(&made, 0, &doc)),
              "allocation %d: %s", n, check_code(r));
        ecom_buf_free(&made.bytes);
        failed += r != ECOM_OK;
    }
    CHECK(failed >= 2, "%d allocations", failed);
}

static const struct check_case cases[] = {
    CASE(each_kind_is_written_as_the_driver_writes_it),
    CASE(fields_of_one_document_go_into_another),
    CASE(memory_that_runs_out_is_told),
};

CHECK_MAIN("bson_write", cases)
