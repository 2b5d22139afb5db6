/* Aim: the assessment stands beside each application and is obeyed: a grant against it needs a written reason, both are in
 * the log, and what was granted against it is let through; rules, organisations, training and terms take effect at once.
 * Method: a whole core in this process, with a dataset whose conditions deny what is asked. */
#include "core_rig.h"

#define COUNT_Q "{\"innsyn\":\"question/1\",\"dataset\":\"heart\",\"where\":{\"age\":{\"from\":40}},\"statistic\":{\"count\":{}}}"
#define RULES(x) "{\"innsyn\":\"access-rules/1\"," x "}"
#define CONDITIONS "\"use_conditions\":[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000024\",\"until\":\"2040-01-01\"},{\"code\":\"DUO:0000045\"}],"

/* The rig's catalogue with conditions of use. */
static void publish(struct rig *g, const char *more)
{
    char text[3000];
    const char *at = strstr(rig_catalogue, "\"variables\"");
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - rig_catalogue), rig_catalogue, more, at);
    for (int i = 0; i < 2; i++) /* all sites must agree: first nobody publishes it */
        EXPECT(rig_site_call(g, i, HTTP_PUT, "/v1/site/catalogue", "{\"datasets\":[]}"), 200, NULL);
    for (int i = 0; i < 2; i++)
        EXPECT(rig_site_call(g, i, HTTP_PUT, "/v1/site/catalogue", text), 200, NULL);
}

static void apply(struct rig *g, const char *research, char path[128])
{
    char body[1400], id[DOCUMENT_ID_LEN + 1], from[INSTANT_TEXT_SIZE], to[INSTANT_TEXT_SIZE];
    rig_moment(-HOUR_MS, from);
    rig_moment(300 * DAY_MS, to);
    snprintf(body, sizeof body,
             "{\"title\":\"Hearts\",\"summary\":\"why\",\"statistical_content\":\"counts\",\"safeguards\":\"few people\",\"legal_basis\":\"6(1)(e)\","
             "\"purpose\":\"53.1.e\",\"from\":\"%s\",\"to\":\"%s\",%s\"datasets\":[{\"dataset\":\"heart\","
             "\"sites\":[\"alpha\",\"beta\"],\"variables\":[\"*\"],\"statistics\":[\"count\"]}],\"people\":[\"researcher\"]}", from, to, research);
    const struct rig_answer *a = rig_call(g, P_RESEARCHER, HTTP_POST, "/v1/applications", body);
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    snprintf(path, 128, "/v1/applications/%s/steps", id);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"screen\",\"version\":2}"), 200, NULL);
    EXPECT(rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"complete\",\"version\":3}"), 200, NULL);
    EXPECT(rig_call(g, P_HOLDER1, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":4,\"site\":\"alpha\",\"opinion\":\"approve\"}"), 200, NULL);
    EXPECT(rig_call(g, P_HOLDER2, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":5,\"site\":\"beta\",\"opinion\":\"approve\"}"), 200, NULL);
}

static void assessment_path(const char *steps, char to[128])
{
    snprintf(to, 128, "%.*s/assessment", (int)(strlen(steps) - strlen("/steps")), steps);
}

static struct slice verdict_of(const struct json *assessment, const char *rule)
{
    const struct json *rules = json_get(assessment, "rules");
    for (size_t i = 0; i < json_size(rules); i++)
        if (slice_is(json_text(json_get(json_item(rules, i), "rule")), rule))
            return json_text(json_get(json_item(rules, i), "verdict"));
    return slice_str("?");
}

/* The newest entry of the log with this member and text. */
static struct json *entry_with(struct rig *g, const char *type, const char *member)
{
    struct json *found = NULL;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    assert_ok(STORE_RUN(core_store(g->core), LOG_RANGE, &rows, NULL, store_integer(0), store_integer(100000)));
    while (rows_next(rows)) {
        struct json *v = NULL;
        assert_ok(json_parse(rows_bytes(rows, 0), RIG_TEXT, &v, NULL));
        if (slice_is(json_text(json_get(v, "type")), type) && json_get(v, member)) {
            json_free(found);
            found = v;
        } else {
            json_free(v);
        }
    }
    return found;
}

