#include "lambda/reply.h"

#include <string.h>

#include "base/ascii.h"

enum state { STATUS, HEADERS, BODY, TO_END, CHUNK, CHUNK_DATA, CHUNK_END, TRAILERS };

void ecom__lambda_reply_init(struct reply *reply, uint32_t max_bytes)
{
    memset(reply, 0, sizeof(*reply));
    reply->max_bytes = max_bytes;
}

void ecom__lambda_reply_clear(struct reply *reply)
{
    ecom_buf_free(&reply->head);
    ecom_buf_free(&reply->body);
    ecom_buf_free(&reply->line);
}

static int malformed(const char *what, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "Runtime API: malformed response: %s", what);
}

static int nomem(ecom_error *err)
{
    return ecom_fail(err, ECOM_E_NOMEM, "receiving a response");
}

static int too_large(const struct reply *reply, ecom_error *err)
{
    return ecom_fail(err, ECOM_E_TOOLARGE, "Runtime API: a response of more than %u bytes",
                     (unsigned)reply->max_bytes);
}

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200 OK" */
static int read_status(struct reply *reply, ecom_str line, ecom_error *err)
{
    const char *p = line.p;

    if (line.n < 12 || memcmp(p, "HTTP/1.", 7) != 0 || (p[7] != '0' && p[7] != '1') ||
        p[8] != ' ' || !is_digit(p[9]) || !is_digit(p[10]) || !is_digit(p[11]) ||
        (line.n > 12 && p[12] != ' '))
        return malformed("its first line", err);
    reply->status = (p[9] - '0') * 100 + (p[10] - '0') * 10 + (p[11] - '0');
    reply->keep_alive = p[7] == '1';
    if (reply->status < 100 || reply->status == 101 || reply->status > 599)
        return malformed("a status that was not asked for", err);
    reply->state = HEADERS;
    return ECOM_OK;
}

static int read_length(struct reply *reply, ecom_str value, ecom_error *err)
{
    uint64_t n = 0;

    if (value.n < 1 || value.n > 18)
        return malformed("Content-Length", err);
    for (size_t i = 0; i < value.n; i++) {
        if (!is_digit(value.p[i]))
            return malformed("Content-Length", err);
        n = n * 10 + (uint64_t)(value.p[i] - '0');
    }
    if (reply->sized && n != reply->left)
        return malformed("two lengths", err);
    reply->sized = 1;
    reply->left = n;
    return ECOM_OK;
}

static int is_name(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] > '~' || strchr("\"(),/:;<=>?@[\\]{}", s.p[i]))
            return 0;
    return s.n > 0;
}

static int read_header(struct reply *reply, ecom_str line, ecom_error *err)
{
    const char *colon = memchr(line.p, ':', line.n);
    ecom_str name = {line.p, colon ? (size_t)(colon - line.p) : 0};

    if (!is_name(name))
        return malformed("a header's name", err);
    ecom_str value = ecom__trim((ecom_str){colon + 1, line.n - name.n - 1});
    for (size_t i = 0; i < value.n; i++)
        if ((unsigned char)value.p[i] < ' ' && value.p[i] != '\t')
            return malformed("a header's value", err);
    if (ecom__is_word(name, "Content-Length"))
        return read_length(reply, value, err);
    if (ecom__is_word(name, "Transfer-Encoding")) {
        if (reply->chunked || !ecom__is_word(value, "chunked"))
            return malformed("Transfer-Encoding", err);
        reply->chunked = 1;
    }
    if (ecom__is_word(name, "Connection") && ecom__is_word(value, "close"))
        reply->keep_alive = 0;
    return ECOM_OK;
}

/* Where the body begins, by RFC 9112 6.3. */
static int begin_body(struct reply *reply, ecom_error *err)
{
    if (reply->chunked && reply->sized)
        return malformed("two ways to tell its length", err);
    if (reply->status < 200) {
        if (++reply->interim > REPLY_MAX_INTERIM)
            return malformed("too many interim ones", err);
        reply->head.n = 0;
        reply->sized = reply->chunked = 0;
        reply->left = 0;
        reply->state = STATUS;
    } else if (reply->status == 204 || reply->status == 304) {
        reply->done = 1;
    } else if (reply->chunked) {
        reply->state = CHUNK;
    } else if (reply->sized) {
        if (reply->left > reply->max_bytes)
            return too_large(reply, err);
        reply->state = BODY;
        reply->done = reply->left == 0;
    } else {
        reply->state = TO_END;
        reply->keep_alive = 0;
    }
    return ECOM_OK;
}

