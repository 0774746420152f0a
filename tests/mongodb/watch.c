/* A change stream wakes the relay for what another process leaves; and where there is none, or it
 * breaks, or is not allowed, events go out all the same. With a sweep of an hour nothing else could
 * bring them out. */
#include "check.h"

#include <mongoc/mongoc.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ecom/outbox.h"
#include "place.h"
#include "proxy.h"

enum { TIMEOUT_MS = 6000, PATIENCE_MS = 120000, HOUR_MS = 3600000 };

static struct place place;

static struct world {
    struct proxy *proxy;
    ecom_store *store;
    ecom_bus *bus;
    ecom_member *member;
    ecom_relay *relay;
    atomic_int telling, not_telling; /* lines of the log */
    int came;
    ecom_error e;
} w;

static int64_t now_ms(void)
{
    const ecom_env *env = ecom_env_system();

    return env->monotonic_us(env->self) / 1000;
}

static void note_line(void *user, ecom_level level, ecom_str correlation_id, const char *message,
                      const ecom_log_field *fields, size_t n)
{
    (void)user, (void)level, (void)correlation_id;
    w.telling += strcmp(message, "outbox: the store tells of others' events") == 0;
    if (strstr(message, "does not tell")) {
        w.not_telling++;
        printf("# %.*s\n", n ? (int)fields[0].text.n : 0, n ? fields[0].text.p : "");
    }
}

static const ecom_log note = {.fn = note_line, .level = ECOM_LOG_INFO};

/* The relay's store is reached through the proxy. @param options  of its URL. */
static int begin(const char *options, int32_t sweep_ms)
{
    const ecom_str topic = S("things");
    const ecom_subscription sub = {.size = sizeof(sub), .topics = &topic, .ntopics = 1};
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_relay_options relaying = ECOM_RELAY_OPTIONS_INIT;
    char url[1024];

    memset(&w, 0, sizeof(w));
    w.proxy = proxy_start(place_port(&place));
    place_url_at(&place, proxy_port(w.proxy), options, url);
    opts.timeout_ms = TIMEOUT_MS;
    if (ecom_store_open(url, &opts, &w.store, &w.e) < 0 ||
        ecom_bus_open("memory:", NULL, &w.bus, &w.e) < 0 ||
        ecom_bus_subscribe(w.bus, &sub, &w.member, &w.e) < 0)
        return -1;
    relaying.store = w.store;
    relaying.bus = w.bus;
    relaying.log = &note;
    relaying.sweep_ms = sweep_ms;
    relaying.grace_ms = 1;
    if (ecom_relay_new(&relaying, &w.relay, &w.e) < 0)
        return -1;
    return ecom_relay_start(w.relay, &w.e);
}

static void end(void)
{
    ecom_relay_stop(w.relay, 1000);
    ecom_relay_free(w.relay);
    ecom_member_close(w.member);
    ecom_bus_close(w.bus);
    ecom_store_close(w.store);
    proxy_stop(w.proxy);
    place_clear(&place);
}

static int leave_event(const char *id)
{
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    const ecom_msg msg = {.id = ecom_str_of(id), .topic = S("things"), .body = S("{}")};
    const ecom_change change = {.collection = S("things"),
                                .id = ecom_str_of(id),
                                .doc = S("{\"a\":1}"),
                                .events = &msg,
                                .nevents = 1};
    ecom_store *store = NULL;

    opts.timeout_ms = PATIENCE_MS;
    int r = ecom_store_open(place.url, &opts, &store, NULL);
    if (r == ECOM_OK)
        r = ecom_store_put(store, &change, NULL, NULL);
    ecom_store_close(store);
    return r;
}

static int note_event(void *user, const ecom_msg *msg)
{
    (void)user, (void)msg;
    w.came++;
    return 0;
}

static int comes(int n)
{
    for (int64_t until = now_ms() + PATIENCE_MS; w.came < n && now_ms() < until;) {
        int r = ecom_member_poll(w.member, 100, 10, note_event, NULL, &w.e);
        if (r < 0 && r != ECOM_E_TIMEOUT)
            return 0;
    }
    return w.came == n;
}

static int reaches(const atomic_int *count, int n)
{
    for (int64_t until = now_ms() + PATIENCE_MS; *count < n && now_ms() < until;)
        ecom_member_poll(w.member, 20, 10, note_event, NULL, &w.e);
    return *count >= n;
}

/* It has found out whether the server tells. */
static int answers(void)
{
    for (int64_t until = now_ms() + PATIENCE_MS; now_ms() < until;) {
        ecom_member_poll(w.member, 20, 10, note_event, NULL, &w.e);
        if (w.telling || w.not_telling)
            return 1;
    }
    return 0;
}

/* Begun before this process has threads: it writes once it is told to. */
static pid_t writer_in_another_process(int *tell)
{
    int ends[2];

    if (pipe(ends) < 0)
        return -1;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        char byte;
        close(ends[1]); /* so that it ends when this process does */
        _exit(read(ends[0], &byte, 1) == 1 && leave_event("1") == ECOM_OK ? 0 : 1);
    }
    close(ends[0]);
    *tell = ends[1];
    return pid;
}

