/* WebSockets over the wire. */
#include <stdlib.h>
#include <sys/socket.h>

#include "ecom/stream.h"
#include "http_wait.h"

/* What the handler made, and what became of it. */
static struct {
    ecom_websocket *ws;
    ecom_websocket_options options;
    int closed, timers, drained;
    int code; /* why it was closed; written before that is counted */
    char reason[130];
} it;

static void on_message(void *user, ecom_websocket *ws, int binary, ecom_str bytes)
{
    (void)user;
    if (ecom_str_eq(bytes, S("close")))
        ecom_websocket_close(ws, 4000, S("as you wish"));
    else if (ecom_websocket_send(ws, binary, bytes) < 0)
        printf("# not sent\n");
}

static void on_timer(void *user, ecom_websocket *ws)
{
    (void)user, (void)ws;
    count(&it.timers);
}

static void on_closed(void *user, ecom_websocket *ws, int32_t code, ecom_str reason)
{
    (void)user, (void)ws;
    it.code = code;
    snprintf(it.reason, sizeof(it.reason), "%.*s", (int)reason.n, reason.p);
    count(&it.closed);
}

static void on_drained(void *user, ecom_websocket *ws)
{
    (void)user, (void)ws;
    count(&it.drained);
}

static int open_ws(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    return ecom_exchange_upgrade(x, &it.options, &it.ws, err);
}

static int tell_wish(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user, (void)err;
    ecom_exchange_set_status(x, ecom_exchange_wants_websocket(x) ? 201 : 200);
    return ECOM_OK;
}

static const ecom_route routes[] = {
    {.method = "GET", .pattern = "/wish", .handle = tell_wish},
    {.method = "GET", .pattern = "/ws", .handle = open_ws},
    {.method = "GET", .pattern = "/loop", .handle = open_ws, .flags = ECOM_ROUTE_ON_LOOP},
};

static ecom_http_server *serve(void)
{
    static const char *const protocols[] = {"chat", "echo"};
    ecom_http_options opts = {.routes = routes, .nroutes = sizeof(routes) / sizeof(routes[0])};

    it.ws = NULL;
    it.closed = it.code = it.timers = it.drained = 0;
    it.options = (ecom_websocket_options){
        .size = sizeof(it.options),
        .protocols = protocols,
        .nprotocols = 2,
        .message = on_message,
        .timer = on_timer,
        .closed = on_closed,
        .drained = on_drained,
    };
    return wire_serve(&opts);
}

static void stop(ecom_http_server *server)
{
    ecom_http_server_free(server);
    ecom_websocket_unref(it.ws);
}

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define V13 "Sec-WebSocket-Version: 13\r\n"
#define UP "Connection: keep-alive, Upgrade\r\nUpgrade: websocket\r\n"
#define WS(path_) "GET " path_ " HTTP/1.1\r\nHost: a\r\n"

static int shake_hands(struct wire *w, const ecom_http_server *server, const char *path)
{
    struct wire_answer a = {0};
    char request[300];

    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: a\r\n" UP KEY V13 "\r\n", path);
    if (!wire_open(w, server))
        return 0;
    wire_send(w, ecom_str_of(request));
    int ok = wire_answer(w, 1, &a) && a.status == 101;
    if (!ok)
        printf("# got %d: %.*s\n", a.status, (int)a.raw.n, a.raw.p ? a.raw.p : "");
    wire_answer_free(&a);
    return ok;
}

/* A masked frame, by a mask that is easy to read. */
static void send_frame(struct wire *w, int first, ecom_str payload)
{
    char head[8] = {(char)first, (char)(0x80 | payload.n), 0, 0, 0, 0};

    if (payload.n > 125)
        return;
    wire_send(w, (ecom_str){head, 6});
    wire_send(w, payload);
}

enum { TEXT = 0x81, BINARY = 0x82, CLOSE = 0x88, PING = 0x89, PONG = 0x8A };

static void the_handshake_is_answered_as_in_the_rfc(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w,
              S(WS("/ws") UP KEY V13 "Origin: http://x\r\nSec-WebSocket-Protocol: echo, chat\r\n"
                                     "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"));
    CHECK(wire_answer(&w, 1, &a) && a.status == 101, "status %d", a.status);
    CHECK_STR("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", wire_header(&a, "Sec-WebSocket-Accept"));
    CHECK_STR("websocket", wire_header(&a, "Upgrade"));
    CHECK_STR("Upgrade", wire_header(&a, "Connection"));
    CHECK_STR("chat", wire_header(&a, "Sec-WebSocket-Protocol")); /* ours is the order */
    CHECK(!wire_header(&a, "Sec-WebSocket-Extensions").p, "an extension");
    CHECK(!wire_header(&a, "Content-Length").p, "a length");
    CHECK(strcmp(ecom_websocket_protocol(it.ws), "chat") == 0, "protocol");
    wire_close(&w);
    await_count(&it.closed, 1);
    CHECK(it.code == 1006, "code %d", it.code);
    wire_answer_free(&a);
    stop(server);
}

