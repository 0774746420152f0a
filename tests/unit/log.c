#include "check.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "ecom/json.h"
#include "ecom/log.h"

/* A log that writes into a pipe, and what came out of it. */
struct capture {
    struct check_world world;
    int fds[2];
    ecom_log *log;
    char out[8192];
};

static int capture_open(struct capture *c, ecom_level level, ecom_log_style style)
{
    check_world_init(&c->world, 1);
    c->world.us = INT64_C(1795371943511000);
    if (pipe2(c->fds, O_NONBLOCK) < 0)
        return 0;
    c->log = ecom_log_open(c->fds[1], "order-service", level, style, &c->world.env);
    return c->log != NULL;
}

static const char *capture_read(struct capture *c)
{
    ssize_t n = read(c->fds[0], c->out, sizeof(c->out) - 1);

    c->out[n > 0 ? n : 0] = '\0';
    return c->out;
}

static void capture_close(struct capture *c)
{
    ecom_log_close(c->log);
    close(c->fds[0]);
    close(c->fds[1]);
}

/* One line that a strict parser takes as an object. */
static int is_json_line(const char *line)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_str text = ecom_str_of(line);
    const ecom_json *value = NULL;
    int ok = text.n > 0 && text.p[text.n - 1] == '\n' &&
             ecom_json_parse(text, NULL, arena, &value, NULL) == ECOM_OK &&
             value->kind == ECOM_JSON_OBJECT;

    ecom_arena_free(arena);
    return ok;
}

static size_t count(const char *s, char c)
{
    size_t n = 0;

    for (; *s; s++)
        n += *s == c;
    return n;
}

static void a_json_line_has_time_level_service_message_id_and_fields(void)
{
    struct capture c;

    CHECK(capture_open(&c, ECOM_LOG_INFO, ECOM_LOG_AUTO), "open"); /* a pipe is no terminal */
    ecom_log bound = ecom_log_with(c.log, S("req-1"));
    ecom_log_field fields[] = {{"orderId", S("o1"), 0}, {"tries", {NULL, 0}, -3}};
    ecom_log_write(&bound, ECOM_LOG_WARN, "publish failed", fields, 2);
    CHECK_STR("{\"time\":\"2026-11-22T18:25:43.511Z\",\"level\":\"warn\",\"service\":"
              "\"order-service\",\"message\":\"publish failed\",\"correlationId\":\"req-1\","
              "\"orderId\":\"o1\",\"tries\":-3}\n",
              ecom_str_of(capture_read(&c)));
    capture_close(&c);
}

static void a_text_line_has_its_columns(void)
{
    struct capture c;

    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_TEXT), "open");
    ecom_log bound = ecom_log_with(c.log, S("req-1"));
    ecom_log_field fields[] = {{"path", S("/orders"), 0}, {"why", S("no \"such\""), 0}};
    ecom_log_write(&bound, ECOM_LOG_INFO, "request \"done\"", fields, 2);
    CHECK_STR("18:25:43.511 INFO  request \"done\"                        path=/orders"
              "  why=\"no \\\"such\\\"\"  correlationId=req-1\n",
              ecom_str_of(capture_read(&c)));
    ecom_log_write(c.log, ECOM_LOG_ERROR, "alone", NULL, 0);
    CHECK_STR("18:25:43.511 ERROR alone\n", ecom_str_of(capture_read(&c)));
    capture_close(&c);
}

static void color_is_only_in_the_color_style(void)
{
    struct capture c;

    for (int style = ECOM_LOG_TEXT; style <= ECOM_LOG_JSON; style++) {
        CHECK(capture_open(&c, ECOM_LOG_DEBUG, (ecom_log_style)style), "open");
        ecom_log_write(c.log, ECOM_LOG_ERROR, "m", &(ecom_log_field){"f", S("v"), 0}, 1);
        CHECK_I64(style == ECOM_LOG_COLOR, strchr(capture_read(&c), '\x1b') != NULL);
        capture_close(&c);
    }
}

