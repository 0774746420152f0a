#include "check.h"

#include <pthread.h>
#include <stdlib.h>

#include "ecom/metrics.h"

static int contains(const ecom_buf *page, const char *part)
{
    return page->p && strstr(page->p, part) != NULL;
}

static void a_page_lists_each_name_once_with_its_series(void)
{
    ecom_metrics *m = ecom_metrics_new();
    ecom_buf page = {0};

    CHECK(m, "new");
    ecom_series_add(ecom_metrics_series(m, ECOM_COUNTER, "a_total", "As.", "x=\"1\""), 2);
    ecom_series_set(ecom_metrics_series(m, ECOM_GAUGE, "b", "One\nline \\ only.", NULL), -7);
    ecom_series_add(ecom_metrics_series(m, ECOM_COUNTER, "a_total", "As.", "x=\"2\""), 1);
    ecom_series_add(ecom_metrics_series(m, ECOM_COUNTER, "a_total", "As.", "x=\"1\""), 3);
    CHECK_I64(ECOM_OK, ecom_metrics_write(m, &page));
    CHECK_STR("# HELP a_total As.\n# TYPE a_total counter\na_total{x=\"1\"} 5\n"
              "a_total{x=\"2\"} 1\n# HELP b One\\nline \\\\ only.\n# TYPE b gauge\nb -7\n",
              ecom_buf_str(&page));
    ecom_buf_free(&page);
    ecom_metrics_free(m);
    ecom_metrics_free(NULL);
}

static void a_histogram_is_cumulative_and_ends_with_all(void)
{
    ecom_metrics *m = ecom_metrics_new();
    ecom_buf page = {0};

    CHECK(m, "new");
    ecom_series *s = ecom_metrics_series(m, ECOM_HISTOGRAM, "h_seconds", "H.", "r=\"/\"");
    static const int64_t us[] = {-5, 500, 501, 1000000, 30000000, 30000001, INT64_MAX};
    for (size_t i = 0; i < sizeof(us) / sizeof(us[0]); i++)
        ecom_series_observe(s, us[i]);
    CHECK_I64(7, ecom_series_value(s));
    CHECK_I64(ECOM_OK, ecom_metrics_write(m, &page));
    CHECK(contains(&page, "# TYPE h_seconds histogram\nh_seconds_bucket{r=\"/\",le=\"0.0005\"} 2\n"
                          "h_seconds_bucket{r=\"/\",le=\"0.001\"} 3\n"),
          "%s", page.p);
    CHECK(contains(&page, "le=\"0.5\"} 3\nh_seconds_bucket{r=\"/\",le=\"1\"} 4\n"), "%s", page.p);
    CHECK(contains(&page, "le=\"30\"} 5\nh_seconds_bucket{r=\"/\",le=\"+Inf\"} 7\n"
                          "h_seconds_sum{r=\"/\"} 10000061.001002\nh_seconds_count{r=\"/\"} 7\n"),
          "%s", page.p);
    ecom_buf_free(&page);
    ecom_metrics_free(m);
}

static void what_does_not_fit_the_kind_changes_nothing(void)
{
    ecom_metrics *m = ecom_metrics_new();

    CHECK(m, "new");
    ecom_series *c = ecom_metrics_series(m, ECOM_COUNTER, "c_total", "", NULL);
    ecom_series *h = ecom_metrics_series(m, ECOM_HISTOGRAM, "h", "", NULL);
    ecom_series_add(c, 4);
    ecom_series_add(c, -1);
    ecom_series_observe(c, 9);
    CHECK_I64(4, ecom_series_value(c));
    ecom_series_set(c, 11);
    CHECK_I64(11, ecom_series_value(c));
    ecom_series_set(h, 5);
    ecom_series_add(h, 5);
    CHECK_I64(0, ecom_series_value(h));
    CHECK(!ecom_metrics_series(m, ECOM_GAUGE, "c_total", "", NULL), "a name of another kind");
    ecom_series_add(NULL, 1);
    ecom_series_set(NULL, 1);
    ecom_series_observe(NULL, 1);
    CHECK_I64(0, ecom_series_value(NULL));
    ecom_metrics_free(m);
}

