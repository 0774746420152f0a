#include <inttypes.h>
#include <string.h>

#include "base/options.h"
#include "ecom/lambda.h"
#include "lambda/report.h"
#include "lambda/source.h"

/* One invocation under way. */
struct batch {
    ecom_lambda_events events;
    const ecom_lambda_context *context;
    const ecom_contract **contracts; /* of routes, then of what is ignored; ends with NULL */
    struct source source;
    ecom_error **failures; /* one an item; NULL: it is done */
    ecom_arena *arena;     /* of one item */
    ecom_buf result;       /* of one item */
};

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "out of memory");
}

int64_t ecom_lambda_left_ms(const ecom_lambda_context *context)
{
    if (context->deadline_ms == INT64_MAX)
        return INT64_MAX;
    return context->deadline_ms - context->margin_ms - ecom_env_now_ms(context->env);
}

static int is_returned(const struct batch *b)
{
    return b->source.kind == SOURCE_EVENT || b->source.kind == SOURCE_EVENTS;
}

static int list_contracts(struct batch *b, ecom_error *err)
{
    size_t n = b->events.nroutes, ignored = 0;

    while (b->events.ignore && b->events.ignore[ignored])
        ignored++;
    b->contracts = ecom_arena_alloc(b->context->arena, (n + ignored + 1) * sizeof(*b->contracts));
    if (!b->contracts)
        return nomem(err);
    for (size_t i = 0; i < n; i++)
        b->contracts[i] = b->events.routes[i].contract;
    if (ignored)
        memcpy(b->contracts + n, b->events.ignore, ignored * sizeof(*b->contracts));
    return ECOM_OK;
}

static const ecom_lambda_route *route_of(const struct batch *b, const ecom_contract *contract)
{
    for (size_t i = 0; i < b->events.nroutes; i++)
        if (b->events.routes[i].contract == contract)
            return &b->events.routes[i];
    return NULL;
}

/* A failed event of Kafka that will come again must not be overtaken by one of its key. */
static int is_behind_failed(const struct batch *b, size_t at)
{
    const ecom_msg *msg = &b->source.items[at].msg;

    if (b->source.kind != SOURCE_KAFKA || !msg->key.n)
        return 0;
    for (size_t i = 0; i < at; i++) {
        const ecom_msg *other = &b->source.items[i].msg;
        if (b->failures[i] && ecom_code_of(b->failures[i]->code)->retry &&
            other->partition == msg->partition && ecom_str_eq(other->key, msg->key) &&
            ecom_str_eq(other->topic, msg->topic))
            return 1;
    }
    return 0;
}

static int deliver(struct batch *b, const struct source_item *item, ecom_error *err)
{
    const ecom_contract *contract;
    void *event;

    ecom_arena_reset(b->arena);
    int r = ecom_event_decode(b->contracts, &item->msg, b->arena, &contract, &event, err);
    if (r < 0)
        return r;
    const ecom_lambda_route *route = route_of(b, contract);
    if (!route)
        return ECOM_OK;
    const ecom_log log =
        ecom_log_with(b->context->log, ((const ecom_envelope *)event)->correlation_id);
    const ecom_delivery delivery = {
        .contract = contract,
        .event = event,
        .msg = &item->msg,
        .attempt = item->attempt,
        .arena = b->arena,
        .log = &log,
    };
    return route->handle(b->events.user, &delivery, &b->result, err);
}

static int handle_item(struct batch *b, size_t at, ecom_error *err)
{
    const struct source_item *item = &b->source.items[at];

    if (item->why) {
        *err = *item->why;
        return item->why->code;
    }
    if (ecom_lambda_left_ms(b->context) <= 0)
        return ecom_fail(err, ECOM_E_TIMEOUT, "no time is left for it before the deadline");
    if (is_behind_failed(b, at))
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "an event before it of the same key failed");
    return deliver(b, item, err);
}

