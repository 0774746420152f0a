/** @file
 * Counters, gauges and histograms, written in Prometheus' text format 0.0.4.
 */
#ifndef ECOM_METRICS_H
#define ECOM_METRICS_H

#include "base.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A set of metrics. May be used from any thread. */
typedef struct ecom_metrics ecom_metrics;
/** One series. Lives as long as its set. Updating it takes no lock. */
typedef struct ecom_series ecom_series;

typedef enum ecom_metric_kind {
    ECOM_COUNTER,
    ECOM_GAUGE,
    ECOM_HISTOGRAM /**< of microseconds, written as seconds, in fixed buckets from 0.5 ms to 30 s */
} ecom_metric_kind;

/** @return NULL when out of memory. */
ECOM_API ecom_metrics *ecom_metrics_new(void);
/** The series of that name and labels; made if it is not there.
 *  @param name    `ecom_http_requests_total`; static.
 *  @param help    one line; static.
 *  @param labels  `method="GET",status="200"` as ecom_label_add() makes it, at most 1,024 bytes; or
 *                 NULL. Copied. At most 1,000 series a name: past that, one with the label
 *                 `overflow="true"`.
 *  @return NULL when out of memory, for a name or labels that Prometheus would not read, for a name
 *          of another kind, and past 512 names; the functions below accept that. */
ECOM_API ecom_series *ecom_metrics_series(ecom_metrics *metrics, ecom_metric_kind kind,
                                          const char *name, const char *help, const char *labels);
/** Appends `name="value"`, escaped, with a comma before it if it is not the first. */
ECOM_API ECOM_MUST_USE int ecom_label_add(ecom_buf *labels, const char *name, ecom_str value);
/** Of a counter or gauge. A counter only goes up: less than 0 is ignored. */
ECOM_API void ecom_series_add(ecom_series *series, int64_t n);
/** Of a gauge, or of a counter that is counted elsewhere. */
ECOM_API void ecom_series_set(ecom_series *series, int64_t value);
/** Of a histogram. Less than 0 counts as 0. */
ECOM_API void ecom_series_observe(ecom_series *series, int64_t us);
/** What a counter or gauge stands at; of a histogram, how many were observed. */
ECOM_API int64_t ecom_series_value(const ecom_series *series);
/** Called before each write, to set gauges that cost something to know. At most 16:
 *  one more gets ECOM_E_TOOLARGE. Runs under no lock. */
ECOM_API ECOM_MUST_USE int ecom_metrics_on_write(ecom_metrics *metrics, void (*fn)(void *user),
                                                 void *user);
/** Appends the page. @return ECOM_OK; ECOM_E_NOMEM (nothing was appended). */
ECOM_API ECOM_MUST_USE int ecom_metrics_write(ecom_metrics *metrics, ecom_buf *out);
/** Frees its series, too. */
ECOM_API void ecom_metrics_free(ecom_metrics *metrics);

#ifdef __cplusplus
}
#endif
#endif
