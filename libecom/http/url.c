#include "http/url.h"

#include <string.h>

#include "http/head.h"

static int invalid(ecom_error *err, const char *what)
{
    return ecom_fail_field(err, ECOM_E_INVAL, "url", "%s", what);
}

static int set_port(struct url *url, ecom_str text, ecom_error *err)
{
    int port = 0;

    for (size_t i = 0; i < text.n && port <= 65535; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return invalid(err, "the port is not a number");
        port = port * 10 + (text.p[i] - '0');
    }
    if (port < 1 || port > 65535 || text.n > 5)
        return invalid(err, "the port is not in 1 to 65535");
    memcpy(url->port, text.p, text.n);
    url->port[text.n] = '\0';
    return ECOM_OK;
}

static int set_host(struct url *url, ecom_str text, ecom_error *err)
{
    if (text.n == 0 || text.n >= sizeof(url->host))
        return invalid(err, "the host is missing or too long");
    for (size_t i = 0; i < text.n; i++)
        if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._:%",
                    text.p[i]))
            return invalid(err, "the host has characters that it may not have");
    memcpy(url->host, text.p, text.n);
    url->host[text.n] = '\0';
    return ECOM_OK;
}

/* The host ends at the last colon, or at the bracket that closes an IPv6 address. */
static int split_authority(struct url *url, ecom_error *err)
{
    ecom_str all = url->authority, host = all, port = LIT("80");
    const char *colon;

    if (all.n && all.p[0] == '[') {
        const char *close = memchr(all.p, ']', all.n);
        if (!close)
            return invalid(err, "the bracket of the host is not closed");
        host = (ecom_str){all.p + 1, (size_t)(close - all.p) - 1};
        colon = close + 1 < all.p + all.n ? close + 1 : NULL;
        if (colon && *colon != ':')
            return invalid(err, "something stands between host and port");
    } else {
        colon = all.n ? memchr(all.p, ':', all.n) : NULL;
        host.n = colon ? (size_t)(colon - all.p) : all.n;
    }
    if (colon)
        port = (ecom_str){colon + 1, (size_t)(all.p + all.n - colon - 1)};
    int r = set_host(url, host, err);
    return r < 0 ? r : set_port(url, port, err);
}

int ecom__http_url_parse(struct url *url, ecom_str text, ecom_error *err)
{
    size_t i = 7;

    if (text.n < 8 || !ecom__same((ecom_str){text.p, 7}, LIT("http://")))
        return invalid(err, "it must start with http://");
    if (!ecom__http_is_visible(text) || memchr(text.p, '#', text.n))
        return invalid(err, "it has a space, a control, a character beyond ASCII or a fragment");
    while (i < text.n && text.p[i] != '/' && text.p[i] != '?')
        i++;
    url->authority = (ecom_str){text.p + 7, i - 7};
    url->target = (ecom_str){text.p + i, text.n - i};
    if (memchr(url->authority.p, '@', url->authority.n))
        return invalid(err, "it must not hold a user");
    return split_authority(url, err);
}
