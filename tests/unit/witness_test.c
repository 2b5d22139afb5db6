/*
 * Aim: the broker takes cosignatures only of those whom the trust document names, over what it offers; what it
 * publishes is cosigned by a majority and is stored before; a restart loses none, and a stored one that was
 * tampered with is found missing by its readers or not published at all.
 * Method: a whole core in one process (core_rig.h) with three witnesses whose keys the test holds.
 */
#include <unistd.h>

#include "broker/store/store.h"
#include "core_rig.h"

struct store *core_store(struct core *c);

enum { WITNESSES = 3, STRANGER = 3, TRIES = 400, PAUSE_US = 10000, STRIDE = 131 };
static struct signing_key *witness_keys[WITNESSES + 1];
static struct note_key witnesses[WITNESSES + 1];
static int64_t next_time_s = 1767225600;

static void make_witnesses(struct rig *g)
{
    static const char *const names[WITNESSES + 1] = {"innsyn.site.alpha", "innsyn.site.beta", "outside.example/w1", "stranger.example/w9"};
    for (unsigned i = 0; i <= WITNESSES; i++) {
        uint8_t seed[32] = {(uint8_t)(i + 40)}, public[ED25519_KEY_LEN];
        char vkey[VKEY_TEXT_MAX + 1];
        assert_ok(signing_key_from_seed(seed, &witness_keys[i], NULL));
        assert_ok(signing_key_ed25519(witness_keys[i], public, NULL));
        assert_ok(note_key_make(names[i], NOTE_COSIGNATURE, public, &witnesses[i], NULL));
        note_key_print(&witnesses[i], vkey);
        if (i < WITNESSES)
            snprintf(g->witnesses + strlen(g->witnesses), sizeof g->witnesses - strlen(g->witnesses), "%s\"%s\"", i ? "," : "", vkey);
    }
}

static void open_network(struct rig *g, const char *store)
{
    rig_open(g, store);
    make_witnesses(g);
    rig_people(g);
    rig_give_trust(g, 1);
}

static void close_network(struct rig *g)
{
    for (unsigned i = 0; i <= WITNESSES; i++)
        signing_key_free(witness_keys[i]);
    rig_close(g);
}

static void restart(struct rig *g)
{
    rig_forget(g);
    core_free(g->core);
    g->core = NULL;
    rig_start_core(g);
}

/* The checkpoint as people are given it; it may wait for a majority. */
static void published(struct rig *g, struct buffer *to)
{
    struct http_request r = rig_request(HTTP_GET, "/v1/log/checkpoint", NULL);
    rig_forget(g);
    uint64_t tag = rig_send(g, &r);
    for (int i = 0; i < TRIES && !rig_find(g, tag); i++) {
        rig_turn(g);
        if (!rig_find(g, tag))
            usleep(PAUSE_US);
    }
    const struct rig_answer *a = rig_find(g, tag);
    assert_non_null(a);
    EXPECT(a, 200, NULL);
    buffer_init(to, CHECKPOINT_NOTE_MAX);
    assert_ok(buffer_add(to, buffer_slice(&a->text), NULL));
}

static uint64_t size_of(const struct rig *g, struct slice note)
{
    struct checkpoint c;
    struct note n;
    unsigned unreadable;
    assert_ok(note_parse_readable(note, &n, &unreadable, NULL));
    assert_ok(note_verify(&n, &g->log_key, NULL));
    assert_ok(checkpoint_parse(n.text, &c, NULL));
    return c.size;
}

/* How many of the witnesses a reader finds on it; a note whose own signature fails counts as -1. */
static int cosigners(const struct rig *g, struct slice note)
{
    static struct note n;
    unsigned unreadable;
    if (!is_ok(note_parse_readable(note, &n, &unreadable, NULL)) || !is_ok(note_verify(&n, &g->log_key, NULL)))
        return -1;
    return (int)witnesses_count(&n, witnesses, WITNESSES, 0, INT64_MAX);
}

