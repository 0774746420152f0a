#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ecom/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* What holds for every file. */
static int is_sound(const ecom_dotenv *file)
{
    for (size_t i = 0; i < file->n; i++) {
        const ecom_dotenv_pair *pair = &file->pairs[i];
        if (pair->name.n == 0 || memchr(pair->name.p, '=', pair->name.n) || pair->line == 0 ||
            pair->line > 1000 || !pair->value.p || memchr(pair->value.p, '\0', pair->value.n))
            return 0;
        for (size_t j = 0; j < i && i < 50; j++)
            if (ecom_str_eq(pair->name, file->pairs[j].name))
                return 0;
    }
    return file->n <= 1000;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    ecom_arena *arena = ecom_arena_new(0);
    ecom_dotenv file = {0};
    ecom_error e;
    int r = ecom_dotenv_parse((ecom_str){(const char *)data, n}, arena, &file, &e);

    if (!is_sound(&file) || (r == ECOM_E_INVAL) != (file.nfaults > 0) ||
        (r < 0 && strncmp(e.text, "line ", 5) != 0 && strncmp(e.text, "has ", 4) != 0))
        abort();
    ecom_arena_free(arena);
    return 0;
}