static void a_grant_against_it_is_explained(void **state)
{
    (void)state;
    struct rig g;
    char path[128], assessment[128], permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    publish(&g, CONDITIONS);
    apply(&g, "\"research\":{\"kinds\":[\"general\"],\"commercial\":false},", path);
    assessment_path(path, assessment);
    const struct rig_answer *a = rig_call(&g, P_OFFICER2, HTTP_GET, assessment, NULL);
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "verdict")), "deny");
    assert_slice(verdict_of(a->body, "data_use"), "deny");
    assert_slice(verdict_of(a->body, "purpose"), "permit");
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_GET, assessment, NULL), 200, NULL);
    EXPECT(rig_call(&g, P_AUDITOR, HTTP_GET, assessment, NULL), 200, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_GET, assessment, NULL), 403, "wrong_role");
    a = rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}");
    EXPECT(a, 422, "deviation_unexplained");
    assert_slice(json_text(json_get(a->body, "field")), "/deviation");
    assert_slice(json_text(json_get(json_get(a->body, "params"), "rule")), "data_use");
    assert_true(json_text(json_get(a->body, "allowed")).len > 0);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"refuse\",\"version\":6,\"text\":\"no\",\"deviation\":\"x\"}"), 400, "unknown_field");
    a = rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\",\"deviation\":\"the board has allowed it\"}");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, sizeof permit);
    struct json *entry CLEANUP(json_freep) = entry_with(&g, "application", "assessment");
    assert_slice(json_text(json_get(entry, "assessment")), "deny");
    assert_int_equal(json_text(json_get(entry, "assessment_sha256")).len, 2 * HASH_LEN);
    assert_int_equal(json_text(json_get(entry, "deviation_commitment")).len, 2 * HASH_LEN);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, assessment, NULL);
    assert_slice(json_text(json_get(json_get(a->body, "decided"), "deviation")), "the board has allowed it");
    assert_slice(json_text(json_get(json_get(json_get(a->body, "decided"), "assessment"), "verdict")), "deny");
    /* the permit's bytes say so to its signers, and then it is let through: HMB by deviation, MOR and NPU as carried */
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER2, HOLDER2, permit, 200, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    /* a condition that came later is in no permit */
    publish(&g, "\"use_conditions\":[{\"code\":\"DUO:0000006\"},{\"code\":\"DUO:0000019\"}],");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "use_condition");
    publish(&g, "\"access_rules\":" RULES("\"statistics\":[\"table\"]") ",");
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "rule_not_met");
    /* and the deviation can be erased like every text */
    char body[100];
    snprintf(body, sizeof body, "{\"document\":\"%.*s\"}", DOCUMENT_ID_LEN, path + strlen("/v1/applications/"));
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/erasures", body), 200, NULL);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, assessment, NULL);
    assert_null(json_get(json_get(a->body, "decided"), "deviation"));
    rig_close(&g);
}

static void nothing_to_deviate_from(void **state)
{
    (void)state;
    struct rig g;
    char path[128];
    rig_open(&g, NULL);
    rig_network(&g);
    apply(&g, "", path);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\",\"deviation\":\"why not\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}"), 200, NULL);
    struct json *entry CLEANUP(json_freep) = entry_with(&g, "application", "assessment");
    assert_slice(json_text(json_get(entry, "assessment")), "permit");
    assert_null(json_get(entry, "deviation_commitment"));
    rig_close(&g);
}

