/*
 * kill.c - A23: a site's durable part (ledger, answer store) under 64 askers, killed at random moments.
 * A child does what guard does with a question: answer as before if the store knows it, else charge (synced),
 * store (synced), send; it is killed with SIGKILL, and a new one starts from the files.  What it sent comes through
 * a pipe.  Checked after all: spent is never below what was answered, never above the cap, no question has two answers.
 * usage: kill FOLDER KILLS
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agents/guard/store.h"
#include "tests/attack/site.h"

enum { ASKERS = 64, QUESTIONS = 4000, PERMITS = 4000, KILLS_A_PERMIT = 25, CHARGE = 30000, KILL_MS_MAX = 30 };

static const char DICTIONARY[] = "{\"dataset\":\"k\",\"variables\":[{\"name\":\"pid\",\"type\":\"id\"},{\"name\":\"age\",\"type\":\"integer\"}]}";
static const char QUESTION[] = "{\"innsyn\":\"question/1\",\"dataset\":\"k\",\"statistic\":{\"count\":{}},\"where\":{\"age\":{\"from\":40}}}";

struct sent {
    uint32_t permit, question;
    int64_t answer;
};

struct child {
    struct dictionary *d;
    struct question *q;
    struct cohorts_asked about;
    struct ledger *ledger;
    struct store store;
};

static void must(result r, const char *what, const struct why *why)
{
    if (is_ok(r))
        return;
    fprintf(stderr, "%s: %s\n", what, why->text);
    _exit(3);
}

static void open_child(struct child *c, const char *folder)
{
    char path[512];
    struct why why = {0};
    struct json *tree = NULL;
    must(json_parse(slice_str(DICTIONARY), JSON_BYTES_MAX, &tree, &why), "dictionary", &why);
    must(dictionary_read(tree, NULL, PROFILE_CK, &c->d, &why), "dictionary", &why);
    json_free(tree);
    must(json_parse(slice_str(QUESTION), JSON_BYTES_MAX, &tree, &why), "question", &why);
    must(question_read(tree, c->d, &c->q, &why), "question", &why);
    json_free(tree);
    struct cohort_asked *own = &c->about.at[c->about.count++];
    must(audited_box_of(c->q, &own->box, &why), "box", &why);
    buffer_init(&own->text, QUESTION_BYTES_MAX);
    must(question_cohort(c->q, &own->text, &why), "cohort", &why);
    must(store_open(host_real(), folder, &c->store, &why), "store", &why);
    snprintf(path, sizeof path, "%s/ledger", folder);
    must(host_make_folder(host_real(), path, 0700, &why), "folder", &why);
    must(ledger_open(host_real(), path, false, &c->ledger, &why), "ledger", &why);
}

static struct hash question_hash(uint32_t number)
{
    struct hash h = {{0}};
    memcpy(h.at, &number, sizeof number);
    return h;
}

/* One turn of one asker: false when the permit has nothing left. */
static bool turn(struct child *c, uint32_t permit, uint32_t number, uint64_t *seed, int fd)
{
    struct hash question = question_hash(number), edition = {{1}};
    struct buffer text CLEANUP(buffer_done) = {0};
    char permit_id[DOCUMENT_ID_LEN + 1], answer[64];
    struct why why = {0};
    buffer_init(&text, 1000);
    snprintf(permit_id, sizeof permit_id, "p-%026u", permit);
    struct ledger_ask ask = {"k", permit_id, &question, &edition, c->d};
    result r = store_read_statistic(&c->store, &question, &edition, &text, &why);
    if (r.code == ABSENT) {
        struct charge charge = {.items = {{1, CHARGE}}, .count = 1};
        struct ledger_alarm alarm;
        r = ledger_spend(c->ledger, &ask, &charge, &c->about, true, &alarm, &why);
        if (r.code == DENIED)
            return false;
        must(r, "spend", &why);
        /* a fresh draw each time: were the store forgotten, two answers would differ */
        snprintf(answer, sizeof answer, "{\"answer\":%u}", below(seed, 1000000000));
        must(store_write_statistic(&c->store, &question, &edition, slice_str(answer), &why), "store", &why);
        must(buffer_add_str(&text, answer, &why), "answer", &why);
    } else {
        must(r, "read", &why);
    }
    struct json *v CLEANUP(json_freep) = NULL;
    must(json_parse(buffer_slice(&text), 1000, &v, &why), "stored answer", &why);
    struct sent s = {permit, number, json_integer(json_get(v, "answer"))};
    if (write(fd, &s, sizeof s) != (ssize_t)sizeof s)
        _exit(4);
    return true;
}