static void what_another_process_leaves_goes_out_without_a_sweep(void)
{
    int tell = -1, status = -1;

    place_fresh(&place);
    pid_t pid = writer_in_another_process(&tell);
    CHECK(pid > 0, "no process");
    CHECK(begin("", HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(reaches(&w.telling, 1), "it does not listen");
    CHECK_I64(1, write(tell, "!", 1));
    waitpid(pid, &status, 0);
    close(tell);
    CHECK_I64(0, status);
    CHECK(comes(1), "the event did not go out");
    CHECK_CODE(ECOM_OK, leave_event("2"), w.e);
    CHECK(comes(2), "the second event did not go out");
    end();
}

static void a_stream_that_breaks_is_begun_anew(void)
{
    place_fresh(&place);
    CHECK(begin("", HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(reaches(&w.telling, 1), "it does not listen");
    proxy_down(w.proxy, 1);
    CHECK(reaches(&w.not_telling, 1), "it has not noticed");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    proxy_down(w.proxy, 0);
    CHECK(reaches(&w.telling, 2), "it does not listen again");
    CHECK(comes(1), "what was left meanwhile did not go out");
    CHECK_CODE(ECOM_OK, leave_event("2"), w.e);
    CHECK(comes(2), "the second event did not go out");
    end();
}

static void a_server_that_falls_silent_is_listened_to_again(void)
{
    place_fresh(&place);
    CHECK(begin("", HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK(reaches(&w.telling, 1), "it does not listen");
    proxy_freeze(w.proxy, 1);
    CHECK(reaches(&w.not_telling, 1), "it has not noticed");
    proxy_freeze(w.proxy, 0);
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(comes(1), "the event did not go out");
    end();
}

static void a_database_that_is_dropped_is_listened_to_again(void)
{
    place_fresh(&place);
    CHECK(begin("", HOUR_MS) == ECOM_OK, "%s", w.e.text);
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(reaches(&w.telling, 1) && comes(1), "it does not listen");
    place_clear(&place);
    CHECK_CODE(ECOM_OK, leave_event("2"), w.e);
    CHECK(comes(2), "the event did not go out");
    end();
}

/* Has the server refuse each aggregate, which a change stream is, of the client called "deaf". */
static int refuse(int code)
{
    bson_error_t cause = {0};
    bson_t *command =
        code ? BCON_NEW("configureFailPoint", BCON_UTF8("failCommand"), "mode",
                        BCON_UTF8("alwaysOn"), "data", "{", "failCommands", "[",
                        BCON_UTF8("aggregate"), "]", "errorCode", BCON_INT32(code), "appName",
                        BCON_UTF8("deaf"), "}")
             : BCON_NEW("configureFailPoint", BCON_UTF8("failCommand"), "mode", BCON_UTF8("off"));
    mongoc_client_t *client = mongoc_client_new(place.url);
    int done = mongoc_client_command_simple(client, "admin", command, NULL, NULL, &cause);

    if (!done)
        printf("# no fail points: %s\n", cause.message);
    mongoc_client_destroy(client);
    bson_destroy(command);
    return done;
}

static void listens_to_nobody(int code)
{
    place_fresh(&place);
    int refused = refuse(code), opened = begin("&appName=deaf", 50);
    int told = opened == ECOM_OK && (refused ? reaches(&w.not_telling, 1) : answers());
    int left = leave_event("1"), came = comes(1), telling = w.telling, again = w.not_telling;
    if (refused)
        refuse(0);
    CHECK(opened == ECOM_OK, "%s", w.e.text);
    CHECK(told, "it did not say so");
    CHECK_I64(ECOM_OK, left);
    CHECK(came, "the event did not go out");
    if (!refused && telling)
        printf("# not tried: the server has change streams and no fail points\n");
    else
        CHECK(telling == 0 && again == 1, "%d times on, %d times off", telling, again);
    if (refused)
        CHECK(reaches(&w.telling, 1), "it does not try again");
    end();
}

static void without_change_streams_it_looks_by_itself(void)
{
    listens_to_nobody(40573); /* only in replica sets */
}

static void without_the_privilege_it_looks_by_itself(void)
{
    listens_to_nobody(13);
}

static void one_connection_is_not_kept_for_listening(void)
{
    place_fresh(&place);
    CHECK(begin("&maxPoolSize=1", 50) == ECOM_OK, "%s", w.e.text);
    CHECK(reaches(&w.not_telling, 1), "it listens");
    CHECK_CODE(ECOM_OK, leave_event("1"), w.e);
    CHECK(comes(1), "the event did not go out");
    end();
}

static const struct check_case cases[] = {
    CASE(what_another_process_leaves_goes_out_without_a_sweep),
    CASE(a_stream_that_breaks_is_begun_anew),
    CASE(a_server_that_falls_silent_is_listened_to_again),
    CASE(a_database_that_is_dropped_is_listened_to_again),
    CASE(without_change_streams_it_looks_by_itself),
    CASE(without_the_privilege_it_looks_by_itself),
    CASE(one_connection_is_not_kept_for_listening),
};

int main(int argc, char **argv)
{
    int status;

    if (place_find_near(&place, &status) < 0)
        return status;
    return check_main("mongodb-watch", cases, sizeof(cases) / sizeof(cases[0]), argc, argv);
}
