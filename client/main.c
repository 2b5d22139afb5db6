/*
 * main.c - `innsyn [--profile DIR] [--json] NOUN VERB ...`: the table of commands, and the way from
 * the command line to one of them.
 */
#include <stdio.h>
#include <stdlib.h>

#include "client/command.h"

#define LOG_FILTERS "account= organisation= dataset= variable= purpose= permit= query= request= site= outcome= type= from= to="
#define LOG_FILTERS_USAGE \
    "[--account A] [--organisation O] [--dataset D] [--variable V] [--purpose P] [--permit ID] [--query ID] [--request ID] [--site S] [--outcome O] [--type T] " \
    "[--from MOMENT] [--to MOMENT]"
#define GLOBAL_OPTIONS "profile= json ascii help"

/* clang-format off */
static const struct command_entry commands[] = {
    {"profile", "create", 1, 1, false, "url= ca= account= network= trust=", "DIR --url URL --ca FILE --account NAME [--network NAME] [--trust HASH]", "make a profile", profile_create},
    {"key", "new", 0, 0, true, "", "", "make the profile's signing key; print its public half", key_new},
    {"key", "show", 0, 0, true, "", "", "print the public half of the signing key", key_show},
    {"login", "", 0, 0, true, "password-file=", "[--password-file FILE]", "sign in; the token is kept in the profile", login_run},
    {"logout", "", 0, 0, true, "", "", "end the session and forget the token", logout_run},
    {"account", "list", 0, 0, true, "", "", "the accounts (operator)", account_list},
    {"account", "create", 1, 1, true, "roles= password-file= organisation= key=", "NAME --roles R,R [--password-file FILE] [--organisation TEXT] [--key SPKI]", "make an account (operator)", account_create},
    {"account", "me", 0, 0, true, "", "", "who one is", account_me},
    {"account", "mail", 0, 1, true, "lang=", "[ADDRESS] [--lang nb|en]", "where one wants notifications; without ADDRESS: nowhere", account_mail},
    {"account", "attestations", 0, 1, true, "", "[ACCOUNT]", "training and signed terms, one's own or another's", attestations_show},
    {"account", "erase", 1, 1, true, "", "NAME", "erase an account's texts and close it (operator)", account_erase},
    {"text", "erase", 1, 1, true, "", "DOCUMENT", "erase the free text of a document (operator)", text_erase},
    {"token", "create", 1, 1, true, "days= scopes=", "NAME --days N [--scopes S,S]", "make an API token", token_create},
    {"token", "list", 0, 0, true, "", "", "one's API tokens", token_list},
    {"token", "revoke", 1, 1, true, "", "ID", "end an API token", token_revoke},
    {"catalogue", "", 0, 1, true, "dcat", "[DATASET] [--dcat]", "the datasets, or one with its variables and what it may be used for; as DCAT", catalogue_run},
    {"enquiry", "ask", 0, 1, true, "title= question= kind= country= purpose= dataset=+", "FILE | --title TEXT --question TEXT [--kind public|research|company] [--country CC] [--purpose P] [--dataset D...]", "ask the unit what could be done", enquiry_ask},
    {"enquiry", "list", 0, 0, true, "", "", "one's enquiries; an officer's inbox of them", enquiry_list},
    {"enquiry", "show", 1, 1, true, "", "ID", "one enquiry: answer, feasibility, fee estimate", enquiry_show},
    {"enquiry", "answer", 1, 1, true, "version= text=", "ID --text TEXT [--version N]", "answer it (officer)", enquiry_answer},
    {"enquiry", "reply", 1, 1, true, "version= text=", "ID --text TEXT [--version N]", "say or ask more", enquiry_reply},
    {"enquiry", "apply", 1, 1, true, "version=", "ID [--version N]", "make a draft application of it", enquiry_apply},
    {"enquiry", "close", 1, 1, true, "version= text=", "ID [--text TEXT] [--version N]", "close it", enquiry_close},
    {"application", "forms", 0, 0, true, "", "", "the forms: fields, types, what is asked when", application_forms},
    {"application", "create", 1, 1, true, "", "FILE", "make a draft", application_create},
    {"application", "edit", 2, 2, true, "version=", "ID FILE [--version N]", "fill a draft anew", application_edit},
    {"application", "submit", 1, 1, true, "version=", "FILE|ID [--version N]", "apply for access: a file, or a draft", application_submit},
    {"application", "copy", 1, 1, true, "", "ID", "make a draft of the same content", application_copy},
    {"application", "list", 0, 0, true, "state=", "[--state STATE]", "the applications one may see", application_list},
    {"application", "show", 1, 1, true, "", "ID", "one application, its history, and what one may do", application_show},
    {"application", "accept", 1, 1, true, "version=", "ID [--version N]", "take part in an application that names one", application_accept},
    {"application", "decline", 1, 1, true, "version=", "ID [--version N]", "take no part in it", application_decline},
    {"application", "screen", 1, 1, true, "version= text=", "ID [--text TEXT] [--version N]", "take it up (officer)", application_screen},
    {"application", "complete", 1, 1, true, "version= text=", "ID [--text TEXT] [--version N]", "it is complete: start the clock (officer)", application_complete},
    {"application", "ask", 1, 1, true, "version= text=", "ID --text TEXT [--version N]", "ask the applicant; the clock stops (officer)", application_ask},
    {"application", "answer", 1, 1, true, "version= text= form=", "ID --text TEXT [--form FILE] [--version N]", "answer what was asked", application_answer},
    {"application", "opinion", 2, 2, true, "version= site= text=", "ID approve|conditions|deny --site SITE [--text TEXT] [--version N]", "a data holder's say", application_opinion},
    {"application", "extend", 1, 1, true, "version= reason=", "ID --reason TEXT [--version N]", "take three months more, once (officer)", application_extend},
    {"application", "decide", 2, 2, true, "version= reason= ground= deviation=", "ID grant|refuse --reason TEXT [--ground G] [--deviation TEXT] [--version N]", "decide; the reason is published (officer)", application_decide},
    {"application", "assessment", 1, 1, true, "", "ID", "what a machine says of it, rule by rule (officer, holder)", application_assessment},
    {"application", "withdraw", 1, 1, true, "version= reason=", "ID [--reason TEXT] [--version N]", "take it back", application_withdraw},
    {"application", "letter", 1, 1, true, "lang=", "ID [--lang nb|en]", "the decision as a letter", application_letter},
    {"application", "fee", 1, 1, true, "lang=", "ID [--lang nb|en]", "the fee estimate before the decision, and the right to withdraw", application_fee},
    {"application", "estimate", 1, 1, true, "version= fee= text=", "ID --fee N --text TEXT [--version N]", "estimate another fee (officer)", application_estimate},
    {"application", "agree", 1, 1, true, "version=", "ID [--version N]", "agree to a higher fee estimate", application_agree},
    {"application", "transfer", 2, 2, true, "version= text=", "ID ACCOUNT --text TEXT [--version N]", "make a member who accepted its applicant (applicant, officer)", application_transfer},
    {"application", "appeal", 1, 1, true, "version= text=", "ID --text TEXT [--version N]", "appeal a refusal, with grounds", application_appeal},
    {"application", "judge", 2, 2, true, "version= reason=", "ID uphold|reopen --reason TEXT [--version N]", "judge an appeal (another officer than the one who decided)", application_judge},
    {"application", "attach", 2, 2, true, "version= name=", "ID FILE [--name NAME] [--version N]", "attach a file: PDF, PNG, JPEG, DOCX, XLSX or plain text, at most 10 MiB", application_attach},
    {"application", "detach", 2, 2, true, "version=", "ID ATTACHMENT [--version N]", "remove an attachment", application_detach},
    {"application", "attachment", 1, 1, true, "out=", "ATTACHMENT --out FILE", "write an attachment to a file", application_attachment},
    {"application", "export", 1, 1, true, "out=", "ID --out FILE", "the whole case in one file, with the hashes of its log entries", application_export},
    {"register", "", 0, 1, true, "year= csv", "[report [--year Y] [--csv]]", "the public register: applications, permits, refusals; or a year in figures", register_show},
    {"permit", "list", 0, 0, true, "", "", "the permits one may see", permit_list},
    {"permit", "show", 1, 1, true, "", "ID", "one permit in words, and who has yet to sign", permit_show},
    {"permit", "sign", 1, 1, true, "yes", "ID [--yes]", "show the permit and sign it with one's key", permit_sign},
    {"permit", "revoke", 1, 1, true, "reason=", "ID --reason TEXT", "end a permit", permit_revoke},
    {"permit", "suspend", 1, 1, true, "reason=", "ID --reason TEXT", "stop a permit for a while", permit_suspend},
    {"permit", "resume", 1, 1, true, "reason=", "ID --reason TEXT", "let a suspended permit live again", permit_resume},
    {"permit", "amend", 1, 1, true, "", "ID", "make a draft that changes a permit", permit_amend},
    {"permit", "renew", 1, 1, true, "to=", "ID --to MOMENT", "make a draft that goes on where a permit ends, once", permit_renew},
    {"query", "check", 1, 1, true, "permit=", "FILE [--permit ID]", "would this question be let through?", query_check},
    {"query", "run", 1, 1, true, "permit= sites= timeout= round5", "FILE [--permit ID] [--sites A,B] [--timeout SECONDS] [--round5]", "ask the question; wait for the result", query_run},
    {"query", "list", 0, 0, true, "", "", "one's queries", query_list},
    {"query", "show", 1, 1, true, "", "ID", "one query, with its result when it is done", query_show},
    {"query", "cancel", 1, 1, true, "", "ID", "stop a running query", query_cancel},
    {"result", "show", 1, 1, true, "round5", "QUERY [--round5]", "the result of a query", result_show},
    {"result", "verify", 1, 1, true, "policy= out=", "FILE|QUERY [--policy FILE] [--out FILE]", "check a result against its receipt, the log's signature and the quorum of its witnesses", result_verify},
    {"optout", "register", 0, 0, true, "id-kind= id-file= purposes= sites= receipt=", "--id-kind fnr|id --id-file FILE|- --receipt FILE [--purposes P,P] [--sites S,S]", "register a person's opt-out (desk)", optout_register},
    {"optout", "withdraw", 1, 1, true, "", "RECEIPT", "withdraw an opt-out with its receipt (desk)", optout_withdraw},
    {"optout", "show", 1, 1, true, "", "ID", "which sites have taken an opt-out (desk)", optout_show},
    {"optout", "list-versions", 0, 0, true, "", "", "which lists of opt-outs the sites keep", optout_versions},
    {"site", "list", 0, 0, true, "", "", "the sites", site_list},
    {"site", "add", 1, 1, true, "title=", "ID --title TEXT", "add a site; print its enrolment token (operator)", site_add},
    {"site", "sign-rules", 1, 1, true, "out=", "FILE --out FILE", "sign the rules of the own site (holder); innsyn-agent rules set puts them in force", site_sign_rules},
    {"trust", "show", 0, 0, true, "", "", "the trust document, verified", trust_show},
    {"trust", "pin", 1, 1, true, "", "HASH", "trust the document with this hash first", trust_pin},
    {"trust", "publish", 1, 1, true, "", "FILE", "give the broker a signed trust document (operator)", trust_publish},
    {"trust", "root-key", 1, 1, false, "", "FILE", "make a root key; print its public half (offline)", trust_root_key},
    {"trust", "make", 0, 0, false, "network= version= root-public=+ threshold= officer=+ desk=+ holder=+ site-public=+ witness=+ succession=+ broker-public= out=", "--network N [--version V] --root-public FILE... [--threshold N] --officer ACCOUNT=FILE... [--desk ACCOUNT=FILE...] --holder ACCOUNT@SITE=FILE... --site-public FILE... [--witness VKEY...] [--succession FILE...] --broker-public FILE --out FILE", "make a trust document (offline)", trust_make},
    {"trust", "sign", 1, 1, false, "key=", "FILE --key ROOTKEY", "add a root key's signature to a trust document or the succession of a log (offline)", trust_sign},
    {"audit", "verify", 0, 0, true, "file= checkpoint= folder= proof= evidence= policy=", "[--file FILE [--checkpoint FILE] | --folder DIR | --proof FILE | --evidence FILE] [--policy FILE]", "rebuild the whole log and check it, from the broker or from an export (auditor); or a copy as tiles, a proof, the evidence of a fork", audit_verify},
    {"audit", "prove", 1, 1, true, "type= out= policy=", "INDEX|QUERY|PERMIT|REQUEST|RESULT [--type TYPE] [--out FILE] [--policy FILE]", "a proof (tlog-proof) that an entry is in the log", audit_prove},
    {"audit", "mirror", 1, 1, true, "policy=", "DIR [--policy FILE]", "copy the log as tiles, and check the copy (auditor)", audit_mirror},
    {"audit", "policy", 0, 0, true, "policy=", "", "whom this profile believes about the log, as a C2SP policy file", audit_policy},
    {"audit", "witness", 1, 1, true, "name= once policy=", "DIR [--name NAME] [--once] [--policy FILE]", "watch the log and cosign it, as a witness of one's own", audit_witness},
    {"audit", "show", 0, 1, true, "from= to=", "[ENTRY | --from N --to N]", "entries of the log (auditor)", audit_show},
    {"audit", "search", 0, 0, true, LOG_FILTERS " limit= cursor=", LOG_FILTERS_USAGE " [--limit N] [--cursor C]", "who asked what of which data for which purpose, newest first (auditors all, others what concerns them)", audit_search},
    {"audit", "watch", 0, 0, true, "from= calls=", "[--from ENTRY] [--calls N]", "follow the log as it grows (auditor)", audit_watch},
    {"audit", "export", 0, 0, true, LOG_FILTERS " format= out=", "--format ndjson|csv|fhir --out FILE " LOG_FILTERS_USAGE, "write entries to a file, oldest first (auditors all, others what concerns them)", audit_export},
    {"audit", "reconcile", 1, 8, true, "", "SITE=JOURNAL...", "the log against the sites' own journals (innsyn-agent journal DIR --json), every difference (auditor)", audit_reconcile},
    {"audit", "recombine", 1, 1, true, "result= dictionary= policy=", "QUERY [--result FILE] [--dictionary FILE] [--policy FILE]", "a release made again from what the sites signed: equal, or which values differ (auditor, or who asked)", audit_recombine},
    {"audit", "signals", 0, 0, true, "from= to= hours=", "[--from MOMENT] [--to MOMENT] [--hours 6-20]", "what in the log deserves a look, with its entries (auditor)", audit_signals},
    {"policy", "roles", 0, 0, false, "", "", "who may do what", policy_roles},
    {"policy", "show", 0, 0, true, "", "", "the network's access rules", policy_show},
    {"policy", "publish", 1, 1, true, "", "FILE", "replace the network's access rules (operator)", policy_publish},
    {"policy", "explain", 1, 1, true, "permit=", "FILE|APPLICATION [--permit ID]", "would this application be let through, or this question under a permit, and why; nothing is submitted", policy_explain},
    {"policy", "duo", 0, 0, false, "research= conditions= organisation=", "[--research FILE --conditions FILE [--organisation FILE]]", "conditions of use: the whole matrix, or one pair of request and conditions", policy_duo},
    {"organisation", "list", 0, 0, true, "", "", "the registered organisations", organisations_show},
    {"organisation", "add", 1, 1, true, "name= kind= country= number= mandate", "ID --name TEXT --kind public|research|company --country CC [--number N] [--mandate]", "register an organisation, or change it (operator)", organisation_add},
    {"training", "record", 2, 2, true, "until=", "ACCOUNT TRAINING [--until MOMENT]", "record training that somebody has done (operator)", training_record},
    {"training", "withdraw", 2, 2, true, "", "ACCOUNT TRAINING", "it counts no longer, from now on (operator)", training_withdraw},
    {"terms", "sign", 1, 1, true, "", "NAME", "sign terms for oneself", terms_agree},
    {"terms", "withdraw", 1, 1, true, "", "NAME", "take one's signature back", terms_withdraw},
};
/* clang-format on */
enum { COMMANDS = sizeof commands / sizeof commands[0] };

