#include "flow/window.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { PART_BUCKETS = 64 };

enum lane_state { LANE_FREE, LANE_READY, LANE_RUNNING, LANE_WAITING };

/* The messages of one key, in order. There is a lane only while there is a message. */
struct lane {
    struct lane *same_hash;
    struct lane *prev, *next; /* among the ready; `next` also among the free */
    struct part *part;
    ecom_str key; /* lies in the first job */
    ecom__job *first, *last;
    enum lane_state state;
    size_t heap_at; /* while it waits */
    int64_t due_us;
};

/* A partition of which something came. Lives as long as the window: there are only so many. */
struct part {
    struct part *same_hash, *next_dirty;
    size_t topic;
    int32_t number;
    int32_t dirty;    /* 1: in the list of those to be acked */
    int32_t assigned; /* 0: nothing came since the start, or since it was revoked */
    int64_t taken, acked;
    ecom__job *first, *last; /* unfinished, by offset: all below the first is done */
};

struct ecom__window {
    size_t max, count, running, ready, stalled, bytes;
    struct lane *lanes, *free_lanes;
    struct lane *first_ready, *last_ready;
    struct lane **heap; /* lanes that wait, the earliest first */
    size_t nheap;
    struct lane **buckets; /* lanes by partition and key */
    size_t mask;
    struct part *parts[PART_BUCKETS];
    struct part *dirty;
    ecom_str *topics; /* their bytes lie behind the array */
    size_t ntopics;
};

static ecom_str *copy_topics(const ecom_str *topics, size_t n)
{
    size_t bytes = n * sizeof(ecom_str);

    for (size_t i = 0; i < n; i++)
        bytes += topics[i].n;
    ecom_str *copy = malloc(bytes ? bytes : 1);
    if (!copy)
        return NULL;

    char *p = (char *)(copy + n);
    for (size_t i = 0; i < n; i++) {
        if (topics[i].n)
            memcpy(p, topics[i].p, topics[i].n);
        copy[i] = (ecom_str){p, topics[i].n};
        p += topics[i].n;
    }
    return copy;
}

ecom__window *ecom__window_new(size_t max, const ecom_str *topics, size_t ntopics)
{
    ecom__window *w = calloc(1, sizeof(*w));
    size_t buckets = 16;

    if (!w)
        return NULL;
    while (buckets < max)
        buckets *= 2;
    w->max = max;
    w->mask = buckets - 1;
    w->lanes = calloc(max, sizeof(*w->lanes));
    w->heap = calloc(max, sizeof(struct lane *));
    w->buckets = calloc(buckets, sizeof(struct lane *));
    w->topics = copy_topics(topics, ntopics);
    w->ntopics = ntopics;
    if (!w->lanes || !w->heap || !w->buckets || !w->topics) {
        ecom__window_free(w);
        return NULL;
    }
    for (size_t i = 0; i < max; i++) {
        w->lanes[i].next = w->free_lanes;
        w->free_lanes = &w->lanes[i];
    }
    return w;
}

static void free_jobs(ecom__job *job)
{
    while (job) {
        ecom__job *behind = job->behind;
        free(job);
        job = behind;
    }
}

void ecom__window_free(ecom__window *w)
{
    if (!w)
        return;
    for (size_t i = 0; w->lanes && i < w->max; i++)
        if (w->lanes[i].state != LANE_FREE)
            free_jobs(w->lanes[i].first);
    for (size_t i = 0; i < PART_BUCKETS; i++)
        for (struct part *part = w->parts[i], *same; part; part = same) {
            same = part->same_hash;
            free(part);
        }
    free(w->lanes);
    free(w->heap);
    free(w->buckets);
    free(w->topics);
    free(w);
}

/* FNV-1a. Who chooses keys to collide gains a list as long as the window, which is bounded. */
static size_t hash_of(const struct part *part, ecom_str key)
{
    uint64_t h = 14695981039346656037u ^ (uintptr_t)part >> 4;

    for (size_t i = 0; i < key.n; i++)
        h = (h ^ (unsigned char)key.p[i]) * 1099511628211u;
    return (size_t)(h ^ h >> 32);
}

