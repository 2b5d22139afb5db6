/*
 * outbox.c - see outbox.h.
 *
 *   state     event                                   next
 *   waiting   its time has come; handed to `mail`     waiting, one try more, its next time set before it leaves
 *   waiting   the server is ready for the text        begun, committed before the text leaves
 *   begun     taken over | refused for good           sent | failed
 *   begun     no answer came; or found at a start     unknown: it may have arrived, and is not sent again
 *   waiting, begun   refused for now                  waiting; failed after OUTBOX_TRIES_MAX tries
 *   waiting   the account has no address any more     dropped
 *
 * So no notification is given to the mail server twice, wherever the power fails; what is lost instead, in the
 * moment between a text's leaving and its end's commit, is known to be so and stands in the log.
 */
#include "broker/audit/audit.h"
#include "broker/outbox/outbox.h"

#include <stdlib.h>

#include "broker/outbox/outbox_texts.h"
#include "broker/mail/smtp.h"
#include "proto/fields.h"

static const struct {
    enum statement due;
    const char *kind;
    int64_t before_ms;
} REMINDERS[] = {
    {REMIND_ANSWERS, "remind_answer", REMIND_ANSWER_DAYS * DAY_MS},
    {REMIND_OPINIONS, "remind_opinion", REMIND_OPINION_DAYS * DAY_MS},
    {REMIND_DECISIONS, "remind_decision", REMIND_DECISION_DAYS * DAY_MS},
    {REMIND_ENDS, "remind_end", REMIND_END_DAYS * DAY_MS},
};
enum { REMINDER_COUNT = sizeof REMINDERS / sizeof REMINDERS[0] };

/* --- what is owed to whom --- */

struct notice {
    const char *kind, *document, *by;
    int64_t mark, due_ms; /* mark: the same notice twice has the same */
};

static result owe(struct core *c, struct slice account, const struct notice *n, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct document_id id;
    int64_t now = host_now_ms(c->host);
    if (slice_is(account, n->by))
        return DONE;
    TRY(RUN(c, CONTACT_GET, &rows, why, store_text(account)));
    if (!rows_next(rows) || !rows_text(rows, 0).len)
        return DONE;
    TRY(document_id_new(c->host, 'n', &id, why));
    c->outbox->read = false;
    return RUN(c, OUTBOX_ADD, NULL, why, store_str(id.text), store_text(account), store_str(n->kind), store_str(n->document),
               store_integer(n->mark), store_integer(n->due_ms), store_integer(now), store_integer(now));
}

static result owe_people(struct core *c, const struct notice *n, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, PARTY_LIST, &rows, why, store_str(n->document), store_integer(PARTY_ACCOUNT)));
    while (rows_next(rows))
        TRY(owe(c, rows_text(rows, 0), n, why));
    return DONE;
}

/* but: the sites whose holders have spoken; NULL: none. */
static result owe_holders(struct core *c, const struct notice *n, bool silent_only, struct why *why)
{
    struct rows *sites CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, PARTY_LIST, &sites, why, store_str(n->document), store_integer(PARTY_SITE)));
    while (rows_next(sites)) {
        struct rows *holders CLEANUP(rows_freep) = NULL, *spoken CLEANUP(rows_freep) = NULL;
        bool heard = false;
        if (silent_only)
            TRY(RUN(c, OPINION_LIST, &spoken, why, store_str(n->document)));
        while (spoken && rows_next(spoken))
            heard = heard || slice_equal(rows_text(spoken, 0), rows_text(sites, 0));
        TRY(RUN(c, HOLDERS_OF_SITE, &holders, why, store_text(rows_text(sites, 0))));
        while (!heard && rows_next(holders))
            TRY(owe(c, rows_text(holders, 0), n, why));
    }
    return DONE;
}

/* Those whom the trust document names: they alone can sign. */
static result owe_officers(struct core *c, const struct notice *n, struct why *why)
{
    for (unsigned i = 0; c->trust && i < c->trust->officer_count && i < OUTBOX_OFFICERS_MAX; i++)
        TRY(owe(c, slice_str(c->trust->officers[i].account.text), n, why));
    return DONE;
}

result outbox_new(struct core *c, bool on, struct why *why)
{
    c->outbox = calloc(1, sizeof *c->outbox);
    if (!c->outbox)
        return FAIL(why, LIMIT, "no memory for the outbox");
    c->outbox->on = on;
    buffer_init(&c->outbox->order, MAIL_TEXT_MAX + 1024);
    return DONE;
}

