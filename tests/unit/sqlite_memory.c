/* SQLite's own allocations fail too: each first asks the malloc() that this program makes fail. */
#include <sqlite3.h>
#include <stdlib.h>

static sqlite3_mem_methods real;

static void *failing_malloc(int n)
{
    void *p = malloc(1);

    free(p);
    return p ? real.xMalloc(n) : NULL;
}

static void *failing_realloc(void *old, int n)
{
    void *p = malloc(1);

    free(p);
    return p ? real.xRealloc(old, n) : NULL;
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
