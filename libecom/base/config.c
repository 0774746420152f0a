#include "ecom/config.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/record.h"

enum { HELP_WIDTH = 80, NAME_COLUMN = 2, TEXT_COLUMN_MAX = 30 };

/* Where a setting comes from. */
struct source {
    ecom_str value;
    uint32_t line; /* of the file; 0: the environment */
    const char *path;
};

static int find(const char *name, ecom_getenv_fn getenv_fn, void *user, const ecom_dotenv *file,
                struct source *out)
{
    const char *set = getenv_fn ? getenv_fn(user, name) : NULL;

    if (set && *set) {
        *out = (struct source){ecom_str_of(set), 0, NULL};
        return 1;
    }
    for (size_t i = 0; file && i < file->n; i++) {
        const ecom_dotenv_pair *pair = &file->pairs[i];
        if (pair->value.n && ecom_str_eq(pair->name, ecom_str_of(name))) {
            *out = (struct source){pair->value, pair->line, file->path};
            return 1;
        }
    }
    return 0;
}

static int add_fault(ecom_buf *faults, const char *text, const struct source *source)
{
    if (!source)
        return ecom_buf_printf(faults, "%s\n", text);
    if (source->line == 0)
        return ecom_buf_printf(faults, "%s (in the environment)\n", text);
    return ecom_buf_printf(faults, "%s (%s line %" PRIu32 ")\n", text,
                           source->path ? source->path : ".env", source->line);
}

/* ECOM_E_INVAL: there is one fault more. */
static int read_field(const ecom_field *field, const struct source *source, ecom_arena *arena,
                      void *out, ecom_buf *faults)
{
    ecom_error e;
    int r;

    if (!source) {
        if (!(field->flags & ECOM_REQUIRED) || !ecom__field_is_absent(field, out))
            return ECOM_OK;
        r = ecom_fail(&e, ECOM_E_INVAL, "%s: must be set", field->name);
    } else
        r = ecom_field_parse(field, source->value, arena, out, &e);
    if (r == ECOM_OK || r == ECOM_E_NOMEM)
        return r;
    return add_fault(faults, e.text, source) < 0 ? ECOM_E_NOMEM : ECOM_E_INVAL;
}

int ecom_config_read(const ecom_record *record, ecom_getenv_fn getenv_fn, void *user,
                     const ecom_dotenv *file, ecom_arena *arena, void *out, ecom_buf *faults)
{
    int result = ECOM_OK;

    ecom_record_init(record, out);
    for (size_t i = 0; i < record->nfields; i++) {
        const ecom_field *field = &record->fields[i];
        struct source source;
        int there = find(field->name, getenv_fn, user, file, &source);
        int r = read_field(field, there ? &source : NULL, arena, out, faults);
        if (r == ECOM_E_NOMEM)
            return r;
        result = r < 0 ? r : result;
    }
    return result;
}

static int pad(ecom_buf *out, size_t columns)
{
    return ecom_buf_printf(out, "%*s", (int)columns, "");
}

/* Words of a text in lines that start at a column and end before HELP_WIDTH, if a word can. */
static int put_wrapped(ecom_buf *out, size_t column, ecom_str text)
{
    size_t at = column;
    int r = ECOM_OK;

    while (text.n && r == ECOM_OK) {
        const char *space = memchr(text.p, ' ', text.n);
        ecom_str word = {text.p, space ? (size_t)(space - text.p) : text.n};
        if (at > column && at + 1 + word.n > HELP_WIDTH) {
            if ((r = ecom_buf_append(out, ecom_str_of("\n"))) == ECOM_OK)
                r = pad(out, column);
            at = column;
        } else if (at > column) {
            r = ecom_buf_append(out, ecom_str_of(" "));
            at++;
        }
        if (r == ECOM_OK)
            r = ecom_buf_append(out, word);
        at += word.n;
        text.p += word.n + (space != NULL);
        text.n -= word.n + (space != NULL);
    }
    return r < 0 ? r : ecom_buf_append(out, ecom_str_of("\n"));
}

static int put_names(const ecom_field *field, ecom_buf *out)
{
    int r = ecom_buf_append(out, ecom_str_of("one of "));

    for (size_t i = 0; field->names[i] && r == ECOM_OK; i++)
        r = ecom_buf_printf(out, "%s%s", i ? ", " : "", field->names[i]);
    return r;
}

