#include "graphql_jobs.h"

#include "ecom/base.h"

int jobs_order(void *user, void (*fn)(void *arg, int cancelled), void *arg)
{
    struct jobs *jobs = user;

    if (jobs->no_room || jobs->n == JOBS_MOST)
        return ECOM_E_UNAVAILABLE;
    jobs->at[jobs->n].fn = fn;
    jobs->at[jobs->n++].arg = arg;
    return ECOM_OK;
}

void jobs_run(struct jobs *jobs, int cancelled)
{
    for (int i = 0; i < jobs->n; i++)
        jobs->at[i].fn(jobs->at[i].arg, cancelled);
    jobs->n = 0;
}
