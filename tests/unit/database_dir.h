/* A folder of its own with an SQLite database in it, for tests that look at the files. */
#ifndef ECOM_TESTS_DATABASE_DIR_H
#define ECOM_TESTS_DATABASE_DIR_H

extern char dir[64], path[128]; /* the folder; the database in it, which nobody has made yet */

/* @return 0: it could not be made. */
int make_dir(void);
/* With the database and all that SQLite and we lay beside it. */
void remove_dir(void);

#endif
