/*
 * smtp.h - one message by SMTP submission (libcurl underneath; only smtp.c sees it).  Blocks.
 */
#ifndef INNSYN_BROKER_MAIL_SMTP_H
#define INNSYN_BROKER_MAIL_SMTP_H

#include "base/result.h"
#include "base/slice.h"
#include "broker/roles.h"

enum { SMTP_CONNECT_MS = 20 * 1000, SMTP_WHOLE_MS = 60 * 1000 };

struct smtp;

/* password: NULL where the server asks for none.  Everything is borrowed for life. */
MUST_CHECK result smtp_new(const struct broker_settings *settings, const char *password, struct smtp **ret, struct why *why);
void smtp_free(struct smtp *s);

/* How it ended, as far as we know. */
enum smtp_end {
    SMTP_SENT = 1,    /* the server took the message over */
    SMTP_LATER = 2,   /* it did not, and may another time */
    SMTP_NEVER = 3,   /* it refuses this message or its addressee for good */
    SMTP_UNKNOWN = 4, /* the text was on its way and no answer came: it may have arrived */
};

/* Called once, when the server has agreed to all and waits for the text: false gives up, with nothing sent. */
typedef bool smtp_begin_fn(void *self);

/* to: an address that mail_address_check let through.  message: header and body, lines ending in CR LF.
 * why: what the server or the library said, for the operator's log (no address of ours is put there). */
enum smtp_end smtp_send(struct smtp *s, const char *to, struct slice message, smtp_begin_fn *begin, void *self, struct why *why);

#endif
