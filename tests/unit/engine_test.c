/* The engine as a process of its own, in its sandbox, asked over its channel: answers, every refusal, and its ends. */
#include "agents/engine/engine.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/channel.h"
#include "tests/unit/agent_data.h"

enum { WAIT_MS = 20000, MANY_ROWS = 70001, MANY_ASKED = 50 };

static const char DICTIONARY[] =
    "{\"dataset\":\"t\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\"},"
    "{\"name\":\"sex\",\"type\":\"categorical\",\"levels\":[{\"code\":\"0\"},{\"code\":\"1\"}]}]}";

struct site {
    char root[SCRATCH_PATH], folder[128];
    struct engine_start start;
    struct channel *channel;
    pid_t engine;
    struct hash snapshot;
    struct dictionary *dictionary; /* of the snapshot */
};

static struct hash load(const struct site *s, const char *csv)
{
    struct dictionary *d CLEANUP(dictionary_freep) = test_dictionary(DICTIONARY, PROFILE_OPEN);
    struct text_source source = {slice_str(csv), 0};
    struct load_options options = {.dataset_folder = s->folder, .keys = test_keys};
    struct load_report report;
    assert_ok(loader_run(host_real(), d, (struct csv_source){text_read, &source}, &options, &report, NULL));
    return report.snapshot;
}

static void site_init(struct site *s)
{
    int fd[2];
    struct snapshot_facts facts;
    scratch_make(s->root, "engine");
    snprintf(s->folder, sizeof s->folder, "%s/t", s->root);
    s->snapshot = load(s, "pid,age,sex\np1,40,0\np2,50,1\np3,60,1\np4,,1\n");
    assert_ok(snapshot_describe(host_real(), s->folder, &s->snapshot, &facts, &s->dictionary, NULL));
    assert_ok(channel_pair(fd, NULL));
    s->start = (struct engine_start){.host = host_real(), .data_folder = s->root, .channel_fd = fd[1]};
    s->engine = fork();
    assert_true(s->engine >= 0);
    if (s->engine == 0) {
        close(fd[0]);
        _exit(engine_main(&s->start));
    }
    close(fd[1]);
    assert_ok(channel_new(NULL, fd[0], NULL, NULL, NULL, &s->channel, NULL));
}

static void site_done(struct site *s, int want_exit)
{
    int status;
    channel_free(s->channel);
    assert_int_equal(waitpid(s->engine, &status, 0), s->engine);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), want_exit);
    dictionary_free(s->dictionary);
    scratch_remove(s->root);
}

static struct message ask(struct site *s, const char *dataset, const struct hash *snapshot, const struct question *q)
{
    static uint64_t tag;
    struct plan p = {.snapshot = *snapshot, .question = q, .protect = q->statistic != STATISTIC_SUMMARY};
    struct buffer bytes CLEANUP(buffer_done) = {0};
    struct message m;
    buffer_init(&bytes, 100000);
    snprintf(p.dataset, sizeof p.dataset, "%s", dataset);
    assert_ok(plan_encode(&p, &bytes, NULL));
    assert_ok(channel_send_now(s->channel, ENGINE_ASK, ++tag, buffer_slice(&bytes), NULL));
    assert_ok(channel_receive(s->channel, WAIT_MS, &m, NULL));
    assert_int_equal(m.tag, tag);
    return m;
}

static void assert_refused(const struct message *m, enum status status, const char *code)
{
    struct engine_refusal r;
    assert_int_equal(m->kind, ENGINE_REFUSAL);
    assert_ok(engine_refusal_decode(m->payload, &r, NULL));
    assert_int_equal(r.status, status);
    assert_string_equal(r.code, code);
    assert_true(r.text[0] != 0);
    assert_null(strchr(r.text, '/')); /* the site's paths are nobody else's business */
}

#define QUESTION(statistic) "{\"innsyn\":\"question/1\",\"dataset\":\"t\",\"where\":{\"sex\":[\"1\"]},\"statistic\":{" statistic "}}"

