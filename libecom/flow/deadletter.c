#include "flow/deadletter.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/ascii.h"

enum { OWN_HEADERS = 9 }; /* x-dlq-*, with x-dlq-cut */

static const char own_prefix[] = "x-dlq-";

/* A letter in the making: the headers' array is as long as the bus allows. */
struct letter {
    ecom_header *headers;
    size_t n;
    ecom_arena *arena;
    int no_memory;
};

static void add(struct letter *letter, const char *name, ecom_str value)
{
    letter->headers[letter->n++] = (ecom_header){ecom_str_of(name), value};
}

ECOM_PRINTF(3, 4)
static void add_text(struct letter *letter, const char *name, const char *fmt, ...)
{
    char text[ECOM_BUS_MAX_NAME + 300];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    ecom_str copy = ecom_arena_copy(letter->arena, ecom_str_of(text));
    letter->no_memory |= copy.p == NULL;
    add(letter, name, copy);
}

/* Will the bus take it? Only a foreign producer's header can be otherwise. */
static int fits(const ecom_header *h)
{
    if (h->name.n == 0 || h->name.n + h->value.n > ECOM_BUS_MAX_HEADER)
        return 0;
    for (size_t i = 0; i < h->name.n; i++)
        if (h->name.p[i] < 0x20 || h->name.p[i] > 0x7e)
            return 0;
    return 1;
}

/* A letter that was sent back and died again says why it died last. */
static int is_own(const ecom_header *h)
{
    return ecom__starts(h->name, own_prefix);
}

/* @return how many of the original's headers had to be left out. */
static size_t copy_headers(struct letter *letter, const ecom_msg *msg, int slim)
{
    size_t dropped = 0;

    for (size_t i = 0; i < msg->nheaders; i++) {
        const ecom_header *h = &msg->headers[i];
        if (is_own(h))
            continue;
        if (slim || letter->n == ECOM_BUS_MAX_HEADERS - OWN_HEADERS || !fits(h))
            dropped++;
        else
            letter->headers[letter->n++] = *h;
    }
    return dropped;
}

static void add_reason(struct letter *letter, const ecom_msg *msg, const ecom__dead_reason *reason)
{
    const ecom_code_info *code = ecom_code_of(reason->why->code);
    char time[25];

    ecom_time_format(reason->now_ms, time);
    add_text(letter, "x-dlq-reason", "%s", reason->why->text[0] ? reason->why->text : code->title);
    add(letter, "x-dlq-code", ecom_str_of(code->name));
    add(letter, "x-dlq-topic", msg->topic);
    add_text(letter, "x-dlq-partition", "%" PRId32, msg->partition);
    add_text(letter, "x-dlq-offset", "%" PRId64, msg->offset);
    add_text(letter, "x-dlq-attempts", "%" PRIu32, reason->attempts);
    add(letter, "x-dlq-group", reason->group);
    add_text(letter, "x-dlq-time", "%s", time);
}

static ecom_str cut(ecom_str s, size_t max)
{
    return (ecom_str){s.p, s.n < max ? s.n : max};
}

/* @p slim: without body and headers of the original. The arena holds what @p out points to, beside
 * what it shares with @p msg. */
static int make(const ecom_msg *msg, const ecom__dead_reason *reason, int slim, ecom_arena *arena,
                ecom_msg *out, ecom_error *err)
{
    struct letter letter = {.arena = arena};
    char topic[ECOM_BUS_MAX_NAME + sizeof(ECOM__DLQ_SUFFIX)];

    letter.headers = ecom_arena_alloc(arena, ECOM_BUS_MAX_HEADERS * sizeof(*letter.headers));
    if (!letter.headers)
        return ecom_fail(err, ECOM_E_NOMEM, "a dead letter");
    ecom_msg made = {
        .key = cut(msg->key, ECOM_BUS_MAX_KEY),
        .body = cut(msg->body, slim ? 0 : ECOM_BUS_MAX_BODY),
        .headers = letter.headers,
    };
    size_t dropped = copy_headers(&letter, msg, slim);
    add_reason(&letter, msg, reason);
    if (dropped || made.body.n < msg->body.n || made.key.n < msg->key.n)
        add_text(&letter, "x-dlq-cut",
                 "body %zu of %zu bytes, key %zu of %zu, %zu headers left out", made.body.n,
                 msg->body.n, made.key.n, msg->key.n, dropped);
    made.nheaders = letter.n;
    snprintf(topic, sizeof(topic), "%.*s" ECOM__DLQ_SUFFIX, (int)msg->topic.n, msg->topic.p);
    made.topic = ecom_arena_copy(arena, ecom_str_of(topic));
    if (letter.no_memory || !made.topic.p)
        return ecom_fail(err, ECOM_E_NOMEM, "a dead letter");
    *out = made;
    return ECOM_OK;
}

static int publish(ecom_bus *bus, const ecom_msg *msg, const ecom__dead_reason *reason, int slim,
                   ecom_arena *arena, ecom_error *err)
{
    ecom_msg letter;

    ecom_arena_reset(arena);
    int r = make(msg, reason, slim, arena, &letter, err);
    return r < 0 ? r : ecom_bus_publish(bus, &letter, 1, NULL, err);
}

int ecom__dead_letter_publish(ecom_bus *bus, const ecom_msg *msg, const ecom__dead_reason *reason,
                              ecom_arena *arena, ecom_error *err)
{
    int r = publish(bus, msg, reason, 0, arena, err);

    if (r == ECOM_E_INVAL || r == ECOM_E_TOOLARGE)
        r = publish(bus, msg, reason, 1, arena, err);
    return r;
}
