/*
 * letter.c - the decision as a letter (nb, en): what was asked, what was decided and why, the permit, and
 * how to appeal a refusal.  Plain text, made from what is stored, so that it can be made again.
 */
#include "broker/core/call.h"

enum { LETTER_BYTES_MAX = 64 * 1024 };

struct words {
    const char *title, *to, *application, *received, *subject, *purpose, *datasets, *decision, *granted, *refused, *reason, *permit,
        *permit_next, *law, *appeal, *decided, *by;
};
static const struct words NB = {
    "Vedtak om tilgang til helsedata", "Til", "Søknad", "Mottatt", "Gjelder", "Formål", "Datasett", "Vedtak", "Søknaden er innvilget.",
    "Søknaden er avslått.", "Begrunnelse", "Tillatelse",
    "Tillatelsen gjelder når to saksbehandlere og hver dataforvalter har signert den.",
    "Vedtaket er truffet etter forordning (EU) 2025/327 (EHDS) artikkel 68 og 69.",
    "Du kan klage på vedtaket innen tre uker fra du mottok det (forvaltningsloven §§ 28 og 29). Klagen sendes til den som traff vedtaket. "
    "Du kan se sakens dokumenter.",
    "Avgjort", "Saksbehandler",
};
static const struct words EN = {
    "Decision on access to health data", "To", "Application", "Received", "Concerning", "Purpose", "Datasets", "Decision",
    "The application is granted.", "The application is refused.", "Grounds", "Permit",
    "The permit is in force when two officers and each data holder have signed it.",
    "The decision was made under Regulation (EU) 2025/327 (EHDS) Articles 68 and 69.",
    "You may appeal the decision within three weeks of receiving it (Public Administration Act sections 28 and 29). Send the appeal to "
    "the body that made the decision. You may see the documents of the case.",
    "Decided", "Case officer",
};

static result line(struct buffer *to, const char *label, struct slice value, struct why *why)
{
    return buffer_printf(to, why, "%s: %.*s\n", label, SLICE_ARG(value));
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

static result letter(const struct application *a, const struct words *w, struct buffer *to, struct why *why)
{
    char at[INSTANT_TEXT_SIZE];
    bool granted = slice_is(a->outcome, "granted");
    TRY(buffer_printf(to, why, "%s\n\n", w->title));
    TRY(line(to, w->to, a->account, why));
    TRY(line(to, w->application, slice_str(a->id.text), why));
    instant_print(a->received_ms, at);
    TRY(line(to, w->received, slice_str(at), why));
    TRY(line(to, w->subject, json_text(json_get(a->body, "title")), why));
    TRY(line(to, w->purpose, json_text(json_get(a->body, "purpose")), why));
    TRY(datasets(to, w->datasets, json_get(a->body, "datasets"), why));
    TRY(buffer_printf(to, why, "\n%s\n%s\n\n%s\n%.*s\n\n%s\n", w->decision, granted ? w->granted : w->refused, w->reason,
                      SLICE_ARG(a->reason), w->law));
    if (granted)
        TRY(buffer_printf(to, why, "\n%s: %.*s\n%s\n", w->permit, SLICE_ARG(a->permit), w->permit_next));
    else
        TRY(buffer_printf(to, why, "\n%s\n", w->appeal)); /* only a refusal can be appealed */
    instant_print(a->decided_ms, at);
    TRY(buffer_printf(to, why, "\n%s: %s\n", w->decided, at));
    return line(to, w->by, a->decided_by, why);
}

result application_letter(struct call *c, struct why *why)
{
    struct slice language = slice_str("nb");
    struct application a CLEANUP(application_done) = {0};
    struct buffer text CLEANUP(buffer_done);
    buffer_init(&text, LETTER_BYTES_MAX);
    TRY(application_of_call(c, &a, why));
    (void)call_parameter(c, "lang", &language);
    bool nb = slice_is(language, "nb");
    if (!nb && !slice_is(language, "en"))
        return FAIL_AT(why, MALFORMED, "lang", "the letter is written in nb or en");
    if (a.state != APPLICATION_DECIDED)
        return FAIL_CODE(why, DENIED, "conflict", "", "the application is %s: there is a letter when it is decided", application_state_name(a.state));
    TRY(letter(&a, nb ? &NB : &EN, &text, why));
    json_set(c->answer, "application", json_of_str(a.id.text));
    json_set(c->answer, "lang", json_of_text(language));
    json_set(c->answer, "text", json_of_text(buffer_slice(&text)));
    return DONE;
}
