/*
 * Aim: who may do what in which state is what policy/workflow.c lists, and nothing beside it.
 * Method: every cell of actor x state x step is tried through the core, with a fresh application for each cell
 * that is allowed; docs/PERMISSIONS.md is held against the table (workflow_test --print writes it anew); stale
 * versions, clocks, forms and separation of duties one by one.
 */
#include "application_rig.h"

#include "policy/fee.h"
#include "policy/form.h"
#include "policy/roles.h"
#include "policy/workflow.h"

#include <stdio.h>

/* --- the document --- */

static void cell(FILE *out, unsigned actors)
{
    bool any = false;
    for (unsigned i = 0; i < ACTOR_COUNT; i++)
        if (actors >> i & 1) {
            fprintf(out, "%s%s", any ? ", " : "", actor_name(1u << i));
            any = true;
        }
}

static void print_table(FILE *out)
{
    fputs("# Who may do what, in which state\n\n"
          "Made from policy/workflow.c and policy/roles.c by `workflow_test --print`; tests/unit/workflow_test.c holds this file to them\n"
          "and tries every cell of the first table through the broker.  What is not listed is refused.\n\n"
          "An *applicant* applied; a *member* is named in the application and is not the applicant; an *officer* has that role; a *holder*\n"
          "speaks, by the trust document, for a site that is named; *time* is a deadline that passed.  Officers and holders see an\n"
          "application from its submission on.  Nobody decides on what he or she takes part in.\n\n"
          "## Applications\n\n| state | step | who | next state | also |\n| --- | --- | --- | --- | --- |\n", out);
    for (unsigned s = 0; s < APPLICATION_STATES; s++)
        for (unsigned k = 0; k < STEPS; k++) {
            const struct workflow_row *row = workflow_find((enum application_state)s, (enum step)k);
            if (!row)
                continue;
            fprintf(out, "| %s | %s | ", application_state_name(row->state), step_name(row->step));
            cell(out, row->actors);
            fprintf(out, " | %s | %s |\n", application_state_name(row->next), row->also ? row->also : "");
        }
    fputs("\n`withdrawn` is an end, and `decided` where it was not refused: only copying is possible, and what follows a permit.\n\n"
          "## Permits\n\n| state | step | who | next state | also |\n| --- | --- | --- | --- | --- |\n", out);
    for (unsigned s = 0; s < STAGES; s++)
        for (unsigned k = 0; k < PERMIT_STEPS; k++) {
            const struct permit_workflow_row *row = permit_workflow_find((enum permit_stage)s, (enum permit_step)k);
            if (!row)
                continue;
            fprintf(out, "| %s | %s | ", stage_name(row->stage), permit_step_name(row->step));
            cell(out, row->actors);
            fprintf(out, " | %s | %s |\n", stage_name(row->next), row->also ? row->also : "");
        }
    fputs("\n## Enquiries\n\nHere the applicant is the account that asked, whatever its roles: who asked does not answer.\n\n"
          "| state | step | who | next state | also |\n| --- | --- | --- | --- | --- |\n", out);
    for (unsigned s = 0; s < ENQUIRY_STATES; s++)
        for (unsigned k = 0; k < ENQUIRY_STEPS; k++) {
            const struct enquiry_workflow_row *row = enquiry_workflow_find((enum enquiry_state)s, (enum enquiry_step)k);
            if (!row)
                continue;
            fprintf(out, "| %s | %s | ", enquiry_state_name(row->state), enquiry_step_name(row->step));
            cell(out, row->actors);
            fprintf(out, " | %s | %s |\n", enquiry_state_name(row->next), row->also ? row->also : "");
        }
    fputs("\n## Calls\n\n| call | who | also |\n| --- | --- | --- |\n", out);
    for (unsigned i = 0; i < COMMAND_COUNT; i++) {
        const struct command_rule *rule = command_rule((enum command)i);
        char roles[ROLES_TEXT_SIZE];
        roles_print(rule->callers & ROLES_ALL, roles);
        fprintf(out, "| `%s %s` | %s | %s |\n", rule->method, rule->path,
                rule->callers & CALLER_ANYONE ? "anyone" : rule->callers & CALLER_AGENT ? "agent" : (rule->callers & ROLES_ALL) == ROLES_ALL ? "signed in" : roles,
                rule->relation ? rule->relation : "");
    }
}

static void the_document_is_the_table(void **state)
{
    (void)state;
    char *made = NULL, *held = calloc(1, RIG_TEXT);
    size_t size = 0;
    FILE *out = open_memstream(&made, &size), *in = fopen(SOURCE_DIR "/docs/PERMISSIONS.md", "r");
    assert_non_null(out);
    assert_non_null(held);
    print_table(out);
    fclose(out);
    assert_non_null(in);
    assert_true(fread(held, 1, RIG_TEXT - 1, in) > 0);
    fclose(in);
    assert_string_equal(made, held); /* workflow_test --print > docs/PERMISSIONS.md */
    free(made);
    free(held);
}

static void every_state_is_reached_and_left(void **state)
{
    (void)state;
    bool reached[APPLICATION_STATES] = {[APPLICATION_DRAFT] = true};
    for (unsigned s = 0; s < APPLICATION_STATES; s++) {
        unsigned steps = 0;
        for (unsigned k = 0; k < STEPS; k++) {
            const struct workflow_row *row = workflow_find((enum application_state)s, (enum step)k);
            if (row)
                reached[row->next] = true;
            steps += row != NULL;
        }
        assert_int_equal(steps == 0, s == APPLICATION_WITHDRAWN);
    }
    for (unsigned s = 0; s < APPLICATION_STATES; s++)
        assert_true(reached[s]);
}

static void months_are_calendar_months(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        unsigned months;
    } rows[] = {
        {"2026-01-15T10:00:00.000Z", "2026-04-15T10:00:00.000Z", 3}, {"2026-11-30T23:59:59.999Z", "2027-02-28T23:59:59.999Z", 3},
        {"2027-11-30T00:00:00.000Z", "2028-02-29T00:00:00.000Z", 3}, {"2026-12-31T12:00:00.000Z", "2027-03-31T12:00:00.000Z", 3},
        {"2026-10-31T12:00:00.000Z", "2027-04-30T12:00:00.000Z", 6}, {"2026-05-05T00:00:00.000Z", "2026-05-05T00:00:00.000Z", 0},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        int64_t from;
        char text[INSTANT_TEXT_SIZE];
        assert_true(instant_parse(slice_str(rows[i].from), &from));
        instant_print(add_months(from, rows[i].months), text);
        assert_string_equal(text, rows[i].to);
    }
}

