/* Aim: the site's list is versioned, survives a restart, gives exactly the persons and purposes it should to each
 * edition, and nothing of it says whether a person is in the data.
 * Method: requests sealed as a desk seals them, over datasets of both kinds, with the agent started anew between. */
#include "agents/guard/optouts.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agents/disclosure/cellkey.h"
#include "base/codec.h"
#include "proto/crypto_cms.h"
#include "tests/unit/check.h"
#include "tests/unit/scratch.h"
#include "tests/unit/fault_host.h"

enum { ALL = 0 };
static char folder[SCRATCH_PATH];
static struct agent_settings settings;
static struct signing_key *site_key;
static struct signing_key *desk_key;
static struct trust_person desks[1] = {{.account = {"desk"}}};
static struct trust trust = {.desks = desks, .desk_count = 1};
static struct public_key optout_key;
static struct why why;
static unsigned recorded;

static bool record(void *self, struct json *fields)
{
    bool *may = self;
    json_free(fields);
    recorded++;
    return !may || *may;
}

static void put(const char *name, struct slice bytes)
{
    char path[AGENT_PATH_SIZE];
    agent_path(&settings, name, path);
    assert_ok(host_write_file(host_real(), path, 0600, bytes, &why));
}

static int set_up(void **state)
{
    struct signing_key *key;
    char path[AGENT_PATH_SIZE];
    uint8_t secret[SITE_SECRET_LEN];
    (void)state;
    scratch_make(folder, "optouts");
    settings = (struct agent_settings){.optout_batch_ms = 30 * DAY_MS, .optout_age_max_ms = HOUR_MS};
    (void)snprintf(settings.dir, sizeof settings.dir, "%s", folder);
    assert_ok(site_id_parse(slice_str("one"), &settings.site, &why));
    assert_ok(label_parse(slice_str("demo"), &settings.network, &why));
    const char *const names[] = {"keys", "guard"};
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        agent_path(&settings, names[i], path);
        assert_ok(host_make_folder(host_real(), path, 0700, &why));
    }
    memset(secret, 7, sizeof secret);
    put("keys/secret", slice_of(secret, sizeof secret));
    assert_ok(signing_key_new(KEY_P256, &key, &why));
    assert_ok(signing_key_public(key, &optout_key, &why));
    agent_path(&settings, "keys/optout.pem", path);
    assert_ok(signing_key_save(host_real(), path, key, &why));
    signing_key_free(key);
    assert_ok(signing_key_new(KEY_P256, &site_key, &why));
    assert_ok(signing_key_new(KEY_P256, &desk_key, &why));
    assert_ok(signing_key_public(desk_key, &desks[0].key, &why));
    recorded = 0;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    scratch_remove(folder);
    signing_key_free(site_key);
    signing_key_free(desk_key);
    return 0;
}

/* --- requests ---------------------------------------------------------------------------------- */

struct desk {
    struct document_id id;
    uint8_t code[OPTOUT_CODE_LEN];
};

static struct json *item_of(const struct desk *d, enum optout_action action, const char *person, const char *purpose, const char *site)
{
    struct optout_request r = {.id = d->id, .network = settings.network, .action = action, .kind = PERSON_ID, .at_ms = 1790000000000,
                               .code_hash = sha256(slice_of(d->code, sizeof d->code))};
    struct buffer plain, sealed;
    buffer_init(&plain, OPTOUT_PLAIN_LEN);
    buffer_init(&sealed, OPTOUT_SEALED_MAX);
    assert_ok(site_id_parse(slice_str(site), &r.site, &why));
    memcpy(r.code, d->code, sizeof r.code);
    (void)snprintf(r.person, sizeof r.person, "%s", person);
    if (purpose)
        (void)snprintf(r.purposes.at[r.purposes.count++], sizeof r.purposes.at[0], "%s", purpose);
    assert_ok(optout_request_print(&r, &plain, &why));
    assert_ok(cms_seal(&optout_key, buffer_slice(&plain), &sealed, &why));
    struct json *item = json_object();
    json_set(item, "id", json_of_str(d->id.text));
    json_set(item, "action", json_of_str(optout_action_name(action)));
    struct envelope e = {0};
    assert_ok(envelope_make(TYPE_OPTOUT_SEALED, buffer_slice(&sealed), &e, &why));
    assert_ok(envelope_sign(&e, desk_key, &why));
    json_set(item, "sealed", envelope_json(&e));
    envelope_done(&e);
    buffer_done(&plain);
    buffer_done(&sealed);
    return item;
}

