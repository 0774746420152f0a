#include "base/json_lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/path.h"
#include "base/utf8.h"

enum { MAX_DEPTH = 512, FIRST_TOKENS = 48 };

struct lint {
    struct ecom__json_tape *tape;
    const ecom_json_limits *limits;
    const char *p, *end;
    uint32_t inside; /* the container around p, when depth > 0 */
    uint32_t depth;  /* containers around p */
    int awaits_key;  /* the next string is one */
    int after_comma; /* nothing stands between p and a comma before it */
    ecom_error *err;
};

void ecom__json_tape_clear(struct ecom__json_tape *tape)
{
    ecom_buf_free(&tape->buf);
}

/* Fills the links from the token at the index up to the top; the innermost is first. */
static const struct ecom__path *path_of(const struct ecom__json_tape *tape, uint32_t index,
                                        struct ecom__path links[MAX_DEPTH + 1])
{
    const struct ecom__json_token *t = tape->tokens;
    size_t n = 0;

    for (; t[index].up != index && n < MAX_DEPTH; index = t[index].up) {
        struct ecom__path *link = &links[n++];
        const struct ecom__json_token *key = &t[index] - !t[index].is_key;
        *link = (struct ecom__path){.up = &links[n]};
        if (t[t[index].up].kind == ECOM_JSON_OBJECT)
            link->name = (ecom_str){tape->text.p + key->at, key->n};
        else
            for (uint32_t i = t[index].up + 1; i < index; i++)
                link->index += t[i].up == t[index].up;
    }
    if (n)
        links[n - 1].up = NULL;
    return n ? links : NULL;
}

int ecom__json_tape_fail(const struct ecom__json_tape *tape, uint32_t index, ecom_error *err,
                         int code, const char *text)
{
    struct ecom__path links[MAX_DEPTH + 1];

    return ecom__path_fail(err, code, tape->n ? path_of(tape, index, links) : NULL, "%s", text);
}

/* Fails at the place reached: the newest token in the innermost open container, or that itself. */
static int fail(const struct lint *lint, int code, const char *fmt, ...) ECOM_PRINTF(3, 4);
static int fail(const struct lint *lint, int code, const char *fmt, ...)
{
    const struct ecom__json_tape *tape = lint->tape;
    uint32_t index = tape->n;
    char text[160];
    va_list args;

    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    if (lint->depth == 0)
        return ecom__path_fail(lint->err, code, NULL, "%s", text);
    if (tape->tokens[index - 1].is_key && tape->tokens[index - 1].n == 0)
        index--; /* a key that is not read yet names nothing */
    while (index > lint->inside + 1 && tape->tokens[index - 1].up != lint->inside)
        index--;
    return ecom__json_tape_fail(tape, index - 1, lint->err, code, text);
}

static int fail_at(const struct lint *lint, const char *what)
{
    return fail(lint, ECOM_E_INVAL, "%s at byte %zu", what, (size_t)(lint->p - lint->tape->text.p));
}

static int fail_unexpected(const struct lint *lint)
{
    unsigned char c = (unsigned char)*lint->p;
    char what[32];

    snprintf(what, sizeof(what), c > 0x20 && c < 0x7F ? "unexpected '%c'" : "unexpected 0x%02x", c);
    return fail_at(lint, what);
}

/* Counts a new token in its container and in the text. */
static int count(struct lint *lint, const struct ecom__json_token *token)
{
    struct ecom__json_token *in = lint->depth ? &lint->tape->tokens[lint->inside] : NULL;

    if (in && token->is_key == (in->kind == ECOM_JSON_OBJECT))
        in->size++;
    if (in && token->is_key && in->size > lint->limits->max_keys)
        return fail(lint, ECOM_E_TOOLARGE, "more than %u keys in one object",
                    lint->limits->max_keys);
    lint->tape->nodes += !token->is_key;
    if (lint->tape->nodes > lint->limits->max_nodes)
        return fail(lint, ECOM_E_TOOLARGE, "more than %u values in the text",
                    lint->limits->max_nodes);
    return ECOM_OK;
}

/* Adds a token that starts at lint->p; it is valid until the next one is added. */
static int add(struct lint *lint, ecom_json_kind kind, struct ecom__json_token **out)
{
    struct ecom__json_tape *tape = lint->tape;

    if (lint->depth == 0 && tape->n)
        return fail_unexpected(lint); /* behind the value that is the text */
    lint->after_comma = 0;
    if (ecom_buf_reserve(&tape->buf, (tape->n ? 1 : FIRST_TOKENS) * sizeof(**out)) < 0)
        return ecom_fail(lint->err, ECOM_E_NOMEM, "out of memory");
    tape->tokens = (struct ecom__json_token *)(void *)tape->buf.p;
    tape->buf.n += sizeof(**out);
    *out = &tape->tokens[tape->n];
    **out = (struct ecom__json_token){
        .at = (uint32_t)(lint->p - tape->text.p),
        .up = lint->depth ? lint->inside : tape->n,
        .kind = (uint8_t)kind,
        .is_key = lint->depth && lint->awaits_key && kind == ECOM_JSON_STRING,
    };
    tape->n++;
    return count(lint, *out);
}

