#include "hub.h"
#include "places.h"

#include "libecom/base/wait.h"

#include <ecom/event.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { POLL_MS = 1000, PAUSE_MS = 500, AT_ONCE = 256, EVENT_BYTES = 8 << 20 };
enum { BACK = HUB_KEPT / PLACES_TOPICS / 8 }; /* events of a partition, from before the start */
/* How long an event waits for the one before it, which comes by another topic. */
enum { EARLY_MS = 200 };

/* An event, as all who want it share it. Thousands are kept, so each takes what it needs. */
struct happening {
    atomic_uint refs;
    ecom_str order_id, user_id, correlation_id, body; /* in its text */
    char *id; /* the hub's places when it was told, for who comes back; or NULL, short of memory */
    int32_t begins; /* its order: nothing comes before it */
    int32_t old;    /* it was on the bus before the hub was */
    int32_t topic, partition;
    int64_t offset;
    /* Under the hub's lock, once somebody wants it. */
    ecom_arena *arena;
    const ecom_json *json;
    char text[];
};

struct listener {
    struct listener *prev, *next;
    ecom_graphql_stream *stream;
    ecom_str user_id, order_id;
    int32_t from_kept;
    struct places *after; /* what it has seen; or NULL */
    char text[];
};

struct hub {
    ecom_bus *bus;
    ecom_member *member;                  /* the thread's, but to wake it; changed under the lock */
    struct happening *early[2 * AT_ONCE]; /* the thread's */
    size_t nearly;
    ecom_arena *reading; /* the thread's: what the event at hand is checked by, and not kept with */
    struct places told;  /* the thread's */
    int64_t since_ms;    /* when it began to listen */
    ecom_str topics[PLACES_TOPICS];
    const ecom_env *env;
    const ecom_log *log;
    pthread_t thread;
    int32_t running;
    pthread_cond_t stopped;
    pthread_mutex_t lock;
    /* Under the lock. */
    int32_t stopping;
    struct listener *listeners;
    struct happening *kept[HUB_KEPT]; /* a ring */
    size_t next, nkept;
};

/* ---- events */

static void unref(void *owner)
{
    struct happening *h = owner;

    if (!h || atomic_fetch_sub_explicit(&h->refs, 1, memory_order_acq_rel) != 1)
        return;
    ecom_arena_free(h->arena);
    free(h->id);
    free(h);
}

static struct happening *ref(struct happening *h)
{
    atomic_fetch_add_explicit(&h->refs, 1, memory_order_relaxed);
    return h;
}

static ecom_str member_text(const ecom_json *json, const char *name)
{
    const ecom_json *value = ecom_json_get(json, name);

    return value && value->kind == ECOM_JSON_STRING ? value->text : (ecom_str){NULL, 0};
}

/* The body with a member more, if its correlation id came in a header only. */
static const ecom_json *with_correlation(const ecom_json *json, ecom_str id, ecom_arena *arena)
{
    ecom_json *copy, *more;

    if (id.n == 0 || member_text(json, "correlationId").n)
        return json;
    copy = ecom_arena_alloc(arena, sizeof(*copy));
    more = ecom_arena_alloc(arena, sizeof(*more));
    if (!copy || !more)
        return json;
    *more = (ecom_json){.kind = ECOM_JSON_STRING,
                        .name = ecom_str_of("correlationId"),
                        .text = id,
                        .next = json->first};
    *copy = *json;
    copy->first = more;
    copy->count++;
    return copy;
}

/* With the hub's lock held. Most events nobody wants, so each is text until somebody does.
 * @return NULL: out of memory. */
static const ecom_json *json_of(struct happening *h)
{
    if (h->json || !(h->arena = ecom_arena_new(EVENT_BYTES)))
        return h->json;
    if (ecom_json_parse(h->body, NULL, h->arena, &h->json, NULL) == ECOM_OK) {
        h->json = with_correlation(h->json, h->correlation_id, h->arena);
    } else {
        ecom_arena_free(h->arena);
        h->arena = NULL;
    }
    return h->json;
}

/* A text of an event's struct; empty: it has no such field. */
static ecom_str text_of(const ecom_record *record, const void *event, const char *name)
{
    for (size_t i = 0; i < record->nfields; i++)
        if (strcmp(record->fields[i].name, name) == 0)
            return *(const ecom_str *)(const void *)((const char *)event +
                                                     record->fields[i].offset);
    return (ecom_str){NULL, 0};
}

/* Copies a text behind the last one. */
static ecom_str keep_text(char **end, ecom_str text)
{
    const ecom_str kept = {*end, text.n};

    if (text.n)
        memcpy(*end, text.p, text.n);
    *end += text.n;
    return kept;
}

