/*
 * permits.c - signatures, states and sealed statuses.
 *
 * Which state follows which: policy/workflow.c.
 *
 * The broker writes the draft's bytes, people sign them with their own keys; the serial rises with
 * every change of state, so that an agent never goes back.
 */
#include "broker/audit/audit.h"
#include "broker/outbox/outbox.h"
#include "broker/permits/permits.h"
#include "broker/sites/sites.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/codec.h"
#include "base/log.h"
#include "base/wire.h"
#include "proto/fields.h"

enum { REASON_BYTES_MAX = 4000 };

static const char *state_name(int64_t state)
{
    return stage_name((enum permit_stage)state);
}

/* --- changing --- */

/* The permit that a draft amends or renews must still be there to be amended or renewed. */
result check_predecessor(struct core *c, struct slice origin, struct slice id, int64_t *ret_renewals, struct why *why)
{
    struct permit_row p CLEANUP(permit_row_done) = {0};
    *ret_renewals = 0;
    if (!id.len)
        return DONE;
    bool renews = slice_is(origin, "renewed");
    TRY(permit_load(c, id, &p, why));
    if (!permit_workflow_find((enum permit_stage)p.state, renews ? PERMIT_RENEW : PERMIT_REPLACE))
        return FAIL_CODE(why, DENIED, "conflict", "", "the permit %.*s is %s: it cannot be %.*s any more", SLICE_ARG(id), state_name(p.state), SLICE_ARG(origin));
    if (renews && (p.renewed_by.len || p.renewals > 0))
        return FAIL_CODE(why, DENIED, "conflict", "", "the permit %.*s was renewed before; a permit is renewed once", SLICE_ARG(id));
    *ret_renewals = p.renewals + renews;
    return DONE;
}

static result wake_sites(struct core *c, const struct permit *p, struct why *why)
{
    for (unsigned i = 0; i < p->dataset_count; i++)
        for (unsigned k = 0; k < p->datasets[i].site_count; k++)
            TRY(line_wake(c, slice_str(p->datasets[i].sites[k].text), why));
    return DONE;
}

static result change(struct core *c, const struct permit_row *p, int64_t state, struct slice envelope, const char *account,
                     const char *reason_commitment, struct why *why)
{
    const struct permit *permit = p->permit;
    uint64_t serial = p->serial + 1;
    TRY(RUN(c, PERMIT_SET, NULL, why, store_str(permit->id.text), store_integer(state), store_integer((int64_t)serial),
            store_text(envelope), store_integer(host_now_ms(c->host))));
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(account));
    json_set(entry, "permit", json_of_str(permit->id.text));
    json_set(entry, "permit_sha256", json_of_hex(slice_of(permit->hash.at, HASH_LEN)));
    json_set(entry, "state", json_of_str(state_name(state)));
    json_set(entry, "serial", json_of_integer((int64_t)serial));
    if (reason_commitment)
        json_set(entry, "reason_commitment", json_of_str(reason_commitment));
    TRY(log_append(c, "permit_status", entry, NULL, why));
    TRY(outbox_of_permit(c, permit, (enum permit_stage)state, serial, account, why));
    if (state == LIVE && permit->to_ms < c->next_due_ms)
        c->next_due_ms = permit->to_ms;
    if (state != LIVE && !misbehaves("keep_running"))
        TRY(queries_cancel_of_permit(c, slice_str(permit->id.text), account, why));
    return wake_sites(c, permit, why);
}

result permits_expire(struct core *c, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c, PERMITS_ENDED, &rows, why, store_integer(host_now_ms(c->host)), store_integer(DUE_BATCH_MAX)));
    while (rows_next(rows)) {
        struct permit_row p CLEANUP(permit_row_done) = {0};
        TRY(permit_load(c, rows_text(rows, 0), &p, why));
        const struct permit_workflow_row *row = permit_workflow_find((enum permit_stage)p.state, PERMIT_EXPIRE);
        if (row)
            TRY(change(c, &p, row->next, p.envelope, "", NULL, why));
    }
    return DONE;
}

