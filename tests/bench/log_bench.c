/*
 * log_bench - a big real log, and what appending costs, through the broker's own core and store.
 *
 *   log_bench fill DIR N       appends N entries of the kinds that queries leave to the broker of folder
 *                              DIR (which is not running), and has its log key sign the checkpoint
 *   log_bench append DIR N     appends N entries in turns of 256 with commit, sync and checkpoint, and in
 *                              the same run makes bare transactions of one row each; prints both
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/log.h"
#include "broker/audit/audit.h"
#include "tests/bench/core_alone.h"

enum { TURN = 256, FILL_TURN = 65536, ACCOUNTS = 100, DATASETS = 10, SITES = 8, KINDS = 6, ROUNDS = 5, BARE = 200 };

struct bench {
    struct signer signer;
    struct core *core;
    struct broker_settings settings;
    uint64_t seed, made;
};

static void stop(const char *what, result r, const struct why *why)
{
    if (is_ok(r))
        return;
    fprintf(stderr, "log_bench: %s: %s %s\n", what, status_name(r.code), why->text);
    exit(1);
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static uint64_t draw(struct bench *b, uint64_t below)
{
    return draw_below(&b->seed, below);
}

static void set_hash(struct json *entry, const char *name, struct bench *b)
{
    uint64_t text[2] = {b->seed, b->made};
    struct hash h = sha256(slice_of(text, sizeof text));
    draw(b, 2);
    json_set(entry, name, json_of_hex(slice_of(h.at, HASH_LEN)));
}

static void set_name(struct json *entry, const char *name, const char *kind, uint64_t n, int digits)
{
    char text[64];
    snprintf(text, sizeof text, "%s%0*llu", kind, digits, (unsigned long long)n);
    json_set(entry, name, json_of_str(text));
}

/* A query with its tasks, results and release: KINDS entries, as the main job leaves them. */
static void append_one(struct bench *b)
{
    static const char *const types[KINDS] = {"query", "dispatch", "dispatch", "site_result", "site_result", "release"};
    static const char *const purposes[] = {"53.1.a", "53.1.c", "53.1.e"};
    struct why why = {0};
    uint64_t query = b->made / KINDS, kind = b->made % KINDS, person = query * 7919 % ACCOUNTS;
    struct json *e = json_object(), *list = json_array();
    set_name(e, "query", "q-", query, 26);
    if (kind != 3 && kind != 4) {
        set_name(e, "account", "person", person, 2);
        set_name(e, "permit", "p-", person / 2, 26);
        set_hash(e, "query_sha256", b);
        set_hash(e, "permit_sha256", b);
        set_hash(e, "question_sha256", b);
    }
    if (kind == 0) {
        json_add(list, json_of_str(draw(b, 2) ? "age" : "sex"));
        set_name(e, "dataset", "register", draw(b, DATASETS), 1);
        json_set(e, "purpose", json_of_str(purposes[person % 3]));
        json_set(e, "statistic", json_of_str("table"));
        json_set(e, "decision", json_of_str("permit"));
        json_set(e, "variables", list);
    } else if (kind == 5) {
        json_set(e, "sites", list);
        set_hash(e, "result_sha256", b);
    } else {
        json_free(list);
        set_name(e, "task", "t-", b->made, 26);
        set_name(e, "site", "site", (query + kind) % SITES, 1);
        if (kind > 2) {
            json_set(e, "status", json_of_str(draw(b, 50) ? "answered" : "refused"));
            set_hash(e, "result_sha256", b);
            set_hash(e, "edition", b);
        }
    }
    /* a query names one request with its entry, a site's answer the site's; dispatch and release have none */
    snprintf(b->core->asking.text, sizeof b->core->asking.text, "r-%025llu0", (unsigned long long)b->made);
    if (kind == 1 || kind == 2 || kind == 5)
        b->core->asking.text[0] = 0;
    stop("append", log_append(b->core, types[kind], e, NULL, &why), &why);
    b->made++;
}

static void turn(struct bench *b, uint64_t entries)
{
    struct why why = {0};
    stop("begin", store_begin(b->core->store, &why), &why);
    while (entries-- > 0)
        append_one(b);
    stop("index", index_mark(b->core, &why), &why);
    stop("commit", store_commit(b->core->store, &why), &why);
    stop("sign", log_sign(b->core, &why), &why);
}

static void bare(struct bench *b, unsigned count)
{
    struct why why = {0};
    uint8_t mark[STORE_MARK_LEN] = {0};
    for (unsigned i = 0; i < count; i++) {
        mark[0] = (uint8_t)i;
        stop("begin", store_begin(b->core->store, &why), &why);
        stop("mark", store_mark(b->core->store, mark, &why), &why);
        stop("commit", store_commit(b->core->store, &why), &why);
    }
}

static void measure(struct bench *b, uint64_t entries)
{
    double appended = 0, transactions = 0;
    uint64_t a_round = entries / ROUNDS / TURN * TURN;
    for (int round = 0; round < ROUNDS; round++) {
        double start = now();
        for (uint64_t done = 0; done < a_round; done += TURN)
            turn(b, TURN);
        double middle = now();
        bare(b, BARE);
        appended += middle - start;
        transactions += now() - middle;
    }
    double per_s = (double)(a_round * ROUNDS) / appended, bare_s = ROUNDS * BARE / transactions;
    printf("{\"entries_per_s\":%.0f,\"bare_transactions_per_s\":%.0f,\"ratio\":%.2f,\"turn\":%d,\"store\":\"%s\"}\n", per_s, bare_s,
           per_s / bare_s, TURN, store_kind(b->core->store));
}

int main(int argc, char **argv)
{
    static struct bench b = {.seed = 7};
    struct why why = {0};
    const struct core_ports ports = alone_ports(&b.signer);
    uint64_t count = argc == 4 ? strtoull(argv[3], NULL, 10) : 0;
    if (count == 0 || (strcmp(argv[1], "fill") != 0 && strcmp(argv[1], "append") != 0)) {
        fprintf(stderr, "usage: log_bench fill|append DIR N\n");
        return 2;
    }
    log_init(host_real(), "log_bench", LOG_ERROR);
    stop("settings", broker_settings_read(host_real(), argv[2], &b.settings, &why), &why);
    stop("keys", signer_open(host_real(), b.settings.dir, b.settings.network, &b.signer, &why), &why);
    stop("core", core_new(&b.settings, host_real(), &ports, &b.core, &why), &why);
    double start = now();
    if (strcmp(argv[1], "append") == 0)
        measure(&b, count);
    for (uint64_t left = strcmp(argv[1], "fill") == 0 ? count : 0; left > 0;) {
        uint64_t some = left < FILL_TURN ? left : FILL_TURN;
        turn(&b, some);
        left -= some;
    }
    if (strcmp(argv[1], "fill") == 0)
        printf("{\"entries\":%llu,\"size\":%llu,\"seconds\":%.1f}\n", (unsigned long long)count, (unsigned long long)b.core->log.frontier.size, now() - start);
    core_free(b.core);
    return 0;
}
