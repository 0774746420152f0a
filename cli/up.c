/* The supervisor: one thread and poll(). Children's start-up lines go to stdout as they are, their
 * logs to stderr behind their names. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum {
    NCHILDREN = 6,
    LINE_BYTES = 16384,
    FIRST_BACKOFF_MS = 200,
    MAX_BACKOFF_MS = 10000,
    STEADY_MS = 10000,    /* up for so long: the next failure starts from the first back-off */
    MAX_FALSE_STARTS = 5, /* in a row, never having been ready: it will not get better */
    READER_MS = 100,      /* for who reads our stderr to go on */
    SAME_STOP_MS = 500    /* one Ctrl-C may come twice: from the terminal, and as a SIGTERM by the
                           * script around us */
};

/* One pipe of a child; lines are passed on whole. */
struct stream {
    int fd;
    size_t n;
    char line[LINE_BYTES];
};

struct child {
    const char *name, *color;
    pid_t pid; /* 0: not running */
    int ready, false_starts;
    int64_t started_ms, restart_at_ms; /* restart_at_ms 0: no restart is due */
    int32_t backoff_ms;
    struct stream out, err;
};

struct supervisor {
    char bin[PATH_MAX];
    const char *env_file;
    pid_t pid;
    struct child children[NCHILDREN];
    struct cli_colors colors;
    int err;          /* for what goes to stderr */
    int torn;         /* the last line there has no end yet */
    unsigned lost;    /* lines that found no room there */
    int signals;      /* signalfd */
    int stopping;     /* index of the child that is being stopped + 1; 0: running */
    int64_t asked_ms; /* when to stop */
    int64_t kill_at_ms;
    int64_t patience_ms;
    int status;
};

/* In the order in which they are stopped: first who lets requests in, last who works them off. */
static const char *const names[NCHILDREN] = {
    "graphql-gateway", "user-service",   "product-service",
    "order-service",   "payment-worker", "notification-worker",
};
static const char *const child_colors[NCHILDREN] = {"\033[35m", "\033[34m", "\033[36m",
                                                    "\033[33m", "\033[32m", "\033[94m"};

/* Who reads it may stand still: a pager, a terminal behind Ctrl-S. Then lines are lost, or all
 * would stand still with it. The descriptor is others', too, so this is one of our own, if it can
 * be. */