static int put_number_bounds(const ecom_field *field, ecom_buf *out)
{
    struct ecom__bounds b = ecom__field_bounds(field);
    char low[ECOM__MONEY_ROOM], high[ECOM__MONEY_ROOM];

    if (field->type == ECOM_TYPE_MONEY) {
        ecom__money_format(b.min, low);
        ecom__money_format(b.max, high);
    } else {
        snprintf(low, sizeof(low), "%" PRId64, b.min);
        snprintf(high, sizeof(high), "%" PRId64, b.max);
    }
    if (field->min == 0 && field->max == 0)
        return ecom_buf_append(out, ecom_str_of("a number"));
    return ecom_buf_printf(out, "%s to %s", low, high);
}

/* What a value may be; nothing for a string of any length. */
static int put_bounds(const ecom_field *field, ecom_buf *out)
{
    struct ecom__bounds b = ecom__field_bounds(field);

    switch (field->type) {
    case ECOM_TYPE_INT:
    case ECOM_TYPE_MONEY:
        return put_number_bounds(field, out);
    case ECOM_TYPE_BOOL:
        return ecom_buf_append(out, ecom_str_of("true or false"));
    case ECOM_TYPE_ENUM:
        return put_names(field, out);
    case ECOM_TYPE_ID:
        return ecom_buf_append(out, ecom_str_of("a UUID"));
    case ECOM_TYPE_EMAIL:
        return ecom_buf_append(out, ecom_str_of("an e-mail address"));
    case ECOM_TYPE_CURRENCY:
        return ecom_buf_append(out, ecom_str_of("a currency such as EUR"));
    case ECOM_TYPE_TIME:
        return ecom_buf_append(out, ecom_str_of("a time such as 2026-11-22T18:25:43Z"));
    default:
        if (field->min == 0 && field->max == 0)
            return ECOM_OK;
        return ecom_buf_printf(out, "%" PRId64 " to %" PRId64 " characters", b.min, b.max);
    }
}

static int put_rules(const ecom_field *field, ecom_buf *out)
{
    size_t before = out->n;
    int r = ECOM_OK;

    if (field->fallback && *field->fallback)
        r = ecom_buf_printf(out, "default %s; ", field->fallback);
    else if (field->flags & ECOM_REQUIRED)
        r = ecom_buf_append(out, ecom_str_of("required; "));
    if (r == ECOM_OK && field->flags & ECOM_SECRET)
        r = ecom_buf_append(out, ecom_str_of("secret; "));

    size_t plain = out->n;
    if (r == ECOM_OK)
        r = put_bounds(field, out);
    if (out->n == plain && plain > before)
        out->n -= 2; /* nothing follows the last "; " */
    return r;
}

static size_t text_column(const ecom_record *record)
{
    size_t longest = 0;

    for (size_t i = 0; i < record->nfields; i++) {
        size_t n = strlen(record->fields[i].name);
        longest = n > longest ? n : longest;
    }
    longest += NAME_COLUMN + 2;
    return longest < TEXT_COLUMN_MAX ? longest : TEXT_COLUMN_MAX;
}

/* The name, then what it means, then what it may be; a long name has a line of its own. */
static int put_field(const ecom_field *field, size_t column, ecom_buf *line, ecom_buf *out)
{
    size_t n = strlen(field->name) + NAME_COLUMN;
    int own_line = n + 2 > column;
    int r = ecom_buf_printf(out, "%*s%s%s", NAME_COLUMN, "", field->name, own_line ? "\n" : "");

    if (r == ECOM_OK)
        r = pad(out, own_line ? column : column - n);
    if (r == ECOM_OK)
        r = put_wrapped(out, column, ecom_str_of(field->doc));
    line->n = 0;
    if (r == ECOM_OK)
        r = put_rules(field, line);
    if (r < 0 || line->n == 0)
        return r;
    r = pad(out, column);
    return r < 0 ? r : put_wrapped(out, column, ecom_buf_str(line));
}

int ecom_config_help(const ecom_record *record, ecom_buf *out)
{
    size_t before = out->n, column = text_column(record);
    ecom_buf line = {0};
    int r = ECOM_OK;

    for (size_t i = 0; i < record->nfields && r == ECOM_OK; i++)
        r = put_field(&record->fields[i], column, &line, out);
    ecom_buf_free(&line);
    if (r < 0)
        out->n = before;
    return r;
}
