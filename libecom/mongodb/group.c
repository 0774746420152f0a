#include "mongodb/group.h"

#include <errno.h>
#include <string.h>

#include "base/wait.h"

/* Of how long a call may take: behind commands that take longer nobody goes on waiting. */
enum { PATIENCE = 40 };

/* What one command carries. */
struct group {
    ecom__mdb_job *jobs[ECOM__MDB_TOGETHER];
    size_t n, bytes;
};

static size_t bytes_of(const ecom__mdb_job *job)
{
    return (job->write ? job->write->bytes.n : 0) + (job->filter ? job->filter->bytes.n : 0);
}

static int are_alike(const ecom__mdb_job *a, const ecom__mdb_job *b)
{
    return !a->filter == !b->filter && strcmp(a->collection, b->collection) == 0;
}

static int has_room(size_t n, size_t bytes, const ecom__mdb_job *job)
{
    return n < ECOM__MDB_TOGETHER && bytes + bytes_of(job) <= ECOM__MDB_TOGETHER_BYTES;
}

static int fits(const struct group *group, const ecom__mdb_job *job)
{
    if (group->n == 0)
        return 1;
    if (!has_room(group->n, group->bytes, job) || !are_alike(job, group->jobs[0]))
        return 0;
    for (size_t i = 0; job->write && i < group->n; i++)
        if (ecom_str_eq(job->id, group->jobs[i]->id))
            return 0;
    return 1;
}

static void add(struct group *group, ecom__mdb_job *job)
{
    job->taken = 1;
    group->jobs[group->n++] = job;
    group->bytes += bytes_of(job);
}

/* Takes the first that waits, and of those behind it all that can go with it. Under the lock, as
 * what follows. */
static void take(ecom__mdb_queue *queue, struct group *group)
{
    ecom__mdb_job **link = &queue->first, *job;

    group->n = group->bytes = 0;
    while ((job = *link)) {
        if (!fits(group, job)) {
            link = &job->next;
            continue;
        }
        *link = job->next;
        queue->n--;
        add(group, job);
    }
    queue->end = link;
}

static ecom__mdb_job *who_stays(const ecom__mdb_queue *queue)
{
    ecom__mdb_job *job = queue->first;

    while (job && (!job->stays || job->lead))
        job = job->next;
    return job;
}

/* Once a command is over: the next is led by a thread that waits for its own. @return truth: by
 * this one. */
static int go_on(ecom__mdb_queue *queue, const ecom__mdb_job *own)
{
    ecom__mdb_job *next = who_stays(queue);

    if (queue->first && !own->taken)
        return 1;
    if (!queue->first || (next && queue->running > queue->most)) {
        queue->running--;
        return 0;
    }
    if (!next)
        return 1;
    next->lead = 1;
    pthread_cond_signal(&next->turn);
    return 0;
}

/* Whose thread waits is gone once it is told: those that are to be called are told apart before.
 * @return how many. */
static size_t tell_who_wait(ecom__mdb_queue *queue, struct group *group)
{
    size_t later = 0;

    pthread_mutex_lock(&queue->lock);
    for (size_t i = 0; i < group->n; i++) {
        ecom__mdb_job *job = group->jobs[i];
        if (job->stays) {
            job->finished = 1;
            pthread_cond_signal(&job->turn);
        } else {
            group->jobs[later++] = job;
        }
    }
    pthread_mutex_unlock(&queue->lock);
    return later;
}

/* Those that are done come first: it may take a while to find out about the others. */
static void finish(ecom__mdb_queue *queue, struct group *group)
{
    size_t n = tell_who_wait(queue, group), others = 0;

    for (size_t i = 0; i < n; i++)
        if (group->jobs[i]->outcome == ECOM__MDB_DONE)
            group->jobs[i]->done(group->jobs[i]);
        else
            group->jobs[others++] = group->jobs[i];
    for (size_t i = 0; i < others; i++)
        group->jobs[i]->done(group->jobs[i]);
}

static void lead(ecom__mdb *db, ecom__mdb_queue *queue, const ecom__mdb_job *own)
{
    struct group group;
    int more;

    do {
        pthread_mutex_lock(&queue->lock);
        take(queue, &group);
        pthread_mutex_unlock(&queue->lock);
        if (group.n)
            queue->carry(db, group.jobs, group.n);
        pthread_mutex_lock(&queue->lock);
        more = go_on(queue, own);
        pthread_mutex_unlock(&queue->lock);
        finish(queue, &group);
    } while (more);
}