static void rules_and_people_as_data(void **state)
{
    (void)state;
    struct rig g;
    char path[128], assessment[128], permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/policy", NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_integer(json_get(a->body, "version")), 0);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_PUT, "/v1/policy", RULES("\"effect\":\"deny\"")), 403, "wrong_role");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_PUT, "/v1/policy", RULES("\"efect\":\"deny\"")), 400, "unknown_field");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_PUT, "/v1/policy", RULES("\"training\":[\"privacy\"],\"terms\":[\"use-1\"],\"questions_max\":1")), 200, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/organisations", "{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"research\",\"country\":\"NO\"}"), 403, "wrong_role");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/organisations", "{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"school\",\"country\":\"NO\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/organisations", "{\"id\":\"uni\",\"name\":\"U\",\"kind\":\"research\",\"country\":\"NO\"}"), 201, NULL);
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/organisations", NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_size(json_get(a->body, "items")), 1);
    apply(&g, "", path);
    assessment_path(path, assessment);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, assessment, NULL);
    assert_slice(verdict_of(a->body, "training"), "deny");
    assert_slice(verdict_of(a->body, "terms"), "deny");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\"}"), 403, "wrong_role");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"nobody-here\",\"training\":\"privacy\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\",\"until\":\"2001-01-01T00:00:00Z\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\"}"), 201, NULL);
    EXPECT(rig_call(&g, P_OFFICER1, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\"}"), 201, NULL); /* for oneself only */
    a = rig_call(&g, P_OFFICER1, HTTP_GET, assessment, NULL);
    assert_slice(verdict_of(a->body, "training"), "permit");
    assert_slice(verdict_of(a->body, "terms"), "deny");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\"}"), 201, NULL);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, assessment, NULL);
    assert_slice(json_text(json_get(a->body, "verdict")), "permit");
    EXPECT(rig_call(&g, P_RESEARCHER2, HTTP_GET, "/v1/attestations?account=researcher", NULL), 403, "not_yours");
    a = rig_call(&g, P_OFFICER1, HTTP_GET, "/v1/attestations?account=researcher", NULL);
    EXPECT(a, 200, NULL);
    assert_int_equal(json_size(json_get(a->body, "items")), 2);
    a = rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, sizeof permit);
    rig_sign_permit(&g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(&g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(&g, P_HOLDER2, HOLDER2, permit, 200, NULL);
    /* one question under a permit, and no second */
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "questions_used_up");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_PUT, "/v1/policy", RULES("\"questions_max\":2")), 200, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/policy", NULL);
    assert_int_equal(json_integer(json_get(a->body, "version")), 2);
    rig_close(&g);
}

/* The rig's catalogue of this profile, with what a site says of its number of persons. */
static const struct rig_answer *publish_persons(struct rig *g, int site, const char *profile, const char *persons)
{
    char text[3000];
    const char *at = strstr(rig_catalogue, "\"open\""), *end = strstr(rig_catalogue, "\"snapshot_at\"");
    snprintf(text, sizeof text, "%.*s\"%s\"%.*s%s%s%s%s", (int)(at - rig_catalogue), rig_catalogue, profile, (int)(end - at - 6), at + 6,
             persons ? "\"persons\":" : "", persons ? persons : "", persons ? "," : "", end);
    return rig_site_call(g, site, HTTP_PUT, "/v1/site/catalogue", text);
}