static void handshakes_that_are_not_right_are_refused(void)
{
    static const char *const origins[] = {"https://shop.example"};
    static const struct {
        const char *request;
        int status;
    } table[] = {
        {WS("/ws") "\r\n", 426},
        {WS("/ws") "Connection: Upgrade\r\nUpgrade: h2c\r\n" KEY V13 "\r\n", 426},
        {WS("/ws") "Upgrade: websocket\r\n" KEY V13 "\r\n", 400},
        {WS("/ws") UP KEY "\r\n", 426},
        {WS("/ws") UP KEY "Sec-WebSocket-Version: 8\r\n\r\n", 426},
        {WS("/ws") UP V13 "\r\n", 400},
        {WS("/ws") UP V13 KEY KEY "\r\n", 400},
        {WS("/ws") UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=\r\n\r\n", 400},
        {WS("/ws") UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZ!==\r\n\r\n", 400},
        {WS("/ws") UP V13 "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZR==\r\n\r\n", 400},
        {WS("/ws") UP V13 KEY "Origin: https://evil.example\r\n\r\n", 403},
        {WS("/ws") UP V13 KEY "Content-Length: 1\r\n\r\nx", 400},
        {"GET /ws HTTP/1.0\r\n" UP KEY V13 "\r\n", 400},
        {WS("/ws") UP V13 KEY "Origin: https://shop.example\r\n\r\n", 101},
        {WS("/ws") UP V13 KEY "\r\n", 101},
    };
    ecom_http_server *server = serve();

    CHECK(server != NULL, "no server");
    it.options.origins = origins;
    it.options.norigins = 1;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        int status = wire_status(server, ecom_str_of(table[i].request));
        CHECK(status == table[i].status, "%s# want %d, got %d", table[i].request, table[i].status,
              status);
        if (status == 101) {
            await_count(&it.closed, 1);
            ecom_websocket_unref(it.ws);
            it.ws = NULL;
            it.closed = 0;
        }
    }
    stop(server);
}

static void a_refused_version_is_told_which_one_is_spoken(void)
{
    ecom_http_server *server = serve();
    struct wire w;
    struct wire_answer a;

    CHECK(server && wire_open(&w, server), "no server");
    wire_send(&w, S(WS("/ws") UP KEY "Sec-WebSocket-Version: 7\r\n\r\n"));
    CHECK(wire_answer(&w, 0, &a) && a.status == 426, "status %d", a.status);
    CHECK_STR("13", wire_header(&a, "Sec-WebSocket-Version"));
    CHECK_STR("websocket", wire_header(&a, "Upgrade"));
    wire_answer_free(&a);
    wire_send(&w, S(WS("/ws") UP KEY V13 "\r\n")); /* the connection is still good */
    CHECK(wire_answer(&w, 1, &a) && a.status == 101, "status %d", a.status);
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
}

static void who_asks_for_a_websocket_is_known_however_badly_it_asks(void)
{
    ecom_http_server *server = serve();

    CHECK(server != NULL, "no server");
    CHECK_I64(201, wire_status(server, S(WS("/wish") UP KEY V13 "\r\n")));
    CHECK_I64(201, wire_status(server, S(WS("/wish") "Upgrade: h2c, WebSocket\r\n\r\n")));
    CHECK_I64(200, wire_status(server, S(WS("/wish") "Upgrade: h2c\r\n\r\n")));
    CHECK_I64(200, wire_status(server, S(WS("/wish") "\r\n")));
    stop(server);
}

static void messages_come_and_go(void)
{
    static const char *const paths[] = {"/ws", "/loop"};

    for (int i = 0; i < 2; i++) {
        ecom_http_server *server = serve();
        struct wire w;
        CHECK(server && shake_hands(&w, server, paths[i]), "no handshake");
        send_frame(&w, TEXT, S("hello"));
        CHECK(wire_takes(&w, S("\x81\x05hello")), "an echo");
        send_frame(&w, 0x02, S("ab"));
        send_frame(&w, PING, S("are you there"));
        send_frame(&w, 0x80, S("c"));
        CHECK(wire_takes(&w, S("\x8A\x0D"
                               "are you there\x82\x03"
                               "abc")),
              "a pong and an echo");
        send_frame(&w, CLOSE, S("\x03\xE9going"));
        CHECK(wire_takes(&w, S("\x88\x02\x03\xE9")) && wire_at_end(&w), "an answer to the close");
        await_count(&it.closed, 1);
        CHECK(it.code == 1001 && strcmp(it.reason, "going") == 0, "%d %s", it.code, it.reason);
        CHECK(ecom_websocket_send(it.ws, 0, S("x")) == ECOM_E_CLOSED, "after the close");
        wire_close(&w);
        stop(server);
    }
}

/* Bytes that as HTTP would be refused. */
static void what_comes_with_the_handshake_is_read_after_it(void)
{
    static const char *const paths[] = {"/ws", "/loop"};

    for (int i = 0; i < 2; i++) {
        ecom_http_server *server = serve();
        struct wire_answer a;
        char bytes[300];
        struct wire w;
        int n = snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\nHost: a\r\n" UP KEY V13 "\r\n",
                         paths[i]);
        memcpy(bytes + n, "\x81\x82\0\0\0\0h\n", 8);
        CHECK(server && wire_open(&w, server), "no server");
        wire_send(&w, (ecom_str){bytes, (size_t)n + 8});
        CHECK(wire_answer(&w, 1, &a) && a.status == 101, "status %d", a.status);
        CHECK(wire_takes(&w, S("\x81\x02h\n")), "%s: an echo", paths[i]);
        wire_close(&w);
        wire_answer_free(&a);
        stop(server);
    }
}

