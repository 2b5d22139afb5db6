/*
 * letter.c - what the unit writes to an applicant (nb, en): before the decision the fee estimate and the right
 * to withdraw; the decision, with what was asked, grounds, permit, fee, and how to appeal a refusal; what
 * came of an appeal.  Plain text, made from what is stored, so that it can be made again.
 */
#include "broker/applications/applications.h"

#include "policy/fee.h"

enum { EVENTS_MAX = 500 };

struct words {
    const char *title, *to, *application, *received, *subject, *purpose, *datasets, *decision, *granted, *refused, *reason, *permit,
        *permit_next, *law, *appeal, *decided, *by, *fee, *ground, *estimate_title, *estimate_right, *estimate_agree, *incurred, *appeal_title,
        *appealed, *upheld;
};
static const struct words NB = {
    "Vedtak om tilgang til helsedata", "Til", "Søknad", "Mottatt", "Gjelder", "Formål", "Datasett", "Vedtak", "Søknaden er innvilget.",
    "Søknaden er avslått.", "Begrunnelse", "Tillatelse",
    "Tillatelsen gjelder når to saksbehandlere og hver dataforvalter har signert den.",
    "Vedtaket er truffet etter forordning (EU) 2025/327 (EHDS) artikkel 68 og 69.",
    "Du kan klage på vedtaket innen tre uker fra du mottok det (forvaltningsloven §§ 28 og 29). Klagen sendes til den som traff vedtaket "
    "(innsyn application appeal), og en annen saksbehandler vurderer den. Du kan se sakens dokumenter.",
    "Avgjort", "Saksbehandler", "Gebyr", "Avslagsgrunn", "Gebyranslag før vedtaket",
    "Du kan trekke søknaden før vedtaket er truffet. Da betaler du bare for arbeidet som er gjort (EHDS artikkel 62).",
    "Anslaget er høyere enn det du har godtatt. Søknaden kan ikke innvilges før du godtar det (innsyn application agree) eller trekker søknaden.",
    "Trekkes søknaden nå, er gebyret", "Klage", "Påklaget", "Klagen er ikke tatt til følge; vedtaket står.",
};
static const struct words EN = {
    "Decision on access to health data", "To", "Application", "Received", "Concerning", "Purpose", "Datasets", "Decision",
    "The application is granted.", "The application is refused.", "Grounds", "Permit",
    "The permit is in force when two officers and each data holder have signed it.",
    "The decision was made under Regulation (EU) 2025/327 (EHDS) Articles 68 and 69.",
    "You may appeal the decision within three weeks of receiving it (Public Administration Act sections 28 and 29). Send the appeal to "
    "the body that made the decision (innsyn application appeal); another officer judges it. You may see the documents of the case.",
    "Decided", "Case officer", "Fee", "Ground of refusal", "Fee estimate before the decision",
    "You may withdraw the application before the decision is made. You then pay only for the work that was done (EHDS Article 62).",
    "The estimate is higher than what you agreed to. The application cannot be granted before you agree to it (innsyn application agree) "
    "or withdraw.",
    "If the application is withdrawn now, the fee is", "Appeal", "Appealed", "The appeal was not upheld; the decision stands.",
};

static result line(struct buffer *to, const char *label, struct slice value, struct why *why)
{
    return buffer_printf(to, why, "%s: %.*s\n", label, SLICE_ARG(value));
}

static result moment_line(struct buffer *to, const char *label, int64_t at_ms, struct why *why)
{
    char at[INSTANT_TEXT_SIZE];
    instant_print(at_ms, at);
    return line(to, label, slice_str(at), why);
}

static result money_line(struct buffer *to, const char *label, int64_t amount, struct why *why)
{
    return buffer_printf(to, why, "%s: %lld %s\n", label, (long long)amount, fee_schedule()->currency);
}

static result datasets(struct buffer *to, const char *label, const struct json *list, struct why *why)
{
    TRY(buffer_printf(to, why, "%s:\n", label));
    for (size_t i = 0; i < json_size(list); i++) {
        const struct json *sites = json_get(json_item(list, i), "sites");
        TRY(buffer_printf(to, why, "  %.*s (", SLICE_ARG(json_text(json_get(json_item(list, i), "dataset")))));
        for (size_t k = 0; k < json_size(sites); k++)
            TRY(buffer_printf(to, why, "%s%.*s", k ? ", " : "", SLICE_ARG(json_text(json_item(sites, k)))));
        TRY(buffer_add_str(to, ")\n", why));
    }
    return DONE;
}

static result head(const struct application *a, const struct words *w, const char *title, struct buffer *to, struct why *why)
{
    TRY(buffer_printf(to, why, "%s\n\n", title));
    TRY(line(to, w->to, a->account, why));
    TRY(line(to, w->application, slice_str(a->id.text), why));
    TRY(moment_line(to, w->received, a->received_ms, why));
    TRY(line(to, w->subject, json_text(json_get(a->body, "title")), why));
    TRY(line(to, w->purpose, json_text(json_get(a->body, "purpose")), why));
    return datasets(to, w->datasets, json_get(a->body, "datasets"), why);
}

