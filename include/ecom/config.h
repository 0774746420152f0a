/** @file
 * Settings: a record whose fields are called like environment variables. Read from the environment
 * and a `.env` file, checked all at once, printed by `--help`. Threads: any; an arena is for one at
 * a time, and nothing here changes the environment.
 */
#ifndef ECOM_CONFIG_H
#define ECOM_CONFIG_H

#include "record.h"

#ifdef __cplusplus
extern "C" {
#endif

/** One line `NAME=value` of a `.env` file. */
typedef struct ecom_dotenv_pair {
    ecom_str name, value;
    uint32_t line;
} ecom_dotenv_pair;

/** A line that is none. Never with what it says: that may be a secret. */
typedef struct ecom_dotenv_fault {
    const char *why; /**< static */
    uint32_t line;
} ecom_dotenv_fault;

typedef struct ecom_dotenv {
    ecom_dotenv_pair *pairs;
    size_t n;
    ecom_dotenv_fault *faults; /**< every broken line; with ECOM_E_INVAL only */
    size_t nfaults;
    const char *path; /**< as ecom_dotenv_read() was given it, borrowed; NULL: not from a file */
} ecom_dotenv;

/** Reads the text of a `.env` file: `NAME=value` or `export NAME=value`, blanks around it, `'...'`
 *  as it is, `"..."` with `\n`, `\t`, `\"` and `\\`, comments from `#` at the start of a line or
 *  after a blank, CRLF, a BOM. The last of equal names wins. At most 64 KiB and 1,000 lines.
 *  @param out  also filled with ECOM_E_INVAL: what the other lines say, so that faults of lines and
 *              of values can be told at once.
 *  @return ECOM_E_INVAL: "line 7: ...; line 9: ..." (never the value), the first three broken lines
 *          and how many more there are; ECOM_E_TOOLARGE; ECOM_E_NOMEM. */
ECOM_API ECOM_MUST_USE int ecom_dotenv_parse(ecom_str text, ecom_arena *arena, ecom_dotenv *out,
                                             ecom_error *err);
/** As above, from a file. @return ECOM_E_NOTFOUND when there is none; ECOM_E_UNAVAILABLE when it
 *  cannot be read (err->native is errno); or as above, with the path before the text. */
ECOM_API ECOM_MUST_USE int ecom_dotenv_read(const char *path, ecom_arena *arena, ecom_dotenv *out,
                                            ecom_error *err);

/** Looks a name up, `getenv` for instance; NULL: not set. An empty value counts as not set. */
typedef const char *(*ecom_getenv_fn)(void *user, const char *name);

/**
 * Fills a struct of settings: the environment wins over the file, the file over the fallback.
 * @param getenv_fn  nullable: no environment.
 * @param file       nullable: no file.
 * @param arena      holds the strings.
 * @param out        record->size bytes; on failure its content is undefined.
 * @param faults     out: every fault is appended, one a line: "JWT_SECRET: must be at least 32
 *                   characters, is 7 (.env line 3)", with the file's path. Secret values are
 *                   never in it.
 * @return ECOM_E_INVAL when there is a fault; ECOM_E_NOMEM.
 */
ECOM_API ECOM_MUST_USE int ecom_config_read(const ecom_record *record, ecom_getenv_fn getenv_fn,
                                            void *user, const ecom_dotenv *file, ecom_arena *arena,
                                            void *out, ecom_buf *faults);
/** Appends a table of all settings for `--help`: name, meaning, default, limits. */
ECOM_API ECOM_MUST_USE int ecom_config_help(const ecom_record *record, ecom_buf *out);

#ifdef __cplusplus
}
#endif
#endif
