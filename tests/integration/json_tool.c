/* Reads JSON texts from stdin, each behind its length in decimal and a line feed, and answers on
 * stdout with -1, or with the length of what it reads as, written again, and that. */
#include <stdio.h>
#include <stdlib.h>

#include "ecom/json.h"

enum { MAX_TEXT = 1 << 20 };

static int answer(ecom_str text, ecom_arena *arena, ecom_buf *out)
{
    const ecom_json *value;

    ecom_arena_reset(arena);
    out->n = 0;
    if (ecom_json_parse(text, NULL, arena, &value, NULL) < 0)
        return printf("-1\n");
    if (ecom_json_write(out, value) < 0)
        return -1;
    return printf("%zu\n%s", out->n, out->p);
}

int main(void)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_buf out = {0};
    size_t n;
    int r = arena ? 0 : -1;

    while (r >= 0 && scanf("%zu", &n) == 1 && n <= MAX_TEXT && getchar() == '\n') {
        char *text = malloc(n ? n : 1); /* of that size: a sanitizer sees each byte behind it */
        if (!text || fread(text, 1, n, stdin) != n)
            r = -1;
        else
            r = answer((ecom_str){text, n}, arena, &out);
        free(text);
    }
    ecom_buf_free(&out);
    ecom_arena_free(arena);
    return r < 0;
}
