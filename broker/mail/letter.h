/*
 * letter.h - a notification as a mail message (RFC 5322, MIME): header, then base64 of UTF-8 text.
 * Pure.
 */
#ifndef INNSYN_BROKER_MAIL_LETTER_H
#define INNSYN_BROKER_MAIL_LETTER_H

#include "base/buffer.h"
#include "broker/messages.h"

enum { LETTER_BYTES_MAX = 16 * 1024 };

/* from: an address that mail_address_check let through.  The message's id is made of the notification's id, so
 * that it is the same at every try.  LIMIT: longer than LETTER_BYTES_MAX. */
MUST_CHECK result letter_print(const struct mail_order *m, const char *from, int64_t now_ms, struct buffer *to, struct why *why);

#endif
