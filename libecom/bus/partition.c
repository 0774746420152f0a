#include "bus/embedded.h"

/* MurmurHash2, 32 bits, with the seed that Kafka's clients use. */
static uint32_t murmur2(const unsigned char *p, size_t n)
{
    const uint32_t m = 0x5bd1e995;
    uint32_t h = 0x9747b28c ^ (uint32_t)n;

    for (; n >= 4; p += 4, n -= 4) {
        uint32_t k =
            (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
        k *= m;
        k ^= k >> 24;
        h = h * m ^ k * m;
    }
    for (size_t i = n; i > 0; i--)
        h ^= (uint32_t)p[i - 1] << (8 * (i - 1));
    if (n)
        h *= m;
    h ^= h >> 13;
    h *= m;
    return h ^ h >> 15;
}

int32_t ecom__bus_partition(ecom_str key, int32_t partitions, uint32_t *turn)
{
    uint32_t place = key.n ? murmur2((const unsigned char *)key.p, key.n) : (*turn)++;

    return (int32_t)((place & 0x7fffffff) % (uint32_t)partitions);
}