/* --- every cell --- */

static void check_stands(struct rig *g, const char *id, enum application_state s, int64_t version)
{
    char path[128];
    snprintf(path, sizeof path, "/v1/applications/%s", id);
    const struct rig_answer *a = rig_call(g, W_APPLICANT, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "state")), application_state_name(s));
    assert_int_equal(json_integer(json_get(a->body, "version")), version);
}

static const struct {
    int person;
    unsigned actor; /* towards the test's application; 0: none */
    bool may_call;  /* its role may call the route at all */
    bool sees;      /* it sees a received application */
} CALLERS[] = {
    {W_APPLICANT, ACTOR_APPLICANT, true, true}, {W_MEMBER, ACTOR_MEMBER, true, true}, {P_OFFICER2, ACTOR_OFFICER, true, true},
    {P_HOLDER1, ACTOR_HOLDER, true, true},      {P_HOLDER2, 0, true, false}, /* of a site that is not named */
    {P_AUDITOR, 0, false, true},                {P_OPERATOR, 0, false, false}, {-1, 0, false, false},
};

static void try_cell(struct rig *g, enum application_state s, enum step step, size_t caller, char *id, int64_t *version, unsigned *allowed)
{
    char more[4200] = "";
    const struct workflow_row *row = workflow_find(s, step);
    unsigned actor = CALLERS[caller].actor;
    if (step == STEP_EDIT)
        snprintf(more, sizeof more, ",\"form\":%s", form_of("", "\"researcher\",\"researcher2\""));
    else if (step == STEP_OPINION)
        snprintf(more, sizeof more, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    else if (step == STEP_ESTIMATE)
        snprintf(more, sizeof more, ",\"fee\":100,\"text\":\"little work\"");
    else if (step == STEP_TRANSFER)
        snprintf(more, sizeof more, ",\"account\":\"researcher2\",\"text\":\"new post\"");
    else
        snprintf(more, sizeof more, ",\"text\":\"because\"");
    if (step == STEP_DETACH)
        snprintf(more, sizeof more, ",\"attachment\":\"%s\"", attached);
    const struct rig_answer *a = step == STEP_ATTACH ? attach(g, CALLERS[caller].person, id, *version, "a.txt", "hello")
                                                     : take_step(g, CALLERS[caller].person, id, step_name(step), *version, more);
    if (step == STEP_ATTACH && (CALLERS[caller].person == P_OFFICER2 || CALLERS[caller].person == P_HOLDER1 || CALLERS[caller].person == P_HOLDER2)) {
        EXPECT(a, 403, "wrong_role"); /* the call is for those who ask */
    } else if (CALLERS[caller].person < 0) {
        EXPECT(a, 401, "not_signed_in");
    } else if (!CALLERS[caller].may_call) {
        EXPECT(a, 403, "wrong_role");
    } else if (!actor || (s == APPLICATION_DRAFT && !(actor & ACTORS_ASKING))) {
        EXPECT(a, 404, "no_such_thing"); /* it cannot be told from one that is not there */
    } else if (!(workflow_actors(step) & actor)) {
        EXPECT(a, 403, "wrong_role");
    } else if (!row || !(row->actors & actor)) {
        EXPECT(a, 409, "conflict");
        struct buffer list CLEANUP(buffer_done) = {0};
        buffer_init(&list, 1024);
        assert_ok(workflow_allowed(s, actor, &list, NULL));
        assert_slice(json_text(json_get(a->body, "allowed")), list.len ? buffer_str(&list) : "nothing");
    } else if ((s == APPLICATION_AWAITING && step == STEP_REFUSE) || step == STEP_AGREE) {
        EXPECT(a, 409, "conflict"); /* listed, but its four weeks have not passed; or there is nothing new to agree to */
    } else {
        EXPECT(a, step == STEP_ATTACH ? 201 : 200, NULL);
        assert_slice(json_text(json_get(a->body, "state")), application_state_name(row->next));
        check_stands(g, id, row->next, *version + 1);
        in_state(g, s, id, version);
        ++*allowed;
        return;
    }
}

static void every_cell(void **state)
{
    (void)state;
    struct rig g;
    unsigned cells = 0, allowed = 0;
    rig_open(&g, NULL);
    rig_network(&g);
    for (unsigned s = 0; s < APPLICATION_STATES; s++) {
        char id[DOCUMENT_ID_LEN + 1];
        int64_t version;
        in_state(&g, (enum application_state)s, id, &version);
        for (unsigned k = 0; k < STEP_LAPSE; k++)
            for (size_t w = 0; w < COUNT_OF(CALLERS); w++, cells++)
                try_cell(&g, (enum application_state)s, (enum step)k, w, id, &version, &allowed);
        check_stands(&g, id, (enum application_state)s, version); /* no refusal changed anything */
        EXPECT(take_step(&g, W_APPLICANT, id, "lapse", version, ""), 400, "malformed"); /* nobody is time */
    }
    print_message("%u cells of actor x state x step, %u allowed\n", cells, allowed);
    rig_close(&g);
}

/* --- one by one --- */

static void stale_versions(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_PRE_SCREENING, id, &version);
    EXPECT(take_step(&g, P_OFFICER2, id, "complete", version, ""), 200, NULL);
    const struct rig_answer *a = take_step(&g, P_OFFICER1, id, "ask", version, ",\"text\":\"late\"");
    EXPECT(a, 409, "conflict");
    assert_slice(json_text(json_get(a->body, "field")), "/version");
    const struct json *params = json_get(a->body, "params"), *change = json_item(json_get(params, "changes"), 0);
    assert_int_equal(json_integer(json_get(params, "version")), version + 1);
    assert_slice(json_text(json_get(change, "command")), "complete");
    assert_slice(json_text(json_get(change, "account")), "officer2");
    /* two at once, in one turn: the second is told */
    char path[128], body[128];
    snprintf(path, sizeof path, "/v1/applications/%s/steps", id);
    snprintf(body, sizeof body, "{\"command\":\"refuse\",\"version\":%lld,\"text\":\"no\"}", (long long)version + 1);
    struct http_request one = rig_request(HTTP_POST, path, body), two = one;
    one.token = slice_str(g.token[P_OFFICER1]);
    two.token = slice_str(g.token[P_OFFICER2]);
    rig_forget(&g);
    uint64_t first = rig_send(&g, &one), second = rig_send(&g, &two);
    rig_turn(&g);
    EXPECT(rig_find(&g, first), 200, NULL);
    EXPECT(rig_find(&g, second), 409, "conflict");
    /* missing, zero, of another kind */
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"refuse\",\"text\":\"no\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"refuse\",\"version\":0,\"text\":\"no\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"fly\",\"version\":1}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"screen\",\"version\":1,\"colour\":\"red\"}"), 400, "unknown_field");
    rig_close(&g);
}