static struct desk desk_new(void)
{
    struct desk d;
    assert_ok(document_id_new(host_real(), 'o', &d.id, &why));
    assert_ok(host_random(host_real(), d.code, sizeof d.code, &why));
    return d;
}

/* One item taken; *ret_taken as the broker is told. */
static bool take(struct optouts *o, struct json *item, bool *ret_taken)
{
    struct json *items = json_array();
    bool changed = false;
    json_add(items, item);
    assert_ok(optouts_take(o, items, &trust, record, NULL, &changed, &why));
    struct json *said = optouts_say(o);
    *ret_taken = json_truth(json_get(json_item(json_get(said, "taken"), 0), "taken"));
    assert_int_equal(json_size(json_get(said, "taken")), 1);
    json_free(said);
    json_free(items);
    optouts_said(o);
    return changed;
}

static struct desk registered(struct optouts *o, const char *person, const char *purpose)
{
    struct desk d = desk_new();
    bool taken;
    assert_true(take(o, item_of(&d, OPTOUT_REGISTER, person, purpose, "one"), &taken));
    assert_true(taken);
    return d;
}

/* --- datasets ---------------------------------------------------------------------------------- */

static void held(struct datasets *d, unsigned i, const char *name, enum profile profile, const char *snapshot)
{
    char text[256];
    struct json *tree = NULL;
    (void)snprintf(text, sizeof text, "{\"dataset\":\"%s\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\"}]}", name);
    assert_ok(json_parse(slice_str(text), sizeof text, &tree, &why));
    dictionary_free(d->dictionaries[i]); /* of the load before this one */
    d->dictionaries[i] = NULL;
    assert_ok(dictionary_read(tree, NULL, profile, &d->dictionaries[i], &why));
    json_free(tree);
    d->held[i] = (struct held_dataset){.dictionary = d->dictionaries[i], .snapshot = sha256(slice_str(snapshot))};
    d->count = i + 1;
}

static bool name_editions(struct optouts *o, struct datasets *d, bool apply)
{
    bool changed = false;
    assert_ok(optouts_name_editions(o, d, apply, &changed, &why));
    return changed;
}

static bool leaves_out(struct optouts *o, const struct held_dataset *h, const char *purpose, const char *person)
{
    uint8_t secret[SITE_SECRET_LEN];
    struct secret *s;
    struct recordkey *rk;
    struct buffer keys;
    uint64_t key, last = 0;
    bool found = false;
    memset(secret, 7, sizeof secret);
    assert_ok(secret_new(slice_of(secret, sizeof secret), &s, &why));
    assert_ok(recordkey_new(s, LABEL_RECORD_KEY, &rk, &why));
    assert_ok(recordkey_of(rk, slice_str(h->dictionary->dataset.text), slice_str(person), &key, &why));
    buffer_init(&keys, 100000);
    assert_ok(optouts_left_out(o, h, NULL, slice_str(purpose), &keys, &why));
    for (size_t i = 0; i < keys.len; i += 8) {
        uint64_t k = 0;
        for (unsigned b = 0; b < 8; b++)
            k = k << 8 | keys.at[i + b];
        assert_true(i == 0 || k > last);
        last = k;
        found = found || k == key;
    }
    buffer_done(&keys);
    recordkey_free(rk);
    secret_free(s);
    return found;
}

static struct optouts *opened(const struct host *host)
{
    struct optouts *o = NULL;
    assert_ok(optouts_open(host, &settings, site_key, &o, &why));
    return o;
}

/* --- tests ------------------------------------------------------------------------------------- */

