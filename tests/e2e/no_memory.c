/* Loaded before all else: the process's allocations fail from the one on that
 * ECOM_TEST_NO_MEMORY_FROM counts. */
#include <stdatomic.h>
#include <stdlib.h>

#include "../alloc.h"

int check_alloc_fails(void)
{
    static atomic_long count;
    const char *from = getenv("ECOM_TEST_NO_MEMORY_FROM");

    return from && atomic_fetch_add(&count, 1) + 1 >= atol(from);
}
