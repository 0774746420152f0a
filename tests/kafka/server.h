/* The real Kafka that the tests run on: ECOM_KAFKA_URL, or the one of scripts/servers. */
#ifndef KAFKA_SERVER_H
#define KAFKA_SERVER_H

#include "ecom/base.h"

/* A setting of the server: from the environment, or from what `scripts/servers start` left. NULL:
 * there is none. */
const char *server_setting(const char *name);
/* Its URL. Without one the program ends: as skipped, and in CI as failed. */
const char *server_url(void);
/* A prefix that no other test has. */
void server_fresh_prefix(char out[32]);
/* Deletes all topics that begin with it. */
void server_delete_topics(const char *prefix);

#endif