/* What a witness is offered now. */
static void offered(struct rig *g, struct buffer *to)
{
    const struct rig_answer *a = rig_call(g, -1, HTTP_POST, "/v1/log/cosignature", "{\"checkpoint\":0}");
    EXPECT(a, 200, NULL);
    assert_true(json_kind(json_get(a->body, "consistency")) == JSON_ARRAY);
    buffer_init(to, CHECKPOINT_NOTE_MAX);
    assert_ok(buffer_add(to, json_text(json_get(a->body, "checkpoint")), NULL));
}

static void line_over(struct slice note, unsigned witness, int64_t time_s, struct buffer *ret)
{
    static struct note n;
    buffer_init(ret, CHECKPOINT_NOTE_MAX);
    assert_ok(note_parse(note, &n, NULL));
    assert_ok(note_cosign(n.text, &witnesses[witness], witness_keys[witness], time_s, ret, NULL));
}

static const struct rig_answer *hand_in(struct rig *g, uint64_t size, struct slice line)
{
    struct buffer body CLEANUP(buffer_done) = {0};
    buffer_init(&body, 4096);
    assert_ok(buffer_printf(&body, NULL, "{\"checkpoint\":%llu,", (unsigned long long)size));
    rig_member(&body, "cosignature", line);
    assert_ok(buffer_add_str(&body, "}", NULL));
    return rig_call(g, -1, HTTP_POST, "/v1/log/cosignature", buffer_str(&body));
}

static void cosign_offer(struct rig *g, unsigned witness)
{
    struct buffer note CLEANUP(buffer_done) = {0}, line CLEANUP(buffer_done) = {0};
    offered(g, &note);
    line_over(buffer_slice(&note), witness, next_time_s++, &line);
    EXPECT(hand_in(g, size_of(g, buffer_slice(&note)), buffer_slice(&line)), 200, NULL);
}

/* People ask; meanwhile the first `count` witnesses cosign what is offered. */
static void publish_with(struct rig *g, unsigned count, struct buffer *to)
{
    struct http_request r = rig_request(HTTP_GET, "/v1/log/checkpoint", NULL);
    rig_send(g, &r);
    rig_turn(g);
    usleep(OFFER_LIFE_MS * 1100); /* an older offer makes way */
    rig_turn(g);
    for (unsigned i = 0; i < count; i++)
        cosign_offer(g, i);
    published(g, to);
}

static void stored(struct rig *g, uint64_t *ret_size, struct buffer *ret)
{
    struct rows *rows CLEANUP(rows_freep) = NULL;
    buffer_init(ret, CHECKPOINT_NOTE_MAX);
    *ret_size = 0;
    assert_ok(store_run(core_store(g->core), LOG_COSIGNED_GET, NULL, 0, &rows, NULL));
    if (!rows_next(rows))
        return;
    *ret_size = (uint64_t)rows_integer(rows, 0);
    assert_ok(buffer_add(ret, rows_bytes(rows, 1), NULL));
}

static void put_stored(struct rig *g, uint64_t size, struct slice note)
{
    assert_ok(STORE_RUN(core_store(g->core), LOG_COSIGNED_PUT, NULL, NULL, store_integer((int64_t)size), store_bytes(note)));
}