/* --- signatures --- */

static result build_envelope(struct core *c, const struct permit_row *p, struct envelope *ret, struct why *why)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(envelope_make(TYPE_PERMIT, p->payload, ret, why));
    TRY(RUN(c, SIGNATURE_LIST, &rows, why, store_str(p->permit->id.text)));
    while (rows_next(rows) && ret->count < ENVELOPE_SIGNATURES_MAX) {
        struct envelope_signature *s = &ret->signatures[ret->count];
        if (!slice_copy_str(rows_text(rows, 0), s->keyid, sizeof s->keyid) || rows_bytes(rows, 2).len != SIGNATURE_LEN)
            return FAIL(why, BROKEN, "a stored signature cannot be read");
        memcpy(s->sig, rows_bytes(rows, 2).at, SIGNATURE_LEN);
        ret->count++;
    }
    return DONE;
}

/* The signer's key, if the trust document lets this account sign this permit with it. */
static const struct public_key *signing_key_of(const struct call *c, const struct permit *p, struct slice keyid)
{
    const struct trust *t = c->core->trust;
    char id[2 * HASH_LEN + 1];
    for (unsigned i = 0; t && i < t->officer_count; i++) {
        public_key_id(&t->officers[i].key, id);
        if (c->who.roles & ROLE_OFFICER && slice_is(keyid, id) && label_equal(&t->officers[i].account, &c->who.account))
            return &t->officers[i].key;
    }
    for (unsigned i = 0; t && i < t->holder_count; i++) {
        public_key_id(&t->holders[i].key, id);
        if (!(c->who.roles & ROLE_HOLDER) || !slice_is(keyid, id) || !label_equal(&t->holders[i].account, &c->who.account))
            continue;
        for (unsigned k = 0; k < p->dataset_count; k++)
            if (permit_dataset_covers_site(&p->datasets[k], &t->holders[i].site))
                return &t->holders[i].key;
    }
    return NULL;
}

/* An amended permit takes its predecessor's place at once; a renewed one begins where that ends. */
static result succeed(struct call *c, const struct permit_row *p, struct why *why)
{
    int64_t renewals;
    if (!p->succeeds.len)
        return DONE;
    TRY(check_predecessor(c->core, p->origin, p->succeeds, &renewals, why));
    if (slice_is(p->origin, "renewed"))
        return RUN(c->core, PERMIT_RENEWED, NULL, why, store_text(p->succeeds), store_str(p->permit->id.text));
    struct permit_row old CLEANUP(permit_row_done) = {0};
    TRY(permit_load(c->core, p->succeeds, &old, why));
    return change(c->core, &old, REPLACED, old.envelope, c->who.account.text, NULL, why);
}

static result signed_now(struct call *c, const struct permit_row *p, struct why *why)
{
    struct envelope e;
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, 2 * PERMIT_BYTES_MAX);
    envelope_init(&e);
    result r = build_envelope(c->core, p, &e, why);
    bool complete = is_ok(r) && is_ok(permit_check_signatures(&e, p->permit, c->core->trust, NULL, NULL));
    if (is_ok(r) && misbehaves("forged_permit"))
        complete = true;
    if (complete)
        r = envelope_print(&e, &text, why);
    envelope_done(&e);
    TRY(r);
    json_set(c->answer, "state", json_of_str(complete ? "live" : "draft"));
    if (!complete)
        return DONE;
    TRY(succeed(c, p, why));
    struct json *entry = json_object();
    json_set(entry, "permit", json_of_str(p->permit->id.text));
    json_set(entry, "permit_sha256", json_of_hex(slice_of(p->permit->hash.at, HASH_LEN)));
    json_set(entry, "application", json_of_str(p->permit->application.text));
    json_set(entry, "purpose", json_of_text(p->permit->purpose));
    TRY(log_append(c->core, "permit", entry, NULL, why));
    return change(c->core, p, LIVE, buffer_slice(&text), c->who.account.text, NULL, why);
}