static void clocks_stop_while_the_applicant_is_asked(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], path[128], due[INSTANT_TEXT_SIZE], want[INSTANT_TEXT_SIZE];
    int64_t version, due_ms, longer_ms;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    snprintf(path, sizeof path, "/v1/applications/%s", id);
    const struct rig_answer *a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    rig_text(a->body, "due", due, sizeof due);
    assert_true(instant_parse(slice_str(due), &due_ms));
    instant_print(add_months(host_now_ms(host_real()), DECISION_MONTHS), want);
    assert_memory_equal(due, want, 10); /* the day */
    EXPECT(take_step(&g, P_OFFICER1, id, "extend", version, ""), 400, "malformed"); /* a reason is recorded */
    must(&g, P_OFFICER1, id, "extend", &version, ",\"text\":\"many sites\"");
    EXPECT(take_step(&g, P_OFFICER1, id, "extend", version, ",\"text\":\"more\""), 409, "conflict");
    a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    rig_text(a->body, "due", due, sizeof due);
    assert_true(instant_parse(slice_str(due), &longer_ms));
    assert_true(longer_ms == add_months(due_ms, EXTENSION_MONTHS));
    must(&g, P_OFFICER1, id, "ask", &version, ",\"text\":\"which?\"");
    a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    assert_null(json_get(a->body, "due"));
    assert_non_null(json_get(a->body, "answer_due"));
    assert_int_equal(json_size(json_get(a->body, "opinions")), 1);
    char more[4200];
    snprintf(more, sizeof more, ",\"text\":\"these\",\"form\":%s", form_of(",\"ethics\":\"added\"", "\"researcher\",\"researcher2\""));
    must(&g, W_APPLICANT, id, "answer", &version, more);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    assert_int_equal(json_size(json_get(a->body, "opinions")), 0); /* they were about another form */
    assert_slice(json_text(json_get(a->body, "ethics")), "added");
    must(&g, P_OFFICER1, id, "complete", &version, "");
    a = rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL);
    rig_text(a->body, "due", due, sizeof due);
    assert_true(instant_parse(slice_str(due), &due_ms));
    assert_true(due_ms >= longer_ms && due_ms - longer_ms < 5 * MINUTE_MS); /* what was left, and the time it stood */
    rig_close(&g);
}

static void decisions_need_members_and_opinions(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], path[128];
    int64_t version = 2;
    rig_open(&g, NULL);
    rig_network(&g);
    const struct rig_answer *a = rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", form_of("", "\"researcher\",\"researcher2\""));
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    must(&g, P_OFFICER1, id, "screen", &version, "");
    must(&g, P_OFFICER1, id, "complete", &version, "");
    EXPECT(take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\""), 409, "conflict"); /* no opinion yet */
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"deny\",\"text\":\"no\"");
    EXPECT(take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\""), 409, "conflict"); /* denied */
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    EXPECT(take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\""), 409, "conflict"); /* not all accepted */
    must(&g, W_MEMBER, id, "decline", &version, "");
    EXPECT(take_step(&g, W_MEMBER, id, "accept", version, ""), 404, "no_such_thing"); /* no party any more */
    EXPECT(take_step(&g, P_OFFICER1, id, "refuse", version, ""), 400, "malformed");   /* without reason */
    snprintf(path, sizeof path, "/v1/applications/%s/letter?lang=en", id);
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL), 409, "conflict");
    must(&g, P_OFFICER1, id, "refuse", &version, ",\"text\":\"too wide\"");
    a = rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    struct slice letter = json_text(json_get(a->body, "text"));
    assert_true(memmem(letter.at, letter.len, "too wide", 8) != NULL);
    assert_true(memmem(letter.at, letter.len, "appeal", 6) != NULL);
    snprintf(path, sizeof path, "/v1/applications/%s/letter", id);
    letter = json_text(json_get(rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL)->body, "text"));
    assert_true(memmem(letter.at, letter.len, "klage", 5) != NULL);
    /* the register: no login, the refusal with its justification, no account */
    a = rig_call(&g, -1, HTTP_GET, "/v1/register", NULL);
    EXPECT(a, 200, NULL);
    const struct json *item = json_item(json_get(a->body, "items"), 0);
    assert_slice(json_text(json_get(item, "justification")), "too wide");
    assert_slice(json_text(json_get(item, "outcome")), "refused");
    assert_null(memmem(a->text.at, a->text.len, "researcher", 10));
    rig_close(&g);
}

static void forms_are_held(void **state)
{
    (void)state;
    struct rig g;
    static const struct {
        const char *extra, *code, *field;
    } rows[] = {
        {",\"colour\":\"red\"", "unknown_field", "/colour"},
        {",\"form\":\"request-9\"", "malformed", "/form"},
        {",\"mandate\":\"us\"", "malformed", "/mandate"},             /* asked only of public purposes */
        {",\"optout_exception\":true", "malformed", "/optout_reason"}, /* then a reason is needed */
        {",\"optout_exception\":\"yes\"", "malformed", "/optout_exception"},
        {",\"ethics\":7", "malformed", "/ethics"},
        {",\"form\":\"application-1\"", "unknown_field", NULL},        /* statistical_content is of the other form */
    };
    rig_open(&g, NULL);
    rig_network(&g);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct rig_answer *a = rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", form_of(rows[i].extra, "\"researcher\""));
        EXPECT(a, 400, rows[i].code);
        if (rows[i].field)
            assert_slice(json_text(json_get(a->body, "field")), rows[i].field);
    }
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", form_of("", "\"researcher2\"")), 400, "malformed"); /* not without the applicant */
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", form_of("", "\"researcher\",\"officer1\"")), 400, "malformed");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications", "{\"title\":\"half\"}"), 400, "malformed");
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications?draft=1", "{\"title\":\"half\"}"), 201, NULL);
    const struct rig_answer *a = rig_call(&g, -1, HTTP_GET, "/v1/forms", NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_size(json_get(a->body, "items")), form_count());
    for (unsigned i = 0; i < form_count(); i++) { /* every label in both languages */
        const struct json *fields = json_get(json_item(json_get(a->body, "items"), i), "fields");
        for (size_t k = 0; k < json_size(fields); k++) {
            const struct json *label = json_get(json_item(fields, k), "label");
            assert_true(json_text(json_get(label, "nb")).len > 0 && json_text(json_get(label, "en")).len > 0);
        }
    }
    rig_close(&g);
}

