#include "auth/libjwt.h"

#include <assert.h>
#include <errno.h>
#include <jwt.h>
#include <stdlib.h>

static int fill(jwt_t *jwt, const struct ecom__jwt_content *c, ecom_str secret)
{
    return jwt_set_alg(jwt, JWT_ALG_HS256, (const unsigned char *)secret.p, (int)secret.n) ||
           jwt_add_header(jwt, "kid", c->kid) || jwt_add_grant(jwt, "iss", c->iss) ||
           jwt_add_grant(jwt, "sub", c->sub) || jwt_add_grant(jwt, "jti", c->jti) ||
           (c->email && jwt_add_grant(jwt, "email", c->email)) ||
           jwt_add_grant_int(jwt, "iat", (long)c->iat) ||
           jwt_add_grant_int(jwt, "exp", (long)c->exp);
}

int ecom__libjwt_sign(const struct ecom__jwt_content *content, ecom_str secret, ecom_buf *token)
{
    jwt_t *jwt = NULL;
    char *text = NULL;
    int r = ECOM_E_NOMEM;

    assert(secret.n > 0);
    if (jwt_new(&jwt) == 0 && fill(jwt, content, secret) == 0 && (text = jwt_encode_str(jwt)))
        r = ecom_buf_append(token, ecom_str_of(text));
    free(text);
    jwt_free(jwt);
    return r;
}

int ecom__libjwt_check(const char *token, ecom_str secret)
{
    jwt_t *jwt = NULL;

    assert(secret.n > 0); /* without a key, jwt_decode() takes everything */
    int r = jwt_decode(&jwt, token, (const unsigned char *)secret.p, (int)secret.n);
    int pinned = r == 0 && jwt_get_alg(jwt) == JWT_ALG_HS256;
    jwt_free(jwt);
    return pinned ? ECOM_OK : r == ENOMEM ? ECOM_E_NOMEM : ECOM_E_UNAUTHENTICATED;
}
