/* The bus on SQLite: a directory with a file per topic and one per group. Beside each `.db` lie its
 * `.lock` (who writes takes it) and its `.bell` (rung after each commit that others wait for).
 *
 *   sqlite.c         the handle: opening, listing, publishing by turns with group commit
 *   sqlite_file.c    a database with its lock and bell
 *   sqlite_topic.c   one topic's file: appending and dropping old messages; reading
 *   sqlite_floor.c   how far the groups are in a topic
 *   sqlite_group.c   one group's file: members, who has which partition, how far the group is
 *   sqlite_member.c  a member: polling
 */
#ifndef ECOM_BUS_SQLITE_BUS_H
#define ECOM_BUS_SQLITE_BUS_H

#include "base/filelock.h"
#include "base/sqlite.h"
#include "bus/bell.h"
#include "bus/embedded.h"

#include <pthread.h>

enum { ECOM__BUS_MAX_DIR = 3800 }; /* bytes; file names come behind it */
#define ECOM__BUS_MAX_OFFSET ((INT64_C(1) << 48) - 1)
typedef struct ecom__bus_path {
    char s[4096];
} ecom__bus_path;

/* "DIR/KIND-NAME.EXT" */
ecom__bus_path ecom__bus_path_of(const char *dir, const char *kind, const char *name,
                                 const char *ext);

/* A database with its lock and bell. */
struct ecom__bus_file {
    ecom__filelock *lock;
    sqlite3 *db;
    sqlite3_stmt *stmts[3];
    int bell;
    int32_t timeout_ms;
};
#define ECOM__BUS_FILE_NONE ((struct ecom__bus_file){NULL, NULL, {NULL}, -1, 0})

/* Opens or makes the files; bounds how many of the kind a directory may have. */
int ecom__bus_file_open(struct ecom__bus_file *file, const char *dir, const char *kind,
                        const char *name, int32_t timeout_ms, size_t most, const char *const *steps,
                        int nsteps, ecom_error *err);
void ecom__bus_file_close(struct ecom__bus_file *file);
/* Takes the lock and begins a transaction. */
int ecom__bus_file_begin(struct ecom__bus_file *file, ecom_error *err);
/* Commits when r is OK, else rolls back; gives the lock. @return r, or why it could not. */
int ecom__bus_file_end(struct ecom__bus_file *file, int r, ecom_error *err);
/* The same, and rings. */
int ecom__bus_file_end_loud(struct ecom__bus_file *file, int r, ecom_error *err);

/* A publish that waits for its turn. Messages of other topics in msgs are passed over. */
struct ecom__append {
    struct ecom__append *next;
    const ecom_msg *msgs;
    size_t n;
    int taken, done, result;
    ecom_error error;
};

/* A topic as a handle writes to it. */
struct ecom__topic_file {
    struct ecom__topic_file *next;
    const char *dir; /* the handle's */
    char name[ECOM_BUS_MAX_NAME + 1];
    int32_t partitions;
    struct ecom__bus_file file;
    sqlite3_stmt *stmts[6];
    uint32_t turn;    /* for messages without a key */
    int32_t trimming; /* the partition that is next to lose old messages */
    int looked;       /* floors are known, as of looked_ms */
    int64_t looked_ms, floors[ECOM_BUS_MAX_PARTITIONS];
    pthread_mutex_t mutex;
    pthread_cond_t moved;
    struct ecom__append *first, **last; /* who waits */
    int leading;                        /* one of them writes for many */
};

int ecom__topic_file_open(const char *dir, const ecom_bus_options *opts, ecom_str name,
                          int32_t partitions, struct ecom__topic_file **out, ecom_error *err);
void ecom__topic_file_free(struct ecom__topic_file *topic);
/* Writes all messages of the list that go to this topic, in one transaction. */
int ecom__topic_file_append(struct ecom__topic_file *topic, const ecom_bus_options *opts,
                            const struct ecom__append *list, ecom_error *err);

/* What lies below, every group has done; what one of them has still to do is kept, however old it
 * is. Looked up anew after ten seconds. Call it under the file's lock. */
int64_t ecom__topic_file_floor(struct ecom__topic_file *topic, int32_t partition, int64_t now_ms);

/* A topic as a member reads it. */
struct ecom__topic_reader {
    char name[ECOM_BUS_MAX_NAME + 1];
    int32_t partitions;
    sqlite3 *db;
    sqlite3_stmt *stmts[4];
    int64_t version;                       /* of the file, when ends was read; -1: never */
    int64_t ends[ECOM_BUS_MAX_PARTITIONS]; /* next offset of each partition */
};

