#include "http/frames.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { FIN = 0x80, RSV = 0x70, OPCODE = 0x0F, MASKED = 0x80, LENGTH = 0x7F, KEEP_BYTES = 16 << 10 };

static int fail(struct frame_failure *why, int32_t code, const char *fmt, ...) ECOM_PRINTF(3, 4);
static int fail(struct frame_failure *why, int32_t code, const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    vsnprintf(why->text, sizeof(why->text), fmt, args);
    va_end(args);
    why->code = code;
    return -1;
}

static int opcode_of(const struct frames *f)
{
    return f->head[0] & OPCODE;
}

static int is_control(const struct frames *f)
{
    return f->head[0] & 8;
}

/* What the first two bytes tell. */
static int check_start(const struct frames *f, struct frame_failure *why)
{
    int opcode = opcode_of(f), n = f->head[1] & LENGTH;

    if (f->head[0] & RSV)
        return fail(why, 1002, "a reserved bit is set, and no extension was agreed on");
    if ((opcode > FRAME_BINARY && opcode < FRAME_CLOSE) || opcode > FRAME_PONG)
        return fail(why, 1002, "opcode %d is reserved", opcode);
    if (!(f->head[1] & MASKED))
        return fail(why, 1002, "a client's frame is not masked");
    if (is_control(f) && (!(f->head[0] & FIN) || n > FRAME_MAX_CONTROL))
        return fail(why, 1002, "a control frame is %s",
                    n > FRAME_MAX_CONTROL ? "longer than 125 bytes" : "fragmented");
    if (opcode == FRAME_CONTINUATION && !f->message)
        return fail(why, 1002, "a continuation continues nothing");
    if (!is_control(f) && opcode != FRAME_CONTINUATION && f->message)
        return fail(why, 1002, "a message begins before the last one has ended");
    return 0;
}

static uint32_t length_bytes(const struct frames *f)
{
    int n = f->head[1] & LENGTH;

    return n == 127 ? 8 : n == 126 ? 2 : 0;
}

static int read_length(struct frames *f, struct frame_failure *why)
{
    uint32_t extra = length_bytes(f);
    uint64_t n = extra ? 0 : f->head[1] & LENGTH;

    for (uint32_t i = 0; i < extra; i++)
        n = n << 8 | f->head[2 + i];
    if ((extra == 2 && n < 126) || (extra == 8 && n <= UINT16_MAX))
        return fail(why, 1002, "a length is not written in its shortest form");
    if (n >> 63)
        return fail(why, 1002, "a length has its highest bit set");
    if (n > f->max_frame)
        return fail(why, 1009, "a frame has more than %u bytes (max_frame_bytes)", f->max_frame);
    if (!is_control(f) && n > f->max_message - f->buffer.n)
        return fail(why, 1009, "a message has more than %u bytes (max_message_bytes)",
                    f->max_message);
    f->left = n;
    return 0;
}

static void begin_payload(struct frames *f)
{
    int opcode = opcode_of(f);

    f->reading = 1;
    f->at = 0;
    f->ncontrol = 0;
    if (opcode == FRAME_TEXT || opcode == FRAME_BINARY) {
        f->message = opcode;
        f->utf8 = (struct utf8){0};
    }
}

/* @return how many bytes it took, or -1. */
static ssize_t read_head(struct frames *f, ecom_str in, struct frame_failure *why)
{
    size_t used = 0;

    while (!f->reading && used < in.n) {
        f->head[f->nhead++] = (uint8_t)in.p[used++];
        if (f->nhead == 2 && check_start(f, why) < 0)
            return -1;
        if (f->nhead < 2)
            continue;
        uint32_t extra = length_bytes(f);
        if (f->nhead == 2 + extra && read_length(f, why) < 0)
            return -1;
        if (f->nhead == 6 + extra)
            begin_payload(f);
    }
    return (ssize_t)used;
}

/* The mask is the end of the head. */
static void unmask(struct frames *f, char *to, const char *from, size_t n)
{
    const uint8_t *mask = f->head + f->nhead - 4;
    uint8_t turned[8];
    uint64_t eight, bytes;
    size_t i = 0;

    for (uint32_t k = 0; k < 8; k++)
        turned[k] = mask[(f->at + k) & 3];
    memcpy(&eight, turned, 8);
    for (; n - i >= 8; i += 8) {
        memcpy(&bytes, from + i, 8);
        bytes ^= eight;
        memcpy(to + i, &bytes, 8);
    }
    for (; i < n; i++)
        to[i] = (char)((uint8_t)from[i] ^ turned[i & 7]);
    f->at = (f->at + (uint32_t)(n & 3)) & 3;
}