static void permits_are_followed(void **state)
{
    (void)state;
    struct rig g;
    char permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], path[128], body[128], to[INSTANT_TEXT_SIZE];
    rig_open(&g, NULL);
    rig_network(&g);
    rig_permit(&g, "[\"count\"]", 20 * DAY_MS, permit); /* too near its end to be renewed */
    rig_moment(100 * DAY_MS, to);
    snprintf(path, sizeof path, "/v1/permits/%s/renewals", permit);
    snprintf(body, sizeof body, "{\"to\":\"%s\"}", to);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, body), 409, "conflict");
    EXPECT(rig_call(&g, P_RESEARCHER2, HTTP_POST, path, body), 404, "no_such_thing");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, body), 403, "wrong_role");
    snprintf(path, sizeof path, "/v1/permits/%s/amendments", permit);
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}");
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    int64_t version = 1;
    must(&g, P_RESEARCHER, id, "submit", &version, "");
    must(&g, P_OFFICER1, id, "screen", &version, "");
    must(&g, P_OFFICER1, id, "complete", &version, "");
    must(&g, P_HOLDER1, id, "opinion", &version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    must(&g, P_HOLDER2, id, "opinion", &version, ",\"site\":\"beta\",\"opinion\":\"approve\"");
    a = take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"fine\"");
    EXPECT(a, 200, NULL);
    char amended[DOCUMENT_ID_LEN + 1];
    rig_text(a->body, "permit", amended, sizeof amended);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, amended, 200, NULL);
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, amended, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, amended, 200, NULL);
    snprintf(path, sizeof path, "/v1/permits/%s", permit);
    assert_slice(json_text(json_get(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL)->body, "state")), "live"); /* until the last one signs */
    rig_sign_permit(&g, P_HOLDER2, HOLDER2, amended, 200, NULL);
    assert_slice(json_text(json_get(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL)->body, "state")), "replaced");
    snprintf(path, sizeof path, "/v1/permits/%s/amendments", permit);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, path, "{}"), 409, "conflict");
    /* every pair of a permit's state and an officer's wish that the table does not list */
    static const char *const wishes[] = {"live", "suspended", "revoked"};
    static const enum permit_step steps[] = {PERMIT_RESUME, PERMIT_SUSPEND, PERMIT_REVOKE};
    enum permit_stage stage = STAGE_LIVE;
    snprintf(path, sizeof path, "/v1/permits/%s/status", amended);
    static const unsigned order[] = {0, 1, 1, 0, 1, 2, 0, 1, 2}; /* live, suspended, live, suspended, revoked */
    for (size_t i = 0; i < COUNT_OF(order); i++) {
        const struct permit_workflow_row *row = permit_workflow_find(stage, steps[order[i]]);
        snprintf(body, sizeof body, "{\"state\":\"%s\",\"reason\":\"asked\"}", wishes[order[i]]);
        EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, body), row ? 200 : 409, row ? NULL : "conflict");
        stage = row ? row->next : stage;
    }
    assert_int_equal(stage, STAGE_REVOKED);
    rig_close(&g);
}

/* --- fees, appeals, handing over, the whole case --- */

static const struct rig_answer *look(struct rig *g, int person, const char *id, const char *what)
{
    static char path[128];
    snprintf(path, sizeof path, "/v1/applications/%s%s", id, what);
    return rig_call(g, person, HTTP_GET, path, NULL);
}

static int64_t fee_member(struct rig *g, const char *id, const char *member)
{
    return json_integer(json_get(json_get(look(g, W_APPLICANT, id, "")->body, "fee"), member));
}

static bool letter_says(struct rig *g, const char *id, const char *what, const char *words)
{
    struct slice text = json_text(json_get(look(g, W_APPLICANT, id, what)->body, "text"));
    return text.len && memmem(text.at, text.len, words, strlen(words));
}

static void fees_are_known_before_the_decision(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_DRAFT, id, &version);
    assert_int_equal(fee_member(&g, id, "estimate"), fee_estimate(1, 1)); /* before it is submitted */
    assert_int_equal(fee_member(&g, id, "incurred"), 0);
    EXPECT(look(&g, W_APPLICANT, id, "/letter?about=fee"), 409, "conflict");
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    assert_true(letter_says(&g, id, "/letter?lang=nb&about=fee", "trekke s"));
    assert_true(letter_says(&g, id, "/letter?lang=en&about=fee", "withdraw"));
    EXPECT(look(&g, W_APPLICANT, id, "/letter?lang=en&about=love"), 400, "malformed");
    assert_int_equal(fee_member(&g, id, "incurred"), fee_incurred(fee_estimate(1, 1), APPLICATION_PROCESSING));
    EXPECT(take_step(&g, P_OFFICER1, id, "estimate", version, ",\"text\":\"much\""), 400, "malformed");
    EXPECT(take_step(&g, P_OFFICER1, id, "estimate", version, ",\"text\":\"much\",\"fee\":-1"), 400, "malformed");
    EXPECT(take_step(&g, P_OFFICER1, id, "estimate", version, ",\"text\":\"much\",\"fee\":100000001"), 400, "malformed");
    must(&g, P_OFFICER1, id, "estimate", &version, ",\"text\":\"many sites\",\"fee\":20000");
    EXPECT(take_step(&g, P_OFFICER1, id, "grant", version, ",\"text\":\"good\""), 409, "conflict"); /* not agreed to */
    assert_true(letter_says(&g, id, "/letter?lang=en&about=fee", "agree to it"));
    must(&g, W_APPLICANT, id, "agree", &version, "");
    must(&g, P_OFFICER1, id, "estimate", &version, ",\"text\":\"less\",\"fee\":900"); /* a lower one needs no agreement */
    must(&g, P_OFFICER1, id, "grant", &version, ",\"text\":\"good\"");
    assert_int_equal(fee_member(&g, id, "estimate"), 900);
    assert_true(letter_says(&g, id, "/letter?lang=en", "Fee: 900 NOK"));
    assert_true(letter_says(&g, id, "/letter?lang=nb", "Gebyr: 900 NOK"));
    EXPECT(take_step(&g, W_APPLICANT, id, "appeal", version, ",\"text\":\"more\""), 409, "conflict"); /* it was granted */
    in_state(&g, APPLICATION_PRE_SCREENING, id, &version);
    int64_t done = fee_member(&g, id, "incurred");
    assert_int_equal(done, fee_incurred(fee_estimate(1, 1), APPLICATION_PRE_SCREENING));
    must(&g, W_APPLICANT, id, "withdraw", &version, "");
    assert_int_equal(fee_member(&g, id, "incurred"), done);
    assert_int_equal(fee_member(&g, id, "estimate"), done);
    rig_close(&g);
}

