/* A server's threads, played by a test: what is on order waits until the test runs it. */
#ifndef GRAPHQL_JOBS_H
#define GRAPHQL_JOBS_H

enum { JOBS_MOST = 64 }; /* from one run to the next, with what these order */

struct jobs {
    struct {
        void (*fn)(void *arg, int cancelled);
        void *arg;
    } at[JOBS_MOST];
    int n, no_room;
};

/* As ecom_graphql_socket_options.run asks for it; @p user is the jobs. */
int jobs_order(void *user, void (*fn)(void *arg, int cancelled), void *arg);
/* Runs what is on order, and what that orders. */
void jobs_run(struct jobs *jobs, int cancelled);

#endif
