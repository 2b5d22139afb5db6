#include "base/log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/instant.h"

enum { LINE_BYTES_MAX = 4096, VALUE_BYTES_MAX = 1024, ROLE_BYTES_MAX = 32, ESCAPE_BYTES_MAX = 4, PAIRS_MAX = 32 };

static struct {
    const struct host *host;
    char role[ROLE_BYTES_MAX];
    enum log_level most;
} logger = {NULL, "-", LOG_NOTICE};

/* One event on its way out; what does not fit is left off, the line's end always fits. */
struct line {
    char at[LINE_BYTES_MAX];
    size_t len;
};

void log_init(const struct host *host, const char *role, enum log_level most)
{
    logger.host = host;
    logger.most = most;
    (void)snprintf(logger.role, sizeof logger.role, "%s", role);
}

static bool put(struct line *l, const char *text)
{
    size_t len = strlen(text);
    if (len > sizeof l->at - l->len)
        return false;
    memcpy(l->at + l->len, text, len);
    l->len += len;
    return true;
}

/* What terminals and line readers act on goes out as an escape: controls of ASCII and Latin-1 (C2 80..9F in
 * UTF-8), quotes, backslashes, and every high byte of a text that is no UTF-8. */
static void put_value(struct line *l, const char *value)
{
    struct slice text = slice_str(value);
    bool cut = text.len > VALUE_BYTES_MAX;
    bool utf8 = slice_is_utf8(text);
    text = slice_part(text, 0, VALUE_BYTES_MAX);
    for (size_t i = 0; i < text.len; i++) {
        uint8_t c = text.at[i], next = i + 1 < text.len ? text.at[i + 1] : 0;
        char escaped[ESCAPE_BYTES_MAX + 1] = {(char)c};
        bool c1 = (c == 0xC2 && next < 0xA0) || (c >= 0x80 && c < 0xA0 && i && text.at[i - 1] == 0xC2);
        if (c == '\n')
            (void)snprintf(escaped, sizeof escaped, "\\n");
        else if (c == '"' || c == '\\')
            (void)snprintf(escaped, sizeof escaped, "\\%c", c);
        else if (c < 0x20 || c == 0x7F || (c >= 0x80 && (!utf8 || c1)))
            (void)snprintf(escaped, sizeof escaped, "\\x%02x", c);
        /* Room is kept for the dots, the quote and the newline. */
        if (l->len + ESCAPE_BYTES_MAX + 5 > sizeof l->at) {
            cut = true;
            break;
        }
        (void)put(l, escaped);
    }
    if (cut)
        (void)put(l, "...");
}

static void put_pair(struct line *l, const char *name, const char *value)
{
    if (l->len + strlen(name) + 3 + ESCAPE_BYTES_MAX + 5 > sizeof l->at)
        return;
    (void)put(l, " ");
    (void)put(l, name);
    (void)put(l, "=\"");
    put_value(l, value);
    (void)put(l, "\"");
}

static void begin(struct line *l, enum log_level level, const char *event)
{
    static const char *const names[] = {"error", "warning", "notice", "debug"};
    char now[INSTANT_TEXT_SIZE];
    instant_print(host_now_ms(logger.host ? logger.host : host_real()), now);
    l->len = 0;
    (void)put(l, now);
    (void)put(l, " ");
    (void)put(l, names[level]);
    (void)put(l, " ");
    (void)put(l, logger.role);
    (void)put(l, " ");
    (void)put(l, event);
}

/* One write a line, so that the lines of several roles do not mix.  If the operator's end is gone, there is
 * nobody to tell. */
static void end(struct line *l)
{
    l->at[l->len < sizeof l->at ? l->len++ : sizeof l->at - 1] = '\n';
    for (size_t from = 0; from < l->len;) {
        ssize_t n = write(STDERR_FILENO, l->at + from, l->len - from);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return;
        from += (size_t)n;
    }
}

void log_event(enum log_level level, const char *event, ...)
{
    struct line l;
    va_list pairs;
    if (level > logger.most)
        return;
    begin(&l, level, event);
    va_start(pairs, event);
    for (unsigned i = 0; i < PAIRS_MAX; i++) {
        const char *name = va_arg(pairs, const char *);
        if (!name)
            break;
        put_pair(&l, name, va_arg(pairs, const char *));
    }
    va_end(pairs);
    end(&l);
}

void log_failure(enum log_level level, const char *event, result r, const struct why *why)
{
    struct line l;
    if (level > logger.most)
        return;
    begin(&l, level, event);
    put_pair(&l, "status", status_name(r.code));
    if (why && why->field[0])
        put_pair(&l, "field", why->field);
    put_pair(&l, "why", why ? why->text : "");
    if (why && why->at)
        put_pair(&l, "at", why->at);
    end(&l);
}