static void a_refusal_is_appealed_once_and_judged_by_another(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_PRE_SCREENING, id, &version);
    EXPECT(take_step(&g, P_OFFICER1, id, "refuse", version, ",\"text\":\"no\",\"ground\":\"mood\""), 400, "malformed");
    must(&g, P_OFFICER1, id, "refuse", &version, ",\"text\":\"no\",\"ground\":\"purpose\"");
    assert_true(letter_says(&g, id, "/letter?lang=en", "The purpose is not allowed"));
    assert_true(letter_says(&g, id, "/letter?lang=nb", "ikke tillatt"));
    EXPECT(take_step(&g, W_APPLICANT, id, "appeal", version, ""), 400, "malformed"); /* grounds are needed */
    EXPECT(take_step(&g, W_MEMBER, id, "appeal", version, ",\"text\":\"x\""), 403, "wrong_role");
    must(&g, W_APPLICANT, id, "appeal", &version, ",\"text\":\"it is research\"");
    EXPECT(take_step(&g, P_OFFICER1, id, "uphold", version, ",\"text\":\"still no\""), 403, "duties_not_apart");
    EXPECT(take_step(&g, P_OFFICER1, id, "reopen", version, ",\"text\":\"well\""), 403, "duties_not_apart");
    must(&g, P_OFFICER2, id, "uphold", &version, ",\"text\":\"rightly refused\"");
    assert_true(letter_says(&g, id, "/letter?lang=en", "rightly refused") && letter_says(&g, id, "/letter?lang=en", "it is research"));
    EXPECT(take_step(&g, W_APPLICANT, id, "appeal", version, ",\"text\":\"again\""), 409, "conflict"); /* once */

    in_state(&g, APPLICATION_APPEALED, id, &version);
    must(&g, W_APPLICANT, id, "withdraw", &version, ",\"text\":\"let it be\""); /* the appeal, not the application */
    assert_slice(json_text(json_get(look(&g, W_APPLICANT, id, "")->body, "state")), "decided");

    in_state(&g, APPLICATION_APPEALED, id, &version);
    const struct rig_answer *a = take_step(&g, P_OFFICER2, id, "reopen", version, ",\"text\":\"a new look\"");
    EXPECT(a, 200, NULL);
    assert_non_null(json_get(a->body, "due"));
    version++;
    assert_null(json_get(look(&g, W_APPLICANT, id, "")->body, "decision"));
    must(&g, P_OFFICER2, id, "refuse", &version, ",\"text\":\"no, once more\"");
    must(&g, W_APPLICANT, id, "appeal", &version, ",\"text\":\"a new decision, a new appeal\"");
    rig_close(&g);
}

static void it_is_handed_over(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], other[DOCUMENT_ID_LEN + 1];
    int64_t version, draft = 1;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    EXPECT(take_step(&g, W_APPLICANT, id, "transfer", version, ",\"account\":\"officer2\",\"text\":\"x\""), 409, "conflict");
    EXPECT(take_step(&g, W_APPLICANT, id, "transfer", version, ",\"account\":\"researcher\",\"text\":\"x\""), 409, "conflict");
    EXPECT(take_step(&g, W_APPLICANT, id, "transfer", version, ",\"account\":\"no such\",\"text\":\"x\""), 400, "malformed");
    EXPECT(take_step(&g, W_MEMBER, id, "transfer", version, ",\"account\":\"researcher2\",\"text\":\"x\""), 403, "wrong_role");
    must(&g, P_OFFICER1, id, "transfer", &version, ",\"account\":\"researcher2\",\"text\":\"the first one left\"");
    EXPECT(take_step(&g, W_APPLICANT, id, "withdraw", version, ""), 403, "wrong_role"); /* a member now */
    must(&g, W_MEMBER, id, "withdraw", &version, "");
    /* one who has not accepted is not handed it */
    const struct rig_answer *a = rig_call(&g, W_APPLICANT, HTTP_POST, "/v1/applications?draft=1", form_of("", "\"researcher\",\"researcher2\""));
    rig_text(a->body, "id", other, sizeof other);
    EXPECT(take_step(&g, W_APPLICANT, other, "transfer", draft, ",\"account\":\"researcher2\",\"text\":\"x\""), 409, "conflict");
    rig_close(&g);
}

