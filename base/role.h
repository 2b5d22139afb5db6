/*
 * role.h - a program's single-purpose processes: forked at start-up from one parent that only
 * watches them.  If a role ends, the parent ends the others and exits, so that a service manager
 * (or the demo) starts the whole again from its durable state.
 */
#ifndef INNSYN_BASE_ROLE_H
#define INNSYN_BASE_ROLE_H

#include "base/result.h"

enum { ROLES_MAX = 16, ROLE_FDS_MAX = 24 };

struct role {
    const char *name;              /* shown in the process title and log lines: "net" */
    int (*main)(void *self);       /* the role's life; its return is the exit status */
    void *self;
    /* Inherited descriptors besides 0, 1, 2; ends with -1.  The parent closes its own. */
    int keep_fds[ROLE_FDS_MAX];
};

/* Forks every role (each closes all descriptors it does not keep, names itself, dies with its parent by
 * PR_SET_PDEATHSIG), forwards SIGTERM and SIGINT to all, waits.  Writes "<pid> <name>" lines, the first being
 * "<pid> parent", to pid_file if not NULL, and removes it at the end.  A role that ends, or a signal, makes it
 * send SIGTERM to all (after an end with 0 it waits 3 s for the others to follow), and SIGKILL after 10 s.  A role
 * that finds another gone ends with 0: whoever ended first says why.  Roles start with SIGPIPE and SIGINT ignored;
 * one that leaves the SIGTERM of an orderly end to the kernel counts as ended with 0.  Returns the exit status for
 * the program: 0 if every role ended with 0. */
int roles_run(const struct role *roles, unsigned count, const char *pid_file);

#endif
