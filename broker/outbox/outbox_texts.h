/* outbox_texts.h - the words of notifications.  Pure. */
#ifndef INNSYN_BROKER_OUTBOX_OUTBOX_TEXTS_H
#define INNSYN_BROKER_OUTBOX_OUTBOX_TEXTS_H

#include "base/buffer.h"
#include "base/result.h"

/* language: "nb" or "en".  due_ms: 0 for none.  BROKEN: no such kind. */
MUST_CHECK result outbox_text(struct slice kind, struct slice language, struct slice document, int64_t due_ms, const char *url,
                              struct buffer *subject, struct buffer *text, struct why *why);
const char *outbox_kind_at(unsigned i); /* NULL: no more */

#endif
