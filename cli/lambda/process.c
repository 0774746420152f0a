#include "lambda.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void keep(struct process *p, const char *bytes, size_t n)
{
    if (n >= LAMBDA_TAIL) {
        bytes += n - LAMBDA_TAIL;
        n = LAMBDA_TAIL;
    }
    if (p->ntail + n > LAMBDA_TAIL) {
        size_t drop = p->ntail + n - LAMBDA_TAIL;
        memmove(p->tail, p->tail + drop, p->ntail - drop);
        p->ntail -= drop;
    }
    memcpy(p->tail + p->ntail, bytes, n);
    p->ntail += n;
}

/* For people, line by line behind the function's name. */
static void show(struct process *p, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (bytes[i] != '\n')
            p->line[p->nline++] = bytes[i];
        if (bytes[i] == '\n' || p->nline == sizeof(p->line)) {
            fprintf(stderr, "%s | %.*s\n", p->name, (int)p->nline, p->line);
            p->nline = 0;
        }
    }
}

void process_say(struct process *p, const char *text)
{
    keep(p, text, strlen(text));
    show(p, text, strlen(text));
}

void process_read(struct process *p)
{
    char bytes[4096];
    ssize_t n;

    while (p->out >= 0 && (n = read(p->out, bytes, sizeof(bytes))) > 0) {
        keep(p, bytes, (size_t)n);
        show(p, bytes, (size_t)n);
    }
}

/* What AWS sets, over what this process was given. Made before the fork: another thread may hold
 * the allocator's lock. */
static char **make_environment(const char *name, const char *api,
                               const struct lambda_limits *limits, ecom_arena *arena)
{
    char memory[32];
    const char *const pairs[][2] = {
        {"AWS_LAMBDA_RUNTIME_API", api},
        {"AWS_LAMBDA_FUNCTION_NAME", name},
        {"AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"},
        {"AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory},
        {"AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand"},
        {"AWS_LAMBDA_LOG_GROUP_NAME", name},
        {"AWS_LAMBDA_LOG_STREAM_NAME", "local"},
        {"AWS_REGION", limits->region},
        {"AWS_DEFAULT_REGION", limits->region},
        {"_HANDLER", "bootstrap"},
        {"TZ", ":UTC"},
    };
    const size_t added = sizeof(pairs) / sizeof(pairs[0]);
    size_t n = 0, k = 0;

    snprintf(memory, sizeof(memory), "%d", (int)limits->memory_mib);
    while (environ[n])
        n++;
    char **out = ecom_arena_alloc(arena, (n + added + 1) * sizeof(*out));
    for (size_t i = 0; out && i < added; i++) {
        char text[512];
        snprintf(text, sizeof(text), "%s=%s", pairs[i][0], pairs[i][1]);
        out[k] = (char *)(uintptr_t)ecom_arena_copy(arena, ecom_str_of(text)).p;
        if (!out[k++])
            return NULL;
    }
    for (size_t i = 0; out && i < n; i++) {
        size_t same = 0;
        for (size_t j = 0; j < added; j++)
            same |= strncmp(environ[i], pairs[j][0], strlen(pairs[j][0])) == 0 &&
                    environ[i][strlen(pairs[j][0])] == '=';
        if (!same)
            out[k++] = environ[i];
    }
    return out;
}

static void become(const char *path, int out, pid_t parent, char **env)
{
    char *const argv[] = {(char *)(uintptr_t)path, NULL};
    sigset_t none;

    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(127);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    dup2(out, STDOUT_FILENO);
    dup2(out, STDERR_FILENO);
    execve(path, argv, env);
    _exit(127);
}

int process_start(struct process *p, const char *name, const char *path, const char *api,
                  const struct lambda_limits *limits, ecom_error *err)
{
    ecom_arena *arena = ecom_arena_new(0);
    char **env = arena ? make_environment(name, api, limits, arena) : NULL;
    int ends[2];

    if (!env || pipe2(ends, O_CLOEXEC) < 0) {
        ecom_arena_free(arena);
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "%s", env ? strerror(errno) : "out of memory");
    }
    pid_t parent = getpid(), pid = fork();
    if (pid == 0)
        become(path, ends[1], parent, env);
    close(ends[1]);
    ecom_arena_free(arena);
    if (pid < 0) {
        close(ends[0]);
        return ecom_fail(err, ECOM_E_UNAVAILABLE, "fork: %s", strerror(errno));
    }
    setpgid(pid, pid); /* whoever is first */
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    p->pid = pid;
    p->pidfd = pidfd_open(pid, 0);
    p->out = ends[0];
    p->name = name;
    p->frozen = 0;
    return ECOM_OK;
}

void process_freeze(struct process *p, int frozen)
{
    if (p->pid && p->frozen != frozen)
        kill(-p->pid, frozen ? SIGSTOP : SIGCONT);
    p->frozen = frozen;
}

void process_kill(struct process *p)
{
    if (p->pid)
        kill(-p->pid, SIGKILL);
}

void process_reap(struct process *p, char *why, size_t size)
{
    siginfo_t info;
    int status = 0;

    while (waitid(P_PID, (id_t)p->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
        ;
    process_kill(p); /* what it has started, while its number is still its own */
    while (waitpid(p->pid, &status, 0) < 0 && errno == EINTR)
        ;
    process_read(p);
    if (WIFSIGNALED(status))
        snprintf(why, size, "Runtime exited with error: signal: %s", strsignal(WTERMSIG(status)));
    else if (WEXITSTATUS(status))
        snprintf(why, size, "Runtime exited with error: exit status %d", WEXITSTATUS(status));
    else
        snprintf(why, size, "Runtime exited without providing a reason");
    close(p->out);
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->pid = 0;
    p->out = p->pidfd = -1;
}

int process_memory(const struct process *p)
{
    char path[64], line[128];
    int kib = 0;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
    FILE *file = p->pid ? fopen(path, "re") : NULL;
    while (file && !kib && fgets(line, sizeof(line), file))
        sscanf(line, "VmHWM: %d", &kib);
    if (file)
        fclose(file);
    return (kib + 1023) / 1024;
}
