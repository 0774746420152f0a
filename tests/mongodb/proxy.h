/* A proxy between us and the server, which does to one of our commands what networks do. */
#ifndef MONGODB_PROXY_H
#define MONGODB_PROXY_H

enum proxy_fault {
    PROXY_NONE,
    PROXY_CUT_BEFORE,  /* the connection closes; the command has not reached the server */
    PROXY_CUT_AFTER,   /* the server has done it and answered; the answer is lost */
    PROXY_RESET_AFTER, /* the same, by a reset */
    PROXY_CUT_MIDDLE,  /* half of the command goes through */
    PROXY_SILENT,      /* it is done; no answer comes, the connection stays */
    PROXY_LATE, /* our side is cut; the command reaches the server when proxy_release() says */
    PROXY_HELD, /* the same, but our side stays, and has its answer then */
    /* It is done, but as another session's, so that the server does not know a second try for the
     * same; the connection closes when proxy_release() says. */
    PROXY_FORGOTTEN
};

struct proxy;

/* Listens on a free port of 127.0.0.1, and connects to that port. NULL: no. */
struct proxy *proxy_start(int server_port);
void proxy_stop(struct proxy *proxy);
int proxy_port(const struct proxy *proxy);

/* From now on @p times commands of that name ("insert", "find"...) meet the fault. One rule a name.
 */
void proxy_fault(struct proxy *proxy, const char *command, enum proxy_fault fault, int times);
/* Ends all rules. */
void proxy_clear(struct proxy *proxy);
/* How many commands of that name a rule has met. */
int proxy_met(struct proxy *proxy, const char *command);
/* Lets what is late through, and waits for the server's answers. */
void proxy_release(struct proxy *proxy);
/* 1: nothing goes through any more, in both directions, and connections are taken but not served;
 * 0: it does again. */
void proxy_freeze(struct proxy *proxy, int frozen);
/* 1: connections are refused and those that are there are cut; 0: they are taken again. */
void proxy_down(struct proxy *proxy, int down);
/* Every answer comes so much later. */
void proxy_delay(struct proxy *proxy, int ms);

#endif
