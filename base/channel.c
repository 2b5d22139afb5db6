/*
 * `in` holds what was read and not yet consumed; `out` what waits for the peer, sent up to `out_sent`.
 * Once `ended`, nothing is read or written any more.  A send that stopped in the middle of a frame for want
 * of memory or time ends the channel, because the peer could not find the next frame.
 */
#include "base/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/wire.h"

enum {
    HEAD_BYTES = 4 + 2 + 8,
    READ_STEP_BYTES = 64 * 1024,
    READS_PER_TURN_MAX = 16,           /* other watches of the loop get their turn in between */
    KEEP_ROOM_BYTES_MAX = 1024 * 1024, /* a buffer that grew beyond is given back once empty */
    SEND_NOW_MS_MAX = 30 * 1000,
};

struct channel {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    channel_fn *on_message;
    loop_fn *on_end;
    void *self;
    struct buffer in, out;
    size_t out_sent;
    size_t in_taken; /* bytes of `in` that the message last received stands in */
    bool ended;
    bool calling; /* inside a callback: freeing waits until it returns */
    bool doomed;
};

result channel_pair(int ret_fd[2], struct why *why)
{
    int fd[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fd) != 0)
        return FAIL(why, UNAVAILABLE, "no socket pair for a channel: %s", strerrordesc_np(errno));
    ret_fd[0] = fd[0];
    ret_fd[1] = fd[1];
    return DONE;
}

static void on_ready(void *self);

result channel_new(struct loop *loop, int fd, channel_fn *on_message, loop_fn *on_end, void *self,
                   struct channel **ret, struct why *why)
{
    int flags = fcntl(fd, F_GETFL);
    if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) != 0)
        return FAIL(why, UNAVAILABLE, "descriptor %d is not fit for a channel: %s", fd, strerrordesc_np(errno));
    struct channel *c = calloc(1, sizeof *c);
    if (!c)
        return FAIL(why, LIMIT, "no memory for a channel");
    *c = (struct channel){.loop = loop, .fd = fd, .on_message = on_message, .on_end = on_end, .self = self};
    buffer_init(&c->in, HEAD_BYTES + CHANNEL_FRAME_BYTES_MAX + READ_STEP_BYTES);
    buffer_init(&c->out, CHANNEL_QUEUE_BYTES_MAX);
    if (loop) {
        result r = loop_watch_fd(loop, fd, LOOP_READ, on_ready, c, &c->watch, why);
        if (!is_ok(r)) {
            free(c);
            return r;
        }
    }
    *ret = c;
    return DONE;
}

void channel_free(struct channel *c)
{
    if (!c)
        return;
    if (c->watch)
        loop_unwatch(c->watch);
    c->watch = NULL;
    if (c->fd >= 0)
        (void)close(c->fd);
    c->fd = -1;
    c->ended = true;
    if (c->calling) {
        c->doomed = true;
        return;
    }
    buffer_wipe(&c->in);
    buffer_wipe(&c->out);
    free(c);
}

/* --- frames ----------------------------------------------------------------------------------- */

static void head_write(uint8_t head[HEAD_BYTES], uint16_t kind, uint64_t tag, size_t len)
{
    for (int i = 0; i < 4; i++)
        head[i] = (uint8_t)(len >> (24 - 8 * i));
    head[4] = (uint8_t)(kind >> 8);
    head[5] = (uint8_t)kind;
    for (int i = 0; i < 8; i++)
        head[6 + i] = (uint8_t)(tag >> (56 - 8 * i));
}

enum framed { FRAME_WHOLE, FRAME_PART, FRAME_TOO_LARGE };

/* The frame at the head of `in`; *ret_bytes: how much of `in` it takes, or would take. */
static enum framed frame_next(const struct channel *c, struct message *ret, size_t *ret_bytes)
{
    struct reader r = reader_of(buffer_slice(&c->in));
    uint32_t len;
    uint16_t kind;
    uint64_t tag;
    *ret_bytes = HEAD_BYTES;
    if (!reader_u32(&r, &len))
        return FRAME_PART;
    if (len > CHANNEL_FRAME_BYTES_MAX)
        return FRAME_TOO_LARGE;
    *ret_bytes = HEAD_BYTES + len;
    if (!reader_u16(&r, &kind) || !reader_u64(&r, &tag) || r.rest.len < len)
        return FRAME_PART;
    *ret = (struct message){kind, tag, slice_part(r.rest, 0, len)};
    return FRAME_WHOLE;
}

