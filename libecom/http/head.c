#include "http/head.h"

#include <llhttp.h>
#include <string.h>

/* llhttp reads the head, but forgives, the more so in the loose mode that Debian 12 builds: bare
 * line feeds, any byte behind a CR, spaces in names, several spaces between the parts of the first
 * line. So the lines are checked here first, and llhttp has to agree with what was found. */

int ecom__http_refuse(struct refusal *why, int32_t status, const char *text)
{
    *why = (struct refusal){status, text};
    return -1;
}

static int token_char(unsigned char c)
{
    static const uint32_t bits[4] = {0, 0x03FF6CFA, 0xC7FFFFFE, 0x57FFFFFF};

    return c < 128 && bits[c >> 5] >> (c & 31) & 1;
}

int ecom__http_is_token(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (!token_char((unsigned char)s.p[i]))
            return 0;
    return s.n > 0;
}

/* Without a branch a byte, so that the compiler looks at many at once: values are long. */
int ecom__http_is_text(ecom_str s)
{
    unsigned char controls = 0;

    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        controls |= (unsigned char)(((c < 0x20) & (c != '\t')) | (c == 0x7F));
    }
    return !controls;
}

int ecom__http_is_visible(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] <= 0x20 || (unsigned char)s.p[i] >= 0x7F)
            return 0;
    return s.n > 0;
}

int ecom__http_hex(char c)
{
    return c >= '0' && c <= '9'   ? c - '0'
           : c >= 'a' && c <= 'f' ? c - 'a' + 10
           : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                  : -1;
}

const ecom_header *ecom__http_head_next(const struct head *head, ecom_str name, size_t *from)
{
    while (*from < head->nheaders) {
        const ecom_header *h = &head->headers[(*from)++];
        if (ecom__same(h->name, name))
            return h;
    }
    return NULL;
}

ssize_t ecom__http_head_find(struct head_scan *scan, ecom_str bytes, size_t max,
                             struct refusal *why)
{
    const char *lf;

    while (scan->at < bytes.n && (lf = memchr(bytes.p + scan->at, '\n', bytes.n - scan->at))) {
        size_t i = (size_t)(lf - bytes.p);
        int empty = i == scan->line + 1;
        if (i >= max)
            break;
        if (i == scan->line || lf[-1] != '\r')
            return ecom__http_refuse(why, 400, "a line does not end with CR LF");
        scan->at = i + 1;
        if (empty && scan->line > scan->start)
            return (ssize_t)i + 1;
        if (empty) /* empty lines before a request are skipped (RFC 9112 2.2) */
            scan->start = i + 1;
        scan->line = i + 1;
    }
    scan->at = bytes.n;
    if (bytes.n < max)
        return 0;
    return scan->line == scan->start ? ecom__http_refuse(why, 414, "the request line is too long")
                                     : ecom__http_refuse(why, 431, "the headers are too long");
}

/* Cuts the next line off, without its CR LF, which ecom__http_head_find() has seen. */
static ecom_str next_line(ecom_str *bytes)
{
    const char *lf = memchr(bytes->p, '\n', bytes->n);
    ecom_str line = {bytes->p, (size_t)(lf - bytes->p) - 1};

    bytes->n -= line.n + 2;
    bytes->p = lf + 1;
    return line;
}

/* One space between three parts, which hold neither spaces nor controls. */
static int request_line(struct head *head, ecom_str line, struct refusal *why)
{
    const char *a = memchr(line.p, ' ', line.n), *end = line.p + line.n;
    const char *b = a ? memchr(a + 1, ' ', (size_t)(end - a - 1)) : NULL;

    if (!b)
        return ecom__http_refuse(why, 400, "the request line has no three parts");
    head->method = (ecom_str){line.p, (size_t)(a - line.p)};
    head->target = (ecom_str){a + 1, (size_t)(b - a - 1)};
    ecom_str version = {b + 1, (size_t)(end - b - 1)};
    if (!ecom__http_is_token(head->method))
        return ecom__http_refuse(why, 400, "the method has characters that it may not have");
    if (!ecom__http_is_visible(head->target))
        return ecom__http_refuse(why, 400, "the target has characters that it may not have");
    if (version.n != 8 || memcmp(version.p, "HTTP/", 5) != 0 || version.p[6] != '.')
        return ecom__http_refuse(why, 400, "the request line does not end with a version of HTTP");
    if (version.p[5] != '1' || (version.p[7] != '0' && version.p[7] != '1'))
        return ecom__http_refuse(why, 505, "only HTTP/1.0 and HTTP/1.1 are spoken here");
    return 0;
}

