/* Databases of our own on a server of MongoDB's protocol: that of ECOM_STORE_URL, which may be any,
 * or the one that `scripts/servers start mongodb` left running, or named in ECOM_MONGODB_URL. */
#ifndef MONGODB_PLACE_H
#define MONGODB_PLACE_H

struct place {
    const char *server; /* a URL with whatever database; NULL: there is none */
    char url[1024];     /* with a database of the case's own */
    int count;
};

/* Finds the server. @return 0: go on. Else what main() returns: it has said that all is skipped,
 * or, in CI, failed. */
int place_find(struct place *place, int *status);
/* Only one that a proxy of ours can stand before. */
int place_find_near(struct place *place, int *status);
/* Another database; and away with it. */
void place_fresh(struct place *place);
void place_clear(const struct place *place);
/* The host's port, and the URL of the same database at another port of 127.0.0.1. 0: it has none.
 */
int place_port(const struct place *place);
void place_url_at(const struct place *place, int port, const char *options, char url[1024]);

#endif
