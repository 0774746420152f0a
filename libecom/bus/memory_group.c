#include "bus/memory.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/wait.h"

/* How long a poll waits before it looks whether others' sessions have run out: their clock is the
 * environment's, which may move while we wait. */
enum { LOOK_MS = 250 };

/* One message on its way out, with a reference. */
struct taken {
    struct ecom__message *message;
    struct ecom__slot *slot;
    int64_t offset;
};

struct ecom__memory_member {
    struct ecom__memory_member *next; /* in its group, in order of joining */
    struct ecom__memory *memory;
    struct ecom__group *group;
    const ecom_env *env;
    void (*revoked)(void *user, ecom_str topic, int32_t partition);
    void *user;
    struct ecom__topic **topics;
    size_t ntopics;
    struct ecom__slot **held; /* what it was told it has; room for all partitions */
    size_t nheld, cursor;     /* where the next poll begins, so that all get their turn */
    struct taken *taken;      /* room for the largest poll */
    int64_t seen_ms;
    int32_t session_ms;
    int polling, woken, expelled;
};

void ecom__group_free(struct ecom__group *group)
{
    if (!group)
        return;
    for (size_t i = 0; i < group->nslots; i++)
        free(group->slots[i]);
    free(group->slots);
    free(group);
}

static void member_free(struct ecom__memory_member *m)
{
    if (!m)
        return;
    free(m->topics);
    free(m->held);
    free(m->taken);
    free(m);
}

static int wants(const struct ecom__memory_member *m, const struct ecom__topic *topic)
{
    for (size_t i = 0; i < m->ntopics; i++)
        if (m->topics[i] == topic)
            return 1;
    return 0;
}

static struct ecom__slot *slot_of(const struct ecom__group *group, ecom_str topic,
                                  int32_t partition)
{
    for (size_t i = 0; i < group->nslots; i += (size_t)group->slots[i]->topic->npartitions)
        if (ecom_str_eq(ecom_str_of(group->slots[i]->topic->name), topic))
            return partition < group->slots[i]->topic->npartitions
                       ? group->slots[i + (size_t)partition]
                       : NULL;
    return NULL;
}

int64_t ecom__memory_floor(const struct ecom__memory *memory, const struct ecom__topic *topic,
                           int32_t partition)
{
    int64_t floor = INT64_MAX;

    for (const struct ecom__group *group = memory->groups; group; group = group->next) {
        const struct ecom__slot *slot = slot_of(group, ecom_str_of(topic->name), partition);
        if (slot && slot->committed < floor)
            floor = slot->committed;
    }
    return floor;
}

/* The group's view of a topic, from the start that its first subscriber asks for. */
static int add_slots(struct ecom__group *group, struct ecom__topic *topic,
                     const ecom_subscription *sub)
{
    size_t n = group->nslots, more = (size_t)topic->npartitions;

    if (slot_of(group, ecom_str_of(topic->name), 0))
        return ECOM_OK;
    struct ecom__slot **slots = realloc(group->slots, (n + more) * sizeof(struct ecom__slot *));
    if (!slots)
        return ECOM_E_NOMEM;
    group->slots = slots;
    for (size_t i = 0; i < more; i++) {
        struct ecom__slot *slot = slots[n + i] = calloc(1, sizeof(*slot));
        if (!slot) {
            while (i-- > 0)
                free(slots[n + i]);
            return ECOM_E_NOMEM;
        }
        slot->topic = topic;
        slot->partition = (int32_t)i;
        if (sub->start == ECOM_START_LATEST && ecom__log_end(&topic->logs[i]) > sub->back)
            slot->committed = ecom__log_end(&topic->logs[i]) - sub->back;
        slot->position = slot->committed;
    }
    group->nslots = n + more;
    group->changed = 1;
    return ECOM_OK;
}

static void hand_to(struct ecom__slot *slot, struct ecom__memory_member *owner)
{
    slot->owner = owner;
    slot->held = 0;
    slot->position = slot->committed;
}

static int32_t index_of(const struct ecom__group *group, const struct ecom__memory_member *member)
{
    int32_t i = 0;

    for (const struct ecom__memory_member *m = group->members; m; m = m->next, i++)
        if (m == member)
            return i;
    return -1;
}

static struct ecom__memory_member *member_at(const struct ecom__group *group, int32_t i)
{
    struct ecom__memory_member *m = i < 0 ? NULL : group->members;

    while (m && i-- > 0)
        m = m->next;
    return m;
}