static void only_named_witnesses_over_the_offer(void **state)
{
    (void)state;
    static struct rig g;
    open_network(&g, NULL);
    struct buffer note CLEANUP(buffer_done) = {0}, line CLEANUP(buffer_done) = {0}, other CLEANUP(buffer_done) = {0}, none CLEANUP(buffer_done) = {0}, now CLEANUP(buffer_done) = {0};
    published(&g, &none); /* nobody cosigns: the newest, without, after a while */
    assert_int_equal(cosigners(&g, buffer_slice(&none)), 0);
    offered(&g, &note);
    uint64_t size = size_of(&g, buffer_slice(&note));
    line_over(buffer_slice(&note), STRANGER, next_time_s++, &line);
    EXPECT(hand_in(&g, size, buffer_slice(&line)), 403, "unknown_key");
    EXPECT(hand_in(&g, size, slice_str("\xe2\x80\x94 innsyn.site.alpha AAAA\n")), 400, NULL);
    buffer_done(&line);
    line_over(buffer_slice(&note), 0, next_time_s++, &line);
    /* the log's own signature line is no cosignature */
    struct slice own = slice_part(buffer_slice(&note), slice_find(buffer_slice(&note), 0xe2), note.len);
    EXPECT(hand_in(&g, size, own), 403, "unknown_key");
    /* over another checkpoint than it says, and one bit off */
    buffer_init(&other, CHECKPOINT_NOTE_MAX);
    EXPECT(hand_in(&g, size - 1, buffer_slice(&line)), 200, NULL); /* comes too late: left alone */
    offered(&g, &other);
    assert_int_equal(cosigners(&g, buffer_slice(&other)), 0);
    line.at[line.len - 8] ^= 2;
    unsigned status = hand_in(&g, size, buffer_slice(&line))->status;
    assert_true(status == 403 || status == 400);
    line.at[line.len - 8] ^= 2;
    EXPECT(hand_in(&g, size, buffer_slice(&line)), 200, NULL);
    buffer_done(&other);
    offered(&g, &other);
    assert_int_equal(cosigners(&g, buffer_slice(&other)), 1);
    /* the same witness twice is one; an older line does not replace a newer */
    buffer_done(&line);
    line_over(buffer_slice(&note), 0, 1000, &line);
    EXPECT(hand_in(&g, size, buffer_slice(&line)), 200, NULL);
    buffer_done(&now);
    offered(&g, &now);
    assert_true(slice_equal(buffer_slice(&now), buffer_slice(&other)));
    close_network(&g);
}

static void a_majority_is_published_once_it_is_stored(void **state)
{
    (void)state;
    static struct rig g;
    open_network(&g, NULL);
    struct buffer note CLEANUP(buffer_done) = {0}, kept CLEANUP(buffer_done) = {0}, again CLEANUP(buffer_done) = {0};
    uint64_t size = 0;
    publish_with(&g, 1, &note);
    assert_int_equal(cosigners(&g, buffer_slice(&note)), 1); /* no majority: the newest, with what it has */
    stored(&g, &size, &kept);
    assert_int_equal(size, 0);
    buffer_done(&note);
    buffer_done(&kept);
    publish_with(&g, 2, &note);
    assert_int_equal(cosigners(&g, buffer_slice(&note)), 2);
    stored(&g, &size, &kept);
    assert_int_equal(size, size_of(&g, buffer_slice(&note)));
    assert_true(slice_equal(buffer_slice(&kept), buffer_slice(&note)));
    /* a third is kept too, after a moment, though nobody asks */
    cosign_offer(&g, 2);
    buffer_done(&kept);
    usleep(1100000);
    rig_turn(&g);
    stored(&g, &size, &kept);
    assert_int_equal(cosigners(&g, buffer_slice(&kept)), 3);
    /* the log grows and no witness comes: what is published is what a majority cosigned */
    rig_login(&g, P_AUDITOR);
    buffer_done(&note);
    published(&g, &note);
    assert_true(slice_equal(buffer_slice(&note), buffer_slice(&kept)));
    /* and so it is after a restart */
    restart(&g);
    published(&g, &again);
    assert_true(slice_equal(buffer_slice(&again), buffer_slice(&kept)));
    assert_int_equal(cosigners(&g, buffer_slice(&again)), 3);
    /* until a majority cosigns a newer one */
    buffer_done(&again);
    publish_with(&g, 2, &again);
    assert_true(size_of(&g, buffer_slice(&again)) > size_of(&g, buffer_slice(&kept)));
    assert_int_equal(cosigners(&g, buffer_slice(&again)), 2);
    close_network(&g);
}

