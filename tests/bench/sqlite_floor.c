/* The floor under POST /orders: bare SQLite, so many orders a transaction (the document, its index
 * entry by user, its event), every commit synced. Prints orders a second.
 *
 *     sqlite_floor FILE ORDERS-A-COMMIT SECONDS */
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
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

    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        exit(1);
    return stmt;
}

static void step(sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE)
        exit(1);
    sqlite3_reset(stmt);
}

int main(int argc, char **argv)
{
    static char doc[320];
    sqlite3 *db;

    if (argc != 4 || sqlite3_open(argv[1], &db) != SQLITE_OK)
        return 64;
    memset(doc, 'x', sizeof(doc));
    run(db, "PRAGMA journal_mode=WAL");
    run(db, "PRAGMA synchronous=FULL");
    run(db, "CREATE TABLE doc(id TEXT PRIMARY KEY, rev INTEGER, doc BLOB)");
    run(db, "CREATE TABLE entry(name TEXT, value TEXT, id TEXT, PRIMARY KEY(name, value, id)) "
            "WITHOUT ROWID");
    run(db, "CREATE TABLE event(seq INTEGER PRIMARY KEY, id TEXT, body BLOB)");
    sqlite3_stmt *put_doc = prepare(db, "INSERT INTO doc VALUES(?, 1, ?)");
    sqlite3_stmt *put_entry = prepare(db, "INSERT INTO entry VALUES('userId', 'u', ?)");
    sqlite3_stmt *put_event = prepare(db, "INSERT INTO event(id, body) VALUES(?, ?)");
    int batch = atoi(argv[2]);
    long orders = 0;
    double start = now(), until = start + atof(argv[3]);
    while (now() < until) {
        run(db, "BEGIN IMMEDIATE");
        for (int i = 0; i < batch; i++, orders++) {
            char id[40];
            int n = snprintf(id, sizeof(id), "0190a5d0-0000-7000-8000-%012ld", orders);
            sqlite3_bind_text(put_doc, 1, id, n, SQLITE_STATIC);
            sqlite3_bind_blob(put_doc, 2, doc, sizeof(doc), SQLITE_STATIC);
            step(put_doc);
            sqlite3_bind_text(put_entry, 1, id, n, SQLITE_STATIC);
            step(put_entry);
            sqlite3_bind_text(put_event, 1, id, n, SQLITE_STATIC);
            sqlite3_bind_blob(put_event, 2, doc, sizeof(doc), SQLITE_STATIC);
            step(put_event);
        }
        run(db, "COMMIT");
    }
    printf("%.1f\n", (double)orders / (now() - start));
    return 0;
}
