/* What triggers a function: read within bounds, and each message has its place in the list. */
#include <stdlib.h>

#include "lambda/base64.h"
#include "lambda/source.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_str in = {n ? (const char *)data : "", n}, bytes = {0};
    struct source source = {0};

    must(arena != NULL);
    if (ecom__lambda_source_read(in, arena, &source, NULL) == ECOM_OK) {
        must(source.n <= SOURCE_MAX_ITEMS && (source.kind != SOURCE_EVENT || source.n == 1));
        for (size_t i = 0; i < source.n; i++) {
            const struct source_item *item = &source.items[i];
            must(item->attempt > 0 && (!item->why || item->why->code < 0));
            must(source.kind != SOURCE_SQS || item->id.n > 0);
            must(source.kind != SOURCE_KAFKA || (item->msg.topic.n > 0 && item->msg.offset >= 0));
            for (size_t h = 0; h < item->msg.nheaders; h++)
                must(item->msg.headers[h].value.n == 0 || item->msg.headers[h].value.p);
        }
    }
    if (ecom__lambda_base64(in, arena, &bytes, NULL) == ECOM_OK)
        must(bytes.n <= n / 4 * 3);
    ecom_arena_free(arena);
    return 0;
}
