#include "ecom/log.h"

void ecom_log_write(const ecom_log *log, ecom_level level, const char *message,
                    const ecom_log_field *fields, size_t n)
{
    if (log && log->fn && level >= log->level)
        log->fn(log->user, level, log->correlation_id, message, fields, n);
}

ecom_log ecom_log_with(const ecom_log *log, ecom_str correlation_id)
{
    ecom_log bound = log ? *log : (ecom_log){0};

    bound.correlation_id = correlation_id;
    return bound;
}