/* What the hub needs of an event. @return NULL: out of memory. */
static struct happening *happening_new(const ecom_contract *contract, const void *event,
                                       ecom_str body)
{
    const ecom_str order_id = text_of(contract->record, event, "orderId");
    const ecom_str user_id = text_of(contract->record, event, "userId");
    const ecom_str correlation_id = ((const ecom_envelope *)event)->correlation_id;
    struct happening *h =
        calloc(1, sizeof(*h) + order_id.n + user_id.n + correlation_id.n + body.n);

    if (!h)
        return NULL;
    char *end = h->text;
    atomic_init(&h->refs, 1);
    h->order_id = keep_text(&end, order_id);
    h->user_id = keep_text(&end, user_id);
    h->correlation_id = keep_text(&end, correlation_id);
    h->body = keep_text(&end, body);
    h->begins = contract == &ecom_order_created_contract;
    return h;
}

/* NULL: none of the shop's events, or out of memory. */
static struct happening *read_event(const struct hub *hub, const ecom_msg *msg)
{
    const ecom_contract *contract;
    void *event;

    ecom_arena_reset(hub->reading);
    if (ecom_event_decode(ecom_shop_contracts, msg, hub->reading, &contract, &event, NULL) < 0)
        return NULL;
    struct happening *h = happening_new(contract, event, msg->body);
    if (!h)
        return NULL;
    h->old = msg->time_ms < hub->since_ms;
    h->topic = !ecom_str_eq(msg->topic, hub->topics[0]);
    h->partition = msg->partition;
    h->offset = msg->offset;
    return h;
}

/* ---- listeners */

static int is_new(const struct listener *l, const struct happening *h)
{
    if (l->after)
        return h->partition >= PLACES_PARTITIONS ||
               h->offset >= l->after->next[h->topic][h->partition];
    return l->from_kept || !h->old;
}

static int wants(const struct listener *l, const struct happening *h)
{
    return ecom_str_eq(l->user_id, h->user_id) &&
           (l->order_id.n == 0 || ecom_str_eq(l->order_id, h->order_id)) && is_new(l, h);
}

/* An event for one who came back: what it had seen before counts in its id, whatever the order in
 * which this process heard of it. */
struct again {
    struct happening *h;
    char *id;
};

static void again_free(void *owner)
{
    struct again *again = owner;

    unref(again->h);
    free(again->id);
    free(again);
}

/* NULL: out of memory. */
static struct again *again_new(const struct listener *l, struct happening *h)
{
    struct again *again = malloc(sizeof(*again));
    struct places seen;

    if (!again || !h->id || !places_read(ecom_str_of(h->id), &seen)) {
        free(again);
        return NULL;
    }
    places_join(&seen, l->after);
    *again = (struct again){ref(h), places_write(&seen)};
    return again;
}

/* With the lock held, of an event whose json_of() is there. Short of memory it goes without an id:
 * nobody can come back to it. */
static ecom_graphql_event event_for(const struct listener *l, struct happening *h)
{
    ecom_graphql_event event = {.size = sizeof(event), .root = h->json};
    struct again *again = l->after ? again_new(l, h) : NULL;

    if (again) {
        event.id = ecom_str_of(again->id);
        event.owner = again;
        event.drop = again_free;
    } else {
        event.id = ecom_str_of(l->after ? NULL : h->id);
        event.owner = ref(h);
        event.drop = unref;
    }
    return event;
}

static void push(ecom_graphql_stream *stream, const ecom_graphql_event *event)
{
    if (ecom_graphql_stream_push(stream, event) < 0)
        return; /* nobody is there any more; or it is full, which it says to its peer itself */
}

static void keep(struct hub *hub, struct happening *h)
{
    unref(hub->kept[hub->next]);
    hub->kept[hub->next] = ref(h);
    hub->next = (hub->next + 1) % HUB_KEPT;
    hub->nkept += hub->nkept < HUB_KEPT;
}

struct delivery {
    ecom_graphql_stream *stream;
    ecom_graphql_event event;
};

/* For all who want it, by reference: a stream must not be pushed to under the lock, since who
 * leaves takes it. */
static struct delivery *collect(struct hub *hub, struct happening *h, size_t *n)
{
    struct delivery *all;
    size_t count = 0;

    *n = 0;
    for (const struct listener *l = hub->listeners; l; l = l->next)
        count += (size_t)wants(l, h);
    if (count == 0 || !json_of(h) || !(all = malloc(count * sizeof(*all))))
        return NULL;
    for (const struct listener *l = hub->listeners; l; l = l->next)
        if (wants(l, h))
            all[(*n)++] = (struct delivery){ecom_graphql_stream_ref(l->stream), event_for(l, h)};
    return all;
}

