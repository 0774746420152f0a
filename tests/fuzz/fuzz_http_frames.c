/* A WebSocket's frames: however the bytes come in pieces, the same events come out of them, and
 * what is handed over keeps the rules. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "http/frames.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { MAX_FRAME = 300, MAX_MESSAGE = 500, MAX_EVENTS = 4096 };

static void must(int ok)
{
    if (!ok)
        abort();
}

static void check_event(const struct frame_event *e)
{
    struct utf8 utf8 = {0};

    must(e->bytes.n <= (e->kind >= FRAME_CLOSE ? FRAME_MAX_CONTROL : MAX_MESSAGE));
    must(e->kind != FRAME_CLOSE || e->code == 1005 || ecom__frames_code_ok(e->code));
    if (e->kind == FRAME_TEXT || e->kind == FRAME_CLOSE)
        must(ecom__http_utf8_feed(&utf8, e->bytes) == 0 && utf8.need == 0);
}

/* Events one behind the other: kind, code, length, bytes. */
static void note(ecom_buf *story, const struct frame_event *e)
{
    const int32_t numbers[] = {e->kind, e->code, (int32_t)e->bytes.n};

    must(ecom_buf_append(story, (ecom_str){(const char *)numbers, sizeof(numbers)}) == ECOM_OK);
    must(ecom_buf_append(story, e->bytes) == ECOM_OK);
}

static int read_all(ecom_str in, size_t step, ecom_buf *story)
{
    struct frames f = {.max_frame = MAX_FRAME, .max_message = MAX_MESSAGE};
    struct frame_event event;
    struct frame_failure why = {0};

    while (in.n && !why.code) {
        ssize_t n =
            ecom__frames_read(&f, (ecom_str){in.p, in.n < step ? in.n : step}, &event, &why);
        must(n > 0 || (n == -1 && why.code && why.text[0]));
        if (n > 0 && event.kind >= 0) {
            check_event(&event);
            note(story, &event);
        }
        in.p += n > 0 ? n : 0;
        in.n -= n > 0 ? (size_t)n : 0;
    }
    ecom__frames_clear(&f);
    return why.code;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_str in = {(const char *)data + (n > 0), n - (n > 0)};
    ecom_buf whole = {0}, pieces = {0};

    int a = read_all(in, SIZE_MAX, &whole), b = read_all(in, n ? data[0] % 16 + 1u : 1, &pieces);
    must(a == b && whole.n == pieces.n && (!whole.n || memcmp(whole.p, pieces.p, whole.n) == 0));
    ecom_buf_free(&whole);
    ecom_buf_free(&pieces);
    return 0;
}
