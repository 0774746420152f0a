#include "store/store.h"

#include <stdlib.h>

#include "base/limits.h"
#include "store/sqlite_read.h"
#include "store/sqlite_write.h"

enum { MAX_PATH = 3072 };

/* One file. Beside it lie FILE-wal and FILE-shm, which are SQLite's and belong to the data, and
 * FILE-lock, which makes writers of several processes queue. */
struct sqlite {
    ecom__sqlite_writer writer;
    ecom__readers readers;
};

static int sqlite_get(void *self, ecom_str collection, ecom_str id, ecom_buf *doc, uint64_t *rev,
                      ecom_error *err)
{
    return ecom__sqlite_get(&((struct sqlite *)self)->readers, collection, id, doc, rev, err);
}

static int sqlite_put(void *self, const ecom_store_write *write, uint64_t *rev, ecom_error *err)
{
    return ecom__sqlite_put(&((struct sqlite *)self)->writer, write, rev, err);
}

static int sqlite_put_later(void *self, const ecom_store_write *write, ecom_put_fn fn, void *user,
                            ecom_error *err)
{
    return ecom__sqlite_put_later(&((struct sqlite *)self)->writer, write, fn, user, err);
}

static int sqlite_remove(void *self, ecom_str collection, ecom_str id, uint64_t expect,
                         ecom_error *err)
{
    return ecom__sqlite_remove(&((struct sqlite *)self)->writer, collection, id, expect, err);
}

static int sqlite_find(void *self, const ecom_query *query, ecom_row_fn row, void *user, int *more,
                       ecom_error *err)
{
    return ecom__sqlite_find(&((struct sqlite *)self)->readers, query, row, user, more, err);
}

static int sqlite_pending(void *self, ecom_str origin, int64_t before_ms, uint32_t limit,
                          ecom_pending_fn row, void *user, ecom_error *err)
{
    return ecom__sqlite_pending(&((struct sqlite *)self)->readers, origin, before_ms, limit, row,
                                user, err);
}

static int sqlite_published(void *self, const ecom_str *tokens, size_t n, ecom_error *err)
{
    return ecom__sqlite_published(&((struct sqlite *)self)->writer, tokens, n, err);
}

static int sqlite_backlog(void *self, uint64_t *count, int64_t *oldest_ms, ecom_error *err)
{
    return ecom__sqlite_backlog(&((struct sqlite *)self)->readers, count, oldest_ms, err);
}

static int sqlite_ping(void *self, ecom_error *err)
{
    return ecom__sqlite_ping(&((struct sqlite *)self)->readers, err);
}

static void sqlite_close(void *self)
{
    struct sqlite *sqlite = self;

    ecom__readers_clear(&sqlite->readers);
    ecom__sqlite_writer_close(&sqlite->writer);
    free(sqlite);
}

static const ecom_store_ops sqlite_ops = {
    .size = sizeof(ecom_store_ops),
    .caps = ECOM_CAP_DURABLE | ECOM_CAP_CONCURRENT | ECOM_CAP_MULTI_PROCESS | ECOM_CAP_PUT_LATER,
    .name = "sqlite",
    .get = sqlite_get,
    .put = sqlite_put,
    .remove = sqlite_remove,
    .find = sqlite_find,
    .pending = sqlite_pending,
    .published = sqlite_published,
    .backlog = sqlite_backlog,
    .ping = sqlite_ping,
    .close = sqlite_close,
    .put_later = sqlite_put_later,
};

int ecom__store_open_sqlite(const char *path, const ecom_store_options *opts, ecom_store **out,
                            ecom_error *err)
{
    int r = ecom__check_bytes("url", ecom_str_of(path), 0, MAX_PATH, err);

    if (r == ECOM_OK && !*path)
        r = ecom_fail_field(err, ECOM_E_INVAL, "url", "needs a file: sqlite:PATH");
    if (r < 0)
        return r;
    struct sqlite *sqlite = calloc(1, sizeof(*sqlite));
    if (!sqlite)
        return ecom_fail(err, ECOM_E_NOMEM, "no memory for a store");
    if ((r = ecom__readers_init(&sqlite->readers, path, opts->timeout_ms, err)) < 0) {
        free(sqlite);
        return r;
    }
    if ((r = ecom__sqlite_writer_open(&sqlite->writer, path, opts, err)) < 0) {
        ecom__readers_clear(&sqlite->readers);
        free(sqlite);
        return r;
    }
    if ((r = ecom_store_new(&sqlite_ops, sqlite, opts, out, err)) < 0)
        sqlite_close(sqlite);
    return r;
}
