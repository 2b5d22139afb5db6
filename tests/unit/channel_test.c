/* Aim: frames arrive whole and in order however they are cut, and a frame over the ceiling ends the channel. */
#include "base/buffer.h"
#include "base/channel.h"
#include "check.h"

#include <stdlib.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TURNS_MAX = 20000 };

struct seen {
    struct channel *channel;
    struct buffer text; /* "kind:tag:payload " a message, or its length if long */
    unsigned messages, ends;
    unsigned free_at; /* frees the channel in the callback of that message */
};

static void on_message(void *self, const struct message *m)
{
    struct seen *s = self;
    s->messages++;
    if (m->payload.len > 20)
        assert_ok(buffer_printf(&s->text, NULL, "%u:%zu ", m->kind, m->payload.len));
    else
        assert_ok(buffer_printf(&s->text, NULL, "%u:%llu:%.*s ", m->kind, (unsigned long long)m->tag,
                                SLICE_ARG(m->payload)));
    if (s->free_at == s->messages) {
        channel_free(s->channel);
        s->channel = NULL;
    }
}

static void on_end(void *self)
{
    struct seen *s = self;
    s->ends++;
}

static struct loop *loop;
static int fd[2];
static struct seen seen;

static int enter(void **state)
{
    (void)state;
    seen = (struct seen){0};
    buffer_init(&seen.text, 1 << 16);
    return is_ok(loop_new(&loop, NULL)) && is_ok(channel_pair(fd, NULL)) &&
                   is_ok(channel_new(loop, fd[0], on_message, on_end, &seen, &seen.channel, NULL))
               ? 0
               : -1;
}

static int leave(void **state)
{
    (void)state;
    channel_free(seen.channel);
    buffer_done(&seen.text);
    loop_free(loop);
    return 0;
}

static void turns(int n)
{
    for (int i = 0; i < n; i++)
        loop_turn(loop, 0);
}

/* "hello" as kind 7, tag 258, then an empty payload as kind 1, tag 0. */
static const uint8_t two_frames[] = "\0\0\0\5\0\7\0\0\0\0\0\0\1\2hello\0\0\0\0\0\1\0\0\0\0\0\0\0\0";

static void frames_cut_anywhere(void **state)
{
    (void)state;
    size_t len = sizeof two_frames - 1;
    for (size_t cut = 0; cut <= len; cut++) {
        buffer_clear(&seen.text);
        assert_int_equal(write(fd[1], two_frames, cut), cut);
        turns(2);
        assert_int_equal(write(fd[1], two_frames + cut, len - cut), len - cut);
        turns(2);
        assert_slice(buffer_slice(&seen.text), "7:258:hello 1:0: ");
    }
    assert_int_equal(seen.ends, 0);
    (void)close(fd[1]);
    turns(3);
    assert_int_equal(seen.ends, 1); /* once */
    assert_status(channel_send(seen.channel, 1, 1, slice_str("x"), NULL), UNAVAILABLE);
}

static void oversized_frame_ends_the_channel(void **state)
{
    (void)state;
    const uint8_t head[] = "\1\0\0\1\0\7\0\0\0\0\0\0\0\0"; /* 16 MiB and one byte */
    assert_int_equal(write(fd[1], two_frames, sizeof two_frames - 1), sizeof two_frames - 1);
    assert_int_equal(write(fd[1], head, 4), 4);
    turns(3);
    assert_int_equal(seen.messages, 2);
    assert_int_equal(seen.ends, 1);
    assert_int_equal(write(fd[1], two_frames, sizeof two_frames - 1), sizeof two_frames - 1);
    turns(3);
    assert_int_equal(seen.messages, 2);
    (void)close(fd[1]);
}

static void largest_frame_passes(void **state)
{
    (void)state;
    struct seen other = {0};
    buffer_init(&other.text, 4096);
    uint8_t *bytes = calloc(1, CHANNEL_FRAME_BYTES_MAX + 1);
    assert_non_null(bytes);
    assert_ok(channel_new(loop, fd[1], on_message, on_end, &other, &other.channel, NULL));
    assert_status(channel_send(other.channel, 5, 6, slice_of(bytes, CHANNEL_FRAME_BYTES_MAX + 1), NULL), LIMIT);
    assert_ok(channel_send(other.channel, 5, 6, slice_of(bytes, CHANNEL_FRAME_BYTES_MAX), NULL));
    assert_ok(channel_send(other.channel, 8, 9, slice_str("after"), NULL));
    for (int i = 0; i < TURNS_MAX && seen.messages < 2; i++)
        loop_turn(loop, 100);
    assert_slice(buffer_slice(&seen.text), "5:16777216 8:9:after ");
    /* Nobody turns the loop: the queue fills up to its ceiling, and then refuses. */
    unsigned queued = 0;
    while (queued < 10 && is_ok(channel_send(other.channel, 5, queued, slice_of(bytes, CHANNEL_FRAME_BYTES_MAX), NULL)))
        queued++;
    assert_in_range(queued, 3, 4);
    assert_status(channel_send(other.channel, 5, 0, slice_of(bytes, CHANNEL_FRAME_BYTES_MAX), NULL), LIMIT);
    for (int i = 0; i < TURNS_MAX && seen.messages < 2 + queued; i++)
        loop_turn(loop, 100);
    assert_int_equal(seen.messages, 2 + queued);
    free(bytes);
    channel_free(other.channel);
    buffer_done(&other.text);
    turns(3);
    assert_int_equal(seen.ends, 1);
}

