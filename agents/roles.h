/*
 * roles.h - the entry points of the running agent's processes, and what each is given.
 */
#ifndef INNSYN_AGENTS_ROLES_H
#define INNSYN_AGENTS_ROLES_H

#include "agents/settings.h"

/* Network and TLS key; knows nothing of documents. */
struct link_start {
    const struct agent_settings *settings;
    int guard_fd;
};
int link_main(void *link_start); /* agents/link/link.c */

/* Decides and signs; no network, no rows. */
struct guard_start {
    const struct agent_settings *settings;
    int link_fd, engine_fd;
};
int guard_main(void *guard_start); /* agents/guard/guard.c */

#endif
