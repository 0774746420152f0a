/* Frames of a WebSocket, as a client may send them: the sections of the Autobahn test suite that a
 * parser alone can answer. Each case is fed whole and byte by byte. */
#include "check.h"
#include "http/frames.h"
#include "http/sha1.h"

#include <string.h>

enum { FIN = 0x80, MAX_FRAME = 70000, MAX_MESSAGE = 100000 };

/* What came out: "T:hello P:x C1000:bye !1002". */
struct story {
    ecom_buf text;
};

static void tell(struct story *s, const struct frame_event *event)
{
    static const char names[] = "?TB?????CPO";
    int r = ecom_buf_printf(&s->text, "%s%c", s->text.n ? " " : "", names[event->kind]);

    if (r == ECOM_OK && event->kind == FRAME_CLOSE)
        r = ecom_buf_printf(&s->text, "%d", (int)event->code);
    if (r == ECOM_OK && event->bytes.n <= 60)
        r = ecom_buf_printf(&s->text, ":%.*s", (int)event->bytes.n, event->bytes.p);
    else if (r == ECOM_OK)
        r = ecom_buf_printf(&s->text, ":[%zu]", event->bytes.n);
    check_failed |= r < 0;
}

static void feed(ecom_str in, size_t step, struct story *s)
{
    struct frames f = {.max_frame = MAX_FRAME, .max_message = MAX_MESSAGE};
    struct frame_event event;
    struct frame_failure why;

    while (in.n) {
        ecom_str part = {in.p, in.n < step ? in.n : step};
        ssize_t n = ecom__frames_read(&f, part, &event, &why);
        if (n < 0) {
            check_failed |= ecom_buf_printf(&s->text, "%s!%d", s->text.n ? " " : "", why.code) < 0;
            break;
        }
        if (event.kind >= 0)
            tell(s, &event);
        in.p += n;
        in.n -= (size_t)n;
    }
    ecom__frames_clear(&f);
}

/* A masked frame of the client's. */
static void put(ecom_buf *out, int first, ecom_str payload)
{
    static const uint8_t mask[4] = {0x37, 0xFA, 0x21, 0x3D};
    uint8_t head[14] = {(uint8_t)first};
    size_t n = 2, extra = payload.n > 65535 ? 8 : payload.n > 125 ? 2 : 0;

    head[1] = (uint8_t)(0x80 | (extra == 8 ? 127 : extra == 2 ? 126 : payload.n));
    for (size_t i = extra; i-- > 0;)
        head[n++] = (uint8_t)(payload.n >> 8 * i);
    memcpy(head + n, mask, 4);
    if (ecom_buf_append(out, (ecom_str){(char *)head, n + 4}) < 0 ||
        ecom_buf_reserve(out, payload.n) < 0)
        return;
    for (size_t i = 0; i < payload.n; i++)
        out->p[out->n++] = (char)((uint8_t)payload.p[i] ^ mask[i & 3]);
}

static void expect(ecom_buf *in, const char *want)
{
    static const size_t steps[] = {SIZE_MAX, 1, 7};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        struct story s = {{0}};
        feed(ecom_buf_str(in), steps[i], &s);
        CHECK(strcmp(s.text.p ? s.text.p : "", want) == 0, "step %zu:\n#   want %s\n#   got  %s",
              steps[i], want, s.text.p ? s.text.p : "");
        ecom_buf_free(&s.text);
    }
    ecom_buf_free(in);
}

static void expect_one(int first, ecom_str payload, const char *want)
{
    ecom_buf in = {0};

    put(&in, first, payload);
    expect(&in, want);
}

