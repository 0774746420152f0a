#include "ecom/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/utf8.h"

enum { MAX_BYTES = 64 << 10, MAX_LINES = 1000, MAX_SHOWN = 3 };

/* Where reading stands: inside one line. */
struct reader {
    ecom_str rest; /* of the line */
    uint32_t line;
    ecom_dotenv_fault *faults; /* room for one a line */
    size_t nfaults;
    ecom_arena *arena;
    ecom_error *err;
};

static int broken(struct reader *r, const char *why)
{
    r->faults[r->nfaults++] = (ecom_dotenv_fault){why, r->line};
    return ECOM_E_INVAL;
}

/* The first of them are shown together, as far as one text holds. */
static int fail_broken(const struct reader *r)
{
    char text[sizeof(((ecom_error *)0)->text)] = "";

    for (size_t i = 0, n = 0; i < r->nfaults && i < MAX_SHOWN; i++, n = strlen(text))
        snprintf(text + n, sizeof(text) - n, "%sline %u: %s", n ? "; " : "",
                 (unsigned)r->faults[i].line, r->faults[i].why);
    if (r->nfaults > MAX_SHOWN)
        return ecom_fail(r->err, ECOM_E_INVAL, "%s; and %zu more", text, r->nfaults - MAX_SHOWN);
    return ecom_fail(r->err, ECOM_E_INVAL, "%s", text);
}

static void skip(ecom_str *s, size_t n)
{
    s->p += n;
    s->n -= n;
}

static int is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static void skip_blanks(ecom_str *s)
{
    while (s->n && is_blank(*s->p))
        skip(s, 1);
}

/* Nothing more than blanks and a comment. */
static int is_done(ecom_str rest)
{
    ecom_str after = rest;

    skip_blanks(&after);
    return after.n == 0 || (*after.p == '#' && after.n < rest.n);
}