static void a_case_is_exported_whole(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_DRAFT, id, &version);
    EXPECT(look(&g, W_APPLICANT, id, "/export"), 409, "conflict");
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    must(&g, P_OFFICER1, id, "grant", &version, ",\"text\":\"good\"");
    const struct rig_answer *a = look(&g, P_OFFICER1, id, "/export");
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "innsyn")), "case/1");
    assert_int_equal(json_integer(json_get(json_get(a->body, "application"), "version")), version);
    assert_non_null(json_get(json_get(a->body, "permit"), "draft"));
    assert_int_equal(json_kind(json_get(a->body, "enquiry")), JSON_NULL);
    assert_true(json_text(json_get(json_get(a->body, "letters"), "nb")).len > 0);
    /* every step is there, in order, and each leaf hash is the log's own */
    const struct json *entries = json_get(json_get(a->body, "log"), "entries");
    assert_int_equal(json_size(entries), version + 1); /* and the draft of the permit */
    int64_t before = -1;
    for (size_t i = 0; i < json_size(entries); i++) {
        int64_t index = json_integer(json_get(json_item(entries, i), "index"));
        struct rows *rows CLEANUP(rows_freep) = NULL;
        char hex[2 * HASH_LEN + 1];
        struct hash leaf;
        assert_true(index > before);
        before = index;
        assert_ok(STORE_RUN(core_store(g.core), LOG_LEAVES, &rows, NULL, store_integer(index), store_integer(index + 1)));
        assert_true(rows_next(rows));
        memcpy(leaf.at, rows_bytes(rows, 0).at, HASH_LEN);
        hash_print(&leaf, hex);
        assert_slice(json_text(json_get(json_item(entries, i), "leaf")), hex);
    }
    EXPECT(look(&g, P_HOLDER2, id, "/export"), 404, "no_such_thing");
    EXPECT(look(&g, P_OPERATOR, id, "/export"), 403, "wrong_role");
    rig_close(&g);
}

static void attachments_are_kept_apart(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], path[128], file[DOCUMENT_ID_LEN + 1];
    int64_t version;
    rig_open(&g, NULL);
    rig_network(&g);
    in_state(&g, APPLICATION_DRAFT, id, &version);
    snprintf(path, sizeof path, "/v1/attachments/%s", attached);
    const struct rig_answer *a = rig_call(&g, W_MEMBER, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    assert_slice(buffer_slice(&a->text), "what we will do");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL), 404, "no_such_thing"); /* a draft's */
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_GET, path, NULL), 403, "wrong_role");
    EXPECT(rig_call(&g, -1, HTTP_GET, path, NULL), 401, "not_signed_in");
    /* false types, path tricks, stale, nothing */
    EXPECT(attach(&g, W_APPLICANT, id, version, "plan.pdf", "no pdf"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "plan.txt", "%PDF-1.4\n%%EOF"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "..%2fplan.txt", "text"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "..%5c..%5cplan.txt", "text"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "plan%00.txt", "text"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "plan%zz.txt", "text"), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version, "plan.txt", ""), 400, "malformed");
    EXPECT(attach(&g, W_APPLICANT, id, version - 1, "plan.txt", "text"), 409, "conflict");
    snprintf(path, sizeof path, "/v1/applications/%s/attachments", id);
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_POST, path, "text"), 400, "malformed");
    /* the log has a commitment and neither name nor content nor its plain hash */
    struct rows *rows CLEANUP(rows_freep) = NULL;
    struct hash plain = sha256(slice_str("what we will do"));
    char hex[2 * HASH_LEN + 1];
    unsigned commitments = 0;
    hash_print(&plain, hex);
    assert_ok(STORE_RUN(core_store(g.core), LOG_RANGE, &rows, NULL, store_integer(0), store_integer(10000)));
    while (rows_next(rows)) {
        struct slice body = rows_bytes(rows, 0);
        assert_null(memmem(body.at, body.len, "plan of it", 10));
        assert_null(memmem(body.at, body.len, "what we will", 12));
        assert_null(memmem(body.at, body.len, hex, 64));
        commitments += memmem(body.at, body.len, "attachment_commitment", 21) != NULL;
    }
    assert_int_equal(commitments, 1);
    /* as many as the form takes */
    for (unsigned i = 1; i < 20; i++)
        EXPECT(attach(&g, W_APPLICANT, id, version++, "more.txt", "more"), 201, NULL);
    EXPECT(attach(&g, W_APPLICANT, id, version, "more.txt", "more"), 409, "conflict");
    memcpy(file, attached, sizeof file);
    snprintf(path, sizeof path, ",\"attachment\":\"%s\"", file);
    must(&g, W_APPLICANT, id, "detach", &version, path);
    EXPECT(take_step(&g, W_APPLICANT, id, "detach", version, path), 409, "conflict");
    EXPECT(take_step(&g, W_APPLICANT, id, "detach", version, ",\"attachment\":\"f-1\""), 400, "malformed");
    snprintf(path, sizeof path, "/v1/attachments/%s", file);
    EXPECT(rig_call(&g, W_APPLICANT, HTTP_GET, path, NULL), 404, "no_such_thing");
    /* of a received one they are read by who may see it; erased, by nobody */
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    snprintf(path, sizeof path, "/v1/attachments/%s", attached);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL), 200, NULL);
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_GET, path, NULL), 200, NULL);
    EXPECT(rig_call(&g, P_HOLDER2, HTTP_GET, path, NULL), 404, "no_such_thing"); /* not asked for its site */
    char body[128];
    snprintf(body, sizeof body, "{\"document\":\"%s\"}", attached);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", body), 200, NULL);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_GET, path, NULL), 404, "no_such_thing");
    assert_int_equal(json_size(json_get(look(&g, P_OFFICER1, id, "")->body, "attachments")), 0);
    rig_close(&g);
}

static int64_t counted(const struct json *report, const char *list, const char *key, const char *value)
{
    const struct json *items = json_get(report, list);
    for (size_t i = 0; i < json_size(items); i++)
        if (slice_is(json_text(json_get(json_item(items, i), key)), value))
            return json_integer(json_get(json_item(items, i), "count"));
    return 0;
}

