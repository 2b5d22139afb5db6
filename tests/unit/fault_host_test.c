/* Aim: the failing host fails exactly its n-th call, before or after the deed, and counts. */
#include "check.h"
#include "fault_host.h"

#include <stdlib.h>
#include <unistd.h>

static char folder[] = "/tmp/innsyn-fault-XXXXXX";

static result scenario(const struct host *h, const char *path)
{
    uint8_t random[4];
    struct buffer b CLEANUP(buffer_done) = {0};
    buffer_init(&b, 64);
    TRY(host_random(h, random, sizeof random, NULL));
    TRY(host_write_file(h, path, 0600, slice_of(random, sizeof random), NULL));
    TRY(host_append_file(h, path, 0600, slice_str("x"), NULL));
    TRY(host_read_file(h, path, 64, &b, NULL));
    return host_remove_file(h, path, NULL);
}

static void fails_each_call_once(void **state)
{
    (void)state;
    char path[64];
    (void)snprintf(path, sizeof path, "%s/f", folder);
    for (int after = 0; after < 2; after++) {
        for (unsigned long n = 0; n < 100; n++) {
            struct fault_host f;
            fault_host_init(&f, n);
            f.after = after;
            assert_true(is_ok(scenario(&f.host, path)) != f.hit);
            if (!f.hit) {
                assert_int_equal(n, 5);
                break;
            }
            assert_int_equal(f.calls, n + 1);
            bool there = access(path, F_OK) == 0;
            assert_int_equal(there, after ? n >= 1 && n <= 3 : n >= 2);
            (void)unlink(path);
        }
    }
}

static void has_its_own_clock(void **state)
{
    (void)state;
    struct fault_host f;
    fault_host_init(&f, 0);
    assert_true(host_now_ms(&f.host) > 0);
    f.now_ms = 5000;
    assert_int_equal(host_now_ms(&f.host), 5000);
    assert_int_equal(host_monotonic_ms(&f.host), 5000);
    assert_int_equal(f.calls, 0);
}

static int enter(void **state)
{
    (void)state;
    return mkdtemp(folder) ? 0 : -1;
}

static int leave(void **state)
{
    (void)state;
    return rmdir(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fails_each_call_once),
        cmocka_unit_test(has_its_own_clock),
    };
    return cmocka_run_group_tests(tests, enter, leave);
}
