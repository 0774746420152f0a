#include "mongodb/bson_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/env.h"
#include "ecom/json.h"

/* MongoDB allows 100 levels, of which the document has one above and arrays of events have two. */
enum { MOST_DEPTH = 90, MOST_BYTES = 12 << 20, ARENA_BYTES = 64 << 20, TIME_LENGTH = 24 };

static int is_name(ecom_str name)
{
    return name.n && name.p[0] != '$' && !memchr(name.p, '.', name.n);
}

/* Only times that are written just as we write them: what comes back is the same to the byte. */
static int is_time(ecom_str text, int64_t *ms)
{
    char again[TIME_LENGTH + 1];

    if (text.n != TIME_LENGTH || text.p[4] != '-' || text.p[10] != 'T' ||
        ecom_time_parse(text, ms, NULL) < 0)
        return 0;
    ecom_time_format(*ms, again);
    return memcmp(text.p, again, TIME_LENGTH) == 0;
}

static int append_string(bson_t *to, ecom_str name, ecom_str text)
{
    int64_t ms;

    if (is_time(text, &ms))
        return bson_append_date_time(to, name.p, (int)name.n, ms);
    return bson_append_utf8(to, name.p, (int)name.n, text.n ? text.p : "", (int)text.n);
}

static int is_whole(ecom_str literal)
{
    for (size_t i = literal.p[0] == '-'; i < literal.n; i++)
        if (literal.p[i] < '0' || literal.p[i] > '9')
            return 0;
    return !ecom_str_eq(literal, (ecom_str){"-0", 2});
}

__extension__ typedef unsigned __int128 wide;

/* IEEE 754 decimal128 in its binary encoding, exact or not at all. Our own, since libbson 1.23
 * reads 0.10 as 1.0. */
static int make_decimal(ecom_str literal, bson_decimal128_t *out)
{
    enum { MOST_DIGITS = 34, LEAST_EXPONENT = -6176, MOST_EXPONENT = 6111 };
    wide digits = 0;
    int n = 0, fraction = 0, behind_point = 0;
    size_t i = literal.p[0] == '-';
    long exponent = 0;

    for (; i < literal.n && literal.p[i] != 'e' && literal.p[i] != 'E'; i++) {
        if (literal.p[i] == '.') {
            behind_point = 1;
            continue;
        }
        digits = digits * 10 + (wide)(literal.p[i] - '0');
        n += digits != 0;
        fraction += behind_point;
        if (n > MOST_DIGITS || fraction > -LEAST_EXPONENT)
            return 0;
    }
    if (i < literal.n)
        exponent = strtol(literal.p + i + 1, NULL, 10); /* something that is no digit follows */
    if (exponent < LEAST_EXPONENT + fraction || exponent - fraction > MOST_EXPONENT)
        return 0;
    out->low = (uint64_t)digits;
    out->high = (uint64_t)(digits >> 64) | (uint64_t)(exponent - fraction - LEAST_EXPONENT) << 49 |
                (uint64_t)(literal.p[0] == '-') << 63;
    return 1;
}

/* How long the text is that comes back, for values that come back as they were. */
struct measure {
    size_t bytes;
    int differs;
};

static int append_number(bson_t *to, ecom_str name, const ecom_json *value, struct measure *back)
{
    bson_decimal128_t decimal;
    char again[BSON_DECIMAL128_STRING];
    int64_t whole;

    if (is_whole(value->text) && ecom_json_int(value, &whole, NULL) == ECOM_OK) {
        if (whole >= INT32_MIN && whole <= INT32_MAX)
            return bson_append_int32(to, name.p, (int)name.n, (int32_t)whole);
        return bson_append_int64(to, name.p, (int)name.n, whole);
    }
    if (!make_decimal(value->text, &decimal))
        return 0;
    bson_decimal128_to_string(&decimal, again);
    back->differs |= !ecom_str_eq(ecom_str_of(again), value->text);
    return bson_append_decimal128(to, name.p, (int)name.n, &decimal);
}

static int append_scalar(bson_t *to, ecom_str name, const ecom_json *value, struct measure *back)
{
    switch ((ecom_json_kind)value->kind) {
    case ECOM_JSON_NULL:
        back->bytes += 4;
        return bson_append_null(to, name.p, (int)name.n);
    case ECOM_JSON_BOOL:
        back->bytes += value->truth ? 4 : 5;
        return bson_append_bool(to, name.p, (int)name.n, value->truth);
    case ECOM_JSON_NUMBER:
        back->bytes += value->text.n;
        return append_number(to, name, value, back);
    case ECOM_JSON_STRING:
        back->bytes += value->text.n + 2;
        return append_string(to, name, value->text);
    case ECOM_JSON_ARRAY:
    case ECOM_JSON_OBJECT:
        break;
    }
    return 0;
}

