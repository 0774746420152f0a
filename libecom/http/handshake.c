#include "http/handshake.h"

#include <sodium.h>
#include <string.h>

#include "http/sha1.h"

enum { KEY_CHARS = 24 };

/* Cuts the next element off a list; empty ones are skipped. @return 0 at its end. */
static int next_element(ecom_str *list, ecom_str *element)
{
    while (list->n) {
        const char *comma = memchr(list->p, ',', list->n);
        size_t n = comma ? (size_t)(comma - list->p) : list->n;
        *element = ecom__trim((ecom_str){list->p, n});
        list->p += n + (comma != NULL);
        list->n -= n + (comma != NULL);
        if (element->n)
            return 1;
    }
    return 0;
}

static int has_token(ecom_str list, ecom_str token)
{
    ecom_str element;

    while (next_element(&list, &element))
        if (ecom__same(element, token))
            return 1;
    return 0;
}

/* 16 bytes in base64, written in the one way there is. */
static int is_key(ecom_str key)
{
    unsigned char bytes[16];
    size_t n = 0;

    return key.n == KEY_CHARS &&
           sodium_base642bin(bytes, sizeof(bytes), key.p, key.n, NULL, &n, NULL,
                             sodium_base64_VARIANT_ORIGINAL) == 0 &&
           n == sizeof(bytes);
}

static void make_accept(ecom_str key, char accept[HANDSHAKE_ACCEPT + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_CHARS + sizeof(guid)];
    uint8_t sum[SHA1_BYTES];

    memcpy(text, key.p, KEY_CHARS);
    memcpy(text + KEY_CHARS, guid, sizeof(guid));
    ecom__http_sha1((ecom_str){text, sizeof(text) - 1}, sum);
    sodium_bin2base64(accept, HANDSHAKE_ACCEPT + 1, sum, sizeof(sum),
                      sodium_base64_VARIANT_ORIGINAL);
}

static int origin_ok(struct ecom_exchange *x, const ecom_websocket_options *opts)
{
    ecom_str origin = ecom_exchange_header(x, "origin");

    for (size_t i = 0; i < opts->norigins; i++)
        if (ecom__same(origin, ecom_str_of(opts->origins[i])))
            return 1;
    return opts->norigins == 0 || !origin.p;
}

static const char *choose_protocol(struct ecom_exchange *x, const ecom_websocket_options *opts)
{
    for (size_t i = 0; i < opts->nprotocols; i++) {
        ecom_str list = ecom_exchange_header(x, "sec-websocket-protocol"), element;
        while (next_element(&list, &element))
            if (ecom_str_eq(element, ecom_str_of(opts->protocols[i])))
                return opts->protocols[i];
    }
    return NULL;
}

int ecom_exchange_wants_websocket(ecom_exchange *x)
{
    return has_token(ecom_exchange_header(x, "upgrade"), LIT("websocket"));
}

int ecom__http_handshake(struct ecom_exchange *x, const ecom_websocket_options *opts,
                         char accept[HANDSHAKE_ACCEPT + 1], const char **protocol,
                         struct refusal *why)
{
    ecom_str key = ecom_exchange_header(x, "sec-websocket-key");

    if (!ecom_str_eq(x->head.method, LIT("GET")) || x->head.minor == 0)
        return ecom__http_refuse(why, 400, "a WebSocket begins with a GET of HTTP/1.1");
    if (!ecom_exchange_wants_websocket(x))
        return ecom__http_refuse(why, 426, "a WebSocket is spoken here: Upgrade is missing");
    if (!has_token(ecom_exchange_header(x, "connection"), LIT("Upgrade")))
        return ecom__http_refuse(why, 400, "Connection does not say Upgrade");
    if (x->body.n)
        return ecom__http_refuse(why, 400, "a WebSocket's handshake has no body");
    if (!ecom_str_eq(ecom_exchange_header(x, "sec-websocket-version"), LIT("13")))
        return ecom__http_refuse(why, 426, "Sec-WebSocket-Version must be 13");
    if (!is_key(key))
        return ecom__http_refuse(why, 400, "Sec-WebSocket-Key is not 16 bytes in base64");
    if (!origin_ok(x, opts))
        return ecom__http_refuse(why, 403, "pages of this Origin may not connect");
    make_accept(key, accept);
    *protocol = choose_protocol(x, opts);
    return 0;
}
