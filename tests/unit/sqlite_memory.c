/* SQLite's own allocations fail too, as those of this program do. */
#include <sqlite3.h>
#include <stddef.h>

#include "alloc.h"

static sqlite3_mem_methods real;

static void *failing_malloc(int n)
{
    return check_alloc_fails() ? NULL : real.xMalloc(n);
}

static void *failing_realloc(void *old, int n)
{
    return check_alloc_fails() ? NULL : real.xRealloc(old, n);
}

__attribute__((constructor)) static void wrap_sqlite(void)
{
    sqlite3_mem_methods wrapped;

    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real);
    wrapped = real;
    wrapped.xMalloc = failing_malloc;
    wrapped.xRealloc = failing_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &wrapped);
    sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 0, 0);
}
