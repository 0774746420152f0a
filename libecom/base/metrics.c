#include "ecom/metrics.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

enum { MAX_NAMES = 512, MAX_SERIES = 1000, MAX_LABELS_BYTES = 1024, MAX_HOOKS = 16, SLOTS = 64 };

/* Upper bounds of the buckets; one more takes the rest. */
static const struct {
    int64_t us;
    const char *seconds;
} bounds[] = {
    {500, "0.0005"},  {1000, "0.001"},  {2500, "0.0025"}, {5000, "0.005"},  {10000, "0.01"},
    {25000, "0.025"}, {50000, "0.05"},  {100000, "0.1"},  {250000, "0.25"}, {500000, "0.5"},
    {1000000, "1"},   {2500000, "2.5"}, {5000000, "5"},   {10000000, "10"}, {30000000, "30"},
};
enum { BOUNDS = sizeof(bounds) / sizeof(bounds[0]) };

/* No single observation is longer: 115 days. Sums stay far from their end. */
static const int64_t longest_us = INT64_C(10000000000000);

struct ecom_series {
    struct ecom_series *next;      /* in order of age */
    struct ecom_series *slot_next; /* in the same slot of the family's hash table */
    ecom_metric_kind kind;
    char *labels;              /* behind the counts, in the same allocation */
    _Atomic int64_t value;     /* of a histogram: the sum in microseconds */
    _Atomic uint64_t counts[]; /* of a histogram: BOUNDS + 1 of them, not yet added up */
};

/* All series of one name. */
struct family {
    struct family *next;
    ecom_metric_kind kind;
    const char *name, *help;
    struct ecom_series *first, **last;
    struct ecom_series *overflow; /* the last one, where labels past MAX_SERIES are counted */
    struct ecom_series *slots[SLOTS];
    size_t n;
};

struct hook {
    void (*fn)(void *user);
    void *user;
};

/* The lock is for the lists; values are atomic. Nothing leaves the lists before the end. */
struct ecom_metrics {
    pthread_mutex_t lock;
    struct family *first, **last;
    size_t nfamilies;
    struct hook hooks[MAX_HOOKS];
    size_t nhooks;
};

ecom_metrics *ecom_metrics_new(void)
{
    ecom_metrics *metrics = calloc(1, sizeof(*metrics));

    if (!metrics)
        return NULL;
    pthread_mutex_init(&metrics->lock, NULL);
    metrics->last = &metrics->first;
    return metrics;
}

void ecom_metrics_free(ecom_metrics *metrics)
{
    if (!metrics)
        return;
    for (struct family *f = metrics->first, *next; f; f = next) {
        next = f->next;
        for (struct ecom_series *s = f->first, *after; s; s = after) {
            after = s->next;
            free(s);
        }
        free(f);
    }
    pthread_mutex_destroy(&metrics->lock);
    free(metrics);
}

static int is_name(ecom_str s, int colons)
{
    for (size_t i = 0; i < s.n; i++) {
        char c = s.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
              (colons && c == ':') || (i > 0 && c >= '0' && c <= '9')))
            return 0;
    }
    return s.n > 0;
}

/* The length of a value between its quotes, or 0. */
static size_t quoted_length(const char *s)
{
    size_t i = 1;

    if (s[0] != '"')
        return 0;
    for (; s[i] != '"'; i++)
        if (s[i] == '\0' || s[i] == '\n' || (s[i] == '\\' && !strchr("\\\"n", s[++i])) ||
            s[i] == '\0')
            return 0;
    return i + 1;
}

/* One series with broken labels would make the whole page unreadable. */
static int labels_are_valid(const char *labels)
{
    const char *p = labels;

    while (*p) {
        size_t name = strcspn(p, "="), value;
        if (!is_name((ecom_str){p, name}, 0) || p[name] != '=' ||
            !(value = quoted_length(p + name + 1)))
            return 0;
        p += name + 1 + value;
        if (*p == ',' && p[1])
            p++;
        else if (*p)
            return 0;
    }
    return strlen(labels) <= MAX_LABELS_BYTES && ecom__utf8_valid(ecom_str_of(labels));
}

static struct family *family_find(const ecom_metrics *metrics, const char *name)
{
    struct family *f = metrics->first;

