#include "http/chunked.h"

/* Not left to llhttp: in its loose mode it takes any byte for the LF behind a size and any two for
 * the CR LF behind the data, and it does not bound extensions and trailers. */

enum state {
    SIZE, /* digits of a chunk's size */
    EXTENSION,
    SIZE_LF,
    DATA,
    DATA_CR,
    DATA_LF,
    TRAILER, /* the first byte of a line behind the last chunk */
    TRAILER_NAME,
    TRAILER_VALUE,
    TRAILER_LF,
    END_LF
};

static int size_byte(struct chunks *c, char byte, struct refusal *why)
{
    int digit = ecom__http_hex(byte);

    if (digit >= 0 && ++c->digits <= 15) {
        c->left = c->left * 16 + (uint64_t)digit;
        return 0;
    }
    if (digit >= 0 || c->digits == 0 || (byte != ';' && byte != '\r'))
        return ecom__http_refuse(why, 400, "a chunk's size is not a hexadecimal number in range");
    c->state = byte == ';' ? EXTENSION : SIZE_LF;
    return 0;
}

/* A byte that must be this one. */
static int exactly(struct chunks *c, char byte, char want, enum state then, struct refusal *why)
{
    if (byte != want)
        return ecom__http_refuse(why, 400, "a chunk's line does not end with CR LF");
    c->state = then;
    return 0;
}

/* A byte of what is ignored, up to the CR. */
static int ignored(struct chunks *c, char byte, enum state then, struct refusal *why)
{
    if (byte == '\r')
        c->state = then;
    else if (!ecom__http_is_text((ecom_str){&byte, 1}))
        return ecom__http_refuse(why, 400, "a chunk's line has characters that it may not have");
    return 0;
}

static int trailer_name(struct chunks *c, char byte, struct refusal *why)
{
    if (byte == ':' && c->state == TRAILER_NAME)
        c->state = TRAILER_VALUE;
    else if (ecom__http_is_token((ecom_str){&byte, 1}))
        c->state = TRAILER_NAME;
    else
        return ecom__http_refuse(why, 400, "a trailer's name has characters that it may not have");
    return 0;
}

static int size_end(struct chunks *c, char byte, size_t room, struct refusal *why)
{
    if (c->left > room)
        return ecom__http_refuse(why, 413, "the body is too long");
    c->digits = 0;
    return exactly(c, byte, '\n', c->left ? DATA : TRAILER, why);
}

/* One byte of all that is not content. */
static int line_byte(struct chunks *c, char byte, size_t room, struct refusal *why)
{
    switch (c->state) {
    case SIZE:
        return size_byte(c, byte, why);
    case EXTENSION:
        c->extra++;
        return ignored(c, byte, SIZE_LF, why);
    case SIZE_LF:
        return size_end(c, byte, room, why);
    case DATA_CR:
        return exactly(c, byte, '\r', DATA_LF, why);
    case DATA_LF:
        return exactly(c, byte, '\n', SIZE, why);
    case TRAILER:
        if (byte == '\r')
            return exactly(c, byte, '\r', END_LF, why);
        /* fall through */
    case TRAILER_NAME:
        c->extra++;
        return trailer_name(c, byte, why);
    case TRAILER_VALUE:
        c->extra++;
        return ignored(c, byte, TRAILER_LF, why);
    case TRAILER_LF:
        return exactly(c, byte, '\n', TRAILER, why);
    default: /* END_LF */
        c->done = byte == '\n';
        return exactly(c, byte, '\n', SIZE, why);
    }
}

ssize_t ecom__http_chunks_feed(struct chunks *chunks, ecom_str in, ecom_buf *body, size_t max_body,
                               size_t max_extra, struct refusal *why)
{
    size_t i = 0;

    while (i < in.n && !chunks->done) {
        if (chunks->state == DATA) {
            size_t n = in.n - i < chunks->left ? in.n - i : (size_t)chunks->left;
            if (ecom_buf_append(body, (ecom_str){in.p + i, n}) < 0)
                return ecom__http_refuse(why, 503, "out of memory");
            i += n;
            chunks->left -= n;
            if (chunks->left == 0)
                chunks->state = DATA_CR;
            continue;
        }
        if (line_byte(chunks, in.p[i++], max_body - body->n, why) < 0)
            return -1;
        if (chunks->extra > max_extra)
            return ecom__http_refuse(why, 431,
                                     "extensions and trailers of the chunks are too long");
    }
    return (ssize_t)i;
}
