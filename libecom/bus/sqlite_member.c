#include "bus/sqlite_bus.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/wait.h"

/* How often a member looks by itself: for a bell that nobody could ring, and for members that died
 * without a word. */
enum { LOOK_MS = 250 };

struct held {
    size_t topic;
    int32_t partition;
    int64_t position, committed; /* next to hand over; next to do */
};

struct member {
    struct ecom__sqlite_bus *bus;
    const ecom_env *env;
    void (*revoked)(void *user, ecom_str topic, int32_t partition);
    void *user;
    ecom_start start;
    int32_t back;
    int32_t session_ms;
    int alone; /* no group: all partitions, no commits */
    struct ecom__group_file group;
    struct ecom__topic_reader *readers;
    size_t nreaders;
    struct held *held; /* room for all partitions */
    size_t nheld, cursor;
    struct ecom__share *shares; /* likewise; as the group's file has it */
    size_t nshares, most;
    int stale; /* shares must be read again */
    int64_t beat_ms, look_ms;
    struct ecom__ear ear;
};

static void member_free(struct member *m)
{
    if (!m)
        return;
    ecom__ear_close(&m->ear);
    ecom__group_file_close(&m->group);
    for (size_t i = 0; i < m->nreaders; i++)
        ecom__topic_reader_close(&m->readers[i]);
    free(m->readers);
    free(m->held);
    free(m->shares);
    free(m);
}

static const char *topic_of(const struct member *m, const struct held *held)
{
    return m->readers[held->topic].name;
}

static struct ecom__share *share_of(const struct member *m, const struct held *held)
{
    for (size_t i = 0; i < m->nshares; i++)
        if (m->shares[i].topic == held->topic && m->shares[i].partition == held->partition)
            return &m->shares[i];
    return NULL;
}

/* Tells the caller which partitions go, while it may still ack; then lets them go. */
static int let_go(struct member *m, ecom_error *err)
{
    int r = ECOM_OK;

    for (size_t i = 0; i < m->nheld && r == ECOM_OK;) {
        struct held *held = &m->held[i];
        const struct ecom__share *share = share_of(m, held);
        if (share && share->mine) {
            i++;
            continue;
        }
        if (m->revoked)
            m->revoked(m->user, ecom_str_of(topic_of(m, held)), held->partition);
        struct held gone = *held;
        *held = m->held[--m->nheld];
        m->stale = 1;
        if (share)
            r = ecom__group_release(&m->group, topic_of(m, &gone), gone.partition, err);
    }
    return r;
}

static const struct held *find_held(const struct member *m, size_t topic, int32_t partition)
{
    for (size_t i = 0; i < m->nheld; i++)
        if (m->held[i].topic == topic && m->held[i].partition == partition)
            return &m->held[i];
    return NULL;
}

/* What is new is held from the group's offset on; what came and shall go again at once, goes. */
static int pick_up(struct member *m, ecom_error *err)
{
    int r = ECOM_OK;

    for (size_t i = 0; i < m->nshares && r == ECOM_OK; i++) {
        const struct ecom__share *share = &m->shares[i];
        if (find_held(m, share->topic, share->partition))
            continue;
        if (share->mine)
            m->held[m->nheld++] =
                (struct held){share->topic, share->partition, share->next, share->next};
        else
            r = ecom__group_release(&m->group, m->readers[share->topic].name, share->partition,
                                    err);
    }
    return r;
}

/* The others have thought us dead: all is lost, and we begin anew. */
static int rejoin(struct member *m, int64_t now_ms, ecom_error *err)
{
    int r;

    m->nshares = 0;
    if ((r = let_go(m, err)) < 0)
        return r;
    m->beat_ms = now_ms;
    m->stale = 1;
    return ecom__group_join(&m->group, m->readers, m->nreaders, m->start, m->session_ms, now_ms,
                            err);
}

static int beat_and_look(struct member *m, int64_t now_ms, ecom_error *err)
{
    int r = ECOM_OK;

    if (now_ms - m->beat_ms >= m->session_ms / 3 || now_ms < m->beat_ms) {
        r = ecom__group_beat(&m->group, now_ms, err);
        m->stale |= r == ECOM_E_NOTFOUND;
        if (r == ECOM_OK)
            m->beat_ms = now_ms;
        r = r == ECOM_E_NOTFOUND ? ECOM_OK : r;
    }
    if (r == ECOM_OK && (now_ms - m->look_ms >= LOOK_MS || now_ms < m->look_ms)) {
        r = ecom__group_reap(&m->group, now_ms, err);
        m->look_ms = now_ms;
    }
    return r;
}