    while (f && f->name != name && strcmp(f->name, name) != 0)
        f = f->next;
    return f;
}

static struct family *family_add(ecom_metrics *metrics, ecom_metric_kind kind, const char *name,
                                 const char *help)
{
    if (metrics->nfamilies == MAX_NAMES || !is_name(ecom_str_of(name), 1))
        return NULL;
    struct family *f = calloc(1, sizeof(*f));
    if (!f)
        return NULL;
    f->kind = kind;
    f->name = name;
    f->help = help ? help : "";
    f->last = &f->first;
    *metrics->last = f;
    metrics->last = &f->next;
    metrics->nfamilies++;
    return f;
}

/* FNV-1a. */
static size_t slot_of(const char *labels)
{
    uint32_t h = 2166136261u;

    for (; *labels; labels++)
        h = (h ^ (unsigned char)*labels) * 16777619u;
    return (h ^ h >> 16) % SLOTS;
}

static struct ecom_series *series_add(struct family *f, const char *labels, size_t slot)
{
    size_t counts = f->kind == ECOM_HISTOGRAM ? BOUNDS + 1 : 0, n = strlen(labels);
    struct ecom_series *s = calloc(1, sizeof(*s) + counts * sizeof(s->counts[0]) + n + 1);

    if (!s)
        return NULL;
    s->kind = f->kind;
    s->labels = (char *)(s->counts + counts);
    memcpy(s->labels, labels, n + 1);
    s->slot_next = f->slots[slot];
    f->slots[slot] = s;
    *f->last = s;
    f->last = &s->next;
    f->n++;
    return s;
}

static struct ecom_series *series_of(struct family *f, const char *labels)
{
    size_t slot = slot_of(labels);

    for (struct ecom_series *s = f->slots[slot]; s; s = s->slot_next)
        if (!strcmp(s->labels, labels))
            return s;
    if (f->overflow || !labels_are_valid(labels))
        return f->overflow;
    if (f->n < MAX_SERIES)
        return series_add(f, labels, slot);
    static const char overflow[] = "overflow=\"true\"";
    return f->overflow = series_add(f, overflow, slot_of(overflow));
}

ecom_series *ecom_metrics_series(ecom_metrics *metrics, ecom_metric_kind kind, const char *name,
                                 const char *help, const char *labels)
{
    struct ecom_series *s = NULL;

    if (!metrics || !name)
        return NULL;
    pthread_mutex_lock(&metrics->lock);
    struct family *f = family_find(metrics, name);
    if (!f)
        f = family_add(metrics, kind, name, help);
    if (f && f->kind == kind)
        s = series_of(f, labels ? labels : "");
    pthread_mutex_unlock(&metrics->lock);
    return s;
}

void ecom_series_add(ecom_series *series, int64_t n)
{
    if (series && (series->kind == ECOM_GAUGE || (series->kind == ECOM_COUNTER && n > 0)))
        atomic_fetch_add_explicit(&series->value, n, memory_order_relaxed);
}

void ecom_series_set(ecom_series *series, int64_t value)
{
    if (series && series->kind != ECOM_HISTOGRAM)
        atomic_store_explicit(&series->value, value, memory_order_relaxed);
}

void ecom_series_observe(ecom_series *series, int64_t us)
{
    size_t i = 0;

    if (!series || series->kind != ECOM_HISTOGRAM)
        return;
    us = us < 0 ? 0 : us > longest_us ? longest_us : us;
    while (i < BOUNDS && us > bounds[i].us)
        i++;
    atomic_fetch_add_explicit(&series->counts[i], 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&series->value, us, memory_order_relaxed);
}

int64_t ecom_series_value(const ecom_series *series)
{
    uint64_t n = 0;

    if (!series)
        return 0;
    if (series->kind != ECOM_HISTOGRAM)
        return atomic_load_explicit(&series->value, memory_order_relaxed);
    for (size_t i = 0; i <= BOUNDS; i++)
        n += atomic_load_explicit(&series->counts[i], memory_order_relaxed);
    return (int64_t)n;
}

