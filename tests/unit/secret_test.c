/* Aim: a secret is held whole, is gone in a child, and compares without early exit. */
#include "base/secret.h"
#include "check.h"

#include <sys/wait.h>
#include <unistd.h>

static void holds_and_limits(void **state)
{
    (void)state;
    static uint8_t bytes[SECRET_BYTES_MAX + 1];
    struct secret *s = NULL;
    memset(bytes, 7, sizeof bytes);
    assert_status(secret_new(slice_of(bytes, sizeof bytes), &s, NULL), LIMIT);
    assert_null(s);
    assert_ok(secret_new(slice_of(bytes, SECRET_BYTES_MAX), &s, NULL));
    assert_true(slice_equal(secret_bytes(s), slice_of(bytes, SECRET_BYTES_MAX)));
    secret_freep(&s);
    assert_null(s);
    secret_free(NULL);
}

static void child_sees_nothing(void **state)
{
    (void)state;
    struct secret *s CLEANUP(secret_freep) = NULL;
    assert_ok(secret_new(slice_str("the site secret"), &s, NULL));
    pid_t child = fork();
    if (child == 0)
        _exit(secret_bytes(s).len == 0 ? 0 : 1);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_slice(secret_bytes(s), "the site secret");
}

static void compares_and_wipes(void **state)
{
    (void)state;
    assert_true(equal_constant_time(slice_str("abc"), slice_str("abc")));
    assert_true(equal_constant_time(slice_str(""), slice_str(NULL)));
    assert_false(equal_constant_time(slice_str("abc"), slice_str("abd")));
    assert_false(equal_constant_time(slice_str("abc"), slice_str("ab")));
    char text[] = "abc";
    wipe(text, 3);
    assert_memory_equal(text, "\0\0\0", 3);
    wipe(NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_and_limits),
        cmocka_unit_test(child_sees_nothing),
        cmocka_unit_test(compares_and_wipes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
