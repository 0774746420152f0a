#include "graphql/lexer.h"

#include <stdio.h>
#include <string.h>

enum { SPACE = 1, PUNCT, DIGIT, NAME, NEWLINE };

#define LETTER(c) [c] = NAME, [(c) + 'a' - 'A'] = NAME
static const uint8_t classes[256] = {
    ['\t'] = SPACE, [' '] = SPACE, [','] = SPACE, ['\n'] = NEWLINE, ['\r'] = NEWLINE, ['!'] = PUNCT,
    ['$'] = PUNCT,  ['&'] = PUNCT, ['('] = PUNCT, [')'] = PUNCT,    [':'] = PUNCT,    ['='] = PUNCT,
    ['@'] = PUNCT,  ['['] = PUNCT, [']'] = PUNCT, ['{'] = PUNCT,    ['|'] = PUNCT,    ['}'] = PUNCT,
    ['_'] = NAME,   ['0'] = DIGIT, ['1'] = DIGIT, ['2'] = DIGIT,    ['3'] = DIGIT,    ['4'] = DIGIT,
    ['5'] = DIGIT,  ['6'] = DIGIT, ['7'] = DIGIT, ['8'] = DIGIT,    ['9'] = DIGIT,    LETTER('A'),
    LETTER('B'),    LETTER('C'),   LETTER('D'),   LETTER('E'),      LETTER('F'),      LETTER('G'),
    LETTER('H'),    LETTER('I'),   LETTER('J'),   LETTER('K'),      LETTER('L'),      LETTER('M'),
    LETTER('N'),    LETTER('O'),   LETTER('P'),   LETTER('Q'),      LETTER('R'),      LETTER('S'),
    LETTER('T'),    LETTER('U'),   LETTER('V'),   LETTER('W'),      LETTER('X'),      LETTER('Y'),
    LETTER('Z'),
};
#undef LETTER

static int at_end(const struct gql_lexer *lx, size_t i)
{
    return i >= lx->source.n;
}

/* The byte at an offset, or 0 behind the end. */
static unsigned char byte_at(const struct gql_lexer *lx, size_t i)
{
    return i < lx->source.n ? (unsigned char)lx->source.p[i] : 0;
}

/* Length of the character at an offset, and the character; 0 when it is no UTF-8. */
static uint32_t decode(const struct gql_lexer *lx, size_t i, uint32_t *c)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char b = byte_at(lx, i);
    uint32_t n = b < 0x80                ? 1
                 : b >= 0xC2 && b < 0xE0 ? 2
                 : (b & 0xF0) == 0xE0    ? 3
                 : b >= 0xF0 && b < 0xF5 ? 4
                                         : 0;

    if (n == 0 || i + n > lx->source.n)
        return 0;
    *c = n == 1 ? b : b & (0x7Fu >> n);
    for (uint32_t k = 1; k < n; k++) {
        unsigned char next = byte_at(lx, i + k);
        if ((next & 0xC0) != 0x80)
            return 0;
        *c = *c << 6 | (next & 0x3F);
    }
    if (*c < least[n] || *c > 0x10FFFF || (*c >= 0xD800 && *c < 0xE000))
        return 0;
    return n;
}

/* A character as errors show it: quoted when it prints, by its number else. */
static const char *shown(const struct gql_lexer *lx, uint32_t i, char out[16])
{
    uint32_t c;

    if (at_end(lx, i))
        return "<EOF>";
    if (!decode(lx, i, &c))
        snprintf(out, 16, "byte 0x%02X", byte_at(lx, i));
    else if (c == '"')
        snprintf(out, 16, "'\"'");
    else if (c >= 0x20 && c < 0x7F)
        snprintf(out, 16, "\"%c\"", (char)c);
    else
        snprintf(out, 16, "U+%04X", c);
    return out;
}

static int fail(struct gql_lexer *lx, uint32_t at, const char *what)
{
    return ecom__gql_report(lx->errors, &at, 1, "Syntax Error: %s", what);
}

