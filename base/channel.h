/*
 * channel.h - messages between two roles of one program over a socket pair.
 * A frame is u32 length of the payload, u16 kind, u64 tag, payload.  The tag joins an answer to its question.
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

/* Takes over fd (on failure it stays the caller's).  loop may be NULL for a channel used only with
 * channel_receive/channel_send_now.  on_end is called once, from the loop, after the last whole message;
 * it may be NULL.  Either callback may free the channel. */
MUST_CHECK result channel_new(struct loop *loop, int fd, channel_fn *on_message, loop_fn *on_end,
                              void *self, struct channel **ret, struct why *why);
void channel_free(struct channel *c);

/* Queued, and sent as the peer takes it.  LIMIT: over CHANNEL_QUEUE_BYTES_MAX waiting, or a payload over
 * CHANNEL_FRAME_BYTES_MAX; nothing of it is sent.  UNAVAILABLE: the other role is gone. */
MUST_CHECK result channel_send(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why);

/* Blocking use (a role that asks another and can do nothing meanwhile): send, then wait for the next
 * frame, at most timeout_ms (negative: without end).  UNAVAILABLE: the other role is gone, or took nothing
 * for 30 s.  LIMIT: time is up, or as channel_send.  channel_receive is for channels without a loop (BROKEN). */
MUST_CHECK result channel_send_now(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload,
                                   struct why *why);
MUST_CHECK result channel_receive(struct channel *c, int timeout_ms, struct message *ret, struct why *why);

#endif
