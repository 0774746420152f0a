#include "place.h"

#include <mongoc/mongoc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ThreadSanitizer has not seen the driver's own code, nor what orders its threads. Where the
 * driver's last deed for us is to unlock, it takes that for ours, and has not seen who locked. And
 * it overlooks that a timed lock whose owner died is taken. */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
    return "called_from_lib:libmongoc-1\ncalled_from_lib:libmongoc2\n"
           "called_from_lib:libbson-1\ncalled_from_lib:libbson2\nrace:libmongoc\n"
           "mutex:seat_free\nmutex:start_driver\n"
           "mutex:ecom__filelock_give\n";
}

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

static const char *setting(const char *name)
{
    const char *value = getenv(name);

    return value && *value ? value : NULL;
}

int place_find(struct place *place, int *status)
{
    const char *ci = getenv("CI");

    mongoc_init(); /* starts no thread */
    *place = (struct place){.server = setting("ECOM_STORE_URL")};
    if (!place->server)
        place->server = setting("ECOM_MONGODB_URL");
    if (!place->server)
        place->server = started_url();
    if (place->server)
        return 0;
    *status = ci && strcmp(ci, "true") == 0;
    if (*status)
        printf("Bail out! no server: scripts/servers start mongodb\n");
    else
        printf("1..0 # SKIP no server: scripts/servers start mongodb, or set ECOM_STORE_URL\n");
    return -1;
}

int place_find_near(struct place *place, int *status)
{
    if (place_find(place, status) < 0)
        return -1;
    if (place_port(place))
        return 0;
    printf("1..0 # SKIP the server is not at 127.0.0.1, or asks for a password\n");
    *status = 0;
    return -1;
}

void place_fresh(struct place *place)
{
    const char *hosts = strstr(place->server, "://"), *options = strchr(place->server, '?');
    const char *path = hosts ? strchr(hosts + 3, '/') : NULL;
    size_t n = path ? (size_t)(path - place->server)
                    : (options ? (size_t)(options - place->server) : strlen(place->server));

    place->count++;
    snprintf(place->url, sizeof(place->url), "%.*s/ecom_test_%ld_%d%s", (int)n, place->server,
             (long)getpid(), place->count, options ? options : "");
}

/* In a process of its own, so that no thread of the driver is there when a case forks. */
void place_clear(const struct place *place)
{
    fflush(stdout);
    pid_t child = fork();

    if (child == 0) {
        bson_t *command = BCON_NEW("dropDatabase", BCON_INT32(1));
        mongoc_client_t *client = mongoc_client_new(place->url);
        mongoc_uri_t *uri = mongoc_uri_new(place->url);
        mongoc_client_command_simple(client, mongoc_uri_get_database(uri), command, NULL, NULL,
                                     NULL);
        _exit(0);
    }
    if (child > 0)
        waitpid(child, NULL, 0);
}

int place_port(const struct place *place)
{
    const char *at = strstr(place->server, "127.0.0.1:");

    return at && !strchr(place->server, '@') ? atoi(at + 10) : 0;
}

void place_url_at(const struct place *place, int port, const char *options, char url[1024])
{
    const char *path = strrchr(place->url, '/');

    snprintf(url, 1024, "mongodb://127.0.0.1:%d%s%cdirectConnection=true%s", port, path,
             strchr(path, '?') ? '&' : '?', options);
}
