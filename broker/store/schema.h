/* schema.h - the schema, step by step; a step that was released is never changed again. */
#ifndef INNSYN_BROKER_STORE_SCHEMA_H
#define INNSYN_BROKER_STORE_SCHEMA_H

#include <stdbool.h>

enum { SCHEMA_VERSIONS = 15 };

/* The statements that lead from `version` to version+1; bytea: in PostgreSQL's spelling of bytes. */
const char *schema_step(unsigned version, bool bytea);

#endif
