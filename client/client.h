/*
 * client.h - what every command shares: the profile, the connection, how answers and failures are shown.
 * Functions that return an exit code have said on standard error what failed unless it is EXIT_DONE.
 */
#ifndef INNSYN_CLIENT_CLIENT_H
#define INNSYN_CLIENT_CLIENT_H

#include "client/arguments.h"
#include "client/document.h"
#include "client/exit_codes.h"
#include "client/profile.h"
#include "client/terminal.h"
#include "client/transport.h"
#include "proto/json.h"

enum { CALL_PATH_MAX = 1024, LIST_ITEMS_MAX = 100000, LIST_PAGES_MAX = 1000, LOCAL_FILE_MAX = 4 * 1024 * 1024 };

struct client {
    const struct host *host;
    struct terminal terminal;
    struct profile_settings profile;
    struct transport *transport; /* made at the first call */
    bool json;                   /* standard output gets the API's document and nothing else */
};
void client_done(struct client *c);

struct call {
    const char *method;
    const char *path;        /* with its query */
    const struct json *body; /* NULL: none */
    struct slice raw;        /* a body that is bytes, instead */
    bool anonymous;          /* no token is sent */
    bool idempotent;         /* may be sent again; GET, PUT and DELETE always are */
    unsigned wait_ms;        /* what the server was asked to wait */
    bool quiet;              /* a failure is not shown (the caller goes on without) */
};
/* *ret: the answer's document (the caller's). *ret_status may be NULL. */
int client_call(struct client *c, const struct call *call, struct json **ret);
/* As client_call; *ret_http: the HTTP status, 0 when there was no answer at all. */
int client_call_status(struct client *c, const struct call *call, struct json **ret, unsigned *ret_http);
/* An answer that is bytes; anonymous: no token is sent. */
int client_bytes(struct client *c, const char *path, bool anonymous, struct buffer *ret);
/* An answer that is text and not JSON. */
int client_text(struct client *c, const char *path, struct buffer *ret);
/* All pages of a list as one {"items":[...]} document. */
int client_list(struct client *c, const char *path, struct json **ret);
int client_public_list(struct client *c, const char *path, struct json **ret); /* without token */

/* One line on standard error: "innsyn: text (field)". */
int client_fail(enum exit_code code, const struct why *why);
int client_usage(const char *format, ...) PRINTF_LIKE(1, 2); /* EXIT_USAGE */
/* Appends a value as a query parameter has it: all but letters, digits, '-', '_', '.' and '~' as %XX. */
MUST_CHECK result add_escaped(struct slice text, struct buffer *to, struct why *why);
/* Standard output.  EXIT_UNREACHABLE: it cannot be written. */
int client_print(const struct buffer *text);
int client_print_json(const struct json *document);
/* One line to the person, on standard error unless --json. */
void client_say(const struct client *c, const char *format, ...) PRINTF_LIKE(2, 3);

/* A local file of the person's. */
int client_read_file(struct client *c, const char *path, struct buffer *ret);
int client_read_json(struct client *c, const char *path, struct json **ret);

#endif
