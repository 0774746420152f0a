#include "check.h"

#include <stdlib.h>

#include "ecom/event.h"

static ecom_arena *arena;
static ecom_error e;

static void begin(void)
{
    arena = ecom_arena_new(0);
}

static void end(void)
{
    ecom_arena_free(arena);
}

static const ecom_order_created sample = {
    .envelope = {.id = {"e-1", 3},
                 .time_ms = INT64_C(1795371943511),
                 .correlation_id = {"c-1", 3},
                 .traceparent = {"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 55}},
    .order_id = {"o-1", 3},
    .user_id = {"u-1", 3},
    .amount = 1999,
    .currency = {"EUR", 3},
};

static int encode(const ecom_order_created *event, ecom_msg *msg)
{
    return ecom_event_encode(&ecom_order_created_contract, (ecom_str){0}, event, arena, msg, &e);
}

static int decode(ecom_str body, const ecom_contract **which, void **event)
{
    const ecom_msg msg = {.body = body};

    return ecom_event_decode(ecom_shop_contracts, &msg, arena, which, event, &e);
}

static void an_event_becomes_a_message(void)
{
    ecom_msg msg;

    begin();
    CHECK_CODE(ECOM_OK, encode(&sample, &msg), e);
    CHECK_STR("order-events", msg.topic);
    CHECK_STR("o-1", msg.key);
    CHECK_STR("e-1", msg.id);
    CHECK_I64(sample.envelope.time_ms, msg.time_ms);
    CHECK_STR("{\"type\":\"ORDER_CREATED\",\"id\":\"e-1\",\"time\":\"2026-11-22T18:25:43.511Z\","
              "\"version\":1,\"correlationId\":\"c-1\",\"orderId\":\"o-1\",\"userId\":\"u-1\","
              "\"amount\":19.99,\"currency\":\"EUR\"}",
              msg.body);
    CHECK_U64(3, msg.nheaders);
    CHECK_STR("application/json", ecom_msg_header(&msg, "Content-Type"));
    CHECK_STR("c-1", ecom_msg_header(&msg, "x-correlation-id"));
    CHECK_STR("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
              ecom_msg_header(&msg, "traceparent"));
    CHECK_U64(0, ecom_msg_header(&msg, "traceparen").n);
    CHECK_CODE(ECOM_OK,
               ecom_event_encode(&ecom_order_created_contract, S("mine"), &sample, arena, &msg, &e),
               e);
    CHECK_STR("mine", msg.topic);
    end();
}

static void a_message_becomes_the_event_again(void)
{
    const ecom_contract *which;
    ecom_msg msg;
    void *event;

    begin();
    CHECK_CODE(ECOM_OK, encode(&sample, &msg), e);
    CHECK_CODE(ECOM_OK, ecom_event_decode(ecom_shop_contracts, &msg, arena, &which, &event, &e), e);
    CHECK(which == &ecom_order_created_contract, "another contract: %s", which->type);
    const ecom_order_created *got = event;
    CHECK_STR("ORDER_CREATED", got->envelope.type);
    CHECK_STR("e-1", got->envelope.id);
    CHECK_I64(1, got->envelope.version);
    CHECK_I64(sample.envelope.time_ms, got->envelope.time_ms);
    CHECK(ecom_str_eq(sample.envelope.traceparent, got->envelope.traceparent), "no traceparent");
    CHECK_STR("o-1", got->order_id);
    CHECK_I64(1999, got->amount);
    end();
}

static void an_event_that_breaks_its_contract_is_not_encoded(void)
{
    ecom_order_created event = sample;
    ecom_msg msg = {.offset = 77};

    begin();
    event.amount = 0;
    CHECK_CODE(ECOM_E_INVAL, encode(&event, &msg), e);
    CHECK_STR("amount: must be at least 0.01, is 0", ecom_str_of(e.text));
    event = sample;
    event.order_id = (ecom_str){0};
    CHECK_CODE(ECOM_E_INVAL, encode(&event, &msg), e);
    CHECK_STR("orderId: is required", ecom_str_of(e.text));
    event = sample;
    event.envelope.type = S("PAYMENT_FAILED");
    CHECK_CODE(ECOM_E_INVAL, encode(&event, &msg), e);
    CHECK_STR("type: must be ORDER_CREATED", ecom_str_of(e.text));
    event = sample;
    event.envelope.version = -1;
    CHECK_CODE(ECOM_E_INVAL, encode(&event, &msg), e);
    CHECK_I64(77, msg.offset);
    end();
}

static void a_broken_trace_costs_no_event(void)
{
    ecom_order_created event = sample;
    ecom_msg msg;

    begin();
    event.envelope.traceparent = S("00-\n-00");
    event.envelope.correlation_id = S("");
    CHECK_CODE(ECOM_OK, encode(&event, &msg), e);
    CHECK_U64(1, msg.nheaders);
    CHECK(!memmem(msg.body.p, msg.body.n, "correlationId", 13), "%s", msg.body.p);
    end();
}

struct odd {
    ecom_envelope envelope;
    int64_t number;
    ecom_str maybe;
};

static void a_contract_needs_a_key_that_is_text(void)
{
    static const ecom_field fields[] = {
        ECOM_ENVELOPE_FIELDS(struct odd),
        ECOM_FIELD(struct odd, number, "number", INT, .max = 5),
        ECOM_FIELD(struct odd, maybe, "maybe", STRING, .max = 5),
    };
    static const ecom_record record = ECOM_RECORD("Odd", struct odd, fields);
    static const char *const keys[] = {"number", "nothing", "maybe"};
    struct odd event = {.envelope = sample.envelope};
    ecom_msg msg;

    begin();
    for (size_t i = 0; i < 3; i++) {
        ecom_contract contract = {"ODD", "odd", keys[i], &record};
        CHECK_CODE(ECOM_E_INVAL,
                   ecom_event_encode(&contract, (ecom_str){0}, &event, arena, &msg, &e), e);
        CHECK_STR(keys[i], ecom_str_of(e.field));
    }
    end();
}

/* The whole of a file of test vectors. */
static ecom_str load(const char *path)
{
    FILE *f = fopen(path, "rb");
    ecom_buf buf = {0};

    while (f && !feof(f) && ecom_buf_reserve(&buf, 65536) == ECOM_OK)
        buf.n += fread(buf.p + buf.n, 1, 65536, f);
    if (f)
        fclose(f);
    ecom_str text = ecom_arena_copy(arena, ecom_buf_str(&buf));
    ecom_buf_free(&buf);
    return text;
}

static ecom_str member(const ecom_json *object, const char *name)
{
    const ecom_json *value = ecom_json_get(object, name);

    return value ? value->text : (ecom_str){0};
}

/* Does the library answer as the vector says? */
static void check_vector(const ecom_json *vector)
{
    const ecom_contract *which = NULL;
    const ecom_json *headers = ecom_json_get(vector, "headers");
    ecom_header header = {0};
    ecom_msg msg = {.body = member(vector, "body"), .headers = &header}, again;
    char name[100];
    void *event;

    snprintf(name, sizeof(name), "%.*s", (int)member(vector, "name").n, member(vector, "name").p);
    if (headers) {
        header = (ecom_header){headers->first->name, headers->first->text};
        msg.nheaders = 1;
    }
    int r = ecom_event_decode(ecom_shop_contracts, &msg, arena, &which, &event, &e);
    CHECK(ecom_str_eq(member(vector, "code"), ecom_str_of(check_code(r))), "%s: %s %s", name,
          check_code(r), r < 0 ? e.text : "");
    if (r < 0) {
        CHECK(memmem(e.text, strlen(e.text), member(vector, "text").p, member(vector, "text").n),
              "%s: \"%s\"", name, e.text);
        CHECK(ecom_str_eq(member(vector, "field"), ecom_str_of(e.field)), "%s: field %s", name,
              e.field);
        return;
    }
    CHECK_CODE(ECOM_OK, ecom_event_encode(which, (ecom_str){0}, event, arena, &again, &e), e);
    CHECK(ecom_str_eq(member(vector, "event"), again.body), "%s: %.*s", name, (int)again.body.n,
          again.body.p);
}

static void every_vector_is_answered_as_it_says(void)
{
    const ecom_json *vectors;

    begin();
    CHECK_CODE(ECOM_OK, ecom_json_parse(load(VECTORS "/events.json"), NULL, arena, &vectors, &e),
               e);
    CHECK(vectors->count > 60, "only %u vectors", vectors->count);
    for (const ecom_json *v = vectors->first; v && !check_failed; v = v->next)
        check_vector(v);
    end();
}

static void a_body_past_the_bus_limit_is_too_large(void)
{
    const ecom_contract *which;
    ecom_msg msg;
    void *event;

    begin();
    CHECK_CODE(ECOM_OK, encode(&sample, &msg), e);
    char *big = ecom_arena_alloc(arena, ECOM_BUS_MAX_BODY + 1);
    memset(big, ' ', ECOM_BUS_MAX_BODY + 1);
    memcpy(big, msg.body.p, msg.body.n);
    CHECK_CODE(ECOM_OK, decode((ecom_str){big, ECOM_BUS_MAX_BODY}, &which, &event), e);
    CHECK_CODE(ECOM_E_TOOLARGE, decode((ecom_str){big, ECOM_BUS_MAX_BODY + 1}, &which, &event), e);
    end();
}

static void every_failed_allocation_is_nomem_and_sets_nothing(void)
{
    for (uint64_t n = 1;; n++) {
        const ecom_contract *which = NULL;
        ecom_msg msg = {.offset = 77};
        void *event = NULL;
        check_alloc_fail_at(n);
        arena = ecom_arena_new(0);
        int r = arena ? encode(&sample, &msg) : ECOM_E_NOMEM;
        if (r == ECOM_OK)
            r = ecom_event_decode(ecom_shop_contracts, &msg, arena, &which, &event, &e);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        end();
        CHECK(r == (failed ? ECOM_E_NOMEM : ECOM_OK), "allocation %d: %s", (int)n, check_code(r));
        CHECK(!failed || (!which && !event), "set something");
        if (!failed)
            break;
    }
    for (size_t room = 100; room < 4000; room += 16) { /* and an arena that is full */
        const ecom_contract *which = NULL;
        ecom_msg msg = {.offset = 77};
        void *event = NULL;
        arena = ecom_arena_new(room);
        int r = encode(&sample, &msg);
        CHECK(r == ECOM_OK || (r == ECOM_E_NOMEM && msg.offset == 77), "%s", check_code(r));
        if (r == ECOM_OK)
            r = ecom_event_decode(ecom_shop_contracts, &msg, arena, &which, &event, &e);
        CHECK(r == ECOM_OK || (r == ECOM_E_NOMEM && !which && !event), "%s", check_code(r));
        end();
    }
}

static const struct check_case cases[] = {
    CASE(an_event_becomes_a_message),
    CASE(a_message_becomes_the_event_again),
    CASE(an_event_that_breaks_its_contract_is_not_encoded),
    CASE(a_broken_trace_costs_no_event),
    CASE(a_contract_needs_a_key_that_is_text),
    CASE(every_vector_is_answered_as_it_says),
    CASE(a_body_past_the_bus_limit_is_too_large),
    CASE(every_failed_allocation_is_nomem_and_sets_nothing),
};

CHECK_MAIN("event", cases)