static void the_year_in_figures(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1];
    int64_t version;
    static const enum application_state made[] = {APPLICATION_DRAFT, APPLICATION_SUBMITTED, APPLICATION_WITHDRAWN, APPLICATION_DECIDED, APPLICATION_DECIDED, APPLICATION_APPEALED};
    rig_open(&g, NULL);
    rig_network(&g);
    const struct rig_answer *a = rig_call(&g, -1, HTTP_GET, "/v1/register/report", NULL); /* of nothing at all */
    EXPECT(a, 200, NULL);
    assert_int_equal(json_kind(json_get(a->body, "median_days")), JSON_NULL);
    for (size_t i = 0; i < COUNT_OF(made); i++)
        in_state(&g, made[i], id, &version);
    in_state(&g, APPLICATION_PROCESSING, id, &version);
    must(&g, P_OFFICER1, id, "grant", &version, ",\"text\":\"good\"");
    in_state(&g, APPLICATION_PRE_SCREENING, id, &version);
    must(&g, P_OFFICER1, id, "refuse", &version, ",\"text\":\"no\"");
    a = rig_call(&g, -1, HTTP_GET, "/v1/register/report", NULL);
    EXPECT(a, 200, NULL);
    const struct json *r = a->body;
    assert_int_equal(json_integer(json_get(r, "received")), 7); /* a draft is nobody's business */
    assert_int_equal(counted(r, "by_purpose", "purpose", "53.1.e"), 7);
    assert_int_equal(counted(r, "by_form", "form", "request-1"), 7);
    assert_int_equal(json_integer(json_get(r, "decided")), 5);
    assert_int_equal(counted(r, "by_outcome", "outcome", "granted"), 1);
    assert_int_equal(counted(r, "by_outcome", "outcome", "refused"), 4);
    assert_int_equal(counted(r, "refusals", "ground", "necessity"), 3);
    assert_int_equal(counted(r, "refusals", "ground", "other"), 1);
    assert_int_equal(json_integer(json_get(r, "withdrawn")), 1);
    assert_int_equal(json_integer(json_get(r, "appealed")), 1);
    assert_true(json_is_number(json_get(r, "median_days")) && json_number(json_get(r, "median_days")) < 1);
    a = rig_call(&g, -1, HTTP_GET, "/v1/register/report?format=csv", NULL);
    EXPECT(a, 200, NULL);
    struct slice csv = buffer_slice(&a->text);
    assert_true(slice_starts(csv, "measure,group,value\r\nyear,,20"));
    assert_non_null(memmem(csv.at, csv.len, "\r\nrefusals,necessity,3\r\n", 24));
    assert_non_null(memmem(csv.at, csv.len, "\r\nreceived,,7\r\n", 15));
    a = rig_call(&g, -1, HTTP_GET, "/v1/register/report?year=2001", NULL);
    assert_int_equal(json_integer(json_get(a->body, "received")), 0);
    EXPECT(rig_call(&g, -1, HTTP_GET, "/v1/register/report?year=1999", NULL), 400, "malformed");
    EXPECT(rig_call(&g, -1, HTTP_GET, "/v1/register/report?year=x", NULL), 400, "malformed");
    EXPECT(rig_call(&g, -1, HTTP_GET, "/v1/register/report?format=xml", NULL), 400, "malformed");
    rig_close(&g);
}

/* --- enquiries --- */

static const char enquiry_body[] =
    "{\"title\":\"Hearts\",\"question\":\"what could we count?\",\"organisation_kind\":\"company\",\"country\":\"SE\",\"purpose\":\"53.1.e.i\","
    "\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"alpha\"],\"variables\":[\"age\",\"agee\"]},{\"dataset\":\"lungs\"}]}";

static const struct rig_answer *enquiry_take(struct rig *g, int person, const char *id, const char *step, int64_t version, const char *more)
{
    char path[128], body[256];
    snprintf(path, sizeof path, "/v1/enquiries/%s/steps", id);
    snprintf(body, sizeof body, "{\"command\":\"%s\",\"version\":%lld%s}", step, (long long)version, more);
    return rig_call(g, person, HTTP_POST, path, body);
}

static void enquiry_in(struct rig *g, enum enquiry_state s, char id[DOCUMENT_ID_LEN + 1], int64_t *version)
{
    const struct rig_answer *a = rig_call(g, P_RESEARCHER, HTTP_POST, "/v1/enquiries", enquiry_body);
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, DOCUMENT_ID_LEN + 1);
    *version = 1;
    static const struct {
        int person;
        const char *step;
    } ways[ENQUIRY_STATES] = {[ENQUIRY_ANSWERED] = {P_OFFICER1, "answer"}, [ENQUIRY_APPLIED] = {P_RESEARCHER, "apply"}, [ENQUIRY_CLOSED] = {P_RESEARCHER, "close"}};
    if (ways[s].step) {
        EXPECT(enquiry_take(g, ways[s].person, id, ways[s].step, 1, ",\"text\":\"so\""), 200, NULL);
        ++*version;
    }
}

/* Each state, step and caller: who asked, officers, all others; allowed and refused. */
static void every_enquiry_cell(void **state)
{
    (void)state;
    static const struct {
        int person;
        unsigned actor;
    } callers[] = {{P_RESEARCHER, ACTOR_APPLICANT}, {P_OFFICER2, ACTOR_OFFICER}, {P_AUDITOR, 0}, {P_RESEARCHER2, 0}, {P_HOLDER1, 0}, {P_OPERATOR, 0}, {-1, 0}};
    struct rig g;
    unsigned cells = 0, allowed = 0;
    rig_open(&g, NULL);
    rig_network(&g);
    for (unsigned s = 0; s < ENQUIRY_STATES; s++) {
        char id[DOCUMENT_ID_LEN + 1];
        int64_t version;
        enquiry_in(&g, (enum enquiry_state)s, id, &version);
        for (unsigned k = 0; k < ENQUIRY_STEPS; k++)
            for (size_t w = 0; w < COUNT_OF(callers); w++, cells++) {
                const struct enquiry_workflow_row *row = enquiry_workflow_find((enum enquiry_state)s, (enum enquiry_step)k);
                const struct rig_answer *a = enquiry_take(&g, callers[w].person, id, enquiry_step_name((enum enquiry_step)k), version, ",\"text\":\"because\"");
                if (callers[w].person < 0) {
                    EXPECT(a, 401, "not_signed_in");
                } else if (callers[w].person == P_AUDITOR) {
                    EXPECT(a, 403, "wrong_role"); /* it reads all and steps nowhere */
                } else if (!callers[w].actor) {
                    EXPECT(a, 404, "no_such_thing");
                } else if (!(enquiry_workflow_actors((enum enquiry_step)k) & callers[w].actor)) {
                    EXPECT(a, 403, "wrong_role");
                } else if (!row || !(row->actors & callers[w].actor)) {
                    EXPECT(a, 409, "conflict");
                } else {
                    EXPECT(a, 200, NULL);
                    assert_slice(json_text(json_get(a->body, "state")), enquiry_state_name(row->next));
                    allowed++;
                    if (row->next == ENQUIRY_OPEN || row->next == ENQUIRY_ANSWERED) /* not more open ones than an account may have */
                        EXPECT(enquiry_take(&g, P_OFFICER1, id, "close", version + 1, ""), 200, NULL);
                    enquiry_in(&g, (enum enquiry_state)s, id, &version);
                }
            }
    }
    print_message("%u cells of enquiries, %u allowed\n", cells, allowed);
    rig_close(&g);
}

