/* Aim: descriptors, timers, signals and worker threads reach their callbacks on the loop, and only when due. */
#include "base/loop.h"
#include "base/worker.h"
#include "check.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

enum { TURNS_MAX = 500 };

struct seen {
    struct loop *loop;
    struct loop_watch *watch;
    int fd;
    unsigned count;
};

static void count_up(void *self)
{
    struct seen *s = self;
    s->count++;
}

static void count_and_stop(void *self)
{
    struct seen *s = self;
    s->count++;
    loop_stop(s->loop);
}

static void unwatch_itself(void *self)
{
    struct seen *s = self;
    s->count++;
    loop_unwatch(s->watch);
    s->watch = NULL;
}

static void descriptors_are_level_triggered(void **state)
{
    (void)state;
    struct seen s = {0};
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    assert_ok(loop_new(&s.loop, NULL));
    assert_ok(loop_watch_fd(s.loop, fd[0], LOOP_READ, count_up, &s, &s.watch, NULL));
    loop_turn(s.loop, 0);
    assert_int_equal(s.count, 0);
    assert_int_equal(write(fd[1], "x", 1), 1);
    loop_turn(s.loop, 1000);
    loop_turn(s.loop, 1000);
    assert_int_equal(s.count, 2); /* not read yet: called again */
    loop_want(s.watch, 0);
    loop_turn(s.loop, 0);
    assert_int_equal(s.count, 2);
    loop_want(s.watch, LOOP_READ);
    loop_want(s.watch, LOOP_READ);
    loop_turn(s.loop, 1000);
    assert_int_equal(s.count, 3);
    loop_unwatch(s.watch);
    assert_ok(loop_watch_fd(s.loop, fd[1], LOOP_WRITE, unwatch_itself, &s, &s.watch, NULL));
    loop_turn(s.loop, 1000);
    loop_turn(s.loop, 0);
    assert_int_equal(s.count, 4);
    loop_unwatch(NULL);
    loop_free(s.loop);
    loop_free(NULL);
    (void)close(fd[0]);
    (void)close(fd[1]);
}

static void timers_fire_once(void **state)
{
    (void)state;
    struct seen s = {0}, never = {0};
    struct loop_watch *other;
    assert_ok(loop_new(&s.loop, NULL));
    assert_ok(loop_timer(s.loop, count_and_stop, &s, &s.watch, NULL));
    assert_ok(loop_timer(s.loop, count_up, &never, &other, NULL));
    loop_turn(s.loop, 1);
    assert_int_equal(s.count, 0); /* not armed */
    loop_timer_set(s.watch, 1);
    loop_timer_set(other, 1);
    loop_timer_set(other, -1);
    loop_run(s.loop);
    assert_int_equal(s.count, 1);
    loop_turn(s.loop, 5);
    assert_int_equal(s.count, 1);
    loop_timer_set(s.watch, 0);
    loop_run(s.loop);
    assert_int_equal(s.count, 2);
    assert_int_equal(never.count, 0);
    loop_stop(s.loop); /* a stop before the run is not lost */
    loop_run(s.loop);
    loop_unwatch(s.watch);
    loop_unwatch(other);
    loop_free(s.loop);
}

static void signals_arrive_on_the_loop(void **state)
{
    (void)state;
    struct seen s = {0};
    assert_ok(loop_new(&s.loop, NULL));
    assert_ok(loop_signal(s.loop, SIGUSR1, count_and_stop, &s, &s.watch, NULL));
    (void)raise(SIGUSR1);
    loop_run(s.loop);
    assert_int_equal(s.count, 1);
    loop_unwatch(s.watch);
    loop_free(s.loop);
}

struct task {
    pthread_t ran_on, told_on;
    unsigned *told;
    atomic_bool *gate; /* run waits while it is closed */
};

static void run_task(void *self)
{
    struct task *t = self;
    while (t->gate && !atomic_load(t->gate))
        (void)usleep(1000);
    t->ran_on = pthread_self();
}

static void tell_task(void *self)
{
    struct task *t = self;
    t->told_on = pthread_self();
    ++*t->told;
}

static void workers_run_apart_and_tell_on_the_loop(void **state)
{
    (void)state;
    struct loop *l;
    struct workers *w = NULL;
    struct task tasks[100];
    unsigned told = 0;
    assert_ok(loop_new(&l, NULL));
    assert_status(workers_new(l, 0, &w, NULL), LIMIT);
    assert_status(workers_new(l, WORKER_THREADS_MAX + 1, &w, NULL), LIMIT);
    assert_ok(workers_new(l, 2, &w, NULL));
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        tasks[i] = (struct task){.told = &told};
        assert_ok(workers_run(w, run_task, tell_task, &tasks[i], NULL));
    }
    for (int i = 0; i < TURNS_MAX && told < COUNT_OF(tasks); i++)
        loop_turn(l, 100);
    assert_int_equal(told, COUNT_OF(tasks));
    for (size_t i = 0; i < COUNT_OF(tasks); i++) {
        assert_true(pthread_equal(tasks[i].told_on, pthread_self()));
        assert_false(pthread_equal(tasks[i].ran_on, pthread_self()));
    }
    workers_free(w);
    workers_free(NULL);
    loop_free(l);
}

static void a_full_queue_refuses(void **state)
{
    (void)state;
    static struct task tasks[WORKER_QUEUE_MAX + 2];
    struct loop *l;
    struct workers *w;
    unsigned told = 0, taken = 0;
    atomic_bool gate = false;
    assert_ok(loop_new(&l, NULL));
    assert_ok(workers_new(l, 1, &w, NULL));
    /* One job may already have left the queue for the thread. */
    for (; taken < COUNT_OF(tasks); taken++) {
        tasks[taken] = (struct task){.told = &told, .gate = &gate};
        if (!is_ok(workers_run(w, run_task, tell_task, &tasks[taken], NULL)))
            break;
    }
    assert_in_range(taken, WORKER_QUEUE_MAX, WORKER_QUEUE_MAX + 1);
    struct task refused = {.told = &told};
    /* Until the thread has taken its one and waits with it, there is room for one more. */
    for (int i = 0; i < TURNS_MAX && taken <= WORKER_QUEUE_MAX; i++, (void)usleep(10000))
        taken += is_ok(workers_run(w, run_task, tell_task, &refused, NULL));
    assert_int_equal(taken, WORKER_QUEUE_MAX + 1);
    assert_status(workers_run(w, run_task, tell_task, &refused, NULL), LIMIT);
    atomic_store(&gate, true);
    for (int i = 0; i < TURNS_MAX && told < taken; i++)
        loop_turn(l, 100);
    assert_int_equal(told, taken);
    workers_free(w);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(descriptors_are_level_triggered),
        cmocka_unit_test(timers_fire_once),
        cmocka_unit_test(signals_arrive_on_the_loop),
        cmocka_unit_test(workers_run_apart_and_tell_on_the_loop),
        cmocka_unit_test(a_full_queue_refuses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