static int lint_open(struct lint *lint, ecom_json_kind kind)
{
    struct ecom__json_token *token;
    int r = add(lint, kind, &token);

    if (r < 0)
        return r;
    if (lint->depth == lint->limits->max_depth)
        return fail(lint, ECOM_E_TOOLARGE, "more than %u arrays and objects inside each other",
                    lint->limits->max_depth);
    lint->inside = (uint32_t)(token - lint->tape->tokens);
    lint->depth++;
    lint->awaits_key = kind == ECOM_JSON_OBJECT;
    lint->p++;
    return ECOM_OK;
}

static int lint_close(struct lint *lint, ecom_json_kind kind)
{
    const struct ecom__json_token *in = lint->depth ? &lint->tape->tokens[lint->inside] : NULL;

    if (!in || in->kind != kind || lint->after_comma)
        return fail_unexpected(lint);
    lint->inside = in->up;
    lint->depth--;
    lint->awaits_key = 0;
    lint->p++;
    return ECOM_OK;
}

/* Four hexadecimal digits behind "\u"; -1 when they are not there. */
static int32_t hex4(const char *p, const char *end)
{
    int32_t v = 0;

    if (end - p < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        int c = (unsigned char)p[i], lower = c | 0x20;
        int digit = c >= '0' && c <= '9'           ? c - '0'
                    : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                   : -1;
        if (digit < 0)
            return -1;
        v = v * 16 + digit;
    }
    return v;
}

static int lint_unicode_escape(struct lint *lint, uint32_t *size)
{
    int32_t unit = hex4(lint->p + 2, lint->end), low;

    if (unit < 0)
        return fail_at(lint, "a \\u escape without four hexadecimal digits");
    if (unit >= 0xDC00 && unit <= 0xDFFF)
        return fail_at(lint, "a lone surrogate");
    if (unit >= 0xD800 && unit < 0xDC00) {
        low = lint->end - lint->p >= 12 && lint->p[6] == '\\' && lint->p[7] == 'u'
                  ? hex4(lint->p + 8, lint->end)
                  : -1;
        if (low < 0xDC00 || low > 0xDFFF)
            return fail_at(lint, "a lone surrogate");
        lint->p += 6;
        *size += 1;
    }
    lint->p += 6;
    *size += unit < 0x80 ? 1 : unit < 0x800 ? 2 : 3;
    return unit;
}

/* Whatever in a string is not a plain ASCII character. Key: NUL is refused, since names end at it
 * in too many places. */
static int lint_odd_character(struct lint *lint, int is_key, uint32_t *size)
{
    if (*lint->p == '\\' && lint->end - lint->p >= 2 && lint->p[1] == 'u') {
        int unit = lint_unicode_escape(lint, size);
        return unit == 0 && is_key ? fail_at(lint, "NUL in a key") : unit < 0 ? unit : ECOM_OK;
    }
    if (*lint->p == '\\') {
        if (lint->end - lint->p < 2 || !lint->p[1] || !strchr("\"\\/bfnrt", lint->p[1]))
            return fail_at(lint, "an unknown escape");
        lint->p += 2;
        *size += 1;
        return ECOM_OK;
    }
    if ((unsigned char)*lint->p < 0x20)
        return fail_at(lint, "a control character in a string");
    ecom_str rest = {lint->p, (size_t)(lint->end - lint->p)};
    if (ecom__utf8_next(&rest) < 0)
        return fail_at(lint, "invalid UTF-8");
    *size += (uint32_t)(rest.p - lint->p);
    lint->p = rest.p;
    return ECOM_OK;
}

static int is_plain(unsigned char c)
{
    return c >= 0x20 && c < 0x80 && c != '"' && c != '\\';
}

static int scan_string(struct lint *lint, int is_key, uint32_t *size)
{
    *size = 0;
    for (;;) {
        const char *run = lint->p;
        while (lint->p < lint->end && is_plain((unsigned char)*lint->p))
            lint->p++;
        *size += (uint32_t)(lint->p - run);
        if (lint->p == lint->end)
            return fail_at(lint, "the text ends inside a string");
        if (*lint->p == '"')
            return ECOM_OK;
        int r = lint_odd_character(lint, is_key, size);
        if (r < 0)
            return r;
    }
}

static int lint_string(struct lint *lint)
{
    struct ecom__json_token *token;
    int r = add(lint, ECOM_JSON_STRING, &token);

    if (r < 0)
        return r;
    token->at++;
    lint->p++;
    r = scan_string(lint, token->is_key, &token->size);
    if (r < 0)
        return r;
    token->n = (uint32_t)(lint->p - lint->tape->text.p) - token->at;
    lint->tape->bytes += token->size;
    lint->awaits_key = 0;
    lint->p++;
    return ECOM_OK;
}

static int is_digit(const struct lint *lint)
{
    return lint->p < lint->end && *lint->p >= '0' && *lint->p <= '9';
}