static void freed_in_its_own_callback(void **state)
{
    (void)state;
    seen.free_at = 1;
    assert_int_equal(write(fd[1], two_frames, sizeof two_frames - 1), sizeof two_frames - 1);
    turns(3);
    assert_int_equal(seen.messages, 1);
    assert_int_equal(seen.ends, 0);
    assert_null(seen.channel);
    (void)close(fd[1]);
}

/* A child echoes each message, with its kind and tag one higher. */
static void blocking_question_and_answer(void **state)
{
    (void)state;
    int pair[2];
    struct message m;
    struct channel *c;
    assert_ok(channel_pair(pair, NULL));
    pid_t child = fork();
    if (child == 0) {
        (void)close(pair[0]);
        if (!is_ok(channel_new(NULL, pair[1], NULL, NULL, NULL, &c, NULL)))
            _exit(1);
        while (is_ok(channel_receive(c, 10000, &m, NULL)))
            if (!is_ok(channel_send_now(c, (uint16_t)(m.kind + 1), m.tag + 1, m.payload, NULL)))
                _exit(2);
        _exit(0);
    }
    (void)close(pair[1]);
    assert_ok(channel_new(NULL, pair[0], NULL, NULL, NULL, &c, NULL));
    assert_status(channel_receive(c, 10, &m, NULL), LIMIT);
    assert_ok(channel_send_now(c, 1, 10, slice_str("one"), NULL));
    assert_ok(channel_send_now(c, 3, 20, slice_str("two"), NULL));
    assert_ok(channel_receive(c, 10000, &m, NULL));
    assert_slice(m.payload, "one");
    assert_ok(channel_receive(c, 10000, &m, NULL));
    assert_slice(m.payload, "two");
    assert_int_equal(m.kind, 4);
    assert_int_equal(m.tag, 21);
    static uint8_t large[CHANNEL_FRAME_BYTES_MAX];
    large[sizeof large - 1] = 9;
    assert_ok(channel_send_now(c, 1, 1, slice_of(large, sizeof large), NULL));
    assert_ok(channel_receive(c, 10000, &m, NULL));
    assert_true(slice_equal(m.payload, slice_of(large, sizeof large)));
    int status;
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_status(channel_receive(c, 10000, &m, NULL), UNAVAILABLE);
    assert_status(channel_send_now(c, 1, 1, slice_str("x"), NULL), UNAVAILABLE);
    channel_free(c);
    assert_status(channel_receive(seen.channel, 0, &m, NULL), BROKEN); /* it has a loop */
    (void)close(fd[1]);
}

static void blocking_refuses_oversized(void **state)
{
    (void)state;
    int pair[2];
    struct message m;
    struct channel *c;
    assert_ok(channel_pair(pair, NULL));
    assert_ok(channel_new(NULL, pair[0], NULL, NULL, NULL, &c, NULL));
    assert_int_equal(write(pair[1], "\xff\xff\xff\xff", 4), 4);
    assert_status(channel_receive(c, 1000, &m, NULL), UNAVAILABLE);
    assert_status(channel_send_now(c, 1, 1, slice_str("x"), NULL), UNAVAILABLE);
    channel_free(c);
    channel_free(NULL);
    (void)close(pair[1]);
    (void)close(fd[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(frames_cut_anywhere, enter, leave),
        cmocka_unit_test_setup_teardown(oversized_frame_ends_the_channel, enter, leave),
        cmocka_unit_test_setup_teardown(largest_frame_passes, enter, leave),
        cmocka_unit_test_setup_teardown(freed_in_its_own_callback, enter, leave),
        cmocka_unit_test_setup_teardown(blocking_question_and_answer, enter, leave),
        cmocka_unit_test_setup_teardown(blocking_refuses_oversized, enter, leave),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
