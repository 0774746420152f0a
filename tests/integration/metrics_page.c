/* Prints a page of metrics of every kind, with labels that need escaping. */
#include <stdio.h>

#include "ecom/metrics.h"

int main(void)
{
    static const char odd[] = "a\\b\"c\nd \xC3\xA9 {},=";
    ecom_metrics *metrics = ecom_metrics_new();
    ecom_buf labels = {0}, page = {0};
    char path[32];

    if (!metrics || ecom_label_add(&labels, "method", ecom_str_of("GET")) < 0 ||
        ecom_label_add(&labels, "path", ecom_str_of(odd)) < 0)
        return 1;
    ecom_series_add(ecom_metrics_series(metrics, ECOM_COUNTER, "shop_requests_total",
                                        "Requests,\nby \\ path.", labels.p),
                    INT64_C(9007199254740993));
    ecom_series_set(ecom_metrics_series(metrics, ECOM_GAUGE, "shop_queue", "Waiting.", NULL), -3);
    for (int i = 0; i < 1200; i++) {
        snprintf(path, sizeof(path), "path=\"/%d\"", i);
        ecom_series_add(
            ecom_metrics_series(metrics, ECOM_COUNTER, "shop_many_total", "Many.", path), 1);
    }
    ecom_series *plain =
        ecom_metrics_series(metrics, ECOM_HISTOGRAM, "shop_seconds", "Time.", NULL);
    ecom_series *labelled =
        ecom_metrics_series(metrics, ECOM_HISTOGRAM, "shop_labelled_seconds", "Time.", labels.p);
    for (int64_t us = 1; us < 100000000; us *= 3) {
        ecom_series_observe(plain, us);
        ecom_series_observe(labelled, us);
    }
    int r = ecom_metrics_write(metrics, &page);
    fwrite(page.p, 1, page.n, stdout);
    ecom_buf_free(&page);
    ecom_buf_free(&labels);
    ecom_metrics_free(metrics);
    return r < 0;
}