static int read_shares(struct member *m, int64_t now_ms, ecom_error *err)
{
    int r = ecom__group_shares(&m->group, m->readers, m->nreaders, m->shares, m->most, &m->nshares,
                               err);
    if (r == ECOM_E_NOTFOUND && (r = rejoin(m, now_ms, err)) == ECOM_OK)
        r = ecom__group_shares(&m->group, m->readers, m->nreaders, m->shares, m->most, &m->nshares,
                               err);
    return r;
}

/* Brings the member and its group up to date with each other. */
static int attend(struct member *m, ecom_error *err)
{
    int64_t now_ms = ecom_env_monotonic_ms(m->env);
    int changed = 0, r;

    if (m->alone)
        return ECOM_OK;
    if ((r = beat_and_look(m, now_ms, err)) < 0 ||
        (r = ecom__group_changed(&m->group, &changed, err)) < 0)
        return r;
    m->stale |= changed;
    for (int i = 0; i < 3 && m->stale && r == ECOM_OK; i++) { /* letting go makes it stale again */
        m->stale = 0;
        r = read_shares(m, now_ms, err);
        if (r == ECOM_OK)
            r = let_go(m, err);
        if (r == ECOM_OK && !m->stale)
            r = pick_up(m, err);
        m->stale |= r < 0;
    }
    return r;
}

/* Hands over what there is in the partitions held, beginning elsewhere each time. @return ECOM_OK,
 * also when it stopped, or a code. */
static int deliver(struct member *m, uint32_t max, uint32_t *given, ecom_msg_fn fn, void *user,
                   ecom_error *err)
{
    size_t n = m->nheld, from = n ? m->cursor++ % n : 0;
    int r = ECOM_OK;

    for (size_t i = 0; i < m->nreaders && r == ECOM_OK && n; i++)
        r = ecom__topic_reader_refresh(&m->readers[i], err);
    for (size_t i = 0; i < n && *given < max && r == ECOM_OK; i++) {
        struct held *held = &m->held[(from + i) % n];
        struct ecom__topic_reader *reader = &m->readers[held->topic];
        if (held->position < reader->ends[held->partition])
            r = ecom__topic_reader_read(reader, held->partition, &held->position, max, given, fn,
                                        user, err);
    }
    return r == 1 ? ECOM_OK : r;
}

int ecom__sqlite_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                      ecom_error *err)
{
    struct member *m = member;
    int64_t deadline_ms = timeout_ms ? ecom__monotonic_ms() + timeout_ms : 0;
    uint32_t given = 0;

    for (;;) {
        int r = attend(m, err);
        int woken = ecom__ear_woken(&m->ear);
        if (r == ECOM_OK && !woken && max)
            r = deliver(m, max, &given, fn, user, err);
        if (given) /* what went wrong behind them shows again next time */
            return (int)given;
        if (r < 0)
            return r;
        int64_t left_ms = timeout_ms && !woken ? deadline_ms - ecom__monotonic_ms() : 0;
        if (left_ms <= 0)
            return ecom_fail(err, ECOM_E_TIMEOUT, "no message came");
        ecom__ear_wait(&m->ear, left_ms < LOOK_MS ? (int32_t)left_ms : LOOK_MS);
    }
}

void ecom__sqlite_wake(void *member)
{
    ecom__ear_wake(&((struct member *)member)->ear);
}

int ecom__sqlite_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                     ecom_error *err)
{
    struct member *m = member;
    int moved = 0;

    for (size_t i = 0; i < m->nheld; i++) {
        struct held *held = &m->held[i];
        if (held->partition != partition || !ecom_str_eq(ecom_str_of(topic_of(m, held)), topic))
            continue;
        if (m->alone || offset >= held->position || offset < held->committed)
            return ECOM_OK;
        int r = ecom__group_ack(&m->group, topic_of(m, held), partition, offset + 1, &moved, err);
        if (r < 0)
            return r;
        if (moved)
            held->committed = offset + 1;
        m->stale |= !moved;
        return ECOM_OK;
    }
    return ECOM_OK;
}