static void versions(void **state)
{
    static struct datasets d;
    struct optouts *o = opened(host_real());
    bool taken;
    (void)state;
    held(&d, 0, "plain", PROFILE_OPEN, "a");
    held(&d, 1, "kept", PROFILE_CK, "a");
    assert_true(name_editions(o, &d, false));
    struct hash open = d.held[0].edition, ck = d.held[1].edition;
    assert_false(name_editions(o, &d, false));
    struct desk all = registered(o, "p1", NULL);
    struct desk some = registered(o, "p2", "53.1.e");
    assert_int_equal(optouts_version(o), 2);
    assert_int_equal(recorded, 2);
    assert_true(name_editions(o, &d, false));
    assert_false(hash_equal(&d.held[0].edition, &open)); /* open: at once */
    assert_true(hash_equal(&d.held[1].edition, &ck));    /* ck: waits for its batch */
    for (unsigned started = 0; started < 2; started++) { /* and the same after a restart */
        assert_true(leaves_out(o, &d.held[0], "53.1.a", "p1") && leaves_out(o, &d.held[0], "53.1.e.ii", "p1"));
        assert_true(leaves_out(o, &d.held[0], "53.1.e.i", "p2") && !leaves_out(o, &d.held[0], "53.1.d", "p2"));
        assert_false(leaves_out(o, &d.held[0], "53.1.e", "p3"));
        assert_false(leaves_out(o, &d.held[1], "53.1.e", "p1") || leaves_out(o, &d.held[1], "53.1.e", "p2"));
        optouts_free(o);
        o = opened(host_real());
        assert_false(name_editions(o, &d, false));
    }
    assert_true(name_editions(o, &d, true)); /* the holder applies */
    assert_false(hash_equal(&d.held[1].edition, &ck));
    assert_true(leaves_out(o, &d.held[1], "53.1.d", "p1") && leaves_out(o, &d.held[1], "53.1.d", "p2")); /* ck: for all purposes */

    struct desk thief = all;
    thief.code[0] ^= 1;
    assert_false(take(o, item_of(&thief, OPTOUT_WITHDRAW, "", NULL, "one"), &taken));
    assert_false(taken);
    assert_true(take(o, item_of(&all, OPTOUT_WITHDRAW, "", NULL, "one"), &taken));
    assert_true(taken);
    ck = d.held[1].edition;
    assert_true(name_editions(o, &d, false));
    assert_false(leaves_out(o, &d.held[0], "53.1.e", "p1")); /* back at once under open, with the next batch under ck */
    assert_true(leaves_out(o, &d.held[1], "53.1.e", "p1") && hash_equal(&d.held[1].edition, &ck));
    held(&d, 1, "kept", PROFILE_CK, "b"); /* a new snapshot is a new edition anyway */
    assert_true(name_editions(o, &d, false));
    assert_false(leaves_out(o, &d.held[1], "53.1.e", "p1"));
    assert_true(leaves_out(o, &d.held[1], "53.1.e", "p2"));
    (void)some;
    optouts_free(o);
    dictionary_free(d.dictionaries[0]);
    dictionary_free(d.dictionaries[1]);
}

/* After the batch's days the new edition comes of itself. */
static void batch_is_due(void **state)
{
    static struct datasets d;
    struct optouts *o = opened(host_real());
    (void)state;
    held(&d, 0, "kept", PROFILE_CK, "a");
    assert_true(name_editions(o, &d, false));
    (void)registered(o, "p1", NULL);
    settings.optout_batch_ms = 30 * DAY_MS;
    assert_false(name_editions(o, &d, false));
    settings.optout_batch_ms = 0;
    assert_true(name_editions(o, &d, false));
    assert_true(leaves_out(o, &d.held[0], "53.1.e", "p1"));
    optouts_free(o);
    dictionary_free(d.dictionaries[0]);
}

/* The edition of an earlier version, as long as nothing of it was forgotten. */
static void an_earlier_version_can_be_made_again(void **state)
{
    struct optouts *o = opened(host_real());
    struct datasets d = {0};
    struct hash first, again, list = sha256((struct slice){0});
    uint64_t zero = 0;
    struct buffer keys = {0};
    (void)state;
    held(&d, 0, "open", PROFILE_OPEN, "a");
    optouts_keep_versions(o, true);
    assert_true(name_editions(o, &d, false));
    first = d.held[0].edition;
    (void)registered(o, "p1", NULL);
    assert_true(name_editions(o, &d, false));
    assert_true(leaves_out(o, &d.held[0], "53.1.e", "p1"));
    assert_ok(optouts_edition_at(o, &d.held[0], 0, &list, &again, &why));
    assert_true(hash_equal(&first, &again));
    buffer_init(&keys, 1024);
    assert_ok(optouts_left_out(o, &d.held[0], &zero, slice_str("53.1.e"), &keys, &why));
    assert_int_equal(keys.len, 0);
    buffer_done(&keys);
    assert_status(optouts_edition_at(o, &d.held[0], 2, &list, &again, &why), DENIED); /* it never had that one */
    optouts_free(o);
    dictionary_free(d.dictionaries[0]);
}

