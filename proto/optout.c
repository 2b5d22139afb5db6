#include "proto/optout.h"

#include <string.h>

#include "base/secret.h"
#include "base/codec.h"
#include "proto/document.h"
#include "proto/fields.h"

static const char *const ACTIONS[] = {"register", "withdraw", NULL};
static const char *const PERSON_KINDS[] = {"fnr", "id", NULL};

const char *optout_action_name(enum optout_action a)
{
    return a <= OPTOUT_WITHDRAW ? ACTIONS[a] : "?";
}

/* --- purposes ---------------------------------------------------------------------------------- */

bool optout_purposes_cover(const struct optout_purposes *p, struct slice purpose)
{
    for (unsigned i = 0; i < p->count; i++) {
        struct slice code = slice_str(p->at[i]);
        if (slice_equal(code, purpose) || (slice_starts(purpose, p->at[i]) && purpose.at[code.len] == '.'))
            return true;
    }
    return p->count == 0;
}

static bool is_code(struct slice text)
{
    bool good = text.len > 0 && text.len <= OPTOUT_PURPOSE_MAX && slice_starts(text, "53.1.");
    for (size_t i = 0; i < text.len && good; i++)
        good = text.at[i] == '.' || (text.at[i] >= '0' && text.at[i] <= '9') || (text.at[i] >= 'a' && text.at[i] <= 'z');
    return good;
}

result optout_purposes_read(const struct json *array, const char *path, struct optout_purposes *ret, struct why *why)
{
    struct optout_purposes p = {.count = 0};
    if (json_kind(array) != JSON_ARRAY || json_size(array) == 0 || json_size(array) > OPTOUT_PURPOSES_MAX)
        return FAIL_AT(why, MALFORMED, path, "name 1 to %d purposes, or [\"*\"] for all", OPTOUT_PURPOSES_MAX);
    if (json_size(array) == 1 && slice_is(json_text(json_item(array, 0)), "*")) {
        *ret = p;
        return DONE;
    }
    for (size_t i = 0; i < json_size(array); i++) {
        struct slice text = json_text(json_item(array, i));
        if (!is_code(text) || !slice_copy_str(text, p.at[p.count], sizeof p.at[0]))
            return FAIL_AT(why, MALFORMED, path, "a purpose is a code of Article 53 such as 53.1.e; \"*\" stands alone");
        p.count++;
    }
    *ret = p;
    return DONE;
}

struct json *optout_purposes_json(const struct optout_purposes *p)
{
    struct json *array = json_array();
    for (unsigned i = 0; i < p->count; i++)
        json_add(array, json_of_str(p->at[i]));
    if (p->count == 0)
        json_add(array, json_of_str("*"));
    return array;
}

/* --- the request ------------------------------------------------------------------------------- */

void optout_request_done(struct optout_request *r)
{
    wipe(r, sizeof *r);
}

result optout_request_print(const struct optout_request *r, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object();
    struct buffer text CLEANUP(buffer_wipe) = {0};
    buffer_init(&text, OPTOUT_PLAIN_LEN);
    json_set(v, "innsyn", json_of_str("optout-request/1"));
    json_set(v, "id", json_of_str(r->id.text));
    json_set(v, "network", json_of_str(r->network.text));
    json_set(v, "site", json_of_str(r->site.text));
    json_set(v, "action", json_of_str(optout_action_name(r->action)));
    json_set(v, "at", json_of_instant(r->at_ms));
    if (r->action == OPTOUT_REGISTER) {
        struct json *person = json_object();
        json_set(person, "kind", json_of_str(person_kind_name(r->kind)));
        json_set(person, "value", json_of_str(r->person));
        json_set(v, "person", person);
        json_set(v, "purposes", optout_purposes_json(&r->purposes));
        json_set(v, "code_sha256", json_of_hex(slice_of(r->code_hash.at, HASH_LEN)));
    } else {
        json_set(v, "code", json_of_base64(slice_of(r->code, sizeof r->code)));
    }
    TRY(json_print(v, &text, why));
    while (text.len < OPTOUT_PLAIN_LEN) /* blanks after the value: one length for all */
        TRY(buffer_add_byte(&text, ' ', why));
    return buffer_add(to, buffer_slice(&text), why);
}

