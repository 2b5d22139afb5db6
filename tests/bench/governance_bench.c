/*
 * governance_bench - a store as a national unit has it after two years, made by the broker's own functions.
 *
 *   governance_bench fill DIR FORM N EVENTS ACCOUNTS
 *
 * DIR is the folder of a broker that is not running and has the accounts `researcher` and `researcher2` with keys; FORM a filled
 * form (JSON) that the catalogue bears.  N applications by ACCOUNTS accounts come in over two years; the older
 * ones are decided or withdrawn, of the newest fifth some are drafts, submitted, screened, processed or waiting.
 * Steps are written by application_add and application_write, permits laid out by permit_draft: rows, parties,
 * members, opinions, texts, log entries and their index are those of a step taken by call, so that anyone can
 * go on with any of them.  Only the moments are given: the clock is moved.  EVENTS steps are made in all: the
 * decided ones were asked for more until the number is reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "broker/audit/audit.h"
#include "broker/applications/applications.h"
#include "broker/permits/permits.h"
#include "tests/bench/core_alone.h"

enum { TURN = 400, FORM_BYTES_MAX = 256 * 1024, YEARS_DAYS = 730, PERIOD_DAYS = 30, QUESTIONS_MAX = 40 };

struct bench {
    struct signer signer;
    struct core *core;
    struct broker_settings settings;
    struct host host;
    struct host_calls calls;
    struct json *form;
    uint64_t seed, events, made, count, accounts;
    int64_t clock_ms, begin_ms, end_ms;
    double per_application; /* steps */
    uint64_t in_state[APPLICATION_STATES];
};

static void stop(const char *what, result r, const struct why *why)
{
    if (is_ok(r))
        return;
    fprintf(stderr, "governance_bench: %s: %s %s %s\n", what, status_name(r.code), why->field, why->text);
    exit(1);
}

static struct bench bench = {.seed = 7};

static int64_t moved_clock(void *self)
{
    (void)self;
    return bench.clock_ms ? bench.clock_ms : host_now_ms(host_real());
}

static uint64_t draw(struct bench *b, uint64_t below)
{
    return draw_below(&b->seed, below);
}

/* --- people --- */

static void name_of(uint64_t person, struct label *ret)
{
    struct why why = {0};
    char text[LABEL_MAX + 1];
    snprintf(text, sizeof text, "person-%05llu", (unsigned long long)person);
    if (person < 2) /* these two can go on with theirs */
        snprintf(text, sizeof text, person ? "researcher2" : "researcher");
    stop("name", label_parse(slice_str(text), ret, &why), &why);
}

static void add_accounts(struct bench *b)
{
    struct why why = {0};
    char organisation[64];
    for (uint64_t i = 2; i < b->accounts; i++) {
        struct label name;
        struct signing_key *key CLEANUP(signing_key_freep) = NULL;
        struct public_key public;
        name_of(i, &name);
        stop("key", signing_key_new(KEY_P256, &key, &why), &why);
        stop("key", signing_key_public(key, &public, &why), &why);
        snprintf(organisation, sizeof organisation, "Institute %llu", (unsigned long long)(i % 97));
        stop("account", RUN(b->core, ACCOUNT_ADD, NULL, &why, store_str(name.text), store_str("no password"), store_integer(ROLE_RESEARCHER),
                            store_str(organisation), store_bytes(slice_of(public.der, public.der_len)), store_integer(b->begin_ms)), &why);
    }
}

/* --- one application's life --- */

struct life {
    struct bench *b;
    struct call call;
    struct application a;
    struct label applicant, member;
};

static void as(struct life *l, const char *account, unsigned roles)
{
    struct why why = {0};
    stop("account", label_parse(slice_str(account), &l->call.who.account, &why), &why);
    l->call.who.roles = roles;
    l->call.core = l->b->core;
    l->b->clock_ms += 1000 + (int64_t)draw(l->b, 60000);
    l->call.now_ms = l->b->clock_ms;
}

static void step(struct life *l, enum step what, enum application_state next, const char *text, struct json *fields)
{
    struct why why = {0};
    stop(step_name(what), application_write(&l->call, &l->a, what, next, slice_str(text), fields, &why), &why);
    l->b->events++;
}

static struct json *filled_form(struct life *l)
{
    static const char *const purposes[] = {"53.1.d", "53.1.e", "53.1.f"};
    struct bench *b = l->b;
    char title[96];
    struct json *body = json_deep_copy(b->form), *people = json_array();
    snprintf(title, sizeof title, "Study %llu of what the registers show", (unsigned long long)b->made);
    json_add(people, json_of_str(l->applicant.text));
    json_add(people, json_of_str(l->member.text));
    json_set(body, "title", json_of_str(title));
    json_set(body, "people", people);
    json_set(body, "purpose", json_of_str(purposes[draw(b, 3)]));
    /* some of the sites, at least one */
    struct json *datasets = json_hold((struct json *)(uintptr_t)json_get(body, "datasets"));
    for (size_t i = 0; i < json_size(datasets); i++) {
        struct json *item = json_hold((struct json *)(uintptr_t)json_item(datasets, i)), *few = json_array();
        const struct json *sites = json_get(item, "sites");
        uint64_t first = draw(b, json_size(sites)), many = 1 + draw(b, json_size(sites));
        for (uint64_t k = 0; k < many; k++)
            json_add(few, json_deep_copy(json_item(sites, (first + k) % json_size(sites))));
        json_set(item, "sites", few);
        json_free(item);
    }
    json_free(datasets);
    return body;
}