static int read_payload(struct frames *f, const char *from, size_t n, struct frame_failure *why)
{
    char *to = f->control + f->ncontrol;

    if (is_control(f)) {
        f->ncontrol += (uint32_t)n;
    } else {
        if (ecom_buf_reserve(&f->buffer, n) < 0)
            return fail(why, 1011, "out of memory");
        to = f->buffer.p + f->buffer.n;
        f->buffer.n += n;
    }
    unmask(f, to, from, n);
    f->left -= n;
    if (!is_control(f) && f->message == FRAME_TEXT &&
        ecom__http_utf8_feed(&f->utf8, (ecom_str){to, n}) < 0)
        return fail(why, 1007, "a text is not UTF-8");
    return 0;
}

int ecom__frames_code_ok(int32_t code)
{
    return (code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006) ||
           (code >= 3000 && code <= 4999);
}

static int read_close(struct frames *f, struct frame_event *event, struct frame_failure *why)
{
    struct utf8 utf8 = {0};

    event->code = 1005;
    if (f->ncontrol == 0)
        return 0;
    if (f->ncontrol == 1)
        return fail(why, 1002, "a close frame has half a code");
    event->code = (uint8_t)f->control[0] << 8 | (uint8_t)f->control[1];
    event->bytes = (ecom_str){f->control + 2, f->ncontrol - 2};
    if (!ecom__frames_code_ok(event->code))
        return fail(why, 1002, "a close frame has the code %d", (int)event->code);
    if (ecom__http_utf8_feed(&utf8, event->bytes) < 0 || utf8.need)
        return fail(why, 1007, "the reason of a close frame is not UTF-8");
    return 0;
}

/* A frame is complete: an event, if it is a control frame or the last of its message. */
static int end_frame(struct frames *f, struct frame_event *event, struct frame_failure *why)
{
    f->reading = 0;
    f->nhead = 0;
    if (is_control(f)) {
        event->kind = opcode_of(f);
        event->bytes = (ecom_str){f->control, f->ncontrol};
        return event->kind == FRAME_CLOSE ? read_close(f, event, why) : 0;
    }
    if (!(f->head[0] & FIN))
        return 0;
    if (f->message == FRAME_TEXT && f->utf8.need)
        return fail(why, 1007, "a text ends within a character");
    event->kind = f->message;
    event->bytes = (ecom_str){f->buffer.n ? f->buffer.p : "", f->buffer.n};
    f->message = 0;
    f->given = 1;
    return 0;
}

static void forget_message(struct frames *f)
{
    if (!f->given)
        return;
    f->given = 0;
    f->buffer.n = 0;
    if (f->buffer.cap > KEEP_BYTES)
        ecom_buf_free(&f->buffer);
}

ssize_t ecom__frames_read(struct frames *f, ecom_str in, struct frame_event *event,
                          struct frame_failure *why)
{
    size_t used = 0;

    *event = (struct frame_event){.kind = -1};
    forget_message(f);
    while (event->kind < 0 && used < in.n) {
        ssize_t n = read_head(f, (ecom_str){in.p + used, in.n - used}, why);
        if (n < 0)
            return -1;
        used += (size_t)n;
        if (!f->reading)
            break;
        size_t take = in.n - used < f->left ? in.n - used : (size_t)f->left;
        if (take && read_payload(f, in.p + used, take, why) < 0)
            return -1;
        used += take;
        if (f->left == 0 && end_frame(f, event, why) < 0)
            return -1;
    }
    return (ssize_t)used;
}

void ecom__frames_clear(struct frames *f)
{
    ecom_buf_free(&f->buffer);
}

int ecom__frames_write(ecom_buf *out, enum opcode opcode, ecom_str payload)
{
    uint8_t head[10] = {(uint8_t)(FIN | opcode)};
    size_t n = 2, extra = payload.n > UINT16_MAX ? 8 : payload.n > FRAME_MAX_CONTROL ? 2 : 0;

    head[1] = (uint8_t)(extra == 8 ? 127 : extra == 2 ? 126 : payload.n);
    for (size_t i = extra; i-- > 0;)
        head[n++] = (uint8_t)(payload.n >> (8 * i));
    if (ecom_buf_reserve(out, n + payload.n) < 0)
        return ECOM_E_NOMEM;
    memcpy(out->p + out->n, head, n);
    if (payload.n)
        memcpy(out->p + out->n + n, payload.p, payload.n);
    out->n += n + payload.n;
    return ECOM_OK;
}