static result read_person(struct fields *f, struct optout_request *r)
{
    const struct json *person;
    struct fields p;
    struct slice value;
    unsigned kind;
    TRY(need_object(f, "person", &person));
    TRY(fields_open(person, "/person", &p, f->why));
    TRY(need_choice(&p, "kind", PERSON_KINDS, &kind));
    TRY(need_text(&p, "value", PERSON_TEXT_MAX, &value));
    TRY(fields_close(&p));
    r->kind = (enum person_kind)kind;
    TRY(fail_there(person_check(r->kind, value, f->why), f->why, "/person/value"));
    return slice_copy_str(value, r->person, sizeof r->person) ? DONE : FAIL_AT(f->why, MALFORMED, "/person/value", "not a plain text");
}

static result read_request(struct fields *f, struct optout_request *r)
{
    const struct json *purposes;
    struct slice code;
    unsigned action;
    TRY(need_kind(f, "optout-request/1"));
    TRY(need_document_id(f, "id", 'o', &r->id));
    TRY(need_label(f, "network", &r->network));
    TRY(need_site_id(f, "site", &r->site));
    TRY(need_instant(f, "at", &r->at_ms));
    TRY(need_choice(f, "action", ACTIONS, &action));
    r->action = (enum optout_action)action;
    if (r->action == OPTOUT_WITHDRAW) {
        TRY(need_text(f, "code", BASE64_LEN(OPTOUT_CODE_LEN), &code));
        if (!base64_parse_exact(code, r->code, sizeof r->code))
            return FAIL_AT(f->why, MALFORMED, "/code", "not the code of a receipt");
        return fields_close(f);
    }
    TRY(read_person(f, r));
    TRY(need_array(f, "purposes", OPTOUT_PURPOSES_MAX, &purposes));
    TRY(optout_purposes_read(purposes, "/purposes", &r->purposes, f->why));
    TRY(need_hash(f, "code_sha256", r->code_hash.at));
    return fields_close(f);
}

result optout_request_read(struct slice text, struct optout_request *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct optout_request r = {.action = OPTOUT_REGISTER};
    struct fields f;
    if (!is_ok(json_parse(text, OPTOUT_PLAIN_LEN, &v, NULL))) /* the parser's words could hold a part of the text */
        return FAIL(why, MALFORMED, "the sealed request is no JSON document");
    TRY(fields_open(v, "", &f, why));
    result read = read_request(&f, &r);
    if (is_ok(read))
        *ret = r;
    optout_request_done(&r);
    return read;
}

/* --- the report -------------------------------------------------------------------------------- */

result optout_report_print(const struct optout_report *r, struct buffer *to, struct why *why)
{
    struct json *v CLEANUP(json_freep) = json_object();
    json_set(v, "innsyn", json_of_str("optout-report/1"));
    json_set(v, "network", json_of_str(r->network.text));
    json_set(v, "site", json_of_str(r->site.text));
    json_set(v, "version", json_of_integer((int64_t)r->version));
    json_set(v, "list_sha256", json_of_hex(slice_of(r->list.at, HASH_LEN)));
    json_set(v, "at", json_of_instant(r->at_ms));
    return json_print(v, to, why);
}

result optout_report_open(const struct envelope *e, const struct public_key *site_key, struct optout_report *ret, struct why *why)
{
    struct json *v CLEANUP(json_freep) = NULL;
    struct optout_report r = {.version = 0};
    struct fields f;
    int64_t version;
    if (strcmp(e->type, TYPE_OPTOUT_REPORT) != 0 || !envelope_signed_by(e, site_key))
        return FAIL_CODE(why, DENIED, "signature_invalid", "/optouts/list", "the report on the list of opt-outs is not signed by the site's key");
    TRY(json_parse(buffer_slice(&e->payload), ENVELOPE_PAYLOAD_MAX, &v, why));
    TRY(fields_open(v, "", &f, why));
    TRY(need_kind(&f, "optout-report/1"));
    TRY(need_label(&f, "network", &r.network));
    TRY(need_site_id(&f, "site", &r.site));
    TRY(need_integer(&f, "version", 0, INT64_C(1) << 53, &version));
    TRY(need_hash(&f, "list_sha256", r.list.at));
    TRY(need_instant(&f, "at", &r.at_ms));
    TRY(fields_close(&f));
    r.version = (uint64_t)version;
    *ret = r;
    return DONE;
}
