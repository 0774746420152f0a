#include "mongodb/document.h"
#include "mongodb/group.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* What is stored of a document now. */
struct state {
    uint64_t rev; /* 0: nothing, not even a removed one */
    int foreign;  /* a document without a revision: not of ours */
    int gone, waits, has_event;
    char by[64];
};

/* One write of one document, tried until its outcome is known. Each try is the same to the byte and
 * asks for the revision it was made for, so that of any number of tries, early or late, one at most
 * has an effect: to try again is safe. */
struct change {
    ecom__mdb *db;
    char name[ECOM__MDB_NAME];     /* of the collection, as it is called there */
    ecom__mdb_use use;             /* taken once something must be read */
    const ecom_store_write *write; /* NULL: a removal */
    ecom_str id, origin;
    uint64_t expect, base, rev; /* base: at which it is written; 0: it is new */
    int over_gone, remove_at_once, sent;
    int64_t now_ms;
    ecom__mdb_content content;
    ecom__bson filter, update; /* of the attempt under way */
    ecom__mdb_job job;
    ecom_error *err;
};

enum { DONE = ECOM__MDB_DONE };

static const ecom_str id_name = {"_id", 3};

static void note_event(struct state *state, const struct change *c, const bson_iter_t *at)
{
    ecom_header headers[ECOM_BUS_MAX_HEADERS];
    ecom_pending event = {0};
    int64_t number, first = ecom__mdb_event_number(c->rev, 0);
    bson_iter_t array, by;

    if (!c->write || !BSON_ITER_HOLDS_ARRAY(at) || !bson_iter_recurse(at, &array))
        return;
    while (bson_iter_next(&array))
        if (ecom__mdb_read_event(&array, &number, &event, headers, NULL) == ECOM_OK &&
            number == first && ecom_str_eq(event.msg.id, c->write->change->events[0].id) &&
            bson_iter_recurse(&array, &by) && bson_iter_find(&by, "by") &&
            ecom_str_eq(ecom__mdb_bytes(&by), c->origin))
            state->has_event = 1;
}

static void note_state(struct state *state, const struct change *c, const bson_t *doc)
{
    bson_iter_t at;

    state->rev = (uint64_t)ecom__mdb_number(doc, "rev");
    state->foreign = state->rev == 0;
    state->gone = bson_iter_init_find(&at, doc, "gone");
    state->waits = bson_iter_init_find(&at, doc, "waits");
    if (bson_iter_init_find(&at, doc, "by")) {
        ecom_str by = ecom__mdb_bytes(&at);
        if (by.n < sizeof(state->by))
            memcpy(state->by, by.p ? by.p : "", by.n);
    }
    if (c->sent && c->write && c->write->change->nevents && bson_iter_init_find(&at, doc, "outbox"))
        note_event(state, c, &at);
}

/* The events are read only when they may tell whether a change of ours got through. */
static bson_t *state_options(const struct change *c)
{
    bson_t *opts = BCON_NEW("limit", BCON_INT64(1));
    bson_t fields;

    BSON_APPEND_DOCUMENT_BEGIN(opts, "projection", &fields);
    BSON_APPEND_INT32(&fields, "rev", 1);
    BSON_APPEND_INT32(&fields, "by", 1);
    BSON_APPEND_INT32(&fields, "gone", 1);
    BSON_APPEND_INT32(&fields, "waits", 1);
    if (c->sent)
        BSON_APPEND_INT32(&fields, "outbox", 1);
    bson_append_document_end(opts, &fields);
    return opts;
}

static int read_state_once(struct change *c, struct state *state)
{
    bson_t filter = BSON_INITIALIZER, *opts = state_options(c);
    int r = ECOM_OK;

    memset(state, 0, sizeof(*state));
    bson_append_utf8(&filter, id_name.p, (int)id_name.n, c->id.p, (int)c->id.n);
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(c->use.collection, &filter, opts, NULL);
    const bson_t *doc = ecom__mdb_first(cursor, &c->use, &r, c->err);
    if (doc)
        note_state(state, c, doc);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&filter);
    return r;
}

static int has_time(const struct change *c)
{
    return ecom__mdb_check_time(c->db, c->use.until_us, NULL) == ECOM_OK;
}

/* A client of its own, until the next attempt: the command needs one, and there may be no other. */
static int take_client(struct change *c)
{
    if (c->use.client)
        return ecom__mdb_check_time(c->db, c->use.until_us, c->err);
    return ecom__mdb_take(c->db, c->name, c->use.until_us, &c->use, c->err);
}