/* Takes the reference. */
static void tell(struct hub *hub, struct happening *h)
{
    size_t n;

    if (h->partition < PLACES_PARTITIONS)
        hub->told.next[h->topic][h->partition] = h->offset + 1;
    h->id = places_write(&hub->told);
    pthread_mutex_lock(&hub->lock);
    keep(hub, h);
    struct delivery *all = collect(hub, h, &n);
    pthread_mutex_unlock(&hub->lock);
    for (size_t i = 0; i < n; i++) {
        push(all[i].stream, &all[i].event);
        ecom_graphql_stream_unref(all[i].stream);
    }
    free(all);
    unref(h);
}

/* Only the thread writes what is kept. */
static int knows_order(const struct hub *hub, ecom_str id)
{
    for (size_t i = 1; i <= hub->nkept; i++)
        if (ecom_str_eq(hub->kept[(hub->next + HUB_KEPT - i) % HUB_KEPT]->order_id, id))
            return 1;
    return 0;
}

/* Of its partition: the order of these is kept. */
static int is_behind_early(const struct hub *hub, const struct happening *h)
{
    for (size_t i = 0; i < hub->nearly; i++)
        if (hub->early[i]->topic == h->topic && hub->early[i]->partition == h->partition)
            return 1;
    return 0;
}

/* Of two topics, the one that is asked first may be the one that is behind. Whatever has become of
 * an order is told after its beginning, if that comes with what is polled next. */
static int on_msg(void *user, const ecom_msg *msg)
{
    struct hub *hub = user;
    struct happening *h = read_event(hub, msg);

    if (!h)
        return 0;
    if (!is_behind_early(hub, h) && (h->begins || knows_order(hub, h->order_id)))
        tell(hub, h);
    else
        hub->early[hub->nearly++] = h;
    return 0;
}

/* Tells those that have waited for as long as they may. */
static void tell_early(struct hub *hub, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tell(hub, hub->early[i]);
    hub->nearly -= n;
    memmove(hub->early, hub->early + n, hub->nearly * sizeof(hub->early[0]));
}

/* With the lock held: the listener's own thread is here, so nobody leaves meanwhile. */
static void catch_up(struct hub *hub, const struct listener *l)
{
    size_t start = hub->next + HUB_KEPT - hub->nkept;

    for (size_t i = 0; i < hub->nkept && (l->after || l->from_kept); i++) {
        struct happening *h = hub->kept[(start + i) % HUB_KEPT];
        if (!wants(l, h) || !json_of(h))
            continue;
        const ecom_graphql_event event = event_for(l, h);
        push(l->stream, &event);
    }
}

static void listener_free(struct listener *l)
{
    if (l)
        free(l->after);
    free(l);
}

static struct listener *listener_new(const struct hub_wish *wish)
{
    struct listener *l = calloc(1, sizeof(*l) + wish->user_id.n + wish->order_id.n + 1);

    if (!l || (wish->after.p && !(l->after = calloc(1, sizeof(*l->after))))) {
        listener_free(l);
        return NULL;
    }
    memcpy(l->text, wish->user_id.p, wish->user_id.n);
    l->user_id = (ecom_str){l->text, wish->user_id.n};
    l->order_id = (ecom_str){l->text + wish->user_id.n, wish->order_id.n};
    if (wish->order_id.n)
        memcpy(l->text + wish->user_id.n, wish->order_id.p, wish->order_id.n);
    l->from_kept = wish->from_kept;
    if (l->after)
        (void)places_read(wish->after, l->after); /* any other text: from the beginning */
    return l;
}

int hub_join(struct hub *hub, const struct hub_wish *wish, ecom_graphql_stream *stream, void **out,
             ecom_error *err)
{
    struct listener *l = listener_new(wish);

    if (!l)
        return ecom_fail(err, ECOM_E_NOMEM, "a subscription");
    l->stream = ecom_graphql_stream_ref(stream);
    pthread_mutex_lock(&hub->lock);
    catch_up(hub, l);
    l->next = hub->listeners;
    if (l->next)
        l->next->prev = l;
    hub->listeners = l;
    pthread_mutex_unlock(&hub->lock);
    *out = l;
    return ECOM_OK;
}

void hub_leave(struct hub *hub, void *listener)
{
    struct listener *l = listener;

    pthread_mutex_lock(&hub->lock);
    if (l->prev)
        l->prev->next = l->next;
    else
        hub->listeners = l->next;
    if (l->next)
        l->next->prev = l->prev;
    pthread_mutex_unlock(&hub->lock);
    ecom_graphql_stream_unref(l->stream);
    listener_free(l);
}

/* ---- the thread */