static void messages_of_every_length_come_whole(void)
{
    static char many[MAX_FRAME + 1];

    memset(many, 'm', sizeof(many));
    expect_one(FIN | FRAME_TEXT, S(""), "T:");
    expect_one(FIN | FRAME_TEXT, S("hello"), "T:hello");
    expect_one(FIN | FRAME_BINARY, S("\x01\x02"), "B:\x01\x02");
    expect_one(FIN | FRAME_BINARY, (ecom_str){many, 125}, "B:[125]");
    expect_one(FIN | FRAME_BINARY, (ecom_str){many, 126}, "B:[126]");
    expect_one(FIN | FRAME_TEXT, (ecom_str){many, 65535}, "T:[65535]");
    expect_one(FIN | FRAME_TEXT, (ecom_str){many, 65536}, "T:[65536]");
    expect_one(FIN | FRAME_TEXT, (ecom_str){many, MAX_FRAME}, "T:[70000]");
    expect_one(FIN | FRAME_TEXT, (ecom_str){many, MAX_FRAME + 1}, "!1009");
}

static void a_message_one_byte_too_long_fails_however_it_is_cut(void)
{
    static char many[MAX_MESSAGE / 2 + 1];
    ecom_buf in = {0};

    memset(many, 'm', sizeof(many));
    put(&in, FRAME_BINARY, (ecom_str){many, MAX_MESSAGE / 2});
    put(&in, FIN, (ecom_str){many, MAX_MESSAGE / 2});
    expect(&in, "B:[100000]");
    put(&in, FRAME_BINARY, (ecom_str){many, MAX_MESSAGE / 2});
    put(&in, FIN, (ecom_str){many, MAX_MESSAGE / 2 + 1});
    expect(&in, "!1009");
}

static void fragments_make_one_message_and_control_frames_may_lie_between(void)
{
    ecom_buf in = {0};

    put(&in, FRAME_TEXT, S("Hal"));
    put(&in, FIN | FRAME_PING, S("p1"));
    put(&in, FRAME_CONTINUATION, S(""));
    put(&in, FRAME_CONTINUATION, S("lo"));
    put(&in, FIN | FRAME_PONG, S(""));
    put(&in, FIN | FRAME_CONTINUATION, S("!"));
    put(&in, FIN | FRAME_TEXT, S("next"));
    expect(&in, "P:p1 O: T:Hallo! T:next");
}

static void fragments_in_a_wrong_order_fail(void)
{
    ecom_buf in = {0};

    expect_one(FIN | FRAME_CONTINUATION, S("x"), "!1002");
    expect_one(FRAME_CONTINUATION, S("x"), "!1002");
    put(&in, FRAME_TEXT, S("a"));
    put(&in, FIN | FRAME_TEXT, S("b"));
    expect(&in, "!1002");
    put(&in, FRAME_TEXT, S("a"));
    put(&in, FIN | FRAME_CONTINUATION, S("b"));
    put(&in, FIN | FRAME_CONTINUATION, S("c"));
    expect(&in, "T:ab !1002");
}

static void control_frames_are_short_and_whole(void)
{
    char long_one[126] = {0};

    memset(long_one, 'x', sizeof(long_one));
    expect_one(FIN | FRAME_PING, S(""), "P:");
    expect_one(FIN | FRAME_PING, (ecom_str){long_one, 125}, "P:[125]");
    expect_one(FIN | FRAME_PING, (ecom_str){long_one, 126}, "!1002");
    expect_one(FRAME_PING, S("x"), "!1002");
    expect_one(FRAME_CLOSE, S(""), "!1002");
}

static void reserved_bits_and_opcodes_fail(void)
{
    static const int firsts[] = {0xC1, 0xA1, 0x91, 0xC9, 0x83, 0x84, 0x85, 0x86,
                                 0x87, 0x8B, 0x8C, 0x8D, 0x8E, 0x8F, 0xF0};

    for (size_t i = 0; i < sizeof(firsts) / sizeof(firsts[0]); i++)
        expect_one(firsts[i], S(""), "!1002");
}

static void what_is_not_masked_fails(void)
{
    ecom_buf in = {0};

    CHECK(ecom_buf_append(&in, S("\x81\x05hello")) == ECOM_OK, "no memory");
    expect(&in, "!1002");
}

