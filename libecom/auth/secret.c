#include "ecom/auth.h"

#include <sodium.h>

int ecom_secret_eq(ecom_str a, ecom_str b)
{
    return a.n == b.n && (a.n == 0 || sodium_memcmp(a.p, b.p, a.n) == 0);
}
