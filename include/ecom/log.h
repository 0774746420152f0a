/** @file
 * Structured logs: an event, and fields beside it. The library logs at debug only; daemons do the
 * rest, to stderr: coloured lines on a terminal, one JSON object a line otherwise.
 */
#ifndef ECOM_LOG_H
#define ECOM_LOG_H

#include "env.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum ecom_level {
    ECOM_LOG_DEBUG = 0,
    ECOM_LOG_INFO = 1,
    ECOM_LOG_WARN = 2,
    ECOM_LOG_ERROR = 3,
    ECOM_LOG_OFF = 4
} ecom_level;

/** One field beside a message: text when @p text.p is set, else the number. */
typedef struct ecom_log_field {
    const char *name;
    ecom_str text;
    int64_t number;
} ecom_log_field;

/** Receives one line. Everything is borrowed for the call. Called from any thread. */
typedef void (*ecom_log_fn)(void *user, ecom_level level, ecom_str correlation_id,
                            const char *message, const ecom_log_field *fields, size_t n);

/** Where lines go: a value, passed by pointer, copied to bind a correlation id. */
typedef struct ecom_log {
    ecom_log_fn fn; /**< NULL: nowhere */
    void *user;
    ecom_level level;        /**< lines below are dropped before they cost anything */
    ecom_str correlation_id; /**< in every line, when not empty; borrowed */
} ecom_log;

/** Writes a line. @p log may be NULL. Never put a secret into a field. Threads: any. */
ECOM_API void ecom_log_write(const ecom_log *log, ecom_level level, const char *message,
                             const ecom_log_field *fields, size_t n);
/** The same logger with @p correlation_id bound, which must outlive the copy. */
ECOM_API ecom_log ecom_log_with(const ecom_log *log, ecom_str correlation_id);

/** How ecom_log_stderr() formats. */
typedef enum ecom_log_style {
    ECOM_LOG_AUTO,
    ECOM_LOG_TEXT,
    ECOM_LOG_COLOR,
    ECOM_LOG_JSON
} ecom_log_style;

/** A logger to a file descriptor, each line written by one write().
 *  @param service  in every JSON line; borrowed for the life of the log.
 *  @param style    ECOM_LOG_AUTO: coloured on a terminal, JSON otherwise.
 *  @param env      nullable: ecom_env_system(); must outlive the log.
 *  @return NULL when out of memory. End with ecom_log_close(). */
ECOM_API ecom_log *ecom_log_open(int fd, const char *service, ecom_level level,
                                 ecom_log_style style, const ecom_env *env);
/** Does not close the descriptor. */
ECOM_API void ecom_log_close(ecom_log *log);
/** "debug", "info", "warn", "error", "off"; any case. @return ECOM_E_INVAL. */
ECOM_API ECOM_MUST_USE int ecom_level_parse(ecom_str text, ecom_level *out, ecom_error *err);

#ifdef __cplusplus
}
#endif
#endif
