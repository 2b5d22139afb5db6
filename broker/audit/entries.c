#include "broker/audit/entries.h"

#include <string.h>

/* clang-format off */
static const struct entry_type TYPES[] = {
    {"startup", "build program_sha256 settings_sha256 store", "the broker started: its version, the SHA-256 of its program file and of its settings, the kind of store"},
    {"clock", "jump_ms", "the broker's clock jumped by so much (negative: back), or stood behind the log at a start"},
    {"trust", "account version trust_sha256", "a trust document was taken"},
    {"log_succession", "succession_sha256 old_log old_size old_root new_log lost", "another log succeeded: where the old one ended, and how many of its entries were lost"},
    {"account", "account roles by key", "an account was made: its roles, its key's id, who made it"},
    {"account_mail", "account mail language", "an account said whether it wants notifications by mail, and in which language"},
    {"notification", "account notification kind document tries state", "a notification by mail was sent, failed for good, was dropped (no address any more), or its fate is unknown: it left and the broker ended before an answer came; no such one is sent again"},
    {"erasure", "account of document texts", "texts of an account or a document were erased: how many; the log keeps their commitments"},
    {"login", "account token", "somebody signed in; token: the session's id"},
    {"login_failed", "account", "a wrong password; without account: no such account"},
    {"token", "account token scopes dropped", "an API token was made, or a token or session ended"},
    {"site", "account site", "a site was added or given a new enrolment token"},
    {"enrol", "site certificate_sha256 ends", "a site enrolled: its certificate"},
    {"renew", "site certificate_sha256 ends", "a site was given its next certificate"},
    {"certificate", "site certificate_sha256", "a site's next certificate was used for the first time; the one before is refused from now on"},
    {"site_pause", "site paused", "a site's holder paused it, or let it answer again"},
    {"site_block", "site permit blocked", "a site's holder blocked a permit there, or unblocked it"},
    {"site_rules", "site version rules_sha256", "a site's own rules changed: the version in force and its SHA-256"},
    {"catalogue", "site dataset edition dictionary_sha256 persons withdrawn", "a site published a dataset's dictionary and edition, and how many persons it says there are if it does, or withdrew it"},
    {"rules", "account version rules_sha256", "the network's access rules were replaced"},
    {"organisation", "account organisation kind country mandate organisation_sha256", "an organisation was registered, or what is registered of it changed"},
    {"attestation", "account by training terms until withdrawn", "training that somebody has done was recorded, or somebody signed terms; or it was withdrawn"},
    {"application", "account application application_commitment command state version purpose decision ground late succeeds fee to attachment attachment_commitment text_commitment reason_commitment assessment assessment_sha256 deviation_commitment", "a step of an application: made, submitted, screened, asked about, handed over (to whom), decided, appealed (no account: lapsed by time)"},
    {"opinion", "account application command state version site opinion text_commitment", "a data holder's say on an application"},
    {"enquiry", "account enquiry enquiry_commitment command state version text_commitment application", "a step of an enquiry: asked, answered, replied to, closed, or made an application of"},
    {"case_export", "account application entries", "somebody took out a whole case: with how many entries of the log"},
    {"permit_draft", "account application permit permit_sha256 origin succeeds", "a permit's bytes were laid out for signing; what it amends or renews"},
    {"permit_signature", "account permit permit_sha256 keyid", "an officer or a holder signed a permit"},
    {"permit", "permit permit_sha256 application purpose", "a permit has all its signatures"},
    {"permit_status", "account permit permit_sha256 state serial reason_commitment", "a permit went live, was suspended, revoked, replaced, or expired (no account: by time)"},
    {"query", "account query query_sha256 permit permit_sha256 purpose question_sha256 dataset statistic variables decision sites", "a query was let through: what it asks of which data for which purpose"},
    {"query_refused", "account query query_sha256 permit permit_sha256 purpose question_sha256 dataset statistic variables code", "a query was refused, and by which rule"},
    {"dispatch", "task site account query permit query_sha256 permit_sha256 question_sha256", "a task is owed to a site; no site answers without it"},
    {"site_result", "task site query status result_sha256 edition code", "a site answered, or refused with a code"},
    {"site_waits", "task site query until", "a site's answer waits for its data holder, who releases each by hand, until then"},
    {"release", "account permit permit_sha256 query query_sha256 question_sha256 sites result_sha256", "a result was combined and released"},
    {"cancel", "query account query_sha256 code", "a query ended without a result: cancelled (account: by whom), no answer, not combined"},
    {"result_read", "account query", "somebody read the sites' signed results of a query"},
    {"optout", "account optout action items", "the desk sent a sealed opt-out, or its withdrawal, to sites: which, and the SHA-256 of what was sealed"},
    {"optout_answer", "site optout action taken", "a site has taken what the desk sent, or refused it"},
    {"optout_list", "site version list_sha256", "a site keeps a new list of opt-outs: its version and SHA-256"},
    {"refused", "account site command code", "a call of a signed-in account or an enrolled site was refused; the same refusal of a site is written once in ten minutes"},
    {"log_read", "account from to", "somebody read entries of the log"},
    {"log_search", "account search found export", "somebody searched or exported the log; search: by what"},
    {"log_watch", "account from", "somebody follows the log from this entry on"},
};
/* clang-format on */
enum { TYPE_COUNT = sizeof TYPES / sizeof TYPES[0] };

const struct entry_type *entry_type_at(unsigned i)
{
    return i < TYPE_COUNT ? &TYPES[i] : NULL;
}

static bool has_word(const char *words, struct slice word)
{
    struct slice rest = slice_str(words);
    while (rest.len) {
        size_t end = slice_find(rest, ' ');
        if (slice_equal(slice_part(rest, 0, end), word))
            return true;
        rest = slice_part(rest, end + 1, rest.len);
    }
    return false;
}

result entry_check(const char *type, const struct json *entry, struct why *why)
{
    struct slice name;
    const struct json *value;
    unsigned i = 0;
    while (i < TYPE_COUNT && strcmp(TYPES[i].name, type) != 0)
        i++;
    if (i == TYPE_COUNT)
        return FAIL(why, BROKEN, "'%s' is no type of entry", type);
    for (size_t at = 0; json_next(entry, &at, &name, &value);)
        if (!has_word("innsyn at type request", name) && !has_word(TYPES[i].members, name))
            return FAIL(why, BROKEN, "an entry of type '%s' has no member '%.*s'", type, SLICE_ARG(name));
    return DONE;
}