/* A line of the list: the noun once, above its first verb. */
static void help_line(const char *noun, const char *verb, const char *about)
{
    if (noun[0])
        (void)printf("\n");
    (void)printf("  %-13s%-14s%s\n", noun, verb, about);
}

static int help(const char *noun)
{
    bool any = false;
    for (size_t i = 0; i < COMMANDS; i++)
        any = any || (noun && strcmp(commands[i].noun, noun) == 0);
    if (noun && !any)
        return client_usage("there is no command '%.40s'; see innsyn help", noun);
    (void)printf("usage: innsyn [--profile DIR] [--json] [--ascii] COMMAND\n");
    for (size_t i = 0; i < COMMANDS; i++) {
        const struct command_entry *k = &commands[i];
        if (noun && strcmp(k->noun, noun) != 0)
            continue;
        if (noun)
            (void)printf("\ninnsyn %s%s%s%s%s\n    %s\n", k->noun, k->verb[0] ? " " : "", k->verb, k->usage[0] ? " " : "", k->usage, k->about);
        else
            help_line(i > 0 && strcmp(commands[i - 1].noun, k->noun) == 0 ? "" : k->noun, k->verb, k->about);
    }
    if (!noun) {
        help_line("help", "[NOUN]", "this, or the forms of one noun's commands");
        help_line("--version", "", "which version this is");
        (void)printf("\nThe profile is --profile DIR, else $INNSYN_PROFILE, else ~/.config/innsyn/default.\n"
                     "Exit codes: 0 done, 1 refused by a rule, 2 usage, 3 no answer, 4 not verified, 5 partial result.\n");
    }
    return EXIT_DONE;
}