static size_t digits(struct lint *lint)
{
    const char *from = lint->p;

    while (is_digit(lint))
        lint->p++;
    return (size_t)(lint->p - from);
}

static int take(struct lint *lint, const char *any)
{
    int is = lint->p < lint->end && *lint->p && strchr(any, *lint->p);

    lint->p += is;
    return is;
}

/* json-c stops at integers that 64 bits do not hold, in a way that differs from version to
 * version. Comparing text is enough: there are no leading zeros. */
static int fits_64_bits(const char *p, size_t n)
{
    const char *most = *p == '-' ? "9223372036854775808" : "18446744073709551615";
    size_t most_n = strlen(most);

    if (*p == '-')
        p++, n--;
    return n < most_n || (n == most_n && memcmp(p, most, n) <= 0);
}

static int lint_number(struct lint *lint)
{
    struct ecom__json_token *token;
    const char *from = lint->p;
    int r = add(lint, ECOM_JSON_NUMBER, &token), is_integer = 1;

    if (r < 0)
        return r;
    take(lint, "-");
    if (!take(lint, "0") && digits(lint) == 0)
        return fail_at(lint, "a number without digits");
    if (take(lint, ".")) {
        is_integer = 0;
        if (digits(lint) == 0)
            return fail_at(lint, "a number without digits behind the point");
    }
    if (take(lint, "eE")) {
        is_integer = 0;
        take(lint, "+-");
        if (digits(lint) == 0)
            return fail_at(lint, "a number without digits in the exponent");
    }
    token->n = token->size = (uint32_t)(lint->p - from);
    lint->tape->bytes += token->size;
    if (is_integer && !fits_64_bits(from, token->n))
        return fail(lint, ECOM_E_INVAL, "an integer that 64 bits cannot hold");
    return ECOM_OK;
}

static int lint_word(struct lint *lint, const char *word, ecom_json_kind kind)
{
    struct ecom__json_token *token = NULL;
    size_t n = strlen(word);
    int r = add(lint, kind, &token);

    if (r < 0)
        return r;
    if ((size_t)(lint->end - lint->p) < n || memcmp(lint->p, word, n) != 0)
        return fail_unexpected(lint);
    token->n = (uint32_t)n;
    lint->p += n;
    return ECOM_OK;
}

/* A number or a word ends where something else can start. */
static int ends_here(const struct lint *lint)
{
    return lint->p == lint->end || (*lint->p && strchr(" \t\r\n,:]}", *lint->p));
}

static int lint_scalar(struct lint *lint)
{
    char c = *lint->p;
    int r = c == 't'                     ? lint_word(lint, "true", ECOM_JSON_BOOL)
            : c == 'f'                   ? lint_word(lint, "false", ECOM_JSON_BOOL)
            : c == 'n'                   ? lint_word(lint, "null", ECOM_JSON_NULL)
            : c == '-' || is_digit(lint) ? lint_number(lint)
                                         : fail_unexpected(lint);

    return r == ECOM_OK && !ends_here(lint) ? fail_unexpected(lint) : r;
}

static int lint_next(struct lint *lint)
{
    switch (*lint->p) {
    case ' ':
    case '\t':
    case '\r':
    case '\n':
        lint->p++;
        return ECOM_OK;
    case ':':
        if (lint->depth == 0)
            return fail_unexpected(lint);
        lint->p++;
        return ECOM_OK;
    case ',':
        if (lint->depth == 0)
            return fail_unexpected(lint);
        lint->after_comma = 1;
        lint->awaits_key = lint->depth && lint->tape->tokens[lint->inside].kind == ECOM_JSON_OBJECT;
        lint->p++;
        return ECOM_OK;
    case '{':
        return lint_open(lint, ECOM_JSON_OBJECT);
    case '[':
        return lint_open(lint, ECOM_JSON_ARRAY);
    case '}':
        return lint_close(lint, ECOM_JSON_OBJECT);
    case ']':
        return lint_close(lint, ECOM_JSON_ARRAY);
    case '"':
        return lint_string(lint);
    default:
        return lint_scalar(lint);
    }
}

int ecom__json_lint(struct ecom__json_tape *tape, const ecom_json_limits *limits, ecom_error *err)
{
    const char *start = tape->text.n ? tape->text.p : "";
    struct lint lint = {
        .tape = tape,
        .limits = limits,
        .p = start,
        .end = start + tape->text.n,
        .err = err,
    };

    if (tape->text.n > limits->max_bytes)
        return ecom_fail(err, ECOM_E_TOOLARGE, "%zu bytes of JSON, at most %u are allowed",
                         tape->text.n, limits->max_bytes);
    while (lint.p < lint.end) {
        int r = lint_next(&lint);
        if (r < 0)
            return r;
    }
    if (tape->n == 0)
        return ecom_fail(err, ECOM_E_INVAL, "there is no JSON value");
    if (lint.depth)
        return fail_at(&lint, "the text ends inside an array or object");
    return ECOM_OK;
}