static void names_and_labels_that_would_break_the_page_are_refused(void)
{
    static const char *const names[] = {"", "1a", "a-b", "a b", "a\n", "\xC3\xA9"};
    static const char *const labels[] = {
        "x",         "x=1",      "x=\"1",         "x=\"1\",",   ",x=\"1\"", "x=\"a\nb\"",
        "x=\"\\t\"", "x=\"1\"y", "a:b=\"1\"",     "x=\"\xFF\"", "=\"1\"",   "x=\"1\" y=\"2\"",
        "x=\"\\",    "1x=\"1\"", "x=\"1\"}\ny 1",
    };
    ecom_metrics *m = ecom_metrics_new();
    char big[1100];

    CHECK(m, "new");
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        CHECK(!ecom_metrics_series(m, ECOM_GAUGE, names[i], "", NULL), "took %s", names[i]);
    for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++)
        CHECK(!ecom_metrics_series(m, ECOM_GAUGE, "g", "", labels[i]), "took %s", labels[i]);
    CHECK(ecom_metrics_series(m, ECOM_GAUGE, "g", "", "x=\"a\\\\b\\\"c\\n\",y=\"\""), "good ones");
    memset(big, 'v', sizeof(big));
    memcpy(big, "x=\"", 3);
    memcpy(big + 1023, "\"", 2);
    CHECK(ecom_metrics_series(m, ECOM_GAUGE, "g", "", big), "1,024 bytes");
    memcpy(big + 1023, "v\"", 3);
    CHECK(!ecom_metrics_series(m, ECOM_GAUGE, "g", "", big), "1,025 bytes");
    ecom_metrics_free(m);
}

static void label_values_are_escaped(void)
{
    ecom_buf labels = {0};

    CHECK_I64(ECOM_OK, ecom_label_add(&labels, "a", S("x\"y\\z\n\xFF")));
    CHECK_I64(ECOM_OK, ecom_label_add(&labels, "b", S("")));
    CHECK_STR("a=\"x\\\"y\\\\z\\n\xEF\xBF\xBD\",b=\"\"", ecom_buf_str(&labels));
    for (uint64_t i = 1;; i++) {
        ecom_buf fresh = {0};
        check_alloc_fail_at(i);
        int r = ecom_label_add(&fresh, "a",
                               S("0123456789012345678901234567890123456789"
                                 "0123456789012345678901234567890123456789\""));
        if (r == ECOM_OK) {
            ecom_buf_free(&fresh);
            break;
        }
        CHECK_I64(ECOM_E_NOMEM, r);
        CHECK_U64(0, fresh.n);
        ecom_buf_free(&fresh);
    }
    ecom_buf_free(&labels);
}

static void the_1001st_series_of_a_name_is_the_overflow(void)
{
    ecom_metrics *m = ecom_metrics_new();
    ecom_series *s[1003];
    char labels[32];

    CHECK(m, "new");
    for (int i = 0; i < 1003; i++) {
        snprintf(labels, sizeof(labels), "path=\"/%d\"", i);
        s[i] = ecom_metrics_series(m, ECOM_COUNTER, "c_total", "", labels);
        CHECK(s[i] && (i == 0 || s[i] != s[0]), "series %d", i);
    }
    CHECK(s[999] != s[1000] && s[1000] == s[1001] && s[1001] == s[1002], "not one overflow");
    CHECK(s[7] == ecom_metrics_series(m, ECOM_COUNTER, "c_total", "", "path=\"/7\""), "lost");
    ecom_buf page = {0};
    CHECK_I64(ECOM_OK, ecom_metrics_write(m, &page));
    CHECK(contains(&page, "c_total{overflow=\"true\"} 0\n"), "no overflow");
    ecom_buf_free(&page);
    ecom_metrics_free(m);
}

static void the_513th_name_is_refused(void)
{
    static char names[513][8];
    ecom_metrics *m = ecom_metrics_new();

    CHECK(m, "new");
    for (int i = 0; i < 513; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        ecom_series *s = ecom_metrics_series(m, ECOM_GAUGE, names[i], "", NULL);
        CHECK((s != NULL) == (i < 512), "name %d", i);
    }
    ecom_metrics_free(m);
}

static void labels_have_at_most_1024_bytes(void)
{
    char labels[1026];
    ecom_metrics *m = ecom_metrics_new();

    CHECK(m, "new");
    memset(labels, 'v', sizeof(labels));
    memcpy(labels, "l=\"", 3);
    memcpy(labels + 1023, "\"", 2);
    CHECK(ecom_metrics_series(m, ECOM_GAUGE, "g", "", labels) != NULL, "1,024 are refused");
    memcpy(labels + 1023, "v\"", 3);
    CHECK(ecom_metrics_series(m, ECOM_GAUGE, "g", "", labels) == NULL, "1,025 are taken");
    ecom_metrics_free(m);
}

