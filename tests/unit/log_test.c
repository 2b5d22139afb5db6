/* Aim: no value can forge a line or a field, and long ones cannot push the rest out.  Method: read what was written. */
#include "base/log.h"
#include "check.h"

#include <stdlib.h>
#include <unistd.h>

#include "fault_host.h"

static struct fault_host world;
static char got[8192];

/* Runs `call` with standard error in a file, and leaves in `got` what came out. */
#define CAPTURE(call)                                                                                                  \
    do {                                                                                                               \
        int kept_ = capture_begin();                                                                                   \
        call;                                                                                                          \
        capture_end(kept_);                                                                                            \
    } while (0)

static int capture_fd;

static int capture_begin(void)
{
    char name[] = "/tmp/innsyn-log-XXXXXX";
    capture_fd = mkstemp(name);
    assert_true(capture_fd >= 0);
    (void)unlink(name);
    int kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && dup2(capture_fd, STDERR_FILENO) >= 0);
    return kept;
}

static void capture_end(int kept)
{
    assert_true(dup2(kept, STDERR_FILENO) >= 0);
    (void)close(kept);
    ssize_t n = pread(capture_fd, got, sizeof got - 1, 0);
    assert_true(n >= 0);
    got[n] = 0;
    (void)close(capture_fd);
}

#define HEAD "2001-09-09T01:46:40.000Z notice guard it "

static void values_are_quoted_and_escaped(void **state)
{
    (void)state;
    const struct {
        const char *value, *want;
    } rows[] = {
        {"plain", "plain"},
        {"", ""},
        {"bl\xc3\xa5", "bl\xc3\xa5"},
        {"a\nb", "a\\nb"},
        {"\" forged=\"1", "\\\" forged=\\\"1"},
        {"a\\b", "a\\\\b"},
        {"\r\t\x1b[31m\x7f", "\\x0d\\x09\\x1b[31m\\x7f"},
        {"\xff\xc3\xa5", "\\xff\\xc3\\xa5"},  /* no UTF-8: nothing of it passes */
        {"\xc2\x9b" "1m", "\\xc2\\x9b1m"}, /* the terminal's other escape */
        {"\xc2\xa0", "\xc2\xa0"},
        {NULL, ""},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        char want[256];
        (void)snprintf(want, sizeof want, HEAD "k=\"%s\" n=\"2\"\n", rows[i].want);
        CAPTURE(log_event(LOG_NOTICE, "it", "k", rows[i].value, "n", "2", NULL));
        assert_string_equal(got, want);
    }
}

static void long_values_are_cut(void **state)
{
    (void)state;
    static char value[5000];
    memset(value, '\n', sizeof value - 1);
    CAPTURE(log_event(LOG_NOTICE, "it", "a", value, "b", value, "c", value, NULL));
    size_t len = strlen(got);
    assert_in_range(len, 2000, 4096);
    assert_ptr_equal(strchr(got, '\n'), got + len - 1);
    assert_non_null(strstr(got, "...\""));
}

static void levels_and_failures(void **state)
{
    (void)state;
    struct why why;
    result r = FAIL_AT(&why, DENIED, "/where/age", "40.5 is off the grid");
    CAPTURE(log_event(LOG_DEBUG, "it", NULL));
    assert_string_equal(got, "");
    CAPTURE(log_failure(LOG_ERROR, "query_refused", r, &why));
    assert_non_null(strstr(got, "Z error guard query_refused status=\"DENIED\" field=\"/where/age\" "
                                "why=\"40.5 is off the grid\" at=\""));
    CAPTURE(log_failure(LOG_ERROR, "query_refused", r, NULL));
    assert_non_null(strstr(got, "status=\"DENIED\" why=\"\"\n"));
}

static int enter(void **state)
{
    (void)state;
    fault_host_init(&world, 0);
    world.now_ms = INT64_C(1000000000000);
    log_init(&world.host, "guard", LOG_NOTICE);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_are_quoted_and_escaped),
        cmocka_unit_test(long_values_are_cut),
        cmocka_unit_test(levels_and_failures),
    };
    return cmocka_run_group_tests(tests, enter, NULL);
}