static void log_failure(const struct batch *b, const struct source_item *item,
                        const ecom_error *why)
{
    const ecom_log log =
        ecom_log_with(b->context->log, ecom_msg_header(&item->msg, "x-correlation-id"));
    const ecom_log_field fields[] = {
        {"requestId", b->context->request_id, 0},
        {"code", ecom_str_of(ecom_code_of(why->code)->name), 0},
        {"error", ecom_str_of(why->text), 0},
        {"attempt", {NULL, 0}, item->attempt},
        {b->source.kind == SOURCE_KAFKA ? "offset" : "messageId", item->id, item->msg.offset},
        {"partition", {NULL, 0}, item->msg.partition},
        {"topic", item->msg.topic, 0},
    };
    size_t n = sizeof(fields) / sizeof(fields[0]);

    if (b->source.kind != SOURCE_KAFKA)
        n -= item->id.n ? 2 : 3;
    ecom_log_write(&log, ECOM_LOG_WARN, "event failed", fields, n);
}

static int note_failure(struct batch *b, size_t at, int code, const ecom_error *why,
                        ecom_error *err)
{
    ecom_error *kept = ecom_arena_alloc(b->context->arena, sizeof(*kept));

    if (!kept)
        return nomem(err);
    *kept = *why;
    kept->code = code;
    if (!kept->text[0])
        ecom_fail(kept, code, "%s", ecom_code_of(code)->title);
    b->failures[at] = kept;
    log_failure(b, &b->source.items[at], kept);
    return ECOM_OK;
}

/* "[r1,r2": what came of one, as an element. */
static int append_element(struct batch *b, size_t at, ecom_buf *out)
{
    int r = ecom_buf_append(out, ecom_str_of(at ? "," : "["));

    if (r < 0)
        return r;
    if (b->failures[at])
        return ecom__lambda_report(out, ecom_code_of(b->failures[at]->code)->name,
                                   b->failures[at]->text, 0);
    return ecom_buf_append(out, b->result.n ? ecom_buf_str(&b->result) : ecom_str_of("null"));
}

static int handle_all(struct batch *b, ecom_buf *out, ecom_error *err)
{
    for (size_t i = 0; i < b->source.n; i++) {
        ecom_error why = {0};
        b->result.n = 0;
        int r = handle_item(b, i, &why);
        if (r < 0 && (r = note_failure(b, i, r, &why, err)) < 0)
            return r;
        if (b->source.kind == SOURCE_EVENTS && append_element(b, i, out) < 0)
            return nomem(err);
    }
    return ECOM_OK;
}

/* What was done counts as failed when it could not be let out. */
static int settle(struct batch *b, ecom_error *err)
{
    ecom_error why = {0};
    int r = ECOM_OK;

    if (b->events.settle)
        r = b->events.settle(b->events.user, is_returned(b), b->context, &why);
    if (r < 0 && is_returned(b)) {
        if (err)
            *err = why;
        return r;
    }
    for (size_t i = 0; r < 0 && i < b->source.n; i++)
        if (!b->failures[i] && note_failure(b, i, r, &why, err) < 0)
            return ECOM_E_NOMEM;
    return ECOM_OK;
}

static int append_identifier(const struct batch *b, const struct source_item *item, ecom_buf *out)
{
    int r;

    if (b->source.kind == SOURCE_SQS)
        return ecom_json_write_str(out, item->id);
    ecom_buf name = {0};
    r = ecom_buf_append(&name, item->msg.topic);
    if (r == ECOM_OK)
        r = ecom_buf_printf(&name, "-%d", (int)item->msg.partition);
    if (r == ECOM_OK)
        r = ecom_buf_append(out, ecom_str_of("{\"partition\":"));
    if (r == ECOM_OK)
        r = ecom_json_write_str(out, ecom_buf_str(&name));
    if (r == ECOM_OK)
        r = ecom_buf_printf(out, ",\"offset\":%" PRId64 "}", item->msg.offset);
    ecom_buf_free(&name);
    return r;
}