/* --- sending ---------------------------------------------------------------------------------- */

static size_t waiting(const struct channel *c)
{
    return c->out.len - c->out_sent;
}

/* The peer sees the end; this side's loop does too, and reports it from there. */
static void cut_off(struct channel *c)
{
    (void)shutdown(c->fd, SHUT_RDWR);
}

static void forget_sent(struct channel *c)
{
    if (waiting(c) == 0) {
        c->out_sent = 0;
        if (c->out.room > KEEP_ROOM_BYTES_MAX)
            buffer_wipe(&c->out);
        else
            buffer_clear(&c->out);
    } else if (c->out_sent > c->out.len / 2) {
        buffer_consume(&c->out, c->out_sent);
        c->out_sent = 0;
    }
}

/* As much as the peer takes now; false when it is gone. */
static bool flush(struct channel *c)
{
    while (waiting(c)) {
        ssize_t n = send(c->fd, c->out.at + c->out_sent, waiting(c), MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            break;
        if (n < 0)
            return false;
        c->out_sent += (size_t)n;
    }
    forget_sent(c);
    return true;
}

static void want_what_is_due(struct channel *c)
{
    if (c->watch)
        loop_want(c->watch, LOOP_READ | (waiting(c) ? LOOP_WRITE : 0));
}

static result enqueue(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why)
{
    uint8_t head[HEAD_BYTES], *at;
    if (c->ended)
        return FAIL(why, UNAVAILABLE, "the other role is gone");
    if (payload.len > CHANNEL_FRAME_BYTES_MAX)
        return FAIL(why, LIMIT, "a message of %zu bytes: at most %d are allowed", payload.len,
                    CHANNEL_FRAME_BYTES_MAX);
    if (HEAD_BYTES + payload.len > c->out.max - c->out.len) { /* what is sent already does not count */
        buffer_consume(&c->out, c->out_sent);
        c->out_sent = 0;
    }
    TRY(buffer_reserve(&c->out, HEAD_BYTES + payload.len, &at, why)); /* all of the frame, or nothing */
    head_write(head, kind, tag, payload.len);
    TRY(buffer_add(&c->out, slice_of(head, sizeof head), why));
    return buffer_add(&c->out, payload, why);
}

result channel_send(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why)
{
    bool first = waiting(c) == 0;
    TRY(enqueue(c, kind, tag, payload, why));
    if (first && !flush(c)) {
        cut_off(c);
        return FAIL(why, UNAVAILABLE, "the other role is gone");
    }
    want_what_is_due(c);
    return DONE;
}

static int64_t monotonic_ms(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits until `deadline_ms` (negative: without end) for the descriptor; false when time is up. */
static bool await(int fd, short what, int64_t deadline_ms)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = what};
        int64_t left = deadline_ms < 0 ? -1 : deadline_ms - monotonic_ms();
        if (deadline_ms >= 0 && left < 0)
            left = 0;
        int n = poll(&p, 1, (int)left);
        if (n > 0)
            return true;
        if (n == 0)
            return false;
        if (errno != EINTR)
            return true; /* the read or write that follows says what is wrong */
    }
}

result channel_send_now(struct channel *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why)
{
    TRY(enqueue(c, kind, tag, payload, why));
    int64_t deadline_ms = monotonic_ms() + SEND_NOW_MS_MAX;
    for (bool in_time = true;;) {
        if (!flush(c) || !in_time) {
            c->ended = !c->watch; /* with a loop, the end is reported from there */
            cut_off(c);
            return FAIL(why, UNAVAILABLE, "the other role is gone, or has taken nothing for %d s",
                        SEND_NOW_MS_MAX / 1000);
        }
        if (!waiting(c))
            break;
        in_time = await(c->fd, POLLOUT, deadline_ms);
    }
    want_what_is_due(c);
    return DONE;
}