static void what_was_tampered_with_is_missing(void **state)
{
    (void)state;
    static struct rig g;
    open_network(&g, NULL);
    struct buffer note CLEANUP(buffer_done) = {0}, kept CLEANUP(buffer_done) = {0};
    uint64_t size = 0;
    publish_with(&g, 2, &note);
    cosign_offer(&g, 2);
    usleep(1100000);
    rig_turn(&g);
    stored(&g, &size, &kept);
    assert_int_equal(cosigners(&g, buffer_slice(&kept)), 3);
    unsigned missing = 0, withheld = 0;
    log_init(host_real(), "test", LOG_ERROR);
    for (size_t at = 0; at < kept.len; at += STRIDE) {
        struct buffer shown CLEANUP(buffer_done) = {0};
        kept.at[at] ^= (uint8_t)(1u << at % 7);
        put_stored(&g, size, buffer_slice(&kept));
        restart(&g);
        published(&g, &shown);
        if (slice_equal(buffer_slice(&shown), buffer_slice(&kept))) {
            assert_int_equal(cosigners(&g, buffer_slice(&shown)), 2); /* published as stored: its readers see that one is missing */
            missing++;
        } else {
            assert_int_equal(cosigners(&g, buffer_slice(&shown)), 0); /* the newest, which nobody has cosigned */
            withheld++;
        }
        kept.at[at] ^= (uint8_t)(1u << at % 7);
    }
    print_message("%u stored bytes changed: %u left a cosignature missing, %u kept the checkpoint from being published\n", missing + withheld, missing,
                  withheld);
    assert_true(missing > 0 && withheld > 0);
    put_stored(&g, size, buffer_slice(&kept));
    restart(&g);
    buffer_done(&note);
    published(&g, &note);
    assert_true(slice_equal(buffer_slice(&note), buffer_slice(&kept)));
    /* another size than the note's, and a note of a log that went on otherwise */
    put_stored(&g, size + 1, buffer_slice(&kept));
    restart(&g);
    buffer_done(&note);
    published(&g, &note);
    assert_int_equal(cosigners(&g, buffer_slice(&note)), 0);
    close_network(&g);
}

static void other_witnesses_other_cosignatures(void **state)
{
    (void)state;
    static struct rig g;
    open_network(&g, NULL);
    struct buffer note CLEANUP(buffer_done) = {0};
    publish_with(&g, 2, &note);
    assert_int_equal(cosigners(&g, buffer_slice(&note)), 2);
    g.witnesses[0] = 0;
    char vkey[VKEY_TEXT_MAX + 1];
    note_key_print(&witnesses[STRANGER], vkey);
    snprintf(g.witnesses, sizeof g.witnesses, "\"%s\"", vkey);
    rig_give_trust(&g, 2);
    buffer_done(&note);
    published(&g, &note);
    assert_int_equal(cosigners(&g, buffer_slice(&note)), 0);
    publish_with(&g, 0, &note);
    struct buffer line CLEANUP(buffer_done) = {0}, offer CLEANUP(buffer_done) = {0};
    offered(&g, &offer);
    line_over(buffer_slice(&offer), STRANGER, next_time_s++, &line);
    EXPECT(hand_in(&g, size_of(&g, buffer_slice(&offer)), buffer_slice(&line)), 200, NULL);
    buffer_done(&line);
    line_over(buffer_slice(&offer), 0, next_time_s++, &line); /* named no more */
    EXPECT(hand_in(&g, size_of(&g, buffer_slice(&offer)), buffer_slice(&line)), 403, "unknown_key");
    close_network(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_named_witnesses_over_the_offer),
        cmocka_unit_test(a_majority_is_published_once_it_is_stored),
        cmocka_unit_test(what_was_tampered_with_is_missing),
        cmocka_unit_test(other_witnesses_other_cosignatures),
    };
    return cmocka_run_group_tests_name("witness", tests, NULL, NULL);
}
