#include "store_suite.h"

#include <stdlib.h>

static const struct store_cases *const all[] = {
    &ecom__store_doc_cases,    &ecom__store_limit_cases,  &ecom__store_find_cases,
    &ecom__store_unique_cases, &ecom__store_outbox_cases, &ecom__store_race_cases,
    &ecom__store_crash_cases,
};

ecom_store *store_open(struct store_test *t)
{
    ecom_store *store = NULL;
    ecom_error e;

    for (size_t i = 0; i < STORE_HANDLES; i++) {
        if (t->stores[i])
            continue;
        if (t->fixture->open(t->fixture->user, &t->opts, &store, &e) < 0)
            FAIL("open: %s", e.text);
        t->stores[i] = store;
        return store;
    }
    FAIL("too many handles for this suite");
    return NULL;
}

void store_shut(struct store_test *t, ecom_store *store)
{
    for (size_t i = 0; i < STORE_HANDLES; i++)
        if (t->stores[i] == store)
            t->stores[i] = NULL;
    if (t->store == store)
        t->store = NULL;
    ecom_store_close(store);
}

/* Takes the next word off a text, up to a space or @p end. */
static ecom_str word(const char **text, char end)
{
    ecom_str w = {*text, 0};

    while ((*text)[w.n] && (*text)[w.n] != ' ' && (*text)[w.n] != end)
        w.n++;
    *text += w.n;
    if (**text)
        ++*text;
    return w;
}

const ecom_change *store_change(const char *id, uint64_t expect, const char *entries,
                                const char *events)
{
    static _Thread_local ecom_entry entry[32];
    static _Thread_local ecom_msg event[ECOM_STORE_MAX_EVENTS];
    static _Thread_local ecom_change change;

    change = (ecom_change){.collection = S("things"),
                           .id = ecom_str_of(id),
                           .doc = S("{\"a\":1}"),
                           .expect = expect,
                           .entries = entry,
                           .events = event};
    while (*entries) {
        int unique = *entries == '!';
        entries += unique;
        ecom_str index = word(&entries, '=');
        entry[change.nentries++] = (ecom_entry){index, word(&entries, ' '), unique};
    }
    while (*events)
        event[change.nevents++] = (ecom_msg){
            .id = word(&events, ' '), .topic = S("things"), .key = change.id, .body = S("{}")};
    return &change;
}

uint64_t store_put(ecom_store *store, const char *id, uint64_t expect, const char *entries,
                   const char *events)
{
    uint64_t rev = 0;
    ecom_error e;

    if (ecom_store_put(store, store_change(id, expect, entries, events), &rev, &e) < 0)
        FAIL("put %s [%s] [%s]: %s %s: %s", id, entries, events, ecom__suite_code(e.code), e.field,
             e.text);
    return rev;
}

uint64_t store_rev(ecom_store *store, const char *id)
{
    ecom_buf doc = {0};
    uint64_t rev = 0;
    ecom_error e;
    int r = ecom_store_get(store, S("things"), ecom_str_of(id), &doc, &rev, &e);

    if (r < 0 && r != ECOM_E_NOTFOUND)
        FAIL("get %s: %s: %s", id, ecom__suite_code(r), e.text);
    ecom_buf_free(&doc);
    return rev;
}

struct text {
    size_t n;
    char *bytes;
};

static void add(struct text *text, ecom_str word, const char *then)
{
    if (text->n + word.n + 2 >= LIST_BYTES)
        return;
    text->n += (size_t)snprintf(text->bytes + text->n, LIST_BYTES - text->n, "%.*s%s", (int)word.n,
                                word.n ? word.p : "", then);
}

static int list_row(void *user, const ecom_row *row)
{
    struct text *text = user;

    if (text->n)
        add(text, (ecom_str){NULL, 0}, " ");
    if (row->value.n)
        add(text, row->value, ":");
    add(text, row->id, "");
    return 0;
}

