/* Writes, and reads of one document, on their way to the server. Those that come while a few
 * commands are under way wait for room, and then go together, as one command, whose answer tells
 * them apart again. Nobody waits for company: who finds room goes at once. No threads of its own:
 * of each command to be one thread stays, to lead it; others may go, and are called back. */
#ifndef ECOM_MONGODB_GROUP_H
#define ECOM_MONGODB_GROUP_H

#include "mongodb/bson_write.h"
#include "mongodb/mongodb.h"

enum {
    ECOM__MDB_WRITING = 2,              /* commands, before others wait */
    ECOM__MDB_READING = 4,              /* likewise: reads are beside writes */
    ECOM__MDB_TOGETHER = 64,            /* jobs of one command */
    ECOM__MDB_TOGETHER_BYTES = 1 << 20, /* and their bytes, unless one alone has more */
    ECOM__MDB_MOST_WAIT = 256           /* writes, apart from those whose threads do */
};

/* What came of a job. Below 0: it did not happen, and will not. Of a read there is no more. */
enum ecom__mdb_outcome {
    ECOM__MDB_DONE = 1,
    ECOM__MDB_REFUSED, /* nothing matched, or a unique index has it already */
    ECOM__MDB_UNKNOWN,
    ECOM__MDB_AWAY, /* it was not sent: no server was found */
    ECOM__MDB_LATE  /* it was not sent: there was not time enough */
};

typedef struct ecom__mdb_job {
    const char *collection; /* as it is called there */
    ecom_str id, origin;
    uint64_t base, rev;       /* before; and after, with the origin: so the document shows it */
    const ecom__bson *filter; /* NULL: the document is new */
    const ecom__bson *write;  /* it, or how it changes; NULL: it is read */
    bson_t *found;    /* of a read, a copy: the reader's to destroy; NULL: it is not there */
    int64_t until_us; /* when its call must be over */
    ecom_error *err;  /* not NULL */
    int outcome;
    int again; /* of a read that failed: by no fault of its own, it is worth another try */

    /* The queue's. Of a job that need not be waited for, done() is called once there is an outcome,
     * under no lock; then the job is gone. NULL: its thread waits. */
    void (*done)(struct ecom__mdb_job *job);
    struct ecom__mdb_job *next;
    pthread_cond_t turn;
    int stays;    /* its thread waits, whatever it may do */
    int taken;    /* it is on its way, in somebody's command */
    int lead;     /* its thread has been told to, or has waited too long to be told */
    int finished; /* it has its outcome */
} ecom__mdb_job;

/* Has a write done by one command or another. With job->done() that is called, perhaps by another
 * thread, perhaps before this returns; without, this returns once there is an outcome. */
void ecom__mdb_write(ecom__mdb *db, ecom__mdb_job *job);
/* The same by a command of its own, at once. */
void ecom__mdb_write_alone(ecom__mdb *db, ecom__mdb_job *job);

/* Has a document read by one command or another; returns once there is an outcome. */
void ecom__mdb_read(ecom__mdb *db, ecom__mdb_job *job);

/* Reads the documents of one collection, and sets the jobs' outcomes: get.c. */
void ecom__mdb_fetch(ecom__mdb *db, ecom__mdb_job *const *jobs, size_t n);
/* Sends jobs of one collection, all new documents or all changes, none twice of the same document,
 * and sets their outcomes: send.c. */
void ecom__mdb_send(ecom__mdb *db, ecom__mdb_job *const *jobs, size_t n);

#endif
