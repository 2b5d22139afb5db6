/*
 * What disclosure control would do with a question, and why.  For the custodian, at the site: it prints true
 * counts.  Nothing is charged, remembered or sent.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agents/commands/commands.h"
#include "agents/disclosure/counts.h"
#include "agents/disclosure/dp_sums.h"
#include "agents/disclosure/profile.h"
#include "agents/disclosure/release.h"
#include "agents/engine/weighted.h"
#include "agents/engine/difference.h"
#include "agents/engine/engine.h"
#include "agents/engine/left_out.h"
#include "agents/guard/datasets.h"
#include "agents/guard/ledger.h"
#include "agents/guard/optouts.h"
#include "stats/noised.h"

enum { NEAR_SHOWN_MAX = 20 };

struct explaining {
    struct agent_settings settings;
    struct snapshot *snapshot;
    struct left_out left_out;
    struct question *question;
    struct cellkey *key;
    struct jitter *jitter;
    struct ledger *ledger;
    struct bitmaps *bitmaps;
    struct cohorts_asked about;
    bool audit_holds;
    struct engine_answer answer;
    char edition[2 * HASH_LEN + 1];
};

static void explaining_done(struct explaining *x)
{
    cohorts_done(&x->about);
    bitmaps_free(x->bitmaps);
    ledger_free(x->ledger);
    cellkey_free(x->key);
    jitter_free(x->jitter);
    engine_answer_done(&x->answer);
    question_free(x->question);
    snapshot_close(x->snapshot);
    left_out_done(&x->left_out);
}

static result read_key(struct explaining *x, struct why *why)
{
    char path[AGENT_PATH_SIZE];
    struct buffer bytes CLEANUP(buffer_wipe) = {0};
    struct secret *secret CLEANUP(secret_freep) = NULL;
    buffer_init(&bytes, SITE_SECRET_LEN);
    agent_path(&x->settings, "keys/secret", path);
    TRY(host_read_file(host_real(), path, SITE_SECRET_LEN, &bytes, why));
    TRY(secret_new(buffer_slice(&bytes), &secret, why));
    struct hash jitter = hmac_sha256(secret_bytes(secret), slice_str(LABEL_JITTER_KEY));
    result r = jitter_new(slice_of(jitter.at, sizeof jitter.at), &x->jitter, why);
    wipe(&jitter, sizeof jitter);
    TRY(r);
    return cellkey_new(secret, LABEL_CELL_KEY, &x->key, why);
}

/* The edition in force, and the snapshot as it answers: without those who opted out. */
static result open_edition(struct explaining *x, const struct hash *snapshot, struct why *why)
{
    static struct datasets d; /* large */
    struct optouts *o = NULL;
    struct buffer keys CLEANUP(buffer_wipe) = {0};
    bool changed;
    buffer_init(&keys, LEFT_OUT_MAX * RECORD_KEY_LEN);
    d.held[0] = (struct held_dataset){.dictionary = x->snapshot->dictionary, .snapshot = *snapshot};
    d.count = 1;
    TRY(optouts_open(host_real(), &x->settings, NULL, &o, why));
    result r = optouts_name_editions(o, &d, false, &changed, why);
    if (is_ok(r))
        r = optouts_left_out(o, &d.held[0], NULL, slice_str(""), &keys, why);
    if (is_ok(r))
        r = left_out_apply(&x->left_out, buffer_slice(&keys), x->snapshot, why);
    hash_print(&d.held[0].edition, x->edition);
    optouts_free(o);
    return r;
}

static result open_all(struct explaining *x, const char *question_path, struct why *why)
{
    char path[AGENT_PATH_SIZE], name[LABEL_MAX + 16];
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *tree CLEANUP(json_freep) = NULL;
    struct label dataset;
    struct hash snapshot;
    buffer_init(&text, QUESTION_BYTES_MAX);
    TRY(host_read_file(host_real(), question_path, QUESTION_BYTES_MAX, &text, why));
    TRY(json_parse(buffer_slice(&text), QUESTION_BYTES_MAX, &tree, why));
    TRY(question_dataset(tree, &dataset, why));
    snprintf(name, sizeof name, "data/%s", dataset.text);
    agent_path(&x->settings, name, path);
    TRY(snapshot_current(host_real(), path, &snapshot, why));
    TRY(snapshot_open(host_real(), path, &snapshot, true, &x->snapshot, why));
    TRY(question_read(tree, x->snapshot->dictionary, &x->question, why));
    TRY(open_edition(x, &snapshot, why));
    TRY(read_key(x, why));
    agent_path(&x->settings, "guard/ledger", path);
    TRY(ledger_open(host_real(), path, true, &x->ledger, why));
    return bitmaps_new(&x->bitmaps, why);
}