static const struct command_entry *find(const char *noun, const char *verb)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].noun, noun) == 0 && (commands[i].verb[0] == '\0' || (verb && strcmp(commands[i].verb, verb) == 0)))
            return &commands[i];
    return NULL;
}

/* Takes noun and verb out of argv; *ret_noun is NULL when there is no word.  Only options without
 * meaning for a command may stand before them. */
static int take_words(int argc, char **argv, char **rest, int *ret_rest, const char **ret_noun, const char **ret_verb)
{
    int words = 0;
    *ret_rest = 0;
    *ret_noun = *ret_verb = NULL;
    for (int i = 1; i < argc; i++) {
        bool option = argv[i][0] == '-' && argv[i][1] == '-';
        if (words < 2 && strcmp(argv[i], "--profile") == 0 && i + 1 < argc) {
            rest[(*ret_rest)++] = argv[i++];
            rest[(*ret_rest)++] = argv[i];
        } else if (words == 0 && !option) {
            *ret_noun = argv[i];
            words = 1;
        } else if (words == 1 && !option && find(*ret_noun, NULL) == NULL) {
            *ret_verb = argv[i];
            words = 2;
        } else {
            if (!option)
                words = 2;
            rest[(*ret_rest)++] = argv[i];
        }
    }
    return *ret_noun ? EXIT_DONE : EXIT_USAGE;
}

