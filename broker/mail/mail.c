/*
 * The process that sends mail: it has the network and the password of the mail server, and nothing else: no
 * store, no keys of ours.  It is given one notification at a time and sends it, and never decides to send.
 *
 *   core                         mail                         server
 *   MESSAGE_MAIL  ------------>  connects, logs in, names the addressee
 *                 <------------  MESSAGE_MAIL_READY            is ready for the text
 *   commits "begun"
 *   MESSAGE_MAIL_GO ---------->  the text                      takes it over
 *                 <------------  MESSAGE_MAIL_ENDED
 *   commits the end
 *
 * A notification that was begun and whose end was not committed is never sent again (broker/outbox/outbox.c).
 */
#include <stdlib.h>

#include "base/channel.h"
#include "base/log.h"
#include "base/sandbox.h"
#include "base/secret.h"
#include "base/wire.h"
#include "broker/mail/letter.h"
#include "broker/mail/smtp.h"

enum { PASSWORD_BYTES_MAX = 1024, GO_WAIT_MS = 30 * 1000, ENDED_BYTES_MAX = 1024 };

struct mailer {
    const struct mail_start *start;
    struct channel *core;
    struct smtp *smtp;
    struct buffer password;
    uint64_t tag;
    bool core_gone;
};

/* Core must have written that the text leaves before it does. */
static bool may_begin(void *self)
{
    struct mailer *m = self;
    struct message answer;
    struct why why = {0};
    result r = channel_send_now(m->core, MESSAGE_MAIL_READY, m->tag, slice_str(""), &why);
    if (is_ok(r))
        r = channel_receive(m->core, GO_WAIT_MS, &answer, &why);
    m->core_gone = !is_ok(r) || answer.kind != MESSAGE_MAIL_GO || answer.tag != m->tag;
    return !m->core_gone;
}

static result send_one(struct mailer *m, const struct message *order, struct why *why)
{
    struct mail_order o;
    struct buffer text CLEANUP(buffer_done) = {0}, ended CLEANUP(buffer_done) = {0};
    char address[MAIL_ADDRESS_MAX + 1], id[DOCUMENT_ID_LEN + 1];
    struct why said = {0};
    buffer_init(&text, LETTER_BYTES_MAX);
    buffer_init(&ended, ENDED_BYTES_MAX);
    if (order->kind != MESSAGE_MAIL || !mail_order_decode(order->payload, &o) || !is_ok(mail_address_check(o.address, "", NULL)) ||
        !slice_copy_str(o.address, address, sizeof address) || !slice_copy_str(o.id, id, sizeof id))
        return FAIL(why, BROKEN, "core sent something that is no mail");
    m->tag = order->tag;
    TRY(letter_print(&o, m->start->settings->mail_from, host_now_ms(host_real()), &text, why));
    enum smtp_end end = smtp_send(m->smtp, address, buffer_slice(&text), may_begin, m, &said);
    if (m->core_gone)
        return FAIL(why, UNAVAILABLE, "core is gone");
    if (end != SMTP_SENT)
        log_event(LOG_WARNING, "mail_not_sent", "id", id, "reason", said.text, NULL);
    TRY(wire_u8(&ended, (uint8_t)end, why));
    return channel_send_now(m->core, MESSAGE_MAIL_ENDED, m->tag, buffer_slice(&ended), why);
}

static int serve(struct mailer *m)
{
    for (;;) {
        struct message order;
        struct why why = {0};
        if (!is_ok(channel_receive(m->core, -1, &order, &why)))
            return 0;
        result r = send_one(m, &order, &why);
        if (r.code == BROKEN)
            log_failure(LOG_ERROR, "core_broke_the_protocol", r, &why);
        if (!is_ok(r))
            return r.code == UNAVAILABLE ? 0 : 1;
    }
}

static result read_password(struct mailer *m, struct why *why)
{
    const char *path = m->start->settings->mail_password_file;
    if (!path[0])
        return DONE;
    TRY(host_read_file(host_real(), path, PASSWORD_BYTES_MAX, &m->password, why));
    while (m->password.len > 0 && (m->password.at[m->password.len - 1] == '\n' || m->password.at[m->password.len - 1] == '\r'))
        m->password.len--;
    return DONE;
}

static result prepare(struct mailer *m, struct why *why)
{
    process_hide();
    TRY(read_password(m, why));
    TRY(smtp_new(m->start->settings, m->password.len ? buffer_str(&m->password) : NULL, &m->smtp, why));
    TRY(channel_new(NULL, m->start->core_fd, NULL, NULL, NULL, &m->core, why));
    return sandbox_enter(SANDBOX_CONNECT, why);
}

int mail_main(void *mail_start)
{
    struct mailer m = {.start = mail_start};
    struct why why = {0};
    int status = 1;
    buffer_init(&m.password, PASSWORD_BYTES_MAX + 1);
    log_init(host_real(), "mail", LOG_NOTICE);
    result r = prepare(&m, &why);
    if (is_ok(r)) {
        log_event(LOG_NOTICE, "ready", "server", m.start->settings->mail_url, NULL);
        status = serve(&m);
    } else
        log_failure(LOG_ERROR, "cannot_start", r, &why);
    channel_free(m.core);
    smtp_free(m.smtp);
    buffer_wipe(&m.password);
    return status;
}