static void give_client(struct change *c)
{
    if (c->use.client)
        ecom__mdb_give(c->db, &c->use);
    c->use.client = NULL;
}

static int read_state(struct change *c, struct state *state)
{
    int r = take_client(c);

    if (r < 0)
        return r;
    do {
        c->use.broken = 0;
        r = read_state_once(c, state);
    } while (r < 0 && c->use.broken && has_time(c));
    return r;
}

static int is_ours(const struct change *c, const struct state *state)
{
    return (state->rev == c->rev && ecom_str_eq(ecom_str_of(state->by), c->origin)) ||
           state->has_event;
}

static size_t begin_part(ecom__bson *to, ecom_str name)
{
    return ecom__bson_begin_in(to, BSON_TYPE_DOCUMENT, name);
}

static void append_head(ecom__bson *to, const struct change *c)
{
    ecom__bson_int64(to, ECOM__BSON_NAME("rev"), (int64_t)c->rev);
    ecom__bson_text(to, ECOM__BSON_NAME("by"), c->origin);
}

static void append_waits(ecom__bson *to, const struct change *c)
{
    ecom__bson_int64(to, ECOM__BSON_NAME("waits"), ecom__mdb_event_number(c->rev, 0));
}

static void make_new(const struct change *c, ecom__bson *doc)
{
    ecom__bson_text(doc, id_name, c->id);
    append_head(doc, c);
    ecom__bson_fields(doc, &c->content.has);
    if (c->write->change->nevents) {
        append_waits(doc, c);
        ecom__mdb_append_events(doc, ECOM__BSON_NAME("outbox"), c->write, c->rev);
    }
}

/* Whoever forgets the last event of a removed document dates its removal, see published.c: it must
 * find it removed. */
static void append_some_wait(ecom__bson *filter)
{
    size_t waits = begin_part(filter, ECOM__BSON_NAME("waits"));

    ecom__bson_int64(filter, ECOM__BSON_NAME("$gt"), 0);
    ecom__bson_end(filter, waits);
}

static void make_filter(const struct change *c, ecom__bson *filter)
{
    ecom__bson_text(filter, id_name, c->id);
    ecom__bson_int64(filter, ECOM__BSON_NAME("rev"), (int64_t)c->base);
    if (c->over_gone)
        ecom__bson_bool(filter, ECOM__BSON_NAME("gone"), 1);
    else
        ecom__bson_null(filter, ECOM__BSON_NAME("gone")); /* or not there at all */
    if (c->write)
        return;
    if (c->remove_at_once)
        ecom__bson_null(filter, ECOM__BSON_NAME("waits"));
    else
        append_some_wait(filter);
}

static void append_push(ecom__bson *update, const struct change *c)
{
    size_t push = begin_part(update, ECOM__BSON_NAME("$push"));
    size_t outbox = begin_part(update, ECOM__BSON_NAME("outbox"));

    ecom__mdb_append_events(update, ECOM__BSON_NAME("$each"), c->write, c->rev);
    ecom__bson_end(update, outbox);
    ecom__bson_end(update, push);
    size_t min = begin_part(update, ECOM__BSON_NAME("$min"));
    append_waits(update, c);
    ecom__bson_end(update, min);
}

static void make_update(const struct change *c, ecom__bson *update)
{
    size_t part = begin_part(update, ECOM__BSON_NAME("$set"));

    append_head(update, c);
    ecom__bson_fields(update, &c->content.has);
    ecom__bson_end(update, part);
    part = begin_part(update, ECOM__BSON_NAME("$unset"));
    ecom__bson_fields(update, &c->content.lacks);
    ecom__mdb_append_unset(update, ECOM__BSON_NAME("gone"));
    ecom__mdb_append_unset(update, ECOM__BSON_NAME("removed"));
    ecom__bson_end(update, part);
    if (c->write->change->nevents)
        append_push(update, c);
}

static void make_removal(const struct change *c, ecom__bson *update)
{
    static const ecom_str fields[] = {{"doc", 3}, {"text", 4}, {"keys", 4}, {"unique", 6}};
    size_t part = begin_part(update, ECOM__BSON_NAME("$set"));

    append_head(update, c);
    ecom__bson_bool(update, ECOM__BSON_NAME("gone"), 1);
    if (c->remove_at_once)
        ecom__bson_time(update, ECOM__BSON_NAME("removed"), c->now_ms);
    ecom__bson_end(update, part);
    part = begin_part(update, ECOM__BSON_NAME("$unset"));
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        ecom__mdb_append_unset(update, fields[i]);
    ecom__bson_end(update, part);
}

