/* What the information ledger says, and the custodian's acts on it.  Guard does the act: it alone writes the ledger. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agents/commands/commands.h"
#include "agents/disclosure/zcdp.h"
#include "agents/guard/ledger.h"
#include "base/codec.h"

enum { ACT_WAIT_MS = 5000, ACT_LOOK_MS = 100, ACT_ID_BYTES = 16 };

static result show(const struct agent_settings *s, bool json, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct ledger *l CLEANUP(ledger_freep) = NULL;
    struct ledger_account a;
    struct ledger_permit_facts p;
    struct json *all CLEANUP(json_freep) = json_object(), *accounts = json_array(), *permits = json_array();
    struct buffer text CLEANUP(buffer_done) = {0};
    agent_path(s, "guard/ledger", path);
    TRY(ledger_open(host_real(), path, true, &l, why));
    json_set(all, "accounts", accounts);
    json_set(all, "permits", permits);
    if (!json)
        printf("%-30s %-20s %-20s %10s %10s\n", "PERMIT", "DATASET", "VARIABLE", "SPENT", "ADDED");
    for (size_t i = 0; ledger_account_at(l, i, &a); i++) {
        struct json *o = json_object();
        json_set(o, "permit", json_of_text(a.permit));
        json_set(o, "dataset", json_of_text(a.dataset));
        json_set(o, "variable", json_of_text(a.variable));
        double spent = slice_is(a.variable, LEDGER_RHO) ? (double)a.spent / (double)ZCDP_UNITS_A_RHO : (double)a.spent / CHARGE_ONE;
        json_set(o, "spent", json_of_number(spent));
        json_set(o, "added", json_of_number((double)a.extra / CHARGE_ONE));
        json_add(accounts, o);
        if (!json)
            printf("%-30.*s %-20.*s %-20.*s %10.6f %10.6f\n", SLICE_ARG(slice_is(a.permit, "*") ? slice_str("all, this year") : a.permit),
                   SLICE_ARG(a.dataset), SLICE_ARG(a.variable), spent, (double)a.extra / CHARGE_ONE);
    }
    for (size_t i = 0; ledger_permit_at(l, i, &p); i++) {
        struct json *o = json_object();
        json_set(o, "permit", json_of_str(p.permit));
        json_set(o, "locked", json_of_bool(p.locked));
        json_set(o, "frozen", json_of_bool(p.frozen));
        json_set(o, "refusals", json_of_integer(p.refusals));
        json_add(permits, o);
        if (!json)
            printf("%-30s %u refusals in 30 days%s%s\n", p.permit, p.refusals, p.locked ? ", locked" : "", p.frozen ? ", frozen" : "");
    }
    if (!json) {
        printf("%llu entries; a permit has %.2f of each variable, %.2f of a sensitive one; under profile dp %.2f of rho, and a dataset %.2f a year\n",
               (unsigned long long)ledger_entries(l), (double)LEDGER_CAP / CHARGE_ONE, (double)LEDGER_CAP_SENSITIVE / CHARGE_ONE,
               1.0 / DP_PERMIT_RHO_INVERSE, 1.0 / DP_YEAR_RHO_INVERSE);
        return DONE;
    }
    buffer_init(&text, JSON_BYTES_MAX);
    TRY(json_print(all, &text, why));
    printf("%.*s\n", (int)text.len, (const char *)text.at);
    return DONE;
}

static bool is_there(const char *path)
{
    struct buffer ignored CLEANUP(buffer_done) = {0};
    buffer_init(&ignored, LEDGER_ENTRY_BYTES_MAX);
    return host_read_file(host_real(), path, LEDGER_ENTRY_BYTES_MAX, &ignored, NULL).code != ABSENT;
}

/* Left for guard, which takes it within a second when it runs, else when it starts. */
static result leave(const struct agent_settings *s, struct ledger_act *a, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    uint8_t id[ACT_ID_BYTES];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *v CLEANUP(json_freep) = NULL;
    struct ledger_act checked;
    TRY(host_random(host_real(), id, sizeof id, why));
    hex_print(slice_of(id, sizeof id), a->id, sizeof a->id);
    v = ledger_act_json(a);
    TRY(ledger_act_read(v, &checked, why));
    agent_path(s, "guard/ledger-act.json", path);
    if (is_there(path))
        return FAIL(why, AGAIN, "an earlier act still waits for the agent; is it running? (%s)", path);
    buffer_init(&text, LEDGER_ENTRY_BYTES_MAX);
    TRY(json_print(v, &text, why));
    TRY(host_write_file(host_real(), path, 0600, buffer_slice(&text), why));
    for (int64_t waited = 0; waited < ACT_WAIT_MS; waited += ACT_LOOK_MS) {
        struct timespec t = {0, ACT_LOOK_MS * 1000000L};
        if (!is_there(path)) {
            printf("done, and written to ledger and journal\n");
            return DONE;
        }
        nanosleep(&t, NULL);
    }
    printf("the agent does not run; it will do this when it starts\n");
    return DONE;
}

