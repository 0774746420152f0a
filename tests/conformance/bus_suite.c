#include "bus_suite.h"

#include <stdlib.h>

static const struct bus_cases *const all[] = {
    &ecom__bus_publish_cases, &ecom__bus_limit_cases, &ecom__bus_group_cases,  &ecom__bus_ack_cases,
    &ecom__bus_fault_cases,   &ecom__bus_crash_cases, &ecom__bus_random_cases,
};

ecom_bus *bus_open(struct bus_test *t)
{
    ecom_bus *bus = NULL;
    ecom_error e;

    for (size_t i = 0; i < MAX_HANDLES; i++) {
        if (t->buses[i])
            continue;
        if (t->fixture->open(t->fixture->user, &t->opts, &bus, &e) < 0)
            FAIL("open: %s", e.text);
        t->buses[i] = bus;
        return bus;
    }
    FAIL("too many handles for this suite");
    return NULL;
}

void bus_shut(struct bus_test *t, ecom_bus *bus)
{
    for (size_t i = 0; i < MAX_HANDLES; i++)
        if (t->buses[i] == bus)
            t->buses[i] = NULL;
    ecom_bus_close(bus);
}

ecom_member *bus_join_as(struct bus_test *t, ecom_bus *bus, const ecom_subscription *sub)
{
    ecom_member *member = NULL;
    ecom_error e;

    if (ecom_bus_subscribe(bus, sub, &member, &e) < 0)
        FAIL("subscribe: %s %s", e.field, e.text);
    for (size_t i = 0; i < MAX_HANDLES && member; i++)
        if (!t->members[i]) {
            t->members[i] = member;
            return member;
        }
    return member;
}

ecom_member *bus_join(struct bus_test *t, ecom_bus *bus, const char *group, const char *topic)
{
    ecom_str name = ecom_str_of(topic);
    ecom_subscription sub = {
        .size = sizeof(sub), .group = ecom_str_of(group), .topics = &name, .ntopics = 1};

    return bus_join_as(t, bus, &sub);
}

void bus_quit(struct bus_test *t, ecom_member *member)
{
    for (size_t i = 0; i < MAX_HANDLES; i++)
        if (t->members[i] == member)
            t->members[i] = NULL;
    ecom_member_close(member);
}

void bus_quit_all(struct bus_test *t)
{
    for (size_t i = 0; i < MAX_HANDLES; i++) {
        ecom_member_close(t->members[i]);
        t->members[i] = NULL;
    }
}

static void send_batch(ecom_bus *bus, const ecom_msg *msgs, size_t n)
{
    size_t done;
    ecom_error e;
    int r = ecom_bus_publish(bus, msgs, n, &done, &e);

    if (r != ECOM_OK || done != n)
        FAIL("publish: %zu of %zu: %s", done, n, r < 0 ? e.text : "");
}

void bus_send(struct bus_test *t, ecom_bus *bus, const char *topic, const char *key, int64_t number)
{
    char body[32];
    int n = snprintf(body, sizeof(body), "%" PRId64, number);
    ecom_msg msg = {
        .topic = ecom_str_of(topic), .key = ecom_str_of(key), .body = {body, (size_t)n}};

    (void)t;
    send_batch(bus, &msg, 1);
}

void bus_send_many(struct bus_test *t, ecom_bus *bus, const char *topic, int keys, int64_t from,
                   int64_t to)
{
    static const size_t most = 500;
    ecom_msg *msgs = calloc(most, sizeof(*msgs));
    char(*text)[2][32] = calloc(most, sizeof(*text));

    (void)t;
    while (from < to && msgs && text) {
        size_t n = 0;
        for (; n < most && from < to; n++, from++) {
            int k = snprintf(text[n][0], 32, "k%d", (int)(from % keys));
            int b = snprintf(text[n][1], 32, "%" PRId64, from);
            msgs[n] = (ecom_msg){.topic = ecom_str_of(topic),
                                 .key = {text[n][0], (size_t)k},
                                 .body = {text[n][1], (size_t)b}};
        }
        send_batch(bus, msgs, n);
    }
    free(text);
    free(msgs);
}

int bus_collect(void *user, const ecom_msg *msg)
{
    struct inbox *inbox = user;
    struct got *got = &inbox->got[inbox->n];
    char number[32];

    if (inbox->n == INBOX_MAX) {
        FAIL("more than %d messages came", INBOX_MAX);
        return 1;
    }
    snprintf(got->topic, sizeof(got->topic), "%.*s", (int)msg->topic.n, msg->topic.p);
    snprintf(got->key, sizeof(got->key), "%.*s", (int)msg->key.n, msg->key.n ? msg->key.p : "");
    snprintf(number, sizeof(number), "%.*s", msg->body.n < 31 ? (int)msg->body.n : 31,
             msg->body.n ? msg->body.p : "");
    got->number = strtoll(number, NULL, 10);
    got->partition = msg->partition;
    got->offset = msg->offset;
    inbox->n++;
    return 0;
}

void bus_take(ecom_member *member, struct inbox *inbox, size_t want)
{
    ecom_error e;

    for (int in_vain = 0; in_vain < 50 && inbox->n < want;) {
        int r = ecom_member_poll(member, PATIENCE_MS / 50, 1000, bus_collect, inbox, &e);
        if (r < 0 && r != ECOM_E_TIMEOUT) {
            FAIL("poll: %s", e.text);
            return;
        }
        in_vain += r < 0;
    }
    if (inbox->n != want)
        FAIL("want %zu messages, got %zu", want, inbox->n);
}