static void describe(const struct ecom__group *group, struct ecom__assignment *a)
{
    int32_t topic = -1;

    for (size_t i = 0; i < group->nslots; i++) {
        const struct ecom__slot *slot = group->slots[i];
        a->topic[i] = slot->partition == 0 ? ++topic : topic;
        a->owner[i] = index_of(group, slot->owner ? slot->owner : slot->target);
        if (slot->partition)
            continue;
        size_t member = 0;
        for (const struct ecom__memory_member *m = group->members; m; m = m->next, member++)
            a->wants[member * a->ntopics + (size_t)topic] = (uint8_t)wants(m, slot->topic);
    }
}

/* Deals the partitions out anew if members came or went. What somebody has and shall lose stays
 * his until his next poll lets go. */
static int rebalance(struct ecom__group *group)
{
    struct ecom__assignment a;
    size_t ntopics = 0;

    if (!group->changed)
        return ECOM_OK;
    for (size_t i = 0; i < group->nslots; i++)
        ntopics += group->slots[i]->partition == 0;
    if (ecom__assignment_init(&a, group->nmembers, ntopics, group->nslots) < 0)
        return ECOM_E_NOMEM;
    describe(group, &a);
    ecom__assignment_run(&a);
    for (size_t i = 0; i < group->nslots; i++) {
        struct ecom__slot *slot = group->slots[i];
        slot->target = member_at(group, a.owner[i]);
        if (!slot->held)
            hand_to(slot, slot->target);
    }
    ecom__assignment_clear(&a);
    group->changed = 0;
    return ECOM_OK;
}

static void enroll(struct ecom__memory_member *m)
{
    struct ecom__memory_member **at = &m->group->members;

    while (*at)
        at = &(*at)->next;
    *at = m;
    m->next = NULL;
    m->expelled = 0;
    m->group->nmembers++;
    m->group->changed = 1;
}

static void strike(struct ecom__memory_member *m)
{
    struct ecom__group *group = m->group;

    for (struct ecom__memory_member **at = &group->members; *at; at = &(*at)->next)
        if (*at == m) {
            *at = m->next;
            group->nmembers--;
            break;
        }
    for (size_t i = 0; i < group->nslots; i++) {
        struct ecom__slot *slot = group->slots[i];
        if (slot->target == m)
            slot->target = NULL;
        if (slot->owner == m)
            hand_to(slot, slot->target);
    }
    group->changed = 1;
}

static void expel_silent(struct ecom__group *group)
{
    for (struct ecom__memory_member *m = group->members, *next; m; m = next) {
        next = m->next;
        if (m->polling || ecom_env_monotonic_ms(m->env) - m->seen_ms <= m->session_ms)
            continue;
        strike(m);
        m->expelled = 1;
    }
}

/* Tells the member, under no lock, which partitions go: it may ack what is done. Then lets go. */
static void let_go(struct ecom__memory_member *m)
{
    int let = 0;

    for (size_t i = 0; i < m->nheld;) {
        struct ecom__slot *slot = m->held[i];
        if (slot->owner == m && slot->target == m && slot->held) {
            i++;
            continue;
        }
        if (m->revoked) {
            pthread_mutex_unlock(&m->memory->mutex);
            m->revoked(m->user, ecom_str_of(slot->topic->name), slot->partition);
            pthread_mutex_lock(&m->memory->mutex);
        }
        if (slot->owner == m)
            hand_to(slot, slot->target);
        m->held[i] = m->held[--m->nheld];
        let = 1;
    }
    if (let)
        pthread_cond_broadcast(&m->memory->news);
}

static void pick_up(struct ecom__memory_member *m)
{
    for (size_t i = 0; i < m->group->nslots; i++) {
        struct ecom__slot *slot = m->group->slots[i];
        if (slot->owner != m || slot->held)
            continue;
        slot->held = 1;
        m->held[m->nheld++] = slot;
    }
}

/* Brings the member and its group up to date with each other. */
static int attend(struct ecom__memory_member *m)
{
    m->seen_ms = ecom_env_monotonic_ms(m->env);
    expel_silent(m->group);
    if (m->expelled) {
        let_go(m);
        enroll(m);
    }
    int was = m->group->changed;
    if (rebalance(m->group) < 0)
        return ECOM_E_NOMEM;
    if (was)
        pthread_cond_broadcast(&m->memory->news);
    let_go(m);
    pick_up(m);
    return ECOM_OK;
}

static size_t take_from(struct ecom__memory_member *m, struct ecom__slot *slot, size_t n,
                        size_t max)
{
    struct ecom__log *log = &slot->topic->logs[slot->partition];

    if (slot->position < log->first)
        slot->position = log->first;
    while (n < max && slot->position < ecom__log_end(log)) {
        struct ecom__message *message =
            log->items[log->head + (size_t)(slot->position - log->first)];
        message->refs++;
        m->taken[n++] = (struct taken){message, slot, slot->position++};
    }
    return n;
}

