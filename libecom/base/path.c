#include "base/path.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { SHOWN_LINKS = 32, SHOWN_NAME = 48 };

/* The outermost links: those that the field has room for. */
static void format(const struct ecom__path *path, char *out, size_t size)
{
    const struct ecom__path *links[SHOWN_LINKS];
    size_t depth = 0, n = 0;

    for (const struct ecom__path *p = path; p; p = p->up)
        depth++;
    for (size_t i = depth; path; path = path->up)
        if (--i < SHOWN_LINKS)
            links[i] = path;
    out[0] = '\0';
    for (size_t i = 0; i < depth && i < SHOWN_LINKS && n < size; i++) {
        const struct ecom__path *p = links[i];
        int name = (int)(p->name.n < SHOWN_NAME ? p->name.n : SHOWN_NAME);
        int r = p->name.p ? snprintf(out + n, size - n, "%s%.*s", i ? "." : "", name, p->name.p)
                          : snprintf(out + n, size - n, "[%zu]", p->index);
        n += r > 0 ? (size_t)r : 0;
    }
}

int ecom__path_fail(ecom_error *err, int code, const struct ecom__path *path, const char *fmt, ...)
{
    char where[sizeof(err->field)], text[sizeof(err->text)];
    va_list args;

    if (!err)
        return code;
    va_start(args, fmt);
    vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    format(path, where, sizeof(where));
    return ecom_fail_field(err, code, where, "%s", text);
}
