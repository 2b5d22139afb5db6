/* postgres_group.h - for tests that run on both stores: one private PostgreSQL server for the whole group. */
#ifndef INNSYN_TESTS_UNIT_POSTGRES_GROUP_H
#define INNSYN_TESTS_UNIT_POSTGRES_GROUP_H

#include "private_postgres.h"

static char pg_dir[SCRATCH_PATH];
static char pg_store[POSTGRES_STORE]; /* empty: there is no server here */

static int start_postgres(void **state)
{
    (void)state;
    scratch_make(pg_dir, "pg");
    private_postgres_start(pg_dir, pg_store, "this runs on SQLite only");
    return 0;
}

static int stop_postgres(void **state)
{
    (void)state;
    private_postgres_stop(pg_dir, pg_store);
    scratch_remove(pg_dir);
    return 0;
}

#endif