int ecom__sqlite_lag(void *member, uint64_t *lag, ecom_error *err)
{
    struct member *m = member;
    uint64_t sum = 0;
    int r = ECOM_OK;

    for (size_t i = 0; i < m->nreaders && r == ECOM_OK; i++)
        r = ecom__topic_reader_refresh(&m->readers[i], err);
    for (size_t i = 0; i < m->nheld && r == ECOM_OK; i++) {
        const struct held *held = &m->held[i];
        struct ecom__topic_reader *reader = &m->readers[held->topic];
        int64_t from = m->alone ? held->position : held->committed, first = 0;
        int64_t end = reader->ends[held->partition];
        if (from >= end)
            continue;
        r = ecom__topic_reader_first(reader, held->partition, &first, err);
        from = from < first ? first : from;
        sum += from < end ? (uint64_t)(end - from) : 0;
    }
    if (r == ECOM_OK)
        *lag = sum;
    return r;
}

void ecom__sqlite_leave(void *member)
{
    struct member *m = member;

    /* Should it fail, the others see that the lock is gone. */
    if (!m->alone && ecom__group_leave(&m->group, ecom_env_monotonic_ms(m->env), NULL) < 0)
        m->stale = 1;
    member_free(m);
}

static int open_reader(struct member *m, ecom_str name, ecom_error *err)
{
    struct ecom__topic_reader *reader = &m->readers[m->nreaders++];
    struct ecom__topic_file *topic;
    int r = ecom__sqlite_topic(m->bus, name, m->bus->opts.partitions, &topic, err);

    if (r == ECOM_OK)
        r = ecom__topic_reader_open(reader, m->bus->dir, name, m->bus->opts.timeout_ms, err);
    if (r == ECOM_OK)
        r = ecom__ear_listen(&m->ear,
                             ecom__bus_path_of(m->bus->dir, "topic", reader->name, "bell").s, err);
    return r;
}

/* A member without a group has everything from the start on. */
static void hold_all(struct member *m)
{
    for (size_t t = 0; t < m->nreaders; t++)
        for (int32_t i = 0; i < m->readers[t].partitions; i++) {
            int64_t end = m->readers[t].ends[i];
            int64_t from = m->start == ECOM_START_LATEST && end > m->back ? end - m->back : 0;
            m->held[m->nheld++] = (struct held){t, i, from, from};
        }
}

static int enter_group(struct member *m, ecom_str name, ecom_error *err)
{
    int64_t now_ms = ecom_env_monotonic_ms(m->env);
    int r = ecom__group_file_open(&m->group, m->bus->dir, name, m->bus->opts.timeout_ms, err);

    if (r == ECOM_OK)
        r = ecom__ear_listen(&m->ear,
                             ecom__bus_path_of(m->bus->dir, "group", m->group.name, "bell").s, err);
    if (r == ECOM_OK)
        r = ecom__group_join(&m->group, m->readers, m->nreaders, m->start, m->session_ms, now_ms,
                             err);
    m->beat_ms = now_ms;
    m->stale = 1;
    return r;
}

static int set_up(struct member *m, const ecom_subscription *sub, ecom_error *err)
{
    int r = ecom__ear_open(&m->ear, err);

    for (size_t i = 0; i < sub->ntopics && r == ECOM_OK; i++) {
        r = open_reader(m, sub->topics[i], err);
        m->most += (size_t)m->readers[i].partitions;
    }
    if (r < 0)
        return r;
    m->held = calloc(m->most, sizeof(*m->held));
    m->shares = calloc(m->most, sizeof(*m->shares));
    if (!m->held || !m->shares)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    if (!m->alone)
        return enter_group(m, sub->group, err);
    hold_all(m);
    return ECOM_OK;
}

int ecom__sqlite_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err)
{
    struct ecom__sqlite_bus *bus = self;
    struct member *m = calloc(1, sizeof(*m));

    if (!m)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    m->bus = bus;
    m->env = bus->opts.env;
    m->revoked = sub->revoked;
    m->user = sub->user;
    m->start = sub->start;
    m->back = sub->back;
    m->session_ms = sub->session_timeout_ms;
    m->alone = sub->group.n == 0;
    m->group = (struct ecom__group_file){.file = ECOM__BUS_FILE_NONE, .alive = -1};
    m->ear = ECOM__EAR_NONE;
    m->readers = calloc(sub->ntopics, sizeof(*m->readers));
    int r = m->readers ? set_up(m, sub, err) : ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    if (r < 0)
        member_free(m);
    else
        *member = m;
    return r;
}
