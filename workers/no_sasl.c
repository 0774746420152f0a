/* In the place of Cyrus SASL, which librdkafka has Kerberos by: linked statically, it would bring
 * LDAP, Kerberos and databases with it. Whoever asks for GSSAPI is told that it is not there;
 * PLAIN, SCRAM and OAUTHBEARER are librdkafka's own. */
#include <stddef.h>

enum { SASL_OK = 0, SASL_NOMECH = -4 };

int sasl_client_init(const void *callbacks);
int sasl_client_new(const char *service, const char *server, const char *local, const char *remote,
                    const void *prompts, unsigned flags, void **out);
int sasl_client_start(void *conn, const char *mechs, void **prompts, const char **out, unsigned *n,
                      const char **mech);
int sasl_client_step(void *conn, const char *in, unsigned nin, void **prompts, const char **out,
                     unsigned *n);
void sasl_dispose(void **conn);
const char *sasl_errdetail(void *conn);
const char *sasl_errstring(int code, const char *languages, const char **out);
int sasl_getprop(void *conn, int number, const void **value);
int sasl_listmech(void *conn, const char *user, const char *prefix, const char *separator,
                  const char *suffix, const char **result, unsigned *n, int *count);

int sasl_client_init(const void *callbacks)
{
    (void)callbacks;
    return SASL_OK;
}

int sasl_client_new(const char *service, const char *server, const char *local, const char *remote,
                    const void *prompts, unsigned flags, void **out)
{
    (void)service, (void)server, (void)local, (void)remote, (void)prompts, (void)flags;
    *out = NULL;
    return SASL_NOMECH;
}

int sasl_client_start(void *conn, const char *mechs, void **prompts, const char **out, unsigned *n,
                      const char **mech)
{
    (void)conn, (void)mechs, (void)prompts, (void)out, (void)n, (void)mech;
    return SASL_NOMECH;
}

int sasl_client_step(void *conn, const char *in, unsigned nin, void **prompts, const char **out,
                     unsigned *n)
{
    (void)conn, (void)in, (void)nin, (void)prompts, (void)out, (void)n;
    return SASL_NOMECH;
}

void sasl_dispose(void **conn)
{
    *conn = NULL;
}

const char *sasl_errdetail(void *conn)
{
    (void)conn;
    return "GSSAPI is not in this executable";
}

const char *sasl_errstring(int code, const char *languages, const char **out)
{
    (void)code, (void)languages, (void)out;
    return "GSSAPI is not in this executable";
}

int sasl_getprop(void *conn, int number, const void **value)
{
    (void)conn, (void)number, (void)value;
    return SASL_NOMECH;
}

int sasl_listmech(void *conn, const char *user, const char *prefix, const char *separator,
                  const char *suffix, const char **result, unsigned *n, int *count)
{
    (void)conn, (void)user, (void)prefix, (void)separator, (void)suffix, (void)result, (void)n;
    (void)count;
    return SASL_NOMECH;
}