static int is_stopping(struct hub *hub)
{
    pthread_mutex_lock(&hub->lock);
    int stopping = hub->stopping;
    pthread_mutex_unlock(&hub->lock);
    return stopping;
}

static void pause_a_while(struct hub *hub)
{
    const struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, PAUSE_MS);

    pthread_mutex_lock(&hub->lock);
    if (!hub->stopping)
        pthread_cond_timedwait(&hub->stopped, &hub->lock, &until);
    pthread_mutex_unlock(&hub->lock);
}

/* @return the one that it was. */
static ecom_member *set_member(struct hub *hub, ecom_member *member)
{
    pthread_mutex_lock(&hub->lock);
    ecom_member *former = hub->member;
    hub->member = member;
    pthread_mutex_unlock(&hub->lock);
    return former;
}

static int subscribe(struct hub *hub, ecom_error *err)
{
    const ecom_subscription wish = {.size = sizeof(wish),
                                    .topics = hub->topics,
                                    .ntopics = PLACES_TOPICS,
                                    .start = ECOM_START_LATEST,
                                    .back = BACK};
    ecom_member *member = NULL;
    int r = ecom_bus_subscribe(hub->bus, &wish, &member, err);

    set_member(hub, member);
    return r;
}

static void *listen(void *arg)
{
    struct hub *hub = arg;
    ecom_error err;
    int told = 0;

    while (!is_stopping(hub)) {
        size_t waited = hub->nearly;
        int r = hub->member ? ECOM_OK : subscribe(hub, &err);
        if (r == ECOM_OK)
            r = ecom_member_poll(hub->member, waited ? EARLY_MS : POLL_MS, AT_ONCE, on_msg, hub,
                                 &err);
        tell_early(hub, waited);
        if (r >= 0 || r == ECOM_E_TIMEOUT) {
            told = 0;
            continue;
        }
        const ecom_log_field fields[] = {{"reason", ecom_str_of(err.text), 0}};
        if (!told++)
            ecom_log_write(hub->log, ECOM_LOG_WARN, "subscriptions wait for the bus", fields, 1);
        pause_a_while(hub);
    }
    ecom_member_close(set_member(hub, NULL));
    return NULL;
}

/* The thread's place on the bus is taken before anyone is told that it runs. */
static int start(struct hub *hub, const struct hub_options *options, ecom_error *err)
{
    ecom_bus_options bus = ECOM_BUS_OPTIONS_INIT;
    ecom_error why;

    bus.env = options->env;
    bus.log = options->log;
    int r = ecom_bus_open(options->bus_url, &bus, &hub->bus, err);
    if (r < 0)
        return r;
    if (subscribe(hub, &why) == ECOM_OK)
        (void)ecom_member_poll(hub->member, 0, 0, on_msg, hub, &why);
    if (pthread_create(&hub->thread, NULL, listen, hub) != 0)
        return ecom_fail(err, ECOM_E_NOMEM, "a thread for subscriptions");
    hub->running = 1;
    return ECOM_OK;
}

int hub_open(const struct hub_options *options, struct hub **out, ecom_error *err)
{
    struct hub *hub = calloc(1, sizeof(*hub));

    if (!hub)
        return ecom_fail(err, ECOM_E_NOMEM, "subscriptions");
    hub->topics[0] = options->order_topic;
    hub->topics[1] = options->payment_topic;
    hub->env = options->env;
    hub->log = options->log;
    hub->since_ms = ecom_env_now_ms(hub->env);
    hub->reading = ecom_arena_new(EVENT_BYTES);
    pthread_mutex_init(&hub->lock, NULL);
    ecom__cond_init(&hub->stopped);
    int r = hub->reading ? start(hub, options, err) : ecom_fail(err, ECOM_E_NOMEM, "subscriptions");
    if (r < 0) {
        hub_close(hub);
        return r;
    }
    *out = hub;
    return ECOM_OK;
}

void hub_close(struct hub *hub)
{
    if (!hub)
        return;
    pthread_mutex_lock(&hub->lock);
    hub->stopping = 1;
    ecom_member_wake(hub->member);
    pthread_cond_signal(&hub->stopped);
    pthread_mutex_unlock(&hub->lock);
    if (hub->running) {
        pthread_join(hub->thread, NULL);
    } else {
        ecom_member_close(hub->member);
    }
    ecom_bus_close(hub->bus);
    for (size_t i = 0; i < HUB_KEPT; i++)
        unref(hub->kept[i]);
    for (size_t i = 0; i < hub->nearly; i++)
        unref(hub->early[i]);
    ecom_arena_free(hub->reading);
    pthread_mutex_destroy(&hub->lock);
    pthread_cond_destroy(&hub->stopped);
    free(hub);
}