static void set_period(struct json *body, int64_t from_ms, int64_t days)
{
    json_set(body, "from", json_of_instant(from_ms));
    json_set(body, "to", json_of_instant(from_ms + days * DAY_MS));
}

static void opinions(struct life *l)
{
    struct why why = {0};
    struct rows *sites CLEANUP(rows_freep) = NULL;
    stop("sites", RUN(l->b->core, PARTY_LIST, &sites, &why, store_str(l->a.id.text), store_integer(PARTY_SITE)), &why);
    while (rows_next(sites)) {
        char holder[LABEL_MAX + 1];
        struct json *fields = json_object();
        snprintf(holder, sizeof holder, "holder-%.*s", SLICE_ARG(rows_text(sites, 0)));
        as(l, holder, ROLE_HOLDER);
        stop("opinion", RUN(l->b->core, OPINION_PUT, NULL, &why, store_str(l->a.id.text), store_text(rows_text(sites, 0)), store_str(holder),
                            store_str("approve"), store_str("Within the registry's purpose."), store_integer(l->call.now_ms)), &why);
        json_set(fields, "site", json_of_text(rows_text(sites, 0)));
        json_set(fields, "opinion", json_of_str("approve"));
        step(l, STEP_OPINION, APPLICATION_PROCESSING, "Within the registry's purpose.", fields);
    }
}

/* Asked and answered, as often as it takes to have made as many steps as this share of the applications should have. */
static void questions(struct life *l, uint64_t steps_wanted)
{
    for (unsigned i = 0; i < QUESTIONS_MAX && l->b->events + 6 < steps_wanted; i++) {
        as(l, "officer1", ROLE_OFFICER);
        step(l, STEP_ASK, APPLICATION_AWAITING, "Which safeguards are there?", NULL);
        as(l, l->applicant.text, ROLE_RESEARCHER);
        step(l, STEP_ANSWER, APPLICATION_PRE_SCREENING, "Two people; no linkage.", NULL);
    }
}

static void decide(struct life *l, bool grant)
{
    struct why why = {0};
    struct document_id permit = {""};
    struct json *fields = json_object();
    as(l, "officer2", ROLE_OFFICER);
    json_set(fields, "decision", json_of_str(grant ? "grant" : "refuse"));
    if (grant)
        stop("permit", permit_draft(&l->call, &l->a, &permit, &why), &why);
    l->a.due_ms = l->a.opinions_due_ms = 0;
    stop("decide", RUN(l->b->core, APPLICATION_DECIDE, NULL, &why, store_str(l->a.id.text), store_str(grant ? "granted" : "refused"),
                       store_integer(l->call.now_ms), store_str("officer2"), store_str(grant ? "In order." : "Wider than the purpose needs."),
                       store_str(permit.text), store_str(grant ? "" : "necessity")), &why);
    step(l, grant ? STEP_GRANT : STEP_REFUSE, APPLICATION_DECIDED, grant ? "In order." : "Wider than the purpose needs.", fields);
    if (!grant || l->call.now_ms + PERIOD_DAYS * DAY_MS > l->b->end_ms)
        return;
    stop("expire", RUN(l->b->core, PERMIT_SET, NULL, &why, store_str(permit.text), store_integer(EXPIRED), store_integer(2), store_str(""),
                       store_integer(l->call.now_ms + PERIOD_DAYS * DAY_MS)), &why);
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(""));
    json_set(entry, "permit", json_of_str(permit.text));
    json_set(entry, "state", json_of_str("expired"));
    json_set(entry, "serial", json_of_integer(2));
    stop("entry", log_append(l->b->core, "permit_status", entry, NULL, &why), &why);
}