static int answer_batch(const struct batch *b, ecom_buf *out)
{
    const char *before = "";
    int r = ecom_buf_append(out, ecom_str_of("{\"batchItemFailures\":["));

    for (size_t i = 0; r == ECOM_OK && i < b->source.n; i++) {
        if (!b->failures[i])
            continue;
        r = ecom_buf_printf(out, "%s{\"itemIdentifier\":", before);
        if (r == ECOM_OK)
            r = append_identifier(b, &b->source.items[i], out);
        if (r == ECOM_OK)
            r = ecom_buf_append(out, ecom_str_of("}"));
        before = ",";
    }
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("]}"));
}

static int first_failure(const struct batch *b, ecom_error *err)
{
    for (size_t i = 0; i < b->source.n; i++)
        if (b->failures[i]) {
            if (err)
                *err = *b->failures[i];
            return b->failures[i]->code;
        }
    return ECOM_OK;
}

static int answer(const struct batch *b, ecom_buf *out, ecom_error *err)
{
    int r;

    switch (b->source.kind) {
    case SOURCE_EVENT:
        if ((r = first_failure(b, err)) < 0)
            return r;
        r = ecom_buf_append(out, ecom_buf_str(&b->result));
        break;
    case SOURCE_EVENTS:
        r = ecom_buf_append(out, ecom_str_of(b->source.n ? "]" : "[]"));
        break;
    case SOURCE_SNS:
        return first_failure(b, err);
    default:
        r = answer_batch(b, out);
    }
    return r < 0 ? nomem(err) : ECOM_OK;
}

/* What an invoker tells beside an event, in the client context's `custom`: read as the headers of a
 * message. One that is not as it should be says nothing. */
static int take_context(struct batch *b, ecom_error *err)
{
    static const char *const names[] = {"x-correlation-id", "traceparent"};
    ecom_arena *arena = b->context->arena;
    const ecom_json *json = NULL;
    size_t n = 0;

    if (!is_returned(b) || !b->context->client_context.n)
        return ECOM_OK;
    int r = ecom_json_parse(b->context->client_context, NULL, arena, &json, NULL);
    const ecom_json *custom = r == ECOM_OK ? ecom_json_get(json, "custom") : NULL;
    ecom_header *headers = ecom_arena_alloc(arena, 2 * sizeof(*headers));
    if (r == ECOM_E_NOMEM || !headers)
        return nomem(err);
    for (size_t i = 0; i < 2; i++) {
        const ecom_json *value = ecom_json_get(custom, names[i]);
        if (value && value->kind == ECOM_JSON_STRING)
            headers[n++] = (ecom_header){ecom_str_of(names[i]), value->text};
    }
    for (size_t i = 0; i < b->source.n; i++) {
        b->source.items[i].msg.headers = headers;
        b->source.items[i].msg.nheaders = n;
    }
    return ECOM_OK;
}

static int prepare(struct batch *b, ecom_str event, ecom_error *err)
{
    int r = ecom__lambda_source_read(event, b->context->arena, &b->source, err);

    if (r == ECOM_OK)
        r = list_contracts(b, err);
    if (r == ECOM_OK)
        r = take_context(b, err);
    if (r < 0)
        return r;
    b->failures = ecom_arena_alloc(b->context->arena, (b->source.n + 1) * sizeof(*b->failures));
    b->arena = ecom_arena_new(0);
    return b->failures && b->arena ? ECOM_OK : nomem(err);
}

int ecom_lambda_events_handle(void *events, ecom_str event, const ecom_lambda_context *context,
                              ecom_buf *result, ecom_error *err)
{
    struct batch b = {.context = context};
    ecom_buf out = {0};

    ecom__options_copy(&b.events, sizeof(b.events), events);
    int r = prepare(&b, event, err);
    if (r == ECOM_OK && b.events.begin)
        r = b.events.begin(b.events.user, is_returned(&b), context, err);
    if (r == ECOM_OK)
        r = handle_all(&b, &out, err);
    if (r == ECOM_OK)
        r = settle(&b, err);
    if (r == ECOM_OK)
        r = answer(&b, &out, err);
    if (r == ECOM_OK && ecom_buf_append(result, ecom_buf_str(&out)) < 0)
        r = nomem(err);
    ecom_buf_free(&out);
    ecom_buf_free(&b.result);
    ecom_arena_free(b.arena);
    return r;
}
