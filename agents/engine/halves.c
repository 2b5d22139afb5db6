#include "agents/engine/halves.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>

/* OFFERED is nobody's: whoever takes it first does the second half. */
enum state { IDLE, OFFERED, TAKEN };

static struct {
    pthread_mutex_t lock;
    pthread_cond_t offered, done;
    pthread_t thread;
    bool running, ending;
    enum state state;
    halves_fn *run;
    void *self;
} second = {.lock = PTHREAD_MUTEX_INITIALIZER, .offered = PTHREAD_COND_INITIALIZER, .done = PTHREAD_COND_INITIALIZER};

static void *work(void *nothing)
{
    (void)nothing;
    (void)pthread_mutex_lock(&second.lock);
    while (!second.ending) {
        if (second.state != OFFERED) {
            (void)pthread_cond_wait(&second.offered, &second.lock);
            continue;
        }
        halves_fn *run = second.run;
        void *self = second.self;
        second.state = TAKEN;
        (void)pthread_mutex_unlock(&second.lock);
        run(self, 1);
        (void)pthread_mutex_lock(&second.lock);
        second.state = IDLE;
        (void)pthread_cond_broadcast(&second.done);
    }
    (void)pthread_mutex_unlock(&second.lock);
    return NULL;
}

result halves_begin(struct why *why)
{
    sigset_t all, before;
    (void)pthread_mutex_lock(&second.lock);
    int error = 0;
    if (!second.running) {
        second.ending = false;
        (void)sigfillset(&all); /* signals belong to the first thread */
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        error = pthread_create(&second.thread, NULL, work, NULL);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        second.running = error == 0;
    }
    (void)pthread_mutex_unlock(&second.lock);
    return error ? FAIL(why, UNAVAILABLE, "a second thread cannot be started: %s", strerrordesc_np(error)) : DONE;
}

void halves_end(void)
{
    (void)pthread_mutex_lock(&second.lock);
    bool running = second.running;
    second.ending = true;
    second.running = false;
    (void)pthread_cond_broadcast(&second.offered);
    (void)pthread_mutex_unlock(&second.lock);
    if (running)
        (void)pthread_join(second.thread, NULL);
}

static bool offer(halves_fn *run, void *self)
{
    (void)pthread_mutex_lock(&second.lock);
    bool free = second.running && second.state == IDLE;
    if (free) {
        second.state = OFFERED;
        second.run = run;
        second.self = self;
        (void)pthread_cond_signal(&second.offered);
    }
    (void)pthread_mutex_unlock(&second.lock);
    return free;
}

/* Whether the second thread did its half; false: it never began, and will not. */
static bool settle(void)
{
    (void)pthread_mutex_lock(&second.lock);
    bool begun = second.state != OFFERED;
    if (!begun)
        second.state = IDLE;
    while (second.state != IDLE)
        (void)pthread_cond_wait(&second.done, &second.lock);
    (void)pthread_mutex_unlock(&second.lock);
    return begun;
}

void halves_run(halves_fn *run, void *self)
{
    bool offered = offer(run, self);
    run(self, 0);
    if (!offered || !settle())
        run(self, 1);
}