/* "1f;extension" */
static int begin_chunk(struct reply *reply, ecom_str line, ecom_error *err)
{
    uint64_t n = 0;
    size_t i = 0;

    for (; i < line.n && line.p[i] != ';' && line.p[i] != ' ' && line.p[i] != '\t'; i++) {
        char c = line.p[i];
        int v = is_digit(c)              ? c - '0'
                : (c >= 'a' && c <= 'f') ? c - 'a' + 10
                : (c >= 'A' && c <= 'F') ? c - 'A' + 10
                                         : -1;
        if (v < 0 || i > 8)
            return malformed("a chunk's size", err);
        n = n * 16 + (uint64_t)v;
    }
    if (i == 0)
        return malformed("a chunk's size", err);
    if (n > reply->max_bytes - reply->body.n)
        return too_large(reply, err);
    reply->left = n;
    reply->state = n ? CHUNK_DATA : TRAILERS;
    return ECOM_OK;
}

/* A line without its end. */
static int read_line(struct reply *reply, ecom_str line, ecom_error *err)
{
    int r = ECOM_OK;

    switch (reply->state) {
    case STATUS:
        return read_status(reply, line, err);
    case HEADERS:
        if (line.n == 0)
            return begin_body(reply, err);
        if ((r = read_header(reply, line, err)) < 0)
            return r;
        if (ecom_buf_append(&reply->head, line) < 0 ||
            ecom_buf_append(&reply->head, (ecom_str){"\n", 1}) < 0)
            return nomem(err);
        return ECOM_OK;
    case CHUNK:
        return begin_chunk(reply, line, err);
    case CHUNK_END:
        reply->state = CHUNK;
        return line.n ? malformed("a chunk's end", err) : ECOM_OK;
    default:
        reply->done = line.n == 0;
        return ECOM_OK;
    }
}

/* Takes up to the end of a line, and reads it when it is there. */
static ssize_t feed_line(struct reply *reply, ecom_str in, ecom_error *err)
{
    const char *end = memchr(in.p, '\n', in.n);
    size_t n = end ? (size_t)(end - in.p) + 1 : in.n;

    reply->extra += n;
    if (reply->extra > REPLY_MAX_HEAD)
        return ecom_fail(err, ECOM_E_TOOLARGE, "Runtime API: a head of more than %d bytes",
                         REPLY_MAX_HEAD);
    if (ecom_buf_append(&reply->line, (ecom_str){in.p, n}) < 0)
        return nomem(err);
    if (!end)
        return (ssize_t)n;
    ecom_str line = ecom_buf_str(&reply->line);
    if (line.n < 2 || line.p[line.n - 2] != '\r')
        return malformed("a line without its end", err);
    line.n -= 2;
    if (memchr(line.p, '\r', line.n))
        return malformed("a carriage return within a line", err);
    int r = read_line(reply, line, err);
    reply->line.n = 0;
    return r < 0 ? r : (ssize_t)n;
}

static ssize_t feed_body(struct reply *reply, ecom_str in, ecom_error *err)
{
    size_t n = reply->state == TO_END || in.n < reply->left ? in.n : (size_t)reply->left;

    if (n > reply->max_bytes - reply->body.n)
        return too_large(reply, err);
    if (ecom_buf_append(&reply->body, (ecom_str){in.p, n}) < 0)
        return nomem(err);
    if (reply->state == TO_END)
        return (ssize_t)n;
    reply->left -= n;
    if (reply->left == 0 && reply->state == CHUNK_DATA)
        reply->state = CHUNK_END;
    else
        reply->done = reply->left == 0;
    return (ssize_t)n;
}

ssize_t ecom__lambda_reply_feed(struct reply *reply, ecom_str in, ecom_error *err)
{
    size_t used = 0;

    while (used < in.n && !reply->done) {
        ecom_str rest = {in.p + used, in.n - used};
        int in_body = reply->state == BODY || reply->state == TO_END || reply->state == CHUNK_DATA;
        ssize_t n = in_body ? feed_body(reply, rest, err) : feed_line(reply, rest, err);
        if (n < 0)
            return n;
        used += (size_t)n;
    }
    return (ssize_t)used;
}

int ecom__lambda_reply_end(struct reply *reply, ecom_error *err)
{
    if (!reply->done && reply->state != TO_END)
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "Runtime API: the connection ended before the response did");
    reply->done = 1;
    return ECOM_OK;
}

ecom_str ecom__lambda_reply_header(const struct reply *reply, const char *name)
{
    const char *p = reply->head.p, *end = reply->head.n ? p + reply->head.n : p;

    while (p < end) {
        const char *feed = memchr(p, '\n', (size_t)(end - p));
        const char *colon = memchr(p, ':', (size_t)(feed - p));
        if (ecom__is_word((ecom_str){p, (size_t)(colon - p)}, name))
            return ecom__trim((ecom_str){colon + 1, (size_t)(feed - colon - 1)});
        p = feed + 1;
    }
    return (ecom_str){NULL, 0};
}