static void no_text_can_forge_a_line_or_drive_a_terminal(void)
{
    static const char bytes[] = "a\n{\"level\":\"error\"}\r\x1b[2J\x7f\0b\xC2\x9B"
                                "31m\xE2\x80\xA8\xE2\x80\xAE\xFF\xED\xA0\x80.";
    const ecom_str evil = {bytes, sizeof(bytes) - 1};
    struct capture c;

    for (int style = ECOM_LOG_TEXT; style <= ECOM_LOG_JSON; style++) {
        CHECK(capture_open(&c, ECOM_LOG_DEBUG, (ecom_log_style)style), "open");
        ecom_log bound = ecom_log_with(c.log, evil);
        ecom_log_write(&bound, ECOM_LOG_INFO, evil.p, &(ecom_log_field){"f", evil, 0}, 1);
        const char *out = capture_read(&c);
        CHECK_U64(1, count(out, '\n'));
        CHECK(!strstr(out, "\x1b[2J") && !strstr(out, "\xC2\x9B") && !strchr(out, '\r') &&
                  !strchr(out, '\xFF') && !strchr(out, '\x7F'),
              "raw: %s", out);
        CHECK(style != ECOM_LOG_JSON || is_json_line(out), "no JSON: %s", out);
        CHECK(strstr(out, "\\u001b[2J\\u007f\\u0000b\\u009b31m\\u2028\\u202e\xEF\xBF\xBD"),
              "not shown: %s", out);
        capture_close(&c);
    }
}

static void long_values_are_cut_with_a_mark(void)
{
    struct capture c;
    char text[3000], want[1100];

    memset(text, 'x', sizeof(text));
    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_JSON), "open");
    for (size_t n = 1023; n <= 1025; n++) {
        ecom_log_write(c.log, ECOM_LOG_INFO, "m", &(ecom_log_field){"f", {text, n}, 0}, 1);
        int shown = n > 1024 ? 1024 : (int)n;
        snprintf(want, sizeof(want), ",\"f\":\"%.*s%s\"}\n", shown, text,
                 n > 1024 ? "\xE2\x80\xA6" : "");
        CHECK(strstr(capture_read(&c), want), "%zu: %s", n, c.out);
    }
    capture_close(&c);
}

static void a_long_line_loses_whole_fields_and_says_so(void)
{
    struct capture c;
    char text[1024];
    ecom_log_field fields[6];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    static const char *const names[] = {"a", "b", "c", "d", "e", "f"};
    for (int i = 0; i < 6; i++)
        fields[i] = (ecom_log_field){names[i], {text, i == 4 ? 1 : 900}, 0};
    for (int style = ECOM_LOG_TEXT; style <= ECOM_LOG_JSON; style++) {
        CHECK(capture_open(&c, ECOM_LOG_DEBUG, (ecom_log_style)style), "open");
        ecom_log bound = ecom_log_with(c.log, S("id"));
        ecom_log_write(&bound, ECOM_LOG_INFO, text, fields, 6);
        size_t n = strlen(capture_read(&c));
        CHECK(n <= 4096 && n > 2000, "%zu bytes", n);
        CHECK(style != ECOM_LOG_JSON || is_json_line(c.out), "no JSON: %s", c.out);
        const char *end = style == ECOM_LOG_JSON ? "xx\",\"cut\":true}\n" : "xx  (cut)\n";
        CHECK(n > strlen(end) && !strcmp(c.out + n - strlen(end), end), "end: %s", c.out + n - 40);
        capture_close(&c);
    }
}

static void a_field_called_like_ours_is_told_apart(void)
{
    struct capture c;

    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_JSON), "open");
    ecom_log_write(c.log, ECOM_LOG_INFO, "m", &(ecom_log_field){"level", S("x"), 0}, 1);
    CHECK(strstr(capture_read(&c), "\"level_\":\"x\"}"), "%s", c.out);
    capture_close(&c);
}

static void levels_below_are_dropped(void)
{
    struct capture c;

    for (int level = ECOM_LOG_DEBUG; level <= ECOM_LOG_OFF; level++) {
        CHECK(capture_open(&c, (ecom_level)level, ECOM_LOG_JSON), "open");
        for (int i = ECOM_LOG_DEBUG; i <= ECOM_LOG_OFF; i++)
            ecom_log_write(c.log, (ecom_level)i, "m", NULL, 0);
        CHECK_U64(ECOM_LOG_OFF - level, count(capture_read(&c), '\n'));
        capture_close(&c);
    }
    ecom_log_write(NULL, ECOM_LOG_ERROR, "m", NULL, 0);
    ecom_log nowhere = ecom_log_with(NULL, S("x"));
    ecom_log_write(&nowhere, ECOM_LOG_ERROR, "m", NULL, 0);
    ecom_log_close(NULL);
}

