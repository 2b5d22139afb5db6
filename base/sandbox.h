/*
 * sandbox.h - what a role may still ask of the kernel once it has started (seccomp, libseccomp
 * underneath; violations end the process).  Called after files and sockets are open and before the
 * first strange byte is read.  Builds with -Dsandbox=false (sanitizer lanes) only set no_new_privs.
 */
#ifndef INNSYN_BASE_SANDBOX_H
#define INNSYN_BASE_SANDBOX_H

#include "base/result.h"

enum sandbox_allow {
    SANDBOX_FILES_READ = 1,   /* open files for reading, map them */
    SANDBOX_FILES_WRITE = 2,  /* create, write, rename, remove, sync */
    SANDBOX_SERVE = 4,        /* accept on sockets that are already open */
    SANDBOX_CONNECT = 8,      /* create sockets and connect (link, postgres) */
    SANDBOX_THREADS = 16,     /* start threads, and set their priority */
};

/* Covers every thread of the process.  FILES_WRITE and CONNECT include FILES_READ; CONNECT includes THREADS
 * (names are resolved in one).  UNAVAILABLE: the kernel refuses the filter.
 * Never allowed in any role: execve, ptrace, mount, kexec, module loading, keyctl, bpf. */
MUST_CHECK result sandbox_enter(unsigned allow, struct why *why);

#endif