int ecom_label_add(ecom_buf *labels, const char *name, ecom_str value)
{
    size_t before = labels->n;
    int r = ecom_buf_printf(labels, "%s%s=\"", labels->n ? "," : "", name);

    while (r == ECOM_OK && value.n) {
        ecom_str raw = value;
        int32_t c = ecom__utf8_next(&value);
        raw.n -= value.n;
        if (c < 0 || c == 0)
            raw = ecom_str_of("\xEF\xBF\xBD");
        else if (c == '\n')
            raw = ecom_str_of("\\n");
        else if ((c == '"' || c == '\\') && (r = ecom_buf_append(labels, ecom_str_of("\\"))) < 0)
            break;
        r = ecom_buf_append(labels, raw);
    }
    if (r == ECOM_OK)
        r = ecom_buf_append(labels, ecom_str_of("\""));
    if (r < 0)
        labels->n = before;
    return r;
}

int ecom_metrics_on_write(ecom_metrics *metrics, void (*fn)(void *user), void *user)
{
    int r = ECOM_E_TOOLARGE;

    pthread_mutex_lock(&metrics->lock);
    if (metrics->nhooks < MAX_HOOKS) {
        metrics->hooks[metrics->nhooks++] = (struct hook){fn, user};
        r = ECOM_OK;
    }
    pthread_mutex_unlock(&metrics->lock);
    return r;
}

static void run_hooks(ecom_metrics *metrics)
{
    struct hook hooks[MAX_HOOKS];

    pthread_mutex_lock(&metrics->lock);
    size_t n = metrics->nhooks;
    memcpy(hooks, metrics->hooks, sizeof(hooks));
    pthread_mutex_unlock(&metrics->lock);
    for (size_t i = 0; i < n; i++)
        hooks[i].fn(hooks[i].user);
}

static int write_head(const struct family *f, ecom_buf *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    int r = ecom_buf_printf(out, "# HELP %s ", f->name);

    for (const char *p = f->help; *p && r == ECOM_OK; p++)
        r = ecom_buf_append(out, *p == '\n'   ? ecom_str_of("\\n")
                                 : *p == '\\' ? ecom_str_of("\\\\")
                                              : (ecom_str){p, 1});
    return r < 0 ? r : ecom_buf_printf(out, "\n# TYPE %s %s\n", f->name, kinds[f->kind]);
}

/* The page's own count is the sum of its buckets, so that it is right while others observe. */
static int write_histogram(const struct family *f, const struct ecom_series *s, ecom_buf *out)
{
    const char *comma = *s->labels ? "," : "", *open = *s->labels ? "{" : "",
               *close = *s->labels ? "}" : "";
    int64_t sum = atomic_load_explicit(&s->value, memory_order_relaxed);
    uint64_t n = 0;
    int r = ECOM_OK;

    for (size_t i = 0; i <= BOUNDS && r == ECOM_OK; i++) {
        n += atomic_load_explicit(&s->counts[i], memory_order_relaxed);
        r = ecom_buf_printf(out, "%s_bucket{%s%sle=\"%s\"} %" PRIu64 "\n", f->name, s->labels,
                            comma, i < BOUNDS ? bounds[i].seconds : "+Inf", n);
    }
    if (r < 0)
        return r;
    return ecom_buf_printf(
        out, "%s_sum%s%s%s %" PRId64 ".%06" PRId64 "\n%s_count%s%s%s %" PRIu64 "\n", f->name, open,
        s->labels, close, sum / 1000000, sum % 1000000, f->name, open, s->labels, close, n);
}

static int write_series(const struct family *f, const struct ecom_series *s, ecom_buf *out)
{
    if (f->kind == ECOM_HISTOGRAM)
        return write_histogram(f, s, out);
    return ecom_buf_printf(out, "%s%s%s%s %" PRId64 "\n", f->name, *s->labels ? "{" : "", s->labels,
                           *s->labels ? "}" : "", ecom_series_value(s));
}

int ecom_metrics_write(ecom_metrics *metrics, ecom_buf *out)
{
    size_t before = out->n;
    int r = ECOM_OK;

    run_hooks(metrics);
    pthread_mutex_lock(&metrics->lock);
    for (const struct family *f = metrics->first; f && r == ECOM_OK; f = f->next) {
        r = write_head(f, out);
        for (const struct ecom_series *s = f->first; s && r == ECOM_OK; s = s->next)
            r = write_series(f, s, out);
    }
    pthread_mutex_unlock(&metrics->lock);
    if (r < 0)
        out->n = before;
    return r;
}