static void ready_push(ecom__window *w, struct lane *lane)
{
    lane->state = LANE_READY;
    lane->next = NULL;
    lane->prev = w->last_ready;
    if (w->last_ready)
        w->last_ready->next = lane;
    else
        w->first_ready = lane;
    w->last_ready = lane;
    w->ready++;
}

static void ready_remove(ecom__window *w, struct lane *lane)
{
    if (lane->prev)
        lane->prev->next = lane->next;
    else
        w->first_ready = lane->next;
    if (lane->next)
        lane->next->prev = lane->prev;
    else
        w->last_ready = lane->prev;
    w->ready--;
}

static void heap_set(ecom__window *w, size_t i, struct lane *lane)
{
    w->heap[i] = lane;
    lane->heap_at = i;
}

/* Puts a lane where it belongs in the heap, from the hole at i. */
static void heap_place(ecom__window *w, size_t i, struct lane *lane)
{
    for (size_t up; i > 0 && w->heap[up = (i - 1) / 2]->due_us > lane->due_us; i = up)
        heap_set(w, i, w->heap[up]);
    for (size_t down; (down = 2 * i + 1) < w->nheap; i = down) {
        if (down + 1 < w->nheap && w->heap[down + 1]->due_us < w->heap[down]->due_us)
            down++;
        if (w->heap[down]->due_us >= lane->due_us)
            break;
        heap_set(w, i, w->heap[down]);
    }
    heap_set(w, i, lane);
}

static void heap_push(ecom__window *w, struct lane *lane)
{
    lane->state = LANE_WAITING;
    w->nheap++;
    heap_set(w, w->nheap - 1, lane);
    heap_place(w, w->nheap - 1, lane);
}

static void heap_remove(ecom__window *w, struct lane *lane)
{
    struct lane *last = w->heap[--w->nheap];

    if (last != lane)
        heap_place(w, lane->heap_at, last);
}

static struct lane *lane_of(ecom__window *w, struct part *part, ecom_str key)
{
    struct lane **bucket = &w->buckets[hash_of(part, key) & w->mask];

    for (struct lane *lane = *bucket; lane; lane = lane->same_hash)
        if (lane->part == part && ecom_str_eq(lane->key, key))
            return lane;

    struct lane *lane = w->free_lanes;
    assert(lane); /* as many as jobs */
    w->free_lanes = lane->next;
    *lane = (struct lane){.same_hash = *bucket, .part = part};
    *bucket = lane;
    return lane;
}

/* Its last job is still there: the key lies in it. */
static void lane_free(ecom__window *w, struct lane *lane)
{
    struct lane **link = &w->buckets[hash_of(lane->part, lane->key) & w->mask];

    while (*link != lane)
        link = &(*link)->same_hash;
    *link = lane->same_hash;
    *lane = (struct lane){.next = w->free_lanes};
    w->free_lanes = lane;
}

static void lane_append(ecom__window *w, struct lane *lane, ecom__job *job)
{
    job->lane = lane;
    if (lane->last) {
        lane->last->behind = job;
    } else {
        lane->first = job;
        lane->key = job->msg.key;
        ready_push(w, lane);
    }
    lane->last = job;
}

static struct part **part_bucket(const ecom__window *w, size_t topic, int32_t number)
{
    return (struct part **)&w->parts[(topic * 31 + (size_t)number) % PART_BUCKETS];
}

static struct part *part_find(const ecom__window *w, size_t topic, int32_t number)
{
    struct part *part = *part_bucket(w, topic, number);

    while (part && (part->topic != topic || part->number != number))
        part = part->same_hash;
    return part;
}

static struct part *part_get(ecom__window *w, size_t topic, int32_t number)
{
    struct part *part = part_find(w, topic, number);

    if (part || !(part = calloc(1, sizeof(*part))))
        return part;
    struct part **bucket = part_bucket(w, topic, number);
    part->topic = topic;
    part->number = number;
    part->same_hash = *bucket;
    return *bucket = part;
}

static void part_append(struct part *part, ecom__job *job)
{
    if (!part->assigned)
        part->taken = part->acked = job->msg.offset - 1;
    part->assigned = 1;
    job->before = part->taken;
    part->taken = job->msg.offset;
    job->part = part;
    job->prev = part->last;
    if (part->last)
        part->last->next = job;
    else
        part->first = job;
    part->last = job;
}