static size_t take(struct ecom__memory_member *m, size_t max)
{
    size_t n = 0;

    for (size_t i = 0; i < m->nheld && n < max; i++)
        n = take_from(m, m->held[(m->cursor + i) % m->nheld], n, max);
    m->cursor = m->nheld ? (m->cursor + 1) % m->nheld : 0;
    return n;
}

static int hand_over(const struct taken *taken, ecom_msg_fn fn, void *user)
{
    const struct ecom__message *message = taken->message;
    ecom_msg msg = {
        .topic = ecom_str_of(taken->slot->topic->name),
        .key = message->key,
        .body = message->body,
        .headers = message->nheaders ? message->headers : NULL,
        .nheaders = message->nheaders,
        .time_ms = message->time_ms,
        .partition = taken->slot->partition,
        .offset = taken->offset,
    };
    return fn(user, &msg);
}

/* What the receiver stopped short of comes again with the next poll. */
static void put_back(struct ecom__memory_member *m, size_t from, size_t n)
{
    for (size_t i = n; i-- > from;) {
        struct ecom__slot *slot = m->taken[i].slot;
        if (slot->owner == m && slot->position > m->taken[i].offset)
            slot->position = m->taken[i].offset;
    }
}

static size_t deliver(struct ecom__memory_member *m, size_t max, ecom_msg_fn fn, void *user)
{
    size_t n = take(m, max), given = 0;
    int stop = 0;

    if (n == 0)
        return 0;
    pthread_mutex_unlock(&m->memory->mutex);
    while (given < n && !stop)
        stop = hand_over(&m->taken[given++], fn, user);
    pthread_mutex_lock(&m->memory->mutex);
    put_back(m, given, n);
    for (size_t i = 0; i < n; i++)
        ecom__message_unref(m->taken[i].message);
    return given;
}

static void wait_until(struct ecom__memory_member *m, int64_t deadline_ms)
{
    if (m->group->nmembers > 1 && deadline_ms > ecom__monotonic_ms() + LOOK_MS)
        deadline_ms = ecom__monotonic_ms() + LOOK_MS;
    struct timespec t = {(time_t)(deadline_ms / 1000), (long)(deadline_ms % 1000) * 1000000};
    pthread_cond_timedwait(&m->memory->news, &m->memory->mutex, &t);
}

static int poll_locked(struct ecom__memory_member *m, int32_t timeout_ms, uint32_t max,
                       ecom_msg_fn fn, void *user, ecom_error *err)
{
    int64_t deadline_ms = timeout_ms ? ecom__monotonic_ms() + timeout_ms : 0;

    for (;;) {
        if (attend(m) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "sharing out partitions");
        size_t given = !m->woken && max ? deliver(m, max, fn, user) : 0;
        if (given)
            return (int)given;
        if (m->woken || timeout_ms == 0 || ecom__monotonic_ms() >= deadline_ms) {
            m->woken = 0;
            return ecom_fail(err, ECOM_E_TIMEOUT, "no message came");
        }
        wait_until(m, deadline_ms);
    }
}

int ecom__memory_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                      ecom_error *err)
{
    struct ecom__memory_member *m = member;

    pthread_mutex_lock(&m->memory->mutex);
    m->polling = 1;
    int r = poll_locked(m, timeout_ms, max, fn, user, err);
    m->polling = 0;
    m->seen_ms = ecom_env_monotonic_ms(m->env);
    pthread_mutex_unlock(&m->memory->mutex);
    return r;
}

void ecom__memory_wake(void *member)
{
    struct ecom__memory_member *m = member;

    pthread_mutex_lock(&m->memory->mutex);
    m->woken = 1;
    pthread_cond_broadcast(&m->memory->news);
    pthread_mutex_unlock(&m->memory->mutex);
}

int ecom__memory_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                     ecom_error *err)
{
    struct ecom__memory_member *m = member;

    (void)err;
    pthread_mutex_lock(&m->memory->mutex);
    struct ecom__slot *slot = slot_of(m->group, topic, partition);
    if (slot && slot->owner == m && offset < slot->position && offset >= slot->committed &&
        m->group->name[0])
        slot->committed = offset + 1;
    pthread_mutex_unlock(&m->memory->mutex);
    return ECOM_OK;
}

