#include "ecom/base.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "ecom-config.h"

/* By -code. Exit statuses are those of sysexits.h. */
static const ecom_code_info codes[] = {
    {"OK", "OK", "OK", 200, 0, 0},
    {"INVAL", "Bad request", "BAD_USER_INPUT", 400, 0, 65},
    {"NOMEM", "Out of memory", "INTERNAL_SERVER_ERROR", 503, 1, 71},
    {"NOTFOUND", "Not found", "NOT_FOUND", 404, 0, 66},
    {"CONFLICT", "Conflict", "CONFLICT", 409, 1, 75},
    {"TIMEOUT", "Timed out", "UNAVAILABLE", 504, 1, 75},
    {"NOTSUP", "Not supported", "NOT_SUPPORTED", 501, 0, 69},
    {"BACKEND", "Internal error", "INTERNAL_SERVER_ERROR", 500, 1, 70},
    {"EXISTS", "Already exists", "CONFLICT", 409, 0, 73},
    {"UNAUTHENTICATED", "Unauthenticated", "UNAUTHENTICATED", 401, 0, 77},
    {"FORBIDDEN", "Forbidden", "FORBIDDEN", 403, 0, 77},
    {"TOOLARGE", "Too large", "TOO_LARGE", 413, 0, 65},
    {"RATE", "Too many requests", "RATE_LIMITED", 429, 1, 75},
    {"UNAVAILABLE", "Unavailable", "UNAVAILABLE", 503, 1, 69},
    {"CLOSED", "Shutting down", "UNAVAILABLE", 503, 1, 75},
    {"CORRUPT", "Stored data is damaged", "INTERNAL_SERVER_ERROR", 500, 0, 74},
    {"FULL", "No space left", "UNAVAILABLE", 507, 1, 74},
    {"UNPROCESSABLE", "Unprocessable", "UNPROCESSABLE", 422, 0, 65},
    {"UNKNOWN_TYPE", "Unknown event type", "BAD_USER_INPUT", 400, 0, 65},
};

const ecom_code_info *ecom_code_of(int code)
{
    size_t i = code <= 0 && code > -(int)(sizeof(codes) / sizeof(codes[0])) ? (size_t)-code : 7;

    assert(-ECOM_E_BACKEND == 7);
    return &codes[i];
}

/* One line, whole characters: what the text promises, whatever was printed into it. */
static void tidy(char *text, size_t size, int printed)
{
    if (printed >= (int)size) {
        size_t n = size - 1;
        while (n > 0 && ((unsigned char)text[n - 1] & 0xC0) == 0x80)
            n--;
        if (n > 0 && (unsigned char)text[n - 1] >= 0xC0)
            n--;
        else
            n = size - 1;
        text[n] = '\0';
    }
    for (char *p = text; *p; p++)
        if ((unsigned char)*p < 0x20 || *p == 0x7F)
            *p = ' ';
}

static void begin(ecom_error *err, int code)
{
    memset(err, 0, sizeof(*err));
    err->code = code;
    err->retry = ecom_code_of(code)->retry;
}

int ecom_fail(ecom_error *err, int code, const char *fmt, ...)
{
    va_list args;

    if (!err)
        return code;
    begin(err, code);
    va_start(args, fmt);
    tidy(err->text, sizeof(err->text), vsnprintf(err->text, sizeof(err->text), fmt, args));
    va_end(args);
    return code;
}

int ecom_fail_field(ecom_error *err, int code, const char *field, const char *fmt, ...)
{
    char text[sizeof(err->text)], path[sizeof(err->field)];
    va_list args;

    if (!err)
        return code;
    tidy(path, sizeof(path), snprintf(path, sizeof(path), "%s", field));
    va_start(args, fmt);
    tidy(text, sizeof(text), vsnprintf(text, sizeof(text), fmt, args));
    va_end(args);
    begin(err, code);
    memcpy(err->field, path, sizeof(path));
    tidy(err->text, sizeof(err->text),
         snprintf(err->text, sizeof(err->text), "%s%s%s", path, path[0] ? ": " : "", text));
    return code;
}

const char *ecom_version(void)
{
    return ECOM_VERSION;
}