static void lengths_are_written_in_their_shortest_form(void)
{
    ecom_buf in = {0};

    CHECK(ecom_buf_append(&in, S("\x81\xFE\x00\x7D")) == ECOM_OK, "no memory");
    expect(&in, "!1002");
    CHECK(ecom_buf_append(&in, S("\x81\xFF\x00\x00\x00\x00\x00\x00\xFF\xFF")) == ECOM_OK, "nomem");
    expect(&in, "!1002");
    CHECK(ecom_buf_append(&in, S("\x81\xFF\x80\x00\x00\x00\x00\x01\x00\x00")) == ECOM_OK, "nomem");
    expect(&in, "!1002");
    CHECK(ecom_buf_append(&in, S("\x81\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFF")) == ECOM_OK, "nomem");
    expect(&in, "!1009");
}

static void a_text_is_utf8_and_a_binary_message_anything(void)
{
    static const struct {
        const char *bytes;
        int ok;
    } table[] = {
        {"\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5", 1},
        {"\x7F", 1},
        {"\xC2\x80", 1},
        {"\xDF\xBF", 1},
        {"\xE0\xA0\x80", 1},
        {"\xED\x9F\xBF", 1},
        {"\xEE\x80\x80", 1},
        {"\xEF\xBF\xBF", 1},
        {"\xF0\x90\x80\x80", 1},
        {"\xF4\x8F\xBF\xBF", 1},
        {"\xF4\x90\x80\x80", 0}, /* past the last character */
        {"\xED\xA0\x80", 0},     /* a surrogate */
        {"\xED\xBF\xBF", 0},
        {"\xC0\x80", 0}, /* longer than it need be */
        {"\xC1\xBF", 0},
        {"\xE0\x9F\xBF", 0},
        {"\xF0\x8F\xBF\xBF", 0},
        {"\x80", 0}, /* the middle of one */
        {"\xBF", 0},
        {"\xCE", 0}, /* half of one */
        {"\xE1\xBD", 0},
        {"\xF0\x90\x80", 0},
        {"\xF5\x80\x80\x80", 0},
        {"\xFE", 0},
        {"\xFF", 0},
        {"ok\xE1\xBD more than eight", 0},
        {"12345678\xCE\xBA"
         "12345678\xCE",
         0},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        char want[80];
        snprintf(want, sizeof(want), table[i].ok ? "T:%s" : "!1007", table[i].bytes);
        expect_one(FIN | FRAME_TEXT, ecom_str_of(table[i].bytes), want);
        snprintf(want, sizeof(want), "B:%s", table[i].bytes);
        expect_one(FIN | FRAME_BINARY, ecom_str_of(table[i].bytes), want);
    }
}

static void a_character_may_be_cut_by_fragments(void)
{
    ecom_buf in = {0};

    put(&in, FRAME_TEXT, S("\xF0\x9F"));
    put(&in, FIN | FRAME_PING, S(""));
    put(&in, FRAME_CONTINUATION, S("\x98"));
    put(&in, FIN | FRAME_CONTINUATION, S("\x80"));
    expect(&in, "P: T:\xF0\x9F\x98\x80");
    put(&in, FRAME_TEXT, S("\xF0\x9F"));
    put(&in, FIN | FRAME_CONTINUATION, S(""));
    expect(&in, "!1007");
}

static void a_text_that_cannot_become_utf8_fails_before_it_ends(void)
{
    ecom_buf in = {0};

    put(&in, FRAME_TEXT, S("\xF4\x90"));
    expect(&in, "!1007");
}

static void close_frames_have_a_code_that_may_be_sent(void)
{
    static const int good[] = {1000, 1001, 1002, 1003, 1007, 1008, 1009,
                               1010, 1011, 3000, 3999, 4000, 4999};
    static const int bad[] = {0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535};
    char want[32], payload[2];

    expect_one(FIN | FRAME_CLOSE, S(""), "C1005:");
    expect_one(FIN | FRAME_CLOSE, S("\x03"), "!1002");
    expect_one(FIN | FRAME_CLOSE,
               S("\x03\xE8"
                 "bye"),
               "C1000:bye");
    expect_one(FIN | FRAME_CLOSE, S("\x03\xE8\xCE"), "!1007");
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        payload[0] = (char)(good[i] >> 8), payload[1] = (char)good[i];
        snprintf(want, sizeof(want), "C%d:", good[i]);
        expect_one(FIN | FRAME_CLOSE, (ecom_str){payload, 2}, want);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        payload[0] = (char)(bad[i] >> 8), payload[1] = (char)bad[i];
        expect_one(FIN | FRAME_CLOSE, (ecom_str){payload, 2}, "!1002");
    }
}