/* About as many bytes as an attempt takes. */
static size_t expected(const struct change *c)
{
    enum { HEAD = 128, OF_EVENT = 256 };
    size_t n = HEAD;

    if (c->write)
        n += c->content.has.bytes.n + c->content.lacks.bytes.n;
    for (size_t i = 0; c->write && i < c->write->change->nevents; i++)
        n += OF_EVENT + c->write->change->events[i].body.n;
    return n;
}

static void make_attempt(struct change *c)
{
    c->filter = c->update = (ecom__bson){0};
    ecom__bson_expect(&c->update, expected(c));
    ecom__bson_begin(&c->filter);
    ecom__bson_begin(&c->update);
    if (c->base == 0) {
        make_new(c, &c->update);
    } else {
        make_filter(c, &c->filter);
        if (c->write)
            make_update(c, &c->update);
        else
            make_removal(c, &c->update);
    }
    ecom__bson_end(&c->filter, 0);
    ecom__bson_end(&c->update, 0);
}

/* Makes ready what an attempt sends; end_attempt() ends it, whatever this returns. */
static int begin_attempt(struct change *c)
{
    give_client(c);
    make_attempt(c);
    if (c->filter.r < 0 || c->update.r < 0)
        return ecom_fail(c->err, ECOM_E_NOMEM, "no memory for a change");
    if (c->update.bytes.n > ECOM__MDB_MAX_BYTES)
        return ecom_fail(c->err, ECOM_E_TOOLARGE,
                         "the change has %zu bytes as BSON, at most %d are possible",
                         c->update.bytes.n, ECOM__MDB_MAX_BYTES);
    c->job = (ecom__mdb_job){.collection = c->name,
                             .id = c->id,
                             .origin = c->origin,
                             .base = c->base,
                             .rev = c->rev,
                             .filter = c->base ? &c->filter : NULL,
                             .write = &c->update,
                             .until_us = c->use.until_us,
                             .err = c->err};
    return ECOM_OK;
}

static int end_attempt(struct change *c, int outcome)
{
    c->sent |= outcome == ECOM__MDB_UNKNOWN;
    ecom_buf_free(&c->filter.bytes);
    ecom_buf_free(&c->update.bytes);
    return outcome;
}

/* The first goes with others. One that needs another has had trouble, and waits for nobody. */
static int attempt(struct change *c, int first)
{
    int r = begin_attempt(c);

    if (r < 0)
        return end_attempt(c, r);
    if (first)
        ecom__mdb_write(c->db, &c->job);
    else
        ecom__mdb_write_alone(c->db, &c->job);
    return end_attempt(c, c->job.outcome);
}

static int fail_conflict(const struct change *c, const struct state *state)
{
    if (!state->rev || state->gone)
        return ecom_fail(c->err, ECOM_E_CONFLICT,
                         "the document is not there, not at revision %" PRIu64, c->expect);
    return ecom_fail(c->err, ECOM_E_CONFLICT,
                     "the document is at revision %" PRIu64 ", not %" PRIu64, state->rev,
                     c->expect);
}

static int fail_unknown(const struct change *c)
{
    return ecom_fail(c->err, ECOM_E_TIMEOUT,
                     "the database did not say whether it wrote the document");
}

static int fail_clash(const struct change *c, ecom_str key)
{
    const char *end = memchr(key.p, '=', key.n);
    size_t n = end ? (size_t)(end - key.p) : 0;
    char index[ECOM_STORE_MAX_NAME + 1];

    if (n > ECOM_STORE_MAX_NAME)
        n = ECOM_STORE_MAX_NAME;
    memcpy(index, key.p, n);
    index[n] = '\0';
    return ecom_fail_field(c->err, ECOM_E_EXISTS, index,
                           "another document has this value in the unique index \"%s\"", index);
}

/* Which of our unique keys another document has. What the server says of it differs from server to
 * server; to look is sure. @return ECOM_E_EXISTS; ECOM_OK: none has any more. */
