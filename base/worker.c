/*
 * Two lists under one lock: jobs that wait, and jobs that ran and wait for the loop.  The eventfd wakes the loop.
 */
#include "base/worker.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

struct job {
    struct job *next;
    worker_fn *run, *done;
    void *self;
};

struct jobs {
    struct job *first, *last;
    unsigned count;
};

struct workers {
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct jobs waiting, finished;
    bool ending;
    int event_fd;
    struct loop_watch *watch;
    pthread_t thread[WORKER_THREADS_MAX];
    unsigned threads;
};

static void jobs_add(struct jobs *js, struct job *j)
{
    j->next = NULL;
    if (js->last)
        js->last->next = j;
    else
        js->first = j;
    js->last = j;
    js->count++;
}

static struct job *jobs_take(struct jobs *js)
{
    struct job *j = js->first;
    if (!j)
        return NULL;
    js->first = j->next;
    if (!js->first)
        js->last = NULL;
    js->count--;
    return j;
}

static void *work(void *self)
{
    struct workers *w = self;
    (void)pthread_mutex_lock(&w->lock);
    while (!w->ending) {
        struct job *j = jobs_take(&w->waiting);
        if (!j) {
            (void)pthread_cond_wait(&w->wake, &w->lock);
            continue;
        }
        (void)pthread_mutex_unlock(&w->lock);
        j->run(j->self);
        (void)pthread_mutex_lock(&w->lock);
        jobs_add(&w->finished, j);
        /* The counter cannot overflow: the loop empties it, and at most a queue's worth is under way. */
        (void)eventfd_write(w->event_fd, 1);
    }
    (void)pthread_mutex_unlock(&w->lock);
    return NULL;
}

static void deliver(void *self)
{
    struct workers *w = self;
    eventfd_t count;
    (void)eventfd_read(w->event_fd, &count);
    (void)pthread_mutex_lock(&w->lock);
    struct jobs finished = w->finished;
    w->finished = (struct jobs){0};
    (void)pthread_mutex_unlock(&w->lock);
    for (struct job *j = jobs_take(&finished); j; j = jobs_take(&finished)) {
        j->done(j->self);
        free(j);
    }
}

/* Signals belong to the loop's thread. */
static int thread_start(pthread_t *ret, struct workers *w)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int error = pthread_create(ret, NULL, work, w);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return error;
}

result workers_new(struct loop *loop, unsigned threads, struct workers **ret, struct why *why)
{
    if (threads < 1 || threads > WORKER_THREADS_MAX)
        return FAIL(why, LIMIT, "%u worker threads: 1 to %d are allowed", threads, WORKER_THREADS_MAX);
    struct workers *w = calloc(1, sizeof *w);
    if (!w)
        return FAIL(why, LIMIT, "no memory for workers");
    (void)pthread_mutex_init(&w->lock, NULL); /* with default attributes, neither fails on Linux */
    (void)pthread_cond_init(&w->wake, NULL);
    w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    result r = w->event_fd < 0 ? FAIL(why, UNAVAILABLE, "no eventfd: %s", strerrordesc_np(errno))
                               : loop_watch_fd(loop, w->event_fd, LOOP_READ, deliver, w, &w->watch, why);
    while (is_ok(r) && w->threads < threads) {
        int error = thread_start(&w->thread[w->threads], w);
        if (error)
            r = FAIL(why, UNAVAILABLE, "a worker thread cannot be started: %s", strerrordesc_np(error));
        else
            w->threads++;
    }
    if (!is_ok(r)) {
        workers_free(w);
        return r;
    }
    *ret = w;
    return DONE;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    (void)pthread_mutex_lock(&w->lock);
    w->ending = true;
    (void)pthread_cond_broadcast(&w->wake);
    (void)pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->threads; i++)
        (void)pthread_join(w->thread[i], NULL);
    deliver(w);
    for (struct job *j = jobs_take(&w->waiting); j; j = jobs_take(&w->waiting))
        free(j);
    loop_unwatch(w->watch);
    if (w->event_fd >= 0)
        (void)close(w->event_fd);
    (void)pthread_cond_destroy(&w->wake);
    (void)pthread_mutex_destroy(&w->lock);
    free(w);
}

result workers_run(struct workers *w, worker_fn *run, worker_fn *done, void *job, struct why *why)
{
    struct job *j = malloc(sizeof *j);
    if (!j)
        return FAIL(why, LIMIT, "no memory for a job");
    *j = (struct job){.run = run, .done = done, .self = job};
    (void)pthread_mutex_lock(&w->lock);
    bool full = w->waiting.count >= WORKER_QUEUE_MAX;
    if (!full) {
        jobs_add(&w->waiting, j);
        (void)pthread_cond_signal(&w->wake);
    }
    (void)pthread_mutex_unlock(&w->lock);
    if (full) {
        free(j);
        return FAIL(why, LIMIT, "%d jobs are waiting already", WORKER_QUEUE_MAX);
    }
    return DONE;
}