static int64_t part_done_up_to(const struct part *part)
{
    return part->first ? part->first->before : part->taken;
}

static void part_remove(ecom__window *w, ecom__job *job)
{
    struct part *part = job->part;

    if (job->prev)
        job->prev->next = job->next;
    else
        part->first = job->next;
    if (job->next)
        job->next->prev = job->prev;
    else
        part->last = job->prev;
    if (!part->dirty && part_done_up_to(part) > part->acked) {
        part->dirty = 1;
        part->next_dirty = w->dirty;
        w->dirty = part;
    }
}

static void part_clean(ecom__window *w, struct part *part)
{
    struct part **link = &w->dirty;

    if (!part->dirty)
        return;
    while (*link != part)
        link = &(*link)->next_dirty;
    *link = part->next_dirty;
    part->dirty = 0;
}

static ecom_str put_bytes(char **at, ecom_str bytes)
{
    ecom_str copy = {*at, bytes.n};

    if (bytes.n)
        memcpy(*at, bytes.p, bytes.n);
    *at += bytes.n;
    return copy;
}

/* A message and all it points to, in one piece. */
static ecom__job *job_new(const ecom_msg *msg, ecom_str topic)
{
    size_t bytes = sizeof(ecom__job) + msg->nheaders * sizeof(ecom_header) + msg->id.n +
                   msg->key.n + msg->body.n;

    for (size_t i = 0; i < msg->nheaders; i++)
        bytes += msg->headers[i].name.n + msg->headers[i].value.n;
    ecom__job *job = malloc(bytes);
    if (!job)
        return NULL;
    *job = (ecom__job){.msg = *msg, .bytes = bytes};

    ecom_header *headers = (ecom_header *)(job + 1);
    char *at = (char *)(headers + msg->nheaders);
    job->msg.topic = topic;
    job->msg.id = put_bytes(&at, msg->id);
    job->msg.key = put_bytes(&at, msg->key);
    job->msg.body = put_bytes(&at, msg->body);
    for (size_t i = 0; i < msg->nheaders; i++) {
        headers[i].name = put_bytes(&at, msg->headers[i].name);
        headers[i].value = put_bytes(&at, msg->headers[i].value);
    }
    job->msg.headers = headers;
    return job;
}

static size_t topic_find(const ecom__window *w, ecom_str topic)
{
    size_t i = 0;

    while (i < w->ntopics && !ecom_str_eq(w->topics[i], topic))
        i++;
    return i;
}

static void job_free(ecom__window *w, ecom__job *job)
{
    w->count--;
    w->stalled -= job->stalled != 0;
    w->bytes -= job->bytes;
    free(job);
}

/* Empties a lane but for the job that runs in it, if one does. */
static void lane_revoke(ecom__window *w, struct lane *lane)
{
    if (lane->state == LANE_RUNNING) {
        lane->first->behind = NULL;
        lane->last = lane->first;
        return;
    }
    if (lane->state == LANE_READY)
        ready_remove(w, lane);
    if (lane->state == LANE_WAITING)
        heap_remove(w, lane);
    if (lane->state != LANE_FREE)
        lane_free(w, lane);
}

/* What runs keeps its lane: should the partition come back, the same key still does not run twice
 * at a time. */
static void part_revoke(ecom__window *w, struct part *part)
{
    for (ecom__job *job = part->first; job; job = job->next)
        lane_revoke(w, job->lane);
    for (ecom__job *job = part->first, *next; job; job = next) {
        next = job->next;
        if (job->lane->first == job)
            job->orphan = 1;
        else
            job_free(w, job);
    }
    part->first = part->last = NULL;
    part->assigned = 0;
    part_clean(w, part);
}

void ecom__window_revoke(ecom__window *w, ecom_str topic, int32_t partition)
{
    struct part *part = part_find(w, topic_find(w, topic), partition);

    if (part)
        part_revoke(w, part);
}

void ecom__window_revoke_all(ecom__window *w)
{
    for (size_t i = 0; i < PART_BUCKETS; i++)
        for (struct part *part = w->parts[i]; part; part = part->same_hash)
            part_revoke(w, part);
}

