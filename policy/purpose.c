#include "policy/purpose.h"

static const char *const KINDS[] = {"public", "research", "company"};

const char *organisation_kind_name(enum organisation_kind k)
{
    return k <= ORGANISATION_COMPANY ? KINDS[k] : "?";
}

result organisation_kind_parse(struct slice text, enum organisation_kind *ret, struct why *why)
{
    for (unsigned i = 0; i <= ORGANISATION_COMPANY; i++)
        if (slice_is(text, KINDS[i])) {
            *ret = (enum organisation_kind)i;
            return DONE;
        }
    return FAIL(why, MALFORMED, "'%.*s' is no kind of organisation: public, research or company", SLICE_ARG(slice_part(text, 0, 40)));
}

/* Article 53(1); e.i and e.ii are the examples named in e. */
static const struct purpose PURPOSES[] = {
    {"53.1.a", "public interest in public or occupational health: cross-border threats, surveillance, quality and safety of care, medicines and devices", true},
    {"53.1.b", "policymaking and regulatory activities in the health or care sector", true},
    {"53.1.c", "official statistics related to the health or care sectors", true},
    {"53.1.d", "education or teaching in the health or care sectors at vocational or higher level", false},
    {"53.1.e", "scientific research related to the health or care sectors", false},
    {"53.1.e.i", "scientific research: development and innovation of products or services", false},
    {"53.1.e.ii", "scientific research: training, testing and evaluating algorithms and AI systems", false},
    {"53.1.f", "improving the delivery of care, optimising treatment and providing healthcare, on the basis of other persons' data", false},
};
enum { PURPOSE_COUNT = sizeof PURPOSES / sizeof PURPOSES[0] };
static const char ALL_PURPOSES[] = "53.1.a, 53.1.b, 53.1.c, 53.1.d, 53.1.e, 53.1.e.i, 53.1.e.ii, 53.1.f";

const struct purpose *purposes(unsigned *ret_count)
{
    *ret_count = PURPOSE_COUNT;
    return PURPOSES;
}

const struct purpose *purpose_find(struct slice code)
{
    for (unsigned i = 0; i < PURPOSE_COUNT; i++)
        if (slice_is(code, PURPOSES[i].code))
            return &PURPOSES[i];
    return NULL;
}

void purpose_check(struct slice code, enum organisation_kind kind, bool has_mandate, struct verdict *v)
{
    const struct purpose *p = purpose_find(code);
    if (!p)
        verdict_add(v, VERDICT_DENY, "purpose_unknown", "/purpose", ALL_PURPOSES, "'%.*s' is no purpose of Article 53(1)",
                    SLICE_ARG(slice_part(code, 0, 40)));
    else if (p->public_bodies && kind != ORGANISATION_PUBLIC && !has_mandate)
        verdict_add(v, VERDICT_DENY, "purpose_not_allowed", "/purpose", "53.1.d, 53.1.e, 53.1.e.i, 53.1.e.ii, 53.1.f",
                    "%s is for public bodies, or for who acts under the mandate of one (Article 53(2)); this is a %s organisation", p->code,
                    organisation_kind_name(kind));
}

static const struct prohibited_use USES[] = {
    {"54.a", "decisions to the detriment of a person or group, with legal, social, economic or similar effect"},
    {"54.b", "job offers, less favourable terms, exclusion from or pricing of insurance or credit, discrimination"},
    {"54.c", "advertising or marketing"},
    {"54.d", "developing products or services that harm: illicit drugs, alcohol, tobacco and nicotine, weapons, addictive designs"},
    {"54.e", "activities against ethical provisions of national law"},
};
enum { USE_COUNT = sizeof USES / sizeof USES[0] };

const struct prohibited_use *prohibited_uses(unsigned *ret_count)
{
    *ret_count = USE_COUNT;
    return USES;
}

void prohibited_use_check(struct slice code, struct verdict *v)
{
    for (unsigned i = 0; i < USE_COUNT; i++)
        if (slice_is(code, USES[i].code))
            verdict_add(v, VERDICT_DENY, "use_prohibited", "", NULL, "Article %s prohibits: %s", USES[i].code, USES[i].text);
}