void outbox_free(struct core *c)
{
    if (c->outbox)
        buffer_done(&c->outbox->order);
    free(c->outbox);
    c->outbox = NULL;
}

result outbox_of_step(struct core *c, const struct stepped *a, enum step step, const char *by, struct why *why)
{
    struct notice n = {.document = a->document, .by = by, .mark = a->version, .kind = "application_state"};
    if (!c->outbox->on)
        return DONE;
    if (step == STEP_SUBMIT || step == STEP_ANSWER || step == STEP_APPEAL) {
        n.kind = step == STEP_SUBMIT ? "application_received" : step == STEP_APPEAL ? "application_appealed" : "application_answered";
        return owe_officers(c, &n, why);
    }
    if (step == STEP_ASK) {
        n.kind = "awaiting_information";
        n.due_ms = a->answer_due_ms;
        return owe_people(c, &n, why);
    }
    if (step == STEP_GRANT || step == STEP_REFUSE) {
        n.kind = "application_decided";
        TRY(owe_people(c, &n, why));
        n.kind = "signature_asked";
        TRY(step == STEP_GRANT ? owe_officers(c, &n, why) : DONE);
        return step == STEP_GRANT ? owe_holders(c, &n, false, why) : DONE;
    }
    static const bool told[STEPS] = {[STEP_SCREEN] = true,   [STEP_COMPLETE] = true, [STEP_EXTEND] = true, [STEP_WITHDRAW] = true,
                                     [STEP_ESTIMATE] = true, [STEP_TRANSFER] = true, [STEP_UPHOLD] = true, [STEP_REOPEN] = true,
                                     [STEP_LAPSE] = true};
    if (!told[step])
        return DONE;
    TRY(owe_people(c, &n, why));
    if (step != STEP_COMPLETE)
        return DONE;
    n.kind = "opinion_asked";
    n.due_ms = a->opinions_due_ms;
    return owe_holders(c, &n, false, why);
}

result outbox_of_permit(struct core *c, const struct permit *p, enum permit_stage stage, uint64_t serial, const char *by, struct why *why)
{
    static const char *const kinds[STAGES] = {[STAGE_LIVE] = "permit_live", [STAGE_SUSPENDED] = "permit_suspended", [STAGE_REVOKED] = "permit_revoked",
                                              [STAGE_EXPIRED] = "permit_expired", [STAGE_REPLACED] = "permit_replaced"};
    if (!c->outbox->on || stage >= STAGES || !kinds[stage])
        return DONE;
    const struct notice n = {.kind = kinds[stage], .document = p->id.text, .by = by, .mark = (int64_t)serial};
    TRY(owe_people(c, &n, why));
    return owe_holders(c, &n, false, why);
}

result outbox_of_invitation(struct core *c, const char *document, struct slice account, const char *by, struct why *why)
{
    const struct notice n = {.kind = "member_invited", .document = document, .by = by, .mark = host_now_ms(c->host) / DAY_MS};
    return c->outbox->on ? owe(c, account, &n, why) : DONE;
}

result outbox_of_acceptance(struct core *c, const struct stepped *a, struct slice applicant, bool accepted, const char *by, struct why *why)
{
    const struct notice n = {.kind = accepted ? "member_accepted" : "member_declined", .document = a->document, .by = by, .mark = a->version};
    return c->outbox->on ? owe(c, applicant, &n, why) : DONE;
}

result outbox_of_enquiry(struct core *c, const char *document, int64_t version, struct slice asker, bool asked, enum enquiry_step step,
                         const char *by, struct why *why)
{
    struct notice n = {.kind = "enquiry_received", .document = document, .by = by, .mark = version};
    if (!c->outbox->on || (!asked && step == ENQUIRY_APPLY))
        return DONE;
    if (asked || step == ENQUIRY_REPLY) {
        n.kind = asked ? n.kind : "enquiry_replied";
        return owe_officers(c, &n, why);
    }
    n.kind = step == ENQUIRY_ANSWER ? "enquiry_answered" : "enquiry_closed";
    return owe(c, asker, &n, why);
}