static void an_enquiry_becomes_an_application(void **state)
{
    (void)state;
    struct rig g;
    char id[DOCUMENT_ID_LEN + 1], path[128], application[DOCUMENT_ID_LEN + 1];
    static const char *const bad[][2] = {
        {"{\"title\":\"t\"}", "malformed"}, {"{\"title\":\"t\",\"question\":\"q\",\"country\":\"se\"}", "malformed"},
        {"{\"title\":\"t\",\"question\":\"q\",\"organisation_kind\":\"club\"}", "malformed"}, {"{\"title\":\"t\",\"question\":\"q\",\"colour\":1}", "unknown_field"},
        {"{\"title\":\"t\",\"question\":\"q\",\"purpose\":\"53.1.z\"}", "purpose_unknown"},
        {"{\"title\":\"t\",\"question\":\"q\",\"datasets\":[{\"dataset\":\"a\",\"variables\":[7]}]}", "malformed"},
        {"{\"title\":\"t\",\"question\":\"q\",\"from\":\"2026-02-01T00:00:00Z\",\"to\":\"2026-01-01T00:00:00Z\"}", "malformed"},
    };
    rig_open(&g, NULL);
    rig_network(&g);
    for (size_t i = 0; i < COUNT_OF(bad); i++)
        EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/enquiries", bad[i][0]), 400, bad[i][1]);
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/enquiries", enquiry_body);
    rig_text(a->body, "id", id, sizeof id);
    snprintf(path, sizeof path, "/v1/enquiries/%s", id);
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    const struct json *f = json_get(a->body, "feasibility"), *heart = json_item(json_get(f, "datasets"), 0), *lungs = json_item(json_get(f, "datasets"), 1);
    assert_slice(json_text(json_get(f, "feasible")), "partly");
    assert_int_equal(json_size(json_get(heart, "sites")), 1);
    assert_int_equal(json_integer(json_get(json_get(heart, "persons"), "not_published")), 1);
    assert_slice(json_text(json_item(json_get(heart, "found"), 0)), "age");
    assert_slice(json_text(json_get(json_item(json_get(heart, "unknown"), 0), "nearest")), "age");
    assert_false(json_truth(json_get(lungs, "published")));
    assert_int_equal(json_integer(json_get(json_get(f, "fee"), "estimate")), fee_estimate(2, 1));
    EXPECT(enquiry_take(&g, P_OFFICER1, id, "answer", 1, ",\"text\":\"ages, no lungs\""), 200, NULL);
    EXPECT(enquiry_take(&g, P_RESEARCHER, id, "apply", 1, ""), 409, "conflict"); /* stale */
    assert_int_equal(json_size(json_get(json_get(g.answers[0].body, "params"), "changes")), 1);
    a = enquiry_take(&g, P_RESEARCHER, id, "apply", 2, "");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "application", application, sizeof application);
    snprintf(path, sizeof path, "/v1/applications/%s", application);
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, path, NULL);
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "title")), "Hearts");
    assert_slice(json_text(json_get(a->body, "summary")), "what could we count?");
    assert_slice(json_text(json_get(a->body, "purpose")), "53.1.e.i");
    assert_int_equal(json_size(json_get(a->body, "datasets")), 1); /* lungs are not in the catalogue */
    assert_int_equal(json_size(json_get(json_item(json_get(a->body, "datasets"), 0), "variables")), 1);
    /* An account that may not apply is told what it needs; an officer who asks is not the one who answers. */
    a = rig_call(&g, P_OFFICER1, HTTP_POST, "/v1/enquiries", enquiry_body);
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    EXPECT(enquiry_take(&g, P_OFFICER1, id, "apply", 1, ""), 403, "wrong_role");
    EXPECT(enquiry_take(&g, P_OFFICER1, id, "answer", 1, ",\"text\":\"yes\""), 403, "wrong_role");
    EXPECT(enquiry_take(&g, P_OFFICER2, id, "answer", 1, ",\"text\":\"yes\""), 200, NULL);
    /* erased with its account */
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", "{\"account\":\"officer1\"}"), 200, NULL);
    snprintf(path, sizeof path, "/v1/enquiries/%s", id);
    a = rig_call(&g, P_OFFICER2, HTTP_GET, path, NULL);
    assert_slice(json_text(json_get(a->body, "title")), "(erased)");
    /* so many open ones and no more */
    for (unsigned i = 0; i < 20; i++)
        EXPECT(rig_call(&g, P_HOLDER1, HTTP_POST, "/v1/enquiries", enquiry_body), 201, NULL);
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_POST, "/v1/enquiries", enquiry_body), 429, "too_many_requests");
    rig_close(&g);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--print") == 0) {
        print_table(stdout);
        return 0;
    }
    const struct CMUnitTest cells[] = {
        cmocka_unit_test(the_document_is_the_table),
        cmocka_unit_test(every_cell),
        cmocka_unit_test(every_enquiry_cell),
    };
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_document_is_the_table),
        cmocka_unit_test(every_state_is_reached_and_left),
        cmocka_unit_test(months_are_calendar_months),
        cmocka_unit_test(every_cell),
        cmocka_unit_test(stale_versions),
        cmocka_unit_test(clocks_stop_while_the_applicant_is_asked),
        cmocka_unit_test(decisions_need_members_and_opinions),
        cmocka_unit_test(forms_are_held),
        cmocka_unit_test(permits_are_followed),
        cmocka_unit_test(fees_are_known_before_the_decision),
        cmocka_unit_test(a_refusal_is_appealed_once_and_judged_by_another),
        cmocka_unit_test(it_is_handed_over),
        cmocka_unit_test(a_case_is_exported_whole),
        cmocka_unit_test(attachments_are_kept_apart),
        cmocka_unit_test(the_year_in_figures),
        cmocka_unit_test(every_enquiry_cell),
        cmocka_unit_test(an_enquiry_becomes_an_application),
    };
    if (argc > 1 && strcmp(argv[1], "--cells") == 0)
        return cmocka_run_group_tests(cells, NULL, NULL);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
