/* The store's cases on a server of MongoDB's protocol: that of ECOM_MONGODB_URL, or the one that
 * `scripts/servers start mongodb` left running. Without one they are skipped, except in CI. */
#include "ecom/testing.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer has not seen the driver's own code, nor what orders its threads. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libmongoc\ncalled_from_lib:libbson\nrace:libmongoc\n";
}

struct place {
    const char *server; /* a URL with whatever database */
    char url[1024];
    int count;
};

static const char *started_url(void)
{
    const char *root = getenv("ECOM_SOURCE_ROOT");
    static const char name[] = "ECOM_MONGODB_URL='";
    char command[1024];
    static char url[1024];
    char line[1024];

    snprintf(command, sizeof(command), "'%s/scripts/servers' status mongodb 2>/dev/null",
             root ? root : ".");
    FILE *lines = popen(command, "r");
    while (lines && fgets(line, sizeof(line), lines))
        if (strncmp(line, name, strlen(name)) == 0) {
            line[strcspn(line, "\n") - 1] = '\0';
            memmove(url, line + strlen(name), strlen(line) + 1 - strlen(name));
        }
    if (lines)
        pclose(lines);
    return url[0] ? url : NULL;
}

/* The same URL, with a database of its own. */
static void name_database(struct place *place)
{
    const char *hosts = strstr(place->server, "://"), *options = strchr(place->server, '?');
    const char *path = hosts ? strchr(hosts + 3, '/') : NULL;
    size_t n = path ? (size_t)(path - place->server)
                    : (options ? (size_t)(options - place->server) : strlen(place->server));

    snprintf(place->url, sizeof(place->url), "%.*s/ecom_test_%ld_%d%s", (int)n, place->server,
             (long)getpid(), place->count, options ? options : "");
}

/* In a process of its own, so that no thread of the driver is there when a case forks. */
static void drop_database(const struct place *place)
{
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        bson_t *command = BCON_NEW("dropDatabase", BCON_INT32(1));
        mongoc_init();
        mongoc_client_t *client = mongoc_client_new(place->url);
        mongoc_uri_t *uri = mongoc_uri_new(place->url);
        mongoc_client_command_simple(client, mongoc_uri_get_database(uri), command, NULL, NULL,
                                     NULL);
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

static int fresh(void *user, ecom_error *err)
{
    struct place *place = user;

    (void)err;
    place->count++;
    name_database(place);
    return ECOM_OK;
}

static int open_store(void *user, const ecom_store_options *opts, ecom_store **out, ecom_error *err)
{
    ecom_store_options patient = *opts;

    patient.timeout_ms = 60000; /* a slow server is no failure of ours */
    return ecom_store_open(((struct place *)user)->url, &patient, out, err);
}

static void clear(void *user)
{
    drop_database(user);
}

int main(int argc, char **argv)
{
    const char *given = getenv("ECOM_MONGODB_URL"), *ci = getenv("CI");
    struct place place = {.server = given && *given ? given : started_url()};
    ecom_store_fixture fixture = {
        .size = sizeof(fixture),
        .flags = ECOM_TEST_SHARED | ECOM_TEST_DURABLE | ECOM_TEST_PROCESSES | ECOM_TEST_CLOCK,
        .name = "mongodb",
        .user = &place,
        .fresh = fresh,
        .open = open_store,
        .clear = clear,
    };

    if (!place.server && (!ci || strcmp(ci, "true") != 0)) {
        printf("1..0 # SKIP no server: scripts/servers start mongodb, or set ECOM_MONGODB_URL\n");
        return 0;
    }
    if (!place.server) {
        printf("Bail out! no server: scripts/servers start mongodb\n");
        return 1;
    }
    return ecom_store_suite(&fixture, argc, argv);
}
