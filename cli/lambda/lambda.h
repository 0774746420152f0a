/* `ecom lambda`: functions of AWS Lambda on this machine, each in processes of its own under the
 * Runtime API, invoked over HTTP as AWS's are. */
#ifndef CLI_LAMBDA_LAMBDA_H
#define CLI_LAMBDA_LAMBDA_H

#include "cli/cli.h"

#include <pthread.h>

enum {
    LAMBDA_MAX_PAYLOAD = 6 << 20,
    LAMBDA_MAX_ASYNC_PAYLOAD = 1 << 20,
    LAMBDA_MAX_CONCURRENCY = 100,
    LAMBDA_INIT_MS = 10000, /* for a start, before the function's own time begins */
    LAMBDA_TAIL = 4096
};

int lambda_serve(int argc, char **argv);
int lambda_invoke(int argc, char **argv);

/* What all functions are run with. */
struct lambda_limits {
    int32_t timeout_ms, memory_mib, concurrency, retry_ms;
    const char *region;
};

/* One invocation, and what came of it. */
struct invocation {
    ecom_id id;
    ecom_str event, client_context; /* borrowed; the context is JSON */
    int64_t deadline_ms;
    /* Out. */
    ecom_buf payload;
    int failed; /* the function did: the payload says how */
    ecom_buf tail;
};

/* process.c: one process of a function, and its output. */
struct process {
    pid_t pid; /* 0: none */
    int pidfd, out;
    int frozen;
    char tail[LAMBDA_TAIL]; /* the last that it wrote, since the tail was begun */
    size_t ntail;
    char line[2048];
    size_t nline;
    const char *name;
};

/* @param api  "127.0.0.1:PORT". @return ECOM_E_UNAVAILABLE: it could not be run. */
int process_start(struct process *p, const char *name, const char *path, const char *api,
                  const struct lambda_limits *limits, ecom_error *err);
/* Takes over what it has written so far. */
void process_read(struct process *p);
/* Adds a line to the tail, and to what people read. */
void process_say(struct process *p, const char *text);
/* Stands still between invocations, as it does on AWS. */
void process_freeze(struct process *p, int frozen);
/* With all that it has started. */
void process_kill(struct process *p);
/* After its end; how it ended, in AWS's words. */
void process_reap(struct process *p, char *why, size_t size);
/* The most memory it has had, in MiB; 0: not known. */
int process_memory(const struct process *p);

/* sandbox.c: one process at a time, under a Runtime API of its own. */
struct sandbox;
struct function;

int sandbox_new(const struct function *fn, struct sandbox **out, ecom_error *err);
/* Ends what it runs, and runs nothing more. From any thread. */
void sandbox_stop(struct sandbox *s);
void sandbox_free(struct sandbox *s);
/* Runs one invocation to its end, whatever that is. Not for two threads at a time. */
void sandbox_run(struct sandbox *s, struct invocation *in);

/* function.c: as many sandboxes as there may be. */
struct function {
    const char *name, *path;
    struct lambda_limits limits;
    char arn[256];
    pthread_mutex_t lock;
    uint32_t n, nidle;
    struct sandbox *all[LAMBDA_MAX_CONCURRENCY], *idle[LAMBDA_MAX_CONCURRENCY];
};

void function_init(struct function *fn, const char *name, const char *path,
                   const struct lambda_limits *limits);
void function_stop(struct function *fn);
void function_clear(struct function *fn);
/* @return ECOM_E_RATE: all that may run are busy. */
int function_invoke(struct function *fn, struct invocation *in, ecom_error *err);
void invocation_clear(struct invocation *in);

/* queue.c: events that nobody waits for, with their retries. */
struct queue;

int queue_new(const struct lambda_limits *limits, struct queue **out, ecom_error *err);
/* Stops; what waits is lost. */
void queue_free(struct queue *q);
/* @return ECOM_E_RATE: too many wait; ECOM_E_NOMEM. */
int queue_add(struct queue *q, struct function *fn, ecom_id id, ecom_str event,
              ecom_str client_context, ecom_error *err);

#endif