void bus_drain(struct bus_test *t, ecom_member *member, struct inbox *inbox)
{
    ecom_error e;
    int r;

    while ((r = ecom_member_poll(member, t->fixture->settle_ms, 1000, bus_collect, inbox, &e)) > 0)
        ;
    if (r != ECOM_E_TIMEOUT)
        FAIL("poll: want TIMEOUT, got %s: %s", ecom__suite_code(r), r < 0 ? e.text : "");
}

static size_t drain_each(struct bus_test *t, ecom_member *const *members,
                         struct inbox *const *inboxes, size_t n)
{
    size_t have = 0;

    for (size_t i = 0; i < n; i++) {
        bus_drain(t, members[i], inboxes[i]);
        have += inboxes[i]->n;
    }
    return have;
}

void bus_drain_all(struct bus_test *t, ecom_member *const *members, struct inbox *const *inboxes,
                   size_t n, size_t want)
{
    int rounds = PATIENCE_MS / ((int)n * t->fixture->settle_ms + 1);

    while (drain_each(t, members, inboxes, n) < want && rounds-- > 0)
        ;
    drain_each(t, members, inboxes, n);
}

void bus_settle(struct bus_test *t)
{
    ecom_error e;

    for (int round = 0; round < 4; round++)
        for (size_t i = 0; i < MAX_HANDLES; i++) {
            if (!t->members[i])
                continue;
            int r = ecom_member_poll(t->members[i], t->fixture->settle_ms, 0, NULL, NULL, &e);
            if (r != ECOM_E_TIMEOUT)
                FAIL("poll of nothing: want TIMEOUT, got %s", ecom__suite_code(r));
        }
}

void bus_ack(ecom_member *member, const struct got *got)
{
    ecom_error e;

    if (ecom_member_ack(member, ecom_str_of(got->topic), got->partition, got->offset, &e) < 0)
        FAIL("ack of %s/%d at %lld: %s", got->topic, (int)got->partition, (long long)got->offset,
             e.text);
}

void bus_ack_all(ecom_member *member, const struct inbox *inbox)
{
    for (size_t i = 0; i < inbox->n; i++)
        bus_ack(member, &inbox->got[i]);
}

static void count(const struct inbox *inbox, int64_t from, int64_t to, unsigned char *seen)
{
    for (size_t i = 0; inbox && i < inbox->n; i++) {
        int64_t number = inbox->got[i].number;
        if (number < from || number >= to)
            FAIL("number %lld came out of nowhere", (long long)number);
        else if (seen[number - from]++)
            FAIL("number %lld came twice", (long long)number);
    }
}

void bus_check_all_once(const struct inbox *a, const struct inbox *b, int64_t from, int64_t to)
{
    unsigned char *seen = calloc((size_t)(to - from) + 1, 1);

    if (!seen)
        return;
    count(a, from, to, seen);
    count(b, from, to, seen);
    for (int64_t i = from; i < to; i++)
        if (!seen[i - from]) {
            FAIL("number %lld never came", (long long)i);
            break;
        }
    free(seen);
}

void bus_check_order(const struct inbox *inbox)
{
    for (size_t i = 0; i < inbox->n; i++)
        for (size_t k = i; k-- > 0;) {
            const struct got *a = &inbox->got[k], *b = &inbox->got[i];
            if (strcmp(a->topic, b->topic) != 0)
                continue;
            if (a->partition == b->partition && a->offset >= b->offset)
                FAIL("offset %lld came before %lld", (long long)a->offset, (long long)b->offset);
            if (strcmp(a->key, b->key) != 0)
                continue;
            if (a->number >= b->number || a->partition != b->partition)
                FAIL("key %s: %lld came before %lld", a->key, (long long)a->number,
                     (long long)b->number);
            break; /* the one before of this key was in order with those before it */
        }
}

static void begin(struct bus_test *t, const ecom_bus_fixture *fixture)
{
    ecom_error e;

    *t = (struct bus_test){.fixture = fixture, .opts = ECOM_BUS_OPTIONS_INIT};
    ecom__suite_clock_init(&t->clock, 1);
    if (fixture->flags & ECOM_TEST_CLOCK)
        t->opts.env = &t->clock.env;
    if (fixture->fresh && fixture->fresh(fixture->user, &e) < 0)
        FAIL("fresh: %s", e.text);
    if (!ecom__suite_failed)
        t->bus = bus_open(t);
}

static void end(struct bus_test *t)
{
    bus_quit_all(t);
    for (size_t i = 0; i < MAX_HANDLES; i++)
        ecom_bus_close(t->buses[i]);
    if (t->fixture->clear)
        t->fixture->clear(t->fixture->user);
}

static void run(const struct bus_case *c, const ecom_bus_fixture *fixture)
{
    struct bus_test t;

    if ((c->needs & fixture->flags) != c->needs)
        SKIP("this backend does not promise it");
    begin(&t, fixture);
    if (!ecom__suite_failed)
        c->run(&t);
    end(&t);
}

int ecom_bus_suite(const ecom_bus_fixture *fixture, int argc, char **argv)
{
    int number = 0, failed = 0;

    for (size_t g = 0; g < sizeof(all) / sizeof(all[0]); g++)
        for (size_t i = 0; i < all[g]->n; i++) {
            const struct bus_case *c = &all[g]->cases[i];
            if (argc > 1 && !strstr(c->name, argv[1]))
                continue;
            run(c, fixture);
            failed |= ecom__suite_line(++number, fixture->name, c->name);
        }
    printf("1..%d\n", number);
    return failed;
}
