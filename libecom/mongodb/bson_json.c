#include "mongodb/bson_json.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/env.h"
#include "ecom/json.h"

/* MongoDB allows 100 levels, of which the document has one above and arrays of events have two. */
enum { MOST_DEPTH = 90, MOST_BYTES = 12 << 20, ARENA_BYTES = 64 << 20 };

static int is_name(ecom_str name)
{
    return name.n && name.p[0] != '$' && !memchr(name.p, '.', name.n);
}

/* Only times that are written just as we write them: what comes back is the same to the byte. With
 * these marks in their places, only a leap second is not. */
static int is_time(ecom_str text, int64_t *ms)
{
    enum { LENGTH = 24 };

    return text.n == LENGTH && text.p[10] == 'T' && text.p[19] == '.' && text.p[23] == 'Z' &&
           text.p[17] != '6' && ecom_time_parse(text, ms, NULL) == ECOM_OK;
}

static void append_string(ecom__bson *to, ecom_str name, ecom_str text)
{
    int64_t ms;

    if (is_time(text, &ms))
        ecom__bson_time(to, name, ms);
    else
        ecom__bson_text(to, name, text);
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

/* With so few places behind the point the driver writes a number as it stands. */
static int is_plain(ecom_str literal)
{
    enum { PLACES = 6 };
    const char *point = memchr(literal.p, '.', literal.n);

    return point && literal.p + literal.n - point <= PLACES + 1 &&
           !memchr(literal.p, 'e', literal.n) && !memchr(literal.p, 'E', literal.n);
}

static int append_number(ecom__bson *to, ecom_str name, const ecom_json *value,
                         struct measure *back)
{
    bson_decimal128_t decimal;
    char again[BSON_DECIMAL128_STRING];
    int64_t whole;

    if (is_whole(value->text) && ecom_json_int(value, &whole, NULL) == ECOM_OK) {
        if (whole >= INT32_MIN && whole <= INT32_MAX)
            ecom__bson_int32(to, name, (int32_t)whole);
        else
            ecom__bson_int64(to, name, whole);
        return 1;
    }
    if (!make_decimal(value->text, &decimal))
        return 0;
    if (!is_plain(value->text)) {
        bson_decimal128_to_string(&decimal, again);
        back->differs |= !ecom_str_eq(ecom_str_of(again), value->text);
    }
    ecom__bson_decimal(to, name, &decimal);
    return 1;
}

static int append_scalar(ecom__bson *to, ecom_str name, const ecom_json *value,
                         struct measure *back)
{
    switch ((ecom_json_kind)value->kind) {
    case ECOM_JSON_NULL:
        back->bytes += 4;
        ecom__bson_null(to, name);
        break;
    case ECOM_JSON_BOOL:
        back->bytes += value->truth ? 4 : 5;
        ecom__bson_bool(to, name, value->truth);
        break;
    case ECOM_JSON_NUMBER:
        back->bytes += value->text.n;
        return append_number(to, name, value, back);
    case ECOM_JSON_STRING:
        back->bytes += value->text.n + 2;
        append_string(to, name, value->text);
        break;
    case ECOM_JSON_ARRAY:
    case ECOM_JSON_OBJECT:
        break;
    }
    return 1;
}

/* An array or object that is being written: where it begins, and which child is next. */
struct level {
    size_t place;
    const ecom_json *next;
    uint32_t index;
    int is_array;
};

static struct level open_level(ecom__bson *to, ecom_str name, const ecom_json *value,
                               struct measure *back)
{
    const int is_array = value->kind == ECOM_JSON_ARRAY;

    back->bytes += 2;
    return (struct level){
        .place = ecom__bson_begin_in(to, is_array ? BSON_TYPE_ARRAY : BSON_TYPE_DOCUMENT, name),
        .next = value->first,
        .is_array = is_array};
}

/* The name of a level's next member; `number` holds that of an item. 0: BSON cannot have it. */
static int name_of(struct level *level, const ecom_json *value, char number[16], ecom_str *name,
                   struct measure *back)
{
    back->bytes += level->index != 0; /* the comma */
    if (level->is_array) {
        *name = ecom__bson_item(level->index++, number);
        return 1;
    }
    level->index++;
    *name = value->name;
    back->bytes += name->n + 3;
    return is_name(*name);
}

/* The parser allows no more than MOST_DEPTH levels. */
static int append_object(const ecom_json *object, ecom__bson *to, struct measure *back)
{
    struct level levels[MOST_DEPTH + 1];
    int depth = 0;

    levels[0] = (struct level){.place = ecom__bson_begin(to), .next = object->first};
    while (depth >= 0) {
        struct level *level = &levels[depth];
        const ecom_json *value = level->next;
        char number[16];
        ecom_str name;

        if (!value) {
            ecom__bson_end(to, level->place);
            depth--;
            continue;
        }
        level->next = value->next;
        if (!name_of(level, value, number, &name, back))
            return 0;
        if (value->kind == ECOM_JSON_ARRAY || value->kind == ECOM_JSON_OBJECT)
            levels[++depth] = open_level(to, name, value, back);
        else if (!append_scalar(to, name, value, back))
            return 0;
        if (to->bytes.n - levels[0].place > MOST_BYTES)
            return 0;
    }
    return 1;
}

static int convert(const ecom_json *object, ecom__bson *out, struct measure *back)
{
    const size_t before = out->bytes.n;

    if (append_object(object, out, back))
        return out->r;
    out->bytes.n = before;
    return ECOM_E_NOTSUP;
}

/* Without escapes there is one way to write each value, apart from numbers, which are looked at one
 * by one: a text that is no longer than what comes back has nothing between its values, and is the
 * same. */
static int comes_back(ecom_str json, const ecom__bson *from, size_t place,
                      const struct measure *back)
{
    ecom_buf again = {0};
    bson_t fields;

    if (back->differs || !memchr(json.p, '\\', json.n))
        return !back->differs && back->bytes == json.n;
    int same = ecom__bson_view(from, place, &fields) &&
               ecom__bson_to_json(&fields, &again, NULL) == ECOM_OK &&
               ecom_str_eq(json, ecom_buf_str(&again));
    ecom_buf_free(&again);
    return same;
}

int ecom__bson_from_json(ecom_str json, ecom__bson *out, int *exact)
{
    const ecom_json_limits limits = {.size = sizeof(limits),
                                     .max_bytes = 16 << 20,
                                     .max_depth = MOST_DEPTH,
                                     .max_keys = 1000,
                                     .max_nodes = 200000};
    ecom_arena *arena = ecom_arena_new(ARENA_BYTES);
    const size_t place = out->bytes.n;
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
        *exact = comes_back(json, out, place, &back);
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
    char text[25];

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