static result prepare(struct ledger_act *a, const char *permit, const char *dataset, const char *variable, const char *amount,
                      const char *reason, struct why *why)
{
    char *end = NULL;
    double units = amount ? strtod(amount, &end) : 0;
    if (!permit || !reason || !*reason)
        return FAIL(why, MALFORMED, "--permit and --reason are needed: the reason is written down");
    if (a->kind == ACT_TOP_UP && (!dataset || !variable || !amount || *end || !(units > 0) || units > (double)LEDGER_TOP_UP_MAX / CHARGE_ONE))
        return FAIL(why, MALFORMED, "top-up needs --dataset, --variable and --amount above 0 and at most %.2f", (double)LEDGER_TOP_UP_MAX / CHARGE_ONE);
    a->micro = (int64_t)(units * CHARGE_ONE);
    if (!slice_copy_str(slice_str(permit), a->permit, sizeof a->permit) || !slice_copy_str(slice_str(reason), a->reason, sizeof a->reason) ||
        !slice_copy_str(slice_str(dataset ? dataset : ""), a->dataset, sizeof a->dataset) ||
        !slice_copy_str(slice_str(variable ? variable : ""), a->variable, sizeof a->variable))
        return FAIL(why, LIMIT, "a word is too long (a reason may have %d bytes)", LEDGER_REASON_MAX);
    return DONE;
}

int command_ledger(int argc, char **argv)
{
    static const char usage[] = "ledger show DIR [--json] | freeze|release DIR --permit P --reason TEXT | "
                                "top-up DIR --permit P --dataset D --variable V --amount 0.5 --reason TEXT";
    const char *words[2], *permit = NULL, *dataset = NULL, *variable = NULL, *amount = NULL, *reason = NULL;
    bool json = false;
    const struct option_spec options[] = {{"--json", NULL, &json},          {"--permit", &permit, NULL}, {"--dataset", &dataset, NULL},
                                          {"--variable", &variable, NULL},  {"--amount", &amount, NULL}, {"--reason", &reason, NULL},
                                          {0}};
    struct agent_settings s;
    struct ledger_act a = {.kind = ACT_KINDS};
    struct why why = {0};
    if (!arguments_read(argc, argv, options, words, 2, usage))
        return EXIT_USAGE;
    for (unsigned k = 0; k < ACT_KINDS; k++)
        if (strcmp(words[0], ledger_act_name((enum ledger_act_kind)k)) == 0)
            a.kind = (enum ledger_act_kind)k;
    if (a.kind == ACT_KINDS && strcmp(words[0], "show") != 0) {
        fprintf(stderr, "usage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), words[1], &s, &why);
    if (is_ok(r) && a.kind == ACT_KINDS)
        return command_end("ledger", show(&s, json, &why), &why);
    if (is_ok(r))
        r = prepare(&a, permit, dataset, variable, amount, reason, &why);
    if (is_ok(r))
        r = leave(&s, &a, &why);
    return command_end("ledger", r, &why);
}