static int fail_char(struct gql_lexer *lx, uint32_t at, const char *what)
{
    char out[16];

    return ecom__gql_report(lx->errors, &at, 1, "Syntax Error: %s: %s.", what, shown(lx, at, out));
}

static int unexpected(struct gql_lexer *lx, uint32_t at)
{
    uint32_t c = 0;

    if (byte_at(lx, at) == '\'')
        return fail(lx, at,
                    "Unexpected single quote character ('), did you mean to use a double "
                    "quote (\")?");
    return fail_char(lx, at, decode(lx, at, &c) ? "Unexpected character" : "Invalid character");
}

uint32_t ecom__gql_hash(uint32_t seed, ecom_str name)
{
    uint32_t h = seed ^ 0x811C9DC5u;

    for (size_t i = 0; i < name.n; i++)
        h = (h ^ (unsigned char)name.p[i]) * 0x01000193u;
    return h;
}

struct gql_name ecom__gql_name(uint32_t seed, const char *name)
{
    ecom_str s = ecom_str_of(name);

    return (struct gql_name){s.p, (uint32_t)s.n, ecom__gql_hash(seed, s), 0};
}

static int lex_name(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t h = lx->seed ^ 0x811C9DC5u, i = lx->pos;
    const char *p = lx->source.p;

    while (i < lx->source.n) {
        uint8_t class = classes[(unsigned char)p[i]];
        if (class != NAME && class != DIGIT)
            break;
        h = (h ^ (unsigned char)p[i++]) * 0x01000193u;
    }
    *out = (struct gql_token){.kind = GQL_T_NAME, .at = lx->pos, .end = i, .hash = h};
    return ECOM_OK;
}

static int is_digit(unsigned char c)
{
    return c >= '0' && c <= '9';
}

static int digits(struct gql_lexer *lx, uint32_t *i)
{
    if (!is_digit(byte_at(lx, *i)))
        return fail_char(lx, *i, "Invalid number, expected digit but got");
    while (is_digit(byte_at(lx, *i)))
        ++*i;
    return ECOM_OK;
}

static int lex_number(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t i = lx->pos;
    int is_float = 0, r;

    i += byte_at(lx, i) == '-';
    if (byte_at(lx, i) == '0') {
        if (is_digit(byte_at(lx, ++i)))
            return fail_char(lx, i, "Invalid number, unexpected digit after 0");
    } else if ((r = digits(lx, &i)) < 0) {
        return r;
    }
    if (byte_at(lx, i) == '.') {
        is_float = 1;
        i++;
        if ((r = digits(lx, &i)) < 0)
            return r;
    }
    if ((byte_at(lx, i) | 0x20) == 'e') {
        is_float = 1;
        i++;
        i += byte_at(lx, i) == '+' || byte_at(lx, i) == '-';
        if ((r = digits(lx, &i)) < 0)
            return r;
    }
    if (byte_at(lx, i) == '.' || classes[byte_at(lx, i)] == NAME)
        return fail_char(lx, i, "Invalid number, expected digit but got");
    *out = (struct gql_token){.kind = is_float ? GQL_T_FLOAT : GQL_T_INT, .at = lx->pos, .end = i};
    return ECOM_OK;
}

static int hex(unsigned char c)
{
    return is_digit(c)                              ? c - '0'
           : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10
                                                    : -1;
}

/* Reads `\uXXXX` or `\u{X...}` at @p i. @return its length, or 0; the shown length in *bad. */
static uint32_t unicode_escape(const struct gql_lexer *lx, size_t i, uint32_t *c, uint32_t *bad)
{
    int braced = byte_at(lx, i + 2) == '{', d;
    size_t k = i + 2 + (size_t)braced;

    *c = 0;
    while ((d = hex(byte_at(lx, k))) >= 0 && (braced ? *c <= 0x10FFFF : k < i + 6)) {
        *c = *c << 4 | (uint32_t)d;
        k++;
    }
    *bad = braced ? (uint32_t)(k - i) + 1 : 6;
    if (braced)
        return byte_at(lx, k) == '}' && k > i + 3 && *c <= 0x10FFFF ? (uint32_t)(k + 1 - i) : 0;
    return k == i + 6 ? 6 : 0;
}