static void explain_parents(const struct explaining *x, uint64_t least)
{
    const struct question *q = x->question;
    printf("L1 parents    the box holds %llu persons (a figure that stays here)\n", (unsigned long long)x->answer.cohort);
    for (unsigned b = 0; b < q->box_count; b++)
        printf("              without %.*s: %llu%s\n", SLICE_ARG(q->dictionary->variables[q->box[b].variable].name),
               (unsigned long long)x->answer.parent_cohorts[b],
               x->answer.parent_cohorts[b] < least ? ", too few: its cells stay blank" : "");
}

static result explain_pairs(struct explaining *x, struct cohort_asked *c, const struct ledger_cohorts *before, struct why *why)
{
    const struct dictionary *d = x->snapshot->dictionary;
    unsigned shown = 0;
    if (c->box->valued)
        printf("              those with a value of %.*s: %llu\n", SLICE_ARG(d->variables[c->variable].name), (unsigned long long)c->box->persons);
    for (size_t i = 0; i < c->audit.pair_count; i++) {
        struct audit_pair *p = &c->audit.pairs[i];
        struct slice name = {0};
        for (unsigned v = 0; v < d->variable_count; v++)
            if (audited_variable(d->variables[v].name) == p->variable)
                name = d->variables[v].name;
        struct projection a = {buffer_slice(&c->text), name}, b = {before->texts[p->box], name};
        result r = bitmaps_difference(x->bitmaps, x->snapshot, &a, &b, &p->difference, why);
        if (r.code == MALFORMED)
            p->difference = DIFFERENCE_UNKNOWN;
        else
            TRY(r);
        if (p->difference < AUDIT_PERSONS_MIN && shown++ < NEAR_SHOWN_MAX)
            printf("              %s%.*s it differs by %llu persons from %.*s\n", name.len ? "without " : "as a whole", SLICE_ARG(name),
                   (unsigned long long)p->difference, SLICE_ARG(before->texts[p->box]));
    }
    return DONE;
}

static result explain_audit(struct explaining *x, struct why *why)
{
    const struct dictionary *d = x->snapshot->dictionary;
    struct ledger_cohorts before = ledger_cohorts(x->ledger, d->dataset.text);
    size_t pairs = 0;
    TRY(cohorts_of(x->question, &x->answer, &x->about, why));
    TRY(cohorts_compare(&x->about, before.boxes, before.texts, before.count, d->event_table, why));
    for (unsigned i = 0; i < x->about.count; i++)
        pairs += x->about.at[i].audit.pair_count;
    printf("L2 audit      %zu cohorts were answered before, %zu projections are near enough to count\n", before.count, pairs);
    for (unsigned i = 0; i < x->about.count; i++)
        TRY(explain_pairs(x, &x->about.at[i], &before, why));
    TRY(cohorts_decide(&x->about, x->key, slice_str(x->edition), before.texts, &x->audit_holds, why));
    printf("              %s\n", x->audit_holds ? "holds" : "REFUSED: too near to an earlier answer");
    return DONE;
}

static result explain_charge(const struct explaining *x, const struct ptable *noise, struct why *why)
{
    struct charge c;
    TRY(charge_of(x->question, &x->answer, x->key, slice_str(x->edition), noise, cohorts_least(&x->about), &c, why));
    printf("L5 charge    ");
    for (unsigned i = 0; i < c.count; i++)
        printf(" %.*s %.6f", SLICE_ARG(x->snapshot->dictionary->variables[c.items[i].variable].name), (double)c.items[i].micro / CHARGE_ONE);
    printf("%s\n", c.count ? "" : " nothing: no variable is named");
    return DONE;
}

