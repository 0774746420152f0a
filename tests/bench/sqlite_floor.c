/* The floor under POST /orders: one thread on bare SQLite that writes the rows of an order as the
 * store does, so many orders a transaction, every commit synced: the document under its own primary
 * key, two index entries, the event that waits to be published. The same bytes, with ids as new and
 * as random as ours. No HTTP, no token, no JSON, nothing read before, and nothing published.
 * Prints orders a second, by the clock and by its processor time.
 *
 *     sqlite_floor FILE ORDERS-A-COMMIT SECONDS */
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#define USER "0190a5d0-0000-7000-8000-000000000001"

static double seconds(clockid_t clock)
{
    struct timespec t;

    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void run(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK) {
        fprintf(stderr, "%s: %s\n", sql, sqlite3_errmsg(db));
        exit(1);
    }
}

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt;

    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        exit(1);
    return stmt;
}

static void step(sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE)
        exit(1);
    sqlite3_reset(stmt);
}

/* A UUIDv7: a time in front, so that new ones come behind old ones. */
static void new_id(char out[40])
{
    unsigned char r[10];
    struct timespec t;

    clock_gettime(CLOCK_REALTIME, &t);
    uint64_t ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
    unsigned fraction = (unsigned)(t.tv_nsec / 1000 % 1000) * 4096 / 1000;
    if (getrandom(r, sizeof(r), 0) != sizeof(r))
        exit(1);
    snprintf(out, 40, "%08x-%04x-7%03x-%02x%02x-%02x%02x%02x%02x%02x%02x", (unsigned)(ms >> 16),
             (unsigned)(ms & 0xFFFF), fraction & 0xFFF, 0x80 | (r[0] & 0x3F), r[1], r[2], r[3],
             r[4], r[5], r[6], r[7]);
}

/* What an order of ours is made of, byte for byte in length. */
#define DOC                                                                            \
    "{\"id\":\"%s\",\"userId\":\"" USER "\",\"amount\":19.99,\"currency\":\"USD\","    \
    "\"status\":\"PENDING\",\"createdAt\":\"2026-01-01T00:00:00.000Z\",\"updatedAt\":" \
    "\"2026-01-01T00:00:00.000Z\"}"
#define EVENT                                                                                  \
    "{\"type\":\"ORDER_CREATED\",\"id\":\"%s\",\"time\":\"2026-01-01T00:00:00.000Z\","         \
    "\"version\":1,\"correlationId\":\"" USER "\",\"orderId\":\"%s\",\"userId\":\"" USER "\"," \
    "\"amount\":19.99,\"currency\":\"USD\"}"
#define ENTRIES "....userId" USER "....userStatus" USER " PENDING"
#define HEADERS                                                 \
    "....content-typeapplication/json....x-correlation-id" USER \
    "....traceparent00-00000000000000000000000000000000-0000000000000000-01"

enum { ADD_DOC, ADD_ENTRY, ADD_EVENT, STATEMENTS };

static void open_all(const char *path, sqlite3 **db, sqlite3_stmt *stmts[STATEMENTS])
{
    if (sqlite3_open_v2(path, db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
                        NULL) != SQLITE_OK)
        exit(1);
    run(*db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
    run(*db, "CREATE TABLE documents(collection TEXT, id TEXT, rev INTEGER, entries BLOB, doc TEXT,"
             " PRIMARY KEY(collection, id))");
    run(*db, "CREATE TABLE entries(collection TEXT, name TEXT, value BLOB, id TEXT, is_unique"
             " INTEGER, PRIMARY KEY(collection, name, value, id)) WITHOUT ROWID");
    run(*db, "CREATE TABLE outbox(seq INTEGER PRIMARY KEY, collection TEXT, id TEXT, origin TEXT,"
             " since INTEGER, event TEXT, topic TEXT, key BLOB, time INTEGER, headers BLOB,"
             " body BLOB)");
    stmts[ADD_DOC] = prepare(*db, "INSERT INTO documents VALUES('orders', ?1, ?2, ?3, ?4)");
    stmts[ADD_ENTRY] = prepare(*db, "INSERT INTO entries VALUES('orders', ?1, ?2, ?3, 0)");
    stmts[ADD_EVENT] = prepare(*db, "INSERT INTO outbox VALUES(?1, 'orders', ?2, '" USER
                                    "', 1767225600000, ?3, 'order-events', ?2, 1767225600000,"
                                    " ?4, ?5)");
}

static void add_entry(sqlite3_stmt *stmt, const char *name, const char *value, const char *id)
{
    sqlite3_bind_text(stmt, 1, name, -1, SQLITE_STATIC);
    sqlite3_bind_blob(stmt, 2, value, (int)strlen(value), SQLITE_STATIC);
    sqlite3_bind_text(stmt, 3, id, 36, SQLITE_STATIC);
    step(stmt);
}

static void add_order(sqlite3_stmt *stmts[STATEMENTS], int64_t number)
{
    char id[40], event_id[40], text[512];

    new_id(id);
    new_id(event_id);
    int n = snprintf(text, sizeof(text), DOC, id);
    sqlite3_bind_text(stmts[ADD_DOC], 1, id, 36, SQLITE_STATIC);
    sqlite3_bind_int64(stmts[ADD_DOC], 2, number);
    sqlite3_bind_blob(stmts[ADD_DOC], 3, ENTRIES, sizeof(ENTRIES) - 1, SQLITE_STATIC);
    sqlite3_bind_text(stmts[ADD_DOC], 4, text, n, SQLITE_STATIC);
    step(stmts[ADD_DOC]);
    add_entry(stmts[ADD_ENTRY], "userId", USER, id);
    add_entry(stmts[ADD_ENTRY], "userStatus", USER " PENDING", id);
    n = snprintf(text, sizeof(text), EVENT, event_id, id);
    sqlite3_bind_int64(stmts[ADD_EVENT], 1, number);
    sqlite3_bind_text(stmts[ADD_EVENT], 2, id, 36, SQLITE_STATIC);
    sqlite3_bind_text(stmts[ADD_EVENT], 3, event_id, 36, SQLITE_STATIC);
    sqlite3_bind_blob(stmts[ADD_EVENT], 4, HEADERS, sizeof(HEADERS) - 1, SQLITE_STATIC);
    sqlite3_bind_blob(stmts[ADD_EVENT], 5, text, n, SQLITE_STATIC);
    step(stmts[ADD_EVENT]);
}

int main(int argc, char **argv)
{
    sqlite3_stmt *stmts[STATEMENTS];
    sqlite3 *db;

    if (argc != 4)
        return 64;
    open_all(argv[1], &db, stmts);
    int batch = atoi(argv[2]);
    int64_t orders = 0;
    double start = seconds(CLOCK_MONOTONIC), until = start + atof(argv[3]), now = start,
           cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
    for (; now < until; now = seconds(CLOCK_MONOTONIC)) {
        run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < batch; i++)
            add_order(stmts, ++orders);
        run(db, "COMMIT");
    }
    cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    printf("%.1f %.1f\n", (double)orders / (now - start), (double)orders / cpu);
    return 0;
}
