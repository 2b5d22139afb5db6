/* `innsyn-agent inbox`: the holder looks at answers that wait, and lets each leave or not.  Guard does the act. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agents/commands/commands.h"
#include "agents/guard/held.h"
#include "base/codec.h"
#include "base/instant.h"
#include "proto/envelope.h"

enum { ACT_WAIT_MS = 5000, ACT_LOOK_MS = 100 };

static const char usage[] = "inbox list DIR [--json] | show DIR TASK [--json] | release DIR TASK [--sha256 HASH] | refuse DIR TASK --reason TEXT";

/* The payload of the site-result that waits. */
static result payload_of(const struct held_answer *h, struct json **ret, struct why *why)
{
    struct envelope e CLEANUP(envelope_done) = {0};
    TRY(envelope_parse(json_get(h->record, "result"), "/result", TYPE_SITE_RESULT, &e, why));
    return json_parse(buffer_slice(&e.payload), ENVELOPE_PAYLOAD_MAX, ret, why);
}

static struct json *facts_json(const struct held_answer *h)
{
    struct json *v = json_object();
    json_set(v, "task", json_of_str(h->task.text));
    json_set(v, "query", json_of_str(h->query.text));
    json_set(v, "permit", json_of_str(h->permit.text));
    json_set(v, "account", json_of_str(h->account.text));
    json_set(v, "dataset", json_share(json_get(h->record, "dataset")));
    json_set(v, "why", json_share(json_get(h->record, "why")));
    json_set(v, "held", json_of_instant(h->held_ms));
    json_set(v, "until", json_of_instant(h->until_ms));
    json_set(v, "result_sha256", json_of_hex(slice_of(h->result.at, HASH_LEN)));
    return v;
}

static result print(const struct json *v, struct why *why)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, HELD_BYTES_MAX);
    TRY(json_print(v, &text, why));
    printf("%.*s\n", SLICE_ARG(buffer_slice(&text)));
    return DONE;
}

static result list(const struct agent_settings *s, bool as_json, struct why *why)
{
    static struct document_id queries[HELD_ANSWERS_MAX];
    unsigned count = 0;
    struct json *all CLEANUP(json_freep) = json_array();
    TRY(held_list(s, queries, &count, why));
    if (!as_json)
        printf("%-28s %-28s %-16s %-16s %s\n", "TASK", "PERMIT", "ACCOUNT", "DATASET", "UNTIL");
    for (unsigned i = 0; i < count; i++) {
        struct held_answer h CLEANUP(held_answer_done) = {0};
        char until[INSTANT_TEXT_SIZE];
        result r = held_read(host_real(), s, &queries[i], &h, why);
        if (r.code == ABSENT)
            continue; /* it ended just now */
        TRY(r);
        instant_print(h.until_ms, until);
        if (as_json)
            json_add(all, facts_json(&h));
        else
            printf("%-28s %-28s %-16s %-16.*s %s\n", h.task.text, h.permit.text, h.account.text,
                   SLICE_ARG(json_text(json_get(h.record, "dataset"))), until);
    }
    if (as_json)
        return print(all, why);
    if (count == 0)
        printf("nothing waits\n");
    return DONE;
}

/* word: a task's or a query's id. */
static result find(const struct agent_settings *s, const char *word, struct held_answer *ret, struct why *why)
{
    static struct document_id queries[HELD_ANSWERS_MAX];
    unsigned count = 0;
    TRY(held_list(s, queries, &count, why));
    for (unsigned i = 0; i < count; i++) {
        struct held_answer h CLEANUP(held_answer_done) = {0};
        result r = held_read(host_real(), s, &queries[i], &h, why);
        if (r.code == ABSENT)
            continue;
        TRY(r);
        if (strcmp(word, h.task.text) != 0 && strcmp(word, h.query.text) != 0)
            continue;
        *ret = h;
        h = (struct held_answer){0};
        return DONE;
    }
    return FAIL(why, ABSENT, "no answer to '%.40s' waits here; see: innsyn-agent inbox list %.200s", word, s->dir);
}

static void show_part(const char *title, const struct json *v)
{
    struct buffer text CLEANUP(buffer_done) = {0};
    buffer_init(&text, HELD_BYTES_MAX);
    if (is_ok(json_print(v, &text, NULL)))
        printf("%-10s %.*s\n", title, SLICE_ARG(buffer_slice(&text)));
}

