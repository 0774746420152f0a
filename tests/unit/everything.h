/* A record with a field of every type and in every role, for the tests of records. */
#ifndef EVERYTHING_H
#define EVERYTHING_H

#include "ecom/record.h"

struct everything_part {
    ecom_str sku;
    int64_t quantity;
    int64_t price;
};

struct everything {
    ecom_str id, name, text, email, currency, secret, note;
    int64_t count, level, price, total, born, seen;
    int32_t open, known, color, size;
    struct everything_part main, spare;
    ecom_list parts, extras;
};

static const char *const everything_colors[] = {"RED", "GREEN", "BLUE", NULL};

static const ecom_field everything_part_fields[] = {
    ECOM_FIELD(struct everything_part, sku, "sku", STRING, .flags = ECOM_REQUIRED, .min = 1,
               .max = 8),
    ECOM_FIELD(struct everything_part, quantity, "quantity", INT, .min = 1, .max = 99,
               .fallback = "1"),
    ECOM_FIELD(struct everything_part, price, "price", MONEY, .flags = ECOM_PRIVATE),
};
static const ecom_record everything_part =
    ECOM_RECORD("Part", struct everything_part, everything_part_fields);

static const ecom_field everything_fields[] = {
    ECOM_FIELD(struct everything, id, "id", ID, .flags = ECOM_REQUIRED | ECOM_READONLY),
    ECOM_FIELD(struct everything, name, "name", STRING, .flags = ECOM_REQUIRED | ECOM_INDEX,
               .min = 1, .max = 10, .doc = "What \"it\" is called."),
    ECOM_FIELD(struct everything, text, "text", STRING, .flags = ECOM_LINES),
    ECOM_FIELD(struct everything, email, "email", EMAIL, .flags = ECOM_UNIQUE),
    ECOM_FIELD(struct everything, currency, "currency", CURRENCY, .fallback = "USD"),
    ECOM_FIELD(struct everything, secret, "secret", STRING, .flags = ECOM_SECRET, .min = 8,
               .max = 12),
    ECOM_FIELD(struct everything, note, "note", STRING, .flags = ECOM_PRIVATE, .max = 5),
    ECOM_FIELD(struct everything, count, "count", INT, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct everything, level, "level", INT, .flags = ECOM_SECRET, .min = -5, .max = 5,
               .fallback = "3"),
    ECOM_FIELD(struct everything, price, "price", MONEY, .min = 1, .max = 100000),
    ECOM_FIELD(struct everything, total, "total", MONEY, .fallback = "19.90"),
    ECOM_FIELD(struct everything, born, "born", TIME, .flags = ECOM_REQUIRED),
    ECOM_FIELD(struct everything, seen, "seen", TIME, .min = 1, .fallback = "2026-01-01T00:00:00Z"),
    ECOM_FIELD(struct everything, open, "open", BOOL, .fallback = "yes"),
    ECOM_FIELD(struct everything, known, "known", BOOL, .doc = "Truth."),
    ECOM_FIELD(struct everything, color, "color", ENUM, .names = everything_colors,
               .fallback = "green"),
    ECOM_FIELD(struct everything, size, "size", ENUM, .names = everything_colors),
    ECOM_FIELD(struct everything, main, "main", RECORD, .flags = ECOM_REQUIRED,
               .of = &everything_part),
    ECOM_FIELD(struct everything, spare, "spare", RECORD, .of = &everything_part),
    ECOM_FIELD(struct everything, parts, "parts", LIST, .flags = ECOM_REQUIRED, .max = 3,
               .of = &everything_part),
    ECOM_FIELD(struct everything, extras, "extras", LIST, .min = 1, .of = &everything_part),
};
static const ecom_record everything =
    ECOM_RECORD_WITH("Everything", struct everything, everything_fields, .doc = "All there is.");

#endif