static int read_profile(struct client *c, const struct arguments *a)
{
    struct why why = {0};
    char dir[PROFILE_PATH_MAX];
    const char *given = arguments_value(a, "profile");
    result r = given ? DONE : profile_default_dir(dir, &why);
    if (r.code == OK)
        r = profile_read(c->host, given ? given : dir, &c->profile, &why);
    return r.code == OK ? EXIT_DONE : client_fail(EXIT_USAGE, &why);
}

static int run(const struct command_entry *command, int argc, char **argv)
{
    struct why why = {0};
    char rules[768];
    static struct arguments arguments;
    struct client client = {.host = host_real()};
    (void)snprintf(rules, sizeof rules, "%s %s", GLOBAL_OPTIONS, command->options);
    if (arguments_parse(argc, argv, rules, &arguments, &why).code != OK) {
        (void)client_fail(EXIT_USAGE, &why);
        return client_usage("the form is: innsyn %s %s %s", command->noun, command->verb, command->usage);
    }
    if (arguments_flag(&arguments, "help"))
        return help(command->noun);
    if (arguments.word_count < command->words_min || arguments.word_count > command->words_max)
        return client_usage("the form is: innsyn %s %s %s", command->noun, command->verb, command->usage);
    terminal_init(&client.terminal, arguments_flag(&arguments, "ascii"));
    client.json = arguments_flag(&arguments, "json");
    int code = command->profile ? read_profile(&client, &arguments) : EXIT_DONE;
    if (code == EXIT_DONE)
        code = command->run(&client, &arguments);
    client_done(&client);
    return code;
}

