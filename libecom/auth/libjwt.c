#include "auth/libjwt.h"

#include <assert.h>
#include <errno.h>
#include <jwt.h>

int ecom__libjwt_start(void)
{
    /* {"alg":"HS256"}, {} */
    static const char token[] =
        "eyJhbGciOiJIUzI1NiJ9.e30.tY9L6jmUxJmRz7PuT7O_e4YPF5bDrDHmzwcuwpWjDJc";
    int r = ecom__libjwt_check(token, ecom_str_of("libecom"));

    return r == ECOM_E_UNAUTHENTICATED ? ECOM_E_BACKEND : r;
}

int ecom__libjwt_check(const char *token, ecom_str secret)
{
    jwt_t *jwt = NULL;

    assert(secret.n > 0); /* without a key, jwt_decode() takes everything */
    errno = 0;
    int r = jwt_decode(&jwt, token, (const unsigned char *)secret.p, (int)secret.n);
    int pinned = r == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
    int memory = r == ENOMEM || errno == ENOMEM; /* libjwt does not always tell; malloc() does */
    jwt_free(jwt);
    return pinned ? ECOM_OK : memory ? ECOM_E_NOMEM : ECOM_E_UNAUTHENTICATED;
}