/* As above, with a pair of surrogates as one character; a lone one is none. */
static uint32_t character_escape(const struct gql_lexer *lx, size_t i, uint32_t *c, uint32_t *bad)
{
    uint32_t n = unicode_escape(lx, i, c, bad), low, more;

    if (!n || *c < 0xD800 || *c > 0xDFFF)
        return n;
    *bad = n;
    if (n != 6 || *c > 0xDBFF || byte_at(lx, i + 6) != '\\' || byte_at(lx, i + 7) != 'u' ||
        byte_at(lx, i + 8) == '{' || unicode_escape(lx, i + 6, &low, &more) != 6 || low < 0xDC00 ||
        low > 0xDFFF)
        return 0;
    *c = 0x10000 + ((*c & 0x3FF) << 10) + (low & 0x3FF);
    return 12;
}

static int bad_escape(struct gql_lexer *lx, uint32_t at, const char *what, uint32_t n)
{
    uint32_t left = (uint32_t)lx->source.n - at;

    n = n < left ? n : left;
    n = n < 16 ? n : 16;
    while (n > 1 && (byte_at(lx, at + n - 1) < 0x20 || byte_at(lx, at + n - 1) > 0x7E))
        n--;
    return ecom__gql_report(lx->errors, &at, 1, "Syntax Error: Invalid %s sequence: \"%.*s\".",
                            what, (int)n, lx->source.p + at);
}

static int check_escape(struct gql_lexer *lx, uint32_t *i)
{
    unsigned char c = byte_at(lx, *i + 1);
    uint32_t code, bad, n;

    if (c == 'u') {
        if (!(n = character_escape(lx, *i, &code, &bad)))
            return bad_escape(lx, *i, "Unicode escape", bad);
        *i += n;
        return ECOM_OK;
    }
    if (!c || !strchr("\"\\/bfnrt", c))
        return bad_escape(lx, *i, "character escape", 2);
    *i += 2;
    return ECOM_OK;
}

static int lex_string(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t i = lx->pos + 1, c = 0, n;
    int plain = 1, r;

    for (;;) {
        unsigned char b = byte_at(lx, i);
        if (at_end(lx, i) || b == '\n' || b == '\r')
            return fail(lx, i, "Unterminated string.");
        if (b == '"')
            break;
        if (b == '\\') {
            plain = 0;
            if ((r = check_escape(lx, &i)) < 0)
                return r;
        } else if (b < 0x80) {
            i++;
        } else if ((n = decode(lx, i, &c))) {
            i += n;
        } else {
            return fail_char(lx, i, "Invalid character within String");
        }
    }
    *out = (struct gql_token){
        .kind = GQL_T_STRING, .plain = (uint8_t)plain, .at = lx->pos, .end = i + 1};
    return ECOM_OK;
}

static int quotes_at(const struct gql_lexer *lx, size_t i)
{
    return byte_at(lx, i) == '"' && byte_at(lx, i + 1) == '"' && byte_at(lx, i + 2) == '"';
}

static int lex_block(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t i = lx->pos + 3, c = 0, n;

    while (!quotes_at(lx, i)) {
        if (at_end(lx, i))
            return fail(lx, i, "Unterminated string.");
        if (byte_at(lx, i) == '\\' && quotes_at(lx, i + 1))
            i += 4;
        else if ((n = decode(lx, i, &c)))
            i += n;
        else
            return fail_char(lx, i, "Invalid character within String");
    }
    *out = (struct gql_token){.kind = GQL_T_BLOCK, .at = lx->pos, .end = i + 3};
    return ECOM_OK;
}

/* Comments may hold any character, and must still be UTF-8. */
static int skip_comment(struct gql_lexer *lx)
{
    uint32_t c = 0, n;

    while (!at_end(lx, lx->pos) && byte_at(lx, lx->pos) != '\n' && byte_at(lx, lx->pos) != '\r') {
        if (!(n = decode(lx, lx->pos, &c)))
            return fail_char(lx, lx->pos, "Invalid character");
        lx->pos += n;
    }
    return ECOM_OK;
}