/* An array or object that is being written: where its children go, and which is next. */
struct level {
    bson_t bson;
    const ecom_json *next;
    uint32_t index;
    int is_array;
};

static int open_level(bson_t *to, ecom_str name, const ecom_json *value, struct level *level,
                      struct measure *back)
{
    back->bytes += 2;
    level->next = value->first;
    level->index = 0;
    level->is_array = value->kind == ECOM_JSON_ARRAY;
    return level->is_array ? ecom__bson_array_begin(to, name.p, (int)name.n, &level->bson)
                           : bson_append_document_begin(to, name.p, (int)name.n, &level->bson);
}

static int close_level(bson_t *to, struct level *level)
{
    return level->is_array ? bson_append_array_end(to, &level->bson)
                           : bson_append_document_end(to, &level->bson);
}

/* The name of a level's next member; `number` holds that of an item. 0: BSON cannot have it. */
static int name_of(struct level *level, const ecom_json *value, char number[16], ecom_str *name,
                   struct measure *back)
{
    back->bytes += level->index != 0; /* the comma */
    if (level->is_array) {
        const char *digits;
        name->n = bson_uint32_to_string(level->index++, &digits, number, 16);
        name->p = digits;
        return 1;
    }
    level->index++;
    *name = value->name;
    back->bytes += name->n + 3;
    return is_name(*name);
}

/* The parser allows no more than MOST_DEPTH levels. */
static int append_members(const ecom_json *object, bson_t *out, struct level *levels,
                          struct measure *back)
{
    int depth = 0;

    levels[0] = (struct level){.next = object->first};
    for (;;) {
        struct level *level = &levels[depth];
        bson_t *to = depth ? &level->bson : out;
        const ecom_json *value = level->next;
        char number[16];
        ecom_str name;

        if (!value) {
            if (depth == 0)
                return 1;
            depth--;
            if (!close_level(depth ? &levels[depth].bson : out, level))
                return 0;
            continue;
        }
        level->next = value->next;
        if (!name_of(level, value, number, &name, back) || to->len > MOST_BYTES)
            return 0;
        if (value->kind != ECOM_JSON_ARRAY && value->kind != ECOM_JSON_OBJECT) {
            if (!append_scalar(to, name, value, back))
                return 0;
        } else if (!open_level(to, name, value, &levels[++depth], back)) {
            return 0;
        }
    }
}

static int convert(const ecom_json *object, bson_t *out, struct measure *back)
{
    struct level *levels = malloc((MOST_DEPTH + 1) * sizeof(*levels));

    if (!levels)
        return ECOM_E_NOMEM;
    bson_init(out);
    int done = append_members(object, out, levels, back) && out->len <= MOST_BYTES;
    free(levels);
    if (done)
        return ECOM_OK;
    /* What was begun and not ended goes with it: BSON's children live in their parent. */
    bson_destroy(out);
    return ECOM_E_NOTSUP;
}

/* Without escapes there is one way to write each value, apart from numbers, which are looked at one
 * by one: a text that is no longer than what comes back has nothing between its values, and is the
 * same. */
static int comes_back(ecom_str json, const bson_t *fields, const struct measure *back)
{
    ecom_buf again = {0};

    if (back->differs || !memchr(json.p, '\\', json.n))
        return !back->differs && back->bytes == json.n;
    int same = ecom__bson_to_json(fields, &again, NULL) == ECOM_OK &&
               ecom_str_eq(json, ecom_buf_str(&again));
    ecom_buf_free(&again);
    return same;
}

int ecom__bson_from_json(ecom_str json, bson_t *out, int *exact)
{
    const ecom_json_limits limits = {.size = sizeof(limits),
                                     .max_bytes = 16 << 20,
                                     .max_depth = MOST_DEPTH,
                                     .max_keys = 1000,
                                     .max_nodes = 200000};
    ecom_arena *arena = ecom_arena_new(ARENA_BYTES);
    struct measure back = {.bytes = 2};
    const ecom_json *root = NULL;

    if (!arena)
        return ECOM_E_NOMEM;
    int r = ecom_json_parse(json, &limits, arena, &root, NULL);
    if (r == ECOM_OK)
        r = root->kind == ECOM_JSON_OBJECT ? convert(root, out, &back) : ECOM_E_NOTSUP;
    else if (r != ECOM_E_NOMEM)
        r = ECOM_E_NOTSUP;
    ecom_arena_free(arena);
    if (r == ECOM_OK && exact)
        *exact = comes_back(json, out, &back);
    return r;
}

/* The shortest text that reads as the same number. */
static int write_double(double number, ecom_buf *out)
{
    char text[40];

    if (!isfinite(number))
        return ECOM_E_CORRUPT;
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, number);
        if (strtod(text, NULL) == number)
            break;
    }
    return ecom_buf_append(out, ecom_str_of(text));
}