static void live(const char *folder, uint32_t permit, uint64_t seed, int fd)
{
    struct child c = {0};
    open_child(&c, folder);
    for (;;)
        for (unsigned asker = 0; asker < ASKERS; asker++) { /* 64 askers at once: guard takes them in turns */
            uint32_t number = below(&seed, QUESTIONS);
            (void)turn(&c, permit + asker % 2, number, &seed, fd); /* refused at the cap: another asks on */
        }
}

static int64_t answers[QUESTIONS];
static bool answered[QUESTIONS];

int main(int argc, char **argv)
{
    unsigned kills = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10) : 0, sent = 0, twice = 0;
    uint64_t seed = 23;
    if (argc != 3 || kills == 0) {
        fprintf(stderr, "usage: kill FOLDER KILLS\n");
        return 2;
    }
    for (unsigned k = 0; k < kills; k++) {
        int fd[2], status;
        if (pipe(fd) != 0)
            return 2;
        uint64_t own = draw(&seed);
        pid_t child = fork();
        if (child == 0) {
            close(fd[0]);
            live(argv[1], k / KILLS_A_PERMIT % (PERMITS / 2) * 2, own, fd[1]);
        }
        close(fd[1]);
        usleep(1000 * (1 + below(&seed, KILL_MS_MAX * (k % 10 == 0 ? 10 : 1))));
        kill(child, SIGKILL);
        struct sent s;
        while (read(fd[0], &s, sizeof s) == (ssize_t)sizeof s) {
            sent++;
            twice += answered[s.question] && answers[s.question] != s.answer;
            answered[s.question] = true;
            answers[s.question] = s.answer;
        }
        close(fd[0]);
        if (waitpid(child, &status, 0) != child || (WIFEXITED(status) && WEXITSTATUS(status) != 0)) {
            fprintf(stderr, "a child ended by itself after %u kills\n", k);
            return 1;
        }
    }
    struct child c = {0};
    open_child(&c, argv[1]);
    int64_t spent = 0, most = 0;
    unsigned distinct = 0;
    for (unsigned p = 0; p < PERMITS; p++) {
        char permit_id[DOCUMENT_ID_LEN + 1];
        snprintf(permit_id, sizeof permit_id, "p-%026u", p);
        int64_t of_it = LEDGER_CAP - ledger_left(c.ledger, "k", permit_id, &c.d->variables[1]);
        spent += of_it;
        most = of_it > most ? of_it : most;
    }
    struct ledger_account a;
    for (size_t i = 0; ledger_account_at(c.ledger, i, &a); i++)
        if (!slice_is(a.permit, "*") && a.spent > LEDGER_CAP)
            most = a.spent;
    for (unsigned q = 0; q < QUESTIONS; q++)
        distinct += answered[q];
    bool holds = spent >= (int64_t)distinct * CHARGE && most <= LEDGER_CAP && twice == 0 && distinct > 0;
    printf("%s  kills %u, askers %d, answers sent %u to %u questions, spent %.2f (at least %.2f), most of one permit %.2f (cap %.2f), "
           "questions with two answers %u\n", holds ? "ok    " : "FAILED", kills, ASKERS, sent, distinct, (double)spent / CHARGE_ONE,
           (double)distinct * CHARGE / CHARGE_ONE, (double)most / CHARGE_ONE, (double)LEDGER_CAP / CHARGE_ONE, twice);
    return holds ? 0 : 1;
}
