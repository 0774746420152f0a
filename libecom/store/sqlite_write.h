/* The writing half of the SQLite store: one connection, whose writes go in groups. */
#ifndef ECOM_STORE_SQLITE_WRITE_H
#define ECOM_STORE_SQLITE_WRITE_H

#include <sqlite3.h>

#include "base/filelock.h"
#include "store/group.h"
#include "store/store.h"

enum {
    ECOM__BEGIN,
    ECOM__COMMIT,
    ECOM__ROLLBACK,
    ECOM__LAST,
    ECOM__SET_LAST,
    ECOM__DOC,
    ECOM__ADD_DOC,
    ECOM__SET_DOC,
    ECOM__DROP_DOC,
    ECOM__CLASH,
    ECOM__ADD_ENTRY,
    ECOM__DROP_ENTRY,
    ECOM__ADD_EVENT,
    ECOM__EVENTS,
    ECOM__DROP_EVENTS,
    ECOM__WRITES
};

typedef struct ecom__sqlite_writer {
    ecom__filelock *lock;
    sqlite3 *db;
    sqlite3_stmt *stmts[ECOM__WRITES];
    ecom__group group;
    uint64_t last;    /* revision or event number given out, within a transaction */
    int relaxed;      /* commits do not sync at the moment */
    ecom_buf headers; /* of an event, packed; kept from one to the next */
} ecom__sqlite_writer;

/* Opens the file, makes it or brings it up to date. On failure nothing stays. */
int ecom__sqlite_writer_open(ecom__sqlite_writer *writer, const char *path,
                             const ecom_store_options *opts, ecom_error *err);
void ecom__sqlite_writer_close(ecom__sqlite_writer *writer);

int ecom__sqlite_put(ecom__sqlite_writer *writer, const ecom_store_write *write, uint64_t *rev,
                     ecom_error *err);
int ecom__sqlite_put_later(ecom__sqlite_writer *writer, const ecom_store_write *write,
                           ecom_put_fn fn, void *user, ecom_error *err);
int ecom__sqlite_remove(ecom__sqlite_writer *writer, ecom_str collection, ecom_str id,
                        uint64_t expect, ecom_error *err);
int ecom__sqlite_published(ecom__sqlite_writer *writer, const ecom_str *tokens, size_t n,
                           ecom_error *err);

#endif
