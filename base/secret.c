#include "base/secret.h"

#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

enum { SECRET_PAGE_BYTES = 4096 };

struct secret {
    size_t len;
    uint8_t bytes[SECRET_BYTES_MAX];
};
_Static_assert(sizeof(struct secret) <= SECRET_PAGE_BYTES, "a secret fits its page");

result secret_new(struct slice bytes, struct secret **ret, struct why *why)
{
    if (bytes.len > SECRET_BYTES_MAX)
        return FAIL(why, LIMIT, "a secret of %zu bytes: at most %d are allowed", bytes.len, SECRET_BYTES_MAX);
    struct secret *s = mmap(NULL, SECRET_PAGE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (s == MAP_FAILED)
        return FAIL(why, LIMIT, "no memory for a secret");
    /* Locking is limited by RLIMIT_MEMLOCK; a machine that refuses should not swap to a plain disk. */
    (void)mlock(s, SECRET_PAGE_BYTES);
    if (madvise(s, SECRET_PAGE_BYTES, MADV_DONTDUMP) != 0 || madvise(s, SECRET_PAGE_BYTES, MADV_WIPEONFORK) != 0) {
        (void)munmap(s, SECRET_PAGE_BYTES);
        return FAIL(why, UNAVAILABLE, "the kernel cannot keep a page out of core files and children");
    }
    s->len = bytes.len;
    if (bytes.len)
        memcpy(s->bytes, bytes.at, bytes.len);
    *ret = s;
    return DONE;
}

void secret_free(struct secret *s)
{
    if (!s)
        return;
    wipe(s, sizeof *s);
    (void)munmap(s, SECRET_PAGE_BYTES);
}

void secret_freep(struct secret **s)
{
    secret_free(*s);
    *s = NULL;
}

struct slice secret_bytes(const struct secret *s)
{
    return slice_of(s->bytes, s->len);
}

void wipe(void *at, size_t len)
{
    if (at && len)
        explicit_bzero(at, len);
}

bool equal_constant_time(struct slice a, struct slice b)
{
    if (a.len != b.len)
        return false;
    volatile uint8_t differs = 0;
    for (size_t i = 0; i < a.len; i++)
        differs = (uint8_t)(differs | (a.at[i] ^ b.at[i]));
    return differs == 0;
}

void process_hide(void)
{
    const struct rlimit none = {0, 0};
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
}
