/* party.c - who has to do with a document: who may see it, and what they are towards it. */
#include "broker/call/call.h"

result party_check(struct call *c, struct slice document, struct why *why)
{
    if (c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR))
        return DONE;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, PARTY_IS, &rows, why, store_text(document), store_str(c->who.account.text),
            store_str(c->who.roles & ROLE_HOLDER ? c->who.account.text : "")));
    return rows_next(rows) ? DONE : no_such_thing(why);
}

result actors_of(struct call *c, struct slice document, struct slice applicant, unsigned *ret, struct why *why)
{
    struct rows *people CLEANUP(rows_freep) = NULL, *sites CLEANUP(rows_freep) = NULL;
    unsigned actors = c->who.roles & ROLE_OFFICER ? ACTOR_OFFICER : 0;
    TRY(RUN(c->core, PARTY_LIST, &people, why, store_text(document), store_integer(PARTY_ACCOUNT)));
    while (rows_next(people))
        if (slice_is(rows_text(people, 0), c->who.account.text))
            actors |= slice_is(applicant, c->who.account.text) ? ACTOR_APPLICANT : ACTOR_MEMBER;
    if (c->who.roles & ROLE_HOLDER) { /* no account is called "": only its sites count here */
        TRY(RUN(c->core, PARTY_IS, &sites, why, store_text(document), store_str(""), store_str(c->who.account.text)));
        actors |= rows_next(sites) ? ACTOR_HOLDER : 0;
    }
    *ret = actors;
    return DONE;
}

struct json *json_deep_copy(const struct json *v)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    struct json *again = NULL;
    buffer_init(&text, APPLICATION_BYTES_MAX);
    if (!is_ok(json_print(v, &text, NULL)) || !is_ok(json_parse(buffer_slice(&text), APPLICATION_BYTES_MAX, &again, NULL)))
        return json_of_null();
    return again;
}
