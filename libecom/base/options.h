#ifndef ECOM_BASE_OPTIONS_H
#define ECOM_BASE_OPTIONS_H

#include <stdint.h>
#include <string.h>

/* Copies a caller's options, who may have compiled an older, shorter struct (its `size` says so; 0
 * stands for this one) or given none: what is missing is zero, the default. */
static inline void ecom__options_copy(void *to, size_t size, const void *from)
{
    uint32_t given = from ? *(const uint32_t *)from : 0;

    memset(to, 0, size);
    if (from)
        memcpy(to, from, given && given < size ? given : size);
}

#endif