static result remind(struct core *c, unsigned which, int64_t now, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, REMINDERS[which].due, &rows, why, store_integer(now), store_integer(now + REMINDERS[which].before_ms),
            store_str(REMINDERS[which].kind), store_integer(REMIND_BATCH_MAX)));
    while (rows_next(rows)) {
        char document[DOCUMENT_ID_LEN + 1] = "";
        if (!slice_copy_str(rows_text(rows, 0), document, sizeof document))
            return FAIL(why, BROKEN, "a stored id is too long");
        const struct notice n = {.kind = REMINDERS[which].kind, .document = document, .by = "", .mark = rows_integer(rows, 1), .due_ms = rows_integer(rows, 1)};
        TRY(RUN(c, REMINDED, NULL, why, store_str(document), store_str(n.kind), store_integer(n.due_ms)));
        if (REMINDERS[which].due == REMIND_OPINIONS)
            TRY(owe_holders(c, &n, true, why));
        else if (REMINDERS[which].due == REMIND_DECISIONS)
            TRY(owe_officers(c, &n, why));
        else
            TRY(owe_people(c, &n, why));
    }
    return DONE;
}

result outbox_remind(struct core *c, struct why *why)
{
    int64_t now = host_now_ms(c->host);
    if (!c->outbox->on)
        return DONE;
    for (unsigned i = 0; i < REMINDER_COUNT; i++)
        TRY(remind(c, i, now, why));
    return RUN(c, OUTBOX_SWEEP, NULL, why, store_integer(now - OUTBOX_KEEP_DAYS * DAY_MS));
}

/* --- sending --- */

/* Minutes until the next try: what is not let through at first is mostly let through in a while. */
static int64_t pause_ms(int64_t tries)
{
    static const int64_t minutes[] = {1, 5, 15, 60, 240};
    size_t last = sizeof minutes / sizeof minutes[0] - 1;
    return minutes[(size_t)tries < last ? (size_t)tries : last] * MINUTE_MS;
}

static result end(struct core *c, const char *id, enum outbox_state state, struct why *why)
{
    static const char *const names[] = {[OUTBOX_SENT] = "sent", [OUTBOX_FAILED] = "failed", [OUTBOX_UNKNOWN] = "unknown", [OUTBOX_DROPPED] = "dropped"};
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OUTBOX_GET, &rows, why, store_str(id)));
    if (!rows_next(rows))
        return FAIL(why, BROKEN, "a notification is not in the outbox any more");
    TRY(RUN(c, OUTBOX_SET, NULL, why, store_str(id), store_integer(state), store_integer(host_now_ms(c->host))));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_text(rows_text(rows, 0)));
    json_set(entry, "notification", json_of_str(id));
    json_set(entry, "kind", json_of_text(rows_text(rows, 1)));
    json_set(entry, "document", json_of_text(rows_text(rows, 2)));
    json_set(entry, "tries", json_of_integer(rows_integer(rows, 3)));
    json_set(entry, "state", json_of_str(names[state]));
    return log_append(c, "notification", entry, NULL, why);
}

result outbox_recover(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OUTBOX_IN_STATE, &rows, why, store_integer(OUTBOX_BEGUN), store_integer(OUTBOX_RECOVER_MAX)));
    while (rows_next(rows)) {
        char id[DOCUMENT_ID_LEN + 1] = "";
        if (!slice_copy_str(rows_text(rows, 0), id, sizeof id))
            return FAIL(why, BROKEN, "a stored id is too long");
        TRY(end(c, id, OUTBOX_UNKNOWN, why));
    }
    return DONE;
}

static result take_end(struct core *c, struct why *why)
{
    struct outbox *o = c->outbox;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, OUTBOX_GET, &rows, why, store_str(o->flying.text)));
    bool spent = rows_next(rows) && rows_integer(rows, 3) >= OUTBOX_TRIES_MAX;
    o->lands = true;
    if (o->ended == SMTP_SENT)
        return end(c, o->flying.text, OUTBOX_SENT, why);
    if (o->ended == SMTP_UNKNOWN)
        return end(c, o->flying.text, OUTBOX_UNKNOWN, why);
    if (o->ended == SMTP_NEVER || spent)
        return end(c, o->flying.text, OUTBOX_FAILED, why);
    return RUN(c, OUTBOX_SET, NULL, why, store_str(o->flying.text), store_integer(OUTBOX_WAITING), store_integer(host_now_ms(c->host)));
}

static result hand_out(struct core *c, const struct rows *row, struct why *why)
{
    struct outbox *o = c->outbox;
    struct buffer subject CLEANUP(buffer_done) = {0}, text CLEANUP(buffer_done) = {0};
    int64_t tries = rows_integer(row, 5);
    buffer_init(&subject, MAIL_SUBJECT_MAX);
    buffer_init(&text, MAIL_TEXT_MAX);
    TRY(document_id_parse(rows_text(row, 0), 'n', &o->next, why));
    if (!rows_text(row, 7).len)
        return end(c, o->next.text, OUTBOX_DROPPED, why);
    TRY(outbox_text(rows_text(row, 2), rows_text(row, 8), rows_text(row, 3), rows_integer(row, 4), c->settings->people_url, &subject, &text, why));
    const struct mail_order order = {.id = slice_str(o->next.text), .address = rows_text(row, 7), .language = rows_text(row, 8),
                                     .subject = buffer_slice(&subject), .text = buffer_slice(&text)};
    buffer_clear(&o->order);
    TRY(mail_order_encode(&order, &o->order, why));
    TRY(RUN(c, OUTBOX_TRY, NULL, why, store_str(o->next.text), store_integer(tries + 1), store_integer(host_now_ms(c->host) + pause_ms(tries))));
    o->tell = MESSAGE_MAIL;
    return DONE;
}