static int skip_ignored(struct gql_lexer *lx)
{
    int r;

    for (; !at_end(lx, lx->pos);) {
        unsigned char b = (unsigned char)lx->source.p[lx->pos];
        if (classes[b] == SPACE || classes[b] == NEWLINE)
            lx->pos++;
        else if (b == 0xEF && byte_at(lx, lx->pos + 1) == 0xBB && byte_at(lx, lx->pos + 2) == 0xBF)
            lx->pos += 3; /* U+FEFF */
        else if (b != '#')
            break;
        else if ((r = skip_comment(lx)) < 0)
            return r;
    }
    return ECOM_OK;
}

static int lex_punctuator(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t i = lx->pos;

    *out = (struct gql_token){.kind = byte_at(lx, i), .at = i, .end = i + 1};
    return ECOM_OK;
}

static int lex_other(struct gql_lexer *lx, struct gql_token *out)
{
    uint32_t i = lx->pos;
    unsigned char b = byte_at(lx, i);

    if (b == '"')
        return quotes_at(lx, i) ? lex_block(lx, out) : lex_string(lx, out);
    if (b == '-')
        return lex_number(lx, out);
    if (b == '.' && byte_at(lx, i + 1) == '.' && byte_at(lx, i + 2) == '.') {
        *out = (struct gql_token){.kind = GQL_T_SPREAD, .at = i, .end = i + 3};
        return ECOM_OK;
    }
    return unexpected(lx, i);
}

int ecom__gql_lex(struct gql_lexer *lx, struct gql_token *out)
{
    int r = skip_ignored(lx);

    if (r < 0)
        return r;
    if (at_end(lx, lx->pos)) {
        *out = (struct gql_token){.kind = GQL_T_END, .at = lx->pos, .end = lx->pos};
        return ECOM_OK;
    }
    if (++lx->ntokens > lx->max_tokens)
        return ecom__gql_exceeded(lx->errors, lx->pos,
                                  "Syntax Error: Document contains more than %u tokens "
                                  "(max_tokens). Parsing aborted.",
                                  lx->max_tokens);
    switch (classes[(unsigned char)lx->source.p[lx->pos]]) {
    case NAME:
        r = lex_name(lx, out);
        break;
    case PUNCT:
        r = lex_punctuator(lx, out);
        break;
    case DIGIT:
        r = lex_number(lx, out);
        break;
    default:
        r = lex_other(lx, out);
    }
    if (r == ECOM_OK)
        lx->pos = out->end;
    return r;
}

static char *put_utf8(char *p, uint32_t c)
{
    if (c < 0x80) {
        *p++ = (char)c;
    } else if (c < 0x800) {
        *p++ = (char)(0xC0 | c >> 6);
        *p++ = (char)(0x80 | (c & 0x3F));
    } else if (c < 0x10000) {
        *p++ = (char)(0xE0 | c >> 12);
        *p++ = (char)(0x80 | (c >> 6 & 0x3F));
        *p++ = (char)(0x80 | (c & 0x3F));
    } else {
        *p++ = (char)(0xF0 | c >> 18);
        *p++ = (char)(0x80 | (c >> 12 & 0x3F));
        *p++ = (char)(0x80 | (c >> 6 & 0x3F));
        *p++ = (char)(0x80 | (c & 0x3F));
    }
    return p;
}

static ecom_str unescape(const struct gql_lexer *lx, uint32_t i, uint32_t end, ecom_arena *arena)
{
    static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
    char *start = ecom_arena_alloc(arena, end - i + 1), *p = start;
    uint32_t c, bad;

    while (p && i < end) {
        if (byte_at(lx, i) != '\\') {
            *p++ = lx->source.p[i++];
        } else if (byte_at(lx, i + 1) == 'u') {
            i += character_escape(lx, i, &c, &bad);
            p = put_utf8(p, c);
        } else {
            *p++ = to[strchr(from, byte_at(lx, i + 1)) - from];
            i += 2;
        }
    }
    return (ecom_str){start, p ? (size_t)(p - start) : 0};
}

