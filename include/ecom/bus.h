/** @file
 * The bus: where events go from service to service. Callers' door; writing a backend? See
 * <ecom/backend.h>. Most programs publish through the outbox (<ecom/outbox.h>) and consume through
 * a consumer (<ecom/consumer.h>); this is what those stand on.
 *
 * It is shaped like Kafka: topics of partitions, messages with the same key in one partition in
 * order, consumer groups that share the partitions and commit offsets, at-least-once delivery.
 */
#ifndef ECOM_BUS_H
#define ECOM_BUS_H

#include "log.h"
#include "metrics.h"

#ifdef __cplusplus
extern "C" {
#endif

/** May be used from any thread; not by a forked child, which opens its own. */
typedef struct ecom_bus ecom_bus;
/** One member of a consumer group. For use by one thread at a time. */
typedef struct ecom_member ecom_member;

#define ECOM_BUS_MAX_NAME 128        /**< bytes of a topic's or a group's name */
#define ECOM_BUS_MAX_KEY 1024        /**< bytes of a key */
#define ECOM_BUS_MAX_BODY (1u << 20) /**< bytes of a body */
#define ECOM_BUS_MAX_HEADERS 32      /**< headers of a message */
#define ECOM_BUS_MAX_HEADER 4096     /**< bytes of a header's name and value together */
#define ECOM_BUS_MAX_BATCH 1000      /**< messages of one publish or poll */
#define ECOM_BUS_MAX_TOPICS 64       /**< topics of one subscription */
#define ECOM_BUS_MAX_PARTITIONS 256  /**< of a topic */
#define ECOM_BUS_MAX_MEMBERS 256     /**< of a group on an embedded bus */

/** Checks what a topic or a group is called, as everything here does that takes one: 1 to
 *  ECOM_BUS_MAX_NAME bytes of [A-Za-z0-9_.-], not "." or "..".
 *  @param field  what the error is about: "topic".
 *  @return ECOM_E_INVAL; ECOM_E_TOOLARGE.   Since: 0.1 */
ECOM_API ECOM_MUST_USE int ecom_bus_name_check(const char *field, ecom_str name, ecom_error *err);

/** One message. Slices are borrowed. */
typedef struct ecom_msg {
    ecom_str id;    /**< of the event, for the outbox; not on the wire (it is in the body) */
    ecom_str topic; /**< 1 to 128 bytes of [A-Za-z0-9_.-], not "." or ".." */
    ecom_str key;   /**< messages with the same key stay in order; empty: any partition */
    ecom_str body;  /**< any bytes */
    const ecom_header *headers;
    size_t nheaders;
    int64_t time_ms;   /**< Unix epoch; on publishing, 0 means now */
    int32_t partition; /**< set by poll(); on publishing, ignored: the key decides */
    int64_t offset;    /**< set by poll() */
} ecom_msg;

/** Receives messages in order, each borrowed for the call. Non-zero: no more of them. */
typedef int (*ecom_msg_fn)(void *user, const ecom_msg *msg);

/** How a bus behaves. Zero always means the default. */
typedef struct ecom_bus_options {
    uint32_t size;
    int32_t timeout_ms;    /**< per call; 0: 5000 */
    const ecom_env *env;   /**< NULL: ecom_env_system(); must outlive the bus */
    const ecom_log *log;   /**< nullable; must outlive the bus */
    int32_t partitions;    /**< of topics made on first use; 0: 8 */
    int64_t retention_ms;  /**< how long the embedded bus keeps messages that all groups which ever
                            *   joined have acked; 0: 7 days, -1: for ever. Others it keeps however
                            *   old they are, until it is full. */
    uint64_t max_bytes;    /**< of a topic's messages on an embedded bus, ECOM_E_FULL beyond; 0:
                            *   1 GiB in memory, what the disk holds on SQLite */
    ecom_metrics *metrics; /**< nullable: gets what the backend counts; must outlive the bus */
} ecom_bus_options;
/* clang-format off */
#define ECOM_BUS_OPTIONS_INIT {sizeof(ecom_bus_options), 0, NULL, NULL, 0, 0, 0, NULL}
/* clang-format on */

/** Opens by URL: `memory:` (of its own), `memory:NAME` (shared within the process),
 *  `sqlite:DIRECTORY` (shared between processes; made when missing, its parents are not), or
 *  others' schemes, as ecom_store_open() does. A member of a group whose process dies is missed
 *  within a quarter of a second on SQLite, one that only falls silent after its session.
 *  @param opts  nullable; read during the call only.
 *  @param out   the new handle: ends with ecom_bus_close().
 *  @return as ecom_store_open() in <ecom/store.h>. */
ECOM_API ECOM_MUST_USE int ecom_bus_open(const char *url, const ecom_bus_options *opts,
                                         ecom_bus **out, ecom_error *err);

/**
 * Publishes a batch, in order.
 * @param msgs  1 to 1000 messages.
 * @param done  out, nullable: how many, from the first, are durable. Always set.
 * @return ECOM_OK: all are durable. Otherwise the first @p done are, and of those behind some may
 *         be: ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_FULL, ECOM_E_CORRUPT, ECOM_E_NOMEM. With
 *         ECOM_E_INVAL and ECOM_E_TOOLARGE, err->field names what breaks a limit, `msgs[3].body`:
 *         all are checked before any is sent, so @p done is 0 then.
 * Order is kept per topic and key. A topic that does not exist is made. Threads: any; blocks up to
 * options.timeout_ms.  Since: 0.1
 */
ECOM_API ECOM_MUST_USE int ecom_bus_publish(ecom_bus *bus, const ecom_msg *msgs, size_t n,
                                            size_t *done, ecom_error *err);

/** Makes a topic, if it is not there. @param partitions 0: the bus's default. Another number than
 *  an existing topic has is not an error: it stays as it is.
 *  @return ECOM_E_INVAL (field `topic`, `partitions`); ECOM_E_TOOLARGE: an embedded bus has 1,000
 *          topics; or as ecom_bus_publish(). */
ECOM_API ECOM_MUST_USE int ecom_bus_create_topic(ecom_bus *bus, ecom_str topic, int32_t partitions,
                                                 ecom_error *err);
/** Names all topics, in order of name; `key` and `body` are empty, `partition` is their number.
 *  @return ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_CORRUPT: @p row may have had some. */
ECOM_API ECOM_MUST_USE int ecom_bus_topics(ecom_bus *bus, ecom_msg_fn row, void *user,
                                           ecom_error *err);
/** Is it there, does it answer, and could it write? For readiness, as ecom_store_ping() says. */
ECOM_API ECOM_MUST_USE int ecom_bus_ping(ecom_bus *bus, ecom_error *err);
/** Waits for calls in flight; members must be closed before. NULL is fine. */
ECOM_API void ecom_bus_close(ecom_bus *bus);

/** Where a group starts in a topic that it subscribes to for the first time: latest means behind
 *  what is there when that subscribe() returns. */
typedef enum ecom_start { ECOM_START_EARLIEST = 0, ECOM_START_LATEST = 1 } ecom_start;

/** What a member wants. Zero always means the default. */
typedef struct ecom_subscription {
    uint32_t size;
    ecom_str group;         /**< empty: no group: all partitions, no commits (for looking on) */
    const ecom_str *topics; /**< 1 to 64; made when missing */
    size_t ntopics;
    ecom_start start;
    int32_t session_timeout_ms; /**< a member silent for longer has left; 0: 10,000 */
    /** Without a group, from the latest: begin that many messages before the end of each partition,
     *  or at the oldest that is kept; up to 1,000,000. */
    int32_t back;
    /** Nullable. Called inside ecom_member_poll() before a partition goes to another member: ack
     *  what is done, forget the rest. After it, acks for that partition are ignored. */
    void (*revoked)(void *user, ecom_str topic, int32_t partition);
    void *user;
} ecom_subscription;

/** Joins. Returns at once: partitions come with the first polls.
 *  @param sub  read during the call only.
 *  @param out  ends with ecom_member_close(), before the bus is closed.
 *  @return ECOM_E_INVAL (the field); ECOM_E_TOOLARGE: too many topics, or the group is full;
 *          ECOM_E_UNAVAILABLE, ECOM_E_FULL, ECOM_E_CORRUPT: as for ecom_bus_publish(). */
ECOM_API ECOM_MUST_USE int ecom_bus_subscribe(ecom_bus *bus, const ecom_subscription *sub,
                                              ecom_member **out, ecom_error *err);
/**
 * Waits up to @p timeout_ms for messages and hands over at most @p max of them. Call it often,
 * also when busy: it is what keeps the membership alive.
 * @param timeout_ms  0: does not wait.
 * @param max  0 to 1000; 0: hand over nothing, only stay a member.
 * @param fn   may ack and publish; non-zero stops: the rest comes with the next poll.
 * @return how many were handed over; ECOM_E_TIMEOUT: none came (ordinary); ECOM_E_INVAL,
 *         ECOM_E_TOOLARGE: an argument; ECOM_E_UNAVAILABLE, ECOM_E_CORRUPT...: poll again, later.
 *
 * Messages of a partition come in order of offset. A message is handed over once per assignment;
 * those not acked come again after a crash, a close or a rebalance.
 */
ECOM_API int ecom_member_poll(ecom_member *member, int32_t timeout_ms, uint32_t max, ecom_msg_fn fn,
                              void *user, ecom_error *err);
/** Ends a poll that waits, or the next one, with ECOM_E_TIMEOUT. Threads: any. */
ECOM_API void ecom_member_wake(ecom_member *member);
/** Everything in the partition up to and including @p offset is done: the group goes on behind it.
 *  When it returns, that survives the death of every process; a power loss may take back the last
 *  acks of a `sqlite:` bus, whose messages then come again. Going backwards, an offset that was
 *  not handed over and a partition that is not assigned are ignored.
 *  @return ECOM_E_INVAL: no such topic's name, partition or offset can be; ECOM_E_UNAVAILABLE,
 *          ECOM_E_FULL...: not acked; ack again, or a later offset. */
ECOM_API ECOM_MUST_USE int ecom_member_ack(ecom_member *member, ecom_str topic, int32_t partition,
                                           int64_t offset, ecom_error *err);
/** Messages behind the group's offsets in the partitions assigned to this member.
 *  @return ECOM_E_UNAVAILABLE, ECOM_E_TIMEOUT, ECOM_E_CORRUPT. */
ECOM_API ECOM_MUST_USE int ecom_member_lag(ecom_member *member, uint64_t *lag, ecom_error *err);
/** Leaves the group, so that others take over at once. NULL is fine. */
ECOM_API void ecom_member_close(ecom_member *member);

#ifdef __cplusplus
}
#endif
#endif