static result fee_letter(const struct application *a, const struct words *w, struct buffer *to, struct why *why)
{
    TRY(head(a, w, w->estimate_title, to, why));
    TRY(buffer_add_str(to, "\n", why));
    TRY(money_line(to, w->fee, a->fee, why));
    TRY(money_line(to, w->incurred, fee_incurred(a->fee, a->state), why));
    TRY(buffer_printf(to, why, "\n%s\n", w->estimate_right));
    return a->fee_agreed < a->fee ? buffer_printf(to, why, "\n%s\n", w->estimate_agree) : DONE;
}

/* The appeal's grounds, and the words of the one who judged it. */
static result appeal_part(struct core *c, const struct application *a, const struct words *w, struct buffer *to, struct why *why)
{
    struct rows *events CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, EVENT_LIST, &events, why, store_str(a->id.text), store_integer(0), store_integer(EVENTS_MAX)));
    TRY(buffer_printf(to, why, "\n%s\n", w->appeal_title));
    TRY(moment_line(to, w->appealed, a->appealed_ms, why));
    while (rows_next(events)) {
        if (rows_integer(events, 1) < a->appealed_ms)
            continue;
        if (slice_is(rows_text(events, 3), "uphold"))
            TRY(buffer_printf(to, why, "\n%s\n", w->upheld));
        if (slice_is(rows_text(events, 3), "appeal") || slice_is(rows_text(events, 3), "uphold"))
            TRY(buffer_printf(to, why, "%.*s\n", SLICE_ARG(rows_text(events, 5))));
    }
    return DONE;
}

static result decision_letter(struct core *c, const struct application *a, const struct words *w, bool nb, struct buffer *to, struct why *why)
{
    bool granted = slice_is(a->outcome, "granted");
    const struct ground *ground = ground_find(a->ground);
    TRY(head(a, w, w->title, to, why));
    TRY(buffer_printf(to, why, "\n%s\n%s\n\n", w->decision, granted ? w->granted : w->refused));
    if (ground)
        TRY(line(to, w->ground, slice_str(nb ? ground->nb : ground->en), why));
    TRY(buffer_printf(to, why, "%s\n%.*s\n\n%s\n", w->reason, SLICE_ARG(a->reason), w->law));
    if (granted)
        TRY(buffer_printf(to, why, "\n%s: %.*s\n%s\n", w->permit, SLICE_ARG(a->permit), w->permit_next));
    if (a->fee >= 0) {
        TRY(buffer_add_str(to, "\n", why));
        TRY(money_line(to, w->fee, a->fee, why));
    }
    if (a->appealed_ms)
        TRY(appeal_part(c, a, w, to, why));
    else if (!granted)
        TRY(buffer_printf(to, why, "\n%s\n", w->appeal)); /* only a refusal can be appealed */
    TRY(buffer_add_str(to, "\n", why));
    TRY(moment_line(to, w->decided, a->decided_ms, why));
    return line(to, w->by, a->decided_by, why);
}

result letter_write(struct core *c, const struct application *a, const char *language, struct buffer *to, struct why *why)
{
    bool nb = strcmp(language, "nb") == 0;
    const struct words *w = nb ? &NB : &EN;
    return a->decided_ms ? decision_letter(c, a, w, nb, to, why) : fee_letter(a, w, to, why);
}

result application_letter(struct call *c, struct why *why)
{
    struct slice language = slice_str("nb"), about = slice_str("decision");
    struct application a CLEANUP(application_done) = {0};
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, LETTER_BYTES_MAX);
    TRY(application_of_call(c, &a, why));
    (void)call_parameter(c, "lang", &language);
    (void)call_parameter(c, "about", &about);
    bool nb = slice_is(language, "nb"), fee = slice_is(about, "fee");
    if (!nb && !slice_is(language, "en"))
        return FAIL_AT(why, MALFORMED, "lang", "the letter is written in nb or en");
    if (!fee && !slice_is(about, "decision"))
        return FAIL_AT(why, MALFORMED, "about", "the letter is about the decision or the fee");
    if (fee ? a.decided_ms || a.received_ms == 0 || a.state == APPLICATION_WITHDRAWN : !a.decided_ms)
        return FAIL_CODE(why, DENIED, "conflict", "", "the application is %s: the fee's letter is written from submission to decision, then the decision's",
                         application_state_name(a.state));
    TRY(letter_write(c->core, &a, nb ? "nb" : "en", &text, why));
    json_set(c->answer, "application", json_of_str(a.id.text));
    json_set(c->answer, "lang", json_of_text(language));
    json_set(c->answer, "text", json_of_text(buffer_slice(&text)));
    return DONE;
}