/* Nobody decides on what he or she takes part in; the account may have got other roles since. */
static result check_no_part(struct call *c, struct slice id, struct why *why)
{
    unsigned actors;
    TRY(actors_of(c, id, slice_str(""), &actors, why));
    if (actors & ACTORS_ASKING)
        return FAIL_CODE(why, DENIED, "duties_not_apart", "", "nobody decides on a permit that names him or her");
    return DONE;
}

result refuse_stage(int64_t state, enum permit_step step, unsigned actors, const char *field, struct why *why)
{
    struct buffer allowed CLEANUP(buffer_done) = {0};
    buffer_init(&allowed, 512);
    TRY(permit_workflow_allowed((enum permit_stage)state, actors, &allowed, why));
    const char *list = allowed.len ? buffer_str(&allowed) : "nothing";
    return FAIL_CODE(why, DENIED, "conflict", field, "'%s' is not for a permit that is %s; you may: %s", permit_step_name(step),
                     state_name(state), list ? list : "");
}

result permit_sign(struct call *c, struct why *why)
{
    struct fields f;
    struct slice keyid, sig_text;
    uint8_t sig[SIGNATURE_LEN];
    struct document_id id;
    TRY(call_fields(c, &f, why));
    TRY(need_text(&f, "keyid", 2 * HASH_LEN, &keyid));
    TRY(need_text(&f, "sig", 128, &sig_text));
    TRY(fields_close(&f));
    if (!base64_parse_exact(sig_text, sig, sizeof sig))
        return FAIL_AT(why, MALFORMED, "/sig", "must be base64 of %d bytes (r and s)", SIGNATURE_LEN);
    TRY(call_document_id(c, 'p', &id, why));
    TRY(party_check(c, c->id, why));
    struct permit_row p CLEANUP(permit_row_done) = {0};
    TRY(permit_load(c->core, c->id, &p, why));
    if (!permit_workflow_find((enum permit_stage)p.state, PERMIT_SIGN))
        return FAIL_CODE(why, DENIED, "conflict", "", "the permit is %s: it takes no more signatures", state_name(p.state));
    TRY(check_no_part(c, c->id, why));
    const struct public_key *key = signing_key_of(c, p.permit, keyid);
    if (!key)
        return FAIL_CODE(why, DENIED, "unknown_key", "/keyid", "the trust document does not name this key as yours for this permit");
    struct buffer pae CLEANUP(buffer_done) = {0};
    buffer_init(&pae, 2 * PERMIT_BYTES_MAX);
    TRY(envelope_pae(TYPE_PERMIT, p.payload, &pae, why));
    if (!is_ok(p256_verify(key, buffer_slice(&pae), sig, NULL)))
        return FAIL_CODE(why, DENIED, "signature_invalid", "/sig", "the signature does not hold over this permit's bytes");
    struct rows *rows CLEANUP(rows_freep) = NULL;
    TRY(RUN(c->core, SIGNATURE_ADD, &rows, why, store_str(id.text), store_text(keyid), store_str(c->who.account.text),
            store_bytes(slice_of(sig, sizeof sig)), store_integer(log_time(c->core))));
    json_set(c->answer, "id", json_of_str(id.text));
    if (!rows_next(rows)) { /* signed before with this key: nothing changes */
        json_set(c->answer, "state", json_of_str("draft"));
        c->core->effect = false;
        return DONE;
    }
    struct json *entry = json_object();
    json_set(entry, "account", json_of_str(c->who.account.text));
    json_set(entry, "permit", json_of_str(id.text));
    json_set(entry, "permit_sha256", json_of_hex(slice_of(p.permit->hash.at, HASH_LEN)));
    json_set(entry, "keyid", json_of_text(keyid));
    TRY(log_append(c->core, "permit_signature", entry, NULL, why));
    return signed_now(c, &p, why);
}