/* What is not finer than the profile allows is taken, and an enquiry's estimate adds it up. */
static void numbers_of_persons(void **state)
{
    (void)state;
    static const struct {
        const char *profile, *persons;
        bool taken;
    } rows[] = {
        {"open", "{\"count\":303}", true}, {"open", "{\"count\":-1}", false}, {"open", "{\"about\":1000}", false}, {"open", "{}", false},
        {"open", "{\"count\":303,\"about\":1000}", false}, {"open", "{\"count\":303.5}", false}, {"open", "303", false},
        {"ck", "{\"count\":303}", false}, {"ck", "{\"about\":303}", false}, {"ck", "{\"about\":900}", false}, {"ck", "{\"about\":12345}", false},
        {"ck", "{\"about\":12300}", true}, {"ck", "{\"below\":1000}", true}, {"ck", "{\"below\":100}", false}, {"ck", "{\"below\":2000}", false},
        {"strict", "{\"about\":1000}", true}, {"dp", "{\"about\":1000}", false}, {"dp", "{\"count\":1000}", false},
    };
    struct rig g;
    char path[128], id[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    for (int i = 0; i < 2; i++)
        EXPECT(rig_site_call(&g, i, HTTP_PUT, "/v1/site/catalogue", "{\"datasets\":[]}"), 200, NULL);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        EXPECT(rig_site_call(&g, 0, HTTP_PUT, "/v1/site/catalogue", "{\"datasets\":[]}"), 200, NULL);
        EXPECT(publish_persons(&g, 0, rows[i].profile, rows[i].persons), rows[i].taken ? 200 : 400, rows[i].taken ? NULL : "malformed");
    }
    EXPECT(publish_persons(&g, 0, "ck", "{\"about\":12300}"), 200, NULL);
    struct json *entry CLEANUP(json_freep) = entry_with(&g, "catalogue", "persons");
    assert_int_equal(json_integer(json_get(json_get(entry, "persons"), "about")), 12300);
    const struct rig_answer *a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/enquiries",
                                          "{\"title\":\"t\",\"question\":\"q\",\"datasets\":[{\"dataset\":\"heart\"}]}");
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, sizeof id);
    snprintf(path, sizeof path, "/v1/enquiries/%s", id);
    static const struct {
        const char *second; /* what the other site publishes */
        int64_t about, sites, few, silent;
    } sums[] = {{NULL, 12300, 1, 0, 1}, {"{\"below\":1000}", 12300, 1, 1, 0}, {"{\"about\":1000}", 13300, 2, 0, 0}};
    for (size_t i = 0; i < COUNT_OF(sums); i++) {
        EXPECT(publish_persons(&g, 1, "ck", sums[i].second), 200, NULL);
        a = rig_call(&g, P_RESEARCHER, HTTP_GET, path, NULL);
        EXPECT(a, 200, NULL);
        const struct json *p = json_get(json_item(json_get(json_get(a->body, "feasibility"), "datasets"), 0), "persons");
        assert_int_equal(json_integer(json_get(p, "about")), sums[i].about);
        assert_int_equal(json_integer(json_get(p, "sites")), sums[i].sites);
        assert_int_equal(json_integer(json_get(p, "fewer_than_1000")), sums[i].few);
        assert_int_equal(json_integer(json_get(p, "not_published")), sums[i].silent);
        assert_null(json_get(p, "count"));
    }
    a = rig_call(&g, P_RESEARCHER, HTTP_GET, "/v1/catalogue/heart", NULL);
    assert_int_equal(json_integer(json_get(json_get(json_item(json_get(a->body, "sites"), 0), "persons"), "about")), 12300);
    rig_close(&g);
}

static void granted(struct rig *g, const char *path, char permit[DOCUMENT_ID_LEN + 1])
{
    const struct rig_answer *a = rig_call(g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":6,\"text\":\"good\"}");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, DOCUMENT_ID_LEN + 1);
    rig_sign_permit(g, P_OFFICER1, OFFICER1, permit, 200, NULL);
    rig_sign_permit(g, P_OFFICER2, OFFICER2, permit, 200, NULL);
    rig_sign_permit(g, P_HOLDER1, HOLDER1, permit, 200, NULL);
    rig_sign_permit(g, P_HOLDER2, HOLDER2, permit, 200, NULL);
}

