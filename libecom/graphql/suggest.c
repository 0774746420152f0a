#include "graphql/suggest.h"

#include <string.h>

enum { MAX_NAME = 64, SUGGESTIONS = 5 };

static int is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

/* Below 0, 0, above: digits within names compare as numbers, so that `x9` comes before `x10`. */
static int natural_compare(ecom_str a, ecom_str b)
{
    size_t i = 0, k = 0;

    while (i < a.n && k < b.n) {
        if (!is_digit(a.p[i]) || !is_digit(b.p[k])) {
            if (a.p[i] != b.p[k])
                return (unsigned char)a.p[i] - (unsigned char)b.p[k];
            i++, k++;
            continue;
        }
        uint64_t x = 0, y = 0;
        for (; i < a.n && is_digit(a.p[i]); i++)
            x = x * 10 + (uint64_t)(a.p[i] - '0');
        for (; k < b.n && is_digit(b.p[k]); k++)
            y = y * 10 + (uint64_t)(b.p[k] - '0');
        if (x != y)
            return x < y ? -1 : 1;
    }
    return a.n - i < b.n - k ? -1 : a.n - i > b.n - k;
}

/* One row of the table of distances: letters put in, left out, changed, and neighbours exchanged.
 * Returns the smallest of the row. */
static uint32_t fill_row(uint32_t rows[3][MAX_NAME + 1], uint32_t i, ecom_str a, ecom_str b)
{
    const uint32_t *up = rows[(i + 2) % 3], *before = rows[(i + 1) % 3];
    uint32_t *row = rows[i % 3], least = row[0] = i;

    for (uint32_t k = 1; k <= b.n; k++) {
        char x = lower(a.p[i - 1]), y = lower(b.p[k - 1]);
        uint32_t cell = up[k - 1] + (x != y);
        cell = up[k] + 1 < cell ? up[k] + 1 : cell;
        cell = row[k - 1] + 1 < cell ? row[k - 1] + 1 : cell;
        if (i > 1 && k > 1 && x == lower(b.p[k - 2]) && lower(a.p[i - 2]) == y &&
            before[k - 2] + 1 < cell)
            cell = before[k - 2] + 1;
        row[k] = cell;
        least = cell < least ? cell : least;
    }
    return least;
}

/* Above @p most: too far, and how far is not known. */
static uint32_t distance(ecom_str a, ecom_str b, uint32_t most)
{
    uint32_t rows[3][MAX_NAME + 1];
    int same = a.n == b.n;

    for (size_t i = 0; same && i < a.n; i++)
        same = lower(a.p[i]) == lower(b.p[i]);
    if (same)
        return !ecom_str_eq(a, b);
    if (a.n < b.n) {
        ecom_str longer = b;
        b = a;
        a = longer;
    }
    if (a.n - b.n > most)
        return most + 1;
    for (uint32_t k = 0; k <= b.n; k++)
        rows[0][k] = k;
    for (uint32_t i = 1; i <= a.n; i++)
        if (fill_row(rows, i, a, b) > most)
            return most + 1;
    return rows[a.n % 3][b.n];
}

/* The best so far. */
struct near {
    struct gql_errors *errors;
    ecom_str input;
    uint32_t most; /* changes by which a name may differ */
    uint32_t n;
    ecom_str names[SUGGESTIONS];
    uint32_t distances[SUGGESTIONS];
};

static struct near begin(struct gql_errors *errors, ecom_str input)
{
    return (struct near){.errors = errors, .input = input, .most = (uint32_t)(input.n * 2 / 5) + 1};
}

static void keep(struct near *s, ecom_str name, uint32_t far)
{
    uint32_t i = s->n;

    while (i > 0 && (far < s->distances[i - 1] ||
                     (far == s->distances[i - 1] && natural_compare(name, s->names[i - 1]) < 0)))
        i--;
    if (i == SUGGESTIONS)
        return;
    s->n += s->n < SUGGESTIONS;
    for (uint32_t k = s->n - 1; k > i; k--) {
        s->names[k] = s->names[k - 1];
        s->distances[k] = s->distances[k - 1];
    }
    s->names[i] = name;
    s->distances[i] = far;
}

static void consider(struct near *s, ecom_str name)
{
    uint32_t *left = &s->errors->suggesting;
    uint64_t work = 16 + s->input.n * name.n;

    if (s->input.n > MAX_NAME || name.n > MAX_NAME)
        return;
    if (*left < work) {
        *left = 0;
        return;
    }
    *left -= (uint32_t)work;
    uint32_t far = distance(name, s->input, s->most);
    if (far <= s->most)
        keep(s, name, far);
}

