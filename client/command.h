/*
 * command.h - the commands of `innsyn`, one function each; the table is in main.c.
 * Each returns an exit code and has said on standard error what failed.
 */
#ifndef INNSYN_CLIENT_COMMAND_H
#define INNSYN_CLIENT_COMMAND_H

#include "client/client.h"

typedef int command_fn(struct client *c, const struct arguments *a);

struct command_entry {
    const char *noun, *verb;          /* verb "": the noun alone */
    unsigned words_min, words_max;    /* after noun and verb */
    bool profile;                     /* needs a profile */
    const char *options;              /* rules of arguments_parse */
    const char *usage;                /* what follows noun and verb */
    const char *about;
    command_fn *run;
};

command_fn profile_create, key_new, key_show;
command_fn login_run, logout_run, account_list, account_create, account_me, account_mail, token_create, token_list, token_revoke;
command_fn catalogue_run;
command_fn application_submit, application_list, application_show, application_opinion, application_decide;
command_fn application_create, application_edit, application_accept, application_decline, application_screen, application_complete;
command_fn application_ask, application_answer, application_extend, application_withdraw, application_copy, application_letter;
command_fn application_estimate, application_agree, application_fee, application_transfer, application_appeal, application_judge, application_export;
command_fn application_attach, application_detach, application_attachment;
command_fn application_forms, register_show;
command_fn enquiry_ask, enquiry_list, enquiry_show, enquiry_answer, enquiry_reply, enquiry_apply, enquiry_close;
command_fn permit_list, permit_show, permit_sign, permit_revoke, permit_suspend, permit_resume, permit_amend, permit_renew;
command_fn query_check, query_run, query_list, query_show, query_cancel, result_show, result_verify;
command_fn optout_register, optout_withdraw, optout_show, optout_versions;
command_fn site_list, site_add;
command_fn site_sign_rules; /* command_rules.c */
command_fn trust_show, trust_pin, trust_publish, trust_root_key, trust_make, trust_sign;
command_fn audit_verify, audit_show;
command_fn audit_search, audit_watch, audit_export, account_erase, text_erase; /* command_log.c */
command_fn audit_reconcile, audit_recombine, audit_signals;
command_fn audit_policy, audit_prove, audit_mirror, audit_witness; /* command_proof.c */
command_fn policy_roles;
command_fn policy_duo; /* command_duo.c */
command_fn policy_show, policy_publish, organisation_add, organisations_show, training_record, training_withdraw, terms_agree, terms_withdraw, attestations_show; /* command_access.c */
command_fn policy_explain, application_assessment; /* command_explain.c, command_application.c */

/* --- what they share (listing.c) --- */
struct list_column {
    const char *title, *key; /* key of the item's member */
};
/* All pages of a list as a table; nothing but "none" when it is empty. */
int show_list(struct client *c, const char *path, const struct list_column *columns, unsigned count);
int show_public_list(struct client *c, const char *path, const struct list_column *columns, unsigned count); /* without token */
/* GET and show. */
int show_document(struct client *c, const char *path);
/* Sends and shows the answer as lines (or the document under --json). */
int send_and_show(struct client *c, const struct call *call);
/* The version a step is decided on: --version, else the one that the document at `path` has now. */
int version_for_step(struct client *c, const struct arguments *a, const char *path, int64_t *ret);
/* Parses word `index` as a document id of the kind.  EXIT_USAGE with the rule. */
int need_id(const struct arguments *a, unsigned index, char kind, struct document_id *ret);

/* query.c and result: shows a result document with labels from the catalogue; round5: its counts as multiples of 5. */
int result_print(struct client *c, const struct json *document, bool round5);

/* command_explain.c: an assessment (policy/assess.h) in lines, or as it is under --json. */
int assessment_show(struct client *c, const struct json *assessment);

#endif
