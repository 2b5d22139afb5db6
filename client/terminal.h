/*
 * terminal.h - the person at the keyboard: what the terminal can show, questions, passwords, progress.
 * Results go to standard output; everything said to the person goes to standard error.
 */
#ifndef INNSYN_CLIENT_TERMINAL_H
#define INNSYN_CLIENT_TERMINAL_H

#include "base/host.h"
#include "base/secret.h"

enum { TERMINAL_WIDTH_MIN = 40, TERMINAL_WIDTH_MAX = 200, PASSWORD_BYTES_MAX = 1024, PROGRESS_AFTER_MS = 1000 };

struct terminal {
    bool utf8;      /* the locale's characters are UTF-8 and --ascii was not given */
    bool err_is_tty;
    unsigned width; /* columns of standard output, 80 when it is not a terminal */
};
void terminal_init(struct terminal *t, bool ascii);

/* Reads a line from the terminal without echo.  UNAVAILABLE: there is no terminal to ask. */
MUST_CHECK result terminal_ask_password(const char *prompt, struct secret **ret, struct why *why);
/* The first line of a file ("-": standard input), without its line end. */
MUST_CHECK result terminal_read_password(const char *path, struct secret **ret, struct why *why);
/* True only for "y", "yes", "j" or "ja".  UNAVAILABLE: there is no terminal to ask. */
MUST_CHECK result terminal_ask_yes(const char *question, bool *ret, struct why *why);

/* Tells what is going on once a thing takes longer than PROGRESS_AFTER_MS; quiet unless stderr is a terminal. */
struct progress {
    const struct terminal *terminal;
    const struct host *host;
    int64_t started_ms, shown_ms;
    bool shown;
};
void progress_start(struct progress *p, const struct terminal *t, const struct host *host);
void progress_say(struct progress *p, const char *format, ...) PRINTF_LIKE(2, 3);
void progress_end(struct progress *p); /* clears the line */

#endif
