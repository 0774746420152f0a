#include "lambda.h"

#include <stdio.h>
#include <string.h>

void function_init(struct function *fn, const char *name, const char *path,
                   const struct lambda_limits *limits)
{
    memset(fn, 0, sizeof(*fn));
    fn->name = name;
    fn->path = path;
    fn->limits = *limits;
    snprintf(fn->arn, sizeof(fn->arn), "arn:aws:lambda:%s:000000000000:function:%s", limits->region,
             name);
    pthread_mutex_init(&fn->lock, NULL);
}

void function_stop(struct function *fn)
{
    pthread_mutex_lock(&fn->lock);
    for (uint32_t i = 0; i < fn->n; i++)
        sandbox_stop(fn->all[i]);
    pthread_mutex_unlock(&fn->lock);
}

/* All invocations have ended. */
void function_clear(struct function *fn)
{
    for (uint32_t i = 0; i < fn->n; i++)
        sandbox_free(fn->all[i]);
    pthread_mutex_destroy(&fn->lock);
}

void invocation_clear(struct invocation *in)
{
    ecom_buf_free(&in->payload);
    ecom_buf_free(&in->tail);
}

/* The one that was used last is the warmest; a new one where all are busy. */
static int take(struct function *fn, struct sandbox **out, ecom_error *err)
{
    int r = ECOM_OK;

    pthread_mutex_lock(&fn->lock);
    if (fn->nidle)
        *out = fn->idle[--fn->nidle];
    else if (fn->n == (uint32_t)fn->limits.concurrency)
        r = ecom_fail(err, ECOM_E_RATE, "all %d that may run at a time are busy",
                      (int)fn->limits.concurrency);
    else if ((r = sandbox_new(fn, out, err)) == ECOM_OK)
        fn->all[fn->n++] = *out;
    pthread_mutex_unlock(&fn->lock);
    return r;
}

int function_invoke(struct function *fn, struct invocation *in, ecom_error *err)
{
    struct sandbox *s;
    int r = take(fn, &s, err);

    if (r < 0)
        return r;
    sandbox_run(s, in);
    pthread_mutex_lock(&fn->lock);
    fn->idle[fn->nidle++] = s;
    pthread_mutex_unlock(&fn->lock);
    return ECOM_OK;
}