static void a_full_pipe_loses_lines_but_not_errno(void)
{
    struct capture c;

    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_JSON), "open");
    errno = EDOM;
    for (int i = 0; i < 2000; i++)
        ecom_log_write(c.log, ECOM_LOG_INFO, "a line that fills the pipe", NULL, 0);
    CHECK_I64(EDOM, errno);
    capture_close(&c);
}

/* Control characters take six bytes each: what is cut is the text as it is shown. */
static void a_line_of_the_worst_bytes_is_still_whole(void)
{
    struct capture c;
    char bytes[3000];

    memset(bytes, 1, sizeof(bytes) - 1);
    bytes[sizeof(bytes) - 1] = '\0';
    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_JSON), "open");
    ecom_log bound = ecom_log_with(c.log, (ecom_str){bytes, sizeof(bytes)});
    ecom_log_field fields[] = {{bytes, {bytes, sizeof(bytes)}, 0}, {"n", {NULL, 0}, INT64_MIN}};
    ecom_log_write(&bound, ECOM_LOG_INFO, bytes, fields, 2);
    CHECK(is_json_line(capture_read(&c)), "no JSON: %s", c.out);
    CHECK(strlen(c.out) <= 4096, "%zu bytes", strlen(c.out));
    capture_close(&c);
}

enum { LINES = 100 };

static void *write_lines(void *user)
{
    char text[900];

    memset(text, 'x', sizeof(text));
    for (int i = 0; i < LINES; i++)
        ecom_log_write(
            user, ECOM_LOG_INFO, "m",
            (ecom_log_field[]){{"f", {text, sizeof(text)}, 0}, {"g", {text, sizeof(text)}, 0}}, 2);
    return NULL;
}

static void lines_of_several_threads_never_mix(void)
{
    pthread_t threads[3];
    struct capture c;
    char line[4096];
    int lines = 0;

    CHECK(capture_open(&c, ECOM_LOG_DEBUG, ECOM_LOG_JSON), "open");
    fcntl(c.fds[0], F_SETFL, 0);
    fcntl(c.fds[1], F_SETFL, 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, write_lines, c.log) == 0, "thread");
    FILE *in = fdopen(c.fds[0], "r");
    for (; lines < 3 * LINES && fgets(line, sizeof(line), in); lines++)
        CHECK(is_json_line(line), "mixed: %s", line);
    CHECK_I64(3 * LINES, lines);
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    ecom_log_close(c.log);
    fclose(in);
    close(c.fds[1]);
}

static void levels_are_read_in_any_case(void)
{
    ecom_level level = ECOM_LOG_DEBUG;
    ecom_error e;

    CHECK_CODE(ECOM_OK, ecom_level_parse(S("Warn"), &level, &e), e);
    CHECK_I64(ECOM_LOG_WARN, level);
    CHECK_CODE(ECOM_OK, ecom_level_parse(S("OFF"), &level, &e), e);
    CHECK_I64(ECOM_LOG_OFF, level);
    CHECK_CODE(ECOM_E_INVAL, ecom_level_parse(S("warning"), &level, &e), e);
    CHECK_CODE(ECOM_E_INVAL, ecom_level_parse(S(""), &level, &e), e);
    CHECK_I64(ECOM_LOG_OFF, level);
}

static void without_memory_there_is_no_log(void)
{
    check_alloc_fail_at(1);
    CHECK(!ecom_log_open(2, "s", ECOM_LOG_INFO, ECOM_LOG_JSON, NULL), "opened");
}

static const struct check_case cases[] = {
    CASE(a_json_line_has_time_level_service_message_id_and_fields),
    CASE(a_text_line_has_its_columns),
    CASE(color_is_only_in_the_color_style),
    CASE(no_text_can_forge_a_line_or_drive_a_terminal),
    CASE(long_values_are_cut_with_a_mark),
    CASE(a_long_line_loses_whole_fields_and_says_so),
    CASE(a_field_called_like_ours_is_told_apart),
    CASE(levels_below_are_dropped),
    CASE(a_full_pipe_loses_lines_but_not_errno),
    CASE(a_line_of_the_worst_bytes_is_still_whole),
    CASE(lines_of_several_threads_never_mix),
    CASE(levels_are_read_in_any_case),
    CASE(without_memory_there_is_no_log),
};

CHECK_MAIN("log", cases)
