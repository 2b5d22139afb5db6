/*
 * channel.h - messages between two roles of one program over a socket pair.
 * A frame is u32 length, u16 kind, u64 tag, payload.  The tag joins an answer to its question.
 * A frame over the ceiling, or a kind the receiver does not permit, ends the channel: the role at
 * the other end is then treated as captured (roles exit when their channel ends).
 */
#ifndef INNSYN_BASE_CHANNEL_H
#define INNSYN_BASE_CHANNEL_H

#include <stdint.h>

#include "base/loop.h"
#include "base/result.h"
#include "base/slice.h"

enum { CHANNEL_FRAME_BYTES_MAX = 16 * 1024 * 1024, CHANNEL_QUEUE_BYTES_MAX = 64 * 1024 * 1024 };

struct channel;

struct message {
    uint16_t kind;
    uint64_t tag;
    struct slice payload; /* borrowed, until the callback or channel_receive's next call */
};

typedef void channel_fn(void *self, const struct message *m);

MUST_CHECK result channel_pair(int ret_fd[2], struct why *why); /* close-on-exec */

/* Takes over fd.  loop may be NULL for a channel used only with channel_receive/channel_send_now. */
MUST_CHECK result channel_new(struct loop *loop, int fd, channel_fn *on_message, loop_fn *on_end,
                              void *self, struct channel **ret, struct why *why);
void channel_free(struct channel *c);

/* Queued, and sent as the peer takes it.  LIMIT: over CHANNEL_QUEUE_BYTES_MAX waiting. */
MUST_CHECK result channel_send(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why);

/* Blocking use (a role that asks another and can do nothing meanwhile): send, then wait for the next
 * frame, at most timeout_ms.  UNAVAILABLE: the other role is gone.  LIMIT: time is up. */
MUST_CHECK result channel_send_now(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why);
MUST_CHECK result channel_receive(struct channel *c, int timeout_ms, struct message *ret, struct why *why);

#endif
