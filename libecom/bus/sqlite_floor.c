#include "bus/sqlite_bus.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

enum { LOOK_MS = 10000 }; /* old messages may stay for as long, and each look opens files */

static const char *const query = "SELECT partition, next FROM slot WHERE topic = ?1";

static int lower(struct ecom__topic_file *topic, sqlite3_stmt *stmt)
{
    int r;

    ecom__sqlite_bind_text(stmt, 1, ecom_str_of(topic->name));
    while ((r = ecom__sqlite_step(stmt, NULL)) == 1) {
        int64_t partition = sqlite3_column_int64(stmt, 0), next = sqlite3_column_int64(stmt, 1);
        if (partition >= 0 && partition < topic->partitions && next < topic->floors[partition])
            topic->floors[partition] = next;
    }
    return r;
}

/* To where one group is. */
static int lower_by(struct ecom__topic_file *topic, const char *group_file)
{
    sqlite3_stmt *stmt = NULL;
    ecom__bus_path path;
    sqlite3 *db = NULL;

    snprintf(path.s, sizeof(path.s), "%.*s/%.*s", ECOM__BUS_MAX_DIR, topic->dir, 255, group_file);
    int r = ecom__sqlite_open(path.s, 0, topic->file.timeout_ms, &db, NULL);
    if (r == ECOM_OK)
        r = ecom__sqlite_prepare(db, &query, 1, &stmt, NULL);
    if (r == ECOM_OK)
        r = lower(topic, stmt);
    ecom__sqlite_finalize(&stmt, 1);
    ecom__sqlite_close(db);
    return r;
}

/* "group-NAME.db" */
static int is_group(const char *file)
{
    size_t n = strlen(file);

    return n > 9 && strncmp(file, "group-", 6) == 0 && strcmp(file + n - 3, ".db") == 0;
}

/* Of a group that cannot be read nobody knows how far it is: then nothing goes. */
static void look(struct ecom__topic_file *topic)
{
    DIR *d = opendir(topic->dir);
    int r = d ? ECOM_OK : ECOM_E_UNAVAILABLE;

    for (int32_t i = 0; i < topic->partitions; i++)
        topic->floors[i] = ECOM__BUS_MAX_OFFSET;
    for (struct dirent *e; r == ECOM_OK && (e = readdir(d));)
        if (is_group(e->d_name))
            r = lower_by(topic, e->d_name);
    if (d)
        closedir(d);
    if (r < 0)
        memset(topic->floors, 0, sizeof(topic->floors));
}

int64_t ecom__topic_file_floor(struct ecom__topic_file *topic, int32_t partition, int64_t now_ms)
{
    if (!topic->looked || now_ms - topic->looked_ms >= LOOK_MS || now_ms < topic->looked_ms) {
        look(topic);
        topic->looked = 1;
        topic->looked_ms = now_ms;
    }
    return topic->floors[partition];
}
