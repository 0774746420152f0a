/* libsodium's Argon2id, looked on at, and short of memory when a test says so. Link argon2.c with
 * -Wl,--wrap=crypto_pwhash_argon2id. */
#ifndef ARGON2_H
#define ARGON2_H

#include <stddef.h>

struct argon2 {
    _Atomic int times; /* that a password was compared with a hash... */
    size_t memory_kib; /* ...and with which parameters last */
    unsigned long long passes;
    int starved; /* 1: it finds no memory */
};
extern struct argon2 argon2;

#endif