/* Names are tokens right up to the colon, values have no controls: which leaves no folded lines, no
 * space before a colon, no stray CR. */
static int header_lines(ecom_str bytes, size_t *count, struct refusal *why)
{
    for (*count = 0; bytes.n > 2; (*count)++) {
        ecom_str line = next_line(&bytes);
        const char *colon = memchr(line.p, ':', line.n);
        if (!colon || !ecom__http_is_token((ecom_str){line.p, (size_t)(colon - line.p)}))
            return ecom__http_refuse(why, 400,
                                     "a header's name has characters that it may not have");
        if (!ecom__http_is_text((ecom_str){colon, (size_t)(line.p + line.n - colon)}))
            return ecom__http_refuse(why, 400,
                                     "a header's value has characters that it may not have");
    }
    return 0;
}

static int on_header_field(llhttp_t *parser, const char *at, size_t n)
{
    struct head *head = parser->data;

    if (head->nheaders == head->max)
        return -1;
    head->headers[head->nheaders++] = (ecom_header){{at, n}, {"", 0}};
    return 0;
}

static int on_header_value(llhttp_t *parser, const char *at, size_t n)
{
    struct head *head = parser->data;

    if (head->nheaders == 0)
        return -1;
    head->headers[head->nheaders - 1].value = ecom__trim((ecom_str){at, n});
    return 0;
}

static int on_headers_complete(llhttp_t *parser)
{
    struct head *head = parser->data;

    head->minor = llhttp_get_http_minor(parser);
    head->status = llhttp_get_status_code(parser);
    head->keep_alive = parser->http_minor > 0 ? !(parser->flags & F_CONNECTION_CLOSE)
                                              : !!(parser->flags & F_CONNECTION_KEEP_ALIVE) &&
                                                    !(parser->flags & F_CONNECTION_CLOSE);
    return 1; /* the body is not for llhttp */
}

/* Runs llhttp over the whole head, which must find the same number of headers. */
static int run_llhttp(struct head *head, llhttp_type_t type, ecom_str bytes, size_t count,
                      struct refusal *why)
{
    static const llhttp_settings_t settings = {.on_header_field = on_header_field,
                                               .on_header_value = on_header_value,
                                               .on_headers_complete = on_headers_complete};
    llhttp_t parser;

    if (count > head->max)
        return ecom__http_refuse(why, 431, "there are too many headers");
    llhttp_init(&parser, type, &settings);
    parser.data = head;
    head->minor = -1;
    llhttp_errno_t r = llhttp_execute(&parser, bytes.p, bytes.n);
    if (r == HPE_INVALID_METHOD || (r == HPE_INVALID_CONSTANT && type == HTTP_REQUEST))
        return ecom__http_refuse(why, 501, "the method is not known here");
    if (r == HPE_UNEXPECTED_CONTENT_LENGTH || r == HPE_INVALID_CONTENT_LENGTH)
        return ecom__http_refuse(why, 400, "the length of the body is not said once and clearly");
    if ((r != HPE_OK && r != HPE_PAUSED_UPGRADE) || head->minor < 0 || head->nheaders != count)
        return ecom__http_refuse(why, 400, "the head is malformed");
    return 0;
}

static int content_length(struct head *head, ecom_str value, struct refusal *why)
{
    int64_t n = 0;

    if (head->length >= 0)
        return ecom__http_refuse(why, 400, "Content-Length is there more than once");
    if (value.n == 0 || value.n > 18)
        return ecom__http_refuse(why, 400, "Content-Length is not a number in range");
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] < '0' || value.p[i] > '9')
            return ecom__http_refuse(why, 400, "Content-Length is not a number");
        n = n * 10 + (value.p[i] - '0');
    }
    head->length = n;
    return 0;
}