const char *store_list(ecom_store *store, ecom_query query)
{
    static char bytes[LIST_BYTES];
    struct text text = {0, bytes};
    int more = 0;
    ecom_error e;

    bytes[0] = '\0';
    if (ecom_store_find(store, &query, list_row, &text, &more, &e) < 0)
        FAIL("find: %s: %s", e.field, e.text);
    if (more)
        add(&text, S(" +"), "");
    return bytes;
}

struct pending_rows {
    struct text text;
    struct waiting *waiting;
};

static int pending_row(void *user, const ecom_pending *p)
{
    struct pending_rows *rows = user;
    struct waiting *w = rows->waiting;

    if (rows->text.n)
        add(&rows->text, (ecom_str){NULL, 0}, " ");
    add(&rows->text, p->msg.id, "");
    if (!w)
        return 0;
    if (w->n == WAITING_MAX || p->token.n > sizeof(w->rows[0].token)) {
        FAIL("too many rows, or a token of %zu bytes", p->token.n);
        return 1;
    }
    snprintf(w->rows[w->n].event, 64, "%.*s", (int)p->msg.id.n, p->msg.id.p);
    snprintf(w->rows[w->n].doc, 64, "%.*s", (int)p->id.n, p->id.p);
    memcpy(w->rows[w->n].token, p->token.p, p->token.n);
    w->rows[w->n].token_bytes = p->token.n;
    w->rows[w->n++].since_ms = p->since_ms;
    return 0;
}

const char *store_pending(ecom_store *store, int64_t before_ms, uint32_t limit,
                          struct waiting *waiting)
{
    static char bytes[LIST_BYTES];
    struct pending_rows rows = {{0, bytes}, waiting};
    ecom_error e;

    bytes[0] = '\0';
    if (waiting)
        waiting->n = 0;
    if (ecom_store_pending(store, before_ms, limit, pending_row, &rows, &e) < 0)
        FAIL("pending: %s: %s", e.field, e.text);
    return bytes;
}

void store_published(ecom_store *store, const struct waiting *waiting, size_t from, size_t to)
{
    static ecom_str tokens[WAITING_MAX];
    ecom_error e;

    for (size_t i = from; i < to; i++)
        tokens[i - from] = (ecom_str){waiting->rows[i].token, waiting->rows[i].token_bytes};
    if (ecom_store_published(store, tokens, to - from, &e) < 0)
        FAIL("published: %s", e.text);
}

static void begin(struct store_test *t, const ecom_store_fixture *fixture)
{
    ecom_error e;

    *t = (struct store_test){.fixture = fixture, .opts = ECOM_STORE_OPTIONS_INIT};
    ecom__suite_clock_init(&t->clock, 1);
    if (fixture->flags & ECOM_TEST_CLOCK)
        t->opts.env = &t->clock.env;
    if (fixture->fresh && fixture->fresh(fixture->user, &e) < 0)
        FAIL("fresh: %s", e.text);
    if (!ecom__suite_failed)
        t->store = store_open(t);
}

static void end(struct store_test *t)
{
    for (size_t i = 0; i < STORE_HANDLES; i++)
        ecom_store_close(t->stores[i]);
    if (t->fixture->clear)
        t->fixture->clear(t->fixture->user);
}

static void run(const struct store_case *c, const ecom_store_fixture *fixture)
{
    struct store_test t;

    if ((c->needs & fixture->flags) != c->needs)
        SKIP("this backend does not promise it");
    begin(&t, fixture);
    if (!ecom__suite_failed)
        c->run(&t);
    end(&t);
}

int ecom_store_suite(const ecom_store_fixture *fixture, int argc, char **argv)
{
    int number = 0, failed = 0;

    for (size_t g = 0; g < sizeof(all) / sizeof(all[0]); g++)
        for (size_t i = 0; i < all[g]->n; i++) {
            const struct store_case *c = &all[g]->cases[i];
            if (argc > 1 && !strstr(c->name, argv[1]))
                continue;
            run(c, fixture);
            failed |= ecom__suite_line(++number, fixture->name, c->name);
        }
    printf("1..%d\n", number);
    return failed;
}