static void what_is_written_has_the_shortest_length_and_no_mask(void)
{
    static char many[65536];
    ecom_buf out = {0};

    CHECK(ecom__frames_write(&out, FRAME_TEXT, S("hi")) == ECOM_OK, "no memory");
    CHECK_STR("\x81\x02hi", ecom_buf_str(&out));
    out.n = 0;
    CHECK(ecom__frames_write(&out, FRAME_BINARY, (ecom_str){many, 126}) == ECOM_OK, "no memory");
    CHECK(out.n == 130 && memcmp(out.p, "\x82\x7E\x00\x7E", 4) == 0, "length of 126");
    out.n = 0;
    CHECK(ecom__frames_write(&out, FRAME_BINARY, (ecom_str){many, 65536}) == ECOM_OK, "no memory");
    CHECK(out.n == 65546 && memcmp(out.p, "\x82\x7F\0\0\0\0\0\1\0\0", 10) == 0, "length of 65536");
    ecom_buf_free(&out);
}

static void short_of_memory_a_message_fails_and_nothing_leaks(void)
{
    struct frames f = {.max_frame = MAX_FRAME, .max_message = MAX_MESSAGE};
    struct frame_event event;
    struct frame_failure why = {0};
    ecom_buf in = {0};

    put(&in, FIN | FRAME_TEXT, S("hello"));
    check_alloc_fail_at(1);
    ssize_t n = ecom__frames_read(&f, ecom_buf_str(&in), &event, &why);
    int failed = check_alloc_failed();
    check_alloc_fail_at(0);
    CHECK(failed && n == -1 && why.code == 1011, "%zd, %d", n, why.code);
    ecom__frames_clear(&f);
    ecom_buf_free(&in);
}

/* FIPS 180-2, and both sides of where one block becomes two. */
static void sha1_gives_the_known_sums(void)
{
    static const struct {
        const char *text, *sum;
    } table[] = {
        {"", "da39a3ee5e6b4b0d3255bfef95601890afd80709"},
        {"abc", "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "84983e441c3bd26ebaae4aa1f95129e5e54670f1"},
        {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
         "c1c8bbdc22796e28c0e15163d20899b65621d65a"},
    };

    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint8_t sum[SHA1_BYTES];
        char hex[2 * SHA1_BYTES + 1];
        ecom__http_sha1(ecom_str_of(table[i].text), sum);
        for (int k = 0; k < SHA1_BYTES; k++)
            snprintf(hex + 2 * k, 3, "%02x", sum[k]);
        CHECK(strcmp(hex, table[i].sum) == 0, "%s: %s", table[i].text, hex);
    }
}

static const struct check_case cases[] = {
    CASE(messages_of_every_length_come_whole),
    CASE(a_message_one_byte_too_long_fails_however_it_is_cut),
    CASE(fragments_make_one_message_and_control_frames_may_lie_between),
    CASE(fragments_in_a_wrong_order_fail),
    CASE(control_frames_are_short_and_whole),
    CASE(reserved_bits_and_opcodes_fail),
    CASE(what_is_not_masked_fails),
    CASE(lengths_are_written_in_their_shortest_form),
    CASE(a_text_is_utf8_and_a_binary_message_anything),
    CASE(a_character_may_be_cut_by_fragments),
    CASE(a_text_that_cannot_become_utf8_fails_before_it_ends),
    CASE(close_frames_have_a_code_that_may_be_sent),
    CASE(what_is_written_has_the_shortest_length_and_no_mask),
    CASE(short_of_memory_a_message_fails_and_nothing_leaks),
    CASE(sha1_gives_the_known_sums),
};
CHECK_MAIN("http_frames", cases)