/* One line of a block string: [at, end). */
struct line {
    uint32_t at, end, indent;
    int blank;
};

static int next_line(const struct gql_lexer *lx, uint32_t *i, uint32_t end, struct line *line)
{
    if (*i > end)
        return 0;
    line->at = *i;
    while (*i < end && byte_at(lx, *i) != '\n' && byte_at(lx, *i) != '\r')
        ++*i;
    line->end = *i;
    *i += *i + 1 < end && byte_at(lx, *i) == '\r' && byte_at(lx, *i + 1) == '\n' ? 2 : 1;
    line->indent = 0;
    while (line->at + line->indent < line->end && (byte_at(lx, line->at + line->indent) == ' ' ||
                                                   byte_at(lx, line->at + line->indent) == '\t'))
        line->indent++;
    line->blank = line->at + line->indent == line->end;
    return 1;
}

static char *put_raw(const struct gql_lexer *lx, char *p, uint32_t i, uint32_t end)
{
    while (i < end) {
        i += byte_at(lx, i) == '\\' && i + 3 < end && quotes_at(lx, i + 1);
        *p++ = lx->source.p[i++];
    }
    return p;
}

/* The lines without their common indentation (the first line's does not count) and without blank
 * ones at both ends. */
static ecom_str block_value(const struct gql_lexer *lx, uint32_t at, uint32_t end,
                            ecom_arena *arena)
{
    uint32_t common = UINT32_MAX, number = 0, first = UINT32_MAX, last = 0, i;
    char *start = ecom_arena_alloc(arena, end - at + 2), *p = start;
    struct line line;

    if (!start)
        return (ecom_str){NULL, 0};
    for (i = at; next_line(lx, &i, end, &line); number++) {
        if (line.blank)
            continue;
        first = first == UINT32_MAX ? number : first;
        last = number;
        if (number > 0 && line.indent < common)
            common = line.indent;
    }
    number = 0;
    for (i = at; first != UINT32_MAX && next_line(lx, &i, end, &line) && number <= last; number++) {
        uint32_t cut = number == 0 || common == UINT32_MAX ? 0 : common;
        if (number < first)
            continue;
        if (number > first)
            *p++ = '\n';
        if (line.at + cut < line.end)
            p = put_raw(lx, p, line.at + cut, line.end);
    }
    return (ecom_str){start, (size_t)(p - start)};
}

ecom_str ecom__gql_string(const struct gql_lexer *lx, const struct gql_token *token,
                          ecom_arena *arena)
{
    if (token->kind == GQL_T_BLOCK)
        return block_value(lx, token->at + 3, token->end - 3, arena);
    if (token->plain)
        return (ecom_str){lx->source.p + token->at + 1, token->end - token->at - 2};
    return unescape(lx, token->at + 1, token->end - 1, arena);
}

void ecom__gql_token_text(const struct gql_lexer *lx, const struct gql_token *token, char out[160])
{
    static const char *const kinds[] = {[GQL_T_NAME] = "Name",
                                        [GQL_T_INT] = "Int",
                                        [GQL_T_FLOAT] = "Float",
                                        [GQL_T_STRING] = "String",
                                        [GQL_T_BLOCK] = "BlockString"};
    ecom_str text = {lx->source.p + token->at, token->end - token->at};
    const char *more = "";

    if (token->kind == GQL_T_STRING || token->kind == GQL_T_BLOCK)
        text = ecom__gql_string(lx, token, lx->errors->arena);
    if (text.p && text.n > 100) {
        for (text.n = 100; text.n > 0 && ((unsigned char)text.p[text.n] & 0xC0) == 0x80;)
            text.n--;
        more = "...";
    }
    if (token->kind == GQL_T_END)
        snprintf(out, 160, "<EOF>");
    else if (token->kind == GQL_T_SPREAD)
        snprintf(out, 160, "\"...\"");
    else if (token->kind > GQL_T_BLOCK)
        snprintf(out, 160, "\"%c\"", token->kind);
    else
        snprintf(out, 160, "%s \"%.*s%s\"", kinds[token->kind], GQL_P(text), more);
}
