#include "database_dir.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

char dir[64], path[128];

int make_dir(void)
{
    const char *tmp = getenv("TMPDIR");

    snprintf(dir, sizeof(dir), "%.40s/ecom-XXXXXX", tmp ? tmp : "/tmp");
    if (!mkdtemp(dir))
        return 0;
    snprintf(path, sizeof(path), "%s/x.db", dir);
    return 1;
}

void remove_dir(void)
{
    static const char *const suffixes[] = {"", "-wal", "-shm", "-lock"};
    char file[160];

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        snprintf(file, sizeof(file), "%s%s", path, suffixes[i]);
        unlink(file);
    }
    rmdir(dir);
}