static void live(struct bench *b)
{
    struct why why = {0};
    struct life l = {.b = b};
    uint64_t person = draw(b, b->accounts), kind = draw(b, 100);
    bool newest = b->made >= b->count - b->count / 5;
    b->clock_ms = b->begin_ms + (b->end_ms - b->begin_ms) * (int64_t)b->made / (int64_t)b->count;
    name_of(person, &l.applicant);
    name_of((person + 1) % b->accounts, &l.member);
    as(&l, l.applicant.text, ROLE_RESEARCHER);
    struct json *body CLEANUP(json_freep) = filled_form(&l);
    if (newest && kind < 60)
        set_period(body, b->end_ms, 365);
    else
        set_period(body, l.call.now_ms, PERIOD_DAYS);
    stop("create", application_add(&l.call, body, "granted", slice_str(""), &l.a, &why), &why);
    b->events++;
    if (newest && kind < 10)
        goto done; /* a draft */
    as(&l, l.member.text, ROLE_RESEARCHER);
    stop("accept", RUN(b->core, MEMBER_ACCEPT, NULL, &why, store_str(l.a.id.text), store_str(l.member.text), store_integer(l.call.now_ms)), &why);
    step(&l, STEP_ACCEPT, APPLICATION_DRAFT, "", NULL);
    as(&l, l.applicant.text, ROLE_RESEARCHER);
    stop("submit", application_submit(&l.call, &l.a, &why), &why);
    b->events++;
    if (newest && kind < 20)
        goto done; /* submitted */
    as(&l, "officer1", ROLE_OFFICER);
    step(&l, STEP_SCREEN, APPLICATION_PRE_SCREENING, "", NULL);
    if (newest && kind < 30)
        goto done; /* pre_screening */
    if (newest && kind < 40) {
        l.a.answer_due_ms = b->end_ms + COMPLETION_DAYS * DAY_MS;
        step(&l, STEP_ASK, APPLICATION_AWAITING, "Which safeguards are there?", NULL);
        goto done;
    }
    questions(&l, (uint64_t)((double)(b->made + 1) * b->per_application));
    as(&l, "officer1", ROLE_OFFICER);
    l.a.due_ms = b->end_ms + 90 * DAY_MS;
    l.a.opinions_due_ms = b->end_ms + OPINION_DAYS * DAY_MS;
    step(&l, STEP_COMPLETE, APPLICATION_PROCESSING, "", NULL);
    if (newest && kind < 50)
        goto done; /* the holders are asked */
    opinions(&l);
    if (newest && kind < 60)
        goto done; /* ready to be decided */
    if (kind >= 90) {
        as(&l, l.applicant.text, ROLE_RESEARCHER);
        l.a.due_ms = l.a.opinions_due_ms = 0;
        step(&l, STEP_WITHDRAW, APPLICATION_WITHDRAWN, "", NULL);
    } else
        decide(&l, kind % 10 < 7);
done:
    b->in_state[l.a.state]++;
    application_done(&l.a);
    b->made++;
}

int main(int argc, char **argv)
{
    struct bench *b = &bench;
    struct why why = {0};
    const struct core_ports ports = alone_ports(&b->signer);
    struct buffer form CLEANUP(buffer_done) = {0};
    if (argc != 7 || strcmp(argv[1], "fill") != 0) {
        fprintf(stderr, "usage: governance_bench fill DIR FORM APPLICATIONS EVENTS ACCOUNTS\n");
        return 2;
    }
    b->count = strtoull(argv[4], NULL, 10);
    b->accounts = strtoull(argv[6], NULL, 10);
    b->per_application = strtod(argv[5], NULL) / (double)b->count;
    log_init(host_real(), "governance_bench", LOG_ERROR);
    b->calls = *host_real()->calls;
    b->calls.now_ms = moved_clock;
    b->host = (struct host){&b->calls, host_real()->self};
    buffer_init(&form, FORM_BYTES_MAX);
    stop("form", host_read_file(host_real(), argv[3], FORM_BYTES_MAX, &form, &why), &why);
    stop("form", json_parse(buffer_slice(&form), FORM_BYTES_MAX, &b->form, &why), &why);
    stop("settings", broker_settings_read(host_real(), argv[2], &b->settings, &why), &why);
    stop("keys", signer_open(host_real(), b->settings.dir, b->settings.network, &b->signer, &why), &why);
    stop("core", core_new(&b->settings, &b->host, &ports, &b->core, &why), &why);
    b->end_ms = host_now_ms(host_real());
    b->begin_ms = b->end_ms - YEARS_DAYS * DAY_MS;
    while (b->made < b->count) {
        stop("begin", store_begin(b->core->store, &why), &why);
        if (b->made == 0)
            add_accounts(b);
        for (unsigned i = 0; i < TURN && b->made < b->count; i++)
            live(b);
        stop("index", index_mark(b->core, &why), &why);
        stop("commit", store_commit(b->core->store, &why), &why);
        b->clock_ms = 0; /* keys look at the hour */
        stop("sign", log_sign(b->core, &why), &why);
    }
    printf("{\"applications\":%llu,\"events\":%llu,\"entries\":%llu,\"seconds\":%.1f", (unsigned long long)b->made,
           (unsigned long long)b->events, (unsigned long long)b->core->log.frontier.size,
           (double)(host_now_ms(host_real()) - b->end_ms) / 1000);
    for (unsigned i = 0; i < APPLICATION_STATES; i++)
        printf(",\"%s\":%llu", application_state_name((enum application_state)i), (unsigned long long)b->in_state[i]);
    printf("}\n");
    json_free(b->form);
    core_free(b->core);
    return 0;
}
