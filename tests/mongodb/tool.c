/* The store in the hands of a program that is not ours: one line in, one line out.
 *     put ID REV JSON [EVENT]  ->  OK REV, or the error's name and text
 *     get ID                   ->  OK REV JSON
 *     find INDEX FROM TO       ->  OK ID ID...
 *     remove ID REV            ->  OK
 *     publish                  ->  OK EVENT EVENT...: all that wait, forgotten
 * REV is a number or "any". Each change has the entries kind=KIND and unique name=ID. */
#include "ecom/store.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const ecom_str collection = {"things", 6};

static uint64_t rev_of(const char *word)
{
    return strcmp(word, "any") == 0 ? ECOM_REV_ANY : strtoull(word, NULL, 10);
}

static int put(ecom_store *store, const char *id, const char *rev, const char *json,
               const char *event, ecom_error *e)
{
    const ecom_entry entries[] = {{{"kind", 4}, {"thing", 5}, 0},
                                  {{"name", 4}, ecom_str_of(id), 1}};
    const ecom_msg msg = {.id = ecom_str_of(event), .topic = collection, .body = ecom_str_of(json)};
    const ecom_change change = {.collection = collection,
                                .id = ecom_str_of(id),
                                .doc = ecom_str_of(json),
                                .expect = rev_of(rev),
                                .entries = entries,
                                .nentries = 2,
                                .events = &msg,
                                .nevents = *event != '\0'};
    uint64_t written = 0;
    int r = ecom_store_put(store, &change, &written, e);

    if (r == ECOM_OK)
        printf("OK %" PRIu64 "\n", written);
    return r;
}

static int get(ecom_store *store, const char *id, ecom_error *e)
{
    ecom_buf doc = {0};
    uint64_t rev = 0;
    int r = ecom_store_get(store, collection, ecom_str_of(id), &doc, &rev, e);

    if (r == ECOM_OK)
        printf("OK %" PRIu64 " %s\n", rev, doc.p);
    ecom_buf_free(&doc);
    return r;
}

static int add_row(void *user, const ecom_row *row)
{
    return ecom_buf_printf(user, " %.*s", (int)row->id.n, row->id.p) < 0;
}

static int find(ecom_store *store, const char *index, const char *from, const char *to,
                ecom_error *e)
{
    const ecom_query query = {.collection = collection,
                              .index = ecom_str_of(index),
                              .from = ecom_str_of(from),
                              .to = ecom_str_of(to)};
    ecom_buf line = {0};
    int r = ecom_store_find(store, &query, add_row, &line, NULL, e);

    if (r == ECOM_OK)
        printf("OK%s\n", line.n ? line.p : "");
    ecom_buf_free(&line);
    return r;
}

struct waiting {
    ecom_buf line;
    char bytes[100][512];
    ecom_str tokens[100];
    size_t n;
};

static int keep(void *user, const ecom_pending *p)
{
    struct waiting *w = user;

    memcpy(w->bytes[w->n], p->token.p, p->token.n);
    w->tokens[w->n] = (ecom_str){w->bytes[w->n], p->token.n};
    w->n++;
    return ecom_buf_printf(&w->line, " %.*s", (int)p->msg.id.n, p->msg.id.p) < 0;
}

static int publish(ecom_store *store, ecom_error *e)
{
    static struct waiting w;

    memset(&w, 0, sizeof(w));
    int r = ecom_store_pending(store, INT64_MAX, 100, keep, &w, e);
    if (r == ECOM_OK)
        r = ecom_store_published(store, w.tokens, w.n, e);
    if (r == ECOM_OK)
        printf("OK%s\n", w.line.n ? w.line.p : "");
    ecom_buf_free(&w.line);
    return r;
}

static int obey(ecom_store *store, char *const words[5], ecom_error *e)
{
    if (strcmp(words[0], "put") == 0)
        return put(store, words[1], words[2], words[3], words[4], e);
    if (strcmp(words[0], "get") == 0)
        return get(store, words[1], e);
    if (strcmp(words[0], "find") == 0)
        return find(store, words[1], words[2], words[3], e);
    if (strcmp(words[0], "publish") == 0)
        return publish(store, e);
    int r = ecom_store_remove(store, collection, ecom_str_of(words[1]), rev_of(words[2]), e);
    if (r == ECOM_OK)
        printf("OK\n");
    return r;
}

int main(int argc, char **argv)
{
    static char line[65536], nothing[] = "";
    ecom_store_options opts = ECOM_STORE_OPTIONS_INIT;
    ecom_store *store = NULL;
    ecom_error e = {0};

    opts.timeout_ms = 60000;
    if (argc != 2 || ecom_store_open(argv[1], &opts, &store, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    while (fgets(line, sizeof(line), stdin)) {
        char *words[5] = {nothing, nothing, nothing, nothing, nothing}, *rest = NULL;
        size_t n = 0;
        for (char *w = strtok_r(line, " \n", &rest); w && n < 5; w = strtok_r(NULL, " \n", &rest))
            words[n++] = w;
        int r = obey(store, words, &e);
        if (r < 0)
            printf("%s %s\n", ecom_code_of(r)->name, e.text);
        fflush(stdout);
    }
    ecom_store_close(store);
    return 0;
}