/* Truth: one whose thread waits takes it along. */
static int goes_along(const ecom__mdb_queue *queue, const ecom__mdb_job *job)
{
    size_t n = 0, bytes = 0;

    for (const ecom__mdb_job *other = queue->first; other; other = other->next) {
        if (!are_alike(other, job))
            continue;
        if (ecom_str_eq(other->id, job->id))
            return 0;
        if (other->stays)
            n = bytes = 0;
        if (other->stays || n) {
            n++;
            bytes += bytes_of(other);
        }
    }
    return n && has_room(n, bytes, job);
}

/* Under the lock. @return truth: this thread stays. If not, the job may be gone once it is left. */
static int enqueue(ecom__mdb_queue *queue, ecom__mdb_job *job)
{
    job->next = NULL;
    job->taken = job->finished = 0;
    job->lead = queue->running < queue->most;
    job->stays =
        !job->done || job->lead || queue->n >= ECOM__MDB_MOST_WAIT || !goes_along(queue, job);
    queue->running += job->lead;
    queue->n++;
    if (job->stays)
        ecom__cond_init(&job->turn);
    *queue->end = job;
    queue->end = &job->next;
    return job->stays;
}

/* Under the lock: until the job is finished, or its thread is to lead. Behind commands that hang it
 * goes by itself, with all that wait there. */
static void await_turn(ecom__mdb_queue *queue, ecom__mdb_job *job, int32_t patience_ms)
{
    struct timespec until = ecom__after_ms(CLOCK_MONOTONIC, patience_ms);
    int late = 0;

    while (!job->finished && !job->lead) {
        if (job->taken)
            pthread_cond_wait(&job->turn, &queue->lock);
        else if (!late)
            late = pthread_cond_timedwait(&job->turn, &queue->lock, &until) == ETIMEDOUT;
        else
            queue->running += job->lead = 1;
    }
}

/* Who finds room and nobody waiting; then those that have come meanwhile. */
static void go_at_once(ecom__mdb *db, ecom__mdb_queue *queue, ecom__mdb_job *job)
{
    queue->carry(db, &job, 1);
    pthread_mutex_lock(&queue->lock);
    int more = go_on(queue, job);
    pthread_mutex_unlock(&queue->lock);
    if (more)
        lead(db, queue, job);
    if (job->done)
        job->done(job);
}

static void go_through(ecom__mdb *db, ecom__mdb_queue *queue, ecom__mdb_job *job)
{
    pthread_mutex_lock(&queue->lock);
    if (!queue->first && queue->running < queue->most) {
        queue->running++;
        job->taken = 1;
        pthread_mutex_unlock(&queue->lock);
        go_at_once(db, queue, job);
        return;
    }
    if (!enqueue(queue, job)) {
        pthread_mutex_unlock(&queue->lock);
        return;
    }
    await_turn(queue, job, db->timeout_ms / PATIENCE);
    if (job->lead) {
        pthread_mutex_unlock(&queue->lock);
        lead(db, queue, job);
        pthread_mutex_lock(&queue->lock);
    }
    while (!job->finished) /* another took it along */
        pthread_cond_wait(&job->turn, &queue->lock);
    pthread_mutex_unlock(&queue->lock);
    pthread_cond_destroy(&job->turn);
    if (job->done)
        job->done(job);
}

void ecom__mdb_write(ecom__mdb *db, ecom__mdb_job *job)
{
    go_through(db, &db->writes, job);
}

void ecom__mdb_read(ecom__mdb *db, ecom__mdb_job *job)
{
    go_through(db, &db->reads, job);
}

void ecom__mdb_write_alone(ecom__mdb *db, ecom__mdb_job *job)
{
    ecom__mdb_send(db, &job, 1);
}

void ecom__mdb_queues_init(ecom__mdb *db)
{
    db->writes = (ecom__mdb_queue){.most = ECOM__MDB_WRITING, .carry = ecom__mdb_send};
    db->reads = (ecom__mdb_queue){.most = ECOM__MDB_READING, .carry = ecom__mdb_fetch};
    pthread_mutex_init(&db->writes.lock, NULL);
    pthread_mutex_init(&db->reads.lock, NULL);
    db->writes.end = &db->writes.first;
    db->reads.end = &db->reads.first;
}

void ecom__mdb_queues_clear(ecom__mdb *db)
{
    pthread_mutex_destroy(&db->writes.lock);
    pthread_mutex_destroy(&db->reads.lock);
}
