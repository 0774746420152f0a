/* Shows what is on the bus: all of it from the start, and then what comes. */
#include "cli.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    POLL_MS = 200,
    LOOK_EVERY = 5, /* polls: for topics that are new */
    IDLE_MAX = 50,  /* polls in vain before messages that should be there are given up */
    MAX_TOPICS = ECOM_BUS_MAX_TOPICS
};

struct events {
    ecom_str topics[MAX_TOPICS];
    size_t ntopics, nwatched;   /* those behind have no member yet */
    ecom_str named[MAX_TOPICS]; /* none: all are wanted */
    size_t nnamed;
    ecom_member *members[MAX_TOPICS];
    size_t nmembers;
    struct cli_colors colors;
    ecom_arena *arena;
};

static volatile sig_atomic_t interrupted;

static void on_signal(int signal)
{
    (void)signal;
    interrupted = 1;
}

/* Bytes from a bus may be anything: only what cannot harm a terminal is printed as it is. */
static void print_bytes(ecom_str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7F || (c == 0xC2 && i + 1 < s.n && (unsigned char)s.p[i + 1] < 0xA0))
            printf("\\x%02x", c);
        else
            putchar(c);
    }
}

static int show(void *user, const ecom_msg *msg)
{
    const struct events *events = user;
    const struct cli_colors *k = &events->colors;
    char time[25];

    ecom_time_format(msg->time_ms, time);
    printf("%s%s%s  %s", k->dim, time, k->reset, k->bold);
    print_bytes(msg->topic);
    printf("%s[%d] @%lld  %s", k->reset, (int)msg->partition, (long long)msg->offset, k->yellow);
    print_bytes(msg->key);
    printf("%s", k->reset);
    for (size_t i = 0; i < msg->nheaders; i++) {
        printf("  %s", k->dim);
        print_bytes(msg->headers[i].name);
        putchar('=');
        print_bytes(msg->headers[i].value);
        printf("%s", k->reset);
    }
    printf("\n    ");
    print_bytes(msg->body);
    putchar('\n');
    return 0;
}

static int is_among(const ecom_str *topics, size_t n, ecom_str topic)
{
    for (size_t i = 0; i < n; i++)
        if (ecom_str_eq(topics[i], topic))
            return 1;
    return 0;
}

static int add_topic(void *user, const ecom_msg *topic)
{
    struct events *events = user;

    if (is_among(events->topics, events->ntopics, topic->topic) ||
        (events->nnamed && !is_among(events->named, events->nnamed, topic->topic)))
        return 0;
    ecom_str name = ecom_arena_copy(events->arena, topic->topic);
    if (name.p && events->ntopics < MAX_TOPICS)
        events->topics[events->ntopics++] = name;
    return 0;
}

/* A member of its own for the topics that have come since the last time. Only for those that are
 * there: to subscribe to another would make it. */
static int look_for_topics(ecom_bus *bus, struct events *events, ecom_error *e)
{
    int r = ecom_bus_topics(bus, add_topic, events, e);
    const ecom_subscription sub = {.size = sizeof(sub),
                                   .topics = events->topics + events->nwatched,
                                   .ntopics = events->ntopics - events->nwatched};

    if (r == ECOM_OK && sub.ntopics)
        r = ecom_bus_subscribe(bus, &sub, &events->members[events->nmembers], e);
    if (r == ECOM_OK && sub.ntopics) {
        events->nmembers++;
        events->nwatched = events->ntopics;
    }
    return r;
}

/* How many messages were shown, within POLL_MS. */
static int show_new(struct events *events, ecom_error *e)
{
    int shown = 0;

    for (size_t i = 0; i < events->nmembers && !interrupted; i++) {
        int r = ecom_member_poll(events->members[i], POLL_MS / (int)events->nmembers, 100, show,
                                 events, e);
        if (r < 0 && r != ECOM_E_TIMEOUT)
            return r;
        shown += r > 0 ? r : 0;
    }
    if (events->nmembers == 0)
        poll(NULL, 0, POLL_MS);
    fflush(stdout);
    return shown;
}

