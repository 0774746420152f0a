#include "mongodb/bson_write.h"

#include <string.h>

/* A document has its length, its fields and a NUL; a string its length with a NUL, and that. */
enum { LENGTH = 4 };

static void put_32(char *to, uint32_t value)
{
    value = BSON_UINT32_TO_LE(value);
    memcpy(to, &value, sizeof(value));
}

static void put_64(char *to, uint64_t value)
{
    value = BSON_UINT64_TO_LE(value);
    memcpy(to, &value, sizeof(value));
}

/* @return where n bytes more are to go; NULL: nowhere. */
static char *more(ecom__bson *to, size_t n)
{
    if (to->r < 0)
        return NULL;
    if (to->bytes.cap - to->bytes.n <= n && (to->r = ecom_buf_reserve(&to->bytes, n)) < 0)
        return NULL;
    to->bytes.n += n;
    return to->bytes.p + to->bytes.n - n;
}

/* @return where the n bytes of the value are to go. */
static char *field(ecom__bson *to, bson_type_t type, ecom_str name, size_t n)
{
    char *p = more(to, 1 + name.n + 1 + n);

    if (!p)
        return NULL;
    *p++ = (char)type;
    memcpy(p, name.p, name.n);
    p[name.n] = '\0';
    return p + name.n + 1;
}

void ecom__bson_expect(ecom__bson *to, size_t n)
{
    if (to->r == ECOM_OK)
        to->r = ecom_buf_reserve(&to->bytes, n);
}

size_t ecom__bson_begin(ecom__bson *to)
{
    size_t place = to->bytes.n;

    more(to, LENGTH);
    return place;
}

size_t ecom__bson_begin_in(ecom__bson *to, bson_type_t type, ecom_str name)
{
    field(to, type, name, LENGTH);
    return to->bytes.n - LENGTH;
}

void ecom__bson_end(ecom__bson *to, size_t place)
{
    char *end = more(to, 1);

    if (!end)
        return;
    *end = '\0';
    put_32(to->bytes.p + place, (uint32_t)(to->bytes.n - place));
}

int ecom__bson_view(const ecom__bson *from, size_t place, bson_t *out)
{
    return from->r == ECOM_OK &&
           bson_init_static(out, (const uint8_t *)from->bytes.p + place, from->bytes.n - place);
}

void ecom__bson_name(ecom__bson *to, bson_type_t type, ecom_str name)
{
    field(to, type, name, 0);
}

size_t ecom__bson_begin_text(ecom__bson *to, ecom_str name)
{
    return ecom__bson_begin_in(to, BSON_TYPE_UTF8, name);
}

void ecom__bson_end_text(ecom__bson *to, size_t place)
{
    char *end = more(to, 1);

    if (!end)
        return;
    *end = '\0';
    put_32(to->bytes.p + place, (uint32_t)(to->bytes.n - place - LENGTH));
}

void ecom__bson_text(ecom__bson *to, ecom_str name, ecom_str text)
{
    char *p = field(to, BSON_TYPE_UTF8, name, LENGTH + text.n + 1);

    if (!p)
        return;
    put_32(p, (uint32_t)text.n + 1);
    if (text.n)
        memcpy(p + LENGTH, text.p, text.n);
    p[LENGTH + text.n] = '\0';
}

/* ASCII without NUL, which nearly all is, eight bytes at a time; the rest by the driver. */
int ecom__bson_is_text(ecom_str bytes)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101);
    uint64_t word;
    size_t i = 0;

    for (; bytes.n - i >= sizeof(word); i += sizeof(word)) {
        memcpy(&word, bytes.p + i, sizeof(word));
        if ((word | (word - ones)) & (ones << 7))
            break;
    }
    while (i < bytes.n && (unsigned char)(bytes.p[i] - 1) < 0x7F)
        i++;
    return i == bytes.n || bson_utf8_validate(bytes.p + i, bytes.n - i, false);
}

void ecom__bson_bytes(ecom__bson *to, ecom_str name, ecom_str bytes)
{
    char *p;

    if (ecom__bson_is_text(bytes)) {
        ecom__bson_text(to, name, bytes);
    } else if ((p = field(to, BSON_TYPE_BINARY, name, LENGTH + 1 + bytes.n))) {
        put_32(p, (uint32_t)bytes.n);
        p[LENGTH] = BSON_SUBTYPE_BINARY;
        memcpy(p + LENGTH + 1, bytes.p, bytes.n);
    }
}

void ecom__bson_int32(ecom__bson *to, ecom_str name, int32_t value)
{
    char *p = field(to, BSON_TYPE_INT32, name, sizeof(value));

    if (p)
        put_32(p, (uint32_t)value);
}

static void put_wide(ecom__bson *to, bson_type_t type, ecom_str name, int64_t value)
{
    char *p = field(to, type, name, sizeof(value));

    if (p)
        put_64(p, (uint64_t)value);
}

void ecom__bson_int64(ecom__bson *to, ecom_str name, int64_t value)
{
    put_wide(to, BSON_TYPE_INT64, name, value);
}

void ecom__bson_time(ecom__bson *to, ecom_str name, int64_t ms)
{
    put_wide(to, BSON_TYPE_DATE_TIME, name, ms);
}

void ecom__bson_bool(ecom__bson *to, ecom_str name, int truth)
{
    char *p = field(to, BSON_TYPE_BOOL, name, 1);

    if (p)
        *p = truth != 0;
}

void ecom__bson_null(ecom__bson *to, ecom_str name)
{
    field(to, BSON_TYPE_NULL, name, 0);
}

void ecom__bson_decimal(ecom__bson *to, ecom_str name, const bson_decimal128_t *value)
{
    char *p = field(to, BSON_TYPE_DECIMAL128, name, 16);

    if (!p)
        return;
    put_64(p, value->low);
    put_64(p + 8, value->high);
}

void ecom__bson_fields(ecom__bson *to, const ecom__bson *from)
{
    size_t n = from->bytes.n - LENGTH - 1;
    char *p;

    if (from->r < 0)
        to->r = from->r;
    else if ((p = more(to, n)))
        memcpy(p, from->bytes.p + LENGTH, n);
}

ecom_str ecom__bson_item(uint32_t n, char number[16])
{
    const char *digits;
    size_t length = bson_uint32_to_string(n, &digits, number, 16);

    return (ecom_str){digits, length};
}