result permit_change(struct call *c, struct why *why)
{
    static const char *const states[] = {"live", "suspended", "revoked", NULL};
    static const enum permit_step steps[] = {PERMIT_RESUME, PERMIT_SUSPEND, PERMIT_REVOKE};
    struct fields f;
    struct slice reason = {0};
    unsigned wanted;
    struct document_id id;
    TRY(call_fields(c, &f, why));
    TRY(need_choice(&f, "state", states, &wanted));
    TRY(may_text(&f, "reason", REASON_BYTES_MAX, &reason));
    TRY(fields_close(&f));
    TRY(call_document_id(c, 'p', &id, why));
    struct permit_row p CLEANUP(permit_row_done) = {0};
    TRY(permit_load(c->core, c->id, &p, why));
    TRY(check_no_part(c, c->id, why));
    const struct permit_workflow_row *row = permit_workflow_find((enum permit_stage)p.state, steps[wanted]);
    if (!row)
        return refuse_stage(p.state, steps[wanted], ACTOR_OFFICER, "/state", why);
    if (reason.len == 0)
        return FAIL_AT(why, MALFORMED, "/reason", "a change of a permit's state has a reason");
    int64_t state = row->next;
    char hex[2 * HASH_LEN + 1];
    TRY(text_commit(c->core, id.text, c->who.account.text, "reason", reason, hex, why));
    TRY(change(c->core, &p, state, p.envelope, c->who.account.text, hex, why));
    json_set(c->answer, "id", json_of_str(id.text));
    json_set(c->answer, "state", json_of_str(state_name(state)));
    json_set(c->answer, "serial", json_of_integer((int64_t)p.serial + 1));
    return DONE;
}

/* --- reading --- */

/* Who has yet to sign: "officer" as often as one is missing, "holder:<site>" for each site. */
static struct json *needs_json(const struct core *c, const struct permit *p, const struct envelope *e)
{
    struct json *needs = json_array();
    const struct trust *t = c->trust;
    unsigned officers = 0;
    for (unsigned i = 0; t && i < t->officer_count; i++) {
        bool counted = false;
        for (unsigned k = 0; k < i; k++)
            counted = counted || (label_equal(&t->officers[k].account, &t->officers[i].account) && envelope_signed_by(e, &t->officers[k].key));
        if (!counted && envelope_signed_by(e, &t->officers[i].key))
            officers++;
    }
    for (; officers < PERMIT_OFFICERS; officers++)
        json_add(needs, json_of_str("officer"));
    for (unsigned i = 0; i < p->dataset_count; i++)
        for (unsigned k = 0; k < p->datasets[i].site_count; k++) {
            const struct site_id *site = &p->datasets[i].sites[k];
            bool has = false;
            for (unsigned earlier = 0; earlier < i; earlier++)
                has = has || permit_dataset_covers_site(&p->datasets[earlier], site);
            for (unsigned n = 0; t && n < t->holder_count && !has; n++)
                has = site_id_equal(&t->holders[n].site, site) && envelope_signed_by(e, &t->holders[n].key);
            char text[SITE_ID_MAX + 16];
            snprintf(text, sizeof text, "holder:%s", site->text);
            if (!has)
                json_add(needs, json_of_str(text));
        }
    return needs;
}

static result needs_of(struct core *c, struct slice id, struct json **ret, struct why *why)
{
    struct permit_row p CLEANUP(permit_row_done) = {0};
    struct envelope e CLEANUP(envelope_done);
    envelope_init(&e);
    TRY(permit_load(c, id, &p, why));
    TRY(build_envelope(c, &p, &e, why));
    *ret = p.state == DRAFT ? needs_json(c, p.permit, &e) : json_array();
    return DONE;
}

