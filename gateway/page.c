#include "page.h"

#include <string.h>

#include "client.js.h"
#include "icon.svg.h"
#include "index.html.h"
#include "language.js.h"
#include "live.js.h"
#include "page.css.h"
#include "page.js.h"

#define JS "text/javascript; charset=utf-8"
#define FILE(name_, type_, bytes_)                   \
    {                                                \
        name_, type_,                                \
        {                                            \
            (const char *)bytes_, sizeof(bytes_) - 1 \
        }                                            \
    }

static const struct file {
    const char *name, *type;
    ecom_str bytes;
} files[] = {
    FILE("index.html", "text/html; charset=utf-8", index_html),
    FILE("page.css", "text/css; charset=utf-8", page_css),
    FILE("page.js", JS, page_js),
    FILE("client.js", JS, client_js),
    FILE("language.js", JS, language_js),
    FILE("live.js", JS, live_js),
    FILE("icon.svg", "image/svg+xml", icon_svg),
};

/* Nothing inline, nothing from elsewhere, in nobody's frame. */
static const struct {
    const char *name, *value;
} headers[] = {
    {"Content-Security-Policy", "default-src 'none'; script-src 'self'; style-src 'self'; "
                                "img-src 'self'; connect-src 'self'; base-uri 'none'; "
                                "form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cache-Control", "no-cache"},
    {"Vary", "Accept"},
};

static int give(ecom_exchange *x, const struct file *file, ecom_error *err)
{
    int r = ecom_exchange_add_header(x, "Content-Type", ecom_str_of(file->type));

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]) && r == ECOM_OK; i++)
        r = ecom_exchange_add_header(x, headers[i].name, ecom_str_of(headers[i].value));
    if (r == ECOM_OK)
        r = ecom_buf_append(ecom_exchange_out(x), file->bytes);
    return r < 0 ? ecom_fail(err, r, "the page") : ECOM_OK;
}

int page_index(void *user, ecom_exchange *x, ecom_error *err)
{
    (void)user;
    return give(x, &files[0], err);
}

int page_file(void *user, ecom_exchange *x, ecom_error *err)
{
    ecom_str name = ecom_exchange_param(x, "file");

    (void)user;
    for (size_t i = 1; i < sizeof(files) / sizeof(files[0]); i++)
        if (ecom_str_eq(name, ecom_str_of(files[i].name)))
            return give(x, &files[i], err);
    return ecom_fail(err, ECOM_E_NOTFOUND, "the page has no such file");
}

int page_is_wanted(ecom_exchange *x)
{
    static const char type[] = "text/html";
    ecom_str accept = ecom_exchange_header(x, "accept"), query = ecom_exchange_query(x);

    return query.n == 0 && accept.n && memmem(accept.p, accept.n, type, sizeof(type) - 1) != NULL;
}
