/*
 * The process that holds the log key, the unit's seal and the site-issuing CA key: no sockets, no store,
 * one question of core at a time.  What it signs, and what it refuses, is signer.h.
 */
#include <signal.h>

#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/wire.h"
#include "broker/keys/signer.h"
#include "broker/roles.h"

enum { ANSWER_BYTES_MAX = 8 * 1024 * 1024 };

/* Returns when core is gone (0) or broke the protocol (1). */
static int serve(struct signer *s, struct channel *core)
{
    struct buffer to CLEANUP(buffer_done) = {0};
    buffer_init(&to, ANSWER_BYTES_MAX);
    for (;;) {
        struct message m;
        struct why why = {0};
        result r = channel_receive(core, -1, &m, &why);
        if (!is_ok(r))
            return 0;
        buffer_clear(&to);
        uint64_t tag = m.tag;
        uint16_t kind = MESSAGE_SIGNED;
        r = signer_answer(s, m.kind, m.payload, &to, &why);
        if (r.code == BROKEN) {
            log_failure(LOG_ERROR, "core_broke_the_protocol", r, &why);
            return 1;
        }
        if (!is_ok(r)) {
            log_failure(LOG_WARNING, "not_signed", r, &why);
            kind = MESSAGE_REFUSED;
            struct why none;
            if (!is_ok(wire_u8(&to, (uint8_t)r.code, &none)) || !is_ok(wire_str(&to, why.text, &none)))
                return 1;
        }
        if (!is_ok(channel_send_now(core, kind, tag, buffer_slice(&to), &why)))
            return 0;
    }
}

static result prepare(const struct keys_start *start, struct signer *s, struct channel **core, struct why *why)
{
    process_hide();
    TRY(signer_open(host_real(), start->settings->dir, start->settings->network, s, why));
    TRY(channel_new(NULL, start->core_fd, NULL, NULL, NULL, core, why));
    return sandbox_enter(SANDBOX_FILES_READ | SANDBOX_FILES_WRITE, why);
}

int keys_main(void *keys_start)
{
    struct signer s = {0};
    struct channel *core = NULL;
    struct why why = {0};
    int status = 1;
    log_init(host_real(), "keys", LOG_NOTICE);
    (void)signal(SIGTERM, SIG_IGN); /* core's turn may want one more signature: keys end when core does */
    result r = prepare(keys_start, &s, &core, &why);
    if (is_ok(r)) {
        log_event(LOG_NOTICE, "ready", "log", s.log_name.name, NULL);
        status = serve(&s, core);
    } else {
        log_failure(LOG_ERROR, "cannot_start", r, &why);
    }
    channel_free(core);
    signer_done(&s);
    return status;
}