static result item_of(struct core *c, const struct rows *row, struct json *item, struct why *why)
{
    struct json *needs = NULL;
    struct permit *p CLEANUP(permit_freep) = NULL;
    if (!is_ok(permit_read(rows_text(row, 3), &p, why)))
        return FAIL(why, BROKEN, "a stored permit cannot be read");
    json_set(item, "id", json_of_text(rows_text(row, 0)));
    json_set(item, "application", json_of_text(rows_text(row, 1)));
    json_set(item, "state", json_of_str(state_name(rows_integer(row, 2))));
    json_set(item, "purpose", json_of_text(p->purpose));
    TRY(needs_of(c, rows_text(row, 0), &needs, why));
    json_set(item, "needs", needs);
    json_set(item, "from", json_of_instant(p->from_ms));
    json_set(item, "to", json_of_instant(p->to_ms));
    return DONE;
}

result permit_list(struct call *c, struct why *why)
{
    static const struct newest_first list = {PERMIT_LIST, PERMIT_LIST, PERMITS_OF_PARTY, PERMITS_OF_PARTY, PERMIT_HEAD, 4, item_of};
    return newest_list(c, &list, slice_str(""), why);
}

/* People of the permit, officers and auditors see every site's budgets; a holder those of the own sites. */
static result add_used(struct call *c, const struct permit_row *p, struct why *why)
{
    struct json *mine CLEANUP(json_freep) = NULL, *used = NULL;
    struct rows *rows CLEANUP(rows_freep) = NULL;
    bool all = (c->who.roles & (ROLE_OFFICER | ROLE_AUDITOR)) != 0;
    for (unsigned i = 0; i < p->permit->person_count; i++)
        all = all || label_equal(&p->permit->people[i].account, &c->who.account);
    if (!all) {
        mine = json_array();
        TRY(RUN(c->core, HOLDER_SITES, &rows, why, store_str(c->who.account.text)));
        while (rows_next(rows))
            json_add(mine, json_of_text(rows_text(rows, 0)));
    }
    TRY(permit_used(c->core, p->permit->id.text, mine, &used, why));
    json_set(c->answer, "used", used);
    return DONE;
}

result permit_get(struct call *c, struct why *why)
{
    struct document_id id;
    TRY(call_document_id(c, 'p', &id, why));
    TRY(party_check(c, c->id, why));
    struct permit_row p CLEANUP(permit_row_done) = {0};
    TRY(permit_load(c->core, c->id, &p, why));
    struct envelope e;
    envelope_init(&e);
    result r = build_envelope(c->core, &p, &e, why);
    if (is_ok(r)) {
        struct json *signatures = json_array();
        for (unsigned i = 0; i < e.count; i++) {
            struct json *s = json_object();
            json_set(s, "keyid", json_of_str(e.signatures[i].keyid));
            json_set(s, "sig", json_of_base64(slice_of(e.signatures[i].sig, SIGNATURE_LEN)));
            json_add(signatures, s);
        }
        json_set(c->answer, "id", json_of_str(id.text));
        json_set(c->answer, "application", json_of_text(rows_text(p.rows, 0)));
        json_set(c->answer, "state", json_of_str(state_name(p.state)));
        json_set(c->answer, "serial", json_of_integer((int64_t)p.serial));
        json_set(c->answer, "origin", json_of_text(p.origin));
        if (p.succeeds.len)
            json_set(c->answer, "succeeds", json_of_text(p.succeeds));
        if (p.renewed_by.len)
            json_set(c->answer, "renewed_by", json_of_text(p.renewed_by));
        json_set(c->answer, "payload", json_of_base64(p.payload));
        json_set(c->answer, "signatures", signatures);
        json_set(c->answer, "needs", p.state == DRAFT ? needs_json(c->core, p.permit, &e) : json_array());
    }
    envelope_done(&e);
    return is_ok(r) ? add_used(c, &p, why) : r;
}
