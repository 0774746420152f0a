/* Shows what is on the bus: all of it from the start, and then what comes. */
#include "cli.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MS = 200, MAX_TOPICS = ECOM_BUS_MAX_TOPICS };

struct events {
    ecom_str topics[MAX_TOPICS];
    size_t ntopics;
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

static int add_topic(void *user, const ecom_msg *topic)
{
    struct events *events = user;

    events->topics[events->ntopics] = ecom_arena_copy(events->arena, topic->topic);
    return ++events->ntopics == MAX_TOPICS;
}

static int follow(ecom_bus *bus, struct events *events, int forever, ecom_error *e)
{
    const ecom_subscription sub = {
        .size = sizeof(sub), .topics = events->topics, .ntopics = events->ntopics};
    ecom_member *member = NULL;
    int r = ecom_bus_subscribe(bus, &sub, &member, e);

    while (r >= 0 && !interrupted) {
        r = ecom_member_poll(member, POLL_MS, 100, show, events, e);
        if (r == ECOM_E_TIMEOUT && !forever)
            break;
        if (r == ECOM_E_TIMEOUT)
            r = ECOM_OK;
        fflush(stdout);
    }
    ecom_member_close(member);
    return r == ECOM_E_TIMEOUT ? ECOM_OK : r;
}

static int run(struct events *events, const struct settings *settings, int forever)
{
    const char *url = settings_bus_url(settings, events->arena);
    ecom_bus *bus = NULL;
    ecom_error e = {0};
    int r = url ? settings_make_data_dir(settings, url, &e) : ECOM_E_NOMEM;

    if (r == ECOM_OK)
        r = ecom_bus_open(url, NULL, &bus, &e);

    if (r == ECOM_OK && events->ntopics == 0)
        r = ecom_bus_topics(bus, add_topic, events, &e);
    if (r == ECOM_OK && events->ntopics == 0)
        printf("no topics yet\n");
    else if (r == ECOM_OK)
        r = follow(bus, events, forever, &e);
    if (r < 0)
        fprintf(stderr, "ecom events: %s\n", e.text);
    ecom_bus_close(bus);
    return r < 0 ? ecom_code_of(r)->exit : 0;
}

static const char help[] =
    "Usage: ecom events [--follow] [--env-file FILE] [TOPIC]...\n\n"
    "Shows the messages of the topics (all, if none is named) from the oldest on:\n"
    "time, topic, partition, offset, key, headers, body. --follow goes on with what\n"
    "comes, until Ctrl-C. Looks on only: no consumer group is joined, nothing is\n"
    "committed.\n";

int cli_events(int argc, char **argv)
{
    struct events events = {.colors = cli_colors(STDOUT_FILENO)};
    const struct sigaction stop = {.sa_handler = on_signal};
    struct settings settings;
    struct cli_args args = {0};
    int status = cli_read_args(argc, argv, help, &args);

    if (status >= 0)
        return status;
    for (int i = args.words; i < argc && events.ntopics < MAX_TOPICS; i++)
        events.topics[events.ntopics++] = ecom_str_of(argv[i]);
    sigaction(SIGINT, &stop, NULL);
    sigaction(SIGTERM, &stop, NULL);
    events.arena = ecom_arena_new(0);
    status = !events.arena || cli_settings(args.env_file, 0, events.arena, &settings) < 0
                 ? CLI_CONFIG
                 : run(&events, &settings, args.follow);
    ecom_arena_free(events.arena);
    return status;
}