static void strange_requests(void **state)
{
    struct optouts *o = opened(host_real());
    struct desk d = desk_new(), other = desk_new();
    struct json *item;
    bool taken, changed, may = false;
    (void)state;
    assert_false(take(o, item_of(&d, OPTOUT_REGISTER, "p1", NULL, "two"), &taken)); /* sealed to this key, for another site */
    assert_false(taken);
    item = item_of(&d, OPTOUT_REGISTER, "p1", NULL, "one");
    json_set(item, "id", json_of_str(other.id.text)); /* under another cover */
    assert_false(take(o, item, &taken));
    assert_false(taken);
    item = item_of(&d, OPTOUT_REGISTER, "p1", NULL, "one");
    json_set(item, "sealed", json_of_str("AAAA"));
    assert_false(take(o, item, &taken));
    assert_false(taken);
    /* signed by somebody who is no desk: a holder, an officer, the broker itself */
    struct signing_key *desk = desk_key, *stranger = NULL;
    assert_ok(signing_key_new(KEY_P256, &stranger, &why));
    desk_key = stranger;
    assert_false(take(o, item_of(&d, OPTOUT_REGISTER, "p1", NULL, "one"), &taken));
    assert_false(taken);
    desk_key = desk;
    signing_key_free(stranger);
    assert_false(take(o, item_of(&d, OPTOUT_WITHDRAW, "", NULL, "one"), &taken)); /* what was never registered */
    assert_false(taken);
    assert_int_equal(optouts_version(o), 0);
    /* what cannot be recorded is not in force, and is asked for again */
    struct json *items = json_array();
    json_add(items, item_of(&d, OPTOUT_REGISTER, "p1", NULL, "one"));
    assert_status(optouts_take(o, items, &trust, record, &may, &changed, &why), UNAVAILABLE);
    assert_int_equal(optouts_version(o), 0);
    assert_ok(optouts_take(o, items, &trust, record, NULL, &changed, &why));
    assert_true(changed);
    assert_ok(optouts_take(o, items, &trust, record, NULL, &changed, &why)); /* delivered twice: taken once */
    assert_false(changed);
    assert_int_equal(optouts_version(o), 1);
    json_free(items);
    optouts_free(o);
}

/* The n-th call into the world fails, for every n: the list is the old or the new, and the request can be taken again. */
static void torture(void **state)
{
    (void)state;
    for (unsigned long n = 0; n < 500; n++) {
        struct desk d = desk_new();
        struct json *items = json_array();
        struct fault_host f;
        bool changed = false;
        uint64_t before;
        struct optouts *o = opened(host_real());
        before = optouts_version(o);
        optouts_free(o);
        o = NULL;
        fault_host_init(&f, n);
        json_add(items, item_of(&d, OPTOUT_REGISTER, "p1", NULL, "one"));
        result r = optouts_open(&f.host, &settings, site_key, &o, &why);
        if (is_ok(r))
            r = optouts_take(o, items, &trust, record, NULL, &changed, &why);
        bool hit = f.hit;
        optouts_free(o);
        o = opened(host_real());
        assert_true(optouts_version(o) == before || optouts_version(o) == before + 1);
        if (is_ok(r))
            assert_int_equal(optouts_version(o), before + 1);
        assert_ok(optouts_take(o, items, &trust, record, NULL, &changed, &why));
        assert_int_equal(optouts_version(o), before + 1);
        optouts_free(o);
        json_free(items);
        if (!hit)
            return;
    }
    fail_msg("the faults did not end");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(versions, set_up, tear_down),
        cmocka_unit_test_setup_teardown(batch_is_due, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_earlier_version_can_be_made_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(strange_requests, set_up, tear_down),
        cmocka_unit_test_setup_teardown(torture, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
