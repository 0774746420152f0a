/* SQLite as this library uses it: the pragmas, prepared statements, schema versions, and what its
 * errors mean to us. A connection is for one thread at a time. */
#ifndef ECOM_BASE_SQLITE_H
#define ECOM_BASE_SQLITE_H

#include <sqlite3.h>

#include "ecom/base.h"

enum { ECOM__SQLITE_WRITE = 1 /* else for reading; makes the file */ };

/* Opens the file at @p path in WAL mode. A writer syncs at each commit (synchronous=FULL).
 * Writers of one file should first take one ecom__filelock, also around this. */
int ecom__sqlite_open(const char *path, int flags, int32_t timeout_ms, sqlite3 **out,
                      ecom_error *err);
/* NULL is fine. Statements must have been finalized. */
void ecom__sqlite_close(sqlite3 *db);

/* Has a connection that is open and in WAL mode write its journal many pages at a time; as good as
 * before against a crash, a full disk, and to others. sqlite_wal.c says how. */
int ecom__sqlite_gather(sqlite3 *db, ecom_error *err);

/* Is the file still there under its name? What is written to one that was deleted or replaced is
 * lost with the last process that has it open. ECOM_E_UNAVAILABLE. */
int ecom__sqlite_in_place(sqlite3 *db, ecom_error *err);

/* Is there space left beside the file? As ecom__room_probe(). */
int ecom__sqlite_room(sqlite3 *db, ecom_error *err);

/* Says in our terms what a SQLITE_* code means and what to do about it; returns our code.
 * @param db  nullable. */
int ecom__sqlite_fail(sqlite3 *db, int rc, ecom_error *err);

/* Runs statements that take no parameters and whose rows nobody needs. */
int ecom__sqlite_exec(sqlite3 *db, const char *sql, ecom_error *err);

/* Prepares n statements for long use. On failure all of @p out are NULL. */
int ecom__sqlite_prepare(sqlite3 *db, const char *const *sql, size_t n, sqlite3_stmt **out,
                         ecom_error *err);
/* Finalizes and sets to NULL; NULLs are fine. */
void ecom__sqlite_finalize(sqlite3_stmt **stmts, size_t n);

/* One step. @return 1: there is a row; 0: done; or a code. After 0 and a code it is reset; after
 * the last row you want, reset it yourself. Bindings stay. */
int ecom__sqlite_step(sqlite3_stmt *stmt, ecom_error *err);

/* Bindings borrow the bytes until the statement is reset. SQLITE_NOMEM shows at the step. */
void ecom__sqlite_bind_text(sqlite3_stmt *stmt, int i, ecom_str s);
void ecom__sqlite_bind_blob(sqlite3_stmt *stmt, int i, ecom_str s);
/* The bytes of a TEXT or BLOB column, valid until the next step or reset. */
ecom_str ecom__sqlite_column(sqlite3_stmt *stmt, int i);

/* Brings the schema to version n: steps[v] leads from version v to v + 1, each in a transaction of
 * its own. A file of a newer version, or of another program than @p application_id, is refused. */
int ecom__sqlite_migrate(sqlite3 *db, int32_t application_id, const char *const *steps, int n,
                         ecom_error *err);

#endif
