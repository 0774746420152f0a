#include "base/limits.h"

#include <stdio.h>
#include <string.h>

int ecom__check_bytes(const char *field, ecom_str s, size_t min, size_t max, ecom_error *err)
{
    if (s.n < min || (s.n && !s.p))
        return ecom_fail_field(err, ECOM_E_INVAL, field, "is missing or empty");
    if (s.n > max)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, field, "has %zu bytes, the limit is %zu", s.n,
                               max);
    return ECOM_OK;
}

int ecom__check_count(const char *field, size_t n, size_t max, const void *first, ecom_error *err)
{
    if (n > max)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, field, "are %zu, the limit is %zu", n, max);
    if (n && !first)
        return ecom_fail_field(err, ECOM_E_INVAL, field, "are missing");
    return ECOM_OK;
}

static int name_byte(unsigned char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '.' || c == '-';
}

int ecom__check_name(const char *field, ecom_str s, size_t max, ecom_error *err)
{
    int r = ecom__check_bytes(field, s, 1, max, err);

    for (size_t i = 0; r == ECOM_OK && i < s.n; i++)
        if (!name_byte((unsigned char)s.p[i]))
            r = ecom_fail_field(err, ECOM_E_INVAL, field,
                                "has 0x%02X at byte %zu, only letters, digits, '_', '.' and '-' "
                                "are allowed",
                                (unsigned char)s.p[i], i + 1);
    return r;
}

/* It may become a file's name. */
int ecom_bus_name_check(const char *field, ecom_str s, ecom_error *err)
{
    int r = ecom__check_name(field, s, ECOM_BUS_MAX_NAME, err);

    if (r == ECOM_OK && s.n <= 2 && memcmp(s.p, "..", s.n) == 0)
        r = ecom_fail_field(err, ECOM_E_INVAL, field, "cannot be \".\" or \"..\"");
    return r;
}

int ecom__check_id(const char *field, ecom_str s, size_t max, ecom_error *err)
{
    int r = ecom__check_bytes(field, s, 1, max, err);

    for (size_t i = 0; r == ECOM_OK && i < s.n; i++)
        if (s.p[i] <= 0x20 || s.p[i] >= 0x7F)
            r = ecom_fail_field(err, ECOM_E_INVAL, field,
                                "has 0x%02X at byte %zu, only printable ASCII without space is "
                                "allowed",
                                (unsigned char)s.p[i], i + 1);
    return r;
}

static int check_header(const ecom_header *header, ecom_error *err)
{
    if (header->name.n == 0 || !header->name.p || (header->value.n && !header->value.p))
        return ecom_fail_field(err, ECOM_E_INVAL, "name", "is missing or empty");
    if (header->name.n > ECOM_BUS_MAX_HEADER ||
        header->value.n > ECOM_BUS_MAX_HEADER - header->name.n)
        return ecom_fail_field(err, ECOM_E_TOOLARGE, "value",
                               "has %zu bytes and its name %zu, the limit is %d together",
                               header->value.n, header->name.n, ECOM_BUS_MAX_HEADER);
    for (size_t i = 0; i < header->name.n; i++)
        if (header->name.p[i] < 0x20 || header->name.p[i] >= 0x7F)
            return ecom_fail_field(err, ECOM_E_INVAL, "name",
                                   "has 0x%02X at byte %zu, only printable ASCII is allowed",
                                   (unsigned char)header->name.p[i], i + 1);
    return ECOM_OK;
}

int ecom__check_msg(const ecom_msg *msg, ecom_error *err)
{
    int r = ecom_bus_name_check("topic", msg->topic, err);

    if (r == ECOM_OK)
        r = ecom__check_bytes("key", msg->key, 0, ECOM_BUS_MAX_KEY, err);
    if (r == ECOM_OK)
        r = ecom__check_bytes("body", msg->body, 0, ECOM_BUS_MAX_BODY, err);
    if (r == ECOM_OK)
        r = ecom__check_count("headers", msg->nheaders, ECOM_BUS_MAX_HEADERS, msg->headers, err);
    for (size_t i = 0; r == ECOM_OK && i < msg->nheaders; i++)
        r = ecom__fail_within("headers", i, check_header(&msg->headers[i], err), err);
    return r;
}

int ecom__fail_within(const char *list, size_t i, int code, ecom_error *err)
{
    char path[128], text[sizeof(err->text)];

    if (code == ECOM_OK || !err)
        return code;
    snprintf(path, sizeof(path), "%s[%zu].%s", list, i, err->field);
    snprintf(text, sizeof(text), "%s", err->text + strlen(err->field) + strlen(": "));
    return ecom_fail_field(err, code, path, "%s", text);
}