result outbox_turn(struct core *c, struct why *why)
{
    struct outbox *o = c->outbox;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    o->tell = 0;
    o->lands = o->settled = false;
    if (!o->on)
        return DONE;
    if (o->heard == HEARD_READY) {
        TRY(RUN(c, OUTBOX_SET, NULL, why, store_str(o->flying.text), store_integer(OUTBOX_BEGUN), store_integer(0)));
        o->tell = MESSAGE_MAIL_GO;
    } else if (o->heard == HEARD_ENDED)
        TRY(take_end(c, why));
    o->settled = true;
    if (o->flies || (o->read && host_now_ms(c->host) < o->next_ms))
        return DONE;
    TRY(RUN(c, OUTBOX_FIRST, &rows, why));
    o->next_ms = rows_next(rows) ? rows_integer(rows, 6) : INT64_MAX;
    o->read = true;
    if (o->next_ms > host_now_ms(c->host))
        return DONE;
    o->read = false;
    return hand_out(c, rows, why);
}

void outbox_committed(struct core *c)
{
    struct outbox *o = c->outbox;
    if (!o->on || !o->settled)
        return;
    o->settled = false;
    o->heard = HEARD_NOTHING;
    if (o->lands) {
        o->flies = false;
        o->read = false;
    }
    if (o->tell == MESSAGE_MAIL_GO)
        c->ports.mail(c->ports.self, MESSAGE_MAIL_GO, o->tag, slice_str(""));
    if (o->tell == MESSAGE_MAIL) {
        o->flies = true;
        o->flying = o->next;
        c->ports.mail(c->ports.self, MESSAGE_MAIL, ++o->tag, buffer_slice(&o->order));
    }
    o->tell = 0;
}

void outbox_forget(struct core *c)
{
    c->outbox->read = false;
}

int64_t outbox_next_ms(const struct core *c)
{
    const struct outbox *o = c->outbox;
    if (!o->on || (o->flies && o->heard == HEARD_NOTHING))
        return INT64_MAX;
    return o->read && o->heard == HEARD_NOTHING ? o->next_ms : 0;
}

result core_mail(struct core *c, uint16_t kind, uint64_t tag, struct slice payload, struct why *why)
{
    struct outbox *o = c->outbox;
    if (!o->flies || tag != o->tag || o->heard != HEARD_NOTHING || (kind != MESSAGE_MAIL_READY && kind != MESSAGE_MAIL_ENDED))
        return FAIL(why, MALFORMED, "mail said something out of its turn");
    if (kind == MESSAGE_MAIL_ENDED && (payload.len != 1 || payload.at[0] < SMTP_SENT || payload.at[0] > SMTP_UNKNOWN))
        return FAIL(why, MALFORMED, "mail sent something that is no end");
    o->heard = kind == MESSAGE_MAIL_READY ? HEARD_READY : HEARD_ENDED;
    o->ended = kind == MESSAGE_MAIL_ENDED ? payload.at[0] : 0;
    return DONE;
}

/* --- where an account wants its notifications --- */

result account_mail(struct call *c, struct why *why)
{
    static const char *const languages[] = {"nb", "en", NULL};
    struct fields f;
    struct slice address = {0};
    unsigned language = 0;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "mail", MAIL_ADDRESS_MAX, &address));
    TRY(need_choice(&f, "language", languages, &language));
    TRY(fields_close(&f));
    if (address.len)
        TRY(mail_address_check(address, "/mail", why));
    TRY(RUN(c->core, CONTACT_SET, NULL, why, store_str(c->who.account.text), store_text(address), store_str(languages[language])));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "mail", json_of_bool(address.len > 0)); /* whether, not where */
    json_set(entry, "language", json_of_str(languages[language]));
    json_set(c->answer, "mail", json_of_text(address));
    json_set(c->answer, "language", json_of_str(languages[language]));
    return log_append(c->core, "account_mail", entry, NULL, why);
}