static void a_close_without_a_code_is_answered_without_one(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    send_frame(&w, CLOSE, S(""));
    CHECK(wire_takes(&w, S("\x88\x00")) && wire_at_end(&w), "an answer");
    await_count(&it.closed, 1);
    CHECK(it.code == 1005, "code %d", it.code);
    wire_close(&w);
    stop(server);
}

static void this_end_closes_and_hears_no_more(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    send_frame(&w, TEXT, S("close"));
    send_frame(&w, TEXT, S("ignored"));
    CHECK(wire_takes(&w, S("\x88\x0D\x0F\xA0"
                           "as you wish")),
          "a close");
    await_count(&it.closed, 1);
    CHECK(it.code == 4000 && strcmp(it.reason, "as you wish") == 0, "%d %s", it.code, it.reason);
    send_frame(&w, CLOSE, S("\x0F\xA0"));
    CHECK(wire_at_end(&w), "the end");
    wire_close(&w);
    stop(server);
}

static void a_reason_is_cut_at_a_character(void)
{
    static const char euro[] = "\xE2\x82\xAC";
    char reason[160] = "", want[128] = "\x88\x7C\x0F\xA1";
    ecom_http_server *server = serve();
    struct wire w;

    for (int i = 0; i < 50; i++)
        strcat(reason, i ? euro : "ab");
    memcpy(want + 4, reason, 122);
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    ecom_websocket_close(it.ws, 4001, ecom_str_of(reason));
    CHECK(wire_takes(&w, (ecom_str){want, 126}), "122 bytes of it");
    wire_close(&w);
    stop(server);
}

static void who_has_a_reference_to_a_websocket_may_use_it_when_others_have_let_go(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    ecom_websocket *again = ecom_websocket_ref(it.ws);
    CHECK(again == it.ws, "another one");
    ecom_websocket_unref(it.ws);
    it.ws = NULL;
    CHECK(ecom_websocket_send(again, 0, S("x")) == ECOM_OK && wire_takes(&w, S("\x81\x01x")),
          "send");
    wire_close(&w);
    await_count(&it.closed, 1);
    CHECK(ecom_websocket_send(again, 0, S("x")) == ECOM_E_CLOSED, "sent to nobody");
    ecom_websocket_unref(again);
    stop(server);
}

static void who_does_not_answer_a_close_is_cut_off(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    it.options.close_ms = 1;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    ecom_websocket_close(it.ws, 1000, S(""));
    CHECK(wire_cut_off(&w), "still there");
    wire_close(&w);
    stop(server);
}

