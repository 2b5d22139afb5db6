#include "client/terminal.h"

#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

enum { PROGRESS_EVERY_MS = 200, LINE_MAX_BYTES = 256 };

void terminal_init(struct terminal *t, bool ascii)
{
    /* Characters only: numbers keep their point whatever the language. */
    (void)setlocale(LC_CTYPE, "");
    t->utf8 = !ascii && strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
    t->err_is_tty = isatty(STDERR_FILENO) == 1;
    struct winsize size = {0};
    t->width = 80;
    if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        t->width = size.ws_col;
    t->width = t->width < TERMINAL_WIDTH_MIN ? TERMINAL_WIDTH_MIN : t->width > TERMINAL_WIDTH_MAX ? TERMINAL_WIDTH_MAX : t->width;
}

/* One line into a fixed array that the caller wipes; the line end is dropped. */
static result read_line(int fd, char *to, size_t size, size_t *ret_len, struct why *why)
{
    size_t len = 0;
    for (;;) {
        char c;
        ssize_t n = read(fd, &c, 1);
        if (n < 0)
            return FAIL(why, UNAVAILABLE, "the line cannot be read");
        if (n == 0 || c == '\n')
            break;
        if (len >= size)
            return FAIL(why, LIMIT, "the line is longer than %zu bytes", size);
        to[len++] = c;
    }
    if (len > 0 && to[len - 1] == '\r')
        len--;
    *ret_len = len;
    return DONE;
}

static result line_to_secret(int fd, struct secret **ret, struct why *why)
{
    char line[PASSWORD_BYTES_MAX];
    size_t len = 0;
    result r = read_line(fd, line, sizeof line, &len, why);
    if (r.code == OK && len == 0)
        r = FAIL(why, MALFORMED, "the password is empty");
    if (r.code == OK)
        r = secret_new(slice_of(line, len), ret, why);
    wipe(line, sizeof line);
    return r;
}

result terminal_ask_password(const char *prompt, struct secret **ret, struct why *why)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return FAIL(why, UNAVAILABLE, "there is no terminal to ask for the password: give --password-file FILE");
    struct termios before, silent;
    bool can_hide = tcgetattr(fd, &before) == 0;
    if (!can_hide) {
        (void)close(fd);
        return FAIL(why, UNAVAILABLE, "the terminal cannot hide what is typed: give --password-file FILE");
    }
    silent = before;
    silent.c_lflag &= ~(tcflag_t)ECHO;
    (void)dprintf(fd, "%s", prompt);
    (void)tcsetattr(fd, TCSAFLUSH, &silent);
    result r = line_to_secret(fd, ret, why);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    (void)dprintf(fd, "\n");
    (void)close(fd);
    return r;
}

result terminal_read_password(const char *path, struct secret **ret, struct why *why)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return FAIL(why, ABSENT, "the password file %s cannot be read", path);
    result r = line_to_secret(fd, ret, why);
    if (!standard)
        (void)close(fd);
    return r;
}

result terminal_ask_yes(const char *question, bool *ret, struct why *why)
{
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return FAIL(why, UNAVAILABLE, "there is no terminal to ask: read what is shown and give --yes");
    char line[LINE_MAX_BYTES];
    size_t len = 0;
    (void)dprintf(fd, "%s", question);
    result r = read_line(fd, line, sizeof line, &len, why);
    (void)close(fd);
    struct slice said = slice_of(line, len);
    if (r.code == OK)
        *ret = slice_is(said, "y") || slice_is(said, "yes") || slice_is(said, "j") || slice_is(said, "ja");
    return r;
}

void progress_start(struct progress *p, const struct terminal *t, const struct host *host)
{
    *p = (struct progress){.terminal = t, .host = host, .started_ms = host_monotonic_ms(host)};
}

void progress_say(struct progress *p, const char *format, ...)
{
    int64_t now = host_monotonic_ms(p->host);
    if (!p->terminal->err_is_tty || now - p->started_ms < PROGRESS_AFTER_MS || (p->shown && now - p->shown_ms < PROGRESS_EVERY_MS))
        return;
    char line[LINE_MAX_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(line, sizeof line, format, args);
    va_end(args);
    (void)fprintf(stderr, "\r\033[K%s", line);
    (void)fflush(stderr);
    p->shown = true;
    p->shown_ms = now;
}

void progress_end(struct progress *p)
{
    if (p->shown)
        (void)fprintf(stderr, "\r\033[K");
    p->shown = false;
}