/* A bus that gives nothing for a while is slow, or at its end. @return truth, or an error. */
static int is_at_end(const struct events *events, ecom_error *e)
{
    for (size_t i = 0; i < events->nmembers; i++) {
        uint64_t lag = 0;
        int r = ecom_member_lag(events->members[i], &lag, e);
        if (r < 0 || lag > 0)
            return r;
    }
    return 1;
}

/* Of the named topics the first that is not there, from one on. @return their number: all are. */
static size_t next_missing(const struct events *events, size_t i)
{
    while (i < events->nnamed && is_among(events->topics, events->ntopics, events->named[i]))
        i++;
    return i;
}

static void tell_what_is_missing(const struct events *events)
{
    for (size_t i = 0; (i = next_missing(events, i)) < events->nnamed; i++)
        fprintf(stderr, "ecom events: there is no topic '%s' yet\n", events->named[i].p);
    if (!events->nnamed && !events->ntopics)
        printf("no topics yet\n");
    fflush(stdout);
}

static int follow(ecom_bus *bus, struct events *events, int forever, ecom_error *e)
{
    int r = look_for_topics(bus, events, e), idle = 0;

    if (r == ECOM_OK)
        tell_what_is_missing(events);
    for (int round = 1; r >= 0 && !interrupted; round++) {
        r = show_new(events, e);
        idle = r == 0 ? idle + 1 : 0;
        if (idle && !forever && ((r = is_at_end(events, e)) != 0 || idle == IDLE_MAX))
            break;
        if (r >= 0 && round % LOOK_EVERY == 0)
            r = look_for_topics(bus, events, e);
    }
    while (events->nmembers)
        ecom_member_close(events->members[--events->nmembers]);
    return r < 0 ? r : ECOM_OK;
}

static int run(struct events *events, const struct settings *settings, int forever)
{
    const char *url = settings_bus_url(settings, events->arena);
    ecom_bus *bus = NULL;
    ecom_error e = {0};
    int r = url ? settings_make_data_dir(settings, url, &e) : ECOM_E_NOMEM;

    if (r == ECOM_OK)
        r = ecom_bus_open(url, NULL, &bus, &e);
    if (r == ECOM_OK)
        r = follow(bus, events, forever, &e);
    if (r < 0)
        fprintf(stderr, "ecom events: %s\n", e.text);
    else if (!forever && !interrupted && next_missing(events, 0) < events->nnamed)
        r = ECOM_E_NOTFOUND; /* said already */
    ecom_bus_close(bus);
    return r < 0 ? ecom_code_of(r)->exit : 0;
}

static const char help[] =
    "Usage: ecom events [--follow] [--env-file FILE] [TOPIC]...\n\n"
    "Shows the messages of the topics (all, if none is named) from the oldest on:\n"
    "time, topic, partition, offset, key, headers, body. --follow goes on with what\n"
    "comes, in new topics, too, until Ctrl-C. Looks on only: no consumer group is\n"
    "joined, nothing is committed. Exit status 0; 66 when one of the topics is not\n"
    "there; 69, 75 or another of sysexits.h when the bus cannot be read.\n";

int cli_events(int argc, char **argv)
{
    struct events events = {.colors = cli_colors(STDOUT_FILENO)};
    const struct sigaction stop = {.sa_handler = on_signal};
    struct settings settings;
    struct cli_args args = {0};
    int status = cli_read_args(argc, argv, help, &args);

    if (status >= 0)
        return status;
    for (int i = args.words; i < argc && events.nnamed < MAX_TOPICS; i++)
        events.named[events.nnamed++] = ecom_str_of(argv[i]);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    events.arena = ecom_arena_new(0);
    status = !events.arena || cli_settings(args.env_file, 0, events.arena, &settings) < 0
                 ? CLI_CONFIG
                 : run(&events, &settings, args.follow);
    ecom_arena_free(events.arena);
    return status;
}