static void a_frame_that_breaks_the_rules_is_answered_with_its_code(void)
{
    static const struct {
        int first;
        const char *payload;
        const char *answer;
    } table[] = {
        {0x83, "x", "\x03\xEA"},    /* 1002 */
        {0x81, "\xFF", "\x03\xEF"}, /* 1007 */
    };

    for (size_t i = 0; i < 2; i++) {
        ecom_http_server *server = serve();
        struct wire w;
        CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
        send_frame(&w, table[i].first, ecom_str_of(table[i].payload));
        send_frame(&w, TEXT, S("ignored"));
        await_count(&it.closed, 1);
        CHECK(wire_takes(&w, S("\x88")), "a close frame");
        CHECK(it.code == (i ? 1007 : 1002), "code %d", it.code);
        wire_close(&w);
        stop(server);
    }
}

static void a_message_above_the_bound_is_closed_with_1009(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    it.options.max_message_bytes = 5;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    send_frame(&w, TEXT, S("12345"));
    CHECK(wire_takes(&w, S("\x81\x05"
                           "12345")),
          "an echo");
    send_frame(&w, TEXT, S("123456"));
    await_count(&it.closed, 1);
    CHECK(it.code == 1009 && strstr(it.reason, "max_message_bytes"), "%d %s", it.code, it.reason);
    wire_close(&w);
    stop(server);
}

static void a_peer_that_reads_too_slowly_is_closed_with_1013(void)
{
    static char much[64 << 10];
    ecom_http_server *server = serve();
    struct wire w;
    int r = ECOM_OK, sent = 0;

    it.options.max_queue_bytes = 100000;
    it.options.close_ms = 1;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    for (; r == ECOM_OK && sent < 1000; sent++)
        r = ecom_websocket_send(it.ws, 1, (ecom_str){much, sizeof(much)});
    CHECK(r == ECOM_E_FULL, "after %d: %s", sent, check_code(r));
    await_count(&it.closed, 1);
    CHECK(it.code == 1013 && strstr(it.reason, "max_queue_bytes"), "%d %s", it.code, it.reason);
    CHECK(wire_cut_off(&w), "still there");
    wire_close(&w);
    stop(server);
}

static void who_waits_for_room_on_a_socket_is_told_of_it(void)
{
    static char much[16 << 10];
    ecom_http_server *server = serve();
    struct wire w;
    int sent = 0;

    it.options.max_queue_bytes = 100000;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    for (; !ecom_websocket_is_full(it.ws) && sent < 4000; sent++)
        CHECK(ecom_websocket_send(it.ws, 1, (ecom_str){much, sizeof(much)}) == ECOM_OK, "%d", sent);
    CHECK(sent < 4000, "%d sent", sent);
    read_until_counted(&w, &it.drained);
    await_count(&it.drained, 1);
    CHECK(count_of(&it.closed) == 0, "closed");
    wire_close(&w);
    await_count(&it.closed, 1);
    stop(server);
}