/* What a dataset's own rules and the network's ask of the one who asks is held against today, not the day of the grant. */
static void rights_at_each_query(void **state)
{
    (void)state;
    struct rig g;
    char path[128], permit[DOCUMENT_ID_LEN + 1], id[DOCUMENT_ID_LEN + 1], soon[INSTANT_TEXT_SIZE], body[200], check[400];
    rig_open(&g, NULL);
    rig_network(&g);
    publish(&g, "\"access_rules\":" RULES("\"training\":[\"privacy\"],\"terms\":[\"use-1\"],\"questions_max\":3") ",");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\",\"withdrawn\":true}"), 400, "malformed");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\",\"withdrawn\":true}"), 400, "malformed");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\"}"), 201, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\"}"), 201, NULL);
    apply(&g, "", path);
    granted(&g, path, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    /* withdrawn, by the operator and by oneself */
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\",\"withdrawn\":true}"), 201, NULL);
    struct json *entry CLEANUP(json_freep) = entry_with(&g, "attestation", "withdrawn");
    assert_slice(json_text(json_get(entry, "training")), "privacy");
    const struct rig_answer *a = rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id);
    EXPECT(a, 403, "rule_not_met");
    assert_non_null(memmem(json_text(json_get(a->body, "detail")).at, json_text(json_get(a->body, "detail")).len, "no longer valid", 15));
    snprintf(check, sizeof check, "{\"permit\":\"%s\",\"question\":" COUNT_Q "}", permit);
    a = rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/queries/check", check); /* said before it is asked, too */
    EXPECT(a, 200, NULL);
    assert_slice(json_text(json_get(a->body, "verdict")), "deny");
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", "{\"account\":\"researcher\",\"training\":\"privacy\"}"), 201, NULL);
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\",\"withdrawn\":true}"), 201, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "rule_not_met");
    EXPECT(rig_call(&g, P_RESEARCHER, HTTP_POST, "/v1/terms", "{\"terms\":\"use-1\"}"), 201, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    /* another person of the permit is not this one's matter; the network's rules ask as well */
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_PUT, "/v1/policy", RULES("\"training\":[\"statistics\"]")), 200, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 403, "rule_not_met");
    rig_moment(HOUR_MS, soon);
    snprintf(body, sizeof body, "{\"account\":\"researcher\",\"training\":\"statistics\",\"until\":\"%s\"}", soon);
    EXPECT(rig_call(&g, P_OPERATOR, HTTP_POST, "/v1/training", body), 201, NULL);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL);
    /* three questions were asked about it: refused ones did not count, the fourth is one too many */
    a = rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id);
    EXPECT(a, 403, "questions_used_up");
    assert_non_null(memmem(json_text(json_get(a->body, "detail")).at, json_text(json_get(a->body, "detail")).len, "3 questions under one permit, 3 were asked", 41));
    struct json *refused CLEANUP(json_freep) = entry_with(&g, "query_refused", "code");
    assert_slice(json_text(json_get(refused, "code")), "questions_used_up");
    apply(&g, "", path);
    granted(&g, path, permit);
    EXPECT(rig_query(&g, P_RESEARCHER, RESEARCHER, permit, COUNT_Q, id), 201, NULL); /* each permit has its own count */
    rig_close(&g);
}

/* A holder approves with conditions: they are obligations in the bytes that everyone signs. */
static void conditions_of_a_holder(void **state)
{
    (void)state;
    struct rig g;
    char path[128], show[128], permit[DOCUMENT_ID_LEN + 1];
    rig_open(&g, NULL);
    rig_network(&g);
    apply(&g, "", path);
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_POST, path, "{\"command\":\"opinion\",\"version\":6,\"site\":\"alpha\",\"opinion\":\"conditions\"}"), 400, "malformed");
    EXPECT(rig_call(&g, P_HOLDER1, HTTP_POST, path,
                    "{\"command\":\"opinion\",\"version\":6,\"site\":\"alpha\",\"opinion\":\"conditions\",\"text\":\"cite the registry\"}"), 200, NULL);
    const struct rig_answer *a = rig_call(&g, P_OFFICER1, HTTP_POST, path, "{\"command\":\"grant\",\"version\":7,\"text\":\"good\"}");
    EXPECT(a, 200, NULL);
    rig_text(a->body, "permit", permit, sizeof permit);
    snprintf(show, sizeof show, "/v1/permits/%s", permit);
    a = rig_call(&g, P_OFFICER1, HTTP_GET, show, NULL);
    struct buffer payload CLEANUP(buffer_done) = {0};
    struct permit *p CLEANUP(permit_freep) = NULL;
    buffer_init(&payload, RIG_TEXT);
    assert_ok(base64_parse(json_text(json_get(a->body, "payload")), &payload, NULL));
    assert_ok(permit_read(buffer_slice(&payload), &p, NULL));
    assert_int_equal(p->obligation_count, 1);
    assert_string_equal(p->obligations[0].site.text, "alpha");
    assert_slice(p->obligations[0].text, "cite the registry");
    rig_close(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_grant_against_it_is_explained), cmocka_unit_test(nothing_to_deviate_from), cmocka_unit_test(rules_and_people_as_data),
        cmocka_unit_test(conditions_of_a_holder), cmocka_unit_test(rights_at_each_query), cmocka_unit_test(numbers_of_persons),
    };
    return cmocka_run_group_tests_name("access", tests, NULL, NULL);
}