/* Cuts off the next line, without its end: LF, or CR LF. */
static ecom_str next_line(ecom_str *text)
{
    const char *end = memchr(text->p, '\n', text->n);
    ecom_str line = {text->p, end ? (size_t)(end - text->p) : text->n};

    skip(text, line.n + (end != NULL));
    if (line.n && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static int is_text(ecom_str line)
{
    while (line.n) {
        int32_t c = ecom__utf8_next(&line);
        if ((c < 0x20 && c != '\t') || c == 0x7F)
            return 0;
    }
    return 1;
}

static size_t name_length(ecom_str s)
{
    size_t n = 0;

    while (n < s.n && ((s.p[n] >= 'A' && s.p[n] <= 'Z') || (s.p[n] >= 'a' && s.p[n] <= 'z') ||
                       s.p[n] == '_' || (n > 0 && s.p[n] >= '0' && s.p[n] <= '9')))
        n++;
    return n;
}

static int read_name(struct reader *r, ecom_str *out)
{
    ecom_str name = {r->rest.p, name_length(r->rest)};

    if (ecom_str_eq(name, ecom_str_of("export")) && r->rest.n > name.n &&
        is_blank(r->rest.p[name.n])) {
        skip(&r->rest, name.n);
        skip_blanks(&r->rest);
        name = (ecom_str){r->rest.p, name_length(r->rest)};
    }
    if (name.n == 0)
        return broken(r, "must be NAME=value, and a name starts with a letter or _");
    skip(&r->rest, name.n);
    skip_blanks(&r->rest);
    if (r->rest.n == 0 || *r->rest.p != '=')
        return broken(r, "must be NAME=value, and has no = behind the name");
    skip(&r->rest, 1);
    *out = name;
    return ECOM_OK;
}

/* Up to a comment or the end, without the blanks before that. */
static ecom_str read_plain(ecom_str rest)
{
    ecom_str value = {rest.p, 0};
    char last = '\0';

    for (size_t i = 0; i < rest.n && !(rest.p[i] == '#' && is_blank(last)); i++) {
        last = rest.p[i];
        if (!is_blank(last))
            value.n = i + 1;
    }
    return value;
}

static int read_single(struct reader *r, ecom_str *out)
{
    const char *end = memchr(r->rest.p + 1, '\'', r->rest.n - 1);

    if (!end)
        return broken(r, "has no closing '");
    *out = (ecom_str){r->rest.p + 1, (size_t)(end - r->rest.p) - 1};
    skip(&r->rest, out->n + 2);
    return ECOM_OK;
}

static int unescape(char c)
{
    return c == 'n' ? '\n' : c == 't' ? '\t' : c == '"' || c == '\\' ? c : -1;
}

static int read_double(struct reader *r, ecom_str *out)
{
    char *value = ecom_arena_alloc(r->arena, r->rest.n);
    size_t n = 0;

    if (!value)
        return ecom_fail(r->err, ECOM_E_NOMEM, "no memory for a .env file");
    for (skip(&r->rest, 1); r->rest.n; skip(&r->rest, 1)) {
        int c = *r->rest.p;
        if (c == '"') {
            skip(&r->rest, 1);
            *out = (ecom_str){value, n};
            return ECOM_OK;
        }
        if (c == '\\') {
            skip(&r->rest, 1);
            if (r->rest.n && (c = unescape(*r->rest.p)) < 0)
                return broken(r, "only \\n, \\t, \\\" and \\\\ may stand in \"...\"; "
                                 "'...' is taken as it is");
            if (r->rest.n == 0)
                break;
        }
        value[n++] = (char)c;
    }
    return broken(r, "has no closing \"");
}

static int read_value(struct reader *r, ecom_str *out)
{
    int code;

    if (is_done(r->rest)) {
        *out = (ecom_str){"", 0};
        return ECOM_OK;
    }
    skip_blanks(&r->rest);
    if (*r->rest.p != '\'' && *r->rest.p != '"') {
        *out = read_plain(r->rest);
        return ECOM_OK;
    }
    code = *r->rest.p == '"' ? read_double(r, out) : read_single(r, out);
    if (code == ECOM_OK && !is_done(r->rest))
        return broken(r, "has something behind the closing quote");
    return code;
}

/* Where this name goes: over an earlier one, or behind the last. */
static ecom_dotenv_pair *slot_for(ecom_dotenv *found, ecom_str name)
{
    for (size_t i = 0; i < found->n; i++)
        if (ecom_str_eq(found->pairs[i].name, name))
            return &found->pairs[i];
    return &found->pairs[found->n++];
}

static int read_line(struct reader *r, ecom_dotenv *found)
{
    ecom_str name, value;
    int code;

    if (!is_text(r->rest))
        return broken(r, "holds a control character, or is not UTF-8");
    skip_blanks(&r->rest);
    if (r->rest.n == 0 || *r->rest.p == '#')
        return ECOM_OK;
    if ((code = read_name(r, &name)) < 0 || (code = read_value(r, &value)) < 0)
        return code;
    *slot_for(found, name) = (ecom_dotenv_pair){name, value, r->line};
    return ECOM_OK;
}

static size_t count_lines(ecom_str text)
{
    size_t n = text.n && text.p[text.n - 1] != '\n';

    for (size_t i = 0; i < text.n; i++)
        n += text.p[i] == '\n';
    return n;
}

int ecom_dotenv_parse(ecom_str text, ecom_arena *arena, ecom_dotenv *out, ecom_error *err)
{
    struct reader r = {.arena = arena, .err = err};
    size_t lines = count_lines(text);

    if (text.n > MAX_BYTES)
        return ecom_fail(err, ECOM_E_TOOLARGE, "has %zu bytes, more than %d", text.n, MAX_BYTES);
    if (lines > MAX_LINES)
        return ecom_fail(err, ECOM_E_TOOLARGE, "has %zu lines, more than %d", lines, MAX_LINES);
    ecom_str copy = ecom_arena_copy(arena, text);
    ecom_dotenv found = {.pairs = ecom_arena_alloc(arena, lines * sizeof(*found.pairs))};
    r.faults = ecom_arena_alloc(arena, lines * sizeof(*r.faults));
    if (!copy.p || !found.pairs || !r.faults)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a .env file");

    if (copy.n >= 3 && !memcmp(copy.p, "\xEF\xBB\xBF", 3))
        skip(&copy, 3);
    while (copy.n) {
        r.rest = next_line(&copy);
        r.line++;
        int code = read_line(&r, &found);
        if (code < 0 && code != ECOM_E_INVAL)
            return code;
    }
    found.faults = r.faults;
    found.nfaults = r.nfaults;
    *out = found;
    return r.nfaults ? fail_broken(&r) : ECOM_OK;
}

/* As much as fits, and one byte more of a file that is too large. */
static int read_all(int fd, ecom_buf *out)
{
    ssize_t n = 1;

    if (ecom_buf_reserve(out, MAX_BYTES + 1) < 0)
        return -ENOMEM;
    while (n > 0 && out->n < MAX_BYTES + 1) {
        n = read(fd, out->p + out->n, MAX_BYTES + 1 - out->n);
        if (n < 0 && errno != EINTR)
            return -errno;
        out->n += n > 0 ? (size_t)n : 0;
        n = n < 0 ? 1 : n;
    }
    return 0;
}

static int fail_errno(ecom_error *err, const char *path, int number)
{
    int code = number == ENOENT   ? ECOM_E_NOTFOUND
               : number == ENOMEM ? ECOM_E_NOMEM
                                  : ECOM_E_UNAVAILABLE;

    ecom_fail(err, code, "%s: %s", path, strerror(number));
    if (err)
        err->native = number;
    return code;
}

int ecom_dotenv_read(const char *path, ecom_arena *arena, ecom_dotenv *out, ecom_error *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe would wait for a writer */
    ecom_buf text = {0};
    ecom_error why = {0};
    struct stat st;
    int r;

    if (fd < 0)
        return fail_errno(err, path, errno);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return ecom_fail(err, ECOM_E_INVAL, "%s: is not a file", path);
    }
    r = read_all(fd, &text);
    close(fd);
    if (r < 0) {
        r = fail_errno(err, path, -r);
    } else {
        r = ecom_dotenv_parse(ecom_buf_str(&text), arena, out, &why);
        if (r == ECOM_OK || r == ECOM_E_INVAL)
            out->path = path;
        if (r < 0)
            r = ecom_fail(err, r, "%s: %s", path, why.text);
    }
    if (text.p)
        explicit_bzero(text.p, text.n);
    ecom_buf_free(&text);
    return r;
}