static int transfer_encoding(struct head *head, ecom_str value, struct refusal *why)
{
    if (head->chunked)
        return ecom__http_refuse(why, 400, "Transfer-Encoding is there more than once");
    if (head->minor == 0)
        return ecom__http_refuse(why, 400, "Transfer-Encoding does not exist in HTTP/1.0");
    if (!ecom__same(value, LIT("chunked")))
        return ecom__http_refuse(why, 501, "no Transfer-Encoding but chunked is known here");
    head->chunked = 1;
    return 0;
}

/* How long the body is: the one thing that both ends of a connection must agree on. */
static int framing(struct head *head, struct refusal *why)
{
    head->length = -1;
    head->chunked = 0;
    for (size_t i = 0; i < head->nheaders; i++) {
        const ecom_header *h = &head->headers[i];
        if (ecom__same(h->name, LIT("content-length")) && content_length(head, h->value, why) < 0)
            return -1;
        if (ecom__same(h->name, LIT("transfer-encoding")) &&
            transfer_encoding(head, h->value, why) < 0)
            return -1;
    }
    if (head->chunked && head->length >= 0)
        return ecom__http_refuse(why, 400,
                                 "Content-Length and Transfer-Encoding exclude each other");
    return 0;
}

static int host_value(ecom_str value)
{
    for (size_t i = 0; i < value.n; i++)
        if (!token_char((unsigned char)value.p[i]) && !strchr(":[](),;=", value.p[i]))
            return 0;
    return 1;
}

static int request_headers(struct head *head, struct refusal *why)
{
    int hosts = 0;

    head->continues = 0;
    for (size_t i = 0; i < head->nheaders; i++) {
        const ecom_header *h = &head->headers[i];
        if (ecom__same(h->name, LIT("host")) && (++hosts > 1 || !host_value(h->value)))
            return ecom__http_refuse(why, 400, "Host is there more than once, or is none");
        if (head->minor == 1 && ecom__same(h->name, LIT("expect"))) {
            if (!ecom__same(h->value, LIT("100-continue")))
                return ecom__http_refuse(why, 417, "no expectation but 100-continue is known here");
            head->continues = 1;
        }
    }
    if (head->minor == 1 && hosts == 0)
        return ecom__http_refuse(why, 400, "Host is missing");
    return 0;
}

/* Without the empty lines that may stand before it. */
static ecom_str skip_empty_lines(ecom_str bytes)
{
    while (bytes.n > 2 && bytes.p[0] == '\r' && bytes.p[1] == '\n') {
        bytes.p += 2;
        bytes.n -= 2;
    }
    return bytes;
}

int ecom__http_request_parse(struct head *head, ecom_str bytes, struct refusal *why)
{
    bytes = skip_empty_lines(bytes);
    ecom_str rest = bytes;
    size_t count;

    head->nheaders = 0;
    if (request_line(head, next_line(&rest), why) < 0 || header_lines(rest, &count, why) < 0 ||
        run_llhttp(head, HTTP_REQUEST, bytes, count, why) < 0 || framing(head, why) < 0)
        return -1;
    return request_headers(head, why);
}

int ecom__http_response_parse(struct head *head, ecom_str bytes, struct refusal *why)
{
    ecom_str rest = bytes;
    size_t count;

    head->nheaders = 0;
    head->method = head->target = (ecom_str){NULL, 0};
    head->continues = 0;
    ecom_str line = next_line(&rest);
    if (line.n < 12 || memcmp(line.p, "HTTP/1.", 7) != 0 || line.p[8] != ' ' ||
        !ecom__http_is_text(line))
        return ecom__http_refuse(why, 502, "the status line is malformed");
    if (header_lines(rest, &count, why) < 0 ||
        run_llhttp(head, HTTP_RESPONSE, bytes, count, why) < 0)
        return -1;
    return framing(head, why);
}
