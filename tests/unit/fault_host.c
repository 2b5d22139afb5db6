#include "fault_host.h"

enum fate { GOES_ON, FAILS_BEFORE, FAILS_AFTER };

static enum fate fate(struct fault_host *f)
{
    if (f->calls++ != f->fail_at)
        return GOES_ON;
    f->hit = true;
    return f->after ? FAILS_AFTER : FAILS_BEFORE;
}

static result failure(const struct fault_host *f, const char *call, struct why *why)
{
    return FAIL(why, f->status, "call %lu (%s) fails because the test wants it", f->fail_at, call);
}

/* Does `call`, or fails before or after it. */
#define WITH_FATE(self, name, call)                                                                                    \
    struct fault_host *f = (self);                                                                                     \
    enum fate chosen = fate(f);                                                                                        \
    if (chosen != FAILS_BEFORE)                                                                                        \
        TRY(call);                                                                                                     \
    return chosen == GOES_ON ? DONE : failure(f, (name), why)

static int64_t fault_now_ms(void *self)
{
    const struct fault_host *f = self;
    return f->now_ms ? f->now_ms : host_now_ms(host_real());
}

static int64_t fault_monotonic_ms(void *self)
{
    const struct fault_host *f = self;
    return f->now_ms ? f->now_ms : host_monotonic_ms(host_real());
}

static result fault_random(void *self, uint8_t *to, size_t len, struct why *why)
{
    WITH_FATE(self, "random", host_random(host_real(), to, len, why));
}

static result fault_read_file(void *self, const char *path, size_t max, struct buffer *to, struct why *why)
{
    struct fault_host *f = self;
    if (fate(f) != GOES_ON) /* a read that fails gives nothing, sooner or later */
        return failure(f, "read_file", why);
    return host_read_file(host_real(), path, max, to, why);
}

static result fault_write_file(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    WITH_FATE(self, "write_file", host_write_file(host_real(), path, mode, bytes, why));
}

static result fault_append_file(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    struct fault_host *f = self;
    if (fate(f) != GOES_ON) /* what was appended is cut off again: nothing remains either way */
        return failure(f, "append_file", why);
    return host_append_file(host_real(), path, mode, bytes, why);
}

static result fault_append_later(void *self, const char *path, unsigned mode, struct slice bytes, struct why *why)
{
    struct fault_host *f = self;
    if (fate(f) != GOES_ON)
        return failure(f, "append_later", why);
    return host_append_later(host_real(), path, mode, bytes, why);
}

static result fault_remove_file(void *self, const char *path, struct why *why)
{
    WITH_FATE(self, "remove_file", host_remove_file(host_real(), path, why));
}

static result fault_make_folder(void *self, const char *path, unsigned mode, struct why *why)
{
    WITH_FATE(self, "make_folder", host_make_folder(host_real(), path, mode, why));
}

static result fault_rename(void *self, const char *from, const char *to, struct why *why)
{
    WITH_FATE(self, "rename", host_rename(host_real(), from, to, why));
}

void fault_host_init(struct fault_host *f, unsigned long fail_at)
{
    static const struct host_calls calls = {
        .now_ms = fault_now_ms,
        .monotonic_ms = fault_monotonic_ms,
        .random = fault_random,
        .read_file = fault_read_file,
        .write_file = fault_write_file,
        .append_file = fault_append_file,
        .append_later = fault_append_later,
        .remove_file = fault_remove_file,
        .make_folder = fault_make_folder,
        .rename = fault_rename,
    };
    *f = (struct fault_host){.host = {&calls, f}, .fail_at = fail_at, .status = UNAVAILABLE};
}