int ecom__window_add(ecom__window *w, const ecom_msg *msg, ecom_error *err)
{
    size_t topic = topic_find(w, msg->topic);

    if (topic == w->ntopics)
        return ecom_fail(err, ECOM_E_BACKEND, "a message of \"%.*s\", which was not asked for",
                         (int)msg->topic.n, msg->topic.p);
    if (w->count == w->max)
        return ecom_fail(err, ECOM_E_BACKEND, "more than %zu messages at a time", w->max);

    struct part *part = part_get(w, topic, msg->partition);
    ecom__job *job = part ? job_new(msg, w->topics[topic]) : NULL;
    if (!job)
        return ecom_fail(err, ECOM_E_NOMEM, "taking a message of %zu bytes", msg->body.n);

    if (part->assigned && msg->offset <= part->taken)
        part_revoke(w, part);
    job->topic = topic;
    part_append(part, job);
    lane_append(w, lane_of(w, part, job->msg.key), job);
    w->count++;
    w->bytes += job->bytes;
    return ECOM_OK;
}

ecom__job *ecom__window_take(ecom__window *w, int64_t now_us)
{
    while (w->nheap && w->heap[0]->due_us <= now_us) {
        struct lane *due = w->heap[0];
        heap_remove(w, due);
        ready_push(w, due);
    }

    struct lane *lane = w->first_ready;
    if (!lane)
        return NULL;
    ready_remove(w, lane);
    lane->state = LANE_RUNNING;
    w->running++;
    return lane->first;
}

void ecom__window_done(ecom__window *w, ecom__job *job)
{
    struct lane *lane = job->lane;

    assert(lane->state == LANE_RUNNING && lane->first == job);
    w->running--;
    if (!job->orphan)
        part_remove(w, job);
    if (job->behind) {
        lane->first = job->behind;
        lane->key = lane->first->msg.key;
        ready_push(w, lane);
    } else {
        lane_free(w, lane);
    }
    job_free(w, job);
}

void ecom__window_later(ecom__window *w, ecom__job *job, int64_t due_us)
{
    if (job->orphan) {
        ecom__window_done(w, job);
        return;
    }
    w->running--;
    job->lane->due_us = due_us;
    heap_push(w, job->lane);
}

void ecom__window_stall(ecom__window *w, ecom__job *job)
{
    w->stalled += !job->stalled;
    job->stalled = 1;
}

static void mark_of(const ecom__window *w, const struct part *part, ecom__mark *mark)
{
    *mark = (ecom__mark){w->topics[part->topic], part->number, part_done_up_to(part)};
}

int ecom__window_unacked(const ecom__window *w, ecom__mark *mark)
{
    if (w->dirty)
        mark_of(w, w->dirty, mark);
    return w->dirty != NULL;
}

int ecom__window_unacked_of(const ecom__window *w, ecom_str topic, int32_t partition,
                            ecom__mark *mark)
{
    const struct part *part = part_find(w, topic_find(w, topic), partition);

    if (!part || !part->dirty)
        return 0;
    mark_of(w, part, mark);
    return 1;
}

void ecom__window_acked(ecom__window *w, const ecom__mark *mark)
{
    struct part *part = part_find(w, topic_find(w, mark->topic), mark->partition);

    if (!part || !part->assigned || mark->offset <= part->acked)
        return;
    part->acked = mark->offset;
    if (part_done_up_to(part) <= part->acked)
        part_clean(w, part);
}

size_t ecom__window_room(const ecom__window *w)
{
    return w->max - w->count;
}

size_t ecom__window_count(const ecom__window *w)
{
    return w->count;
}

size_t ecom__window_running(const ecom__window *w)
{
    return w->running;
}

size_t ecom__window_bytes(const ecom__window *w)
{
    return w->bytes;
}

size_t ecom__window_stalled(const ecom__window *w)
{
    return w->stalled;
}

size_t ecom__window_ready(const ecom__window *w)
{
    return w->ready;
}

int64_t ecom__window_due_us(const ecom__window *w)
{
    return w->nheap ? w->heap[0]->due_us : -1;
}

ecom_str ecom__window_topic(const ecom__window *w, size_t i)
{
    return w->topics[i];
}

size_t ecom__window_topics(const ecom__window *w)
{
    return w->ntopics;
}
