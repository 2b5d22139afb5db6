/*
 * exit_codes.h - what a script may rely on when `innsyn` ends.
 */
#ifndef INNSYN_CLIENT_EXIT_CODES_H
#define INNSYN_CLIENT_EXIT_CODES_H

enum exit_code {
    EXIT_DONE = 0,        /* it was done */
    EXIT_REFUSED = 1,     /* a rule says no: the code, the reason, the field and what to do next are on stderr */
    EXIT_USAGE = 2,       /* the command, an option, a local file or the profile is not as it must be; nothing was sent */
    EXIT_UNREACHABLE = 3, /* no answer: connection, TLS, timeout, a fault at the server; the same command may succeed later */
    EXIT_UNVERIFIED = 4,  /* what came does not hold: signature, trust, log, receipt.  Do not use it */
    EXIT_PARTIAL = 5,     /* a result was printed, but some sites are missing or refused */
};

#endif
