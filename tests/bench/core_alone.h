/* core_alone.h - a core in one process with its signer, for benches that fill stores: nobody to answer, no passwords. */
#ifndef INNSYN_TESTS_BENCH_CORE_ALONE_H
#define INNSYN_TESTS_BENCH_CORE_ALONE_H

#include "broker/core.h"
#include "broker/keys/signer.h"

/* A number below `below`, the same each time for the same seed. */
static inline uint64_t draw_below(uint64_t *seed, uint64_t below)
{
    *seed = *seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return (*seed >> 33) % below;
}

static inline void alone_reply(void *self, unsigned net, uint64_t tag, const struct http_reply *r)
{
    (void)self, (void)net, (void)tag, (void)r;
}

static inline void alone_cut(void *self, struct slice site)
{
    (void)self, (void)site;
}

static inline result alone_keys(void *self, uint16_t kind, struct slice payload, struct buffer *ret, struct why *why)
{
    return signer_answer(self, kind, payload, ret, why);
}

static inline result alone_work(void *self, struct password_job *job, struct why *why)
{
    (void)self, (void)job;
    return FAIL(why, LIMIT, "no passwords here");
}

static inline struct core_ports alone_ports(struct signer *s)
{
    return (struct core_ports){.self = s, .reply = alone_reply, .cut = alone_cut, .keys = alone_keys, .work = alone_work};
}

#endif