/* Without a group there are no commits: behind is what was not handed over. */
int ecom__memory_lag(void *member, uint64_t *lag, ecom_error *err)
{
    struct ecom__memory_member *m = member;
    uint64_t sum = 0;

    (void)err;
    pthread_mutex_lock(&m->memory->mutex);
    for (size_t i = 0; i < m->nheld; i++) {
        const struct ecom__slot *slot = m->held[i];
        const struct ecom__log *log = &slot->topic->logs[slot->partition];
        int64_t from = m->group->name[0] ? slot->committed : slot->position;
        from = from < log->first ? log->first : from;
        sum += (uint64_t)(ecom__log_end(log) - from);
    }
    pthread_mutex_unlock(&m->memory->mutex);
    *lag = sum;
    return ECOM_OK;
}

void ecom__memory_leave(void *member)
{
    struct ecom__memory_member *m = member;
    struct ecom__memory *memory = m->memory;
    int alone = m->group->name[0] == '\0';

    pthread_mutex_lock(&memory->mutex);
    strike(m);
    pthread_cond_broadcast(&memory->news);
    pthread_mutex_unlock(&memory->mutex);
    if (alone)
        ecom__group_free(m->group);
    member_free(m);
}

static struct ecom__group *group_new(ecom_str name)
{
    struct ecom__group *group = calloc(1, sizeof(*group));

    if (group && name.n)
        memcpy(group->name, name.p, name.n);
    return group;
}

static struct ecom__group *group_get(struct ecom__memory *memory, ecom_str name, int *r,
                                     ecom_error *err)
{
    for (struct ecom__group *group = memory->groups; group && name.n; group = group->next)
        if (ecom_str_eq(ecom_str_of(group->name), name))
            return group;
    if (name.n && memory->ngroups == ECOM__BUS_MAX_GROUPS) {
        *r = ecom_fail(err, ECOM_E_TOOLARGE, "the bus has %d groups and takes no more",
                       ECOM__BUS_MAX_GROUPS);
        return NULL;
    }
    struct ecom__group *group = group_new(name);
    if (!group)
        *r = ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    else if (name.n) {
        group->next = memory->groups;
        memory->groups = group;
        memory->ngroups++;
    }
    return group;
}

static struct ecom__memory_member *member_new(struct ecom__memory_bus *bus,
                                              const ecom_subscription *sub)
{
    struct ecom__memory_member *m = calloc(1, sizeof(*m));

    if (!m)
        return NULL;
    m->memory = bus->memory;
    m->env = bus->opts.env;
    m->revoked = sub->revoked;
    m->user = sub->user;
    m->session_ms = sub->session_timeout_ms;
    m->seen_ms = ecom_env_monotonic_ms(m->env);
    m->topics = calloc(sub->ntopics, sizeof(struct ecom__topic *));
    m->taken = calloc(ECOM_BUS_MAX_BATCH, sizeof(*m->taken));
    if (!m->topics || !m->taken) {
        member_free(m);
        return NULL;
    }
    return m;
}

/* Under the lock: finds topics and group, gets all the memory that polls will need, joins. */
static int join(struct ecom__memory_bus *bus, struct ecom__memory_member *m,
                const ecom_subscription *sub, ecom_error *err)
{
    size_t partitions = 0;
    int r = ECOM_OK;

    for (size_t i = 0; i < sub->ntopics; i++, m->ntopics++) {
        m->topics[i] =
            ecom__memory_topic(bus->memory, sub->topics[i], bus->opts.partitions, &r, err);
        if (!m->topics[i])
            return r;
        partitions += (size_t)m->topics[i]->npartitions;
    }
    m->group = group_get(bus->memory, sub->group, &r, err);
    if (!m->group)
        return r;
    if (m->group->nmembers == ECOM_BUS_MAX_MEMBERS)
        return ecom_fail(err, ECOM_E_TOOLARGE, "group %s has %d members and takes no more",
                         m->group->name, ECOM_BUS_MAX_MEMBERS);
    m->held = calloc(partitions, sizeof(struct ecom__slot *));
    for (size_t i = 0; i < m->ntopics && m->held; i++)
        if (add_slots(m->group, m->topics[i], sub) < 0)
            return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    if (!m->held)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    enroll(m);
    pthread_cond_broadcast(&bus->memory->news);
    return ECOM_OK;
}

int ecom__memory_subscribe(void *self, const ecom_subscription *sub, void **member, ecom_error *err)
{
    struct ecom__memory_bus *bus = self;
    struct ecom__memory_member *m = member_new(bus, sub);

    if (!m)
        return ecom_fail(err, ECOM_E_NOMEM, "joining a group");
    pthread_mutex_lock(&bus->memory->mutex);
    int r = join(bus, m, sub, err);
    pthread_mutex_unlock(&bus->memory->mutex);
    if (r < 0) {
        if (m->group && !m->group->name[0])
            ecom__group_free(m->group);
        member_free(m);
        return r;
    }
    *member = m;
    return ECOM_OK;
}