static int write_decimal(const bson_decimal128_t *decimal, ecom_buf *out)
{
    char text[BSON_DECIMAL128_STRING];

    bson_decimal128_to_string(decimal, text);
    if (strpbrk(text, "Na")) /* NaN and Infinity */
        return ECOM_E_CORRUPT;
    return ecom_buf_append(out, ecom_str_of(text));
}

static int write_time(int64_t ms, ecom_buf *out)
{
    char text[TIME_LENGTH + 1];

    ecom_time_format(ms, text);
    return ecom_buf_printf(out, "\"%s\"", text);
}

static int write_scalar(const bson_iter_t *at, ecom_buf *out)
{
    bson_decimal128_t decimal;
    uint32_t n;
    const char *text;
    char hex[25];

    switch (bson_iter_type(at)) {
    case BSON_TYPE_NULL:
        return ecom_buf_append(out, (ecom_str){"null", 4});
    case BSON_TYPE_BOOL:
        return ecom_buf_append(out, ecom_str_of(bson_iter_bool(at) ? "true" : "false"));
    case BSON_TYPE_INT32:
        return ecom_buf_printf(out, "%" PRId32, bson_iter_int32(at));
    case BSON_TYPE_INT64:
        return ecom_buf_printf(out, "%" PRId64, bson_iter_int64(at));
    case BSON_TYPE_DOUBLE:
        return write_double(bson_iter_double(at), out);
    case BSON_TYPE_DECIMAL128:
        return bson_iter_decimal128(at, &decimal) ? write_decimal(&decimal, out) : ECOM_E_CORRUPT;
    case BSON_TYPE_DATE_TIME:
        return write_time(bson_iter_date_time(at), out);
    case BSON_TYPE_UTF8:
        text = bson_iter_utf8(at, &n);
        return ecom_json_write_str(out, (ecom_str){text, n});
    case BSON_TYPE_OID:
        bson_oid_to_string(bson_iter_oid(at), hex);
        return ecom_json_write_str(out, ecom_str_of(hex));
    default:
        return ECOM_E_CORRUPT;
    }
}

struct reading {
    bson_iter_t at;
    int is_array, n;
};

static int write_name(const bson_iter_t *at, ecom_buf *out)
{
    int r = ecom_json_write_str(out, ecom_str_of(bson_iter_key(at)));

    return r < 0 ? r : ecom_buf_append(out, (ecom_str){":", 1});
}

static int write_members(struct reading *levels, ecom_buf *out, const char **field)
{
    int depth = 0, r = ecom_buf_append(out, (ecom_str){"{", 1});

    while (r == ECOM_OK) {
        struct reading *level = &levels[depth];
        if (!bson_iter_next(&level->at)) {
            r = ecom_buf_append(out, ecom_str_of(level->is_array ? "]" : "}"));
            if (depth-- == 0)
                return r;
            continue;
        }
        *field = bson_iter_key(&level->at);
        if (level->n++)
            r = ecom_buf_append(out, (ecom_str){",", 1});
        if (r == ECOM_OK && !level->is_array)
            r = write_name(&level->at, out);
        if (r < 0)
            break;
        bson_type_t type = bson_iter_type(&level->at);
        if (type != BSON_TYPE_ARRAY && type != BSON_TYPE_DOCUMENT) {
            r = write_scalar(&level->at, out);
        } else if (depth == MOST_DEPTH + 10) {
            r = ECOM_E_CORRUPT;
        } else {
            levels[++depth] = (struct reading){.is_array = type == BSON_TYPE_ARRAY};
            if (!bson_iter_recurse(&level->at, &levels[depth].at))
                return ECOM_E_CORRUPT;
            r = ecom_buf_append(out, ecom_str_of(type == BSON_TYPE_ARRAY ? "[" : "{"));
        }
    }
    return r;
}

int ecom__bson_to_json(const bson_t *doc, ecom_buf *out, ecom_error *err)
{
    struct reading *levels = malloc((MOST_DEPTH + 11) * sizeof(*levels));
    const char *field = "";
    size_t before = out->n;
    int r = ECOM_E_NOMEM;

    if (levels) {
        levels[0] = (struct reading){.is_array = 0};
        r = bson_iter_init(&levels[0].at, doc) ? write_members(levels, out, &field)
                                               : ECOM_E_CORRUPT;
    }
    if (r == ECOM_E_CORRUPT)
        ecom_fail(err, r, "the stored field \"%.64s\" has a value that JSON cannot have", field);
    else if (r < 0)
        ecom_fail(err, r, "no memory for a document");
    free(levels);
    if (r < 0 && out->p) {
        out->n = before;
        out->p[before] = '\0';
    }
    return r;
}
