/* Our end of a conversation about tokens: `jwt-tool SECRET issue SUB EMAIL` prints a token,
 * `jwt-tool SECRET verify` reads one from standard input and prints the claims, or why not. */
#include <stdio.h>
#include <string.h>

#include "ecom/auth.h"

static int issue(const ecom_jwt *jwt, const char *sub, const char *email, ecom_error *err)
{
    ecom_buf token = {0};
    int r = ecom_jwt_issue(jwt, ecom_str_of(sub), ecom_str_of(email), &token, NULL, err);

    if (r == ECOM_OK)
        fwrite(token.p, 1, token.n, stdout);
    ecom_buf_free(&token);
    return r;
}

static int verify(const ecom_jwt *jwt, ecom_error *err)
{
    static char token[65536];
    ecom_arena *arena = ecom_arena_new(0);
    ecom_claims c;
    int r = ECOM_E_NOMEM;

    if (arena)
        r = ecom_jwt_verify(jwt, (ecom_str){token, fread(token, 1, sizeof(token), stdin)}, arena,
                            &c, err);
    if (r == ECOM_OK)
        printf("%.*s\n%.*s\n%.*s\n%lld\n%lld\n", (int)c.sub.n, c.sub.p, (int)c.email.n, c.email.p,
               (int)c.jti.n, c.jti.p, (long long)c.issued_at_s, (long long)c.expires_at_s);
    ecom_arena_free(arena);
    return r;
}

int main(int argc, char **argv)
{
    ecom_jwt_options options = {.size = sizeof(options)};
    ecom_error e = {0};
    ecom_jwt *jwt = NULL;

    if (argc < 3)
        return 2;
    options.secret = ecom_str_of(argv[1]);
    int r = ecom_jwt_new(&options, &jwt, &e);
    if (r == ECOM_OK)
        r = argc == 5 && !strcmp(argv[2], "issue") ? issue(jwt, argv[3], argv[4], &e)
                                                   : verify(jwt, &e);
    if (r < 0)
        fprintf(stderr, "%s\n", e.text);
    ecom_jwt_free(jwt);
    return r < 0;
}
