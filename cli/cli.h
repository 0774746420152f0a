/* `ecom`: one verb a file. */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "daemon/settings.h"

/* Every verb gets its own argv, with its name at argv[0], and returns the exit status. */
int cli_up(int argc, char **argv);
int cli_demo(int argc, char **argv);
int cli_events(int argc, char **argv);
int cli_doctor(int argc, char **argv);
int cli_lambda(int argc, char **argv);

enum { CLI_USAGE = 64, CLI_CONFIG = 78 };

/* What every verb understands. */
struct cli_args {
    const char *env_file;
    int follow; /* -1: the verb has no --follow */
    int words;  /* index of the first argument that is no option; -1: the verb takes none */
};

/* Reads the arguments of a verb. -1: go on; else the exit status, and all is said. */
int cli_read_args(int argc, char **argv, const char *help, struct cli_args *args);

/* Settings for a verb; prints the faults to stderr. The strings lie in the arena. */
int cli_settings(const char *env_file, int needs_secret, ecom_arena *arena, struct settings *out);

/* By the machine's own clock, which nobody sets. */
int64_t cli_now_ms(void);

/* Colours for what people read; empty strings when `fd` is no terminal and CLICOLOR_FORCE not set,
 * or NO_COLOR is. */
struct cli_colors {
    const char *bold, *dim, *red, *green, *yellow, *reset;
};
struct cli_colors cli_colors(int fd);

#endif
