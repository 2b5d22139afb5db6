#include "base/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

struct loop {
    struct event_base *base;
    struct event *turn_end; /* bounds loop_turn's wait */
    bool stopped;
};

struct loop_watch {
    struct event *event;
    loop_fn *fn;
    void *self;
};

static void turn_ended(evutil_socket_t fd, short what, void *self)
{
    (void)fd;
    (void)what;
    (void)self;
}

result loop_new(struct loop **ret, struct why *why)
{
    struct loop *l = calloc(1, sizeof *l);
    struct event_config *config = event_config_new();
    /* What the loop does must not hang on EVENT_* variables of the environment. */
    if (l && config && event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0)
        l->base = event_base_new_with_config(config);
    if (config)
        event_config_free(config);
    if (l && l->base)
        l->turn_end = evtimer_new(l->base, turn_ended, NULL);
    if (!l || !l->turn_end) {
        loop_free(l);
        return FAIL(why, LIMIT, "no memory or no descriptor for an event loop");
    }
    *ret = l;
    return DONE;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    if (l->turn_end)
        event_free(l->turn_end);
    if (l->base)
        event_base_free(l->base);
    free(l);
}

static void pass(struct loop *l, int flags)
{
    if (event_base_loop(l->base, flags) < 0)
        abort(); /* the kernel's poll failed for good: nothing that waits would ever be called again */
}

void loop_run(struct loop *l)
{
    /* libevent forgets a break that came before its loop; a stop must not be lost. */
    while (!l->stopped)
        pass(l, EVLOOP_NO_EXIT_ON_EMPTY);
    l->stopped = false;
}

void loop_stop(struct loop *l)
{
    l->stopped = true;
    (void)event_base_loopbreak(l->base);
}

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
}

void loop_turn(struct loop *l, int timeout_ms)
{
    if (timeout_ms == 0) {
        pass(l, EVLOOP_NONBLOCK);
        return;
    }
    struct timeval wait = timeval_of(timeout_ms);
    if (timeout_ms > 0 && event_add(l->turn_end, &wait) != 0)
        abort();
    pass(l, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY);
    (void)event_del(l->turn_end);
}

void *loop_event_base(struct loop *l)
{
    return l->base;
}

static void fire(evutil_socket_t fd, short what, void *self)
{
    const struct loop_watch *w = self;
    (void)fd;
    (void)what;
    w->fn(w->self); /* may end the watch: nothing of it is touched afterwards */
}

static result watch(struct loop *l, evutil_socket_t fd, short what, loop_fn *fn, void *self, struct loop_watch **ret,
                    struct why *why)
{
    struct loop_watch *w = malloc(sizeof *w);
    if (!w)
        return FAIL(why, LIMIT, "no memory for a watch");
    *w = (struct loop_watch){.fn = fn, .self = self};
    w->event = event_new(l->base, fd, what, fire, w);
    if (!w->event) {
        free(w);
        return FAIL(why, LIMIT, "no memory for a watch");
    }
    *ret = w;
    return DONE;
}

static short what_of(unsigned want)
{
    return (short)((want & LOOP_READ ? EV_READ : 0) | (want & LOOP_WRITE ? EV_WRITE : 0) | EV_PERSIST);
}

result loop_watch_fd(struct loop *l, int fd, unsigned want, loop_fn *fn, void *self, struct loop_watch **ret,
                     struct why *why)
{
    struct loop_watch *w = NULL;
    TRY(watch(l, fd, what_of(want), fn, self, &w, why));
    if (want && event_add(w->event, NULL) != 0) {
        result r = FAIL(why, UNAVAILABLE, "descriptor %d cannot be watched: %s", fd, strerrordesc_np(errno));
        loop_unwatch(w);
        return r;
    }
    *ret = w;
    return DONE;
}

void loop_want(struct loop_watch *w, unsigned want)
{
    struct event_base *base = event_get_base(w->event);
    evutil_socket_t fd = event_get_fd(w->event);
    short what = what_of(want);
    bool added = event_pending(w->event, EV_READ | EV_WRITE, NULL) != 0;
    if (event_get_events(w->event) == what && added == (want != 0))
        return;
    (void)event_del(w->event);
    if (event_assign(w->event, base, fd, what, fire, w) != 0 || (want && event_add(w->event, NULL) != 0))
        abort(); /* a descriptor that was watched cannot be watched any more: it was closed under us */
}

result loop_timer(struct loop *l, loop_fn *fn, void *self, struct loop_watch **ret, struct why *why)
{
    return watch(l, -1, 0, fn, self, ret, why);
}

void loop_timer_set(struct loop_watch *w, int64_t after_ms)
{
    struct timeval wait = timeval_of(after_ms);
    (void)event_del(w->event);
    if (after_ms >= 0 && event_add(w->event, &wait) != 0)
        abort(); /* out of memory for the timer heap */
}

result loop_signal(struct loop *l, int signal_number, loop_fn *fn, void *self, struct loop_watch **ret,
                   struct why *why)
{
    struct loop_watch *w = NULL;
    TRY(watch(l, signal_number, EV_SIGNAL | EV_PERSIST, fn, self, &w, why));
    if (event_add(w->event, NULL) != 0) {
        loop_unwatch(w);
        return FAIL(why, UNAVAILABLE, "signal %d cannot be watched", signal_number);
    }
    *ret = w;
    return DONE;
}

void loop_unwatch(struct loop_watch *w)
{
    if (!w)
        return;
    if (event_get_events(w->event) & EV_SIGNAL) {
        /* Who watched it is at its end, and must not be killed there by the kernel's own answer to the signal. */
        sigset_t one;
        (void)sigemptyset(&one);
        (void)sigaddset(&one, event_get_signal(w->event));
        (void)pthread_sigmask(SIG_BLOCK, &one, NULL);
    }
    event_free(w->event);
    free(w);
}
