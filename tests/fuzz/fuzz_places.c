#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/places.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void must(int ok)
{
    if (!ok)
        abort();
}

/* An event's id, as a client hands it in: what is read is written as what reads the same. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct places places, again;

    if (!places_read((ecom_str){(const char *)data, n}, &places))
        return 0;
    char *text = places_write(&places);
    must(text && places_read(ecom_str_of(text), &again));
    must(memcmp(&again, &places, sizeof(places)) == 0);
    free(text);
    return 0;
}