static void test_answers(void **state)
{
    struct site s;
    struct engine_answer a;
    (void)state;
    site_init(&s);
    struct question *table = test_question(s.dictionary, QUESTION("\"table\":{\"by\":[{\"variable\":\"age\",\"breaks\":[40,50,60]}]}"));
    struct question *summary = test_question(s.dictionary, QUESTION("\"summary\":{\"variables\":[\"age\"]}"));
    for (unsigned i = 0; i < 100; i++) { /* the same again and again, from one opening of the snapshot */
        struct message m = ask(&s, "t", &s.snapshot, table);
        assert_int_equal(m.kind, ENGINE_ANSWER);
        engine_answer_init(&a);
        assert_ok(engine_answer_decode(m.payload, table, &a, NULL));
        const uint64_t want[] = {0, 2, 0, 0, 1}, parent[] = {1, 2, 0, 0, 1};
        assert_memory_equal(a.base.persons, want, sizeof want);
        assert_memory_equal(a.parents[0].persons, parent, sizeof parent);
        assert_true(a.base.key_sums[1] == test_key(slice_str("p2")) + test_key(slice_str("p3")));
        assert_int_equal(a.cohort, 3);
        assert_int_equal(a.missing_persons, 1);
        assert_true(a.engine_us >= 0 && a.engine_us < 10 * 1000000);
        engine_answer_done(&a);
    }
    struct message m = ask(&s, "t", &s.snapshot, summary);
    assert_int_equal(m.kind, ENGINE_ANSWER);
    engine_answer_init(&a);
    assert_ok(engine_answer_decode(m.payload, summary, &a, NULL));
    assert_int_equal(a.summary[0].n, 2);
    assert_close(a.summary[0].mean, 55, 1e-15);
    assert_close(a.summary[0].m2, 50, 1e-15);
    engine_answer_done(&a);
    question_free(table);
    question_free(summary);
    assert_ok(channel_send_now(s.channel, ENGINE_STOP, 0, slice_str(""), NULL));
    site_done(&s, 0);
}

/* So many that two threads share them, in the sandbox. */
static void test_many_rows(void **state)
{
    static char csv[MANY_ROWS * 20 + 20];
    struct site s;
    (void)state;
    site_init(&s);
    size_t len = (size_t)snprintf(csv, sizeof csv, "pid,age,sex\n");
    uint64_t keys = 0;
    for (unsigned i = 0; i < MANY_ROWS; i++) {
        char name[16];
        snprintf(name, sizeof name, "p%u", i);
        len += (size_t)snprintf(csv + len, sizeof csv - len, "%s,%u,%u\n", name, i % 90, i % 2);
        keys += i % 2 ? test_key(slice_str(name)) : 0;
    }
    struct hash many = load(&s, csv);
    struct question *count = test_question(s.dictionary, QUESTION("\"count\":{}"));
    for (unsigned i = 0; i < MANY_ASKED; i++) {
        struct engine_answer a;
        struct message m = ask(&s, "t", &many, count);
        assert_int_equal(m.kind, ENGINE_ANSWER);
        engine_answer_init(&a);
        assert_ok(engine_answer_decode(m.payload, count, &a, NULL));
        assert_int_equal(a.cohort, MANY_ROWS / 2);
        assert_true(a.base.key_sums[0] == keys);
        assert_int_equal(a.parents[0].persons[0], MANY_ROWS);
        engine_answer_done(&a);
    }
    question_free(count);
    assert_ok(channel_send_now(s.channel, ENGINE_STOP, 0, slice_str(""), NULL));
    site_done(&s, 0);
}

static void test_refusals(void **state)
{
    struct site s;
    struct hash other;
    char path[512], hex[2 * HASH_LEN + 1];
    struct message m;
    (void)state;
    site_init(&s);
    struct question *q = test_question(s.dictionary, QUESTION("\"count\":{}"));
    struct question *quantiles = test_question(s.dictionary, QUESTION("\"summary\":{\"variables\":[\"age\"],\"quantiles\":[0.5]}"));
    other = s.snapshot;
    other.at[31] ^= 1;
    m = ask(&s, "t", &other, q);
    assert_refused(&m, ABSENT, "snapshot_missing");
    m = ask(&s, "elsewhere", &s.snapshot, q);
    assert_refused(&m, ABSENT, "snapshot_missing");
    m = ask(&s, "t", &s.snapshot, quantiles);
    assert_int_equal(m.kind, ENGINE_ANSWER);
    /* a snapshot loaded later, whose files are not what they were */
    other = load(&s, "pid,age,sex\np1,40,0\n");
    hash_print(&other, hex);
    snprintf(path, sizeof path, "%s/snapshots/%s/c0001.f64", s.folder, hex);
    assert_int_equal(truncate(path, 7), 0);
    m = ask(&s, "t", &other, q);
    assert_refused(&m, BROKEN, "fault");
    m = ask(&s, "t", &s.snapshot, q); /* and the one before still answers */
    assert_int_equal(m.kind, ENGINE_ANSWER);
    question_free(q);
    question_free(quantiles);
    site_done(&s, 0); /* guard's end is closed: the engine goes too */
}

/* A message that guard would not send ends the engine, whatever sent it. */
static void test_strange_messages(void **state)
{
    static const struct {
        uint16_t kind;
        const char *payload;
    } cases[] = {{ENGINE_ANSWER, ""}, {99, "x"}, {ENGINE_JITTER_KEY, "too short"}, {ENGINE_ASK, ""}, {ENGINE_ASK, "no plan at all"}};
    (void)state;
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct site s;
        struct message m;
        site_init(&s);
        assert_ok(channel_send_now(s.channel, cases[i].kind, 1, slice_str(cases[i].payload), NULL));
        assert_status(channel_receive(s.channel, WAIT_MS, &m, NULL), UNAVAILABLE);
        site_done(&s, 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_many_rows),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_strange_messages),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
