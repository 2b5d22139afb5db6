/*
 * outbox_texts.c - what a notification says, in nb and en: one line of what happened, the case's number, its
 * deadline, and where to look.  Nothing of what is in the case.
 */
#include "broker/outbox/outbox_texts.h"

#include <string.h>

#include "base/instant.h"

static const struct {
    const char *kind, *nb, *en;
} LINES[] = {
    {"application_received", "En søknad er kommet inn.", "An application has come in."},
    {"application_answered", "Det er svart i en sak.", "A question in a case was answered."},
    {"application_appealed", "Et vedtak er påklaget.", "A decision was appealed against."},
    {"enquiry_received", "En henvendelse er kommet inn.", "An enquiry has come in."},
    {"enquiry_replied", "Det er spurt videre i en henvendelse.", "More was asked in an enquiry."},
    {"enquiry_answered", "En henvendelse er besvart. Svaret ligger i den, med et anslag over hva som kan gjøres.",
     "An enquiry was answered. The answer is in it, with an estimate of what can be done."},
    {"enquiry_closed", "En henvendelse er lukket.", "An enquiry was closed."},
    {"member_invited", "Du er nevnt som deltaker i en søknad, og er bedt om å si ja eller nei.",
     "You were named as a member in an application, and are asked to accept or to decline."},
    {"member_accepted", "En deltaker har sagt ja til å være med i en søknad.", "A member has accepted to take part in an application."},
    {"member_declined", "En deltaker har sagt nei til å være med i en søknad.", "A member has declined to take part in an application."},
    {"application_state", "En sak har fått ny status.", "A case has a new status."},
    {"application_decided", "En sak er avgjort. Vedtaket ligger i saken.", "A case was decided. The decision is in the case."},
    {"awaiting_information", "Det er stilt et spørsmål i en sak, og den venter på svar.", "A question was asked in a case, which awaits the answer."},
    {"opinion_asked", "Du er bedt om en uttalelse i en sak.", "You are asked for an opinion in a case."},
    {"signature_asked", "En tillatelse venter på signaturen din.", "A permit awaits your signature."},
    {"permit_live", "En tillatelse gjelder nå.", "A permit is in force now."},
    {"permit_suspended", "En tillatelse er stilt i bero.", "A permit was suspended."},
    {"permit_revoked", "En tillatelse er trukket tilbake.", "A permit was revoked."},
    {"permit_expired", "En tillatelse er utløpt.", "A permit has expired."},
    {"permit_replaced", "En tillatelse er erstattet av en ny.", "A permit was replaced by a new one."},
    {"remind_answer", "Fristen for å svare i en sak er nær.", "The deadline for an answer in a case is near."},
    {"remind_opinion", "Fristen for uttalelsen i en sak er nær.", "The deadline for an opinion in a case is near."},
    {"remind_decision", "Fristen for å avgjøre en sak er nær.", "The deadline for deciding a case is near."},
    {"remind_end", "En tillatelse utløper snart.", "A permit expires soon."},
};
enum { LINE_COUNT = sizeof LINES / sizeof LINES[0] };

const char *outbox_kind_at(unsigned i)
{
    return i < LINE_COUNT ? LINES[i].kind : NULL;
}

result outbox_text(struct slice kind, struct slice language, struct slice document, int64_t due_ms, const char *url, struct buffer *subject,
                   struct buffer *text, struct why *why)
{
    bool nb = !slice_is(language, "en"), permit = document.len && document.at[0] == 'p', enquiry = document.len && document.at[0] == 'e';
    const char *what = permit ? (nb ? "Tillatelse" : "Permit") : enquiry ? (nb ? "Henvendelse" : "Enquiry") : (nb ? "Sak" : "Case");
    const char *line = NULL;
    char due[INSTANT_TEXT_SIZE] = "";
    for (unsigned i = 0; i < LINE_COUNT; i++)
        if (slice_is(kind, LINES[i].kind))
            line = nb ? LINES[i].nb : LINES[i].en;
    if (!line)
        return FAIL(why, BROKEN, "no text for a notification of the kind '%.*s'", SLICE_ARG(kind));
    TRY(buffer_printf(subject, why, "Innsyn: %.*s", SLICE_ARG(document)));
    TRY(buffer_printf(text, why, "%s\n\n%s: %.*s\n", line, what, SLICE_ARG(document)));
    if (due_ms) {
        instant_print(due_ms, due);
        due[10] = '\0'; /* the day */
        TRY(buffer_printf(text, why, "%s: %s\n", permit ? (nb ? "Utløper" : "Expires") : (nb ? "Frist" : "Deadline"), due));
    }
    return buffer_printf(text, why, "\n%s/#/%s/%.*s\n\n%s\n", url, permit ? "permits" : enquiry ? "enquiries" : "applications", SLICE_ARG(document),
                         nb ? "Denne meldingen er sendt av Innsyn fordi kontoen din har denne adressen. Den kan ikke besvares."
                            : "This message was sent by Innsyn because your account has this address. It cannot be answered.");
}
