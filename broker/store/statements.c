/* statements.c - the table of statements.h, made readable by number. */
#include "broker/store/statements.h"

#include <string.h>

static const struct {
    const char *name, *sql;
} table[] = {
#define STATEMENT_TEXT(name, sql) {#name, sql},
    STATEMENTS(STATEMENT_TEXT)
#undef STATEMENT_TEXT
};

const char *statement_name(enum statement s)
{
    return table[s].name;
}

const char *statement_sql(enum statement s)
{
    return table[s].sql;
}

unsigned statement_parameters(enum statement s)
{
    unsigned most = 0;
    for (const char *at = strchr(table[s].sql, '$'); at; at = strchr(at + 1, '$')) {
        unsigned n = 0;
        for (const char *digit = at + 1; *digit >= '0' && *digit <= '9'; digit++)
            n = n * 10 + (unsigned)(*digit - '0');
        if (n > most)
            most = n;
    }
    return most;
}

bool statement_writes(enum statement s)
{
    return strncmp(table[s].sql, "SELECT", 6) != 0;
}

bool statement_is_upkeep(enum statement s)
{
    return s == MARK_SET || s == IDEMPOTENCY_PUT || s == IDEMPOTENCY_SWEEP || s == TOKEN_SWEEP || s == LOG_TERMS_ADD ||
           s == LOG_TERMS_CLEAR || s == LOG_INDEXED_SET || s == LOG_COSIGNED_PUT || s == SCHEMA_SET;
}