/* ` Did you mean <what>"a", "b", or "c"?`; no bytes when nothing is near. */
static ecom_str did_you_mean(const struct near *s, const char *what)
{
    ecom_str text = {"", 0};

    for (uint32_t i = 0; i < s->n; i++) {
        const char *before = i == 0         ? " Did you mean "
                             : i + 1 < s->n ? ", "
                             : s->n == 2    ? " or "
                                            : ", or ";
        text = ecom__gql_format(s->errors->arena, "%.*s%s%s\"%.*s\"%s", GQL_P(text), before,
                                i == 0 ? what : "", GQL_P(s->names[i]), i + 1 == s->n ? "?" : "");
    }
    return text;
}

ecom_str ecom__gql_suggest_input(struct gql_errors *errors, const struct gql_inputs *inputs,
                                 ecom_str name)
{
    struct near s = begin(errors, name);

    for (uint32_t i = 0; i < inputs->n && errors->suggesting; i++)
        consider(&s, gql_str(inputs->items[i].name));
    return did_you_mean(&s, "");
}

ecom_str ecom__gql_suggest_enum(struct gql_errors *errors, const struct gql_type *type,
                                ecom_str name)
{
    struct near s = begin(errors, name);

    for (uint32_t i = 0; i < type->nvalues && errors->suggesting; i++)
        consider(&s, gql_str(type->values[i].name));
    return did_you_mean(&s, "the enum value ");
}

ecom_str ecom__gql_suggest_type(struct gql_errors *errors, const struct gql_schema *schema,
                                ecom_str name)
{
    struct near s = begin(errors, name);

    for (const struct gql_type *t = schema->types; t && errors->suggesting; t = t->next)
        consider(&s, gql_str(t->name));
    return did_you_mean(&s, "");
}

/* ---- fields that another type has */

enum { MAX_CANDIDATES = 32 };

struct candidate {
    const struct gql_type *type;
    uint32_t uses;
};

static void count_use(struct candidate *all, uint32_t *n, const struct gql_type *type)
{
    uint32_t i = 0;

    while (i < *n && all[i].type != type)
        i++;
    if (i == MAX_CANDIDATES)
        return;
    if (i == *n)
        all[(*n)++] = (struct candidate){type, 0};
    all[i].uses++;
}

static int implements(const struct gql_type *type, const struct gql_type *face)
{
    for (uint32_t i = 0; i < type->ninterfaces; i++)
        if (type->interfaces[i] == face)
            return 1;
    return 0;
}

/* What most have in common first, interfaces before what implements them. */
static int comes_before(const struct candidate *a, const struct candidate *b)
{
    if (a->uses != b->uses)
        return a->uses > b->uses;
    if (a->type->kind == GQL_KIND_INTERFACE && implements(b->type, a->type))
        return 1;
    if (b->type->kind == GQL_KIND_INTERFACE && implements(a->type, b->type))
        return 0;
    return natural_compare(gql_str(a->type->name), gql_str(b->type->name)) < 0;
}

static void suggest_condition(struct near *s, const struct gql_type *type, struct gql_name name)
{
    struct candidate all[MAX_CANDIDATES];
    uint32_t n = 0;

    for (uint32_t i = 0; i < type->npossible && n < MAX_CANDIDATES; i++) {
        const struct gql_type *object = type->possible[i];
        if (!ecom__gql_field(object, name))
            continue;
        count_use(all, &n, object);
        for (uint32_t k = 0; k < object->ninterfaces; k++)
            if (ecom__gql_field(object->interfaces[k], name))
                count_use(all, &n, object->interfaces[k]);
    }
    for (uint32_t i = 1; i < n; i++)
        for (uint32_t k = i; k > 0 && comes_before(&all[k], &all[k - 1]); k--) {
            struct candidate moved = all[k];
            all[k] = all[k - 1];
            all[k - 1] = moved;
        }
    for (; s->n < n && s->n < SUGGESTIONS; s->n++)
        s->names[s->n] = gql_str(all[s->n].type->name);
}

ecom_str ecom__gql_suggest_field(struct gql_errors *errors, const struct gql_type *type,
                                 struct gql_name name)
{
    struct near s = begin(errors, gql_str(name));

    if (!errors->suggesting)
        return (ecom_str){"", 0};
    if (type->kind != GQL_KIND_OBJECT)
        suggest_condition(&s, type, name);
    if (s.n)
        return did_you_mean(&s, "to use an inline fragment on ");
    for (uint32_t i = 0; i < type->nfields && errors->suggesting; i++)
        consider(&s, gql_str(type->fields[i].name));
    return did_you_mean(&s, "");
}