static int no_such_command(const char *noun, const char *verb)
{
    bool known = false;
    for (size_t i = 0; i < COMMANDS && !known; i++)
        known = strcmp(commands[i].noun, noun) == 0;
    if (known && !verb)
        return client_usage("%s what? see innsyn help %s", noun, noun);
    return client_usage("there is no command '%.40s%s%.40s'; see innsyn help%s%s", noun, verb ? " " : "", verb ? verb : "", known ? " " : "",
                        known ? noun : "");
}

int main(int argc, char **argv)
{
    const char *noun, *verb;
    int count;
    process_hide(); /* passwords and keys pass through: no core files */
    char **rest = calloc((size_t)argc + 1, sizeof *rest);
    if (!rest)
        return client_usage("no memory");
    int code = take_words(argc, argv, rest, &count, &noun, &verb);
    if (code != EXIT_DONE && count == 1 && strcmp(rest[0], "--version") == 0)
        code = printf("innsyn %s\n", INNSYN_VERSION) > 0 ? EXIT_DONE : EXIT_UNREACHABLE;
    else if (code != EXIT_DONE && count == 1 && strcmp(rest[0], "--help") == 0)
        code = help(NULL);
    else if (code != EXIT_DONE)
        code = client_usage("which command? see innsyn help");
    else if (strcmp(noun, "help") == 0)
        code = help(verb);
    else if (find(noun, verb))
        code = run(find(noun, verb), count, rest);
    else
        code = no_such_command(noun, verb);
    free(rest);
    return code;
}
