#include "argon2.h"

struct argon2 argon2;

int __real_crypto_pwhash_argon2id(unsigned char *out, unsigned long long size, const char *password,
                                  unsigned long long n, const unsigned char *salt,
                                  unsigned long long passes, size_t memory, int algorithm);
int __wrap_crypto_pwhash_argon2id(unsigned char *out, unsigned long long size, const char *password,
                                  unsigned long long n, const unsigned char *salt,
                                  unsigned long long passes, size_t memory, int algorithm);

int __wrap_crypto_pwhash_argon2id(unsigned char *out, unsigned long long size, const char *password,
                                  unsigned long long n, const unsigned char *salt,
                                  unsigned long long passes, size_t memory, int algorithm)
{
    argon2.times++;
    argon2.memory_kib = memory / 1024;
    argon2.passes = passes;
    return argon2.starved ? -1
                          : __real_crypto_pwhash_argon2id(out, size, password, n, salt, passes,
                                                          memory, algorithm);
}
