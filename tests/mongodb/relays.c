/* Several processes, each with a relay, write to the same few documents; one of them is killed. All
 * events come, those of a document in the order of its changes. */
#include "check.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ecom/outbox.h"
#include "place.h"

enum { PROCESSES = 3, DOCS = 3, CHANGES = 30, KILLED_AFTER = 12, PATIENCE_MS = 120000 };

static struct place place;
static char folder[] = "/tmp/ecom-relays-XXXXXX";

static int64_t now_ms(void)
{
    const ecom_env *env = ecom_env_system();

    return env->monotonic_us(env->self) / 1000;
}

static ecom_relay *open_all(ecom_store **store, ecom_bus **bus)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_relay_options relaying = ECOM_RELAY_OPTIONS_INIT;
    ecom_relay *relay = NULL;
    char url[256];
    ecom_error e;

    opts.timeout_ms = PATIENCE_MS;
    snprintf(url, sizeof(url), "sqlite:%s/bus", folder);
    if (ecom_store_open(place.url, &opts, store, &e) < 0 || ecom_bus_open(url, NULL, bus, &e) < 0) {
        printf("# %s\n", e.text);
        return NULL;
    }
    relaying.store = *store;
    relaying.bus = *bus;
    relaying.grace_ms = 300;
    relaying.sweep_ms = 100;
    return ecom_relay_new(&relaying, &relay, &e) == ECOM_OK ? relay : NULL;
}

/* Adds one to the number in a document; the event says which number that made. */
static int add_one(ecom_store *store, int which)
{
    char id[16], text[32], event[64];
    ecom_buf doc = {0};
    uint64_t rev = 0;

    snprintf(id, sizeof(id), "%d", which);
    int r = ecom_store_get(store, S("numbers"), ecom_str_of(id), &doc, &rev, NULL);
    int n = doc.n ? atoi(doc.p + 5) + 1 : 1;
    ecom_buf_free(&doc);
    if (r < 0 && r != ECOM_E_NOTFOUND)
        return r;
    snprintf(text, sizeof(text), "{\"n\":%d}", n);
    snprintf(event, sizeof(event), "%d-%d-%ld", which, n, (long)getpid());
    const ecom_msg msg = {.id = ecom_str_of(event),
                          .topic = S("numbers"),
                          .key = ecom_str_of(id),
                          .body = ecom_str_of(text)};
    const ecom_change change = {.collection = S("numbers"),
                                .id = ecom_str_of(id),
                                .doc = ecom_str_of(text),
                                .expect = rev,
                                .events = &msg,
                                .nevents = 1};
    return ecom_store_put(store, &change, NULL, NULL);
}

static int work(int me)
{
    ecom_store *store = NULL;
    ecom_bus *bus = NULL;
    ecom_relay *relay = open_all(&store, &bus);

    if (!relay || ecom_relay_start(relay, NULL) < 0)
        return 1;
    for (int done = 0; done < CHANGES;) {
        int r = add_one(store, (me + done) % DOCS);
        if (r < 0 && r != ECOM_E_CONFLICT)
            return 2;
        done += r == ECOM_OK;
        if (me == 0 && done == KILLED_AFTER)
            raise(SIGKILL);
    }
    ecom_relay_stop(relay, PATIENCE_MS);
    ecom_relay_free(relay);
    ecom_bus_close(bus);
    ecom_store_close(store);
    return 0;
}

static struct {
    int last[DOCS], missed, messages;
} seen;

/* One may come twice, but none for the first time before an earlier one. */
static int see(void *user, const ecom_msg *msg)
{
    int which = msg->key.n ? msg->key.p[0] - '0' : 0, n = atoi(msg->body.p + 5);

    (void)user;
    seen.messages++;
    seen.missed += n > seen.last[which] + 1;
    if (n == seen.last[which] + 1)
        seen.last[which] = n;
    return 0;
}

static int total(void)
{
    int n = 0;

    for (int i = 0; i < DOCS; i++)
        n += seen.last[i];
    return n;
}

static void relays_of_several_processes_keep_the_order_when_one_is_killed(void)
{
    enum { WANTED = (PROCESSES - 1) * CHANGES + KILLED_AFTER };
    const ecom_str topic = S("numbers");
    const ecom_subscription sub = {.size = sizeof(sub), .topics = &topic, .ntopics = 1};
    ecom_member *member = NULL;
    ecom_store *store = NULL;
    ecom_bus *bus = NULL;
    ecom_error e = {0};
    pid_t pids[PROCESSES];
    int status[PROCESSES];
    uint64_t left = 1;

    fflush(stdout);
    for (int i = 0; i < PROCESSES; i++)
        if ((pids[i] = fork()) == 0)
            _exit(work(i));
    for (int i = 0; i < PROCESSES; i++)
        waitpid(pids[i], &status[i], 0);
    CHECK(WIFSIGNALED(status[0]), "the first ended with %d", status[0]);
    for (int i = 1; i < PROCESSES; i++)
        CHECK_I64(0, status[i]);
    ecom_relay *relay = open_all(&store, &bus); /* for what the killed one left behind */
    CHECK(relay, "no relay");
    CHECK_CODE(ECOM_OK, ecom_relay_start(relay, &e), e);
    CHECK_CODE(ECOM_OK, ecom_bus_subscribe(bus, &sub, &member, &e), e);
    for (int64_t until = now_ms() + PATIENCE_MS; now_ms() < until && (total() < WANTED || left);) {
        if (ecom_member_poll(member, 100, 100, see, NULL, &e) == ECOM_OK)
            continue;
        CHECK_CODE(ECOM_OK, ecom_store_backlog(store, &left, NULL, &e), e);
    }
    ecom_member_close(member);
    ecom_relay_free(relay);
    ecom_bus_close(bus);
    ecom_store_close(store);
    printf("# %d messages for %d events\n", seen.messages, total());
    CHECK_I64(WANTED, total());
    CHECK_I64(0, seen.missed);
    CHECK_U64(0, left);
}

static void remove_folder(void)
{
    char command[64];

    snprintf(command, sizeof(command), "rm -rf '%s'", folder);
    if (system(command) != 0)
        printf("# %s stays\n", folder);
}

static const struct check_case cases[] = {
    CASE(relays_of_several_processes_keep_the_order_when_one_is_killed),
};

int main(int argc, char **argv)
{
    int status;

    if (place_find(&place, &status) < 0)
        return status;
    if (!mkdtemp(folder))
        return 1;
    place_fresh(&place);
    status = check_main("mongodb-relays", cases, 1, argc, argv);
    place_clear(&place);
    remove_folder();
    return status;
}