/* --- receiving -------------------------------------------------------------------------------- */

enum fill { FILL_SOME, FILL_NONE, FILL_END };

/* One read into `in`, of a step or of what the frame under way lacks. */
static enum fill fill(struct channel *c, size_t frame_bytes)
{
    uint8_t *at;
    size_t want = frame_bytes > c->in.len ? frame_bytes - c->in.len : 0;
    if (want < READ_STEP_BYTES)
        want = READ_STEP_BYTES;
    if (want > c->in.max - c->in.len)
        want = c->in.max - c->in.len;
    if (!is_ok(buffer_reserve(&c->in, want, &at, NULL)))
        return FILL_END; /* no memory: the peer starts anew with us */
    for (;;) {
        ssize_t n = recv(c->fd, at, want, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return FILL_NONE;
        if (n <= 0)
            return FILL_END;
        buffer_commit(&c->in, (size_t)n);
        return FILL_SOME;
    }
}

static void take_in(struct channel *c, size_t bytes)
{
    if (bytes == c->in.len && c->in.room > KEEP_ROOM_BYTES_MAX)
        buffer_wipe(&c->in);
    else
        buffer_consume(&c->in, bytes);
}

/* Every whole frame in `in`; false when the channel must end.  *ret_bytes: what the next frame takes. */
static bool deliver(struct channel *c, size_t *ret_bytes)
{
    size_t from = 0, bytes;
    struct buffer all = c->in;
    enum framed f;
    for (;;) {
        struct message m;
        c->in = (struct buffer){all.at + from, all.len - from, all.room, all.max};
        f = frame_next(c, &m, &bytes);
        if (f != FRAME_WHOLE)
            break;
        from += bytes;
        c->calling = true;
        c->on_message(c->self, &m);
        c->calling = false;
        if (c->ended)
            break;
    }
    c->in = all;
    take_in(c, from);
    *ret_bytes = bytes;
    return f != FRAME_TOO_LARGE;
}

static void report_end(struct channel *c)
{
    loop_unwatch(c->watch);
    c->watch = NULL;
    c->ended = true;
    c->calling = true;
    if (c->on_end)
        c->on_end(c->self);
    c->calling = false;
}

static void on_ready(void *self)
{
    struct channel *c = self;
    struct message m;
    size_t bytes;
    bool alive = flush(c);
    if (alive)
        want_what_is_due(c);
    (void)frame_next(c, &m, &bytes);
    /* What the peer sent before it went is still delivered. */
    for (int i = 0; i < READS_PER_TURN_MAX && !c->ended; i++) {
        enum fill f = fill(c, bytes);
        if (f == FILL_END || (f == FILL_SOME && !deliver(c, &bytes)) || (f == FILL_NONE && !alive)) {
            if (!c->ended)
                report_end(c);
            break;
        }
        if (f == FILL_NONE)
            break;
    }
    if (c->doomed) {
        c->doomed = false;
        channel_free(c);
    }
}

result channel_receive(struct channel *c, int timeout_ms, struct message *ret, struct why *why)
{
    if (c->loop)
        return FAIL(why, BROKEN, "this channel's messages come through its loop");
    take_in(c, c->in_taken);
    c->in_taken = 0;
    int64_t deadline_ms = timeout_ms < 0 ? -1 : monotonic_ms() + timeout_ms;
    for (bool in_time = true;;) {
        size_t bytes;
        enum framed f = frame_next(c, ret, &bytes);
        if (f == FRAME_WHOLE) {
            c->in_taken = bytes;
            return DONE;
        }
        enum fill got = FILL_END;
        if (f == FRAME_PART && !c->ended)
            got = fill(c, bytes);
        if (got == FILL_END) {
            c->ended = true;
            cut_off(c);
            return FAIL(why, UNAVAILABLE, f == FRAME_PART ? "the other role is gone"
                                                          : "the other role sent a frame over the ceiling");
        }
        if (got == FILL_SOME)
            continue;
        if (!in_time)
            return FAIL(why, LIMIT, "no answer from the other role within %d ms", timeout_ms);
        in_time = await(c->fd, POLLIN, deadline_ms);
    }
}