static int open_err(void)
{
    struct stat st;
    int fd = -1;

    if (fstat(STDERR_FILENO, &st) == 0 && (S_ISFIFO(st.st_mode) || S_ISCHR(st.st_mode)))
        fd = open("/proc/self/fd/2", O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    return fd < 0 ? STDERR_FILENO : fd;
}

/* Truth: all of it was taken. Once something is lost, nothing is waited for. */
static int write_err(struct supervisor *s, const char *text, size_t n)
{
    struct pollfd room = {.fd = s->err, .events = POLLOUT};
    int patient = !s->lost;
    size_t done = 0;

    while (done < n) {
        ssize_t k = write(s->err, text + done, n - done);
        if (k > 0)
            done += (size_t)k;
        else if (errno != EINTR && (errno != EAGAIN || !patient--))
            break;
        else if (errno == EAGAIN)
            poll(&room, 1, READER_MS);
    }
    s->torn = done ? done < n : s->torn;
    s->lost += done < n;
    return done == n;
}

ECOM_PRINTF(2, 3)
static int write_line(struct supervisor *s, const char *fmt, ...)
{
    char text[LINE_BYTES + 128];
    size_t n = s->torn != 0;
    va_list args;

    text[0] = '\n';
    va_start(args, fmt);
    n += (size_t)vsnprintf(text + n, sizeof(text) - n, fmt, args);
    va_end(args);
    return write_err(s, text, n);
}

static void say(struct supervisor *s, const struct child *c, const char *what)
{
    write_line(s, "%s%-19s%s | %s\n", s->colors.bold, c ? c->name : "ecom", s->colors.reset, what);
}

static void tell_lost(struct supervisor *s)
{
    const unsigned lost = s->lost;

    s->lost = 0;
    if (lost && !write_line(s, "%s%-19s%s | lines that nobody read, and that are lost: %u\n",
                            s->colors.bold, "ecom", s->colors.reset, lost))
        s->lost = lost;
}

/* Behind fork(): only what is safe there. */
static void become(const struct supervisor *s, const char *path, const struct child *c, int out,
                   int err)
{
    char *with_file[] = {(char *)c->name, (char *)"--env-file", (char *)s->env_file, NULL};
    char *plain[] = {(char *)c->name, NULL};
    sigset_t none;

    prctl(PR_SET_PDEATHSIG, SIGTERM); /* nobody outlives the supervisor */
    if (getppid() != s->pid)
        _exit(0);  /* it ended just before */
    setpgid(0, 0); /* Ctrl-C is for the supervisor alone, which stops in order */
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(out, STDOUT_FILENO);
    dup2(err, STDERR_FILENO);
    execv(path, s->env_file ? with_file : plain);
    dprintf(STDERR_FILENO, "cannot run %s: %s\n", path, strerror(errno));
    _exit(127);
}

static void stream_close(struct stream *stream)
{
    if (stream->fd >= 0)
        close(stream->fd);
    stream->fd = -1;
    stream->n = 0;
}

static int start(struct supervisor *s, struct child *c)
{
    char path[PATH_MAX + 64];
    int out[2] = {-1, -1}, err[2] = {-1, -1};

    snprintf(path, sizeof(path), "%s/%s", s->bin, c->name);
    if (pipe2(out, O_CLOEXEC) < 0 || pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0 ||
        (c->pid = fork()) < 0) {
        say(s, c, strerror(errno));
        for (int i = 0; i < 2; i++) {
            close(out[i]);
            close(err[i]);
        }
        c->pid = 0;
        return -1;
    }
    if (c->pid == 0)
        become(s, path, c, out[1], err[1]);
    close(out[1]);
    close(err[1]);
    fcntl(out[0], F_SETFL, O_NONBLOCK);
    stream_close(&c->out);
    stream_close(&c->err);
    c->out.fd = out[0];
    c->err.fd = err[0];
    c->started_ms = cli_now_ms();
    c->restart_at_ms = 0;
    c->ready = 0;
    return 0;
}

/* A child's stdout is for scripts: as it is. Its stderr is for people: behind its name. */
static void pass_line(struct supervisor *s, struct child *c, int is_out, const char *line, size_t n)
{
    const char *color = *s->colors.reset ? c->color : "";

    if (!is_out) {
        if (write_line(s, "%s%-19s%s | %.*s\n", color, c->name, s->colors.reset, (int)n, line))
            tell_lost(s);
        return;
    }
    c->ready = 1;
    c->false_starts = 0;
    printf("%.*s\n", (int)n, line);
    fflush(stdout);
}

/* Passes on the whole lines that a stream holds, and what is left of it when it is `over`. */
static void pass_lines(struct supervisor *s, struct child *c, struct stream *stream, int over)
{
    char *from = stream->line, *end = stream->line + stream->n, *nl;
    int is_out = stream == &c->out;

    while ((nl = memchr(from, '\n', (size_t)(end - from)))) {
        pass_line(s, c, is_out, from, (size_t)(nl - from));
        from = nl + 1;
    }
    if (end > from && (over || stream->n == LINE_BYTES)) {
        pass_line(s, c, is_out, from, (size_t)(end - from));
        from = end;
    }
    stream->n = (size_t)(end - from);
    memmove(stream->line, from, stream->n);
}

static void drain(struct supervisor *s, struct child *c, struct stream *stream)
{
    while (stream->fd >= 0) {
        ssize_t n = read(stream->fd, stream->line + stream->n, LINE_BYTES - stream->n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return;
        stream->n += (size_t)n;
        pass_lines(s, c, stream, n == 0);
        if (n == 0)
            stream_close(stream);
    }
}

static void stop_everything(struct supervisor *s, int status)
{
    if (s->stopping)
        return;
    s->status = status;
    s->stopping = 1;
    s->asked_ms = cli_now_ms();
    s->kill_at_ms = 0;
}

static void plan_restart(struct supervisor *s, struct child *c, int wait_status)
{
    char text[128];
    int code = WIFEXITED(wait_status) ? WEXITSTATUS(wait_status) : 128 + WTERMSIG(wait_status);

    if (code == CLI_CONFIG || (!c->ready && ++c->false_starts >= MAX_FALSE_STARTS)) {
        snprintf(text, sizeof(text), "ended with status %d and will not do better: stopping all",
                 code);
        say(s, c, text);
        stop_everything(s, code ? code : 1);
        return;
    }
    int steady = cli_now_ms() - c->started_ms >= STEADY_MS;
    c->backoff_ms = steady || !c->backoff_ms ? FIRST_BACKOFF_MS : c->backoff_ms * 2;
    if (c->backoff_ms > MAX_BACKOFF_MS)
        c->backoff_ms = MAX_BACKOFF_MS;
    c->restart_at_ms = cli_now_ms() + c->backoff_ms;
    snprintf(text, sizeof(text), "%s %d, starting it again in %d ms",
             WIFSIGNALED(wait_status) ? "was ended by signal" : "ended with status",
             WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : code, (int)c->backoff_ms);
    say(s, c, text);
}

static void reap(struct supervisor *s)
{
    int status;

    for (pid_t pid; (pid = waitpid(-1, &status, WNOHANG)) > 0;)
        for (struct child *c = s->children; c < s->children + NCHILDREN; c++)
            if (c->pid == pid) {
                drain(s, c, &c->out);
                drain(s, c, &c->err);
                c->pid = 0;
                if (!s->stopping)
                    plan_restart(s, c, status);
            }
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo info;

    while (read(s->signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD) {
            reap(s);
        } else if (!s->stopping) {
            say(s, NULL, "stopping, in order; again to stop at once");
            stop_everything(s, 0);
        } else if (cli_now_ms() - s->asked_ms >= SAME_STOP_MS) {
            s->kill_at_ms = cli_now_ms();
            s->patience_ms = 0;
        }
    }
}

/* Stops one after the other; those that do not end in time are killed. Truth: all are gone. */
static int go_on_stopping(struct supervisor *s)
{
    while (s->stopping <= NCHILDREN) {
        struct child *c = &s->children[s->stopping - 1];
        if (!c->pid) {
            s->stopping++;
            s->kill_at_ms = 0;
        } else if (!s->kill_at_ms) {
            kill(c->pid, SIGTERM);
            s->kill_at_ms = cli_now_ms() + s->patience_ms;
            return 0;
        } else if (cli_now_ms() >= s->kill_at_ms) {
            say(s, c, "does not end: killed");
            kill(c->pid, SIGKILL);
            s->kill_at_ms = INT64_MAX;
            return 0;
        } else {
            return 0;
        }
    }
    return 1;
}

/* Starts who is due; returns how long there is nothing to do. */
static int start_due(struct supervisor *s)
{
    int64_t wait =
        s->kill_at_ms && s->kill_at_ms != INT64_MAX ? s->kill_at_ms - cli_now_ms() : 1000;

    for (struct child *c = s->children; !s->stopping && c < s->children + NCHILDREN; c++) {
        int64_t left = c->restart_at_ms - cli_now_ms();
        if (!c->restart_at_ms)
            continue;
        if (left <= 0 && start(s, c) < 0)
            c->restart_at_ms = cli_now_ms() + MAX_BACKOFF_MS;
        else if (left > 0 && left < wait)
            wait = left;
    }
    return wait < 0 ? 0 : (int)wait;
}

static void wait_for_something(struct supervisor *s, int timeout_ms)
{
    struct pollfd fds[1 + 2 * NCHILDREN];
    struct stream *streams[1 + 2 * NCHILDREN];
    struct child *owners[1 + 2 * NCHILDREN];
    nfds_t n = 1;

    fds[0] = (struct pollfd){.fd = s->signals, .events = POLLIN};
    for (struct child *c = s->children; c < s->children + NCHILDREN; c++)
        for (int k = 0; k < 2; k++) {
            struct stream *stream = k ? &c->err : &c->out;
            if (stream->fd < 0)
                continue;
            streams[n] = stream;
            owners[n] = c;
            fds[n++] = (struct pollfd){.fd = stream->fd, .events = POLLIN};
        }
    if (poll(fds, n, timeout_ms) <= 0)
        return;
    for (nfds_t i = 1; i < n; i++)
        if (fds[i].revents)
            drain(s, owners[i], streams[i]);
    if (fds[0].revents)
        take_signals(s);
}

static int supervise(struct supervisor *s)
{
    for (struct child *c = s->children; c < s->children + NCHILDREN; c++)
        if (start(s, c) < 0)
            return 71;
    while (!s->stopping || !go_on_stopping(s))
        wait_for_something(s, start_due(s));
    for (struct child *c = s->children; c < s->children + NCHILDREN; c++) {
        stream_close(&c->out);
        stream_close(&c->err);
    }
    say(s, NULL, "all stopped");
    return s->status;
}

/* The daemons lie beside `ecom` itself. */
static int find_bin(struct supervisor *s)
{
    ssize_t n = readlink("/proc/self/exe", s->bin, sizeof(s->bin) - 1);

    if (n <= 0)
        return -1;
    s->bin[n] = '\0';
    *strrchr(s->bin, '/') = '\0';
    return 0;
}

static int open_signals(void)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

static const char help[] =
    "Usage: ecom up [--env-file FILE]\n\n"
    "Starts user-service, product-service, order-service, graphql-gateway,\n"
    "payment-worker and notification-worker, which lie beside ecom. A daemon that\n"
    "ends is started again, after a back-off of 0.2 to 10 s; wrong settings, or five\n"
    "false starts in a row, stop everything. Ctrl-C or SIGTERM stops all in order, a\n"
    "second one at once.\n\n"
    "Start-up lines go to stdout; logs go to stderr, coloured on a terminal, each\n"
    "behind the name of its daemon.\n";

int cli_up(int argc, char **argv)
{
    static struct supervisor s; /* large: line buffers */
    struct settings settings;
    struct cli_args args = {.follow = -1, .words = -1};
    int status = cli_read_args(argc, argv, help, &args);

    if (status >= 0)
        return status;
    ecom_arena *arena = ecom_arena_new(0);
    int r = arena ? cli_settings(args.env_file, 1, arena, &settings) : ECOM_E_NOMEM;
    ecom_arena_free(arena);
    if (r < 0)
        return CLI_CONFIG;
    s.env_file = args.env_file;
    s.pid = getpid();
    s.patience_ms = settings.shutdown_timeout_ms + 2000;
    s.err = open_err();
    s.colors = cli_colors(STDERR_FILENO);
    if (*s.colors.reset && !getenv("LOG_FORMAT"))
        setenv("LOG_FORMAT", "color", 1); /* the children write to a pipe, we to a terminal */
    for (int i = 0; i < NCHILDREN; i++)
        s.children[i] = (struct child){
            .name = names[i], .color = child_colors[i], .out = {.fd = -1}, .err = {.fd = -1}};
    s.signals = open_signals();
    if (s.signals < 0 || find_bin(&s) < 0) {
        fprintf(stderr, "ecom: %s\n", strerror(errno));
        return 71;
    }
    return supervise(&s);
}
