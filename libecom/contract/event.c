#include "ecom/event.h"

#include <string.h>

#include "base/ascii.h"
#include "base/record.h"

static const char correlation_header[] = "x-correlation-id", traceparent_header[] = "traceparent";

enum { HEADER_MAX = 128, HEADERS = 3 };

/* The envelope's type, which decides how the rest is read. */
struct typed {
    ecom_str type;
};
static const ecom_field typed_fields[] = {
    ECOM_FIELD(struct typed, type, "type", STRING, .flags = ECOM_REQUIRED, .min = 1, .max = 64),
};
static const ecom_record typed_record = ECOM_RECORD("Event", struct typed, typed_fields);

ecom_str ecom_msg_header(const ecom_msg *msg, const char *name)
{
    for (size_t i = 0; i < msg->nheaders; i++)
        if (ecom__is_word(msg->headers[i].name, name))
            return msg->headers[i].value;
    return (ecom_str){0};
}

/* Headers that trace a request are worth no failure: what cannot be one is left out. */
static int is_trace_text(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] < 0x20 || s.p[i] > 0x7E)
            return 0;
    return s.n > 0 && s.n <= HEADER_MAX;
}

static const ecom_field *field_called(const ecom_record *record, const char *name)
{
    for (size_t i = 0; i < record->nfields; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return &record->fields[i];
    return NULL;
}

/* The key is the text of a field: STRING, ID and the like. */
static int key_of(const ecom_contract *contract, const void *event, ecom_str *key, ecom_error *err)
{
    const ecom_field *field = field_called(contract->record, contract->key);

    if (!field || field->type > ECOM_TYPE_CURRENCY)
        return ecom_fail_field(err, ECOM_E_INVAL, contract->key,
                               "the key of %s is no text field of its record", contract->type);
    *key = *(const ecom_str *)ecom__field_at(field, event);
    if (key->n == 0)
        return ecom_fail_field(err, ECOM_E_INVAL, contract->key, "is required as the key");
    return ECOM_OK;
}

/* A copy of the event with what the contract knows filled in. */
static int complete(const ecom_contract *contract, const void *event, ecom_arena *arena,
                    ecom_envelope **out, ecom_error *err)
{
    ecom_envelope *envelope = ecom_arena_alloc(arena, contract->record->size);
    ecom_str type = ecom_str_of(contract->type);

    if (!envelope)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    memcpy(envelope, event, contract->record->size);
    if (envelope->type.n && !ecom_str_eq(envelope->type, type))
        return ecom_fail_field(err, ECOM_E_INVAL, "type", "must be %s", contract->type);
    envelope->type = type;
    if (envelope->version == 0 || envelope->version == ECOM_ABSENT)
        envelope->version = 1;
    if (envelope->correlation_id.n == 0)
        envelope->correlation_id = (ecom_str){0};
    *out = envelope;
    return ecom_record_check(contract->record, envelope, err);
}

static int write_body(const ecom_record *record, const void *event, ecom_arena *arena,
                      ecom_str *out, ecom_error *err)
{
    ecom_buf buf = {0};
    int r = ecom_record_write(record, event, ECOM_VIEW_PUBLIC, &buf);

    if (r == ECOM_OK) {
        *out = ecom_arena_copy(arena, ecom_buf_str(&buf));
        r = out->p ? ECOM_OK : ECOM_E_NOMEM;
    }
    ecom_buf_free(&buf);
    return r < 0 ? ecom_fail(err, r, "out of memory") : ECOM_OK;
}

static void add_header(ecom_msg *msg, ecom_header *headers, const char *name, ecom_str value)
{
    if (is_trace_text(value))
        headers[msg->nheaders++] = (ecom_header){ecom_str_of(name), value};
}

int ecom_event_encode(const ecom_contract *contract, ecom_str topic, const void *event,
                      ecom_arena *arena, ecom_msg *out, ecom_error *err)
{
    ecom_header *headers = ecom_arena_alloc(arena, HEADERS * sizeof(*headers));
    ecom_envelope *envelope = NULL;
    ecom_msg msg = {.headers = headers, .topic = topic.n ? topic : ecom_str_of(contract->topic)};
    int r = headers ? ECOM_OK : ecom_fail(err, ECOM_E_NOMEM, "out of memory");

    if (r == ECOM_OK)
        r = complete(contract, event, arena, &envelope, err);
    if (r == ECOM_OK)
        r = key_of(contract, envelope, &msg.key, err);
    if (r == ECOM_OK)
        r = write_body(contract->record, envelope, arena, &msg.body, err);
    if (r < 0)
        return r;
    msg.id = envelope->id;
    msg.time_ms = envelope->time_ms;
    add_header(&msg, headers, "content-type", ecom_str_of("application/json"));
    add_header(&msg, headers, correlation_header, envelope->correlation_id);
    add_header(&msg, headers, traceparent_header, envelope->traceparent);
    *out = msg;
    return ECOM_OK;
}

static int find_contract(const ecom_contract *const *contracts, const ecom_json *body,
                         ecom_arena *arena, const ecom_contract **out, ecom_error *err)
{
    struct typed typed;
    int r = ecom__record_borrow(&typed_record, body, arena, &typed, err);

    for (; r == ECOM_OK && *contracts; contracts++)
        if (ecom_str_eq(ecom_str_of((*contracts)->type), typed.type)) {
            *out = *contracts;
            return ECOM_OK;
        }
    return r < 0
               ? r
               : ecom_fail_field(err, ECOM_E_UNKNOWN_TYPE, "type", "no contract is called \"%.*s\"",
                                 (int)typed.type.n, typed.type.p);
}

/* Takes a header that tells of the request. The copy is empty when there is no such header. */
static int take_trace(const ecom_msg *msg, const char *name, ecom_arena *arena, ecom_str *out)
{
    ecom_str value = ecom_msg_header(msg, name);

    if (!is_trace_text(value))
        return ECOM_OK;
    *out = ecom_arena_copy(arena, value);
    return out->p ? ECOM_OK : ECOM_E_NOMEM;
}

int ecom_event_decode(const ecom_contract *const *contracts, const ecom_msg *msg, ecom_arena *arena,
                      const ecom_contract **which, void **event, ecom_error *err)
{
    const ecom_contract *contract = NULL;
    const ecom_json *body;
    ecom_envelope *envelope = NULL;
    int r = ecom_json_parse(msg->body, NULL, arena, &body, err);

    if (r == ECOM_OK)
        r = find_contract(contracts, body, arena, &contract, err);
    if (r < 0)
        return r;
    envelope = ecom_arena_alloc(arena, contract->record->size);
    if (!envelope)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    r = ecom__record_borrow(contract->record, body, arena, envelope, err);
    if (r < 0)
        return r;
    if ((envelope->correlation_id.n == 0 &&
         take_trace(msg, correlation_header, arena, &envelope->correlation_id) < 0) ||
        take_trace(msg, traceparent_header, arena, &envelope->traceparent) < 0)
        return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
    *which = contract;
    *event = envelope;
    return ECOM_OK;
}