static ecom_metrics *hooked;

static void hook(void *user)
{
    ecom_series_set(ecom_metrics_series(hooked, ECOM_GAUGE, "hooked", "H.", NULL),
                    ++*(int64_t *)user);
}

static void hooks_run_before_each_page(void)
{
    ecom_buf page = {0};
    int64_t calls = 0;

    hooked = ecom_metrics_new();
    CHECK(hooked, "new");
    for (int i = 0; i < 16; i++)
        CHECK_I64(ECOM_OK, ecom_metrics_on_write(hooked, hook, &calls));
    CHECK_I64(ECOM_E_TOOLARGE, ecom_metrics_on_write(hooked, hook, &calls));
    CHECK_I64(ECOM_OK, ecom_metrics_write(hooked, &page));
    CHECK(contains(&page, "\nhooked 16\n"), "%s", page.p);
    ecom_buf_free(&page);
    ecom_metrics_free(hooked);
}

static void every_failed_allocation_leaves_set_and_page_whole(void)
{
    ecom_metrics *m;

    check_alloc_fail_at(1);
    CHECK(!ecom_metrics_new(), "new");
    m = ecom_metrics_new();
    CHECK(m, "new");
    for (uint64_t i = 1; i <= 2; i++) {
        check_alloc_fail_at(i);
        CHECK(!ecom_metrics_series(m, ECOM_HISTOGRAM, "h", "H.", "a=\"b\""), "allocation %d",
              (int)i);
    }
    check_alloc_fail_at(0);
    CHECK(ecom_metrics_series(m, ECOM_HISTOGRAM, "h", "H.", "a=\"b\""), "afterwards");
    for (uint64_t i = 1;; i++) {
        ecom_buf page = {0};
        CHECK_I64(ECOM_OK, ecom_buf_append(&page, S("before")));
        check_alloc_fail_at(i);
        int r = ecom_metrics_write(m, &page);
        int failed = check_alloc_failed();
        check_alloc_fail_at(0);
        CHECK_I64(failed ? ECOM_E_NOMEM : ECOM_OK, r);
        if (failed)
            CHECK_U64(6, page.n);
        ecom_buf_free(&page);
        if (!failed)
            break;
    }
    ecom_metrics_free(m);
}

static void *update(void *user)
{
    ecom_metrics *m = user;
    char labels[32];

    for (int i = 0; i < 2000; i++) {
        snprintf(labels, sizeof(labels), "i=\"%d\"", i % 50);
        ecom_series_add(ecom_metrics_series(m, ECOM_COUNTER, "t_total", "", labels), 1);
        ecom_series_observe(ecom_metrics_series(m, ECOM_HISTOGRAM, "t", "", NULL), i);
    }
    return NULL;
}

static void threads_update_and_write_at_once(void)
{
    ecom_metrics *m = ecom_metrics_new();
    pthread_t threads[3];
    int64_t sum = 0;
    char labels[32];

    CHECK(m, "new");
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&threads[i], NULL, update, m) == 0, "thread");
    for (int i = 0; i < 20; i++) {
        ecom_buf page = {0};
        CHECK_I64(ECOM_OK, ecom_metrics_write(m, &page));
        ecom_buf_free(&page);
    }
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (int i = 0; i < 50; i++) {
        snprintf(labels, sizeof(labels), "i=\"%d\"", i);
        sum += ecom_series_value(ecom_metrics_series(m, ECOM_COUNTER, "t_total", "", labels));
    }
    CHECK_I64(6000, sum);
    CHECK_I64(6000, ecom_series_value(ecom_metrics_series(m, ECOM_HISTOGRAM, "t", "", NULL)));
    ecom_metrics_free(m);
}

static const struct check_case cases[] = {
    CASE(a_page_lists_each_name_once_with_its_series),
    CASE(a_histogram_is_cumulative_and_ends_with_all),
    CASE(what_does_not_fit_the_kind_changes_nothing),
    CASE(names_and_labels_that_would_break_the_page_are_refused),
    CASE(label_values_are_escaped),
    CASE(the_1001st_series_of_a_name_is_the_overflow),
    CASE(the_513th_name_is_refused),
    CASE(labels_have_at_most_1024_bytes),
    CASE(hooks_run_before_each_page),
    CASE(every_failed_allocation_leaves_set_and_page_whole),
    CASE(threads_update_and_write_at_once),
};

CHECK_MAIN("metrics", cases)
