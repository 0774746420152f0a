#include "ecom/log.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/ascii.h"
#include "base/utf8.h"

/* LINE_MAX_BYTES is what Linux writes to a pipe in one piece (PIPE_BUF), so lines of several
 * processes on one pipe never mix. TAIL_BYTES are kept free for what closes a line. */
enum { LINE_MAX_BYTES = 4096, TAIL_BYTES = 32, VALUE_MAX_BYTES = 1024, MESSAGE_WIDTH = 36 };

static const char *const level_names[] = {"debug", "info", "warn", "error", "off"};

/* A logger that writes to a descriptor. */
struct sink {
    ecom_log log; /* first: callers see only this */
    int fd;
    ecom_log_style style;
    const char *service;
    const ecom_env *env;
};

/* One line being made. What does not fit is left out, and `cut` says so. */
struct line {
    size_t n;
    int cut;
    char p[LINE_MAX_BYTES];
};

void ecom_log_write(const ecom_log *log, ecom_level level, const char *message,
                    const ecom_log_field *fields, size_t n)
{
    if (log && log->fn && level >= log->level && level < ECOM_LOG_OFF)
        log->fn(log->user, level, log->correlation_id, message, fields, n);
}

ecom_log ecom_log_with(const ecom_log *log, ecom_str correlation_id)
{
    ecom_log bound = log ? *log : (ecom_log){0};

    bound.correlation_id = correlation_id;
    return bound;
}

int ecom_level_parse(ecom_str text, ecom_level *out, ecom_error *err)
{
    for (int i = 0; i <= ECOM_LOG_OFF; i++) {
        if (ecom__is_word(text, level_names[i])) {
            *out = (ecom_level)i;
            return ECOM_OK;
        }
    }
    return ecom_fail(err, ECOM_E_INVAL, "must be debug, info, warn, error or off");
}

static void put(struct line *line, const char *s)
{
    size_t n = strlen(s), room = sizeof(line->p) - TAIL_BYTES - line->n;

    if (n > room)
        line->cut = 1;
    else {
        memcpy(line->p + line->n, s, n);
        line->n += n;
    }
}

/* For what closes a line: TAIL_BYTES are kept for it. */
static void put_tail(struct line *line, const char *s)
{
    size_t n = strlen(s), room = sizeof(line->p) - line->n;

    n = n < room ? n : room;
    memcpy(line->p + line->n, s, n);
    line->n += n;
}

/* Characters that could end a line, drive a terminal, or turn the order of what is read around. */
static int is_unsafe(int32_t c)
{
    return c < 0x20 || (c >= 0x7F && c < 0xA0) || (c >= 0x200E && c <= 0x200F) ||
           (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) || c == 0xFEFF;
}

/* One character, made harmless; escapes are those of JSON. */
static void escape(int32_t c, ecom_str raw, int quoted, char out[8])
{
    if (c < 0)
        memcpy(out, "\xEF\xBF\xBD", 4);
    else if (c == '\n' || c == '\t' || c == '\r')
        snprintf(out, 8, "\\%c", c == '\n' ? 'n' : c == '\t' ? 't' : 'r');
    else if (quoted && (c == '"' || c == '\\'))
        snprintf(out, 8, "\\%c", (char)c);
    else if (is_unsafe(c))
        snprintf(out, 8, "\\u%04x", (unsigned)c & 0xFFFF);
    else
        snprintf(out, 8, "%.*s", (int)raw.n, raw.p);
}

/* Text, with a mark where it is cut at VALUE_MAX_BYTES.
 * Between quotes, these are escaped too. */
static void put_escaped(struct line *line, ecom_str text, int quoted)
{
    size_t end = line->n + VALUE_MAX_BYTES;
    char out[8];

    while (text.n) {
        const char *start = text.p;
        int32_t c = ecom__utf8_next(&text);
        escape(c, (ecom_str){start, (size_t)(text.p - start)}, quoted, out);
        if (line->n + strlen(out) > end) {
            put(line, "\xE2\x80\xA6");
            return;
        }
        put(line, out);
        if (line->cut)
            return;
    }
}

static void put_quoted(struct line *line, ecom_str text)
{
    put(line, "\"");
    put_escaped(line, text, 1);
    put(line, "\"");
}

static void put_number(struct line *line, int64_t number)
{
    char out[24];

    snprintf(out, sizeof(out), "%" PRId64, number);
    put(line, out);
}

/* Does this text need no quotes to be read back as one value? */
static int is_word(ecom_str text)
{
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] <= ' ' || text.p[i] > '~' || strchr("\"\\=", text.p[i]))
            return 0;
    return text.n > 0 && text.n <= VALUE_MAX_BYTES;
}

/* A field called like one of ours gets a `_`, or a reader would see the name twice. */
static int is_reserved(const char *name)
{
    static const char *const ours[] = {"time",    "level",         "service",
                                       "message", "correlationId", "cut"};

    for (size_t i = 0; i < sizeof(ours) / sizeof(ours[0]); i++)
        if (!strcmp(name, ours[i]))
            return 1;
    return 0;
}