/* Nothing of it is of the data: the noise follows from clamps, types and parameters. */
static result explain_noised_sums(const struct question *q, struct why *why)
{
    enum { PERSONS_TOLD = 1000 };
    uint64_t units;
    TRY(zcdp_units(1, DP_QUERY_RHO_INVERSE, &units, why));
    printf("release       n, sum and sum of squares of each variable%s, as whole numbers with discrete Gaussian noise\n", q->by >= 0 ? " in each group" : "");
    for (unsigned v = 0; v < q->variable_count; v++) {
        const struct variable *of = &q->dictionary->variables[q->variables[v]];
        struct published_lattice l;
        TRY(dp_lattice(of, q->variable_count, units, &l, why));
        double sum = l.unit * sqrt((double)l.noise_sum);
        printf("              %.*s between %g and %g: standard deviation %.3g of n, %.6g of the sum less %g n; of a mean of %d persons about %.2g\n", SLICE_ARG(of->name),
               of->clamp_low, of->clamp_high, sqrt((double)l.noise_n), noised_digits(sum, sum), l.centre, PERSONS_TOLD, sum / PERSONS_TOLD);
    }
    return DONE;
}

static result explain(struct explaining *x, struct why *why)
{
    const struct question *q = x->question;
    const struct profile_rules *rules = profile_rules(q->dictionary->profile);
    struct published p CLEANUP(published_done);
    struct buffer text CLEANUP(buffer_done) = {0};
    struct why inner = {0};
    published_init(&p);
    if (q->dictionary->profile == PROFILE_DP) { /* what nobody is told is not drawn: noise is fresh, and the first answer stays */
        printf("profile       dp, edition %.12s\n", x->edition);
        if (q->statistic == STATISTIC_SUMMARY)
            TRY(explain_noised_sums(q, why));
        else
            printf("release       every cell with discrete Gaussian noise, standard deviation %.3g; nothing is withheld\n",
               sqrt(DP_QUERY_RHO_INVERSE / 2.0));
        printf("budget        %.4g of rho, of the permit's %.4g and the dataset's %.4g a year; asked again, nothing\n", 1.0 / DP_QUERY_RHO_INVERSE,
               1.0 / DP_PERMIT_RHO_INVERSE, 1.0 / DP_YEAR_RHO_INVERSE);
        return DONE;
    }
    if (!rules)
        return FAIL(why, DENIED, "profile %s protects nothing: what is asked is answered", profile_name(q->dictionary->profile));
    TRY(q->statistic == STATISTIC_SUMMARY ? weighted_summary(x->snapshot, q, x->jitter, slice_str(x->edition), &x->answer, why)
                                          : engine_compute(x->snapshot, q, true, &x->answer, why));
    printf("profile       %s, edition %.12s\n", profile_name(q->dictionary->profile), x->edition);
    explain_parents(x, rules->parent_persons_min);
    TRY(explain_audit(x, why));
    TRY(explain_charge(x, rules->noise, why));
    result r = release_protected(q, &x->answer, x->key, slice_str(x->edition), &p, &inner);
    if (r.code == DENIED) {
        printf("release       REFUSED: %s\n", inner.text);
        return DONE;
    }
    TRY(r);
    struct json *v CLEANUP(json_freep) = published_json(&p);
    buffer_init(&text, JSON_BYTES_MAX);
    TRY(json_print(v, &text, why));
    printf("release       %s%.*s\n", x->audit_holds ? "" : "would be, were it not for the audit: ", (int)text.len, (const char *)text.at);
    return DONE;
}

int command_disclosure(int argc, char **argv)
{
    static const char usage[] = "disclosure explain DIR QUESTION.json";
    const char *words[3];
    struct explaining x CLEANUP(explaining_done) = {0};
    struct why why = {0};
    if (!arguments_read(argc, argv, NULL, words, 3, usage))
        return EXIT_USAGE;
    if (strcmp(words[0], "explain") != 0) {
        fprintf(stderr, "usage: innsyn-agent %s\n", usage);
        return EXIT_USAGE;
    }
    engine_answer_init(&x.answer);
    result r = agent_settings_read(host_real(), words[1], &x.settings, &why);
    if (is_ok(r))
        r = open_all(&x, words[2], &why);
    if (is_ok(r))
        r = explain(&x, &why);
    return command_end("disclosure", r, &why);
}