static int match_keys(const struct change *c, const bson_t *ours, const bson_t *other)
{
    bson_iter_t at, a, b;

    if (!bson_iter_init_find(&at, other, "unique") || !BSON_ITER_HOLDS_ARRAY(&at) ||
        !bson_iter_init(&a, ours))
        return ECOM_OK;
    while (bson_iter_next(&a)) {
        bson_iter_recurse(&at, &b);
        while (bson_iter_next(&b))
            if (ecom_str_eq(ecom__mdb_bytes(&a), ecom__mdb_bytes(&b)))
                return fail_clash(c, ecom__mdb_bytes(&a));
    }
    return ECOM_OK;
}

static int find_clash_once(struct change *c)
{
    bson_iter_t at;
    bson_t has, ours, filter = BSON_INITIALIZER, part;
    const uint8_t *data;
    uint32_t n;
    int r = ECOM_OK;

    if (!ecom__bson_view(&c->content.has, 0, &has) || !bson_iter_init_find(&at, &has, "unique"))
        return ECOM_OK;
    bson_iter_array(&at, &n, &data);
    if (!bson_init_static(&ours, data, n))
        return ECOM_OK;
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "unique", &part);
    BSON_APPEND_ARRAY(&part, "$in", &ours);
    bson_append_document_end(&filter, &part);
    BSON_APPEND_DOCUMENT_BEGIN(&filter, "_id", &part);
    bson_append_utf8(&part, "$ne", -1, c->id.p, (int)c->id.n);
    bson_append_document_end(&filter, &part);
    bson_t *opts =
        BCON_NEW("limit", BCON_INT64(1), "projection", "{", "unique", BCON_INT32(1), "}");
    mongoc_cursor_t *cursor =
        mongoc_collection_find_with_opts(c->use.collection, &filter, opts, NULL);
    const bson_t *other = ecom__mdb_first(cursor, &c->use, &r, c->err);
    if (other)
        r = match_keys(c, &ours, other);
    mongoc_cursor_destroy(cursor);
    bson_destroy(opts);
    bson_destroy(&filter);
    return r;
}

static int find_clash(struct change *c)
{
    int r = take_client(c);

    if (r < 0)
        return r;
    do {
        c->use.broken = 0;
        r = find_clash_once(c);
    } while (r < 0 && c->use.broken && has_time(c));
    return r;
}

/* Takes what is stored as the base of the next attempt, if the caller's revision allows it. */
static int rebase(struct change *c, const struct state *state)
{
    uint64_t stored = state->gone ? 0 : state->rev;

    if (state->foreign)
        return ecom_fail(c->err, ECOM_E_CORRUPT,
                         "a document with this id is there that has no rev: it is not of ours");
    if (!c->write && stored == 0)
        return ecom_fail(c->err, ECOM_E_NOTFOUND, "no such document");
    if (c->expect != ECOM_REV_ANY && c->expect != stored)
        return fail_conflict(c, state);
    if (!c->rev || c->base != state->rev) { /* what asks for an older one comes to nothing */
        c->rev = ecom__mdb_next_rev(c->db, state->rev);
        c->sent = 0;
    }
    c->base = state->rev;
    c->over_gone = state->gone;
    c->remove_at_once = !c->write && !state->waits;
    return ECOM_OK;
}

/* Somebody wrote since: over ours, or instead of it? A document's revisions grow. */
static int may_be_over_ours(const struct change *c, const struct state *state)
{
    return state->rev != c->base && (state->rev > c->rev || !state->rev);
}

/* An attempt had no effect, or an earlier one had it already. @return DONE; ECOM_OK: try again. */
static int after_refusal(struct change *c)
{
    const uint64_t base = c->base;
    struct state state;
    int r = read_state(c, &state);

    if (r < 0)
        return c->sent ? fail_unknown(c) : r;
    if (is_ours(c, &state))
        return DONE;
    if (c->sent && may_be_over_ours(c, &state))
        return fail_unknown(c);
    if ((r = rebase(c, &state)) < 0 || state.rev != base || !c->write)
        return r;
    return find_clash(c);
}

static int fail_late(const struct change *c, int tries)
{
    if (tries == 0)
        return ecom__mdb_check_time(c->db, c->use.until_us - c->db->longest_us, c->err);
    return ecom_fail(c->err, ECOM_E_UNAVAILABLE,
                     "others changed the document again and again for %d ms", c->db->timeout_ms);
}

/* There is no time for another attempt, but to see whether one has got through there may be. None
 * may yet once the revision is gone that they ask for. */
static int last_look(struct change *c)
{
    struct state state;
    int r = read_state(c, &state);

    if (r == ECOM_OK && is_ours(c, &state))
        return DONE;
    if (r < 0 || state.rev == c->base || may_be_over_ours(c, &state))
        return fail_unknown(c);
    return (r = rebase(c, &state)) < 0 ? r : fail_late(c, 1);
}

