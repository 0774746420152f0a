#include "mongodb/mongodb.h"

#include <string.h>

/* Servers' own numbers; the driver names only a few. */
enum {
    UNAUTHORIZED = 13,
    AUTHENTICATION_FAILED = 18,
    EXCEEDED_TIME = 50,
    WRITE_CONCERN_FAILED = 64,
    DUPLICATE = 11000,
    TOO_LARGE = 10334,
    RESULT_TOO_LARGE = 17419,
    RESULT_TOO_LARGE_UPSERT = 17420,
    OUT_OF_DISK = 14031
};

static int is_server(const bson_error_t *cause)
{
    return cause->domain == MONGOC_ERROR_SERVER || cause->domain == MONGOC_ERROR_WRITE_CONCERN ||
           cause->domain == MONGOC_ERROR_COLLECTION || cause->domain == MONGOC_ERROR_QUERY ||
           cause->domain == MONGOC_ERROR_COMMAND;
}

int ecom__mdb_is_duplicate(const bson_error_t *cause)
{
    return is_server(cause) && cause->code == DUPLICATE;
}

/* Of a primary that steps down or a server that stops, and the like: it goes on elsewhere. */
static int is_passing(uint32_t code)
{
    static const uint32_t codes[] = {6,   7,   89,    91,    112,   189,   262,
                                     317, 358, 10107, 13435, 11600, 11602, 9001};

    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
        if (codes[i] == code)
            return 1;
    return 0;
}

/* A connection that broke says nothing about what was sent over it; one that was never chosen does.
 * A write that was not confirmed by a majority may yet be, or be taken back. */
int ecom__mdb_is_unknown(const bson_error_t *cause, const bson_t *reply)
{
    if (cause->domain == MONGOC_ERROR_STREAM ||
        (cause->domain == MONGOC_ERROR_PROTOCOL &&
         cause->code == MONGOC_ERROR_PROTOCOL_INVALID_REPLY))
        return 1;
    if (reply && mongoc_error_has_label(reply, "RetryableWriteError"))
        return 1;
    return is_server(cause) &&
           (is_passing(cause->code) || cause->code == WRITE_CONCERN_FAILED ||
            cause->code == EXCEEDED_TIME || cause->domain == MONGOC_ERROR_WRITE_CONCERN);
}

static int is_refused(const bson_error_t *cause)
{
    return (cause->domain == MONGOC_ERROR_CLIENT &&
            cause->code == MONGOC_ERROR_CLIENT_AUTHENTICATE) ||
           (is_server(cause) && cause->code == AUTHENTICATION_FAILED) ||
           (cause->domain == MONGOC_ERROR_SERVER_SELECTION &&
            strstr(cause->message, "uthentication failed"));
}

static int code_of(const bson_error_t *cause)
{
    if (cause->domain == MONGOC_ERROR_SERVER_SELECTION || cause->domain == MONGOC_ERROR_STREAM ||
        cause->domain == MONGOC_ERROR_PROTOCOL)
        return ECOM_E_UNAVAILABLE;
    if (cause->domain == MONGOC_ERROR_BSON)
        return ECOM_E_TOOLARGE;
    if (!is_server(cause))
        return ECOM_E_BACKEND;
    switch (cause->code) {
    case TOO_LARGE:
    case RESULT_TOO_LARGE:
    case RESULT_TOO_LARGE_UPSERT:
        return ECOM_E_TOOLARGE;
    case OUT_OF_DISK:
        return ECOM_E_FULL;
    default:
        return is_passing(cause->code) || cause->code == EXCEEDED_TIME ? ECOM_E_UNAVAILABLE
                                                                       : ECOM_E_BACKEND;
    }
}

/* No server was found: the driver says in brackets what it tried, and how that went. */
static int fail_selection(const char *message, ecom_error *err)
{
    const char *why = strchr(message, '[');

    if (strstr(message, "certificate verify failed") || strstr(message, "hostname"))
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "MongoDB's certificate is not trusted: its CA must be one of the system's "
                         "or in the file that tlsCAFile names, and it must be for this host: %s",
                         why ? why : message);
    if (strstr(message, "initialize TLS"))
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "MongoDB cannot be reached over TLS: the files that tlsCAFile and "
                         "tlsCertificateKeyFile name must be there, and in PEM");
    if (strstr(message, "[Failed to read"))
        return ecom_fail(err, ECOM_E_UNAVAILABLE,
                         "MongoDB does not answer; does it ask for TLS (tls=true)? %s",
                         why ? why : message);
    return ecom_fail(err, ECOM_E_UNAVAILABLE, "MongoDB cannot be reached: %s", why ? why : message);
}

/* The driver's texts name hosts and ports, never a password. */
int ecom__mdb_fail(const bson_error_t *cause, ecom_error *err)
{
    int r;

    if (is_refused(cause))
        r = ecom_fail(err, ECOM_E_UNAVAILABLE, "MongoDB refuses the user or the password");
    else if (is_server(cause) && cause->code == UNAUTHORIZED)
        r = ecom_fail(err, ECOM_E_UNAVAILABLE,
                      "MongoDB does not allow it: a user with the role readWrite is needed");
    else if (cause->domain == MONGOC_ERROR_SERVER_SELECTION)
        r = fail_selection(cause->message, err);
    else
        r = ecom_fail(err, code_of(cause), "MongoDB: %s", cause->message);
    if (err)
        err->native = (int32_t)cause->code;
    return r;
}

int ecom__mdb_fail_in(ecom__mdb_use *use, const bson_error_t *cause, ecom_error *err)
{
    use->broken = ecom__mdb_is_unknown(cause, NULL);
    return ecom__mdb_fail(cause, err);
}

const bson_t *ecom__mdb_first(mongoc_cursor_t *cursor, ecom__mdb_use *use, int *r, ecom_error *err)
{
    const bson_t *doc = NULL;
    bson_error_t cause;

    if (mongoc_cursor_next(cursor, &doc))
        return doc;
    if (mongoc_cursor_error(cursor, &cause))
        *r = ecom__mdb_fail_in(use, &cause, err);
    return NULL;
}

int64_t ecom__mdb_number(const bson_t *reply, const char *name)
{
    bson_iter_t at;

    return bson_iter_init_find(&at, reply, name) && BSON_ITER_HOLDS_NUMBER(&at)
               ? bson_iter_as_int64(&at)
               : 0;
}
