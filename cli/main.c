#include "cli.h"

#include <ecom/http.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct verb {
    const char *name, *about;
    int (*run)(int argc, char **argv);
} verbs[] = {
    {"up", "start the whole shop, watch over it, stop it on Ctrl-C", cli_up},
    {"demo", "go the whole way, from registering to the paid order", cli_demo},
    {"events", "show the messages on the bus", cli_events},
    {"lambda", "run functions of AWS Lambda here, or invoke one", cli_lambda},
    {"doctor", "say what is configured, reachable and missing", cli_doctor},
};

static void print_help(FILE *to)
{
    fprintf(to, "Usage: ecom VERB [OPTION]...\n\n");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        fprintf(to, "  %-8s %s\n", verbs[i].name, verbs[i].about);
    fprintf(to, "\n'ecom VERB --help' says more of each; 'ecom --version' which one this is.\n"
                "Settings come from the environment and from .env; '--help' of any daemon lists\n"
                "them.\n");
}

int cli_read_args(int argc, char **argv, const char *help, struct cli_args *args)
{
    static const struct option options[] = {{"env-file", required_argument, NULL, 'e'},
                                            {"help", no_argument, NULL, 'h'},
                                            {"follow", no_argument, NULL, 'f'},
                                            {0}};
    static char name[32];

    snprintf(name, sizeof(name), "ecom %s", argv[0]);
    argv[0] = name; /* getopt() begins its complaints with it */
    for (int c; (c = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (c == 'h')
            return printf("%s", help) < 0;
        if (c == 'e')
            args->env_file = optarg;
        else if (c == 'f' && args->follow >= 0)
            args->follow = 1;
        else if (c == 'f')
            return fprintf(stderr, "%s: only events has --follow\nTry '%s --help'.\n", name, name),
                   CLI_USAGE;
        else
            return fprintf(stderr, "Try '%s --help'.\n", name), CLI_USAGE;
    }
    if (optind < argc && args->words < 0)
        return fprintf(stderr, "%s: unexpected argument '%s'\nTry '%s --help'.\n", name,
                       argv[optind], name),
               CLI_USAGE;
    args->words = optind;
    return -1;
}

int cli_settings(const char *env_file, int needs_secret, ecom_arena *arena, struct settings *out)
{
    ecom_buf faults = {0}, misspelt = {0};
    int r = settings_load(env_file, needs_secret, ecom_http_proxies_check, arena, out, &faults);

    if (r < 0)
        fprintf(stderr, "ecom: wrong settings:\n%s", faults.n ? faults.p : "out of memory\n");
    if (settings_misspelt(env_file, arena, &misspelt) == ECOM_OK && misspelt.n)
        fprintf(stderr, "%s%s", r < 0 ? "" : "ecom: ", misspelt.p);
    ecom_buf_free(&faults);
    ecom_buf_free(&misspelt);
    return r;
}

int64_t cli_now_ms(void)
{
    return ecom_env_monotonic_ms(ecom_env_system());
}

struct cli_colors cli_colors(int fd)
{
    const char *no_color = getenv("NO_COLOR"), *force = getenv("CLICOLOR_FORCE");
    int forced = force && *force && strcmp(force, "0") != 0; /* https://bixense.com/clicolors */

    if ((!isatty(fd) && !forced) || (no_color && *no_color))
        return (struct cli_colors){"", "", "", "", "", ""};
    return (struct cli_colors){"\033[1m", "\033[2m", "\033[31m", "\033[32m", "\033[33m", "\033[0m"};
}

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(name, verbs[i].name) == 0)
            return verbs[i].run(argc - 1, argv + 1);
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0 || strcmp(name, "help") == 0) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(name, "--version") == 0) {
        printf("ecom %s\n", ecom_version());
        return 0;
    }
    if (*name)
        fprintf(stderr, "ecom: no verb '%s'\n\n", name);
    print_help(stderr);
    return CLI_USAGE;
}