/* @param outcome  of a first attempt; 0: there was none. @return DONE, or a code. */
static int attempts(struct change *c, int outcome)
{
    int r = outcome, tries = outcome != 0;

    while (r >= ECOM_OK && r != DONE) {
        if (r == ECOM__MDB_LATE)
            return c->sent ? last_look(c) : fail_late(c, tries - 1);
        if (r == ECOM__MDB_AWAY && !c->sent)
            return ECOM_E_UNAVAILABLE;
        if (r == ECOM__MDB_REFUSED)
            r = after_refusal(c);
        else if ((r = attempt(c, tries++ == 0)) < 0 && c->sent)
            return last_look(c);
    }
    return r;
}

/* Makes a change ready for its first attempt. finish() ends it, whatever this returns. */
static int begin(struct change *c, ecom_str collection)
{
    struct state state = {.rev = c->expect};
    int r = ECOM_OK;

    ecom__mdb_name(collection, c->name);
    c->use.until_us = ecom__mdb_until(c->db);
    if (c->write && !ecom__mdb_is_ready(c->db, c->name) && (r = take_client(c)) == ECOM_OK)
        r = ecom__mdb_prepare(c->db, &c->use, c->name, c->err);
    if (r == ECOM_OK && (c->expect == ECOM_REV_ANY || !c->write))
        r = read_state(c, &state);
    return r < 0 ? r : rebase(c, &state);
}

static int finish(struct change *c, int r, uint64_t *rev)
{
    give_client(c);
    if (c->write)
        ecom__mdb_content_clear(&c->content);
    if (r != DONE)
        return r;
    *rev = c->rev;
    return ECOM_OK;
}

static struct change change_of(ecom__mdb *db, const ecom_store_write *write, ecom_error *err)
{
    return (struct change){.db = db,
                           .write = write,
                           .id = write->change->id,
                           .origin = write->origin,
                           .expect = write->change->expect,
                           .now_ms = write->now_ms,
                           .err = err};
}

int ecom__mdb_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    ecom_error own;
    struct change c = change_of(self, write, err ? err : &own);
    int r = ecom__mdb_content_init(write->change, &c.content, c.err);

    if (r < 0)
        return r;
    r = begin(&c, write->change->collection);
    return finish(&c, r < 0 ? r : attempts(&c, 0), rev);
}

/* A put that is not waited for. */
struct later {
    struct change c;
    ecom_error err;
    ecom_put_fn fn;
    void *user;
};

static void end_later(struct later *later, int r)
{
    uint64_t rev = 0;

    r = finish(&later->c, r, &rev);
    later->fn(later->user, r, rev, &later->err);
    free(later);
}

static void on_done(ecom__mdb_job *job)
{
    struct later *later = (struct later *)((char *)job - offsetof(struct later, c.job));
    int outcome = end_attempt(&later->c, job->outcome);

    end_later(later, attempts(&later->c, outcome));
}

int ecom__mdb_put_later(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                        ecom_error *err)
{
    struct later *later = aligned_alloc(_Alignof(struct later), sizeof(*later));

    if (!later)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a put");
    memset(&later->err, 0, sizeof(later->err));
    later->fn = fn;
    later->user = user;
    later->c = change_of(self, write, &later->err);
    int r = ecom__mdb_content_init(write->change, &later->c.content, err);
    if (r < 0) {
        free(later);
        return r;
    }
    if ((r = begin(&later->c, write->change->collection)) == ECOM_OK &&
        (r = begin_attempt(&later->c)) < 0)
        r = end_attempt(&later->c, r);
    if (r < 0) {
        end_later(later, r);
        return ECOM_OK;
    }
    later->c.job.done = on_done;
    ecom__mdb_write(self, &later->c.job);
    return ECOM_OK;
}

int ecom__mdb_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect, ecom_error *err)
{
    ecom__mdb *db = self;
    ecom_id origin = ecom_id_new(ecom_env_system()); /* as that of a handle */
    ecom_error own;
    struct change c = {.db = db,
                       .id = id,
                       .origin = ecom_str_of(origin.s),
                       .expect = expect,
                       .now_ms = ecom_env_now_ms(db->env),
                       .err = err ? err : &own};
    uint64_t rev;
    int r = begin(&c, collection);

    return finish(&c, r < 0 ? r : attempts(&c, 0), &rev);
}