static void who_asks_without_reading_is_not_read_either(void)
{
    static char frame[70000];
    ecom_http_server *server = serve();
    struct wire w;
    ssize_t n = 1;
    size_t sent = 0;

    it.options.max_queue_bytes = 200000;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    memcpy(frame, "\x82\xFF\0\0\0\0\0\1\0\0\0\0\0\0", 14);
    while (n > 0 && sent < 64u << 20) {
        struct timeval patience = {.tv_usec = 300000};
        setsockopt(w.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
        size_t at = sent % (65536 + 14);
        n = send(w.fd, frame + at, 65536 + 14 - at, MSG_NOSIGNAL);
        sent += n > 0 ? (size_t)n : 0;
    }
    CHECK(n < 0 && sent < 64u << 20, "%zu bytes were taken", sent);
    CHECK(count_of(&it.closed) == 0, "closed with %d", it.code);
    wire_close(&w);
    stop(server);
}

static void silence_is_broken_by_pings_and_ended_when_none_is_answered(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    it.options.ping_ms = 1;
    it.options.pong_ms = 60000;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    for (int i = 0; i < 3; i++) {
        CHECK(wire_takes(&w, S("\x89\x00")), "ping %d", i);
        send_frame(&w, PONG, S(""));
    }
    wire_close(&w);
    stop(server);

    server = serve();
    it.options.ping_ms = it.options.pong_ms = it.options.close_ms = 1;
    CHECK(server && shake_hands(&w, server, "/ws"), "no second handshake");
    CHECK(wire_takes(&w, S("\x89\x00")), "a ping");
    await_count(&it.closed, 1);
    CHECK(it.code == 1008 && strstr(it.reason, "pong_ms"), "%d %s", it.code, it.reason);
    CHECK(wire_cut_off(&w), "still there");
    wire_close(&w);
    stop(server);
}

static void a_timer_goes_off_once(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    ecom_websocket_set_timer(it.ws, 100000);
    ecom_websocket_set_timer(it.ws, 1);
    await_count(&it.timers, 1);
    ecom_websocket_set_timer(it.ws, 1);
    await_count(&it.timers, 2);
    ecom_websocket_set_timer(it.ws, 1000000);
    ecom_websocket_set_timer(it.ws, -1);
    wire_close(&w);
    stop(server);
    CHECK(it.timers == 2, "%d times", it.timers);
}

static void a_server_that_stops_says_1001(void)
{
    ecom_http_server *server = serve();
    struct wire w;

    it.options.close_ms = 20;
    CHECK(server && shake_hands(&w, server, "/ws"), "no handshake");
    ecom_http_server_stop(server, 10000);
    CHECK(wire_takes(&w, S("\x88\x18\x03\xE9the server is stopping")), "a close");
    CHECK(it.closed == 1 && it.code == 1001, "%d %d", it.closed, it.code);
    wire_close(&w);
    stop(server);
}

/* One WebSocket, with the n-th allocation of the server's threads failing. Whatever comes of it,
 * `closed` is called once for what was made. @return 0: none was left to fail. */
static int without_memory(uint64_t n, const char *path)
{
    ecom_http_server *server = serve();
    char bytes[300];
    struct wire w;
    struct wire_answer a = {0};

    snprintf(bytes, sizeof(bytes), "GET %s HTTP/1.1\r\nHost: a\r\n" UP KEY V13 "\r\n", path);
    if (!server || !wire_open(&w, server))
        abort();
    check_alloc_fail_elsewhere_at(n);
    wire_send(&w, ecom_str_of(bytes));
    if (wire_answer(&w, 1, &a) && a.status == 101) {
        send_frame(&w, 0x01, S("hel"));
        send_frame(&w, PING, S("p"));
        send_frame(&w, 0x80, S("lo"));
        send_frame(&w, CLOSE, S("\x03\xE8"));
    }
    wire_end(&w);
    while (a.status == 101 && recv(w.fd, bytes, sizeof(bytes), 0) > 0)
        ;
    int failed = check_alloc_failed();
    check_alloc_fail_at(0);
    wire_close(&w);
    wire_answer_free(&a);
    stop(server);
    int made = it.ws != NULL;
    if (it.closed != made)
        printf("# allocation %d: closed %d times\n", (int)n, it.closed);
    check_failed |= it.closed != made;
    return failed && !check_failed;
}

static void memory_that_fails_the_server_ends_a_connection_cleanly(void)
{
    static const char *const paths[] = {"/ws", "/loop"};

    for (int i = 0; i < 2; i++) {
        uint64_t n = 1;
        while (n < 200 && without_memory(n, paths[i]))
            n++;
        CHECK(n > 3 && n < 200, "%s: %d allocations", paths[i], (int)n);
    }
}

static const struct check_case cases[] = {
    CASE(the_handshake_is_answered_as_in_the_rfc),
    CASE(handshakes_that_are_not_right_are_refused),
    CASE(a_refused_version_is_told_which_one_is_spoken),
    CASE(who_asks_for_a_websocket_is_known_however_badly_it_asks),
    CASE(messages_come_and_go),
    CASE(what_comes_with_the_handshake_is_read_after_it),
    CASE(a_close_without_a_code_is_answered_without_one),
    CASE(this_end_closes_and_hears_no_more),
    CASE(a_reason_is_cut_at_a_character),
    CASE(who_has_a_reference_to_a_websocket_may_use_it_when_others_have_let_go),
    CASE(who_does_not_answer_a_close_is_cut_off),
    CASE(a_frame_that_breaks_the_rules_is_answered_with_its_code),
    CASE(a_message_above_the_bound_is_closed_with_1009),
    CASE(a_peer_that_reads_too_slowly_is_closed_with_1013),
    CASE(who_waits_for_room_on_a_socket_is_told_of_it),
    CASE(who_asks_without_reading_is_not_read_either),
    CASE(silence_is_broken_by_pings_and_ended_when_none_is_answered),
    CASE(a_timer_goes_off_once),
    CASE(a_server_that_stops_says_1001),
    CASE(memory_that_fails_the_server_ends_a_connection_cleanly),
};
CHECK_MAIN("http-websocket", cases)