static result show(const struct agent_settings *s, const char *word, bool as_json, struct why *why)
{
    struct held_answer h CLEANUP(held_answer_done) = {0};
    struct json *payload CLEANUP(json_freep) = NULL;
    char until[INSTANT_TEXT_SIZE], hash[2 * HASH_LEN + 1];
    TRY(find(s, word, &h, why));
    TRY(payload_of(&h, &payload, why));
    if (as_json) {
        struct json *v CLEANUP(json_freep) = facts_json(&h);
        json_set(v, "question", json_share(json_get(h.record, "question")));
        json_set(v, "answer", json_share(payload));
        return print(v, why);
    }
    instant_print(h.until_ms, until);
    hash_print(&h.result, hash);
    printf("task       %s\nquery      %s\npermit     %s\nasked by   %s\nwhy        %.*s\nuntil      %s\n", h.task.text, h.query.text, h.permit.text,
           h.account.text, SLICE_ARG(json_text(json_get(h.record, "why"))), until);
    show_part("question", json_get(h.record, "question"));
    show_part("would say", json_get(payload, "statistic"));
    show_part("edition", json_get(payload, "edition"));
    show_part("profile", json_get(payload, "profile"));
    printf("SHA-256    %s\n\nnothing else leaves; let it leave: innsyn-agent inbox release %s %s\n"
           "or not:    innsyn-agent inbox refuse %s %s --reason TEXT\n", hash, s->dir, h.task.text, s->dir, h.task.text);
    return DONE;
}

static bool is_decided(const struct agent_settings *s, const struct document_id *query, struct held_act *ret)
{
    return held_act_read(host_real(), s, query, ret, NULL).code == ABSENT;
}

/* Left for guard, which takes it within a second when it runs, else when it starts. */
static result leave(const struct agent_settings *s, const char *word, const struct held_act *act, const char *sha256_text, struct why *why)
{
    struct held_answer h CLEANUP(held_answer_done) = {0}, after CLEANUP(held_answer_done) = {0};
    struct held_act a = *act, left;
    struct hash shown = {0};
    TRY(find(s, word, &h, why));
    if (sha256_text && (!hex_parse(slice_str(sha256_text), shown.at, HASH_LEN) || !hash_equal(&shown, &h.result)))
        return FAIL(why, DENIED, "what waits is not what you were shown (--sha256); look again: innsyn-agent inbox show %.200s %s", s->dir, h.task.text);
    a.result = h.result;
    TRY(held_act_write(host_real(), s, &h.query, &a, why));
    for (int64_t waited = 0; waited < ACT_WAIT_MS; waited += ACT_LOOK_MS) {
        struct timespec t = {0, ACT_LOOK_MS * 1000000L};
        if (is_decided(s, &h.query, &left)) {
            if (held_read(host_real(), s, &h.query, &after, NULL).code != ABSENT)
                return FAIL(why, DENIED, "the agent has not done it; its log says why (inbox_act_refused)");
            printf(a.release ? "released, unless the permit or a rule stood against it (see the journal)\n" : "refused; who asked is told the reason\n");
            return DONE;
        }
        nanosleep(&t, NULL);
    }
    printf("written down; the agent does it as soon as it runs, is not paused and has heard that the permit is live\n");
    return DONE;
}

int command_inbox(int argc, char **argv)
{
    const char *words[3] = {NULL}, *reason = NULL, *sha256_text = NULL;
    bool json = false, known;
    const struct option_spec options[] = {{"--json", NULL, &json}, {"--reason", &reason, NULL}, {"--sha256", &sha256_text, NULL}, {0}};
    struct agent_settings s;
    struct held_act a = {0};
    struct why why = {0};
    bool lists = argc > 1 && strcmp(argv[1], "list") == 0;
    if (!arguments_read(argc, argv, options, words, lists ? 2 : 3, usage))
        return EXIT_USAGE;
    bool shows = strcmp(words[0], "show") == 0, refuses = strcmp(words[0], "refuse") == 0;
    a.release = strcmp(words[0], "release") == 0;
    known = lists || shows || refuses || a.release;
    if (!known || (refuses && (!reason || !*reason)) || (refuses && !slice_copy_str(slice_str(reason), a.reason, sizeof a.reason))) {
        fprintf(stderr, "usage: innsyn-agent %s\n(who refuses gives a reason of at most %d bytes; it is told to who asked)\n", usage, HELD_REASON_MAX);
        return EXIT_USAGE;
    }
    result r = agent_settings_read(host_real(), words[1], &s, &why);
    if (is_ok(r))
        r = lists ? list(&s, json, &why) : shows ? show(&s, words[2], json, &why) : leave(&s, words[2], &a, sha256_text, &why);
    return command_end("inbox", r, &why);
}