int ecom__topic_reader_open(struct ecom__topic_reader *reader, const char *dir, ecom_str name,
                            int32_t timeout_ms, ecom_error *err);
void ecom__topic_reader_close(struct ecom__topic_reader *reader);
/* Brings ends up to date, if anything was written. */
int ecom__topic_reader_refresh(struct ecom__topic_reader *reader, ecom_error *err);
/* Hands over messages from *position on, which moves behind each; given counts on. @return 1: fn
 * said stop; ECOM_OK; or a code. */
int ecom__topic_reader_read(struct ecom__topic_reader *reader, int32_t partition, int64_t *position,
                            uint32_t max, uint32_t *given, ecom_msg_fn fn, void *user,
                            ecom_error *err);
/* The oldest offset there is; the end, when there is none. */
int ecom__topic_reader_first(struct ecom__topic_reader *reader, int32_t partition, int64_t *first,
                             ecom_error *err);

/* A group as a member sees it. */
struct ecom__group_file {
    char name[ECOM_BUS_MAX_NAME + 1];
    struct ecom__bus_file file;
    sqlite3_stmt *stmts[20];
    int alive;  /* holds a lock on byte `id` as long as the member lives */
    int64_t id; /* the member's; never used again; 0: none */
    int64_t version;
};

/* One partition that a member has or had. */
struct ecom__share {
    size_t topic; /* of the member's */
    int32_t partition;
    int64_t next; /* the group's offset */
    int mine;     /* 0: it shall go to another member */
};

int ecom__group_file_open(struct ecom__group_file *group, const char *dir, ecom_str name,
                          int32_t timeout_ms, ecom_error *err);
void ecom__group_file_close(struct ecom__group_file *group);
/* Becomes a member; readers are its topics. */
int ecom__group_join(struct ecom__group_file *group, const struct ecom__topic_reader *readers,
                     size_t n, ecom_start start, int32_t session_ms, int64_t now_ms,
                     ecom_error *err);
int ecom__group_leave(struct ecom__group_file *group, int64_t now_ms, ecom_error *err);
/* Says that the member lives. @return ECOM_E_NOTFOUND: the others have expelled it. */
int ecom__group_beat(struct ecom__group_file *group, int64_t now_ms, ecom_error *err);
/* Expels members that are dead or silent, and shares out what they had. */
int ecom__group_reap(struct ecom__group_file *group, int64_t now_ms, ecom_error *err);
/* Did another connection write since this was last asked? */
int ecom__group_changed(struct ecom__group_file *group, int *changed, ecom_error *err);
/* The member's partitions. @return ECOM_E_NOTFOUND: expelled. */
int ecom__group_shares(struct ecom__group_file *group, const struct ecom__topic_reader *readers,
                       size_t n, struct ecom__share *out, size_t max, size_t *count,
                       ecom_error *err);
/* Lets a partition go to whom it shall go. */
int ecom__group_release(struct ecom__group_file *group, const char *topic, int32_t partition,
                        ecom_error *err);
/* @param moved  0: the partition is another's by now, or the group is further already. */
int ecom__group_ack(struct ecom__group_file *group, const char *topic, int32_t partition,
                    int64_t next, int *moved, ecom_error *err);

/* One handle. */
struct ecom__sqlite_bus {
    char dir[ECOM__BUS_MAX_DIR + 1];
    int fd; /* of the directory, as it was opened */
    ecom_bus_options opts;
    pthread_mutex_t mutex; /* of the list */
    struct ecom__topic_file *topics;
};

int ecom__sqlite_topic(struct ecom__sqlite_bus *bus, ecom_str name, int32_t partitions,
                       struct ecom__topic_file **out, ecom_error *err);

int ecom__sqlite_subscribe(void *self, const ecom_subscription *sub, void **member,
                           ecom_error *err);
int ecom__sqlite_poll(void *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn, void *user,
                      ecom_error *err);
void ecom__sqlite_wake(void *member);
int ecom__sqlite_ack(void *member, ecom_str topic, int32_t partition, int64_t offset,
                     ecom_error *err);
int ecom__sqlite_lag(void *member, uint64_t *lag, ecom_error *err);
void ecom__sqlite_leave(void *member);

#endif