static void put_json_text(struct line *line, const char *name, ecom_str text)
{
    put(line, ",\"");
    put(line, name);
    put(line, "\":");
    put_quoted(line, text);
}

static void put_json_field(struct line *line, const ecom_log_field *field)
{
    put(line, ",\"");
    put_escaped(line, ecom_str_of(field->name), 1);
    put(line, is_reserved(field->name) ? "_\":" : "\":");
    if (field->text.p)
        put_quoted(line, field->text);
    else
        put_number(line, field->number);
}

static void put_json(struct line *line, const struct sink *sink, ecom_level level,
                     ecom_str correlation_id, const char *message, const ecom_log_field *fields,
                     size_t n)
{
    char time[25];

    ecom_time_format(ecom_env_now_ms(sink->env), time);
    put(line, "{\"time\":\"");
    put(line, time);
    put(line, "\"");
    put_json_text(line, "level", ecom_str_of(level_names[level]));
    if (sink->service)
        put_json_text(line, "service", ecom_str_of(sink->service));
    put_json_text(line, "message", ecom_str_of(message ? message : ""));
    if (correlation_id.n)
        put_json_text(line, "correlationId", correlation_id);

    size_t whole = line->n;
    for (size_t i = 0; i < n && !line->cut; i++) {
        put_json_field(line, &fields[i]);
        whole = line->cut ? whole : line->n;
    }
    line->n = whole;
    put_tail(line, line->cut ? ",\"cut\":true}\n" : "}\n");
}

static void put_color(struct line *line, const struct sink *sink, const char *code)
{
    if (sink->style == ECOM_LOG_COLOR) {
        put(line, "\x1b[");
        put(line, code);
        put(line, "m");
    }
}

static void put_text_field(struct line *line, const struct sink *sink, const char *name,
                           ecom_str text, int64_t number)
{
    put(line, "  ");
    put_color(line, sink, "2");
    put_escaped(line, ecom_str_of(name), 0);
    put(line, "=");
    put_color(line, sink, "0");
    if (!text.p)
        put_number(line, number);
    else if (is_word(text))
        put_escaped(line, text, 0);
    else
        put_quoted(line, text);
}

static void put_text_head(struct line *line, const struct sink *sink, ecom_level level)
{
    static const char *const labels[] = {"DEBUG ", "INFO  ", "WARN  ", "ERROR "};
    static const char *const colors[] = {"2", "32", "33", "1;31"};
    char time[25];

    ecom_time_format(ecom_env_now_ms(sink->env), time);
    time[sizeof("2026-11-22T18:25:43.511") - 1] = '\0';
    put_color(line, sink, "2");
    put(line, time + sizeof("2026-11-22T") - 1);
    put_color(line, sink, "0");
    put(line, " ");
    put_color(line, sink, colors[level]);
    put(line, labels[level]);
    put_color(line, sink, "0");
}

static void put_text(struct line *line, const struct sink *sink, ecom_level level,
                     ecom_str correlation_id, const char *message, const ecom_log_field *fields,
                     size_t n)
{
    put_text_head(line, sink, level);
    size_t start = line->n;
    put_escaped(line, ecom_str_of(message ? message : ""), 0);
    while ((n || correlation_id.n) && line->n < start + MESSAGE_WIDTH)
        put(line, " ");

    size_t whole = line->n;
    for (size_t i = 0; i < n && !line->cut; i++) {
        put_text_field(line, sink, fields[i].name, fields[i].text, fields[i].number);
        whole = line->cut ? whole : line->n;
    }
    if (correlation_id.n && !line->cut) {
        put_text_field(line, sink, "correlationId", correlation_id, 0);
        whole = line->cut ? whole : line->n;
    }
    line->n = whole;
    put_tail(line, line->cut ? "  (cut)\n" : "\n");
}

/* One write() a line. A descriptor that takes none (full and non-blocking, closed) loses it: a log
 * must not stop the work. */
static void sink_write(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                       const ecom_log_field *fields, size_t n)
{
    const struct sink *sink = user;
    struct line line;
    int saved = errno;

    line.n = 0;
    line.cut = 0;
    if (sink->style == ECOM_LOG_JSON)
        put_json(&line, sink, level, correlation_id, message, fields, n);
    else
        put_text(&line, sink, level, correlation_id, message, fields, n);
    while (write(sink->fd, line.p, line.n) < 0 && errno == EINTR)
        ;
    errno = saved;
}

ecom_log *ecom_log_open(int fd, const char *service, ecom_level level, ecom_log_style style,
                        const ecom_env *env)
{
    struct sink *sink = calloc(1, sizeof(*sink));

    if (!sink)
        return NULL;
    if (style == ECOM_LOG_AUTO)
        style = isatty(fd) ? ECOM_LOG_COLOR : ECOM_LOG_JSON;
    sink->log = (ecom_log){.fn = sink_write, .user = sink, .level = level};
    sink->fd = fd;
    sink->style = style;
    sink->service = service;
    sink->env = env ? env : ecom_env_system();
    return &sink->log;
}

void ecom_log_close(ecom_log *log)
{
    free(log); /* the first member of its sink */
}
