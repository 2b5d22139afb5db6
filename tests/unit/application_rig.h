/* application_rig.h - applications in any state, in the network of core_rig.h. */
#ifndef INNSYN_TESTS_UNIT_APPLICATION_RIG_H
#define INNSYN_TESTS_UNIT_APPLICATION_RIG_H

#include "core_rig.h"

#include "policy/workflow.h"

enum { W_APPLICANT = P_RESEARCHER, W_MEMBER = P_RESEARCHER2 };

static inline const char *form_of(const char *extra, const char *people)
{
    static char body[4096];
    char from[INSTANT_TEXT_SIZE], to[INSTANT_TEXT_SIZE];
    rig_moment(-HOUR_MS, from);
    rig_moment(60 * DAY_MS, to);
    snprintf(body, sizeof body,
             "{\"title\":\"Hearts\",\"summary\":\"why\",\"statistical_content\":\"counts\",\"safeguards\":\"few\",\"legal_basis\":\"6(1)(e)\","
             "\"purpose\":\"53.1.e\",\"from\":\"%s\",\"to\":\"%s\",\"datasets\":[{\"dataset\":\"heart\",\"sites\":[\"alpha\"],"
             "\"variables\":[\"*\"],\"statistics\":[\"count\"]}],\"people\":[%s]%s}", from, to, people, extra);
    return body;
}

static inline const struct rig_answer *attach(struct rig *g, int person, const char *id, int64_t version, const char *name, const char *content)
{
    char path[256];
    snprintf(path, sizeof path, "/v1/applications/%s/attachments?version=%lld&name=%s", id, (long long)version, name);
    return rig_call(g, person, HTTP_POST, path, content);
}

static inline const struct rig_answer *take_step(struct rig *g, int person, const char *id, const char *step, int64_t version, const char *more)
{
    char path[128], body[8192];
    snprintf(path, sizeof path, "/v1/applications/%s/steps", id);
    snprintf(body, sizeof body, "{\"command\":\"%s\",\"version\":%lld%s}", step, (long long)version, more);
    return rig_call(g, person, HTTP_POST, path, body);
}

static inline void must(struct rig *g, int person, const char *id, const char *step, int64_t *version, const char *more)
{
    EXPECT(take_step(g, person, id, step, *version, more), 200, NULL);
    ++*version;
}

static char attached[DOCUMENT_ID_LEN + 1]; /* the file of the newest one */

/* A fresh application in that state, with a member who has accepted and an attachment. */
static inline void in_state(struct rig *g, enum application_state s, char id[DOCUMENT_ID_LEN + 1], int64_t *version)
{
    const struct rig_answer *a = rig_call(g, W_APPLICANT, HTTP_POST, "/v1/applications?draft=1", form_of("", "\"researcher\",\"researcher2\""));
    EXPECT(a, 201, NULL);
    rig_text(a->body, "id", id, DOCUMENT_ID_LEN + 1);
    *version = 1;
    must(g, W_MEMBER, id, "accept", version, "");
    a = attach(g, W_APPLICANT, id, (*version)++, "plan%20of%20it.txt", "what we will do");
    EXPECT(a, 201, NULL);
    rig_text(a->body, "attachment", attached, sizeof attached);
    if (s == APPLICATION_WITHDRAWN)
        must(g, W_APPLICANT, id, "submit", version, ""), must(g, W_APPLICANT, id, "withdraw", version, "");
    if (s == APPLICATION_DRAFT || s == APPLICATION_WITHDRAWN)
        return;
    must(g, W_APPLICANT, id, "submit", version, "");
    if (s == APPLICATION_SUBMITTED)
        return;
    must(g, P_OFFICER1, id, "screen", version, "");
    if (s == APPLICATION_PRE_SCREENING)
        return;
    must(g, P_OFFICER1, id, "complete", version, "");
    must(g, P_HOLDER1, id, "opinion", version, ",\"site\":\"alpha\",\"opinion\":\"approve\"");
    if (s == APPLICATION_AWAITING)
        must(g, P_OFFICER1, id, "ask", version, ",\"text\":\"which hearts?\"");
    if (s == APPLICATION_DECIDED || s == APPLICATION_APPEALED)
        must(g, P_OFFICER1, id, "refuse", version, ",\"text\":\"too wide\",\"ground\":\"necessity\"");
    if (s == APPLICATION_APPEALED)
        must(g, W_APPLICANT, id, "appeal", version, ",\"text\":\"not so wide\"");
}

#endif
